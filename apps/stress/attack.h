/* What a bad neighbour does to a relay, on purpose and measured. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_ATTACK_H
#define APPS_STRESS_ATTACK_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

#include "../common/problem.h"

struct attack;

struct attack_config {
    struct toxtcp_address relay;
    struct toxtcp_public_key relay_key;
    uint32_t clients; /* connections that it holds at a time; 0: what suits it */
    double rate;      /* of what it does, a second; 0: what suits it */
    uint32_t sources; /* source addresses out of 127.0.0.0/8, where the relay is there; 0: what suits it */
    uint64_t seed;
    const struct toxtcp_public_key *victims; /* honest clients of the same relay; copied */
    size_t victim_count;
};

struct attack_report {
    uint64_t connects; /* streams that the relay took */
    uint64_t refused;  /* attempts that failed */
    uint64_t closed;   /* streams that the relay ended */
    uint64_t actions;  /* of what the attack is made of: handshakes, packets, requests */
    uint64_t bytes_sent;
};

/* A line of help for each attack: name, two spaces or more, what it does. */
extern const char attack_help[];

/* Starts the attack of that name in a thread of its own. `*attack` is the caller's, to end with attack_stop(). Returns
 * 0, or -1 with `problem` set. */
int attack_start(const char *name, const struct attack_config *config, struct attack **attack, struct problem *problem);

/* What it has done so far; by any thread. */
void attack_get_report(const struct attack *attack, struct attack_report *report);

/* Ends it: closes its streams, frees all. NULL is ignored. */
void attack_stop(struct attack *attack);

#endif
