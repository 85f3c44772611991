/* Tests of what toxtcp-stress finds in packets: a relay that does wrong so many times is seen to have done so that many
 * times. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "../apps/stress/inlet.h"

enum { RUN = 77, STREAM = 5, SIZE = 200 };

static const struct measured always = {.from_ns = 0, .to_ns = UINT64_MAX};

static uint8_t packet[PAYLOAD_MAX];
static struct tally tally;
static struct tally_times times;
static struct inlet inlet;

static void set_up(void)
{
    memset(&tally, 0, sizeof tally);
    memset(&times, 0, sizeof times);
    tally.times = &times;
    inlet = (struct inlet){.run = RUN, .stream = {STREAM, STREAM + 1}};
    payload_fill(packet);
}

static struct payload numbered(uint32_t sequence)
{
    return (struct payload){.kind = PAYLOAD_DATA,
                            .run = RUN,
                            .stream = STREAM,
                            .sequence = sequence,
                            .intended_ns = UINT64_C(0x123456789abcdef0) + sequence,
                            .sent_ns = 1000 + sequence};
}

/* --- Payloads --- */

START_TEST(payload_comes_back)
{
    for (size_t len = PAYLOAD_MIN; len <= PAYLOAD_MAX; len++) {
        const struct payload written = numbered((uint32_t)len);
        struct payload read;
        payload_write(&written, packet, len);
        ck_assert(payload_read(packet, len, &read));
        ck_assert_int_eq(read.kind, PAYLOAD_DATA);
        ck_assert_uint_eq(read.run, RUN);
        ck_assert_uint_eq(read.stream, STREAM);
        ck_assert_uint_eq(read.sequence, len);
        ck_assert_uint_eq(read.intended_ns, written.intended_ns);
        ck_assert_uint_eq(read.sent_ns, written.sent_ns);
    }
}
END_TEST

/* Relays of another make look at what they carry. */
START_TEST(payload_begins_as_a_friends_packet)
{
    const struct payload written = numbered(1);

    payload_write(&written, packet, SIZE);
    ck_assert_mem_eq(packet, "\x1b\0\0", 3);
}
END_TEST

