/* Names, by c-ares on the loop. SPDX-License-Identifier: ISC
 *
 * Answers only fill in a race; nothing here enters the core. */
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "internal.h"

/* First wait for a name server, doubled with every try. */
enum { NAME_TIMEOUT_MS = 2000, NAME_TRIES = 3 };

/* A socket of c-ares's. */
struct name_socket {
    struct ev_io io;
    struct channel *channel;
    struct name_socket *next;
};

/* A channel reads the system's configuration once, when it is made: it lives while a question is out, and when one
 * waits for too long, or the network has changed, what is asked after that goes by a fresh one. */
struct channel {
    struct resolver *resolver;
    ares_channel ares;
    struct ev_timer timer;
    struct name_socket *sockets;
    uint32_t asked; /* questions without an answer */
    uint64_t made_ms;
    struct channel *next;
};

struct resolver {
    struct ev_loop *loop;
    struct channel *channels; /* with a question out, the newest first */
    ares_channel hosts;       /* reads /etc/hosts, at every question */
    bool has_hosts;
    bool changed; /* the network, since the newest channel was made */
};

/* --- Channels --- */

/* All its questions are answered, now if need be. */
static void channel_free(struct channel *channel)
{
    ares_destroy(channel->ares);
    ev_timer_stop(channel->resolver->loop, &channel->timer);
    LL_DELETE(channel->resolver->channels, channel);
    free(channel);
}

/* After anything that may have led to an answer: goes on waiting, if there is something to wait for. */
static void settle(struct channel *channel)
{
    struct ev_loop *loop = channel->resolver->loop;
    struct timeval wait;

    ev_timer_stop(loop, &channel->timer);
    if (channel->asked == 0) {
        channel_free(channel);
    } else if (ares_timeout(channel->ares, NULL, &wait)) {
        ev_now_update(loop);
        ev_timer_set(&channel->timer, (ev_tstamp)wait.tv_sec + (ev_tstamp)wait.tv_usec / 1e6, 0.);
        ev_timer_start(loop, &channel->timer);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct channel *channel = timer->data;

    (void)loop;
    (void)events;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    settle(channel);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct name_socket *name_socket = io->data;
    struct channel *channel = name_socket->channel;
    const int fd = io->fd;

    (void)loop;
    /* The call may end in on_socket_state(), which frees `io`. */
    ares_process_fd(channel->ares, events & EV_READ ? fd : ARES_SOCKET_BAD, events & EV_WRITE ? fd : ARES_SOCKET_BAD);
    settle(channel);
}

static struct name_socket *find_socket(const struct channel *channel, int fd)
{
    struct name_socket *found;

    LL_FOREACH (channel->sockets, found) {
        if (found->io.fd == fd) {
            break;
        }
    }
    return found;
}

static struct name_socket *add_socket(struct channel *channel, int fd)
{
    struct name_socket *added = calloc(1, sizeof *added);

    if (added) {
        ev_io_init(&added->io, on_io, fd, 0);
        added->io.data = added;
        added->channel = channel;
        LL_PREPEND(channel->sockets, added);
    }
    return added;
}

/* c-ares wants this socket watched, or is about to close it. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct channel *channel = user;
    struct ev_loop *loop = channel->resolver->loop;
    struct name_socket *name_socket = find_socket(channel, fd);
    const int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

    if (!name_socket && events) {
        name_socket = add_socket(channel, fd);
    }
    /* Without memory to watch it the name server is as good as silent: it times out. */
    if (!name_socket) {
        return;
    }
    ev_io_stop(loop, &name_socket->io);
    if (events) {
        ev_io_set(&name_socket->io, fd, events);
        ev_io_start(loop, &name_socket->io);
    } else {
        LL_DELETE(channel->sockets, name_socket);
        free(name_socket);
    }
}

/* The fatal error for one of c-ares's when a channel is made. */
static int channel_error(int status)
{
    return status == ARES_ENOMEM ? TOXTCP_ERR_NO_DESCRIPTOR : TOXTCP_ERR_HOST_UNKNOWN;
}

/* On the systems that this driver is for, c-ares needs no call of its global ares_library_init(). */
static int channel_open(struct channel *channel, const char *name_servers)
{
    static char dns_alone[] = "b";
    struct ares_options options = {
        .lookups = dns_alone,
        .timeout = NAME_TIMEOUT_MS,
        .tries = NAME_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    int status = ares_init_options(&channel->ares, &options,
                                   ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);

    if (status != ARES_SUCCESS) {
        return channel_error(status);
    }
    if (name_servers) {
        status = ares_set_servers_ports_csv(channel->ares, name_servers);
    }
    if (status != ARES_SUCCESS) {
        ares_destroy(channel->ares);
        return channel_error(status);
    }
    return TOXTCP_OK;
}

/* A new one, which is asked from now on. Errors: fatal ones. */
static int add_channel(struct toxtcp_ev *ev)
{
    struct resolver *resolver = ev->resolver;
    struct channel *channel = calloc(1, sizeof *channel);

    if (!channel) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    channel->resolver = resolver;
    channel->made_ms = toxtcp_ev_now(ev);
    ev_timer_init(&channel->timer, on_timer, 0., 0.);
    channel->timer.data = channel;
    const int error = channel_open(channel, ev->name_servers);
    if (error) {
        free(channel);
        return error;
    }
    LL_PREPEND(resolver->channels, channel);
    resolver->changed = false;
    return TOXTCP_OK;
}

void resolver_network_changed(struct resolver *resolver)
{
    if (resolver) {
        resolver->changed = true;
    }
}

/* --- The resolver --- */

static int open_hosts(struct resolver *resolver)
{
    static char file_alone[] = "f";
    struct ares_options options = {.lookups = file_alone};
    const int status = ares_init_options(&resolver->hosts, &options, ARES_OPT_LOOKUPS);

    resolver->has_hosts = status == ARES_SUCCESS;
    return resolver->has_hosts ? TOXTCP_OK : channel_error(status);
}

/* There is a resolver. Errors: fatal ones. */
static int prepare(struct toxtcp_ev *ev)
{
    if (!ev->resolver) {
        ev->resolver = calloc(1, sizeof *ev->resolver);
        if (!ev->resolver) {
            return TOXTCP_ERR_NO_DESCRIPTOR;
        }
        ev->resolver->loop = ev->loop;
    }
    return ev->resolver->has_hosts ? TOXTCP_OK : open_hosts(ev->resolver);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver) {
        return;
    }
    while (resolver->channels) {
        channel_free(resolver->channels);
    }
    if (resolver->has_hosts) {
        ares_destroy(resolver->hosts);
    }
    free(resolver);
}

