/* Connections: which relays are kept: uselessness, sleep. SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, SETTLED = 10 * SECOND };

static uint32_t connected_count(void)
{
    return node_info(&alice).connected_count;
}

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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer absent = node_add_stranger(&alice);
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
    const struct toxtcp_peer one = node_add_stranger(&alice);
    const struct toxtcp_peer two = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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
    const struct toxtcp_peer peer = node_add_stranger(&alice);
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

int main(void)
{
    Suite *suite = suite_create("connections_sleep");
    TCase *tests = tcase_create("connections_sleep");

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, world_open_all, world_close);
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
    return run_suite(suite);
}
