/* The figures in Prometheus' text format. SPDX-License-Identifier: ISC */
#include <inttypes.h>

#include <toxtcp/toxtcp.h>

#include "report.h"

static const char prefix[] = "toxtcp_relay_";

/* Upper bounds of the transit times' buckets. */
static const struct {
    uint64_t us;
    const char *seconds;
} bounds[] = {
    {10, "1e-05"},   {20, "2e-05"},   {50, "5e-05"},   {100, "0.0001"},  {200, "0.0002"},
    {500, "0.0005"}, {1000, "0.001"}, {2000, "0.002"}, {5000, "0.005"},  {10000, "0.01"},
    {20000, "0.02"}, {50000, "0.05"}, {100000, "0.1"}, {200000, "0.2"},  {500000, "0.5"},
    {1000000, "1"},  {2000000, "2"},  {5000000, "5"},  {10000000, "10"},
};

static void write_name(const struct report_family *family, FILE *out)
{
    (void)fprintf(out, "%s%s%s", family->process ? "" : prefix, family->name, family->counter ? "_total" : "");
}

static void write_head(const struct report_family *family, FILE *out)
{
    (void)fputs("# HELP ", out);
    write_name(family, out);
    (void)fprintf(out, " %s\n# TYPE ", family->help);
    write_name(family, out);
    (void)fprintf(out, " %s\n", family->counter ? "counter" : "gauge");
}

static void write_value(uint64_t value, uint8_t decimals, FILE *out)
{
    char text[REPORT_NUMBER_SIZE];

    report_number_format(value, decimals, text);
    (void)fprintf(out, " %s\n", text);
}

static void write_family(const struct report *report, const struct report_family *family, FILE *out)
{
    write_head(family, out);
    for (const struct report_number *number = family->numbers; number->size != 0; number++) {
        write_name(family, out);
        if (family->label[1] != NULL) {
            (void)fprintf(out, "{%s=\"%s\",%s=\"%s\"}", family->label[0], number->label[0], family->label[1],
                          number->label[1]);
        } else if (family->label[0] != NULL) {
            (void)fprintf(out, "{%s=\"%s\"}", family->label[0], number->label[0]);
        }
        write_value(report_number_get(report, number), family->decimals, out);
    }
}

static void write_worker_family(const struct report *report, const struct report_family *family, FILE *out)
{
    write_head(family, out);
    for (uint32_t i = 0; i < report->workers_count; i++) {
        write_name(family, out);
        (void)fprintf(out, "{worker=\"%" PRIu32 "\"}", i);
        write_value(report_number_get(&report->workers[i], &family->numbers[0]), family->decimals, out);
    }
}

static void write_transit(const struct histogram *waits_us, FILE *out)
{
    (void)fprintf(out,
                  "# HELP %stransit_seconds Time through the relay, from when a packet was read to when it was "
                  "written.\n# TYPE %stransit_seconds histogram\n",
                  prefix, prefix);
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        (void)fprintf(out, "%stransit_seconds_bucket{le=\"%s\"} %" PRIu64 "\n", prefix, bounds[i].seconds,
                      histogram_rank(waits_us, bounds[i].us));
    }
    (void)fprintf(out, "%stransit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n%stransit_seconds_sum", prefix,
                  waits_us->count, prefix);
    write_value(waits_us->sum, 6, out);
    (void)fprintf(out, "%stransit_seconds_count %" PRIu64 "\n", prefix, waits_us->count);
}

void report_write_text(const struct report *report, FILE *out)
{
    (void)fprintf(out,
                  "# HELP %sbuild_info What was built; always 1.\n# TYPE %sbuild_info gauge\n"
                  "%sbuild_info{version=\"%s\"} 1\n",
                  prefix, prefix, prefix, toxtcp_version());
    for (const struct report_family *family = report_families; family->name != NULL; family++) {
        write_family(report, family, out);
    }
    for (const struct report_family *family = report_worker_families; family->name != NULL; family++) {
        write_worker_family(report, family, out);
    }
    write_transit(&report->figures->waits_us, out);
}
