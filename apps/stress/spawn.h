/* Starts another program beside a run. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_SPAWN_H
#define APPS_STRESS_SPAWN_H

#include <sys/types.h>

/* Of ours for its standard input or output: /dev/null instead. */
enum { SPAWN_NULL = -1 };

/* In a process group of its own: Ctrl-C is for us, and with the group all of it can be ended. Our signal mask is not
 * for it, nor are descriptors that are closed on exec. A name without a slash is looked for in the path. Returns 0, or
 * an errno. */
int spawn_apart(const char *program, char *const arguments[], char *const environment[], int input, int output,
                pid_t *pid);
/* The same in our process group: Ctrl-C is for both. */
int spawn_with_us(const char *program, char *const arguments[], char *const environment[], int input, int output,
                  pid_t *pid);

#endif
