/* The relay's main thread while it runs. SPDX-License-Identifier: ISC */
#include "daemon.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "process.h"
#include "supervisor.h"

enum { TICK_S = 5, TICKS_PER_MINUTE = 60 / TICK_S };

/* Descriptors that are no clients: the program's own, each worker's, the HTTP server's connections. */
enum { RESERVE = 64, RESERVE_PER_WORKER = 8 };

/* How often it looks how far the drain is, and how long clients are read in it at most. */
#define DRAIN_STEP_S 0.005
#define DRAIN_READ_S 0.5

/* A second signal so soon is the same one. */
#define SIGNAL_TWICE_S 0.02

struct daemon {
    const struct relay_options *options;
    struct settings *settings;
    struct workers *workers;
    struct ev_loop *loop;
    ev_signal hangup;
    ev_signal interrupt;
    ev_signal terminate;
    ev_timer tick;
    unsigned tick_count;
    ev_timer watchdog;
    ev_timer drain;
    double drain_began; /* 0: not yet */
    bool reading_stopped;
    struct toxtcp_server_info told; /* the counters that the log knows */
    struct relay_figures figures;
};

/* --- What limits refused --- */

static size_t add_field(struct log_field *fields, size_t count, const char *name, uint64_t now, uint64_t before)
{
    if (now == before) {
        return count;
    }
    fields[count] = (struct log_field){name, now - before};
    return count + 1;
}

/* Only when there is something to tell. */
static void tell_refused(struct daemon *daemon)
{
    struct log_field fields[LOG_FIELDS_MAX];
    const struct toxtcp_server_info *old = &daemon->told;
    struct toxtcp_server_info now;
    size_t count = 0;

    if (!workers_gather(daemon->workers, &daemon->figures)) {
        log_say(LEVEL_WARNING, "a worker did not answer within a second");
        return;
    }
    relay_figures_sum(&daemon->figures, &now);
    count = add_field(fields, count, "refused_full", now.refused_full, old->refused_full);
    count = add_field(fields, count, "refused_per_address", now.refused_source, old->refused_source);
    count = add_field(fields, count, "refused_rate", now.refused_rate, old->refused_rate);
    count = add_field(fields, count, "evicted", now.evicted, old->evicted);
    count = add_field(fields, count, "confirm_timeouts", now.confirm_timeouts, old->confirm_timeouts);
    count = add_field(fields, count, "handshake_failures", now.handshake_failures, old->handshake_failures);
    count = add_field(fields, count, "protocol_violations", now.protocol_violations, old->protocol_violations);
    count = add_field(fields, count, "overflows", now.overflows, old->overflows);
    count = add_field(fields, count, "input_pauses", now.input_pauses, old->input_pauses);
    count = add_field(fields, count, "data_dropped", now.data_dropped, old->data_dropped);
    count = add_field(fields, count, "data_dropped_total", now.data_dropped_total, old->data_dropped_total);
    count = add_field(fields, count, "oob_dropped", now.oob_dropped, old->oob_dropped);
    count = add_field(fields, count, "mesh_dropped", now.mesh_dropped, old->mesh_dropped);
    daemon->told = now;
    if (count > 0) {
        log_say_fields(LEVEL_INFO, "limits have refused", fields, count);
    }
}

static void tell_status(const struct daemon *daemon)
{
    struct toxtcp_server_info sum;
    char text[64];

    relay_figures_sum(&daemon->figures, &sum);
    (void)snprintf(text, sizeof text, "%u clients, %u routes online", sum.client_count, sum.online_count);
    supervisor_status(text);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct daemon *daemon = timer->data;

    (void)loop;
    (void)events;
    log_tick();
    if (++daemon->tick_count == TICKS_PER_MINUTE) {
        daemon->tick_count = 0;
        tell_refused(daemon);
        tell_status(daemon);
    }
}

/* --- SIGHUP --- */

void daemon_fit_clients(struct settings *settings)
{
    const struct setting *setting = settings_find("clients_max");
    const uint32_t workers = settings_thread_count(settings);
    const uint64_t reserve = RESERVE + (uint64_t)workers * (RESERVE_PER_WORKER + LISTEN_MAX);
    const uint64_t have = process_descriptors_max();
    const uint64_t fit = have > 2 * reserve ? have - reserve : have / 2;

    if (settings->clients_max <= fit) {
        return;
    }
    log_say(settings->given[setting - settings_table] ? LEVEL_WARNING : LEVEL_DEBUG,
            "clients_max: %llu clients do not fit into the %llu descriptors that this process may have (ulimit -n, "
            "LimitNOFILE=); it is %llu now",
            (unsigned long long)settings->clients_max, (unsigned long long)have, (unsigned long long)fit);
    settings->clients_max = fit;
}

static void apply(struct daemon *daemon, const struct settings *fresh)
{
    struct log_config log;
    char changed[512];
    char kept[512];

    settings_reload(daemon->settings, fresh, changed, kept, sizeof changed);
    settings_log_config(daemon->settings, &log);
    log_open(&log);
    workers_configure(daemon->workers, daemon->settings);
    log_say(LEVEL_INFO, "read %s again; changed: %s", daemon->options->config,
            changed[0] == '\0' ? "nothing" : changed);
    if (kept[0] != '\0') {
        log_say(LEVEL_WARNING, "changed in %s and not in force before a restart: %s", daemon->options->config, kept);
    }
}

