/* The relay's rates: how fast clients come and what they send, what waits for all together.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server_private.h"
#include "support/server_bed.h"

static struct bed bed;

/* --- Newcomers --- */

static void open_for_newcomers(uint32_t rate, uint32_t burst)
{
    struct toxtcp_server_config config = bed_defaults();

    config.accept_rate_max = rate;
    config.accept_burst = burst;
    bed_open(&bed, 3, &config);
}

START_TEST(newcomers_of_one_source)
{
    open_for_newcomers(10, 20);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 20);
    ck_assert_uint_eq(bed_info(&bed).refused_rate, 80);
    ck_assert_uint_eq(bed_info(&bed).accepted, 20);
    ck_assert_uint_eq(bed_info(&bed).abandoned, 20);
    /* Another source has a bucket of its own. */
    ck_assert_uint_eq(bed_let_in(&bed, 2, 100), 20);
    net_run(bed.net, 99);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 1), 0);
    net_run(bed.net, 1);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 10), 1);
    net_run(bed.net, 1000);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 10);
    net_run(bed.net, 60000);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 100), 20);
    bed_close(&bed);
}
END_TEST

START_TEST(newcomers_without_limit)
{
    open_for_newcomers(0, 0);
    ck_assert_uint_eq(bed_let_in(&bed, 1, 2000), 2000);
    ck_assert_uint_eq(bed_info(&bed).refused_rate, 0);
    bed_close(&bed);
}
END_TEST

/* Who comes too fast displaces nobody. */
START_TEST(refused_newcomers_evict_nobody)
{
    struct toxtcp_server_config config = bed_defaults();
    config.unconfirmed_max = 4;
    config.accept_rate_max = 1;
    config.accept_burst = 2;
    bed_open(&bed, 3, &config);
    const struct toxtcp_address one = bed_ipv4(1, 1);
    const struct toxtcp_address two = bed_ipv4(2, 1);
    struct raw_client *honest = bed_dial(&bed, NULL, &one);
    struct raw_client *others[3];
    for (size_t i = 0; i < 3; i++) {
        const struct toxtcp_address address = bed_ipv4((uint8_t)(3 + i), 1);
        others[i] = bed_dial(&bed, NULL, &address);
    }

    ck_assert(raw_client_is_open(bed_dial(&bed, NULL, &two)));
    ck_assert_uint_eq(bed_info(&bed).evicted, 1);
    ck_assert(bed_is_closed(honest));
    (void)bed_dial(&bed, NULL, &two);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert(bed_is_closed(bed_dial(&bed, NULL, &two)));
    }
    ck_assert_uint_eq(bed_info(&bed).refused_rate, 50);
    ck_assert_uint_eq(bed_info(&bed).evicted, 2);
    ck_assert(bed_is_closed(others[0]));
    ck_assert_int_eq(raw_client_error(others[1]), 0);
    ck_assert_int_eq(raw_client_error(others[2]), 0);
    bed_close(&bed);
}
END_TEST

/* Half-open ones from as many addresses as one likes: who is confirmed before `unconfirmed_max` others have come stays,
 * and whoever is confirmed is out of danger. */
START_TEST(flood_from_many_sources)
{
    enum { PLACES = 64 };
    struct toxtcp_server_config config = bed_defaults();
    config.unconfirmed_max = PLACES;
    bed_open(&bed, 3, &config);
    struct raw_client *member = bed_join(&bed, NULL);
    struct raw_client *quick = bed_dial(&bed, NULL, NULL);
    struct net_raw *flood[3 * PLACES];
    const size_t bytes = net_alloc_bytes(bed.net);

    for (unsigned i = 0; i < 3 * PLACES; i++) {
        const struct toxtcp_address address = bed_ipv4((uint8_t)(1 + i), 1);
        if (i == PLACES - 1) {
            bed_expect_served(&bed, quick);
        }
        flood[i] = net_raw_dial(bed.net, &bed.address, &address);
        net_step(bed.net);
    }
    ck_assert_uint_eq(bed_info(&bed).unconfirmed_count, PLACES);
    ck_assert_uint_eq(bed_info(&bed).evicted, 2 * PLACES);
    /* Places, and sources that are remembered for a moment. */
    ck_assert_uint_le(net_alloc_bytes(bed.net), bytes + 1024 * PLACES + 256 * 2 * PLACES);
    bed_expect_served(&bed, member);
    bed_expect_served(&bed, quick);
    for (unsigned i = 0; i < 3 * PLACES; i++) {
        net_raw_close(flood[i]);
    }
    bed_close(&bed);
}
END_TEST

