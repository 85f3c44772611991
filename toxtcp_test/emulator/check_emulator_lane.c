/* The path emulator without a kernel: one way of a path. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "emulator/check_emulator.h"
#include "emulator/lane.h"

static struct lane lane;
static struct made some;
static struct segment some_segment;

/* A packet of 1000 bytes. */
static void open_lane(void)
{
    lane_open(&lane, 7);
    some = make((struct wanted){.flags = SEGMENT_ACK, .payload_len = 960});
    ck_assert_uint_eq(some.len, 1000);
    some_segment = read_made(&some);
}

static void close_lane(void)
{
    lane_close(&lane);
}

static enum lane_fate offer(uint64_t now_us)
{
    return lane_offer(&lane, &some_segment, some.bytes, some.len, now_us);
}

/* Takes the packet that arrives next, which none does before its moment. Returns that. */
static uint64_t take_next(void)
{
    const uint64_t due_us = lane_next_us(&lane);

    ck_assert(due_us != UINT64_MAX);
    ck_assert_ptr_null(due_us > 0 ? lane_take(&lane, due_us - 1) : NULL);
    struct lane_packet *packet = lane_take(&lane, due_us);
    ck_assert_ptr_nonnull(packet);
    ck_assert_mem_eq(packet->bytes, some.bytes, some.len);
    free(packet);
    return due_us;
}

START_TEST(delays)
{
    lane.rules.delay_us = 50 * MS;
    ck_assert_int_eq(offer(1000), LANE_TAKEN);
    ck_assert_int_eq(offer(1001), LANE_TAKEN);
    ck_assert_uint_eq(take_next(), 51000);
    ck_assert_uint_eq(take_next(), 51001);
    ck_assert(lane_next_us(&lane) == UINT64_MAX);
}
END_TEST

/* 1000 bytes at 1 Mbit/s take 8 ms. */
START_TEST(keeps_the_rate)
{
    lane.rules.rate = 1000000;
    lane.rules.delay_us = 20 * MS;
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(offer(0), LANE_TAKEN);
    }
    for (uint64_t i = 1; i <= 10; i++) {
        ck_assert_uint_eq(take_next(), i * 8 * MS + 20 * MS);
    }
    /* What was not used is not saved up. */
    ck_assert_int_eq(offer(1000 * MS), LANE_TAKEN);
    ck_assert_uint_eq(take_next(), 1028 * MS);
}
END_TEST

START_TEST(bounds_the_queue)
{
    lane.rules.rate = 1000000;
    lane.rules.queue = 3500;
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(offer(0), LANE_TAKEN);
    }
    ck_assert_int_eq(offer(0), LANE_QUEUE_FULL);
    ck_assert_int_eq(offer(4 * MS - 1), LANE_QUEUE_FULL);
    ck_assert_int_eq(offer(4 * MS), LANE_TAKEN);
    ck_assert_uint_eq(lane.fates[LANE_QUEUE_FULL], 2);
    ck_assert_uint_eq(lane.fates[LANE_TAKEN], 4);
}
END_TEST

/* A packet larger than the queue passes when nothing waits: otherwise nothing ever would. */
START_TEST(an_empty_queue_takes_any_packet)
{
    lane.rules.rate = 1000000;
    lane.rules.queue = 1;
    ck_assert_int_eq(offer(0), LANE_TAKEN);
    ck_assert_int_eq(offer(8 * MS - 1), LANE_QUEUE_FULL);
    ck_assert_int_eq(offer(8 * MS), LANE_TAKEN);
}
END_TEST

START_TEST(holds_a_bounded_number_of_bytes)
{
    lane.rules.delay_us = 1000000000;
    for (int i = 0; i < LANE_HELD_MAX / 1000; i++) {
        ck_assert_int_eq(offer(0), LANE_TAKEN);
    }
    ck_assert_int_eq(offer(0), LANE_QUEUE_FULL);
}
END_TEST

/* The order stays, every moment lies in the bounds, and they spread over them. */
START_TEST(jitter_keeps_the_order)
{
    uint64_t last_us = 0, least_us = UINT64_MAX, most_us = 0;

    lane.rules.delay_us = 100 * MS;
    lane.rules.jitter_us = 30 * MS;
    for (uint64_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(offer(i * 20 * MS), LANE_TAKEN);
    }
    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t due_us = take_next(), took_us = due_us - i * 20 * MS;
        ck_assert_uint_ge(due_us, last_us);
        ck_assert_uint_ge(took_us, 100 * MS);
        ck_assert_uint_lt(took_us, 130 * MS);
        last_us = due_us;
        least_us = took_us < least_us ? took_us : least_us;
        most_us = took_us > most_us ? took_us : most_us;
    }
    ck_assert_uint_lt(least_us, 101 * MS);
    ck_assert_uint_gt(most_us, 129 * MS);
}
END_TEST

