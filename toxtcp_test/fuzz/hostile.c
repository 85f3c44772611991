/* A relay that says whatever the input wants. SPDX-License-Identifier: ISC */
#include "fuzz/hostile.h"

#include <string.h>

#include <toxtcp/error.h>

struct toxtcp_public_key hostile_key(uint8_t peer)
{
    struct toxtcp_public_key key;

    memset(key.bytes, peer, sizeof key.bytes);
    return key;
}

/* --- What the relay says --- */

static void remember_response(struct hostile *relay, uint8_t peer, uint8_t id)
{
    relay->given[id]++;
    relay->given_to[id][peer] = true;
    if (relay->waiting[peer] == 0) {
        relay->unasked = true;
        return;
    }
    relay->waiting[peer]--;
    relay->answer_count += id != WIRE_ID_REFUSED;
}

/* Returns false when there is no room to remember it. */
static bool remember(struct hostile *relay, const struct packet *packet)
{
    switch (packet->kind) {
    case WIRE_PING:
        if (relay->said_ping_count == HOSTILE_PINGS_MAX) {
            return false;
        }
        memcpy(relay->said_pings[relay->said_ping_count], packet->ping_id, sizeof packet->ping_id);
        relay->said_ping_count++;
        return true;
    case WIRE_ROUTING_RESPONSE:
        remember_response(relay, packet->key.bytes[0], packet->id);
        return true;
    case WIRE_CONNECT:
        relay->notified[packet->id] = true;
        return true;
    default:
        return true;
    }
}

void hostile_say(struct hostile *relay, const uint8_t *plain, size_t len)
{
    struct packet packet = {0};

    if (len == 0) {
        return;
    }
    relay->spoilt |= relay->end.channel.state != CHANNEL_OPEN;
    if (relay->end.channel.state == CHANNEL_OPEN && packet_decode(plain, len, PACKET_FROM_RELAY, &packet) == 0 &&
        !remember(relay, &packet)) {
        return;
    }
    far_end_say(&relay->end, plain, len);
}

static void say_pong(struct hostile *relay)
{
    uint8_t plain[1 + WIRE_PING_ID_SIZE] = {WIRE_PONG};

    if (relay->pinged) {
        memcpy(plain + 1, relay->ping_id, sizeof relay->ping_id);
        hostile_say(relay, plain, sizeof plain);
    }
}

static bool is_all_read(const struct hostile *relay)
{
    return buffer_len(&relay->end.channel.out) == 0 && !relay->spoilt;
}

bool hostile_may_hold(const struct hostile *relay, uint32_t held)
{
    return !is_all_read(relay) || relay->unasked || relay->answer_count == relay->bye_count + held;
}

bool hostile_is_answered(const struct hostile *relay)
{
    return !is_all_read(relay) || relay->pong_count == relay->said_ping_count;
}

/* --- What the client says --- */

static void hear_pong(struct hostile *relay, const struct packet *pong)
{
    net_require(relay->pong_count < relay->said_ping_count, "a pong without a ping");
    net_require(memcmp(relay->said_pings[relay->pong_count], pong->ping_id, sizeof pong->ping_id) == 0,
                "a pong of another ping, or out of order");
    relay->pong_count++;
}

static void hear_packet(struct hostile *relay, const struct packet *packet)
{
    switch (packet->kind) {
    case WIRE_PING:
        memcpy(relay->ping_id, packet->ping_id, sizeof relay->ping_id);
        relay->pinged = true;
        if (relay->lively) {
            say_pong(relay);
        }
        return;
    case WIRE_PONG:
        hear_pong(relay, packet);
        return;
    case WIRE_DISCONNECT:
        relay->bye_count++;
        relay->given_up[packet->id]++;
        net_require(relay->given_up[packet->id] <= relay->given[packet->id], "an id is given up that was not given");
        break;
    case WIRE_ROUTING_REQUEST:
        relay->waiting[packet->key.bytes[0]]++;
        break;
    case WIRE_DATA:
        net_require(relay->given[packet->id] > 0 && relay->notified[packet->id], "data for a peer that is not online");
        break;
    default:
        break;
    }
    relay->asked(relay, packet);
}

