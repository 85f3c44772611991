/* How a run went, second by second. SPDX-License-Identifier: ISC
 *
 * A turn of the pulses: the main thread says that the next one begins, each worker changes to its other pulses when it
 * hears of it, and when all have done so those before are the main thread's, until it says so again. */
#include "series.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "process.h"

static const uint64_t turn_ns = NS_PER_S;
static const uint64_t shortest_ns = 50 * NS_PER_MS;
static const uint64_t patience_ns = 10 * NS_PER_MS; /* between looks at who has not answered */

const struct series_group *series_group(const struct series *series, size_t point, size_t group)
{
    return &series->groups[point * series->group_count + group];
}

void series_free(struct series *series)
{
    free(series->points);
    free(series->groups);
    memset(series, 0, sizeof *series);
}

const char *series_latency_name(const struct scenario *scenario)
{
    if (scenario->echo) {
        return "round_trip";
    }
    if (scenario->engine == &engine_sleepwake) {
        return "wake";
    }
    return scenario->engine->in_pairs ? "one_way" : "connect";
}

/* A point that is all zeros, or NULL for want of memory. */
static struct series_point *series_add(struct series *series)
{
    if (series->count == series->capacity) {
        const size_t capacity = series->capacity == 0 ? 64 : 2 * series->capacity;
        struct series_point *points = realloc(series->points, capacity * sizeof *points);

        if (points == NULL) {
            return NULL;
        }
        series->points = points;
        struct series_group *groups = realloc(series->groups, capacity * series->group_count * sizeof *groups);
        if (groups == NULL) {
            return NULL;
        }
        series->groups = groups;
        series->capacity = capacity;
    }
    struct series_point *point = &series->points[series->count];
    memset(point, 0, sizeof *point);
    memset(&series->groups[series->count * series->group_count], 0, series->group_count * sizeof *series->groups);
    series->count++;
    return point;
}

/* --- Pulses --- */

static double rate(uint64_t count, const struct pulse *pulse)
{
    return pulse->to_ns > pulse->from_ns ? (double)count * 1e9 / (double)(pulse->to_ns - pulse->from_ns) : 0;
}

static void take_pulse(struct sampler *sampler, const struct pulse *pulse, struct series_group *group)
{
    group->sent_per_s += rate(pulse->sent, pulse);
    group->arrived_per_s += rate(pulse->arrived, pulse);
    group->bytes_per_s += rate(pulse->arrived_bytes, pulse);
    group->connects_per_s += rate(pulse->connects, pulse);
    group->missing += pulse->missing;
    sampler->sum->up += pulse->up;
    histogram_merge(&sampler->sum->latency, &pulse->latency);
}

static void take_group(struct sampler *sampler, size_t index, struct series_group *group)
{
    struct histogram *latency = &sampler->sum->latency;

    histogram_clear(latency);
    for (uint32_t i = 0; i < sampler->worker_count; i++) {
        struct pulse *pulse = &sampler->workers[i].crews[index].pulses[(sampler->turn - 1) % 2];
        take_pulse(sampler, pulse, group);
        memset(pulse, 0, sizeof *pulse);
    }
    group->samples = latency->count;
    group->p50 = histogram_quantile(latency, 500);
    group->p90 = histogram_quantile(latency, 900);
    group->p99 = histogram_quantile(latency, 990);
    group->max = latency->count == 0 ? 0 : latency->max;
}

static enum series_phase phase_of(const struct schedule *schedule, uint64_t moment_ns)
{
    if (moment_ns < atomic_load(&schedule->begin_ns)) {
        return SERIES_CONNECT;
    }
    return moment_ns < atomic_load(&schedule->measure_ns) ? SERIES_WARMUP : SERIES_MEASURE;
}

static void take_relay(struct sampler *sampler, struct series_point *point)
{
    const uint64_t now_ns = clock_ns();
    struct process_sample sample;
    struct problem problem;

    point->relay_cpu = -1;
    if (sampler->relay_pid == 0 || process_sample(sampler->relay_pid, &sample, &problem) != 0) {
        return;
    }
    if (sampler->relay_at_ns != 0 && sample.cpu_ns >= sampler->relay_cpu_ns) {
        point->relay_cpu = (double)(sample.cpu_ns - sampler->relay_cpu_ns) / (double)(now_ns - sampler->relay_at_ns);
    }
    point->relay_rss_kib = sample.rss_kib;
    sampler->relay_cpu_ns = sample.cpu_ns;
    sampler->relay_at_ns = now_ns;
}

