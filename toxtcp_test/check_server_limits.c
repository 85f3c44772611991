/* The relay's limits and timers: sources, half-open connections, pings, full and overflowing receivers (sections 2 and
 * 3). SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "support/server_bed.h"

static struct bed bed;

static void open_with(const struct toxtcp_server_config *config)
{
    bed_open(&bed, 2, config);
}

static struct toxtcp_address ipv6(uint8_t subnet, uint8_t last)
{
    return (struct toxtcp_address){
        .family = TOXTCP_FAMILY_IPV6, .ip = {0x20, 0x01, 0x0d, 0xb8, [7] = subnet, [15] = last}, .port = 1};
}

static struct raw_client *dial_from(struct toxtcp_address source)
{
    return bed_dial(&bed, NULL, &source);
}

/* A client that says nothing at all. */
static struct net_raw *dial_silent(struct toxtcp_address source)
{
    struct net_raw *end = net_raw_dial(bed.net, &bed.address, &source);

    net_step(bed.net);
    return end;
}

/* --- Time until confirmed --- */

START_TEST(confirmation_takes_ten_seconds_at_most)
{
    open_with(NULL);
    struct net_raw *silent = dial_silent(bed_ipv4(1, 1));
    struct raw_client *shaken = bed_dial(&bed, NULL, NULL);
    struct raw_client *late = bed_dial(&bed, NULL, NULL);

    net_run(bed.net, 9999);
    ck_assert_int_eq(net_raw_error(silent), 0);
    ck_assert_int_eq(raw_client_error(shaken), 0);
    bed_expect_served(&bed, late);
    net_run(bed.net, 1);
    ck_assert_int_eq(net_raw_error(silent), TOXTCP_ERR_CLOSED);
    ck_assert(bed_is_closed(shaken));
    bed_expect_served(&bed, late);
    ck_assert_uint_eq(bed_info(&bed).confirm_timeouts, 2);
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 0);
    ck_assert_uint_eq(bed_info(&bed).client_count, 1);
    net_raw_close(silent);
    bed_close(&bed);
}
END_TEST

START_TEST(dribble_does_not_prolong)
{
    open_with(NULL);
    struct raw_client *model = bed_dial(&bed, NULL, NULL);
    struct net_raw *slow = net_raw_dial(bed.net, &bed.address, NULL);

    for (size_t i = 0; i < 100; i++) {
        net_raw_write(slow, model->request + i, 1);
        net_run(bed.net, 100);
    }
    ck_assert_int_eq(net_raw_error(slow), TOXTCP_ERR_CLOSED);
    net_raw_close(slow);
    bed_close(&bed);
}
END_TEST

/* --- Counts --- */

START_TEST(connections_per_source)
{
    struct toxtcp_server_config config = bed_defaults();
    config.per_source_max = 2;
    open_with(&config);

    bed_expect_served(&bed, dial_from(bed_ipv4(1, 1)));
    struct raw_client *second = dial_from(bed_ipv4(1, 2));
    ck_assert(raw_client_is_open(second));
    ck_assert(bed_is_closed(dial_from(bed_ipv4(1, 3))));
    ck_assert_uint_eq(bed_info(&bed).refused_source, 1);
    bed_expect_served(&bed, dial_from(bed_ipv4(2, 3)));
    /* Confirmed or not, one that goes makes room. */
    bed_leave(&bed, second);
    bed_expect_served(&bed, dial_from(bed_ipv4(1, 3)));
    ck_assert(bed_is_closed(dial_from(bed_ipv4(1, 4))));
    bed_close(&bed);
}
END_TEST

START_TEST(ipv6_source_is_a_subnet)
{
    struct toxtcp_server_config config = bed_defaults();
    config.per_source_max = 2;
    open_with(&config);

    bed_expect_served(&bed, dial_from(ipv6(1, 1)));
    bed_expect_served(&bed, dial_from(ipv6(1, 2)));
    ck_assert(bed_is_closed(dial_from(ipv6(1, 3))));
    bed_expect_served(&bed, dial_from(ipv6(2, 3)));
    bed_close(&bed);
}
END_TEST

