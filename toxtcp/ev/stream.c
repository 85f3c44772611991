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

static void hang_up(struct stream *stream)
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
    if (stream->dialled) {
        DL_DELETE2(ev->dialled, stream, dialled_prev, dialled_next);
        stream->dialled = false;
    }
    if (stream->race) {
        race_drop(stream->race);
        stream->race = NULL;
    }
    if (stream->keeper) {
        keeper_drop(stream->keeper);
        stream->keeper = NULL;
    }
    if (stream->link) {
        toxtcp_link_set_driver_data(stream->link, NULL);
        stream->link = NULL;
    }
    hang_up(stream);
    free(stream->early);
    stream->early = NULL;
    ev->info.stream_count--;
    driver_bury(ev, &stream->corpse);
}

/* The stream ends as they do on a way that lets data in a SYN through and nothing after it: dead, or reset. What the
 * user ends at once, or the network, tells nothing. */
static void note_early_end(const struct stream *stream)
{
    const uint64_t now_ms = toxtcp_ev_now(stream->ev);

    if (stream->early && now_ms - stream->early->connected_ms >= EARLY_PATIENCE_MS) {
        fast_open_note_trouble(&stream->ev->fast_open, &stream->early->address, now_ms);
    }
}

/* What to tell the link when the other side ended the stream. A relay with another key closes in order when it has read
 * the handshake. It may also reset, when it has no room and has read nothing; but so may the way, when the handshake
 * came with the SYN. The next stream goes without, and shows which it is. */
static int judge_end(const struct stream *stream, int error)
{
    if (!stream->early || error != TOXTCP_ERR_RESET) {
        return error;
    }
    fast_open_note_trouble(&stream->ev->fast_open, &stream->early->address, toxtcp_ev_now(stream->ev));
    return TOXTCP_ERR_NETWORK;
}

void stream_end(struct stream *stream, int error)
{
    struct toxtcp_link *link = stream->link;

    if (error == TOXTCP_ERR_TIMED_OUT) {
        note_early_end(stream);
    }
    error = judge_end(stream, error);
    stream_forget(stream);
    toxtcp_link_closed(link, error, toxtcp_ev_now(stream->ev));
}

/* --- Writing --- */

/* With `last` no output follows: the end of the stream leaves in the same segment when the socket is shut or closed. */
static ssize_t write_some(struct stream *stream, bool last)
{
    struct toxtcp_ev *ev = stream->ev;
    const uint8_t *bytes;
    const size_t len = toxtcp_link_output(stream->link, &bytes);

    if (len == 0) {
        return 0;
    }
    const ssize_t written = socket_send(stream->io.fd, bytes, len, last);
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

void stream_finish(struct stream *stream)
{
    stream->finishing = true;
    turn_mark_dirty(stream);
}

/* Writing is over when the last output is written. */
static void shut_when_written(struct stream *stream)
{
    const uint8_t *bytes;

    if (stream->finishing && toxtcp_link_output(stream->link, &bytes) == 0) {
        (void)shutdown(stream->io.fd, SHUT_WR);
        stream->finished = true;
    }
}

void stream_flush(struct stream *stream)
{
    const uint8_t *bytes;

    turn_unmark_dirty(stream);
    if (stream->write_error || stream->finished) {
        return;
    }
    const ssize_t written = write_some(stream, stream->finishing);
    if (written < 0 && !is_not_now(errno)) {
        handle_write_error(stream, errno);
        return;
    }
    if (written > 0) {
        toxtcp_link_sent(stream->link, (size_t)written, stream->ev->now_ns / NS_PER_MS);
    }
    /* A stream that became dirty again is written in the next round. */
    if (stream->link) {
        shut_when_written(stream);
        stream->full = !stream->dirty && toxtcp_link_output(stream->link, &bytes) > 0;
        watch(stream);
    }
}

/* --- Reading --- */

/* The other side has said all. Where ours was the last word, that is in order only if it had come there before. */
static int end_error(const struct stream *stream)
{
    const bool unheard = stream->finishing && (!stream->finished || !socket_is_drained(stream->io.fd));

    return unheard ? TOXTCP_ERR_RESET : TOXTCP_ERR_CLOSED;
}

/* Data in the SYN was answered, so that the way takes it. */
static void note_answer(struct stream *stream)
{
    if (stream->early->taken) {
        fast_open_note_success(&stream->ev->fast_open, &stream->early->address);
    }
    free(stream->early);
    stream->early = NULL;
}

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
        if (stream->early) {
            note_answer(stream);
        }
        /* After an error the link has closed itself, and the stream knows. */
        (void)toxtcp_link_recv(stream->link, ev->read_buffer, (size_t)len, now_ms);
        return (size_t)len;
    }
    if (len == 0 || !is_not_now(errno)) {
        const int error = len == 0 ? end_error(stream) : socket_error(errno);
        stream_end(stream, stream->write_error ? stream->write_error : error);
    }
    return 0;
}

