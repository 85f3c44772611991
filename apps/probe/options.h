/* The command line of toxtcp-probe. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_OPTIONS_H
#define APPS_PROBE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/problem.h"
#include "../common/relay_list.h"

struct probe_options {
    struct relay_list relays;
    double timeout_s; /* for each thing that is waited for */
    uint32_t parallel;
    bool watch;
    double every_s;        /* with watch */
    const char *json_path; /* "-" for standard output */
    bool quiet;
    bool help;
    bool version;
};

extern const char options_help[];

/* Reads the command line and the files that it names. `options` borrows from `arguments`, and is to be freed whatever
 * comes of it. Returns 0, or -1 with `problem` set. */
int options_read(int count, char *const *arguments, struct probe_options *options, struct problem *problem);

void options_free(struct probe_options *options);

#endif
