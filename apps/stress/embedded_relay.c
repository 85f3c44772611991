/* The process of an embedded relay: listens on loopback until its run ends. SPDX-License-Identifier: ISC */
#include "embedded.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "embedded_tie.h"

struct self {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_server *server;
    struct toxtcp_ev_listener *listener;
};

static void on_tie(struct ev_loop *loop, struct ev_io *io, int events)
{
    char byte;

    (void)events;
    if (recv(io->fd, &byte, 1, 0) <= 0) {
        ev_break(loop, EVBREAK_ALL);
    }
}

/* All of a run comes from one machine, so what a source may do is no limit here. */
static int make(struct self *self, const struct tie_order *order)
{
    struct toxtcp_server_config config;
    struct toxtcp_key_pair keys;
    int error = toxtcp_env_new(NULL, &self->env);

    toxtcp_server_config_default(&config);
    config.per_source_max = 0;
    config.accept_rate_max = 0;
    self->loop = ev_loop_new(EVFLAG_AUTO);
    if (self->loop == NULL || error != TOXTCP_OK) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    error = toxtcp_key_pair_decode(order->keys, sizeof order->keys, &keys);
    if (error == TOXTCP_OK) {
        error = toxtcp_ev_new(self->loop, &self->ev);
    }
    if (error == TOXTCP_OK) {
        error = toxtcp_server_new(self->env, toxtcp_ev_driver(self->ev), &config, &keys, &self->server);
    }
    toxtcp_key_pair_wipe(&keys);
    return error == TOXTCP_OK ? toxtcp_ev_attach_server(self->ev, self->server) : error;
}

/* The port, or an error. */
static int32_t start_listening(struct self *self, uint16_t port)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = port};
    const int error = toxtcp_ev_listen(self->ev, self->server, &address, &self->listener);

    if (error != TOXTCP_OK) {
        return error;
    }
    toxtcp_ev_listener_address(self->listener, &address);
    return address.port;
}

static void destroy(struct self *self)
{
    toxtcp_ev_listener_free(self->listener);
    if (self->server != NULL) {
        toxtcp_ev_detach_server(self->ev, self->server);
        toxtcp_server_free(self->server);
    }
    toxtcp_ev_free(self->ev);
    toxtcp_env_free(self->env);
    if (self->loop != NULL) {
        ev_loop_destroy(self->loop);
    }
}

static void serve(struct self *self)
{
    struct ev_io io;

    ev_io_init(&io, on_tie, STDIN_FILENO, EV_READ);
    ev_io_start(self->loop, &io);
    (void)ev_run(self->loop, 0);
    ev_io_stop(self->loop, &io);
}

static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int embedded_main(void)
{
    struct self self = {.loop = NULL};
    struct tie_order order;
    int32_t answer;

    /* The tie tells when the run ends. Who is stopped then is ended by the system, as an orphan; who hangs, by this. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    raise_limits();
    if (recv(STDIN_FILENO, &order, sizeof order, 0) != (ssize_t)sizeof order) {
        return 2; /* nobody should call it by hand */
    }
    answer = make(&self, &order);
    explicit_bzero(&order.keys, sizeof order.keys);
    if (answer == TOXTCP_OK) {
        answer = start_listening(&self, order.port);
    }
    if (send(STDIN_FILENO, &answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer && answer > 0) {
        serve(&self);
    }
    destroy(&self);
    return answer > 0 ? 0 : 1;
}
