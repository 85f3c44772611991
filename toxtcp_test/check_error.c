/* Error codes and what they say. SPDX-License-Identifier: ISC */
#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

static const int refusals[] = {
    TOXTCP_ERR_NO_MEMORY, TOXTCP_ERR_WOULD_BLOCK, TOXTCP_ERR_NOT_CONNECTED, TOXTCP_ERR_TOO_LONG,
    TOXTCP_ERR_EMPTY,     TOXTCP_ERR_INVALID,     TOXTCP_ERR_NOT_FOUND,     TOXTCP_ERR_EXISTS,
    TOXTCP_ERR_FULL,      TOXTCP_ERR_LIMIT,       TOXTCP_ERR_UNSUPPORTED,
};

static const int fatal_errors[] = {
    TOXTCP_ERR_REFUSED,        TOXTCP_ERR_UNREACHABLE,     TOXTCP_ERR_TIMED_OUT,         TOXTCP_ERR_CLOSED,
    TOXTCP_ERR_RESET,          TOXTCP_ERR_WRONG_KEY,       TOXTCP_ERR_PROTOCOL,          TOXTCP_ERR_OVERFLOW,
    TOXTCP_ERR_REPLACED,       TOXTCP_ERR_HOST_UNKNOWN,    TOXTCP_ERR_NO_DESCRIPTOR,     TOXTCP_ERR_NETWORK,
    TOXTCP_ERR_EVICTED,        TOXTCP_ERR_SHUT_DOWN,       TOXTCP_ERR_PROXY_UNREACHABLE, TOXTCP_ERR_PROXY_CLOSED,
    TOXTCP_ERR_PROXY_PROTOCOL, TOXTCP_ERR_PROXY_AUTH,      TOXTCP_ERR_PROXY_FORBIDDEN,   TOXTCP_ERR_PROXY_NO_RELAY,
    TOXTCP_ERR_PROXY_FAILED,   TOXTCP_ERR_PROXY_TIMED_OUT,
};

enum {
    REFUSALS = sizeof refusals / sizeof refusals[0],
    FATAL_ERRORS = sizeof fatal_errors / sizeof fatal_errors[0],
    ERRORS = REFUSALS + FATAL_ERRORS
};

static int error_at(int i)
{
    return i < REFUSALS ? refusals[i] : fatal_errors[i - REFUSALS];
}

START_TEST(fatal_or_not)
{
    ck_assert(!toxtcp_is_fatal(TOXTCP_OK));
    ck_assert(!toxtcp_is_fatal(1));
    for (int i = 0; i < ERRORS; i++) {
        ck_assert_int_lt(error_at(i), 0);
        ck_assert_int_eq(toxtcp_is_fatal(error_at(i)), i >= REFUSALS);
    }
}
END_TEST

/* A sentence of its own for each code, without a full stop. */
START_TEST(texts)
{
    const char *unknown = toxtcp_strerror(-99);

    for (int i = 0; i < ERRORS; i++) {
        const char *text = toxtcp_strerror(error_at(i));
        ck_assert_ptr_nonnull(text);
        ck_assert_uint_gt(strlen(text), 0);
        ck_assert_int_ne(text[strlen(text) - 1], '.');
        ck_assert_str_ne(text, unknown);
        for (int k = 0; k < i; k++) {
            ck_assert_int_ne(error_at(k), error_at(i));
            ck_assert_str_ne(toxtcp_strerror(error_at(k)), text);
        }
    }
}
END_TEST

START_TEST(any_int_is_allowed)
{
    static const int odd[] = {INT_MIN, INT_MAX, -12, -99, -122, 1, 100};

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        ck_assert_str_eq(toxtcp_strerror(odd[i]), toxtcp_strerror(-50));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, fatal_or_not);
    tcase_add_test(tests, texts);
    tcase_add_test(tests, any_int_is_allowed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
