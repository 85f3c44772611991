/* Which relay carries a peer's packets when relays fall silent, lie or lose. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "check_connections.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, TICK = 100 };

static void open_four(void)
{
    world_open(4);
}

static struct toxtcp_peer bob_at_alice;
static struct toxtcp_peer alice_at_bob;

/* The relay that alice's last packet went through, or -1. */
static int last_relay(void)
{
    struct toxtcp_relay relay;

    ck_assert_int_eq(toxtcp_peer_last_relay(alice.connections, bob_at_alice, &relay), TOXTCP_OK);
    for (uint32_t i = 0; relay.generation != 0 && i < WORLD_RELAYS; i++) {
        if (node_knows(&alice, i) && node_relay(&alice, i).index == relay.index) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_doubted(uint32_t relay)
{
    const struct toxtcp_peer_info info = node_peer_info(&alice, bob_at_alice);

    for (uint32_t i = 0; i < info.slot_count; i++) {
        if (info.slots[i].relay.index == node_relay(&alice, relay).index) {
            return info.slots[i].doubted;
        }
    }
    return false;
}

/* Alice sends, and hears that it arrived; or that it is lost, if it went through the relay `vanishing`, or any, for
 * ANY; or nothing, for UNTOLD. */
enum { NONE = -2, ANY = -3, UNTOLD = -4 };

static int talk_once(int vanishing)
{
    struct toxtcp_relay relay;

    ck_assert_int_eq(node_send(&alice, bob_at_alice, "hello"), TOXTCP_OK);
    const int through = last_relay();
    ck_assert_int_ge(through, 0);
    ck_assert_int_eq(toxtcp_peer_last_relay(alice.connections, bob_at_alice, &relay), TOXTCP_OK);
    net_run(world.net, TICK);
    if (vanishing == ANY || through == vanishing) {
        ck_assert_int_eq(toxtcp_peer_report_lost(alice.connections, bob_at_alice, relay, 1), TOXTCP_OK);
    } else if (vanishing != UNTOLD) {
        ck_assert_int_eq(toxtcp_peer_report_delivered(alice.connections, bob_at_alice, relay, 1), TOXTCP_OK);
    }
    return through;
}

/* For so long; returns how many of the packets went through the relay `counted`. */
static uint32_t talk(uint64_t ms, int vanishing, int counted)
{
    uint32_t count = 0;

    for (uint64_t passed = 0; passed < ms; passed += TICK) {
        count += talk_once(vanishing) == counted;
    }
    return count;
}

/* --- Silence --- */

/* "While we have something to send, notice within 3 s, go on through the next one." */
START_TEST(silent_primary_is_left)
{
    uint64_t gap = 0;
    uint64_t quiet = 0;
    uint32_t heard = 0;

    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    net_run(world.net, 20 * SECOND);
    net_stall(world.net, &world.addresses[primary], true);
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(node_send(&alice, bob_at_alice, "still there?"), TOXTCP_OK);
        net_run(world.net, TICK);
        quiet = bob.data_count > heard ? 0 : quiet + TICK;
        gap = quiet > gap ? quiet : gap;
        heard = bob.data_count;
    }
    ck_assert_uint_gt(gap, 500);
    ck_assert_uint_le(gap, 3000);
    ck_assert_int_ne(node_primary(&alice, bob_at_alice), primary);
    ck_assert(node_relay_info(&alice, (uint32_t)primary).silent);
    ck_assert_int_eq(node_relay_state(&alice, (uint32_t)primary), TOXTCP_RELAY_CONNECTED);
    /* It lives after all: no new connection, and no way back for its own sake. */
    const int second = node_primary(&alice, bob_at_alice);
    net_stall(world.net, &world.addresses[primary], false);
    net_run(world.net, 30 * SECOND);
    ck_assert(!node_relay_info(&alice, (uint32_t)primary).silent);
    ck_assert_uint_eq(world_dials((uint32_t)primary), 2);
    ck_assert_int_eq(node_primary(&alice, bob_at_alice), second);
}
END_TEST

/* With nothing to send nobody asks. */
START_TEST(silence_while_idle_costs_nothing)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    net_run(world.net, 5 * SECOND);
    net_stall(world.net, &world.addresses[primary], true);
    net_run(world.net, 10 * SECOND);
    net_stall(world.net, &world.addresses[primary], false);
    net_run(world.net, MINUTE);
    ck_assert(!node_relay_info(&alice, (uint32_t)primary).silent);
    ck_assert_int_eq(node_primary(&alice, bob_at_alice), primary);
}
END_TEST

