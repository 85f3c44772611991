/* The relay under bad luck and bad will: no memory, every cut of the stream, secrets left behind, random clients.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/server_bed.h"

static struct bed bed;

/* --- Want of memory: a conversation that any of its clients may fail in --- */

/* Asks without expecting an answer; the ids are those that a fresh client gets. */
static void converse(struct raw_client **clients, size_t count)
{
    uint8_t data[600] = {1};

    for (size_t i = 0; i < count; i++) {
        clients[i] = bed_dial(&bed, NULL, NULL);
        raw_client_send_ping_id(clients[i], WIRE_PING, 1);
        net_step(bed.net);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            raw_client_send_key(clients[i], WIRE_ROUTING_REQUEST, &clients[j]->keys.public_key);
        }
        net_step(bed.net);
    }
    for (size_t i = 0; i < count; i++) {
        /* In two pieces, so that the relay keeps a tail. */
        raw_client_hold(clients[i], true);
        raw_client_send_data(clients[i], WIRE_ID_MIN, data, sizeof data);
        raw_client_send_oob(clients[i], &clients[0]->keys.public_key, data, sizeof data);
        (void)raw_client_flush(clients[i], 700);
        net_step(bed.net);
        raw_client_hold(clients[i], false);
        net_step(bed.net);
    }
    raw_client_send_id(clients[0], WIRE_DISCONNECT, WIRE_ID_MIN);
    net_run(bed.net, 30000);
}

enum { TALKERS = 4 };

/* After all that, with memory again: the relay serves those that are left, and newcomers. */
static size_t count_alive_and_close(struct raw_client **clients, size_t count)
{
    size_t alive = 0;

    net_fail_alloc(bed.net, 0, false);
    for (size_t i = 0; i < count; i++) {
        (void)raw_client_drain(clients[i]);
        if (raw_client_error(clients[i]) == 0) {
            bed_expect_served(&bed, clients[i]);
            alive++;
        }
    }
    const struct bed_pair pair = bed_join_pair(&bed);
    bed_expect_linked(&bed, &pair);
    bed_close(&bed);
    return alive;
}

static uint64_t count_allocations(void)
{
    struct raw_client *clients[TALKERS];

    bed_open(&bed, 3, NULL);
    const uint64_t before = net_alloc_count(bed.net);
    converse(clients, TALKERS);
    const uint64_t count = net_alloc_count(bed.net) - before;
    ck_assert_uint_eq(count_alive_and_close(clients, TALKERS), TALKERS);
    return count;
}

START_TEST(one_allocation_fails)
{
    struct raw_client *clients[TALKERS];
    const uint64_t count = count_allocations();
    size_t losses = 0;

    ck_assert_uint_gt(count, 30);
    for (uint64_t i = 1; i <= count; i++) {
        bed_open(&bed, 3, NULL);
        net_fail_alloc(bed.net, i, false);
        converse(clients, TALKERS);
        const size_t alive = count_alive_and_close(clients, TALKERS);
        /* It costs one client at most, often none. */
        ck_assert_uint_ge(alive, TALKERS - 1);
        losses += TALKERS - alive;
    }
    ck_assert_uint_gt(losses, 0);
}
END_TEST

START_TEST(all_allocations_fail_from_one_on)
{
    struct raw_client *clients[TALKERS];
    const uint64_t count = count_allocations();

    for (uint64_t i = 1; i <= count; i++) {
        bed_open(&bed, 3, NULL);
        net_fail_alloc(bed.net, i, true);
        converse(clients, TALKERS);
        (void)count_alive_and_close(clients, TALKERS);
    }
}
END_TEST

START_TEST(no_memory_for_a_server)
{
    struct toxtcp_server *server;

    bed_open(&bed, 3, NULL);
    net_fail_alloc(bed.net, 1, false);
    ck_assert_int_eq(toxtcp_server_new(net_env(bed.net), net_driver(bed.net), NULL, &bed.keys, &server),
                     TOXTCP_ERR_NO_MEMORY);
    bed_close(&bed);
}
END_TEST

/* The table of keys grows now and then when somebody is confirmed. Where there is no memory for that, a connection that
 * would have replaced another ends, and the other one is untouched. */