START_TEST(mapped_address_is_ipv4)
{
    struct toxtcp_server_config config = bed_defaults();
    struct toxtcp_address mapped = {
        .family = TOXTCP_FAMILY_IPV6, .ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7}, .port = 1};
    config.per_source_max = 1;
    open_with(&config);

    bed_expect_served(&bed, dial_from(mapped));
    ck_assert(bed_is_closed(dial_from(bed_ipv4(7, 9))));
    mapped.ip[15] = 8;
    bed_expect_served(&bed, dial_from(mapped));
    bed_close(&bed);
}
END_TEST

START_TEST(sources_without_limit)
{
    struct toxtcp_server_config config = bed_defaults();
    config.per_source_max = 0;
    open_with(&config);

    for (uint16_t i = 0; i < 50; i++) {
        bed_expect_served(&bed, dial_from(bed_ipv4(1, i)));
    }
    bed_close(&bed);
}
END_TEST

START_TEST(connections_in_all)
{
    struct toxtcp_server_config config = bed_defaults();
    config.clients_max = 3;
    open_with(&config);

    struct raw_client *first = bed_join(&bed, NULL);
    bed_expect_served(&bed, bed_join(&bed, NULL));
    struct raw_client *third = bed_join(&bed, NULL);
    ck_assert(bed_is_closed(bed_dial(&bed, NULL, NULL)));
    ck_assert_uint_eq(bed_info(&bed).refused_full, 1);
    bed_expect_served(&bed, first);
    bed_expect_served(&bed, third);
    bed_leave(&bed, first);
    bed_expect_served(&bed, bed_join(&bed, NULL));
    ck_assert(bed_is_closed(bed_dial(&bed, NULL, NULL)));
    bed_close(&bed);
}
END_TEST

/* Half-open connections do not keep newcomers out of a full relay. */
START_TEST(full_of_half_open)
{
    struct toxtcp_server_config config = bed_defaults();
    config.clients_max = 3;
    open_with(&config);

    struct raw_client *first = bed_join(&bed, NULL);
    struct raw_client *silent = bed_dial(&bed, NULL, NULL);
    struct raw_client *silent_too = bed_dial(&bed, NULL, NULL);
    bed_expect_served(&bed, bed_join(&bed, NULL));
    ck_assert(bed_is_closed(silent));
    ck_assert(!bed_is_closed(silent_too));
    bed_expect_served(&bed, bed_join(&bed, NULL));
    ck_assert(bed_is_closed(silent_too));
    ck_assert(bed_is_closed(bed_dial(&bed, NULL, NULL)));
    ck_assert_uint_eq(bed_info(&bed).evicted, 2);
    ck_assert_uint_eq(bed_info(&bed).refused_full, 1);
    bed_expect_served(&bed, first);
    bed_close(&bed);
}
END_TEST

START_TEST(flood_displaces_itself)
{
    enum { FLOOD = 200, MAX = 16 };
    struct toxtcp_server_config config = bed_defaults();
    struct net_raw *flood[FLOOD];
    config.unconfirmed_max = MAX;
    open_with(&config);

    struct raw_client *early = dial_from(bed_ipv4(1, 1));
    for (uint16_t i = 0; i < FLOOD; i++) {
        flood[i] = dial_silent(bed_ipv4(66, i));
        ck_assert_uint_le(bed_info(&bed).unconfirmed_count, MAX);
    }
    struct raw_client *newcomer = dial_from(bed_ipv4(2, 1));
    bed_expect_served(&bed, early);
    bed_expect_served(&bed, newcomer);
    /* The newest of the flood are left. Two places are free again. */
    for (uint16_t i = 0; i < FLOOD; i++) {
        ck_assert_int_eq(net_raw_error(flood[i]), i < FLOOD - MAX + 2 ? TOXTCP_ERR_CLOSED : 0);
        net_raw_close(flood[i]);
    }
    ck_assert_uint_eq(bed_info(&bed).evicted, FLOOD - MAX + 2);
    ck_assert_uint_eq(bed_info(&bed).accepted, FLOOD + 2);
    bed_close(&bed);
}
END_TEST

