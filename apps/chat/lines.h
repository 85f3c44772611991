/* Lines out of a stream of bytes. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_LINES_H
#define APPS_CHAT_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* The longest line that is kept whole; a longer one comes in parts, none of which cuts a character. */
enum { LINES_MAX = 8192 };

/* All zeros is an empty one. */
struct lines {
    char bytes[2 * LINES_MAX];
    size_t front;
    size_t end;
    bool over; /* the stream has ended */
};

/* Reads once from `fd`, which should be readable. The end of the stream, or an error, sets `over`. */
void lines_read(struct lines *lines, int fd);

/* The next line without its end, valid until the next lines_read(); false when there is none. The last line needs no
 * end. */
bool lines_next(struct lines *lines, const char **text, size_t *len);

#endif
