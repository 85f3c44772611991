/* The simulator's own parts: dice, events, pipes, and its network with a client and a relay in it.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/dice.h"
#include "sim/events.h"
#include "sim/network.h"
#include "sim/pipe.h"
#include "support/net_env.h"

/* --- Dice --- */

START_TEST(dice_stay_within)
{
    struct dice dice = dice_of(1, 2);
    bool low = false;
    bool high = false;

    for (uint32_t i = 0; i < 10000; i++) {
        const uint32_t even = dice_between(&dice, 3, 6);
        const uint32_t skewed = dice_skewed(&dice, 5, 1000);
        ck_assert(even >= 3 && even <= 6);
        ck_assert(skewed >= 5 && skewed <= 1000);
        low |= even == 3;
        high |= even == 6;
    }
    ck_assert(low && high);
    ck_assert_uint_eq(dice_below(&dice, 0), 0);
    ck_assert(!dice_chance(&dice, 0) && dice_chance(&dice, 100));
}
END_TEST

START_TEST(dice_of_a_purpose)
{
    struct dice a = dice_of(7, 1);
    struct dice b = dice_of(7, 1);
    struct dice c = dice_of(7, 2);
    struct dice d = dice_of(8, 1);
    const uint64_t first = dice_next(&a);

    ck_assert_uint_eq(first, dice_next(&b));
    ck_assert_uint_ne(first, dice_next(&c));
    ck_assert_uint_ne(first, dice_next(&d));
}
END_TEST

/* --- Pipes --- */

static const struct pipe_line line = {.latency_ms = 100, .jitter_ms = 0, .bytes_per_ms = 10};

START_TEST(pipe_takes_its_time)
{
    struct pipe pipe = {0};
    uint8_t bytes[200] = {0};

    ck_assert_uint_eq(pipe_next(&pipe), TOXTCP_NEVER);
    pipe_write(&pipe, bytes, 200, &line, 1000);
    ck_assert_uint_eq(pipe_next(&pipe), 1120);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1119), 0);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1120), 200);
    /* The line is busy until 1020, and then with these. */
    pipe_write(&pipe, bytes, 50, &line, 1010);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1124), 200);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1125), 250);
    pipe_read(&pipe, bytes, 120);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1120), 80);
    pipe_clear(&pipe);
}
END_TEST

START_TEST(pipe_keeps_the_order)
{
    struct pipe_line late = line;
    struct pipe pipe = {0};
    uint8_t bytes[2] = {1, 2};

    late.jitter_ms = 500;
    pipe_write(&pipe, &bytes[0], 1, &late, 1000);
    pipe_write(&pipe, &bytes[1], 1, &line, 1001);
    pipe_end(&pipe, TOXTCP_ERR_CLOSED, &line, 1002);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1599), 0);
    ck_assert_uint_eq(pipe_arrived(&pipe, 1600), 2);
    ck_assert_int_eq(pipe_ended(&pipe, 1600), 0);
    pipe_read(&pipe, bytes, 2);
    ck_assert_uint_eq(bytes[0], 1);
    ck_assert_uint_eq(bytes[1], 2);
    ck_assert_int_eq(pipe_ended(&pipe, 1600), TOXTCP_ERR_CLOSED);
    pipe_clear(&pipe);
}
END_TEST

START_TEST(pipe_holds_back)
{
    struct pipe pipe = {0};
    uint8_t byte = 1;

    pipe_write(&pipe, &byte, 1, &line, 1000);
    pipe_hold(&pipe, 5000);
    ck_assert_uint_eq(pipe_next(&pipe), 5000);
    ck_assert_uint_eq(pipe_arrived(&pipe, 4999), 0);
    ck_assert_uint_eq(pipe_arrived(&pipe, 5000), 1);
    pipe_clear(&pipe);
}
END_TEST

/* --- A client and a relay --- */

enum { START_MS = 1000000, LATENCY_MS = 100 };

static struct {
    struct net_env env;
    struct toxtcp_env *events_env;
    struct events events;
    struct network *network;
    struct host *near;
    struct host *far;
    struct toxtcp_key_pair near_keys;
    struct toxtcp_key_pair far_keys;
    struct toxtcp_client *client;
    struct toxtcp_server *server;
    uint64_t connected_ms;
    uint64_t closed_ms;
    int error;
    uint32_t next; /* number of the packet that comes back next */
    uint64_t heard_ms;
} bed;