START_TEST(worst_source_is_evicted)
{
    struct toxtcp_server_config config = bed_defaults();
    struct net_raw *ends[8];
    static const uint8_t from[] = {1, 2, 2, 3, 3, 3, 4, 5};
    config.unconfirmed_max = 6;
    open_with(&config);

    for (size_t i = 0; i < 8; i++) {
        ends[i] = dial_silent(bed_ipv4(from[i], (uint16_t)i));
    }
    /* The seventh made 3 lose its first; then 2 and 3 had two each, and 2 the older one. */
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(net_raw_error(ends[i]), i == 3 || i == 1 ? TOXTCP_ERR_CLOSED : 0);
        net_raw_close(ends[i]);
    }
    bed_close(&bed);
}
END_TEST

START_TEST(confirmed_ones_are_not_evicted)
{
    struct toxtcp_server_config config = bed_defaults();
    config.unconfirmed_max = 1;
    open_with(&config);

    struct raw_client *confirmed[10];
    for (uint16_t i = 0; i < 10; i++) {
        confirmed[i] = dial_from(bed_ipv4(1, i));
        bed_expect_served(&bed, confirmed[i]);
    }
    struct raw_client *first = dial_from(bed_ipv4(1, 20));
    struct raw_client *second = dial_from(bed_ipv4(2, 20));
    ck_assert(bed_is_closed(first));
    bed_expect_served(&bed, second);
    for (uint16_t i = 0; i < 10; i++) {
        bed_expect_served(&bed, confirmed[i]);
    }
    bed_close(&bed);
}
END_TEST

START_TEST(no_room_for_unconfirmed_means_one)
{
    struct toxtcp_server_config config = bed_defaults();
    config.unconfirmed_max = 0;
    open_with(&config);

    struct raw_client *first = dial_from(bed_ipv4(1, 1));
    struct raw_client *second = dial_from(bed_ipv4(2, 1));
    ck_assert(bed_is_closed(first));
    bed_expect_served(&bed, second);
    bed_expect_served(&bed, dial_from(bed_ipv4(3, 1)));
    ck_assert_uint_eq(bed_info(&bed).evicted, 1);
    bed_close(&bed);
}
END_TEST

/* --- Pings --- */

static uint64_t take_ping(struct raw_client *client)
{
    uint64_t id;

    memcpy(&id, raw_client_expect(client, WIRE_PING)->ping_id, sizeof id);
    ck_assert(id != 0);
    raw_client_expect_nothing(client);
    return id;
}

START_TEST(pings_every_thirty_seconds)
{
    open_with(NULL);
    struct raw_client *client = bed_dial(&bed, NULL, NULL);
    uint64_t last = 0;

    net_run(bed.net, 5000);
    bed_expect_served(&bed, client);
    for (size_t i = 0; i < 20; i++) {
        net_run(bed.net, 29999);
        raw_client_expect_nothing(client);
        net_run(bed.net, 1);
        const uint64_t id = take_ping(client);
        ck_assert(id != last);
        last = id;
        raw_client_send_ping_id(client, WIRE_PONG, id);
        net_step(bed.net);
    }
    bed_close(&bed);
}
END_TEST

START_TEST(late_pong_does_not_shift_the_pings)
{
    open_with(NULL);
    struct raw_client *client = bed_join(&bed, NULL);

    for (size_t i = 0; i < 3; i++) {
        net_run(bed.net, i ? 20001 : 30000);
        const uint64_t id = take_ping(client);
        net_run(bed.net, 9999);
        raw_client_send_ping_id(client, WIRE_PONG, id);
        net_step(bed.net);
    }
    bed_expect_served(&bed, client);
    bed_close(&bed);
}
END_TEST

