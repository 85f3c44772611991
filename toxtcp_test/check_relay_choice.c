/* The policy of relays, table by table. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "relay_choice.h"

enum { KEEP = 3, ONION = 3, MIN_MS = 1000, MAX_MS = 60000 };

static enum relay_verdict judge(struct relay_view view, uint32_t connected, uint32_t opening)
{
    const struct relay_totals totals = {.connected = connected, .opening = opening, .keep_connected = KEEP};

    return relay_choice_verdict(&view, &totals);
}

static enum relay_verdict judge_onion(struct relay_view view, uint32_t connected, uint32_t opening)
{
    const struct relay_totals totals = {
        .connected = connected, .opening = opening, .keep_connected = KEEP, .onion_relays = ONION};

    return relay_choice_verdict(&view, &totals);
}

/* --- Which relay serves --- */

START_TEST(serving)
{
    ck_assert(relay_choice_serves(false, true, 6, 3));
    ck_assert(relay_choice_serves(false, false, 0, 3));
    ck_assert(relay_choice_serves(false, false, 2, 3));
    ck_assert(!relay_choice_serves(false, false, 3, 3));
    ck_assert(!relay_choice_serves(false, false, 2, 2));
    ck_assert(relay_choice_serves(false, false, 1, 2));
    ck_assert(!relay_choice_serves(true, true, 1, 3));
    ck_assert(!relay_choice_serves(true, false, 0, 3));
}
END_TEST

/* --- Connected relays --- */

/* Connected for long, needed by nobody. */
static struct relay_view useless(void)
{
    return (struct relay_view){.phase = RELAY_CONNECTED, .settled = true};
}

START_TEST(useless_is_closed_when_more_are_connected)
{
    ck_assert_int_eq(judge(useless(), KEEP + 1, 0), RELAY_SLEEP);
    ck_assert_int_eq(judge(useless(), KEEP, 0), RELAY_STAY);
    ck_assert_int_eq(judge(useless(), 1, 5), RELAY_STAY);
}
END_TEST

START_TEST(each_reason_to_stay)
{
    struct relay_view view = useless();

    view.settled = false;
    ck_assert_int_eq(judge(view, KEEP + 1, 0), RELAY_STAY);
    view = useless();
    view.onion = true;
    ck_assert_int_eq(judge_onion(view, KEEP + 1, 0), RELAY_STAY);
    view = useless();
    view.named = view.awake = view.serves = true;
    ck_assert_int_eq(judge(view, KEEP + 1, 0), RELAY_STAY);
    /* Named by an awake peer that has enough others, or owned: no reason. */
    view.serves = false;
    ck_assert_int_eq(judge(view, KEEP + 1, 0), RELAY_SLEEP);
    ck_assert_int_eq(judge(view, KEEP, 0), RELAY_STAY);
    view = useless();
    view.owned = true;
    ck_assert_int_eq(judge(view, KEEP + 1, 0), RELAY_SLEEP);
}
END_TEST

START_TEST(of_sleeping_peers_alone)
{
    struct relay_view view = useless();

    view.named = true;
    ck_assert_int_eq(judge(view, 1, 0), RELAY_SLEEP);
    view.settled = false;
    ck_assert_int_eq(judge(view, 1, 0), RELAY_STAY);
    view.settled = true;
    view.onion = true;
    ck_assert_int_eq(judge_onion(view, 1, 0), RELAY_STAY);
    view.onion = false;
    view.owned = true;
    ck_assert_int_eq(judge(view, KEEP, 0), RELAY_STAY);
    ck_assert_int_eq(judge(view, KEEP + 1, 0), RELAY_SLEEP);
}
END_TEST

START_TEST(dialled_is_let_finish)
{
    struct relay_view view = {.phase = RELAY_DIALLED};

    ck_assert_int_eq(judge(view, 9, 9), RELAY_STAY);
    view.named = true;
    ck_assert_int_eq(judge(view, 9, 9), RELAY_STAY);
}
END_TEST

/* --- Sleeping relays --- */

START_TEST(asleep_and_needed)
{
    struct relay_view view = {.phase = RELAY_ASLEEP, .named = true, .awake = true, .serves = true};

    ck_assert_int_eq(judge(view, 9, 0), RELAY_OPEN);
    view = (struct relay_view){.phase = RELAY_ASLEEP, .owned = true, .fresh = true};
    ck_assert_int_eq(judge(view, 9, 0), RELAY_OPEN);
    view.fresh = false;
    ck_assert_int_eq(judge(view, 9, 0), RELAY_STAY);
    ck_assert_int_eq(judge(view, 1, 1), RELAY_OPEN);
    ck_assert_int_eq(judge(view, 1, 2), RELAY_STAY);
}
END_TEST

