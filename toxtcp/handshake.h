/* The handshake's two messages, and the session that comes of them (section 2). SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_HANDSHAKE_H
#define TOXTCP_PRIVATE_HANDSHAKE_H

#include <toxtcp/key.h>

#include "box.h"
#include "env.h"
#include "wire.h"

/* What a client keeps between its request and the response. Secret. */
struct handshake {
    struct box_shared_key shared; /* of the long-term keys */
    struct toxtcp_key_pair temporary;
    struct box_nonce nonce; /* base nonce of our packets */
};

/* What both have after it. Secret. */
struct session {
    struct box_stream send;
    struct box_stream recv;
};

/* Client. Errors: TOXTCP_ERR_INVALID for a relay key of small order. */
int handshake_create_request(struct handshake *handshake, struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                             const struct toxtcp_public_key *relay_key, uint8_t request[WIRE_REQUEST_SIZE]);

/* Client. Wipes `handshake`, whatever comes. Errors: TOXTCP_ERR_WRONG_KEY. */
int handshake_consume_response(struct handshake *handshake, const uint8_t response[WIRE_RESPONSE_SIZE],
                               struct session *session);

/* Relay: opens the request and makes the response. On success `client_key` and `session` are set.
 * Errors: TOXTCP_ERR_WRONG_KEY. */
int handshake_answer_request(struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                             const uint8_t request[WIRE_REQUEST_SIZE], uint8_t response[WIRE_RESPONSE_SIZE],
                             struct toxtcp_public_key *client_key, struct session *session);

#endif
