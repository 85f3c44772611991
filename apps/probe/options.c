/* The command line of toxtcp-probe. SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/address_text.h"
#include "../common/option_problem.h"
#include "round.h"

enum { SHOWN_MAX = 60, PARALLEL_DEFAULT = 32, EVERY_DEFAULT_S = 60, EVERY_MAX_S = 604800, TIMEOUT_MAX_S = 60 };

static const double timeout_default_s = 5;
static const double timeout_min_s = 0.1;
static const double every_min_s = 1;

const char options_help[] =
    "usage: toxtcp-probe [OPTION]... HOST:PORT:KEY...\n"
    "       toxtcp-probe [OPTION]... --relays FILE\n"
    "Finds out whether Tox TCP relays work: connects two throw-away identities, passes data and OOB between them.\n"
    "\n"
    "  --relays FILE      the relays listed in FILE, HOST:PORT:KEY on each line; can be repeated\n"
    "  --timeout SECONDS  how long each answer is waited for (5)\n"
    "  --parallel N       relays looked at at the same time (32)\n"
    "  --watch[=SECONDS]  again and again (60), with a history, until Ctrl-C\n"
    "  --json FILE        what was found, - for standard output\n"
    "  --quiet            only what is bad, a line for each; with --watch what changes\n"
    "  -h, --help; -V, --version\n"
    "\n"
    "Exit status: 0 all relays are good; 1 some are not; 2 wrong command line, or a file that is no good.\n";

enum { OPTION_RELAYS = 256, OPTION_TIMEOUT, OPTION_PARALLEL, OPTION_WATCH, OPTION_JSON, OPTION_QUIET };

static const struct option long_options[] = {{"relays", required_argument, NULL, OPTION_RELAYS},
                                             {"timeout", required_argument, NULL, OPTION_TIMEOUT},
                                             {"parallel", required_argument, NULL, OPTION_PARALLEL},
                                             {"watch", optional_argument, NULL, OPTION_WATCH},
                                             {"json", required_argument, NULL, OPTION_JSON},
                                             {"quiet", no_argument, NULL, OPTION_QUIET},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

/* Nothing else that strtod() takes. */
static bool is_decimal(const char *text)
{
    const size_t whole = strspn(text, "0123456789");
    const bool point = text[whole] == '.';
    const size_t rest = point ? strspn(text + whole + 1, "0123456789") : 0;

    return whole + rest > 0 && text[whole + (point ? 1 : 0) + rest] == '\0';
}

static int read_seconds(const char *name, const char *text, double minimum, double maximum, double *seconds,
                        struct problem *problem)
{
    if (!is_decimal(text) || !((*seconds = strtod(text, NULL)) >= minimum && *seconds <= maximum)) {
        return problem_set(problem, "%s %.*s: it is a number of seconds, %g to %g", name, SHOWN_MAX, text, minimum,
                           maximum);
    }
    return 0;
}

static int read_parallel(const char *text, uint32_t *parallel, struct problem *problem)
{
    if (!number_text_parse(text, strlen(text), 1, PARALLEL_MAX, parallel)) {
        return problem_set(problem, "--parallel %.*s: it is a whole number of 1 to %d", SHOWN_MAX, text, PARALLEL_MAX);
    }
    return 0;
}

static int read_option(int option, const char *value, const char *argument, struct probe_options *options,
                       struct problem *problem)
{
    switch (option) {
    case OPTION_RELAYS:
        return relay_list_read(&options->relays, value, problem);
    case OPTION_TIMEOUT:
        return read_seconds("--timeout", value, timeout_min_s, TIMEOUT_MAX_S, &options->timeout_s, problem);
    case OPTION_PARALLEL:
        return read_parallel(value, &options->parallel, problem);
    case OPTION_WATCH:
        options->watch = true;
        return value == NULL ? 0 : read_seconds("--watch", value, every_min_s, EVERY_MAX_S, &options->every_s, problem);
    case OPTION_JSON:
        options->json_path = value;
        return 0;
    case OPTION_QUIET:
        options->quiet = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case 'V':
        options->version = true;
        return 0;
    default:
        return option_problem("toxtcp-probe", option, argument, problem);
    }
}

static int read_relays(int count, char *const *arguments, struct probe_options *options, struct problem *problem)
{
    struct problem inner;

    for (int i = 0; i < count; i++) {
        if (options->watch && is_decimal(arguments[i])) {
            return problem_set(problem, "%.*s: it is no relay; for the seconds of --watch write --watch=%.*s",
                               SHOWN_MAX, arguments[i], SHOWN_MAX, arguments[i]);
        }
        if (relay_list_add(&options->relays, arguments[i], &inner) != 0) {
            return problem_set(problem, "%.*s: %.400s", SHOWN_MAX, arguments[i], inner.text);
        }
    }
    if (options->relays.count == 0) {
        return problem_set(problem, "no relay is named: give HOST:PORT:KEY or --relays FILE; see toxtcp-probe --help");
    }
    return 0;
}

int options_read(int count, char *const *arguments, struct probe_options *options, struct problem *problem)
{
    int option;
    int result = 0;
    struct problem later;

    *options = (struct probe_options){.relays = {.keys_recur = true},
                                      .timeout_s = timeout_default_s,
                                      .parallel = PARALLEL_DEFAULT,
                                      .every_s = EVERY_DEFAULT_S};
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":hV", long_options, NULL)) != -1) {
        if (read_option(option, optarg, arguments[optind - 1], options, result == 0 ? problem : &later) != 0) {
            result = -1;
        }
    }
    /* Who asks for help gets it, whatever else is wrong. */
    if (options->help || options->version) {
        return 0;
    }
    return result != 0 ? -1 : read_relays(count - optind, arguments + optind, options, problem);
}

void options_free(struct probe_options *options)
{
    relay_list_free(&options->relays);
}
