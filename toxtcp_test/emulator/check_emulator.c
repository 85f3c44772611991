/* The path emulator without a kernel: packets and counts. SPDX-License-Identifier: ISC */
#include "emulator/check_emulator.h"

#include <stdlib.h>
#include <string.h>

#include "emulator/tally.h"

/* --- Packets --- */

void put_u16(uint8_t *bytes, size_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
    put_u16(bytes, value >> 16);
    put_u16(bytes + 2, value & 0xffff);
}

static size_t put_ip(struct made *made, const struct wanted *wanted, size_t inner_len)
{
    const uint8_t from = wanted->back ? 2 : 1, to = wanted->back ? 1 : 2;

    if (wanted->ipv6) {
        made->bytes[0] = 0x60;
        put_u16(made->bytes + 4, inner_len);
        made->bytes[6] = 6;
        made->bytes[8] = made->bytes[24] = 0xfd;
        made->bytes[23] = from;
        made->bytes[39] = to;
        return 40;
    }
    made->bytes[0] = 0x45;
    put_u16(made->bytes + 2, 20 + inner_len);
    made->bytes[9] = 6;
    made->bytes[12] = made->bytes[16] = 10;
    made->bytes[15] = from;
    made->bytes[19] = to;
    return 20;
}

struct made make(struct wanted wanted)
{
    struct made made = {.len = 0};
    const size_t header = 20 + wanted.options_len;
    uint8_t *tcp = made.bytes + put_ip(&made, &wanted, header + wanted.payload_len);

    put_u16(tcp, wanted.back ? 2000 : 1000);
    put_u16(tcp + 2, wanted.back ? 1000 : 2000);
    put_u32(tcp + 4, wanted.sequence);
    put_u32(tcp + 8, wanted.acknowledged);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = wanted.flags;
    if (wanted.options_len > 0) {
        memcpy(tcp + 20, wanted.options, wanted.options_len);
    }
    made.len = (size_t)(tcp - made.bytes) + header + wanted.payload_len;
    return made;
}

struct segment read_made(const struct made *made)
{
    struct segment segment;

    ck_assert(segment_read(made->bytes, made->len, &segment));
    return segment;
}

static struct segment segment_of(struct wanted wanted)
{
    const struct made made = make(wanted);

    return read_made(&made);
}

START_TEST(reads_both_versions)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct made made = make((struct wanted){.ipv6 = ipv6 == 1,
                                                      .flags = SEGMENT_ACK | SEGMENT_PUSH,
                                                      .sequence = 0x80000001,
                                                      .acknowledged = 7,
                                                      .payload_len = 100});
        const struct segment segment = read_made(&made);
        ck_assert(segment.tcp && !segment.fast_open);
        ck_assert_uint_eq(segment.version, ipv6 == 1 ? 6 : 4);
        ck_assert_uint_eq(segment.source.port, 1000);
        ck_assert_uint_eq(segment.destination.port, 2000);
        ck_assert_uint_eq(segment.source.ip[ipv6 == 1 ? 15 : 3], 1);
        ck_assert_uint_eq(segment.destination.ip[ipv6 == 1 ? 15 : 3], 2);
        ck_assert_uint_eq(segment.sequence, 0x80000001);
        ck_assert_uint_eq(segment.acknowledged, 7);
        ck_assert_uint_eq(segment.flags, SEGMENT_ACK | SEGMENT_PUSH);
        ck_assert_uint_eq(segment.payload_len, 100);
        ck_assert_uint_eq(segment.len, made.len);
        ck_assert_uint_eq(segment_end_sequence(&segment), 0x80000001 + 100);
    }
}
END_TEST

/* Bytes after the packet, as a link that pads leaves them, are not its payload. */
START_TEST(does_not_count_padding)
{
    struct made made = make((struct wanted){.flags = SEGMENT_ACK});

    made.len += 6;
    ck_assert_uint_eq(read_made(&made).payload_len, 0);
    ck_assert_uint_eq(read_made(&made).len, made.len - 6);
}
END_TEST

