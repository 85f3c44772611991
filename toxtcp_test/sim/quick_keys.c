/* Key agreement for the simulator, in place of libsodium's. SPDX-License-Identifier: ISC
 *
 * Nobody in a simulated world solves discrete logarithms, and X25519 would take more than half of all its time. So keys
 * are agreed upon as Diffie and Hellman did, in a field of 61 bits; boxes and nonces stay what they are. Programs that
 * link this get these functions instead of the library's. */
#include <sodium.h>
#include <string.h>

enum { WORD_SIZE = 8, KEY_SIZE = 32 };

static const uint64_t field = ((uint64_t)1 << 61) - 1;
static const uint64_t generator = 37;

static uint64_t multiply(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    const uint64_t sum = (uint64_t)(product & field) + (uint64_t)(product >> 61);

    return sum >= field ? sum - field : sum;
}

static uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t result = 1;

    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) {
            result = multiply(result, base);
        }
        base = multiply(base, base);
    }
    return result;
}

static uint64_t word_of(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, WORD_SIZE);
    return word % field;
}

/* A key is its word, and what follows from that. */
static void spread(unsigned char *key, uint64_t word)
{
    for (int i = 0; i < KEY_SIZE; i += WORD_SIZE) {
        memcpy(key + i, &word, WORD_SIZE);
        word = (word ^ word >> 29) * 0xbf58476d1ce4e5b9U;
    }
    key[KEY_SIZE - 1] &= 0x7f;
}

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n)
{
    spread(q, power(generator, word_of(n)));
    return 0;
}

int crypto_box_beforenm(unsigned char *k, const unsigned char *pk, const unsigned char *sk)
{
    const uint64_t theirs = word_of(pk);

    spread(k, power(theirs, word_of(sk)));
    return theirs == 0 ? -1 : 0;
}
