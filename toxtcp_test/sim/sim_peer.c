/* Peers of a run: what their embedder wants, and what they are told. SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "world.h"

enum { RETRY_MS = 2000 };

/* --- What they are told --- */

uint32_t sim_peer_relay(const struct sim_peer *peer, struct toxtcp_relay handle)
{
    struct toxtcp_relay_info info;

    if (handle.generation == 0 || toxtcp_relay_get_info(peer->connections, handle, &info) != TOXTCP_OK) {
        return NO_RELAY;
    }
    return info.address.ip[3];
}

static void on_peer_data(void *user, struct toxtcp_peer handle, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    struct sim_peer *peer = user;
    const struct contact *contact = peer_user;

    (void)handle;
    talk_receive(peer, contact->other, sim_peer_relay(peer, relay), data, len);
}

static const char *const peer_states[] = {"offline", "registered", "online"};

static void on_peer_state(void *user, struct toxtcp_peer handle, void *peer_user, enum toxtcp_peer_state state)
{
    struct sim_peer *peer = user;
    struct contact *contact = peer_user;

    (void)handle;
    contact->state = state;
    trace("peer%u: peer%u is %s", peer->index, contact->other, peer_states[state]);
    oracle_online_state(peer->world, contact);
    talk_hurry(&peer->world->flows[peer->index][contact->other]);
}

static void on_peer_can_send(void *user, struct toxtcp_peer handle, void *peer_user)
{
    struct sim_peer *peer = user;
    const struct contact *contact = peer_user;

    (void)handle;
    talk_can_send(&peer->world->flows[peer->index][contact->other]);
}

static const char *const relay_states[] = {"connecting", "connected", "waiting", "sleeping"};

static void on_relay_state(void *user, struct toxtcp_relay handle, enum toxtcp_relay_state state, int error)
{
    const struct sim_peer *peer = user;
    const uint32_t relay = sim_peer_relay(peer, handle);

    trace("peer%u relay%u: %s%s%s", peer->index, relay, relay_states[state], error ? ": " : "",
          error ? toxtcp_strerror(error) : "");
}

/* Of a peer that was removed, or through a relay that was untied. */
static void on_stranger_oob(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                            const uint8_t *data, size_t len)
{
    (void)user;
    (void)relay;
    (void)sender;
    (void)data;
    (void)len;
}

static const struct toxtcp_connections_callbacks callbacks = {
    .peer_data = on_peer_data,
    .peer_state = on_peer_state,
    .peer_can_send = on_peer_can_send,
    .stranger_oob = on_stranger_oob,
    .relay_state = on_relay_state,
};

/* --- What is wanted, brought about; each returns whether it is so --- */

static bool add_contact(struct contact *contact)
{
    struct sim_peer *peer = contact->owner;
    const struct sim_peer *other = &peer->world->peers[contact->other];

    if (contact->known) {
        return true;
    }
    if (toxtcp_peer_add(peer->connections, &other->keys.public_key, contact, &contact->handle) != TOXTCP_OK) {
        return false;
    }
    contact->known = true;
    contact->sleeps = false;
    contact->ties = 0;
    contact->state = TOXTCP_PEER_OFFLINE;
    return true;
}

static bool remove_contact(struct contact *contact)
{
    struct sim_peer *peer = contact->owner;

    if (contact->known) {
        net_require(toxtcp_peer_remove(peer->connections, contact->handle) == TOXTCP_OK, "a peer was not there");
        contact->known = false;
        contact->state = TOXTCP_PEER_OFFLINE;
        talk_forget(&peer->world->flows[peer->index][contact->other]);
    }
    return true;
}

static bool tie(struct contact *contact, uint32_t relay)
{
    struct sim_peer *peer = contact->owner;
    const struct sim_relay *to = &peer->world->relays[relay];
    const struct toxtcp_endpoint endpoint = sim_relay_endpoint(to);
    const int error = toxtcp_peer_add_relay(peer->connections, contact->handle, &endpoint, &to->keys.public_key, NULL);

    net_require(!error || error == TOXTCP_ERR_NO_MEMORY, "a relay cannot be tied");
    contact->ties |= error ? 0 : (uint32_t)1 << relay;
    return !error;
}

static bool untie(struct contact *contact, uint32_t relay)
{
    struct sim_peer *peer = contact->owner;
    struct toxtcp_relay handle;

    net_require(toxtcp_relay_find(peer->connections, &peer->world->relays[relay].keys.public_key, &handle) == TOXTCP_OK,
                "a tied relay is not known");
    net_require(toxtcp_peer_untie_relay(peer->connections, contact->handle, handle) == TOXTCP_OK,
                "a tied relay cannot be untied");
    contact->ties &= ~((uint32_t)1 << relay);
    return true;
}

