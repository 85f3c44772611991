/* The relay as one of several that together are one. SPDX-License-Identifier: ISC
 *
 * A route whose peer is at another server is *far*: it holds the name of the route at the other end, which no other
 * route ever has. Two far routes that name each other are a session.
 *
 *   WANT  sent when a client asks for a key that is elsewhere. Where it comes to a route back, that enters a session
 * and answers MEET. MEET  the route that it is for enters the session; or PART, if that is gone. PART  whoever leaves a
 * session says so, even if it leaves because of a PART. A far route leaves when a PART bears just the two names. Data
 * for a session that is not (any more) is answered with PART, too.
 *
 * Messages from one server to another keep their order; those of two servers to a third do not. A connection is
 * *current* while no newer one has claimed its key; the directory knows at once, the older connection when REPLACED
 * comes. WANT and MEET count only if the directory says that the sender's key is where they came from.
 *
 * Why two current clients who ask for each other are online to each other, when all queues are empty:
 * - At least one WANT finds the route back. A client claims, then asks; asking adds the route, then looks the other key
 *   up. Of two who ask, let WANT of the first come to the other's server before that one's route was added. Then the
 *   other looks up later still, finds the first, and its WANT comes where the route is.
 * - That WANT starts a session: a route that is in another one with a client of that key leaves that, since only one of
 *   the two is current. MEET finds the first route still there, and starts the session there likewise. Both ask at
 *   once: the second of the two messages finds the session that it asks for, and nothing happens.
 * - Neither leaves it before something ends: PARTs for other names don't match.
 * Why nobody is far to one who is not: let a far route have entered last by MEET. Then the other end had entered before
 * it sent that; if it has left, its PART comes after the MEET. Or by WANT: then the MEET that it sent either was
 * answered by PART, or found or made the other end far; if that left later, its PART comes, too.
 * So a client hears one connect notification when it enters, one disconnect notification when it leaves.
 *
 * A server that leaves reads nothing more, so it can't answer a MEET by PART. It says LEFT to each that it ever sent
 * WANT or MEET: who got one of these before may be far to it, and nobody will be after.
 *
 * A message that is not data and finds no memory is lost. Then this server is lossy to that one until it could say
 * LOST, upon which both go through what they have: each far route says MEET again, which is answered by PART if the
 * other end does not stand; each registered one whose key is there says WANT again; each connection asks whether it is
 * current. */
#include "server_private.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum mesh_kind {
    MESH_REPLACED, /* struct claim */
    MESH_WANT,     /* struct want */
    MESH_MEET,     /* struct mesh_session */
    MESH_PART,     /* struct mesh_session */
    MESH_LOST,     /* nothing */
    MESH_LEFT,     /* nothing */
    MESH_DATA,     /* struct mesh_session, then the data */
    MESH_OOB,      /* struct passage, then the data */
    MESH_KIND_COUNT
};

/* What follows the kind. Without padding; both ends are one process, so that byte order is no matter. */
struct claim {
    struct toxtcp_public_key key;
    uint64_t serial;
};

struct want {
    struct toxtcp_public_key from_key;
    struct toxtcp_public_key to_key;
    struct route_end end; /* of `from_key` */
};

struct mesh_session {
    struct route_end to;
    struct route_end from;
};

struct passage {
    struct toxtcp_public_key to;
    struct toxtcp_public_key from;
};

enum { KIND_SIZE = 1, BODY_MAX = sizeof(struct want) };

enum { HEAL_INTERVAL_MS = 1000 }; /* while there is no memory to say what was lost */

_Static_assert(sizeof(struct route_end) == 16, "names have padding");
_Static_assert(sizeof(struct claim) <= BODY_MAX && sizeof(struct mesh_session) <= BODY_MAX, "a body is larger");

/* A packet becomes a message where it lies: what comes before its data is as long as what comes before that of the
 * packet, headroom included. */
enum { OOB_HEAD = 1 + WIRE_KEY_SIZE, DATA_HEAD = 1 };
_Static_assert(KIND_SIZE + sizeof(struct mesh_session) == BOX_HEADROOM + DATA_HEAD, "data has to be moved");
_Static_assert(KIND_SIZE + sizeof(struct passage) == BOX_HEADROOM + OOB_HEAD, "OOB has to be moved");
_Static_assert(offsetof(struct box_plain, bytes) == BOX_HEADROOM, "there is a gap");
_Static_assert(sizeof(struct box_plain) <= TOXTCP_MESH_MESSAGE_MAX, "a packet does not fit");

