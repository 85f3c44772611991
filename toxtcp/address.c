/* IP addresses with ports: text, packed bytes, nodes. SPDX-License-Identifier: ISC */
#include <toxtcp/address.h>
#include <toxtcp/error.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

enum { IPV4_SIZE = 4, IPV6_SIZE = 16, HOST_TEXT_MAX = INET6_ADDRSTRLEN, PORT_SIZE = 2 };

/* Reads a decimal number that takes the whole text. */
static bool parse_number(const char *text, size_t len, uint32_t max, uint32_t *number)
{
    uint64_t value = 0;

    if (len == 0 || len > 10) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = 10 * value + (uint64_t)(text[i] - '0');
    }
    *number = (uint32_t)value;
    return value <= max;
}

/* As inet_pton, for a text without an end. */
static bool parse_ip(const char *text, size_t len, int family, uint8_t *ip)
{
    char copy[HOST_TEXT_MAX];

    if (len >= sizeof copy || memchr(text, '\0', len)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(family, copy, ip) == 1;
}

static bool parse_ipv4(const char *text, size_t len, struct toxtcp_address *address)
{
    address->family = TOXTCP_FAMILY_IPV4;
    return parse_ip(text, len, AF_INET, address->ip);
}

/* What stands between the brackets. */
static bool parse_ipv6(const char *text, size_t len, struct toxtcp_address *address)
{
    const char *percent = memchr(text, '%', len);
    const size_t ip_len = percent ? (size_t)(percent - text) : len;

    address->family = TOXTCP_FAMILY_IPV6;
    if (percent && !parse_number(percent + 1, len - ip_len - 1, UINT32_MAX, &address->scope_id)) {
        return false;
    }
    return parse_ip(text, ip_len, AF_INET6, address->ip);
}

/* The last colon parts the host from the port. */
static const char *last_colon(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] != ':') {
        len--;
    }
    return len > 0 ? text + len - 1 : NULL;
}

int toxtcp_address_parse(const char *text, size_t len, struct toxtcp_address *address)
{
    struct toxtcp_address parsed = {0};
    uint32_t port;
    const char *colon = last_colon(text, len);

    if (!colon) {
        return TOXTCP_ERR_INVALID;
    }
    const size_t host_len = (size_t)(colon - text);
    const bool bracketed = host_len >= 2 && text[0] == '[' && text[host_len - 1] == ']';
    if (!parse_number(colon + 1, len - host_len - 1, UINT16_MAX, &port) ||
        !(bracketed ? parse_ipv6(text + 1, host_len - 2, &parsed) : parse_ipv4(text, host_len, &parsed))) {
        return TOXTCP_ERR_INVALID;
    }
    parsed.port = (uint16_t)port;
    *address = parsed;
    return TOXTCP_OK;
}

void toxtcp_address_format(const struct toxtcp_address *address, char text[TOXTCP_ADDRESS_TEXT_SIZE])
{
    char ip[INET6_ADDRSTRLEN];
    char scope[12] = "";

    if (address->family == TOXTCP_FAMILY_IPV4) {
        (void)inet_ntop(AF_INET, address->ip, ip, sizeof ip);
        (void)snprintf(text, TOXTCP_ADDRESS_TEXT_SIZE, "%s:%" PRIu16, ip, address->port);
    } else if (address->family == TOXTCP_FAMILY_IPV6) {
        (void)inet_ntop(AF_INET6, address->ip, ip, sizeof ip);
        if (address->scope_id) {
            (void)snprintf(scope, sizeof scope, "%%%" PRIu32, address->scope_id);
        }
        (void)snprintf(text, TOXTCP_ADDRESS_TEXT_SIZE, "[%s%s]:%" PRIu16, ip, scope, address->port);
    } else {
        (void)snprintf(text, TOXTCP_ADDRESS_TEXT_SIZE, "none");
    }
}

static size_t ip_size(const struct toxtcp_address *address)
{
    return address->family == TOXTCP_FAMILY_IPV4 ? IPV4_SIZE : address->family == TOXTCP_FAMILY_IPV6 ? IPV6_SIZE : 0;
}

