/* How often something may happen: so many a second, and a burst at once. SPDX-License-Identifier: ISC
 *
 * The generic cell rate algorithm: a bucket that fills by itself, in one number. */
#ifndef TOXTCP_PRIVATE_RATE_H
#define TOXTCP_PRIVATE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    uint32_t per_second; /* 0: no limit */
    uint32_t burst;      /* what a full bucket holds; 0 counts as 1 */
};

/* A bucket; full when zeroed. It may be overdrawn: what has been taken already cannot be refused. */
struct rate {
    uint64_t full_at_ns;
};

/* Takes `amount`, whether it is there or not. */
void rate_take(struct rate *rate, struct rate_limit limit, uint32_t amount, uint64_t now_ms);

/* From when on `amount` is there, if nothing else is taken; 0 without a limit. More than a burst is never there, so it
 * counts as one. */
uint64_t rate_ready_ms(const struct rate *rate, struct rate_limit limit, uint32_t amount);

/* From when on the bucket is as if nothing had ever been taken. */
uint64_t rate_full_ms(const struct rate *rate);

/* The limit becomes another one: as much is missing from the bucket as before. */
void rate_change(struct rate *rate, struct rate_limit from, struct rate_limit to, uint64_t now_ms);

#endif
