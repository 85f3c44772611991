/* What the process may and may not: descriptors, core dumps, files, signals. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_PROCESS_H
#define APPS_RELAY_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/problem.h"

/* No core dumps, nobody looks into our memory, what we write is ours alone; a reader of our output that has gone does
 * not end us; and as many descriptors as we are allowed. */
void process_harden(void);

/* Whoever started us may have closed standard input, output or error: what is opened next, a client's stream even, must
 * not take their numbers and hear what we print. */
void process_open_standard(void);

/* How many descriptors may be open. */
uint64_t process_descriptors_max(void);

/* Whether the kernel keeps data in a SYN from everybody, whatever a listener wants. False when it does not tell. */
bool process_lacks_fast_open(void);

/* Writes our number to the file. Returns 0, or -1 with `problem` set. */
int process_write_pid(const char *path, struct problem *problem);
/* Removes it, if our number is in it. */
void process_remove_pid(const char *path);

/* Threads that begin in between get no signals; those that come wait. */
void process_block_signals(void);
void process_unblock_signals(void);

#endif
