/* A client without rules, to test relays with: sends any plaintext, keeps every packet. SPDX-License-Identifier: ISC
 *
 * It stands on a raw end of a test network and on the channel's client side; its memory is not the net's. */
#ifndef TEST_SUPPORT_RAW_CLIENT_H
#define TEST_SUPPORT_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "net.h"
#include "packet.h"

struct raw_message; /* a plaintext in the queue */

struct raw_client {
    struct net *net;
    struct net_raw *end;
    struct toxtcp_env *env;
    struct channel channel;
    struct toxtcp_key_pair keys;
    uint8_t request[WIRE_REQUEST_SIZE]; /* the handshake that it sent, to be replayed */
    bool holding;                       /* what is sealed waits for raw_client_flush() */
    int error;                          /* of the channel */
    struct raw_message *first;          /* queue of packets that came */
    struct raw_message *last;
    struct raw_message *shown; /* the one that raw_client_next() gave last */
};

/* Dials and sends the handshake's request. `source` may be NULL. It may be in the process of connecting for as long as
 * net_step() is not called. */
struct raw_client *raw_client_new(struct net *net, const struct toxtcp_address *relay,
                                  const struct toxtcp_public_key *relay_key, const struct toxtcp_key_pair *keys,
                                  const struct toxtcp_address *source);
/* The same, with what it sends held back from the first byte on. */
struct raw_client *raw_client_new_holding(struct net *net, const struct toxtcp_address *relay,
                                          const struct toxtcp_public_key *relay_key, const struct toxtcp_key_pair *keys,
                                          const struct toxtcp_address *source);
/* Closes its stream if it is open. NULL is ignored. */
void raw_client_free(struct raw_client *client);

/* Reads what has come. True once the handshake is done. */
bool raw_client_is_open(struct raw_client *client);
/* 0, or why the stream or the channel is over. */
int raw_client_error(struct raw_client *client);

/* Seal and send; nothing happens when the handshake is not done or the stream is over. */
void raw_client_send_plain(struct raw_client *client, const uint8_t *plain, size_t len);
void raw_client_send(struct raw_client *client, const struct packet *packet);
void raw_client_send_key(struct raw_client *client, enum wire_kind kind, const struct toxtcp_public_key *key);
void raw_client_send_id(struct raw_client *client, enum wire_kind kind, uint8_t id);
void raw_client_send_ping_id(struct raw_client *client, enum wire_kind kind, uint64_t ping_id);
void raw_client_send_data(struct raw_client *client, uint8_t id, const uint8_t *data, size_t len);
void raw_client_send_oob(struct raw_client *client, const struct toxtcp_public_key *to, const uint8_t *data,
                         size_t len);

/* From now on what is sealed stays here; raw_client_flush() writes up to `max` bytes of it and says how many. */
void raw_client_hold(struct raw_client *client, bool holding);
size_t raw_client_flush(struct raw_client *client, size_t max);

/* The next packet that came, valid until the next such call; NULL when there is none. It must be a right one. */
const struct packet *raw_client_next(struct raw_client *client);
/* The same, and it must be there and of that kind. */
const struct packet *raw_client_expect(struct raw_client *client, enum wire_kind kind);
/* Nothing has come. */
void raw_client_expect_nothing(struct raw_client *client);
/* Throws away what has come; returns how many packets. */
size_t raw_client_drain(struct raw_client *client);

#endif
