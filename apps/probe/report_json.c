/* What is shown of a round to programs. SPDX-License-Identifier: ISC */
#include <jansson.h>
#include <math.h>

#include <toxtcp/toxtcp.h>

#include "../common/address_text.h"
#include "report.h"

static void add(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static void add_count(json_t *object, const char *key, uint64_t count)
{
    add(object, key, json_integer((json_int_t)count));
}

static void add_time(json_t *object, const char *key, time_t moment)
{
    struct tm utc;
    char text[32] = "";

    if (gmtime_r(&moment, &utc) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    add(object, key, json_string(text));
}

/* To the microsecond: the rest is noise. */
static json_t *ms_json(uint64_t ns)
{
    return json_real(round((double)ns / 1e3) / 1e3);
}

static json_t *step_json(const struct step_result *step, enum step which)
{
    json_t *object = json_object();
    uint64_t ns;

    add(object, "outcome", json_string(outcome_name(step->outcome)));
    add(object, "ms", step_time(step, which, &ns) ? ms_json(ns) : json_null());
    add_count(object, "samples", step->sample_count);
    if (which >= STEP_DATA) {
        add_count(object, "sent", step->sent);
        add_count(object, "received", step->received);
        add_count(object, "changed", step->changed);
    }
    return object;
}

static json_t *faults_json(const struct probe_result *result)
{
    json_t *faults = json_array();
    char text[FAULT_TEXT_SIZE];

    for (enum step step = 0; step < STEP_COUNT; step++) {
        json_t *object;

        step_fault_text(result, step, text);
        if (text[0] == '\0') {
            continue;
        }
        object = json_object();
        add(object, "step", json_string(step_name(step)));
        add(object, "fault", json_string(fault_name(result->steps[step].fault)));
        add(object, "text", json_string(text));
        (void)json_array_append_new(faults, object);
    }
    return faults;
}

static json_t *history_json(const struct history *history)
{
    json_t *object = json_object();
    json_t *last = json_array();

    add_count(object, "rounds", history->rounds);
    add_count(object, "good", history->good);
    add(object, "availability_percent", json_real(round(history_availability(history) * 1000) / 1000));
    add_time(object, "since", history->since);
    for (size_t i = 0; i < history_kept(history); i++) {
        const uint64_t ns = history_round_trip(history, i);
        (void)json_array_append_new(last, ns == 0 ? json_null() : ms_json(ns));
    }
    add(object, "last_ms", last);
    return object;
}

static json_t *relay_json(const struct report *report, size_t index)
{
    const struct relay_entry *entry = &report->list->entries[index];
    const struct probe_result *result = &report->results[index];
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(entry);
    char name[ENDPOINT_TEXT_SIZE];
    char address[TOXTCP_ADDRESS_TEXT_SIZE];
    char key[TOXTCP_KEY_TEXT_SIZE];
    json_t *object = json_object();
    json_t *steps = json_object();

    endpoint_text_format(&endpoint, name);
    toxtcp_address_format(&result->address, address);
    toxtcp_public_key_format(&entry->public_key, key);
    add(object, "relay", json_string(name));
    add(object, "key", json_string(key));
    add(object, "address", result->address.family == TOXTCP_FAMILY_NONE ? json_null() : json_string(address));
    add(object, "state", json_string(relay_state_name(result_state(result))));
    add(object, "faults", faults_json(result));
    for (enum step step = 0; step < STEP_COUNT; step++) {
        add(steps, step_name(step), step_json(&result->steps[step], step));
    }
    add(object, "steps", steps);
    if (report->histories != NULL && report->histories[index].rounds > 0) {
        add(object, "history", history_json(&report->histories[index]));
    }
    return object;
}

int report_json(const struct report *report, bool compact, FILE *file)
{
    json_t *object = json_object();
    json_t *relays = json_array();

    add(object, "toxtcp_probe", json_string(toxtcp_version()));
    add_time(object, "time", report->time);
    add(object, "timeout_s", json_real(report->timeout_s));
    add(object, "interrupted", json_boolean(report->interrupted));
    if (report->histories != NULL) {
        add_count(object, "round", report->rounds);
        add(object, "every_s", json_real(report->every_s));
        add_time(object, "since", report->since);
    }
    add_count(object, "good", report_count(report, RELAY_GOOD));
    add_count(object, "bad", report_count(report, RELAY_BAD));
    add_count(object, "unfinished", report_count(report, RELAY_UNFINISHED));
    for (size_t i = 0; i < report->list->count; i++) {
        (void)json_array_append_new(relays, relay_json(report, i));
    }
    add(object, "relays", relays);
    const size_t flags = (compact ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(12);
    const bool failed = json_dumpf(object, file, flags) != 0 || fputc('\n', file) == EOF;
    json_decref(object);
    return failed ? -1 : 0;
}
