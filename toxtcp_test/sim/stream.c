/* Streams of the simulated network: dialling, moving bytes, ending. SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "network_private.h"
#include "support/net_env.h"

enum { SYN_RETRY_MS = 1000, SYN_TRIES_MAX = 6, RELEASE_MIN_MS = 50, RELEASE_MAX_MS = 1500 };

static uint64_t now_of(const struct stream *stream)
{
    return stream->network->events->now_ms;
}

static struct end *other_end(struct end *end)
{
    return end == &end->stream->near ? &end->stream->far : &end->stream->near;
}

static bool is_blocked(const struct stream *stream)
{
    return stream->dead || stream->stalls > 0 || (stream->path && stream->path->blocks > 0);
}

/* The line to the other end, with what it takes longer this time. */
static struct pipe_line line_of(const struct stream *stream)
{
    const struct path *path = stream->path;

    return (struct pipe_line){.latency_ms = path->latency_ms,
                              .jitter_ms = dice_below(&stream->network->dice, path->jitter_ms + 1),
                              .bytes_per_ms = path->bytes_per_ms};
}

/* Nobody is at this end any more. */
static void detach(struct end *end)
{
    if (end->link) {
        toxtcp_link_set_driver_data(end->link, NULL);
        end->link = NULL;
    }
    end->has_output = false;
    event_set(end->stream->network->events, &end->room, TOXTCP_NEVER);
    end->stream->network->to_be_swept = true;
}

static bool is_over(const struct stream *stream)
{
    return !stream->near.link && !stream->far.link && !stream->to_be_accepted;
}

static void await_arrival(struct end *end)
{
    const uint64_t next_ms = pipe_next(&end->in);

    event_set(end->stream->network->events, &end->arrival, next_ms < end->reset_at_ms ? next_ms : end->reset_at_ms);
}

static void send_reset(struct end *to)
{
    const struct stream *stream = to->stream;

    /* One that is lost is not sent again. */
    if (to->reset_at_ms == TOXTCP_NEVER && !is_blocked(stream)) {
        to->reset_at_ms = now_of(stream) + stream->path->latency_ms;
        await_arrival(to);
    }
}

/* --- Arriving --- */

static void hear_end(struct end *end, int error)
{
    struct toxtcp_link *link = end->link;

    detach(end);
    pipe_clear(&end->in);
    if (link) {
        host_count_move(end->host);
        toxtcp_link_closed(link, error, host_now(end->host));
    }
}

static void tell_room(struct end *writer)
{
    const struct stream *stream = writer->stream;

    if (writer->has_output) {
        event_hasten(stream->network->events, &writer->room, now_of(stream) + stream->path->latency_ms);
    }
}

/* Hands over an exact copy, so that a memory checker sees every byte read beside it. */
static void hand_over(struct end *end, size_t len)
{
    uint8_t *copy = net_must(malloc(len));

    pipe_read(&end->in, copy, len);
    end->stream->network->bytes += len;
    host_count_move(end->host);
    tell_room(other_end(end));
    (void)toxtcp_link_recv(end->link, copy, len, host_now(end->host));
    free(copy);
}

static void read_arrived(struct end *end)
{
    struct network *network = end->stream->network;
    size_t len = pipe_arrived(&end->in, now_of(end->stream));

    while (end->link && len > 0) {
        const bool cut = dice_chance(&network->dice, network->manners.cut_read);
        const size_t part = cut ? dice_skewed(&network->dice, 1, (uint32_t)len) : len;
        hand_over(end, part);
        len -= part;
        if (cut && dice_chance(&network->dice, 50)) {
            if (pipe_next(&end->in) == TOXTCP_NEVER) {
                return;
            }
            pipe_hold(&end->in, now_of(end->stream) + 1);
            return;
        }
    }
}

/* Bytes for a process that is not there: its kernel resets the stream. */
static void turn_away(struct end *end)
{
    if (pipe_arrived(&end->in, now_of(end->stream)) > 0) {
        pipe_clear(&end->in);
        if (end->host->powered) {
            send_reset(other_end(end));
        }
    }
}

/* Everything that is there for this end by now. */
static void take(struct end *end)
{
    if (end->reset_at_ms <= now_of(end->stream)) {
        hear_end(end, TOXTCP_ERR_RESET);
        end->reset_at_ms = TOXTCP_NEVER;
        return;
    }
    read_arrived(end);
    if (!end->link) {
        turn_away(end);
        return;
    }
    const int error = pipe_ended(&end->in, now_of(end->stream));
    if (error) {
        hear_end(end, error);
    }
}

