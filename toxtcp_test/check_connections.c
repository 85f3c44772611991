/* Connections: peers, slots, routes, the way of packets. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

#include "support/net_env.h"

/* --- Tables --- */

START_TEST(peers_by_key_and_handle)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer again;
    struct toxtcp_peer_info info;

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    ck_assert_int_eq(toxtcp_peer_find(alice.connections, &bob.keys.public_key, &peer), TOXTCP_ERR_NOT_FOUND);
    peer = node_add(&alice, &bob);
    ck_assert_int_eq(toxtcp_peer_add(alice.connections, &bob.keys.public_key, NULL, &again), TOXTCP_ERR_EXISTS);
    ck_assert_mem_eq(&again, &peer, sizeof peer);
    ck_assert_int_eq(toxtcp_peer_find(alice.connections, &bob.keys.public_key, &again), TOXTCP_OK);
    ck_assert_mem_eq(&again, &peer, sizeof peer);
    ck_assert_int_eq(toxtcp_peer_add(alice.connections, &alice.keys.public_key, NULL, &again), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, peer), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, peer), TOXTCP_ERR_NOT_FOUND);
    again = node_add(&alice, &bob);
    /* The old handle does not name the new peer, although it sits in the same place. */
    ck_assert_uint_eq(again.index, peer.index);
    ck_assert_int_eq(toxtcp_peer_get_info(alice.connections, peer, &info), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_get_info(alice.connections, (struct toxtcp_peer){0}, &info), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_get_info(alice.connections, (struct toxtcp_peer){77, 1}, &info), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), TOXTCP_ERR_NOT_FOUND);
    const struct toxtcp_endpoint endpoint = world_endpoint(0);
    ck_assert_int_eq(toxtcp_peer_add_relay(alice.connections, peer, &endpoint, &world.relay_keys[0].public_key, NULL),
                     TOXTCP_ERR_NOT_FOUND);
    ck_assert(!node_knows(&alice, 0));
    toxtcp_connections_free(NULL);
    ck_assert_int_eq(node_send(&alice, peer, "x"), TOXTCP_ERR_NOT_FOUND);
}
END_TEST

START_TEST(table_maxima)
{
    struct toxtcp_connections_config config;
    struct toxtcp_endpoint endpoint = world_endpoint(2);
    struct toxtcp_peer peer;

    toxtcp_connections_config_default(&config);
    config.peers_max = 2;
    config.relays_max = 2;
    node_open(&alice, &config);
    for (int i = 0; i < 2; i++) {
        const struct toxtcp_key_pair keys = net_keys(world.net);
        ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys.public_key, NULL, &peer), TOXTCP_OK);
    }
    const struct toxtcp_key_pair keys = net_keys(world.net);
    ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys.public_key, NULL, &peer), TOXTCP_ERR_FULL);
    ck_assert_int_eq(toxtcp_peer_find(alice.connections, &keys.public_key, &peer), TOXTCP_ERR_NOT_FOUND);
    (void)node_own(&alice, 0);
    (void)node_own(&alice, 1);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &world.relay_keys[2].public_key, NULL),
                     TOXTCP_ERR_FULL);
    ck_assert(!node_knows(&alice, 2));
    ck_assert_uint_eq(node_info(&alice).relay_count, 2);
    ck_assert_uint_eq(node_info(&alice).peer_count, 2);
}
END_TEST

