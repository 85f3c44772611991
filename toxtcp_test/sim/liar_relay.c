/* What a liar does with packets: what a relay does, less what its vices take away. SPDX-License-Identifier: ISC */
#include "liar_private.h"

#include <string.h>

#include <utlist.h>

/* --- Who and where --- */

struct liar_client *liar_find_client(const struct liar *liar, const struct toxtcp_public_key *key)
{
    struct liar_client *client;

    DL_FOREACH (liar->clients, client) {
        if (client->confirmed && toxtcp_public_key_equal(&client->key, key)) {
            return client;
        }
    }
    return NULL;
}

struct liar_route *liar_find_route(struct liar_client *client, const struct toxtcp_public_key *key)
{
    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        if (client->routes[i].used && toxtcp_public_key_equal(&client->routes[i].key, key)) {
            return &client->routes[i];
        }
    }
    return NULL;
}

struct liar_route *liar_route_by_id(struct liar_client *client, uint8_t id)
{
    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        if (client->routes[i].used && client->routes[i].id == id) {
            return &client->routes[i];
        }
    }
    return NULL;
}

struct liar_route *liar_some_route(struct liar_client *client)
{
    uint32_t seen = 0;
    struct liar_route *chosen = NULL;

    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        if (client->routes[i].used && liar_below(client->liar, ++seen) == 0) {
            chosen = &client->routes[i];
        }
    }
    return chosen;
}

struct liar_route *liar_find_back(const struct liar_client *client, const struct liar_route *route,
                                  struct liar_client **peer)
{
    *peer = liar_find_client(client->liar, &route->key);
    return *peer ? liar_find_route(*peer, &client->key) : NULL;
}

/* --- What goes out --- */

/* Data and OOB are dropped when there is no room; for want of room for anything else the client goes. */
bool liar_pass_on(struct liar_client *client, struct box_plain *plain, size_t len, bool control)
{
    if (!control) {
        (void)link_send(&client->link, plain, len);
        return true;
    }
    if (link_send_control(&client->link, plain, len)) {
        liar_end_client(client);
        return false;
    }
    return true;
}

static bool hold(struct liar_client *client, const struct box_plain *plain, size_t len, bool control)
{
    if (client->held_count == LIAR_HELD_MAX) {
        if (control) {
            liar_end_client(client);
        }
        return !control;
    }
    struct held *held = liar_allocate(client->liar->env, sizeof *held);
    held->control = control;
    held->len = len;
    memcpy(held->bytes, plain->bytes, len);
    DL_APPEND(client->held, held);
    client->held_count++;
    return true;
}

/* Sends a plaintext, or holds it back. False: the client is ended, perhaps by this. */
static bool transmit(struct liar_client *client, struct box_plain *plain, size_t len, bool control)
{
    struct liar *liar = client->liar;

    if (client->ended) {
        return false;
    }
    if (!client->held && liar_has(liar, LIAR_DELAYS) && liar_happens(liar, liar->config.delay_one_in)) {
        client->due[TIMER_HELD] = liar->now_ms + liar->config.delay_ms;
        return hold(client, plain, len, control);
    }
    return client->held ? hold(client, plain, len, control) : liar_pass_on(client, plain, len, control);
}

bool liar_send(struct liar_client *client, const struct packet *packet)
{
    struct box_plain plain;

    return transmit(client, &plain, packet_encode(packet, plain.bytes), packet->kind != WIRE_DATA);
}

static struct held *take_held(struct liar_client *client)
{
    struct held *held = client->held;

    if (held) {
        DL_DELETE(client->held, held);
        client->held_count--;
    }
    return held;
}

void liar_release_held(struct liar_client *client)
{
    struct box_plain plain;
    struct held *held;
    bool stands = true;

    client->due[TIMER_HELD] = TOXTCP_NEVER;
    while (stands && (held = take_held(client))) {
        memcpy(plain.bytes, held->bytes, held->len);
        stands = liar_pass_on(client, &plain, held->len, held->control);
        env_release(client->liar->env, held, sizeof *held);
    }
}

void liar_drop_held(struct liar_client *client)
{
    struct held *held;

    while ((held = take_held(client))) {
        env_release(client->liar->env, held, sizeof *held);
    }
}

/* --- Routes --- */

static bool tell_online(struct liar_client *client, struct liar_route *route)
{
    if (route->told) {
        return true;
    }
    route->told = true;
    return liar_send(client, &(struct packet){.kind = WIRE_CONNECT, .id = route->id});
}

/* The far end of this route is gone. To one who sees ghosts nobody ever goes. */
void liar_tell_offline(struct liar_client *client, struct liar_route *route)
{
    if (route->told && !liar_has(client->liar, LIAR_GHOSTS)) {
        route->told = false;
        (void)liar_send(client, &(struct packet){.kind = WIRE_DISCONNECT, .id = route->id});
    }
}

