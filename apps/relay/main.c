/* toxtcp-relay: a Tox TCP relay. SPDX-License-Identifier: ISC */
#include <ev.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

#include "../common/address_text.h"
#include "../common/keys_file.h"
#include "daemon.h"
#include "http.h"
#include "log.h"
#include "options.h"
#include "process.h"
#include "settings.h"
#include "supervisor.h"
#include "workers.h"

enum { EXIT_OTHER = 1, EXIT_COMMAND_LINE = 2, EXIT_KEYS_FILE = 3, EXIT_LISTEN = 4 };

/* Whoever starts it by hand sees why it does not, wherever the log goes. */
static int complain(const struct settings *settings, const char *text, int status)
{
    /* A kind of its own: what was said before does not hold the last word back. */
    static const char last_word[] = "%s";

    log_end();
    log_say(LEVEL_ERROR, last_word, text);
    if (settings != NULL && settings->log_target != TARGET_STDERR) {
        (void)fprintf(stderr, "toxtcp-relay: %s\n", text);
    }
    return status;
}

/* --- Listening --- */

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

static void print_listening(const struct toxtcp_address *address)
{
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    toxtcp_address_format(address, text);
    (void)printf("listening on %s\n", text);
}

/* What is needed must do. Of the rest, which nobody asked for by name, one is enough: many machines have no IPv6. */
static int listen_by_plan(const struct settings *settings, struct workers *workers)
{
    char text[TOXTCP_ADDRESS_TEXT_SIZE];
    struct listen_plan plan;
    struct problem problem;
    size_t listening = 0;

    settings_listen_plan(settings, &plan);
    for (size_t i = 0; i < plan.count; i++) {
        struct toxtcp_address address = plan.addresses[i];
        const int error = workers_listen(workers, &address);

        if (error == TOXTCP_OK) {
            print_listening(&address);
            listening++;
            continue;
        }
        toxtcp_address_format(&plan.addresses[i], text);
        if (plan.needed[i]) {
            (void)problem_set(&problem, "cannot listen on %s: %s", text, listen_error(error));
            return complain(settings, problem.text, EXIT_LISTEN);
        }
        log_say(LEVEL_WARNING, "cannot listen on %s: %s", text, listen_error(error));
    }
    return listening > 0 ? 0 : complain(settings, "there is no address left to listen on", EXIT_LISTEN);
}

/* The workers have duplicates; ours would go on taking connections when theirs are closed. */
static int listen_by_supervisor(const struct settings *settings, struct workers *workers)
{
    const size_t count = supervisor_socket_count();
    struct toxtcp_address address;
    struct problem problem;

    for (size_t i = 0; i < count; i++) {
        const int error = workers_listen_socket(workers, supervisor_socket(i), &address);

        if (error != TOXTCP_OK) {
            (void)problem_set(
                &problem, "cannot listen with the socket that was passed as descriptor %d: %s", supervisor_socket(i),
                error == TOXTCP_ERR_INVALID ? "it is no TCP socket that listens" : toxtcp_strerror(error));
            return complain(settings, problem.text, EXIT_LISTEN);
        }
        (void)close(supervisor_socket(i));
        print_listening(&address);
    }
    return 0;
}

static bool gather(void *user, struct relay_figures *figures)
{
    return workers_gather(user, figures);
}

static int start_http(const struct settings *settings, struct workers *workers, struct http **http)
{
    char text[TOXTCP_ADDRESS_TEXT_SIZE];
    struct toxtcp_address address;
    struct problem problem;

    if (settings->http_address[0] == '\0') {
        return 0;
    }
    (void)address_text_parse(settings->http_address, strlen(settings->http_address), &address);
    if (http_start(&address, gather, workers, http, &problem) != 0) {
        return complain(settings, problem.text, EXIT_LISTEN);
    }
    http_address(*http, &address);
    toxtcp_address_format(&address, text);
    (void)printf("figures at http://%s/\n", text);
    return 0;
}

/* --- Running --- */

static void write_pid(const struct settings *settings)
{
    struct problem problem;

    /* systemd and the like do without, so it is no reason not to start. */
    if (settings->pid_file_path[0] != '\0' && process_write_pid(settings->pid_file_path, &problem) != 0) {
        log_say(LEVEL_WARNING, "%s", problem.text);
    }
}

static int serve(const struct relay_options *options, struct settings *settings, struct workers *workers)
{
    struct http *http = NULL;
    int status =
        supervisor_socket_count() > 0 ? listen_by_supervisor(settings, workers) : listen_by_plan(settings, workers);

    if (status != 0) {
        return status;
    }
    if (workers_start(workers) != TOXTCP_OK) {
        status = complain(settings, "cannot start a thread for each worker", EXIT_OTHER);
    } else {
        status = start_http(settings, workers, &http);
    }
    if (status == 0) {
        write_pid(settings);
        daemon_run(options, settings, workers);
        process_remove_pid(settings->pid_file_path);
    }
    http_stop(http);
    return status;
}

