/* Tests of libtoxtcp-ev: listeners that share an address, sockets that listen already, a system that runs short.
 * SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct side side_a, side_b;
static struct side *const both[] = {&side_a, &side_b};
static struct relay relay;
static struct toxtcp_ev_listener *listener;

/* The driver's calls come here first; other tests of this program have drivers in several threads. */
static _Thread_local int accept_errors[4];
static _Thread_local int accept_error_count;
static _Thread_local uint32_t accepted_without_delay;

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (accept_error_count > 0) {
        errno = accept_errors[--accept_error_count];
        return -1;
    }
    const int made = (int)syscall(SYS_accept4, fd, address, len, flags);
    int on = 0;
    socklen_t on_len = sizeof on;

    if (made >= 0 && getsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, &on_len) == 0 && on) {
        accepted_without_delay++;
    }
    return made;
}

static void set_up(void)
{
    accept_error_count = 0;
    accepted_without_delay = 0;
    listener = NULL;
    side_open(&side_a);
    side_open(&side_b);
    relay_open(&relay, &side_a, NULL, 0, false);
}

static void tear_down(void)
{
    relay_close(&relay);
    side_close(&side_a);
    side_close(&side_b);
}

static struct toxtcp_server_info info_of(const struct toxtcp_server *server)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(server, &info);
    return info;
}

/* A plain stream from an address of this machine, the last byte of which is given. */
static int connect_from(uint8_t last, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(0x7f000000U | last);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void some_turns(void)
{
    for (int i = 0; i < 20; i++) {
        turn(&side_a);
        turn(&side_b);
    }
}

/* --- Shared addresses --- */

START_TEST(shared_by_two_loops)
{
    enum { COUNT = 64 };
    struct relay other;
    struct toxtcp_ev_listener *first;
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    int fds[COUNT];

    relay_open(&other, &side_b, NULL, 0, false);
    ck_assert_int_eq(toxtcp_ev_listen_shared(side_a.ev, relay.server, &address, &first), TOXTCP_OK);
    toxtcp_ev_listener_address(first, &address);
    ck_assert_int_eq(toxtcp_ev_listen(side_b.ev, other.server, &address, &listener), TOXTCP_ERR_EXISTS);
    ck_assert_int_eq(toxtcp_ev_listen_shared(side_b.ev, other.server, &address, &listener), TOXTCP_OK);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_from(1, address.port);
    }
    some_turns();
    const uint32_t here = info_of(relay.server).client_count;
    const uint32_t there = info_of(other.server).client_count;
    ck_assert_uint_eq(here + there, COUNT);
    ck_assert(here > 0 && there > 0);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    toxtcp_ev_listener_free(first);
    toxtcp_ev_listener_free(listener);
    relay_close(&other);
}
END_TEST

START_TEST(not_shared_with_one_that_does_not_share)
{
    ck_assert_int_eq(toxtcp_ev_listen_shared(side_b.ev, relay.server, &relay.address, &listener), TOXTCP_ERR_EXISTS);
    ck_assert_ptr_null(listener);
}
END_TEST

/* Each of several listeners has its part of a turn's newcomers. */
START_TEST(listeners_divide_the_newcomers)
{
    enum { COUNT = 16 };
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    int fds[2 * COUNT];

    ck_assert_int_eq(toxtcp_ev_listen(side_a.ev, relay.server, &address, &listener), TOXTCP_OK);
    toxtcp_ev_listener_address(listener, &address);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_from(1, relay.address.port);
        fds[COUNT + i] = connect_from(1, address.port);
    }
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(info_of(relay.server).accepted, 8 * i);
        turn(&side_a);
    }
    for (int i = 0; i < 2 * COUNT; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    toxtcp_ev_listener_free(listener);
}
END_TEST

/* --- Sockets that listen already --- */

START_TEST(a_socket_that_listens)
{
    struct toxtcp_address address;
    struct toxtcp_address found;
    struct peer peer = {0};
    const int fd = raw_listen(4, &address);

    ck_assert_int_eq(toxtcp_ev_listen_socket(side_a.ev, relay.server, fd, &listener), TOXTCP_OK);
    toxtcp_ev_listener_address(listener, &found);
    ck_assert_uint_eq(found.port, address.port);
    ck_assert_uint_eq(found.family, TOXTCP_FAMILY_IPV4);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    ck_assert_int_eq(peer_dial(&peer, &side_b, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    run_until(both, 2, peer_is_connected, &peer);
    ck_assert_uint_eq(accepted_without_delay, 1);
    peer_close(&peer);
    toxtcp_ev_listener_free(listener);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* Two descriptors of one socket, as the threads of a relay have them: each newcomer comes once. */
START_TEST(a_socket_in_two_loops)
{
    enum { COUNT = 20 };
    struct toxtcp_address address;
    struct toxtcp_ev_listener *second;
    int fds[COUNT];
    const int fd = raw_listen(COUNT, &address);
    const int copy = dup(fd);

    ck_assert_int_eq(toxtcp_ev_listen_socket(side_a.ev, relay.server, fd, &listener), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_listen_socket(side_b.ev, relay.server, copy, &second), TOXTCP_OK);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_from(1, address.port);
    }
    some_turns();
    ck_assert_uint_eq(info_of(relay.server).client_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    some_turns();
    toxtcp_ev_listener_free(listener);
    toxtcp_ev_listener_free(second);
}
END_TEST

/* An IPv6 socket that takes IPv4 too: its clients are told apart by their IPv4 addresses. */
START_TEST(a_socket_for_both_families)
{
    struct relay narrow;
    struct toxtcp_server_config config;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    socklen_t len = sizeof in6;
    const int off = 0;
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&in6, sizeof in6), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in6, &len), 0);
    toxtcp_server_config_default(&config);
    config.per_source_max = 1;
    relay_open(&narrow, &side_a, &config, 0, false);
    ck_assert_int_eq(toxtcp_ev_listen_socket(side_a.ev, narrow.server, fd, &listener), TOXTCP_OK);
    const int fds[] = {connect_from(2, ntohs(in6.sin6_port)), connect_from(3, ntohs(in6.sin6_port)),
                       connect_from(3, ntohs(in6.sin6_port))};
    some_turns();
    ck_assert_uint_eq(info_of(narrow.server).accepted, 2);
    ck_assert_uint_eq(info_of(narrow.server).refused_source, 1);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    toxtcp_ev_listener_free(listener);
    relay_close(&narrow);
}
END_TEST

