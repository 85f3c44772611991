/* What relays are trusted for: the policy, by events and times. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include <toxtcp/connections.h>

#include "trust.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, START = 7 * MINUTE };

/* --- A relay --- */

START_TEST(score_of_a_stranger)
{
    const struct relay_trust trust = {0};

    ck_assert_uint_eq(relay_trust_score(&trust, 0), TOXTCP_SCORE_MAX);
    ck_assert_uint_eq(relay_trust_score(&trust, UINT64_MAX), TOXTCP_SCORE_MAX);
    ck_assert(!relay_trust_is_demoted(&trust, 0));
}
END_TEST

START_TEST(blame_demotes_and_time_heals)
{
    struct relay_trust trust = {0};

    relay_trust_blame(&trust, 30, START);
    ck_assert_uint_eq(relay_trust_score(&trust, START), 70);
    ck_assert(!relay_trust_is_demoted(&trust, START));
    relay_trust_blame(&trust, 30, START);
    ck_assert_uint_eq(relay_trust_score(&trust, START), 40);
    ck_assert(relay_trust_is_demoted(&trust, START));
    /* Demoted until 75, so that it does not flap: 35 points of half a minute each. */
    ck_assert(relay_trust_is_demoted(&trust, START + 35 * 30 * SECOND - 1));
    ck_assert(!relay_trust_is_demoted(&trust, START + 35 * 30 * SECOND));
    ck_assert_uint_eq(relay_trust_restored_at(&trust), START + 35 * 30 * SECOND);
    ck_assert_uint_eq(relay_trust_score(&trust, START + 60 * 30 * SECOND), TOXTCP_SCORE_MAX);
    ck_assert_uint_eq(relay_trust_score(&trust, START + 1000 * MINUTE), TOXTCP_SCORE_MAX);
}
END_TEST

START_TEST(score_is_bounded)
{
    struct relay_trust trust = {0};

    for (int i = 0; i < 100; i++) {
        relay_trust_blame(&trust, 60, START);
    }
    ck_assert_uint_eq(relay_trust_score(&trust, START), 0);
    for (int i = 0; i < 100; i++) {
        relay_trust_credit(&trust, 30, START);
    }
    ck_assert_uint_eq(relay_trust_score(&trust, START), TOXTCP_SCORE_MAX);
    ck_assert(!relay_trust_is_demoted(&trust, START));
}
END_TEST

/* Credit in small steps ends a demotion at 75, not at 50. */
START_TEST(credit_restores)
{
    struct relay_trust trust = {0};

    relay_trust_blame(&trust, 60, START);
    relay_trust_credit(&trust, 20, START);
    ck_assert(relay_trust_is_demoted(&trust, START));
    relay_trust_credit(&trust, 15, START);
    ck_assert(!relay_trust_is_demoted(&trust, START));
    relay_trust_blame(&trust, 20, START);
    ck_assert(!relay_trust_is_demoted(&trust, START));
}
END_TEST

/* --- A path --- */

START_TEST(losses_without_an_arrival)
{
    struct path_trust trust = {0};

    ck_assert(!path_trust_is_barren(&trust, START));
    path_trust_lost(&trust, 0, START - MINUTE);
    path_trust_lost(&trust, 1, START);
    ck_assert(!path_trust_is_barren(&trust, START + MINUTE));
    path_trust_lost(&trust, 1, START + SECOND);
    ck_assert(!path_trust_is_barren(&trust, START + 2 * SECOND - 1));
    ck_assert(path_trust_is_barren(&trust, START + 2 * SECOND));
    ck_assert(!path_trust_proven(&trust, 1, START + 2 * SECOND));
    path_trust_lost(&trust, 1, START + 3 * SECOND);
    ck_assert(!path_trust_is_barren(&trust, START + 100 * MINUTE));
    /* Numbers however large. */
    for (int i = 0; i < 3; i++) {
        path_trust_lost(&trust, UINT32_MAX, START);
    }
    ck_assert(path_trust_is_barren(&trust, START + 100 * MINUTE));
}
END_TEST

START_TEST(losses_between_arrivals)
{
    struct path_trust trust = {0};

    /* An outage is one loss, however long. */
    path_trust_lost(&trust, UINT32_MAX, START);
    path_trust_lost(&trust, UINT32_MAX, START);
    path_trust_proven(&trust, 100, START);
    ck_assert(!path_trust_is_lossy(&trust));
    /* One in twenty is let pass, one in ten is not; few packets say nothing. */
    trust = (struct path_trust){0};
    for (int i = 1; i <= 100; i++) {
        path_trust_lost(&trust, 1, START);
        path_trust_proven(&trust, 19, START);
        ck_assert(!path_trust_is_lossy(&trust));
    }
    trust = (struct path_trust){0};
    for (int i = 1; i <= 100; i++) {
        path_trust_lost(&trust, 1, START);
        path_trust_proven(&trust, 9, START);
        ck_assert(path_trust_is_lossy(&trust) == (i >= 6));
    }
    /* And it heals; numbers however large. */
    path_trust_proven(&trust, UINT32_MAX, START);
    path_trust_proven(&trust, UINT32_MAX, START);
    ck_assert(!path_trust_is_lossy(&trust));
}
END_TEST

