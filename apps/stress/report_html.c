/* --report: a page that stands alone, with charts. SPDX-License-Identifier: ISC */
#include "report_html.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "charts.h"
#include "rounds.h"

static const char *const style =
    "<style>\n"
    ":root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --back: #ffffff; --card: #f3f5f7;\n"
    "  --good: #116329; --bad: #b3261e; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --dim: #a3adb8; --back: #14171a;\n"
    "  --card: #1f2429; --good: #6fdd8b; --bad: #ff9d94; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; padding: 1rem; max-width: 76rem; color: var(--ink); background: var(--back);\n"
    "  font: 1rem/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .5rem; }\n"
    "p { margin: .3rem 0; } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); }\n"
    "pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); padding: .6rem .8rem;\n"
    "  border-radius: .4rem; font-size: .85rem; }\n"
    ".wide { overflow-x: auto; }\n"
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }\n"
    "th, td { padding: .15rem .9rem .15rem 0; text-align: right; white-space: nowrap; }\n"
    "th { color: var(--dim); font-weight: 600; } th:first-child, td:first-child, td.text { text-align: left; }\n"
    ".charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1rem; }\n"
    "figure { margin: 0; padding: .6rem; background: var(--card); border-radius: .4rem; min-width: 0; }\n"
    "figcaption { font-weight: 600; }\n"
    "figure svg { display: block; width: 100%; height: auto; color: var(--ink); }\n"
    /* gnuplot draws in black, and puts nothing behind it. */
    "figure svg text { fill: var(--ink); stroke: none; }\n"
    "figure svg [stroke=\"black\"] { stroke: var(--ink); } figure svg [fill=\"black\"] { fill: var(--ink); }\n"
    "figure svg [color=\"black\"] { color: var(--ink); }\n"
    "figure svg [style*=\"stroke:black\"] { stroke: var(--ink) !important; }\n"
    "</style>\n";

int report_html_possible(struct problem *problem)
{
    return charts_possible(problem);
}

/* --- Text --- */

static void put_escaped(const char *text, FILE *file)
{
    for (; text != NULL && *text != '\0'; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", file);
            break;
        case '>':
            (void)fputs("&gt;", file);
            break;
        case '&':
            (void)fputs("&amp;", file);
            break;
        case '"':
            (void)fputs("&quot;", file);
            break;
        case '\'':
            (void)fputs("&#39;", file);
            break;
        default:
            (void)fputc(*text, file);
        }
    }
}

static void put_cell(const char *text, bool is_text, FILE *file)
{
    (void)fputs(is_text ? "<td class=\"text\">" : "<td>", file);
    put_escaped(text, file);
    (void)fputs("</td>", file);
}

static const char *text_at(const json_t *object, const char *path)
{
    const char *text = json_string_value(json_at(object, path));

    return text == NULL ? "" : text;
}

/* So that it can be run again: in quotes where a shell would see something in it. */
static void put_argument(const char *argument, FILE *file)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./[]@%";

    if (*argument != '\0' && argument[strspn(argument, plain)] == '\0') {
        put_escaped(argument, file);
        return;
    }
    put_escaped("'", file);
    for (; *argument != '\0'; argument++) {
        const char one[] = {*argument, '\0'};
        put_escaped(*argument == '\'' ? "'\\''" : one, file);
    }
    put_escaped("'", file);
}

static void put_head(const json_t *document, FILE *file)
{
    size_t index;
    json_t *argument;

    (void)fputs(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        "<title>toxtcp-stress</title>\n",
        file);
    (void)fputs(style, file);
    (void)fputs("</head>\n<body>\n<h1>toxtcp-stress ", file);
    put_escaped(text_at(document, "toxtcp_stress"), file);
    (void)fputs("</h1>\n<p class=\"dim\">", file);
    put_escaped(text_at(document, "time"), file);
    (void)fputs(", on ", file);
    put_escaped(text_at(document, "machine.cpu"), file);
    (void)fprintf(file, ", %.0f cores, ", json_number_value(json_at(document, "machine.cores")));
    put_escaped(text_at(document, "machine.kernel"), file);
    (void)fputs("</p>\n<pre>", file);
    json_array_foreach(json_object_get(document, "command"), index, argument)
    {
        (void)fputs(index == 0 ? "" : " ", file);
        put_argument(json_string_value(argument), file);
    }
    (void)fputs("</pre>\n", file);
}

