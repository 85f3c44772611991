/* A client as small as can be, for attackers, on plain sockets and libsodium alone. SPDX-License-Identifier: ISC
 *
 * It keeps the rules only as far as it is told to. */
#ifndef APPS_STRESS_ATTACK_CLIENT_H
#define APPS_STRESS_ATTACK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    MINI_REQUEST_SIZE = 128,
    MINI_RESPONSE_SIZE = 96,
    MINI_PLAIN_MAX = 2032,
    MINI_FRAME_MAX = 2 + 16 + MINI_PLAIN_MAX,
    MINI_CONTROL_MAX = 48,          /* longer packets are counted, not opened: they cannot be answers */
    MINI_OUT_SIZE = 32 * 1024,      /* bytes waiting for the socket */
    MINI_INPUT_SIZE = 64 * 1024,    /* of one read */
    MINI_SMALL_SOCKET_BUFFER = 4096 /* of one who wants to be in the way */
};

enum mini_state {
    MINI_NONE,       /* no socket */
    MINI_CONNECTING, /* the stream is not there yet */
    MINI_STREAM,     /* the stream is there, nothing more is meant to happen by itself */
    MINI_SHAKING,    /* the request is out, the response is awaited */
    MINI_OPEN
};

/* Keys that cost more to make than they are worth to an attacker: one temporary pair does for all its handshakes. */
struct mini_temporary {
    uint8_t public_key[32];
    uint8_t secret_key[32];
};

struct mini {
    int fd; /* -1: none */
    enum mini_state state;
    bool mute;     /* never reads once it is open */
    bool writable; /* as far as is known */
    bool has_keys;
    bool routed;        /* what it has of its partner: an id, ... */
    bool online;        /* ... and a notification that it is there */
    uint8_t partner_id; /* that id */
    uint8_t stage;      /* the attack's own */
    uint8_t *tail;      /* the beginning of a frame, or NULL */
    uint8_t *out;       /* MINI_OUT_SIZE bytes, or NULL */
    uint32_t tail_len;  /* of these bytes */
    uint32_t out_start; /* the first byte that waits */
    uint32_t out_end;   /* and the one after the last */
    uint8_t public_key[32];
    uint8_t secret_key[32];
    uint8_t shared_key[32]; /* with the relay */
    uint8_t session_key[32];
    uint8_t send_nonce[24];
    uint8_t receive_nonce[24];
};

/* Opens a stream, without waiting, from `source` (NULL: whichever). `small`: with buffers as small as the kernel
 * allows. False when that failed at once. */
bool mini_dial(struct mini *mini, const struct sockaddr_storage *remote, socklen_t remote_len,
               const struct sockaddr_storage *source, bool small);

/* The stream is over: by a reset, so that no address and port stays taken. Keys are kept. */
void mini_close(struct mini *mini);

/* Writes the handshake of `mini`, whose send_nonce is its base nonce. */
void mini_make_request(const struct mini *mini, const struct mini_temporary *temporary, const uint8_t nonce[24],
                       uint8_t request[MINI_REQUEST_SIZE]);

/* What a packet of at most MINI_CONTROL_MAX bytes is given to. False: the stream has been closed. */
typedef bool (*mini_packet)(void *user, struct mini *mini, const uint8_t *plain, size_t len);

/* Takes all that came. Returns false when the stream is over, or breaks the protocol. `temporary` is the one of the
 * request. `opened` is told of the response. */
bool mini_read(struct mini *mini, const struct mini_temporary *temporary, uint8_t input[MINI_INPUT_SIZE],
               mini_packet packet, void (*opened)(void *user, struct mini *mini), void *user);

/* Bytes as they are. False when there is no room for all of them, and then none is taken. */
bool mini_put(struct mini *mini, const uint8_t *bytes, size_t len);

/* Seals a packet of at most MINI_PLAIN_MAX bytes. False as above. */
bool mini_send(struct mini *mini, const uint8_t *plain, size_t len);

/* Writes what the socket takes; returns how many bytes that were, or -1 when the stream is over. */
long mini_flush(struct mini *mini);

/* True when so many bytes find room. */
bool mini_has_room(const struct mini *mini, size_t len);

#endif
