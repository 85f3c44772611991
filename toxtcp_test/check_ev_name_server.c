/* A name server on loopback, for tests of libtoxtcp-ev. SPDX-License-Identifier: ISC */
#include "check_ev_name_server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ev/internal.h"

/* Numbers of RFC 1035. */
enum {
    DNS_HEADER_SIZE = 12,
    DNS_TYPE_A = 1,
    DNS_TYPE_AAAA = 28,
    DNS_NO_SUCH_NAME = 3,
    DNS_TTL = 1,
    DNS_MESSAGE_MAX = 1024
};

/* An answer that waits for its time. */
struct late {
    int fd;
    uint8_t message[DNS_MESSAGE_MAX + 512];
    size_t len;
    struct sockaddr_storage to;
    socklen_t to_len;
};

static size_t question_end(const uint8_t *message)
{
    size_t at = DNS_HEADER_SIZE;

    while (message[at]) {
        at += 1U + message[at];
    }
    return at + 5;
}

static uint32_t count_labels(const uint8_t *message)
{
    uint32_t count = 0;

    for (size_t at = DNS_HEADER_SIZE; message[at]; at += 1U + message[at]) {
        count++;
    }
    return count;
}

/* Adds a record about the name in the question. Returns where it ends. */
static size_t add_record(uint8_t *message, size_t end, uint8_t type, const void *address, uint8_t len)
{
    const uint8_t record[] = {0xc0, DNS_HEADER_SIZE, 0, type, 0, 1, 0, 0, 0, DNS_TTL, 0, len};

    memcpy(message + end, record, sizeof record);
    memcpy(message + end + sizeof record, address, len);
    message[7]++;
    return end + sizeof record + len;
}

static bool asks_for_ip4(const uint8_t *message, size_t end)
{
    return message[end - 3] == DNS_TYPE_A;
}

/* Turns a question into its answer, in place. Returns its length. */
static size_t answer(const struct name_server *server, uint8_t *message, size_t end)
{
    const bool ip4 = asks_for_ip4(message, end);

    message[2] = 0x84; /* an answer, with authority */
    message[3] = server->address_count || server->ip6_count ? 0 : DNS_NO_SUCH_NAME;
    memset(message + 6, 0, 6);
    for (uint8_t i = 0; ip4 && i < server->address_count; i++) {
        end = add_record(message, end, DNS_TYPE_A, server->addresses[i], 4);
    }
    for (uint8_t i = 0; !ip4 && i < server->ip6_count; i++) {
        end = add_record(message, end, DNS_TYPE_AAAA, server->ip6, sizeof server->ip6);
    }
    return end;
}

static void send_answer(const struct late *late)
{
    ck_assert_int_eq(sendto(late->fd, late->message, late->len, 0, (const struct sockaddr *)&late->to, late->to_len),
                     (ssize_t)late->len);
}

static void on_late(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    send_answer(timer->data);
}

static void on_question(struct ev_loop *loop, struct ev_io *io, int events)
{
    static struct late late;
    struct name_server *server = io->data;
    struct late now = {.fd = io->fd, .to_len = sizeof now.to};
    const ssize_t len = recvfrom(io->fd, now.message, DNS_MESSAGE_MAX - 1, 0, (struct sockaddr *)&now.to, &now.to_len);

    (void)events;
    ck_assert_int_gt(len, DNS_HEADER_SIZE);
    server->questions++;
    const size_t end = question_end(now.message);
    server->labels = count_labels(now.message);
    const bool ip4 = asks_for_ip4(now.message, end);
    if (server->silent || (server->silent_for_ip6 && !ip4)) {
        return;
    }
    now.len = answer(server, now.message, end);
    if (ip4 && server->ip4_delay > 0) {
        late = now;
        ev_timer_init(&server->timer, on_late, server->ip4_delay, 0.);
        server->timer.data = &late;
        ev_now_update(loop);
        ev_timer_start(loop, &server->timer);
    } else {
        send_answer(&now);
    }
}

int name_server_socket(char *text, size_t size)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof in;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    (void)snprintf(text, size, "127.0.0.1:%u", ntohs(in.sin_port));
    return fd;
}

void name_server_open(struct name_server *server, struct side *side)
{
    memset(server, 0, sizeof *server);
    server->ip6[15] = 1;
    server->fd = name_server_socket(server->text, sizeof server->text);
    ev_io_init(&server->io, on_question, server->fd, EV_READ);
    server->io.data = server;
    ev_io_start(side->loop, &server->io);
    side->ev->name_servers = server->text;
}

void name_server_close(struct name_server *server)
{
    ck_assert_int_eq(close(server->fd), 0);
}
