/* Fuzzes connections: hostile relays, and an application that does everything at any moment. SPDX-License-Identifier:
 * ISC
 *
 * The first byte chooses the configuration, then each byte is an operation. After each one toxtcp_connections_check()
 * runs. What is told is held against what can be asked, what is sent against what its relay has said. */
#include <string.h>

#include <toxtcp/error.h>

#include "fuzz/connections_world.h"

enum op {
    /* 0..HOSTILE_OPS - 1: stream, and what hostile.h says */
    OP_ADD_PEER = HOSTILE_OPS, /* peer */
    OP_REMOVE_PEER,            /* peer */
    OP_PEER_RELAY,             /* peer, relay, endpoint */
    OP_TIE,                    /* peer, relay */
    OP_UNTIE,                  /* peer, relay */
    OP_SEND,                   /* peer, length */
    OP_DELIVERED,              /* peer, relay, count */
    OP_LOST,                   /* peer, relay, count */
    OP_SLEEP_PEER,             /* peer */
    OP_WAKE_PEER,              /* peer */
    OP_ADD_RELAY,              /* relay, endpoint */
    OP_REMOVE_RELAY,           /* relay */
    OP_OOB,                    /* relay, peer, length */
    OP_ONION,                  /* relay, length */
    OP_FORWARD,                /* relay, length */
    OP_CROWD,                  /* relay, count: so many peers more are tied to it; 0: these go */
    OP_SET_ONION,              /* on or off */
    OP_LIST,                   /* start, count */
    OP_NETWORK,                /* another one and one more, in turn */
    OP_LOOK,
    OP_FREE,
    API_OPS,
    OP_TURN = API_OPS, /* every stream: connects, reads, delivers, reads */
    OP_PASS,           /* time: expire whenever it is due */
    OP_SLEEP,          /* time: expire once, at its end */
    OP_FAIL,           /* which allocation fails (0: none), with all later ones or not */
    OP_TRIM,
    OP_DIAL,   /* what dial() says from now on */
    OP_HONEST, /* which relays answer pings and routing requests, and which of them return OOB to ourselves */
    OP_TALK,   /* peer, through which relays packets arrive, count, time after each */
    OP_ACT,    /* in which callback, which operation of the application, three bytes for it */
    OPS
};

static void run_api(struct world *world, enum op op, struct input *input);

/* --- What connections tell --- */

static void happened(struct world *world)
{
    net_require(world->connections != NULL, "a callback of what is freed");
    world->callbacks++;
    if (world->callbacks == world->act_at) {
        struct input input = {world->act, sizeof world->act};
        const uint32_t op = OP_ADD_PEER + input_byte(&input) % (API_OPS - OP_ADD_PEER);
        run_api(world, (enum op)op, &input);
    }
}

/* The peer's info, after a look at the handle and the pointer. */
static struct toxtcp_peer_info know_peer(const struct world *world, struct toxtcp_peer peer,
                                         const struct app_peer *mine)
{
    struct toxtcp_peer_info info;

    net_require(mine >= world->peers && mine < world->peers + PEERS, "another user pointer");
    net_require(toxtcp_peer_get_info(world->connections, peer, &info) == TOXTCP_OK, "a peer that is gone");
    const struct toxtcp_public_key key = key_of((uint8_t)(mine - world->peers));
    net_require(memcmp(&key, &info.public_key, sizeof key) == 0, "another peer");
    return info;
}

static struct toxtcp_relay_info know_relay(const struct world *world, struct toxtcp_relay relay)
{
    struct toxtcp_relay_info info;

    net_require(toxtcp_relay_get_info(world->connections, relay, &info) == TOXTCP_OK, "a relay that is gone");
    return info;
}

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    (void)data;
    net_require(len >= 1 && len <= TOXTCP_DATA_MAX, "data out of its bounds");
    (void)know_peer(user, peer, peer_user);
    (void)know_relay(user, relay);
    happened(user);
}

static void on_peer_state(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state)
{
    struct app_peer *mine = peer_user;

    net_require(know_peer(user, peer, mine).state == state, "another state than is told");
    net_require(mine->told != state, "a state is told twice");
    mine->told = state;
    happened(user);
}

static void on_peer_can_send(void *user, struct toxtcp_peer peer, void *peer_user)
{
    net_require(know_peer(user, peer, peer_user).state != TOXTCP_PEER_OFFLINE, "nothing can be sent");
    happened(user);
}

