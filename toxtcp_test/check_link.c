/* A link between its driver and an owner that writes down what it is told. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "support/raw_relay.h"

/* An owner's struct with its link in it. */
struct owned {
    struct toxtcp_link link;
};

enum moment { CONNECTED, OPENED, PACKET, CLOSED, CAN_SEND, SETTLED, MOMENTS };

static struct net_env test_env;
static struct toxtcp_env *env;
static struct raw_relay relay;
static struct toxtcp_key_pair keys;
static struct owned *owned;
static uint32_t told[MOMENTS];
static uint32_t released;
static int closed_error;
static int answers[MOMENTS];           /* what the owner returns */
static void (*actions[MOMENTS])(void); /* what it does first */
static struct toxtcp_public_key opened_key;
static size_t received_len;
static size_t output_size; /* as told */
static uint8_t packet[WIRE_PLAIN_MAX];
static size_t packet_len;

/* --- The owner --- */

static int tell(struct toxtcp_link *link, enum moment moment)
{
    ck_assert_ptr_eq(link, &owned->link);
    ck_assert_uint_eq(released, 0);
    told[moment]++;
    if (actions[moment]) {
        actions[moment]();
    }
    return answers[moment];
}

static int on_begin(struct toxtcp_link *link)
{
    return channel_connect(&link->channel, env, &keys, &relay.keys.public_key);
}

static int on_connected(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms)
{
    (void)remote;
    ck_assert_uint_eq(now_ms, relay.now_ms);
    ck_assert_uint_eq(link_waiting(link), WIRE_REQUEST_SIZE);
    return tell(link, CONNECTED);
}

static int on_opened(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms)
{
    ck_assert_uint_eq(now_ms, relay.now_ms);
    if (link->owner->keys) {
        opened_key = *remote_key;
    }
    return tell(link, OPENED);
}

static int on_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms)
{
    ck_assert_uint_eq(now_ms, relay.now_ms);
    memcpy(packet, plain->bytes, len);
    packet_len = len;
    /* "may be changed" */
    memset(plain, 0x77, sizeof *plain);
    return tell(link, PACKET);
}

static void on_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    ck_assert_uint_eq(now_ms, relay.now_ms);
    closed_error = error;
    (void)tell(link, CLOSED);
}

static void on_can_send(struct toxtcp_link *link, uint64_t now_ms)
{
    ck_assert_uint_eq(now_ms, relay.now_ms);
    (void)tell(link, CAN_SEND);
}

static void on_received(struct toxtcp_link *link, size_t len, uint64_t now_ms)
{
    ck_assert_uint_eq(now_ms, relay.now_ms);
    ck_assert_int_ne(link->state, LINK_CLOSED);
    received_len += len;
}

static void on_output_resized(struct toxtcp_link *link, size_t old_size, size_t new_size)
{
    ck_assert_uint_eq(old_size, output_size);
    ck_assert_uint_ne(new_size, old_size);
    ck_assert_uint_eq(link->channel.out.size, new_size);
    output_size = new_size;
}

static void on_settled(struct toxtcp_link *link)
{
    (void)tell(link, SETTLED);
}

static void on_release(struct toxtcp_link *link)
{
    ck_assert_ptr_eq(link, &owned->link);
    released++;
    env_release(env, owned, sizeof *owned);
    owned = NULL;
}

static const struct toxtcp_key_pair *on_keys(struct toxtcp_link *link)
{
    (void)link;
    return &keys;
}

static const struct link_owner client_side = {.begin = on_begin,
                                              .connected = on_connected,
                                              .opened = on_opened,
                                              .packet = on_packet,
                                              .closed = on_closed,
                                              .can_send = on_can_send,
                                              .settled = on_settled,
                                              .release = on_release};

static const struct link_owner relay_side = {.opened = on_opened,
                                             .packet = on_packet,
                                             .closed = on_closed,
                                             .can_send = on_can_send,
                                             .received = on_received,
                                             .output_resized = on_output_resized,
                                             .release = on_release,
                                             .keys = on_keys};

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env = test_env.env;
    raw_relay_init(&relay, 2);
    toxtcp_key_pair_generate(env, &keys);
    memset(told, 0, sizeof told);
    memset(answers, 0, sizeof answers);
    memset(actions, 0, sizeof actions);
    released = 0;
    closed_error = 0;
    received_len = 0;
    output_size = 0;
    owned = NULL;
}

