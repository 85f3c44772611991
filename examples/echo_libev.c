/* The shortest embedding on libev: sends back what comes from anybody. SPDX-License-Identifier: ISC
 *
 *   echo_libev HOST PORT RELAY_KEY
 *
 * It prints its key; send_poll is made to talk to it. */
#include <ev.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

struct program {
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_connections *connections;
};

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    struct program *program = user;

    (void)peer_user;
    (void)relay;
    (void)toxtcp_peer_send(program->connections, peer, data, len);
}

/* Who is not known yet comes this way: make it a peer on the relay that it came through, and answer. */
static void on_stranger(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                        const uint8_t *data, size_t len)
{
    struct program *program = user;
    struct toxtcp_peer peer;

    if (toxtcp_peer_add(program->connections, sender, NULL, &peer) >= 0) {
        (void)toxtcp_peer_tie_relay(program->connections, peer, relay);
        (void)toxtcp_relay_send_oob(program->connections, relay, sender, data, len);
    }
}

static void on_relay_state(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    (void)user;
    (void)relay;
    if (state == TOXTCP_RELAY_CONNECTED) {
        fprintf(stderr, "connected to the relay\n");
    } else if (state == TOXTCP_RELAY_WAITING) {
        fprintf(stderr, "the relay: %s; trying again\n", toxtcp_strerror(error));
    }
}

static int program_open(struct program *program)
{
    static const struct toxtcp_connections_callbacks callbacks = {
        .peer_data = on_peer_data,
        .stranger_oob = on_stranger,
        .relay_state = on_relay_state,
    };
    struct toxtcp_key_pair keys;
    char text[TOXTCP_KEY_TEXT_SIZE];
    int error = toxtcp_env_new(NULL, &program->env);

    if (!error) {
        error = toxtcp_ev_new(EV_DEFAULT, &program->ev);
    }
    if (!error) {
        toxtcp_key_pair_generate(program->env, &keys);
        toxtcp_public_key_format(&keys.public_key, text);
        error = toxtcp_connections_new(program->env, toxtcp_ev_driver(program->ev), NULL, &keys, &callbacks, program,
                                       &program->connections);
        toxtcp_key_pair_wipe(&keys);
    }
    if (!error) {
        printf("%s\n", text);
        fflush(stdout);
        error = toxtcp_ev_attach_connections(program->ev, program->connections);
    }
    return error;
}

static void program_close(struct program *program)
{
    if (program->connections) {
        toxtcp_ev_detach_connections(program->ev, program->connections);
    }
    toxtcp_connections_free(program->connections);
    toxtcp_ev_free(program->ev);
    toxtcp_env_free(program->env);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *signal, int events)
{
    (void)signal;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
    struct program program = {0};
    struct toxtcp_public_key relay_key;
    struct ev_signal interrupt;
    const long port = argc == 4 ? strtol(argv[2], NULL, 10) : 0;

    if (port < 1 || port > UINT16_MAX || toxtcp_public_key_parse(argv[3], strlen(argv[3]), &relay_key)) {
        fprintf(stderr, "usage: echo_libev HOST PORT RELAY_KEY\n"
                        "The key is the 64 hexadecimal digits that the relay prints.\n");
        return 2;
    }
    const struct toxtcp_endpoint relay = {.host = argv[1], .address = {.port = (uint16_t)port}};
    int error = program_open(&program);
    if (!error) {
        error = toxtcp_relay_add(program.connections, &relay, &relay_key, NULL);
    }
    if (!error) {
        ev_signal_init(&interrupt, on_signal, SIGINT);
        ev_signal_start(EV_DEFAULT, &interrupt);
        ev_run(EV_DEFAULT, 0);
    } else {
        fprintf(stderr, "echo_libev: %s\n", toxtcp_strerror(error));
    }
    program_close(&program);
    return error ? 1 : 0;
}