START_TEST(endpoints_that_cannot_be_dialled)
{
    char name[TOXTCP_HOST_MAX + 2];
    struct toxtcp_endpoint endpoint = world_endpoint(0);
    const struct toxtcp_public_key *key = &world.relay_keys[0].public_key;
    const struct toxtcp_public_key zero = {{0}};

    memset(name, 'a', sizeof name);
    name[TOXTCP_HOST_MAX + 1] = 0;
    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    endpoint.address.port = 0;
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, key, NULL), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_peer_add_relay(alice.connections, peer, &endpoint, key, NULL), TOXTCP_ERR_INVALID);
    endpoint = world_endpoint(0);
    endpoint.address.family = TOXTCP_FAMILY_NONE;
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, key, NULL), TOXTCP_ERR_INVALID);
    endpoint.host = "";
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, key, NULL), TOXTCP_ERR_INVALID);
    endpoint.host = name;
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, key, NULL), TOXTCP_ERR_INVALID);
    /* A key that no secret key can have could never be connected to. */
    endpoint = world_endpoint(0);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &zero, NULL), TOXTCP_ERR_INVALID);
    ck_assert_uint_eq(node_info(&alice).relay_count, 0);
    name[TOXTCP_HOST_MAX] = 0;
    endpoint.host = name;
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, key, NULL), TOXTCP_OK);
    ck_assert_str_eq(node_relay_info(&alice, 0).host, name);
}
END_TEST

/* --- Ties --- */

START_TEST(relay_is_shared_between_peers)
{
    struct node carol = {.keys = net_keys(world.net)};

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    const struct toxtcp_peer other = node_add(&alice, &carol);
    const struct toxtcp_relay relay = node_tie(&alice, peer, 0);
    net_run(world.net, 10);
    ck_assert_uint_eq(world_streams(0), 1);
    /* A known relay is only tied. */
    const struct toxtcp_relay again = node_tie(&alice, other, 0);
    net_run(world.net, 10);
    ck_assert_mem_eq(&again, &relay, sizeof relay);
    ck_assert_uint_eq(world_dials(0), 1);
    ck_assert_uint_eq(node_relay_info(&alice, 0).peer_count, 2);
    ck_assert_int_eq(node_peer_info(&alice, peer).slots[0].status, TOXTCP_SLOT_REGISTERED);
    ck_assert_int_eq(node_peer_info(&alice, other).slots[0].status, TOXTCP_SLOT_REGISTERED);
    /* One goes, the other still has it. */
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, 60000);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_peer_info(&alice, other).slots[0].status, TOXTCP_SLOT_REGISTERED);
    ck_assert_uint_eq(world_dials(0), 1);
}
END_TEST

START_TEST(seventh_relay_is_refused_before_it_is_dialled)
{
    const struct toxtcp_endpoint endpoint = world_endpoint(6);

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        (void)node_tie(&alice, peer, i);
    }
    ck_assert_int_eq(toxtcp_peer_add_relay(alice.connections, peer, &endpoint, &world.relay_keys[6].public_key, NULL),
                     TOXTCP_ERR_FULL);
    ck_assert(!node_knows(&alice, 6));
    const struct toxtcp_relay owned = node_own(&alice, 7);
    ck_assert_int_eq(toxtcp_peer_tie_relay(alice.connections, peer, owned), TOXTCP_ERR_FULL);
    /* Tying again what is tied is success, in a full peer too. */
    (void)node_tie(&alice, peer, 5);
    net_run(world.net, 1000);
    ck_assert_uint_eq(world_dials(6), 0);
    ck_assert_uint_eq(node_peer_info(&alice, peer).slot_count, TOXTCP_PEER_RELAYS_MAX);
    ck_assert_uint_eq(node_info(&alice).connected_count, TOXTCP_PEER_RELAYS_MAX + 1);
    /* Untie one and there is room. */
    ck_assert_int_eq(toxtcp_peer_untie_relay(alice.connections, peer, node_relay(&alice, 2)), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_untie_relay(alice.connections, peer, node_relay(&alice, 2)), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_tie_relay(alice.connections, peer, owned), TOXTCP_OK);
    net_run(world.net, 1000);
    ck_assert_uint_eq(node_relay_info(&alice, 7).peer_count, 1);
}
END_TEST

START_TEST(fourth_relay_is_not_opened_for_three_online)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    (void)node_tie(&alice, peer, 3);
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_SLEEPING);
    net_run(world.net, 120000);
    ck_assert_uint_eq(world_dials(3), 0);
    /* It is opened as soon as one of the three is missing. */
    (void)node_tie(&bob, back, 3);
    world_kill(1);
    net_run(world.net, 10);
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
    net_run(world.net, 100);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
}
END_TEST

