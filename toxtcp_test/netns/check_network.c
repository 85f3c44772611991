/* Addresses and interfaces that come and go under a peer's relays, in network namespaces. SPDX-License-Identifier: ISC
 *
 * Three relays and one peer are behind a router that can be reached by two interfaces of the other peer's machine. All
 * are in this process: a socket belongs to the namespace that was entered when it was made. Needs root, or user
 * namespaces, and iproute2. */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "netns/process.h"
#include "netns/star.h"

enum { RELAYS = 3, PATIENCE_MS = 20000, PACE_MS = 50 };
/* What the watch promises, with room for a machine that does other things too; and what is far over it without. */
enum { GAP_MS = 1000, PACKET_LEN = 100, TEST_MAX_S = 60 };

struct relay {
    struct toxtcp_key_pair keys;
    struct toxtcp_server *server;
    struct toxtcp_ev_listener *listener;
    struct toxtcp_address address;
};

struct end {
    struct toxtcp_ev *ev;
    struct toxtcp_key_pair keys;
    struct toxtcp_connections *connections;
    struct toxtcp_peer other;
    struct toxtcp_relay relays[RELAYS];
    uint32_t losses[RELAYS]; /* how often each was lost with TOXTCP_ERR_UNREACHABLE */
    uint64_t received_ms;
};

static int home, away; /* the namespaces: of the peer whose network changes, of all others */
static struct ev_loop *loop;
static struct toxtcp_env *env;
static struct toxtcp_ev *relay_ev;
static struct relay relays[RELAYS];
static struct end near, far;

/* --- The machine --- */

/* In the namespace that was entered last. */
static void ip(const char *arguments)
{
    char command[256];

    (void)snprintf(command, sizeof command, "ip %s", arguments);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void ip_at(int name_space, const char *arguments)
{
    space_enter(name_space);
    ip(arguments);
    space_enter(home);
}

static void open_machine(void)
{
    char pair[128];

    away = space_new();
    ip("link set lo up");
    ip("address add 10.9.0.1/32 dev lo");
    home = space_new();
    ip("link set lo up");
    /* As a manager of networks has it: a way that leads nowhere is no way. */
    space_set("/proc/sys/net/ipv4/conf/all/ignore_routes_with_linkdown", "1");
    for (int i = 1; i <= 2; i++) {
        (void)snprintf(pair, sizeof pair, "link add if%d type veth peer name out%d netns /proc/%d/fd/%d", i, i,
                       (int)getpid(), away);
        ip(pair);
        (void)snprintf(pair, sizeof pair, "address add 10.%d.0.1/24 dev out%d", i, i);
        ip_at(away, pair);
        (void)snprintf(pair, sizeof pair, "link set out%d up", i);
        ip_at(away, pair);
    }
}

/* The interface gets its address, and the way to the relays by it; the first is preferred. */
static void bring_up(int i)
{
    char text[128];

    (void)snprintf(text, sizeof text, "address add 10.%d.0.2/24 dev if%d", i, i);
    ip(text);
    (void)snprintf(text, sizeof text, "link set if%d up", i);
    ip(text);
    (void)snprintf(text, sizeof text, "route add default via 10.%d.0.1 metric %d", i, i);
    ip(text);
}

/* --- Relays and peers --- */

static void open_relay(struct relay *relay)
{
    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 9, 0, 1}};

    toxtcp_key_pair_generate(env, &relay->keys);
    ck_assert_int_eq(toxtcp_server_new(env, toxtcp_ev_driver(relay_ev), NULL, &relay->keys, &relay->server), 0);
    ck_assert_int_eq(toxtcp_ev_attach_server(relay_ev, relay->server), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_listen(relay_ev, relay->server, &address, &relay->listener), TOXTCP_OK);
    toxtcp_ev_listener_address(relay->listener, &relay->address);
}

static void on_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                    const uint8_t *data, size_t len)
{
    struct end *end = user;

    (void)peer;
    (void)peer_user;
    (void)relay;
    (void)data;
    (void)len;
    end->received_ms = toxtcp_ev_now(end->ev);
}

