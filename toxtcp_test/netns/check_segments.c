/* How many segments a relay connection takes, counted on loopback; what is counted is printed for docs/figures.md.
 * SPDX-License-Identifier: ISC
 *
 * Each test leaves the machine's network for one of its own. That takes root, or user namespaces. */
#include "check_ev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/capture.h"
#include "netns/loopback.h"

enum {
    REQUEST_SIZE = 128,
    FRAME_OVERHEAD = 18,
    PING_FRAME = FRAME_OVERHEAD + 9,
    ROUTING_FRAME = FRAME_OVERHEAD + 33,
    OOB_SIZE = 100,
    OOB_FRAME = FRAME_OVERHEAD + 33 + OOB_SIZE,
    QUEUE_LEN = 16,
    TIMEOUT_MS = 10000
};

static struct side side_a, side_r;
static struct side *const all[] = {&side_a, &side_r};
static struct relay relay;
static struct peer a;
static struct capture capture;
static bool with_fast_open; /* the odd ones of a loop test */

static void set_up(void)
{
    memset(&a, 0, sizeof a);
    loopback_open("3");
    side_open(&side_a);
    side_open(&side_r);
    relay_open(&relay, &side_r, NULL, 0, false);
    ck_assert_int_eq(toxtcp_ev_listener_set_fast_open(relay.listener, QUEUE_LEN), TOXTCP_OK);
    capture_open(&capture);
}

static void tear_down(void)
{
    peer_close(&a);
    relay_close(&relay);
    side_close(&side_a);
    side_close(&side_r);
    capture_close(&capture);
}

static bool nobody_is_left(void *user)
{
    struct toxtcp_ev_info info;

    (void)user;
    toxtcp_ev_get_info(side_r.ev, &info);
    return info.stream_count == 0;
}

/* A cookie for the test, if it wants one, by a stream that is over when counting begins. */
static void prepare(int variant)
{
    with_fast_open = variant % 2 != 0;
    toxtcp_ev_set_fast_open(side_a.ev, with_fast_open);
    peer_open(&a, &side_a, &relay);
    run_until(all, 2, peer_is_connected, &a);
    peer_close(&a);
    memset(&a, 0, sizeof a);
    run_until(all, 2, nobody_is_left, NULL);
    capture_clear(&capture);
}

static void report(const char *what)
{
    const uint16_t port = relay.address.port;

    printf("%s, %s fast open: %u segments, %u of them with data; from the client %u and %u, from the relay %u and %u\n",
           what, with_fast_open ? "with" : "without", (unsigned)capture_count(&capture, 0, 0, TALLY_SEGMENTS),
           (unsigned)capture_count_data(&capture, 0, 0), (unsigned)capture_count(&capture, 0, port, TALLY_SEGMENTS),
           (unsigned)capture_count_data(&capture, 0, port), (unsigned)capture_count(&capture, port, 0, TALLY_SEGMENTS),
           (unsigned)capture_count_data(&capture, port, 0));
}

/* --- Connecting --- */

static bool is_registered(void *user)
{
    (void)user;
    return a.status == TOXTCP_ROUTE_REGISTERED;
}

/* The client says all it has to say in two segments: the handshake, which may be the SYN's, and after it the ping with
 * the routing request. */
START_TEST(connecting)
{
    struct toxtcp_key_pair other;

    prepare(_i);
    toxtcp_key_pair_generate(side_a.env, &other);
    peer_open(&a, &side_a, &relay);
    ck_assert_int_eq(toxtcp_client_route_add(a.client, &other.public_key, NULL, &a.route), TOXTCP_OK);
    run_until(all, 2, is_registered, NULL);
    report("from connect to the first routing response");
    ck_assert_uint_eq(capture_count_data(&capture, 0, relay.address.port), 2);
    const struct captured *first = capture_find(&capture, 0, relay.address.port, segment_has_data);
    ck_assert_uint_eq(first->segment.payload_len, REQUEST_SIZE);
    ck_assert_uint_eq(capture_count(&capture, 0, relay.address.port, TALLY_SYN_DATA), with_fast_open ? 1 : 0);
    const struct captured *last = capture_find_last(&capture, 0, relay.address.port, segment_has_data);
    ck_assert_uint_eq(last->segment.payload_len, PING_FRAME + ROUTING_FRAME);
}
END_TEST

