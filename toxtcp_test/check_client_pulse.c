/* Whether a client finds out that its relay has fallen silent, and does not take a slow one for it.
 * SPDX-License-Identifier: ISC
 */
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

static void expect_heard(const char *expected)
{
    ck_assert_str_eq(client_bed_heard(&bed), expected);
}

static void expect_closed(int error)
{
    char text[40];

    (void)snprintf(text, sizeof text, "closed:%d", error);
    ck_assert_str_eq(client_bed_events(&bed), text);
}

static struct toxtcp_client_info info(void)
{
    struct toxtcp_client_info read;

    toxtcp_client_get_info(bed.client, &read);
    return read;
}

/* Answers the ping that came last. */
static void pong(void)
{
    (void)client_bed_heard(&bed);
    client_bed_pong(&bed);
}

/* Connected, with a few round trips of so many ms behind it. */
static void open_with(const struct toxtcp_client_config *config, uint64_t rtt_ms)
{
    client_bed_open(&bed, config);
    for (int i = 0; i < 12; i++) {
        client_bed_pass(&bed, rtt_ms);
        pong();
        ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
        client_bed_pass(&bed, 0);
    }
    client_bed_pass(&bed, rtt_ms);
    pong();
    (void)client_bed_events(&bed);
    bed.silences = 0; /* the handshake took no time */
}

static void send(void)
{
    ck_assert_int_eq(client_bed_oob(&bed, 'a', 1), TOXTCP_OK);
    client_bed_pass(&bed, 0);
}

/* The request left with the SYN, so the response comes as soon as the stream is open: that is no short way. */
START_TEST(early_request_does_not_shorten_the_way)
{
    const uint8_t *bytes;

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_uint_gt(toxtcp_link_early_output(bed.relay.link, &bytes), 0);
    const uint64_t left_ms = bed.relay.now_ms;
    client_bed_pass(&bed, 2000);
    client_bed_connect(&bed);
    /* The first byte left with the SYN, say; the rest is seen by the relay now. */
    toxtcp_link_sent(bed.relay.link, 0, left_ms);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_heard("ping");
    send();
    client_bed_pass(&bed, 2100);
    ck_assert_uint_eq(bed.silences, 0);
    pong();
    ck_assert_uint_eq(info().rtt_ms, 2100);
}
END_TEST

/* It was lent, and did not leave (a name server or a lost race took its time): the way is no longer for that. */
START_TEST(lent_request_does_not_lengthen_the_way)
{
    const uint8_t *bytes;

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_uint_gt(toxtcp_link_early_output(bed.relay.link, &bytes), 0);
    client_bed_pass(&bed, 2000);
    client_bed_connect(&bed);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_heard("ping");
    send();
    client_bed_pass(&bed, 1100);
    ck_assert_uint_eq(bed.silences, 1);
}
END_TEST

/* --- The quick ping --- */

START_TEST(silence_after_a_send_is_broken)
{
    open_with(NULL, 50);
    client_bed_pass(&bed, _i == 0 ? 10 : 20000);
    send();
    expect_heard("oob:a:1");
    client_bed_pass(&bed, 749);
    expect_heard("");
    client_bed_pass(&bed, 1);
    expect_heard("ping");
    client_bed_pong(&bed);
    client_bed_pass(&bed, 5000);
    expect_heard("");
}
END_TEST

START_TEST(an_answer_spares_the_ping)
{
    open_with(NULL, 50);
    for (int i = 0; i < 20; i++) {
        send();
        expect_heard("oob:a:1");
        client_bed_pass(&bed, 700);
        client_bed_queue(&bed, WIRE_OOB_RECV, 'a', 0, 1);
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
        client_bed_pass(&bed, 300);
    }
    expect_heard("");
}
END_TEST

/* A stream that nobody answers costs one ping for each 750 ms, no more. */
START_TEST(one_way_stream)
{
    uint32_t pings = 0;

    open_with(NULL, 20);
    for (int i = 0; i < 1000; i++) {
        send();
        if (strstr(client_bed_heard(&bed), "ping")) {
            pings++;
            client_bed_pong(&bed);
        }
        client_bed_pass(&bed, 10);
    }
    ck_assert_uint_ge(pings, 12);
    ck_assert_uint_le(pings, 14);
}
END_TEST

START_TEST(quick_pings_can_be_left_off)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.quiet_ms = 0;
    open_with(&config, 20);
    client_bed_pass(&bed, 5000);
    send();
    client_bed_pass(&bed, 15000);
    expect_heard("oob:a:1");
}
END_TEST

