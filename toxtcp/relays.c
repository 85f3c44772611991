/* Relays: their life, and the rules applied to them. SPDX-License-Identifier: ISC */
#include <assert.h>
#include <string.h>

#include "box.h"
#include "client.h"
#include "connections_private.h"
#include "endpoint.h"
#include "moment.h"

/* How long a relay that is wanted badly is retried hard. */
enum { HOPE_MS = 3600 * 1000 };

/* --- Being known --- */

struct relay *relay_get(const struct toxtcp_connections *connections, struct toxtcp_relay handle)
{
    return handles_get(&connections->relays, handle.index, handle.generation);
}

struct relay *relay_by_key(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key)
{
    const uint32_t hash = env_hash_key(connections->env, key->bytes);
    struct relay *relay;

    HASH_FIND_BYHASHVALUE(hh, connections->relays_by_key, key, sizeof *key, hash, relay);
    return relay;
}

int relay_judge_endpoint(const struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint)
{
    return connections->config.client.proxy ? proxy_judge_target(endpoint) : endpoint_judge(endpoint);
}

/* Whether somebody can hold that key: a dial with another one could only fail, for ever. */
static int judge_key(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key)
{
    struct box_shared_key shared;
    const int error = box_shared_key_make(&shared, key, &connections->keys.secret_key);

    box_wipe(&shared, sizeof shared);
    return error;
}

static int copy_host(struct relay *relay, const char *host)
{
    if (!host) {
        return TOXTCP_OK;
    }
    const size_t size = strlen(host) + 1;
    relay->host = env_alloc(relay->connections->env, size);
    if (!relay->host) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    memcpy(relay->host, host, size);
    return TOXTCP_OK;
}

