/* The command line of toxtcp-relay: every setting is a long option. SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <string.h>

#include "../common/option_problem.h"

enum { SHOWN_MAX = 80, OWN_COUNT = 5, NAME_SIZE = 40 };

/* What is no setting of its own. Settings have codes from FIRST_SETTING on. */
enum { FIRST_SETTING = 256 };

struct long_options {
    struct option list[OWN_COUNT + 2 * SETTINGS_MAX + 1];
    char dashed[SETTINGS_MAX][NAME_SIZE];
};

static void with_dashes(const char *name, char *dashed)
{
    size_t i;

    for (i = 0; name[i] != '\0' && i < NAME_SIZE - 1; i++) {
        dashed[i] = name[i];
        if (name[i] == '_') {
            dashed[i] = '-';
        }
    }
    dashed[i] = '\0';
}

static struct option *fill_settings(struct long_options *options, struct option *next)
{
    for (size_t i = 0; i < settings_count; i++) {
        const int code = FIRST_SETTING + (int)i;

        with_dashes(settings_table[i].name, options->dashed[i]);
        *next++ = (struct option){options->dashed[i], required_argument, NULL, code};
        if (strcmp(options->dashed[i], settings_table[i].name) != 0) {
            *next++ = (struct option){settings_table[i].name, required_argument, NULL, code};
        }
    }
    return next;
}

static void fill(struct long_options *options)
{
    const int keys = FIRST_SETTING + (int)(settings_find("keys_file_path") - settings_table);
    const struct option own[OWN_COUNT] = {{"config", required_argument, NULL, 'c'},
                                          {"check-config", no_argument, NULL, 'C'},
                                          {"keys", required_argument, NULL, keys},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'}};

    memcpy(options->list, own, sizeof own);
    *fill_settings(options, options->list + OWN_COUNT) = (struct option){NULL, 0, NULL, 0};
}

/* `argument` is where the option stands. */
static int take_option(int option, const char *value, const char *argument, struct relay_options *options,
                       struct problem *problem)
{
    switch (option) {
    case 'c':
        options->config = value;
        return 0;
    case 'C':
        options->check = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case 'V':
        options->version = true;
        return 0;
    case ':':
    case '?':
        return option_problem("toxtcp-relay", option, argument, problem);
    default:
        break;
    }
    if (options->given_count == OPTIONS_MAX) {
        return problem_set(problem, "there are more than %d options", OPTIONS_MAX);
    }
    options->given[options->given_count].setting = &settings_table[option - FIRST_SETTING];
    options->given[options->given_count++].value = value;
    return 0;
}

int options_read(int count, char *const *arguments, struct relay_options *options, struct problem *problem)
{
    struct long_options known;
    int option;

    *options = (struct relay_options){.config = NULL};
    fill(&known);
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":hV", known.list, NULL)) != -1) {
        if (take_option(option, optarg, arguments[optind - 1], options, problem) != 0) {
            return -1;
        }
    }
    if (optind < count) {
        return problem_set(problem, "\"%.*s\" is no option; see toxtcp-relay --help", SHOWN_MAX, arguments[optind]);
    }
    if (options->check && options->config == NULL) {
        return problem_set(problem, "--check-config: there is no --config FILE to check");
    }
    return 0;
}

/* --- Their meaning --- */

static int apply(const struct relay_options *options, struct settings *settings, struct problem *problem)
{
    bool seen[SETTINGS_MAX] = {false};
    char name[NAME_SIZE];
    struct problem inner;

    for (size_t i = 0; i < options->given_count; i++) {
        const struct setting *setting = options->given[i].setting;
        const size_t index = (size_t)(setting - settings_table);

        /* Items of a list add to each other, not to those of the file. */
        if (!seen[index]) {
            settings_clear(settings, setting);
        }
        seen[index] = true;
        settings->given[index] = true;
        if (settings_set(settings, setting, options->given[i].value, &inner) != 0) {
            with_dashes(setting->name, name);
            return problem_set(problem, "--%s: %.450s", name, inner.text);
        }
    }
    return 0;
}

int options_settings(const struct relay_options *options, struct settings *settings, struct problem *problem)
{
    settings_default(settings);
    if (options->config != NULL && settings_read_file(settings, options->config, problem) != 0) {
        return -1;
    }
    return apply(options, settings, problem);
}

/* --- Help --- */

static void print_setting(FILE *file, const struct setting *setting)
{
    char name[NAME_SIZE];
    char value[NAME_SIZE];
    char left[2 * NAME_SIZE];
    struct settings settings;

    settings_default(&settings);
    with_dashes(setting->name, name);
    settings_format(&settings, setting, value, sizeof value);
    (void)snprintf(left, sizeof left, "--%s %s", name, setting->argument);
    if (strcmp(value, "[]") == 0 || strcmp(value, "\"\"") == 0) {
        value[0] = '\0';
    }
    (void)fprintf(file, "  %-29s %s%s%s%s\n", left, setting->help, value[0] == '\0' ? "" : " (", value,
                  value[0] == '\0' ? "" : ")");
}

void options_print_help(FILE *file)
{
    (void)fputs("usage: toxtcp-relay [--config FILE] [OPTION]...\n"
                "Relays packets between Tox peers that connect to it by TCP.\n"
                "\n"
                "  --config FILE                 read settings from there; options come before it\n"
                "  --check-config                say whether that file is right and what is effective, and exit\n"
                "  --keys FILE                   the same as --keys-file-path\n"
                "  --help, --version\n"
                "\n"
                "Each setting of the file is an option; `-` and `_` are the same; lists take commas, or the option "
                "again:\n",
                file);
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].type != SETTING_UNUSED) {
            print_setting(file, &settings_table[i]);
        }
    }
    (void)fputs("Taken and of no effect, since tox-bootstrapd has them:", file);
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].type == SETTING_UNUSED) {
            (void)fprintf(file, " %s", settings_table[i].name);
        }
    }
    (void)fputs("\n\nPrints \"public key: KEY\", then \"listening on ADDR:PORT\" for each address. SIGHUP reads the\n"
                "file again; SIGINT and SIGTERM end the relay when it has delivered what is queued.\n"
                "Exit status: 0 ended by a signal; 1 another failure; 2 wrong command line or configuration; 3 keys\n"
                "file; 4 an address cannot be listened at.\n",
                file);
}
