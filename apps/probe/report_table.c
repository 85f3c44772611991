/* What is shown of a round to people. SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../common/address_text.h"
#include "report.h"

enum { NAME_WIDTH = 28, WIDTH = 80, INDENT = 4, CELL_SIZE = 16 };

static const enum step columns[] = {STEP_CONNECT, STEP_HANDSHAKE, STEP_PING, STEP_DATA, STEP_OOB};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };
static const int widths[COLUMN_COUNT] = {9, 10, 9, 9, 9};

static void name_of(const struct report *report, size_t index, char name[ENDPOINT_TEXT_SIZE])
{
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(&report->list->entries[index]);

    endpoint_text_format(&endpoint, name);
}

static void format_time(uint64_t ns, char cell[CELL_SIZE])
{
    const double ms = (double)ns / 1e6;

    if (ms < 9999.5) {
        (void)snprintf(cell, CELL_SIZE, "%.*f ms", ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0, ms);
    } else {
        (void)snprintf(cell, CELL_SIZE, "%.1f s", ms / 1000);
    }
}

static void format_step(const struct probe_result *result, enum step which, char cell[CELL_SIZE])
{
    const struct step_result *step = &result->steps[which];
    uint64_t ns;

    if (step->outcome == OUTCOME_FAILED) {
        (void)snprintf(cell, CELL_SIZE, "fails");
    } else if (step->outcome == OUTCOME_PASSED && step_time(step, which, &ns)) {
        format_time(ns, cell);
    } else {
        (void)snprintf(cell, CELL_SIZE, "-");
    }
}

static const char *colour_of(enum relay_state state)
{
    return state == RELAY_GOOD ? "\033[32m" : state == RELAY_BAD ? "\033[31m" : "";
}

static void print_state(enum relay_state state, const struct table_style *style, FILE *file)
{
    const bool colour = style->colour && state != RELAY_UNFINISHED;

    (void)fprintf(file, " %s%-5s%s", colour ? colour_of(state) : "",
                  state == RELAY_UNFINISHED ? "-" : relay_state_name(state), colour ? "\033[0m" : "");
}

/* A name that is too long for its column has a line of its own. */
static void print_name(const char *name, FILE *file)
{
    if (strlen(name) <= NAME_WIDTH) {
        (void)fprintf(file, "%-*s", NAME_WIDTH, name);
    } else {
        (void)fprintf(file, "%.*s%s\n%-*s", strlen(name) > WIDTH ? WIDTH - 3 : WIDTH, name,
                      strlen(name) > WIDTH ? "..." : "", NAME_WIDTH, "");
    }
}

static void print_faults(const struct report *report, size_t index, FILE *file)
{
    const struct probe_result *result = &report->results[index];
    char text[FAULT_TEXT_SIZE];
    char key[TOXTCP_KEY_TEXT_SIZE];

    toxtcp_public_key_format(&report->list->entries[index].public_key, key);
    for (enum step step = 0; step < STEP_COUNT; step++) {
        step_fault_text(result, step, text);
        if (text[0] != '\0' && step == STEP_HANDSHAKE && result->steps[step].fault == FAULT_WRONG_KEY) {
            (void)fprintf(file, "%*s%s (%.8s...)\n", INDENT, "", text, key);
        } else if (text[0] != '\0') {
            (void)fprintf(file, "%*s%.*s\n", INDENT, "", WIDTH - INDENT, text);
        }
    }
}

void report_moment(time_t moment, char text[MOMENT_SIZE])
{
    struct tm local;

    text[0] = '\0';
    if (localtime_r(&moment, &local) != NULL) {
        (void)strftime(text, MOMENT_SIZE, "%Y-%m-%d %H:%M:%S", &local);
    }
}

static void print_history(const struct history *history, const struct table_style *style, FILE *file)
{
    char sparkline[SPARKLINE_SIZE];
    char since[MOMENT_SIZE];

    if (history->rounds == 0) {
        return;
    }
    history_sparkline(history, style->utf8, sparkline);
    report_moment(history->since, since);
    (void)fprintf(file, "%*s%s  %.1f %%, %s since %s\n", INDENT, "", sparkline, history_availability(history),
                  relay_state_name(history->state), since);
}

static void print_row(const struct report *report, size_t index, const struct table_style *style, FILE *file)
{
    const struct probe_result *result = &report->results[index];
    char name[ENDPOINT_TEXT_SIZE];
    char cell[CELL_SIZE];

    name_of(report, index, name);
    print_name(name, file);
    print_state(result_state(result), style, file);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        format_step(result, columns[i], cell);
        (void)fprintf(file, "%*s", widths[i], cell);
    }
    (void)fputc('\n', file);
    print_faults(report, index, file);
    if (report->histories != NULL) {
        print_history(&report->histories[index], style, file);
    }
}

size_t report_count(const struct report *report, enum relay_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < report->list->count; i++) {
        count += result_state(&report->results[i]) == state ? 1 : 0;
    }
    return count;
}

static void print_summary(const struct report *report, FILE *file)
{
    const size_t unfinished = report_count(report, RELAY_UNFINISHED);
    char since[MOMENT_SIZE];

    (void)fprintf(file, "%zu of %zu relay%s good", report_count(report, RELAY_GOOD), report->list->count,
                  report->list->count == 1 ? "" : "s");
    if (unfinished > 0) {
        (void)fprintf(file, ", %zu not finished", unfinished);
    }
    (void)fputc('\n', file);
    if (report->histories != NULL) {
        report_moment(report->since, since);
        (void)fprintf(file, "round %" PRIu32 ", every %g s since %s\n", report->rounds, report->every_s, since);
    }
}

/* --- The order --- */

struct place {
    const struct probe_result *result;
    size_t index;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    const int order = result_compare(left->result, right->result);

    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static void print_rows(const struct report *report, const struct table_style *style, FILE *file)
{
    const size_t count = report->list->count;
    struct place *places = calloc(count, sizeof *places);

    /* Without memory for the order they are shown without one. */
    for (size_t i = 0; places != NULL && i < count; i++) {
        places[i] = (struct place){.result = &report->results[i], .index = i};
    }
    if (places != NULL) {
        qsort(places, count, sizeof *places, compare_places);
    }
    for (size_t i = 0; i < count; i++) {
        print_row(report, places == NULL ? i : places[i].index, style, file);
    }
    free(places);
}

void report_table(const struct report *report, const struct table_style *style, FILE *file)
{
    print_summary(report, file);
    (void)fprintf(file, "%-*s %-5s", NAME_WIDTH, "", "");
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        (void)fprintf(file, "%*s", widths[i], columns[i] == STEP_OOB ? "OOB" : step_name(columns[i]));
    }
    (void)fputc('\n', file);
    print_rows(report, style, file);
}

void report_line(const struct report *report, size_t index, FILE *file)
{
    const struct probe_result *result = &report->results[index];
    char name[ENDPOINT_TEXT_SIZE];
    char text[FAULT_TEXT_SIZE];
    const char *separator = ": ";

    name_of(report, index, name);
    (void)fprintf(file, "%s %s", name, relay_state_name(result_state(result)));
    for (enum step step = 0; step < STEP_COUNT; step++) {
        step_fault_text(result, step, text);
        if (text[0] != '\0') {
            (void)fprintf(file, "%s%s", separator, text);
            separator = "; ";
        }
    }
    (void)fputc('\n', file);
}
