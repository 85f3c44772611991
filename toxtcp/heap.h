/* An intrusive binary heap, smallest key first: what is due next, which source is the worst. SPDX-License-Identifier:
 * ISC
 *
 * An item joins once, which may fail; from then on its key changes in O(log n) and never fails. */
#ifndef TOXTCP_PRIVATE_HEAP_H
#define TOXTCP_PRIVATE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "env.h"

struct heap_item {
    uint64_t key;
    uint32_t place; /* place in the heap, from 1; 0: not in one */
};

struct heap {
    struct heap_item **items;
    uint32_t count;
    uint32_t capacity;
};

/* Adds an item with that key. Errors: TOXTCP_ERR_NO_MEMORY. */
int heap_join(struct heap *heap, struct toxtcp_env *env, struct heap_item *item, uint64_t key);
/* Takes an item out; one that is not in is ignored. */
void heap_leave(struct heap *heap, struct heap_item *item);
/* Gives an item of the heap another key. */
void heap_set(struct heap *heap, struct heap_item *item, uint64_t key);
/* The item with the smallest key, or NULL. */
struct heap_item *heap_first(const struct heap *heap);
/* The smallest key, or UINT64_MAX. */
uint64_t heap_first_key(const struct heap *heap);
void heap_free(struct heap *heap, struct toxtcp_env *env);
/* Asserts the order. */
void heap_check(const struct heap *heap);

#endif
