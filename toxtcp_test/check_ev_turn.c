/* Tests of libtoxtcp-ev: who is read in a turn of the loop, streams that are not read, how long bytes wait.
 * SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <string.h>

/* What one turn reads from one stream, the first time less; how many it accepts, how many handshakes it does; bytes of
 * an answer to one. */
enum { FIRST_PART = 4096, STREAM_PART = 16384, ACCEPT_PART = 8, HANDSHAKE_PART = 4, RESPONSE_SIZE = 96 };

enum { FLOODERS = 200, PACKET = 1400 };

static struct side side_a, side_b, side_r;
static struct side *const all[] = {&side_a, &side_r, &side_b};
static struct relay relay;
static struct peer a, b;
static struct peer flooders[FLOODERS];

static void set_up(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memset(flooders, 0, sizeof flooders);
    side_open(&side_a);
    side_open(&side_b);
    side_open(&side_r);
    relay_open(&relay, &side_r, NULL, 0, false);
}

static void tear_down(void)
{
    peer_close(&a);
    peer_close(&b);
    for (int i = 0; i < FLOODERS; i++) {
        peer_close(&flooders[i]);
    }
    if (relay.server) {
        relay_close(&relay);
    }
    side_close(&side_a);
    side_close(&side_b);
    side_close(&side_r);
}

static bool both_are_online(void *user)
{
    (void)user;
    return peer_is_online(&a) && peer_is_online(&b);
}

/* Two quiet peers on a loop of their own. */
static void open_pair(void)
{
    peer_open(&a, &side_b, &relay);
    peer_open(&b, &side_b, &relay);
    peer_route(&a, &b);
    peer_route(&b, &a);
    run_until(all, 3, both_are_online, NULL);
}

static bool flooders_are_online(void *user)
{
    const int count = *(int *)user;

    for (int i = 0; i < count; i++) {
        if (!peer_is_online(&flooders[i])) {
            return false;
        }
    }
    return true;
}

/* Pairs of peers whose sockets are full of packets that the relay has not read yet. */
static void open_flood(int count)
{
    for (int i = 0; i < count; i++) {
        peer_open(&flooders[i], &side_a, &relay);
    }
    for (int i = 0; i < count; i++) {
        peer_route(&flooders[i], &flooders[i ^ 1]);
    }
    run_until(all, 3, flooders_are_online, &count);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < count; i++) {
            while (peer_send(&flooders[i], PACKET) == TOXTCP_OK) {
            }
        }
        turn(&side_a);
    }
}

static struct toxtcp_ev_info info_of(const struct side *side)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side->ev, &info);
    return info;
}

static uint64_t bytes_of_a_turn(void)
{
    const uint64_t before = info_of(&side_r).bytes_read;

    turn(&side_r);
    return info_of(&side_r).bytes_read - before;
}

/* --- Floods --- */

START_TEST(a_flood_is_read_in_parts)
{
    open_flood(2);
    ck_assert_uint_eq(bytes_of_a_turn(), 2 * FIRST_PART);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(bytes_of_a_turn(), 2 * STREAM_PART);
    }
}
END_TEST

/* However many have more than their part, the turn has its end, and who sends little is in it. */
START_TEST(a_quiet_stream_passes_floods)
{
    open_pair();
    open_flood(FLOODERS);
    /* Each was read once, and is known for what it is. */
    for (uint64_t bytes = 0; bytes < FLOODERS * STREAM_PART / 2;) {
        bytes += bytes_of_a_turn();
    }
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
        turn(&side_b);
        ck_assert_uint_lt(bytes_of_a_turn(), FLOODERS * STREAM_PART / 4 * 3);
        turn(&side_b);
        ck_assert_uint_eq(b.received, i);
    }
}
END_TEST

/* At least two of them are read in each turn, in the order in which they came. */
START_TEST(every_flood_has_its_turn)
{
    struct toxtcp_server_info info;

    open_flood(FLOODERS);
    for (int i = 0; i < FLOODERS / 2; i++) {
        turn(&side_r);
    }
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_ge(info.data_relayed, FLOODERS * (STREAM_PART / (PACKET + 50)));
    for (int i = 0; i < 20; i++) {
        turn(&side_a);
    }
    for (int i = 0; i < FLOODERS; i++) {
        ck_assert_uint_gt(flooders[i].received, 0);
    }
}
END_TEST

/* --- Newcomers --- */

static void open_newcomers(int count)
{
    for (int i = 0; i < count; i++) {
        peer_open(&flooders[i], &side_a, &relay);
    }
    /* They connect to the backlog, and ask. */
    for (int i = 0; i < 20; i++) {
        turn(&side_a);
    }
}