/* Puts a new relay into the tables. Where this fails relay_free() takes out what got in. */
static int enroll(struct toxtcp_connections *connections, struct relay *relay)
{
    struct toxtcp_env *env = connections->env;
    const uint32_t hash = env_hash_key(env, relay->key.bytes);
    int error = handles_add(&connections->relays, env, relay, &relay->handle.index, &relay->handle.generation);

    if (!error) {
        error = heap_join(&connections->due, env, &relay->due, TOXTCP_NEVER);
    }
    if (error) {
        return error;
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, connections->relays_by_key, &relay->key, sizeof relay->key, hash, relay);
    return relay->hh.tbl ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

static struct relay *make(struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint,
                          const struct toxtcp_public_key *key)
{
    struct relay *relay = env_alloc(connections->env, sizeof *relay);

    if (!relay) {
        return NULL;
    }
    relay->connections = connections;
    relay->key = *key;
    relay->address = endpoint->address;
    relay->connected_at_ms = TOXTCP_NEVER;
    relay->hope_ms = TOXTCP_NEVER;
    relay->ask_again_ms = TOXTCP_NEVER;
    relay->judge_ms = TOXTCP_NEVER;
    relay->rtt_ms = UINT32_MAX;
    relay->phase = RELAY_ASLEEP;
    relay->reported = TOXTCP_RELAY_SLEEPING;
    connections->phase_count[RELAY_ASLEEP]++;
    if (copy_host(relay, endpoint->host) || enroll(connections, relay)) {
        relay_free(relay);
        return NULL;
    }
    return relay;
}

int relay_make(struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint,
               const struct toxtcp_public_key *key, struct relay **relay)
{
    int error = relay_judge_endpoint(connections, endpoint);

    if (!error) {
        error = judge_key(connections, key);
    }
    if (error) {
        return error;
    }
    if (connections->relays.count >= connections->config.relays_max) {
        return TOXTCP_ERR_FULL;
    }
    *relay = make(connections, endpoint, key);
    return *relay ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

static void forget_routes(struct relay *relay)
{
    for (struct slot *slot = relay->ties; slot; slot = slot->next) {
        slot_set_state(slot, SLOT_UNASKED);
    }
    relay->ask_again_ms = TOXTCP_NEVER;
    relay->crowded = false;
}

static void drop_ties(struct relay *relay)
{
    forget_routes(relay);
    while (relay->ties) {
        struct slot *slot = relay->ties;
        relay->ties = slot->next;
        slot->relay = NULL;
        slot->next = NULL;
        slot->prev = NULL;
    }
}

static void leave_tables(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;
    struct toxtcp_env *env = connections->env;

    if (relay->hh.tbl) {
        HASH_DELETE(hh, connections->relays_by_key, relay);
    }
    heap_leave(&connections->due, &relay->due);
    if (relay->handle.generation != 0) {
        handles_remove(&connections->relays, relay->handle.index);
    }
    worklist_remove(&connections->reviews, &relay->review);
    worklist_remove(&connections->relay_reports, &relay->report);
    connections->phase_count[relay->phase]--;
}

void relay_free(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;

    /* Untying may list it for review; what leaves the tables comes last. */
    drop_ties(relay);
    toxtcp_client_free(relay->client);
    leave_tables(relay);
    if (relay->phase != RELAY_ASLEEP) {
        connections->review_all = true;
    }
    if (relay->onion) {
        relays_mark(connections);
    }
    env_release(connections->env, relay->host, relay->host ? strlen(relay->host) + 1 : 0);
    env_release(connections->env, relay, sizeof *relay);
}

struct toxtcp_address relay_address(const struct relay *relay)
{
    struct toxtcp_client_info info;

    if (!relay->host) {
        return relay->address;
    }
    client_describe(relay->client, &info);
    return info.remote;
}

/* --- Phases and times --- */

enum toxtcp_relay_state relay_state(const struct relay *relay)
{
    switch (relay->phase) {
    case RELAY_CONNECTED:
        return TOXTCP_RELAY_CONNECTED;
    case RELAY_STARTING:
    case RELAY_DIALLED:
        return TOXTCP_RELAY_CONNECTING;
    case RELAY_WAITING:
        return TOXTCP_RELAY_WAITING;
    default:
        return TOXTCP_RELAY_SLEEPING;
    }
}

/* When it has been connected for long enough to be judged. */
static uint64_t settles_at(const struct relay *relay)
{
    return relay->connected_at_ms + relay->connections->config.useless_after_ms;
}

bool relay_is_settled(const struct relay *relay)
{
    return relay->phase == RELAY_CONNECTED && relay->connections->now_ms >= settles_at(relay);
}

uint64_t relay_now(const struct relay *relay)
{
    const uint64_t now_ms = relay->connections->now_ms;

    return relay->client && relay->client->link.now_ms > now_ms ? relay->client->link.now_ms : now_ms;
}

static uint64_t due_at(const struct relay *relay)
{
    if (relay->broken || relay->doubted || relay->probe.late) {
        return 0;
    }
    switch (relay->phase) {
    case RELAY_STARTING:
        return 0;
    case RELAY_WAITING:
        return relay->next_dial_ms;
    case RELAY_DIALLED:
        return toxtcp_client_deadline(relay->client);
    case RELAY_CONNECTED:
        return earlier(earlier(toxtcp_client_deadline(relay->client), relay->ask_again_ms), relay->judge_ms);
    default:
        return TOXTCP_NEVER;
    }
}

void relay_rekey(struct relay *relay)
{
    heap_set(&relay->connections->due, &relay->due, due_at(relay));
}

void relay_set_phase(struct relay *relay, enum relay_phase phase)
{
    struct toxtcp_connections *connections = relay->connections;

    connections->phase_count[relay->phase]--;
    connections->phase_count[phase]++;
    relay->phase = (uint8_t)phase;
    worklist_add(&connections->relay_reports, &relay->report, connections->turn);
    relay_rekey(relay);
}

void relay_hurry(struct relay *relay)
{
    if (relay->phase != RELAY_WAITING && relay->phase != RELAY_ASLEEP) {
        return;
    }
    relay->broken = false;
    relay->next_dial_ms = 0;
    relay->hope_ms = TOXTCP_NEVER;
    if (relay->phase == RELAY_WAITING) {
        relay_set_phase(relay, RELAY_STARTING);
    }
    relay_rekey(relay);
}

void relay_redial(struct relay *relay)
{
    assert(relay->phase == RELAY_DIALLED);
    toxtcp_client_free(relay->client);
    relay->client = NULL;
    relay->renewed = false;
    relay_set_phase(relay, RELAY_STARTING);
}

void relay_broke(struct relay *relay, int error)
{
    struct toxtcp_connections *connections = relay->connections;

    if (relay->phase == RELAY_CONNECTED) {
        relay->hope_ms = relay_now(relay);
    }
    forget_routes(relay);
    relay_probe_end(relay, error);
    relay->client = NULL;
    relay->silent = false;
    relay->rtt_ms = UINT32_MAX;
    relay->onion = false;
    relay->last_error = error;
    relay->renewed = false;
    relay->broken = true;
    relay->next_dial_ms = TOXTCP_NEVER;
    relay_set_phase(relay, RELAY_WAITING);
    relays_mark(connections);
    relay_review(relay);
    connections->review_all = true;
}

static uint32_t count_good_paths(const struct peer *peer)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        count += slot_is_good(&peer->slots[i]);
    }
    return count;
}

