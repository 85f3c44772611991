/* The HTTP server. libmicrohttpd answers in a thread of its own; a second one keeps the door and the clock: it lets
 * connections in, cuts off those that only hold a place, and takes the history's samples. SPDX-License-Identifier: ISC
 *
 * libmicrohttpd could let them in itself, but does not rest when the process is out of descriptors. */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "history.h"
#include "http_door.h"
#include "page.h"
#include "report.h"

enum {
    IDLE_S = 10,               /* libmicrohttpd's own patience, with who sends nothing at all */
    CONNECTION_MEMORY = 16384, /* what a request's header may take; browsers send the cookies of all of localhost */
    PATIENCE_MS = 15000,
    SEE_IN_MS = 2000,
    REST_MS = 500, /* when the process is out of descriptors or memory */
    NONCE_SIZE = 2 * 16 + 1,
};

struct http {
    struct MHD_Daemon *daemon;
    struct toxtcp_address address;
    struct http_times times;
    http_gather gather;
    void *user;
    struct http_door door;
    int listener;
    int wake; /* an eventfd: somebody has arrived or gone, or it is over */
    pthread_t keeper;

    pthread_mutex_t lock; /* of what follows */
    bool stopping;
    uint64_t started_ms; /* the relay, since 1970; 0: not known yet */
    struct history history;
    struct relay_figures figures;
    struct history_mark mark;
    struct report report;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* --- Figures; the lock is held --- */

static bool gather(struct http *http)
{
    struct history_mark *mark = &http->mark;

    memset(&http->figures, 0, sizeof http->figures);
    if (!http->gather(http->user, &http->figures)) {
        return false;
    }
    if (http->started_ms == 0) {
        http->started_ms = clock_ns(CLOCK_REALTIME) / 1000000 - http->figures.uptime_ms;
    }
    report_make(&http->report, &http->figures, clock_ns(CLOCK_PROCESS_CPUTIME_ID), http->started_ms);
    mark->uptime_ms = http->figures.uptime_ms;
    mark->waits_us = http->figures.waits_us;
    mark->packets = 0;
    mark->bytes = 0;
    mark->cpu_ns = 0;
    for (uint32_t i = 0; i < http->figures.worker_count; i++) {
        mark->packets += http->report.workers[i].packets;
        mark->bytes += http->report.workers[i].bytes;
        mark->cpu_ns += http->report.workers[i].cpu_ns;
    }
    return true;
}

static json_t *all_as_json(struct http *http, bool past)
{
    struct history_sample recent;

    history_recent(&http->history, &http->mark, http->report.sum.client_count, &recent);
    return report_json(&http->report, &recent, past ? &http->history : NULL);
}

/* --- What is served: each writes a text to free(), or returns NULL when memory is short --- */

static char *write_metrics(struct http *http, struct MHD_Connection *connection, const char *nonce, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    bool whole;

    (void)connection;
    (void)nonce;
    if (out == NULL) {
        return NULL;
    }
    report_write_text(&http->report, out);
    whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

static char *write_json(struct http *http, struct MHD_Connection *connection, const char *nonce, size_t *len)
{
    const char *past = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "history");
    json_t *json = all_as_json(http, past == NULL || strcmp(past, "0") != 0);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));

    (void)nonce;
    json_decref(json);
    *len = text == NULL ? 0 : strlen(text);
    return text;
}

static char *write_page(struct http *http, struct MHD_Connection *connection, const char *nonce, size_t *len)
{
    json_t *json = all_as_json(http, true);
    char *text = json == NULL ? NULL : page_make(json, nonce, len);

    (void)connection;
    json_decref(json);
    return text;
}

static const struct {
    const char *path;
    const char *type;
    char *(*write)(struct http *http, struct MHD_Connection *connection, const char *nonce, size_t *len);
} places[] = {
    {"/", "text/html; charset=utf-8", write_page},
    {"/figures.json", "application/json", write_json},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
};
enum { PLACE_COUNT = sizeof places / sizeof places[0] };

/* --- Answers --- */

/* The page's own script and style carry the nonce, which is another each time. */
static bool make_nonce(char nonce[NONCE_SIZE])
{
    unsigned char bytes[(NONCE_SIZE - 1) / 2];

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    }
    return true;
}

