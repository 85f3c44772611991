/* A client, and connections, through a proxy. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "support/net.h"
#include "support/net_env.h"
#include "wire.h"

enum { PROXY_PORT = 1080, RELAY_PORT = 443, PIECE = 4096, WAIT_MS = 1000, TIMEOUT_MS = 10000 };

#define USER "me"
#define PASSWORD "a password of thirty-two letters"

static struct net *net;
static struct toxtcp_proxy proxy;
static struct toxtcp_server *server;
static struct toxtcp_key_pair relay_keys;
static struct toxtcp_client *client;
static bool connected;
static int closed_error;

static void set_up(void)
{
    const struct toxtcp_address at = net_address(RELAY_PORT);

    net = net_new(1);
    relay_keys = net_keys(net);
    ck_assert_int_eq(toxtcp_server_new(net_env(net), net_driver(net), NULL, &relay_keys, &server), TOXTCP_OK);
    net_add_server(net, server);
    net_listen(net, &at, server);
    proxy = (struct toxtcp_proxy){.kind = TOXTCP_PROXY_SOCKS5, .endpoint = net_endpoint(PROXY_PORT)};
    connected = false;
    closed_error = 0;
}

static void tear_down(void)
{
    if (client) {
        net_remove(net, client);
        toxtcp_client_free(client);
        client = NULL;
    }
    net_remove(net, server);
    toxtcp_server_free(server);
    net_free(net);
}

/* --- The proxy, played by the test --- */

/* What it answers to each of the client's messages, and how the last one begins. */
struct script {
    enum toxtcp_proxy_kind kind;
    const char *user;
    size_t count;
    struct {
        size_t asked_len; /* of the message before it; 0: up to an empty line */
        const char *answer;
        size_t answer_len;
    } steps[3];
};

enum { BY_ADDRESS_LEN = 10 };
#define RELAY_NAME "relay.is.invalid"

