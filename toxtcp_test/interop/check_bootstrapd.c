/* Our client against a tox-bootstrapd that the test starts. SPDX-License-Identifier: ISC
 *
 * docs/interop.md tells what is seen here. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "interop/bootstrapd.h"
#include "interop/raw_client.h"
#include "interop/scene.h"

static struct bootstrapd relay;
static struct scene scene;

/* In the runner, so that the directory goes whatever becomes of the test. */
static void prepare(void)
{
    bootstrapd_prepare(&relay);
}

static void cleanup(void)
{
    bootstrapd_cleanup(&relay);
}

/* In each test's own process: a fresh relay, which dies with it. */
static void setup(void)
{
    bootstrapd_start(&relay);
}

static void teardown(void)
{
    bootstrapd_stop(&relay, SIGTERM);
}

static void open_peer(struct peer *peer)
{
    peer_open(peer, &scene, &relay.keys.public_key, relay.tcp_port);
}

static struct toxtcp_client_info info_of(const struct peer *peer)
{
    struct toxtcp_client_info info;
    toxtcp_client_get_info(peer->client, &info);
    return info;
}

/* Routes both ways, online on both sides. */
static void tie(struct peer *a, struct peer *b, struct toxtcp_route *to_b, struct toxtcp_route *to_a)
{
    *to_b = peer_route(a, b);
    *to_a = peer_route(b, a);
    SCENE_WAIT(&scene, peer_route_status(a, *to_b) == TOXTCP_ROUTE_ONLINE);
    SCENE_WAIT(&scene, peer_route_status(b, *to_a) == TOXTCP_ROUTE_ONLINE);
}

static void fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + len);
}

static void assert_heard(const struct heard *heard, const uint8_t *bytes, size_t len)
{
    ck_assert_uint_eq(heard->len, len);
    ck_assert_mem_eq(heard->bytes, bytes, len);
}

START_TEST(handshake_and_our_ping)
{
    struct peer peer;
    scene_open(&scene);
    open_peer(&peer);
    SCENE_WAIT(&scene, info_of(&peer).rtt_ms != UINT32_MAX);
    uint64_t before = info_of(&peer).packets_received;
    /* Nothing else is going on, so that the loop sleeps when the ping is asked for. */
    ck_assert_int_eq(toxtcp_client_ping(peer.client), 0);
    SCENE_WAIT_MS(&scene, info_of(&peer).packets_received == before + 1, SCENE_PATIENCE_MS);
    ck_assert(!peer.over);
    peer_close(&peer);
    scene_close(&scene);
}
END_TEST

START_TEST(wrong_relay_key)
{
    struct peer peer;
    struct toxtcp_key_pair other;
    scene_open(&scene);
    toxtcp_key_pair_generate(scene.env, &other);
    peer_dial(&peer, &scene, NULL, NULL, &other.public_key, relay.tcp_port);
    SCENE_WAIT(&scene, peer.over);
    ck_assert(!peer.connected);
    ck_assert_int_eq(peer.error, TOXTCP_ERR_WRONG_KEY);
    peer_close(&peer);
    scene_close(&scene);
}
END_TEST

/* The keys file that it makes for itself is one that we can read. */
START_TEST(keys_of_its_own)
{
    scene_open(&scene);
    bootstrapd_stop(&relay, SIGTERM);
    bootstrapd_remove_keys(&relay);
    bootstrapd_start(&relay);
    bootstrapd_read_keys(&relay);
    struct peer peer;
    open_peer(&peer);
    peer_close(&peer);
    scene_close(&scene);
}
END_TEST

