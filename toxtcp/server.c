/* The relay: its clients from accept to end, its limits and timers. SPDX-License-Identifier: ISC */
#include <toxtcp/server.h>

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include "server_private.h"

enum {
    CLIENTS_MAX = 65536,
    UNCONFIRMED_MAX = 1024,
    PER_SOURCE_MAX = 1024,
    OUTPUT_MAX = 65536,
    CONTROL_OUTPUT_MAX = 65536,
    /* Being called so late means that this process slept; then pongs get that long once more. */
    GRACE_MS = 1000
};

static struct server_client *of_link(struct toxtcp_link *link)
{
    return (struct server_client *)((char *)link - offsetof(struct server_client, link));
}

static struct server_client *of_deadline(struct heap_item *item)
{
    return (struct server_client *)((char *)item - offsetof(struct server_client, deadline));
}

static struct server_client *of_member(struct source_member *member)
{
    return (struct server_client *)((char *)member - offsetof(struct server_client, member));
}

struct server_client *server_find_client(const struct toxtcp_server *server, const struct toxtcp_public_key *key)
{
    struct server_client *found;

    HASH_FIND_BYHASHVALUE(hh, server->by_key, key, sizeof *key, env_hash_key(server->env, key->bytes), found);
    return found;
}

/* --- The end of a client --- */

static void count_end(struct toxtcp_server_info *info, int error)
{
    switch (error) {
    case TOXTCP_ERR_WRONG_KEY:
        info->handshake_failures++;
        break;
    case TOXTCP_ERR_PROTOCOL:
        info->protocol_violations++;
        break;
    case TOXTCP_ERR_OVERFLOW:
        info->overflows++;
        break;
    case TOXTCP_ERR_REPLACED:
        info->replaced++;
        break;
    case TOXTCP_ERR_EVICTED:
        info->evicted++;
        break;
    default:
        break;
    }
}

static void leave_tables(struct server_client *client)
{
    struct toxtcp_server *server = client->server;
    struct toxtcp_env *env = server->env;

    if (client->state == SERVER_CLIENT_CONFIRMED) {
        HASH_DELETE(hh, server->by_key, client);
    } else {
        server->info.unconfirmed_count--;
    }
    sources_leave(&server->sources, env, &client->member);
    heap_leave(&server->deadlines, &client->deadline);
    DL_DELETE(server->clients, client);
    server->info.client_count--;
}

static void bury(struct server_client *client)
{
    struct route *route = NULL;

    while ((route = routes_next(&client->routes, route))) {
        if (route->state == ROUTE_ONLINE) {
            server_unlink_route(route);
        }
    }
    routes_free(&client->routes, client->server->env);
    link_release(&client->link);
}

void server_end_client(struct server_client *client, int error)
{
    struct toxtcp_server *server = client->server;

    assert(client->state != SERVER_CLIENT_ENDED);
    count_end(&server->info, error);
    leave_tables(client);
    client->state = SERVER_CLIENT_ENDED;
    DL_APPEND(server->ended, client);
    if (server->burying) {
        return;
    }
    server->burying = true;
    while ((client = server->ended)) {
        DL_DELETE(server->ended, client);
        bury(client);
    }
    server->burying = false;
}

bool server_send(struct server_client *client, const struct packet *packet)
{
    struct box_plain plain;

    if (client->state == SERVER_CLIENT_ENDED) {
        return false;
    }
    const size_t len = packet_encode(packet, plain.bytes);
    const int error = link_send_control(&client->link, &plain, len);
    if (error) {
        server_end_client(client, error);
    }
    return error == TOXTCP_OK;
}

/* --- Confirmation --- */

int server_confirm_client(struct server_client *client, uint64_t now_ms)
{
    struct toxtcp_server *server = client->server;
    struct toxtcp_env *env = server->env;
    struct server_client *older = server_find_client(server, &client->key);

    /* The new one joins before the older leaves, so that want of memory changes nothing. */
    HASH_ADD_BYHASHVALUE(hh, server->by_key, key, sizeof client->key, env_hash_key(env, client->key.bytes), client);
    if (!client->hh.tbl) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    client->state = SERVER_CLIENT_CONFIRMED;
    sources_confirm(&server->sources, &client->member);
    server->info.unconfirmed_count--;
    server->info.confirmed++;
    client->next_ping_ms = now_ms + server->config.ping_interval_ms;
    heap_set(&server->deadlines, &client->deadline, client->next_ping_ms);
    if (older) {
        server_end_client(older, TOXTCP_ERR_REPLACED);
    }
    return TOXTCP_OK;
}

/* --- What the link calls --- */

static int on_opened(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms)
{
    (void)now_ms;
    of_link(link)->key = *remote_key;
    return TOXTCP_OK;
}

static int on_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms)
{
    struct server_client *client = of_link(link);

    if (client->state == SERVER_CLIENT_UNCONFIRMED) {
        const int error = server_confirm_client(client, now_ms);
        if (error) {
            return error;
        }
    }
    return server_relay(client, plain, len);
}

static void on_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    (void)now_ms;
    server_end_client(of_link(link), error);
}

