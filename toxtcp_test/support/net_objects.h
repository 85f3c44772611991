/* The objects of a test network whose deadlines it keeps and which it checks. SPDX-License-Identifier: ISC */
#ifndef TEST_SUPPORT_NET_OBJECTS_H
#define TEST_SUPPORT_NET_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

enum net_object_kind { NET_SERVER, NET_CLIENT, NET_CONNECTIONS };

struct net_object {
    enum net_object_kind kind;
    void *object;             /* NULL when it was removed */
    struct toxtcp_link *link; /* of a client */
};

struct net_objects {
    struct net_object *items;
    size_t count;
};

void net_objects_add(struct net_objects *objects, enum net_object_kind kind, void *object, struct toxtcp_link *link);
void net_objects_remove(struct net_objects *objects, const void *object);
/* Removes the client with that link, if there is one. */
void net_objects_forget_link(struct net_objects *objects, const struct toxtcp_link *link);
uint64_t net_objects_deadline(const struct net_objects *objects);
/* Returns whether any was due. */
bool net_objects_expire(struct net_objects *objects, uint64_t now_ms);
void net_objects_check(const struct net_objects *objects);
/* Gives the places of removed ones back; not while an object is at work. */
void net_objects_sweep(struct net_objects *objects);
void net_objects_free(struct net_objects *objects);

#endif
