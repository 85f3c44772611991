/* Tests of toxtcp-stress compare: what is a difference and what is noise. SPDX-License-Identifier: ISC */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../apps/stress/compare.h"
#include "../apps/stress/rounds.h"

/* What was printed last. */
static char *said;
static struct problem problem;

static void teardown(void)
{
    free(said);
    said = NULL;
}

struct load {
    double p50;
    double swing; /* of its seconds around it, in turns */
    double packets;
    int seconds;
    int lost;
    int pairs;
};

/* A result as --json writes it. */
static json_t *make_result(const struct load *load)
{
    json_t *series = json_array();

    for (int i = 0; i < load->seconds; i++) {
        const double p50 = load->p50 + (i % 2 == 0 ? load->swing : -load->swing);
        (void)json_array_append_new(series, json_pack("{s:f, s:f, s:s, s:[{s:f, s:s, s:f}]}", "time_s", i + 1.,
                                                      "seconds", 1., "phase", "measure", "groups", "packets_per_s",
                                                      load->packets, "latency", "round_trip", "p50_us", p50));
    }
    /* Those before the measured time are no part of it. */
    (void)json_array_append_new(series,
                                json_pack("{s:f, s:s, s:[{s:f, s:s, s:f}]}", "seconds", 1., "phase", "warmup", "groups",
                                          "packets_per_s", 1e9, "latency", "round_trip", "p50_us", 1e9));
    return json_pack("{s:s, s:f, s:[{s:s, s:i, s:i, s:i, s:f, s:{s:f, s:f}}], s:o}", "toxtcp_stress", "1", "duration_s",
                     (double)load->seconds, "groups", "scenario", "latency", "pairs", load->pairs, "sent", 1000000,
                     "lost", load->lost, "packets_per_s", load->packets, "round_trip_us", "p50", load->p50, "p999",
                     10 * load->p50, "series", series);
}

static int compare(json_t *before, json_t *after)
{
    size_t size = 0;
    int worse;

    free(said);
    FILE *file = open_memstream(&said, &size);
    worse = compare_results(before, after, file, &problem);
    ck_assert_int_eq(fclose(file), 0);
    json_decref(before);
    json_decref(after);
    return worse;
}

/* The last word of a figure's line. */
static void ck_verdict(const char *figure, const char *verdict)
{
    const char *line = strstr(said, figure);

    ck_assert_msg(line != NULL, "no %s in: %s", figure, said);
    const size_t len = strcspn(line, "\n");
    ck_assert_uint_le(len, 80);
    ck_assert_msg(len > strlen(verdict) && memcmp(line + len - strlen(verdict), verdict, strlen(verdict)) == 0,
                  "%s is not %s: %s", figure, verdict, said);
}

START_TEST(a_difference_beyond_the_noise)
{
    const struct load before = {100, 5, 1000, 10, 0, 1};
    struct load after = before;

    after.p50 = 120;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 1);
    ck_verdict("latency.p50", " worse");
    ck_verdict("latency.packets/s", " same");
    ck_assert_int_eq(compare(make_result(&after), make_result(&before)), 0);
    ck_verdict("latency.p50", " better");
}
END_TEST

START_TEST(a_difference_within_the_noise)
{
    const struct load before = {100, 30, 1000, 10, 0, 1};
    struct load after = before;

    after.p50 = 120; /* a standard error of 10 each: 3 times the root of 200 is 42 */
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    ck_verdict("latency.p50", " same");
    after.p50 = 150;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 1);
}
END_TEST

START_TEST(the_least_difference)
{
    const struct load before = {1000, 0, 1000, 10, 0, 1};
    struct load after = before;

    after.p50 = 1029;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    after.p50 = 1031;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 1);
    after = before;
    after.packets = 1030.5; /* more is better */
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    ck_verdict("latency.packets/s", " better");
    ck_assert_int_eq(compare(make_result(&after), make_result(&before)), 0); /* that is less than 3 % of it */
    after.packets = 1050;
    ck_assert_int_eq(compare(make_result(&after), make_result(&before)), 1);
    ck_verdict("latency.packets/s", " worse");
}
END_TEST

/* Seconds in a row are alike: the waves of a minute are noise, however many seconds they have. */
START_TEST(many_seconds_make_blocks)
{
    struct load load = {100, 0, 1000, 100, 0, 1};
    json_t *before = make_result(&load);
    json_t *after = make_result(&load);
    size_t index;
    json_t *point;

    load.swing = 0;
    json_array_foreach(json_object_get(before, "series"), index, point)
    {
        json_t *group = json_array_get(json_object_get(point, "groups"), 0);
        (void)json_object_set_new(group, "p50_us", json_real(index % 20 < 10 ? 70. : 130.));
    }
    (void)json_object_set_new(json_object_get(json_array_get(json_object_get(after, "groups"), 0), "round_trip_us"),
                              "p50", json_real(118));
    ck_assert_int_eq(compare(before, after), 0);
    ck_verdict("latency.p50", " same");
}
END_TEST

