/* --rounds and --versus: the same load again and again, on one relay or on two in turns. SPDX-License-Identifier: ISC
 */
#ifndef APPS_STRESS_ROUNDS_H
#define APPS_STRESS_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "figures.h"
#include "options.h"

enum { CONTENDERS_MAX = 2 };

/* A figure in each round; NAN: it was not there. */
struct sample {
    size_t count;
    double values[ROUNDS_MAX];
};

/* Of those that were there. 0 when there are none. */
double sample_median(const struct sample *sample);
size_t sample_there(const struct sample *sample);
/* The lowest for -1, the highest for 1. */
double sample_extreme(const struct sample *sample, int sign);
/* By how much its mean would differ if all were done again, as a standard deviation. Returns false when there are less
 * than three. */
bool sample_error(const struct sample *sample, double *error);

/* Runs all rounds. `*document`, the caller's, is what --json writes of those that are over, or when a signal has ended
 * the first one of that; NULL when there is nothing to write. Returns 0, or -1 with `problem` set when one went wrong.
 */
int rounds_run(const struct stress_options *options, json_t **document, struct problem *problem);

/* Whether a document has rounds, and how many relays these were of. */
size_t rounds_relay_count(const json_t *document);

/* All figures of all rounds of a document, each read once; a single run is one round of one relay. */
struct rounds {
    size_t relay_count;
    size_t round_count;
    struct figures figures; /* that are in any of them, without values */
    double *values;
};

/* NULL for want of memory. */
struct rounds *rounds_new(const json_t *document);
void rounds_free(struct rounds *rounds);
/* One figure, of relay 0 or 1. */
void rounds_sample(const struct rounds *rounds, size_t relay, const struct figure *figure, struct sample *sample);
/* The medians of all figures that the relay has in any round. */
void rounds_medians(const struct rounds *rounds, size_t relay, struct figures *figures);

/* The ratios of the first relay to the second, of each round in which both have it. */
void rounds_ratios(const struct rounds *rounds, const struct figure *figure, struct sample *ratios);

/* What a relay's last round has brought, and what is said of two relays' figure; NULL: nothing. */
const json_t *rounds_last_result(const json_t *document, size_t relay);
const json_t *rounds_versus_row(const json_t *document, const struct figure *figure);

/* A table of 80 columns. */
void rounds_print(const json_t *document, FILE *file);
/* Whether a figure is worth a line of a table. */
bool figure_is_shown(const struct figures *figures, const struct figure *figure);

#endif
