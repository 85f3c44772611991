/* Which packets of one stream have come, and in what order. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_ARRIVALS_H
#define APPS_STRESS_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

/* So far back a late packet and a second one are told apart; one from before that is taken for a second one. */
enum { ARRIVALS_WINDOW = 1024 };

/* All zeros: none has come. */
struct arrivals {
    bool any;
    uint32_t highest;                    /* that has come */
    uint64_t seen[ARRIVALS_WINDOW / 64]; /* by sequence modulo ARRIVALS_WINDOW */
};

enum arrival { ARRIVAL_NEXT, ARRIVAL_LATE, ARRIVAL_AGAIN };

/* The packet with that sequence has come: after all those before it, after one that was sent after it, or once more. */
enum arrival arrivals_add(struct arrivals *arrivals, uint32_t sequence);

#endif
