/* The peers routed through one link. SPDX-License-Identifier: ISC */
#include "routes.h"

#include <assert.h>
#include <string.h>

enum { ROUTES_FIRST_CAPACITY = 4 };

struct route *routes_find(const struct routes *routes, const struct toxtcp_env *env,
                          const struct toxtcp_public_key *key)
{
    struct route *found;

    HASH_FIND_BYHASHVALUE(hh, routes->by_key, key, sizeof *key, env_hash_key(env, key->bytes), found);
    return found;
}

/* Makes sure of `by_id` and of a free slot. */
static bool make_room(struct routes *routes, struct toxtcp_env *env)
{
    if (!routes->by_id) {
        routes->by_id = env_alloc(env, WIRE_ID_COUNT);
    }
    if (!routes->by_id || routes->count < routes->capacity) {
        return routes->by_id != NULL;
    }
    uint16_t capacity = routes->capacity ? (uint16_t)(2 * routes->capacity) : ROUTES_FIRST_CAPACITY;
    if (capacity > TOXTCP_ROUTES_MAX) {
        capacity = TOXTCP_ROUTES_MAX;
    }
    struct route **slots =
        env_grow(env, routes->slots, routes->capacity * sizeof(struct route *), capacity * sizeof(struct route *));
    if (!slots) {
        return false;
    }
    routes->slots = slots;
    routes->capacity = capacity;
    return true;
}

static uint8_t free_slot(const struct routes *routes)
{
    uint8_t index = 0;

    while (routes->slots[index]) {
        index++;
    }
    return index;
}

void routes_renew(struct routes *routes, struct route *route)
{
    routes->generation++;
    /* 0 is the generation of a handle that names nothing. */
    routes->generation += routes->generation == 0;
    route->generation = routes->generation;
}

struct route *routes_add(struct routes *routes, struct toxtcp_env *env, const struct toxtcp_public_key *key,
                         enum route_state state, bool *full)
{
    *full = routes->count == TOXTCP_ROUTES_MAX;
    if (*full || !make_room(routes, env)) {
        return NULL;
    }
    struct route *route = env_alloc(env, sizeof *route);
    if (!route) {
        return NULL;
    }
    route->key = *key;
    route->state = state;
    HASH_ADD_BYHASHVALUE(hh, routes->by_key, key, sizeof route->key, env_hash_key(env, key->bytes), route);
    if (!route->hh.tbl) {
        env_release(env, route, sizeof *route);
        return NULL;
    }
    route->index = free_slot(routes);
    routes_renew(routes, route);
    routes->slots[route->index] = route;
    routes->count++;
    return route;
}

void routes_remove(struct routes *routes, struct toxtcp_env *env, struct route *route)
{
    routes_set_id(routes, route, ROUTE_NO_ID);
    HASH_DELETE(hh, routes->by_key, route);
    routes->slots[route->index] = NULL;
    routes->count--;
    env_release(env, route, sizeof *route);
}

struct route *routes_by_id(const struct routes *routes, uint8_t id)
{
    if (id < WIRE_ID_MIN || !routes->by_id || routes->by_id[id - WIRE_ID_MIN] == 0) {
        return NULL;
    }
    return routes->slots[routes->by_id[id - WIRE_ID_MIN] - 1];
}

struct route *routes_by_handle(const struct routes *routes, uint32_t index, uint32_t generation)
{
    if (index >= routes->capacity) {
        return NULL;
    }
    struct route *route = routes->slots[index];
    return route && route->generation == generation ? route : NULL;
}

uint8_t routes_lowest_free_id(const struct routes *routes)
{
    if (!routes->by_id) {
        return WIRE_ID_MIN;
    }
    const uint8_t *free_place = memchr(routes->by_id, 0, WIRE_ID_COUNT);
    return free_place ? (uint8_t)(WIRE_ID_MIN + (free_place - routes->by_id)) : ROUTE_NO_ID;
}

void routes_set_id(struct routes *routes, struct route *route, uint8_t id)
{
    if (route->id != ROUTE_NO_ID) {
        routes->by_id[route->id - WIRE_ID_MIN] = 0;
    }
    route->id = id;
    if (id != ROUTE_NO_ID) {
        assert(id >= WIRE_ID_MIN && routes->by_id[id - WIRE_ID_MIN] == 0);
        routes->by_id[id - WIRE_ID_MIN] = (uint8_t)(route->index + 1);
    }
}

struct route *routes_next(const struct routes *routes, const struct route *route)
{
    for (uint32_t index = route ? route->index + 1U : 0; index < routes->capacity; index++) {
        if (routes->slots[index]) {
            return routes->slots[index];
        }
    }
    return NULL;
}

void routes_free(struct routes *routes, struct toxtcp_env *env)
{
    HASH_CLEAR(hh, routes->by_key);
    for (struct route *route = routes_next(routes, NULL); route; route = routes_next(routes, NULL)) {
        routes->slots[route->index] = NULL;
        env_release(env, route, sizeof *route);
    }
    env_release(env, routes->slots, routes->capacity * sizeof(struct route *));
    env_release(env, routes->by_id, WIRE_ID_COUNT);
    *routes = (struct routes){0};
}

void routes_check(const struct routes *routes, const struct toxtcp_env *env)
{
    uint32_t count = 0;
    uint32_t ids = 0;

    for (const struct route *route = routes_next(routes, NULL); route; route = routes_next(routes, route)) {
        assert(routes_find(routes, env, &route->key) == route);
        assert(route->id == ROUTE_NO_ID || routes_by_id(routes, route->id) == route);
        assert(route->generation != 0);
        count++;
        ids += route->id != ROUTE_NO_ID;
    }
    for (uint32_t i = 0; routes->by_id && i < WIRE_ID_COUNT; i++) {
        ids -= routes->by_id[i] != 0;
    }
    assert(ids == 0);
    assert(count == routes->count && count == HASH_COUNT(routes->by_key));
    (void)count;
    (void)ids;
}
