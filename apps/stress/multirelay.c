/* Pairs on TCP_connections that send at a rate while relays come and go. SPDX-License-Identifier: ISC
 *
 * The receiver acknowledges, and what became of packets is reported to the library, as a layer above it would; but what
 * is lost stays lost, so that it can be counted. */
#include <toxtcp/error.h>

#include "clock.h"
#include "fleet.h"
#include "flights.h"

/* Over so many an acknowledgement does not wait for the next tick: it names 33. */
enum { UNACKED_MAX = 16 };

struct courier {
    struct sailor sailor;
    struct flights flights;
    uint32_t primary;     /* the mate's number of the relay that took the last packet */
    bool has_primary;     /* it is counted */
    uint32_t ack_before;  /* as in flights_acked() */
    uint32_t ack_highest; /* received */
    uint32_t unacked;
    bool heard;
    uint64_t heard_ns;    /* when data came last */
    uint64_t gap_ns;      /* the longest between two arrivals */
    uint32_t awaits;      /* a bit for each event: a packet for it was due after that */
    uint32_t recovered;   /* the same: one came */
    uint32_t reconnected; /* the same */
};

static struct courier *courier_at(const struct fleet *fleet, uint32_t number)
{
    return (struct courier *)fleet_sailor(fleet, number);
}

static bool is_receiver(const struct courier *courier)
{
    return courier->sailor.mate.crew->group->both || fleet_number(&courier->sailor) % 2 == 1;
}

/* --- What becomes of packets --- */

static void report(struct courier *courier, const struct flights_news *news)
{
    const struct mate *mate = &courier->sailor.mate;

    for (uint32_t i = 0; i < mate->relay_count; i++) {
        if (news->delivered[i] > 0) {
            (void)toxtcp_peer_report_delivered(mate->connections, mate->other, mate->relays[i].handle,
                                               news->delivered[i]);
        }
        if (news->lost[i] > 0) {
            (void)toxtcp_peer_report_lost(mate->connections, mate->other, mate->relays[i].handle, news->lost[i]);
        }
    }
}

/* So that "primary" has a meaning for the main thread. */
static void note_primary(struct courier *courier, uint32_t number)
{
    const struct mate *mate = &courier->sailor.mate;
    _Atomic uint32_t *primaries = mate->crew->primaries;

    if (courier->has_primary && courier->primary == number) {
        return;
    }
    if (courier->has_primary) {
        atomic_fetch_sub_explicit(&primaries[mate_relay_index(mate, courier->primary)], 1, memory_order_relaxed);
    }
    courier->has_primary = true;
    courier->primary = number;
    atomic_fetch_add_explicit(&primaries[mate_relay_index(mate, number)], 1, memory_order_relaxed);
}

static void note_flight(struct courier *courier, uint64_t now_ns)
{
    const struct mate *mate = &courier->sailor.mate;
    struct flights_news news = {.lost = {0}};
    struct toxtcp_relay handle;

    if (toxtcp_peer_last_relay(mate->connections, mate->other, &handle) != TOXTCP_OK) {
        return;
    }
    const uint32_t number = mate_relay_number(mate, handle);
    if (number < TOXTCP_PEER_RELAYS_MAX) {
        note_primary(courier, number);
        flights_sent(&courier->flights, courier->sailor.next[LANE_DATA] - 1, (uint8_t)number, now_ns, &news);
        report(courier, &news);
    }
}

/* The events that were done by that moment, a bit for each. */
static uint32_t events_before(const struct crew *crew, uint64_t moment_ns)
{
    const struct run_facts *facts = crew->worker->facts;
    uint32_t bits = 0;

    for (uint32_t i = 0; i < facts->options->events.count; i++) {
        if (atomic_load_explicit(&facts->moments[i].at_ns, memory_order_relaxed) <= moment_ns) {
            bits |= UINT32_C(1) << i;
        }
    }
    return bits;
}

static void on_due(void *user, uint64_t slot, uint64_t intended_ns)
{
    struct crew *crew = user;
    struct fleet *fleet = crew->state;
    const uint32_t step = crew->group->both ? 1 : 2;
    struct courier *courier = courier_at(fleet, (uint32_t)(slot % (fleet->count / step)) * step);
    const uint64_t now_ns = clock_ns();
    const bool measured = worker_measures(crew->worker, intended_ns);

    if (!worker_sends(crew->worker, intended_ns)) {
        return;
    }
    struct courier *receiver = (struct courier *)fleet_other(&courier->sailor);
    receiver->awaits |= events_before(crew, intended_ns);
    if (fleet_send(&courier->sailor, PAYLOAD_DATA, intended_ns, crew->group->size, intended_ns) != TOXTCP_OK) {
        crew->tally.refused += measured ? 1 : 0;
        return;
    }
    note_flight(courier, now_ns);
    if (measured) {
        histogram_add(&crew->times.send_delay, now_ns - intended_ns);
    }
}

