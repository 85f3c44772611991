/* Tests of libtoxtcp-ev: host names, against a name server of the test's own. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ev/internal.h"

/* Numbers of RFC 1035. */
enum { DNS_HEADER_SIZE = 12, DNS_TYPE_A = 1, DNS_NO_SUCH_NAME = 3, DNS_TTL = 1, DNS_MESSAGE_MAX = 512 };

/* A name server on loopback. */
struct name_server {
    int fd;
    struct ev_io io;
    uint32_t questions;
    bool silent;
    const uint8_t (*addresses)[4]; /* of every name */
    uint8_t address_count;         /* 0: no name exists */
    char text[32];                 /* "127.0.0.1:PORT" */
};

static struct side side;
static struct peer peer;
static struct name_server server;

static size_t question_end(const uint8_t *message)
{
    size_t at = DNS_HEADER_SIZE;

    while (message[at]) {
        at += 1U + message[at];
    }
    return at + 5;
}

/* Turns a question into its answer, in place. Returns its length. */
static size_t answer(uint8_t *message, size_t end)
{
    const bool wants_ip4 = message[end - 3] == DNS_TYPE_A;
    const uint8_t count = wants_ip4 ? server.address_count : 0;

    message[2] = 0x84; /* an answer, with authority */
    message[3] = server.address_count ? 0 : DNS_NO_SUCH_NAME;
    memset(message + 6, 0, 6);
    message[7] = count;
    for (uint8_t i = 0; i < count; i++) {
        const uint8_t record[] = {0xc0, DNS_HEADER_SIZE, 0, DNS_TYPE_A, 0, 1, 0, 0, 0, DNS_TTL, 0, 4};
        memcpy(message + end, record, sizeof record);
        memcpy(message + end + sizeof record, server.addresses[i], 4);
        end += sizeof record + 4;
    }
    return end;
}

static void on_question(struct ev_loop *loop, struct ev_io *io, int events)
{
    uint8_t message[DNS_MESSAGE_MAX + 128] = {0};
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    const ssize_t len = recvfrom(io->fd, message, DNS_MESSAGE_MAX - 1, 0, (struct sockaddr *)&from, &from_len);

    (void)loop;
    (void)events;
    ck_assert_int_gt(len, DNS_HEADER_SIZE);
    server.questions++;
    if (!server.silent) {
        const size_t answer_len = answer(message, question_end(message));
        ck_assert_int_eq(sendto(io->fd, message, answer_len, 0, (struct sockaddr *)&from, from_len),
                         (ssize_t)answer_len);
    }
}

static void set_up(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;

    memset(&peer, 0, sizeof peer);
    memset(&server, 0, sizeof server);
    side_open(&side);
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(server.fd, 0);
    ck_assert_int_eq(bind(server.fd, (const struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&in, &len), 0);
    (void)snprintf(server.text, sizeof server.text, "127.0.0.1:%u", ntohs(in.sin_port));
    ev_io_init(&server.io, on_question, server.fd, EV_READ);
    ev_io_start(side.loop, &server.io);
    side.ev->name_servers = server.text;
}

static void tear_down(void)
{
    peer_close(&peer);
    side_close(&side);
    ck_assert_int_eq(close(server.fd), 0);
}

static int dial_host(const char *host, uint16_t port, const struct toxtcp_client_config *config)
{
    struct toxtcp_key_pair keys;
    const struct toxtcp_endpoint endpoint = endpoint_of_host(host, port);

    toxtcp_key_pair_generate(side.env, &keys);
    return peer_dial(&peer, &side, &keys.public_key, config, &endpoint);
}

static void connect_by_name(const char *host)
{
    struct relay relay;

    relay_open(&relay, &side, NULL, 0, false);
    const struct toxtcp_endpoint endpoint = endpoint_of_host(host, relay.address.port);
    ck_assert_int_eq(peer_dial(&peer, &side, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    ck_assert(!peer.connected);
    run_side_until(&side, peer_is_connected, &peer);
    peer_close(&peer);
    relay_close(&relay);
}

/* From /etc/hosts: no server is asked. */
START_TEST(localhost)
{
    connect_by_name("localhost");
    ck_assert_uint_eq(server.questions, 0);
}
END_TEST

/* The first address refuses; the second one is the relay. */
START_TEST(addresses_are_tried_one_after_another)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 9}, {127, 0, 0, 1}};

    server.addresses = addresses;
    server.address_count = 2;
    connect_by_name("relay.example");
    ck_assert_uint_ge(server.questions, 1);
}
END_TEST

