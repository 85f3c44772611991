/* Many relays, many peers: TCP_connections. SPDX-License-Identifier: ISC
 *
 * One object that looks like one connection per peer, whatever becomes of the relays beneath. Sections are those of
 * docs/protocol.md; docs/embedding.md shows how to use it.
 *
 * The object acts when its driver moves bytes and in toxtcp_connections_expire(): callbacks and dialling happen only
 * there. A function that changes something makes toxtcp_connections_deadline() due at once where that
 * asks for action. Inside a callback every function here may be called but toxtcp_connections_expire();
 * toxtcp_connections_free() too.
 *
 * Which relays are open (section 5). A relay serves a peer that is awake, if it has a good path there (is online,
 * and neither the path is doubted nor the relay demoted), or good paths on fewer than relays_wanted relays. A relay is
 * needed that serves a peer, is kept for onion, or is one of the keep_connected that stay so that TCP-only peers reach
 * us; for that count relays that we own, that an awake peer names, or that nobody names, but not one that only sleeping
 * peers name. A relay that is needed is opened, and retried for ever if it breaks; one that is not is closed once it
 * was connected for useless_after_ms, and not retried. It is kept as SLEEPING while a peer names it or we own it, and
 * forgotten otherwise. */
#ifndef TOXTCP_CONNECTIONS_H
#define TOXTCP_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/client.h>
#include <toxtcp/env.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>
#include <toxtcp/limits.h>
#include <toxtcp/link.h>

TOXTCP_BEGIN

struct toxtcp_connections;

/* Handles. One whose object is gone is refused with TOXTCP_ERR_NOT_FOUND; it never names another. */
struct toxtcp_peer {
    uint32_t index;
    uint32_t generation; /* 0 in a handle that names nothing */
};
struct toxtcp_relay {
    uint32_t index;
    uint32_t generation;
};

enum toxtcp_relay_state {
    TOXTCP_RELAY_CONNECTING, /* dialling or shaking hands, or to be dialled at the next expire */
    TOXTCP_RELAY_CONNECTED,
    TOXTCP_RELAY_WAITING, /* broke, or could not be reached; dialled again later */
    TOXTCP_RELAY_SLEEPING /* known, closed on purpose, reopened when it is wanted */
};

/* How a peer can be reached now. */
enum toxtcp_peer_state {
    TOXTCP_PEER_OFFLINE,    /* no relay in between */
    TOXTCP_PEER_REGISTERED, /* on no relay online; at least one takes OOB for it */
    TOXTCP_PEER_ONLINE      /* at least one relay carries data */
};

enum toxtcp_slot_status {
    TOXTCP_SLOT_NONE,       /* not yet routed, refused, or the relay is not connected */
    TOXTCP_SLOT_REGISTERED, /* routed; the peer is not online there */
    TOXTCP_SLOT_ONLINE
};

struct toxtcp_connections_config {
    struct toxtcp_client_config client; /* for every relay */
    uint32_t keep_connected;            /* relays that stay connected though no peer needs them: 3 */
    uint32_t onion_relays;              /* relays kept for onion while it is on: 3 */
    uint32_t useless_after_ms;          /* a relay may be closed or put to sleep after so long: 10000 */
    uint32_t reconnect_min_ms;          /* first wait after a relay broke; doubles: 1000 */
    uint32_t reconnect_max_ms;          /* longest wait; all with a jitter of a quarter: 60000 */
    uint32_t relays_max;                /* relays known: 1024 */
    uint32_t peers_max;                 /* peers known: 65536 */
    uint32_t relays_wanted;             /* good online relays that a peer should have, 1..3: 3 */
    /* Longest wait while an awake peer of the relay has no good path, or nothing arrives any way, or while we own the
     * relay and are connected to none; for an hour after it was connected last, added or hurried: 8000. */
    uint32_t reconnect_hard_max_ms;
    bool probe; /* relays are asked to return an OOB packet to our own key: true */
};

/* Any may be NULL. `user` is what toxtcp_connections_new() got, `peer_user` what toxtcp_peer_add() got. `data` is
 * valid during the call. The object is consistent when a callback runs. */
struct toxtcp_connections_callbacks {
    /* 1..TOXTCP_DATA_MAX bytes from a peer, as data or, from a relay that is tied to it, as OOB. */
    void (*peer_data)(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                      const uint8_t *data, size_t len);
    /* A peer can be reached in another way than when this was called last. */
    void (*peer_state)(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state);
    /* A send to this peer was refused with TOXTCP_ERR_WOULD_BLOCK; now there is room. */
    void (*peer_can_send)(void *user, struct toxtcp_peer peer, void *peer_user);
    /* OOB from anybody else. toxtcp_peer_tie_relay() with `relay` is allowed and usual here. */
    void (*stranger_oob)(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                         const uint8_t *data, size_t len);
    /* A relay changed its state. `error` is why it is WAITING, else 0. One that is about to be forgotten, because
     * nobody names it any more, is SLEEPING last. */
    void (*relay_state)(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error);
    /* The inner packet of an onion response (section 7). */
    void (*onion_response)(void *user, struct toxtcp_relay relay, const uint8_t *data, size_t len);
    /* The data of a forwarded reply (section 7). */
    void (*forwarded)(void *user, struct toxtcp_relay relay, const uint8_t *data, size_t len);
};

