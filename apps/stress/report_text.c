/* What came out of a run, as a table of 80 columns. SPDX-License-Identifier: ISC */
#include "report.h"

#include "cells.h"
#include "engine.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LABEL_SIZE = 40 };

static void quantile_cell(const struct histogram *histogram, uint32_t per_mille, char cell[CELL_SIZE])
{
    if (histogram->count == 0) {
        (void)snprintf(cell, CELL_SIZE, "-");
    } else {
        format_time((double)histogram_quantile(histogram, per_mille), cell);
    }
}

static void print_packets(const struct group_result *group, const char *name, double seconds, FILE *file)
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
    (void)fprintf(file, "%-13s %9s %8s %10" PRIu64 " %7.3f%% %8s %8s %8s\n", name, rate, bytes, lost,
                  tally->sent == 0 ? 0. : (double)lost * 100 / (double)tally->sent, p50, p99, longest);
}

/* A line of three quantiles, if there is anything. */
static void print_times(const char *label, const struct histogram *times, FILE *file)
{
    char p50[CELL_SIZE];
    char p99[CELL_SIZE];
    char longest[CELL_SIZE];

    if (times->count == 0) {
        return;
    }
    quantile_cell(times, 500, p50);
    quantile_cell(times, 990, p99);
    quantile_cell(times, 1000, longest);
    (void)fprintf(file, "  %-51s %8s %8s %8s\n", label, p50, p99, longest);
}

static void print_round_trips(const struct histogram *trips, FILE *file)
{
    if (trips->count > 0) {
        (void)fprintf(file, "  %-51s %8.1f %8.1f %8.1f\n", "... in round trips to the relay",
                      (double)histogram_quantile(trips, 500) / 1000, (double)histogram_quantile(trips, 990) / 1000,
                      (double)trips->max / 1000);
    }
}

static void print_connects(const struct group_result *group, const char *name, double seconds, FILE *file)
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
    (void)fprintf(file, "%-13s %-39s %8s %8s %8s\n", group->tally.sent > 0 || group->tally.refused > 0 ? "" : name,
                  label, p50, p99, longest);
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
                    {"woke, and heard nothing of the other", tally->unwoken},
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
    char name[FIGURE_GROUP_SIZE];
    size_t before = 0;

    for (size_t i = 0; i < index; i++) {
        before += result->groups[i].group->scenario == group->group->scenario ? 1 : 0;
    }
    group_name(group->group->scenario->name, before, name);
    if (group->group->scenario->is_attack) {
        (void)fprintf(file,
                      "attack %s: %" PRIu64 " streams, %" PRIu64 " refused, %" PRIu64 " closed, %" PRIu64 " acts\n",
                      group->group->attack, result->attack.connects, result->attack.refused, result->attack.closed,
                      result->attack.actions);
        return;
    }
    if (group->tally.sent > 0 || group->tally.refused > 0) {
        print_packets(group, name, result->duration_s, file);
        print_times("round trip", &group->times.round_trip, file);
        print_times("longest gap of each receiver", &group->times.gap, file);
        print_times("wake to first packet", &group->times.wake, file);
        print_round_trips(&group->times.wake_trips, file);
    }
    print_connects(group, name, result->duration_s, file);
    print_trouble(&group->tally, file);
}

static void event_label(const struct event *event, uint32_t relay, char label[LABEL_SIZE])
{
    const uint32_t number = relay == EVENT_NO_RELAY ? event->relay : relay + 1;
    const char *action = event_action_name(event->action);

    if (number == 0) {
        (void)snprintf(label, LABEL_SIZE, "%g s %s primary", event->at_s, action);
    } else {
        (void)snprintf(label, LABEL_SIZE, "%g s %s relay %" PRIu32, event->at_s, action, number);
    }
}

