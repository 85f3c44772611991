/* Loops, relays and peers on loopback. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHDOG_MS = 30000 };

/* --- Sides --- */

void side_open(struct side *side)
{
    ck_assert_int_eq(toxtcp_env_new(NULL, &side->env), TOXTCP_OK);
    side->loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(side->loop);
    ck_assert_int_eq(toxtcp_ev_new(side->loop, &side->ev), TOXTCP_OK);
}

void side_close(struct side *side)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side->ev, &info);
    ck_assert_uint_eq(info.stream_count, 0);
    toxtcp_ev_free(side->ev);
    ev_loop_destroy(side->loop);
    toxtcp_env_free(side->env);
}

void turn(struct side *side)
{
    ev_run(side->loop, EVRUN_NOWAIT);
}

static void on_watchdog(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    ck_abort_msg("nothing came of it within %d ms", WATCHDOG_MS);
}

void run_side_until(struct side *side, bool (*done)(void *user), void *user)
{
    struct ev_timer watchdog;

    ev_timer_init(&watchdog, on_watchdog, WATCHDOG_MS / 1e3, 0.);
    ev_now_update(side->loop);
    ev_timer_start(side->loop, &watchdog);
    while (!done(user)) {
        ev_run(side->loop, EVRUN_ONCE);
    }
    ev_timer_stop(side->loop, &watchdog);
}

void run_until(struct side *const *sides, int count, bool (*done)(void *user), void *user)
{
    const uint64_t end_ms = toxtcp_ev_now(sides[0]->ev) + WATCHDOG_MS;

    while (!done(user)) {
        for (int i = 0; i < count; i++) {
            turn(sides[i]);
        }
        ck_assert_msg(toxtcp_ev_now(sides[0]->ev) < end_ms, "nothing came of it within %d ms", WATCHDOG_MS);
    }
}

bool flag_is_set(void *flag)
{
    return *(bool *)flag;
}

/* --- Addresses --- */

struct toxtcp_endpoint endpoint_of(const struct toxtcp_address *address)
{
    return (struct toxtcp_endpoint){.address = *address};
}

struct toxtcp_endpoint endpoint_of_host(const char *host, uint16_t port)
{
    return (struct toxtcp_endpoint){.host = host, .address = {.port = port}};
}

struct toxtcp_client_config quick_config(uint32_t connect_timeout_ms)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.connect_timeout_ms = connect_timeout_ms;
    return config;
}

/* --- Relays --- */

void relay_open(struct relay *relay, struct side *side, const struct toxtcp_server_config *config, uint16_t port,
                bool ip6)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = port};

    if (ip6) {
        address = (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV6, .ip = {[15] = 1}, .port = port};
    }
    relay->side = side;
    toxtcp_key_pair_generate(side->env, &relay->keys);
    ck_assert_int_eq(toxtcp_server_new(side->env, toxtcp_ev_driver(side->ev), config, &relay->keys, &relay->server),
                     TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_attach_server(side->ev, relay->server), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_listen(side->ev, relay->server, &address, &relay->listener), TOXTCP_OK);
    toxtcp_ev_listener_address(relay->listener, &relay->address);
    ck_assert_uint_ne(relay->address.port, 0);
}

void relay_close(struct relay *relay)
{
    toxtcp_ev_listener_free(relay->listener);
    toxtcp_ev_detach_server(relay->side->ev, relay->server);
    toxtcp_server_free(relay->server);
    relay->server = NULL;
}

/* --- Peers --- */

static void run_hook(struct peer *peer, const char *what)
{
    if (peer->hook) {
        peer->hook(peer, what);
    }
}

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct peer *peer = user;

    (void)client;
    peer->connected = true;
    run_hook(peer, "connected");
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct peer *peer = user;

    (void)client;
    peer->connected = false;
    peer->error = error;
    peer->closings++;
    run_hook(peer, "closed");
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    struct peer *peer = user;

    (void)client;
    (void)route;
    (void)route_user;
    peer->status = status;
    run_hook(peer, "route_status");
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct peer *peer = user;
    uint32_t number;

    (void)client;
    (void)route;
    (void)route_user;
    ck_assert_uint_ge(len, sizeof number);
    memcpy(&number, data, sizeof number);
    peer->disordered = peer->disordered || number < peer->next_number;
    peer->next_number = number + 1;
    peer->received++;
    run_hook(peer, "data");
}