START_TEST(routes_both_ways)
{
    struct peer a, b;
    scene_open(&scene);
    open_peer(&a);
    open_peer(&b);
    struct toxtcp_route to_b = peer_route(&a, &b);
    SCENE_WAIT(&scene, peer_route_status(&a, to_b) == TOXTCP_ROUTE_REGISTERED);
    /* The peer is there, but has not asked for us. */
    peer_fence(&a);
    ck_assert_int_eq(peer_route_status(&a, to_b), TOXTCP_ROUTE_REGISTERED);
    ck_assert_int_eq(toxtcp_client_send(a.client, to_b, (const uint8_t *)"x", 1), TOXTCP_ERR_NOT_CONNECTED);
    struct toxtcp_route to_a = peer_route(&b, &a);
    SCENE_WAIT(&scene, peer_route_status(&b, to_a) == TOXTCP_ROUTE_ONLINE);
    SCENE_WAIT(&scene, peer_route_status(&a, to_b) == TOXTCP_ROUTE_ONLINE);
    peer_close(&a);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

static void send_both_ways(struct peer *a, struct toxtcp_route to_b, struct peer *b, struct toxtcp_route to_a,
                           size_t len)
{
    uint8_t bytes[TOXTCP_DATA_MAX];
    unsigned at_a = a->data.count;
    unsigned at_b = b->data.count;
    fill(bytes, len);
    ck_assert_int_eq(toxtcp_client_send(a->client, to_b, bytes, len), 0);
    SCENE_WAIT(&scene, b->data.count == at_b + 1);
    assert_heard(&b->data, bytes, len);
    bytes[0] ^= 1;
    ck_assert_int_eq(toxtcp_client_send(b->client, to_a, bytes, len), 0);
    SCENE_WAIT(&scene, a->data.count == at_a + 1);
    assert_heard(&a->data, bytes, len);
}

START_TEST(data)
{
    struct peer a, b;
    struct toxtcp_route to_b, to_a;
    scene_open(&scene);
    open_peer(&a);
    open_peer(&b);
    tie(&a, &b, &to_b, &to_a);
    send_both_ways(&a, to_b, &b, to_a, 1);
    send_both_ways(&a, to_b, &b, to_a, 1373);
    send_both_ways(&a, to_b, &b, to_a, TOXTCP_DATA_MAX);
    peer_close(&a);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

static void send_oob(struct peer *from, struct peer *to, size_t len)
{
    uint8_t bytes[TOXTCP_OOB_MAX];
    unsigned before = to->oob.count;
    fill(bytes, len);
    ck_assert_int_eq(toxtcp_client_send_oob(from->client, &to->keys.public_key, bytes, len), 0);
    SCENE_WAIT(&scene, to->oob.count == before + 1);
    assert_heard(&to->oob, bytes, len);
    ck_assert(toxtcp_public_key_equal(&to->oob_sender, &from->keys.public_key));
}

START_TEST(oob)
{
    struct peer a, b;
    scene_open(&scene);
    open_peer(&a);
    open_peer(&b);
    send_oob(&a, &b, 1);
    send_oob(&a, &b, TOXTCP_OOB_MAX);
    send_oob(&a, &a, 1);
    send_oob(&a, &a, TOXTCP_OOB_MAX);
    /* To nobody: dropped, and nothing else happens. */
    struct toxtcp_key_pair nobody;
    toxtcp_key_pair_generate(scene.env, &nobody);
    ck_assert_int_eq(toxtcp_client_send_oob(a.client, &nobody.public_key, (const uint8_t *)"x", 1), 0);
    peer_fence(&a);
    peer_close(&a);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

static void on_oob_done(void *user, int result)
{
    *(int *)user = result;
}

/* It takes an OOB for a first packet, and closes in order at the end of our stream. */
START_TEST(oob_once)
{
    enum { NOT_YET = 1 };
    const uint8_t words[] = "once";
    const struct toxtcp_endpoint endpoint = loopback(relay.tcp_port);
    struct toxtcp_key_pair keys;
    struct peer receiver;
    int result = NOT_YET;

    scene_open(&scene);
    open_peer(&receiver);
    peer_fence(&receiver);
    receiver.oob.count = 0;
    toxtcp_key_pair_generate(scene.env, &keys);
    const struct toxtcp_ev_oob_order order = {&keys, &endpoint,    &relay.keys.public_key, &receiver.keys.public_key,
                                              words, sizeof words, SCENE_PATIENCE_MS,      NULL};
    ck_assert_int_eq(toxtcp_ev_send_oob_once(scene.ev, scene.env, &order, on_oob_done, &result, NULL), TOXTCP_OK);
    SCENE_WAIT(&scene, result != NOT_YET);
    ck_assert_int_eq(result, TOXTCP_OK);
    SCENE_WAIT(&scene, receiver.oob.count == 1);
    ck_assert_uint_eq(receiver.oob.len, sizeof words);
    ck_assert(toxtcp_public_key_equal(&receiver.oob_sender, &keys.public_key));
    peer_close(&receiver);
    scene_close(&scene);
}
END_TEST

static bool all_are(const struct peer *peer, const struct toxtcp_route *routes, size_t count, int status)
{
    for (size_t i = 0; i < count; i++) {
        if (peer_route_status(peer, routes[i]) != status)
            return false;
    }
    return true;
}

START_TEST(all_routes_of_our_client)
{
    struct peer a, other;
    struct toxtcp_route routes[TOXTCP_ROUTES_MAX], one_more;
    scene_open(&scene);
    memset(&other, 0, sizeof other);
    open_peer(&a);
    for (size_t i = 0; i < TOXTCP_ROUTES_MAX; i++) {
        toxtcp_key_pair_generate(scene.env, &other.keys);
        routes[i] = peer_route(&a, &other);
    }
    SCENE_WAIT(&scene, all_are(&a, routes, TOXTCP_ROUTES_MAX, TOXTCP_ROUTE_REGISTERED));
    toxtcp_key_pair_generate(scene.env, &other.keys);
    ck_assert_int_eq(toxtcp_client_route_add(a.client, &other.keys.public_key, NULL, &one_more), TOXTCP_ERR_FULL);
    /* The relay has one id for the newcomer alone if it took back the one that was given up. */
    ck_assert_int_eq(toxtcp_client_route_remove(a.client, routes[100]), 0);
    routes[100] = peer_route(&a, &other);
    SCENE_WAIT(&scene, peer_route_status(&a, routes[100]) == TOXTCP_ROUTE_REGISTERED);
    ck_assert(all_are(&a, routes, TOXTCP_ROUTES_MAX, TOXTCP_ROUTE_REGISTERED));
    peer_close(&a);
    scene_close(&scene);
}
END_TEST

START_TEST(disconnect_and_again)
{
    struct peer a, b, c;
    struct toxtcp_route to_b, to_a, to_c, from_c;
    scene_open(&scene);
    open_peer(&a);
    open_peer(&b);
    open_peer(&c);
    tie(&a, &b, &to_b, &to_a);
    ck_assert_int_eq(toxtcp_client_route_remove(a.client, to_b), 0);
    SCENE_WAIT(&scene, peer_route_status(&b, to_a) == TOXTCP_ROUTE_REGISTERED);
    /* The next peer gets b's old id; what it says must not pass for b's. */
    tie(&a, &c, &to_c, &from_c);
    to_b = peer_route(&a, &b);
    SCENE_WAIT(&scene, peer_route_status(&a, to_b) == TOXTCP_ROUTE_ONLINE);
    SCENE_WAIT(&scene, peer_route_status(&b, to_a) == TOXTCP_ROUTE_ONLINE);
    send_both_ways(&a, to_c, &c, from_c, 100);
    ck_assert_uint_eq(b.data.count, 0);
    send_both_ways(&a, to_b, &b, to_a, 100);
    ck_assert_uint_eq(c.data.count, 1);
    peer_close(&a);
    peer_close(&b);
    peer_close(&c);
    scene_close(&scene);
}
END_TEST

START_TEST(reconnect_with_the_same_key)
{
    struct peer old, fresh, b;
    struct toxtcp_route to_b, to_a;
    scene_open(&scene);
    open_peer(&old);
    open_peer(&b);
    tie(&old, &b, &to_b, &to_a);
    peer_dial(&fresh, &scene, NULL, &old.keys, &relay.keys.public_key, relay.tcp_port);
    SCENE_WAIT(&scene, old.over);
    ck_assert_msg(old.error == TOXTCP_ERR_CLOSED || old.error == TOXTCP_ERR_RESET, "%s", toxtcp_strerror(old.error));
    SCENE_WAIT(&scene, peer_route_status(&b, to_a) == TOXTCP_ROUTE_REGISTERED);
    to_b = peer_route(&fresh, &b);
    SCENE_WAIT(&scene, peer_route_status(&fresh, to_b) == TOXTCP_ROUTE_ONLINE);
    SCENE_WAIT(&scene, peer_route_status(&b, to_a) == TOXTCP_ROUTE_ONLINE);
    send_both_ways(&fresh, to_b, &b, to_a, 100);
    peer_close(&old);
    peer_close(&fresh);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

/* Both the orderly end and the sudden one. */
START_TEST(restart)
{
    struct peer a, b;
    struct toxtcp_route to_b, to_a;
    scene_open(&scene);
    open_peer(&a);
    open_peer(&b);
    tie(&a, &b, &to_b, &to_a);
    bootstrapd_stop(&relay, _i == 0 ? SIGTERM : SIGKILL);
    SCENE_WAIT(&scene, a.over && b.over);
    ck_assert_msg(a.error == TOXTCP_ERR_CLOSED || a.error == TOXTCP_ERR_RESET, "%s", toxtcp_strerror(a.error));
    struct peer early;
    peer_dial(&early, &scene, NULL, NULL, &relay.keys.public_key, relay.tcp_port);
    SCENE_WAIT(&scene, early.over);
    ck_assert_int_eq(early.error, TOXTCP_ERR_REFUSED);
    peer_close(&early);
    peer_close(&a);
    peer_close(&b);

    bootstrapd_start(&relay);
    open_peer(&a);
    open_peer(&b);
    tie(&a, &b, &to_b, &to_a);
    send_both_ways(&a, to_b, &b, to_a, 100);
    peer_close(&a);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

/* --- A whole connections object, which finds back by itself --- */

struct member {
    struct toxtcp_connections *connections;
    struct toxtcp_key_pair keys;
    struct toxtcp_peer peer;
    enum toxtcp_peer_state state;
    unsigned data_count;
};

static void on_peer_state(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state)
{
    struct member *member = user;
    (void)peer;
    (void)peer_user;
    member->state = state;
}

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay from,
                         const uint8_t *bytes, size_t len)
{
    struct member *member = user;
    (void)peer;
    (void)peer_user;
    (void)from;
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(bytes, "again", 5);
    member->data_count++;
}

static void member_open(struct member *member)
{
    static const struct toxtcp_connections_callbacks callbacks = {.peer_data = on_peer_data,
                                                                  .peer_state = on_peer_state};
    memset(member, 0, sizeof *member);
    toxtcp_key_pair_generate(scene.env, &member->keys);
    ck_assert_int_eq(toxtcp_connections_new(scene.env, toxtcp_ev_driver(scene.ev), NULL, &member->keys, &callbacks,
                                            member, &member->connections),
                     0);
    ck_assert_int_eq(toxtcp_ev_attach_connections(scene.ev, member->connections), 0);
}

static void member_close(struct member *member)
{
    toxtcp_ev_detach_connections(scene.ev, member->connections);
    toxtcp_connections_free(member->connections);
}

static void member_meet(struct member *member, const struct member *other)
{
    struct toxtcp_endpoint endpoint = loopback(relay.tcp_port);
    ck_assert_int_eq(toxtcp_peer_add(member->connections, &other->keys.public_key, NULL, &member->peer), 0);
    ck_assert_int_eq(toxtcp_peer_add_relay(member->connections, member->peer, &endpoint, &relay.keys.public_key, NULL),
                     0);
}

static void member_say(struct member *from, struct member *to)
{
    unsigned before = to->data_count;
    ck_assert_int_eq(toxtcp_peer_send(from->connections, from->peer, (const uint8_t *)"again", 5), 0);
    SCENE_WAIT(&scene, to->data_count == before + 1);
}

START_TEST(restart_under_connections)
{
    struct member a, b;
    scene_open(&scene);
    member_open(&a);
    member_open(&b);
    member_meet(&a, &b);
    member_meet(&b, &a);
    SCENE_WAIT(&scene, a.state == TOXTCP_PEER_ONLINE && b.state == TOXTCP_PEER_ONLINE);
    member_say(&a, &b);
    bootstrapd_stop(&relay, _i == 0 ? SIGTERM : SIGKILL);
    SCENE_WAIT(&scene, a.state == TOXTCP_PEER_OFFLINE && b.state == TOXTCP_PEER_OFFLINE);
    bootstrapd_start(&relay);
    SCENE_WAIT(&scene, a.state == TOXTCP_PEER_ONLINE && b.state == TOXTCP_PEER_ONLINE);
    member_say(&a, &b);
    member_say(&b, &a);
    member_close(&a);
    member_close(&b);
    scene_close(&scene);
}
END_TEST

/* --- What the relay does with what our client never says --- */

static void open_raw(struct raw_client *raw)
{
    raw_open(raw, relay.tcp_port, &relay.keys.public_key, NULL);
    ck_assert(raw_alive(raw));
}

START_TEST(ids)
{
    struct raw_client raw, other;
    open_raw(&raw);
    open_raw(&other);
    ck_assert_int_eq(raw_route(&raw, raw.public_key), 0);
    ck_assert_int_eq(raw_route(&raw, other.public_key), 16);
    ck_assert_int_eq(raw_route(&raw, other.public_key), 16);
    /* Keys that nobody has are as good as any. */
    uint8_t peers[TOXTCP_ROUTES_MAX][32];
    memset(peers, 0x55, sizeof peers);
    for (int i = 0; i < TOXTCP_ROUTES_MAX; i++) {
        peers[i][0] = (uint8_t)i;
        raw_ask(&raw, peers[i]);
    }
    for (int i = 0; i < TOXTCP_ROUTES_MAX - 1; i++)
        ck_assert_int_eq(raw_answer(&raw, peers[i]), 17 + i);
    /* The 241st. */
    ck_assert_int_eq(raw_answer(&raw, peers[TOXTCP_ROUTES_MAX - 1]), 0);
    raw_send(&raw, (const uint8_t[]){0x03, 100}, 2);
    ck_assert_int_eq(raw_route(&raw, peers[TOXTCP_ROUTES_MAX - 1]), 100);
    ck_assert(raw_alive(&raw));
    raw_close(&raw);
    raw_close(&other);
}
END_TEST

/* The requester hears the response first and the notification next; asking again brings no second one. */
START_TEST(notifications)
{
    struct raw_client a, b;
    open_raw(&a);
    open_raw(&b);
    ck_assert_int_eq(raw_route(&a, b.public_key), 16);
    ck_assert(raw_alive(&a));
    ck_assert_int_eq(raw_route(&b, a.public_key), 16);
    raw_expect(&b, (const uint8_t[]){0x02, 16}, 2);
    raw_expect(&a, (const uint8_t[]){0x02, 16}, 2);
    ck_assert_int_eq(raw_route(&b, a.public_key), 16);
    ck_assert(raw_alive(&b));
    ck_assert(raw_alive(&a));
    raw_send(&a, (const uint8_t[]){0x03, 16}, 2);
    raw_expect(&b, (const uint8_t[]){0x03, 16}, 2);
    /* On a registered route data is dropped. */
    raw_send(&b, (const uint8_t[]){16, 'x'}, 2);
    ck_assert(raw_alive(&b));
    ck_assert(raw_alive(&a));
    raw_close(&a);
    raw_close(&b);
}
END_TEST

/* Data on an id that was given up a moment before costs the connection: our client never sends any. */
START_TEST(data_after_disconnect)
{
    struct raw_client raw, witness;
    open_raw(&raw);
    open_raw(&witness);
    ck_assert_int_eq(raw_route(&raw, witness.public_key), 16);
    raw_send(&raw, (const uint8_t[]){0x03, 16}, 2);
    ck_assert(raw_alive(&raw));
    raw_send(&raw, (const uint8_t[]){16, 'x'}, 2);
    ck_assert(!raw_alive(&raw));
    raw_close(&raw);
    raw_close(&witness);
}
END_TEST

/* The first packet that opens confirms, of whatever kind it is. */
START_TEST(confirmed_by_any_packet)
{
    struct raw_client raw, other;
    raw_open(&raw, relay.tcp_port, &relay.keys.public_key, NULL);
    open_raw(&other);
    ck_assert_int_eq(raw_route(&raw, other.public_key), 16);
    ck_assert_int_eq(raw_route(&other, raw.public_key), 16);
    raw_expect(&other, (const uint8_t[]){0x02, 16}, 2);
    raw_close(&raw);
    raw_close(&other);
}
END_TEST

/* An OOB to ourselves comes back, and needs neither a route nor an earlier packet: it confirms as well as any. A pong
 * that was asked for before it comes before it. */
START_TEST(oob_to_ourselves)
{
    static const uint8_t ping[9] = {0x04, 'b', 'e', 'f', 'o', 'r', 'e'};
    static const uint8_t pong[9] = {0x05, 'b', 'e', 'f', 'o', 'r', 'e'};
    struct raw_client raw;
    uint8_t packet[33 + TOXTCP_OOB_MAX] = {0x06};
    raw_open(&raw, relay.tcp_port, &relay.keys.public_key, NULL);
    memcpy(packet + 1, raw.public_key, 32);
    fill(packet + 33, TOXTCP_OOB_MAX);
    raw_send(&raw, packet, 33 + 1);
    packet[0] = 0x07;
    raw_expect(&raw, packet, 33 + 1);
    raw_send(&raw, ping, sizeof ping);
    packet[0] = 0x06;
    raw_send(&raw, packet, sizeof packet);
    raw_expect(&raw, pong, sizeof pong);
    packet[0] = 0x07;
    raw_expect(&raw, packet, sizeof packet);
    ck_assert(raw_alive(&raw));
    raw_close(&raw);
}
END_TEST

/* A packet, and whether tox-bootstrapd closes for it. Where protocol.md leaves it open, this is what was seen. */
struct unfriendly {
    const char *name;
    uint8_t bytes[64];
    size_t len;
    bool closes;
};

static const struct unfriendly unfriendly[] = {
    {"disconnect of an unused id", {0x03, 64}, 2, true},
    {"data on an unused id", {64, 'x'}, 2, true},
    {"data without a payload", {16}, 1, true},
    {"pong with id 0", {0x05}, 9, true},
    {"pong that nobody waits for", {0x05, 'z'}, 9, false},
    {"ping of 8 bytes", {0x04, 1}, 8, true},
    {"ping of 10 bytes", {0x04, 1}, 10, true},
    {"routing request of 32 bytes", {0x00}, 32, true},
    {"routing request of 34 bytes", {0x00}, 34, true},
    {"OOB without data", {0x06, 1}, 33, true},
    {"routing response", {0x01, 16}, 34, true},
    {"connect notification", {0x02, 16}, 2, false},
    {"OOB recv", {0x07, 1}, 34, true},
    {"onion response", {0x09, 1}, 10, true},
    {"forwarding", {0x0b, 1}, 10, true},
    {"onion request of 4 bytes", {0x08, 1}, 4, true},
    {"forward request without an address", {0x0a, 1}, 4, true},
    {"reserved kind 0x0c", {0x0c, 1}, 4, true},
    {"reserved kind 0x0f", {0x0f, 1}, 4, true},
};

START_TEST(unfriendly_packet)
{
    struct raw_client raw, witness;
    open_raw(&witness);
    open_raw(&raw);
    raw_send(&raw, unfriendly[_i].bytes, unfriendly[_i].len);
    ck_assert_msg(raw_alive(&raw) == !unfriendly[_i].closes, "%s", unfriendly[_i].name);
    ck_assert(raw_alive(&witness));
    raw_close(&raw);
    raw_close(&witness);
}
END_TEST

/* Frames too long, too short, and of a right length that do not open. */
START_TEST(bad_frame)
{
    static const unsigned lengths[] = {2049, 16, 25};
    struct raw_client raw;
    uint8_t frame[2 + 2049] = {0}, plain[2032];
    frame[0] = (uint8_t)(lengths[_i] >> 8);
    frame[1] = (uint8_t)lengths[_i];
    open_raw(&raw);
    raw_write(&raw, frame, 2 + lengths[_i]);
    ck_assert_int_eq(raw_receive(&raw, plain, SCENE_PATIENCE_MS), RAW_CLOSED);
    raw_close(&raw);
}
END_TEST

START_TEST(oob_too_long)
{
    struct raw_client raw;
    uint8_t packet[33 + TOXTCP_OOB_MAX + 1] = {0x06};
    open_raw(&raw);
    memcpy(packet + 1, raw.public_key, 32);
    raw_send(&raw, packet, sizeof packet);
    ck_assert(!raw_alive(&raw));
    raw_close(&raw);
}
END_TEST

/* --- What takes its time --- */

/* A peer that goes is missed only when it owes a pong; the one that says nothing at all but pongs stays. */
START_TEST(its_pings)
{
    struct toxtcp_client_config config;
    struct peer a, b, gone;
    struct toxtcp_route to_b, to_a, to_gone, from_gone;
    scene_open(&scene);
    toxtcp_client_config_default(&config);
    config.ping_interval_ms = 600000;
    peer_dial(&a, &scene, &config, NULL, &relay.keys.public_key, relay.tcp_port);
    peer_dial(&b, &scene, &config, NULL, &relay.keys.public_key, relay.tcp_port);
    SCENE_WAIT(&scene, a.connected && b.connected);
    open_peer(&gone);
    tie(&a, &b, &to_b, &to_a);
    tie(&a, &gone, &to_gone, &from_gone);
    peer_fence(&a);
    peer_close(&gone);

    struct toxtcp_client_info before = info_of(&b);
    SCENE_WAIT_MS(&scene, info_of(&b).packets_received == before.packets_received + 1, 35000);
    ck_assert_uint_eq(info_of(&b).packets_sent, before.packets_sent + 1);
    SCENE_WAIT_MS(&scene, peer_route_status(&a, to_gone) == TOXTCP_ROUTE_REGISTERED, 15000);
    /* By now whoever owed a pong has been dropped. */
    scene_run(&scene, 2000);
    ck_assert(!a.over);
    ck_assert(!b.over);
    send_both_ways(&a, to_b, &b, to_a, 100);
    peer_close(&a);
    peer_close(&b);
    scene_close(&scene);
}
END_TEST

static TCase *case_of(const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 150);
    tcase_add_unchecked_fixture(tcase, prepare, cleanup);
    tcase_add_checked_fixture(tcase, setup, teardown);
    return tcase;
}

static Suite *bootstrapd_suite(void)
{
    Suite *suite = suite_create("tox-bootstrapd");
    TCase *client = case_of("our client");
    tcase_add_test(client, handshake_and_our_ping);
    tcase_add_test(client, wrong_relay_key);
    tcase_add_test(client, routes_both_ways);
    tcase_add_test(client, data);
    tcase_add_test(client, oob);
    tcase_add_test(client, oob_once);
    tcase_add_test(client, all_routes_of_our_client);
    tcase_add_test(client, disconnect_and_again);
    tcase_add_test(client, reconnect_with_the_same_key);
    tcase_add_loop_test(client, restart, 0, 2);
    suite_add_tcase(suite, client);
    TCase *connections = case_of("our connections");
    tcase_add_loop_test(connections, restart_under_connections, 0, 2);
    suite_add_tcase(suite, connections);
    TCase *raw = case_of("what our client never says");
    tcase_add_test(raw, ids);
    tcase_add_test(raw, notifications);
    tcase_add_test(raw, data_after_disconnect);
    tcase_add_test(raw, confirmed_by_any_packet);
    tcase_add_test(raw, oob_to_ourselves);
    tcase_add_loop_test(raw, unfriendly_packet, 0, (int)(sizeof unfriendly / sizeof unfriendly[0]));
    tcase_add_test(raw, oob_too_long);
    tcase_add_loop_test(raw, bad_frame, 0, 3);
    suite_add_tcase(suite, raw);
    TCase *keys = case_of("keys");
    tcase_add_test(keys, keys_of_its_own);
    suite_add_tcase(suite, keys);
    TCase *slow = case_of("its pings");
    tcase_add_test(slow, its_pings);
    suite_add_tcase(suite, slow);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(bootstrapd_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
