/* The signals that end a run. SPDX-License-Identifier: ISC */
#include "signals.h"

#include <signal.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDING_COUNT = sizeof ending / sizeof *ending };

static void fill(sigset_t *set)
{
    (void)sigemptyset(set);
    for (int i = 0; i < ENDING_COUNT; i++) {
        (void)sigaddset(set, ending[i]);
    }
}

void signals_block(void)
{
    sigset_t set;

    fill(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

void signals_unblock(void)
{
    const struct timespec at_once = {.tv_sec = 0};
    sigset_t set;

    while (signals_pending() && signals_wait(&at_once)) {
    }
    fill(&set);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool signals_pending(void)
{
    sigset_t pending;

    if (sigpending(&pending) != 0) {
        return false;
    }
    for (int i = 0; i < ENDING_COUNT; i++) {
        if (sigismember(&pending, ending[i]) == 1) {
            return true;
        }
    }
    return false;
}

bool signals_wait(const struct timespec *timeout)
{
    sigset_t set;

    fill(&set);
    return sigtimedwait(&set, NULL, timeout) >= 0;
}
