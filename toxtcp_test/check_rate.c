/* How often something may happen, held against a bucket that is filled drop by drop. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "rate.h"

static bool is_ready(const struct rate *rate, struct rate_limit limit, uint32_t amount, uint64_t now_ms)
{
    return rate_ready_ms(rate, limit, amount) <= now_ms;
}

START_TEST(burst_then_rate)
{
    const struct rate_limit limit = {.per_second = 50, .burst = 500};
    struct rate rate = {0};
    unsigned taken = 0;

    while (is_ready(&rate, limit, 1, 1000)) {
        rate_take(&rate, limit, 1, 1000);
        taken++;
    }
    ck_assert_uint_eq(taken, 500);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 1), 1020);
    ck_assert_uint_eq(rate_full_ms(&rate), 11000);
    for (uint64_t now_ms = 1000; now_ms < 3000; now_ms++) {
        if (is_ready(&rate, limit, 1, now_ms)) {
            rate_take(&rate, limit, 1, now_ms);
            taken++;
        }
    }
    ck_assert_uint_eq(taken, 500 + 2 * 50 - 1);
    /* Rest fills it, no further than full. */
    taken = 0;
    while (is_ready(&rate, limit, 1, 1000000)) {
        rate_take(&rate, limit, 1, 1000000);
        taken++;
    }
    ck_assert_uint_eq(taken, 500);
}
END_TEST

START_TEST(no_limit)
{
    const struct rate_limit none = {.per_second = 0, .burst = 0};
    struct rate rate = {0};

    rate_take(&rate, none, UINT32_MAX, 5);
    ck_assert_uint_eq(rate_ready_ms(&rate, none, UINT32_MAX), 0);
    ck_assert_uint_eq(rate_full_ms(&rate), 0);
}
END_TEST

START_TEST(no_burst_is_one)
{
    const struct rate_limit limit = {.per_second = 10, .burst = 0};
    struct rate rate = {0};

    ck_assert(is_ready(&rate, limit, 1, 1000));
    rate_take(&rate, limit, 1, 1000);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 1), 1100);
    /* More than a burst would never be there. */
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 7), 1100);
}
END_TEST

START_TEST(overdrawn)
{
    const struct rate_limit limit = {.per_second = 1000, .burst = 100};
    struct rate rate = {0};

    rate_take(&rate, limit, 5000, 10);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 0), 10 + 4900);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 1), 10 + 4901);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 100), 10 + 5000);
    ck_assert_uint_eq(rate_full_ms(&rate), 5010);
}
END_TEST

/* A whole number of ms is never earlier than the moment itself. */
START_TEST(rounds_up)
{
    const struct rate_limit limit = {.per_second = 3, .burst = 1};
    struct rate rate = {0};

    rate_take(&rate, limit, 1, 0);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 1), 334);
    rate_take(&rate, limit, 1, 334);
    ck_assert_uint_eq(rate_ready_ms(&rate, limit, 1), 668);
}
END_TEST

START_TEST(other_limit_at_once)
{
    const struct rate_limit slow = {.per_second = 1, .burst = 1};
    const struct rate_limit quick = {.per_second = 1, .burst = 1000};
    const struct rate_limit none = {.per_second = 0, .burst = 1};
    struct rate rate = {0};

    rate_take(&rate, slow, 100, 0);
    ck_assert_uint_eq(rate_ready_ms(&rate, slow, 1), 100000);
    ck_assert_uint_eq(rate_ready_ms(&rate, quick, 1), 0);
    ck_assert_uint_eq(rate_ready_ms(&rate, none, 1), 0);
}
END_TEST

