/* Connections in trouble: every callback pulls the ground from under the object, and every allocation fails.
 * SPDX-License-Identifier: ISC */
#include "check_connections.h"

#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, FAKE_PORT = 999, RELAYS = 3, UNTIED = 3 };

static const uint8_t block[1000] = {0x1b};

/* --- What a callback does --- */

enum action {
    REMOVE_PEER,
    REMOVE_RELAYS_OF_PEER,
    REMOVE_ONE_RELAY,
    REMOVE_ALL_PEERS,
    REMOVE_ALL_RELAYS,
    SLEEP_WAKE,
    SEND,
    FREE_ALL,
    ACTION_COUNT
};

static struct {
    const char *what; /* the callback in which it is done */
    uint32_t skip;    /* so many times not */
    enum action action;
    bool done;
    struct toxtcp_peer peer;
} plan;

static void remove_relays_of_peer(struct node *node)
{
    struct toxtcp_peer_info info;

    if (toxtcp_peer_get_info(node->connections, plan.peer, &info) == TOXTCP_OK) {
        for (uint32_t i = 0; i < info.slot_count; i++) {
            ck_assert_int_eq(toxtcp_relay_remove(node->connections, info.slots[i].relay), TOXTCP_OK);
        }
    }
}

static void remove_relays(struct node *node, uint32_t count)
{
    struct toxtcp_relay relay = toxtcp_relay_next(node->connections, (struct toxtcp_relay){0});

    for (; relay.generation != 0 && count > 0; count--) {
        ck_assert_int_eq(toxtcp_relay_remove(node->connections, relay), TOXTCP_OK);
        relay = toxtcp_relay_next(node->connections, relay);
    }
}

static void remove_all_peers(struct node *node)
{
    struct toxtcp_peer peer;

    if (toxtcp_peer_find(node->connections, &bob.keys.public_key, &peer) == TOXTCP_OK) {
        ck_assert_int_eq(toxtcp_peer_remove(node->connections, peer), TOXTCP_OK);
    }
    if (toxtcp_peer_find(node->connections, &world.relay_keys[0].public_key, &peer) == TOXTCP_OK) {
        ck_assert_int_eq(toxtcp_peer_remove(node->connections, peer), TOXTCP_OK);
    }
}

static void act(struct node *node)
{
    switch (plan.action) {
    case REMOVE_PEER:
        (void)toxtcp_peer_remove(node->connections, plan.peer);
        break;
    case REMOVE_RELAYS_OF_PEER:
        remove_relays_of_peer(node);
        break;
    case REMOVE_ONE_RELAY:
        remove_relays(node, 1);
        break;
    case REMOVE_ALL_PEERS:
        remove_all_peers(node);
        break;
    case REMOVE_ALL_RELAYS:
        remove_relays(node, UINT32_MAX);
        break;
    case SLEEP_WAKE:
        (void)toxtcp_peer_sleep(node->connections, plan.peer);
        (void)toxtcp_peer_wake(node->connections, plan.peer);
        toxtcp_connections_network_gained(node->connections);
        toxtcp_connections_network_changed(node->connections);
        toxtcp_connections_set_onion(node->connections, true);
        break;
    case SEND:
        (void)node_send(node, plan.peer, "from within");
        break;
    default:
        node_close(node);
        break;
    }
}

static void hook(struct node *node, const char *what)
{
    if (plan.done || strcmp(what, plan.what) != 0) {
        return;
    }
    if (plan.skip > 0) {
        plan.skip--;
        return;
    }
    plan.done = true;
    act(node);
    if (node->connections) {
        toxtcp_connections_check(node->connections);
    }
}

/* --- A conversation in which everything happens --- */

static bool alice_lives(void)
{
    return alice.connections != NULL;
}