/* --- Gaps --- */

/* Nothing came from when it was heard last until now. */
static void note_gap(struct courier *courier, uint64_t now_ns)
{
    struct crew *crew = courier->sailor.mate.crew;
    const struct measured measured = worker_measured(crew->worker);
    const struct event_plan plan = worker_event_plan(crew->worker);
    const uint64_t from_ns = courier->heard_ns > measured.from_ns ? courier->heard_ns : measured.from_ns;
    const uint64_t to_ns = now_ns < measured.to_ns ? now_ns : measured.to_ns;

    if (measured.from_ns == UINT64_MAX || to_ns <= from_ns) {
        return;
    }
    if (to_ns - from_ns > courier->gap_ns) {
        courier->gap_ns = to_ns - from_ns;
    }
    event_tally_gap(crew->events, &plan, from_ns, to_ns);
}

/* Each event after which a packet was sent that now came. */
static void note_recovery(struct courier *courier, uint64_t sent_ns, uint64_t now_ns)
{
    struct crew *crew = courier->sailor.mate.crew;
    const struct run_facts *facts = crew->worker->facts;
    const uint32_t fresh = events_before(crew, sent_ns) & ~courier->recovered;

    courier->awaits |= fresh;
    courier->recovered |= fresh;
    for (uint32_t i = 0; i < facts->options->events.count; i++) {
        if ((fresh >> i & 1) != 0) {
            const uint64_t at_ns = atomic_load_explicit(&facts->moments[i].at_ns, memory_order_relaxed);
            histogram_add(&crew->events[i + 1].recover, now_ns - at_ns);
        }
    }
}

/* When something else was done to the relay of an event. */
static uint64_t is_over_ns(const struct run_facts *facts, uint32_t event)
{
    const uint32_t relay = atomic_load(&facts->moments[event].relay);

    for (uint32_t i = event + 1; i < facts->options->events.count; i++) {
        const uint64_t at_ns = atomic_load(&facts->moments[i].at_ns);
        if (at_ns != UINT64_MAX && atomic_load(&facts->moments[i].relay) == relay) {
            return at_ns;
        }
    }
    return UINT64_MAX;
}

static bool came_back_by(const struct courier *courier, uint32_t event, uint64_t *after_ns)
{
    const struct mate *mate = &courier->sailor.mate;
    const struct run_facts *facts = mate->crew->worker->facts;
    const uint64_t at_ns = atomic_load(&facts->moments[event].at_ns);
    const uint64_t over_ns = is_over_ns(facts, event);
    const uint32_t index = atomic_load(&facts->moments[event].relay);

    for (uint32_t i = 0; i < mate->relay_count; i++) {
        const struct mate_relay *relay = &mate->relays[i];
        if (mate_relay_index(mate, i) == index && relay->state == TOXTCP_RELAY_CONNECTED && relay->since_ns >= at_ns &&
            relay->since_ns < over_ns) {
            *after_ns = relay->since_ns - at_ns;
            return true;
        }
    }
    return false;
}

/* Looked at again and again: a relay may be connected before the main thread has said when it came. */
static void note_reconnects(struct courier *courier)
{
    struct crew *crew = courier->sailor.mate.crew;
    const struct events *events = &crew->worker->facts->options->events;
    uint64_t after_ns;

    for (uint32_t i = 0; i < events->count; i++) {
        if (event_revives(events->list[i].action) && (courier->reconnected >> i & 1) == 0 &&
            came_back_by(courier, i, &after_ns)) {
            courier->reconnected |= UINT32_C(1) << i;
            histogram_add(&crew->events[i + 1].reconnect, after_ns);
        }
    }
}

/* --- Receiving --- */

static void acknowledge(struct courier *courier, uint64_t now_ns)
{
    const uint64_t word = courier->ack_highest | (uint64_t)courier->ack_before << 32;

    if (fleet_send(&courier->sailor, PAYLOAD_CREDIT, word, PAYLOAD_MIN, now_ns) == TOXTCP_OK) {
        courier->unacked = 0;
    }
}

