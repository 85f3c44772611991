/* The peers routed through one link: by key, by connection id, by handle. SPDX-License-Identifier: ISC
 *
 * Both ends of a link keep such a table. Its memory grows with use; all look-ups take constant time. */
#ifndef TOXTCP_PRIVATE_ROUTES_H
#define TOXTCP_PRIVATE_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/key.h>

#include "table.h"
#include "wire.h"

enum route_state {
    ROUTE_WAITING,    /* client: wanted, no request open */
    ROUTE_ASKED,      /* client: request open */
    ROUTE_ABANDONED,  /* client: given up while its request was open; not wanted any more */
    ROUTE_REFUSED,    /* client: the relay gave no id */
    ROUTE_REGISTERED, /* has an id; the peer is not online here */
    ROUTE_ONLINE,     /* has an id; data flows */
    ROUTE_FAR         /* server: the same, and the other end is at another server of the mesh */
};

enum { ROUTE_NO_ID = 0 }; /* no connection id: they start at WIRE_ID_MIN */

/* A route's name in a mesh: no other route ever has it. Without padding: messages carry it. */
struct route_end {
    uint32_t client; /* handle of the client in its server */
    uint32_t client_generation;
    uint32_t route_generation;
    uint16_t server;
    uint16_t route; /* index in its table */
};

struct route {
    struct toxtcp_public_key key;
    uint8_t id; /* or ROUTE_NO_ID */
    uint8_t index;
    uint8_t state;       /* enum route_state */
    bool told_online;    /* server: what its client was told last */
    uint32_t generation; /* unique in its table, never 0 */
    union {
        struct {
            void *user;          /* client: the caller's; server: the other end's client, while online */
            struct route *other; /* server: the other end's route, while online */
        };
        struct route_end far; /* server: the other end, while far */
    };
    UT_hash_handle hh;
};

struct routes {
    struct route **slots; /* by index, NULL where free */
    struct route *by_key; /* uthash head */
    uint8_t *by_id;       /* index + 1 for each id from WIRE_ID_MIN on, 0: free; allocated with the first */
    uint32_t generation;  /* given last */
    uint16_t capacity;    /* of slots */
    uint16_t count;
};

struct route *routes_find(const struct routes *routes, const struct toxtcp_env *env,
                          const struct toxtcp_public_key *key);
/* Adds a route for a key that has none, in `state`, without id. `*full` tells why NULL came: at
 * TOXTCP_ROUTES_MAX, or no memory. */
struct route *routes_add(struct routes *routes, struct toxtcp_env *env, const struct toxtcp_public_key *key,
                         enum route_state state, bool *full);
/* Gives a route another generation: handles of old are stale. */
void routes_renew(struct routes *routes, struct route *route);
/* Takes it out, its id too, and frees it. */
void routes_remove(struct routes *routes, struct toxtcp_env *env, struct route *route);
/* The route of an id, or NULL; any byte will do. */
struct route *routes_by_id(const struct routes *routes, uint8_t id);
/* The route of a handle, or NULL. */
struct route *routes_by_handle(const struct routes *routes, uint32_t index, uint32_t generation);
/* The lowest free id, or ROUTE_NO_ID when all are taken. */
uint8_t routes_lowest_free_id(const struct routes *routes);
/* Gives a route an id that is free (ROUTE_NO_ID: takes its id away). */
void routes_set_id(struct routes *routes, struct route *route, uint8_t id);
/* Goes through all: pass NULL first; NULL comes last. The one passed must still be there. */
struct route *routes_next(const struct routes *routes, const struct route *route);
void routes_free(struct routes *routes, struct toxtcp_env *env);
void routes_check(const struct routes *routes, const struct toxtcp_env *env);

#endif