static void on_relay_state(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    struct end *end = user;

    for (int i = 0; i < RELAYS; i++) {
        if (end->relays[i].index == relay.index && end->relays[i].generation == relay.generation &&
            state == TOXTCP_RELAY_WAITING && error == TOXTCP_ERR_UNREACHABLE) {
            end->losses[i]++;
        }
    }
}

static void open_end(struct end *end)
{
    static const struct toxtcp_connections_callbacks callbacks = {.peer_data = on_data, .relay_state = on_relay_state};

    memset(end, 0, sizeof *end);
    ck_assert_int_eq(toxtcp_ev_new(loop, &end->ev), TOXTCP_OK);
    toxtcp_key_pair_generate(env, &end->keys);
    ck_assert_int_eq(
        toxtcp_connections_new(env, toxtcp_ev_driver(end->ev), NULL, &end->keys, &callbacks, end, &end->connections),
        TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_attach_connections(end->ev, end->connections), TOXTCP_OK);
}

static void know(struct end *end, const struct end *other)
{
    ck_assert_int_eq(toxtcp_peer_add(end->connections, &other->keys.public_key, NULL, &end->other), TOXTCP_OK);
    for (int i = 0; i < RELAYS; i++) {
        const struct toxtcp_endpoint endpoint = {.address = relays[i].address};
        ck_assert_int_eq(
            toxtcp_peer_add_relay(end->connections, end->other, &endpoint, &relays[i].keys.public_key, &end->relays[i]),
            TOXTCP_OK);
    }
}

static void close_end(struct end *end)
{
    toxtcp_ev_detach_connections(end->ev, end->connections);
    toxtcp_connections_free(end->connections);
    toxtcp_ev_free(end->ev);
}

/* --- Waiting --- */

static void on_tick(struct ev_loop *ticking, struct ev_timer *timer, int events)
{
    static const uint8_t packet[PACKET_LEN] = "packet";

    (void)ticking;
    (void)timer;
    (void)events;
    (void)toxtcp_peer_send(near.connections, near.other, packet, sizeof packet);
}

static void wait_until(bool (*holds)(void))
{
    const uint64_t begin_ms = toxtcp_ev_now(relay_ev);

    while (!holds()) {
        (void)ev_run(loop, EVRUN_ONCE);
        ck_assert_msg(toxtcp_ev_now(relay_ev) - begin_ms < PATIENCE_MS, "nothing came of it in %d ms", PATIENCE_MS);
    }
}

static void on_end(struct ev_loop *waiting, struct ev_timer *timer, int events)
{
    (void)waiting;
    (void)timer;
    (void)events;
}

static void wait_ms(uint64_t ms)
{
    const uint64_t end_ms = toxtcp_ev_now(relay_ev) + ms;
    struct ev_timer end;

    ev_now_update(loop);
    ev_timer_init(&end, on_end, (ev_tstamp)ms / 1e3, 0.01);
    ev_timer_start(loop, &end);
    while (toxtcp_ev_now(relay_ev) < end_ms) {
        (void)ev_run(loop, EVRUN_ONCE);
    }
    ev_timer_stop(loop, &end);
}

/* Whether the peer is online on all relays, by streams from that interface. */
static bool is_there_by(int i)
{
    struct toxtcp_relay_info info;
    struct sockaddr_in local = {.sin_family = AF_INET};
    int count = 0;

    for (int r = 0; r < RELAYS; r++) {
        ck_assert_int_eq(toxtcp_relay_get_info(near.connections, near.relays[r], &info), TOXTCP_OK);
        if (info.state != TOXTCP_RELAY_CONNECTED) {
            return false;
        }
    }
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in remote = {.sin_family = AF_INET};
        socklen_t len = sizeof local, remote_len = sizeof remote;
        const bool is_stream = getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.sin_family == AF_INET &&
                               getpeername(fd, (struct sockaddr *)&remote, &remote_len) == 0;
        count += is_stream && ntohl(local.sin_addr.s_addr) == (0x0a000002U | (uint32_t)i << 16);
    }
    return count == RELAYS && toxtcp_peer_online_count(near.connections, near.other) == RELAYS;
}