static void note_arrival(struct courier *courier, uint32_t sequence)
{
    const uint32_t ahead = sequence - courier->ack_highest;

    if (!courier->heard) {
        courier->heard = true;
        courier->ack_highest = sequence;
    } else if ((int32_t)ahead > 0) {
        const uint64_t before = (uint64_t)courier->ack_before << 1 | 1;
        courier->ack_before = ahead > 32 ? 0 : (uint32_t)(before << (ahead - 1));
        courier->ack_highest = sequence;
    } else if (courier->ack_highest - sequence <= 32) {
        courier->ack_before |= UINT32_C(1) << (courier->ack_highest - sequence - 1);
    }
    courier->unacked++;
}

static void on_data(struct courier *courier, const struct payload *payload, uint64_t now_ns)
{
    struct crew *crew = courier->sailor.mate.crew;

    histogram_add(&crew->pulse->latency, now_ns - payload->intended_ns);
    if (worker_measures(crew->worker, payload->sent_ns)) {
        histogram_add(&crew->times.one_way, now_ns - payload->intended_ns);
    }
    note_gap(courier, now_ns);
    courier->heard_ns = now_ns;
    note_recovery(courier, payload->sent_ns, now_ns);
    note_arrival(courier, payload->sequence);
    if (courier->unacked >= UNACKED_MAX) {
        acknowledge(courier, now_ns);
    }
}

static void multirelay_data(struct mate *mate, struct toxtcp_relay relay, const uint8_t *bytes, size_t len)
{
    struct courier *courier = (struct courier *)mate;
    const uint64_t now_ns = clock_ns();
    struct payload payload;

    (void)relay;
    if (!fleet_take(&courier->sailor, bytes, len, now_ns, &payload)) {
        return;
    }
    if (payload.kind == PAYLOAD_DATA) {
        on_data(courier, &payload, now_ns);
    } else if (payload.kind == PAYLOAD_CREDIT) {
        struct flights_news news = {.lost = {0}};
        flights_acked(&courier->flights, (uint32_t)payload.intended_ns, (uint32_t)(payload.intended_ns >> 32), now_ns,
                      &news);
        report(courier, &news);
    }
}

/* --- The run --- */

static int multirelay_start(struct crew *crew)
{
    if (fleet_start(crew, sizeof(struct courier), 0) != 0) {
        return -1;
    }
    struct fleet *fleet = crew->state;
    for (uint32_t i = 0; i < fleet->count; i += crew->group->both ? 1 : 2) {
        if (flights_init(&courier_at(fleet, i)->flights, crew->group->rate) != 0) {
            return -1;
        }
    }
    return 0;
}

static int multirelay_begin(struct crew *crew)
{
    struct fleet *fleet = crew->state;
    const uint32_t senders = fleet->count / (crew->group->both ? 1 : 2);

    if (senders == 0) {
        return 0;
    }
    return worker_start_pace(crew->worker, &fleet->pace, crew->group->rate * senders, on_due, crew);
}

static void multirelay_tick(struct crew *crew, uint64_t now_ns)
{
    struct fleet *fleet = crew->state;

    if (now_ns >= worker_measured(crew->worker).to_ns) {
        /* What was due before the end, and is late. */
        pace_finish(&fleet->pace, worker_measured(crew->worker).to_ns);
    }
    for (uint32_t i = 0; i < fleet->opened; i++) {
        struct courier *courier = courier_at(fleet, i);
        struct flights_news news = {.lost = {0}};
        if (courier->unacked > 0) {
            acknowledge(courier, now_ns);
        }
        flights_expire(&courier->flights, now_ns, &news);
        report(courier, &news);
        note_reconnects(courier);
    }
    fleet_tick(crew, now_ns);
}

static void sum_up(struct courier *courier)
{
    struct crew *crew = courier->sailor.mate.crew;

    note_gap(courier, UINT64_MAX);
    /* None when it was called off before the measured time. */
    if (courier->gap_ns > 0) {
        histogram_add(&crew->times.gap, courier->gap_ns);
    }
    for (uint32_t i = 0; i < crew->worker->facts->options->events.count; i++) {
        crew->events[i + 1].receivers += courier->awaits >> i & 1;
    }
}

static void multirelay_finish(struct crew *crew)
{
    struct fleet *fleet = crew->state;

    for (uint32_t i = 0; fleet != NULL && i < fleet->count; i++) {
        struct courier *courier = courier_at(fleet, i);
        if (crew->begun && is_receiver(courier)) {
            sum_up(courier);
        }
        flights_free(&courier->flights);
    }
    fleet_finish(crew);
}

const struct engine engine_multirelay = {.in_pairs = true,
                                         .start = multirelay_start,
                                         .begin = multirelay_begin,
                                         .tick = multirelay_tick,
                                         .outstanding = fleet_outstanding,
                                         .key = fleet_key,
                                         .finish = multirelay_finish,
                                         .mate_online = fleet_online,
                                         .mate_data = multirelay_data};
