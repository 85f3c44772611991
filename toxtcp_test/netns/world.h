/* A star with relays and peers in it, in which the primary relay dies again and again. SPDX-License-Identifier: ISC */
#ifndef TEST_NETNS_WORLD_H
#define TEST_NETNS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "netns/peer.h"
#include "netns/star.h"

enum { WORLD_ROUNDS_MAX = 100, WORLD_PROBLEM_SIZE = 160 };

/* What becomes of the primary relay. The cuts are silent. */
enum world_fault {
    FAULT_CUT,          /* cut off from both peers */
    FAULT_CUT_TO_RELAY, /* nothing reaches it; what it says arrives */
    FAULT_CUT_TO_PEERS, /* it hears all, and nobody hears it */
    FAULT_CUT_SENDER,   /* cut off from the sending peer alone */
    FAULT_CUT_RECEIVER, /* cut off from the receiving peer alone: nothing is wrong with the sender's own link */
    FAULT_STOP,         /* SIGSTOP: its kernel acknowledges, it does nothing */
    FAULT_KILL,         /* SIGKILL: its kernel closes the streams */
    FAULT_NONE          /* nothing: the way is slow, and that is no fault */
};

struct world_plan {
    enum world_fault fault;
    bool bootstrapd;   /* tox-bootstrapd as relay instead of ours */
    bool by_the_book;  /* peers that find a dead relay by the pings of the protocol alone */
    bool acknowledged; /* the layer above acknowledges packets, and reports what it knows */
    uint32_t rounds;   /* fewer, when no more can begin within budget_ms */
    uint32_t budget_ms;
    uint32_t delay_ms; /* FAULT_NONE: how long each byte takes, each way */
    uint32_t watch_ms; /* FAULT_NONE: how long */
};

struct world_outcome {
    uint32_t rounds;
    /* From the last packet through the dead relay to the first one through another, at the receiver. */
    double gaps_ms[WORLD_ROUNDS_MAX];
    /* ICMP packets, and resets from the relay, from each fault until the first packet through another relay. */
    uint64_t noise;
    /* FAULT_NONE. */
    uint32_t packets; /* that arrived while it was watched */
    uint32_t lost;    /* numbers left out between these */
    uint32_t rtt_ms;  /* the least that the sender has measured */
    uint32_t alarms;  /* reports in which a relay was silent, not connected, not online or no longer the primary */
};

/* Plays it to the end in this process, which must have left the machine's network, and fills in `outcome` as it goes.
 * Ends the process when something does not work that should; the relays' directories are removed then too. */
void world_play(const struct world_plan *plan, struct world_outcome *outcome);

#endif
