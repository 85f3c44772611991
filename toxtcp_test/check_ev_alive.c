/* Tests of libtoxtcp-ev: what the kernel is told of a socket, and what it tells. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static struct side side;
static struct relay relay;
static struct peer peer;

static void set_up(void)
{
    memset(&peer, 0, sizeof peer);
    side_open(&side);
}

static void tear_down(void)
{
    peer_close(&peer);
    if (relay.server) {
        relay_close(&relay);
        relay.server = NULL;
    }
    side_close(&side);
}

static void connect_them(void)
{
    relay_open(&relay, &side, NULL, 0, false);
    peer_open(&peer, &side, &relay);
    run_side_until(&side, peer_is_connected, &peer);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static uint16_t port_of(int fd, int (*ask)(int fd, struct sockaddr *address, socklen_t *len))
{
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t len = sizeof address;

    return ask(fd, (struct sockaddr *)&address, &len) == 0 && address.sin_family == AF_INET ? address.sin_port : 0;
}

static int ask_name(int fd, struct sockaddr *address, socklen_t *len)
{
    return getsockname(fd, address, len);
}

static int ask_peer(int fd, struct sockaddr *address, socklen_t *len)
{
    return getpeername(fd, address, len);
}

static int dialled_socket(void)
{
    return toxtcp_ev_socket(toxtcp_client_link(peer.client));
}

/* The other end of the peer's stream: it lies in this process, too. */
static int accepted_socket(void)
{
    const uint16_t port = port_of(dialled_socket(), ask_name);

    for (int fd = 0; fd < 256; fd++) {
        if (port_of(fd, ask_peer) == port) {
            return fd;
        }
    }
    ck_abort_msg("the accepted socket is not found");
}

static void expect_options(int fd, const struct toxtcp_ev_options *expected)
{
    ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), expected->keepalive_idle_s > 0);
    if (expected->keepalive_idle_s > 0) {
        ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), (int)expected->keepalive_idle_s);
        ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), (int)expected->keepalive_interval_s);
        ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), (int)expected->keepalive_count);
    }
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), (int)expected->user_timeout_ms);
    if (expected->unsent_max > 0) {
        ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), (int)expected->unsent_max);
    }
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0, 1);
}

static const struct toxtcp_ev_options wishes[] = {
    {.keepalive_idle_s = 77,
     .keepalive_interval_s = 13,
     .keepalive_count = 5,
     .user_timeout_ms = 12345,
     .unsent_max = 54321},
    {.keepalive_idle_s = 0},
};

START_TEST(sockets_have_what_was_asked_for)
{
    struct toxtcp_ev_options options;

    toxtcp_ev_options_default(&options);
    ck_assert_uint_gt(options.keepalive_idle_s, 33 + 10); /* no probe before the core's pings have decided */
    ck_assert_uint_gt(options.user_timeout_ms, 10000);
    if (_i > 0) {
        options = wishes[_i - 1];
        toxtcp_ev_set_options(side.ev, &options);
    }
    connect_them();
    expect_options(dialled_socket(), &options);
    expect_options(accepted_socket(), &options);
}
END_TEST

START_TEST(options_can_be_taken_back)
{
    struct toxtcp_ev_options options;

    toxtcp_ev_options_default(&options);
    toxtcp_ev_set_options(side.ev, &wishes[0]);
    toxtcp_ev_set_options(side.ev, NULL);
    connect_them();
    expect_options(dialled_socket(), &options);
}
END_TEST

START_TEST(information_has_the_path)
{
    struct toxtcp_client_info info;

    connect_them();
    toxtcp_client_get_info(peer.client, &info);
    ck_assert(info.path_known);
    ck_assert_uint_gt(info.path.rtt_us, 0);
    ck_assert_uint_lt(info.path.rtt_us, 10000000);
    ck_assert_uint_eq(info.path.retransmits_in_row, 0);
    ck_assert_uint_eq(info.path.unsent_len, 0);
}
END_TEST

static bool has_waiting(void *user)
{
    struct toxtcp_client_info info;

    (void)user;
    toxtcp_client_get_info(peer.client, &info);
    return info.path.unsent_len > 0 && info.output_len > 0;
}

