/* A peer as a process, which reports what it sees. SPDX-License-Identifier: ISC */
#ifndef TEST_NETNS_PEER_H
#define TEST_NETNS_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

#include "netns/star.h"

enum { PEER_PACKET_LEN = 100, PEER_PACE_MS = 50, PEER_NO_RELAY = 0xff };

struct peer_setup {
    struct toxtcp_key_pair keys;
    struct toxtcp_public_key other;
    struct toxtcp_node relays[STAR_RELAYS];
    bool sends;        /* a packet every PEER_PACE_MS */
    bool by_the_book;  /* finds a dead relay by the pings of the protocol alone */
    bool acknowledged; /* packets are acknowledged, and the sender reports which have arrived */
};

/* A packet has arrived, or, every PEER_PACE_MS, how things stand. Bit i stands for relay i. */
struct peer_report {
    uint64_t at_us;
    uint32_t number; /* of the packet */
    uint32_t rtt_ms; /* of the primary relay */
    bool arrived;
    uint8_t relay;     /* that the packet came through */
    uint8_t primary;   /* PEER_NO_RELAY: none */
    uint8_t connected; /* relays that are connected */
    uint8_t online;    /* those on which the other peer is online */
    uint8_t silent;    /* those that are taken for silent */
};

/* Starts a peer in that namespace. Its reports can be read from `*reports`, each in one read. */
pid_t peer_start(int name_space, const struct peer_setup *setup, int *reports);

#endif