START_TEST(counts_are_off_by_their_root)
{
    const struct load before = {100, 1, 1000, 10, 100, 1};
    struct load after = before;

    after.lost = 130;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    after.lost = 160;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 2); /* lost, and loss */
    ck_verdict("latency.lost", " worse");
    ck_verdict("latency.loss", " worse");
}
END_TEST

START_TEST(what_cannot_be_judged)
{
    struct load before = {100, 1, 1000, 2, 0, 1};
    struct load after = {400, 1, 1000, 2, 0, 2};

    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    ck_verdict("latency.p50", " ?"); /* two seconds say nothing of noise */
    ck_assert_ptr_null(strstr(said, "p999"));
    ck_assert_ptr_nonnull(strstr(said, "not the same load: scenario 1 has another pairs"));
    after.seconds = 4;
    ck_assert_int_eq(compare(make_result(&before), make_result(&after)), 0);
    ck_assert_ptr_nonnull(strstr(said, "not as long: 2 s and 4 s"));
    ck_assert_int_eq(compare(make_result(&before), json_pack("{s:s}", "toxtcp_stress", "1")), -1);
    ck_assert_str_eq(problem.text, "they have no figure in common");
}
END_TEST

/* Sleepers have no round trips; what they have is told apart from them. */
static json_t *make_sleepers(double p50)
{
    const struct load load = {p50, 0, 8, 10, 0, 1};
    json_t *result = make_result(&load);
    json_t *group = json_array_get(json_object_get(result, "groups"), 0);
    size_t index;
    json_t *point;

    (void)json_object_set_new(group, "scenario", json_string("sleepwake"));
    (void)json_object_set(group, "wake_us", json_object_get(group, "round_trip_us"));
    (void)json_object_del(group, "round_trip_us");
    json_array_foreach(json_object_get(result, "series"), index, point)
    {
        (void)json_object_set_new(json_array_get(json_object_get(point, "groups"), 0), "latency", json_string("wake"));
    }
    return result;
}

START_TEST(waking_is_compared)
{
    ck_assert_int_eq(compare(make_sleepers(100), make_sleepers(150)), 1);
    ck_verdict("sleepwake.wake.p50", " worse");
}
END_TEST

START_TEST(other_loads_are_noted)
{
    const struct load load = {100, 1, 1000, 10, 0, 1};
    json_t *before = make_result(&load);
    json_t *after = make_result(&load);

    (void)compare(json_incref(before), json_incref(after));
    ck_assert_ptr_null(strstr(said, "note:"));
    (void)json_object_set_new(before, "attack", json_pack("{s:s, s:i}", "name", "half-open", "actions", 3));
    (void)json_object_set_new(after, "attack", json_pack("{s:s, s:i}", "name", "half-open", "actions", 4));
    (void)compare(json_incref(before), json_incref(after));
    ck_assert_ptr_null(strstr(said, "note:"));
    (void)json_object_del(after, "attack");
    (void)json_object_set_new(before, "relays", json_pack("[{s:s}]", "address", "127.0.0.1:1"));
    (void)json_object_set_new(after, "relays", json_pack("[{}, {}]"));
    (void)json_object_set_new(before, "events", json_pack("[{s:f, s:s}]", "at_s", 1., "action", "kill"));
    (void)json_object_set_new(after, "events", json_pack("[{s:f, s:s}]", "at_s", 1., "action", "stop"));
    (void)json_object_set_new(json_array_get(json_object_get(before, "groups"), 0), "life_s", json_real(1));
    (void)json_object_set_new(json_array_get(json_object_get(after, "groups"), 0), "life_s", json_real(2));
    (void)json_object_set_new(before, "interrupted", json_true());
    (void)json_object_set_new(after, "generator", json_pack("{s:b}", "bottleneck", 1));
    (void)compare(before, after);
    ck_assert_ptr_nonnull(strstr(said, "note: not the same load: another attack\n"));
    ck_assert_ptr_nonnull(strstr(said, "note: not as many relays\n"));
    ck_assert_ptr_nonnull(strstr(said, "note: not the same events\n"));
    ck_assert_ptr_nonnull(strstr(said, "scenario 1 has another life_s\n"));
    ck_assert_ptr_nonnull(strstr(said, "note: before was interrupted\n"));
    ck_assert_ptr_nonnull(strstr(said, "note: after was limited by the generator\n"));
    ck_assert_ptr_null(strstr(said, "after was interrupted"));
}
END_TEST

/* --- Rounds --- */

