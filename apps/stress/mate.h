/* A peer on TCP_connections, tied to another one by several relays. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_MATE_H
#define APPS_STRESS_MATE_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/connections.h>

struct crew;

/* What a mate knows of a relay. */
struct mate_relay {
    struct toxtcp_relay handle;
    enum toxtcp_relay_state state;
    uint64_t since_ns; /* in that state */
};

/* All zeros but for `crew` and `keys`: closed. */
struct mate {
    struct crew *crew;
    struct toxtcp_key_pair keys;
    struct toxtcp_connections *connections; /* NULL: closed */
    struct toxtcp_peer other;
    struct mate_relay relays[TOXTCP_PEER_RELAYS_MAX];
    uint32_t relay_count;
    uint32_t first_relay;      /* of the run's relays, going round */
    uint32_t connected;        /* relays that are */
    bool was_connected;        /* to any, ever */
    bool online;               /* data can be sent to the other one */
    uint32_t useless_after_ms; /* 0: as the library has it */
};

/* Opens it: it dials its relays, up to TOXTCP_PEER_RELAYS_MAX of the run's from `first_relay` on, and waits for the
 * other one there. Its engine is told of what comes. Returns 0, or -1 for want of memory. */
int mate_open(struct mate *mate, const struct toxtcp_public_key *other);

/* Does nothing when it is closed. Not inside a callback. */
void mate_close(struct mate *mate);

/* The index among the run's relays of the one which is the mate's `number`-th. */
uint32_t mate_relay_index(const struct mate *mate, uint32_t number);

/* The mate's number of that relay; TOXTCP_PEER_RELAYS_MAX: none. */
uint32_t mate_relay_number(const struct mate *mate, struct toxtcp_relay handle);

#endif
