/* One direction of a stream. SPDX-License-Identifier: ISC */
#include "pipe.h"

#include <stdlib.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "support/net_env.h"

enum { FIRST_SIZE = 512, FIRST_PIECES = 4 };

struct piece {
    uint64_t arrives_at_ms;
    size_t len;
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A sum that knows the order of the bytes (Fletcher's, without the modulus). */
static void sum_add(struct pipe_sum *sum, const uint8_t *bytes, size_t len)
{
    uint64_t low = sum->low;
    uint64_t high = sum->high;

    for (size_t i = 0; i < len; i++) {
        low += bytes[i];
        high += low;
    }
    sum->low = low;
    sum->high = high;
    sum->len += len;
}

static void make_room(struct pipe *pipe, size_t len)
{
    if (pipe->front + pipe->len + len <= pipe->size) {
        return;
    }
    size_t size = pipe->size ? pipe->size : FIRST_SIZE;
    while (size < 2 * (pipe->len + len)) {
        size *= 2;
    }
    uint8_t *bytes = net_must(malloc(size));
    if (pipe->len > 0) {
        memcpy(bytes, pipe->bytes + pipe->front, pipe->len);
    }
    free(pipe->bytes);
    pipe->bytes = bytes;
    pipe->front = 0;
    pipe->size = size;
}

static void make_piece_room(struct pipe *pipe)
{
    if (pipe->piece_front + pipe->piece_count < pipe->piece_size) {
        return;
    }
    const uint32_t size = pipe->piece_count ? 2 * pipe->piece_count + 2 : FIRST_PIECES;
    struct piece *pieces = net_must(malloc(size * sizeof *pieces));
    if (pipe->piece_count > 0) {
        memcpy(pieces, pipe->pieces + pipe->piece_front, pipe->piece_count * sizeof *pieces);
    }
    free(pipe->pieces);
    pipe->pieces = pieces;
    pipe->piece_front = 0;
    pipe->piece_size = size;
}

static void add_piece(struct pipe *pipe, size_t len, uint64_t arrives_at_ms)
{
    struct piece *last = pipe->piece_count ? &pipe->pieces[pipe->piece_front + pipe->piece_count - 1] : NULL;

    if (last && last->arrives_at_ms == arrives_at_ms) {
        last->len += len;
        return;
    }
    make_piece_room(pipe);
    pipe->pieces[pipe->piece_front + pipe->piece_count] = (struct piece){arrives_at_ms, len};
    pipe->piece_count++;
}

/* When what leaves now, so long, is there. */
static uint64_t arrival(struct pipe *pipe, size_t len, const struct pipe_line *line, uint64_t now_ms)
{
    pipe->free_at_ms = later(pipe->free_at_ms, now_ms) + len / line->bytes_per_ms;
    pipe->arrives_at_ms = later(pipe->arrives_at_ms, pipe->free_at_ms + line->latency_ms + line->jitter_ms);
    return pipe->arrives_at_ms;
}

void pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t len, const struct pipe_line *line, uint64_t now_ms)
{
    net_require(!pipe->end, "bytes are written behind the end of a stream");
    if (len == 0) {
        return;
    }
    make_room(pipe, len);
    memcpy(pipe->bytes + pipe->front + pipe->len, bytes, len);
    pipe->len += len;
    add_piece(pipe, len, arrival(pipe, len, line, now_ms));
    sum_add(&pipe->written, bytes, len);
}

void pipe_end(struct pipe *pipe, int error, const struct pipe_line *line, uint64_t now_ms)
{
    if (!pipe->end) {
        pipe->end = error;
        pipe->end_at_ms = arrival(pipe, 0, line, now_ms);
    }
}

void pipe_hold(struct pipe *pipe, uint64_t until_ms)
{
    pipe->hold_ms = later(pipe->hold_ms, until_ms);
}

size_t pipe_arrived(const struct pipe *pipe, uint64_t now_ms)
{
    size_t len = 0;

    if (now_ms < pipe->hold_ms) {
        return 0;
    }
    for (uint32_t i = 0; i < pipe->piece_count; i++) {
        const struct piece *piece = &pipe->pieces[pipe->piece_front + i];
        if (piece->arrives_at_ms > now_ms) {
            break;
        }
        len += piece->len;
    }
    return len;
}

static void drop_pieces(struct pipe *pipe, size_t len)
{
    while (len > 0) {
        struct piece *piece = &pipe->pieces[pipe->piece_front];
        const size_t part = piece->len < len ? piece->len : len;
        piece->len -= part;
        len -= part;
        if (piece->len == 0) {
            pipe->piece_front++;
            pipe->piece_count--;
        }
    }
    if (pipe->piece_count == 0) {
        pipe->piece_front = 0;
    }
}

void pipe_read(struct pipe *pipe, uint8_t *bytes, size_t len)
{
    net_require(len <= pipe->len, "more is read from a stream than is in it");
    memcpy(bytes, pipe->bytes + pipe->front, len);
    sum_add(&pipe->read, bytes, len);
    pipe->front += len;
    pipe->len -= len;
    drop_pieces(pipe, len);
    if (pipe->len == 0) {
        pipe->front = 0;
        net_require(memcmp(&pipe->written, &pipe->read, sizeof pipe->read) == 0,
                    "what came out of a stream is not what went in");
    }
}

int pipe_ended(const struct pipe *pipe, uint64_t now_ms)
{
    return pipe->len == 0 && now_ms >= later(pipe->end_at_ms, pipe->hold_ms) ? pipe->end : 0;
}

uint64_t pipe_next(const struct pipe *pipe)
{
    if (pipe->piece_count > 0) {
        return later(pipe->pieces[pipe->piece_front].arrives_at_ms, pipe->hold_ms);
    }
    return pipe->end ? later(pipe->end_at_ms, pipe->hold_ms) : TOXTCP_NEVER;
}

void pipe_clear(struct pipe *pipe)
{
    free(pipe->bytes);
    free(pipe->pieces);
    *pipe = (struct pipe){.end = pipe->end,
                          .end_at_ms = pipe->end_at_ms,
                          .free_at_ms = pipe->free_at_ms,
                          .arrives_at_ms = pipe->arrives_at_ms};
}
