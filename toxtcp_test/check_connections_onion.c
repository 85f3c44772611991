/* Connections: relays for onion, lists of relays, bytes that are passed through. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static uint32_t connected_count(void)
{
    return node_info(&alice).connected_count;
}

/* --- Onion --- */

START_TEST(onion_wakes_as_many_as_it_needs)
{
    struct toxtcp_relay relay;

    node_open(&alice, NULL);
    const struct toxtcp_peer peer = node_add_stranger(&alice);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_tie(&alice, peer, i);
    }
    (void)node_own(&alice, 5);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(connected_count(), 1);
    ck_assert_int_eq(toxtcp_connections_random_onion_relay(alice.connections, &relay), TOXTCP_ERR_NOT_FOUND);
    toxtcp_connections_set_onion(alice.connections, true);
    ck_assert_uint_eq(node_info(&alice).onion_count, 1);
    net_step(world.net);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_uint_eq(node_info(&alice).onion_count, 3);
    net_run(world.net, HOUR);
    ck_assert_uint_eq(connected_count(), 3);
    /* One dies: another takes its mark. */
    for (uint32_t i = 0; i < 5; i++) {
        if (node_relay_state(&alice, i) == TOXTCP_RELAY_CONNECTED) {
            world_kill(i);
            break;
        }
    }
    net_step(world.net);
    ck_assert_uint_eq(node_info(&alice).onion_count, 3);
    toxtcp_connections_set_onion(alice.connections, false);
    ck_assert_uint_eq(node_info(&alice).onion_count, 0);
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(connected_count(), 1);
    ck_assert_int_eq(toxtcp_connections_random_onion_relay(alice.connections, &relay), TOXTCP_ERR_NOT_FOUND);
}
END_TEST

START_TEST(onion_relays_at_random)
{
    struct toxtcp_relay relay;
    uint32_t seen = 0;

    node_open(&alice, NULL);
    const struct toxtcp_peer peer = node_add_stranger(&alice);
    for (uint32_t i = 0; i < 6; i++) {
        (void)node_tie(&alice, peer, i);
    }
    net_run(world.net, SECOND);
    toxtcp_connections_set_onion(alice.connections, true);
    toxtcp_connections_set_onion(alice.connections, true);
    ck_assert_uint_eq(node_info(&alice).onion_count, 3);
    for (int i = 0; i < 200; i++) {
        struct toxtcp_relay_info info;
        ck_assert_int_eq(toxtcp_connections_random_onion_relay(alice.connections, &relay), TOXTCP_OK);
        ck_assert_int_eq(toxtcp_relay_get_info(alice.connections, relay, &info), TOXTCP_OK);
        ck_assert(info.onion);
        ck_assert_int_eq(info.state, TOXTCP_RELAY_CONNECTED);
        seen |= 1u << (info.address.port - 1000);
    }
    ck_assert_int_eq(__builtin_popcount(seen), 3);
    /* A marked one that is removed gives its mark to another. */
    ck_assert_int_eq(toxtcp_relay_remove(alice.connections, relay), TOXTCP_OK);
    ck_assert_uint_eq(node_info(&alice).onion_count, 3);
}
END_TEST

/* --- Lists --- */

static uint32_t list(uint32_t start, uint32_t count)
{
    struct toxtcp_node nodes[WORLD_RELAYS];
    uint32_t seen = 0;

    const uint32_t listed = toxtcp_connections_list_connected(alice.connections, start, nodes, count);
    for (uint32_t i = 0; i < listed; i++) {
        const uint32_t relay = nodes[i].address.port - 1000u;
        ck_assert(toxtcp_public_key_equal(&nodes[i].public_key, &world.relay_keys[relay].public_key));
        ck_assert(toxtcp_address_equal(&nodes[i].address, &world.addresses[relay]));
        ck_assert(!(seen & 1u << relay));
        seen |= 1u << relay;
    }
    ck_assert_int_eq(__builtin_popcount(seen), (int)listed);
    return seen;
}

