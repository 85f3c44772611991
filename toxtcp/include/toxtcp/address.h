/* IP addresses with ports, endpoints to dial, nodes. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_ADDRESS_H
#define TOXTCP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/key.h>
#include <toxtcp/visibility.h>

TOXTCP_BEGIN

enum toxtcp_family { TOXTCP_FAMILY_NONE = 0, TOXTCP_FAMILY_IPV4 = 4, TOXTCP_FAMILY_IPV6 = 6 };
enum toxtcp_protocol { TOXTCP_PROTOCOL_UDP, TOXTCP_PROTOCOL_TCP };

/* Packed sizes in bytes (section 8). */
#define TOXTCP_ADDRESS_PACKED_MAX 19
#define TOXTCP_NODE_PACKED_MAX 51
/* "[ffff:...:255.255.255.255%4294967295]:65535" and a zero. */
#define TOXTCP_ADDRESS_TEXT_SIZE 72
/* The longest host name that is dialled, without its zero. */
#define TOXTCP_HOST_MAX 253

struct toxtcp_address {
    uint8_t family;    /* enum toxtcp_family */
    uint8_t ip[16];    /* network order; IPv4 in the first four, the rest zero */
    uint16_t port;     /* host order */
    uint32_t scope_id; /* interface of a link-local IPv6 address, else 0; never on the wire */
};

/* Where to dial. With a host, that name is resolved at every attempt and `address` gives only the
 * port; without (NULL), `address` is used. The library copies the name. */
struct toxtcp_endpoint {
    const char *host;
    struct toxtcp_address address;
};

/* A relay as peers tell each other of it. */
struct toxtcp_node {
    struct toxtcp_address address;
    struct toxtcp_public_key public_key;
};

/* Reads "1.2.3.4:443", "[2001:db8::1]:443" or "[fe80::1%2]:443" (the scope as a number).
 * `address` is written only on success. Errors: TOXTCP_ERR_INVALID. */
TOXTCP_API int toxtcp_address_parse(const char *text, size_t len, struct toxtcp_address *address);

/* Writes the same form, ended by a zero; "none" for an address without a family. */
TOXTCP_API void toxtcp_address_format(const struct toxtcp_address *address, char text[TOXTCP_ADDRESS_TEXT_SIZE]);

/* Same family, bytes, port and scope. */
TOXTCP_API bool toxtcp_address_equal(const struct toxtcp_address *a, const struct toxtcp_address *b);

/* Writes family, address and port (section 8), 7 or 19 bytes. Returns the number of bytes.
 * Errors: TOXTCP_ERR_INVALID for an address without a family. */
TOXTCP_API int toxtcp_address_pack(const struct toxtcp_address *address, enum toxtcp_protocol protocol,
                                   uint8_t bytes[TOXTCP_ADDRESS_PACKED_MAX]);

/* Reads one packed address from the front of `bytes`. Returns the number of bytes that it took.
 * `address` and `protocol` are written only on success. Errors: TOXTCP_ERR_INVALID. */
TOXTCP_API int toxtcp_address_unpack(const uint8_t *bytes, size_t len, struct toxtcp_address *address,
                                     enum toxtcp_protocol *protocol);

/* The same for a packed node, a TCP address and a key: 39 or 51 bytes (section 8). */
TOXTCP_API int toxtcp_node_pack(const struct toxtcp_node *node, uint8_t bytes[TOXTCP_NODE_PACKED_MAX]);
TOXTCP_API int toxtcp_node_unpack(const uint8_t *bytes, size_t len, struct toxtcp_node *node);

TOXTCP_END

#endif
