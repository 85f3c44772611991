/* What the relay knows of itself at one moment, for whoever shows it. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_FIGURES_H
#define APPS_RELAY_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/ev.h>
#include <toxtcp/key.h>
#include <toxtcp/server.h>

#include "../common/histogram.h"

enum { WORKERS_MAX = 64 };

struct worker_figures {
    struct toxtcp_server_info server;
    struct toxtcp_ev_info ev;
    uint64_t cpu_ns; /* of its thread, since it began */
};

struct relay_figures {
    char public_key[TOXTCP_KEY_TEXT_SIZE];
    char motd[256];
    uint64_t uptime_ms;
    uint64_t memory_bytes;    /* resident, of the process */
    uint32_t descriptors;     /* open */
    uint32_t descriptors_max; /* allowed */
    uint32_t clients_max;     /* allowed in all */
    bool draining;            /* no newcomers any more */
    uint32_t worker_count;
    struct worker_figures workers[WORKERS_MAX];
    struct toxtcp_ev_mesh_info mesh;
    struct histogram waits_us; /* time through the relay, in microseconds: toxtcp_ev_observe_waits() */
};

/* Adds up what the workers' servers say: counters and present numbers. */
void relay_figures_sum(const struct relay_figures *figures, struct toxtcp_server_info *sum);

#endif
