/* The way of a packet to a peer: which relay carries it, and what is learned of that. SPDX-License-Identifier: ISC */
#include "connections_private.h"

enum {
    /* Without a report for so long, and four times what reports usually take, a way counts as suspect. */
    PATIENCE_MS = 3000,
    /* What is taken for usual at most. */
    ACK_MAX_MS = 2000
};

/* --- Choosing --- */

static enum path_rank rank_of(const struct slot *slot)
{
    const struct relay *relay = slot->relay;

    if (relay->silent) {
        return PATH_SILENT;
    }
    return slot->trust.doubt != PATH_TRUSTED || relay_trust_is_demoted(&relay->trust, relay_now(relay)) ? PATH_POOR
                                                                                                        : PATH_GOOD;
}

bool slot_is_good(const struct slot *slot)
{
    /* A relay that is late is judged when that is settled, so that none is opened and closed again for it. */
    return slot->state == SLOT_ONLINE && rank_of(slot) != PATH_POOR;
}

static void view_paths(const struct peer *peer, struct path_view paths[TOXTCP_PEER_RELAYS_MAX])
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        const struct slot *slot = &peer->slots[i];

        paths[i] = (struct path_view){.rank = PATH_SILENT, .rtt_ms = UINT32_MAX};
        if (slot->state == SLOT_ONLINE) {
            paths[i] = (struct path_view){.online = true, .rank = rank_of(slot), .rtt_ms = slot->relay->rtt_ms};
        }
    }
}

static void set_primary(struct peer *peer, uint32_t slot)
{
    if (slot != peer->primary) {
        peer->primary = (uint8_t)slot;
        peer->challenger_since_ms = TOXTCP_NEVER;
        path_trust_take(&peer->slots[slot].trust);
    }
}

void peer_elect(struct peer *peer)
{
    struct path_view paths[TOXTCP_PEER_RELAYS_MAX];

    view_paths(peer, paths);
    set_primary(peer, relay_choice_primary(paths, peer->primary));
}

void relay_judge_paths(struct relay *relay)
{
    for (struct slot *slot = relay->ties; slot; slot = slot->next) {
        if (slot->state == SLOT_ONLINE) {
            peer_elect(slot->peer);
            peer_touch_relays(slot->peer);
        }
    }
}

/* A relay that is clearly better than the primary takes its place when it has been so for some time. */
static void compare(struct peer *peer, uint64_t now_ms)
{
    struct path_view paths[TOXTCP_PEER_RELAYS_MAX];

    view_paths(peer, paths);
    const uint32_t best = relay_choice_challenger(paths, peer->primary);
    if (best == peer->primary) {
        peer->challenger_since_ms = TOXTCP_NEVER;
    } else if (peer->challenger_since_ms == TOXTCP_NEVER || best != peer->challenger) {
        peer->challenger = (uint8_t)best;
        peer->challenger_since_ms = now_ms;
    } else if (now_ms >= peer->challenger_since_ms + RELAY_CHOICE_BETTER_FOR_MS) {
        set_primary(peer, best);
    }
}

void relay_compare_paths(struct relay *relay)
{
    const uint64_t now_ms = relay_now(relay);

    for (struct slot *slot = relay->ties; slot; slot = slot->next) {
        if (slot->state == SLOT_ONLINE) {
            compare(slot->peer, now_ms);
        }
    }
}

/* --- What the layer above knows --- */

/* The latest time that one of its relays was told. */
static uint64_t peer_now(const struct peer *peer)
{
    uint64_t now_ms = peer->connections->now_ms;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (peer->slots[i].state == SLOT_ONLINE && relay_now(peer->slots[i].relay) > now_ms) {
            now_ms = relay_now(peer->slots[i].relay);
        }
    }
    return now_ms;
}

static uint32_t patience_ms(const struct peer *peer)
{
    return PATIENCE_MS + 4 * peer->ack_ms;
}

/* The next slot after the primary, going round, with a path of at least that rank; or the primary. */
static uint32_t next_path(const struct peer *peer, enum path_rank rank)
{
    for (uint32_t i = 1; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        const uint32_t next = (peer->primary + i) % TOXTCP_PEER_RELAYS_MAX;
        if (peer->slots[next].state == SLOT_ONLINE && rank_of(&peer->slots[next]) <= rank) {
            return next;
        }
    }
    return peer->primary;
}

/* Nothing came any way: then the peer is gone or has nothing to say, and no relay is to blame. Until something comes
 * the ways are gone through without a judgement. */
