/* A queue of bytes. SPDX-License-Identifier: ISC */
#include "buffer.h"

#include <assert.h>
#include <string.h>

static void give_block(struct buffer *buffer, struct toxtcp_env *env)
{
    if (buffer->block) {
        env_block_give(env, buffer->block, buffer->size);
    }
    *buffer = (struct buffer){0};
}

static void move_to(struct buffer *buffer, uint8_t *block, size_t size)
{
    const size_t len = buffer_len(buffer);

    if (len > 0) {
        memmove(block, buffer->block + buffer->front, len);
    }
    buffer->block = block;
    buffer->size = (uint32_t)size;
    buffer->front = 0;
    buffer->end = (uint32_t)len;
}

uint8_t *buffer_reserve(struct buffer *buffer, struct toxtcp_env *env, size_t len)
{
    if (buffer->block && buffer->size - buffer->end >= len) {
        return buffer->block + buffer->end;
    }
    size_t need = buffer_len(buffer) + len;
    /* Moving down in the block pays only when half of it is free: else every byte might move for every packet. */
    if (buffer->block && need <= buffer->size / 2) {
        move_to(buffer, buffer->block, buffer->size);
        return buffer->block + buffer->end;
    }
    uint8_t *block = env_block_take(env, &need);
    if (!block) {
        return NULL;
    }
    const struct buffer old = *buffer;
    move_to(buffer, block, need);
    if (old.block) {
        env_block_give(env, old.block, old.size);
    }
    return buffer->block + buffer->end;
}

void buffer_commit(struct buffer *buffer, size_t len)
{
    assert(len <= buffer->size - buffer->end);
    buffer->end += (uint32_t)len;
}

void buffer_settle(struct buffer *buffer, struct toxtcp_env *env)
{
    if (buffer->front == buffer->end) {
        give_block(buffer, env);
    }
}

size_t buffer_len(const struct buffer *buffer)
{
    return buffer->end - buffer->front;
}

const uint8_t *buffer_peek(const struct buffer *buffer)
{
    return buffer->block ? buffer->block + buffer->front : NULL;
}

void buffer_consume(struct buffer *buffer, struct toxtcp_env *env, size_t len)
{
    assert(len <= buffer_len(buffer));
    buffer->front += (uint32_t)len;
    buffer_settle(buffer, env);
}

void buffer_free(struct buffer *buffer, struct toxtcp_env *env)
{
    give_block(buffer, env);
}
