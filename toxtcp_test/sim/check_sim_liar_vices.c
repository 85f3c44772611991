/* Liars of the simulator: each vice is seen, and none harms a client. SPDX-License-Identifier: ISC */
#include "check_sim_liar.h"

#include <string.h>

enum { MIXTURES = 10 };

/* --- Each vice is seen --- */

START_TEST(mute_is_given_up)
{
    open_liar(0, LIAR_MUTE);
    open_both();
    run(30 * SECOND);
    const struct toxtcp_relay_info info = node_relay_info(&alice, 0);
    ck_assert_int_eq(info.last_error, TOXTCP_ERR_TIMED_OUT);
    ck_assert_uint_ge(info.attempt_count, 2);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_OFFLINE);
}
END_TEST

START_TEST(other_key_is_refused)
{
    open_liar(0, LIAR_OTHER_KEY);
    open_both();
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_WRONG_KEY);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_OFFLINE);
}
END_TEST

START_TEST(drops_data_and_not_oob)
{
    open_liar(0, LIAR_DROPS_DATA);
    open_both();
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(node_send(&alice, bob_at_alice, "data"), TOXTCP_OK);
    run(SECOND);
    ck_assert_uint_eq(bob.data_count, 0);
    ck_assert_int_eq(toxtcp_relay_send_oob(alice.connections, node_relay(&alice, 0), &bob.keys.public_key,
                                           (const uint8_t *)"oob", 3),
                     TOXTCP_OK);
    run(SECOND);
    ck_assert(node_heard(&bob, "oob"));
}
END_TEST

START_TEST(drops_oob_and_not_data)
{
    open_liar(0, LIAR_DROPS_OOB);
    open_both();
    ck_assert_int_eq(toxtcp_relay_send_oob(alice.connections, node_relay(&alice, 0), &bob.keys.public_key,
                                           (const uint8_t *)"oob", 3),
                     TOXTCP_OK);
    run(SECOND);
    ck_assert_uint_eq(bob.data_count, 0);
    ck_assert_int_eq(node_send(&alice, bob_at_alice, "data"), TOXTCP_OK);
    run(SECOND);
    ck_assert(node_heard(&bob, "data"));
}
END_TEST

START_TEST(ghosts_are_online)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};

    open_liar(0, LIAR_GHOSTS);
    struct raw_client *a = open_confirmed(&keys[0]);
    ask(a, &keys[1].public_key);
    expect_response(a, 16);
    (void)raw_client_expect(a, WIRE_CONNECT);
    /* When the peer comes and goes, the ghost is there already, and stays. */
    struct raw_client *b = open_confirmed(&keys[1]);
    ask(b, &keys[0].public_key);
    raw_client_send_data(b, 16, (const uint8_t *)"x", 1);
    settle();
    (void)raw_client_expect(a, WIRE_DATA);
    raw_client_free(b);
    settle();
    raw_client_expect_nothing(a);
    raw_client_free(a);
}
END_TEST

START_TEST(ghosts_are_believed)
{
    open_liar(0, LIAR_GHOSTS);
    open_both();
    node_close(&bob);
    run(SECOND);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
}
END_TEST

/* What a client is sent that has asked for nothing. */
START_TEST(unasked_says_everything)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    uint32_t counts[WIRE_DATA + 1] = {0};
    const struct packet *packet;

    open_liar(0, LIAR_UNASKED);
    struct raw_client *raw = open_confirmed(&keys);
    for (uint32_t i = 0; i < 20; i++) {
        run(10 * SECOND);
        while ((packet = raw_client_next(raw))) {
            counts[packet->kind]++;
            if (packet->kind == WIRE_PING) {
                struct packet pong = *packet;
                pong.kind = WIRE_PONG;
                raw_client_send(raw, &pong);
            }
        }
    }
    ck_assert_uint_gt(counts[WIRE_ROUTING_RESPONSE], 5);
    ck_assert_uint_gt(counts[WIRE_CONNECT], 5);
    ck_assert_uint_gt(counts[WIRE_DISCONNECT], 5);
    ck_assert_uint_gt(counts[WIRE_DATA], 5);
    ck_assert_uint_gt(counts[WIRE_PONG], 5);
    raw_client_free(raw);
}
END_TEST

