/* The workers together: one relay. SPDX-License-Identifier: ISC */
#include "workers.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <toxtcp/error.h>

#include "worker.h"

_Static_assert(WORKERS_MAX <= 64, "a bit for each worker");

struct workers {
    struct worker *list[WORKERS_MAX];
    uint32_t count;
    struct toxtcp_ev_mesh *mesh; /* NULL for one worker */
    struct settings settings;
    uint64_t began_ms;
    uint64_t bytes_read;       /* by all, at the last workers_drain_step() that knew */
    uint64_t mesh_messages;    /* the same */
    pthread_mutex_t gathering; /* one at a time */
    pthread_mutex_t lock;      /* of all that follows */
    pthread_cond_t answered;
    struct relay_figures figures; /* those that are being gathered */
    uint64_t awaited;             /* a bit for each worker that has not answered yet */
    bool draining;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- Life --- */

static int make_workers(struct workers *workers, const struct toxtcp_key_pair *keys)
{
    const uint32_t count = settings_thread_count(&workers->settings);
    struct toxtcp_server_config config;
    int error = TOXTCP_OK;

    settings_server_config(&workers->settings, count, &config);
    if (count > 1) {
        error = toxtcp_ev_mesh_new(count, &workers->mesh);
    }
    while (error == TOXTCP_OK && workers->count < count) {
        const uint32_t index = workers->count;

        error = worker_new(index, &config, keys, &workers->list[index]);
        if (error != TOXTCP_OK) {
            break;
        }
        workers->count++;
        worker_set_fast_open(workers->list[index], (uint32_t)workers->settings.tcp_fast_open);
        if (workers->mesh != NULL) {
            error = worker_join(workers->list[index], workers->mesh);
        }
    }
    return error;
}

static void init_waiting(struct workers *workers)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&workers->gathering, NULL);
    (void)pthread_mutex_init(&workers->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&workers->answered, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int workers_new(const struct settings *settings, const struct toxtcp_key_pair *keys, struct workers **workers)
{
    struct workers *made = calloc(1, sizeof *made);
    int error;

    if (made == NULL) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->settings = *settings;
    made->began_ms = now_ms();
    toxtcp_public_key_format(&keys->public_key, made->figures.public_key);
    init_waiting(made);
    error = make_workers(made, keys);
    if (error != TOXTCP_OK) {
        workers_free(made);
        return error;
    }
    *workers = made;
    return TOXTCP_OK;
}

/* All threads have ended before the first server goes: so no worker tells its clients that another's are gone. */
static void free_workers(struct workers *workers)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_stop(workers->list[i]);
    }
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_wait(workers->list[i]);
    }
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_leave(workers->list[i]);
    }
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_free(workers->list[i]);
    }
}

void workers_free(struct workers *workers)
{
    if (workers == NULL) {
        return;
    }
    free_workers(workers);
    toxtcp_ev_mesh_free(workers->mesh);
    (void)pthread_cond_destroy(&workers->answered);
    (void)pthread_mutex_destroy(&workers->lock);
    (void)pthread_mutex_destroy(&workers->gathering);
    free(workers);
}

/* Sockets that share an address would share it with another relay's as well: one that does not share must fit first. */
static int claim_address(const struct workers *workers, const struct toxtcp_address *address)
{
    return address->port == 0 ? TOXTCP_OK : worker_try_listen(workers->list[0], address);
}

int workers_listen(struct workers *workers, struct toxtcp_address *address)
{
    const bool shared = workers->count > 1;
    int error = shared ? claim_address(workers, address) : TOXTCP_OK;

    for (uint32_t i = 0; error == TOXTCP_OK && i < workers->count; i++) {
        error = worker_listen(workers->list[i], address, shared);
    }
    return error;
}

int workers_listen_socket(struct workers *workers, int fd, struct toxtcp_address *address)
{
    int error = TOXTCP_OK;

    for (uint32_t i = 0; error == TOXTCP_OK && i < workers->count; i++) {
        error = worker_listen_socket(workers->list[i], fd, address);
    }
    return error;
}

int workers_start(struct workers *workers)
{
    int error = TOXTCP_OK;

    for (uint32_t i = 0; error == TOXTCP_OK && i < workers->count; i++) {
        error = worker_start(workers->list[i]);
    }
    return error;
}

void workers_configure(struct workers *workers, const struct settings *settings)
{
    struct toxtcp_server_config config;

    (void)pthread_mutex_lock(&workers->lock);
    workers->settings = *settings;
    (void)pthread_mutex_unlock(&workers->lock);
    settings_server_config(settings, workers->count, &config);
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_configure(workers->list[i], &config);
    }
}

/* --- Figures --- */