/* What is missing stays missing. */
START_TEST(limit_changes)
{
    const struct rate_limit none = {0};
    const struct rate_limit slow = {.per_second = 1, .burst = 100};
    const struct rate_limit quick = {.per_second = 50, .burst = 100};
    struct rate rate = {0};

    rate_take(&rate, slow, 100, 1000);
    ck_assert_uint_eq(rate_ready_ms(&rate, slow, 1), 2000);
    rate_change(&rate, slow, quick, 1000);
    ck_assert_uint_eq(rate_ready_ms(&rate, quick, 1), 1020);
    ck_assert_uint_eq(rate_full_ms(&rate), 3000);
    rate_change(&rate, quick, quick, 1000);
    ck_assert_uint_eq(rate_full_ms(&rate), 3000);
    rate_change(&rate, quick, slow, 2000);
    ck_assert_uint_eq(rate_full_ms(&rate), 52000);
    /* A part of a drop counts as one. */
    rate_change(&rate, slow, quick, 51001);
    ck_assert_uint_eq(rate_full_ms(&rate), 51021);
    /* Full, it stays full. */
    rate_change(&rate, quick, slow, 60000);
    ck_assert_uint_le(rate_full_ms(&rate), 60000);
    rate_take(&rate, slow, 50, 60000);
    rate_change(&rate, slow, none, 60000);
    ck_assert_uint_eq(rate_ready_ms(&rate, none, 1), 0);
    rate_change(&rate, none, slow, 60000);
    ck_assert_uint_le(rate_full_ms(&rate), 60000);
}
END_TEST

START_TEST(largest_changes)
{
    const struct rate_limit slowest = {.per_second = 1, .burst = UINT32_MAX};
    const struct rate_limit quickest = {.per_second = UINT32_MAX, .burst = UINT32_MAX};
    struct rate rate = {UINT64_MAX};

    rate_change(&rate, slowest, quickest, 0);
    ck_assert_uint_eq(rate_full_ms(&rate), 1000);
    rate.full_at_ns = UINT64_MAX;
    rate_change(&rate, quickest, slowest, 0);
    ck_assert_uint_eq(rate_full_ms(&rate), UINT32_MAX * (uint64_t)1000);
    rate.full_at_ns = 999999999;
    rate_change(&rate, quickest, slowest, 0);
    ck_assert_uint_le(rate_full_ms(&rate), UINT32_MAX * (uint64_t)1000);
    rate.full_at_ns = UINT64_MAX;
    rate_change(&rate, slowest, quickest, UINT64_MAX);
    ck_assert_uint_eq(rate.full_at_ns, 0);
}
END_TEST

START_TEST(largest_numbers)
{
    const struct rate_limit slowest = {.per_second = 1, .burst = UINT32_MAX};
    const struct rate_limit quickest = {.per_second = UINT32_MAX, .burst = UINT32_MAX};
    struct rate rate = {0};

    for (unsigned i = 0; i < 10; i++) {
        rate_take(&rate, slowest, UINT32_MAX, UINT64_MAX - 1);
    }
    ck_assert_uint_eq(rate_full_ms(&rate), UINT64_MAX / 1000000 + 1);
    rate = (struct rate){0};
    rate_take(&rate, quickest, UINT32_MAX, 0);
    ck_assert_uint_eq(rate_ready_ms(&rate, quickest, UINT32_MAX), 1000);
    ck_assert_uint_eq(rate_ready_ms(&rate, quickest, 0), 0);
}
END_TEST

/* Against a bucket in millionths of a drop, over random takings. */
START_TEST(as_a_bucket)
{
    const struct rate_limit limit = {.per_second = 1000, .burst = 700};
    struct rate rate = {0};
    int64_t level = 700;
    uint32_t random = (uint32_t)_i + 1;

    for (uint64_t now_ms = 0; now_ms < 20000; now_ms++) {
        level = level < 700 ? level + (now_ms > 0) : 700;
        random = random * 1664525 + 1013904223;
        const uint32_t amount = (random >> 16) % 120;
        if ((random >> 8) % 32 == 0) {
            rate_take(&rate, limit, amount, now_ms);
            level -= amount;
        }
        ck_assert(is_ready(&rate, limit, amount, now_ms) == (level >= (int64_t)amount));
        ck_assert((rate_full_ms(&rate) <= now_ms) == (level >= 700));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate");
    TCase *tests = tcase_create("rate");

    tcase_add_test(tests, burst_then_rate);
    tcase_add_test(tests, no_limit);
    tcase_add_test(tests, no_burst_is_one);
    tcase_add_test(tests, overdrawn);
    tcase_add_test(tests, rounds_up);
    tcase_add_test(tests, other_limit_at_once);
    tcase_add_test(tests, limit_changes);
    tcase_add_test(tests, largest_changes);
    tcase_add_test(tests, largest_numbers);
    tcase_add_loop_test(tests, as_a_bucket, 0, 8);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
