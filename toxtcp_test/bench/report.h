/* The table that a benchmark prints: what was measured, its budget, and whether it holds. SPDX-License-Identifier: ISC
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>
#include <stdint.h>

enum report_budget { REPORT_AT_LEAST, REPORT_AT_MOST, REPORT_BELOW, REPORT_FOR_INFORMATION };

void report_title(const char *title);
void report_row(const char *name, double measured, const char *unit, enum report_budget kind, double budget);
/* What main() returns: 0 when every budget holds. */
int report_end(void);

/* Time that this thread has computed, in ns: what others do on the machine does not count. */
uint64_t report_cpu_ns(void);
/* Sorts `values`. */
double report_median(double *values, size_t count);

#endif
