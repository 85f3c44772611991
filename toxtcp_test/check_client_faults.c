/* A client in need: full sockets, floods, no memory, callbacks that remove everything, secrets.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "support/client_bed.h"

enum { SMALL_OUTPUT = 4096 };

static struct client_bed bed;
static struct toxtcp_client_config small; /* output_max is SMALL_OUTPUT */

static void set_up(void)
{
    client_bed_init(&bed, 1);
    toxtcp_client_config_default(&small);
    small.output_max = SMALL_OUTPUT;
    small.pings_max = 0; /* pings are what makes the client queue answers here */
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

static struct toxtcp_client_info info(void)
{
    struct toxtcp_client_info read;

    toxtcp_client_get_info(bed.client, &read);
    return read;
}

static void open_quietly(const struct toxtcp_client_config *config)
{
    client_bed_open(&bed, config);
    expect_events("connected");
    expect_heard("ping");
    client_bed_pong(&bed);
}

/* --- Full sockets --- */

/* Until it would block; how many went. */
static uint32_t send_until_full(size_t len)
{
    uint32_t count = 0;
    int error;

    do {
        error = client_bed_send(&bed, 'a', len);
        count += !error;
    } while (!error);
    ck_assert_int_eq(error, TOXTCP_ERR_WOULD_BLOCK);
    return count;
}

/* "Routing requests, disconnect notifications, pings and pongs are never lost to a full socket: they are kept, in
 * order, and go out before any later data. One that is refused takes no nonce." */
START_TEST(control_is_kept)
{
    open_quietly(&small);
    client_bed_online(&bed, 'a', 16);
    client_bed_online(&bed, 'b', 17);
    const uint32_t count = send_until_full(1000);
    ck_assert_uint_eq(count, SMALL_OUTPUT / 1018);
    ck_assert_uint_le(info().output_len, SMALL_OUTPUT);
    ck_assert_int_eq(client_bed_oob(&bed, 'c', 1000), TOXTCP_ERR_WOULD_BLOCK);
    const uint64_t sealed = info().packets_sent;
    ck_assert_int_eq(client_bed_add(&bed, 'c'), TOXTCP_OK);
    client_bed_ping(&bed, 'x');
    ck_assert_int_eq(client_bed_remove(&bed, 'b'), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_OK);
    client_bed_pass(&bed, 0);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1000), TOXTCP_ERR_WOULD_BLOCK);
    ck_assert_uint_eq(info().packets_sent, sealed + 4);
    expect_events("");
    expect_heard("data:16:1000 data:16:1000 data:16:1000 data:16:1000 ask:c pong:x bye:17 ping");
    expect_events("can_send");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1000), TOXTCP_OK);
    expect_heard("data:16:1000");
    /* Said once. */
    expect_events("");
}
END_TEST

/* Byte by byte out of a full socket: nothing changes its order, can_send comes once, when half has left. */
START_TEST(slow_socket)
{
    open_quietly(&small);
    client_bed_online(&bed, 'a', 16);
    (void)send_until_full(500);
    client_bed_ping(&bed, 'x');
    while (info().output_len > SMALL_OUTPUT / 2) {
        expect_events("");
        raw_relay_read(&bed.relay, 1);
        client_bed_check(&bed);
    }
    expect_events("can_send");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 7), TOXTCP_OK);
    while (info().output_len > 0) {
        raw_relay_read(&bed.relay, 1);
        client_bed_check(&bed);
    }
    expect_events("");
    expect_heard(
        "data:16:500 data:16:500 data:16:500 data:16:500 data:16:500 data:16:500 data:16:500 pong:x data:16:7");
}
END_TEST

/* A bound that is smaller than a packet: an empty queue takes one. */
START_TEST(tiny_output)
{
    struct toxtcp_client_config config = small;

    config.output_max = 100;
    open_quietly(&config);
    client_bed_online(&bed, 'a', 16);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 2031), TOXTCP_OK);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_ERR_WOULD_BLOCK);
    expect_heard("data:16:2031");
    expect_events("can_send");
}
END_TEST

/* What must not be dropped has so much more room, and 32 KiB at least. */
enum { SMALL_LIMIT = SMALL_OUTPUT + 32768 };

/* "More is the end of a relay that makes us answer and does not read." */
START_TEST(flood_of_pings)
{
    uint32_t pings = 0;
    char text[40];

    struct toxtcp_client_config config = small;

    if (_i == 0) {
        toxtcp_client_config_default(&config);
        config.pings_max = 0;
    }
    open_quietly(&config);
    const uint32_t limit = _i ? SMALL_LIMIT : 2 * 65536;
    while (bed.relay.link) {
        client_bed_ping(&bed, 'x');
        pings++;
        ck_assert_uint_le(info().output_len, limit);
        ck_assert_uint_le(pings, limit);
    }
    ck_assert_uint_ge(pings, limit / 27);
    (void)snprintf(text, sizeof text, "closed:%d", TOXTCP_ERR_OVERFLOW);
    expect_events(text);
    ck_assert_uint_eq(bed.relay.closed_count, 1);
}
END_TEST

