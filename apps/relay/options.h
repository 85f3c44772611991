/* The command line of toxtcp-relay. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_OPTIONS_H
#define APPS_RELAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../common/problem.h"
#include "settings.h"

enum { OPTIONS_MAX = 256 };

struct relay_options {
    const char *config; /* or NULL */
    bool check;
    bool help;
    bool version;
    struct {
        const struct setting *setting;
        const char *value;
    } given[OPTIONS_MAX]; /* in the order of the command line */
    size_t given_count;
};

/* Reads the command line; `options` borrows from `arguments`. Values are not looked at. Returns 0, or -1 with `problem`
 * set. */
int options_read(int count, char *const *arguments, struct relay_options *options, struct problem *problem);

/* What the settings are: the defaults, over them the file, over that the options. Returns 0, or -1 with `problem`
 * set. */
int options_settings(const struct relay_options *options, struct settings *settings, struct problem *problem);

void options_print_help(FILE *file);

#endif
