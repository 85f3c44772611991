/* Tests of what toxtcp-stress has happen to relays, and how it counts what comes of that. SPDX-License-Identifier: ISC
 */
#include <check.h>
#include <string.h>

#include "../apps/stress/event_tally.h"
#include "../apps/stress/events.h"
#include "../apps/stress/flights.h"

static const uint64_t ms = 1000000;
static const uint64_t s = 1000000000;

static struct events events;
static struct problem problem;

static void set_up(void)
{
    memset(&events, 0, sizeof events);
}

static void add(const char *text)
{
    ck_assert_msg(events_add(&events, text, &problem) == 0, "%s", problem.text);
}

static void ck_event(uint32_t index, double at_s, enum event_action action, uint32_t relay)
{
    ck_assert_uint_lt(index, events.count);
    ck_assert_double_eq_tol(events.list[index].at_s, at_s, 1e-9);
    ck_assert_int_eq(events.list[index].action, action);
    ck_assert_uint_eq(events.list[index].relay, relay);
}

/* --- The schedule --- */

START_TEST(every_action)
{
    add("0:kill:1");
    add("1.5:stop:2");
    add("2:cont:65535");
    add("0003.25:start:primary");
    ck_assert_uint_eq(events.count, 4);
    ck_event(0, 0, EVENT_KILL, 1);
    ck_event(1, 1.5, EVENT_STOP, 2);
    ck_event(2, 2, EVENT_CONT, 65535);
    ck_event(3, 3.25, EVENT_START, 0);
}
END_TEST

START_TEST(in_order)
{
    add("3:kill:1");
    add("1:kill:2");
    add("3:start:1");
    add("2:start:2");
    ck_event(0, 1, EVENT_KILL, 2);
    ck_event(1, 2, EVENT_START, 2);
    /* Of the same moment: as they were given. */
    ck_event(2, 3, EVENT_KILL, 1);
    ck_event(3, 3, EVENT_START, 1);
}
END_TEST

static const char *const malformed[] = {"",
                                        "1",
                                        "1:kill",
                                        "1:kill:",
                                        ":kill:1",
                                        "1::1",
                                        "1:Kill:1",
                                        "1:kill:0",
                                        "1:kill:-1",
                                        "1:kill:1.5",
                                        "1:kill:65536",
                                        "-1:kill:1",
                                        "+1:kill:1",
                                        "1e3:kill:1",
                                        "0x1:kill:1",
                                        "nan:kill:1",
                                        "inf:kill:1",
                                        "1.2.3:kill:1",
                                        ".:kill:1",
                                        " 1:kill:1",
                                        "1:kill:primary ",
                                        "1:kill:1:2",
                                        "1:killer:1",
                                        "1:kil:1",
                                        "None",
                                        "1:none:1",
                                        "1:kill:1 ",
                                        "123456789012345678901234:kill:1"};

START_TEST(what_is_no_event)
{
    ck_assert_int_eq(events_add(&events, malformed[_i], &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "it is SECONDS:ACTION:RELAY"));
    ck_assert_uint_eq(events.count, 0);
}
END_TEST

START_TEST(no_more_than_fit)
{
    for (int i = 0; i < EVENTS_MAX; i++) {
        add("1:kill:1");
    }
    ck_assert_int_eq(events_add(&events, "1:kill:1", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "more than 16 events"));
}
END_TEST

START_TEST(none_is_a_word)
{
    ck_assert(!events.given);
    add("none");
    ck_assert(events.given);
    ck_assert_uint_eq(events.count, 0);
}
END_TEST

START_TEST(none_is_alone)
{
    add("none");
    add("none");
    ck_assert_int_eq(events_add(&events, "1:kill:1", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "--event none: there is another --event"));
    set_up();
    add("1:kill:1");
    ck_assert_int_eq(events_add(&events, "none", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "--event none: there is another --event"));
}
END_TEST

static const double durations[] = {0.1, 5, 9.9, 10, 16, 30, 1000};

