/* Streams of the in-memory network, and what moves in them. SPDX-License-Identifier: ISC */
#include "net_stream.h"

#include <stdlib.h>
#include <string.h>

/* --- Bytes --- */

void net_bytes_add(struct bytes *bytes, const uint8_t *added, size_t len)
{
    if (bytes->front + bytes->len + len > bytes->size) {
        uint8_t *memory = net_must(malloc(2 * (bytes->len + len)));
        if (bytes->len > 0) {
            memcpy(memory, bytes->memory + bytes->front, bytes->len);
        }
        free(bytes->memory);
        *bytes = (struct bytes){.memory = memory, .len = bytes->len, .size = 2 * (bytes->len + len)};
    }
    if (len > 0) {
        memcpy(bytes->memory + bytes->front + bytes->len, added, len);
        bytes->len += len;
    }
}

void net_bytes_drop(struct bytes *bytes, size_t len)
{
    bytes->front += len;
    bytes->len -= len;
    if (bytes->len == 0) {
        bytes->front = 0;
    }
}

void net_bytes_free(struct bytes *bytes)
{
    free(bytes->memory);
    *bytes = (struct bytes){0};
}

/* --- Ends --- */

struct end *net_end_other(struct end *end)
{
    return end == &end->stream->near ? &end->stream->far : &end->stream->near;
}

bool net_end_is_over(const struct end *end)
{
    return !end->link && !end->raw;
}

void net_end_over(struct end *end, int raw_error)
{
    if (end->link) {
        net_objects_forget_link(&end->stream->net->objects, end->link);
        toxtcp_link_set_driver_data(end->link, NULL);
        end->link = NULL;
    }
    if (end->raw) {
        end->raw->error = raw_error;
        end->raw->end = NULL;
        if (!end->raw->taken) {
            net_bytes_free(&end->raw->in);
            free(end->raw);
        }
        end->raw = NULL;
    }
    net_bytes_free(&end->in);
}

void net_end_set_hears(struct end *end, int error)
{
    if (!net_end_is_over(end) && !end->hears) {
        end->hears = error;
    }
}

size_t net_end_room(const struct end *end, size_t len)
{
    const size_t window = end->stream->net->window;

    if (net_end_is_over(end) || window == 0 || end->in.len + len <= window) {
        return len;
    }
    return end->in.len < window ? window - end->in.len : 0;
}

void net_end_put(struct end *end, const uint8_t *bytes, size_t len)
{
    if (!net_end_is_over(end)) {
        net_bytes_add(&end->in, bytes, len);
    }
}

/* --- Streams --- */

struct place *net_place_find(const struct net *net, const struct toxtcp_address *address)
{
    for (size_t i = 0; i < net->place_count; i++) {
        if (toxtcp_address_equal(&net->places[i]->address, address)) {
            return net->places[i];
        }
    }
    return NULL;
}

struct place *net_place_get(struct net *net, const struct toxtcp_address *address)
{
    struct place *place = net_place_find(net, address);

    if (!place) {
        place = net_must(calloc(1, sizeof *place));
        place->address = *address;
        net->places = net_must(realloc(net->places, (net->place_count + 1) * sizeof(struct place *)));
        net->places[net->place_count] = place;
        net->place_count++;
    }
    return place;
}

struct stream *net_stream_add(struct net *net, const struct toxtcp_address *address,
                              const struct toxtcp_address *source)
{
    struct stream *stream = net_must(calloc(1, sizeof *stream));

    stream->net = net;
    stream->place = net_place_get(net, address);
    stream->place->dial_count++;
    stream->source = source ? *source : net_address(net->source_port++);
    stream->near.stream = stream;
    stream->far.stream = stream;
    net->streams = net_must(realloc(net->streams, (net->stream_count + 1) * sizeof(struct stream *)));
    net->streams[net->stream_count] = stream;
    net->stream_count++;
    return stream;
}

void net_stream_free(struct stream *stream)
{
    net_end_over(&stream->near, TOXTCP_ERR_CLOSED);
    net_end_over(&stream->far, TOXTCP_ERR_CLOSED);
    free(stream);
}

/* --- One round: each returns whether anything moved --- */

