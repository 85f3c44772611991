/* What an idle link holds, and what a packet allocates on its way. SPDX-License-Identifier: ISC */
#include <string.h>

#include "bench/report.h"
#include "support/client_bed.h"
#include "support/net.h"

enum { CLIENTS = 1000, ROUTES = 100, BURST = 32, BURSTS = 1000, PACKET = 100, PORT = 33445 };

/* --- A client by itself, its relay played --- */

static size_t trimmed(struct net_env *env)
{
    toxtcp_env_trim(env->env);
    return env->alloc_bytes;
}

static size_t measure_client(void)
{
    static struct client_bed bed;

    client_bed_init(&bed, 1);
    const size_t before = trimmed(&bed.env);
    client_bed_open(&bed, NULL);
    net_require(strcmp(client_bed_heard(&bed), "ping") == 0, "no ping");
    client_bed_pong(&bed);
    const size_t idle = trimmed(&bed.env) - before;
    for (char peer = 1; peer <= ROUTES; peer++) {
        net_require(client_bed_add(&bed, peer) == 0, "no route");
        client_bed_respond(&bed, peer, (uint8_t)(15 + peer));
        client_bed_notify(&bed, WIRE_CONNECT, (uint8_t)(15 + peer));
    }
    (void)client_bed_heard(&bed);
    report_row("client: link after handshake and ping", (double)idle, "bytes", REPORT_AT_MOST, 1536);
    report_row("client: each of 100 online routes, tables included",
               (double)(trimmed(&bed.env) - before - idle) / ROUTES, "bytes", REPORT_FOR_INFORMATION, 0);
    client_bed_free(&bed);
    client_bed_finish(&bed);
    return idle;
}

/* --- Clients and a server in memory --- */

static uint64_t received;

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

static struct toxtcp_server *add_server(struct net *net, struct toxtcp_public_key *key)
{
    const struct toxtcp_address address = net_address(PORT);
    const struct toxtcp_key_pair keys = net_keys(net);
    struct toxtcp_server_config config;
    struct toxtcp_server *server;

    toxtcp_server_config_default(&config);
    /* All come from one address, at one moment of virtual time. */
    config.per_source_max = 0;
    config.accept_rate_max = 0;
    config.input_burst = UINT32_MAX;
    net_require(toxtcp_server_new(net_env(net), net_driver(net), &config, &keys, &server) == 0, "no server");
    net_add_server(net, server);
    net_listen(net, &address, server);
    *key = keys.public_key;
    return server;
}

static struct toxtcp_client *add_client(struct net *net, const struct toxtcp_key_pair *keys,
                                        const struct toxtcp_public_key *relay_key)
{
    static const struct toxtcp_client_callbacks callbacks = {.data = count_data};
    const struct toxtcp_address address = net_address(PORT);
    struct toxtcp_client *client;

    net_require(toxtcp_client_new(net_env(net), net_driver(net), NULL, keys, relay_key, &callbacks, NULL, net_now(net),
                                  &client) == 0,
                "no client");
    net_require(net_connect(net, client, &address) == 0, "no connection");
    return client;
}

static void free_client(struct net *net, struct toxtcp_client *client)
{
    net_remove(net, client);
    toxtcp_client_free(client);
}

static void end_net(struct net *net, struct toxtcp_server *server)
{
    net_step(net);
    net_remove(net, server);
    toxtcp_server_free(server);
    net_step(net);
    net_free(net);
}

static size_t trimmed_net(struct net *net)
{
    toxtcp_env_trim(net_env(net));
    return net_alloc_bytes(net);
}

/* What 1000 clients and their server hold, less what the clients hold. */
static void measure_server(size_t client_bytes)
{
    static struct toxtcp_client *clients[CLIENTS];
    struct net *net = net_new(1);
    struct toxtcp_public_key relay_key;
    struct toxtcp_server *server = add_server(net, &relay_key);
    struct toxtcp_server_info info;

    net_step(net);
    const size_t before = trimmed_net(net);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct toxtcp_key_pair keys = net_keys(net);
        clients[i] = add_client(net, &keys, &relay_key);
        if (i % 50 == 49) {
            net_step(net);
        }
    }
    net_run(net, 1000);
    toxtcp_server_get_info(server, &info);
    net_require(info.client_count == CLIENTS && info.unconfirmed_count == 0, "not all clients are confirmed");
    const double together = (double)(trimmed_net(net) - before) / CLIENTS;
    report_row("server: idle client (of 1000), tables included", together - (double)client_bytes, "bytes",
               REPORT_AT_MOST, 1024);
    for (size_t i = 0; i < CLIENTS; i++) {
        free_client(net, clients[i]);
    }
    end_net(net, server);
}

static void send_burst(struct net *net, struct toxtcp_client *from, struct toxtcp_route route)
{
    static const uint8_t data[PACKET] = {1};

    for (uint32_t i = 0; i < BURST; i++) {
        net_require(toxtcp_client_send(from, route, data, sizeof data) == 0, "a packet is refused");
    }
    net_step(net);
}

/* Client to server to client, in memory. */
static void measure_allocations(void)
{
    struct net *net = net_new(2);
    struct toxtcp_public_key relay_key;
    struct toxtcp_server *server = add_server(net, &relay_key);
    const struct toxtcp_key_pair keys[2] = {net_keys(net), net_keys(net)};
    struct toxtcp_client *clients[2];
    struct toxtcp_route routes[2];

    for (size_t i = 0; i < 2; i++) {
        clients[i] = add_client(net, &keys[i], &relay_key);
        net_require(toxtcp_client_route_add(clients[i], &keys[1 - i].public_key, NULL, &routes[i]) == 0, "no route");
    }
    net_step(net);
    for (uint32_t i = 0; i < 10; i++) {
        send_burst(net, clients[0], routes[0]);
    }
    received = 0;
    const uint64_t before = net_alloc_count(net);
    for (uint32_t i = 0; i < BURSTS; i++) {
        send_burst(net, clients[0], routes[0]);
    }
    net_require(received == (uint64_t)BURST * BURSTS, "packets are missing");
    report_row("allocations per packet, client to server to client", (double)(net_alloc_count(net) - before) / received,
               "", REPORT_AT_MOST, 0);
    free_client(net, clients[0]);
    free_client(net, clients[1]);
    end_net(net, server);
}

int main(void)
{
    report_title("Memory (what is asked of the env's hook; malloc adds some 8 bytes to each block)");
    measure_server(measure_client());
    measure_allocations();
    return report_end();
}
