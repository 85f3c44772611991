/* Plaintext <-> tagged struct, by one table. SPDX-License-Identifier: ISC */
#include "packet.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <toxtcp/error.h>

enum field { FIELD_ID = 1, FIELD_KEY = 2, FIELD_PING_ID = 4 };

enum { BOTH = PACKET_FROM_CLIENT | PACKET_FROM_RELAY, PACKED_ADDRESS_MIN = 7, PACKED_ADDRESS_MAX = 19 };

/* A kind's body: the fixed fields, in this order, then data_min..data_max bytes. */
struct shape {
    uint8_t senders; /* enum packet_sender, or-ed; 0: reserved */
    uint8_t fields;  /* enum field, or-ed */
    uint16_t data_min;
    uint16_t data_max;
};

/* Section 3's table. */
static const struct shape shapes[] = {
    [WIRE_ROUTING_REQUEST] = {PACKET_FROM_CLIENT, FIELD_KEY, 0, 0},
    [WIRE_ROUTING_RESPONSE] = {PACKET_FROM_RELAY, FIELD_ID | FIELD_KEY, 0, 0},
    [WIRE_CONNECT] = {PACKET_FROM_RELAY, FIELD_ID, 0, 0},
    [WIRE_DISCONNECT] = {BOTH, FIELD_ID, 0, 0},
    [WIRE_PING] = {BOTH, FIELD_PING_ID, 0, 0},
    [WIRE_PONG] = {BOTH, FIELD_PING_ID, 0, 0},
    [WIRE_OOB_SEND] = {PACKET_FROM_CLIENT, FIELD_KEY, 1, TOXTCP_OOB_MAX},
    [WIRE_OOB_RECV] = {PACKET_FROM_RELAY, FIELD_KEY, 1, TOXTCP_OOB_MAX},
    [WIRE_ONION_REQUEST] = {PACKET_FROM_CLIENT, 0, TOXTCP_ONION_NONCE_SIZE + TOXTCP_ONION_BODY_MIN,
                            TOXTCP_ONION_NONCE_SIZE + TOXTCP_ONION_BODY_MAX},
    [WIRE_ONION_RESPONSE] = {PACKET_FROM_RELAY, 0, 1, WIRE_PLAIN_MAX - 1},
    [WIRE_FORWARD_REQUEST] = {PACKET_FROM_CLIENT, 0, PACKED_ADDRESS_MIN, PACKED_ADDRESS_MAX + TOXTCP_FORWARD_DATA_MAX},
    [WIRE_FORWARDING] = {PACKET_FROM_RELAY, 0, 1, WIRE_PLAIN_MAX - 1},
    [WIRE_DATA] = {BOTH, 0, 1, TOXTCP_DATA_MAX},
};

static const struct shape *shape_of(uint8_t kind)
{
    return &shapes[kind < WIRE_DATA ? kind : WIRE_DATA];
}

/* Copies a field of the body if the shape has it; returns how far the body is read. */
static size_t take(const struct shape *shape, enum field field, void *to, const uint8_t *from, size_t size)
{
    if (!(shape->fields & field)) {
        return 0;
    }
    memcpy(to, from, size);
    return size;
}

static size_t fixed_size(const struct shape *shape)
{
    return (shape->fields & FIELD_ID ? 1 : 0) + (shape->fields & FIELD_KEY ? WIRE_KEY_SIZE : 0) +
           (shape->fields & FIELD_PING_ID ? WIRE_PING_ID_SIZE : 0);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

static int judge_length(const struct shape *shape, size_t body_len)
{
    const size_t fixed = fixed_size(shape);

    if (body_len < fixed) {
        return TOXTCP_ERR_PROTOCOL;
    }
    if (body_len - fixed < shape->data_min) {
        return TOXTCP_ERR_EMPTY;
    }
    if (body_len - fixed > shape->data_max) {
        return shape->data_max ? TOXTCP_ERR_TOO_LONG : TOXTCP_ERR_PROTOCOL;
    }
    return TOXTCP_OK;
}

int packet_decode(const uint8_t *plain, size_t len, enum packet_sender sender, struct packet *packet)
{
    if (len == 0) {
        return TOXTCP_ERR_PROTOCOL;
    }
    const struct shape *shape = shape_of(plain[0]);
    if (!(shape->senders & sender)) {
        return TOXTCP_ERR_PROTOCOL;
    }
    const int error = judge_length(shape, len - 1);
    if (error) {
        return error;
    }
    if ((shape->fields & FIELD_PING_ID) && is_zero(plain + 1, WIRE_PING_ID_SIZE)) {
        return TOXTCP_ERR_PROTOCOL;
    }
    size_t used = 1;
    used += take(shape, FIELD_ID, &packet->id, plain + used, 1);
    used += take(shape, FIELD_KEY, packet->key.bytes, plain + used, WIRE_KEY_SIZE);
    used += take(shape, FIELD_PING_ID, packet->ping_id, plain + used, WIRE_PING_ID_SIZE);
    packet->kind = plain[0] < WIRE_DATA ? (enum wire_kind)plain[0] : WIRE_DATA;
    if (packet->kind == WIRE_DATA) {
        packet->id = plain[0];
    }
    packet->data = plain + used;
    packet->data_len = len - used;
    return TOXTCP_OK;
}

size_t packet_encode(const struct packet *packet, uint8_t *plain)
{
    const struct shape *shape = shape_of((uint8_t)packet->kind);
    const size_t data_len = shape->data_max ? packet->data_len : 0;
    size_t used = 1;

    assert(shape->senders && data_len >= shape->data_min && data_len <= shape->data_max);
    plain[0] = packet->kind == WIRE_DATA ? packet->id : (uint8_t)packet->kind;
    used += take(shape, FIELD_ID, plain + used, &packet->id, 1);
    used += take(shape, FIELD_KEY, plain + used, packet->key.bytes, WIRE_KEY_SIZE);
    used += take(shape, FIELD_PING_ID, plain + used, packet->ping_id, WIRE_PING_ID_SIZE);
    if (data_len > 0) {
        memcpy(plain + used, packet->data, data_len);
    }
    return used + data_len;
}
