/* A run from beginning to end: connect, warm up, measure, drain. SPDX-License-Identifier: ISC */
#include "run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "director.h"
#include "live.h"
#include "neighbour.h"
#include "process.h"
#include "relays.h"
#include "signals.h"
#include "worker.h"

/* Besides what the ramp takes, all clients have so long to connect. */
static const double connect_s = 15;
/* Looks, not time, at what is still on its way: while this process gets no time its workers don't either. */
enum { DRAIN_LOOKS = 25, WAKE_LOOKS = 125 };
static const uint64_t look_ns = 20 * NS_PER_MS;
static const uint64_t sample_ns = 100 * NS_PER_MS;

struct running {
    const struct stress_options *options;
    struct run_result *result;
    struct run_facts facts;
    struct schedule schedule;
    struct worker *workers;
    uint32_t worker_count; /* that are to be freed */
    struct relays relays;
    struct event_moment moments[EVENTS_MAX];
    struct event_outcome outcomes[EVENTS_MAX];
    struct director director;
    struct neighbour neighbour;
    uint64_t sampled_ns; /* when the relay was looked at last */
    struct sampler sampler;
    struct live live;
    uint64_t heap_start; /* before any worker */
    /* At the beginning of the measured time. */
    uint64_t relay_cpu_ns;
    uint64_t relay_at_ns;
    uint64_t own_cpu_ns;
    uint64_t thread_cpu_ns[THREADS_MAX];
};

/* --- Waiting --- */

/* Sleeps until then. True when a signal says that it is enough. */
static bool is_called_off(struct running *running, uint64_t then_ns)
{
    const uint64_t now_ns = clock_ns();
    const uint64_t left_ns = then_ns > now_ns ? then_ns - now_ns : 0;
    const struct timespec timeout = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};

    if (!signals_wait(&timeout)) {
        return false;
    }
    running->result->interrupted = true;
    return true;
}

