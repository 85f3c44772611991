/* Figures of a run: how long failover takes, false alarms, liars that are found. SPDX-License-Identifier: ISC */
#include <inttypes.h>

#include "world.h"

enum { TRUST_AFTER_MS = 120000, CALM_MS = 20000, USED_OFTEN = 10 };

static struct watch *watch_of(struct world *world, uint32_t peer, uint32_t relay)
{
    return &world->watches[peer][relay];
}

void watch_begin(struct world *world)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        for (uint32_t j = 0; j < RELAYS_MAX; j++) {
            world->watches[i][j] = (struct watch){.touched_ms = world->start_ms, .used_ms = TOXTCP_NEVER};
        }
    }
}

static bool find_peer(const struct world *world, const struct host *host, uint32_t *index)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].host == host) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool find_relay(const struct world *world, const struct host *host, uint32_t *index)
{
    for (uint32_t i = 0; i < world->relay_count; i++) {
        if (world->relays[i].host == host) {
            *index = i;
            return true;
        }
    }
    return false;
}

void watch_touch(struct world *world, const struct host *a, const struct host *b)
{
    uint32_t peer;
    uint32_t relay;

    if ((find_peer(world, a, &peer) && find_relay(world, b, &relay)) ||
        (find_peer(world, b, &peer) && find_relay(world, a, &relay))) {
        watch_of(world, peer, relay)->touched_ms = world->events.now_ms;
    }
}

/* --- False alarms, and liars --- */

static bool is_doubted(const struct sim_peer *peer, struct toxtcp_relay relay)
{
    struct toxtcp_peer_info info;

    for (uint32_t i = 0; i < peer->world->peer_count; i++) {
        if (!peer->contacts[i].known ||
            toxtcp_peer_get_info(peer->connections, peer->contacts[i].handle, &info) != TOXTCP_OK) {
            continue;
        }
        for (uint32_t j = 0; j < info.slot_count; j++) {
            if (info.slots[j].relay.index == relay.index && info.slots[j].doubted) {
                return true;
            }
        }
    }
    return false;
}

static void look_at_liar(const struct sim_peer *peer, struct watch *watch, const struct toxtcp_relay_info *info,
                         struct toxtcp_relay relay)
{
    struct results *results = peer->world->results;

    if (watch->used_ms != TOXTCP_NEVER && !watch->found && (info->demoted || is_doubted(peer, relay))) {
        watch->found = true;
        results->liars_found++;
        histogram_add(&results->detection, peer->world->events.now_ms - watch->used_ms);
    }
}

static void look_at_honest(const struct sim_peer *peer, struct watch *watch, const struct toxtcp_relay_info *info)
{
    struct results *results = peer->world->results;
    const bool trusted = peer->world->events.now_ms >= watch->touched_ms + TRUST_AFTER_MS;

    if (trusted && info->state == TOXTCP_RELAY_CONNECTED) {
        results->trusted_ms += 1000;
        results->false_silent += info->silent && !watch->silent;
        results->false_demoted += info->demoted && !watch->demoted;
    }
    if (info->silent != watch->silent) {
        trace("peer%u relay%u: %s", peer->index, info->address.ip[3], info->silent ? "silent" : "not silent any more");
    }
    if (info->demoted != watch->demoted) {
        trace("peer%u relay%u: %s", peer->index, info->address.ip[3], info->demoted ? "demoted" : "restored");
    }
    watch->silent = info->silent;
    watch->demoted = info->demoted;
}

static void look_at_peer(struct sim_peer *peer)
{
    struct toxtcp_relay handle = {0};
    struct toxtcp_relay_info info;

    while ((handle = toxtcp_relay_next(peer->connections, handle)).generation != 0) {
        if (toxtcp_relay_get_info(peer->connections, handle, &info) != TOXTCP_OK) {
            continue;
        }
        const uint32_t relay = info.address.ip[3];
        if (peer->world->relays[relay].lies) {
            look_at_liar(peer, watch_of(peer->world, peer->index, relay), &info, handle);
        } else {
            look_at_honest(peer, watch_of(peer->world, peer->index, relay), &info);
        }
    }
}

void watch_look(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        look_at_peer(&world->peers[i]);
    }
}

static bool was_touched(struct world *world, const struct flow *flow, uint32_t relay, uint64_t since_ms)
{
    return watch_of(world, flow->from->index, relay)->touched_ms >= since_ms ||
           watch_of(world, flow->to->index, relay)->touched_ms >= since_ms;
}