static void begin(struct fake *fake)
{
    const struct toxtcp_endpoint endpoint = {.address = fake->address};
    struct toxtcp_connections_config config;
    struct toxtcp_peer spare;

    toxtcp_connections_config_default(&config);
    /* The fake relay answers no ping, and is to be dialled once. */
    config.client.pong_timeout_ms = 60 * MINUTE;
    config.keep_connected = WORLD_RELAYS;
    config.client.output_max = 4 * sizeof block; /* soon full */
    node_open(&alice, &config);
    node_open(&bob, NULL);
    /* The fake relay is there first, undisturbed: a stream that the test has not taken is nobody's. */
    ck_assert_int_eq(toxtcp_relay_add(alice.connections, &endpoint, &fake->keys.public_key, NULL), TOXTCP_OK);
    net_step(world.net);
    (void)fake_next(fake);
    net_step(world.net);
    alice.hook = hook;
    plan.peer = node_add(&alice, &bob);
    ck_assert_int_eq(toxtcp_peer_add(alice.connections, &world.relay_keys[0].public_key, NULL, &spare), TOXTCP_OK);
    const struct toxtcp_peer back = node_add(&bob, &alice);
    for (uint32_t i = 0; i < RELAYS; i++) {
        (void)node_tie(&alice, plan.peer, i);
        (void)node_tie(&alice, spare, i);
        (void)node_tie(&bob, back, i);
    }
    (void)node_own(&alice, UNTIED);
    (void)node_own(&bob, UNTIED);
    net_run(world.net, 100);
}

static void bob_speaks(void)
{
    struct toxtcp_peer back;

    ck_assert_int_eq(toxtcp_peer_find(bob.connections, &alice.keys.public_key, &back), TOXTCP_OK);
    for (int i = 0; i < 3; i++) {
        (void)node_send(&bob, back, "one of many");
        (void)toxtcp_relay_send_oob(bob.connections, node_relay(&bob, UNTIED), &alice.keys.public_key, block, 10);
        (void)toxtcp_relay_send_oob(bob.connections, node_relay(&bob, 0), &alice.keys.public_key, block, 10);
    }
    net_run(world.net, 10);
}

static void fill_and_drain(void)
{
    net_set_window(world.net, 2000);
    for (uint32_t i = 0; i < RELAYS; i++) {
        net_stall(world.net, &world.addresses[i], true);
    }
    while (alice_lives() && toxtcp_peer_send(alice.connections, plan.peer, block, sizeof block) == TOXTCP_OK) {
        net_step(world.net);
    }
    for (uint32_t i = 0; i < RELAYS; i++) {
        net_stall(world.net, &world.addresses[i], false);
    }
    net_step(world.net);
    net_set_window(world.net, 0);
    net_run(world.net, 10);
}

static void fake_speaks(struct fake *fake)
{
    if (fake->channel.state == CHANNEL_OPEN) {
        for (int i = 0; i < 2; i++) {
            fake_send(fake, &(struct packet){.kind = WIRE_ONION_RESPONSE, .data = block, .data_len = 70});
            fake_send(fake, &(struct packet){.kind = WIRE_FORWARDING, .data = block, .data_len = 5});
        }
    }
    net_run(world.net, 10);
}

static void relays_die_and_return(void)
{
    for (uint32_t i = 0; i < RELAYS; i++) {
        world_kill(i);
    }
    net_run(world.net, 5 * SECOND);
    for (uint32_t i = 0; i < RELAYS; i++) {
        world_start(i);
    }
    net_run(world.net, 20 * SECOND);
}

static void nap(void)
{
    if (alice_lives()) {
        (void)toxtcp_peer_sleep(alice.connections, plan.peer);
        net_run(world.net, 15 * SECOND);
    }
    if (alice_lives()) {
        (void)toxtcp_peer_wake(alice.connections, plan.peer);
        net_run(world.net, SECOND);
    }
}

static void converse(void)
{
    struct fake fake;

    world_open(UNTIED + 1);
    fake_open(&fake, FAKE_PORT);
    begin(&fake);
    bob_speaks();
    fake_speaks(&fake);
    fill_and_drain();
    relays_die_and_return();
    nap();
    if (alice_lives()) {
        toxtcp_connections_check(alice.connections);
    }
    fake_close(&fake);
    world_close();
}

/* In the first, second, ... call of that callback, later in every fifth, until a conversation has no more of them. */
static uint32_t disturb(const char *what, enum action action)
{
    uint32_t times = 0;

    for (;;) {
        plan.what = what;
        plan.skip = times;
        plan.action = action;
        plan.done = false;
        converse();
        if (!plan.done) {
            return times;
        }
        times += times < 6 ? 1 : 5;
    }
}

static const char *const callback_names[] = {"peer_data",      "peer_state", "peer_can_send", "stranger_oob",
                                             "onion_response", "forwarded",  "relay_state"};

enum { CALLBACK_COUNT = sizeof callback_names / sizeof callback_names[0] };