static bool add_headers(struct MHD_Response *response, const char *type, const char *nonce)
{
    char policy[256];

    (void)snprintf(policy, sizeof policy,
                   "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; "
                   "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                   nonce, nonce);
    return MHD_add_response_header(response, "Content-Type", type) == MHD_YES &&
           MHD_add_response_header(response, "Content-Security-Policy", policy) == MHD_YES &&
           MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES &&
           MHD_add_response_header(response, "X-Frame-Options", "DENY") == MHD_YES &&
           MHD_add_response_header(response, "Referrer-Policy", "no-referrer") == MHD_YES &&
           MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin") == MHD_YES &&
           MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES;
}

/* Takes over `text`, which may be NULL. What it returns goes back to libmicrohttpd: MHD_NO ends the connection. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *nonce,
                              char *text, size_t len)
{
    struct MHD_Response *response;
    enum MHD_Result result = MHD_NO;

    if (text == NULL) {
        return MHD_NO;
    }
    response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
        return MHD_NO;
    }
    if (add_headers(response, type, nonce) &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED || MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES) &&
        (status != MHD_HTTP_SERVICE_UNAVAILABLE || MHD_add_response_header(response, "Retry-After", "2") == MHD_YES)) {
        result = MHD_queue_response(connection, status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *nonce, const char *why)
{
    char *text = strdup(why);

    return answer(connection, status, "text/plain; charset=utf-8", nonce, text, strlen(why));
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *len = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return (len != NULL && strcmp(len, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

static enum MHD_Result serve(struct http *http, struct MHD_Connection *connection, const char *nonce, int place)
{
    char *text = NULL;
    size_t len = 0;
    bool told;

    (void)pthread_mutex_lock(&http->lock);
    told = gather(http);
    if (told) {
        text = places[place].write(http, connection, nonce, &len);
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!told) {
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, nonce, "The relay is too busy to say.\n");
    }
    return answer(connection, MHD_HTTP_OK, places[place].type, nonce, text, len);
}

static int place_of(const char *path)
{
    int place = 0;

    while (place < PLACE_COUNT && strcmp(path, places[place].path) != 0) {
        place++;
    }
    return place;
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **request)
{
    struct http *http = user;
    const int place = place_of(path);
    char nonce[NONCE_SIZE];

    (void)version;
    (void)upload;
    (void)upload_len;
    if (!make_nonce(nonce)) {
        return MHD_NO;
    }
    if (http_door_is_loopback(&http->address) &&
        !http_door_is_local_name(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"))) {
        return refuse(connection, MHD_HTTP_MISDIRECTED_REQUEST, nonce, "Ask for localhost, or a loopback address.\n");
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, nonce, "GET and HEAD alone.\n");
    }
    if (has_body(connection)) {
        return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, nonce, "No body, please.\n");
    }
    if (*request == NULL) { /* who is answered at the first call cannot ask again on that connection */
        *request = http;
        return MHD_YES;
    }
    if (place == PLACE_COUNT) {
        return refuse(connection, MHD_HTTP_NOT_FOUND, nonce, "There are /, /figures.json and /metrics.\n");
    }
    return serve(http, connection, nonce, place);
}

/* --- Connections --- */

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info == NULL ? -1 : info->connect_fd;
}

