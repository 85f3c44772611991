/* toxtcp-relay in the place of a tox-bootstrapd, and through changes of its configuration. SPDX-License-Identifier: ISC
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <tox/tox.h>

#include "interop/bootstrapd.h"
#include "interop/relayd.h"
#include "interop/scene.h"
#include "interop/sockets.h"

/* How often a Tox instance is asked to do its work, and how long two of them may need to find each other. */
#define ITERATE_MS 20
#define FIND_MS 150000
#define TALK_MS 60000

/* Messages in each direction after every step. */
#define MESSAGES 20

static struct bootstrapd bootstrapd;
static struct relayd relay;
static struct scene scene;

/* In the runner, so that the directories go whatever becomes of the test. */
static void prepare(void)
{
    bootstrapd_prepare(&bootstrapd);
    relayd_prepare(&relay);
}

static void cleanup(void)
{
    bootstrapd_cleanup(&bootstrapd);
    relayd_cleanup(&relay);
}

/* --- The place of a tox-bootstrapd --- */

/* With every key that tox-bootstrapd says it reads. Ports below 1024 are for root, so these are others. */
static void write_configuration(const char *path, bool ipv6, uint16_t second, uint16_t third)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "// A bootstrap node and relay.\n\nport = %u\n\n", bootstrapd.udp_port);
    fprintf(file, "# A key file is like a password, so keep it where no one can read it.\n");
    fprintf(file, "keys_file_path = \"%s/keys\"\npid_file_path = \"%s/pid\"\n\n", bootstrapd.directory,
            bootstrapd.directory);
    fprintf(file, "enable_ipv6 = %s\nenable_ipv4_fallback = true\nenable_lan_discovery = true\n\n",
            ipv6 ? "true" : "false");
    fprintf(file, "enable_tcp_relay = true\ntcp_relay_ports = [%u, %u, %u]\n\n", bootstrapd.tcp_port, second, third);
    fprintf(file, "enable_motd = true\nmotd = \"tox-bootstrapd\"\n\n/* Any number of\n   nodes. */\n");
    fprintf(file, "bootstrap_nodes = (\n");
    for (int i = 0; i < 2; i++) {
        fprintf(file, "  { // Node %d\n    address = \"%s\"\n    port = %u\n", i + 1,
                i == 0 ? "127.0.0.1" : "localhost", second);
        fprintf(file, "    public_key = \"%s\"\n  }%s\n",
                "728925473812C7AAC482BE7250BCCAD0B8CB9F737BF3D42ABD34459C1768F854", i == 0 ? "," : "");
    }
    fprintf(file, ")\n");
    ck_assert_int_eq(fclose(file), 0);
}

static void assert_same(const struct ports *ports, const struct ports *wanted)
{
    ck_assert_uint_eq(ports->count, wanted->count);
    ck_assert_mem_eq(ports->port, wanted->port, wanted->count * sizeof wanted->port[0]);
}

/* A client of ours reaches the relay with that key at each of the ports. */
static void assert_relays(const struct toxtcp_public_key *key, const struct ports *ports, bool ipv6)
{
    scene_open(&scene);
    for (size_t i = 0; i < ports->count; i++) {
        struct peer peer;
        peer_open(&peer, &scene, key, ports->port[i]);
        peer_fence(&peer);
        peer_close(&peer);
        ck_assert_int_eq(sockets_reach("::1", ports->port[i]), ipv6);
    }
    scene_close(&scene);
}

/* tox-bootstrapd makes its keys and serves; then toxtcp-relay is started with the same file. */
START_TEST(takes_over_identity_and_ports)
{
    const bool ipv6 = _i == 1;
    char conf[128];
    struct ports theirs, ours;
    snprintf(conf, sizeof conf, "%s/conf", bootstrapd.directory);
    write_configuration(conf, ipv6, sockets_free_port(), sockets_free_port());
    bootstrapd_remove_keys(&bootstrapd);
    bootstrapd_start(&bootstrapd);
    bootstrapd_read_keys(&bootstrapd);
    sockets_listening(bootstrapd.pid, &theirs);
    ck_assert_uint_eq(theirs.count, 3);
    assert_relays(&bootstrapd.keys.public_key, &theirs, ipv6);
    bootstrapd_stop(&bootstrapd, SIGTERM);

    relayd_start(&relay, conf, ipv6 ? 6 : 3);
    ck_assert_mem_eq(relay.key.bytes, bootstrapd.keys.public_key.bytes, sizeof relay.key.bytes);
    sockets_listening(relay.pid, &ours);
    assert_same(&ours, &theirs);
    assert_relays(&bootstrapd.keys.public_key, &ours, ipv6);
    /* What a relay by TCP alone has no use for is named, once. */
    ck_assert_uint_eq(relayd_said(&relay, "bootstrap_nodes"), 1);
    ck_assert_uint_eq(relayd_said(&relay, "enable_lan_discovery"), 1);
    relayd_stop(&relay);

    /* And back. */
    bootstrapd_start(&bootstrapd);
    assert_relays(&bootstrapd.keys.public_key, &theirs, ipv6);
    bootstrapd_stop(&bootstrapd, SIGTERM);
}
END_TEST

