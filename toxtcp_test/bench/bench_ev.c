/* System calls on the way of a packet through sockets: a peer, a relay, a peer, each with a loop of its own.
 * SPDX-License-Identifier: ISC */
#include <ev.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "bench/report.h"
#include "support/net_env.h"

enum { BURST = 32, BURSTS = 500, PACKET = 100, IDLE_CLIENTS = 200 };

/* One program: a peer or the relay. */
struct party {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    uint64_t polls; /* epoll_wait and epoll_ctl */
};

static struct party *running;
static uint64_t received;

/* libev's calls come here instead of to libc. */
int epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    if (running) {
        running->polls++;
    }
    return epoll_pwait(fd, events, max, timeout, NULL);
}

int epoll_ctl(int fd, int operation, int other, struct epoll_event *event)
{
    if (running) {
        running->polls++;
    }
    return (int)syscall(SYS_epoll_ctl, fd, operation, other, event);
}

static void party_init(struct party *party)
{
    party->loop = ev_loop_new(EVBACKEND_EPOLL);
    net_require(party->loop && toxtcp_env_new(NULL, &party->env) == 0, "no loop");
    net_require(toxtcp_ev_new(party->loop, &party->ev) == 0, "no driver");
}

static void party_finish(struct party *party)
{
    toxtcp_ev_free(party->ev);
    toxtcp_env_free(party->env);
    ev_loop_destroy(party->loop);
}

static void turn(struct party *party, int flags)
{
    running = party;
    ev_run(party->loop, flags);
    running = NULL;
}

static void count_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                       const uint8_t *data, size_t len)
{
    (void)user;
    (void)client;
    (void)route;
    (void)route_user;
    (void)data;
    received += len == PACKET;
}

static struct toxtcp_client *connect_client(struct party *party, const struct toxtcp_key_pair *keys,
                                            const struct toxtcp_public_key *relay_key,
                                            const struct toxtcp_address *address)
{
    static const struct toxtcp_client_callbacks callbacks = {.data = count_data};
    const struct toxtcp_endpoint endpoint = {.address = *address};
    struct toxtcp_client *client;

    net_require(toxtcp_client_new(party->env, toxtcp_ev_driver(party->ev), NULL, keys, relay_key, &callbacks, NULL,
                                  toxtcp_ev_now(party->ev), &client) == 0,
                "no client");
    net_require(toxtcp_ev_connect(party->ev, client, &endpoint) == 0, "no connection");
    return client;
}

/* --- The relay --- */

static struct party relay;
static struct toxtcp_server *server;
static struct toxtcp_ev_listener *listener;
static struct toxtcp_address relay_address;
static struct toxtcp_key_pair relay_keys;

static void start_relay(void)
{
    const struct toxtcp_address any_port = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};

    party_init(&relay);
    toxtcp_key_pair_generate(relay.env, &relay_keys);
    net_require(toxtcp_server_new(relay.env, toxtcp_ev_driver(relay.ev), NULL, &relay_keys, &server) == 0, "no server");
    net_require(toxtcp_ev_attach_server(relay.ev, server) == 0, "no server");
    net_require(toxtcp_ev_listen(relay.ev, server, &any_port, &listener) == 0, "no listener");
    toxtcp_ev_listener_address(listener, &relay_address);
}

static void stop_relay(void)
{
    toxtcp_ev_listener_free(listener);
    toxtcp_ev_detach_server(relay.ev, server);
    toxtcp_server_free(server);
    party_finish(&relay);
}

/* --- Packets in bursts --- */

static struct party peers[2];
static struct toxtcp_client *clients[2];
static struct toxtcp_route routes[2];

