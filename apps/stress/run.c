/* A run from beginning to end: connect, warm up, measure, drain. SPDX-License-Identifier: ISC */
#include "run.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../common/address_text.h"
#include "clock.h"
#include "neighbour.h"
#include "process.h"
#include "worker.h"

/* Besides what the ramp takes, all clients have so long to connect. */
static const double connect_s = 15;
static const uint64_t drain_ns = NS_PER_S;
static const uint64_t look_ns = 20 * NS_PER_MS;
static const uint64_t sample_ns = 100 * NS_PER_MS;

struct running {
    const struct stress_options *options;
    struct run_result *result;
    struct run_facts facts;
    struct schedule schedule;
    struct worker *workers;
    uint32_t worker_count; /* that are to be freed */
    sigset_t signals;
    struct neighbour neighbour;
    uint64_t sampled_ns; /* when the relay was looked at last */
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

    if (sigtimedwait(&running->signals, NULL, &timeout) < 0) {
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

/* Waits, and watches the relay's memory. True when a signal has come. */
static bool watch_until(struct running *running, uint64_t then_ns)
{
    for (;;) {
        const uint64_t now_ns = clock_ns();
        if (now_ns >= then_ns) {
            return false;
        }
        if (is_called_off(running, now_ns + sample_ns < then_ns ? now_ns + sample_ns : then_ns)) {
            return true;
        }
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
        progress.starting = progress.starting || atomic_load(&worker->starting);
    }
    return progress;
}

static double clients_in_all(const struct stress_options *options)
{
    double count = 0;

    for (size_t i = 0; i < options->group_count; i++) {
        const struct group *group = &options->groups[i];
        count += group->scenario->is_attack ? 0 : group->clients;
    }
    return count;
}

/* Nobody is there, and everybody has tried twice. */
static bool is_hopeless(const struct progress *progress, double clients)
{
    return progress->connected == 0 && progress->failed >= 2 * clients;
}

/* True when load may begin: all are there, or the time for that is over. False when it was called off. */
static bool wait_for_clients(struct running *running)
{
    const struct stress_options *options = running->options;
    const double clients = clients_in_all(options);
    const double seconds = connect_s + clients / options->ramp;
    const uint64_t deadline_ns = clock_ns() + (uint64_t)(seconds * 1e9);
    struct progress progress;

    do {
        if (watch_until(running, clock_ns() + look_ns)) {
            return false;
        }
        progress = look(running);
    } while (clock_ns() < deadline_ns && !is_hopeless(&progress, clients) &&
             (progress.starting || progress.ready < progress.wanted));
    running->result->wanted = progress.wanted;
    running->result->ready = progress.ready;
    return true;
}

static void wait_for_packets(struct running *running)
{
    const uint64_t deadline_ns = clock_ns() + drain_ns;

    /* What the workers publish may be as old as one of their ticks. */
    while (clock_ns() < deadline_ns && !watch_until(running, clock_ns() + 2 * look_ns)) {
        if (look(running).outstanding == 0) {
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
        result->relay.cpu_s = (double)(sample.cpu_ns - running->relay_cpu_ns) / 1e9;
        result->relay.elapsed_s = (double)(clock_ns() - running->relay_at_ns) / 1e9;
        sample_relay(running);
        result->relay.descriptors = process_descriptors(result->relay.pid);
    }
}

/* So that whoever waits knows for how long. */
static void announce(const struct running *running)
{
    const struct run_result *result = running->result;
    const struct stress_options *options = running->options;

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
    const uint64_t begin_ns = clock_ns();
    const uint64_t measure_ns = begin_ns + (uint64_t)(options->warmup_s * 1e9);
    const uint64_t stop_ns = measure_ns + (uint64_t)(options->duration_s * 1e9);

    atomic_store(&running->schedule.measure_ns, measure_ns);
    atomic_store(&running->schedule.stop_ns, stop_ns);
    atomic_store(&running->schedule.begin_ns, begin_ns);
    announce(running);
    if (watch_until(running, measure_ns)) {
        atomic_store(&running->schedule.stop_ns, measure_ns);
        return;
    }
    measure_begin(running);
    if (watch_until(running, stop_ns)) {
        atomic_store(&running->schedule.stop_ns, clock_ns());
    }
    measure_end(running, measure_ns);
    neighbour_get_report(&running->neighbour, &running->result->attack);
    wait_for_packets(running);
}

/* --- Before and after --- */

static int resolve(const struct relay_entry *relay, struct toxtcp_address *address, struct problem *problem)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[NI_MAXHOST];
    char bracketed[NI_MAXHOST + 16];

    if (relay->host[0] == '\0') {
        *address = relay->address;
        return 0;
    }
    const int error = getaddrinfo(relay->host, NULL, &hints, &found);
    if (error != 0) {
        return problem_set(problem, "--relay: %s: %s", relay->host, gai_strerror(error));
    }
    const bool is6 = found->ai_family == AF_INET6;
    const int unreadable = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    (void)snprintf(bracketed, sizeof bracketed, is6 ? "[%s]:%u" : "%s:%u", text, relay->address.port);
    if (unreadable != 0 || address_text_parse(bracketed, strlen(bracketed), address) != TOXTCP_OK) {
        return problem_set(problem, "--relay: %s has no address that can be used", relay->host);
    }
    return 0;
}

/* Every client is a descriptor; beside them are some of the workers', and those of an attack. */
static int raise_descriptor_limit(const struct stress_options *options, struct problem *problem)
{
    const double wanted = clients_in_all(options) + 64 + 8. * options->threads;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && (double)limit.rlim_max < wanted) {
        return problem_set(problem,
                           "%.0f descriptors are needed, one for each client, and this process may have %llu: raise "
                           "that with \"ulimit -Hn\" as root, or take fewer clients",
                           wanted, (unsigned long long)limit.rlim_max);
    }
    return 0;
}

static void block_signals(struct running *running)
{
    (void)sigemptyset(&running->signals);
    (void)sigaddset(&running->signals, SIGINT);
    (void)sigaddset(&running->signals, SIGTERM);
    /* The threads inherit that. */
    (void)pthread_sigmask(SIG_BLOCK, &running->signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int look_at_relay_first(struct running *running, struct problem *problem)
{
    struct relay_result *relay = &running->result->relay;
    struct process_sample sample;

    relay->pid = running->options->relay_pid;
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
    for (uint32_t i = 0; i < running->options->threads; i++) {
        running->worker_count++;
        if (worker_start(&running->workers[i], &running->facts, i, problem) != 0) {
            return -1;
        }
    }
    return 0;
}

static void collect(struct running *running)
{
    struct run_result *result = running->result;

    result->connected = look(running).connected;
    for (size_t i = 0; i < running->options->group_count; i++) {
        struct group_result *group = &result->groups[i];
        for (uint32_t w = 0; w < running->worker_count; w++) {
            tally_merge(&group->tally, &running->workers[w].crews[i].tally);
        }
        result->relayed += group->tally.arrived;
        if (group->group->scenario->engine != NULL && group->group->scenario->engine->counts_measured_connects) {
            result->confirmed += group->tally.connects_ok;
        }
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
    atomic_store(&running->schedule.end, true);
    for (uint32_t i = 0; i < running->worker_count; i++) {
        worker_join(&running->workers[i]);
    }
}

static int run_workers(struct running *running, struct problem *problem)
{
    int error = start_workers(running, problem);

    if (error == 0) {
        error = conduct(running, problem);
    }
    end_workers(running);
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
    running->facts = (struct run_facts){.options = options,
                                        .run = (uint32_t)(clock_ns() ^ clock_read(CLOCK_REALTIME)),
                                        .seed = options->seed == 0 ? clock_ns() : options->seed,
                                        .schedule = &running->schedule};
    atomic_store(&running->schedule.begin_ns, UINT64_MAX);
    atomic_store(&running->schedule.measure_ns, UINT64_MAX);
    atomic_store(&running->schedule.stop_ns, UINT64_MAX);
}

int run(const struct stress_options *options, struct run_result *result, struct problem *problem)
{
    struct running running;

    running_init(&running, options, result);
    if (resolve(&options->relay, &running.facts.relay, problem) != 0 || raise_descriptor_limit(options, problem) != 0 ||
        look_at_relay_first(&running, problem) != 0 || neighbour_allowed(options, &running.facts.relay, problem) != 0) {
        return -1;
    }
    block_signals(&running);
    return run_workers(&running, problem);
}
