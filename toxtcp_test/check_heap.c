/* The heap of deadlines, against a list that is searched. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>

#include "heap.h"
#include "support/net_env.h"

enum { ITEMS = 200, STEPS = 40000 };

static struct net_env test_env;
static struct toxtcp_env *env;
static struct heap heap;
static struct heap_item items[ITEMS];
static bool joined[ITEMS];

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env = test_env.env;
    heap = (struct heap){0};
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (struct heap_item){0};
        joined[i] = false;
    }
}

static void tear_down(void)
{
    heap_free(&heap, env);
    ck_assert_ptr_null(heap_first(&heap));
    net_env_finish(&test_env);
}

START_TEST(empty)
{
    ck_assert_ptr_null(heap_first(&heap));
    ck_assert_uint_eq(heap_first_key(&heap), UINT64_MAX);
    heap_leave(&heap, &items[0]);
    heap_check(&heap);
}
END_TEST

START_TEST(one)
{
    ck_assert_int_eq(heap_join(&heap, env, &items[0], 5), TOXTCP_OK);
    ck_assert_ptr_eq(heap_first(&heap), &items[0]);
    heap_set(&heap, &items[0], 7);
    ck_assert_uint_eq(heap_first_key(&heap), 7);
    heap_leave(&heap, &items[0]);
    heap_leave(&heap, &items[0]);
    ck_assert_ptr_null(heap_first(&heap));
    ck_assert_uint_eq(items[0].place, 0);
}
END_TEST

static uint64_t smallest(void)
{
    uint64_t key = UINT64_MAX;

    for (size_t i = 0; i < ITEMS; i++) {
        if (joined[i] && items[i].key < key) {
            key = items[i].key;
        }
    }
    return key;
}

static uint64_t random_key(void)
{
    const uint64_t number = net_env_random(&test_env);
    /* Many that are equal, the ends, and others. */
    return number % 8 == 0 ? UINT64_MAX : number % 8 == 1 ? 0 : number % 8 < 5 ? number >> 61 : number;
}

static void step_at(size_t i)
{
    const uint64_t key = random_key();

    if (!joined[i]) {
        ck_assert_int_eq(heap_join(&heap, env, &items[i], key), TOXTCP_OK);
        ck_assert_uint_eq(items[i].key, key);
        joined[i] = true;
    } else if (net_env_random(&test_env) % 3 == 0) {
        heap_leave(&heap, &items[i]);
        joined[i] = false;
    } else {
        heap_set(&heap, &items[i], key);
        ck_assert_uint_eq(items[i].key, key);
    }
}

START_TEST(model)
{
    for (uint32_t step = 0; step < STEPS; step++) {
        /* The range breathes, so that the heap is small and large in turns. */
        step_at(net_env_random(&test_env) % (1 + (step / 1000 * 37) % ITEMS));
        heap_check(&heap);
        ck_assert_uint_eq(heap_first_key(&heap), smallest());
        ck_assert(!heap_first(&heap) || heap_first(&heap)->key == smallest());
    }
}
END_TEST

/* Taken out one after the other they come sorted. */
START_TEST(sorted)
{
    uint64_t last = 0;

    for (size_t i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(heap_join(&heap, env, &items[i], net_env_random(&test_env) % 100), TOXTCP_OK);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        struct heap_item *first = heap_first(&heap);
        ck_assert_ptr_nonnull(first);
        ck_assert_uint_ge(first->key, last);
        last = first->key;
        heap_leave(&heap, first);
    }
    ck_assert_ptr_null(heap_first(&heap));
}
END_TEST

START_TEST(no_memory)
{
    uint32_t refused = 0;

    for (size_t i = 0; i < ITEMS; i++) {
        net_env_fail(&test_env, 1, false);
        if (heap_join(&heap, env, &items[i], i) != TOXTCP_OK) {
            refused++;
            ck_assert_uint_eq(items[i].place, 0);
            heap_check(&heap);
            ck_assert_uint_eq(heap_first_key(&heap), i == 0 ? UINT64_MAX : 0);
            ck_assert_int_eq(heap_join(&heap, env, &items[i], i), TOXTCP_OK);
        }
        net_env_fail(&test_env, 0, false);
    }
    ck_assert_uint_gt(refused, 2);
    heap_check(&heap);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, empty);
    tcase_add_test(tests, one);
    tcase_add_test(tests, model);
    tcase_add_test(tests, sorted);
    tcase_add_test(tests, no_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