static void on_stranger_oob(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                            const uint8_t *data, size_t len)
{
    (void)sender;
    (void)data;
    net_require(len >= 1 && len <= TOXTCP_OOB_MAX, "OOB out of its bounds");
    (void)know_relay(user, relay);
    happened(user);
}

static void on_relay_state(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    net_require(know_relay(user, relay).state == state, "another state than is told");
    net_require((error != 0) == (state == TOXTCP_RELAY_WAITING), "an error without cause, or the reverse");
    happened(user);
}

static void on_opaque(void *user, struct toxtcp_relay relay, const uint8_t *data, size_t len)
{
    (void)data;
    net_require(len >= 1, "nothing is told");
    (void)know_relay(user, relay);
    happened(user);
}

static const struct toxtcp_connections_callbacks callbacks = {
    .peer_data = on_peer_data,
    .peer_state = on_peer_state,
    .peer_can_send = on_peer_can_send,
    .stranger_oob = on_stranger_oob,
    .relay_state = on_relay_state,
    .onion_response = on_opaque,
    .forwarded = on_opaque,
};

/* --- The application --- */

static void add_peer(struct world *world, uint8_t peer)
{
    const struct toxtcp_public_key key = key_of(peer);
    struct app_peer *mine = &world->peers[peer];
    struct toxtcp_peer handle;
    struct toxtcp_peer found = {0};
    const int error = toxtcp_peer_add(world->connections, &key, mine, &handle);

    net_require(peer != OWN_PEER || error == TOXTCP_ERR_INVALID, "a peer with our own key");
    if (error == TOXTCP_OK) {
        *mine = (struct app_peer){.handle = handle, .told = TOXTCP_PEER_OFFLINE};
        world->wanted[peer] = true;
    }
    if (error == TOXTCP_OK || error == TOXTCP_ERR_EXISTS) {
        net_require(toxtcp_peer_find(world->connections, &key, &found) == TOXTCP_OK, "a peer that is not found");
        net_require(memcmp(&found, &mine->handle, sizeof found) == 0, "a peer under another handle");
    }
}

static struct toxtcp_endpoint endpoint_of(uint8_t relay, uint8_t variant)
{
    static const char *const hosts[] = {NULL, NULL, "relay.example", NULL};
    struct toxtcp_endpoint endpoint = {
        .host = hosts[variant % 4],
        .address = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, relay}, .port = (uint16_t)(FIRST_PORT + relay)}};

    if (variant % 4 == 1) {
        endpoint.address.family = TOXTCP_FAMILY_IPV6;
    } else if (variant % 4 == 3 && variant > 128) {
        endpoint.address = (struct toxtcp_address){0};
    }
    return endpoint;
}

static void peer_relay(struct world *world, struct toxtcp_peer peer, uint8_t relay, uint8_t variant)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(relay, variant);

    (void)toxtcp_peer_add_relay(world->connections, peer, &endpoint, &relay_keys[relay].public_key,
                                &world->relays[relay]);
}

static void add_relay(struct world *world, uint8_t relay, uint8_t variant)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(relay, variant);

    struct toxtcp_relay found;
    const int error =
        toxtcp_relay_add(world->connections, &endpoint, &relay_keys[relay].public_key, &world->relays[relay]);

    if (error == TOXTCP_OK) {
        net_require(toxtcp_relay_find(world->connections, &relay_keys[relay].public_key, &found) == TOXTCP_OK,
                    "a relay that is not found");
        net_require(memcmp(&found, &world->relays[relay], sizeof found) == 0, "a relay under another handle");
    }
}

/* More peers than a link has routes. */
static void crowd(struct world *world, uint8_t relay, uint8_t count)
{
    for (uint32_t i = NAMED_PEERS; i < PEERS; i++) {
        if (count == 0) {
            (void)toxtcp_peer_remove(world->connections, world->peers[i].handle);
        } else if (i < (uint32_t)NAMED_PEERS + count) {
            add_peer(world, (uint8_t)i);
            peer_relay(world, world->peers[i].handle, relay, 0);
        }
    }
}