/* --- Ending --- */

/* What is queued when a client is freed leaves with the end of the stream. */
START_TEST(last_words_and_end)
{
    const uint8_t data[OOB_SIZE] = {0};

    prepare(0);
    peer_open(&a, &side_a, &relay);
    run_until(all, 2, peer_is_connected, &a);
    for (int i = 0; i < 5; i++) {
        turn(&side_a);
        turn(&side_r);
    }
    capture_clear(&capture);
    ck_assert_int_eq(toxtcp_client_send_oob(a.client, &a.keys.public_key, data, sizeof data), TOXTCP_OK);
    peer_close(&a);
    run_until(all, 2, nobody_is_left, NULL);
    const struct captured *end = capture_find(&capture, 0, relay.address.port, segment_is_end);
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_eq(end->segment.payload_len, OOB_FRAME);
}
END_TEST

/* --- One OOB, and go --- */

static int result;

static void on_done(void *user, int how)
{
    (void)user;
    ck_assert_int_eq(result, 1);
    result = how;
}

static bool is_done(void *user)
{
    (void)user;
    return result != 1;
}

/* Somebody to receive it is not there: it makes no difference to the sender, and has segments of its own. */
START_TEST(oob_once)
{
    const uint8_t data[OOB_SIZE] = {0};
    struct toxtcp_key_pair keys;
    struct toxtcp_key_pair absent;

    prepare(_i);
    toxtcp_key_pair_generate(side_a.env, &keys);
    toxtcp_key_pair_generate(side_a.env, &absent);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    const struct toxtcp_ev_oob_order order = {
        &keys, &endpoint, &relay.keys.public_key, &absent.public_key, data, sizeof data, TIMEOUT_MS, NULL};
    result = 1;
    ck_assert_int_eq(toxtcp_ev_send_oob_once(side_a.ev, side_a.env, &order, on_done, NULL, NULL), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_OK);
    run_until(all, 2, nobody_is_left, NULL);
    report("one OOB and go, by toxtcp_ev_send_oob_once()");
    ck_assert_uint_eq(capture_count_data(&capture, 0, relay.address.port), 2);
    const struct captured *end = capture_find(&capture, 0, relay.address.port, segment_is_end);
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_eq(end->segment.payload_len, OOB_FRAME + PING_FRAME);
    ck_assert_uint_eq(capture_count_data(&capture, relay.address.port, 0), 2);
    ck_assert_uint_eq(capture_count(&capture, 0, 0, TALLY_RST), 0);
}
END_TEST

static bool is_written(void *user)
{
    struct toxtcp_client_info info;

    (void)user;
    toxtcp_client_get_info(a.client, &info);
    return info.output_len == 0;
}

/* The same in the way that comes to mind first: connect, send when connected, close when it is sent. */
START_TEST(oob_by_hand)
{
    const uint8_t data[OOB_SIZE] = {0};
    struct toxtcp_key_pair absent;

    prepare(_i);
    toxtcp_key_pair_generate(side_a.env, &absent);
    peer_open(&a, &side_a, &relay);
    run_until(all, 2, peer_is_connected, &a);
    ck_assert_int_eq(toxtcp_client_send_oob(a.client, &absent.public_key, data, sizeof data), TOXTCP_OK);
    run_until(all, 2, is_written, NULL);
    peer_close(&a);
    run_until(all, 2, nobody_is_left, NULL);
    report("one OOB and go, by hand");
    ck_assert_uint_eq(capture_count(&capture, 0, relay.address.port, TALLY_FIN_DATA), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("segments");
    TCase *tcase = tcase_create("segments");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, connecting, 0, 2);
    tcase_add_test(tcase, last_words_and_end);
    tcase_add_loop_test(tcase, oob_by_hand, 0, 2);
    tcase_add_loop_test(tcase, oob_once, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
