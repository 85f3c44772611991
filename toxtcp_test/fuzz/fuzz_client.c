/* Fuzzes the client: a hostile relay, and an application that does everything at any moment. SPDX-License-Identifier:
 * ISC
 *
 * The first byte chooses the configuration, then each byte is an operation (docs/testing.md). After each one
 * toxtcp_client_check() runs, and what was told is held against what can be asked. */
#include <string.h>

#include <toxtcp/client.h>
#include <toxtcp/error.h>

#include "fuzz/hostile.h"

enum op {
    OP_ADD = HOSTILE_OPS, /* peer */
    OP_ADD_MANY,          /* first peer, count */
    OP_REMOVE,            /* peer */
    OP_SEND,              /* peer, length */
    OP_OOB,               /* peer, length */
    OP_ONION,             /* length */
    OP_FORWARD,           /* family, length */
    OP_PING,
    OP_HURRY,
    OP_PASS,  /* time: expire whenever it is due */
    OP_SLEEP, /* time: expire once, at its end */
    OP_FAIL,  /* which allocation fails (0: none), with all later ones or not */
    OP_TRIM,
    OP_ACT, /* in which callback, what, with which peer */
    OP_FREE,
    OP_NEW,   /* configuration */
    OP_FEIGN, /* a byte: the relay's response has a temporary key of 32 times that */
    OPS
};

enum { PEERS = 256, OWN_PEER = 255, PATTERN_STEP = 7, ROOM = 30000, TURNS_MAX = 100000 };

enum act { ACT_FREE, ACT_REMOVE, ACT_ADD, ACT_RENEW, ACT_SEND, ACT_PING, ACTS };

static struct toxtcp_key_pair client_keys;
static struct toxtcp_key_pair relay_keys;

struct world {
    struct net_env env;
    struct net_env far_env;
    struct toxtcp_driver driver;
    struct hostile relay;
    struct toxtcp_client *client;
    struct toxtcp_route routes[PEERS];
    bool wanted[PEERS];  /* was asked for at least once */
    bool removed[PEERS]; /* was given up at least once in the client's life */
    int told[PEERS];     /* the status of each that was told last */
    uint64_t now_ms;
    uint64_t armed_ms; /* the timer of an embedder who follows the contract */
    uint64_t sent;     /* packets that the client has taken of the application */
    uint64_t heard;    /* of these, come to the relay */
    bool failing;      /* an allocation was made to fail in the client's life */
    uint32_t callbacks;
    uint32_t act_at; /* the number of the callback in which to act */
    enum act act;
    uint8_t act_peer;
    bool closed_told;
    bool silent_told;
};

/* --- The application's packets are numbered: what was taken arrives, unchanged and in order --- */

static void fill(uint64_t number, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(number + i * PATTERN_STEP);
    }
}

/* Of those to whom that id was ever given one must have been given up. */
static void hear_bye(const struct world *world, uint8_t id)
{
    for (size_t i = 0; i < PEERS; i++) {
        if (world->relay.given_to[id][i] && world->removed[i]) {
            return;
        }
    }
    net_require(false, "the id of a peer that is still wanted is given up");
}

static void asked(struct hostile *relay, const struct packet *packet)
{
    struct world *world = relay->user;
    const size_t skipped = packet->kind == WIRE_ONION_REQUEST ? TOXTCP_ONION_NONCE_SIZE : 0;

    if (packet->kind == WIRE_ROUTING_REQUEST) {
        net_require(world->wanted[packet->key.bytes[0]], "a route that nobody asked for");
        return;
    }
    if (packet->kind == WIRE_DISCONNECT) {
        hear_bye(world, packet->id);
        return;
    }
    if (packet->kind != WIRE_FORWARD_REQUEST) {
        for (size_t i = skipped; i < packet->data_len; i++) {
            net_require(packet->data[i] == (uint8_t)(world->heard + (i - skipped) * PATTERN_STEP), "other bytes");
        }
    }
    world->heard++;
}

