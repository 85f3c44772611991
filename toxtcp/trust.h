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
void relay_trust_blame(struct relay_trust *trust, uint32_t points, uint64_t now_ms);
void relay_trust_credit(struct relay_trust *trust, uint32_t points, uint64_t now_ms);

/* --- A path --- */

enum path_doubt {
    PATH_TRUSTED,
    PATH_LEFT,     /* no proof came; whether any comes another way is not known yet */
    PATH_CONFIRMED /* it did */
};

/* All zeros: a new path, trusted. */
struct path_trust {
    uint64_t unproven_ms; /* since when packets are sent and none is reported; meaningful while `unproven` */
    uint64_t proven_ms;   /* the last report */
    uint64_t try_ms;      /* of a doubted path: when the next packet tries it, or when its trial is judged */
    uint64_t trial_ms;    /* when its trial began */
    uint16_t delivered;   /* of late; both halve now and then */
    uint16_t lost;
    uint8_t lost_in_row; /* since the last report of an arrival, or since its trial began */
    uint8_t doubt;       /* enum path_doubt */
    uint8_t rounds;      /* trials that failed, in a row */
    uint8_t tries;       /* packets that tried it in this trial */
    bool unproven;
};

/* A packet was sent this way. */
void path_trust_sent(struct path_trust *trust, uint64_t now_ms);
/* The layer above reports arrivals. Returns whether that ended a doubt. */
bool path_trust_proven(struct path_trust *trust, uint32_t count, uint64_t now_ms);
void path_trust_lost(struct path_trust *trust, uint32_t count);
/* Whether it should be left for another path: for `patience_ms` packets were sent, some are lost and none has arrived;
 * or too many are lost. That nothing is reported says nothing: not all that is sent is acknowledged. */
bool path_trust_is_suspect(const struct path_trust *trust, uint32_t patience_ms, uint64_t now_ms);
/* Packets go this way from now on; what was sent long ago says nothing. It is left for another one. */
void path_trust_take(struct path_trust *trust);
void path_trust_leave(struct path_trust *trust, uint64_t now_ms);
/* Another path was proven: the peer lives. */
void path_trust_confirm(struct path_trust *trust, uint64_t now_ms);

enum trial_step {
    TRIAL_WAIT,
    TRIAL_SEND,   /* send the next packet this way, and say path_trust_tried() */
    TRIAL_FAILED, /* it does not serve; say path_trust_doubt_on() */
    TRIAL_VOID    /* nothing came another way either, or nobody misses what was sent; the same */
};

/* What a doubted path is due for; `other_proven_ms` is when the path in use was proven last. */
enum trial_step path_trust_trial(const struct path_trust *trust, uint64_t other_proven_ms, uint64_t now_ms);
void path_trust_tried(struct path_trust *trust, uint32_t patience_ms, uint64_t now_ms);
void path_trust_doubt_on(struct path_trust *trust, bool failed, uint64_t now_ms);

#endif
