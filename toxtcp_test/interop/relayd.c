/* A toxtcp-relay of the test's own, as a process. SPDX-License-Identifier: ISC */
#include "interop/relayd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

/* Steps of 5 ms: 20 s to come up or to go down. */
#define STEPS_MAX 4000

static void nap(void)
{
    struct timespec step = {.tv_nsec = 5000000};
    nanosleep(&step, NULL);
}

void relayd_path(const struct relayd *relay, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", relay->directory, name);
}

void relayd_prepare(struct relayd *relay)
{
    memset(relay, 0, sizeof *relay);
    const char *base = getenv("TMPDIR");
    if (base == NULL || strlen(base) > 32)
        base = "/tmp";
    snprintf(relay->directory, sizeof relay->directory, "%s/toxtcp-interop-XXXXXX", base);
    /* In fixtures, where a test cannot fail. */
    if (mkdtemp(relay->directory) == NULL) {
        perror(relay->directory);
        exit(1);
    }
}

void relayd_configure(const struct relayd *relay, const char *format, ...)
{
    char path[128];
    va_list arguments;
    relayd_path(relay, "conf", path);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    ck_assert_int_eq(fclose(file), 0);
}

/* What it has written to `name` up to now. The text is the caller's, to free. */
static char *read_file(const struct relayd *relay, const char *name)
{
    char path[128], *text = NULL;
    size_t size = 0;
    relayd_path(relay, name, path);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    ck_assert_ptr_nonnull(text);
    return text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        found++;
    return found;
}

unsigned relayd_said(const struct relayd *relay, const char *text)
{
    char *log = read_file(relay, "log");
    unsigned found = count(log, text);
    free(log);
    return found;
}

/* Empty, and there before anybody reads it. */
static int open_output(const struct relayd *relay, const char *name)
{
    char path[128];
    relayd_path(relay, name, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "%s cannot be written", path);
    return fd;
}

/* In the child: becomes the relay, or ends with 126. */
static void become_relay(const char *configuration, int out, int log, pid_t parent)
{
    char program[4096];
    const char *builddir = getenv("top_builddir");
    snprintf(program, sizeof program, "%s/toxtcp-relay", builddir == NULL ? "." : builddir);
    /* The relay must not outlive a test that fails or is killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(126);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    execl(program, program, "--config", configuration, (char *)NULL);
    perror(program);
    _exit(126);
}

static void read_lines(struct relayd *relay, const char *lines)
{
    char hex[TOXTCP_KEY_TEXT_SIZE];
    const char *key = strstr(lines, "public key: ");
    const char *listening = strstr(lines, "listening on ");
    ck_assert_ptr_nonnull(key);
    ck_assert_int_eq(sscanf(key, "public key: %64[0-9A-F]\n", hex), 1);
    ck_assert_int_eq(toxtcp_public_key_parse(hex, strlen(hex), &relay->key), 0);
    const char *end = strchr(listening, '\n');
    ck_assert_ptr_nonnull(end);
    while (end[-1] >= '0' && end[-1] <= '9')
        end--;
    relay->port = (uint16_t)strtoul(end, NULL, 10);
}

static void fail_if_ended(const struct relayd *relay)
{
    int status;
    if (waitpid(relay->pid, &status, WNOHANG) != relay->pid)
        return;
    char *log = read_file(relay, "log");
    ck_abort_msg("toxtcp-relay ended at once (wait status %d): %s", status, log);
}

static void wait_until_up(struct relayd *relay, unsigned addresses)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        fail_if_ended(relay);
        char *lines = read_file(relay, "out");
        bool up = count(lines, "listening on ") == addresses && lines[strlen(lines) - 1] == '\n';
        if (up)
            read_lines(relay, lines);
        free(lines);
        if (up)
            return;
        nap();
    }
    ck_abort_msg("toxtcp-relay does not say that it listens at %u addresses", addresses);
}

void relayd_start(struct relayd *relay, const char *path, unsigned addresses)
{
    char own[128];
    pid_t parent = getpid();
    int out = open_output(relay, "out");
    int log = open_output(relay, "log");
    relayd_path(relay, "conf", own);
    relay->pid = fork();
    ck_assert_int_ge(relay->pid, 0);
    if (relay->pid == 0)
        become_relay(path == NULL ? own : path, out, log, parent);
    close(out);
    close(log);
    wait_until_up(relay, addresses);
}

void relayd_signal(const struct relayd *relay, int signal_number)
{
    ck_assert_int_eq(kill(relay->pid, signal_number), 0);
}

void relayd_stop(struct relayd *relay)
{
    int status = 0;
    if (relay->pid == 0)
        return;
    relayd_signal(relay, SIGTERM);
    for (int step = 0; step < STEPS_MAX; step++) {
        if (waitpid(relay->pid, &status, WNOHANG) == relay->pid) {
            relay->pid = 0;
            ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "toxtcp-relay: wait status %d", status);
            return;
        }
        nap();
    }
    ck_abort_msg("toxtcp-relay did not end by SIGTERM");
}

void relayd_cleanup(struct relayd *relay)
{
    static const char *const names[] = {"conf", "keys", "log", "out"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        relayd_path(relay, names[i], path);
        unlink(path);
    }
    rmdir(relay->directory);
}
