/* Several relays as one, in virtual time: a mesh whose queues the test empties, clients with letters for names, and
 * what each of them must have heard. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_SERVER_MESH_H
#define TEST_CHECK_SERVER_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>

#include <toxtcp/server.h>

#include "support/net.h"
#include "support/raw_client.h"

enum { WORLD_SERVERS_MAX = 3, WORLD_LETTERS = 5, WORLD_CONNS_MAX = 96 };

struct world;

/* One stream of a client. A newer one of the same letter replaces it. */
struct conn {
    struct raw_client *raw;
    uint32_t letter;
    uint32_t server;
    uint8_t ids[WORLD_LETTERS];      /* its routes, by the peer's letter; 0: none */
    bool online[WORLD_LETTERS];      /* what it has been told */
    uint32_t told[WORLD_LETTERS];    /* connect notifications on that route */
    uint32_t sent;                   /* number of the last packet */
    uint32_t heard[WORLD_CONNS_MAX]; /* number of the last packet of each stream */
    uint32_t data_count;             /* data heard */
    uint32_t oob_count;
};

struct member {
    struct toxtcp_mesh mesh;
    struct world *world;
    uint32_t index;
};

struct message {
    struct message *next;
    size_t len;
    uint8_t *bytes; /* of just that size, so that a byte too many is seen */
};

struct world {
    struct net *net;
    struct toxtcp_key_pair relay_keys;
    uint32_t server_count;
    struct toxtcp_server *servers[WORLD_SERVERS_MAX];
    struct member members[WORLD_SERVERS_MAX];
    struct message *queues[WORLD_SERVERS_MAX][WORLD_SERVERS_MAX]; /* from, to */
    struct toxtcp_key_pair keys[WORLD_LETTERS];
    int at[WORLD_LETTERS]; /* the directory: a server or -1 */
    uint64_t serials[WORLD_LETTERS];
    uint64_t serial;
    struct conn conns[WORLD_CONNS_MAX];
    uint32_t conn_count;
    uint32_t asked[WORLD_LETTERS][WORLD_LETTERS]; /* times that one asked for the other */
    uint32_t sends;                               /* messages offered to the mesh */
    uint32_t lose_at;                             /* the number of the one that finds no memory; 0: none */
    bool lose_all;                                /* none finds memory that must not be lost */
    bool refuse_data;                             /* queues are full */
    bool refuse_claims;                           /* there is no memory for claims */
    bool lenient;  /* after a loss routes may go offline and online once more than at one relay; and who is not read
                              may hear of what it gave up */
    bool say_long; /* queues are long */
};

void world_open(struct world *world, uint64_t seed, uint32_t server_count);
void world_close(struct world *world);

/* Clients do, in turn, what the words say, parted by spaces: "a0" connects to server 0, "a>b" asks for a route, "a/b"
 * gives it up, "a:b" sends data, "a!b" sends OOB, "a-" goes away. What cannot be done now is left out. */
void world_do(struct world *world, const char *words);
/* The first message from one server to the other arrives. */
void world_deliver(struct world *world, uint32_t from, uint32_t to);
/* All messages arrive. */
void world_settle(struct world *world);
/* The same with those of one server, which reads nothing any more. */
void world_settle_from(struct world *world, uint32_t from);
/* So much time passes, in which pings are answered. */
void world_pass(struct world *world, uint64_t ms);
/* The stream of a letter that stands, or NULL. */
struct conn *world_conn(struct world *world, char letter);
bool world_is_online(struct world *world, char a, char b);
/* Nothing is on its way: what the servers hold fits together, and who asked for each other is online, nobody else. */
void world_check(struct world *world);
/* Everybody who is online hears what everybody else sends, once. */
void world_talk(struct world *world);
TCase *mesh_fault_tests(void);
struct toxtcp_server_info world_info(const struct world *world, uint32_t server);

#endif
