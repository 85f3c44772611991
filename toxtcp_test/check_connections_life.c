/* Connections: how relays come and go: reconnecting, uselessness, sleep. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, SETTLED = 10 * SECOND };

static uint32_t connected_count(void)
{
    return node_info(&alice).connected_count;
}

static struct toxtcp_peer stranger_at(struct node *node)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    struct toxtcp_peer peer;

    ck_assert_int_eq(toxtcp_peer_add(node->connections, &keys.public_key, NULL, &peer), TOXTCP_OK);
    return peer;
}

/* --- Reconnecting --- */

/* Waits up to the longest, however badly the relay is wanted. */
static void open_patiently(struct node *node)
{
    struct toxtcp_connections_config config;

    toxtcp_connections_config_default(&config);
    config.reconnect_hard_max_ms = config.reconnect_max_ms;
    node_open(node, &config);
}

/* Of a relay that is down for ever: dials double from 1 s to 60 s apart, give or take a quarter. */
START_TEST(backoff)
{
    uint64_t now[9];

    open_patiently(&alice);
    world_kill(0);
    const struct toxtcp_peer peer = stranger_at(&alice);
    (void)node_tie(&alice, peer, 0);
    for (uint64_t dials = 1; dials <= 9; dials++) {
        while (world_dials(0) < dials) {
            net_run(world.net, 1);
        }
        now[dials - 1] = net_now(world.net);
    }
    for (uint32_t i = 0; i < 8; i++) {
        const uint64_t wait = now[i + 1] - now[i];
        const uint64_t base = (uint64_t)SECOND << i < MINUTE ? (uint64_t)SECOND << i : MINUTE;
        ck_assert_uint_ge(wait, base - base / 4);
        ck_assert_uint_le(wait, base + base / 4 + 2);
    }
    ck_assert_uint_eq(node_relay_info(&alice, 0).attempt_count, 9);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_REFUSED);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
}
END_TEST

/* The relays of a peer that is online nowhere are retried harder than one of three, for an hour. */
START_TEST(all_relays_down_is_retried_harder)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(2, &peer, &back);
    world_kill(0);
    net_run(world.net, 10 * MINUTE);
    uint64_t dials = world_dials(0);
    net_run(world.net, 10 * MINUTE);
    ck_assert_uint_le(world_dials(0) - dials, 2 * 14);
    /* With the other one gone too, both at once, what waits long already included. */
    world_kill(1);
    dials = world_dials(0);
    net_run(world.net, 11 * SECOND);
    ck_assert_uint_ge(world_dials(0) - dials, 2);
    dials = world_dials(0);
    net_run(world.net, 10 * MINUTE);
    ck_assert_uint_ge(world_dials(0) - dials, 2 * 58);
    ck_assert_uint_le(world_dials(0) - dials, 2 * 101);
    world_start(0);
    net_run(world.net, 10 * SECOND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 1);
    world_kill(0);
    net_run(world.net, HOUR);
    dials = world_dials(0);
    net_run(world.net, HOUR);
    ck_assert_uint_le(world_dials(0) - dials, 2 * 81);
}
END_TEST

START_TEST(a_relay_that_is_named_is_tried_for_ever)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(1, &peer, &back);
    (void)node_own(&alice, 1);
    world_kill(0);
    world_kill(1);
    net_run(world.net, 1 * HOUR);
    for (int hour = 0; hour < 24; hour++) {
        const uint64_t before[2] = {world_dials(0), world_dials(1)};
        net_run(world.net, HOUR);
        /* Both nodes dial relay 0, alice alone relay 1; 48 to 80 times an hour each. */
        ck_assert_uint_ge(world_dials(0) - before[0], 2 * 47);
        ck_assert_uint_le(world_dials(0) - before[0], 2 * 81);
        ck_assert_uint_ge(world_dials(1) - before[1], 47);
        ck_assert_uint_le(world_dials(1) - before[1], 81);
    }
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
    world_start(0);
    net_run(world.net, 2 * MINUTE);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 1);
    ck_assert_uint_eq(node_relay_info(&alice, 0).attempt_count, 0);
    ck_assert_int_eq(node_send(&alice, peer, "back"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "back"));
}
END_TEST

