/* Tests of the relay's settings: the table, the file, the options, the sample; and of the log's limit.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../apps/relay/log_limit.h"
#include "../apps/relay/options.h"
#include "../apps/relay/settings.h"

static struct settings settings;
static struct problem problem;
static char path[64];

static void set_up(void)
{
    int fd;

    (void)strcpy(path, "/tmp/check_relay_settings.XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    settings_default(&settings);
}

static void tear_down(void)
{
    (void)unlink(path);
}

static int read_text(const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    settings_default(&settings);
    return settings_read_file(&settings, path, &problem);
}

static void taken(const char *text)
{
    ck_assert_msg(read_text(text) == 0, "\"%s\" is refused: %s", text, problem.text);
}

/* Refused, with file, line and all else that the words say. */
static void refused(const char *text, unsigned line, const char *words)
{
    char where[96];

    ck_assert_msg(read_text(text) == -1, "\"%s\" is taken", text);
    (void)snprintf(where, sizeof where, "%s:%u: ", path, line);
    ck_assert_msg(strncmp(problem.text, where, strlen(where)) == 0, "not at %s but %s", where, problem.text);
    ck_assert_msg(strstr(problem.text, words) != NULL, "no \"%s\" in \"%s\"", words, problem.text);
}

static const char *shown(const char *name)
{
    static char text[4096];

    settings_format(&settings, settings_find(name), text, sizeof text);
    return text;
}

static void set(const char *name, const char *text)
{
    ck_assert_msg(settings_set(&settings, settings_find(name), text, &problem) == 0, "%s: %s", name, problem.text);
}

/* --- The table --- */

START_TEST(defaults_are_those_of_the_library)
{
    struct toxtcp_server_config ours;
    struct toxtcp_server_config theirs;

    toxtcp_server_config_default(&theirs);
    settings_server_config(&settings, 1, &ours);
    ck_assert_mem_eq(&ours, &theirs, sizeof ours);
}
END_TEST

START_TEST(numbers_at_their_ends)
{
    char text[32];

    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];

        if (setting->type != SETTING_NUMBER) {
            continue;
        }
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)setting->minimum);
        set(setting->name, text);
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)setting->maximum);
        set(setting->name, text);
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)setting->maximum + 1);
        ck_assert_int_eq(settings_set(&settings, setting, text, &problem), -1);
        (void)snprintf(text, sizeof text, "%lld", (long long)setting->minimum - 1);
        ck_assert_int_eq(settings_set(&settings, setting, text, &problem), -1);
        ck_assert_int_eq(settings_set(&settings, setting, "", &problem), -1);
        ck_assert_int_eq(settings_set(&settings, setting, "1x", &problem), -1);
        ck_assert_int_eq(settings_set(&settings, setting, "99999999999999999999999", &problem), -1);
    }
}
END_TEST

START_TEST(texts_at_their_ends)
{
    const struct setting *motd = settings_find("motd");
    char text[300];

    memset(text, 'x', sizeof text);
    text[sizeof settings.motd - 1] = '\0';
    ck_assert_int_eq(settings_set(&settings, motd, text, &problem), 0);
    ck_assert_uint_eq(strlen(settings.motd), sizeof settings.motd - 1);
    text[sizeof settings.motd - 1] = 'x';
    text[sizeof settings.motd] = '\0';
    ck_assert_int_eq(settings_set(&settings, motd, text, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "at most 255 bytes"));
}
END_TEST

START_TEST(lists_at_their_ends)
{
    char item[40];

    settings_clear(&settings, settings_find("tcp_relay_ports"));
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        (void)snprintf(item, sizeof item, "%u", 1000 + i);
        set("tcp_relay_ports", item);
    }
    set("tcp_relay_ports", "1000"); /* twice is once */
    ck_assert_uint_eq(settings.port_count, PORTS_MAX);
    ck_assert_int_eq(settings_set(&settings, settings_find("tcp_relay_ports"), "999", &problem), -1);
    for (unsigned i = 0; i < LISTEN_MAX; i++) {
        (void)snprintf(item, sizeof item, "127.0.0.1:%u", 1000 + i);
        set("listen", item);
    }
    ck_assert_int_eq(settings_set(&settings, settings_find("listen"), "[::1]:1", &problem), -1);
}
END_TEST

