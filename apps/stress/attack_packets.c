/* Attacks by clients that keep to the letter of the protocol. SPDX-License-Identifier: ISC */
#include <string.h>

#include "attack_engine.h"

enum {
    ROUTING_REQUEST = 0x00,
    ROUTING_RESPONSE = 0x01,
    CONNECTED = 0x02,
    DISCONNECTED = 0x03,
    OOB_SEND = 0x06,
    ID_MIN = 16,
    RESPONSE_SIZE = 34,
    NOTICE_SIZE = 2,
    OOB_SIZE = 1024,
    DATA_SIZE = 1373,
    FRAME_EXTRA = 18
};

static struct mini *partner_of(struct attack *attack, const struct mini *mini)
{
    return &attack->clients[(uint32_t)(mini - attack->clients) ^ 1U];
}

/* --- Pairs --- */

/* They find each other as honest clients do. The first packet is what confirms it. */
static void ask_for_partner(struct attack *attack, struct mini *mini)
{
    struct mini *partner = partner_of(attack, mini);

    attack_need_keys(attack, partner);
    attack_send_key(mini, ROUTING_REQUEST, partner->public_key);
    (void)attack_flush(attack, mini);
}

static bool learn_of_partner(struct attack *attack, struct mini *mini, const uint8_t *plain, size_t len)
{
    (void)attack;
    if (plain[0] == ROUTING_RESPONSE && len == RESPONSE_SIZE && plain[1] >= ID_MIN) {
        mini->routed = true;
        mini->partner_id = plain[1];
    } else if ((plain[0] == CONNECTED || plain[0] == DISCONNECTED) && len == NOTICE_SIZE &&
               plain[1] == mini->partner_id) {
        mini->online = plain[0] == CONNECTED;
    }
    return true;
}

/* The odd one of a pair sends to the even one. Returns how many packets found room. */
static uint32_t send_data(struct attack *attack, struct mini *mini, uint32_t due)
{
    uint32_t done = 0;

    if (mini->state != MINI_OPEN || !mini->routed || !mini->online) {
        return 0;
    }
    attack->plain[0] = mini->partner_id;
    while (done < due && mini_send(mini, attack->plain, DATA_SIZE)) {
        done++;
    }
    (void)attack_flush(attack, mini);
    return done;
}

/* All pairs in turn, a few packets each, so that one whose line is full does not stop the others. */
static uint32_t send_to_partners(struct attack *attack, uint32_t due)
{
    const uint32_t pairs = attack->config.clients / 2;
    uint32_t done = 0;

    for (uint32_t i = 0; i < pairs && done < due; i++) {
        const uint32_t share = (due - done + pairs - 1 - i) / (pairs - i);

        attack->turn = (attack->turn + 1) % pairs;
        done += send_data(attack, &attack->clients[attack->turn * 2 + 1], share);
    }
    return done;
}

static bool fill_packet(struct attack *attack, struct problem *problem)
{
    (void)problem;
    attack_random_bytes(attack, attack->plain, sizeof attack->plain);
    /* What every relay lets pass. */
    attack->plain[1] = 0x1b;
    return true;
}

const struct attack_kind attack_line_rate = {
    .name = "line-rate",
    .clients = 2,
    .sources = 1,
    .dial_rate = 50,
    .pairs = true,
    .prepare = fill_packet,
    .act = send_to_partners,
    .opened = ask_for_partner,
    .packet = learn_of_partner,
};

static void ask_and_fall_silent(struct attack *attack, struct mini *mini)
{
    ask_for_partner(attack, mini);
    mini->mute = (mini - attack->clients) % 2 == 0;
}

const struct attack_kind attack_slow_reader = {
    .name = "slow-reader",
    .clients = 16,
    .sources = 1,
    .dial_rate = 50,
    .pairs = true,
    .small_buffers = true,
    .prepare = fill_packet,
    .act = send_to_partners,
    .opened = ask_and_fall_silent,
    .packet = learn_of_partner,
};

/* --- Floods --- */

