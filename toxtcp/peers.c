/* Peers and their slots. SPDX-License-Identifier: ISC */
#include <assert.h>

#include "connections_private.h"

/* --- Slots --- */

bool slot_has_route(const struct slot *slot)
{
    return slot->state >= SLOT_WAITING;
}

bool slot_takes_oob(const struct slot *slot)
{
    return slot->state == SLOT_CROWDED || slot->state >= SLOT_REFUSED;
}

enum toxtcp_slot_status slot_status(const struct slot *slot)
{
    switch (slot->state) {
    case SLOT_ONLINE:
        return TOXTCP_SLOT_ONLINE;
    case SLOT_REGISTERED:
        return TOXTCP_SLOT_REGISTERED;
    default:
        return TOXTCP_SLOT_NONE;
    }
}

void peer_touch_relays(struct peer *peer)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].relay) {
            relay_touch(peer->slots[i].relay);
        }
    }
}

/* Online nowhere, but somewhere OOB is taken. */
static bool takes_oob_alone(const struct peer *peer)
{
    return peer_state(peer) == TOXTCP_PEER_REGISTERED;
}

void slot_set_state(struct slot *slot, enum slot_state state)
{
    struct peer *peer = slot->peer;
    const uint8_t before = slot->state;

    if (before == state) {
        return;
    }
    slot->state = (uint8_t)state;
    if (state == SLOT_ONLINE || takes_oob_alone(peer)) {
        peer->unblocked = peer->blocked;
    }
    worklist_add(&peer->connections->peer_reports, &peer->report, peer->connections->turn);
    if ((before == SLOT_ONLINE) != (state == SLOT_ONLINE)) {
        /* What was said against the way was said of another connection. */
        slot->trust = (struct path_trust){0};
        peer_elect(peer);
        peer_touch_relays(peer);
    }
}

/* What could not be asked for is tried again at that time. */
static void ask_again(struct relay *relay, uint64_t wait_ms)
{
    const uint64_t at_ms = relay->connections->now_ms + wait_ms;

    if (at_ms < relay->ask_again_ms) {
        relay->ask_again_ms = at_ms;
    }
}

void slot_ask(struct slot *slot)
{
    struct relay *relay = slot->relay;
    const struct toxtcp_connections_config *config = &relay->connections->config;

    if (relay->phase != RELAY_CONNECTED || slot->peer->asleep || slot_has_route(slot)) {
        return;
    }
    const int error = toxtcp_client_route_add(relay->client, &slot->peer->key, slot, &slot->route);
    assert(error != TOXTCP_ERR_EXISTS && error != TOXTCP_ERR_INVALID);
    if (!error) {
        slot_set_state(slot, SLOT_WAITING);
    } else if (error == TOXTCP_ERR_FULL) {
        slot_set_state(slot, SLOT_CROWDED);
        relay->crowded = true;
        ask_again(relay, config->client.route_retry_ms);
    } else {
        ask_again(relay, config->reconnect_min_ms);
    }
    relay_rekey(relay);
}

static struct slot *find_slot(struct peer *peer, const struct relay *relay)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].relay == relay) {
            return &peer->slots[i];
        }
    }
    return NULL;
}

static void tie(struct slot *slot, struct relay *relay)
{
    slot->relay = relay;
    slot->prev = NULL;
    slot->next = relay->ties;
    if (relay->ties) {
        relay->ties->prev = slot;
    }
    relay->ties = slot;
    relay_touch(relay);
    slot_ask(slot);
}

/* The relay hears that the peer is given up, if it is there to hear. */
static void give_up_route(struct slot *slot)
{
    struct relay *relay = slot->relay;

    if (!relay->client || !slot_has_route(slot)) {
        return;
    }
    (void)toxtcp_client_route_remove(relay->client, slot->route);
    if (relay->crowded) {
        /* While its request is open the route keeps its place. */
        relay->crowded = false;
        ask_again(relay, slot->state == SLOT_WAITING ? relay->connections->config.reconnect_min_ms : 0);
    }
    relay_rekey(relay);
}

static void untie(struct slot *slot)
{
    struct relay *relay = slot->relay;

    give_up_route(slot);
    slot_set_state(slot, SLOT_UNASKED);
    if (slot->prev) {
        slot->prev->next = slot->next;
    } else {
        relay->ties = slot->next;
    }
    if (slot->next) {
        slot->next->prev = slot->prev;
    }
    slot->relay = NULL;
    slot->next = NULL;
    slot->prev = NULL;
    relay_touch(relay);
}

