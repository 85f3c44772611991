/* One run: made from its seed, lived through, taken apart. SPDX-License-Identifier: ISC */
#include "world.h"

#include <stdlib.h>

/* Clocks do not start at 0, which whoever forgets a moment would find right. */
enum { START_MS = 1000000, SECOND_MS = 1000, RELAYS_LOOK_MS = 30000 };

/* --- Who knows whom, by which relays --- */

static uint32_t pick_bit(struct dice *dice, uint32_t set)
{
    uint32_t picked = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        if (set >> i & 1) {
            count++;
            picked = dice_below(dice, count) == 0 ? (uint32_t)1 << i : picked;
        }
    }
    return picked;
}

static uint32_t pick_bits(struct dice *dice, uint32_t set, uint32_t count)
{
    uint32_t picked = 0;

    for (uint32_t i = 0; i < count; i++) {
        picked |= pick_bit(dice, set & ~picked);
    }
    return picked;
}

static void tie_pair(struct contact *a, struct contact *b, struct dice *dice)
{
    const struct world *world = a->owner->world;
    const uint32_t all = ((uint32_t)1 << world->relay_count) - 1;
    const bool lone = dice_chance(dice, world->knobs.lone_percent);
    const uint32_t common = pick_bits(dice, all, lone ? 1 : dice_between(dice, 1, TOXTCP_PEER_RELAYS_MAX - 2));
    const uint32_t more_a = pick_bits(dice, all & ~common, dice_below(dice, 3));
    const uint32_t more_b = pick_bits(dice, all & ~common & ~more_a, dice_below(dice, 3));

    a->paired = true;
    b->paired = true;
    a->wanted = true;
    b->wanted = true;
    a->ties_wanted = common | more_a;
    b->ties_wanted = common | more_b;
    trace("peer%u and peer%u know each other, by relays %02x, and %02x and %02x alone", a->owner->index,
          b->owner->index, common, more_a, more_b);
}

static void draw_pairs(struct world *world, struct dice *dice)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = i + 1; j < world->peer_count; j++) {
            if (j == i + 1 || dice_chance(dice, world->knobs.pair_percent)) {
                tie_pair(&world->peers[i].contacts[j], &world->peers[j].contacts[i], dice);
            }
        }
    }
}

static void draw_own_relays(struct world *world, struct dice *dice)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        world->peers[i].onion = dice_chance(dice, world->knobs.onion_percent);
        for (uint32_t j = 0; j < world->relay_count; j++) {
            if (dice_chance(dice, world->knobs.own_percent)) {
                world->peers[i].owns_wanted |= (uint32_t)1 << j;
            }
        }
    }
}

static void draw_path(struct world *world, struct path *path, struct dice *dice)
{
    const struct knobs *knobs = &world->knobs;

    path->latency_ms = dice_skewed(dice, knobs->latency_min_ms, knobs->latency_max_ms);
    path->jitter_ms = dice_below(dice, path->latency_ms * knobs->jitter_percent / 100 + 1);
    path->bytes_per_ms = dice_skewed(dice, knobs->bytes_per_ms_min, 20000);
    path->buffer = dice_skewed(dice, knobs->buffer_min, 300000);
}

static void draw_paths(struct world *world, struct dice *dice)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = 0; j < world->relay_count; j++) {
            draw_path(world, network_path(world->network, world->peers[i].host, world->relays[j].host), dice);
        }
    }
}

/* --- Phases --- */

static void look(struct world *world)
{
    oracle_check_touched(world);
    watch_look(world);
    if (world->phase == PHASE_CONVERGENCE) {
        oracle_online_look(world);
        if (world->events.now_ms >= world->heal_ms + RELAYS_LOOK_MS) {
            oracle_relays_look(world);
        }
    }
}

static void on_second(void *user)
{
    struct world *world = user;

    event_set(&world->events, &world->second, world->events.now_ms + SECOND_MS);
    look(world);
}

static void run_until(struct world *world, uint64_t until_ms)
{
    while (events_run_one(&world->events, until_ms)) {
        if (world->knobs.check_all) {
            oracle_check_all(world);
        }
    }
}