/* One action by each client in turn, until `due` are done or none has room for more. */
static uint32_t by_turns(struct attack *attack, uint32_t due, bool (*send)(struct attack *attack, struct mini *mini))
{
    const uint32_t count = attack->config.clients;
    uint32_t done = 0;
    uint32_t idle = 0;

    while (done < due && idle < count) {
        struct mini *mini = &attack->clients[attack->turn];

        attack->turn = (attack->turn + 1) % count;
        if (mini->state == MINI_OPEN && send(attack, mini)) {
            done++;
            idle = 0;
        } else {
            idle++;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (attack->clients[i].state == MINI_OPEN) {
            (void)attack_flush(attack, &attack->clients[i]);
        }
    }
    return done;
}

static void confirm_and_fall_silent(struct attack *attack, struct mini *mini)
{
    attack_confirm(attack, mini);
    mini->mute = true;
}

static bool send_ping(struct attack *attack, struct mini *mini)
{
    const bool room = mini_has_room(mini, 9 + FRAME_EXTRA);

    if (room) {
        attack_confirm(attack, mini);
    }
    return room;
}

static uint32_t flood_pings(struct attack *attack, uint32_t due)
{
    return by_turns(attack, due, send_ping);
}

const struct attack_kind attack_ping_flood = {
    .name = "ping-flood",
    .clients = 2,
    .rate = 60000,
    .sources = 1,
    .dial_rate = 50,
    .small_buffers = true,
    .act = flood_pings,
    .opened = confirm_and_fall_silent,
};

static bool fill_oob(struct attack *attack, struct problem *problem)
{
    (void)fill_packet(attack, problem);
    attack->plain[0] = OOB_SEND;
    memcpy(attack->plain + 1, attack->victims[0].bytes, 32);
    attack->plain[1 + 32] = 0x1b;
    return true;
}

static bool send_oob(struct attack *attack, struct mini *mini)
{
    return mini_send(mini, attack->plain, 1 + 32 + OOB_SIZE);
}

static uint32_t flood_oob(struct attack *attack, uint32_t due)
{
    return by_turns(attack, due, send_oob);
}

const struct attack_kind attack_oob_flood = {
    .name = "oob-flood",
    .clients = 4,
    .rate = 8000,
    .sources = 1,
    .dial_rate = 50,
    .needs_victims = true,
    .prepare = fill_oob,
    .act = flood_oob,
    .opened = attack_confirm,
};

/* --- Route churn --- */

/* Two of three requests are for somebody who is there, or might be: so tables grow, and are searched. */
static void ask_for_somebody(struct attack *attack, struct mini *mini)
{
    uint8_t key[32];

    attack_random_bytes(attack, key, sizeof key);
    if (attack->config.victim_count > 0 && attack_random(attack) % 3 > 0) {
        const size_t victim = (size_t)(attack_random(attack) % attack->config.victim_count);

        memcpy(key, attack->victims[victim].bytes, sizeof key);
    }
    attack_send_key(mini, ROUTING_REQUEST, key);
}

/* Ids are given out from the lowest on, so any that a full client names is likely to be one that it holds. `stage` is
 * how many it asked for, about. */
static bool send_route(struct attack *attack, struct mini *mini)
{
    uint8_t give_up[NOTICE_SIZE] = {DISCONNECTED};

    if (!mini_has_room(mini, 33 + FRAME_EXTRA)) {
        return false;
    }
    if (mini->stage < UINT8_MAX && (attack_random(attack) % 2 > 0 || mini->stage < 32)) {
        ask_for_somebody(attack, mini);
        mini->stage++;
    } else {
        give_up[1] = (uint8_t)(ID_MIN + attack_random(attack) % (256 - ID_MIN));
        (void)mini_send(mini, give_up, sizeof give_up);
        mini->stage--;
    }
    return true;
}

static uint32_t churn_routes(struct attack *attack, uint32_t due)
{
    return by_turns(attack, due, send_route);
}

const struct attack_kind attack_route_churn = {
    .name = "route-churn",
    .clients = 8,
    .rate = 10000,
    .sources = 1,
    .dial_rate = 50,
    .act = churn_routes,
    .opened = attack_confirm,
};
