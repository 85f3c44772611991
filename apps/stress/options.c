/* The command line of toxtcp-stress. SPDX-License-Identifier: ISC */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/option_problem.h"
#include "conditions.h"
#include "engine.h"

enum { SHOWN_MAX = 60, ROUNDS_DEFAULT = 5 };

static const char usage[] =
    "usage: toxtcp-stress [--relay HOST:PORT:KEY]... [OPTION]... SCENARIO[:key=value,...]...\n"
    "Puts load on Tox TCP relays and says what their clients see. Scenarios run at the same time.\n"
    "\n";

static const char keys_and_options[] =
    "\n"
    "Settings, as --key value for all scenarios or key=value for one, which wins:\n"
    "  clients=N   of handshake, idle, churn      pairs=N    of the others\n"
    "  size=BYTES  of a payload, 40 to 2031       rate=N     packets a second and pair; 0: closed loop\n"
    "  window=N    packets in flight, closed loop dir=both   both of a pair send (throughput, oob, multirelay)\n"
    "  routes=N    to absent peers, per client    life=S     mean life (churn), sleep (sleepwake)\n"
    "  sources=N   addresses of 127.0.0.0/8 to come from; 0: as many as suit\n"
    "\n"
    "  --relay HOST:PORT:KEY, --relays FILE with one a line: clients are spread over them\n"
    "  --embedded N     start N relays here; without any relay 1, for multirelay 2\n"
    "  --event SECONDS:ACTION:RELAY  kill, stop, cont, start relay 1..N or \"primary\"; or none\n"
    "  --on-event CMD   run that at each event, with TOXTCP_EVENT, TOXTCP_RELAY; for relays elsewhere\n"
    "  --duration S     measured time (10)        --warmup S    before that (1)\n"
    "  --ramp N         clients connected a second at the start (1000)\n"
    "  --threads N      of the generator (1)      --seed N      for the same choices again\n"
    "  --relay-pid PID  also measure that process\n"
    "  --json FILE      the figures, - for standard output\n"
    "  --report FILE    a page with charts, HTML, drawn by gnuplot\n"
    "  --fail-if COND   exit status 3 when it holds: 'loss>0.1%', 'latency.p99>20ms'; can be repeated\n"
    "  --rounds N       run all of it so often; medians count\n"
    "  --versus HOST:PORT:KEY[,pid=PID]  the same load on that relay, in turns, and the ratios\n"
    "  --quiet          nothing on a terminal while it runs\n"
    "  --list-attacks   what attack=NAME can be; only against loopback, or with --i-own-this-relay\n"
    "  --help, --version\n"
    "\n"
    "toxtcp-stress compare A.json B.json: what differs, and whether it is more than noise.\n"
    "\n"
    "Exit status: 0 measured; 1 no client ever connected, or another failure; 2 wrong command line;\n"
    "3 a condition of --fail-if holds.\n";

void options_print_help(void)
{
    (void)fputs(usage, stdout);
    scenario_print_help();
    (void)fputs(keys_and_options, stdout);
}

enum {
    OPTION_RELAY = 256,
    OPTION_RELAYS,
    OPTION_EMBEDDED,
    OPTION_EVENT,
    OPTION_ON_EVENT,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_RAMP,
    OPTION_THREADS,
    OPTION_SEED,
    OPTION_RELAY_PID,
    OPTION_JSON,
    OPTION_REPORT,
    OPTION_FAIL_IF,
    OPTION_VERSUS,
    OPTION_ROUNDS,
    OPTION_QUIET,
    OPTION_OWN,
    OPTION_LIST_ATTACKS,
    OPTION_SETTING
};