START_TEST(no_such_socket)
{
    const struct sockaddr_un no_path = {.sun_family = AF_UNIX};
    struct toxtcp_address address;
    const int listening = raw_listen(4, &address);
    const int local = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(local, (const struct sockaddr *)&no_path, sizeof no_path.sun_family), 0);
    ck_assert_int_eq(listen(local, 1), 0);
    const int fds[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0), connect_from(1, address.port),
                       local, open("/dev/null", O_RDONLY | O_CLOEXEC)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        ck_assert_int_eq(toxtcp_ev_listen_socket(side_a.ev, relay.server, fds[i], &listener), TOXTCP_ERR_INVALID);
        ck_assert_int_eq(close(fds[i]), 0);
    }
    ck_assert_int_eq(toxtcp_ev_listen_socket(side_a.ev, relay.server, -1, &listener), TOXTCP_ERR_INVALID);
    ck_assert_ptr_null(listener);
    ck_assert_int_eq(close(listening), 0);
}
END_TEST

/* --- Short of something --- */

static uint64_t accept_calls(void)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side_a.ev, &info);
    return info.accepts;
}

/* Not this process but the system: the newcomer waits, is not asked for again and again, and comes when a stream has
 * ended. */
START_TEST(the_system_is_short)
{
    const int errors[] = {ENFILE, ENOBUFS, ENOMEM, EMFILE};
    const int first = connect_from(1, relay.address.port);

    some_turns();
    ck_assert_uint_eq(info_of(relay.server).client_count, 1);
    accept_errors[0] = errors[_i];
    accept_error_count = 1;
    const int second = connect_from(1, relay.address.port);
    turn(&side_a);
    ck_assert_int_eq(accept_error_count, 0);
    const uint64_t calls = accept_calls();
    turn(&side_a);
    turn(&side_a);
    ck_assert_uint_eq(accept_calls(), calls);
    ck_assert_uint_eq(info_of(relay.server).accepted, 1);
    ck_assert_int_eq(close(first), 0);
    some_turns();
    ck_assert_uint_eq(info_of(relay.server).accepted, 2);
    ck_assert_int_eq(close(second), 0);
}
END_TEST

/* A newcomer's own misfortune does not keep the next one waiting. */
START_TEST(a_newcomer_is_gone)
{
    const int errors[] = {ECONNABORTED, EPROTO, EINTR};

    accept_errors[0] = errors[_i];
    accept_error_count = 1;
    const int fd = connect_from(1, relay.address.port);
    turn(&side_a);
    ck_assert_uint_eq(info_of(relay.server).accepted, 1);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* The relay's own limit comes first: then nobody waits, the oldest unconfirmed one goes. */
START_TEST(full_of_unconfirmed_ones)
{
    enum { COUNT = 12, MAX = 3 };
    struct relay narrow;
    struct toxtcp_server_config config;
    int fds[COUNT];

    toxtcp_server_config_default(&config);
    config.clients_max = MAX;
    relay_open(&narrow, &side_b, &config, 0, false);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = connect_from(1, narrow.address.port);
    }
    some_turns();
    ck_assert_uint_eq(info_of(narrow.server).accepted, COUNT);
    ck_assert_uint_eq(info_of(narrow.server).evicted, COUNT - MAX);
    ck_assert_uint_eq(info_of(narrow.server).client_count, MAX);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    relay_close(&narrow);
}
END_TEST

TCase *ev_listen_tests(void)
{
    TCase *tcase = tcase_create("listen");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, shared_by_two_loops);
    tcase_add_test(tcase, not_shared_with_one_that_does_not_share);
    tcase_add_test(tcase, listeners_divide_the_newcomers);
    tcase_add_test(tcase, a_socket_that_listens);
    tcase_add_test(tcase, a_socket_in_two_loops);
    tcase_add_test(tcase, a_socket_for_both_families);
    tcase_add_test(tcase, no_such_socket);
    tcase_add_loop_test(tcase, the_system_is_short, 0, 4);
    tcase_add_loop_test(tcase, a_newcomer_is_gone, 0, 3);
    tcase_add_test(tcase, full_of_unconfirmed_ones);
    return tcase;
}
