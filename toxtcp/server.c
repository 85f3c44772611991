/* The relay: its clients from accept to end, and their limits. SPDX-License-Identifier: ISC */
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
    OUTPUT_TOTAL_MAX = 256 << 20,
    ACCEPT_RATE_MAX = 50,
    ACCEPT_BURST = 500,
    INPUT_RATE_MAX = 10 << 20,
    INPUT_BURST = 2 << 20
};

static struct server_client *of_link(struct toxtcp_link *link)
{
    return (struct server_client *)((char *)link - offsetof(struct server_client, link));
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
        if (server->mesh) {
            server_mesh_release(client);
        }
    } else {
        server->info.unconfirmed_count--;
    }
    if (client->pauses) {
        server->info.paused_count--;
    }
    sources_leave(&server->sources, env, &client->member);
    heap_leave(&server->deadlines, &client->deadline);
    DL_DELETE(server->clients, client);
    server->info.client_count--;
}

static void free_routes(struct server_client *client)
{
    client->server->info.route_count -= client->routes.count;
    routes_free(&client->routes, client->server->env);
}

static void bury(struct server_client *client)
{
    struct route *route = NULL;

    while ((route = routes_next(&client->routes, route))) {
        if (route->state == ROUTE_ONLINE) {
            server_unlink_route(route);
        } else if (route->state == ROUTE_FAR) {
            server_mesh_unlink(client, route);
        }
    }
    free_routes(client);
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
    if (server->mesh && server_mesh_claim(client)) {
        HASH_DELETE(hh, server->by_key, client);
        return TOXTCP_ERR_NO_MEMORY;
    }
    client->state = SERVER_CLIENT_CONFIRMED;
    sources_confirm(&server->sources, &client->member);
    server->info.unconfirmed_count--;
    server->info.confirmed++;
    server_start_pings(client, now_ms);
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

/* By the far end, or for what it sent. */
static void on_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    struct server_client *client = of_link(link);
    const bool at_fault = error == TOXTCP_ERR_WRONG_KEY || error == TOXTCP_ERR_PROTOCOL || error == TOXTCP_ERR_OVERFLOW;

    (void)now_ms;
    if (client->state == SERVER_CLIENT_UNCONFIRMED && !at_fault && error != TOXTCP_ERR_NO_MEMORY) {
        client->server->info.abandoned++;
    }
    server_end_client(client, error);
}

/* Data that was refused is dropped; notifications are not. */
static void on_can_send(struct toxtcp_link *link, uint64_t now_ms)
{
    (void)now_ms;
    server_catch_up(of_link(link));
}

static void on_received(struct toxtcp_link *link, size_t len, uint64_t now_ms)
{
    server_take_input(of_link(link), len, now_ms);
}

static void on_output_resized(struct toxtcp_link *link, size_t old_size, size_t new_size)
{
    of_link(link)->server->info.output_len += new_size - old_size;
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
    .received = on_received,
    .output_resized = on_output_resized,
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

static struct rate_limit accept_limit(const struct toxtcp_server *server)
{
    return (struct rate_limit){server->config.accept_rate_max, server->config.accept_burst};
}

static int check_limits(struct toxtcp_server *server, const struct toxtcp_address *source, uint64_t now_ms)
{
    const struct toxtcp_server_config *config = &server->config;

    if (config->per_source_max && sources_count(&server->sources, server->env, source) >= config->per_source_max) {
        server->info.refused_source++;
        return TOXTCP_ERR_LIMIT;
    }
    /* Before anybody is evicted for it. */
    if (sources_ready_ms(&server->sources, server->env, source, accept_limit(server)) > now_ms) {
        server->info.refused_rate++;
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
    client->due_ms = now_ms + server->config.confirm_timeout_ms;
    if (heap_join(&server->deadlines, server->env, &client->deadline, client->due_ms)) {
        env_release(server->env, client, sizeof *client);
        return NULL;
    }
    return client;
}

int toxtcp_server_accept(struct toxtcp_server *server, const struct toxtcp_address *source, uint64_t now_ms,
                         struct toxtcp_link **link)
{
    const int refused = check_limits(server, source, now_ms);

    if (refused) {
        return refused;
    }
    struct server_client *client = new_client(server, now_ms);
    if (!client) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (sources_join(&server->sources, server->env, source, accept_limit(server), now_ms, &client->member)) {
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
        .output_total_max = OUTPUT_TOTAL_MAX,
        .accept_rate_max = ACCEPT_RATE_MAX,
        .accept_burst = ACCEPT_BURST,
        .input_rate_max = INPUT_RATE_MAX,
        .input_burst = INPUT_BURST,
    };
}

static void set_config(struct toxtcp_server *server, const struct toxtcp_server_config *config)
{
    if (config) {
        server->config = *config;
    } else {
        toxtcp_server_config_default(&server->config);
    }
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
    set_config(made, config);
    *server = made;
    return TOXTCP_OK;
}

void toxtcp_server_configure(struct toxtcp_server *server, const struct toxtcp_server_config *config, uint64_t now_ms)
{
    const struct toxtcp_server_config before = server->config;
    const struct rate_limit accept_before = accept_limit(server);
    struct server_client *client;

    set_config(server, config);
    sources_change_limit(&server->sources, server->env, accept_before, accept_limit(server), now_ms);
    DL_FOREACH (server->clients, client) {
        link_set_bounds(&client->link, server->config.output_max, server->config.control_output_max);
        server_reschedule(client, &before, now_ms);
    }
}

static void free_client(struct server_client *client)
{
    assert(client->link.busy == 0);
    leave_tables(client);
    free_routes(client);
    link_release(&client->link);
}

void toxtcp_server_free(struct toxtcp_server *server)
{
    if (!server) {
        return;
    }
    assert(!server->burying);
    struct toxtcp_env *env = server->env;
    toxtcp_server_leave(server);
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
