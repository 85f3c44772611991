/* How a run goes, in one line of a terminal. SPDX-License-Identifier: ISC */
#include "live.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cells.h"
#include "clock.h"

enum { BAR_WIDTH = 6, COLUMNS_DEFAULT = 80, COLUMNS_MAX = LIVE_LINE_SIZE - 1 };

static const char *const erase = "\r\033[K";

void live_start(struct live *live, const struct stress_options *options)
{
    *live = (struct live){.options = options, .shown = !options->quiet && isatty(STDERR_FILENO) == 1};
}

void live_set_end(struct live *live, uint64_t begin_ns, uint64_t end_ns)
{
    live->begin_ns = begin_ns;
    live->end_ns = end_ns;
}

void live_clear(const struct live *live)
{
    if (live->shown) {
        (void)fputs(erase, stderr);
        (void)fflush(stderr);
    }
}

/* As the terminal is now: it may have been resized. A full line would wrap, so one column stays free. */
static size_t columns_now(void)
{
    struct winsize size;
    size_t columns = COLUMNS_DEFAULT;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        columns = size.ws_col;
    }
    return (columns < COLUMNS_MAX ? columns : COLUMNS_MAX) - 1;
}

/* --- The line --- */

/* Appends a part, two blanks before it; all of it or nothing. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
append(char line[LIVE_LINE_SIZE], size_t columns, const char *format, ...)
{
    const size_t len = strlen(line);
    const size_t gap = len == 0 ? 0 : 2;
    char part[LIVE_LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    if (len + gap + strlen(part) <= columns) {
        (void)snprintf(line + len, LIVE_LINE_SIZE - len, "%s%s", gap == 0 ? "" : "  ", part);
    }
}

static void append_bar(const struct live *live, uint64_t now_ns, size_t columns, char line[LIVE_LINE_SIZE])
{
    const double whole = (double)(live->end_ns - live->begin_ns);
    const double left = now_ns < live->end_ns ? (double)(live->end_ns - now_ns) : 0;
    const int done = whole > 0 ? (int)((1 - left / whole) * BAR_WIDTH) : BAR_WIDTH;

    if (live->end_ns == 0) {
        append(line, columns, "connecting");
    } else {
        append(line, columns, "[%.*s%.*s] %.0f s", done, "======", BAR_WIDTH - done, "      ", ceil(left / 1e9));
    }
}

/* The first group whose latency was seen, those that measure it on purpose before others. */
static const struct series_group *find_latency(const struct live *live, const struct series *series)
{
    const struct series_group *found = NULL;

    for (size_t i = 0; i < series->group_count; i++) {
        const struct series_group *group = series_group(series, series->count - 1, i);
        if (group->samples > 0 && live->options->groups[i].scenario->echo) {
            return group;
        }
        found = group->samples > 0 && found == NULL ? group : found;
    }
    return found;
}

/* Adds up what was sent, of points that are new. */
static void follow(struct live *live, const struct series *series)
{
    for (; live->seen < series->count; live->seen++) {
        for (size_t i = 0; i < series->group_count; i++) {
            live->sent += series_group(series, live->seen, i)->sent_per_s * series->points[live->seen].seconds;
        }
    }
}

void live_format(struct live *live, const struct series *series, uint64_t now_ns, size_t columns,
                 char line[LIVE_LINE_SIZE])
{
    double packets = 0;
    double bytes = 0;
    double missing = 0;
    char first[CELL_SIZE];
    char second[CELL_SIZE];

    line[0] = '\0';
    follow(live, series);
    for (size_t i = 0; i < series->group_count; i++) {
        const struct series_group *group = series_group(series, series->count - 1, i);
        packets += group->arrived_per_s;
        bytes += group->bytes_per_s;
        missing += (double)group->missing;
    }
    append_bar(live, now_ns, columns, line);
    append(line, columns, "%u up", series->points[series->count - 1].clients);
    format_count(packets, first);
    append(line, columns, "%s/s", first);
    const struct series_group *latency = find_latency(live, series);
    if (live->sent > 0) {
        append(line, columns, "%.*f MB/s", bytes < 9.95e6 ? 1 : 0, bytes / 1e6);
        append(line, columns, "lost %.2f%%", fmax(missing, 0) * 100 / live->sent);
    }
    if (latency != NULL) {
        format_time((double)latency->p50, first);
        format_time((double)latency->p99, second);
        append(line, columns, "p50 %s", first);
        append(line, columns, "p99 %s", second);
    }
}

void live_show(struct live *live, const struct series *series)
{
    char line[LIVE_LINE_SIZE];

    if (live->shown && series->count > 0) {
        live_format(live, series, clock_ns(), columns_now(), line);
        (void)fprintf(stderr, "%s%s", erase, line);
        (void)fflush(stderr);
    }
}
