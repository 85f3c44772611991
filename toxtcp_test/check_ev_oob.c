/* Tests of libtoxtcp-ev: one OOB packet through a relay, and the table of fast open's troubles.
 * SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "ev/internal.h"
#include "wire.h"

enum { TIMEOUT_MS = 10000, OOB_SIZE = 100, NOT_YET = 1 };

static struct side side_a, side_r;
static struct side *const all[] = {&side_a, &side_r};
static struct relay relay;
static struct toxtcp_key_pair keys;
static struct toxtcp_ev_oob *oob;
static int result;
static uint32_t heard;
static const struct toxtcp_proxy *through; /* or NULL */

static void set_up(void)
{
    heard = 0;
    result = NOT_YET;
    through = NULL;
    side_open(&side_a);
    side_open(&side_r);
    relay_open(&relay, &side_r, NULL, 0, false);
    toxtcp_key_pair_generate(side_a.env, &keys);
}

static void tear_down(void)
{
    if (relay.server) {
        relay_close(&relay);
    }
    side_close(&side_a);
    side_close(&side_r);
}

static void on_done(void *user, int how)
{
    ck_assert_ptr_eq(user, &result);
    ck_assert_int_eq(result, NOT_YET);
    result = how;
}

static bool is_done(void *user)
{
    (void)user;
    return result != NOT_YET;
}

static int send_through(const struct toxtcp_endpoint *endpoint, const struct toxtcp_public_key *relay_key,
                        const struct toxtcp_public_key *receiver, size_t len, uint32_t timeout_ms)
{
    uint8_t data[TOXTCP_OOB_MAX + 1];
    const struct toxtcp_ev_oob_order order = {&keys, endpoint, relay_key, receiver, data, len, timeout_ms, through};

    memset(data, 7, sizeof data);
    return toxtcp_ev_send_oob_once(side_a.ev, side_a.env, &order, on_done, &result, &oob);
}

static int send_oob(const struct toxtcp_public_key *receiver)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);

    return send_through(&endpoint, &relay.keys.public_key, receiver, OOB_SIZE, TIMEOUT_MS);
}

static void expect_nothing_left(void)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side_a.ev, &info);
    ck_assert_uint_eq(info.stream_count, 0);
    ev_run(side_a.loop, 0); /* ends, since there is nothing to wait for */
}

/* --- It arrives --- */

static bool is_heard(void *user)
{
    (void)user;
    return heard > 0;
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    (void)user;
    (void)client;
    (void)data;
    ck_assert(toxtcp_public_key_equal(sender, &keys.public_key));
    ck_assert_uint_eq(len, OOB_SIZE);
    heard++;
}

static void on_receiver_connected(void *user, struct toxtcp_client *client)
{
    (void)client;
    *(bool *)user = true;
}

static bool has_one_client(void *user)
{
    struct toxtcp_server_info info;

    (void)user;
    toxtcp_server_get_info(relay.server, &info);
    return info.client_count == 1;
}

static void expect_arrival(void)
{
    const struct toxtcp_client_callbacks callbacks = {.connected = on_receiver_connected, .oob = on_oob};
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    struct toxtcp_key_pair receiver_keys;
    struct toxtcp_client *receiver;
    struct toxtcp_server_info info;
    bool connected = false;

    toxtcp_key_pair_generate(side_r.env, &receiver_keys);
    ck_assert_int_eq(toxtcp_client_new(side_r.env, toxtcp_ev_driver(side_r.ev), NULL, &receiver_keys,
                                       &relay.keys.public_key, &callbacks, &connected, toxtcp_ev_now(side_r.ev),
                                       &receiver),
                     TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_connect(side_r.ev, receiver, &endpoint), TOXTCP_OK);
    run_until(all, 2, flag_is_set, &connected);
    for (int i = 0; i < 5; i++) {
        turn(&side_r);
    }
    ck_assert_int_eq(send_oob(&receiver_keys.public_key), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_OK);
    run_until(all, 2, is_heard, NULL);
    ck_assert_uint_eq(heard, 1);
    /* Through a proxy the end of the stream comes a moment later. */
    run_side_until(&side_r, has_one_client, NULL);
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_eq(info.oob_relayed, 1);
    expect_nothing_left();
    toxtcp_client_free(receiver);
}