START_TEST(same_key_at_another_address_is_the_same_relay)
{
    const struct toxtcp_endpoint elsewhere = world_endpoint(5);
    struct toxtcp_relay handle;

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    const struct toxtcp_relay relay = node_tie(&alice, peer, 0);
    ck_assert_int_eq(
        toxtcp_peer_add_relay(alice.connections, peer, &elsewhere, &world.relay_keys[0].public_key, &handle),
        TOXTCP_OK);
    ck_assert_mem_eq(&handle, &relay, sizeof relay);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &elsewhere, &world.relay_keys[0].public_key, &handle),
                     TOXTCP_OK);
    ck_assert_mem_eq(&handle, &relay, sizeof relay);
    net_run(world.net, 100);
    ck_assert_uint_eq(world_dials(5), 0);
    ck_assert_uint_eq(world_dials(0), 1);
    const struct toxtcp_relay_info info = node_relay_info(&alice, 0);
    ck_assert(toxtcp_address_equal(&info.address, &world.addresses[0]));
    ck_assert(info.owned);
    ck_assert_uint_eq(node_peer_info(&alice, peer).slot_count, 1);
}
END_TEST

START_TEST(relay_handles)
{
    struct toxtcp_relay_info info;
    uint32_t seen = 0;

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_own(&alice, i);
    }
    const struct toxtcp_relay gone = node_relay(&alice, 2);
    ck_assert_int_eq(toxtcp_relay_remove(alice.connections, gone), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_relay_remove(alice.connections, gone), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_relay_get_info(alice.connections, gone, &info), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_tie_relay(alice.connections, peer, gone), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_untie_relay(alice.connections, peer, gone), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_relay_send_onion(alice.connections, gone, (const uint8_t[TOXTCP_ONION_NONCE_SIZE]){0},
                                             (const uint8_t[TOXTCP_ONION_BODY_MIN]){0}, TOXTCP_ONION_BODY_MIN),
                     TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(
        toxtcp_relay_send_oob(alice.connections, node_relay(&alice, 0), &bob.keys.public_key, (const uint8_t *)"x", 1),
        TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(toxtcp_relay_send_oob(alice.connections, gone, &bob.keys.public_key, (const uint8_t *)"x", 1),
                     TOXTCP_ERR_NOT_FOUND);
    for (struct toxtcp_relay relay = toxtcp_relay_next(alice.connections, (struct toxtcp_relay){0});
         relay.generation != 0; relay = toxtcp_relay_next(alice.connections, relay)) {
        ck_assert_int_eq(toxtcp_relay_get_info(alice.connections, relay, &info), TOXTCP_OK);
        seen |= 1u << (info.address.port - 1000);
    }
    ck_assert_uint_eq(seen, 0x1b);
    (void)node_own(&alice, 7);
    ck_assert_int_eq(toxtcp_relay_get_info(alice.connections, gone, &info), TOXTCP_ERR_NOT_FOUND);
}
END_TEST

/* --- Routes --- */

START_TEST(routes_are_asked_for_awake_peers_when_connected)
{
    struct fake fake;
    struct toxtcp_key_pair keys[4];
    struct toxtcp_peer peers[4];
    bool asked[4] = {false};

    fake_open(&fake, 999);
    node_open(&alice, NULL);
    for (int i = 0; i < 4; i++) {
        const struct toxtcp_endpoint endpoint = {.address = fake.address};
        keys[i] = net_keys(world.net);
        ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys[i].public_key, NULL, &peers[i]), TOXTCP_OK);
        ck_assert_int_eq(toxtcp_peer_add_relay(alice.connections, peers[i], &endpoint, &fake.keys.public_key, NULL),
                         TOXTCP_OK);
    }
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peers[2]), TOXTCP_OK);
    net_step(world.net);
    ck_assert(!fake_next(&fake)); /* the handshake */
    net_step(world.net);
    /* The ping that confirms us comes first. */
    ck_assert(fake_next(&fake));
    ck_assert_int_eq(fake.packet.kind, WIRE_PING);
    while (fake_next(&fake)) {
        if (fake.packet.kind == WIRE_OOB_SEND) {
            continue; /* the probe */
        }
        ck_assert_int_eq(fake.packet.kind, WIRE_ROUTING_REQUEST);
        for (int i = 0; i < 4; i++) {
            asked[i] |= toxtcp_public_key_equal(&fake.packet.key, &keys[i].public_key);
        }
    }
    ck_assert(asked[0] && asked[1] && asked[3]);
    ck_assert(!asked[2]);
    ck_assert_uint_eq(fake.count, 5);
    /* The fourth when it wakes. */
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peers[2]), TOXTCP_OK);
    net_step(world.net);
    ck_assert(fake_next(&fake));
    ck_assert_int_eq(fake.packet.kind, WIRE_ROUTING_REQUEST);
    ck_assert(toxtcp_public_key_equal(&fake.packet.key, &keys[2].public_key));
    ck_assert(!fake_next(&fake));
    fake_close(&fake);
}
END_TEST

