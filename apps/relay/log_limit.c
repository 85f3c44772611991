/* How many messages of one kind pass: 10 in 10 s. SPDX-License-Identifier: ISC */
#include "log_limit.h"

#include <stddef.h>
#include <stdio.h>

static bool is_over(const struct log_kind *kind, uint64_t now_ms)
{
    return now_ms - kind->began_ms >= LOG_LIMIT_WINDOW_MS;
}

/* Its place, or one that nobody needs now; NULL when there is none. */
static struct log_kind *find(struct log_limit *limit, const void *kind, uint64_t now_ms)
{
    struct log_kind *spare = NULL;

    for (size_t i = 0; i < LOG_LIMIT_KINDS; i++) {
        struct log_kind *at = &limit->kinds[i];

        if (at->kind == kind) {
            return at;
        }
        if (spare == NULL && (at->kind == NULL || (is_over(at, now_ms) && at->held == 0))) {
            spare = at;
        }
    }
    if (spare != NULL) {
        *spare = (struct log_kind){.kind = kind, .began_ms = now_ms};
    }
    return spare;
}

static void begin(struct log_kind *kind, uint64_t now_ms)
{
    kind->began_ms = now_ms;
    kind->passed = 0;
    kind->held = 0;
}

bool log_limit_pass(struct log_limit *limit, const void *kind, int level, const char *text, uint64_t now_ms,
                    struct log_kind *over)
{
    struct log_kind *found = find(limit, kind, now_ms);

    *over = (struct log_kind){.kind = NULL};
    if (found == NULL) {
        return true;
    }
    if (is_over(found, now_ms)) {
        *over = *found;
        begin(found, now_ms);
    }
    found->level = level;
    if (found->passed < LOG_LIMIT_COUNT) {
        found->passed++;
        return true;
    }
    if (found->held++ == 0) {
        (void)snprintf(found->first, sizeof found->first, "%s", text);
    }
    return false;
}

bool log_limit_next(struct log_limit *limit, uint64_t now_ms, struct log_kind *over)
{
    for (size_t i = 0; i < LOG_LIMIT_KINDS; i++) {
        struct log_kind *at = &limit->kinds[i];

        if (at->held > 0 && is_over(at, now_ms)) {
            *over = *at;
            begin(at, now_ms);
            return true;
        }
    }
    return false;
}