static bool is_held(const struct end *end)
{
    const struct stream *stream = end->stream;

    if (end->host->suspended || (end == &stream->far && stream->to_be_accepted)) {
        return true;
    }
    return is_blocked(stream) && end->reset_at_ms > now_of(stream);
}

static void on_arrival(void *user)
{
    struct end *end = user;
    struct stream *stream = end->stream;

    /* Held back, or kept by the kernel: stream_release() and end_resume() go on with it. */
    if (is_held(end)) {
        return;
    }
    take(end);
    if (end->link) {
        await_arrival(end);
    }
    host_settle(end->host);
    streams_sweep(stream->network);
}

/* --- Writing --- */

static size_t room_towards(const struct end *end)
{
    const size_t buffer = end->stream->path->buffer;

    return end->in.len < buffer ? buffer - end->in.len : 0;
}

static void put(struct end *to, const uint8_t *bytes, size_t len)
{
    const struct pipe_line line = line_of(to->stream);

    pipe_write(&to->in, bytes, len, &line, now_of(to->stream));
    if (!is_blocked(to->stream)) {
        event_hasten(to->stream->network->events, &to->arrival, pipe_next(&to->in));
    }
}

/* Whether somebody takes what is written, so that there is room again soon. Bytes that leave later than others because
 * there was none are a sign of life, which only one who lives may give. */
static bool is_drained(const struct end *to)
{
    return to->link && !to->host->suspended && !is_blocked(to->stream);
}

void end_write(struct end *end)
{
    struct network *network = end->stream->network;
    const uint8_t *bytes = NULL;
    const size_t len = toxtcp_link_output(end->link, &bytes);
    const size_t room = room_towards(other_end(end));
    size_t taken = len < room ? len : room;

    if (taken > 0 && is_drained(other_end(end)) && dice_chance(&network->dice, network->manners.cut_write)) {
        taken = dice_skewed(&network->dice, 1, (uint32_t)taken);
    }
    if (taken < len && taken < room) {
        event_hasten(network->events, &end->room, network->events->now_ms + 1);
    }
    end->has_output = taken < len;
    if (taken > 0) {
        put(other_end(end), bytes, taken);
        host_count_move(end->host);
        toxtcp_link_sent(end->link, taken, host_now(end->host));
    }
}

static void on_room(void *user)
{
    struct end *end = user;

    if (end->link && end->has_output && !end->host->suspended) {
        host_add_writer(end->host, end);
        host_settle(end->host);
        streams_sweep(end->stream->network);
    }
}

/* --- Dialling --- */

/* The answer reaches the dialler. */
static void hear_answer(struct stream *stream)
{
    struct end *near = &stream->near;

    if (!near->link) {
        return;
    }
    stream->state = STREAM_OPEN;
    if (stream->answer) {
        hear_end(near, stream->answer);
        return;
    }
    host_count_move(near->host);
    toxtcp_link_connected(near->link, &stream->far.host->address, host_now(near->host));
    /* The contract promises output then, not that it is said. */
    if (near->link) {
        host_add_writer(near->host, near);
        await_arrival(near);
    }
}

static void accept_now(struct stream *stream)
{
    struct end *far = &stream->far;
    struct host *host = far->host;

    stream->to_be_accepted = false;
    stream->network->to_be_swept = true;
    const int error = host->kind->accept(host->object, &stream->source, host_now(host), &far->link);
    if (error) {
        const struct pipe_line line = line_of(stream);
        far->link = NULL;
        pipe_end(&stream->near.in, TOXTCP_ERR_CLOSED, &line, now_of(stream));
        return;
    }
    toxtcp_link_set_driver_data(far->link, far);
    await_arrival(far);
}

static bool is_refused(const struct host *host)
{
    return !host->object || host->refuses || !host->kind->accept;
}

/* The dial reaches the other host. */
static void hear_dial(struct stream *stream)
{
    struct host *host = stream->far.host;

    stream->state = STREAM_ANSWERED;
    event_set(stream->network->events, &stream->dialling, now_of(stream) + stream->path->latency_ms);
    if (is_refused(host)) {
        stream->answer = TOXTCP_ERR_REFUSED;
        return;
    }
    stream->to_be_accepted = true;
    if (!host->suspended) {
        accept_now(stream);
        host_settle(host);
    }
}

