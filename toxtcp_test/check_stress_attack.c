/* Tests of the attackers, against a relay of our own. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../apps/stress/attack.h"
#include "check_ev.h"

/* Frames that no relay may take, and the states in which each of them comes: see attack_frames.c. */
enum { BAD_FRAMES = 29, STATES = 3 };

static struct side side;
static struct relay relay;
static struct attack *attack;
static struct toxtcp_public_key victim;

static void set_up(void)
{
    struct toxtcp_server_config config;

    toxtcp_server_config_default(&config);
    config.accept_rate_max = 0;
    config.input_rate_max = 0;
    side_open(&side);
    relay_open(&relay, &side, &config, 0, false);
    memset(&victim, 7, sizeof victim);
    attack = NULL;
}

static void tear_down(void)
{
    attack_stop(attack);
    relay_close(&relay);
    side_close(&side);
}

static struct attack_config config_of(uint32_t clients)
{
    return (struct attack_config){.relay = relay.address,
                                  .relay_key = relay.keys.public_key,
                                  .clients = clients,
                                  .seed = 1,
                                  .victims = &victim,
                                  .victim_count = 1};
}

static void start_with(const char *name, const struct attack_config *config)
{
    struct problem problem;

    ck_assert_msg(attack_start(name, config, &attack, &problem) == 0, "%s", problem.text);
}

static void start(const char *name, uint32_t clients)
{
    const struct attack_config config = config_of(clients);

    start_with(name, &config);
}

static struct toxtcp_server_info info_now(void)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(relay.server, &info);
    return info;
}

static struct attack_report report_now(void)
{
    struct attack_report report;

    attack_get_report(attack, &report);
    return report;
}

/* Attackers have a thread of their own: what it counts wakes no loop. */
static void await(bool (*done)(void *user), void *user)
{
    struct side *const sides[] = {&side};

    run_until(sides, 1, done, user);
}

/* --- Names --- */

/* Calls `each` with every name of the help. */
static int for_each_name(void (*each)(const char *name))
{
    char *help = strdup(attack_help);
    char *rest = help;
    char *line;
    int count = 0;

    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        char *gap = strstr(line, "  ");

        ck_assert_ptr_nonnull(gap);
        *gap = '\0';
        each(line);
        count++;
    }
    free(help);
    return count;
}

static void start_and_stop(const char *name)
{
    start(name, 2);
    attack_stop(attack);
    attack = NULL;
}

START_TEST(every_name_of_the_help_is_an_attack)
{
    ck_assert_int_eq(for_each_name(start_and_stop), 13);
}
END_TEST

START_TEST(no_other_name_is)
{
    const struct attack_config config = config_of(1);
    struct problem problem;

    ck_assert_int_eq(attack_start("partia", &config, &attack, &problem), -1);
    ck_assert_str_eq(problem.text, "there is no attack of the name \"partia\"");
    ck_assert_int_eq(attack_start("", &config, &attack, &problem), -1);
    ck_assert_ptr_null(attack);
}
END_TEST

START_TEST(a_flood_of_oob_needs_a_victim)
{
    struct attack_config config = config_of(1);
    struct problem problem;

    config.victims = NULL;
    config.victim_count = 0;
    ck_assert_int_eq(attack_start("oob-flood", &config, &attack, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "needs honest clients"));
}
END_TEST

/* --- Nobody there --- */

static bool is_refused(void *user)
{
    (void)user;
    return report_now().refused >= 3;
}

/* Somewhere nobody listens; and it goes on trying. */
START_TEST(a_relay_that_is_not_there_is_counted)
{
    struct attack_config config = config_of(2);
    int fd = raw_listen(1, &config.relay);

    close(fd);
    start_with("same-key", &config);
    await(is_refused, NULL);
    ck_assert_uint_eq(report_now().connects, 0);
    ck_assert_uint_eq(report_now().closed, 0);
}
END_TEST

/* --- What the relay sees of each --- */

static bool all_are_there(void *user)
{
    const uint32_t count = *(uint32_t *)user;

    /* The two ends learn of it one after the other. */
    return info_now().client_count == count && report_now().connects == count;
}

/* Those that stay below what is needed to be confirmed stay unconfirmed, all of them. */
static void they_only_hang_around(const char *name)
{
    uint32_t count = 100;

    start(name, count);
    await(all_are_there, &count);
    ck_assert_uint_eq(info_now().unconfirmed_count, count);
    ck_assert_uint_eq(info_now().confirmed, 0);
    ck_assert_uint_eq(report_now().closed, 0);
}

START_TEST(half_open_streams_stay)
{
    they_only_hang_around("half-open");
    ck_assert_uint_eq(report_now().bytes_sent, 0);
}
END_TEST

static bool all_is_sent(void *user)
{
    return report_now().bytes_sent == *(uint64_t *)user;
}

START_TEST(partial_handshakes_have_82_bytes)
{
    uint64_t bytes = UINT64_C(100) * 82;

    they_only_hang_around("partial");
    await(all_is_sent, &bytes);
}
END_TEST

static bool some_have_failed(void *user)
{
    (void)user;
    return info_now().handshake_failures >= 50 && report_now().closed >= 50;
}

