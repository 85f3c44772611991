/* The relays of the fuzz target of connections. SPDX-License-Identifier: ISC */
#include <string.h>

#include <toxtcp/error.h>

#include "fuzz/connections_world.h"

struct toxtcp_key_pair own_keys;
struct toxtcp_key_pair relay_keys[RELAYS];

static uint8_t key_byte(uint8_t peer)
{
    return (uint8_t)('a' + peer);
}

struct toxtcp_public_key key_of(uint8_t peer)
{
    return peer == OWN_PEER ? own_keys.public_key : hostile_key(key_byte(peer));
}

/* Grants the route and says that the peer is there. */
static void answer(struct hostile *relay, const struct packet *request)
{
    const uint8_t peer = (uint8_t)(request->key.bytes[0] - key_byte(0));
    const uint8_t id = peer < WIRE_ID_COUNT ? WIRE_ID_MIN + peer : WIRE_ID_REFUSED;
    uint8_t response[2 + WIRE_KEY_SIZE] = {WIRE_ROUTING_RESPONSE, id};
    const uint8_t notification[] = {WIRE_CONNECT, id};

    memcpy(response + 2, request->key.bytes, WIRE_KEY_SIZE);
    hostile_say(relay, response, sizeof response);
    hostile_say(relay, notification, sizeof notification);
}

/* To ourselves: back to the sender, as a relay should. */
static void give_back(struct hostile *relay, const struct packet *oob)
{
    uint8_t plain[1 + WIRE_KEY_SIZE + TOXTCP_OOB_MAX] = {WIRE_OOB_RECV};

    memcpy(plain + 1, oob->key.bytes, WIRE_KEY_SIZE);
    memcpy(plain + 1 + WIRE_KEY_SIZE, oob->data, oob->data_len);
    hostile_say(relay, plain, 1 + WIRE_KEY_SIZE + oob->data_len);
}

static void asked(struct hostile *relay, const struct packet *packet)
{
    struct world *world = relay->user;
    const uint32_t returning = 1u << (RELAYS + world->relay_of[relay - world->streams]);

    if (packet->kind == WIRE_OOB_SEND && toxtcp_public_key_equal(&packet->key, &own_keys.public_key) &&
        world->honest & returning) {
        give_back(relay, packet);
    }
    if (packet->kind != WIRE_ROUTING_REQUEST) {
        return;
    }
    const uint8_t peer = (uint8_t)(packet->key.bytes[0] - key_byte(0));
    net_require(world->wanted[peer], "a route that nobody asked for");
    if (world->honest & 1u << world->relay_of[relay - world->streams]) {
        answer(relay, packet);
    }
}

int dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct world *world = user;
    const int relay = endpoint->address.port - FIRST_PORT;

    net_require(relay >= 0 && relay < RELAYS, "another endpoint is dialled");
    for (size_t i = 0; i < STREAMS; i++) {
        net_require(!world->streams[i].end.link || world->relay_of[i] != relay, "a relay is dialled twice");
    }
    if (world->dial_error) {
        return world->dial_error;
    }
    for (size_t i = 0; i < STREAMS; i++) {
        struct hostile *stream = &world->streams[i];
        if (!stream->end.link) {
            far_end_free(&stream->end);
            hostile_init(stream, &world->far_env, &relay_keys[relay]);
            stream->user = world;
            stream->asked = asked;
            stream->end.dialling = true;
            stream->lively = world->honest & 1u << relay;
            world->relay_of[i] = (uint8_t)relay;
            far_end_take(&stream->end, link);
            return TOXTCP_OK;
        }
    }
    return TOXTCP_ERR_NO_DESCRIPTOR;
}

void turn(struct world *world)
{
    for (size_t i = 0; i < STREAMS; i++) {
        struct far_end *end = &world->streams[i].end;
        far_end_connect(end, world->now_ms);
        far_end_read(end, SIZE_MAX, world->now_ms);
        far_end_deliver(end, SIZE_MAX, world->now_ms);
        far_end_read(end, SIZE_MAX, world->now_ms);
    }
}

void set_honest(struct world *world, uint8_t honest)
{
    world->honest = honest;
    for (size_t i = 0; i < STREAMS; i++) {
        world->streams[i].lively = honest & 1u << world->relay_of[i];
    }
}
