/* A sealed packet stream over bytes. SPDX-License-Identifier: ISC */
#include "channel.h"

#include <assert.h>
#include <string.h>

int channel_connect(struct channel *channel, struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                    const struct toxtcp_public_key *relay_key)
{
    struct handshake *handshake = env_alloc(env, sizeof *handshake);
    uint8_t *request = buffer_reserve(&channel->out, env, WIRE_REQUEST_SIZE);
    int error = handshake && request ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;

    if (!error) {
        error = handshake_create_request(handshake, env, keys, relay_key, request);
    }
    if (error) {
        env_release(env, handshake, sizeof *handshake);
        buffer_settle(&channel->out, env);
        return error;
    }
    buffer_commit(&channel->out, WIRE_REQUEST_SIZE);
    channel->handshake = handshake;
    channel->state = CHANNEL_AWAITS_RESPONSE;
    return TOXTCP_OK;
}

static void drop_handshake(struct channel *channel, struct toxtcp_env *env)
{
    if (channel->handshake) {
        box_wipe(channel->handshake, sizeof *channel->handshake);
        env_release(env, channel->handshake, sizeof *channel->handshake);
        channel->handshake = NULL;
    }
}

static int consume_response(struct channel *channel, struct toxtcp_env *env, const uint8_t *response)
{
    const int error = handshake_consume_response(channel->handshake, response, &channel->session);

    drop_handshake(channel, env);
    return error;
}

static int answer_request(struct channel *channel, struct toxtcp_env *env, const struct toxtcp_key_pair *keys,
                          const uint8_t *request, struct toxtcp_public_key *client_key)
{
    uint8_t *response = buffer_reserve(&channel->out, env, WIRE_RESPONSE_SIZE);

    if (!response) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    const int error = handshake_answer_request(env, keys, request, response, client_key, &channel->session);
    if (error) {
        buffer_settle(&channel->out, env);
        return error;
    }
    buffer_commit(&channel->out, WIRE_RESPONSE_SIZE);
    return TOXTCP_OK;
}

/* The box's length that a frame's first two bytes give, or an error. */
static int box_len(const uint8_t *frame)
{
    const int len = frame[0] << 8 | frame[1];
    return len >= WIRE_BOX_MIN && len <= WIRE_BOX_MAX ? len : TOXTCP_ERR_PROTOCOL;
}

/* Length of the message that comes next, as far as its first `len` bytes tell: more than `len` when they do not make it
 * whole. Negative: an error. */
static int message_len(const struct channel *channel, const uint8_t *bytes, size_t len)
{
    if (channel->state == CHANNEL_AWAITS_REQUEST) {
        return WIRE_REQUEST_SIZE;
    }
    if (channel->state == CHANNEL_AWAITS_RESPONSE) {
        return WIRE_RESPONSE_SIZE;
    }
    if (len < WIRE_LENGTH_SIZE) {
        return WIRE_LENGTH_SIZE;
    }
    const int box = box_len(bytes);
    return box < 0 ? box : WIRE_LENGTH_SIZE + box;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Moves input to the tail until the tail holds `want` bytes or the input is used up. */
static int fill_tail(struct channel *channel, struct toxtcp_env *env, struct channel_input *input, size_t want)
{
    const size_t have = buffer_len(&channel->in);
    const size_t more = min_size(want > have ? want - have : 0, input->len - input->used);

    if (more == 0) {
        return TOXTCP_OK;
    }
    uint8_t *room = buffer_reserve(&channel->in, env, more);
    if (!room) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    memcpy(room, input->bytes + input->used, more);
    buffer_commit(&channel->in, more);
    input->used += more;
    return TOXTCP_OK;
}

/* Finds the next whole message: where it lies in the input, or in the tail when it was cut. Its length, 0 if it is not
 * all there. */
static int next_message(struct channel *channel, struct toxtcp_env *env, struct channel_input *input,
                        const uint8_t **message)
{
    const uint8_t *rest = input->bytes + input->used;
    const size_t rest_len = input->len - input->used;
    size_t tail_len = buffer_len(&channel->in);

    if (tail_len == 0) {
        if (rest_len == 0) {
            return 0;
        }
        const int len = message_len(channel, rest, rest_len);
        if (len < 0 || (size_t)len <= rest_len) {
            *message = rest;
            input->used += len < 0 ? 0 : (size_t)len;
            return len;
        }
    }
    for (;;) {
        const int want = message_len(channel, buffer_peek(&channel->in), tail_len);
        if (want < 0) {
            return want;
        }
        if (tail_len > 0 && (size_t)want <= tail_len && want > WIRE_LENGTH_SIZE) {
            *message = buffer_peek(&channel->in);
            return want;
        }
        const int error = fill_tail(channel, env, input, (size_t)want);
        if (error || buffer_len(&channel->in) == tail_len) {
            return error;
        }
        tail_len = buffer_len(&channel->in);
    }
}

static int open_frame(struct channel *channel, const uint8_t *frame, size_t frame_len, struct box_plain *plain,
                      size_t *plain_len)
{
    const size_t len = frame_len - WIRE_LENGTH_SIZE;
    const int error = box_stream_open(&channel->session.recv, plain, frame + WIRE_LENGTH_SIZE, len);

    *plain_len = len - WIRE_MAC_SIZE;
    return error ? error : CHANNEL_PACKET;
}

static int finish_handshake(struct channel *channel, int error)
{
    if (error) {
        return error;
    }
    channel->state = CHANNEL_OPEN;
    return CHANNEL_OPENED;
}

int channel_next(struct channel *channel, struct toxtcp_env *env, struct channel_input *input,
                 const struct toxtcp_key_pair *keys, struct toxtcp_public_key *client_key, struct box_plain *plain,
                 size_t *plain_len)
{
    const uint8_t *message;
    int event;
    const int len = next_message(channel, env, input, &message);

    if (len <= 0) {
        return len;
    }
    if (channel->state == CHANNEL_AWAITS_REQUEST) {
        event = finish_handshake(channel, answer_request(channel, env, keys, message, client_key));
    } else if (channel->state == CHANNEL_AWAITS_RESPONSE) {
        event = finish_handshake(channel, consume_response(channel, env, message));
    } else {
        event = open_frame(channel, message, (size_t)len, plain, plain_len);
    }
    if (message == buffer_peek(&channel->in)) {
        buffer_consume(&channel->in, env, (size_t)len);
    }
    return event;
}

int channel_send(struct channel *channel, struct toxtcp_env *env, struct box_plain *plain, size_t len)
{
    const size_t box = WIRE_MAC_SIZE + len;
    uint8_t *frame = buffer_reserve(&channel->out, env, WIRE_LENGTH_SIZE + box);

    assert(channel->state == CHANNEL_OPEN);
    if (!frame) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    frame[0] = (uint8_t)(box >> 8);
    frame[1] = (uint8_t)box;
    box_stream_seal(&channel->session.send, frame + WIRE_LENGTH_SIZE, plain, len);
    buffer_commit(&channel->out, WIRE_LENGTH_SIZE + box);
    return TOXTCP_OK;
}

void channel_free(struct channel *channel, struct toxtcp_env *env)
{
    drop_handshake(channel, env);
    box_wipe(&channel->session, sizeof channel->session);
    buffer_free(&channel->in, env);
    buffer_free(&channel->out, env);
}
