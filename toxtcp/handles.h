/* Handles: an index and a generation that name an object, and never another one after it. SPDX-License-Identifier: ISC
 *
 * Adding, looking up and removing take constant time; the table grows with use. */
#ifndef TOXTCP_PRIVATE_HANDLES_H
#define TOXTCP_PRIVATE_HANDLES_H

#include <stdint.h>

#include "env.h"

struct handle_entry {
    void *object;        /* NULL where free */
    uint32_t generation; /* never 0; where free: the next free entry, from 1, or 0 */
};

struct handles {
    struct handle_entry *entries;
    uint32_t capacity;
    uint32_t count;
    uint32_t free_first; /* first free entry, from 1, or 0 */
    uint32_t generation; /* given last */
};

/* Gives an object a handle. Errors: TOXTCP_ERR_NO_MEMORY. */
int handles_add(struct handles *handles, struct toxtcp_env *env, void *object, uint32_t *index, uint32_t *generation);
/* Takes the object of this entry out. */
void handles_remove(struct handles *handles, uint32_t index);
/* The object with that handle, or NULL; any numbers will do. */
void *handles_get(const struct handles *handles, uint32_t index, uint32_t generation);
/* The first object at `index` or after it, or NULL. */
void *handles_from(const struct handles *handles, uint32_t index);
void handles_free(struct handles *handles, struct toxtcp_env *env);
/* Asserts that count and free list are true. */
void handles_check(const struct handles *handles);

#endif