static int taken(struct world *world, int error)
{
    world->sent += error == TOXTCP_OK;
    return error;
}

static int send_data(struct world *world, uint8_t peer, size_t len)
{
    uint8_t bytes[INPUT_LENGTH_MAX];

    fill(world->sent, bytes, len);
    const bool online = toxtcp_client_route_status(world->client, world->routes[peer]) == TOXTCP_ROUTE_ONLINE;
    const int error = taken(world, toxtcp_client_send(world->client, world->routes[peer], bytes, len));
    net_require(online || error != TOXTCP_OK, "data for a peer that is not online");
    return error;
}

static void send_oob(struct world *world, uint8_t peer, size_t len)
{
    uint8_t bytes[INPUT_LENGTH_MAX];
    const struct toxtcp_public_key key = hostile_key(peer);

    fill(world->sent, bytes, len);
    (void)taken(world, toxtcp_client_send_oob(world->client, &key, bytes, len));
}

static void send_onion(struct world *world, size_t len)
{
    uint8_t bytes[INPUT_LENGTH_MAX];
    const uint8_t nonce[TOXTCP_ONION_NONCE_SIZE] = {1};

    fill(world->sent, bytes, len);
    (void)taken(world, toxtcp_client_send_onion(world->client, nonce, bytes, len));
}

static void send_forward(struct world *world, uint8_t family, size_t len)
{
    static const uint8_t families[] = {TOXTCP_FAMILY_IPV4, TOXTCP_FAMILY_IPV6, TOXTCP_FAMILY_NONE, 77};
    const struct toxtcp_address to = {.family = families[family % sizeof families], .ip = {192, 0, 2, 1}, .port = 1};
    uint8_t bytes[INPUT_LENGTH_MAX];

    fill(world->sent, bytes, len);
    (void)taken(world, toxtcp_client_send_forward(world->client, &to, bytes, len));
}

/* --- The application --- */

static struct toxtcp_public_key key_of(uint8_t peer)
{
    return peer == OWN_PEER ? client_keys.public_key : hostile_key(peer);
}

static void add(struct world *world, uint8_t peer)
{
    const struct toxtcp_public_key key = key_of(peer);
    struct toxtcp_route route;
    const int error = toxtcp_client_route_add(world->client, &key, &world->routes[peer], &route);

    if (error == TOXTCP_OK) {
        world->routes[peer] = route;
        world->told[peer] = TOXTCP_ROUTE_WAITING;
        world->wanted[peer] = true;
    }
    net_require(error != TOXTCP_ERR_EXISTS || memcmp(&route, &world->routes[peer], sizeof route) == 0,
                "a route exists under another handle");
    net_require(peer != OWN_PEER || error != TOXTCP_OK, "a route to ourselves");
}

static void remove_peer(struct world *world, uint8_t peer)
{
    if (toxtcp_client_route_remove(world->client, world->routes[peer]) == TOXTCP_OK) {
        world->removed[peer] = true;
    }
    net_require(toxtcp_client_route_status(world->client, world->routes[peer]) == TOXTCP_ERR_NOT_FOUND,
                "a route that was given up is there");
}

/* Routes that have an id. */
static uint32_t count_held(const struct world *world)
{
    uint32_t held = 0;

    for (size_t i = 0; i < PEERS; i++) {
        const int status = toxtcp_client_route_status(world->client, world->routes[i]);
        held += status == TOXTCP_ROUTE_REGISTERED || status == TOXTCP_ROUTE_ONLINE;
    }
    return held;
}

