/* Tests of what toxtcp-probe finds and shows, without a relay. SPDX-License-Identifier: ISC */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "../apps/probe/payload.h"
#include "../apps/probe/report.h"

enum { KIND_AT = 0, KEY_AT = 1, COUNTER_AT = 1, RELAYS = 5, WIDTH = 80 };

/* --- Flights --- */

static void put(struct flight *flight, uint8_t byte, size_t len)
{
    uint8_t *bytes = flight_add(flight, len);

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, byte, len);
}

START_TEST(a_flight_knows_its_packets)
{
    static struct flight flight;
    uint8_t bytes[FLIGHT_PAYLOAD_MAX] = {0};

    flight_clear(&flight);
    ck_assert(flight_is_over(&flight));
    put(&flight, 1, 100);
    put(&flight, 2, 100);
    memset(bytes, 2, sizeof bytes);
    ck_assert(flight_take(&flight, bytes, 100));
    ck_assert(!flight_is_over(&flight));
    ck_assert_msg(!flight_take(&flight, bytes, 100), "the same again");
    ck_assert_msg(!flight_take(&flight, bytes, 99), "cut off");
    memset(bytes, 1, sizeof bytes);
    bytes[99] ^= 1;
    ck_assert_msg(!flight_take(&flight, bytes, 100), "a bit of it");
    bytes[99] ^= 1;
    ck_assert(flight_take(&flight, bytes, 100));
    ck_assert(flight_is_over(&flight));
    ck_assert_uint_eq(flight.count, 2);
    ck_assert_uint_eq(flight.received, 2);
    ck_assert_uint_eq(flight.changed, 3);
    flight_clear(&flight);
    ck_assert(!flight_take(&flight, bytes, 100));
}
END_TEST

START_TEST(a_flight_has_its_limits)
{
    static struct flight flight;

    flight_clear(&flight);
    ck_assert_ptr_null(flight_add(&flight, FLIGHT_PAYLOAD_MAX + 1));
    for (int i = 0; i < FLIGHT_MAX; i++) {
        ck_assert_ptr_nonnull(flight_add(&flight, FLIGHT_PAYLOAD_MAX));
    }
    ck_assert_ptr_null(flight_add(&flight, 1));
}
END_TEST

START_TEST(a_flight_knows_the_oldest)
{
    static struct flight flight;
    uint8_t bytes[FLIGHT_PAYLOAD_MAX] = {0};

    flight_clear(&flight);
    ck_assert_uint_eq(flight_oldest(&flight, 50), 50);
    put(&flight, 1, 100);
    flight_sent(&flight, 10);
    put(&flight, 2, 100);
    flight_sent(&flight, 20);
    ck_assert_uint_eq(flight_oldest(&flight, 50), 10);
    memset(bytes, 1, sizeof bytes);
    ck_assert(flight_take(&flight, bytes, 100));
    ck_assert_uint_eq(flight_oldest(&flight, 50), 20);
    memset(bytes, 2, sizeof bytes);
    ck_assert(flight_take(&flight, bytes, 100));
    ck_assert_uint_eq(flight_oldest(&flight, 50), 50);
}
END_TEST

/* --- Payloads --- */

START_TEST(friends_talk)
{
    static struct flight flight;
    struct toxtcp_public_key key = {.bytes = {7, 8, 9}};
    struct talk talk;
    size_t len;

    flight_clear(&flight);
    talk_begin(&talk, &key, true);
    const uint8_t *request = talk_next(&talk, &flight, 1400, true, &len);
    ck_assert_uint_eq(request[KIND_AT], PAYLOAD_COOKIE_REQUEST);
    ck_assert_uint_eq(len, 145);
    ck_assert_mem_eq(request + KEY_AT, key.bytes, sizeof key.bytes);
    ck_assert_uint_eq(talk_next(&talk, &flight, 1400, true, &len)[KIND_AT], PAYLOAD_HANDSHAKE);
    ck_assert_uint_eq(len, 385);
    const uint8_t *data = talk_next(&talk, &flight, 1400, true, &len);
    ck_assert_uint_eq(data[KIND_AT], PAYLOAD_DATA);
    ck_assert_uint_eq(len, 1400);
    for (int i = 0; i < 16; i++) {
        const uint8_t *next = talk_next(&talk, &flight, 1024, false, &len);
        const uint16_t before = (uint16_t)(data[COUNTER_AT] << 8 | data[COUNTER_AT + 1]);
        const uint16_t after = (uint16_t)(next[COUNTER_AT] << 8 | next[COUNTER_AT + 1]);
        ck_assert_uint_eq((uint16_t)(before + 1), after);
        ck_assert(len >= 40 && len <= 1024);
        ck_assert_mem_ne(data + 3, next + 3, 32);
        data = next;
    }
    talk_begin(&talk, &key, false);
    ck_assert_uint_eq(talk_next(&talk, &flight, 1400, true, &len)[KIND_AT], PAYLOAD_COOKIE_RESPONSE);
    ck_assert_uint_eq(len, 161);
}
END_TEST

