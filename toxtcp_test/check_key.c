/* Keys: made, read, written, compared, wiped. SPDX-License-Identifier: ISC */
#include <check.h>
#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/key.h>

#include "support/net_env.h"
#include "vectors/vectors.h"

static struct net_env env;

static void set_up(void)
{
    net_env_init(&env, 1);
}

static void tear_down(void)
{
    net_env_finish(&env);
}

START_TEST(generated_pairs_belong_together)
{
    struct toxtcp_key_pair pair;
    struct toxtcp_key_pair other;
    uint8_t computed[32];

    toxtcp_key_pair_generate(env.env, &pair);
    toxtcp_key_pair_generate(env.env, &other);
    ck_assert_int_eq(crypto_scalarmult_base(computed, pair.secret_key.bytes), 0);
    ck_assert_mem_eq(computed, pair.public_key.bytes, 32);
    ck_assert_mem_ne(pair.secret_key.bytes, other.secret_key.bytes, 32);
    ck_assert(!toxtcp_public_key_equal(&pair.public_key, &other.public_key));
}
END_TEST

static void make_file(uint8_t file[TOXTCP_KEYS_FILE_SIZE])
{
    memcpy(file, vector_conversations[0].relay_public, 32);
    memcpy(file + 32, vector_conversations[0].relay_secret, 32);
}

/* Section 9: "64 raw bytes: 32 public key, 32 secret key". */
START_TEST(keys_file)
{
    struct toxtcp_key_pair pair;
    uint8_t file[TOXTCP_KEYS_FILE_SIZE];
    uint8_t written[TOXTCP_KEYS_FILE_SIZE];

    make_file(file);
    ck_assert_int_eq(toxtcp_key_pair_decode(file, sizeof file, &pair), TOXTCP_OK);
    ck_assert_mem_eq(pair.public_key.bytes, vector_conversations[0].relay_public, 32);
    ck_assert_mem_eq(pair.secret_key.bytes, vector_conversations[0].relay_secret, 32);
    toxtcp_key_pair_encode(&pair, written);
    ck_assert_mem_eq(written, file, sizeof file);
}
END_TEST

START_TEST(keys_file_refused)
{
    struct toxtcp_key_pair pair;
    struct toxtcp_key_pair before;
    uint8_t file[TOXTCP_KEYS_FILE_SIZE + 1] = {0};

    make_file(file);
    memset(&pair, 0x5a, sizeof pair);
    before = pair;
    for (size_t len = 0; len <= sizeof file; len++) {
        if (len != TOXTCP_KEYS_FILE_SIZE) {
            ck_assert_int_eq(toxtcp_key_pair_decode(file, len, &pair), TOXTCP_ERR_INVALID);
        }
    }
    for (size_t bit = 0; bit < 32 * 8; bit++) {
        file[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_int_eq(toxtcp_key_pair_decode(file, TOXTCP_KEYS_FILE_SIZE, &pair), TOXTCP_ERR_INVALID);
        file[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    file[40] ^= 1;
    ck_assert_int_eq(toxtcp_key_pair_decode(file, TOXTCP_KEYS_FILE_SIZE, &pair), TOXTCP_ERR_INVALID);
    ck_assert_mem_eq(&pair, &before, sizeof pair);
}
END_TEST

START_TEST(wiped)
{
    static const struct toxtcp_key_pair zeros;
    struct toxtcp_key_pair pair;

    toxtcp_key_pair_generate(env.env, &pair);
    toxtcp_key_pair_wipe(&pair);
    ck_assert_mem_eq(&pair, &zeros, sizeof pair);
}
END_TEST

START_TEST(equal)
{
    struct toxtcp_public_key a = {{1, 2, 3}};
    struct toxtcp_public_key b = a;

    ck_assert(toxtcp_public_key_equal(&a, &b));
    for (size_t bit = 0; bit < 256; bit++) {
        b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert(!toxtcp_public_key_equal(&a, &b));
        b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

static const char text[] = "000102030405060708090A0B0C0D0E0FF0E1D2C3B4A5968778695A4B3C2D1E0F";

START_TEST(text_both_ways)
{
    struct toxtcp_public_key key;
    char written[TOXTCP_KEY_TEXT_SIZE];
    char lower[TOXTCP_KEY_TEXT_SIZE];

    for (size_t i = 0; i < sizeof text; i++) {
        lower[i] = (char)tolower(text[i]);
    }
    ck_assert_int_eq(toxtcp_public_key_parse(text, 64, &key), TOXTCP_OK);
    ck_assert_uint_eq(key.bytes[0], 0);
    ck_assert_uint_eq(key.bytes[15], 0x0f);
    ck_assert_uint_eq(key.bytes[16], 0xf0);
    ck_assert_uint_eq(key.bytes[31], 0x0f);
    memset(&key, 0, sizeof key);
    ck_assert_int_eq(toxtcp_public_key_parse(lower, 64, &key), TOXTCP_OK);
    memset(written, 'x', sizeof written);
    toxtcp_public_key_format(&key, written);
    ck_assert_str_eq(written, text);
}
END_TEST

/* Every length but 64, and at every place every character that is no digit. */
START_TEST(text_refused)
{
    struct toxtcp_public_key key = {{7}};
    const struct toxtcp_public_key before = key;
    char bad[70];

    memset(bad, '0', sizeof bad);
    for (size_t len = 0; len <= sizeof bad; len++) {
        if (len != 64) {
            ck_assert_int_eq(toxtcp_public_key_parse(bad, len, &key), TOXTCP_ERR_INVALID);
        }
    }
    for (size_t place = 0; place < 64; place++) {
        for (int c = 0; c < 256; c++) {
            if (!(c < 128 && isxdigit(c))) {
                memcpy(bad, text, 64);
                bad[place] = (char)c;
                ck_assert_int_eq(toxtcp_public_key_parse(bad, 64, &key), TOXTCP_ERR_INVALID);
            }
        }
    }
    ck_assert_mem_eq(&key, &before, sizeof key);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, generated_pairs_belong_together);
    tcase_add_test(tests, keys_file);
    tcase_add_test(tests, keys_file_refused);
    tcase_add_test(tests, wiped);
    tcase_add_test(tests, equal);
    tcase_add_test(tests, text_both_ways);
    tcase_add_test(tests, text_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
