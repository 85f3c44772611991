/* Network namespaces, and ip(8) in them. SPDX-License-Identifier: ISC
 *
 * Nothing of it has a name outside this process, so it goes with the processes that are in it, however they end. */
#ifndef TEST_NETNS_SPACE_H
#define TEST_NETNS_SPACE_H

#include <stdbool.h>
#include <stddef.h>

/* Says what is wrong and ends the process with 1. */
_Noreturn void space_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails with errno's text unless it holds. */
void space_need(bool holds, const char *what);

/* Leaves the machine's network for good, as root or, where that is allowed, as the root of a user namespace. Fails when
 * neither can be had. */
void space_leave_machine(void);

/* Makes a namespace, in which this process is then, and returns its descriptor. */
int space_new(void);
/* Moves this process into a namespace. */
void space_enter(int name_space);

/* Writes to a file of /proc/sys/net, which is that of the namespace that we are in. */
void space_set(const char *path, const char *text);

/* Lines for `ip -batch`. */
enum { SPACE_SCRIPT_SIZE = 4096 };
struct space_script {
    char text[SPACE_SCRIPT_SIZE];
    size_t len;
};
void space_add(struct space_script *script, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Runs it in the namespace that we are in. Fails when `ip` is missing or refuses. */
void space_run(const struct space_script *script);

#endif
