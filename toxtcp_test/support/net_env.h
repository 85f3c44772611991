/* An env for tests: counted memory that can fail, seeded randomness, an eye on secrets. SPDX-License-Identifier: ISC */
#ifndef TEST_SUPPORT_NET_ENV_H
#define TEST_SUPPORT_NET_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/env.h>

enum { NET_ENV_SECRETS_MAX = 16, NET_ENV_SECRET_SIZE = 32 };

struct net_env {
    struct toxtcp_env *env;
    uint64_t random_state;
    uint64_t alloc_count;
    size_t alloc_bytes;
    uint64_t fail_at; /* the number of the allocation that fails; 0: none */
    bool fail_all_after;
    uint8_t secrets[NET_ENV_SECRETS_MAX][NET_ENV_SECRET_SIZE];
    uint32_t secret_count;
};

/* Aborts when it can't. The struct must not move afterwards. */
void net_env_init(struct net_env *env, uint64_t seed);
/* Asserts that nothing is held any more. */
void net_env_finish(struct net_env *env);
/* The n-th allocation from now on fails (0: none), with all later ones if so wished. */
void net_env_fail(struct net_env *env, uint64_t n, bool all_after);
/* From now on memory that is released must not hold these 32 bytes. */
void net_env_watch(struct net_env *env, const uint8_t secret[NET_ENV_SECRET_SIZE]);
uint64_t net_env_random(struct net_env *env);

/* Says what is wrong and aborts. Not assert(), which NDEBUG takes away. */
void net_require(bool condition, const char *what);
/* For memory of the test itself. */
void *net_must(void *memory);

#endif
