/* One relay, seen from a peer: TCP_client. SPDX-License-Identifier: ISC
 *
 * Most programs want <toxtcp/connections.h>, which holds many of these. Sections are those of docs/protocol.md.
 *
 * A client is made for one stream and lives as long as that. Callbacks happen only inside toxtcp_link_connected(),
 * _recv(), _closed(), _sent() and toxtcp_client_expire(); inside one, every toxtcp_client_ function but
 * toxtcp_client_expire() may be called, toxtcp_client_free() too. */
#ifndef TOXTCP_CLIENT_H
#define TOXTCP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/env.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>
#include <toxtcp/limits.h>
#include <toxtcp/link.h>
#include <toxtcp/proxy.h>

TOXTCP_BEGIN

struct toxtcp_client;

/* Names a peer's route through one client. A handle whose route is gone is refused with
 * TOXTCP_ERR_NOT_FOUND, it never names another. */
struct toxtcp_route {
    uint32_t index;
    uint32_t generation; /* 0 in a handle that names nothing */
};

enum toxtcp_route_status {
    TOXTCP_ROUTE_WAITING,    /* asked for, or to be asked for once connected; no answer yet */
    TOXTCP_ROUTE_REFUSED,    /* the relay gave no id; asked again after route_retry_ms */
    TOXTCP_ROUTE_REGISTERED, /* there is an id; the peer is not online here */
    TOXTCP_ROUTE_ONLINE      /* data flows */
};

struct toxtcp_client_config {
    uint32_t connect_timeout_ms; /* dialling, proxy and handshake together: 10000 */
    /* A ping goes out with the first thing that is sent so long after the last ping, or later. While nothing is sent,
     * only when the relay has said nothing for this long and a tenth, since its own pings, at the same pace, prove
     * that it lives: 30000. */
    uint32_t ping_interval_ms;
    uint32_t pong_timeout_ms; /* without a pong for so long the relay is dead: 10000 */
    uint32_t route_retry_ms;  /* refused routes are asked for again, together, so long after the first: 60000 */
    /* Bytes waiting in the client from which data and OOB are refused: 65536, at most 64 MiB. So much again, and at
     * least 32 KiB, may wait of what must not be dropped; more is the end of a relay that makes us answer and does
     * not read. */
    uint32_t output_max;
    /* When the relay has said nothing for so long after something was sent for the caller it is pinged, so that a dead
     * one is noticed within seconds: 750. 0: only at ping_interval_ms. */
    uint32_t quiet_ms;
    uint32_t pings_max; /* the relay's own pings within 30 s; more end the link. 0: no bound: 60 */
    /* The first ping goes out after what is sent in the connected callback, not before it, so that its pong says that
     * the relay has taken all that: false. */
    bool ping_last;
    /* All streams go through it, and it must outlive them; nothing that it points to is copied: NULL, none. */
    const struct toxtcp_proxy *proxy;
};

/* Any may be NULL. `user` is what toxtcp_client_new() got. `data` is valid during the call. */
struct toxtcp_client_callbacks {
    /* The handshake is done: routes are being asked for, sending works. */
    void (*connected)(void *user, struct toxtcp_client *client);
    /* It is over, with a fatal error or TOXTCP_ERR_NO_MEMORY; the link is gone. The owner frees the client, here or
     * later. Last callback. */
    void (*closed)(void *user, struct toxtcp_client *client, int error);
    /* A route has another status (that a refused one is asked for again is not told). `route_user` is what
     * toxtcp_client_route_add() got. */
    void (*route_status)(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                         enum toxtcp_route_status status);
    /* 1..TOXTCP_DATA_MAX bytes from an online peer. */
    void (*data)(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                 const uint8_t *data, size_t len);
    /* 1..TOXTCP_OOB_MAX bytes from whoever has that key: the relay says so, and nobody else vouches for it. */
    void (*oob)(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender, const uint8_t *data,
                size_t len);
    /* The inner packet of an onion response, never empty (section 7). */
    void (*onion_response)(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len);
    /* The data of a forwarded reply, never empty (section 7). */
    void (*forwarded)(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len);
    /* A send was refused with TOXTCP_ERR_WOULD_BLOCK; now there is room. */
    void (*can_send)(void *user, struct toxtcp_client *client);
    /* A ping was answered; toxtcp_client_get_info() has the new round trip. */
    void (*measured)(void *user, struct toxtcp_client *client);
    /* The relay is late with its answer to a ping, measured by its round trips so far, or the driver's system sends
     * again and again and nothing is acknowledged (`silent`); or it is heard again, or its system acknowledges. Whether
     * it is dead shows at pong_timeout_ms. */
    void (*silent)(void *user, struct toxtcp_client *client, bool silent);
    /* toxtcp_client_deadline() is another than before this toxtcp_link_ call. (The other functions that change it say
     * so; who calls them looks again.) */
    void (*deadline_changed)(void *user, struct toxtcp_client *client);
};

