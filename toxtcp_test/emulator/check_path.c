/* The path emulator between real network stacks. SPDX-License-Identifier: ISC
 *
 * Needs root or user namespaces, /dev/net/tun and iproute2. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "emulator/emulator.h"
#include "netns/process.h"
#include "netns/space.h"

/* `a` has two ports, of which the second is used when the first is gone. In namespaces of our own ports meet nobody. */
enum { PORT = 2000, PATIENCE_MS = 20000 };
enum { CHUNK = 1000, TRANSFER = 250000 };

static struct emulator emulator;
static int a, b;

static void open_path(void)
{
    space_leave_machine();
    emulator_open(&emulator, 1);
    a = space_new();
    b = space_new();
    emulator_add(&emulator, a, "a", "10.0.0.1", "fd00::1", 1);
    emulator_add(&emulator, a, "a-spare", "10.0.0.9", NULL, 2);
    emulator_add(&emulator, b, "b", "10.0.0.2", "fd00::2", 1);
    emulator_start(&emulator);
}

static void close_path(void)
{
    emulator_stop(&emulator);
}

/* --- Sockets in a namespace --- */

static int socket_in(int name_space, int family, int type, int protocol)
{
    space_enter(name_space);
    const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    return fd;
}

struct any_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* Of b. */
static struct any_address address_of(int family)
{
    struct any_address address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&address.storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&address.storage;

    if (family == AF_INET) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(PORT);
        ck_assert_int_eq(inet_pton(AF_INET, "10.0.0.2", &ipv4->sin_addr), 1);
        return address;
    }
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(PORT);
    ck_assert_int_eq(inet_pton(AF_INET6, "fd00::2", &ipv6->sin6_addr), 1);
    address.len = sizeof *ipv6;
    return address;
}

static int listen_at_b(int family)
{
    const struct any_address address = address_of(family);
    const int fd = socket_in(b, family, SOCK_STREAM, 0), one = 1;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address.storage, address.len), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

static int connect_from_a(int family)
{
    const struct any_address address = address_of(family);
    const int fd = socket_in(a, family, SOCK_STREAM, 0);

    ck_assert_msg(connect(fd, (const struct sockaddr *)&address.storage, address.len) == 0, "connect: %s",
                  strerror(errno));
    return fd;
}

static bool readable(int fd, int ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    return poll(&entry, 1, ms) == 1;
}

static int accepted(int listener)
{
    ck_assert(readable(listener, PATIENCE_MS));
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Reads just so many bytes. */
static void receive(int fd, size_t len)
{
    char bytes[4096];

    while (len > 0) {
        ck_assert(readable(fd, PATIENCE_MS));
        const ssize_t some = recv(fd, bytes, len < sizeof bytes ? len : sizeof bytes, 0);
        ck_assert_int_gt(some, 0);
        len -= (size_t)some;
    }
}

/* --- Delay, silence --- */

static uint16_t pings;

/* From a to b. Returns the round trip in us; 0 when there is no answer in time. */
static uint64_t ping(int socket, int ms)
{
    const struct any_address address = address_of(AF_INET);
    struct icmphdr request = {.type = ICMP_ECHO, .un.echo = {.id = htons(77), .sequence = htons(++pings)}};
    uint8_t answer[128];

    request.checksum = htons(segment_checksum((const uint8_t *)&request, sizeof request, NULL, 0));
    const uint64_t begin_us = process_now_us();
    ck_assert_int_eq(
        sendto(socket, &request, sizeof request, 0, (const struct sockaddr *)&address.storage, address.len),
        sizeof request);
    while (readable(socket, ms)) {
        struct icmphdr reply;
        ck_assert_int_ge(recv(socket, answer, sizeof answer, 0), 20 + (int)sizeof reply);
        memcpy(&reply, answer + 20, sizeof reply);
        if (reply.type == ICMP_ECHOREPLY && reply.un.echo.sequence == htons(pings)) {
            return process_now_us() - begin_us;
        }
    }
    return 0;
}

/* 50 ms there and 50 ms back. The least of some, since this machine may be busy. */
START_TEST(a_ping_takes_its_time)
{
    const int socket = socket_in(a, AF_INET, SOCK_RAW, IPPROTO_ICMP);
    uint64_t least_us = UINT64_MAX;

    (void)emulator_tell(&emulator, "a both delay 50");
    for (int i = 0; i < 7; i++) {
        const uint64_t took_us = ping(socket, PATIENCE_MS);
        ck_assert_uint_ge(took_us, 100000);
        least_us = took_us < least_us ? took_us : least_us;
    }
    ck_assert_uint_lt(least_us, 110000);
    (void)close(socket);
}
END_TEST

START_TEST(silence_is_silent)
{
    static const char *const ways[] = {"a up", "a down", "b up", "b down", "all both"};
    const int socket = socket_in(a, AF_INET, SOCK_RAW, IPPROTO_ICMP);

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        (void)emulator_tell(&emulator, "%s silence on", ways[i]);
        ck_assert_uint_eq(ping(socket, 100), 0);
        (void)emulator_tell(&emulator, "%s silence off", ways[i]);
        ck_assert_uint_ne(ping(socket, PATIENCE_MS), 0);
    }
    (void)emulator_tell(&emulator, "in 50 a up silence on");
    const uint64_t begin_us = process_now_us();
    while (ping(socket, 1000) != 0) {
        ck_assert_uint_lt(process_now_us() - begin_us, PATIENCE_MS * 1000ULL);
    }
    ck_assert_uint_ge(process_now_us() - begin_us, 50000);
    (void)close(socket);
}
END_TEST

