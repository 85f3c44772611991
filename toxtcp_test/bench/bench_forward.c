/* What the least that could be called a relay costs in time: a process that hands bytes from one TCP stream to another.
 * SPDX-License-Identifier: ISC
 *
 * usage: bench_forward OUR_CORE ITS_CORE COUNT. Sends so many packets of the size of a relayed one, a hundred a second,
 * and prints the 50th and the 99th percentile of their way, in microseconds. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PACKET = 119, COUNT_MAX = 100000, GAP_NS = 10000000 };

static void need(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "bench_forward: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void stay_on(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void at_once(int fd)
{
    const int on = 1;

    need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

/* Waits as a relay does, for either. */
static int wait_for(int epoll)
{
    struct epoll_event event;

    return epoll_wait(epoll, &event, 1, -1);
}

static int watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    const int epoll = epoll_create1(0);

    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    return epoll;
}

static void forward(int listener)
{
    const int from = accept(listener, NULL, NULL);
    const int to = accept(listener, NULL, NULL);
    const int epoll = watch(from);
    char bytes[4096];
    ssize_t len;

    at_once(to);
    do {
        (void)wait_for(epoll);
        len = read(from, bytes, sizeof bytes);
    } while (len > 0 && write(to, bytes, (size_t)len) == len);
}

static int dial(const struct sockaddr_in *address)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    need(fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0, "connect");
    at_once(fd);
    return fd;
}

static int64_t one_way(int to, int from, int epoll)
{
    char bytes[PACKET] = {0};
    size_t came = 0;
    const int64_t began_ns = now_ns();

    need(write(to, bytes, sizeof bytes) == sizeof bytes, "write");
    while (came < sizeof bytes) {
        (void)wait_for(epoll);
        const ssize_t len = read(from, bytes, sizeof bytes - came);
        need(len > 0, "read");
        came += (size_t)len;
    }
    return now_ns() - began_ns;
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void measure(const struct sockaddr_in *address, size_t count)
{
    static int64_t times[COUNT_MAX];
    const struct timespec gap = {.tv_nsec = GAP_NS};
    const int to = dial(address);
    const int from = dial(address);
    const int epoll = watch(from);

    for (size_t i = 0; i < count; i++) {
        (void)nanosleep(&gap, NULL);
        times[i] = one_way(to, from, epoll);
    }
    (void)close(to);
    qsort(times, count, sizeof times[0], compare);
    (void)printf("%.1f %.1f\n", (double)times[count / 2] / 1000, (double)times[count * 99 / 100] / 1000);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const long count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

    if (count < 1 || count > COUNT_MAX) {
        (void)fputs("usage: bench_forward OUR_CORE ITS_CORE COUNT\n", stderr);
        return 2;
    }
    need(listener >= 0 && bind(listener, (const struct sockaddr *)&address, len) == 0 && listen(listener, 2) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &len) == 0,
         "listen");
    const pid_t child = fork();
    need(child >= 0, "fork");
    if (child == 0) {
        stay_on(atoi(argv[2]));
        forward(listener);
        _exit(0);
    }
    stay_on(atoi(argv[1]));
    measure(&address, (size_t)count);
    (void)waitpid(child, NULL, 0);
    return 0;
}
