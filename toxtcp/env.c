/* Allocation, randomness, log, and the store of memory blocks. SPDX-License-Identifier: ISC */
#include "env.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks are powers of two: from 256 bytes, for a control packet or two, to 256 MiB, more than any link may queue. */
enum { BLOCK_MIN_LOG2 = 8, BLOCK_CLASSES = 21, BLOCK_STORE_MAX = 1 << 20, LOG_LINE_MAX = 256 };

/* A spare block holds the pointer to the next one. */
struct spare {
    struct spare *next;
};

struct toxtcp_env {
    struct toxtcp_hooks hooks;
    struct spare *spares[BLOCK_CLASSES];
    size_t spare_bytes;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void default_release(void *user, void *memory, size_t size)
{
    (void)user;
    (void)size;
    free(memory);
}

static void default_random(void *user, uint8_t *bytes, size_t len)
{
    (void)user;
    randombytes_buf(bytes, len);
}

static struct toxtcp_hooks complete_hooks(const struct toxtcp_hooks *given)
{
    struct toxtcp_hooks hooks = {0};

    if (given) {
        hooks = *given;
    }
    /* An allocator of one's own without its release, or the reverse, would mix two heaps. */
    if (!hooks.alloc || !hooks.release) {
        hooks.alloc = default_alloc;
        hooks.release = default_release;
    }
    if (!hooks.random) {
        hooks.random = default_random;
    }
    return hooks;
}

int toxtcp_env_new(const struct toxtcp_hooks *given, struct toxtcp_env **env)
{
    const struct toxtcp_hooks hooks = complete_hooks(given);

    if ((given && !given->alloc != !given->release) || sodium_init() < 0) {
        return TOXTCP_ERR_INVALID;
    }
    struct toxtcp_env *made = hooks.alloc(hooks.user, sizeof *made);
    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    memset(made, 0, sizeof *made);
    made->hooks = hooks;
    env_random(made, made->hash_key, sizeof made->hash_key);
    *env = made;
    return TOXTCP_OK;
}

void toxtcp_env_trim(struct toxtcp_env *env)
{
    for (size_t class = 0; class < BLOCK_CLASSES; class ++) {
        while (env->spares[class]) {
            struct spare *spare = env->spares[class];
            env->spares[class] = spare->next;
            env_release(env, spare, (size_t)1 << (class + BLOCK_MIN_LOG2));
        }
    }
    env->spare_bytes = 0;
}

void toxtcp_env_free(struct toxtcp_env *env)
{
    if (!env) {
        return;
    }
    toxtcp_env_trim(env);
    const struct toxtcp_hooks hooks = env->hooks;
    sodium_memzero(env->hash_key, sizeof env->hash_key);
    hooks.release(hooks.user, env, sizeof *env);
}

void *env_alloc(struct toxtcp_env *env, size_t size)
{
    void *memory = env->hooks.alloc(env->hooks.user, size);

    if (memory) {
        memset(memory, 0, size);
    }
    return memory;
}

void *env_grow(struct toxtcp_env *env, void *memory, size_t old_size, size_t new_size)
{
    void *grown = env_alloc(env, new_size);

    if (grown && memory) {
        memcpy(grown, memory, old_size);
        env_release(env, memory, old_size);
    }
    return grown;
}

void env_release(struct toxtcp_env *env, void *memory, size_t size)
{
    if (memory) {
        env->hooks.release(env->hooks.user, memory, size);
    }
}

static size_t block_class(size_t size)
{
    size_t class = 0;

    while (class < BLOCK_CLASSES && ((size_t)1 << (class + BLOCK_MIN_LOG2)) < size) {
        class ++;
    }
    return class;
}

void *env_block_take(struct toxtcp_env *env, size_t *size)
{
    const size_t class = block_class(*size);

    if (class >= BLOCK_CLASSES) {
        return NULL;
    }
    *size = (size_t)1 << (class + BLOCK_MIN_LOG2);
    struct spare *spare = env->spares[class];
    if (!spare) {
        return env->hooks.alloc(env->hooks.user, *size);
    }
    env->spares[class] = spare->next;
    env->spare_bytes -= *size;
    return spare;
}

void env_block_give(struct toxtcp_env *env, void *block, size_t size)
{
    /* Last in, first out: the block that is still in the cache is used next. */
    if (env->spare_bytes + size > BLOCK_STORE_MAX) {
        env_release(env, block, size);
        return;
    }
    struct spare *spare = block;
    struct spare **list = &env->spares[block_class(size)];
    spare->next = *list;
    *list = spare;
    env->spare_bytes += size;
}

void env_random(struct toxtcp_env *env, void *bytes, size_t len)
{
    env->hooks.random(env->hooks.user, bytes, len);
}

uint64_t env_random_u64(struct toxtcp_env *env)
{
    uint64_t number;

    env_random(env, &number, sizeof number);
    return number;
}

uint32_t env_random_below(struct toxtcp_env *env, uint32_t bound)
{
    /* The bias of 64 bits taken modulo 32 is under 2^-32. */
    return (uint32_t)(env_random_u64(env) % bound);
}

uint32_t env_hash_key(const struct toxtcp_env *env, const uint8_t key[32])
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint32_t result;

    crypto_shorthash(hash, key, 32, env->hash_key);
    memcpy(&result, hash, sizeof result);
    return result;
}

void env_log(struct toxtcp_env *env, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;

    if (!env->hooks.log) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    env->hooks.log(env->hooks.user, line);
}