/* One is always there: whoever was away for 2 s is found after 1.25 and 2.5 s more at the latest. */
START_TEST(default_schedule)
{
    const double duration_s = durations[_i];

    events_default(&events, duration_s, 4, 3);
    ck_assert_uint_eq(events.count, duration_s < 10 ? 2 : 4);
    ck_event(0, 0.2 * duration_s, EVENT_KILL, 4);
    ck_assert_int_eq(events.list[1].action, EVENT_START);
    ck_assert_double_le_tol(events.list[1].at_s - events.list[0].at_s, 2, 1e-9);
    if (events.count > 2) {
        ck_event(2, 0.6 * duration_s, EVENT_KILL, 5);
        ck_event(3, 0.6 * duration_s + 2, EVENT_START, 5);
        ck_assert_double_gt(events.list[2].at_s - events.list[0].at_s, 3.9);
    }
    ck_assert_int_eq(events_check(&events, duration_s, 4, 6, false, &problem), 0);
    set_up();
    events_default(&events, duration_s, 1, 0);
    ck_assert_uint_eq(events.count, 0);
}
END_TEST

/* What comes back is what went. */
START_TEST(primary_goes_first)
{
    add("2:cont:primary");
    ck_assert_int_eq(events_check(&events, 10, 1, 2, false, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "--event 2:cont:primary: before it there is no kill or stop"));
    add("1:kill:1");
    ck_assert_int_eq(events_check(&events, 10, 1, 2, false, &problem), -1);
    add("1.5:stop:primary");
    ck_assert_int_eq(events_check(&events, 10, 1, 2, false, &problem), 0);
}
END_TEST

/* Relays 1 and 2 are of others, 3 and 4 are ours. */
START_TEST(whose_relays)
{
    add("1:kill:3");
    ck_assert_int_eq(events_check(&events, 10, 3, 4, false, &problem), 0);
    ck_assert_int_eq(events_check(&events, 1, 3, 4, false, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "the measured time is over after 1 s"));
    add("2:kill:2");
    ck_assert_int_eq(events_check(&events, 10, 3, 4, true, &problem), 0);
    ck_assert_int_eq(events_check(&events, 10, 3, 4, false, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "--event 2:kill: that relay was not started here"));
    add("1.5:start:5");
    ck_assert_int_eq(events_check(&events, 10, 3, 4, true, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "there are 4 relays"));
    /* The primary may be any. */
    set_up();
    add("1:kill:primary");
    ck_assert_int_eq(events_check(&events, 10, 1, 2, false, &problem), 0);
    ck_assert_int_eq(events_check(&events, 10, 2, 2, false, &problem), -1);
}
END_TEST

/* --- Their time --- */

static struct event_tally tallies[EVENT_TALLIES_MAX];
static const struct event_plan plan = {.events = &events, .measure_ns = UINT64_C(100000000000)};

static void tallies_set_up(void)
{
    set_up();
    memset(tallies, 0, sizeof tallies);
}

/* So many were sent so long after the beginning, and none came. */
static void lose(uint64_t after_ms, uint32_t count)
{
    event_tally_packets(tallies, &plan, plan.measure_ns + after_ms * ms, count, 0);
}

static uint64_t lost_by(uint32_t index, const bool *done)
{
    const struct event_figures figures = event_tally_sum(tallies, &events, done, index);

    return figures.sent - figures.received;
}

/* What is on its way when a relay goes is lost by that, but not by one that comes, nor by one after it. */
START_TEST(whose_loss)
{
    const bool done[] = {true, true, true, true};

    add("1:stop:1");
    add("1.1:cont:2");
    add("2:kill:1");
    add("2.05:stop:2");
    lose(0, 1);
    lose(899, 2);
    lose(900, 4);
    lose(1000, 8);
    lose(1099, 16);
    lose(1100, 32);
    lose(1899, 64);
    lose(1900, 128);
    lose(1999, 256);
    lose(2000, 512);
    lose(3000, 1024);
    ck_assert_uint_eq(lost_by(0, done), 4 + 8 + 16);
    ck_assert_uint_eq(lost_by(1, done), 32 + 64);
    ck_assert_uint_eq(lost_by(2, done), 128 + 256);
    ck_assert_uint_eq(lost_by(3, done), 512 + 1024);
    event_tally_packets(tallies, &plan, plan.measure_ns + 1950 * ms, 0, 6);
    ck_assert_uint_eq(lost_by(2, done), 128 + 256 - 6);
}
END_TEST

