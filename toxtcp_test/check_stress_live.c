/* Tests of the live line, and of what counts as missing while a run goes on. SPDX-License-Identifier: ISC */
#include <check.h>
#include <string.h>

#include "../apps/stress/clock.h"
#include "../apps/stress/engine.h"
#include "../apps/stress/live.h"
#include "../apps/stress/run.h"

enum { RUN = 7, STREAM = 3 };

/* --- The line --- */

static const struct scenario plain = {.name = "throughput", .engine = &engine_pairs};
static const struct scenario echoing = {.name = "latency", .engine = &engine_pairs, .echo = true};
static struct stress_options options;
static struct series_point points[2];
static struct series_group groups[4];
static struct series series;
static struct live live;
static char line[LIVE_LINE_SIZE];

static void setup(void)
{
    options = (struct stress_options){.group_count = 2, .quiet = true};
    options.groups[0].scenario = &plain;
    options.groups[1].scenario = &echoing;
    memset(points, 0, sizeof points);
    memset(groups, 0, sizeof groups);
    series = (struct series){.group_count = 2, .count = 1, .capacity = 2, .points = points, .groups = groups};
    live_start(&live, &options);
}

START_TEST(while_clients_connect)
{
    points[0] = (struct series_point){.seconds = 1, .clients = 812};
    groups[1].samples = 812;
    groups[1].p50 = 1500000;
    groups[1].p99 = 42000000;
    live_format(&live, &series, NS_PER_S, 79, line);
    ck_assert_str_eq(line, "connecting  812 up  0/s  p50 1.5 ms  p99 42 ms");
}
END_TEST

START_TEST(under_load)
{
    points[0] = (struct series_point){.seconds = 2, .clients = 812};
    groups[0] = (struct series_group){.sent_per_s = 500, .arrived_per_s = 900, .bytes_per_s = 2e6, .missing = 4};
    groups[0].samples = 5;
    groups[0].p50 = 7;
    groups[1] = (struct series_group){.sent_per_s = 500, .arrived_per_s = 100, .missing = 6, .samples = 1};
    groups[1].p50 = 250000;
    groups[1].p99 = 3000000;
    live_set_end(&live, 100 * NS_PER_S, 110 * NS_PER_S);
    /* 10 of 2000 that were sent in two seconds; the latency of those who measure it on purpose. */
    live_format(&live, &series, 103 * NS_PER_S, 79, line);
    ck_assert_str_eq(line, "[=     ] 7 s  812 up  1000/s  2.0 MB/s  lost 0.50%  p50 250 us  p99 3.0 ms");
    /* The next second adds to what was sent; what was missing may have come late. */
    series.count = 2;
    points[1] = (struct series_point){.seconds = 1, .clients = 1};
    groups[2].sent_per_s = 2000;
    live_format(&live, &series, 200 * NS_PER_S, 79, line);
    ck_assert_str_eq(line, "[======] 0 s  1 up  0/s  0.0 MB/s  lost 0.00%");
    ck_assert_double_eq(live.sent, 4000);
}
END_TEST

/* As much as a run may well show. */
START_TEST(on_eighty_columns)
{
    points[0] = (struct series_point){.seconds = 1, .clients = 20000};
    groups[1] = (struct series_group){.sent_per_s = 1e5, .arrived_per_s = 99999, .bytes_per_s = 1e8, .missing = 7000};
    groups[1].samples = 1;
    groups[1].p50 = 250000;
    groups[1].p99 = 100000000;
    live_set_end(&live, 0, 600 * NS_PER_S);
    live_format(&live, &series, 0, 79, line);
    ck_assert_str_eq(line, "[      ] 600 s  20000 up  99999/s  100 MB/s  lost 7.00%  p50 250 us  p99 100 ms");
}
END_TEST

/* A line that is too long would wrap, and not be rewritten in its place. */
START_TEST(on_narrow_terminals)
{
    points[0] = (struct series_point){.seconds = 1, .clients = 1000000};
    for (size_t i = 0; i < 2; i++) {
        groups[i] = (struct series_group){.sent_per_s = 1e6, .arrived_per_s = 123456789, .bytes_per_s = 98765432109};
        groups[i].missing = 500000;
        groups[i].samples = 1;
        groups[i].p50 = 999000000;
        groups[i].p99 = 59999000000;
    }
    live_set_end(&live, 0, 1000000 * NS_PER_S);
    for (size_t columns = 0; columns < LIVE_LINE_SIZE - 1; columns++) {
        live_format(&live, &series, 1, columns, line);
        ck_assert_uint_le(strlen(line), columns);
    }
    ck_assert_ptr_nonnull(strstr(line, "p99 60 s"));
}
END_TEST

/* --- Missing packets --- */

static struct inlet inlet;
static struct tally tally;
static struct tally_times times;
static const struct measured never = {.from_ns = UINT64_MAX, .to_ns = UINT64_MAX};

static void arrive(uint32_t sequence)
{
    const struct payload payload = {.kind = PAYLOAD_DATA, .run = RUN, .stream = STREAM, .sequence = sequence};
    struct payload read;
    uint8_t bytes[PAYLOAD_MIN];

    tally.times = &times;
    payload_write(&payload, bytes, sizeof bytes);
    (void)inlet_take(&inlet, &never, bytes, sizeof bytes, 5, &tally, &read);
}

START_TEST(missing_packets)
{
    inlet = (struct inlet){.run = RUN, .stream = {[LANE_DATA] = STREAM}};
    tally = (struct tally){.missing = 0};
    arrive(0);
    arrive(1);
    ck_assert_int_eq(tally.missing, 0);
    arrive(5); /* 2, 3, 4 */
    ck_assert_int_eq(tally.missing, 3);
    arrive(3);
    ck_assert_int_eq(tally.missing, 2);
    arrive(3); /* again: nothing new */
    arrive(5);
    ck_assert_int_eq(tally.missing, 2);
    arrive(6);
    ck_assert_int_eq(tally.missing, 2);
    /* What was cut off is not missed. */
    inlet.expected[LANE_DATA] = 10;
    arrive(10);
    ck_assert_int_eq(tally.missing, 2);
    arrive(12);
    ck_assert_int_eq(tally.missing, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress_live");
    TCase *tests = tcase_create("live");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, while_clients_connect);
    tcase_add_test(tests, under_load);
    tcase_add_test(tests, on_eighty_columns);
    tcase_add_test(tests, on_narrow_terminals);
    tcase_add_test(tests, missing_packets);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