/* The kernel holds what it may, and no more than a packet over it. */
START_TEST(queue_in_the_kernel_is_short)
{
    struct side relay_side;
    struct toxtcp_client_info info;
    static const uint8_t data[TOXTCP_OOB_MAX];

    side_open(&relay_side);
    relay_open(&relay, &relay_side, NULL, 0, false);
    peer_open(&peer, &side, &relay);
    struct side *both[] = {&side, &relay_side};
    run_until(both, 2, peer_is_connected, &peer);
    /* The relay's loop stands still: its socket fills up. */
    for (int i = 0; i < 100000 && !has_waiting(NULL); i++) {
        (void)toxtcp_client_send_oob(peer.client, &peer.keys.public_key, data, sizeof data);
        turn(&side);
    }
    toxtcp_client_get_info(peer.client, &info);
    ck_assert_uint_gt(info.output_len, 0);
    ck_assert_uint_gt(info.path.unsent_len, 0);
    ck_assert_uint_le(info.path.unsent_len, 16384 + 65536);
    peer_close(&peer);
    relay_close(&relay);
    relay.server = NULL;
    side_close(&relay_side);
    memset(&peer, 0, sizeof peer);
}
END_TEST

START_TEST(interface_to_dial_by)
{
    const struct toxtcp_key_pair *keys = &relay.keys;

    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, ""), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "sixteen-letters!"), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "a/b"), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "b c"), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "lo\n"), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "lo"), TOXTCP_OK);
    connect_them();
    char name[16] = "";
    socklen_t len = sizeof name;
    ck_assert_int_eq(getsockopt(dialled_socket(), SOL_SOCKET, SO_BINDTODEVICE, name, &len), 0);
    ck_assert_str_eq(name, "lo");
    peer_close(&peer);
    memset(&peer, 0, sizeof peer);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, "not-there"), TOXTCP_OK);
    ck_assert_int_eq(peer_dial(&peer, &side, &keys->public_key, NULL, &endpoint), TOXTCP_ERR_UNREACHABLE);
    ck_assert_int_eq(toxtcp_ev_set_interface(side.ev, NULL), TOXTCP_OK);
    ck_assert_int_eq(peer_dial(&peer, &side, &keys->public_key, NULL, &endpoint), TOXTCP_OK);
    run_side_until(&side, peer_is_connected, &peer);
}
END_TEST

/* A watch is no reason to wait, may be asked for twice, and goes with what is watched for. */
START_TEST(watch_keeps_nothing_alive)
{
    static const struct toxtcp_connections_callbacks callbacks = {.peer_data = NULL};
    struct toxtcp_connections *connections[2];
    struct toxtcp_key_pair keys;

    toxtcp_key_pair_generate(side.env, &keys);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            toxtcp_connections_new(side.env, toxtcp_ev_driver(side.ev), NULL, &keys, &callbacks, NULL, &connections[i]),
            TOXTCP_OK);
        ck_assert_int_eq(toxtcp_ev_attach_connections(side.ev, connections[i]), TOXTCP_OK);
        ck_assert_int_eq(toxtcp_ev_watch_network(side.ev, connections[i], true), TOXTCP_OK);
        ck_assert_int_eq(toxtcp_ev_watch_network(side.ev, connections[i], true), TOXTCP_OK);
    }
    (void)ev_run(side.loop, 0);
    turn(&side);
    for (int i = 0; i < 2; i++) {
        toxtcp_ev_detach_connections(side.ev, connections[i]);
        turn(&side);
        toxtcp_connections_free(connections[i]);
    }
}
END_TEST

TCase *ev_alive_tests(void)
{
    TCase *tests = tcase_create("alive");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, sockets_have_what_was_asked_for, 0, 3);
    tcase_add_test(tests, options_can_be_taken_back);
    tcase_add_test(tests, information_has_the_path);
    tcase_add_test(tests, queue_in_the_kernel_is_short);
    tcase_add_test(tests, interface_to_dial_by);
    tcase_add_test(tests, watch_keeps_nothing_alive);
    return tests;
}
