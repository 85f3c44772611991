/* The far end of one link, played by a fuzzer. SPDX-License-Identifier: ISC */
#include "fuzz/far_end.h"

#include <stdlib.h>
#include <string.h>

/* What a driver has read already when it is told to rest. */
enum { READ_BEFORE = 64 };

static void take_bytes(struct far_end *end, const uint8_t *bytes, size_t len)
{
    struct channel_input input = {bytes, len, 0};
    struct box_plain plain;
    size_t plain_len = 0;
    int event;

    if (end->deaf) {
        return;
    }
    do {
        event = channel_next(&end->channel, end->env->env, &input, end->keys, end->keys ? &end->client_key : NULL,
                             &plain, &plain_len);
        if (event == CHANNEL_PACKET) {
            end->heard(end, plain.bytes, plain_len);
        }
    } while (event > 0);
    net_require(event == 0, "what the link has written does not open");
}

void far_end_output_ready(void *user, struct toxtcp_link *link)
{
    struct far_end *end = toxtcp_link_driver_data(link);

    (void)user;
    net_require(end && end->link == link && !end->dialling, "output of a link that is not open");
    net_require(!end->output_said, "output is said twice");
    end->output_said = true;
}

/* Here deadlines are looked at whenever time passes. */
void far_end_attend(void *user, struct toxtcp_link *link)
{
    const struct far_end *end = toxtcp_link_driver_data(link);

    (void)user;
    net_require(end && end->link == link, "attention for a link that has ended");
}

/* As a socket that takes all that was queued. */
void far_end_close(void *user, struct toxtcp_link *link)
{
    struct far_end *end = toxtcp_link_driver_data(link);
    const uint8_t *bytes;
    const size_t len = toxtcp_link_output(link, &bytes);

    (void)user;
    net_require(end && end->link == link, "a link is closed twice");
    if (len > 0) {
        take_bytes(end, bytes, len);
    }
    end->link = NULL;
}

void far_end_be_relay(struct far_end *end, struct net_env *env, const struct toxtcp_key_pair *keys)
{
    end->env = env;
    end->keys = keys;
}

void far_end_be_client(struct far_end *end, struct net_env *env, const struct toxtcp_key_pair *keys,
                       const struct toxtcp_public_key *relay_key)
{
    end->env = env;
    net_require(channel_connect(&end->channel, env->env, keys, relay_key) == 0, "no handshake");
}

void far_end_take(struct far_end *end, struct toxtcp_link *link)
{
    end->link = link;
    toxtcp_link_set_driver_data(link, end);
}

void far_end_free(struct far_end *end)
{
    net_require(!end->link, "the link has not ended");
    if (end->env) {
        channel_free(&end->channel, end->env->env);
    }
}

void far_end_connect(struct far_end *end, uint64_t now_ms)
{
    const struct toxtcp_address remote = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = 443};

    if (end->link && end->dialling) {
        end->dialling = false;
        toxtcp_link_connected(end->link, &remote, now_ms);
    }
}

void far_end_read(struct far_end *end, size_t len, uint64_t now_ms)
{
    const uint8_t *bytes;

    if (!end->link || end->dialling) {
        return;
    }
    const size_t waiting = toxtcp_link_output(end->link, &bytes);
    net_require((waiting > 0) == end->output_said, "a link has output and has not said so, or the reverse");
    const size_t taken = len < waiting ? len : waiting;
    if (taken > 0) {
        take_bytes(end, bytes, taken);
        end->output_said = taken < waiting;
        toxtcp_link_sent(end->link, taken, now_ms);
    }
}

void far_end_say_bytes(struct far_end *end, const uint8_t *bytes, size_t len)
{
    if (len > 0) {
        memcpy(net_must(buffer_reserve(&end->channel.out, end->env->env, len)), bytes, len);
        buffer_commit(&end->channel.out, len);
    }
}