static void forget_open_doubts(struct peer *peer)
{
    peer->mute = true;
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        struct path_trust *trust = &peer->slots[i].trust;
        if (trust->doubt == PATH_LEFT) {
            *trust = (struct path_trust){0};
        }
        path_trust_take(trust);
    }
    peer_touch_relays(peer);
}

/* Leaves the primary for another one if its packets vanish. When no good one is left, for any that answers pings: those
 * that are doubted may have healed. */
static void leave_suspect(struct peer *peer, uint64_t now_ms)
{
    struct slot *slot = &peer->slots[peer->primary];

    if (!path_trust_is_suspect(&slot->trust, patience_ms(peer), now_ms)) {
        return;
    }
    if (!peer->mute && next_path(peer, PATH_GOOD) == peer->primary) {
        forget_open_doubts(peer);
    }
    if (peer->mute || slot->trust.doubt != PATH_TRUSTED) {
        path_trust_take(&slot->trust);
        set_primary(peer, next_path(peer, PATH_POOR));
    } else {
        path_trust_leave(&slot->trust, now_ms);
        peer_elect(peer);
        peer_touch_relays(peer);
    }
}

/* Does what is due in the trial of a doubted path; true when the next packet should try it. */
static bool run_trial(struct slot *slot, uint64_t now_ms)
{
    const struct peer *peer = slot->peer;
    const enum trial_step step = path_trust_trial(&slot->trust, peer->slots[peer->primary].trust.proven_ms, now_ms);

    if (step == TRIAL_FAILED || step == TRIAL_VOID) {
        path_trust_doubt_on(&slot->trust, step == TRIAL_FAILED, now_ms);
    }
    if (step == TRIAL_FAILED) {
        relay_trust_blame(&slot->relay->trust, TRUST_BLAME_TRIAL, now_ms);
        relay_judge_paths(slot->relay);
    }
    return step == TRIAL_SEND;
}

/* The slot whose trial is due, or NULL. */
static struct slot *slot_to_try(struct peer *peer, uint64_t now_ms)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        struct slot *slot = &peer->slots[i];
        if (slot->trust.doubt == PATH_CONFIRMED && i != peer->primary && !slot->relay->silent &&
            run_trial(slot, now_ms)) {
            return slot;
        }
    }
    return NULL;
}

/* The slot that the handle of a relay stands for, if the peer is online there. */
static struct slot *online_slot(struct peer *peer, struct toxtcp_relay handle)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        struct slot *slot = &peer->slots[i];
        if (slot->state == SLOT_ONLINE && slot->relay->handle.index == handle.index &&
            slot->relay->handle.generation == handle.generation) {
            return slot;
        }
    }
    return NULL;
}

/* Longer at once, shorter by and by. */
static void measure_ack(struct peer *peer, const struct path_trust *trust, uint64_t now_ms)
{
    if (!trust->unproven || trust->lost_in_row > 0 || trust->doubt != PATH_TRUSTED || now_ms < trust->unproven_ms) {
        return;
    }
    const uint64_t took_ms = now_ms - trust->unproven_ms;
    const uint64_t smooth_ms = took_ms > peer->ack_ms ? took_ms : (7 * (uint64_t)peer->ack_ms + took_ms) / 8;
    peer->ack_ms = smooth_ms < ACK_MAX_MS ? (uint32_t)smooth_ms : ACK_MAX_MS;
}

static void confirm_doubts(struct peer *peer, const struct slot *proven, uint64_t now_ms)
{
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        if (&peer->slots[i] != proven) {
            path_trust_confirm(&peer->slots[i].trust, now_ms);
        }
    }
}

int toxtcp_peer_report_delivered(struct toxtcp_connections *connections, struct toxtcp_peer handle,
                                 struct toxtcp_relay relay, uint32_t count)
{
    struct peer *peer = peer_get(connections, handle);
    struct slot *slot = peer ? online_slot(peer, relay) : NULL;

    if (!slot || count == 0) {
        return peer ? TOXTCP_OK : TOXTCP_ERR_NOT_FOUND;
    }
    const uint64_t now_ms = peer_now(peer);
    peer->reports = true;
    measure_ack(peer, &slot->trust, now_ms);
    if (path_trust_proven(&slot->trust, count, now_ms)) {
        relay_trust_credit(&slot->relay->trust, TRUST_CREDIT_PROOF, now_ms);
        relay_judge_paths(slot->relay);
    }
    if (peer->mute) {
        peer->mute = false;
        peer_touch_relays(peer);
    } else {
        confirm_doubts(peer, slot, now_ms);
    }
    return TOXTCP_OK;
}

int toxtcp_peer_report_lost(struct toxtcp_connections *connections, struct toxtcp_peer handle,
                            struct toxtcp_relay relay, uint32_t count)
{
    struct peer *peer = peer_get(connections, handle);
    struct slot *slot = peer ? online_slot(peer, relay) : NULL;