/* --- Silence --- */

/* Known within 3 s of the first packet that went into it. */
START_TEST(silence_is_noticed)
{
    open_with(NULL, 100);
    send();
    if (_i == 0) {
        expect_heard("oob:a:1");
        client_bed_pass(&bed, 750 + 1000 + 3 * 100 - 1);
        ck_assert(!info().silent);
        client_bed_pass(&bed, 50);
    } else {
        /* The socket does not even take it. */
        client_bed_pass(&bed, 2999);
    }
    ck_assert(info().silent);
    ck_assert_uint_eq(bed.silences, 1);
    /* It is dead only when the pong is missed. */
    ck_assert_str_eq(client_bed_events(&bed), "");
    client_bed_pass(&bed, 10000);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
}
END_TEST

START_TEST(heard_again)
{
    open_with(NULL, 100);
    send();
    client_bed_pass(&bed, 3000);
    ck_assert(info().silent);
    client_bed_queue(&bed, WIRE_OOB_RECV, 'a', 0, 1);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    ck_assert(!info().silent);
    pong();
    client_bed_pass(&bed, 20000);
    ck_assert(!info().silent);
    ck_assert_uint_eq(bed.silences, 1);
}
END_TEST

/* Hours of use over 2 s of round trip, with jitter: never. */
START_TEST(slow_is_not_silent)
{
    open_with(NULL, 2000);
    for (uint32_t i = 0; i < 4000; i++) {
        send();
        (void)client_bed_heard(&bed);
        client_bed_pass(&bed, 750 + 1800 + (i * 7919) % 400);
        pong();
        client_bed_pass(&bed, (i * 31) % 1000);
    }
    ck_assert_uint_eq(bed.silences, 0);
}
END_TEST

/* A pong that a silence has held back does not make us more patient with the next silence. */
START_TEST(one_late_pong_says_nothing_of_the_way)
{
    open_with(NULL, 20);
    for (uint32_t round = 1; round <= 10; round++) {
        send();
        expect_heard("oob:a:1");
        client_bed_pass(&bed, 750 + 1000 + 20 + 100);
        ck_assert_uint_eq(bed.silences, round);
        client_bed_pass(&bed, 5000);
        pong();
        ck_assert_uint_eq(info().rtt_ms, 20);
        ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
        client_bed_pass(&bed, 20);
        pong();
    }
}
END_TEST

/* A way that has become slow is believed after two silences. */
START_TEST(a_way_becomes_slow)
{
    open_with(NULL, 20);
    for (uint32_t i = 0; i < 100; i++) {
        send();
        (void)client_bed_heard(&bed);
        client_bed_pass(&bed, 750 + 2000);
        pong();
    }
    ck_assert_uint_ge(bed.silences, 1);
    ck_assert_uint_le(bed.silences, 2);
    ck_assert_uint_ge(info().rtt_ms, 1900);
}
END_TEST

/* Even when nothing but the handshake has measured it. */
START_TEST(slow_from_the_start)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    client_bed_connect(&bed);
    client_bed_pass(&bed, 2000);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    client_bed_pass(&bed, 2100);
    ck_assert_uint_eq(bed.silences, 0);
    expect_heard("ping");
    pong();
    ck_assert_uint_eq(info().rtt_ms, 2100);
}
END_TEST

/* The pong waits behind what else comes: as long as anything comes the relay lives. */
START_TEST(bulk_is_not_silence)
{
    open_with(NULL, 20);
    send();
    client_bed_pass(&bed, 750);
    for (int i = 0; i < 90; i++) {
        client_bed_pass(&bed, 100);
        client_bed_queue(&bed, WIRE_OOB_RECV, 'a', 0, 1000);
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    }
    ck_assert_uint_eq(bed.silences, 0);
}
END_TEST

/* Bytes that leave after they found the socket full prove that the far end takes them. */
START_TEST(slow_upload_is_not_silence)
{
    open_with(NULL, 20);
    client_bed_online(&bed, 'a', 16);
    while (client_bed_send(&bed, 'a', 1000) == TOXTCP_OK) {
    }
    raw_relay_read(&bed.relay, 100);
    client_bed_pass(&bed, 750);
    for (int i = 0; i < 60; i++) {
        client_bed_pass(&bed, 100);
        raw_relay_read(&bed.relay, 100);
    }
    ck_assert_uint_eq(bed.silences, 0);
    /* Then the socket stays full. */
    client_bed_pass(&bed, 1200);
    ck_assert_uint_eq(bed.silences, 1);
}
END_TEST