START_TEST(without_pong_it_is_dropped)
{
    open_with(NULL);
    const struct bed_pair pair = bed_join_pair(&bed);

    net_run(bed.net, 30000);
    raw_client_send_ping_id(pair.b, WIRE_PONG, take_ping(pair.b));
    const uint64_t id = take_ping(pair.a);
    net_run(bed.net, 5000);
    /* Other packets, and pongs to no ping, are no pong. */
    raw_client_send_ping_id(pair.a, WIRE_PONG, id ^ 1);
    bed_expect_served(&bed, pair.a);
    net_run(bed.net, 4999);
    ck_assert_int_eq(raw_client_error(pair.a), 0);
    net_run(bed.net, 1);
    ck_assert(bed_is_closed(pair.a));
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_DISCONNECT)->id, pair.b_id);
    bed_expect_served(&bed, pair.b);
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 1);
    bed_close(&bed);
}
END_TEST

START_TEST(pong_counts_once)
{
    open_with(NULL);
    struct raw_client *client = bed_join(&bed, NULL);

    net_run(bed.net, 30000);
    const uint64_t id = take_ping(client);
    raw_client_send_ping_id(client, WIRE_PONG, id);
    raw_client_send_ping_id(client, WIRE_PONG, id);
    net_run(bed.net, 30000);
    ck_assert(take_ping(client) != id);
    /* The old id again is nothing. */
    raw_client_send_ping_id(client, WIRE_PONG, id);
    net_run(bed.net, 10000);
    ck_assert(bed_is_closed(client));
    bed_close(&bed);
}
END_TEST

/* Two clients have got their ping when the relay's process sleeps for so long that both pongs are overdue. */
static void suspend_with_pings_out(struct raw_client **prompt, struct raw_client **silent)
{
    open_with(NULL);
    *prompt = bed_join(&bed, NULL);
    *silent = bed_join(&bed, NULL);
    net_run(bed.net, 30000);
    raw_client_send_ping_id(*prompt, WIRE_PONG, take_ping(*prompt));
    net_jump(bed.net, 3600000);
}

/* More time is given once for a ping, however late the relay is called. */
START_TEST(always_late)
{
    open_with(NULL);
    struct raw_client *silent = bed_join(&bed, NULL);
    net_run(bed.net, 30000);
    (void)take_ping(silent);
    for (int i = 0; i < 5; i++) {
        net_jump(bed.net, 13000);
        net_step(bed.net);
    }
    ck_assert(bed_is_closed(silent));
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 1);
    bed_close(&bed);
}
END_TEST

START_TEST(suspended_relay_reads_before_it_judges)
{
    struct raw_client *prompt;
    struct raw_client *silent;

    suspend_with_pings_out(&prompt, &silent);
    const uint64_t id = take_ping(silent);
    net_step(bed.net);
    /* The prompt one is pinged again, now that its turn is long past. */
    raw_client_send_ping_id(prompt, WIRE_PONG, take_ping(prompt));
    ck_assert_int_eq(raw_client_error(silent), 0);
    net_run(bed.net, 999);
    raw_client_send_ping_id(silent, WIRE_PONG, id);
    net_step(bed.net);
    raw_client_send_ping_id(silent, WIRE_PONG, take_ping(silent));
    net_run(bed.net, 25000);
    bed_expect_served(&bed, prompt);
    ck_assert_int_eq(raw_client_error(silent), 0);
    ck_assert_uint_eq(bed_info(&bed).pong_timeouts, 0);
    bed_close(&bed);
}
END_TEST

START_TEST(suspended_relay_waits_a_second_more)
{
    struct raw_client *prompt;
    struct raw_client *silent;

    suspend_with_pings_out(&prompt, &silent);
    net_step(bed.net);
    net_run(bed.net, 999);
    ck_assert_int_eq(raw_client_error(silent), 0);
    net_run(bed.net, 1);
    ck_assert(bed_is_closed(silent));
    ck_assert_int_eq(raw_client_error(prompt), 0);
    bed_close(&bed);
}
END_TEST