/* --- Figures --- */

static void put_verdicts(const json_t *document, FILE *file)
{
    char cell[CELL_SIZE];
    size_t index;
    json_t *verdict;

    json_array_foreach(json_object_get(document, "verdicts"), index, verdict)
    {
        const bool failed = json_is_true(json_object_get(verdict, "failed"));
        const json_t *value = json_object_get(verdict, "value");
        const char *name = text_at(verdict, "figure");
        const char *dot = strchr(name, '.');
        const struct measure *measure = measure_find(name, strlen(name));
        if (measure == NULL && dot != NULL) {
            measure = measure_find(dot + 1, strlen(dot + 1));
        }
        (void)fprintf(file, "<p class=\"%s\">%s: ", failed ? "bad" : "good", failed ? "Failed" : "Passed");
        put_escaped(text_at(verdict, "condition"), file);
        (void)fputs("; ", file);
        put_escaped(name, file);
        if (value != NULL && measure != NULL) {
            figure_format(measure, json_number_value(value), cell);
            (void)fprintf(file, " is %s</p>\n", cell);
        } else {
            (void)fputs(" was not measured</p>\n", file);
        }
    }
}

static void put_figures_row(const struct figures *figures, size_t count, const struct figure *figure,
                            const json_t *ratio, FILE *file)
{
    char name[FIGURE_NAME_SIZE];
    char cell[CELL_SIZE];

    figure_name(figure, name);
    (void)fputs("<tr>", file);
    put_cell(name, true, file);
    for (size_t i = 0; i < count; i++) {
        const struct figure *found = figures_find(&figures[i], figure);
        (void)snprintf(cell, sizeof cell, "%s", "-");
        if (found != NULL) {
            figure_format(found->measure, found->value, cell);
        }
        put_cell(cell, false, file);
    }
    if (json_object_get(ratio, "ratio") != NULL) {
        (void)fprintf(file, "<td>%.3g</td><td>%.3g .. %.3g</td>", json_number_value(json_object_get(ratio, "ratio")),
                      json_number_value(json_object_get(ratio, "ratio_min")),
                      json_number_value(json_object_get(ratio, "ratio_max")));
    }
    (void)fputs("</tr>\n", file);
}

static void put_figures_head(const json_t *document, size_t rounds, FILE *file)
{
    (void)fputs("<div class=\"wide\"><table>\n<tr><th></th>", file);
    for (size_t i = 0; i < rounds; i++) {
        (void)fputs("<th>", file);
        put_escaped(json_string_value(json_array_get(json_object_get(document, "contenders"), i)), file);
        (void)fputs("</th>", file);
    }
    (void)fputs(rounds == 0 ? "<th></th></tr>\n"
                            : (rounds == 2 ? "<th>ratio</th><th>in the rounds</th></tr>\n" : "</tr>\n"),
                file);
}

/* Those that matter most, or all that were measured and are not nothing. */
static bool is_wanted(const struct figures *figures, const struct figure *figure, bool all)
{
    return figure != NULL && (all ? figure->value != 0 : figure_is_shown(figures, figure));
}

static void put_figures(const json_t *document, bool all, FILE *file)
{
    struct figures *medians = calloc(CONTENDERS_MAX, sizeof *medians);
    struct rounds *rounds = rounds_new(document);

    for (size_t i = 0; medians != NULL && rounds != NULL && i < rounds->relay_count; i++) {
        rounds_medians(rounds, i, &medians[i]);
    }
    put_figures_head(document, rounds_relay_count(document), file);
    for (size_t i = 0; medians != NULL && rounds != NULL && i < rounds->figures.count; i++) {
        const struct figure *figure = &rounds->figures.figures[i];
        if (is_wanted(&medians[0], figures_find(&medians[0], figure), all) ||
            is_wanted(&medians[1], figures_find(&medians[1], figure), all)) {
            put_figures_row(medians, rounds->relay_count, figure, rounds_versus_row(document, figure), file);
        }
    }
    (void)fputs("</table></div>\n", file);
    rounds_free(rounds);
    free(medians);
}

