/* The command line of toxtcp-stress. SPDX-License-Identifier: ISC */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 60 };

static const char usage[] =
    "usage: toxtcp-stress --relay HOST:PORT:KEY [OPTION]... SCENARIO[:key=value,...]...\n"
    "Puts load on a Tox TCP relay and says what its clients see. Scenarios run at the same time.\n"
    "\n";

static const char keys_and_options[] =
    "\n"
    "Settings, as --key value for all scenarios or key=value for one, which wins:\n"
    "  clients=N   of handshake, idle, churn      pairs=N    of the others\n"
    "  size=BYTES  of a payload, 40 to 2031       rate=N     packets a second and pair; 0: closed loop\n"
    "  window=N    packets in flight, closed loop dir=both   both of a pair send (throughput, oob)\n"
    "  routes=N    to absent peers, per client    life=S     mean time until one vanishes (churn)\n"
    "  sources=N   addresses of 127.0.0.0/8 to come from; 0: as many as suit\n"
    "\n"
    "  --duration S     measured time (10)        --warmup S    before that (1)\n"
    "  --ramp N         clients connected a second at the start (1000)\n"
    "  --threads N      of the generator (1)      --seed N      for the same choices again\n"
    "  --relay-pid PID  also measure that process\n"
    "  --json FILE      the figures, - for standard output\n"
    "  --list-attacks   what attack=NAME can be; only against loopback, or with --i-own-this-relay\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 measured; 1 no client ever connected, or another failure; 2 wrong command line.\n";

void options_print_help(void)
{
    (void)fputs(usage, stdout);
    scenario_print_help();
    (void)fputs(keys_and_options, stdout);
}

enum {
    OPTION_RELAY = 256,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_RAMP,
    OPTION_THREADS,
    OPTION_SEED,
    OPTION_RELAY_PID,
    OPTION_JSON,
    OPTION_OWN,
    OPTION_LIST_ATTACKS,
    OPTION_SETTING
};

static const struct option long_options[] = {{"relay", required_argument, NULL, OPTION_RELAY},
                                             {"duration", required_argument, NULL, OPTION_DURATION},
                                             {"warmup", required_argument, NULL, OPTION_WARMUP},
                                             {"ramp", required_argument, NULL, OPTION_RAMP},
                                             {"threads", required_argument, NULL, OPTION_THREADS},
                                             {"seed", required_argument, NULL, OPTION_SEED},
                                             {"relay-pid", required_argument, NULL, OPTION_RELAY_PID},
                                             {"json", required_argument, NULL, OPTION_JSON},
                                             {"i-own-this-relay", no_argument, NULL, OPTION_OWN},
                                             {"list-attacks", no_argument, NULL, OPTION_LIST_ATTACKS},
                                             {"clients", required_argument, NULL, OPTION_SETTING},
                                             {"pairs", required_argument, NULL, OPTION_SETTING},
                                             {"size", required_argument, NULL, OPTION_SETTING},
                                             {"window", required_argument, NULL, OPTION_SETTING},
                                             {"routes", required_argument, NULL, OPTION_SETTING},
                                             {"sources", required_argument, NULL, OPTION_SETTING},
                                             {"rate", required_argument, NULL, OPTION_SETTING},
                                             {"life", required_argument, NULL, OPTION_SETTING},
                                             {"dir", required_argument, NULL, OPTION_SETTING},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

static int read_relay(struct stress_options *options, const char *text, struct problem *problem)
{
    if (options->has_relay) {
        return problem_set(problem, "--relay: one relay at a time");
    }
    options->has_relay = true;
    return relay_entry_parse(text, strlen(text), &options->relay, problem);
}

static int read_number(const char *name, const char *text, double minimum, double maximum, double *number,
                       struct problem *problem)
{
    char *end = NULL;

    errno = 0;
    *number = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(*number >= minimum && *number <= maximum)) {
        return problem_set(problem, "--%s %.*s: it is a number of %g to %.0f", name, SHOWN_MAX, text, minimum, maximum);
    }
    return 0;
}

