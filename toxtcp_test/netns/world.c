/* A star with relays and peers in it, in which the primary relay dies again and again. SPDX-License-Identifier: ISC */
#include "netns/world.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

#include "interop/bootstrapd.h"
#include "netns/process.h"
#include "netns/relay.h"

/* In namespaces of their own ports meet nobody. */
enum { RELAY_PORT = 33445, DELAY_PORT = 33446 };
/* The relays' masks when all is well. */
enum { ALL_RELAYS = (1 << STAR_RELAYS) - 1 };
/* How long all must be well before a fault, in part at random, so that faults fall anywhere between two pings. */
enum { WELL_MS = 1000, WELL_JITTER_MS = 1000 };
/* A conversation that has stood still for so long is not one. */
enum { FLOW_MS = 500 };
enum { PATIENCE_MS = 70000 };

struct relay {
    struct toxtcp_node node;
    struct toxtcp_key_pair keys;
    pid_t pid;                    /* of ours */
    pid_t delay_pid;              /* of the forwarder before it */
    struct bootstrapd bootstrapd; /* or of that one; directory[0] is 0 when there is none */
};

/* A peer's process, seen from here. */
struct side {
    pid_t pid;
    int reports;
    struct peer_setup setup;
    struct peer_report now; /* how things stood last */
};

static struct {
    pid_t owner;
    const struct world_plan *plan;
    struct world_outcome *outcome;
    struct star star;
    struct relay relays[STAR_RELAYS];
    struct side sides[2]; /* the sender and the receiver */
    uint64_t started_us;
    uint64_t well_since_us;
    uint64_t arrived_us[STAR_RELAYS]; /* the last packet through each relay */
    /* The fault that we are in. */
    uint8_t victim; /* PEER_NO_RELAY: in none */
    uint64_t broken_us;
    uint64_t gap_us; /* 0 until it is known */
    /* While a slow way is watched. */
    bool watching;
    uint8_t watched_primary;
    uint32_t next_number;
} world;

/* --- What ends it --- */

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

/* Children have inherited it, and must leave everything alone. */
static void clean_up(void)
{
    if (getpid() != world.owner) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        process_end(&world.sides[i].pid);
    }
    for (size_t i = 0; i < STAR_RELAYS; i++) {
        process_end(&world.relays[i].delay_pid);
        process_end(&world.relays[i].pid);
        if (world.relays[i].bootstrapd.directory[0] != 0) {
            bootstrapd_cleanup(&world.relays[i].bootstrapd);
        }
    }
}

/* If the parent ends, so does this, but not without cleaning up. */
static void prepare_end(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    world.owner = getpid();
    space_need(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0, "prctl");
    space_need(sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0, "sigaction");
    space_need(atexit(clean_up) == 0, "atexit");
}

/* --- Relays --- */

static void start_relay(size_t i)
{
    struct relay *relay = &world.relays[i];

    if (world.plan->bootstrapd) {
        space_enter(world.star.nodes[i]);
        bootstrapd_prepare(&relay->bootstrapd);
        bootstrapd_start(&relay->bootstrapd);
        space_enter(world.star.router);
        relay->node.address.port = relay->bootstrapd.tcp_port;
        relay->node.public_key = relay->bootstrapd.keys.public_key;
        return;
    }
    relay->pid = relay_start(world.star.nodes[i], &relay->keys, RELAY_PORT);
    if (world.plan->delay_ms > 0) {
        relay->delay_pid = delay_start(world.star.nodes[i], DELAY_PORT, RELAY_PORT, world.plan->delay_ms);
        relay->node.address.port = DELAY_PORT;
    }
}

static void start_relays(struct toxtcp_env *env)
{
    for (size_t i = 0; i < STAR_RELAYS; i++) {
        struct relay *relay = &world.relays[i];
        toxtcp_key_pair_generate(env, &relay->keys);
        relay->node.public_key = relay->keys.public_key;
        relay->node.address = star_address(i, RELAY_PORT);
        start_relay(i);
    }
}