START_TEST(a_refused_route_leaves_oob)
{
    struct toxtcp_connections_config config;
    struct fake fake;

    toxtcp_connections_config_default(&config);
    config.client.ping_interval_ms = 3600000;
    config.client.pong_timeout_ms = 3600000;
    fake_open(&fake, 999);
    node_open(&alice, &config);
    node_open(&bob, NULL);
    const struct toxtcp_endpoint endpoint = {.address = fake.address};
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    ck_assert_int_eq(toxtcp_peer_add_relay(alice.connections, peer, &endpoint, &fake.keys.public_key, NULL), TOXTCP_OK);
    net_step(world.net);
    ck_assert(!fake_next(&fake));
    net_step(world.net);
    while (fake_next(&fake)) {
    }
    ck_assert_int_eq(node_send(&alice, peer, "early"), TOXTCP_ERR_NOT_CONNECTED);
    fake_send(&fake, &(struct packet){.kind = WIRE_ROUTING_RESPONSE, .id = 0, .key = bob.keys.public_key});
    net_step(world.net);
    ck_assert_int_eq(node_peer_info(&alice, peer).slots[0].status, TOXTCP_SLOT_NONE);
    ck_assert_int_eq(node_peer_info(&alice, peer).state, TOXTCP_PEER_REGISTERED);
    ck_assert_int_eq(node_send(&alice, peer, "oob"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(fake_next(&fake));
    ck_assert_int_eq(fake.packet.kind, WIRE_OOB_SEND);
    ck_assert(toxtcp_public_key_equal(&fake.packet.key, &bob.keys.public_key));
    ck_assert_uint_eq(fake.packet.data_len, 3);
    ck_assert(!fake_next(&fake));
    /* And it is asked for again after route_retry_ms, without anything else happening meanwhile. */
    for (int i = 0; i < 3; i++) {
        net_run(world.net, 59999);
        ck_assert(!fake_next(&fake));
        net_run(world.net, 1);
        ck_assert(fake_next(&fake));
        ck_assert_int_eq(fake.packet.kind, WIRE_ROUTING_REQUEST);
        fake_send(&fake, &(struct packet){.kind = WIRE_ROUTING_RESPONSE, .id = 0, .key = bob.keys.public_key});
        net_step(world.net);
    }
    net_run(world.net, 60000);
    ck_assert(fake_next(&fake));
    fake_send(&fake, &(struct packet){.kind = WIRE_ROUTING_RESPONSE, .id = 16, .key = bob.keys.public_key});
    net_step(world.net);
    ck_assert_int_eq(node_peer_info(&alice, peer).slots[0].status, TOXTCP_SLOT_REGISTERED);
    fake_close(&fake);
}
END_TEST

/* Of 241 peers on one relay one has no route; it sends OOB, and takes the first place that becomes free. */
START_TEST(more_peers_than_routes)
{
    enum { PEERS = TOXTCP_ROUTES_MAX + 1 };
    struct toxtcp_peer peers[PEERS];
    uint32_t registered = 0;
    int without = -1;

    node_open(&alice, NULL);
    for (int i = 0; i < PEERS; i++) {
        const struct toxtcp_key_pair keys = net_keys(world.net);
        ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys.public_key, NULL, &peers[i]), TOXTCP_OK);
        (void)node_tie(&alice, peers[i], 0);
    }
    net_run(world.net, 100);
    for (int i = 0; i < PEERS; i++) {
        const struct toxtcp_peer_info info = node_peer_info(&alice, peers[i]);
        registered += info.slots[0].status == TOXTCP_SLOT_REGISTERED;
        without = info.slots[0].status == TOXTCP_SLOT_NONE ? i : without;
        ck_assert_int_eq(info.state, TOXTCP_PEER_REGISTERED);
        ck_assert_int_eq(node_send(&alice, peers[i], "oob"), TOXTCP_OK);
    }
    ck_assert_uint_eq(registered, TOXTCP_ROUTES_MAX);
    ck_assert_int_ge(without, 0);
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, peers[without == 0 ? 1 : 0]), TOXTCP_OK);
    net_run(world.net, 10);
    ck_assert_int_eq(node_peer_info(&alice, peers[without]).slots[0].status, TOXTCP_SLOT_REGISTERED);
}
END_TEST