/* When all are silent the peer is still sent to, through the one that was primary. */
START_TEST(all_silent)
{
    meet(2, &bob_at_alice, &alice_at_bob);
    for (uint32_t i = 0; i < 2; i++) {
        net_stall(world.net, &world.addresses[i], true);
    }
    for (int i = 0; i < 90; i++) {
        ck_assert_int_eq(node_send(&alice, bob_at_alice, "anybody?"), TOXTCP_OK);
        net_run(world.net, TICK);
    }
    for (uint32_t i = 0; i < 2; i++) {
        net_stall(world.net, &world.addresses[i], false);
    }
    net_run(world.net, SECOND);
    ck_assert_uint_ge(bob.data_count, 90);
}
END_TEST

/* --- Lies --- */

START_TEST(vanishing_packets_are_found_out)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int liar = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    ck_assert_int_eq(node_primary(&alice, bob_at_alice), liar);
    /* Some 4 s and the usual time of a report later it is left. */
    ck_assert_uint_le(talk(30 * SECOND, liar, liar), 8 * SECOND / TICK);
    ck_assert_int_ne(node_primary(&alice, bob_at_alice), liar);
    ck_assert(is_doubted((uint32_t)liar));
    /* It is not blamed yet: the fault may lie behind it. Trials with three packets each do that, more and more seldom.
     */
    ck_assert_uint_eq(node_relay_info(&alice, (uint32_t)liar).score, TOXTCP_SCORE_MAX);
    ck_assert_uint_eq(talk(MINUTE, liar, liar), 3);
    ck_assert_uint_le(node_relay_info(&alice, (uint32_t)liar).score, 71);
    ck_assert(!node_relay_info(&alice, (uint32_t)liar).demoted);
    ck_assert_uint_eq(talk(2 * MINUTE, liar, liar), 3);
    ck_assert(node_relay_info(&alice, (uint32_t)liar).demoted);
    ck_assert_uint_le(talk(58 * MINUTE, liar, liar), 15);
}
END_TEST

/* It was the way behind it: a trial shows that, and all is forgotten. */
START_TEST(trial_that_succeeds)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    (void)talk(20 * SECOND, primary, 0);
    ck_assert(is_doubted((uint32_t)primary));
    const int second = node_primary(&alice, bob_at_alice);
    ck_assert_uint_ge(talk(MINUTE, NONE, primary), 1);
    ck_assert(!is_doubted((uint32_t)primary));
    ck_assert_uint_eq(node_relay_info(&alice, (uint32_t)primary).score, TOXTCP_SCORE_MAX);
    ck_assert_int_eq(node_primary(&alice, bob_at_alice), second);
}
END_TEST

/* Of three packets one is acknowledged at all: a liar is found out all the same, and a way that has healed too. */
START_TEST(few_are_acknowledged)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    for (uint32_t i = 0; i < 4 * MINUTE / TICK; i++) {
        (void)talk_once(i % 3 == 0 ? primary : UNTOLD);
    }
    ck_assert(is_doubted((uint32_t)primary));
    ck_assert_uint_lt(node_relay_info(&alice, (uint32_t)primary).score, TOXTCP_SCORE_MAX);
    for (uint32_t i = 0; i < 10 * MINUTE / TICK; i++) {
        (void)talk_once(i % 3 == 0 ? NONE : UNTOLD);
    }
    ck_assert(!is_doubted((uint32_t)primary));
}
END_TEST

/* A peer that answers nowhere says nothing of relays. */
START_TEST(peer_falls_silent)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    (void)talk(SECOND, NONE, 0);
    (void)talk(20 * MINUTE, ANY, 0);
    (void)talk(MINUTE, NONE, 0);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(node_relay_info(&alice, i).score, TOXTCP_SCORE_MAX);
        ck_assert(!is_doubted(i));
    }
}
END_TEST

