/* Looks at one relay, from resolving its name to OOB to oneself. SPDX-License-Identifier: ISC
 *
 * The first identity is Ann, the second one Ben. Ann goes first; what fails for her is what is wrong with the relay.
 * Without Ben she still sends OOB to herself. At the end the pings that went out after the data have to be answered. */
#include "probe.h"

#include <ev.h>
#include <stdlib.h>

#include "exchange.h"
#include "identity.h"

/* A timer that comes so much later than it was due is late. */
enum { OVERDUE_NS = 250000000 };

struct probe {
    const struct probe_place *place;
    const struct relay_entry *entry;
    struct probe_result *result;
    struct identity ann;
    struct identity ben;
    struct exchange exchange;
    struct ev_timer timer;
    enum step step;  /* what is being tried */
    bool closing;    /* the later pings alone are not answered yet */
    uint64_t due_ns; /* the timer */
    bool forgiven;   /* the timer came too late, and what is waited for got the time again */
};

static uint64_t timeout_ns(const struct probe *probe)
{
    return (uint64_t)(probe->place->timeout_s * 1e9);
}

static void start_timer(struct probe *probe, uint64_t wait_ns)
{
    ev_timer_stop(probe->place->loop, &probe->timer);
    ev_now_update(probe->place->loop);
    ev_timer_set(&probe->timer, (double)wait_ns / 1e9, 0.);
    ev_timer_start(probe->place->loop, &probe->timer);
    probe->due_ns = probe_clock_ns() + wait_ns;
}

static void restart_timer(struct probe *probe)
{
    probe->forgiven = false;
    start_timer(probe, timeout_ns(probe));
}

static struct step_result *found(struct probe *probe)
{
    return &probe->result->steps[probe->step];
}

static void finish(struct probe *probe)
{
    ev_timer_stop(probe->place->loop, &probe->timer);
    probe->result->finished = true;
}

/* --- From step to step --- */

static void leave_exchange(struct probe *probe);

static void begin_exchange(struct probe *probe, enum step step)
{
    probe->step = step;
    restart_timer(probe);
    if (exchange_begin(&probe->exchange, step, found(probe), &probe->ann, &probe->ben) == EXCHANGE_DONE) {
        leave_exchange(probe);
    }
}

/* All else is over. */
static void end_pings(struct probe *probe)
{
    if (!identity_is_pinged(&probe->ann) && !identity_is_pinged(&probe->ben)) {
        finish(probe);
        return;
    }
    probe->closing = true;
    probe->step = STEP_PING;
    restart_timer(probe);
}

static void leave_exchange(struct probe *probe)
{
    switch (probe->step) {
    case STEP_DATA:
        /* Pings once more, when there has been some use of the relay. */
        identity_ping(&probe->ann);
        identity_ping(&probe->ben);
        begin_exchange(probe, STEP_OOB);
        return;
    case STEP_OOB:
        begin_exchange(probe, STEP_OOB_SELF);
        return;
    default:
        end_pings(probe);
        return;
    }
}

static void heed(struct probe *probe, enum exchange_news news)
{
    if (news == EXCHANGE_MOVED) {
        probe->forgiven = false;
        start_timer(probe, exchange_wait(&probe->exchange, timeout_ns(probe)));
    } else if (news == EXCHANGE_DONE) {
        leave_exchange(probe);
    }
}

static bool routes_are_online(const struct probe *probe)
{
    return probe->ann.route_status == TOXTCP_ROUTE_ONLINE && probe->ben.route_status == TOXTCP_ROUTE_ONLINE;
}

static void note_routes(struct probe *probe)
{
    struct step_result *route = &probe->result->steps[STEP_ROUTE];

    if (routes_are_online(probe) && route->sample_count == 0) {
        step_add_sample(route, probe_clock_ns() - probe->ben.open_ns);
    }
    if (probe->step != STEP_ROUTE) {
        return;
    }
    if (routes_are_online(probe)) {
        step_pass(route);
        begin_exchange(probe, STEP_DATA);
    } else if (probe->ann.route_status == TOXTCP_ROUTE_REFUSED || probe->ben.route_status == TOXTCP_ROUTE_REFUSED) {
        step_fail(route, FAULT_REFUSED, TOXTCP_OK);
        begin_exchange(probe, STEP_OOB);
    }
}

static void lose_ben(struct probe *probe, enum fault fault, int error)
{
    step_fail(found(probe), fault, error);
    identity_close(&probe->ben);
    begin_exchange(probe, STEP_OOB_SELF);
}

/* By the address that Ann has reached: a name may stand for several relays. */
static void call_ben(struct probe *probe)
{
    struct toxtcp_endpoint endpoint = {.host = NULL};

    probe->step = STEP_SECOND;
    restart_timer(probe);
    identity_remote(&probe->ann, &probe->result->address);
    endpoint.address = probe->result->address;
    const int error = identity_open(&probe->ben, probe->place->env, &endpoint, &probe->entry->public_key,
                                    &probe->ann.keys.public_key);
    if (error != TOXTCP_OK) {
        lose_ben(probe, fault_of_error(error), error);
    }
}

/* --- What the identities say --- */

static enum step step_of(enum phase phase)
{
    switch (phase) {
    case PHASE_RESOLVING:
        return STEP_RESOLVE;
    case PHASE_CONNECTING:
        return STEP_CONNECT;
    case PHASE_HANDSHAKING:
        return STEP_HANDSHAKE;
    default:
        return STEP_PING;
    }
}