static void on_hangup(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct daemon *daemon = watcher->data;
    struct settings fresh;
    struct problem problem;

    (void)loop;
    (void)events;
    if (daemon->drain_began > 0) {
        return;
    }
    if (daemon->options->config == NULL) {
        log_say(LEVEL_WARNING, "SIGHUP: there is no --config FILE to read again");
        return;
    }
    supervisor_reloading();
    if (options_settings(daemon->options, &fresh, &problem) == 0) {
        daemon_fit_clients(&fresh);
        apply(daemon, &fresh);
    } else {
        log_say(LEVEL_ERROR, "%s; the settings stay as they were", problem.text);
    }
    supervisor_ready("running");
}

/* --- The end --- */

static void end(struct daemon *daemon)
{
    ev_break(daemon->loop, EVBREAK_ALL);
}

static void on_drain(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct daemon *daemon = timer->data;
    const double passed = ev_now(loop) - daemon->drain_began;
    const double timeout = (double)daemon->settings->drain_timeout_ms / 1000;
    const enum drain_step step = workers_drain_step(daemon->workers);

    (void)events;
    if (step == DRAIN_IDLE) {
        end(daemon);
    } else if (passed >= timeout) {
        log_say(LEVEL_WARNING, "drain_timeout_ms has passed with packets still queued; they are lost");
        end(daemon);
    } else if (step == DRAIN_BUSY) {
        if (!daemon->reading_stopped && passed >= (DRAIN_READ_S < timeout / 2 ? DRAIN_READ_S : timeout / 2)) {
            daemon->reading_stopped = true;
            workers_stop_reading(daemon->workers);
        }
        workers_probe(daemon->workers);
    }
}

static void on_end(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct daemon *daemon = watcher->data;

    (void)events;
    if (daemon->drain_began > 0) {
        /* timeout(1) and others send the first one to the process and to its group. */
        if (ev_now(loop) - daemon->drain_began < SIGNAL_TWICE_S) {
            return;
        }
        log_say(LEVEL_INFO, "a second signal: ending at once");
        end(daemon);
        return;
    }
    daemon->drain_began = ev_now(loop);
    supervisor_stopping("delivering what is queued");
    log_say(LEVEL_INFO, "ending: no newcomers; what is queued is being delivered");
    workers_close_listeners(daemon->workers);
    workers_probe(daemon->workers);
    ev_timer_start(loop, &daemon->drain);
}

/* --- The watchdog --- */

/* Fed only when every worker has answered since the last time. */
static void on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct daemon *daemon = timer->data;

    (void)loop;
    (void)events;
    /* While it drains the probes belong to that, and go on at its pace. */
    if (daemon->drain_began > 0) {
        supervisor_alive();
    } else if (workers_alive(daemon->workers)) {
        supervisor_alive();
        workers_probe(daemon->workers);
    }
}

static void start_watchdog(struct daemon *daemon)
{
    const uint64_t interval_us = supervisor_watchdog_us();

    ev_init(&daemon->watchdog, on_watchdog);
    daemon->watchdog.data = daemon;
    if (interval_us > 0) {
        workers_probe(daemon->workers);
        ev_timer_set(&daemon->watchdog, (double)interval_us / 4e6, (double)interval_us / 4e6);
        ev_timer_start(daemon->loop, &daemon->watchdog);
    }
}

/* --- Life --- */

static void start_signal(struct daemon *daemon, ev_signal *watcher, int number,
                         void (*heard)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(watcher, heard, number);
    watcher->data = daemon;
    ev_signal_start(daemon->loop, watcher);
}

/* Shells say of what runs in the background that the terminal's Ctrl-C is not for it. */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void start(struct daemon *daemon)
{
    /* Under nohup too: it is asked to read its file again, not told that a terminal has gone. */
    start_signal(daemon, &daemon->hangup, SIGHUP, on_hangup);
    start_signal(daemon, &daemon->terminate, SIGTERM, on_end);
    if (!is_ignored(SIGINT)) {
        start_signal(daemon, &daemon->interrupt, SIGINT, on_end);
    }
    ev_timer_init(&daemon->tick, on_tick, TICK_S, TICK_S);
    daemon->tick.data = daemon;
    ev_timer_start(daemon->loop, &daemon->tick);
    ev_timer_init(&daemon->drain, on_drain, DRAIN_STEP_S, DRAIN_STEP_S);
    daemon->drain.data = daemon;
    start_watchdog(daemon);
}

static void stop(struct daemon *daemon)
{
    ev_signal_stop(daemon->loop, &daemon->hangup);
    ev_signal_stop(daemon->loop, &daemon->interrupt);
    ev_signal_stop(daemon->loop, &daemon->terminate);
    ev_timer_stop(daemon->loop, &daemon->tick);
    ev_timer_stop(daemon->loop, &daemon->drain);
    ev_timer_stop(daemon->loop, &daemon->watchdog);
}

void daemon_run(const struct relay_options *options, struct settings *settings, struct workers *workers)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);

    if (daemon == NULL) {
        log_say(LEVEL_ERROR, "out of memory");
        return;
    }
    daemon->options = options;
    daemon->settings = settings;
    daemon->workers = workers;
    daemon->loop = ev_default_loop(0);
    start(daemon);
    process_unblock_signals();
    supervisor_ready("running");
    (void)ev_run(daemon->loop, 0);
    stop(daemon);
    tell_refused(daemon);
    log_end();
    free(daemon);
}
