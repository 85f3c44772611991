/* What a liar does that no relay does. SPDX-License-Identifier: ISC */
#include "liar_private.h"

#include <string.h>

enum { MS_PER_S = 1000, US_PER_MS = 1000 };

/* --- Answers that are wrong --- */

uint8_t liar_choose_id(struct liar_client *client, uint8_t honest)
{
    const struct liar *liar = client->liar;

    if (!liar_has(liar, LIAR_REUSES_IDS)) {
        return honest;
    }
    const struct liar_route *other = liar_some_route(client);
    switch (liar_below(liar, 3)) {
    case 0:
        return other ? other->id : honest;
    case 1:
        return (uint8_t)(1 + liar_below(liar, WIRE_ID_MIN - 1));
    default:
        return honest;
    }
}

/* The answer lies in the output, under our key: puts one there that only other keys open. */
static void answer_under_other_key(struct liar_client *client)
{
    struct liar *liar = client->liar;
    struct buffer *out = &client->link.channel.out;
    uint8_t *box = out->block + out->end - WIRE_HANDSHAKE_BOX_SIZE;
    uint8_t secrets[WIRE_HANDSHAKE_SECRETS_SIZE];
    struct box_shared_key shared;
    struct box_nonce nonce;

    memcpy(nonce.bytes, box - WIRE_NONCE_SIZE, WIRE_NONCE_SIZE);
    env_random(liar->env, secrets, sizeof secrets);
    if (box_shared_key_make(&shared, &client->key, &liar->other_keys.secret_key) == TOXTCP_OK) {
        box_seal_once(box, secrets, sizeof secrets, &nonce, &shared);
    }
    box_wipe(&shared, sizeof shared);
}

void liar_spoil_answer(struct liar_client *client)
{
    struct toxtcp_link *link = &client->link;

    if (liar_has(client->liar, LIAR_MUTE)) {
        /* The driver was told of output: it finds none. */
        buffer_consume(&link->channel.out, link->env, buffer_len(&link->channel.out));
        link->output_said = false;
    } else if (liar_has(client->liar, LIAR_OTHER_KEY)) {
        answer_under_other_key(client);
    }
}

/* --- When --- */

/* The moment of the next mischief, about `mischief_ms` away. */
static uint64_t next_mischief(const struct liar *liar)
{
    const uint32_t mean_ms = liar->config.mischief_ms < INT32_MAX ? liar->config.mischief_ms : INT32_MAX;

    return mean_ms ? liar->now_ms + 1 + liar_below(liar, 2 * mean_ms) : TOXTCP_NEVER;
}

void liar_start_mischief(struct liar_client *client)
{
    const struct liar *liar = client->liar;

    if (liar_has(liar, LIAR_UNASKED)) {
        client->due[TIMER_UNASKED] = next_mischief(liar);
    }
    if (liar_has(liar, LIAR_RUBBISH)) {
        client->due[TIMER_RUBBISH] = next_mischief(liar);
    }
    if (liar_has(liar, LIAR_FLOODS_PINGS) && liar->config.flood_per_s) {
        client->due[TIMER_FLOOD] = liar->now_ms;
        client->flood_us = liar->now_ms * US_PER_MS;
    }
}

/* --- Unasked --- */

static uint8_t some_id(const struct liar *liar)
{
    return (uint8_t)(WIRE_ID_MIN + liar_below(liar, WIRE_ID_COUNT));
}

static struct toxtcp_public_key some_key(const struct liar *liar)
{
    struct toxtcp_public_key key;

    env_random(liar->env, key.bytes, sizeof key.bytes);
    return key;
}

static void send_unasked_response(struct liar_client *client, const struct toxtcp_public_key *key, uint8_t id)
{
    (void)liar_send(client, &(struct packet){.kind = WIRE_ROUTING_RESPONSE, .id = id, .key = *key});
}

static void send_unasked_data(struct liar_client *client, uint8_t id)
{
    uint8_t data[64];

    env_random(client->liar->env, data, sizeof data);
    (void)liar_send(
        client, &(struct packet){
                    .kind = WIRE_DATA, .id = id, .data = data, .data_len = 1 + liar_below(client->liar, sizeof data)});
}

static void send_unasked_pong(struct liar_client *client)
{
    struct packet pong = {.kind = WIRE_PONG};

    env_random(client->liar->env, pong.ping_id, sizeof pong.ping_id);
    pong.ping_id[0] |= 1; /* never 0 */
    (void)liar_send(client, &pong);
}

void liar_run_unasked(struct liar_client *client)
{
    const struct liar *liar = client->liar;
    const struct liar_route *route = liar_some_route(client);
    const uint8_t id = route && liar_below(liar, 2) == 0 ? route->id : some_id(liar);
    const struct toxtcp_public_key key = route && liar_below(liar, 2) == 0 ? route->key : some_key(liar);

    client->due[TIMER_UNASKED] = next_mischief(liar);
    switch (liar_below(liar, 5)) {
    case 0:
        send_unasked_response(client, &key, liar_below(liar, 4) == 0 ? WIRE_ID_REFUSED : id);
        break;
    case 1:
        (void)liar_send(client, &(struct packet){.kind = WIRE_CONNECT, .id = id});
        break;
    case 2:
        (void)liar_send(client, &(struct packet){.kind = WIRE_DISCONNECT, .id = id});
        break;
    case 3:
        send_unasked_data(client, id < WIRE_ID_MIN ? some_id(liar) : id);
        break;
    default:
        send_unasked_pong(client);
        break;
    }
}

