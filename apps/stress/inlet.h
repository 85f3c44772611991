/* What comes in at one end of a pair, and what has been done to it. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_INLET_H
#define APPS_STRESS_INLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrivals.h"
#include "payload.h"
#include "tally.h"

/* What an end sends of its own, and what it answers, are two streams: so a window counts data alone. */
enum lane { LANE_DATA, LANE_ANSWER, LANE_COUNT };

enum lane lane_of(enum payload_kind kind);

/* The moments that are measured: from..to, without `to`. */
struct measured {
    uint64_t from_ns;
    uint64_t to_ns;
};

bool measured_has(const struct measured *measured, uint64_t moment_ns);

struct inlet {
    uint32_t run;
    uint32_t stream[LANE_COUNT]; /* what belongs here */
    struct arrivals arrivals[LANE_COUNT];
    uint32_t expected[LANE_COUNT]; /* the sequence that should come next */
};

/* Takes what a relay has delivered here at `now_ns`, and counts it. Returns whether it is a packet that belongs here,
 * whole and for the first time; then `*payload` is what it says. */
bool inlet_take(struct inlet *inlet, const struct measured *measured, const uint8_t *bytes, size_t len, uint64_t now_ns,
                struct tally *tally, struct payload *payload);

#endif