static size_t replace_without_memory(void)
{
    struct raw_client *older = bed_join(&bed, NULL);
    struct raw_client *newer = bed_dial(&bed, &older->keys, NULL);

    net_fail_alloc(bed.net, 1, true);
    raw_client_send_ping_id(newer, WIRE_PING, 1);
    net_step(bed.net);
    net_fail_alloc(bed.net, 0, false);
    ck_assert((raw_client_error(older) == 0) != (raw_client_error(newer) == 0));
    if (raw_client_error(newer) == 0) {
        return 0;
    }
    bed_expect_served(&bed, older);
    return 1;
}

START_TEST(no_memory_to_replace)
{
    enum { SEEDS_MAX = 64, COUNT = 200 };
    size_t failures = 0;

    /* Whether the table grows just then is a matter of luck. */
    for (uint64_t seed = 0; seed < SEEDS_MAX && failures == 0; seed++) {
        bed_open(&bed, seed, NULL);
        for (size_t i = 0; i < COUNT; i++) {
            failures += replace_without_memory();
        }
        bed_close(&bed);
    }
    ck_assert_uint_gt(failures, 0);
}
END_TEST

/* --- Cuts --- */

/* A conversation whose bytes come from one client: the request, then packets. `cut` is where they are cut, counted from
 * the request's first byte; SIZE_MAX: byte by byte. */
static void talk_cut(size_t cut)
{
    static const uint8_t data[40] = {9};
    struct raw_client *peer = bed_join(&bed, NULL);
    const struct toxtcp_key_pair keys = net_keys(bed.net);
    struct raw_client *client = raw_client_new_holding(bed.net, &bed.address, &bed.keys.public_key, &keys, NULL);

    bed.clients[bed.client_count] = client;
    bed.client_count++;
    (void)bed_ask(&bed, peer, &keys.public_key);
    net_set_piece(bed.net, cut == SIZE_MAX ? 1 : 0);
    const size_t request_cut = cut < WIRE_REQUEST_SIZE ? cut : WIRE_REQUEST_SIZE;
    (void)raw_client_flush(client, request_cut);
    net_step(bed.net);
    (void)raw_client_flush(client, SIZE_MAX);
    net_step(bed.net);
    ck_assert(raw_client_is_open(client));

    raw_client_send_key(client, WIRE_ROUTING_REQUEST, &peer->keys.public_key);
    raw_client_send_data(client, WIRE_ID_MIN, data, sizeof data);
    raw_client_send_oob(client, &peer->keys.public_key, data, sizeof data);
    raw_client_send_id(client, WIRE_DISCONNECT, WIRE_ID_MIN);
    raw_client_send_ping_id(client, WIRE_PING, 1);
    (void)raw_client_flush(client, cut == SIZE_MAX ? cut : cut - request_cut);
    net_step(bed.net);
    (void)raw_client_flush(client, SIZE_MAX);
    net_step(bed.net);

    ck_assert_uint_eq(raw_client_expect(client, WIRE_ROUTING_RESPONSE)->id, WIRE_ID_MIN);
    (void)raw_client_expect(client, WIRE_CONNECT);
    (void)raw_client_expect(client, WIRE_PONG);
    raw_client_expect_nothing(client);
    (void)raw_client_expect(peer, WIRE_CONNECT);
    ck_assert_uint_eq(raw_client_expect(peer, WIRE_DATA)->data_len, sizeof data);
    ck_assert_uint_eq(raw_client_expect(peer, WIRE_OOB_RECV)->data_len, sizeof data);
    (void)raw_client_expect(peer, WIRE_DISCONNECT);
    raw_client_expect_nothing(peer);
    net_set_piece(bed.net, 0);
}

/* 128, then frames of 33, 41, 73, 2 and 9 bytes and 18 more each. */
enum { TALK_LEN = 128 + 33 + 41 + 73 + 2 + 9 + 5 * 18 };

START_TEST(every_cut_in_two)
{
    for (size_t cut = 0; cut <= TALK_LEN; cut++) {
        bed_open(&bed, cut, NULL);
        talk_cut(cut);
        bed_close(&bed);
    }
}
END_TEST

START_TEST(byte_by_byte)
{
    bed_open(&bed, 4, NULL);
    talk_cut(SIZE_MAX);
    bed_close(&bed);
}
END_TEST

