/* What happens next in a simulation: moments of virtual time. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_EVENTS_H
#define TEST_SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/env.h>

#include "heap.h"

/* Of what happens in the same millisecond, bytes come first and deadlines last, as a driver does it. */
enum event_rank { EVENT_BYTES, EVENT_WORLD, EVENT_DEADLINE };

struct events {
    struct toxtcp_env *env;
    struct heap heap;
    uint64_t now_ms;
    uint64_t run_count;
};

struct event {
    struct heap_item item; /* first, so that it leads to the event */
    enum event_rank rank;
    void (*run)(void *user);
    void *user;
};

/* `env` must not fail, and outlives the events. */
void events_open(struct events *events, struct toxtcp_env *env, uint64_t now_ms);
void events_close(struct events *events);
/* From now on the event can be set; it is not due. It must leave before its memory goes. */
void event_join(struct events *events, struct event *event, enum event_rank rank, void (*run)(void *user), void *user);
void event_leave(struct events *events, struct event *event);
/* Due at that moment, instead of any other; TOXTCP_NEVER: not due. A moment that has passed is now. */
void event_set(struct events *events, struct event *event, uint64_t at_ms);
/* The same, unless it is due earlier already. */
void event_hasten(struct events *events, struct event *event, uint64_t at_ms);
/* Moves the clock to the first event that is due until then, and runs it. False when there is none: then the clock
 * stands at `until_ms`. */
bool events_run_one(struct events *events, uint64_t until_ms);

#endif