/* A relay that accepts and closes at once must not be dialled every second. */
START_TEST(short_connections_do_not_end_the_backoff)
{
    open_patiently(&alice);
    const struct toxtcp_peer peer = stranger_at(&alice);
    (void)node_tie(&alice, peer, 0);
    for (int i = 0; i < 7; i++) {
        while (node_relay_state(&alice, 0) != TOXTCP_RELAY_CONNECTED) {
            net_run(world.net, 100);
        }
        net_break(world.net, &world.addresses[0], TOXTCP_ERR_RESET);
        net_step(world.net);
    }
    uint64_t wait = node_relay_info(&alice, 0).next_dial_ms - net_now(world.net);
    ck_assert_uint_ge(wait, 45 * SECOND);
    /* One that lasted ends the row. */
    net_run(world.net, 80 * SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    net_run(world.net, SETTLED);
    net_break(world.net, &world.addresses[0], TOXTCP_ERR_RESET);
    net_step(world.net);
    wait = node_relay_info(&alice, 0).next_dial_ms - net_now(world.net);
    ck_assert_uint_le(wait, 1250);
}
END_TEST

START_TEST(a_relay_that_never_answers_times_out)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    net_stall(world.net, &world.addresses[0], true);
    (void)node_tie(&alice, peer, 0);
    net_run(world.net, SETTLED - 1);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTING);
    net_run(world.net, 1);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
    ck_assert_int_eq(alice.relay_error, TOXTCP_ERR_TIMED_OUT);
    net_stall(world.net, &world.addresses[0], false);
    net_run(world.net, 1250);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

static int failing_dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    (void)link;
    (void)endpoint;
    ++*(uint32_t *)user;
    return TOXTCP_ERR_NO_DESCRIPTOR;
}

static void never_ready(void *user, struct toxtcp_link *link)
{
    (void)user;
    (void)link;
    ck_abort_msg("a link that the driver refused has output");
}

static void never_close(void *user, struct toxtcp_link *link)
{
    (void)user;
    (void)link;
    ck_abort_msg("a link that the driver refused is closed");
}

/* The driver refuses at once: it has forgotten the link, and hears no more of it. */
START_TEST(dial_fails_at_once)
{
    uint32_t dials = 0;
    const struct toxtcp_driver driver = {
        .user = &dials, .dial = failing_dial, .output_ready = never_ready, .close = never_close};
    const struct toxtcp_connections_callbacks none = {0};
    const struct toxtcp_endpoint endpoint = world_endpoint(0);
    struct toxtcp_connections *connections;
    struct toxtcp_relay relay;
    struct toxtcp_relay_info info;
    const struct toxtcp_key_pair keys = net_keys(world.net);

    ck_assert_int_eq(toxtcp_connections_new(net_env(world.net), &driver, NULL, &keys, &none, NULL, &connections),
                     TOXTCP_OK);
    ck_assert_uint_eq(toxtcp_connections_deadline(connections), TOXTCP_NEVER);
    ck_assert_int_eq(toxtcp_relay_add(connections, &endpoint, &world.relay_keys[0].public_key, &relay), TOXTCP_OK);
    ck_assert_uint_eq(toxtcp_connections_deadline(connections), 0);
    uint64_t now = 5;
    for (uint32_t i = 1; i < 50; i++) {
        int calls = 0;
        while (toxtcp_connections_deadline(connections) <= now) {
            toxtcp_connections_expire(connections, now);
            toxtcp_connections_check(connections);
            calls++;
            ck_assert_int_lt(calls, 5);
        }
        ck_assert_uint_eq(dials, i);
        ck_assert_int_eq(toxtcp_relay_get_info(connections, relay, &info), TOXTCP_OK);
        ck_assert_int_eq(info.state, TOXTCP_RELAY_WAITING);
        ck_assert_int_eq(info.last_error, TOXTCP_ERR_NO_DESCRIPTOR);
        ck_assert_uint_eq(info.next_dial_ms, toxtcp_connections_deadline(connections));
        now = toxtcp_connections_deadline(connections);
    }
    toxtcp_connections_free(connections);
}
END_TEST