static void send_data(struct world *world, struct app_peer *peer, size_t len)
{
    static const uint8_t bytes[INPUT_LENGTH_MAX] = "data";
    struct toxtcp_relay relay;
    struct toxtcp_peer_info info;
    const bool known = toxtcp_peer_get_info(world->connections, peer->handle, &info) == TOXTCP_OK;
    const int error = toxtcp_peer_send(world->connections, peer->handle, bytes, len);

    net_require(known || error != TOXTCP_OK, "sent to a peer that is gone");
    net_require(!known || info.state != TOXTCP_PEER_OFFLINE || error != TOXTCP_OK, "sent to a peer that is offline");
    net_require(toxtcp_peer_online_count(world->connections, peer->handle) ==
                    (known ? (int)info.online_count : TOXTCP_ERR_NOT_FOUND),
                "another number of relays");
    net_require(toxtcp_peer_last_relay(world->connections, peer->handle, &relay) ==
                    (known ? TOXTCP_OK : TOXTCP_ERR_NOT_FOUND),
                "the last relay of a peer that is gone, or none of one that is not");
}

static void send_other(struct world *world, enum op op, uint8_t relay, struct input *input)
{
    static const uint8_t bytes[INPUT_LENGTH_MAX] = "other";
    const struct toxtcp_public_key key = key_of(op == OP_OOB ? input_byte(input) % NAMED_PEERS : 0);
    const struct toxtcp_endpoint to = endpoint_of(relay, 0);
    const size_t len = input_length(input);
    struct toxtcp_relay any;

    if (op == OP_OOB) {
        (void)toxtcp_relay_send_oob(world->connections, world->relays[relay], &key, bytes, len);
    } else if (op == OP_FORWARD) {
        (void)toxtcp_connections_send_forward(world->connections, &to.address, &to.address, bytes, len);
    } else {
        (void)toxtcp_relay_send_onion(world->connections, world->relays[relay], bytes, bytes, len);
        if (toxtcp_connections_random_onion_relay(world->connections, &any) == TOXTCP_OK) {
            net_require(know_relay(world, any).state == TOXTCP_RELAY_CONNECTED, "onion through what is not connected");
            (void)toxtcp_relay_send_onion(world->connections, any, bytes, bytes, len);
        }
    }
}

static void list(struct world *world, uint8_t start, uint8_t byte)
{
    struct toxtcp_node nodes[RELAYS + 1];
    struct toxtcp_connections_info info;
    const uint32_t count = byte % (RELAYS + 2);
    const uint32_t got = toxtcp_connections_list_connected(
        world->connections, start == UINT8_MAX ? TOXTCP_START_RANDOM : start, nodes, count);

    toxtcp_connections_get_info(world->connections, &info);
    net_require(got == (count < info.connected_count ? count : info.connected_count), "another number of relays");
    for (uint32_t i = 0; i < got; i++) {
        for (uint32_t j = 0; j < i; j++) {
            net_require(memcmp(&nodes[i].public_key, &nodes[j].public_key, sizeof nodes[i].public_key) != 0,
                        "a relay is listed twice");
        }
    }
}

static void look(const struct world *world)
{
    struct toxtcp_connections_info info;
    struct toxtcp_peer_info peer;
    struct toxtcp_relay relay = {0};
    uint32_t relays = 0;
    uint32_t peers = 0;

    toxtcp_connections_get_info(world->connections, &info);
    while ((relay = toxtcp_relay_next(world->connections, relay)).generation != 0) {
        const struct toxtcp_relay_info at = know_relay(world, relay);
        net_require(at.peer_count <= PEERS && at.score <= TOXTCP_SCORE_MAX, "a relay's info is wrong");
        relays++;
    }
    for (size_t i = 0; i < PEERS; i++) {
        peers += toxtcp_peer_get_info(world->connections, world->peers[i].handle, &peer) == TOXTCP_OK;
    }
    net_require(relays == info.relay_count && peers == info.peer_count, "another number than is said");
}

static void free_all(struct world *world)
{
    struct toxtcp_connections *connections = world->connections;

    world->connections = NULL;
    toxtcp_connections_free(connections);
    for (size_t i = 0; i < STREAMS; i++) {
        net_require(!world->streams[i].end.link, "freed, and the driver does not know");
    }
}

