/* One client of a relay, that may come and go. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PEER_H
#define APPS_STRESS_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/client.h>
#include <toxtcp/key.h>

struct crew;
struct worker;

enum peer_state { PEER_AWAY, PEER_WAITING, PEER_DIALLING, PEER_UP };

struct peer {
    struct crew *crew;
    struct toxtcp_client *client; /* while it dials or is up */
    const struct toxtcp_key_pair *keys;
    uint64_t since_ns; /* dialled; while it waits, when it is due */
    struct peer *prev; /* in the line of its worker */
    struct peer *next;
    enum peer_state state;
    uint32_t relay; /* the index of its one */
};

/* Those of one worker that wait to dial, in order. */
struct peer_line {
    struct peer *first;
    uint32_t dialling;
    uint64_t ramp_gap_ns;  /* between those of the start */
    uint64_t ramp_next_ns; /* when the next one of the start is due */
};

/* Puts it at the end of the line: due after those before it, by the ramp, or after a while. It is away. */
void peer_wait_ramp(struct peer *peer);
void peer_wait(struct peer *peer, uint64_t delay_ns);

/* Dials now. It is away. When that fails at once the engine is told by down(), before this returns. */
void peer_dial(struct peer *peer);

/* The next who dials comes from the next address of ours, where there are many. */
void peer_take_source(const struct crew *crew);

/* Dials what is due in the line. */
void peer_line_advance(struct worker *worker, uint64_t now_ns);

/* Leaves, without the engine being told: by closing, or by a reset. Allowed in its callbacks, and when it is away. */
void peer_leave(struct peer *peer, bool reset);

#endif