START_TEST(names)
{
    ck_assert_ptr_eq(settings_find("clients-max"), settings_find("clients_max"));
    ck_assert_ptr_null(settings_find("clients"));
    ck_assert_ptr_null(settings_find(""));
    ck_assert_str_eq(settings_nearest("client_max"), "clients_max");
    ck_assert_str_eq(settings_nearest("log-levle"), "log_level");
    ck_assert_str_eq(settings_nearest("tcp_relay_port"), "tcp_relay_ports");
}
END_TEST

START_TEST(shares_are_rounded_up)
{
    struct toxtcp_server_config config;

    set("clients_max", "10");
    set("per_address_max", "0");
    set("accept_rate_max", "1");
    set("input_rate_max", "1000");
    settings_server_config(&settings, 4, &config);
    ck_assert_uint_eq(config.clients_max, 3);
    ck_assert_uint_eq(config.per_source_max, 0);
    ck_assert_uint_eq(config.accept_rate_max, 1);
    ck_assert_uint_eq(config.input_rate_max, 1000);
}
END_TEST

START_TEST(where_to_listen)
{
    struct listen_plan plan;

    settings_listen_plan(&settings, &plan);
    ck_assert_uint_eq(plan.count, 2);
    ck_assert_uint_eq(plan.addresses[0].port, 33445);
    ck_assert_uint_eq(plan.addresses[1].family, TOXTCP_FAMILY_IPV6);
    ck_assert(!plan.needed[0] && !plan.needed[1]);
    set("enable_ipv4_fallback", "false");
    settings_listen_plan(&settings, &plan);
    ck_assert(!plan.needed[0] && plan.needed[1]);
    set("enable_ipv6", "false");
    settings_listen_plan(&settings, &plan);
    ck_assert_uint_eq(plan.count, 1);
    set("listen", "127.0.0.1:7,[::1]:8");
    settings_listen_plan(&settings, &plan);
    ck_assert_uint_eq(plan.count, 2);
    ck_assert_uint_eq(plan.addresses[0].port, 7);
    ck_assert(plan.needed[0] && plan.needed[1]);
}
END_TEST

/* --- The file --- */

START_TEST(file_is_read)
{
    taken("clients_max = 17; log_level = \"debug\"\nlisten = (\"127.0.0.1:5\"); enable_ipv6 = false;\n"
          "output_total_max = 5000000000L; motd = \"\";");
    ck_assert_uint_eq(settings.clients_max, 17);
    ck_assert_uint_eq(settings.log_level, LEVEL_DEBUG);
    ck_assert_uint_eq(settings.listen_count, 1);
    ck_assert_uint_eq(settings.output_total_max, 5000000000);
    ck_assert(!settings.enable_ipv6);
    taken("listen = \"127.0.0.1:5\"; tcp_relay_ports = 7;");
    ck_assert_uint_eq(settings.listen_count, 1);
    ck_assert_str_eq(shown("tcp_relay_ports"), "[7]");
    taken("");
}
END_TEST

START_TEST(file_of_tox_bootstrapd)
{
    taken("port = 33445\nkeys_file_path = \"/k\"\npid_file_path = \"/p\"\nenable_ipv6 = true\n"
          "enable_ipv4_fallback = true\nenable_lan_discovery = true\nenable_tcp_relay = true\n"
          "tcp_relay_ports = [443, 3389, 33445]\nenable_motd = true\nmotd = \"hi\"\n"
          "bootstrap_nodes = ( { address = \"a\" port = 33445 public_key = \"F\" } )\n");
    ck_assert_str_eq(shown("tcp_relay_ports"), "[443, 3389, 33445]");
    ck_assert_str_eq(settings.keys_file_path, "/k");
    ck_assert_str_eq(settings.pid_file_path, "/p");
    ck_assert_str_eq(settings.motd, "hi");
    ck_assert_str_eq(settings.unused, "port, enable_lan_discovery, bootstrap_nodes");
    /* Its defaults, when the file shows that it is one of its own. */
    taken("port = 33445\n");
    ck_assert_str_eq(shown("tcp_relay_ports"), "[443, 3389, 33445]");
    ck_assert_str_eq(settings.keys_file_path, "tox-bootstrapd.keys");
    taken("enable_ipv6 = true\n");
    ck_assert_str_eq(shown("tcp_relay_ports"), "[33445]");
    ck_assert_str_eq(settings.keys_file_path, "");
}
END_TEST

