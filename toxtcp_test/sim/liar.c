/* Relays that misbehave: their clients from accept to end, and their time. SPDX-License-Identifier: ISC */
#include "liar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "liar_private.h"

enum { OUTPUT_MAX = 65536, VICE_COUNT = 11 };

static struct liar_client *of_link(struct toxtcp_link *link)
{
    return (struct liar_client *)((char *)link - offsetof(struct liar_client, link));
}

void *liar_allocate(struct toxtcp_env *env, size_t size)
{
    void *memory = env_alloc(env, size);

    if (!memory) {
        abort();
    }
    return memory;
}

bool liar_has(const struct liar *liar, enum liar_vice vice)
{
    return (liar->config.vices & vice) != 0;
}

uint32_t liar_below(const struct liar *liar, uint32_t bound)
{
    return env_random_below(liar->env, bound);
}

bool liar_happens(const struct liar *liar, uint32_t one_in)
{
    return one_in != 0 && liar_below(liar, one_in) == 0;
}

/* --- Time --- */

bool liar_send_ping(struct liar_client *client, uint8_t ping_id[WIRE_PING_ID_SIZE])
{
    struct packet ping = {.kind = WIRE_PING};

    env_random(client->liar->env, ping_id, WIRE_PING_ID_SIZE);
    ping_id[0] |= 1; /* never 0 */
    memcpy(ping.ping_id, ping_id, WIRE_PING_ID_SIZE);
    return liar_send(client, &ping);
}

static void run_ping(struct liar_client *client)
{
    const struct liar *liar = client->liar;
    const uint32_t held_back_ms = liar_has(liar, LIAR_DELAYS) ? liar->config.delay_ms : 0;

    client->due[TIMER_PING] = liar->now_ms + WIRE_PING_INTERVAL_MS;
    client->due[TIMER_PONG] = liar->now_ms + WIRE_PONG_TIMEOUT_MS + held_back_ms;
    (void)liar_send_ping(client, client->ping_id);
}

static enum timer first_timer(const struct liar_client *client)
{
    enum timer first = 0;

    for (enum timer i = 0; i < TIMER_COUNT; i++) {
        first = client->due[i] < client->due[first] ? i : first;
    }
    return first;
}

/* The client whose timer is due first, or NULL. */
static struct liar_client *first_client(const struct liar *liar, uint64_t *due_ms)
{
    struct liar_client *client;
    struct liar_client *first = NULL;

    *due_ms = TOXTCP_NEVER;
    DL_FOREACH (liar->clients, client) {
        const uint64_t client_ms = client->due[first_timer(client)];
        if (client_ms < *due_ms) {
            *due_ms = client_ms;
            first = client;
        }
    }
    return first;
}

static void run_timer(struct liar_client *client)
{
    static void (*const runs[TIMER_COUNT])(struct liar_client *) = {
        [TIMER_CONFIRM] = liar_end_client,  [TIMER_PING] = run_ping,
        [TIMER_PONG] = liar_end_client,     [TIMER_HELD] = liar_release_held,
        [TIMER_UNASKED] = liar_run_unasked, [TIMER_RUBBISH] = liar_run_rubbish,
        [TIMER_FLOOD] = liar_run_flood,
    };

    link_enter(&client->link);
    runs[first_timer(client)](client);
    (void)link_leave(&client->link);
}

uint64_t liar_deadline(const struct liar *liar)
{
    uint64_t due_ms;

    (void)first_client(liar, &due_ms);
    return due_ms;
}

void liar_expire(struct liar *liar, uint64_t now_ms)
{
    uint64_t due_ms;
    struct liar_client *client;

    liar->now_ms = now_ms;
    while ((client = first_client(liar, &due_ms)) && due_ms <= now_ms) {
        run_timer(client);
    }
}

/* --- What the link calls --- */

static int on_opened(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms)
{
    struct liar_client *client = of_link(link);

    client->liar->now_ms = now_ms;
    client->key = *remote_key;
    liar_spoil_answer(client);
    return TOXTCP_OK;
}

/* The first packet has opened: an older connection of that key goes, the timers begin. */
static void confirm(struct liar_client *client)
{
    struct liar_client *older = liar_find_client(client->liar, &client->key);

    if (older) {
        liar_end_client(older);
    }
    client->confirmed = true;
    client->due[TIMER_CONFIRM] = TOXTCP_NEVER;
    client->due[TIMER_PING] = client->liar->now_ms + WIRE_PING_INTERVAL_MS;
    liar_start_mischief(client);
}

static int on_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms)
{
    struct liar_client *client = of_link(link);

    client->liar->now_ms = now_ms;
    if (!client->confirmed) {
        confirm(client);
    }
    return liar_relay(client, plain, len);
}

static void on_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    struct liar_client *client = of_link(link);

    (void)error;
    client->liar->now_ms = now_ms;
    liar_end_client(client);
}

static void on_can_send(struct toxtcp_link *link, uint64_t now_ms)
{
    (void)link;
    (void)now_ms;
}

static void on_release(struct toxtcp_link *link)
{
    env_release(link->env, of_link(link), sizeof(struct liar_client));
}

