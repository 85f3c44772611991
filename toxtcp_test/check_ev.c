/* Tests of libtoxtcp-ev: dialling, and the program that runs them all. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side side;
static struct peer peer;

static void set_up(void)
{
    memset(&peer, 0, sizeof peer);
    side_open(&side);
}

static void tear_down(void)
{
    peer_close(&peer);
    side_close(&side);
}

/* A public key that some secret key has. */
static struct toxtcp_public_key some_key(void)
{
    struct toxtcp_key_pair pair;

    toxtcp_key_pair_generate(side.env, &pair);
    return pair.public_key;
}

/* Dials, and returns how it ended: the error of the call, or that of the callback. */
static int dial_and_fail(const struct toxtcp_endpoint *endpoint, uint32_t timeout_ms)
{
    const struct toxtcp_client_config config = quick_config(timeout_ms);
    const struct toxtcp_public_key key = some_key();
    const int error = peer_dial(&peer, &side, &key, &config, endpoint);

    if (error) {
        return error;
    }
    ck_assert_int_eq(peer.error, 0);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_uint_eq(peer.closings, 1);
    return peer.error;
}

static void dial_and_connect(const struct relay *relay, const struct toxtcp_endpoint *endpoint)
{
    ck_assert_int_eq(peer_dial(&peer, &side, &relay->keys.public_key, NULL, endpoint), TOXTCP_OK);
    ck_assert(!peer.connected);
    run_side_until(&side, peer_is_connected, &peer);
}

/* --- Addresses --- */

START_TEST(connects_by_ipv4)
{
    struct relay relay;

    relay_open(&relay, &side, NULL, 0, false);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    dial_and_connect(&relay, &endpoint);
    peer_close(&peer);
    relay_close(&relay);
}
END_TEST

START_TEST(connects_by_ipv6)
{
    struct relay relay;

    relay_open(&relay, &side, NULL, 0, true);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    dial_and_connect(&relay, &endpoint);
    peer_close(&peer);
    relay_close(&relay);
}
END_TEST

START_TEST(connects_by_numeric_host)
{
    const char *const hosts[] = {"127.0.0.1", "::1", "::1%1"};
    struct relay relay;

    relay_open(&relay, &side, NULL, 0, _i > 0);
    const struct toxtcp_endpoint endpoint = endpoint_of_host(hosts[_i], relay.address.port);
    dial_and_connect(&relay, &endpoint);
    peer_close(&peer);
    relay_close(&relay);
}
END_TEST

/* A link-local address of this machine and the name of its interface. False if it has none. */
static bool find_link_local(struct toxtcp_address *address, char name[IF_NAMESIZE])
{
    struct ifaddrs *all;
    bool found = false;

    ck_assert_int_eq(getifaddrs(&all), 0);
    for (struct ifaddrs *one = all; one && !found; one = one->ifa_next) {
        const struct sockaddr_in6 *in6 = (const void *)one->ifa_addr;
        found =
            in6 && in6->sin6_family == AF_INET6 && (one->ifa_flags & IFF_UP) && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
        if (found) {
            *address = (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV6, .scope_id = in6->sin6_scope_id};
            memcpy(address->ip, &in6->sin6_addr, sizeof in6->sin6_addr);
            (void)snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
        }
    }
    freeifaddrs(all);
    return found;
}

/* By address with its scope, by "fe80::1%eth0" and by "fe80::1%2". Without an interface that has such an
 * address, the scope still has to reach the system: an interface that does not exist is refused at once. */
START_TEST(connects_by_link_local)
{
    char name[IF_NAMESIZE];
    char ip[INET6_ADDRSTRLEN];
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    struct toxtcp_address address;
    struct relay relay = {.side = &side};

    if (!find_link_local(&address, name)) {
        const struct toxtcp_endpoint endpoint = endpoint_of_host("fe80::1%99999", 1);
        ck_assert_int_ne(dial_and_fail(&endpoint, 10000), TOXTCP_ERR_TIMED_OUT);
        return;
    }
    relay_open(&relay, &side, NULL, 0, true);
    toxtcp_ev_listener_free(relay.listener);
    ck_assert_int_eq(toxtcp_ev_listen(side.ev, relay.server, &address, &relay.listener), TOXTCP_OK);
    toxtcp_ev_listener_address(relay.listener, &address);
    ck_assert_uint_ne(address.scope_id, 0);
    ck_assert_ptr_nonnull(inet_ntop(AF_INET6, address.ip, ip, sizeof ip));
    (void)snprintf(host, sizeof host, "%s%%%s", ip, name);
    const struct toxtcp_endpoint endpoints[] = {endpoint_of(&address), endpoint_of_host(host, address.port)};
    dial_and_connect(&relay, &endpoints[_i]);
    peer_close(&peer);
    relay_close(&relay);
}
END_TEST

/* --- Failures --- */

START_TEST(refused)
{
    struct toxtcp_address address;

    ck_assert_int_eq(close(raw_listen(1, &address)), 0);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    ck_assert_int_eq(dial_and_fail(&endpoint, 10000), TOXTCP_ERR_REFUSED);
}
END_TEST

