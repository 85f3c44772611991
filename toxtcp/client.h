/* The inside of a client. SPDX-License-Identifier: ISC
 *
 * client.c: life and time; client_pulse.c: whether the relay lives; client_routes.c: peers asked for and given up;
 * client_send.c: the caller's packets; client_receive.c: what the relay says. */
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

/* What is needed until the handshake begins. Secret. */
struct dial_keys {
    struct toxtcp_key_pair keys;
    struct toxtcp_public_key relay_key;
};

/* What is known of the relay's life: pings, round trips, silence. */
struct pulse {
    uint64_t used_at_ms; /* when something was written for the caller last; or TOXTCP_NEVER */
    uint64_t ping_sent_at_ms;
    uint64_t pong_deadline_ms; /* TOXTCP_NEVER: no ping is out */
    uint64_t patient_from_ms;  /* of a ping that is out: silence is counted from here on at the earliest */
    uint64_t unheard_from_ms;  /* while `unheard`: since when; TOXTCP_NEVER until a time was told */
    uint64_t look_again_ms;    /* not before: the system was asked what becomes of what was sent */
    uint64_t flood_from_ms;    /* when `flood_count` began */
    uint32_t flood_count;      /* pings of the relay's since then */
    uint32_t rtt_ms;           /* smoothed; UINT32_MAX when not known */
    uint32_t rtt_var_ms;       /* its mean deviation */
    uint8_t ping_id[WIRE_PING_ID_SIZE];
    bool measured;    /* by a ping; before that by the handshake */
    bool used;        /* something was sent since a time was told last */
    bool unheard;     /* something was sent since the relay was heard last */
    bool ping_wanted; /* by toxtcp_client_ping() */
    bool hurried;     /* by toxtcp_client_hurry(): the pong is wanted soon */
    bool late_pong;   /* the last one came when the relay counted as silent, or should have */
    bool late_once;   /* this pong was given another second */
    bool late;        /* with the pong of the ping that is out */
    bool stalled;     /* the system sends again and again, and nothing is acknowledged */
};

struct toxtcp_client {
    struct toxtcp_link link; /* first: the link's owner is found by it */
    struct toxtcp_client_config config;
    struct toxtcp_client_callbacks callbacks;
    void *user;
    struct dial_keys *dial_keys; /* until the handshake begins */
    struct toxtcp_public_key own_key;
    struct toxtcp_address remote;
    struct routes routes;
    struct pulse pulse;
    uint64_t connect_deadline_ms; /* until the handshake is done */
    uint64_t connected_at_ms;
    uint64_t route_retry_at_ms;     /* when refused routes are asked for again */
    uint64_t announced_deadline_ms; /* what deadline_changed said last */
    int doom;                       /* an error that ends the link at the next expire, or 0 */
};

static inline struct toxtcp_client *client_of(struct toxtcp_link *link)
{
    return (struct toxtcp_client *)link;
}

/* All of the client's information but what its driver is asked for. */
void client_describe(const struct toxtcp_client *client, struct toxtcp_client_info *info);

struct toxtcp_route client_route_handle(const struct route *route);
enum toxtcp_route_status client_route_status_of(const struct route *route);

/* Seals a packet that must not be dropped. Errors: those of link_send_control(). */
int client_send_control(struct toxtcp_client *client, const struct packet *packet);

/* Sends a routing request for every route in `state`. Errors: those of link_send_control(). */
int client_ask_routes(struct toxtcp_client *client, enum route_state state);

/* Tells the relay that an id is given up: else it and we would mean different peers by it. Errors: as above. */
int client_give_up_id(struct toxtcp_client *client, uint8_t id);

/* --- client_pulse.c --- */

/* The stream is open, and the request is on its way; the handshake is done, and the first ping goes out. */
void client_pulse_begin(struct toxtcp_client *client, uint64_t now_ms);
int client_pulse_open(struct toxtcp_client *client, uint64_t now_ms);
/* The caller was told that it is done: the first ping, if that comes last. */
int client_pulse_told(struct toxtcp_client *client, uint64_t now_ms);
/* A packet of the caller's was sealed; the time is known; a packet came. */
void client_pulse_sent(struct toxtcp_client *client);
void client_pulse_settled(struct toxtcp_client *client, uint64_t now_ms);
void client_pulse_heard(struct toxtcp_client *client);
/* A ping of the relay's may be answered. Errors: TOXTCP_ERR_PROTOCOL for a flood of them. */
int client_pulse_pinged(struct toxtcp_client *client, uint64_t now_ms);
void client_pulse_pong(struct toxtcp_client *client, const uint8_t ping_id[WIRE_PING_ID_SIZE], uint64_t now_ms);
/* When client_pulse_expire() is due on an open link, and what it does: pings, and judges. An error ends the link. */
uint64_t client_pulse_deadline(const struct toxtcp_client *client);
int client_pulse_expire(struct toxtcp_client *client, uint64_t now_ms);
/* Late, or stalled. */
bool client_pulse_is_silent(const struct toxtcp_client *client);
void client_pulse_check(const struct toxtcp_client *client);

/* --- client_receive.c --- */

/* The link owner's `packet`. */
int client_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms);

#endif