/* When the delay becomes shorter nobody overtakes those that are under way. */
START_TEST(a_shorter_delay_keeps_the_order)
{
    lane.rules.delay_us = 100 * MS;
    ck_assert_int_eq(offer(0), LANE_TAKEN);
    lane.rules.delay_us = 0;
    ck_assert_int_eq(offer(1), LANE_TAKEN);
    ck_assert_uint_eq(take_next(), 100 * MS);
    ck_assert_uint_eq(take_next(), 100 * MS);
    ck_assert_int_eq(offer(200 * MS), LANE_TAKEN);
    ck_assert_uint_eq(take_next(), 200 * MS);
}
END_TEST

START_TEST(loses_every_nth)
{
    lane.rules.loss_every = 3;
    for (int i = 1; i <= 12; i++) {
        ck_assert_int_eq(offer(0), i % 3 == 0 ? LANE_LOST : LANE_TAKEN);
    }
}
END_TEST

/* Writes which of 10000 are lost by a seed, and returns how many. */
static unsigned lose(uint64_t seed, uint32_t ppm, bool lost[10000])
{
    unsigned count = 0;

    lane_close(&lane);
    lane_open(&lane, seed);
    lane.rules.loss_ppm = ppm;
    for (int i = 0; i < 10000; i++) {
        lost[i] = offer(0) == LANE_LOST;
        count += lost[i] ? 1 : 0;
    }
    return count;
}

START_TEST(loses_at_random_by_the_seed)
{
    static bool first[10000], second[10000], other[10000];

    const unsigned count = lose(1, 100000, first);
    /* Six times the deviation of 30. */
    ck_assert_uint_gt(count, 820);
    ck_assert_uint_lt(count, 1180);
    ck_assert_uint_eq(lose(1, 100000, second), count);
    ck_assert_mem_eq(first, second, sizeof first);
    (void)lose(2, 100000, other);
    ck_assert_mem_ne(first, other, sizeof first);
    ck_assert_uint_eq(lose(1, 0, first), 0);
    ck_assert_uint_eq(lose(1, 1000000, first), 10000);
}
END_TEST

START_TEST(filters_syns)
{
    static const uint8_t cookie[12] = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
    const struct wanted kinds[] = {{.flags = SEGMENT_SYN},
                                   {.flags = SEGMENT_SYN, .payload_len = 128},
                                   {.flags = SEGMENT_SYN, .options = cookie, .options_len = 12},
                                   {.flags = SEGMENT_ACK, .payload_len = 128}};
    static const bool dropped[2][4] = {{false, true, false, false}, {false, false, true, false}};

    for (int filter = 0; filter < 2; filter++) {
        lane.rules.drop_syn_data = filter == 0;
        lane.rules.drop_fast_open = filter == 1;
        for (int kind = 0; kind < 4; kind++) {
            const struct made made = make(kinds[kind]);
            const struct segment segment = read_made(&made);
            ck_assert_int_eq(lane_offer(&lane, &segment, made.bytes, made.len, 0),
                             dropped[filter][kind] ? LANE_FILTERED : LANE_TAKEN);
        }
    }
}
END_TEST

START_TEST(silence_takes_what_is_under_way)
{
    lane.rules.delay_us = 10 * MS;
    ck_assert_int_eq(offer(0), LANE_TAKEN);
    lane.rules.silent = true;
    ck_assert_int_eq(offer(0), LANE_SILENT);
    ck_assert_ptr_null(lane_take(&lane, 10 * MS));
    lane.rules.silent = false;
    ck_assert_ptr_null(lane_take(&lane, 10 * MS));
    ck_assert_uint_eq(lane.fates[LANE_SILENT], 2);
    ck_assert_uint_eq(lane.fates[LANE_TAKEN], 0);
    ck_assert_int_eq(offer(20 * MS), LANE_TAKEN);
    ck_assert_uint_eq(take_next(), 30 * MS);
}
END_TEST

void add_lane_cases(Suite *suite)
{
    TCase *lanes = tcase_create("lanes");

    tcase_add_checked_fixture(lanes, open_lane, close_lane);
    ADD(lanes, delays, keeps_the_rate, bounds_the_queue, an_empty_queue_takes_any_packet,
        holds_a_bounded_number_of_bytes, jitter_keeps_the_order, a_shorter_delay_keeps_the_order, loses_every_nth,
        loses_at_random_by_the_seed, filters_syns, silence_takes_what_is_under_way);
    suite_add_tcase(suite, lanes);
}
