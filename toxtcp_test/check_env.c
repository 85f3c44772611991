/* Allocation, randomness, log, and the store of blocks. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "support/net_env.h"

static struct net_env test_env;
static struct toxtcp_env *env;

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env = test_env.env;
}

static void tear_down(void)
{
    net_env_finish(&test_env);
}

/* Memory of net_env comes full of rubbish. */
static bool all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

START_TEST(alloc_gives_zeros)
{
    uint8_t *memory = env_alloc(env, 1000);

    ck_assert_ptr_nonnull(memory);
    ck_assert(all_zero(memory, 1000));
    env_release(env, memory, 1000);
    env_release(env, NULL, 1000);
    net_env_fail(&test_env, 1, false);
    ck_assert_ptr_null(env_alloc(env, 1000));
}
END_TEST

START_TEST(grow_keeps_what_was)
{
    uint8_t *memory = env_grow(env, NULL, 0, 8);

    ck_assert_ptr_nonnull(memory);
    ck_assert(all_zero(memory, 8));
    memcpy(memory, "12345678", 8);
    net_env_fail(&test_env, 1, false);
    ck_assert_ptr_null(env_grow(env, memory, 8, 64));
    ck_assert_mem_eq(memory, "12345678", 8);
    net_env_fail(&test_env, 0, false);
    memory = env_grow(env, memory, 8, 64);
    ck_assert_ptr_nonnull(memory);
    ck_assert_mem_eq(memory, "12345678", 8);
    ck_assert(all_zero(memory + 8, 56));
    env_release(env, memory, 64);
}
END_TEST

/* Sizes are powers of two, large enough and not needlessly large; what was given is taken again without the hook. */
START_TEST(block_sizes)
{
    for (size_t want = 1; want <= 1 << 20; want = want < 600 ? want + 1 : want * 2 + 1) {
        size_t size = want;
        uint8_t *block = env_block_take(env, &size);
        ck_assert_ptr_nonnull(block);
        ck_assert_uint_ge(size, want);
        ck_assert_uint_eq(size & (size - 1), 0);
        ck_assert(size < 2 * want || size == 256);
        memset(block, 1, size);
        env_block_give(env, block, size);
        const uint64_t count = test_env.alloc_count;
        size_t again = want;
        ck_assert_ptr_eq(env_block_take(env, &again), block);
        ck_assert_uint_eq(again, size);
        ck_assert_uint_eq(test_env.alloc_count, count);
        env_block_give(env, block, size);
        toxtcp_env_trim(env);
    }
}
END_TEST

START_TEST(blocks_fail)
{
    size_t size = (256 << 20) + 1;

    ck_assert_ptr_null(env_block_take(env, &size));
    size = SIZE_MAX;
    ck_assert_ptr_null(env_block_take(env, &size));
    size = 300;
    net_env_fail(&test_env, 1, false);
    ck_assert_ptr_null(env_block_take(env, &size));
}
END_TEST