/* --- Data --- */

START_TEST(data_both_ways)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;
    uint8_t data[TOXTCP_DATA_MAX + 1] = {0x1b, 2, 3};

    meet(1, &peer, &back);
    ck_assert_int_eq(alice.state, TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(node_send(&alice, peer, "hello"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "hello"));
    ck_assert_ptr_eq(bob.data_user, &alice);
    ck_assert_mem_eq(&bob.data_peer, &back, sizeof back);
    ck_assert_int_eq(node_send(&bob, back, "world"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&alice, "world"));
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, 0), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, 1), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, TOXTCP_DATA_MAX + 1), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, TOXTCP_DATA_MAX), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 3);
    ck_assert_uint_eq(bob.data_len, TOXTCP_DATA_MAX);
    ck_assert_mem_eq(bob.data, data, TOXTCP_DATA_MAX);
}
END_TEST

START_TEST(primary_is_stable)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    const int primary = node_primary(&alice, peer);
    const struct toxtcp_relay relay = node_relay(&bob, (uint32_t)primary);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(node_send(&alice, peer, "x"), TOXTCP_OK);
        net_run(world.net, 37);
        ck_assert_mem_eq(&bob.data_relay, &relay, sizeof relay);
    }
    ck_assert_uint_eq(bob.data_count, 100);
    /* It dies: the next one takes over and keeps it when the first is back. */
    world_kill((uint32_t)primary);
    net_step(world.net);
    const int next = node_primary(&alice, peer);
    ck_assert_int_ne(next, primary);
    ck_assert_int_eq(node_send(&alice, peer, "after"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "after"));
    world_start((uint32_t)primary);
    net_run(world.net, 10000);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
    ck_assert_int_eq(node_primary(&alice, peer), next);
}
END_TEST

static const uint8_t block[1000] = {0x1b};

/* Fills the way through `relay` while it does not read; returns how many packets went in until another took one. */
static int send_until_other(struct toxtcp_peer peer, uint32_t stalled)
{
    const struct toxtcp_relay relay = node_relay(&bob, stalled);
    int sent = 0;

    do {
        const uint32_t before = bob.data_count;
        ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, block, sizeof block), TOXTCP_OK);
        net_step(world.net);
        sent++;
        if (bob.data_count > before) {
            ck_assert(memcmp(&bob.data_relay, &relay, sizeof relay) != 0);
            return sent;
        }
    } while (sent < 1000);
    ck_abort_msg("the next relay was never used");
    return 0;
}

