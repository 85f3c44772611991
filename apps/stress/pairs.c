/* Pairs that send to each other through the relay: throughput, latency, routes, oob. SPDX-License-Identifier: ISC
 *
 * Closed loop: `window` packets are in flight, and the receiver gives credit for each quarter of them. Open loop:
 * packets have moments laid down beforehand, at which they are sent or refused. */
#include <toxtcp/error.h>

#include "clock.h"
#include "pairs.h"

static const uint64_t credit_timeout_ns = NS_PER_S; /* then what is in flight is given up */

struct end *end_of(struct peer *peer)
{
    return (struct end *)peer;
}

struct end *end_other(struct end *end)
{
    struct pairs *pairs = end->peer.crew->state;

    return &pairs->ends[(size_t)(end - pairs->ends) ^ 1];
}

bool pairs_is_open_loop(const struct crew *crew)
{
    return crew->group->rate > 0;
}

/* --- Sending --- */

static int transmit(struct end *end, const uint8_t *bytes, size_t len)
{
    if (end->peer.crew->group->scenario->oob) {
        return toxtcp_client_send_oob(end->peer.client, &end_other(end)->keys.public_key, bytes, len);
    }
    return toxtcp_client_send(end->peer.client, end->route, bytes, len);
}

static void count_sent(struct end *end, struct out *out, uint64_t sent_ns)
{
    struct crew *crew = end->peer.crew;
    struct pairs *pairs = crew->state;

    out->next++;
    pairs->sent++;
    crew->pulse->sent++;
    if (worker_measures(crew->worker, sent_ns)) {
        crew->tally.sent++;
        out->beyond = out->next;
    } else if (out->measured == out->beyond) {
        out->measured = out->next;
        out->beyond = out->next;
    }
}

/* `intended_ns` and `sent_ns` as in struct payload. */
static int end_send(struct end *end, enum payload_kind kind, uint64_t intended_ns, size_t len, uint64_t sent_ns)
{
    struct crew *crew = end->peer.crew;
    struct pairs *pairs = crew->state;
    const enum lane lane = lane_of(kind);
    const struct payload payload = {.kind = kind,
                                    .run = end->inlet.run,
                                    .stream = end_other(end)->inlet.stream[lane],
                                    .sequence = end->out[lane].next,
                                    .intended_ns = intended_ns,
                                    .sent_ns = sent_ns};

    if (!end->online) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    payload_write(&payload, pairs->bytes, len);
    const int error = transmit(end, pairs->bytes, len);
    if (error == TOXTCP_OK) {
        count_sent(end, &end->out[lane], sent_ns);
    }
    return error;
}

static uint32_t in_flight(const struct end *end)
{
    return end->out[LANE_DATA].next - end->acked;
}

static bool is_sender(const struct end *end)
{
    const struct pairs *pairs = end->peer.crew->state;

    return end->peer.crew->group->both || (end - pairs->ends) % 2 == 0;
}

void end_pump(struct end *end)
{
    const struct crew *crew = end->peer.crew;
    uint64_t now_ns = clock_ns();

    if (!crew->begun || pairs_is_open_loop(crew) || !is_sender(end)) {
        return;
    }
    while (in_flight(end) < crew->group->window && worker_sends(crew->worker, now_ns) &&
           end_send(end, PAYLOAD_DATA, now_ns, crew->group->size, now_ns) == TOXTCP_OK) {
        now_ns = clock_ns();
    }
}

void end_restart_window(struct end *end, uint64_t now_ns)
{
    end->acked = end->out[LANE_DATA].next;
    end->progress_ns = now_ns;
    end_pump(end);
}

static void give_credit(struct end *end, uint64_t now_ns)
{
    if (end_send(end, PAYLOAD_CREDIT, end->inlet.arrivals[LANE_DATA].highest, PAYLOAD_MIN, now_ns) == TOXTCP_OK) {
        end->uncredited = 0;
        end->credit_due = false;
    } else {
        end->credit_due = true;
    }
}

/* Left on purpose, or not back yet: nothing is due. */
static bool is_away(const struct end *end)
{
    const struct pairs *pairs = end->peer.crew->state;

    return pairs->dies_ns != NULL && !end->online;
}

/* Open loop. */
static void on_due(void *user, uint64_t slot, uint64_t intended_ns)
{
    struct crew *crew = user;
    struct pairs *pairs = crew->state;
    const size_t senders = (size_t)pairs->count * (crew->group->both ? 2 : 1);
    struct end *end = &pairs->ends[slot % senders * (crew->group->both ? 1 : 2)];
    const uint64_t now_ns = clock_ns();
    const bool measured = worker_measures(crew->worker, intended_ns);

    if (!worker_sends(crew->worker, intended_ns) || is_away(end)) {
        return;
    }
    if (end_send(end, PAYLOAD_DATA, intended_ns, crew->group->size, intended_ns) != TOXTCP_OK) {
        crew->tally.refused += measured ? 1 : 0;
    } else if (measured) {
        histogram_add(&crew->times.send_delay, now_ns - intended_ns);
    }
}

/* --- Receiving --- */