/* --- Receivers that do not read --- */

START_TEST(full_receiver_loses_data_only)
{
    enum { PACKETS = 200, LEN = 1000 };
    struct toxtcp_server_config config = bed_defaults();
    uint8_t data[LEN] = {0};
    config.output_max = 10000;
    open_with(&config);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct bed_pair pair = bed_join_pair(&bed);
    const size_t before = net_alloc_bytes(bed.net);

    bed_stop_reading(&bed, pair.b);
    (void)bed_ask(&bed, c, &pair.b->keys.public_key);
    for (unsigned i = 0; i < PACKETS; i++) {
        data[0] = (uint8_t)i;
        raw_client_send_data(pair.a, pair.a_id, data, sizeof data);
        raw_client_send_oob(c, &pair.b->keys.public_key, data, sizeof data);
        net_step(bed.net);
    }
    /* Control packets queue behind what was taken. */
    raw_client_send_ping_id(pair.b, WIRE_PING, 7);
    raw_client_send_key(pair.b, WIRE_ROUTING_REQUEST, &c->keys.public_key);
    net_step(bed.net);
    raw_client_send_id(pair.a, WIRE_DISCONNECT, pair.a_id);
    net_step(bed.net);
    const struct toxtcp_server_info info = bed_info(&bed);
    ck_assert_uint_eq(info.data_relayed + info.data_dropped, PACKETS);
    ck_assert_uint_eq(info.oob_relayed + info.oob_dropped, PACKETS);
    ck_assert_uint_le(info.data_relayed + info.oob_relayed, 12);
    ck_assert_uint_ge(info.data_relayed + info.oob_relayed, 8);
    /* The queue is a block of twice its bytes at most; the rest lies in blocks to spare. */
    toxtcp_env_trim(net_env(bed.net));
    ck_assert_uint_le(net_alloc_bytes(bed.net), before + 40000);
    bed_expect_served(&bed, pair.a);
    (void)raw_client_expect(c, WIRE_CONNECT);

    net_raw_pause(pair.b->end, false);
    net_step(bed.net);
    for (uint64_t i = 0; i < info.data_relayed + info.oob_relayed; i++) {
        const struct packet *packet = raw_client_next(pair.b);
        ck_assert(packet->kind == WIRE_DATA || packet->kind == WIRE_OOB_RECV);
        ck_assert_uint_eq(packet->data_len, LEN);
    }
    (void)raw_client_expect(pair.b, WIRE_PONG);
    (void)raw_client_expect(pair.b, WIRE_ROUTING_RESPONSE);
    (void)raw_client_expect(pair.b, WIRE_CONNECT);
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_DISCONNECT)->id, pair.b_id);
    bed_expect_served(&bed, pair.b);
    bed_close(&bed);
}
END_TEST

/* A relay with small queues. A pong takes 27 bytes of the 5000 in the relay and the 1000 in between; what is left then
 * takes no notification. */
enum { SMALL_OUTPUT = 2000, SMALL_CONTROL = 3000, FITTING_PONGS = (SMALL_OUTPUT + SMALL_CONTROL + 1000) / 27 };

static void open_small(void)
{
    struct toxtcp_server_config config = bed_defaults();

    config.output_max = SMALL_OUTPUT;
    config.control_output_max = SMALL_CONTROL;
    config.input_rate_max = 0;
    open_with(&config);
}

static void fill_with_pongs(struct raw_client *client)
{
    bed_stop_reading(&bed, client);
    for (unsigned i = 1; i <= FITTING_PONGS; i++) {
        raw_client_send_ping_id(client, WIRE_PING, i);
        if (i % 32 == 0) {
            net_step(bed.net);
        }
    }
    net_step(bed.net);
}

