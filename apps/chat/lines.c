/* Lines out of a stream of bytes. SPDX-License-Identifier: ISC */
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

void lines_read(struct lines *lines, int fd)
{
    ssize_t got;

    memmove(lines->bytes, lines->bytes + lines->front, lines->end - lines->front);
    lines->end -= lines->front;
    lines->front = 0;
    if (lines->over || lines->end == sizeof lines->bytes) {
        return;
    }
    got = read(fd, lines->bytes + lines->end, sizeof lines->bytes - lines->end);
    if (got > 0) {
        lines->end += (size_t)got;
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
        lines->over = true;
    }
}

bool lines_next(struct lines *lines, const char **text, size_t *len)
{
    const char *start = lines->bytes + lines->front;
    size_t held = lines->end - lines->front;
    const char *newline = held == 0 ? NULL : memchr(start, '\n', held);
    size_t line_len = newline == NULL ? held : (size_t)(newline - start);

    if (line_len <= LINES_MAX && newline == NULL && (!lines->over || held == 0)) {
        return false;
    }
    *text = start;
    *len = text_cut(start, line_len, LINES_MAX);
    lines->front += *len;
    if (*len == line_len && newline != NULL) {
        lines->front++;
    }
    return true;
}
