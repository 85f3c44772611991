/* The earlier and the later of two moments in ms, TOXTCP_NEVER being the latest of all. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_MOMENT_H
#define TOXTCP_PRIVATE_MOMENT_H

#include <stdint.h>

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
