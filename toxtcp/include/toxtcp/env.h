/* What the core needs from its surroundings. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_ENV_H
#define TOXTCP_ENV_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/visibility.h>

TOXTCP_BEGIN

/* The surroundings of all objects of one thread: hooks, and a store of memory blocks that buffers of
 * all links share. Objects of one env must be used by one thread at a time. */
struct toxtcp_env;

/* A hook that is NULL has a default: malloc and free, libsodium's randombytes_buf, no log. */
struct toxtcp_hooks {
    void *user; /* handed to every hook */
    /* As malloc; NULL when there is none. The library survives that everywhere. */
    void *(*alloc)(void *user, size_t size);
    /* As free; never called with NULL; `size` is what was asked for. */
    void (*release)(void *user, void *memory, size_t size);
    /* Fills `bytes` with unpredictable bytes: keys and nonces come from here. */
    void (*random)(void *user, uint8_t *bytes, size_t len);
    /* A line of text without its end, for a developer; never holds secrets. */
    void (*log)(void *user, const char *line);
};

/* Makes the surroundings. Copies `hooks`, which may be NULL for all defaults. `*env` is the caller's and
 * must outlive every object made with it; toxtcp_env_free() ends it.
 * Errors: TOXTCP_ERR_NO_MEMORY; TOXTCP_ERR_INVALID when libsodium cannot start, or for alloc
 * without release or the reverse. */
TOXTCP_API int toxtcp_env_new(const struct toxtcp_hooks *hooks, struct toxtcp_env **env);

/* Frees the surroundings; NULL is ignored. Not inside a callback, and not before its objects are gone. */
TOXTCP_API void toxtcp_env_free(struct toxtcp_env *env);

/* Gives back the spare memory blocks to the release hook. May be called at any time. */
TOXTCP_API void toxtcp_env_trim(struct toxtcp_env *env);

TOXTCP_END

#endif