static bool reconcile_ties(struct contact *contact)
{
    bool good = true;

    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        if (contact->ties & ~contact->ties_wanted & bit) {
            good &= untie(contact, i);
        }
    }
    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        if (contact->ties_wanted & ~contact->ties & bit) {
            good &= tie(contact, i);
        }
    }
    return good;
}

static bool reconcile_sleep(struct contact *contact)
{
    struct toxtcp_connections *connections = contact->owner->connections;

    if (contact->sleeps != contact->asleep) {
        const int error = contact->asleep ? toxtcp_peer_sleep(connections, contact->handle)
                                          : toxtcp_peer_wake(connections, contact->handle);
        net_require(!error, "a peer does not sleep or wake");
        contact->sleeps = contact->asleep;
    }
    return true;
}

static bool reconcile_contact(struct contact *contact)
{
    if (!contact->paired) {
        return true;
    }
    if (!contact->wanted) {
        return remove_contact(contact);
    }
    return add_contact(contact) && reconcile_sleep(contact) && reconcile_ties(contact);
}

static bool own(struct sim_peer *peer, uint32_t relay)
{
    const struct sim_relay *wanted = &peer->world->relays[relay];
    const struct toxtcp_endpoint endpoint = sim_relay_endpoint(wanted);
    const int error = toxtcp_relay_add(peer->connections, &endpoint, &wanted->keys.public_key, NULL);

    net_require(!error || error == TOXTCP_ERR_NO_MEMORY, "a relay cannot be added");
    peer->owns |= error ? 0 : (uint32_t)1 << relay;
    return !error;
}

/* It is forgotten, whoever is tied to it; those are tied again. */
static void disown(struct sim_peer *peer, uint32_t relay)
{
    const uint32_t bit = (uint32_t)1 << relay;
    struct toxtcp_relay handle;

    net_require(toxtcp_relay_find(peer->connections, &peer->world->relays[relay].keys.public_key, &handle) == TOXTCP_OK,
                "an own relay is not known");
    net_require(toxtcp_relay_remove(peer->connections, handle) == TOXTCP_OK, "an own relay is not removed");
    peer->owns &= ~bit;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        peer->contacts[i].ties &= ~bit;
    }
}

static bool reconcile_owned(struct sim_peer *peer)
{
    bool good = true;

    for (uint32_t i = 0; i < RELAYS_MAX; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        if (peer->owns & ~peer->owns_wanted & bit) {
            disown(peer, i);
        } else if (peer->owns_wanted & ~peer->owns & bit) {
            good &= own(peer, i);
        }
    }
    return good;
}

void sim_peer_reconcile(struct sim_peer *peer)
{
    bool good = true;

    if (host_is_suspended(peer->host)) {
        good = false;
    } else {
        good &= reconcile_owned(peer);
        for (uint32_t i = 0; i < peer->world->peer_count; i++) {
            good &= reconcile_contact(&peer->contacts[i]);
        }
        toxtcp_connections_set_onion(peer->connections, peer->onion);
        host_settle(peer->host);
    }
    if (!good) {
        event_hasten(&peer->world->events, &peer->reconciling, peer->world->events.now_ms + RETRY_MS);
    }
}

static void on_reconcile(void *user)
{
    sim_peer_reconcile(user);
}

void sim_peer_tell_network(struct sim_peer *peer)
{
    if (host_is_suspended(peer->host)) {
        event_hasten(&peer->world->events, &peer->telling, peer->world->events.now_ms + RETRY_MS);
        return;
    }
    peer->untold = false;
    peer->told_ms = peer->world->events.now_ms;
    trace("peer%u: network changed", peer->index);
    toxtcp_connections_network_changed(peer->connections);
    host_settle(peer->host);
}

static void on_tell_network(void *user)
{
    sim_peer_tell_network(user);
}

bool sim_peer_can_talk(const struct sim_peer *from, uint32_t to)
{
    const struct contact *contact = &from->contacts[to];

    return contact->known && !contact->sleeps && !host_is_suspended(from->host);
}

/* --- What its embedder does --- */

static struct contact *pick_contact(struct sim_peer *peer)
{
    struct contact *picked = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < peer->world->peer_count; i++) {
        if (peer->contacts[i].paired) {
            count++;
            picked = dice_below(&peer->dice, count) == 0 ? &peer->contacts[i] : picked;
        }
    }
    return picked;
}

static uint32_t count_bits(uint32_t set)
{
    uint32_t count = 0;

    for (; set; set &= set - 1) {
        count++;
    }
    return count;
}

static void change_ties(struct sim_peer *peer, struct contact *contact)
{
    const uint32_t bit = (uint32_t)1 << dice_below(&peer->dice, peer->world->relay_count);

    if (contact->ties_wanted & bit || count_bits(contact->ties_wanted) < TOXTCP_PEER_RELAYS_MAX) {
        contact->ties_wanted ^= bit;
        trace("peer%u: peer%u is tied to relays %02x", peer->index, contact->other, contact->ties_wanted);
    }
}

