/* The command line of toxtcp-stress. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_OPTIONS_H
#define APPS_STRESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/problem.h"
#include "../common/relay_list.h"
#include "scenario.h"

enum { GROUPS_MAX = 16, THREADS_MAX = 64 };

struct stress_options {
    bool has_relay;
    struct relay_entry relay;
    struct group groups[GROUPS_MAX];
    size_t group_count;
    struct settings common;
    double duration_s;
    double warmup_s;
    double ramp; /* clients connected a second at the start */
    uint32_t threads;
    uint64_t seed; /* 0: another one each time */
    uint32_t relay_pid;
    const char *json_path; /* "-" for standard output */
    bool own_this_relay;
    bool list_attacks;
    bool help;
    bool version;
};

/* Reads the command line; `options` borrows from `arguments`. Returns 0, or -1 with `problem` set. */
int options_read(int count, char *const *arguments, struct stress_options *options, struct problem *problem);

void options_print_help(void);

#endif
