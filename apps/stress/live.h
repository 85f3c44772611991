/* How a run goes, in one line of a terminal. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_LIVE_H
#define APPS_STRESS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "series.h"

struct live {
    const struct stress_options *options;
    bool shown; /* on a terminal, and wanted */
    uint64_t begin_ns;
    uint64_t end_ns; /* 0: clients connect */
    double sent;     /* packets, as far as the series goes */
    size_t seen;     /* points of it */
};

/* On standard error, when that is a terminal and nobody has asked for quiet. */
void live_start(struct live *live, const struct stress_options *options);
/* The load lasts from then to then. */
void live_set_end(struct live *live, uint64_t begin_ns, uint64_t end_ns);
/* Shows the last point. */
void live_show(struct live *live, const struct series *series);
/* Makes room for other words. */
void live_clear(const struct live *live);

/* The line for the last point, for `columns`; parts that do not fit are left out. */
enum { LIVE_LINE_SIZE = 256 };
void live_format(struct live *live, const struct series *series, uint64_t now_ns, size_t columns,
                 char line[LIVE_LINE_SIZE]);

#endif