static json_t *make_rounds(const double *p50, int count)
{
    json_t *runs = json_array();

    for (int i = 0; i < count; i++) {
        const struct load load = {p50[i], 0, 1000, 1, 0, 1};
        (void)json_array_append_new(
            runs, json_pack("{s:i, s:i, s:o}", "relay_number", 0, "round", i + 1, "result", make_result(&load)));
    }
    return json_pack("{s:s, s:[s], s:o}", "toxtcp_stress", "1", "contenders", "127.0.0.1:1", "runs", runs);
}

START_TEST(rounds_tell_the_noise)
{
    static const double calm[] = {100, 101, 99, 100, 100};
    static const double slower[] = {110, 111, 109, 110, 110};
    static const double wild[] = {110, 150, 70, 110, 130};

    ck_assert_int_eq(compare(make_rounds(calm, 5), make_rounds(slower, 5)), 2);
    ck_verdict("latency.p50", " worse");
    ck_verdict("latency.p999", " worse"); /* which a single run's series does not tell */
    ck_assert_int_eq(compare(make_rounds(calm, 5), make_rounds(wild, 5)), 0);
    ck_verdict("latency.p50", " same");
    ck_assert_int_eq(compare(make_rounds(calm, 2), make_rounds(slower, 2)), 0);
    ck_verdict("latency.p50", " ?");
}
END_TEST

/* A packet that is lost in each round is as many as could have been none. */
static json_t *make_lossy_rounds(int lost)
{
    json_t *runs = json_array();

    for (int i = 0; i < 5; i++) {
        const struct load load = {100, 0, 1000, 1, lost, 1};
        (void)json_array_append_new(
            runs, json_pack("{s:i, s:i, s:o}", "relay_number", 0, "round", i + 1, "result", make_result(&load)));
    }
    return json_pack("{s:s, s:[s], s:o}", "toxtcp_stress", "1", "contenders", "127.0.0.1:1", "runs", runs);
}

START_TEST(losses_of_rounds_are_counts)
{
    ck_assert_int_eq(compare(make_lossy_rounds(0), make_lossy_rounds(1)), 0);
    ck_verdict("latency.lost", " same");
    ck_verdict("latency.loss", " same");
    ck_assert_int_eq(compare(make_lossy_rounds(0), make_lossy_rounds(30)), 2);
    ck_verdict("latency.loss", " worse");
}
END_TEST

static json_t *make_run(int relay, int round, const char *figure, double value)
{
    return json_pack("{s:i, s:i, s:{s:[{s:s, s:i, s:f}], s:{s:f}}}", "relay_number", relay, "round", round, "result",
                     "groups", "scenario", "latency", "pairs", 1, "packets_per_s", value, "relay_process", figure,
                     value);
}

/* What only one round or only one relay has is not lost, and is not put beside another round's. */
START_TEST(rounds_that_lack_a_figure)
{
    json_t *document = json_pack("{s:[s, s], s:[o, o, o, o, o]}", "contenders", "127.0.0.1:1", "127.0.0.1:2", "runs",
                                 make_run(0, 1, "cpu_us_per_packet", 10), make_run(1, 1, "other", 20),
                                 make_run(1, 2, "cpu_us_per_packet", 5), make_run(0, 2, "other", 40),
                                 make_run(0, 3, "cpu_us_per_packet", 30));
    struct figure cpu = {.group = "", .measure = measure_find("cpu_us_per_packet", strlen("cpu_us_per_packet"))};
    struct figure packets = {.group = "latency", .measure = measure_find("packets/s", strlen("packets/s"))};
    struct rounds *rounds = rounds_new(document);
    struct figures *medians = malloc(sizeof *medians);
    struct sample sample;

    ck_assert_uint_eq(rounds->round_count, 3);
    rounds_sample(rounds, 0, &cpu, &sample);
    ck_assert_uint_eq(sample.count, 3);
    ck_assert_uint_eq(sample_there(&sample), 2);
    ck_assert_double_eq(sample.values[0], 10);
    ck_assert(isnan(sample.values[1]));
    ck_assert_double_eq(sample_median(&sample), 20);
    ck_assert_double_eq(sample_extreme(&sample, -1), 10);
    ck_assert_double_eq(sample_extreme(&sample, 1), 30);
    rounds_ratios(rounds, &cpu, &sample);
    ck_assert_uint_eq(sample.count, 0); /* no round has both */
    rounds_ratios(rounds, &packets, &sample);
    ck_assert_uint_eq(sample.count, 2);
    ck_assert_double_eq(sample.values[0], 0.5);
    ck_assert_double_eq(sample.values[1], 8);
    rounds_medians(rounds, 1, medians);
    ck_assert_ptr_nonnull(figures_find(medians, &cpu));
    ck_assert_double_eq(figures_find(medians, &packets)->value, 12.5);
    free(medians);
    rounds_free(rounds);
    json_decref(document);
}
END_TEST