START_TEST(network_changed)
{
    open_patiently(&alice);
    const struct toxtcp_peer peer = stranger_at(&alice);
    (void)node_tie(&alice, peer, 0);
    (void)node_tie(&alice, peer, 1);
    net_run(world.net, SECOND);
    world_kill(0);
    net_run(world.net, 10 * MINUTE);
    while (node_relay_info(&alice, 0).next_dial_ms < net_now(world.net) + 5 * SECOND) {
        net_run(world.net, SECOND);
    }
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
    world_start(0);
    net_run(world.net, SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
    toxtcp_connections_network_changed(alice.connections);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    /* What failed elsewhere does not count here: the row begins anew. */
    world_kill(0);
    net_run(world.net, 10 * MINUTE);
    const uint64_t dials = world_dials(0);
    toxtcp_connections_network_changed(alice.connections);
    net_step(world.net);
    ck_assert_uint_eq(world_dials(0), dials + 1);
    ck_assert_uint_le(node_relay_info(&alice, 0).next_dial_ms, net_now(world.net) + 1250);
    /* The connected one is pinged: one that answers stays, a stalled one is found out in 3 s. */
    net_run(world.net, 4 * SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    net_stall(world.net, &world.addresses[1], true);
    toxtcp_connections_network_changed(alice.connections);
    net_run(world.net, 2900);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    net_run(world.net, 200);
    ck_assert_int_ne(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_relay_info(&alice, 1).last_error, TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* A dial that is in progress began in another network: it is begun anew, not waited for. */
START_TEST(network_changes_while_dialling)
{
    net_stall(world.net, &world.addresses[0], true);
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    net_run(world.net, SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTING);
    const uint64_t dials = world_dials(0);
    net_stall(world.net, &world.addresses[0], false);
    toxtcp_connections_network_changed(alice.connections);
    net_step(world.net);
    ck_assert_uint_eq(world_dials(0), dials + 1);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

/* While one of its relays is down a peer is reached through the others. */
START_TEST(relay_dies_in_the_middle)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;
    uint32_t sent = 0;

    meet(3, &peer, &back);
    for (int round = 0; round < 30; round++) {
        const uint32_t relay = (uint32_t)(round % 3);
        const bool kill = round % 2 == 0;
        if (kill) {
            world_kill(relay);
            net_step(world.net);
        }
        for (int i = 0; i < 10; i++) {
            ck_assert_int_eq(node_send(&alice, peer, "on and on"), TOXTCP_OK);
            net_run(world.net, 50);
            sent++;
        }
        ck_assert_uint_eq(bob.data_count, sent);
        if (kill) {
            world_start(relay);
            net_run(world.net, 80 * SECOND);
            ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
        }
    }
}
END_TEST

/* --- Useless relays --- */

START_TEST(three_are_kept_of_five)
{
    uint64_t dials = 0;

    node_open(&alice, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_own(&alice, i);
    }
    net_run(world.net, SETTLED - 1);
    ck_assert_uint_eq(connected_count(), 5);
    net_run(world.net, 1);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_uint_eq(node_info(&alice).sleeping_count, 2);
    net_run(world.net, 2 * HOUR);
    ck_assert_uint_eq(connected_count(), 3);
    for (uint32_t i = 0; i < 5; i++) {
        dials += world_dials(i);
        ck_assert(node_knows(&alice, i));
    }
    ck_assert_uint_eq(dials, 5); /* nothing flaps */
}
END_TEST

START_TEST(a_sleeping_one_takes_the_place_of_one_that_broke)
{
    node_open(&alice, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_own(&alice, i);
    }
    net_run(world.net, MINUTE);
    for (uint32_t i = 0; i < 5; i++) {
        if (node_relay_state(&alice, i) == TOXTCP_RELAY_CONNECTED) {
            world_kill(i);
            net_run(world.net, 10);
            ck_assert_uint_eq(connected_count(), 3);
            net_run(world.net, MINUTE);
            ck_assert_uint_eq(connected_count(), 3);
            world_start(i);
        }
    }
    /* All fail: each is tried for ever; three of them are enough when they are back. */
    for (uint32_t i = 0; i < 5; i++) {
        world_kill(i);
    }
    net_run(world.net, HOUR);
    for (uint32_t i = 0; i < 5; i++) {
        const uint64_t before = world_dials(i);
        net_run(world.net, HOUR);
        ck_assert_uint_ge(world_dials(i) - before, 47);
    }
    for (uint32_t i = 0; i < 5; i++) {
        world_start(i);
    }
    net_run(world.net, 3 * MINUTE);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_uint_eq(node_info(&alice).sleeping_count, 2);
}
END_TEST

/* As soon as there are three the others need not be tried any more. */
START_TEST(enough_of_those_that_failed)
{
    uint64_t dials = 0;

    node_open(&alice, NULL);
    for (uint32_t i = 0; i < 5; i++) {
        world_kill(i);
        (void)node_own(&alice, i);
    }
    net_run(world.net, 10 * MINUTE);
    for (uint32_t i = 0; i < 3; i++) {
        world_start(i);
    }
    while (connected_count() < 3) {
        ck_assert_uint_eq(node_info(&alice).sleeping_count, 0);
        net_run(world.net, 1);
    }
    ck_assert_uint_eq(node_info(&alice).sleeping_count, 2);
    dials = world_dials(3) + world_dials(4);
    net_run(world.net, HOUR);
    ck_assert_uint_eq(world_dials(3) + world_dials(4), dials);
}
END_TEST

/* A relay of nobody gets 10 s as any other, then it is closed, told of, and forgotten. */
START_TEST(a_relay_of_nobody_is_forgotten)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    for (uint32_t i = 0; i < 3; i++) {
        (void)node_own(&alice, i);
    }
    (void)node_tie(&alice, peer, 3);
    net_run(world.net, 5 * SECOND);
    ck_assert_int_eq(toxtcp_peer_untie_relay(alice.connections, peer, node_relay(&alice, 3)), TOXTCP_OK);
    net_run(world.net, 5 * SECOND - 10);
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
    const uint32_t told = alice.relay_state_count;
    net_run(world.net, 10);
    ck_assert(!node_knows(&alice, 3));
    ck_assert_uint_eq(world_streams(3), 0);
    ck_assert_uint_eq(alice.relay_state_count, told + 1);
    ck_assert_int_eq(alice.relay_state, TOXTCP_RELAY_SLEEPING);
}
END_TEST

/* It is not in reach: no 10 s for it. */
START_TEST(a_waiting_relay_of_nobody_is_forgotten)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    for (uint32_t i = 0; i < 3; i++) {
        (void)node_own(&alice, i);
    }
    world_kill(3);
    (void)node_tie(&alice, peer, 3);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_WAITING);
    ck_assert_int_eq(toxtcp_peer_untie_relay(alice.connections, peer, node_relay(&alice, 3)), TOXTCP_OK);
    ck_assert(node_knows(&alice, 3));
    net_step(world.net);
    ck_assert(!node_knows(&alice, 3));
    ck_assert_int_eq(alice.relay_state, TOXTCP_RELAY_SLEEPING);
}
END_TEST

/* Without three others it is kept, and tried again when it breaks. */
START_TEST(a_relay_of_nobody_is_kept_when_there_are_too_few)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    (void)node_tie(&alice, peer, 0);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    net_break(world.net, &world.addresses[0], TOXTCP_ERR_RESET);
    net_run(world.net, 2 * SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    for (uint32_t i = 1; i < 4; i++) {
        (void)node_own(&alice, i);
    }
    net_run(world.net, SECOND);
    net_run(world.net, SETTLED);
    ck_assert(!node_knows(&alice, 0));
    ck_assert_uint_eq(connected_count(), 3);
}
END_TEST

START_TEST(a_relay_that_serves_is_not_closed)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    for (uint32_t i = 3; i < 7; i++) {
        (void)node_own(&alice, i);
    }
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
    /* A peer that is online nowhere needs all of its six. */
    const struct toxtcp_peer absent = stranger_at(&alice);
    for (uint32_t i = 1; i < 7; i++) {
        (void)node_tie(&alice, absent, i);
    }
    net_run(world.net, HOUR);
    ck_assert_uint_eq(connected_count(), 7);
}
END_TEST

