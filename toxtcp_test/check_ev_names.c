/* Tests of libtoxtcp-ev: host names, against a name server of the test's own. SPDX-License-Identifier: ISC */
#include "check_ev_name_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ev/internal.h"

static struct side side;
static struct peer peer;
static struct name_server server;

static void set_up(void)
{
    memset(&peer, 0, sizeof peer);
    side_open(&side);
    name_server_open(&server, &side);
}

static void tear_down(void)
{
    peer_close(&peer);
    side_close(&side);
    name_server_close(&server);
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
START_TEST(next_address_is_tried_when_one_refuses)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 9}, {127, 0, 0, 1}};

    server.addresses = addresses;
    server.address_count = 2;
    connect_by_name("relay.example");
    ck_assert_uint_ge(server.questions, 1);
}
END_TEST

/* --- Races --- */

/* An address that says nothing: its backlog is full. */
struct silence {
    int listen_fd;
    int fds[16];
    int count;
};

static void silence_begin(struct silence *silence, const struct relay *relay, uint8_t last_byte)
{
    struct toxtcp_address address = relay->address;

    address.ip[3] = last_byte;
    silence->listen_fd = raw_listen_at(&address, 0);
    silence->count = raw_fill_backlog(&address, silence->fds, 16);
}

/* What was in the backlog goes, and there is room. */
static void silence_break(struct silence *silence)
{
    int fd;

    while (silence->count > 0) {
        ck_assert_int_eq(close(silence->fds[--silence->count]), 0);
    }
    ck_assert_int_eq(fcntl(silence->listen_fd, F_SETFL, O_NONBLOCK), 0);
    while ((fd = accept(silence->listen_fd, NULL, NULL)) >= 0) {
        ck_assert_int_eq(close(fd), 0);
    }
}

static void silence_end(struct silence *silence)
{
    silence_break(silence);
    ck_assert_int_eq(close(silence->listen_fd), 0);
}

static void dial_relay(const struct relay *relay)
{
    const struct toxtcp_endpoint endpoint = endpoint_of_host("relay.example", relay->address.port);

    ck_assert_int_eq(peer_dial(&peer, &side, &relay->keys.public_key, NULL, &endpoint), TOXTCP_OK);
}

/* How long that took, in ms. */
static uint64_t run_until_connected(void)
{
    const uint64_t begin_ms = toxtcp_ev_now(side.ev);

    run_side_until(&side, peer_is_connected, &peer);
    return toxtcp_ev_now(side.ev) - begin_ms;
}

static void end_race(struct relay *relay)
{
    peer_close(&peer);
    relay_close(relay);
}

/* Sockets of this process that wait for an answer to their SYN. */
static int count_dialling(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        struct tcp_info info;
        socklen_t len = sizeof info;
        count += getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_SYN_SENT;
    }
    return count;
}

static const uint8_t nine_and_one[][4] = {{127, 0, 0, 9}, {127, 0, 0, 1}};

/* The first address says nothing at all: the second one gets its chance soon, and no attempt is left over. */
START_TEST(silent_address_is_passed_over)
{
    struct relay relay;
    struct silence silence;

    server.addresses = nine_and_one;
    server.address_count = 2;
    relay_open(&relay, &side, NULL, 0, false);
    silence_begin(&silence, &relay, 9);
    const int before = count_dialling();
    dial_relay(&relay);
    const uint64_t took_ms = run_until_connected();
    ck_assert_uint_ge(took_ms, 250);
    ck_assert_uint_lt(took_ms, 1000);
    ck_assert_int_eq(count_dialling(), before);
    silence_end(&silence);
    end_race(&relay);
}
END_TEST

/* The first is silent, the second refuses: the third does not wait for its turn. */
START_TEST(refusal_brings_the_next_at_once)
{
    struct relay relay;
    struct silence silence;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 9}, {127, 0, 0, 8}, {127, 0, 0, 1}};
    server.address_count = 3;
    relay_open(&relay, &side, NULL, 0, false);
    silence_begin(&silence, &relay, 9);
    dial_relay(&relay);
    const uint64_t took_ms = run_until_connected();
    ck_assert_uint_ge(took_ms, 250);
    ck_assert_uint_lt(took_ms, 500);
    silence_end(&silence);
    end_race(&relay);
}
END_TEST

static bool dials_another(void *before)
{
    return count_dialling() > *(int *)before;
}

