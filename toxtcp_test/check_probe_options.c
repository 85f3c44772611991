/* Tests of the command line of toxtcp-probe. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../apps/probe/options.h"
#include "../apps/probe/round.h"
#include "support/command_line.h"

#define KEY "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "100102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"
#define RELAY "127.0.0.1:33445:" KEY

static struct probe_options options;
static struct problem problem;

static int read_options(const char *const *arguments)
{
    static struct command_line line;

    command_line_set(&line, "toxtcp-probe", arguments);
    options_free(&options);
    return options_read(line.count, line.arguments, &options, &problem);
}

START_TEST(defaults)
{
    TAKEN(RELAY);
    ck_assert_uint_eq(options.relays.count, 1);
    ck_assert_uint_eq(options.relays.entries[0].address.port, 33445);
    ck_assert_double_eq(options.timeout_s, 5);
    ck_assert_uint_eq(options.parallel, 32);
    ck_assert(!options.watch && !options.quiet);
    ck_assert_ptr_null(options.json_path);
    options_free(&options);
}
END_TEST

START_TEST(everything)
{
    TAKEN("--timeout", "0.5", "--parallel", "256", "--watch", "--json", "-", "--quiet", RELAY,
          "relay.example.org:443:" OTHER_KEY);
    ck_assert_uint_eq(options.relays.count, 2);
    ck_assert_str_eq(options.relays.entries[1].host, "relay.example.org");
    ck_assert_double_eq(options.timeout_s, 0.5);
    ck_assert_uint_eq(options.parallel, PARALLEL_MAX);
    ck_assert(options.watch && options.quiet);
    ck_assert_double_eq(options.every_s, 60);
    ck_assert_str_eq(options.json_path, "-");
    TAKEN("--watch=2.5", RELAY);
    ck_assert_double_eq(options.every_s, 2.5);
    TAKEN("--help");
    ck_assert(options.help);
    TAKEN("--version");
    ck_assert(options.version);
    options_free(&options);
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/check_probe_options.XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, "# ours\n%s\n[2001:db8::1]:443:%s # the other\n", RELAY, OTHER_KEY), 0);
    ck_assert_int_eq(fclose(file), 0);
    TAKEN("--relays", path);
    ck_assert_uint_eq(options.relays.count, 2);
    /* The same relay in both places is one. */
    TAKEN("--relays", path, RELAY);
    ck_assert_uint_eq(options.relays.count, 2);
    ck_assert_int_eq(unlink(path), 0);
    REFUSED("cannot be opened", "--relays", path);
    options_free(&options);
}
END_TEST

/* One relay can be looked at by all the ways that lead to it. */
START_TEST(ways_to_one_relay)
{
    TAKEN(RELAY, "127.0.0.1:443:" KEY, "[::1]:33445:" KEY, "localhost:33445:" KEY, "127.0.0.1:443:" KEY);
    ck_assert_uint_eq(options.relays.count, 4);
    options_free(&options);
}
END_TEST

/* Whatever else is wrong. */
START_TEST(help)
{
    TAKEN("--timeout", "0", "--nonsense", "--relays", "/nonexistent/relays", "nonsense", "--help");
    ck_assert(options.help && !options.version);
    TAKEN("-V", "--watch=never");
    ck_assert(!options.help && options.version);
    TAKEN("-h");
    ck_assert(options.help);
    options_free(&options);
}
END_TEST

START_TEST(what_is_wrong)
{
    REFUSED("no relay is named", "--quiet");
    REFUSED("is no relay", "nonsense");
    REFUSED("the key has 3 characters", "127.0.0.1:33445:abc");
    REFUSED("for the seconds of --watch write --watch=30", "--watch", "30", RELAY);
    REFUSED("30\" is no relay", "30", RELAY);
    REFUSED("--timeout 0x3", "--timeout", "0x3", RELAY);
    REFUSED("--timeout 1e1", "--timeout", "1e1", RELAY);
    REFUSED("--timeout .:", "--timeout", ".", RELAY);
    REFUSED("--timeout -1", "--timeout", "-1", RELAY);
    REFUSED("--timeout 0: it is a number of seconds, 0.1 to 60", "--timeout", "0", RELAY);
    REFUSED("--timeout 61", "--timeout", "61", RELAY);
    REFUSED("--timeout nan", "--timeout", "nan", RELAY);
    REFUSED("--timeout 1s", "--timeout", "1s", RELAY);
    REFUSED("--watch 0.5", "--watch=0.5", RELAY);
    REFUSED("--watch :", "--watch=", RELAY);
    REFUSED("--parallel 0: it is a whole number of 1 to 256", "--parallel", "0", RELAY);
    REFUSED("--parallel 257", "--parallel", "257", RELAY);
    REFUSED("--nonsense: there is no such option; see toxtcp-probe --help", "--nonsense", RELAY);
    REFUSED("-x: there is no such option; see toxtcp-probe --help", "-x", RELAY);
    REFUSED("--json: it needs a value; see toxtcp-probe --help", "--json");
    REFUSED("--quiet: it takes no value; see toxtcp-probe --help", "--quiet=1", RELAY);
    /* The first thing that is wrong is told. */
    REFUSED("--timeout 0", "--timeout", "0", "--parallel", "0", "nonsense");
    options_free(&options);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe_options");
    TCase *tcase = tcase_create("all");

    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, everything);
    tcase_add_test(tcase, files);
    tcase_add_test(tcase, ways_to_one_relay);
    tcase_add_test(tcase, help);
    tcase_add_test(tcase, what_is_wrong);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
