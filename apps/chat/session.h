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

#include <toxtcp/key.h>

enum {
    SESSION_PACKET_MAX = 1024, /* the longest packet: what fits into OOB */
    SESSION_TEXT_MAX = 8192,   /* the longest message, in bytes */
    SESSION_QUEUE_MAX = 256    /* messages that wait to be acknowledged */
};

struct session;

struct session_callbacks {
    /* Sends a packet to the peer; copies it. `every_way`: an earlier one got lost, or it is a hello: use all ways there
     * are and not only the best one. Returns 0; or a negative toxtcp_error: then the session waits for
     * session_can_send() or session_path_changed() (but takes TOXTCP_ERR_NO_MEMORY for a lost packet). */
    int (*transmit)(void *user, const uint8_t *packet, size_t len, bool every_way);
    /* The next message of the peer, whole; 0..SESSION_TEXT_MAX bytes of anything. */
    void (*message)(void *user, const uint8_t *text, size_t len);
    /* The message with that number has arrived, `took_ms` after session_send(). In order. */
    void (*delivered)(void *user, uint64_t number, uint64_t took_ms);
    /* Several times the peer has not answered though packets could be sent, or only to what went every way: a relay
     * may have died in silence. */
    void (*stalled)(void *user);
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

/* Something came from the peer's key, or so the relay says; anything else than a packet of the peer is dropped. */
void session_receive(struct session *session, const uint8_t *packet, size_t len, uint64_t now_ms);

/* The peer has come online, or the relay in between has changed: what is under way may be lost and is sent again. */
void session_path_changed(struct session *session, uint64_t now_ms);

/* There is room again after transmit() had refused. */
void session_can_send(struct session *session, uint64_t now_ms);

/* When session_expire() is due, or TOXTCP_NEVER. */
uint64_t session_deadline(const struct session *session);

/* Does what is due; early calls do nothing. */
void session_expire(struct session *session, uint64_t now_ms);

void session_get_info(const struct session *session, struct session_info *info);

#endif
