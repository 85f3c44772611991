/* The command line of toxtcp-stress. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_OPTIONS_H
#define APPS_STRESS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/problem.h"
#include "../common/relay_list.h"
#include "events.h"
#include "scenario.h"
#include "verdict.h"

enum { GROUPS_MAX = 16, THREADS_MAX = 64, RELAYS_MAX = 64, EMBEDDED_MAX = 16, ROUNDS_MAX = 1000, CONDITIONS_MAX = 32 };

struct stress_options {
    struct relay_list relays;
    uint32_t embedded; /* relays that are started besides */
    struct events events;
    const char *on_event; /* a command; NULL: none */
    struct group groups[GROUPS_MAX];
    size_t group_count;
    struct settings common;
    double duration_s;
    double warmup_s;
    double ramp; /* clients connected a second at the start */
    uint32_t threads;
    uint64_t seed; /* 0: another one each time */
    uint32_t relay_pid;
    const char *json_path;   /* "-" for standard output */
    const char *report_path; /* of an HTML page */
    struct condition conditions[CONDITIONS_MAX];
    size_t condition_count;
    bool has_versus;
    struct {
        struct relay_entry relay;
        uint32_t pid;
    } versus;
    uint32_t rounds; /* 0: one run, not in rounds */
    bool quiet;
    int argument_count; /* all of the command line */
    char *const *arguments;
    bool own_this_relay;
    bool list_attacks;
    bool help;
    bool version;
};

/* Reads the command line; `options` borrows from `arguments`. Returns 0, or -1 with `problem` set; in both cases
 * options_free() follows. */
int options_read(int count, char *const *arguments, struct stress_options *options, struct problem *problem);

void options_free(struct stress_options *options);

/* Whether an option's FILE, NULL when there is none, is "-". */
bool is_standard_output(const char *path);

void options_print_help(void);

#endif
