/* After healing pairs come online and stay so, and what they had to say arrives. SPDX-License-Identifier: ISC */
#include <inttypes.h>

#include "world.h"

/* Time to come online after healing: until the next dial, and some round trips. What nobody was told of shows by pings.
 */
enum { ONLINE_MS = 5000, ROUND_TRIPS = 6, ARRIVED_MS = 30000, SILENCE_EXTRA_MS = 5000 };
/* Being told of a new network: at most so long before healing, or so long after it. */
enum { TOLD_LATELY_MS = 3000, TOLD_EXTRA_MS = 5000 };
/* A relay of ours finds a dead stream out by its ping, every 30 s, and 10 s without an answer. */
enum { RELAY_SILENCE_MS = 45000 };
/* On slower lines than that, what the layer above sends can hold up a pong for so long that an honest relay gives the
 * peer up. */
enum { DROWNING_B_PER_MS = 60 };

static uint32_t honest_relays(const struct world *world)
{
    uint32_t set = 0;

    for (uint32_t i = 0; i < world->relay_count; i++) {
        set |= world->relays[i].lies ? 0 : (uint32_t)1 << i;
    }
    return set;
}

static bool is_ready(const struct contact *contact)
{
    return contact->known && !contact->sleeps;
}

/* The relays by which the two can meet. */
static uint32_t common_relays(const struct world *world, uint32_t i, uint32_t j)
{
    const struct contact *a = &world->peers[i].contacts[j];
    const struct contact *b = &world->peers[j].contacts[i];

    return is_ready(a) && is_ready(b) ? a->ties & b->ties & honest_relays(world) : 0;
}

static uint32_t slowest_ms(const struct world *world, uint32_t i, uint32_t relays)
{
    uint32_t slowest = 0;

    for (uint32_t r = 0; r < world->relay_count; r++) {
        const struct path *path = network_path(world->network, world->peers[i].host, world->relays[r].host);
        const uint32_t ms = path->latency_ms + path->jitter_ms;
        slowest = relays >> r & 1 && ms > slowest ? ms : slowest;
    }
    return slowest;
}

/* When a relay that says nothing is found to be gone. */
static uint32_t silence_ms(const struct knobs *knobs)
{
    const struct toxtcp_client_config *config = &knobs->config.client;

    return config->ping_interval_ms + config->ping_interval_ms / 10 + config->pong_timeout_ms + SILENCE_EXTRA_MS;
}

/* Between two dials for a peer that is online nowhere. */
static uint32_t longest_wait_ms(const struct knobs *knobs)
{
    return knobs->config.reconnect_hard_max_ms + knobs->config.reconnect_hard_max_ms / 4;
}

/* The same for a peer that is online somewhere. */
static uint32_t leisurely_wait_ms(const struct knobs *knobs)
{
    return knobs->config.reconnect_max_ms + knobs->config.reconnect_max_ms / 4;
}

/* How much longer it takes for a peer that holds dead streams for good. One that is told of a new network finds out at
 * once. */
static uint32_t deceit_ms(const struct world *world, const struct sim_peer *peer)
{
    const bool told = peer->told_ms + TOLD_LATELY_MS >= world->heal_ms || peer->telling.item.key != TOXTCP_NEVER;

    if (!host_is_deceived(peer->host)) {
        return 0;
    }
    return told ? TOLD_EXTRA_MS : silence_ms(&world->knobs);
}

static uint32_t count_liars(const struct world *world, const struct contact *contact)
{
    uint32_t count = 0;

    for (uint32_t set = contact->ties & ~honest_relays(world); set; set &= set - 1) {
        count++;
    }
    return count;
}

/* Honest relays that hold dead streams: to them somebody is online who has gone. */
static uint32_t count_stale(const struct world *world, const struct contact *contact)
{
    uint32_t count = 0;

    for (uint32_t r = 0; r < world->relay_count; r++) {
        count += (contact->ties & honest_relays(world)) >> r & 1 && host_is_deceived(world->relays[r].host);
    }
    return count;
}

/* As many relays as one wants may say that the other is there, until their own pings show that it is not. */
static uint32_t staleness_ms(const struct world *world, const struct contact *contact)
{
    return count_liars(world, contact) + count_stale(world, contact) >= world->knobs.config.relays_wanted
               ? RELAY_SILENCE_MS
               : 0;
}