struct toxtcp_client_info {
    bool connected;
    bool silent;                  /* late with an answer, or the system sends again and again in vain */
    uint32_t rtt_ms;              /* smoothed round trip of pings; UINT32_MAX before the first pong */
    uint32_t route_count;         /* routes held or asked for */
    uint32_t output_len;          /* bytes waiting to be written */
    struct toxtcp_address remote; /* as the driver said; family none if it did not, and with a proxy */
    uint64_t connected_at_ms;     /* TOXTCP_NEVER before */
    uint64_t received_at_ms;      /* when bytes last came; TOXTCP_NEVER before */
    uint64_t packets_sent;        /* packets of any kind, sealed */
    uint64_t packets_received;    /* packets of any kind, opened */
    bool path_known;              /* the driver's system knows of the stream (with a proxy, of that to it): */
    struct toxtcp_path path;      /* asked for by this call, on most systems at the price of a system call */
};

/* Fills in the defaults that stand at each member above. */
TOXTCP_API void toxtcp_client_config_default(struct toxtcp_client_config *config);

/* Makes a client for the relay with key `relay_key`, and its link; the caller then calls toxtcp_client_dial(), or a
 * driver's function that does (toxtcp_ev_connect()). Copies `config` (NULL: defaults), `keys`, `relay_key`
 * and `callbacks`; keeps `env` and `driver`, which must outlive it. The secret key is wiped when the handshake is
 * done. `now_ms` starts connect_timeout_ms. `*client` is the caller's, to free with toxtcp_client_free().
 * Errors: TOXTCP_ERR_NO_MEMORY; TOXTCP_ERR_INVALID for a relay key that no secret key can have, and for a proxy that
 * cannot be used (see there). */
TOXTCP_API int toxtcp_client_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                                 const struct toxtcp_client_config *config, const struct toxtcp_key_pair *keys,
                                 const struct toxtcp_public_key *relay_key,
                                 const struct toxtcp_client_callbacks *callbacks, void *user, uint64_t now_ms,
                                 struct toxtcp_client **client);

/* Has the driver open the stream to `endpoint`, or to the client's proxy, which is then asked for `endpoint`. Once.
 * What the driver's dial() does may be done by the caller without this function if there is no proxy; with one, a
 * stream that was opened so ends with TOXTCP_ERR_INVALID before a byte leaves. `endpoint` and its host are needed
 * during the call alone. May be called inside a callback. Errors: those of the driver's dial(), and then the caller
 * frees the client, or says toxtcp_link_closed(); with a proxy the same for TOXTCP_ERR_NO_MEMORY, and _INVALID for an
 * endpoint of which no proxy can be told: a name with characters that no name has, or an address of a scope of ours.
 * Effect: deadline. */
TOXTCP_API int toxtcp_client_dial(struct toxtcp_client *client, const struct toxtcp_endpoint *endpoint);

/* Closes the link if it is open (the driver's close() runs now; what is queued may leave in it) and
 * frees the client, without callbacks. Inside a callback of this client the memory goes when that returns. NULL is
 * ignored. */
TOXTCP_API void toxtcp_client_free(struct toxtcp_client *client);

/* The client's link, for the driver. Valid until the link's end. */
TOXTCP_API struct toxtcp_link *toxtcp_client_link(struct toxtcp_client *client);

/* When toxtcp_client_expire() is due at the latest, or TOXTCP_NEVER. */
TOXTCP_API uint64_t toxtcp_client_deadline(const struct toxtcp_client *client);

