/* Tests of apps/common/relay_list and address_text. SPDX-License-Identifier: ISC */
#include <check.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <toxtcp/error.h>

#include "../apps/common/address_text.h"
#include "../apps/common/relay_list.h"

#define KEY_A "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"
#define KEY_B "f00102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"

static struct relay_entry parse(const char *text)
{
    struct relay_entry entry;
    struct problem problem = {""};

    ck_assert_msg(relay_entry_parse(text, strlen(text), &entry, &problem) == 0, "%s: %s", text, problem.text);
    return entry;
}

/* The text is refused, for a reason that contains `why`, and nothing is written. */
static void refused(const char *text, const char *why)
{
    struct relay_entry entry = {.host = "untouched"};
    struct problem problem = {""};

    ck_assert_msg(relay_entry_parse(text, strlen(text), &entry, &problem) == -1, "accepted: %s", text);
    ck_assert_msg(strstr(problem.text, why) != NULL, "%s: said \"%s\", not \"%s\"", text, problem.text, why);
    ck_assert_str_eq(entry.host, "untouched");
}

static void shown_as(const char *text, const char *shown)
{
    struct relay_entry entry = parse(text);
    struct toxtcp_endpoint endpoint = relay_entry_endpoint(&entry);
    char form[ENDPOINT_TEXT_SIZE];

    endpoint_text_format(&endpoint, form);
    ck_assert_str_eq(form, shown);
}

START_TEST(entry_ipv4)
{
    struct relay_entry entry = parse("192.0.2.1:443:" KEY_A);

    ck_assert_str_eq(entry.host, "");
    ck_assert_int_eq(entry.address.family, TOXTCP_FAMILY_IPV4);
    ck_assert_int_eq(entry.address.ip[0], 192);
    ck_assert_int_eq(entry.address.ip[3], 1);
    ck_assert_int_eq(entry.address.port, 443);
    ck_assert_int_eq(entry.public_key.bytes[0], 0);
    ck_assert_int_eq(entry.public_key.bytes[31], 0x1f);
    ck_assert_ptr_null(relay_entry_endpoint(&entry).host);
    shown_as("192.0.2.1:443:" KEY_A, "192.0.2.1:443");
}
END_TEST

START_TEST(entry_ipv6)
{
    struct relay_entry entry = parse("[2001:db8::1]:65535:" KEY_A);

    ck_assert_str_eq(entry.host, "");
    ck_assert_int_eq(entry.address.family, TOXTCP_FAMILY_IPV6);
    ck_assert_int_eq(entry.address.ip[15], 1);
    ck_assert_int_eq(entry.address.port, 65535);
    shown_as("[::1]:1:" KEY_A, "[::1]:1");
}
END_TEST

START_TEST(entry_scopes)
{
    struct relay_entry numbered = parse("[fe80::1%7]:33445:" KEY_A);
    struct relay_entry named = parse("[fe80::1%lo]:33445:" KEY_A);

    ck_assert_uint_eq(numbered.address.scope_id, 7);
    ck_assert_uint_eq(named.address.scope_id, if_nametoindex("lo"));
    refused("[fe80::1%nosuchif]:33445:" KEY_A, "no IPv6 address");
    refused("[fe80::1%]:33445:" KEY_A, "no IPv6 address");
}
END_TEST

START_TEST(entry_names)
{
    char text[400];
    char host[TOXTCP_HOST_MAX + 2];
    struct relay_entry entry = parse("tox.example-relay.org:3389:" KEY_A);

    ck_assert_str_eq(entry.host, "tox.example-relay.org");
    ck_assert_int_eq(entry.address.family, TOXTCP_FAMILY_NONE);
    ck_assert_int_eq(entry.address.port, 3389);
    shown_as("tox_1.example.org.:3389:" KEY_A, "tox_1.example.org.:3389");

    memset(host, 'a', sizeof host);
    (void)snprintf(text, sizeof text, "%.*s:1:%s", TOXTCP_HOST_MAX, host, KEY_A);
    ck_assert_uint_eq(strlen(parse(text).host), TOXTCP_HOST_MAX);
    (void)snprintf(text, sizeof text, "%.*s:1:%s", TOXTCP_HOST_MAX + 1, host, KEY_A);
    refused(text, "neither an address nor a host name");
}
END_TEST

