/* What the tests of libtoxtcp-ev share: loops, relays and peers on loopback. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_EV_H
#define TEST_CHECK_EV_H

#include <stdbool.h>
#include <stdint.h>

#include <check.h>
#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

/* A loop with its driver. A side whose loop is not run neither reads nor writes: its peers see a stalled process. */
struct side {
    struct toxtcp_env *env;
    struct ev_loop *loop;
    struct toxtcp_ev *ev;
};

void side_open(struct side *side);
void side_close(struct side *side);

struct relay {
    struct side *side;
    struct toxtcp_key_pair keys;
    struct toxtcp_server *server;
    struct toxtcp_ev_listener *listener;
    struct toxtcp_address address;
};

/* Starts a relay at 127.0.0.1 (`ip6`: ::1), at any free port or the one given. */
void relay_open(struct relay *relay, struct side *side, const struct toxtcp_server_config *config, uint16_t port,
                bool ip6);
/* Closes all of its streams and stops listening. */
void relay_close(struct relay *relay);

/* A client and what its callbacks said. */
struct peer {
    struct side *side;
    struct toxtcp_key_pair keys;
    bool given_keys; /* they are there before it dials */
    struct toxtcp_client *client;
    struct toxtcp_route route;
    enum toxtcp_route_status status;
    bool connected;
    int error;         /* of the closed callback; 0 before */
    uint32_t closings; /* calls of it */
    uint32_t sent;
    uint32_t received;
    uint32_t next_number; /* smallest that may come next */
    bool disordered;
    bool can_send;
    /* Runs inside every callback, if set; `what` is its name. */
    void (*hook)(struct peer *peer, const char *what);
};

/* Makes a client with fresh keys and dials. Returns what toxtcp_ev_connect() does; on error there is no client. */
int peer_dial(struct peer *peer, struct side *side, const struct toxtcp_public_key *relay_key,
              const struct toxtcp_client_config *config, const struct toxtcp_endpoint *endpoint);
/* The same to a relay, and it must work. */
void peer_open(struct peer *peer, struct side *side, const struct relay *relay);
void peer_close(struct peer *peer);
/* Asks for a route to the other one. */
void peer_route(struct peer *peer, const struct peer *other);
/* Sends the next numbered packet, of `len` (4 or more) bytes. */
int peer_send(struct peer *peer, size_t len);

/* Runs all sides until `done` says true; the test fails if that takes over 30 s. */
void run_until(struct side *const *sides, int count, bool (*done)(void *user), void *user);
void run_side_until(struct side *side, bool (*done)(void *user), void *user);
/* One turn without waiting. */
void turn(struct side *side);
bool peer_is_connected(void *peer);
bool peer_is_closed(void *peer);
bool peer_is_online(void *peer);
bool flag_is_set(void *flag);

struct toxtcp_endpoint endpoint_of(const struct toxtcp_address *address);
struct toxtcp_endpoint endpoint_of_host(const char *host, uint16_t port);
/* A client's default configuration with another connect timeout. */
struct toxtcp_client_config quick_config(uint32_t connect_timeout_ms);

/* A plain socket that listens at 127.0.0.1, and one stream from it. */
int raw_listen(int backlog, struct toxtcp_address *address);
/* The same at an IPv4 address of the caller's, whose port is set when it is 0. */
int raw_listen_at(struct toxtcp_address *address, int backlog);
/* Connects until the backlog takes no more: what is dialled after that stays without an answer. Returns how many
 * descriptors it wrote to `fds`, `max` at most. */
int raw_fill_backlog(const struct toxtcp_address *address, int *fds, int max);
int raw_accept(int listen_fd);
/* Closes with a reset. */
void raw_reset(int fd);

TCase *ev_dial_tests(void);
TCase *ev_name_tests(void);
TCase *ev_oob_tests(void);
TCase *ev_source_tests(void);
TCase *ev_alive_tests(void);
TCase *ev_stream_tests(void);
TCase *ev_relay_tests(void);
TCase *ev_connections_tests(void);
TCase *ev_turn_tests(void);
TCase *ev_listen_tests(void);
TCase *ev_mesh_queue_tests(void);
TCase *ev_mesh_tests(void);

#endif
