/* Several relays as one, in virtual time. SPDX-License-Identifier: ISC */
#include "check_server_mesh.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "server_private.h"
#include "support/net_env.h"

enum { FIRST_PORT = 4000 };

/* What a packet of a client holds. */
struct payload {
    uint32_t from_conn;
    uint32_t to_letter;
    uint32_t number;
};

/* --- The mesh --- */

static uint32_t letter_of(const struct world *world, const struct toxtcp_public_key *key)
{
    uint32_t letter = 0;

    while (!toxtcp_public_key_equal(&world->keys[letter].public_key, key)) {
        letter++;
        ck_assert_uint_lt(letter, WORLD_LETTERS);
    }
    return letter;
}

static int on_claim(void *user, const struct toxtcp_public_key *key, uint64_t *serial, int *before)
{
    struct member *member = user;
    struct world *world = member->world;
    const uint32_t letter = letter_of(world, key);

    if (world->refuse_claims) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    *before = world->at[letter];
    world->serial++;
    world->serials[letter] = world->serial;
    world->at[letter] = (int)member->index;
    *serial = world->serial;
    return TOXTCP_OK;
}

static void on_release(void *user, const struct toxtcp_public_key *key, uint64_t serial)
{
    struct world *world = ((struct member *)user)->world;
    const uint32_t letter = letter_of(world, key);

    if (world->serials[letter] == serial) {
        world->at[letter] = -1;
    }
}

static int on_locate(void *user, const struct toxtcp_public_key *key)
{
    const struct world *world = ((struct member *)user)->world;

    return world->at[letter_of(world, key)];
}

static int on_send(void *user, uint32_t to, const uint8_t *bytes, size_t len, bool droppable)
{
    struct member *member = user;
    struct world *world = member->world;
    struct message *message;

    ck_assert_uint_lt(to, world->server_count);
    ck_assert_uint_ne(to, member->index);
    ck_assert_uint_le(len, TOXTCP_MESH_MESSAGE_MAX);
    world->sends++;
    if (droppable && world->refuse_data) {
        return TOXTCP_ERR_WOULD_BLOCK;
    }
    if (!droppable && (world->lose_all || world->sends == world->lose_at)) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (!world->servers[to]) {
        return 0;
    }
    message = net_must(calloc(1, sizeof *message));
    message->bytes = net_must(malloc(len));
    memcpy(message->bytes, bytes, len);
    message->len = len;
    LL_APPEND(world->queues[member->index][to], message);
    return world->say_long;
}

static void free_message(struct message *message)
{
    free(message->bytes);
    free(message);
}

/* --- What clients hear --- */

static struct conn *newest(struct world *world, uint32_t letter)
{
    for (uint32_t i = world->conn_count; i > 0; i--) {
        struct conn *conn = &world->conns[i - 1];
        if (conn->letter == letter && conn->raw && raw_client_error(conn->raw) == 0) {
            return conn;
        }
    }
    return NULL;
}

/* The letter of an id, or -1 for one that the client has given up while it was not read. */
static int peer_of(const struct world *world, const struct conn *conn, uint8_t id)
{
    for (uint32_t letter = 0; letter < WORLD_LETTERS; letter++) {
        if (conn->ids[letter] == id) {
            return (int)letter;
        }
    }
    ck_assert_msg(world->lenient, "an id that nobody has");
    return -1;
}

static void hear_payload(struct world *world, struct conn *conn, const struct packet *packet, uint32_t from_letter)
{
    struct payload payload;

    ck_assert_uint_ge(packet->data_len, sizeof payload);
    memcpy(&payload, packet->data, sizeof payload);
    ck_assert_uint_lt(payload.from_conn, world->conn_count);
    ck_assert_uint_eq(payload.to_letter, conn->letter);
    ck_assert_uint_eq(world->conns[payload.from_conn].letter, from_letter);
    /* In order, and once. */
    ck_assert_uint_gt(payload.number, conn->heard[payload.from_conn]);
    conn->heard[payload.from_conn] = payload.number;
}