START_TEST(newcomers_come_few_at_a_time)
{
    enum { COUNT = 100 };
    struct toxtcp_server_info info;
    uint64_t answers = 0;
    int turns = 0;

    open_pair();
    open_newcomers(COUNT);
    const uint64_t confirmed = info_of(&side_r).stream_count;
    while (answers < COUNT) {
        const struct toxtcp_ev_info before = info_of(&side_r);
        turn(&side_r);
        const struct toxtcp_ev_info after = info_of(&side_r);
        ck_assert_uint_le(after.accepts - before.accepts, ACCEPT_PART);
        const uint64_t written = after.bytes_written - before.bytes_written;
        ck_assert_uint_eq(written % RESPONSE_SIZE, 0);
        ck_assert_uint_le(written, HANDSHAKE_PART * RESPONSE_SIZE);
        answers += written / RESPONSE_SIZE;
        turns++;
    }
    /* And none of these turns was without any, but for one before the first and one after the last. */
    ck_assert_int_le(turns, COUNT / HANDSHAKE_PART + 2);
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_eq(info.client_count, confirmed + COUNT);
}
END_TEST

START_TEST(a_quiet_stream_passes_newcomers)
{
    open_pair();
    open_newcomers(100);
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
        turn(&side_b);
        turn(&side_r);
        turn(&side_b);
        ck_assert_uint_eq(b.received, i);
    }
}
END_TEST

/* Nor do they starve while floods fill every turn. */
START_TEST(newcomers_pass_floods)
{
    const int count = 20;

    open_flood(FLOODERS / 2);
    for (int i = FLOODERS / 2; i < FLOODERS / 2 + count; i++) {
        peer_open(&flooders[i], &side_b, &relay);
    }
    for (int i = 0; i < 10; i++) {
        turn(&side_b);
    }
    for (int i = 0; i < count / HANDSHAKE_PART + 3; i++) {
        ck_assert_uint_gt(bytes_of_a_turn(), STREAM_PART);
    }
    for (int i = 0; i < 10; i++) {
        turn(&side_b);
    }
    for (int i = FLOODERS / 2; i < FLOODERS / 2 + count; i++) {
        ck_assert(peer_is_connected(&flooders[i]));
    }
}
END_TEST

/* --- Streams that are not read --- */

static void want_input(const struct peer *peer, bool wanted)
{
    const struct toxtcp_driver *driver = toxtcp_ev_driver(peer->side->ev);

    driver->want_input(driver->user, toxtcp_client_link(peer->client), wanted);
}

static void some_turns(void)
{
    for (int i = 0; i < 10; i++) {
        turn(&side_b);
        turn(&side_r);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    *(bool *)timer->data = true;
}

/* A loop with nothing to do waits. */
static void assert_asleep(struct side *side)
{
    const unsigned int turns = ev_iteration(side->loop);
    struct ev_timer timer;
    bool waited = false;

    ev_timer_init(&timer, on_timer, 0.05, 0.);
    timer.data = &waited;
    ev_now_update(side->loop);
    ev_timer_start(side->loop, &timer);
    run_side_until(side, flag_is_set, &waited);
    ck_assert_uint_le(ev_iteration(side->loop) - turns, 5);
}

START_TEST(an_unwanted_stream_is_not_read)
{
    open_pair();
    some_turns();
    want_input(&b, false);
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    some_turns();
    const uint64_t reads = info_of(&side_b).reads;
    some_turns();
    assert_asleep(&side_b);
    ck_assert_uint_eq(info_of(&side_b).reads, reads);
    ck_assert_uint_eq(b.received, 0);
    /* The other direction goes on. */
    ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
    some_turns();
    ck_assert_uint_eq(a.received, 1);
    ck_assert_uint_eq(b.received, 0);
    for (int i = 0; i < 3; i++) {
        want_input(&b, true);
        want_input(&b, false);
    }
    some_turns();
    ck_assert_uint_eq(b.received, 0);
    want_input(&b, true);
    some_turns();
    ck_assert_uint_eq(b.received, 1);
}
END_TEST

/* With a full socket it waits for room alone, and both come back. */
START_TEST(an_unwanted_stream_is_written)
{
    open_pair();
    want_input(&b, false);
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    some_turns();
    do {
        while (peer_send(&b, PACKET) == TOXTCP_OK) {
        }
        turn(&side_b);
    } while (peer_send(&b, PACKET) == TOXTCP_OK);
    b.can_send = false;
    for (int i = 0; i < 500 && !b.can_send; i++) {
        some_turns();
    }
    ck_assert(b.can_send);
    ck_assert_uint_eq(b.received, 0);
    want_input(&b, true);
    for (int i = 0; i < 500 && (b.received == 0 || a.received == 0); i++) {
        some_turns();
    }
    ck_assert_uint_eq(b.received, 1);
    ck_assert_uint_gt(a.received, 0);
}
END_TEST

static void pause_other(struct peer *peer, const char *what)
{
    if (strcmp(what, "data") == 0) {
        want_input(peer == &a ? &b : &a, false);
    }
}

/* Both sockets are readable, and the first that is read says that the other one is not to be. */
START_TEST(unwanted_while_it_waits_to_be_read)
{
    open_pair();
    some_turns();
    a.hook = pause_other;
    b.hook = pause_other;
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
    some_turns();
    ck_assert_uint_eq(a.received + b.received, 1);
    a.hook = NULL;
    b.hook = NULL;
    want_input(&a, true);
    want_input(&b, true);
    some_turns();
    ck_assert_uint_eq(a.received + b.received, 2);
}
END_TEST

/* The end of a stream lies behind what is not read; an error when writing is the end at once. */
START_TEST(an_unwanted_stream_ends)
{
    open_pair();
    some_turns();
    want_input(&b, false);
    relay_close(&relay);
    for (int i = 0; i < 10; i++) {
        turn(&side_b);
    }
    ck_assert_uint_eq(a.closings, 1);
    ck_assert_uint_eq(b.closings, 0);
    if (_i == 0) {
        want_input(&b, true);
    } else {
        /* The first write is answered by a reset, the second hears of it. */
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
            turn(&side_b);
        }
    }
    for (int i = 0; i < 10; i++) {
        turn(&side_b);
    }
    ck_assert_uint_eq(b.closings, 1);
    ck_assert_int_eq(b.error, _i == 0 ? TOXTCP_ERR_CLOSED : TOXTCP_ERR_RESET);
}
END_TEST