/* --- Charts --- */

static void put_time_cell(const json_t *event, const char *path, FILE *file)
{
    const json_t *value = json_at(event, path);
    char cell[CELL_SIZE] = "-";

    if (json_is_number(value)) {
        format_time(json_number_value(value) * 1e3, cell);
    }
    put_cell(cell, false, file);
}

/* What was not done has lost nothing, and no figures. */
static void put_count_cell(const json_t *event, const char *key, FILE *file)
{
    const json_t *value = json_object_get(event, key);
    char cell[CELL_SIZE] = "-";

    if (json_is_integer(value)) {
        (void)snprintf(cell, sizeof cell, "%.0f", json_number_value(value));
    }
    put_cell(cell, false, file);
}

static void put_event(const json_t *event, size_t number, FILE *file)
{
    const json_t *time_s = json_object_get(event, "time_s");
    const json_t *relay = json_object_get(event, "relay");

    (void)fprintf(file, "<tr><td>%zu</td>", number);
    if (json_is_number(time_s)) {
        (void)fprintf(file, "<td>%.1f s</td>", json_number_value(time_s));
    } else {
        put_cell("not done", false, file);
    }
    (void)fputs("<td class=\"text\">", file);
    put_escaped(text_at(event, "action"), file);
    if (json_is_integer(relay)) {
        (void)fprintf(file, " relay %.0f", json_number_value(relay));
    }
    (void)fputs("</td>", file);
    put_count_cell(event, "lost", file);
    put_time_cell(event, "longest_gap_us", file);
    put_time_cell(event, "recover_us.p50", file);
    put_time_cell(event, "recover_us.max", file);
    put_time_cell(event, "reconnect_us.max", file);
    put_cell(text_at(event, "trouble"), true, file);
    (void)fputs("</tr>\n", file);
}

static void put_events(const json_t *result, FILE *file)
{
    const json_t *events = json_object_get(result, "events");
    size_t index;
    json_t *event;

    if (json_array_size(events) == 0) {
        return;
    }
    (void)fputs("<h2>Events</h2>\n<div class=\"wide\"><table>\n"
                "<tr><th></th><th>at</th><th></th><th>lost</th><th>longest gap</th><th>back, half of them</th>"
                "<th>back, all</th><th>reconnected</th><th></th></tr>\n",
                file);
    json_array_foreach(events, index, event)
    {
        put_event(event, index + 1, file);
    }
    (void)fputs("</table></div>\n", file);
}

static void put_remarks(const json_t *result, FILE *file)
{
    if (json_is_true(json_at(result, "interrupted"))) {
        (void)fputs("<p class=\"bad\">It was interrupted before its time.</p>\n", file);
    }
    if (json_is_true(json_at(result, "generator.bottleneck"))) {
        (void)fputs(
            "<p class=\"bad\">The generator was itself the limit: these are not the relay's best figures.</p>\n", file);
    }
}

static const char *latency_caption(const char *latency)
{
    static const char *const captions[][2] = {{"round_trip", ", there and back"},
                                              {"one_way", ", one way"},
                                              {"wake", ", from waking to the first packet"},
                                              {"connect", ", to connect"}};

    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++) {
        if (strcmp(captions[i][0], latency) == 0) {
            return captions[i][1];
        }
    }
    return "";
}

/* What is in its latencies. */
static const char *latency_of(const json_t *result, size_t group)
{
    const json_t *moment;
    size_t index;
    json_t *point;

    json_array_foreach(json_object_get(result, "series"), index, point)
    {
        moment = json_array_get(json_object_get(point, "groups"), group);
        if (json_object_get(moment, "latency") != NULL) {
            return latency_caption(text_at(moment, "latency"));
        }
    }
    return "";
}

static int put_chart(const json_t *result, const struct chart *chart, size_t group, unsigned number, FILE *file,
                     struct problem *problem)
{
    char name[FIGURE_GROUP_SIZE];
    char *svg = NULL;