/* A client without peers believes nothing of it, and stays. */
START_TEST(unasked_is_ignored)
{
    open_liar(0, LIAR_UNASKED);
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    run(5 * MINUTE);
    ck_assert_uint_eq(alice.data_count, 0);
    ck_assert_uint_eq(alice.waiting_count, 0);
    ck_assert_int_eq(node_relay_state(&alice, 0), TOXTCP_RELAY_CONNECTED);
}
END_TEST

START_TEST(reused_ids_end_the_connection)
{
    open_liar(0, LIAR_REUSES_IDS);
    node_open(&alice, NULL);
    (void)node_own(&alice, 0);
    run(SECOND);
    for (uint32_t i = 0; i < 10; i++) {
        struct toxtcp_key_pair keys = net_keys(world.net);
        struct toxtcp_peer peer;
        ck_assert_int_eq(toxtcp_peer_add(alice.connections, &keys.public_key, NULL, &peer), TOXTCP_OK);
        (void)node_tie(&alice, peer, 0);
    }
    run(MINUTE);
    ck_assert_uint_gt(alice.waiting_count, 0);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_PROTOCOL);
}
END_TEST

START_TEST(reuses_ids_of_both_kinds)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    struct toxtcp_public_key key = world.relay_keys[1].public_key;
    uint32_t seen[WIRE_ID_MAX + 1] = {0};
    uint32_t low = 0;
    uint32_t again = 0;

    open_liar(0, LIAR_REUSES_IDS);
    struct raw_client *raw = open_confirmed(&keys);
    for (uint32_t i = 0; i < 60; i++) {
        key.bytes[0] = (uint8_t)i;
        ask(raw, &key);
        const uint8_t id = raw_client_expect(raw, WIRE_ROUTING_RESPONSE)->id;
        ck_assert_uint_ne(id, WIRE_ID_REFUSED);
        low += id < WIRE_ID_MIN;
        again += id >= WIRE_ID_MIN && seen[id] > 0;
        seen[id]++;
    }
    ck_assert_uint_gt(low, 5);
    ck_assert_uint_gt(again, 2);
    ck_assert_uint_lt(low + again, 55);
    raw_client_free(raw);
}
END_TEST

START_TEST(loses_some)
{
    enum { SENT = 1000 };

    open_liar(0, LIAR_LOSES);
    open_both();
    for (uint32_t i = 0; i < SENT; i++) {
        ck_assert_int_eq(node_send(&alice, bob_at_alice, "some data"), TOXTCP_OK);
        settle();
    }
    ck_assert_uint_gt(bob.data_count, SENT * 65 / 100);
    ck_assert_uint_lt(bob.data_count, SENT * 85 / 100);
}
END_TEST

START_TEST(delays_and_keeps_the_order)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};
    const struct liar_config config = {.vices = LIAR_DELAYS, .delay_one_in = 40, .delay_ms = 500};
    uint8_t next = 0;
    uint32_t late = 0;

    open_liar_with(0, &config);
    struct raw_client *a = open_confirmed(&keys[0]);
    struct raw_client *b = open_confirmed(&keys[1]);
    for (uint8_t sent = 1; sent <= 100; sent++) {
        raw_client_send_oob(a, &keys[1].public_key, &sent, 1);
        settle();
        const struct packet *packet;
        while ((packet = raw_client_next(b))) {
            ck_assert_uint_eq(packet->data[0], ++next);
        }
        late += next != sent;
        run(10);
    }
    ck_assert_uint_gt(late, 10);
    ck_assert_uint_lt(late, 95);
    run(500);
    ck_assert_uint_eq(raw_client_drain(b), 100U - next);
    raw_client_free(a);
    raw_client_free(b);
}
END_TEST

