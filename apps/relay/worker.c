/* One thread of the relay. SPDX-License-Identifier: ISC */
#include "worker.h"

#include <ev.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <toxtcp/env.h>
#include <toxtcp/error.h>

#include "log.h"
#include "settings.h"

/* Nothing in the thread recurses or has large frames. */
#define STACK_SIZE ((size_t)256 * 1024)

enum command {
    COMMAND_CONFIGURE = 1,
    COMMAND_REPORT = 2,
    COMMAND_CLOSE_LISTENERS = 4,
    COMMAND_PROBE = 8,
    COMMAND_STOP = 16
};

struct worker {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_server *server;
    struct toxtcp_ev_mesh *mesh;
    uint32_t index;
    struct toxtcp_ev_listener *listeners[LISTEN_MAX];
    size_t listener_count;
    uint32_t fast_open; /* of each listener */
    struct histogram waits_us;
    pthread_t thread;
    bool running;
    struct ev_async wake;
    pthread_mutex_t lock; /* of all that follows */
    unsigned commands;
    struct toxtcp_server_config config;
    worker_report report;
    void *report_user;
    struct worker_probe probe;
    bool probed;
};

/* --- In the thread --- */

static void observe_wait(void *user, uint64_t waited_ns)
{
    struct worker *worker = user;

    histogram_add(&worker->waits_us, waited_ns / 1000);
}

