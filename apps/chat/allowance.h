/* What others can make us send: some at once, and then so much in a time. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_ALLOWANCE_H
#define APPS_CHAT_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance {
    uint32_t most;     /* at once */
    uint32_t every_ms; /* one more is earned */
    uint32_t left;
    uint64_t counted_ms;
};

static inline struct allowance allowance_of(uint32_t most, uint32_t every_ms)
{
    return (struct allowance){.most = most, .every_ms = every_ms, .left = most};
}

/* Takes one; false when none is left. */
static inline bool allowance_take(struct allowance *allowance, uint64_t now_ms)
{
    uint64_t earned = (now_ms - allowance->counted_ms) / allowance->every_ms;

    if (earned > 0) {
        allowance->left =
            earned >= allowance->most - allowance->left ? allowance->most : allowance->left + (uint32_t)earned;
        allowance->counted_ms += earned * allowance->every_ms;
    }
    if (allowance->left == 0) {
        return false;
    }
    allowance->left--;
    return true;
}

#endif
