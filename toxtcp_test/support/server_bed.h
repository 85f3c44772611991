/* What the relay's tests stand on: a net, a relay in it, clients without rules. SPDX-License-Identifier: ISC */
#ifndef TEST_SUPPORT_SERVER_BED_H
#define TEST_SUPPORT_SERVER_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net.h"
#include "raw_client.h"

enum { BED_CLIENTS_MAX = 1024, BED_PORT = 443, BED_DATA_LEN = 982, BED_FRAME_LEN = 1001 };

struct bed {
    struct net *net;
    struct toxtcp_server *server;
    struct toxtcp_key_pair keys;
    struct toxtcp_address address;
    struct raw_client *clients[BED_CLIENTS_MAX]; /* freed with the bed */
    size_t client_count;
};

struct toxtcp_server_config bed_defaults(void);
struct toxtcp_address bed_ipv4(uint8_t last, uint16_t port);

/* `config` may be NULL. */
void bed_open(struct bed *bed, uint64_t seed, const struct toxtcp_server_config *config);
void bed_close(struct bed *bed);

/* A client whose handshake is done but nothing more. NULL: keys of its own, an address of the net's. */
struct raw_client *bed_dial(struct bed *bed, const struct toxtcp_key_pair *keys, const struct toxtcp_address *source);
/* A client that is confirmed. */
struct raw_client *bed_join(struct bed *bed, const struct toxtcp_key_pair *keys);
/* It has pinged and got its pong, and nothing else: the relay serves it. */
void bed_expect_served(struct bed *bed, struct raw_client *client);
/* How many of `count` newcomers that say nothing are let in; they go at once. */
unsigned bed_let_in(struct bed *bed, uint8_t source, unsigned count);
/* It takes no more than some bytes from now on. */
void bed_stop_reading(struct bed *bed, struct raw_client *client);
/* The relay has closed its stream. */
bool bed_is_closed(struct raw_client *client);
/* Closes the client's stream; it stays the bed's. */
void bed_leave(struct bed *bed, struct raw_client *client);

/* Asks for a route and takes the response. Returns its id. */
uint8_t bed_ask(struct bed *bed, struct raw_client *client, const struct toxtcp_public_key *peer);

struct bed_pair {
    struct raw_client *a;
    struct raw_client *b;
    uint8_t a_id; /* a's id for b */
    uint8_t b_id;
};
/* Both ask, both are told that they are online. */
struct bed_pair bed_link(struct bed *bed, struct raw_client *a, struct raw_client *b);
/* The same with two that join. */
struct bed_pair bed_join_pair(struct bed *bed);
/* From a to b `count` packets of data of BED_DATA_LEN bytes, which makes BED_FRAME_LEN on the wire. */
void bed_send_data(const struct bed_pair *pair, unsigned count);
/* Data passes both ways. */
void bed_expect_linked(struct bed *bed, const struct bed_pair *pair);

struct toxtcp_server_info bed_info(const struct bed *bed);

#endif
