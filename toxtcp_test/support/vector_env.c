/* An env whose randomness replays a known conversation. SPDX-License-Identifier: ISC */
#include "vector_env.h"

#include <string.h>

#include "net_env.h"

static void scripted_random(void *user, uint8_t *bytes, size_t len)
{
    struct vector_env *env = user;

    if (env->secret && len == 32) {
        memcpy(bytes, env->secret, len);
    } else if (env->secret && len == 24) {
        net_require(env->nonces_drawn < 2, "more nonces are drawn than a handshake needs");
        memcpy(bytes, env->nonces[env->nonces_drawn], len);
        env->nonces_drawn++;
    } else {
        memset(bytes, 1, len);
    }
}

void vector_env_init(struct vector_env *env)
{
    const struct toxtcp_hooks hooks = {.user = env, .random = scripted_random};

    memset(env, 0, sizeof *env);
    net_require(toxtcp_env_new(&hooks, &env->env) == 0, "no env");
}

void vector_env_finish(struct vector_env *env)
{
    toxtcp_env_free(env->env);
}

void vector_env_play(struct vector_env *env, const struct vector_conversation *vector, bool client)
{
    env->secret = client ? vector->client_temporary : vector->relay_temporary;
    env->nonces[0] = client ? vector->client_base : vector->relay_base;
    env->nonces[1] = client ? vector->request_nonce : vector->response_nonce;
    env->nonces_drawn = 0;
}

struct toxtcp_key_pair vector_keys(const struct vector_conversation *vector, bool client)
{
    struct toxtcp_key_pair pair;

    memcpy(pair.public_key.bytes, client ? vector->client_public : vector->relay_public, TOXTCP_KEY_SIZE);
    memcpy(pair.secret_key.bytes, client ? vector->client_secret : vector->relay_secret, TOXTCP_KEY_SIZE);
    return pair;
}

void vector_plain(const struct vector_conversation *vector, bool client, size_t frame, uint8_t *plain)
{
    for (size_t i = 0; i < vector->plain_lens[frame]; i++) {
        plain[i] = (uint8_t)((client ? 1 : 101) + 7 * frame + 13 * i);
    }
}
