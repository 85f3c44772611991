/* The threads of the generator. SPDX-License-Identifier: ISC */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

static const double tick_s = 0.02;

/* --- What engines ask --- */

struct measured worker_measured(const struct worker *worker)
{
    const struct schedule *schedule = worker->facts->schedule;

    return (struct measured){.from_ns = atomic_load_explicit(&schedule->measure_ns, memory_order_relaxed),
                             .to_ns = atomic_load_explicit(&schedule->stop_ns, memory_order_relaxed)};
}

bool worker_measures(const struct worker *worker, uint64_t moment_ns)
{
    const struct measured measured = worker_measured(worker);

    return measured_has(&measured, moment_ns);
}

bool worker_sends(const struct worker *worker, uint64_t now_ns)
{
    const struct schedule *schedule = worker->facts->schedule;

    return now_ns >= atomic_load_explicit(&schedule->begin_ns, memory_order_relaxed) &&
           now_ns < atomic_load_explicit(&schedule->stop_ns, memory_order_relaxed);
}

int worker_start_pace(struct worker *worker, struct pace *pace, double rate,
                      void (*due)(void *user, uint64_t slot, uint64_t intended_ns), void *user)
{
    const double shift_ns = 1e9 / rate * worker->index / worker->facts->options->threads;
    const uint64_t begin_ns = atomic_load(&worker->facts->schedule->begin_ns);

    return pace_start(pace, worker->loop, begin_ns + (uint64_t)shift_ns, rate, due, user);
}

struct event_plan worker_event_plan(const struct worker *worker)
{
    return (struct event_plan){.events = &worker->facts->options->events,
                               .measure_ns = worker_measured(worker).from_ns};
}

void worker_count_event(struct crew *crew, uint64_t sent_ns, uint32_t sent, uint32_t received)
{
    const struct event_plan plan = worker_event_plan(crew->worker);

    if (worker_measures(crew->worker, sent_ns)) {
        event_tally_packets(crew->events, &plan, sent_ns, sent, received);
    }
}

uint32_t worker_stream(const struct crew *crew, uint32_t number, enum lane lane)
{
    const uint32_t group = (uint32_t)(crew->group - crew->worker->facts->options->groups);

    /* There are up to a million clients in pairs. */
    return group << 24 | ((crew->first * 2 + number) * LANE_COUNT + lane);
}

void worker_give_up(struct worker *worker)
{
    worker->error = TOXTCP_ERR_NO_MEMORY;
    ev_break(worker->loop, EVBREAK_ALL);
}