START_TEST(asleep_and_named_by_sleepers)
{
    const struct relay_view view = {.phase = RELAY_ASLEEP, .named = true};

    ck_assert_int_eq(judge(view, 0, 0), RELAY_STAY);
    ck_assert_int_eq(judge_onion(view, 1, 1), RELAY_OPEN);
    ck_assert_int_eq(judge_onion(view, 2, 1), RELAY_STAY);
}
END_TEST

START_TEST(forgotten)
{
    const struct relay_view view = {.phase = RELAY_ASLEEP};

    ck_assert_int_eq(judge(view, KEEP, 0), RELAY_FORGET);
    ck_assert_int_eq(judge(view, 0, KEEP), RELAY_FORGET);
    /* It is a relay that we know, and we have too few. */
    ck_assert_int_eq(judge(view, KEEP - 1, 0), RELAY_OPEN);
}
END_TEST

/* --- Waiting relays --- */

START_TEST(waiting_relays)
{
    struct relay_view view = {.phase = RELAY_WAITING, .named = true, .awake = true, .serves = true};

    ck_assert_int_eq(judge(view, 9, 9), RELAY_STAY);
    view.serves = false;
    ck_assert_int_eq(judge(view, KEEP, 0), RELAY_SLEEP);
    view.awake = false;
    ck_assert_int_eq(judge(view, 0, 0), RELAY_SLEEP);
    view = (struct relay_view){.phase = RELAY_WAITING, .owned = true};
    ck_assert_int_eq(judge(view, KEEP - 1, 9), RELAY_STAY);
    ck_assert_int_eq(judge(view, KEEP, 0), RELAY_SLEEP);
}
END_TEST

START_TEST(starting_does_not_count_itself)
{
    const struct relay_view view = {.phase = RELAY_STARTING, .owned = true};

    ck_assert_int_eq(judge(view, KEEP - 1, 1), RELAY_STAY);
    ck_assert_int_eq(judge(view, KEEP, 1), RELAY_SLEEP);
    ck_assert_int_eq(judge(view, KEEP - 1, 2), RELAY_SLEEP);
}
END_TEST

/* --- Nothing flaps --- */

static struct relay_view view_from_bits(unsigned bits)
{
    struct relay_view view = {
        .named = bits & 1, .owned = bits & 8, .onion = false, .settled = true, .phase = RELAY_CONNECTED};

    view.awake = view.named && bits & 2;
    view.serves = view.awake && bits & 4;
    return view;
}

/* What is closed is not opened by the same totals less itself, and what would be opened is not closed when it is
 * there. Marks are given while any is missing, so with onion on at least onion_relays are connected beside it. */
START_TEST(closing_is_the_negation_of_opening)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        for (uint32_t connected = 1; connected < 8; connected++) {
            struct relay_view view = view_from_bits(bits);
            const bool onion = bits & 4 && connected > ONION;
            const enum relay_verdict open = onion ? judge_onion(view, connected, 0) : judge(view, connected, 0);
            view.phase = RELAY_ASLEEP;
            const enum relay_verdict closed =
                onion ? judge_onion(view, connected - 1, 0) : judge(view, connected - 1, 0);
            view.phase = RELAY_WAITING;
            const enum relay_verdict waiting =
                onion ? judge_onion(view, connected - 1, 0) : judge(view, connected - 1, 0);
            ck_assert_int_eq(open == RELAY_STAY, closed == RELAY_OPEN);
            ck_assert_int_eq(open == RELAY_STAY, waiting == RELAY_STAY);
        }
    }
}
END_TEST

/* Many relays under any change of heart come to rest: rounds of judging end with nothing to change. */
START_TEST(rounds_come_to_rest)
{
    enum { RELAYS = 12 };
    struct relay_view views[RELAYS];

    srand(1);
    for (int run = 0; run < 2000; run++) {
        for (int i = 0; i < RELAYS; i++) {
            views[i] = view_from_bits((unsigned)rand());
            views[i].phase = rand() % 2 ? RELAY_CONNECTED : RELAY_ASLEEP;
        }
        int changes = 1;
        for (int round = 0; changes > 0; round++) {
            ck_assert_int_lt(round, 3);
            changes = 0;
            for (int i = 0; i < RELAYS; i++) {
                uint32_t connected = 0;
                for (int j = 0; j < RELAYS; j++) {
                    connected += views[j].phase == RELAY_CONNECTED;
                }
                const enum relay_verdict verdict = judge(views[i], connected, 0);
                changes += verdict == RELAY_OPEN || verdict == RELAY_SLEEP;
                views[i].phase = verdict == RELAY_OPEN    ? RELAY_CONNECTED
                                 : verdict == RELAY_SLEEP ? RELAY_ASLEEP
                                                          : views[i].phase;
            }
        }
    }
}
END_TEST

