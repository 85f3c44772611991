/* Addresses of ours that come and go: a netlink watch. SPDX-License-Identifier: ISC
 *
 * The kernel is asked for all interfaces, addresses and default routes; what it tells after that changes the tables.
 * When it had to drop what it wanted to tell, all are read again, and what is not found any more is gone. An address is
 * usable while it may be bound to (duplicate address detection is over) and its interface is up, or was a moment ago.
 *
 * What is lost takes down the streams from there, at once, and the owners hear that the network is another. What is
 * gained they hear of a little later, and not too often; what goes on in the old network then goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "network.h"

#ifdef __linux__

/* A new address is seldom alone: its route follows, and the other family. */
enum { GAIN_MS = 100 };
/* What is told of makes every relay answer a ping, or be dialled: after that nothing more is told of for a while, which
 * grows as long as there is something within half a minute of it. An address that comes and goes must not cost what it
 * cannot bring. */
enum { REST_MIN_MS = 2000, REST_MAX_MS = 30000 };
/* A carrier that is away for less than this was never away: a switch of access points, a shaky plug. */
enum { LOST_MS = 500 };
/* What the kernel did not tell is asked for again after so long, doubling while it goes on. */
enum { AGAIN_MIN_MS = 2000, AGAIN_MAX_MS = 64000 };
/* Of the kernel's that are heard in one turn, each of up to 32 KiB. */
enum { MESSAGES_MAX = 64 };

/* --- What comes of it --- */

static bool is_usable(const struct network *network, const struct address *address)
{
    const struct interface *interface = network_interface(network, address->index);

    return address->bindable && interface && !interface->lost;
}

static bool has_usable(const struct network *network, const struct toxtcp_address *ip)
{
    for (size_t i = 0; i < network->address_count; i++) {
        if (network->addresses[i].usable && network_same_ip(&network->addresses[i].ip, ip)) {
            return true;
        }
    }
    return false;
}

static void mark_streams(const struct toxtcp_ev *ev, const struct toxtcp_address *ip)
{
    struct toxtcp_address local;
    struct stream *stream;

    DL_FOREACH2 (ev->dialled, stream, dialled_next) {
        stream->lost = stream->race ? race_mark_from(stream->race, ip)
                                    : stream->connected && socket_local_address(stream->io.fd, &local) &&
                                          network_same_ip(&local, ip);
    }
}

static struct stream *first_lost(const struct toxtcp_ev *ev)
{
    struct stream *stream;

    DL_FOREACH2 (ev->dialled, stream, dialled_next) {
        if (stream->lost) {
            break;
        }
    }
    return stream;
}

/* Ends what is connected from there, and the attempts of what is being dialled. The callbacks of one stream's end may
 * end others, and dial new ones, which may come from there again: what is marked is lost, and no more. Returns whether
 * a stream has ended. */
static bool end_streams(struct toxtcp_ev *ev, const struct toxtcp_address *ip)
{
    struct stream *stream;
    bool any = false;

    driver_enter(ev);
    mark_streams(ev, ip);
    while ((stream = first_lost(ev))) {
        stream->lost = false;
        if (stream->race) {
            race_lose_marked(stream->race);
        } else {
            stream_end(stream, TOXTCP_ERR_UNREACHABLE);
        }
        any |= !stream->dialled;
    }
    driver_leave(ev);
    return any;
}

static void tell(struct network *network, void (*what)(struct toxtcp_connections *connections))
{
    const struct watcher *watcher;

    ev_timer_stop(network->ev->loop, &network->gained);
    resolver_network_changed(network->ev->resolver);
    LL_FOREACH (network->watchers, watcher) {
        what(watcher->connections);
    }
}

static void on_gained(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct network *network = timer->data;
    const uint64_t now_ms = toxtcp_ev_now(network->ev);
    const bool goes_on = now_ms < network->calm_from_ms;

    (void)loop;
    (void)events;
    network->rest_ms = goes_on ? 2 * network->rest_ms : REST_MIN_MS;
    network->rest_ms = network->rest_ms < REST_MAX_MS ? network->rest_ms : REST_MAX_MS;
    network->rest_until_ms = now_ms + network->rest_ms;
    network->calm_from_ms = network->rest_until_ms + REST_MAX_MS;
    tell(network, toxtcp_connections_network_gained);
}

