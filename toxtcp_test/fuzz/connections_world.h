/* What the fuzz target of connections stands on: keys, peers, relays that the input rules. SPDX-License-Identifier: ISC
 */
#ifndef TEST_FUZZ_CONNECTIONS_WORLD_H
#define TEST_FUZZ_CONNECTIONS_WORLD_H

#include <toxtcp/connections.h>

#include "fuzz/hostile.h"

/* The first few peers are named by the input, the last of these being ourselves; the others are a crowd. */
enum {
    PEERS = 256,
    NAMED_PEERS = 8,
    OWN_PEER = 7,
    RELAYS = 4,
    STREAMS = 6,
    FIRST_PORT = 1000,
    ACT_BYTES = 4,
    TALK_MAX = 64,
    TURNS_MAX = 100000
};

/* Made with the first input. */
extern struct toxtcp_key_pair own_keys;
extern struct toxtcp_key_pair relay_keys[RELAYS];

struct app_peer {
    struct toxtcp_peer handle;
    enum toxtcp_peer_state told;
};

struct world {
    struct net_env env;
    struct net_env far_env;
    struct toxtcp_driver driver;
    struct toxtcp_connections *connections;
    struct hostile streams[STREAMS];
    uint8_t relay_of[STREAMS];
    struct app_peer peers[PEERS];
    struct toxtcp_relay relays[RELAYS];
    bool wanted[PEERS]; /* was added at least once */
    uint64_t now_ms;
    uint32_t callbacks;
    uint32_t networks; /* how often one was told of */
    uint32_t act_at;
    uint8_t act[ACT_BYTES];
    int dial_error;
    uint8_t honest; /* one bit per relay; above these one for each that returns OOB */
};

struct toxtcp_public_key key_of(uint8_t peer);
/* The driver's dial(). */
int dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint);
/* Every stream: connects, reads, delivers, reads. */
void turn(struct world *world);
/* Which relays answer pings and routing requests, and which of them return OOB. */
void set_honest(struct world *world, uint8_t honest);

#endif