/* The relay may go away while it is looked at; what was seen before stays. */
static void sample_relay(struct running *running)
{
    struct relay_result *relay = &running->result->relay;
    struct process_sample sample;
    struct problem problem;

    if (relay->pid == 0 || process_sample(relay->pid, &sample, &problem) != 0) {
        return;
    }
    running->sampled_ns = clock_ns();
    relay->rss_end_kib = sample.rss_kib;
    if (sample.rss_kib > relay->rss_peak_kib) {
        relay->rss_peak_kib = sample.rss_kib;
    }
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Waits, watches, and has events happen. True when a signal has come. */
static bool watch_until(struct running *running, uint64_t then_ns)
{
    for (;;) {
        if (sampler_work(&running->sampler)) {
            live_show(&running->live, &running->result->series);
        }
        const uint64_t now_ns = clock_ns();
        if (now_ns >= then_ns) {
            return false;
        }
        const uint64_t sample_at_ns = earlier(now_ns + sample_ns, sampler_due_ns(&running->sampler));
        const uint64_t look_at_ns = earlier(sample_at_ns, director_due_ns(&running->director));
        if (is_called_off(running, earlier(look_at_ns, then_ns))) {
            return true;
        }
        director_advance(&running->director, clock_ns());
        if (clock_ns() >= running->sampled_ns + sample_ns) {
            sample_relay(running);
        }
    }
}

/* --- What the workers say --- */

struct progress {
    uint32_t wanted;
    uint32_t ready;
    uint32_t connected;
    uint32_t failed;
    uint64_t outstanding;
    uint64_t waking;
    bool starting;
};

static struct progress look(const struct running *running)
{
    struct progress progress = {.wanted = 0};

    for (uint32_t i = 0; i < running->worker_count; i++) {
        const struct worker *worker = &running->workers[i];
        progress.wanted += atomic_load(&worker->wanted);
        progress.ready += atomic_load(&worker->ready);
        progress.connected += atomic_load(&worker->connected);
        progress.failed += atomic_load(&worker->failed);
        progress.outstanding += atomic_load(&worker->outstanding);
        progress.waking += atomic_load(&worker->waking);
        progress.starting = progress.starting || atomic_load(&worker->starting);
    }
    return progress;
}

double clients_in_all(const struct stress_options *options)
{
    double count = 0;

    for (size_t i = 0; i < options->group_count; i++) {
        const struct group *group = &options->groups[i];
        count += group->scenario->is_attack ? 0 : group->clients;
    }
    return count;
}

/* Clients have one connection, or one to each of their relays. */
static double connections_in_all(const struct running *running)
{
    const struct stress_options *options = running->options;
    const uint32_t relays =
        running->relays.count < TOXTCP_PEER_RELAYS_MAX ? running->relays.count : (uint32_t)TOXTCP_PEER_RELAYS_MAX;
    double count = clients_in_all(options);

    for (size_t i = 0; i < options->group_count; i++) {
        const struct engine *engine = options->groups[i].scenario->engine;
        if (engine != NULL && engine->mate_data != NULL) {
            count += (double)options->groups[i].clients * (relays - 1);
        }
    }
    return count;
}

/* Nobody is there, and so much has failed as if all had been tried twice. */
static bool is_hopeless(const struct progress *progress, double connections)
{
    return progress->connected == 0 && progress->failed >= 2 * connections;
}

static void note_heap(struct running *running, uint32_t clients)
{
    const uint64_t heap = process_heap();

    if (clients > 0 && heap > running->heap_start) {
        running->result->heap_per_client = (double)(heap - running->heap_start) / clients;
    }
}

/* True when load may begin: all are there, or the time for that is over. False when it was called off. */
static bool wait_for_clients(struct running *running)
{
    const struct stress_options *options = running->options;
    const double connections = connections_in_all(running);
    const double seconds = connect_s + clients_in_all(options) / options->ramp;
    const uint64_t deadline_ns = clock_ns() + (uint64_t)(seconds * 1e9);
    struct progress progress;

    do {
        if (watch_until(running, clock_ns() + look_ns)) {
            return false;
        }
        progress = look(running);
    } while (clock_ns() < deadline_ns && !is_hopeless(&progress, connections) &&
             (progress.starting || progress.ready < progress.wanted));
    note_heap(running, progress.connected);
    running->result->wanted = progress.wanted;
    running->result->ready = progress.ready;
    return true;
}

static void wait_for_packets(struct running *running)
{
    /* What the workers publish may be as old as one of their ticks. */
    for (int i = 0; i < WAKE_LOOKS && !watch_until(running, clock_ns() + 2 * look_ns); i++) {
        const struct progress progress = look(running);
        if (progress.waking == 0 && (progress.outstanding == 0 || i >= DRAIN_LOOKS)) {
            return;
        }
    }
}

/* --- The measured time --- */

static uint64_t thread_cpu_ns(pthread_t thread)
{
    clockid_t clock;

    return pthread_getcpuclockid(thread, &clock) == 0 ? clock_read(clock) : 0;
}

static void measure_begin(struct running *running)
{
    struct relay_result *relay = &running->result->relay;
    struct process_sample sample;
    struct problem problem;

    running->own_cpu_ns = clock_read(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < running->worker_count; i++) {
        running->thread_cpu_ns[i] = thread_cpu_ns(running->workers[i].thread);
    }
    if (relay->pid != 0 && process_sample(relay->pid, &sample, &problem) == 0) {
        running->relay_cpu_ns = sample.cpu_ns;
        running->relay_at_ns = clock_ns();
        relay->rss_begin_kib = sample.rss_kib;
    }
}

static void measure_end(struct running *running, uint64_t began_ns)
{
    struct run_result *result = running->result;
    struct process_sample sample;
    struct problem problem;

    result->duration_s = (double)(atomic_load(&running->schedule.stop_ns) - began_ns) / 1e9;
    result->cpu_s = (double)(clock_read(CLOCK_PROCESS_CPUTIME_ID) - running->own_cpu_ns) / 1e9;
    for (uint32_t i = 0; i < running->worker_count; i++) {
        const uint64_t cpu_ns = thread_cpu_ns(running->workers[i].thread);
        const uint64_t used_ns = cpu_ns > running->thread_cpu_ns[i] ? cpu_ns - running->thread_cpu_ns[i] : 0;
        result->busiest = fmax(result->busiest, (double)used_ns / 1e9 / result->duration_s);
    }
    if (result->relay.pid != 0 && process_sample(result->relay.pid, &sample, &problem) == 0 &&
        running->relay_at_ns != 0) {
        result->relay.measured = true;
        result->relay.cpu_s = (double)(sample.cpu_ns - running->relay_cpu_ns) / 1e9;
        result->relay.elapsed_s = (double)(clock_ns() - running->relay_at_ns) / 1e9;
        sample_relay(running);
        result->relay.descriptors = process_descriptors(result->relay.pid);
    }
}

/* So that whoever waits knows for how long. */
static void announce(struct running *running)
{
    const struct run_result *result = running->result;
    const struct stress_options *options = running->options;

    if (options->quiet) {
        return;
    }
    live_clear(&running->live);
    if (result->wanted > 0) {
        (void)fprintf(stderr, "toxtcp-stress: %u of %u are there; ", result->ready, result->wanted);
    } else {
        (void)fputs("toxtcp-stress: ", stderr);
    }
    (void)fprintf(stderr, "load for %g s, the last %g s are measured\n", options->warmup_s + options->duration_s,
                  options->duration_s);
}

/* Warm-up, measured time, drain. */
static void put_load(struct running *running)
{
    const struct stress_options *options = running->options;
    /* Not at once, so that workers know of it before, at one of their ticks. */
    const uint64_t begin_ns = clock_ns() + 2 * look_ns;
    const uint64_t measure_ns = begin_ns + (uint64_t)(options->warmup_s * 1e9);
    const uint64_t stop_ns = measure_ns + (uint64_t)(options->duration_s * 1e9);

    atomic_store(&running->schedule.measure_ns, measure_ns);
    atomic_store(&running->schedule.stop_ns, stop_ns);
    atomic_store(&running->schedule.begin_ns, begin_ns);
    sampler_end_turn(&running->sampler);
    sampler_align(&running->sampler, measure_ns);
    announce(running);
    live_set_end(&running->live, begin_ns, stop_ns);
    if (watch_until(running, measure_ns)) {
        atomic_store(&running->schedule.stop_ns, measure_ns);
        return;
    }
    measure_begin(running);
    director_start(&running->director, measure_ns);
    if (watch_until(running, stop_ns)) {
        atomic_store(&running->schedule.stop_ns, clock_ns());
    }
    director_end_events(&running->director);
    sampler_end_turn(&running->sampler);
    measure_end(running, measure_ns);
    neighbour_get_report(&running->neighbour, &running->result->attack);
    wait_for_packets(running);
}

/* --- Before and after --- */

/* Beside the connections' are some of the workers', and those of an attack. */
static int raise_descriptor_limit(const struct running *running, struct problem *problem)
{
    const double wanted = connections_in_all(running) + 64 + 8. * running->options->threads;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && (double)limit.rlim_max < wanted) {
        return problem_set(problem,
                           "%.0f descriptors are needed, one for each client, in multirelay and sleepwake one for each "
                           "client and relay, and this process may have %llu: raise that with \"ulimit -Hn\" as root, "
                           "or take fewer clients",
                           wanted, (unsigned long long)limit.rlim_max);
    }
    return 0;
}

