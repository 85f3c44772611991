/* What is wrong with an option that getopt_long() does not take. SPDX-License-Identifier: ISC */
#include "option_problem.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>

enum { SHOWN_MAX = 80 };

int option_problem(const char *program, int option, const char *argument, struct problem *problem)
{
    const size_t len = strcspn(argument, "=");
    /* A letter that nobody knows may stand behind it, with others in one argument. */
    const bool is_letter = option == '?' && optopt != 0 && argument[len] == '\0';
    const bool is_long = strncmp(argument, "--", 2) == 0 && !is_letter;
    const char *why = "there is no such option";

    if (option == ':') {
        why = "it needs a value";
    } else if (is_long && optopt != 0) {
        why = "it takes no value";
    }
    if (is_long) {
        return problem_set(problem, "%.*s: %s; see %s --help", len < SHOWN_MAX ? (int)len : SHOWN_MAX, argument, why,
                           program);
    }
    return problem_set(problem, "-%c: %s; see %s --help", optopt, why, program);
}
