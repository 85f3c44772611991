/* toxtcp-sim: runs of a simulated world, one for each seed. SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/options.h"
#include "sim/world.h"

enum { REPLAY_SIZE = KNOBS_TEXT_SIZE + 200, MS_PER_HOUR = 3600000 };

/* What a run leaves behind when it fails by a jump. */
static struct results results;
static struct options options;
static char replay[REPLAY_SIZE];
static uint64_t failures;

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void describe(uint64_t seed, const struct knobs *knobs)
{
    char text[KNOBS_TEXT_SIZE];

    knobs_format(knobs, text);
    options_format_replay(&options, seed, replay, sizeof replay);
    if (options.trace) {
        (void)printf("seed %" PRIu64 "\n%s", seed, text);
    }
    const size_t len = strlen(replay);
    (void)snprintf(replay + len, sizeof replay - len, "\n%s", text);
}

/* Returns whether the run was good. */
static bool run_seed(uint64_t seed)
{
    struct knobs knobs;

    knobs_draw(&knobs, seed, &options.wish);
    describe(seed, &knobs);
    if (setjmp(trace_failed) != 0) {
        failures++;
        return false;
    }
    world_run(seed, &knobs, &results, replay, options.trace);
    return true;
}

static void print_histogram(const char *name, const char *unit, const struct histogram *histogram)
{
    (void)printf("%-10s %6" PRIu64 " times  p50 %6" PRIu64 "  p90 %6" PRIu64 "  p99 %6" PRIu64 "  max %6" PRIu64
                 " %s\n",
                 name, histogram->count, histogram_quantile(histogram, 500), histogram_quantile(histogram, 900),
                 histogram_quantile(histogram, 990), histogram_quantile(histogram, 1000), unit);
}

static double per_thousand_hours(uint64_t count, uint64_t ms)
{
    return ms ? (double)count * 1000 * MS_PER_HOUR / (double)ms : 0;
}

static void print_results(double seconds)
{
    const double hours = (double)results.virtual_ms / MS_PER_HOUR;
    const double busy = seconds_of(CLOCK_PROCESS_CPUTIME_ID);

    (void)printf("%" PRIu64 " runs, %.1f virtual hours in %.1f s (%.0f h per minute of a processor), %" PRIu64
                 " failed\n",
                 results.runs, hours, seconds, busy > 0 ? hours * 60 / busy : 0, failures);
    (void)printf("%" PRIu64 " events, %" PRIu64 " MB, %" PRIu64 " copies sent, %" PRIu64 " messages delivered, %" PRIu64
                 " packets of liars dropped\n",
                 results.events, results.bytes / 1000000, results.sent, results.delivered, results.from_liars);
    if (options.first == options.last) {
        return;
    }
    print_histogram("failover", "ms", &results.failover);
    print_histogram("recovery", "ms", &results.recovery);
    print_histogram("detection", "ms", &results.detection);
    (void)printf("liars that drop data: %" PRIu64 " found, %" PRIu64 " not\n", results.liars_found,
                 results.liars_not_found);
    (void)printf("false alarms in %.1f hours of honest, calm relays: silent %" PRIu64
                 " (%.2f per 1000 h), demoted %" PRIu64 " (%.2f per 1000 h)\n",
                 (double)results.trusted_ms / MS_PER_HOUR, results.false_silent,
                 per_thousand_hours(results.false_silent, results.trusted_ms), results.false_demoted,
                 per_thousand_hours(results.false_demoted, results.trusted_ms));
}

int main(int argc, char **argv)
{
    const double began = seconds_of(CLOCK_MONOTONIC);

    options_read(&options, argc, argv);
    trace_catch_abort();
    for (uint64_t seed = options.first; seed <= options.last; seed++) {
        if (!run_seed(seed) && !options.keep_going) {
            break;
        }
        if (options.seconds && seconds_of(CLOCK_MONOTONIC) - began >= options.seconds) {
            break;
        }
    }
    print_results(seconds_of(CLOCK_MONOTONIC) - began);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