/* --- Results --- */

START_TEST(medians)
{
    struct step_result step = {.sample_count = 0};
    uint64_t ns;

    ck_assert(!step_median(&step, &ns));
    step_add_sample(&step, 30);
    ck_assert(step_median(&step, &ns) && ns == 30);
    step_add_sample(&step, 10);
    ck_assert(step_median(&step, &ns) && ns == 20);
    step_add_sample(&step, 1000);
    ck_assert(step_median(&step, &ns) && ns == 30);
    for (int i = 0; i < 2 * SAMPLES_MAX; i++) {
        step_add_sample(&step, 5);
    }
    ck_assert_uint_eq(step.sample_count, SAMPLES_MAX);
    ck_assert(step_median(&step, &ns) && ns == 5);
}
END_TEST

/* The first one was held up by addresses that are dead. */
START_TEST(times_of_connecting)
{
    const struct step_result step = {.sample_count = 2, .samples_ns = {4000000000, 100000}};
    const struct step_result none = {.sample_count = 0};
    uint64_t ns;

    ck_assert(step_time(&step, STEP_CONNECT, &ns) && ns == 100000);
    ck_assert(step_time(&step, STEP_PING, &ns) && ns == 2000050000);
    ck_assert(!step_time(&none, STEP_CONNECT, &ns));
}
END_TEST

static struct probe_result good_result(uint64_t data_ns)
{
    struct probe_result result = {.finished = true};

    for (enum step step = 0; step < STEP_COUNT; step++) {
        step_add_sample(&result.steps[step], data_ns);
        step_pass(&result.steps[step]);
    }
    return result;
}

/* As far as `step`, and there it fails. */
static struct probe_result bad_result(enum step step, enum fault fault, int error)
{
    struct probe_result result = good_result(1000000);

    for (enum step left = step; left < STEP_COUNT; left++) {
        result.steps[left] = (struct step_result){.outcome = OUTCOME_NOT_TRIED};
    }
    step_fail(&result.steps[step], fault, error);
    return result;
}

START_TEST(states)
{
    struct probe_result result = good_result(1);

    ck_assert_int_eq(result_state(&result), RELAY_GOOD);
    result.steps[STEP_OOB].outcome = OUTCOME_NOT_TRIED;
    ck_assert_int_eq(result_state(&result), RELAY_BAD);
    result = good_result(1);
    step_fail(&result.steps[STEP_OOB_SELF], FAULT_DROPPED, 0);
    ck_assert_int_eq(result_state(&result), RELAY_BAD);
    /* What has failed stays so, and for the first reason. */
    step_pass(&result.steps[STEP_OOB_SELF]);
    step_fail(&result.steps[STEP_OOB_SELF], FAULT_CHANGED, 0);
    ck_assert_int_eq(result.steps[STEP_OOB_SELF].outcome, OUTCOME_FAILED);
    ck_assert_int_eq(result.steps[STEP_OOB_SELF].fault, FAULT_DROPPED);
    result.finished = false;
    ck_assert_int_eq(result_state(&result), RELAY_UNFINISHED);
}
END_TEST

START_TEST(faults_of_errors)
{
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_HOST_UNKNOWN), FAULT_NAME);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_REFUSED), FAULT_REFUSED);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_UNREACHABLE), FAULT_UNREACHABLE);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_TIMED_OUT), FAULT_NO_ANSWER);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_WRONG_KEY), FAULT_WRONG_KEY);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_INVALID), FAULT_WRONG_KEY);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_NO_DESCRIPTOR), FAULT_OURS);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_PROTOCOL), FAULT_ENDED);
    ck_assert_int_eq(fault_of_error(TOXTCP_ERR_RESET), FAULT_ENDED);
}
END_TEST

