/* What an IP packet says of itself, as far as a path looks at it. SPDX-License-Identifier: ISC */
#include "emulator/segment.h"

#include <string.h>

enum { IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20, PROTOCOL_TCP = 6 };
enum { IPV4_MORE_FRAGMENTS = 0x2000, IPV4_FRAGMENT_OFFSET = 0x1fff };
/* Headers between IPv6's and TCP's, and how many of them are looked at. */
enum { IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_DESTINATION = 60, IPV6_EXTENSIONS_MAX = 8 };
/* Options of TCP; the experimental number of fast open has a magic one after it (RFC 7413, RFC 6994). */
enum { OPTION_END = 0, OPTION_NONE = 1, OPTION_FAST_OPEN = 34, OPTION_EXPERIMENT = 254, EXPERIMENT_FAST_OPEN = 0xf989 };

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

static void write_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    write_u16(bytes, (uint16_t)(value >> 16));
    write_u16(bytes + 2, (uint16_t)value);
}

/* --- Reading --- */

static bool has_fast_open(const uint8_t *options, size_t len)
{
    for (size_t at = 0; at < len && options[at] != OPTION_END;) {
        if (options[at] == OPTION_NONE) {
            at++;
            continue;
        }
        if (len - at < 2 || options[at + 1] < 2 || options[at + 1] > len - at) {
            return false;
        }
        if (options[at] == OPTION_FAST_OPEN || (options[at] == OPTION_EXPERIMENT && options[at + 1] >= 4 &&
                                                read_u16(options + at + 2) == EXPERIMENT_FAST_OPEN)) {
            return true;
        }
        at += options[at + 1];
    }
    return false;
}

/* A header that is cut off is no segment, and yet the packet may be one for somebody. */
static void read_tcp(const uint8_t *bytes, size_t len, struct segment *segment)
{
    const size_t header = len >= TCP_HEADER ? (size_t)(bytes[12] >> 4) * 4 : 0;

    if (header < TCP_HEADER || header > len) {
        return;
    }
    segment->tcp = true;
    segment->source.port = read_u16(bytes);
    segment->destination.port = read_u16(bytes + 2);
    segment->sequence = read_u32(bytes + 4);
    segment->acknowledged = read_u32(bytes + 8);
    segment->flags = bytes[13];
    segment->fast_open = has_fast_open(bytes + TCP_HEADER, header - TCP_HEADER);
    segment->payload_len = len - header;
}

static bool read_ipv4(const uint8_t *bytes, size_t len, struct segment *segment)
{
    const size_t header = len >= IPV4_HEADER ? (size_t)(bytes[0] & 0x0f) * 4 : 0;

    if (header < IPV4_HEADER || header > len) {
        return false;
    }
    const size_t total = read_u16(bytes + 2);
    if (total < header || total > len) {
        return false;
    }
    segment->len = total;
    memcpy(segment->source.ip, bytes + 12, 4);
    memcpy(segment->destination.ip, bytes + 16, 4);
    if (bytes[9] == PROTOCOL_TCP && (read_u16(bytes + 6) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) == 0) {
        read_tcp(bytes + header, total - header, segment);
    }
    return true;
}

static bool is_extension(uint8_t header)
{
    return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_DESTINATION;
}

static bool read_ipv6(const uint8_t *bytes, size_t len, struct segment *segment)
{
    const uint8_t *at = bytes + IPV6_HEADER;

    if (len < IPV6_HEADER || (size_t)read_u16(bytes + 4) > len - IPV6_HEADER) {
        return false;
    }
    size_t left = read_u16(bytes + 4);
    uint8_t header = bytes[6];
    segment->len = IPV6_HEADER + left;
    memcpy(segment->source.ip, bytes + 8, 16);
    memcpy(segment->destination.ip, bytes + 24, 16);
    for (int i = 0; i < IPV6_EXTENSIONS_MAX && is_extension(header); i++) {
        const size_t extension = left >= 8 ? 8 + (size_t)at[1] * 8 : 0;
        if (extension == 0 || extension > left) {
            return true;
        }
        header = at[0];
        at += extension;
        left -= extension;
    }
    if (header == PROTOCOL_TCP) {
        read_tcp(at, left, segment);
    }
    return true;
}

