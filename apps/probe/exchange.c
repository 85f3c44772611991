/* Packets between two identities, or from one to itself, by way of the relay. SPDX-License-Identifier: ISC */
#include "exchange.h"

/* Data stays within what every relay takes (docs/protocol.md, section 3). */
enum { DATA_ROUNDS = 5, OOB_ROUNDS = 5, OOB_SELF_ROUNDS = 3, BURST = 16, DATA_LONGEST = 1400 };

static uint32_t rounds_of(enum step step)
{
    return step == STEP_DATA ? DATA_ROUNDS : step == STEP_OOB ? OOB_ROUNDS : OOB_SELF_ROUNDS;
}

static size_t longest_of(enum step step)
{
    return step == STEP_DATA ? DATA_LONGEST : TOXTCP_OOB_MAX;
}

void exchange_count(struct exchange *exchange)
{
    struct step_result *found = exchange->found;

    found->sent = exchange->to_first.count + exchange->to_second.count;
    found->received = exchange->to_first.received + exchange->to_second.received;
    found->changed = exchange->to_first.changed + exchange->to_second.changed;
}

static bool route_is_lost(const struct exchange *exchange)
{
    return exchange->step == STEP_DATA && (exchange->first->route_status != TOXTCP_ROUTE_ONLINE ||
                                           exchange->second->route_status != TOXTCP_ROUTE_ONLINE);
}

static enum exchange_news done(struct exchange *exchange)
{
    struct step_result *found = exchange->found;

    exchange_count(exchange);
    if (found->changed > 0) {
        step_fail(found, FAULT_CHANGED, TOXTCP_OK);
    } else if (found->received < found->sent && route_is_lost(exchange)) {
        step_fail(found, FAULT_ROUTE_LOST, TOXTCP_OK);
    } else if (found->received < found->sent) {
        step_fail(found, FAULT_DROPPED, TOXTCP_OK);
    } else if (exchange->late) {
        step_fail(found, FAULT_NO_ANSWER, TOXTCP_OK);
    } else {
        step_pass(found);
    }
    return EXCHANGE_DONE;
}

/* --- Saying something --- */

static int say(struct exchange *exchange, bool by_first, bool full)
{
    const bool to_self = exchange->step == STEP_OOB_SELF;
    struct identity *from = by_first ? exchange->first : exchange->second;
    const struct identity *to = by_first == to_self ? exchange->first : exchange->second;
    struct talk *talk = by_first ? &exchange->talk_of_first : &exchange->talk_of_second;
    struct flight *flight = to == exchange->first ? &exchange->to_first : &exchange->to_second;
    size_t len;
    const uint8_t *bytes = talk_next(talk, flight, longest_of(exchange->step), full, &len);

    if (bytes == NULL) {
        return TOXTCP_ERR_FULL;
    }
    flight_sent(flight, probe_clock_ns());
    if (exchange->step == STEP_DATA) {
        return toxtcp_client_send(from->client, from->route, bytes, len);
    }
    return toxtcp_client_send_oob(from->client, &to->keys.public_key, bytes, len);
}

/* What cannot be sent at all is not the relay's doing, but for a route that it took back. */
static enum exchange_news moved(struct exchange *exchange, int error)
{
    if (error == TOXTCP_OK) {
        return EXCHANGE_MOVED;
    }
    const enum fault lost = exchange->step == STEP_DATA ? FAULT_ROUTE_LOST : FAULT_ENDED;
    step_fail(exchange->found, error == TOXTCP_ERR_NOT_CONNECTED ? lost : FAULT_OURS, error);
    return done(exchange);
}

static enum exchange_news begin_round(struct exchange *exchange)
{
    exchange->sent_ns = probe_clock_ns();
    return moved(exchange, say(exchange, true, exchange->rounds + 1 == rounds_of(exchange->step)));
}

static enum exchange_news begin_burst(struct exchange *exchange)
{
    int error = TOXTCP_OK;

    exchange->last = true;
    for (uint32_t i = 0; i < BURST && error == TOXTCP_OK; i++) {
        error = say(exchange, true, false);
        if (error == TOXTCP_OK) {
            error = say(exchange, false, false);
        }
    }
    return moved(exchange, error);
}

static enum exchange_news end_rounds(struct exchange *exchange)
{
    return exchange->step == STEP_DATA ? begin_burst(exchange) : done(exchange);
}

enum exchange_news exchange_begin(struct exchange *exchange, enum step step, struct step_result *found,
                                  struct identity *first, struct identity *second)
{
    exchange->step = step;
    exchange->found = found;
    exchange->first = first;
    exchange->second = second;
    flight_clear(&exchange->to_first);
    flight_clear(&exchange->to_second);
    talk_begin(&exchange->talk_of_first, &first->keys.public_key, true);
    talk_begin(&exchange->talk_of_second, &second->keys.public_key, false);
    exchange->rounds = 0;
    exchange->last = false;
    exchange->late = false;
    return begin_round(exchange);
}

/* --- Hearing something --- */

static enum exchange_news end_round(struct exchange *exchange)
{
    step_add_sample(exchange->found, probe_clock_ns() - exchange->sent_ns);
    exchange->rounds++;
    return exchange->rounds < rounds_of(exchange->step) ? begin_round(exchange) : end_rounds(exchange);
}

/* OOB comes from anybody who knows our key, and tells who that is. */
static bool is_expected(const struct exchange *exchange, bool at_first, const struct toxtcp_public_key *sender)
{
    if ((exchange->step == STEP_DATA) != (sender == NULL)) {
        return false;
    }
    const bool from_first = exchange->step == STEP_OOB_SELF ? at_first : !at_first;
    const struct identity *from = from_first ? exchange->first : exchange->second;
    return sender == NULL || toxtcp_public_key_equal(sender, &from->keys.public_key);
}

enum exchange_news exchange_arrived(struct exchange *exchange, const struct identity *receiver,
                                    const struct toxtcp_public_key *sender, const uint8_t *bytes, size_t len)
{
    const bool at_first = receiver == exchange->first;
    struct flight *flight = at_first ? &exchange->to_first : &exchange->to_second;

    if (!is_expected(exchange, at_first, sender) || !flight_take(flight, bytes, len)) {
        return EXCHANGE_NOTHING;
    }
    if (exchange->last) {
        return flight_is_over(&exchange->to_first) && flight_is_over(&exchange->to_second) ? done(exchange)
                                                                                           : EXCHANGE_MOVED;
    }
    if (!at_first) {
        return moved(exchange, say(exchange, false, exchange->rounds + 1 == rounds_of(exchange->step)));
    }
    return end_round(exchange);
}

/* Besides the time that the next thing has anyway, what is out gets as long again as it has been out. */
uint64_t exchange_wait(const struct exchange *exchange, uint64_t timeout_ns)
{
    const uint64_t now_ns = probe_clock_ns();
    const uint64_t to_first_ns = flight_oldest(&exchange->to_first, now_ns);
    const uint64_t to_second_ns = flight_oldest(&exchange->to_second, now_ns);
    const uint64_t oldest_ns = to_first_ns < to_second_ns ? to_first_ns : to_second_ns;

    return exchange->late ? timeout_ns + (now_ns - oldest_ns) : timeout_ns;
}

enum exchange_news exchange_timed_out(struct exchange *exchange)
{
    const bool was_late = exchange->late;

    exchange->late = true;
    if (exchange->last && (was_late || route_is_lost(exchange))) {
        return done(exchange);
    }
    if (exchange->step == STEP_DATA && !exchange->last) {
        return begin_burst(exchange);
    }
    exchange->last = true;
    return EXCHANGE_MOVED;
}
