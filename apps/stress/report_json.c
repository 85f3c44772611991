/* What came out of a run, as JSON. SPDX-License-Identifier: ISC */
#include "report.h"

#include "engine.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "../common/address_text.h"

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
    add(object, "packets_per_s", per_second(tally->arrived, seconds));
    add(object, "bytes_per_s", per_second(tally->arrived_bytes, seconds));
    add(object, "one_way_us", histogram_json(&result->times.one_way));
    add(object, "round_trip_us", histogram_json(&result->times.round_trip));
    add(object, "send_delay_us", histogram_json(&result->times.send_delay));
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

static json_t *relay_json(const struct run_result *result)
{
    const struct relay_result *relay = &result->relay;
    json_t *object = json_object();

    add_count(object, "pid", relay->pid);
    add(object, "cpu_s", rounded(relay->cpu_s, 1e-6));
    add(object, "cpu_us_per_packet",
        result->relayed == 0 ? json_null() : rounded(relay->cpu_s * 1e6 / (double)result->relayed, 0.001));
    add(object, "cpu_us_per_handshake",
        result->confirmed == 0 ? json_null() : rounded(relay->cpu_s * 1e6 / (double)result->confirmed, 0.01));
    add(object, "cpu_percent", rounded(relay->elapsed_s > 0 ? relay->cpu_s / relay->elapsed_s * 100 : 0, 0.01));
    add_count(object, "rss_start_kib", relay->rss_start_kib);
    add_count(object, "rss_begin_kib", relay->rss_begin_kib);
    add_count(object, "rss_peak_kib", relay->rss_peak_kib);
    add_count(object, "rss_end_kib", relay->rss_end_kib);
    add_count(object, "descriptors", relay->descriptors);
    return object;
}

static json_t *generator_json(const struct run_result *result)
{
    json_t *object = json_object();

    add(object, "cpu_s", rounded(result->cpu_s, 1e-6));
    add(object, "cpu_percent", rounded(result->duration_s > 0 ? result->cpu_s / result->duration_s * 100 : 0, 0.1));
    add(object, "busiest_thread_percent", rounded(result->busiest * 100, 0.1));
    add(object, "bottleneck", json_boolean(result->busiest > GENERATOR_LIMIT));
    return object;
}

static json_t *result_json(const struct run_result *result)
{
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(&result->options->relay);
    char text[ENDPOINT_TEXT_SIZE];
    json_t *object = json_object();
    json_t *groups = json_array();

    endpoint_text_format(&endpoint, text);
    add(object, "toxtcp_stress", json_string(toxtcp_version()));
    add(object, "relay", json_string(text));
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
    return object;
}

int report_json(const struct run_result *result, const char *path, struct problem *problem)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    json_t *object;
    int failed;

    if (file == NULL) {
        return problem_set(problem, "--json %s: %s", path, strerror(errno));
    }
    object = result_json(result);
    failed = json_dumpf(object, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) != 0;
    failed |= fputc('\n', file) == EOF;
    json_decref(object);
    failed |= file == stdout ? fflush(file) != 0 : fclose(file) != 0;
    return failed ? problem_set(problem, "--json %s: it cannot be written", path) : 0;
}
