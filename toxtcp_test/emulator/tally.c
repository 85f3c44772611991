/* Counts the packets that pass a point in one direction, by what they are. SPDX-License-Identifier: ISC */
#include "emulator/tally.h"

#include <string.h>

const char *const tally_names[TALLY_KINDS] = {
    [TALLY_PACKETS] = "packets",
    [TALLY_BYTES] = "bytes",
    [TALLY_SEGMENTS] = "segments",
    [TALLY_SYN] = "syn",
    [TALLY_SYN_DATA] = "syn-data",
    [TALLY_DATA] = "data",
    [TALLY_ACK] = "ack",
    [TALLY_FIN] = "fin",
    [TALLY_FIN_DATA] = "fin-data",
    [TALLY_RST] = "rst",
    [TALLY_FAST_OPEN] = "fast-open",
    [TALLY_PAYLOAD] = "payload",
    [TALLY_AGAIN] = "again",
    [TALLY_AGAIN_PAYLOAD] = "again-payload",
};

static bool same_end(const struct segment_end *a, const struct segment_end *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct tally_flow *new_flow(struct tally *tally)
{
    for (size_t i = 0; i < TALLY_FLOWS_MAX; i++) {
        if (tally->flows[i].last.version == 0) {
            return &tally->flows[i];
        }
    }
    tally->replace = (tally->replace + 1) % TALLY_FLOWS_MAX;
    return &tally->flows[tally->replace];
}

static struct tally_flow *find_flow(struct tally *tally, const struct segment *segment)
{
    for (size_t i = 0; i < TALLY_FLOWS_MAX; i++) {
        struct tally_flow *flow = &tally->flows[i];
        if (flow->last.version == segment->version && same_end(&flow->last.source, &segment->source) &&
            same_end(&flow->last.destination, &segment->destination)) {
            return flow;
        }
    }
    return NULL;
}

/* How far back a number may be and still belong to the same stream: TCP's largest window. */
enum { WINDOW_MAX = 1 << 30 };

static bool starts_anew(const struct tally_flow *flow, const struct segment *segment)
{
    const uint32_t behind = flow->next - segment->sequence;

    return (segment->flags & SEGMENT_SYN) != 0 && (flow->over || behind == 0 || behind > WINDOW_MAX);
}

/* Notes what the segment brings. Returns how much of its data was seen before; `*again` is whether anything was. */
static size_t follow(struct tally *tally, const struct segment *segment, bool *again)
{
    struct tally_flow *flow = find_flow(tally, segment);
    const uint32_t end = segment_end_sequence(segment);
    size_t old = 0;

    *again = false;
    if (flow == NULL || starts_anew(flow, segment)) {
        flow = flow != NULL ? flow : new_flow(tally);
        memset(flow, 0, sizeof *flow);
        flow->next = segment->sequence;
    }
    if ((int32_t)(flow->next - segment->sequence) > 0 && end != segment->sequence) {
        const uint32_t overlap = flow->next - segment->sequence;
        const uint32_t syn = (segment->flags & SEGMENT_SYN) != 0 ? 1 : 0;
        *again = true;
        old = overlap - syn < segment->payload_len ? overlap - syn : segment->payload_len;
    }
    if ((int32_t)(end - flow->next) > 0) {
        flow->next = end;
    }
    flow->last = *segment;
    flow->over |= (segment->flags & (SEGMENT_FIN | SEGMENT_RST)) != 0;
    return old;
}

static enum tally_kind kind_of(const struct segment *segment)
{
    const bool data = segment->payload_len > 0;

    if ((segment->flags & SEGMENT_RST) != 0) {
        return TALLY_RST;
    }
    if ((segment->flags & SEGMENT_SYN) != 0) {
        return data ? TALLY_SYN_DATA : TALLY_SYN;
    }
    if ((segment->flags & SEGMENT_FIN) != 0) {
        return data ? TALLY_FIN_DATA : TALLY_FIN;
    }
    return data ? TALLY_DATA : TALLY_ACK;
}

void tally_add(struct tally *tally, const struct segment *segment, size_t len)
{
    bool again;

    tally->counts[TALLY_PACKETS]++;
    tally->counts[TALLY_BYTES] += len;
    if (!segment->tcp) {
        return;
    }
    tally->counts[TALLY_SEGMENTS]++;
    tally->counts[kind_of(segment)]++;
    tally->counts[TALLY_PAYLOAD] += segment->payload_len;
    tally->counts[TALLY_FAST_OPEN] += (segment->flags & SEGMENT_SYN) != 0 && segment->fast_open ? 1 : 0;
    tally->counts[TALLY_AGAIN_PAYLOAD] += follow(tally, segment, &again);
    tally->counts[TALLY_AGAIN] += again ? 1 : 0;
}

void tally_zero(struct tally *tally)
{
    memset(tally->counts, 0, sizeof tally->counts);
}
