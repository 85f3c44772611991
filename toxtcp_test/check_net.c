/* The test network itself, with raw ends: what the other tests trust it to do. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/server_bed.h"

static struct net *net;
static struct toxtcp_address address;
static struct net_raw *near;
static struct net_raw *far;

static void set_up(void)
{
    net = net_new(1);
    address = net_address(1);
    near = NULL;
    far = NULL;
}

static void tear_down(void)
{
    net_raw_close(near);
    net_raw_close(far);
    net_free(net);
}

static void open_stream(void)
{
    net_raw_listen(net, &address);
    near = net_raw_dial(net, &address, NULL);
    net_step(net);
    far = net_raw_accept(net, &address);
    ck_assert_ptr_nonnull(far);
    ck_assert_ptr_null(net_raw_accept(net, &address));
    ck_assert_uint_eq(net_stream_count(net, &address), 1);
}

static size_t count_read(struct net_raw *raw)
{
    uint8_t bytes[1000];

    return net_raw_read(raw, bytes, sizeof bytes);
}

START_TEST(nobody_listens)
{
    near = net_raw_dial(net, &address, NULL);
    ck_assert_int_eq(net_raw_error(near), 0);
    net_step(net);
    ck_assert_int_eq(net_raw_error(near), TOXTCP_ERR_REFUSED);
    ck_assert_uint_eq(net_dial_count(net, &address), 1);
    ck_assert_uint_eq(net_stream_count(net, &address), 0);
}
END_TEST

START_TEST(dial_error)
{
    net_raw_listen(net, &address);
    net_set_dial_error(net, &address, TOXTCP_ERR_UNREACHABLE);
    near = net_raw_dial(net, &address, NULL);
    net_step(net);
    ck_assert_int_eq(net_raw_error(near), TOXTCP_ERR_UNREACHABLE);
    ck_assert_ptr_null(net_raw_accept(net, &address));
}
END_TEST

START_TEST(bytes_pass_then_the_end)
{
    uint8_t bytes[4];

    open_stream();
    net_raw_write(near, (const uint8_t *)"abcd", 4);
    net_raw_write(far, (const uint8_t *)"xy", 2);
    ck_assert_uint_eq(net_raw_read(far, bytes, sizeof bytes), 0);
    net_step(net);
    ck_assert_uint_eq(net_raw_read(far, bytes, 3), 3);
    ck_assert_mem_eq(bytes, "abc", 3);
    net_raw_close(near);
    near = NULL;
    ck_assert_int_eq(net_raw_error(far), 0);
    net_step(net);
    ck_assert_int_eq(net_raw_error(far), TOXTCP_ERR_CLOSED);
    ck_assert_uint_eq(net_raw_read(far, bytes, sizeof bytes), 1);
}
END_TEST

START_TEST(window_fills)
{
    static const uint8_t bytes[250];

    open_stream();
    net_set_window(net, 100);
    net_raw_pause(far, true);
    net_raw_write(near, bytes, sizeof bytes);
    net_step(net);
    ck_assert_uint_eq(count_read(far), 0);
    net_raw_close(near);
    near = NULL;
    net_raw_pause(far, false);
    net_step(net);
    ck_assert_uint_eq(count_read(far), 100);
}
END_TEST

START_TEST(stall_holds_everything)
{
    open_stream();
    net_raw_write(near, (const uint8_t *)"abc", 3);
    net_stall(net, &address, true);
    net_step(net);
    ck_assert_uint_eq(count_read(far), 0);
    net_raw_close(near);
    near = net_raw_dial(net, &address, NULL);
    net_run(net, 100000);
    ck_assert_int_eq(net_raw_error(far), 0);
    ck_assert_ptr_null(net_raw_accept(net, &address));
    net_stall(net, &address, false);
    net_step(net);
    ck_assert_uint_eq(count_read(far), 3);
    ck_assert_int_eq(net_raw_error(far), TOXTCP_ERR_CLOSED);
    net_raw_close(far);
    far = net_raw_accept(net, &address);
    ck_assert_ptr_nonnull(far);
}
END_TEST

START_TEST(break_comes_through_a_stall)
{
    open_stream();
    net_raw_write(near, (const uint8_t *)"abc", 3);
    net_stall(net, &address, true);
    net_step(net);
    net_break(net, &address, TOXTCP_ERR_NETWORK);
    ck_assert_uint_eq(net_stream_count(net, &address), 0);
    net_step(net);
    ck_assert_int_eq(net_raw_error(near), TOXTCP_ERR_NETWORK);
    ck_assert_int_eq(net_raw_error(far), TOXTCP_ERR_NETWORK);
    ck_assert_uint_eq(count_read(far), 0);
}
END_TEST

START_TEST(removed_server_resets)
{
    struct bed bed;
    struct toxtcp_server_info info;

    bed_open(&bed, 1, NULL);
    struct raw_client *client = bed_join(&bed, NULL);
    net_remove(bed.net, bed.server);
    net_step(bed.net);
    ck_assert_int_eq(raw_client_error(client), TOXTCP_ERR_RESET);
    struct net_raw *late = net_raw_dial(bed.net, &bed.address, NULL);
    net_step(bed.net);
    ck_assert_int_eq(net_raw_error(late), TOXTCP_ERR_REFUSED);
    net_raw_close(late);
    /* The process is dead: it does not know. */
    toxtcp_server_get_info(bed.server, &info);
    ck_assert_uint_eq(info.client_count, 1);
    bed_close(&bed);
}
END_TEST

START_TEST(memory_fails_when_asked)
{
    struct toxtcp_server *server;
    const struct toxtcp_key_pair keys = net_keys(net);

    net_fail_alloc(net, 1, false);
    ck_assert_int_eq(toxtcp_server_new(net_env(net), net_driver(net), NULL, &keys, &server), TOXTCP_ERR_NO_MEMORY);
    const uint64_t before = net_alloc_count(net);
    const size_t held = net_alloc_bytes(net);
    ck_assert_int_eq(toxtcp_server_new(net_env(net), net_driver(net), NULL, &keys, &server), 0);
    ck_assert_uint_eq(net_alloc_count(net), before + 1);
    ck_assert_uint_gt(net_alloc_bytes(net), held);
    toxtcp_server_free(server);
    ck_assert_uint_eq(net_alloc_bytes(net), held);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, nobody_listens);
    tcase_add_test(tests, dial_error);
    tcase_add_test(tests, bytes_pass_then_the_end);
    tcase_add_test(tests, window_fills);
    tcase_add_test(tests, stall_holds_everything);
    tcase_add_test(tests, break_comes_through_a_stall);
    tcase_add_test(tests, removed_server_resets);
    tcase_add_test(tests, memory_fails_when_asked);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
