/* Which relay carries a packet, which to open, close, put to sleep: pure policy, table in, answer out (section 5).
 * SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_RELAY_CHOICE_H
#define TOXTCP_PRIVATE_RELAY_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/connections.h>

/* How far a relay is. */
enum relay_phase {
    RELAY_ASLEEP,   /* known, and nothing else */
    RELAY_WAITING,  /* to be dialled when its time comes */
    RELAY_STARTING, /* to be dialled at once */
    RELAY_DIALLED,  /* dialling or shaking hands */
    RELAY_CONNECTED,
    RELAY_PHASE_COUNT
};

/* What counts of one relay. */
struct relay_view {
    enum relay_phase phase;
    bool named;   /* a peer is tied to it */
    bool awake;   /* an awake peer is tied to it */
    bool serves;  /* relay_choice_serves() holds for one of its peers */
    bool owned;   /* added for ourselves */
    bool fresh;   /* added for ourselves and never dialled */
    bool onion;   /* marked for onion */
    bool settled; /* connected for longer than useless_after_ms */
};

/* What counts of all of them. */
struct relay_totals {
    uint32_t connected;
    uint32_t opening; /* starting and dialled */
    uint32_t keep_connected;
    uint32_t onion_relays; /* 0 while onion is off */
};

enum relay_verdict {
    RELAY_STAY,  /* as it is */
    RELAY_OPEN,  /* to be dialled as soon as its backoff allows */
    RELAY_SLEEP, /* to be closed, not to be dialled */
    RELAY_FORGET /* nobody has a use for it */
};

/* Whether a relay serves a peer: the peer is awake, and has a good path here, or good paths on fewer relays than are
 * wanted. A path is good where the peer is online and nothing speaks against the relay. */
bool relay_choice_serves(bool peer_asleep, bool good_here, uint32_t good_count, uint32_t wanted);

/* What to do with a relay. Whatever is closed by it is not opened by it again with the totals that closing leaves. */
enum relay_verdict relay_choice_verdict(const struct relay_view *view, const struct relay_totals *totals);

/* Whether a relay gets one of the onion marks, of which `marked` are given. */
bool relay_choice_marks(enum relay_phase phase, bool has_one, uint32_t marked, uint32_t onion_relays);

/* What may be said against a path, worst last. */
enum path_rank {
    PATH_GOOD,
    PATH_POOR,  /* doubted, or its relay is demoted */
    PATH_SILENT /* its relay is late with an answer */
};

/* One of a peer's slots, as a way for packets. */
struct path_view {
    bool online;
    enum path_rank rank;
    uint32_t rtt_ms; /* of its relay; UINT32_MAX when not known */
};

/* The slot that carries a peer's packets. It stays while it is online and none is of a better rank; then it is the best
 * one: by rank, by round trip, the next one going round. With none online it stays too. */
uint32_t relay_choice_primary(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary);

/* The online slots in the order in which a packet tries them, the primary first, then by rank and round trip. Returns
 * how many. */
uint32_t relay_choice_order(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary,
                            uint8_t order[TOXTCP_PEER_RELAYS_MAX]);

/* The slot, if any, that is so much better than the primary that it is worth changing, if it stays so for
 * RELAY_CHOICE_BETTER_FOR_MS: no worse a rank, a round trip 10 ms shorter and under two thirds. Else the primary. */
enum { RELAY_CHOICE_BETTER_FOR_MS = 10000 };
uint32_t relay_choice_challenger(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary);

/* How long to wait after the failure that follows `failures` others: doubling from `min_ms` to `max_ms`, less or more
 * by up to a quarter, as `random` has it. */
uint32_t relay_choice_delay(uint32_t failures, uint32_t min_ms, uint32_t max_ms, uint32_t random);

#endif
