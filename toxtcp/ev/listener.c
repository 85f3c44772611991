/* Sockets that listen for a server. SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* Streams accepted in one turn of the loop by all listeners together, so that a flood of newcomers starves nobody. */
enum { ACCEPTS_PER_TURN = 8 };

/* Out of descriptors: when to try again, if no stream ends before. */
#define PAUSE_SECONDS 0.5

struct toxtcp_ev_listener {
    struct toxtcp_ev *ev;
    struct toxtcp_server *server;
    struct ev_io io;
    struct ev_timer pause; /* active while it is paused */
    struct toxtcp_address address;
    bool fast_open; /* what it accepts may have brought data */
    struct toxtcp_ev_listener *prev;
    struct toxtcp_ev_listener *next;
};

/* --- Accepting --- */

static void pause_listener(struct toxtcp_ev_listener *listener)
{
    struct ev_loop *loop = listener->ev->loop;

    ev_io_stop(loop, &listener->io);
    ev_timer_set(&listener->pause, PAUSE_SECONDS, 0.);
    ev_timer_start(loop, &listener->pause);
}

static void resume_listener(struct toxtcp_ev_listener *listener)
{
    ev_timer_stop(listener->ev->loop, &listener->pause);
    ev_io_start(listener->ev->loop, &listener->io);
}

void listeners_resume(struct toxtcp_ev *ev)
{
    struct toxtcp_ev_listener *listener;

    DL_FOREACH (ev->listeners, listener) {
        if (ev_is_active(&listener->pause)) {
            resume_listener(listener);
        }
    }
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    resume_listener(timer->data);
}

/* Hands a new socket to the server. */
static void admit(struct toxtcp_ev_listener *listener, int fd, const struct sockaddr *from)
{
    struct toxtcp_ev *ev = listener->ev;
    struct stream *stream = stream_new(ev, fd);
    struct toxtcp_address source;
    struct toxtcp_link *link;

    if (!stream) {
        (void)close(fd);
        return;
    }
    if (socket_address_decode(from, &source) &&
        toxtcp_server_accept(listener->server, &source, driver_now(ev), &link) == TOXTCP_OK) {
        stream_adopt(stream, link);
    } else {
        stream_forget(stream);
    }
}

/* Returns true when there may be more. */
static bool accept_one(struct toxtcp_ev_listener *listener)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    const int fd = accept4(listener->io.fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    listener->ev->info.accepts++;
    if (fd >= 0) {
        listener->ev->info.fast_opens_accepted += listener->fast_open && fast_open_was_used(fd);
        admit(listener, fd, (const struct sockaddr *)&from);
        return true;
    }
    if (socket_is_shortage(errno)) {
        /* The newcomer stays in the backlog and the socket stays ready: watching it would spin. */
        pause_listener(listener);
        return false;
    }
    /* Anything else is the misfortune of one newcomer that is gone already. */
    return errno != EAGAIN && errno != EWOULDBLOCK;
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct toxtcp_ev_listener *listener = io->data;
    struct toxtcp_ev *ev = listener->ev;
    const uint32_t count = ev->listener_count;
    const uint32_t part = count < ACCEPTS_PER_TURN ? ACCEPTS_PER_TURN / count : 1;
    bool more = true;

    (void)loop;
    (void)events;
    driver_enter(ev);
    for (uint32_t i = 0; more && i < part; i++) {
        more = accept_one(listener);
    }
    driver_leave(ev);
}

/* --- Life --- */

static int listen_error(int error_number)
{
    if (socket_is_shortage(error_number)) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    switch (error_number) {
    case EADDRINUSE:
        return TOXTCP_ERR_EXISTS;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EACCES:
    case EPERM:
    case EINVAL: /* a link-local address without its interface */
    case ENODEV:
        return TOXTCP_ERR_INVALID;
    default:
        return TOXTCP_ERR_NETWORK;
    }
}

