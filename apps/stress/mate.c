/* A peer on TCP_connections. SPDX-License-Identifier: ISC */
#include "mate.h"

#include "clock.h"
#include "peer.h"
#include "worker.h"

uint32_t mate_relay_index(const struct mate *mate, uint32_t number)
{
    return (mate->first_relay + number) % mate->crew->worker->facts->relay_count;
}

uint32_t mate_relay_number(const struct mate *mate, struct toxtcp_relay handle)
{
    for (uint32_t i = 0; i < mate->relay_count; i++) {
        if (mate->relays[i].handle.index == handle.index && mate->relays[i].handle.generation == handle.generation) {
            return i;
        }
    }
    return TOXTCP_PEER_RELAYS_MAX;
}

/* --- What the connections say --- */

static void count_connected(struct mate *mate, const struct mate_relay *relay, uint64_t now_ns)
{
    struct crew *crew = mate->crew;

    crew->tally.connects_ok++;
    histogram_add(&crew->times.connect, now_ns - relay->since_ns);
    crew->pulse->connects++;
    crew->up += mate->connected == 0 ? 1 : 0;
    mate->connected++;
    if (!mate->was_connected) {
        mate->was_connected = true;
        atomic_fetch_add_explicit(&crew->worker->connected, 1, memory_order_relaxed);
    }
}

static void count_broken(struct mate *mate, enum toxtcp_relay_state before, int error)
{
    struct crew *crew = mate->crew;

    if (before == TOXTCP_RELAY_CONNECTED) {
        crew->tally.ended_by[reason_of(error)]++;
        return;
    }
    crew->tally.connects_failed++;
    crew->tally.failed_by[reason_of(error)]++;
    atomic_fetch_add_explicit(&crew->worker->failed, 1, memory_order_relaxed);
}

static void on_relay_state(void *user, struct toxtcp_relay handle, enum toxtcp_relay_state state, int error)
{
    struct mate *mate = user;
    const uint32_t number = mate_relay_number(mate, handle);
    const uint64_t now_ns = clock_ns();

    if (number == TOXTCP_PEER_RELAYS_MAX) {
        return;
    }
    struct mate_relay *relay = &mate->relays[number];
    const enum toxtcp_relay_state before = relay->state;
    if (before == state) {
        return;
    }
    if (state == TOXTCP_RELAY_CONNECTING) {
        /* That was dialled; whatever is dialled next comes from another address. */
        peer_take_source(mate->crew);
    }
    if (before == TOXTCP_RELAY_CONNECTED) {
        mate->connected--;
        mate->crew->up -= mate->connected == 0 ? 1 : 0;
    }
    if (state == TOXTCP_RELAY_CONNECTED) {
        count_connected(mate, relay, now_ns);
    } else if (state == TOXTCP_RELAY_WAITING) {
        count_broken(mate, before, error);
    }
    relay->state = state;
    relay->since_ns = now_ns;
}

static void on_peer_state(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state)
{
    struct mate *mate = user;
    const bool online = state == TOXTCP_PEER_ONLINE;

    (void)peer;
    (void)peer_user;
    if (mate->online != online) {
        mate->online = online;
        mate->crew->engine->mate_online(mate);
    }
}

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    struct mate *mate = user;

    (void)peer;
    (void)peer_user;
    mate->crew->engine->mate_data(mate, relay, data, len);
}

static const struct toxtcp_connections_callbacks callbacks = {
    .peer_data = on_peer_data, .peer_state = on_peer_state, .relay_state = on_relay_state};

/* --- Life --- */

static int tie(struct mate *mate)
{
    const struct run_facts *facts = mate->crew->worker->facts;

    mate->relay_count =
        facts->relay_count < TOXTCP_PEER_RELAYS_MAX ? facts->relay_count : (uint32_t)TOXTCP_PEER_RELAYS_MAX;
    for (uint32_t i = 0; i < mate->relay_count; i++) {
        const struct target *target = &facts->relays[mate_relay_index(mate, i)];
        const struct toxtcp_endpoint endpoint = {.address = target->address};
        mate->relays[i].state = TOXTCP_RELAY_CONNECTING;
        mate->relays[i].since_ns = clock_ns();
        if (toxtcp_peer_add_relay(mate->connections, mate->other, &endpoint, &target->key, &mate->relays[i].handle) !=
            TOXTCP_OK) {
            return -1;
        }
    }
    return 0;
}

int mate_open(struct mate *mate, const struct toxtcp_public_key *other)
{
    struct worker *worker = mate->crew->worker;
    struct toxtcp_connections_config config;

    toxtcp_connections_config_default(&config);
    if (mate->useless_after_ms != 0) {
        config.useless_after_ms = mate->useless_after_ms;
    }
    if (toxtcp_connections_new(worker->env, toxtcp_ev_driver(worker->ev), &config, &mate->keys, &callbacks, mate,
                               &mate->connections) != TOXTCP_OK) {
        mate->connections = NULL;
        return -1;
    }
    if (toxtcp_peer_add(mate->connections, other, NULL, &mate->other) != TOXTCP_OK || tie(mate) != 0) {
        return -1;
    }
    if (toxtcp_ev_attach_connections(worker->ev, mate->connections) != TOXTCP_OK) {
        return -1;
    }
    /* It dials now, from an address of its own. */
    peer_take_source(mate->crew);
    toxtcp_connections_expire(mate->connections, toxtcp_ev_now(worker->ev));
    return 0;
}

void mate_close(struct mate *mate)
{
    if (mate->connections != NULL) {
        toxtcp_ev_detach_connections(mate->crew->worker->ev, mate->connections);
        toxtcp_connections_free(mate->connections);
        mate->connections = NULL;
    }
}
