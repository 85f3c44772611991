/* The figures as JSON. Jansson takes NULL for a value and says -1 then, so one look at the end is enough.
 * SPDX-License-Identifier: ISC */
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "report.h"

/* A message of the day may have any bytes; JSON is UTF-8. */
static json_t *text_json(const char *text, size_t size)
{
    char plain[sizeof((struct relay_figures *)NULL)->motd];
    const size_t len = strnlen(text, size);
    json_t *json = json_stringn(text, len);

    if (json != NULL || len > sizeof plain) {
        return json;
    }
    for (size_t i = 0; i < len; i++) {
        plain[i] = (text[i] & 0x80) != 0 ? '?' : text[i];
    }
    return json_stringn(plain, len);
}

static json_t *number_json(uint64_t value, uint8_t decimals)
{
    double unit = 1;

    if (decimals == 0) {
        return json_integer((json_int_t)value);
    }
    for (uint8_t i = 0; i < decimals; i++) {
        unit *= 10;
    }
    return json_real((double)value / unit);
}

/* The object of that name, made when there is none yet. */
static json_t *object_in(json_t *parent, const char *name)
{
    json_t *object = json_object_get(parent, name);

    if (object == NULL && json_object_set_new(parent, name, json_object()) == 0) {
        object = json_object_get(parent, name);
    }
    return object;
}

static int put_family(json_t *root, const struct report *report, const struct report_family *family)
{
    int status = 0;

    for (const struct report_number *number = family->numbers; number->size != 0; number++) {
        json_t *parent = root;
        const char *name = family->name;

        for (int i = 0; i < 2 && family->label[i] != NULL; i++) {
            parent = object_in(parent, name);
            name = number->label[i];
        }
        status |= json_object_set_new(parent, name, number_json(report_number_get(report, number), family->decimals));
    }
    return status;
}

static json_t *worker_json(const struct report_worker *worker)
{
    const size_t prefix = strlen("worker_");
    json_t *json = json_object();
    int status = 0;

    for (const struct report_family *family = report_worker_families; family->name != NULL; family++) {
        status |= json_object_set_new(json, family->name + prefix,
                                      number_json(report_number_get(worker, &family->numbers[0]), family->decimals));
    }
    if (status != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static int put_workers(json_t *root, const struct report *report)
{
    json_t *list = json_array();
    int status = json_object_set_new(root, "worker", list);

    for (uint32_t i = 0; status == 0 && i < report->workers_count; i++) {
        status = json_array_append_new(list, worker_json(&report->workers[i]));
    }
    return status;
}

static int put_transit(json_t *root, const struct histogram *waits_us)
{
    json_t *json = object_in(root, "transit");
    int status = json_object_set_new(json, "count", json_integer((json_int_t)waits_us->count));

    status |= json_object_set_new(json, "sum_seconds", number_json(waits_us->sum, 6));
    status |= json_object_set_new(json, "p50_seconds", number_json(histogram_quantile(waits_us, 500), 6));
    status |= json_object_set_new(json, "p99_seconds", number_json(histogram_quantile(waits_us, 990), 6));
    status |= json_object_set_new(json, "p999_seconds", number_json(histogram_quantile(waits_us, 999), 6));
    status |= json_object_set_new(json, "max_seconds", number_json(histogram_quantile(waits_us, 1000), 6));
    return status;
}

/* Their values in one sample, in this order. */
static const char *const sample_names[] = {"uptime_seconds",
                                           "clients",
                                           "packets_per_second",
                                           "bytes_per_second",
                                           "cpu",
                                           "transit_count",
                                           "transit_p50_seconds",
                                           "transit_p99_seconds"};
enum { SAMPLE_NUMBERS = sizeof sample_names / sizeof sample_names[0] };

static void sample_values(const struct history_sample *sample, json_t *values[SAMPLE_NUMBERS])
{
    values[0] = number_json(sample->uptime_ms, 3);
    values[1] = json_integer(sample->clients);
    values[2] = json_real(sample->packets_per_second);
    values[3] = json_real(sample->bytes_per_second);
    values[4] = json_real(sample->cpu);
    values[5] = json_integer(sample->transit_count);
    values[6] = number_json(sample->transit_p50_us, 6);
    values[7] = number_json(sample->transit_p99_us, 6);
}

static int put_recent(json_t *root, const struct history_sample *sample)
{
    json_t *json = object_in(root, "recent");
    json_t *values[SAMPLE_NUMBERS];
    int status = 0;

    sample_values(sample, values);
    for (int i = 0; i < SAMPLE_NUMBERS; i++) {
        status |= json_object_set_new(json, sample_names[i], values[i]);
    }
    return status;
}

/* A list for each value: that is much shorter than an object for each sample. */
static int put_history(json_t *root, const struct history *history)
{
    json_t *json = object_in(root, "history");
    json_t *lists[SAMPLE_NUMBERS];
    json_t *values[SAMPLE_NUMBERS];
    int status = 0;

    for (int i = 0; i < SAMPLE_NUMBERS; i++) {
        lists[i] = json_array();
        status |= json_object_set_new(json, sample_names[i], lists[i]);
    }
    for (uint32_t index = 0; status == 0 && index < history->count; index++) {
        sample_values(history_get(history, index), values);
        for (int i = 0; i < SAMPLE_NUMBERS; i++) {
            status |= json_array_append_new(lists[i], values[i]);
        }
    }
    return status;
}

json_t *report_json(const struct report *report, const struct history_sample *recent, const struct history *past)
{
    const struct relay_figures *figures = report->figures;
    json_t *root = json_object();
    int status = json_object_set_new(root, "version", json_string(toxtcp_version()));

    status |= json_object_set_new(root, "public_key", text_json(figures->public_key, sizeof figures->public_key));
    status |= json_object_set_new(root, "motd", text_json(figures->motd, sizeof figures->motd));
    for (const struct report_family *family = report_families; family->name != NULL; family++) {
        status |= put_family(root, report, family);
    }
    status |= put_workers(root, report);
    status |= put_transit(root, &figures->waits_us);
    status |= put_recent(root, recent);
    if (past != NULL) {
        status |= put_history(root, past);
    }
    if (status != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}
