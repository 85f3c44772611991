/* What is lost with an address of ours, and what is not: in network namespaces. SPDX-License-Identifier: ISC
 *
 * Clients of their own on a driver that watches the network, on a machine whose other ends nobody answers. Needs root,
 * or user namespaces, and iproute2. */
#include "check_ev.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_ev_name_server.h"
#include "ev/network.h"
#include "netns/space.h"

enum { SETTLE_MS = 300, CLOSINGS_MAX = 100 };

/* What `ip` is told of a machine with two interfaces. */
static const char machine[] = "link set lo up\n"
                              "link add if1 type veth peer name out1\n"
                              "link add if2 type veth peer name out2\n"
                              "address add 10.1.0.2/24 dev if1\n"
                              "address add 10.2.0.2/24 dev if2\n"
                              "address add fd00:1::2/64 dev if1 nodad\n"
                              "link set out1 up\n"
                              "link set out2 up\n"
                              "link set if1 up\n"
                              "link set if2 up\n"
                              /* Somebody is there, and says nothing. */
                              "neighbour add 10.1.0.9 lladdr 02:00:00:00:00:01 dev if1\n"
                              "neighbour add fd00:1::9 lladdr 02:00:00:00:00:01 dev if1\n";

static struct side side;
static struct toxtcp_connections *connections;
static struct name_server name_server;
static struct toxtcp_endpoint endpoint;
static struct peer peer;
static uint32_t closings;
static bool redials;

static void ip(const char *lines)
{
    struct space_script script = {.len = 0};

    space_add(&script, "%s", lines);
    space_run(&script);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

static bool is_past(void *moment_ms)
{
    return toxtcp_ev_now(side.ev) >= *(const uint64_t *)moment_ms;
}

static void wait_ms(uint64_t ms)
{
    uint64_t end_ms = toxtcp_ev_now(side.ev) + ms;
    struct ev_timer tick;

    ev_timer_init(&tick, on_tick, 0., 0.005);
    ev_timer_start(side.loop, &tick);
    run_side_until(&side, is_past, &end_ms);
    ev_timer_stop(side.loop, &tick);
}

static void set_up(void)
{
    static const struct toxtcp_connections_callbacks callbacks;
    struct toxtcp_key_pair keys;

    space_leave_machine();
    ip(machine);
    side_open(&side);
    toxtcp_key_pair_generate(side.env, &keys);
    ck_assert_int_eq(
        toxtcp_connections_new(side.env, toxtcp_ev_driver(side.ev), NULL, &keys, &callbacks, NULL, &connections),
        TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_attach_connections(side.ev, connections), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_watch_network(side.ev, connections, true), TOXTCP_OK);
    memset(&peer, 0, sizeof peer);
    closings = 0;
    redials = false;
    wait_ms(SETTLE_MS);
}

static void tear_down(void)
{
    peer_close(&peer);
    toxtcp_ev_detach_connections(side.ev, connections);
    toxtcp_connections_free(connections);
    side_close(&side);
}

static void dial(void);

/* Everything is allowed there that is in a closed callback: dialling, too. */
static void on_peer(struct peer *said, const char *what)
{
    (void)said;
    if (strcmp(what, "closed") == 0) {
        closings++;
        ck_assert_uint_lt(closings, CLOSINGS_MAX);
        if (redials) {
            peer_close(&peer);
            dial();
        }
    }
}

static void dial(void)
{
    struct toxtcp_key_pair keys;

    toxtcp_key_pair_generate(side.env, &keys);
    memset(&peer, 0, sizeof peer);
    peer.hook = on_peer;
    ck_assert_int_eq(peer_dial(&peer, &side, &keys.public_key, NULL, &endpoint), TOXTCP_OK);
}

static void dial_address(void)
{
    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 1, 0, 9}, .port = 33445};

    endpoint = endpoint_of(&address);
    dial();
}

static bool is_closed_once(void *user)
{
    (void)user;
    return closings > 0;
}

/* An address whose carrier is lost still stands, and its routes too: what is dialled then comes from it again. */
START_TEST(redial_from_a_lost_address)
{
    redials = true;
    dial_address();
    wait_ms(SETTLE_MS);
    ck_assert_uint_eq(closings, 0);
    ip("link set out1 down\n");
    run_side_until(&side, is_closed_once, NULL);
    wait_ms(SETTLE_MS);
    ck_assert_uint_eq(closings, 1);
}
END_TEST

/* How many sockets are connecting from that family. */
static uint32_t dials(int family)
{
    uint32_t count = 0;

    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof local;
        int type = 0;
        socklen_t type_len = sizeof type;
        count += getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
                 getsockname(fd, (struct sockaddr *)&local, &len) == 0 && local.ss_family == family;
    }
    return count;
}

