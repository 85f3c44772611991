/* The inside of a liar: an honest relay in short, and what each vice makes of it. SPDX-License-Identifier: ISC
 *
 * Few clients: everything is found by going through all of them. Whether two clients are linked is read off their
 * routes; kept is only what a client was told of a route.
 *
 * Sending can end the client that is sent to, and with it others. So whoever sends looks at the answer, and looks up
 * again what else it needs. The client whose packet or timer is at work stays in memory until that is done. */
#ifndef TEST_SIM_LIAR_PRIVATE_H
#define TEST_SIM_LIAR_PRIVATE_H

#include <stdbool.h>

#include "liar.h"
#include "link.h"
#include "packet.h"

enum { LIAR_HELD_MAX = 1024 };

/* What a client's clock can bring, one moment each. */
enum timer {
    TIMER_CONFIRM, /* it has sent nothing that opens */
    TIMER_PING,
    TIMER_PONG, /* the one that is due has not come */
    TIMER_HELD, /* what is held back goes out */
    TIMER_UNASKED,
    TIMER_RUBBISH,
    TIMER_FLOOD,
    TIMER_COUNT
};

struct liar_route {
    struct toxtcp_public_key key;
    uint8_t id;
    bool used;
    bool told; /* the client takes the peer for online */
};

/* A packet that is held back. */
struct held {
    struct held *prev;
    struct held *next;
    bool control;
    size_t len;
    uint8_t bytes[WIRE_PLAIN_MAX];
};

struct liar_client {
    struct toxtcp_link link;
    struct liar *liar;
    struct liar_client *prev;
    struct liar_client *next;
    struct toxtcp_public_key key; /* once the handshake is done */
    struct liar_route routes[WIRE_ID_COUNT];
    struct held *held;
    uint32_t held_count;
    uint64_t due[TIMER_COUNT]; /* TOXTCP_NEVER: not set */
    uint64_t flood_us;         /* when the next ping of the flood is due, finer */
    uint8_t ping_id[WIRE_PING_ID_SIZE];
    bool confirmed;
    bool ended; /* in no list; freed when nobody is in it any more */
};

struct liar {
    struct toxtcp_env *env;
    const struct toxtcp_driver *driver;
    struct liar_config config;
    struct toxtcp_key_pair keys;
    struct toxtcp_key_pair other_keys; /* of LIAR_OTHER_KEY */
    struct liar_client *clients;
    uint64_t now_ms;
};

/* --- liar.c --- */

bool liar_has(const struct liar *liar, enum liar_vice vice);
/* 0 .. bound-1 */
uint32_t liar_below(const struct liar *liar, uint32_t bound);
/* Once in so many times; never for 0. */
bool liar_happens(const struct liar *liar, uint32_t one_in);
/* Memory, or the end of the process. */
void *liar_allocate(struct toxtcp_env *env, size_t size);
/* Tells its peers and frees it. One that is ended is ignored. */
void liar_end_client(struct liar_client *client);
/* A ping of a random id, which is written to `ping_id`. False: as liar_send(). */
bool liar_send_ping(struct liar_client *client, uint8_t ping_id[WIRE_PING_ID_SIZE]);

/* --- liar_relay.c --- */

/* A confirmed one, or NULL. */
struct liar_client *liar_find_client(const struct liar *liar, const struct toxtcp_public_key *key);
struct liar_route *liar_find_route(struct liar_client *client, const struct toxtcp_public_key *key);
/* The first one, should there be two. */
struct liar_route *liar_route_by_id(struct liar_client *client, uint8_t id);
/* One of those in use, or NULL. */
struct liar_route *liar_some_route(struct liar_client *client);
/* The other end's route back, if that is here and has one. */
struct liar_route *liar_find_back(const struct liar_client *client, const struct liar_route *route,
                                  struct liar_client **peer);
/* The far end of this route is gone. */
void liar_tell_offline(struct liar_client *client, struct liar_route *route);
/* Sends now, or holds back. False: the client is ended, perhaps by this. */
bool liar_send(struct liar_client *client, const struct packet *packet);
/* Seals `len` bytes now, past what is held back. `control`: what must not be dropped. False: as liar_send(). */
bool liar_pass_on(struct liar_client *client, struct box_plain *plain, size_t len, bool control);
/* What was held back goes out, or is dropped. */
void liar_release_held(struct liar_client *client);
void liar_drop_held(struct liar_client *client);
/* Does what a packet asks for. Errors: TOXTCP_ERR_PROTOCOL. */
int liar_relay(struct liar_client *client, struct box_plain *plain, size_t len);

/* --- liar_vices.c --- */

/* The identifier of a route, as the vices have it. */
uint8_t liar_choose_id(struct liar_client *client, uint8_t honest);
/* The handshake's answer lies in the output, and is not said yet. */
void liar_spoil_answer(struct liar_client *client);
/* Sets the timers of mischief. */
void liar_start_mischief(struct liar_client *client);
void liar_run_unasked(struct liar_client *client);
void liar_run_rubbish(struct liar_client *client);
void liar_run_flood(struct liar_client *client);

#endif