START_TEST(faults_of_ends)
{
    ck_assert_int_eq(fault_of_end(STEP_HANDSHAKE, TOXTCP_ERR_WRONG_KEY), FAULT_WRONG_KEY);
    ck_assert_int_eq(fault_of_end(STEP_SECOND, TOXTCP_ERR_WRONG_KEY), FAULT_ENDED);
    ck_assert_int_eq(fault_of_end(STEP_SECOND, TOXTCP_ERR_REFUSED), FAULT_REFUSED);
    ck_assert_int_eq(fault_of_end(STEP_PING, TOXTCP_ERR_TIMED_OUT), FAULT_NO_ANSWER);
    for (enum step step = STEP_ROUTE; step < STEP_COUNT; step++) {
        ck_assert_int_eq(fault_of_end(step, TOXTCP_ERR_TIMED_OUT), FAULT_ENDED);
        ck_assert_int_eq(fault_of_end(step, TOXTCP_ERR_NO_MEMORY), FAULT_OURS);
    }
}
END_TEST

static void check_words(enum step step, enum fault fault, int error, const char *words)
{
    const struct probe_result result = bad_result(step, fault, error);
    char text[FAULT_TEXT_SIZE];

    step_fault_text(&result, step, text);
    ck_assert_str_eq(text, words);
}

START_TEST(words_for_ends)
{
    check_words(STEP_SECOND, FAULT_ENDED, TOXTCP_ERR_WRONG_KEY,
                "lets one client in, not two: closed instead of answering");
    check_words(STEP_SECOND, FAULT_OURS, TOXTCP_ERR_NO_DESCRIPTOR,
                "this machine: out of file descriptors or socket memory");
    check_words(STEP_CONNECT, FAULT_ENDED, TOXTCP_ERR_NETWORK, "cannot connect: network error");
    check_words(STEP_DATA, FAULT_ENDED, TOXTCP_ERR_TIMED_OUT, "connection ended during data: timed out");
    check_words(STEP_DATA, FAULT_ROUTE_LOST, TOXTCP_ERR_NOT_CONNECTED, "takes the route back");
    check_words(STEP_RESOLVE, FAULT_NAME, TOXTCP_ERR_HOST_UNKNOWN, "name not found, or no name server answers");
}
END_TEST

/* Every fault in every step has words that fit a line; only a failure has any. */
START_TEST(words_for_faults)
{
    char text[FAULT_TEXT_SIZE];

    for (enum step step = 0; step < STEP_COUNT; step++) {
        for (enum fault fault = FAULT_NAME; fault < FAULT_COUNT; fault++) {
            if (step < STEP_DATA && (fault == FAULT_DROPPED || fault == FAULT_CHANGED)) {
                continue; /* nothing is passed yet */
            }
            const struct probe_result result = bad_result(step, fault, TOXTCP_ERR_CLOSED);
            step_fault_text(&result, step, text);
            ck_assert_uint_gt(strlen(text), 0);
            ck_assert_msg(strlen(text) <= WIDTH - 4, "%s", text);
            ck_assert_uint_gt(strlen(fault_name(fault)), 0);
        }
        const struct probe_result good = good_result(1);
        step_fault_text(&good, step, text);
        ck_assert_str_eq(text, "");
    }
    struct probe_result result = bad_result(STEP_DATA, FAULT_DROPPED, 0);
    result.steps[STEP_DATA].sent = 33;
    step_fault_text(&result, STEP_DATA, text);
    ck_assert_str_eq(text, "drops data: 0 of 33 packets arrived");
    result.steps[STEP_DATA].received = 32;
    step_fault_text(&result, STEP_DATA, text);
    ck_assert_str_eq(text, "drops some data: 32 of 33 packets arrived");
    result = bad_result(STEP_SECOND, FAULT_ENDED, TOXTCP_ERR_CLOSED);
    step_fault_text(&result, STEP_SECOND, text);
    ck_assert_str_eq(text, "lets one client in, not two: closed by the other side");
}
END_TEST

/* --- Histories --- */

static const struct probe_result bad = {.finished = true};

START_TEST(a_history)
{
    struct history history = {.rounds = 0};
    char text[SPARKLINE_SIZE];
    struct probe_result good = good_result(800);

    ck_assert(!history_add(&history, &good, 100));
    ck_assert(!history_add(&history, &good, 200));
    ck_assert(history_add(&history, &bad, 300));
    good = good_result(100);
    ck_assert(history_add(&history, &good, 400));
    ck_assert_uint_eq(history.since, 400);
    ck_assert_double_eq(history_availability(&history), 75);
    history_sparkline(&history, false, text);
    ck_assert_str_eq(text, "##x_");
    history_sparkline(&history, true, text);
    ck_assert_str_eq(text, "\u2588\u2588x\u2581");

    history = (struct history){.rounds = 0};
    ck_assert_msg(history_add(&history, &bad, 1), "a bad one at first is news");
    ck_assert(!history_add(&history, &bad, 2));
    ck_assert_uint_eq(history.since, 1);
    history_sparkline(&history, false, text);
    ck_assert_str_eq(text, "xx");
}
END_TEST

