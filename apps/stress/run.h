/* A run from beginning to end, and what came out of it. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_RUN_H
#define APPS_STRESS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "attack.h"
#include "options.h"
#include "tally.h"

struct group_result {
    const struct group *group;
    struct tally tally;
    struct tally_times times;
};

struct relay_result {
    uint32_t pid; /* 0: not asked for, or gone before the measured time */
    double cpu_s; /* in the measured time */
    double elapsed_s;
    uint64_t rss_start_kib; /* before any client */
    uint64_t rss_begin_kib; /* when the measured time began */
    uint64_t rss_peak_kib;
    uint64_t rss_end_kib;
    uint32_t descriptors; /* when the measured time ended */
};

struct run_result {
    const struct stress_options *options;
    double duration_s; /* that was measured */
    bool interrupted;
    struct group_result groups[GROUPS_MAX];
    bool has_attack;
    struct attack_report attack; /* from its beginning to the end of the measured time */
    struct relay_result relay;
    uint64_t relayed;   /* packets that arrived in the measured time, of all groups */
    uint64_t confirmed; /* clients, in the measured time, of groups whose point that is */
    uint32_t connected; /* clients that ever were, and those of these that stood when the load began */
    uint32_t wanted;
    uint32_t ready;
    double cpu_s;   /* the generator's */
    double busiest; /* share of a core of its busiest thread */
};

/* A thread of the generator that is busier than so was itself the limit. */
#define GENERATOR_LIMIT 0.9

/* Does what the options say. `result` is large. Returns 0; or -1 with `problem` set when there is nothing to report. */
int run(const struct stress_options *options, struct run_result *result, struct problem *problem);

#endif
