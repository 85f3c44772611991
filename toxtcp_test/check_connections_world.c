/* What the tests of connections share. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

struct world world;
struct node alice;
struct node bob;

/* --- Relays --- */

void world_start(uint32_t relay)
{
    ck_assert_ptr_null(world.servers[relay]);
    ck_assert_int_eq(toxtcp_server_new(net_env(world.net), net_driver(world.net), NULL, &world.relay_keys[relay],
                                       &world.servers[relay]),
                     TOXTCP_OK);
    net_add_server(world.net, world.servers[relay]);
    net_listen(world.net, &world.addresses[relay], world.servers[relay]);
}

void world_kill(uint32_t relay)
{
    net_remove(world.net, world.servers[relay]);
    toxtcp_server_free(world.servers[relay]);
    world.servers[relay] = NULL;
}

void world_open(uint32_t relays)
{
    world = (struct world){.net = net_new(1)};
    alice = (struct node){0};
    bob = (struct node){0};
    for (uint32_t i = 0; i < WORLD_RELAYS; i++) {
        world.relay_keys[i] = net_keys(world.net);
        world.addresses[i] = net_address((uint16_t)(1000 + i));
        if (i < relays) {
            world_start(i);
        }
    }
}

void world_open_all(void)
{
    world_open(WORLD_RELAYS);
}

void world_close(void)
{
    node_close(&alice);
    node_close(&bob);
    for (uint32_t i = 0; i < WORLD_RELAYS; i++) {
        if (world.servers[i]) {
            world_kill(i);
        }
    }
    net_free(world.net);
}

struct toxtcp_endpoint world_endpoint(uint32_t relay)
{
    return (struct toxtcp_endpoint){.address = world.addresses[relay]};
}

uint32_t world_streams(uint32_t relay)
{
    return net_stream_count(world.net, &world.addresses[relay]);
}

uint64_t world_dials(uint32_t relay)
{
    return net_dial_count(world.net, &world.addresses[relay]);
}

/* --- What nodes are told --- */

static void run_hook(struct node *node, const char *what)
{
    if (node->hook) {
        node->hook(node, what);
    }
}

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    struct node *node = user;

    node->data_count++;
    node->data_peer = peer;
    node->data_user = peer_user;
    node->data_relay = relay;
    node->data_len = len;
    memcpy(node->data, data, len);
    run_hook(node, "peer_data");
}

static void on_peer_state(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state)
{
    struct node *node = user;

    (void)peer_user;
    node->state_count++;
    node->state_peer = peer;
    node->state = state;
    run_hook(node, "peer_state");
}

static void on_peer_can_send(void *user, struct toxtcp_peer peer, void *peer_user)
{
    struct node *node = user;

    (void)peer;
    (void)peer_user;
    node->can_send_count++;
    run_hook(node, "peer_can_send");
}

static void on_stranger_oob(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                            const uint8_t *data, size_t len)
{
    struct node *node = user;

    node->stranger_count++;
    node->stranger_relay = relay;
    node->stranger_key = *sender;
    node->data_len = len;
    memcpy(node->data, data, len);
    run_hook(node, "stranger_oob");
}

static void on_relay_state(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    struct node *node = user;
    struct toxtcp_relay_info info;

    /* The handle is good, and the object says the same. */
    ck_assert_int_eq(toxtcp_relay_get_info(node->connections, relay, &info), TOXTCP_OK);
    ck_assert_int_eq(info.state, state);
    ck_assert_int_eq(error != 0, state == TOXTCP_RELAY_WAITING);
    node->relay_state_count++;
    node->relay_state = state;
    node->relay_error = error;
    node->waiting_count += state == TOXTCP_RELAY_WAITING;
    run_hook(node, "relay_state");
}

static void on_onion_response(void *user, struct toxtcp_relay relay, const uint8_t *data, size_t len)
{
    struct node *node = user;

    node->onion_count++;
    node->data_relay = relay;
    node->data_len = len;
    memcpy(node->data, data, len);
    run_hook(node, "onion_response");
}