START_TEST(rubbish_does_not_open)
{
    start("rubbish", 4);
    await(some_have_failed, NULL);
    ck_assert_uint_eq(info_now().confirmed, 0);
}
END_TEST

/* A recorded handshake opens every time, and proves nothing. */
START_TEST(a_replayed_handshake_is_never_confirmed)
{
    they_only_hang_around("replay");
    ck_assert_uint_eq(info_now().handshake_failures, 0);
}
END_TEST

static bool some_are_confirmed(void *user)
{
    return info_now().confirmed >= *(uint32_t *)user;
}

START_TEST(one_key_replaces_itself)
{
    uint32_t count = 50;

    start("same-key", 8);
    await(some_are_confirmed, &count);
    ck_assert_uint_ge(info_now().replaced + 1, count);
}
END_TEST

START_TEST(a_crowd_is_confirmed_and_stays)
{
    uint32_t count = 300;

    start("idle-crowd", count);
    await(some_are_confirmed, &count);
    ck_assert_uint_eq(info_now().client_count, count);
    ck_assert_uint_eq(report_now().closed, 0);
}
END_TEST

static bool every_frame_came(void *user)
{
    (void)user;
    return report_now().closed >= (uint64_t)BAD_FRAMES * STATES;
}

/* Each is closed for its one frame: with one stream at a time, any that the relay took would be the last. */
START_TEST(each_bad_frame_is_a_violation_in_each_state)
{
    start("bad-frames", 1);
    await(every_frame_came, NULL);
    const struct toxtcp_server_info info = info_now();
    ck_assert_uint_ge(info.protocol_violations, (uint64_t)BAD_FRAMES * STATES);
    ck_assert_uint_eq(info.handshake_failures, 0);
    /* Two states of three are those of confirmed clients. */
    ck_assert_uint_ge(info.confirmed, (uint64_t)BAD_FRAMES * 2);
}
END_TEST

static bool much_is_relayed(void *user)
{
    (void)user;
    return info_now().data_relayed >= 5000;
}

START_TEST(partners_find_each_other)
{
    start("line-rate", 2);
    await(much_is_relayed, NULL);
    ck_assert_uint_eq(report_now().closed, 0);
    ck_assert_uint_eq(info_now().client_count, 2);
}
END_TEST

static bool much_is_dropped(void *user)
{
    (void)user;
    return info_now().data_dropped >= 1000;
}

START_TEST(who_never_reads_loses)
{
    start("slow-reader", 4);
    await(much_is_dropped, NULL);
}
END_TEST

static bool one_overflowed(void *user)
{
    (void)user;
    return info_now().overflows >= 1;
}

START_TEST(pongs_that_nobody_reads_overflow)
{
    struct attack_config config = config_of(1);

    config.rate = 1e6;
    start_with("ping-flood", &config);
    await(one_overflowed, NULL);
}
END_TEST

static bool victim_got_many(void *user)
{
    (void)user;
    return info_now().oob_relayed + info_now().oob_dropped >= 500;
}

START_TEST(oob_goes_to_the_victim)
{
    static struct peer peer;

    peer_open(&peer, &side, &relay);
    await(peer_is_connected, &peer);
    victim = peer.keys.public_key;
    start("oob-flood", 2);
    await(victim_got_many, NULL);
    ck_assert_uint_eq(info_now().oob_dropped_absent, 0);
    attack_stop(attack);
    attack = NULL;
    peer_close(&peer);
}
END_TEST

static bool routes_came_and_went(void *user)
{
    uint32_t *most = user;
    const uint32_t count = info_now().route_count;

    if (count > *most) {
        *most = count;
        return false;
    }
    return *most >= 64 && count < *most;
}

START_TEST(routes_are_asked_for_and_given_up)
{
    uint32_t most = 0;

    start("route-churn", 2);
    await(routes_came_and_went, &most);
    ck_assert_uint_eq(report_now().closed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress_attack");
    TCase *test_case = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, every_name_of_the_help_is_an_attack);
    tcase_add_test(test_case, no_other_name_is);
    tcase_add_test(test_case, a_flood_of_oob_needs_a_victim);
    tcase_add_test(test_case, a_relay_that_is_not_there_is_counted);
    tcase_add_test(test_case, half_open_streams_stay);
    tcase_add_test(test_case, partial_handshakes_have_82_bytes);
    tcase_add_test(test_case, rubbish_does_not_open);
    tcase_add_test(test_case, a_replayed_handshake_is_never_confirmed);
    tcase_add_test(test_case, one_key_replaces_itself);
    tcase_add_test(test_case, a_crowd_is_confirmed_and_stays);
    tcase_add_test(test_case, each_bad_frame_is_a_violation_in_each_state);
    tcase_add_test(test_case, partners_find_each_other);
    tcase_add_test(test_case, who_never_reads_loses);
    tcase_add_test(test_case, pongs_that_nobody_reads_overflow);
    tcase_add_test(test_case, oob_goes_to_the_victim);
    tcase_add_test(test_case, routes_are_asked_for_and_given_up);
    suite_add_tcase(suite, test_case);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
