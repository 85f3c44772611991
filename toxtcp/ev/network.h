/* What is known of this machine's network, between netlink.c, which hears of it, and network.c, which acts on it.
 * SPDX-License-Identifier: ISC */
#ifndef TOXTCP_EV_NETWORK_H
#define TOXTCP_EV_NETWORK_H

#include "internal.h"

enum { NETLINK_RECEIVE_SIZE = 32768 };

struct interface {
    int index;
    bool seen; /* in the reading that goes on */
    bool up;
    bool lost;     /* not up for half a second */
    bool counting; /* towards that, since then: */
    uint64_t down_ms;
};

struct address {
    struct toxtcp_address ip; /* its scope is 0 */
    int index;                /* of its interface */
    bool seen;
    bool bindable;
    bool far;    /* reaches further than the link */
    bool usable; /* as it was judged last */
};

/* A default route, by what makes it another one. */
struct default_route {
    struct toxtcp_address gateway; /* zeros: none */
    uint32_t table;
    uint32_t priority;
    int index; /* of its interface */
    uint8_t family;
    bool seen;
};

/* Who wants to know. */
struct watcher {
    struct toxtcp_connections *connections;
    struct watcher *next;
};

enum reading { READ_INTERFACES, READ_ADDRESSES, READ_ROUTES, READ_ALL };

struct network {
    struct toxtcp_ev *ev;
    struct watcher *watchers;
    struct ev_io io;
    struct ev_timer gained; /* the owners hear of it when it fires */
    struct ev_timer lost;   /* an interface has been down for a while */
    struct ev_timer again;  /* the kernel is asked again */
    uint64_t rest_until_ms; /* the owners have heard of something new, and hear of no more before */
    uint64_t calm_from_ms;  /* if nothing new comes before, that was all */
    uint64_t rest_ms;       /* how long they were left alone the last time */
    enum reading reading;
    bool stale;        /* something was missed: to be read again when this reading is over */
    bool refused;      /* the kernel did not tell: not at once */
    uint64_t again_ms; /* the pause until then */
    uint32_t sequence; /* of the last question */
    bool known;        /* all was read once: what is new from here on is news */
    struct interface *interfaces;
    size_t interface_count;
    struct address *addresses;
    size_t address_count;
    struct default_route *routes;
    size_t route_count;
    uint8_t buffer[NETLINK_RECEIVE_SIZE];
};

/* A socket that the kernel tells what changes. Returns the descriptor, or -1 with errno. */
int netlink_open(void);
/* Asks for all there is. False, with errno, when the kernel does not take the question: `stale` and `refused`. */
bool netlink_read_all(struct network *network);
/* Takes what the kernel says into the tables, one message; true when there may be more. */
bool netlink_receive(struct network *network);

struct interface *network_interface(const struct network *network, int index);
bool network_same_ip(const struct toxtcp_address *a, const struct toxtcp_address *b);
/* There is a way more, of which the owners hear a little later. */
void network_gain(struct network *network);

#endif