/* One after the other, each of which makes the one before it go. */
START_TEST(same_key_over_and_over)
{
    open_for_newcomers(10, 20);
    struct raw_client *friend = bed_join(&bed, NULL);
    const struct toxtcp_key_pair keys = net_keys(bed.net);
    const struct toxtcp_address source = bed_ipv4(1, 1);
    (void)bed_ask(&bed, friend, &keys.public_key);
    struct raw_client *last = NULL;

    for (unsigned i = 0; i < 100; i++) {
        struct raw_client *client = bed_dial(&bed, &keys, &source);
        if (raw_client_is_open(client)) {
            raw_client_send_key(client, WIRE_ROUTING_REQUEST, &friend->keys.public_key);
            net_step(bed.net);
            last = client;
        }
    }
    const struct toxtcp_server_info info = bed_info(&bed);
    ck_assert_uint_eq(info.confirmed, 21);
    ck_assert_uint_eq(info.replaced, 19);
    ck_assert_uint_eq(info.refused_rate, 80);
    ck_assert_uint_eq(info.client_count, 2);
    ck_assert_uint_eq(info.online_count, 2);
    (void)raw_client_drain(last);
    bed_expect_served(&bed, last);
    /* 20 times online, 19 times offline. */
    ck_assert_uint_eq(raw_client_drain(friend), 39);
    bed_expect_served(&bed, friend);
    bed_close(&bed);
}
END_TEST

/* --- What a client sends --- */

enum { RATE = 100000, BURST = 50000, PIECE = 10000 };

static void open_for_senders(void)
{
    struct toxtcp_server_config config = bed_defaults();

    config.input_rate_max = RATE;
    config.input_burst = BURST;
    config.output_max = 1 << 20;
    bed_open(&bed, 4, &config);
    net_set_piece(bed.net, PIECE);
}

START_TEST(line_rate)
{
    enum { SECONDS = 20, PACKETS = (SECONDS + 1) * RATE / BED_FRAME_LEN };
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);
    const struct bed_pair other = bed_join_pair(&bed);

    bed_send_data(&pair, PACKETS);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    ck_assert_uint_eq(bed_info(&bed).input_pauses, 1);
    ck_assert_uint_ge(raw_client_drain(pair.b), BURST / BED_FRAME_LEN);
    unsigned got = 0;
    for (unsigned second = 0; second < SECONDS; second++) {
        net_run(bed.net, 1000);
        const size_t now = raw_client_drain(pair.b);
        ck_assert_uint_le(now, (RATE + BURST) / BED_FRAME_LEN);
        got += (unsigned)now;
        bed_expect_linked(&bed, &other);
    }
    ck_assert_uint_ge(got, SECONDS * (RATE / BED_FRAME_LEN) - 2 * PIECE / BED_FRAME_LEN);
    ck_assert_uint_le(got, SECONDS * RATE / BED_FRAME_LEN + 2);
    /* Nothing is lost. */
    net_run(bed.net, 2000);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, PACKETS + 2 * SECONDS);
    ck_assert_uint_eq(bed_info(&bed).data_dropped, 0);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    ck_assert_uint_eq(bed_info(&bed).bytes[TOXTCP_GROUP_DATA], PACKETS * (BED_DATA_LEN + 1UL) + 2UL * SECONDS * 9);
    bed_close(&bed);
}
END_TEST

START_TEST(within_the_rate_nobody_waits)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);

    for (unsigned i = 0; i < 200; i++) {
        bed_send_data(&pair, 1);
        net_run(bed.net, 11);
    }
    ck_assert_uint_eq(bed_info(&bed).input_pauses, 0);
    ck_assert_uint_eq(raw_client_drain(pair.b), 200);
    bed_close(&bed);
}
END_TEST

