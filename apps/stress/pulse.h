/* What a crew has seen since the main thread took its last look: the crew's thread writes one of two pulses, and
 * changes to the other one when it is asked to. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PULSE_H
#define APPS_STRESS_PULSE_H

#include <stdint.h>

#include "../common/histogram.h"

struct pulse {
    uint64_t from_ns;
    uint64_t to_ns; /* 0 while it is written */
    uint64_t sent;
    uint64_t arrived;
    uint64_t arrived_bytes;
    uint64_t connects;
    struct histogram latency; /* what series_latency_name() says */
    /* How it stood at to_ns. */
    uint32_t up;
    int64_t missing;
};

#endif