/* A peer has no good path, or none that brings anything; or nobody can reach us; and this relay may change it. */
static bool is_wanted_badly(const struct relay *relay)
{
    const struct toxtcp_connections *connections = relay->connections;

    if (relay->owned && connections->phase_count[RELAY_CONNECTED] == 0) {
        return true;
    }
    for (const struct slot *slot = relay->ties; slot; slot = slot->next) {
        if (!slot->peer->asleep && (slot->peer->mute || count_good_paths(slot->peer) == 0)) {
            return true;
        }
    }
    return false;
}

/* Not for ever: a battery should not pay for a relay that is gone. */
static bool is_hoped_for(const struct relay *relay)
{
    return relay->hope_ms == TOXTCP_NEVER || relay->connections->now_ms - relay->hope_ms < HOPE_MS;
}

static uint32_t wait_max_ms(const struct relay *relay)
{
    const struct toxtcp_connections_config *config = &relay->connections->config;
    const bool hard =
        config->reconnect_hard_max_ms < config->reconnect_max_ms && is_hoped_for(relay) && is_wanted_badly(relay);

    return hard ? config->reconnect_hard_max_ms : config->reconnect_max_ms;
}

static void choose_wait(struct relay *relay, uint32_t max_ms)
{
    struct toxtcp_connections *connections = relay->connections;
    const uint32_t random = env_random_below(connections->env, UINT32_MAX);

    relay->next_dial_ms =
        connections->now_ms + relay_choice_delay(relay->failures, connections->config.reconnect_min_ms, max_ms, random);
}

/* Chooses when a relay that broke may be dialled again. A connection that lasted ends a row of failures. */
static void choose_next_dial(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;

    if (relay->connected_at_ms != TOXTCP_NEVER && connections->now_ms >= settles_at(relay)) {
        relay->failures = 0;
    }
    relay->connected_at_ms = TOXTCP_NEVER;
    relay->broken = false;
    if (relay->redial) {
        /* Lost with the old network: that is no failure. */
        relay->redial = false;
        relay->next_dial_ms = connections->now_ms;
        return;
    }
    choose_wait(relay, wait_max_ms(relay));
    relay->failures++;
}

/* It waits longer than it may, since it has come to be wanted more. */
static void shorten_wait(struct relay *relay)
{
    const uint32_t max_ms = wait_max_ms(relay);

    if (relay->next_dial_ms > relay->connections->now_ms + max_ms + max_ms / 4) {
        choose_wait(relay, max_ms);
        relay_rekey(relay);
    }
}

static void dial(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;
    const struct toxtcp_driver *driver = connections->driver;
    const struct toxtcp_endpoint endpoint = {.host = relay->host, .address = relay->address};

    relay->attempt_count++;
    relay->dialled_ms = connections->now_ms;
    if (relay->hope_ms == TOXTCP_NEVER) {
        relay->hope_ms = connections->now_ms;
    }
    relay->fresh = false;
    relay->judge_ms = TOXTCP_NEVER;
    relay->connected_at_ms = TOXTCP_NEVER;
    int error = toxtcp_client_new(connections->env, driver, &connections->config.client, &connections->keys,
                                  &relay->key, &relay_client_callbacks, relay, connections->now_ms, &relay->client);
    if (error) {
        relay_broke(relay, error);
        return;
    }
    relay_set_phase(relay, RELAY_DIALLED);
    struct toxtcp_link *link = toxtcp_client_link(relay->client);
    error = toxtcp_client_dial(relay->client, &endpoint);
    if (error) {
        /* The driver does not know the link. The client says that it is over as it does at any other end. */
        toxtcp_link_closed(link, error, connections->now_ms);
    }
}

static bool is_to_be_dialled(const struct relay *relay)
{
    return relay->phase == RELAY_STARTING ||
           (relay->phase == RELAY_WAITING && relay->next_dial_ms <= relay->connections->now_ms);
}