/* Nothing has ever arrived: the ways are gone through all the same. */
START_TEST(liar_from_the_start)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int liar = node_primary(&alice, bob_at_alice);
    ck_assert_uint_le(talk(20 * SECOND, liar, liar), 9 * SECOND / TICK);
    ck_assert_int_ne(node_primary(&alice, bob_at_alice), liar);
}
END_TEST

/* One path after the other falls silent behind its relay, and those before it have healed: none is stuck to. */
START_TEST(all_others_are_doubted)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    (void)talk(SECOND, NONE, 0);
    for (int i = 0; i < 12; i++) {
        const int dead = node_primary(&alice, bob_at_alice);
        ck_assert_uint_le(talk(10 * SECOND, dead, dead), 8 * SECOND / TICK);
        ck_assert_int_ne(node_primary(&alice, bob_at_alice), dead);
    }
}
END_TEST

/* A layer above that never reports loses nothing. */
START_TEST(no_reports)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    ck_assert_uint_eq(talk(10 * MINUTE, UNTOLD, primary), 10 * MINUTE / TICK);
    ck_assert_int_eq(node_primary(&alice, bob_at_alice), primary);
}
END_TEST

/* Nor do packets that are never acknowledged, beside others. */
START_TEST(reports_end)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int primary = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    ck_assert_uint_eq(talk(10 * MINUTE, UNTOLD, primary), 10 * MINUTE / TICK);
    ck_assert(!is_doubted((uint32_t)primary));
}
END_TEST

START_TEST(losses_are_left_behind)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const int loser = node_primary(&alice, bob_at_alice);
    for (int i = 0; i < 200; i++) {
        (void)talk_once(i % 10 == 0 ? loser : NONE);
    }
    ck_assert_int_ne(node_primary(&alice, bob_at_alice), loser);
    ck_assert(is_doubted((uint32_t)loser));
}
END_TEST

/* A good way that is full is waited for: the one that drops everything does not get the rest. */
START_TEST(full_is_better_than_doubted)
{
    uint32_t count = 0;
    int error = TOXTCP_OK;

    meet(2, &bob_at_alice, &alice_at_bob);
    const int liar = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    (void)talk(20 * SECOND, liar, 0);
    ck_assert(is_doubted((uint32_t)liar));
    for (int i = 0; i < 100000 && !error; i++) {
        error = node_send(&alice, bob_at_alice, "more and more");
        ck_assert_int_ne(last_relay(), liar);
        count++;
    }
    ck_assert_int_eq(error, TOXTCP_ERR_WOULD_BLOCK);
    ck_assert_uint_gt(count, 100);
    net_run(world.net, SECOND);
    ck_assert_uint_eq(alice.can_send_count, 1);
}
END_TEST

/* Where all lose some, one is stayed with. */
START_TEST(all_lose)
{
    uint32_t changes = 0;
    int before;

    meet(3, &bob_at_alice, &alice_at_bob);
    before = node_primary(&alice, bob_at_alice);
    for (int i = 0; i < 10 * MINUTE / TICK; i++) {
        (void)talk_once(i % 10 == 0 ? ANY : NONE);
        changes += node_primary(&alice, bob_at_alice) != before;
        before = node_primary(&alice, bob_at_alice);
    }
    ck_assert_uint_le(changes, 3);
}
END_TEST

/* The relay said that the peer left, and the peer came back: what was said against the way is void. */
START_TEST(doubt_ends_with_the_connection)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    const uint32_t liar = (uint32_t)node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    (void)talk(20 * SECOND, (int)liar, 0);
    ck_assert(is_doubted(liar));
    ck_assert_int_eq(toxtcp_peer_untie_relay(bob.connections, alice_at_bob, node_relay(&bob, liar)), TOXTCP_OK);
    net_step(world.net);
    (void)node_tie(&bob, alice_at_bob, liar);
    net_run(world.net, 2 * SECOND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, bob_at_alice), 3);
    ck_assert(!is_doubted(liar));
}
END_TEST