/* One that has had its time is not given up: when it answers after all, it wins. */
START_TEST(slow_address_may_still_win)
{
    struct toxtcp_client_info info;
    struct relay relay;
    struct silence slow;
    struct silence silence;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}, {127, 0, 0, 9}};
    server.address_count = 2;
    relay_open(&relay, &side, NULL, 0, false);
    toxtcp_ev_listener_free(relay.listener);
    silence_begin(&slow, &relay, 1);
    silence_begin(&silence, &relay, 9);
    int dialling = count_dialling();
    dial_relay(&relay);
    run_side_until(&side, dials_another, &dialling);
    dialling++;
    run_side_until(&side, dials_another, &dialling);
    silence_break(&slow);
    ck_assert_int_eq(
        toxtcp_ev_listen_socket(side.ev, relay.server, fcntl(slow.listen_fd, F_DUPFD_CLOEXEC, 0), &relay.listener),
        TOXTCP_OK);
    (void)run_until_connected();
    toxtcp_client_get_info(peer.client, &info);
    ck_assert_uint_eq(info.remote.ip[3], 1);
    silence_end(&silence);
    ck_assert_int_eq(close(slow.listen_fd), 0);
    end_race(&relay);
}
END_TEST

/* Both families have an answer: the relay is found at the IPv6 address, and nobody comes to the other. */
START_TEST(ipv6_goes_first)
{
    struct relay relay;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}};
    server.address_count = 1;
    server.ip6_count = 1;
    relay_open(&relay, &side, NULL, 0, true);
    struct toxtcp_address ip4 = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = relay.address.port};
    const int listen_fd = raw_listen_at(&ip4, 1);
    ck_assert_int_eq(fcntl(listen_fd, F_SETFL, O_NONBLOCK), 0);
    dial_relay(&relay);
    (void)run_until_connected();
    ck_assert_int_eq(accept(listen_fd, NULL, NULL), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_eq(close(listen_fd), 0);
    end_race(&relay);
}
END_TEST

/* No relay is at the IPv6 address, which comes first: that costs no time. */
START_TEST(ipv4_follows_a_refusal)
{
    struct relay relay;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}};
    server.address_count = 1;
    server.ip6_count = 1;
    relay_open(&relay, &side, NULL, 0, false);
    dial_relay(&relay);
    ck_assert_uint_lt(run_until_connected(), 250);
    end_race(&relay);
}
END_TEST

/* The name server has no answer for IPv6: IPv4 waits a moment for it, and no longer. */
START_TEST(ipv4_does_not_wait_for_ipv6)
{
    struct relay relay;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}};
    server.address_count = 1;
    server.silent_for_ip6 = true;
    relay_open(&relay, &side, NULL, 0, false);
    dial_relay(&relay);
    const uint64_t took_ms = run_until_connected();
    ck_assert_uint_ge(took_ms, 50);
    ck_assert_uint_lt(took_ms, 1000);
    end_race(&relay);
}
END_TEST

/* The relay is at the ninth address, and eight are tried. */
START_TEST(no_more_than_eight_addresses)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 2}, {127, 0, 0, 3}, {127, 0, 0, 4},
                                           {127, 0, 0, 5}, {127, 0, 0, 6}, {127, 0, 0, 7},
                                           {127, 0, 0, 8}, {127, 0, 0, 9}, {127, 0, 0, 1}};
    struct relay relay;

    server.addresses = _i == 0 ? addresses : addresses + 1;
    server.address_count = _i == 0 ? 9 : 8;
    relay_open(&relay, &side, NULL, 0, false);
    dial_relay(&relay);
    if (_i == 0) {
        run_side_until(&side, peer_is_closed, &peer);
        ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
    } else {
        (void)run_until_connected();
    }
    end_race(&relay);
}
END_TEST

/* There are eight of IPv6. Those that lead nowhere (without an interface to go by) are none of the eight attempts, so
 * the relay is found at the eighth of IPv4; and of those that refuse, four are left for the other family, whose answer
 * is late. */
START_TEST(many_of_ipv6_leave_room_for_ipv4)
{
    static const uint8_t addresses[][4] = {{127, 0, 0, 2}, {127, 0, 0, 3}, {127, 0, 0, 4}, {127, 0, 0, 5},
                                           {127, 0, 0, 6}, {127, 0, 0, 7}, {127, 0, 0, 8}, {127, 0, 0, 1}};
    struct relay relay;

    server.ip6_count = 8;
    if (_i == 0) {
        server.addresses = addresses;
        server.address_count = 8;
        server.ip6[0] = 0xfe;
        server.ip6[1] = 0x80;
    } else {
        server.addresses = addresses + 7;
        server.address_count = 1;
        server.ip4_delay = 0.1;
    }
    relay_open(&relay, &side, NULL, 0, false);
    dial_relay(&relay);
    (void)run_until_connected();
    end_race(&relay);
}
END_TEST