/* Each length that is too short: in a buffer of just that size, so that a reading beyond it is found by sanitizers. */
START_TEST(refuses_what_is_cut_off)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct made made = make((struct wanted){.ipv6 = ipv6 == 1, .flags = SEGMENT_SYN, .payload_len = 10});
        for (size_t len = 0; len < made.len; len++) {
            struct segment segment;
            uint8_t *cut = malloc(len + 1);
            ck_assert_ptr_nonnull(cut);
            memcpy(cut, made.bytes, len);
            cut = realloc(cut, len > 0 ? len : 1);
            ck_assert(!segment_read(cut, len, &segment));
            free(cut);
        }
    }
}
END_TEST

/* Headers whose lengths lie: refused, or taken for no segment. None leads outside the packet. */
START_TEST(survives_lies)
{
    const uint8_t options[] = {1, 2, 4, 5, 0xb4, 34, 2, 0};

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct made made = make((struct wanted){
            .ipv6 = ipv6 == 1, .flags = SEGMENT_SYN, .payload_len = 3, .options = options, .options_len = 8});
        for (size_t at = 0; at < made.len; at++) {
            for (int value = 0; value < 256; value++) {
                struct segment segment;
                uint8_t *copy = malloc(made.len);
                ck_assert_ptr_nonnull(copy);
                memcpy(copy, made.bytes, made.len);
                copy[at] = (uint8_t)value;
                if (segment_read(copy, made.len, &segment)) {
                    ck_assert_uint_le(segment.len, made.len);
                    ck_assert_uint_lt(segment.payload_len, segment.len);
                }
                free(copy);
            }
        }
    }
}
END_TEST

START_TEST(knows_lies_of_headers)
{
    struct segment segment;
    struct made made = make((struct wanted){.flags = SEGMENT_ACK, .payload_len = 5});

    made.bytes[0] = 0x44;
    ck_assert(!segment_read(made.bytes, made.len, &segment));
    made.bytes[0] = 0x4f;
    ck_assert(!segment_read(made.bytes, made.len, &segment));
    made.bytes[0] = 0x55;
    ck_assert(!segment_read(made.bytes, made.len, &segment));
    made.bytes[0] = 0x45;
    /* TCP's own header longer than the segment, and shorter than it can be. */
    made.bytes[32] = 0xf0;
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
    made.bytes[32] = 0x40;
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
    /* A later fragment has no header, and the first one not all of the payload. */
    made.bytes[32] = 0x50;
    made.bytes[7] = 1;
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
    made.bytes[7] = 0;
    made.bytes[6] = 0x20;
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
}
END_TEST

START_TEST(finds_the_fast_open_option)
{
    static const struct {
        uint8_t options[12];
        bool found;
    } cases[] = {
        {{1, 1, 34, 2}, true},                          /* a wish for a cookie */
        {{34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}, true}, /* a cookie */
        {{2, 4, 5, 0xb4, 254, 4, 0xf9, 0x89}, true},    /* the experimental number */
        {{2, 4, 5, 0xb4, 254, 4, 0xf9, 0x88}, false},   /* another experiment */
        {{0, 34, 2, 0}, false},                         /* after the end */
        {{2, 4, 34, 2}, false},                         /* in another option */
        {{3, 0, 34, 2}, false},                         /* after one that lies */
        {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 34}, false}, /* cut off */
        {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 34, 3}, false}, /* longer than the header */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct segment segment =
            segment_of((struct wanted){.flags = SEGMENT_SYN, .options = cases[i].options, .options_len = 12});
        ck_assert_msg(segment.fast_open == cases[i].found, "case %zu", i);
    }
}
END_TEST