static void start_timer(struct ev_loop *loop, struct ev_timer *timer, uint64_t ms)
{
    ev_now_update(loop);
    ev_timer_set(timer, (ev_tstamp)ms / 1e3, 0.);
    ev_timer_start(loop, timer);
}

void network_gain(struct network *network)
{
    const uint64_t now_ms = toxtcp_ev_now(network->ev);
    const uint64_t rest_ms = network->rest_until_ms > now_ms ? network->rest_until_ms - now_ms : 0;

    if (network->known && !ev_is_active(&network->gained)) {
        start_timer(network->ev->loop, &network->gained, rest_ms > GAIN_MS ? rest_ms : GAIN_MS);
    }
}

/* The first address that is gone, and then it is forgotten, or usable no more. False: there is none. */
static bool take_lost(struct network *network, struct toxtcp_address *ip)
{
    for (size_t i = 0; i < network->address_count; i++) {
        struct address *address = &network->addresses[i];
        const bool gone = !address->seen;
        *ip = address->ip;
        if (gone) {
            *address = network->addresses[--network->address_count];
            return true;
        }
        if (address->usable && !is_usable(network, address)) {
            address->usable = false;
            return true;
        }
    }
    return false;
}

static void find_new(struct network *network)
{
    for (size_t i = 0; i < network->address_count; i++) {
        struct address *address = &network->addresses[i];
        if (!address->usable && is_usable(network, address)) {
            address->usable = true;
            if (address->far) {
                network_gain(network);
            }
        }
    }
}

/* Compares what is so with what was so. The watch may be over when this returns. */
static void settle(struct network *network)
{
    struct toxtcp_ev *ev = network->ev;
    struct toxtcp_address ip;
    bool any = false;

    find_new(network);
    while (ev->network == network && take_lost(network, &ip)) {
        any |= !has_usable(network, &ip) && end_streams(ev, &ip);
    }
    if (any && ev->network == network) {
        tell(network, toxtcp_connections_network_changed);
    }
}

/* Those that have just gone down have their time; the timer is for the first whose time is over. */
static void count_lost(struct network *network)
{
    const uint64_t now_ms = toxtcp_ev_now(network->ev);
    uint64_t first_ms = TOXTCP_NEVER;

    for (size_t i = 0; i < network->interface_count; i++) {
        struct interface *interface = &network->interfaces[i];
        const bool was_counting = interface->counting;
        interface->counting = !interface->up && !interface->lost;
        if (interface->counting) {
            interface->down_ms = was_counting ? interface->down_ms : now_ms;
            first_ms = interface->down_ms < first_ms ? interface->down_ms : first_ms;
        }
    }
    ev_timer_stop(network->ev->loop, &network->lost);
    if (first_ms != TOXTCP_NEVER) {
        const uint64_t due_ms = first_ms + LOST_MS;
        start_timer(network->ev->loop, &network->lost, due_ms > now_ms ? due_ms - now_ms : 0);
    }
}

/* A router may tell of routes without end: the rest is for the next turn. False: there may be more. */
static bool hear_news(struct network *network)
{
    for (int i = 0; i < MESSAGES_MAX; i++) {
        if (!netlink_receive(network)) {
            return true;
        }
    }
    return false;
}

/* No more than the socket does this timer keep the loop alive. */
static void ask_again_later(struct network *network)
{
    struct ev_loop *loop = network->ev->loop;

    if (ev_is_active(&network->again)) {
        return;
    }
    network->again_ms = network->again_ms == 0 ? AGAIN_MIN_MS : 2 * network->again_ms;
    network->again_ms = network->again_ms < AGAIN_MAX_MS ? network->again_ms : AGAIN_MAX_MS;
    start_timer(loop, &network->again, network->again_ms);
    ev_unref(loop);
}

static void act(struct network *network)
{
    struct toxtcp_ev *ev = network->ev;

    count_lost(network);
    if (network->reading == READ_ALL && network->stale && !network->refused) {
        (void)netlink_read_all(network);
    }
    if (network->refused) {
        ask_again_later(network);
    } else if (network->reading == READ_ALL) {
        network->again_ms = 0;
        settle(network);
        if (ev->network == network) {
            network->known = true;
        }
    }
}

static void on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct network *network = timer->data;

    (void)events;
    ev_ref(loop);
    network->refused = false;
    act(network);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    (void)hear_news(io->data);
    act(io->data);
}

