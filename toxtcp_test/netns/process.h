/* Processes that live in a namespace of a test and die with the process that made them. SPDX-License-Identifier: ISC */
#ifndef TEST_NETNS_PROCESS_H
#define TEST_NETNS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Forks into the namespace. Returns twice, as fork() does; the child is killed when its parent ends, however that
 * is, and has to leave with _exit(). */
pid_t process_fork(int name_space);
/* Kills it and waits for its end. 0 is ignored; `*pid` is 0 then. */
void process_end(pid_t *pid);

/* A child calls the one when it is ready, its parent the other, which fails when the child ends first. */
struct process_gate {
    int ends[2];
};
void process_gate_open(struct process_gate *gate);
void process_gate_pass(struct process_gate *gate);
void process_gate_wait(struct process_gate *gate, const char *what);

/* The clock that all of them share. */
uint64_t process_now_us(void);

#endif