START_TEST(next_relay_when_one_would_block)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    const uint32_t primary = (uint32_t)node_primary(&alice, peer);
    net_set_window(world.net, 4000);
    net_stall(world.net, &world.addresses[primary], true);
    const int sent = send_until_other(peer, primary);
    ck_assert_int_gt(sent, 60);
    ck_assert_int_eq(node_primary(&alice, peer), (int)primary);
    /* The full one is passed over as long as it is full, and used again when it is not. */
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, block, sizeof block), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 2);
    net_stall(world.net, &world.addresses[primary], false);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, (uint32_t)sent + 1);
    ck_assert_int_eq(node_send(&alice, peer, "again"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "again"));
    const struct toxtcp_relay relay = node_relay(&bob, primary);
    ck_assert_mem_eq(&bob.data_relay, &relay, sizeof relay);
    ck_assert_uint_eq(alice.can_send_count, 0);
}
END_TEST

static void stall_all(uint32_t relays, bool stalled)
{
    for (uint32_t i = 0; i < relays; i++) {
        net_stall(world.net, &world.addresses[i], stalled);
    }
}

static uint32_t fill(struct toxtcp_peer peer)
{
    uint32_t sent = 0;
    int error = TOXTCP_OK;

    while (!error) {
        error = toxtcp_peer_send(alice.connections, peer, block, sizeof block);
        net_step(world.net);
        sent += !error;
    }
    ck_assert_int_eq(error, TOXTCP_ERR_WOULD_BLOCK);
    return sent;
}

/* One relay where the peer is registered only takes OOB, but is not used while others are online, however full. */
START_TEST(all_full)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(2, &peer, &back);
    (void)node_tie(&alice, peer, 2);
    net_run(world.net, 10);
    ck_assert_int_eq(node_peer_info(&alice, peer).slots[2].status, TOXTCP_SLOT_REGISTERED);
    (void)node_own(&bob, 2);
    net_run(world.net, 10);
    net_set_window(world.net, 4000);
    stall_all(2, true);
    const uint32_t sent = fill(peer);
    ck_assert_uint_gt(sent, 120);
    ck_assert_uint_eq(bob.data_count + bob.stranger_count, 0);
    ck_assert_uint_eq(alice.can_send_count, 0);
    ck_assert_int_eq(node_peer_info(&alice, peer).state, TOXTCP_PEER_ONLINE);
    net_stall(world.net, &world.addresses[0], false);
    net_step(world.net);
    ck_assert_uint_eq(alice.can_send_count, 1);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, block, sizeof block), TOXTCP_OK);
    net_stall(world.net, &world.addresses[1], false);
    net_step(world.net);
    /* It is told once for each refusal. */
    ck_assert_uint_eq(alice.can_send_count, 1);
    ck_assert_uint_eq(bob.data_count, sent + 1);
}
END_TEST

START_TEST(a_new_online_relay_unblocks)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(1, &peer, &back);
    net_set_window(world.net, 4000);
    stall_all(1, true);
    (void)fill(peer);
    (void)node_tie(&alice, peer, 1);
    (void)node_tie(&bob, back, 1);
    net_run(world.net, 10);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 2);
    ck_assert_uint_ge(alice.can_send_count, 1);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, block, sizeof block), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 1);
    ck_assert_uint_eq(bob.data_len, sizeof block);
}
END_TEST

static struct toxtcp_peer two_peers[2];

/* The first that is told takes all the room, for both. */
static void grab(struct node *node, const char *what)
{
    if (strcmp(what, "peer_can_send") == 0) {
        for (int i = 0; i < 2; i++) {
            while (toxtcp_peer_send(node->connections, two_peers[i], block, sizeof block) == TOXTCP_OK) {
            }
        }
    }
}

START_TEST(the_other_took_the_room)
{
    const struct node carol = {.keys = net_keys(world.net)};

    alice.hook = grab;
    node_open(&alice, NULL);
    node_open(&bob, NULL);
    two_peers[0] = node_add(&alice, &bob);
    two_peers[1] = node_add(&alice, &carol);
    (void)node_tie(&alice, two_peers[0], 0);
    (void)node_tie(&alice, two_peers[1], 0);
    net_run(world.net, 100);
    net_set_window(world.net, 4000);
    net_stall(world.net, &world.addresses[0], true);
    for (int i = 0; i < 2; i++) {
        while (toxtcp_peer_send(alice.connections, two_peers[i], block, sizeof block) == TOXTCP_OK) {
            net_step(world.net);
        }
    }
    ck_assert_uint_eq(alice.can_send_count, 0);
    net_set_window(world.net, 44000); /* room for more than half of what waits, once */
    net_step(world.net);
    /* The second was refused again before it was told: that is all that it knows until there is room anew. */
    ck_assert_uint_eq(alice.can_send_count, 1);
    net_stall(world.net, &world.addresses[0], false);
    alice.hook = NULL;
    net_step(world.net);
    ck_assert_uint_ge(alice.can_send_count, 2);
}
END_TEST