static void run_peer(struct world *world, enum op op, struct input *input)
{
    const uint8_t index = input_byte(input) % NAMED_PEERS;
    struct app_peer *peer = &world->peers[index];
    uint8_t relay;

    switch (op) {
    case OP_ADD_PEER:
        add_peer(world, index);
        break;
    case OP_REMOVE_PEER:
        (void)toxtcp_peer_remove(world->connections, peer->handle);
        break;
    case OP_PEER_RELAY:
        relay = input_byte(input) % RELAYS;
        peer_relay(world, peer->handle, relay, input_byte(input));
        break;
    case OP_TIE:
        (void)toxtcp_peer_tie_relay(world->connections, peer->handle, world->relays[input_byte(input) % RELAYS]);
        break;
    case OP_UNTIE:
        (void)toxtcp_peer_untie_relay(world->connections, peer->handle, world->relays[input_byte(input) % RELAYS]);
        break;
    case OP_SEND:
        send_data(world, peer, input_length(input));
        break;
    case OP_DELIVERED:
        relay = input_byte(input) % RELAYS;
        (void)toxtcp_peer_report_delivered(world->connections, peer->handle, world->relays[relay], input_byte(input));
        break;
    case OP_LOST:
        relay = input_byte(input) % RELAYS;
        (void)toxtcp_peer_report_lost(world->connections, peer->handle, world->relays[relay], input_byte(input));
        break;
    case OP_SLEEP_PEER:
        (void)toxtcp_peer_sleep(world->connections, peer->handle);
        break;
    default:
        (void)toxtcp_peer_wake(world->connections, peer->handle);
        break;
    }
}

static void run_api(struct world *world, enum op op, struct input *input)
{
    uint8_t byte;

    if (op <= OP_WAKE_PEER) {
        run_peer(world, op, input);
        return;
    }
    switch (op) {
    case OP_ADD_RELAY:
        byte = input_byte(input) % RELAYS;
        add_relay(world, byte, input_byte(input));
        break;
    case OP_REMOVE_RELAY:
        (void)toxtcp_relay_remove(world->connections, world->relays[input_byte(input) % RELAYS]);
        break;
    case OP_OOB:
    case OP_ONION:
    case OP_FORWARD:
        send_other(world, op, input_byte(input) % RELAYS, input);
        break;
    case OP_CROWD:
        byte = input_byte(input) % RELAYS;
        crowd(world, byte, input_byte(input));
        break;
    case OP_SET_ONION:
        toxtcp_connections_set_onion(world->connections, input_byte(input) & 1);
        break;
    case OP_LIST:
        byte = input_byte(input);
        list(world, byte, input_byte(input));
        break;
    case OP_NETWORK:
        world->networks++;
        (world->networks % 2 ? toxtcp_connections_network_changed
                             : toxtcp_connections_network_gained)(world->connections);
        break;
    case OP_FREE:
        free_all(world);
        break;
    default:
        look(world);
        break;
    }
}

/* --- Time --- */

static void expire(struct world *world)
{
    if (world->connections) {
        toxtcp_connections_expire(world->connections, world->now_ms);
    }
}

static void pass(struct world *world, uint64_t ms)
{
    const uint64_t end_ms = world->now_ms + ms;
    uint32_t turns = 0;

    while (world->connections && toxtcp_connections_deadline(world->connections) <= end_ms) {
        const uint64_t deadline_ms = toxtcp_connections_deadline(world->connections);
        world->now_ms = deadline_ms > world->now_ms ? deadline_ms : world->now_ms;
        expire(world);
        net_require(++turns < TURNS_MAX, "a deadline that never passes");
    }
    world->now_ms = end_ms;
}

/* A conversation whose packets are acknowledged, or not, by the way that they went. */
static void talk(struct world *world, struct input *input)
{
    const struct app_peer *peer = &world->peers[input_byte(input) % NAMED_PEERS];
    const uint8_t arriving = input_byte(input);
    const uint32_t count = input_byte(input) % TALK_MAX;
    const uint64_t step_ms = input_time(input);
    struct toxtcp_relay relay;

    for (uint32_t i = 0; i < count && world->connections; i++) {
        (void)toxtcp_peer_send(world->connections, peer->handle, (const uint8_t *)"talk", sizeof "talk");
        (void)toxtcp_peer_last_relay(world->connections, peer->handle, &relay);
        turn(world);
        pass(world, step_ms);
        for (uint32_t j = 0; j < RELAYS && world->connections; j++) {
            if (memcmp(&relay, &world->relays[j], sizeof relay) != 0) {
                continue;
            }
            if (arriving & 1u << j) {
                (void)toxtcp_peer_report_delivered(world->connections, peer->handle, relay, 1);
            } else {
                (void)toxtcp_peer_report_lost(world->connections, peer->handle, relay, 1);
            }
        }
    }
}

/* --- Life --- */