/* --- A conversation between two of libtoxcore's clients --- */

static Tox *toxes[2];
static unsigned sent[2];     /* by each */
static unsigned received[2]; /* by each */
static unsigned calls[2];    /* that each has heard: what may get lost */
static unsigned status_changes;

static void on_message(Tox *tox, uint32_t friend, TOX_MESSAGE_TYPE type, const uint8_t *text, size_t len, void *user)
{
    char want[16];
    int me = tox == toxes[0] ? 0 : 1;
    (void)friend;
    (void)type;
    (void)user;
    if (len == 4) {
        calls[me]++;
        return;
    }
    snprintf(want, sizeof want, "message %u", received[me]);
    ck_assert_uint_eq(len, strlen(want));
    ck_assert_mem_eq(text, want, len);
    received[me]++;
}

static void on_status(Tox *tox, uint32_t friend, TOX_CONNECTION status, void *user)
{
    (void)tox;
    (void)friend;
    (void)status;
    (void)user;
    status_changes++;
}

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
    tox_callback_friend_message(tox, on_message);
    tox_callback_friend_connection_status(tox, on_status);
    return tox;
}

/* They need a node of the DHT to find each other; the relays are tox-bootstrapd's and ours. */
static void tox_pair_open(void)
{
    for (int i = 0; i < 2; i++)
        toxes[i] = tox_open();
    for (int i = 0; i < 2; i++) {
        uint8_t key[TOX_PUBLIC_KEY_SIZE];
        const uint8_t *node = bootstrapd.keys.public_key.bytes;
        tox_self_get_public_key(toxes[1 - i], key);
        ck_assert_uint_eq(tox_friend_add_norequest(toxes[i], key, NULL), 0);
        ck_assert(tox_bootstrap(toxes[i], "127.0.0.1", bootstrapd.udp_port, node, NULL));
        ck_assert(tox_add_tcp_relay(toxes[i], "127.0.0.1", bootstrapd.tcp_port, node, NULL));
        ck_assert(tox_add_tcp_relay(toxes[i], "127.0.0.1", relay.port, relay.key.bytes, NULL));
    }
    scene.turn = iterate;
    scene.turn_ms = ITERATE_MS;
}

static void tox_pair_close(void)
{
    scene.turn = NULL;
    for (int i = 0; i < 2; i++)
        tox_kill(toxes[i]);
}

static bool friends(void)
{
    return tox_friend_get_connection_status(toxes[0], 0, NULL) == TOX_CONNECTION_TCP &&
           tox_friend_get_connection_status(toxes[1], 0, NULL) == TOX_CONNECTION_TCP;
}

/* Their other relay is gone: they call until they hear each other through ours. That is between the two of them, and
 * when they take long to notice, what they had sent is lost. */
static void find_again(void)
{
    uint64_t end_ms = toxtcp_ev_now(scene.ev) + FIND_MS;
    unsigned before[2] = {calls[0], calls[1]};
    while (!friends() || calls[0] < before[0] + 2 || calls[1] < before[1] + 2) {
        for (int i = 0; i < 2; i++)
            tox_friend_send_message(toxes[i], 0, TOX_MESSAGE_TYPE_NORMAL, (const uint8_t *)"call", 4, NULL);
        ck_assert_msg(toxtcp_ev_now(scene.ev) < end_ms, "they do not find each other through our relay alone");
        scene_run(&scene, 500);
    }
}

static bool all_arrived(void)
{
    return received[0] == sent[1] && received[1] == sent[0];
}

