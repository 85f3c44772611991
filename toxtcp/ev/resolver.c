/* Names, by c-ares on the loop. SPDX-License-Identifier: ISC
 *
 * Answers only fill in candidates; nothing here enters the core. */
#include <ares.h>
#include <stdlib.h>
#include <sys/time.h>

#include "internal.h"

/* First wait for a name server, doubled with every try. */
enum { NAME_TIMEOUT_MS = 2000, NAME_TRIES = 3 };

/* A socket of c-ares's. */
struct name_socket {
    struct ev_io io;
    struct resolver *resolver;
    struct name_socket *next;
};

struct resolver {
    struct ev_loop *loop;
    ares_channel channel;
    struct ev_timer timer;
    struct name_socket *sockets;
    uint32_t asked; /* names without an answer */
    bool open;      /* there is a channel */
};

static void arm_timer(struct resolver *resolver)
{
    struct timeval wait;

    ev_timer_stop(resolver->loop, &resolver->timer);
    if (resolver->asked > 0 && ares_timeout(resolver->channel, NULL, &wait)) {
        ev_now_update(resolver->loop);
        ev_timer_set(&resolver->timer, (ev_tstamp)wait.tv_sec + (ev_tstamp)wait.tv_usec / 1e6, 0.);
        ev_timer_start(resolver->loop, &resolver->timer);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct resolver *resolver = timer->data;

    (void)loop;
    (void)events;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct name_socket *name_socket = io->data;
    struct resolver *resolver = name_socket->resolver;
    const int fd = io->fd;

    (void)loop;
    /* The call may end in on_socket_state(), which frees `io`. */
    ares_process_fd(resolver->channel, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static struct name_socket *find_socket(const struct resolver *resolver, int fd)
{
    struct name_socket *found;

    LL_FOREACH (resolver->sockets, found) {
        if (found->io.fd == fd) {
            break;
        }
    }
    return found;
}

static struct name_socket *add_socket(struct resolver *resolver, int fd)
{
    struct name_socket *added = calloc(1, sizeof *added);

    if (added) {
        ev_io_init(&added->io, on_io, fd, 0);
        added->io.data = added;
        added->resolver = resolver;
        LL_PREPEND(resolver->sockets, added);
    }
    return added;
}

/* c-ares wants this socket watched, or is about to close it. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = user;
    struct name_socket *name_socket = find_socket(resolver, fd);
    const int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

    if (!name_socket && events) {
        name_socket = add_socket(resolver, fd);
    }
    /* Without memory to watch it the name server is as good as silent: it times out. */
    if (!name_socket) {
        return;
    }
    ev_io_stop(resolver->loop, &name_socket->io);
    if (events) {
        ev_io_set(&name_socket->io, fd, events);
        ev_io_start(resolver->loop, &name_socket->io);
    } else {
        LL_DELETE(resolver->sockets, name_socket);
        free(name_socket);
    }
}

/* A channel reads the system's configuration once; a fresh one follows a change of the network. On the systems
 * that this driver is for, c-ares needs no call of its global ares_library_init(). */
static int renew_channel(struct resolver *resolver, const char *name_servers)
{
    struct ares_options options = {
        .timeout = NAME_TIMEOUT_MS,
        .tries = NAME_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };

    if (resolver->open) {
        ares_destroy(resolver->channel);
    }
    int status =
        ares_init_options(&resolver->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    resolver->open = status == ARES_SUCCESS;
    if (resolver->open && name_servers) {
        status = ares_set_servers_ports_csv(resolver->channel, name_servers);
    }
    if (status == ARES_SUCCESS) {
        return TOXTCP_OK;
    }
    return status == ARES_ENOMEM ? TOXTCP_ERR_NO_DESCRIPTOR : TOXTCP_ERR_HOST_UNKNOWN;
}

static struct resolver *resolver_new(struct ev_loop *loop)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);

    if (resolver) {
        resolver->loop = loop;
        ev_timer_init(&resolver->timer, on_timer, 0., 0.);
        resolver->timer.data = resolver;
    }
    return resolver;
}

/* Who asked, until the answer. */
struct question {
    struct resolver *resolver;
    struct candidates *candidates;
};

static void on_answer(void *user, int status, int timeouts, struct ares_addrinfo *result)
{
    struct question *question = user;

    (void)timeouts;
    question->resolver->asked--;
    if (result) {
        for (const struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
            candidates_add(question->candidates, node->ai_addr);
        }
        ares_freeaddrinfo(result);
    }
    candidates_resolved(question->candidates, status == ARES_ENOMEM ? TOXTCP_ERR_NO_DESCRIPTOR : TOXTCP_OK);
    free(question);
}

int resolver_ask(struct toxtcp_ev *ev, const char *host, struct candidates *candidates)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    if (!ev->resolver) {
        ev->resolver = resolver_new(ev->loop);
    }
    struct question *question = calloc(1, sizeof *question);
    if (!ev->resolver || !question) {
        free(question);
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    if (ev->resolver->asked == 0) {
        const int error = renew_channel(ev->resolver, ev->name_servers);
        if (error) {
            free(question);
            return error;
        }
    }
    *question = (struct question){ev->resolver, candidates};
    ev->resolver->asked++;
    ares_getaddrinfo(ev->resolver->channel, host, NULL, &hints, on_answer, question);
    arm_timer(ev->resolver);
    return TOXTCP_OK;
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver) {
        return;
    }
    if (resolver->open) {
        ares_destroy(resolver->channel);
    }
    ev_timer_stop(resolver->loop, &resolver->timer);
    free(resolver);
}
