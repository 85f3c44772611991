/* Where a relay's connections come from: the sources that are remembered when their connections are gone. (Their counts
 * are tested in check_server_limits.c.) SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "sources.h"
#include "support/net.h"

static struct toxtcp_address numbered(uint32_t number)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4,
                                   .ip = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number},
                                   .port = 1};
}

static struct net *net;
static struct sources sources;

static void come_and_go(uint32_t number, unsigned times, uint64_t now_ms)
{
    const struct rate_limit limit = {.per_second = 10, .burst = 20};
    const struct toxtcp_address address = numbered(number);
    struct source_member member = {0};

    for (unsigned i = 0; i < times; i++) {
        ck_assert_int_eq(sources_join(&sources, net_env(net), &address, limit, now_ms, &member), 0);
        sources_leave(&sources, net_env(net), &member);
    }
    sources_check(&sources, 0, 0);
}

static bool is_ready(uint32_t number, uint64_t now_ms)
{
    const struct rate_limit limit = {.per_second = 10, .burst = 20};
    const struct toxtcp_address address = numbered(number);

    return sources_ready_ms(&sources, net_env(net), &address, limit) <= now_ms;
}

static void open_sources(void)
{
    net = net_new(1);
    sources = (struct sources){0};
}

static void close_sources(void)
{
    sources_free(&sources, net_env(net));
    net_free(net);
}

START_TEST(sources_are_forgotten_when_full)
{
    come_and_go(1, 20, 1000);
    come_and_go(2, 1, 1000);
    ck_assert(!is_ready(1, 1000));
    ck_assert(is_ready(2, 1000));
    ck_assert_uint_eq(sources.remembered_count, 2);
    come_and_go(3, 1, 1100);
    ck_assert_uint_eq(sources.remembered_count, 2); /* 2 is forgotten */
    come_and_go(3, 1, 3000);
    ck_assert_uint_eq(sources.remembered_count, 1);
    come_and_go(3, 1, 9999);
    come_and_go(3, 1, 20000);
    ck_assert_uint_eq(sources.remembered_count, 1);
}
END_TEST

START_TEST(a_source_in_use_is_not_forgotten)
{
    const struct rate_limit limit = {.per_second = 10, .burst = 20};
    const struct toxtcp_address address = numbered(1);
    struct source_member member = {0};

    come_and_go(1, 19, 0);
    ck_assert_int_eq(sources_join(&sources, net_env(net), &address, limit, 0, &member), 0);
    ck_assert_uint_eq(sources.remembered_count, 0);
    for (uint32_t i = 0; i < 3 * SOURCES_REMEMBERED_MAX; i++) {
        const struct toxtcp_address other = numbered(2 + i);
        struct source_member guest = {0};
        ck_assert_int_eq(sources_join(&sources, net_env(net), &other, limit, 50, &guest), 0);
        sources_leave(&sources, net_env(net), &guest);
    }
    sources_check(&sources, 1, 1);
    ck_assert_uint_eq(sources.remembered_count, SOURCES_REMEMBERED_MAX);
    ck_assert(!is_ready(1, 50));
    sources_leave(&sources, net_env(net), &member);
    /* It is the most overdrawn of all, so that others go. */
    ck_assert(!is_ready(1, 50));
    ck_assert_uint_eq(sources.remembered_count, SOURCES_REMEMBERED_MAX);
}
END_TEST

START_TEST(too_many_to_remember)
{
    come_and_go(0, 20, 0);
    come_and_go(1, 5, 0);
    for (uint32_t i = 2; i < SOURCES_REMEMBERED_MAX; i++) {
        const struct rate_limit limit = {.per_second = 10, .burst = 20};
        const struct toxtcp_address address = numbered(i);
        struct source_member member = {0};
        for (unsigned j = 0; j < 10; j++) {
            ck_assert_int_eq(sources_join(&sources, net_env(net), &address, limit, 0, &member), 0);
            sources_leave(&sources, net_env(net), &member);
        }
    }
    const size_t bytes = net_alloc_bytes(net);
    ck_assert_uint_eq(sources.remembered_count, SOURCES_REMEMBERED_MAX);
    /* The one that has the least to lose goes, and that is 1. */
    come_and_go(SOURCES_REMEMBERED_MAX, 6, 0);
    ck_assert_uint_eq(sources.remembered_count, SOURCES_REMEMBERED_MAX);
    ck_assert_uint_le(net_alloc_bytes(net), bytes + 200000);
    ck_assert(!is_ready(0, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sources");
    TCase *tests = tcase_create("remembered");

    tcase_add_checked_fixture(tests, open_sources, close_sources);
    tcase_add_test(tests, sources_are_forgotten_when_full);
    tcase_add_test(tests, a_source_in_use_is_not_forgotten);
    tcase_add_test(tests, too_many_to_remember);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