/* Many in one call of recv: they do not grow over the bound either. */
START_TEST(flood_in_one_piece)
{
    char text[40];

    open_quietly(&small);
    for (uint32_t i = 0; i < 2000; i++) {
        client_bed_queue(&bed, WIRE_PING, 'x', 0, 0);
    }
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_ERR_OVERFLOW);
    (void)snprintf(text, sizeof text, "closed:%d", TOXTCP_ERR_OVERFLOW);
    expect_events(text);
}
END_TEST

/* The application can't overflow it: a route is refused, and a route that can't be given up ends the link. */
START_TEST(application_overflows)
{
    struct toxtcp_route route;
    struct toxtcp_public_key key = client_bed_key(1);
    int error = TOXTCP_OK;
    char text[40];

    open_quietly(&small);
    client_bed_online(&bed, 'a', 16);
    client_bed_online(&bed, 'b', 17);
    (void)send_until_full(500);
    while (info().output_len + 10 * 51 <= SMALL_LIMIT) {
        client_bed_ping(&bed, 'x');
    }
    for (uint32_t i = 0; i < 230 && !error; i++) {
        key.bytes[0] = (uint8_t)i;
        error = toxtcp_client_route_add(bed.client, &key, &bed.routes[1], &route);
        client_bed_check(&bed);
    }
    ck_assert_int_eq(error, TOXTCP_ERR_NO_MEMORY);
    ck_assert_uint_le(info().output_len, SMALL_LIMIT);
    ck_assert(info().connected);
    /* Fill what is left, then the disconnect notification finds no room. */
    while (info().output_len + 27 <= SMALL_LIMIT) {
        client_bed_ping(&bed, 'x');
    }
    if (info().output_len + 20 <= SMALL_LIMIT) {
        ck_assert_int_eq(client_bed_remove(&bed, 'b'), TOXTCP_OK);
    }
    ck_assert(info().connected);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    client_bed_pass(&bed, 0);
    (void)snprintf(text, sizeof text, "closed:%d", TOXTCP_ERR_OVERFLOW);
    expect_events(text);
}
END_TEST

/* --- Callbacks that do something --- */

static void act_free(struct client_bed *in)
{
    client_bed_free(in);
}

static void act_remove_all(struct client_bed *in)
{
    for (char peer = 'a'; peer <= 'd'; peer++) {
        (void)toxtcp_client_route_remove(in->client, in->routes[(size_t)peer]);
    }
}

static void act_remove_and_add(struct client_bed *in)
{
    const struct toxtcp_public_key key = client_bed_key('a');

    (void)toxtcp_client_route_remove(in->client, in->routes['a']);
    (void)toxtcp_client_route_add(in->client, &key, &in->routes['a'], &in->routes['a']);
}

static void act_send_and_free(struct client_bed *in)
{
    const struct toxtcp_public_key key = client_bed_key('z');

    (void)toxtcp_client_send_oob(in->client, &key, (const uint8_t *)"x", 1);
    (void)toxtcp_client_send(in->client, in->routes['a'], (const uint8_t *)"x", 1);
    (void)toxtcp_client_ping(in->client);
    client_bed_free(in);
}

static void act_send_many(struct client_bed *in)
{
    while (toxtcp_client_send(in->client, in->routes['a'], (const uint8_t *)"12345", 5) == TOXTCP_OK) {
    }
    (void)toxtcp_client_ping(in->client);
}

static client_bed_action *const actions[] = {act_free, act_remove_all, act_remove_and_add, act_send_and_free,
                                             act_send_many};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

/* A conversation in which every callback happens; each line may find the client gone. */
static void say_everything(struct client_bed *in)
{
    client_bed_queue(in, WIRE_ROUTING_RESPONSE, 'a', 16, 0);
    client_bed_queue(in, WIRE_ROUTING_RESPONSE, 'b', 0, 0);
    client_bed_queue(in, WIRE_ROUTING_RESPONSE, 'c', 18, 0);
    client_bed_queue(in, WIRE_CONNECT, 0, 16, 0);
    client_bed_queue(in, WIRE_CONNECT, 0, 18, 0);
    client_bed_queue(in, WIRE_DATA, 0, 16, 100);
    client_bed_queue(in, WIRE_PING, 'x', 0, 0);
    client_bed_queue(in, WIRE_DATA, 0, 18, 2031);
    client_bed_queue(in, WIRE_OOB_RECV, 'z', 0, 10);
    client_bed_queue(in, WIRE_ONION_RESPONSE, 0, 0, 10);
    client_bed_queue(in, WIRE_FORWARDING, 0, 0, 10);
    client_bed_queue(in, WIRE_DISCONNECT, 0, 18, 0);
    client_bed_queue(in, WIRE_DATA, 0, 16, 1);
    (void)raw_relay_flush(&in->relay);
    client_bed_check(in);
}