START_TEST(arrives)
{
    expect_arrival();
}
END_TEST

/* --- Through a proxy --- */

enum {
    GREETING_SIZE = 3,
    METHOD_SIZE = 2,
    REQUEST_SIZE = 10,
    REPLY_SIZE = 10,
    PIECE = 4096,
    PROXY_PATIENCE_MS = 10000
};

/* A SOCKS5 proxy of one stream, in a thread of its own. */
struct middleman {
    pthread_t thread;
    struct toxtcp_proxy proxy;
    int listen_fd;
    bool swallows; /* the handshake passes, nothing after it, and then comes an end in order */
};

static bool pass_on(int from, int to, size_t len)
{
    uint8_t bytes[PIECE];

    return recv(from, bytes, len, MSG_WAITALL) == (ssize_t)len && send(to, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* What there is; false at the end. */
static bool pass_some(int from, int to)
{
    uint8_t bytes[PIECE];
    const ssize_t len = recv(from, bytes, sizeof bytes, 0);

    return len > 0 && send(to, bytes, (size_t)len, MSG_NOSIGNAL) == len;
}

static void pass_all(int near, int far)
{
    struct pollfd ends[] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};

    while (poll(ends, 2, PROXY_PATIENCE_MS) > 0) {
        if ((ends[0].revents && !pass_some(near, far)) || (ends[1].revents && !pass_some(far, near))) {
            return;
        }
    }
}

static void swallow_all(int near)
{
    uint8_t bytes[PIECE];

    if (recv(near, bytes, sizeof bytes, 0) > 0) {
        (void)shutdown(near, SHUT_WR);
        while (recv(near, bytes, sizeof bytes, 0) > 0) {
        }
    }
}

static void lead(const struct middleman *middleman, int near, int far)
{
    static const uint8_t said[] = {5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(relay.address.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t bytes[PIECE];

    const bool led = recv(near, bytes, GREETING_SIZE, MSG_WAITALL) == GREETING_SIZE &&
                     send(near, said, METHOD_SIZE, MSG_NOSIGNAL) == METHOD_SIZE &&
                     recv(near, bytes, REQUEST_SIZE, MSG_WAITALL) == REQUEST_SIZE &&
                     connect(far, (const struct sockaddr *)&to, sizeof to) == 0 &&
                     send(near, said + METHOD_SIZE, REPLY_SIZE, MSG_NOSIGNAL) == REPLY_SIZE &&
                     pass_on(near, far, WIRE_REQUEST_SIZE) && pass_on(far, near, WIRE_RESPONSE_SIZE);
    if (led && middleman->swallows) {
        swallow_all(near);
    } else if (led) {
        pass_all(near, far);
    }
}

static void *play_proxy(void *user)
{
    const struct middleman *middleman = user;
    const int near = accept(middleman->listen_fd, NULL, NULL);
    const int far = socket(AF_INET, SOCK_STREAM, 0);

    lead(middleman, near, far);
    (void)close(far);
    (void)close(near);
    return NULL;
}

static void middleman_open(struct middleman *middleman)
{
    const struct timeval patience = {.tv_sec = PROXY_PATIENCE_MS / 1000};

    middleman->proxy.kind = TOXTCP_PROXY_SOCKS5;
    middleman->listen_fd = raw_listen(1, &middleman->proxy.endpoint.address);
    /* Those that it accepts have it, too. */
    ck_assert_int_eq(setsockopt(middleman->listen_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(pthread_create(&middleman->thread, NULL, play_proxy, middleman), 0);
    through = &middleman->proxy;
}

static void middleman_close(struct middleman *middleman)
{
    ck_assert_int_eq(pthread_join(middleman->thread, NULL), 0);
    (void)close(middleman->listen_fd);
}

START_TEST(arrives_through_a_proxy)
{
    struct middleman middleman = {.swallows = false};

    middleman_open(&middleman);
    expect_arrival();
    middleman_close(&middleman);
}
END_TEST

/* It has taken all, and ends the stream as a relay would that has it. */
START_TEST(proxy_swallows_it)
{
    struct middleman middleman = {.swallows = true};
    struct toxtcp_server_info info;

    middleman_open(&middleman);
    ck_assert_int_eq(send_oob(&keys.public_key), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_ERR_CLOSED);
    expect_nothing_left();
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_eq(info.oob_relayed + info.oob_dropped + info.oob_dropped_absent, 0);
    middleman_close(&middleman);
}
END_TEST

/* --- It does not --- */

START_TEST(sizes)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    const struct toxtcp_public_key *key = &relay.keys.public_key;

    ck_assert_int_eq(send_through(&endpoint, key, key, 0, TIMEOUT_MS), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(send_through(&endpoint, key, key, TOXTCP_OOB_MAX + 1, TIMEOUT_MS), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(send_through(&endpoint, key, key, TOXTCP_OOB_MAX, TIMEOUT_MS), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_OK);
    expect_nothing_left();
}
END_TEST

START_TEST(relay_refuses)
{
    relay_close(&relay);
    ck_assert_int_eq(send_oob(&keys.public_key), TOXTCP_OK);
    run_side_until(&side_a, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_ERR_REFUSED);
    expect_nothing_left();
}
END_TEST

/* What fails at once is told at once, and nothing follows. */
START_TEST(no_such_name)
{
    const struct toxtcp_endpoint endpoint = endpoint_of_host("relay.invalid", 1);

    ck_assert_int_eq(send_through(&endpoint, &keys.public_key, &keys.public_key, 1, TIMEOUT_MS),
                     TOXTCP_ERR_HOST_UNKNOWN);
    expect_nothing_left();
    ck_assert_int_eq(result, NOT_YET);
}
END_TEST

START_TEST(relay_has_another_key)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);

    ck_assert_int_eq(send_through(&endpoint, &keys.public_key, &keys.public_key, 1, TIMEOUT_MS), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_ERR_WRONG_KEY);
    expect_nothing_left();
}
END_TEST

static bool has_answered(void *user)
{
    struct toxtcp_ev_info info;

    (void)user;
    toxtcp_ev_get_info(side_r.ev, &info);
    return info.bytes_written > 0;
}

/* A relay that says nothing: to the handshake, or when it has the packet. */
START_TEST(relay_says_nothing)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);

    ck_assert_int_eq(send_through(&endpoint, &relay.keys.public_key, &keys.public_key, 1, 100), TOXTCP_OK);
    if (_i > 0) {
        run_until(all, 2, has_answered, NULL);
    }
    run_side_until(&side_a, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_ERR_TIMED_OUT);
    expect_nothing_left();
}
END_TEST

static bool has_said_it(void *user)
{
    struct toxtcp_ev_info info;

    (void)user;
    toxtcp_ev_get_info(side_a.ev, &info);
    return info.bytes_written > 128;
}

/* The packet lies in the relay's socket, and it closes without reading it; or it has closed before the packet came:
 * then its end is in order, and yet it has not taken all. */
START_TEST(relay_closes_before_it_has_it)
{
    ck_assert_int_eq(send_oob(&keys.public_key), TOXTCP_OK);
    run_until(all, 2, has_answered, NULL);
    if (_i == 0) {
        run_side_until(&side_a, has_said_it, NULL);
    }
    relay_close(&relay);
    run_side_until(&side_a, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_ERR_RESET);
    expect_nothing_left();
}
END_TEST

/* The pong of a slow relay has as long as all of it, not only what a client gives one. */
START_TEST(pong_has_the_whole_time)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    const uint64_t begin_ms = toxtcp_ev_now(side_a.ev);

    ck_assert_int_eq(send_through(&endpoint, &relay.keys.public_key, &keys.public_key, OOB_SIZE, 6 * TIMEOUT_MS),
                     TOXTCP_OK);
    run_until(all, 2, has_answered, NULL);
    run_side_until(&side_a, has_said_it, NULL);
    ck_assert_int_eq(result, NOT_YET);
    ck_assert_uint_ge(client_of(side_a.ev->dialled->link)->pulse.pong_deadline_ms, begin_ms + 6 * (uint64_t)TIMEOUT_MS);
    toxtcp_ev_cancel_oob(oob);
}
END_TEST

START_TEST(cancelled)
{
    ck_assert_int_eq(send_oob(&keys.public_key), TOXTCP_OK);
    if (_i > 0) {
        run_until(all, 2, has_answered, NULL);
    }
    if (_i > 1) {
        run_side_until(&side_a, has_said_it, NULL);
    }
    toxtcp_ev_cancel_oob(oob);
    expect_nothing_left();
    ck_assert_int_eq(result, NOT_YET);
}
END_TEST

/* A client with the same keys is displaced. */
START_TEST(displaces_its_own_client)
{
    struct peer peer = {.keys = keys, .given_keys = true};

    peer_open(&peer, &side_r, &relay);
    run_until(all, 2, peer_is_connected, &peer);
    ck_assert_int_eq(send_oob(&keys.public_key), TOXTCP_OK);
    run_until(all, 2, is_done, NULL);
    ck_assert_int_eq(result, TOXTCP_OK);
    run_until(all, 2, peer_is_closed, &peer);
    peer_close(&peer);
}
END_TEST

/* --- Where fast open failed --- */

enum { HOUR_MS = 3600000 };

static struct toxtcp_address numbered(uint8_t number)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, 0, number}, .port = number};
}