/* --- State, read off the slots --- */

struct peer *peer_get(const struct toxtcp_connections *connections, struct toxtcp_peer handle)
{
    return handles_get(&connections->peers, handle.index, handle.generation);
}

struct peer *peer_by_key(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key)
{
    const uint32_t hash = env_hash_key(connections->env, key->bytes);
    struct peer *peer;

    HASH_FIND_BYHASHVALUE(hh, connections->peers_by_key, key, sizeof *key, hash, peer);
    return peer;
}

uint32_t peer_online_slots(const struct peer *peer)
{
    uint32_t online = 0;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        online |= (uint32_t)(peer->slots[i].state == SLOT_ONLINE) << i;
    }
    return online;
}

uint32_t peer_online_count(const struct peer *peer)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        count += peer->slots[i].state == SLOT_ONLINE;
    }
    return count;
}

enum toxtcp_peer_state peer_state(const struct peer *peer)
{
    enum toxtcp_peer_state state = TOXTCP_PEER_OFFLINE;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].state == SLOT_ONLINE) {
            return TOXTCP_PEER_ONLINE;
        }
        if (slot_takes_oob(&peer->slots[i])) {
            state = TOXTCP_PEER_REGISTERED;
        }
    }
    return state;
}

void peer_unblock(struct peer *peer)
{
    if (peer->blocked) {
        peer->unblocked = true;
        worklist_add(&peer->connections->peer_reports, &peer->report, peer->connections->turn);
    }
}

/* --- Life --- */

void peer_free(struct peer *peer)
{
    struct toxtcp_connections *connections = peer->connections;
    struct toxtcp_env *env = connections->env;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].relay) {
            untie(&peer->slots[i]);
        }
    }
    if (peer->hh.tbl) {
        HASH_DELETE(hh, connections->peers_by_key, peer);
    }
    if (peer->handle.generation != 0) {
        handles_remove(&connections->peers, peer->handle.index);
    }
    worklist_remove(&connections->peer_reports, &peer->report);
    env_release(env, peer, sizeof *peer);
}

/* Puts a new peer into the tables. */
static int enroll(struct toxtcp_connections *connections, struct peer *peer)
{
    struct toxtcp_env *env = connections->env;
    const uint32_t hash = env_hash_key(env, peer->key.bytes);
    const int error = handles_add(&connections->peers, env, peer, &peer->handle.index, &peer->handle.generation);

    if (error) {
        return error;
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, connections->peers_by_key, &peer->key, sizeof peer->key, hash, peer);
    return peer->hh.tbl ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

static struct peer *make(struct toxtcp_connections *connections, const struct toxtcp_public_key *key, void *user)
{
    struct peer *peer = env_alloc(connections->env, sizeof *peer);

    if (!peer) {
        return NULL;
    }
    peer->connections = connections;
    peer->key = *key;
    peer->user = user;
    peer->reported = TOXTCP_PEER_OFFLINE;
    peer->challenger_since_ms = TOXTCP_NEVER;
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        peer->slots[i].peer = peer;
    }
    if (enroll(connections, peer)) {
        peer_free(peer);
        return NULL;
    }
    return peer;
}

int toxtcp_peer_add(struct toxtcp_connections *connections, const struct toxtcp_public_key *key, void *peer_user,
                    struct toxtcp_peer *handle)
{
    const struct peer *peer = peer_by_key(connections, key);

    if (peer) {
        *handle = peer->handle;
        return TOXTCP_ERR_EXISTS;
    }
    if (toxtcp_public_key_equal(key, &connections->keys.public_key)) {
        return TOXTCP_ERR_INVALID;
    }
    if (connections->peers.count >= connections->config.peers_max) {
        return TOXTCP_ERR_FULL;
    }
    peer = make(connections, key, peer_user);
    if (!peer) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    *handle = peer->handle;
    return TOXTCP_OK;
}

int toxtcp_peer_remove(struct toxtcp_connections *connections, struct toxtcp_peer handle)
{
    struct peer *peer = peer_get(connections, handle);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    peer_free(peer);
    return TOXTCP_OK;
}

int toxtcp_peer_find(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key,
                     struct toxtcp_peer *handle)
{
    const struct peer *peer = peer_by_key(connections, key);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    *handle = peer->handle;
    return TOXTCP_OK;
}

/* --- Relays of a peer --- */