/* --- Rate --- */

static void send_all(int fd, size_t len)
{
    static const char bytes[CHUNK];

    for (; len > 0; len -= CHUNK) {
        ck_assert_int_eq(send(fd, bytes, CHUNK, MSG_NOSIGNAL), CHUNK);
    }
}

/* The bytes and the headers of TCP and IP of full segments, at 1 Mbit/s. */
START_TEST(a_transfer_takes_its_time)
{
    const double wanted_us = TRANSFER * 8. * 1500 / 1448;
    const int listener = listen_at_b(AF_INET), sender = connect_from_a(AF_INET), receiver = accepted(listener);

    (void)emulator_tell(&emulator, "b down rate 1000");
    const uint64_t begin_us = process_now_us();
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        send_all(sender, TRANSFER);
        _exit(0);
    }
    receive(receiver, TRANSFER);
    const double took_us = (double)(process_now_us() - begin_us);
    ck_assert_msg(took_us > wanted_us * 0.9 && took_us < wanted_us * 1.1, "%.0f us, not %.0f", took_us, wanted_us);
    pid_t child = pid;
    process_end(&child);
    (void)close(sender);
    (void)close(receiver);
    (void)close(listener);
}
END_TEST

/* --- Fast open --- */

static void allow_fast_open(void)
{
    space_enter(b);
    space_set("/proc/sys/net/ipv4/tcp_fastopen", "3");
    space_enter(a);
    space_set("/proc/sys/net/ipv4/tcp_fastopen", "3");
}

static int listen_with_fast_open(int family)
{
    const int fd = listen_at_b(family), queue = 5;

    ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue), 0);
    return fd;
}