START_TEST(file_problems_say_where_and_what)
{
    refused("\n\nclient_max = 1;", 3, "client_max: there is no such key; the nearest one is clients_max");
    refused("clients-max = 1;", 1, "there is no such key; the nearest one is clients_max");
    refused("clients_max = 0;", 1, "clients_max: \"0\" is not a whole number from 1 to 1000000");
    refused("\nclients_max = \"9\";", 2, "clients_max: this is not a whole number from 1 to 1000000");
    refused("clients_max = 1.5;", 1, "a whole number from 1");
    refused("clients_max = true;", 1, "a whole number from 1");
    refused("clients_max = [1];", 1, "a whole number from 1");
    refused("clients_max = -1;", 1, "\"-1\" is not a whole number");
    refused("clients_max = 1;\nclients_max = 2;", 2, "duplicate setting name");
    refused("enable_ipv6 = 1;", 1, "enable_ipv6: this is not true or false");
    refused("enable_tcp_relay = false;", 1, "enable_tcp_relay: \"false\" is not true: a pure TCP relay has nothing");
    refused("log_level = \"loud\";", 1, "log_level: \"loud\" is not one of error, warning, info, debug");
    refused("log_target = 1;", 1, "one of stderr, syslog, journal");
    refused("motd = { a = 1; };", 1, "motd: this is not a text of at most 255 bytes");
    refused("listen = [1];", 1, "a list of at most 64 \"ADDR:PORT\"");
    refused("listen = [\"x\"];", 1, "\"x\" is no address with a port");
    refused("listen = (\"127.0.0.1:1\", 5);", 1, "a list of at most 64");
    refused("tcp_relay_ports = [];", 1, "a list of 1 to 32 ports");
    refused("tcp_relay_ports = [443, 70000];", 1, "\"70000\" is no port, 1 to 65535");
    refused("tcp_relay_ports = [0];", 1, "\"0\" is no port");
    refused("http_address = \"9090\";", 1, "\"9090\" is not \"ADDR:PORT\"");
    refused("motd = \"open;", 1, "what is allowed are lines like");
    refused("x", 1, "what is allowed are lines like");
}
END_TEST

START_TEST(numbers_that_libconfig_would_cut)
{
    refused("motd = \"a\";\noutput_total_max = 4294967296;", 2, "must have an L at its end");
    refused("output_total_max = 0x100000000;", 1, "must have an L at its end");
    refused("output_total_max = 2147483648;", 1, "must have an L at its end");
    taken("output_total_max = 2147483647; motd = \"9999999999 \\\" 9999999999\"; # 9999999999\n// 9999999999\n"
          "/* 9999999999\n* / 9999999999 **/ clients_max = 0x10;");
    ck_assert_uint_eq(settings.clients_max, 16);
    taken("output_total_max = 4294967296L;");
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    ck_assert_int_eq(settings_read_file(&settings, "/nowhere/file", &problem), -1);
    ck_assert_str_eq(problem.text, "/nowhere/file: No such file or directory");
    ck_assert_int_eq(settings_read_file(&settings, "/tmp", &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "is a directory"));
}
END_TEST

/* --- The sample --- */

/* Takes the # from lines "#name = ...". */
static char *uncommented(FILE *file)
{
    static char text[16384];
    char line[512];
    size_t len = 0;

    while (fgets(line, sizeof line, file) != NULL) {
        const char *from = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z' ? line + 1 : line;

        len += (size_t)snprintf(text + len, sizeof text - len, "%s", from);
    }
    ck_assert_uint_lt(len, sizeof text - 1);
    return text;
}

START_TEST(sample_shows_every_key_with_its_default)
{
    const char *srcdir = getenv("top_srcdir");
    char sample[4096];
    char before[64];
    FILE *file;

    (void)snprintf(sample, sizeof sample, "%s/apps/relay/toxtcp-relay.conf", srcdir == NULL ? "." : srcdir);
    ck_assert_int_eq(settings_read_file(&settings, sample, &problem), 0);
    file = fopen(sample, "r");
    ck_assert_ptr_nonnull(file);
    taken(uncommented(file));
    (void)fclose(file);
    /* The one that a package wants to be set. */
    ck_assert_str_eq(settings.keys_file_path, "/var/lib/toxtcp-relay/keys");
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        struct settings defaults;

        ck_assert_msg(settings.given[i] == (setting->type != SETTING_UNUSED), "%s", setting->name);
        settings_default(&defaults);
        settings_format(&defaults, setting, before, sizeof before);
        if (strcmp(setting->name, "keys_file_path") != 0) {
            ck_assert_msg(strcmp(before, shown(setting->name)) == 0, "%s", setting->name);
        }
    }
}
END_TEST

