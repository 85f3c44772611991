/* libtoxtcp-ev: the driver object, its turns and its deadlines. SPDX-License-Identifier: ISC */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

uint64_t toxtcp_ev_now(const struct toxtcp_ev *ev)
{
    struct timespec now;

    (void)ev;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- Being in the core --- */

void driver_enter(struct toxtcp_ev *ev)
{
    assert(!ev->busy && "ev_run() was called inside a callback of toxtcp's");
    ev->busy = true;
}

void driver_leave(struct toxtcp_ev *ev)
{
    ev->busy = false;
    while (ev->corpses) {
        struct corpse *corpse = ev->corpses;
        LL_DELETE(ev->corpses, corpse);
        free(corpse);
    }
}

void driver_bury(struct toxtcp_ev *ev, struct corpse *corpse)
{
    if (ev->busy) {
        LL_PREPEND(ev->corpses, corpse);
    } else {
        free(corpse);
    }
}

/* --- The turn of the loop --- */

/* Writes once for every stream that was dirty when the round began. Callbacks in it may make streams dirty again;
 * those wait for the next round, so that a sender who is never full cannot hold the loop. */
static void flush(struct toxtcp_ev *ev)
{
    if (!ev->dirty) {
        return;
    }
    driver_enter(ev);
    ev->round++;
    while (ev->dirty && ev->dirty->round != ev->round) {
        struct stream *stream = ev->dirty;
        stream_flush(stream);
        if (stream->keeper) {
            keeper_arm(stream->keeper);
        }
    }
    driver_leave(ev);
}

static void on_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    (void)events;
    ev_idle_stop(loop, idle);
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct toxtcp_ev *ev = prepare->data;
    struct keeper *keeper;

    (void)events;
    flush(ev);
    DL_FOREACH (ev->attached, keeper) {
        keeper_arm(keeper);
    }
    if (ev->dirty) {
        ev_idle_start(loop, &ev->idle);
    }
}

/* Runs last of all that is pending: one who polls without waiting has the answers of this turn sent in this turn. */
static void on_check(struct ev_loop *loop, struct ev_check *check, int events)
{
    (void)loop;
    (void)events;
    flush(check->data);
}

static void start_watchers(struct toxtcp_ev *ev)
{
    ev_prepare_init(&ev->prepare, on_prepare);
    ev_check_init(&ev->check, on_check);
    ev_idle_init(&ev->idle, on_idle);
    ev_set_priority(&ev->prepare, PRIORITY_FLUSH);
    ev_set_priority(&ev->check, PRIORITY_FLUSH);
    ev->prepare.data = ev;
    ev->check.data = ev;
    ev_prepare_start(ev->loop, &ev->prepare);
    ev_check_start(ev->loop, &ev->check);
    /* They do not keep the loop alive: sockets and deadlines do. */
    ev_unref(ev->loop);
    ev_unref(ev->loop);
}

static void stop_watchers(struct toxtcp_ev *ev)
{
    ev_ref(ev->loop);
    ev_ref(ev->loop);
    ev_check_stop(ev->loop, &ev->check);
    ev_prepare_stop(ev->loop, &ev->prepare);
    ev_idle_stop(ev->loop, &ev->idle);
}

/* --- Life --- */

int toxtcp_ev_new(struct ev_loop *loop, struct toxtcp_ev **ev)
{
    struct toxtcp_ev *made = calloc(1, sizeof *made);

    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->loop = loop;
    stream_driver_init(&made->driver, made);
    start_watchers(made);
    *ev = made;
    return TOXTCP_OK;
}

void toxtcp_ev_free(struct toxtcp_ev *ev)
{
    if (!ev) {
        return;
    }
    assert(!ev->busy && ev->info.stream_count == 0 && !ev->attached);
    while (ev->listeners) {
        toxtcp_ev_listener_free(ev->listeners);
    }
    resolver_free(ev->resolver);
    stop_watchers(ev);
    free(ev);
}

const struct toxtcp_driver *toxtcp_ev_driver(struct toxtcp_ev *ev)
{
    return &ev->driver;
}

void toxtcp_ev_get_info(const struct toxtcp_ev *ev, struct toxtcp_ev_info *info)
{
    *info = ev->info;
}

/* --- Objects whose deadlines are kept --- */

static uint64_t connections_deadline(const void *object)
{
    return toxtcp_connections_deadline(object);
}

static void connections_expire(void *object, uint64_t now_ms)
{
    toxtcp_connections_expire(object, now_ms);
}

static uint64_t server_deadline(const void *object)
{
    return toxtcp_server_deadline(object);
}

static void server_expire(void *object, uint64_t now_ms)
{
    toxtcp_server_expire(object, now_ms);
}

static uint64_t client_deadline(const void *object)
{
    return toxtcp_client_deadline(object);
}

static void client_expire(void *object, uint64_t now_ms)
{
    toxtcp_client_expire(object, now_ms);
}

static const struct keeper_kind connections_kind = {connections_deadline, connections_expire};
static const struct keeper_kind server_kind = {server_deadline, server_expire};
static const struct keeper_kind client_kind = {client_deadline, client_expire};

static int attach(struct toxtcp_ev *ev, const struct keeper_kind *kind, void *object)
{
    struct keeper *keeper = keeper_new(ev, kind, object);

    if (!keeper) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    /* Its deadline is looked at when the turn ends. */
    DL_APPEND(ev->attached, keeper);
    return TOXTCP_OK;
}

static void detach(struct toxtcp_ev *ev, const void *object)
{
    struct keeper *keeper;
    struct keeper *next;

    DL_FOREACH_SAFE(ev->attached, keeper, next)
    {
        if (keeper->object == object) {
            DL_DELETE(ev->attached, keeper);
            keeper_drop(keeper);
        }
    }
}

int toxtcp_ev_attach_connections(struct toxtcp_ev *ev, struct toxtcp_connections *connections)
{
    return attach(ev, &connections_kind, connections);
}

void toxtcp_ev_detach_connections(struct toxtcp_ev *ev, struct toxtcp_connections *connections)
{
    detach(ev, connections);
}

int toxtcp_ev_attach_server(struct toxtcp_ev *ev, struct toxtcp_server *server)
{
    return attach(ev, &server_kind, server);
}

void toxtcp_ev_detach_server(struct toxtcp_ev *ev, struct toxtcp_server *server)
{
    detach(ev, server);
}

int toxtcp_ev_connect(struct toxtcp_ev *ev, struct toxtcp_client *client, const struct toxtcp_endpoint *endpoint)
{
    struct toxtcp_link *link = toxtcp_client_link(client);
    struct keeper *keeper = keeper_new(ev, &client_kind, client);

    if (!keeper) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    const int error = ev->driver.dial(ev, link, endpoint);
    if (error) {
        keeper_drop(keeper);
        return error;
    }
    struct stream *stream = toxtcp_link_driver_data(link);
    stream->keeper = keeper;
    keeper_arm(keeper);
    return TOXTCP_OK;
}
