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

#include "handles.h"
#include "heap.h"
#include "link.h"
#include "packet.h"
#include "rate.h"
#include "routes.h"
#include "sources.h"

enum server_client_state {
    SERVER_CLIENT_UNCONFIRMED, /* no packet of it has opened yet */
    SERVER_CLIENT_CONFIRMED,   /* found by its key */
    SERVER_CLIENT_ENDED        /* in no table; on the list of the ended, or off it and waiting to be freed */
};

/* Why a client is not read. */
enum server_pause {
    SERVER_PAUSE_RATE = 1, /* it is over input_rate_max */
    SERVER_PAUSE_MESH = 2  /* the queue to another server is long */
};

struct server_client {
    struct toxtcp_link link;
    struct toxtcp_server *server;
    struct server_client *prev; /* in the list of all, or of the ended */
    struct server_client *next;
    struct toxtcp_public_key key; /* once the handshake is done */
    struct routes routes;
    struct source_member member;
    struct heap_item deadline;
    uint64_t due_ms; /* its confirmation, then its next ping, or the pong of the one that is out; while it is paused:
                        how long after that */
    uint64_t next_ping_ms;
    struct rate input;                  /* bytes that it sends */
    uint8_t ping_id[WIRE_PING_ID_SIZE]; /* of the ping that is out */
    bool ping_out;
    bool graced;    /* expire came late once, and the ping that is out was given more time */
    bool behind;    /* not all was said to it that changed at its routes; until then it gets no data */
    uint8_t pauses; /* enum server_pause, or-ed: it is not read for these reasons */
    uint8_t state;  /* enum server_client_state */
    /* While confirmed and in a mesh: its handle, and its claim to its key. */
    uint32_t mesh_handle;
    uint32_t mesh_generation;
    uint64_t mesh_serial;
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
    /* server_mesh.c */
    const struct toxtcp_mesh *mesh; /* NULL for a relay of its own */
    uint32_t mesh_index;
    struct handles mesh_clients;             /* the confirmed */
    bool mesh_lossy;                         /* any of these: */
    uint64_t mesh_heal_ms;                   /* then: when that is to be tried */
    bool mesh_lost[TOXTCP_MESH_SERVERS_MAX]; /* a message to that server was lost for want of memory */
    bool mesh_met[TOXTCP_MESH_SERVERS_MAX];  /* that server may have routes that are far to ones here */
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

/* When the client's deadline is, by its timers. */
uint64_t server_next_ms(const struct server_client *client);

/* The client is confirmed: from now on it is pinged. */
void server_start_pings(struct server_client *client, uint64_t now_ms);

/* The server's times or rates are others now than those in `before`. */
void server_reschedule(struct server_client *client, const struct toxtcp_server_config *before, uint64_t now_ms);

/* So many bytes came from the client; over its rate it is not read for a while. */
void server_take_input(struct server_client *client, size_t len, uint64_t now_ms);

/* Does what section 3's table says for a packet. Errors: fatal ones, which end this client. */
int server_relay(struct server_client *client, struct box_plain *plain, size_t len);

/* Takes the far end off a route that is online and tells it; that may end it, and any other client. */
void server_unlink_route(struct route *route);

/* A route of the client's has gone online or offline, by its state: tells it, or owes it to it while its queue is full,
 * so that nobody can be closed by what others do. False: the client is ended, perhaps by this (for want of memory). */
bool server_notify(struct server_client *client, struct route *route);

/* There is room again for a client that is behind: says what is owed, as far as there is room. May end it. */
void server_catch_up(struct server_client *client);

/* Data or OOB as it goes to the receiver. Not handed on: an error, and the drop is counted. */
int server_offer_data(struct server_client *receiver, struct box_plain *plain, size_t len);
int server_offer_oob(struct server_client *receiver, struct box_plain *plain, size_t len);

/* Counts `weight` further bytes against the input rate of a client. */
void server_charge(struct server_client *client, uint32_t weight);

/* From now on the client is not read, until server_resume_from_mesh(). While a packet of its own is handled. Doing it
 * again changes nothing. */
void server_pause_for_mesh(struct server_client *client);

/* All clients that were paused so are read again, unless they are over their rate. */
void server_resume_from_mesh(struct toxtcp_server *server, uint64_t now_ms);

/* --- server_mesh.c; all but the first only in a mesh --- */

/* The route's peer is, or is to be, online for the client. */
static inline bool server_route_is_online(const struct route *route)
{
    return route->state == ROUTE_ONLINE || route->state == ROUTE_FAR;
}

/* Says again what was lost. While `mesh_lossy`, when `mesh_heal_ms` has come. */
void server_mesh_heal(struct toxtcp_server *server, uint64_t now_ms);

/* The client is confirmed: its key is here from now on. Errors: TOXTCP_ERR_NO_MEMORY, and nothing has changed. */
int server_mesh_claim(struct server_client *client);

/* The client is not confirmed any more. */
void server_mesh_release(struct server_client *client);

/* True if the newest connection with that key is here. */
bool server_mesh_is_here(const struct toxtcp_server *server, const struct toxtcp_public_key *key);

/* Asks for the other end of a registered route. False: its key is at no other server. */
bool server_mesh_want(struct server_client *client, const struct route *route);

/* A far route falls back to registered, and the far end hears it. The client does not. */
void server_mesh_unlink(struct server_client *client, struct route *route);

/* The same, and the client hears it; that may end it, and any other. */
void server_mesh_end_session(struct server_client *client, struct route *route);

/* Data on a far route. */
void server_mesh_data(struct server_client *client, const struct route *route, struct box_plain *plain, size_t len);

/* OOB, which has the receiver's key in `plain`. False: the receiver is at no other server. */
bool server_mesh_oob(struct server_client *client, struct box_plain *plain, size_t len);

#endif
