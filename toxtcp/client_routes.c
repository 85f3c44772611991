/* The peers of a client: asked for, and given up. SPDX-License-Identifier: ISC */
#include "client.h"

struct toxtcp_route client_route_handle(const struct route *route)
{
    return (struct toxtcp_route){route->index, route->generation};
}

enum toxtcp_route_status client_route_status_of(const struct route *route)
{
    switch (route->state) {
    case ROUTE_ONLINE:
        return TOXTCP_ROUTE_ONLINE;
    case ROUTE_REGISTERED:
        return TOXTCP_ROUTE_REGISTERED;
    case ROUTE_REFUSED:
        return TOXTCP_ROUTE_REFUSED;
    default:
        return TOXTCP_ROUTE_WAITING;
    }
}

static int ask(struct toxtcp_client *client, struct route *route)
{
    const int error = client_send_control(client, &(struct packet){.kind = WIRE_ROUTING_REQUEST, .key = route->key});

    if (!error) {
        route->state = ROUTE_ASKED;
    }
    return error;
}

int client_ask_routes(struct toxtcp_client *client, enum route_state state)
{
    int error = TOXTCP_OK;

    for (struct route *route = routes_next(&client->routes, NULL); route && !error;
         route = routes_next(&client->routes, route)) {
        if (route->state == state) {
            error = ask(client, route);
        }
    }
    return error;
}

/* A route that was given up while its request was open is wanted again: that request still serves. */
static int revive(struct toxtcp_client *client, struct route *route, void *route_user, struct toxtcp_route *handle)
{
    routes_renew(&client->routes, route);
    route->state = ROUTE_ASKED;
    route->user = route_user;
    *handle = client_route_handle(route);
    return TOXTCP_OK;
}

int toxtcp_client_route_add(struct toxtcp_client *client, const struct toxtcp_public_key *peer, void *route_user,
                            struct toxtcp_route *handle)
{
    bool full;
    struct route *route = routes_find(&client->routes, client->link.env, peer);

    if (client->link.state == LINK_CLOSED) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    if (toxtcp_public_key_equal(peer, &client->own_key)) {
        return TOXTCP_ERR_INVALID;
    }
    if (route && route->state == ROUTE_ABANDONED) {
        return revive(client, route, route_user, handle);
    }
    if (route) {
        *handle = client_route_handle(route);
        return TOXTCP_ERR_EXISTS;
    }
    route = routes_add(&client->routes, client->link.env, peer, ROUTE_WAITING, &full);
    if (!route) {
        return full ? TOXTCP_ERR_FULL : TOXTCP_ERR_NO_MEMORY;
    }
    route->user = route_user;
    const int error = client->link.state == LINK_OPEN ? ask(client, route) : TOXTCP_OK;
    if (error) {
        routes_remove(&client->routes, client->link.env, route);
        return error == TOXTCP_ERR_OVERFLOW ? TOXTCP_ERR_NO_MEMORY : error;
    }
    *handle = client_route_handle(route);
    return TOXTCP_OK;
}

int client_give_up_id(struct toxtcp_client *client, uint8_t id)
{
    return client_send_control(client, &(struct packet){.kind = WIRE_DISCONNECT, .id = id});
}

int toxtcp_client_route_remove(struct toxtcp_client *client, struct toxtcp_route handle)
{
    struct route *route = routes_by_handle(&client->routes, handle.index, handle.generation);

    if (!route || route->state == ROUTE_ABANDONED) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (route->state == ROUTE_ASKED && client->link.state == LINK_OPEN) {
        routes_renew(&client->routes, route);
        route->state = ROUTE_ABANDONED;
        return TOXTCP_OK;
    }
    if (route->id != ROUTE_NO_ID && client->link.state == LINK_OPEN && !client->doom) {
        client->doom = client_give_up_id(client, route->id);
        if (client->doom) {
            link_ask_attention(&client->link);
        }
    }
    routes_remove(&client->routes, client->link.env, route);
    return TOXTCP_OK;
}

int toxtcp_client_route_status(const struct toxtcp_client *client, struct toxtcp_route handle)
{
    const struct route *route = routes_by_handle(&client->routes, handle.index, handle.generation);

    return route ? (int)client_route_status_of(route) : TOXTCP_ERR_NOT_FOUND;
}
