/* A loop with libtoxtcp-ev, and clients that remember what they heard. SPDX-License-Identifier: ISC */
#include "interop/scene.h"

#include <string.h>

#include <ev.h>

void scene_open(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->turn_ms = 100;
    scene->loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(scene->loop);
    ck_assert_int_eq(toxtcp_env_new(NULL, &scene->env), 0);
    ck_assert_int_eq(toxtcp_ev_new(scene->loop, &scene->ev), 0);
}

void scene_close(struct scene *scene)
{
    toxtcp_ev_free(scene->ev);
    toxtcp_env_free(scene->env);
    ev_loop_destroy(scene->loop);
}

static void wake_up(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

bool scene_turn(struct scene *scene, uint64_t end_ms)
{
    uint64_t now_ms = toxtcp_ev_now(scene->ev);
    if (now_ms >= end_ms)
        return false;
    uint64_t wait_ms = end_ms - now_ms < scene->turn_ms ? end_ms - now_ms : scene->turn_ms;
    ev_timer timer;
    ev_timer_init(&timer, wake_up, (double)wait_ms / 1000.0, 0.0);
    ev_now_update(scene->loop);
    ev_timer_start(scene->loop, &timer);
    ev_run(scene->loop, EVRUN_ONCE);
    ev_timer_stop(scene->loop, &timer);
    if (scene->turn != NULL)
        scene->turn(scene->turn_user);
    return true;
}

void scene_run(struct scene *scene, uint32_t ms)
{
    uint64_t end_ms = toxtcp_ev_now(scene->ev) + ms;
    while (scene_turn(scene, end_ms)) {
    }
}

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct peer *peer = user;
    (void)client;
    peer->connected = true;
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct peer *peer = user;
    (void)client;
    peer->over = true;
    peer->error = error;
}

static void hear(struct heard *heard, const uint8_t *bytes, size_t len)
{
    ck_assert_uint_le(len, sizeof heard->bytes);
    heard->count++;
    heard->len = len;
    memcpy(heard->bytes, bytes, len);
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct peer *peer = user;
    (void)client;
    (void)route;
    (void)route_user;
    hear(&peer->data, data, len);
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    struct peer *peer = user;
    (void)client;
    peer->oob_sender = *sender;
    hear(&peer->oob, data, len);
}

struct toxtcp_endpoint loopback(uint16_t port)
{
    struct toxtcp_endpoint endpoint = {.address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = port}};
    return endpoint;
}

void peer_dial(struct peer *peer, struct scene *scene, const struct toxtcp_client_config *config,
               const struct toxtcp_key_pair *keys, const struct toxtcp_public_key *relay_key, uint16_t port)
{
    static const struct toxtcp_client_callbacks callbacks = {
        .connected = on_connected, .closed = on_closed, .data = on_data, .oob = on_oob};
    memset(peer, 0, sizeof *peer);
    peer->scene = scene;
    if (keys != NULL)
        peer->keys = *keys;
    else
        toxtcp_key_pair_generate(scene->env, &peer->keys);
    ck_assert_int_eq(toxtcp_client_new(scene->env, toxtcp_ev_driver(scene->ev), config, &peer->keys, relay_key,
                                       &callbacks, peer, toxtcp_ev_now(scene->ev), &peer->client),
                     0);
    struct toxtcp_endpoint endpoint = loopback(port);
    ck_assert_int_eq(toxtcp_ev_connect(scene->ev, peer->client, &endpoint), 0);
}

void peer_open(struct peer *peer, struct scene *scene, const struct toxtcp_public_key *relay_key, uint16_t port)
{
    peer_dial(peer, scene, NULL, NULL, relay_key, port);
    SCENE_WAIT(scene, peer->connected || peer->over);
    ck_assert_msg(!peer->over, "closed: %s", toxtcp_strerror(peer->error));
}

void peer_close(struct peer *peer)
{
    toxtcp_client_free(peer->client);
    peer->client = NULL;
}

struct toxtcp_route peer_route(struct peer *peer, const struct peer *other)
{
    struct toxtcp_route route;
    ck_assert_int_eq(toxtcp_client_route_add(peer->client, &other->keys.public_key, NULL, &route), 0);
    return route;
}

int peer_route_status(const struct peer *peer, struct toxtcp_route route)
{
    return toxtcp_client_route_status(peer->client, route);
}

void peer_fence(struct peer *peer)
{
    static const uint8_t mark[] = "fence";
    unsigned before = peer->oob.count;
    ck_assert_int_eq(toxtcp_client_send_oob(peer->client, &peer->keys.public_key, mark, sizeof mark), 0);
    SCENE_WAIT(peer->scene, peer->over || (peer->oob.count > before && peer->oob.len == sizeof mark &&
                                           memcmp(peer->oob.bytes, mark, sizeof mark) == 0));
    ck_assert_msg(!peer->over, "closed: %s", toxtcp_strerror(peer->error));
}