/* --- Secrets --- */

START_TEST(secrets_are_wiped)
{
    bed_open(&bed, 5, NULL);
    struct raw_client *a = bed_join(&bed, NULL);
    struct raw_client *b = bed_join(&bed, NULL);
    struct raw_client *c = bed_join(&bed, NULL);
    struct raw_client *d = bed_dial(&bed, NULL, NULL);
    struct raw_client *all[] = {a, b, c, d};

    net_watch_secret(bed.net, bed.keys.secret_key.bytes);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(raw_client_is_open(all[i]));
        net_watch_secret(bed.net, all[i]->channel.session.send.shared.bytes);
        net_watch_secret(bed.net, all[i]->channel.session.send.subkey);
        net_watch_secret(bed.net, all[i]->channel.session.recv.subkey);
    }
    /* Four ways to end: the client goes, a violation, time, and the relay's own end. */
    const struct bed_pair pair = bed_link(&bed, a, b);
    bed_expect_linked(&bed, &pair);
    bed_leave(&bed, a);
    const uint8_t reserved = WIRE_RESERVED_FIRST;
    raw_client_send_plain(b, &reserved, 1);
    net_run(bed.net, 10000);
    ck_assert_uint_eq(bed_info(&bed).client_count, 1);
    bed_expect_served(&bed, c);
    toxtcp_env_trim(net_env(bed.net));
    bed_close(&bed);
}
END_TEST

/* --- Random clients --- */

enum { CROWD = 8, STEPS = 2500 };

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(net_random(bed.net) % bound);
}

static struct raw_client *crowd[CROWD];
static struct toxtcp_key_pair crowd_keys[CROWD];

static void random_bytes(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)net_random(bed.net);
    }
}

static struct packet random_packet(const uint8_t *data)
{
    static const enum wire_kind kinds[] = {WIRE_ROUTING_REQUEST,
                                           WIRE_ROUTING_REQUEST,
                                           WIRE_DISCONNECT,
                                           WIRE_PING,
                                           WIRE_PONG,
                                           WIRE_OOB_SEND,
                                           WIRE_DATA,
                                           WIRE_DATA};
    struct packet packet = {.kind = kinds[below(8)], .data = data};

    packet.key = crowd_keys[below(CROWD)].public_key;
    if (below(10) == 0) {
        random_bytes(packet.key.bytes, sizeof packet.key.bytes);
    }
    packet.id = (uint8_t)(WIRE_ID_MIN + below(below(4) ? CROWD : WIRE_ID_COUNT));
    packet.ping_id[below(WIRE_PING_ID_SIZE)] = (uint8_t)(1 + below(255));
    packet.data_len = 1 + below(packet.kind == WIRE_DATA ? TOXTCP_DATA_MAX : TOXTCP_OOB_MAX);
    return packet;
}

/* A right packet; now and then with a byte changed, cut short or made longer. */
static void send_something(struct raw_client *client)
{
    uint8_t data[TOXTCP_DATA_MAX] = {0};
    uint8_t plain[WIRE_PLAIN_MAX] = {0};
    const struct packet packet = random_packet(data);
    size_t len = packet_encode(&packet, plain);

    switch (below(400)) {
    case 0:
        plain[below((uint32_t)len)] = (uint8_t)net_random(bed.net);
        break;
    case 1:
        plain[0] = (uint8_t)below(WIRE_DATA);
        break;
    case 2:
        len = 1 + below((uint32_t)len);
        break;
    case 3:
        len = len < WIRE_PLAIN_MAX ? len + 1 : len;
        break;
    default:
        break;
    }
    raw_client_send_plain(client, plain, len);
}

static void read_something(struct raw_client *client)
{
    const struct packet *packet = raw_client_next(client);

    while (packet) {
        if (packet->kind == WIRE_PING && below(20) != 0) {
            const struct packet ping = *packet;
            struct packet pong = {.kind = WIRE_PONG};
            memcpy(pong.ping_id, ping.ping_id, sizeof pong.ping_id);
            raw_client_send(client, &pong);
        }
        packet = raw_client_next(client);
    }
}

static void renew(size_t i)
{
    raw_client_free(crowd[i]);
    crowd[i] = raw_client_new(bed.net, &bed.address, &bed.keys.public_key, &crowd_keys[i], NULL);
}

