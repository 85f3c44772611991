/* TCP segments on loopback, as they pass. SPDX-License-Identifier: ISC */
#ifndef TEST_EMULATOR_CAPTURE_H
#define TEST_EMULATOR_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/segment.h"
#include "emulator/tally.h"

enum { CAPTURE_MAX = 1024, CAPTURE_DATA_MAX = 128 };

struct captured {
    struct segment segment;
    uint8_t data[CAPTURE_DATA_MAX]; /* how its payload begins */
};

struct capture {
    int fd;
    size_t count;
    struct captured segments[CAPTURE_MAX];
};

/* Listens on loopback in the network namespace of this thread. Needs root in it. */
void capture_open(struct capture *capture);
void capture_close(struct capture *capture);
/* Takes in what has passed since the last time, and forgets all. */
void capture_clear(struct capture *capture);

/* The first or last segment since the last clearing for which `is` holds; NULL when there is none. A port of 0 is any.
 */
const struct captured *capture_find(struct capture *capture, uint16_t from, uint16_t to,
                                    bool (*is)(const struct segment *segment));
const struct captured *capture_find_last(struct capture *capture, uint16_t from, uint16_t to,
                                         bool (*is)(const struct segment *segment));
/* How many of a kind there were. */
uint64_t capture_count(struct capture *capture, uint16_t from, uint16_t to, enum tally_kind kind);
/* How many with data, of whichever kind. */
uint64_t capture_count_data(struct capture *capture, uint16_t from, uint16_t to);

bool segment_is_first(const struct segment *segment); /* the SYN of who connects */
bool segment_has_data(const struct segment *segment);
bool segment_is_end(const struct segment *segment); /* FIN */

#endif