/* Does all that is due. Read what has arrived first: a relay whose pong lies in the socket is not dead. Being called
 * late (a suspended process) gives the relay another second to be heard. */
TOXTCP_API void toxtcp_client_expire(struct toxtcp_client *client, uint64_t now_ms);

/* Asks for a route to `peer`, now or when connected, and again as long as it is refused. Adding a peer that
 * is added gives its handle with TOXTCP_ERR_EXISTS (and keeps the first route_user).
 * Errors: TOXTCP_ERR_NO_MEMORY; TOXTCP_ERR_FULL at TOXTCP_ROUTES_MAX; TOXTCP_ERR_INVALID for our own key;
 * TOXTCP_ERR_NOT_CONNECTED when the link is over. Effect: output. */
TOXTCP_API int toxtcp_client_route_add(struct toxtcp_client *client, const struct toxtcp_public_key *peer,
                                       void *route_user, struct toxtcp_route *route);

/* Gives the peer up: the relay is told, so that it frees the id (once it has given one). Nothing more is heard of
 * this route. Errors: TOXTCP_ERR_NOT_FOUND. Effect: output, deadline. */
TOXTCP_API int toxtcp_client_route_remove(struct toxtcp_client *client, struct toxtcp_route route);

/* The status of a route. Errors: TOXTCP_ERR_NOT_FOUND; otherwise an enum toxtcp_route_status. */
TOXTCP_API int toxtcp_client_route_status(const struct toxtcp_client *client, struct toxtcp_route route);

/* Sends 1..TOXTCP_DATA_MAX bytes to an online peer. Copied (sealed) before it returns. What is refused has
 * changed nothing. Errors: TOXTCP_ERR_EMPTY, _TOO_LONG; _NOT_FOUND; _NOT_CONNECTED when the peer is not online
 * here; _WOULD_BLOCK; _NO_MEMORY. Effect: output, deadline (a link that is used again is pinged). */
TOXTCP_API int toxtcp_client_send(struct toxtcp_client *client, struct toxtcp_route route, const uint8_t *data,
                                  size_t len);

/* Sends 1..TOXTCP_OOB_MAX bytes to whoever has that key, our own included, if it is connected to this relay;
 * otherwise the relay drops them in silence. Errors as toxtcp_client_send(), without _NOT_FOUND. */
TOXTCP_API int toxtcp_client_send_oob(struct toxtcp_client *client, const struct toxtcp_public_key *receiver,
                                      const uint8_t *data, size_t len);

/* Sends an onion request: the nonce, then `body` from its padded IP/port on, TOXTCP_ONION_BODY_MIN.._MAX bytes
 * (section 7). Errors as toxtcp_client_send_oob(). */
TOXTCP_API int toxtcp_client_send_onion(struct toxtcp_client *client, const uint8_t nonce[TOXTCP_ONION_NONCE_SIZE],
                                        const uint8_t *body, size_t len);

/* Asks the relay to forward 0..TOXTCP_FORWARD_DATA_MAX bytes to `destination` by UDP. Some relays close the
 * connection for it (section 3). Errors as toxtcp_client_send_oob(); _INVALID for a destination without a family. */
TOXTCP_API int toxtcp_client_send_forward(struct toxtcp_client *client, const struct toxtcp_address *destination,
                                          const uint8_t *data, size_t len);

/* Asks for a ping at the next expire, which is due at once, unless a ping is out. Errors: TOXTCP_ERR_NOT_CONNECTED.
 * Effect: deadline. */
TOXTCP_API int toxtcp_client_ping(struct toxtcp_client *client);

/* The way to the relay may be gone (another network): asks for a ping as above, and ends the link if it is not answered
 * within 3 s, or longer where its round trip was long. Errors: TOXTCP_ERR_NOT_CONNECTED. Effect: deadline. */
TOXTCP_API int toxtcp_client_hurry(struct toxtcp_client *client);

/* Asks the driver for `path`, too. */
TOXTCP_API void toxtcp_client_get_info(const struct toxtcp_client *client, struct toxtcp_client_info *info);

/* Asserts every invariant of the client; for tests and fuzzers. */
TOXTCP_API void toxtcp_client_check(const struct toxtcp_client *client);

TOXTCP_END

#endif