/* Connects with data and sees it arrive. Returns how long that took in us. */
static uint64_t open_with_data(int family, int listener)
{
    static const char bytes[128];
    const struct any_address address = address_of(family);
    const int sender = socket_in(a, family, SOCK_STREAM, 0);
    const uint64_t begin_us = process_now_us();

    ck_assert_int_eq(
        sendto(sender, bytes, sizeof bytes, MSG_FASTOPEN, (const struct sockaddr *)&address.storage, address.len),
        sizeof bytes);
    const int receiver = accepted(listener);
    receive(receiver, sizeof bytes);
    const uint64_t took_us = process_now_us() - begin_us;
    /* A reset, and no FIN that would be under way when the next case counts. */
    const struct linger at_once = {.l_onoff = 1};
    ck_assert_int_eq(setsockopt(sender, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    (void)close(sender);
    (void)close(receiver);
    return took_us;
}

static uint64_t counted(const char *what)
{
    return emulator_tell(&emulator, "%s", what);
}

/* The first connection asks for a cookie, the second one brings data with the SYN. */
START_TEST(fast_open_is_seen)
{
    const int family = _i == 0 ? AF_INET : AF_INET6;

    allow_fast_open();
    const int listener = listen_with_fast_open(family);
    (void)open_with_data(family, listener);
    ck_assert_uint_eq(counted("a count up syn"), 1);
    ck_assert_uint_eq(counted("a count up fast-open"), 1);
    ck_assert_uint_eq(counted("a count up syn-data"), 0);
    (void)open_with_data(family, listener);
    ck_assert_uint_eq(counted("a count up syn"), 1);
    ck_assert_uint_eq(counted("a count up syn-data"), 1);
    ck_assert_uint_eq(counted("b count down syn-data"), 1);
    (void)close(listener);
}
END_TEST

/* A middlebox that does not like it costs the kernel's time to try again, a second; the data arrives. */
START_TEST(fast_open_is_dropped)
{
    static const char *const filters[] = {"drop-syn-data", "drop-fast-open"};

    allow_fast_open();
    const int listener = listen_with_fast_open(AF_INET);
    (void)open_with_data(AF_INET, listener);
    (void)emulator_tell(&emulator, "b down %s on", filters[_i]);
    (void)emulator_tell(&emulator, "a zero");
    ck_assert_uint_ge(open_with_data(AF_INET, listener), 900000);
    ck_assert_uint_eq(counted("a count up syn-data"), 1);
    ck_assert_uint_eq(counted("a count up syn"), 1);
    ck_assert_uint_ge(counted("a count up again"), 1);
    ck_assert_uint_eq(counted("b count down filtered"), 1);
    ck_assert_uint_eq(counted("b count down syn-data"), 0);
    ck_assert_uint_eq(counted("b count down syn"), 2);
    (void)close(listener);
}
END_TEST

/* --- Trouble --- */

/* The kernel takes the reset, so its numbers and checksums are right. The far end hears nothing. */
START_TEST(a_reset_ends_a_stream)
{
    const int family = _i == 0 ? AF_INET : AF_INET6;
    const int listener = listen_at_b(family), sender = connect_from_a(family), receiver = accepted(listener);
    char byte;

    ck_assert_int_eq(send(sender, "x", 1, 0), 1);
    receive(receiver, 1);
    ck_assert_uint_eq(counted("a reset"), 1);
    ck_assert(readable(sender, PATIENCE_MS));
    ck_assert_int_eq(recv(sender, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    ck_assert_int_eq(recv(receiver, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_uint_eq(counted("b count down rst"), 0);
    (void)close(sender);
    (void)close(receiver);
    (void)close(listener);
}
END_TEST

/* Each fifth packet is lost both ways, and the kernel sends again what is missing. */
START_TEST(loss_is_repaired)
{
    (void)emulator_tell(&emulator, "a both delay 1");
    const int listener = listen_at_b(AF_INET), sender = connect_from_a(AF_INET), receiver = accepted(listener);

    (void)emulator_tell(&emulator, "a up loss-every 5");
    send_all(sender, 20 * CHUNK);
    receive(receiver, 20 * CHUNK);
    ck_assert_uint_ge(counted("a count up lost"), 1);
    ck_assert_uint_ge(counted("a count up again-payload"), 1);
    (void)close(sender);
    (void)close(receiver);
    (void)close(listener);
}
END_TEST

/* What the emulator's process has worked so far. */
static double worked_s(void)
{
    clockid_t clock;
    struct timespec time;

    ck_assert_int_eq(clock_getcpuclockid(emulator.pid, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

START_TEST(a_deleted_interface_is_gone)
{
    struct space_script script = {.len = 0};
    const int listener = listen_at_b(AF_INET), first = connect_from_a(AF_INET), first_end = accepted(listener);

    space_enter(a);
    space_add(&script, "link delete dev a\n");
    space_run(&script);
    const int second = connect_from_a(AF_INET), second_end = accepted(listener);
    ck_assert_int_eq(send(second, "x", 1, 0), 1);
    receive(second_end, 1);
    ck_assert_uint_eq(counted("a-spare count up syn"), 1);
    ck_assert_uint_eq(counted("a count up syn"), 1);
    /* The emulator does not look at the device that is gone again and again. */
    const double before_s = worked_s();
    ck_assert(!readable(second, 500));
    ck_assert_double_lt(worked_s() - before_s, 0.1);
    (void)close(first);
    (void)close(first_end);
    (void)close(second);
    (void)close(second_end);
    (void)close(listener);
}
END_TEST

static Suite *path_suite(void)
{
    Suite *suite = suite_create("path emulator, on real TCP");
    TCase *tcase = tcase_create("paths");

    tcase_add_checked_fixture(tcase, open_path, close_path);
    tcase_add_test(tcase, a_transfer_takes_its_time);
    tcase_add_test(tcase, a_ping_takes_its_time);
    tcase_add_test(tcase, silence_is_silent);
    tcase_add_loop_test(tcase, fast_open_is_seen, 0, 2);
    tcase_add_loop_test(tcase, fast_open_is_dropped, 0, 2);
    tcase_add_loop_test(tcase, a_reset_ends_a_stream, 0, 2);
    tcase_add_test(tcase, loss_is_repaired);
    tcase_add_test(tcase, a_deleted_interface_is_gone);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(path_suite());

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
