/* An env whose randomness replays a known conversation. SPDX-License-Identifier: ISC */
#ifndef TEST_SUPPORT_VECTOR_ENV_H
#define TEST_SUPPORT_VECTOR_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/env.h>
#include <toxtcp/key.h>

#include "vectors/vectors.h"

/* A handshake draws 32 bytes, its temporary secret key; then 24, its base nonce; then 24, its message's nonce. */
struct vector_env {
    struct toxtcp_env *env;
    const uint8_t *secret;
    const uint8_t *nonces[2];
    uint32_t nonces_drawn;
};

/* Aborts when it can't. The struct must not move afterwards. */
void vector_env_init(struct vector_env *env);
void vector_env_finish(struct vector_env *env);
/* What is drawn next is the client's, or the relay's, of that conversation. */
void vector_env_play(struct vector_env *env, const struct vector_conversation *vector, bool client);

struct toxtcp_key_pair vector_keys(const struct vector_conversation *vector, bool client);
/* The plaintext of a frame, vector->plain_lens[frame] bytes. */
void vector_plain(const struct vector_conversation *vector, bool client, size_t frame, uint8_t *plain);

#endif
