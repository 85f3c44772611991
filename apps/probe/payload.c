/* Payloads that a relay cannot tell from those of two friends. SPDX-License-Identifier: ISC */
#include "payload.h"

#include <sodium.h>
#include <string.h>

enum { COOKIE_REQUEST_SIZE = 145, COOKIE_RESPONSE_SIZE = 161, HANDSHAKE_SIZE = 385, DATA_MIN = 40 };

void talk_begin(struct talk *talk, const struct toxtcp_public_key *own_key, bool first)
{
    *talk = (struct talk){.own_key = own_key, .first = first};
    randombytes_buf(&talk->counter, sizeof talk->counter);
}

static uint8_t next_kind(const struct talk *talk)
{
    if (talk->said == 0) {
        return talk->first ? PAYLOAD_COOKIE_REQUEST : PAYLOAD_COOKIE_RESPONSE;
    }
    return talk->said == 1 ? PAYLOAD_HANDSHAKE : PAYLOAD_DATA;
}

static size_t length_of(uint8_t kind, size_t longest, bool full)
{
    switch (kind) {
    case PAYLOAD_COOKIE_REQUEST:
        return COOKIE_REQUEST_SIZE;
    case PAYLOAD_COOKIE_RESPONSE:
        return COOKIE_RESPONSE_SIZE;
    case PAYLOAD_HANDSHAKE:
        return HANDSHAKE_SIZE;
    default:
        return full ? longest : DATA_MIN + randombytes_uniform((uint32_t)(longest - DATA_MIN) + 1);
    }
}

static void fill(struct talk *talk, uint8_t kind, uint8_t *bytes, size_t len)
{
    randombytes_buf(bytes, len);
    bytes[0] = kind;
    if (kind == PAYLOAD_COOKIE_REQUEST) {
        memcpy(bytes + 1, talk->own_key->bytes, TOXTCP_KEY_SIZE);
    }
    if (kind == PAYLOAD_DATA) {
        bytes[1] = (uint8_t)(talk->counter >> 8);
        bytes[2] = (uint8_t)talk->counter;
        talk->counter++;
    }
}

const uint8_t *talk_next(struct talk *talk, struct flight *flight, size_t longest, bool full, size_t *len)
{
    const uint8_t kind = next_kind(talk);
    uint8_t *bytes;

    *len = length_of(kind, longest, full);
    bytes = flight_add(flight, *len);
    if (bytes != NULL) {
        fill(talk, kind, bytes, *len);
        talk->said++;
    }
    return bytes;
}
