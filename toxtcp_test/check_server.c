/* The relay: what it does on each packet (section 3), and confirmation (section 2). SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/server_bed.h"

static struct bed bed;

static void set_up(void)
{
    bed_open(&bed, 1, NULL);
}

static void tear_down(void)
{
    bed_close(&bed);
}

static struct toxtcp_public_key any_key(void)
{
    return net_keys(bed.net).public_key;
}

static void expect_closed(struct raw_client *client)
{
    net_step(bed.net);
    ck_assert_int_eq(raw_client_error(client), TOXTCP_ERR_CLOSED);
}

/* --- Routing requests --- */

START_TEST(request_for_own_key_is_refused)
{
    struct raw_client *client = bed_join(&bed, NULL);

    ck_assert_uint_eq(bed_ask(&bed, client, &client->keys.public_key), WIRE_ID_REFUSED);
    const struct toxtcp_public_key peer = any_key();
    ck_assert_uint_eq(bed_ask(&bed, client, &peer), WIRE_ID_MIN);
}
END_TEST

START_TEST(request_takes_lowest_free_id)
{
    struct raw_client *client = bed_join(&bed, NULL);

    for (unsigned id = WIRE_ID_MIN; id < 40; id++) {
        const struct toxtcp_public_key peer = any_key();
        ck_assert_uint_eq(bed_ask(&bed, client, &peer), id);
    }
    raw_client_send_id(client, WIRE_DISCONNECT, 30);
    raw_client_send_id(client, WIRE_DISCONNECT, 17);
    const struct toxtcp_public_key first = any_key();
    const struct toxtcp_public_key second = any_key();
    const struct toxtcp_public_key third = any_key();
    ck_assert_uint_eq(bed_ask(&bed, client, &first), 17);
    ck_assert_uint_eq(bed_ask(&bed, client, &second), 30);
    ck_assert_uint_eq(bed_ask(&bed, client, &third), 40);
}
END_TEST

START_TEST(request_again_gets_same_id)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const struct toxtcp_public_key other = any_key();

    ck_assert_uint_eq(bed_ask(&bed, a, &other), 16);
    ck_assert_uint_eq(bed_ask(&bed, a, &other), 16);
    const struct bed_pair pair = bed_link(&bed, a, b);
    ck_assert_uint_eq(bed_ask(&bed, a, &b->keys.public_key), pair.a_id);
    raw_client_expect_nothing(a);
    raw_client_expect_nothing(b);
    bed_expect_linked(&bed, &pair);
}
END_TEST

START_TEST(all_ids_taken)
{
    struct raw_client *client = bed_join(&bed, NULL);
    struct raw_client *peer = bed_join(&bed, NULL);
    const struct toxtcp_public_key last = any_key();

    for (unsigned id = WIRE_ID_MIN; id <= WIRE_ID_MAX; id++) {
        const struct toxtcp_public_key key = any_key();
        ck_assert_uint_eq(bed_ask(&bed, client, &key), id);
    }
    ck_assert_uint_eq(bed_ask(&bed, client, &last), WIRE_ID_REFUSED);
    ck_assert_uint_eq(bed_ask(&bed, client, &client->keys.public_key), WIRE_ID_REFUSED);
    /* A refused one is no route: the peer that asks is alone. */
    ck_assert_uint_eq(bed_ask(&bed, client, &peer->keys.public_key), WIRE_ID_REFUSED);
    ck_assert_uint_eq(bed_ask(&bed, peer, &client->keys.public_key), WIRE_ID_MIN);
    raw_client_expect_nothing(peer);
    raw_client_send_id(client, WIRE_DISCONNECT, 200);
    ck_assert_uint_eq(bed_ask(&bed, client, &peer->keys.public_key), 200);
    ck_assert_uint_eq(raw_client_expect(client, WIRE_CONNECT)->id, 200);
    ck_assert_uint_eq(raw_client_expect(peer, WIRE_CONNECT)->id, WIRE_ID_MIN);
    ck_assert_uint_eq(bed_ask(&bed, client, &last), WIRE_ID_REFUSED);
}
END_TEST