static void try_online(struct liar_client *client, struct liar_route *route)
{
    struct liar_client *peer;
    struct liar_route *back = liar_find_back(client, route, &peer);

    if (!back && !liar_has(client->liar, LIAR_GHOSTS)) {
        return;
    }
    /* Only the end of this client could end the other. */
    if (tell_online(client, route) && back) {
        (void)tell_online(peer, back);
    }
}

static uint8_t lowest_free_id(struct liar_client *client)
{
    for (uint32_t id = WIRE_ID_MIN; id <= WIRE_ID_MAX; id++) {
        if (!liar_route_by_id(client, (uint8_t)id)) {
            return (uint8_t)id;
        }
    }
    return WIRE_ID_REFUSED;
}

static struct liar_route *add_route(struct liar_client *client, const struct toxtcp_public_key *key)
{
    const uint8_t id = liar_choose_id(client, lowest_free_id(client));

    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        if (!client->routes[i].used) {
            client->routes[i] = (struct liar_route){.key = *key, .id = id, .used = true};
            return &client->routes[i];
        }
    }
    return NULL;
}

static bool respond(struct liar_client *client, const struct toxtcp_public_key *key, uint8_t id)
{
    return liar_send(client, &(struct packet){.kind = WIRE_ROUTING_RESPONSE, .id = id, .key = *key});
}

static void on_routing_request(struct liar_client *client, const struct toxtcp_public_key *key)
{
    struct liar_route *route = liar_find_route(client, key);

    if (route) {
        (void)respond(client, key, route->id);
        return;
    }
    if (!toxtcp_public_key_equal(key, &client->key)) {
        route = add_route(client, key);
    }
    if (!route) {
        (void)respond(client, key, WIRE_ID_REFUSED);
    } else if (respond(client, key, route->id)) {
        try_online(client, route);
    }
}

static void on_disconnect(struct liar_client *client, uint8_t id)
{
    struct liar_route *route = liar_route_by_id(client, id);
    struct liar_client *peer;

    if (!route) {
        return;
    }
    struct liar_route *back = liar_find_back(client, route, &peer);
    *route = (struct liar_route){0};
    if (back) {
        liar_tell_offline(peer, back);
    }
}

/* --- What comes in --- */

static bool loses(const struct liar *liar)
{
    return liar_has(liar, LIAR_LOSES) && liar_happens(liar, liar->config.lose_one_in);
}

static void pass_or_carry(struct liar_client *from, struct liar_client *to, struct box_plain *plain, size_t len)
{
    const struct liar_carrier *carrier = from->liar->config.carrier;

    if (carrier) {
        carrier->carry(carrier->user, from, to, plain, len);
    } else {
        (void)transmit(to, plain, len, false);
    }
}

static void on_data(struct liar_client *client, struct box_plain *plain, size_t len)
{
    const struct liar *liar = client->liar;
    const struct liar_route *route = liar_route_by_id(client, plain->bytes[0]);
    struct liar_client *peer;

    if (!route || len < 2 || liar_has(liar, LIAR_DROPS_DATA) || loses(liar)) {
        return;
    }
    const struct liar_route *back = liar_find_back(client, route, &peer);
    /* An id that is none would make a packet of another kind of it. */
    if (back && back->id >= WIRE_ID_MIN) {
        plain->bytes[0] = back->id;
        pass_or_carry(client, peer, plain, len);
    }
}

static void on_oob(struct liar_client *client, const struct toxtcp_public_key *receiver_key, struct box_plain *plain,
                   size_t len)
{
    const struct liar *liar = client->liar;
    struct liar_client *receiver = liar_find_client(liar, receiver_key);

    if (!receiver || liar_has(liar, LIAR_DROPS_OOB) || loses(liar)) {
        return;
    }
    plain->bytes[0] = WIRE_OOB_RECV;
    memcpy(plain->bytes + 1, client->key.bytes, WIRE_KEY_SIZE);
    pass_or_carry(client, receiver, plain, len);
}

static void on_pong(struct liar_client *client, const uint8_t *ping_id)
{
    if (memcmp(client->ping_id, ping_id, WIRE_PING_ID_SIZE) == 0) {
        client->due[TIMER_PONG] = TOXTCP_NEVER;
    }
}

static void handle_packet(struct liar_client *client, struct packet *packet, struct box_plain *plain, size_t len)
{
    switch (packet->kind) {
    case WIRE_ROUTING_REQUEST:
        on_routing_request(client, &packet->key);
        break;
    case WIRE_DISCONNECT:
        on_disconnect(client, packet->id);
        break;
    case WIRE_PING:
        packet->kind = WIRE_PONG;
        (void)liar_send(client, packet);
        break;
    case WIRE_PONG:
        on_pong(client, packet->ping_id);
        break;
    case WIRE_OOB_SEND:
        on_oob(client, &packet->key, plain, len);
        break;
    default: /* for UDP, which there is none of */
        break;
    }
}

int liar_relay(struct liar_client *client, struct box_plain *plain, size_t len)
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
    const bool for_udp = plain->bytes[0] == WIRE_ONION_REQUEST || plain->bytes[0] == WIRE_FORWARD_REQUEST;
    return for_udp ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL;
}
