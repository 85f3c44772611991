/* Tests of --fail-if: reading conditions, and holding results against them. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../apps/stress/verdict.h"

static struct problem problem;
static struct condition condition;

static const char *const result_text =
    "{'groups': ["
    " {'scenario': 'latency', 'pairs': 1, 'clients': 2, 'sent': 1000, 'lost': 2, 'refused': 7, 'packets_per_s': 400,"
    "  'bytes_per_s': 40000, 'round_trip_us': {'count': 9, 'p50': 100, 'p99': 20000, 'max': 21000},"
    "  'one_way_us': {'count': 9, 'p50': 50, 'p99': 900}, 'connects': {'ok': 2, 'failed': 0,"
    "  'ended_by_reason': {'reset': 3, 'closed': 1}, 'time_us': {'count': 2, 'p50': 1500}}},"
    " {'scenario': 'latency', 'pairs': 1, 'clients': 2, 'sent': 10, 'lost': 0, 'refused': 0, 'packets_per_s': 4,"
    "  'round_trip_us': {'count': 9, 'p50': 300, 'p99': 400}, 'connects': {'ok': 2, 'failed': 0, 'ended_by_reason': "
    "{}}},"
    " {'scenario': 'idle', 'pairs': 0, 'clients': 400, 'packets_per_s': 0, 'sent': 0, 'lost': 0,"
    "  'round_trip_us': {'count': 0}, 'connects': {'ok': 396, 'failed': 4, 'ended_by_reason': {}}}],"
    " 'relay_process': {'cpu_us_per_packet': 2.5, 'cpu_us_per_handshake': null, 'rss_start_kib': 5000,"
    "  'rss_begin_kib': 5800, 'rss_peak_kib': 6000}}";

static json_t *result;
static struct figures figures;

static void setup(void)
{
    char *text = strdup(result_text);
    json_error_t error;

    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    result = json_loads(text, 0, &error);
    ck_assert_msg(result != NULL, "%s", error.text);
    free(text);
    figures_read(result, &figures);
}

static void teardown(void)
{
    json_decref(result);
}

static void refuse(const char *text, const char *why)
{
    ck_assert_msg(condition_read(text, &condition, &problem) == -1, "%s was taken", text);
    ck_assert_msg(strstr(problem.text, why) != NULL, "%s: said \"%s\", not \"%s\"", text, problem.text, why);
}

static void take(const char *text, const char *group, const char *name, enum condition_sign sign, double bound)
{
    ck_assert_msg(condition_read(text, &condition, &problem) == 0, "%s", problem.text);
    ck_assert_str_eq(condition.group, group);
    ck_assert_str_eq(condition.measure->name, name);
    ck_assert_int_eq(condition.sign, sign);
    ck_assert_double_eq_tol(condition.bound, bound, 1e-9);
}

/* Whether the result meets the condition, and what is said about it. */
static bool fails(const char *text, const char *words)
{
    json_t *verdicts = json_array();
    char *said = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&said, &size);

    ck_assert_msg(condition_read(text, &condition, &problem) == 0, "%s", problem.text);
    const size_t failed = verdict_give(&figures, &condition, 1, false, file, verdicts);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_msg(strstr(said, words) != NULL, "%s: said \"%s\", not \"%s\"", text, said, words);
    ck_assert_int_eq(failed > 0, said[0] != '\0');
    ck_assert_uint_gt(json_array_size(verdicts), 0);
    free(said);
    json_decref(verdicts);
    return failed > 0;
}

START_TEST(conditions_are_read)
{
    take("loss>0.1%", "", "loss", SIGN_OVER, 0.001);
    take("p99>20ms", "", "p99", SIGN_OVER, 20000);
    take(" latency.oneway.p50 <= 1.5 s ", "latency", "oneway.p50", SIGN_AT_MOST, 1500000);
    take("oneway.p999>=7us", "", "oneway.p999", SIGN_AT_LEAST, 7);
    take("throughput.packets/s<2M", "throughput", "packets/s", SIGN_UNDER, 2e6);
    take("handshakes/s<1.5k", "", "handshakes/s", SIGN_UNDER, 1500);
    take("latency#2.refused>0", "latency#2", "refused", SIGN_OVER, 0);
    take("rss_kib>64MiB", "", "rss_kib", SIGN_OVER, 65536);
    take("multirelay.gap.max>3s", "multirelay", "gap.max", SIGN_OVER, 3000000);
    take("wake_round_trips.p50>9", "", "wake_round_trips.p50", SIGN_OVER, 9);
    take("sleepwake.unwoken>0", "sleepwake", "unwoken", SIGN_OVER, 0);
    take("cpu_us_per_packet>3us", "", "cpu_us_per_packet", SIGN_OVER, 3);
}
END_TEST