START_TEST(every_id_carries_data)
{
    struct raw_client *hub = bed_join(&bed, NULL);
    static struct bed_pair pairs[WIRE_ID_COUNT];

    for (unsigned i = 0; i < WIRE_ID_COUNT; i++) {
        pairs[i] = bed_link(&bed, hub, bed_join(&bed, NULL));
        ck_assert_uint_eq(pairs[i].a_id, WIRE_ID_MIN + i);
        ck_assert_uint_eq(pairs[i].b_id, WIRE_ID_MIN);
    }
    for (unsigned i = 0; i < WIRE_ID_COUNT; i++) {
        bed_expect_linked(&bed, &pairs[i]);
    }
    /* The hub goes: each hears it once. */
    bed_leave(&bed, hub);
    for (unsigned i = 0; i < WIRE_ID_COUNT; i++) {
        ck_assert_uint_eq(raw_client_expect(pairs[i].b, WIRE_DISCONNECT)->id, WIRE_ID_MIN);
        raw_client_expect_nothing(pairs[i].b);
    }
}
END_TEST

START_TEST(nobody_learns_unless_both_ask)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    struct raw_client *c = bed_join(&bed, NULL);

    const uint8_t id = bed_ask(&bed, a, &b->keys.public_key);
    raw_client_expect_nothing(a);
    raw_client_expect_nothing(b);
    (void)bed_ask(&bed, b, &c->keys.public_key);
    raw_client_expect_nothing(a);
    raw_client_expect_nothing(c);
    /* Nor by data, nor by giving it up. */
    raw_client_send_data(a, id, (const uint8_t *)"x", 1);
    raw_client_send_id(a, WIRE_DISCONNECT, id);
    net_step(bed.net);
    raw_client_expect_nothing(b);
}
END_TEST

START_TEST(both_ask_and_are_online)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const struct toxtcp_public_key other = any_key();

    /* Ids that differ, so that one taken for the other shows. */
    (void)bed_ask(&bed, a, &other);
    const struct bed_pair pair = bed_link(&bed, a, b);
    ck_assert_uint_eq(pair.a_id, 17);
    ck_assert_uint_eq(pair.b_id, 16);
    bed_expect_linked(&bed, &pair);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, 2);
}
END_TEST

START_TEST(unconfirmed_peer_is_not_here)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_dial(&bed, NULL, NULL);
    const uint8_t id = bed_ask(&bed, a, &b->keys.public_key);

    ck_assert(raw_client_is_open(b));
    raw_client_send_oob(a, &b->keys.public_key, (const uint8_t *)"x", 1);
    net_step(bed.net);
    raw_client_expect_nothing(b);
    ck_assert_uint_eq(bed_info(&bed).oob_dropped_absent, 1);
    /* Its first packet confirms it and is handled like any other. */
    (void)bed_ask(&bed, b, &a->keys.public_key);
    ck_assert_uint_eq(raw_client_expect(a, WIRE_CONNECT)->id, id);
    (void)raw_client_expect(b, WIRE_CONNECT);
}
END_TEST

/* --- Disconnect notifications --- */

START_TEST(disconnect_takes_online_route_down)
{
    const struct bed_pair pair = bed_join_pair(&bed);
    const struct toxtcp_public_key other = any_key();

    raw_client_send_id(pair.a, WIRE_DISCONNECT, pair.a_id);
    net_step(bed.net);
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_DISCONNECT)->id, pair.b_id);
    raw_client_expect_nothing(pair.a);
    /* b keeps its id, as registered. */
    raw_client_send_data(pair.b, pair.b_id, (const uint8_t *)"x", 1);
    ck_assert_uint_eq(bed_ask(&bed, pair.b, &pair.a->keys.public_key), pair.b_id);
    raw_client_expect_nothing(pair.a);
    /* a's id is free at once, and a asks again. */
    ck_assert_uint_eq(bed_ask(&bed, pair.a, &other), pair.a_id);
    ck_assert_uint_eq(bed_ask(&bed, pair.a, &pair.b->keys.public_key), 17);
    ck_assert_uint_eq(raw_client_expect(pair.a, WIRE_CONNECT)->id, 17);
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_CONNECT)->id, pair.b_id);
    const struct bed_pair again = {.a = pair.a, .b = pair.b, .a_id = 17, .b_id = pair.b_id};
    bed_expect_linked(&bed, &again);
}
END_TEST

