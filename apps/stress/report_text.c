/* What came out of a run, as a table of 80 columns. SPDX-License-Identifier: ISC */
#include "report.h"

#include "engine.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CELL_SIZE = 16 };

/* Four digits and a unit at the most, whatever the size. */
static void format_time(double ns, char cell[CELL_SIZE])
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
    size_t unit = 0;

    while (unit < 2 && ns >= 999.5 * units[unit].ns) {
        unit++;
    }
    const double value = ns / units[unit].ns;
    (void)snprintf(cell, CELL_SIZE, "%.*f %s", value < 9.95 ? 1 : 0, value, units[unit].name);
}

static void format_count(double count, char cell[CELL_SIZE])
{
    static const char units[] = " kMGT";
    size_t unit = 0;

    while (unit < 4 && count >= 99999.5) {
        count /= 1000;
        unit++;
    }
    if (unit == 0) {
        (void)snprintf(cell, CELL_SIZE, "%.0f", count);
    } else {
        (void)snprintf(cell, CELL_SIZE, "%.1f %c", count, units[unit]);
    }
}

static void quantile_cell(const struct histogram *histogram, uint32_t per_mille, char cell[CELL_SIZE])
{
    if (histogram->count == 0) {
        (void)snprintf(cell, CELL_SIZE, "-");
    } else {
        format_time((double)histogram_quantile(histogram, per_mille), cell);
    }
}

static void print_packets(const struct group_result *group, double seconds, FILE *file)
{
    const struct tally *tally = &group->tally;
    const uint64_t lost = tally_lost(tally);
    char rate[CELL_SIZE];
    char bytes[CELL_SIZE];
    char p50[CELL_SIZE];
    char p99[CELL_SIZE];
    char longest[CELL_SIZE];

    format_count(seconds > 0 ? (double)tally->arrived / seconds : 0, rate);
    format_count(seconds > 0 ? (double)tally->arrived_bytes / seconds / 1e6 : 0, bytes);
    quantile_cell(&group->times.one_way, 500, p50);
    quantile_cell(&group->times.one_way, 990, p99);
    quantile_cell(&group->times.one_way, 1000, longest);
    (void)fprintf(file, "%-11s %9s %8s %10" PRIu64 " %7.3f%% %8s %8s %8s\n", group->group->scenario->name, rate, bytes,
                  lost, tally->sent == 0 ? 0. : (double)lost * 100 / (double)tally->sent, p50, p99, longest);
}

static void print_round_trip(const struct group_result *group, FILE *file)
{
    char p50[CELL_SIZE];
    char p99[CELL_SIZE];
    char longest[CELL_SIZE];

    if (group->times.round_trip.count == 0) {
        return;
    }
    quantile_cell(&group->times.round_trip, 500, p50);
    quantile_cell(&group->times.round_trip, 990, p99);
    quantile_cell(&group->times.round_trip, 1000, longest);
    (void)fprintf(file, "%-51s %8s %8s %8s\n", "  round trip", p50, p99, longest);
}

static void print_connects(const struct group_result *group, double seconds, FILE *file)
{
    char p50[CELL_SIZE];
    char p99[CELL_SIZE];
    char longest[CELL_SIZE];
    char label[64];

    quantile_cell(&group->times.connect, 500, p50);
    quantile_cell(&group->times.connect, 990, p99);
    quantile_cell(&group->times.connect, 1000, longest);
    if (group->group->scenario->engine->counts_measured_connects) {
        (void)snprintf(label, sizeof label, "%" PRIu64 " confirmed, %.1f a second", group->tally.connects_ok,
                       seconds > 0 ? (double)group->tally.connects_ok / seconds : 0);
    } else {
        (void)snprintf(label, sizeof label, "%" PRIu64 " confirmed", group->tally.connects_ok);
    }
    (void)fprintf(file, "%-11s %-39s %8s %8s %8s\n",
                  group->tally.sent > 0 || group->tally.refused > 0 ? "" : group->group->scenario->name, label, p50,
                  p99, longest);
}

