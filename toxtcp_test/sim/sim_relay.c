/* Relays of a run: honest ones are the library's server, others lie. SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "world.h"

enum { PORT = 33445 };

/* --- An honest one --- */

static int server_accept(void *object, const struct toxtcp_address *source, uint64_t now_ms, struct toxtcp_link **link)
{
    return toxtcp_server_accept(object, source, now_ms, link);
}

static uint64_t server_deadline(const void *object)
{
    return toxtcp_server_deadline(object);
}

static void server_expire(void *object, uint64_t now_ms)
{
    toxtcp_server_expire(object, now_ms);
}

static void server_check(const void *object)
{
    toxtcp_server_check(object);
}

static const struct host_kind server_kind = {server_accept, server_deadline, server_expire, server_check};

/* --- A liar --- */

static int accept_lying(void *object, const struct toxtcp_address *source, uint64_t now_ms, struct toxtcp_link **link)
{
    (void)source;
    *link = liar_accept(object, now_ms);
    return *link ? TOXTCP_OK : TOXTCP_ERR_LIMIT;
}

static uint64_t deadline_lying(const void *object)
{
    return liar_deadline(object);
}

static void expire_lying(void *object, uint64_t now_ms)
{
    liar_expire(object, now_ms);
}

static void check_lying(const void *object)
{
    liar_check(object);
}

static const struct host_kind liar_kind = {accept_lying, deadline_lying, expire_lying, check_lying};

/* --- Both --- */

void sim_relay_start(struct sim_relay *relay)
{
    struct toxtcp_env *env = relay->env.env;
    const struct toxtcp_driver *driver = host_driver(relay->host);

    trace("relay%u starts", relay->index);
    if (relay->lies) {
        relay->liar = liar_new(env, driver, &relay->config, &relay->keys);
        host_start(relay->host, &liar_kind, relay->liar);
        return;
    }
    net_require(toxtcp_server_new(env, driver, NULL, &relay->keys, &relay->server) == TOXTCP_OK, "no server");
    host_start(relay->host, &server_kind, relay->server);
}

static void free_process(struct sim_relay *relay)
{
    if (relay->lies) {
        liar_free(relay->liar);
        relay->liar = NULL;
    } else {
        toxtcp_server_free(relay->server);
        relay->server = NULL;
    }
}

void sim_relay_stop(struct sim_relay *relay, bool told)
{
    if (host_is_up(relay->host)) {
        host_stop(relay->host, told);
        free_process(relay);
    }
}

static void draw_lies(struct sim_relay *relay, struct dice *dice)
{
    const struct knobs *knobs = &relay->world->knobs;
    char text[160];

    /* Few at a time: a relay that is mute has no other vice to show. */
    relay->config.vices = knobs->vices & (uint32_t)dice_next(dice) & (uint32_t)dice_next(dice);
    relay->config.lose_one_in = dice_skewed(dice, 2, 100);
    relay->config.delay_one_in = dice_skewed(dice, 2, 100);
    relay->config.delay_ms = dice_skewed(dice, 100, 20000);
    relay->config.flood_per_s = dice_skewed(dice, 1, 20);
    relay->config.mischief_ms = dice_skewed(dice, 1000, 60000);
    relay->lies = relay->config.vices != 0;
    liar_vices_format(relay->config.vices, text, sizeof text);
    trace("relay%u is %s", relay->index, text);
}

void sim_relay_open(struct sim_relay *relay, struct world *world, uint32_t index)
{
    struct dice dice = dice_of(world->seed, PURPOSE_RELAYS + ((uint64_t)index << 8));
    char name[12];

    *relay = (struct sim_relay){.world = world, .index = index};
    (void)snprintf(name, sizeof name, "relay%u", index);
    net_env_init(&relay->env, dice_next(&dice));
    toxtcp_key_pair_generate(relay->env.env, &relay->keys);
    net_env_watch(&relay->env, relay->keys.secret_key.bytes);
    relay->address =
        (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {10, 1, 0, (uint8_t)index}, .port = PORT};
    relay->host = network_add_host(world->network, name, &relay->address);
    if (dice_chance(&dice, world->knobs.liar_percent)) {
        draw_lies(relay, &dice);
    }
    sim_relay_start(relay);
}

void sim_relay_close(struct sim_relay *relay)
{
    sim_relay_stop(relay, true);
    toxtcp_key_pair_wipe(&relay->keys);
    net_env_finish(&relay->env);
}

struct toxtcp_endpoint sim_relay_endpoint(const struct sim_relay *relay)
{
    return (struct toxtcp_endpoint){.address = relay->address};
}