START_TEST(disconnect_crosses)
{
    const struct bed_pair pair = bed_join_pair(&bed);

    raw_client_send_id(pair.a, WIRE_DISCONNECT, pair.a_id);
    raw_client_send_id(pair.b, WIRE_DISCONNECT, pair.b_id);
    net_step(bed.net);
    /* Whoever was read first made the other hear it; nobody else does. */
    const size_t told = raw_client_drain(pair.a) + raw_client_drain(pair.b);
    ck_assert_uint_eq(told, 1);
    bed_expect_served(&bed, pair.a);
    bed_expect_served(&bed, pair.b);
}
END_TEST

START_TEST(disconnect_for_unused_id_is_ignored)
{
    const struct bed_pair pair = bed_join_pair(&bed);

    for (unsigned id = 0; id <= UINT8_MAX; id++) {
        if (id != pair.a_id) {
            raw_client_send_id(pair.a, WIRE_DISCONNECT, (uint8_t)id);
        }
    }
    net_step(bed.net);
    raw_client_expect_nothing(pair.b);
    bed_expect_served(&bed, pair.a);
    bed_expect_linked(&bed, &pair);
}
END_TEST

START_TEST(client_goes_away)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct toxtcp_key_pair keys = a->keys;
    const struct bed_pair ab = bed_link(&bed, a, b);
    const struct bed_pair bc = bed_link(&bed, b, c);

    bed_leave(&bed, a);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_DISCONNECT)->id, ab.b_id);
    raw_client_expect_nothing(b);
    raw_client_expect_nothing(c);
    bed_expect_linked(&bed, &bc);
    /* It comes back with no routes; b's is still there. */
    a = bed_join(&bed, &keys);
    ck_assert_uint_eq(bed_ask(&bed, a, &b->keys.public_key), 16);
    ck_assert_uint_eq(raw_client_expect(a, WIRE_CONNECT)->id, 16);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_CONNECT)->id, ab.b_id);
}
END_TEST

/* --- Ping and pong --- */

START_TEST(ping_is_answered_at_once)
{
    struct raw_client *client = bed_join(&bed, NULL);

    raw_client_send_ping_id(client, WIRE_PING, 1);
    raw_client_send_ping_id(client, WIRE_PING, UINT64_MAX);
    net_step(bed.net);
    uint64_t id;
    memcpy(&id, raw_client_expect(client, WIRE_PONG)->ping_id, sizeof id);
    ck_assert(id == 1);
    memcpy(&id, raw_client_expect(client, WIRE_PONG)->ping_id, sizeof id);
    ck_assert(id == UINT64_MAX);
}
END_TEST

START_TEST(pong_that_nobody_asked_for_is_ignored)
{
    struct raw_client *client = bed_join(&bed, NULL);

    raw_client_send_ping_id(client, WIRE_PONG, 5);
    bed_expect_served(&bed, client);
}
END_TEST

/* --- OOB --- */

static void expect_oob(struct raw_client *client, const struct toxtcp_public_key *sender, const uint8_t *data,
                       size_t len)
{
    const struct packet *packet = raw_client_expect(client, WIRE_OOB_RECV);

    ck_assert(toxtcp_public_key_equal(&packet->key, sender));
    ck_assert_uint_eq(packet->data_len, len);
    ck_assert_mem_eq(packet->data, data, len);
}

