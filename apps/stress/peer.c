/* One client of a relay, that may come and go. SPDX-License-Identifier: ISC */
#include "peer.h"

#include <stddef.h>
#include <sys/socket.h>

#include <utlist.h>

#include "clock.h"
#include "worker.h"

/* More do not make a relay faster, and would wait in its queue of new streams until they time out. */
enum { DIALLING_MAX = 256 };

/* 127.10.0.0 and up, so that what else is on this machine comes from other addresses. */
enum { SOURCE_NET = 127, SOURCE_SUBNET = 10, SOURCES_DEFAULT = 1024 };

static void count_attempt_over(struct peer *peer)
{
    if (peer->state == PEER_DIALLING) {
        peer->crew->worker->line.dialling--;
    }
}

static bool counts(const struct crew *crew, uint64_t now_ns)
{
    return !crew->engine->counts_measured_connects || worker_measures(crew->worker, now_ns);
}

static void gone(struct peer *peer, int error)
{
    struct crew *crew = peer->crew;
    const uint64_t counted = counts(crew, clock_ns()) ? 1 : 0;

    if (peer->state == PEER_UP) {
        crew->up--;
        crew->tally.ended_by[reason_of(error)] += counted;
    } else {
        atomic_fetch_add_explicit(&crew->worker->failed, 1, memory_order_relaxed);
        crew->tally.connects_failed += counted;
        crew->tally.failed_by[reason_of(error)] += counted;
    }
    count_attempt_over(peer);
    toxtcp_client_free(peer->client);
    peer->client = NULL;
    peer->state = PEER_AWAY;
    crew->engine->down(peer, error);
}

/* --- What the client says --- */

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    (void)client;
    gone(user, error);
}

/* The first pong: the relay has opened a packet of ours, so it has confirmed us. */
static void on_measured(void *user, struct toxtcp_client *client)
{
    struct peer *peer = user;
    struct crew *crew = peer->crew;
    const uint64_t now_ns = clock_ns();

    (void)client;
    if (peer->state != PEER_DIALLING) {
        return;
    }
    count_attempt_over(peer);
    peer->state = PEER_UP;
    crew->up++;
    crew->pulse->connects++;
    if (!crew->engine->in_pairs) {
        histogram_add(&crew->pulse->latency, now_ns - peer->since_ns);
    }
    atomic_fetch_add_explicit(&crew->worker->connected, 1, memory_order_relaxed);
    if (counts(crew, now_ns)) {
        crew->tally.connects_ok++;
        histogram_add(&crew->times.connect, now_ns - peer->since_ns);
    }
    crew->engine->up(peer);
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    struct peer *peer = user;

    (void)client;
    (void)route;
    if (route_user != NULL && peer->crew->engine->route_status != NULL) {
        peer->crew->engine->route_status(peer, status);
    }
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct peer *peer = user;

    (void)client;
    (void)route;
    /* From a peer that is not there at all. */
    if (route_user == NULL || peer->crew->engine->data == NULL) {
        peer->crew->tally.misdelivered++;
        return;
    }
    peer->crew->engine->data(peer, data, len);
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    struct peer *peer = user;

    (void)client;
    (void)sender;
    if (peer->crew->group->scenario->oob) {
        peer->crew->engine->data(peer, data, len);
    }
}

static void on_can_send(void *user, struct toxtcp_client *client)
{
    struct peer *peer = user;

    (void)client;
    if (peer->crew->engine->can_send != NULL) {
        peer->crew->engine->can_send(peer);
    }
}

static const struct toxtcp_client_callbacks callbacks = {.closed = on_closed,
                                                         .route_status = on_route_status,
                                                         .data = on_data,
                                                         .oob = on_oob,
                                                         .can_send = on_can_send,
                                                         .measured = on_measured};

/* --- Dialling --- */

/* Relays limit what comes from one address; many clients on one machine are to be as many machines. */
void peer_take_source(const struct crew *crew)
{
    struct worker *worker = crew->worker;
    const uint32_t sources = crew->group->sources == 0 ? SOURCES_DEFAULT : crew->group->sources;
    const uint32_t number = worker->source++ % sources;
    const struct toxtcp_address source = {
        .family = TOXTCP_FAMILY_IPV4,
        .ip = {SOURCE_NET, (uint8_t)(SOURCE_SUBNET + (number >> 16)), (uint8_t)(number >> 8), (uint8_t)number}};

    if (worker->facts->many_sources) {
        (void)toxtcp_ev_set_source(worker->ev, &source);
    }
}

static int try_dial(struct peer *peer)
{
    struct worker *worker = peer->crew->worker;
    const struct target *relay = &worker->facts->relays[peer->relay];
    const struct toxtcp_endpoint endpoint = {.address = relay->address};
    int error = toxtcp_client_new(worker->env, toxtcp_ev_driver(worker->ev), &worker->config, peer->keys, &relay->key,
                                  &callbacks, peer, toxtcp_ev_now(worker->ev), &peer->client);

    if (error != TOXTCP_OK) {
        peer->client = NULL;
        return error;
    }
    if (peer->crew->engine->prepare != NULL && peer->crew->engine->prepare(peer) != 0) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    peer_take_source(peer->crew);
    return toxtcp_ev_connect(worker->ev, peer->client, &endpoint);
}

void peer_dial(struct peer *peer)
{
    peer->since_ns = clock_ns();
    peer->state = PEER_DIALLING;
    peer->crew->worker->line.dialling++;
    const int error = try_dial(peer);
    if (error != TOXTCP_OK) {
        gone(peer, error);
    }
}

void peer_leave(struct peer *peer, bool reset)
{
    const struct linger none = {.l_onoff = 1, .l_linger = 0};

    count_attempt_over(peer);
    peer->crew->up -= peer->state == PEER_UP ? 1 : 0;
    if (peer->state == PEER_WAITING) {
        DL_DELETE(peer->crew->worker->line.first, peer);
    }
    if (peer->client != NULL && reset) {
        /* What is closed so is reset. */
        (void)setsockopt(toxtcp_ev_socket(toxtcp_client_link(peer->client)), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    toxtcp_client_free(peer->client);
    peer->client = NULL;
    peer->state = PEER_AWAY;
}

/* --- The line --- */

static void wait_until(struct peer *peer, uint64_t due_ns)
{
    peer->since_ns = due_ns;
    peer->state = PEER_WAITING;
    DL_APPEND(peer->crew->worker->line.first, peer);
}

void peer_wait_ramp(struct peer *peer)
{
    struct peer_line *line = &peer->crew->worker->line;

    wait_until(peer, line->ramp_next_ns);
    line->ramp_next_ns += line->ramp_gap_ns;
}

void peer_wait(struct peer *peer, uint64_t delay_ns)
{
    wait_until(peer, clock_ns() + delay_ns);
}

void peer_line_advance(struct worker *worker, uint64_t now_ns)
{
    struct peer_line *line = &worker->line;

    while (line->first != NULL && line->first->since_ns <= now_ns && line->dialling < DIALLING_MAX) {
        struct peer *peer = line->first;
        DL_DELETE(line->first, peer);
        peer->state = PEER_AWAY;
        peer_dial(peer);
    }
}
