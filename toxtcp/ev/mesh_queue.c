/* The messages from one server of a mesh to another: a bounded queue of bytes. SPDX-License-Identifier: ISC
 *
 * The sender copies a message into the last piece under the lock; the reader takes all pieces out at once and hands
 * them over without the lock, which it takes again once a piece. A queue that is empty keeps one piece at most. */
#include "mesh.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct queue_piece {
    struct queue_piece *next;
    uint32_t len; /* of what is written */
    uint8_t bytes[QUEUE_PIECE];
};

/* The length of the message comes first. */
typedef uint16_t prefix;

_Static_assert(TOXTCP_MESH_MESSAGE_MAX <= UINT16_MAX, "a prefix must hold every length");
_Static_assert(sizeof(prefix) + TOXTCP_MESH_MESSAGE_MAX <= QUEUE_PIECE, "a piece must hold every message");

static void lock(struct queue *queue)
{
    (void)pthread_mutex_lock(&queue->mutex);
}

static void unlock(struct queue *queue)
{
    (void)pthread_mutex_unlock(&queue->mutex);
}

static void free_pieces(struct queue_piece *piece)
{
    while (piece) {
        struct queue_piece *next = piece->next;
        free(piece);
        piece = next;
    }
}

void queue_init(struct queue *queue)
{
    (void)pthread_mutex_init(&queue->mutex, NULL);
}

void queue_finish(struct queue *queue)
{
    free_pieces(queue->first);
    free_pieces(queue->taken);
    free_pieces(queue->spare);
    (void)pthread_mutex_destroy(&queue->mutex);
}

void queue_open(struct queue *queue)
{
    lock(queue);
    queue->open = true;
    unlock(queue);
}

bool queue_close(struct queue *queue)
{
    lock(queue);
    struct queue_piece *waiting = queue->first;
    const bool was_long = queue->is_long;
    queue->open = false;
    queue->is_long = false;
    queue->first = NULL;
    queue->last = NULL;
    queue->waiting = 0;
    unlock(queue);
    free_pieces(waiting);
    free_pieces(queue->taken);
    queue->taken = NULL;
    queue->taken_at = 0;
    return was_long;
}

void queue_add_info(struct queue *queue, struct toxtcp_ev_mesh_info *info)
{
    lock(queue);
    info->queue_len += queue->waiting;
    info->messages += queue->messages;
    info->dropped += queue->dropped;
    unlock(queue);
}

/* --- The sender --- */

/* A piece with room for `size` bytes, or NULL. */
static struct queue_piece *piece_for(struct queue *queue, size_t size)
{
    if (queue->last && sizeof queue->last->bytes - queue->last->len >= size) {
        return queue->last;
    }
    struct queue_piece *piece = queue->spare ? queue->spare : malloc(sizeof *piece);
    if (!piece) {
        return NULL;
    }
    queue->spare = NULL;
    piece->next = NULL;
    piece->len = 0;
    if (queue->last) {
        queue->last->next = piece;
    } else {
        queue->first = piece;
    }
    queue->last = piece;
    return piece;
}

static void append(struct queue *queue, struct queue_piece *piece, const uint8_t *message, prefix len)
{
    memcpy(piece->bytes + piece->len, &len, sizeof len);
    memcpy(piece->bytes + piece->len + sizeof len, message, len);
    piece->len += (uint32_t)(sizeof len + len);
    queue->waiting += sizeof len + len;
    queue->messages++;
}

static int put_locked(struct queue *queue, const uint8_t *message, size_t len, bool droppable)
{
    const size_t size = sizeof(prefix) + len;

    if (!queue->open) {
        return QUEUE_PUT;
    }
    struct queue_piece *before = queue->last;
    const bool full = droppable && queue->waiting + size > QUEUE_MAX;
    struct queue_piece *piece = full ? NULL : piece_for(queue, size);
    if (!piece) {
        queue->dropped += droppable;
        return droppable ? TOXTCP_ERR_WOULD_BLOCK : TOXTCP_ERR_NO_MEMORY;
    }
    append(queue, piece, message, (prefix)len);
    if (queue->waiting > QUEUE_LONG) {
        queue->is_long = true;
        return QUEUE_PUT_LONG;
    }
    return before && piece != before ? QUEUE_PUT_PIECE : QUEUE_PUT;
}

int queue_put(struct queue *queue, const uint8_t *message, size_t len, bool droppable)
{
    assert(len <= TOXTCP_MESH_MESSAGE_MAX);
    lock(queue);
    const int result = put_locked(queue, message, len, droppable);
    unlock(queue);
    return result;
}

/* --- The reader --- */

static bool take(struct queue *queue)
{
    if (queue->taken) {
        return true;
    }
    lock(queue);
    queue->taken = queue->first;
    queue->first = NULL;
    queue->last = NULL;
    unlock(queue);
    return queue->taken != NULL;
}

/* The first piece taken is handed over. */
static void give_back(struct queue *queue, bool *short_again)
{
    struct queue_piece *piece = queue->taken;

    queue->taken = piece->next;
    queue->taken_at = 0;
    piece->next = NULL;
    lock(queue);
    queue->waiting -= piece->len;
    if (queue->is_long && queue->waiting <= QUEUE_LONG / 2) {
        queue->is_long = false;
        *short_again = true;
    }
    if (!queue->spare) {
        queue->spare = piece;
        piece = NULL;
    }
    unlock(queue);
    free(piece);
}

/* Returns how many bytes it was. */
static size_t hand_over_next(struct queue *queue, queue_reader *read, void *user)
{
    const uint8_t *at = queue->taken->bytes + queue->taken_at;
    prefix len;

    memcpy(&len, at, sizeof len);
    queue->taken_at += sizeof len + len;
    read(user, at + sizeof len, len);
    return sizeof len + len;
}

bool queue_read(struct queue *queue, queue_reader *read, void *user, bool *short_again)
{
    size_t done = 0;

    while (done < QUEUE_SLICE && take(queue)) {
        done += hand_over_next(queue, read, user);
        if (queue->taken_at == queue->taken->len) {
            give_back(queue, short_again);
        }
    }
    return take(queue);
}
