/* Where a relay's connections come from: counted per source, and which to evict when too many are unconfirmed (section
 * 2). SPDX-License-Identifier: ISC
 *
 * A source is an IPv4 address or an IPv6 /64, of which one subscriber has 2^64 addresses. */
#ifndef TOXTCP_PRIVATE_SOURCES_H
#define TOXTCP_PRIVATE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "heap.h"
#include "table.h"

enum { SOURCE_PREFIX_SIZE = 9 }; /* family, then 4 or 8 bytes */

/* In each connection. */
struct source_member {
    struct source *source; /* NULL: in none */
    struct source_member *prev;
    struct source_member *next;
    uint32_t serial; /* order of arrival */
    bool waiting;    /* for its confirmation: in its source's queue */
};

struct source {
    uint8_t prefix[SOURCE_PREFIX_SIZE];
    uint32_t count;                /* members */
    uint32_t waiting_count;        /* of these, waiting */
    struct source_member *waiting; /* queue of utlist, oldest first */
    struct heap_item rank;
    UT_hash_handle hh;
};

struct sources {
    struct source *by_prefix; /* uthash head */
    struct heap worst;        /* first: most waiting members; among equals, the longest wait */
    uint32_t serial;
};

/* Members that come from the source of `address`. */
uint32_t sources_count(const struct sources *sources, const struct toxtcp_env *env,
                       const struct toxtcp_address *address);
/* Adds a member, waiting. Errors: TOXTCP_ERR_NO_MEMORY. */
int sources_join(struct sources *sources, struct toxtcp_env *env, const struct toxtcp_address *address,
                 struct source_member *member);
/* The member waits no more. */
void sources_confirm(struct sources *sources, struct source_member *member);
/* Takes a member out of its source. */
void sources_leave(struct sources *sources, struct toxtcp_env *env, struct source_member *member);
/* The oldest waiting member of the worst source; NULL when none waits. */
struct source_member *sources_worst(const struct sources *sources);
/* All members must have left. */
void sources_free(struct sources *sources, struct toxtcp_env *env);
/* Asserts every invariant; `count` and `waiting_count` are what its owner counts. */
void sources_check(const struct sources *sources, uint32_t count, uint32_t waiting_count);

#endif
