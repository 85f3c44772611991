/* Looks at one relay, from resolving its name to OOB to oneself. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_PROBE_H
#define APPS_PROBE_PROBE_H

#include <stdbool.h>

#include <toxtcp/env.h>
#include <toxtcp/ev.h>

#include "../common/relay_list.h"
#include "result.h"

struct ev_loop;
struct probe;

/* What probes share. */
struct probe_place {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    double timeout_s; /* for what is waited for, each time */
};

/* Begins. Writes to `result`, which is all zeros, while it lives; `place` and `entry` must outlive it. It never ends
 * before probe_look() is called. NULL without memory. */
struct probe *probe_new(const struct probe_place *place, const struct relay_entry *entry, struct probe_result *result);

/* To be called once in each turn of the loop, not in a callback. True when it has finished. */
bool probe_look(struct probe *probe);

/* Leaves the relay. NULL is ignored. Not in a callback of toxtcp's. */
void probe_free(struct probe *probe);

#endif
