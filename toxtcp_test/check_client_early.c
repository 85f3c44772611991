/* The bytes that a driver may send before the stream is open, to a relay or to a proxy. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "link.h"
#include "support/net.h"
#include "support/net_env.h"
#include "wire.h"

enum { PROXY_PORT = 1080, RELAY_PORT = 443, EARLY_MAX = 512, WAIT_MS = 1000 };

/* Of a request for 127.0.0.1:443, and of user and password in it. */
enum { HTTP_LEN = 55, LOGIN_LEN = 77 };

static struct net *net;
static struct toxtcp_proxy proxy;
static struct toxtcp_client *client;
static int closed_error;

static void set_up(void)
{
    net = net_new(1);
    proxy = (struct toxtcp_proxy){.kind = TOXTCP_PROXY_SOCKS5, .endpoint = net_endpoint(PROXY_PORT)};
    closed_error = 0;
}

static void tear_down(void)
{
    toxtcp_client_free(client);
    client = NULL;
    net_free(net);
}

static void use(enum toxtcp_proxy_kind kind, bool login)
{
    proxy.kind = kind;
    proxy.user = login ? "me" : NULL;
    proxy.password = login ? "a password of thirty-two letters" : NULL;
}

static void on_closed(void *user, struct toxtcp_client *said, int error)
{
    (void)user;
    ck_assert_ptr_eq(said, client);
    ck_assert_int_eq(closed_error, 0);
    closed_error = error;
}

static int driver_dials;

static int driver_dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    (void)user;
    ck_assert_uint_eq(endpoint->address.port, client ? PROXY_PORT : 0);
    toxtcp_link_set_driver_data(link, &driver_dials);
    driver_dials++;
    return TOXTCP_OK;
}

static void driver_ignores(void *user, struct toxtcp_link *link)
{
    (void)user;
    (void)link;
}

static const struct toxtcp_driver driver = {
    .dial = driver_dial, .output_ready = driver_ignores, .close = driver_ignores};

static int make_client(const struct toxtcp_proxy *through)
{
    static const struct toxtcp_client_callbacks callbacks = {.closed = on_closed};
    const struct toxtcp_key_pair keys = net_keys(net);
    const struct toxtcp_key_pair relay_keys = net_keys(net);
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.proxy = through;
    return toxtcp_client_new(net_env(net), &driver, &config, &keys, &relay_keys.public_key, &callbacks, NULL,
                             net_now(net), &client);
}

static struct toxtcp_link *dial_by_hand(const struct toxtcp_proxy *through)
{
    const struct toxtcp_endpoint endpoint = net_endpoint(through ? RELAY_PORT : PROXY_PORT);

    ck_assert_int_eq(make_client(through), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_dial(client, &endpoint), TOXTCP_OK);
    return toxtcp_client_link(client);
}

/* The same bytes, however often they are asked for, and first in the stream. Some of them have left already. */
static void begin_early(struct toxtcp_link *link, size_t expected_len, size_t left_len)
{
    uint8_t early[EARLY_MAX];
    const uint8_t *bytes;
    const size_t len = toxtcp_link_early_output(link, &bytes);

    ck_assert_uint_eq(len, expected_len);
    memcpy(early, bytes, len);
    toxtcp_client_check(client);
    ck_assert_uint_eq(toxtcp_link_early_output(link, &bytes), len);
    ck_assert_mem_eq(bytes, early, len);
    toxtcp_link_connected(link, NULL, net_now(net));
    toxtcp_client_check(client);
    toxtcp_link_sent(link, left_len, net_now(net));
    toxtcp_client_check(client);
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), len - left_len);
    if (left_len < len) {
        ck_assert_mem_eq(bytes, early + left_len, len - left_len);
    }
}

START_TEST(early_handshake)
{
    static const size_t left[] = {0, 1, WIRE_REQUEST_SIZE - 1, WIRE_REQUEST_SIZE};

    begin_early(dial_by_hand(NULL), WIRE_REQUEST_SIZE, left[_i]);
}
END_TEST

START_TEST(early_words)
{
    use(_i < 2 ? TOXTCP_PROXY_SOCKS5 : TOXTCP_PROXY_HTTP, _i == 1);
    begin_early(dial_by_hand(&proxy), _i == 0 ? 3 : _i == 1 ? 4 : HTTP_LEN, 2);
}
END_TEST

/* They left long ago, says the driver: its time does not go back. */
START_TEST(early_words_left_early)
{
    const uint8_t *bytes;

    use(TOXTCP_PROXY_SOCKS5, false);
    struct toxtcp_link *link = dial_by_hand(&proxy);
    const uint64_t dialled_ms = net_now(net);
    ck_assert_uint_eq(toxtcp_link_early_output(link, &bytes), 3);
    net_run(net, WAIT_MS);
    toxtcp_link_connected(link, NULL, net_now(net));
    toxtcp_link_sent(link, 3, dialled_ms);
    ck_assert_uint_eq(link->now_ms, net_now(net));
    toxtcp_client_check(client);
}
END_TEST