START_TEST(looks_behind_extension_headers)
{
    struct segment segment;
    struct made made = make((struct wanted){.ipv6 = true, .flags = SEGMENT_SYN, .payload_len = 5});

    memmove(made.bytes + 48, made.bytes + 40, made.len - 40);
    memset(made.bytes + 40, 0, 8);
    made.bytes[40] = 6;
    made.bytes[6] = 60;
    made.len += 8;
    put_u16(made.bytes + 4, made.len - 40);
    ck_assert(segment_read(made.bytes, made.len, &segment));
    ck_assert(segment.tcp);
    ck_assert_uint_eq(segment.payload_len, 5);
    ck_assert_uint_eq(segment.len, made.len);
    /* One that is longer than what is there; what lies behind it looks like a segment. */
    memset(made.bytes + made.len, 0x55, sizeof made.bytes - made.len);
    made.bytes[41] = 200;
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
    /* A chain of them without end. */
    memset(made.bytes + 40, 0, made.len - 40);
    ck_assert(segment_read(made.bytes, made.len, &segment) && !segment.tcp);
}
END_TEST

/* The sum of a header with its checksum in it is 0; the end-to-end tests see the kernel accept the TCP one. */
START_TEST(writes_resets)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        const struct segment segment = segment_of((struct wanted){
            .ipv6 = ipv6 == 1, .flags = SEGMENT_ACK, .sequence = 100, .acknowledged = 500, .payload_len = 20});
        uint8_t bytes[SEGMENT_RESET_MAX];
        const size_t len = segment_write_reset(&segment, segment.acknowledged, bytes);
        struct segment reset;
        ck_assert(segment_read(bytes, len, &reset));
        ck_assert(reset.tcp);
        ck_assert_uint_eq(reset.flags, SEGMENT_RST | SEGMENT_ACK);
        ck_assert_uint_eq(reset.sequence, 500);
        ck_assert_uint_eq(reset.acknowledged, 120);
        ck_assert_uint_eq(reset.source.port, 2000);
        ck_assert_mem_eq(reset.source.ip, segment.destination.ip, 16);
        ck_assert_mem_eq(reset.destination.ip, segment.source.ip, 16);
        ck_assert(ipv6 == 1 || segment_checksum(bytes, 20, NULL, 0) == 0);
    }
}
END_TEST

/* --- Counts --- */

static struct tally tally;

static void count(struct wanted wanted)
{
    const struct made made = make(wanted);
    const struct segment segment = read_made(&made);

    tally_add(&tally, &segment, made.len);
}

static void assert_counts(const char *what, const uint64_t wanted[TALLY_KINDS])
{
    for (int kind = TALLY_SEGMENTS; kind < TALLY_KINDS; kind++) {
        ck_assert_msg(tally.counts[kind] == wanted[kind], "%s: %s: %llu, not %llu", what, tally_names[kind],
                      (unsigned long long)tally.counts[kind], (unsigned long long)wanted[kind]);
    }
}

static void close_tally(void)
{
    memset(&tally, 0, sizeof tally);
}

START_TEST(counts_by_kind)
{
    static const uint8_t cookie[12] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};

    count((struct wanted){.flags = SEGMENT_SYN, .sequence = 99});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 100});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 100, .payload_len = 50});
    count((struct wanted){.flags = SEGMENT_ACK | SEGMENT_FIN, .sequence = 150, .payload_len = 20});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 171});
    count((struct wanted){.flags = SEGMENT_RST, .sequence = 171});
    count((struct wanted){
        .flags = SEGMENT_SYN, .sequence = 7000, .payload_len = 128, .options = cookie, .options_len = 12});
    count((struct wanted){.flags = SEGMENT_ACK | SEGMENT_FIN, .sequence = 7129});
    assert_counts("once", (const uint64_t[TALLY_KINDS]){[TALLY_SEGMENTS] = 8,
                                                        [TALLY_SYN] = 1,
                                                        [TALLY_SYN_DATA] = 1,
                                                        [TALLY_DATA] = 1,
                                                        [TALLY_ACK] = 2,
                                                        [TALLY_FIN] = 1,
                                                        [TALLY_FIN_DATA] = 1,
                                                        [TALLY_RST] = 1,
                                                        [TALLY_FAST_OPEN] = 1,
                                                        [TALLY_PAYLOAD] = 198});
    ck_assert_uint_eq(tally.counts[TALLY_PACKETS], 8);
    ck_assert_uint_eq(tally.counts[TALLY_BYTES], 8 * 40 + 198 + 12);
}
END_TEST

