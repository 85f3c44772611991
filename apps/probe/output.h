/* Where what was found goes: terminal, standard output, a file. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_OUTPUT_H
#define APPS_PROBE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "../common/problem.h"
#include "options.h"
#include "report.h"

struct output {
    const struct probe_options *options;
    FILE *text;    /* standard output; standard error when JSON goes there */
    FILE *json;    /* open all the time; NULL for none, and for a file that is replaced */
    bool screen;   /* the text is on a terminal */
    bool progress; /* it is shown how far a round is */
    struct table_style style;
};

/* Sees where it writes to, and that it can. Waits for the reader of a FIFO. Returns 0, or -1 with `problem` set; to be
 * ended by output_end() whatever comes of it. */
int output_init(struct output *output, const struct probe_options *options, struct problem *problem);

void output_end(struct output *output);

/* How far a round is, on a terminal. */
void output_progress(const struct output *output, size_t done, size_t count);

/* Shows a round; with `changed`, an entry for each relay, what has changed is told, not what is bad. The JSON is
 * written too. Returns 0, or -1 with `problem` set. */
int output_round(const struct output *output, const struct report *report, const bool *changed,
                 struct problem *problem);

#endif
