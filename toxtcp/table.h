/* uthash, with allocation through an env that may fail. SPDX-License-Identifier: ISC
 *
 * A function that adds to a table has a `struct toxtcp_env *env` in scope: the macros allocate with it. An add that
 * finds no memory leaves the element out; the adder sees that hh.tbl is NULL. Keys that strangers choose are hashed
 * with env_hash_key() and given to the ..._BYHASHVALUE macros. */
#ifndef TOXTCP_PRIVATE_TABLE_H
#define TOXTCP_PRIVATE_TABLE_H

#include "env.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) env_alloc(env, size)
#define uthash_free(memory, size) env_release(env, memory, size)
#define uthash_nonfatal_oom(element) ((element)->hh.tbl = NULL)

#include <uthash.h>

/* Most tables are small: those of the routes of one link. uthash sets its own numbers without asking. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

#endif
