/* Our relay as a process. SPDX-License-Identifier: ISC */
#include "netns/relay.h"

#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "netns/process.h"
#include "netns/space.h"

static void need_ok(int error, const char *what)
{
    if (error != TOXTCP_OK) {
        space_fail("%s: %s", what, toxtcp_strerror(error));
    }
}

_Noreturn static void serve(const struct toxtcp_key_pair *keys, uint16_t port, struct process_gate *gate)
{
    const struct toxtcp_address any = {.family = TOXTCP_FAMILY_IPV4, .port = port};
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_server *server;
    struct toxtcp_ev_listener *listener;

    need_ok(toxtcp_env_new(NULL, &env), "env");
    need_ok(toxtcp_ev_new(loop, &ev), "driver");
    need_ok(toxtcp_server_new(env, toxtcp_ev_driver(ev), NULL, keys, &server), "server");
    need_ok(toxtcp_ev_attach_server(ev, server), "server");
    need_ok(toxtcp_ev_listen(ev, server, &any, &listener), "listen");
    process_gate_pass(gate);
    (void)ev_run(loop, 0);
    _exit(1);
}

pid_t relay_start(int name_space, const struct toxtcp_key_pair *keys, uint16_t port)
{
    struct process_gate gate;

    process_gate_open(&gate);
    const pid_t pid = process_fork(name_space);
    if (pid == 0) {
        serve(keys, port, &gate);
    }
    process_gate_wait(&gate, "a relay");
    return pid;
}