void far_end_say(struct far_end *end, const uint8_t *plain, size_t len)
{
    struct box_plain box;

    if (end->channel.state != CHANNEL_OPEN) {
        far_end_say_bytes(end, plain, len);
        return;
    }
    memcpy(box.bytes, plain, len);
    net_require(channel_send(&end->channel, end->env->env, &box, len) == 0, "the far end cannot send");
}

void far_end_feign(struct far_end *end, const struct toxtcp_key_pair *ours, const struct toxtcp_public_key *theirs,
                   const uint8_t temporary_key[WIRE_KEY_SIZE])
{
    uint8_t message[WIRE_REQUEST_SIZE] = {0};
    uint8_t secrets[WIRE_HANDSHAKE_SECRETS_SIZE] = {0};
    uint8_t *out = message;
    const struct box_nonce nonce = {{1}};
    struct box_shared_key shared;

    net_require(box_shared_key_make(&shared, theirs, &ours->secret_key) == 0, "no handshake");
    memcpy(secrets, temporary_key, WIRE_KEY_SIZE);
    if (!end->keys) {
        memcpy(out, ours->public_key.bytes, WIRE_KEY_SIZE);
        out += WIRE_KEY_SIZE;
    }
    memcpy(out, nonce.bytes, sizeof nonce.bytes);
    out += sizeof nonce.bytes;
    box_seal_once(out, secrets, sizeof secrets, &nonce, &shared);
    out += WIRE_HANDSHAKE_BOX_SIZE;
    buffer_consume(&end->channel.out, end->env->env, buffer_len(&end->channel.out));
    far_end_say_bytes(end, message, (size_t)(out - message));
    end->deaf = true;
}

void far_end_flip(struct far_end *end, size_t place, uint8_t bits)
{
    const struct buffer *out = &end->channel.out;

    if (buffer_len(out) > 0) {
        out->block[out->front + place % buffer_len(out)] ^= bits;
    }
}

void far_end_want_input(void *user, struct toxtcp_link *link, bool wanted)
{
    struct far_end *end = toxtcp_link_driver_data(link);

    (void)user;
    net_require(end->resting == wanted, "input is wanted or not, and that was known");
    end->resting = !wanted;
}

void far_end_deliver(struct far_end *end, size_t len, uint64_t now_ms)
{
    const size_t waiting = buffer_len(&end->channel.out);
    const size_t taken = len < waiting ? len : waiting;

    if (!end->link || end->dialling || (end->resting && taken > READ_BEFORE)) {
        return;
    }
    /* Of exactly that length, so that a memory checker sees every byte read beside it. */
    uint8_t *copy = net_must(malloc(taken ? taken : 1));
    if (taken > 0) {
        memcpy(copy, buffer_peek(&end->channel.out), taken);
        buffer_consume(&end->channel.out, end->env->env, taken);
    }
    const int error = toxtcp_link_recv(end->link, copy, taken, now_ms);
    net_require((error != 0) == (end->link == NULL), "recv's result says something else than close()");
    free(copy);
}

void far_end_watch_secret(struct net_env *env, const uint8_t secret[NET_ENV_SECRET_SIZE])
{
#ifdef WITH_FUZZING
    (void)env;
    (void)secret;
#else
    net_env_watch(env, secret);
#endif
}

void far_end_watch(struct far_end *end, struct net_env *env)
{
    const struct session *session = &end->channel.session;

    if (end->watched || end->channel.state != CHANNEL_OPEN || env->secret_count + 3 > NET_ENV_SECRETS_MAX) {
        return;
    }
    end->watched = true;
    far_end_watch_secret(env, session->send.shared.bytes);
    far_end_watch_secret(env, session->send.subkey);
    far_end_watch_secret(env, session->recv.subkey);
}

void far_end_end(struct far_end *end, int error, uint64_t now_ms)
{
    struct toxtcp_link *link = end->link;

    if (link) {
        end->link = NULL;
        end->cut = true;
        toxtcp_link_closed(link, error, now_ms);
    }
}
