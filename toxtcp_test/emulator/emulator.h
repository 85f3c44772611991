/* Network namespaces joined by an emulated network: real TCP on both sides, TUN devices, and between them a process
 * that holds, slows down and loses packets. SPDX-License-Identifier: ISC
 *
 * Needs /dev/net/tun, iproute2, and to have left the machine's network (space_leave_machine()). All of it goes with
 * the process that made it, however that ends. What does not work ends the process with a message. */
#ifndef TEST_EMULATOR_EMULATOR_H
#define TEST_EMULATOR_EMULATOR_H

#include <stdint.h>
#include <sys/types.h>

#include "emulator/command.h"
#include "emulator/hub.h"

struct emulator {
    struct hub hub; /* the process has a copy of its own */
    int devices[HUB_PORTS_MAX];
    pid_t pid;   /* 0: does not run */
    int channel; /* to the process */
};

void emulator_open(struct emulator *emulator, uint64_t seed);
/* Adds a port, whose device has the same name, to a namespace, and makes it the way to everywhere: the first one in a
 * namespace with `metric` 1, those that replace it when it is gone with higher ones. `ipv6` may be NULL. */
void emulator_add(struct emulator *emulator, int name_space, const char *name, const char *ipv4, const char *ipv6,
                  unsigned metric);

/* Moves packets, and reads commands from the one descriptor, a line each, and answers to the other, until there are no
 * more. */
void emulator_run(struct emulator *emulator, int commands, int answers);

/* The same in a process of its own. */
void emulator_start(struct emulator *emulator);
void emulator_stop(struct emulator *emulator);
/* Gives it a command, which must succeed, and waits until it is done. Returns the number that it answers, or 0. */
uint64_t emulator_tell(struct emulator *emulator, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
