/* What the relay says: one function for each kind of packet. An error ends the link. SPDX-License-Identifier: ISC */
#include "client.h"

#include <string.h>

static void set_state(struct toxtcp_client *client, struct route *route, enum route_state state)
{
    route->state = (uint8_t)state;
    if (client->callbacks.route_status) {
        client->callbacks.route_status(client->user, client, client_route_handle(route), route->user,
                                       client_route_status_of(route));
    }
}

static int on_refusal(struct toxtcp_client *client, struct route *route, uint64_t now_ms)
{
    if (route->state == ROUTE_ABANDONED) {
        routes_remove(&client->routes, client->link.env, route);
        return TOXTCP_OK;
    }
    if (client->route_retry_at_ms == TOXTCP_NEVER) {
        client->route_retry_at_ms = now_ms + client->config.route_retry_ms;
    }
    set_state(client, route, ROUTE_REFUSED);
    return TOXTCP_OK;
}

static int on_routing_response(struct toxtcp_client *client, const struct packet *packet, uint64_t now_ms)
{
    struct route *route = routes_find(&client->routes, client->link.env, &packet->key);

    if (!route || (route->state != ROUTE_ASKED && route->state != ROUTE_ABANDONED)) {
        return TOXTCP_OK; /* nobody asked */
    }
    if (packet->id == WIRE_ID_REFUSED) {
        return on_refusal(client, route, now_ms);
    }
    if (packet->id < WIRE_ID_MIN || routes_by_id(&client->routes, packet->id)) {
        return TOXTCP_ERR_PROTOCOL; /* no id, or another peer's */
    }
    if (route->state == ROUTE_ABANDONED) {
        routes_remove(&client->routes, client->link.env, route);
        return client_give_up_id(client, packet->id);
    }
    routes_set_id(&client->routes, route, packet->id);
    set_state(client, route, ROUTE_REGISTERED);
    return TOXTCP_OK;
}

/* A notification for an id that no response gave, or that tells nothing new, is ignored. */
static int on_notification(struct toxtcp_client *client, const struct packet *packet)
{
    struct route *route = routes_by_id(&client->routes, packet->id);

    if (route && packet->kind == WIRE_CONNECT && route->state == ROUTE_REGISTERED) {
        set_state(client, route, ROUTE_ONLINE);
    } else if (route && packet->kind == WIRE_DISCONNECT && route->state == ROUTE_ONLINE) {
        set_state(client, route, ROUTE_REGISTERED);
    }
    return TOXTCP_OK;
}

static int on_ping(struct toxtcp_client *client, const struct packet *packet, uint64_t now_ms)
{
    struct packet pong = {.kind = WIRE_PONG};
    const int error = client_pulse_pinged(client, now_ms);

    if (error) {
        return error;
    }
    memcpy(pong.ping_id, packet->ping_id, sizeof pong.ping_id);
    return client_send_control(client, &pong);
}

static int on_data(struct toxtcp_client *client, const struct packet *packet)
{
    const struct route *route = routes_by_id(&client->routes, packet->id);

    if (route && route->state == ROUTE_ONLINE && client->callbacks.data) {
        client->callbacks.data(client->user, client, client_route_handle(route), route->user, packet->data,
                               packet->data_len);
    }
    return TOXTCP_OK;
}

static int on_oob(struct toxtcp_client *client, const struct packet *packet)
{
    if (client->callbacks.oob) {
        client->callbacks.oob(client->user, client, &packet->key, packet->data, packet->data_len);
    }
    return TOXTCP_OK;
}

static int on_opaque(struct toxtcp_client *client, const struct packet *packet,
                     void (*callback)(void *, struct toxtcp_client *, const uint8_t *, size_t))
{
    if (callback) {
        callback(client->user, client, packet->data, packet->data_len);
    }
    return TOXTCP_OK;
}

static int apply(struct toxtcp_client *client, const struct packet *packet, uint64_t now_ms)
{
    switch (packet->kind) {
    case WIRE_ROUTING_RESPONSE:
        return on_routing_response(client, packet, now_ms);
    case WIRE_CONNECT:
    case WIRE_DISCONNECT:
        return on_notification(client, packet);
    case WIRE_PING:
        return on_ping(client, packet, now_ms);
    case WIRE_PONG:
        client_pulse_pong(client, packet->ping_id, now_ms);
        return TOXTCP_OK;
    case WIRE_OOB_RECV:
        return on_oob(client, packet);
    case WIRE_ONION_RESPONSE:
        return on_opaque(client, packet, client->callbacks.onion_response);
    case WIRE_FORWARDING:
        return on_opaque(client, packet, client->callbacks.forwarded);
    case WIRE_DATA:
        return on_data(client, packet);
    default:
        return TOXTCP_ERR_PROTOCOL;
    }
}

int client_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms)
{
    struct toxtcp_client *client = client_of(link);
    struct packet packet;
    const int error = packet_decode(plain->bytes, len, PACKET_FROM_RELAY, &packet);

    client_pulse_heard(client);
    if (link->state == LINK_CLOSED) {
        return TOXTCP_OK; /* freed in that callback */
    }
    if (error == TOXTCP_ERR_EMPTY || error == TOXTCP_ERR_TOO_LONG) {
        /* A payload out of bounds is some peer's doing, passed on by a lax relay: no reason to lose the relay. */
        return TOXTCP_OK;
    }
    return error ? error : apply(client, &packet, now_ms);
}
