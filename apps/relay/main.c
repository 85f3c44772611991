/* toxtcp-relay: a Tox TCP relay. SPDX-License-Identifier: ISC */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "../common/keys_file.h"
#include "options.h"

enum { EXIT_OTHER = 1, EXIT_COMMAND_LINE = 2, EXIT_KEYS_FILE = 3, EXIT_LISTEN = 4 };

static int complain(const struct problem *problem, int status)
{
    (void)fprintf(stderr, "toxtcp-relay: %s\n", problem->text);
    return status;
}

static int complain_error(int error)
{
    (void)fprintf(stderr, "toxtcp-relay: %s\n", toxtcp_strerror(error));
    return EXIT_OTHER;
}

/* Every client is a descriptor: take as many as we are allowed. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int load_keys(const struct relay_options *options, struct toxtcp_env *env, struct toxtcp_key_pair *keys,
                     struct problem *problem)
{
    bool made = false;

    if (options->keys_path == NULL) {
        toxtcp_key_pair_generate(env, keys);
        (void)fputs("toxtcp-relay: without --keys FILE this relay has another public key at every start\n", stderr);
        return 0;
    }
    if (keys_file_load(options->keys_path, env, keys, &made, problem) != 0) {
        return -1;
    }
    if (made) {
        (void)fprintf(stderr, "toxtcp-relay: made a new identity in %s\n", options->keys_path);
    }
    return 0;
}

static const char *listen_error(int error)
{
    switch (error) {
    case TOXTCP_ERR_EXISTS:
        return "the address is in use: another program listens there";
    case TOXTCP_ERR_INVALID:
        return "the address is not one of this machine, or its port is not allowed to us";
    default:
        return toxtcp_strerror(error);
    }
}

/* Prints the address that it got, with the port that was found. NULL when it cannot listen there. */
static struct toxtcp_ev_listener *listen_at(struct toxtcp_ev *ev, struct toxtcp_server *server,
                                            const struct toxtcp_address *address)
{
    struct toxtcp_ev_listener *listener = NULL;
    struct toxtcp_address found;
    char text[TOXTCP_ADDRESS_TEXT_SIZE];
    int error = toxtcp_ev_listen(ev, server, address, &listener);

    if (error != TOXTCP_OK) {
        toxtcp_address_format(address, text);
        (void)fprintf(stderr, "toxtcp-relay: cannot listen on %s: %s\n", text, listen_error(error));
        return NULL;
    }
    toxtcp_ev_listener_address(listener, &found);
    toxtcp_address_format(&found, text);
    (void)printf("listening on %s\n", text);
    return listener;
}

static void stop(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* nohup and the like, and shells for what runs in the background, have said that a signal is not for us. */
static void start_unless_ignored(struct ev_loop *loop, ev_signal *watcher)
{
    struct sigaction action;

    if (sigaction(watcher->signum, NULL, &action) != 0 || action.sa_handler != SIG_IGN) {
        ev_signal_start(loop, watcher);
    }
}

static void run_until_signal(struct ev_loop *loop)
{
    ev_signal interrupt;
    ev_signal terminate;

    ev_signal_init(&interrupt, stop, SIGINT);
    ev_signal_init(&terminate, stop, SIGTERM);
    start_unless_ignored(loop, &interrupt);
    start_unless_ignored(loop, &terminate);
    (void)ev_run(loop, 0);
    ev_signal_stop(loop, &interrupt);
    ev_signal_stop(loop, &terminate);
}

/* All addresses that were asked for must do; of the two default ones one is enough, as many machines have no IPv6. */
static int listen_and_run(const struct relay_options *options, struct toxtcp_ev *ev, struct toxtcp_server *server,
                          struct ev_loop *loop)
{
    struct toxtcp_ev_listener *listeners[LISTEN_MAX] = {NULL};
    size_t failed = 0;
    bool enough;

    for (size_t i = 0; i < options->listen_count; i++) {
        listeners[i] = listen_at(ev, server, &options->listen[i]);
        failed += listeners[i] == NULL ? 1 : 0;
    }
    enough = failed == 0 || (options->listen_default && failed < options->listen_count);
    if (enough) {
        run_until_signal(loop);
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        toxtcp_ev_listener_free(listeners[i]);
    }
    return enough ? 0 : EXIT_LISTEN;
}

static int serve(const struct relay_options *options, struct toxtcp_ev *ev, struct toxtcp_server *server,
                 struct ev_loop *loop)
{
    int error = toxtcp_ev_attach_server(ev, server);
    int status;

    if (error != TOXTCP_OK) {
        return complain_error(error);
    }
    status = listen_and_run(options, ev, server, loop);
    toxtcp_ev_detach_server(ev, server);
    return status;
}

static int run(const struct relay_options *options, struct toxtcp_env *env, const struct toxtcp_key_pair *keys)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct toxtcp_ev *ev = NULL;
    struct toxtcp_server *server = NULL;
    char text[TOXTCP_KEY_TEXT_SIZE];
    int error = loop == NULL ? TOXTCP_ERR_NO_DESCRIPTOR : toxtcp_ev_new(loop, &ev);
    int status;

    if (error == TOXTCP_OK) {
        error = toxtcp_server_new(env, toxtcp_ev_driver(ev), NULL, keys, &server);
    }
    if (error == TOXTCP_OK) {
        toxtcp_public_key_format(&keys->public_key, text);
        (void)printf("public key: %s\n", text);
        status = serve(options, ev, server, loop);
    } else {
        status = complain_error(error);
    }
    toxtcp_server_free(server);
    toxtcp_ev_free(ev);
    return status;
}

static int run_with_keys(const struct relay_options *options)
{
    struct toxtcp_env *env = NULL;
    struct toxtcp_key_pair keys;
    struct problem problem;
    int error = toxtcp_env_new(NULL, &env);
    int status;

    if (error != TOXTCP_OK) {
        return complain_error(error);
    }
    if (load_keys(options, env, &keys, &problem) != 0) {
        status = complain(&problem, EXIT_KEYS_FILE);
    } else {
        status = run(options, env, &keys);
        toxtcp_key_pair_wipe(&keys);
    }
    toxtcp_env_free(env);
    return status;
}

int main(int count, char **arguments)
{
    struct relay_options options;
    struct problem problem;

    /* Whoever started us may wait for these lines in a pipe. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (options_read(count, arguments, &options, &problem) != 0) {
        return complain(&problem, EXIT_COMMAND_LINE);
    }
    if (options.help) {
        (void)fputs(options_help, stdout);
        return 0;
    }
    if (options.version) {
        (void)printf("toxtcp-relay %s\n", toxtcp_version());
        return 0;
    }
    raise_descriptor_limit();
    return run_with_keys(&options);
}
