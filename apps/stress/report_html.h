/* --report: a page that stands alone, with charts. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_REPORT_HTML_H
#define APPS_STRESS_REPORT_HTML_H

#include <stdio.h>

#include <jansson.h>

#include "../common/problem.h"

/* Whether gnuplot is there. Returns 0, or -1 with `problem` set. */
int report_html_possible(struct problem *problem);

/* Writes the page for what --json writes. Returns 0, or -1 with `problem` set. */
int report_html(const json_t *document, const char *path, struct problem *problem);

#endif