/* A process that was stopped for so long has not heard yet what came up again meanwhile. */
static void on_lost(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct network *network = timer->data;

    (void)loop;
    (void)events;
    const bool heard_all = hear_news(network);
    const uint64_t now_ms = toxtcp_ev_now(network->ev);
    for (size_t i = 0; heard_all && i < network->interface_count; i++) {
        struct interface *interface = &network->interfaces[i];
        interface->lost |= interface->counting && now_ms - interface->down_ms >= LOST_MS;
    }
    act(network);
}

/* --- Life --- */

static void close_network(struct network *network)
{
    struct toxtcp_ev *ev = network->ev;

    ev_timer_stop(ev->loop, &network->gained);
    ev_timer_stop(ev->loop, &network->lost);
    if (ev_is_active(&network->again) || ev_is_pending(&network->again)) {
        ev_ref(ev->loop);
        ev_timer_stop(ev->loop, &network->again);
    }
    ev_ref(ev->loop);
    ev_io_stop(ev->loop, &network->io);
    (void)close(network->io.fd);
    free(network->interfaces);
    free(network->addresses);
    free(network->routes);
    free(network);
    ev->network = NULL;
}

/* A sandbox may forbid it, a system may not have it. */
static int open_error(int error_number)
{
    switch (error_number) {
    case EACCES:
    case EPERM:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
        return TOXTCP_ERR_UNSUPPORTED;
    default:
        return socket_error(error_number);
    }
}

static int open_network(struct toxtcp_ev *ev)
{
    struct network *network = calloc(1, sizeof *network);
    const int fd = network ? netlink_open() : -1;

    if (fd < 0) {
        const int error = network ? open_error(errno) : TOXTCP_ERR_NO_MEMORY;
        free(network);
        return error;
    }
    network->ev = ev;
    ev_timer_init(&network->gained, on_gained, 0., 0.);
    ev_timer_init(&network->lost, on_lost, 0., 0.);
    ev_timer_init(&network->again, on_again, 0., 0.);
    ev_io_init(&network->io, on_io, fd, EV_READ);
    network->io.data = network->gained.data = network->lost.data = network->again.data = network;
    ev_io_start(ev->loop, &network->io);
    ev_unref(ev->loop);
    ev->network = network;
    if (!netlink_read_all(network)) {
        const int error = open_error(errno);
        close_network(network);
        return error;
    }
    return TOXTCP_OK;
}

static struct watcher *find_watcher(const struct toxtcp_ev *ev, const struct toxtcp_connections *connections)
{
    struct watcher *watcher = ev->network ? ev->network->watchers : NULL;

    while (watcher && watcher->connections != connections) {
        watcher = watcher->next;
    }
    return watcher;
}

void network_leave(struct toxtcp_ev *ev, const struct toxtcp_connections *connections)
{
    struct watcher *watcher = find_watcher(ev, connections);

    if (watcher) {
        LL_DELETE(ev->network->watchers, watcher);
        free(watcher);
        if (!ev->network->watchers) {
            close_network(ev->network);
        }
    }
}

static int network_join(struct toxtcp_ev *ev, struct toxtcp_connections *connections)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    const int error = ev->network || !watcher ? TOXTCP_OK : open_network(ev);

    if (!watcher || error) {
        free(watcher);
        return watcher ? error : TOXTCP_ERR_NO_MEMORY;
    }
    watcher->connections = connections;
    LL_PREPEND(ev->network->watchers, watcher);
    return TOXTCP_OK;
}

int toxtcp_ev_watch_network(struct toxtcp_ev *ev, struct toxtcp_connections *connections, bool on)
{
    if (on && !find_watcher(ev, connections)) {
        return network_join(ev, connections);
    }
    if (!on) {
        network_leave(ev, connections);
    }
    return TOXTCP_OK;
}

#else

void network_leave(struct toxtcp_ev *ev, const struct toxtcp_connections *connections)
{
    (void)ev;
    (void)connections;
}

int toxtcp_ev_watch_network(struct toxtcp_ev *ev, struct toxtcp_connections *connections, bool on)
{
    (void)ev;
    (void)connections;
    return on ? TOXTCP_ERR_UNSUPPORTED : TOXTCP_OK;
}

#endif