START_TEST(every_callback_does_everything)
{
    const char *what = callback_names[_i / ACTION_COUNT];
    const enum action action = (enum action)(_i % ACTION_COUNT);

    /* The conversation has at least one of each. */
    ck_assert_uint_ge(disturb(what, action), 1);
}
END_TEST

/* --- Out of memory --- */

/* Nobody waits in vain: a call is made again until it works. */
static void open_again(struct node *node)
{
    while (node_try_open(node, NULL) == TOXTCP_ERR_NO_MEMORY) {
    }
    ck_assert_ptr_nonnull(node->connections);
}

static struct toxtcp_peer add_again(struct node *node, const struct node *other)
{
    struct toxtcp_peer peer;
    int error;

    do {
        error = toxtcp_peer_add(node->connections, &other->keys.public_key, NULL, &peer);
        toxtcp_connections_check(node->connections);
    } while (error == TOXTCP_ERR_NO_MEMORY);
    ck_assert_int_eq(error, TOXTCP_OK);
    return peer;
}

static void tie_again(struct node *node, struct toxtcp_peer peer, uint32_t relay)
{
    const struct toxtcp_endpoint endpoint = {.host = relay == 0 ? "relay.example" : NULL,
                                             .address = world.addresses[relay]};
    int error;

    do {
        error = toxtcp_peer_add_relay(node->connections, peer, &endpoint, &world.relay_keys[relay].public_key, NULL);
        toxtcp_connections_check(node->connections);
    } while (error == TOXTCP_ERR_NO_MEMORY);
    ck_assert_int_eq(error, TOXTCP_OK);
}

/* All fail from now on for a while, or one. The object lives through it; afterwards it must find back by itself. */
static void talk(uint64_t fail_at, bool all_after)
{
    struct toxtcp_peer peers[2];

    world_open(RELAYS);
    open_again(&alice);
    open_again(&bob);
    net_fail_alloc(world.net, fail_at, false);
    peers[0] = add_again(&alice, &bob);
    peers[1] = add_again(&bob, &alice);
    for (uint32_t i = 0; i < RELAYS; i++) {
        tie_again(&alice, peers[0], i);
        tie_again(&bob, peers[1], i);
    }
    /* The calls above could not be made again for ever; from here on everything may fail. */
    if (all_after) {
        net_fail_alloc(world.net, fail_at, true);
    }
    for (int i = 0; i < 20; i++) {
        net_run(world.net, 500);
        (void)toxtcp_peer_send(alice.connections, peers[0], block, sizeof block);
        (void)toxtcp_peer_send(bob.connections, peers[1], block, 100);
        if (i == 10) {
            net_break(world.net, &world.addresses[1], TOXTCP_ERR_RESET);
            (void)toxtcp_peer_sleep(alice.connections, peers[0]);
        }
    }
    (void)toxtcp_peer_wake(alice.connections, peers[0]);
    net_run(world.net, 5 * SECOND);
}

static void recover(void)
{
    struct toxtcp_peer peer;
    struct toxtcp_peer back;

    net_fail_alloc(world.net, 0, false);
    net_run(world.net, 2 * MINUTE);
    ck_assert_int_eq(toxtcp_peer_find(alice.connections, &bob.keys.public_key, &peer), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_find(bob.connections, &alice.keys.public_key, &back), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), RELAYS);
    ck_assert_int_eq(toxtcp_peer_online_count(bob.connections, back), RELAYS);
    ck_assert_int_eq(node_send(&alice, peer, "still here"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "still here"));
    world_close();
}

/* How many allocations a conversation makes when none fails. */
static uint64_t count_allocations(void)
{
    talk(0, false);
    const uint64_t count = net_alloc_count(world.net);
    recover();
    return count;
}

START_TEST(each_allocation_fails_once)
{
    const uint64_t count = count_allocations();

    ck_assert_uint_gt(count, 50);
    for (uint64_t i = 1; i <= count; i++) {
        talk(i, false);
        recover();
    }
}
END_TEST

START_TEST(all_allocations_fail_for_a_while)
{
    const uint64_t count = count_allocations();

    for (uint64_t i = 1; i <= count; i += 2) {
        talk(i, true);
        recover();
    }
}
END_TEST

