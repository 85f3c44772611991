/* An env for tests: counted memory that can fail, seeded randomness, an eye on secrets. SPDX-License-Identifier: ISC */
#include "net_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before each block of memory: what was asked for, so that the size given on release can be checked. */
union head {
    size_t size;
    max_align_t alignment;
};

void net_require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "test network: %s\n", what);
        abort();
    }
}

void *net_must(void *memory)
{
    net_require(memory != NULL, "the test itself is out of memory");
    return memory;
}

static void *counted_alloc(void *user, size_t size)
{
    struct net_env *env = user;

    env->alloc_count++;
    if (env->fail_at &&
        (env->alloc_count == env->fail_at || (env->fail_all_after && env->alloc_count > env->fail_at))) {
        return NULL;
    }
    union head *head = net_must(malloc(sizeof *head + size));
    head->size = size;
    /* Whoever takes it for zeros is found out. */
    memset(head + 1, 0xa5, size);
    env->alloc_bytes += size;
    return head + 1;
}

static bool holds(const uint8_t *memory, size_t size, const uint8_t *secret)
{
    for (size_t i = 0; i + NET_ENV_SECRET_SIZE <= size; i++) {
        if (memory[i] == secret[0] && memcmp(memory + i, secret, NET_ENV_SECRET_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static void counted_release(void *user, void *memory, size_t size)
{
    struct net_env *env = user;
    union head *head = (union head *)memory - 1;

    net_require(head->size == size, "memory is released with another size than it was asked for");
    for (uint32_t i = 0; i < env->secret_count; i++) {
        net_require(!holds(memory, size, env->secrets[i]), "memory is released with a secret in it");
    }
    env->alloc_bytes -= size;
    free(head);
}

/* splitmix64: one seed is one run; nobody attacks a test. */
uint64_t net_env_random(struct net_env *env)
{
    uint64_t z = env->random_state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static void seeded_random(void *user, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const uint64_t number = net_env_random(user);
        const size_t n = len < sizeof number ? len : sizeof number;
        memcpy(bytes, &number, n);
        bytes += n;
        len -= n;
    }
}

void net_env_init(struct net_env *env, uint64_t seed)
{
    const struct toxtcp_hooks hooks = {
        .user = env, .alloc = counted_alloc, .release = counted_release, .random = seeded_random};

    memset(env, 0, sizeof *env);
    env->random_state = seed;
    net_require(toxtcp_env_new(&hooks, &env->env) == 0, "no env");
}

void net_env_finish(struct net_env *env)
{
    toxtcp_env_free(env->env);
    net_require(env->alloc_bytes == 0, "memory of the env is still held");
}

void net_env_fail(struct net_env *env, uint64_t n, bool all_after)
{
    env->fail_at = n ? env->alloc_count + n : 0;
    env->fail_all_after = all_after;
}

void net_env_watch(struct net_env *env, const uint8_t secret[NET_ENV_SECRET_SIZE])
{
    static const uint8_t zeros[NET_ENV_SECRET_SIZE];

    net_require(env->secret_count < NET_ENV_SECRETS_MAX, "too many secrets to watch");
    net_require(memcmp(secret, zeros, sizeof zeros) != 0, "zeros are no secret");
    memcpy(env->secrets[env->secret_count], secret, NET_ENV_SECRET_SIZE);
    env->secret_count++;
}