static bool take_turn(struct sampler *sampler)
{
    const struct pulse *first = &sampler->workers[0].crews[0].pulses[(sampler->turn - 1) % 2];
    const uint64_t from_ns = first->from_ns;
    const uint64_t to_ns = first->to_ns;
    struct series_point *point = to_ns > from_ns ? series_add(sampler->series) : NULL;

    sampler->asked = false;
    if (point == NULL) {
        free(sampler->sum); /* no more of it */
        sampler->sum = NULL;
        return false;
    }
    sampler->sum->up = 0;
    for (size_t i = 0; i < sampler->series->group_count; i++) {
        take_group(sampler, i,
                   &sampler->series->groups[(sampler->series->count - 1) * sampler->series->group_count + i]);
    }
    point->end_ns = to_ns;
    point->seconds = (double)(to_ns - from_ns) / 1e9;
    point->phase = phase_of(sampler->schedule, from_ns + (to_ns - from_ns) / 2);
    point->clients = sampler->sum->up;
    take_relay(sampler, point);
    return true;
}

/* --- Turns --- */

static void ask(struct sampler *sampler)
{
    sampler->turn++;
    sampler->asked = true;
    for (uint32_t i = 0; i < sampler->worker_count; i++) {
        atomic_store(&sampler->workers[i].turn_wanted, sampler->turn);
    }
}

static bool all_have_answered(const struct sampler *sampler)
{
    for (uint32_t i = 0; i < sampler->worker_count; i++) {
        if (atomic_load(&sampler->workers[i].turn) != sampler->turn) {
            return false;
        }
    }
    return true;
}

void sampler_start(struct sampler *sampler, struct series *series, struct worker *workers, uint32_t worker_count,
                   const struct schedule *schedule, uint32_t relay_pid)
{
    const uint64_t now_ns = clock_ns();
    struct series_point nothing;

    *sampler = (struct sampler){.series = series,
                                .workers = workers,
                                .worker_count = worker_count,
                                .schedule = schedule,
                                .relay_pid = relay_pid,
                                .next_ns = now_ns + turn_ns,
                                .sum = calloc(1, sizeof *sampler->sum)};
    series->start_ns = now_ns;
    series->group_count = worker_count == 0 ? 0 : workers[0].crew_count;
    take_relay(sampler, &nothing);
}

void sampler_align(struct sampler *sampler, uint64_t moment_ns)
{
    const uint64_t now_ns = clock_ns();

    sampler->next_ns = moment_ns;
    while (sampler->next_ns > now_ns + turn_ns) {
        sampler->next_ns -= turn_ns;
    }
    while (sampler->next_ns <= now_ns) {
        sampler->next_ns += turn_ns;
    }
}

/* What comes after the load is not told. */
static bool is_over(const struct sampler *sampler)
{
    return sampler->sum == NULL || sampler->next_ns > atomic_load(&sampler->schedule->stop_ns);
}

bool sampler_work(struct sampler *sampler)
{
    const uint64_t now_ns = clock_ns();

    if (sampler->asked) {
        return all_have_answered(sampler) && take_turn(sampler);
    }
    if (!is_over(sampler) && now_ns >= sampler->next_ns) {
        ask(sampler);
        while (sampler->next_ns <= now_ns) {
            sampler->next_ns += turn_ns;
        }
    }
    return false;
}

uint64_t sampler_due_ns(const struct sampler *sampler)
{
    if (sampler->asked) {
        return clock_ns() + patience_ns;
    }
    return is_over(sampler) ? UINT64_MAX : sampler->next_ns;
}

void sampler_end_turn(struct sampler *sampler)
{
    const struct series *series = sampler->series;
    const uint64_t last_ns = series->count == 0 ? series->start_ns : series->points[series->count - 1].end_ns;

    if (sampler->sum != NULL && !sampler->asked && clock_ns() > last_ns + shortest_ns) {
        ask(sampler);
    }
}

void sampler_finish(struct sampler *sampler)
{
    /* A worker that ended before it answered has kept on writing: its part of that turn is not known. */
    if (sampler->asked && all_have_answered(sampler)) {
        (void)take_turn(sampler);
    }
    free(sampler->sum);
    sampler->sum = NULL;
}
