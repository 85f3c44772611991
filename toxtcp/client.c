/* One relay, seen from a peer: its life and its time. SPDX-License-Identifier: ISC */
#include "client.h"

#include <assert.h>
#include <string.h>

#include "moment.h"

enum {
    /* Routing requests for all routes, with answers and notifications beside them, have room however small the bound
     * for the rest is. */
    CONTROL_OUTPUT_MIN = 32768,
    OUTPUT_MAX_DEFAULT = 65536,
    ROUTE_RETRY_DEFAULT_MS = 60000,
    QUIET_DEFAULT_MS = 750,
    /* Twice a second, for which no honest relay has a reason: each costs a battery a wakeup. */
    PINGS_MAX_DEFAULT = 60
};

static const struct link_owner client_owner;

/* --- Life --- */

void toxtcp_client_config_default(struct toxtcp_client_config *config)
{
    *config = (struct toxtcp_client_config){
        .connect_timeout_ms = WIRE_CONNECT_TIMEOUT_MS,
        .ping_interval_ms = WIRE_PING_INTERVAL_MS,
        .pong_timeout_ms = WIRE_PONG_TIMEOUT_MS,
        .route_retry_ms = ROUTE_RETRY_DEFAULT_MS,
        .output_max = OUTPUT_MAX_DEFAULT,
        .quiet_ms = QUIET_DEFAULT_MS,
        .pings_max = PINGS_MAX_DEFAULT,
    };
}

static void drop_dial_keys(struct toxtcp_client *client)
{
    if (client->dial_keys) {
        box_wipe(client->dial_keys, sizeof *client->dial_keys);
        env_release(client->link.env, client->dial_keys, sizeof *client->dial_keys);
        client->dial_keys = NULL;
    }
}

static void client_release(struct toxtcp_link *link)
{
    struct toxtcp_client *client = client_of(link);
    struct toxtcp_env *env = link->env;

    drop_dial_keys(client);
    routes_free(&client->routes, env);
    env_release(env, client, sizeof *client);
}

static int keep_dial_keys(struct toxtcp_client *client, const struct toxtcp_key_pair *keys,
                          const struct toxtcp_public_key *relay_key)
{
    struct box_shared_key shared;

    if (box_shared_key_make(&shared, relay_key, &keys->secret_key)) {
        return TOXTCP_ERR_INVALID;
    }
    box_wipe(&shared, sizeof shared);
    client->dial_keys = env_alloc(client->link.env, sizeof *client->dial_keys);
    if (!client->dial_keys) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    /* Member by member: a compound literal would leave a copy of the secret key on the stack. */
    client->dial_keys->keys = *keys;
    client->dial_keys->relay_key = *relay_key;
    client->own_key = keys->public_key;
    return TOXTCP_OK;
}

static void configure(struct toxtcp_client *client, const struct toxtcp_client_config *config, uint64_t now_ms)
{
    if (config) {
        client->config = *config;
    } else {
        toxtcp_client_config_default(&client->config);
    }
    link_set_bounds(&client->link, client->config.output_max,
                    (uint32_t)later(client->config.output_max, CONTROL_OUTPUT_MIN));
    client->connect_deadline_ms = now_ms + client->config.connect_timeout_ms;
    client->connected_at_ms = TOXTCP_NEVER;
    client->route_retry_at_ms = TOXTCP_NEVER;
    client->announced_deadline_ms = client->connect_deadline_ms;
    client->pulse.used_at_ms = TOXTCP_NEVER;
    client->pulse.pong_deadline_ms = TOXTCP_NEVER;
    client->pulse.rtt_ms = UINT32_MAX;
}

int toxtcp_client_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                      const struct toxtcp_client_config *config, const struct toxtcp_key_pair *keys,
                      const struct toxtcp_public_key *relay_key, const struct toxtcp_client_callbacks *callbacks,
                      void *user, uint64_t now_ms, struct toxtcp_client **client)
{
    if (config && config->proxy && proxy_judge(config->proxy)) {
        return TOXTCP_ERR_INVALID;
    }
    struct toxtcp_client *made = env_alloc(env, sizeof *made);
    if (!made) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    link_init(&made->link, env, driver, &client_owner, LINK_DIALLING);
    configure(made, config, now_ms);
    made->callbacks = *callbacks;
    made->user = user;
    const int error = keep_dial_keys(made, keys, relay_key);
    if (error) {
        client_release(&made->link);
        return error;
    }
    *client = made;
    return TOXTCP_OK;
}