static void tear_down(void)
{
    if (owned) {
        link_release(&owned->link);
    }
    ck_assert_uint_eq(released, 1);
    raw_relay_finish(&relay);
    net_env_finish(&test_env);
}

static void make(const struct link_owner *owner, enum link_state state)
{
    owned = env_alloc(env, sizeof *owned);
    ck_assert_ptr_nonnull(owned);
    link_init(&owned->link, env, &relay.driver, owner, state);
    link_set_bounds(&owned->link, 1000, 500);
    raw_relay_dial(&relay, &owned->link);
    link_check(&owned->link);
}

static int flush(void)
{
    const int error = raw_relay_flush(&relay);

    if (owned) {
        link_check(&owned->link);
    }
    return error;
}

static void open_link(void)
{
    make(&client_side, LINK_DIALLING);
    raw_relay_connect(&relay);
    raw_relay_read(&relay, SIZE_MAX);
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert(toxtcp_link_is_open(&owned->link));
}

static int send_bytes(size_t len)
{
    struct box_plain plain;

    memset(plain.bytes, 0x21, len);
    return link_send(&owned->link, &plain, len);
}

static int send_control(size_t len)
{
    struct box_plain plain;

    memset(plain.bytes, 0x42, len);
    return link_send_control(&owned->link, &plain, len);
}

/* --- Life --- */

