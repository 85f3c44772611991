/* What came out of a run, as JSON. SPDX-License-Identifier: ISC */
#include "report.h"

#include "../common/address_text.h"
#include "engine.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/* Digits that a measure can have; the rest would be noise that two runs differ in. */
static json_t *rounded(double value, double step)
{
    return json_real(round(value / step) * step);
}

static json_t *per_second(uint64_t count, double seconds)
{
    return rounded(seconds > 0 ? (double)count / seconds : 0, 0.1);
}

static json_t *us(uint64_t ns)
{
    return rounded((double)ns / 1000, 0.1);
}

static void add(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void add_count(json_t *object, const char *key, uint64_t count)
{
    add(object, key, json_integer((json_int_t)count));
}

static json_t *histogram_json(const struct histogram *histogram)
{
    json_t *object = json_object();

    add_count(object, "count", histogram->count);
    if (histogram->count > 0) {
        add(object, "mean", us(histogram->sum / histogram->count));
        add(object, "min", us(histogram->min));
        add(object, "p50", us(histogram_quantile(histogram, 500)));
        add(object, "p90", us(histogram_quantile(histogram, 900)));
        add(object, "p99", us(histogram_quantile(histogram, 990)));
        add(object, "p999", us(histogram_quantile(histogram, 999)));
        add(object, "max", us(histogram->max));
    }
    return object;
}

static json_t *reasons_json(const uint64_t counts[REASON_COUNT])
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < REASON_COUNT; i++) {
        if (counts[i] > 0) {
            add_count(object, reason_name(i), counts[i]);
        }
    }
    return object;
}

static json_t *connects_json(const struct group_result *result, double seconds)
{
    json_t *object = json_object();

    add_count(object, "ok", result->tally.connects_ok);
    add_count(object, "failed", result->tally.connects_failed);
    if (result->group->scenario->engine->counts_measured_connects) {
        add(object, "per_s", per_second(result->tally.connects_ok, seconds));
    }
    add(object, "failed_by_reason", reasons_json(result->tally.failed_by));
    add(object, "ended_by_reason", reasons_json(result->tally.ended_by));
    add(object, "time_us", histogram_json(&result->times.connect));
    return object;
}

static void add_settings(json_t *object, const struct group *group)
{
    add_count(object, "pairs", group->scenario->engine->in_pairs ? group->pairs : 0);
    add_count(object, "clients", group->clients);
    add_count(object, "size", group->size);
    add(object, "rate_per_s", json_real(group->rate));
    add_count(object, "window", group->window);
    add_count(object, "routes", group->routes);
    add(object, "both", json_boolean(group->both));
    add(object, "life_s", json_real(group->life_s));
}

static json_t *group_json(const struct group_result *result, double seconds)
{
    const struct tally *tally = &result->tally;
    json_t *object = json_object();

    add(object, "scenario", json_string(result->group->scenario->name));
    add_settings(object, result->group);
    add_count(object, "sent", tally->sent);
    add_count(object, "received", tally->received);
    add_count(object, "lost", tally_lost(tally));
    add_count(object, "duplicated", tally->duplicated);
    add_count(object, "reordered", tally->reordered);
    add_count(object, "corrupted", tally->corrupted);
    add_count(object, "misdelivered", tally->misdelivered);
    add_count(object, "refused", tally->refused);
    add_count(object, "cut", tally->cut);
    add_count(object, "unnoticed", tally->unnoticed);
    add_count(object, "credit_timeouts", tally->credit_timeouts);
    add_count(object, "unwoken", tally->unwoken);
    add(object, "packets_per_s", per_second(tally->arrived, seconds));
    add(object, "bytes_per_s", per_second(tally->arrived_bytes, seconds));
    add(object, "one_way_us", histogram_json(&result->times.one_way));
    add(object, "round_trip_us", histogram_json(&result->times.round_trip));
    add(object, "send_delay_us", histogram_json(&result->times.send_delay));
    add(object, "gap_us", histogram_json(&result->times.gap));
    add(object, "recover_us", histogram_json(&result->times.recover));
    add(object, "wake_us", histogram_json(&result->times.wake));
    /* In thousandths; so they become whole ones. */
    add(object, "wake_round_trips", histogram_json(&result->times.wake_trips));
    add(object, "connects", connects_json(result, seconds));
    return object;
}