/* --- Options --- */

static int read_options(struct relay_options *options, const char *const *arguments)
{
    char *copies[32];
    int count = 0;

    /* getopt reorders them. */
    for (; arguments[count] != NULL; count++) {
        ck_assert_int_lt(count, 31);
        copies[count] = (char *)(uintptr_t)arguments[count];
    }
    copies[count] = NULL;
    optind = 0;
    return options_read(count, copies, options, &problem) != 0 ? -1 : options_settings(options, &settings, &problem);
}

START_TEST(options_come_before_the_file_and_that_before_defaults)
{
    struct relay_options options;
    const char *const arguments[] = {"x",        "--clients_max",   "5",           "--config", path,
                                     "--listen", "127.0.0.1:1",     "--listen",    "[::1]:2",  "--keys",
                                     "/k",       "--clients-max=6", "--log-level", "error",    NULL};

    taken("clients_max = 3; unconfirmed_max = 4; listen = [\"127.0.0.1:9\"]; keys_file_path = \"/f\";");
    ck_assert_int_eq(read_options(&options, arguments), 0);
    ck_assert_uint_eq(settings.clients_max, 6);
    ck_assert_uint_eq(settings.unconfirmed_max, 4);
    ck_assert_uint_eq(settings.per_address_max, 1024);
    ck_assert_str_eq(settings.keys_file_path, "/k");
    ck_assert_str_eq(shown("listen"), "[\"127.0.0.1:1\", \"[::1]:2\"]");
    ck_assert_uint_eq(settings.log_level, LEVEL_ERROR);
}
END_TEST

START_TEST(options_take_every_key_and_name_themselves)
{
    for (size_t i = 0; i < settings_count; i++) {
        struct relay_options options;
        char option[64];
        const char *const arguments[] = {"x", option, settings_table[i].standard, NULL};
        const char *const wrong[] = {"x", option, "?", NULL};

        (void)snprintf(option, sizeof option, "--%s", settings_table[i].name);
        ck_assert_msg(read_options(&options, arguments) == 0, "%s: %s", option, problem.text);
        if (settings_table[i].type != SETTING_TEXT && settings_table[i].type != SETTING_UNUSED) {
            ck_assert_msg(read_options(&options, wrong) == -1, "%s takes anything", option);
            ck_assert_msg(strncmp(problem.text, "--", 2) == 0, "%s", problem.text);
        }
    }
}
END_TEST

START_TEST(help_names_every_key)
{
    static char text[16384];
    char option[64];
    FILE *file = fmemopen(text, sizeof text, "w");

    ck_assert_ptr_nonnull(file);
    options_print_help(file);
    ck_assert_int_eq(fclose(file), 0);
    for (size_t i = 0; i < settings_count; i++) {
        (void)snprintf(option, sizeof option, "%s%s ", settings_table[i].type == SETTING_UNUSED ? " " : "--",
                       settings_table[i].name);
        for (char *at = option; settings_table[i].type != SETTING_UNUSED && *at != '\0'; at++) {
            *at = *at == '_' ? '-' : *at;
        }
        if (i == settings_count - 1) {
            option[strlen(option) - 1] = '\0';
        }
        ck_assert_msg(strstr(text, option) != NULL, "%s", option);
    }
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        ck_assert_msg(strlen(line) <= 120, "%s", line);
    }
}
END_TEST

/* --- Reloading --- */