static int look_at_relay_first(struct running *running, struct problem *problem)
{
    struct relay_result *relay = &running->result->relay;
    struct process_sample sample;

    if (relay->pid == 0) {
        return 0;
    }
    if (process_sample(relay->pid, &sample, problem) != 0) {
        return -1;
    }
    relay->rss_start_kib = sample.rss_kib;
    relay->rss_peak_kib = sample.rss_kib;
    return 0;
}

static int start_workers(struct running *running, struct problem *problem)
{
    running->workers = calloc(running->options->threads, sizeof *running->workers);
    if (running->workers == NULL) {
        return problem_set(problem, "out of memory");
    }
    running->director.workers = running->workers;
    for (uint32_t i = 0; i < running->options->threads; i++) {
        running->worker_count++;
        running->director.worker_count++;
        if (worker_start(&running->workers[i], &running->facts, i, problem) != 0) {
            return -1;
        }
    }
    return 0;
}

static void collect_events(struct running *running)
{
    struct run_result *result = running->result;
    const struct events *events = &running->options->events;
    bool done[EVENTS_MAX] = {false};

    for (uint32_t e = 0; e < events->count; e++) {
        result->events[e].outcome = running->outcomes[e];
        result->events[e].at_ns = atomic_load(&running->moments[e].at_ns);
        done[e] = running->outcomes[e].done;
    }
    for (uint32_t e = 0; e < events->count; e++) {
        if (done[e]) {
            result->events[e].figures = event_tally_sum(result->tallies, events, done, e);
        }
    }
}