static void print_event_figures(const char *label, const struct event_figures *figures, const struct event_tally *tally,
                                FILE *file)
{
    char gap[CELL_SIZE] = "-";
    char p50[CELL_SIZE];
    char worst[CELL_SIZE];
    char reconnect[CELL_SIZE];

    if (figures->gap_ns > 0) {
        format_time((double)figures->gap_ns, gap);
    }
    quantile_cell(&tally->recover, 500, p50);
    quantile_cell(&tally->recover, 1000, worst);
    quantile_cell(&tally->reconnect, 1000, reconnect);
    (void)fprintf(file, "%-22s %8" PRIu64 " %8s %11s %11s %13s\n", label,
                  figures->sent > figures->received ? figures->sent - figures->received : 0, gap, p50, worst,
                  reconnect);
    if (tally->recover.count < tally->receivers) {
        (void)fprintf(file, "  not yet again when the run ended: %" PRIu64 " of %" PRIu64 " receivers\n",
                      tally->receivers - tally->recover.count, tally->receivers);
    }
}

static void print_event(const struct event *event, const struct event_result *result, const struct event_tally *tally,
                        FILE *file)
{
    char label[LABEL_SIZE];

    event_label(event, result->outcome.relay, label);
    if (result->outcome.done) {
        print_event_figures(label, &result->figures, tally, file);
    } else {
        (void)fprintf(file, "%-22s %8s %8s %11s %11s %13s\n", label, "-", "-", "-", "-", "-");
    }
    if (result->outcome.trouble[0] != '\0') {
        (void)fprintf(file, "  %s: %.60s\n", result->outcome.done ? "trouble" : "not done", result->outcome.trouble);
    } else if (!result->outcome.done) {
        (void)fputs("  it did not come to that\n", file);
    }
}

static void print_events(const struct run_result *result, FILE *file)
{
    const struct events *events = &result->options->events;

    if (events->count == 0) {
        return;
    }
    (void)fprintf(file, "%-22s %8s %8s %11s %11s %13s\n", "event", "lost", "max gap", "back, p50", "back, max",
                  "reconnected");
    for (uint32_t i = 0; i < events->count; i++) {
        print_event(&events->list[i], &result->events[i], &result->tallies[i + 1], file);
    }
}

static void print_deaths(const struct run_result *result, FILE *file)
{
    for (uint32_t i = 0; i < result->relay_count; i++) {
        if (result->relays[i].died) {
            (void)fprintf(file, "relay %" PRIu32 " died by itself\n", i + 1);
        }
    }
}

static void print_relay(const struct run_result *result, FILE *file)
{
    const struct relay_result *relay = &result->relay;

    if (relay->pid == 0) {
        return;
    }
    if (!relay->measured) {
        (void)fputs("relay       gone\n", file);
        return;
    }
    (void)fprintf(file, "relay       %.1f %% of a core", relay->cpu_s / relay->elapsed_s * 100);
    if (result->relay_count == 1 && result->relayed > 0 && result->confirmed == 0) {
        (void)fprintf(file, ", %.2f us a packet", relay->cpu_s * 1e6 / (double)result->relayed);
    }
    if (result->relay_count == 1 && result->confirmed > 0) {
        (void)fprintf(file, ", %.1f us a handshake", relay->cpu_s * 1e6 / (double)result->confirmed);
    }
    (void)fprintf(file,
                  "\n            resident %" PRIu64 " KiB before, %" PRIu64 " peak, %" PRIu64 " end; %" PRIu32
                  " descriptors\n",
                  relay->rss_start_kib, relay->rss_peak_kib, relay->rss_end_kib, relay->descriptors);
}

void report_text(const struct run_result *result, FILE *file)
{
    (void)fprintf(file, "%-13s %9s %8s %10s %8s %8s %8s %8s\n", "", "packets/s", "MB/s", "lost", "", "p50", "p99",
                  "max");
    for (size_t i = 0; i < result->options->group_count; i++) {
        print_group(result, i, file);
    }
    print_events(result, file);
    print_deaths(result, file);
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
