/* What happens to relays during a run: "SECONDS:ACTION:RELAY". SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_EVENTS_H
#define APPS_STRESS_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/problem.h"

enum { EVENTS_MAX = 16 };

enum event_action { EVENT_KILL, EVENT_STOP, EVENT_CONT, EVENT_START, EVENT_ACTION_COUNT };

struct event {
    double at_s; /* in the measured time */
    enum event_action action;
    uint32_t relay; /* its number, from 1 on; 0: the primary of most pairs, or the one that was this before */
};

/* In the order in which they happen. All zeros: none. */
struct events {
    struct event list[EVENTS_MAX];
    uint32_t count;
    bool given; /* on the command line, even if that is that there are to be none */
};

/* Adds one, or with "none" says that there are to be none. Returns 0, or -1 with `problem` set. */
int events_add(struct events *events, const char *text, struct problem *problem);

/* Those of a run whose relays from `first` on, numbered from 1, are ours: the first one is killed and restarted, and in
 * a run of 10 s and more the next one, once all clients have found the first one again. */
void events_default(struct events *events, double duration_s, uint32_t first, uint32_t count);

/* Whether they can be: relays from `first_own` on to `relay_count` are ours; the others need `has_command`. Returns 0,
 * or -1 with `problem` set. */
int events_check(const struct events *events, double duration_s, uint32_t first_own, uint32_t relay_count,
                 bool has_command, struct problem *problem);

/* When it is due in a run whose measured time begins then. */
uint64_t event_due_ns(const struct event *event, uint64_t measure_ns);

/* Whether after it the relay is there. */
bool event_revives(enum event_action action);

const char *event_action_name(enum event_action action);

#endif
