/* Where a relay's connections come from: counted per source, how fast they come, and which to evict when too many are
 * unconfirmed (section 2). SPDX-License-Identifier: ISC
 *
 * A source is an IPv4 address or an IPv6 /64, of which one subscriber has 2^64 addresses. One whose connections are
 * gone is remembered until its bucket is full again. */
#ifndef TOXTCP_PRIVATE_SOURCES_H
#define TOXTCP_PRIVATE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "heap.h"
#include "rate.h"
#include "table.h"

enum {
    SOURCE_PREFIX_SIZE = 9, /* family, then 4 or 8 bytes */
    /* Sources without connections that are remembered. At the maximum the one whose bucket is full the soonest is
     * forgotten: it gains the least by it. With 50 connections a second for each source this takes over 200 000 a
     * second. */
    SOURCES_REMEMBERED_MAX = 4096
};

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
    uint32_t count;                /* members; 0: it is remembered */
    uint32_t waiting_count;        /* of these, waiting */
    struct source_member *waiting; /* queue of utlist, oldest first */
    struct heap_item rank;
    struct heap_item forget; /* when, if it has no members */
    struct rate arrivals;
    UT_hash_handle hh;
};

struct sources {
    struct source *by_prefix; /* uthash head */
    struct heap worst;        /* first: most waiting members; among equals, the longest wait */
    struct heap forgets;      /* first: to be forgotten next; last those with members */
    uint32_t remembered_count;
    uint64_t now_ms; /* when a member joined last, or the limit changed */
    uint32_t serial;
};

/* Members that come from the source of `address`. */
uint32_t sources_count(const struct sources *sources, const struct toxtcp_env *env,
                       const struct toxtcp_address *address);
/* From when on the limit lets another member of the source of `address` join. */
uint64_t sources_ready_ms(const struct sources *sources, const struct toxtcp_env *env,
                          const struct toxtcp_address *address, struct rate_limit limit);
/* Adds a member, waiting, and counts it. Errors: TOXTCP_ERR_NO_MEMORY. */
int sources_join(struct sources *sources, struct toxtcp_env *env, const struct toxtcp_address *address,
                 struct rate_limit limit, uint64_t now_ms, struct source_member *member);
/* The member waits no more. */
void sources_confirm(struct sources *sources, struct source_member *member);
/* Takes a member out of its source. */
void sources_leave(struct sources *sources, struct toxtcp_env *env, struct source_member *member);
/* The limit becomes another one. */
void sources_change_limit(struct sources *sources, struct toxtcp_env *env, struct rate_limit from, struct rate_limit to,
                          uint64_t now_ms);
/* The oldest waiting member of the worst source; NULL when none waits. */
struct source_member *sources_worst(const struct sources *sources);
/* All members must have left. */
void sources_free(struct sources *sources, struct toxtcp_env *env);
/* Asserts every invariant; `count` and `waiting_count` are what its owner counts. */
void sources_check(const struct sources *sources, uint32_t count, uint32_t waiting_count);

#endif