/* It may be anybody's file. */
START_TEST(rounds_out_of_place)
{
    json_t *document = json_pack("{s:[s], s:[o, o, o, o]}", "contenders", "127.0.0.1:1", "runs",
                                 make_run(1, 1, "cpu_percent", 1), make_run(-1, 1, "cpu_percent", 1),
                                 make_run(0, 0, "cpu_percent", 1), make_run(0, ROUNDS_MAX + 1, "cpu_percent", 1));
    struct rounds *rounds = rounds_new(document);

    ck_assert_ptr_nonnull(rounds);
    ck_assert_uint_eq(rounds->figures.count, 0);
    rounds_free(rounds);
    json_decref(document);
}
END_TEST

/* What clients that the relay has not missed yet take in later rounds is not those rounds' clients'. */
static json_t *make_memory_rounds(int grown_kib)
{
    json_t *runs = json_array();

    for (int i = 0; i < 3; i++) {
        json_t *result = json_pack("{s:[{s:s, s:i, s:{s:i}}], s:{s:i, s:i}}", "groups", "scenario", "idle", "clients",
                                   100, "connects", "ok", 100, "relay_process", "rss_start_kib", 1000, "rss_begin_kib",
                                   1000 + grown_kib * (i + 1));
        (void)json_array_append_new(runs,
                                    json_pack("{s:i, s:i, s:o}", "relay_number", 0, "round", i + 1, "result", result));
    }
    return json_pack("{s:s, s:[s], s:o}", "toxtcp_stress", "1", "contenders", "127.0.0.1:1", "runs", runs);
}

START_TEST(memory_is_of_the_first_round)
{
    json_t *document = make_memory_rounds(200);
    struct figure figure = {.group = "", .measure = measure_find("kib_per_client", strlen("kib_per_client"))};
    struct rounds *rounds = rounds_new(document);
    struct sample sample;

    rounds_sample(rounds, 0, &figure, &sample);
    ck_assert_uint_eq(sample_there(&sample), 1);
    ck_assert_double_eq_tol(sample.values[0], 2, 1e-9);
    rounds_free(rounds);
    ck_assert_int_eq(compare(document, make_memory_rounds(215)), 0); /* a tenth is noise */
    ck_verdict("kib_per_client", " same");
    ck_assert_int_eq(compare(make_memory_rounds(200), make_memory_rounds(250)), 1);
    ck_verdict("kib_per_client", " worse");
}
END_TEST

START_TEST(medians_and_errors)
{
    struct sample sample = {.count = 0};
    double error = 1;

    ck_assert_double_eq(sample_median(&sample), 0);
    sample = (struct sample){.count = 4, .values = {4, 1, 3, 2}};
    ck_assert_double_eq(sample_median(&sample), 2.5);
    ck_assert(sample_error(&sample, &error));
    ck_assert_double_eq_tol(error, sqrt(5. / 3 / 4), 1e-9);
    sample.count = 3;
    ck_assert_double_eq(sample_median(&sample), 3);
    sample.count = 2;
    ck_assert(!sample_error(&sample, &error));
}
END_TEST

/* --- The command --- */

START_TEST(files_that_are_none)
{
    char missing[] = "/nonexistent/a.json";
    char option[] = "--help";
    char *none[] = {NULL};
    char *one[] = {missing, NULL};
    char *two[] = {missing, missing, NULL};
    char *help[] = {option, missing, NULL};

    ck_assert_int_eq(compare_main(0, none), 2);
    ck_assert_int_eq(compare_main(1, one), 2);
    ck_assert_int_eq(compare_main(2, two), 2);
    ck_assert_int_eq(compare_main(2, help), 2);
    ck_assert_int_eq(compare_main(1, help), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress_compare");
    TCase *tests = tcase_create("compare");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_difference_beyond_the_noise);
    tcase_add_test(tests, a_difference_within_the_noise);
    tcase_add_test(tests, the_least_difference);
    tcase_add_test(tests, many_seconds_make_blocks);
    tcase_add_test(tests, counts_are_off_by_their_root);
    tcase_add_test(tests, what_cannot_be_judged);
    tcase_add_test(tests, rounds_tell_the_noise);
    tcase_add_test(tests, waking_is_compared);
    tcase_add_test(tests, other_loads_are_noted);
    tcase_add_test(tests, losses_of_rounds_are_counts);
    tcase_add_test(tests, rounds_that_lack_a_figure);
    tcase_add_test(tests, rounds_out_of_place);
    tcase_add_test(tests, memory_is_of_the_first_round);
    tcase_add_test(tests, medians_and_errors);
    tcase_add_test(tests, files_that_are_none);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