static bool is_there_by_first(void)
{
    return is_there_by(1);
}

static bool is_there_by_second(void)
{
    return is_there_by(2);
}

static bool far_is_there(void)
{
    struct toxtcp_connections_info info;

    toxtcp_connections_get_info(far.connections, &info);
    return info.connected_count == RELAYS;
}

static uint64_t asked_at_ms;

static bool has_arrived_since(void)
{
    return far.received_ms > asked_at_ms;
}

static uint64_t gap_ms(bool (*holds)(void), void (*change)(void))
{
    asked_at_ms = toxtcp_ev_now(near.ev);
    change();
    wait_until(holds);
    return toxtcp_ev_now(near.ev) - asked_at_ms;
}

/* --- Each test in a process and a machine of its own --- */

static struct ev_timer tick;

static void set_up(void)
{
    space_leave_machine();
    open_machine();
    loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_int_eq(toxtcp_env_new(NULL, &env), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_new(loop, &relay_ev), TOXTCP_OK);
    space_enter(away);
    for (int i = 0; i < RELAYS; i++) {
        open_relay(&relays[i]);
    }
    open_end(&far);
    open_end(&near);
    know(&far, &near);
    wait_until(far_is_there);
    space_enter(home);
    ev_timer_init(&tick, on_tick, 0., PACE_MS / 1e3);
    ev_timer_start(loop, &tick);
}

static void tear_down(void)
{
    ev_timer_stop(loop, &tick);
    close_end(&near);
    close_end(&far);
    for (int i = 0; i < RELAYS; i++) {
        toxtcp_ev_listener_free(relays[i].listener);
        toxtcp_ev_detach_server(relay_ev, relays[i].server);
        toxtcp_server_free(relays[i].server);
    }
    toxtcp_ev_free(relay_ev);
    toxtcp_env_free(env);
    ev_loop_destroy(loop);
}

static void begin(bool watched)
{
    bring_up(1);
    bring_up(2);
    if (watched) {
        ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_OK);
    }
    know(&near, &far);
    wait_until(is_there_by_first);
    wait_ms(200);
}

static uint32_t losses(void)
{
    return near.losses[0] + near.losses[1] + near.losses[2];
}

static void remove_interface(void)
{
    ip("link delete if1");
}

static void remove_address(void)
{
    ip("address delete 10.1.0.2/24 dev if1");
}

static void pull_the_plug(void)
{
    ip_at(away, "link set out1 down");
}

static void take_down(void)
{
    ip("link set if1 down");
}

static const struct {
    const char *name;
    void (*change)(void);
    uint64_t after_ms;  /* that it takes before it counts */
    uint64_t kernel_ms; /* that the kernel may take before it tells: of carriers it does once a second */
} changes[] = {
    {"an interface is removed", remove_interface, 0, 0},
    {"its address is removed", remove_address, 0, 0},
    {"it is taken down", take_down, 500, 0},
    {"it loses its carrier", pull_the_plug, 500, 1000},
};

START_TEST(another_interface_takes_over)
{
    begin(true);
    const uint64_t ms = gap_ms(is_there_by_second, changes[_i].change);
    (void)printf("%s under three relays: all online again by the other after %llu ms\n", changes[_i].name,
                 (unsigned long long)ms);
    (void)fflush(stdout);
    ck_assert_uint_eq(losses(), RELAYS);
    ck_assert_uint_ge(ms, changes[_i].after_ms * 9 / 10);
    ck_assert_uint_le(ms, changes[_i].after_ms + changes[_i].kernel_ms + GAP_MS);
    asked_at_ms = toxtcp_ev_now(near.ev);
    wait_until(has_arrived_since);
}
END_TEST

/* What the watch is for: without it the streams die of silence. */
START_TEST(without_a_watch)
{
    begin(false);
    const uint64_t ms = gap_ms(is_there_by_second, remove_interface);
    (void)printf("the same without the watch: %llu ms\n", (unsigned long long)ms);
    ck_assert_uint_eq(losses(), 0);
    ck_assert_uint_gt(ms, 3000);
}
END_TEST

