/* What a relay's deeds say of it: pure policy. SPDX-License-Identifier: ISC */
#include "trust.h"

#include <toxtcp/connections.h>

enum {
    FORGIVE_MS = 30000, /* for one point */
    /* The layer above has waited before it called the first packet lost. */
    BARREN_MS = 2000,
    LOST_IN_ROW_MIN = 2,
    /* An honest relay notices within 40 s that a peer is gone; before that a path says nothing of its relay. */
    TRIAL_AFTER_MS = 45000,
    TRIAL_ROUNDS_MAX = 6, /* the wait doubles so often: to 48 min */
    TRIAL_SPACING_MS = 1000,
    TRIAL_LOST = 3,
    TRIAL_PATIENCE_MS = 60000, /* with a peer that has fallen silent meanwhile */
    TRIAL_PACKETS_MAX = 60,    /* not all that is sent is acknowledged, so not all that is lost is missed */
    /* One packet lost in twenty is too many for a path that TCP carries; seen over so many packets. */
    LOSS_PACKETS_MIN = 60,
    LOSS_ONE_IN = 20,
    WINDOW_PACKETS = 512,
    LOSSY_MS = 600000
};

/* --- A relay --- */

static uint32_t blame_now(const struct relay_trust *trust, uint64_t now_ms)
{
    const uint64_t forgiven = now_ms > trust->at_ms ? (now_ms - trust->at_ms) / FORGIVE_MS : 0;

    return forgiven < trust->blame ? (uint32_t)(trust->blame - forgiven) : 0;
}

uint8_t relay_trust_score(const struct relay_trust *trust, uint64_t now_ms)
{
    return (uint8_t)(TOXTCP_SCORE_MAX - blame_now(trust, now_ms));
}

bool relay_trust_is_demoted(const struct relay_trust *trust, uint64_t now_ms)
{
    return trust->demoted && relay_trust_score(trust, now_ms) < TRUST_RESTORED_FROM;
}

uint64_t relay_trust_restored_at(const struct relay_trust *trust)
{
    const uint32_t allowed = TOXTCP_SCORE_MAX - TRUST_RESTORED_FROM;
    const uint32_t excess = trust->blame > allowed ? trust->blame - allowed : 0;

    return trust->at_ms + (uint64_t)excess * FORGIVE_MS;
}

static void set_blame(struct relay_trust *trust, uint32_t blame, uint64_t now_ms)
{
    const bool demoted = relay_trust_is_demoted(trust, now_ms);

    trust->blame = (uint8_t)(blame < TOXTCP_SCORE_MAX ? blame : TOXTCP_SCORE_MAX);
    trust->at_ms = now_ms;
    trust->demoted = demoted || relay_trust_score(trust, now_ms) < TRUST_DEMOTED_BELOW;
}

void relay_trust_blame(struct relay_trust *trust, uint32_t points, uint64_t now_ms)
{
    set_blame(trust, blame_now(trust, now_ms) + points, now_ms);
}

void relay_trust_credit(struct relay_trust *trust, uint32_t points, uint64_t now_ms)
{
    const uint32_t blame = blame_now(trust, now_ms);

    set_blame(trust, blame > points ? blame - points : 0, now_ms);
}

/* --- A path --- */

static void count(uint16_t *counter, uint32_t more)
{
    *counter = (uint16_t)(*counter + (more < WINDOW_PACKETS ? more : WINDOW_PACKETS));
}

/* So that what was long ago weighs less. */
static void slide(struct path_trust *trust)
{
    if (trust->delivered + trust->lost > WINDOW_PACKETS) {
        trust->delivered /= 2;
        trust->lost /= 2;
    }
}

bool path_trust_proven(struct path_trust *trust, uint32_t packets, uint64_t now_ms)
{
    const bool doubted = trust->doubt == PATH_LEFT || trust->doubt == PATH_CONFIRMED;

    if (doubted) {
        *trust = (struct path_trust){0};
    }
    trust->proven_ms = now_ms;
    trust->lost_in_row = 0;
    count(&trust->delivered, packets);
    slide(trust);
    return doubted;
}