START_TEST(troubles_pause_for_hours)
{
    static const uint64_t hours[] = {1, 2, 4, 8, 16, 24, 24, 24};
    struct fast_open fast_open = {0};
    struct toxtcp_address address = numbered(1);
    uint64_t now_ms = 5;

    ck_assert(fast_open_may_try(&fast_open, &address, now_ms));
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        fast_open_note_trouble(&fast_open, &address, now_ms);
        address.port++; /* of no account */
        ck_assert(!fast_open_may_try(&fast_open, &address, now_ms));
        ck_assert(!fast_open_may_try(&fast_open, &address, now_ms + hours[i] * HOUR_MS - 1));
        now_ms += hours[i] * HOUR_MS;
        ck_assert(fast_open_may_try(&fast_open, &address, now_ms));
    }
    address = numbered(2);
    ck_assert(fast_open_may_try(&fast_open, &address, 5));
    address = numbered(1);
    fast_open_note_success(&fast_open, &address);
    ck_assert_uint_eq(fast_open.trouble_count, 0);
}
END_TEST

START_TEST(oldest_trouble_goes)
{
    struct fast_open fast_open = {0};

    for (uint8_t i = 0; i < FAST_OPEN_TROUBLES_MAX; i++) {
        const struct toxtcp_address address = numbered(i);
        fast_open_note_trouble(&fast_open, &address, 100U + i);
    }
    const struct toxtcp_address first = numbered(0);
    const struct toxtcp_address second = numbered(1);
    const struct toxtcp_address other = numbered(200);
    fast_open_note_trouble(&fast_open, &first, 1000);
    fast_open_note_trouble(&fast_open, &other, 1001);
    ck_assert_uint_eq(fast_open.trouble_count, FAST_OPEN_TROUBLES_MAX);
    ck_assert(!fast_open_may_try(&fast_open, &first, 1002));
    ck_assert(!fast_open_may_try(&fast_open, &other, 1002));
    ck_assert(fast_open_may_try(&fast_open, &second, 1002));
}
END_TEST

TCase *ev_oob_tests(void)
{
    TCase *tcase = tcase_create("oob");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, arrives);
    tcase_add_test(tcase, arrives_through_a_proxy);
    tcase_add_test(tcase, proxy_swallows_it);
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, relay_refuses);
    tcase_add_test(tcase, no_such_name);
    tcase_add_test(tcase, relay_has_another_key);
    tcase_add_loop_test(tcase, relay_says_nothing, 0, 2);
    tcase_add_loop_test(tcase, relay_closes_before_it_has_it, 0, 2);
    tcase_add_test(tcase, pong_has_the_whole_time);
    tcase_add_loop_test(tcase, cancelled, 0, 3);
    tcase_add_test(tcase, displaces_its_own_client);
    tcase_add_test(tcase, troubles_pause_for_hours);
    tcase_add_test(tcase, oldest_trouble_goes);
    return tcase;
}
