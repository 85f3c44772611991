/* An intrusive binary heap, smallest key first. SPDX-License-Identifier: ISC */
#include "heap.h"

#include <assert.h>

enum { HEAP_FIRST_CAPACITY = 8 };

/* Places count from 1, so that the parent of place p is p / 2. */
static struct heap_item **at(const struct heap *heap, uint32_t place)
{
    return &heap->items[place - 1];
}

static void put(struct heap *heap, uint32_t place, struct heap_item *item)
{
    *at(heap, place) = item;
    item->place = place;
}

static void sift_up(struct heap *heap, uint32_t place, struct heap_item *item)
{
    while (place > 1 && (*at(heap, place / 2))->key > item->key) {
        put(heap, place, *at(heap, place / 2));
        place /= 2;
    }
    put(heap, place, item);
}

static void sift_down(struct heap *heap, uint32_t place, struct heap_item *item)
{
    while (place <= heap->count / 2) {
        uint32_t child = 2 * place;
        if (child < heap->count && (*at(heap, child + 1))->key < (*at(heap, child))->key) {
            child++;
        }
        if ((*at(heap, child))->key >= item->key) {
            break;
        }
        put(heap, place, *at(heap, child));
        place = child;
    }
    put(heap, place, item);
}

static void settle(struct heap *heap, uint32_t place, struct heap_item *item)
{
    if (place > 1 && (*at(heap, place / 2))->key > item->key) {
        sift_up(heap, place, item);
    } else {
        sift_down(heap, place, item);
    }
}

int heap_join(struct heap *heap, struct toxtcp_env *env, struct heap_item *item, uint64_t key)
{
    assert(item->place == 0);
    if (heap->count == heap->capacity) {
        const uint32_t capacity = heap->capacity ? 2 * heap->capacity : HEAP_FIRST_CAPACITY;
        struct heap_item **items = env_grow(env, heap->items, heap->capacity * sizeof(struct heap_item *),
                                            capacity * sizeof(struct heap_item *));
        if (!items) {
            return TOXTCP_ERR_NO_MEMORY;
        }
        heap->items = items;
        heap->capacity = capacity;
    }
    item->key = key;
    heap->count++;
    sift_up(heap, heap->count, item);
    return TOXTCP_OK;
}

void heap_leave(struct heap *heap, struct heap_item *item)
{
    const uint32_t place = item->place;

    if (place == 0) {
        return;
    }
    struct heap_item *last = *at(heap, heap->count);
    heap->count--;
    item->place = 0;
    if (last != item) {
        settle(heap, place, last);
    }
}

void heap_set(struct heap *heap, struct heap_item *item, uint64_t key)
{
    assert(item->place != 0);
    if (item->key != key) {
        item->key = key;
        settle(heap, item->place, item);
    }
}

struct heap_item *heap_first(const struct heap *heap)
{
    return heap->count ? heap->items[0] : NULL;
}

uint64_t heap_first_key(const struct heap *heap)
{
    return heap->count ? heap->items[0]->key : UINT64_MAX;
}

void heap_free(struct heap *heap, struct toxtcp_env *env)
{
    env_release(env, heap->items, heap->capacity * sizeof(struct heap_item *));
    *heap = (struct heap){0};
}

void heap_check(const struct heap *heap)
{
    assert(heap->count <= heap->capacity);
    for (uint32_t place = 1; place <= heap->count; place++) {
        assert((*at(heap, place))->place == place);
        assert(place == 1 || (*at(heap, place / 2))->key <= (*at(heap, place))->key);
    }
}
