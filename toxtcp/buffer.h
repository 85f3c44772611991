/* A queue of bytes: reserve and commit at its end, peek and consume at its front. SPDX-License-Identifier: ISC
 *
 * It holds a block of its env's store only while it holds bytes. */
#ifndef TOXTCP_PRIVATE_BUFFER_H
#define TOXTCP_PRIVATE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "env.h"

struct buffer {
    uint8_t *block;
    uint32_t size;  /* of the block */
    uint32_t front; /* first byte */
    uint32_t end;   /* after the last byte */
};

/* Room for `len` more bytes at the end, uninitialised; NULL when there is no memory (the buffer is unchanged). */
uint8_t *buffer_reserve(struct buffer *buffer, struct toxtcp_env *env, size_t len);
/* The first `len` reserved bytes are part of the queue now. */
void buffer_commit(struct buffer *buffer, size_t len);
/* A reservation that was not committed: gives an empty buffer's block back. */
void buffer_settle(struct buffer *buffer, struct toxtcp_env *env);
size_t buffer_len(const struct buffer *buffer);
/* The bytes in the queue, as long as it is not touched. */
const uint8_t *buffer_peek(const struct buffer *buffer);
/* Drops `len` bytes from the front. */
void buffer_consume(struct buffer *buffer, struct toxtcp_env *env, size_t len);
void buffer_free(struct buffer *buffer, struct toxtcp_env *env);

#endif
