/* What is drawn for one run. SPDX-License-Identifier: ISC */
#include "knobs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/dice.h"
#include "sim/trace.h"

enum { ALL_VICES = (1 << 11) - 1, PURPOSE_KNOBS = 1, MINUTE_MS = 60000 };

/* Each kind is there in half of the runs. */
static uint32_t draw_kinds(struct dice *dice, uint32_t count)
{
    return dice_below(dice, (uint32_t)1 << count);
}

static uint32_t one_of(struct dice *dice, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t values[] = {a, b, c};

    return values[dice_below(dice, 3)];
}

static void draw_people(struct knobs *knobs, struct dice *dice)
{
    knobs->peers = dice_between(dice, 2, PEERS_MAX);
    knobs->relays = dice_between(dice, 1, RELAYS_MAX);
    knobs->pair_percent = dice_between(dice, 10, 60);
    knobs->lone_percent = one_of(dice, 0, 20, 50);
    knobs->own_percent = one_of(dice, 0, 20, 60);
    knobs->onion_percent = one_of(dice, 0, 0, 40);
    knobs->liar_percent = one_of(dice, 0, 0, 30);
    knobs->vices = draw_kinds(dice, 11);
}

/* Connecting takes four ways and a little, and must be possible within 10 s. */
static void draw_network(struct knobs *knobs, struct dice *dice)
{
    knobs->latency_min_ms = dice_skewed(dice, 1, 100);
    knobs->latency_max_ms = knobs->latency_min_ms + dice_skewed(dice, 1, dice_chance(dice, 15) ? 1800 : 250);
    knobs->jitter_percent = knobs->latency_max_ms > 1000 ? 10 : one_of(dice, 0, 10, 100);
    knobs->bytes_per_ms_min = dice_skewed(dice, 20, 10000);
    knobs->buffer_min = dice_skewed(dice, 4096, 262144);
    knobs->manners.cut_read = one_of(dice, 0, 5, 50);
    knobs->manners.cut_write = one_of(dice, 0, 5, 50);
    knobs->manners.late_ms = one_of(dice, 0, 0, 20);
    knobs->manners.check_steps = dice_chance(dice, 10);
}

static void draw_trouble(struct knobs *knobs, struct dice *dice)
{
    knobs->fault_ms = dice_between(dice, 1, 20) * MINUTE_MS;
    knobs->convergence_ms = dice_between(dice, 100, 300) * 1000;
    knobs->faults = draw_kinds(dice, FAULT_KINDS);
    knobs->fault_every_ms = dice_skewed(dice, 5000, 120000);
    knobs->fault_lasts_ms = dice_skewed(dice, 2000, 180000);
    knobs->storm = dice_chance(dice, 50);
    knobs->move_percent = one_of(dice, 0, 80, 100);
    knobs->told_at_healing = dice_chance(dice, 70);
    knobs->deeds = draw_kinds(dice, DEED_KINDS);
    knobs->deed_every_ms = dice_skewed(dice, 20000, 300000);
}

static void draw_talk(struct knobs *knobs, struct dice *dice)
{
    knobs->patterns = draw_kinds(dice, PATTERN_KINDS);
    knobs->idle_percent = dice_between(dice, 80, 98);
    knobs->reports = dice_chance(dice, 70);
}

static void draw_client_config(struct toxtcp_client_config *config, struct dice *dice)
{
    config->ping_interval_ms = dice_between(dice, 10000, 40000);
    config->pong_timeout_ms = dice_between(dice, 8000, 15000);
    config->route_retry_ms = dice_between(dice, 5000, 60000);
    config->output_max = dice_skewed(dice, 2048, 65536);
    config->quiet_ms = one_of(dice, 0, 300, 2000);
}

static void draw_config(struct knobs *knobs, struct dice *dice)
{
    struct toxtcp_connections_config *config = &knobs->config;

    knobs->mobile = dice_chance(dice, 20);
    knobs->own_config = dice_chance(dice, 50);
    if (knobs->mobile) {
        toxtcp_connections_config_mobile(config);
    } else {
        toxtcp_connections_config_default(config);
    }
    if (!knobs->own_config) {
        return;
    }
    draw_client_config(&config->client, dice);
    config->keep_connected = dice_between(dice, 0, 4);
    config->onion_relays = dice_between(dice, 1, 3);
    config->useless_after_ms = dice_between(dice, 1000, 20000);
    config->reconnect_min_ms = dice_between(dice, 300, 2000);
    config->reconnect_max_ms = dice_between(dice, 10000, 60000);
    config->reconnect_hard_max_ms = dice_between(dice, 2000, 8000);
    config->relays_wanted = dice_between(dice, 1, 3);
    config->probe = dice_chance(dice, 70);
}

