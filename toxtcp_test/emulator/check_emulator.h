/* What the tests of the path emulator in virtual time share: segments, made to order. SPDX-License-Identifier: ISC */
#ifndef TEST_EMULATOR_CHECK_EMULATOR_H
#define TEST_EMULATOR_CHECK_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>

#include "emulator/segment.h"

enum { PACKET_MAX = 2000, MS = 1000 };

/* A segment between 10.0.0.1:1000 and 10.0.0.2:2000, or fd00::1 and fd00::2. */
struct wanted {
    bool ipv6, back;
    uint8_t flags;
    uint32_t sequence, acknowledged;
    size_t payload_len;
    const uint8_t *options; /* a multiple of 4 */
    size_t options_len;
};

/* The packet of it. */
struct made {
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

struct made make(struct wanted wanted);
struct segment read_made(const struct made *made);

/* In the order of network protocols. */
void put_u16(uint8_t *bytes, size_t value);

#define ADD(tcase, ...)                                                                                                \
    do {                                                                                                               \
        const TTest *const tests_[] = {__VA_ARGS__};                                                                   \
        for (size_t i_ = 0; i_ < sizeof tests_ / sizeof tests_[0]; i_++)                                               \
            tcase_add_test(tcase, tests_[i_]);                                                                         \
    } while (0)

/* check_emulator_hub.c */
void add_hub_cases(Suite *suite);
/* check_emulator_lane.c */
void add_lane_cases(Suite *suite);

#endif
