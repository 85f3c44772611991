/* The inside of a client. SPDX-License-Identifier: ISC
 *
 * client.c: life and time; client_routes.c: peers asked for and given up; client_send.c: the caller's packets;
 * client_receive.c: what the relay says. */
#ifndef TOXTCP_PRIVATE_CLIENT_H
#define TOXTCP_PRIVATE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/client.h>

#include "box.h"
#include "link.h"
#include "packet.h"
#include "routes.h"
#include "wire.h"

/* What is needed until the stream is open. Secret. */
struct dial_keys {
    struct toxtcp_key_pair keys;
    struct toxtcp_public_key relay_key;
};

struct toxtcp_client {
    struct toxtcp_link link; /* first: the link's owner is found by it */
    struct toxtcp_client_config config;
    struct toxtcp_client_callbacks callbacks;
    void *user;
    struct dial_keys *dial_keys; /* until the stream is open */
    struct toxtcp_public_key own_key;
    struct toxtcp_address remote;
    struct routes routes;
    uint64_t connect_deadline_ms; /* until the handshake is done */
    uint64_t connected_at_ms;
    uint64_t route_retry_at_ms; /* when refused routes are asked for again */
    uint64_t used_at_ms;        /* when something was written for the caller last; or TOXTCP_NEVER */
    uint64_t ping_sent_at_ms;
    uint64_t pong_deadline_ms;      /* TOXTCP_NEVER: no ping is out */
    uint64_t announced_deadline_ms; /* what deadline_changed said last */
    uint8_t ping_id[WIRE_PING_ID_SIZE];
    uint32_t rtt_ms;
    int doom;         /* an error that ends the link at the next expire, or 0 */
    bool used;        /* something was sent since a time was told last */
    bool ping_wanted; /* by toxtcp_client_ping() */
    bool late_once;   /* this ping was given another second */
};

static inline struct toxtcp_client *client_of(struct toxtcp_link *link)
{
    return (struct toxtcp_client *)link;
}

struct toxtcp_route client_route_handle(const struct route *route);
enum toxtcp_route_status client_route_status_of(const struct route *route);

/* Seals a packet that must not be dropped. Errors: those of link_send_control(). */
int client_send_control(struct toxtcp_client *client, const struct packet *packet);

/* Sends a routing request for every route in `state`. Errors: those of link_send_control(). */
int client_ask_routes(struct toxtcp_client *client, enum route_state state);

/* Tells the relay that an id is given up: else it and we would mean different peers by it. Errors: as above. */
int client_give_up_id(struct toxtcp_client *client, uint8_t id);

/* The link owner's `packet`. */
int client_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms);

#endif
