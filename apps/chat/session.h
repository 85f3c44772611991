/* The end-to-end layer between two peers' keys: bytes in, bytes out. SPDX-License-Identifier: ISC
 *
 * Messages are sealed and authenticated between the two keys, numbered, acknowledged, sent again until they are, and
 * handed over once and in order. It opens no socket and reads no clock: packets and the time come in, packets and a
 * deadline go out. Nothing unacknowledged means no deadline. docs/toxtcp-chat.1 says what stands in a packet.
 *
 * Callbacks happen inside session_send(), _receive(), _path_changed(), _can_send() and _expire(); in one of them
 * session_send() and session_get_info() of the same session may be called, the others and session_free() not. */
#ifndef APPS_CHAT_SESSION_H
#define APPS_CHAT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

enum {
    SESSION_PACKET_MAX = 1024, /* the longest packet: what fits into OOB */
    SESSION_TEXT_MAX = 8192,   /* the longest message, in bytes */
    SESSION_QUEUE_MAX = 256,   /* messages that wait to be acknowledged */
    SESSION_ADDRESSES_MAX = 8  /* addresses of one side */
};

struct session;

/* Which way a packet went, in the words of whoever sent it: compared and handed back, no more. Zeros: not known. */
struct session_way {
    uint32_t index;
    uint32_t generation;
};

enum session_probe_flag {
    SESSION_PROBE_CARRIES = 1, /* the sender sends its messages by UDP */
    SESSION_PROBE_LEAVES = 2   /* the sender's program ends: nothing will come by UDP any more */
};

/* A question, an answer, or both, whether packets get through by UDP. */
struct session_probe {
    uint64_t challenge;         /* what to send back; 0: nothing is asked */
    uint64_t response;          /* the challenge that this answers; 0: none */
    uint8_t flags;              /* enum session_probe_flag; unknown ones mean nothing */
    struct toxtcp_address seen; /* where it goes, as the sender sees it; no family: not told */
};

struct session_callbacks {
    /* Sends a packet to the peer; copies it. `every_way`: an earlier one got lost, or it is a hello: use all ways there
     * are and not only the best one. Returns 0; or a negative toxtcp_error: then the session waits for
     * session_can_send() or session_path_changed() (but takes TOXTCP_ERR_NO_MEMORY for a lost packet). `*way`, zeros
     * before, is for the reports; packets of one way arrive in the order in which they were sent. A NULL `way` is for
     * packets of which nothing will be heard: acknowledgements, hellos. */
    int (*transmit)(void *user, const uint8_t *packet, size_t len, bool every_way, struct session_way *way);
    /* Whether somebody would take a message now. While not, text is dropped as if it were lost. */
    bool (*listens)(void *user);
    /* The next message of the peer, whole; 0..SESSION_TEXT_MAX bytes of anything. */
    void (*message)(void *user, const uint8_t *text, size_t len);
    /* The message with that number has arrived, `took_ms` after session_send(). In order. */
    void (*delivered)(void *user, uint64_t number, uint64_t took_ms);
    /* So many pieces of messages that had gone that way have arrived, or were lost and are sent again. */
    void (*reported)(void *user, struct session_way way, bool arrived, uint32_t count);
    /* The peer is there now, or another run of its program is: it knows nothing of what the one before knew. */
    void (*paired)(void *user);
    /* The peer tells where it hears UDP: 0..SESSION_ADDRESSES_MAX addresses of any kind, borrowed. */
    void (*addresses)(void *user, const struct toxtcp_address *addresses, size_t count);
    /* A probe came. It is the peer's, but whoever saw it on its way may play it again from elsewhere. */
    void (*probed)(void *user, const struct session_probe *probe);
};

struct session_info {
    bool ready;             /* both sides know that the other one is there now */
    uint32_t waiting;       /* messages not yet delivered */
    uint32_t rtt_ms;        /* smoothed round trip to the peer; UINT32_MAX when not known */
    uint64_t sent;          /* messages taken by session_send() */
    uint64_t received;      /* messages handed over */
    uint64_t segments_sent; /* pieces of messages sent, those sent again included */
};

/* Makes a session between `keys` and `peer_key`. Copies `callbacks`, of which none is NULL. The secret key is not
 * kept. `*session` is the caller's. Errors: TOXTCP_ERR_INVALID for a key that no secret key can have (or our own),
 * TOXTCP_ERR_NO_MEMORY. */
int session_new(const struct toxtcp_key_pair *keys, const struct toxtcp_public_key *peer_key,
                const struct session_callbacks *callbacks, void *user, struct session **session);

/* Wipes and frees; what waits is lost. NULL is ignored. */
void session_free(struct session *session);

/* Takes a message of 0..SESSION_TEXT_MAX bytes, copies it and sends it as soon as it can. `*number` is 1 for the first.
 * Errors: TOXTCP_ERR_TOO_LONG; TOXTCP_ERR_FULL with SESSION_QUEUE_MAX waiting; TOXTCP_ERR_NO_MEMORY. */
int session_send(struct session *session, const uint8_t *text, size_t len, uint64_t now_ms, uint64_t *number);

/* Something came from the peer's key, or so the relay says; anything else than a packet of the peer is dropped. Returns
 * whether it was one, made for this very pair of runs. */
bool session_receive(struct session *session, const uint8_t *packet, size_t len, uint64_t now_ms);

/* The peer has come online, or the relay in between has changed: what is under way may be lost and is sent again. */
void session_path_changed(struct session *session, uint64_t now_ms);

/* Packets that the caller sends itself, written to `bytes`: a probe, by UDP; our addresses (at most
 * SESSION_ADDRESSES_MAX, each with a family), through relays. Returns the length; 0 when the peer is not there yet. May
 * be called in callbacks. */
size_t session_make_probe(const struct session *session, const struct session_probe *probe,
                          uint8_t bytes[SESSION_PACKET_MAX]);
size_t session_make_addresses(struct session *session, const struct toxtcp_address *addresses, size_t count,
                              uint8_t bytes[SESSION_PACKET_MAX]);

/* There is room again after transmit() had refused, or another way. */
void session_can_send(struct session *session, uint64_t now_ms);

/* When session_expire() is due, or TOXTCP_NEVER. */
uint64_t session_deadline(const struct session *session);

/* Does what is due; early calls do nothing. */
void session_expire(struct session *session, uint64_t now_ms);

void session_get_info(const struct session *session, struct session_info *info);

#endif
