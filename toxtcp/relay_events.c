/* What a relay's client says, and what comes of it. SPDX-License-Identifier: ISC
 *
 * Callbacks to the application can remove this relay, any peer, or everything. So what was looked up before one is not
 * used after it; connections_leave() is safe, and frees the object if that was asked for meanwhile. */
#include <assert.h>

#include "client.h"
#include "connections_private.h"

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;
    struct toxtcp_client_info info;

    connections_enter(connections);
    client_describe(client, &info);
    relay->connected_at_ms = info.connected_at_ms;
    relay->hope_ms = info.connected_at_ms;
    relay->attempt_count = 0;
    relay->redial = false;
    relay->renewed = false;
    relay_set_phase(relay, RELAY_CONNECTED);
    relay_ask_routes(relay);
    relay_probe_send(relay);
    relays_mark(connections);
    connections->review_all = true;
    connections_leave(connections);
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;

    connections_enter(connections);
    relay_broke(relay, error);
    toxtcp_client_free(client);
    connections_leave(connections);
}

static enum slot_state state_for(enum toxtcp_route_status status)
{
    switch (status) {
    case TOXTCP_ROUTE_ONLINE:
        return SLOT_ONLINE;
    case TOXTCP_ROUTE_REGISTERED:
        return SLOT_REGISTERED;
    case TOXTCP_ROUTE_REFUSED:
        return SLOT_REFUSED;
    default:
        return SLOT_WAITING;
    }
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    struct relay *relay = user;
    struct slot *slot = route_user;
    struct toxtcp_connections *connections = relay->connections;

    (void)client;
    assert(slot->relay == relay && slot->route.index == route.index && slot->route.generation == route.generation);
    (void)route;
    connections_enter(connections);
    slot_set_state(slot, state_for(status));
    relay_rekey(relay); /* a refusal is asked again later */
    connections_leave(connections);
}

static void hand_up(struct relay *relay, const struct peer *peer, const uint8_t *data, size_t len)
{
    struct toxtcp_connections *connections = relay->connections;

    if (connections->callbacks.peer_data) {
        connections->callbacks.peer_data(connections->user, peer->handle, peer->user, relay->handle, data, len);
    }
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct relay *relay = user;
    const struct slot *slot = route_user;
    struct toxtcp_connections *connections = relay->connections;

    (void)client;
    (void)route;
    connections_enter(connections);
    hand_up(relay, slot->peer, data, len);
    connections_leave(connections);
}

static bool is_tied(const struct peer *peer, const struct relay *relay)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].relay == relay) {
            return true;
        }
    }
    return false;
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;
    const struct peer *peer = peer_by_key(connections, sender);

    (void)client;
    if (toxtcp_public_key_equal(sender, &connections->keys.public_key) && relay_probe_take(relay, data, len)) {
        return;
    }
    connections_enter(connections);
    if (peer && is_tied(peer, relay)) {
        hand_up(relay, peer, data, len);
    } else if (connections->callbacks.stranger_oob) {
        connections->callbacks.stranger_oob(connections->user, relay->handle, sender, data, len);
    }
    connections_leave(connections);
}

static void on_onion_response(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len)
{
    const struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;

    (void)client;
    connections_enter(connections);
    if (connections->callbacks.onion_response) {
        connections->callbacks.onion_response(connections->user, relay->handle, data, len);
    }
    connections_leave(connections);
}

static void on_forwarded(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len)
{
    const struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;

    (void)client;
    connections_enter(connections);
    if (connections->callbacks.forwarded) {
        connections->callbacks.forwarded(connections->user, relay->handle, data, len);
    }
    connections_leave(connections);
}

static void on_can_send(void *user, struct toxtcp_client *client)
{
    struct relay *relay = user;
    struct toxtcp_connections *connections = relay->connections;

    (void)client;
    connections_enter(connections);
    for (const struct slot *slot = relay->ties; slot; slot = slot->next) {
        if (slot->state == SLOT_ONLINE || slot_takes_oob(slot)) {
            peer_unblock(slot->peer);
        }
    }
    connections_leave(connections);
}

static void on_measured(void *user, struct toxtcp_client *client)
{
    struct relay *relay = user;
    struct toxtcp_client_info info;

    client_describe(client, &info);
    relay->rtt_ms = info.rtt_ms;
    relay->redial = false;
    relay_compare_paths(relay);
    relay_probe_pong(relay);
    relay_rekey(relay);
}

static void on_silent(void *user, struct toxtcp_client *client, bool silent)
{
    struct relay *relay = user;

    (void)client;
    relay->silent = silent;
    relay_judge_paths(relay);
}

static void on_deadline_changed(void *user, struct toxtcp_client *client)
{
    (void)client;
    relay_rekey(user);
}

const struct toxtcp_client_callbacks relay_client_callbacks = {
    .connected = on_connected,
    .closed = on_closed,
    .route_status = on_route_status,
    .data = on_data,
    .oob = on_oob,
    .onion_response = on_onion_response,
    .forwarded = on_forwarded,
    .can_send = on_can_send,
    .measured = on_measured,
    .silent = on_silent,
    .deadline_changed = on_deadline_changed,
};