static void hear_notification(struct world *world, struct conn *conn, uint8_t id, bool online)
{
    const int peer = peer_of(world, conn, id);

    if (peer < 0) {
        return;
    }
    ck_assert(conn->online[peer] != online);
    conn->online[peer] = online;
    conn->told[peer] += online;
    /* One relay would say it once for each time that the other asks. */
    ck_assert(world->lenient || conn->told[peer] <= world->asked[peer][conn->letter]);
}

static void hear_data(struct world *world, struct conn *conn, const struct packet *packet)
{
    const int peer = peer_of(world, conn, packet->id);

    if (peer >= 0) {
        ck_assert(conn->online[peer]);
        hear_payload(world, conn, packet, (uint32_t)peer);
        conn->data_count++;
    }
}

static void hear_packet(struct world *world, struct conn *conn, const struct packet *packet)
{
    struct packet pong;

    switch (packet->kind) {
    case WIRE_ROUTING_RESPONSE:
        conn->ids[letter_of(world, &packet->key)] = packet->id;
        break;
    case WIRE_CONNECT:
    case WIRE_DISCONNECT:
        hear_notification(world, conn, packet->id, packet->kind == WIRE_CONNECT);
        break;
    case WIRE_PING:
        pong = *packet;
        pong.kind = WIRE_PONG;
        raw_client_send(conn->raw, &pong);
        break;
    case WIRE_PONG:
        break;
    case WIRE_DATA:
        hear_data(world, conn, packet);
        break;
    default:
        ck_assert_int_eq(packet->kind, WIRE_OOB_RECV);
        hear_payload(world, conn, packet, letter_of(world, &packet->key));
        conn->oob_count++;
        break;
    }
}

static void hear(struct world *world)
{
    const struct packet *packet;

    net_step(world->net);
    for (uint32_t i = 0; i < world->conn_count; i++) {
        while (world->conns[i].raw && (packet = raw_client_next(world->conns[i].raw))) {
            hear_packet(world, &world->conns[i], packet);
        }
    }
    net_step(world->net);
}

/* --- What clients do --- */

static void connect(struct world *world, uint32_t letter, uint32_t server)
{
    const struct toxtcp_address address = net_address((uint16_t)(FIRST_PORT + server));
    struct conn *conn = &world->conns[world->conn_count];

    ck_assert_uint_lt(world->conn_count, WORLD_CONNS_MAX);
    ck_assert_uint_lt(server, world->server_count);
    world->conn_count++;
    conn->letter = letter;
    conn->server = server;
    conn->raw = raw_client_new(world->net, &address, &world->relay_keys.public_key, &world->keys[letter], NULL);
    net_step(world->net);
    if (raw_client_is_open(conn->raw)) {
        raw_client_send_ping_id(conn->raw, WIRE_PING, 1);
    }
}

static void give_up(struct conn *conn, uint32_t peer)
{
    if (conn->ids[peer]) {
        raw_client_send_id(conn->raw, WIRE_DISCONNECT, conn->ids[peer]);
        conn->ids[peer] = 0;
        conn->online[peer] = false;
        conn->told[peer] = 0;
    }
}

static void send_payload(struct world *world, struct conn *conn, uint32_t peer, bool oob)
{
    const struct payload payload = {(uint32_t)(conn - world->conns), peer, conn->sent + 1};

    if (oob) {
        raw_client_send_oob(conn->raw, &world->keys[peer].public_key, (const uint8_t *)&payload, sizeof payload);
    } else if (conn->ids[peer]) {
        raw_client_send_data(conn->raw, conn->ids[peer], (const uint8_t *)&payload, sizeof payload);
    } else {
        return;
    }
    conn->sent++;
}

static void do_to_peer(struct world *world, struct conn *conn, char what, uint32_t peer)
{
    switch (what) {
    case '>':
        world->asked[conn->letter][peer]++;
        raw_client_send_key(conn->raw, WIRE_ROUTING_REQUEST, &world->keys[peer].public_key);
        break;
    case '/':
        give_up(conn, peer);
        break;
    default:
        ck_assert(what == ':' || what == '!');
        send_payload(world, conn, peer, what == '!');
        break;
    }
}

