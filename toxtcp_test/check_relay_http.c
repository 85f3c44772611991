/* Tests of the HTTP server of the relay's figures, most of them with clients that behave badly.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../apps/relay/http.h"
#include "../apps/relay/http_door.h"
#include "apps/made_up_figures.h"

enum {
    PATIENCE_MS = 400,
    SOON_MS = 20000, /* what takes longer does not happen */
    REPLY_SIZE = 1 << 17,
    CROWD = 4 * HTTP_CONNECTIONS_MAX,
};

static const struct toxtcp_address loopback = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
static const struct http_times times = {.patience_ms = PATIENCE_MS, .sample_ms = 20};
static struct http *http;
static atomic_bool busy;
static atomic_uint gathered;
static char reply[REPLY_SIZE];

static bool tell(void *user, struct relay_figures *figures)
{
    static struct made_up_relay relay; /* one call at a time: else the thread sanitizer complains of it */

    (void)user;
    made_up_relay_run(&relay, 1000 * (uint64_t)atomic_fetch_add(&gathered, 1));
    *figures = relay.figures;
    return !atomic_load(&busy);
}

static void start(const struct toxtcp_address *address)
{
    struct problem problem = {""};

    ck_assert_msg(http_start_with(&times, address, tell, NULL, &http, &problem) == 0, "%s", problem.text);
}

static void set_up(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    atomic_store(&busy, false);
    start(&loopback);
}

static void tear_down(void)
{
    http_stop(http);
    http = NULL;
}

/* --- A client --- */

static uint64_t now_ms(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int dial(void)
{
    struct toxtcp_address at;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    http_address(http, &at);
    ck_assert_uint_ne(at.port, 0);
    address.sin_port = htons(at.port);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* False when the other end has gone. */
static bool say_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0) {
            ck_assert_msg(errno == EPIPE || errno == ECONNRESET, "%s", strerror(errno));
            return false;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool say(int fd, const char *text)
{
    return say_bytes(fd, text, strlen(text));
}

/* Until the other end closes, which it must; into `reply`. */
static size_t hear_all(int fd)
{
    const uint64_t until = now_ms() + SOON_MS;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    size_t len = 0;

    for (;;) {
        ck_assert_uint_lt(now_ms(), until);
        if (poll(&waiting, 1, 100) > 0) {
            const ssize_t got = recv(fd, reply + len, sizeof reply - 1 - len, 0);

            if (got <= 0) {
                reply[len] = '\0';
                return len;
            }
            len += (size_t)got;
            ck_assert_uint_lt(len, sizeof reply - 1);
        }
    }
}

/* Asks on a connection of its own. Returns the status, 0 for no answer; the answer is in `reply`. */
static int ask(const char *request)
{
    const int fd = dial();
    int status = 0;

    (void)say(fd, request);
    if (hear_all(fd) > 0) {
        ck_assert_int_eq(sscanf(reply, "HTTP/1.1 %d ", &status), 1);
    }
    (void)close(fd);
    return status;
}

#define REST " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static void must_serve(void)
{
    ck_assert_int_eq(ask("GET /metrics" REST), 200);
    ck_assert_ptr_nonnull(strstr(reply, "toxtcp_relay_transit_seconds_count"));
}

static bool says(const char *part)
{
    return strstr(reply, part) != NULL;
}

static const char *body(void)
{
    const char *blank = strstr(reply, "\r\n\r\n");

    ck_assert_ptr_nonnull(blank);
    return blank + 4;
}

/* --- Good manners --- */

START_TEST(serves)
{
    must_serve();
    ck_assert(says("Content-Type: text/plain; version=0.0.4"));
    ck_assert_int_eq(ask("GET /figures.json" REST), 200);
    ck_assert(says("Content-Type: application/json"));
    ck_assert_int_eq(body()[0], '{');
    ck_assert(says("\"history\":{"));
    ck_assert_int_eq(ask("GET /figures.json?history=0" REST), 200);
    ck_assert(!says("\"history\""));
    ck_assert_int_eq(ask("GET /" REST), 200);
    ck_assert(says("Content-Type: text/html; charset=utf-8"));
    ck_assert_ptr_nonnull(strstr(body(), "</html>\n"));
    ck_assert_int_eq(ask("GET /?a=b HTTP/1.0\r\n\r\n"), 200);
}
END_TEST

START_TEST(serves_heads)
{
    static const char *const paths[] = {"/", "/metrics", "/figures.json"};
    char request[128];

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)snprintf(request, sizeof request, "HEAD %s" REST, paths[i]);
        ck_assert_int_eq(ask(request), 200);
        ck_assert_str_eq(body(), "");
        ck_assert(!says("Content-Length: 0"));
    }
}
END_TEST