struct toxtcp_slot_info {
    struct toxtcp_relay relay;
    enum toxtcp_slot_status status;
    bool primary; /* the next packet goes this way if it takes it */
    bool doubted; /* the layer above missed here what arrived elsewhere: used last, and tried again later */
};

struct toxtcp_peer_info {
    struct toxtcp_public_key public_key;
    enum toxtcp_peer_state state;
    bool asleep;
    uint32_t online_count; /* relays on which the peer is online */
    uint32_t slot_count;
    struct toxtcp_slot_info slots[TOXTCP_PEER_RELAYS_MAX];
};

/* The score of a relay against which nothing is known. */
#define TOXTCP_SCORE_MAX 100

#define TOXTCP_RELAY_HOST_SIZE (TOXTCP_HOST_MAX + 1)

struct toxtcp_relay_info {
    struct toxtcp_public_key public_key;
    struct toxtcp_address address;
    char host[TOXTCP_RELAY_HOST_SIZE]; /* empty when it was added by address */
    enum toxtcp_relay_state state;
    int last_error;           /* why it broke last, 0 if it never did */
    bool owned;               /* added with toxtcp_relay_add() */
    bool onion;               /* kept for onion now */
    uint32_t peer_count;      /* peers tied to it */
    uint32_t rtt_ms;          /* smoothed; UINT32_MAX when not known */
    uint32_t attempt_count;   /* dials since it was connected last */
    uint64_t connected_at_ms; /* TOXTCP_NEVER unless connected */
    uint64_t next_dial_ms;    /* TOXTCP_NEVER unless waiting, and until the next expire has chosen it */
    uint8_t score;            /* 0..TOXTCP_SCORE_MAX, what it was seen to do; heals with time */
    bool demoted;             /* its score is so low that it is used only where no other relay is */
    bool silent;              /* connected, and late with an answer, or what is sent to it is not acknowledged: others
                               * are used until it answers */
    bool path_known;          /* it is connected, and the driver's system says something of the stream; with a proxy
                               * that is the stream to the proxy: */
    struct toxtcp_path path;  /* asked for by toxtcp_relay_get_info(), on most systems at the price of a system call */
};

struct toxtcp_connections_info {
    uint32_t peer_count;
    uint32_t relay_count;
    uint32_t connected_count;
    uint32_t sleeping_count;
    uint32_t onion_count;
};

/* Fills in the defaults that stand at each member above. */
TOXTCP_API void toxtcp_connections_config_default(struct toxtcp_connections_config *config);

/* The same for a device that lives on a battery: fewer relays (keep_connected and relays_wanted 2), rarer pings of our
 * own (the relays' own, every 30 s, prove that they live), longer waits for what does not come back. */
TOXTCP_API void toxtcp_connections_config_mobile(struct toxtcp_connections_config *config);

/* Makes the object for the identity `keys` (a DHT key pair). Copies `config` (NULL: defaults), `keys` and
 * `callbacks`; keeps `env` and `driver`, which must outlive it. `*connections` is the caller's, to free.
 * Errors: TOXTCP_ERR_NO_MEMORY; TOXTCP_ERR_INVALID for a proxy (in `config->client`) that cannot be used. */
TOXTCP_API int toxtcp_connections_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                                      const struct toxtcp_connections_config *config,
                                      const struct toxtcp_key_pair *keys,
                                      const struct toxtcp_connections_callbacks *callbacks, void *user,
                                      struct toxtcp_connections **connections);

/* Closes all links (the driver's close() runs for each) and frees everything, without callbacks; wipes the keys.
 * Inside a callback the memory goes when that returns. NULL is ignored. */
TOXTCP_API void toxtcp_connections_free(struct toxtcp_connections *connections);

/* When toxtcp_connections_expire() is due at the latest, or TOXTCP_NEVER; a moment in the past means at once. O(1). */
TOXTCP_API uint64_t toxtcp_connections_deadline(const struct toxtcp_connections *connections);

/* Does all that is due: dials, pings, gives up, closes, tells. A program that polls calls this at every turn, after
 * reading. */
TOXTCP_API void toxtcp_connections_expire(struct toxtcp_connections *connections, uint64_t now_ms);