void toxtcp_client_free(struct toxtcp_client *client)
{
    if (client) {
        client->callbacks = (struct toxtcp_client_callbacks){0};
        link_release(&client->link);
    }
}

struct toxtcp_link *toxtcp_client_link(struct toxtcp_client *client)
{
    return &client->link;
}

int toxtcp_client_dial(struct toxtcp_client *client, const struct toxtcp_endpoint *endpoint)
{
    struct toxtcp_link *link = &client->link;
    const struct toxtcp_driver *driver = link->driver;
    const struct toxtcp_proxy *proxy = client->config.proxy;

    assert(link->state == LINK_DIALLING);
    if (!proxy) {
        return driver->dial(driver->user, link, endpoint);
    }
    int error = proxy_judge_target(endpoint);
    if (!error) {
        error = link_use_proxy(link, proxy, endpoint);
    }
    if (!error) {
        error = driver->dial(driver->user, link, &proxy->endpoint);
    }
    return link_error(link, error);
}

/* --- The link's life --- */

int client_send_control(struct toxtcp_client *client, const struct packet *packet)
{
    struct box_plain plain;

    return link_send_control(&client->link, &plain, packet_encode(packet, plain.bytes));
}

/* The request; it may leave before the stream is open. */
static int client_begin(struct toxtcp_link *link)
{
    struct toxtcp_client *client = client_of(link);
    const struct dial_keys *dial = client->dial_keys;

    if (client->config.proxy && !link->proxied) {
        /* Dialled by hand: that stream goes around the proxy. */
        return TOXTCP_ERR_INVALID;
    }
    const int error = channel_connect(&link->channel, link->env, &dial->keys, &dial->relay_key);

    if (!error) {
        drop_dial_keys(client);
    }
    return error;
}

static int client_connected(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms)
{
    struct toxtcp_client *client = client_of(link);

    if (remote) {
        client->remote = *remote;
    }
    client_pulse_begin(client, now_ms);
    return TOXTCP_OK;
}

/* The request, or a part of it: its round trip began then. */
static void client_left_early(struct toxtcp_link *link, uint64_t left_ms)
{
    client_pulse_begin(client_of(link), left_ms);
}

static int client_opened(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms)
{
    struct toxtcp_client *client = client_of(link);

    (void)remote_key;
    client->connect_deadline_ms = TOXTCP_NEVER;
    client->connected_at_ms = now_ms;
    /* The ping lets the relay confirm us; the routing requests leave in the same segment (section 2). */
    int error = client_pulse_open(client, now_ms);
    if (!error) {
        error = client_ask_routes(client, ROUTE_WAITING);
    }
    if (!error && client->callbacks.connected) {
        client->callbacks.connected(client->user, client);
    }
    /* In there it may have been freed. */
    return error || link->state != LINK_OPEN ? error : client_pulse_told(client, now_ms);
}

static void client_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    struct toxtcp_client *client = client_of(link);

    (void)now_ms;
    drop_dial_keys(client);
    if (client->callbacks.closed) {
        client->callbacks.closed(client->user, client, error);
    }
}

static void client_can_send(struct toxtcp_link *link, uint64_t now_ms)
{
    struct toxtcp_client *client = client_of(link);

    (void)now_ms;
    if (client->callbacks.can_send) {
        client->callbacks.can_send(client->user, client);
    }
}

static void client_settled(struct toxtcp_link *link)
{
    struct toxtcp_client *client = client_of(link);

    client_pulse_settled(client, link->now_ms);
    const uint64_t deadline_ms = toxtcp_client_deadline(client);
    if (deadline_ms != client->announced_deadline_ms) {
        client->announced_deadline_ms = deadline_ms;
        if (client->callbacks.deadline_changed) {
            client->callbacks.deadline_changed(client->user, client);
        }
    }
}