static void on_can_send(void *user, struct toxtcp_client *client)
{
    struct peer *peer = user;

    (void)client;
    peer->can_send = true;
    run_hook(peer, "can_send");
}

int peer_dial(struct peer *peer, struct side *side, const struct toxtcp_public_key *relay_key,
              const struct toxtcp_client_config *config, const struct toxtcp_endpoint *endpoint)
{
    const struct toxtcp_client_callbacks callbacks = {
        .connected = on_connected,
        .closed = on_closed,
        .route_status = on_route_status,
        .data = on_data,
        .can_send = on_can_send,
    };

    peer->side = side;
    if (!peer->given_keys) {
        toxtcp_key_pair_generate(side->env, &peer->keys);
    }
    ck_assert_int_eq(toxtcp_client_new(side->env, toxtcp_ev_driver(side->ev), config, &peer->keys, relay_key,
                                       &callbacks, peer, toxtcp_ev_now(side->ev), &peer->client),
                     TOXTCP_OK);
    const int error = toxtcp_ev_connect(side->ev, peer->client, endpoint);
    if (error) {
        ck_assert_msg(toxtcp_is_fatal(error), "toxtcp_ev_connect() gave %d", error);
        peer_close(peer);
        ck_assert_uint_eq(peer->closings, 0);
    }
    return error;
}

void peer_open(struct peer *peer, struct side *side, const struct relay *relay)
{
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay->address);

    ck_assert_int_eq(peer_dial(peer, side, &relay->keys.public_key, NULL, &endpoint), TOXTCP_OK);
}

void peer_close(struct peer *peer)
{
    toxtcp_client_free(peer->client);
    peer->client = NULL;
}

void peer_route(struct peer *peer, const struct peer *other)
{
    ck_assert_int_eq(toxtcp_client_route_add(peer->client, &other->keys.public_key, NULL, &peer->route), TOXTCP_OK);
}

int peer_send(struct peer *peer, size_t len)
{
    uint8_t data[TOXTCP_DATA_MAX] = {0};

    memcpy(data, &peer->sent, sizeof peer->sent);
    const int error = toxtcp_client_send(peer->client, peer->route, data, len);
    if (!error) {
        peer->sent++;
    }
    return error;
}

bool peer_is_connected(void *peer)
{
    return ((struct peer *)peer)->connected;
}

bool peer_is_closed(void *peer)
{
    return ((struct peer *)peer)->error != 0;
}

bool peer_is_online(void *peer)
{
    return ((struct peer *)peer)->status == TOXTCP_ROUTE_ONLINE;
}

/* --- Plain sockets --- */

int raw_listen_at(struct toxtcp_address *address, int backlog)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    socklen_t len = sizeof in;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(&in.sin_addr, address->ip, sizeof in.sin_addr);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    address->port = ntohs(in.sin_port);
    return fd;
}

int raw_listen(int backlog, struct toxtcp_address *address)
{
    *address = (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    return raw_listen_at(address, backlog);
}

int raw_fill_backlog(const struct toxtcp_address *address, int *fds, int max)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct pollfd ready = {.events = POLLOUT};
    int count = 0;

    memcpy(&in.sin_addr, address->ip, sizeof in.sin_addr);
    do {
        ck_assert_int_lt(count, max);
        ready.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(ready.fd, 0);
        const int result = connect(ready.fd, (const struct sockaddr *)&in, sizeof in);
        ck_assert(result == 0 || errno == EINPROGRESS);
        fds[count++] = ready.fd;
    } while (poll(&ready, 1, 0) == 1);
    return count;
}

int raw_accept(int listen_fd)
{
    const int fd = accept(listen_fd, NULL, NULL);

    ck_assert_int_ge(fd, 0);
    return fd;
}

void raw_reset(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    ck_assert_int_eq(close(fd), 0);
}