/* --- Peers --- */

/* Makes a connection to the peer with that key, awake, tied to no relay yet. `peer_user` comes back in
 * callbacks. Errors: TOXTCP_ERR_EXISTS (and `*peer` is the one that exists), TOXTCP_ERR_INVALID for our own
 * key, TOXTCP_ERR_FULL, TOXTCP_ERR_NO_MEMORY. */
TOXTCP_API int toxtcp_peer_add(struct toxtcp_connections *connections, const struct toxtcp_public_key *key,
                               void *peer_user, struct toxtcp_peer *peer);

/* Ends the connection: its relays are told, and left to the rules. No callback. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_remove(struct toxtcp_connections *connections, struct toxtcp_peer peer);

/* Finds a peer by key. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_find(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key,
                                struct toxtcp_peer *peer);

/* Ties a relay to the peer, by endpoint and key, making it known if it is not. The same key at another endpoint
 * is the same relay, the endpoint known first stays. A new relay is dialled unless the peer sleeps or has good
 * paths on relays_wanted others. Tying twice is success. Copies all. `*relay` may be NULL.
 * Errors: TOXTCP_ERR_NOT_FOUND; TOXTCP_ERR_FULL with TOXTCP_PEER_RELAYS_MAX tied, or relays_max known;
 * TOXTCP_ERR_INVALID for an endpoint that cannot be dialled or a key that no secret key can have;
 * TOXTCP_ERR_NO_MEMORY. Effect: deadline. */
TOXTCP_API int toxtcp_peer_add_relay(struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                     const struct toxtcp_endpoint *endpoint, const struct toxtcp_public_key *relay_key,
                                     struct toxtcp_relay *relay);

/* Ties a known relay to the peer, by its handle. Errors and effect as toxtcp_peer_add_relay(). */
TOXTCP_API int toxtcp_peer_tie_relay(struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                     struct toxtcp_relay relay);

/* Unties a relay from the peer. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_untie_relay(struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                       struct toxtcp_relay relay);

/* Sends 1..TOXTCP_DATA_MAX bytes: through the primary relay, or through the next online one if that is full or
 * fails; with none online as OOB (up to TOXTCP_OOB_MAX) through every relay where the peer is registered, or that had
 * no id for it. Copied before it returns. Success means that a relay's link took it, not that it arrived.
 * Errors: TOXTCP_ERR_EMPTY; _TOO_LONG (also for OOB); _NOT_FOUND; _NOT_CONNECTED; _WOULD_BLOCK, followed by the
 * peer_can_send callback; _NO_MEMORY. Effect: output, deadline. */
TOXTCP_API int toxtcp_peer_send(struct toxtcp_connections *connections, struct toxtcp_peer peer, const uint8_t *data,
                                size_t len);

/* Names the relay that took the last packet which toxtcp_peer_send() accepted for this peer; a handle of zeros if that
 * went as OOB, or if there was none. For the reports below. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_last_relay(const struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                      struct toxtcp_relay *relay);

/* The layer above knows (by an acknowledgement, end to end) that `count` packets sent through `relay` have arrived; or
 * takes so many for lost and sends them again. With these reports a relay is found out that takes packets and drops
 * them: where packets are lost and none arrives any more while they do through another, the other is used, and in the
 * end the relay's score falls. A layer that reports reports both for all packets of a peer that are acknowledged at
 * all; packets that never are may go beside them. One that never reports loses nothing but this. `relay` is what
 * toxtcp_peer_last_relay() said after the send; zeros, and a relay that is gone or not tied to the peer, are ignored.
 * Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_report_delivered(struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                            struct toxtcp_relay relay, uint32_t count);
TOXTCP_API int toxtcp_peer_report_lost(struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                       struct toxtcp_relay relay, uint32_t count);

/* The peer is reached another way (UDP): it keeps its relays, and those that only sleeping peers need are closed.
 * Sleeping twice is success. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_sleep(struct toxtcp_connections *connections, struct toxtcp_peer peer);

/* The peer is needed again: its relays are reopened at once, whatever their backoff, its routes asked for. Waking twice
 * is success. Errors: TOXTCP_ERR_NOT_FOUND. Effect: deadline, output. */
TOXTCP_API int toxtcp_peer_wake(struct toxtcp_connections *connections, struct toxtcp_peer peer);

/* Relays on which the peer is online. Errors: TOXTCP_ERR_NOT_FOUND; otherwise the count. */
TOXTCP_API int toxtcp_peer_online_count(const struct toxtcp_connections *connections, struct toxtcp_peer peer);

/* Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_peer_get_info(const struct toxtcp_connections *connections, struct toxtcp_peer peer,
                                    struct toxtcp_peer_info *info);

/* --- Relays --- */