START_TEST(oob_needs_no_route)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    uint8_t data[TOXTCP_OOB_MAX];
    static const size_t lens[] = {1, 2, 500, TOXTCP_OOB_MAX};

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)net_random(bed.net);
    }
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        raw_client_send_oob(a, &b->keys.public_key, data, lens[i]);
        net_step(bed.net);
        expect_oob(b, &a->keys.public_key, data, lens[i]);
    }
    raw_client_expect_nothing(a);
    ck_assert_uint_eq(bed_info(&bed).oob_relayed, 4);
}
END_TEST

START_TEST(oob_to_oneself)
{
    struct raw_client *client = bed_join(&bed, NULL);

    raw_client_send_oob(client, &client->keys.public_key, (const uint8_t *)"me", 2);
    net_step(bed.net);
    expect_oob(client, &client->keys.public_key, (const uint8_t *)"me", 2);
    bed_expect_served(&bed, client);
}
END_TEST

START_TEST(oob_to_nobody)
{
    struct raw_client *client = bed_join(&bed, NULL);
    const struct toxtcp_public_key nobody = any_key();

    raw_client_send_oob(client, &nobody, (const uint8_t *)"x", 1);
    bed_expect_served(&bed, client);
    ck_assert_uint_eq(bed_info(&bed).oob_dropped_absent, 1);
    ck_assert_uint_eq(bed_info(&bed).oob_relayed, 0);
}
END_TEST

/* --- Data --- */

START_TEST(data_of_every_length)
{
    const struct bed_pair pair = bed_join_pair(&bed);
    uint8_t data[TOXTCP_DATA_MAX];

    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)net_random(bed.net);
    }
    for (size_t len = 1; len <= TOXTCP_DATA_MAX; len++) {
        raw_client_send_data(pair.a, pair.a_id, data, len);
        net_run(bed.net, 1); /* within the rate of a client */
        const struct packet *packet = raw_client_expect(pair.b, WIRE_DATA);
        ck_assert_uint_eq(packet->id, pair.b_id);
        ck_assert_uint_eq(packet->data_len, len);
        ck_assert_mem_eq(packet->data, data, len);
    }
}
END_TEST

START_TEST(data_without_online_route_is_dropped)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const uint8_t id = bed_ask(&bed, a, &b->keys.public_key);

    for (unsigned i = WIRE_ID_MIN; i <= WIRE_ID_MAX; i++) {
        raw_client_send_data(a, (uint8_t)i, (const uint8_t *)"x", 1);
    }
    raw_client_send_data(a, id, (const uint8_t *)"x", 1);
    bed_expect_served(&bed, a);
    raw_client_expect_nothing(b);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, 0);
    ck_assert_uint_eq(bed_info(&bed).data_dropped, 0);
}
END_TEST

START_TEST(empty_data_is_dropped)
{
    const struct bed_pair pair = bed_join_pair(&bed);

    raw_client_send_plain(pair.a, &pair.a_id, 1);
    bed_expect_served(&bed, pair.a);
    raw_client_expect_nothing(pair.b);
    bed_expect_linked(&bed, &pair);
}
END_TEST

/* --- Violations --- */

struct plaintext {
    uint8_t kind;
    size_t len; /* with the kind */
};

/* The body is no zeros, so that only the length or the kind is wrong. */
static void send_shape(struct raw_client *client, const struct plaintext *shape)
{
    uint8_t plain[WIRE_PLAIN_MAX];

    memset(plain, 0x77, sizeof plain);
    plain[0] = shape->kind;
    raw_client_send_plain(client, plain, shape->len);
}

