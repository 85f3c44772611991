/* What is wrong with an option that getopt_long() does not take. SPDX-License-Identifier: ISC */
#ifndef APPS_COMMON_OPTION_PROBLEM_H
#define APPS_COMMON_OPTION_PROBLEM_H

#include "problem.h"

/* In words of our own, since those of getopt begin with the path of the program, and tell what stands behind a misspelt
 * option, which may be a password. `option` is '?' or ':', as getopt_long() returned it with opterr 0 and a colon at
 * the beginning of its letters; `argument` is where the option stands. Returns -1. */
int option_problem(const char *program, int option, const char *argument, struct problem *problem);

#endif