/* splitmix64 */
uint64_t worker_random(struct worker *worker)
{
    uint64_t word = worker->random += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

/* --- The thread --- */

static void publish(struct worker *worker)
{
    uint32_t wanted = 0;
    uint32_t ready = 0;
    uint64_t outstanding = 0;
    uint64_t waking = 0;

    for (size_t i = 0; i < worker->crew_count; i++) {
        const struct crew *crew = &worker->crews[i];
        if (crew->engine == NULL) {
            continue;
        }
        wanted += crew->wanted;
        ready += crew->ready;
        outstanding += crew->engine->outstanding == NULL ? 0 : crew->engine->outstanding(crew);
        waking += crew->engine->waking == NULL ? 0 : crew->engine->waking(crew);
    }
    atomic_store_explicit(&worker->wanted, wanted, memory_order_relaxed);
    atomic_store_explicit(&worker->ready, ready, memory_order_relaxed);
    atomic_store_explicit(&worker->outstanding, outstanding, memory_order_relaxed);
    atomic_store_explicit(&worker->waking, waking, memory_order_relaxed);
}

/* The main thread has asked for what was seen: from now on another pulse is written. */
static void change_turn(struct worker *worker, uint64_t now_ns)
{
    const uint32_t turn = atomic_load(&worker->turn_wanted);
    const uint64_t stop_ns = atomic_load(&worker->facts->schedule->stop_ns);

    if (turn == atomic_load_explicit(&worker->turn, memory_order_relaxed)) {
        return;
    }
    for (size_t i = 0; i < worker->crew_count; i++) {
        struct crew *crew = &worker->crews[i];
        /* The last turn is of the load alone. */
        crew->pulse->to_ns = now_ns < stop_ns ? now_ns : stop_ns;
        crew->pulse->up = crew->up;
        crew->pulse->missing = crew->tally.missing;
        crew->pulse = &crew->pulses[turn % 2];
        crew->pulse->from_ns = now_ns;
    }
    atomic_store(&worker->turn, turn);
}

static int begin(struct crew *crew)
{
    crew->begun = true;
    return crew->engine->begin == NULL ? 0 : crew->engine->begin(crew);
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct worker *worker = timer->data;
    const struct schedule *schedule = worker->facts->schedule;
    const uint64_t now_ns = clock_ns();

    (void)events;
    peer_line_advance(worker, now_ns);
    for (size_t i = 0; i < worker->crew_count; i++) {
        struct crew *crew = &worker->crews[i];
        if (crew->engine == NULL) {
            continue;
        }
        if (!crew->begun && now_ns >= atomic_load(&schedule->begin_ns) && begin(crew) != 0) {
            worker_give_up(worker);
        }
        if (crew->engine->tick != NULL) {
            crew->engine->tick(crew, now_ns);
        }
    }
    publish(worker);
    change_turn(worker, now_ns);
    if (atomic_load(&schedule->end)) {
        ev_break(loop, EVBREAK_ALL);
    }
}

static int start_crews(struct worker *worker)
{
    for (size_t i = 0; i < worker->crew_count; i++) {
        struct crew *crew = &worker->crews[i];
        if (crew->engine != NULL && crew->engine->start(crew) != 0) {
            return -1;
        }
    }
    return 0;
}

static void finish_crews(struct worker *worker)
{
    for (size_t i = 0; i < worker->crew_count; i++) {
        if (worker->crews[i].engine != NULL) {
            worker->crews[i].engine->finish(&worker->crews[i]);
        }
    }
}

static void *thread_main(void *user)
{
    struct worker *worker = user;

    if (start_crews(worker) != 0) {
        worker->error = TOXTCP_ERR_NO_MEMORY;
    } else {
        ev_timer_init(&worker->tick, on_tick, 0., tick_s);
        worker->tick.data = worker;
        ev_timer_start(worker->loop, &worker->tick);
        publish(worker);
        atomic_store(&worker->starting, false);
        (void)ev_run(worker->loop, 0);
        ev_timer_stop(worker->loop, &worker->tick);
    }
    atomic_store(&worker->starting, false);
    finish_crews(worker);
    return NULL;
}

/* --- Life --- */

/* The i-th of `parts` shares of `whole`, as even as can be. */
static uint32_t share_begin(uint32_t whole, uint32_t parts, uint32_t i)
{
    return (uint32_t)((uint64_t)whole * i / parts);
}

static int crew_init(struct crew *crew, struct worker *worker, const struct group *group)
{
    const uint32_t threads = worker->facts->options->threads;
    const uint32_t whole =
        group->scenario->engine != NULL && group->scenario->engine->in_pairs ? group->pairs : group->clients;

    crew->worker = worker;
    crew->group = group;
    crew->engine = group->scenario->engine;
    crew->tally.times = &crew->times;
    crew->pulse = &crew->pulses[0];
    crew->pulse->from_ns = clock_ns();
    crew->first = share_begin(whole, threads, worker->index);
    crew->share = share_begin(whole, threads, worker->index + 1) - crew->first;
    crew->events = calloc((size_t)worker->facts->options->events.count + 1, sizeof *crew->events);
    return crew->events == NULL ? -1 : 0;
}

static int worker_make(struct worker *worker)
{
    const struct stress_options *options = worker->facts->options;

    worker->crews = calloc(options->group_count, sizeof *worker->crews);
    worker->loop = ev_loop_new(EVFLAG_AUTO);
    if (worker->crews == NULL || worker->loop == NULL || toxtcp_env_new(NULL, &worker->env) != TOXTCP_OK ||
        toxtcp_ev_new(worker->loop, &worker->ev) != TOXTCP_OK) {
        return -1;
    }
    for (size_t i = 0; i < options->group_count; i++) {
        worker->crew_count++;
        if (crew_init(&worker->crews[i], worker, &options->groups[i]) != 0) {
            return -1;
        }
    }
    return 0;
}

int worker_start(struct worker *worker, const struct run_facts *facts, uint32_t index, struct problem *problem)
{
    memset(worker, 0, sizeof *worker);
    worker->facts = facts;
    worker->index = index;
    worker->random = facts->seed + index;
    worker->source = (uint32_t)(index * 7919);
    worker->line.ramp_gap_ns = (uint64_t)(1e9 / facts->options->ramp * facts->options->threads);
    worker->line.ramp_next_ns = clock_ns();
    toxtcp_client_config_default(&worker->config);
    atomic_store(&worker->starting, true);
    if (worker_make(worker) != 0) {
        return problem_set(problem, "out of memory or descriptors");
    }
    if (pthread_create(&worker->thread, NULL, thread_main, worker) != 0) {
        return problem_set(problem, "cannot start a thread");
    }
    worker->started = true;
    return 0;
}

void worker_join(struct worker *worker)
{
    if (worker->started) {
        (void)pthread_join(worker->thread, NULL);
        worker->started = false;
    }
}

void worker_free(struct worker *worker)
{
    worker_join(worker);
    toxtcp_ev_free(worker->ev);
    toxtcp_env_free(worker->env);
    if (worker->loop != NULL) {
        ev_loop_destroy(worker->loop);
    }
    for (size_t i = 0; i < worker->crew_count; i++) {
        free(worker->crews[i].events);
    }
    free(worker->crews);
}