/* A doubted relay is none of the three that a peer should have: the fourth is opened. */
START_TEST(doubted_is_replaced)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    (void)node_tie(&alice, bob_at_alice, 3);
    (void)node_tie(&bob, alice_at_bob, 3);
    net_run(world.net, MINUTE);
    ck_assert_int_ne(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
    const int liar = node_primary(&alice, bob_at_alice);
    (void)talk(SECOND, NONE, 0);
    (void)talk(20 * SECOND, liar, 0);
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
}
END_TEST

/* The doubt of one that loses ends with time alone; then the one that stood in for it is closed. */
START_TEST(stand_in_is_closed)
{
    meet(3, &bob_at_alice, &alice_at_bob);
    (void)node_tie(&alice, bob_at_alice, 3);
    (void)node_tie(&bob, alice_at_bob, 3);
    const int loser = node_primary(&alice, bob_at_alice);
    for (int i = 0; i < 200; i++) {
        (void)talk_once(i % 10 == 0 ? loser : NONE);
    }
    net_run(world.net, 5 * MINUTE);
    ck_assert(is_doubted((uint32_t)loser));
    ck_assert_int_eq(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
    net_run(world.net, 5 * MINUTE + SECOND);
    ck_assert(!is_doubted((uint32_t)loser));
    ck_assert_int_ne(node_relay_state(&alice, 3), TOXTCP_RELAY_CONNECTED);
}
END_TEST

START_TEST(reports_of_nothing)
{
    const struct toxtcp_peer nobody = {0};
    const struct toxtcp_relay none = {0};
    struct toxtcp_relay relay = {1, 1};

    meet(2, &bob_at_alice, &alice_at_bob);
    ck_assert_int_eq(toxtcp_peer_last_relay(alice.connections, nobody, &relay), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_report_delivered(alice.connections, nobody, relay, 1), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_report_lost(alice.connections, nobody, relay, 1), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_peer_last_relay(alice.connections, bob_at_alice, &relay), TOXTCP_OK);
    ck_assert_uint_eq(relay.generation, 0);
    ck_assert_int_eq(toxtcp_peer_report_delivered(alice.connections, bob_at_alice, none, 1), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_report_lost(alice.connections, bob_at_alice, none, UINT32_MAX), TOXTCP_OK);
    ck_assert_int_eq(
        toxtcp_peer_report_delivered(alice.connections, bob_at_alice, (struct toxtcp_relay){77, 3}, UINT32_MAX),
        TOXTCP_OK);
    toxtcp_connections_check(alice.connections);
    ck_assert_int_eq(node_send(&alice, bob_at_alice, "x"), TOXTCP_OK);
    ck_assert_int_eq(last_relay(), node_primary(&alice, bob_at_alice));
    world_kill(0);
    world_kill(1);
    net_step(world.net);
    ck_assert_int_ne(node_send(&alice, bob_at_alice, "x"), TOXTCP_OK);
}
END_TEST

/* --- Few relays --- */

/* A third relay is opened for a peer that is online on two; on a battery it is not, until one of the two is gone. */
START_TEST(mobile_is_content_with_two)
{
    struct toxtcp_connections_config config;

    if (_i == 1) {
        toxtcp_connections_config_mobile(&config);
    } else {
        toxtcp_connections_config_default(&config);
        config.keep_connected = 2;
    }
    node_open(&alice, &config);
    node_open(&bob, NULL);
    bob_at_alice = node_add(&alice, &bob);
    alice_at_bob = node_add(&bob, &alice);
    for (uint32_t i = 0; i < 3; i++) {
        (void)node_tie(&bob, alice_at_bob, i);
    }
    for (uint32_t i = 0; i < 2; i++) {
        (void)node_tie(&alice, bob_at_alice, i);
    }
    net_run(world.net, SECOND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, bob_at_alice), 2);
    (void)node_tie(&alice, bob_at_alice, 2);
    net_run(world.net, SECOND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, bob_at_alice), _i == 1 ? 2 : 3);
    world_kill(0);
    net_run(world.net, SECOND);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, bob_at_alice), 2);
}
END_TEST

/* --- Probes --- */