static void obey(struct knobs *knobs, const struct knobs_wish *wish)
{
    knobs->peers = wish->peers ? wish->peers : knobs->peers;
    knobs->relays = wish->relays ? wish->relays : knobs->relays;
    knobs->fault_ms = wish->minutes ? wish->minutes * MINUTE_MS : knobs->fault_ms;
    knobs->liar_percent = wish->liars ? wish->liars - 1 : knobs->liar_percent;
    knobs->check_all = wish->check_all;
}

void knobs_draw(struct knobs *knobs, uint64_t seed, const struct knobs_wish *wish)
{
    struct dice dice = dice_of(seed, PURPOSE_KNOBS);

    *knobs = (struct knobs){0};
    draw_people(knobs, &dice);
    draw_network(knobs, &dice);
    draw_trouble(knobs, &dice);
    draw_talk(knobs, &dice);
    draw_config(knobs, &dice);
    obey(knobs, wish);
}

/* --- In words --- */

static const char *const fault_names[FAULT_KINDS] = {"refuse",        "reset",  "stall",   "half-open",
                                                     "partition",     "crash",  "network", "suspend-peer",
                                                     "suspend-relay", "memory", "jump"};
static const char *const deed_names[DEED_KINDS] = {"sleep", "remove", "tie", "own", "onion"};
static const char *const pattern_names[PATTERN_KINDS] = {"occasional", "steady", "burst"};

const char *knobs_fault_name(enum fault_kind kind)
{
    return fault_names[kind];
}

/* Writes behind what is in `text` already. */
TRACE_FORMAT(2, 3)
static void add(char *text, const char *format, ...)
{
    const size_t len = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text + len, KNOBS_TEXT_SIZE - len, format, arguments);
    va_end(arguments);
}

static void add_names(char *text, const char *what, uint32_t set, const char *const *names, uint32_t count)
{
    add(text, "%s:", what);
    for (uint32_t i = 0; i < count; i++) {
        if (set >> i & 1) {
            add(text, " %s", names[i]);
        }
    }
    add(text, set ? "\n" : " none\n");
}

static void add_config(char *text, const struct toxtcp_connections_config *config)
{
    const struct toxtcp_client_config *client = &config->client;

    add(text, "config: keep %u onion %u useless after %u reconnect %u..%u (hard %u) wanted %u probe %d\n",
        config->keep_connected, config->onion_relays, config->useless_after_ms, config->reconnect_min_ms,
        config->reconnect_max_ms, config->reconnect_hard_max_ms, config->relays_wanted, config->probe);
    add(text, "        connect %u ping %u pong %u retry %u output %u quiet %u\n", client->connect_timeout_ms,
        client->ping_interval_ms, client->pong_timeout_ms, client->route_retry_ms, client->output_max,
        client->quiet_ms);
}

void knobs_format(const struct knobs *knobs, char text[KNOBS_TEXT_SIZE])
{
    text[0] = '\0';
    add(text, "%u peers, %u relays, faults for %u s, then %u s\n", knobs->peers, knobs->relays, knobs->fault_ms / 1000,
        knobs->convergence_ms / 1000);
    add(text, "percent: pairs %u, of these on one relay %u, own relays %u, onion %u, liars %u (vices %x)\n",
        knobs->pair_percent, knobs->lone_percent, knobs->own_percent, knobs->onion_percent, knobs->liar_percent,
        knobs->vices);
    add(text, "network: latency %u..%u ms, jitter %u %%, from %u B/ms, buffers from %u B\n", knobs->latency_min_ms,
        knobs->latency_max_ms, knobs->jitter_percent, knobs->bytes_per_ms_min, knobs->buffer_min);
    add(text, "drivers: cut reads %u %%, cut writes %u %%, late by %u ms; checks after each step %d\n",
        knobs->manners.cut_read, knobs->manners.cut_write, knobs->manners.late_ms, knobs->manners.check_steps);
    add_names(text, "faults", knobs->faults, fault_names, FAULT_KINDS);
    add(text, "        every %u ms, up to %u ms, storm %d; of networks %u %% told, at healing %d\n",
        knobs->fault_every_ms, knobs->fault_lasts_ms, knobs->storm, knobs->move_percent, knobs->told_at_healing);
    add_names(text, "deeds", knobs->deeds, deed_names, DEED_KINDS);
    add(text, "        every %u ms for each peer\n", knobs->deed_every_ms);
    add_names(text, "talk", knobs->patterns, pattern_names, PATTERN_KINDS);
    add(text, "        idle %u %%, reports %d\n", knobs->idle_percent, knobs->reports);
    add_config(text, &knobs->config);
}