/* What a crew has seen of events; those that were done count for its group. */
static void collect_crew_events(struct running *running, const struct crew *crew, struct group_result *group)
{
    const uint32_t count = running->options->events.count;

    for (uint32_t i = 0; i <= count; i++) {
        event_tally_merge(&running->result->tallies[i], &crew->events[i]);
        if (i > 0 && running->outcomes[i - 1].done) {
            histogram_merge(&group->times.recover, &crew->events[i].recover);
        }
    }
}

static void collect(struct running *running)
{
    struct run_result *result = running->result;

    result->connected = look(running).connected;
    for (size_t i = 0; i < running->options->group_count; i++) {
        struct group_result *group = &result->groups[i];
        for (uint32_t w = 0; w < running->worker_count; w++) {
            tally_merge(&group->tally, &running->workers[w].crews[i].tally);
            collect_crew_events(running, &running->workers[w].crews[i], group);
        }
        result->relayed += group->tally.arrived;
        if (group->group->scenario->engine != NULL && group->group->scenario->engine->counts_measured_connects) {
            result->confirmed += group->tally.connects_ok;
        }
    }
    collect_events(running);
    for (uint32_t i = 0; i < running->relays.count; i++) {
        const struct embedded *own = relays_embedded(&running->relays, i);
        result->relays[i].died = own != NULL && own->died;
    }
}

static int workers_error(const struct running *running, struct problem *problem)
{
    for (uint32_t i = 0; i < running->worker_count; i++) {
        if (running->workers[i].error != 0) {
            return problem_set(problem, "%s", toxtcp_strerror(running->workers[i].error));
        }
    }
    return 0;
}

/* The workers run. */
static int conduct(struct running *running, struct problem *problem)
{
    int error = 0;

    if (wait_for_clients(running)) {
        error = neighbour_start(&running->neighbour, running->options, &running->facts, running->workers, problem);
        if (error == 0 && (look(running).connected > 0 || running->result->wanted == 0)) {
            put_load(running);
        }
    }
    neighbour_stop(&running->neighbour);
    return error;
}

static void end_workers(struct running *running)
{
    director_stop(&running->director);
    atomic_store(&running->schedule.end, true);
    for (uint32_t i = 0; i < running->worker_count; i++) {
        worker_join(&running->workers[i]);
    }
}

static int run_workers(struct running *running, struct problem *problem)
{
    int error = start_workers(running, problem);

    if (error == 0) {
        sampler_start(&running->sampler, &running->result->series, running->workers, running->worker_count,
                      &running->schedule, running->result->relay.pid);
        error = conduct(running, problem);
    }
    end_workers(running);
    sampler_finish(&running->sampler);
    live_clear(&running->live);
    if (error == 0) {
        error = workers_error(running, problem);
    }
    if (error == 0) {
        collect(running);
    }
    for (uint32_t i = 0; i < running->worker_count; i++) {
        worker_free(&running->workers[i]);
    }
    free(running->workers);
    return error;
}

