/* Tests of apps/common/proxy_text. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../apps/common/proxy_text.h"

static struct proxy_text text;
static struct problem problem;

static const struct toxtcp_proxy *parsed(const char *written)
{
    ck_assert_msg(proxy_text_parse(written, &text, &problem) == 0, "%s: %s", written, problem.text);
    return &text.proxy;
}

static void refused(const char *written, const char *why)
{
    ck_assert_msg(proxy_text_parse(written, &text, &problem) == -1, "accepted: %s", written);
    ck_assert_msg(strstr(problem.text, why) != NULL, "%s: said \"%s\", not \"%s\"", written, problem.text, why);
    ck_assert_msg(strstr(problem.text, "hunter2") == NULL, "%s: the password shows in \"%s\"", written, problem.text);
}

START_TEST(plain)
{
    const struct toxtcp_proxy *proxy = parsed("socks5://127.0.0.1:1080");
    struct toxtcp_address expected;

    ck_assert_int_eq(proxy->kind, TOXTCP_PROXY_SOCKS5);
    ck_assert_ptr_null(proxy->user);
    ck_assert_ptr_null(proxy->password);
    ck_assert_ptr_null(proxy->endpoint.host);
    ck_assert_int_eq(toxtcp_address_parse("127.0.0.1:1080", 14, &expected), 0);
    ck_assert(toxtcp_address_equal(&proxy->endpoint.address, &expected));

    proxy = parsed("http://proxy.example:8080/");
    ck_assert_int_eq(proxy->kind, TOXTCP_PROXY_HTTP);
    ck_assert_str_eq(proxy->endpoint.host, "proxy.example");
    ck_assert_uint_eq(proxy->endpoint.address.port, 8080);

    ck_assert_int_eq(parsed("HTTP://[::1]:9050")->kind, TOXTCP_PROXY_HTTP);
    proxy = parsed("Socks5h://[::1]:9050");
    ck_assert_int_eq(proxy->kind, TOXTCP_PROXY_SOCKS5);
    ck_assert_int_eq(proxy->endpoint.address.family, TOXTCP_FAMILY_IPV6);
}
END_TEST

START_TEST(login)
{
    const struct toxtcp_proxy *proxy = parsed("socks5://me:hunter2@proxy:1");

    ck_assert_str_eq(proxy->user, "me");
    ck_assert_str_eq(proxy->password, "hunter2");
    proxy = parsed("http://me@proxy:1");
    ck_assert_str_eq(proxy->user, "me");
    ck_assert_ptr_null(proxy->password);
    proxy = parsed("http://me:@proxy:1");
    ck_assert_str_eq(proxy->password, "");
    proxy = parsed("socks5://%40%3a%2F%c3%A9:%25:x@proxy:1");
    ck_assert_str_eq(proxy->user, "@:/\303\251");
    ck_assert_str_eq(proxy->password, "%:x");
}
END_TEST

/* At 255 bytes, after decoding, and one more. */
START_TEST(lengths)
{
    char longest[256];
    char written[1200];

    memset(longest, 'a', 255);
    longest[255] = '\0';
    (void)snprintf(written, sizeof written, "socks5://%s:%s@proxy:1", longest, longest);
    ck_assert_str_eq(parsed(written)->user, longest);
    ck_assert_str_eq(parsed(written)->password, longest);
    (void)snprintf(written, sizeof written, "socks5://%sa@proxy:1", longest);
    refused(written, "user is longer than 255");
    (void)snprintf(written, sizeof written, "socks5://a:%s%%61@proxy:1", longest);
    refused(written, "password is longer than 255");
}
END_TEST

