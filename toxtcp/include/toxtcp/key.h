/* Keys. Types of their own, so that none passes for another. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_KEY_H
#define TOXTCP_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/visibility.h>

TOXTCP_BEGIN

struct toxtcp_env;

#define TOXTCP_KEY_SIZE 32
/* Hexadecimal digits of a key and a terminating zero. */
#define TOXTCP_KEY_TEXT_SIZE 65
/* A keys file: public key, secret key, raw (section 9). */
#define TOXTCP_KEYS_FILE_SIZE 64

struct toxtcp_public_key {
    uint8_t bytes[TOXTCP_KEY_SIZE];
};

struct toxtcp_secret_key {
    uint8_t bytes[TOXTCP_KEY_SIZE];
};

/* An X25519 pair (section 1). Copies of it are the caller's to wipe. */
struct toxtcp_key_pair {
    struct toxtcp_public_key public_key;
    struct toxtcp_secret_key secret_key;
};

/* Makes a fresh pair with the random hook of `env`. Cannot fail. */
TOXTCP_API void toxtcp_key_pair_generate(struct toxtcp_env *env, struct toxtcp_key_pair *pair);

/* Reads a pair from the bytes of a keys file, in tox-bootstrapd's format. `pair` is written only on success.
 * Errors: TOXTCP_ERR_INVALID when `len` is not 64 or the public key does not belong to the secret one. */
TOXTCP_API int toxtcp_key_pair_decode(const uint8_t *bytes, size_t len, struct toxtcp_key_pair *pair);

/* Writes the 64 bytes of a keys file. They are the caller's to wipe. */
TOXTCP_API void toxtcp_key_pair_encode(const struct toxtcp_key_pair *pair, uint8_t bytes[TOXTCP_KEYS_FILE_SIZE]);

/* Overwrites the pair with zeros in a way that no compiler removes. */
TOXTCP_API void toxtcp_key_pair_wipe(struct toxtcp_key_pair *pair);

/* Compares in constant time. */
TOXTCP_API bool toxtcp_public_key_equal(const struct toxtcp_public_key *a, const struct toxtcp_public_key *b);

/* Reads 64 hexadecimal digits, in either case. `key` is written only on success.
 * Errors: TOXTCP_ERR_INVALID for another length or another character. */
TOXTCP_API int toxtcp_public_key_parse(const char *text, size_t len, struct toxtcp_public_key *key);

/* Writes 64 upper-case digits and a zero. */
TOXTCP_API void toxtcp_public_key_format(const struct toxtcp_public_key *key, char text[TOXTCP_KEY_TEXT_SIZE]);

TOXTCP_END

#endif
