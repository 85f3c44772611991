/* --rounds and --versus: running them. SPDX-License-Identifier: ISC */
#include <math.h>
#include <stdlib.h>

#include "neighbour.h"
#include "process.h"
#include "relays.h"
#include "report.h"
#include "rounds.h"
#include "run.h"

/* --- Two relays --- */

static json_t *sample_json(const struct sample *sample)
{
    json_t *array = json_array();

    for (size_t i = 0; i < sample->count; i++) {
        (void)json_array_append_new(array, isnan(sample->values[i]) ? json_null() : json_real(sample->values[i]));
    }
    return array;
}

static json_t *median_json(const struct sample *sample)
{
    return sample_there(sample) == 0 ? json_null() : json_real(sample_median(sample));
}

static json_t *row_json(const struct rounds *rounds, const struct figure *figure)
{
    struct sample samples[CONTENDERS_MAX];
    struct sample ratios;
    char name[FIGURE_NAME_SIZE];

    figure_name(figure, name);
    rounds_sample(rounds, 0, figure, &samples[0]);
    rounds_sample(rounds, 1, figure, &samples[1]);
    rounds_ratios(rounds, figure, &ratios);
    json_t *row = json_pack("{s:s, s:o, s:o, s:o, s:o}", "figure", name, "first_median", median_json(&samples[0]),
                            "second_median", median_json(&samples[1]), "first", sample_json(&samples[0]), "second",
                            sample_json(&samples[1]));
    if (ratios.count > 0) {
        (void)json_object_set_new(row, "ratio", json_real(sample_median(&ratios)));
        (void)json_object_set_new(row, "ratio_min", json_real(sample_extreme(&ratios, -1)));
        (void)json_object_set_new(row, "ratio_max", json_real(sample_extreme(&ratios, 1)));
    }
    return row;
}

static json_t *versus_json(const json_t *document)
{
    struct rounds *rounds = rounds_new(document);
    json_t *rows = json_array();

    for (size_t i = 0; rounds != NULL && i < rounds->figures.count; i++) {
        (void)json_array_append_new(rows, row_json(rounds, &rounds->figures.figures[i]));
    }
    rounds_free(rounds);
    return rows;
}

/* --- Running --- */

struct contender {
    struct stress_options options;
    struct relay_entry versus; /* the second one's relay */
    uint32_t rounds;
};

/* One that a signal has cut short is kept when there is no other. */
static int run_once(struct contender *contender, struct run_result *result, size_t number, json_t *document,
                    struct problem *problem)
{
    json_t *runs = json_object_get(document, "runs");
    struct problem why;

    contender->rounds++;
    if (run(&contender->options, result, &why) != 0) {
        return problem_set(problem, "round %u, relay %zu: %.400s", contender->rounds, number + 1, why.text);
    }
    if (!result->interrupted && result->connected == 0 && clients_in_all(&contender->options) > 0) {
        return problem_set(problem, "round %u, relay %zu: no client ever connected", contender->rounds, number + 1);
    }
    if (!result->interrupted || json_array_size(runs) == 0) {
        (void)json_array_append_new(runs, json_pack("{s:i, s:i, s:o}", "relay_number", (int)number, "round",
                                                    (int)contender->rounds, "result", report_result(result)));
    }
    return 0;
}

static int run_rounds(const struct stress_options *options, struct contender *contenders, size_t count,
                      struct run_result *result, json_t *document, struct problem *problem)
{
    for (uint32_t round = 0; round < options->rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            /* A B, B A, A B: what grows or fades with time is on nobody's side. */
            const size_t number = count == 2 && round % 2 == 1 ? 1 - i : i;
            if (!options->quiet) {
                (void)fprintf(stderr, "toxtcp-stress: round %u of %u, relay %zu\n", round + 1, options->rounds,
                              number + 1);
            }
            const int error = run_once(&contenders[number], result, number, document, problem);
            const bool interrupted = result->interrupted;
            run_result_free(result);
            if (error != 0 || interrupted) {
                (void)json_object_set_new(document, "interrupted", json_boolean(interrupted));
                return error;
            }
        }
    }
    return 0;
}

/* The first of its relays; one of our own has no address before it runs. */
static json_t *contender_name(const struct contender *contender)
{
    const struct relay_list *relays = &contender->options.relays;

    return relays->count > 0 ? report_relay(&relays->entries[0]) : json_string("embedded");
}

static void contenders_init(const struct stress_options *options, struct contender contenders[CONTENDERS_MAX])
{
    for (size_t i = 0; i < CONTENDERS_MAX; i++) {
        contenders[i] = (struct contender){.options = *options};
    }
    contenders[1].options.relays = (struct relay_list){.entries = &contenders[1].versus, .count = 1};
    contenders[1].versus = options->versus.relay;
    contenders[1].options.relay_pid = options->versus.pid;
}

static int look_at(const struct stress_options *options, struct problem *problem)
{
    struct relays relays = {.count = 0};
    struct process_sample sample;

    if (relays_resolve(&relays, options, problem) != 0 ||
        (options->relay_pid != 0 && process_sample(options->relay_pid, &sample, problem) != 0)) {
        return -1;
    }
    return relays.count == 0 ? 0 : neighbour_allowed(options, &relays.targets[0].address, problem);
}

/* What is wrong with the second one is not said after the first one's hour. */
static int look_at_all(const struct contender *contenders, size_t count, struct problem *problem)
{
    struct problem why;

    for (size_t i = 0; i < count; i++) {
        if (look_at(&contenders[i].options, &why) != 0) {
            return problem_set(problem, "relay %zu: %.480s", i + 1, why.text);
        }
    }
    return 0;
}

static json_t *document_new(const struct stress_options *options, const struct contender *contenders, size_t count)
{
    json_t *document = report_head(options);
    json_t *relays = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(relays, contender_name(&contenders[i]));
    }
    (void)json_object_set_new(document, "contenders", relays);
    (void)json_object_set_new(document, "runs", json_array());
    (void)json_object_set_new(document, "interrupted", json_false());
    return document;
}

/* What is worth to be written, or NULL. */
static json_t *document_end(json_t *document, size_t count)
{
    if (json_array_size(json_object_get(document, "runs")) == 0) {
        json_decref(document);
        return NULL;
    }
    if (count == CONTENDERS_MAX) {
        (void)json_object_set_new(document, "versus", versus_json(document));
    }
    return document;
}

int rounds_run(const struct stress_options *options, json_t **document, struct problem *problem)
{
    const size_t count = options->has_versus ? CONTENDERS_MAX : 1;
    struct contender *contenders = calloc(CONTENDERS_MAX, sizeof *contenders);
    struct run_result *result = malloc(sizeof *result);
    int error;

    *document = NULL;
    if (contenders == NULL || result == NULL) {
        error = problem_set(problem, "out of memory");
    } else {
        contenders_init(options, contenders);
        error = look_at_all(contenders, count, problem);
        if (error == 0) {
            json_t *begun = document_new(options, contenders, count);
            error = run_rounds(options, contenders, count, result, begun, problem);
            *document = document_end(begun, count);
        }
    }
    free(contenders);
    free(result);
    return error;
}