static void running_init(struct running *running, const struct stress_options *options, struct run_result *result)
{
    memset(result, 0, sizeof *result);
    memset(running, 0, sizeof *running);
    result->options = options;
    for (size_t i = 0; i < options->group_count; i++) {
        result->groups[i].group = &options->groups[i];
        result->groups[i].tally.times = &result->groups[i].times;
        result->has_attack = result->has_attack || options->groups[i].scenario->is_attack;
    }
    running->options = options;
    running->result = result;
    live_start(&running->live, options);
    running->heap_start = process_heap();
    running->facts = (struct run_facts){.options = options,
                                        .relays = running->relays.targets,
                                        .run = (uint32_t)(clock_ns() ^ clock_read(CLOCK_REALTIME)),
                                        .seed = options->seed == 0 ? clock_ns() : options->seed,
                                        .schedule = &running->schedule,
                                        .moments = running->moments};
    running->director = (struct director){
        .options = options, .relays = &running->relays, .moments = running->moments, .outcomes = running->outcomes};
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        running->outcomes[i].relay = EVENT_NO_RELAY;
        atomic_store(&running->moments[i].at_ns, UINT64_MAX);
    }
    atomic_store(&running->schedule.begin_ns, UINT64_MAX);
    atomic_store(&running->schedule.measure_ns, UINT64_MAX);
    atomic_store(&running->schedule.stop_ns, UINT64_MAX);
}

/* The relays are there. */
static void note_relays(struct running *running)
{
    struct run_result *result = running->result;
    struct relays *relays = &running->relays;

    running->facts.relay_count = relays->count;
    running->facts.many_sources = true;
    result->relay_count = relays->count;
    for (uint32_t i = 0; i < relays->count; i++) {
        const struct toxtcp_address *address = &relays->targets[i].address;
        const struct embedded *own = relays_embedded(relays, i);
        running->facts.many_sources =
            running->facts.many_sources && address->family == TOXTCP_FAMILY_IPV4 && address->ip[0] == 127;
        result->relays[i].address = *address;
        result->relays[i].pid = own == NULL ? 0 : (uint32_t)own->pid;
    }
    result->relay.pid = running->options->relay_pid;
    /* With one, of our own, it is clear which one is meant, if it is that one until the end. */
    if (result->relay.pid == 0 && relays->count == 1 && relays->embedded_count == 1 &&
        running->options->events.count == 0) {
        result->relay.pid = (uint32_t)relays->embedded[0].pid;
    }
}

static int run_with_relays(struct running *running, struct problem *problem)
{
    note_relays(running);
    if (raise_descriptor_limit(running, problem) != 0 || look_at_relay_first(running, problem) != 0 ||
        neighbour_allowed(running->options, &running->relays.targets[0].address, problem) != 0) {
        return -1;
    }
    return run_workers(running, problem);
}

static int start_and_run(struct running *running, struct problem *problem)
{
    if (relays_start(&running->relays, running->options, problem) == 0) {
        return run_with_relays(running, problem);
    }
    /* What rounds before this one have seen is not lost. */
    return is_called_off(running, 0) ? 0 : -1;
}

int run(const struct stress_options *options, struct run_result *result, struct problem *problem)
{
    struct running running;
    int error;

    running_init(&running, options, result);
    /* Until here a signal ends the program: a resolver may take its time. */
    error = relays_resolve(&running.relays, options, problem);
    signals_block();
    if (error == 0) {
        error = start_and_run(&running, problem);
    }
    relays_close(&running.relays);
    return error;
}

void run_result_free(struct run_result *result)
{
    series_free(&result->series);
}