START_TEST(refuses)
{
    ck_assert_int_eq(ask("GET /nothing" REST), 404);
    ck_assert_int_eq(ask("GET /metrics/" REST), 404);
    ck_assert_int_eq(ask("GET //" REST), 404);
    ck_assert_int_eq(ask("GET /../metrics" REST), 404);
    ck_assert_int_eq(ask("DELETE /" REST), 405);
    ck_assert(says("Allow: GET, HEAD\r\n"));
    ck_assert_int_eq(ask("OPTIONS *" REST), 405);
    ck_assert_int_eq(ask("get /" REST), 405);
    ck_assert_int_eq(ask("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345"), 405);
    ck_assert_int_eq(ask("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n1"), 413);
    ck_assert_int_eq(ask("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
    ck_assert_int_eq(ask("GET / HTTP/1.1\r\n\r\n"), 400);
    must_serve();
}
END_TEST

START_TEST(says_when_it_is_too_busy)
{
    atomic_store(&busy, true);
    ck_assert_int_eq(ask("GET /metrics" REST), 503);
    ck_assert(says("Retry-After: 2\r\n"));
    ck_assert_int_eq(ask("GET /figures.json" REST), 503);
    ck_assert_int_eq(ask("GET /" REST), 503);
    ck_assert_int_eq(ask("GET /nothing" REST), 404);
    atomic_store(&busy, false);
    must_serve();
}
END_TEST

static void *no_malloc(size_t size)
{
    (void)size;
    return NULL;
}

START_TEST(closes_when_memory_is_short)
{
    json_set_alloc_funcs(no_malloc, free);
    ck_assert_int_eq(ask("GET /figures.json" REST), 0);
    ck_assert_int_eq(ask("GET /" REST), 0);
    must_serve();
    json_set_alloc_funcs(malloc, free);
    ck_assert_int_eq(ask("GET /" REST), 200);
}
END_TEST

static void nonce_of_policy(char nonce[64])
{
    const char *at = strstr(reply, "script-src 'nonce-");

    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at, "script-src 'nonce-%32[0-9a-f]'; style-src", nonce), 1);
    ck_assert_uint_eq(strlen(nonce), 32);
}

START_TEST(guards_the_page)
{
    char first[64];
    char second[64];
    char tag[96];

    ck_assert_int_eq(ask("GET /" REST), 200);
    nonce_of_policy(first);
    ck_assert(says("Content-Security-Policy: default-src 'none'; "));
    ck_assert(says("X-Content-Type-Options: nosniff\r\n"));
    ck_assert(says("Referrer-Policy: no-referrer\r\n"));
    ck_assert(says("Cache-Control: no-store\r\n"));
    (void)snprintf(tag, sizeof tag, "<script nonce=\"%s\">", first);
    ck_assert(says(tag));
    ck_assert_int_eq(ask("GET /" REST), 200);
    nonce_of_policy(second);
    ck_assert_str_ne(first, second);
}
END_TEST

/* --- Names --- */

