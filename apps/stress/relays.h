/* The relays of a run: those that were given, and those that it starts itself. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_RELAYS_H
#define APPS_STRESS_RELAYS_H

#include <stdint.h>

#include "embedded.h"
#include "options.h"

struct target {
    struct toxtcp_address address;
    struct toxtcp_public_key key;
};

/* All zeros: there are none. */
struct relays {
    struct target targets[RELAYS_MAX]; /* in the order of their numbers, embedded ones last */
    uint32_t count;
    struct embedded embedded[EMBEDDED_MAX];
    uint32_t embedded_count;
};

/* Resolves what the options give. Returns 0, or -1 with `problem` set; in both cases relays_close() follows. */
int relays_resolve(struct relays *relays, const struct stress_options *options, struct problem *problem);

/* Starts what the options want, until a signal ends the run. Returns as relays_resolve(). */
int relays_start(struct relays *relays, const struct stress_options *options, struct problem *problem);

/* Ends those that it has started. */
void relays_close(struct relays *relays);

/* The one of that index if we have started it, else NULL. */
struct embedded *relays_embedded(struct relays *relays, uint32_t index);

#endif