static int read_whole(const char *name, const char *text, double minimum, double maximum, uint64_t *number,
                      struct problem *problem)
{
    double value = 0;

    if (read_number(name, text, minimum, maximum, &value, problem) != 0) {
        return -1;
    }
    if (value != floor(value)) {
        return problem_set(problem, "--%s %.*s: it is a whole number", name, SHOWN_MAX, text);
    }
    *number = (uint64_t)value;
    return 0;
}

static int read_whole32(const char *name, const char *text, uint32_t maximum, uint32_t *number, struct problem *problem)
{
    uint64_t value = 0;

    if (read_whole(name, text, 1, maximum, &value, problem) != 0) {
        return -1;
    }
    *number = (uint32_t)value;
    return 0;
}

static int read_option(int option, const char *name, const char *value, struct stress_options *options,
                       struct problem *problem)
{
    switch (option) {
    case OPTION_RELAY:
        return read_relay(options, value, problem);
    case OPTION_DURATION:
        return read_number(name, value, 0.1, 1e7, &options->duration_s, problem);
    case OPTION_WARMUP:
        return read_number(name, value, 0, 1e6, &options->warmup_s, problem);
    case OPTION_RAMP:
        return read_number(name, value, 1, 1e6, &options->ramp, problem);
    case OPTION_THREADS:
        return read_whole32(name, value, THREADS_MAX, &options->threads, problem);
    case OPTION_SEED:
        return read_whole(name, value, 1, 9007199254740992., &options->seed, problem);
    case OPTION_RELAY_PID:
        return read_whole32(name, value, INT32_MAX, &options->relay_pid, problem);
    case OPTION_JSON:
        options->json_path = value;
        return 0;
    case OPTION_OWN:
        options->own_this_relay = true;
        return 0;
    case OPTION_LIST_ATTACKS:
        options->list_attacks = true;
        return 0;
    case OPTION_SETTING:
        return setting_read(name, value, &options->common, problem);
    case 'h':
        options->help = true;
        return 0;
    case 'V':
        options->version = true;
        return 0;
    default:
        return problem_set(problem, "see toxtcp-stress --help");
    }
}

static int read_groups(int count, char *const *arguments, struct stress_options *options, struct problem *problem)
{
    for (int i = 0; i < count; i++) {
        struct group *group = &options->groups[options->group_count];

        if (options->group_count == GROUPS_MAX) {
            return problem_set(problem, "more than %d scenarios", GROUPS_MAX);
        }
        if (group_read(arguments[i], group, problem) != 0 || group_settle(group, &options->common, problem) != 0) {
            return -1;
        }
        options->group_count++;
    }
    return 0;
}

/* Whether it says what is to be done. */
static int check(const struct stress_options *options, struct problem *problem)
{
    uint32_t attacks = 0;

    if (options->help || options->version || options->list_attacks) {
        return 0;
    }
    for (size_t i = 0; i < options->group_count; i++) {
        attacks += options->groups[i].scenario->is_attack ? 1 : 0;
    }
    if (!options->has_relay) {
        return problem_set(problem, "--relay HOST:PORT:KEY is missing; see toxtcp-stress --help");
    }
    if (options->group_count == 0) {
        return problem_set(problem, "a scenario is missing; see toxtcp-stress --help");
    }
    if (attacks > 1) {
        return problem_set(problem, "one attack at a time");
    }
    return 0;
}

int options_read(int count, char *const *arguments, struct stress_options *options, struct problem *problem)
{
    int option;
    int index = 0;

    *options = (struct stress_options){.duration_s = 10, .warmup_s = 1, .ramp = 1000, .threads = 1};
    while ((option = getopt_long(count, arguments, "hV", long_options, &index)) != -1) {
        if (read_option(option, long_options[index].name, optarg, options, problem) != 0) {
            return -1;
        }
    }
    if (read_groups(count - optind, arguments + optind, options, problem) != 0) {
        return -1;
    }
    return check(options, problem);
}