static const struct plaintext forbidden[] = {
    {WIRE_ROUTING_REQUEST, 1},
    {WIRE_ROUTING_REQUEST, 32},
    {WIRE_ROUTING_REQUEST, 34},
    {WIRE_ROUTING_REQUEST, WIRE_PLAIN_MAX},
    {WIRE_ROUTING_RESPONSE, 34},
    {WIRE_ROUTING_RESPONSE, 33},
    {WIRE_ROUTING_RESPONSE, 35},
    {WIRE_CONNECT, 1},
    {WIRE_CONNECT, 2},
    {WIRE_CONNECT, 3},
    {WIRE_DISCONNECT, 1},
    {WIRE_DISCONNECT, 3},
    {WIRE_PING, 1},
    {WIRE_PING, 8},
    {WIRE_PING, 10},
    {WIRE_PONG, 1},
    {WIRE_PONG, 8},
    {WIRE_PONG, 10},
    {WIRE_OOB_SEND, 1},
    {WIRE_OOB_SEND, 32},
    {WIRE_OOB_SEND, 33},
    {WIRE_OOB_SEND, 33 + TOXTCP_OOB_MAX + 1},
    {WIRE_OOB_SEND, WIRE_PLAIN_MAX},
    {WIRE_OOB_RECV, 34},
    {WIRE_OOB_RECV, 33},
    {WIRE_ONION_RESPONSE, 1},
    {WIRE_ONION_RESPONSE, 2},
    {WIRE_ONION_RESPONSE, 200},
    {WIRE_FORWARDING, 1},
    {WIRE_FORWARDING, 2},
    {WIRE_FORWARDING, 200},
    {WIRE_RESERVED_FIRST, 1},
    {WIRE_RESERVED_FIRST, 100},
    {WIRE_RESERVED_FIRST + 1, 1},
    {WIRE_RESERVED_FIRST + 1, 100},
    {WIRE_RESERVED_FIRST + 2, 1},
    {WIRE_RESERVED_FIRST + 2, 100},
    {WIRE_RESERVED_FIRST + 3, 1},
    {WIRE_RESERVED_FIRST + 3, 100},
};
enum { FORBIDDEN_COUNT = sizeof forbidden / sizeof forbidden[0] };

START_TEST(violation_closes_that_client_alone)
{
    const struct bed_pair pair = bed_join_pair(&bed);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct bed_pair bc = bed_link(&bed, pair.b, c);

    send_shape(pair.a, &forbidden[_i]);
    /* What comes after it is not read. */
    raw_client_send_id(pair.a, WIRE_DISCONNECT, pair.a_id);
    expect_closed(pair.a);
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_DISCONNECT)->id, pair.b_id);
    raw_client_expect_nothing(pair.b);
    bed_expect_linked(&bed, &bc);
    ck_assert_uint_eq(bed_info(&bed).protocol_violations, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
}
END_TEST

START_TEST(violation_as_first_packet)
{
    struct raw_client *client = bed_dial(&bed, NULL, NULL);

    send_shape(client, &forbidden[_i]);
    expect_closed(client);
    ck_assert_uint_eq(bed_info(&bed).client_count, 0);
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, 0);
}
END_TEST

START_TEST(ping_id_zero_is_a_violation)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);

    raw_client_send_ping_id(a, WIRE_PING, 0);
    raw_client_send_ping_id(b, WIRE_PONG, 0);
    expect_closed(a);
    expect_closed(b);
    ck_assert_uint_eq(bed_info(&bed).protocol_violations, 2);
}
END_TEST

START_TEST(udp_kinds_are_dropped)
{
    struct raw_client *client = bed_join(&bed, NULL);

    for (size_t len = 1; len <= WIRE_PLAIN_MAX; len += len < 200 ? 1 : 13) {
        const struct plaintext onion = {WIRE_ONION_REQUEST, len};
        const struct plaintext forward = {WIRE_FORWARD_REQUEST, len};
        send_shape(client, &onion);
        send_shape(client, &forward);
    }
    bed_expect_served(&bed, client);
}
END_TEST

