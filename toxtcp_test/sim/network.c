/* A simulated network: hosts, and the ways between them. SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>

#include "network_private.h"
#include "support/net_env.h"

enum { FIRST_PORT = 1024, WRITE_ROUNDS_MAX = 100000 };

/* --- The network --- */

struct network *network_new(struct events *events, struct dice dice, const struct network_manners *manners)
{
    struct network *network = net_must(calloc(1, sizeof *network));

    network->events = events;
    network->dice = dice;
    network->manners = *manners;
    return network;
}

void network_free(struct network *network)
{
    streams_sweep(network);
    net_require(!network->streams, "a stream is left over");
    for (uint32_t i = 0; i < network->host_count; i++) {
        event_leave(network->events, &network->hosts[i]->deadline);
        free(network->hosts[i]);
    }
    free(network);
}

struct path *network_path(struct network *network, const struct host *a, const struct host *b)
{
    return a->index < b->index ? &network->paths[a->index][b->index] : &network->paths[b->index][a->index];
}

void network_block(struct network *network, const struct host *a, const struct host *b)
{
    network_path(network, a, b)->blocks++;
}

void network_unblock(struct network *network, const struct host *a, const struct host *b)
{
    struct path *path = network_path(network, a, b);

    net_require(path->blocks > 0, "a way is unblocked that was not blocked");
    path->blocks--;
    for (struct stream *stream = network->streams; stream; stream = stream->next) {
        if (stream->path == path) {
            stream_release(stream);
        }
    }
}

void network_on_busy(struct network *network, void (*busy)(void *user, const struct host *host), void *user)
{
    network->busy = busy;
    network->busy_user = user;
}

uint64_t network_bytes(const struct network *network)
{
    return network->bytes;
}

/* --- The driver --- */

static struct host *find_host(const struct network *network, const struct toxtcp_address *address)
{
    for (uint32_t i = 0; i < network->host_count; i++) {
        if (toxtcp_address_equal(&network->hosts[i]->address, address)) {
            return network->hosts[i];
        }
    }
    return NULL;
}

/* Counts start anew with each second. */
static struct host_pace *pace_now(struct host *host)
{
    const uint64_t second = host->network->events->now_ms / 1000;

    if (host->pace.second != second) {
        host->pace = (struct host_pace){.second = second};
    }
    return &host->pace;
}

static void judge_pace(struct host *host)
{
    if (host->network->busy) {
        host->network->busy(host->network->busy_user, host);
    }
}

void host_count_move(struct host *host)
{
    pace_now(host)->moves++;
}

static int dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct host *host = user;

    pace_now(host)->dials++;
    judge_pace(host);
    (void)stream_new(host, find_host(host->network, &endpoint->address), link);
    return TOXTCP_OK;
}

void host_add_writer(struct host *host, struct end *end)
{
    end->has_output = true;
    if (!end->is_listed) {
        end->is_listed = true;
        end->next_writer = host->writers;
        host->writers = end;
    }
}

static void output_ready(void *user, struct toxtcp_link *link)
{
    struct end *end = toxtcp_link_driver_data(link);

    if (end) {
        host_add_writer(user, end);
    }
}

static void close_link(void *user, struct toxtcp_link *link)
{
    struct end *end = toxtcp_link_driver_data(link);

    (void)user;
    /* A process that is gone closes nothing. */
    if (end) {
        end_close(end);
    }
}

/* --- Turns --- */

/* Writing makes room, of which callbacks may make use. */
static void write_all(struct host *host)
{
    uint32_t rounds = 0;

    while (host->writers) {
        struct end *end = host->writers;
        host->writers = end->next_writer;
        end->is_listed = false;
        if (end->link && end->has_output) {
            end_write(end);
        }
        net_require(++rounds < WRITE_ROUNDS_MAX, "no end of writing: something turns in circles");
    }
}

/* When the deadline of the process comes, by the clock of the network. */
static uint64_t wake_at(const struct host *host)
{
    const uint64_t deadline_ms = host->kind->deadline(host->object);
    const uint64_t now_ms = host->network->events->now_ms;

    if (deadline_ms == TOXTCP_NEVER) {
        return TOXTCP_NEVER;
    }
    return deadline_ms <= now_ms + host->ahead_ms ? now_ms : deadline_ms - host->ahead_ms;
}

static void await_deadline(struct host *host)
{
    struct network *network = host->network;
    const uint64_t at_ms = wake_at(host);

    if (at_ms == TOXTCP_NEVER) {
        event_set(network->events, &host->deadline, at_ms);
        return;
    }
    /* As late as this driver may be; but what is due is not put off each time that it is looked at. */
    const uint64_t late_at_ms = at_ms + at_ms % (network->manners.late_ms + 1);
    if (at_ms <= network->events->now_ms) {
        event_hasten(network->events, &host->deadline, late_at_ms);
    } else {
        event_set(network->events, &host->deadline, late_at_ms);
    }
}

