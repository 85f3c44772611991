/* What came out of a run, for people and for programs. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_REPORT_H
#define APPS_STRESS_REPORT_H

#include <stdio.h>

#include "../common/problem.h"
#include "run.h"

/* A table of 80 columns. */
void report_text(const struct run_result *result, FILE *file);

/* JSON, as toxtcp-stress(1) describes it; "-" is standard output. Returns 0, or -1 with `problem` set. */
int report_json(const struct run_result *result, const char *path, struct problem *problem);

#endif
