/* What is drawn for one run. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_KNOBS_H
#define TEST_SIM_KNOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

#include "sim/network.h"

enum { PEERS_MAX = 12, RELAYS_MAX = 8, KNOBS_TEXT_SIZE = 1200 };

/* What goes wrong. One bit each in knobs.faults. */
enum fault_kind {
    FAULT_REFUSE,       /* a relay refuses dials */
    FAULT_RESET,        /* a stream is reset */
    FAULT_STALL,        /* nothing passes on a stream */
    FAULT_HALF_OPEN,    /* one end of a stream is gone, the other does not know */
    FAULT_PARTITION,    /* nothing passes between two groups of hosts */
    FAULT_CRASH,        /* a relay is killed, or loses its power, and comes back */
    FAULT_MOVE,         /* a peer has another network */
    FAULT_SUSPEND_PEER, /* a process sleeps */
    FAULT_SUSPEND_RELAY,
    FAULT_MEMORY, /* a peer runs out of memory */
    FAULT_JUMP,   /* a clock jumps ahead */
    FAULT_KINDS
};

/* What an embedder does. One bit each in knobs.deeds. */
enum deed_kind {
    DEED_SLEEP,  /* a peer is put to sleep, or woken */
    DEED_REMOVE, /* a peer is removed, or added again */
    DEED_TIE,    /* a relay is tied to a peer, or untied */
    DEED_OWN,    /* a relay becomes our own, or is removed */
    DEED_ONION,  /* onion is switched on or off */
    DEED_KINDS
};

/* How a flow sends for a while. One bit each in knobs.patterns. */
enum pattern_kind { PATTERN_OCCASIONAL, PATTERN_STEADY, PATTERN_BURST, PATTERN_KINDS };

/* What the command line fixes; 0: drawn. */
struct knobs_wish {
    uint32_t peers;
    uint32_t relays;
    uint32_t minutes;
    uint32_t liars; /* percent of relays that lie, and 1 for none at all */
    bool check_all; /* every object after every step */
};

struct knobs {
    uint32_t peers;
    uint32_t relays;
    uint32_t fault_ms;       /* length of the fault phase */
    uint32_t convergence_ms; /* and of the time after it */
    uint32_t pair_percent;   /* of all pairs of peers, those that know each other */
    uint32_t lone_percent;   /* of these, those with exactly one relay in common */
    uint32_t own_percent;    /* chance of a relay to be a peer's own */
    uint32_t onion_percent;
    uint32_t liar_percent; /* chance of a relay to be a liar */
    uint32_t vices;        /* liar.h: those that are possible */
    uint32_t latency_min_ms;
    uint32_t latency_max_ms;
    uint32_t jitter_percent; /* of the latency */
    uint32_t bytes_per_ms_min;
    uint32_t buffer_min;
    struct network_manners manners;
    uint32_t faults;
    uint32_t fault_every_ms; /* in the mean */
    uint32_t fault_lasts_ms; /* at most */
    bool storm;              /* many faults just before healing */
    uint32_t move_percent;   /* of moves, those after which the library is told */
    bool told_at_healing;    /* peers that were not told of a new network are at the end of faults */
    uint32_t deeds;
    uint32_t deed_every_ms; /* in the mean, for each peer */
    uint32_t patterns;
    uint32_t idle_percent; /* of the time */
    bool reports;          /* the layer above tells what arrived and what did not */
    bool mobile;
    bool own_config; /* the configuration is drawn */
    bool check_all;
    struct toxtcp_connections_config config;
};

void knobs_draw(struct knobs *knobs, uint64_t seed, const struct knobs_wish *wish);
const char *knobs_fault_name(enum fault_kind kind);
/* All of them, in some lines. */
void knobs_format(const struct knobs *knobs, char text[KNOBS_TEXT_SIZE]);

#endif