static void start_peers(struct toxtcp_env *env)
{
    for (size_t i = 0; i < 2; i++) {
        toxtcp_key_pair_generate(env, &world.sides[i].setup.keys);
    }
    for (size_t i = 0; i < 2; i++) {
        struct side *side = &world.sides[i];
        side->setup.other = world.sides[1 - i].setup.keys.public_key;
        side->setup.sends = i == 0;
        side->setup.by_the_book = world.plan->by_the_book;
        side->setup.acknowledged = world.plan->acknowledged;
        for (size_t r = 0; r < STAR_RELAYS; r++) {
            side->setup.relays[r] = world.relays[r].node;
        }
        side->pid = peer_start(world.star.nodes[STAR_SENDER + i], &side->setup, &side->reports);
    }
}

static void open_world(const struct world_plan *plan, struct world_outcome *outcome)
{
    struct toxtcp_env *env;

    memset(&world, 0, sizeof world);
    world.plan = plan;
    world.outcome = outcome;
    world.victim = PEER_NO_RELAY;
    world.started_us = process_now_us();
    prepare_end();
    space_need(toxtcp_env_new(NULL, &env) == TOXTCP_OK, "env");
    star_open(&world.star);
    start_relays(env);
    start_peers(env);
    toxtcp_env_free(env);
}

/* --- What the peers report --- */

static bool is_well(void)
{
    const struct peer_report *sender = &world.sides[0].now;
    const struct peer_report *receiver = &world.sides[1].now;

    return sender->connected == ALL_RELAYS && sender->online == ALL_RELAYS && sender->silent == 0 &&
           sender->primary != PEER_NO_RELAY && receiver->connected == ALL_RELAYS && receiver->online == ALL_RELAYS &&
           receiver->silent == 0;
}

/* The packets come through the primary relay, and the last one a moment ago. */
static bool flows(void)
{
    const uint8_t primary = world.sides[0].now.primary;

    return primary != PEER_NO_RELAY && process_now_us() - world.arrived_us[primary] < (uint64_t)FLOW_MS * 1000;
}

static void watch_packet(const struct peer_report *report)
{
    struct world_outcome *outcome = world.outcome;

    if (outcome->packets > 0 && report->number > world.next_number) {
        outcome->lost += report->number - world.next_number;
    }
    outcome->packets++;
    world.next_number = report->number + 1;
}

static void hear_packet(const struct peer_report *report)
{
    if (world.victim != PEER_NO_RELAY && world.gap_us == 0 && report->relay != world.victim &&
        report->at_us > world.broken_us) {
        world.gap_us = report->at_us - world.arrived_us[world.victim];
    }
    if (world.watching) {
        watch_packet(report);
    }
    world.arrived_us[report->relay] = report->at_us;
    if (report->relay != world.sides[0].now.primary) {
        world.well_since_us = report->at_us;
    }
}

static void hear_state(struct side *side, const struct peer_report *report)
{
    const bool is_sender = side == &world.sides[0];

    if (!is_well() || (is_sender && report->primary != side->now.primary)) {
        world.well_since_us = report->at_us;
    }
    side->now = *report;
    if (world.watching && (!is_well() || world.sides[0].now.primary != world.watched_primary)) {
        world.outcome->alarms++;
    }
    if (world.watching && is_sender && report->rtt_ms < world.outcome->rtt_ms) {
        world.outcome->rtt_ms = report->rtt_ms;
    }
}

static void read_reports(struct side *side)
{
    struct peer_report report;
    ssize_t len;

    while ((len = read(side->reports, &report, sizeof report)) == (ssize_t)sizeof report) {
        if (report.arrived) {
            hear_packet(&report);
        } else {
            hear_state(side, &report);
        }
    }
    space_need(len < 0 && (errno == EAGAIN || errno == EINTR), "a peer has ended");
}

/* Both peers report every PEER_PACE_MS, so this returns soon. */
static void turn(void)
{
    struct pollfd entries[2];

    for (size_t i = 0; i < 2; i++) {
        entries[i] = (struct pollfd){.fd = world.sides[i].reports, .events = POLLIN};
    }
    (void)poll(entries, 2, -1);
    if (stopped != 0) {
        space_fail("stopped by a signal");
    }
    for (size_t i = 0; i < 2; i++) {
        read_reports(&world.sides[i]);
    }
}

