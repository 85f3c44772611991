/* A relay's end of one client's link, played by the test. SPDX-License-Identifier: ISC */
#include "support/raw_relay.h"

#include <stdlib.h>
#include <string.h>

static void output_ready(void *user, struct toxtcp_link *link)
{
    struct raw_relay *relay = user;

    net_require(relay->link == link, "output of a link that has ended");
    net_require(!relay->output_said, "output is said twice");
    relay->output_said = true;
}

static void take_packet(struct raw_relay *relay, const struct box_plain *plain, size_t len)
{
    relay->packets = net_must(realloc(relay->packets, (relay->packet_count + 1) * sizeof(struct raw_relay_packet)));
    memcpy(relay->packets[relay->packet_count].plain, plain->bytes, len);
    relay->packets[relay->packet_count].len = len;
    relay->packet_count++;
}

static void take_bytes(struct raw_relay *relay, const uint8_t *bytes, size_t len)
{
    static struct box_plain plain;
    struct channel_input input = {bytes, len, 0};
    size_t plain_len;
    int event;

    do {
        event =
            channel_next(&relay->channel, relay->env.env, &input, &relay->keys, &relay->client_key, &plain, &plain_len);
        relay->opened |= event == CHANNEL_OPENED;
        if (event == CHANNEL_PACKET) {
            take_packet(relay, &plain, plain_len);
        }
    } while (event > 0);
    relay->error = event;
}

/* As a socket that takes all that was queued. */
static void close_link(void *user, struct toxtcp_link *link)
{
    struct raw_relay *relay = user;
    const uint8_t *bytes;

    net_require(relay->link == link, "a link is closed twice");
    net_require(toxtcp_link_driver_data(link) == relay, "the driver's data is another's");
    const size_t len = toxtcp_link_output(link, &bytes);
    if (len > 0) {
        take_bytes(relay, bytes, len);
    }
    relay->link = NULL;
    relay->closed_count++;
}

void raw_relay_init(struct raw_relay *relay, uint64_t seed)
{
    memset(relay, 0, sizeof *relay);
    net_env_init(&relay->env, seed);
    toxtcp_key_pair_generate(relay->env.env, &relay->keys);
    relay->driver = (struct toxtcp_driver){.user = relay, .output_ready = output_ready, .close = close_link};
    relay->now_ms = 1002000; /* on the beat of idle pings */
}

void raw_relay_finish(struct raw_relay *relay)
{
    net_require(!relay->link, "the link has not ended");
    channel_free(&relay->channel, relay->env.env);
    free(relay->packets);
    net_env_finish(&relay->env);
}

void raw_relay_dial(struct raw_relay *relay, struct toxtcp_link *link)
{
    relay->link = link;
    toxtcp_link_set_driver_data(link, relay);
}

void raw_relay_connect(struct raw_relay *relay)
{
    toxtcp_link_connected(relay->link, NULL, relay->now_ms);
}

void raw_relay_read(struct raw_relay *relay, size_t len)
{
    const uint8_t *bytes;

    if (!relay->link) {
        return;
    }
    const size_t waiting = toxtcp_link_output(relay->link, &bytes);
    net_require(waiting == 0 || relay->output_said, "a link has output and has not said so");
    const size_t taken = len < waiting ? len : waiting;
    if (taken > 0) {
        take_bytes(relay, bytes, taken);
        relay->output_said = taken < waiting;
        toxtcp_link_sent(relay->link, taken, relay->now_ms);
    }
}

bool raw_relay_take(struct raw_relay *relay, struct raw_relay_packet *packet)
{
    if (relay->packet_count == 0) {
        return false;
    }
    *packet = relay->packets[0];
    relay->packet_count--;
    memmove(relay->packets, relay->packets + 1, relay->packet_count * sizeof(struct raw_relay_packet));
    return true;
}

void raw_relay_send_plain(struct raw_relay *relay, const uint8_t *bytes, size_t len)
{
    static struct box_plain plain;

    memcpy(plain.bytes, bytes, len);
    net_require(channel_send(&relay->channel, relay->env.env, &plain, len) == 0, "the relay cannot send");
}

void raw_relay_send(struct raw_relay *relay, const struct packet *packet)
{
    static uint8_t plain[WIRE_PLAIN_MAX];

    raw_relay_send_plain(relay, plain, packet_encode(packet, plain));
}

void raw_relay_send_bytes(struct raw_relay *relay, const uint8_t *bytes, size_t len)
{
    memcpy(net_must(buffer_reserve(&relay->channel.out, relay->env.env, len)), bytes, len);
    buffer_commit(&relay->channel.out, len);
}

int raw_relay_flush(struct raw_relay *relay)
{
    const size_t len = buffer_len(&relay->channel.out);
    /* Of exactly that length, so that a memory checker sees every byte read beside it. */
    uint8_t *copy = net_must(malloc(len ? len : 1));
    int error = 0;

    if (len > 0) {
        memcpy(copy, buffer_peek(&relay->channel.out), len);
        buffer_consume(&relay->channel.out, relay->env.env, len);
    }
    if (relay->link) {
        error = toxtcp_link_recv(relay->link, copy, len, relay->now_ms);
    }
    free(copy);
    return error;
}

void raw_relay_end(struct raw_relay *relay, int error)
{
    struct toxtcp_link *link = relay->link;

    relay->link = NULL;
    if (link) {
        toxtcp_link_closed(link, error, relay->now_ms);
    }
}
