/* What the relay does with each packet of a client: section 3's table. SPDX-License-Identifier: ISC */
#include "server_private.h"

#include <assert.h>
#include <string.h>

enum {
    /* What a packet costs its sender beyond its length, in bytes: it makes work for others. */
    WEIGHT_ROUTING = 4096,
    WEIGHT_OOB = 1024,
    NOTIFICATION_SIZE = 2, /* kind, id */
    /* When too much waits for all together, so much may still wait for each that does not read all it gets. */
    SCARCE_OUTPUT_MAX = 2 * WIRE_FRAME_MAX
};

/* --- What others cause for a client --- */

/* Whether a packet leaves no more than so much waiting. */
static bool fits(const struct server_client *client, size_t len, size_t output_max)
{
    return link_waiting(&client->link) + WIRE_FRAME_OVERHEAD + len <= output_max;
}

/* An empty queue takes any notification, however small the bound. */
static bool takes_notification(const struct server_client *client)
{
    return link_waiting(&client->link) == 0 || fits(client, NOTIFICATION_SIZE, client->link.output_max);
}

/* Says what a route is now, if its client doesn't know it. */
static bool tell(struct server_client *client, struct route *route)
{
    const bool online = server_route_is_online(route);
    const struct packet notification = {.kind = online ? WIRE_CONNECT : WIRE_DISCONNECT, .id = route->id};

    if (route->told_online == online) {
        return true;
    }
    route->told_online = online;
    return server_send(client, &notification);
}

/* It hears the rest when there is room, and then only how each route stands at last: else a friend that comes and goes
 * quickly could fill the queue until this client has to be closed. */
static void fall_behind(struct server_client *client)
{
    client->behind = true;
    link_want_room(&client->link);
}

bool server_notify(struct server_client *client, struct route *route)
{
    if (client->state == SERVER_CLIENT_ENDED) {
        return false;
    }
    if (client->behind || !takes_notification(client)) {
        fall_behind(client);
        return true;
    }
    return tell(client, route);
}

void server_catch_up(struct server_client *client)
{
    struct route *route = NULL;

    if (!client->behind) {
        return;
    }
    while ((route = routes_next(&client->routes, route))) {
        if (!takes_notification(client)) {
            fall_behind(client);
            return;
        }
        if (!tell(client, route)) {
            return;
        }
    }
    client->behind = false;
}

/* Too much waits for all together. Who took all of it the last time may still have what one turn brings: it is not the
 * one who makes others wait. */
static bool is_scarce(const struct server_client *receiver, size_t len)
{
    const struct toxtcp_server *server = receiver->server;
    const uint64_t total_max = server->config.output_total_max;
    const bool reads = receiver->link.choked_at_ms == TOXTCP_NEVER;
    const uint32_t room = reads ? receiver->link.output_max / 2 : SCARCE_OUTPUT_MAX;

    return total_max > 0 && server->info.output_len >= total_max && !fits(receiver, len, room);
}

int server_offer_data(struct server_client *receiver, struct box_plain *plain, size_t len)
{
    struct toxtcp_server_info *info = &receiver->server->info;

    if (is_scarce(receiver, len)) {
        info->data_dropped_total++;
        return TOXTCP_ERR_WOULD_BLOCK;
    }
    /* Who is behind may not know yet that this route is online. */
    const int error = receiver->behind ? TOXTCP_ERR_WOULD_BLOCK : link_send(&receiver->link, plain, len);
    if (error) {
        info->data_dropped++;
    }
    return error;
}

int server_offer_oob(struct server_client *receiver, struct box_plain *plain, size_t len)
{
    const uint32_t oob_max = receiver->link.output_max / 2;
    int error = TOXTCP_ERR_WOULD_BLOCK;

    /* Anybody may send OOB to anybody: it leaves half of the room to friends. */
    if ((link_waiting(&receiver->link) == 0 || fits(receiver, len, oob_max)) && !is_scarce(receiver, len)) {
        error = link_send(&receiver->link, plain, len);
    }
    if (error) {
        receiver->server->info.oob_dropped++;
    }
    return error;
}

/* --- Routes --- */

void server_unlink_route(struct route *route)
{
    struct server_client *peer = route->user;
    struct route *back = route->other;

    back->state = ROUTE_REGISTERED;
    back->user = NULL;
    back->other = NULL;
    route->state = ROUTE_REGISTERED;
    route->user = NULL;
    route->other = NULL;
    peer->server->info.online_count -= 2;
    (void)server_notify(peer, back);
}

static void set_online(struct route *route, struct server_client *peer, struct route *back)
{
    peer->server->info.online_count++;
    route->state = ROUTE_ONLINE;
    route->user = peer;
    route->other = back;
}

static struct route *find_back(const struct server_client *client, const struct route *route,
                               struct server_client **peer)
{
    *peer = server_find_client(client->server, &route->key);
    return *peer ? routes_find(&(*peer)->routes, client->server->env, &client->key) : NULL;
}