/* The time of one that was not done is that of the one before. */
START_TEST(not_done)
{
    const bool done[] = {true, false, true};
    const bool last_alone[] = {false, false, true};

    add("1:stop:1");
    add("2:kill:1");
    add("3:cont:1");
    lose(500, 1);
    lose(950, 2);
    lose(1500, 4);
    lose(1950, 8);
    lose(2500, 16);
    lose(2950, 32);
    lose(3500, 64);
    event_tally_gap(tallies, &plan, plan.measure_ns + 2200 * ms, plan.measure_ns + 2700 * ms);
    ck_assert_uint_eq(lost_by(0, done), 2 + 4 + 8 + 16 + 32);
    ck_assert_uint_eq(event_tally_sum(tallies, &events, done, 0).gap_ns, 500 * ms);
    ck_assert_uint_eq(lost_by(2, done), 64);
    ck_assert_uint_eq(lost_by(2, last_alone), 64);
}
END_TEST

START_TEST(of_one_moment)
{
    const bool done[] = {true, true, true, true};
    const bool first[] = {true, false, false, true};

    add("1:start:1");
    add("1:kill:2");
    add("1.0:stop:3");
    add("2:start:2");
    lose(950, 1);
    lose(1500, 2);
    lose(2500, 4);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(lost_by(i, done), 3);
    }
    ck_assert_uint_eq(lost_by(3, done), 4);
    ck_assert_uint_eq(lost_by(0, first), 2);
}
END_TEST

/* Each event whose time a gap touches has it. */
START_TEST(gaps_of_events)
{
    static const struct {
        uint64_t from_ms;
        uint64_t to_ms;
        uint64_t longest_ms[3];
    } gaps[] = {{0, 999, {0, 0, 0}}, {990, 1010, {20, 0, 0}}, {1500, 2100, {600, 600, 0}}, {1000, 1005, {600, 600, 0}}};
    const bool done[] = {true, true, true};

    add("1:kill:1");
    add("2:start:1");
    add("3:kill:1");
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        event_tally_gap(tallies, &plan, plan.measure_ns + gaps[i].from_ms * ms, plan.measure_ns + gaps[i].to_ms * ms);
        for (uint32_t e = 0; e < 3; e++) {
            ck_assert_uint_eq(event_tally_sum(tallies, &events, done, e).gap_ns, gaps[i].longest_ms[e] * ms);
        }
    }
}
END_TEST

/* The last one never ends, and there is none while the beginning is not known. */
START_TEST(at_the_edges)
{
    const struct event_plan unknown = {.events = &events, .measure_ns = UINT64_MAX};
    const bool done[] = {true};

    add("1:kill:1");
    event_tally_packets(tallies, &unknown, plan.measure_ns + 2 * s, 1, 0);
    ck_assert_uint_eq(lost_by(0, done), 0);
    event_tally_gap(tallies, &plan, plan.measure_ns, UINT64_MAX);
    ck_assert_uint_eq(event_tally_sum(tallies, &events, done, 0).gap_ns, UINT64_MAX - plan.measure_ns);
}
END_TEST

/* --- What is on its way --- */

static struct flights flights;
static struct flights_news news;

static void send_flights(uint32_t first, uint32_t count, uint8_t relay, uint64_t now_ns)
{
    for (uint32_t i = 0; i < count; i++) {
        flights_sent(&flights, first + i, relay, now_ns, &news);
    }
}

static void flights_set_up(void)
{
    ck_assert_int_eq(flights_init(&flights, 250), 0);
    ck_assert_uint_eq(flights.capacity, 512);
    memset(&news, 0, sizeof news);
}

static void flights_tear_down(void)
{
    flights_free(&flights);
}

START_TEST(each_is_told_once)
{
    send_flights(0, 40, 1, 10 * ms);
    flights_acked(&flights, 39, 0xffffffff, 20 * ms, &news);
    ck_assert_uint_eq(news.delivered[1], 33);
    flights_acked(&flights, 39, 0xffffffff, 30 * ms, &news);
    ck_assert_uint_eq(news.delivered[1], 33);
    flights_acked(&flights, 6, 0x1, 40 * ms, &news);
    ck_assert_uint_eq(news.delivered[1], 35);
    /* What never was sent, or long ago. */
    flights_acked(&flights, 40, 0, 50 * ms, &news);
    flights_acked(&flights, 0xfffffff0, 0xffffffff, 50 * ms, &news);
    ck_assert_uint_eq(news.delivered[1], 35);
    flights_expire(&flights, 10 * ms + 400 * ms, &news);
    ck_assert_uint_eq(news.lost[1], 5);
    flights_expire(&flights, 10 * s, &news);
    ck_assert_uint_eq(news.lost[1], 5);
    flights_acked(&flights, 0, 0, 10 * s, &news);
    ck_assert_uint_eq(news.delivered[1], 35);
}
END_TEST

