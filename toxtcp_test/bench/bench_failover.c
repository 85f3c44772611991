/* How long a conversation stands still when the relay that carries it dies: in network namespaces, on real TCP.
 * SPDX-License-Identifier: ISC
 *
 * Each case is a world of its own (three relays, two peers, a router between them; one peer sends 100 bytes to the
 * other every 50 ms), and all play at the same time. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/report.h"
#include "netns/process.h"
#include "netns/star.h"
#include "netns/world.h"

/* What a silent death may cost; in the short run, which shares its machine with other tests, a little more. */
enum {
    BOUND_MS = 3000,
    SHORT_BOUND_MS = 5000,
    KILL_BOUND_MS = 500,
    SHORT_KILL_BOUND_MS = 2000,
    REPORTS_BOUND_MS = 5000
};
/* A slow way is not a dead one. */
enum { DELAY_MS = 1000, WATCH_MS = 60000, SHORT_WATCH_MS = 10000 };
enum { ROUNDS = 10, BUDGET_MS = 75000 };

enum bound { BOUND_SILENT, BOUND_KILLED, BOUND_REPORTS, NO_BOUND };

struct play {
    const char *name;
    struct world_plan plan;
    enum bound bound;
    bool once; /* one round, however many the others play: it takes so long */
    bool not_in_short;
};

static const struct play plays[] = {
    {.name = "cut off, both ways", .plan = {.fault = FAULT_CUT}},
    {.name = "cut off, only the way to it", .plan = {.fault = FAULT_CUT_TO_RELAY}},
    {.name = "cut off, only the way from it", .plan = {.fault = FAULT_CUT_TO_PEERS}},
    {.name = "cut off from the sender alone", .plan = {.fault = FAULT_CUT_SENDER}},
    {.name = "its process stopped (SIGSTOP)", .plan = {.fault = FAULT_STOP}},
    {.name = "tox-bootstrapd, cut off both ways", .plan = {.fault = FAULT_CUT, .bootstrapd = true}},
    {.name = "its process killed (SIGKILL)", .plan = {.fault = FAULT_KILL}, .bound = BOUND_KILLED},
    {.name = "cut off from the receiver alone, reports",
     .plan = {.fault = FAULT_CUT_RECEIVER, .acknowledged = true},
     .bound = BOUND_REPORTS},
    {.name = "cut off from the receiver alone, no reports",
     .plan = {.fault = FAULT_CUT_RECEIVER},
     .bound = NO_BOUND,
     .once = true,
     .not_in_short = true},
    {.name = "cut off, pings every 30 s alone",
     .plan = {.fault = FAULT_CUT, .by_the_book = true},
     .bound = NO_BOUND,
     .once = true,
     .not_in_short = true},
    {.name = "a slow way", .plan = {.fault = FAULT_NONE, .delay_ms = DELAY_MS}, .bound = NO_BOUND},
};
enum { PLAYS = sizeof plays / sizeof plays[0], PLAY_US = 0, PLAY_BY_THE_BOOK = PLAYS - 2, PLAY_SLOW = PLAYS - 1 };

struct options {
    uint32_t rounds;
    bool short_run;
    bool each; /* print every gap */
};

/* --- The worlds' processes --- */

static pid_t pids[PLAYS];
static struct world_outcome *outcomes; /* shared with them */
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

static struct world_plan plan_of(const struct play *play, const struct options *options)
{
    struct world_plan plan = play->plan;

    plan.rounds = play->once ? 1 : options->rounds;
    plan.budget_ms = BUDGET_MS;
    plan.watch_ms = options->short_run ? SHORT_WATCH_MS : WATCH_MS;
    return plan;
}

static void start_worlds(const struct options *options)
{
    for (size_t i = 0; i < PLAYS; i++) {
        if (plays[i].not_in_short && options->short_run) {
            continue;
        }
        pids[i] = process_fork(-1);
        if (pids[i] == 0) {
            const struct world_plan plan = plan_of(&plays[i], options);
            world_play(&plan, &outcomes[i]);
            exit(EXIT_SUCCESS);
        }
    }
}

static void stop_worlds(void)
{
    for (size_t i = 0; i < PLAYS; i++) {
        if (pids[i] > 0) {
            (void)kill(pids[i], SIGTERM);
        }
    }
}

/* Until all have ended. The first one that fails, and a signal to us, end the others. Returns whether all went well. */
static bool wait_for_worlds(void)
{
    bool well = true;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
        const bool failed = pid > 0 && status != 0;
        for (size_t i = 0; pid > 0 && i < PLAYS; i++) {
            if (pids[i] == pid) {
                pids[i] = 0;
                if (failed && well) {
                    (void)fprintf(stderr, "bench_failover: \"%s\" failed\n", plays[i].name);
                }
            }
        }
        if (failed || stopped != 0) {
            well = false;
            stop_worlds();
        }
    }
    return well;
}

/* --- The report --- */

static double worst(const struct world_outcome *outcome)
{
    double gap_ms = 0;

    for (uint32_t i = 0; i < outcome->rounds; i++) {
        gap_ms = outcome->gaps_ms[i] > gap_ms ? outcome->gaps_ms[i] : gap_ms;
    }
    return gap_ms;
}

