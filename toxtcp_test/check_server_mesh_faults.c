/* Several relays as one: long histories out of one number, full queues, lost messages, no memory.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "check_server_mesh.h"
#include "server_private.h"

enum {
    SEEDS = 12,
    STEPS = 250,
    LEAVING_SEEDS = 40,
    HEALED_MS = 31000 /* in which every client is pinged */
};

static struct world world;

/* --- Long histories --- */

static uint32_t dice(uint32_t of)
{
    return (uint32_t)(net_random(world.net) % of);
}

static void do_anything(uint32_t server_count)
{
    static const char kinds[] = ">>>>//::::!!--";
    char word[] = "a>b";

    word[0] = (char)('a' + dice(WORLD_LETTERS));
    word[1] = kinds[dice(sizeof kinds - 1)];
    word[2] = (char)('a' + dice(WORLD_LETTERS));
    if (!world_conn(&world, word[0]) || dice(20) == 0) {
        word[1] = (char)('0' + dice(server_count));
        word[2] = 0;
        if (world.conn_count == WORLD_CONNS_MAX) {
            return;
        }
    }
    if (word[0] != word[2] || word[1] == '!') {
        world_do(&world, word);
    }
}

static void deliver_anything(void)
{
    const uint32_t from = dice(WORLD_SERVERS_MAX);
    const uint32_t to = dice(WORLD_SERVERS_MAX);

    if (world.queues[from][to]) {
        world_deliver(&world, from, to);
    }
}

static void say_drained(void)
{
    for (uint32_t i = 0; i < world.server_count; i++) {
        toxtcp_server_mesh_drained(world.servers[i], net_now(world.net));
    }
}

/* Faults come for a while, each kind in some of the runs. */
static void stir_faults(uint32_t kinds)
{
    if (kinds & 1) {
        world.refuse_data = dice(3) == 0;
    }
    if (kinds & 2) {
        world.lose_all = dice(4) == 0;
    }
    if (kinds & 4) {
        world.refuse_claims = dice(5) == 0;
    }
    if (kinds & 8) {
        net_fail_alloc(world.net, 1 + dice(40), dice(8) == 0);
    }
    if (kinds & 16) {
        world.say_long = dice(2) == 0;
        if (!world.say_long) {
            say_drained();
        }
    }
}

static void end_faults(void)
{
    net_fail_alloc(world.net, 0, false);
    world.refuse_data = false;
    world.lose_all = false;
    world.refuse_claims = false;
    world.say_long = false;
    world.lenient = true;
    say_drained();
    world_settle(&world);
    world_pass(&world, HEALED_MS);
}

static void expect_nobody_paused(void)
{
    for (uint32_t i = 0; i < world.server_count; i++) {
        ck_assert_uint_eq(world_info(&world, i).paused_count, 0);
    }
}

START_TEST(long_histories)
{
    const uint32_t server_count = 2 + (uint32_t)_i % 2;
    const uint32_t kinds = (uint32_t)_i % 3 == 0 ? 0 : (uint32_t)_i * 11 % 32;

    world_open(&world, 1000 + (uint64_t)_i, server_count);
    world.lenient = kinds != 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        do_anything(server_count);
        for (uint32_t i = dice(12); i > 0; i--) {
            deliver_anything();
        }
        if (step % 16 == 0) {
            stir_faults(kinds);
        }
    }
    end_faults();
    expect_nobody_paused();
    world_check(&world);
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* --- One message is lost --- */

static const char *const histories[] = {
    "a0 b1 a>b b>a a/b a>b a:b b:a",
    "a0 b1 a>b b>a a1 a>b b0 b>a",
    "a0 b1 c2 a>b b>a a2 a>b c>a a>c b- b0 b>a",
    "a0 b1 a>b b>a b- b1 b>a a/b a>b a- b/a",
    "a0 b1 a>b b>a a/b",
    "a0 b1 a>b b>a b-",
};

/* Everything has arrived before the next one does something. */
static void do_and_settle(const char *words)
{
    char word[8];

    while (*words) {
        const size_t len = strcspn(words, " ");
        memcpy(word, words, len);
        word[len] = 0;
        world_do(&world, word);
        world_settle(&world);
        words += len;
        words += strspn(words, " ");
    }
}

/* Whichever it is: in the end all is as if it had not been, and nobody was closed for it. */
START_TEST(any_message_lost)
{
    uint32_t sends;

    for (uint32_t lost = 1;; lost++) {
        world_open(&world, 1, 3);
        world.lenient = true;
        world.lose_at = lost;
        if (_i % 2) {
            do_and_settle(histories[_i / 2]);
        } else {
            world_do(&world, histories[_i / 2]);
        }
        world_settle(&world);
        world_pass(&world, HEALED_MS);
        world_check(&world);
        world_talk(&world);
        sends = world.sends;
        world_close(&world);
        if (sends < lost) {
            break;
        }
    }
}
END_TEST