/* Makes a relay known for ourselves, not for one peer; it is never forgotten until toxtcp_relay_remove(). Dialled at
 * once; closed again when it is useless. If it is known already it becomes owned, and that is success. `*relay` may be
 * NULL. Errors: TOXTCP_ERR_FULL at relays_max; _INVALID; _NO_MEMORY. Effect: deadline. */
TOXTCP_API int toxtcp_relay_add(struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint,
                                const struct toxtcp_public_key *relay_key, struct toxtcp_relay *relay);

/* Forgets a relay, whoever is tied to it. No callback. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_relay_remove(struct toxtcp_connections *connections, struct toxtcp_relay relay);

/* Finds a relay by key. Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_relay_find(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key,
                                 struct toxtcp_relay *relay);

/* Goes through all relays: start with a handle of zeros. Returns the next handle, of generation 0 after the last. */
TOXTCP_API struct toxtcp_relay toxtcp_relay_next(const struct toxtcp_connections *connections,
                                                 struct toxtcp_relay relay);

/* Errors: TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_relay_get_info(const struct toxtcp_connections *connections, struct toxtcp_relay relay,
                                     struct toxtcp_relay_info *info);

/* Sends 1..TOXTCP_OOB_MAX bytes to any key through this relay. Errors: TOXTCP_ERR_NOT_FOUND, and those of
 * toxtcp_client_send_oob(). No callback follows TOXTCP_ERR_WOULD_BLOCK here and below: like a datagram it is lost, or
 * tried again when the caller thinks fit. */
TOXTCP_API int toxtcp_relay_send_oob(struct toxtcp_connections *connections, struct toxtcp_relay relay,
                                     const struct toxtcp_public_key *receiver, const uint8_t *data, size_t len);

/* Sends an onion request through this relay; as toxtcp_client_send_onion(), and TOXTCP_ERR_NOT_FOUND. */
TOXTCP_API int toxtcp_relay_send_onion(struct toxtcp_connections *connections, struct toxtcp_relay relay,
                                       const uint8_t nonce[TOXTCP_ONION_NONCE_SIZE], const uint8_t *body, size_t len);

/* Sends a forward request through the connected relay with this address; as toxtcp_client_send_forward(), and
 * TOXTCP_ERR_NOT_FOUND when no connected relay has it. */
TOXTCP_API int toxtcp_connections_send_forward(struct toxtcp_connections *connections,
                                               const struct toxtcp_address *relay_address,
                                               const struct toxtcp_address *destination, const uint8_t *data,
                                               size_t len);

/* --- The whole --- */

/* Says whether onion needs relays (UDP is down). On: up to onion_relays connected ones are kept for it, sleeping ones
 * woken only as far as these do not suffice. Off: the marks go, at once. Effect: deadline. */
TOXTCP_API void toxtcp_connections_set_onion(struct toxtcp_connections *connections, bool on);

/* One of the connected relays kept for onion, at random. Errors: TOXTCP_ERR_NOT_FOUND when there is none. */
TOXTCP_API int toxtcp_connections_random_onion_relay(struct toxtcp_connections *connections,
                                                     struct toxtcp_relay *relay);

/* A start at a random relay, for toxtcp_connections_list_connected(). */
#define TOXTCP_START_RANDOM UINT32_MAX

/* Writes up to `count` relays connected now, each once, to `nodes`: starting with the (start modulo the
 * number connected)-th, going round. Returns how many: the smaller of `count` and the number connected. A relay that
 * was added by host name is listed with the address that its driver reported, or left without a family. */
TOXTCP_API uint32_t toxtcp_connections_list_connected(struct toxtcp_connections *connections, uint32_t start,
                                                      struct toxtcp_node *nodes, uint32_t count);

/* The network is another one: every relay that waits or is being dialled is dialled at once; every connected one is
 * pinged, and dialled anew, at once, when it does not answer within some 3 s. Effect: deadline. */
TOXTCP_API void toxtcp_connections_network_changed(struct toxtcp_connections *connections);

/* There is a way more than before, an address of ours or a route, and all others are as they were: the same, but a
 * dial that has had less than half of its time goes on, and so does one that was begun anew for this. Said again and
 * again it keeps no relay from being connected. Effect: deadline. */
TOXTCP_API void toxtcp_connections_network_gained(struct toxtcp_connections *connections);

TOXTCP_API void toxtcp_connections_get_info(const struct toxtcp_connections *connections,
                                            struct toxtcp_connections_info *info);

/* Asserts every invariant, of the clients beneath too; for tests and fuzzers. */
TOXTCP_API void toxtcp_connections_check(const struct toxtcp_connections *connections);

TOXTCP_END

#endif