/* There is a new way. A dial that has had less than half of its time may well come to its end; one that has found no
 * answer for longer may be looking for it in vain. The next one has all its time: new ways must not keep a relay that
 * is slow from being connected, however often they come. */
static void judge_dial(struct relay *relay)
{
    const struct toxtcp_connections *connections = relay->connections;
    const uint64_t young_until_ms = relay->dialled_ms + connections->config.client.connect_timeout_ms / 2;
    const bool doubted = relay->doubted;

    relay->doubted = false;
    if (doubted && !relay->renewed && relay->phase == RELAY_DIALLED && connections->now_ms >= young_until_ms) {
        relay_redial(relay);
        relay->renewed = true;
    }
}

static void run(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;

    relay_probe_run(relay);
    if (relay->client) {
        toxtcp_client_expire(relay->client, connections->now_ms);
    }
    if (relay->ask_again_ms <= connections->now_ms) {
        relay_ask_routes(relay);
    }
    judge_dial(relay);
    if (is_to_be_dialled(relay)) {
        dial(relay);
    }
    if (relay->broken) {
        choose_next_dial(relay);
    }
    if (relay->phase == RELAY_CONNECTED && relay->judge_ms <= connections->now_ms) {
        relay->judge_ms = TOXTCP_NEVER;
        /* All, so that of several that may be closed now the right ones are. */
        connections->review_all = true;
    }
    /* Whatever it wants next, it comes no earlier than the next millisecond: so a round through the heap ends. */
    const uint64_t due_ms = due_at(relay);
    heap_set(&connections->due, &relay->due, due_ms > connections->now_ms ? due_ms : connections->now_ms + 1);
}

void relays_run_due(struct toxtcp_connections *connections)
{
    while (heap_first_key(&connections->due) <= connections->now_ms) {
        run(CONTAINER_OF(heap_first(&connections->due), struct relay, due));
    }
}

void relay_ask_routes(struct relay *relay)
{
    relay->ask_again_ms = TOXTCP_NEVER;
    relay->crowded = false;
    for (struct slot *slot = relay->ties; slot; slot = slot->next) {
        slot_ask(slot);
    }
}

/* --- The rules --- */

void relay_touch(struct relay *relay)
{
    worklist_add(&relay->connections->reviews, &relay->review, relay->connections->turn);
}

static bool slot_serves(const struct slot *slot)
{
    const struct peer *peer = slot->peer;

    return relay_choice_serves(peer->asleep, slot_is_good(slot), count_good_paths(peer),
                               slot->relay->connections->config.relays_wanted);
}

/* What its peers are to it, up to the first that it serves: that is enough. */
static void view_ties(const struct relay *relay, struct relay_view *view)
{
    view->named = relay->ties != NULL;
    for (const struct slot *slot = relay->ties; slot && !view->serves; slot = slot->next) {
        view->awake |= !slot->peer->asleep;
        view->serves = slot_serves(slot);
    }
}

static struct relay_view view_of(const struct relay *relay)
{
    struct relay_view view = {
        .phase = relay->phase,
        .owned = relay->owned,
        .fresh = relay->fresh,
        .onion = relay->onion,
        .settled = relay_is_settled(relay),
    };

    view_ties(relay, &view);
    return view;
}

static struct relay_totals totals_of(const struct toxtcp_connections *connections)
{
    return (struct relay_totals){
        .connected = connections->phase_count[RELAY_CONNECTED],
        .opening = connections->phase_count[RELAY_STARTING] + connections->phase_count[RELAY_DIALLED],
        .keep_connected = connections->config.keep_connected,
        .onion_relays = connections->onion ? connections->config.onion_relays : 0,
    };
}

static void open_relay(struct relay *relay)
{
    const bool at_once = !relay->broken && relay->next_dial_ms <= relay->connections->now_ms;

    relay_set_phase(relay, at_once ? RELAY_STARTING : RELAY_WAITING);
}

/* Closed on purpose, or not to be tried any more. */
static void put_to_sleep(struct relay *relay)
{
    relay->renewed = false;
    if (relay->client) {
        forget_routes(relay);
        relay_probe_end(relay, TOXTCP_ERR_SHUT_DOWN);
        toxtcp_client_free(relay->client);
        relay->client = NULL;
        relay->silent = false;
        relay->redial = false;
        relay->rtt_ms = UINT32_MAX;
        relay->connected_at_ms = TOXTCP_NEVER;
        relay->failures = 0;
        relay->next_dial_ms = 0;
        relay->hope_ms = TOXTCP_NEVER;
        relay->connections->review_all = true;
    }
    relay_set_phase(relay, RELAY_ASLEEP);
}