/* Whether `slot` would carry packets, and nothing happened to it. */
static bool is_calm(struct world *world, const struct flow *flow, const struct toxtcp_slot_info *slot)
{
    const uint32_t relay = sim_peer_relay(flow->from, slot->relay);

    if (slot->status != TOXTCP_SLOT_ONLINE || relay == NO_RELAY || world->relays[relay].lies) {
        return false;
    }
    const struct host *host = world->relays[relay].host;
    return host_is_up(host) && !host_is_suspended(host) &&
           network_is_connected(world->network, flow->from->host, host) &&
           network_is_connected(world->network, flow->to->host, host) &&
           !was_touched(world, flow, relay, world->events.now_ms - CALM_MS);
}

/* How many relays beside the primary would carry its packets. */
static uint32_t calm_others(const struct flow *flow)
{
    const struct contact *contact = &flow->from->contacts[flow->to->index];
    struct toxtcp_peer_info info;
    uint32_t calm = 0;

    if (toxtcp_peer_get_info(flow->from->connections, contact->handle, &info) != TOXTCP_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        calm += !info.slots[i].primary && is_calm(flow->world, flow, &info.slots[i]);
    }
    return calm;
}

void watch_sent(struct flow *flow, uint32_t relay)
{
    struct world *world = flow->world;

    if (relay == NO_RELAY || !(world->relays[relay].config.vices & LIAR_DROPS_DATA) || !world->knobs.reports) {
        return;
    }
    /* Where there is no other relay there is nothing to compare it with. */
    if (calm_others(flow) == 0) {
        return;
    }
    struct watch *watch = watch_of(world, flow->from->index, relay);
    watch->used_count++;
    if (watch->used_ms == TOXTCP_NEVER) {
        watch->used_ms = world->events.now_ms;
    }
}

void watch_end(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = 0; j < world->relay_count; j++) {
            const struct watch *watch = watch_of(world, i, j);
            world->results->liars_not_found += watch->used_count >= USED_OFTEN && !watch->found;
        }
    }
}

/* --- Failover --- */

/* Whether something happens now to the honest relay that carries its packets. */
static bool is_hit(const struct flow *flow)
{
    struct world *world = flow->world;
    const struct contact *contact = &flow->from->contacts[flow->to->index];
    struct toxtcp_peer_info info;

    if (toxtcp_peer_get_info(flow->from->connections, contact->handle, &info) != TOXTCP_OK) {
        return false;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        const uint32_t relay = sim_peer_relay(flow->from, info.slots[i].relay);
        if (info.slots[i].primary && relay != NO_RELAY && !world->relays[relay].lies) {
            return was_touched(world, flow, relay, world->events.now_ms);
        }
    }
    return false;
}

static void look_at_flow(struct flow *flow)
{
    if (is_hit(flow)) {
        const bool other = calm_others(flow) > 0 && flow->hit_at_ms == TOXTCP_NEVER;

        flow->hit_at_ms = other ? flow->world->events.now_ms : TOXTCP_NEVER;
    }
}

static bool loses_primary(enum fault_kind kind)
{
    return kind == FAULT_RESET || kind == FAULT_STALL || kind == FAULT_HALF_OPEN || kind == FAULT_PARTITION ||
           kind == FAULT_CRASH || kind == FAULT_SUSPEND_RELAY;
}

static bool is_steady(const struct flow *flow)
{
    return flow->world && !flow->idle && flow->pattern == PATTERN_STEADY &&
           sim_peer_can_talk(flow->from, flow->to->index) && sim_peer_can_talk(flow->to, flow->from->index);
}

void watch_fault_began(struct world *world, enum fault_kind kind)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = 0; j < world->peer_count; j++) {
            struct flow *flow = &world->flows[i][j];
            if (!is_steady(flow) || !loses_primary(kind)) {
                flow->hit_at_ms = TOXTCP_NEVER;
            } else {
                look_at_flow(flow);
            }
        }
    }
}

void watch_delivered(struct flow *flow, const struct copy *copy)
{
    if (flow->hit_at_ms == TOXTCP_NEVER || copy->sent_ms < flow->hit_at_ms) {
        return;
    }
    const uint64_t gap_ms = flow->world->events.now_ms - flow->hit_at_ms;
    trace("peer%u to peer%u: failed over in %" PRIu64 " ms", flow->from->index, flow->to->index, gap_ms);
    histogram_add(&flow->world->results->failover, gap_ms);
    flow->hit_at_ms = TOXTCP_NEVER;
}