static const struct link_owner client_owner = {
    .begin = client_begin,
    .connected = client_connected,
    .left_early = client_left_early,
    .opened = client_opened,
    .packet = client_packet,
    .closed = client_closed,
    .can_send = client_can_send,
    .settled = client_settled,
    .release = client_release,
};

/* --- Time --- */

uint64_t toxtcp_client_deadline(const struct toxtcp_client *client)
{
    if (client->link.state == LINK_CLOSED) {
        return TOXTCP_NEVER;
    }
    if (client->doom) {
        return 0;
    }
    if (client->link.state != LINK_OPEN) {
        return client->connect_deadline_ms;
    }
    return earlier(client_pulse_deadline(client), client->route_retry_at_ms);
}

/* What is due on an open link. An error ends it. */
static int expire_open(struct toxtcp_client *client, uint64_t now_ms)
{
    int error = client_pulse_expire(client, now_ms);

    if (!error && now_ms >= client->route_retry_at_ms) {
        client->route_retry_at_ms = TOXTCP_NEVER;
        error = client_ask_routes(client, ROUTE_REFUSED);
    }
    return error;
}

void toxtcp_client_expire(struct toxtcp_client *client, uint64_t now_ms)
{
    struct toxtcp_link *link = &client->link;

    assert(link->busy == 0);
    link->now_ms = now_ms;
    if (now_ms < toxtcp_client_deadline(client)) {
        return;
    }
    link_enter(link);
    int error = client->doom;
    if (!error) {
        error = link->state == LINK_OPEN ? expire_open(client, now_ms) : TOXTCP_ERR_TIMED_OUT;
    }
    if (error) {
        link_fail(link, error, now_ms);
    }
    (void)link_leave(link);
}

/* --- To look at --- */

void client_describe(const struct toxtcp_client *client, struct toxtcp_client_info *info)
{
    *info = (struct toxtcp_client_info){
        .connected = client->link.state == LINK_OPEN,
        .silent = client_pulse_is_silent(client),
        .rtt_ms = client->pulse.measured ? client->pulse.rtt_ms : UINT32_MAX,
        .route_count = client->routes.count,
        .output_len = (uint32_t)link_waiting(&client->link),
        .remote = client->remote,
        .connected_at_ms = client->connected_at_ms,
        .received_at_ms = client->link.received_at_ms,
        .packets_sent = client->link.packets_sent,
        .packets_received = client->link.packets_received,
    };
}

void toxtcp_client_get_info(const struct toxtcp_client *client, struct toxtcp_client_info *info)
{
    /* A driver that is asked changes nothing of the link. */
    struct toxtcp_link *link = &((struct toxtcp_client *)(uintptr_t)client)->link;

    client_describe(client, info);
    info->path_known = link_path(link, &info->path);
}

static void check_route(const struct toxtcp_client *client, const struct route *route)
{
    const bool has_id = route->state == ROUTE_REGISTERED || route->state == ROUTE_ONLINE;

    assert(has_id == (route->id != ROUTE_NO_ID));
    assert(!toxtcp_public_key_equal(&route->key, &client->own_key));
    assert(route->state == ROUTE_WAITING || client->link.state >= LINK_OPEN);
    assert(route->state != ROUTE_REFUSED || client->link.state == LINK_CLOSED ||
           client->route_retry_at_ms != TOXTCP_NEVER);
    (void)client;
    (void)has_id;
}

void toxtcp_client_check(const struct toxtcp_client *client)
{
    link_check(&client->link);
    routes_check(&client->routes, client->link.env);
    client_pulse_check(client);
    for (const struct route *route = routes_next(&client->routes, NULL); route;
         route = routes_next(&client->routes, route)) {
        check_route(client, route);
    }
    assert((client->dial_keys != NULL) == (client->link.state < LINK_SHAKING && !client->link.channel.handshake));
    assert((client->link.state == LINK_OPEN) <= (client->connected_at_ms != TOXTCP_NEVER));
}