START_TEST(entry_refused)
{
    refused("", "is no relay");
    refused("localhost", "is no relay");
    refused("localhost:33445", "is no relay");
    refused("localhost:33445:abcd", "has 4 characters, not 64");
    refused("localhost:33445:" KEY_A "00", "has 66 characters, not 64");
    refused("localhost:33445:g00102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f", "hexadecimal");
    refused("localhost:0:" KEY_A, "no port");
    refused("localhost:65536:" KEY_A, "no port");
    refused("localhost:-1:" KEY_A, "no port");
    refused("localhost:4294967297:" KEY_A, "no port");
    refused("localhost:99999999999:" KEY_A, "no port");
    refused("localhost::" KEY_A, "no port");
    refused(":33445:" KEY_A, "neither an address nor a host name");
    refused("a b:33445:" KEY_A, "neither an address nor a host name");
    refused("1.2.3:33445:" KEY_A, "neither an address nor a host name");
    refused("1.2.3.256:33445:" KEY_A, "neither an address nor a host name");
    refused("-a:33445:" KEY_A, "neither an address nor a host name");
    refused("2001:db8::1:33445:" KEY_A, "stands in brackets");
    refused("[2001:db8::g]:33445:" KEY_A, "no IPv6 address in brackets");
    refused("[::1:33445:" KEY_A, "no IPv6 address in brackets");
}
END_TEST

START_TEST(numbers)
{
    uint32_t number = 7;

    ck_assert(number_text_parse("4294967295", 10, 0, UINT32_MAX, &number));
    ck_assert_uint_eq(number, UINT32_MAX);
    ck_assert(number_text_parse("010", 3, 10, 10, &number));
    ck_assert_uint_eq(number, 10);
    ck_assert(!number_text_parse("4294967296", 10, 0, UINT32_MAX, &number));
    ck_assert(!number_text_parse("9", 1, 10, 20, &number));
    ck_assert(!number_text_parse("21", 2, 10, 20, &number));
    ck_assert(!number_text_parse("+5", 2, 0, 20, &number));
    ck_assert(!number_text_parse("5 ", 2, 0, 20, &number));
    ck_assert(!number_text_parse("", 0, 0, 20, &number));
    ck_assert_uint_eq(number, 10);
}
END_TEST

START_TEST(list_adds_each_once)
{
    struct relay_list list = {.count = 0};
    struct problem problem;

    ck_assert_int_eq(relay_list_add(&list, "127.0.0.1:1:" KEY_A, &problem), 0);
    ck_assert_int_eq(relay_list_add(&list, "127.0.0.1:1:" KEY_A, &problem), 0);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(relay_list_add(&list, "127.0.0.1:2:" KEY_A, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "another address"));
    ck_assert_int_eq(relay_list_add(&list, "localhost:1:" KEY_A, &problem), -1);
    ck_assert_int_eq(relay_list_add(&list, "localhost:1:" KEY_B, &problem), 0);
    ck_assert_uint_eq(list.count, 2);
    relay_list_free(&list);
    ck_assert_uint_eq(list.count, 0);
    ck_assert_ptr_null(list.entries);
}
END_TEST

START_TEST(list_has_a_maximum)
{
    struct relay_list list = {.count = 0};
    struct problem problem;
    char text[128];

    for (unsigned i = 0; i <= RELAY_LIST_MAX; i++) {
        (void)snprintf(text, sizeof text, "127.0.0.1:1:%08X%.56s", i, KEY_A);
        ck_assert_int_eq(relay_list_add(&list, text, &problem), i < RELAY_LIST_MAX ? 0 : -1);
    }
    ck_assert_ptr_nonnull(strstr(problem.text, "more than 1024"));
    relay_list_free(&list);
}
END_TEST