/* Half of those who add or remove a peer think better of it, while requests and answers are under way. */
static void waver(struct sim_peer *peer, struct contact *contact)
{
    const bool again = dice_chance(&peer->dice, 50);

    peer->wavers = again ? contact : NULL;
}

static void do_deed(struct sim_peer *peer, enum deed_kind kind)
{
    struct contact *contact = peer->wavers ? peer->wavers : pick_contact(peer);

    if (!contact) {
        return;
    }
    switch (kind) {
    case DEED_SLEEP:
        contact->asleep = !contact->asleep;
        trace("peer%u: peer%u %s", peer->index, contact->other, contact->asleep ? "sleeps" : "wakes");
        break;
    case DEED_REMOVE:
        contact->wanted = !contact->wanted;
        trace("peer%u: peer%u is %s", peer->index, contact->other, contact->wanted ? "added" : "removed");
        waver(peer, contact);
        break;
    case DEED_TIE:
        change_ties(peer, contact);
        break;
    case DEED_OWN:
        peer->owns_wanted ^= (uint32_t)1 << dice_below(&peer->dice, peer->world->relay_count);
        trace("peer%u: own relays are %02x", peer->index, peer->owns_wanted);
        break;
    default:
        peer->onion = !peer->onion;
        trace("peer%u: onion %s", peer->index, peer->onion ? "on" : "off");
        break;
    }
}

static void plan_deed(struct sim_peer *peer)
{
    const struct knobs *knobs = &peer->world->knobs;
    const uint32_t mean_ms = peer->wavers ? knobs->latency_max_ms : knobs->deed_every_ms;

    if (peer->world->knobs.deeds) {
        event_set(&peer->world->events, &peer->deed, peer->world->events.now_ms + dice_below(&peer->dice, 2 * mean_ms));
    }
}

static void on_deed(void *user)
{
    struct sim_peer *peer = user;
    const struct world *world = peer->world;
    const uint32_t kind = peer->wavers ? DEED_REMOVE : dice_below(&peer->dice, DEED_KINDS);

    if (world->phase != PHASE_FAULTS) {
        return;
    }
    if (world->knobs.deeds >> kind & 1 && !host_is_suspended(peer->host)) {
        do_deed(peer, (enum deed_kind)kind);
        sim_peer_reconcile(peer);
    }
    plan_deed(peer);
}

void sim_peer_start_deeds(struct sim_peer *peer)
{
    plan_deed(peer);
}

/* --- Life --- */

static uint64_t deadline_of(const void *object)
{
    return toxtcp_connections_deadline(object);
}

static void expire(void *object, uint64_t now_ms)
{
    toxtcp_connections_expire(object, now_ms);
}

static void check(const void *object)
{
    toxtcp_connections_check(object);
}

static const struct host_kind peer_kind = {NULL, deadline_of, expire, check};

void sim_peer_open(struct sim_peer *peer, struct world *world, uint32_t index)
{
    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, 0, (uint8_t)index}, .port = 1};
    char name[12];

    *peer = (struct sim_peer){.world = world, .index = index};
    peer->dice = dice_of(world->seed, PURPOSE_PEERS + ((uint64_t)index << 8));
    (void)snprintf(name, sizeof name, "peer%u", index);
    net_env_init(&peer->env, dice_next(&peer->dice));
    toxtcp_key_pair_generate(peer->env.env, &peer->keys);
    net_env_watch(&peer->env, peer->keys.secret_key.bytes);
    peer->host = network_add_host(world->network, name, &address);
    event_join(&world->events, &peer->deed, EVENT_WORLD, on_deed, peer);
    event_join(&world->events, &peer->reconciling, EVENT_WORLD, on_reconcile, peer);
    event_join(&world->events, &peer->telling, EVENT_WORLD, on_tell_network, peer);
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        peer->contacts[i] = (struct contact){.owner = peer, .other = i};
    }
    net_require(toxtcp_connections_new(peer->env.env, host_driver(peer->host), &world->knobs.config, &peer->keys,
                                       &callbacks, peer, &peer->connections) == TOXTCP_OK,
                "no connections");
    host_start(peer->host, &peer_kind, peer->connections);
}

void sim_peer_close(struct sim_peer *peer)
{
    struct events *events = &peer->world->events;

    /* Half of them end as a program does that is killed, the others tidily. */
    if (peer->index % 2 == 0) {
        host_stop(peer->host, true);
    }
    toxtcp_connections_free(peer->connections);
    host_stop(peer->host, true);
    event_leave(events, &peer->deed);
    event_leave(events, &peer->reconciling);
    event_leave(events, &peer->telling);
    toxtcp_key_pair_wipe(&peer->keys);
    net_env_finish(&peer->env);
}