static const size_t body_sizes[MESH_KIND_COUNT] = {
    [MESH_REPLACED] = sizeof(struct claim),
    [MESH_WANT] = sizeof(struct want),
    [MESH_MEET] = sizeof(struct mesh_session),
    [MESH_PART] = sizeof(struct mesh_session),
    [MESH_LOST] = 0,
    [MESH_LEFT] = 0,
    [MESH_DATA] = sizeof(struct mesh_session),
    [MESH_OOB] = sizeof(struct passage),
};

/* --- Names --- */

static struct route_end end_of(const struct server_client *client, const struct route *route)
{
    return (struct route_end){
        .client = client->mesh_handle,
        .client_generation = client->mesh_generation,
        .route_generation = route->generation,
        .server = (uint16_t)client->server->mesh_index,
        .route = route->index,
    };
}

static bool same_end(const struct route_end *a, const struct route_end *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* The route of this server with that name, or NULL. */
static struct route *find_end(const struct toxtcp_server *server, const struct route_end *end,
                              struct server_client **client)
{
    *client = handles_get(&server->mesh_clients, end->client, end->client_generation);
    return *client ? routes_by_handle(&(*client)->routes, end->route, end->route_generation) : NULL;
}

/* The route that is in just this session, or NULL. */
static struct route *find_session(const struct toxtcp_server *server, const struct mesh_session *session,
                                  struct server_client **client)
{
    struct route *route = find_end(server, &session->to, client);

    return route && route->state == ROUTE_FAR && same_end(&route->far, &session->from) ? route : NULL;
}

static int locate(const struct toxtcp_server *server, const struct toxtcp_public_key *key)
{
    return server->mesh->locate(server->mesh->user, key);
}

bool server_mesh_is_here(const struct toxtcp_server *server, const struct toxtcp_public_key *key)
{
    return locate(server, key) == (int)server->mesh_index;
}

/* --- Sending --- */

/* Returns what the mesh does: an error, 0, or 1. */
static int post(struct toxtcp_server *server, uint32_t to, const uint8_t *message, size_t len, bool droppable)
{
    const int result = server->mesh->send(server->mesh->user, to, message, len, droppable);

    if (result >= 0) {
        server->info.mesh_sent++;
    }
    return result;
}

/* A message that must not be lost: if it is, that is known. Returns whether the queue is long. */
static bool tell(struct toxtcp_server *server, uint32_t to, enum mesh_kind kind, const void *body)
{
    uint8_t message[KIND_SIZE + BODY_MAX];
    const size_t size = body_sizes[kind];

    server->mesh_met[to] |= kind == MESH_WANT || kind == MESH_MEET;
    message[0] = (uint8_t)kind;
    if (size > 0) {
        memcpy(message + KIND_SIZE, body, size);
    }
    const int result = post(server, to, message, KIND_SIZE + size, false);
    if (result < 0) {
        if (!server->mesh_lossy) {
            server->mesh_heal_ms = 0;
        }
        server->mesh_lossy = true;
        server->mesh_lost[to] = true;
    }
    return result > 0;
}

static void tell_session(struct toxtcp_server *server, enum mesh_kind kind, const struct route_end *to,
                         const struct route_end *from)
{
    const struct mesh_session session = {*to, *from};

    (void)tell(server, to->server, kind, &session);
}

/* What a client sends. Returns whether it is on its way. */
static bool pass_on(struct server_client *client, uint32_t to, struct box_plain *plain, size_t len)
{
    struct toxtcp_server *server = client->server;
    const int result = post(server, to, (const uint8_t *)plain, BOX_HEADROOM + len, true);

    if (result < 0) {
        server->info.mesh_dropped++;
    } else if (result > 0) {
        server_pause_for_mesh(client);
    }
    return result >= 0;
}

/* --- What clients cause --- */

int server_mesh_claim(struct server_client *client)
{
    struct toxtcp_server *server = client->server;
    int before;

    if (handles_add(&server->mesh_clients, server->env, client, &client->mesh_handle, &client->mesh_generation)) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (server->mesh->claim(server->mesh->user, &client->key, &client->mesh_serial, &before)) {
        handles_remove(&server->mesh_clients, client->mesh_handle);
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (before >= 0 && before != (int)server->mesh_index) {
        const struct claim claim = {client->key, client->mesh_serial};
        (void)tell(server, (uint32_t)before, MESH_REPLACED, &claim);
    }
    return TOXTCP_OK;
}

void server_mesh_release(struct server_client *client)
{
    struct toxtcp_server *server = client->server;

    server->mesh->release(server->mesh->user, &client->key, client->mesh_serial);
    handles_remove(&server->mesh_clients, client->mesh_handle);
}

bool server_mesh_want(struct server_client *client, const struct route *route)
{
    struct toxtcp_server *server = client->server;
    const int at = locate(server, &route->key);

    if (at < 0 || at == (int)server->mesh_index) {
        return false;
    }
    const struct want want = {client->key, route->key, end_of(client, route)};
    if (tell(server, (uint32_t)at, MESH_WANT, &want)) {
        server_pause_for_mesh(client);
    }
    return true;
}

static void leave_session(struct server_client *client, struct route *route)
{
    route->state = ROUTE_REGISTERED;
    route->user = NULL;
    route->other = NULL;
    client->server->info.online_count--;
}

void server_mesh_unlink(struct server_client *client, struct route *route)
{
    const struct route_end end = end_of(client, route);

    tell_session(client->server, MESH_PART, &route->far, &end);
    leave_session(client, route);
}

void server_mesh_data(struct server_client *client, const struct route *route, struct box_plain *plain, size_t len)
{
    const struct mesh_session session = {route->far, end_of(client, route)};
    uint8_t *message = (uint8_t *)plain;

    message[0] = MESH_DATA;
    memcpy(message + KIND_SIZE, &session, sizeof session);
    if (pass_on(client, route->far.server, plain, len)) {
        client->server->info.data_relayed++;
    }
}

bool server_mesh_oob(struct server_client *client, struct box_plain *plain, size_t len)
{
    struct toxtcp_server *server = client->server;
    struct passage passage = {.from = client->key};
    uint8_t *message = (uint8_t *)plain;

    memcpy(passage.to.bytes, plain->bytes + 1, WIRE_KEY_SIZE);
    const int at = locate(server, &passage.to);
    if (at < 0 || at == (int)server->mesh_index) {
        return false;
    }
    message[0] = MESH_OOB;
    memcpy(message + KIND_SIZE, &passage, sizeof passage);
    if (pass_on(client, (uint32_t)at, plain, len)) {
        server->info.oob_relayed++;
    }
    return true;
}

/* --- Entering and leaving sessions --- */

/* A client of that key is known to be elsewhere, and current: one that is here is older. */
static void end_older(struct toxtcp_server *server, const struct toxtcp_public_key *key)
{
    struct server_client *older = server_find_client(server, key);

    if (older) {
        server_end_client(older, TOXTCP_ERR_REPLACED);
    }
}

void server_mesh_end_session(struct server_client *client, struct route *route)
{
    server_mesh_unlink(client, route);
    (void)server_notify(client, route);
}

static void enter(struct server_client *client, struct route *route, const struct route_end *far)
{
    assert(route->state == ROUTE_REGISTERED);
    route->state = ROUTE_FAR;
    route->far = *far;
    client->server->info.online_count++;
    (void)server_notify(client, route);
}

static void on_want(struct toxtcp_server *server, const struct want *want)
{
    if (locate(server, &want->from_key) != want->end.server) {
        return;
    }
    end_older(server, &want->from_key);
    struct server_client *client = server_find_client(server, &want->to_key);
    struct route *route = client ? routes_find(&client->routes, server->env, &want->from_key) : NULL;
    if (!route) {
        return;
    }
    const struct route_end end = end_of(client, route);
    if (route->state == ROUTE_FAR && !same_end(&route->far, &want->end)) {
        server_mesh_end_session(client, route);
        /* The client may have ended by that. */
        route = find_end(server, &end, &client);
        if (!route) {
            return;
        }
    }
    /* A session that stands: only after a loss. */
    tell_session(server, MESH_MEET, &want->end, &end);
    if (route->state != ROUTE_FAR) {
        enter(client, route, &want->end);
    }
}

static void on_meet(struct toxtcp_server *server, const struct mesh_session *session)
{
    struct server_client *client;
    struct route *route = find_end(server, &session->to, &client);
    const bool current = route && locate(server, &route->key) == session->from.server;

    if (current) {
        const struct toxtcp_public_key key = route->key;
        end_older(server, &key);
        route = find_end(server, &session->to, &client);
    }
    if (!current || !route) {
        tell_session(server, MESH_PART, &session->from, &session->to);
        return;
    }
    if (route->state == ROUTE_FAR && !same_end(&route->far, &session->from)) {
        server_mesh_end_session(client, route);
        route = find_end(server, &session->to, &client);
    }
    if (!route) {
        tell_session(server, MESH_PART, &session->from, &session->to);
    } else if (route->state != ROUTE_FAR) {
        enter(client, route, &session->from);
    }
}

static void on_part(struct toxtcp_server *server, const struct mesh_session *session)
{
    struct server_client *client;
    struct route *route = find_session(server, session, &client);

    if (route) {
        server_mesh_end_session(client, route);
    }
}

static void end_sessions_with(struct server_client *client, uint32_t from)
{
    struct toxtcp_server *server = client->server;
    struct route *route = NULL;

    while ((route = routes_next(&client->routes, route))) {
        if (route->state != ROUTE_FAR || route->far.server != from) {
            continue;
        }
        const struct route_end end = end_of(client, route);
        leave_session(client, route);
        (void)server_notify(client, route);
        /* The client may have ended by that. */
        if (!find_end(server, &end, &client)) {
            return;
        }
    }
}

static void on_left(struct toxtcp_server *server, uint32_t from)
{
    struct server_client *client;
    uint32_t at = 0;

    while ((client = handles_from(&server->mesh_clients, at))) {
        at = client->mesh_handle + 1;
        end_sessions_with(client, from);
    }
}

static void on_replaced(struct toxtcp_server *server, const struct claim *claim)
{
    struct server_client *client = server_find_client(server, &claim->key);

    if (client && client->mesh_serial < claim->serial) {
        server_end_client(client, TOXTCP_ERR_REPLACED);
    }
}

/* --- Data and OOB --- */

static void on_data(struct toxtcp_server *server, const struct mesh_session *session, const uint8_t *data, size_t len)
{
    struct server_client *client;
    const struct route *route = find_session(server, session, &client);
    struct box_plain plain;

    if (!route) {
        server->info.data_dropped_offline++;
        tell_session(server, MESH_PART, &session->from, &session->to);
        return;
    }
    plain.bytes[0] = route->id;
    memcpy(plain.bytes + DATA_HEAD, data, len);
    (void)server_offer_data(client, &plain, DATA_HEAD + len);
}

static void on_oob(struct toxtcp_server *server, const struct passage *passage, const uint8_t *data, size_t len)
{
    struct server_client *client = server_find_client(server, &passage->to);
    struct box_plain plain;

    if (!client) {
        server->info.oob_dropped_absent++;
        return;
    }
    plain.bytes[0] = WIRE_OOB_RECV;
    memcpy(plain.bytes + 1, passage->from.bytes, WIRE_KEY_SIZE);
    memcpy(plain.bytes + OOB_HEAD, data, len);
    (void)server_offer_oob(client, &plain, OOB_HEAD + len);
}

/* --- After a loss --- */

/* What the client has with that server is said again. */
static void say_again(struct server_client *client, uint32_t to)
{
    struct toxtcp_server *server = client->server;
    const struct route *route = NULL;

    while ((route = routes_next(&client->routes, route))) {
        const struct route_end end = end_of(client, route);
        if (route->state == ROUTE_FAR && route->far.server == to) {
            tell_session(server, MESH_MEET, &route->far, &end);
        } else if (route->state == ROUTE_REGISTERED && locate(server, &route->key) == (int)to) {
            const struct want want = {client->key, route->key, end};
            (void)tell(server, to, MESH_WANT, &want);
        }
    }
}

static void say_all_again(struct toxtcp_server *server, uint32_t to)
{
    struct server_client *client;
    uint32_t at = 0;

    while ((client = handles_from(&server->mesh_clients, at))) {
        at = client->mesh_handle + 1;
        if (server_mesh_is_here(server, &client->key)) {
            say_again(client, to);
        } else {
            server_end_client(client, TOXTCP_ERR_REPLACED);
        }
    }
}

void server_mesh_heal(struct toxtcp_server *server, uint64_t now_ms)
{
    server->mesh_lossy = false;
    for (uint32_t to = 0; to < TOXTCP_MESH_SERVERS_MAX; to++) {
        if (!server->mesh_lost[to]) {
            continue;
        }
        server->mesh_lost[to] = false;
        (void)tell(server, to, MESH_LOST, NULL);
        if (!server->mesh_lost[to]) {
            say_all_again(server, to);
        }
    }
    server->mesh_heal_ms = now_ms + HEAL_INTERVAL_MS;
}

/* --- The mesh --- */

void toxtcp_server_join(struct toxtcp_server *server, const struct toxtcp_mesh *mesh, uint32_t index)
{
    assert(!server->mesh && !server->clients && index < TOXTCP_MESH_SERVERS_MAX);
    server->mesh = mesh;
    server->mesh_index = index;
    /* What is still on its way to an earlier server of this number must not mean anybody here. */
    server->mesh_clients.generation = (uint32_t)env_random_u64(server->env);
}

/* The client does not hear it: it is about to be closed. */
static void leave_sessions(struct server_client *client)
{
    struct route *route = NULL;

    while ((route = routes_next(&client->routes, route))) {
        if (route->state == ROUTE_FAR) {
            leave_session(client, route);
            route->told_online = false;
        }
    }
}

static void say_left(struct toxtcp_server *server)
{
    for (uint32_t to = 0; to < TOXTCP_MESH_SERVERS_MAX; to++) {
        if (server->mesh_met[to]) {
            (void)tell(server, to, MESH_LEFT, NULL);
        }
    }
}

void toxtcp_server_leave(struct toxtcp_server *server)
{
    struct server_client *client;
    uint32_t at = 0;

    if (!server->mesh) {
        return;
    }
    assert(!server->burying);
    for (; (client = handles_from(&server->mesh_clients, at)); at++) {
        at = client->mesh_handle;
        leave_sessions(client);
        server_mesh_release(client);
    }
    say_left(server);
    handles_free(&server->mesh_clients, server->env);
    memset(server->mesh_met, 0, sizeof server->mesh_met);
    memset(server->mesh_lost, 0, sizeof server->mesh_lost);
    server->mesh_lossy = false;
    server->mesh = NULL;
}

/* Copies out what the message begins with, since it may lie anywhere. */
static void handle(struct toxtcp_server *server, enum mesh_kind kind, const uint8_t *message, size_t len, uint32_t from)
{
    union {
        struct claim claim;
        struct want want;
        struct mesh_session session;
        struct passage passage;
    } body;
    const size_t head = KIND_SIZE + body_sizes[kind];
    const uint8_t *data = message + head;

    memcpy(&body, message + KIND_SIZE, body_sizes[kind]);
    if (kind == MESH_DATA) {
        assert(len > head && len - head <= TOXTCP_DATA_MAX);
        on_data(server, &body.session, data, len - head);
        return;
    }
    if (kind == MESH_OOB) {
        assert(len > head && len - head <= TOXTCP_OOB_MAX);
        on_oob(server, &body.passage, data, len - head);
        return;
    }
    assert(len == head);
    if (kind == MESH_REPLACED) {
        on_replaced(server, &body.claim);
    } else if (kind == MESH_WANT) {
        on_want(server, &body.want);
    } else if (kind == MESH_MEET) {
        on_meet(server, &body.session);
    } else if (kind == MESH_PART) {
        on_part(server, &body.session);
    } else if (kind == MESH_LEFT) {
        on_left(server, from);
    } else {
        say_all_again(server, from);
    }
}

void toxtcp_server_mesh_receive(struct toxtcp_server *server, uint32_t from, const uint8_t *message, size_t len,
                                uint64_t now_ms)
{
    (void)now_ms;
    assert(server->mesh && !server->burying && from < TOXTCP_MESH_SERVERS_MAX && from != server->mesh_index);
    assert(len >= KIND_SIZE && message[0] < MESH_KIND_COUNT && len >= KIND_SIZE + body_sizes[message[0]]);
    server->info.mesh_received++;
    handle(server, (enum mesh_kind)message[0], message, len, from);
}

void toxtcp_server_mesh_drained(struct toxtcp_server *server, uint64_t now_ms)
{
    server_resume_from_mesh(server, now_ms);
}
