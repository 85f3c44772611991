/* Why something did not work, in words for whoever runs the program. SPDX-License-Identifier: ISC */
#ifndef APPS_COMMON_PROBLEM_H
#define APPS_COMMON_PROBLEM_H

enum { PROBLEM_SIZE = 512 };

/* One sentence or two without the program's name and without an end of line. */
struct problem {
    char text[PROBLEM_SIZE];
};

/* Writes the text, cut off where it does not fit. Always returns -1, so that a function can end with it. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int problem_set(struct problem *problem, const char *format, ...);

#endif
