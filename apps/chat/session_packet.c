/* Packets of the end-to-end layer: form, sealing, opening. SPDX-License-Identifier: ISC */
#include "session_packet.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include <toxtcp/error.h>

enum { DIRECTION_BIT = 0x80 };

static const uint8_t mark[SESSION_MARK_SIZE] = {0x1b, 'T', 0x01};

_Static_assert(SESSION_NONCE_SIZE == crypto_box_NONCEBYTES, "the nonce of crypto_box");
_Static_assert(SESSION_MAC_SIZE == crypto_box_MACBYTES, "the MAC of crypto_box");
_Static_assert(TOXTCP_KEY_SIZE == crypto_box_BEFORENMBYTES, "the shared key of crypto_box");

static void put_number(uint8_t **out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        (*out)[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    }
    *out += size;
}

static uint64_t get_number(const uint8_t **in, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | (*in)[i];
    }
    *in += size;
    return number;
}

static void put_id(uint8_t **out, const struct session_id *id)
{
    memcpy(*out, id->bytes, sizeof id->bytes);
    *out += sizeof id->bytes;
}

static void get_id(const uint8_t **in, struct session_id *id)
{
    memcpy(id->bytes, *in, sizeof id->bytes);
    *in += sizeof id->bytes;
}

static void put_addresses(uint8_t **out, const struct session_packet *packet)
{
    for (size_t i = 0; i < packet->address_count; i++) {
        int size = toxtcp_address_pack(&packet->addresses[i], TOXTCP_PROTOCOL_UDP, *out);

        assert(size > 0);
        *out += size;
    }
}

/* Takes all that is left; false when that is no row of so many addresses. */
static bool get_addresses(const uint8_t *in, size_t len, size_t most, struct session_packet *packet)
{
    while (len > 0) {
        enum toxtcp_protocol protocol;
        int size;

        if (packet->address_count == most) {
            return false;
        }
        size = toxtcp_address_unpack(in, len, &packet->addresses[packet->address_count], &protocol);
        if (size < 0 || protocol != TOXTCP_PROTOCOL_UDP) {
            return false;
        }
        packet->address_count++;
        in += size;
        len -= (size_t)size;
    }
    return true;
}

int session_box_init(struct session_box *box, const struct toxtcp_key_pair *keys,
                     const struct toxtcp_public_key *peer_key)
{
    int order = memcmp(keys->public_key.bytes, peer_key->bytes, TOXTCP_KEY_SIZE);

    if (order == 0 || crypto_box_beforenm(box->shared, peer_key->bytes, keys->secret_key.bytes) != 0) {
        return TOXTCP_ERR_INVALID;
    }
    box->direction = order > 0 ? DIRECTION_BIT : 0;
    return TOXTCP_OK;
}

static void put_data(uint8_t **out, const struct session_packet *packet)
{
    assert(packet->text_len <= SESSION_SEGMENT_MAX);
    put_number(out, packet->segment, 8);
    put_number(out, packet->last ? 1 : 0, 1);
    if (packet->text_len > 0) {
        memcpy(*out, packet->text, packet->text_len);
    }
    *out += packet->text_len;
}

static void put_body(uint8_t **out, const struct session_packet *packet)
{
    switch (packet->kind) {
    case SESSION_HELLO:
        put_id(out, &packet->challenge);
        put_id(out, &packet->response);
        break;
    case SESSION_ADDRESSES:
        put_number(out, packet->serial, 8);
        put_addresses(out, packet);
        break;
    case SESSION_PROBE:
        put_id(out, &packet->challenge);
        put_id(out, &packet->response);
        put_number(out, packet->flags, 1);
        put_addresses(out, packet);
        break;
    case SESSION_ACK:
    case SESSION_DATA:
        put_number(out, packet->awaited, 8);
        put_number(out, packet->held, 4);
        if (packet->kind == SESSION_DATA) {
            put_data(out, packet);
        }
        break;
    }
}

