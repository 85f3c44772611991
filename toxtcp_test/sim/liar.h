/* Relays that misbehave, for the simulator: link owners, driven as servers are. SPDX-License-Identifier: ISC
 *
 * A liar speaks the protocol well enough to be believed, and then does what its vices say. It does not trust its
 * clients: whatever they send, it goes on. All of its randomness comes from its env. */
#ifndef TEST_SIM_LIAR_H
#define TEST_SIM_LIAR_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

struct liar;

/* One bit each; any may be combined. A liar without vices is an honest relay. */
enum liar_vice {
    LIAR_MUTE = 1 << 0,       /* accepts, reads, never answers a handshake */
    LIAR_OTHER_KEY = 1 << 1,  /* answers the handshake under another key */
    LIAR_DROPS_DATA = 1 << 2, /* routes, says online, and drops all data */
    LIAR_DROPS_OOB = 1 << 3,  /* drops all OOB */
    LIAR_GHOSTS = 1 << 4,     /* whoever is asked for is online, from then on and for ever */
    /* Sends responses, notifications, data and pongs that nobody asked for; half of them of ids and keys in use, so
     * that a peer seems to go, to come, and to say what it did not. */
    LIAR_UNASKED = 1 << 5,
    LIAR_REUSES_IDS = 1 << 6, /* one response in three gives an id in use, one an id below 16 */
    LIAR_LOSES = 1 << 7,      /* drops one data or OOB packet in `lose_one_in` */
    /* Holds back one packet in `delay_one_in` for `delay_ms`, and what follows it for that client, pongs too. */
    LIAR_DELAYS = 1 << 8,
    LIAR_FLOODS_PINGS = 1 << 9, /* `flood_per_s` pings a second */
    /* Now and then: frames that do not open, wrong lengths, kinds that no relay sends, empty data. Most of it ends the
     * connection. */
    LIAR_RUBBISH = 1 << 10
};

struct box_plain;
struct liar_client;

/* Takes over what a liar has received from one client for another, and is ready to be passed on: a plaintext as `to`
 * should get it. Neither client is the carrier's to keep. */
struct liar_carrier {
    void *user;
    void (*carry)(void *user, const struct liar_client *from, const struct liar_client *to,
                  const struct box_plain *plain, size_t len);
};

/* A number that its vice needs and that is 0 makes the vice do nothing. */
struct liar_config {
    uint32_t vices;
    uint32_t lose_one_in;
    uint32_t delay_one_in;
    uint32_t delay_ms;
    uint32_t flood_per_s;
    uint32_t mischief_ms; /* mean time between two acts of LIAR_UNASKED, LIAR_RUBBISH for a client */
    uint32_t output_max;  /* bytes that may wait for a client, twice that if they are no data; 0: 64 KiB */
    const struct liar_carrier *carrier; /* of data and OOB, past LIAR_LOSES and LIAR_DELAYS; NULL: the liar itself */
};

/* For traces: "drops-data|ghosts", "honest". Into `text`, cut to `size`. */
void liar_vices_format(uint32_t vices, char *text, size_t size);

/* As toxtcp_server_new(), _accept(), _deadline(), _expire(), _free(). Aborts when there is no memory, so give it an env
 * that does not fail. */
struct liar *liar_new(struct toxtcp_env *env, const struct toxtcp_driver *driver, const struct liar_config *config,
                      const struct toxtcp_key_pair *keys);
struct toxtcp_link *liar_accept(struct liar *liar, uint64_t now_ms);
uint64_t liar_deadline(const struct liar *liar);
void liar_expire(struct liar *liar, uint64_t now_ms);
void liar_free(struct liar *liar);
/* Asserts what it can of itself. */
void liar_check(const struct liar *liar);

#endif
