/* --rounds and --versus: what many runs say together. SPDX-License-Identifier: ISC */
#include "rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Samples --- */

static int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Without the rounds that lack it. */
static struct sample without_gaps(const struct sample *sample)
{
    struct sample there = {.count = 0};

    for (size_t i = 0; i < sample->count; i++) {
        if (!isnan(sample->values[i])) {
            there.values[there.count++] = sample->values[i];
        }
    }
    return there;
}

double sample_median(const struct sample *sample)
{
    struct sample sorted = without_gaps(sample);

    if (sorted.count == 0) {
        return 0;
    }
    qsort(sorted.values, sorted.count, sizeof *sorted.values, compare_doubles);
    return (sorted.values[(sorted.count - 1) / 2] + sorted.values[sorted.count / 2]) / 2;
}

size_t sample_there(const struct sample *sample)
{
    return without_gaps(sample).count;
}

double sample_extreme(const struct sample *sample, int sign)
{
    const struct sample there = without_gaps(sample);
    double extreme = there.count == 0 ? 0 : there.values[0];

    for (size_t i = 1; i < there.count; i++) {
        extreme = (there.values[i] - extreme) * sign > 0 ? there.values[i] : extreme;
    }
    return extreme;
}

bool sample_error(const struct sample *sample, double *error)
{
    const struct sample there = without_gaps(sample);
    const double count = (double)there.count;
    double sum = 0;
    double squares = 0;

    for (size_t i = 0; i < there.count; i++) {
        sum += there.values[i];
    }
    for (size_t i = 0; i < there.count; i++) {
        const double off = there.values[i] - sum / count;
        squares += off * off;
    }
    *error = there.count < 3 ? 0 : sqrt(squares / (count - 1) / count);
    return there.count >= 3;
}

/* --- Documents --- */

size_t rounds_relay_count(const json_t *document)
{
    const size_t count = json_array_size(json_object_get(document, "contenders"));

    return count > CONTENDERS_MAX ? CONTENDERS_MAX : count;
}

const json_t *rounds_last_result(const json_t *document, size_t relay)
{
    const json_t *last = NULL;
    size_t index;
    json_t *run;

    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        if (json_integer_value(json_object_get(run, "relay_number")) == (json_int_t)relay) {
            last = json_object_get(run, "result");
        }
    }
    return last;
}

const json_t *rounds_versus_row(const json_t *document, const struct figure *figure)
{
    char name[FIGURE_NAME_SIZE];
    size_t index;
    json_t *row;

    figure_name(figure, name);
    json_array_foreach(json_object_get(document, "versus"), index, row)
    {
        const char *other = json_string_value(json_object_get(row, "figure"));
        if (other != NULL && strcmp(other, name) == 0) {
            return row;
        }
    }
    return NULL;
}

/* --- All figures --- */

/* Where a run's figures belong. Returns false for nowhere: it may be anybody's file. */
static bool find_place(const json_t *run, size_t *relay, size_t *round)
{
    const json_int_t number = json_integer_value(json_object_get(run, "relay_number"));
    const json_int_t from_one = json_integer_value(json_object_get(run, "round"));

    *relay = (size_t)number;
    *round = (size_t)(from_one - 1);
    return number >= 0 && number < CONTENDERS_MAX && from_one >= 1 && from_one <= ROUNDS_MAX;
}

static size_t count_rounds(const json_t *document)
{
    size_t count = 0;
    size_t relay = 0;
    size_t round = 0;
    size_t index;
    json_t *run;

    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        if (find_place(run, &relay, &round) && round >= count) {
            count = round + 1;
        }
    }
    return count;
}

static double *value_at(const struct rounds *rounds, size_t relay, size_t round, size_t figure)
{
    return &rounds->values[(relay * rounds->round_count + round) * FIGURES_MAX + figure];
}

/* Memory that was freed seldom goes back, and relays may take their time to see that clients have gone. */
static bool is_of_first_round(const struct measure *measure)
{
    return measure->of == OF_RELAY_CLIENTS;
}