static void on_data(struct end *end, const struct payload *payload, size_t len, uint64_t now_ns)
{
    struct crew *crew = end->peer.crew;
    const bool measured = worker_measures(crew->worker, payload->sent_ns);

    if (measured) {
        histogram_add(&crew->times.one_way, now_ns - payload->intended_ns);
    }
    if (crew->group->scenario->echo) {
        /* An echo counts when what it answers does: those of the slowest come when the measured time is over. */
        if (end_send(end, PAYLOAD_ECHO, payload->intended_ns, len, payload->sent_ns) != TOXTCP_OK) {
            crew->tally.refused += measured ? 1 : 0;
        }
        return;
    }
    histogram_add(&crew->pulse->latency, now_ns - payload->intended_ns);
    if (!pairs_is_open_loop(crew) && ++end->uncredited * 4 >= crew->group->window) {
        give_credit(end, now_ns);
    }
}

static void on_credit(struct end *end, const struct payload *payload, uint64_t now_ns)
{
    const uint32_t acked = (uint32_t)payload->intended_ns + 1;

    /* A credit from before the window was given up, or that came late, says nothing new. */
    if (acked - end->acked <= in_flight(end)) {
        end->acked = acked;
        end->progress_ns = now_ns;
        end_pump(end);
    }
}

static void act(struct end *end, const struct payload *payload, size_t len, uint64_t now_ns)
{
    struct crew *crew = end->peer.crew;

    switch (payload->kind) {
    case PAYLOAD_DATA:
        on_data(end, payload, len, now_ns);
        break;
    case PAYLOAD_ECHO:
        histogram_add(&crew->pulse->latency, now_ns - payload->intended_ns);
        if (worker_measures(crew->worker, payload->sent_ns)) {
            histogram_add(&crew->times.round_trip, now_ns - payload->intended_ns);
        }
        break;
    case PAYLOAD_CREDIT:
        on_credit(end, payload, now_ns);
        break;
    }
}

void pairs_data(struct peer *peer, const uint8_t *bytes, size_t len)
{
    struct end *end = end_of(peer);
    struct crew *crew = peer->crew;
    struct pairs *pairs = crew->state;
    const struct measured measured = worker_measured(crew->worker);
    const uint64_t now_ns = clock_ns();
    struct payload payload;

    crew->pulse->arrived++;
    crew->pulse->arrived_bytes += len;
    if (inlet_take(&end->inlet, &measured, bytes, len, now_ns, &crew->tally, &payload)) {
        pairs->received++;
        act(end, &payload, len, now_ns);
    }
}

void pairs_can_send(struct peer *peer)
{
    struct end *end = end_of(peer);

    if (end->credit_due) {
        give_credit(end, clock_ns());
    }
    end_pump(end);
}

/* --- The run --- */

static int start_pace(struct crew *crew)
{
    struct pairs *pairs = crew->state;
    const double rate = crew->group->rate * pairs->count * (crew->group->both ? 2 : 1);

    return worker_start_pace(crew->worker, &pairs->pace, rate, on_due, crew);
}

/* It is known when the load begins, and the pace does not run yet. */
static bool wants_pace(const struct crew *crew)
{
    const struct pairs *pairs = crew->state;

    return pairs_is_open_loop(crew) && pairs->count > 0 && pairs->pace.fd < 0 && !pairs->over &&
           atomic_load(&crew->worker->facts->schedule->begin_ns) != UINT64_MAX;
}

int pairs_begin(struct crew *crew)
{
    struct pairs *pairs = crew->state;
    const uint64_t now_ns = clock_ns();

    if (wants_pace(crew) && start_pace(crew) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < pairs->count * 2; i++) {
        end_restart_window(&pairs->ends[i], now_ns);
    }
    return 0;
}

static void check_windows(struct crew *crew, uint64_t now_ns)
{
    struct pairs *pairs = crew->state;

    for (uint32_t i = 0; i < pairs->count * 2; i++) {
        struct end *end = &pairs->ends[i];
        if (end->online && in_flight(end) > 0 && now_ns > end->progress_ns + credit_timeout_ns) {
            crew->tally.credit_timeouts++;
            end_restart_window(end, now_ns);
        }
    }
}

void pairs_tick(struct crew *crew, uint64_t now_ns)
{
    struct pairs *pairs = crew->state;

    if (wants_pace(crew)) {
        (void)start_pace(crew); /* before its time, so as not to be late; when that fails pairs_begin() says so */
    }
    if (now_ns >= worker_measured(crew->worker).to_ns) {
        /* What was due before the end, and is late. */
        pace_finish(&pairs->pace, worker_measured(crew->worker).to_ns);
        pairs->over = true;
    } else if (crew->begun && !pairs_is_open_loop(crew)) {
        check_windows(crew, now_ns);
    }
}

uint64_t pairs_outstanding(const struct crew *crew)
{
    const struct pairs *pairs = crew->state;

    if (!pairs->over) {
        return 1; /* this thread may be late to send what was due */
    }
    return pairs->sent > pairs->received ? pairs->sent - pairs->received : 0;
}
