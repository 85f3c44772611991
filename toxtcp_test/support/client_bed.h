/* A client, its relay played by the test, and what both say as text. SPDX-License-Identifier: ISC
 *
 * Peers are named by a letter: the key of 'a' is 32 times 'a'. Events and packets read like this, parted by spaces:
 *   connected closed:-103 a=WAITING a=REFUSED a=REGISTERED a=ONLINE data:a:5 oob:b:7 onion:9 forwarded:3 can_send
 *   ping pong:x ask:a bye:16 data:16:5 oob:b:7 onion:178 forward:7
 * where a number after a payload's name or peer is its length, after "bye" and "data:" a connection id. */
#ifndef TEST_SUPPORT_CLIENT_BED_H
#define TEST_SUPPORT_CLIENT_BED_H

#include <toxtcp/client.h>

#include "support/raw_relay.h"

enum { CLIENT_BED_TEXT_MAX = 65536, CLIENT_BED_LETTERS = 128 };

struct client_bed;

/* What the application does in a callback. */
typedef void client_bed_action(struct client_bed *bed);

struct client_bed {
    struct net_env env;
    struct raw_relay relay;
    struct toxtcp_key_pair keys;
    struct toxtcp_client *client; /* NULL before and after */
    struct toxtcp_route routes[CLIENT_BED_LETTERS];
    uint8_t ping_id[WIRE_PING_ID_SIZE]; /* of the client's last ping that was heard */
    uint64_t armed_ms;                  /* the timer that an embedder keeps who follows the contract */
    uint32_t silences;                  /* how often the relay was said to be silent */
    uint32_t callbacks;                 /* so far */
    uint32_t act_at;                    /* the number of the callback in which to act; 0: none */
    client_bed_action *act;
    char events[CLIENT_BED_TEXT_MAX];
    char heard[CLIENT_BED_TEXT_MAX];
};

/* Makes everything but the client. */
void client_bed_init(struct client_bed *bed, uint64_t seed);
void client_bed_finish(struct client_bed *bed);
/* Makes the client, and the link is being dialled. Returns what toxtcp_client_new() does. */
int client_bed_new(struct client_bed *bed, const struct toxtcp_client_config *config);
void client_bed_free(struct client_bed *bed);
/* The stream opens, and the relay reads the request. */
void client_bed_connect(struct client_bed *bed);
/* New, connected, and the handshake done; nothing heard yet. */
void client_bed_open(struct client_bed *bed, const struct toxtcp_client_config *config);

/* The events, the packets since the last call. */
const char *client_bed_events(struct client_bed *bed);
const char *client_bed_heard(struct client_bed *bed);

/* The application's calls, with the handles of the bed; all return what the client does. */
int client_bed_add(struct client_bed *bed, char peer);
int client_bed_remove(struct client_bed *bed, char peer);
int client_bed_send(struct client_bed *bed, char peer, size_t len);
int client_bed_oob(struct client_bed *bed, char peer, size_t len);
int client_bed_status(struct client_bed *bed, char peer);

/* The relay says one packet. */
void client_bed_respond(struct client_bed *bed, char peer, uint8_t id);
void client_bed_notify(struct client_bed *bed, enum wire_kind kind, uint8_t id);
void client_bed_ping(struct client_bed *bed, char name);
/* The pong of the last ping heard. */
void client_bed_pong(struct client_bed *bed);
void client_bed_data(struct client_bed *bed, uint8_t id, size_t len);
/* Without flush: with raw_relay_flush() later. */
void client_bed_queue(struct client_bed *bed, enum wire_kind kind, char peer, uint8_t id, size_t len);
/* Adds a peer and has the relay bring it online under that id. What is said of it is dropped. */
void client_bed_online(struct client_bed *bed, char peer, uint8_t id);

/* So much time passes; expire is called whenever it is due. */
void client_bed_pass(struct client_bed *bed, uint64_t ms);
/* So much time passes in which nobody is called, and then expire once. */
void client_bed_sleep(struct client_bed *bed, uint64_t ms);
/* Checks the client and the timer; every call above does so. */
void client_bed_check(struct client_bed *bed);

struct toxtcp_public_key client_bed_key(char peer);

#endif