static void do_word(struct world *world, const char *word)
{
    const uint32_t letter = (uint32_t)(word[0] - 'a');
    struct conn *conn = newest(world, letter);

    if (word[1] >= '0' && word[1] <= '9') {
        connect(world, letter, (uint32_t)(word[1] - '0'));
    } else if (conn && word[1] == '-') {
        raw_client_free(conn->raw);
        conn->raw = NULL;
    } else if (conn) {
        do_to_peer(world, conn, word[1], (uint32_t)(word[2] - 'a'));
    }
    hear(world);
}

void world_do(struct world *world, const char *words)
{
    while (*words) {
        do_word(world, words);
        words += strcspn(words, " ");
        words += strspn(words, " ");
    }
}

struct conn *world_conn(struct world *world, char letter)
{
    return newest(world, (uint32_t)(letter - 'a'));
}

bool world_is_online(struct world *world, char a, char b)
{
    const struct conn *conn = world_conn(world, a);

    return conn && conn->online[b - 'a'];
}

/* --- Time --- */

void world_deliver(struct world *world, uint32_t from, uint32_t to)
{
    struct message *message = world->queues[from][to];

    ck_assert_ptr_nonnull(message);
    LL_DELETE(world->queues[from][to], message);
    toxtcp_server_mesh_receive(world->servers[to], from, message->bytes, message->len, net_now(world->net));
    toxtcp_server_check(world->servers[to]);
    free_message(message);
    hear(world);
}

void world_settle(struct world *world)
{
    bool moved = true;

    for (uint32_t rounds = 0; moved; rounds++) {
        ck_assert_msg(rounds < 100000, "the servers do not come to rest");
        moved = false;
        for (uint32_t i = 0; i < world->server_count * world->server_count; i++) {
            const uint32_t from = i / world->server_count;
            const uint32_t to = i % world->server_count;
            if (world->queues[from][to]) {
                world_deliver(world, from, to);
                moved = true;
            }
        }
    }
}

void world_settle_from(struct world *world, uint32_t from)
{
    for (uint32_t to = 0; to < world->server_count; to++) {
        while (world->queues[from][to]) {
            world_deliver(world, from, to);
        }
    }
}

void world_pass(struct world *world, uint64_t ms)
{
    const uint64_t end_ms = net_now(world->net) + ms;

    while (net_now(world->net) < end_ms) {
        const uint64_t left_ms = end_ms - net_now(world->net);
        net_run(world->net, left_ms < 5000 ? left_ms : 5000);
        hear(world);
        world_settle(world);
    }
}

/* --- What must be true at rest --- */

/* Each far route has its like at the other end. */
static void check_far(const struct world *world, uint32_t server, const struct server_client *client,
                      const struct route *route)
{
    const struct toxtcp_server *there = world->servers[route->far.server];
    const struct server_client *peer =
        handles_get(&there->mesh_clients, route->far.client, route->far.client_generation);

    ck_assert_ptr_nonnull(peer);
    const struct route *back = routes_by_handle(&peer->routes, route->far.route, route->far.route_generation);
    ck_assert_ptr_nonnull(back);
    ck_assert(back->state == ROUTE_FAR);
    ck_assert(toxtcp_public_key_equal(&peer->key, &route->key) && toxtcp_public_key_equal(&back->key, &client->key));
    ck_assert(back->far.server == server && back->far.client == client->mesh_handle);
    ck_assert(back->far.client_generation == client->mesh_generation);
    ck_assert(back->far.route == route->index && back->far.route_generation == route->generation);
}

static void check_server(const struct world *world, uint32_t server)
{
    const struct server_client *client;
    const struct route *route;

    toxtcp_server_check(world->servers[server]);
    DL_FOREACH (world->servers[server]->clients, client) {
        for (route = routes_next(&client->routes, NULL); route; route = routes_next(&client->routes, route)) {
            if (route->state == ROUTE_FAR) {
                check_far(world, server, client, route);
            }
        }
    }
}

static void check_letter(struct world *world, uint32_t letter)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < world->conn_count; i++) {
        const struct conn *conn = &world->conns[i];
        count += conn->letter == letter && conn->raw && raw_client_error(conn->raw) == 0;
    }
    ck_assert_uint_le(count, 1);
    const struct conn *conn = newest(world, letter);
    ck_assert_int_eq(world->at[letter], conn ? (int)conn->server : -1);
    for (uint32_t peer = 0; conn && peer < WORLD_LETTERS; peer++) {
        const struct conn *other = newest(world, peer);
        ck_assert(conn->online[peer] == (conn->ids[peer] && other && other->ids[letter]));
    }
}

