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
enum { MAC_KEY_SIZE = crypto_onetimeauth_KEYBYTES };

/* With vector units libsodium makes several blocks of the stream in the time of one: 4 with SSE2, 8 with AVX2. */
enum {
    BLOCK_SIZE = 64,
    WIDE_SIZE = 4 * BLOCK_SIZE,
    WIDEST_SIZE = 8 * BLOCK_SIZE,
    STREAM_MAX = (MAC_KEY_SIZE + WIRE_PLAIN_MAX + WIDEST_SIZE - 1) / WIDEST_SIZE * WIDEST_SIZE
};

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
    /* The carry reached the sub-key's part just when all bytes after it have become zero; the last one tells mostly. */
    if (stream->nonce.bytes[WIRE_NONCE_SIZE - 1] == 0 &&
        sodium_is_zero(stream->nonce.bytes + NONCE_SUBKEY_PART, WIRE_NONCE_SIZE - NONCE_SUBKEY_PART)) {
        derive_subkey(stream);
    }
}

/* How much of the stream to make for `len` bytes of it: whole wide pieces, unless what is over is one block at most. A
 * piece of 8 blocks costs as much as one of 4, two of 4 twice that. */
static size_t rounded_up(size_t len)
{
    const size_t rest = len % WIDEST_SIZE;

    if (rest > WIDE_SIZE && sodium_runtime_has_avx2()) {
        return len + WIDEST_SIZE - rest;
    }
    const size_t narrow_rest = len % WIDE_SIZE;
    return narrow_rest > BLOCK_SIZE && sodium_runtime_has_sse2() ? len + WIDE_SIZE - narrow_rest : len;
}

static void make_stream(const struct box_stream *stream, uint8_t bytes[STREAM_MAX], size_t plain_len)
{
    (void)crypto_stream_salsa20(bytes, rounded_up(MAC_KEY_SIZE + plain_len), stream->nonce.bytes + NONCE_SUBKEY_PART,
                                stream->subkey);
}

static void combine(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t len)
{
    uint64_t x[4];
    uint64_t y[4];

    for (; len >= sizeof x; len -= sizeof x, out += sizeof x, a += sizeof x, b += sizeof x) {
        memcpy(x, a, sizeof x);
        memcpy(y, b, sizeof y);
        for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
            x[i] ^= y[i];
        }
        memcpy(out, x, sizeof x);
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = a[i] ^ b[i];
    }
}

void box_stream_seal(struct box_stream *stream, uint8_t *out, const struct box_plain *plain, size_t len)
{
    uint8_t bytes[STREAM_MAX];
    uint8_t *const cipher = out + WIRE_MAC_SIZE;

    assert(len >= 1 && len <= WIRE_PLAIN_MAX);
    make_stream(stream, bytes, len);
    combine(cipher, plain->bytes, bytes + MAC_KEY_SIZE, len);
    (void)crypto_onetimeauth_poly1305(out, cipher, len, bytes);
    sodium_memzero(bytes, MAC_KEY_SIZE);
    next_nonce(stream);
}

int box_stream_open(struct box_stream *stream, struct box_plain *plain, const uint8_t *box, size_t len)
{
    uint8_t bytes[STREAM_MAX];
    const uint8_t *const cipher = box + WIRE_MAC_SIZE;
    const size_t plain_len = len - WIRE_MAC_SIZE;

    assert(len >= WIRE_BOX_MIN && len <= WIRE_BOX_MAX);
    make_stream(stream, bytes, plain_len);
    const int verified = crypto_onetimeauth_poly1305_verify(box, cipher, plain_len, bytes);
    if (verified == 0) {
        combine(plain->bytes, cipher, bytes + MAC_KEY_SIZE, plain_len);
    }
    sodium_memzero(bytes, MAC_KEY_SIZE);
    next_nonce(stream);
    return verified == 0 ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL;
}