/* The system knows without asking the network that no stream leads to a multicast address, nor to no address. */
START_TEST(unreachable)
{
    const struct toxtcp_address addresses[] = {
        {.family = TOXTCP_FAMILY_IPV4, .ip = {224, 0, 0, 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0xff, 0x01, [15] = 1}, .port = 1},
        {.family = TOXTCP_FAMILY_NONE, .port = 1},
    };
    const struct toxtcp_endpoint endpoint = endpoint_of(&addresses[_i]);

    ck_assert_int_eq(dial_and_fail(&endpoint, 10000), TOXTCP_ERR_UNREACHABLE);
}
END_TEST

START_TEST(timed_out_dialling)
{
    struct toxtcp_address address;
    int fds[16];
    const int listen_fd = raw_listen(0, &address);
    const int count = raw_fill_backlog(&address, fds, 16);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);

    ck_assert_int_eq(dial_and_fail(&endpoint, 50), TOXTCP_ERR_TIMED_OUT);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

START_TEST(timed_out_shaking)
{
    struct toxtcp_address address;
    const int listen_fd = raw_listen(4, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);

    ck_assert_int_eq(dial_and_fail(&endpoint, 50), TOXTCP_ERR_TIMED_OUT);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

START_TEST(wrong_relay_key)
{
    struct relay relay;

    relay_open(&relay, &side, NULL, 0, false);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    ck_assert_int_eq(dial_and_fail(&endpoint, 10000), TOXTCP_ERR_WRONG_KEY);
    relay_close(&relay);
}
END_TEST

/* The stream is open in the system and reset before the loop has turned. */
START_TEST(reset_while_dialling)
{
    struct toxtcp_address address;
    const int listen_fd = raw_listen(4, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    const struct toxtcp_public_key key = some_key();

    ck_assert_int_eq(peer_dial(&peer, &side, &key, NULL, &endpoint), TOXTCP_OK);
    raw_reset(raw_accept(listen_fd));
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_RESET);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

START_TEST(no_descriptor)
{
    struct rlimit old;
    struct toxtcp_address address;
    const int listen_fd = raw_listen(4, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit low = {(rlim_t)listen_fd + 1, old.rlim_max};
    /* Fill holes below. */
    int fds[256];
    int count = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 256 && (fds[count] = dup(0)) >= 0) {
        count++;
    }
    ck_assert_int_lt(count, 256);
    ck_assert_int_eq(dial_and_fail(&endpoint, 10000), TOXTCP_ERR_NO_DESCRIPTOR);
    while (count > 0) {
        ck_assert_int_eq(close(fds[--count]), 0);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

/* --- Life --- */

/* Freed before the loop has turned, while the socket is connecting. */
START_TEST(freed_while_dialling)
{
    struct toxtcp_address address;
    struct toxtcp_ev_info info;
    const int listen_fd = raw_listen(4, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    const struct toxtcp_public_key key = some_key();

    ck_assert_int_eq(peer_dial(&peer, &side, &key, NULL, &endpoint), TOXTCP_OK);
    toxtcp_ev_get_info(side.ev, &info);
    ck_assert_uint_eq(info.stream_count, 1);
    peer_close(&peer);
    toxtcp_ev_get_info(side.ev, &info);
    ck_assert_uint_eq(info.stream_count, 0);
    turn(&side);
    ck_assert_uint_eq(peer.closings, 0);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

/* A driver that has nothing to wait for does not keep the loop alive. */
START_TEST(loop_ends_when_all_is_over)
{
    struct toxtcp_address address;

    ev_run(side.loop, 0);
    ck_assert_int_eq(close(raw_listen(1, &address)), 0);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    const struct toxtcp_public_key key = some_key();
    ck_assert_int_eq(peer_dial(&peer, &side, &key, NULL, &endpoint), TOXTCP_OK);
    ev_run(side.loop, 0);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
}
END_TEST

TCase *ev_dial_tests(void)
{
    TCase *tcase = tcase_create("dial");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, connects_by_ipv4);
    tcase_add_test(tcase, connects_by_ipv6);
    tcase_add_loop_test(tcase, connects_by_numeric_host, 0, 3);
    tcase_add_loop_test(tcase, connects_by_link_local, 0, 2);
    tcase_add_test(tcase, refused);
    tcase_add_loop_test(tcase, unreachable, 0, 3);
    tcase_add_test(tcase, timed_out_dialling);
    tcase_add_test(tcase, timed_out_shaking);
    tcase_add_test(tcase, wrong_relay_key);
    tcase_add_test(tcase, reset_while_dialling);
    tcase_add_test(tcase, no_descriptor);
    tcase_add_test(tcase, freed_while_dialling);
    tcase_add_test(tcase, loop_ends_when_all_is_over);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("ev");

    suite_add_tcase(suite, ev_dial_tests());
    suite_add_tcase(suite, ev_name_tests());
    suite_add_tcase(suite, ev_oob_tests());
    suite_add_tcase(suite, ev_source_tests());
    suite_add_tcase(suite, ev_alive_tests());
    suite_add_tcase(suite, ev_stream_tests());
    suite_add_tcase(suite, ev_relay_tests());
    suite_add_tcase(suite, ev_turn_tests());
    suite_add_tcase(suite, ev_listen_tests());
    suite_add_tcase(suite, ev_connections_tests());
    suite_add_tcase(suite, ev_mesh_queue_tests());
    suite_add_tcase(suite, ev_mesh_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
