/* Keys, nonces, seal, open, wipe; with key.c and env.c the only files that include <sodium.h>. SPDX-License-Identifier:
 * ISC
 *
 * A stream is one direction of a channel: crypto_box with a nonce that counts up, made cheaper. XSalsa20 is HSalsa20 of
 * the nonce's first 16 bytes, which gives a sub-key, then Salsa20 with the last 8. The first 16 change once in 2^64
 * packets, so the sub-key is kept; and one piece of the Salsa20 stream yields both the key for the MAC and what is
 * combined with the text. The bytes are those of crypto_box_easy(). */
#ifndef TOXTCP_PRIVATE_BOX_H
#define TOXTCP_PRIVATE_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/key.h>

#include "env.h"
#include "wire.h"

/* Precomputed for two key pairs (crypto_box_beforenm). Secret. */
struct box_shared_key {
    uint8_t bytes[WIRE_KEY_SIZE];
};

struct box_nonce {
    uint8_t bytes[WIRE_NONCE_SIZE];
};

struct box_stream {
    struct box_shared_key shared;
    uint8_t subkey[WIRE_KEY_SIZE];
    struct box_nonce nonce; /* of the next packet */
};

/* A plaintext, and room before it in which a message for another server is made of it where it lies. */
enum { BOX_HEADROOM = 32 };

struct box_plain {
    uint8_t headroom[BOX_HEADROOM];
    uint8_t bytes[WIRE_PLAIN_MAX];
};

/* Errors: TOXTCP_ERR_INVALID for a public key of small order, or with its top bit set. */
int box_shared_key_make(struct box_shared_key *shared, const struct toxtcp_public_key *theirs,
                        const struct toxtcp_secret_key *ours);

/* crypto_box_easy_afternm, for the handshake. `out` has `len` + WIRE_MAC_SIZE bytes. */
void box_seal_once(uint8_t *out, const uint8_t *plain, size_t len, const struct box_nonce *nonce,
                   const struct box_shared_key *shared);
/* Errors: TOXTCP_ERR_PROTOCOL when it does not open; `out` is then not to be used. `len` is that of the box. */
int box_open_once(uint8_t *out, const uint8_t *box, size_t len, const struct box_nonce *nonce,
                  const struct box_shared_key *shared);

void box_stream_init(struct box_stream *stream, const struct box_shared_key *shared, const struct box_nonce *nonce);

/* Seals `len` bytes of `plain` to `out` (WIRE_MAC_SIZE + len) and counts the nonce up. */
void box_stream_seal(struct box_stream *stream, uint8_t *out, const struct box_plain *plain, size_t len);

/* Opens a box of `len` bytes (WIRE_BOX_MIN..WIRE_BOX_MAX) to `plain` and counts the nonce up. Errors:
 * TOXTCP_ERR_PROTOCOL; `plain` is as before then. */
int box_stream_open(struct box_stream *stream, struct box_plain *plain, const uint8_t *box, size_t len);

/* Adds one, big-endian, wrapping at the top. */
void box_nonce_increment(struct box_nonce *nonce);

void box_wipe(void *memory, size_t len);

#endif
