/* What the relay does with each packet of a client: section 3's table. SPDX-License-Identifier: ISC */
#include "server_private.h"

#include <assert.h>
#include <string.h>

void server_unlink_route(struct route *route)
{
    struct server_client *peer = route->user;
    struct route *back = route->other;
    const struct packet notification = {.kind = WIRE_DISCONNECT, .id = back->id};

    back->state = ROUTE_REGISTERED;
    back->user = NULL;
    back->other = NULL;
    route->state = ROUTE_REGISTERED;
    route->user = NULL;
    route->other = NULL;
    (void)server_send(peer, &notification);
}

static void set_online(struct route *route, struct server_client *peer, struct route *back)
{
    route->state = ROUTE_ONLINE;
    route->user = peer;
    route->other = back;
}

/* If the route's peer is here and has a route back, both go online: the requester hears it first. */
static void try_online(struct server_client *client, struct route *route)
{
    struct server_client *peer = server_find_client(client->server, &route->key);
    struct route *back = peer ? routes_find(&peer->routes, client->server->env, &client->key) : NULL;
    const struct packet to_client = {.kind = WIRE_CONNECT, .id = route->id};

    if (!back || !server_send(client, &to_client)) {
        return;
    }
    const struct packet to_peer = {.kind = WIRE_CONNECT, .id = back->id};
    set_online(route, peer, back);
    set_online(back, client, route);
    (void)server_send(peer, &to_peer);
}

static bool respond(struct server_client *client, const struct toxtcp_public_key *key, uint8_t id)
{
    const struct packet response = {.kind = WIRE_ROUTING_RESPONSE, .id = id, .key = *key};

    return server_send(client, &response);
}

static void on_routing_request(struct server_client *client, const struct toxtcp_public_key *key)
{
    struct toxtcp_env *env = client->server->env;
    struct route *route = routes_find(&client->routes, env, key);
    bool full;

    if (route) {
        (void)respond(client, key, route->id);
        return;
    }
    if (!toxtcp_public_key_equal(key, &client->key)) {
        route = routes_add(&client->routes, env, key, ROUTE_REGISTERED, &full);
    }
    if (!route) {
        (void)respond(client, key, WIRE_ID_REFUSED);
        return;
    }
    routes_set_id(&client->routes, route, routes_lowest_free_id(&client->routes));
    /* A client that this ends has lost its routes. */
    if (respond(client, key, route->id)) {
        try_online(client, route);
    }
}

static void on_disconnect(struct server_client *client, uint8_t id)
{
    struct route *route = routes_by_id(&client->routes, id);

    if (!route) {
        return;
    }
    if (route->state == ROUTE_ONLINE) {
        server_unlink_route(route);
    }
    /* Telling the peer may have ended this client, and its routes with it. */
    if (client->state != SERVER_CLIENT_ENDED) {
        routes_remove(&client->routes, client->server->env, route);
    }
}

/* The plaintext that was opened is the one that is sealed again: only its id changes. */
static void on_data(struct server_client *client, struct box_plain *plain, size_t len)
{
    const struct route *route = routes_by_id(&client->routes, plain->bytes[0]);

    if (!route || route->state != ROUTE_ONLINE || len < 2) {
        return;
    }
    struct server_client *peer = route->user;
    plain->bytes[0] = route->other->id;
    if (link_send(&peer->link, plain, len) == TOXTCP_OK) {
        client->server->info.data_relayed++;
    } else {
        client->server->info.data_dropped++;
    }
}

/* What comes and what goes have the same shape: the kind and the key change. */
static void on_oob(struct server_client *client, const struct toxtcp_public_key *receiver_key, struct box_plain *plain,
                   size_t len)
{
    struct toxtcp_server *server = client->server;
    struct server_client *receiver = server_find_client(server, receiver_key);

    plain->bytes[0] = WIRE_OOB_RECV;
    memcpy(plain->bytes + 1, client->key.bytes, WIRE_KEY_SIZE);
    if (receiver && link_send(&receiver->link, plain, len) == TOXTCP_OK) {
        server->info.oob_relayed++;
    } else {
        server->info.oob_dropped++;
    }
}

static void on_ping(struct server_client *client, struct packet *packet)
{
    packet->kind = WIRE_PONG;
    (void)server_send(client, packet);
}

/* Whether a payload out of its bounds is forgiven: without a UDP part these are dropped at any length. */
static bool is_for_udp(uint8_t kind)
{
    return kind == WIRE_ONION_REQUEST || kind == WIRE_FORWARD_REQUEST;
}

static void handle_packet(struct server_client *client, struct packet *packet, struct box_plain *plain, size_t len)
{
    switch (packet->kind) {
    case WIRE_ROUTING_REQUEST:
        on_routing_request(client, &packet->key);
        break;
    case WIRE_DISCONNECT:
        on_disconnect(client, packet->id);
        break;
    case WIRE_PING:
        on_ping(client, packet);
        break;
    case WIRE_PONG:
        server_take_pong(client, packet->ping_id);
        break;
    case WIRE_OOB_SEND:
        on_oob(client, &packet->key, plain, len);
        break;
    default:
        assert(is_for_udp((uint8_t)packet->kind));
        break;
    }
}

int server_relay(struct server_client *client, struct box_plain *plain, size_t len)
{
    struct packet packet;

    if (plain->bytes[0] >= WIRE_DATA) {
        on_data(client, plain, len);
        return TOXTCP_OK;
    }
    const int error = packet_decode(plain->bytes, len, PACKET_FROM_CLIENT, &packet);
    if (!error) {
        handle_packet(client, &packet, plain, len);
        return TOXTCP_OK;
    }
    return is_for_udp(plain->bytes[0]) ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL;
}
