/* The command line of toxtcp-relay. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_OPTIONS_H
#define APPS_RELAY_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <toxtcp/address.h>

#include "../common/problem.h"

enum { LISTEN_MAX = 64 };

struct relay_options {
    struct toxtcp_address listen[LISTEN_MAX];
    size_t listen_count;
    bool listen_default;   /* none was given: where one cannot be listened at, the other will do */
    const char *keys_path; /* or NULL: a throw-away identity */
    bool help;
    bool version;
};

/* Reads the command line; `options` borrows from `arguments`. Returns 0, or -1 with `problem` set. */
int options_read(int count, char *const *arguments, struct relay_options *options, struct problem *problem);

extern const char options_help[];

#endif
