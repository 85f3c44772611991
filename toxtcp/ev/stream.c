/* The socket of one link. SPDX-License-Identifier: ISC */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

static bool is_not_now(int error_number)
{
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

static void watch(struct stream *stream)
{
    struct ev_loop *loop = stream->ev->loop;
    const int events = (stream->paused ? 0 : EV_READ) | (stream->full ? EV_WRITE : 0);

    if (events == (stream->io.events & (EV_READ | EV_WRITE)) && ev_is_active(&stream->io) == (events != 0)) {
        return;
    }
    ev_io_stop(loop, &stream->io);
    if (events) {
        ev_io_modify(&stream->io, events);
        ev_io_start(loop, &stream->io);
    }
}

/* --- The end --- */

void stream_hang_up(struct stream *stream)
{
    if (stream->io.fd >= 0) {
        ev_io_stop(stream->ev->loop, &stream->io);
        (void)close(stream->io.fd);
        stream->io.fd = -1;
        listeners_resume(stream->ev);
    }
}

void stream_forget(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;

    turn_unmark_dirty(stream);
    turn_remove(stream);
    if (stream->candidates) {
        candidates_drop(stream->candidates);
    }
    if (stream->keeper) {
        keeper_drop(stream->keeper);
        stream->keeper = NULL;
    }
    if (stream->link) {
        toxtcp_link_set_driver_data(stream->link, NULL);
        stream->link = NULL;
    }
    stream_hang_up(stream);
    ev->info.stream_count--;
    driver_bury(ev, &stream->corpse);
}

void stream_end(struct stream *stream, int error)
{
    struct toxtcp_link *link = stream->link;

    stream_forget(stream);
    toxtcp_link_closed(link, error, toxtcp_ev_now(stream->ev));
}

/* --- Writing --- */

static ssize_t write_some(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;
    const uint8_t *bytes;
    const size_t len = toxtcp_link_output(stream->link, &bytes);

    if (len == 0) {
        return 0;
    }
    const ssize_t written = send(stream->io.fd, bytes, len, MSG_NOSIGNAL);
    ev->info.writes++;
    if (written > 0) {
        ev->info.bytes_written += (uint64_t)written;
        if (ev->observe && (size_t)written == len) {
            (void)driver_now(ev);
            ev->observe(ev->observe_user, ev->now_ns - stream->waiting_since_ns);
        }
    }
    return written;
}

static void handle_write_error(struct stream *stream, int error_number)
{
    const bool gone = error_number == EPIPE || error_number == ECONNRESET;

    if (gone && !stream->paused) {
        /* What the other side said before it went still lies in the socket; its end comes after it. */
        stream->write_error = (int16_t)socket_error(error_number);
        stream->full = false;
        watch(stream);
    } else {
        stream_end(stream, socket_error(error_number));
    }
}

void stream_flush(struct stream *stream)
{
    const uint8_t *bytes;

    turn_unmark_dirty(stream);
    if (stream->write_error) {
        return;
    }
    const ssize_t written = write_some(stream);
    if (written < 0 && !is_not_now(errno)) {
        handle_write_error(stream, errno);
        return;
    }
    if (written > 0) {
        toxtcp_link_sent(stream->link, (size_t)written, stream->ev->now_ns / NS_PER_MS);
    }
    /* A stream that became dirty again is written in the next round. */
    if (stream->link) {
        stream->full = !stream->dirty && toxtcp_link_output(stream->link, &bytes) > 0;
        watch(stream);
    }
}

/* --- Reading --- */

size_t stream_read(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;
    const size_t part = stream->greedy ? GREEDY_PART : QUIET_PART;
    const ssize_t len = recv(stream->io.fd, ev->read_buffer, part, 0);
    const uint64_t now_ms = driver_now(ev);

    ev->info.reads++;
    /* Once greedy, it stays so until it has little: who sends in bursts is read in one call each. */
    stream->greedy = len >= QUIET_PART;
    if (len > 0) {
        ev->info.bytes_read += (uint64_t)len;
        /* After an error the link has closed itself, and the stream knows. */
        (void)toxtcp_link_recv(stream->link, ev->read_buffer, (size_t)len, now_ms);
        return (size_t)len;
    }
    if (len == 0 || !is_not_now(errno)) {
        const int error = len == 0 ? TOXTCP_ERR_CLOSED : socket_error(errno);
        stream_end(stream, stream->write_error ? stream->write_error : error);
    }
    return 0;
}

/* --- Connecting --- */

static void on_connected(struct stream *stream)
{
    struct toxtcp_address remote;

    stream->connected = true;
    if (stream->candidates) {
        candidates_drop(stream->candidates);
        stream->candidates = NULL;
    }
    watch(stream);
    const bool known = socket_remote_address(stream->io.fd, &remote);
    toxtcp_link_connected(stream->link, known ? &remote : NULL, toxtcp_ev_now(stream->ev));
}

static void on_connect_result(struct stream *stream)
{
    const int error = socket_connect_result(stream->io.fd);

    if (!error) {
        on_connected(stream);
    } else if (stream->candidates) {
        candidates_failed(stream->candidates, error);
    } else {
        stream_end(stream, error);
    }
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct stream *stream = io->data;
    struct toxtcp_ev *ev = stream->ev;

    (void)loop;
    if (stream->connected) {
        if (events & EV_READ) {
            turn_add(stream);
        }
        if (events & EV_WRITE) {
            turn_mark_dirty(stream);
        }
        return;
    }
    driver_enter(ev);
    on_connect_result(stream);
    if (stream->keeper) {
        keeper_arm(stream->keeper);
    }
    driver_leave(ev);
}

static void start(struct stream *stream, int fd, int events)
{
    ev_io_set(&stream->io, fd, events);
    ev_io_start(stream->ev->loop, &stream->io);
}

int stream_connect(struct stream *stream, const struct toxtcp_address *address)
{
    const int fd = socket_connect(address, &stream->ev->source);

    if (fd < 0) {
        return fd;
    }
    /* Even a socket that is connected already is reported by the loop, never out of dial(). */
    start(stream, fd, EV_WRITE);
    return TOXTCP_OK;
}

struct stream *stream_new(struct toxtcp_ev *ev, int fd)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (stream) {
        stream->ev = ev;
        ev_io_init(&stream->io, on_io, fd, 0);
        ev_set_priority(&stream->io, PRIORITY_SOCKET);
        stream->io.data = stream;
        ev->info.stream_count++;
    }
    return stream;
}

