/* A client without rules, to test relays with. SPDX-License-Identifier: ISC */
#include "raw_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net_env.h"

struct raw_message {
    struct raw_message *next;
    struct packet packet;
    size_t len;
    uint8_t bytes[];
};

static void random_of_net(void *user, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)net_random(user);
    }
}

struct raw_client *raw_client_new_holding(struct net *net, const struct toxtcp_address *relay,
                                          const struct toxtcp_public_key *relay_key, const struct toxtcp_key_pair *keys,
                                          const struct toxtcp_address *source)
{
    const struct toxtcp_hooks hooks = {.user = net, .random = random_of_net};
    struct raw_client *client = net_must(calloc(1, sizeof *client));

    client->net = net;
    client->keys = *keys;
    client->holding = true;
    net_require(toxtcp_env_new(&hooks, &client->env) == 0, "no env");
    net_require(channel_connect(&client->channel, client->env, keys, relay_key) == 0, "no handshake");
    memcpy(client->request, buffer_peek(&client->channel.out), sizeof client->request);
    client->end = net_raw_dial(net, relay, source);
    return client;
}

struct raw_client *raw_client_new(struct net *net, const struct toxtcp_address *relay,
                                  const struct toxtcp_public_key *relay_key, const struct toxtcp_key_pair *keys,
                                  const struct toxtcp_address *source)
{
    struct raw_client *client = raw_client_new_holding(net, relay, relay_key, keys, source);

    raw_client_hold(client, false);
    return client;
}

void raw_client_free(struct raw_client *client)
{
    if (!client) {
        return;
    }
    (void)raw_client_drain(client);
    free(client->shown);
    net_raw_close(client->end);
    channel_free(&client->channel, client->env);
    toxtcp_env_free(client->env);
    free(client);
}

/* --- In --- */

static void queue_message(struct raw_client *client, const uint8_t *plain, size_t len)
{
    struct raw_message *message = net_must(malloc(sizeof *message + len));

    message->next = NULL;
    message->len = len;
    memcpy(message->bytes, plain, len);
    net_require(packet_decode(message->bytes, len, PACKET_FROM_RELAY, &message->packet) == 0,
                "the relay sent a packet that is not allowed");
    if (client->last) {
        client->last->next = message;
    } else {
        client->first = message;
    }
    client->last = message;
}

static void read_bytes(struct raw_client *client, const uint8_t *bytes, size_t bytes_len)
{
    struct channel_input input = {bytes, bytes_len, 0};
    struct box_plain plain;
    size_t len;
    int event = CHANNEL_OPENED;

    while (event > CHANNEL_NOTHING) {
        event = channel_next(&client->channel, client->env, &input, NULL, NULL, &plain, &len);
        if (event == CHANNEL_PACKET) {
            queue_message(client, plain.bytes, len);
        }
    }
    client->error = event;
}

static void read_all(struct raw_client *client)
{
    uint8_t bytes[8192];

    while (!client->error) {
        const size_t len = net_raw_read(client->end, bytes, sizeof bytes);
        if (len == 0) {
            return;
        }
        read_bytes(client, bytes, len);
    }
}

bool raw_client_is_open(struct raw_client *client)
{
    read_all(client);
    return client->channel.state == CHANNEL_OPEN && !client->error;
}

int raw_client_error(struct raw_client *client)
{
    read_all(client);
    return client->error ? client->error : net_raw_error(client->end);
}

const struct packet *raw_client_next(struct raw_client *client)
{
    read_all(client);
    free(client->shown);
    client->shown = client->first;
    if (!client->first) {
        return NULL;
    }
    client->first = client->first->next;
    if (!client->first) {
        client->last = NULL;
    }
    return &client->shown->packet;
}

const struct packet *raw_client_expect(struct raw_client *client, enum wire_kind kind)
{
    char text[96];
    const struct packet *packet = raw_client_next(client);
    const int found = packet ? (int)packet->kind : -1;

    (void)snprintf(text, sizeof text, "packet of kind %d expected, found %d (-1: none), stream %d", (int)kind, found,
                   raw_client_error(client));
    net_require(found == (int)kind, text);
    return packet;
}

void raw_client_expect_nothing(struct raw_client *client)
{
    char text[64];
    const struct packet *packet = raw_client_next(client);

    (void)snprintf(text, sizeof text, "packet of kind %d not expected", packet ? (int)packet->kind : 0);
    net_require(!packet, text);
}

size_t raw_client_drain(struct raw_client *client)
{
    size_t count = 0;

    while (raw_client_next(client)) {
        count++;
    }
    return count;
}

/* --- Out --- */

size_t raw_client_flush(struct raw_client *client, size_t max)
{
    struct buffer *out = &client->channel.out;
    const size_t len = buffer_len(out) < max ? buffer_len(out) : max;

    if (len > 0) {
        net_raw_write(client->end, buffer_peek(out), len);
        buffer_consume(out, client->env, len);
    }
    return len;
}

void raw_client_hold(struct raw_client *client, bool holding)
{
    client->holding = holding;
    if (!holding) {
        (void)raw_client_flush(client, SIZE_MAX);
    }
}

void raw_client_send_plain(struct raw_client *client, const uint8_t *plain, size_t len)
{
    struct box_plain copy;

    if (!raw_client_is_open(client)) {
        return;
    }
    memcpy(copy.bytes, plain, len);
    net_require(channel_send(&client->channel, client->env, &copy, len) == 0, "the test itself is out of memory");
    raw_client_hold(client, client->holding);
}

void raw_client_send(struct raw_client *client, const struct packet *packet)
{
    uint8_t plain[WIRE_PLAIN_MAX];
    const size_t len = packet_encode(packet, plain);

    raw_client_send_plain(client, plain, len);
}

void raw_client_send_key(struct raw_client *client, enum wire_kind kind, const struct toxtcp_public_key *key)
{
    const struct packet packet = {.kind = kind, .key = *key};

    raw_client_send(client, &packet);
}

void raw_client_send_id(struct raw_client *client, enum wire_kind kind, uint8_t id)
{
    const struct packet packet = {.kind = kind, .id = id};

    raw_client_send(client, &packet);
}

void raw_client_send_ping_id(struct raw_client *client, enum wire_kind kind, uint64_t ping_id)
{
    struct packet packet = {.kind = kind};

    memcpy(packet.ping_id, &ping_id, sizeof packet.ping_id);
    raw_client_send(client, &packet);
}

void raw_client_send_data(struct raw_client *client, uint8_t id, const uint8_t *data, size_t len)
{
    const struct packet packet = {.kind = WIRE_DATA, .id = id, .data = data, .data_len = len};

    raw_client_send(client, &packet);
}

void raw_client_send_oob(struct raw_client *client, const struct toxtcp_public_key *to, const uint8_t *data, size_t len)
{
    const struct packet packet = {.kind = WIRE_OOB_SEND, .key = *to, .data = data, .data_len = len};

    raw_client_send(client, &packet);
}