void world_check(struct world *world)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        if (world->servers[i]) {
            check_server(world, i);
        }
    }
    for (uint32_t letter = 0; letter < WORLD_LETTERS; letter++) {
        check_letter(world, letter);
    }
}

/* Data goes where both are online, OOB to everybody who is here. */
static bool can_hear(struct world *world, uint32_t from, uint32_t to, bool oob)
{
    const struct conn *conn = newest(world, from);

    return conn && newest(world, to) && (oob || conn->online[to]);
}

static void talk(struct world *world, bool oob)
{
    uint32_t expected[WORLD_LETTERS] = {0};

    for (uint32_t i = 0; i < WORLD_LETTERS * WORLD_LETTERS; i++) {
        const uint32_t from = i / WORLD_LETTERS;
        const uint32_t to = i % WORLD_LETTERS;
        const char word[] = {(char)('a' + from), oob ? '!' : ':', (char)('a' + to), 0};
        expected[to] += can_hear(world, from, to, oob);
        world_do(world, word);
    }
    world_settle(world);
    for (uint32_t i = 0; i < WORLD_LETTERS; i++) {
        struct conn *conn = newest(world, i);
        ck_assert(!conn || (oob ? conn->oob_count : conn->data_count) == expected[i]);
    }
}

void world_talk(struct world *world)
{
    for (uint32_t i = 0; i < world->conn_count; i++) {
        world->conns[i].data_count = 0;
        world->conns[i].oob_count = 0;
    }
    talk(world, false);
    talk(world, true);
}

struct toxtcp_server_info world_info(const struct world *world, uint32_t server)
{
    struct toxtcp_server_info info;

    toxtcp_server_get_info(world->servers[server], &info);
    return info;
}

/* --- Beginning and end --- */

static void open_server(struct world *world, uint32_t index, const struct toxtcp_server_config *config)
{
    const struct toxtcp_address address = net_address((uint16_t)(FIRST_PORT + index));
    struct member *member = &world->members[index];

    member->world = world;
    member->index = index;
    member->mesh = (struct toxtcp_mesh){member, on_claim, on_release, on_locate, on_send};
    net_require(toxtcp_server_new(net_env(world->net), net_driver(world->net), config, &world->relay_keys,
                                  &world->servers[index]) == 0,
                "no server");
    toxtcp_server_join(world->servers[index], &member->mesh, index);
    net_listen(world->net, &address, world->servers[index]);
    net_add_server(world->net, world->servers[index]);
}

void world_open(struct world *world, uint64_t seed, uint32_t server_count)
{
    struct toxtcp_server_config config;

    memset(world, 0, sizeof *world);
    toxtcp_server_config_default(&config);
    config.accept_rate_max = 0;
    config.input_rate_max = 0;
    world->net = net_new(seed);
    world->relay_keys = net_keys(world->net);
    for (uint32_t i = 0; i < WORLD_LETTERS; i++) {
        world->keys[i] = net_keys(world->net);
        world->at[i] = -1;
    }
    world->server_count = server_count;
    for (uint32_t i = 0; i < server_count; i++) {
        open_server(world, i, &config);
    }
}

void world_close(struct world *world)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        if (world->servers[i]) {
            net_remove(world->net, world->servers[i]);
            toxtcp_server_free(world->servers[i]);
        }
    }
    for (uint32_t i = 0; i < WORLD_LETTERS; i++) {
        ck_assert_int_eq(world->at[i], -1);
    }
    for (uint32_t i = 0; i < WORLD_SERVERS_MAX * WORLD_SERVERS_MAX; i++) {
        struct message **queue = &world->queues[i / WORLD_SERVERS_MAX][i % WORLD_SERVERS_MAX];
        while (*queue) {
            struct message *message = *queue;
            LL_DELETE(*queue, message);
            free_message(message);
        }
    }
    for (uint32_t i = 0; i < world->conn_count; i++) {
        raw_client_free(world->conns[i].raw);
    }
    net_free(world->net);
}