static void wait_until_well(uint32_t ms)
{
    const uint64_t begin_us = process_now_us();

    while (!is_well() || !flows() || process_now_us() - world.well_since_us < (uint64_t)ms * 1000) {
        turn();
        if (process_now_us() - begin_us > (uint64_t)PATIENCE_MS * 1000) {
            space_fail("not well within %d ms: of relays 7 the sender has %d connected, %d online, %d silent; the "
                       "receiver %d, %d, %d",
                       PATIENCE_MS, world.sides[0].now.connected, world.sides[0].now.online, world.sides[0].now.silent,
                       world.sides[1].now.connected, world.sides[1].now.online, world.sides[1].now.silent);
        }
    }
}

/* --- Faults --- */

static void cut(struct star_cuts *cuts, size_t from, size_t to)
{
    cuts->ways[from][to] = true;
}

/* The router's part in a fault. */
static struct star_cuts cuts_of(enum world_fault fault, size_t victim)
{
    struct star_cuts cuts = {0};

    for (size_t peer = STAR_SENDER; peer <= STAR_RECEIVER; peer++) {
        const bool this_one = fault == FAULT_CUT || (fault == FAULT_CUT_SENDER && peer == STAR_SENDER) ||
                              (fault == FAULT_CUT_RECEIVER && peer == STAR_RECEIVER);
        if (this_one || fault == FAULT_CUT_TO_RELAY) {
            cut(&cuts, peer, victim);
        }
        if (this_one || fault == FAULT_CUT_TO_PEERS) {
            cut(&cuts, victim, peer);
        }
    }
    return cuts;
}

static void break_relay(size_t victim)
{
    const struct star_cuts cuts = cuts_of(world.plan->fault, victim);

    star_set_cuts(&world.star, &cuts);
    if (world.plan->fault == FAULT_STOP) {
        space_need(kill(world.relays[victim].pid, SIGSTOP) == 0, "SIGSTOP");
    } else if (world.plan->fault == FAULT_KILL) {
        process_end(&world.relays[victim].pid);
    }
}

static void heal_relay(size_t victim)
{
    const struct star_cuts none = {0};

    star_set_cuts(&world.star, &none);
    if (world.plan->fault == FAULT_STOP) {
        space_need(kill(world.relays[victim].pid, SIGCONT) == 0, "SIGCONT");
    } else if (world.plan->fault == FAULT_KILL) {
        start_relay(victim);
    }
}

static void play_round(void)
{
    wait_until_well(WELL_MS + (uint32_t)(process_now_us() % WELL_JITTER_MS));
    const uint8_t victim = world.sides[0].now.primary;
    const uint64_t noise = star_noise(&world.star, victim);
    world.gap_us = 0;
    world.victim = victim;
    world.broken_us = process_now_us();
    break_relay(victim);
    while (world.gap_us == 0) {
        turn();
        if (process_now_us() - world.broken_us > (uint64_t)PATIENCE_MS * 1000) {
            space_fail("no packet came through another relay within %d ms", PATIENCE_MS);
        }
    }
    world.outcome->noise += star_noise(&world.star, victim) - noise;
    world.outcome->gaps_ms[world.outcome->rounds++] = (double)world.gap_us / 1000.0;
    world.victim = PEER_NO_RELAY;
    heal_relay(victim);
}

static void watch(void)
{
    wait_until_well(WELL_MS);
    world.watched_primary = world.sides[0].now.primary;
    world.outcome->rtt_ms = UINT32_MAX;
    world.watching = true;
    const uint64_t begin_us = process_now_us();
    while (process_now_us() - begin_us < (uint64_t)world.plan->watch_ms * 1000) {
        turn();
    }
}

static bool may_begin(void)
{
    return world.outcome->rounds < world.plan->rounds && world.outcome->rounds < WORLD_ROUNDS_MAX &&
           process_now_us() - world.started_us < (uint64_t)world.plan->budget_ms * 1000;
}

void world_play(const struct world_plan *plan, struct world_outcome *outcome)
{
    open_world(plan, outcome);
    if (plan->fault == FAULT_NONE) {
        watch();
    }
    while (plan->fault != FAULT_NONE && may_begin()) {
        play_round();
    }
}
