/* Connections: how relays come and go: reconnecting, time. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, SETTLED = 10 * SECOND };

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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const uint64_t before = world_dials(1);
    net_run(world.net, 200);
    ck_assert_int_ne(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    ck_assert_int_eq(node_relay_info(&alice, 1).last_error, TOXTCP_ERR_TIMED_OUT);
    /* It is dialled at once: that was no failure, but the other network. */
    ck_assert_uint_eq(world_dials(1), before + 1);
    net_stall(world.net, &world.addresses[1], false);
    net_run(world.net, SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_CONNECTED);
    /* The next time it is one. */
    world_kill(1);
    net_run(world.net, SECOND / 2);
    ck_assert_int_eq(node_relay_state(&alice, 1), TOXTCP_RELAY_WAITING);
    ck_assert_uint_ge(node_relay_info(&alice, 1).next_dial_ms, net_now(world.net));
}
END_TEST

/* One that has answered since the network changed is dialled as usual when it breaks. */
START_TEST(network_changed_long_ago)
{
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    net_run(world.net, SECOND);
    toxtcp_connections_network_changed(alice.connections);
    net_run(world.net, SECOND);
    const uint64_t dials = world_dials(0);
    world_kill(0);
    net_run(world.net, SECOND / 2);
    ck_assert_uint_eq(world_dials(0), dials);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
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

/* A new way says nothing against the old ones: what began a moment ago goes on, however often that is said. */
START_TEST(network_gained)
{
    net_stall(world.net, &world.addresses[0], true);
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    for (int i = 0; i < 49; i++) {
        net_run(world.net, SECOND / 10);
        toxtcp_connections_network_gained(alice.connections);
    }
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTING);
    ck_assert_uint_eq(node_relay_info(&alice, 0).attempt_count, 1);
    /* What has found nobody for long is begun anew, and that is new again. */
    net_run(world.net, SECOND);
    toxtcp_connections_network_gained(alice.connections);
    net_step(world.net);
    toxtcp_connections_network_gained(alice.connections);
    net_step(world.net);
    ck_assert_uint_eq(node_relay_info(&alice, 0).attempt_count, 2);
    net_stall(world.net, &world.addresses[0], false);
    net_run(world.net, SECOND);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
    /* One that waits waits no longer. */
    world_kill(0);
    net_run(world.net, 10 * MINUTE);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_WAITING);
    world_start(0);
    toxtcp_connections_network_gained(alice.connections);
    net_step(world.net);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

/* A relay that takes its time for every dial, and new ways again and again. */
START_TEST(network_gained_again_and_again)
{
    static const struct {
        uint32_t answer_ms, gain_ms;
    } rows[] = {{7 * SECOND, SECOND}, {9 * SECOND, 6 * SECOND}, {9 * SECOND, SECOND / 10}};
    const uint64_t opened_ms = net_now(world.net);
    uint32_t dials = 0;
    uint64_t dialled_ms = opened_ms;

    net_stall(world.net, &world.addresses[0], true);
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    while (node_relay_state(&alice, 0) != TOXTCP_RELAY_CONNECTED) {
        const uint64_t now_ms = net_now(world.net);
        ck_assert_uint_lt(now_ms - opened_ms, 30 * SECOND);
        if (node_relay_info(&alice, 0).attempt_count != dials) {
            dials = node_relay_info(&alice, 0).attempt_count;
            dialled_ms = now_ms;
        }
        net_stall(world.net, &world.addresses[0], now_ms - dialled_ms < rows[_i].answer_ms);
        if ((now_ms - opened_ms) % rows[_i].gain_ms == 0) {
            toxtcp_connections_network_gained(alice.connections);
        }
        net_run(world.net, SECOND / 100);
    }
    /* The first dial was begun anew, and the second one not. */
    ck_assert_uint_eq(dials, 2);
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
    tcase_add_test(tests, network_changed_long_ago);
    tcase_add_test(tests, network_gained);
    tcase_add_loop_test(tests, network_gained_again_and_again, 0, 3);
    tcase_add_test(tests, network_changes_while_dialling);
    tcase_add_test(tests, relay_dies_in_the_middle);
    tcase_add_test(tests, idle);
    tcase_add_test(tests, suspended);
    return run_suite(suite);
}