/* Reads `content` as a file of relays; `problem` gets the text without the file's name in front. */
static int read_content(const char *content, size_t len, struct relay_list *list, struct problem *problem)
{
    char path[] = "/tmp/check_relay_list.XXXXXX";
    int fd = mkstemp(path);
    int result;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, len), (ssize_t)len);
    ck_assert_int_eq(close(fd), 0);
    result = relay_list_read(list, path, problem);
    ck_assert_int_eq(unlink(path), 0);
    if (result != 0) {
        ck_assert_msg(strncmp(problem->text, path, strlen(path)) == 0, "%s", problem->text);
        memmove(problem->text, problem->text + strlen(path), strlen(problem->text + strlen(path)) + 1);
    }
    return result;
}

static int read_text(const char *content, struct relay_list *list, struct problem *problem)
{
    return read_content(content, strlen(content), list, problem);
}

START_TEST(file_with_all_that_is_allowed)
{
    static const char content[] = "# relays\n\n  \t\r\n"
                                  "127.0.0.1:1:" KEY_A "\r\n"
                                  "\t[::1]:2:" KEY_B " # the other one";
    struct relay_list list = {.count = 0};
    struct problem problem = {""};

    ck_assert_msg(read_text(content, &list, &problem) == 0, "%s", problem.text);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_int_eq(list.entries[0].address.port, 1);
    ck_assert_int_eq(list.entries[1].address.family, TOXTCP_FAMILY_IPV6);
    relay_list_free(&list);
}
END_TEST

START_TEST(file_problems_name_the_line)
{
    struct relay_list list = {.count = 0};
    struct problem problem;

    ck_assert_int_eq(read_text("#\n\nlocalhost:1:" KEY_A "\nlocalhost:x:" KEY_B "\n", &list, &problem), -1);
    ck_assert_msg(strncmp(problem.text, ":4: \"x\" is no port", 18) == 0, "%s", problem.text);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(read_text("localhost:1:" KEY_B " localhost:2:" KEY_B "\n", &list, &problem), -1);
    ck_assert_msg(strncmp(problem.text, ":1: ", 4) == 0, "%s", problem.text);
    ck_assert_int_eq(read_content("a\0b:1:" KEY_B, 6 + 64, &list, &problem), -1);
    relay_list_free(&list);
}
END_TEST

START_TEST(file_that_is_missing_or_empty)
{
    struct relay_list list = {.count = 0};
    struct problem problem;

    ck_assert_int_eq(relay_list_read(&list, "/nonexistent/relays", &problem), -1);
    ck_assert_str_eq(problem.text, "/nonexistent/relays: cannot be opened: No such file or directory");
    ck_assert_int_eq(relay_list_read(&list, "/", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "cannot be"));
    ck_assert_int_eq(read_text("", &list, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "no relay is listed"));
    ck_assert_int_eq(read_text("# nothing\n", &list, &problem), -1);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_list");
    TCase *test_case = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(test_case, entry_ipv4);
    tcase_add_test(test_case, entry_ipv6);
    tcase_add_test(test_case, entry_scopes);
    tcase_add_test(test_case, entry_names);
    tcase_add_test(test_case, entry_refused);
    tcase_add_test(test_case, numbers);
    tcase_add_test(test_case, list_adds_each_once);
    tcase_add_test(test_case, list_has_a_maximum);
    tcase_add_test(test_case, file_with_all_that_is_allowed);
    tcase_add_test(test_case, file_problems_name_the_line);
    tcase_add_test(test_case, file_that_is_missing_or_empty);
    suite_add_tcase(suite, test_case);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
