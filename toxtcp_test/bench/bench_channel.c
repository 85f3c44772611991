/* How fast a channel seals and opens, framing included, beside libsodium's crypto_box. SPDX-License-Identifier: ISC
 *
 * Both do the same: they seal a burst of packets, then open it. Short runs of the one and the other take turns, so that
 * whatever slows the machine slows both; the median of many ratios counts. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "bench/report.h"
#include "channel.h"
#include "support/net_env.h"

enum { BURST = 32, ROUNDS = 301, RUN_NS = 400000 };

static struct net_env test_env;
static struct channel client;
static struct channel relay;
static struct box_plain plain;

/* All that waits in `from` goes to `to`. Returns how many packets came out. */
static uint32_t move(struct channel *from, struct channel *to, const struct toxtcp_key_pair *keys)
{
    static struct box_plain opened;
    struct toxtcp_public_key key;
    const size_t len = buffer_len(&from->out);
    struct channel_input input = {buffer_peek(&from->out), len, 0};
    uint32_t packets = 0;
    size_t opened_len;
    int event;

    do {
        event = channel_next(to, test_env.env, &input, keys, keys ? &key : NULL, &opened, &opened_len);
        packets += event == CHANNEL_PACKET;
    } while (event > 0);
    net_require(event == CHANNEL_NOTHING, "a packet does not open");
    buffer_consume(&from->out, test_env.env, len);
    return packets;
}

static void open_channels(void)
{
    struct toxtcp_key_pair client_keys;
    struct toxtcp_key_pair relay_keys;

    toxtcp_key_pair_generate(test_env.env, &client_keys);
    toxtcp_key_pair_generate(test_env.env, &relay_keys);
    net_require(channel_connect(&client, test_env.env, &client_keys, &relay_keys.public_key) == 0, "no request");
    (void)move(&client, &relay, &relay_keys);
    (void)move(&relay, &client, NULL);
    net_require(client.state == CHANNEL_OPEN && relay.state == CHANNEL_OPEN, "no handshake");
}

static void channel_burst(size_t len)
{
    for (uint32_t i = 0; i < BURST; i++) {
        net_require(channel_send(&client, test_env.env, &plain, len) == 0, "a packet is not sent");
    }
    net_require(move(&client, &relay, NULL) == BURST, "a packet is missing");
}

static void sodium_burst(size_t len)
{
    static uint8_t boxes[BURST][WIRE_BOX_MAX];
    static uint8_t opened[WIRE_PLAIN_MAX];
    static struct box_nonce sending;
    static struct box_nonce receiving;
    static const uint8_t key[32] = {1};
    int failed = 0;

    for (uint32_t i = 0; i < BURST; i++) {
        failed |= crypto_box_easy_afternm(boxes[i], plain.bytes, len, sending.bytes, key);
        box_nonce_increment(&sending);
    }
    for (uint32_t i = 0; i < BURST; i++) {
        failed |= crypto_box_open_easy_afternm(opened, boxes[i], len + WIRE_MAC_SIZE, receiving.bytes, key);
        box_nonce_increment(&receiving);
    }
    net_require(failed == 0, "libsodium fails");
}

/* ns for each packet. */
static double run(void (*burst)(size_t), size_t len, uint32_t bursts)
{
    const uint64_t start = report_cpu_ns();

    for (uint32_t i = 0; i < bursts; i++) {
        burst(len);
    }
    return (double)(report_cpu_ns() - start) / bursts / BURST;
}

static void compare_at(size_t len, double budget)
{
    static double ratios[ROUNDS];
    static double channel_ns[ROUNDS];
    static double sodium_ns[ROUNDS];
    char name[80];

    const double warm = run(sodium_burst, len, 20) + run(channel_burst, len, 20);
    const uint32_t bursts = 1 + (uint32_t)(RUN_NS / (warm * BURST / 2));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        channel_ns[i] = run(channel_burst, len, bursts);
        sodium_ns[i] = run(sodium_burst, len, bursts);
        ratios[i] = sodium_ns[i] / channel_ns[i];
    }
    (void)snprintf(name, sizeof name, "%zu bytes: as fast as crypto_box", len);
    report_row(name, report_median(ratios, ROUNDS), "times", REPORT_AT_LEAST, budget);
    report_row("    channel, seal and open", report_median(channel_ns, ROUNDS), "ns/packet", REPORT_FOR_INFORMATION, 0);
    report_row("    crypto_box_(open_)easy_afternm", report_median(sodium_ns, ROUNDS), "ns/packet",
               REPORT_FOR_INFORMATION, 0);
}

int main(void)
{
    net_env_init(&test_env, 1);
    open_channels();
    report_title("Sealing and opening, framing included");
    compare_at(64, 1.2);
    compare_at(512, 2.0);
    compare_at(1373, 1.05);
    channel_free(&client, test_env.env);
    channel_free(&relay, test_env.env);
    net_env_finish(&test_env);
    return report_end();
}
