/* What came out of a run, for people and for programs. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_REPORT_H
#define APPS_STRESS_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "../common/problem.h"
#include "run.h"

/* A table of 80 columns. */
void report_text(const struct run_result *result, FILE *file);

/* JSON, as toxtcp-stress(1) describes it. What a document begins with; a relay's address; what came out of a run. */
json_t *report_head(const struct stress_options *options);
json_t *report_relay(const struct relay_entry *relay);
json_t *report_result(const struct run_result *result);

/* Writes a document; "-" is standard output. Returns 0, or -1 with `problem` set. */
int report_json(const json_t *document, const char *path, struct problem *problem);

#endif