/* Without another process, which may take its time. */
static void set_carrier(bool on)
{
    struct ifreq request = {.ifr_name = "out1"};

    space_enter(away);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    space_enter(home);
    ck_assert_int_eq(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(on ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    (void)close(fd);
}

START_TEST(short_loss_of_carrier)
{
    begin(true);
    for (int i = 0; i < 3; i++) {
        set_carrier(false);
        wait_ms(200);
        set_carrier(true);
        wait_ms(400);
    }
    ck_assert_uint_eq(losses(), 0);
    ck_assert(is_there_by_first());
}
END_TEST

/* What came up again while the process was stopped is not lost, late as it is told. */
START_TEST(short_loss_while_stopped)
{
    begin(true);
    ip("link set if1 down");
    wait_ms(100);
    ip("link set if1 up");
    ip("route add default via 10.1.0.1 metric 1");
    (void)usleep(700000);
    wait_ms(1000);
    ck_assert_uint_eq(losses(), 0);
    ck_assert(is_there_by_first());
}
END_TEST

/* --- What must not be told of, or not often --- */

/* Nothing is sent but what the watch is the reason for. */
static uint64_t writes_during(void (*change)(int i), int times, uint64_t pause_ms)
{
    struct toxtcp_ev_info before, after;

    ev_timer_stop(loop, &tick);
    wait_ms(3000);
    toxtcp_ev_get_info(near.ev, &before);
    for (int i = 0; i < times; i++) {
        change(i);
        wait_ms(pause_ms);
    }
    toxtcp_ev_get_info(near.ev, &after);
    return after.writes - before.writes;
}

static void flap_address(int i)
{
    ip(i % 2 ? "address delete 10.77.0.1/32 dev lo" : "address add 10.77.0.1/32 dev lo");
}

/* Of an address that comes and goes it hears after 0.1 s, 2 s and 4 s more, not each time. */
START_TEST(unrelated_flaps)
{
    begin(true);
    const uint64_t writes = writes_during(flap_address, 20, 250);
    ck_assert_uint_ge(writes, RELAYS);
    ck_assert_uint_le(writes, 2 * RELAYS);
    ck_assert_uint_eq(losses(), 0);
}
END_TEST

static uint32_t attempts(void)
{
    struct toxtcp_relay_info info;
    uint32_t count = 0;

    for (int r = 0; r < RELAYS; r++) {
        ck_assert_int_eq(toxtcp_relay_get_info(near.connections, near.relays[r], &info), TOXTCP_OK);
        count += info.attempt_count;
    }
    return count;
}

/* Relays that take their time to answer get it. */
START_TEST(unrelated_flaps_while_dialling)
{
    bring_up(1);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_OK);
    ip_at(away, "route add blackhole 10.1.0.2/32");
    wait_ms(300);
    know(&near, &far);
    for (int i = 0; i < 16; i++) {
        flap_address(i);
        wait_ms(250);
    }
    ck_assert_uint_eq(attempts(), RELAYS);
    ip_at(away, "route delete blackhole 10.1.0.2/32");
    wait_until(is_there_by_first);
}
END_TEST

static void refresh_route(int i)
{
    (void)i;
    ip("-6 route replace default via fd00:1::1 dev if1 proto ra metric 100 expires 1800");
    ip("route replace default via 10.1.0.1 metric 1");
}

static void change_route(int i)
{
    ip(i % 2 ? "-6 route replace default via fd00:1::1 dev if1 proto ra metric 100"
             : "-6 route replace default via fd00:1::9 dev if1 proto ra metric 100");
}

/* A default route that is only refreshed is none that is new; one that was there before the watch is not either. */
START_TEST(refreshed_route)
{
    ip("link set if1 up");
    ip("-6 address add fd00:1::2/64 dev if1 nodad");
    ip("-6 route add default via fd00:1::1 dev if1 proto ra metric 100 expires 1800");
    begin(true);
    ck_assert_uint_eq(writes_during(refresh_route, 5, 300), 0);
    ck_assert_uint_eq(writes_during(change_route, 1, 300), RELAYS);
    /* The first again: it had gone when the other replaced it. */
    wait_ms(5000);
    ck_assert_uint_eq(writes_during(refresh_route, 1, 300), RELAYS);
}
END_TEST

/* What is being dialled from an address that goes away is dialled from another at once. */
START_TEST(address_goes_while_dialling)
{
    bring_up(1);
    bring_up(2);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_OK);
    ip_at(away, "route add blackhole 10.1.0.2/32");
    wait_ms(300);
    know(&near, &far);
    wait_ms(1000);
    ck_assert_uint_le(gap_ms(is_there_by_second, remove_address), GAP_MS);
    ck_assert_uint_eq(losses(), RELAYS);
}
END_TEST

