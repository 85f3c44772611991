/* Handles: an index and a generation that name an object. SPDX-License-Identifier: ISC */
#include "handles.h"

#include <assert.h>
#include <stddef.h>

enum { FIRST_CAPACITY = 4 };

/* Doubles the table and chains the new entries, lowest first. The table has no free entry. */
static int grow(struct handles *handles, struct toxtcp_env *env)
{
    uint32_t capacity = handles->capacity == 0 ? FIRST_CAPACITY : 2 * handles->capacity;
    struct handle_entry *entries =
        env_grow(env, handles->entries, handles->capacity * sizeof *entries, capacity * sizeof *entries);

    if (entries == NULL) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    for (uint32_t i = handles->capacity; i < capacity; i++) {
        entries[i].generation = i + 1 < capacity ? i + 2 : 0;
    }
    handles->free_first = handles->capacity + 1;
    handles->entries = entries;
    handles->capacity = capacity;
    return 0;
}

int handles_add(struct handles *handles, struct toxtcp_env *env, void *object, uint32_t *index, uint32_t *generation)
{
    struct handle_entry *entry;

    if (handles->free_first == 0) {
        int error = grow(handles, env);
        if (error != 0) {
            return error;
        }
    }
    *index = handles->free_first - 1;
    entry = &handles->entries[*index];
    handles->free_first = entry->generation;
    handles->generation += handles->generation == UINT32_MAX ? 2 : 1;
    entry->object = object;
    entry->generation = handles->generation;
    handles->count++;
    *generation = handles->generation;
    return 0;
}

void handles_remove(struct handles *handles, uint32_t index)
{
    struct handle_entry *entry = &handles->entries[index];

    assert(index < handles->capacity && entry->object != NULL);
    entry->object = NULL;
    entry->generation = handles->free_first;
    handles->free_first = index + 1;
    handles->count--;
}

void *handles_get(const struct handles *handles, uint32_t index, uint32_t generation)
{
    if (index >= handles->capacity || handles->entries[index].generation != generation) {
        return NULL;
    }
    return handles->entries[index].object;
}

void *handles_from(const struct handles *handles, uint32_t index)
{
    for (; index < handles->capacity; index++) {
        if (handles->entries[index].object != NULL) {
            return handles->entries[index].object;
        }
    }
    return NULL;
}

void handles_free(struct handles *handles, struct toxtcp_env *env)
{
    env_release(env, handles->entries, handles->capacity * sizeof *handles->entries);
    *handles = (struct handles){0};
}

void handles_check(const struct handles *handles)
{
    uint32_t used = 0;
    uint32_t unused = 0;

    for (uint32_t i = 0; i < handles->capacity; i++) {
        used += handles->entries[i].object != NULL;
        assert(handles->entries[i].object == NULL || handles->entries[i].generation != 0);
    }
    for (uint32_t next = handles->free_first; next != 0; next = handles->entries[next - 1].generation) {
        assert(next <= handles->capacity && handles->entries[next - 1].object == NULL);
        unused++;
        assert(unused <= handles->capacity);
    }
    assert(used == handles->count);
    assert(used + unused == handles->capacity);
    (void)used;
    (void)unused;
}