static void free_client(struct world *world)
{
    struct toxtcp_client *client = world->client;
    const struct hostile *relay = &world->relay;
    const uint32_t held = count_held(world);
    struct toxtcp_client_info info;

    toxtcp_client_get_info(client, &info);
    world->client = NULL;
    /* The driver is lent what waits once more, and this one writes all of it. */
    toxtcp_client_free(client);
    net_require(!relay->end.link, "freed, and the driver does not know");
    if (relay->end.deaf) {
        return;
    }
    net_require(relay->end.cut || world->heard == world->sent, "a packet that was taken is not written");
    /* In a callback of that client the rest of what came is not read; and what no room was left for ends the link. */
    if (info.connected && info.output_len < ROOM && !world->failing && world->callbacks != world->act_at) {
        net_require(hostile_is_answered(relay), "a ping without a pong");
        net_require(hostile_may_hold(relay, held), "an id is lost, or held without a right");
    }
}

static void act(struct world *world)
{
    switch (world->act) {
    case ACT_FREE:
        free_client(world);
        break;
    case ACT_REMOVE:
        remove_peer(world, world->act_peer);
        break;
    case ACT_ADD:
        add(world, world->act_peer);
        break;
    case ACT_RENEW:
        remove_peer(world, world->act_peer);
        add(world, world->act_peer);
        break;
    case ACT_SEND:
        send_oob(world, world->act_peer, 100);
        while (send_data(world, world->act_peer, 1000) == TOXTCP_OK) {
        }
        break;
    default:
        (void)toxtcp_client_ping(world->client);
        break;
    }
}

/* --- What the client tells --- */

static void happened(struct world *world, const struct toxtcp_client *client)
{
    net_require(world->client == client && !world->closed_told, "a callback of a client that is over");
    world->callbacks++;
    if (world->callbacks == world->act_at) {
        act(world);
    }
}

static void on_connected(void *user, struct toxtcp_client *client)
{
    happened(user, client);
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct world *world = user;

    net_require(toxtcp_is_fatal(error) || error == TOXTCP_ERR_NO_MEMORY, "closed by an error that is not fatal");
    net_require(!world->relay.end.link, "closed before the driver knows");
    happened(world, client);
    world->closed_told = true;
}

/* Its handle is the one that adding gave, and its status the one that is told. */
static void know(const struct world *world, struct toxtcp_client *client, struct toxtcp_route route, const void *mine,
                 int status)
{
    net_require(memcmp(&route, mine, sizeof route) == 0, "another handle");
    net_require((const char *)mine >= (const char *)world->routes && (const char *)mine < (const char *)&world->wanted,
                "another user pointer");
    net_require(toxtcp_client_route_status(client, route) == status, "another status than is told");
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    struct world *world = user;
    int *told = &world->told[(const struct toxtcp_route *)route_user - world->routes];

    know(world, client, route, route_user, (int)status);
    /* A refused one is asked for again, of which nobody is told. */
    net_require(*told != (int)status || status == TOXTCP_ROUTE_REFUSED, "a status is told twice");
    *told = (int)status;
    happened(world, client);
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    (void)data;
    net_require(len >= 1 && len <= TOXTCP_DATA_MAX, "data out of its bounds");
    know(user, client, route, route_user, TOXTCP_ROUTE_ONLINE);
    happened(user, client);
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    (void)sender;
    (void)data;
    net_require(len >= 1 && len <= TOXTCP_OOB_MAX, "OOB out of its bounds");
    happened(user, client);
}

static void on_opaque(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len)
{
    (void)data;
    net_require(len >= 1, "nothing is told");
    happened(user, client);
}

static void on_event(void *user, struct toxtcp_client *client)
{
    happened(user, client);
}

static void on_silent(void *user, struct toxtcp_client *client, bool silent)
{
    struct world *world = user;

    net_require(world->silent_told != silent, "silence is told twice");
    world->silent_told = silent;
    happened(world, client);
}

static void on_deadline_changed(void *user, struct toxtcp_client *client)
{
    struct world *world = user;

    world->armed_ms = toxtcp_client_deadline(client);
}