/* The process was suspended: what the relay said may not be read yet. */
START_TEST(suspended_is_not_silence)
{
    open_with(NULL, 20);
    send();
    client_bed_pass(&bed, 800);
    client_bed_sleep(&bed, 3600 * 1000);
    ck_assert_uint_eq(bed.silences, 0);
    pong();
    client_bed_pass(&bed, 500);
    ck_assert_uint_eq(bed.silences, 0);
    ck_assert(info().connected);
}
END_TEST

/* --- Hurry --- */

START_TEST(hurry_ends_what_does_not_answer)
{
    open_with(NULL, 20);
    client_bed_pass(&bed, 5000);
    if (_i == 1) {
        /* A ping is out already. */
        ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
        client_bed_pass(&bed, 500);
    }
    ck_assert_int_eq(toxtcp_client_hurry(bed.client), TOXTCP_OK);
    client_bed_pass(&bed, 0);
    expect_heard("ping");
    client_bed_pass(&bed, 2999);
    ck_assert_str_eq(client_bed_events(&bed), "");
    client_bed_pass(&bed, 1);
    expect_closed(TOXTCP_ERR_TIMED_OUT);
    ck_assert_int_eq(toxtcp_client_hurry(bed.client), TOXTCP_ERR_NOT_CONNECTED);
}
END_TEST

START_TEST(hurry_spares_what_answers)
{
    open_with(NULL, _i == 0 ? 20 : 4000);
    ck_assert_int_eq(toxtcp_client_hurry(bed.client), TOXTCP_OK);
    client_bed_pass(&bed, _i == 0 ? 2900 : 4500);
    pong();
    client_bed_pass(&bed, 20000);
    ck_assert_str_eq(client_bed_events(&bed), "");
    ck_assert(info().connected);
}
END_TEST

START_TEST(hurry_before_the_handshake)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_hurry(bed.client), TOXTCP_ERR_NOT_CONNECTED);
}
END_TEST

/* --- Floods --- */

/* 60 in half a minute are answered, the next one ends it; at an honest pace there is no end. */
START_TEST(flood_of_pings_ends_the_link)
{
    open_with(NULL, 20);
    for (int i = 0; i < 60; i++) {
        client_bed_ping(&bed, 'x');
    }
    ck_assert_str_eq(client_bed_events(&bed), "");
    client_bed_ping(&bed, 'x');
    expect_closed(TOXTCP_ERR_PROTOCOL);
}
END_TEST

START_TEST(two_pings_a_second_are_no_flood)
{
    open_with(NULL, 20);
    for (int i = 0; i < 1000; i++) {
        client_bed_ping(&bed, 'x');
        expect_heard("pong:x");
        client_bed_pass(&bed, 501);
    }
    ck_assert(info().connected);
}
END_TEST

/* --- Together --- */

/* Idle relays are pinged on one beat, whenever they were heard last. */
START_TEST(idle_pings_keep_the_beat)
{
    open_with(NULL, 20);
    client_bed_pass(&bed, (uint64_t)_i * 777);
    client_bed_ping(&bed, 'x');
    const uint64_t heard_ms = bed.relay.now_ms;
    const uint64_t due_ms = toxtcp_client_deadline(bed.client);
    ck_assert_uint_eq(due_ms % 3000, 0);
    ck_assert_uint_ge(due_ms, heard_ms + 33000);
    ck_assert_uint_lt(due_ms, heard_ms + 36000);
}
END_TEST

/* --- What the system knows --- */

static struct toxtcp_path path;
static uint32_t looks; /* how often it was asked */

static bool tell_path(void *user, struct toxtcp_link *link, struct toxtcp_path *told)
{
    ck_assert_ptr_eq(user, &bed.relay);
    ck_assert_ptr_eq(link, bed.relay.link);
    looks++;
    *told = path;
    return true;
}

/* A way on which nothing comes through. */
static const struct toxtcp_path stuck = {
    .rtt_us = 50000, .retransmits_in_row = 2, .unacknowledged = 1, .unacknowledged_for_ms = 1050};

static void set_up_path(void)
{
    client_bed_init(&bed, 1);
    bed.relay.driver.path = tell_path;
    path = (struct toxtcp_path){.rtt_us = 50000, .rtt_var_us = 1000};
    looks = 0;
}