/* --- Questions --- */

static void add_all(struct race *race, struct ares_addrinfo *result)
{
    for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
        race_add(race, node->ai_addr);
    }
    ares_freeaddrinfo(result);
}

/* Who asked, until the answer. */
struct question {
    struct channel *channel;
    struct race *race;
    int family; /* AF_UNSPEC: both */
};

static void on_answer(void *user, int status, int timeouts, struct ares_addrinfo *result)
{
    struct question *question = user;
    const int error = status == ARES_ENOMEM ? TOXTCP_ERR_NO_DESCRIPTOR : TOXTCP_OK;

    (void)timeouts;
    question->channel->asked--;
    if (result) {
        add_all(question->race, result);
    }
    if (question->family != AF_INET) {
        race_resolved(question->race, AF_INET6, error);
    }
    if (question->family != AF_INET6) {
        race_resolved(question->race, AF_INET, error);
    }
    free(question);
}

/* RFC 6761 and RFC 7686: names that no DNS server is to be asked for. */
static bool has_special_end(const char *host)
{
    static const char *const ends[] = {".invalid", ".onion"};
    size_t len = strlen(host);

    if (len > 0 && host[len - 1] == '.') {
        len--;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end_len = strlen(ends[i]);
        if (len >= end_len && strncasecmp(host + len - end_len, ends[i], end_len) == 0) {
            return true;
        }
    }
    return false;
}

struct known {
    struct race *race;
    bool any;
};

static void on_hosts(void *user, int status, int timeouts, struct ares_addrinfo *result)
{
    struct known *known = user;

    (void)status;
    (void)timeouts;
    if (result) {
        known->any = result->nodes != NULL;
        add_all(known->race, result);
    }
}

/* Looks into /etc/hosts, once for both families: it may be long, and where a name has addresses of another family
 * alone, some versions lose memory. The answer comes in the call. Returns whether there was one. */
static bool add_from_hosts(struct resolver *resolver, const char *host, struct race *race)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct known known = {.race = race};

    ares_getaddrinfo(resolver->hosts, host, NULL, &hints, on_hosts, &known);
    return known.any;
}

static void ask(struct question *question, const char *name)
{
    const struct ares_addrinfo_hints hints = {.ai_family = question->family, .ai_socktype = SOCK_STREAM};

    question->channel->asked++;
    ares_getaddrinfo(question->channel->ares, name, NULL, &hints, on_answer, question);
}

/* A name with a dot is asked for as it is: each question would go through the domains of the system's search list by
 * itself, tell their servers of it, and might find another host there for one family than for the other. */
static int ask_for_full(struct channel *channel, const char *host, struct race *race)
{
    char name[TOXTCP_HOST_MAX + 2];
    struct question *ip6 = malloc(sizeof *ip6);
    struct question *ip4 = malloc(sizeof *ip4);

    if (!ip6 || !ip4) {
        free(ip6);
        free(ip4);
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    (void)snprintf(name, sizeof name, "%s%s", host, host[strlen(host) - 1] == '.' ? "" : ".");
    *ip6 = (struct question){channel, race, AF_INET6};
    *ip4 = (struct question){channel, race, AF_INET};
    ask(ip6, name);
    ask(ip4, name);
    return TOXTCP_OK;
}

/* Any other is a name in one of those domains: in the same for both families. */
static int ask_for_short(struct channel *channel, const char *host, struct race *race)
{
    struct question *both = malloc(sizeof *both);

    if (!both) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    *both = (struct question){channel, race, AF_UNSPEC};
    ask(both, host);
    return TOXTCP_OK;
}

static bool needs_channel(const struct toxtcp_ev *ev)
{
    const struct resolver *resolver = ev->resolver;

    return !resolver->channels || resolver->changed ||
           toxtcp_ev_now(ev) - resolver->channels->made_ms > NAME_TIMEOUT_MS;
}

static int ask_servers(struct toxtcp_ev *ev, const char *host, struct race *race)
{
    int error = needs_channel(ev) ? add_channel(ev) : TOXTCP_OK;

    if (error) {
        return error;
    }
    struct channel *channel = ev->resolver->channels;
    error = strchr(host, '.') ? ask_for_full(channel, host, race) : ask_for_short(channel, host, race);
    settle(channel);
    return error;
}

int resolver_ask(struct toxtcp_ev *ev, const char *host, struct race *race)
{
    if (!*host || strlen(host) > TOXTCP_HOST_MAX || has_special_end(host)) {
        return TOXTCP_ERR_HOST_UNKNOWN;
    }
    const int error = prepare(ev);
    if (error) {
        return error;
    }
    if (add_from_hosts(ev->resolver, host, race)) {
        race_resolved(race, AF_INET6, TOXTCP_OK);
        race_resolved(race, AF_INET, TOXTCP_OK);
        return TOXTCP_OK;
    }
    return ask_servers(ev, host, race);
}
