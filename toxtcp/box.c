/* Keys, nonces, seal, open, wipe. SPDX-License-Identifier: ISC */
#include "box.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_box_PUBLICKEYBYTES == WIRE_KEY_SIZE, "section 1");
_Static_assert(crypto_box_SECRETKEYBYTES == WIRE_KEY_SIZE, "section 1");
_Static_assert(crypto_box_BEFORENMBYTES == WIRE_KEY_SIZE, "section 1");
_Static_assert(crypto_box_NONCEBYTES == WIRE_NONCE_SIZE, "section 1");
_Static_assert(crypto_box_MACBYTES == WIRE_MAC_SIZE, "section 1");

/* How XSalsa20 splits the nonce: HSalsa20 takes the first part, Salsa20 the rest. */
enum { NONCE_SUBKEY_PART = crypto_core_hsalsa20_INPUTBYTES };
_Static_assert(NONCE_SUBKEY_PART + crypto_stream_salsa20_NONCEBYTES == WIRE_NONCE_SIZE, "XSalsa20");
/* The first bytes of the Salsa20 stream are the MAC's key, the message follows them. */
_Static_assert(BOX_HEADROOM == crypto_onetimeauth_KEYBYTES, "crypto_box");

/* Of the headroom before a ciphertext so much lies before its MAC: scratch that belongs to others. */
enum { BOX_BEFORE_MAC = BOX_HEADROOM - WIRE_MAC_SIZE };

void box_wipe(void *memory, size_t len)
{
    sodium_memzero(memory, len);
}

int box_shared_key_make(struct box_shared_key *shared, const struct toxtcp_public_key *theirs,
                        const struct toxtcp_secret_key *ours)
{
    /* X25519 ignores the top bit, which no key that was made has: with it a peer would have a second name. */
    const bool second_name = theirs->bytes[WIRE_KEY_SIZE - 1] & 0x80;

    if (second_name || crypto_box_beforenm(shared->bytes, theirs->bytes, ours->bytes) != 0) {
        return TOXTCP_ERR_INVALID;
    }
    return TOXTCP_OK;
}

void box_seal_once(uint8_t *out, const uint8_t *plain, size_t len, const struct box_nonce *nonce,
                   const struct box_shared_key *shared)
{
    (void)crypto_box_easy_afternm(out, plain, len, nonce->bytes, shared->bytes);
}

int box_open_once(uint8_t *out, const uint8_t *box, size_t len, const struct box_nonce *nonce,
                  const struct box_shared_key *shared)
{
    const int opened = crypto_box_open_easy_afternm(out, box, len, nonce->bytes, shared->bytes);
    return opened == 0 ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL;
}

static void derive_subkey(struct box_stream *stream)
{
    (void)crypto_core_hsalsa20(stream->subkey, stream->nonce.bytes, stream->shared.bytes, NULL);
}

void box_stream_init(struct box_stream *stream, const struct box_shared_key *shared, const struct box_nonce *nonce)
{
    stream->shared = *shared;
    stream->nonce = *nonce;
    derive_subkey(stream);
}

void box_nonce_increment(struct box_nonce *nonce)
{
    size_t i = WIRE_NONCE_SIZE;

    while (i > 0 && ++nonce->bytes[i - 1] == 0) {
        i--;
    }
}

static void next_nonce(struct box_stream *stream)
{
    box_nonce_increment(&stream->nonce);
    /* The carry reached the sub-key's part just when all bytes after it have become zero. */
    if (sodium_is_zero(stream->nonce.bytes + NONCE_SUBKEY_PART, WIRE_NONCE_SIZE - NONCE_SUBKEY_PART)) {
        derive_subkey(stream);
    }
}

/* Salsa20 over `len` bytes at `in`, with this packet's sub-key and nonce. */
static void apply_stream(const struct box_stream *stream, uint8_t *out, const uint8_t *in, size_t len)
{
    (void)crypto_stream_salsa20_xor(out, in, len, stream->nonce.bytes + NONCE_SUBKEY_PART, stream->subkey);
}

void box_stream_seal(struct box_stream *stream, uint8_t *out, struct box_plain *plain, size_t len)
{
    uint8_t saved[BOX_BEFORE_MAC];
    uint8_t mac_key[BOX_HEADROOM];
    uint8_t *const scratch = out - BOX_BEFORE_MAC;
    uint8_t *const cipher = out + WIRE_MAC_SIZE;

    assert(len >= 1 && len <= WIRE_PLAIN_MAX);
    memcpy(saved, scratch, sizeof saved);
    memset(plain->headroom, 0, sizeof plain->headroom);
    apply_stream(stream, scratch, plain->headroom, BOX_HEADROOM + len);
    memcpy(mac_key, scratch, sizeof mac_key);
    (void)crypto_onetimeauth_poly1305(out, cipher, len, mac_key);
    memcpy(scratch, saved, sizeof saved);
    sodium_memzero(mac_key, sizeof mac_key);
    next_nonce(stream);
}

int box_stream_open(struct box_stream *stream, struct box_plain *plain, const uint8_t *box, size_t len)
{
    const uint8_t *const scratch = box - BOX_BEFORE_MAC;
    const uint8_t *const cipher = box + WIRE_MAC_SIZE;
    const size_t plain_len = len - WIRE_MAC_SIZE;

    assert(len >= WIRE_BOX_MIN && len <= WIRE_BOX_MAX);
    /* What lies before the ciphertext is decrypted too: with it taken out again the key of the MAC is left. */
    apply_stream(stream, plain->headroom, scratch, BOX_HEADROOM + plain_len);
    for (size_t i = 0; i < BOX_HEADROOM; i++) {
        plain->headroom[i] ^= scratch[i];
    }
    const int verified = crypto_onetimeauth_poly1305_verify(box, cipher, plain_len, plain->headroom);
    sodium_memzero(plain->headroom, sizeof plain->headroom);
    next_nonce(stream);
    return verified == 0 ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL;
}