/* And what is sent leaves. */
static void send_out(void)
{
    send();
    (void)client_bed_heard(&bed);
}

START_TEST(stuck_way_is_silence)
{
    open_with(NULL, 50);
    send_out();
    path = stuck;
    client_bed_pass(&bed, 1049);
    ck_assert(!info().silent);
    client_bed_pass(&bed, 50);
    ck_assert(info().silent);
    ck_assert_uint_eq(bed.silences, 1);
    /* The late pong adds nothing. */
    client_bed_pass(&bed, 3000);
    ck_assert(info().silent);
    ck_assert_uint_eq(bed.silences, 1);
    pong();
    ck_assert(!info().silent);
}
END_TEST

/* The relay's process takes its time for answers, which is no reason to wait for its system's. */
START_TEST(slow_relay_on_a_stuck_way)
{
    open_with(NULL, 900);
    send_out();
    path = stuck;
    client_bed_pass(&bed, 1049);
    ck_assert(!info().silent);
    client_bed_pass(&bed, 1);
    ck_assert(info().silent);
}
END_TEST

/* The last acknowledgement came when the way was about to die: it is known when there will have been none for long. */
START_TEST(stuck_way_is_looked_at_in_time)
{
    open_with(NULL, 50);
    send_out();
    path = stuck;
    path.unacknowledged_for_ms = 950;
    client_bed_pass(&bed, 1060);
    ck_assert_uint_eq(bed.silences, 0);
    path.unacknowledged_for_ms = 1050;
    client_bed_pass(&bed, 101);
    ck_assert_uint_eq(bed.silences, 1);
}
END_TEST

/* Acknowledged: the way lives. Whether the relay does, its pong tells. */
START_TEST(acknowledged_is_no_silence)
{
    open_with(NULL, 50);
    send_out();
    path = stuck;
    for (int i = 0; i < 1200 && bed.silences == 0; i++) {
        client_bed_pass(&bed, 1);
    }
    ck_assert_uint_eq(bed.silences, 1);
    /* It is asked again after 250 ms. */
    path.retransmits_in_row = 0;
    client_bed_pass(&bed, 249);
    ck_assert(info().silent);
    client_bed_pass(&bed, 1);
    ck_assert(!info().silent);
    client_bed_pass(&bed, 1000);
    ck_assert(info().silent);
    ck_assert_uint_eq(bed.silences, 2);
    pong();
    ck_assert(!info().silent);
}
END_TEST

/* A line was idle, so that its last acknowledgement is old, and its round trip is 0.9 s from now on. */
START_TEST(longer_way_is_no_silence)
{
    open_with(NULL, 40);
    for (int i = 0; i < 10; i++) {
        path = stuck;
        path.unacknowledged_for_ms = 3900;
        send_out();
        client_bed_pass(&bed, 900);
        path.retransmits_in_row = path.unacknowledged = 0;
        client_bed_pass(&bed, 750);
        pong();
        client_bed_pass(&bed, 1350);
    }
    ck_assert_uint_eq(bed.silences, 0);
}
END_TEST

/* A ping waited in the system until what was sent again there was acknowledged: its pong is late, and no wonder. */
START_TEST(late_behind_what_was_sent_again)
{
    open_with(NULL, 40);
    send_out();
    path = (struct toxtcp_path){.rtt_us = 160000, .rtt_var_us = 230000};
    client_bed_pass(&bed, 750 + 1100);
    ck_assert_uint_eq(bed.silences, 0);
    /* That is no reason to wait for ever. */
    client_bed_pass(&bed, 3 * 160 + 4 * 230 + 1000 - 1100 - 1);
    ck_assert_uint_eq(bed.silences, 0);
    client_bed_pass(&bed, 2);
    ck_assert_uint_eq(bed.silences, 1);
    pong();
    ck_assert(!info().silent);
}
END_TEST

/* What comes with losses, and with round trips that the system has not learned yet. */
static const struct toxtcp_path rough[] = {
    {.rtt_us = 50000, .retransmits_in_row = 1, .unacknowledged = 9, .unacknowledged_for_ms = 900},
    {.rtt_us = 50000, .retransmits_in_row = 2, .unacknowledged = 9, .unacknowledged_for_ms = 1049},
    {.rtt_us = 50000,
     .rtt_var_us = 200000,
     .retransmits_in_row = 2,
     .unacknowledged = 9,
     .unacknowledged_for_ms = 1849},
    {.rtt_us = 50000, .retransmits_in_row = 3, .unacknowledged = 0, .unacknowledged_for_ms = 5000},
    {.rtt_us = 2000000, .retransmits_in_row = 2, .unacknowledged = 9, .unacknowledged_for_ms = 2999},
};