static void print_reasons(const char *what, const uint64_t counts[REASON_COUNT], FILE *file)
{
    for (uint32_t i = 0; i < REASON_COUNT; i++) {
        if (counts[i] > 0) {
            (void)fprintf(file, "  %s %s: %" PRIu64 "\n", what, reason_name(i), counts[i]);
        }
    }
}

static void print_trouble(const struct tally *tally, FILE *file)
{
    const struct {
        const char *name;
        uint64_t count;
    } troubles[] = {{"duplicated", tally->duplicated},
                    {"out of order", tally->reordered},
                    {"corrupted", tally->corrupted},
                    {"misdelivered", tally->misdelivered},
                    {"could not be sent", tally->refused},
                    {"on their way when their receiver left", tally->cut},
                    {"windows given up after 1 s", tally->credit_timeouts},
                    {"departures that the other peer was not told of", tally->unnoticed}};

    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        if (troubles[i].count > 0) {
            (void)fprintf(file, "  %s: %" PRIu64 "\n", troubles[i].name, troubles[i].count);
        }
    }
    print_reasons("connecting failed,", tally->failed_by, file);
    print_reasons("connection ended,", tally->ended_by, file);
}

static void print_group(const struct run_result *result, size_t index, FILE *file)
{
    const struct group_result *group = &result->groups[index];

    if (group->group->scenario->is_attack) {
        (void)fprintf(file,
                      "attack %s: %" PRIu64 " streams, %" PRIu64 " refused, %" PRIu64 " closed, %" PRIu64 " acts\n",
                      group->group->attack, result->attack.connects, result->attack.refused, result->attack.closed,
                      result->attack.actions);
        return;
    }
    if (group->tally.sent > 0 || group->tally.refused > 0) {
        print_packets(group, result->duration_s, file);
        print_round_trip(group, file);
    }
    print_connects(group, result->duration_s, file);
    print_trouble(&group->tally, file);
}

static void print_relay(const struct run_result *result, FILE *file)
{
    const struct relay_result *relay = &result->relay;

    if (relay->pid == 0 || relay->elapsed_s <= 0) {
        return;
    }
    (void)fprintf(file, "relay       %.1f %% of a core", relay->cpu_s / relay->elapsed_s * 100);
    if (result->relayed > 0 && result->confirmed == 0) {
        (void)fprintf(file, ", %.2f us a packet", relay->cpu_s * 1e6 / (double)result->relayed);
    }
    if (result->confirmed > 0) {
        (void)fprintf(file, ", %.1f us a handshake", relay->cpu_s * 1e6 / (double)result->confirmed);
    }
    (void)fprintf(file,
                  "\n            resident %" PRIu64 " KiB before, %" PRIu64 " peak, %" PRIu64 " end; %" PRIu32
                  " descriptors\n",
                  relay->rss_start_kib, relay->rss_peak_kib, relay->rss_end_kib, relay->descriptors);
}

void report_text(const struct run_result *result, FILE *file)
{
    (void)fprintf(file, "%-11s %9s %8s %10s %8s %8s %8s %8s\n", "", "packets/s", "MB/s", "lost", "", "p50", "p99",
                  "max");
    for (size_t i = 0; i < result->options->group_count; i++) {
        print_group(result, i, file);
    }
    print_relay(result, file);
    (void)fprintf(file, "generator   %.1f %% of a core, its busiest thread %.1f %%\n",
                  result->duration_s > 0 ? result->cpu_s / result->duration_s * 100 : 0, result->busiest * 100);
    if (result->busiest > GENERATOR_LIMIT) {
        (void)fputs("            it was itself the limit: these are not the relay's best figures\n", file);
    }
    if (result->ready < result->wanted) {
        (void)fprintf(file, "only %" PRIu32 " of %" PRIu32 " clients or pairs were there when the load began\n",
                      result->ready, result->wanted);
    }
    if (result->interrupted) {
        (void)fprintf(file, "interrupted after %.1f s of %.1f\n", result->duration_s, result->options->duration_s);
    }
}
