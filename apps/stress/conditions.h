/* Whether conditions can be told of a run, before it. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_CONDITIONS_H
#define APPS_STRESS_CONDITIONS_H

#include "options.h"

/* A slip of the pen would be a condition that fails, after the run. Returns 0, or -1 with `problem` set when the figure
 * of one cannot come out of what is asked for. */
int conditions_check(const struct stress_options *options, struct problem *problem);

#endif