static void run_world(struct world *world, enum op op, struct input *input)
{
    static const int dial_errors[] = {TOXTCP_OK, TOXTCP_ERR_UNREACHABLE, TOXTCP_ERR_NO_DESCRIPTOR};
    uint64_t number;

    switch (op) {
    case OP_TURN:
        turn(world);
        break;
    case OP_PASS:
        pass(world, input_time(input));
        break;
    case OP_SLEEP:
        world->now_ms += input_time(input);
        expire(world);
        break;
    case OP_FAIL:
        number = input_byte(input);
        net_env_fail(&world->env, number, input_byte(input) & 1);
        break;
    case OP_TRIM:
        toxtcp_env_trim(world->env.env);
        break;
    case OP_DIAL:
        world->dial_error = dial_errors[input_byte(input) % 3];
        break;
    case OP_HONEST:
        set_honest(world, input_byte(input));
        break;
    case OP_TALK:
        talk(world, input);
        break;
    default:
        world->act_at = world->callbacks + 1 + input_byte(input);
        for (size_t i = 0; i < ACT_BYTES; i++) {
            world->act[i] = input_byte(input);
        }
        break;
    }
}

static struct toxtcp_connections_config choose_config(uint8_t flags)
{
    struct toxtcp_connections_config config;

    if (flags & 8) {
        toxtcp_connections_config_mobile(&config);
    } else {
        toxtcp_connections_config_default(&config);
    }
    if (flags & 1) {
        config.relays_max = 3;
        config.peers_max = 4;
        config.keep_connected = 1;
        config.onion_relays = 1;
    }
    if (flags & 2) {
        config.client.output_max = 3000;
    }
    if (flags & 4) {
        config.client.connect_timeout_ms = 1000;
        config.client.ping_interval_ms = 3000;
        config.client.pong_timeout_ms = 1000;
        config.client.route_retry_ms = 2000;
        config.useless_after_ms = 1000;
        config.reconnect_min_ms = 100;
        config.reconnect_max_ms = 1000;
    }
    return config;
}

static void begin(struct world *world, uint8_t flags)
{
    const struct toxtcp_connections_config config = choose_config(flags);

    memset(world, 0, sizeof *world);
    net_env_init(&world->env, 1);
    net_env_init(&world->far_env, 2);
    if (own_keys.secret_key.bytes[0] == 0) {
        toxtcp_key_pair_generate(world->far_env.env, &own_keys);
        for (size_t i = 0; i < RELAYS; i++) {
            toxtcp_key_pair_generate(world->far_env.env, &relay_keys[i]);
        }
    }
    far_end_watch_secret(&world->env, own_keys.secret_key.bytes);
    world->driver = (struct toxtcp_driver){.user = world,
                                           .dial = dial,
                                           .output_ready = far_end_output_ready,
                                           .attend = far_end_attend,
                                           .close = far_end_close};
    world->now_ms = 1000000;
    net_require(toxtcp_connections_new(world->env.env, &world->driver, flags & 16 ? NULL : &config, &own_keys,
                                       &callbacks, world, &world->connections) == 0,
                "no connections");
}

static void finish(struct world *world)
{
    if (world->connections) {
        free_all(world);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        far_end_free(&world->streams[i].end);
    }
    net_env_finish(&world->env);
    net_env_finish(&world->far_env);
}

/* When nothing waits to be told, all was told. */
static void check_told(const struct world *world)
{
    struct toxtcp_peer_info info;

    for (size_t i = 0; i < NAMED_PEERS && toxtcp_connections_deadline(world->connections) > 0; i++) {
        const struct app_peer *peer = &world->peers[i];
        net_require(toxtcp_peer_get_info(world->connections, peer->handle, &info) != TOXTCP_OK ||
                        info.state == peer->told,
                    "a state was not told");
    }
}

static void check(struct world *world)
{
    for (size_t i = 0; i < STREAMS; i++) {
        far_end_watch(&world->streams[i].end, &world->env);
    }
    if (world->connections) {
        toxtcp_connections_check(world->connections);
        check_told(world);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world world;
    struct input input = {bytes, len};

    begin(&world, input_byte(&input));
    while (input.len > 0 && world.connections) {
        const uint8_t op = input_byte(&input) % OPS;
        if (op < HOSTILE_OPS) {
            struct hostile *stream = &world.streams[input_byte(&input) % STREAMS];
            if (stream->end.link) {
                hostile_act(stream, (enum hostile_op)op, &input, world.now_ms);
            }
        } else if (op < API_OPS) {
            run_api(&world, (enum op)op, &input);
        } else {
            run_world(&world, (enum op)op, &input);
        }
        check(&world);
    }
    finish(&world);
    return 0;
}
