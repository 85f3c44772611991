/* The byte queue, against a plain array. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "support/net_env.h"

enum { STEPS = 20000, MODEL_MAX = 1 << 16 };

static struct net_env test_env;
static struct toxtcp_env *env;
static struct buffer buffer;
static uint8_t model[MODEL_MAX];
static size_t model_len;

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env = test_env.env;
    buffer = (struct buffer){0};
    model_len = 0;
}

static void tear_down(void)
{
    buffer_free(&buffer, env);
    ck_assert_uint_eq(buffer_len(&buffer), 0);
    ck_assert_ptr_null(buffer.block);
    net_env_finish(&test_env);
}

static void compare(void)
{
    ck_assert_uint_eq(buffer_len(&buffer), model_len);
    if (model_len > 0) {
        ck_assert_mem_eq(buffer_peek(&buffer), model, model_len);
    } else {
        ck_assert_ptr_null(buffer.block);
    }
}

static void add(size_t reserved, size_t committed)
{
    uint8_t *room = buffer_reserve(&buffer, env, reserved);

    ck_assert_ptr_nonnull(room);
    memset(room, 0xee, reserved);
    for (size_t i = 0; i < committed; i++) {
        room[i] = (uint8_t)net_env_random(&test_env);
    }
    memcpy(model + model_len, room, committed);
    buffer_commit(&buffer, committed);
    buffer_settle(&buffer, env);
    model_len += committed;
}

static void drop(size_t len)
{
    buffer_consume(&buffer, env, len);
    memmove(model, model + len, model_len - len);
    model_len -= len;
}

START_TEST(starts_empty)
{
    ck_assert_uint_eq(buffer_len(&buffer), 0);
    buffer_settle(&buffer, env);
    buffer_consume(&buffer, env, 0);
    buffer_free(&buffer, env);
    compare();
}
END_TEST

START_TEST(against_model)
{
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint64_t number = net_env_random(&test_env);
        const size_t len = number >> 8 & (number & 64 ? 15 : 2047);
        if (number % 2 == 0 && model_len + len < MODEL_MAX) {
            add(len, number & 128 ? len : len / 2);
        } else {
            drop(len < model_len ? len : model_len);
        }
        compare();
    }
}
END_TEST

/* A long queue that never empties: its block stays in proportion to what it holds. */
START_TEST(steady_queue_stays_small)
{
    add(1000, 1000);
    for (uint32_t step = 0; step < 5000; step++) {
        add(300, 300);
        drop(300);
        compare();
        ck_assert_uint_le(buffer.size, 4096);
    }
    const uint64_t count = test_env.alloc_count;
    for (uint32_t step = 0; step < 5000; step++) {
        add(300, 300);
        drop(300);
    }
    ck_assert_uint_eq(test_env.alloc_count, count);
}
END_TEST

START_TEST(block_goes_back)
{
    const size_t before = test_env.alloc_bytes;

    ck_assert_ptr_nonnull(buffer_reserve(&buffer, env, 100));
    ck_assert_ptr_nonnull(buffer.block);
    buffer_settle(&buffer, env);
    ck_assert_ptr_null(buffer.block);
    add(100, 100);
    drop(99);
    ck_assert_ptr_nonnull(buffer.block);
    drop(1);
    ck_assert_ptr_null(buffer.block);
    toxtcp_env_trim(env);
    ck_assert_uint_eq(test_env.alloc_bytes, before);
}
END_TEST

START_TEST(no_memory)
{
    net_env_fail(&test_env, 1, true);
    ck_assert_ptr_null(buffer_reserve(&buffer, env, 10));
    compare();
    net_env_fail(&test_env, 0, false);
    add(200, 200);
    const struct buffer before = buffer;
    net_env_fail(&test_env, 1, true);
    ck_assert_ptr_null(buffer_reserve(&buffer, env, 10000));
    ck_assert_mem_eq(&buffer, &before, sizeof buffer);
    compare();
    net_env_fail(&test_env, 0, false);
    add(10000, 10000);
    compare();
    /* More than any block holds. */
    ck_assert_ptr_null(buffer_reserve(&buffer, env, 256 << 20));
    compare();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, starts_empty);
    tcase_add_test(tests, against_model);
    tcase_add_test(tests, steady_queue_stays_small);
    tcase_add_test(tests, block_goes_back);
    tcase_add_test(tests, no_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