/* Nobody answered: a kernel asks again after 1, 3, 7, ... s. */
static void dial_again(struct stream *stream)
{
    stream->tries++;
    if (stream->tries < SYN_TRIES_MAX) {
        const uint64_t wait_ms = ((uint64_t)SYN_RETRY_MS << stream->tries) - SYN_RETRY_MS;
        event_set(stream->network->events, &stream->dialling,
                  stream->dialled_at_ms + wait_ms + stream->path->latency_ms);
    }
}

static void on_dialling(void *user)
{
    struct stream *stream = user;
    struct host *near = stream->near.host;

    if (!stream->near.link && !stream->to_be_accepted && !stream->far.link) {
        return;
    }
    if (!stream->far.host) {
        stream->answer = TOXTCP_ERR_UNREACHABLE;
        hear_answer(stream);
    } else if (is_blocked(stream) || (stream->state == STREAM_DIALLING && !stream->far.host->powered)) {
        dial_again(stream);
        return;
    } else if (stream->state == STREAM_DIALLING) {
        hear_dial(stream);
        return;
    } else if (!near->suspended) {
        hear_answer(stream);
    } else {
        return; /* its kernel knows; end_resume() tells the process */
    }
    host_settle(near);
    streams_sweep(stream->network);
}

static void open_end(struct end *end, struct stream *stream, struct host *host)
{
    struct events *events = stream->network->events;

    end->stream = stream;
    end->host = host;
    end->reset_at_ms = TOXTCP_NEVER;
    event_join(events, &end->arrival, EVENT_BYTES, on_arrival, end);
    event_join(events, &end->room, EVENT_BYTES, on_room, end);
}

static void link_in(struct network *network, struct stream *stream)
{
    stream->next = network->streams;
    if (network->streams) {
        network->streams->prev = stream;
    }
    network->streams = stream;
}

struct stream *stream_new(struct host *near, struct host *far, struct toxtcp_link *link)
{
    struct network *network = near->network;
    struct stream *stream = net_must(calloc(1, sizeof *stream));

    stream->network = network;
    stream->number = ++network->last_number;
    stream->path = far ? network_path(network, near, far) : NULL;
    stream->source = near->address;
    stream->source.port = near->next_port++;
    stream->dialled_at_ms = now_of(stream);
    open_end(&stream->near, stream, near);
    open_end(&stream->far, stream, far);
    stream->near.link = link;
    toxtcp_link_set_driver_data(link, &stream->near);
    event_join(network->events, &stream->dialling, EVENT_BYTES, on_dialling, stream);
    event_set(network->events, &stream->dialling, now_of(stream) + (far ? stream->path->latency_ms : 1));
    link_in(network, stream);
    return stream;
}

/* --- Ending --- */

void end_close(struct end *end)
{
    struct stream *stream = end->stream;
    struct end *other = other_end(end);
    const uint8_t *bytes = NULL;
    const bool open = end == &stream->far || stream->state == STREAM_OPEN;

    if (open && (other->link || stream->to_be_accepted) && !other->in.end) {
        const struct pipe_line line = line_of(stream);
        const size_t len = toxtcp_link_output(end->link, &bytes);
        const size_t room = room_towards(other);
        put(other, bytes, len < room ? len : room);
        pipe_end(&other->in, TOXTCP_ERR_CLOSED, &line, now_of(stream));
        event_hasten(stream->network->events, &other->arrival, pipe_next(&other->in));
    } else if (other->link || stream->to_be_accepted) {
        send_reset(other);
    }
    detach(end);
}

void end_lose(struct end *end, bool told)
{
    if (!end->link && !(end->stream->to_be_accepted && end == &end->stream->far)) {
        return;
    }
    if (end == &end->stream->far) {
        end->stream->to_be_accepted = false;
    }
    detach(end);
    pipe_clear(&end->in);
    if (told && other_end(end)->link) {
        send_reset(other_end(end));
    }
}