    if (chart_draw(result, chart, group, number, &svg, problem) != 0) {
        return -1;
    }
    if (svg != NULL) {
        (void)fprintf(file, "<figure><figcaption>%s", chart->title);
        if (chart->each_group) {
            (void)fputs(": ", file);
            group_name_at(result, group, name);
            put_escaped(name, file);
            (void)fputs(latency_of(result, group), file);
        }
        (void)fprintf(file, "</figcaption>\n%s</figure>\n", svg);
    }
    free(svg);
    return 0;
}

static int put_charts(const json_t *result, unsigned *number, FILE *file, struct problem *problem)
{
    const size_t groups = json_array_size(json_object_get(result, "groups"));

    (void)fputs("<div class=\"charts\">\n", file);
    for (size_t i = 0; i < chart_count; i++) {
        for (size_t group = 0; group < (charts[i].each_group ? groups : 1); group++) {
            if (put_chart(result, &charts[i], group, ++*number, file, problem) != 0) {
                return -1;
            }
        }
    }
    (void)fputs("</div>\n", file);
    put_events(result, file);
    return 0;
}

/* All that were measured, and what was done to them. */
static void put_relays(const json_t *result, FILE *file)
{
    const json_t *attack = json_object_get(result, "attack");
    size_t index;
    json_t *relay;

    (void)fputs("<p>Relays: ", file);
    json_array_foreach(json_object_get(result, "relays"), index, relay)
    {
        (void)fputs(index == 0 ? "" : ", ", file);
        put_escaped(text_at(relay, "address"), file);
        (void)fputs(json_is_true(json_object_get(relay, "embedded")) ? " (started here)" : "", file);
        (void)fputs(json_is_true(json_object_get(relay, "died")) ? " (died by itself)" : "", file);
    }
    (void)fputs("</p>\n", file);
    if (attack != NULL) {
        (void)fputs("<p>Attack: ", file);
        put_escaped(text_at(attack, "name"), file);
        (void)fprintf(file, ", %.0f streams, %.0f refused, %.0f closed, %.0f acts</p>\n",
                      json_number_value(json_object_get(attack, "connects")),
                      json_number_value(json_object_get(attack, "refused")),
                      json_number_value(json_object_get(attack, "closed")),
                      json_number_value(json_object_get(attack, "actions")));
    }
}

static int put_result(const json_t *result, const char *title, unsigned *number, FILE *file, struct problem *problem)
{
    (void)fputs("<h2>", file);
    put_escaped(title, file);
    put_escaped(text_at(result, "relay"), file);
    (void)fputs("</h2>\n", file);
    put_relays(result, file);
    put_remarks(result, file);
    return put_charts(result, number, file, problem);
}

static int put_page(const json_t *document, FILE *file, struct problem *problem)
{
    const size_t relays = rounds_relay_count(document);
    unsigned number = 0;
    int error = 0;

    put_head(document, file);
    put_verdicts(document, file);
    (void)fputs(relays == 0 ? "<h2>Figures</h2>\n" : "<h2>Figures, medians of the rounds</h2>\n", file);
    put_figures(document, false, file);
    if (relays == 0) {
        error = put_result(document, "Over time: ", &number, file, problem);
    }
    for (size_t i = 0; i < relays && error == 0; i++) {
        const json_t *last = rounds_last_result(document, i);
        /* There is none when all ended before its turn. */
        error = last == NULL ? 0 : put_result(last, "The last round: ", &number, file, problem);
    }
    (void)fputs("<h2>All figures</h2>\n<details><summary>Show</summary>\n", file);
    put_figures(document, true, file);
    (void)fputs("</details>\n</body>\n</html>\n", file);
    return error;
}

int report_html(const json_t *document, const char *path, struct problem *problem)
{
    FILE *file = is_standard_output(path) ? stdout : fopen(path, "we");
    int failed;

    if (file == NULL) {
        return problem_set(problem, "--report %.400s: %s", path, strerror(errno));
    }
    const int error = put_page(document, file, problem);
    failed = ferror(file);
    failed |= file == stdout ? fflush(file) : fclose(file);
    if (error == 0 && failed != 0) {
        return problem_set(problem, "--report %.400s: it cannot be written", path);
    }
    return error;
}