START_TEST(bad_frames_close)
{
    static const uint16_t lengths[] = {0, 1, 16, 2049, 0x8000, 0xffff};
    const struct bed_pair pair = bed_join_pair(&bed);

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct raw_client *client = bed_join(&bed, NULL);
        const uint8_t frame[2] = {(uint8_t)(lengths[i] >> 8), (uint8_t)lengths[i]};
        net_raw_write(client->end, frame, sizeof frame);
        expect_closed(client);
        ck_assert_uint_eq(bed_info(&bed).protocol_violations, i + 1);
    }
    bed_expect_linked(&bed, &pair);
}
END_TEST

START_TEST(box_that_does_not_open)
{
    static const size_t lens[] = {17, 18, 100, 2047, 2048};

    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct raw_client *client = i % 2 ? bed_join(&bed, NULL) : bed_dial(&bed, NULL, NULL);
        uint8_t frame[WIRE_FRAME_MAX] = {(uint8_t)(lens[i] >> 8), (uint8_t)lens[i]};
        net_raw_write(client->end, frame, WIRE_LENGTH_SIZE + lens[i] - 1);
        net_step(bed.net);
        ck_assert_int_eq(raw_client_error(client), 0);
        net_raw_write(client->end, frame, 1);
        expect_closed(client);
    }
    ck_assert_uint_eq(bed_info(&bed).protocol_violations, sizeof lens / sizeof lens[0]);
    ck_assert_uint_eq(bed_info(&bed).confirmed, 2);
}
END_TEST

/* --- Handshake and confirmation --- */

START_TEST(handshake_that_does_not_open)
{
    struct raw_client *model = bed_dial(&bed, NULL, NULL);
    uint8_t request[WIRE_REQUEST_SIZE];

    memcpy(request, model->request, sizeof request);
    request[_i] ^= 1;
    struct net_raw *end = net_raw_dial(bed.net, &bed.address, NULL);
    net_raw_write(end, request, sizeof request);
    net_step(bed.net);
    ck_assert_int_eq(net_raw_error(end), TOXTCP_ERR_CLOSED);
    ck_assert_uint_eq(net_raw_read(end, request, sizeof request), 0);
    net_raw_close(end);
    ck_assert_uint_eq(bed_info(&bed).handshake_failures, 1);
    bed_expect_served(&bed, model);
}
END_TEST

START_TEST(first_packet_confirms)
{
    struct raw_client *client = bed_dial(&bed, NULL, NULL);

    ck_assert(raw_client_is_open(client));
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, 1);
    ck_assert_uint_eq(bed_info(&bed).confirmed, 0);
    bed_expect_served(&bed, client);
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, 0);
    ck_assert_uint_eq(bed_info(&bed).confirmed, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 1);
    ck_assert_uint_eq(bed_info(&bed).accepted, 1);
}
END_TEST

START_TEST(replayed_handshake_changes_nothing)
{
    const struct bed_pair pair = bed_join_pair(&bed);
    struct net_raw *end = net_raw_dial(bed.net, &bed.address, NULL);
    uint8_t response[WIRE_RESPONSE_SIZE + 1];
    uint8_t frame[WIRE_FRAME_OVERHEAD + 9] = {0, WIRE_MAC_SIZE + 9};

    net_raw_write(end, pair.a->request, WIRE_REQUEST_SIZE);
    net_step(bed.net);
    ck_assert_uint_eq(net_raw_read(end, response, sizeof response), WIRE_RESPONSE_SIZE);
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, 1);
    bed_expect_linked(&bed, &pair);
    /* Whoever replays does not have the keys to go on. */
    net_raw_write(end, frame, sizeof frame);
    net_step(bed.net);
    ck_assert_int_eq(net_raw_error(end), TOXTCP_ERR_CLOSED);
    net_raw_close(end);
    bed_expect_linked(&bed, &pair);
    raw_client_expect_nothing(pair.a);
    ck_assert_uint_eq(bed_info(&bed).replaced, 0);
}
END_TEST

