/* The objects of a test network whose deadlines it keeps and which it checks. SPDX-License-Identifier: ISC */
#include "net_objects.h"

#include <stdlib.h>

#include "net_env.h"

static uint64_t object_deadline(const struct net_object *object)
{
    if (!object->object) {
        return TOXTCP_NEVER;
    }
    switch (object->kind) {
    case NET_SERVER:
        return toxtcp_server_deadline(object->object);
    case NET_CLIENT:
        return toxtcp_client_deadline(object->object);
    default:
        return toxtcp_connections_deadline(object->object);
    }
}

static void object_expire(const struct net_object *object, uint64_t now_ms)
{
    switch (object->kind) {
    case NET_SERVER:
        toxtcp_server_expire(object->object, now_ms);
        break;
    case NET_CLIENT:
        toxtcp_client_expire(object->object, now_ms);
        break;
    default:
        toxtcp_connections_expire(object->object, now_ms);
        break;
    }
}

static void object_check(const struct net_object *object)
{
    if (!object->object) {
        return;
    }
    switch (object->kind) {
    case NET_SERVER:
        toxtcp_server_check(object->object);
        break;
    case NET_CLIENT:
        toxtcp_client_check(object->object);
        break;
    default:
        toxtcp_connections_check(object->object);
        break;
    }
}

void net_objects_add(struct net_objects *objects, enum net_object_kind kind, void *object, struct toxtcp_link *link)
{
    objects->items = net_must(realloc(objects->items, (objects->count + 1) * sizeof(struct net_object)));
    objects->items[objects->count] = (struct net_object){.kind = kind, .object = object, .link = link};
    objects->count++;
}

void net_objects_remove(struct net_objects *objects, const void *object)
{
    for (size_t i = 0; i < objects->count; i++) {
        if (objects->items[i].object == object) {
            objects->items[i] = (struct net_object){0};
        }
    }
}

void net_objects_forget_link(struct net_objects *objects, const struct toxtcp_link *link)
{
    for (size_t i = 0; i < objects->count; i++) {
        if (objects->items[i].link == link) {
            objects->items[i] = (struct net_object){0};
        }
    }
}

uint64_t net_objects_deadline(const struct net_objects *objects)
{
    uint64_t first = TOXTCP_NEVER;

    for (size_t i = 0; i < objects->count; i++) {
        const uint64_t deadline = object_deadline(&objects->items[i]);
        first = deadline < first ? deadline : first;
    }
    return first;
}

bool net_objects_expire(struct net_objects *objects, uint64_t now_ms)
{
    bool expired = false;

    for (size_t i = 0; i < objects->count; i++) {
        if (object_deadline(&objects->items[i]) <= now_ms) {
            /* A copy: callbacks may add objects. */
            const struct net_object object = objects->items[i];
            object_expire(&object, now_ms);
            expired = true;
        }
    }
    return expired;
}

void net_objects_check(const struct net_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        object_check(&objects->items[i]);
    }
}

void net_objects_sweep(struct net_objects *objects)
{
    size_t kept = 0;

    for (size_t i = 0; i < objects->count; i++) {
        if (objects->items[i].object) {
            objects->items[kept] = objects->items[i];
            kept++;
        }
    }
    objects->count = kept;
}

void net_objects_free(struct net_objects *objects)
{
    free(objects->items);
    *objects = (struct net_objects){0};
}
