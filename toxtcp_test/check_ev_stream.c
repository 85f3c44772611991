/* Tests of libtoxtcp-ev: open streams, their ends, full sockets, turns. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two peers and a relay, each on a loop of its own: whose loop does not run is stalled. */
static struct side side_a, side_b, side_r;
static struct side *const all[] = {&side_a, &side_r, &side_b};
static struct side *const without_b[] = {&side_a, &side_r};
static struct relay relay;
static struct peer a, b;

static void set_up(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    side_open(&side_a);
    side_open(&side_b);
    side_open(&side_r);
}

static void tear_down(void)
{
    peer_close(&a);
    peer_close(&b);
    if (relay.server) {
        relay_close(&relay);
    }
    side_close(&side_a);
    side_close(&side_b);
    side_close(&side_r);
}

static bool both_are_online(void *user)
{
    (void)user;
    return peer_is_online(&a) && peer_is_online(&b);
}

/* Two peers, online to each other. */
static void open_pair(const struct toxtcp_server_config *config)
{
    relay_open(&relay, &side_r, config, 0, false);
    peer_open(&a, &side_a, &relay);
    peer_open(&b, &side_b, &relay);
    peer_route(&a, &b);
    peer_route(&b, &a);
    run_until(all, 3, both_are_online, NULL);
}

static void open_alone(const struct toxtcp_client_config *config)
{
    relay_open(&relay, &side_r, NULL, 0, false);
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    ck_assert_int_eq(peer_dial(&a, &side_a, &relay.keys.public_key, config, &endpoint), TOXTCP_OK);
    run_until(without_b, 2, peer_is_connected, &a);
}

/* --- Ends --- */

START_TEST(closed_by_relay)
{
    open_alone(NULL);
    /* The relay has read all, so closing is an orderly end. */
    for (int i = 0; i < 3; i++) {
        turn(&side_a);
        turn(&side_r);
    }
    relay_close(&relay);
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_int_eq(a.error, TOXTCP_ERR_CLOSED);
    ck_assert_uint_eq(a.closings, 1);
}
END_TEST

START_TEST(closed_while_shaking)
{
    struct toxtcp_address address;
    struct toxtcp_key_pair keys;
    uint8_t request[128];
    const int listen_fd = raw_listen(4, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);

    toxtcp_key_pair_generate(side_a.env, &keys);
    ck_assert_int_eq(peer_dial(&a, &side_a, &keys.public_key, NULL, &endpoint), TOXTCP_OK);
    const int fd = raw_accept(listen_fd);
    turn(&side_a);
    turn(&side_a);
    ck_assert_int_eq(recv(fd, request, sizeof request, MSG_WAITALL), sizeof request);
    if (_i == 0) {
        ck_assert_int_eq(close(fd), 0);
    } else {
        raw_reset(fd);
    }
    /* A relay that has no answer to the handshake does not hold the key. */
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_int_eq(a.error, TOXTCP_ERR_WRONG_KEY);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

/* What the relay has not read when it closes makes the system send a reset. */
START_TEST(reset_while_open)
{
    open_alone(NULL);
    for (int i = 0; i < 3; i++) {
        turn(&side_a);
        turn(&side_r);
    }
    ck_assert_int_eq(toxtcp_client_send_oob(a.client, &a.keys.public_key, (const uint8_t *)"x", 1), TOXTCP_OK);
    turn(&side_a);
    relay_close(&relay);
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_int_eq(a.error, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(a.closings, 1);
}
END_TEST

static uint16_t port_of(int fd, int (*ask)(int fd, struct sockaddr *address, socklen_t *len))
{
    struct sockaddr_in in = {0};
    socklen_t len = sizeof in;

    return ask(fd, (struct sockaddr *)&in, &len) == 0 && in.sin_family == AF_INET ? ntohs(in.sin_port) : 0;
}

/* The relay's socket of its first client: the driver does not show it, the process does. */
static int find_first_socket_of_relay(void)
{
    uint16_t client_port = 0;

    for (int fd = 0; fd < 256; fd++) {
        if (!client_port && port_of(fd, getpeername) == relay.address.port) {
            client_port = port_of(fd, getsockname);
        }
    }
    for (int fd = 0; fd < 256; fd++) {
        if (client_port && port_of(fd, getpeername) == client_port) {
            return fd;
        }
    }
    ck_abort_msg("the relay has no such socket");
    return -1;
}

/* Data came, then a reset, and the peer finds out by writing: the data is still handed up. When an orderly end came
 * before the reset, writing is what raises SIGPIPE in a careless program. */
START_TEST(data_before_a_reset_is_read)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    open_pair(NULL);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
    }
    for (int i = 0; i < 3; i++) {
        turn(&side_b);
        turn(&side_r);
    }
    const int fd = find_first_socket_of_relay();
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    if (_i > 0) {
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    }
    relay_close(&relay);
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    ck_assert_uint_eq(a.received, 0);
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_uint_eq(a.received, 5);
    ck_assert_int_eq(a.error, TOXTCP_ERR_RESET);
    ck_assert_uint_eq(a.closings, 1);
}
END_TEST