START_TEST(list_of_connected_relays)
{
    uint32_t starts = 0;

    node_open(&alice, NULL);
    ck_assert_uint_eq(list(0, 4), 0);
    ck_assert_uint_eq(list(TOXTCP_START_RANDOM, 4), 0);
    const struct toxtcp_peer peer = node_add_stranger(&alice);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_tie(&alice, peer, i);
    }
    ck_assert_uint_eq(list(0, 8), 0);
    world_kill(2);
    net_run(world.net, SECOND);
    /* Connected are 0, 1, 3, 4. */
    ck_assert_uint_eq(list(0, 0), 0);
    ck_assert_uint_eq(list(0, 2), 0x03);
    ck_assert_uint_eq(list(1, 2), 0x0a);
    ck_assert_uint_eq(list(3, 2), 0x11);
    ck_assert_uint_eq(list(4, 1), 0x01);
    ck_assert_uint_eq(list(5, 1), 0x02);
    ck_assert_uint_eq(list(2, 4), 0x1b);
    ck_assert_uint_eq(list(2, 8), 0x1b);
    for (int i = 0; i < 200; i++) {
        starts |= list(TOXTCP_START_RANDOM, 1);
        ck_assert_uint_eq(list(TOXTCP_START_RANDOM, 8), 0x1b);
    }
    ck_assert_uint_eq(starts, 0x1b);
}
END_TEST

/* A relay added by name is listed with the address that the driver found for it. */
START_TEST(relays_by_name)
{
    const struct toxtcp_endpoint endpoint = {.host = "relay.example", .address = {.port = 1000}};
    const struct toxtcp_endpoint nowhere = {.host = "relay.invalid", .address = {.port = 1001}};

    node_open(&alice, NULL);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &world.relay_keys[0].public_key, NULL), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &nowhere, &world.relay_keys[1].public_key, NULL), TOXTCP_OK);
    net_run(world.net, 100);
    ck_assert_uint_eq(list(0, 4), 1);
    ck_assert_str_eq(node_relay_info(&alice, 0).host, "relay.example");
    ck_assert_int_eq(node_relay_info(&alice, 1).last_error, TOXTCP_ERR_HOST_UNKNOWN);
}
END_TEST

/* --- Onion and forwarding bytes --- */

START_TEST(onion_and_forwarding_pass_through)
{
    uint8_t nonce[TOXTCP_ONION_NONCE_SIZE] = {7};
    uint8_t body[TOXTCP_ONION_BODY_MIN] = {2, 9};
    const struct toxtcp_address to = net_address(33);
    struct fake fake;
    struct toxtcp_relay relay;

    fake_open(&fake, 999);
    const struct toxtcp_endpoint endpoint = {.address = fake.address};
    node_open(&alice, NULL);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &fake.keys.public_key, &relay), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_relay_send_onion(alice.connections, relay, nonce, body, sizeof body),
                     TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(toxtcp_connections_send_forward(alice.connections, &fake.address, &to, body, 3),
                     TOXTCP_ERR_NOT_FOUND);
    net_step(world.net);
    ck_assert(!fake_next(&fake));
    net_step(world.net);
    while (fake_next(&fake)) { /* the ping, the probe */
    }
    ck_assert_int_eq(toxtcp_relay_send_onion(alice.connections, relay, nonce, body, sizeof body - 1), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(toxtcp_relay_send_onion(alice.connections, relay, nonce, body, sizeof body), TOXTCP_OK);
    net_step(world.net);
    ck_assert(fake_next(&fake));
    ck_assert_int_eq(fake.packet.kind, WIRE_ONION_REQUEST);
    ck_assert_uint_eq(fake.packet.data_len, sizeof nonce + sizeof body);
    ck_assert_int_eq(toxtcp_connections_send_forward(alice.connections, &to, &to, body, 3), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_connections_send_forward(alice.connections, &fake.address, &to, body, 3), TOXTCP_OK);
    net_step(world.net);
    ck_assert(fake_next(&fake));
    ck_assert_int_eq(fake.packet.kind, WIRE_FORWARD_REQUEST);
    ck_assert_uint_eq(fake.packet.data_len, 7 + 3);
    fake_send(&fake, &(struct packet){.kind = WIRE_ONION_RESPONSE, .data = body, .data_len = 70});
    fake_send(&fake, &(struct packet){.kind = WIRE_FORWARDING, .data = body, .data_len = 2});
    net_step(world.net);
    ck_assert_uint_eq(alice.onion_count, 1);
    ck_assert_uint_eq(alice.forwarded_count, 1);
    ck_assert_uint_eq(alice.data_len, 2);
    ck_assert_mem_eq(alice.data, body, 2);
    ck_assert_mem_eq(&alice.data_relay, &relay, sizeof relay);
    fake_close(&fake);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections_onion");
    TCase *tests = tcase_create("connections_onion");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, world_open_all, world_close);
    tcase_add_test(tests, onion_wakes_as_many_as_it_needs);
    tcase_add_test(tests, onion_relays_at_random);
    tcase_add_test(tests, list_of_connected_relays);
    tcase_add_test(tests, relays_by_name);
    tcase_add_test(tests, onion_and_forwarding_pass_through);
    return run_suite(suite);
}