bool segment_read(const uint8_t *bytes, size_t len, struct segment *segment)
{
    memset(segment, 0, sizeof *segment);
    segment->version = len > 0 ? bytes[0] >> 4 : 0;
    switch (segment->version) {
    case 4:
        return read_ipv4(bytes, len, segment);
    case 6:
        return read_ipv6(bytes, len, segment);
    default:
        return false;
    }
}

uint32_t segment_end_sequence(const struct segment *segment)
{
    const uint32_t flags =
        ((segment->flags & SEGMENT_SYN) != 0 ? 1U : 0U) + ((segment->flags & SEGMENT_FIN) != 0 ? 1U : 0U);

    return segment->sequence + (uint32_t)segment->payload_len + flags;
}

/* --- Writing --- */

static uint64_t sum(const uint8_t *bytes, size_t len)
{
    uint64_t total = 0;

    for (size_t i = 0; i + 1 < len; i += 2) {
        total += read_u16(bytes + i);
    }
    return len % 2 == 0 ? total : total + (uint64_t)(bytes[len - 1] << 8);
}

uint16_t segment_checksum(const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len)
{
    uint64_t total = sum(first, first_len) + sum(second, second_len);

    while (total > 0xffff) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)~total;
}

/* With the addresses turned round, and without a checksum. */
static void write_tcp(const struct segment *segment, uint32_t sequence, uint8_t *bytes)
{
    memset(bytes, 0, TCP_HEADER);
    write_u16(bytes, segment->destination.port);
    write_u16(bytes + 2, segment->source.port);
    write_u32(bytes + 4, sequence);
    write_u32(bytes + 8, segment_end_sequence(segment));
    bytes[12] = TCP_HEADER / 4 << 4;
    bytes[13] = SEGMENT_RST | SEGMENT_ACK;
}

/* TCP's checksum covers the addresses too. */
static void seal_tcp(const uint8_t *addresses, size_t addresses_len, uint8_t *tcp)
{
    uint8_t pseudo[36] = {0};

    memcpy(pseudo, addresses, addresses_len);
    pseudo[addresses_len + 1] = PROTOCOL_TCP;
    pseudo[addresses_len + 3] = TCP_HEADER;
    write_u16(tcp + 16, segment_checksum(pseudo, addresses_len + 4, tcp, TCP_HEADER));
}

size_t segment_write_reset(const struct segment *segment, uint32_t sequence, uint8_t bytes[SEGMENT_RESET_MAX])
{
    memset(bytes, 0, SEGMENT_RESET_MAX);
    if (segment->version == 4) {
        bytes[0] = 4 << 4 | IPV4_HEADER / 4;
        write_u16(bytes + 2, IPV4_HEADER + TCP_HEADER);
        bytes[8] = 64;
        bytes[9] = PROTOCOL_TCP;
        memcpy(bytes + 12, segment->destination.ip, 4);
        memcpy(bytes + 16, segment->source.ip, 4);
        write_u16(bytes + 10, segment_checksum(bytes, IPV4_HEADER, NULL, 0));
        write_tcp(segment, sequence, bytes + IPV4_HEADER);
        seal_tcp(bytes + 12, 8, bytes + IPV4_HEADER);
        return IPV4_HEADER + TCP_HEADER;
    }
    bytes[0] = 6 << 4;
    write_u16(bytes + 4, TCP_HEADER);
    bytes[6] = PROTOCOL_TCP;
    bytes[7] = 64;
    memcpy(bytes + 8, segment->destination.ip, 16);
    memcpy(bytes + 24, segment->source.ip, 16);
    write_tcp(segment, sequence, bytes + IPV6_HEADER);
    seal_tcp(bytes + 8, 32, bytes + IPV6_HEADER);
    return IPV6_HEADER + TCP_HEADER;
}
