/* Liars of the simulator: an honest one is a relay. SPDX-License-Identifier: ISC */
#include "check_sim_liar.h"

#include <string.h>

START_TEST(honest_carries_data)
{
    open_liar(0, 0);
    open_both();
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
    ck_assert_int_eq(node_send(&alice, bob_at_alice, "to bob"), TOXTCP_OK);
    ck_assert_int_eq(node_send(&bob, alice_at_bob, "to alice"), TOXTCP_OK);
    settle();
    ck_assert(node_heard(&bob, "to bob"));
    ck_assert(node_heard(&alice, "to alice"));
}
END_TEST

START_TEST(honest_tells_who_goes)
{
    open_liar(0, 0);
    open_both();
    node_close(&bob);
    run(SECOND);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_REGISTERED);
    ck_assert_uint_eq(count_streams(0), 1);
}
END_TEST

START_TEST(honest_keeps_connections_for_long)
{
    open_liar(0, 0);
    open_both();
    run(5 * MINUTE);
    ck_assert_uint_eq(alice.waiting_count + bob.waiting_count, 0);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
    ck_assert_uint_ne(node_relay_info(&alice, 0).rtt_ms, UINT32_MAX);
}
END_TEST

START_TEST(honest_carries_oob)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};

    open_liar(0, 0);
    struct raw_client *a = open_confirmed(&keys[0]);
    struct raw_client *b = open_confirmed(&keys[1]);
    raw_client_send_oob(a, &keys[1].public_key, (const uint8_t *)"oob", 3);
    settle();
    const struct packet *packet = raw_client_expect(b, WIRE_OOB_RECV);
    ck_assert(toxtcp_public_key_equal(&packet->key, &keys[0].public_key));
    ck_assert_uint_eq(packet->data_len, 3);
    ck_assert_mem_eq(packet->data, "oob", 3);
    raw_client_expect_nothing(a);
    /* To itself as to anybody. */
    raw_client_send_oob(a, &keys[0].public_key, (const uint8_t *)"self", 4);
    settle();
    packet = raw_client_expect(a, WIRE_OOB_RECV);
    ck_assert(toxtcp_public_key_equal(&packet->key, &keys[0].public_key));
    ck_assert_mem_eq(packet->data, "self", 4);
    raw_client_expect_nothing(b);
    raw_client_free(a);
    raw_client_free(b);
}
END_TEST

START_TEST(honest_routes)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net), net_keys(world.net)};

    open_liar(0, 0);
    struct raw_client *a = open_confirmed(&keys[0]);
    struct raw_client *b = open_confirmed(&keys[1]);
    ask(a, &keys[0].public_key);
    expect_response(a, WIRE_ID_REFUSED);
    ask(a, &keys[1].public_key);
    expect_response(a, 16);
    ask(a, &keys[1].public_key);
    expect_response(a, 16);
    ask(a, &keys[2].public_key);
    expect_response(a, 17);
    raw_client_expect_nothing(a);
    ask(b, &keys[0].public_key);
    expect_response(b, 16);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_CONNECT)->id, 16);
    ck_assert_uint_eq(raw_client_expect(a, WIRE_CONNECT)->id, 16);
    raw_client_send_id(b, WIRE_DISCONNECT, 16);
    settle();
    ck_assert_uint_eq(raw_client_expect(a, WIRE_DISCONNECT)->id, 16);
    /* To one who has no route back nothing goes. */
    raw_client_send_data(a, 16, (const uint8_t *)"x", 1);
    settle();
    raw_client_expect_nothing(b);
    /* The id that was given up is free again. */
    raw_client_send_id(a, WIRE_DISCONNECT, 16);
    ask(a, &keys[2].public_key);
    expect_response(a, 17);
    ask(a, &world.relay_keys[1].public_key);
    expect_response(a, 16);
    raw_client_expect_nothing(b);
    raw_client_free(a);
    raw_client_free(b);
}
END_TEST

START_TEST(honest_runs_out_of_ids)
{
    const struct toxtcp_key_pair keys = net_keys(world.net);
    struct toxtcp_public_key key = world.relay_keys[1].public_key;

    open_liar(0, 0);
    struct raw_client *raw = open_confirmed(&keys);
    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        key.bytes[0] = (uint8_t)i;
        ask(raw, &key);
        expect_response(raw, (uint8_t)(WIRE_ID_MIN + i));
    }
    key.bytes[1] ^= 1;
    ask(raw, &key);
    expect_response(raw, WIRE_ID_REFUSED);
    raw_client_free(raw);
}
END_TEST