/* Data that was refused is dropped, so nobody waits for room. */
static void on_can_send(struct toxtcp_link *link, uint64_t now_ms)
{
    (void)link;
    (void)now_ms;
}

static void on_release(struct toxtcp_link *link)
{
    struct server_client *client = of_link(link);

    env_release(link->env, client, sizeof *client);
}

static const struct toxtcp_key_pair *get_keys(struct toxtcp_link *link)
{
    return &of_link(link)->server->keys;
}

static const struct link_owner owner = {
    .opened = on_opened,
    .packet = on_packet,
    .closed = on_closed,
    .can_send = on_can_send,
    .release = on_release,
    .keys = get_keys,
};

/* --- Accept --- */

/* Whoever holds most half-open connections loses its oldest, so that a flood displaces itself. False: the relay is full
 * of confirmed ones. */
static bool make_room(struct toxtcp_server *server)
{
    const bool full = server->info.client_count >= server->config.clients_max;
    struct source_member *worst = sources_worst(&server->sources);

    if (worst && (full || server->info.unconfirmed_count >= server->config.unconfirmed_max)) {
        server_end_client(of_member(worst), TOXTCP_ERR_EVICTED);
        return true;
    }
    return !full;
}

static int check_limits(struct toxtcp_server *server, const struct toxtcp_address *source)
{
    const struct toxtcp_server_config *config = &server->config;

    if (config->per_source_max && sources_count(&server->sources, server->env, source) >= config->per_source_max) {
        server->info.refused_source++;
        return TOXTCP_ERR_LIMIT;
    }
    if (!make_room(server)) {
        server->info.refused_full++;
        return TOXTCP_ERR_LIMIT;
    }
    return TOXTCP_OK;
}

static struct server_client *new_client(struct toxtcp_server *server, uint64_t now_ms)
{
    struct server_client *client = env_alloc(server->env, sizeof *client);

    if (!client) {
        return NULL;
    }
    client->server = server;
    link_init(&client->link, server->env, server->driver, &owner, LINK_SHAKING);
    link_set_bounds(&client->link, server->config.output_max, server->config.control_output_max);
    if (heap_join(&server->deadlines, server->env, &client->deadline, now_ms + server->config.confirm_timeout_ms)) {
        env_release(server->env, client, sizeof *client);
        return NULL;
    }
    return client;
}

int toxtcp_server_accept(struct toxtcp_server *server, const struct toxtcp_address *source, uint64_t now_ms,
                         struct toxtcp_link **link)
{
    const int refused = check_limits(server, source);

    if (refused) {
        return refused;
    }
    struct server_client *client = new_client(server, now_ms);
    if (!client) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (sources_join(&server->sources, server->env, source, &client->member) != TOXTCP_OK) {
        heap_leave(&server->deadlines, &client->deadline);
        env_release(server->env, client, sizeof *client);
        return TOXTCP_ERR_NO_MEMORY;
    }
    DL_APPEND(server->clients, client);
    server->info.client_count++;
    server->info.unconfirmed_count++;
    server->info.accepted++;
    *link = &client->link;
    return TOXTCP_OK;
}

/* --- Time --- */

static void send_ping(struct server_client *client, uint64_t now_ms)
{
    static const uint8_t none[WIRE_PING_ID_SIZE];
    const struct toxtcp_server_config *config = &client->server->config;
    struct packet ping = {.kind = WIRE_PING};

    do {
        env_random(client->server->env, ping.ping_id, sizeof ping.ping_id);
    } while (memcmp(ping.ping_id, none, sizeof none) == 0);
    memcpy(client->ping_id, ping.ping_id, sizeof client->ping_id);
    client->ping_out = true;
    client->graced = false;
    /* In step with the confirmation, unless a whole turn was slept through. */
    client->next_ping_ms += config->ping_interval_ms;
    if (client->next_ping_ms <= now_ms) {
        client->next_ping_ms = now_ms + config->ping_interval_ms;
    }
    heap_set(&client->server->deadlines, &client->deadline, now_ms + config->pong_timeout_ms);
    (void)server_send(client, &ping);
}

void server_take_pong(struct server_client *client, const uint8_t ping_id[WIRE_PING_ID_SIZE])
{
    if (client->ping_out && memcmp(client->ping_id, ping_id, WIRE_PING_ID_SIZE) == 0) {
        client->ping_out = false;
        heap_set(&client->server->deadlines, &client->deadline, client->next_ping_ms);
    }
}

static void expire_client(struct server_client *client, uint64_t now_ms)
{
    struct toxtcp_server *server = client->server;

    if (client->state == SERVER_CLIENT_UNCONFIRMED) {
        server->info.confirm_timeouts++;
        server_end_client(client, TOXTCP_ERR_TIMED_OUT);
    } else if (!client->ping_out) {
        send_ping(client, now_ms);
    } else if (now_ms - client->deadline.key > GRACE_MS && !client->graced) {
        client->graced = true;
        heap_set(&server->deadlines, &client->deadline, now_ms + GRACE_MS);
    } else {
        server->info.pong_timeouts++;
        server_end_client(client, TOXTCP_ERR_TIMED_OUT);
    }
}

