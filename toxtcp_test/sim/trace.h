/* What happened in a run, and the end of one that went wrong. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_TRACE_H
#define TEST_SIM_TRACE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TRACE_FORMAT(n, m) __attribute__((format(printf, n, m)))
#else
#define TRACE_FORMAT(n, m)
#endif

/* Begins the trace of a run. `clock_ms` is read for each line, until the next run begins; lines count from
 * `start_ms`. `replay` is the command that repeats the run; both must live as long. */
void trace_begin(const uint64_t *clock_ms, uint64_t start_ms, const char *replay, bool loud);
/* A line; the last ones are kept, and all are printed when the trace is loud. */
TRACE_FORMAT(1, 2)
void trace(const char *format, ...);
/* Whether lines that only a loud trace is worth are wanted. */
bool trace_is_loud(void);

/* Where a failed run is left for. abort() leads there too, with what the core asserts. */
extern jmp_buf trace_failed;
/* From now on the end of a process by abort() is the failure of a run. */
void trace_catch_abort(void);
/* The run has failed: says which rule, why, and how to see it again. */
TRACE_FORMAT(2, 3)
_Noreturn void trace_fail(const char *rule, const char *format, ...);

#endif
