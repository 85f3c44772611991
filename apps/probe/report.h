/* What is shown of a round: for people and for programs. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_REPORT_H
#define APPS_PROBE_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "../common/relay_list.h"
#include "history.h"
#include "result.h"

enum { MOMENT_SIZE = 32 };

struct report {
    const struct relay_list *list;
    const struct probe_result *results; /* in the order of the list */
    const struct history *histories;    /* NULL: one round alone */
    time_t time;                        /* of the round */
    time_t since;                       /* of the first round */
    uint32_t rounds;
    double timeout_s;
    double every_s; /* between the rounds */
    bool interrupted;
};

struct table_style {
    bool colour;
    bool utf8;
};

size_t report_count(const struct report *report, enum relay_state state);

/* A table of 80 columns. */
void report_table(const struct report *report, const struct table_style *style, FILE *file);

/* A line for a relay: "HOST:PORT bad: drops data: 0 of 33 packets arrived; ..." */
void report_line(const struct report *report, size_t index, FILE *file);

/* For people, in local time: "2026-11-21 17:53:52"; empty for one that cannot be said so. */
void report_moment(time_t moment, char text[MOMENT_SIZE]);

/* One object; on one line of its own with `compact`. Returns 0, or -1 when it cannot be written. */
int report_json(const struct report *report, bool compact, FILE *file);

#endif