/* The first address says nothing at all: it does not use up the time for the second one. */
START_TEST(silent_address_is_passed_over)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 9}, {127, 0, 0, 1}};
    struct relay relay;
    int fds[16];

    server.addresses = addresses;
    server.address_count = 2;
    relay_open(&relay, &side, NULL, 0, false);
    struct toxtcp_address silent = relay.address;
    silent.ip[3] = 9;
    const int listen_fd = raw_listen_at(&silent, 0);
    const int count = raw_fill_backlog(&silent, fds, 16);
    const struct toxtcp_endpoint endpoint = endpoint_of_host("relay.example", relay.address.port);
    ck_assert_int_eq(peer_dial(&peer, &side, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    run_side_until(&side, peer_is_connected, &peer);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    ck_assert_int_eq(close(listen_fd), 0);
    peer_close(&peer);
    relay_close(&relay);
}
END_TEST

START_TEST(all_addresses_refuse)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 9}, {127, 0, 0, 1}};
    struct toxtcp_address address;

    server.addresses = addresses;
    server.address_count = 2;
    ck_assert_int_eq(close(raw_listen(1, &address)), 0);
    ck_assert_int_eq(dial_host("relay.example", address.port, NULL), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
    ck_assert_uint_eq(peer.closings, 1);
}
END_TEST

START_TEST(unknown_name)
{
    ck_assert_int_eq(dial_host("unknown.example", 1, NULL), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_HOST_UNKNOWN);
    ck_assert_uint_ge(server.questions, 1);
}
END_TEST

/* A label of 64 bytes, more than DNS has room for; and what no server is ever asked for. */
START_TEST(impossible_names)
{
    const char *const names[] = {
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.example",
        "unknown.invalid",
        "unknown.INVALID.",
        "abcdefghijklmnop.onion",
        "",
    };
    const int error = dial_host(names[_i], 1, NULL);

    if (error == TOXTCP_OK) {
        run_side_until(&side, peer_is_closed, &peer);
    }
    ck_assert_int_eq(error ? error : peer.error, TOXTCP_ERR_HOST_UNKNOWN);
    ck_assert_uint_eq(server.questions, 0);
}
END_TEST

/* The name server does not answer: the link gives up in its own time. */
START_TEST(silent_server)
{
    const struct toxtcp_client_config config = quick_config(50);

    server.silent = true;
    ck_assert_int_eq(dial_host("relay.example", 1, &config), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_TIMED_OUT);
    ck_assert_uint_ge(server.questions, 1);
}
END_TEST

static bool was_asked(void *user)
{
    (void)user;
    return server.questions > 0;
}

/* Freed while the question is out (the answer finds nobody), and while the answer waits for its turn. */
START_TEST(freed_while_resolving)
{
    server.silent = _i == 0;
    ck_assert_int_eq(dial_host(_i == 2 ? "localhost" : "relay.example", 1, NULL), TOXTCP_OK);
    if (_i < 2) {
        run_side_until(&side, was_asked, NULL);
    }
    peer_close(&peer);
    turn(&side);
    turn(&side);
    ck_assert_uint_eq(peer.closings, 0);
}
END_TEST

/* Two names at once, then a third when both are answered: a fresh channel. */
START_TEST(several_names)
{
    struct peer other = {0};
    struct toxtcp_address address;
    static const uint8_t addresses[][4] = {{127, 0, 0, 1}};

    server.addresses = addresses;
    server.address_count = 1;
    ck_assert_int_eq(close(raw_listen(1, &address)), 0);
    const struct toxtcp_endpoint endpoint = endpoint_of_host("second.example", address.port);
    ck_assert_int_eq(dial_host("first.example", address.port, NULL), TOXTCP_OK);
    ck_assert_int_eq(peer_dial(&other, &side, &peer.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    run_side_until(&side, peer_is_closed, &other);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
    ck_assert_int_eq(other.error, TOXTCP_ERR_REFUSED);
    peer_close(&other);
    peer_close(&peer);
    peer.error = 0;
    ck_assert_int_eq(dial_host("third.example", address.port, NULL), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
}
END_TEST

TCase *ev_name_tests(void)
{
    TCase *tcase = tcase_create("names");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, localhost);
    tcase_add_test(tcase, addresses_are_tried_one_after_another);
    tcase_add_test(tcase, silent_address_is_passed_over);
    tcase_add_test(tcase, all_addresses_refuse);
    tcase_add_test(tcase, unknown_name);
    tcase_add_loop_test(tcase, impossible_names, 0, 5);
    tcase_add_test(tcase, silent_server);
    tcase_add_loop_test(tcase, freed_while_resolving, 0, 3);
    tcase_add_test(tcase, several_names);
    return tcase;
}