static void on_forwarded(void *user, struct toxtcp_relay relay, const uint8_t *data, size_t len)
{
    struct node *node = user;

    node->forwarded_count++;
    node->data_relay = relay;
    node->data_len = len;
    memcpy(node->data, data, len);
    run_hook(node, "forwarded");
}

static const struct toxtcp_connections_callbacks callbacks = {
    .peer_data = on_peer_data,
    .peer_state = on_peer_state,
    .peer_can_send = on_peer_can_send,
    .stranger_oob = on_stranger_oob,
    .relay_state = on_relay_state,
    .onion_response = on_onion_response,
    .forwarded = on_forwarded,
};

/* --- Nodes --- */

int node_try_open(struct node *node, const struct toxtcp_connections_config *config)
{
    *node = (struct node){.keys = net_keys(world.net), .hook = node->hook};
    net_watch_secret(world.net, node->keys.secret_key.bytes);
    const int error = toxtcp_connections_new(net_env(world.net), net_driver(world.net), config, &node->keys, &callbacks,
                                             node, &node->connections);
    if (!error) {
        net_add_connections(world.net, node->connections);
    }
    return error;
}

void node_open(struct node *node, const struct toxtcp_connections_config *config)
{
    ck_assert_int_eq(node_try_open(node, config), TOXTCP_OK);
}

void node_close(struct node *node)
{
    if (node->connections) {
        net_remove(world.net, node->connections);
        toxtcp_connections_free(node->connections);
        node->connections = NULL;
    }
}

struct toxtcp_peer node_add(struct node *node, const struct node *other)
{
    struct toxtcp_peer peer;

    ck_assert_int_eq(toxtcp_peer_add(node->connections, &other->keys.public_key, (void *)(uintptr_t)other, &peer),
                     TOXTCP_OK);
    return peer;
}

struct toxtcp_peer node_add_stranger(struct node *node)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    struct toxtcp_peer peer;

    ck_assert_int_eq(toxtcp_peer_add(node->connections, &keys.public_key, NULL, &peer), TOXTCP_OK);
    return peer;
}

struct toxtcp_relay node_tie(struct node *node, struct toxtcp_peer peer, uint32_t relay)
{
    const struct toxtcp_endpoint endpoint = world_endpoint(relay);
    struct toxtcp_relay handle;

    ck_assert_int_eq(
        toxtcp_peer_add_relay(node->connections, peer, &endpoint, &world.relay_keys[relay].public_key, &handle),
        TOXTCP_OK);
    return handle;
}

struct toxtcp_relay node_own(struct node *node, uint32_t relay)
{
    const struct toxtcp_endpoint endpoint = world_endpoint(relay);
    struct toxtcp_relay handle;

    ck_assert_int_eq(toxtcp_relay_add(node->connections, &endpoint, &world.relay_keys[relay].public_key, &handle),
                     TOXTCP_OK);
    return handle;
}

bool node_knows(const struct node *node, uint32_t relay)
{
    struct toxtcp_relay handle;

    return toxtcp_relay_find(node->connections, &world.relay_keys[relay].public_key, &handle) == TOXTCP_OK;
}

struct toxtcp_relay node_relay(const struct node *node, uint32_t relay)
{
    struct toxtcp_relay handle;

    ck_assert_int_eq(toxtcp_relay_find(node->connections, &world.relay_keys[relay].public_key, &handle), TOXTCP_OK);
    return handle;
}

struct toxtcp_relay_info node_relay_info(const struct node *node, uint32_t relay)
{
    struct toxtcp_relay_info info;

    ck_assert_int_eq(toxtcp_relay_get_info(node->connections, node_relay(node, relay), &info), TOXTCP_OK);
    return info;
}

enum toxtcp_relay_state node_relay_state(const struct node *node, uint32_t relay)
{
    return node_relay_info(node, relay).state;
}

