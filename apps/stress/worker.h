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
#include "event_tally.h"
#include "inlet.h"
#include "options.h"
#include "pace.h"
#include "peer.h"
#include "pulse.h"
#include "relays.h"
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
    const struct target *relays;
    uint32_t relay_count;
    bool many_sources; /* all relays are on 127.0.0.0/8: clients can come from many addresses */
    uint32_t run;      /* in every payload */
    uint64_t seed;
    struct schedule *schedule;
    struct event_moment *moments; /* of the options' events; the main thread writes */
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
    uint32_t up; /* clients that are connected */
    struct pulse pulses[2];
    struct pulse *pulse;        /* the one of this turn, in which engines count */
    struct event_tally *events; /* one of what comes before any, and one for each of the options' */
    void *state;                /* the engine's */
    /* For the main thread: mates whose last packet went by that relay. */
    _Atomic uint32_t primaries[RELAYS_MAX];
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
    _Atomic uint64_t waking;
    _Atomic uint64_t cpu_ns; /* in the measured time, after the end */
    atomic_bool starting;
    /* Turns of the pulses: what the main thread wants, and where the worker is. */
    _Atomic uint32_t turn_wanted;
    _Atomic uint32_t turn;
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

/* Begins an open loop of `rate` a second: from when the load was to begin, however late this thread is. The moments of
 * one thread lie between another's. Returns as pace_start(). */
int worker_start_pace(struct worker *worker, struct pace *pace, double rate,
                      void (*due)(void *user, uint64_t slot, uint64_t intended_ns), void *user);

/* Adds to the event in whose time a packet was sent. */
void worker_count_event(struct crew *crew, uint64_t sent_ns, uint32_t sent, uint32_t received);
struct event_plan worker_event_plan(const struct worker *worker);

/* Of what a client of the crew, by its number there, is sent in that lane. No two of a run are the same. */
uint32_t worker_stream(const struct crew *crew, uint32_t number, enum lane lane);

/* Ends the thread, for want of memory. */
void worker_give_up(struct worker *worker);

/* The next of the worker's random numbers, which the seed decides. */
uint64_t worker_random(struct worker *worker);

#endif
