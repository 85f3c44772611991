/* What the tests of connections share: relays in a test network, and peers that note what they are told.
 * SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_CONNECTIONS_H
#define TEST_CHECK_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <check.h>

#include <toxtcp/toxtcp.h>

#include "channel.h"
#include "packet.h"
#include "support/net.h"

enum { WORLD_RELAYS = 8 };

/* Relay i listens at port 1000 + i. */
struct world {
    struct net *net;
    struct toxtcp_key_pair relay_keys[WORLD_RELAYS];
    struct toxtcp_address addresses[WORLD_RELAYS];
    struct toxtcp_server *servers[WORLD_RELAYS];
};

extern struct world world;

/* A net with that many relays running. Fixtures of the tests: world_open_all() runs all. */
void world_open(uint32_t relays);
void world_open_all(void);
void world_close(void);
/* Its process is killed; and starts again with the same keys. */
void world_kill(uint32_t relay);
void world_start(uint32_t relay);
struct toxtcp_endpoint world_endpoint(uint32_t relay);
/* Streams to relay i. */
uint32_t world_streams(uint32_t relay);
/* Dials of relay i so far. */
uint64_t world_dials(uint32_t relay);

/* A connections object and what its callbacks said. */
struct node {
    struct toxtcp_key_pair keys;
    struct toxtcp_connections *connections;
    uint32_t data_count;
    struct toxtcp_peer data_peer; /* of the last data */
    void *data_user;
    struct toxtcp_relay data_relay;
    size_t data_len;
    uint8_t data[TOXTCP_DATA_MAX];
    uint32_t can_send_count;
    uint32_t state_count;
    struct toxtcp_peer state_peer; /* of the last change */
    enum toxtcp_peer_state state;
    uint32_t stranger_count;
    struct toxtcp_relay stranger_relay;
    struct toxtcp_public_key stranger_key;
    uint32_t onion_count;
    uint32_t forwarded_count;
    uint32_t relay_state_count;
    enum toxtcp_relay_state relay_state; /* of the last change */
    int relay_error;
    uint32_t waiting_count; /* changes to WAITING */
    /* Runs inside every callback, if set; `what` is its name. */
    void (*hook)(struct node *node, const char *what);
};

extern struct node alice;
extern struct node bob;

/* With fresh keys. NULL: defaults. Returns what toxtcp_connections_new() does. */
int node_try_open(struct node *node, const struct toxtcp_connections_config *config);
void node_open(struct node *node, const struct toxtcp_connections_config *config);
/* Also inside a callback; ignored when it is closed. */
void node_close(struct node *node);
/* Adds the other as a peer (peer_user: the other). */
struct toxtcp_peer node_add(struct node *node, const struct node *other);
/* Adds a peer that is nowhere. */
struct toxtcp_peer node_add_stranger(struct node *node);
struct toxtcp_relay node_tie(struct node *node, struct toxtcp_peer peer, uint32_t relay);
struct toxtcp_relay node_own(struct node *node, uint32_t relay);
/* The handle of relay i, which must be known. */
struct toxtcp_relay node_relay(const struct node *node, uint32_t relay);
bool node_knows(const struct node *node, uint32_t relay);
struct toxtcp_relay_info node_relay_info(const struct node *node, uint32_t relay);
enum toxtcp_relay_state node_relay_state(const struct node *node, uint32_t relay);
struct toxtcp_peer_info node_peer_info(const struct node *node, struct toxtcp_peer peer);
struct toxtcp_connections_info node_info(const struct node *node);
/* The relay (0..) that is primary for the peer, or -1. */
int node_primary(const struct node *node, struct toxtcp_peer peer);
int node_send(struct node *node, struct toxtcp_peer peer, const char *text);
/* The last data was this text. */
bool node_heard(const struct node *node, const char *text);

/* Opens both, adds each to the other with the relays 0 .. relays-1, and lets them come online. */
void meet(uint32_t relays, struct toxtcp_peer *bob_at_alice, struct toxtcp_peer *alice_at_bob);

/* A relay that does what the test says. */
struct fake {
    struct toxtcp_key_pair keys;
    struct toxtcp_address address;
    struct net_raw *end;
    struct channel channel;
    struct box_plain plain;
    struct packet packet; /* the one that came last; its data lie in `plain` */
    uint32_t count;       /* packets that came */
};

void fake_open(struct fake *fake, uint16_t port);
void fake_close(struct fake *fake);
/* Reads the next packet into `packet`; false when there is none. Does the handshake on the way. */
bool fake_next(struct fake *fake);
void fake_send(struct fake *fake, const struct packet *packet);

/* Runs the suite of a test program; returns its exit code. */
int run_suite(Suite *suite);

#endif
