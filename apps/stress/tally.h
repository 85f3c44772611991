/* What one group has seen. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_TALLY_H
#define APPS_STRESS_TALLY_H

#include <stdint.h>

#include "../common/histogram.h"

/* Why a connection failed or ended; the last one is for what the library does not name. */
enum { REASON_COUNT = 17 };

struct tally_times {
    struct histogram one_way;    /* all in ns; from the intended moment on */
    struct histogram round_trip; /* the same */
    struct histogram connect;    /* from dialling to the answer to the first ping */
    struct histogram send_delay; /* by how much the generator itself was late */
    struct histogram gap;        /* multirelay: the longest time between two arrivals, one for each receiver */
    struct histogram recover;    /* multirelay: from an event until a packet arrived that was sent after it */
    struct histogram wake;       /* sleepwake: from waking to the first packet's arrival */
    struct histogram wake_trips; /* the same in thousandths of the round trip to the relay */
};

/* Packets count when their moment (payload.h) is within the measured time; `arrived` are those that came within it. */
struct tally {
    uint64_t sent;
    uint64_t received; /* whole, in their place, once */
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t corrupted;
    uint64_t misdelivered;
    uint64_t refused;         /* were due, and the client could not take them: queue full, or peer not online */
    uint64_t cut;             /* were on their way when their receiver left on purpose */
    uint64_t credit_timeouts; /* closed loop: nothing was heard of a full window for a second */
    uint64_t unnoticed;       /* a peer left and the other one was not told in time */
    uint64_t unwoken;         /* sleepwake: woke, and heard nothing until the end */
    int64_t missing;          /* so far, measured or not: a later one has come and they have not */
    uint64_t arrived;
    uint64_t arrived_bytes;
    uint64_t connects_ok;
    uint64_t connects_failed;
    uint64_t failed_by[REASON_COUNT];
    uint64_t ended_by[REASON_COUNT]; /* connections that stood, and were not ended by us */
    struct tally_times *times;       /* the owner's */
};

/* Adds all that `other` has, times too. */
void tally_merge(struct tally *tally, const struct tally *other);

/* Sent and never come whole to where they belong. */
uint64_t tally_lost(const struct tally *tally);

/* An index for a TOXTCP_ERR_..., and its name: lower case, with underscores. */
uint32_t reason_of(int error);
const char *reason_name(uint32_t reason);

#endif
