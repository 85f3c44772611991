/* The table of routes, against arrays that are searched. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "routes.h"
#include "support/net_env.h"

enum { PEERS = 300, STEPS = 30000 };

/* What the model knows of peer i. */
struct known {
    struct route *route; /* NULL: not in the table */
    uint8_t id;
    uint32_t index;
    uint32_t generation;
};

static struct net_env test_env;
static struct toxtcp_env *env;
static struct routes routes;
static struct known known[PEERS];
static uint32_t known_count;

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env = test_env.env;
    routes = (struct routes){0};
    memset(known, 0, sizeof known);
    known_count = 0;
}

static void tear_down(void)
{
    routes_free(&routes, env);
    ck_assert_ptr_null(routes_next(&routes, NULL));
    net_env_finish(&test_env);
}

static struct toxtcp_public_key key_of(size_t i)
{
    struct toxtcp_public_key key = {{0}};

    key.bytes[0] = (uint8_t)i;
    key.bytes[31] = (uint8_t)(i >> 8);
    return key;
}

/* --- The model --- */

static int owner_of(uint8_t id)
{
    for (int i = 0; i < PEERS; i++) {
        if (known[i].route && known[i].id == id && id != ROUTE_NO_ID) {
            return i;
        }
    }
    return -1;
}

static uint8_t lowest_free(void)
{
    for (int id = 16; id <= 255; id++) {
        if (owner_of((uint8_t)id) < 0) {
            return (uint8_t)id;
        }
    }
    return ROUTE_NO_ID;
}

/* --- Operations on both --- */

static void add(size_t i)
{
    const struct toxtcp_public_key key = key_of(i);
    bool full = false;
    struct route *route = routes_add(&routes, env, &key, ROUTE_ASKED, &full);

    ck_assert_int_eq(full, known_count == 240);
    ck_assert_int_eq(route != NULL, known_count < 240);
    if (!route) {
        return;
    }
    ck_assert_mem_eq(route->key.bytes, key.bytes, sizeof key.bytes);
    ck_assert_uint_eq(route->state, ROUTE_ASKED);
    ck_assert_uint_eq(route->id, ROUTE_NO_ID);
    ck_assert_uint_ne(route->generation, 0);
    known[i] = (struct known){route, ROUTE_NO_ID, route->index, route->generation};
    known_count++;
}

static void drop(size_t i)
{
    const struct known was = known[i];

    routes_remove(&routes, env, was.route);
    known[i].route = NULL;
    known_count--;
    ck_assert_ptr_null(routes_by_handle(&routes, was.index, was.generation));
}

static void change_id(size_t i)
{
    const uint8_t id = net_env_random(&test_env) % 3 ? lowest_free() : ROUTE_NO_ID;

    routes_set_id(&routes, known[i].route, id);
    known[i].id = id;
}

static void renew(size_t i)
{
    const uint32_t old = known[i].generation;

    routes_renew(&routes, known[i].route);
    known[i].generation = known[i].route->generation;
    ck_assert_uint_ne(known[i].generation, old);
    ck_assert_ptr_null(routes_by_handle(&routes, known[i].index, old));
}

/* --- Comparison --- */

static void compare_ids(void)
{
    for (int id = 0; id < 256; id++) {
        const int owner = owner_of((uint8_t)id);
        if (routes_by_id(&routes, (uint8_t)id) != (owner < 0 ? NULL : known[owner].route)) {
            ck_abort_msg("id %d", id);
        }
    }
    ck_assert_uint_eq(routes_lowest_free_id(&routes), lowest_free());
}

static void compare_peers(void)
{
    for (size_t i = 0; i < PEERS; i++) {
        const struct toxtcp_public_key key = key_of(i);
        const bool right = routes_find(&routes, env, &key) == known[i].route &&
                           routes_by_handle(&routes, known[i].index, known[i].generation) == known[i].route &&
                           !routes_by_handle(&routes, known[i].index, known[i].generation + 100000);
        if (!right) {
            ck_abort_msg("peer %zu", i);
        }
    }
}

