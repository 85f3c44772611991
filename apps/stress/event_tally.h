/* What the clients of a crew have seen of each event. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_EVENT_TALLY_H
#define APPS_STRESS_EVENT_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../common/histogram.h"
#include "events.h"

/* What is on its way when a relay goes is lost by that: the time of such an event begins a little before it. */
#define EVENT_LEAD_NS UINT64_C(100000000)

/* From an event, done or not, to the next one. Whether it was done shows at the end; if not, this belongs to the one
 * before. */
struct event_span {
    uint64_t sent;
    uint64_t received;
    uint64_t lead_sent; /* in the lead of the next one, which is no longer than the span */
    uint64_t lead_received;
    uint64_t gap_ns; /* the longest between two arrivals at a receiver that touches it */
};

struct event_tally {
    struct event_span span;
    uint64_t receivers;         /* to which a packet was due after it */
    struct histogram recover;   /* of these: until the first packet arrived that was sent after it */
    struct histogram reconnect; /* of a relay that came back: until a client was connected to it */
};

/* What came in the time of one that was done. */
struct event_figures {
    uint64_t sent;
    uint64_t received;
    uint64_t gap_ns;
};

/* What the main thread says of an event. */
struct event_moment {
    _Atomic uint64_t at_ns; /* when it was done: before a relay comes, after it went; UINT64_MAX: not yet */
    _Atomic uint32_t relay; /* its index, once it was done */
};

/* When events are due. */
struct event_plan {
    const struct events *events;
    uint64_t measure_ns; /* UINT64_MAX: not known yet */
};

/* The tallies of a crew: that many, the first one of what comes before any event. */
enum { EVENT_TALLIES_MAX = EVENTS_MAX + 1 };

/* Adds packets that were sent in that moment. */
void event_tally_packets(struct event_tally *tallies, const struct event_plan *plan, uint64_t sent_ns, uint32_t sent,
                         uint32_t received);

/* Nothing came to a receiver from then to then. */
void event_tally_gap(struct event_tally *tallies, const struct event_plan *plan, uint64_t from_ns, uint64_t to_ns);

void event_tally_merge(struct event_tally *tally, const struct event_tally *other);

/* What came in the time of the event of that index, which was done: all until the next one that was done, whatever was
 * not done in between. Those of one moment share it. */
struct event_figures event_tally_sum(const struct event_tally *tallies, const struct events *events, const bool *done,
                                     uint32_t index);

#endif