bool toxtcp_address_equal(const struct toxtcp_address *a, const struct toxtcp_address *b)
{
    return a->family == b->family && a->port == b->port && a->scope_id == b->scope_id &&
           memcmp(a->ip, b->ip, ip_size(a)) == 0;
}

static uint8_t family_byte(const struct toxtcp_address *address, enum toxtcp_protocol protocol)
{
    if (address->family == TOXTCP_FAMILY_IPV4) {
        return protocol == TOXTCP_PROTOCOL_TCP ? WIRE_FAMILY_TCP_IPV4 : WIRE_FAMILY_UDP_IPV4;
    }
    return protocol == TOXTCP_PROTOCOL_TCP ? WIRE_FAMILY_TCP_IPV6 : WIRE_FAMILY_UDP_IPV6;
}

int toxtcp_address_pack(const struct toxtcp_address *address, enum toxtcp_protocol protocol,
                        uint8_t bytes[TOXTCP_ADDRESS_PACKED_MAX])
{
    const size_t size = ip_size(address);

    if (size == 0) {
        return TOXTCP_ERR_INVALID;
    }
    bytes[0] = family_byte(address, protocol);
    memcpy(bytes + 1, address->ip, size);
    bytes[1 + size] = (uint8_t)(address->port >> 8);
    bytes[2 + size] = (uint8_t)address->port;
    return (int)(1 + size + PORT_SIZE);
}

static bool read_family(uint8_t byte, struct toxtcp_address *address, enum toxtcp_protocol *protocol)
{
    switch (byte) {
    case WIRE_FAMILY_UDP_IPV4:
    case WIRE_FAMILY_TCP_IPV4:
        address->family = TOXTCP_FAMILY_IPV4;
        break;
    case WIRE_FAMILY_UDP_IPV6:
    case WIRE_FAMILY_TCP_IPV6:
        address->family = TOXTCP_FAMILY_IPV6;
        break;
    default:
        return false;
    }
    *protocol = byte >= WIRE_FAMILY_TCP_IPV4 ? TOXTCP_PROTOCOL_TCP : TOXTCP_PROTOCOL_UDP;
    return true;
}

int toxtcp_address_unpack(const uint8_t *bytes, size_t len, struct toxtcp_address *address,
                          enum toxtcp_protocol *protocol)
{
    struct toxtcp_address parsed = {0};
    enum toxtcp_protocol parsed_protocol;

    if (len == 0 || !read_family(bytes[0], &parsed, &parsed_protocol)) {
        return TOXTCP_ERR_INVALID;
    }
    const size_t size = ip_size(&parsed);
    if (len < 1 + size + PORT_SIZE) {
        return TOXTCP_ERR_INVALID;
    }
    memcpy(parsed.ip, bytes + 1, size);
    parsed.port = (uint16_t)(bytes[1 + size] << 8 | bytes[2 + size]);
    *address = parsed;
    *protocol = parsed_protocol;
    return (int)(1 + size + PORT_SIZE);
}

int toxtcp_node_pack(const struct toxtcp_node *node, uint8_t bytes[TOXTCP_NODE_PACKED_MAX])
{
    const int packed = toxtcp_address_pack(&node->address, TOXTCP_PROTOCOL_TCP, bytes);

    if (packed < 0) {
        return packed;
    }
    memcpy(bytes + packed, node->public_key.bytes, TOXTCP_KEY_SIZE);
    return packed + TOXTCP_KEY_SIZE;
}

int toxtcp_node_unpack(const uint8_t *bytes, size_t len, struct toxtcp_node *node)
{
    struct toxtcp_address address;
    enum toxtcp_protocol protocol;
    const int taken = toxtcp_address_unpack(bytes, len, &address, &protocol);

    if (taken < 0 || protocol != TOXTCP_PROTOCOL_TCP || len - (size_t)taken < TOXTCP_KEY_SIZE) {
        return TOXTCP_ERR_INVALID;
    }
    node->address = address;
    memcpy(node->public_key.bytes, bytes + taken, TOXTCP_KEY_SIZE);
    return taken + TOXTCP_KEY_SIZE;
}
