/* What an IP packet says of itself, as far as a path looks at it. SPDX-License-Identifier: ISC */
#ifndef TEST_EMULATOR_SEGMENT_H
#define TEST_EMULATOR_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The flags of TCP. */
enum { SEGMENT_FIN = 0x01, SEGMENT_SYN = 0x02, SEGMENT_RST = 0x04, SEGMENT_PUSH = 0x08, SEGMENT_ACK = 0x10 };

/* An IPv4 address uses the first 4 bytes, the others are 0. */
struct segment_end {
    uint8_t ip[16];
    uint16_t port;
};

struct segment {
    uint8_t version; /* 4 or 6 */
    size_t len;      /* of the packet; what a link has put behind it is none of it */
    struct segment_end source, destination;
    bool tcp; /* a whole segment of TCP: the rest is filled in. Of a fragment nothing but the addresses is. */
    uint8_t flags;
    bool fast_open; /* the option is there, be it a wish for a cookie or a cookie */
    uint32_t sequence, acknowledged;
    size_t payload_len; /* the last bytes of the packet */
};

/* Reads a packet. False: it is none, or it is cut off, or contradicts itself; a router would drop it. */
bool segment_read(const uint8_t *bytes, size_t len, struct segment *segment);

/* The number after the last one that the segment takes of its sender's. */
uint32_t segment_end_sequence(const struct segment *segment);

/* Large enough for a reset by IPv6. */
enum { SEGMENT_RESET_MAX = 60 };

/* Writes a packet that resets the stream of `segment` at the one who has sent it, as if the other end had, and returns
 * its length. `sequence` is what that sender expects next. */
size_t segment_write_reset(const struct segment *segment, uint32_t sequence, uint8_t bytes[SEGMENT_RESET_MAX]);

/* The checksum of the Internet over two pieces, of which the first has an even length. */
uint16_t segment_checksum(const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len);

#endif