static void fill_and_drain(struct client_bed *in)
{
    while (in->client && client_bed_send(in, 'a', 1000) == TOXTCP_OK) {
    }
    raw_relay_read(&in->relay, 3000);
    client_bed_check(in);
    (void)client_bed_heard(in);
}

/* At the end the relay breaks it off: 0 by the stream's end, 1 by a violation, 2 by silence. */
static void end(struct client_bed *in, int how)
{
    static const uint8_t reserved[] = {0x0f, 1};

    if (how == 0) {
        raw_relay_end(&in->relay, TOXTCP_ERR_CLOSED);
    } else if (how == 1) {
        raw_relay_send_plain(&in->relay, reserved, sizeof reserved);
        (void)raw_relay_flush(&in->relay);
    } else {
        client_bed_pass(in, 200000);
    }
    client_bed_check(in);
}

static void converse(struct client_bed *in, int how)
{
    if (client_bed_new(in, &small) != TOXTCP_OK) {
        return;
    }
    (void)client_bed_add(in, 'a');
    (void)client_bed_add(in, 'b');
    client_bed_connect(in);
    if (!in->relay.opened) {
        return;
    }
    (void)raw_relay_flush(&in->relay);
    client_bed_check(in);
    if (in->client) {
        (void)client_bed_add(in, 'c');
    }
    (void)client_bed_heard(in);
    say_everything(in);
    fill_and_drain(in);
    client_bed_pass(in, 5000);
    if (in->client) {
        /* Heard again after a silence. */
        client_bed_pong(in);
        client_bed_check(in);
    }
    end(in, how);
}

/* In the n-th callback, for every n, and every action: nothing is used after its end (memory checkers see it), and
 * every byte comes back. */
START_TEST(every_callback_acts)
{
    uint32_t total;

    client_bed_finish(&bed);
    for (int how = 0; how < 3; how++) {
        client_bed_init(&bed, 3);
        converse(&bed, how);
        total = bed.callbacks;
        ck_assert_uint_ge(total, 14);
        client_bed_finish(&bed);
        for (uint32_t nth = 1; nth <= total; nth++) {
            client_bed_init(&bed, 3);
            bed.act_at = nth;
            bed.act = actions[_i];
            converse(&bed, how);
            ck_assert_uint_ge(bed.callbacks, nth);
            client_bed_finish(&bed);
        }
    }
    client_bed_init(&bed, 3);
}
END_TEST

/* All of the events do happen in it. */
START_TEST(conversation_is_whole)
{
    static const char *const parts[] = {"connected",    "a=REGISTERED", "b=REFUSED", "a=ONLINE",
                                        "data:a:100",   "data:c:2031",  "oob:z:10",  "onion:10",
                                        "forwarded:10", "c=REGISTERED", "can_send",  "closed:"};

    converse(&bed, 1);
    const char *events = client_bed_events(&bed);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ck_assert_msg(strstr(events, parts[i]) != NULL, "%s in: %s", parts[i], events);
    }
}
END_TEST

/* --- No memory --- */

/* Fails the n-th allocation, alone (0) or with all later ones (1), for every n. The client lives on or ends; every byte
 * comes back, and no handle or buffer is left half made (client_bed_check()). */
START_TEST(no_memory)
{
    uint64_t allocations;

    client_bed_finish(&bed);
    client_bed_init(&bed, 4);
    const uint64_t before = bed.env.alloc_count;
    converse(&bed, 0);
    allocations = bed.env.alloc_count - before;
    client_bed_finish(&bed);
    ck_assert_uint_ge(allocations, 12);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        client_bed_init(&bed, 4);
        net_env_fail(&bed.env, nth, _i);
        converse(&bed, (int)(nth % 3));
        client_bed_finish(&bed);
    }
    client_bed_init(&bed, 4);
}
END_TEST

/* Refused for want of memory, a call has changed nothing and works later. */
START_TEST(no_memory_changes_nothing)
{
    open_quietly(NULL);
    client_bed_online(&bed, 'a', 16);
    toxtcp_env_trim(bed.env.env);
    const struct toxtcp_client_info before = info();
    net_env_fail(&bed.env, 1, true);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 100), TOXTCP_ERR_NO_MEMORY);
    ck_assert_int_eq(client_bed_oob(&bed, 'a', 100), TOXTCP_ERR_NO_MEMORY);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_ERR_NO_MEMORY);
    net_env_fail(&bed.env, 0, false);
    ck_assert_uint_eq(info().packets_sent, before.packets_sent);
    ck_assert_uint_eq(info().route_count, before.route_count);
    expect_heard("");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 100), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_OK);
    expect_heard("data:16:100 ask:b");
}
END_TEST