static bool tell_end(struct end *end)
{
    struct toxtcp_link *link = end->link;
    const int error = end->hears;

    net_end_over(end, error);
    if (link) {
        toxtcp_link_closed(link, error, end->stream->net->now_ms);
    }
    return true;
}

static int accept_stream(struct stream *stream)
{
    struct place *place = stream->place;
    struct end *far = &stream->far;

    if (place->raw_listening) {
        far->raw = net_must(calloc(1, sizeof *far->raw));
        far->raw->end = far;
        return TOXTCP_OK;
    }
    stream->server = place->server;
    const int error = toxtcp_server_accept(place->server, &stream->source, stream->net->now_ms, &far->link);
    if (!error) {
        toxtcp_link_set_driver_data(far->link, far);
    }
    return error;
}

static bool open_stream(struct stream *stream)
{
    struct end *near = &stream->near;
    struct place *place = stream->place;

    if (net_end_is_over(near)) {
        return false;
    }
    if (near->hears) {
        return tell_end(near);
    }
    if (place->stalled) {
        return false;
    }
    if (place->dial_error || (!place->server && !place->raw_listening)) {
        net_end_set_hears(near, place->dial_error ? place->dial_error : TOXTCP_ERR_REFUSED);
        return tell_end(near);
    }
    stream->open = true;
    if (accept_stream(stream) != 0) {
        /* The kernel had accepted it; then the relay closed the socket. */
        net_end_set_hears(near, TOXTCP_ERR_CLOSED);
    }
    if (near->link) {
        toxtcp_link_connected(near->link, &place->address, stream->net->now_ms);
    }
    /* The public contract promises output then, not that it is said. */
    near->output_said = near->link != NULL;
    return true;
}

static bool write_link(struct end *end)
{
    const uint8_t *bytes = NULL;
    const size_t len = toxtcp_link_output(end->link, &bytes);
    const size_t taken = net_end_room(net_end_other(end), len);

    end->output_said = taken < len;
    if (taken == 0) {
        return false;
    }
    net_end_put(net_end_other(end), bytes, taken);
    toxtcp_link_sent(end->link, taken, end->stream->net->now_ms);
    return true;
}

static bool write_raw(struct end *end)
{
    struct bytes *out = &end->raw->out;
    const size_t taken = net_end_room(net_end_other(end), out->len);

    if (taken == 0) {
        return false;
    }
    net_end_put(net_end_other(end), out->memory + out->front, taken);
    net_bytes_drop(out, taken);
    return true;
}

static bool write_end(struct end *end)
{
    if (end->hears) {
        return false;
    }
    if (end->link && end->output_said) {
        return write_link(end);
    }
    return end->raw ? write_raw(end) : false;
}

/* Hands over an exact copy, so that a memory checker sees every byte read beside it. */
static void read_link(struct end *end, size_t len)
{
    uint8_t *copy = net_must(malloc(len));

    memcpy(copy, end->in.memory + end->in.front, len);
    net_bytes_drop(&end->in, len);
    (void)toxtcp_link_recv(end->link, copy, len, end->stream->net->now_ms);
    free(copy);
}

static bool read_end(struct end *end)
{
    const size_t piece = end->stream->net->piece;
    const size_t len = piece && piece < end->in.len ? piece : end->in.len;

    if (net_end_is_over(end)) {
        return false;
    }
    if (end->stream->broken && end->hears) {
        return tell_end(end);
    }
    if (end->stream->place->stalled || (end->raw && end->raw->paused) || (end->link && end->resting)) {
        return false;
    }
    if (len == 0) {
        return end->hears ? tell_end(end) : false;
    }
    if (end->link) {
        read_link(end, len);
    } else {
        net_bytes_add(&end->raw->in, end->in.memory + end->in.front, len);
        net_bytes_drop(&end->in, len);
    }
    return true;
}

bool net_stream_move(struct stream *stream)
{
    bool moved = false;

    if (!stream->open) {
        return open_stream(stream);
    }
    moved |= write_end(&stream->near);
    moved |= write_end(&stream->far);
    moved |= read_end(&stream->far);
    moved |= read_end(&stream->near);
    return moved;
}

void net_end_check(const struct end *end)
{
    const uint8_t *bytes;

    if (end->link && end->stream->open && !end->output_said && !end->hears) {
        net_require(toxtcp_link_output(end->link, &bytes) == 0, "a link has output and has not said so");
    }
}
