/* Many relays, many peers: the object, its time, what it tells. SPDX-License-Identifier: ISC */
#include <toxtcp/connections.h>

#include <assert.h>

#include "connections_private.h"
#include "proxy.h"
#include "wire.h"

enum {
    KEEP_CONNECTED_DEFAULT = 3,
    ONION_RELAYS_DEFAULT = 3,
    RELAYS_MAX_DEFAULT = 1024,
    PEERS_MAX_DEFAULT = 65536,
    RECONNECT_HARD_MAX_DEFAULT_MS = 8000
};

/* For a device that lives on a battery. */
enum {
    MOBILE_RELAYS = 2,
    MOBILE_RECONNECT_MAX_MS = 300000,
    MOBILE_RECONNECT_HARD_MAX_MS = 30000,
    MOBILE_PING_INTERVAL_MS = 90000,
    MOBILE_QUIET_MS = 1500
};

/* --- Lists of things to be done --- */

void worklist_add(struct worklist *list, struct work *work, uint32_t turn)
{
    if (work->listed) {
        return;
    }
    *work = (struct work){.prev = list->last, .turn = turn, .listed = true};
    if (list->last) {
        list->last->next = work;
    } else {
        list->first = work;
    }
    list->last = work;
}

void worklist_remove(struct worklist *list, struct work *work)
{
    if (!work->listed) {
        return;
    }
    if (work->prev) {
        work->prev->next = work->next;
    } else {
        list->first = work->next;
    }
    if (work->next) {
        work->next->prev = work->prev;
    } else {
        list->last = work->prev;
    }
    *work = (struct work){0};
}

struct work *worklist_pop(struct worklist *list, uint32_t turn)
{
    struct work *work = list->first;

    if (!work || work->turn == turn) {
        return NULL;
    }
    worklist_remove(list, work);
    return work;
}

/* --- Life --- */

void toxtcp_connections_config_default(struct toxtcp_connections_config *config)
{
    *config = (struct toxtcp_connections_config){
        .keep_connected = KEEP_CONNECTED_DEFAULT,
        .onion_relays = ONION_RELAYS_DEFAULT,
        .useless_after_ms = WIRE_USELESS_AFTER_MS,
        .reconnect_min_ms = WIRE_RECONNECT_MIN_MS,
        .reconnect_max_ms = WIRE_RECONNECT_MAX_MS,
        .relays_max = RELAYS_MAX_DEFAULT,
        .peers_max = PEERS_MAX_DEFAULT,
        .relays_wanted = TOXTCP_PEER_RELAYS_WANTED,
        .reconnect_hard_max_ms = RECONNECT_HARD_MAX_DEFAULT_MS,
        .probe = true,
    };
    toxtcp_client_config_default(&config->client);
}

void toxtcp_connections_config_mobile(struct toxtcp_connections_config *config)
{
    toxtcp_connections_config_default(config);
    config->keep_connected = MOBILE_RELAYS;
    config->relays_wanted = MOBILE_RELAYS;
    config->reconnect_max_ms = MOBILE_RECONNECT_MAX_MS;
    config->reconnect_hard_max_ms = MOBILE_RECONNECT_HARD_MAX_MS;
    config->client.ping_interval_ms = MOBILE_PING_INTERVAL_MS;
    config->client.quiet_ms = MOBILE_QUIET_MS;
}

int toxtcp_connections_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                           const struct toxtcp_connections_config *config, const struct toxtcp_key_pair *keys,
                           const struct toxtcp_connections_callbacks *callbacks, void *user,
                           struct toxtcp_connections **connections)
{
    assert(driver->dial);
    if (config && config->client.proxy && proxy_judge(config->client.proxy)) {
        return TOXTCP_ERR_INVALID;
    }
    struct toxtcp_connections *made = env_alloc(env, sizeof *made);
    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->env = env;
    made->driver = driver;
    if (config) {
        made->config = *config;
    } else {
        toxtcp_connections_config_default(&made->config);
    }
    made->callbacks = *callbacks;
    made->user = user;
    made->keys = *keys;
    *connections = made;
    return TOXTCP_OK;
}

static void release(struct toxtcp_connections *connections)
{
    env_release(connections->env, connections, sizeof *connections);
}