void path_trust_lost(struct path_trust *trust, uint32_t packets, uint64_t now_ms)
{
    const uint32_t room = (uint32_t)(UINT8_MAX - trust->lost_in_row);

    if (packets == 0) {
        return;
    }
    if (trust->lost_in_row == 0) {
        /* Losses in a row are an outage, and count as one: it is those between arrivals that tell a relay that loses.
         */
        trust->lost_ms = now_ms;
        count(&trust->lost, 1);
        slide(trust);
    }
    trust->lost_in_row = (uint8_t)(trust->lost_in_row + (packets < room ? packets : room));
}

void path_trust_take(struct path_trust *trust)
{
    trust->lost_in_row = 0;
    trust->delivered = 0;
    trust->lost = 0;
}

bool path_trust_is_doubted(const struct path_trust *trust, uint64_t now_ms)
{
    return trust->doubt == PATH_LOSSY ? now_ms < trust->try_ms : trust->doubt != PATH_TRUSTED;
}

uint64_t path_trust_restored_at(const struct path_trust *trust)
{
    return trust->doubt == PATH_LOSSY ? trust->try_ms : TOXTCP_NEVER;
}

bool path_trust_is_barren(const struct path_trust *trust, uint64_t now_ms)
{
    return trust->lost_in_row >= LOST_IN_ROW_MIN && now_ms >= trust->lost_ms + BARREN_MS;
}

bool path_trust_is_lossy(const struct path_trust *trust)
{
    const uint32_t packets = trust->delivered + trust->lost;

    return packets >= LOSS_PACKETS_MIN && trust->lost * LOSS_ONE_IN > packets;
}

void path_trust_leave(struct path_trust *trust, bool barren, uint64_t now_ms)
{
    path_trust_take(trust);
    trust->doubt = barren ? PATH_LEFT : PATH_LOSSY;
    trust->try_ms = now_ms + (barren ? TRIAL_AFTER_MS : LOSSY_MS);
    trust->tries = 0;
}

void path_trust_confirm(struct path_trust *trust, uint64_t now_ms)
{
    if (trust->doubt == PATH_LEFT) {
        trust->doubt = PATH_CONFIRMED;
        trust->try_ms = now_ms + TRIAL_AFTER_MS;
    }
}

enum trial_step path_trust_trial(const struct path_trust *trust, uint64_t other_proven_ms, uint64_t now_ms)
{
    if (trust->doubt != PATH_CONFIRMED || now_ms < trust->try_ms) {
        return TRIAL_WAIT;
    }
    if (trust->tries > 0 && other_proven_ms <= trust->tried_ms) {
        return now_ms < trust->tried_ms + TRIAL_PATIENCE_MS ? TRIAL_WAIT : TRIAL_VOID;
    }
    if (trust->lost_in_row >= TRIAL_LOST && trust->tries > 0) {
        return TRIAL_FAILED;
    }
    return trust->tries < TRIAL_PACKETS_MAX ? TRIAL_SEND : TRIAL_VOID;
}

void path_trust_tried(struct path_trust *trust, uint64_t now_ms)
{
    if (trust->tries == 0) {
        trust->lost_in_row = 0;
    }
    trust->tries++;
    trust->tried_ms = now_ms;
    trust->try_ms = now_ms + TRIAL_SPACING_MS;
}

void path_trust_doubt_on(struct path_trust *trust, bool failed, uint64_t now_ms)
{
    if (failed && trust->rounds < TRIAL_ROUNDS_MAX) {
        trust->rounds++;
    }
    trust->tries = 0;
    trust->try_ms = now_ms + ((uint64_t)TRIAL_AFTER_MS << trust->rounds);
}