/* What is work for others costs more than its bytes. */
START_TEST(weights)
{
    static const uint8_t data[] = {1};
    const bool is_oob = _i == 2;
    const size_t weight = is_oob ? 1024 : 4096;
    const size_t frame = _i == 0 ? 51 : _i == 1 ? 20 : 52;
    open_for_senders();
    struct raw_client *client = bed_join(&bed, NULL);
    unsigned sent = 0;

    while (bed_info(&bed).paused_count == 0) {
        if (_i == 0) {
            raw_client_send_key(client, WIRE_ROUTING_REQUEST, &client->keys.public_key);
        } else if (_i == 1) {
            raw_client_send_id(client, WIRE_DISCONNECT, 16);
        } else {
            raw_client_send_oob(client, &bed.keys.public_key, data, sizeof data);
        }
        net_step(bed.net);
        sent++;
    }
    /* Its ping took some. */
    ck_assert_uint_eq(sent, (BURST - 27) / (weight + frame) + 1);
    bed_close(&bed);
}
END_TEST

/* A client that is always over its rate answers pings late, since these lie behind what it sends. */
START_TEST(pong_behind_data_is_in_time)
{
    struct toxtcp_server_config config = bed_defaults();
    config.input_rate_max = 1000;
    config.input_burst = 1000;
    bed_open(&bed, 4, &config);
    net_set_piece(bed.net, 500);
    const struct bed_pair pair = bed_join_pair(&bed);

    net_run(bed.net, 29000);
    bed_send_data(&pair, 40);
    net_run(bed.net, 2000);
    ck_assert_int_eq(raw_client_error(pair.a), 0);
    /* The ping goes out when it is read again; the pong waits in line for over 30 s. */
    net_run(bed.net, 38000);
    for (const struct packet *packet = raw_client_next(pair.a); packet; packet = raw_client_next(pair.a)) {
        if (packet->kind == WIRE_PING) {
            uint64_t id;
            memcpy(&id, packet->ping_id, sizeof id);
            raw_client_send_ping_id(pair.a, WIRE_PONG, id);
        }
    }
    ck_assert_int_eq(raw_client_error(pair.a), 0);
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 1); /* that is b, who answers nothing */
    net_run(bed.net, 9000);
    ck_assert_int_eq(raw_client_error(pair.a), 0);
    bed_close(&bed);
}
END_TEST

/* Its debts do not keep a dead client alive. */
START_TEST(silence_after_a_pause_is_death)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);

    net_run(bed.net, 29000);
    bed_send_data(&pair, 200);
    net_step(bed.net);
    net_run(bed.net, 60000);
    ck_assert(bed_is_closed(pair.a));
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 2);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    bed_close(&bed);
}
END_TEST

START_TEST(paused_client_leaves)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);
    const struct toxtcp_key_pair keys = pair.a->keys;

    bed_send_data(&pair, 500);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    /* Its own newer connection takes its place. */
    struct raw_client *newer = bed_dial(&bed, &keys, NULL);
    bed_expect_served(&bed, newer);
    ck_assert_uint_eq(bed_info(&bed).replaced, 1);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    bed_close(&bed);
}
END_TEST

START_TEST(relay_ends_with_paused_clients)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);

    bed_send_data(&pair, 500);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    bed_close(&bed);
}
END_TEST

/* Over its rate and held up by the mesh: it is read when neither is so any more. */
START_TEST(two_reasons)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);
    struct server_client *client = server_find_client(bed.server, &pair.a->keys.public_key);
    struct server_client *other = server_find_client(bed.server, &pair.b->keys.public_key);

    server_pause_for_mesh(client);
    server_pause_for_mesh(client);
    server_pause_for_mesh(other);
    toxtcp_server_check(bed.server);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 2);
    bed_send_data(&pair, 100);
    net_step(bed.net);
    ck_assert_uint_eq(raw_client_drain(pair.b), 0);
    server_resume_from_mesh(bed.server, net_now(bed.net));
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
    ck_assert_uint_ge(raw_client_drain(pair.b), BURST / BED_FRAME_LEN);
    /* Both reasons; the rate's ends first, or last. */
    server_pause_for_mesh(client);
    toxtcp_server_check(bed.server);
    if (_i) {
        net_run(bed.net, 5000);
        ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
        ck_assert_uint_eq(raw_client_drain(pair.b), 0);
        server_resume_from_mesh(bed.server, net_now(bed.net));
    } else {
        server_resume_from_mesh(bed.server, net_now(bed.net));
        net_step(bed.net);
        ck_assert_uint_eq(bed_info(&bed).paused_count, 1);
        ck_assert_uint_eq(raw_client_drain(pair.b), 0);
    }
    net_run(bed.net, 2000);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    ck_assert_uint_gt(raw_client_drain(pair.b), 0);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, 100);
    bed_close(&bed);
}
END_TEST

