/* What the clients of a crew have seen of each event. SPDX-License-Identifier: ISC */
#include "event_tally.h"

#include <stddef.h>

/* How many events have been due at that moment: the span that it is in. */
static uint32_t span_of(const struct event_plan *plan, uint64_t moment_ns)
{
    const struct events *events = plan->events;
    uint32_t due = 0;

    while (plan->measure_ns != UINT64_MAX && due < events->count &&
           moment_ns >= event_due_ns(&events->list[due], plan->measure_ns)) {
        due++;
    }
    return due;
}

/* Whether after the span a relay goes, of those events that were done or, with NULL, of all. */
static bool ends_in_loss(const struct events *events, const bool *done, uint32_t span)
{
    for (uint32_t i = span; i < events->count && events->list[i].at_s <= events->list[span].at_s; i++) {
        if (!event_revives(events->list[i].action) && (done == NULL || done[i])) {
            return true;
        }
    }
    return false;
}

void event_tally_packets(struct event_tally *tallies, const struct event_plan *plan, uint64_t sent_ns, uint32_t sent,
                         uint32_t received)
{
    const struct events *events = plan->events;
    const uint32_t number = span_of(plan, sent_ns);
    struct event_span *span = &tallies[number].span;

    if (plan->measure_ns != UINT64_MAX && ends_in_loss(events, NULL, number) &&
        sent_ns + EVENT_LEAD_NS >= event_due_ns(&events->list[number], plan->measure_ns)) {
        span->lead_sent += sent;
        span->lead_received += received;
    } else {
        span->sent += sent;
        span->received += received;
    }
}

void event_tally_gap(struct event_tally *tallies, const struct event_plan *plan, uint64_t from_ns, uint64_t to_ns)
{
    const uint32_t last = span_of(plan, to_ns);

    for (uint32_t i = span_of(plan, from_ns); i <= last; i++) {
        if (to_ns - from_ns > tallies[i].span.gap_ns) {
            tallies[i].span.gap_ns = to_ns - from_ns;
        }
    }
}

void event_tally_merge(struct event_tally *tally, const struct event_tally *other)
{
    struct event_span *span = &tally->span;

    span->sent += other->span.sent;
    span->received += other->span.received;
    span->lead_sent += other->span.lead_sent;
    span->lead_received += other->span.lead_received;
    if (other->span.gap_ns > span->gap_ns) {
        span->gap_ns = other->span.gap_ns;
    }
    tally->receivers += other->receivers;
    histogram_merge(&tally->recover, &other->recover);
    histogram_merge(&tally->reconnect, &other->reconnect);
}

/* --- What was done --- */

/* Whether no event that was done lies between this one's moment and the span. */
static bool reaches(const struct events *events, const bool *done, uint32_t index, uint32_t span)
{
    for (uint32_t i = span; i > 0; i--) {
        if (done[i - 1]) {
            return events->list[i - 1].at_s <= events->list[index].at_s && i > index;
        }
    }
    return false;
}

struct event_figures event_tally_sum(const struct event_tally *tallies, const struct events *events, const bool *done,
                                     uint32_t index)
{
    struct event_figures figures = {.sent = 0};

    for (uint32_t i = 0; i <= events->count; i++) {
        const struct event_span *span = &tallies[i].span;
        const bool own = reaches(events, done, index, i);
        const bool own_lead = ends_in_loss(events, done, i) ? events->list[i].at_s == events->list[index].at_s : own;

        figures.sent += own ? span->sent : 0;
        figures.received += own ? span->received : 0;
        figures.sent += own_lead ? span->lead_sent : 0;
        figures.received += own_lead ? span->lead_received : 0;
        figures.gap_ns = own && span->gap_ns > figures.gap_ns ? span->gap_ns : figures.gap_ns;
    }
    return figures;
}