START_TEST(names_of_this_machine)
{
    static const char *const ours[] = {"localhost", "LocalHost:80", "127.0.0.1",        "127.255.0.9:1",
                                       "[::1]",     "[::1]:65535",  "[0:0:0:0:0:0:0:1]"};
    static const char *const others[] = {
        "",
        ":80",
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "128.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::]",
        "[::2]:80",
        "::1",
        "[::1",
        "[127.0.0.1]",
        "localhost:x",
        "localhost:80:80",
        "[::1]x",
        "localhost ",
        "localhost@example.org",
        "127.0.0.1,example.org",
        "[::ffff:127.0.0.1]",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    ck_assert(http_door_is_local_name(NULL));
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        ck_assert_msg(http_door_is_local_name(ours[i]), "%s", ours[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(!http_door_is_local_name(others[i]), "%s", others[i]);
    }
}
END_TEST

START_TEST(loopback_addresses)
{
    ck_assert(http_door_is_loopback(&loopback));
    ck_assert(http_door_is_loopback(&(struct toxtcp_address){.family = TOXTCP_FAMILY_IPV6, .ip = {[15] = 1}}));
    ck_assert(!http_door_is_loopback(&(struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4}));
    ck_assert(!http_door_is_loopback(&(struct toxtcp_address){.family = TOXTCP_FAMILY_IPV6}));
    ck_assert(!http_door_is_loopback(&(struct toxtcp_address){.family = TOXTCP_FAMILY_IPV6, .ip = {127, 0, 0, 1}}));
}
END_TEST

START_TEST(foreign_names_are_refused)
{
    ck_assert_int_eq(ask("GET /figures.json HTTP/1.1\r\nHost: rebound.example.org\r\n\r\n"), 421);
    ck_assert(!says("public_key"));
    ck_assert_int_eq(ask("GET http://localhost/metrics HTTP/1.1\r\nHost: rebound.example.org\r\n\r\n"), 421);
    ck_assert_int_eq(ask("GET /metrics HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n"), 200);
}
END_TEST

/* --- Addresses --- */

static void cannot_start(const struct toxtcp_address *address, const char *why)
{
    struct problem problem = {""};
    struct http *second = http;

    ck_assert_int_eq(http_start(address, tell, NULL, &second, &problem), -1);
    ck_assert_ptr_null(second);
    ck_assert_msg(strstr(problem.text, why) != NULL, "%s", problem.text);
}

START_TEST(addresses_that_will_not_do)
{
    struct toxtcp_address address;

    http_address(http, &address);
    cannot_start(&address, "the address is in use");
    cannot_start(&(struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}},
                 "192.0.2.1:0: the address is not one of this machine");
    must_serve();
}
END_TEST

START_TEST(serves_ipv6)
{
    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV6, .ip = {[15] = 1}};
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct toxtcp_address found;
    int fd;

    tear_down();
    start(&address);
    http_address(http, &found);
    at.sin6_port = htons(found.port);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    (void)say(fd, "GET /metrics" REST);
    ck_assert_uint_gt(hear_all(fd), 1000);
    (void)close(fd);
}
END_TEST

/* --- Attacks --- */

/* A byte now and then: never silent for long, never done. */
START_TEST(slow_header)
{
    const int fd = dial();
    const uint64_t began = now_ms();
    const struct timespec pause = {.tv_nsec = 20000000};

    ck_assert(say(fd, "GET / HTTP/1.1\r\nX: "));
    while (say(fd, "x")) {
        ck_assert_uint_lt(now_ms() - began, SOON_MS);
        (void)nanosleep(&pause, NULL);
    }
    ck_assert_uint_ge(now_ms() - began, PATIENCE_MS);
    (void)close(fd);
    must_serve();
}
END_TEST

/* All places are taken by those who say nothing; who comes then is served when they have been cut. */
START_TEST(a_crowd_that_says_nothing)
{
    int crowd[CROWD];

    for (int i = 0; i < CROWD; i++) {
        crowd[i] = dial();
        (void)say(crowd[i], i % 2 == 0 ? "GET / HTTP/1.1\r\nHost: loc" : "");
    }
    must_serve();
    for (int i = 0; i < CROWD; i++) {
        (void)hear_all(crowd[i]);
        (void)close(crowd[i]);
    }
}
END_TEST

/* Each place holds one that asks for much and reads nothing. */
START_TEST(a_crowd_that_does_not_read)
{
    static const char request[] = "GET /figures.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const int small = 2048;
    int crowd[HTTP_CONNECTIONS_MAX];

    for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        crowd[i] = dial();
        ck_assert_int_eq(setsockopt(crowd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        for (int j = 0; j < 20; j++) {
            (void)say(crowd[i], request);
        }
    }
    must_serve();
    for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        (void)close(crowd[i]);
    }
}
END_TEST