START_TEST(life)
{
    make(&client_side, LINK_DIALLING);
    ck_assert_int_eq(send_bytes(1), TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(send_control(1), TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_uint_eq(owned->link.received_at_ms, TOXTCP_NEVER);
    raw_relay_connect(&relay);
    ck_assert(relay.output_said);
    ck_assert_uint_eq(told[CONNECTED], 1);
    ck_assert_uint_eq(told[SETTLED], 1);
    ck_assert_int_eq(send_bytes(1), TOXTCP_ERR_NOT_CONNECTED);
    raw_relay_read(&relay, SIZE_MAX);
    ck_assert_uint_eq(told[SETTLED], 2);
    relay.now_ms += 5;
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert_uint_eq(told[OPENED], 1);
    ck_assert_uint_eq(told[SETTLED], 3);
    ck_assert_uint_eq(owned->link.received_at_ms, relay.now_ms);
    ck_assert_int_eq(send_bytes(10), TOXTCP_OK);
    ck_assert_int_eq(send_control(20), TOXTCP_OK);
    ck_assert_uint_eq(owned->link.packets_sent, 2);
    raw_relay_read(&relay, SIZE_MAX);
    ck_assert_uint_eq(relay.packet_count, 2);
    raw_relay_send_plain(&relay, (const uint8_t *)"hello", 5);
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert_uint_eq(told[PACKET], 1);
    ck_assert_uint_eq(packet_len, 5);
    ck_assert_mem_eq(packet, "hello", 5);
    raw_relay_end(&relay, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(told[CLOSED], 1);
    ck_assert_int_eq(closed_error, TOXTCP_ERR_RESET);
    ck_assert_int_eq(send_bytes(1), TOXTCP_ERR_NOT_CONNECTED);
    link_check(&owned->link);
}
END_TEST

/* "any cut of the stream will do, `len` 0 too": nothing came, so nothing was received. */
START_TEST(empty_recv)
{
    open_link();
    const uint64_t received_at = owned->link.received_at_ms;
    relay.now_ms += 1000;
    ck_assert_int_eq(toxtcp_link_recv(&owned->link, NULL, 0, relay.now_ms), TOXTCP_OK);
    ck_assert_uint_eq(owned->link.received_at_ms, received_at);
    ck_assert_uint_eq(told[PACKET], 0);
}
END_TEST

START_TEST(driver_data)
{
    make(&client_side, LINK_DIALLING);
    ck_assert_ptr_eq(toxtcp_link_driver_data(&owned->link), &relay);
    toxtcp_link_set_driver_data(&owned->link, NULL);
    ck_assert_ptr_null(toxtcp_link_driver_data(&owned->link));
    toxtcp_link_set_driver_data(&owned->link, &relay);
}
END_TEST

/* The other side: a stream that was accepted. */
START_TEST(accepted)
{
    struct channel client = {0};
    struct toxtcp_key_pair client_keys;
    const uint8_t *bytes;

    toxtcp_key_pair_generate(env, &client_keys);
    make(&relay_side, LINK_SHAKING);
    ck_assert_uint_eq(toxtcp_link_output(&owned->link, &bytes), 0);
    ck_assert_int_eq(channel_connect(&client, env, &client_keys, &keys.public_key), TOXTCP_OK);
    raw_relay_send_bytes(&relay, buffer_peek(&client.out), WIRE_REQUEST_SIZE);
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert_uint_eq(told[OPENED], 1);
    ck_assert(toxtcp_public_key_equal(&opened_key, &client_keys.public_key));
    ck_assert(relay.output_said);
    ck_assert_uint_eq(toxtcp_link_output(&owned->link, &bytes), WIRE_RESPONSE_SIZE);
    channel_free(&client, env);
    link_close(&owned->link);
    ck_assert_uint_eq(relay.closed_count, 1);
    ck_assert_uint_eq(told[CLOSED], 0);
}
END_TEST

/* --- What a relay keeps count of --- */

static struct channel far;

static void say(const char *text)
{
    struct box_plain plain;

    memcpy(plain.bytes, text, strlen(text));
    ck_assert_int_eq(channel_send(&far, env, &plain, strlen(text)), TOXTCP_OK);
    raw_relay_send_bytes(&relay, buffer_peek(&far.out), buffer_len(&far.out));
    buffer_consume(&far.out, env, buffer_len(&far.out));
}

/* The relay's side of a stream, open; `far` is the client's. */
static void open_accepted(void)
{
    struct toxtcp_key_pair client_keys;
    struct channel_input input = {.len = WIRE_RESPONSE_SIZE};
    struct box_plain plain;
    size_t len;

    toxtcp_key_pair_generate(env, &client_keys);
    make(&relay_side, LINK_SHAKING);
    ck_assert(!toxtcp_link_is_open(&owned->link));
    far = (struct channel){0};
    ck_assert_int_eq(channel_connect(&far, env, &client_keys, &keys.public_key), TOXTCP_OK);
    raw_relay_send_bytes(&relay, buffer_peek(&far.out), WIRE_REQUEST_SIZE);
    buffer_consume(&far.out, env, WIRE_REQUEST_SIZE);
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert(toxtcp_link_is_open(&owned->link));
    ck_assert_uint_eq(received_len, WIRE_REQUEST_SIZE);
    ck_assert_uint_eq(toxtcp_link_output(&owned->link, &input.bytes), WIRE_RESPONSE_SIZE);
    ck_assert_int_eq(channel_next(&far, env, &input, NULL, NULL, &plain, &len), CHANNEL_OPENED);
}

START_TEST(input_is_counted)
{
    open_accepted();
    say("hello");
    say("there");
    ck_assert_int_eq(flush(), TOXTCP_OK);
    ck_assert_uint_eq(told[PACKET], 2);
    ck_assert_uint_eq(received_len, WIRE_REQUEST_SIZE + 2 * (WIRE_FRAME_OVERHEAD + 5));
    /* Bytes that end the link are nobody's any more. */
    answers[PACKET] = TOXTCP_ERR_PROTOCOL;
    say("bad");
    ck_assert_int_eq(flush(), TOXTCP_ERR_PROTOCOL);
    ck_assert_uint_eq(received_len, WIRE_REQUEST_SIZE + 2 * (WIRE_FRAME_OVERHEAD + 5));
    ck_assert(!toxtcp_link_is_open(&owned->link));
    channel_free(&far, env);
}
END_TEST

START_TEST(output_blocks_are_told)
{
    open_accepted();
    ck_assert_uint_eq(output_size, 256);
    ck_assert_int_eq(send_bytes(100), TOXTCP_OK);
    ck_assert_uint_eq(output_size, 256);
    ck_assert_int_eq(send_bytes(100), TOXTCP_OK);
    ck_assert_uint_eq(output_size, 512);
    toxtcp_link_sent(&owned->link, link_waiting(&owned->link) - 1, relay.now_ms);
    ck_assert_uint_eq(output_size, 512);
    toxtcp_link_sent(&owned->link, 1, relay.now_ms);
    ck_assert_uint_eq(output_size, 0);
    relay.output_said = false;
    ck_assert_int_eq(send_control(300), TOXTCP_OK);
    ck_assert_uint_eq(output_size, 512);
    if (_i) {
        raw_relay_end(&relay, TOXTCP_ERR_RESET);
    } else {
        link_close(&owned->link);
    }
    ck_assert_uint_eq(output_size, 0);
    channel_free(&far, env);
}
END_TEST

static unsigned wishes;
static bool wish;

static void want_input(void *user, struct toxtcp_link *link, bool wanted)
{
    ck_assert_ptr_eq(user, &relay);
    ck_assert_ptr_eq(link, &owned->link);
    wishes++;
    wish = wanted;
}

START_TEST(input_is_wanted_or_not)
{
    wishes = 0;
    open_accepted();
    /* A driver that always reads. */
    link_want_input(&owned->link, false);
    link_want_input(&owned->link, true);
    relay.driver.want_input = want_input;
    link_want_input(&owned->link, true);
    ck_assert_uint_eq(wishes, 0);
    link_want_input(&owned->link, false);
    ck_assert(wishes == 1 && !wish);
    link_want_input(&owned->link, false);
    ck_assert_uint_eq(wishes, 1);
    link_want_input(&owned->link, true);
    ck_assert(wishes == 2 && wish);
    link_want_input(&owned->link, false);
    link_close(&owned->link);
    link_want_input(&owned->link, true);
    ck_assert_uint_eq(wishes, 3);
    channel_free(&far, env);
}
END_TEST

/* The end of a stream before the answer means a wrong key to who asked, not to who was to answer. */
START_TEST(ends_unanswered)
{
    make(_i ? &client_side : &relay_side, _i ? LINK_DIALLING : LINK_SHAKING);
    if (_i) {
        raw_relay_connect(&relay);
    }
    raw_relay_end(&relay, TOXTCP_ERR_CLOSED);
    ck_assert_int_eq(closed_error, _i ? TOXTCP_ERR_WRONG_KEY : TOXTCP_ERR_CLOSED);
}
END_TEST

/* --- An owner that says no --- */

START_TEST(owner_refuses)
{
    const enum moment moment = (enum moment)_i;

    answers[moment] = TOXTCP_ERR_PROTOCOL;
    make(&client_side, LINK_DIALLING);
    raw_relay_connect(&relay);
    if (moment != CONNECTED) {
        raw_relay_read(&relay, SIZE_MAX);
        raw_relay_send_plain(&relay, (const uint8_t *)"1", 1);
        raw_relay_send_plain(&relay, (const uint8_t *)"2", 1);
        ck_assert_int_eq(flush(), TOXTCP_ERR_PROTOCOL);
    }
    ck_assert_uint_eq(told[moment], 1);
    ck_assert_uint_eq(told[CLOSED], 1);
    ck_assert_int_eq(closed_error, TOXTCP_ERR_PROTOCOL);
    ck_assert_uint_eq(relay.closed_count, 1);
    ck_assert_int_eq(owned->link.state, LINK_CLOSED);
    ck_assert_ptr_null(owned->link.channel.in.block);
    ck_assert_ptr_null(owned->link.channel.out.block);
    /* Idempotent. */
    link_close(&owned->link);
    link_fail(&owned->link, TOXTCP_ERR_CLOSED, relay.now_ms);
    ck_assert_uint_eq(told[CLOSED], 1);
    ck_assert_uint_eq(relay.closed_count, 1);
}
END_TEST

static void release_now(void)
{
    link_release(&owned->link);
    /* It is still there until the call unwinds. */
    ck_assert_ptr_nonnull(owned);
}

static void close_now(void)
{
    link_close(&owned->link);
}

/* Everything that an owner is told, once. */
static void live(void)
{
    make(&client_side, LINK_DIALLING);
    raw_relay_connect(&relay);
    raw_relay_read(&relay, SIZE_MAX);
    raw_relay_send_plain(&relay, (const uint8_t *)"1", 1);
    raw_relay_send_plain(&relay, (const uint8_t *)"2", 1);
    (void)flush();
    while (owned && owned->link.state == LINK_OPEN && send_bytes(300) == TOXTCP_OK) {
    }
    raw_relay_read(&relay, SIZE_MAX);
    raw_relay_end(&relay, TOXTCP_ERR_RESET);
}

START_TEST(everything_is_told)
{
    live();
    for (enum moment moment = CONNECTED; moment < MOMENTS; moment++) {
        ck_assert_uint_ge(told[moment], 1);
    }
    ck_assert_uint_eq(told[CAN_SEND], 1);
    ck_assert_uint_eq(told[PACKET], 2);
}
END_TEST

/* Released while it is told something: freed once, when that call is over, and nothing is told any more. */
START_TEST(released_in_callback)
{
    actions[_i] = release_now;
    live();
    ck_assert_uint_eq(told[_i], 1);
    ck_assert_uint_eq(released, 1);
    ck_assert_ptr_null(owned);
    ck_assert_uint_eq(relay.closed_count, _i == CLOSED ? 0 : 1);
    ck_assert_uint_eq(told[CLOSED], _i == CLOSED);
}
END_TEST

/* Closed from inside: recv says that the link is over, the owner is told nothing more but lives. */
START_TEST(closed_in_callback)
{
    actions[_i] = close_now;
    live();
    ck_assert_uint_eq(told[_i], 1);
    ck_assert_uint_eq(released, 0);
    ck_assert_int_eq(owned->link.state, LINK_CLOSED);
    ck_assert_uint_eq(relay.closed_count, _i == CLOSED ? 0 : 1);
    link_check(&owned->link);
}
END_TEST

START_TEST(recv_says_that_it_is_over)
{
    open_link();
    actions[PACKET] = close_now;
    raw_relay_send_plain(&relay, (const uint8_t *)"1", 1);
    ck_assert(toxtcp_is_fatal(flush()));
    ck_assert_uint_eq(told[CLOSED], 0);
}
END_TEST

/* --- Bounds --- */

START_TEST(bounds)
{
    const uint8_t *bytes;

    open_link();
    /* 18 bytes of frame each: 3 times 300 fit into 1000, 46 bytes are left. */
    ck_assert_int_eq(send_bytes(300), TOXTCP_OK);
    ck_assert_int_eq(send_bytes(300), TOXTCP_OK);
    ck_assert_int_eq(send_bytes(300), TOXTCP_OK);
    ck_assert_int_eq(send_bytes(29), TOXTCP_ERR_WOULD_BLOCK);
    ck_assert_int_eq(send_bytes(28), TOXTCP_OK);
    ck_assert_uint_eq(toxtcp_link_output(&owned->link, &bytes), 1000);
    ck_assert_int_eq(send_bytes(1), TOXTCP_ERR_WOULD_BLOCK);
    ck_assert_int_eq(send_control(483), TOXTCP_ERR_OVERFLOW);
    ck_assert_int_eq(send_control(482), TOXTCP_OK);
    ck_assert_int_eq(send_control(1), TOXTCP_ERR_OVERFLOW);
    ck_assert_uint_eq(owned->link.packets_sent, 5);
    raw_relay_read(&relay, 999);
    ck_assert_uint_eq(told[CAN_SEND], 0);
    raw_relay_read(&relay, 1);
    ck_assert_uint_eq(told[CAN_SEND], 1);
    raw_relay_read(&relay, SIZE_MAX);
    ck_assert_uint_eq(told[CAN_SEND], 1);
    ck_assert_uint_eq(relay.packet_count, 5);
    ck_assert_int_eq(relay.error, TOXTCP_OK);
}
END_TEST

/* Refused for want of memory: no nonce, no count, no output that is said. */
START_TEST(no_memory)
{
    open_link();
    toxtcp_env_trim(env);
    net_env_fail(&test_env, 1, true);
    ck_assert_int_eq(send_bytes(100), TOXTCP_ERR_NO_MEMORY);
    ck_assert_int_eq(send_control(100), TOXTCP_ERR_NO_MEMORY);
    ck_assert(!relay.output_said);
    net_env_fail(&test_env, 0, false);
    ck_assert_int_eq(send_bytes(100), TOXTCP_OK);
    raw_relay_read(&relay, SIZE_MAX);
    ck_assert_uint_eq(relay.packet_count, 1);
    ck_assert_uint_eq(owned->link.packets_sent, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, life);
    tcase_add_test(tests, empty_recv);
    tcase_add_test(tests, driver_data);
    tcase_add_test(tests, accepted);
    tcase_add_test(tests, input_is_counted);
    tcase_add_loop_test(tests, output_blocks_are_told, 0, 2);
    tcase_add_test(tests, input_is_wanted_or_not);
    tcase_add_loop_test(tests, ends_unanswered, 0, 2);
    tcase_add_loop_test(tests, owner_refuses, CONNECTED, PACKET + 1);
    tcase_add_test(tests, everything_is_told);
    tcase_add_loop_test(tests, released_in_callback, 0, MOMENTS);
    tcase_add_loop_test(tests, closed_in_callback, 0, MOMENTS);
    tcase_add_test(tests, recv_says_that_it_is_over);
    tcase_add_test(tests, bounds);
    tcase_add_test(tests, no_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
