/* No more relays are open than the rules of connections.h say. SPDX-License-Identifier: ISC */
#include "world.h"

/* So long after healing, and so long may it take until a relay is closed of which nobody has a use. */
enum { GRACE_MS = 30000 };

/* What a relay is to a peer's contacts. */
struct use {
    bool named;
    bool awake; /* named by one that is awake */
    bool serves;
};

static bool is_good(const struct sim_peer *peer, const struct toxtcp_slot_info *slot)
{
    struct toxtcp_relay_info info;

    if (slot->status != TOXTCP_SLOT_ONLINE || slot->doubted) {
        return false;
    }
    /* One that was demoted and is not any more since time has passed is not looked at just then. */
    return toxtcp_relay_get_info(peer->connections, slot->relay, &info) == TOXTCP_OK && !info.silent &&
           info.score == TOXTCP_SCORE_MAX;
}

static void look_at_contact(const struct contact *contact, struct use uses[RELAYS_MAX])
{
    const struct sim_peer *peer = contact->owner;
    struct toxtcp_peer_info info;
    uint32_t wanted = peer->world->knobs.config.relays_wanted;
    uint32_t good = 0;

    wanted = wanted ? wanted : TOXTCP_PEER_RELAYS_WANTED;
    net_require(toxtcp_peer_get_info(peer->connections, contact->handle, &info) == TOXTCP_OK, "a contact is gone");
    if (info.slot_count > TOXTCP_PEER_RELAYS_MAX) {
        trace_fail("relays", "peer%u: peer%u has %u relays", peer->index, contact->other, info.slot_count);
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        good += is_good(peer, &info.slots[i]);
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        struct use *use = &uses[sim_peer_relay(peer, info.slots[i].relay)];
        use->named = true;
        use->awake |= !info.asleep;
        use->serves |= !info.asleep && (info.slots[i].status == TOXTCP_SLOT_ONLINE || good < wanted);
    }
}

/* Whether one of the rules keeps it open. */
static bool is_needed(const struct sim_peer *peer, const struct toxtcp_relay_info *relay, const struct use *use)
{
    struct toxtcp_connections_info info;
    const bool may_be_kept = relay->owned || use->awake || !use->named;

    if (relay->state != TOXTCP_RELAY_CONNECTED || use->serves || relay->onion) {
        return true;
    }
    toxtcp_connections_get_info(peer->connections, &info);
    return may_be_kept && info.connected_count <= peer->world->knobs.config.keep_connected;
}

static void look_at_relay(struct sim_peer *peer, uint32_t index, const struct toxtcp_relay_info *relay,
                          const struct use *use)
{
    struct world *world = peer->world;
    uint64_t *since_ms = &world->idle_since_ms[peer->index][index];
    const uint64_t now_ms = world->events.now_ms;
    const struct toxtcp_connections_config *config = &world->knobs.config;
    /* What ends with time alone is noticed at the next pong. */
    const uint64_t patience_ms = GRACE_MS + config->useless_after_ms + config->client.ping_interval_ms;

    if (is_needed(peer, relay, use)) {
        *since_ms = now_ms;
    } else if (now_ms > *since_ms + patience_ms) {
        trace_fail("relays",
                   "peer%u: relay%u is open for nothing (named %d, awake %d, owned %d, demoted %d, silent %d)",
                   peer->index, index, use->named, use->awake, relay->owned, relay->demoted, relay->silent);
    }
}

static void look_at_peer(struct sim_peer *peer)
{
    struct use uses[RELAYS_MAX + 1] = {{0}};
    struct toxtcp_relay handle = {0};
    struct toxtcp_relay_info info;

    for (uint32_t i = 0; i < peer->world->peer_count; i++) {
        if (peer->contacts[i].known) {
            look_at_contact(&peer->contacts[i], uses);
        }
    }
    while ((handle = toxtcp_relay_next(peer->connections, handle)).generation != 0) {
        net_require(toxtcp_relay_get_info(peer->connections, handle, &info) == TOXTCP_OK, "a listed relay is gone");
        look_at_relay(peer, info.address.ip[3], &info, &uses[info.address.ip[3]]);
    }
}

void oracle_relays_look(struct world *world)
{
    for (uint32_t i = 0; i < world->peer_count; i++) {
        look_at_peer(&world->peers[i]);
    }
}