/* Reads all that the client says, and answers its pings; and its probes, if so wished. */
static void serve(struct fake *fake, bool returns_probes)
{
    struct packet answer = {0};

    while (fake_next(fake)) {
        if (fake->packet.kind == WIRE_PING) {
            answer.kind = WIRE_PONG;
            memcpy(answer.ping_id, fake->packet.ping_id, sizeof answer.ping_id);
            fake_send(fake, &answer);
        } else if (fake->packet.kind == WIRE_OOB_SEND && returns_probes) {
            ck_assert(toxtcp_public_key_equal(&fake->packet.key, &alice.keys.public_key));
            answer = fake->packet;
            answer.kind = WIRE_OOB_RECV;
            fake_send(fake, &answer);
        }
    }
}

static void open_with_fake(struct fake *fake, bool probe)
{
    struct toxtcp_connections_config config;
    struct toxtcp_endpoint endpoint;

    toxtcp_connections_config_default(&config);
    config.probe = probe;
    fake_open(fake, 999);
    endpoint = (struct toxtcp_endpoint){.address = fake->address};
    node_open(&alice, &config);
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &fake->keys.public_key, NULL), TOXTCP_OK);
}

static struct toxtcp_relay_info fake_info(const struct fake *fake)
{
    struct toxtcp_relay_info info;
    struct toxtcp_relay relay;

    ck_assert_int_eq(toxtcp_relay_find(alice.connections, &fake->keys.public_key, &relay), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_relay_get_info(alice.connections, relay, &info), TOXTCP_OK);
    return info;
}

/* 0: it returns them; 1: it does not, and is demoted within a few round trips; 2: nor does it, but is not asked. */
START_TEST(probes_show_who_drops_oob)
{
    struct fake fake;

    open_with_fake(&fake, _i < 2);
    for (int i = 0; i < 20; i++) {
        net_run(world.net, 10);
        serve(&fake, _i == 0);
    }
    ck_assert_int_eq(fake_info(&fake).state, TOXTCP_RELAY_CONNECTED);
    ck_assert(fake_info(&fake).demoted == (_i == 1));
    ck_assert_uint_eq(fake_info(&fake).score, _i == 1 ? 40 : TOXTCP_SCORE_MAX);
    ck_assert_uint_eq(alice.stranger_count, 0);
    if (_i == 0) {
        /* The ping, the probe, and one ping for what came later than the pong at most. */
        ck_assert_uint_le(fake.count, 3);
    }
    fake_close(&fake);
}
END_TEST

/* Takes the next connection, reads what comes first, and hangs up. Returns whether a probe was in it. */
static bool hang_up(struct fake *fake)
{
    bool probed = false;

    while (!fake_next(fake)) {
        net_run(world.net, SECOND);
    }
    do {
        probed |= fake->packet.kind == WIRE_OOB_SEND;
    } while (fake_next(fake));
    fake_close(fake);
    fake->channel = (struct channel){0};
    net_run(world.net, SECOND);
    return probed;
}

/* A relay that does not bear probes is not asked a third time. */
START_TEST(probes_that_do_harm)
{
    struct fake fake;

    open_with_fake(&fake, true);
    ck_assert(hang_up(&fake));
    ck_assert(hang_up(&fake));
    ck_assert(!hang_up(&fake));
    ck_assert(!hang_up(&fake));
    ck_assert_uint_eq(fake_info(&fake).score, TOXTCP_SCORE_MAX);
    fake_close(&fake);
}
END_TEST

/* --- Round trips --- */

/* Reads what has come; pings and routing requests are answered: the peer is there. */
static void serve_peer(struct fake *fake)
{
    struct packet answer = {.id = 16};

    while (fake_next(fake)) {
        if (fake->packet.kind == WIRE_PING) {
            answer.kind = WIRE_PONG;
            memcpy(answer.ping_id, fake->packet.ping_id, sizeof answer.ping_id);
            fake_send(fake, &answer);
        } else if (fake->packet.kind == WIRE_ROUTING_REQUEST) {
            answer.kind = WIRE_ROUTING_RESPONSE;
            answer.key = fake->packet.key;
            fake_send(fake, &answer);
            answer.kind = WIRE_CONNECT;
            fake_send(fake, &answer);
        }
    }
}

