/* A relay that the run starts itself, in a process of its own: so it can be killed, stopped and measured.
 * SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_EMBEDDED_H
#define APPS_STRESS_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

#include "../common/problem.h"

/* The first argument that makes this program such a relay. */
#define EMBEDDED_ARGUMENT "--be-an-embedded-relay"

/* All zeros but for the keys: it was never started. */
struct embedded {
    struct toxtcp_key_pair keys;
    struct toxtcp_address address; /* on 127.0.0.1; with the port once it was started */
    pid_t pid;                     /* 0: it does not run */
    int tie;                       /* while it runs: when this is closed it ends */
    bool died;                     /* it has ended by itself, once */
};

/* Starts it, with its keys, at its address if it has one, and waits until it listens, or a signal ends the run. It does
 * not run. Returns 0, or -1 with `problem` set. */
int embedded_start(struct embedded *embedded, struct problem *problem);

/* Ends it without a warning; waits until it is gone. Does nothing when it does not run. */
void embedded_kill(struct embedded *embedded);

/* Finds out whether it has ended by itself: then it does not run. */
void embedded_look(struct embedded *embedded);

/* What that process does; returns its exit status. */
int embedded_main(void);

#endif
