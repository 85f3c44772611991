/* --fail-if: conditions that a result must not meet. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_VERDICT_H
#define APPS_STRESS_VERDICT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "../common/problem.h"
#include "figures.h"

enum condition_sign { SIGN_OVER, SIGN_AT_LEAST, SIGN_UNDER, SIGN_AT_MOST };

struct condition {
    const char *text; /* borrowed from the command line */
    char group[FIGURE_GROUP_SIZE];
    const struct measure *measure;
    enum condition_sign sign;
    double bound; /* in the measure's unit as JSON has it, shares of 1 */
};

/* Reads "[GROUP.]NAME>NUMBER[UNIT]"; `text` is borrowed. Returns 0, or -1 with `problem` set. */
int condition_read(const char *text, struct condition *condition, struct problem *problem);

/* Holds figures against conditions. Each condition that they meet, or that has no figure, is named in `file`. Returns
 * how many these are; `verdicts`, an array, gets an object for each figure that was looked at. Of a run that was
 * interrupted a figure that is not there says nothing. */
size_t verdict_give(const struct figures *figures, const struct condition *conditions, size_t count, bool interrupted,
                    FILE *file, json_t *verdicts);

#endif
