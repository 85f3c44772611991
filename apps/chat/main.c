/* toxtcp-chat: talks to peers through several relays at once. SPDX-License-Identifier: ISC */
#include <ev.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "../common/keys_file.h"
#include "chat.h"
#include "options.h"

static int complain(const struct problem *problem, int status)
{
    (void)fprintf(stderr, "toxtcp-chat: %s\n", problem->text);
    return status;
}

/* Messages are UTF-8 whatever the environment says. */
static void set_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
}

static int load_keys(const struct chat_options *options, struct toxtcp_env *env, struct toxtcp_key_pair *keys,
                     bool *made, struct problem *problem)
{
    if (options->keys_path != NULL) {
        return keys_file_load(options->keys_path, env, keys, made, problem);
    }
    if (options->show_key) {
        return problem_set(problem, "--show-key needs --keys FILE: without it every run has another key");
    }
    toxtcp_key_pair_generate(env, keys);
    *made = false;
    return 0;
}

static void introduce(struct chat *chat, const struct toxtcp_key_pair *keys, bool made)
{
    const char *path = chat->options->keys_path;
    char text[TOXTCP_KEY_TEXT_SIZE];

    toxtcp_public_key_format(&keys->public_key, text);
    console_status(chat->console, "public key: %s", text);
    if (path == NULL) {
        console_status(chat->console, "this key is for this run alone; --keys FILE keeps one");
    } else if (made) {
        console_status(chat->console, "this key is new, and kept in %s", path);
    }
    if (console_is_interactive(chat->console)) {
        console_status(chat->console, "/help lists the commands");
    }
}

static int talk(const struct chat_options *options, struct toxtcp_env *env, struct toxtcp_key_pair *keys, bool made)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct toxtcp_ev *ev = NULL;
    struct problem problem;
    struct chat chat;
    int status = EXIT_UNDELIVERED;

    if (loop == NULL || toxtcp_ev_new(loop, &ev) != TOXTCP_OK) {
        (void)problem_set(&problem, "the event loop cannot start");
        return complain(&problem, status);
    }
    if (chat_start(&chat, loop, env, ev, options, keys, &problem) != 0) {
        status = complain(&problem, EXIT_COMMAND_LINE);
    } else {
        introduce(&chat, keys, made);
        toxtcp_key_pair_wipe(keys);
        console_start(chat.console);
        (void)ev_run(loop, 0);
        status = chat.exit_status;
    }
    chat_free(&chat);
    toxtcp_ev_free(ev);
    return status;
}

/* What was asked for counts only when it could be written. */
static int finish_output(int status)
{
    struct problem problem;

    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)problem_set(&problem, "cannot write to standard output");
        return complain(&problem, EXIT_OUTPUT);
    }
    return status;
}

static int run(const struct chat_options *options, struct toxtcp_env *env)
{
    struct toxtcp_key_pair keys;
    struct problem problem;
    char text[TOXTCP_KEY_TEXT_SIZE];
    bool made;
    int status = 0;

    if (load_keys(options, env, &keys, &made, &problem) != 0) {
        return complain(&problem, options->keys_path == NULL ? EXIT_COMMAND_LINE : EXIT_KEYS_FILE);
    }
    if (options->show_key) {
        toxtcp_public_key_format(&keys.public_key, text);
        (void)printf("%s\n", text);
        status = finish_output(status);
    } else {
        status = talk(options, env, &keys, made);
    }
    toxtcp_key_pair_wipe(&keys);
    return status;
}

int main(int count, char **arguments)
{
    struct chat_options options;
    struct problem problem;
    struct toxtcp_env *env = NULL;
    int status = 0;

    set_locale();
    if (options_read(count, arguments, &options, &problem) != 0) {
        status = complain(&problem, EXIT_COMMAND_LINE);
    } else if (options.help) {
        (void)fputs(options_help, stdout);
        status = finish_output(status);
    } else if (options.version) {
        (void)printf("toxtcp-chat %s\n", toxtcp_version());
        status = finish_output(status);
    } else if (toxtcp_env_new(NULL, &env) != TOXTCP_OK) {
        (void)problem_set(&problem, "libsodium cannot start");
        status = complain(&problem, EXIT_UNDELIVERED);
    } else {
        status = run(&options, env);
        toxtcp_env_free(env);
    }
    options_free(&options);
    return status;
}
