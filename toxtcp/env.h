/* Allocation, randomness, log, and the store of memory blocks. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_ENV_H
#define TOXTCP_PRIVATE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/env.h>
#include <toxtcp/error.h>

/* Zeroed memory, or NULL. */
void *env_alloc(struct toxtcp_env *env, size_t size);

/* Memory of `new_size` bytes that begins with the old ones, the rest zero; NULL (and the old memory stands) when there
 * is none. `memory` may be NULL with `old_size` 0. */
void *env_grow(struct toxtcp_env *env, void *memory, size_t old_size, size_t new_size);

/* `size` is what was asked for. NULL is ignored. */
void env_release(struct toxtcp_env *env, void *memory, size_t size);

/* Blocks: uninitialised memory of at least `*size` bytes (which becomes the true size, a power of two), out of the
 * env's store of spare ones if it can be. NULL when there is none. */
void *env_block_take(struct toxtcp_env *env, size_t *size);
void env_block_give(struct toxtcp_env *env, void *block, size_t size);

void env_random(struct toxtcp_env *env, void *bytes, size_t len);
uint64_t env_random_u64(struct toxtcp_env *env);
/* 0 .. bound-1, evenly; `bound` is not 0. */
uint32_t env_random_below(struct toxtcp_env *env, uint32_t bound);

/* A hash of a public key under a secret of this env: strangers choose the keys. */
uint32_t env_hash_key(const struct toxtcp_env *env, const uint8_t key[32]);

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void env_log(struct toxtcp_env *env, const char *format, ...);

#endif
