/* The invariants of a connections object. SPDX-License-Identifier: ISC */
#include <assert.h>

#include "connections_private.h"

static void check_worklist(const struct worklist *list)
{
    const struct work *before = NULL;

    for (const struct work *work = list->first; work; work = work->next) {
        assert(work->listed && work->prev == before);
        before = work;
    }
    assert(list->last == before);
    (void)before;
}

/* Every tie of a relay is a slot that names it. */
static bool is_among_ties(const struct relay *relay, const struct slot *slot)
{
    for (const struct slot *tie = relay->ties; tie; tie = tie->next) {
        if (tie == slot) {
            return true;
        }
    }
    return false;
}

static void check_route(const struct slot *slot)
{
    const int status = toxtcp_client_route_status(slot->relay->client, slot->route);

    assert(status >= 0);
    assert((status == TOXTCP_ROUTE_ONLINE) == (slot->state == SLOT_ONLINE));
    assert((status == TOXTCP_ROUTE_REGISTERED) == (slot->state == SLOT_REGISTERED));
    (void)status;
}

static void check_slot(const struct peer *peer, const struct slot *slot)
{
    assert(slot->peer == peer);
    assert(slot->state == SLOT_ONLINE || slot->trust.doubt == PATH_TRUSTED);
    (void)peer;
    if (!slot->relay) {
        assert(slot->state == SLOT_UNASKED && !slot->next && !slot->prev);
        return;
    }
    assert(relay_get(peer->connections, slot->relay->handle) == slot->relay);
    assert(is_among_ties(slot->relay, slot));
    if (slot->relay->phase != RELAY_CONNECTED) {
        assert(slot->state == SLOT_UNASKED);
        return;
    }
    /* What could not be asked for is tried again. */
    assert(slot->state != SLOT_UNASKED || peer->asleep || slot->relay->ask_again_ms != TOXTCP_NEVER);
    assert(slot->state != SLOT_CROWDED || slot->relay->ask_again_ms != TOXTCP_NEVER || peer->asleep);
    if (slot_has_route(slot)) {
        check_route(slot);
    }
}

static void check_peer(const struct toxtcp_connections *connections, const struct peer *peer)
{
    const uint32_t online = peer_online_slots(peer);

    assert(peer->connections == connections);
    assert(peer_get(connections, peer->handle) == peer);
    assert(peer_by_key(connections, &peer->key) == peer);
    assert(!toxtcp_public_key_equal(&peer->key, &connections->keys.public_key));
    assert(peer->primary < TOXTCP_PEER_RELAYS_MAX);
    assert(online == 0 || (online >> peer->primary & 1));
    assert(peer->challenger < TOXTCP_PEER_RELAYS_MAX);
    assert(peer->blocked || !peer->unblocked);
    assert(peer->reported == peer_state(peer) || peer->report.listed);
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        check_slot(peer, &peer->slots[i]);
        for (uint32_t j = 0; j < i; j++) {
            assert(!peer->slots[i].relay || peer->slots[i].relay != peer->slots[j].relay);
        }
    }
    (void)online;
    (void)connections;
}

static void check_relay(const struct toxtcp_connections *connections, const struct relay *relay)
{
    const struct slot *before = NULL;

    assert(relay->connections == connections);
    assert(relay_get(connections, relay->handle) == relay);
    assert(relay_by_key(connections, &relay->key) == relay);
    assert((relay->client != NULL) == (relay->phase >= RELAY_DIALLED));
    assert(relay->due.place != 0);
    assert(relay->reported == relay_state(relay) || relay->report.listed);
    assert(!relay->onion || (connections->onion && relay->phase == RELAY_CONNECTED));
    assert(!relay->fresh || relay->owned);
    assert(!relay->broken || (relay->phase <= RELAY_WAITING && relay->due.key == 0));
    assert(relay->phase != RELAY_STARTING || relay->due.key <= connections->now_ms + 1);
    assert((relay->phase == RELAY_CONNECTED) <= (relay->connected_at_ms != TOXTCP_NEVER));
    assert(relay->phase == RELAY_CONNECTED || (!relay->silent && !relay->probe.out && relay->rtt_ms == UINT32_MAX));
    for (const struct slot *slot = relay->ties; slot; slot = slot->next) {
        assert(slot->relay == relay && slot->prev == before);
        before = slot;
    }
    if (relay->client) {
        toxtcp_client_check(relay->client);
        /* Never late: it may be early, which costs one look. */
        assert(relay->due.key <= toxtcp_client_deadline(relay->client) || relay->due.key <= connections->now_ms + 1);
    }
    (void)before;
    (void)connections;
}

/* Counts that could have been taken wrongly. */
static void check_counts(const struct toxtcp_connections *connections)
{
    uint32_t counts[RELAY_PHASE_COUNT] = {0};
    uint32_t marked = relays_marked(connections);
    uint32_t wanted = connections->onion ? connections->config.onion_relays : 0;

    for (const struct relay *relay = handles_from(&connections->relays, 0); relay;
         relay = handles_from(&connections->relays, relay->handle.index + 1)) {
        counts[relay->phase]++;
    }
    for (uint32_t phase = 0; phase < RELAY_PHASE_COUNT; phase++) {
        assert(counts[phase] == connections->phase_count[phase]);
    }
    if (wanted > counts[RELAY_CONNECTED]) {
        wanted = counts[RELAY_CONNECTED];
    }
    assert(marked == wanted);
    assert(connections->due.count == connections->relays.count);
    assert(HASH_CNT(hh, connections->relays_by_key) == connections->relays.count);
    assert(HASH_CNT(hh, connections->peers_by_key) == connections->peers.count);
    (void)marked;
}

void toxtcp_connections_check(const struct toxtcp_connections *connections)
{
    assert(!connections->freed);
    handles_check(&connections->peers);
    handles_check(&connections->relays);
    heap_check(&connections->due);
    check_worklist(&connections->reviews);
    check_worklist(&connections->relay_reports);
    check_worklist(&connections->peer_reports);
    check_counts(connections);
    for (const struct relay *relay = handles_from(&connections->relays, 0); relay;
         relay = handles_from(&connections->relays, relay->handle.index + 1)) {
        check_relay(connections, relay);
    }
    for (const struct peer *peer = handles_from(&connections->peers, 0); peer;
         peer = handles_from(&connections->peers, peer->handle.index + 1)) {
        check_peer(connections, peer);
    }
}
