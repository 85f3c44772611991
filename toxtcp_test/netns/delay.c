/* A forwarder that holds each byte for a while. SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/process.h"
#include "netns/relay.h"
#include "netns/space.h"

enum { STREAMS_MAX = 16, CHUNK_SIZE = 4096 };

/* What one read brought; nothing at the end of the stream. */
struct chunk {
    struct chunk *next;
    uint64_t due_us;
    size_t len;
    uint8_t bytes[CHUNK_SIZE];
};

/* Two sockets; what comes from one goes to the other. */
struct stream {
    bool used;
    int fds[2];
    bool ended[2];         /* nothing more comes from there */
    struct chunk *held[2]; /* from there, the oldest first */
    struct chunk **tail[2];
};

static struct stream streams[STREAMS_MAX];

static int new_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    space_need(fd >= 0, "socket");
    return fd;
}

static struct sockaddr_in socket_address(uint32_t ip, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons(port)};

    return address;
}

static int listen_at(uint16_t port)
{
    const struct sockaddr_in address = socket_address(INADDR_ANY, port);
    const int fd = new_socket();

    space_need(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0, "bind");
    space_need(listen(fd, STREAMS_MAX) == 0, "listen");
    return fd;
}

static void be_quick(int fd)
{
    const int one = 1;

    space_need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0, "TCP_NODELAY");
}

static struct stream *unused_stream(void)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (!streams[i].used) {
            return &streams[i];
        }
    }
    space_fail("too many streams through a forwarder");
}

static void accept_stream(int listener, uint16_t relay_port)
{
    const struct sockaddr_in relay = socket_address(INADDR_LOOPBACK, relay_port);
    struct stream *stream = unused_stream();

    memset(stream, 0, sizeof *stream);
    stream->used = true;
    stream->fds[0] = accept(listener, NULL, NULL);
    space_need(stream->fds[0] >= 0, "accept");
    stream->fds[1] = new_socket();
    space_need(connect(stream->fds[1], (const struct sockaddr *)&relay, sizeof relay) == 0, "connect");
    for (int side = 0; side < 2; side++) {
        be_quick(stream->fds[side]);
        stream->tail[side] = &stream->held[side];
    }
}

static void take(struct stream *stream, int side, uint64_t due_us)
{
    struct chunk *chunk = malloc(sizeof *chunk);

    space_need(chunk != NULL, "malloc");
    const ssize_t len = recv(stream->fds[side], chunk->bytes, sizeof chunk->bytes, 0);
    chunk->next = NULL;
    chunk->due_us = due_us;
    chunk->len = len > 0 ? (size_t)len : 0;
    stream->ended[side] = len <= 0;
    *stream->tail[side] = chunk;
    stream->tail[side] = &chunk->next;
}

/* The sockets' buffers are far larger than what is held: a send that does not fit all at once waits for the rest. */
static void pass(struct stream *stream, int side, uint64_t now_us)
{
    struct chunk *chunk;

    while ((chunk = stream->held[side]) != NULL && chunk->due_us <= now_us) {
        if (chunk->len > 0) {
            (void)send(stream->fds[1 - side], chunk->bytes, chunk->len, MSG_NOSIGNAL);
        } else {
            (void)shutdown(stream->fds[1 - side], SHUT_WR);
        }
        stream->held[side] = chunk->next;
        free(chunk);
    }
    if (stream->held[side] == NULL) {
        stream->tail[side] = &stream->held[side];
    }
}

static void close_if_over(struct stream *stream)
{
    for (int side = 0; side < 2; side++) {
        if (!stream->ended[side] || stream->held[side] != NULL) {
            return;
        }
    }
    (void)close(stream->fds[0]);
    (void)close(stream->fds[1]);
    stream->used = false;
}

/* Passes on what is due. Returns how long nothing else will be, in ms; -1 for ever. */
static int pass_all(uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;

    for (size_t i = 0; i < STREAMS_MAX; i++) {
        for (int side = 0; streams[i].used && side < 2; side++) {
            pass(&streams[i], side, now_us);
            if (streams[i].held[side] != NULL && streams[i].held[side]->due_us < next_us) {
                next_us = streams[i].held[side]->due_us;
            }
        }
        if (streams[i].used) {
            close_if_over(&streams[i]);
        }
    }
    return next_us == UINT64_MAX ? -1 : (int)((next_us - now_us + 999) / 1000);
}

/* The listener first, then two entries for each stream, whether it is used or not. */
static void turn(int listener, uint16_t relay_port, uint32_t delay_ms)
{
    struct pollfd entries[1 + 2 * STREAMS_MAX] = {{.fd = listener, .events = POLLIN}};

    for (size_t i = 0; i < 2 * STREAMS_MAX; i++) {
        const struct stream *stream = &streams[i / 2];
        entries[1 + i].fd = stream->used && !stream->ended[i % 2] ? stream->fds[i % 2] : -1;
        entries[1 + i].events = POLLIN;
    }
    (void)poll(entries, 1 + 2 * STREAMS_MAX, pass_all(process_now_us()));
    for (size_t i = 0; i < 2 * STREAMS_MAX; i++) {
        if (entries[1 + i].revents != 0) {
            take(&streams[i / 2], (int)(i % 2), process_now_us() + (uint64_t)delay_ms * 1000);
        }
    }
    if (entries[0].revents != 0) {
        accept_stream(listener, relay_port);
    }
}

pid_t delay_start(int name_space, uint16_t port, uint16_t relay_port, uint32_t delay_ms)
{
    struct process_gate gate;

    process_gate_open(&gate);
    const pid_t pid = process_fork(name_space);
    if (pid == 0) {
        const int listener = listen_at(port);
        process_gate_pass(&gate);
        for (;;) {
            turn(listener, relay_port, delay_ms);
        }
    }
    process_gate_wait(&gate, "a forwarder");
    return pid;
}