void host_settle(struct host *host)
{
    if (!host->object || host->suspended) {
        return;
    }
    write_all(host);
    await_deadline(host);
    if (host->network->manners.check_steps) {
        host->kind->check(host->object);
    } else {
        host->to_be_checked = true;
    }
}

static void expire(struct host *host)
{
    pace_now(host)->expires++;
    judge_pace(host);
    host->kind->expire(host->object, host_now(host));
    host_settle(host);
    streams_sweep(host->network);
}

static void on_deadline(void *user)
{
    struct host *host = user;

    if (host->object && !host->suspended) {
        expire(host);
    }
}

/* --- Hosts --- */

struct host *network_add_host(struct network *network, const char *name, const struct toxtcp_address *address)
{
    struct host *host = net_must(calloc(1, sizeof *host));

    net_require(network->host_count < NETWORK_HOSTS_MAX, "too many hosts");
    host->network = network;
    host->index = network->host_count;
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    host->address = *address;
    host->driver =
        (struct toxtcp_driver){.user = host, .dial = dial, .output_ready = output_ready, .close = close_link};
    host->next_port = FIRST_PORT;
    host->powered = true;
    event_join(network->events, &host->deadline, EVENT_DEADLINE, on_deadline, host);
    network->hosts[network->host_count] = host;
    network->host_count++;
    return host;
}

const char *host_name(const struct host *host)
{
    return host->name;
}

const struct toxtcp_address *host_address(const struct host *host)
{
    return &host->address;
}

const struct toxtcp_driver *host_driver(struct host *host)
{
    return &host->driver;
}

const struct host_pace *host_pace(const struct host *host)
{
    return &host->pace;
}

uint64_t host_now(const struct host *host)
{
    return host->network->events->now_ms + host->ahead_ms;
}

void host_start(struct host *host, const struct host_kind *kind, void *object)
{
    host->kind = kind;
    host->object = object;
    host->powered = true;
    host_settle(host);
}

void host_stop(struct host *host, bool told)
{
    struct stream *next;

    for (struct stream *stream = host->network->streams; stream; stream = next) {
        next = stream->next;
        if (stream->near.host == host) {
            end_lose(&stream->near, told);
        }
        if (stream->far.host == host) {
            end_lose(&stream->far, told);
        }
    }
    while (host->writers) {
        host->writers->is_listed = false;
        host->writers = host->writers->next_writer;
    }
    host->object = NULL;
    host->powered = told;
    host->suspended = false;
    event_set(host->network->events, &host->deadline, TOXTCP_NEVER);
    streams_sweep(host->network);
}

bool host_is_up(const struct host *host)
{
    return host->object != NULL;
}

void host_suspend(struct host *host)
{
    host->suspended = true;
}

void host_resume(struct host *host)
{
    if (!host->suspended) {
        return;
    }
    host->suspended = false;
    for (struct stream *stream = host->network->streams; stream; stream = stream->next) {
        if (stream->near.host == host) {
            end_resume(&stream->near);
        }
        if (stream->far.host == host) {
            end_resume(&stream->far);
        }
    }
    expire(host);
}

bool host_is_suspended(const struct host *host)
{
    return host->suspended;
}

void host_jump(struct host *host, uint64_t ms)
{
    host->ahead_ms += ms;
    host_settle(host);
}

void host_refuse(struct host *host, bool refuse)
{
    host->refuses = refuse;
}

void host_move(struct host *host, bool told)
{
    for (struct stream *stream = host->network->streams; stream; stream = stream->next) {
        if (stream->near.host == host || stream->far.host == host) {
            stream_die(stream, told);
        }
    }
}

void host_check(const struct host *host)
{
    if (host->object) {
        host->kind->check(host->object);
    }
}

void host_check_touched(struct host *host)
{
    if (host->to_be_checked) {
        host->to_be_checked = false;
        host_check(host);
    }
}

/* Whether this end believes in a stream that is none, and is not about to be told. */
static bool is_deceived(const struct end *end, const struct end *other)
{
    if (!end->link || end->reset_at_ms != TOXTCP_NEVER) {
        return false;
    }
    if (end->stream->dead) {
        return true;
    }
    return end->stream->state == STREAM_OPEN && !other->link && !end->stream->to_be_accepted && !end->in.end;
}

bool host_is_deceived(const struct host *host)
{
    for (const struct stream *stream = host->network->streams; stream; stream = stream->next) {
        if ((stream->near.host == host && is_deceived(&stream->near, &stream->far)) ||
            (stream->far.host == host && is_deceived(&stream->far, &stream->near))) {
            return true;
        }
    }
    return false;
}
