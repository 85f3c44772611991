/* Tests of what toxtcp-chat makes of --proxy: the library's configuration, at work. SPDX-License-Identifier: ISC */
#include <check.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "../apps/chat/options.h"
#include "support/net.h"
#include "support/net_env.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { PROXY_PORT = 1080, RELAY_PORT = 443, PIECE = 4096, LATE_MS = 25000 };

static struct chat_options options;

static void read_options(const char *proxy)
{
    const char *const arguments[] = {"toxtcp-chat",      "--peer",  "bob=" KEY, "--relay",
                                     "127.0.0.1:1:" KEY, "--proxy", proxy,      NULL};
    struct problem problem = {""};
    int count = 0;

    while (arguments[count] && (proxy || strcmp(arguments[count], "--proxy") != 0)) {
        count++;
    }
    optind = 0;
    ck_assert_msg(options_read(count, (char *const *)arguments, &options, &problem) == 0, "%s", problem.text);
}

START_TEST(without_a_proxy)
{
    struct toxtcp_connections_config config;
    struct toxtcp_connections_config defaults;

    toxtcp_connections_config_default(&defaults);
    read_options(NULL);
    options_configure(&options, &config);
    ck_assert_ptr_null(config.client.proxy);
    ck_assert_uint_eq(config.client.connect_timeout_ms, defaults.client.connect_timeout_ms);
    ck_assert(!options.no_udp);
    options_free(&options);
}
END_TEST

static void on_relay_state(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    (void)relay;
    (void)error;
    *(enum toxtcp_relay_state *)user = state;
}

/* Until nothing moves any more. */
static void carry(struct net *net, struct net_raw *near, struct net_raw *far)
{
    uint8_t bytes[PIECE];
    size_t up;
    size_t down;

    do {
        net_step(net);
        up = net_raw_read(near, bytes, sizeof bytes);
        net_raw_write(far, bytes, up);
        down = net_raw_read(far, bytes, sizeof bytes);
        net_raw_write(near, bytes, down);
    } while (up > 0 || down > 0);
}

/* A proxy such as Tor takes its time to reach the relay: that is no failure. */
START_TEST(late_proxy)
{
    static const struct toxtcp_connections_callbacks callbacks = {.relay_state = on_relay_state};
    struct net *net = net_new(1);
    const struct toxtcp_address proxy_at = net_address(PROXY_PORT);
    const struct toxtcp_address relay_at = net_address(RELAY_PORT);
    const struct toxtcp_endpoint relay = net_endpoint(RELAY_PORT);
    const struct toxtcp_key_pair relay_keys = net_keys(net);
    const struct toxtcp_key_pair keys = net_keys(net);
    enum toxtcp_relay_state state = TOXTCP_RELAY_WAITING;
    struct toxtcp_connections *connections;
    struct toxtcp_connections_config config;
    struct toxtcp_server *server;
    uint8_t request[PIECE];

    ck_assert_int_eq(toxtcp_server_new(net_env(net), net_driver(net), NULL, &relay_keys, &server), TOXTCP_OK);
    net_add_server(net, server);
    net_listen(net, &relay_at, server);
    net_raw_listen(net, &proxy_at);
    read_options("socks5://127.0.0.1:1080");
    options_configure(&options, &config);
    ck_assert_int_eq(
        toxtcp_connections_new(net_env(net), net_driver(net), &config, &keys, &callbacks, &state, &connections),
        TOXTCP_OK);
    net_add_connections(net, connections);
    ck_assert_int_eq(toxtcp_relay_add(connections, &relay, &relay_keys.public_key, NULL), TOXTCP_OK);
    net_step(net);
    struct net_raw *near = net_raw_accept(net, &proxy_at);
    ck_assert_ptr_nonnull(near);
    net_raw_write(near, (const uint8_t *)"\5", 2);
    net_run(net, LATE_MS);
    ck_assert_uint_gt(net_raw_read(near, request, sizeof request), 0);
    net_raw_write(near, (const uint8_t *)"\5\0\0\1\0\0\0\0\0", 10);
    struct net_raw *far = net_raw_dial(net, &relay_at, NULL);
    carry(net, near, far);
    ck_assert_int_eq(state, TOXTCP_RELAY_CONNECTED);
    ck_assert_uint_eq(net_dial_count(net, &proxy_at), 1);
    net_remove(net, connections);
    toxtcp_connections_free(connections);
    net_raw_close(near);
    net_raw_close(far);
    net_remove(net, server);
    toxtcp_server_free(server);
    net_free(net);
    options_free(&options);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat_proxy");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, without_a_proxy);
    tcase_add_test(tests, late_proxy);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