void toxtcp_connections_free(struct toxtcp_connections *connections)
{
    if (!connections) {
        return;
    }
    assert(!connections->freed);
    connections->onion = false;
    for (uint32_t i = 0; i < connections->relays.capacity; i++) {
        if (connections->relays.entries[i].object) {
            relay_free(connections->relays.entries[i].object);
        }
    }
    for (uint32_t i = 0; i < connections->peers.capacity; i++) {
        if (connections->peers.entries[i].object) {
            peer_free(connections->peers.entries[i].object);
        }
    }
    handles_free(&connections->relays, connections->env);
    handles_free(&connections->peers, connections->env);
    heap_free(&connections->due, connections->env);
    toxtcp_key_pair_wipe(&connections->keys);
    connections->freed = true;
    if (connections->depth == 0) {
        release(connections);
    }
}

/* --- Telling the application --- */

static void report_relay(struct toxtcp_connections *connections, struct relay *relay)
{
    const enum toxtcp_relay_state state = relay_state(relay);

    if (state == (enum toxtcp_relay_state)relay->reported) {
        return;
    }
    relay->reported = (uint8_t)state;
    if (state == TOXTCP_RELAY_SLEEPING) {
        /* If nobody names it, it is forgotten; but not before this was told. */
        relay_touch(relay);
    }
    if (connections->callbacks.relay_state) {
        connections->callbacks.relay_state(connections->user, relay->handle, state,
                                           state == TOXTCP_RELAY_WAITING ? relay->last_error : 0);
    }
}

/* Returns whether the peer is still there. */
static bool report_peer_state(struct toxtcp_connections *connections, struct peer *peer)
{
    const struct toxtcp_peer handle = peer->handle;
    const enum toxtcp_peer_state state = peer_state(peer);

    if (state == (enum toxtcp_peer_state)peer->reported) {
        return true;
    }
    peer->reported = (uint8_t)state;
    if (connections->callbacks.peer_state) {
        connections->callbacks.peer_state(connections->user, handle, peer->user, state);
    }
    return peer_get(connections, handle) != NULL;
}

static void report_peer(struct toxtcp_connections *connections, struct peer *peer)
{
    if (!report_peer_state(connections, peer)) {
        return;
    }
    if (!peer->blocked || !peer->unblocked || peer_state(peer) == TOXTCP_PEER_OFFLINE) {
        return;
    }
    peer->blocked = false;
    peer->unblocked = false;
    if (connections->callbacks.peer_can_send) {
        connections->callbacks.peer_can_send(connections->user, peer->handle, peer->user);
    }
}

/* Tells what was noted before; what the callbacks bring about is told next time, so this ends. If they free the object
 * there is nothing left to tell. */
static void report(struct toxtcp_connections *connections)
{
    const uint32_t turn = ++connections->turn;
    struct work *work;

    while ((work = worklist_pop(&connections->relay_reports, turn))) {
        report_relay(connections, CONTAINER_OF(work, struct relay, report));
    }
    while ((work = worklist_pop(&connections->peer_reports, turn))) {
        report_peer(connections, CONTAINER_OF(work, struct peer, report));
    }
}

void connections_enter(struct toxtcp_connections *connections)
{
    connections->depth++;
}

void connections_leave(struct toxtcp_connections *connections)
{
    if (connections->depth == 1 && !connections->freed) {
        report(connections);
    }
    connections->depth--;
    if (connections->depth == 0 && connections->freed) {
        release(connections);
    }
}

/* --- Time --- */

uint64_t toxtcp_connections_deadline(const struct toxtcp_connections *connections)
{
    if (connections->review_all || connections->reviews.first || connections->relay_reports.first ||
        connections->peer_reports.first) {
        return 0;
    }
    return heap_first_key(&connections->due);
}

void toxtcp_connections_expire(struct toxtcp_connections *connections, uint64_t now_ms)
{
    assert(connections->depth == 0);
    connections_enter(connections);
    if (connections->now_ms < now_ms) {
        connections->now_ms = now_ms;
    }
    relays_review(connections);
    relays_run_due(connections);
    /* What broke or connected just now may close or open others. */
    relays_review(connections);
    connections_leave(connections);
}

void toxtcp_connections_get_info(const struct toxtcp_connections *connections, struct toxtcp_connections_info *info)
{
    *info = (struct toxtcp_connections_info){
        .peer_count = connections->peers.count,
        .relay_count = connections->relays.count,
        .connected_count = connections->phase_count[RELAY_CONNECTED],
        .sleeping_count = connections->phase_count[RELAY_ASLEEP],
        .onion_count = relays_marked(connections),
    };
}
