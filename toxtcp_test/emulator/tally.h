/* Counts the packets that pass a point in one direction, by what they are. SPDX-License-Identifier: ISC */
#ifndef TEST_EMULATOR_TALLY_H
#define TEST_EMULATOR_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emulator/segment.h"

/* Each segment is in exactly one of TALLY_SYN to TALLY_RST; TALLY_SEGMENTS is their sum. */
enum tally_kind {
    TALLY_PACKETS, /* of any protocol */
    TALLY_BYTES,   /* the same, headers too */
    TALLY_SEGMENTS,
    TALLY_SYN,      /* without data; those with ACK too */
    TALLY_SYN_DATA, /* with data */
    TALLY_DATA,     /* data, without SYN or FIN */
    TALLY_ACK,      /* nothing but an acknowledgement */
    TALLY_FIN,      /* without data */
    TALLY_FIN_DATA, /* with data */
    TALLY_RST,
    TALLY_FAST_OPEN,     /* of the SYNs, those with the option for fast open */
    TALLY_PAYLOAD,       /* bytes of data */
    TALLY_AGAIN,         /* segments that hold a SYN, FIN or data already seen */
    TALLY_AGAIN_PAYLOAD, /* bytes of data already seen */
    TALLY_KINDS
};

/* Their names in commands and answers. */
extern const char *const tally_names[TALLY_KINDS];

enum { TALLY_FLOWS_MAX = 256 };

/* A stream, as far as its segments in this direction tell. */
struct tally_flow {
    struct segment last; /* version 0: nothing here */
    uint32_t next;       /* the number after the highest one seen */
    bool over;           /* FIN or RST was seen */
};

struct tally {
    uint64_t counts[TALLY_KINDS];
    struct tally_flow flows[TALLY_FLOWS_MAX];
    size_t replace; /* the flow that goes when there are too many */
};

void tally_add(struct tally *tally, const struct segment *segment, size_t len);
/* Counts from 0, and still knows the streams. */
void tally_zero(struct tally *tally);

#endif
