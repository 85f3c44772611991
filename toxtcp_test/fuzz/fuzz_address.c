/* Fuzzes what reads addresses, nodes and keys: what can be read can be written, and reads the same.
 * SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <string.h>

#include <toxtcp/address.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>

#include "fuzz/input.h"
#include "support/net_env.h"
#include "wire.h"

static const struct toxtcp_address untouched = {.family = 99, .port = 99, .scope_id = 99};

static void write_and_read(const struct toxtcp_address *address)
{
    struct toxtcp_address again;
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    memset(text, 'x', sizeof text);
    toxtcp_address_format(address, text);
    net_require(memchr(text, '\0', sizeof text) != NULL, "a text without an end");
    net_require(toxtcp_address_parse(text, strlen(text), &again) == TOXTCP_OK, "its own text does not read");
    net_require(toxtcp_address_equal(address, &again), "its own text reads as another");
    /* Nothing is left of what stood there before. */
    net_require(memcmp(address->ip, again.ip, sizeof again.ip) == 0, "other bytes behind the address");
}

static void fuzz_text(const uint8_t *bytes, size_t len)
{
    struct toxtcp_address address = untouched;
    const int error = toxtcp_address_parse((const char *)bytes, len, &address);

    net_require(error == TOXTCP_OK || error == TOXTCP_ERR_INVALID, "another error");
    if (error) {
        net_require(memcmp(&address, &untouched, sizeof address) == 0, "refused, and written");
        return;
    }
    net_require(address.family == TOXTCP_FAMILY_IPV4 || address.family == TOXTCP_FAMILY_IPV6, "another family");
    net_require((address.family == TOXTCP_FAMILY_IPV6) == (bytes[0] == '['), "brackets for the other family");
    write_and_read(&address);
}

/* Section 8, read once more: the size that a family byte announces, 0 for none. */
static size_t packed_size(uint8_t family)
{
    const size_t ipv4 = 1 + 4 + 2;
    const size_t ipv6 = 1 + 16 + 2;

    return family == 2 || family == 130 ? ipv4 : family == 10 || family == 138 ? ipv6 : 0;
}

static void fuzz_packed(const uint8_t *bytes, size_t len)
{
    struct toxtcp_address address = untouched;
    enum toxtcp_protocol protocol;
    uint8_t packed[TOXTCP_ADDRESS_PACKED_MAX];
    const size_t size = len ? packed_size(bytes[0]) : 0;
    const int taken = toxtcp_address_unpack(bytes, len, &address, &protocol);

    if (size == 0 || len < size) {
        net_require(taken == TOXTCP_ERR_INVALID, "too short, or of no family, and taken");
        net_require(memcmp(&address, &untouched, sizeof address) == 0, "refused, and written");
        return;
    }
    net_require(taken == (int)size, "another size");
    net_require((protocol == TOXTCP_PROTOCOL_TCP) == (bytes[0] >= 128), "another protocol");
    net_require(toxtcp_address_pack(&address, protocol, packed) == taken, "packed again it has another size");
    net_require(memcmp(packed, bytes, size) == 0, "packed again it is another");
    write_and_read(&address);
}

static void fuzz_node(const uint8_t *bytes, size_t len)
{
    struct toxtcp_node node;
    uint8_t packed[TOXTCP_NODE_PACKED_MAX];
    const size_t size = len && bytes[0] >= 128 ? packed_size(bytes[0]) : 0;
    const int taken = toxtcp_node_unpack(bytes, len, &node);

    if (size == 0 || len < size + WIRE_KEY_SIZE) {
        net_require(taken == TOXTCP_ERR_INVALID, "too short, or not TCP, and taken");
        return;
    }
    net_require(taken == (int)size + WIRE_KEY_SIZE, "another size");
    net_require(toxtcp_node_pack(&node, packed) == taken, "packed again it has another size");
    net_require(memcmp(packed, bytes, (size_t)taken) == 0, "packed again it is another");
}

static void fuzz_key(const uint8_t *bytes, size_t len)
{
    struct toxtcp_public_key key;
    char text[TOXTCP_KEY_TEXT_SIZE];
    size_t digits = 0;

    while (digits < len && isxdigit(bytes[digits])) {
        digits++;
    }
    const bool right = digits == len && len == 2 * (size_t)TOXTCP_KEY_SIZE;
    const int error = toxtcp_public_key_parse((const char *)bytes, len, &key);
    net_require(error == (right ? TOXTCP_OK : TOXTCP_ERR_INVALID), "a key that is none, or the reverse");
    if (right) {
        toxtcp_public_key_format(&key, text);
        for (size_t i = 0; i < len; i++) {
            net_require(text[i] == toupper(bytes[i]), "another key");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_text(bytes, len);
    fuzz_packed(bytes, len);
    fuzz_node(bytes, len);
    fuzz_key(bytes, len);
    return 0;
}
