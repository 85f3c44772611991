/* The attack beside the honest groups, when there is one. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_NEIGHBOUR_H
#define APPS_STRESS_NEIGHBOUR_H

#include "attack.h"
#include "options.h"
#include "worker.h"

/* All zeros: there is none. */
struct neighbour {
    struct attack *attack;
};

/* Attacks are for one's own relay. Returns 0, or -1 with `problem` set. */
int neighbour_allowed(const struct stress_options *options, const struct toxtcp_address *relay,
                      struct problem *problem);

/* Starts the attack that the options name, if they do, on the first relay and the honest clients of the workers.
 * Returns 0, or -1 with `problem` set. */
int neighbour_start(struct neighbour *neighbour, const struct stress_options *options, const struct run_facts *facts,
                    const struct worker *workers, struct problem *problem);

/* What it has done so far; leaves `report` as it is when there is none. */
void neighbour_get_report(const struct neighbour *neighbour, struct attack_report *report);

void neighbour_stop(struct neighbour *neighbour);

#endif
