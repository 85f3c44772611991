/* toxtcp-stress compare: what differs between results, and whether it is more than noise. SPDX-License-Identifier: ISC
 */
#ifndef APPS_STRESS_COMPARE_H
#define APPS_STRESS_COMPARE_H

#include <stdio.h>

#include <jansson.h>

#include "../common/problem.h"

/* Compares two results as --json writes them, in a table. Returns how many figures are worse beyond the noise, or -1
 * with `problem` set when they have nothing in common. */
int compare_results(const json_t *before, const json_t *after, FILE *file, struct problem *problem);

/* All of the command, with the arguments after its name. Returns the exit status. */
int compare_main(int count, char *const *arguments);

#endif