START_TEST(freed_while_unwanted)
{
    open_pair();
    want_input(&b, false);
    peer_close(&b);
    some_turns();
    ck_assert_uint_eq(b.closings, 0);
    ck_assert_uint_eq(info_of(&side_b).stream_count, 1);
}
END_TEST

/* --- How long bytes wait --- */

struct waits {
    uint32_t count;
    uint64_t last_ns;
};

static void note_wait(void *user, uint64_t waited_ns)
{
    struct waits *waits = user;

    waits->count++;
    waits->last_ns = waited_ns;
}

START_TEST(waits_are_observed)
{
    struct waits waits = {0};

    open_pair();
    some_turns();
    toxtcp_ev_observe_waits(side_r.ev, note_wait, &waits);
    for (uint32_t i = 1; i <= 5; i++) {
        ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
        const uint64_t begin_ms = toxtcp_ev_now(side_r.ev);
        some_turns();
        ck_assert_uint_eq(waits.count, i);
        ck_assert_uint_gt(waits.last_ns, 0);
        ck_assert_uint_le(waits.last_ns / 1000000, toxtcp_ev_now(side_r.ev) - begin_ms + 1);
    }
    toxtcp_ev_observe_waits(side_r.ev, NULL, NULL);
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    some_turns();
    ck_assert_uint_eq(waits.count, 5);
}
END_TEST

static bool relay_is_full(void)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(relay.server, &info);
    return info.data_dropped > 0;
}

/* Bytes that the socket does not take wait on: told once, when the last of them leaves. */
START_TEST(waits_for_a_full_socket)
{
    struct waits waits = {0};
    struct toxtcp_route back;
    int count = 1;

    open_pair();
    peer_open(&flooders[0], &side_a, &relay);
    peer_route(&flooders[0], &b);
    ck_assert_int_eq(toxtcp_client_route_add(b.client, &flooders[0].keys.public_key, NULL, &back), TOXTCP_OK);
    run_until(all, 3, flooders_are_online, &count);
    some_turns();
    while (!relay_is_full()) {
        while (peer_send(&flooders[0], PACKET) == TOXTCP_OK) {
        }
        turn(&side_a);
        turn(&side_r);
    }
    const uint64_t full_ms = toxtcp_ev_now(side_r.ev);
    for (int i = 0; i < 20; i++) {
        turn(&side_r);
    }
    toxtcp_ev_observe_waits(side_r.ev, note_wait, &waits);
    const uint64_t drained_ms = toxtcp_ev_now(side_r.ev);
    for (int i = 0; i < 10000 && waits.count == 0; i++) {
        turn(&side_b);
        turn(&side_r);
    }
    ck_assert_uint_ge(waits.last_ns / 1000000 + 1, drained_ms - full_ms);
    const uint64_t written = info_of(&side_r).bytes_written;
    some_turns();
    ck_assert_uint_eq(waits.count, 1);
    ck_assert_uint_eq(info_of(&side_r).bytes_written, written);
}
END_TEST

TCase *ev_turn_tests(void)
{
    TCase *tcase = tcase_create("turn");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_flood_is_read_in_parts);
    tcase_add_test(tcase, a_quiet_stream_passes_floods);
    tcase_add_test(tcase, every_flood_has_its_turn);
    tcase_add_test(tcase, newcomers_come_few_at_a_time);
    tcase_add_test(tcase, a_quiet_stream_passes_newcomers);
    tcase_add_test(tcase, newcomers_pass_floods);
    tcase_add_test(tcase, an_unwanted_stream_is_not_read);
    tcase_add_test(tcase, an_unwanted_stream_is_written);
    tcase_add_test(tcase, unwanted_while_it_waits_to_be_read);
    tcase_add_loop_test(tcase, an_unwanted_stream_ends, 0, 2);
    tcase_add_test(tcase, freed_while_unwanted);
    tcase_add_test(tcase, waits_are_observed);
    tcase_add_test(tcase, waits_for_a_full_socket);
    return tcase;
}
