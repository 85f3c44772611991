/* Debian's libtoxcore as a client of our relay. SPDX-License-Identifier: ISC
 *
 * Two Tox instances with UDP off, behind tox.h alone, share a process and a loop with the relay. */
#include <stdlib.h>

#include <check.h>
#include <tox/tox.h>

#include "interop/scene.h"

/* How often a Tox instance is asked to do its work. */
#define ITERATE_MS 20

static struct scene scene;

struct our_relay {
    struct toxtcp_server *server;
    struct toxtcp_ev_listener *listener;
    struct toxtcp_key_pair keys;
    uint16_t port;
};

static struct our_relay relay;

static Tox *toxes[2];

/* --- Our relay --- */

static void relay_open(const struct toxtcp_server_config *config)
{
    struct toxtcp_endpoint any = loopback(0);
    struct toxtcp_address address;
    toxtcp_key_pair_generate(scene.env, &relay.keys);
    ck_assert_int_eq(toxtcp_server_new(scene.env, toxtcp_ev_driver(scene.ev), config, &relay.keys, &relay.server), 0);
    ck_assert_int_eq(toxtcp_ev_attach_server(scene.ev, relay.server), 0);
    ck_assert_int_eq(toxtcp_ev_listen(scene.ev, relay.server, &any.address, &relay.listener), 0);
    toxtcp_ev_listener_address(relay.listener, &address);
    relay.port = address.port;
}

static void relay_close(void)
{
    toxtcp_ev_listener_free(relay.listener);
    toxtcp_ev_detach_server(scene.ev, relay.server);
    toxtcp_server_free(relay.server);
}

static struct toxtcp_server_info relay_info(void)
{
    struct toxtcp_server_info info;
    toxtcp_server_get_info(relay.server, &info);
    return info;
}

/* --- The Tox instances --- */

static void iterate(void *user)
{
    (void)user;
    for (int i = 0; i < 2; i++)
        tox_iterate(toxes[i], NULL);
}

static Tox *tox_open(void)
{
    struct Tox_Options *options = tox_options_new(NULL);
    ck_assert_ptr_nonnull(options);
    tox_options_set_udp_enabled(options, false);
    tox_options_set_ipv6_enabled(options, false);
    tox_options_set_local_discovery_enabled(options, false);
    Tox *tox = tox_new(options, NULL);
    tox_options_free(options);
    ck_assert_ptr_nonnull(tox);
    ck_assert(tox_add_tcp_relay(tox, "127.0.0.1", relay.port, relay.keys.public_key.bytes, NULL));
    return tox;
}

/* Each is the other's friend, so that they have a reason to ask for routes. */
static void befriend(Tox *tox, const Tox *friend)
{
    uint8_t key[TOX_PUBLIC_KEY_SIZE];
    tox_self_get_public_key(friend, key);
    ck_assert_uint_eq(tox_friend_add_norequest(tox, key, NULL), 0);
}

static void tox_pair_open(void)
{
    for (int i = 0; i < 2; i++)
        toxes[i] = tox_open();
    befriend(toxes[0], toxes[1]);
    befriend(toxes[1], toxes[0]);
    scene.turn = iterate;
    scene.turn_ms = ITERATE_MS;
}

static void tox_pair_close(void)
{
    scene.turn = NULL;
    for (int i = 0; i < 2; i++)
        tox_kill(toxes[i]);
}

/* --- Tests --- */

/* A client of ours on a loop that nobody runs any more: the relay's pings find it silent. */
static void open_silent(struct scene *frozen, struct peer *silent)
{
    uint64_t before = relay_info().confirmed;
    uint64_t end_ms = toxtcp_ev_now(scene.ev) + SCENE_PATIENCE_MS;
    scene_open(frozen);
    peer_dial(silent, frozen, NULL, NULL, &relay.keys.public_key, relay.port);
    while (relay_info().confirmed == before) {
        scene_turn(frozen, toxtcp_ev_now(frozen->ev) + 1);
        ck_assert_msg(scene_turn(&scene, end_ms), "the silent client was not confirmed");
    }
    ck_assert(!silent->over);
}

static void close_silent(struct scene *frozen, struct peer *silent)
{
    peer_close(silent);
    scene_close(frozen);
}

static void assert_two_well_behaved(uint64_t pong_timeouts)
{
    struct toxtcp_server_info info = relay_info();
    ck_assert_uint_eq(info.client_count, 2);
    ck_assert_uint_eq(info.unconfirmed_count, 0);
    ck_assert_uint_eq(info.pong_timeouts, pong_timeouts);
    ck_assert_uint_eq(info.confirmed, 2 + pong_timeouts);
    ck_assert_uint_eq(info.handshake_failures, 0);
    ck_assert_uint_eq(info.protocol_violations, 0);
    ck_assert_uint_eq(info.replaced, 0);
    toxtcp_server_check(relay.server);
}

/* Our relay alone, which has no UDP: they connect, and answer many pings; who does not answer is dropped. */
START_TEST(stays_through_many_pings)
{
    struct toxtcp_server_config config;
    struct scene frozen;
    struct peer silent;
    scene_open(&scene);
    toxtcp_server_config_default(&config);
    config.ping_interval_ms = 400;
    config.pong_timeout_ms = 2000;
    relay_open(&config);
    tox_pair_open();
    SCENE_WAIT(&scene, relay_info().confirmed == 2);
    open_silent(&frozen, &silent);
    SCENE_WAIT(&scene, relay_info().pong_timeouts == 1);
    /* Over ten more rounds for the two that do answer. */
    scene_run(&scene, 5000);
    assert_two_well_behaved(1);
    close_silent(&frozen, &silent);
    tox_pair_close();
    relay_close();
    scene_close(&scene);
}
END_TEST

/* The same at the default intervals, past the first ping. */
START_TEST(stays_at_the_default_intervals)
{
    struct scene frozen;
    struct peer silent;
    scene_open(&scene);
    relay_open(NULL);
    tox_pair_open();
    SCENE_WAIT(&scene, relay_info().confirmed == 2);
    open_silent(&frozen, &silent);
    SCENE_WAIT_MS(&scene, relay_info().pong_timeouts == 1, 60000);
    scene_run(&scene, 2000);
    assert_two_well_behaved(1);
    close_silent(&frozen, &silent);
    tox_pair_close();
    relay_close();
    scene_close(&scene);
}
END_TEST

static Suite *toxcore_suite(void)
{
    Suite *suite = suite_create("libtoxcore");
    TCase *tcase = tcase_create("clients of our relay");
    tcase_set_timeout(tcase, 200);
    tcase_add_test(tcase, stays_through_many_pings);
    tcase_add_test(tcase, stays_at_the_default_intervals);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(toxcore_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
