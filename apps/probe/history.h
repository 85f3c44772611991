/* How a relay did in the rounds before. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_HISTORY_H
#define APPS_PROBE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "result.h"

/* Three bytes of UTF-8 for each round, and a zero. */
enum { HISTORY_KEPT = 30, SPARKLINE_SIZE = 3 * HISTORY_KEPT + 1 };

/* All zeros is an empty one. */
struct history {
    uint32_t rounds;
    uint32_t good;
    time_t since; /* when it was seen first as it is now */
    enum relay_state state;
    uint64_t round_trips_ns[HISTORY_KEPT]; /* of data, in a ring; 0: it was bad */
};

/* Takes the result of a round. True when the relay is in another state than in the round before; the first round
 * counts as such when it is bad. */
bool history_add(struct history *history, const struct probe_result *result, time_t now);

/* In percent; 0 without a round. */
double history_availability(const struct history *history);

/* How many of the rounds are kept, and the i-th of them, the oldest first. */
size_t history_kept(const struct history *history);
uint64_t history_round_trip(const struct history *history, size_t i);

/* One character for each kept round: a bar as high as the round trip, beside the longest that is kept; an x for a
 * failure. */
void history_sparkline(const struct history *history, bool utf8, char text[SPARKLINE_SIZE]);

#endif