static const struct toxtcp_client_callbacks callbacks = {
    .connected = on_connected,
    .closed = on_closed,
    .route_status = on_route_status,
    .data = on_data,
    .oob = on_oob,
    .onion_response = on_opaque,
    .forwarded = on_opaque,
    .can_send = on_event,
    .measured = on_event,
    .silent = on_silent,
    .deadline_changed = on_deadline_changed,
};

/* --- Life --- */

static struct toxtcp_client_config choose_config(uint8_t flags)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    if (flags & 1) {
        config.output_max = 3000;
    }
    if (flags & 2) {
        config.connect_timeout_ms = 700;
        config.ping_interval_ms = 3000;
        config.pong_timeout_ms = 1000;
        config.route_retry_ms = 2000;
    }
    if (flags & 4) {
        config.quiet_ms = 0;
    }
    if (flags & 8) {
        config.output_max = 0;
    }
    if (flags & 64) {
        config.pings_max = 0;
    }
    return config;
}

static void renew_relay(struct world *world)
{
    far_end_free(&world->relay.end);
    hostile_init(&world->relay, &world->far_env, &relay_keys);
    world->relay.user = world;
    world->relay.asked = asked;
}

static void new_client(struct world *world, uint8_t flags)
{
    const struct toxtcp_client_config config = choose_config(flags);

    if (world->client) {
        free_client(world);
    }
    renew_relay(world);
    memset(world->routes, 0, sizeof world->routes);
    world->closed_told = false;
    world->silent_told = false;
    memset(world->removed, 0, sizeof world->removed);
    world->failing = world->env.fail_at != 0;
    world->sent = 0;
    world->heard = 0;
    const struct toxtcp_public_key no_key = {{0}};
    const int error = toxtcp_client_new(world->env.env, &world->driver, flags & 16 ? NULL : &config, &client_keys,
                                        flags & 32 ? &no_key : &relay_keys.public_key, &callbacks, world, world->now_ms,
                                        &world->client);
    net_require(error || !(flags & 32), "a key that no secret key can have is taken");
    if (error) {
        world->client = NULL;
        return;
    }
    world->relay.end.dialling = true;
    far_end_take(&world->relay.end, toxtcp_client_link(world->client));
    world->armed_ms = toxtcp_client_deadline(world->client);
}

static void begin(struct world *world)
{
    memset(world, 0, sizeof *world);
    net_env_init(&world->env, 1);
    net_env_init(&world->far_env, 2);
    if (client_keys.secret_key.bytes[0] == 0) {
        toxtcp_key_pair_generate(world->far_env.env, &client_keys);
        toxtcp_key_pair_generate(world->far_env.env, &relay_keys);
    }
    far_end_watch_secret(&world->env, client_keys.secret_key.bytes);
    world->driver =
        (struct toxtcp_driver){.output_ready = far_end_output_ready, .attend = far_end_attend, .close = far_end_close};
    world->now_ms = 1000000;
}

static void finish(struct world *world)
{
    if (world->client) {
        free_client(world);
    }
    far_end_free(&world->relay.end);
    net_env_finish(&world->env);
    net_env_finish(&world->far_env);
}

/* --- Time --- */

static void expire(struct world *world)
{
    if (world->client) {
        toxtcp_client_expire(world->client, world->now_ms);
    }
}

static void pass(struct world *world, uint64_t ms)
{
    const uint64_t end_ms = world->now_ms + ms;
    uint32_t turns = 0;

    while (world->client && toxtcp_client_deadline(world->client) <= end_ms) {
        const uint64_t deadline_ms = toxtcp_client_deadline(world->client);
        world->now_ms = deadline_ms > world->now_ms ? deadline_ms : world->now_ms;
        expire(world);
        net_require(++turns < TURNS_MAX, "a deadline that never passes");
    }
    world->now_ms = end_ms;
}

/* --- Operations --- */

