/* What the relay's tests stand on. SPDX-License-Identifier: ISC */
#include "server_bed.h"

#include <string.h>

#include "net_env.h"

void bed_open(struct bed *bed, uint64_t seed, const struct toxtcp_server_config *config)
{
    memset(bed, 0, sizeof *bed);
    bed->net = net_new(seed);
    bed->keys = net_keys(bed->net);
    bed->address = net_address(BED_PORT);
    net_require(toxtcp_server_new(net_env(bed->net), net_driver(bed->net), config, &bed->keys, &bed->server) == 0,
                "no server");
    net_listen(bed->net, &bed->address, bed->server);
    net_add_server(bed->net, bed->server);
}

void bed_close(struct bed *bed)
{
    net_step(bed->net);
    net_remove(bed->net, bed->server);
    toxtcp_server_free(bed->server);
    for (size_t i = 0; i < bed->client_count; i++) {
        raw_client_free(bed->clients[i]);
    }
    net_free(bed->net);
}

struct raw_client *bed_dial(struct bed *bed, const struct toxtcp_key_pair *keys, const struct toxtcp_address *source)
{
    const struct toxtcp_key_pair own = net_keys(bed->net);
    struct raw_client *client =
        raw_client_new(bed->net, &bed->address, &bed->keys.public_key, keys ? keys : &own, source);

    net_require(bed->client_count < BED_CLIENTS_MAX, "too many clients for the bed");
    bed->clients[bed->client_count] = client;
    bed->client_count++;
    net_step(bed->net);
    return client;
}

void bed_expect_served(struct bed *bed, struct raw_client *client)
{
    const uint64_t id = net_random(bed->net) | 1;

    raw_client_send_ping_id(client, WIRE_PING, id);
    net_step(bed->net);
    const struct packet *pong = raw_client_expect(client, WIRE_PONG);
    net_require(memcmp(pong->ping_id, &id, sizeof id) == 0, "a pong with another id");
    raw_client_expect_nothing(client);
}

struct raw_client *bed_join(struct bed *bed, const struct toxtcp_key_pair *keys)
{
    struct raw_client *client = bed_dial(bed, keys, NULL);

    bed_expect_served(bed, client);
    return client;
}

void bed_leave(struct bed *bed, struct raw_client *client)
{
    for (size_t i = 0; i < bed->client_count; i++) {
        if (bed->clients[i] == client) {
            bed->client_count--;
            bed->clients[i] = bed->clients[bed->client_count];
            raw_client_free(client);
            net_step(bed->net);
            return;
        }
    }
    net_require(false, "no such client");
}

uint8_t bed_ask(struct bed *bed, struct raw_client *client, const struct toxtcp_public_key *peer)
{
    raw_client_send_key(client, WIRE_ROUTING_REQUEST, peer);
    net_step(bed->net);
    const struct packet *response = raw_client_expect(client, WIRE_ROUTING_RESPONSE);
    net_require(toxtcp_public_key_equal(&response->key, peer), "a response for another key");
    return response->id;
}

struct bed_pair bed_link(struct bed *bed, struct raw_client *a, struct raw_client *b)
{
    struct bed_pair pair = {.a = a, .b = b};

    pair.a_id = bed_ask(bed, a, &b->keys.public_key);
    raw_client_expect_nothing(a);
    pair.b_id = bed_ask(bed, b, &a->keys.public_key);
    net_require(raw_client_expect(a, WIRE_CONNECT)->id == pair.a_id, "a is told of another id");
    net_require(raw_client_expect(b, WIRE_CONNECT)->id == pair.b_id, "b is told of another id");
    raw_client_expect_nothing(a);
    raw_client_expect_nothing(b);
    return pair;
}

struct bed_pair bed_join_pair(struct bed *bed)
{
    /* One after the other: compilers differ in the order of arguments. */
    struct raw_client *a = bed_join(bed, NULL);
    struct raw_client *b = bed_join(bed, NULL);

    return bed_link(bed, a, b);
}

static void expect_way(struct bed *bed, struct raw_client *from, uint8_t from_id, struct raw_client *to, uint8_t to_id)
{
    const uint64_t data = net_random(bed->net);

    raw_client_send_data(from, from_id, (const uint8_t *)&data, sizeof data);
    net_step(bed->net);
    const struct packet *packet = raw_client_expect(to, WIRE_DATA);
    net_require(packet->id == to_id, "data under another id");
    net_require(packet->data_len == sizeof data && memcmp(packet->data, &data, sizeof data) == 0, "data is changed");
}

void bed_expect_linked(struct bed *bed, const struct bed_pair *pair)
{
    expect_way(bed, pair->a, pair->a_id, pair->b, pair->b_id);
    expect_way(bed, pair->b, pair->b_id, pair->a, pair->a_id);
}

struct toxtcp_server_info bed_info(const struct bed *bed)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(bed->server, &info);
    return info;
}

struct toxtcp_server_config bed_defaults(void)
{
    struct toxtcp_server_config config;

    toxtcp_server_config_default(&config);
    return config;
}

struct toxtcp_address bed_ipv4(uint8_t last, uint16_t port)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, last}, .port = port};
}

unsigned bed_let_in(struct bed *bed, uint8_t source, unsigned count)
{
    const struct toxtcp_address address = bed_ipv4(source, 1);
    unsigned in = 0;

    for (unsigned i = 0; i < count; i++) {
        struct net_raw *end = net_raw_dial(bed->net, &bed->address, &address);
        net_step(bed->net);
        in += net_raw_error(end) == 0;
        net_raw_close(end);
        net_step(bed->net);
    }
    return in;
}

void bed_stop_reading(struct bed *bed, struct raw_client *client)
{
    net_set_window(bed->net, 1000);
    net_raw_pause(client->end, true);
}

bool bed_is_closed(struct raw_client *client)
{
    return raw_client_error(client) == TOXTCP_ERR_CLOSED;
}

void bed_send_data(const struct bed_pair *pair, unsigned count)
{
    static const uint8_t data[BED_DATA_LEN];

    for (unsigned i = 0; i < count; i++) {
        raw_client_send_data(pair->a, pair->a_id, data, sizeof data);
    }
}