/* --- OOB --- */

START_TEST(oob_through_every_relay_that_has_the_peer_registered)
{
    uint8_t data[TOXTCP_OOB_MAX + 1] = {0x1b};

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    ck_assert_int_eq(node_send(&alice, peer, "x"), TOXTCP_ERR_NOT_CONNECTED);
    for (uint32_t i = 0; i < 3; i++) {
        (void)node_tie(&alice, peer, i);
        (void)node_own(&bob, i);
    }
    net_run(world.net, 100);
    ck_assert_int_eq(node_peer_info(&alice, peer).state, TOXTCP_PEER_REGISTERED);
    ck_assert_int_eq(alice.state, TOXTCP_PEER_REGISTERED);
    ck_assert_int_eq(node_primary(&alice, peer), -1);
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, TOXTCP_OOB_MAX), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.stranger_count, 3);
    ck_assert_uint_eq(bob.data_len, TOXTCP_OOB_MAX);
    ck_assert(toxtcp_public_key_equal(&bob.stranger_key, &alice.keys.public_key));
    ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, data, TOXTCP_OOB_MAX + 1), TOXTCP_ERR_TOO_LONG);
    /* One that is full, and it is still success. */
    world_kill(2);
    net_step(world.net);
    ck_assert_int_eq(node_send(&alice, peer, "two"), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.stranger_count, 5);
}
END_TEST

START_TEST(oob_blocked_on_some_and_on_all)
{
    const uint32_t first = (uint32_t)_i;
    uint32_t sent = 0;
    int error = TOXTCP_OK;

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    for (uint32_t i = 0; i < 2; i++) {
        (void)node_tie(&alice, peer, i);
        (void)node_own(&bob, i);
    }
    net_run(world.net, 100);
    net_set_window(world.net, 4000);
    net_stall(world.net, &world.addresses[first], true);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(toxtcp_peer_send(alice.connections, peer, block, sizeof block), TOXTCP_OK);
        net_step(world.net);
    }
    ck_assert_uint_eq(bob.stranger_count, 200);
    net_stall(world.net, &world.addresses[1 - first], true);
    while (!error) {
        error = toxtcp_peer_send(alice.connections, peer, block, sizeof block);
        net_step(world.net);
        sent++;
    }
    ck_assert_int_eq(error, TOXTCP_ERR_WOULD_BLOCK);
    ck_assert_uint_gt(sent, 1);
    ck_assert_uint_eq(alice.can_send_count, 0);
    net_stall(world.net, &world.addresses[1 - first], false);
    net_step(world.net);
    ck_assert_uint_eq(alice.can_send_count, 1);
    ck_assert_int_eq(node_send(&alice, peer, "on"), TOXTCP_OK);
}
END_TEST

/* From a peer that we know: as data on a relay tied to it, else as from a stranger. */
START_TEST(oob_from_a_known_peer)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(1, &peer, &back);
    const struct toxtcp_relay tied = node_relay(&alice, 0);
    const struct toxtcp_relay untied = node_own(&alice, 1);
    (void)node_own(&bob, 1);
    net_run(world.net, 10);
    ck_assert_int_eq(toxtcp_relay_send_oob(alice.connections, tied, &bob.keys.public_key, (const uint8_t *)"tied", 4),
                     TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 1);
    ck_assert(node_heard(&bob, "tied"));
    ck_assert_mem_eq(&bob.data_peer, &back, sizeof back);
    ck_assert_int_eq(
        toxtcp_relay_send_oob(alice.connections, untied, &bob.keys.public_key, (const uint8_t *)"untied", 6),
        TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 1);
    ck_assert_uint_eq(bob.stranger_count, 1);
    ck_assert(node_heard(&bob, "untied"));
    /* To ourselves, to see whether the relay works. */
    ck_assert_int_eq(toxtcp_relay_send_oob(alice.connections, untied, &alice.keys.public_key, (const uint8_t *)"me", 2),
                     TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(alice.stranger_count, 1);
    ck_assert(node_heard(&alice, "me"));
}
END_TEST

