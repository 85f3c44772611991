/* What one group has seen. SPDX-License-Identifier: ISC */
#include "tally.h"

#include <stddef.h>

#include <toxtcp/error.h>

static const struct {
    int error;
    const char *name;
} reasons[REASON_COUNT] = {{TOXTCP_ERR_REFUSED, "refused"},
                           {TOXTCP_ERR_UNREACHABLE, "unreachable"},
                           {TOXTCP_ERR_TIMED_OUT, "timed_out"},
                           {TOXTCP_ERR_CLOSED, "closed"},
                           {TOXTCP_ERR_RESET, "reset"},
                           {TOXTCP_ERR_WRONG_KEY, "wrong_key"},
                           {TOXTCP_ERR_PROTOCOL, "protocol"},
                           {TOXTCP_ERR_OVERFLOW, "overflow"},
                           {TOXTCP_ERR_HOST_UNKNOWN, "host_unknown"},
                           {TOXTCP_ERR_NO_DESCRIPTOR, "no_descriptor"},
                           {TOXTCP_ERR_NETWORK, "network"},
                           {TOXTCP_ERR_REPLACED, "replaced"},
                           {TOXTCP_ERR_EVICTED, "evicted"},
                           {TOXTCP_ERR_SHUT_DOWN, "shut_down"},
                           {TOXTCP_ERR_NO_MEMORY, "no_memory"},
                           {TOXTCP_ERR_INVALID, "invalid"},
                           {TOXTCP_OK, "other"}};

uint32_t reason_of(int error)
{
    uint32_t reason = 0;

    while (reason < REASON_COUNT - 1 && reasons[reason].error != error) {
        reason++;
    }
    return reason;
}

const char *reason_name(uint32_t reason)
{
    return reasons[reason].name;
}

uint64_t tally_lost(const struct tally *tally)
{
    const uint64_t accounted = tally->received + tally->cut;

    return tally->sent > accounted ? tally->sent - accounted : 0;
}

void tally_merge(struct tally *tally, const struct tally *other)
{
    tally->sent += other->sent;
    tally->received += other->received;
    tally->duplicated += other->duplicated;
    tally->reordered += other->reordered;
    tally->corrupted += other->corrupted;
    tally->misdelivered += other->misdelivered;
    tally->refused += other->refused;
    tally->cut += other->cut;
    tally->credit_timeouts += other->credit_timeouts;
    tally->unnoticed += other->unnoticed;
    tally->unwoken += other->unwoken;
    tally->missing += other->missing;
    tally->arrived += other->arrived;
    tally->arrived_bytes += other->arrived_bytes;
    tally->connects_ok += other->connects_ok;
    tally->connects_failed += other->connects_failed;
    for (size_t i = 0; i < REASON_COUNT; i++) {
        tally->failed_by[i] += other->failed_by[i];
        tally->ended_by[i] += other->ended_by[i];
    }
    histogram_merge(&tally->times->one_way, &other->times->one_way);
    histogram_merge(&tally->times->round_trip, &other->times->round_trip);
    histogram_merge(&tally->times->connect, &other->times->connect);
    histogram_merge(&tally->times->send_delay, &other->times->send_delay);
    histogram_merge(&tally->times->gap, &other->times->gap);
    histogram_merge(&tally->times->recover, &other->times->recover);
    histogram_merge(&tally->times->wake, &other->times->wake);
    histogram_merge(&tally->times->wake_trips, &other->times->wake_trips);
}
