/* Three relays and two peers, each in a network namespace of its own, around a router that can lose packets silently.
 * SPDX-License-Identifier: ISC
 *
 * Nothing of it has a name outside this process, so it goes with the processes that are in it, however they end. */
#ifndef TEST_NETNS_STAR_H
#define TEST_NETNS_STAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "netns/space.h"

/* The nodes: the relays come first. */
enum { STAR_RELAYS = 3, STAR_SENDER = STAR_RELAYS, STAR_RECEIVER, STAR_NODES };

/* Which packets the router swallows: ways[from][to]. */
struct star_cuts {
    bool ways[STAR_NODES][STAR_NODES];
};

struct star {
    int router; /* descriptors of the namespaces */
    int nodes[STAR_NODES];
    struct star_cuts cuts;
};

/* Makes the namespaces and joins them. Fails when `ip` is missing or refuses. This process is in the router then. */
void star_open(struct star *star);

/* The address of a node, which all others reach. */
struct toxtcp_address star_address(size_t node, uint16_t port);

/* From now on the router swallows these ways and no others. No packet tells anybody. */
void star_set_cuts(struct star *star, const struct star_cuts *cuts);

/* What has been said so far that could tell of a node's death: ICMP packets anywhere, and TCP resets from that node. */
uint64_t star_noise(const struct star *star, size_t node);

#endif
