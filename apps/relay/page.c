/* Fills in page.html: {{nonce}}, {{report}} for all as JSON, and {{path.of.a.number|format}}, which becomes a span that
 * the page's script finds again by its path. SPDX-License-Identifier: ISC */
#include "page.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char page_html[];
extern const size_t page_html_len;

enum { PATH_SIZE = 64, NUMBER_SIZE = 64 };

static void write_escaped(const char *text, FILE *out)
{
    static const char special[] = "&<>\"'";

    for (; *text != '\0'; text++) {
        if (strchr(special, *text) != NULL) {
            (void)fprintf(out, "&#%d;", *text);
        } else {
            (void)fputc(*text, out);
        }
    }
}

/* A "<" may only be inside a string there, where it must not end the element that the JSON is in. */
static bool write_report(json_t *report, FILE *out)
{
    char *text = json_dumps(report, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

    if (text == NULL) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<') {
            (void)fputs("\\u003c", out);
        } else {
            (void)fputc(*at, out);
        }
    }
    free(text);
    return true;
}

/* In units of 1000, which `units` names. */
static void format_scaled(double value, const char *const *units, int last, char text[NUMBER_SIZE])
{
    int unit = 0;

    while (value >= 1000 && unit < last) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(text, NUMBER_SIZE, value < 100 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void format_duration(double seconds, char text[NUMBER_SIZE])
{
    const unsigned long minutes = (unsigned long)(seconds / 60);

    if (minutes >= 24 * 60) {
        (void)snprintf(text, NUMBER_SIZE, "%lu d %lu h", minutes / (24 * 60), minutes / 60 % 24);
    } else if (minutes >= 60) {
        (void)snprintf(text, NUMBER_SIZE, "%lu h %lu min", minutes / 60, minutes % 60);
    } else if (minutes > 0) {
        (void)snprintf(text, NUMBER_SIZE, "%lu min %lu s", minutes, (unsigned long)seconds % 60);
    } else {
        (void)snprintf(text, NUMBER_SIZE, "%lu s", (unsigned long)seconds);
    }
}

static void format_number(double value, const char *format, char text[NUMBER_SIZE])
{
    static const char *const bytes[] = {"B", "kB", "MB", "GB", "TB"};
    static const char *const rates[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
    static const char *const times[] = {"µs", "ms", "s"};

    if (strcmp(format, "bytes") == 0) {
        format_scaled(value, bytes, 4, text);
    } else if (strcmp(format, "bytes_rate") == 0) {
        format_scaled(value, rates, 4, text);
    } else if (strcmp(format, "time") == 0) {
        format_scaled(value * 1e6, times, 2, text);
    } else if (strcmp(format, "percent") == 0) {
        (void)snprintf(text, NUMBER_SIZE, "%.1f %%", value * 100);
    } else if (strcmp(format, "duration") == 0) {
        format_duration(value, text);
    } else {
        (void)snprintf(text, NUMBER_SIZE, "%.0f", value);
    }
}

/* `path` is changed. */
static json_t *find(json_t *report, char *path)
{
    char *rest = NULL;

    for (char *name = strtok_r(path, ".", &rest); name != NULL; name = strtok_r(NULL, ".", &rest)) {
        report = json_object_get(report, name);
    }
    return report;
}

static void write_value(json_t *report, const char *path, const char *format, FILE *out)
{
    char text[NUMBER_SIZE] = "";
    char names[PATH_SIZE];
    const json_t *value;

    (void)snprintf(names, sizeof names, "%s", path);
    value = find(report, names);
    if (json_is_number(value)) {
        format_number(json_number_value(value), format, text);
    }
    (void)fprintf(out, "<span data-path=\"%s\" data-format=\"%s\">", path, format);
    write_escaped(json_is_string(value) ? json_string_value(value) : text, out);
    (void)fputs("</span>", out);
}

/* What stands between the braces. */
static bool write_field(json_t *report, const char *nonce, const char *field, size_t len, FILE *out)
{
    char path[PATH_SIZE];
    char *format;

    (void)snprintf(path, sizeof path, "%.*s", (int)len, field);
    if (strcmp(path, "nonce") == 0) {
        (void)fputs(nonce, out);
        return true;
    }
    if (strcmp(path, "report") == 0) {
        return write_report(report, out);
    }
    format = strchr(path, '|');
    if (format == NULL) {
        return false;
    }
    *format = '\0';
    write_value(report, path, format + 1, out);
    return true;
}

static const char *find_braces(const char *at, const char *end, const char *braces)
{
    return memmem(at, (size_t)(end - at), braces, strlen(braces));
}

static bool write_page(json_t *report, const char *nonce, FILE *out)
{
    const char *at = (const char *)page_html;
    const char *end = at + page_html_len;
    const char *open;
    const char *close;

    while ((open = find_braces(at, end, "{{")) != NULL && (close = find_braces(open, end, "}}")) != NULL) {
        (void)fwrite(at, 1, (size_t)(open - at), out);
        if (!write_field(report, nonce, open + 2, (size_t)(close - open) - 2, out)) {
            return false;
        }
        at = close + 2;
    }
    (void)fwrite(at, 1, (size_t)(end - at), out);
    return true;
}

char *page_make(json_t *report, const char *nonce, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    bool whole;

    if (out == NULL) {
        return NULL;
    }
    whole = write_page(report, nonce, out) && ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}
