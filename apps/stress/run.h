/* A run from beginning to end, and what came out of it. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_RUN_H
#define APPS_STRESS_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "attack.h"
#include "director.h"
#include "event_tally.h"
#include "options.h"
#include "series.h"
#include "tally.h"

struct group_result {
    const struct group *group;
    struct tally tally;
    struct tally_times times;
};

struct relay_result {
    uint32_t pid;  /* 0: not asked for */
    bool measured; /* it was there at the beginning and at the end of the measured time */
    double cpu_s;  /* in the measured time */
    double elapsed_s;
    uint64_t rss_start_kib; /* before any client */
    uint64_t rss_begin_kib; /* when the measured time began */
    uint64_t rss_peak_kib;
    uint64_t rss_end_kib;
    uint32_t descriptors; /* when the measured time ended */
};

/* One of the relays, by number. */
struct relay_seen {
    struct toxtcp_address address;
    uint32_t pid; /* when the run began; 0: it is not ours */
    bool died;    /* by itself */
};

struct event_result {
    struct event_outcome outcome;
    struct event_figures figures; /* these are there when it was done */
    uint64_t at_ns;               /* when it was done */
};

struct run_result {
    const struct stress_options *options;
    double duration_s; /* that was measured */
    bool interrupted;
    struct group_result groups[GROUPS_MAX];
    bool has_attack;
    struct attack_report attack; /* from its beginning to the end of the measured time */
    struct relay_seen relays[RELAYS_MAX];
    uint32_t relay_count;
    struct event_result events[EVENTS_MAX]; /* one for each of the options' */
    struct event_tally tallies[EVENT_TALLIES_MAX];
    struct relay_result relay;
    uint64_t relayed;   /* packets that arrived in the measured time, of all groups */
    uint64_t confirmed; /* clients, in the measured time, of groups whose point that is */
    uint32_t connected; /* clients that ever were, and those of these that stood when the load began */
    uint32_t wanted;
    uint32_t ready;
    double cpu_s;           /* the generator's */
    double busiest;         /* share of a core of its busiest thread */
    double heap_per_client; /* bytes, when the load began; 0: not known */
    struct series series;
};

/* A thread of the generator that is busier than so was itself the limit. */
#define GENERATOR_LIMIT 0.9

/* Does what the options say. `result` is large. Returns 0; or -1 with `problem` set when there is nothing to report. */
int run(const struct stress_options *options, struct run_result *result, struct problem *problem);

/* That are to connect. */
double clients_in_all(const struct stress_options *options);

/* Frees what run() has put into it, be it that it failed. */
void run_result_free(struct run_result *result);

#endif