/* What the driver had read before it was told to stop counts as well. */
START_TEST(more_comes_while_paused)
{
    open_for_senders();
    const struct bed_pair pair = bed_join_pair(&bed);
    struct server_client *client = server_find_client(bed.server, &pair.a->keys.public_key);
    struct buffer *out = &pair.a->channel.out;

    raw_client_hold(pair.a, true);
    bed_send_data(&pair, 100);
    for (unsigned i = 0; i < 10; i++) {
        const size_t len = buffer_len(out) / (10 - i);
        ck_assert_int_eq(toxtcp_link_recv(&client->link, buffer_peek(out), len, net_now(bed.net)), 0);
        buffer_consume(out, pair.a->env, len);
        toxtcp_server_check(bed.server);
    }
    ck_assert_uint_eq(bed_info(&bed).input_pauses, 1);
    ck_assert_uint_eq(bed_info(&bed).data_relayed, 100);
    /* 50 000 bytes too many, and a sixteenth of the burst beside. */
    const uint64_t wait_ms = toxtcp_server_deadline(bed.server) - net_now(bed.net);
    ck_assert_uint_ge(wait_ms, 500);
    ck_assert_uint_le(wait_ms, 600);
    net_run(bed.net, wait_ms);
    ck_assert_uint_eq(bed_info(&bed).paused_count, 0);
    bed_close(&bed);
}
END_TEST

/* However long the mesh holds it up: its pong may lie unread. */
START_TEST(held_up_for_long)
{
    /* What is left of its ten seconds, and what it has in the end. */
    static const uint64_t left_ms[] = {5000, 100};
    static const uint64_t given_ms[] = {5000, 1000};
    bed_open(&bed, 4, NULL);
    struct raw_client *client = bed_join(&bed, NULL);

    net_run(bed.net, 30000);
    (void)raw_client_expect(client, WIRE_PING);
    net_run(bed.net, 10000 - left_ms[_i]);
    bed_expect_served(&bed, client);
    server_pause_for_mesh(server_find_client(bed.server, &client->keys.public_key));
    raw_client_send_ping_id(client, WIRE_PING, 1);
    net_run(bed.net, 1000000);
    ck_assert_int_eq(raw_client_error(client), 0);
    server_resume_from_mesh(bed.server, net_now(bed.net));
    net_run(bed.net, given_ms[_i] - 1);
    (void)raw_client_expect(client, WIRE_PONG);
    ck_assert_int_eq(raw_client_error(client), 0);
    net_run(bed.net, 1);
    ck_assert(bed_is_closed(client));
    bed_close(&bed);
}
END_TEST

/* A driver that always reads is told nothing, and nobody counts as paused. */
START_TEST(driver_that_always_reads)
{
    struct toxtcp_server_config config = bed_defaults();
    config.input_rate_max = 1;
    config.input_burst = 1;
    bed_open(&bed, 4, NULL);
    struct toxtcp_driver driver = *net_driver(bed.net);
    struct toxtcp_server *server;
    const struct toxtcp_address address = net_address(2);
    driver.want_input = NULL;
    ck_assert_int_eq(toxtcp_server_new(net_env(bed.net), &driver, &config, &bed.keys, &server), 0);
    net_listen(bed.net, &address, server);
    net_add_server(bed.net, server);
    struct raw_client *client = raw_client_new(bed.net, &address, &bed.keys.public_key, &bed.keys, NULL);

    net_step(bed.net);
    for (unsigned i = 0; i < 10; i++) {
        bed_expect_served(&bed, client);
    }
    server_pause_for_mesh(server_find_client(server, &bed.keys.public_key));
    struct toxtcp_server_info info;
    toxtcp_server_get_info(server, &info);
    ck_assert_uint_eq(info.paused_count, 0);
    ck_assert_uint_eq(info.input_pauses, 0);
    raw_client_free(client);
    net_step(bed.net);
    net_remove(bed.net, server);
    toxtcp_server_free(server);
    bed_close(&bed);
}
END_TEST