static int run(const struct relay_options *options, struct settings *settings, const struct toxtcp_key_pair *keys)
{
    struct workers *workers = NULL;
    char text[TOXTCP_KEY_TEXT_SIZE];
    const int error = ev_default_loop(0) == NULL ? TOXTCP_ERR_NO_DESCRIPTOR : workers_new(settings, keys, &workers);
    int status;

    if (error != TOXTCP_OK) {
        return complain(settings, toxtcp_strerror(error), EXIT_OTHER);
    }
    /* Whoever reads the following lines may send one at once; daemon_run() hears it. */
    process_block_signals();
    toxtcp_public_key_format(&keys->public_key, text);
    (void)printf("public key: %s\n", text);
    status = serve(options, settings, workers);
    workers_free(workers);
    return status;
}

static int load_keys(const struct settings *settings, struct toxtcp_env *env, struct toxtcp_key_pair *keys,
                     struct problem *problem)
{
    bool made = false;

    if (settings->keys_file_path[0] == '\0') {
        toxtcp_key_pair_generate(env, keys);
        log_say(LEVEL_WARNING, "without --keys FILE this relay has another public key at every start");
        return 0;
    }
    if (keys_file_load(settings->keys_file_path, env, keys, &made, problem) != 0) {
        return -1;
    }
    if (made) {
        log_say(LEVEL_INFO, "made a new identity in %s", settings->keys_file_path);
    }
    return 0;
}

static int run_with_keys(const struct relay_options *options, struct settings *settings)
{
    struct toxtcp_env *env = NULL;
    struct toxtcp_key_pair keys;
    struct problem problem;
    const int error = toxtcp_env_new(NULL, &env);
    int status;

    if (error != TOXTCP_OK) {
        return complain(settings, toxtcp_strerror(error), EXIT_OTHER);
    }
    if (load_keys(settings, env, &keys, &problem) != 0) {
        status = complain(settings, problem.text, EXIT_KEYS_FILE);
    } else {
        status = run(options, settings, &keys);
        toxtcp_key_pair_wipe(&keys);
    }
    toxtcp_env_free(env);
    return status;
}

/* --- Before that --- */

static bool was_given(const struct settings *settings, const char *name)
{
    return settings->given[settings_find(name) - settings_table];
}

static void warn(const struct settings *settings)
{
    if (settings->unused[0] != '\0') {
        log_say(LEVEL_WARNING, "of no use to a pure TCP relay, and ignored: %s", settings->unused);
    }
    if (settings->tcp_fast_open > 0 && process_lacks_fast_open()) {
        /* It is so on nearly every machine; only who asks for it by name is to be warned. */
        log_say(was_given(settings, "tcp_fast_open") ? LEVEL_WARNING : LEVEL_INFO,
                "tcp_fast_open: the kernel takes no data in a SYN, which would save clients a round trip: "
                "bit 2 of net.ipv4.tcp_fastopen is not set (sysctl -w net.ipv4.tcp_fastopen=3)");
    }
    if (geteuid() == 0) {
        log_say(LEVEL_WARNING, "running as root, which it does not need: the unit toxtcp-relay.service has a user of "
                               "its own, and may use ports below 1024");
    }
}

static int check(const struct relay_options *options, const struct settings *settings)
{
    char value[LISTEN_MAX * (TOXTCP_ADDRESS_TEXT_SIZE + 4)]; /* the longest: a list of addresses in quotes */

    (void)printf("%s: ok\n", options->config);
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].type != SETTING_UNUSED) {
            settings_format(settings, &settings_table[i], value, sizeof value);
            (void)printf("%s = %s;\n", settings_table[i].name, value);
        }
    }
    if (settings->unused[0] != '\0') {
        (void)printf("# of no use to a pure TCP relay, and ignored: %s\n", settings->unused);
    }
    return 0;
}

static int start(const struct relay_options *options)
{
    static struct settings settings;
    struct log_config log;
    struct problem problem;

    if (options_settings(options, &settings, &problem) != 0) {
        return complain(NULL, problem.text, EXIT_COMMAND_LINE);
    }
    if (options->check) {
        return check(options, &settings);
    }
    process_harden();
    settings_log_config(&settings, &log);
    log_open(&log);
    warn(&settings);
    daemon_fit_clients(&settings);
    return run_with_keys(options, &settings);
}

int main(int count, char **arguments)
{
    static struct relay_options options;
    struct problem problem;

    process_open_standard();
    /* Whoever started us may wait for these lines in a pipe. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (options_read(count, arguments, &options, &problem) != 0) {
        return complain(NULL, problem.text, EXIT_COMMAND_LINE);
    }
    if (options.help) {
        options_print_help(stdout);
        return 0;
    }
    if (options.version) {
        (void)printf("toxtcp-relay %s\n", toxtcp_version());
        return 0;
    }
    return start(&options);
}