static void on_connected(void *user, struct toxtcp_client *client)
{
    (void)user;
    (void)client;
    bed.connected_ms = bed.events.now_ms - START_MS;
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    (void)user;
    (void)client;
    bed.closed_ms = bed.events.now_ms - START_MS;
    bed.error = error;
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    uint32_t number;

    (void)user;
    (void)client;
    ck_assert(toxtcp_public_key_equal(sender, &bed.near_keys.public_key));
    ck_assert_uint_ge(len, sizeof number);
    memcpy(&number, data, sizeof number);
    ck_assert_uint_eq(number, bed.next);
    bed.next++;
    bed.heard_ms = bed.events.now_ms - START_MS;
}

static int server_accept(void *object, const struct toxtcp_address *source, uint64_t now_ms, struct toxtcp_link **link)
{
    return toxtcp_server_accept(object, source, now_ms, link);
}

static uint64_t server_deadline(const void *object)
{
    return toxtcp_server_deadline(object);
}

static void server_expire(void *object, uint64_t now_ms)
{
    toxtcp_server_expire(object, now_ms);
}

static void server_check(const void *object)
{
    toxtcp_server_check(object);
}

static uint64_t client_deadline(const void *object)
{
    return toxtcp_client_deadline(object);
}

static void client_expire(void *object, uint64_t now_ms)
{
    toxtcp_client_expire(object, now_ms);
}

static void client_check(const void *object)
{
    toxtcp_client_check(object);
}

static const struct host_kind server_kind = {server_accept, server_deadline, server_expire, server_check};
static const struct host_kind client_kind = {NULL, client_deadline, client_expire, client_check};
static const struct toxtcp_client_callbacks callbacks = {.connected = on_connected, .closed = on_closed, .oob = on_oob};

static struct toxtcp_address address_of(uint8_t number)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, 0, number}, .port = 443};
}

static void start_server(void)
{
    ck_assert_int_eq(toxtcp_server_new(bed.env.env, host_driver(bed.far), NULL, &bed.far_keys, &bed.server), 0);
    host_start(bed.far, &server_kind, bed.server);
}

static void stop_server(bool told)
{
    host_stop(bed.far, told);
    toxtcp_server_free(bed.server);
    bed.server = NULL;
}

static void open_bed(const struct network_manners *manners, uint32_t buffer)
{
    const struct toxtcp_address near = address_of(1);
    const struct toxtcp_address far = address_of(2);

    memset(&bed, 0, sizeof bed);
    net_env_init(&bed.env, 1);
    ck_assert_int_eq(toxtcp_env_new(NULL, &bed.events_env), 0);
    events_open(&bed.events, bed.events_env, START_MS);
    bed.network = network_new(&bed.events, dice_of(1, 1), manners);
    bed.near = network_add_host(bed.network, "near", &near);
    bed.far = network_add_host(bed.network, "far", &far);
    *network_path(bed.network, bed.near, bed.far) =
        (struct path){.latency_ms = LATENCY_MS, .bytes_per_ms = 1000, .buffer = buffer};
    toxtcp_key_pair_generate(bed.env.env, &bed.near_keys);
    toxtcp_key_pair_generate(bed.env.env, &bed.far_keys);
    start_server();
}

static void open_plain(void)
{
    const struct network_manners manners = {.check_steps = true};

    open_bed(&manners, 100000);
}

static void close_bed(void)
{
    host_stop(bed.near, true);
    toxtcp_client_free(bed.client);
    if (bed.server) {
        stop_server(true);
    }
    network_free(bed.network);
    events_close(&bed.events);
    toxtcp_env_free(bed.events_env);
    net_env_finish(&bed.env);
}

static void dial(void)
{
    const struct toxtcp_endpoint endpoint = {.address = address_of(2)};
    const struct toxtcp_driver *driver = host_driver(bed.near);

    ck_assert_int_eq(toxtcp_client_new(bed.env.env, driver, NULL, &bed.near_keys, &bed.far_keys.public_key, &callbacks,
                                       NULL, host_now(bed.near), &bed.client),
                     0);
    ck_assert_int_eq(driver->dial(driver->user, toxtcp_client_link(bed.client), &endpoint), 0);
    host_start(bed.near, &client_kind, bed.client);
}