static uint64_t due_at(const struct world *world, uint32_t i, uint32_t j, uint32_t relays)
{
    const uint64_t ways = (uint64_t)slowest_ms(world, i, relays) + slowest_ms(world, j, relays);
    const uint32_t deceit_i_ms = deceit_ms(world, &world->peers[i]) + staleness_ms(world, &world->peers[i].contacts[j]);
    const uint32_t deceit_j_ms = deceit_ms(world, &world->peers[j]) + staleness_ms(world, &world->peers[j].contacts[i]);

    return world->heal_ms + ONLINE_MS + longest_wait_ms(&world->knobs) + 2 * ROUND_TRIPS * ways +
           (deceit_i_ms > deceit_j_ms ? deceit_i_ms : deceit_j_ms);
}

static bool are_online(const struct world *world, uint32_t i, uint32_t j)
{
    return world->peers[i].contacts[j].state == TOXTCP_PEER_ONLINE &&
           world->peers[j].contacts[i].state == TOXTCP_PEER_ONLINE;
}

/* The relays on which one takes the other for online. */
static uint32_t online_relays(const struct contact *contact)
{
    const struct toxtcp_connections *connections = contact->owner->connections;
    struct toxtcp_relay_info relay;
    struct toxtcp_peer_info info;
    uint32_t set = 0;

    if (toxtcp_peer_get_info(connections, contact->handle, &info) != TOXTCP_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        const struct toxtcp_slot_info *slot = &info.slots[i];
        if (slot->status == TOXTCP_SLOT_ONLINE &&
            toxtcp_relay_get_info(connections, slot->relay, &relay) == TOXTCP_OK) {
            set |= (uint32_t)1 << relay.address.ip[3];
        }
    }
    return set;
}

/* Whether one is online for the other by the grace of a liar, while no honest relay serves both. */
static bool are_deceived(const struct world *world, uint32_t i, uint32_t j)
{
    const uint32_t a = online_relays(&world->peers[i].contacts[j]);
    const uint32_t b = online_relays(&world->peers[j].contacts[i]);
    const uint32_t honest = honest_relays(world);

    return (a & b & honest) == 0 && ((a | b) & ~honest) != 0;
}

/* Liars that say that the other is there are as many as one wants, so the others are closed: that is found out by those
 * who talk, not by all. */
static bool may_be_content(const struct world *world, const struct contact *contact)
{
    return count_liars(world, contact) >= world->knobs.config.relays_wanted;
}

static void begin_pair(struct world *world, uint32_t i, uint32_t j)
{
    const uint32_t relays = common_relays(world, i, j);
    struct pair_watch *pair = &world->pair_watches[i][j];

    if (!world->peers[i].contacts[j].paired || relays == 0 || may_be_content(world, &world->peers[i].contacts[j]) ||
        may_be_content(world, &world->peers[j].contacts[i])) {
        return;
    }
    pair->judged = true;
    pair->online = are_online(world, i, j);
    pair->offline_ms = TOXTCP_NEVER;
    pair->let_down_ms = TOXTCP_NEVER;
    pair->due_ms = due_at(world, i, j, relays);
    pair->queued[0] = world->flows[i][j].next;
    pair->queued[1] = world->flows[j][i].next;
}

void oracle_online_begin(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = i + 1; j < world->peer_count; j++) {
            begin_pair(world, i, j);
        }
    }
    oracle_online_look(world);
}

static const char *const slot_states[] = {"none", "registered", "online"};

/* What one thinks of the ways to the other, for whoever reads the trace of a failure. */
static void trace_ways(const struct contact *contact)
{
    const struct sim_peer *peer = contact->owner;
    struct toxtcp_relay_info relay;
    struct toxtcp_peer_info info;

    if (toxtcp_peer_get_info(peer->connections, contact->handle, &info) != TOXTCP_OK) {
        return;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        const struct toxtcp_slot_info *slot = &info.slots[i];
        if (toxtcp_relay_get_info(peer->connections, slot->relay, &relay) == TOXTCP_OK) {
            trace("peer%u: peer%u on relay%u is %s%s%s; the relay: state %d score %u%s%s", peer->index, contact->other,
                  relay.address.ip[3], slot_states[slot->status], slot->primary ? " primary" : "",
                  slot->doubted ? " doubted" : "", (int)relay.state, relay.score, relay.demoted ? " demoted" : "",
                  relay.silent ? " silent" : "");
        }
    }
}