static const char *const cases[][2] = {
    {"", "kind of proxy"},
    {"socks4://a:1", "kind of proxy"},
    {"https://a:1", "kind of proxy"},
    {"me:hunter2@proxy:1", "kind of proxy"},
    {"127.0.0.1:1080", "kind of proxy"},
    {"socks5:/a:1", "kind of proxy"},
    {"socks5://", "does not end with a HOST:PORT"},
    {"socks5://proxy", "does not end with a HOST:PORT"},
    {"socks5://proxy:0", "does not end with a HOST:PORT"},
    {"socks5://proxy:65536", "does not end with a HOST:PORT"},
    {"socks5://proxy:1/path", "does not end with a HOST:PORT"},
    {"socks5://me:hunter2@", "does not end with a HOST:PORT"},
    {"socks5://me:hunter2@proxy", "does not end with a HOST:PORT"},
    {"socks5://::1:1", "does not end with a HOST:PORT"},
    {"socks5://1.2.3:1", "does not end with a HOST:PORT"},
    {"socks5://a b:1", "does not end with a HOST:PORT"},
    /* An @ is missing, or one is too many: the password stands where the host should. */
    {"socks5://me:hunter2", ": @ / % in user and password as %3a %40 %2f %25"},
    {"socks5://me:hunter2%40proxy:1080", "does not end with a HOST:PORT"},
    {"http://[hunter2]:1", "does not end with a HOST:PORT"},
    {"http://me:un@hunter2", "does not end with a HOST:PORT"},
    {"http://me:un@hunter2:x@", "does not end with a HOST:PORT"},
    {"http://me:un@hunter2:1:1", "does not end with a HOST:PORT"},
    {"socks5://@proxy:1", "no user"},
    {"socks5://:hunter2@proxy:1", "no user"},
    {"socks5://m%@proxy:1", "two hexadecimal digits"},
    {"socks5://m%4@proxy:1", "two hexadecimal digits"},
    {"socks5://m%4g@proxy:1", "two hexadecimal digits"},
    {"socks5://m%00@proxy:1", "two hexadecimal digits"},
    {"socks5://m:hunter2%zz@proxy:1", "two hexadecimal digits"},
    {"http://m%3am:hunter2@proxy:1", "no colon"},
    {"http://m%0a:hunter2@proxy:1", "control characters"},
    {"http://m:hunter2%0d@proxy:1", "control characters"},
};
enum { REFUSALS = sizeof cases / sizeof *cases };

START_TEST(refusals)
{
    refused(cases[_i][0], cases[_i][1]);
}
END_TEST

START_TEST(password_from_elsewhere)
{
    (void)parsed("http://me@proxy:1");
    ck_assert_int_eq(proxy_text_set_password(&text, "hunter2", &problem), 0);
    ck_assert_str_eq(text.proxy.password, "hunter2");
    ck_assert_int_eq(proxy_text_set_password(&text, "hunter2", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "given twice"));
    (void)parsed("http://proxy:1");
    ck_assert_int_eq(proxy_text_set_password(&text, "hunter2", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "needs a user"));
    (void)parsed("http://me@proxy:1");
    ck_assert_int_eq(proxy_text_set_password(&text, "hun\nter2", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "control characters"));
}
END_TEST

static int read_from(const char *content, size_t len)
{
    char path[] = "/tmp/check_proxy_text.XXXXXX";
    const int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    ck_assert_int_eq(close(fd), 0);
    (void)parsed("socks5://me@proxy:1");
    const int result = proxy_text_read_password(&text, path, &problem);
    ck_assert_int_eq(unlink(path), 0);
    return result;
}

START_TEST(password_from_a_file)
{
    char longest[300];

    ck_assert_int_eq(read_from("hunter2", 7), 0);
    ck_assert_str_eq(text.proxy.password, "hunter2");
    ck_assert_int_eq(read_from("hun ter2\r\nmore\n", 15), 0);
    ck_assert_str_eq(text.proxy.password, "hun ter2");
    ck_assert_int_eq(read_from("", 0), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "no password in its first line"));
    ck_assert_ptr_null(text.proxy.password);
    ck_assert_int_eq(read_from("\r\nhunter2\n", 10), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "no password in its first line"));
    memset(longest, 'a', sizeof longest);
    longest[255] = '\n';
    ck_assert_int_eq(read_from(longest, 256), 0);
    ck_assert_uint_eq(strlen(text.proxy.password), 255);
    longest[255] = 'a';
    longest[256] = '\n';
    ck_assert_int_eq(read_from(longest, 257), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "longer than 255"));
    (void)parsed("socks5://me@proxy:1");
    ck_assert_int_eq(proxy_text_read_password(&text, "/nowhere/at/all", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "/nowhere/at/all: cannot be opened"));
    ck_assert_int_eq(proxy_text_read_password(&text, "/", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "/: cannot be"));
}
END_TEST

START_TEST(wiped)
{
    static const struct proxy_text nothing;

    (void)parsed("socks5://me:hunter2@proxy:1");
    proxy_text_wipe(&text);
    ck_assert_mem_eq(&text, &nothing, sizeof text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proxy_text");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, plain);
    tcase_add_test(tests, login);
    tcase_add_test(tests, lengths);
    tcase_add_loop_test(tests, refusals, 0, REFUSALS);
    tcase_add_test(tests, password_from_elsewhere);
    tcase_add_test(tests, password_from_a_file);
    tcase_add_test(tests, wiped);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
