/* Has relays come and go at their moments. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_DIRECTOR_H
#define APPS_STRESS_DIRECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "event_tally.h"
#include "options.h"
#include "relays.h"
#include "worker.h"

/* What came of an event. */
enum { EVENT_TROUBLE_SIZE = 96, EVENT_NO_RELAY = RELAYS_MAX };

struct event_outcome {
    uint32_t relay; /* its index; EVENT_NO_RELAY: none was found for "primary", or the event was not due */
    bool done;
    char trouble[EVENT_TROUBLE_SIZE]; /* what went wrong with it or its command; empty: nothing */
};

struct director {
    const struct stress_options *options;
    struct relays *relays;
    const struct worker *workers;
    uint32_t worker_count;
    struct event_moment *moments;   /* one for each event */
    struct event_outcome *outcomes; /* the same */
    uint64_t measure_ns;
    uint32_t next;
    uint64_t again_ns; /* when the next one is tried again, if it was tried */
    bool over;
    uint32_t primary;           /* that the last kill or stop of "primary" took */
    pid_t commands[EVENTS_MAX]; /* that still run; 0: none */
};

/* The measured time begins then. The rest is set. */
void director_start(struct director *director, uint64_t measure_ns);

/* When something is due; UINT64_MAX: never. */
uint64_t director_due_ns(const struct director *director);

/* Does what is due, and finds out which relays have ended by themselves. */
void director_advance(struct director *director, uint64_t now_ns);

/* The measured time is over: nothing more is due, but that commands end. */
void director_end_events(struct director *director);

/* Ends commands that still run. */
void director_stop(struct director *director);

#endif