/* Pings whose pongs are not read: that ends it, and its rate bounds how soon. */
START_TEST(ping_flood_without_reading)
{
    enum { PINGS = 20000 };
    bed_open(&bed, 4, NULL);
    struct raw_client *client = bed_join(&bed, NULL);
    const struct bed_pair pair = bed_join_pair(&bed);

    net_set_window(bed.net, 4096);
    net_raw_pause(client->end, true);
    for (uint64_t i = 1; i <= PINGS; i++) {
        raw_client_send_ping_id(client, WIRE_PING, i);
    }
    net_run(bed.net, 1000);
    ck_assert_uint_eq(bed_info(&bed).overflows, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
    bed_expect_linked(&bed, &pair);
    bed_close(&bed);
}
END_TEST

/* --- OOB, and what waits for all --- */

/* Anybody may fill half of somebody's queue; the other half is for friends. */
START_TEST(oob_flood_leaves_room_for_data)
{
    enum { PACKETS = 200, OOB = 900 };
    struct toxtcp_server_config config = bed_defaults();
    static const uint8_t data[BED_DATA_LEN];
    config.output_max = 20 * BED_FRAME_LEN;
    config.input_rate_max = 0;
    bed_open(&bed, 5, &config);
    const struct bed_pair pair = bed_join_pair(&bed);
    struct raw_client *attacker = bed_join(&bed, NULL);

    bed_stop_reading(&bed, pair.b);
    for (unsigned i = 0; i < PACKETS; i++) {
        raw_client_send_oob(attacker, &pair.b->keys.public_key, data, OOB);
        net_step(bed.net);
    }
    const uint64_t oob = bed_info(&bed).oob_relayed;
    ck_assert_uint_ge(oob, 10);
    ck_assert_uint_le(oob, 12);
    ck_assert_uint_eq(bed_info(&bed).oob_dropped, PACKETS - oob);
    for (unsigned i = 0; i < PACKETS; i++) {
        raw_client_send_data(pair.a, pair.a_id, data, sizeof data);
        net_step(bed.net);
    }
    ck_assert_uint_ge(bed_info(&bed).data_relayed, 9);
    ck_assert_uint_eq(bed_info(&bed).data_relayed + bed_info(&bed).data_dropped, PACKETS);
    net_raw_pause(pair.b->end, false);
    net_step(bed.net);
    ck_assert_uint_eq(raw_client_drain(pair.b), bed_info(&bed).data_relayed + oob);
    bed_expect_linked(&bed, &pair);
    bed_close(&bed);
}
END_TEST

/* Many that do not read: what waits for them together is bounded, and who reads is served. */
START_TEST(output_of_all)
{
    enum { SLOW = 20, PACKETS = 60, TOTAL = 300000, BULK = 20 };
    struct toxtcp_server_config config = bed_defaults();
    config.output_total_max = TOTAL;
    config.input_rate_max = 0;
    bed_open(&bed, 6, &config);
    const struct bed_pair good = bed_join_pair(&bed);
    struct bed_pair slow[SLOW];
    for (size_t i = 0; i < SLOW; i++) {
        slow[i] = bed_join_pair(&bed);
    }
    ck_assert_uint_eq(bed_info(&bed).output_len, 0);
    net_set_window(bed.net, 1000);
    for (size_t i = 0; i < SLOW; i++) {
        net_raw_pause(slow[i].b->end, true);
    }
    for (unsigned n = 0; n < PACKETS; n++) {
        for (size_t i = 0; i < SLOW; i++) {
            bed_send_data(&slow[i], 1);
        }
        net_step(bed.net);
        bed_expect_linked(&bed, &good);
    }
    const struct toxtcp_server_info info = bed_info(&bed);
    /* Over the bound a packet or two for each, and the last block may have doubled. */
    ck_assert_uint_ge(info.output_len, TOTAL);
    ck_assert_uint_le(info.output_len, TOTAL + 65536 + SLOW * 8192);
    ck_assert_uint_gt(info.data_dropped_total, 0);
    ck_assert_uint_eq(info.data_dropped_total + info.data_dropped + info.data_relayed, SLOW * PACKETS + 2 * PACKETS);
    /* Who reads all it gets is served in bulk, too. */
    net_set_window(bed.net, 0);
    for (unsigned n = 0; n < BULK; n++) {
        bed_send_data(&good, 1);
    }
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).data_dropped_total, info.data_dropped_total);
    ck_assert_uint_eq(raw_client_drain(good.b), BULK);
    ck_assert_uint_eq(info.client_count, 2 * SLOW + 2);
    for (size_t i = 0; i < SLOW; i++) {
        net_raw_pause(slow[i].b->end, false);
    }
    net_set_window(bed.net, 0);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).output_len, 0);
    for (size_t i = 0; i < SLOW; i++) {
        (void)raw_client_drain(slow[i].b);
        bed_expect_linked(&bed, &slow[i]);
    }
    bed_close(&bed);
}
END_TEST