/* A pong that finds no memory: the link ends, with that error, rather than that the relay waits for it. */
START_TEST(no_memory_for_a_pong)
{
    char text[40];

    open_quietly(NULL);
    toxtcp_env_trim(bed.env.env);
    net_env_fail(&bed.env, 1, true);
    client_bed_ping(&bed, 'x');
    net_env_fail(&bed.env, 0, false);
    (void)snprintf(text, sizeof text, "closed:%d", TOXTCP_ERR_NO_MEMORY);
    expect_events(text);
}
END_TEST

/* --- Ends --- */

/* Freed in each state: the driver hears of it once, what was queued may leave, and every byte comes back. */
START_TEST(freed_in_every_state)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    if (_i >= 1) {
        client_bed_connect(&bed);
    }
    if (_i >= 2) {
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
        client_bed_online(&bed, 'a', 16);
    }
    if (_i >= 3) {
        ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    }
    (void)client_bed_events(&bed);
    client_bed_free(&bed);
    ck_assert_uint_eq(bed.relay.closed_count, 1);
    ck_assert_uint_eq(bed.relay.packet_count, _i >= 3);
    expect_events("");
}
END_TEST

START_TEST(free_of_nothing)
{
    toxtcp_client_free(NULL);
}
END_TEST

/* --- Secrets --- */

static void watch_all(void)
{
    const struct handshake *handshake = bed.client->link.channel.handshake;

    net_env_watch(&bed.env, bed.keys.secret_key.bytes);
    if (handshake) {
        net_env_watch(&bed.env, handshake->temporary.secret_key.bytes);
        net_env_watch(&bed.env, handshake->shared.bytes);
    }
    if (bed.relay.opened) {
        net_env_watch(&bed.env, bed.relay.channel.session.send.shared.bytes);
        net_env_watch(&bed.env, bed.relay.channel.session.send.subkey);
        net_env_watch(&bed.env, bed.relay.channel.session.recv.subkey);
    }
}

/* Long-term, temporary and session secrets are in no memory that goes back: 0 freed while dialling, 1 in the handshake,
 * 2 refused, 3 timed out, 4 freed when open, 5 ended by the relay. */
START_TEST(secrets_are_wiped)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    if (_i >= 1) {
        raw_relay_connect(&bed.relay);
        watch_all();
        raw_relay_read(&bed.relay, SIZE_MAX);
    }
    watch_all();
    if (_i == 2) {
        raw_relay_end(&bed.relay, TOXTCP_ERR_CLOSED);
    } else if (_i == 3) {
        client_bed_pass(&bed, 10000);
    } else if (_i >= 4) {
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
        client_bed_online(&bed, 'a', 16);
        client_bed_data(&bed, 16, 2031);
        ck_assert_int_eq(client_bed_send(&bed, 'a', 2031), TOXTCP_OK);
        (void)client_bed_heard(&bed);
    }
    if (_i == 5) {
        raw_relay_end(&bed.relay, TOXTCP_ERR_CLOSED);
    }
    client_bed_free(&bed);
    toxtcp_env_trim(bed.env.env);
}
END_TEST

/* The long-term secret is gone as soon as it was used: not only when the client ends. */
START_TEST(secret_key_goes_early)
{
    client_bed_open(&bed, NULL);
    const uint8_t *memory = (const uint8_t *)bed.client;
    for (size_t i = 0; i + 32 <= sizeof *bed.client; i++) {
        ck_assert(memcmp(memory + i, bed.keys.secret_key.bytes, 32) != 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_faults");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, control_is_kept);
    tcase_add_test(tests, slow_socket);
    tcase_add_test(tests, tiny_output);
    tcase_add_loop_test(tests, flood_of_pings, 0, 2);
    tcase_add_test(tests, flood_in_one_piece);
    tcase_add_test(tests, application_overflows);
    tcase_add_loop_test(tests, every_callback_acts, 0, ACTIONS);
    tcase_add_test(tests, conversation_is_whole);
    tcase_add_loop_test(tests, no_memory, 0, 2);
    tcase_add_test(tests, no_memory_changes_nothing);
    tcase_add_test(tests, no_memory_for_a_pong);
    tcase_add_loop_test(tests, freed_in_every_state, 0, 4);
    tcase_add_test(tests, free_of_nothing);
    tcase_add_loop_test(tests, secrets_are_wiped, 0, 6);
    tcase_add_test(tests, secret_key_goes_early);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
