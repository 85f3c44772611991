/* A client's deadlines: connecting, pings, lateness, refused routes. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client_bed.h"

static struct client_bed bed;

static void set_up(void)
{
    client_bed_init(&bed, 1);
}

static void tear_down(void)
{
    client_bed_finish(&bed);
}

static void expect_events(const char *expected)
{
    ck_assert_str_eq(client_bed_events(&bed), expected);
}

static void expect_heard(const char *expected)
{
    ck_assert_str_eq(client_bed_heard(&bed), expected);
}

static void expect_closed(int error)
{
    char text[40];

    (void)snprintf(text, sizeof text, "closed:%d", error);
    expect_events(text);
    ck_assert_uint_eq(toxtcp_client_deadline(bed.client), TOXTCP_NEVER);
}

static struct toxtcp_client_info info(void)
{
    struct toxtcp_client_info read;

    toxtcp_client_get_info(bed.client, &read);
    return read;
}

/* Connected, and the first ping answered after `rtt_ms`. */
static void open_quietly(const struct toxtcp_client_config *config, uint64_t rtt_ms)
{
    client_bed_open(&bed, config);
    expect_events("connected");
    expect_heard("ping");
    client_bed_pass(&bed, rtt_ms);
    client_bed_pong(&bed);
}

/* --- Connecting --- */

/* "connect, proxy and handshake together get 10 s by default": 0 while dialling, 1 in the handshake, 2 after half an
 * answer. */
START_TEST(connect_timeout)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    client_bed_pass(&bed, 4000);
    if (_i > 0) {
        client_bed_connect(&bed);
    }
    client_bed_pass(&bed, 3000);
    if (_i == 2) {
        ck_assert_int_eq(toxtcp_link_recv(bed.relay.link, buffer_peek(&bed.relay.channel.out), 90, bed.relay.now_ms),
                         TOXTCP_OK);
    }
    client_bed_pass(&bed, 2999);
    expect_events("");
    ck_assert_uint_eq(bed.relay.closed_count, 0);
    client_bed_pass(&bed, 1);
    ck_assert_uint_eq(bed.relay.closed_count, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

START_TEST(connect_timeout_is_configured)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.connect_timeout_ms = 77;
    ck_assert_int_eq(client_bed_new(&bed, &config), TOXTCP_OK);
    ck_assert_uint_eq(toxtcp_client_deadline(bed.client), bed.relay.now_ms + 77);
    client_bed_pass(&bed, 76);
    expect_events("");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* In the last millisecond is in time. */
START_TEST(connected_just_in_time)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    client_bed_pass(&bed, 9999);
    client_bed_connect(&bed);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_events("connected");
    client_bed_pass(&bed, 5000);
    expect_events("");
}
END_TEST

/* --- Pings --- */