/* --- Counters --- */

START_TEST(packets_by_group)
{
    static const uint8_t data[1500] = {1};
    struct toxtcp_server_config config = bed_defaults();
    bed_open(&bed, 7, &config);
    const struct bed_pair pair = bed_join_pair(&bed);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct toxtcp_server_info before = bed_info(&bed);
    uint8_t onion[300] = {WIRE_ONION_REQUEST};

    raw_client_send_data(pair.a, pair.a_id, data, 10);
    raw_client_send_data(pair.a, 200, data, 10); /* no such route */
    raw_client_send_key(c, WIRE_ROUTING_REQUEST, &pair.a->keys.public_key);
    raw_client_send_data(c, WIRE_ID_MIN, data, 1); /* its peer is not online */
    raw_client_send_id(c, WIRE_DISCONNECT, WIRE_ID_MIN);
    raw_client_send_ping_id(c, WIRE_PING, 1);
    raw_client_send_ping_id(c, WIRE_PONG, 2);
    raw_client_send_oob(c, &pair.b->keys.public_key, data, TOXTCP_OOB_MAX);
    raw_client_send_oob(c, &bed.keys.public_key, data, 5);
    raw_client_send_plain(c, onion, sizeof onion);
    raw_client_send_plain(c, onion, 1);
    onion[0] = WIRE_FORWARD_REQUEST;
    raw_client_send_plain(c, onion, 100);
    net_step(bed.net);
    const struct toxtcp_server_info info = bed_info(&bed);
    static const uint64_t packets[TOXTCP_GROUP_COUNT] = {1, 1, 2, 2, 3, 3};
    static const uint64_t bytes[TOXTCP_GROUP_COUNT] = {33, 2, 18, 2 * 33 + TOXTCP_OOB_MAX + 5, 11 + 11 + 2, 401};
    for (size_t group = 0; group < TOXTCP_GROUP_COUNT; group++) {
        ck_assert_uint_eq(info.packets[group] - before.packets[group], packets[group]);
        ck_assert_uint_eq(info.bytes[group] - before.bytes[group], bytes[group]);
    }
    ck_assert_uint_eq(info.data_relayed, 1);
    ck_assert_uint_eq(info.data_dropped_offline, 2);
    ck_assert_uint_eq(info.oob_relayed, 1);
    ck_assert_uint_eq(info.oob_dropped_absent, 1);
    ck_assert_uint_eq(info.route_count, 2);
    ck_assert_uint_eq(info.online_count, 2);
    bed_close(&bed);
}
END_TEST

START_TEST(routes_are_counted)
{
    bed_open(&bed, 7, NULL);
    const struct bed_pair pair = bed_join_pair(&bed);
    struct raw_client *c = bed_join(&bed, NULL);
    (void)bed_link(&bed, c, pair.a);
    (void)bed_ask(&bed, c, &bed.keys.public_key);

    ck_assert_uint_eq(bed_info(&bed).route_count, 5);
    ck_assert_uint_eq(bed_info(&bed).online_count, 4);
    raw_client_send_id(pair.b, WIRE_DISCONNECT, pair.b_id);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).route_count, 4);
    ck_assert_uint_eq(bed_info(&bed).online_count, 2);
    bed_leave(&bed, c);
    ck_assert_uint_eq(bed_info(&bed).route_count, 2);
    ck_assert_uint_eq(bed_info(&bed).online_count, 0);
    bed_close(&bed);
}
END_TEST