/* --- Onion marks --- */

START_TEST(marks)
{
    ck_assert(relay_choice_marks(RELAY_CONNECTED, false, 0, ONION));
    ck_assert(relay_choice_marks(RELAY_CONNECTED, false, ONION - 1, ONION));
    ck_assert(!relay_choice_marks(RELAY_CONNECTED, false, ONION, ONION));
    ck_assert(!relay_choice_marks(RELAY_CONNECTED, true, 0, ONION));
    ck_assert(!relay_choice_marks(RELAY_DIALLED, false, 0, ONION));
    ck_assert(!relay_choice_marks(RELAY_ASLEEP, false, 0, ONION));
}
END_TEST

/* --- Sending --- */

enum { RTT_MS = 50 };

/* Good paths of one round trip in the slots whose bits are set. */
static struct path_view paths[TOXTCP_PEER_RELAYS_MAX];

static const struct path_view *alike(uint32_t online)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        paths[i] = (struct path_view){.online = online >> i & 1, .rank = PATH_GOOD, .rtt_ms = RTT_MS};
    }
    return paths;
}

START_TEST(primary_stays_while_online)
{
    ck_assert_uint_eq(relay_choice_primary(alike(0x3f), 4), 4);
    ck_assert_uint_eq(relay_choice_primary(alike(0x10), 4), 4);
    ck_assert_uint_eq(relay_choice_primary(alike(0x2f), 4), 5);
    ck_assert_uint_eq(relay_choice_primary(alike(0x0b), 4), 0);
    ck_assert_uint_eq(relay_choice_primary(alike(0x04), 4), 2);
    ck_assert_uint_eq(relay_choice_primary(alike(0), 4), 4);
}
END_TEST

START_TEST(next_primary_is_the_best)
{
    (void)alike(0x3e);
    paths[3].rtt_ms = 10;
    ck_assert_uint_eq(relay_choice_primary(paths, 0), 3);
    paths[3].rank = PATH_POOR;
    ck_assert_uint_eq(relay_choice_primary(paths, 0), 1);
    paths[1].rtt_ms = UINT32_MAX;
    ck_assert_uint_eq(relay_choice_primary(paths, 0), 2);
    /* A faster one is no reason to leave; a better rank is. */
    ck_assert_uint_eq(relay_choice_primary(paths, 1), 1);
    paths[1].rank = PATH_POOR;
    ck_assert_uint_eq(relay_choice_primary(paths, 1), 2);
    /* Poor ones are better than silent ones, and where all are alike nothing changes. */
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        paths[i].rank = PATH_SILENT;
    }
    ck_assert_uint_eq(relay_choice_primary(paths, 4), 4);
    paths[5].rank = PATH_POOR;
    ck_assert_uint_eq(relay_choice_primary(paths, 4), 5);
}
END_TEST

START_TEST(order_goes_round_from_the_primary)
{
    uint8_t order[TOXTCP_PEER_RELAYS_MAX];

    ck_assert_uint_eq(relay_choice_order(alike(0), 0, order), 0);
    ck_assert_uint_eq(relay_choice_order(alike(0x2d), 3, order), 4);
    ck_assert_mem_eq(order, ((uint8_t[]){3, 5, 0, 2}), 4);
    ck_assert_uint_eq(relay_choice_order(alike(0x3f), 5, order), 6);
    ck_assert_mem_eq(order, ((uint8_t[]){5, 0, 1, 2, 3, 4}), 6);
}
END_TEST

START_TEST(order_by_rank_and_round_trip)
{
    uint8_t order[TOXTCP_PEER_RELAYS_MAX];

    (void)alike(0x3f);
    paths[0].rank = PATH_SILENT;
    paths[1].rank = PATH_POOR;
    paths[2].rtt_ms = 90;
    paths[4].rtt_ms = 20;
    ck_assert_uint_eq(relay_choice_order(paths, 3, order), 6);
    ck_assert_mem_eq(order, ((uint8_t[]){3, 4, 5, 2, 1, 0}), 6);
    paths[3].online = false;
    ck_assert_uint_eq(relay_choice_order(paths, 3, order), 5);
    ck_assert_mem_eq(order, ((uint8_t[]){4, 5, 2, 1, 0}), 5);
}
END_TEST