static void compare_walk(void)
{
    uint32_t count = 0;

    for (struct route *route = routes_next(&routes, NULL); route; route = routes_next(&routes, route)) {
        const size_t i = route->key.bytes[0] | (size_t)route->key.bytes[31] << 8;
        ck_assert(i < PEERS && known[i].route == route);
        count++;
    }
    ck_assert_uint_eq(count, known_count);
    ck_assert_uint_eq(routes.count, known_count);
}

static void compare(void)
{
    routes_check(&routes, env);
    compare_ids();
    compare_peers();
    compare_walk();
}

/* --- Tests --- */

START_TEST(empty)
{
    compare();
    ck_assert_uint_eq(routes_lowest_free_id(&routes), 16);
    ck_assert_ptr_null(routes_by_handle(&routes, 0, 0));
    ck_assert_ptr_null(routes_by_handle(&routes, UINT32_MAX, UINT32_MAX));
}
END_TEST

START_TEST(model)
{
    for (uint32_t step = 0; step < STEPS; step++) {
        /* Times of growth and of decline, so that it is empty and full now and then. */
        const bool growing = step / 2000 % 2 == 0;
        const size_t i = net_env_random(&test_env) % PEERS;
        const uint64_t dice = net_env_random(&test_env) % 8;
        if (!known[i].route) {
            if (growing || dice == 0) {
                add(i);
            }
        } else if (dice < (growing ? 1 : 4)) {
            drop(i);
        } else if (dice == 7) {
            renew(i);
        } else {
            change_id(i);
        }
        if (step % 16 == 0) {
            compare();
        }
    }
}
END_TEST

/* "takes the lowest free id"; "at most 240". */
START_TEST(full)
{
    for (size_t i = 0; i < 240; i++) {
        add(i);
        routes_set_id(&routes, known[i].route, routes_lowest_free_id(&routes));
        known[i].id = known[i].route->id;
        ck_assert_uint_eq(known[i].id, 16 + i);
    }
    compare();
    ck_assert_uint_eq(routes_lowest_free_id(&routes), ROUTE_NO_ID);
    add(240);
    ck_assert_uint_eq(routes.count, 240);
    drop(100);
    ck_assert_uint_eq(routes_lowest_free_id(&routes), 116);
    drop(3);
    ck_assert_uint_eq(routes_lowest_free_id(&routes), 19);
    add(240);
    routes_set_id(&routes, known[240].route, 19);
    known[240].id = 19;
    ck_assert_uint_eq(routes_lowest_free_id(&routes), 116);
    compare();
}
END_TEST

START_TEST(id_changes_hands)
{
    add(0);
    add(1);
    routes_set_id(&routes, known[0].route, 255);
    known[0].id = 255;
    compare();
    routes_set_id(&routes, known[0].route, ROUTE_NO_ID);
    known[0].id = ROUTE_NO_ID;
    compare();
    routes_set_id(&routes, known[1].route, 255);
    known[1].id = 255;
    compare();
    drop(1);
    compare();
}
END_TEST

/* A refused allocation leaves all as it was, whichever it is. */
START_TEST(no_memory)
{
    uint32_t refused = 0;

    for (size_t i = 0; i < 240; i++) {
        const struct toxtcp_public_key key = key_of(i);
        for (uint64_t nth = 1;; nth++) {
            bool is_full = true;
            net_env_fail(&test_env, nth, true);
            struct route *route = routes_add(&routes, env, &key, ROUTE_WAITING, &is_full);
            net_env_fail(&test_env, 0, false);
            if (route) {
                known[i] = (struct known){route, ROUTE_NO_ID, route->index, route->generation};
                known_count++;
                break;
            }
            ck_assert(!is_full);
            refused++;
            compare_peers();
            routes_check(&routes, env);
        }
    }
    compare();
    ck_assert_uint_gt(refused, 240);
}
END_TEST

START_TEST(memory_grows_with_use)
{
    const size_t before = test_env.alloc_bytes;

    add(0);
    ck_assert_uint_lt(test_env.alloc_bytes - before, 1024);
    routes_free(&routes, env);
    known[0].route = NULL;
    known_count = 0;
    ck_assert_uint_eq(test_env.alloc_bytes, before);
    compare();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routes");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, empty);
    tcase_add_test(tests, model);
    tcase_add_test(tests, full);
    tcase_add_test(tests, id_changes_hands);
    tcase_add_test(tests, no_memory);
    tcase_add_test(tests, memory_grows_with_use);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