START_TEST(honest_takes_the_newer_connection_of_a_key)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};

    open_liar(0, 0);
    struct raw_client *a = open_confirmed(&keys[0]);
    struct raw_client *b = open_confirmed(&keys[1]);
    ask(a, &keys[1].public_key);
    ask(b, &keys[0].public_key);
    (void)raw_client_drain(b);
    struct raw_client *newer = open_confirmed(&keys[0]);
    settle();
    ck_assert_int_eq(raw_client_error(a), TOXTCP_ERR_CLOSED);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_DISCONNECT)->id, 16);
    ask(newer, &keys[1].public_key);
    expect_response(newer, 16);
    (void)raw_client_expect(newer, WIRE_CONNECT);
    (void)raw_client_expect(b, WIRE_CONNECT);
    raw_client_free(a);
    raw_client_free(b);
    raw_client_free(newer);
}
END_TEST

START_TEST(honest_ends_who_is_silent)
{
    const struct toxtcp_key_pair keys[] = {net_keys(world.net), net_keys(world.net)};

    open_liar(0, 0);
    struct raw_client *unconfirmed = open_raw(&keys[0]);
    struct raw_client *confirmed = open_confirmed(&keys[1]);
    run(WIRE_CONFIRM_TIMEOUT_MS - SECOND);
    ck_assert_int_eq(raw_client_error(unconfirmed), 0);
    run(2 * SECOND);
    ck_assert_int_eq(raw_client_error(unconfirmed), TOXTCP_ERR_CLOSED);
    run(20 * SECOND);
    ck_assert_int_eq(raw_client_error(confirmed), 0);
    (void)raw_client_expect(confirmed, WIRE_PING);
    run(WIRE_PONG_TIMEOUT_MS);
    ck_assert_int_eq(raw_client_error(confirmed), TOXTCP_ERR_CLOSED);
    raw_client_free(unconfirmed);
    raw_client_free(confirmed);
}
END_TEST

/* A client that breaks the rules loses its connection; the others lose nothing. */
START_TEST(honest_ends_who_breaks_the_rules)
{
    static const uint8_t wrong[][2] = {{WIRE_ROUTING_REQUEST, 1}, {WIRE_ROUTING_RESPONSE, 34}, {WIRE_CONNECT, 2},
                                       {WIRE_OOB_RECV, 40},       {WIRE_OOB_SEND, 33},         {WIRE_PING, 9},
                                       {WIRE_RESERVED_FIRST, 9},  {WIRE_ONION_RESPONSE, 9},    {WIRE_DISCONNECT, 1}};
    static const uint8_t zeros[64];
    const struct toxtcp_key_pair keys = net_keys(world.net);
    uint8_t plain[64];

    open_liar(0, 0);
    open_both();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct raw_client *raw = open_confirmed(&keys);
        memcpy(plain, zeros, sizeof plain);
        plain[0] = wrong[i][0];
        raw_client_send_plain(raw, plain, wrong[i][1]);
        settle();
        ck_assert_int_eq(raw_client_error(raw), TOXTCP_ERR_CLOSED);
        raw_client_free(raw);
    }
    ck_assert_uint_eq(alice.waiting_count + bob.waiting_count, 0);
    ck_assert_int_eq(state_of_bob(), TOXTCP_PEER_ONLINE);
}
END_TEST

START_TEST(formats_vices)
{
    char text[128];

    liar_vices_format(0, text, sizeof text);
    ck_assert_str_eq(text, "honest");
    liar_vices_format(LIAR_DROPS_DATA | LIAR_GHOSTS, text, sizeof text);
    ck_assert_str_eq(text, "drops-data|ghosts");
    liar_vices_format(UINT32_MAX, text, sizeof text);
    ck_assert_str_eq(text, "mute|other-key|drops-data|drops-oob|ghosts|unasked|reuses-ids|loses|delays|floods-pings|"
                           "rubbish");
    liar_vices_format(UINT32_MAX, text, 8);
    ck_assert_str_eq(text, "mute|ot");
    text[0] = 'x';
    liar_vices_format(0, text, 0);
    ck_assert_int_eq(text[0], 'x');
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, open_world, close_world);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_honest(TCase *tests)
{
    tcase_add_test(tests, honest_carries_data);
    tcase_add_test(tests, honest_tells_who_goes);
    tcase_add_test(tests, honest_keeps_connections_for_long);
    tcase_add_test(tests, honest_carries_oob);
    tcase_add_test(tests, honest_routes);
    tcase_add_test(tests, honest_runs_out_of_ids);
    tcase_add_test(tests, honest_takes_the_newer_connection_of_a_key);
    tcase_add_test(tests, honest_ends_who_is_silent);
    tcase_add_test(tests, honest_ends_who_breaks_the_rules);
    tcase_add_test(tests, formats_vices);
}

int main(void)
{
    Suite *suite = suite_create("sim_liar");

    add_honest(add_case(suite, "honest"));
    add_vices(add_case(suite, "vices"));
    add_harm(add_case(suite, "harm"));
    return run_suite(suite);
}
