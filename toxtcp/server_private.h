/* The inside of the relay: its tables, and what its files ask of each other. SPDX-License-Identifier: ISC
 *
 * A client ends in two steps. server_end_client() takes it out of every table and puts it on a list; then one loop
 * works that list off: it tells the client's peers, which may end some of these too (they are put on the list), and
 * releases the link. So nothing recurses, and whoever has sent something asks whether its own client still stands. */
#ifndef TOXTCP_PRIVATE_SERVER_H
#define TOXTCP_PRIVATE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/server.h>

#include "heap.h"
#include "link.h"
#include "packet.h"
#include "routes.h"
#include "sources.h"

enum server_client_state {
    SERVER_CLIENT_UNCONFIRMED, /* no packet of it has opened yet */
    SERVER_CLIENT_CONFIRMED,   /* found by its key */
    SERVER_CLIENT_ENDED        /* in no table; on the list of the ended, or off it and waiting to be freed */
};

struct server_client {
    struct toxtcp_link link;
    struct toxtcp_server *server;
    struct server_client *prev; /* in the list of all, or of the ended */
    struct server_client *next;
    struct toxtcp_public_key key; /* once the handshake is done */
    struct routes routes;
    struct source_member member;
    struct heap_item deadline; /* of its confirmation, then its next ping, or the pong of the one that is out */
    uint64_t next_ping_ms;
    uint8_t ping_id[WIRE_PING_ID_SIZE]; /* of the ping that is out */
    bool ping_out;
    bool graced;       /* expire came late once, and the ping that is out was given more time */
    uint8_t state;     /* enum server_client_state */
    UT_hash_handle hh; /* while confirmed */
};

struct toxtcp_server {
    struct toxtcp_env *env;
    const struct toxtcp_driver *driver;
    struct toxtcp_server_config config;
    struct toxtcp_server_info info;
    struct toxtcp_key_pair keys;
    struct server_client *clients; /* lists of utlist */
    struct server_client *ended;
    struct server_client *by_key; /* uthash head */
    struct sources sources;
    struct heap deadlines;
    bool burying; /* the list of the ended is being worked off */
};

/* The confirmed client with that key, or NULL. */
struct server_client *server_find_client(const struct toxtcp_server *server, const struct toxtcp_public_key *key);

/* Ends a client that is not ended, for a fatal error, which is counted, or _NO_MEMORY. Its memory goes now, or when the
 * outermost toxtcp_link_ call on it returns. Others may end with it. */
void server_end_client(struct server_client *client, int error);

/* Sends what must not be dropped. False: the client is ended, perhaps by this. */
bool server_send(struct server_client *client, const struct packet *packet);

/* The first packet has opened. Errors: TOXTCP_ERR_NO_MEMORY, and nothing has changed. */
int server_confirm_client(struct server_client *client, uint64_t now_ms);

/* The ping that is out is answered. */
void server_take_pong(struct server_client *client, const uint8_t ping_id[WIRE_PING_ID_SIZE]);

/* Does what section 3's table says for a packet. Errors: fatal ones, which end this client. */
int server_relay(struct server_client *client, struct box_plain *plain, size_t len);

/* Takes the far end off a route that is online and tells it; that may end it, and any other client. */
void server_unlink_route(struct route *route);

#endif
