/* What goes wrong in a run, and its healing. SPDX-License-Identifier: ISC */
#include "world.h"

/* Relays that were out of reach for an hour are dialled less often: clocks do not jump so far. */
enum { STORM_MS = 30000, JUMP_MAX_MS = 1000000 };

static uint64_t now_of(const struct world *world)
{
    return world->events.now_ms;
}

static struct host *host_of(struct world *world, uint32_t index)
{
    return index < world->peer_count ? world->peers[index].host : world->relays[index - world->peer_count].host;
}

static uint32_t host_count(const struct world *world)
{
    return world->peer_count + world->relay_count;
}

/* Everything between this host and others has been disturbed. */
static void touch_host(struct world *world, const struct host *host)
{
    for (uint32_t i = 0; i < host_count(world); i++) {
        watch_touch(world, host, host_of(world, i));
    }
}

/* --- Aiming --- */

void faults_tempt(struct world *world, const struct flow *flow)
{
    if (world->phase == PHASE_FAULTS && dice_chance(&world->fault_dice, 40)) {
        world->aim = flow;
        event_hasten(&world->events, &world->next_fault, now_of(world) + dice_between(&world->fault_dice, 1000, 15000));
    }
}

/* The primary relay of the flow that is aimed at, or NO_RELAY. */
static uint32_t aimed_relay(const struct world *world)
{
    const struct flow *flow = world->aim;
    struct toxtcp_peer_info info;

    if (!flow || flow->idle || !sim_peer_can_talk(flow->from, flow->to->index) ||
        toxtcp_peer_get_info(flow->from->connections, flow->from->contacts[flow->to->index].handle, &info)) {
        return NO_RELAY;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        if (info.slots[i].primary) {
            return sim_peer_relay(flow->from, info.slots[i].relay);
        }
    }
    return NO_RELAY;
}

static uint32_t choose_relay(struct world *world)
{
    const uint32_t aimed = aimed_relay(world);

    return aimed != NO_RELAY ? aimed : dice_below(&world->fault_dice, world->relay_count);
}

static uint32_t choose_stream(struct world *world)
{
    const uint32_t relay = aimed_relay(world);
    const struct flow *flow = world->aim;

    if (relay == NO_RELAY) {
        return network_pick_stream(world->network);
    }
    return network_find_stream(world->network, dice_chance(&world->fault_dice, 50) ? flow->from->host : flow->to->host,
                               world->relays[relay].host);
}

/* --- Single faults: how each begins and ends. Those that cannot begin return false. --- */

static struct sim_relay *pick_relay(struct world *world, struct fault *fault)
{
    fault->target = choose_relay(world);
    touch_host(world, world->relays[fault->target].host);
    return &world->relays[fault->target];
}

static struct sim_peer *pick_peer(struct world *world, struct fault *fault)
{
    fault->target = dice_below(&world->fault_dice, world->peer_count);
    touch_host(world, world->peers[fault->target].host);
    return &world->peers[fault->target];
}

static bool pick_stream(struct world *world, struct fault *fault)
{
    struct host *dialler;
    struct host *listener;

    fault->target = choose_stream(world);
    if (!stream_hosts(world->network, fault->target, &dialler, &listener)) {
        return false;
    }
    watch_touch(world, dialler, listener);
    trace("fault: %s of %s - %s", knobs_fault_name(fault->kind), host_name(dialler), host_name(listener));
    return true;
}

static bool begin_refuse(struct world *world, struct fault *fault)
{
    host_refuse(pick_relay(world, fault)->host, true);
    return true;
}

static void end_refuse(struct world *world, struct fault *fault)
{
    bool others = false;

    for (uint32_t i = 0; i < FAULTS_MAX; i++) {
        const struct fault *other = &world->faults[i];
        others |= other->active && other != fault && other->kind == FAULT_REFUSE && other->target == fault->target;
    }
    host_refuse(world->relays[fault->target].host, others);
    touch_host(world, world->relays[fault->target].host);
}

static bool begin_reset(struct world *world, struct fault *fault)
{
    if (pick_stream(world, fault)) {
        stream_reset(world->network, fault->target);
    }
    return false; /* nothing is to be ended */
}

static bool begin_half_open(struct world *world, struct fault *fault)
{
    if (pick_stream(world, fault)) {
        stream_half_open(world->network, fault->target, dice_chance(&world->fault_dice, 50));
    }
    return false;
}

static bool begin_stall(struct world *world, struct fault *fault)
{
    if (!pick_stream(world, fault)) {
        return false;
    }
    stream_stall(world->network, fault->target, true);
    return true;
}