/* "At least 10 ms better and under two thirds." */
START_TEST(challenger_is_clearly_better)
{
    static const struct {
        uint32_t primary_ms;
        uint32_t other_ms;
        bool clearly;
    } cases[] = {{50, 33, true},      {50, 34, false},         {50, 50, false},        {20, 10, true},
                 {20, 11, false},     {12, 2, true},           {11, 2, false},         {3000, 1999, true},
                 {3000, 2000, false}, {50, UINT32_MAX, false}, {UINT32_MAX, 5, false}, {0, 0, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)alike(0x12);
        paths[1].rtt_ms = cases[i].primary_ms;
        paths[4].rtt_ms = cases[i].other_ms;
        ck_assert_uint_eq(relay_choice_challenger(paths, 1), cases[i].clearly ? 4 : 1);
    }
    (void)alike(0x12);
    paths[4].rtt_ms = 1;
    paths[4].rank = PATH_POOR;
    ck_assert_uint_eq(relay_choice_challenger(paths, 1), 1);
    ck_assert_uint_eq(relay_choice_challenger(alike(0), 1), 1);
}
END_TEST

/* --- Backoff --- */

START_TEST(delay_doubles_up_to_the_maximum)
{
    uint32_t base = MIN_MS;

    for (uint32_t failures = 0; failures < 1000; failures++) {
        uint32_t least = UINT32_MAX;
        uint32_t most = 0;
        for (uint32_t i = 0; i < 200; i++) {
            const uint32_t delay = relay_choice_delay(failures, MIN_MS, MAX_MS, i * 21474836);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        ck_assert_uint_ge(least, base - base / 4);
        ck_assert_uint_le(most, base + base / 4);
        /* It is spread, too. */
        ck_assert_uint_lt(least, base - base / 8);
        ck_assert_uint_gt(most, base + base / 8);
        base = 2 * base < MAX_MS ? 2 * base : MAX_MS;
    }
}
END_TEST

START_TEST(delay_bounds)
{
    ck_assert_uint_eq(relay_choice_delay(0, MIN_MS, MAX_MS, 0), 750);
    ck_assert_uint_eq(relay_choice_delay(0, MIN_MS, MAX_MS, 500), 1250);
    ck_assert_uint_eq(relay_choice_delay(UINT32_MAX, MIN_MS, MAX_MS, 0), 45000);
    ck_assert_uint_eq(relay_choice_delay(5, 0, 0, 12345), 0);
    ck_assert_uint_eq(relay_choice_delay(0, 5000, 1000, 0), 750);
    ck_assert_uint_ge(relay_choice_delay(40, UINT32_MAX, UINT32_MAX, 0), UINT32_MAX / 4 * 3);
    ck_assert_uint_eq(relay_choice_delay(40, UINT32_MAX, UINT32_MAX, UINT32_MAX / 2), UINT32_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_choice");
    TCase *tests = tcase_create("relay_choice");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, serving);
    tcase_add_test(tests, useless_is_closed_when_more_are_connected);
    tcase_add_test(tests, each_reason_to_stay);
    tcase_add_test(tests, of_sleeping_peers_alone);
    tcase_add_test(tests, dialled_is_let_finish);
    tcase_add_test(tests, asleep_and_needed);
    tcase_add_test(tests, asleep_and_named_by_sleepers);
    tcase_add_test(tests, forgotten);
    tcase_add_test(tests, waiting_relays);
    tcase_add_test(tests, starting_does_not_count_itself);
    tcase_add_test(tests, closing_is_the_negation_of_opening);
    tcase_add_test(tests, rounds_come_to_rest);
    tcase_add_test(tests, marks);
    tcase_add_test(tests, primary_stays_while_online);
    tcase_add_test(tests, next_primary_is_the_best);
    tcase_add_test(tests, order_goes_round_from_the_primary);
    tcase_add_test(tests, order_by_rank_and_round_trip);
    tcase_add_test(tests, challenger_is_clearly_better);
    tcase_add_test(tests, delay_doubles_up_to_the_maximum);
    tcase_add_test(tests, delay_bounds);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