static void trace_pair(const struct world *world, uint32_t i, uint32_t j)
{
    trace_ways(&world->peers[i].contacts[j]);
    trace_ways(&world->peers[j].contacts[i]);
}

static void judge_arrivals(const struct world *world, const struct flow *flow, uint32_t queued)
{
    for (uint32_t seq = flow->oldest; seq < queued; seq++) {
        const struct message *message = &flow->messages[seq % MESSAGES];
        if (message->open && !message->arrived) {
            trace_pair(world, flow->from->index, flow->to->index);
            trace_fail("arrival", "message %u of peer%u to peer%u has not arrived %" PRIu64 " ms after healing", seq,
                       flow->from->index, flow->to->index, world->events.now_ms - world->heal_ms);
        }
    }
}

/* Whether the layer above can do something about a relay that drops what it took. */
static bool must_arrive(const struct world *world, uint32_t i, uint32_t j)
{
    const uint32_t either = world->peers[i].contacts[j].ties | world->peers[j].contacts[i].ties;

    return world->knobs.reports || (either & ~honest_relays(world)) == 0;
}

/* By their rate, or by a buffer that is small for the round trip. */
static bool lines_are_slow(const struct knobs *knobs)
{
    return knobs->bytes_per_ms_min < DROWNING_B_PER_MS ||
           knobs->buffer_min < DROWNING_B_PER_MS * 2 * knobs->latency_max_ms;
}

/* Until when a pair may be offline although it is due. One that a liar deceives dials the other relays at leisure; when
 * that ends it dials them hard, and gets the time for that, once. */
static uint64_t excused_until(const struct world *world, const struct pair_watch *pair)
{
    const uint64_t term_ms = pair->due_ms - world->heal_ms;

    if (pair->online && lines_are_slow(&world->knobs)) {
        return pair->offline_ms + term_ms;
    }
    if (pair->deceived) {
        return pair->due_ms + leisurely_wait_ms(&world->knobs);
    }
    return pair->let_down_ms != TOXTCP_NEVER ? pair->let_down_ms + term_ms : 0;
}

static void note_pair(struct world *world, uint32_t i, uint32_t j)
{
    struct pair_watch *pair = &world->pair_watches[i][j];
    const uint64_t now_ms = world->events.now_ms;
    const bool online = are_online(world, i, j);
    const bool was_deceived = pair->deceived;

    pair->deceived = are_deceived(world, i, j);
    if (was_deceived && !pair->deceived && !online && pair->let_down_ms == TOXTCP_NEVER) {
        pair->let_down_ms = now_ms;
    }
    if (online) {
        pair->offline_ms = TOXTCP_NEVER;
    } else if (pair->offline_ms == TOXTCP_NEVER) {
        pair->offline_ms = now_ms;
    }
    if (!pair->online && online) {
        pair->online = true;
        histogram_add(&world->results->recovery, now_ms - world->heal_ms);
    }
}

static void look_at_pair(struct world *world, uint32_t i, uint32_t j)
{
    const struct pair_watch *pair = &world->pair_watches[i][j];
    const uint64_t now_ms = world->events.now_ms;

    note_pair(world, i, j);
    if (now_ms >= pair->due_ms && !are_online(world, i, j) && now_ms >= excused_until(world, pair)) {
        trace_pair(world, i, j);
        trace_fail("online", "peer%u and peer%u are not online %" PRIu64 " ms after healing", i, j,
                   now_ms - world->heal_ms);
    }
    if (now_ms >= pair->due_ms + ARRIVED_MS && must_arrive(world, i, j)) {
        judge_arrivals(world, &world->flows[i][j], pair->queued[0]);
        judge_arrivals(world, &world->flows[j][i], pair->queued[1]);
    }
}

void oracle_online_look(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        for (uint32_t j = i + 1; j < world->peer_count; j++) {
            if (world->pair_watches[i][j].judged) {
                look_at_pair(world, i, j);
            }
        }
    }
}

void oracle_online_state(struct world *world, const struct contact *contact)
{
    const uint32_t me = contact->owner->index;
    const uint32_t i = me < contact->other ? me : contact->other;
    const uint32_t j = me < contact->other ? contact->other : me;

    if (world->phase == PHASE_CONVERGENCE && world->pair_watches[i][j].judged) {
        look_at_pair(world, i, j);
    }
}