/* Who goes before it is confirmed has abandoned it; who is thrown out has not. */
START_TEST(abandoned)
{
    bed_open(&bed, 7, NULL);
    struct raw_client *shaken = bed_dial(&bed, NULL, NULL);
    struct net_raw *rubbish = net_raw_dial(bed.net, &bed.address, NULL);
    struct net_raw *silent = net_raw_dial(bed.net, &bed.address, NULL);
    struct net_raw *late = net_raw_dial(bed.net, &bed.address, NULL);
    static const uint8_t bytes[WIRE_REQUEST_SIZE];

    net_step(bed.net);
    net_raw_write(rubbish, bytes, sizeof bytes);
    net_raw_write(silent, bytes, 82);
    net_step(bed.net);
    net_raw_close(silent);
    bed_leave(&bed, shaken);
    bed_leave(&bed, bed_join(&bed, NULL));
    net_run(bed.net, 10000);
    const struct toxtcp_server_info info = bed_info(&bed);
    ck_assert_uint_eq(info.accepted, 5);
    ck_assert_uint_eq(info.abandoned, 2);
    ck_assert_uint_eq(info.handshake_failures, 1);
    ck_assert_uint_eq(info.confirm_timeouts, 1);
    ck_assert_uint_eq(info.confirmed, 1);
    net_raw_close(rubbish);
    net_raw_close(late);
    bed_close(&bed);
}
END_TEST

/* --- All places taken --- */

START_TEST(full_of_idle_clients)
{
    enum { PLACES = 300 };
    struct toxtcp_server_config config = bed_defaults();
    config.clients_max = PLACES;
    bed_open(&bed, 9, &config);
    const struct bed_pair pair = bed_join_pair(&bed);
    for (size_t i = 2; i < PLACES; i++) {
        (void)bed_join(&bed, NULL);
    }
    const size_t bytes = net_alloc_bytes(bed.net);

    ck_assert(bed_is_closed(bed_dial(&bed, NULL, NULL)));
    ck_assert_uint_eq(bed_info(&bed).refused_full, 1);
    ck_assert_uint_le(net_alloc_bytes(bed.net), bytes + 1024);
    bed_expect_linked(&bed, &pair);
    /* Those that answer no ping make room by themselves. */
    net_run(bed.net, 40000);
    ck_assert_uint_eq(bed_info(&bed).client_count, 0);
    (void)bed_join(&bed, NULL);
    bed_close(&bed);
}
END_TEST

static TCase *newcomer_tests(void)
{
    TCase *tests = tcase_create("newcomers");

    tcase_add_test(tests, newcomers_of_one_source);
    tcase_add_test(tests, newcomers_without_limit);
    tcase_add_test(tests, refused_newcomers_evict_nobody);
    tcase_add_test(tests, flood_from_many_sources);
    tcase_add_test(tests, same_key_over_and_over);
    tcase_add_test(tests, full_of_idle_clients);
    return tests;
}

static TCase *input_tests(void)
{
    TCase *tests = tcase_create("input");

    tcase_add_test(tests, line_rate);
    tcase_add_test(tests, within_the_rate_nobody_waits);
    tcase_add_loop_test(tests, weights, 0, 3);
    tcase_add_test(tests, pong_behind_data_is_in_time);
    tcase_add_test(tests, silence_after_a_pause_is_death);
    tcase_add_test(tests, paused_client_leaves);
    tcase_add_test(tests, relay_ends_with_paused_clients);
    tcase_add_loop_test(tests, two_reasons, 0, 2);
    tcase_add_test(tests, more_comes_while_paused);
    tcase_add_loop_test(tests, held_up_for_long, 0, 2);
    tcase_add_test(tests, driver_that_always_reads);
    tcase_add_test(tests, ping_flood_without_reading);
    return tests;
}

static TCase *output_tests(void)
{
    TCase *tests = tcase_create("output");

    tcase_add_test(tests, oob_flood_leaves_room_for_data);
    tcase_add_test(tests, output_of_all);
    return tests;
}

static TCase *counter_tests(void)
{
    TCase *tests = tcase_create("counters");

    tcase_add_test(tests, packets_by_group);
    tcase_add_test(tests, routes_are_counted);
    tcase_add_test(tests, abandoned);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("server_rates");

    suite_add_tcase(suite, newcomer_tests());
    suite_add_tcase(suite, input_tests());
    suite_add_tcase(suite, output_tests());
    suite_add_tcase(suite, counter_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
