/* Which packets of one stream have come: a bit for each of the last ones. SPDX-License-Identifier: ISC */
#include "arrivals.h"

#include <string.h>

static uint64_t *word_of(struct arrivals *arrivals, uint32_t sequence)
{
    return &arrivals->seen[sequence % ARRIVALS_WINDOW / 64];
}

static uint64_t bit_of(uint32_t sequence)
{
    return UINT64_C(1) << (sequence % 64);
}

static void advance(struct arrivals *arrivals, uint32_t sequence)
{
    if (!arrivals->any || sequence - arrivals->highest >= ARRIVALS_WINDOW) {
        memset(arrivals->seen, 0, sizeof arrivals->seen);
    } else {
        for (uint32_t i = arrivals->highest + 1; i != sequence; i++) {
            *word_of(arrivals, i) &= ~bit_of(i);
        }
    }
    *word_of(arrivals, sequence) |= bit_of(sequence);
    arrivals->any = true;
    arrivals->highest = sequence;
}

enum arrival arrivals_add(struct arrivals *arrivals, uint32_t sequence)
{
    /* By signed distance, since sequences may wrap. */
    if (!arrivals->any || (int32_t)(sequence - arrivals->highest) > 0) {
        advance(arrivals, sequence);
        return ARRIVAL_NEXT;
    }
    if (arrivals->highest - sequence >= ARRIVALS_WINDOW || (*word_of(arrivals, sequence) & bit_of(sequence)) != 0) {
        return ARRIVAL_AGAIN;
    }
    *word_of(arrivals, sequence) |= bit_of(sequence);
    return ARRIVAL_LATE;
}