/* The relays wait longer and longer; a network that comes up is no reason to. */
START_TEST(network_comes)
{
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_OK);
    know(&near, &far);
    wait_ms(4000);
    const uint64_t begin_ms = toxtcp_ev_now(near.ev);
    bring_up(2);
    wait_until(is_there_by_second);
    ck_assert_uint_le(toxtcp_ev_now(near.ev) - begin_ms, GAP_MS);
}
END_TEST

/* More is said than the kernel keeps, while nobody listens. */
START_TEST(what_was_missed_is_read_again)
{
    begin(true);
    FILE *script = popen("ip -batch -", "w");
    ck_assert_ptr_nonnull(script);
    for (int i = 0; i < 2000; i++) {
        ck_assert_int_gt(fprintf(script, "address %s 10.3.%d.%d/32 dev lo\n", i < 1000 ? "add" : "delete",
                                 i % 1000 / 200, i % 200 + 1),
                         0);
    }
    ck_assert_int_gt(fprintf(script, "address delete 10.1.0.2/24 dev if1\n"), 0);
    ck_assert_int_eq(pclose(script), 0);
    const uint64_t begin_ms = toxtcp_ev_now(near.ev);
    wait_until(is_there_by_second);
    ck_assert_uint_le(toxtcp_ev_now(near.ev) - begin_ms, GAP_MS);
    ck_assert_uint_eq(losses(), RELAYS);
}
END_TEST

/* Nothing of a watch is left when it ends. */
START_TEST(watch_ends)
{
    begin(true);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, false), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, false), TOXTCP_OK);
    remove_address();
    wait_ms(500);
    ck_assert_uint_eq(losses(), 0);
}
END_TEST

/* --- Where it is forbidden --- */

/* From now on that call fails in this process. */
static void forbid(unsigned call, unsigned error_number)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};

    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static const struct {
    unsigned call, error_number;
} forbidden[] = {
    {SYS_socket, EACCES},          {SYS_socket, EPERM}, {SYS_socket, EAFNOSUPPORT},
    {SYS_socket, EPROTONOSUPPORT}, {SYS_bind, EACCES},  {SYS_sendto, EPERM},
};

START_TEST(watch_is_forbidden)
{
    forbid(forbidden[_i].call, forbidden[_i].error_number);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, true), TOXTCP_ERR_UNSUPPORTED);
    ck_assert_int_eq(toxtcp_ev_watch_network(near.ev, near.connections, false), TOXTCP_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *tests = tcase_create("network");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, TEST_MAX_S);
    tcase_add_loop_test(tests, another_interface_takes_over, 0, sizeof changes / sizeof *changes);
    tcase_add_test(tests, without_a_watch);
    tcase_add_test(tests, short_loss_of_carrier);
    tcase_add_test(tests, short_loss_while_stopped);
    tcase_add_test(tests, unrelated_flaps);
    tcase_add_test(tests, unrelated_flaps_while_dialling);
    tcase_add_test(tests, refreshed_route);
    tcase_add_test(tests, address_goes_while_dialling);
    tcase_add_loop_test(tests, watch_is_forbidden, 0, sizeof forbidden / sizeof *forbidden);
    tcase_add_test(tests, network_comes);
    tcase_add_test(tests, what_was_missed_is_read_again);
    tcase_add_test(tests, watch_ends);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