/* The store is bounded, and trim gives all of it back. */
START_TEST(store_is_bounded)
{
    enum { BLOCKS = 4096 };
    static uint8_t *blocks[BLOCKS];
    const size_t before = test_env.alloc_bytes;
    size_t size = 1024;

    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = env_block_take(env, &size);
        ck_assert_ptr_nonnull(blocks[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        env_block_give(env, blocks[i], size);
    }
    ck_assert_uint_gt(test_env.alloc_bytes, before);
    ck_assert_uint_le(test_env.alloc_bytes - before, 1 << 20);
    toxtcp_env_trim(env);
    ck_assert_uint_eq(test_env.alloc_bytes, before);
    toxtcp_env_trim(env);
}
END_TEST

/* Random takes and gives against a list of what is out: no block is out twice, all keep their bytes. */
START_TEST(blocks_model)
{
    enum { OUT_MAX = 64, STEPS = 20000 };
    struct {
        uint8_t *block;
        size_t size;
        uint8_t mark;
    } out[OUT_MAX] = {{0}};

    for (uint32_t step = 0; step < STEPS; step++) {
        const size_t i = net_env_random(&test_env) % OUT_MAX;
        if (out[i].block) {
            uint8_t marks[4096];
            memset(marks, out[i].mark, sizeof marks);
            ck_assert_mem_eq(out[i].block, marks, out[i].size);
            env_block_give(env, out[i].block, out[i].size);
            out[i].block = NULL;
        } else {
            out[i].size = 1 + net_env_random(&test_env) % 3000;
            out[i].block = env_block_take(env, &out[i].size);
            ck_assert_ptr_nonnull(out[i].block);
            out[i].mark = (uint8_t)step;
            memset(out[i].block, out[i].mark, out[i].size);
        }
    }
    for (size_t i = 0; i < OUT_MAX; i++) {
        if (out[i].block) {
            env_block_give(env, out[i].block, out[i].size);
        }
    }
}
END_TEST

START_TEST(random_numbers)
{
    uint32_t seen[7] = {0};
    uint8_t bytes[16] = {0};

    ck_assert_uint_ne(env_random_u64(env), env_random_u64(env));
    for (uint32_t i = 0; i < 7000; i++) {
        const uint32_t number = env_random_below(env, 7);
        ck_assert_uint_lt(number, 7);
        seen[number]++;
    }
    for (size_t i = 0; i < 7; i++) {
        ck_assert_uint_gt(seen[i], 800);
        ck_assert_uint_lt(seen[i], 1200);
    }
    ck_assert_uint_eq(env_random_below(env, 1), 0);
    env_random(env, bytes + 1, 13);
    ck_assert_uint_eq(bytes[0], 0);
    ck_assert_uint_eq(bytes[14], 0);
    ck_assert(!all_zero(bytes + 1, 13));
}
END_TEST

/* The same in one env, another in another: who chooses keys can't choose collisions. */
START_TEST(hash_is_keyed)
{
    struct net_env other;
    uint8_t key[32] = {1};
    const uint32_t hash = env_hash_key(env, key);

    net_env_init(&other, 2);
    ck_assert_uint_eq(env_hash_key(env, key), hash);
    ck_assert_uint_ne(env_hash_key(other.env, key), hash);
    key[31] ^= 0x80;
    ck_assert_uint_ne(env_hash_key(env, key), hash);
    net_env_finish(&other);
}
END_TEST

static char logged[1024];

static void log_line(void *user, const char *line)
{
    ck_assert_ptr_eq(user, logged);
    ck_assert_uint_lt(strlen(line), sizeof logged);
    (void)snprintf(logged, sizeof logged, "%s", line);
}

START_TEST(log_lines)
{
    const struct toxtcp_hooks hooks = {.user = logged, .log = log_line};
    struct toxtcp_env *logging;
    char longer[5000];

    ck_assert_int_eq(toxtcp_env_new(&hooks, &logging), TOXTCP_OK);
    env_log(logging, "%d %s", 7, "seven");
    ck_assert_str_eq(logged, "7 seven");
    memset(longer, 'y', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    env_log(logging, "%s", longer);
    ck_assert_uint_gt(strlen(logged), 100);
    ck_assert_int_eq(memcmp(logged, longer, strlen(logged)), 0);
    env_log(env, "%s", "nobody listens");
    toxtcp_env_free(logging);
}
END_TEST

/* No hooks at all: malloc, free and libsodium's randomness. */
START_TEST(defaults)
{
    const struct toxtcp_hooks none = {0};
    const struct toxtcp_hooks *given[] = {NULL, &none};

    for (size_t i = 0; i < 2; i++) {
        struct toxtcp_env *plain;
        size_t size = 100;
        ck_assert_int_eq(toxtcp_env_new(given[i], &plain), TOXTCP_OK);
        uint8_t *memory = env_alloc(plain, 10);
        void *block = env_block_take(plain, &size);
        ck_assert_ptr_nonnull(memory);
        ck_assert_ptr_nonnull(block);
        ck_assert(all_zero(memory, 10));
        ck_assert_uint_ne(env_random_u64(plain), env_random_u64(plain));
        env_release(plain, memory, 10);
        env_block_give(plain, block, size);
        toxtcp_env_free(plain);
    }
    toxtcp_env_free(NULL);
}
END_TEST

static void *no_memory(void *user, size_t size)
{
    (void)user;
    (void)size;
    return NULL;
}

static void release(void *user, void *memory, size_t size)
{
    (void)user;
    (void)memory;
    (void)size;
    ck_abort_msg("nothing was allocated");
}

START_TEST(new_fails)
{
    struct toxtcp_env *none;

    ck_assert_int_eq(toxtcp_env_new(&(struct toxtcp_hooks){.alloc = no_memory, .release = release}, &none),
                     TOXTCP_ERR_NO_MEMORY);
    /* Half an allocator would mix two heaps. */
    ck_assert_int_eq(toxtcp_env_new(&(struct toxtcp_hooks){.alloc = no_memory}, &none), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_env_new(&(struct toxtcp_hooks){.release = release}, &none), TOXTCP_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("env");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, alloc_gives_zeros);
    tcase_add_test(tests, grow_keeps_what_was);
    tcase_add_test(tests, block_sizes);
    tcase_add_test(tests, blocks_fail);
    tcase_add_test(tests, store_is_bounded);
    tcase_add_test(tests, blocks_model);
    tcase_add_test(tests, random_numbers);
    tcase_add_test(tests, hash_is_keyed);
    tcase_add_test(tests, log_lines);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, new_fails);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