static void act_later(struct world *world, struct input *input)
{
    world->act_at = world->callbacks + 1 + input_byte(input);
    world->act = (enum act)(input_byte(input) % ACTS);
    world->act_peer = input_byte(input);
}

static void feign(struct world *world, uint8_t byte)
{
    const struct toxtcp_public_key temporary = hostile_key(byte);

    if (world->relay.end.link) {
        far_end_feign(&world->relay.end, &relay_keys, &client_keys.public_key, temporary.bytes);
    }
}

/* Those that need no client. */
static bool run_outside(struct world *world, enum op op, struct input *input)
{
    uint64_t count;

    switch (op) {
    case OP_PASS:
        pass(world, input_time(input));
        return true;
    case OP_SLEEP:
        world->now_ms += input_time(input);
        expire(world);
        return true;
    case OP_FAIL:
        count = input_byte(input);
        world->failing = true;
        net_env_fail(&world->env, count, input_byte(input) & 1);
        return true;
    case OP_TRIM:
        toxtcp_env_trim(world->env.env);
        return true;
    case OP_ACT:
        act_later(world, input);
        return true;
    case OP_NEW:
        new_client(world, input_byte(input));
        return true;
    case OP_FEIGN:
        feign(world, input_byte(input));
        return true;
    default:
        return false;
    }
}

static void add_many(struct world *world, struct input *input)
{
    const uint32_t first = input_byte(input);
    const uint32_t count = input_byte(input);

    for (uint32_t i = 0; i < count; i++) {
        add(world, (uint8_t)(first + i));
    }
}

static void run_client(struct world *world, enum op op, struct input *input)
{
    const uint8_t peer =
        op == OP_PING || op == OP_HURRY || op == OP_FREE || op == OP_ONION || op == OP_ADD_MANY ? 0 : input_byte(input);

    switch (op) {
    case OP_ADD:
        add(world, peer);
        break;
    case OP_ADD_MANY:
        add_many(world, input);
        break;
    case OP_REMOVE:
        remove_peer(world, peer);
        break;
    case OP_SEND:
        (void)send_data(world, peer, input_length(input));
        break;
    case OP_OOB:
        send_oob(world, peer, input_length(input));
        break;
    case OP_ONION:
        send_onion(world, input_length(input));
        break;
    case OP_FORWARD:
        send_forward(world, peer, input_length(input));
        break;
    case OP_PING:
        (void)toxtcp_client_ping(world->client);
        break;
    case OP_HURRY:
        (void)toxtcp_client_hurry(world->client);
        break;
    default:
        free_client(world);
        break;
    }
}

/* Who follows the contract looks at the deadline again after a call that is no link's; a link's call says it. */
static void check(struct world *world, bool look_again)
{
    struct toxtcp_client_info info;

    if (!world->client) {
        return;
    }
    far_end_watch(&world->relay.end, &world->env);
    if (look_again) {
        world->armed_ms = toxtcp_client_deadline(world->client);
    }
    toxtcp_client_check(world->client);
    toxtcp_client_get_info(world->client, &info);
    net_require(!info.connected || world->relay.end.link, "connected without a link");
    net_require(info.silent == world->silent_told || world->closed_told, "silent otherwise than was told");
    net_require(world->closed_told == !world->relay.end.link, "the end is not told, or too early");
    net_require(world->armed_ms <= toxtcp_client_deadline(world->client), "the timer would come too late");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world world;
    struct input input = {bytes, len};

    begin(&world);
    new_client(&world, input_byte(&input));
    while (input.len > 0) {
        const uint8_t op = input_byte(&input) % OPS;
        if (op < HOSTILE_OPS) {
            hostile_act(&world.relay, (enum hostile_op)op, &input, world.now_ms);
        } else if (!run_outside(&world, (enum op)op, &input) && world.client) {
            run_client(&world, (enum op)op, &input);
        }
        check(&world, op >= HOSTILE_OPS);
    }
    finish(&world);
    return 0;
}