void stream_adopt(struct stream *stream, struct toxtcp_link *link)
{
    stream->link = link;
    stream->connected = true;
    toxtcp_link_set_driver_data(link, stream);
    start(stream, stream->io.fd, EV_READ);
}

/* --- What the core asks for --- */

static int connect_to_endpoint(struct stream *stream, const struct toxtcp_endpoint *endpoint)
{
    struct toxtcp_address address;

    if (!endpoint->host) {
        return stream_connect(stream, &endpoint->address);
    }
    if (socket_address_parse(endpoint->host, endpoint->address.port, &address)) {
        return stream_connect(stream, &address);
    }
    return candidates_start(stream, endpoint->host, endpoint->address.port);
}

static int driver_dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct stream *stream = stream_new(user, -1);

    if (!stream) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    const int error = connect_to_endpoint(stream, endpoint);
    if (error) {
        stream_forget(stream);
        return error;
    }
    stream->link = link;
    toxtcp_link_set_driver_data(link, stream);
    return TOXTCP_OK;
}

static void driver_output_ready(void *user, struct toxtcp_link *link)
{
    struct toxtcp_ev *ev = user;
    struct stream *stream = toxtcp_link_driver_data(link);

    assert(stream);
    if (ev->observe && !ev->busy) {
        (void)driver_now(ev);
    }
    stream->waiting_since_ns = ev->now_ns;
    turn_mark_dirty(stream);
}

/* What lies in the socket stays there, and fills up the way from the sender. */
static void driver_want_input(void *user, struct toxtcp_link *link, bool wanted)
{
    struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    if (!stream || !stream->connected || stream->paused == !wanted) {
        return;
    }
    stream->paused = !wanted;
    if (stream->paused) {
        turn_remove(stream);
    }
    watch(stream);
}

/* Attached objects are looked at in every turn; a client of its own only when it is touched, or asks. */
static void driver_attend(void *user, struct toxtcp_link *link)
{
    const struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    if (stream && stream->keeper) {
        keeper_wake(stream->keeper);
    }
}

static void driver_close(void *user, struct toxtcp_link *link)
{
    struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    if (!stream) {
        return;
    }
    if (stream->connected && !stream->write_error) {
        (void)write_some(stream);
    }
    stream_forget(stream);
}

void stream_driver_init(struct toxtcp_driver *driver, struct toxtcp_ev *ev)
{
    driver->user = ev;
    driver->dial = driver_dial;
    driver->output_ready = driver_output_ready;
    driver->attend = driver_attend;
    driver->close = driver_close;
    driver->want_input = driver_want_input;
}

int toxtcp_ev_socket(const struct toxtcp_link *link)
{
    const struct stream *stream = toxtcp_link_driver_data(link);

    return stream ? stream->io.fd : -1;
}