/* For ten minutes, whatever arrives: a few packets prove nothing against it. */
START_TEST(lossy_path)
{
    struct path_trust trust = {0};

    path_trust_leave(&trust, false, START);
    ck_assert(!path_trust_proven(&trust, 3, START));
    path_trust_confirm(&trust, START);
    ck_assert(path_trust_is_doubted(&trust, START + 10 * MINUTE - 1));
    ck_assert_int_eq(path_trust_trial(&trust, START + MINUTE, START + 20 * MINUTE), TRIAL_WAIT);
    ck_assert(!path_trust_is_doubted(&trust, START + 10 * MINUTE));
}
END_TEST

static struct path_trust confirmed(void)
{
    struct path_trust trust = {0};

    path_trust_leave(&trust, true, START);
    ck_assert_int_eq(path_trust_trial(&trust, START, START + MINUTE), TRIAL_WAIT);
    path_trust_confirm(&trust, START);
    return trust;
}

/* Left, confirmed, tried with single packets, a second apart, from 45 s on, until three are missed. */
START_TEST(trial_of_a_doubted_path)
{
    struct path_trust trust = confirmed();
    uint64_t now_ms = START;

    for (int round = 0; round < 3; round++) {
        const uint64_t wait_ms = (uint64_t)45 * SECOND << round;
        ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms + wait_ms - 1), TRIAL_WAIT);
        now_ms += wait_ms;
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms), TRIAL_SEND);
            path_trust_tried(&trust, now_ms);
            ck_assert_int_eq(path_trust_trial(&trust, now_ms + 1, now_ms + SECOND - 1), TRIAL_WAIT);
            /* One that is sent again must not go the same way again: something has to arrive first. */
            ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms + SECOND), TRIAL_WAIT);
            now_ms += SECOND;
            path_trust_lost(&trust, 1, now_ms);
        }
        ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms), TRIAL_FAILED);
        path_trust_doubt_on(&trust, true, now_ms);
    }
}
END_TEST

/* When nothing comes another way since, it says nothing; nor when nobody misses what was sent. */
START_TEST(trial_that_tells_nothing)
{
    struct path_trust trust = confirmed();
    uint64_t now_ms = START + MINUTE;

    path_trust_tried(&trust, now_ms);
    path_trust_lost(&trust, 5, now_ms);
    ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms + MINUTE - 1), TRIAL_WAIT);
    ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms + MINUTE), TRIAL_VOID);
    trust = confirmed();
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms), TRIAL_SEND);
        path_trust_tried(&trust, now_ms);
        now_ms += SECOND;
    }
    ck_assert_int_eq(path_trust_trial(&trust, now_ms, now_ms), TRIAL_VOID);
}
END_TEST

START_TEST(void_trials_do_not_lengthen_the_wait)
{
    struct path_trust trust = {0};

    path_trust_leave(&trust, true, START);
    path_trust_confirm(&trust, START);
    path_trust_doubt_on(&trust, false, START);
    ck_assert_int_eq(path_trust_trial(&trust, 0, START + 45 * SECOND), TRIAL_SEND);
    for (int i = 0; i < 100; i++) {
        path_trust_doubt_on(&trust, true, START);
    }
    ck_assert_int_eq(path_trust_trial(&trust, 0, START + 48 * MINUTE), TRIAL_SEND);
}
END_TEST

START_TEST(proof_ends_the_doubt)
{
    struct path_trust trust = {0};

    path_trust_leave(&trust, true, START);
    ck_assert(path_trust_is_doubted(&trust, START));
    ck_assert(path_trust_proven(&trust, 1, START + 1));
    ck_assert(!path_trust_is_doubted(&trust, START + 1));
    ck_assert(!path_trust_proven(&trust, 1, START + 2));
    /* Confirming trusts nobody less. */
    path_trust_confirm(&trust, START + 3);
    ck_assert(!path_trust_is_doubted(&trust, START + 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trust");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, score_of_a_stranger);
    tcase_add_test(tests, blame_demotes_and_time_heals);
    tcase_add_test(tests, score_is_bounded);
    tcase_add_test(tests, credit_restores);
    tcase_add_test(tests, losses_without_an_arrival);
    tcase_add_test(tests, losses_between_arrivals);
    tcase_add_test(tests, lossy_path);
    tcase_add_test(tests, trial_of_a_doubted_path);
    tcase_add_test(tests, trial_that_tells_nothing);
    tcase_add_test(tests, void_trials_do_not_lengthen_the_wait);
    tcase_add_test(tests, proof_ends_the_doubt);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