/* Making the object, and every call that makes something, when that fails: nothing has changed. */
START_TEST(a_call_that_fails_changes_nothing)
{
    int error = TOXTCP_ERR_NO_MEMORY;
    struct toxtcp_peer peer;

    world_open_all();
    net_fail_alloc(world.net, 1, false);
    ck_assert_int_eq(node_try_open(&alice, NULL), TOXTCP_ERR_NO_MEMORY);
    node_open(&alice, NULL);
    for (uint64_t i = 1; error == TOXTCP_ERR_NO_MEMORY; i++) {
        const size_t before = net_alloc_bytes(world.net);
        net_fail_alloc(world.net, i, true);
        error = toxtcp_peer_add(alice.connections, &world.relay_keys[7].public_key, NULL, &peer);
        net_fail_alloc(world.net, 0, false);
        toxtcp_connections_check(alice.connections);
        ck_assert(error == TOXTCP_OK || node_info(&alice).peer_count == 0);
        /* A table may have grown, but nothing is left in it. */
        ck_assert_uint_le(net_alloc_bytes(world.net), before + 2000);
        ck_assert_uint_lt(i, 10);
    }
    error = TOXTCP_ERR_NO_MEMORY;
    for (uint64_t i = 1; error == TOXTCP_ERR_NO_MEMORY; i++) {
        const struct toxtcp_endpoint endpoint = {.host = "relay.example", .address = {.port = 1000}};
        net_fail_alloc(world.net, i, true);
        error = toxtcp_peer_add_relay(alice.connections, peer, &endpoint, &world.relay_keys[0].public_key, NULL);
        net_fail_alloc(world.net, 0, false);
        toxtcp_connections_check(alice.connections);
        ck_assert(error == TOXTCP_OK || node_info(&alice).relay_count == 0);
        ck_assert_uint_eq(node_peer_info(&alice, peer).slot_count, error == TOXTCP_OK);
        ck_assert_uint_lt(i, 10);
    }
    world_close();
}
END_TEST

/* --- Storms --- */

enum { STORMS = 60, GUSTS = 150 };

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(net_random(world.net) % bound);
}

static struct toxtcp_relay any_relay(const struct node *node)
{
    struct toxtcp_relay relay = {0};

    for (uint32_t i = below(WORLD_RELAYS) + 1; i > 0; i--) {
        relay = toxtcp_relay_next(node->connections, relay);
    }
    return relay;
}

/* The peer that stands for the other node, or any handle. */
static struct toxtcp_peer any_peer(const struct node *node)
{
    struct toxtcp_peer peer = {below(4), below(20)};
    const struct node *other = node == &alice ? &bob : &alice;

    if (below(4) > 0) {
        (void)toxtcp_peer_find(node->connections, &other->keys.public_key, &peer);
    }
    return peer;
}

static void change_peers(struct node *node)
{
    const struct node *other = node == &alice ? &bob : &alice;
    struct toxtcp_peer peer = any_peer(node);

    switch (below(6)) {
    case 0:
        (void)toxtcp_peer_remove(node->connections, peer);
        break;
    case 1:
        (void)toxtcp_peer_add(node->connections, &world.relay_keys[below(WORLD_RELAYS)].public_key, NULL, &peer);
        break;
    case 2:
        (void)toxtcp_peer_sleep(node->connections, peer);
        break;
    case 3:
        (void)toxtcp_peer_wake(node->connections, peer);
        break;
    default:
        (void)toxtcp_peer_add(node->connections, &other->keys.public_key, NULL, &peer);
        break;
    }
}

static void change_relays(struct node *node)
{
    const uint32_t relay = below(WORLD_RELAYS);
    const struct toxtcp_endpoint endpoint = world_endpoint(relay);
    const struct toxtcp_public_key *key = &world.relay_keys[relay].public_key;
    const struct toxtcp_peer peer = any_peer(node);

    switch (below(8)) {
    case 0:
        (void)toxtcp_relay_add(node->connections, &endpoint, key, NULL);
        break;
    case 1:
        (void)toxtcp_relay_remove(node->connections, any_relay(node));
        break;
    case 2:
        (void)toxtcp_peer_untie_relay(node->connections, peer, any_relay(node));
        break;
    case 3:
        (void)toxtcp_peer_tie_relay(node->connections, peer, any_relay(node));
        break;
    case 4:
        toxtcp_connections_set_onion(node->connections, below(2));
        break;
    case 5:
        toxtcp_connections_network_changed(node->connections);
        break;
    default:
        (void)toxtcp_peer_add_relay(node->connections, peer, &endpoint, key, NULL);
        break;
    }
}