/* The last words of a client that is freed go to a stream that is over already. */
START_TEST(freed_after_a_reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    open_pair(NULL);
    const int fd = find_first_socket_of_relay();
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    relay_close(&relay);
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    peer_close(&a);
    ck_assert_uint_eq(a.closings, 0);
}
END_TEST

/* The relay stops reading and writing, and the stream stays open: the pong that does not come ends it. */
START_TEST(half_open)
{
    struct toxtcp_client_config config = quick_config(10000);

    config.ping_interval_ms = 50;
    config.pong_timeout_ms = 50;
    open_alone(&config);
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_int_eq(a.error, TOXTCP_ERR_TIMED_OUT);
}
END_TEST

/* The relay drops a client that is stalled, by its own deadline; the loop waits for that without turning. */
START_TEST(stalled_client)
{
    struct toxtcp_server_config config;
    struct toxtcp_server_info info;
    const uint64_t begin = ev_iteration(side_r.loop);

    toxtcp_server_config_default(&config);
    config.ping_interval_ms = 50;
    config.pong_timeout_ms = 50;
    relay_open(&relay, &side_r, &config, 0, false);
    peer_open(&a, &side_a, &relay);
    run_until(without_b, 2, peer_is_connected, &a);
    const uint64_t connected = ev_iteration(side_r.loop);
    do {
        ev_run(side_r.loop, EVRUN_ONCE);
        toxtcp_server_get_info(relay.server, &info);
    } while (info.client_count > 0);
    ck_assert_uint_eq(info.pong_timeouts, 1);
    ck_assert_uint_lt(ev_iteration(side_r.loop) - connected, 20);
    ck_assert_uint_gt(connected, begin);
    run_side_until(&side_a, peer_is_closed, &a);
}
END_TEST

/* --- Full sockets --- */

static uint32_t send_until_full(struct peer *peer)
{
    int error;

    do {
        for (int i = 0; i < 32 && !(error = peer_send(peer, 1400)); i++) {
        }
        turn(peer->side);
    } while (!error);
    ck_assert_int_eq(error, TOXTCP_ERR_WOULD_BLOCK);
    return peer->sent;
}

/* A full socket is not tried again before it has room. */
static void assert_quiet(struct side *side)
{
    struct toxtcp_ev_info before;
    struct toxtcp_ev_info after;

    toxtcp_ev_get_info(side->ev, &before);
    for (int i = 0; i < 20; i++) {
        turn(side);
    }
    toxtcp_ev_get_info(side->ev, &after);
    ck_assert_uint_eq(after.writes, before.writes);
    ck_assert_uint_eq(after.reads, before.reads);
}

static bool all_has_arrived(void *user)
{
    struct toxtcp_server_info info;

    (void)user;
    toxtcp_server_get_info(relay.server, &info);
    return a.can_send && b.can_send && info.data_relayed + info.data_dropped == a.sent + b.sent &&
           a.received + b.received == info.data_relayed;
}