/* Ties a relay that is known. Errors: TOXTCP_ERR_FULL. */
static int tie_known(struct peer *peer, struct relay *relay)
{
    struct slot *slot = find_slot(peer, relay);

    if (slot) {
        return TOXTCP_OK;
    }
    slot = find_slot(peer, NULL);
    if (!slot) {
        return TOXTCP_ERR_FULL;
    }
    tie(slot, relay);
    return TOXTCP_OK;
}

/* Makes a relay known and ties it. */
static int tie_new(struct peer *peer, const struct toxtcp_endpoint *endpoint, const struct toxtcp_public_key *relay_key,
                   struct relay **relay)
{
    struct slot *slot = find_slot(peer, NULL);

    if (!slot) {
        return TOXTCP_ERR_FULL;
    }
    const int error = relay_make(peer->connections, endpoint, relay_key, relay);
    if (!error) {
        tie(slot, *relay);
        relay_settle_in(*relay);
    }
    return error;
}

int toxtcp_peer_add_relay(struct toxtcp_connections *connections, struct toxtcp_peer handle,
                          const struct toxtcp_endpoint *endpoint, const struct toxtcp_public_key *relay_key,
                          struct toxtcp_relay *relay_handle)
{
    struct peer *peer = peer_get(connections, handle);
    struct relay *relay = relay_by_key(connections, relay_key);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    int error = relay_judge_endpoint(connections, endpoint);
    if (!error) {
        error = relay ? tie_known(peer, relay) : tie_new(peer, endpoint, relay_key, &relay);
    }
    if (!error && relay_handle) {
        *relay_handle = relay->handle;
    }
    return error;
}

int toxtcp_peer_tie_relay(struct toxtcp_connections *connections, struct toxtcp_peer handle,
                          struct toxtcp_relay relay_handle)
{
    struct peer *peer = peer_get(connections, handle);
    struct relay *relay = relay_get(connections, relay_handle);

    return peer && relay ? tie_known(peer, relay) : TOXTCP_ERR_NOT_FOUND;
}

int toxtcp_peer_untie_relay(struct toxtcp_connections *connections, struct toxtcp_peer handle,
                            struct toxtcp_relay relay_handle)
{
    struct peer *peer = peer_get(connections, handle);
    const struct relay *relay = relay_get(connections, relay_handle);
    struct slot *slot = peer && relay ? find_slot(peer, relay) : NULL;

    if (!slot) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    untie(slot);
    return TOXTCP_OK;
}

/* --- Sleep --- */

int toxtcp_peer_sleep(struct toxtcp_connections *connections, struct toxtcp_peer handle)
{
    struct peer *peer = peer_get(connections, handle);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (!peer->asleep) {
        peer->asleep = true;
        peer_touch_relays(peer);
    }
    return TOXTCP_OK;
}

int toxtcp_peer_wake(struct toxtcp_connections *connections, struct toxtcp_peer handle)
{
    struct peer *peer = peer_get(connections, handle);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (!peer->asleep) {
        return TOXTCP_OK;
    }
    peer->asleep = false;
    peer_touch_relays(peer);
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].relay) {
            relay_hurry(peer->slots[i].relay);
            slot_ask(&peer->slots[i]);
        }
    }
    return TOXTCP_OK;
}

/* --- To look at --- */

int toxtcp_peer_online_count(const struct toxtcp_connections *connections, struct toxtcp_peer handle)
{
    const struct peer *peer = peer_get(connections, handle);

    return peer ? (int)peer_online_count(peer) : TOXTCP_ERR_NOT_FOUND;
}

static void describe_slots(const struct peer *peer, struct toxtcp_peer_info *info)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        const struct slot *slot = &peer->slots[i];
        if (slot->relay) {
            info->slots[info->slot_count] = (struct toxtcp_slot_info){
                .relay = slot->relay->handle,
                .status = slot_status(slot),
                .primary = slot->state == SLOT_ONLINE && peer->primary == i,
                .doubted = path_trust_is_doubted(&slot->trust, relay_now(slot->relay)),
            };
            info->slot_count++;
        }
    }
}

int toxtcp_peer_get_info(const struct toxtcp_connections *connections, struct toxtcp_peer handle,
                         struct toxtcp_peer_info *info)
{
    const struct peer *peer = peer_get(connections, handle);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    *info = (struct toxtcp_peer_info){
        .public_key = peer->key,
        .state = peer_state(peer),
        .asleep = peer->asleep,
        .online_count = peer_online_count(peer),
    };
    describe_slots(peer, info);
    return TOXTCP_OK;
}