static void start_peers(void)
{
    struct toxtcp_key_pair keys[2];

    for (size_t i = 0; i < 2; i++) {
        party_init(&peers[i]);
        toxtcp_key_pair_generate(peers[i].env, &keys[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        clients[i] = connect_client(&peers[i], &keys[i], &relay_keys.public_key, &relay_address);
        net_require(toxtcp_client_route_add(clients[i], &keys[1 - i].public_key, NULL, &routes[i]) == 0, "no route");
    }
    for (uint32_t turns = 0; toxtcp_client_route_status(clients[0], routes[0]) != TOXTCP_ROUTE_ONLINE ||
                             toxtcp_client_route_status(clients[1], routes[1]) != TOXTCP_ROUTE_ONLINE;
         turns++) {
        turn(&relay, EVRUN_NOWAIT);
        turn(&peers[0], EVRUN_NOWAIT);
        turn(&peers[1], EVRUN_NOWAIT);
        net_require(turns < 1000000, "the peers do not meet");
    }
}

static void send_burst(void)
{
    static const uint8_t data[PACKET] = {1};
    const uint64_t wanted = received + BURST;

    for (uint32_t i = 0; i < BURST; i++) {
        net_require(toxtcp_client_send(clients[0], routes[0], data, sizeof data) == 0, "a packet is refused");
    }
    /* The turn in which a program of its own would wait for what comes next: it writes, and polls once. */
    turn(&peers[0], EVRUN_NOWAIT);
    turn(&relay, EVRUN_ONCE);
    turn(&relay, EVRUN_NOWAIT);
    while (received < wanted) {
        turn(&peers[1], EVRUN_ONCE);
    }
}

static uint64_t calls_of(const struct party *party)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(party->ev, &info);
    return info.reads + info.writes + info.accepts + party->polls;
}

static void measure_calls(void)
{
    static const char *const names[] = {"sending peer, burst of 32", "relay, burst of 32",
                                        "receiving peer, burst of 32"};
    const struct party *const parties[] = {&peers[0], &relay, &peers[1]};
    uint64_t before[3];

    for (uint32_t i = 0; i < 10; i++) {
        send_burst();
    }
    for (size_t i = 0; i < 3; i++) {
        before[i] = calls_of(parties[i]);
    }
    for (uint32_t i = 0; i < BURSTS; i++) {
        send_burst();
    }
    for (size_t i = 0; i < 3; i++) {
        report_row(names[i], (double)(calls_of(parties[i]) - before[i]) / (BURST * BURSTS), "calls", REPORT_BELOW, 0.2);
    }
}

static void stop_peers(void)
{
    for (size_t i = 0; i < 2; i++) {
        toxtcp_client_free(clients[i]);
        party_finish(&peers[i]);
    }
}

/* --- Memory, all in all --- */

/* Connections of one peer program to the relay: both ends, their sockets' watchers, malloc's own share. */
static void measure_memory(void)
{
    static struct toxtcp_client *idle[IDLE_CLIENTS];
    struct toxtcp_server_info info = {0};
    struct party many;

    party_init(&many);
    const size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < IDLE_CLIENTS; i++) {
        struct toxtcp_key_pair keys;
        toxtcp_key_pair_generate(many.env, &keys);
        idle[i] = connect_client(&many, &keys, &relay_keys.public_key, &relay_address);
    }
    for (uint32_t turns = 0; info.confirmed < 2 + IDLE_CLIENTS; turns++) {
        turn(&many, EVRUN_NOWAIT);
        turn(&relay, EVRUN_NOWAIT);
        toxtcp_server_get_info(server, &info);
        net_require(turns < 1000000, "not all clients are confirmed");
    }
    toxtcp_env_trim(many.env);
    toxtcp_env_trim(relay.env);
    report_row("heap of a connection, both ends, drivers and malloc's share",
               (double)(mallinfo2().uordblks - before) / IDLE_CLIENTS, "bytes", REPORT_FOR_INFORMATION, 0);
    for (size_t i = 0; i < IDLE_CLIENTS; i++) {
        toxtcp_client_free(idle[i]);
    }
    party_finish(&many);
}

int main(void)
{
    start_relay();
    start_peers();
    report_title("System calls per packet of 100 bytes, over loopback, waiting included");
    measure_calls();
    report_title("With libtoxtcp-ev");
    measure_memory();
    stop_peers();
    stop_relay();
    return report_end();
}
