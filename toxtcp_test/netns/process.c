/* Processes that live in a namespace of a test and die with the process that made them. SPDX-License-Identifier: ISC */
#include "netns/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netns/space.h"

pid_t process_fork(int name_space)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();

    space_need(pid >= 0, "fork");
    if (pid != 0) {
        return pid;
    }
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(1);
    }
    if (name_space >= 0) {
        space_enter(name_space);
    }
    return 0;
}

void process_end(pid_t *pid)
{
    if (*pid == 0) {
        return;
    }
    (void)kill(*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) != *pid && errno == EINTR) {
    }
    *pid = 0;
}

void process_gate_open(struct process_gate *gate)
{
    space_need(pipe2(gate->ends, O_CLOEXEC) == 0, "pipe");
}

void process_gate_pass(struct process_gate *gate)
{
    space_need(write(gate->ends[1], "", 1) == 1, "pipe");
}

void process_gate_wait(struct process_gate *gate, const char *what)
{
    char byte;
    ssize_t len;

    (void)close(gate->ends[1]);
    do {
        len = read(gate->ends[0], &byte, 1);
    } while (len < 0 && errno == EINTR);
    (void)close(gate->ends[0]);
    if (len != 1) {
        space_fail("%s does not start", what);
    }
}

uint64_t process_now_us(void)
{
    struct timespec time;

    space_need(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
    return (uint64_t)time.tv_sec * 1000000U + (uint64_t)time.tv_nsec / 1000U;
}