static json_t *attack_json(const struct run_result *result, const struct group *group)
{
    json_t *object = json_object();

    add(object, "name", json_string(group->attack));
    add_count(object, "clients", group->clients);
    add(object, "rate_per_s", json_real(group->rate));
    add_count(object, "sources", group->sources);
    add_count(object, "connects", result->attack.connects);
    add_count(object, "refused", result->attack.refused);
    add_count(object, "closed", result->attack.closed);
    add_count(object, "actions", result->attack.actions);
    add_count(object, "bytes_sent", result->attack.bytes_sent);
    return object;
}

/* Of what one relay alone has done. */
static json_t *cpu_share(const struct run_result *result, uint64_t count, double step)
{
    if (!result->relay.measured || result->relay_count != 1 || count == 0) {
        return json_null();
    }
    return rounded(result->relay.cpu_s * 1e6 / (double)count, step);
}

static json_t *relay_json(const struct run_result *result)
{
    const struct relay_result *relay = &result->relay;
    json_t *object = json_object();

    add_count(object, "pid", relay->pid);
    add(object, "cpu_s", relay->measured ? rounded(relay->cpu_s, 1e-6) : json_null());
    add(object, "cpu_us_per_packet", cpu_share(result, result->relayed, 0.001));
    add(object, "cpu_us_per_handshake", cpu_share(result, result->confirmed, 0.01));
    add(object, "cpu_percent", relay->measured ? rounded(relay->cpu_s / relay->elapsed_s * 100, 0.01) : json_null());
    add_count(object, "rss_start_kib", relay->rss_start_kib);
    add(object, "rss_begin_kib",
        relay->rss_begin_kib > 0 ? json_integer((json_int_t)relay->rss_begin_kib) : json_null());
    add_count(object, "rss_peak_kib", relay->rss_peak_kib);
    add(object, "rss_end_kib", relay->measured ? json_integer((json_int_t)relay->rss_end_kib) : json_null());
    add(object, "descriptors", relay->measured ? json_integer(relay->descriptors) : json_null());
    return object;
}

/* As it was given. */
static void relay_name(const struct run_result *result, uint32_t index, char text[ENDPOINT_TEXT_SIZE])
{
    struct toxtcp_endpoint endpoint = {.address = result->relays[index].address};

    if (index < result->options->relays.count) {
        endpoint = relay_entry_endpoint(&result->options->relays.entries[index]);
    }
    endpoint_text_format(&endpoint, text);
}

static json_t *relays_json(const struct run_result *result)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < result->relay_count; i++) {
        const struct relay_seen *relay = &result->relays[i];
        char text[ENDPOINT_TEXT_SIZE];
        json_t *object = json_object();
        relay_name(result, i, text);
        add(object, "address", json_string(text));
        add(object, "embedded", json_boolean(relay->pid != 0));
        if (relay->pid != 0) {
            add_count(object, "pid", relay->pid);
            add(object, "died", json_boolean(relay->died));
        }
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* When it was done, as the points of the series count the time. */
static json_t *event_time(const struct event_result *result, uint64_t start_ns)
{
    if (!result->outcome.done || result->at_ns == UINT64_MAX) {
        return json_null();
    }
    return rounded((double)(result->at_ns - start_ns) / 1e9, 0.001);
}

static void add_event_figures(json_t *object, const struct event_figures *figures, const struct event_tally *tally)
{
    add_count(object, "sent", figures->sent);
    add_count(object, "lost", figures->sent > figures->received ? figures->sent - figures->received : 0);
    add(object, "longest_gap_us", us(figures->gap_ns));
    add_count(object, "receivers", tally->receivers);
    add(object, "recover_us", histogram_json(&tally->recover));
    add(object, "reconnect_us", histogram_json(&tally->reconnect));
}

static json_t *event_json(const struct event *event, const struct event_result *result, const struct event_tally *tally,
                          uint64_t start_ns)
{
    const struct event_outcome *outcome = &result->outcome;
    const uint32_t relay = outcome->relay == EVENT_NO_RELAY ? event->relay : outcome->relay + 1;
    json_t *object = json_object();

    add(object, "at_s", json_real(event->at_s));
    add(object, "action", json_string(event_action_name(event->action)));
    add(object, "relay", relay == 0 ? json_null() : json_integer(relay));
    add(object, "done", json_boolean(outcome->done));
    add(object, "time_s", event_time(result, start_ns));
    if (outcome->trouble[0] != '\0') {
        add(object, "trouble", json_string(outcome->trouble));
    }
    if (outcome->done) {
        add_event_figures(object, &result->figures, tally);
    }
    return object;
}

static json_t *events_json(const struct run_result *result)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < result->options->events.count; i++) {
        (void)json_array_append_new(list, event_json(&result->options->events.list[i], &result->events[i],
                                                     &result->tallies[i + 1], result->series.start_ns));
    }
    return list;
}

