/* Network namespaces, and ip(8) in them. SPDX-License-Identifier: ISC */
#include "netns/space.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_FOUND = 127 };

void space_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fprintf(stderr, "namespaces: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void space_need(bool holds, const char *what)
{
    if (!holds) {
        space_fail("%s: %s", what, strerror(errno));
    }
}

void space_set(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    space_need(fd >= 0, path);
    space_need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    (void)close(fd);
}

/* --- ip(8) --- */

void space_add(struct space_script *script, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(script->text + script->len, sizeof script->text - script->len, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof script->text - script->len) {
        space_fail("a script for ip is too long");
    }
    script->len += (size_t)len;
}

/* In the namespace that we are in. */
static int run_ip(const struct space_script *script)
{
    int ends[2], status;
    pid_t pid;

    /* The pipe takes the whole script, before anybody reads it: so none of both waits for the other. */
    space_need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    space_need(write(ends[1], script->text, script->len) == (ssize_t)script->len, "pipe");
    (void)close(ends[1]);
    pid = fork();
    space_need(pid >= 0, "fork");
    if (pid == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        (void)execlp("ip", "ip", "-batch", "-", (char *)NULL);
        _exit(NOT_FOUND);
    }
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) != pid) {
        space_need(errno == EINTR, "waitpid");
    }
    return status;
}

void space_run(const struct space_script *script)
{
    const int status = run_ip(script);

    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
        space_fail("`ip` is missing: install iproute2");
    }
    if (status != 0) {
        space_fail("`ip -batch` refused:\n%s", script->text);
    }
}

/* --- Namespaces --- */

static void become_root_of_a_user_namespace(int why_not_root)
{
    char map[32];
    const unsigned user = geteuid(), group = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        space_fail("network namespaces need root (%s), and user namespaces are not allowed here (%s): run this as root",
                   strerror(why_not_root), strerror(errno));
    }
    space_set("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1", user);
    space_set("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "0 %u 1", group);
    space_set("/proc/self/gid_map", map);
}

void space_leave_machine(void)
{
    if (unshare(CLONE_NEWNET) != 0) {
        become_root_of_a_user_namespace(errno);
    }
}

int space_new(void)
{
    int name_space;

    space_need(unshare(CLONE_NEWNET) == 0, "unshare");
    name_space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    space_need(name_space >= 0, "/proc/self/ns/net");
    return name_space;
}

void space_enter(int name_space)
{
    space_need(setns(name_space, CLONE_NEWNET) == 0, "setns");
}