/* Both peers write into a relay that stalls until both are full; then it goes on. */
START_TEST(full_in_both_directions)
{
    struct toxtcp_server_info info;

    open_pair(NULL);
    ck_assert_uint_gt(send_until_full(&a), 50);
    ck_assert_uint_gt(send_until_full(&b), 50);
    assert_quiet(&side_a);
    assert_quiet(&side_b);
    ck_assert(!a.can_send && !b.can_send);
    run_until(all, 3, all_has_arrived, NULL);
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_gt(info.data_relayed, 50);
    ck_assert(!a.disordered && !b.disordered);
    ck_assert_int_eq(a.error, 0);
    ck_assert_int_eq(b.error, 0);
    ck_assert_int_eq(peer_send(&a, 1400), TOXTCP_OK);
}
END_TEST

static bool something_was_dropped(void *user)
{
    struct toxtcp_server_info info;

    (void)user;
    while (peer_send(&a, 1400) == TOXTCP_OK) {
    }
    toxtcp_server_get_info(relay.server, &info);
    return info.data_dropped > 0;
}

static bool all_relayed_has_arrived(void *user)
{
    struct toxtcp_server_info info;

    (void)user;
    toxtcp_server_get_info(relay.server, &info);
    return info.data_relayed + info.data_dropped == a.sent && b.received == info.data_relayed;
}

/* One peer stalls: the relay drops what is for it and nobody else's; what it took arrives in order. */
START_TEST(full_towards_a_peer)
{
    open_pair(NULL);
    run_until(without_b, 2, something_was_dropped, NULL);
    run_until(all, 3, all_relayed_has_arrived, NULL);
    ck_assert(!b.disordered);
    ck_assert_uint_lt(b.received, a.sent);
    ck_assert_int_eq(a.error, 0);
    ck_assert_int_eq(b.error, 0);
}
END_TEST

/* --- Turns --- */

static bool b_has_all(void *user)
{
    (void)user;
    return b.received == a.sent;
}

/* A burst leaves in one write, is passed on in one, and costs each process under 0.2 calls for a packet. */
START_TEST(one_write_for_a_burst)
{
    enum { BURST = 32, BURSTS = 20 };
    struct toxtcp_ev_info before[3];
    struct toxtcp_ev_info after[3];
    unsigned int turns[3];

    open_pair(NULL);
    for (int i = 0; i < 3; i++) {
        turn(all[i]);
        toxtcp_ev_get_info(all[i]->ev, &before[i]);
        turns[i] = ev_iteration(all[i]->loop);
    }
    for (int burst = 0; burst < BURSTS; burst++) {
        for (int i = 0; i < BURST; i++) {
            ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
        }
        for (int i = 0; i < 3; i++) {
            turn(all[i]);
        }
    }
    ck_assert(b_has_all(NULL));
    for (int i = 0; i < 3; i++) {
        toxtcp_ev_get_info(all[i]->ev, &after[i]);
        const uint64_t writes = after[i].writes - before[i].writes;
        const uint64_t reads = after[i].reads - before[i].reads;
        ck_assert_uint_eq(writes, all[i] == &side_b ? 0 : BURSTS);
        ck_assert_uint_eq(reads, all[i] == &side_a ? 0 : BURSTS);
        /* Each turn waits once. */
        ck_assert_uint_lt((writes + reads + ev_iteration(all[i]->loop) - turns[i]) * 5, BURST * BURSTS);
    }
}
END_TEST

/* A loop that is only ever polled: every turn reads, answers and writes. */
START_TEST(polled)
{
    open_pair(NULL);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
        turn(&side_a);
        turn(&side_r);
        turn(&side_b);
        ck_assert_uint_eq(b.received, (uint32_t)i + 1);
    }
}
END_TEST

static void send_for_ever(struct peer *peer, const char *what)
{
    if (strcmp(what, "can_send") == 0) {
        while (peer_send(peer, 1400) == TOXTCP_OK) {
        }
    }
}