/* From a port of our own there is one attempt at a time: the next address is not used up while the first is silent. */
START_TEST(one_port_one_attempt)
{
    struct toxtcp_address source = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    struct relay relay;
    struct silence silence;

    server.addresses = nine_and_one;
    server.address_count = 2;
    ck_assert_int_eq(close(raw_listen_at(&source, 1)), 0);
    relay_open(&relay, &side, NULL, 0, false);
    silence_begin(&silence, &relay, 9);
    ck_assert_int_eq(toxtcp_ev_set_source(side.ev, &source), TOXTCP_OK);
    dial_relay(&relay);
    const uint64_t took_ms = run_until_connected();
    ck_assert_uint_ge(took_ms, 2000);
    ck_assert_uint_lt(took_ms, 3000);
    silence_end(&silence);
    end_race(&relay);
}
END_TEST

static void on_alarm(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

static bool time_is_up(void *end_ms)
{
    return toxtcp_ev_now(side.ev) >= *(uint64_t *)end_ms;
}

/* When the second attempt finds no descriptor the first one goes on; and the second one comes when there is one. */
START_TEST(attempts_go_on_without_descriptors)
{
    struct relay relay;
    struct silence silence;
    struct rlimit old;
    int fds[256];
    int count = 0;

    server.addresses = nine_and_one;
    server.address_count = 2;
    relay_open(&relay, &side, NULL, 0, false);
    silence_begin(&silence, &relay, 9);
    int dialling = count_dialling();
    dial_relay(&relay);
    run_side_until(&side, dials_another, &dialling);
    const uint64_t begin_ms = toxtcp_ev_now(side.ev);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit low = {64, old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 256 && (fds[count] = dup(0)) >= 0) {
        count++;
    }
    uint64_t end_ms = begin_ms + 300;
    struct ev_timer alarm_clock = {0};
    ev_timer_init(&alarm_clock, on_alarm, 0.3, 0.);
    ev_now_update(side.loop);
    ev_timer_start(side.loop, &alarm_clock);
    run_side_until(&side, time_is_up, &end_ms);
    ck_assert(!peer.connected && peer.error == 0);
    ck_assert_int_gt(count_dialling(), dialling);
    while (count > 0) {
        ck_assert_int_eq(close(fds[--count]), 0);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    (void)run_until_connected();
    silence_end(&silence);
    end_race(&relay);
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

/* With a dot in it a name is whole: nobody in the search list hears of it. */
START_TEST(whole_name_is_not_searched)
{
    ck_assert_int_eq(setenv("LOCALDOMAIN", "one.example two.example", 1), 0);
    ck_assert_int_eq(dial_host(_i == 0 ? "relay.test" : "relay.test.", 1, NULL), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(unsetenv("LOCALDOMAIN"), 0);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_HOST_UNKNOWN);
    ck_assert_uint_eq(server.questions, 2);
}
END_TEST

/* Without one it is searched for, for both families in the same domain: the first one has it, with IPv6 alone. */
START_TEST(short_name_is_searched)
{
    struct relay relay;

    server.ip6_count = 1;
    ck_assert_int_eq(setenv("LOCALDOMAIN", "one.example two.example", 1), 0);
    relay_open(&relay, &side, NULL, 0, true);
    const struct toxtcp_endpoint endpoint = endpoint_of_host("relay", relay.address.port);
    ck_assert_int_eq(peer_dial(&peer, &side, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    (void)run_until_connected();
    ck_assert_int_eq(unsetenv("LOCALDOMAIN"), 0);
    ck_assert_uint_eq(server.questions, 2);
    ck_assert_uint_eq(server.labels, 3);
    end_race(&relay);
}
END_TEST

/* A question is out to a server that has gone, and the next name is asked of the one that has come: when the network is
 * known to have changed, or the question has been out for long. */
START_TEST(new_server_is_asked_while_the_old_is_silent)
{
    struct peer lost = {0};
    struct relay relay;
    char text[32];
    const int fd = name_server_socket(text, sizeof text);

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}};
    server.address_count = 1;
    relay_open(&relay, &side, NULL, 0, false);
    const struct toxtcp_endpoint endpoint = endpoint_of_host("lost.example", relay.address.port);
    side.ev->name_servers = text;
    ck_assert_int_eq(peer_dial(&lost, &side, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    side.ev->name_servers = server.text;
    if (_i == 0) {
        resolver_network_changed(side.ev->resolver);
    } else {
        uint64_t end_ms = toxtcp_ev_now(side.ev) + 2010;
        struct ev_timer alarm_clock = {0};
        ev_timer_init(&alarm_clock, on_alarm, 2.02, 0.);
        ev_now_update(side.loop);
        ev_timer_start(side.loop, &alarm_clock);
        run_side_until(&side, time_is_up, &end_ms);
    }
    dial_relay(&relay);
    (void)run_until_connected();
    ck_assert(!lost.connected && lost.closings == 0);
    peer_close(&lost);
    ck_assert_int_eq(close(fd), 0);
    end_race(&relay);
}
END_TEST

/* --- By IPv6 or by IPv4 --- */

static void parse(struct toxtcp_address *address, const char *text)
{
    ck_assert(socket_address_parse(text, 1, address));
}

/* RFC 6724 between families: from where, to where, and which comes first. */
START_TEST(families_are_compared)
{
    static const struct {
        const char *from6, *to6, *from4, *to4;
        bool ip6_first;
        bool plain; /* nothing speaks against IPv6 */
    } cases[] = {
        {"2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", true, true},
        {NULL, "2001:db8::2", "192.0.2.1", "192.0.2.2", false, false},
        {"2001:db8::1", "2001:db8::2", NULL, "192.0.2.2", true, true},
        {NULL, "2001:db8::2", NULL, "192.0.2.2", false, false},
        {"fe80::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", false, false},              /* scope */
        {"2001:db8::1", "2001:db8::2", "169.254.0.1", "192.0.2.2", true, true},          /* scope */
        {"fd00::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", false, false},              /* a local address */
        {"2001::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", false, false},              /* Teredo */
        {"2002:c000:201::1", "2002:c000:202::1", "192.0.2.1", "192.0.2.2", false, true}, /* precedence: 6to4 */
        {"fd00::1", "fd00::2", "192.0.2.1", "192.0.2.2", false, true},                   /* precedence */
        {"::1", "::1", "127.0.0.1", "127.0.0.1", true, true},
    };
    struct way ip6 = {.exists = cases[_i].from6 != NULL};
    struct way ip4 = {.exists = cases[_i].from4 != NULL};

    parse(&ip6.from, cases[_i].from6 ? cases[_i].from6 : "::");
    parse(&ip6.to, cases[_i].to6);
    parse(&ip4.from, cases[_i].from4 ? cases[_i].from4 : "0.0.0.0");
    parse(&ip4.to, cases[_i].to4);
    ck_assert(way_comes_first(&ip6, &ip4) == cases[_i].ip6_first);
    ck_assert(way_is_plain(&ip6) == cases[_i].plain);
}
END_TEST

/* Nothing leads to the address of IPv6: IPv4 is asked for its answer before anything is tried, and begins. An error is
 * that of the first address. */
START_TEST(way_that_is_not_there_goes_last)
{
    struct toxtcp_address closed;

    server.addresses = (const uint8_t[][4]){{127, 0, 0, 1}};
    server.address_count = 1;
    server.ip6_count = 1;
    server.ip6[0] = 0xfe;
    server.ip6[1] = 0x80;
    server.ip4_delay = _i == 0 ? 0 : 0.005;
    ck_assert_int_eq(close(raw_listen(1, &closed)), 0);
    ck_assert_int_eq(dial_host("relay.example", closed.port, NULL), TOXTCP_OK);
    run_side_until(&side, peer_is_closed, &peer);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_REFUSED);
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
    tcase_add_test(tcase, next_address_is_tried_when_one_refuses);
    tcase_add_test(tcase, silent_address_is_passed_over);
    tcase_add_test(tcase, refusal_brings_the_next_at_once);
    tcase_add_test(tcase, slow_address_may_still_win);
    tcase_add_test(tcase, ipv6_goes_first);
    tcase_add_test(tcase, ipv4_follows_a_refusal);
    tcase_add_test(tcase, ipv4_does_not_wait_for_ipv6);
    tcase_add_loop_test(tcase, no_more_than_eight_addresses, 0, 2);
    tcase_add_loop_test(tcase, many_of_ipv6_leave_room_for_ipv4, 0, 2);
    tcase_add_test(tcase, one_port_one_attempt);
    tcase_add_test(tcase, attempts_go_on_without_descriptors);
    tcase_add_test(tcase, all_addresses_refuse);
    tcase_add_test(tcase, unknown_name);
    tcase_add_loop_test(tcase, impossible_names, 0, 5);
    tcase_add_loop_test(tcase, whole_name_is_not_searched, 0, 2);
    tcase_add_test(tcase, short_name_is_searched);
    tcase_add_loop_test(tcase, new_server_is_asked_while_the_old_is_silent, 0, 2);
    tcase_add_loop_test(tcase, families_are_compared, 0, 11);
    tcase_add_loop_test(tcase, way_that_is_not_there_goes_last, 0, 2);
    tcase_add_test(tcase, silent_server);
    tcase_add_loop_test(tcase, freed_while_resolving, 0, 3);
    tcase_add_test(tcase, several_names);
    return tcase;
}
