/* How a run went, second by second. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_SERIES_H
#define APPS_STRESS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse.h"
#include "worker.h"

enum series_phase { SERIES_CONNECT, SERIES_WARMUP, SERIES_MEASURE };

/* Of one group, in one interval. */
struct series_group {
    double sent_per_s;
    double arrived_per_s;
    double bytes_per_s;
    double connects_per_s;
    int64_t missing;  /* so far: packets that came later have come */
    uint64_t samples; /* of the latency, in ns */
    uint64_t p50;
    uint64_t p90;
    uint64_t p99;
    uint64_t max;
};

struct series_point {
    uint64_t end_ns; /* clock_ns() */
    double seconds;  /* its length */
    enum series_phase phase;
    uint32_t clients; /* at its end */
    double relay_cpu; /* share of a core; negative: not known */
    uint64_t relay_rss_kib;
};

struct series {
    uint64_t start_ns;
    size_t group_count;
    size_t count;
    size_t capacity;
    struct series_point *points;
    struct series_group *groups; /* group_count for each point */
};

const struct series_group *series_group(const struct series *series, size_t point, size_t group);
void series_free(struct series *series);

/* What a group's latency is: "round_trip" where packets are echoed, "wake" in sleepwake, else "one_way"; where none go
 * "connect". */
const char *series_latency_name(const struct scenario *scenario);

/* Has the workers take turns, and puts what they have seen into a series. The main thread's. */
struct sampler {
    struct series *series;
    struct worker *workers;
    uint32_t worker_count;
    const struct schedule *schedule;
    uint32_t relay_pid; /* 0: none */
    uint32_t turn;
    bool asked;       /* and not every worker has answered */
    uint64_t next_ns; /* when the next turn is due */
    uint64_t relay_cpu_ns;
    uint64_t relay_at_ns;
    struct pulse *sum;
};

/* Takes a first look. Without memory there will be no series. */
void sampler_start(struct sampler *sampler, struct series *series, struct worker *workers, uint32_t worker_count,
                   const struct schedule *schedule, uint32_t relay_pid);
/* A turn ends at `moment_ns`, and each second before and after it. */
void sampler_align(struct sampler *sampler, uint64_t moment_ns);
/* Does what is due. Returns whether there is a new point. */
bool sampler_work(struct sampler *sampler);
/* When that should be called next. */
uint64_t sampler_due_ns(const struct sampler *sampler);
/* The turn ends now, unless it has just begun. */
void sampler_end_turn(struct sampler *sampler);
/* The workers have ended: takes what they have left. */
void sampler_finish(struct sampler *sampler);

#endif