START_TEST(slips_are_named)
{
    refuse("", "it is written NAME>NUMBER");
    refuse("p99", "it is written NAME>NUMBER");
    refuse(">3", "it is written NAME>NUMBER");
    refuse("p99=3ms", "it is written NAME>NUMBER");
    refuse("p98>3ms", "there is no \"p98\"; there are packets/s, ");
    refuse("p98>3ms", "cpu_us_per_packet");
    refuse("p9999999999999999999999999999999999999999>3ms", "and all after SCENARIO."); /* the message's end */
    refuse("latency.p98>3ms", "there is no \"latency.p98\"");
    refuse("latency.>3ms", "there is no");
    refuse("latency.rss_kib>3", "rss_kib is of the whole run, not of latency");
    refuse("p99>", "a number must follow");
    refuse("p99>ms", "a number must follow");
    refuse("p99>inf", "a number must follow");
    refuse("p99>0x10us", "a number must follow");
    refuse("p99>20", "\"\" is no unit of p99; there is us, ms, s");
    refuse("p99>20%", "\"%\" is no unit of p99");
    refuse("loss>0.1", "is no unit of loss; there is %");
    refuse("packets/s<3ms", "is no unit of packets/s; there is none, k, M");
    refuse("p99>20ms20", "is no unit of p99");
}
END_TEST

START_TEST(results_are_judged)
{
    ck_assert(fails("loss>0.1%", "failed, loss>0.1%: latency.loss is 0.200%"));
    ck_assert(!fails("loss>0.2%", ""));
    ck_assert(fails("loss>=0.2%", "latency.loss"));
    ck_assert(fails("p99>19ms", "latency.p99 is 20 ms"));
    ck_assert(!fails("p99>20ms", ""));
    ck_assert(fails("p50>200us", "latency#2.p50 is 300 us"));
    ck_assert(!fails("latency#2.p99>1ms", ""));
    ck_assert(fails("latency.p99>1ms", "latency.p99 is 20 ms"));
    ck_assert(fails("oneway.p99>800us", "latency.oneway.p99 is 900 us"));
    ck_assert(fails("packets/s<5", "latency#2.packets/s is 4"));
    ck_assert(!fails("packets/s<4", ""));
    ck_assert(fails("ended>3", "latency.ended is 4"));
    ck_assert(fails("failed>0", "idle.failed is 4"));
    ck_assert(fails("cpu_us_per_packet>2us", "cpu_us_per_packet is 2.50 us"));
    ck_assert(fails("kib_per_client>1.9", "kib_per_client is 2.00 KiB"));
    ck_assert(!fails("kib_per_client>2.1", ""));
}
END_TEST

/* A relay that does nothing has no bad figures. */
START_TEST(no_figure_is_a_failure)
{
    ck_assert(fails("handshakes/s<1", "there is no such figure"));
    ck_assert(fails("idle.p99>1s", "there is no such figure"));
    ck_assert(fails("cpu_us_per_handshake>1s", "there is no such figure"));
    ck_assert(fails("idle.loss>50%", "there is no such figure"));
    ck_assert(fails("latency#3.p50>1s", "there is no such figure"));
    ck_assert(fails("latency#2.max>1s", "there is no such figure"));
}
END_TEST

/* Nor of what was cut short before it could be measured; what there is counts. */
START_TEST(no_figure_when_interrupted)
{
    json_t *verdicts = json_array();
    char *said = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&said, &size);

    ck_assert_int_eq(condition_read("idle.p99>1s", &condition, &problem), 0);
    ck_assert_uint_eq(verdict_give(&figures, &condition, 1, true, file, verdicts), 0);
    ck_assert_uint_eq(json_array_size(verdicts), 0);
    ck_assert_int_eq(condition_read("latency.p99>1us", &condition, &problem), 0);
    ck_assert_uint_eq(verdict_give(&figures, &condition, 1, true, file, verdicts), 1);
    ck_assert_uint_eq(json_array_size(verdicts), 2);
    ck_assert_int_eq(fclose(file), 0);
    free(said);
    json_decref(verdicts);
}
END_TEST

START_TEST(no_rates_without_time)
{
    (void)json_object_set_new(result, "duration_s", json_real(0));
    figures_read(result, &figures);
    ck_assert(fails("packets/s<1", "there is no such figure"));
    (void)json_object_set_new(result, "duration_s", json_real(0.1));
    figures_read(result, &figures);
    ck_assert(!fails("packets/s<1", ""));
}
END_TEST

START_TEST(groups_of_one_name)
{
    char name[FIGURE_GROUP_SIZE];

    group_name_at(result, 0, name);
    ck_assert_str_eq(name, "latency");
    group_name_at(result, 1, name);
    ck_assert_str_eq(name, "latency#2");
    group_name_at(result, 2, name);
    ck_assert_str_eq(name, "idle");
    group_name_at(result, 3, name);
    ck_assert_str_eq(name, "");
    (void)json_object_set_new(json_array_get(json_object_get(result, "groups"), 2), "scenario", json_string("\033[2J"));
    group_name_at(result, 2, name);
    ck_assert_str_eq(name, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress_verdict");
    TCase *tests = tcase_create("verdict");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, conditions_are_read);
    tcase_add_test(tests, slips_are_named);
    tcase_add_test(tests, results_are_judged);
    tcase_add_test(tests, no_figure_is_a_failure);
    tcase_add_test(tests, no_figure_when_interrupted);
    tcase_add_test(tests, no_rates_without_time);
    tcase_add_test(tests, groups_of_one_name);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
