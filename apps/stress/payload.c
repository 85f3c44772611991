/* What every packet of a run carries. SPDX-License-Identifier: ISC
 *
 * 0x1b 0 0, kind (1), run (4), stream (4), sequence (4), intended (8), sent (8), check word (8), filling;
 * little-endian. The first three bytes are those of an encrypted packet between friends, since some relays look at what
 * they carry. */
#include "payload.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static const uint8_t prefix[3] = {0x1b, 0, 0};

enum {
    AT_KIND = 3,
    AT_RUN = 4,
    AT_STREAM = 8,
    AT_SEQUENCE = 12,
    AT_INTENDED = 16,
    AT_SENT = 24,
    AT_CHECK = 32,
    AT_FILLING = 40
};

static void put32(uint8_t *bytes, uint32_t value)
{
    value = htole32(value);
    memcpy(bytes, &value, sizeof value);
}

static void put64(uint8_t *bytes, uint64_t value)
{
    value = htole64(value);
    memcpy(bytes, &value, sizeof value);
}

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof value);
    return le64toh(value);
}

/* --- The check word --- */

/* Both steps can be undone, so two words that differ leave two different sums. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ (sum >> 29);
}

static uint64_t tail_word(const uint8_t *bytes, size_t len)
{
    uint8_t word[8] = {0};

    memcpy(word, bytes, len);
    return get64(word);
}

/* Two sums side by side keep the processor's multiplier busy. */
static uint64_t check_word(const uint8_t *bytes, size_t len)
{
    uint64_t odd = UINT64_C(0x27d4eb2f165667c5) ^ len;
    uint64_t even = UINT64_C(0x85ebca77c2b2ae63);
    size_t at = AT_FILLING;

    for (size_t i = 0; i < AT_CHECK; i += 16) {
        odd = mix(odd, get64(bytes + i));
        even = mix(even, get64(bytes + i + 8));
    }
    for (; len - at >= 16; at += 16) {
        odd = mix(odd, get64(bytes + at));
        even = mix(even, get64(bytes + at + 8));
    }
    if (len - at >= 8) {
        odd = mix(odd, get64(bytes + at));
        at += 8;
    }
    even = mix(even, tail_word(bytes + at, len - at));
    return mix(odd, even);
}

/* --- The whole --- */

void payload_fill(uint8_t bytes[PAYLOAD_MAX])
{
    uint64_t sum = 1;

    for (size_t i = 0; i < PAYLOAD_MAX; i++) {
        sum = mix(sum, i);
        bytes[i] = (uint8_t)(sum >> 56);
    }
}

void payload_write(const struct payload *payload, uint8_t *bytes, size_t len)
{
    assert(len >= PAYLOAD_MIN && len <= PAYLOAD_MAX);
    memcpy(bytes, prefix, sizeof prefix);
    bytes[AT_KIND] = (uint8_t)payload->kind;
    put32(bytes + AT_RUN, payload->run);
    put32(bytes + AT_STREAM, payload->stream);
    put32(bytes + AT_SEQUENCE, payload->sequence);
    put64(bytes + AT_INTENDED, payload->intended_ns);
    put64(bytes + AT_SENT, payload->sent_ns);
    put64(bytes + AT_CHECK, check_word(bytes, len));
}

bool payload_read(const uint8_t *bytes, size_t len, struct payload *payload)
{
    if (len < PAYLOAD_MIN || len > PAYLOAD_MAX || memcmp(bytes, prefix, sizeof prefix) != 0 ||
        get64(bytes + AT_CHECK) != check_word(bytes, len)) {
        return false;
    }
    payload->kind = bytes[AT_KIND];
    payload->run = get32(bytes + AT_RUN);
    payload->stream = get32(bytes + AT_STREAM);
    payload->sequence = get32(bytes + AT_SEQUENCE);
    payload->intended_ns = get64(bytes + AT_INTENDED);
    payload->sent_ns = get64(bytes + AT_SENT);
    return payload->kind >= PAYLOAD_DATA && payload->kind <= PAYLOAD_CREDIT;
}
