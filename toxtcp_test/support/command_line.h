/* Tests of a program's options: a command line that getopt may change. SPDX-License-Identifier: ISC
 *
 * Whoever includes it has `struct problem problem`, and int read_options(const char *const *arguments), which reads the
 * arguments up to a NULL and returns 0, or -1 with `problem` set. */
#ifndef TEST_SUPPORT_COMMAND_LINE_H
#define TEST_SUPPORT_COMMAND_LINE_H

#include <check.h>
#include <getopt.h>
#include <string.h>

enum { COMMAND_LINE_MAX = 40, COMMAND_LINE_TEXT_SIZE = 200 };

struct command_line {
    int count;
    char *arguments[COMMAND_LINE_MAX + 1];
    char texts[COMMAND_LINE_MAX][COMMAND_LINE_TEXT_SIZE];
};

/* Copies the arguments, the last of which is NULL, after the program's name; getopt begins anew, and says nothing. */
static inline void command_line_set(struct command_line *line, const char *program, const char *const *arguments)
{
    memset(line, 0, sizeof *line);
    strcpy(line->texts[0], program);
    line->arguments[0] = line->texts[0];
    for (line->count = 1; arguments[line->count - 1] != NULL; line->count++) {
        const char *argument = arguments[line->count - 1];
        ck_assert_int_lt(line->count, COMMAND_LINE_MAX);
        ck_assert_uint_lt(strlen(argument), COMMAND_LINE_TEXT_SIZE);
        strcpy(line->texts[line->count], argument);
        line->arguments[line->count] = line->texts[line->count];
    }
    optind = 0; /* getopt's word for a new command line */
    opterr = 0;
}

#define TAKEN(...)                                                                                                     \
    do {                                                                                                               \
        const char *const arguments[] = {__VA_ARGS__, NULL};                                                           \
        ck_assert_msg(read_options(arguments) == 0, "%s", problem.text);                                               \
    } while (0)

#define REFUSED(why, ...)                                                                                              \
    do {                                                                                                               \
        const char *const arguments[] = {__VA_ARGS__, NULL};                                                           \
        ck_assert_int_eq(read_options(arguments), -1);                                                                 \
        ck_assert_msg(strstr(problem.text, why) != NULL, "said \"%s\", not \"%s\"", problem.text, why);                \
    } while (0)

#endif
