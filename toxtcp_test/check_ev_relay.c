/* Tests of libtoxtcp-ev: many clients, listening, no descriptors left. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side side;
static struct relay relay;

static void set_up(void)
{
    side_open(&side);
}

static void tear_down(void)
{
    side_close(&side);
}

/* --- Many clients --- */

enum { MANY = 500, PACKETS = 20 };

static bool all_are_online(void *user)
{
    struct peer *peers = user;

    for (int i = 0; i < MANY; i++) {
        if (!peer_is_online(&peers[i])) {
            return false;
        }
    }
    return true;
}

static bool all_have_received(void *user)
{
    const struct peer *peers = user;

    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(peers[i].error, 0);
        if (peers[i].received < PACKETS) {
            return false;
        }
    }
    return true;
}

/* Pairs of neighbours talk, all at once, in one loop with their relay. */
START_TEST(five_hundred_clients)
{
    static struct peer peers[MANY];
    struct toxtcp_server_info info;

    memset(peers, 0, sizeof peers);
    relay_open(&relay, &side, NULL, 0, false);
    for (int i = 0; i < MANY; i++) {
        peer_open(&peers[i], &side, &relay);
    }
    for (int i = 0; i < MANY; i++) {
        peer_route(&peers[i], &peers[i ^ 1]);
    }
    run_side_until(&side, all_are_online, peers);
    for (int packet = 0; packet < PACKETS; packet++) {
        for (int i = 0; i < MANY; i++) {
            ck_assert_int_eq(peer_send(&peers[i], 100), TOXTCP_OK);
        }
    }
    run_side_until(&side, all_have_received, peers);
    for (int i = 0; i < MANY; i++) {
        ck_assert(!peers[i].disordered);
        ck_assert_uint_eq(peers[i].received, PACKETS);
        peer_close(&peers[i]);
    }
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_eq(info.confirmed, MANY);
    ck_assert_uint_eq(info.data_relayed, MANY * PACKETS);
    relay_close(&relay);
}
END_TEST

/* --- No descriptors --- */

static int raw_connect(const struct toxtcp_address *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&in.sin_addr, address->ip, 4);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

/* Allows the process `more` descriptors than it has now. */
static void limit_descriptors(rlim_t more)
{
    struct rlimit limit;
    const int next = dup(0);

    ck_assert_int_ge(next, 0);
    ck_assert_int_eq(close(next), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)next + more;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    *(bool *)timer->data = true;
}

static uint64_t accept_calls(void)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side.ev, &info);
    return info.accepts;
}

static bool has_clients(void *user)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(relay.server, &info);
    return info.client_count == *(uint32_t *)user;
}

static bool has_accepted(void *user)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(relay.server, &info);
    return info.accepted == *(uint32_t *)user;
}

START_TEST(no_descriptors_left)
{
    enum { COUNT = 12, ROOM = 4 };
    int fds[COUNT];
    uint32_t want = ROOM;
    struct rlimit old;
    bool waited = false;
    struct ev_timer timer;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    relay_open(&relay, &side, NULL, 0, false);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = raw_connect(&relay.address);
    }
    limit_descriptors(ROOM);
    run_side_until(&side, has_clients, &want);

    /* While the newcomers wait, accepting is not tried again and again: the loop sleeps. */
    const unsigned int turns = ev_iteration(side.loop);
    const uint64_t calls = accept_calls();
    const uint64_t pause_begin_ms = toxtcp_ev_now(side.ev);
    ev_timer_init(&timer, on_timer, 0.1, 0.);
    timer.data = &waited;
    ev_timer_start(side.loop, &timer);
    run_side_until(&side, flag_is_set, &waited);
    const uint64_t retries = (toxtcp_ev_now(side.ev) - pause_begin_ms) / 500 + 1;
    ck_assert_uint_le(accept_calls() - calls, retries);
    ck_assert_uint_le(ev_iteration(side.loop) - turns, 2 * retries + 2);

    /* A stream that ends makes room for one newcomer: in the next turns, none of which waits for the pause. */
    ck_assert_int_eq(shutdown(fds[0], SHUT_RDWR), 0);
    for (int i = 0; i < 3; i++) {
        turn(&side);
    }
    want = ROOM + 1;
    ck_assert(has_accepted(&want));

    /* More descriptors, and nobody says so: accepting is tried again by itself. */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    want = COUNT;
    run_side_until(&side, has_accepted, &want);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    relay_close(&relay);
}
END_TEST

/* --- Listening --- */

START_TEST(listen_errors)
{
    struct toxtcp_ev_listener *listener = NULL;
    const struct toxtcp_address not_ours = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 77}};
    const struct toxtcp_address none = {0};
    struct rlimit old;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    relay_open(&relay, &side, NULL, 0, false);
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &relay.address, &listener), TOXTCP_ERR_EXISTS);
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &not_ours, &listener), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &none, &listener), TOXTCP_ERR_INVALID);
    limit_descriptors(0);
    const struct toxtcp_address any = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &any, &listener), TOXTCP_ERR_NO_DESCRIPTOR);
    ck_assert_ptr_null(listener);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    relay_close(&relay);
}
END_TEST

/* A relay that comes back at once gets its port, though streams of the old one fade; and `[::]` beside `0.0.0.0`. */
START_TEST(listens_again)
{
    struct peer peer = {0};
    struct toxtcp_ev_listener *listener;

    relay_open(&relay, &side, NULL, 0, false);
    peer_open(&peer, &side, &relay);
    run_side_until(&side, peer_is_connected, &peer);
    const uint16_t port = relay.address.port;
    relay_close(&relay);
    run_side_until(&side, peer_is_closed, &peer);
    peer_close(&peer);
    relay_open(&relay, &side, NULL, port, false);
    const struct toxtcp_address any6 = {.family = TOXTCP_FAMILY_IPV6, .port = port};
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &any6, &listener), TOXTCP_OK);
    /* This listener is left to toxtcp_ev_free(). */
    relay_close(&relay);
}
END_TEST

static bool one_is_confirmed(void *unused)
{
    struct toxtcp_server_info info;

    (void)unused;
    toxtcp_server_get_info(relay.server, &info);
    return info.confirmed == 1;
}

/* Whom the server refuses is hung up on. (An unconfirmed one would make room.) */
START_TEST(refused_by_the_limits)
{
    struct toxtcp_server_config config;
    struct peer peers[2];

    memset(peers, 0, sizeof peers);
    toxtcp_server_config_default(&config);
    config.clients_max = 1;
    relay_open(&relay, &side, &config, 0, false);
    peer_open(&peers[0], &side, &relay);
    run_side_until(&side, one_is_confirmed, NULL);
    peer_open(&peers[1], &side, &relay);
    run_side_until(&side, peer_is_closed, &peers[1]);
    ck_assert(peers[0].connected);
    peer_close(&peers[0]);
    peer_close(&peers[1]);
    relay_close(&relay);
}
END_TEST

TCase *ev_relay_tests(void)
{
    TCase *tcase = tcase_create("relay");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, five_hundred_clients);
    tcase_add_test(tcase, no_descriptors_left);
    tcase_add_test(tcase, listen_errors);
    tcase_add_test(tcase, listens_again);
    tcase_add_test(tcase, refused_by_the_limits);
    return tcase;
}
