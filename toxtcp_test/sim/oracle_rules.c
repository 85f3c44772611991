/* Rules that hold at any time: invariants, no busy loops, packets once and unchanged. SPDX-License-Identifier: ISC */
#include "world.h"

/* What a process may do in a second of virtual time, whatever moves. */
enum { EXPIRES_MAX = 200, EXPIRES_PER_MOVE = 4, DIALS_MAX = 60 };

void oracle_check_all(const struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        host_check(world->peers[i].host);
    }
    for (uint32_t i = 0; i < world->relay_count; i++) {
        host_check(world->relays[i].host);
    }
}

void oracle_check_touched(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        host_check_touched(world->peers[i].host);
    }
    for (uint32_t i = 0; i < world->relay_count; i++) {
        host_check_touched(world->relays[i].host);
    }
}

static bool is_trusted(const struct world *world, uint32_t relay)
{
    return relay < world->relay_count && !world->relays[relay].lies;
}

/* A liar may be as busy with its mischief as it likes. */
static bool is_liar(const struct world *world, const struct host *host)
{
    for (uint32_t i = 0; i < world->relay_count; i++) {
        if (world->relays[i].host == host) {
            return world->relays[i].lies;
        }
    }
    return false;
}

static void on_busy(void *user, const struct host *host)
{
    const struct host_pace *pace = host_pace(host);

    if (is_liar(user, host)) {
        return;
    }
    if (pace->expires > EXPIRES_MAX + EXPIRES_PER_MOVE * pace->moves) {
        trace_fail("busy", "%s: %u expires with %u reads and writes in a second", host_name(host), pace->expires,
                   pace->moves);
    }
    if (pace->dials > DIALS_MAX) {
        trace_fail("busy", "%s: %u dials in a second", host_name(host), pace->dials);
    }
}

void oracle_busy_watch(struct world *world)
{
    network_on_busy(world->network, on_busy, world);
}

void oracle_delivery_arrived(struct flow *flow, struct message *message, uint32_t number, uint32_t relay)
{
    struct copy *copy = &message->copies[number % COPIES];
    const uint32_t bit = (uint32_t)1 << relay;

    if (!is_trusted(flow->world, relay) || copy->number != number) {
        return;
    }
    if (copy->relay != NO_RELAY && copy->relay != relay && is_trusted(flow->world, copy->relay)) {
        trace_fail("delivery", "peer%u: message %u copy %u of peer%u came through relay%u, was sent through relay%u",
                   flow->to->index, message->seq, number, flow->from->index, relay, copy->relay);
    }
    if (copy->arrived & bit) {
        trace_fail("delivery", "peer%u: message %u copy %u of peer%u came twice through relay%u", flow->to->index,
                   message->seq, number, flow->from->index, relay);
    }
    copy->arrived |= bit;
}

void oracle_delivery_of_nothing(const struct sim_peer *to, uint32_t from, uint32_t relay, const char *why)
{
    if (is_trusted(to->world, relay)) {
        trace_fail("delivery", "peer%u: %s came through relay%u, said to be of peer%u", to->index, why, relay, from);
    }
    to->world->results->from_liars++;
}