/* If it would stay anyway, its settling is no reason to wake up. */
static bool stays_when_settled(struct relay_view view, const struct relay_totals *totals)
{
    view.settled = true;
    return relay_choice_verdict(&view, totals) == RELAY_STAY;
}

/* When a relay that is open because its peer has too few good paths may lose that purpose by time alone: a doubt of
 * another path ends. Whatever else takes its purpose makes for a review. */
static uint64_t useless_at(const struct relay *relay)
{
    uint64_t useless_ms = TOXTCP_NEVER;
    const struct slot *slot = relay->ties;

    while (slot && !slot_serves(slot)) {
        slot = slot->next;
    }
    for (uint32_t i = 0; slot && !slot_is_good(slot) && i < TOXTCP_PEER_RELAYS_MAX; i++) {
        useless_ms = earlier(useless_ms, slot_good_at(&slot->peer->slots[i]));
    }
    return useless_ms;
}

static uint64_t judge_at(const struct relay *relay, const struct relay_view *view, const struct relay_totals *totals)
{
    return view->settled || stays_when_settled(*view, totals) ? useless_at(relay) : settles_at(relay);
}

void relay_review(struct relay *relay)
{
    const struct relay_view view = view_of(relay);
    const struct relay_totals totals = totals_of(relay->connections);

    if (relay->phase == RELAY_CONNECTED) {
        relay->judge_ms = judge_at(relay, &view, &totals);
        relay_rekey(relay);
    }
    switch (relay_choice_verdict(&view, &totals)) {
    case RELAY_OPEN:
        open_relay(relay);
        break;
    case RELAY_SLEEP:
        put_to_sleep(relay);
        break;
    case RELAY_FORGET:
        /* Not before the application was told that it sleeps; that makes for another review. */
        if (relay->reported == TOXTCP_RELAY_SLEEPING) {
            relay_free(relay);
        }
        break;
    default:
        if (relay->phase == RELAY_WAITING && !relay->broken) {
            shorten_wait(relay);
        }
        break;
    }
}

void relay_settle_in(struct relay *relay)
{
    relay_review(relay);
    relay->reported = (uint8_t)relay_state(relay);
}

/* The order in which all are reviewed: our own relays are closed last and opened first. */
enum { CLOSE_OTHERS, CLOSE_OWNED, OPEN_OWNED, OPEN_OTHERS, REVIEW_PASSES };

static int pass_of(const struct relay *relay)
{
    if (relay->phase == RELAY_CONNECTED) {
        return relay->owned ? CLOSE_OWNED : CLOSE_OTHERS;
    }
    return relay->owned ? OPEN_OWNED : OPEN_OTHERS;
}

static void review_all(struct toxtcp_connections *connections)
{
    for (int pass = 0; pass < REVIEW_PASSES; pass++) {
        for (uint32_t i = 0; i < connections->relays.capacity; i++) {
            struct relay *relay = connections->relays.entries[i].object;
            if (relay && pass_of(relay) == pass) {
                relay_review(relay);
            }
        }
    }
}

void relays_review(struct toxtcp_connections *connections)
{
    const bool all = connections->review_all;
    const uint32_t turn = ++connections->turn;
    struct work *work;

    connections->review_all = false;
    while ((work = worklist_pop(&connections->reviews, turn))) {
        relay_review(CONTAINER_OF(work, struct relay, review));
    }
    if (all) {
        review_all(connections);
    }
}

/* --- Onion marks --- */

uint32_t relays_marked(const struct toxtcp_connections *connections)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < connections->relays.capacity; i++) {
        const struct relay *relay = connections->relays.entries[i].object;
        count += relay && relay->onion;
    }
    return count;
}

void relays_mark(struct toxtcp_connections *connections)
{
    if (!connections->onion) {
        return;
    }
    uint32_t marked = relays_marked(connections);
    for (uint32_t i = 0; i < connections->relays.capacity; i++) {
        struct relay *relay = connections->relays.entries[i].object;
        if (relay && relay_choice_marks(relay->phase, relay->onion, marked, connections->config.onion_relays)) {
            relay->onion = true;
            marked++;
        }
    }
}
