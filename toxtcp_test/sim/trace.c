/* What happened in a run: a ring of lines. SPDX-License-Identifier: ISC */
#include "trace.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINES = 64, WIDTH = 160 };

/* There is one run at a time, and a signal handler must find it. */
static struct {
    const uint64_t *clock_ms;
    uint64_t start_ms;
    const char *replay;
    bool loud;
    char lines[LINES][WIDTH];
    uint32_t count;
} ring;

jmp_buf trace_failed;

void trace_begin(const uint64_t *clock_ms, uint64_t start_ms, const char *replay, bool loud)
{
    ring.clock_ms = clock_ms;
    ring.start_ms = start_ms;
    ring.replay = replay;
    ring.loud = loud;
    ring.count = 0;
}

bool trace_is_loud(void)
{
    return ring.loud;
}

void trace(const char *format, ...)
{
    char *line = ring.lines[ring.count % LINES];
    const uint64_t passed_ms = *ring.clock_ms - ring.start_ms;
    va_list arguments;

    const int len = snprintf(line, WIDTH, "%6" PRIu64 ".%03" PRIu64 " ", passed_ms / 1000, passed_ms % 1000);
    va_start(arguments, format);
    (void)vsnprintf(line + len, WIDTH - (size_t)len, format, arguments);
    va_end(arguments);
    ring.count++;
    if (ring.loud) {
        (void)puts(line);
    }
}

static void print_ring(void)
{
    const uint32_t first = ring.count > LINES ? ring.count - LINES : 0;

    if (ring.loud) {
        return;
    }
    for (uint32_t i = first; i < ring.count; i++) {
        (void)puts(ring.lines[i % LINES]);
    }
}

static _Noreturn void give_up(void)
{
    (void)printf("replay: %s\n", ring.replay);
    (void)fflush(stdout);
    longjmp(trace_failed, 1);
}

void trace_fail(const char *rule, const char *format, ...)
{
    va_list arguments;

    print_ring();
    (void)printf("FAILED: %s: ", rule);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    give_up();
}

/* abort() is called by the thread that runs the simulation, from no library call that was under way: what a handler may
 * not do in general is safe here. */
static void on_abort(int number)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    trace_fail("check", "an assertion does not hold (see above)");
}

void trace_catch_abort(void)
{
    (void)signal(SIGABRT, on_abort);
}
