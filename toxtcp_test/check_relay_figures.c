/* Tests of what the relay's figures are turned into. SPDX-License-Identifier: ISC */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../apps/relay/page.h"
#include "../apps/relay/report.h"
#include "apps/made_up_figures.h"

enum { BUSY_MS = 3600000 };

static struct made_up_relay relay;
static struct relay_figures *figures;
static struct report report;
static struct history history;
static struct history_mark mark;

static void set_up(void)
{
    memset(&relay, 0, sizeof relay);
    memset(&history, 0, sizeof history);
    memset(&mark, 0, sizeof mark);
    figures = &relay.figures;
}

static char *text_of(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(out);
    report_make(&report, figures, 1234567890, 1700000000123);
    report_write_text(&report, out);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

static json_t *json_of(void)
{
    struct history_sample recent;

    report_make(&report, figures, 1234567890, 1700000000123);
    history_recent(&history, &mark, report.sum.client_count, &recent);
    return report_json(&report, &recent, &history);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* --- Numbers --- */

START_TEST(numbers_are_exact)
{
    static const struct {
        uint64_t number;
        uint8_t decimals;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {UINT64_MAX, 0, "18446744073709551615"},
        {0, 9, "0.000000000"},
        {1, 9, "0.000000001"},
        {1000000001, 9, "1.000000001"},
        {UINT64_MAX, 9, "18446744073.709551615"},
        {1500, 3, "1.500"},
        {999, 3, "0.999"},
    };
    char text[REPORT_NUMBER_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        report_number_format(cases[i].number, cases[i].decimals, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(histogram_ranks_and_differences)
{
    static struct histogram all;
    static struct histogram before;

    for (uint64_t value = 1; value <= 100; value++) {
        histogram_add(&all, value);
    }
    ck_assert_uint_eq(histogram_rank(&all, 0), 0);
    ck_assert_uint_eq(histogram_rank(&all, 10), 10);
    ck_assert_uint_eq(histogram_rank(&all, 100), 100);
    ck_assert_uint_eq(histogram_rank(&all, UINT64_MAX), 100);
    before = all;
    for (int i = 0; i < 1000; i++) {
        histogram_add(&all, 5000000);
    }
    ck_assert_uint_eq(histogram_rank(&all, 4900000), 100);
    ck_assert_uint_eq(histogram_rank(&all, 5000000), 1100);
    histogram_subtract(&all, &before);
    ck_assert_uint_eq(all.count, 1000);
    ck_assert_uint_eq(all.sum, 5000000000);
    ck_assert_uint_eq(histogram_rank(&all, 4900000), 0);
    ck_assert_uint_ge(histogram_quantile(&all, 10), 4975000);
    ck_assert_uint_le(histogram_quantile(&all, 10), 5025000);
    before = all;
    histogram_subtract(&all, &before);
    ck_assert_uint_eq(histogram_quantile(&all, 990), 0);
}
END_TEST

/* --- Each counter is shown --- */

/* Every counter a number of its own: all members from `output_len` on are of that kind. */
static size_t number_server(struct toxtcp_server_info *server, uint64_t **counters)
{
    const size_t count = (sizeof *server - offsetof(struct toxtcp_server_info, output_len)) / sizeof(uint64_t);

    *counters = &server->output_len;
    for (size_t i = 0; i < count; i++) {
        (*counters)[i] = 7000001 + i * 13;
    }
    return count;
}

/* What is not to be seen: messages are counted where they are carried. */
static bool silent(const struct toxtcp_server_info *server, const uint64_t *counter)
{
    return counter == &server->mesh_sent || counter == &server->mesh_received;
}

START_TEST(every_counter_is_shown)
{
    struct toxtcp_server_info *server = &figures->workers[0].server;
    uint64_t *counters;
    const size_t count = number_server(server, &counters);
    char *text;
    char *json_text;
    json_t *json;

    figures->worker_count = 1;
    text = text_of();
    json = json_of();
    json_text = json_dumps(json, JSON_COMPACT);
    for (size_t i = 0; i < count; i++) {
        char in_text[32];
        char in_json[32];

        (void)snprintf(in_text, sizeof in_text, " %" PRIu64 "\n", counters[i]);
        (void)snprintf(in_json, sizeof in_json, ":%" PRIu64, counters[i]);
        ck_assert_msg(has(text, in_text) == !silent(server, &counters[i]), "counter %zu in the text", i);
        ck_assert_msg(has(json_text, in_json) == !silent(server, &counters[i]), "counter %zu in JSON", i);
    }
    free(text);
    free(json_text);
    json_decref(json);
}
END_TEST

START_TEST(workers_are_added_up)
{
    char *text;

    figures->worker_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        figures->workers[i].server.client_count = 10 + i;
        figures->workers[i].server.unconfirmed_count = i;
        figures->workers[i].server.route_count = 100;
        figures->workers[i].server.online_count = 40;
        figures->workers[i].ev.bytes_written = 1000;
        figures->workers[i].ev.fast_opens_accepted = 7;
        figures->workers[i].cpu_ns = 1500000000 + i;
    }
    figures->waits_us.count = 0;
    histogram_add(&figures->waits_us, 10);
    histogram_add(&figures->waits_us, 11);
    histogram_add(&figures->waits_us, 20000000);
    text = text_of();
    ck_assert(has(text, "\ntoxtcp_relay_clients{state=\"confirmed\"} 30\n"));
    ck_assert(has(text, "\ntoxtcp_relay_clients{state=\"unconfirmed\"} 3\n"));
    ck_assert(has(text, "\ntoxtcp_relay_routes{state=\"offline\"} 180\n"));
    ck_assert(has(text, "\ntoxtcp_relay_socket_bytes_total{direction=\"out\"} 3000\n"));
    ck_assert(has(text, "\ntoxtcp_relay_fast_opens_total 21\n"));
    ck_assert(has(text, "\ntoxtcp_relay_worker_clients{worker=\"2\"} 12\n"));
    ck_assert(has(text, "\ntoxtcp_relay_worker_cpu_seconds_total{worker=\"2\"} 1.500000002\n"));
    ck_assert(has(text, "\nprocess_cpu_seconds_total 1.234567890\n"));
    ck_assert(has(text, "\nprocess_start_time_seconds 1700000000.123\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_bucket{le=\"1e-05\"} 1\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_bucket{le=\"2e-05\"} 2\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_bucket{le=\"10\"} 2\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_bucket{le=\"+Inf\"} 3\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_sum 20.000021\n"));
    ck_assert(has(text, "\ntoxtcp_relay_transit_seconds_count 3\n"));
    free(text);
}
END_TEST

/* A thread's figures are not all of the same instant. */
START_TEST(odd_numbers_do_not_wrap)
{
    char *text;

    figures->worker_count = WORKERS_MAX;
    figures->workers[0].server.unconfirmed_count = 2;
    figures->workers[0].server.online_count = 2;
    text = text_of();
    ck_assert(has(text, "\ntoxtcp_relay_clients{state=\"confirmed\"} 0\n"));
    ck_assert(has(text, "\ntoxtcp_relay_routes{state=\"offline\"} 0\n"));
    ck_assert(has(text, "\ntoxtcp_relay_worker_clients{worker=\"63\"} 0\n"));
    free(text);
}
END_TEST

/* --- The past --- */

static void pass(uint64_t uptime_ms, uint64_t packets, uint32_t clients)
{
    mark.uptime_ms = uptime_ms;
    mark.packets = packets;
    mark.bytes = packets * 100;
    mark.cpu_ns = uptime_ms * 250000;
    history_add(&history, &mark, clients);
}

START_TEST(history_of_an_hour)
{
    pass(5000, 0, 1);
    ck_assert_uint_eq(history.count, 0);
    pass(13000, 100, 2); /* too early */
    ck_assert_uint_eq(history.count, 0);
    for (uint32_t i = 1; i <= HISTORY_MAX + 40; i++) {
        pass(5000 + 10000 * (uint64_t)i, i * 1000, i);
    }
    ck_assert_uint_eq(history.count, HISTORY_MAX);
    ck_assert_uint_eq(history_get(&history, 0)->clients, 41);
    ck_assert_uint_eq(history_get(&history, 0)->uptime_ms, 415000);
    for (uint32_t i = 0; i < HISTORY_MAX; i++) {
        const struct history_sample *sample = history_get(&history, i);

        ck_assert_uint_eq(sample->clients, 41 + i);
        ck_assert_double_eq(sample->packets_per_second, 100);
        ck_assert_double_eq(sample->bytes_per_second, 10000);
        ck_assert_double_eq_tol(sample->cpu, 0.25, 1e-9);
        ck_assert_uint_eq(sample->transit_count, 0);
    }
}
END_TEST

START_TEST(the_last_seconds)
{
    struct history_sample recent;

    history_recent(&history, &mark, 3, &recent);
    ck_assert_double_eq(recent.packets_per_second, 0);
    ck_assert_uint_eq(recent.clients, 3);
    histogram_add(&mark.waits_us, 900000);
    pass(10000, 1000, 1);
    pass(20000, 3000, 1);
    history_recent(&history, &mark, 1, &recent);
    ck_assert_double_eq(recent.packets_per_second, 200);
    ck_assert_uint_eq(recent.transit_count, 0);
    pass(30000, 4000, 1);
    histogram_add(&mark.waits_us, 70);
    mark.uptime_ms = 35000;
    mark.packets = 6000;
    history_recent(&history, &mark, 1, &recent);
    ck_assert_double_eq(recent.packets_per_second, 200); /* 3000 in 15 s */
    ck_assert_uint_eq(recent.transit_count, 1);
    ck_assert_uint_eq(recent.transit_p99_us, 70);
    mark.uptime_ms = 0; /* a clock that goes back */
    mark.packets = 0;
    history_recent(&history, &mark, 1, &recent);
    ck_assert_double_eq(recent.packets_per_second, 0);
}
END_TEST

/* --- Foreign text --- */

static char *page_of(void)
{
    json_t *json = json_of();
    size_t len = 0;
    char *page;

    ck_assert_ptr_nonnull(json);
    page = page_make(json, "NONCE", &len);
    json_decref(json);
    ck_assert_ptr_nonnull(page);
    ck_assert_uint_eq(strlen(page), len);
    return page;
}

START_TEST(page_is_filled_in)
{
    char *page;

    made_up_relay_run(&relay, BUSY_MS);
    page = page_of();
    ck_assert(!has(page, "{{"));
    ck_assert(has(page, "<style nonce=\"NONCE\">"));
    ck_assert(has(page, "<script nonce=\"NONCE\">"));
    ck_assert(has(page, figures->public_key));
    ck_assert(has(page, "data-path=\"uptime_seconds\" data-format=\"duration\">1 h 0 min</span>"));
    ck_assert(!has(page, "data-format=\"count\"></span>"));
    ck_assert(!has(page, "data-format=\"bytes\"></span>"));
    ck_assert(!has(page, "data-format=\"time\"></span>"));
    free(page);
}
END_TEST

START_TEST(motd_is_text)
{
    char *page;

    (void)strcpy(figures->motd, "</script><script>alert('1')</script> & {{nonce}} <!-- \"");
    page = page_of();
    ck_assert(!has(page, "<script>"));
    ck_assert(!has(page, "<!-- "));
    ck_assert(has(page, "&#60;/script&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62; &#38; {{nonce}}"));
    ck_assert(has(page, "\\u003c/script>\\u003cscript>alert('1')\\u003c/script> & {{nonce}} \\u003c!-- \\\""));
    free(page);
}
END_TEST

START_TEST(motd_of_any_bytes)
{
    for (int byte = 1; byte < 256; byte++) {
        json_t *json;

        memset(figures->motd, byte, sizeof figures->motd);
        json = json_of();
        ck_assert_ptr_nonnull(json);
        ck_assert_uint_eq(json_string_length(json_object_get(json, "motd")), sizeof figures->motd);
        json_decref(json);
    }
}
END_TEST

/* --- Out of memory --- */

/* One fails, those after it do not. */
static unsigned allocations_left;

static void *scarce_malloc(size_t size)
{
    return allocations_left-- == 0 ? NULL : malloc(size);
}

static bool json_with(unsigned allocations)
{
    json_t *json;
    char *page = NULL;
    size_t len;

    allocations_left = allocations;
    json = json_of();
    if (json != NULL) { /* then nothing is missing */
        ck_assert_uint_eq(json_array_size(json_object_get(json, "worker")), 2);
        ck_assert_uint_eq(json_object_size(json_array_get(json_object_get(json, "worker"), 1)), 4);
        page = page_make(json, "NONCE", &len);
        json_decref(json);
    }
    free(page);
    return page != NULL;
}

START_TEST(json_out_of_memory)
{
    unsigned allocations = 0;
    bool whole;

    made_up_relay_run(&relay, 60000);
    pass(10000, 1, 1);
    pass(20000, 2, 1);
    pass(30000, 3, 1);
    json_set_alloc_funcs(scarce_malloc, free);
    do {
        whole = json_with(allocations++);
    } while (allocations_left > allocations); /* it has gone below 0: the one that was to fail was asked for */
    json_set_alloc_funcs(malloc, free);
    ck_assert(whole);
    ck_assert_uint_gt(allocations, 300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_figures");
    TCase *numbers = tcase_create("numbers");
    TCase *past = tcase_create("past");
    TCase *page = tcase_create("page");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(numbers, set_up, NULL);
    tcase_add_test(numbers, numbers_are_exact);
    tcase_add_test(numbers, histogram_ranks_and_differences);
    tcase_add_test(numbers, every_counter_is_shown);
    tcase_add_test(numbers, workers_are_added_up);
    tcase_add_test(numbers, odd_numbers_do_not_wrap);
    suite_add_tcase(suite, numbers);
    tcase_add_checked_fixture(past, set_up, NULL);
    tcase_add_test(past, history_of_an_hour);
    tcase_add_test(past, the_last_seconds);
    suite_add_tcase(suite, past);
    tcase_add_checked_fixture(page, set_up, NULL);
    tcase_add_test(page, page_is_filled_in);
    tcase_add_test(page, motd_is_text);
    tcase_add_test(page, motd_of_any_bytes);
    tcase_add_test(page, json_out_of_memory);
    suite_add_tcase(suite, page);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