static void end_stall(struct world *world, struct fault *fault)
{
    struct host *dialler;
    struct host *listener;

    stream_stall(world->network, fault->target, false);
    if (stream_hosts(world->network, fault->target, &dialler, &listener)) {
        watch_touch(world, dialler, listener);
    }
}

static void divide(struct world *world, const struct fault *fault,
                   void (*act)(struct network *network, const struct host *a, const struct host *b))
{
    for (uint32_t i = 0; i < host_count(world); i++) {
        for (uint32_t j = i + 1; j < host_count(world); j++) {
            if ((fault->group >> i & 1) != (fault->group >> j & 1)) {
                act(world->network, host_of(world, i), host_of(world, j));
                watch_touch(world, host_of(world, i), host_of(world, j));
            }
        }
    }
}

static bool begin_partition(struct world *world, struct fault *fault)
{
    fault->group = dice_chance(&world->fault_dice, 50)
                       ? (uint32_t)1 << dice_below(&world->fault_dice, host_count(world))
                       : (uint32_t)dice_next(&world->fault_dice);
    trace("fault: partition, hosts %06x and others", fault->group);
    divide(world, fault, network_block);
    return true;
}

static void end_partition(struct world *world, struct fault *fault)
{
    divide(world, fault, network_unblock);
}

static bool begin_crash(struct world *world, struct fault *fault)
{
    struct sim_relay *relay = pick_relay(world, fault);
    const bool told = dice_chance(&world->fault_dice, 60);

    trace("fault: relay%u %s", relay->index, told ? "is killed" : "loses its power");
    relay->crashes++;
    sim_relay_stop(relay, told);
    return true;
}

static void end_crash(struct world *world, struct fault *fault)
{
    struct sim_relay *relay = &world->relays[fault->target];

    touch_host(world, relay->host);
    relay->crashes--;
    if (relay->crashes == 0) {
        sim_relay_start(relay);
    }
}

static bool begin_move(struct world *world, struct fault *fault)
{
    struct sim_peer *peer = pick_peer(world, fault);
    const bool reset = dice_chance(&world->fault_dice, 40);

    trace("fault: peer%u is in another network, its streams are %s", peer->index, reset ? "reset" : "silent");
    host_move(peer->host, reset);
    if (dice_chance(&world->fault_dice, world->knobs.move_percent)) {
        event_hasten(&world->events, &peer->telling, now_of(world) + dice_skewed(&world->fault_dice, 10, 5000));
    } else if (!reset) {
        peer->untold = true;
    }
    return false;
}

static bool begin_suspend_peer(struct world *world, struct fault *fault)
{
    const struct sim_peer *peer = pick_peer(world, fault);

    trace("fault: peer%u is suspended", peer->index);
    host_suspend(peer->host);
    return true;
}

static bool begin_suspend_relay(struct world *world, struct fault *fault)
{
    const struct sim_relay *relay = pick_relay(world, fault);

    if (!host_is_up(relay->host)) {
        return false;
    }
    trace("fault: relay%u is suspended", relay->index);
    host_suspend(relay->host);
    return true;
}

/* The first of several ends wakes it. */
static void end_suspend(struct world *world, struct fault *fault)
{
    const bool peer = fault->kind == FAULT_SUSPEND_PEER;
    struct host *host = peer ? world->peers[fault->target].host : world->relays[fault->target].host;

    touch_host(world, host);
    if (host_is_suspended(host)) {
        trace("%s wakes up", host_name(host));
        host_resume(host);
    }
}

static bool begin_memory(struct world *world, struct fault *fault)
{
    struct sim_peer *peer = pick_peer(world, fault);
    const uint32_t nth = dice_skewed(&world->fault_dice, 1, 64);
    const bool all = dice_chance(&world->fault_dice, 40);

    trace("fault: of peer%u allocation %u%s fails", peer->index, nth, all ? " and all after" : "");
    net_env_fail(&peer->env, nth, all);
    return true;
}

static void end_memory(struct world *world, struct fault *fault)
{
    net_env_fail(&world->peers[fault->target].env, 0, false);
    touch_host(world, world->peers[fault->target].host);
}

static bool begin_jump(struct world *world, struct fault *fault)
{
    const uint32_t ms = dice_skewed(&world->fault_dice, 100, JUMP_MAX_MS);

    fault->target = dice_below(&world->fault_dice, host_count(world));
    struct host *host = host_of(world, fault->target);
    if (!host_is_suspended(host)) {
        trace("fault: the clock of %s jumps by %u ms", host_name(host), ms);
        touch_host(world, host);
        host_jump(host, ms);
    }
    return false;
}