/* If the route's peer is here and has a route back, both go online: the requester hears it first. */
static void try_online(struct server_client *client, struct route *route)
{
    struct server_client *peer;

    if (client->server->mesh && server_mesh_want(client, route)) {
        return;
    }
    struct route *back = find_back(client, route, &peer);
    if (back && back->state == ROUTE_FAR) {
        /* Online to an older connection of this client, at another server. */
        server_mesh_end_session(peer, back);
        back = client->state == SERVER_CLIENT_ENDED ? NULL : find_back(client, route, &peer);
    }
    if (!back) {
        return;
    }
    set_online(route, peer, back);
    set_online(back, client, route);
    /* A client that this ends has taken the peer's route off, or the peer with it. */
    if (server_notify(client, route)) {
        (void)server_notify(peer, back);
    }
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
    client->server->info.route_count++;
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
    } else if (route->state == ROUTE_FAR) {
        server_mesh_unlink(client, route);
    }
    /* Telling the peer may have ended this client, and its routes with it. */
    if (client->state != SERVER_CLIENT_ENDED) {
        routes_remove(&client->routes, client->server->env, route);
        client->server->info.route_count--;
    }
}

/* --- Packets --- */

/* The plaintext that was opened is the one that is sealed again: only its id changes. */
static void on_data(struct server_client *client, struct box_plain *plain, size_t len)
{
    const struct route *route = routes_by_id(&client->routes, plain->bytes[0]);
    struct toxtcp_server_info *info = &client->server->info;

    if (!route || !server_route_is_online(route) || len < 2) {
        info->data_dropped_offline++;
        return;
    }
    if (route->state == ROUTE_FAR) {
        server_mesh_data(client, route, plain, len);
        return;
    }
    plain->bytes[0] = route->other->id;
    if (server_offer_data(route->user, plain, len) == TOXTCP_OK) {
        info->data_relayed++;
    }
}

/* What comes and what goes have the same shape: the kind and the key change. */
static void on_oob(struct server_client *client, const struct toxtcp_public_key *receiver_key, struct box_plain *plain,
                   size_t len)
{
    struct toxtcp_server *server = client->server;

    if (server->mesh && server_mesh_oob(client, plain, len)) {
        return;
    }
    struct server_client *receiver = server_find_client(server, receiver_key);
    if (!receiver) {
        server->info.oob_dropped_absent++;
        return;
    }
    plain->bytes[0] = WIRE_OOB_RECV;
    memcpy(plain->bytes + 1, client->key.bytes, WIRE_KEY_SIZE);
    if (server_offer_oob(receiver, plain, len) == TOXTCP_OK) {
        server->info.oob_relayed++;
    }
}

static void on_ping(struct server_client *client, struct packet *packet)
{
    packet->kind = WIRE_PONG;
    (void)server_send(client, packet);
}

/* Without a UDP part these are dropped, whatever is in them. */
static bool is_for_udp(uint8_t kind)
{
    return kind == WIRE_ONION_REQUEST || kind == WIRE_FORWARD_REQUEST;
}

static void count(struct toxtcp_server *server, enum toxtcp_packet_group group, size_t len)
{
    server->info.packets[group]++;
    server->info.bytes[group] += len;
}

static void handle_packet(struct server_client *client, struct packet *packet, struct box_plain *plain, size_t len)
{
    struct toxtcp_server *server = client->server;

    switch (packet->kind) {
    case WIRE_ROUTING_REQUEST:
        count(server, TOXTCP_GROUP_ROUTING, len);
        server_charge(client, WEIGHT_ROUTING);
        on_routing_request(client, &packet->key);
        break;
    case WIRE_DISCONNECT:
        count(server, TOXTCP_GROUP_DISCONNECT, len);
        server_charge(client, WEIGHT_ROUTING);
        on_disconnect(client, packet->id);
        break;
    case WIRE_PING:
        count(server, TOXTCP_GROUP_PING, len);
        on_ping(client, packet);
        break;
    case WIRE_PONG:
        count(server, TOXTCP_GROUP_PING, len);
        server_take_pong(client, packet->ping_id);
        break;
    default:
        assert(packet->kind == WIRE_OOB_SEND);
        count(server, TOXTCP_GROUP_OOB, len);
        server_charge(client, WEIGHT_OOB);
        on_oob(client, &packet->key, plain, len);
        break;
    }
}

int server_relay(struct server_client *client, struct box_plain *plain, size_t len)
{
    struct packet packet;

    if (plain->bytes[0] >= WIRE_DATA) {
        count(client->server, TOXTCP_GROUP_DATA, len);
        on_data(client, plain, len);
        return TOXTCP_OK;
    }
    if (is_for_udp(plain->bytes[0])) {
        count(client->server, TOXTCP_GROUP_UDP, len);
        return TOXTCP_OK;
    }
    const int error = packet_decode(plain->bytes, len, PACKET_FROM_CLIENT, &packet);
    if (error) {
        return TOXTCP_ERR_PROTOCOL;
    }
    handle_packet(client, &packet, plain, len);
    return TOXTCP_OK;
}
