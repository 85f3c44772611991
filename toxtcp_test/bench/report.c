/* The table that a benchmark prints. SPDX-License-Identifier: ISC */
#include "bench/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool all_hold = true;

void report_title(const char *title)
{
    (void)printf("\n%s\n  %-58s %10s  %-10s %s\n", title, "", "measured", "", "budget");
}

static bool holds(double measured, enum report_budget kind, double budget)
{
    switch (kind) {
    case REPORT_AT_LEAST:
        return measured >= budget;
    case REPORT_AT_MOST:
        return measured <= budget;
    case REPORT_BELOW:
        return measured < budget;
    default:
        return true;
    }
}

void report_row(const char *name, double measured, const char *unit, enum report_budget kind, double budget)
{
    static const char *const signs[] = {">=", "<=", "<"};
    const bool held = holds(measured, kind, budget);

    (void)printf("  %-58s %10.3f  %-10s ", name, measured, unit);
    if (kind == REPORT_FOR_INFORMATION) {
        (void)printf("-\n");
    } else {
        (void)printf("%s %g  %s\n", signs[kind], budget, held ? "ok" : "OVER");
    }
    all_hold &= held;
}

int report_end(void)
{
    return all_hold ? EXIT_SUCCESS : EXIT_FAILURE;
}

uint64_t report_cpu_ns(void)
{
    struct timespec time;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) {
        abort();
    }
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

double report_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}
