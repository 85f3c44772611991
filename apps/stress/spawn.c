/* Starts another program beside a run. SPDX-License-Identifier: ISC */
#include "spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <unistd.h>

static int set_stream(posix_spawn_file_actions_t *actions, int ours, int theirs, int mode)
{
    return ours == SPAWN_NULL ? posix_spawn_file_actions_addopen(actions, theirs, "/dev/null", mode, 0)
                              : posix_spawn_file_actions_adddup2(actions, ours, theirs);
}

/* No signal is blocked or ignored. */
static int set_attributes(posix_spawnattr_t *attributes, bool apart)
{
    const short group = apart ? POSIX_SPAWN_SETPGROUP : 0;
    sigset_t none;
    sigset_t defaults;
    int error;

    (void)sigemptyset(&none);
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    error = posix_spawnattr_setsigmask(attributes, &none);
    error = error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &defaults);
    return error != 0
               ? error
               : posix_spawnattr_setflags(attributes, (short)(group | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
}

static int start(bool apart, const char *program, char *const arguments[], char *const environment[], int input,
                 int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_attributes(&attributes, apart);
        error = error != 0 ? error : set_stream(&actions, input, STDIN_FILENO, O_RDONLY);
        error = error != 0 ? error : set_stream(&actions, output, STDOUT_FILENO, O_WRONLY);
        error = error != 0 ? error : posix_spawnp(pid, program, &actions, &attributes, arguments, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

int spawn_apart(const char *program, char *const arguments[], char *const environment[], int input, int output,
                pid_t *pid)
{
    return start(true, program, arguments, environment, input, output, pid);
}

int spawn_with_us(const char *program, char *const arguments[], char *const environment[], int input, int output,
                  pid_t *pid)
{
    return start(false, program, arguments, environment, input, output, pid);
}
