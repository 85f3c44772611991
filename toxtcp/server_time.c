/* The relay's timers: pings, pongs, and clients that are not read for a while. SPDX-License-Identifier: ISC
 *
 * A client has one item in the heap of deadlines. While it is read that is `due_ms`; while it is not, its pong may lie
 * unread, so that timer rests, and `due_ms` says how much of it is left. */
#include "server_private.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

enum {
    /* Being called so late means that this process slept; then pongs get that long once more. So they do after a
     * pause: what lies unread is to be read first. */
    GRACE_MS = 1000,
    /* A client that was over its rate is read again when it has so much of its burst: not for every packet. */
    RESUME_SHARE = 16
};

static struct server_client *of_deadline(struct heap_item *item)
{
    return (struct server_client *)((char *)item - offsetof(struct server_client, deadline));
}

/* --- One deadline for all timers of a client --- */

static struct rate_limit input_limit(const struct toxtcp_server *server)
{
    return (struct rate_limit){server->config.input_rate_max, server->config.input_burst};
}

static uint64_t resume_ms(const struct server_client *client)
{
    const struct rate_limit limit = input_limit(client->server);

    return rate_ready_ms(&client->input, limit, limit.burst / RESUME_SHARE);
}

uint64_t server_next_ms(const struct server_client *client)
{
    if (client->pauses & SERVER_PAUSE_RATE) {
        return resume_ms(client);
    }
    return client->pauses ? TOXTCP_NEVER : client->due_ms;
}

static void update_deadline(struct server_client *client)
{
    heap_set(&client->server->deadlines, &client->deadline, server_next_ms(client));
}

/* The client's own timer is due then. */
static void set_due(struct server_client *client, uint64_t due_ms, uint64_t now_ms)
{
    if (!client->pauses) {
        client->due_ms = due_ms;
    } else {
        client->due_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    }
    update_deadline(client);
}

/* --- Pauses --- */

static void stop_reading(struct server_client *client, uint64_t now_ms)
{
    client->due_ms = client->due_ms > now_ms ? client->due_ms - now_ms : 0;
    client->server->info.paused_count++;
    link_want_input(&client->link, false);
}