/* The peer has three online; the fourth, where it is registered only, is one too many. */
START_TEST(the_fourth_of_a_peer_is_closed_and_kept)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    node_open(&alice, NULL);
    node_open(&bob, NULL);
    peer = node_add(&alice, &bob);
    back = node_add(&bob, &alice);
    for (uint32_t i = 0; i < 4; i++) {
        (void)node_tie(&alice, peer, i);
        if (i != 1) {
            (void)node_tie(&bob, back, i);
        }
    }
    net_run(world.net, SETTLED - 1);
    ck_assert_uint_eq(connected_count(), 4);
    net_run(world.net, 1);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_SLEEPING);
    net_run(world.net, HOUR);
    ck_assert_uint_eq(world_dials(1), 1);
    /* Fewer than three: at once it is opened. */
    ck_assert_int_eq(toxtcp_peer_untie_relay(bob.connections, back, node_relay(&bob, 0)), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
}
END_TEST

/* --- Sleep and wake --- */

START_TEST(sleep_and_wake)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    net_run(world.net, SECOND);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    ck_assert(node_peer_info(&alice, peer).asleep);
    /* Until it has been connected for 10 s it stays, and still carries. */
    net_run(world.net, 8 * SECOND);
    ck_assert_uint_eq(connected_count(), 3);
    ck_assert_int_eq(node_send(&alice, peer, "zzz"), TOXTCP_OK);
    net_run(world.net, SECOND);
    ck_assert_uint_eq(bob.data_count, 1);
    ck_assert_uint_eq(connected_count(), 0);
    ck_assert_uint_eq(node_info(&alice).sleeping_count, 3);
    ck_assert_int_eq(node_peer_info(&alice, peer).state, TOXTCP_PEER_OFFLINE);
    ck_assert_uint_eq(node_peer_info(&alice, peer).slot_count, 3);
    ck_assert_int_eq(alice.relay_state, TOXTCP_RELAY_SLEEPING);
    net_run(world.net, 24 * HOUR);
    ck_assert_uint_eq(world_streams(0), 1); /* bob's */
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
    ck_assert_int_eq(node_send(&alice, peer, "awake"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "awake"));
}
END_TEST

