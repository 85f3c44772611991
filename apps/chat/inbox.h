/* What a session has received: segments put in order, messages put together. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_INBOX_H
#define APPS_CHAT_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outbox.h"

struct inbox_piece;

/* All zeros is an empty one. */
struct inbox {
    uint64_t awaited; /* the first segment that is not part of a message yet */
    struct inbox_piece *early[OUTBOX_WINDOW];
    uint8_t *text; /* the message that is being put together */
    size_t len;
    size_t size;
    bool whole; /* `text` has been handed over */
};

enum inbox_verdict {
    INBOX_NEW,
    INBOX_KNOWN,  /* it is here already: the peer has not heard of it */
    INBOX_REFUSED /* too far ahead, or no memory: as if it were lost */
};

void inbox_free(struct inbox *inbox);

/* A segment came. */
enum inbox_verdict inbox_put(struct inbox *inbox, uint64_t segment, bool last, const uint8_t *text, size_t len);

/* The next whole message, in order; false when there is none. Valid until the next call. A peer's message that is
 * longer than SESSION_TEXT_MAX comes in parts. */
bool inbox_take(struct inbox *inbox, const uint8_t **text, size_t *len);

/* Which segments after `awaited` are here: bit i stands for awaited + 1 + i. */
uint32_t inbox_held(const struct inbox *inbox);

#endif
