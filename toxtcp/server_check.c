/* What must always be true of a relay. SPDX-License-Identifier: ISC */
#include "server_private.h"

#include <assert.h>
#include <utlist.h>

/* Two routes that meet are online: nothing is forgotten. But in a mesh a connection may not know yet that a newer one
 * has come elsewhere. */
static bool meets(const struct server_client *client, const struct route *route)
{
    const struct toxtcp_server *server = client->server;
    const struct server_client *peer = server_find_client(server, &route->key);

    if (!peer || !routes_find(&peer->routes, server->env, &client->key)) {
        return false;
    }
    return !server->mesh || (server_mesh_is_here(server, &client->key) && server_mesh_is_here(server, &peer->key));
}

/* What can be known here; the other end is elsewhere. */
static void check_far(const struct toxtcp_server *server, const struct route *route)
{
    assert(server->mesh && route->far.server != server->mesh_index);
    assert(route->far.client_generation != 0 && route->far.route_generation != 0);
    assert(route->far.route < TOXTCP_ROUTES_MAX);
    (void)server;
    (void)route;
}

static void check_mesh_client(const struct server_client *client)
{
    const struct toxtcp_server *server = client->server;

    assert(handles_get(&server->mesh_clients, client->mesh_handle, client->mesh_generation) == client);
    (void)server;
    (void)client;
}

static void check_route(const struct server_client *client, const struct route *route)
{
    const struct server_client *peer = route->user;
    const struct route *back = route->other;

    assert(route->id != ROUTE_NO_ID);
    assert(client->behind || route->told_online == server_route_is_online(route));
    assert(!toxtcp_public_key_equal(&route->key, &client->key));
    if (route->state == ROUTE_REGISTERED) {
        assert(!peer && !back);
        assert(!meets(client, route));
        return;
    }
    if (route->state == ROUTE_FAR) {
        check_far(client->server, route);
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
    const bool confirmed = client->state == SERVER_CLIENT_CONFIRMED;

    assert(client->deadline.place != 0 && client->deadline.key == server_next_ms(client));
    assert(confirmed || (!client->ping_out && !client->pauses));
    assert(!confirmed || client->ping_out || client->pauses || client->due_ms == client->next_ping_ms);
    assert(client->link.input_unwanted == (client->pauses != 0));
    (void)confirmed;
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
    /* Who is behind has a full queue, and is told when there is room. */
    assert(!client->behind || (client->link.send_refused && link_waiting(&client->link) > 0));
    if (confirmed && client->server->mesh) {
        check_mesh_client(client);
    }
    check_deadline(client);
    routes_check(&client->routes, client->server->env);
    while ((route = routes_next(&client->routes, route))) {
        check_route(client, route);
    }
}

/* What there is of everything, counted one by one. */
static void count_client(const struct server_client *client, struct toxtcp_server_info *info)
{
    const struct route *route = NULL;

    info->client_count++;
    info->unconfirmed_count += client->state == SERVER_CLIENT_UNCONFIRMED;
    info->paused_count += client->pauses != 0;
    info->route_count += client->routes.count;
    info->output_len += client->link.channel.out.size;
    while ((route = routes_next(&client->routes, route))) {
        info->online_count += server_route_is_online(route);
    }
}

static void check_counts(const struct toxtcp_server *server, const struct toxtcp_server_info *count)
{
    const struct toxtcp_server_info *info = &server->info;

    assert(count->client_count == info->client_count && count->client_count == server->deadlines.count);
    assert(count->unconfirmed_count == info->unconfirmed_count);
    assert(count->client_count - count->unconfirmed_count == HASH_COUNT(server->by_key));
    assert(count->paused_count == info->paused_count);
    assert(count->route_count == info->route_count && count->online_count == info->online_count);
    assert(count->output_len == info->output_len);
    (void)info;
    (void)count;
}

void toxtcp_server_check(const struct toxtcp_server *server)
{
    const struct server_client *client;
    struct toxtcp_server_info count = {0};

    DL_FOREACH (server->clients, client) {
        assert(client->server == server);
        check_client(client);
        count_client(client, &count);
    }
    assert(!server->burying && !server->ended);
    check_counts(server, &count);
    handles_check(&server->mesh_clients);
    assert(server->mesh_clients.count == (server->mesh ? HASH_COUNT(server->by_key) : 0));
    heap_check(&server->deadlines);
    sources_check(&server->sources, count.client_count, count.unconfirmed_count);
}