START_TEST(a_shared_relay_sleeps_when_all_its_peers_do)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer one = stranger_at(&alice);
    const struct toxtcp_peer two = stranger_at(&alice);
    (void)node_tie(&alice, one, 0);
    (void)node_tie(&alice, two, 0);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, one), TOXTCP_OK);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, two), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, one), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_peer_info(&alice, one).slots[0].status, TOXTCP_SLOT_REGISTERED);
    ck_assert_int_eq(node_peer_info(&alice, two).slots[0].status, TOXTCP_SLOT_NONE);
    /* The peer that is awake goes away: the relay goes back to sleep. */
    net_run(world.net, MINUTE);
    ck_assert_int_eq(toxtcp_peer_remove(alice.connections, one), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    /* The last that names it goes away: it is kept as one of too few, now that no sleeper holds it back. */
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, two), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

/* Our own relays stay for TCP-only peers, whoever sleeps, up to three. */
START_TEST(owned_relays_stay_connected_under_sleepers)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    for (uint32_t i = 0; i < 5; i++) {
        (void)node_tie(&alice, peer, i);
        if (i < 2) {
            (void)node_own(&alice, i);
        }
    }
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(connected_count(), 5);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(connected_count(), 2);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    (void)node_own(&alice, 2);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 2), TOXTCP_RELAY_CONNECTED);
    net_run(world.net, HOUR);
    ck_assert_uint_eq(connected_count(), 3);
}
END_TEST

START_TEST(asleep_while_it_connects)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    net_stall(world.net, &world.addresses[0], true);
    (void)node_tie(&alice, peer, 0);
    net_run(world.net, SECOND);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTING);
    /* It gets through: no route is asked for, and after its 10 s it sleeps. */
    net_stall(world.net, &world.addresses[0], false);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_peer_info(&alice, peer).state, TOXTCP_PEER_OFFLINE);
    net_run(world.net, SETTLED);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    ck_assert_uint_eq(world_dials(0), 1);
}
END_TEST

START_TEST(asleep_while_it_fails)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    net_stall(world.net, &world.addresses[0], true);
    (void)node_tie(&alice, peer, 0);
    (void)node_tie(&alice, peer, 1);
    world_kill(1);
    net_run(world.net, SECOND / 2);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_WAITING);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_SLEEPING);
    net_run(world.net, MINUTE);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    ck_assert_uint_eq(world_dials(0), 1);
    ck_assert_uint_eq(world_dials(1), 1);
    /* Awake and asleep and awake, and each time it is dialled, backoff or no. */
    for (uint64_t dials = 2; dials < 8; dials++) {
        ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
        net_step(world.net);
        ck_assert_uint_eq(world_dials(1), dials);
        ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
        net_step(world.net);
    }
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_SLEEPING);
    net_run(world.net, SETTLED);
    /* Awake: both at once, though they failed last. */
    net_stall(world.net, &world.addresses[0], false);
    world_start(1);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
    net_step(world.net);
    ck_assert_uint_eq(connected_count(), 2);
    /* A connected relay that breaks under a sleeper is not tried again. */
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_break(world.net, &world.addresses[0], TOXTCP_ERR_RESET);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_RESET);
}
END_TEST