    if (slot && count > 0) {
        peer->reports = true;
        path_trust_lost(&slot->trust, count);
    }
    return peer ? TOXTCP_OK : TOXTCP_ERR_NOT_FOUND;
}

int toxtcp_peer_last_relay(const struct toxtcp_connections *connections, struct toxtcp_peer handle,
                           struct toxtcp_relay *relay)
{
    const struct peer *peer = peer_get(connections, handle);

    *relay = peer ? peer->last_relay : (struct toxtcp_relay){0};
    return peer ? TOXTCP_OK : TOXTCP_ERR_NOT_FOUND;
}

/* --- Sending --- */

/* What is told of several relays: that one took it, else that it is worth waiting for one, else what was wrong last. */
static int weigh(int result, int error)
{
    return error != TOXTCP_OK && (result == TOXTCP_OK || result == TOXTCP_ERR_WOULD_BLOCK) ? result : error;
}

/* A send was refused. peer_can_send will follow. */
static int note_refusal(struct peer *peer, int error)
{
    if (error == TOXTCP_ERR_WOULD_BLOCK) {
        peer->blocked = true;
        peer->unblocked = false;
    }
    return error;
}

/* Through every relay that takes OOB for the peer; good if one took it. */
static int send_as_oob(struct peer *peer, const uint8_t *data, size_t len)
{
    int result = TOXTCP_ERR_NOT_CONNECTED;

    if (len > TOXTCP_OOB_MAX) {
        return peer_state(peer) == TOXTCP_PEER_OFFLINE ? TOXTCP_ERR_NOT_CONNECTED : TOXTCP_ERR_TOO_LONG;
    }
    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        const struct slot *slot = &peer->slots[i];
        if (slot_takes_oob(slot)) {
            const int error = toxtcp_client_send_oob(slot->relay->client, &peer->key, data, len);
            relay_rekey(slot->relay);
            result = weigh(result, error);
        }
    }
    if (result == TOXTCP_OK) {
        peer->last_relay = (struct toxtcp_relay){0};
    }
    return note_refusal(peer, result);
}

static int send_by(struct slot *slot, const uint8_t *data, size_t len)
{
    struct peer *peer = slot->peer;
    const int error = toxtcp_client_send(slot->relay->client, slot->route, data, len);

    relay_rekey(slot->relay);
    if (!error) {
        peer->last_relay = slot->relay->handle;
        if (peer->reports) {
            path_trust_sent(&slot->trust, relay_now(slot->relay));
        }
    }
    return error;
}

/* Through the primary, or the next online one that takes it. */
static int send_in_order(struct peer *peer, const uint8_t *data, size_t len)
{
    struct path_view paths[TOXTCP_PEER_RELAYS_MAX];
    uint8_t order[TOXTCP_PEER_RELAYS_MAX];
    int result = TOXTCP_ERR_NOT_CONNECTED;

    view_paths(peer, paths);
    const uint32_t count = relay_choice_order(paths, peer->primary, order);
    for (uint32_t i = 0; i < count; i++) {
        const int error = send_by(&peer->slots[order[i]], data, len);
        if (!error) {
            return TOXTCP_OK;
        }
        result = weigh(result, error);
    }
    return note_refusal(peer, result);
}

/* True when the packet went to try a doubted path. */
static bool send_as_trial(struct peer *peer, const uint8_t *data, size_t len)
{
    const uint64_t now_ms = peer_now(peer);

    leave_suspect(peer, now_ms);
    struct slot *slot = slot_to_try(peer, now_ms);
    if (!slot || send_by(slot, data, len) != TOXTCP_OK) {
        return false;
    }
    path_trust_tried(&slot->trust, patience_ms(peer), now_ms);
    return true;
}

int toxtcp_peer_send(struct toxtcp_connections *connections, struct toxtcp_peer handle, const uint8_t *data, size_t len)
{
    struct peer *peer = peer_get(connections, handle);

    if (!peer) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (len == 0 || len > TOXTCP_DATA_MAX) {
        return len == 0 ? TOXTCP_ERR_EMPTY : TOXTCP_ERR_TOO_LONG;
    }
    if (peer->slots[peer->primary].state != SLOT_ONLINE) {
        return send_as_oob(peer, data, len);
    }
    if (peer->reports && send_as_trial(peer, data, len)) {
        return TOXTCP_OK;
    }
    const int error = send_by(&peer->slots[peer->primary], data, len);
    return error ? send_in_order(peer, data, len) : TOXTCP_OK;
}