/* Whether packets to bob go through it now. */
static bool is_primary(const struct fake *fake)
{
    const struct toxtcp_peer_info info = node_peer_info(&alice, bob_at_alice);
    struct toxtcp_relay relay;

    ck_assert_int_eq(toxtcp_relay_find(alice.connections, &fake->keys.public_key, &relay), TOXTCP_OK);
    for (uint32_t i = 0; i < info.slot_count; i++) {
        if (info.slots[i].primary) {
            return info.slots[i].relay.index == relay.index;
        }
    }
    return false;
}

/* Alice talks for a minute; the relay that is there first answers every `first_ms`, the other one every 5 ms. Returns
 * when that took over, or 0. */
static uint64_t talk_between(struct fake *first, struct fake *other, uint64_t first_ms)
{
    uint64_t taken_ms = 0;

    for (uint64_t ms = 5; ms <= MINUTE; ms += 5) {
        if (ms % first_ms == 0) {
            serve_peer(first);
        }
        if (ms > SECOND) {
            serve_peer(other);
        }
        if (ms % SECOND == 0) {
            (void)node_send(&alice, bob_at_alice, "which way?");
        }
        net_run(world.net, 5);
        if (taken_ms == 0 && is_primary(other)) {
            taken_ms = ms;
        }
    }
    return taken_ms;
}

/* "Replaced only when another is clearly better for some time": 0: it is, and takes over for good; 1: it is not. */
START_TEST(clearly_better_takes_over)
{
    struct toxtcp_connections_config config;
    const struct toxtcp_key_pair keys = net_keys(world.net);
    struct fake relays[2];

    toxtcp_connections_config_default(&config);
    config.probe = false;
    node_open(&alice, &config);
    ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys.public_key, NULL, &bob_at_alice), TOXTCP_OK);
    for (int i = 0; i < 2; i++) {
        fake_open(&relays[i], (uint16_t)(998 + i));
        const struct toxtcp_endpoint endpoint = {.address = relays[i].address};
        ck_assert_int_eq(
            toxtcp_peer_add_relay(alice.connections, bob_at_alice, &endpoint, &relays[i].keys.public_key, NULL),
            TOXTCP_OK);
    }
    const uint64_t taken_ms = talk_between(&relays[0], &relays[1], _i == 0 ? 200 : 10);
    ck_assert(is_primary(&relays[_i == 0 ? 1 : 0]));
    ck_assert_uint_ge(taken_ms, _i == 0 ? 11 * SECOND : 0);
    ck_assert_uint_le(taken_ms, _i == 0 ? 30 * SECOND : 0);
    fake_close(&relays[0]);
    fake_close(&relays[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections_paths");
    TCase *tests = tcase_create("connections_paths");

    tcase_add_checked_fixture(tests, open_four, world_close);
    tcase_add_test(tests, silent_primary_is_left);
    tcase_add_test(tests, silence_while_idle_costs_nothing);
    tcase_add_test(tests, all_silent);
    tcase_add_test(tests, vanishing_packets_are_found_out);
    tcase_add_test(tests, trial_that_succeeds);
    tcase_add_test(tests, few_are_acknowledged);
    tcase_add_test(tests, peer_falls_silent);
    tcase_add_test(tests, liar_from_the_start);
    tcase_add_test(tests, all_others_are_doubted);
    tcase_add_test(tests, no_reports);
    tcase_add_test(tests, reports_end);
    tcase_add_test(tests, losses_are_left_behind);
    tcase_add_test(tests, full_is_better_than_doubted);
    tcase_add_test(tests, all_lose);
    tcase_add_test(tests, doubt_ends_with_the_connection);
    tcase_add_test(tests, doubted_is_replaced);
    tcase_add_test(tests, stand_in_is_closed);
    tcase_add_test(tests, reports_of_nothing);
    tcase_add_loop_test(tests, mobile_is_content_with_two, 0, 2);
    tcase_add_loop_test(tests, probes_show_who_drops_oob, 0, 3);
    tcase_add_test(tests, probes_that_do_harm);
    tcase_add_loop_test(tests, clearly_better_takes_over, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
