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

/* Says what is wrong and ends the process with 1. */
_Noreturn void star_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails with errno's text unless it holds. */
void star_need(bool holds, const char *what);

/* Leaves the machine's network for good, as root or, where that is allowed, as the root of a user namespace. Fails when
 * neither can be had. */
void star_leave_machine(void);

/* Makes the namespaces and joins them. Fails when `ip` is missing or refuses. This process is in the router then. */
void star_open(struct star *star);
/* Moves this process into a namespace of the star. */
void star_enter(int name_space);

/* The address of a node, which all others reach. */
struct toxtcp_address star_address(size_t node, uint16_t port);

/* From now on the router swallows these ways and no others. No packet tells anybody. */
void star_set_cuts(struct star *star, const struct star_cuts *cuts);

/* What has been said so far that could tell of a node's death: ICMP packets anywhere, and TCP resets from that node. */
uint64_t star_noise(const struct star *star, size_t node);

#endif