static void befriend(struct node *node, const char *what)
{
    struct toxtcp_peer peer;

    if (strcmp(what, "stranger_oob") == 0) {
        ck_assert_int_eq(toxtcp_peer_add(node->connections, &node->stranger_key, NULL, &peer), TOXTCP_OK);
        ck_assert_int_eq(toxtcp_peer_tie_relay(node->connections, peer, node->stranger_relay), TOXTCP_OK);
    }
}

START_TEST(stranger_becomes_a_peer_in_the_callback)
{
    node_open(&alice, NULL);
    bob.hook = befriend;
    node_open(&bob, NULL);
    const struct toxtcp_peer peer = node_add(&alice, &bob);
    (void)node_tie(&alice, peer, 0);
    (void)node_own(&bob, 0);
    net_run(world.net, 100);
    ck_assert_int_eq(node_send(&alice, peer, "let me in"), TOXTCP_OK);
    net_run(world.net, 100);
    ck_assert_uint_eq(bob.stranger_count, 1);
    ck_assert_int_eq(bob.state, TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(alice.state, TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(node_send(&alice, peer, "thanks"), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(bob.data_count, 1);
    ck_assert(node_heard(&bob, "thanks"));
}
END_TEST

START_TEST(peer_states)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(1, &peer, &back);
    ck_assert_uint_eq(alice.state_count, 2); /* registered, online */
    ck_assert_int_eq(toxtcp_peer_remove(bob.connections, back), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(alice.state_count, 3);
    ck_assert_int_eq(alice.state, TOXTCP_PEER_REGISTERED);
    world_kill(0);
    net_step(world.net);
    ck_assert_uint_eq(alice.state_count, 4);
    ck_assert_int_eq(alice.state, TOXTCP_PEER_OFFLINE);
    ck_assert_int_eq(alice.relay_state, TOXTCP_RELAY_WAITING);
    ck_assert_int_eq(alice.relay_error, TOXTCP_ERR_RESET);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_RESET);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections");
    TCase *tests = tcase_create("connections");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, world_open_all, world_close);
    tcase_add_test(tests, peers_by_key_and_handle);
    tcase_add_test(tests, table_maxima);
    tcase_add_test(tests, endpoints_that_cannot_be_dialled);
    tcase_add_test(tests, relay_is_shared_between_peers);
    tcase_add_test(tests, seventh_relay_is_refused_before_it_is_dialled);
    tcase_add_test(tests, fourth_relay_is_not_opened_for_three_online);
    tcase_add_test(tests, same_key_at_another_address_is_the_same_relay);
    tcase_add_test(tests, relay_handles);
    tcase_add_test(tests, routes_are_asked_for_awake_peers_when_connected);
    tcase_add_test(tests, a_refused_route_leaves_oob);
    tcase_add_test(tests, more_peers_than_routes);
    tcase_add_test(tests, data_both_ways);
    tcase_add_test(tests, primary_is_stable);
    tcase_add_test(tests, next_relay_when_one_would_block);
    tcase_add_test(tests, all_full);
    tcase_add_test(tests, a_new_online_relay_unblocks);
    tcase_add_test(tests, the_other_took_the_room);
    tcase_add_test(tests, oob_through_every_relay_that_has_the_peer_registered);
    tcase_add_loop_test(tests, oob_blocked_on_some_and_on_all, 0, 2);
    tcase_add_test(tests, oob_from_a_known_peer);
    tcase_add_test(tests, stranger_becomes_a_peer_in_the_callback);
    tcase_add_test(tests, peer_states);
    return run_suite(suite);
}