START_TEST(unread_answers_overflow)
{
    open_small();
    const struct bed_pair pair = bed_join_pair(&bed);

    fill_with_pongs(pair.a);
    ck_assert_uint_eq(bed_info(&bed).overflows, 0);
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
    raw_client_send_ping_id(pair.a, WIRE_PING, 1);
    raw_client_send_ping_id(pair.a, WIRE_PING, 2);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).overflows, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 1);
    ck_assert_uint_eq(raw_client_expect(pair.b, WIRE_DISCONNECT)->id, pair.b_id);
    bed_expect_served(&bed, pair.b);
    net_raw_pause(pair.a->end, false);
    net_step(bed.net);
    ck_assert(bed_is_closed(pair.a));
    bed_close(&bed);
}
END_TEST

/* The friend of a client that does not read comes and goes, as fast as it likes. */
START_TEST(flapping_friend_closes_nobody)
{
    enum { FLAPS = 1000 };
    open_small();
    struct bed_pair pair = bed_join_pair(&bed);

    bed_stop_reading(&bed, pair.a);
    for (unsigned i = 0; i < FLAPS; i++) {
        raw_client_send_id(pair.b, WIRE_DISCONNECT, pair.b_id);
        pair.b_id = bed_ask(&bed, pair.b, &pair.a->keys.public_key);
        (void)raw_client_drain(pair.b);
    }
    ck_assert_uint_eq(bed_info(&bed).client_count, 2);
    ck_assert_uint_eq(bed_info(&bed).overflows, 0);
    net_raw_pause(pair.a->end, false);
    net_step(bed.net);
    /* What had been queued, in turn; then nothing more than what is. */
    bool online = true;
    size_t heard = 0;
    for (const struct packet *packet = raw_client_next(pair.a); packet; packet = raw_client_next(pair.a)) {
        ck_assert_int_eq(packet->kind, online ? WIRE_DISCONNECT : WIRE_CONNECT);
        ck_assert_uint_eq(packet->id, pair.a_id);
        online = !online;
        heard++;
    }
    ck_assert(online);
    ck_assert_uint_ge(heard, SMALL_OUTPUT / 20);
    ck_assert_uint_le(heard, (SMALL_OUTPUT + 1000) / 20 + 1);
    bed_expect_linked(&bed, &pair);
    bed_close(&bed);
}
END_TEST

/* Until it is told that a route is online again, or for the first time, nothing comes on it. */
START_TEST(news_comes_before_data)
{
    static const uint8_t data[100] = {1};
    open_small();
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    const uint8_t b_id = bed_ask(&bed, b, &a->keys.public_key);

    fill_with_pongs(b);
    const uint8_t a_id = bed_ask(&bed, a, &b->keys.public_key);
    ck_assert_uint_eq(raw_client_expect(a, WIRE_CONNECT)->id, a_id);
    /* There is room for data again, but not yet so much that b is told. */
    net_set_window(bed.net, FITTING_PONGS * 27 - SMALL_OUTPUT + 300);
    net_step(bed.net);
    raw_client_send_data(a, a_id, data, sizeof data);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).data_dropped, 1);
    net_raw_pause(b->end, false);
    raw_client_send_data(a, a_id, data, sizeof data);
    net_step(bed.net);
    const struct packet *packet = raw_client_next(b);
    while (packet && packet->kind == WIRE_PONG) {
        packet = raw_client_next(b);
    }
    ck_assert(packet && packet->kind == WIRE_CONNECT && packet->id == b_id);
    raw_client_drain(b);
    const struct bed_pair pair = {a, b, a_id, b_id};
    bed_expect_linked(&bed, &pair);
    bed_close(&bed);
}
END_TEST