static void hurt_relays(void)
{
    const uint32_t relay = below(WORLD_RELAYS);

    switch (below(6)) {
    case 0:
        if (world.servers[relay]) {
            world_kill(relay);
        }
        break;
    case 1:
        net_break(world.net, &world.addresses[relay], TOXTCP_ERR_RESET);
        break;
    case 2:
        net_stall(world.net, &world.addresses[relay], below(2));
        break;
    default:
        if (!world.servers[relay]) {
            world_start(relay);
        }
        break;
    }
}

static void speak(struct node *node)
{
    struct toxtcp_relay relay;

    for (uint32_t i = below(100); i > 0; i--) {
        (void)toxtcp_peer_send(node->connections, any_peer(node), block, 1 + below(sizeof block));
    }
    (void)toxtcp_relay_send_oob(node->connections, any_relay(node), &bob.keys.public_key, block, 1 + below(100));
    (void)toxtcp_connections_random_onion_relay(node->connections, &relay);
}

static void gust(void)
{
    struct node *node = below(2) ? &alice : &bob;

    switch (below(4)) {
    case 0:
        change_peers(node);
        break;
    case 1:
        change_relays(node);
        break;
    case 2:
        hurt_relays();
        break;
    default:
        speak(node);
        break;
    }
    toxtcp_connections_check(node->connections);
    if (below(3) == 0) {
        net_run(world.net, below(2) ? below(100) : below(30 * SECOND));
    }
}

/* Some of this happens inside callbacks. */
static void gust_hook(struct node *node, const char *what)
{
    (void)what;
    if (below(8) == 0) {
        if (below(2)) {
            change_peers(node);
        } else {
            change_relays(node);
        }
        toxtcp_connections_check(node->connections);
    }
}

/* Whatever happened: when everything is well again and asked for again, the two find each other. */
static void calm(void)
{
    alice.hook = NULL;
    bob.hook = NULL;
    net_set_window(world.net, 0);
    for (uint32_t i = 0; i < WORLD_RELAYS; i++) {
        net_stall(world.net, &world.addresses[i], false);
        if (!world.servers[i]) {
            world_start(i);
        }
    }
    for (int i = 0; i < 2; i++) {
        struct node *node = i ? &alice : &bob;
        const struct node *other = i ? &bob : &alice;
        struct toxtcp_peer peer;
        (void)toxtcp_peer_add(node->connections, &other->keys.public_key, NULL, &peer);
        ck_assert_int_eq(toxtcp_peer_wake(node->connections, peer), TOXTCP_OK);
        const struct toxtcp_peer_info info = node_peer_info(node, peer);
        for (uint32_t j = 0; j < info.slot_count; j++) {
            ck_assert_int_eq(toxtcp_peer_untie_relay(node->connections, peer, info.slots[j].relay), TOXTCP_OK);
        }
        for (uint32_t j = 0; j < TOXTCP_PEER_RELAYS_WANTED; j++) {
            (void)node_tie(node, peer, j);
        }
    }
}

START_TEST(storm)
{
    struct toxtcp_peer peer;

    world_open_all();
    net_set_window(world.net, 4000);
    for (int i = 0; i < _i; i++) {
        (void)net_random(world.net); /* every storm another */
    }
    alice.hook = gust_hook;
    bob.hook = gust_hook;
    node_open(&alice, NULL);
    node_open(&bob, NULL);
    for (int i = 0; i < GUSTS; i++) {
        gust();
    }
    calm();
    net_run(world.net, 3 * MINUTE);
    ck_assert_int_eq(toxtcp_peer_find(alice.connections, &bob.keys.public_key, &peer), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_peer_online_count(alice.connections, peer), TOXTCP_PEER_RELAYS_WANTED);
    ck_assert_int_eq(node_send(&alice, peer, "calm"), TOXTCP_OK);
    net_step(world.net);
    ck_assert(node_heard(&bob, "calm"));
    world_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections_trouble");
    TCase *tests = tcase_create("connections_trouble");

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, every_callback_does_everything, 0, CALLBACK_COUNT * ACTION_COUNT);
    tcase_add_test(tests, each_allocation_fails_once);
    tcase_add_test(tests, all_allocations_fail_for_a_while);
    tcase_add_test(tests, a_call_that_fails_changes_nothing);
    tcase_add_loop_test(tests, storm, 0, STORMS);
    return run_suite(suite);
}