/* What is sent early may arrive twice, or be sent again by others: no password is among it. */
START_TEST(no_early_password)
{
    const uint8_t *bytes = (const uint8_t *)"";

    use(TOXTCP_PROXY_HTTP, true);
    struct toxtcp_link *link = dial_by_hand(&proxy);
    ck_assert_uint_eq(toxtcp_link_early_output(link, &bytes), 0);
    ck_assert_ptr_null(bytes);
    toxtcp_link_connected(link, NULL, net_now(net));
    toxtcp_client_check(client);
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), HTTP_LEN + LOGIN_LEN);
}
END_TEST

START_TEST(early_and_never_connected)
{
    const uint8_t *bytes;
    struct toxtcp_link *link = dial_by_hand(_i ? &proxy : NULL);

    ck_assert_uint_gt(toxtcp_link_early_output(link, &bytes), 0);
    toxtcp_link_closed(link, TOXTCP_ERR_REFUSED, net_now(net));
    ck_assert_int_eq(closed_error, _i ? TOXTCP_ERR_PROXY_UNREACHABLE : TOXTCP_ERR_REFUSED);
}
END_TEST

/* No memory for them: nothing is sent early, and nothing is lost. */
START_TEST(early_without_memory)
{
    const uint8_t *bytes;
    struct toxtcp_link *link = dial_by_hand(NULL);

    net_fail_alloc(net, 1, true);
    ck_assert_uint_eq(toxtcp_link_early_output(link, &bytes), 0);
    net_fail_alloc(net, 0, false);
    toxtcp_client_check(client);
    toxtcp_link_connected(link, NULL, net_now(net));
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), WIRE_REQUEST_SIZE);
}
END_TEST

/* The proxy's answer overtakes the driver's word that the request is written. */
START_TEST(sent_is_said_late)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n";
    const uint8_t *bytes;

    use(TOXTCP_PROXY_HTTP, false);
    struct toxtcp_link *link = dial_by_hand(&proxy);
    toxtcp_link_connected(link, NULL, net_now(net));
    const size_t len = toxtcp_link_output(link, &bytes);
    ck_assert_int_eq(toxtcp_link_recv(link, (const uint8_t *)answer, sizeof answer - 1, net_now(net)), TOXTCP_OK);
    toxtcp_client_check(client);
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), len);
    ck_assert_mem_eq(bytes, "CONNECT ", 8);
    toxtcp_link_sent(link, len, net_now(net));
    toxtcp_client_check(client);
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), WIRE_REQUEST_SIZE);
}
END_TEST

/* The caller has dialled the relay himself, as he may without a proxy: not a byte goes around it. */
START_TEST(around_the_proxy)
{
    const uint8_t *bytes;

    ck_assert_int_eq(make_client(&proxy), TOXTCP_OK);
    struct toxtcp_link *link = toxtcp_client_link(client);
    toxtcp_link_set_driver_data(link, &driver_dials);
    ck_assert_uint_eq(toxtcp_link_early_output(link, &bytes), 0);
    toxtcp_link_connected(link, NULL, net_now(net));
    ck_assert_int_eq(closed_error, TOXTCP_ERR_INVALID);
    ck_assert_uint_eq(toxtcp_link_output(link, &bytes), 0);
}
END_TEST

/* However the driver calls it that the stream ends in the dialogue. */
START_TEST(stream_to_the_proxy_ends)
{
    static const int ends[] = {TOXTCP_ERR_CLOSED, TOXTCP_ERR_RESET, TOXTCP_ERR_NETWORK};
    const uint8_t *bytes;
    struct toxtcp_link *link = dial_by_hand(&proxy);
    const size_t len = toxtcp_link_early_output(link, &bytes);

    toxtcp_link_connected(link, NULL, net_now(net));
    toxtcp_link_sent(link, len, net_now(net));
    toxtcp_link_closed(link, ends[_i], net_now(net));
    ck_assert_int_eq(closed_error, TOXTCP_ERR_PROXY_CLOSED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_early");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, early_handshake, 0, 4);
    tcase_add_loop_test(tests, early_words, 0, 3);
    tcase_add_test(tests, early_words_left_early);
    tcase_add_test(tests, no_early_password);
    tcase_add_loop_test(tests, early_and_never_connected, 0, 2);
    tcase_add_test(tests, early_without_memory);
    tcase_add_test(tests, sent_is_said_late);
    tcase_add_test(tests, around_the_proxy);
    tcase_add_loop_test(tests, stream_to_the_proxy_ends, 0, 3);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