static double bound_ms(enum bound bound, bool short_run)
{
    if (bound == BOUND_KILLED) {
        return short_run ? SHORT_KILL_BOUND_MS : KILL_BOUND_MS;
    }
    if (bound == BOUND_REPORTS) {
        return REPORTS_BOUND_MS;
    }
    return short_run ? SHORT_BOUND_MS : BOUND_MS;
}

static void report_gaps(const struct play *play, struct world_outcome *outcome, const struct options *options)
{
    char name[128];

    for (uint32_t i = 0; options->each && i < outcome->rounds; i++) {
        (void)snprintf(name, sizeof name, "%s: round %u", play->name, i + 1);
        report_row(name, outcome->gaps_ms[i], "ms", REPORT_FOR_INFORMATION, 0);
    }
    if (outcome->rounds > 2) {
        (void)snprintf(name, sizeof name, "%s: median of %u", play->name, outcome->rounds);
        report_row(name, report_median(outcome->gaps_ms, outcome->rounds), "ms", REPORT_FOR_INFORMATION, 0);
    }
    (void)snprintf(name, sizeof name, "%s: worst of %u", play->name, outcome->rounds);
    report_row(name, worst(outcome), "ms", play->bound == NO_BOUND ? REPORT_FOR_INFORMATION : REPORT_AT_MOST,
               bound_ms(play->bound, options->short_run));
}

static void report_all_gaps(const struct options *options)
{
    uint64_t noise = 0;

    report_title("The primary relay dies: the gap at the receiver, a packet every 50 ms");
    for (size_t i = 0; i < PLAYS; i++) {
        if (plays[i].plan.fault == FAULT_NONE || outcomes[i].rounds == 0) {
            continue;
        }
        report_gaps(&plays[i], &outcomes[i], options);
        noise += plays[i].plan.fault == FAULT_KILL ? 0 : outcomes[i].noise;
    }
    if (outcomes[PLAY_BY_THE_BOOK].rounds > 0) {
        report_row("pings every 30 s alone, against the median of the first",
                   outcomes[PLAY_BY_THE_BOOK].gaps_ms[0] /
                       report_median(outcomes[PLAY_US].gaps_ms, outcomes[PLAY_US].rounds),
                   "times", REPORT_FOR_INFORMATION, 0);
    }
    report_row("ICMP packets and resets while it was silent", (double)noise, "packets", REPORT_AT_MOST, 0);
}

/* That the way was slow, and that packets came, is part of the proof. */
static void report_slow_way(const struct world_outcome *outcome, uint32_t watch_ms)
{
    report_title("All relays are far away, and none is dead");
    report_row("round trip, the least that was measured", outcome->rtt_ms, "ms", REPORT_AT_LEAST, 2.0 * DELAY_MS);
    report_row("packets that arrived, of those due", (double)outcome->packets * PEER_PACE_MS / watch_ms, "",
               REPORT_AT_LEAST, 0.9);
    report_row("packets that did not arrive between these", outcome->lost, "packets", REPORT_AT_MOST, 0);
    report_row("reports in which a relay was silent or no longer the primary", outcome->alarms, "alarms",
               REPORT_AT_MOST, 0);
}

/* --- The program --- */

static const char usage[] = "usage: bench_failover [--rounds N] [--short] [--each]\n"
                            "Needs root, or user namespaces, and iproute2's ip.\n"
                            "\n"
                            "  --rounds N  deaths in each case, 1..100 (10); fewer are played when time runs out\n"
                            "  --each      prints every gap too\n"
                            "  --short     one death in each case, looser bounds, a shorter look at the slow way\n";

static bool read_options(int count, char **arguments, struct options *options)
{
    static const struct option known[] = {{"rounds", required_argument, NULL, 'r'},
                                          {"short", no_argument, NULL, 's'},
                                          {"each", no_argument, NULL, 'e'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    char *end;
    bool well = true;
    int option;

    *options = (struct options){.rounds = ROUNDS};
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        if (option == 'r') {
            options->rounds = (uint32_t)strtoul(optarg, &end, 10);
            well &= *end == 0;
        } else if (option == 'e') {
            options->each = true;
        } else if (option == 's') {
            options->rounds = 1;
            options->short_run = true;
        } else {
            return false;
        }
    }
    return well && optind == count && options->rounds >= 1 && options->rounds <= WORLD_ROUNDS_MAX;
}

static void catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    space_need(sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0, "sigaction");
    (void)signal(SIGPIPE, SIG_IGN);
}

int main(int count, char **arguments)
{
    struct options options;

    if (!read_options(count, arguments, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    catch_signals();
    space_leave_machine();
    outcomes = mmap(NULL, PLAYS * sizeof *outcomes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    space_need(outcomes != MAP_FAILED, "mmap");
    start_worlds(&options);
    if (!wait_for_worlds()) {
        return stopped != 0 ? 128 + stopped : EXIT_FAILURE;
    }
    report_all_gaps(&options);
    report_slow_way(&outcomes[PLAY_SLOW], plan_of(&plays[PLAY_SLOW], &options).watch_ms);
    return report_end();
}