static const struct {
    bool (*begin)(struct world *world, struct fault *fault);
    void (*end)(struct world *world, struct fault *fault);
} acts[FAULT_KINDS] = {
    [FAULT_REFUSE] = {begin_refuse, end_refuse},
    [FAULT_RESET] = {begin_reset, NULL},
    [FAULT_STALL] = {begin_stall, end_stall},
    [FAULT_HALF_OPEN] = {begin_half_open, NULL},
    [FAULT_PARTITION] = {begin_partition, end_partition},
    [FAULT_CRASH] = {begin_crash, end_crash},
    [FAULT_MOVE] = {begin_move, NULL},
    [FAULT_SUSPEND_PEER] = {begin_suspend_peer, end_suspend},
    [FAULT_SUSPEND_RELAY] = {begin_suspend_relay, end_suspend},
    [FAULT_MEMORY] = {begin_memory, end_memory},
    [FAULT_JUMP] = {begin_jump, NULL},
};

/* --- All of them --- */

static void end_fault(struct fault *fault)
{
    struct world *world = fault->world;

    fault->active = false;
    event_set(&world->events, &fault->end, TOXTCP_NEVER);
    trace("fault ends: %s %u", knobs_fault_name(fault->kind), fault->target);
    acts[fault->kind].end(world, fault);
}

static void on_end(void *user)
{
    end_fault(user);
}

static struct fault *free_fault(struct world *world)
{
    for (uint32_t i = 0; i < FAULTS_MAX; i++) {
        if (!world->faults[i].active) {
            return &world->faults[i];
        }
    }
    return NULL;
}

static void begin_fault(struct world *world)
{
    const uint32_t kind = dice_below(&world->fault_dice, FAULT_KINDS);
    struct fault *fault = free_fault(world);

    if (!fault || !(world->knobs.faults >> kind & 1)) {
        return;
    }
    fault->kind = (enum fault_kind)kind;
    fault->group = 0;
    fault->active = acts[kind].begin(world, fault);
    if (fault->active) {
        const uint32_t lasts_ms = dice_skewed(&world->fault_dice, 100, world->knobs.fault_lasts_ms);
        event_set(&world->events, &fault->end, now_of(world) + lasts_ms);
    }
    watch_fault_began(world, fault->kind);
    world->aim = NULL;
}

/* In some runs more and more goes wrong just before healing. */
static void plan_fault(struct world *world)
{
    const uint64_t storm_ms = world->start_ms + world->knobs.fault_ms - STORM_MS;
    const uint64_t next_ms = now_of(world) + dice_below(&world->fault_dice, 2 * world->knobs.fault_every_ms);
    const uint32_t soon_ms = dice_below(&world->fault_dice, STORM_MS / 4);

    if (!world->knobs.storm || next_ms < storm_ms) {
        event_set(&world->events, &world->next_fault, next_ms);
    } else {
        event_set(&world->events, &world->next_fault, (now_of(world) < storm_ms ? storm_ms : now_of(world)) + soon_ms);
    }
}

static void on_next_fault(void *user)
{
    struct world *world = user;

    if (world->phase == PHASE_FAULTS) {
        begin_fault(world);
        plan_fault(world);
    }
}

void faults_open(struct world *world)
{
    world->fault_dice = dice_of(world->seed, PURPOSE_FAULTS);
    event_join(&world->events, &world->next_fault, EVENT_WORLD, on_next_fault, world);
    for (uint32_t i = 0; i < FAULTS_MAX; i++) {
        world->faults[i] = (struct fault){.world = world};
        event_join(&world->events, &world->faults[i].end, EVENT_WORLD, on_end, &world->faults[i]);
    }
}

void faults_close(struct world *world)
{
    event_leave(&world->events, &world->next_fault);
    for (uint32_t i = 0; i < FAULTS_MAX; i++) {
        event_leave(&world->events, &world->faults[i].end);
    }
}

void faults_start(struct world *world)
{
    plan_fault(world);
}

void faults_heal(struct world *world)
{
    for (uint32_t i = 0; i < FAULTS_MAX; i++) {
        if (world->faults[i].active) {
            end_fault(&world->faults[i]);
        }
    }
    for (uint32_t i = 0; i < world->peer_count; i++) {
        struct sim_peer *peer = &world->peers[i];
        sim_peer_reconcile(peer);
        if (peer->untold && world->knobs.told_at_healing) {
            sim_peer_tell_network(peer);
        }
    }
}