/* Who comes then waits, and nobody spins. */
START_TEST(out_of_descriptors)
{
    struct toxtcp_address at;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timespec pause = {.tv_nsec = 700000000};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int next = dup(fd);
    struct rlimit before;
    struct rlimit none;
    clock_t used;

    ck_assert_int_gt(next, fd);
    (void)close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    http_address(http, &at);
    address.sin_port = htons(at.port);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert(say(fd, "HEAD /" REST));
    used = clock();
    (void)nanosleep(&pause, NULL);
    ck_assert_int_lt(clock() - used, CLOCKS_PER_SEC / 10);
    ck_assert_int_eq(recv(fd, reply, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_gt(hear_all(fd), 0);
    (void)close(fd);
}
END_TEST

/* Every connection asks so often that it has never been there for long. */
START_TEST(keeps_who_asks_often)
{
    const int fd = dial();
    const struct timespec pause = {.tv_nsec = 50000000};
    const uint64_t until = now_ms() + 3 * (uint64_t)PATIENCE_MS;
    size_t len = 0;

    while (now_ms() < until) {
        ck_assert(say(fd, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        len = 0;
        do {
            const ssize_t got = recv(fd, reply + len, sizeof reply - 1 - len, 0);

            ck_assert_int_gt(got, 0);
            len += (size_t)got;
            reply[len] = '\0';
        } while (!says("\r\n\r\n"));
        ck_assert_int_eq(strncmp(reply, "HTTP/1.1 200 ", 13), 0);
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
}
END_TEST

START_TEST(huge_header)
{
    static char padding[1 << 20];
    static const size_t sizes[] = {0, 1, 1000, 15000, 16384, 16385, 65536, sizeof padding};
    int fd;

    memset(padding, 'x', sizeof padding);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fd = dial();
        (void)(say(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: ") &&
               say_bytes(fd, padding, sizes[i]) && say(fd, "\r\n\r\n"));
        (void)hear_all(fd);
        if (sizes[i] < 10000) {
            ck_assert(says("HTTP/1.1 200 "));
        } else {
            ck_assert(!says("HTTP/1.1 200 ") || sizes[i] < 16384);
        }
        (void)close(fd);
        fd = dial();
        (void)(say(fd, "GET /") && say_bytes(fd, padding, sizes[i]) && say(fd, REST));
        (void)hear_all(fd);
        ck_assert(sizes[i] == 0 || !says("HTTP/1.1 200 "));
        (void)close(fd);
    }
    must_serve();
}
END_TEST

static unsigned count_of(const char *part)
{
    unsigned count = 0;

    for (const char *at = reply; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

START_TEST(pipelining)
{
    const int fd = dial();

    for (int i = 0; i < 60; i++) {
        ck_assert(say(fd, i % 3 == 0 ? "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                     : "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }
    ck_assert(say(fd, "HEAD /metrics" REST));
    (void)hear_all(fd);
    ck_assert_uint_eq(count_of("HTTP/1.1 200 "), 21);
    ck_assert_uint_eq(count_of("HTTP/1.1 404 "), 40);
    (void)close(fd);
    must_serve();
}
END_TEST

/* The same each time; some of it begins well. What is no request at all is answered by closing. */
START_TEST(rubbish)
{
    uint64_t random = 4;
    char bytes[600];

    for (int round = 0; round < 300; round++) {
        const int fd = dial();
        size_t len = 0;

        if (round % 3 == 0) {
            len = (size_t)snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nHost: localhost\r\n");
        }
        for (const size_t wanted = len + (size_t)round; len < wanted; len++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            bytes[len] = (char)(random >> 56);
        }
        (void)say_bytes(fd, bytes, len);
        if (round % 2 == 0) { /* the others leave it unfinished */
            (void)say(fd, "\r\n\r\n" REST);
            (void)hear_all(fd);
        }
        (void)close(fd);
    }
    must_serve();
}
END_TEST

/* --- The end --- */

/* Asks for one page after another until it may not. */
static void *visit(void *user)
{
    const struct sockaddr_in *address = user;
    char bytes[4096];

    for (;;) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool good = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;

        good = good && say(fd, "GET /" REST);
        while (good && recv(fd, bytes, sizeof bytes, 0) > 0) {
        }
        (void)close(fd);
        if (!good) {
            return NULL;
        }
    }
}

static unsigned count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

START_TEST(stops_while_it_is_asked)
{
    enum { VISITORS = 6, ROUNDS = 12 };
    unsigned descriptors;

    tear_down();
    descriptors = count_descriptors();
    for (int round = 0; round < ROUNDS; round++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct toxtcp_address at;
        pthread_t visitors[VISITORS];
        const unsigned before = atomic_load(&gathered);

        start(&loopback);
        http_address(http, &at);
        address.sin_port = htons(at.port);
        for (int i = 0; i < VISITORS; i++) {
            ck_assert_int_eq(pthread_create(&visitors[i], NULL, visit, &address), 0);
        }
        while (atomic_load(&gathered) < before + 10 + (unsigned)round) {
            (void)sched_yield();
        }
        tear_down();
        for (int i = 0; i < VISITORS; i++) {
            ck_assert_int_eq(pthread_join(visitors[i], NULL), 0);
        }
        ck_assert_uint_eq(count_descriptors(), descriptors);
    }
    start(&loopback);
}
END_TEST

/* Whether the thread keeps SIGTERM and SIGHUP from itself. */
static bool blocks_signals(const char *task)
{
    char path[300];
    char line[256];
    unsigned long long blocked = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "SigBlk: %llx", &blocked);
    }
    (void)fclose(file);
    return (blocked >> (SIGTERM - 1) & 1) != 0 && (blocked >> (SIGHUP - 1) & 1) != 0;
}

START_TEST(signals_are_for_others)
{
    DIR *directory;
    const struct dirent *entry;
    unsigned threads = 0;
    unsigned open_to_signals = 0;

    must_serve();
    directory = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            threads++;
            open_to_signals += blocks_signals(entry->d_name) ? 0 : 1;
        }
    }
    (void)closedir(directory);
    ck_assert_uint_ge(threads, 3);
    ck_assert_uint_eq(open_to_signals, 1); /* this one */
    http_stop(NULL);
}
END_TEST

static TCase *make_case(const char *name)
{
    TCase *made = tcase_create(name);

    tcase_add_checked_fixture(made, set_up, tear_down);
    return made;
}

int main(void)
{
    Suite *suite = suite_create("relay_http");
    TCase *manners = make_case("manners");
    TCase *names = make_case("names");
    TCase *attacks = make_case("attacks");
    TCase *end = make_case("end");
    SRunner *runner;
    int failed;

    tcase_add_test(manners, serves);
    tcase_add_test(manners, serves_heads);
    tcase_add_test(manners, refuses);
    tcase_add_test(manners, says_when_it_is_too_busy);
    tcase_add_test(manners, closes_when_memory_is_short);
    tcase_add_test(manners, guards_the_page);
    suite_add_tcase(suite, manners);
    tcase_add_test(names, names_of_this_machine);
    tcase_add_test(names, loopback_addresses);
    tcase_add_test(names, foreign_names_are_refused);
    tcase_add_test(names, addresses_that_will_not_do);
    tcase_add_test(names, serves_ipv6);
    suite_add_tcase(suite, names);
    tcase_add_test(attacks, slow_header);
    tcase_add_test(attacks, a_crowd_that_says_nothing);
    tcase_add_test(attacks, a_crowd_that_does_not_read);
    tcase_add_test(attacks, out_of_descriptors);
    tcase_add_test(attacks, keeps_who_asks_often);
    tcase_add_test(attacks, huge_header);
    tcase_add_test(attacks, pipelining);
    tcase_add_test(attacks, rubbish);
    suite_add_tcase(suite, attacks);
    tcase_add_test(end, stops_while_it_is_asked);
    tcase_add_test(end, signals_are_for_others);
    suite_add_tcase(suite, end);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