START_TEST(first_pong_is_missing)
{
    client_bed_open(&bed, NULL);
    expect_events("connected");
    client_bed_pass(&bed, 9999);
    expect_events("");
    client_bed_pass(&bed, 1);
    ck_assert_uint_eq(bed.relay.closed_count, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* In use: a ping with the first thing that is sent 30 s after the last one; without a pong the relay is dead 10 s
 * later. What was sent before is no reason for a ping. */
START_TEST(pings_in_use)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.quiet_ms = 0;
    open_quietly(&config, 0);
    for (uint32_t round = 0; round < 5; round++) {
        client_bed_pass(&bed, 29999);
        ck_assert_int_eq(client_bed_oob(&bed, 'a', 1), TOXTCP_OK);
        expect_heard("oob:a:1");
        client_bed_pass(&bed, 1);
        expect_heard("");
        ck_assert_int_eq(client_bed_oob(&bed, 'a', 1), TOXTCP_OK);
        client_bed_pass(&bed, 0);
        expect_heard("oob:a:1 ping");
        if (round < 4) {
            client_bed_pong(&bed);
        }
    }
    client_bed_pass(&bed, 9999);
    expect_events("");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* Idle: the relay's own pings prove that it lives, and ours are not sent. */
START_TEST(no_pings_while_the_relay_pings)
{
    open_quietly(NULL, 0);
    for (uint32_t round = 0; round < 10; round++) {
        client_bed_pass(&bed, 30000);
        client_bed_ping(&bed, 'x');
        expect_heard("pong:x");
    }
    client_bed_pass(&bed, 32999);
    expect_heard("");
    client_bed_pass(&bed, 1);
    expect_heard("ping");
    client_bed_pass(&bed, 9999);
    expect_events("");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

START_TEST(ping_times_are_configured)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.ping_interval_ms = 1000;
    config.pong_timeout_ms = 50;
    open_quietly(&config, 10);
    client_bed_pass(&bed, 1189); /* on whole tenths of the interval */
    expect_heard("");
    client_bed_pass(&bed, 1);
    expect_heard("ping");
    client_bed_pass(&bed, 49);
    expect_events("");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* A pong of another id, or a second one, says nothing. */
START_TEST(wrong_pongs)
{
    open_quietly(NULL, 7);
    ck_assert_uint_eq(info().rtt_ms, 7);
    client_bed_pong(&bed);
    client_bed_queue(&bed, WIRE_PONG, 'q', 0, 0);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    ck_assert_uint_eq(info().rtt_ms, 7);
    client_bed_pass(&bed, 35993);
    expect_heard("ping");
    for (uint32_t i = 0; i < 9; i++) {
        client_bed_pass(&bed, 1000);
        client_bed_queue(&bed, WIRE_PONG, 'q', 0, 0);
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    }
    client_bed_pass(&bed, 1000);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

START_TEST(ping_ids_differ)
{
    struct toxtcp_client_config config;
    uint8_t last[WIRE_PING_ID_SIZE] = {0};

    toxtcp_client_config_default(&config);
    config.ping_interval_ms = 100;
    open_quietly(&config, 0);
    for (uint32_t i = 0; i < 20; i++) {
        ck_assert_mem_ne(bed.ping_id, last, sizeof last);
        memcpy(last, bed.ping_id, sizeof last);
        client_bed_pass(&bed, 110);
        expect_heard("ping");
        client_bed_pong(&bed);
    }
}
END_TEST

static void zeros(void *user, uint8_t *bytes, size_t len)
{
    (void)user;
    memset(bytes, 0, len);
}

/* "8 ping id, never 0", whatever the dice say. */
START_TEST(ping_id_is_never_zero)
{
    struct toxtcp_env *kept = bed.env.env;

    ck_assert_int_eq(toxtcp_env_new(&(struct toxtcp_hooks){.random = zeros}, &bed.env.env), TOXTCP_OK);
    client_bed_open(&bed, NULL);
    expect_heard("ping");
    client_bed_free(&bed);
    toxtcp_env_free(bed.env.env);
    bed.env.env = kept;
}
END_TEST

START_TEST(rtt_is_smoothed)
{
    open_quietly(NULL, 80);
    ck_assert_uint_eq(info().rtt_ms, 80);
    client_bed_pass(&bed, 35920);
    expect_heard("ping");
    client_bed_pass(&bed, 160);
    client_bed_pong(&bed);
    ck_assert_uint_gt(info().rtt_ms, 80);
    ck_assert_uint_lt(info().rtt_ms, 160);
}
END_TEST

/* "Pings now, unless a ping is out." */
START_TEST(ping_on_demand)
{
    open_quietly(NULL, 0);
    client_bed_pass(&bed, 100);
    ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
    client_bed_pass(&bed, 0);
    expect_heard("ping");
    ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
    client_bed_pass(&bed, 9999);
    expect_heard("");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* --- Lateness --- */

/* "Read what has arrived before judging a pong late: a process that was suspended must not drop a healthy relay." Hours
 * pass while a ping is out; expire comes before the bytes are read. */
START_TEST(suspended_with_a_ping_out)
{
    open_quietly(NULL, 0);
    client_bed_pass(&bed, 33000);
    expect_heard("ping");
    client_bed_sleep(&bed, 5 * 3600 * 1000);
    expect_events("");
    ck_assert(info().connected);
    if (_i == 0) {
        /* The pong was in the socket. */
        client_bed_pass(&bed, 999);
        client_bed_pong(&bed);
        client_bed_pass(&bed, 9000);
        expect_events("");
        ck_assert(info().connected);
    } else {
        /* There was none: a second is enough to know. */
        client_bed_pass(&bed, 999);
        expect_events("");
        client_bed_pass(&bed, 1);
        expect_closed(TOXTCP_ERR_TIMED_OUT);
    }
}
END_TEST

/* Suspended again and again it does not live for ever without a pong. */
START_TEST(suspended_twice)
{
    open_quietly(NULL, 0);
    client_bed_pass(&bed, 33000);
    expect_heard("ping");
    client_bed_sleep(&bed, 3600 * 1000);
    expect_events("");
    client_bed_sleep(&bed, 3600 * 1000);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* With no ping out it asks first. */
START_TEST(suspended_while_idle)
{
    open_quietly(NULL, 0);
    client_bed_sleep(&bed, 8 * 3600 * 1000);
    expect_events("");
    expect_heard("ping");
    client_bed_pass(&bed, 9999);
    expect_events("");
    client_bed_pong(&bed);
    client_bed_pass(&bed, 20000);
    expect_events("");
    ck_assert(info().connected);
}
END_TEST

/* Called a little late, as any loop does, the relay gets no grace. */
START_TEST(a_little_late)
{
    client_bed_open(&bed, NULL);
    expect_events("connected");
    client_bed_sleep(&bed, 10050);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

START_TEST(expire_too_early_does_nothing)
{
    open_quietly(NULL, 0);
    const uint64_t deadline = toxtcp_client_deadline(bed.client);
    for (uint32_t i = 0; i < 100; i++) {
        toxtcp_client_expire(bed.client, bed.relay.now_ms);
    }
    expect_heard("");
    expect_events("");
    ck_assert_uint_eq(toxtcp_client_deadline(bed.client), deadline);
}
END_TEST

/* --- Refused routes --- */

/* "A refusal means no id here: the request is repeated later." */
START_TEST(refused_route_is_asked_again)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.route_retry_ms = 5000;
    open_quietly(&config, 0);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    expect_heard("ask:a");
    for (uint32_t round = 0; round < 3; round++) {
        client_bed_respond(&bed, 'a', 0);
        ck_assert_int_eq(client_bed_status(&bed, 'a'), TOXTCP_ROUTE_REFUSED);
        client_bed_pass(&bed, 4999);
        expect_heard("");
        client_bed_pass(&bed, 1);
        expect_heard("ask:a");
    }
    client_bed_respond(&bed, 'a', 16);
    ck_assert_int_eq(client_bed_status(&bed, 'a'), TOXTCP_ROUTE_REGISTERED);
    client_bed_pass(&bed, 10000);
    expect_heard("");
}
END_TEST

/* The default is a minute; a route that is given up is not asked for again. */
START_TEST(refused_and_given_up)
{
    open_quietly(NULL, 0);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_OK);
    expect_heard("ask:a ask:b");
    client_bed_respond(&bed, 'a', 0);
    client_bed_respond(&bed, 'b', 0);
    expect_events("a=REFUSED b=REFUSED");
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    client_bed_pass(&bed, 29000);
    client_bed_ping(&bed, 'x');
    expect_heard("pong:x");
    client_bed_pass(&bed, 30999);
    client_bed_ping(&bed, 'x');
    expect_heard("pong:x");
    client_bed_pass(&bed, 1);
    expect_heard("ask:b");
}
END_TEST

/* --- The deadline is told --- */

static void ping_in_callback(struct client_bed *in)
{
    ck_assert_int_eq(toxtcp_client_ping(in->client), TOXTCP_OK);
}

static void act_in_next_callback(client_bed_action *act)
{
    bed.act = act;
    bed.act_at = bed.callbacks + 1;
}

/* A timer that is set by what the contract says never comes too late: client_bed_check() compares after every call. The
 * ping that a callback wants, twice in a row, with its answer and the next wish in the same bytes. */
START_TEST(deadline_is_told)
{
    open_quietly(NULL, 0);
    act_in_next_callback(ping_in_callback);
    client_bed_queue(&bed, WIRE_OOB_RECV, 'z', 0, 1);
    (void)raw_relay_flush(&bed.relay);
    client_bed_check(&bed);
    client_bed_pass(&bed, 1);
    expect_heard("ping");
    act_in_next_callback(ping_in_callback);
    struct packet pong = {.kind = WIRE_PONG};
    memcpy(pong.ping_id, bed.ping_id, sizeof pong.ping_id);
    raw_relay_send(&bed.relay, &pong);
    client_bed_queue(&bed, WIRE_OOB_RECV, 'z', 0, 1);
    (void)raw_relay_flush(&bed.relay);
    client_bed_check(&bed);
    client_bed_pass(&bed, 0);
    expect_heard("ping");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_time");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, connect_timeout, 0, 3);
    tcase_add_test(tests, connect_timeout_is_configured);
    tcase_add_test(tests, connected_just_in_time);
    tcase_add_test(tests, first_pong_is_missing);
    tcase_add_test(tests, pings_in_use);
    tcase_add_test(tests, no_pings_while_the_relay_pings);
    tcase_add_test(tests, ping_times_are_configured);
    tcase_add_test(tests, wrong_pongs);
    tcase_add_test(tests, ping_ids_differ);
    tcase_add_test(tests, ping_id_is_never_zero);
    tcase_add_test(tests, rtt_is_smoothed);
    tcase_add_test(tests, ping_on_demand);
    tcase_add_loop_test(tests, suspended_with_a_ping_out, 0, 2);
    tcase_add_test(tests, suspended_twice);
    tcase_add_test(tests, suspended_while_idle);
    tcase_add_test(tests, a_little_late);
    tcase_add_test(tests, expire_too_early_does_nothing);
    tcase_add_test(tests, refused_route_is_asked_again);
    tcase_add_test(tests, refused_and_given_up);
    tcase_add_test(tests, deadline_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
