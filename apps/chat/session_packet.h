/* Packets of the end-to-end layer: form, sealing, opening. SPDX-License-Identifier: ISC
 *
 *   0x1b 'T' 0x01, 24 nonce, box of:
 *     hello: 1 kind, 8 sender's session, 8 challenge, 8 response
 *     ack:   1 kind, 8 sender's session, 8 receiver's session, 8 segment awaited, 4 segments held after that one
 *     data:  as ack, 8 segment, 1 last of its message, text
 *     addresses: 1 kind, 8 sender's session, 8 receiver's session, 8 serial, up to 8 packed addresses
 *     probe: 1 kind, 8 sender's session, 8 receiver's session, 8 challenge, 8 response, 1 flags, packed address or none
 *
 * The box is libsodium's crypto_box between the two peers' keys. 0x1b and two bytes is a shape that every relay takes.
 * Bit 7 of the kind says which of the two keys has sealed it, so that nobody can hand us our own packets back.
 * Numbers are big-endian. Addresses are packed as relays pack them, family and port included (docs/protocol.md, 8).
 * A kind that is not known is dropped without a word, so that there can be more of them. */
#ifndef APPS_CHAT_SESSION_PACKET_H
#define APPS_CHAT_SESSION_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

#include "session.h"

enum {
    SESSION_MARK_SIZE = 3,
    SESSION_NONCE_SIZE = 24,
    SESSION_MAC_SIZE = 16,
    SESSION_ID_SIZE = 8,
    SESSION_PLAIN_MAX = SESSION_PACKET_MAX - SESSION_MARK_SIZE - SESSION_NONCE_SIZE - SESSION_MAC_SIZE,
    SESSION_HELLO_SIZE = 1 + 3 * SESSION_ID_SIZE,
    SESSION_ACK_SIZE = 1 + 2 * SESSION_ID_SIZE + 8 + 4,
    SESSION_DATA_SIZE = SESSION_ACK_SIZE + 8 + 1,
    SESSION_ADDRESSES_SIZE = 1 + 3 * SESSION_ID_SIZE,           /* without addresses */
    SESSION_PROBE_SIZE = 1 + 4 * SESSION_ID_SIZE + 1,           /* without the address */
    SESSION_SEGMENT_MAX = SESSION_PLAIN_MAX - SESSION_DATA_SIZE /* text in one data packet */
};

enum session_kind {
    SESSION_HELLO = 1,
    SESSION_ACK = 2,
    SESSION_DATA = 3,
    SESSION_ADDRESSES = 4, /* where the sender hears UDP */
    SESSION_PROBE = 5      /* by UDP alone: do you hear me there? */
};

/* A random number that names a program's run, or a challenge. Zero is none. */
struct session_id {
    uint8_t bytes[SESSION_ID_SIZE];
};

struct session_packet {
    enum session_kind kind;
    struct session_id from;
    struct session_id challenge; /* hello, probe: prove that you live by sending this back; or none */
    struct session_id response;  /* hello, probe: what the other side's challenge was; or none */
    struct session_id to;        /* all but hello */
    uint64_t awaited;            /* ack, data: all segments before this one are there */
    uint32_t held;               /* ack, data: bit i: segment awaited + 1 + i is there too */
    uint64_t segment;            /* data */
    bool last;                   /* data: it ends a message */
    const uint8_t *text;         /* data: borrowed */
    size_t text_len;             /* data: 0..SESSION_SEGMENT_MAX */
    uint64_t serial;             /* addresses: those of a higher one count */
    uint8_t flags;               /* probe: of enum session_probe_flag */
    struct toxtcp_address addresses[SESSION_ADDRESSES_MAX]; /* addresses; probe: where it goes, as the sender sees it */
    size_t address_count;                                   /* addresses: 0..SESSION_ADDRESSES_MAX; probe: 0 or 1 */
};

/* What seals between two keys. Secret. */
struct session_box {
    uint8_t shared[TOXTCP_KEY_SIZE];
    uint8_t direction; /* bit 7 of the kinds that we send */
};

/* Errors: TOXTCP_ERR_INVALID for a key that cannot be, or our own. */
int session_box_init(struct session_box *box, const struct toxtcp_key_pair *keys,
                     const struct toxtcp_public_key *peer_key);

/* Seals a packet into `bytes`; returns its length. */
size_t session_packet_seal(const struct session_box *box, const struct session_packet *packet,
                           uint8_t bytes[SESSION_PACKET_MAX]);

/* Opens one. `packet` is written only on success and then borrows from `plain`. */
bool session_packet_open(const struct session_box *box, const uint8_t *bytes, size_t len,
                         uint8_t plain[SESSION_PLAIN_MAX], struct session_packet *packet);

#endif