/* It gives back routes that it was not told of any more; the ids mean something else then. */
START_TEST(routes_go_while_news_is_owed)
{
    open_small();
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct bed_pair ab = bed_link(&bed, a, b);
    const struct bed_pair ac = bed_link(&bed, a, c);

    fill_with_pongs(a);
    raw_client_send_id(b, WIRE_DISCONNECT, ab.b_id);
    raw_client_send_id(c, WIRE_DISCONNECT, ac.b_id);
    net_step(bed.net);
    raw_client_send_id(a, WIRE_DISCONNECT, ab.a_id);
    net_step(bed.net);
    net_raw_pause(a->end, false);
    net_step(bed.net);
    const struct packet *packet = raw_client_next(a);
    while (packet && packet->kind == WIRE_PONG) {
        packet = raw_client_next(a);
    }
    ck_assert(packet && packet->kind == WIRE_DISCONNECT && packet->id == ac.a_id);
    bed_expect_served(&bed, a);
    bed_close(&bed);
}
END_TEST

START_TEST(full_friends_survive_a_friend)
{
    enum { COUNT = 16 };
    open_small();
    struct raw_client *clients[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        clients[i] = bed_join(&bed, NULL);
        for (size_t j = 0; j < i; j++) {
            (void)bed_link(&bed, clients[j], clients[i]);
        }
    }
    for (size_t i = 1; i < COUNT; i++) {
        fill_with_pongs(clients[i]);
    }
    bed_leave(&bed, clients[0]);
    ck_assert_uint_eq(bed_info(&bed).client_count, COUNT - 1);
    ck_assert_uint_eq(bed_info(&bed).overflows, 0);
    for (size_t i = 1; i < COUNT; i++) {
        net_raw_pause(clients[i]->end, false);
        net_step(bed.net);
        ck_assert_uint_eq(raw_client_drain(clients[i]), FITTING_PONGS + 1);
        bed_expect_served(&bed, clients[i]);
    }
    bed_close(&bed);
}
END_TEST

/* Each is linked with the next, and there is no memory to tell anybody anything: the end of the first is the end of
 * all, however many, within a stack that does not grow with them. */
START_TEST(long_chain_of_ends)
{
    enum { COUNT = 250, STACK = 1 << 18 };
    struct rlimit before;
    open_with(NULL);
    struct raw_client *first = bed_join(&bed, NULL);
    struct raw_client *last = first;
    for (size_t i = 1; i < COUNT; i++) {
        last = bed_link(&bed, last, bed_join(&bed, NULL)).b;
    }
    ck_assert_uint_eq(bed_info(&bed).client_count, COUNT);

    ck_assert_int_eq(getrlimit(RLIMIT_STACK, &before), 0);
    const struct rlimit small = {.rlim_cur = STACK, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_STACK, &small), 0);
    toxtcp_env_trim(net_env(bed.net));
    net_fail_alloc(bed.net, 1, true);
    bed_leave(&bed, first);
    net_fail_alloc(bed.net, 0, false);
    ck_assert_int_eq(setrlimit(RLIMIT_STACK, &before), 0);
    ck_assert_uint_eq(bed_info(&bed).client_count, 0);
    ck_assert_uint_eq(bed_info(&bed).route_count, 0);
    bed_close(&bed);
}
END_TEST

/* Leaves one byte of its block of 256: for more there must be memory. */
static void fill_block(struct raw_client *client)
{
    net_raw_pause(client->end, true);
    for (unsigned i = 1; i <= 5; i++) {
        raw_client_send_ping_id(client, WIRE_PING, i);
    }
    for (unsigned i = 0; i < 2; i++) {
        raw_client_send_key(client, WIRE_ROUTING_REQUEST, &client->keys.public_key);
    }
    net_step(bed.net);
}