static const struct toxtcp_key_pair *get_keys(struct toxtcp_link *link)
{
    return &of_link(link)->liar->keys;
}

static const struct link_owner owner = {
    .opened = on_opened,
    .packet = on_packet,
    .closed = on_closed,
    .can_send = on_can_send,
    .release = on_release,
    .keys = get_keys,
};

/* --- Life --- */

static void take_out(struct liar_client *client)
{
    client->ended = true;
    DL_DELETE(client->liar->clients, client);
    liar_drop_held(client);
}

/* Out of the list first: the peers that are told may end too, and do not find it any more. */
void liar_end_client(struct liar_client *client)
{
    struct liar_client *peer;

    if (client->ended) {
        return;
    }
    take_out(client);
    for (uint32_t i = 0; i < WIRE_ID_COUNT && client->confirmed; i++) {
        struct liar_route *back = client->routes[i].used ? liar_find_back(client, &client->routes[i], &peer) : NULL;
        if (back) {
            liar_tell_offline(peer, back);
        }
    }
    link_release(&client->link);
}

struct liar *liar_new(struct toxtcp_env *env, const struct toxtcp_driver *driver, const struct liar_config *config,
                      const struct toxtcp_key_pair *keys)
{
    struct liar *liar = liar_allocate(env, sizeof *liar);

    liar->env = env;
    liar->driver = driver;
    liar->config = *config;
    liar->keys = *keys;
    toxtcp_key_pair_generate(env, &liar->other_keys);
    return liar;
}

struct toxtcp_link *liar_accept(struct liar *liar, uint64_t now_ms)
{
    struct liar_client *client = liar_allocate(liar->env, sizeof *client);

    liar->now_ms = now_ms;
    client->liar = liar;
    for (uint32_t i = 0; i < TIMER_COUNT; i++) {
        client->due[i] = TOXTCP_NEVER;
    }
    if (!liar_has(liar, LIAR_MUTE)) {
        client->due[TIMER_CONFIRM] = now_ms + WIRE_CONFIRM_TIMEOUT_MS;
    }
    link_init(&client->link, liar->env, liar->driver, &owner, LINK_SHAKING);
    const uint32_t output_max = liar->config.output_max ? liar->config.output_max : OUTPUT_MAX;
    link_set_bounds(&client->link, output_max, output_max);
    DL_APPEND(liar->clients, client);
    return &client->link;
}

void liar_free(struct liar *liar)
{
    if (!liar) {
        return;
    }
    struct toxtcp_env *env = liar->env;
    while (liar->clients) {
        struct liar_client *client = liar->clients;
        take_out(client);
        link_release(&client->link);
    }
    box_wipe(liar, sizeof *liar);
    env_release(env, liar, sizeof *liar);
}

/* --- To look at --- */

/* Without vices that say otherwise, what a client was told is true, and an id names one peer. */
static void check_route(struct liar_client *client, struct liar_route *route)
{
    const struct liar *liar = client->liar;
    struct liar_client *peer;
    const struct liar_route *back = liar_find_back(client, route, &peer);

    assert(liar_find_route(client, &route->key) == route && !toxtcp_public_key_equal(&route->key, &client->key));
    assert(liar_has(liar, LIAR_GHOSTS) || route->told == (back != NULL));
    assert(liar_has(liar, LIAR_REUSES_IDS) ||
           (route->id >= WIRE_ID_MIN && liar_route_by_id(client, route->id) == route));
    (void)liar;
    (void)back;
}

static void check_client(struct liar_client *client)
{
    const struct liar *liar = client->liar;
    const struct held *held;
    uint32_t held_count = 0;

    link_check(&client->link);
    DL_FOREACH (client->held, held) {
        held_count++;
    }
    assert(!client->ended && client->link.state != LINK_CLOSED && client->link.busy == 0);
    assert(!client->confirmed || liar_find_client(liar, &client->key) == client);
    assert(held_count == client->held_count && held_count <= LIAR_HELD_MAX);
    assert((client->due[TIMER_HELD] != TOXTCP_NEVER) == (held_count > 0));
    assert(client->confirmed == (client->due[TIMER_PING] != TOXTCP_NEVER));
    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        if (client->routes[i].used) {
            assert(client->confirmed);
            check_route(client, &client->routes[i]);
        }
    }
    (void)liar;
}

void liar_check(const struct liar *liar)
{
    struct liar_client *client;

    DL_FOREACH (liar->clients, client) {
        assert(client->liar == liar);
        check_client(client);
    }
}

void liar_vices_format(uint32_t vices, char *text, size_t size)
{
    static const char *const names[VICE_COUNT] = {"mute",   "other-key",    "drops-data", "drops-oob",
                                                  "ghosts", "unasked",      "reuses-ids", "loses",
                                                  "delays", "floods-pings", "rubbish"};
    size_t len = 0;

    if (size == 0) {
        return;
    }
    text[0] = '\0';
    if (vices == 0) {
        (void)snprintf(text, size, "honest");
    }
    for (uint32_t i = 0; i < VICE_COUNT && len < size; i++) {
        if (vices >> i & 1) {
            len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "|" : "", names[i]);
        }
    }
}
