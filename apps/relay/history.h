/* What the relay did in the last hour, for the charts. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_HISTORY_H
#define APPS_RELAY_HISTORY_H

#include <stdint.h>

#include "../common/histogram.h"

enum {
    HISTORY_INTERVAL_MS = 10000,
    HISTORY_MAX = 360, /* samples: an hour */
};

/* Counters at one moment. */
struct history_mark {
    uint64_t uptime_ms;
    uint64_t packets;
    uint64_t bytes;
    uint64_t cpu_ns;
    struct histogram waits_us;
};

/* What happened in some time before `uptime_ms`. */
struct history_sample {
    uint64_t uptime_ms;
    uint32_t clients;
    double packets_per_second;
    double bytes_per_second;
    double cpu;             /* 1: one core, all the time */
    uint32_t transit_count; /* packets that the next two are of */
    uint32_t transit_p50_us;
    uint32_t transit_p99_us;
};

struct history {
    struct history_sample samples[HISTORY_MAX];
    uint32_t first;
    uint32_t count;
    uint32_t mark_count;
    struct history_mark marks[2]; /* when the last samples were taken, the older one first */
    struct histogram scratch;
};

/* Takes a sample if the last one is long enough ago. */
void history_add(struct history *history, const struct history_mark *now, uint32_t clients);

/* What happened since the last sample but one: 10 to 20 s. All 0 before there are two moments. */
void history_recent(struct history *history, const struct history_mark *now, uint32_t clients,
                    struct history_sample *recent);

/* From 0, the oldest, to `count` - 1. */
const struct history_sample *history_get(const struct history *history, uint32_t index);

#endif