static uint64_t max_ms(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void read_again(struct server_client *client, uint64_t now_ms)
{
    client->due_ms = client->ping_out ? now_ms + max_ms(client->due_ms, GRACE_MS) : client->next_ping_ms;
    client->server->info.paused_count--;
    link_want_input(&client->link, true);
}

static void set_pauses(struct server_client *client, uint8_t pauses, uint64_t now_ms)
{
    const bool was_paused = client->pauses != 0;

    client->pauses = pauses;
    if (pauses && !was_paused) {
        stop_reading(client, now_ms);
    } else if (!pauses && was_paused) {
        read_again(client, now_ms);
    }
    update_deadline(client);
}

/* A driver that always reads cannot be told. */
static bool can_pause(const struct server_client *client)
{
    return client->state == SERVER_CLIENT_CONFIRMED && client->server->driver->want_input;
}

void server_charge(struct server_client *client, uint32_t weight)
{
    rate_take(&client->input, input_limit(client->server), weight, client->link.now_ms);
}

void server_take_input(struct server_client *client, size_t len, uint64_t now_ms)
{
    struct toxtcp_server *server = client->server;
    const struct rate_limit limit = input_limit(server);

    if (!can_pause(client) || limit.per_second == 0) {
        return;
    }
    rate_take(&client->input, limit, len < UINT32_MAX ? (uint32_t)len : UINT32_MAX, now_ms);
    if (client->pauses & SERVER_PAUSE_RATE) {
        update_deadline(client); /* the driver had read that already */
    } else if (rate_ready_ms(&client->input, limit, 0) > now_ms) {
        server->info.input_pauses++;
        set_pauses(client, client->pauses | SERVER_PAUSE_RATE, now_ms);
    }
}

/* Those that the mesh pauses stand first in the list of all, where they are found again without a search. */
void server_pause_for_mesh(struct server_client *client)
{
    struct toxtcp_server *server = client->server;

    if (!can_pause(client) || (client->pauses & SERVER_PAUSE_MESH)) {
        return;
    }
    DL_DELETE(server->clients, client);
    DL_PREPEND(server->clients, client);
    set_pauses(client, client->pauses | SERVER_PAUSE_MESH, client->link.now_ms);
}

void server_resume_from_mesh(struct toxtcp_server *server, uint64_t now_ms)
{
    struct server_client *client;

    DL_FOREACH (server->clients, client) {
        if (!(client->pauses & SERVER_PAUSE_MESH)) {
            return;
        }
        set_pauses(client, client->pauses & (uint8_t)~SERVER_PAUSE_MESH, now_ms);
    }
}

/* --- Pings --- */

void server_start_pings(struct server_client *client, uint64_t now_ms)
{
    client->next_ping_ms = now_ms + client->server->config.ping_interval_ms;
    set_due(client, client->next_ping_ms, now_ms);
}

/* Sooner by as much as the interval is shorter, so that the pings of all clients stay spread over it. */
static uint64_t next_ping_within(const struct server_client *client, uint32_t interval_ms, uint32_t before_ms,
                                 uint64_t now_ms)
{
    if (interval_ms >= before_ms || client->next_ping_ms <= now_ms) {
        return client->next_ping_ms;
    }
    return now_ms + (client->next_ping_ms - now_ms) * interval_ms / before_ms;
}

void server_reschedule(struct server_client *client, const struct toxtcp_server_config *before, uint64_t now_ms)
{
    const struct toxtcp_server_config *config = &client->server->config;
    const struct rate_limit input_before = {before->input_rate_max, before->input_burst};
    const uint64_t latest_ms = now_ms + config->confirm_timeout_ms;

    if (client->state == SERVER_CLIENT_CONFIRMED) {
        client->next_ping_ms = next_ping_within(client, config->ping_interval_ms, before->ping_interval_ms, now_ms);
        if (!client->ping_out && !client->pauses) {
            client->due_ms = client->next_ping_ms;
        }
    } else if (client->due_ms > latest_ms) {
        client->due_ms = latest_ms;
    }
    rate_change(&client->input, input_before, input_limit(client->server), now_ms);
    update_deadline(client);
}

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
    set_due(client, now_ms + config->pong_timeout_ms, now_ms);
    (void)server_send(client, &ping);
}

void server_take_pong(struct server_client *client, const uint8_t ping_id[WIRE_PING_ID_SIZE])
{
    if (client->ping_out && memcmp(client->ping_id, ping_id, WIRE_PING_ID_SIZE) == 0) {
        client->ping_out = false;
        set_due(client, client->next_ping_ms, client->link.now_ms);
    }
}

static void expire_client(struct server_client *client, uint64_t now_ms)
{
    struct toxtcp_server *server = client->server;

    if (client->pauses) {
        set_pauses(client, client->pauses & (uint8_t)~SERVER_PAUSE_RATE, now_ms);
    } else if (client->state == SERVER_CLIENT_UNCONFIRMED) {
        server->info.confirm_timeouts++;
        server_end_client(client, TOXTCP_ERR_TIMED_OUT);
    } else if (!client->ping_out) {
        send_ping(client, now_ms);
    } else if (now_ms - client->deadline.key > GRACE_MS && !client->graced) {
        client->graced = true;
        set_due(client, now_ms + GRACE_MS, now_ms);
    } else {
        server->info.pong_timeouts++;
        server_end_client(client, TOXTCP_ERR_TIMED_OUT);
    }
}

/* --- Deadlines --- */

uint64_t toxtcp_server_deadline(const struct toxtcp_server *server)
{
    const uint64_t first_ms = heap_first_key(&server->deadlines);

    return server->mesh_lossy && server->mesh_heal_ms < first_ms ? server->mesh_heal_ms : first_ms;
}

void toxtcp_server_expire(struct toxtcp_server *server, uint64_t now_ms)
{
    assert(!server->burying);
    if (server->mesh_lossy && server->mesh_heal_ms <= now_ms) {
        server_mesh_heal(server, now_ms);
    }
    while (heap_first_key(&server->deadlines) <= now_ms) {
        expire_client(of_deadline(heap_first(&server->deadlines)), now_ms);
    }
}