struct toxtcp_peer_info node_peer_info(const struct node *node, struct toxtcp_peer peer)
{
    struct toxtcp_peer_info info;

    ck_assert_int_eq(toxtcp_peer_get_info(node->connections, peer, &info), TOXTCP_OK);
    return info;
}

struct toxtcp_connections_info node_info(const struct node *node)
{
    struct toxtcp_connections_info info;

    toxtcp_connections_get_info(node->connections, &info);
    return info;
}

int node_primary(const struct node *node, struct toxtcp_peer peer)
{
    const struct toxtcp_peer_info info = node_peer_info(node, peer);
    struct toxtcp_relay_info relay;
    int primary = -1;

    for (uint32_t i = 0; i < info.slot_count; i++) {
        if (info.slots[i].primary) {
            ck_assert_int_eq(primary, -1);
            ck_assert_int_eq(toxtcp_relay_get_info(node->connections, info.slots[i].relay, &relay), TOXTCP_OK);
            primary = relay.address.port - world.addresses[0].port;
        }
    }
    return primary;
}

int node_send(struct node *node, struct toxtcp_peer peer, const char *text)
{
    return toxtcp_peer_send(node->connections, peer, (const uint8_t *)text, strlen(text));
}

bool node_heard(const struct node *node, const char *text)
{
    return node->data_len == strlen(text) && memcmp(node->data, text, node->data_len) == 0;
}

void meet(uint32_t relays, struct toxtcp_peer *bob_at_alice, struct toxtcp_peer *alice_at_bob)
{
    node_open(&alice, NULL);
    node_open(&bob, NULL);
    *bob_at_alice = node_add(&alice, &bob);
    *alice_at_bob = node_add(&bob, &alice);
    for (uint32_t i = 0; i < relays; i++) {
        (void)node_tie(&alice, *bob_at_alice, i);
        (void)node_tie(&bob, *alice_at_bob, i);
    }
    net_run(world.net, 100);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, *bob_at_alice), (int)relays);
    ck_assert_int_eq(toxtcp_peer_online_count(bob.connections, *alice_at_bob), (int)relays);
}

/* --- A relay that does what the test says --- */

void fake_open(struct fake *fake, uint16_t port)
{
    *fake = (struct fake){.keys = net_keys(world.net), .address = net_address(port)};
    net_raw_listen(world.net, &fake->address);
}

void fake_close(struct fake *fake)
{
    channel_free(&fake->channel, net_env(world.net));
    net_raw_close(fake->end);
    fake->end = NULL;
}

static void flush(struct fake *fake)
{
    struct buffer *out = &fake->channel.out;

    if (buffer_len(out) > 0) {
        net_raw_write(fake->end, buffer_peek(out), buffer_len(out));
        buffer_consume(out, net_env(world.net), buffer_len(out));
    }
}

/* One byte at a time, so that nothing is read beyond what is asked for. */
bool fake_next(struct fake *fake)
{
    struct toxtcp_public_key key;
    uint8_t byte;
    size_t len;

    fake->end = fake->end ? fake->end : net_raw_accept(world.net, &fake->address);
    while (fake->end && net_raw_read(fake->end, &byte, 1) == 1) {
        struct channel_input input = {&byte, 1, 0};
        const int event =
            channel_next(&fake->channel, net_env(world.net), &input, &fake->keys, &key, &fake->plain, &len);
        ck_assert_int_ge(event, 0);
        flush(fake);
        if (event == CHANNEL_PACKET) {
            ck_assert_int_eq(packet_decode(fake->plain.bytes, len, PACKET_FROM_CLIENT, &fake->packet), 0);
            fake->count++;
            return true;
        }
    }
    return false;
}

void fake_send(struct fake *fake, const struct packet *packet)
{
    struct box_plain plain;
    const size_t len = packet_encode(packet, plain.bytes);

    ck_assert_int_eq(channel_send(&fake->channel, net_env(world.net), &plain, len), 0);
    flush(fake);
}

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
