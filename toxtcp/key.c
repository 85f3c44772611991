/* Keys: made, read, written, compared, wiped. SPDX-License-Identifier: ISC */
#include <toxtcp/key.h>

#include <sodium.h>
#include <string.h>

#include "env.h"

void toxtcp_key_pair_generate(struct toxtcp_env *env, struct toxtcp_key_pair *pair)
{
    env_random(env, pair->secret_key.bytes, TOXTCP_KEY_SIZE);
    (void)crypto_scalarmult_base(pair->public_key.bytes, pair->secret_key.bytes);
}

int toxtcp_key_pair_decode(const uint8_t *bytes, size_t len, struct toxtcp_key_pair *pair)
{
    uint8_t computed[TOXTCP_KEY_SIZE];

    if (len != TOXTCP_KEYS_FILE_SIZE) {
        return TOXTCP_ERR_INVALID;
    }
    (void)crypto_scalarmult_base(computed, bytes + TOXTCP_KEY_SIZE);
    if (sodium_memcmp(computed, bytes, sizeof computed) != 0) {
        return TOXTCP_ERR_INVALID;
    }
    memcpy(pair->public_key.bytes, bytes, TOXTCP_KEY_SIZE);
    memcpy(pair->secret_key.bytes, bytes + TOXTCP_KEY_SIZE, TOXTCP_KEY_SIZE);
    return TOXTCP_OK;
}

void toxtcp_key_pair_encode(const struct toxtcp_key_pair *pair, uint8_t bytes[TOXTCP_KEYS_FILE_SIZE])
{
    memcpy(bytes, pair->public_key.bytes, TOXTCP_KEY_SIZE);
    memcpy(bytes + TOXTCP_KEY_SIZE, pair->secret_key.bytes, TOXTCP_KEY_SIZE);
}

void toxtcp_key_pair_wipe(struct toxtcp_key_pair *pair)
{
    sodium_memzero(pair, sizeof *pair);
}

bool toxtcp_public_key_equal(const struct toxtcp_public_key *a, const struct toxtcp_public_key *b)
{
    return sodium_memcmp(a->bytes, b->bytes, TOXTCP_KEY_SIZE) == 0;
}

int toxtcp_public_key_parse(const char *text, size_t len, struct toxtcp_public_key *key)
{
    struct toxtcp_public_key parsed;
    size_t parsed_len;

    if (len != 2 * TOXTCP_KEY_SIZE ||
        sodium_hex2bin(parsed.bytes, sizeof parsed.bytes, text, len, NULL, &parsed_len, NULL) != 0 ||
        parsed_len != TOXTCP_KEY_SIZE) {
        return TOXTCP_ERR_INVALID;
    }
    *key = parsed;
    return TOXTCP_OK;
}

void toxtcp_public_key_format(const struct toxtcp_public_key *key, char text[TOXTCP_KEY_TEXT_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < TOXTCP_KEY_SIZE; i++) {
        text[2 * i] = digits[key->bytes[i] >> 4];
        text[2 * i + 1] = digits[key->bytes[i] & 15];
    }
    text[TOXTCP_KEY_TEXT_SIZE - 1] = '\0';
}