START_TEST(by_relay)
{
    send_flights(0, 3, 0, 10 * ms);
    send_flights(3, 4, 5, 200 * ms);
    flights_expire(&flights, 409 * ms, &news);
    ck_assert_uint_eq(news.lost[0], 0);
    flights_expire(&flights, 410 * ms, &news);
    ck_assert_uint_eq(news.lost[0], 3);
    ck_assert_uint_eq(news.lost[5], 0);
    flights_acked(&flights, 6, 0x7, 420 * ms, &news);
    ck_assert_uint_eq(news.delivered[5], 4);
}
END_TEST

/* Far away it takes longer until a packet counts as lost. */
START_TEST(patience)
{
    send_flights(0, 1, 0, 0);
    flights_acked(&flights, 0, 0, 300 * ms, &news);
    send_flights(1, 1, 0, 1000 * ms);
    flights_expire(&flights, 1000 * ms + 1199 * ms, &news);
    ck_assert_uint_eq(news.lost[0], 0);
    flights_expire(&flights, 1000 * ms + 1200 * ms, &news);
    ck_assert_uint_eq(news.lost[0], 1);
}
END_TEST

START_TEST(more_than_are_kept)
{
    flights.oldest = UINT32_MAX - 99; /* sequences wrap */
    flights.next = flights.oldest;
    send_flights(UINT32_MAX - 99, flights.capacity, 2, 10 * ms);
    ck_assert_uint_eq(news.lost[2], 0);
    send_flights(UINT32_MAX - 99 + flights.capacity, 3, 2, 10 * ms);
    ck_assert_uint_eq(news.lost[2], 3);
    flights_acked(&flights, UINT32_MAX - 99 + flights.capacity + 2, 0x3, 20 * ms, &news);
    ck_assert_uint_eq(news.delivered[2], 3);
}
END_TEST

/* Who never sends has none, and is told of some nevertheless. */
START_TEST(no_room)
{
    struct flights none = {.list = NULL};

    flights_acked(&none, 5, 0xffffffff, 10 * ms, &news);
    flights_expire(&none, 10 * s, &news);
    ck_assert_uint_eq(news.delivered[0] + news.lost[0], 0);
}
END_TEST

START_TEST(room_by_rate)
{
    struct flights some;

    ck_assert_uint_le(sizeof(struct flight), 8);
    ck_assert_int_eq(flights_init(&some, 50), 0);
    ck_assert_uint_eq(some.capacity, 128);
    flights_free(&some);
    ck_assert_int_eq(flights_init(&some, 0.01), 0);
    ck_assert_uint_eq(some.capacity, 32);
    flights_free(&some);
    ck_assert_int_eq(flights_init(&some, 1e9), 0);
    ck_assert_uint_eq(some.capacity, 65536);
    flights_free(&some);
}
END_TEST

static Suite *stress_events_suite(void)
{
    Suite *suite = suite_create("stress_events");
    TCase *schedule = tcase_create("schedule");
    TCase *time = tcase_create("time");
    TCase *way = tcase_create("way");

    tcase_add_checked_fixture(schedule, set_up, NULL);
    tcase_add_test(schedule, every_action);
    tcase_add_test(schedule, in_order);
    tcase_add_loop_test(schedule, what_is_no_event, 0, sizeof malformed / sizeof *malformed);
    tcase_add_test(schedule, no_more_than_fit);
    tcase_add_test(schedule, none_is_a_word);
    tcase_add_test(schedule, none_is_alone);
    tcase_add_loop_test(schedule, default_schedule, 0, sizeof durations / sizeof *durations);
    tcase_add_test(schedule, primary_goes_first);
    tcase_add_test(schedule, whose_relays);
    suite_add_tcase(suite, schedule);
    tcase_add_checked_fixture(time, tallies_set_up, NULL);
    tcase_add_test(time, whose_loss);
    tcase_add_test(time, not_done);
    tcase_add_test(time, of_one_moment);
    tcase_add_test(time, gaps_of_events);
    tcase_add_test(time, at_the_edges);
    suite_add_tcase(suite, time);
    tcase_add_checked_fixture(way, flights_set_up, flights_tear_down);
    tcase_add_test(way, each_is_told_once);
    tcase_add_test(way, by_relay);
    tcase_add_test(way, patience);
    tcase_add_test(way, more_than_are_kept);
    tcase_add_test(way, no_room);
    tcase_add_test(way, room_by_rate);
    suite_add_tcase(suite, way);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(stress_events_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