START_TEST(a_long_history)
{
    struct history history = {.rounds = 0};
    char text[SPARKLINE_SIZE];

    for (uint64_t i = 1; i <= 3 * HISTORY_KEPT + 5; i++) {
        const struct probe_result result = good_result(i * 1000);
        (void)history_add(&history, i == 3 ? &bad : &result, (time_t)i);
    }
    ck_assert_uint_eq(history_kept(&history), HISTORY_KEPT);
    ck_assert_uint_eq(history_round_trip(&history, 0), (2 * HISTORY_KEPT + 6) * 1000);
    ck_assert_uint_eq(history_round_trip(&history, HISTORY_KEPT - 1), (3 * HISTORY_KEPT + 5) * 1000);
    ck_assert_uint_eq(history.rounds - history.good, 1);
    history_sparkline(&history, true, text);
    ck_assert_uint_eq(strlen(text), 3 * HISTORY_KEPT);
}
END_TEST

/* --- What is shown --- */

static struct relay_list list;
static struct probe_result results[RELAYS];
static struct history histories[RELAYS];
static char *shown;

static void add_relay(const char *address, unsigned number)
{
    char text[400];
    struct problem problem;

    (void)snprintf(text, sizeof text, "%s:%064X", address, number);
    ck_assert_msg(relay_list_add(&list, text, &problem) == 0, "%s", problem.text);
}

static struct report make_report(void)
{
    add_relay("127.0.0.1:1", 1);
    add_relay("slow.example.org:2", 2);
    add_relay("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", 3);
    add_relay("fast.example.org:4", 4);
    add_relay("127.0.0.1:5", 5);
    results[0] = bad_result(STEP_HANDSHAKE, FAULT_WRONG_KEY, TOXTCP_ERR_WRONG_KEY);
    results[1] = good_result(123456789);
    results[2] = bad_result(STEP_DATA, FAULT_DROPPED, 0);
    results[3] = good_result(1234567);
    results[4] = (struct probe_result){.finished = false};
    return (struct report){
        .list = &list, .results = results, .time = 1000000000, .since = 900000000, .rounds = 1, .timeout_s = 5};
}

/* `what` writes into it. */
static FILE *open_shown(size_t *len)
{
    FILE *file;

    shown = NULL;
    file = open_memstream(&shown, len);
    ck_assert_ptr_nonnull(file);
    return file;
}

static void close_shown(FILE *file)
{
    ck_assert_int_eq(fclose(file), 0);
}

