/* Other limits while the relay runs. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "server_private.h"
#include "support/server_bed.h"

enum { PIECE = 10000 };

static struct bed bed;

START_TEST(limits_change)
{
    struct toxtcp_server_config config = bed_defaults();
    static const uint8_t data[BED_DATA_LEN];
    config.input_rate_max = 0;
    config.accept_rate_max = 0;
    bed_open(&bed, 8, &config);
    const struct bed_pair pair = bed_join_pair(&bed);

    bed_stop_reading(&bed, pair.b);
    bed_send_data(&pair, 100);
    net_step(bed.net);
    const uint64_t relayed = bed_info(&bed).data_relayed;
    ck_assert_uint_ge(relayed, 60);
    /* More is waiting than may wait now: it stays, and nothing is added. */
    config.output_max = 10000;
    config.clients_max = 1;
    config.accept_rate_max = 1;
    config.accept_burst = 1;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    toxtcp_server_check(bed.server);
    raw_client_send_data(pair.a, pair.a_id, data, 1);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, relayed);
    ck_assert(bed_is_closed(bed_dial(&bed, NULL, NULL)));
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
    ck_assert_uint_eq(bed_info(&bed).refused_full, 1);
    net_raw_pause(pair.b->end, false);
    net_step(bed.net);
    (void)raw_client_drain(pair.b);
    bed_expect_linked(&bed, &pair);
    /* NULL: the defaults again. */
    toxtcp_server_configure(bed.server, NULL, net_now(bed.net));
    (void)bed_join(&bed, NULL);
    bed_close(&bed);
}
END_TEST

START_TEST(rate_changes_for_a_paused_client)
{
    struct toxtcp_server_config config = bed_defaults();
    config.input_rate_max = 1;
    config.input_burst = 10000;
    bed_open(&bed, 8, &config);
    net_set_piece(bed.net, PIECE);
    const struct bed_pair pair = bed_join_pair(&bed);

    bed_send_data(&pair, 20);
    net_run(bed.net, 20000);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    config.input_rate_max = 0;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    ck_assert_uint_eq(raw_client_drain(pair.b), 20);
    bed_close(&bed);
}
END_TEST

/* What was taken by a slow rate is waited for at the new one. */
START_TEST(faster_rate_for_a_paused_client)
{
    struct toxtcp_server_config config = bed_defaults();
    config.input_rate_max = 1;
    config.input_burst = 10000;
    bed_open(&bed, 8, &config);
    net_set_piece(bed.net, PIECE);
    const struct bed_pair pair = bed_join_pair(&bed);

    bed_send_data(&pair, 20);
    net_run(bed.net, 20000);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    toxtcp_server_configure(bed.server, NULL, net_now(bed.net));
    net_run(bed.net, 100);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    ck_assert_uint_eq(raw_client_drain(pair.b), 20);
    bed_close(&bed);
}
END_TEST

START_TEST(faster_rate_for_newcomers)
{
    struct toxtcp_server_config config = bed_defaults();

    config.accept_rate_max = 1;
    config.accept_burst = 100;
    bed_open(&bed, 3, &config);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 200), 100);
    config.accept_rate_max = 50;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    toxtcp_server_check(bed.server);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 1), 0);
    net_run(bed.net, 1000);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 50);
    /* A slower one does not fill a bucket either. */
    config.accept_rate_max = 1;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 0);
    net_run(bed.net, 10000);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 10);
    bed_close(&bed);
}
END_TEST

/* With no room at all a queue takes a packet when it is empty: nobody is closed for what others do. */
START_TEST(no_room_at_all)
{
    struct toxtcp_server_config config = bed_defaults();
    config.output_max = 0;
    config.control_output_max = 0;
    bed_open(&bed, 8, &config);
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const uint8_t a_id = bed_ask(&bed, a, &b->keys.public_key);

    (void)bed_ask(&bed, b, &a->keys.public_key);
    net_run(bed.net, 1000);
    ck_assert(!bed_is_closed(a));
    ck_assert_uint_eq(raw_client_expect(a, WIRE_CONNECT)->id, a_id);
    bed_close(&bed);
}
END_TEST

START_TEST(times_change)
{
    struct toxtcp_server_config config = bed_defaults();
    bed_open(&bed, 8, NULL);
    struct raw_client *client = bed_join(&bed, NULL);
    struct raw_client *unconfirmed = bed_dial(&bed, NULL, NULL);

    config.ping_interval_ms = 2000;
    config.confirm_timeout_ms = 500;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    ck_assert_uint_eq(toxtcp_server_deadline(bed.server), net_now(bed.net) + 500);
    net_run(bed.net, 1999);
    ck_assert(bed_is_closed(unconfirmed));
    raw_client_expect_nothing(client);
    net_run(bed.net, 1);
    (void)raw_client_expect(client, WIRE_PING);
    /* Longer ones count from the next time on. */
    config.pong_timeout_ms = 60000;
    config.ping_interval_ms = 60000;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    net_run(bed.net, 9999);
    ck_assert_int_eq(raw_client_error(client), 0);
    net_run(bed.net, 1);
    ck_assert(bed_is_closed(client));
    bed_close(&bed);
}
END_TEST

/* Pings that were spread over the time stay so. */
START_TEST(times_change_and_stay_spread)
{
    struct toxtcp_server_config config = bed_defaults();
    bed_open(&bed, 8, NULL);
    struct raw_client *early = bed_join(&bed, NULL);
    net_run(bed.net, 10000);
    struct raw_client *late = bed_join(&bed, NULL);

    config.ping_interval_ms = 3000;
    toxtcp_server_configure(bed.server, &config, net_now(bed.net));
    toxtcp_server_check(bed.server);
    net_run(bed.net, 2000);
    (void)raw_client_expect(early, WIRE_PING);
    raw_client_expect_nothing(late);
    net_run(bed.net, 1000);
    (void)raw_client_expect(late, WIRE_PING);
    raw_client_expect_nothing(early);
    bed_close(&bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_configure");
    TCase *tests = tcase_create("server_configure");

    tcase_add_test(tests, limits_change);
    tcase_add_test(tests, rate_changes_for_a_paused_client);
    tcase_add_test(tests, faster_rate_for_a_paused_client);
    tcase_add_test(tests, faster_rate_for_newcomers);
    tcase_add_test(tests, no_room_at_all);
    tcase_add_test(tests, times_change);
    tcase_add_test(tests, times_change_and_stay_spread);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
