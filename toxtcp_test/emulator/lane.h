/* One way of a path, in virtual time: what becomes of each packet, and when. SPDX-License-Identifier: ISC
 *
 * A packet is dropped by a filter, by loss, or because the queue before the bottleneck is full; otherwise it leaves the
 * bottleneck after those before it, as fast as `rate` allows, and arrives `delay` and a part of `jitter` later, never
 * before the one in front of it. The same seed and the same packets at the same times give the same. */
#ifndef TEST_EMULATOR_LANE_H
#define TEST_EMULATOR_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/segment.h"

/* May be changed at any time; packets that are under way keep their moments. */
struct lane_rules {
    uint64_t delay_us;
    uint64_t jitter_us;  /* each packet takes up to so much longer, evenly spread */
    uint64_t rate;       /* bits in a second; 0: no bound */
    uint64_t queue;      /* bytes that may wait for the rate */
    uint32_t loss_ppm;   /* of a million packets so many are lost at random */
    uint32_t loss_every; /* exactly each so-many-th packet is lost; 0: none */
    bool drop_syn_data;  /* SYNs with data are lost */
    bool drop_fast_open; /* SYNs with the option for fast open are lost */
    bool silent;         /* everything is lost, what is under way too */
};

enum lane_fate { LANE_TAKEN, LANE_FILTERED, LANE_LOST, LANE_QUEUE_FULL, LANE_SILENT, LANE_FATES };

struct lane_packet {
    struct lane_packet *next;
    uint64_t due_us;
    size_t len;
    uint8_t bytes[];
};

struct lane {
    struct lane_rules rules;
    uint64_t fates[LANE_FATES];
    /* Private. */
    uint64_t random;
    uint64_t offered;     /* packets that reached the loss */
    uint64_t free_us;     /* when the bottleneck has sent all that it holds */
    uint64_t last_due_us; /* nobody overtakes the packet that is due then */
    size_t held;          /* bytes */
    struct lane_packet *first, **end;
};

/* What may be held in all, whatever the delay: beyond it packets are dropped as by a full queue. */
enum { LANE_HELD_MAX = 64 << 20, LANE_QUEUE_DEFAULT = 64 << 10 };

void lane_open(struct lane *lane, uint64_t seed);
void lane_close(struct lane *lane);

/* A packet enters. */
enum lane_fate lane_offer(struct lane *lane, const struct segment *segment, const uint8_t *bytes, size_t len,
                          uint64_t now_us);
/* The next packet that arrives by now, or NULL; the caller frees it. */
struct lane_packet *lane_take(struct lane *lane, uint64_t now_us);
/* When the next packet arrives; UINT64_MAX: none is under way. */
uint64_t lane_next_us(const struct lane *lane);

#endif
