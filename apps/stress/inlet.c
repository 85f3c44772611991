/* What comes in at one end of a pair, and what has been done to it. SPDX-License-Identifier: ISC */
#include "inlet.h"

enum lane lane_of(enum payload_kind kind)
{
    return kind == PAYLOAD_DATA ? LANE_DATA : LANE_ANSWER;
}

bool measured_has(const struct measured *measured, uint64_t moment_ns)
{
    return moment_ns >= measured->from_ns && moment_ns < measured->to_ns;
}

/* Those that were passed by are missing, until they come late. */
static void count_missing(struct inlet *inlet, enum lane lane, enum arrival arrival, uint32_t sequence,
                          struct tally *tally)
{
    const int32_t ahead = (int32_t)(sequence - inlet->expected[lane]);

    if (arrival == ARRIVAL_LATE) {
        tally->missing--;
    } else if (ahead >= 0) {
        tally->missing += ahead;
        inlet->expected[lane] = sequence + 1;
    }
}

bool inlet_take(struct inlet *inlet, const struct measured *measured, const uint8_t *bytes, size_t len, uint64_t now_ns,
                struct tally *tally, struct payload *payload)
{
    const uint64_t now_counts = measured_has(measured, now_ns) ? 1 : 0;

    tally->arrived += now_counts;
    tally->arrived_bytes += now_counts * len;
    if (!payload_read(bytes, len, payload)) {
        /* When it was sent is not known. In the measured time, if it comes after the end. */
        tally->corrupted += now_ns >= measured->from_ns ? 1 : 0;
        return false;
    }
    const enum lane lane = lane_of(payload->kind);
    const uint64_t counts = measured_has(measured, payload->sent_ns) ? 1 : 0;
    if (payload->run != inlet->run || payload->stream != inlet->stream[lane]) {
        tally->misdelivered += counts;
        return false;
    }
    const enum arrival arrival = arrivals_add(&inlet->arrivals[lane], payload->sequence);
    if (arrival == ARRIVAL_AGAIN) {
        tally->duplicated += counts;
        return false;
    }
    count_missing(inlet, lane, arrival, payload->sequence, tally);
    tally->received += counts;
    tally->reordered += arrival == ARRIVAL_LATE ? counts : 0;
    return true;
}
