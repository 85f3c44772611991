/* What a relay's deeds say of it: pure policy, events and times in, answers out. SPDX-License-Identifier: ISC
 *
 * A relay can lie: say that a peer is online and drop what is sent. Nothing in the protocol shows that, but two things
 * outside of it do: an OOB packet to our own key that does not come back, and the word of the layer above, that what
 * was sent this way did not arrive while the same peer acknowledges what goes another way. docs/trust.md has the
 * method.
 *
 * A path is one relay for one peer. A path that brings no proof for long, though packets are sent, is left for another
 * one (doubted). If the other one brings proof the doubt is confirmed: the peer lives, and this path does not serve.
 * But the fault may lie between the relay and the peer, and then an honest relay notices it within 40 s. So after that
 * time the path is tried with single packets, which the layer above sends again when they are lost; and only if these
 * are lost too is the relay blamed. */
#ifndef TOXTCP_PRIVATE_TRUST_H
#define TOXTCP_PRIVATE_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* --- A relay --- */

enum {
    TRUST_DEMOTED_BELOW = 50,
    TRUST_RESTORED_FROM = 75,
    TRUST_BLAME_TRIAL = 30, /* a path through it was tried and does not serve */
    TRUST_BLAME_PROBE = 60, /* it does not return OOB to ourselves */
    TRUST_CREDIT_PROOF = 30 /* a doubted path serves after all */
};

/* All zeros: nothing is known against it. */
struct relay_trust {
    uint64_t at_ms; /* when `blame` was true */
    uint8_t blame;  /* what is missing to the full score; 1 of it is forgiven every half minute */
    bool demoted;
};

uint8_t relay_trust_score(const struct relay_trust *trust, uint64_t now_ms);
bool relay_trust_is_demoted(const struct relay_trust *trust, uint64_t now_ms);
/* Of one that is demoted: when it is so no more, if nothing happens. */
uint64_t relay_trust_restored_at(const struct relay_trust *trust);
void relay_trust_blame(struct relay_trust *trust, uint32_t points, uint64_t now_ms);
void relay_trust_credit(struct relay_trust *trust, uint32_t points, uint64_t now_ms);

/* --- A path --- */

enum path_doubt {
    PATH_TRUSTED,
    PATH_LEFT,      /* what was sent was lost; whether anything arrives another way is not known yet */
    PATH_CONFIRMED, /* it does */
    PATH_LOSSY      /* it loses too much of what is sent; for ten minutes */
};

/* All zeros: a new path, trusted. */
struct path_trust {
    uint64_t proven_ms; /* the last report of an arrival */
    uint64_t lost_ms;   /* the first report of a loss since then; meaningful while `lost_in_row` */
    uint64_t try_ms;   /* of a doubted path: when the next packet tries it, or its trial is judged, or it is forgiven */
    uint64_t tried_ms; /* when a packet tried it last */
    uint16_t delivered;  /* of late; both halve now and then */
    uint16_t lost;       /* losses in a row count once */
    uint8_t lost_in_row; /* since the last report of an arrival, or since its trial began */
    uint8_t doubt;       /* enum path_doubt */
    uint8_t rounds;      /* trials that failed, in a row */
    uint8_t tries;       /* packets that tried it in this trial */
};

/* The layer above reports arrivals. Returns whether that ended a doubt. */
bool path_trust_proven(struct path_trust *trust, uint32_t packets, uint64_t now_ms);
/* It reports losses. That it reports nothing says nothing: not all that is sent is acknowledged. */
void path_trust_lost(struct path_trust *trust, uint32_t packets, uint64_t now_ms);
/* Packets go this way from now on; what was reported before says nothing. */
void path_trust_take(struct path_trust *trust);

bool path_trust_is_doubted(const struct path_trust *trust, uint64_t now_ms);
/* Of one that is doubted: when it is so no more, if nothing happens. TOXTCP_NEVER: time alone does not help. */
uint64_t path_trust_restored_at(const struct path_trust *trust);
/* For some time losses are reported, and no arrival. */
bool path_trust_is_barren(const struct path_trust *trust, uint64_t now_ms);
/* Too much is lost between arrivals. */
bool path_trust_is_lossy(const struct path_trust *trust);

/* It is left for another one, because it is barren, or else lossy. */
void path_trust_leave(struct path_trust *trust, bool barren, uint64_t now_ms);
/* Another path was proven: the peer lives. */
void path_trust_confirm(struct path_trust *trust, uint64_t now_ms);

enum trial_step {
    TRIAL_WAIT,
    TRIAL_SEND,   /* send the next packet this way, and say path_trust_tried() */
    TRIAL_FAILED, /* it does not serve; say path_trust_doubt_on() */
    TRIAL_VOID    /* nothing comes another way either, or nobody misses what was sent; the same */
};

/* What a doubted path is due for; `other_proven_ms` is when the path in use was proven last. One packet at a time,
 * until one arrives or three are missed: the next tries it only when something has arrived the other way since. So it
 * is another one, and not that one again. */
enum trial_step path_trust_trial(const struct path_trust *trust, uint64_t other_proven_ms, uint64_t now_ms);
void path_trust_tried(struct path_trust *trust, uint64_t now_ms);
void path_trust_doubt_on(struct path_trust *trust, bool failed, uint64_t now_ms);

#endif
