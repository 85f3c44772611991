/* Ports joined by a network in which every way has its own troubles, in virtual time. SPDX-License-Identifier: ISC
 *
 * A packet that a node sends goes through the `up` lane of its port, is routed by its destination, and goes through the
 * `down` lane of the port that has it. A port takes from its node only packets with an address of its own. */
#ifndef TEST_EMULATOR_HUB_H
#define TEST_EMULATOR_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "emulator/lane.h"
#include "emulator/segment.h"
#include "emulator/tally.h"

enum { HUB_PORTS_MAX = 16, HUB_NAME_SIZE = 16 };

enum hub_way { HUB_UP, HUB_DOWN, HUB_WAYS };

struct hub_port {
    char name[HUB_NAME_SIZE];
    uint8_t ipv4[16], ipv6[16]; /* all 0: none */
    struct lane lanes[HUB_WAYS];
    struct tally tallies[HUB_WAYS]; /* what the node has sent, and what was delivered to it */
    uint64_t strays;                /* what it sent in a foreign name, to nobody here, or broken */
    FILE *capture;                  /* may be NULL */
};

struct hub {
    struct hub_port ports[HUB_PORTS_MAX];
    size_t count;
    uint64_t seed;
    /* Called for what arrives. */
    void (*deliver)(void *user, size_t port, const uint8_t *bytes, size_t len);
    void *user;
};

void hub_open(struct hub *hub, uint64_t seed, void (*deliver)(void *, size_t, const uint8_t *, size_t), void *user);
void hub_close(struct hub *hub);

/* Addresses as text; either may be NULL. Returns the port's number, or -1: too many, or a name or an address that is
 * none or is taken. */
int hub_add(struct hub *hub, const char *name, const char *ipv4, const char *ipv6);
/* -1: there is none. */
int hub_find(const struct hub *hub, const char *name);

/* The port's node sends a packet. */
void hub_enter(struct hub *hub, size_t port, const uint8_t *bytes, size_t len, uint64_t now_us);
/* Moves on all that is due. */
void hub_pass(struct hub *hub, uint64_t now_us);
/* When something will be; UINT64_MAX: never. */
uint64_t hub_next_us(const struct hub *hub);

/* Resets, at the port's node, each of its streams that has not ended. Returns how many. */
size_t hub_reset(struct hub *hub, size_t port, uint64_t now_us);

#endif
