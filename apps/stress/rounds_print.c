/* --rounds and --versus: the table. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "rounds.h"

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

static bool group_has(const struct figures *figures, const struct figure *figure, const char *name)
{
    struct figure like = *figure;

    like.measure = measure_find(name, strlen(name));
    return figures_find(figures, &like) != NULL;
}

bool figure_is_shown(const struct figures *figures, const struct figure *figure)
{
    static const char *const always[] = {"packets/s",
                                         "loss",
                                         "handshakes/s",
                                         "p50",
                                         "p99",
                                         "gap.p50",
                                         "gap.max",
                                         "recover.p50",
                                         "recover.max",
                                         "wake.p50",
                                         "wake.max",
                                         "wake_round_trips.p50",
                                         "wake_round_trips.max",
                                         "cpu_us_per_packet",
                                         "cpu_us_per_handshake",
                                         "kib_per_client",
                                         NULL};
    const char *name = figure->measure->name;

    if (is_one_of(name, always)) {
        return true;
    }
    if (figure->measure->unit == UNIT_COUNT || figure->measure->unit == UNIT_SHARE) {
        return figure->value != 0 && figure->measure->better != BETTER_NEITHER;
    }
    /* The best latency that the group has. */
    if (strcmp(name, "oneway.p50") == 0 || strcmp(name, "oneway.p99") == 0) {
        return !group_has(figures, figure, "p50");
    }
    if (strcmp(name, "connect.p50") == 0 || strcmp(name, "connect.p99") == 0) {
        return !group_has(figures, figure, "p50") && !group_has(figures, figure, "oneway.p50");
    }
    return false;
}

static void print_single(const struct rounds *rounds, const struct figure *figure, FILE *file)
{
    struct sample sample;
    char name[FIGURE_NAME_SIZE];
    char median[CELL_SIZE];
    char low[CELL_SIZE];
    char high[CELL_SIZE];

    rounds_sample(rounds, 0, figure, &sample);
    figure_name(figure, name);
    figure_format(figure->measure, sample_median(&sample), median);
    figure_format(figure->measure, sample_extreme(&sample, -1), low);
    figure_format(figure->measure, sample_extreme(&sample, 1), high);
    (void)fprintf(file, "%-33.33s %12s  (%s .. %s)\n", name, median, low, high);
}

static void median_cell(const struct figures *figures, const struct figure *figure, char cell[CELL_SIZE])
{
    const struct figure *found = figures_find(figures, figure);

    (void)snprintf(cell, CELL_SIZE, "-");
    if (found != NULL) {
        figure_format(found->measure, found->value, cell);
    }
}

static void print_pair(const json_t *document, const struct figures medians[CONTENDERS_MAX],
                       const struct figure *figure, FILE *file)
{
    char name[FIGURE_NAME_SIZE];
    char first[CELL_SIZE];
    char second[CELL_SIZE];

    figure_name(figure, name);
    median_cell(&medians[0], figure, first);
    median_cell(&medians[1], figure, second);
    (void)fprintf(file, "%-31.31s %11s %11s", name, first, second);
    const json_t *row = rounds_versus_row(document, figure);
    if (json_object_get(row, "ratio") == NULL) {
        (void)fprintf(file, " %8s\n", "-");
    } else {
        (void)fprintf(file, " %8.3g  %.3g .. %.3g\n", json_number_value(json_object_get(row, "ratio")),
                      json_number_value(json_object_get(row, "ratio_min")),
                      json_number_value(json_object_get(row, "ratio_max")));
    }
}

/* A loss of the second relay alone is worth a line too. */
static bool any_is_shown(const struct figures medians[CONTENDERS_MAX], const struct figure *figure)
{
    for (size_t i = 0; i < CONTENDERS_MAX; i++) {
        const struct figure *found = figures_find(&medians[i], figure);
        if (found != NULL && figure_is_shown(&medians[i], found)) {
            return true;
        }
    }
    return false;
}

static void print_table(const json_t *document, const struct rounds *rounds, FILE *file)
{
    struct figures *medians = calloc(CONTENDERS_MAX, sizeof *medians);

    for (size_t i = 0; medians != NULL && i < rounds->relay_count; i++) {
        rounds_medians(rounds, i, &medians[i]);
    }
    for (size_t i = 0; medians != NULL && i < rounds->figures.count; i++) {
        const struct figure *figure = &rounds->figures.figures[i];
        if (!any_is_shown(medians, figure)) {
            continue;
        }
        if (rounds->relay_count == CONTENDERS_MAX) {
            print_pair(document, medians, figure, file);
        } else {
            print_single(rounds, figure, file);
        }
    }
    free(medians);
}

/* Who was measured: of one contender all relays. */
static void print_relays(const json_t *document, size_t count, FILE *file)
{
    const json_t *contenders = json_object_get(document, "contenders");
    const json_t *relays = json_object_get(rounds_last_result(document, 0), "relays");

    for (size_t i = 0; count == CONTENDERS_MAX && i < count; i++) {
        (void)fprintf(file, "relay %zu: %s\n", i + 1, json_string_value(json_array_get(contenders, i)));
    }
    for (size_t i = 0; count < CONTENDERS_MAX && i < json_array_size(relays); i++) {
        const json_t *relay = json_array_get(relays, i);
        (void)fprintf(file, "relay %zu: %s%s\n", i + 1, json_string_value(json_object_get(relay, "address")),
                      json_is_true(json_object_get(relay, "embedded")) ? ", started here" : "");
    }
}

void rounds_print(const json_t *document, FILE *file)
{
    struct rounds *rounds = rounds_new(document);

    if (rounds == NULL) {
        return;
    }
    print_relays(document, rounds->relay_count, file);
    if (rounds->relay_count == CONTENDERS_MAX) {
        (void)fprintf(file, "%-31s %11s %11s %8s  %s\n", "medians of the rounds", "relay 1", "relay 2", "ratio",
                      "in the rounds");
    } else {
        (void)fprintf(file, "%-33s %12s\n", "", "median");
    }
    print_table(document, rounds, file);
    if (json_is_true(json_object_get(document, "interrupted"))) {
        (void)fputs("interrupted\n", file);
    }
    rounds_free(rounds);
}
