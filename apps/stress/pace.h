/* Sending at a rate: moments that are laid down beforehand. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PACE_H
#define APPS_STRESS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

/* Slot n is due n times `slot_ns` after the start. Slots that follow each other within 0.1 ms are due together, since
 * more than 10 000 wake-ups a second are no use to anybody. */
struct pace {
    struct ev_loop *loop;
    void (*due)(void *user, uint64_t slot, uint64_t intended_ns);
    void *user;
    double slot_ns;
    uint64_t start_ns;
    uint64_t next; /* slot */
    int fd;        /* of a timer: -1 before pace_start() */
    struct ev_io io;
    struct ev_idle idle; /* keeps the loop awake just before a slot */
};

/* `due` is called for each slot at its moment or later, from `start_ns` on, `rate` times a second. Returns 0, or -1
 * when there is no descriptor for a timer. */
int pace_start(struct pace *pace, struct ev_loop *loop, uint64_t start_ns, double rate,
               void (*due)(void *user, uint64_t slot, uint64_t intended_ns), void *user);

/* Calls `due` for all slots before that moment that it was not called for yet, and ends it. As pace_stop(). */
void pace_finish(struct pace *pace, uint64_t end_ns);

/* Ends it; does nothing when it was not started and `fd` is -1. */
void pace_stop(struct pace *pace);

#endif