START_TEST(newer_connection_replaces)
{
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const struct bed_pair old = bed_link(&bed, a, b);

    struct raw_client *again = bed_dial(&bed, &a->keys, NULL);
    bed_expect_linked(&bed, &old);
    raw_client_expect_nothing(b);
    /* Its first packet: a routing request, on an empty table. */
    ck_assert_uint_eq(bed_ask(&bed, again, &a->keys.public_key), WIRE_ID_REFUSED);
    expect_closed(a);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_DISCONNECT)->id, old.b_id);
    raw_client_expect_nothing(b);
    raw_client_send_data(again, old.a_id, (const uint8_t *)"x", 1);
    bed_expect_served(&bed, again);
    raw_client_expect_nothing(b);
    /* b's route is still there, so one request makes both online. */
    ck_assert_uint_eq(bed_ask(&bed, again, &b->keys.public_key), 16);
    (void)raw_client_expect(again, WIRE_CONNECT);
    ck_assert_uint_eq(raw_client_expect(b, WIRE_CONNECT)->id, old.b_id);
    ck_assert_uint_eq(bed_info(&bed).replaced, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
}
END_TEST

START_TEST(whoever_is_confirmed_last_stays)
{
    const struct toxtcp_key_pair keys = net_keys(bed.net);
    struct raw_client *clients[5];

    for (size_t i = 0; i < 5; i++) {
        clients[i] = bed_dial(&bed, &keys, NULL);
    }
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, 5);
    for (size_t i = 5; i-- > 0;) {
        bed_expect_served(&bed, clients[i]);
    }
    for (size_t i = 1; i < 5; i++) {
        expect_closed(clients[i]);
    }
    bed_expect_served(&bed, clients[0]);
    ck_assert_uint_eq(bed_info(&bed).replaced, 4);
}
END_TEST

START_TEST(server_key_as_client)
{
    struct raw_client *client = bed_join(&bed, &bed.keys);

    bed_expect_served(&bed, client);
}
END_TEST

/* --- The whole --- */

START_TEST(defaults)
{
    struct toxtcp_server_config config;

    toxtcp_server_config_default(&config);
    ck_assert_uint_eq(config.clients_max, 65536);
    ck_assert_uint_eq(config.unconfirmed_max, 1024);
    ck_assert_uint_eq(config.per_source_max, 1024);
    ck_assert_uint_eq(config.confirm_timeout_ms, 10000);
    ck_assert_uint_eq(config.ping_interval_ms, 30000);
    ck_assert_uint_eq(config.pong_timeout_ms, 10000);
    ck_assert_uint_eq(config.output_max, 65536);
    ck_assert_uint_eq(config.control_output_max, 65536);
    ck_assert(toxtcp_server_deadline(bed.server) == TOXTCP_NEVER);
    toxtcp_server_free(NULL);
}
END_TEST

START_TEST(free_closes_all)
{
    const struct bed_pair pair = bed_join_pair(&bed);
    struct toxtcp_server *server;

    /* A second relay of the same net, freed without being taken off: its driver is told of each link. */
    const struct toxtcp_address address = net_address(BED_PORT + 1);
    ck_assert_int_eq(toxtcp_server_new(net_env(bed.net), net_driver(bed.net), NULL, &bed.keys, &server), 0);
    net_listen(bed.net, &address, server);
    struct net_raw *end = net_raw_dial(bed.net, &address, NULL);
    net_raw_write(end, pair.a->request, WIRE_REQUEST_SIZE);
    net_step(bed.net);
    ck_assert_uint_eq(net_stream_count(bed.net, &address), 1);
    net_listen(bed.net, &address, NULL);
    toxtcp_server_free(server);
    net_step(bed.net);
    ck_assert_int_eq(net_raw_error(end), TOXTCP_ERR_CLOSED);
    net_raw_close(end);
    bed_expect_linked(&bed, &pair);
}
END_TEST