/* What comes again, in whole and in part; a keepalive is not data that comes again. */
START_TEST(counts_what_comes_again)
{
    count((struct wanted){.flags = SEGMENT_SYN, .sequence = 0xffffff00, .payload_len = 128});
    count((struct wanted){.flags = SEGMENT_SYN, .sequence = 0xffffff00});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 0xffffff01, .payload_len = 128});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 0xffffff81, .payload_len = 300});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 0xffffff81 + 200, .payload_len = 200});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 0xffffff81 + 399});
    count((struct wanted){.flags = SEGMENT_ACK | SEGMENT_FIN, .sequence = 0xffffff81 + 400});
    count((struct wanted){.flags = SEGMENT_ACK | SEGMENT_FIN, .sequence = 0xffffff81 + 400});
    assert_counts("again", (const uint64_t[TALLY_KINDS]){[TALLY_SEGMENTS] = 8,
                                                         [TALLY_SYN] = 1,
                                                         [TALLY_SYN_DATA] = 1,
                                                         [TALLY_DATA] = 3,
                                                         [TALLY_ACK] = 1,
                                                         [TALLY_FIN] = 2,
                                                         [TALLY_PAYLOAD] = 128 + 128 + 300 + 200,
                                                         [TALLY_AGAIN] = 4,
                                                         [TALLY_AGAIN_PAYLOAD] = 128 + 100});
}
END_TEST

/* A new stream at the ports of one that is over is no repetition, wherever its numbers begin. */
START_TEST(knows_a_new_stream)
{
    count((struct wanted){.flags = SEGMENT_SYN, .sequence = 100});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 101, .payload_len = 500});
    count((struct wanted){.flags = SEGMENT_RST, .sequence = 601});
    count((struct wanted){.flags = SEGMENT_SYN, .sequence = 200});
    count((struct wanted){.flags = SEGMENT_ACK, .sequence = 201, .payload_len = 500});
    ck_assert_uint_eq(tally.counts[TALLY_AGAIN], 0);
}
END_TEST

/* More streams than there are places: the oldest go, and the counts stay right. */
START_TEST(forgets_the_oldest_stream)
{
    struct made made = make((struct wanted){.flags = SEGMENT_SYN});

    for (size_t port = 0; port < 3 * TALLY_FLOWS_MAX; port++) {
        put_u16(made.bytes + 20, 1 + port);
        const struct segment segment = read_made(&made);
        tally_add(&tally, &segment, made.len);
        tally_add(&tally, &segment, made.len);
    }
    ck_assert_uint_eq(tally.counts[TALLY_SYN], 6 * TALLY_FLOWS_MAX);
    ck_assert_uint_eq(tally.counts[TALLY_AGAIN], 3 * TALLY_FLOWS_MAX);
}
END_TEST

static Suite *emulator_suite(void)
{
    Suite *suite = suite_create("path emulator");
    TCase *packets = tcase_create("packets");
    TCase *counts = tcase_create("counts");

    ADD(packets, reads_both_versions, does_not_count_padding, refuses_what_is_cut_off, survives_lies,
        knows_lies_of_headers, finds_the_fast_open_option, looks_behind_extension_headers, writes_resets);
    tcase_add_checked_fixture(counts, NULL, close_tally);
    ADD(counts, counts_by_kind, counts_what_comes_again, knows_a_new_stream, forgets_the_oldest_stream);
    suite_add_tcase(suite, packets);
    add_lane_cases(suite);
    suite_add_tcase(suite, counts);
    add_hub_cases(suite);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(emulator_suite());

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