/* The other family's attempts go on when an address goes; with the last one the stream ends. */
START_TEST(race_loses_an_address)
{
    static const uint8_t ip4[1][4] = {{10, 1, 0, 9}};
    static const uint8_t ip6[16] = {0xfd, 0, 0, 1, [15] = 9};

    name_server_open(&name_server, &side);
    name_server.addresses = ip4;
    name_server.address_count = 1;
    name_server.ip6_count = 1;
    memcpy(name_server.ip6, ip6, sizeof ip6);
    endpoint = endpoint_of_host("relay.test", 33445);
    dial();
    ck_assert(toxtcp_ev_is_resolving(toxtcp_client_link(peer.client)));
    wait_ms(2 * SETTLE_MS);
    ck_assert(!toxtcp_ev_is_resolving(toxtcp_client_link(peer.client)));
    ck_assert_uint_gt(dials(AF_INET6), 0);
    ck_assert_uint_gt(dials(AF_INET), 0);
    ip("address delete fd00:1::2/64 dev if1\n");
    wait_ms(SETTLE_MS);
    ck_assert_uint_eq(closings, 0);
    ck_assert_uint_eq(dials(AF_INET6), 0);
    ck_assert_uint_gt(dials(AF_INET), 0);
    ip("address delete 10.1.0.2/24 dev if1\n");
    wait_ms(SETTLE_MS);
    ck_assert_uint_eq(closings, 1);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_UNREACHABLE);
    name_server_close(&name_server);
}
END_TEST

static bool is_lost(const char *address)
{
    const struct network *network = side.ev->network;

    for (size_t i = 0; i < network->address_count; i++) {
        char text[TOXTCP_ADDRESS_TEXT_SIZE];
        toxtcp_address_format(&network->addresses[i].ip, text);
        if (strncmp(text, address, strlen(address)) == 0) {
            return !network->addresses[i].usable;
        }
    }
    ck_abort_msg("%s is not known", address);
    return false;
}

/* Each has half a second of its own, whatever other one is down. */
START_TEST(each_interface_has_its_time)
{
    ip("link set if1 down\n");
    wait_ms(400);
    const uint64_t down_ms = toxtcp_ev_now(side.ev);
    ip("link set if2 down\n");
    wait_ms(250);
    ck_assert(is_lost("10.1.0.2"));
    /* On a busy machine even this may have taken as long. */
    ck_assert(!is_lost("10.2.0.2") || toxtcp_ev_now(side.ev) - down_ms >= 500);
    wait_ms(350);
    ck_assert(is_lost("10.2.0.2"));
}
END_TEST

/* --- What the kernel does not tell --- */

/* What stands for the kernel: whatever the watch asks goes there too. Returns its end. */
static int pretend_kernel(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    ck_assert_int_ge(dup2(ends[0], side.ev->network->io.fd), 0);
    ck_assert_int_eq(close(ends[0]), 0);
    return ends[1];
}

static void answer(int fd, uint16_t type, int error)
{
    struct {
        struct nlmsghdr header;
        int error;
    } message = {.header = {.nlmsg_len = sizeof message, .nlmsg_type = type, .nlmsg_seq = side.ev->network->sequence},
                 .error = error};

    ck_assert_int_eq(send(fd, &message, sizeof message, 0), (ssize_t)sizeof message);
}

/* The type of what is asked next. */
static int question(int fd)
{
    struct nlmsghdr header = {.nlmsg_len = 0};
    const ssize_t len = recv(fd, &header, sizeof header, MSG_TRUNC);

    return len < 0 ? -1 : header.nlmsg_type;
}

/* A reading that fails in the middle takes nothing away, and all is asked for again, not at once. */
START_TEST(kernel_refuses_to_tell)
{
    static const uint16_t kinds[] = {NLMSG_ERROR, NLMSG_DONE};
    const int fd = pretend_kernel();

    dial_address();
    ck_assert(netlink_read_all(side.ev->network));
    ck_assert_int_eq(question(fd), RTM_GETLINK);
    answer(fd, kinds[_i], -12);
    ev_feed_fd_event(side.loop, side.ev->network->io.fd, EV_READ);
    wait_ms(SETTLE_MS);
    /* What else it tells is no reason to hurry. */
    answer(fd, NLMSG_NOOP, 0);
    ev_feed_fd_event(side.loop, side.ev->network->io.fd, EV_READ);
    wait_ms(SETTLE_MS);
    ck_assert_int_eq(question(fd), -1);
    ck_assert(!is_lost("10.1.0.2"));
    ck_assert_uint_eq(closings, 0);
    wait_ms(2500);
    ck_assert_int_eq(question(fd), RTM_GETLINK);
    ck_assert_uint_eq(closings, 0);
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Nor does it take the question: that is no end, and each time there is more time until the next. */
START_TEST(kernel_refuses_to_hear)
{
    ck_assert_int_eq(close(pretend_kernel()), 0);
    ck_assert(!netlink_read_all(side.ev->network));
    ev_feed_fd_event(side.loop, side.ev->network->io.fd, EV_READ);
    wait_ms(SETTLE_MS);
    ck_assert(ev_is_active(&side.ev->network->again));
    ck_assert_uint_eq(side.ev->network->again_ms, 2000);
    /* Nothing keeps the loop: it comes back before that. */
    (void)ev_run(side.loop, 0);
    ck_assert_uint_eq(side.ev->network->again_ms, 2000);
    wait_ms(2500);
    ck_assert(ev_is_active(&side.ev->network->again));
    ck_assert_uint_eq(side.ev->network->again_ms, 4000);
    ck_assert(!is_lost("10.1.0.2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lost_address");
    TCase *tests = tcase_create("lost_address");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, redial_from_a_lost_address);
    tcase_add_test(tests, race_loses_an_address);
    tcase_add_test(tests, each_interface_has_its_time);
    tcase_add_loop_test(tests, kernel_refuses_to_tell, 0, 2);
    tcase_add_test(tests, kernel_refuses_to_hear);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
