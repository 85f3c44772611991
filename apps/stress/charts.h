/* Charts of a series, drawn by gnuplot as SVG. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_CHARTS_H
#define APPS_STRESS_CHARTS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../common/problem.h"

struct chart {
    const char *title;
    const char *unit;
    const char *total_key; /* in a point; NULL: in each of its groups */
    const char *keys[4];   /* in a group, one line for each */
    double factor;         /* from what is there to the unit */
    bool each_group;       /* has one of its own */
    bool logarithmic;
    bool of_time; /* of all the time of a point, not of its end */
};

extern const struct chart charts[];
extern const size_t chart_count;

/* Runs gnuplot once without work. Returns 0, or -1 with `problem` set. */
int charts_possible(struct problem *problem);

/* Draws it, of all groups or, each_group, of that one. `*svg`, to be freed by the caller, is an element to be put into
 * a page; NULL when there is nothing to show. `number` keeps the names in several of them apart. Returns 0, or -1 with
 * `problem` set. */
int chart_draw(const json_t *result, const struct chart *chart, size_t group, unsigned number, char **svg,
               struct problem *problem);

#endif