/* --- Connecting --- */

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct stream *stream = io->data;

    (void)loop;
    if (events & EV_READ) {
        turn_add(stream);
    }
    if (events & EV_WRITE) {
        turn_mark_dirty(stream);
    }
}

static void start(struct stream *stream, int fd)
{
    stream->connected = true;
    ev_io_set(&stream->io, fd, EV_READ);
    ev_io_start(stream->ev->loop, &stream->io);
}

void stream_connected(struct stream *stream, int fd, const struct early *early)
{
    struct toxtcp_address remote;
    const size_t sent = early->sent;
    const uint64_t sent_ms = early->sent_ms;

    if (sent > 0) {
        /* Without memory for it nothing is learnt of the way. */
        stream->early = malloc(sizeof *stream->early);
        if (stream->early) {
            *stream->early = *early;
            stream->early->connected_ms = toxtcp_ev_now(stream->ev);
        }
    }
    race_drop(stream->race);
    stream->race = NULL;
    start(stream, fd);
    const bool known = socket_remote_address(fd, &remote);
    toxtcp_link_connected(stream->link, known ? &remote : NULL, driver_now(stream->ev));
    if (sent > 0 && stream->link) {
        toxtcp_link_sent(stream->link, sent, sent_ms);
    }
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
    toxtcp_link_set_driver_data(link, stream);
    start(stream, stream->io.fd);
}

/* --- What the core asks for --- */

static int connect_to_endpoint(struct stream *stream, const struct toxtcp_endpoint *endpoint)
{
    struct toxtcp_address address;

    if (!endpoint->host) {
        return race_start(stream, &endpoint->address);
    }
    if (socket_address_parse(endpoint->host, endpoint->address.port, &address)) {
        return race_start(stream, &address);
    }
    return race_start_name(stream, endpoint->host, endpoint->address.port);
}

static int driver_dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct stream *stream = stream_new(user, -1);

    if (!stream) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    stream->link = link;
    const int error = connect_to_endpoint(stream, endpoint);
    if (error) {
        stream->link = NULL;
        stream_forget(stream);
        return error;
    }
    toxtcp_link_set_driver_data(link, stream);
    stream->dialled = true;
    DL_APPEND2(stream->ev->dialled, stream, dialled_prev, dialled_next);
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

static bool driver_path(void *user, struct toxtcp_link *link, struct toxtcp_path *path)
{
    const struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    return stream && stream->connected && alive_get_path(stream->io.fd, path);
}

static void driver_close(void *user, struct toxtcp_link *link)
{
    struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    if (!stream) {
        return;
    }
    /* When something lies unread in the socket, close() resets the stream, and what was held back for its end would
     * never leave. */
    if (stream->connected && !stream->write_error && !stream->finished && write_some(stream, true) != 0) {
        (void)shutdown(stream->io.fd, SHUT_WR);
    }
    note_early_end(stream);
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
    driver->path = driver_path;
}

int toxtcp_ev_socket(const struct toxtcp_link *link)
{
    const struct stream *stream = toxtcp_link_driver_data(link);

    return stream ? stream->io.fd : -1;
}

bool toxtcp_ev_is_resolving(const struct toxtcp_link *link)
{
    const struct stream *stream = toxtcp_link_driver_data(link);

    return stream && stream->race && race_is_resolving(stream->race);
}