/* --- Rubbish --- */

/* Seals `len` bytes, whatever they are, past what is held back. */
static bool send_bytes(struct liar_client *client, struct box_plain *plain, size_t len)
{
    return liar_pass_on(client, plain, len, true);
}

/* The frame that was sealed last, of a plaintext of `len` bytes: the driver has not written it yet. */
static uint8_t *last_frame(struct liar_client *client, size_t len)
{
    return client->link.channel.out.block + client->link.channel.out.end - WIRE_FRAME_OVERHEAD - len;
}

/* A frame that does not open, or one whose length cannot be. Either is the end for whoever reads it. */
static void spoil_frame(struct liar_client *client, struct box_plain *plain, size_t len)
{
    static const uint16_t wrong[] = {0, 1, WIRE_BOX_MIN - 1, WIRE_BOX_MAX + 1, UINT16_MAX};

    plain->bytes[0] = WIRE_DATA;
    if (!send_bytes(client, plain, len)) {
        return;
    }
    uint8_t *frame = last_frame(client, len);
    if (liar_below(client->liar, 2) == 0) {
        frame[WIRE_LENGTH_SIZE + liar_below(client->liar, (uint32_t)len + WIRE_MAC_SIZE)] ^= 1;
        return;
    }
    const uint16_t length = wrong[liar_below(client->liar, sizeof wrong / sizeof *wrong)];
    frame[0] = (uint8_t)(length >> 8);
    frame[1] = (uint8_t)length;
}

/* A frame that opens, and should not be. */
static size_t make_wrong_packet(const struct liar *liar, struct box_plain *plain, size_t len)
{
    static const uint8_t not_a_relays[] = {WIRE_ROUTING_REQUEST,
                                           WIRE_OOB_SEND,
                                           WIRE_ONION_REQUEST,
                                           WIRE_FORWARD_REQUEST,
                                           WIRE_RESERVED_FIRST,
                                           0x0d,
                                           0x0e,
                                           0x0f};
    static const uint8_t empty[] = {WIRE_ONION_RESPONSE, WIRE_FORWARDING, WIRE_DATA, WIRE_ID_MAX};

    switch (liar_below(liar, 5)) {
    case 0:
        plain->bytes[0] = not_a_relays[liar_below(liar, sizeof not_a_relays)];
        return len;
    case 1: /* a wrong size: too short for an id and a key, and too long for a ping */
        plain->bytes[0] = (uint8_t)(WIRE_ROUTING_RESPONSE + liar_below(liar, WIRE_PONG));
        return WIRE_KEY_SIZE;
    case 2:
        plain->bytes[0] = empty[liar_below(liar, sizeof empty)];
        return 1;
    case 3: /* OOB of nothing, or of more than there can be */
        plain->bytes[0] = WIRE_OOB_RECV;
        return 1 + WIRE_KEY_SIZE + (liar_below(liar, 2) == 0 ? 0 : TOXTCP_OOB_MAX + 1);
    default: /* a ping or pong with the id 0 */
        plain->bytes[0] = (uint8_t)(WIRE_PING + liar_below(liar, 2));
        memset(plain->bytes + 1, 0, WIRE_PING_ID_SIZE);
        return 1 + WIRE_PING_ID_SIZE;
    }
}

void liar_run_rubbish(struct liar_client *client)
{
    const struct liar *liar = client->liar;
    struct box_plain plain;
    const size_t len = 1 + liar_below(liar, WIRE_PLAIN_MAX);

    client->due[TIMER_RUBBISH] = next_mischief(liar);
    env_random(liar->env, plain.bytes, sizeof plain.bytes);
    if (liar_below(liar, 3) == 0) {
        spoil_frame(client, &plain, len);
    } else {
        (void)send_bytes(client, &plain, make_wrong_packet(liar, &plain, len));
    }
}

/* --- The flood --- */

/* One of many. After a long sleep they are not made up for. */
void liar_run_flood(struct liar_client *client)
{
    const struct liar *liar = client->liar;
    const uint64_t now_us = liar->now_ms * US_PER_MS;
    const uint32_t pause_us = MS_PER_S * US_PER_MS / liar->config.flood_per_s;
    uint8_t ping_id[WIRE_PING_ID_SIZE];

    if (now_us - client->flood_us > (uint64_t)MS_PER_S * US_PER_MS) {
        client->flood_us = now_us;
    }
    client->flood_us += pause_us ? pause_us : 1;
    client->due[TIMER_FLOOD] = (client->flood_us + US_PER_MS - 1) / US_PER_MS;
    (void)liar_send_ping(client, ping_id);
}