START_TEST(all_messages_lost_for_a_while)
{
    world_open(&world, 1, 3);
    world.lenient = true;
    world_do(&world, "a0 b1 c2 a>b b>a a>c c>a");
    world_settle(&world);
    world.lose_all = true;
    world_do(&world, "a/b a>b b/a b>a c- c1 c>b b>c c>a a2 a>b a>c");
    world_settle(&world);
    world_pass(&world, HEALED_MS);
    world.lose_all = false;
    world_pass(&world, HEALED_MS);
    ck_assert(world_is_online(&world, 'a', 'b') && world_is_online(&world, 'b', 'c'));
    world_check(&world);
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* --- No memory --- */

START_TEST(any_allocation_fails)
{
    for (uint64_t n = 1; n < 60; n++) {
        world_open(&world, 1, 3);
        world.lenient = true;
        net_fail_alloc(world.net, n, false);
        world_do(&world, histories[_i]);
        net_fail_alloc(world.net, 0, false);
        world_settle(&world);
        world_pass(&world, HEALED_MS);
        world_check(&world);
        world_talk(&world);
        world_close(&world);
    }
}
END_TEST

START_TEST(claims_fail)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0");
    world.refuse_claims = true;
    world_do(&world, "a1 b1");
    ck_assert_ptr_null(world_conn(&world, 'b'));
    ck_assert_uint_eq(world_conn(&world, 'a')->server, 0);
    world.refuse_claims = false;
    world_check(&world);
    world_do(&world, "b1 a>b b>a");
    world_settle(&world);
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* --- Queues --- */

START_TEST(queue_full)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 a>b b>a");
    world_settle(&world);
    world.refuse_data = true;
    world_do(&world, "a:b a!b");
    ck_assert_uint_eq(world_info(&world, 0).mesh_dropped, 2);
    ck_assert_uint_eq(world_info(&world, 0).data_relayed, 0);
    ck_assert_uint_eq(world_info(&world, 0).oob_relayed, 0);
    world.refuse_data = false;
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* Only who sends across is not read while the queue is long. */
START_TEST(queue_long)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 c0 b1 a>b b>a");
    world_settle(&world);
    world.say_long = true;
    world_do(&world, "a:b c!a");
    ck_assert_uint_eq(world_info(&world, 0).paused_count, 1);
    world_settle(&world);
    ck_assert_uint_eq(world_info(&world, 0).paused_count, 1);
    world.say_long = false;
    toxtcp_server_mesh_drained(world.servers[0], net_now(world.net));
    ck_assert_uint_eq(world_info(&world, 0).paused_count, 0);
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* --- A server leaves --- */

START_TEST(server_leaves)
{
    world_open(&world, 1, 3);
    world_do(&world, "a0 b1 c2 d0 a>b b>a a>d d>a b>c c>b");
    world_settle(&world);
    world_do(&world, "b:a");
    toxtcp_server_leave(world.servers[0]);
    world_settle_from(&world, 0);
    /* The others hear it; its own, who are about to be closed, hear nothing. */
    ck_assert(!world_is_online(&world, 'b', 'a') && world_is_online(&world, 'b', 'c'));
    ck_assert(world_is_online(&world, 'a', 'b') && world_is_online(&world, 'a', 'd'));
    toxtcp_server_check(world.servers[0]);
    ck_assert_int_eq(world.at[0], -1);
    toxtcp_server_leave(world.servers[0]);
    world_close(&world);
}
END_TEST

/* The other end has entered a session of which the leaving server does not know yet, and never will. */
START_TEST(server_leaves_before_it_hears)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 b>a");
    world_settle(&world);
    world_do(&world, "a>b");
    world_deliver(&world, 0, 1);
    ck_assert(world_is_online(&world, 'b', 'a') && !world_is_online(&world, 'a', 'b'));
    toxtcp_server_leave(world.servers[0]);
    world_settle_from(&world, 0);
    ck_assert(!world_is_online(&world, 'b', 'a'));
    ck_assert_uint_eq(world_info(&world, 1).online_count, 0);
    world_close(&world);
}
END_TEST

/* Messages to server 0 are lost from now on. */
static void settle_without_first(void)
{
    bool moved = true;

    while (moved) {
        moved = false;
        for (uint32_t from = 0; from < world.server_count; from++) {
            for (uint32_t to = 1; to < world.server_count; to++) {
                if (world.queues[from][to]) {
                    world_deliver(&world, from, to);
                    moved = true;
                }
            }
        }
    }
}

static void expect_none_far_to_first(const struct toxtcp_server *server)
{
    const struct server_client *client;
    uint32_t at = 0;

    while ((client = handles_from(&server->mesh_clients, at))) {
        const struct route *route = NULL;
        while ((route = routes_next(&client->routes, route))) {
            ck_assert(route->state != ROUTE_FAR || route->far.server != 0);
        }
        at = client->mesh_handle + 1;
    }
}

START_TEST(server_leaves_at_any_time)
{
    world_open(&world, 5000 + (uint64_t)_i, 3);
    for (uint32_t step = 0; step < STEPS; step++) {
        do_anything(3);
        for (uint32_t i = dice(6); i > 0; i--) {
            deliver_anything();
        }
    }
    toxtcp_server_leave(world.servers[0]);
    settle_without_first();
    for (uint32_t i = 1; i < 3; i++) {
        toxtcp_server_check(world.servers[i]);
        expect_none_far_to_first(world.servers[i]);
    }
    world_close(&world);
}
END_TEST

TCase *mesh_fault_tests(void)
{
    TCase *tcase = tcase_create("faults");

    tcase_add_loop_test(tcase, long_histories, 0, SEEDS);
    tcase_add_loop_test(tcase, any_message_lost, 0, 2 * sizeof histories / sizeof histories[0]);
    tcase_add_test(tcase, all_messages_lost_for_a_while);
    tcase_add_loop_test(tcase, any_allocation_fails, 0, sizeof histories / sizeof histories[0]);
    tcase_add_test(tcase, claims_fail);
    tcase_add_test(tcase, queue_full);
    tcase_add_test(tcase, queue_long);
    tcase_add_test(tcase, server_leaves);
    tcase_add_test(tcase, server_leaves_before_it_hears);
    tcase_add_loop_test(tcase, server_leaves_at_any_time, 0, LEAVING_SEEDS);
    return tcase;
}