/* Comes with the keys of another, who may be there. */
static void impersonate(size_t i)
{
    raw_client_free(crowd[i]);
    crowd[i] = raw_client_new(bed.net, &bed.address, &bed.keys.public_key, &crowd_keys[below(CROWD)], NULL);
}

static void disturb(size_t i)
{
    uint8_t rubbish[50];

    switch (below(12)) {
    case 0:
        renew(i);
        break;
    case 1:
        impersonate(i);
        break;
    case 2:
        random_bytes(rubbish, sizeof rubbish);
        net_raw_write(crowd[i]->end, rubbish, below(sizeof rubbish));
        break;
    default:
        net_raw_pause(crowd[i]->end, below(2) == 0);
        break;
    }
}

static void act(size_t i)
{
    switch (below(16)) {
    case 0:
        disturb(i);
        break;
    case 1:
        raw_client_hold(crowd[i], below(2) == 0);
        break;
    case 2:
        (void)raw_client_flush(crowd[i], below(100));
        break;
    default:
        for (uint32_t count = below(12); count > 0; count--) {
            send_something(crowd[i]);
        }
        break;
    }
    read_something(crowd[i]);
}

/* Faults are over: everybody comes anew and is served. */
static void heal_crowd(void)
{
    net_set_piece(bed.net, 0);
    net_set_window(bed.net, 0);
    net_fail_alloc(bed.net, 0, false);
    for (size_t i = 0; i < CROWD; i++) {
        renew(i);
        net_step(bed.net);
        bed_expect_served(&bed, crowd[i]);
        (void)raw_client_drain(crowd[i]);
    }
    for (size_t i = 1; i < CROWD; i++) {
        const struct bed_pair pair = bed_link(&bed, crowd[i - 1], crowd[i]);
        bed_expect_linked(&bed, &pair);
    }
}

static void turn_a_knob(void)
{
    switch (below(6)) {
    case 0:
        net_set_piece(bed.net, below(3) ? 0 : 1 + below(500));
        break;
    case 1:
        net_set_window(bed.net, 100 + below(5000));
        break;
    case 2:
        net_fail_alloc(bed.net, 1 + below(20), false);
        break;
    default:
        net_run(bed.net, below(3000));
        break;
    }
}

/* A run in which nothing went through would prove nothing. */
static void expect_all_happened(void)
{
    const struct toxtcp_server_info info = bed_info(&bed);

    ck_assert_uint_gt(info.data_relayed, 50);
    ck_assert_uint_gt(info.data_dropped, 0);
    ck_assert_uint_gt(info.oob_relayed, 50);
    ck_assert_uint_gt(info.oob_dropped, 0);
    ck_assert_uint_gt(info.replaced, 0);
    ck_assert_uint_gt(info.protocol_violations, 0);
}

START_TEST(random_clients)
{
    struct toxtcp_server_config config;

    toxtcp_server_config_default(&config);
    config.output_max = 8000;
    config.control_output_max = 2000;
    config.unconfirmed_max = 5;
    bed_open(&bed, (uint64_t)_i, &config);
    net_set_window(bed.net, 2000);
    for (size_t i = 0; i < CROWD; i++) {
        crowd_keys[i] = net_keys(bed.net);
        crowd[i] = NULL;
        renew(i);
    }
    for (size_t step = 0; step < STEPS; step++) {
        act(below(CROWD));
        if (below(20) == 0) {
            turn_a_knob();
        }
        net_step(bed.net);
        const size_t i = below(CROWD);
        if (raw_client_error(crowd[i])) {
            renew(i);
        }
    }
    expect_all_happened();
    heal_crowd();
    for (size_t i = 0; i < CROWD; i++) {
        raw_client_free(crowd[i]);
    }
    bed_close(&bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_faults");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, one_allocation_fails);
    tcase_add_test(tests, all_allocations_fail_from_one_on);
    tcase_add_test(tests, no_memory_for_a_server);
    tcase_add_test(tests, no_memory_to_replace);
    tcase_add_test(tests, every_cut_in_two);
    tcase_add_test(tests, byte_by_byte);
    tcase_add_test(tests, secrets_are_wiped);
    tcase_add_loop_test(tests, random_clients, 0, 8);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