START_TEST(end_comes_back_to_its_cause)
{
    open_with(NULL);
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    struct raw_client *c = bed_join(&bed, NULL);
    const struct bed_pair ab = bed_link(&bed, a, b);
    (void)bed_link(&bed, b, c);
    (void)bed_link(&bed, c, a);

    /* a gives b up, there is no memory to tell b, nor c of b's end, nor a of c's. */
    net_set_window(bed.net, 1);
    fill_block(a);
    fill_block(b);
    fill_block(c);
    ck_assert_uint_eq(bed_info(&bed).client_count, 3);
    net_fail_alloc(bed.net, 1, true);
    raw_client_send_id(a, WIRE_DISCONNECT, ab.a_id);
    net_step(bed.net);
    net_fail_alloc(bed.net, 0, false);
    ck_assert_uint_eq(bed_info(&bed).client_count, 0);
    bed_close(&bed);
}
END_TEST

START_TEST(own_answer_overflows)
{
    open_small();
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);

    (void)bed_ask(&bed, b, &a->keys.public_key);
    fill_with_pongs(a);
    raw_client_send_key(a, WIRE_ROUTING_REQUEST, &b->keys.public_key);
    raw_client_send_key(a, WIRE_ROUTING_REQUEST, &bed.keys.public_key);
    net_step(bed.net);
    ck_assert_uint_eq(bed_info(&bed).overflows, 1);
    bed_expect_served(&bed, b);
    bed_close(&bed);
}
END_TEST

START_TEST(ping_of_the_relay_overflows)
{
    open_small();
    struct raw_client *client = bed_join(&bed, NULL);

    fill_with_pongs(client);
    net_run(bed.net, 29999);
    ck_assert_uint_eq(bed_info(&bed).client_count, 1);
    net_run(bed.net, 1);
    ck_assert_uint_eq(bed_info(&bed).overflows, 1);
    ck_assert_uint_eq(bed_info(&bed).client_count, 0);
    bed_close(&bed);
}
END_TEST

static TCase *count_tests(void)
{
    TCase *tests = tcase_create("counts");

    tcase_add_test(tests, confirmation_takes_ten_seconds_at_most);
    tcase_add_test(tests, dribble_does_not_prolong);
    tcase_add_test(tests, connections_per_source);
    tcase_add_test(tests, ipv6_source_is_a_subnet);
    tcase_add_test(tests, mapped_address_is_ipv4);
    tcase_add_test(tests, sources_without_limit);
    tcase_add_test(tests, connections_in_all);
    tcase_add_test(tests, full_of_half_open);
    tcase_add_test(tests, flood_displaces_itself);
    tcase_add_test(tests, worst_source_is_evicted);
    tcase_add_test(tests, confirmed_ones_are_not_evicted);
    tcase_add_test(tests, no_room_for_unconfirmed_means_one);
    return tests;
}

static TCase *time_tests(void)
{
    TCase *tests = tcase_create("time");

    tcase_add_test(tests, pings_every_thirty_seconds);
    tcase_add_test(tests, late_pong_does_not_shift_the_pings);
    tcase_add_test(tests, without_pong_it_is_dropped);
    tcase_add_test(tests, pong_counts_once);
    tcase_add_test(tests, always_late);
    tcase_add_test(tests, suspended_relay_reads_before_it_judges);
    tcase_add_test(tests, suspended_relay_waits_a_second_more);
    return tests;
}

static TCase *queue_tests(void)
{
    TCase *tests = tcase_create("queues");

    tcase_add_test(tests, full_receiver_loses_data_only);
    tcase_add_test(tests, unread_answers_overflow);
    tcase_add_test(tests, flapping_friend_closes_nobody);
    tcase_add_test(tests, news_comes_before_data);
    tcase_add_test(tests, routes_go_while_news_is_owed);
    tcase_add_test(tests, full_friends_survive_a_friend);
    tcase_add_test(tests, long_chain_of_ends);
    tcase_add_test(tests, end_comes_back_to_its_cause);
    tcase_add_test(tests, own_answer_overflows);
    tcase_add_test(tests, ping_of_the_relay_overflows);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("server_limits");

    suite_add_tcase(suite, count_tests());
    suite_add_tcase(suite, time_tests());
    suite_add_tcase(suite, queue_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