START_TEST(a_relay_for_a_sleeping_peer_is_not_opened)
{
    node_open(&alice, NULL);
    const struct toxtcp_peer peer = stranger_at(&alice);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    (void)node_tie(&alice, peer, 0);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_SLEEPING);
    net_run(world.net, MINUTE);
    ck_assert_uint_eq(world_dials(0), 0);
    ck_assert_uint_eq(alice.relay_state_count, 0);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

START_TEST(wake_before_the_relay_closed)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    ck_assert_int_eq(toxtcp_peer_sleep(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, 5 * SECOND);
    ck_assert_int_eq(toxtcp_peer_wake(alice.connections, peer), TOXTCP_OK);
    net_run(world.net, HOUR);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
    ck_assert_uint_eq(world_dials(0), 2); /* one of each */
    ck_assert_uint_eq(alice.waiting_count, 0);
}
END_TEST

/* --- Time --- */

/* An idle object with three relays rests: it is called for pings and nothing else. */
START_TEST(idle)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;
    uint32_t moments = 0;

    meet(3, &peer, &back);
    net_run(world.net, MINUTE);
    const uint64_t end = net_now(world.net) + MINUTE;
    while (toxtcp_connections_deadline(alice.connections) <= end && net_now(world.net) < end) {
        const uint64_t deadline = toxtcp_connections_deadline(alice.connections);
        ck_assert_uint_gt(deadline, net_now(world.net));
        net_run(world.net, deadline - net_now(world.net));
        moments++;
    }
    ck_assert_uint_le(moments, 3 * 3);
}
END_TEST

/* A process that was suspended for a day loses nothing that still lives. */
START_TEST(suspended)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    meet(3, &peer, &back);
    net_run(world.net, MINUTE);
    net_jump(world.net, 24 * HOUR);
    net_run(world.net, 5 * MINUTE);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), 3);
    ck_assert_int_eq(node_send(&alice, peer, "good morning"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "good morning"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections_life");
    TCase *tests = tcase_create("connections_life");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, world_open_all, world_close);
    tcase_add_test(tests, backoff);
    tcase_add_test(tests, all_relays_down_is_retried_harder);
    tcase_add_test(tests, a_relay_that_is_named_is_tried_for_ever);
    tcase_add_test(tests, short_connections_do_not_end_the_backoff);
    tcase_add_test(tests, a_relay_that_never_answers_times_out);
    tcase_add_test(tests, dial_fails_at_once);
    tcase_add_test(tests, network_changed);
    tcase_add_test(tests, network_changes_while_dialling);
    tcase_add_test(tests, relay_dies_in_the_middle);
    tcase_add_test(tests, three_are_kept_of_five);
    tcase_add_test(tests, a_sleeping_one_takes_the_place_of_one_that_broke);
    tcase_add_test(tests, enough_of_those_that_failed);
    tcase_add_test(tests, a_relay_of_nobody_is_forgotten);
    tcase_add_test(tests, a_waiting_relay_of_nobody_is_forgotten);
    tcase_add_test(tests, a_relay_of_nobody_is_kept_when_there_are_too_few);
    tcase_add_test(tests, a_relay_that_serves_is_not_closed);
    tcase_add_test(tests, the_fourth_of_a_peer_is_closed_and_kept);
    tcase_add_test(tests, sleep_and_wake);
    tcase_add_test(tests, a_shared_relay_sleeps_when_all_its_peers_do);
    tcase_add_test(tests, owned_relays_stay_connected_under_sleepers);
    tcase_add_test(tests, asleep_while_it_connects);
    tcase_add_test(tests, asleep_while_it_fails);
    tcase_add_test(tests, a_relay_for_a_sleeping_peer_is_not_opened);
    tcase_add_test(tests, wake_before_the_relay_closed);
    tcase_add_test(tests, idle);
    tcase_add_test(tests, suspended);
    return run_suite(suite);
}