START_TEST(idle_client_takes_little_memory)
{
    enum { COUNT = 256, BUDGET = 1024 };

    toxtcp_env_trim(net_env(bed.net));
    const size_t before = net_alloc_bytes(bed.net);
    for (size_t i = 0; i < COUNT; i++) {
        /* Each from a source of its own, which is the dearest. */
        const struct toxtcp_address source = {
            .family = TOXTCP_FAMILY_IPV6, .ip = {0x20, 1, 0, 0, 0, 0, 0, (uint8_t)i, 1}, .port = 1};
        bed_expect_served(&bed, bed_dial(&bed, NULL, &source));
    }
    toxtcp_env_trim(net_env(bed.net));
    const size_t each = (net_alloc_bytes(bed.net) - before) / COUNT;
    ck_assert_uint_lt(each, BUDGET);
}
END_TEST

START_TEST(steady_state_allocates_nothing)
{
    const struct bed_pair pair = bed_join_pair(&bed);

    bed_expect_linked(&bed, &pair);
    const uint64_t before = net_alloc_count(bed.net);
    for (size_t i = 0; i < 100; i++) {
        bed_expect_linked(&bed, &pair);
        bed_expect_served(&bed, pair.a);
    }
    ck_assert_uint_eq(net_alloc_count(bed.net), before);
}
END_TEST

static TCase *table_tests(void)
{
    TCase *tests = tcase_create("table");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, request_for_own_key_is_refused);
    tcase_add_test(tests, request_takes_lowest_free_id);
    tcase_add_test(tests, request_again_gets_same_id);
    tcase_add_test(tests, all_ids_taken);
    tcase_add_test(tests, every_id_carries_data);
    tcase_add_test(tests, nobody_learns_unless_both_ask);
    tcase_add_test(tests, both_ask_and_are_online);
    tcase_add_test(tests, unconfirmed_peer_is_not_here);
    tcase_add_test(tests, disconnect_takes_online_route_down);
    tcase_add_test(tests, disconnect_crosses);
    tcase_add_test(tests, disconnect_for_unused_id_is_ignored);
    tcase_add_test(tests, client_goes_away);
    tcase_add_test(tests, ping_is_answered_at_once);
    tcase_add_test(tests, pong_that_nobody_asked_for_is_ignored);
    tcase_add_test(tests, oob_needs_no_route);
    tcase_add_test(tests, oob_to_oneself);
    tcase_add_test(tests, oob_to_nobody);
    tcase_add_test(tests, data_of_every_length);
    tcase_add_test(tests, data_without_online_route_is_dropped);
    tcase_add_test(tests, empty_data_is_dropped);
    return tests;
}

static TCase *violation_tests(void)
{
    TCase *tests = tcase_create("violations");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, violation_closes_that_client_alone, 0, FORBIDDEN_COUNT);
    tcase_add_loop_test(tests, violation_as_first_packet, 0, FORBIDDEN_COUNT);
    tcase_add_test(tests, ping_id_zero_is_a_violation);
    tcase_add_test(tests, udp_kinds_are_dropped);
    tcase_add_test(tests, bad_frames_close);
    tcase_add_test(tests, box_that_does_not_open);
    return tests;
}

static TCase *confirmation_tests(void)
{
    TCase *tests = tcase_create("confirmation");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, handshake_that_does_not_open, 0, WIRE_REQUEST_SIZE);
    tcase_add_test(tests, first_packet_confirms);
    tcase_add_test(tests, replayed_handshake_changes_nothing);
    tcase_add_test(tests, newer_connection_replaces);
    tcase_add_test(tests, whoever_is_confirmed_last_stays);
    tcase_add_test(tests, server_key_as_client);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, free_closes_all);
    tcase_add_test(tests, idle_client_takes_little_memory);
    tcase_add_test(tests, steady_state_allocates_nothing);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("server");

    suite_add_tcase(suite, table_tests());
    suite_add_tcase(suite, violation_tests());
    suite_add_tcase(suite, confirmation_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