/* Its place among all, which it may have to be given; FIGURES_MAX: there is none left. */
static size_t place_of(struct rounds *rounds, const struct figure *figure)
{
    const struct figure *known = figures_find(&rounds->figures, figure);

    if (known != NULL) {
        return (size_t)(known - rounds->figures.figures);
    }
    if (rounds->figures.count < FIGURES_MAX) {
        rounds->figures.figures[rounds->figures.count] = *figure;
        return rounds->figures.count++;
    }
    return FIGURES_MAX;
}

static void enter_result(struct rounds *rounds, const json_t *result, size_t relay, size_t round, bool is_first,
                         struct figures *figures)
{
    figures_read(result, figures);
    for (size_t i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->figures[i];
        const size_t place = is_first || !is_of_first_round(figure->measure) ? place_of(rounds, figure) : FIGURES_MAX;
        if (place < FIGURES_MAX) {
            *value_at(rounds, relay, round, place) = figure->value;
        }
    }
}

static void enter_runs(struct rounds *rounds, const json_t *document, struct figures *figures)
{
    bool has_come[CONTENDERS_MAX] = {false};
    size_t relay = 0;
    size_t round = 0;
    size_t index;
    json_t *run;

    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        if (find_place(run, &relay, &round) && relay < rounds->relay_count) {
            enter_result(rounds, json_object_get(run, "result"), relay, round, !has_come[relay], figures);
            has_come[relay] = true;
        }
    }
}

struct rounds *rounds_new(const json_t *document)
{
    const bool is_single = rounds_relay_count(document) == 0;
    struct rounds *rounds = calloc(1, sizeof *rounds);
    struct figures *figures = malloc(sizeof *figures);

    if (rounds == NULL || figures == NULL) {
        free(rounds);
        free(figures);
        return NULL;
    }
    rounds->relay_count = is_single ? 1 : rounds_relay_count(document);
    rounds->round_count = is_single ? 1 : count_rounds(document);
    const size_t count = rounds->relay_count * rounds->round_count * FIGURES_MAX;
    rounds->values = malloc((count + 1) * sizeof *rounds->values);
    for (size_t i = 0; rounds->values != NULL && i < count; i++) {
        rounds->values[i] = NAN;
    }
    if (rounds->values == NULL) {
        rounds_free(rounds);
        rounds = NULL;
    } else if (is_single) {
        enter_result(rounds, document, 0, 0, true, figures);
    } else {
        enter_runs(rounds, document, figures);
    }
    free(figures);
    return rounds;
}

void rounds_free(struct rounds *rounds)
{
    if (rounds != NULL) {
        free(rounds->values);
        free(rounds);
    }
}

void rounds_sample(const struct rounds *rounds, size_t relay, const struct figure *figure, struct sample *sample)
{
    const struct figure *known = figures_find(&rounds->figures, figure);

    sample->count = 0;
    for (size_t round = 0; known != NULL && relay < rounds->relay_count && round < rounds->round_count; round++) {
        const size_t place = (size_t)(known - rounds->figures.figures);
        sample->values[sample->count++] = *value_at(rounds, relay, round, place);
    }
}

void rounds_medians(const struct rounds *rounds, size_t relay, struct figures *figures)
{
    struct sample sample;

    figures->count = 0;
    for (size_t i = 0; i < rounds->figures.count; i++) {
        rounds_sample(rounds, relay, &rounds->figures.figures[i], &sample);
        if (sample_there(&sample) > 0) {
            struct figure *figure = &figures->figures[figures->count++];
            *figure = rounds->figures.figures[i];
            figure->value = sample_median(&sample);
        }
    }
}

void rounds_ratios(const struct rounds *rounds, const struct figure *figure, struct sample *ratios)
{
    struct sample first;
    struct sample second;

    rounds_sample(rounds, 0, figure, &first);
    rounds_sample(rounds, 1, figure, &second);
    ratios->count = 0;
    for (size_t i = 0; i < first.count && i < second.count; i++) {
        if (!isnan(first.values[i]) && !isnan(second.values[i]) && second.values[i] != 0) {
            ratios->values[ratios->count++] = first.values[i] / second.values[i];
        }
    }
}
