/* The handshake's two messages (section 2). SPDX-License-Identifier: ISC */
#include "handshake.h"

#include <string.h>

/* What the box of either message holds. */
struct secrets {
    struct toxtcp_public_key temporary_key;
    struct box_nonce base_nonce;
};
_Static_assert(sizeof(struct secrets) == WIRE_HANDSHAKE_SECRETS_SIZE, "section 2");

/* Writes a random nonce and the box of our secrets: the end of either message. */
static void seal_secrets(uint8_t *out, struct toxtcp_env *env, const struct box_shared_key *shared,
                         const struct toxtcp_public_key *temporary_key, const struct box_nonce *base_nonce)
{
    const struct secrets secrets = {*temporary_key, *base_nonce};
    struct box_nonce nonce;

    env_random(env, nonce.bytes, sizeof nonce.bytes);
    memcpy(out, nonce.bytes, sizeof nonce.bytes);
    box_seal_once(out + sizeof nonce.bytes, (const uint8_t *)&secrets, sizeof secrets, &nonce, shared);
}

static int open_secrets(const uint8_t *in, const struct box_shared_key *shared, struct secrets *secrets)
{
    struct box_nonce nonce;

    memcpy(nonce.bytes, in, sizeof nonce.bytes);
    return box_open_once((uint8_t *)secrets, in + sizeof nonce.bytes, WIRE_HANDSHAKE_BOX_SIZE, &nonce, shared);
}

/* The session key is that of the two temporary keys; each side's base nonce is for the packets that it sends. */
static int make_session(struct session *session, const struct toxtcp_key_pair *ours, const struct box_nonce *our_nonce,
                        const struct secrets *theirs)
{
    struct box_shared_key shared;
    const int error = box_shared_key_make(&shared, &theirs->temporary_key, &ours->secret_key);

    if (!error) {
        box_stream_init(&session->send, &shared, our_nonce);
        box_stream_init(&session->recv, &shared, &theirs->base_nonce);
    }
    box_wipe(&shared, sizeof shared);
    return error;
}

int handshake_create_request(struct handshake *handshake, struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                             const struct toxtcp_public_key *relay_key, uint8_t request[WIRE_REQUEST_SIZE])
{
    const int error = box_shared_key_make(&handshake->shared, relay_key, &keys->secret_key);

    if (error) {
        return error;
    }
    toxtcp_key_pair_generate(env, &handshake->temporary);
    env_random(env, handshake->nonce.bytes, sizeof handshake->nonce.bytes);
    memcpy(request, keys->public_key.bytes, WIRE_KEY_SIZE);
    seal_secrets(request + WIRE_KEY_SIZE, env, &handshake->shared, &handshake->temporary.public_key, &handshake->nonce);
    return TOXTCP_OK;
}

int handshake_consume_response(struct handshake *handshake, const uint8_t response[WIRE_RESPONSE_SIZE],
                               struct session *session)
{
    struct secrets secrets;
    int error = open_secrets(response, &handshake->shared, &secrets);

    if (!error) {
        error = make_session(session, &handshake->temporary, &handshake->nonce, &secrets);
    }
    box_wipe(handshake, sizeof *handshake);
    return error ? TOXTCP_ERR_WRONG_KEY : TOXTCP_OK;
}

/* Opens the request with the key that it names; `shared` serves for the response too. */
static int open_request(const struct toxtcp_key_pair *keys, const uint8_t request[WIRE_REQUEST_SIZE],
                        struct toxtcp_public_key *client_key, struct box_shared_key *shared, struct secrets *secrets)
{
    memcpy(client_key->bytes, request, WIRE_KEY_SIZE);
    const int error = box_shared_key_make(shared, client_key, &keys->secret_key);
    return error ? error : open_secrets(request + WIRE_KEY_SIZE, shared, secrets);
}

int handshake_answer_request(struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                             const uint8_t request[WIRE_REQUEST_SIZE], uint8_t response[WIRE_RESPONSE_SIZE],
                             struct toxtcp_public_key *client_key, struct session *session)
{
    struct box_shared_key shared;
    struct toxtcp_key_pair temporary;
    struct box_nonce base_nonce;
    struct secrets secrets;
    int error = open_request(keys, request, client_key, &shared, &secrets);

    if (!error) {
        toxtcp_key_pair_generate(env, &temporary);
        env_random(env, base_nonce.bytes, sizeof base_nonce.bytes);
        error = make_session(session, &temporary, &base_nonce, &secrets);
    }
    if (!error) {
        seal_secrets(response, env, &shared, &temporary.public_key, &base_nonce);
    }
    toxtcp_key_pair_wipe(&temporary);
    box_wipe(&shared, sizeof shared);
    return error ? TOXTCP_ERR_WRONG_KEY : TOXTCP_OK;
}