static const struct script scripts[] = {
    {TOXTCP_PROXY_SOCKS5, NULL, 2, {{3, "\5\0", 2}, {BY_ADDRESS_LEN, "\5\0\0\1\0\0\0\0\0\0", 10}}},
    {TOXTCP_PROXY_SOCKS5, USER, 3, {{4, "\5\2", 2}, {37, "\1\0", 2}, {BY_ADDRESS_LEN, "\5\0\0\3\2ab\0\0", 9}}},
    {TOXTCP_PROXY_HTTP, NULL, 1, {{0, "HTTP/1.1 200 OK\r\n\r\n", 19}}},
    {TOXTCP_PROXY_HTTP, USER, 1, {{0, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n", 27}}},
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

/* One stream through the proxy. */
struct pass {
    struct net_raw *near;
    struct net_raw *far;
    const struct script *script;
    size_t step;
    uint8_t asked[PIECE];
    size_t asked_len;
};

static void pass_open(struct pass *pass, const struct script *script)
{
    const struct toxtcp_address at = net_address(PROXY_PORT);

    *pass = (struct pass){.script = script};
    net_raw_listen(net, &at);
}

static void pass_close(struct pass *pass)
{
    net_raw_close(pass->near);
    net_raw_close(pass->far);
    *pass = (struct pass){.script = pass->script};
}

static bool is_asked(const struct pass *pass)
{
    const size_t len = pass->script->steps[pass->step].asked_len;

    ck_assert_msg(len == 0 || pass->asked_len <= len, "the client speaks before it may");
    return len ? pass->asked_len == len : memmem(pass->asked, pass->asked_len, "\r\n\r\n", 4) != NULL;
}

/* False when nothing was to be done. */
static bool answer(struct pass *pass)
{
    const struct toxtcp_address relay = net_address(RELAY_PORT);
    const size_t got = net_raw_read(pass->near, pass->asked + pass->asked_len, PIECE - pass->asked_len);

    pass->asked_len += got;
    if (!is_asked(pass)) {
        return got > 0;
    }
    net_raw_write(pass->near, (const uint8_t *)pass->script->steps[pass->step].answer,
                  pass->script->steps[pass->step].answer_len);
    pass->step++;
    if (pass->step < pass->script->count) {
        pass->asked_len = 0;
    } else {
        pass->far = net_raw_dial(net, &relay, NULL);
    }
    return true;
}

static bool copy(struct net_raw *from, struct net_raw *to)
{
    uint8_t bytes[PIECE];
    const size_t len = net_raw_read(from, bytes, sizeof bytes);

    if (len > 0) {
        net_raw_write(to, bytes, len);
    }
    return len > 0;
}

static bool pump(struct pass *pass)
{
    const struct toxtcp_address at = net_address(PROXY_PORT);

    if (!pass->near) {
        pass->near = pass->far ? NULL : net_raw_accept(net, &at);
        return pass->near != NULL;
    }
    if (!pass->far) {
        return answer(pass);
    }
    const bool up = copy(pass->near, pass->far);
    const bool down = copy(pass->far, pass->near);
    if (!up && !down && net_raw_error(pass->far)) {
        net_raw_close(pass->near);
        pass->near = NULL;
        return true;
    }
    return up || down;
}

/* Until nothing moves any more. */
static void settle(struct pass *pass)
{
    do {
        net_step(net);
    } while (pump(pass));
}

/* --- The client --- */

static void on_connected(void *user, struct toxtcp_client *said)
{
    (void)user;
    (void)said;
    connected = true;
}

static void on_closed(void *user, struct toxtcp_client *said, int error)
{
    (void)user;
    ck_assert_ptr_eq(said, client);
    ck_assert_int_eq(closed_error, 0);
    closed_error = error;
}

static const struct toxtcp_client_callbacks callbacks = {.connected = on_connected, .closed = on_closed};

static int make_client(void)
{
    const struct toxtcp_key_pair keys = net_keys(net);
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.proxy = &proxy;
    return toxtcp_client_new(net_env(net), net_driver(net), &config, &keys, &relay_keys.public_key, &callbacks, NULL,
                             net_now(net), &client);
}

static void dial(void)
{
    const struct toxtcp_address relay = net_address(RELAY_PORT);

    ck_assert_int_eq(make_client(), TOXTCP_OK);
    ck_assert_int_eq(net_connect(net, client, &relay), TOXTCP_OK);
}

static void use(const struct script *script)
{
    proxy.kind = script->kind;
    proxy.user = script->user;
    proxy.password = script->user ? PASSWORD : NULL;
}

/* Bytes whole, and one by one. */
START_TEST(client_connects)
{
    const struct script *script = &scripts[_i % SCRIPTS];
    const struct toxtcp_address relay = net_address(RELAY_PORT);
    const struct toxtcp_address at = net_address(PROXY_PORT);
    struct toxtcp_client_info info;
    struct pass pass;

    net_set_piece(net, _i < SCRIPTS ? 0 : 1);
    net_set_window(net, _i < SCRIPTS ? 0 : 1);
    net_watch_secret(net, (const uint8_t *)PASSWORD);
    pass_open(&pass, script);
    use(script);
    dial();
    settle(&pass);
    ck_assert(connected);
    ck_assert_int_eq(closed_error, 0);
    toxtcp_client_get_info(client, &info);
    ck_assert(info.connected);
    ck_assert_int_eq(info.remote.family, TOXTCP_FAMILY_NONE);
    /* One stream to the proxy, and none to the relay but the proxy's. */
    ck_assert_uint_eq(net_dial_count(net, &at), 1);
    ck_assert_uint_eq(net_dial_count(net, &relay), 1);
    /* It lives: pings go through. */
    net_run(net, WAIT_MS);
    settle(&pass);
    ck_assert_int_eq(closed_error, 0);
    pass_close(&pass);
    settle(&pass);
    ck_assert_int_eq(closed_error, TOXTCP_ERR_CLOSED);
}
END_TEST

/* --- What goes wrong --- */

struct refusal {
    enum toxtcp_proxy_kind kind;
    const char *answer;
    size_t len;
    int error;
};

#define SAYS(text) (text), sizeof(text) - 1

static const struct refusal refusals[] = {
    {TOXTCP_PROXY_SOCKS5, SAYS("\5\377"), TOXTCP_ERR_PROXY_AUTH},
    {TOXTCP_PROXY_SOCKS5, SAYS("\5\2"), TOXTCP_ERR_PROXY_PROTOCOL},
    {TOXTCP_PROXY_SOCKS5, SAYS("\4\0"), TOXTCP_ERR_PROXY_PROTOCOL},
    {TOXTCP_PROXY_SOCKS5, SAYS("\5\0\5\1\0\1\0\0\0\0\0\0"), TOXTCP_ERR_PROXY_FAILED},
    {TOXTCP_PROXY_SOCKS5, SAYS("\5\0\5\2\0\1\0\0\0\0\0\0"), TOXTCP_ERR_PROXY_FORBIDDEN},
    {TOXTCP_PROXY_SOCKS5, SAYS("\5\0\5\4\0\1\0\0\0\0\0\0"), TOXTCP_ERR_PROXY_NO_RELAY},
    {TOXTCP_PROXY_SOCKS5, SAYS("HTTP/1.1 400 Bad Request\r\n\r\n"), TOXTCP_ERR_PROXY_PROTOCOL},
    {TOXTCP_PROXY_HTTP, SAYS("\5\377"), TOXTCP_ERR_PROXY_PROTOCOL},
    {TOXTCP_PROXY_HTTP, SAYS("HTTP/1.1 407 Who are you?\r\n\r\n"), TOXTCP_ERR_PROXY_AUTH},
    {TOXTCP_PROXY_HTTP, SAYS("HTTP/1.0 403 No\n\n"), TOXTCP_ERR_PROXY_FORBIDDEN},
    {TOXTCP_PROXY_HTTP, SAYS("HTTP/1.1 502 Bad Gateway\r\n\r\n"), TOXTCP_ERR_PROXY_NO_RELAY},
    {TOXTCP_PROXY_HTTP, SAYS("HTTP/1.1 500 Oops\r\n\r\n"), TOXTCP_ERR_PROXY_FAILED},
};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

static struct net_raw *accept_at_proxy(void)
{
    const struct toxtcp_address at = net_address(PROXY_PORT);

    net_step(net);
    struct net_raw *raw = net_raw_accept(net, &at);
    ck_assert_ptr_nonnull(raw);
    return raw;
}

START_TEST(proxy_refuses)
{
    const struct refusal *refusal = &refusals[_i];
    const struct toxtcp_address at = net_address(PROXY_PORT);

    net_raw_listen(net, &at);
    proxy.kind = refusal->kind;
    dial();
    struct net_raw *raw = accept_at_proxy();
    net_raw_write(raw, (const uint8_t *)refusal->answer, refusal->len);
    net_step(net);
    ck_assert_int_eq(closed_error, refusal->error);
    ck_assert(!connected);
    net_raw_close(raw);
}
END_TEST

/* What follows the proxy's last word is the relay's, even in the same segment: it is read as such, and this is none. */
START_TEST(bytes_after_the_end)
{
    const struct script *script = _i ? &scripts[2] : &scripts[0];
    const struct toxtcp_address at = net_address(PROXY_PORT);
    uint8_t rubbish[WIRE_RESPONSE_SIZE];

    memset(rubbish, 7, sizeof rubbish);
    net_raw_listen(net, &at);
    use(script);
    dial();
    struct net_raw *raw = accept_at_proxy();
    for (size_t i = 0; i < script->count; i++) {
        net_raw_write(raw, (const uint8_t *)script->steps[i].answer, script->steps[i].answer_len);
    }
    net_raw_write(raw, rubbish, sizeof rubbish - 1);
    net_step(net);
    ck_assert_int_eq(closed_error, 0);
    net_raw_write(raw, rubbish, 1);
    net_step(net);
    ck_assert_int_eq(closed_error, TOXTCP_ERR_WRONG_KEY);
    net_raw_close(raw);
}
END_TEST

/* It hangs up, at every byte of the dialogue. */
START_TEST(proxy_hangs_up)
{
    const struct script *script = &scripts[_i];
    const struct toxtcp_address at = net_address(PROXY_PORT);
    uint8_t answers[PIECE];
    size_t len = 0;

    for (size_t i = 0; i < script->count; i++) {
        memcpy(answers + len, script->steps[i].answer, script->steps[i].answer_len);
        len += script->steps[i].answer_len;
    }
    net_watch_secret(net, (const uint8_t *)PASSWORD);
    net_raw_listen(net, &at);
    use(script);
    for (size_t said = 0; said <= len; said++) {
        dial();
        struct net_raw *raw = accept_at_proxy();
        net_raw_write(raw, answers, said);
        net_step(net);
        net_raw_close(raw);
        net_step(net);
        /* After its last word it may be the relay that is not there, or not the one that we want. */
        ck_assert_int_eq(closed_error, said < len ? TOXTCP_ERR_PROXY_CLOSED : TOXTCP_ERR_CLOSED);
        closed_error = 0;
        net_remove(net, client);
        toxtcp_client_free(client);
        client = NULL;
    }
}
END_TEST

START_TEST(proxy_cannot_be_reached)
{
    static const int told[] = {TOXTCP_ERR_REFUSED,      TOXTCP_ERR_UNREACHABLE, TOXTCP_ERR_TIMED_OUT,
                               TOXTCP_ERR_HOST_UNKNOWN, TOXTCP_ERR_RESET,       TOXTCP_ERR_NETWORK};
    static const int expected[] = {TOXTCP_ERR_PROXY_UNREACHABLE, TOXTCP_ERR_PROXY_UNREACHABLE,
                                   TOXTCP_ERR_PROXY_UNREACHABLE, TOXTCP_ERR_PROXY_UNREACHABLE,
                                   TOXTCP_ERR_PROXY_CLOSED,      TOXTCP_ERR_NETWORK};
    const struct toxtcp_address at = net_address(PROXY_PORT);

    net_set_dial_error(net, &at, told[_i]);
    dial();
    net_step(net);
    ck_assert_int_eq(closed_error, expected[_i]);
}
END_TEST

/* connect_timeout_ms is for dialling, proxy and handshake together. */
START_TEST(all_takes_too_long)
{
    const struct toxtcp_address at = net_address(PROXY_PORT);
    const struct toxtcp_address relay = net_address(RELAY_PORT);
    struct pass pass;

    pass_open(&pass, &scripts[0]);
    net_stall(net, &at, _i == 0);
    net_stall(net, &relay, _i == 2);
    dial();
    if (_i == 0) {
        net_run(net, TIMEOUT_MS - 1);
        ck_assert_int_eq(closed_error, 0);
        net_run(net, 1);
        ck_assert_int_eq(closed_error, TOXTCP_ERR_PROXY_UNREACHABLE);
        return;
    }
    net_run(net, TIMEOUT_MS / 2);
    if (_i == 2) {
        settle(&pass);
    }
    net_run(net, TIMEOUT_MS / 2 - 1);
    ck_assert_int_eq(closed_error, 0);
    net_run(net, 1);
    ck_assert_int_eq(closed_error, _i == 1 ? TOXTCP_ERR_PROXY_TIMED_OUT : TOXTCP_ERR_TIMED_OUT);
    pass_close(&pass);
}
END_TEST

/* A byte a second, for ever: that is no reason to wait longer. */
START_TEST(proxy_drips)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nX: and so on";
    const struct toxtcp_address at = net_address(PROXY_PORT);

    net_raw_listen(net, &at);
    use(&scripts[2]);
    dial();
    struct net_raw *raw = accept_at_proxy();
    for (size_t i = 0; i < TIMEOUT_MS / 1000; i++) {
        ck_assert_int_eq(closed_error, 0);
        net_raw_write(raw, (const uint8_t *)&answer[i], 1);
        net_run(net, 1000);
    }
    ck_assert_int_eq(closed_error, TOXTCP_ERR_PROXY_TIMED_OUT);
    net_raw_close(raw);
}
END_TEST

START_TEST(refused_at_once)
{
    const struct toxtcp_address at = net_address(PROXY_PORT);
    struct toxtcp_endpoint endpoint = {.host = "a name", .address = {.port = 443}};
    char user[300];

    ck_assert_int_eq(make_client(), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_dial(client, &endpoint), TOXTCP_ERR_INVALID);
    ck_assert_uint_eq(net_dial_count(net, &at), 0);
    toxtcp_client_free(client);
    client = NULL;
    memset(user, 'a', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    proxy.user = user;
    ck_assert_int_eq(make_client(), TOXTCP_ERR_INVALID);
    ck_assert_ptr_null(client);
}
END_TEST

/* Whatever allocation fails, it ends with that or works, and gives everything back. */
START_TEST(no_memory)
{
    const struct script *script = &scripts[_i];
    uint64_t n = 0;

    use(script);
    net_watch_secret(net, (const uint8_t *)PASSWORD);
    while (!connected) {
        const struct toxtcp_address relay = net_address(RELAY_PORT);
        struct pass pass;
        int error;

        closed_error = 0;
        pass_open(&pass, script);
        net_fail_alloc(net, ++n, false);
        error = make_client();
        if (!error) {
            error = net_connect(net, client, &relay);
        }
        if (!error) {
            settle(&pass);
        }
        net_fail_alloc(net, 0, false);
        ck_assert(error == TOXTCP_OK || error == TOXTCP_ERR_NO_MEMORY);
        ck_assert(connected || error || closed_error);
        ck_assert_uint_lt(n, 100);
        if (client) {
            net_remove(net, client);
            toxtcp_client_free(client);
            client = NULL;
        }
        net_step(net);
        pass_close(&pass);
    }
    ck_assert_uint_gt(n, 4);
}
END_TEST

/* --- Connections --- */

static struct toxtcp_relay relay;
static int relay_error;
static enum toxtcp_relay_state relay_state;

static void on_relay_state(void *user, struct toxtcp_relay said, enum toxtcp_relay_state state, int error)
{
    (void)user;
    ck_assert_uint_eq(said.index, relay.index);
    relay_state = state;
    relay_error = error;
}

static struct toxtcp_connections *make_connections(void)
{
    static const struct toxtcp_connections_callbacks connections_callbacks = {.relay_state = on_relay_state};
    const struct toxtcp_key_pair keys = net_keys(net);
    struct toxtcp_connections *connections;
    struct toxtcp_connections_config config;

    toxtcp_connections_config_default(&config);
    config.client.proxy = &proxy;
    ck_assert_int_eq(toxtcp_connections_new(net_env(net), net_driver(net), &config, &keys, &connections_callbacks, NULL,
                                            &connections),
                     TOXTCP_OK);
    net_add_connections(net, connections);
    return connections;
}

/* A relay whose name nobody here can look up. The proxy fails first, then is dialled again, as a relay would be. */
START_TEST(connections_by_name)
{
    static const struct script script = {
        TOXTCP_PROXY_SOCKS5, NULL, 2, {{3, "\5\0", 2}, {23, "\5\0\0\1\0\0\0\0\0\0", 10}}};
    const struct toxtcp_endpoint endpoint = {.host = RELAY_NAME, .address = {.port = RELAY_PORT}};
    const struct toxtcp_address at = net_address(PROXY_PORT);
    struct toxtcp_connections *connections = make_connections();
    struct toxtcp_relay_info info;
    struct toxtcp_node node;
    struct pass pass;

    net_raw_listen(net, &at);
    ck_assert_int_eq(toxtcp_relay_add(connections, &endpoint, &relay_keys.public_key, &relay), TOXTCP_OK);
    struct net_raw *raw = accept_at_proxy();
    net_raw_write(raw, (const uint8_t *)"\5\0\5\2", 4);
    net_step(net);
    ck_assert_int_eq(relay_state, TOXTCP_RELAY_WAITING);
    ck_assert_int_eq(relay_error, TOXTCP_ERR_PROXY_FORBIDDEN);
    ck_assert_int_eq(toxtcp_relay_get_info(connections, relay, &info), TOXTCP_OK);
    ck_assert_int_eq(info.last_error, TOXTCP_ERR_PROXY_FORBIDDEN);
    ck_assert_uint_gt(info.next_dial_ms, net_now(net));
    net_raw_close(raw);

    pass_open(&pass, &script);
    net_run(net, info.next_dial_ms - net_now(net));
    settle(&pass);
    ck_assert_int_eq(relay_state, TOXTCP_RELAY_CONNECTED);
    ck_assert_uint_eq(net_dial_count(net, &at), 2);
    ck_assert_ptr_nonnull(memmem(pass.asked, pass.asked_len, RELAY_NAME, strlen(RELAY_NAME)));
    /* Where it is nobody knows. */
    ck_assert_uint_eq(toxtcp_connections_list_connected(connections, 0, &node, 1), 1);
    ck_assert_int_eq(node.address.family, TOXTCP_FAMILY_NONE);
    net_remove(net, connections);
    toxtcp_connections_free(connections);
    pass_close(&pass);
}
END_TEST

START_TEST(connections_refuse)
{
    const struct toxtcp_endpoint bad[] = {
        {.host = "a\r\nb", .address = {.port = 443}},
        {.address = {.family = TOXTCP_FAMILY_IPV6, .ip = {0xfe, 0x80, [15] = 1}, .port = 443, .scope_id = 2}}};
    const struct toxtcp_key_pair keys = net_keys(net);
    struct toxtcp_connections *connections = make_connections();
    struct toxtcp_connections_config config;
    struct toxtcp_connections *none = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(toxtcp_relay_add(connections, &bad[i], &relay_keys.public_key, NULL), TOXTCP_ERR_INVALID);
    }
    net_remove(net, connections);
    toxtcp_connections_free(connections);
    toxtcp_connections_config_default(&config);
    proxy.kind = (enum toxtcp_proxy_kind)9;
    config.client.proxy = &proxy;
    ck_assert_int_eq(toxtcp_connections_new(net_env(net), net_driver(net), &config, &keys,
                                            &(struct toxtcp_connections_callbacks){0}, NULL, &none),
                     TOXTCP_ERR_INVALID);
    ck_assert_ptr_null(none);
}
END_TEST

static Suite *client_proxy_suite(void)
{
    Suite *suite = suite_create("client_proxy");
    TCase *tests = tcase_create("through a proxy");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, client_connects, 0, 2 * SCRIPTS);
    tcase_add_loop_test(tests, proxy_refuses, 0, REFUSALS);
    tcase_add_loop_test(tests, bytes_after_the_end, 0, 2);
    tcase_add_loop_test(tests, proxy_hangs_up, 0, SCRIPTS);
    tcase_add_loop_test(tests, proxy_cannot_be_reached, 0, 6);
    tcase_add_loop_test(tests, all_takes_too_long, 0, 3);
    tcase_add_test(tests, proxy_drips);
    tcase_add_test(tests, refused_at_once);
    tcase_add_loop_test(tests, no_memory, 0, SCRIPTS);
    tcase_add_test(tests, connections_by_name);
    tcase_add_test(tests, connections_refuse);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(client_proxy_suite());

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