static void run(uint64_t ms)
{
    const uint64_t until_ms = bed.events.now_ms + ms;

    while (events_run_one(&bed.events, until_ms)) {
    }
}

/* To ourselves: the relay sends it back. */
static int send_number(uint32_t number, size_t len)
{
    uint8_t data[TOXTCP_OOB_MAX] = {0};

    memcpy(data, &number, sizeof number);
    const int error = toxtcp_client_send_oob(bed.client, &bed.near_keys.public_key, data, len);
    host_settle(bed.near);
    return error;
}

static void connect(void)
{
    dial();
    run(1000);
    ck_assert_uint_gt(bed.connected_ms, 0);
}

START_TEST(connecting_takes_two_round_trips)
{
    dial();
    run(1000);
    ck_assert_uint_eq(bed.connected_ms, 4 * LATENCY_MS);
    ck_assert_int_eq(send_number(0, 4), 0);
    run(1000);
    ck_assert_uint_eq(bed.heard_ms, 1000 + 2 * LATENCY_MS);
}
END_TEST

START_TEST(refused)
{
    host_refuse(bed.far, true);
    dial();
    run(1000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_REFUSED);
    ck_assert_uint_eq(bed.closed_ms, 2 * LATENCY_MS);
}
END_TEST

START_TEST(nobody_answers)
{
    stop_server(false);
    dial();
    run(20000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_TIMED_OUT);
    ck_assert_uint_eq(bed.closed_ms, 10000);
}
END_TEST

START_TEST(dial_is_sent_again)
{
    network_block(bed.network, bed.near, bed.far);
    dial();
    run(500);
    network_unblock(bed.network, bed.near, bed.far);
    run(5000);
    /* The first one was lost, the second follows after 1 s. */
    ck_assert_uint_eq(bed.connected_ms, 1000 + 4 * LATENCY_MS);
}
END_TEST