void end_resume(struct end *end)
{
    struct stream *stream = end->stream;

    if (stream->to_be_accepted && end == &stream->far) {
        accept_now(stream);
    }
    if (is_held(end)) {
        return;
    }
    if (end == &stream->near && stream->state == STREAM_ANSWERED && stream->dialling.item.key == TOXTCP_NEVER) {
        hear_answer(stream);
    }
    take(end);
    if (end->link) {
        await_arrival(end);
    }
}

static void hear_reset_soon(struct end *end)
{
    if (end->link) {
        end->reset_at_ms = now_of(end->stream);
        await_arrival(end);
    }
}

void stream_die(struct stream *stream, bool told)
{
    if (told) {
        hear_reset_soon(&stream->near);
        hear_reset_soon(&stream->far);
    } else {
        stream->dead = true;
    }
}

static void release_end(struct end *end)
{
    struct network *network = end->stream->network;

    if (pipe_next(&end->in) == TOXTCP_NEVER) {
        return;
    }
    pipe_hold(&end->in, now_of(end->stream) + dice_between(&network->dice, RELEASE_MIN_MS, RELEASE_MAX_MS));
    await_arrival(end);
}

void stream_release(struct stream *stream)
{
    if (!is_blocked(stream)) {
        release_end(&stream->near);
        release_end(&stream->far);
    }
}

static void stream_free(struct stream *stream)
{
    struct events *events = stream->network->events;

    event_leave(events, &stream->dialling);
    event_leave(events, &stream->near.arrival);
    event_leave(events, &stream->near.room);
    event_leave(events, &stream->far.arrival);
    event_leave(events, &stream->far.room);
    pipe_clear(&stream->near.in);
    pipe_clear(&stream->far.in);
    free(stream);
}

static void link_out(struct stream *stream)
{
    if (stream->prev) {
        stream->prev->next = stream->next;
    } else {
        stream->network->streams = stream->next;
    }
    if (stream->next) {
        stream->next->prev = stream->prev;
    }
}

void streams_sweep(struct network *network)
{
    struct stream *next;

    if (!network->to_be_swept) {
        return;
    }
    network->to_be_swept = false;
    for (struct stream *stream = network->streams; stream; stream = next) {
        next = stream->next;
        if (is_over(stream)) {
            link_out(stream);
            stream_free(stream);
        }
    }
}

/* --- Single streams --- */

static struct stream *find(const struct network *network, uint32_t number)
{
    struct stream *stream = network->streams;

    while (stream && stream->number != number) {
        stream = stream->next;
    }
    return stream;
}

static bool can_be_picked(const struct stream *stream)
{
    return stream->state == STREAM_OPEN && stream->near.link && stream->far.link && !stream->dead;
}

uint32_t network_pick_stream(struct network *network)
{
    uint32_t picked = 0;
    uint32_t count = 0;

    for (const struct stream *stream = network->streams; stream; stream = stream->next) {
        if (can_be_picked(stream)) {
            count++;
            picked = dice_below(&network->dice, count) == 0 ? stream->number : picked;
        }
    }
    return picked;
}

uint32_t network_find_stream(const struct network *network, const struct host *dialler, const struct host *listener)
{
    for (const struct stream *stream = network->streams; stream; stream = stream->next) {
        if (can_be_picked(stream) && stream->near.host == dialler && stream->far.host == listener) {
            return stream->number;
        }
    }
    return 0;
}

bool network_is_connected(const struct network *network, const struct host *dialler, const struct host *listener)
{
    const struct stream *stream = find(network, network_find_stream(network, dialler, listener));

    return stream && !is_blocked(stream);
}

bool stream_hosts(const struct network *network, uint32_t number, struct host **dialler, struct host **listener)
{
    const struct stream *stream = find(network, number);

    if (!stream) {
        return false;
    }
    *dialler = stream->near.host;
    *listener = stream->far.host;
    return true;
}

void stream_reset(struct network *network, uint32_t number)
{
    struct stream *stream = find(network, number);

    if (stream) {
        stream_die(stream, true);
    }
}

void stream_half_open(struct network *network, uint32_t number, bool dialler_hears)
{
    struct stream *stream = find(network, number);

    if (stream) {
        hear_reset_soon(dialler_hears ? &stream->near : &stream->far);
    }
}

void stream_stall(struct network *network, uint32_t number, bool stalled)
{
    struct stream *stream = find(network, number);

    if (stream && stalled) {
        stream->stalls++;
    } else if (stream) {
        stream->stalls--;
        stream_release(stream);
    }
}