static size_t encode(const struct session_packet *packet, uint8_t direction, uint8_t *plain)
{
    uint8_t *out = plain;

    put_number(&out, (uint64_t)packet->kind | direction, 1);
    put_id(&out, &packet->from);
    if (packet->kind != SESSION_HELLO) {
        put_id(&out, &packet->to);
    }
    put_body(&out, packet);
    return (size_t)(out - plain);
}

size_t session_packet_seal(const struct session_box *box, const struct session_packet *packet,
                           uint8_t bytes[SESSION_PACKET_MAX])
{
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t *nonce = bytes + SESSION_MARK_SIZE;
    size_t len = encode(packet, box->direction, plain);

    memcpy(bytes, mark, sizeof mark);
    randombytes_buf(nonce, SESSION_NONCE_SIZE);
    (void)crypto_box_easy_afternm(nonce + SESSION_NONCE_SIZE, plain, len, nonce, box->shared);
    sodium_memzero(plain, sizeof plain);
    return SESSION_MARK_SIZE + SESSION_NONCE_SIZE + SESSION_MAC_SIZE + len;
}

static bool has_size(enum session_kind kind, size_t len)
{
    switch (kind) {
    case SESSION_HELLO:
        return len == SESSION_HELLO_SIZE;
    case SESSION_ACK:
        return len == SESSION_ACK_SIZE;
    case SESSION_DATA:
        return len >= SESSION_DATA_SIZE;
    case SESSION_ADDRESSES:
        return len >= SESSION_ADDRESSES_SIZE;
    case SESSION_PROBE:
        return len >= SESSION_PROBE_SIZE;
    }
    return false;
}

static bool get_body(const uint8_t *in, const uint8_t *end, struct session_packet *packet)
{
    switch (packet->kind) {
    case SESSION_HELLO:
        get_id(&in, &packet->challenge);
        get_id(&in, &packet->response);
        return true;
    case SESSION_ADDRESSES:
        packet->serial = get_number(&in, 8);
        return get_addresses(in, (size_t)(end - in), SESSION_ADDRESSES_MAX, packet);
    case SESSION_PROBE:
        get_id(&in, &packet->challenge);
        get_id(&in, &packet->response);
        packet->flags = (uint8_t)get_number(&in, 1);
        return get_addresses(in, (size_t)(end - in), 1, packet);
    case SESSION_ACK:
    case SESSION_DATA:
        packet->awaited = get_number(&in, 8);
        packet->held = (uint32_t)get_number(&in, 4);
        if (packet->kind == SESSION_DATA) {
            packet->segment = get_number(&in, 8);
            packet->last = get_number(&in, 1) != 0;
            packet->text = in;
            packet->text_len = (size_t)(end - in);
        }
        return true;
    }
    return false;
}

static bool decode(const uint8_t *plain, size_t len, uint8_t direction, struct session_packet *packet)
{
    const uint8_t *in = plain + 1;
    struct session_packet read = {.kind = (enum session_kind)(plain[0] & ~DIRECTION_BIT)};

    if ((plain[0] & DIRECTION_BIT) == direction || !has_size(read.kind, len)) {
        return false;
    }
    get_id(&in, &read.from);
    if (read.kind != SESSION_HELLO) {
        get_id(&in, &read.to);
    }
    if (!get_body(in, plain + len, &read)) {
        return false;
    }
    *packet = read;
    return true;
}

bool session_packet_open(const struct session_box *box, const uint8_t *bytes, size_t len,
                         uint8_t plain[SESSION_PLAIN_MAX], struct session_packet *packet)
{
    const uint8_t *nonce = bytes + SESSION_MARK_SIZE;
    size_t overhead = SESSION_MARK_SIZE + SESSION_NONCE_SIZE + SESSION_MAC_SIZE;

    if (len <= overhead || len > SESSION_PACKET_MAX || memcmp(bytes, mark, sizeof mark) != 0) {
        return false;
    }
    if (crypto_box_open_easy_afternm(plain, nonce + SESSION_NONCE_SIZE, len - SESSION_MARK_SIZE - SESSION_NONCE_SIZE,
                                     nonce, box->shared) != 0) {
        return false;
    }
    return decode(plain, len - overhead, box->direction, packet);
}