static uint64_t memory_bytes(void)
{
    unsigned long long total;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &total, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint32_t descriptor_count(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint32_t count = 0;

    if (directory == NULL) {
        return 0;
    }
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    /* "." and "..", and the directory itself. */
    return count > 3 ? count - 3 : 0;
}

static void gather_process(const struct workers *workers, struct relay_figures *figures)
{
    struct rlimit limit;

    figures->uptime_ms = now_ms() - workers->began_ms;
    figures->memory_bytes = memory_bytes();
    figures->descriptors = descriptor_count();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        figures->descriptors_max = limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur;
    }
    if (workers->mesh != NULL) {
        toxtcp_ev_mesh_get_info(workers->mesh, &figures->mesh);
    }
}

static void take_answer(void *user, uint32_t index, const struct worker_figures *figures,
                        const struct histogram *waits_us)
{
    struct workers *workers = user;

    (void)pthread_mutex_lock(&workers->lock);
    if ((workers->awaited & (uint64_t)1 << index) != 0) {
        workers->awaited &= ~((uint64_t)1 << index);
        workers->figures.workers[index] = *figures;
        histogram_merge(&workers->figures.waits_us, waits_us);
        (void)pthread_cond_signal(&workers->answered);
    }
    (void)pthread_mutex_unlock(&workers->lock);
}

/* The lock is held. */
static void begin_figures(struct workers *workers)
{
    struct relay_figures *figures = &workers->figures;

    figures->clients_max = (uint32_t)workers->settings.clients_max;
    figures->draining = workers->draining;
    figures->worker_count = workers->count;
    (void)snprintf(figures->motd, sizeof figures->motd, "%s",
                   workers->settings.enable_motd ? workers->settings.motd : "");
    histogram_clear(&figures->waits_us);
    for (uint32_t i = 0; i < workers->count; i++) {
        workers->awaited |= (uint64_t)1 << i;
    }
}

/* The lock is held. False when a second has passed before. */
static bool await_answers(struct workers *workers)
{
    struct timespec end;
    int error = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    while (workers->awaited != 0 && error == 0) {
        error = pthread_cond_timedwait(&workers->answered, &workers->lock, &end);
    }
    return workers->awaited == 0;
}

bool workers_gather(struct workers *workers, struct relay_figures *figures)
{
    bool complete;

    (void)pthread_mutex_lock(&workers->gathering);
    (void)pthread_mutex_lock(&workers->lock);
    begin_figures(workers);
    (void)pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_ask(workers->list[i], take_answer, workers);
    }
    (void)pthread_mutex_lock(&workers->lock);
    complete = await_answers(workers);
    workers->awaited = 0;
    *figures = workers->figures;
    (void)pthread_mutex_unlock(&workers->lock);
    (void)pthread_mutex_unlock(&workers->gathering);
    gather_process(workers, figures);
    return complete;
}

/* --- Signs of life, and the end --- */

void workers_probe(struct workers *workers)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_probe(workers->list[i]);
    }
}

bool workers_alive(struct workers *workers)
{
    struct worker_probe probe;

    for (uint32_t i = 0; i < workers->count; i++) {
        if (!worker_probed(workers->list[i], &probe)) {
            return false;
        }
    }
    return true;
}

void workers_close_listeners(struct workers *workers)
{
    (void)pthread_mutex_lock(&workers->lock);
    workers->draining = true;
    (void)pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_close_listeners(workers->list[i]);
    }
}

enum drain_step workers_drain_step(struct workers *workers)
{
    struct toxtcp_ev_mesh_info mesh = {0};
    struct worker_probe probe;
    struct worker_probe sum = {0, 0};
    bool idle;

    for (uint32_t i = 0; i < workers->count; i++) {
        if (!worker_probed(workers->list[i], &probe)) {
            return DRAIN_UNKNOWN;
        }
        sum.output_len += probe.output_len;
        sum.bytes_read += probe.bytes_read;
    }
    if (workers->mesh != NULL) {
        toxtcp_ev_mesh_get_info(workers->mesh, &mesh);
    }
    idle = sum.output_len == 0 && sum.bytes_read == workers->bytes_read && mesh.queue_len == 0 &&
           mesh.messages == workers->mesh_messages;
    workers->bytes_read = sum.bytes_read;
    workers->mesh_messages = mesh.messages;
    return idle ? DRAIN_IDLE : DRAIN_BUSY;
}

void workers_stop_reading(struct workers *workers)
{
    struct toxtcp_server_config config;

    /* A byte a second: TCP holds back what comes now. */
    settings_server_config(&workers->settings, workers->count, &config);
    config.input_rate_max = 1;
    config.input_burst = 1;
    for (uint32_t i = 0; i < workers->count; i++) {
        worker_configure(workers->list[i], &config);
    }
}
