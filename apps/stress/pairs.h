/* What the files of the pairs share: pairs.c talks, pairs_life.c comes and goes, churn.c does that on purpose.
 * SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PAIRS_H
#define APPS_STRESS_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inlet.h"
#include "pace.h"
#include "peer.h"
#include "worker.h"

/* One direction of one lane. */
struct out {
    uint32_t next;     /* sequence */
    uint32_t measured; /* those from this one on ... */
    uint32_t beyond;   /* ... and before this one were sent in the measured time */
    uint32_t settled;  /* churn: those before it were of an earlier life */
};

/* One of a pair. */
struct end {
    struct peer peer;
    struct toxtcp_key_pair keys;
    struct toxtcp_route route;
    bool online; /* can send to the other end */
    bool credit_due;
    struct out out[LANE_COUNT];
    struct inlet inlet;
    uint32_t uncredited;  /* received since the last credit */
    uint32_t acked;       /* data packets before this sequence are not in flight */
    uint64_t progress_ns; /* when credit last came */
};

struct pairs {
    struct end *ends; /* those of a pair side by side */
    uint32_t count;   /* pairs */
    struct pace pace;
    uint64_t sent; /* in all */
    uint64_t received;
    bool over;         /* all that was due has been sent */
    uint64_t *dies_ns; /* churn: when each pair's life is over */
    uint8_t bytes[PAYLOAD_MAX];
};

/* A peer is the first member of an end. */
struct end *end_of(struct peer *peer);
struct end *end_other(struct end *end);

/* --- pairs.c --- */

/* Closed loop: sends until the window or the client's queue is full. */
void end_pump(struct end *end);
/* What was in flight is not waited for any longer. */
void end_restart_window(struct end *end, uint64_t now_ns);
bool pairs_is_open_loop(const struct crew *crew);

/* Members of their engines. */
int pairs_begin(struct crew *crew);
void pairs_tick(struct crew *crew, uint64_t now_ns);
uint64_t pairs_outstanding(const struct crew *crew);
void pairs_data(struct peer *peer, const uint8_t *bytes, size_t len);
void pairs_can_send(struct peer *peer);

/* --- pairs_life.c --- */

int pairs_start(struct crew *crew);
void pairs_finish(struct crew *crew);
const struct toxtcp_public_key *pairs_key(const struct crew *crew, uint32_t number);
int pairs_prepare(struct peer *peer);
void pairs_up(struct peer *peer);
void pairs_down(struct peer *peer, int error);
void pairs_route_status(struct peer *peer, enum toxtcp_route_status status);
/* Whether it can send to the other end. */
void end_set_online(struct end *end, bool online);

#endif
