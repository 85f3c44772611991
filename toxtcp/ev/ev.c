/* libtoxtcp-ev: the driver object, its clock and the deadlines that it keeps. SPDX-License-Identifier: ISC */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

static uint64_t read_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t toxtcp_ev_now(const struct toxtcp_ev *ev)
{
    (void)ev;
    return read_clock() / NS_PER_MS;
}

uint64_t driver_now(struct toxtcp_ev *ev)
{
    ev->now_ns = read_clock();
    return ev->now_ns / NS_PER_MS;
}

/* --- Being in the core --- */

void driver_enter(struct toxtcp_ev *ev)
{
    assert(!ev->busy && "ev_run() was called inside a callback of toxtcp's");
    ev->busy = true;
    (void)driver_now(ev);
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

/* --- Life --- */

int toxtcp_ev_new(struct ev_loop *loop, struct toxtcp_ev **ev)
{
    struct toxtcp_ev *made = calloc(1, sizeof *made);

    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->loop = loop;
    toxtcp_ev_options_default(&made->options);
    stream_driver_init(&made->driver, made);
    turn_start(made);
    *ev = made;
    return TOXTCP_OK;
}

void toxtcp_ev_free(struct toxtcp_ev *ev)
{
    if (!ev) {
        return;
    }
    assert(!ev->busy && ev->info.stream_count == 0 && !ev->attached && !ev->member && !ev->network);
    while (ev->listeners) {
        toxtcp_ev_listener_free(ev->listeners);
    }
    resolver_free(ev->resolver);
    turn_stop(ev);
    free(ev);
}

const struct toxtcp_driver *toxtcp_ev_driver(struct toxtcp_ev *ev)
{
    return &ev->driver;
}

void toxtcp_ev_observe_waits(struct toxtcp_ev *ev, void (*observe)(void *user, uint64_t waited_ns), void *user)
{
    ev->observe = observe;
    ev->observe_user = user;
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

/* A relay with thousands of clients has a ping to send every few milliseconds: they go together. */
enum { SERVER_PAUSE_MS = 25 };

static const struct keeper_kind connections_kind = {connections_deadline, connections_expire, 0};
static const struct keeper_kind server_kind = {server_deadline, server_expire, SERVER_PAUSE_MS};
static const struct keeper_kind client_kind = {client_deadline, client_expire, 0};

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
    network_leave(ev, connections);
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
    const int error = toxtcp_client_dial(client, endpoint);
    if (error) {
        keeper_drop(keeper);
        return error;
    }
    struct stream *stream = toxtcp_link_driver_data(link);
    stream->keeper = keeper;
    keeper_arm(keeper);
    return TOXTCP_OK;
}

void toxtcp_ev_set_options(struct toxtcp_ev *ev, const struct toxtcp_ev_options *options)
{
    if (options) {
        ev->options = *options;
    } else {
        toxtcp_ev_options_default(&ev->options);
    }
}

int toxtcp_ev_set_interface(struct toxtcp_ev *ev, const char *name)
{
    const size_t len = name ? strnlen(name, IF_NAMESIZE) : 0;

    if (name && !socket_can_bind_to_interface()) {
        return TOXTCP_ERR_UNSUPPORTED;
    }
    if (len == IF_NAMESIZE || (name && (len == 0 || name[strcspn(name, "/ \t\n\v\f\r")]))) {
        return TOXTCP_ERR_INVALID;
    }
    memcpy(ev->interface, name ? name : "", len + 1);
    return TOXTCP_OK;
}

int toxtcp_ev_set_source(struct toxtcp_ev *ev, const struct toxtcp_address *source)
{
    if (source && source->family == TOXTCP_FAMILY_NONE) {
        return TOXTCP_ERR_INVALID;
    }
    ev->source = source ? *source : (struct toxtcp_address){.family = TOXTCP_FAMILY_NONE};
    return TOXTCP_OK;
}

void toxtcp_ev_set_fast_open(struct toxtcp_ev *ev, bool on)
{
    ev->fast_open.off = !on;
}