static bool a_has_sent_many(void *user)
{
    struct toxtcp_ev_info info;
    uint64_t *writes = user;

    /* One write when the turn begins, one when it ends; the last call of the loop was one turn. Nobody reads: there is
     * room for some 100 packets in the link and in both kernels. */
    toxtcp_ev_get_info(side_a.ev, &info);
    ck_assert_uint_le(info.writes - *writes, 2);
    *writes = info.writes;
    return a.sent > 80;
}

/* A sender who fills the link again from every can-send callback: each turn writes once and comes to its end, so that
 * others have theirs; and the loop does not wait for an event while there is something to write. */
START_TEST(a_greedy_sender_gets_its_turns)
{
    struct toxtcp_ev_info info;

    open_pair(NULL);
    a.hook = send_for_ever;
    send_for_ever(&a, "can_send");
    toxtcp_ev_get_info(side_a.ev, &info);
    run_side_until(&side_a, a_has_sent_many, &info.writes);
    a.hook = NULL;
    run_until(all, 3, all_relayed_has_arrived, NULL);
    ck_assert(!b.disordered);
}
END_TEST

static bool a_has_a_round_trip(void *user)
{
    struct toxtcp_client_info info;

    (void)user;
    toxtcp_client_get_info(a.client, &info);
    return info.rtt_ms != UINT32_MAX;
}

/* A client of its own is heard when a call makes its deadline due: a ping that is asked for goes out at once. */
START_TEST(a_call_is_attended_to)
{
    struct toxtcp_client_info info;

    open_pair(NULL);
    for (int i = 0; i < 5; i++) {
        turn(&side_a);
        turn(&side_r);
    }
    toxtcp_client_get_info(a.client, &info);
    const uint64_t sent = info.packets_sent;
    ck_assert_int_eq(toxtcp_client_ping(a.client), TOXTCP_OK);
    turn(&side_a);
    turn(&side_a);
    toxtcp_client_get_info(a.client, &info);
    ck_assert_uint_eq(info.packets_sent, sent + 1);
    run_until(without_b, 2, a_has_a_round_trip, NULL);
}
END_TEST

/* --- Callbacks that free --- */

static const char *free_in;
static bool was_freed;

static void free_self(struct peer *peer, const char *what)
{
    if (strcmp(what, free_in) == 0) {
        was_freed = true;
        peer->hook = NULL;
        peer_close(peer);
    }
}

static bool freed_or_sent(void *user)
{
    if (!was_freed && peer_is_online(&b)) {
        (void)peer_send(&b, 100);
    }
    return flag_is_set(user);
}

START_TEST(freed_in_a_callback)
{
    const char *const callbacks[] = {"connected", "route_status", "data", "can_send", "closed"};
    struct toxtcp_ev_info info;

    was_freed = false;
    free_in = callbacks[_i];
    relay_open(&relay, &side_r, NULL, 0, false);
    peer_open(&a, &side_a, &relay);
    peer_open(&b, &side_b, &relay);
    peer_route(&a, &b);
    peer_route(&b, &a);
    if (_i >= 3) {
        run_until(all, 3, both_are_online, NULL);
    }
    if (_i == 3) {
        (void)send_until_full(&a);
    }
    if (_i == 4) {
        relay_close(&relay);
    }
    a.hook = free_self;
    run_until(all, 3, freed_or_sent, &was_freed);
    toxtcp_ev_get_info(side_a.ev, &info);
    ck_assert_uint_eq(info.stream_count, 0);
    ck_assert_uint_eq(a.closings, _i == 4 ? 1 : 0);
    if (_i == 4) {
        run_until(all, 3, peer_is_closed, &b);
    }
}
END_TEST

/* One client's callback frees another one on the same loop that has work pending. */
static void free_other(struct peer *peer, const char *what)
{
    if (strcmp(what, "data") == 0 && !was_freed) {
        was_freed = true;
        peer_close(peer == &a ? &b : &a);
    }
}

