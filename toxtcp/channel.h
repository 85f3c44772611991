/* A sealed packet stream over bytes: handshake, framing, sealing. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_CHANNEL_H
#define TOXTCP_PRIVATE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "box.h"
#include "buffer.h"
#include "env.h"
#include "handshake.h"

enum channel_state {
    CHANNEL_AWAITS_REQUEST,  /* relay's side */
    CHANNEL_AWAITS_RESPONSE, /* client's side */
    CHANNEL_OPEN
};

struct channel {
    struct handshake *handshake; /* client's side, while it awaits the response */
    struct session session;      /* once open */
    struct buffer in;            /* a cut-off tail of what came */
    struct buffer out;           /* what is to be written */
    uint8_t state;               /* enum channel_state */
};

/* Bytes that came, and how far they are read. */
struct channel_input {
    const uint8_t *bytes;
    size_t len;
    size_t used;
};

enum channel_event {
    CHANNEL_NOTHING = 0, /* the input is used up */
    CHANNEL_OPENED,      /* the handshake is done */
    CHANNEL_PACKET       /* a plaintext is in `plain` */
};

/* The client's side: puts the request into the output. Errors: TOXTCP_ERR_NO_MEMORY, _INVALID. */
int channel_connect(struct channel *channel, struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                    const struct toxtcp_public_key *relay_key);

/* Reads on in `input` until there is something to tell: an enum channel_event. The relay's side needs `keys` for
 * the handshake and gets the client's key in `client_key`; else both are NULL.
 * Errors: TOXTCP_ERR_WRONG_KEY, _PROTOCOL, _NO_MEMORY: the channel is dead. */
int channel_next(struct channel *channel, struct toxtcp_env *env, struct channel_input *input,
                 const struct toxtcp_key_pair *keys, struct toxtcp_public_key *client_key, struct box_plain *plain,
                 size_t *plain_len);

/* Seals 1..WIRE_PLAIN_MAX bytes of `plain` into the output. The channel is open.
 * Errors: TOXTCP_ERR_NO_MEMORY: nothing changed. */
int channel_send(struct channel *channel, struct toxtcp_env *env, struct box_plain *plain, size_t len);

/* Wipes and frees all. */
void channel_free(struct channel *channel, struct toxtcp_env *env);

#endif
