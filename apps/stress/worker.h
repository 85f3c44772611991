/* The threads of the generator: each has a loop, a driver, and its share of each group. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_WORKER_H
#define APPS_STRESS_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "engine.h"
#include "inlet.h"
#include "options.h"
#include "peer.h"
#include "tally.h"

/* When what happens; UINT64_MAX: not known yet. Written by the main thread. */
struct schedule {
    _Atomic uint64_t begin_ns;
    _Atomic uint64_t measure_ns;
    _Atomic uint64_t stop_ns;
    atomic_bool end;
};

/* What all workers share, and none changes. */
struct run_facts {
    const struct stress_options *options;
    struct toxtcp_address relay; /* resolved */
    uint32_t run;                /* in every payload */
    uint64_t seed;
    struct schedule *schedule;
};

struct worker;

/* A worker's share of a group. */
struct crew {
    struct worker *worker;
    const struct group *group;
    const struct engine *engine; /* NULL for an attack, which is run elsewhere */
    struct tally tally;
    struct tally_times times;
    uint32_t share;  /* of the group's pairs or clients */
    uint32_t first;  /* of them, in the group's count */
    uint32_t wanted; /* parts that will be ready to begin */
    uint32_t ready;
    bool begun;
    void *state; /* the engine's */
};

struct worker {
    const struct run_facts *facts;
    uint32_t index;
    pthread_t thread;
    bool started; /* the thread runs, or has run */
    int error;    /* for which it gave up, after its end */
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct ev_timer tick;
    struct toxtcp_client_config config;
    struct crew *crews; /* one for each group */
    size_t crew_count;
    struct peer_line line;
    uint64_t random;
    uint32_t source; /* the next one */
    /* For the main thread. */
    _Atomic uint32_t wanted;
    _Atomic uint32_t ready;
    _Atomic uint32_t connected; /* peers that ever were */
    _Atomic uint32_t failed;    /* attempts to connect */
    _Atomic uint64_t outstanding;
    _Atomic uint64_t cpu_ns; /* in the measured time, after the end */
    atomic_bool starting;
};

/* Makes the worker with its crews and starts its thread. Returns 0, or -1 with `problem` set; in both cases
 * worker_free() follows. */
int worker_start(struct worker *worker, const struct run_facts *facts, uint32_t index, struct problem *problem);

/* Waits for its thread, which ends when the schedule says so. */
void worker_join(struct worker *worker);

void worker_free(struct worker *worker);

/* The measured time, and whether a moment is in it. */
struct measured worker_measured(const struct worker *worker);
bool worker_measures(const struct worker *worker, uint64_t moment_ns);

/* Whether load is still wanted. */
bool worker_sends(const struct worker *worker, uint64_t now_ns);

/* The next of the worker's random numbers, which the seed decides. */
uint64_t worker_random(struct worker *worker);

#endif