START_TEST(delays_what_is_vital_too)
{
    const struct liar_config config = {.vices = LIAR_DELAYS, .delay_one_in = 1, .delay_ms = 300};

    open_liar_with(0, &config);
    open_both();
    run(2 * MINUTE);
    ck_assert_uint_eq(alice.waiting_count, 0);
    ck_assert_uint_ge(node_relay_info(&alice, 0).rtt_ms, 200);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
}
END_TEST

START_TEST(floods)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    const struct liar_config config = {.vices = LIAR_FLOODS_PINGS, .flood_per_s = 300};

    open_liar_with(0, &config);
    struct raw_client *raw = open_confirmed(&keys);
    (void)raw_client_drain(raw);
    run(10 * SECOND);
    ck_assert_uint_ge(raw_client_drain(raw), 2990);
    run(SECOND);
    ck_assert_uint_le(raw_client_drain(raw), 310);
    raw_client_free(raw);
}
END_TEST

/* A client answers what it can be asked, and leaves one that asks for more. */
START_TEST(a_flood_is_answered_or_left)
{
    struct toxtcp_client_config defaults;

    toxtcp_client_config_default(&defaults);
    const uint32_t bearable_per_s = defaults.pings_max / 40;
    const struct liar_config few = {.vices = LIAR_FLOODS_PINGS, .flood_per_s = bearable_per_s};
    const struct liar_config many = {.vices = LIAR_FLOODS_PINGS, .flood_per_s = 4 * bearable_per_s};

    ck_assert_uint_gt(bearable_per_s, 0);
    open_liar_with(0, &few);
    open_liar_with(1, &many);
    open_both();
    (void)node_tie(&alice, bob_at_alice, 1);
    run(MINUTE);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, 0);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(node_relay_info(&alice, 1).last_error, TOXTCP_ERR_PROTOCOL);
}
END_TEST

START_TEST(rubbish_ends_the_connection)
{
    open_liar(0, LIAR_RUBBISH);
    open_both();
    run(2 * MINUTE);
    ck_assert_uint_ge(alice.waiting_count, 2);
    ck_assert_int_eq(node_relay_info(&alice, 0).last_error, TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* --- None of them harms --- */

/* Peers that talk at every turn, and are not always there. */
static void talk(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 500) {
        (void)node_send(&alice, bob_at_alice, "from alice");
        (void)node_send(&bob, alice_at_bob, "from bob");
        if (net_random(world.net) % 20 == 0) {
            (void)toxtcp_peer_sleep(alice.connections, bob_at_alice);
        } else if (net_random(world.net) % 4 == 0) {
            (void)toxtcp_peer_wake(alice.connections, bob_at_alice);
        }
        if (net_random(world.net) % 20 == 0) {
            (void)toxtcp_peer_remove(bob.connections, alice_at_bob);
            alice_at_bob = node_add(&bob, &alice);
            (void)node_tie(&bob, alice_at_bob, 0);
        }
        run(500);
    }
}

START_TEST(clients_survive_each)
{
    open_liar(0, 1U << _i);
    open_both();
    talk(4 * MINUTE);
}
END_TEST

START_TEST(clients_survive_any_mixture)
{
    for (int i = 0; i < _i; i++) {
        (void)net_random(world.net);
    }
    open_liar(0, (uint32_t)(net_random(world.net) >> 20) & ~(uint32_t)(LIAR_MUTE | LIAR_OTHER_KEY) &
                     (uint32_t)net_random(world.net));
    open_liar(1, (uint32_t)(net_random(world.net) >> 20));
    open_both();
    (void)node_tie(&alice, bob_at_alice, 1);
    talk(MINUTE);
}
END_TEST

/* One that closes takes all of its streams with it. */
START_TEST(liars_come_and_go)
{
    for (uint32_t i = 0; i < VICES; i++) {
        open_liar(0, 1U << i);
        if (!alice.connections) {
            open_both();
        }
        talk(10 * SECOND);
        close_liar(0);
    }
}
END_TEST

/* Whatever clients send: nonsense in good boxes, and nonsense in none. */
START_TEST(liars_survive_their_clients)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net), net_keys(world.net)};
    const uint32_t vices = _i < VICES ? 1U << _i : 0;
    struct raw_client *raws[3] = {0};
    uint8_t plain[WIRE_PLAIN_MAX];

    open_liar(0, vices & ~(uint32_t)LIAR_RUBBISH);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t n = net_random(world.net) % 3;
        if (!raws[n] || raw_client_error(raws[n]) || net_random(world.net) % 200 == 0) {
            raw_client_free(raws[n]);
            raws[n] = open_raw(&keys[n]);
        }
        for (size_t k = 0; k < sizeof plain; k++) {
            plain[k] = (uint8_t)net_random(world.net);
        }
        /* Mostly right in kind, so that it gets somewhere. */
        plain[0] = net_random(world.net) % 8 == 0 ? plain[0] : (uint8_t)(plain[0] % 20);
        memcpy(plain + 1, keys[net_random(world.net) % 3].public_key.bytes, WIRE_KEY_SIZE);
        static const size_t sizes[] = {1, 2, 9, 33, 34, 100, 1057, 2032};
        raw_client_send_plain(raws[n], plain, sizes[net_random(world.net) % 8]);
        if (net_random(world.net) % 100 == 0) {
            net_raw_write(raws[n]->end, plain, 100);
        }
        settle();
        (void)raw_client_drain(raws[n]);
        run(net_random(world.net) % 20 == 0 ? 200 : 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        raw_client_free(raws[i]);
    }
}
END_TEST