START_TEST(rough_way_is_no_silence)
{
    open_with(NULL, _i == 4 ? 2000 : 50);
    path = rough[_i];
    send_out();
    client_bed_pass(&bed, 1700);
    ck_assert_uint_ge(looks, 1);
    ck_assert_uint_eq(bed.silences, 0);
    ck_assert(!info().silent);
}
END_TEST

/* Asking is a system call: it is not done while there is nothing to suspect. */
START_TEST(system_is_seldom_asked)
{
    const struct toxtcp_client_config by_the_book = {.connect_timeout_ms = 10000,
                                                     .ping_interval_ms = 30000,
                                                     .pong_timeout_ms = 10000,
                                                     .route_retry_ms = 60000,
                                                     .output_max = 65536};

    open_with(_i == 2 ? &by_the_book : NULL, 50);
    for (int i = 0; i < 600; i++) {
        if (_i == 1) {
            send_out();
        } else if (_i == 2) {
            send();
        }
        client_bed_pass(&bed, 100);
        if (_i == 0 || (_i == 1 && i % 5 == 0) || (_i == 2 && strstr(client_bed_heard(&bed), "ping"))) {
            client_bed_ping(&bed, 'x');
            pong();
        }
    }
    ck_assert_uint_eq(bed.silences, 0);
    ck_assert_uint_eq(looks, 0);
}
END_TEST

START_TEST(information_asks_the_system)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert(!info().path_known);
    ck_assert_uint_eq(looks, 0);
    client_bed_free(&bed);
    open_with(NULL, 50);
    ck_assert(info().path_known);
    ck_assert_uint_eq(info().path.rtt_us, 50000);
    bed.relay.driver.path = NULL;
    ck_assert(!info().path_known);
    ck_assert_uint_eq(info().path.rtt_us, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_pulse");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, silence_after_a_send_is_broken, 0, 2);
    tcase_add_test(tests, early_request_does_not_shorten_the_way);
    tcase_add_test(tests, lent_request_does_not_lengthen_the_way);
    tcase_add_test(tests, an_answer_spares_the_ping);
    tcase_add_test(tests, one_way_stream);
    tcase_add_test(tests, quick_pings_can_be_left_off);
    tcase_add_loop_test(tests, silence_is_noticed, 0, 2);
    tcase_add_test(tests, heard_again);
    tcase_add_test(tests, slow_is_not_silent);
    tcase_add_test(tests, one_late_pong_says_nothing_of_the_way);
    tcase_add_test(tests, a_way_becomes_slow);
    tcase_add_test(tests, slow_from_the_start);
    tcase_add_test(tests, bulk_is_not_silence);
    tcase_add_test(tests, slow_upload_is_not_silence);
    tcase_add_test(tests, suspended_is_not_silence);
    tcase_add_loop_test(tests, hurry_ends_what_does_not_answer, 0, 2);
    tcase_add_loop_test(tests, hurry_spares_what_answers, 0, 2);
    tcase_add_test(tests, hurry_before_the_handshake);
    tcase_add_test(tests, flood_of_pings_ends_the_link);
    tcase_add_test(tests, two_pings_a_second_are_no_flood);
    tcase_add_loop_test(tests, idle_pings_keep_the_beat, 0, 12);
    suite_add_tcase(suite, tests);
    TCase *path_tests = tcase_create("path");
    tcase_add_checked_fixture(path_tests, set_up_path, tear_down);
    tcase_add_test(path_tests, stuck_way_is_silence);
    tcase_add_test(path_tests, slow_relay_on_a_stuck_way);
    tcase_add_test(path_tests, acknowledged_is_no_silence);
    tcase_add_test(path_tests, stuck_way_is_looked_at_in_time);
    tcase_add_test(path_tests, longer_way_is_no_silence);
    tcase_add_test(path_tests, late_behind_what_was_sent_again);
    tcase_add_loop_test(path_tests, rough_way_is_no_silence, 0, sizeof rough / sizeof *rough);
    tcase_add_loop_test(path_tests, system_is_seldom_asked, 0, 3);
    tcase_add_test(path_tests, information_asks_the_system);
    suite_add_tcase(suite, path_tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