static void heard(struct far_end *end, const uint8_t *plain, size_t len)
{
    struct packet packet = {0};

    net_require(packet_decode(plain, len, PACKET_FROM_CLIENT, &packet) == 0, "a packet that the protocol forbids");
    hear_packet((struct hostile *)end, &packet);
}

void hostile_init(struct hostile *relay, struct net_env *env, const struct toxtcp_key_pair *keys)
{
    memset(relay, 0, sizeof *relay);
    relay->end.heard = heard;
    far_end_be_relay(&relay->end, env, keys);
}

/* --- What the input wants --- */

/* The kind's fixed fields, and `len` bytes more: as many as are right for it, or not. */
static size_t make_packet(struct input *input, uint8_t plain[WIRE_PLAIN_MAX])
{
    const uint8_t kind = input_byte(input);
    const uint8_t peer = input_byte(input);
    const uint8_t id = input_byte(input);
    const size_t len = input_length(input);
    size_t used = 0;

    plain[used++] = kind;
    if (kind == WIRE_ROUTING_RESPONSE || kind == WIRE_CONNECT || kind == WIRE_DISCONNECT) {
        plain[used++] = id;
    }
    if (kind == WIRE_PING || kind == WIRE_PONG) {
        memset(plain + used, peer, WIRE_PING_ID_SIZE);
        used += WIRE_PING_ID_SIZE;
    }
    if (kind <= WIRE_ROUTING_RESPONSE || kind == WIRE_OOB_SEND || kind == WIRE_OOB_RECV) {
        memset(plain + used, peer, WIRE_KEY_SIZE);
        used += WIRE_KEY_SIZE;
    }
    const size_t more = used + len <= WIRE_PLAIN_MAX ? len : WIRE_PLAIN_MAX - used;
    memset(plain + used, id, more);
    return used + more;
}

static void say_packet(struct hostile *relay, struct input *input, bool flood)
{
    uint8_t plain[WIRE_PLAIN_MAX];
    const size_t len = make_packet(input, plain);
    const uint32_t count = flood ? input_byte(input) : 1;

    for (uint32_t i = 0; i < count; i++) {
        hostile_say(relay, plain, len);
    }
}

static void flip(struct hostile *relay, struct input *input)
{
    const size_t high = input_byte(input);
    const size_t low = input_byte(input);

    far_end_flip(&relay->end, high << 8 | low, input_byte(input));
}

/* As the brief forms of a length: 0 is all. */
static size_t piece(struct input *input)
{
    const size_t len = input_length(input);

    return len ? len : SIZE_MAX;
}

static int end_error(struct input *input)
{
    static const int errors[] = {TOXTCP_ERR_CLOSED, TOXTCP_ERR_RESET, TOXTCP_ERR_REFUSED, TOXTCP_ERR_UNREACHABLE,
                                 TOXTCP_ERR_HOST_UNKNOWN};

    return errors[input_byte(input) % (sizeof errors / sizeof errors[0])];
}

void hostile_act(struct hostile *relay, enum hostile_op op, struct input *input, uint64_t now_ms)
{
    const uint8_t *bytes;
    size_t len;

    switch (op) {
    case HOSTILE_SAY:
    case HOSTILE_FLOOD:
        say_packet(relay, input, op == HOSTILE_FLOOD);
        break;
    case HOSTILE_PLAIN:
        bytes = input_bytes(input, input_length(input), &len);
        hostile_say(relay, bytes, len);
        break;
    case HOSTILE_BYTES:
        bytes = input_bytes(input, input_length(input), &len);
        relay->spoilt = true;
        far_end_say_bytes(&relay->end, bytes, len);
        break;
    case HOSTILE_FLIP:
        relay->spoilt = true;
        flip(relay, input);
        break;
    case HOSTILE_DELIVER:
        far_end_deliver(&relay->end, piece(input), now_ms);
        break;
    case HOSTILE_READ:
        far_end_read(&relay->end, piece(input), now_ms);
        break;
    case HOSTILE_PONG:
        say_pong(relay);
        break;
    case HOSTILE_CONNECT:
        far_end_connect(&relay->end, now_ms);
        break;
    default:
        far_end_end(&relay->end, end_error(input), now_ms);
        break;
    }
}