/* The number in an eventfd has room for all that there could be. */
static void wake(const struct http *http)
{
    const uint64_t one = 1;

    while (write(http->wake, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static void connection_changed(void *user, struct MHD_Connection *connection, void **socket_context,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http *http = user;

    (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        http_door_renew(&http->door, descriptor_of(connection), now_ms());
    } else {
        http_door_leave(&http->door, descriptor_of(connection));
    }
    wake(http);
}

static void request_completed(void *user, struct MHD_Connection *connection, void **request,
                              enum MHD_RequestTerminationCode code)
{
    struct http *http = user;

    (void)request;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        http_door_renew(&http->door, descriptor_of(connection), now_ms());
    }
}

/* --- The door and the clock --- */

/* False when that failed for a reason that takes time to pass. What libmicrohttpd does not want it closes. */
static bool let_in(struct http *http)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    const int fd = accept4(http->listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
    }
    http_door_expect(&http->door, true);
    if (MHD_add_connection(http->daemon, fd, (struct sockaddr *)&from, len) != MHD_YES) {
        http_door_expect(&http->door, false);
    }
    return true;
}

static void take_sample(struct http *http)
{
    (void)pthread_mutex_lock(&http->lock);
    if (gather(http)) {
        history_add(&http->history, &http->mark, http->report.sum.client_count);
    }
    (void)pthread_mutex_unlock(&http->lock);
}

static bool is_over(struct http *http)
{
    bool over;

    (void)pthread_mutex_lock(&http->lock);
    over = http->stopping;
    (void)pthread_mutex_unlock(&http->lock);
    return over;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns at `until_ms`, when it is woken, or when somebody has come, if it is open. */
static void keep_door(struct http *http, uint64_t *open_ms, uint64_t until_ms)
{
    const uint64_t now = now_ms();
    const bool resting = now < *open_ms;
    struct pollfd watched[2] = {{.fd = http->wake, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    uint64_t count;

    if (resting) {
        until_ms = least(until_ms, *open_ms);
    } else if (http_door_has_room(&http->door)) {
        watched[1].fd = http->listener;
    }
    if (poll(watched, 2, until_ms > now ? (int)(until_ms - now) : 0) <= 0) {
        return;
    }
    if (watched[0].revents != 0) {
        (void)!read(http->wake, &count, sizeof count);
    }
    if (watched[1].revents != 0 && !let_in(http)) {
        *open_ms = now_ms() + REST_MS;
    }
}

/* libmicrohttpd looks at those whom it has been given and has not begun with without a lock when it stops. */
static void see_in(struct http *http)
{
    const uint64_t until_ms = now_ms() + SEE_IN_MS;
    uint64_t never = UINT64_MAX;

    while (http_door_expects(&http->door) && now_ms() < until_ms) {
        keep_door(http, &never, until_ms);
    }
}

static void *run_keeper(void *user)
{
    struct http *http = user;
    uint64_t open_ms = 0;
    uint64_t sample_ms = now_ms();
    uint64_t cut_ms = sample_ms;

    while (!is_over(http)) {
        if (now_ms() >= sample_ms) {
            take_sample(http);
            sample_ms = now_ms() + http->times.sample_ms;
        }
        if (now_ms() >= cut_ms) {
            http_door_cut(&http->door, now_ms(), http->times.patience_ms);
            cut_ms = now_ms() + http->times.patience_ms / 3;
        }
        keep_door(http, &open_ms, least(sample_ms, cut_ms));
    }
    see_in(http);
    return NULL;
}

/* --- Starting and stopping --- */

static bool start_daemon(struct http *http)
{
    http->daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC, 0, NULL, NULL, handle,
                         http, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_PLACES,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, http,
                         MHD_OPTION_NOTIFY_COMPLETED, request_completed, http, MHD_OPTION_END);
    return http->daemon != NULL;
}

/* Signals are for the threads that wait for them. Leaves errno when it returns false. */
static bool start_threads(struct http *http)
{
    sigset_t all;
    sigset_t before;
    bool started;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = start_daemon(http);
    if (started) {
        const int error = pthread_create(&http->keeper, NULL, run_keeper, http);

        if (error != 0) {
            MHD_stop_daemon(http->daemon);
            errno = error;
            started = false;
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void free_http(struct http *http)
{
    if (http->wake >= 0) {
        (void)close(http->wake);
    }
    if (http->listener >= 0) {
        (void)close(http->listener);
    }
    (void)pthread_mutex_destroy(&http->lock);
    http_door_destroy(&http->door);
    free(http);
}

static int start(struct http *http, const struct toxtcp_address *address, struct problem *problem)
{
    http->listener = http_door_listen(address, &http->address, problem);
    if (http->listener < 0) {
        return -1;
    }
    http->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->wake < 0 || !start_threads(http)) {
        return problem_set(problem, "cannot serve HTTP: %s", strerror(errno));
    }
    return 0;
}

int http_start_with(const struct http_times *times, const struct toxtcp_address *address, http_gather gather_figures,
                    void *user, struct http **http, struct problem *problem)
{
    struct http *made = calloc(1, sizeof *made);

    *http = NULL;
    if (made == NULL) {
        return problem_set(problem, "cannot serve HTTP: out of memory");
    }
    made->times = *times;
    made->gather = gather_figures;
    made->user = user;
    made->listener = -1;
    made->wake = -1;
    http_door_init(&made->door);
    (void)pthread_mutex_init(&made->lock, NULL);
    if (start(made, address, problem) != 0) {
        free_http(made);
        return -1;
    }
    *http = made;
    return 0;
}

int http_start(const struct toxtcp_address *address, http_gather gather_figures, void *user, struct http **http,
               struct problem *problem)
{
    const struct http_times times = {.patience_ms = PATIENCE_MS, .sample_ms = HISTORY_INTERVAL_MS};

    return http_start_with(&times, address, gather_figures, user, http, problem);
}

void http_address(const struct http *http, struct toxtcp_address *address)
{
    *address = http->address;
}

/* Nobody comes in any more before those who are there have to go. */
void http_stop(struct http *http)
{
    if (http == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&http->lock);
    http->stopping = true;
    (void)pthread_mutex_unlock(&http->lock);
    wake(http);
    (void)pthread_join(http->keeper, NULL);
    MHD_stop_daemon(http->daemon);
    free_http(http);
}
