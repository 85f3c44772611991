/* What the files of the mesh share: its directory of keys, its queues. SPDX-License-Identifier: ISC
 *
 * Any thread may call any function here but where it says otherwise. No lock is held while the core runs: the core
 * calls in, and what is waiting is taken out of a queue before it is handed over. */
#ifndef TOXTCP_EV_MESH_H
#define TOXTCP_EV_MESH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/ev.h>
#include <toxtcp/server.h>

/* --- mesh_directory.c: which server a key is at --- */

enum { DIRECTORY_STRIPES = 64, DIRECTORY_SECRET_SIZE = 16 };

struct directory_stripe {
    pthread_mutex_t mutex;
    struct directory_entry *entries; /* uthash head */
    uint64_t serial;                 /* given last: later claims of one key lie in one stripe */
};

struct directory {
    uint8_t secret[DIRECTORY_SECRET_SIZE]; /* of the hash: strangers choose the keys */
    struct directory_stripe stripes[DIRECTORY_STRIPES];
};

void directory_init(struct directory *directory);
/* Frees what is still in it. */
void directory_finish(struct directory *directory);
/* These three do what struct toxtcp_mesh says. */
int directory_claim(struct directory *directory, const struct toxtcp_public_key *key, uint32_t server, uint64_t *serial,
                    int *before);
void directory_release(struct directory *directory, const struct toxtcp_public_key *key, uint64_t serial);
int directory_locate(struct directory *directory, const struct toxtcp_public_key *key);
uint32_t directory_count(struct directory *directory);

/* --- mesh_queue.c: the messages from one server to another --- */

/* In bytes of messages with their lengths: where data is refused; where the sender is asked to read less (and half of
 * it, where it may read on); what a turn of the receiver's loop takes out of one queue; what one piece of it holds. */
enum { QUEUE_MAX = 4 << 20, QUEUE_LONG = 256 << 10, QUEUE_SLICE = 64 << 10, QUEUE_PIECE = 16 << 10 };

struct queue_piece;

struct queue {
    pthread_mutex_t mutex;
    bool open;                 /* somebody reads it; else what comes is thrown away */
    bool is_long;              /* the sender knows, and wants to hear when it is short again */
    struct queue_piece *first; /* written by the sender */
    struct queue_piece *last;
    struct queue_piece *spare; /* empty, or NULL */
    size_t waiting;            /* bytes, with those that the reader has taken and not handed over */
    uint64_t messages;         /* so far */
    uint64_t dropped;
    /* The reader's alone: what it took out. */
    struct queue_piece *taken;
    size_t taken_at; /* bytes of the first piece that are handed over */
};

/* What became of a message. */
enum queue_put {
    QUEUE_PUT,      /* it waits with others of which the reader was told or will be */
    QUEUE_PUT_LONG, /* the same, and the queue is long */
    QUEUE_PUT_PIECE /* the same as the first, and a piece is full: worth telling the reader at once */
};

void queue_init(struct queue *queue);
/* Nobody else uses it any more. */
void queue_finish(struct queue *queue);
/* By the reader: begins to take; or ends it and throws away what waits, and returns whether the sender is to hear that
 * the queue is not long any more. */
void queue_open(struct queue *queue);
bool queue_close(struct queue *queue);
/* Adds what waits and what came to `info`. */
void queue_add_info(struct queue *queue, struct toxtcp_ev_mesh_info *info);
/* By the sender. Returns an enum queue_put; or TOXTCP_ERR_WOULD_BLOCK, if `droppable`; or TOXTCP_ERR_NO_MEMORY. */
int queue_put(struct queue *queue, const uint8_t *message, size_t len, bool droppable);

/* What the reader does with a message. */
typedef void queue_reader(void *user, const uint8_t *message, size_t len);

/* By the reader: hands over a slice. Returns whether more waits; `*short_again` is set when the sender is to hear that.
 */
bool queue_read(struct queue *queue, queue_reader *read, void *user, bool *short_again);

#endif
