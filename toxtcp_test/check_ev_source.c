/* Tests of libtoxtcp-ev: where it dials from, and the sockets of links. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side side;
static struct toxtcp_address address; /* of a socket that listens */
static int listen_fd;
static struct peer peer;
static struct toxtcp_key_pair relay_keys;

static void set_up(void)
{
    memset(&peer, 0, sizeof peer);
    side_open(&side);
    toxtcp_key_pair_generate(side.env, &relay_keys);
    listen_fd = raw_listen(8, &address);
    ck_assert_int_eq(fcntl(listen_fd, F_SETFL, O_NONBLOCK), 0);
}

static void tear_down(void)
{
    peer_close(&peer);
    (void)close(listen_fd);
    side_close(&side);
}

static int dial(const struct toxtcp_endpoint *endpoint)
{
    return peer_dial(&peer, &side, &relay_keys.public_key, NULL, endpoint);
}

static bool has_dialled(void *user)
{
    struct sockaddr_in *from = user;
    socklen_t len = sizeof *from;
    const int fd = accept4(listen_fd, (struct sockaddr *)from, &len, SOCK_NONBLOCK);

    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* The address, in host order, that a client comes from. */
static uint32_t came_from(const struct toxtcp_endpoint *endpoint)
{
    struct sockaddr_in from = {.sin_family = AF_INET};

    ck_assert_int_eq(dial(endpoint), TOXTCP_OK);
    run_side_until(&side, has_dialled, &from);
    peer_close(&peer);
    memset(&peer, 0, sizeof peer);
    return ntohl(from.sin_addr.s_addr);
}

START_TEST(dials_from_where_it_is_told)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    const struct toxtcp_endpoint named = endpoint_of_host("127.0.0.1", address.port);
    const struct toxtcp_address source = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 1, 2, 3}};
    const struct toxtcp_address other_family = {.family = TOXTCP_FAMILY_IPV6, .ip = {[15] = 1}};

    ck_assert_uint_eq(came_from(&endpoint), 0x7f000001);
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &source), TOXTCP_OK);
    ck_assert_uint_eq(came_from(&endpoint), 0x7f010203);
    ck_assert_uint_eq(came_from(&named), 0x7f010203);
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &other_family), TOXTCP_OK);
    ck_assert_uint_eq(came_from(&endpoint), 0x7f000001);
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &source), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, NULL), TOXTCP_OK);
    ck_assert_uint_eq(came_from(&endpoint), 0x7f000001);
}
END_TEST

START_TEST(sources_that_will_not_do)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    const struct toxtcp_address none = {.family = TOXTCP_FAMILY_NONE};
    const struct toxtcp_address not_ours = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}};

    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &not_ours), TOXTCP_OK);
    ck_assert_int_eq(dial(&endpoint), TOXTCP_ERR_UNREACHABLE);
    /* A refused one changes nothing. */
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &none), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(dial(&endpoint), TOXTCP_ERR_UNREACHABLE);
}
END_TEST

static bool has_socket(void *link)
{
    return toxtcp_ev_socket(link) >= 0;
}

/* There may be several while it is dialled, so there is one when it is connected. */
START_TEST(socket_of_a_link)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    struct toxtcp_client *undialled = NULL;
    struct sockaddr_in to = {.sin_family = AF_UNSPEC};
    socklen_t len = sizeof to;

    ck_assert_int_eq(toxtcp_client_new(side.env, toxtcp_ev_driver(side.ev), NULL, &relay_keys, &relay_keys.public_key,
                                       &(struct toxtcp_client_callbacks){.closed = NULL}, NULL, toxtcp_ev_now(side.ev),
                                       &undialled),
                     TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_socket(toxtcp_client_link(undialled)), -1);
    toxtcp_client_free(undialled);
    ck_assert_int_eq(dial(&endpoint), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_socket(toxtcp_client_link(peer.client)), -1);
    run_side_until(&side, has_socket, toxtcp_client_link(peer.client));
    const int fd = toxtcp_ev_socket(toxtcp_client_link(peer.client));
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&to, &len), 0);
    ck_assert_uint_eq(ntohs(to.sin_port), address.port);
}
END_TEST

TCase *ev_source_tests(void)
{
    TCase *tests = tcase_create("source");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, dials_from_where_it_is_told);
    tcase_add_test(tests, sources_that_will_not_do);
    tcase_add_test(tests, socket_of_a_link);
    return tests;
}
