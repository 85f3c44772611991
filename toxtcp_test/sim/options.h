/* The command line of toxtcp-sim. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_OPTIONS_H
#define TEST_SIM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/knobs.h"

struct options {
    uint64_t first; /* seed */
    uint64_t last;
    uint32_t seconds; /* no run begins after so long; 0: no bound */
    bool trace;
    bool keep_going;
    struct knobs_wish wish;
};

/* Exits when there is nothing to run. */
void options_read(struct options *options, int argc, char **argv);
/* The command that repeats the run of that seed. */
void options_format_replay(const struct options *options, uint64_t seed, char *text, size_t size);

#endif