START_TEST(payload_with_any_bit_changed_is_refused)
{
    static const size_t lens[] = {PAYLOAD_MIN, 41, 47, 48, 55, 56, 57, 63, 64, 65, 100, 1373, PAYLOAD_MAX};

    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        const struct payload written = numbered(3);
        payload_write(&written, packet, lens[i]);
        for (size_t bit = 0; bit < 8 * lens[i]; bit++) {
            struct payload read;
            packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
            ck_assert_msg(!payload_read(packet, lens[i], &read), "bit %zu of %zu bytes", bit, lens[i]);
            packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}
END_TEST

START_TEST(payload_of_another_length_is_refused)
{
    uint8_t longer[PAYLOAD_MAX + 1] = {0};
    const struct payload written = numbered(3);
    struct payload read;

    payload_fill(longer);
    payload_write(&written, longer, SIZE);
    for (size_t len = 0; len <= sizeof longer; len++) {
        ck_assert_msg(payload_read(longer, len, &read) == (len == SIZE), "%zu bytes", len);
    }
    /* A zero that is taken away or put there is noticed as well. */
    longer[SIZE - 1] = 0;
    payload_write(&written, longer, SIZE);
    ck_assert(!payload_read(longer, SIZE - 1, &read));
    longer[SIZE] = 0;
    ck_assert(!payload_read(longer, SIZE + 1, &read));
}
END_TEST

START_TEST(payload_of_an_unknown_kind_is_refused)
{
    struct payload payload = numbered(1);

    for (int kind = 0; kind < 256; kind++) {
        struct payload read;
        payload.kind = (enum payload_kind)kind;
        payload_write(&payload, packet, SIZE);
        ck_assert_int_eq(payload_read(packet, SIZE, &read), kind >= PAYLOAD_DATA && kind <= PAYLOAD_CREDIT);
    }
}
END_TEST

/* --- Arrivals, against a memory of all of them --- */

START_TEST(arrivals_agree_with_a_full_memory)
{
    enum { COUNT = 20000 };
    static uint8_t came[COUNT + ARRIVALS_WINDOW];
    const uint32_t first = UINT32_MAX - COUNT / 2; /* they wrap on the way */
    struct arrivals arrivals = {.any = false};
    uint32_t highest = 0;

    srand(1);
    for (uint32_t i = 0; i < COUNT; i++) {
        /* Forward by jumps, back within the window. */
        const bool back = highest > ARRIVALS_WINDOW && rand() % 2 == 0;
        const uint32_t at = back ? highest - (uint32_t)rand() % ARRIVALS_WINDOW : highest + (uint32_t)rand() % 3;
        enum arrival wanted = ARRIVAL_NEXT;
        if (at >= COUNT) {
            break;
        }
        if (came[at]) {
            wanted = ARRIVAL_AGAIN;
        } else if (at < highest) {
            wanted = ARRIVAL_LATE;
        }
        ck_assert_msg(arrivals_add(&arrivals, first + at) == wanted, "step %u at %u", i, at);
        came[at] = 1;
        highest = at > highest ? at : highest;
    }
    ck_assert_uint_gt(highest, COUNT / 2);
}
END_TEST

START_TEST(arrivals_at_the_edges_of_the_window)
{
    struct arrivals arrivals = {.any = false};

    ck_assert_int_eq(arrivals_add(&arrivals, 10), ARRIVAL_NEXT);
    ck_assert_int_eq(arrivals_add(&arrivals, 10 + ARRIVALS_WINDOW), ARRIVAL_NEXT);
    ck_assert_int_eq(arrivals_add(&arrivals, 11), ARRIVAL_LATE);
    ck_assert_int_eq(arrivals_add(&arrivals, 11), ARRIVAL_AGAIN);
    /* Too long ago to be told apart. */
    ck_assert_int_eq(arrivals_add(&arrivals, 9), ARRIVAL_AGAIN);
    ck_assert_int_eq(arrivals_add(&arrivals, 10 + 3 * ARRIVALS_WINDOW), ARRIVAL_NEXT);
    ck_assert_int_eq(arrivals_add(&arrivals, 10 + 3 * ARRIVALS_WINDOW - 1), ARRIVAL_LATE);
    ck_assert_int_eq(arrivals_add(&arrivals, 11 + 2 * ARRIVALS_WINDOW), ARRIVAL_LATE);
}
END_TEST

/* --- A relay that does wrong --- */

/* What arrives of one packet after the other. */
static void deliver(const struct payload *payload, const struct measured *measured)
{
    struct payload read;

    payload_write(payload, packet, SIZE);
    (void)inlet_take(&inlet, measured, packet, SIZE, payload->sent_ns + 10, &tally, &read);
}

static void deliver_corrupted(const struct payload *payload, size_t at)
{
    struct payload read;

    payload_write(payload, packet, SIZE);
    packet[at] ^= 0x40;
    ck_assert(!inlet_take(&inlet, &always, packet, SIZE, payload->sent_ns + 10, &tally, &read));
    payload_fill(packet);
}

/* None of these meets another: 1 in 100 lost, 1 in 50 twice, 1 in 40 after its successor, 1 in 125 changed, 1 in 80 to
 * somebody else. */
START_TEST(each_wrong_is_counted)
{
    enum { COUNT = 20000 };
    struct payload late = {.kind = PAYLOAD_DATA};
    bool has_late = false;

    for (uint32_t i = 0; i < COUNT; i++) {
        struct payload payload = numbered(i);
        tally.sent++;
        if (i % 40 == 7) {
            late = payload;
            has_late = true;
            continue;
        }
        if (i % 125 == 13) {
            deliver_corrupted(&payload, i % SIZE);
        } else if (i % 80 == 22) {
            payload.stream = STREAM + 2;
            deliver(&payload, &always);
        } else if (i % 100 != 51) {
            deliver(&payload, &always);
            if (i % 50 == 49) {
                deliver(&payload, &always);
            }
        }
        if (has_late && i % 40 == 9) {
            deliver(&late, &always);
            has_late = false;
        }
    }
    ck_assert_uint_eq(tally.corrupted, COUNT / 125);
    ck_assert_uint_eq(tally.misdelivered, COUNT / 80);
    ck_assert_uint_eq(tally.duplicated, COUNT / 50);
    ck_assert_uint_eq(tally.reordered, COUNT / 40);
    ck_assert_uint_eq(tally_lost(&tally), COUNT / 100 + tally.corrupted + tally.misdelivered);
    ck_assert_uint_eq(tally.received + tally_lost(&tally), COUNT);
    ck_assert_uint_eq(tally.arrived, COUNT - COUNT / 100 + COUNT / 50);
    ck_assert_uint_eq(tally.arrived_bytes, tally.arrived * SIZE);
}
END_TEST

START_TEST(other_runs_and_lanes_do_not_belong_here)
{
    struct payload payload = numbered(0);

    payload.run = RUN + 1;
    deliver(&payload, &always);
    payload = numbered(0);
    payload.kind = PAYLOAD_ECHO; /* its stream is the next one */
    deliver(&payload, &always);
    ck_assert_uint_eq(tally.misdelivered, 2);
    ck_assert_uint_eq(tally.received, 0);
    payload.stream = STREAM + 1;
    deliver(&payload, &always);
    ck_assert_uint_eq(tally.received, 1);
    /* Sequences of the two have nothing to do with each other. */
    payload = numbered(0);
    deliver(&payload, &always);
    ck_assert_uint_eq(tally.received, 2);
    ck_assert_uint_eq(tally.duplicated, 0);
}
END_TEST

/* Received: what was sent within. Arrived: what came within, 10 ns after it was sent. */
START_TEST(measured_time_has_sharp_edges)
{
    const struct measured measured = {.from_ns = 1100, .to_ns = 1200};

    for (uint32_t i = 0; i < 300; i++) {
        const struct payload payload = numbered(i);
        deliver(&payload, &measured);
        deliver(&payload, &measured);
    }
    ck_assert_uint_eq(tally.received, 100);
    ck_assert_uint_eq(tally.duplicated, 100);
    ck_assert_uint_eq(tally.arrived, 200);
    ck_assert(!measured_has(&measured, 1099));
    ck_assert(measured_has(&measured, 1100));
    ck_assert(measured_has(&measured, 1199));
    ck_assert(!measured_has(&measured, 1200));
}
END_TEST

/* --- Sums --- */

START_TEST(tallies_add_up)
{
    static struct tally_times other_times;
    struct tally other = {.sent = 10,
                          .received = 6,
                          .duplicated = 1,
                          .reordered = 2,
                          .corrupted = 3,
                          .misdelivered = 4,
                          .refused = 5,
                          .cut = 1,
                          .credit_timeouts = 7,
                          .unnoticed = 8,
                          .arrived = 9,
                          .arrived_bytes = 11,
                          .connects_ok = 12,
                          .connects_failed = 13,
                          .times = &other_times};

    other.failed_by[reason_of(TOXTCP_ERR_WRONG_KEY)] = 14;
    other.ended_by[reason_of(TOXTCP_ERR_RESET)] = 15;
    histogram_add(&other_times.one_way, 100);
    histogram_add(&other_times.round_trip, 200);
    histogram_add(&other_times.connect, 300);
    histogram_add(&other_times.send_delay, 400);
    tally_merge(&tally, &other);
    tally_merge(&tally, &other);
    ck_assert_uint_eq(tally.sent, 20);
    ck_assert_uint_eq(tally.received, 12);
    ck_assert_uint_eq(tally.duplicated, 2);
    ck_assert_uint_eq(tally.reordered, 4);
    ck_assert_uint_eq(tally.corrupted, 6);
    ck_assert_uint_eq(tally.misdelivered, 8);
    ck_assert_uint_eq(tally.refused, 10);
    ck_assert_uint_eq(tally.cut, 2);
    ck_assert_uint_eq(tally.credit_timeouts, 14);
    ck_assert_uint_eq(tally.unnoticed, 16);
    ck_assert_uint_eq(tally.arrived, 18);
    ck_assert_uint_eq(tally.arrived_bytes, 22);
    ck_assert_uint_eq(tally.connects_ok, 24);
    ck_assert_uint_eq(tally.connects_failed, 26);
    ck_assert_uint_eq(tally.failed_by[reason_of(TOXTCP_ERR_WRONG_KEY)], 28);
    ck_assert_uint_eq(tally.ended_by[reason_of(TOXTCP_ERR_RESET)], 30);
    ck_assert_uint_eq(times.one_way.count, 2);
    ck_assert_uint_eq(times.round_trip.sum, 400);
    ck_assert_uint_eq(times.connect.max, 300);
    ck_assert_uint_eq(times.send_delay.min, 400);
    ck_assert_uint_eq(tally_lost(&tally), 6);
}
END_TEST

/* A packet sent at the very end of the measured time may be received after it was lost count of. */
START_TEST(nothing_is_lost_less_than_never)
{
    tally.sent = 5;
    tally.received = 6;
    ck_assert_uint_eq(tally_lost(&tally), 0);
}
END_TEST

START_TEST(reasons_have_names)
{
    ck_assert_str_eq(reason_name(reason_of(TOXTCP_ERR_REFUSED)), "refused");
    ck_assert_str_eq(reason_name(reason_of(TOXTCP_ERR_WRONG_KEY)), "wrong_key");
    ck_assert_str_eq(reason_name(reason_of(TOXTCP_ERR_NO_MEMORY)), "no_memory");
    ck_assert_str_eq(reason_name(reason_of(-9999)), "other");
    for (int error = TOXTCP_ERR_SHUT_DOWN; error <= TOXTCP_ERR_REFUSED; error++) {
        ck_assert_str_ne(reason_name(reason_of(error)), "other");
    }
}
END_TEST

static Suite *stress_payload_suite(void)
{
    Suite *suite = suite_create("stress_payload");
    TCase *payloads = tcase_create("payload");
    TCase *arrivals = tcase_create("arrivals");
    TCase *inlets = tcase_create("inlet");
    TCase *tallies = tcase_create("tally");

    tcase_add_checked_fixture(payloads, set_up, NULL);
    tcase_add_test(payloads, payload_comes_back);
    tcase_add_test(payloads, payload_begins_as_a_friends_packet);
    tcase_add_test(payloads, payload_with_any_bit_changed_is_refused);
    tcase_add_test(payloads, payload_of_another_length_is_refused);
    tcase_add_test(payloads, payload_of_an_unknown_kind_is_refused);
    suite_add_tcase(suite, payloads);
    tcase_add_test(arrivals, arrivals_agree_with_a_full_memory);
    tcase_add_test(arrivals, arrivals_at_the_edges_of_the_window);
    suite_add_tcase(suite, arrivals);
    tcase_add_checked_fixture(inlets, set_up, NULL);
    tcase_add_test(inlets, each_wrong_is_counted);
    tcase_add_test(inlets, other_runs_and_lanes_do_not_belong_here);
    tcase_add_test(inlets, measured_time_has_sharp_edges);
    suite_add_tcase(suite, inlets);
    tcase_add_checked_fixture(tallies, set_up, NULL);
    tcase_add_test(tallies, tallies_add_up);
    tcase_add_test(tallies, nothing_is_lost_less_than_never);
    tcase_add_test(tallies, reasons_have_names);
    suite_add_tcase(suite, tallies);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(stress_payload_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