static bool set_option(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

static bool bind_and_listen(int fd, const struct sockaddr_storage *storage, socklen_t len, bool shared)
{
    /* A relay that restarts must not wait for the old one's connections to fade. */
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR) && (!shared || set_option(fd, SOL_SOCKET, SO_REUSEPORT)) &&
           (storage->ss_family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
           bind(fd, (const struct sockaddr *)storage, len) == 0 && listen(fd, SOMAXCONN) == 0;
}

/* Returns the descriptor, or an error. */
static int open_socket(const struct toxtcp_address *address, bool shared)
{
    struct sockaddr_storage storage;
    const int encoded = socket_address_encode(address, &storage);

    if (encoded < 0) {
        return TOXTCP_ERR_INVALID;
    }
    const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return listen_error(errno);
    }
    if (!bind_and_listen(fd, &storage, (socklen_t)encoded, shared)) {
        const int error = listen_error(errno);
        (void)close(fd);
        return error;
    }
    return fd;
}

static bool is_on(int fd, int option)
{
    int value = 0;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value != 0;
}

static bool is_listening_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM && is_on(fd, SO_ACCEPTCONN);
}

static int prepare_socket(int fd, const struct toxtcp_ev_options *options, struct toxtcp_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;
    const int flags = fcntl(fd, F_GETFL);

    if (getsockname(fd, (struct sockaddr *)&storage, &len) ||
        !socket_address_decode((const struct sockaddr *)&storage, address) || flags < 0 ||
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC)) {
        return TOXTCP_ERR_INVALID;
    }
    socket_set_no_delay(fd);
    alive_set_options(fd, options);
    return TOXTCP_OK;
}

int toxtcp_ev_listen_socket(struct toxtcp_ev *ev, struct toxtcp_server *server, int fd,
                            struct toxtcp_ev_listener **listener)
{
    struct toxtcp_address address;

    if (!is_listening_stream(fd) || prepare_socket(fd, &ev->options, &address)) {
        return TOXTCP_ERR_INVALID;
    }
    struct toxtcp_ev_listener *made = calloc(1, sizeof *made);
    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->ev = ev;
    made->server = server;
    made->address = address;
    ev_io_init(&made->io, on_io, fd, EV_READ);
    ev_set_priority(&made->io, PRIORITY_DEADLINE);
    made->io.data = made;
    ev_timer_init(&made->pause, on_pause_over, 0., 0.);
    made->pause.data = made;
    ev_io_start(ev->loop, &made->io);
    DL_APPEND(ev->listeners, made);
    ev->listener_count++;
    *listener = made;
    return TOXTCP_OK;
}

static int listen_at(struct toxtcp_ev *ev, struct toxtcp_server *server, const struct toxtcp_address *address,
                     bool shared, struct toxtcp_ev_listener **listener)
{
    const int fd = open_socket(address, shared);

    if (fd < 0) {
        return fd;
    }
    const int error = toxtcp_ev_listen_socket(ev, server, fd, listener);
    if (error) {
        (void)close(fd);
    }
    return error;
}

int toxtcp_ev_listen(struct toxtcp_ev *ev, struct toxtcp_server *server, const struct toxtcp_address *address,
                     struct toxtcp_ev_listener **listener)
{
    return listen_at(ev, server, address, false, listener);
}

int toxtcp_ev_listen_shared(struct toxtcp_ev *ev, struct toxtcp_server *server, const struct toxtcp_address *address,
                            struct toxtcp_ev_listener **listener)
{
    return listen_at(ev, server, address, true, listener);
}

int toxtcp_ev_listener_set_fast_open(struct toxtcp_ev_listener *listener, uint32_t queue_len)
{
    if (!fast_open_listen(listener->io.fd, queue_len)) {
        return TOXTCP_ERR_UNSUPPORTED;
    }
    listener->fast_open = queue_len > 0 && fast_open_kernel_listens();
    return TOXTCP_OK;
}

void toxtcp_ev_listener_address(const struct toxtcp_ev_listener *listener, struct toxtcp_address *address)
{
    *address = listener->address;
}

void toxtcp_ev_listener_free(struct toxtcp_ev_listener *listener)
{
    if (!listener) {
        return;
    }
    ev_timer_stop(listener->ev->loop, &listener->pause);
    ev_io_stop(listener->ev->loop, &listener->io);
    (void)close(listener->io.fd);
    DL_DELETE(listener->ev->listeners, listener);
    listener->ev->listener_count--;
    free(listener);
}