static void log_line(void *user, const char *line)
{
    (void)user;
    log_say(LEVEL_DEBUG, "%s", line);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void do_report(const struct worker *worker, worker_report report, void *user)
{
    struct worker_figures figures = {.cpu_ns = thread_cpu_ns()};

    toxtcp_server_get_info(worker->server, &figures.server);
    toxtcp_ev_get_info(worker->ev, &figures.ev);
    report(user, worker->index, &figures, &worker->waits_us);
}

static void do_close_listeners(struct worker *worker)
{
    while (worker->listener_count > 0) {
        toxtcp_ev_listener_free(worker->listeners[--worker->listener_count]);
    }
}

static void do_probe(struct worker *worker)
{
    struct toxtcp_server_info server;
    struct toxtcp_ev_info ev;

    toxtcp_server_get_info(worker->server, &server);
    toxtcp_ev_get_info(worker->ev, &ev);
    (void)pthread_mutex_lock(&worker->lock);
    worker->probe = (struct worker_probe){server.output_len, ev.bytes_read};
    worker->probed = (worker->commands & COMMAND_PROBE) == 0;
    (void)pthread_mutex_unlock(&worker->lock);
}

static void on_wake(struct ev_loop *loop, struct ev_async *async, int events)
{
    struct worker *worker = async->data;
    struct toxtcp_server_config config;
    worker_report report;
    void *report_user;
    unsigned commands;

    (void)events;
    (void)pthread_mutex_lock(&worker->lock);
    commands = worker->commands;
    config = worker->config;
    report = worker->report;
    report_user = worker->report_user;
    worker->commands = 0;
    (void)pthread_mutex_unlock(&worker->lock);
    if ((commands & COMMAND_CONFIGURE) != 0) {
        toxtcp_server_configure(worker->server, &config, toxtcp_ev_now(worker->ev));
    }
    if ((commands & COMMAND_CLOSE_LISTENERS) != 0) {
        do_close_listeners(worker);
    }
    if ((commands & COMMAND_REPORT) != 0) {
        do_report(worker, report, report_user);
    }
    if ((commands & COMMAND_PROBE) != 0) {
        do_probe(worker);
    }
    if ((commands & COMMAND_STOP) != 0) {
        ev_break(loop, EVBREAK_ALL);
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;

    (void)ev_run(worker->loop, 0);
    return NULL;
}

/* --- Life --- */

static int make_parts(struct worker *worker, const struct toxtcp_server_config *config,
                      const struct toxtcp_key_pair *keys)
{
    const struct toxtcp_hooks hooks = {.log = log_line};
    int error;

    worker->loop = ev_loop_new(EVFLAG_AUTO);
    if (worker->loop == NULL) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    error = toxtcp_env_new(&hooks, &worker->env);
    if (error == TOXTCP_OK) {
        error = toxtcp_ev_new(worker->loop, &worker->ev);
    }
    if (error == TOXTCP_OK) {
        error = toxtcp_server_new(worker->env, toxtcp_ev_driver(worker->ev), config, keys, &worker->server);
    }
    return error == TOXTCP_OK ? toxtcp_ev_attach_server(worker->ev, worker->server) : error;
}

int worker_new(uint32_t index, const struct toxtcp_server_config *config, const struct toxtcp_key_pair *keys,
               struct worker **worker)
{
    struct worker *made = calloc(1, sizeof *made);
    int error;

    if (made == NULL) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->index = index;
    (void)pthread_mutex_init(&made->lock, NULL);
    error = make_parts(made, config, keys);
    if (error != TOXTCP_OK) {
        worker_free(made);
        return error;
    }
    toxtcp_ev_observe_waits(made->ev, observe_wait, made);
    /* As urgent as can be: a report or an end does not wait for a flood. */
    ev_async_init(&made->wake, on_wake);
    ev_set_priority(&made->wake, EV_MAXPRI);
    made->wake.data = made;
    ev_async_start(made->loop, &made->wake);
    *worker = made;
    return TOXTCP_OK;
}

void worker_leave(struct worker *worker)
{
    if (worker->mesh != NULL) {
        toxtcp_ev_mesh_leave(worker->mesh, worker->index);
        worker->mesh = NULL;
    }
}

void worker_free(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    worker_leave(worker);
    do_close_listeners(worker);
    if (worker->server != NULL) {
        toxtcp_ev_detach_server(worker->ev, worker->server);
        toxtcp_server_free(worker->server);
    }
    toxtcp_ev_free(worker->ev);
    toxtcp_env_free(worker->env);
    if (worker->loop != NULL) {
        ev_async_stop(worker->loop, &worker->wake);
        ev_loop_destroy(worker->loop);
    }
    (void)pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int worker_join(struct worker *worker, struct toxtcp_ev_mesh *mesh)
{
    const int error = toxtcp_ev_mesh_join(mesh, worker->index, worker->ev, worker->server);

    if (error == TOXTCP_OK) {
        worker->mesh = mesh;
    }
    return error;
}

void worker_set_fast_open(struct worker *worker, uint32_t queue_len)
{
    worker->fast_open = queue_len;
}

static int keep_listener(struct worker *worker, struct toxtcp_ev_listener *listener, struct toxtcp_address *address)
{
    /* Where the system does not know it, a handshake takes a round trip more. */
    (void)toxtcp_ev_listener_set_fast_open(listener, worker->fast_open);
    toxtcp_ev_listener_address(listener, address);
    worker->listeners[worker->listener_count++] = listener;
    return TOXTCP_OK;
}

int worker_listen(struct worker *worker, struct toxtcp_address *address, bool shared)
{
    struct toxtcp_ev_listener *listener;
    int error;

    if (worker->listener_count == LISTEN_MAX) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    error = shared ? toxtcp_ev_listen_shared(worker->ev, worker->server, address, &listener)
                   : toxtcp_ev_listen(worker->ev, worker->server, address, &listener);
    return error == TOXTCP_OK ? keep_listener(worker, listener, address) : error;
}

int worker_try_listen(struct worker *worker, const struct toxtcp_address *address)
{
    struct toxtcp_ev_listener *listener;
    const int error = toxtcp_ev_listen(worker->ev, worker->server, address, &listener);

    if (error == TOXTCP_OK) {
        toxtcp_ev_listener_free(listener);
    }
    return error;
}

int worker_listen_socket(struct worker *worker, int fd, struct toxtcp_address *address)
{
    struct toxtcp_ev_listener *listener;
    const int duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int error;

    if (duplicate < 0) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    error = worker->listener_count == LISTEN_MAX
                ? TOXTCP_ERR_NO_MEMORY
                : toxtcp_ev_listen_socket(worker->ev, worker->server, duplicate, &listener);
    if (error != TOXTCP_OK) {
        (void)close(duplicate);
        return error;
    }
    return keep_listener(worker, listener, address);
}

int worker_start(struct worker *worker)
{
    pthread_attr_t attributes;

    if (pthread_attr_init(&attributes) != 0) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    worker->running = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
                      pthread_create(&worker->thread, &attributes, run, worker) == 0;
    (void)pthread_attr_destroy(&attributes);
    return worker->running ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

void worker_wait(struct worker *worker)
{
    if (worker->running) {
        (void)pthread_join(worker->thread, NULL);
        worker->running = false;
    }
}

/* --- Asking --- */

/* The lock is held; leaves it. */
static void command(struct worker *worker, enum command what)
{
    worker->commands |= (unsigned)what;
    (void)pthread_mutex_unlock(&worker->lock);
    ev_async_send(worker->loop, &worker->wake);
}

void worker_configure(struct worker *worker, const struct toxtcp_server_config *config)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->config = *config;
    command(worker, COMMAND_CONFIGURE);
}

void worker_ask(struct worker *worker, worker_report report, void *user)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->report = report;
    worker->report_user = user;
    command(worker, COMMAND_REPORT);
}

void worker_close_listeners(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    command(worker, COMMAND_CLOSE_LISTENERS);
}

void worker_probe(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->probed = false;
    command(worker, COMMAND_PROBE);
}

bool worker_probed(struct worker *worker, struct worker_probe *probe)
{
    bool probed;

    (void)pthread_mutex_lock(&worker->lock);
    probed = worker->probed;
    *probe = worker->probe;
    (void)pthread_mutex_unlock(&worker->lock);
    return probed;
}

void worker_stop(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    command(worker, COMMAND_STOP);
}
