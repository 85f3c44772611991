/* One round of a list of relays, or one after another. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_SESSION_H
#define APPS_PROBE_SESSION_H

#include "../common/problem.h"
#include "options.h"
#include "result.h"

/* Runs until all is known, or with --watch until a signal ends it, and shows what was found. *state is that of the
 * worst relay. Returns 0, or -1 with `problem` set. */
int session_run(const struct probe_options *options, enum relay_state *state, struct problem *problem);

#endif