static json_t *generator_json(const struct run_result *result)
{
    json_t *object = json_object();

    add(object, "cpu_s", rounded(result->cpu_s, 1e-6));
    add(object, "cpu_percent", rounded(result->duration_s > 0 ? result->cpu_s / result->duration_s * 100 : 0, 0.1));
    add(object, "busiest_thread_percent", rounded(result->busiest * 100, 0.1));
    add(object, "bottleneck", json_boolean(result->busiest > GENERATOR_LIMIT));
    add(object, "heap_kib_per_client",
        result->heap_per_client > 0 ? rounded(result->heap_per_client / 1024, 0.001) : json_null());
    return object;
}

/* --- The series --- */

static json_t *moment_json(const struct series_group *moment, const char *latency)
{
    json_t *object = json_object();

    add(object, "sent_per_s", rounded(moment->sent_per_s, 0.1));
    add(object, "packets_per_s", rounded(moment->arrived_per_s, 0.1));
    add(object, "bytes_per_s", rounded(moment->bytes_per_s, 1));
    add(object, "connects_per_s", rounded(moment->connects_per_s, 0.1));
    add(object, "missing", json_integer((json_int_t)moment->missing));
    if (moment->samples > 0) {
        add(object, "latency", json_string(latency));
        add_count(object, "count", moment->samples);
        add(object, "p50_us", us(moment->p50));
        add(object, "p90_us", us(moment->p90));
        add(object, "p99_us", us(moment->p99));
        add(object, "max_us", us(moment->max));
    }
    return object;
}

static json_t *point_json(const struct run_result *result, size_t index)
{
    static const char *const phases[] = {
        [SERIES_CONNECT] = "connect", [SERIES_WARMUP] = "warmup", [SERIES_MEASURE] = "measure"};
    const struct series *series = &result->series;
    const struct series_point *point = &series->points[index];
    json_t *object = json_object();
    json_t *groups = json_array();

    add(object, "time_s", rounded((double)(point->end_ns - series->start_ns) / 1e9, 0.001));
    add(object, "seconds", rounded(point->seconds, 0.001));
    add(object, "phase", json_string(phases[point->phase]));
    add_count(object, "clients", point->clients);
    if (point->relay_cpu >= 0) {
        add(object, "relay_cpu_percent", rounded(point->relay_cpu * 100, 0.01));
        add_count(object, "relay_rss_kib", point->relay_rss_kib);
    }
    add(object, "groups", groups);
    for (size_t i = 0; i < series->group_count; i++) {
        const struct scenario *scenario = result->groups[i].group->scenario;
        if (!scenario->is_attack) {
            (void)json_array_append_new(groups,
                                        moment_json(series_group(series, index, i), series_latency_name(scenario)));
        }
    }
    return object;
}

static json_t *series_json(const struct run_result *result)
{
    json_t *series = json_array();

    for (size_t i = 0; i < result->series.count; i++) {
        (void)json_array_append_new(series, point_json(result, i));
    }
    return series;
}

json_t *report_result(const struct run_result *result)
{
    char text[ENDPOINT_TEXT_SIZE];
    json_t *object = json_object();
    json_t *groups = json_array();

    relay_name(result, 0, text);
    add(object, "relay", json_string(text));
    add(object, "relays", relays_json(result));
    add(object, "events", events_json(result));
    add(object, "duration_s", rounded(result->duration_s, 0.001));
    add(object, "interrupted", json_boolean(result->interrupted));
    add(object, "groups", groups);
    for (size_t i = 0; i < result->options->group_count; i++) {
        const struct group *group = result->groups[i].group;
        if (group->scenario->is_attack) {
            add(object, "attack", attack_json(result, group));
        } else {
            (void)json_array_append_new(groups, group_json(&result->groups[i], result->duration_s));
        }
    }
    if (result->relay.pid != 0) {
        add(object, "relay_process", relay_json(result));
    }
    add_count(object, "relayed_packets", result->relayed);
    add(object, "generator", generator_json(result));
    add(object, "series", series_json(result));
    return object;
}

int report_json(const json_t *document, const char *path, struct problem *problem)
{
    FILE *file = is_standard_output(path) ? stdout : fopen(path, "we");
    int failed;

    if (file == NULL) {
        return problem_set(problem, "--json %s: %s", path, strerror(errno));
    }
    failed = json_dumpf(document, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0;
    failed |= fputc('\n', file) == EOF;
    failed |= file == stdout ? fflush(file) != 0 : fclose(file) != 0;
    return failed ? problem_set(problem, "--json %s: it cannot be written", path) : 0;
}
