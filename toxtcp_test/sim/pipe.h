/* One direction of a stream: bytes under way, and when they arrive. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_PIPE_H
#define TEST_SIM_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece;

/* What passed at one end, so that the ends can be held against each other. */
struct pipe_sum {
    uint64_t len;
    uint64_t low;
    uint64_t high;
};

struct pipe {
    uint8_t *bytes; /* from `front` on, `len` of them */
    size_t front;
    size_t len;
    size_t size;
    struct piece *pieces; /* of what was written together: when it arrives */
    uint32_t piece_front;
    uint32_t piece_count;
    uint32_t piece_size;
    uint64_t free_at_ms;    /* when the line takes the next byte */
    uint64_t arrives_at_ms; /* when the last byte so far does: what comes later does not overtake it */
    uint64_t hold_ms;       /* nothing arrives before */
    int end;                /* the error with which it ends behind the bytes; 0: not yet */
    uint64_t end_at_ms;
    struct pipe_sum written;
    struct pipe_sum read;
};

/* What a line is like. */
struct pipe_line {
    uint32_t latency_ms;
    uint32_t jitter_ms; /* what this writing takes longer, as drawn */
    uint32_t bytes_per_ms;
};

/* Puts bytes in, that leave now. */
void pipe_write(struct pipe *pipe, const uint8_t *bytes, size_t len, const struct pipe_line *line, uint64_t now_ms);
/* Nothing follows: `error` is what the reader hears after the last byte. */
void pipe_end(struct pipe *pipe, int error, const struct pipe_line *line, uint64_t now_ms);
/* Holds back everything until then. */
void pipe_hold(struct pipe *pipe, uint64_t until_ms);
/* How many bytes can be read now. */
size_t pipe_arrived(const struct pipe *pipe, uint64_t now_ms);
/* Takes bytes out that have arrived; when all are out, what went in must have come out. */
void pipe_read(struct pipe *pipe, uint8_t *bytes, size_t len);
/* The error with which it ends, when all has been read and the end has come; else 0. */
int pipe_ended(const struct pipe *pipe, uint64_t now_ms);
/* When there is more to read, or the end comes: TOXTCP_NEVER if nothing is under way. May be in the past. */
uint64_t pipe_next(const struct pipe *pipe);
/* Throws away what is in it. */
void pipe_clear(struct pipe *pipe);

#endif