/* Both talk, and hear everything that the other one says, in order. `when` is for the message when they don't. */
static void talk(const char *when)
{
    for (unsigned n = 0; n < MESSAGES; n++) {
        for (int i = 0; i < 2; i++) {
            char text[16];
            Tox_Err_Friend_Send_Message error;
            int len = snprintf(text, sizeof text, "message %u", sent[i]++);
            tox_friend_send_message(toxes[i], 0, TOX_MESSAGE_TYPE_NORMAL, (const uint8_t *)text, (size_t)len, &error);
            ck_assert_int_eq(error, TOX_ERR_FRIEND_SEND_MESSAGE_OK);
        }
        uint64_t end_ms = toxtcp_ev_now(scene.ev) + TALK_MS;
        while (!all_arrived())
            ck_assert_msg(scene_turn(&scene, end_ms), "%s: %u of %u and %u of %u messages have arrived", when,
                          received[1], sent[0], received[0], sent[1]);
    }
}

/* --- What a reload does --- */

/* Of many that come from one address, this many are let in and stay. */
static unsigned let_in(void)
{
    enum { COUNT = 12 };
    struct peer peers[COUNT];
    unsigned in = 0;
    for (size_t i = 0; i < COUNT; i++)
        peer_dial(&peers[i], &scene, NULL, NULL, &relay.key, relay.port);
    for (size_t i = 0; i < COUNT; i++) {
        SCENE_WAIT(&scene, peers[i].connected || peers[i].over);
        in += peers[i].connected ? 1 : 0;
    }
    for (size_t i = 0; i < COUNT; i++)
        peer_close(&peers[i]);
    return in == COUNT ? UINT_MAX : in;
}

static void configure(const char *more)
{
    relayd_configure(&relay,
                     "listen = [\"127.0.0.1:0\"];\nkeys_file_path = \"%s/keys\";\nthreads = 2;\nlog_level = "
                     "\"info\";\n%s\n",
                     relay.directory, more);
}

/* After a signal: until it has said so. */
static void reload_until(const char *says)
{
    unsigned before = relayd_said(&relay, says);
    relayd_signal(&relay, SIGHUP);
    SCENE_WAIT(&scene, relayd_said(&relay, says) > before);
}

static void assert_unmoved(const struct ports *connections)
{
    struct ports now;
    sockets_connected(relay.port, &now);
    assert_same(&now, connections);
    ck_assert_uint_eq(status_changes, 0);
    ck_assert(friends());
}

/* They go on through our relay alone, over the same connections, whatever its configuration is made to say. */
START_TEST(conversation_goes_on_through_reloads)
{
    struct ports connections;
    configure("");
    bootstrapd_start(&bootstrapd);
    relayd_start(&relay, NULL, 1);
    scene_open(&scene);
    tox_pair_open();
    SCENE_WAIT_MS(&scene, friends(), FIND_MS);
    talk("both relays");
    bootstrapd_stop(&bootstrapd, SIGTERM);
    find_again();
    talk("our relay alone");
    sockets_connected(relay.port, &connections);
    ck_assert_uint_ge(connections.count, 2);
    ck_assert_uint_eq(let_in(), UINT_MAX);
    status_changes = 0;

    /* A good file: nobody else from here, for each of two threads. Those who are in stay in. */
    configure("per_address_max = 2;");
    reload_until("conf again; changed: ");
    ck_assert_uint_le(let_in(), 2);
    talk("another limit");
    assert_unmoved(&connections);

    /* A broken one, and one with a wrong value: nothing changes. */
    configure("per_address_max = = 1024;");
    reload_until("conf:5");
    talk("a broken file");
    configure("per_address_max = -1;");
    reload_until("conf:5");
    talk("a wrong value");
    ck_assert_uint_le(let_in(), 2);
    assert_unmoved(&connections);

    configure("");
    reload_until("conf again; changed: ");
    ck_assert_uint_eq(let_in(), UINT_MAX);
    talk("the first limits again");
    assert_unmoved(&connections);

    tox_pair_close();
    scene_close(&scene);
    relayd_stop(&relay);
}
END_TEST

static Suite *takeover_suite(void)
{
    Suite *suite = suite_create("toxtcp-relay for tox-bootstrapd");
    TCase *takeover = tcase_create("takeover");
    tcase_add_unchecked_fixture(takeover, prepare, cleanup);
    tcase_add_loop_test(takeover, takes_over_identity_and_ports, 0, 2);
    suite_add_tcase(suite, takeover);
    TCase *reload = tcase_create("reload");
    tcase_add_unchecked_fixture(reload, prepare, cleanup);
    tcase_set_timeout(reload, 400);
    tcase_add_test(reload, conversation_goes_on_through_reloads);
    suite_add_tcase(suite, reload);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(takeover_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