START_TEST(killed)
{
    connect();
    stop_server(true);
    run(1000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(bed.closed_ms, 1000 + LATENCY_MS);
}
END_TEST

START_TEST(power_failed)
{
    connect();
    stop_server(false);
    run(5000);
    ck_assert_int_eq(bed.error, 0);
    ck_assert(host_is_deceived(bed.near));
    /* It is back: whoever writes hears it. */
    start_server();
    ck_assert_int_eq(send_number(0, 4), 0);
    run(1000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_RESET);
}
END_TEST

START_TEST(stalled)
{
    connect();
    network_block(bed.network, bed.near, bed.far);
    ck_assert_int_eq(send_number(0, 4), 0);
    run(5000);
    ck_assert_uint_eq(bed.next, 0);
    network_unblock(bed.network, bed.near, bed.far);
    run(3500);
    ck_assert_uint_eq(bed.next, 1);
    ck_assert_int_eq(bed.error, 0);
}
END_TEST

START_TEST(one_stream_stalled)
{
    struct host *near;
    struct host *far;

    connect();
    const uint32_t stream = network_pick_stream(bed.network);
    ck_assert(stream_hosts(bed.network, stream, &near, &far));
    ck_assert(near == bed.near && far == bed.far);
    ck_assert_uint_eq(network_find_stream(bed.network, near, far), stream);
    stream_stall(bed.network, stream, true);
    ck_assert_int_eq(send_number(0, 4), 0);
    run(5000);
    ck_assert_uint_eq(bed.next, 0);
    stream_stall(bed.network, stream, false);
    run(3500);
    ck_assert_uint_eq(bed.next, 1);
    stream_reset(bed.network, stream);
    run(1);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(network_pick_stream(bed.network), 0);
}
END_TEST

START_TEST(half_open)
{
    struct toxtcp_server_info info;

    connect();
    ck_assert(!host_is_deceived(bed.near));
    stream_half_open(bed.network, network_pick_stream(bed.network), false);
    run(5000);
    toxtcp_server_get_info(bed.server, &info);
    ck_assert_uint_eq(info.client_count, 0);
    ck_assert_int_eq(bed.error, 0);
    ck_assert(host_is_deceived(bed.near));
    ck_assert_int_eq(send_number(0, 4), 0);
    run(1000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(bed.closed_ms, 6000 + 2 * LATENCY_MS);
}
END_TEST

START_TEST(moved_in_silence)
{
    struct toxtcp_server_info info;

    connect();
    host_move(bed.near, false);
    ck_assert(host_is_deceived(bed.near) && host_is_deceived(bed.far));
    run(60000);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_TIMED_OUT);
    toxtcp_server_get_info(bed.server, &info);
    ck_assert_uint_eq(info.pong_timeouts, 1);
}
END_TEST

START_TEST(moved_with_a_reset)
{
    connect();
    host_move(bed.near, true);
    run(1);
    ck_assert_int_eq(bed.error, TOXTCP_ERR_RESET);
}
END_TEST

START_TEST(suspended)
{
    connect();
    host_suspend(bed.far);
    ck_assert_int_eq(send_number(0, 4), 0);
    run(5000);
    ck_assert_uint_eq(bed.next, 0);
    host_resume(bed.far);
    run(LATENCY_MS);
    ck_assert_uint_eq(bed.next, 1);
}
END_TEST

START_TEST(dialled_while_suspended)
{
    host_suspend(bed.far);
    dial();
    run(5000);
    /* Its kernel has accepted, and kept the handshake. */
    ck_assert_uint_eq(bed.connected_ms, 0);
    ck_assert_int_eq(bed.error, 0);
    host_resume(bed.far);
    run(1000);
    ck_assert_uint_eq(bed.connected_ms, 5000 + LATENCY_MS);
}
END_TEST

START_TEST(clock_jumps)
{
    connect();
    const uint64_t before_ms = host_now(bed.near);
    host_jump(bed.near, 3600000);
    ck_assert_uint_eq(host_now(bed.near), before_ms + 3600000);
    ck_assert_uint_eq(host_now(bed.far), before_ms);
    run(1000);
    ck_assert_int_eq(send_number(0, 4), 0);
    run(1000);
    ck_assert_uint_eq(bed.next, 1);
}
END_TEST

/* Sends many through a narrow way in pieces; returns how many events that took. */
static uint64_t send_many(void)
{
    const struct network_manners manners = {.cut_read = 100, .cut_write = 100, .late_ms = 20, .check_steps = true};

    open_bed(&manners, 3000);
    connect();
    for (uint32_t number = 0; number < 300;) {
        const int error = send_number(number, 4 + number % 1000);
        ck_assert(error == 0 || error == TOXTCP_ERR_WOULD_BLOCK);
        number += error == 0;
        if (error) {
            run(50);
        }
    }
    run(60000);
    ck_assert_uint_eq(bed.next, 300);
    const uint64_t count = bed.events.run_count;
    close_bed();
    return count;
}

START_TEST(pieces_arrive_in_order_and_alike)
{
    const uint64_t first = send_many();

    ck_assert_uint_eq(send_many(), first);
}
END_TEST

/* --- The suite --- */

static void add_parts(Suite *suite)
{
    TCase *parts = tcase_create("parts");

    tcase_add_test(parts, dice_stay_within);
    tcase_add_test(parts, dice_of_a_purpose);
    tcase_add_test(parts, pipe_takes_its_time);
    tcase_add_test(parts, pipe_keeps_the_order);
    tcase_add_test(parts, pipe_holds_back);
    tcase_add_test(parts, pieces_arrive_in_order_and_alike);
    suite_add_tcase(suite, parts);
}

static void add_network(Suite *suite)
{
    TCase *network = tcase_create("network");

    tcase_add_checked_fixture(network, open_plain, close_bed);
    tcase_add_test(network, connecting_takes_two_round_trips);
    tcase_add_test(network, refused);
    tcase_add_test(network, nobody_answers);
    tcase_add_test(network, dial_is_sent_again);
    tcase_add_test(network, killed);
    tcase_add_test(network, power_failed);
    tcase_add_test(network, stalled);
    tcase_add_test(network, one_stream_stalled);
    tcase_add_test(network, half_open);
    tcase_add_test(network, moved_in_silence);
    tcase_add_test(network, moved_with_a_reset);
    tcase_add_test(network, suspended);
    tcase_add_test(network, dialled_while_suspended);
    tcase_add_test(network, clock_jumps);
    suite_add_tcase(suite, network);
}

int main(void)
{
    Suite *suite = suite_create("sim_network");

    add_parts(suite);
    add_network(suite);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
