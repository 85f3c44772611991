/* Tests of the histogram: what it tells is exact to a percent, and merged ones are as one. SPDX-License-Identifier: ISC
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "../apps/common/histogram.h"

/* In ns, from 1 us to 60 s. */
static const uint64_t shortest = 1000;
static const uint64_t longest = UINT64_C(60000000000);

static void must_be_near(uint64_t told, uint64_t value)
{
    const uint64_t distance = told > value ? told - value : value - told;

    ck_assert_msg(distance * 100 <= value, "%llu is told for %llu", (unsigned long long)told,
                  (unsigned long long)value);
}

static void must_tell_nearly(uint64_t value)
{
    static struct histogram histogram;

    histogram_clear(&histogram);
    /* One above and one below, so that what is told is the bucket's own value. */
    histogram_add(&histogram, value);
    histogram_add(&histogram, value * 2);
    histogram_add(&histogram, value / 2);
    must_be_near(histogram_quantile(&histogram, 600), value);
}

START_TEST(every_value_is_told_to_a_percent)
{
    for (uint64_t value = 1; value < (uint64_t)1 << HISTOGRAM_POWERS; value = value * 21 / 20 + 1) {
        must_tell_nearly(value);
    }
    for (uint64_t value = shortest; value <= longest; value = value * 501 / 500 + 1) {
        must_tell_nearly(value);
    }
    must_tell_nearly(longest);
}
END_TEST

START_TEST(every_value_beside_an_edge_is_told_to_a_percent)
{
    /* Each bucket of one power of two after another, at its first and its last number. */
    for (uint32_t power = HISTOGRAM_FINE + 1; power < HISTOGRAM_POWERS; power += 4) {
        const uint64_t width = (uint64_t)1 << (power - HISTOGRAM_FINE);
        for (uint64_t edge = (uint64_t)1 << power; edge < (uint64_t)2 << power; edge += width) {
            must_tell_nearly(edge - 1);
            must_tell_nearly(edge);
        }
    }
}
END_TEST

START_TEST(quantiles_of_few)
{
    static struct histogram histogram;
    static struct histogram other;

    histogram_clear(&histogram);
    histogram_clear(&other);
    ck_assert_uint_eq(histogram_quantile(&histogram, 500), 0);
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(value % 2 ? &histogram : &other, value);
    }
    histogram_merge(&histogram, &other);
    ck_assert_uint_eq(histogram.count, 100);
    ck_assert_uint_eq(histogram.sum, 5050);
    ck_assert_uint_eq(histogram_quantile(&histogram, 0), 1);
    ck_assert_uint_eq(histogram_quantile(&histogram, 500), 50);
    ck_assert_uint_eq(histogram_quantile(&histogram, 990), 99);
    ck_assert_uint_eq(histogram_quantile(&histogram, 1000), 100);
    histogram_add(&histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_quantile(&histogram, 1000), UINT64_MAX);
}
END_TEST

/* --- Several threads --- */

enum { THREADS = 4, VALUES = 20000 };

struct thread {
    pthread_t id;
    struct histogram histogram;
    uint64_t values[VALUES];
};

/* As many in each power of two, so that the whole range is in use; by Knuth's generator, of which the high bits are
 * good. */
static void draw(struct thread *thread, uint64_t seed)
{
    for (uint32_t i = 0; i < VALUES; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint64_t base = shortest << (seed >> 40) % 26;
        const uint64_t value = base + (uint64_t)((double)base * (double)(seed >> 11) * 0x1p-53);
        thread->values[i] = value < longest ? value : longest;
    }
}

static void *add_all(void *user)
{
    struct thread *thread = user;

    for (uint32_t i = 0; i < VALUES; i++) {
        histogram_add(&thread->histogram, thread->values[i]);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Fills `sorted` with all values, and one histogram with those of all threads. */
static void run_threads(struct histogram *whole, uint64_t sorted[THREADS * VALUES])
{
    static struct thread threads[THREADS];

    for (uint32_t t = 0; t < THREADS; t++) {
        draw(&threads[t], t);
        ck_assert_int_eq(pthread_create(&threads[t].id, NULL, add_all, &threads[t]), 0);
    }
    histogram_clear(whole);
    for (uint32_t t = 0; t < THREADS; t++) {
        ck_assert_int_eq(pthread_join(threads[t].id, NULL), 0);
        histogram_merge(whole, &threads[t].histogram);
        for (uint32_t i = 0; i < VALUES; i++) {
            sorted[t * VALUES + i] = threads[t].values[i];
        }
    }
    qsort(sorted, THREADS * VALUES, sizeof *sorted, by_value);
}

START_TEST(merged_over_threads_every_quantile_is_told_to_a_percent)
{
    static struct histogram whole;
    static uint64_t sorted[THREADS * VALUES];
    uint64_t sum = 0;

    run_threads(&whole, sorted);
    for (uint32_t i = 0; i < THREADS * VALUES; i++) {
        sum += sorted[i];
    }
    ck_assert_uint_eq(whole.count, THREADS * VALUES);
    ck_assert_uint_eq(whole.sum, sum);
    ck_assert_uint_eq(whole.min, sorted[0]);
    ck_assert_uint_eq(whole.max, sorted[THREADS * VALUES - 1]);
    ck_assert_uint_le(whole.min, shortest * 101 / 100);
    ck_assert_uint_eq(whole.max, longest);
    for (uint32_t per_mille = 1; per_mille <= 1000; per_mille++) {
        must_be_near(histogram_quantile(&whole, per_mille), sorted[THREADS * VALUES / 1000 * per_mille - 1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tcase = tcase_create("histogram");

    tcase_add_test(tcase, every_value_is_told_to_a_percent);
    tcase_add_test(tcase, every_value_beside_an_edge_is_told_to_a_percent);
    tcase_add_test(tcase, quantiles_of_few);
    tcase_add_test(tcase, merged_over_threads_every_quantile_is_told_to_a_percent);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
