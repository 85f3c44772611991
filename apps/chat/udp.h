/* The sockets for UDP, one of each family, and the addresses at which they hear. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_UDP_H
#define APPS_CHAT_UDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "../common/problem.h"
#include "session.h"

struct ev_loop;
struct udp;

struct udp_options {
    uint16_t port;                         /* 0: any */
    const struct toxtcp_address *announce; /* to be told instead of our own addresses; borrowed */
    size_t announce_count;
    const char *interface;               /* by which datagrams go and come, or NULL: any; borrowed */
    const struct toxtcp_address *source; /* of ours, the only one to be used, or NULL; borrowed; its port is ignored */
    bool loopback;                       /* the loopback address is of use, even where there are others */
};

/* A datagram came. */
typedef void udp_received(void *user, const struct toxtcp_address *from, const uint8_t *packet, size_t len);

/* Whether datagrams, and streams, can go from that address: whether it is ours. Returns 0, or -1 with `problem` set. */
int udp_judge_source(const struct toxtcp_address *source, struct problem *problem);

/* Returns 0, or -1 with `problem` set. */
int udp_new(struct ev_loop *loop, const struct udp_options *options, udp_received *received, void *user,
            struct udp **udp, struct problem *problem);

/* NULL is ignored. */
void udp_free(struct udp *udp);

/* Whether a datagram to that address has a meaning: we have a socket of its family, and loopback is of use. */
bool udp_reaches(const struct udp *udp, const struct toxtcp_address *address);

/* Like every datagram it may get lost, here already. */
void udp_send(struct udp *udp, const struct toxtcp_address *to, const uint8_t *packet, size_t len);

/* Where we hear, as far as we know. Asks the system. Returns how many. */
size_t udp_addresses(struct udp *udp, struct toxtcp_address addresses[SESSION_ADDRESSES_MAX]);

/* A peer sees us there, it says. Of each peer the last word counts, so that one that lies does not make us forget what
 * the others say. Returns whether that is news to be told to others. */
bool udp_seen_at(struct udp *udp, const void *peer, const struct toxtcp_address *address);

#endif