static const struct option long_options[] = {{"relay", required_argument, NULL, OPTION_RELAY},
                                             {"relays", required_argument, NULL, OPTION_RELAYS},
                                             {"embedded", required_argument, NULL, OPTION_EMBEDDED},
                                             {"event", required_argument, NULL, OPTION_EVENT},
                                             {"on-event", required_argument, NULL, OPTION_ON_EVENT},
                                             {"duration", required_argument, NULL, OPTION_DURATION},
                                             {"warmup", required_argument, NULL, OPTION_WARMUP},
                                             {"ramp", required_argument, NULL, OPTION_RAMP},
                                             {"threads", required_argument, NULL, OPTION_THREADS},
                                             {"seed", required_argument, NULL, OPTION_SEED},
                                             {"relay-pid", required_argument, NULL, OPTION_RELAY_PID},
                                             {"json", required_argument, NULL, OPTION_JSON},
                                             {"report", required_argument, NULL, OPTION_REPORT},
                                             {"fail-if", required_argument, NULL, OPTION_FAIL_IF},
                                             {"versus", required_argument, NULL, OPTION_VERSUS},
                                             {"rounds", required_argument, NULL, OPTION_ROUNDS},
                                             {"quiet", no_argument, NULL, OPTION_QUIET},
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

/* HOST:PORT:KEY[,pid=PID] */
static int read_versus(struct stress_options *options, const char *text, struct problem *problem)
{
    const char *comma = strchr(text, ',');
    const size_t len = comma == NULL ? strlen(text) : (size_t)(comma - text);

    if (options->has_versus) {
        return problem_set(problem, "--versus: one other relay");
    }
    options->has_versus = true;
    if (relay_entry_parse(text, len, &options->versus.relay, problem) != 0) {
        return -1;
    }
    if (comma == NULL) {
        return 0;
    }
    if (strncmp(comma, ",pid=", strlen(",pid=")) != 0) {
        return problem_set(problem, "--versus: after the key there may be \",pid=PID\", not \"%.*s\"", SHOWN_MAX,
                           comma);
    }
    return read_whole32("versus", comma + strlen(",pid="), INT32_MAX, &options->versus.pid, problem);
}

static int read_condition(struct stress_options *options, const char *text, struct problem *problem)
{
    if (options->condition_count == CONDITIONS_MAX) {
        return problem_set(problem, "--fail-if: more than %d", CONDITIONS_MAX);
    }
    return condition_read(text, &options->conditions[options->condition_count++], problem);
}

/* What says how to judge and to show. */
static int read_report_option(int option, const char *name, const char *value, struct stress_options *options,
                              struct problem *problem)
{
    switch (option) {
    case OPTION_REPORT:
        options->report_path = value;
        return 0;
    case OPTION_FAIL_IF:
        return read_condition(options, value, problem);
    case OPTION_VERSUS:
        return read_versus(options, value, problem);
    case OPTION_ROUNDS:
        return read_whole32(name, value, ROUNDS_MAX, &options->rounds, problem);
    case OPTION_QUIET:
        options->quiet = true;
        return 0;
    default:
        return option_problem("toxtcp-stress", option, options->arguments[optind - 1], problem);
    }
}

static int read_option(int option, const char *name, const char *value, struct stress_options *options,
                       struct problem *problem)
{
    switch (option) {
    case OPTION_RELAY:
        return relay_list_add(&options->relays, value, problem);
    case OPTION_RELAYS:
        return relay_list_read(&options->relays, value, problem);
    case OPTION_EMBEDDED:
        return read_whole32(name, value, EMBEDDED_MAX, &options->embedded, problem);
    case OPTION_EVENT:
        return events_add(&options->events, value, problem);
    case OPTION_ON_EVENT:
        options->on_event = value;
        return 0;
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
        return read_report_option(option, name, value, options, problem);
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

static bool has_engine(const struct stress_options *options, const struct engine *engine)
{
    for (size_t i = 0; i < options->group_count; i++) {
        if (options->groups[i].scenario->engine == engine) {
            return true;
        }
    }
    return false;
}

/* What is not said of relays and of what happens to them. */
static int settle_relays(struct stress_options *options, struct problem *problem)
{
    const bool many = has_engine(options, &engine_multirelay);
    const uint32_t given = (uint32_t)options->relays.count;

    if (given == 0 && options->embedded == 0) {
        options->embedded = many ? 2 : 1;
    }
    if (given + options->embedded > RELAYS_MAX) {
        return problem_set(problem, "more than %d relays", RELAYS_MAX);
    }
    if (options->events.given && !many) {
        return problem_set(problem, "--event: multirelay alone says what came of it, and is not asked for");
    }
    if (many && !options->events.given) {
        events_default(&options->events, options->duration_s, given + 1, options->embedded);
    }
    if (options->on_event != NULL && options->events.count == 0) {
        return problem_set(problem, "--on-event: there is no --event");
    }
    return events_check(&options->events, options->duration_s, given + 1, given + options->embedded,
                        options->on_event != NULL, problem);
}

bool is_standard_output(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static int check_outputs(const struct stress_options *options, struct problem *problem)
{
    const char *json = options->json_path;
    const char *report = options->report_path;

    if (json == NULL || report == NULL || strcmp(json, report) != 0) {
        return 0;
    }
    if (is_standard_output(json)) {
        return problem_set(problem, "--json and --report cannot both go to standard output");
    }
    return problem_set(problem, "--json and --report cannot both be %.*s", SHOWN_MAX, json);
}

static int check_versus(const struct stress_options *options, struct problem *problem)
{
    if (!options->has_versus) {
        return 0;
    }
    if (options->relays.count != 1 || options->embedded > 0) {
        return problem_set(problem, "--versus compares with one relay, which --relay names");
    }
    if (options->events.count > 0) {
        return problem_set(problem,
                           "--event with --versus: its command could not tell for which of the two relays it is");
    }
    return 0;
}

/* Whether it says what is to be done. */
static int check(struct stress_options *options, struct problem *problem)
{
    uint32_t attacks = 0;

    if (options->help || options->version || options->list_attacks) {
        return 0;
    }
    for (size_t i = 0; i < options->group_count; i++) {
        attacks += options->groups[i].scenario->is_attack ? 1 : 0;
    }
    if (options->group_count == 0) {
        return problem_set(problem, "a scenario is missing; see toxtcp-stress --help");
    }
    if (attacks > 1) {
        return problem_set(problem, "one attack at a time");
    }
    return check_outputs(options, problem) != 0 || settle_relays(options, problem) != 0 ||
                   check_versus(options, problem) != 0 || conditions_check(options, problem) != 0
               ? -1
               : 0;
}

int options_read(int count, char *const *arguments, struct stress_options *options, struct problem *problem)
{
    int option;
    int index = 0;

    *options = (struct stress_options){
        .duration_s = 10, .warmup_s = 1, .ramp = 1000, .threads = 1, .argument_count = count, .arguments = arguments};
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":hV", long_options, &index)) != -1) {
        if (read_option(option, long_options[index].name, optarg, options, problem) != 0) {
            return -1;
        }
    }
    if (read_groups(count - optind, arguments + optind, options, problem) != 0) {
        return -1;
    }
    if (options->has_versus && options->rounds == 0) {
        options->rounds = ROUNDS_DEFAULT;
    }
    return check(options, problem);
}

void options_free(struct stress_options *options)
{
    relay_list_free(&options->relays);
}