static void heal(struct world *world)
{
    world->phase = PHASE_CONVERGENCE;
    world->heal_ms = world->events.now_ms;
    trace("healing");
    faults_heal(world);
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        for (uint32_t j = 0; j < RELAYS_MAX; j++) {
            world->idle_since_ms[i][j] = world->heal_ms + RELAYS_LOOK_MS;
        }
    }
    oracle_online_begin(world);
}

/* --- From beginning to end --- */

static void open_flows(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = 0; j < world->peer_count; j++) {
            if (world->peers[i].contacts[j].paired) {
                talk_open(&world->flows[i][j], world, &world->peers[i], &world->peers[j]);
                talk_start(&world->flows[i][j]);
            }
        }
    }
}

static void close_flows(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = 0; j < world->peer_count; j++) {
            if (world->flows[i][j].world) {
                talk_close(&world->flows[i][j]);
            }
        }
    }
}

static void open_hosts(struct world *world)
{
    struct dice dice = dice_of(world->seed, PURPOSE_TOPOLOGY);

    world->network = network_new(&world->events, dice_of(world->seed, PURPOSE_NETWORK), &world->knobs.manners);
    world->peer_count = world->knobs.peers;
    world->relay_count = world->knobs.relays;
    oracle_busy_watch(world);
    for (uint32_t i = 0; i < world->peer_count; i++) {
        sim_peer_open(&world->peers[i], world, i);
    }
    for (uint32_t i = 0; i < world->relay_count; i++) {
        sim_relay_open(&world->relays[i], world, i);
    }
    draw_pairs(world, &dice);
    draw_own_relays(world, &dice);
    draw_paths(world, &dice);
}

static void start(struct world *world)
{
    open_flows(world);
    for (uint32_t i = 0; i < world->peer_count; i++) {
        sim_peer_reconcile(&world->peers[i]);
        sim_peer_start_deeds(&world->peers[i]);
    }
    faults_open(world);
    faults_start(world);
    event_join(&world->events, &world->second, EVENT_WORLD, on_second, world);
    event_set(&world->events, &world->second, world->events.now_ms + SECOND_MS);
}

static struct world *world_new(uint64_t seed, const struct knobs *knobs, struct results *results)
{
    struct world *world = net_must(calloc(1, sizeof *world));

    world->seed = seed;
    world->knobs = *knobs;
    world->results = results;
    world->start_ms = START_MS;
    net_require(toxtcp_env_new(NULL, &world->env) == TOXTCP_OK, "no env");
    events_open(&world->events, world->env, START_MS);
    watch_begin(world);
    return world;
}

static void add_up(struct world *world)
{
    struct results *results = world->results;

    watch_end(world);
    results->runs++;
    results->virtual_ms += world->events.now_ms - world->start_ms;
    results->events += world->events.run_count;
    results->bytes += network_bytes(world->network);
}

/* Whether everything is given back shows here: each env asserts it. */
static void world_free(struct world *world)
{
    close_flows(world);
    faults_close(world);
    event_leave(&world->events, &world->second);
    for (uint32_t i = 0; i < world->peer_count; i++) {
        sim_peer_close(&world->peers[i]);
    }
    for (uint32_t i = 0; i < world->relay_count; i++) {
        sim_relay_close(&world->relays[i]);
    }
    network_free(world->network);
    events_close(&world->events);
    toxtcp_env_free(world->env);
    free(world);
}

void world_run(uint64_t seed, const struct knobs *knobs, struct results *results, const char *replay, bool loud)
{
    struct world *world = world_new(seed, knobs, results);

    trace_begin(&world->events.now_ms, START_MS, replay, loud);
    open_hosts(world);
    start(world);
    run_until(world, world->start_ms + knobs->fault_ms);
    heal(world);
    run_until(world, world->heal_ms + knobs->convergence_ms);
    look(world);
    oracle_check_all(world);
    world->phase = PHASE_OVER;
    add_up(world);
    world_free(world);
}