START_TEST(reload_takes_what_can_change)
{
    struct settings running;
    char changed[256];
    char kept[256];

    settings_default(&running);
    taken("clients_max = 9; motd = \"new\"; threads = 3; log_level = \"error\"; listen = [\"127.0.0.1:1\"];"
          "enable_motd = false; keys_file_path = \"/k\";");
    settings_reload(&running, &settings, changed, kept, sizeof changed);
    ck_assert_str_eq(changed, "enable_motd, motd, clients_max, log_level");
    ck_assert_str_eq(kept, "listen, keys_file_path, threads");
    ck_assert_uint_eq(running.clients_max, 9);
    ck_assert_str_eq(running.motd, "new");
    ck_assert(!running.enable_motd);
    ck_assert_uint_eq(running.log_level, LEVEL_ERROR);
    ck_assert_uint_eq(running.threads, 0);
    ck_assert_uint_eq(running.listen_count, 0);
    settings_reload(&running, &settings, changed, kept, sizeof changed);
    ck_assert_str_eq(changed, "");
    ck_assert_str_eq(kept, "listen, keys_file_path, threads");
}
END_TEST

/* --- The log's limit --- */

static struct log_limit limit;
static struct log_kind over;

static unsigned passed(const char *kind, unsigned count, uint64_t now_ms)
{
    unsigned result = 0;

    for (unsigned i = 0; i < count; i++) {
        result += log_limit_pass(&limit, kind, 1, "text", now_ms, &over) ? 1 : 0;
    }
    return result;
}

START_TEST(limit_counts_each_kind)
{
    static const char a[] = "a";
    static const char b[] = "b";

    ck_assert_uint_eq(passed(a, 25, 1000), 10);
    ck_assert_uint_eq(passed(b, 3, 1000), 3);
    ck_assert(!log_limit_next(&limit, 10999, &over));
    ck_assert_uint_eq(passed(a, 1, 10999), 0);
    /* The window is over: what it held back is told once, by whichever comes first. */
    ck_assert_uint_eq(passed(a, 1, 11000), 1);
    ck_assert_uint_eq(over.held, 16);
    ck_assert_str_eq(over.first, "text");
    ck_assert(!log_limit_next(&limit, 30000, &over));
    ck_assert_uint_eq(passed(b, 12, 30000), 10);
    ck_assert(!log_limit_next(&limit, 39999, &over));
    ck_assert(log_limit_next(&limit, 40000, &over));
    ck_assert_uint_eq(over.held, 2);
    ck_assert(!log_limit_next(&limit, 40000, &over));
}
END_TEST

START_TEST(limit_has_room_for_so_many_kinds)
{
    static const char kinds[LOG_LIMIT_KINDS + 1];

    for (size_t i = 0; i < LOG_LIMIT_KINDS; i++) {
        ck_assert_uint_eq(passed(&kinds[i], 11, 1000), 10);
    }
    /* One too many is not limited, but not lost either; later there is room again. */
    ck_assert_uint_eq(passed(&kinds[LOG_LIMIT_KINDS], 20, 1000), 20);
    while (log_limit_next(&limit, 20000, &over)) {
    }
    ck_assert_uint_eq(passed(&kinds[LOG_LIMIT_KINDS], 20, 40000), 10);
}
END_TEST

static TCase *cases(void)
{
    TCase *test_case = tcase_create("all");

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, defaults_are_those_of_the_library);
    tcase_add_test(test_case, numbers_at_their_ends);
    tcase_add_test(test_case, texts_at_their_ends);
    tcase_add_test(test_case, lists_at_their_ends);
    tcase_add_test(test_case, names);
    tcase_add_test(test_case, shares_are_rounded_up);
    tcase_add_test(test_case, where_to_listen);
    tcase_add_test(test_case, file_is_read);
    tcase_add_test(test_case, file_of_tox_bootstrapd);
    tcase_add_test(test_case, file_problems_say_where_and_what);
    tcase_add_test(test_case, numbers_that_libconfig_would_cut);
    tcase_add_test(test_case, files_that_cannot_be_read);
    tcase_add_test(test_case, sample_shows_every_key_with_its_default);
    tcase_add_test(test_case, options_come_before_the_file_and_that_before_defaults);
    tcase_add_test(test_case, options_take_every_key_and_name_themselves);
    tcase_add_test(test_case, help_names_every_key);
    tcase_add_test(test_case, reload_takes_what_can_change);
    tcase_add_test(test_case, limit_counts_each_kind);
    tcase_add_test(test_case, limit_has_room_for_so_many_kinds);
    return test_case;
}

int main(void)
{
    Suite *suite = suite_create("relay_settings");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, cases());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