static void on_advanced(void *user, struct identity *identity, enum phase ended, uint64_t took_ns)
{
    struct probe *probe = user;
    const enum step step = step_of(ended);

    if (probe->result->finished) {
        return;
    }
    step_add_sample(&probe->result->steps[step], took_ns);
    restart_timer(probe);
    if (identity == &probe->ann) {
        step_pass(&probe->result->steps[step]);
        probe->step = (enum step)(step + 1);
    }
    if (identity->phase != PHASE_UP) {
        return;
    }
    if (identity == &probe->ann) {
        call_ben(probe);
    } else {
        step_pass(found(probe));
        probe->step = STEP_ROUTE;
        note_routes(probe);
    }
}

/* Of Ben, who is needed no more. */
static void miss_ben(struct probe *probe, enum fault fault, int error)
{
    step_fail(found(probe), fault, error);
    identity_close(&probe->ben);
    if (probe->closing) {
        end_pings(probe);
    }
}

static void on_over(void *user, struct identity *identity, enum phase phase, int error)
{
    struct probe *probe = user;
    const enum fault fault = fault_of_end(probe->step, error);

    (void)phase;
    if (probe->result->finished) {
        return;
    }
    if (probe->step >= STEP_DATA) {
        exchange_count(&probe->exchange);
    }
    if (identity == &probe->ann) {
        step_fail(found(probe), fault, error);
        finish(probe);
    } else if (probe->step == STEP_OOB_SELF || probe->closing) {
        miss_ben(probe, fault, error);
    } else {
        lose_ben(probe, fault, error);
    }
}

static void on_pinged(void *user, struct identity *identity, uint64_t took_ns)
{
    struct probe *probe = user;

    (void)identity;
    step_add_sample(&probe->result->steps[STEP_PING], took_ns);
    if (probe->closing && !probe->result->finished) {
        end_pings(probe);
    }
}

static void on_route(void *user, struct identity *identity, enum toxtcp_route_status status)
{
    struct probe *probe = user;

    (void)identity;
    (void)status;
    if (!probe->result->finished) {
        note_routes(probe);
    }
}

static void on_data(void *user, struct identity *identity, const uint8_t *data, size_t len)
{
    struct probe *probe = user;

    if (probe->step >= STEP_DATA && !probe->result->finished) {
        heed(probe, exchange_arrived(&probe->exchange, identity, NULL, data, len));
    }
}

static void on_oob(void *user, struct identity *identity, const struct toxtcp_public_key *sender, const uint8_t *data,
                   size_t len)
{
    struct probe *probe = user;

    if (probe->step >= STEP_DATA && !probe->result->finished) {
        heed(probe, exchange_arrived(&probe->exchange, identity, sender, data, len));
    }
}

static const struct identity_owner owner = {
    .advanced = on_advanced, .over = on_over, .pinged = on_pinged, .route = on_route, .data = on_data, .oob = on_oob};

/* Late itself, it says nothing about the relay: this process was stopped, or had no turn. What has arrived meanwhile is
 * read first, and what was on its way gets its time. */
static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct probe *probe = timer->data;

    (void)loop;
    (void)events;
    if (!probe->forgiven && probe_clock_ns() > probe->due_ns + OVERDUE_NS) {
        probe->forgiven = true;
        start_timer(probe, timeout_ns(probe));
        return;
    }
    switch (probe->step) {
    case STEP_SECOND:
        lose_ben(probe, FAULT_NO_ANSWER, TOXTCP_ERR_TIMED_OUT);
        return;
    case STEP_ROUTE:
        step_fail(found(probe), FAULT_NO_ANSWER, TOXTCP_ERR_TIMED_OUT);
        begin_exchange(probe, STEP_OOB);
        return;
    case STEP_DATA:
    case STEP_OOB:
    case STEP_OOB_SELF:
        heed(probe, exchange_timed_out(&probe->exchange));
        return;
    default:
        step_fail(found(probe), FAULT_NO_ANSWER, TOXTCP_ERR_TIMED_OUT);
        finish(probe);
        return;
    }
}

/* --- Life --- */

static void begin(struct probe *probe)
{
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(probe->entry);

    if (endpoint.host == NULL) {
        step_pass(found(probe));
        probe->step = STEP_CONNECT;
    }
    restart_timer(probe);
    const int error = identity_open(&probe->ann, probe->place->env, &endpoint, &probe->entry->public_key,
                                    &probe->ben.keys.public_key);
    if (error == TOXTCP_OK) {
        return;
    }
    if (error == TOXTCP_ERR_INVALID) {
        probe->step = STEP_HANDSHAKE;
    }
    step_fail(found(probe), fault_of_error(error), error);
    finish(probe);
}

struct probe *probe_new(const struct probe_place *place, const struct relay_entry *entry, struct probe_result *result)
{
    struct probe *probe = calloc(1, sizeof *probe);

    if (probe == NULL) {
        return NULL;
    }
    probe->place = place;
    probe->entry = entry;
    probe->result = result;
    identity_init(&probe->ann, place->env, place->ev, &owner, probe);
    identity_init(&probe->ben, place->env, place->ev, &owner, probe);
    ev_timer_init(&probe->timer, on_timer, 0., 0.);
    ev_set_priority(&probe->timer, EV_MINPRI); /* what has arrived counts, though it be in the same turn */
    probe->timer.data = probe;
    begin(probe);
    return probe;
}

bool probe_look(struct probe *probe)
{
    if (!probe->result->finished) {
        identity_look(&probe->ann);
        identity_look(&probe->ben);
    }
    return probe->result->finished;
}

void probe_free(struct probe *probe)
{
    if (probe == NULL) {
        return;
    }
    ev_timer_stop(probe->place->loop, &probe->timer);
    identity_close(&probe->ann);
    identity_close(&probe->ben);
    free(probe);
}
