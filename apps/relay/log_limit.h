/* How many messages of one kind pass. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_LOG_LIMIT_H
#define APPS_RELAY_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LIMIT_KINDS = 64, LOG_LIMIT_COUNT = 10, LOG_LIMIT_WINDOW_MS = 10000 };

/* One kind of message. */
struct log_kind {
    const void *kind; /* NULL: free */
    int level;
    uint64_t began_ms; /* its window */
    uint32_t passed;   /* in it */
    uint32_t held;     /* in it, after those */
    char first[96];    /* of these */
};

struct log_limit {
    struct log_kind kinds[LOG_LIMIT_KINDS];
};

/* Whether a message may pass. `*over` is a copy of what its kind held back in a window that is over, with held = 0 for
 * none. When there are more kinds than fit, further ones pass. */
bool log_limit_pass(struct log_limit *limit, const void *kind, int level, const char *text, uint64_t now_ms,
                    struct log_kind *over);

/* The next kind whose window is over and that held something back; false when there is none. */
bool log_limit_next(struct log_limit *limit, uint64_t now_ms, struct log_kind *over);

#endif