/* A client that reads nothing is ended when too much waits for it, and its peers hear of it. */
START_TEST(liars_bound_what_waits)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};
    const struct liar_config config = {.vices = LIAR_DELAYS, .delay_one_in = 1, .delay_ms = 5 * SECOND};

    open_liar_with(0, &config);
    struct raw_client *a = open_raw(&keys[0]);
    struct raw_client *b = open_raw(&keys[1]);
    raw_client_send_key(b, WIRE_ROUTING_REQUEST, &keys[0].public_key);
    raw_client_send_key(a, WIRE_ROUTING_REQUEST, &keys[1].public_key);
    settle();
    for (uint64_t i = 1; i <= 1025; i++) {
        raw_client_send_ping_id(a, WIRE_PING, i);
    }
    settle();
    ck_assert_int_eq(raw_client_error(a), TOXTCP_ERR_CLOSED);
    run(5 * SECOND);
    (void)raw_client_expect(b, WIRE_ROUTING_RESPONSE);
    (void)raw_client_expect(b, WIRE_CONNECT);
    (void)raw_client_expect(b, WIRE_DISCONNECT);
    raw_client_free(a);
    raw_client_free(b);
}
END_TEST

void add_vices(TCase *tests)
{
    tcase_add_test(tests, mute_is_given_up);
    tcase_add_test(tests, other_key_is_refused);
    tcase_add_test(tests, drops_data_and_not_oob);
    tcase_add_test(tests, drops_oob_and_not_data);
    tcase_add_test(tests, ghosts_are_online);
    tcase_add_test(tests, ghosts_are_believed);
    tcase_add_test(tests, unasked_says_everything);
    tcase_add_test(tests, unasked_is_ignored);
    tcase_add_test(tests, reused_ids_end_the_connection);
    tcase_add_test(tests, reuses_ids_of_both_kinds);
    tcase_add_test(tests, loses_some);
    tcase_add_test(tests, delays_and_keeps_the_order);
    tcase_add_test(tests, delays_what_is_vital_too);
    tcase_add_test(tests, floods);
    tcase_add_test(tests, a_flood_is_answered_or_left);
    tcase_add_test(tests, rubbish_ends_the_connection);
}

void add_harm(TCase *tests)
{
    tcase_add_loop_test(tests, clients_survive_each, 0, VICES);
    tcase_add_loop_test(tests, clients_survive_any_mixture, 0, MIXTURES);
    tcase_add_test(tests, liars_come_and_go);
    tcase_add_loop_test(tests, liars_survive_their_clients, 0, VICES + 1);
    tcase_add_test(tests, liars_bound_what_waits);
}