/* In columns on a terminal, of text in UTF-8. */
static void check_width(const char *text)
{
    size_t columns = 0;

    for (; *text != '\0'; text++) {
        columns = *text == '\n' ? 0 : columns + (((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0);
        ck_assert_msg(columns <= WIDTH, "%s", shown);
    }
}

/* The words stand in this order. */
static void check_order(const char *const *words)
{
    const char *at = shown;

    for (; *words != NULL; words++) {
        at = strstr(at, *words);
        ck_assert_msg(at != NULL, "no \"%s\" in its place in:\n%s", *words, shown);
    }
}

START_TEST(the_table)
{
    static const char *const words[] = {"2 of 5 relays good, 1 not finished\n",
                                        "connect handshake     ping     data      OOB\n",
                                        "fast.example.org:4           good   1.23 ms",
                                        "slow.example.org:2           good    123 ms",
                                        "[2001:db8:1111:2222:3333:4444:5555:6666]:65535\n",
                                        "    drops data: 0 of 0 packets arrived\n",
                                        "127.0.0.1:1                  bad    1.00 ms     fails        -",
                                        "    wrong key, or full? the handshake was not taken (00000000...)\n",
                                        "127.0.0.1:5                  -            -",
                                        NULL};
    const struct report report = make_report();
    size_t len;
    FILE *file = open_shown(&len);

    report_table(&report, &(struct table_style){.colour = false}, file);
    close_shown(file);
    check_order(words);
    check_width(shown);
    ck_assert_ptr_null(strchr(shown, '\033'));
    free(shown);
    relay_list_free(&list);
}
END_TEST

START_TEST(the_table_of_a_watch)
{
    static const char *const words[] = {"2 of 5 relays good, 1 not finished\nround 40, every 30 s since ",
                                        "\033[32mgood \033[0m",
                                        "\u2588\u2588",
                                        "  100.0 %, good since ",
                                        "\033[31mbad  \033[0m",
                                        "xx",
                                        "  0.0 %, bad since ",
                                        NULL};
    struct report report = make_report();
    size_t len;

    for (size_t i = 0; i < RELAYS - 1; i++) {
        for (int round = 0; round < 40; round++) {
            (void)history_add(&histories[i], &results[i], 900000000);
        }
    }
    report.histories = histories;
    report.rounds = 40;
    report.every_s = 30;
    FILE *file = open_shown(&len);
    report_table(&report, &(struct table_style){.colour = false, .utf8 = true}, file);
    close_shown(file);
    check_width(shown);
    free(shown);
    file = open_shown(&len);
    report_table(&report, &(struct table_style){.colour = true, .utf8 = true}, file);
    close_shown(file);
    check_order(words);
    free(shown);
    relay_list_free(&list);
}
END_TEST

START_TEST(a_line)
{
    const struct report report = make_report();
    size_t len;
    FILE *file = open_shown(&len);

    step_fail(&results[2].steps[STEP_OOB], FAULT_REFUSED, 0);
    report_line(&report, 2, file);
    report_line(&report, 3, file);
    close_shown(file);
    ck_assert_str_eq(shown, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535 bad: drops data: 0 of 0 packets arrived; "
                            "connection refused\nfast.example.org:4 good\n");
    free(shown);
    relay_list_free(&list);
}
END_TEST

static json_t *read_json(const struct report *report, bool compact)
{
    size_t len;
    FILE *file = open_shown(&len);
    json_error_t error;

    ck_assert_int_eq(report_json(report, compact, file), 0);
    close_shown(file);
    json_t *object = json_loads(shown, 0, &error);
    ck_assert_msg(object != NULL, "%s: %s", error.text, shown);
    return object;
}

START_TEST(json)
{
    struct report report = make_report();
    const char *state;
    const char *fault;
    const char *step;
    const char *time_text;
    double ms;
    int good;

    json_t *object = read_json(&report, true);
    ck_assert_ptr_eq(strchr(shown, '\n'), shown + strlen(shown) - 1);
    ck_assert_int_eq(json_unpack(object, "{s:i, s:s, s:[{s:s, s:[{s:s, s:s}]}, {s:{s:{s:F}}}]}", "good", &good, "time",
                                 &time_text, "relays", "state", &state, "faults", "step", &step, "fault", &fault,
                                 "steps", "data", "ms", &ms),
                     0);
    ck_assert_int_eq(good, 2);
    ck_assert_str_eq(time_text, "2001-09-09T01:46:40Z");
    ck_assert_str_eq(state, "bad");
    ck_assert_str_eq(step, "handshake");
    ck_assert_str_eq(fault, "wrong_key");
    ck_assert_double_eq_tol(ms, 123.457, 1e-9);
    ck_assert_ptr_null(json_object_get(object, "round"));
    json_decref(object);
    free(shown);

    (void)history_add(&histories[0], &bad, 1000000000);
    report.histories = histories;
    object = read_json(&report, false);
    const json_t *relay = json_array_get(json_object_get(object, "relays"), 0);
    const json_t *last = json_object_get(json_object_get(relay, "history"), "last_ms");
    ck_assert_uint_eq(json_array_size(last), 1);
    ck_assert(json_is_null(json_array_get(last, 0)));
    json_decref(object);
    free(shown);
    relay_list_free(&list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_parts");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, a_flight_knows_its_packets);
    tcase_add_test(tcase, a_flight_has_its_limits);
    tcase_add_test(tcase, a_flight_knows_the_oldest);
    tcase_add_test(tcase, friends_talk);
    tcase_add_test(tcase, medians);
    tcase_add_test(tcase, times_of_connecting);
    tcase_add_test(tcase, states);
    tcase_add_test(tcase, faults_of_errors);
    tcase_add_test(tcase, faults_of_ends);
    tcase_add_test(tcase, words_for_ends);
    tcase_add_test(tcase, words_for_faults);
    tcase_add_test(tcase, a_history);
    tcase_add_test(tcase, a_long_history);
    tcase_add_test(tcase, the_table);
    tcase_add_test(tcase, the_table_of_a_watch);
    tcase_add_test(tcase, a_line);
    tcase_add_test(tcase, json);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