START_TEST(freed_in_the_callback_of_another)
{
    relay_open(&relay, &side_r, NULL, 0, false);
    peer_open(&a, &side_a, &relay);
    peer_open(&b, &side_a, &relay);
    peer_route(&a, &b);
    peer_route(&b, &a);
    was_freed = false;
    run_until(without_b, 2, both_are_online, NULL);
    a.hook = free_other;
    b.hook = free_other;
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
    turn(&side_a);
    turn(&side_r);
    /* Both sockets are readable now, and in the turn that one is read the other goes. */
    turn(&side_a);
    ck_assert(was_freed);
    ck_assert_uint_eq(a.received + b.received, 1);
}
END_TEST

/* --- The last word --- */

static uint64_t bytes_read_by(const struct side *side)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side->ev, &info);
    return info.bytes_read;
}

/* Until what b said lies in the socket of the other side, unread. */
static void wait_for_input(const struct toxtcp_link *link)
{
    uint8_t byte;

    ck_assert_int_ge(toxtcp_ev_socket(link), 0);
    while (recv(toxtcp_ev_socket(link), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        turn(&side_b);
        turn(&side_r);
    }
}

static bool has_received(void *peer)
{
    return ((struct peer *)peer)->received > 0;
}

/* A client says something and is freed, and something lies unread in its socket: the relay gets it nevertheless. */
START_TEST(last_word_of_a_client_that_did_not_listen)
{
    static struct side *const without_a[] = {&side_r, &side_b};

    open_pair(NULL);
    ck_assert_int_eq(peer_send(&b, 100), TOXTCP_OK);
    wait_for_input(toxtcp_client_link(a.client));
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    peer_close(&a);
    run_until(without_a, 2, has_received, &b);
}
END_TEST

static bool has_read_more(void *before)
{
    return bytes_read_by(&side_a) > *(uint64_t *)before;
}

/* The same of a relay: it has pinged all, and is freed while something lies in their sockets. */
START_TEST(last_word_of_a_relay_that_did_not_listen)
{
    struct toxtcp_server_config config;
    struct toxtcp_ev_info info;

    toxtcp_server_config_default(&config);
    open_pair(&config);
    for (int i = 0; i < 10; i++) {
        turn(&side_a);
        turn(&side_r);
    }
    uint64_t before = bytes_read_by(&side_a);
    toxtcp_ev_get_info(side_a.ev, &info);
    const uint64_t written = info.bytes_written;
    ck_assert_int_eq(peer_send(&a, 100), TOXTCP_OK);
    while (info.bytes_written == written) {
        turn(&side_a);
        toxtcp_ev_get_info(side_a.ev, &info);
    }
    toxtcp_server_expire(relay.server, toxtcp_ev_now(side_r.ev) + config.ping_interval_ms + 1);
    relay_close(&relay);
    run_side_until(&side_a, has_read_more, &before);
}
END_TEST

TCase *ev_stream_tests(void)
{
    TCase *tcase = tcase_create("stream");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, closed_by_relay);
    tcase_add_loop_test(tcase, closed_while_shaking, 0, 2);
    tcase_add_test(tcase, reset_while_open);
    tcase_add_loop_test(tcase, data_before_a_reset_is_read, 0, 2);
    tcase_add_test(tcase, freed_after_a_reset);
    tcase_add_test(tcase, half_open);
    tcase_add_test(tcase, last_word_of_a_client_that_did_not_listen);
    tcase_add_test(tcase, last_word_of_a_relay_that_did_not_listen);
    tcase_add_test(tcase, stalled_client);
    tcase_add_test(tcase, full_in_both_directions);
    tcase_add_test(tcase, full_towards_a_peer);
    tcase_add_test(tcase, one_write_for_a_burst);
    tcase_add_test(tcase, polled);
    tcase_add_test(tcase, a_greedy_sender_gets_its_turns);
    tcase_add_test(tcase, a_call_is_attended_to);
    tcase_add_loop_test(tcase, freed_in_a_callback, 0, 5);
    tcase_add_test(tcase, freed_in_the_callback_of_another);
    return tcase;
}
