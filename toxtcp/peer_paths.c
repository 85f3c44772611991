/* The way of a packet to a peer: which relay carries it, and what is learned of that. SPDX-License-Identifier: ISC */
#include "connections_private.h"
#include "moment.h"

/* When a trial fails, a relay is not blamed if so lately something arrived through it for anybody. */
enum { BLAMELESS_MS = 45000 };

/* --- Choosing --- */

static bool is_poor(const struct slot *slot)
{
    const uint64_t now_ms = relay_now(slot->relay);

    return path_trust_is_doubted(&slot->trust, now_ms) || relay_trust_is_demoted(&slot->relay->trust, now_ms);
}

static enum path_rank rank_of(const struct slot *slot)
{
    if (slot->relay->silent) {
        return PATH_SILENT;
    }
    return is_poor(slot) ? PATH_POOR : PATH_GOOD;
}

bool slot_is_good(const struct slot *slot)
{
    /* A relay that is late is judged when that is settled, so that none is opened and closed again for it. */
    return slot->state == SLOT_ONLINE && !is_poor(slot);
}

uint64_t slot_good_at(const struct slot *slot)
{
    uint64_t good_ms = 0;

    if (slot->state != SLOT_ONLINE || !is_poor(slot)) {
        return TOXTCP_NEVER;
    }
    if (path_trust_is_doubted(&slot->trust, relay_now(slot->relay))) {
        good_ms = path_trust_restored_at(&slot->trust);
    }
    if (relay_trust_is_demoted(&slot->relay->trust, relay_now(slot->relay))) {
        good_ms = later(good_ms, relay_trust_restored_at(&slot->relay->trust));
    }
    return good_ms;
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
        peer_unblock(peer);
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

    peer_elect(peer); /* what was said against one may have healed by time */
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
static void begin_mute_round(struct peer *peer)
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

/* Nothing arrives by the primary: it is left for a good path; or, when there is none, for any whose relay answers,
 * since those that are doubted may have healed. */
static void leave_barren(struct peer *peer, uint64_t now_ms)
{
    struct slot *slot = &peer->slots[peer->primary];

    if (!peer->mute && next_path(peer, PATH_GOOD) == peer->primary) {
        begin_mute_round(peer);
    }
    if (peer->mute || path_trust_is_doubted(&slot->trust, now_ms)) {
        path_trust_take(&slot->trust);
        set_primary(peer, next_path(peer, PATH_POOR));
        return;
    }
    path_trust_leave(&slot->trust, true, now_ms);
    peer_elect(peer);
    peer_touch_relays(peer);
}

/* It loses some of what is sent: left for a good path, or kept. */
static void leave_lossy(struct peer *peer, uint64_t now_ms)
{
    struct slot *slot = &peer->slots[peer->primary];

    if (next_path(peer, PATH_GOOD) == peer->primary) {
        path_trust_take(&slot->trust);
        return;
    }
    path_trust_leave(&slot->trust, false, now_ms);
    peer_elect(peer);
    peer_touch_relays(peer);
}

static void judge_primary(struct peer *peer, uint64_t now_ms)
{
    const struct path_trust *trust = &peer->slots[peer->primary].trust;

    if (path_trust_is_barren(trust, now_ms)) {
        leave_barren(peer, now_ms);
    } else if (path_trust_is_lossy(trust)) {
        leave_lossy(peer, now_ms);
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
    if (step == TRIAL_FAILED && now_ms > slot->relay->proven_ms + BLAMELESS_MS) {
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
    slot->relay->proven_ms = now_ms;
    const bool blamed = slot->trust.rounds > 0;
    if (path_trust_proven(&slot->trust, count, now_ms)) {
        if (blamed) {
            relay_trust_credit(&slot->relay->trust, TRUST_CREDIT_PROOF, now_ms);
        }
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
        path_trust_lost(&slot->trust, count, peer_now(peer));
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
    }
    return error;
}

/* Through the primary, or the next online one that takes it. A good way that is full is waited for rather than left for
 * a worse one. */
static int send_in_order(struct peer *peer, const uint8_t *data, size_t len)
{
    struct path_view paths[TOXTCP_PEER_RELAYS_MAX];
    uint8_t order[TOXTCP_PEER_RELAYS_MAX];
    int result = TOXTCP_ERR_NOT_CONNECTED;

    view_paths(peer, paths);
    const uint32_t count = relay_choice_order(paths, peer->primary, order);
    for (uint32_t i = 0; i < count; i++) {
        if (result == TOXTCP_ERR_WOULD_BLOCK && paths[order[i]].rank > paths[order[i - 1]].rank) {
            break;
        }
        const int error = send_by(&peer->slots[order[i]], data, len);
        if (!error) {
            return TOXTCP_OK;
        }
        result = weigh(result, error);
    }
    return note_refusal(peer, result);
}

/* True when the packet went to try a doubted path. */
static bool send_as_trial(struct peer *peer, uint64_t now_ms, const uint8_t *data, size_t len)
{
    struct slot *slot = slot_to_try(peer, now_ms);
    if (!slot || send_by(slot, data, len) != TOXTCP_OK) {
        return false;
    }
    path_trust_tried(&slot->trust, now_ms);
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
    if (peer->reports) {
        const uint64_t now_ms = peer_now(peer);
        judge_primary(peer, now_ms);
        if (send_as_trial(peer, now_ms, data, len)) {
            return TOXTCP_OK;
        }
    }
    const int error = send_by(&peer->slots[peer->primary], data, len);
    return error ? send_in_order(peer, data, len) : TOXTCP_OK;
}
