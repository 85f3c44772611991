/* The signals that end a run. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_SIGNALS_H
#define APPS_STRESS_SIGNALS_H

#include <stdbool.h>
#include <time.h>

/* From now on they wait until they are asked for, in threads too that are started later. SIGPIPE is ignored. */
void signals_block(void);

/* They end the program again, at once; one that has come meanwhile is forgotten. */
void signals_unblock(void);

/* Whether one has come; it stays. They are blocked. */
bool signals_pending(void);

/* Sleeps for so long. Returns whether one has come, which then is gone. */
bool signals_wait(const struct timespec *timeout);

#endif
