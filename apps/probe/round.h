/* All relays of a list, looked at once, some of them at the same time. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_ROUND_H
#define APPS_PROBE_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "../common/relay_list.h"
#include "probe.h"

enum { PARALLEL_MAX = 256 };

struct round {
    const struct probe_place *place;
    const struct relay_list *list;
    struct probe_result *results; /* one for each relay of the list; the caller's */
    uint32_t parallel;            /* how many at the same time, at most PARALLEL_MAX */
    void (*progress)(void *user, size_t done);
    void (*over)(void *user); /* may start it again */
    void *user;
    /* Its own. */
    struct ev_prepare prepare;
    struct ev_idle idle;
    struct probe *running[PARALLEL_MAX];
    size_t next;
    size_t done;
};

/* Begins; the callbacks happen in the loop. The round must stay where it is. */
void round_start(struct round *round);

/* Leaves all relays; those that were not finished say so in their result. Does nothing when it is over. */
void round_stop(struct round *round);

#endif
