/* The relay's figures as they are shown, in whichever form: what they are called, and their values.
 * SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_REPORT_H
#define APPS_RELAY_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "figures.h"
#include "history.h"

/* One of the workers. */
struct report_worker {
    uint64_t clients;
    uint64_t packets;
    uint64_t bytes;
    uint64_t cpu_ns;
};

/* What is shown, worked out from the figures. */
struct report {
    const struct relay_figures *figures;
    struct toxtcp_server_info sum;
    struct toxtcp_ev_info ev; /* sums, too */
    struct report_worker workers[WORKERS_MAX];
    uint64_t clients_max;
    uint64_t clients_confirmed;
    uint64_t routes_offline;
    uint64_t workers_count;
    uint64_t draining;
    uint64_t uptime_ms;
    uint64_t memory_bytes;
    uint64_t descriptors;
    uint64_t descriptors_max;
    uint64_t process_cpu_ns;
    uint64_t process_started_ms; /* since 1970 */
    uint64_t mesh_keys;
    uint64_t mesh_queue_len;
    uint64_t mesh_messages;
    uint64_t mesh_wakeups;
};

/* A number in struct report or struct report_worker. Its labels are those that its family names. */
struct report_number {
    const char *label[2];
    uint16_t offset;
    uint16_t size; /* 4 or 8 */
};

enum { REPORT_NUMBERS_MAX = 9 };

/* Numbers that mean the same of different things. */
struct report_family {
    const char *name; /* without prefix and without "_total" */
    const char *help;
    const char *label[2]; /* what the numbers' labels are of; NULL: none */
    bool counter;         /* never goes back; else it is what is now */
    bool process;         /* of the process: a name that all programs have in common, without our prefix */
    uint8_t decimals;     /* of the unit in the name that the number counts: 9 for nanoseconds */
    struct report_number numbers[REPORT_NUMBERS_MAX]; /* ends at a size of 0 */
};

/* They end with one without a name. The second ones are in each worker, with its index for a label. */
extern const struct report_family report_families[];
extern const struct report_family report_worker_families[];

/* `figures` must outlive the report. */
void report_make(struct report *report, const struct relay_figures *figures, uint64_t process_cpu_ns,
                 uint64_t process_started_ms);

/* `from` is the report or one of its workers. */
uint64_t report_number_get(const void *from, const struct report_number *number);

/* The number in its unit: exactly, with a point and that many decimals when there are some. */
enum { REPORT_NUMBER_SIZE = 32 };
void report_number_format(uint64_t number, uint8_t decimals, char text[REPORT_NUMBER_SIZE]);

/* Writes all in Prometheus' text format, version 0.0.4. Errors are the stream's. */
void report_write_text(const struct report *report, FILE *out);

/* All as JSON; NULL when memory is short. The names are those of the Prometheus text, without prefix and "_total",
 * their labels' values below. `past` may be NULL. */
json_t *report_json(const struct report *report, const struct history_sample *recent, const struct history *past);

#endif
