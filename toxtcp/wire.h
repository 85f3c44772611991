/* Every number and size of the protocol, each with its section of docs/protocol.md. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_WIRE_H
#define TOXTCP_PRIVATE_WIRE_H

#include <toxtcp/limits.h>

enum wire_size {
    /* 1: "32 bytes", "16-byte MAC", "24 bytes" */
    WIRE_KEY_SIZE = 32,
    WIRE_MAC_SIZE = 16,
    WIRE_NONCE_SIZE = 24,

    /* 2: "72: box of 32 bytes temporary public key, 24 bytes base nonce"; 128 bytes; 96 bytes */
    WIRE_HANDSHAKE_SECRETS_SIZE = WIRE_KEY_SIZE + WIRE_NONCE_SIZE,
    WIRE_HANDSHAKE_BOX_SIZE = WIRE_MAC_SIZE + WIRE_HANDSHAKE_SECRETS_SIZE,
    WIRE_REQUEST_SIZE = WIRE_KEY_SIZE + WIRE_NONCE_SIZE + WIRE_HANDSHAKE_BOX_SIZE,
    WIRE_RESPONSE_SIZE = WIRE_NONCE_SIZE + WIRE_HANDSHAKE_BOX_SIZE,

    /* 3: "uint16 length"; "at most 2048, so a plaintext is at most 2032"; "or under 17" */
    WIRE_LENGTH_SIZE = 2,
    WIRE_BOX_MAX = 2048,
    WIRE_BOX_MIN = WIRE_MAC_SIZE + 1,
    WIRE_PLAIN_MAX = WIRE_BOX_MAX - WIRE_MAC_SIZE,
    WIRE_FRAME_OVERHEAD = WIRE_LENGTH_SIZE + WIRE_MAC_SIZE,
    WIRE_FRAME_MAX = WIRE_LENGTH_SIZE + WIRE_BOX_MAX,

    /* 3: "8 ping id" */
    WIRE_PING_ID_SIZE = 8,
    /* 3: "Connection ids: 16..255, at most 240 peers", "0 = refused" */
    WIRE_ID_MIN = 16,
    WIRE_ID_MAX = 255,
    WIRE_ID_COUNT = WIRE_ID_MAX - WIRE_ID_MIN + 1,
    WIRE_ID_REFUSED = 0,

    /* 7: "19 padded IP/port", "59 bytes sendback" */
    WIRE_PADDED_ADDRESS_SIZE = 19,

    /* 8: family bytes */
    WIRE_FAMILY_UDP_IPV4 = 2,
    WIRE_FAMILY_UDP_IPV6 = 10,
    WIRE_FAMILY_TCP_IPV4 = 130,
    WIRE_FAMILY_TCP_IPV6 = 138
};

/* 3: packet kinds */
enum wire_kind {
    WIRE_ROUTING_REQUEST = 0x00,
    WIRE_ROUTING_RESPONSE = 0x01,
    WIRE_CONNECT = 0x02,
    WIRE_DISCONNECT = 0x03,
    WIRE_PING = 0x04,
    WIRE_PONG = 0x05,
    WIRE_OOB_SEND = 0x06,
    WIRE_OOB_RECV = 0x07,
    WIRE_ONION_REQUEST = 0x08,
    WIRE_ONION_RESPONSE = 0x09,
    WIRE_FORWARD_REQUEST = 0x0a,
    WIRE_FORWARDING = 0x0b,
    WIRE_RESERVED_FIRST = 0x0c,
    WIRE_DATA = 0x10 /* and all above: the connection id */
};

/* 2, 3, 5: times in ms */
enum wire_time {
    WIRE_CONNECT_TIMEOUT_MS = 10000,
    WIRE_CONFIRM_TIMEOUT_MS = 10000,
    WIRE_PING_INTERVAL_MS = 30000,
    WIRE_PONG_TIMEOUT_MS = 10000,
    WIRE_RECONNECT_MIN_MS = 1000,
    WIRE_RECONNECT_MAX_MS = 60000,
    WIRE_USELESS_AFTER_MS = 10000
};

_Static_assert(WIRE_REQUEST_SIZE == 128, "section 2");
_Static_assert(WIRE_RESPONSE_SIZE == 96, "section 2");
_Static_assert(WIRE_PLAIN_MAX - 1 == TOXTCP_DATA_MAX, "section 3");
_Static_assert(WIRE_ID_COUNT == TOXTCP_ROUTES_MAX, "section 3");
_Static_assert(2 * TOXTCP_PEER_RELAYS_WANTED <= TOXTCP_PEER_RELAYS_MAX, "section 5");

#endif