uint64_t toxtcp_server_deadline(const struct toxtcp_server *server)
{
    return heap_first_key(&server->deadlines);
}

void toxtcp_server_expire(struct toxtcp_server *server, uint64_t now_ms)
{
    assert(!server->burying);
    while (heap_first_key(&server->deadlines) <= now_ms) {
        expire_client(of_deadline(heap_first(&server->deadlines)), now_ms);
    }
}

/* --- The server --- */

void toxtcp_server_config_default(struct toxtcp_server_config *config)
{
    *config = (struct toxtcp_server_config){
        .clients_max = CLIENTS_MAX,
        .unconfirmed_max = UNCONFIRMED_MAX,
        .per_source_max = PER_SOURCE_MAX,
        .confirm_timeout_ms = WIRE_CONFIRM_TIMEOUT_MS,
        .ping_interval_ms = WIRE_PING_INTERVAL_MS,
        .pong_timeout_ms = WIRE_PONG_TIMEOUT_MS,
        .output_max = OUTPUT_MAX,
        .control_output_max = CONTROL_OUTPUT_MAX,
    };
}

int toxtcp_server_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                      const struct toxtcp_server_config *config, const struct toxtcp_key_pair *keys,
                      struct toxtcp_server **server)
{
    struct toxtcp_server *made = env_alloc(env, sizeof *made);

    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    made->env = env;
    made->driver = driver;
    made->keys = *keys;
    if (config) {
        made->config = *config;
    } else {
        toxtcp_server_config_default(&made->config);
    }
    *server = made;
    return TOXTCP_OK;
}

static void free_client(struct server_client *client)
{
    assert(client->link.busy == 0);
    leave_tables(client);
    routes_free(&client->routes, client->server->env);
    link_release(&client->link);
}

void toxtcp_server_free(struct toxtcp_server *server)
{
    if (!server) {
        return;
    }
    assert(!server->burying);
    struct toxtcp_env *env = server->env;
    while (server->clients) {
        free_client(server->clients);
    }
    sources_free(&server->sources, env);
    heap_free(&server->deadlines, env);
    box_wipe(server, sizeof *server);
    env_release(env, server, sizeof *server);
}

void toxtcp_server_get_info(const struct toxtcp_server *server, struct toxtcp_server_info *info)
{
    *info = server->info;
}

/* --- Invariants --- */

static void check_route(const struct server_client *client, const struct route *route)
{
    const struct server_client *peer = route->user;
    const struct route *back = route->other;

    assert(route->id != ROUTE_NO_ID);
    assert(!toxtcp_public_key_equal(&route->key, &client->key));
    if (route->state == ROUTE_REGISTERED) {
        assert(!peer && !back);
        peer = server_find_client(client->server, &route->key);
        /* Two routes that meet are online: nothing is forgotten. */
        assert(!peer || !routes_find(&peer->routes, client->server->env, &client->key));
        return;
    }
    assert(route->state == ROUTE_ONLINE);
    assert(server_find_client(client->server, &route->key) == peer);
    assert(back->other == route && back->user == client && toxtcp_public_key_equal(&back->key, &client->key));
    assert(routes_by_id(&peer->routes, back->id) == back);
    (void)peer;
    (void)back;
}

static void check_deadline(const struct server_client *client)
{
    const uint64_t key = client->deadline.key;

    assert(client->deadline.place != 0);
    assert(!client->ping_out || client->state == SERVER_CLIENT_CONFIRMED);
    assert(client->state != SERVER_CLIENT_CONFIRMED || client->ping_out || key == client->next_ping_ms);
    (void)key;
}

static void check_client(const struct server_client *client)
{
    const struct route *route = NULL;
    const bool confirmed = client->state == SERVER_CLIENT_CONFIRMED;

    link_check(&client->link);
    assert(client->state != SERVER_CLIENT_ENDED && client->link.state != LINK_CLOSED);
    assert(client->member.source && client->member.waiting == !confirmed);
    assert(!confirmed || server_find_client(client->server, &client->key) == client);
    assert(confirmed || client->routes.count == 0);
    (void)confirmed;
    check_deadline(client);
    routes_check(&client->routes, client->server->env);
    while ((route = routes_next(&client->routes, route))) {
        check_route(client, route);
    }
}

void toxtcp_server_check(const struct toxtcp_server *server)
{
    const struct server_client *client;
    uint32_t count = 0;
    uint32_t confirmed = 0;

    DL_FOREACH (server->clients, client) {
        assert(client->server == server);
        check_client(client);
        count++;
        confirmed += client->state == SERVER_CLIENT_CONFIRMED;
    }
    assert(!server->burying && !server->ended);
    assert(count == server->info.client_count && count == server->deadlines.count);
    assert(count - confirmed == server->info.unconfirmed_count && confirmed == HASH_COUNT(server->by_key));
    heap_check(&server->deadlines);
    sources_check(&server->sources, count, count - confirmed);
    (void)count;
    (void)confirmed;
}
