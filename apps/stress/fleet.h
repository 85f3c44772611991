/* A crew's pairs of mates, and what they send to each other. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_FLEET_H
#define APPS_STRESS_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "inlet.h"
#include "mate.h"
#include "pace.h"
#include "worker.h"

/* One of a pair; the first member of what an engine has for each. */
struct sailor {
    struct mate mate;
    uint64_t due_ns;           /* when it is opened */
    uint32_t next[LANE_COUNT]; /* sequences */
    struct inlet inlet;
};

/* A crew's state. */
struct fleet {
    uint8_t *sailors; /* those of a pair side by side */
    size_t stride;
    uint32_t count; /* of sailors */
    uint32_t opened;
    uint64_t sent;
    uint64_t received;
    struct pace pace;
    uint8_t bytes[PAYLOAD_MAX];
};

/* Makes it, all closed, with `stride` bytes for each sailor. They are opened by fleet_tick(), by the ramp.
 * `useless_after_ms` as in struct mate. Returns 0, or -1 for want of memory. */
int fleet_start(struct crew *crew, size_t stride, uint32_t useless_after_ms);
void fleet_finish(struct crew *crew);

struct sailor *fleet_sailor(const struct fleet *fleet, uint32_t number);
uint32_t fleet_number(const struct sailor *sailor);
/* The other one of the pair. */
struct sailor *fleet_other(const struct sailor *sailor);

/* Opens those that are due. For want of memory the worker gives up. */
void fleet_tick(struct crew *crew, uint64_t now_ns);

/* `intended_ns` as in struct payload. Returns what toxtcp_peer_send() does. */
int fleet_send(struct sailor *sailor, enum payload_kind kind, uint64_t intended_ns, size_t len, uint64_t now_ns);

/* Takes what has come. As inlet_take(). */
bool fleet_take(struct sailor *sailor, const uint8_t *bytes, size_t len, uint64_t now_ns, struct payload *payload);

/* Members of their engines. */
uint64_t fleet_outstanding(const struct crew *crew);
const struct toxtcp_public_key *fleet_key(const struct crew *crew, uint32_t number);
/* Counts the pairs both of which reach the other. */
void fleet_online(struct mate *mate);

#endif
