/* An in-memory network for tests: streams between links, in virtual time, without sockets. SPDX-License-Identifier: ISC
 *
 * One net is one driver for any number of clients, servers and connections objects. Bytes move only in net_step() and
 * net_run(). Every object of the net is checked (toxtcp_..._check()) after every step. */
#ifndef TEST_SUPPORT_NET_H
#define TEST_SUPPORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

struct net;

/* --- Surroundings: counted memory, seeded randomness --- */

/* Makes a net with an env of its own (hooks count allocations; randomness comes from `seed`). Aborts when it can't. */
struct net *net_new(uint64_t seed);
/* Frees it, and asserts that every byte that was allocated through the env is free again. Free your objects first. */
void net_free(struct net *net);
struct toxtcp_env *net_env(struct net *net);
const struct toxtcp_driver *net_driver(struct net *net);
uint64_t net_now(const struct net *net);
/* Allocations through the env so far, and bytes held now. */
uint64_t net_alloc_count(const struct net *net);
size_t net_alloc_bytes(const struct net *net);
/* The n-th allocation from now on (1: the next) fails, and `all_after` says whether all later ones do too. 0: none
 * fails. */
void net_fail_alloc(struct net *net, uint64_t n, bool all_after);
/* From now on memory that goes back through the env must not hold these 32 bytes. */
void net_watch_secret(struct net *net, const uint8_t secret[32]);
/* A number out of the net's randomness. */
uint64_t net_random(struct net *net);

/* --- Objects: after these the net keeps their deadlines and checks them --- */

/* Streams dialled to `address` come in at `server`; NULL takes it away (dialling is refused then, streams stay). */
void net_listen(struct net *net, const struct toxtcp_address *address, struct toxtcp_server *server);
void net_add_server(struct net *net, struct toxtcp_server *server);
/* Takes the object off the net; do it before you free it. For a server: streams that end in it are reset. */
void net_remove(struct net *net, void *object);
void net_add_connections(struct net *net, struct toxtcp_connections *connections);
/* Dials for a client of its own. Returns what toxtcp_client_dial() returns. */
int net_connect(struct net *net, struct toxtcp_client *client, const struct toxtcp_address *address);

/* --- Faults --- */

/* Bytes are handed over in pieces of at most `piece` (0: whole, the default). */
void net_set_piece(struct net *net, size_t piece);
/* A stream takes at most so many bytes that the other end has not read (0: no bound, the default). */
void net_set_window(struct net *net, size_t window);
/* Streams to that address: nothing passes, nothing is said, until it ends. */
void net_stall(struct net *net, const struct toxtcp_address *address, bool stalled);
/* What dialling that address gives, later and not during dial(): 0 for success, else a fatal error. */
void net_set_dial_error(struct net *net, const struct toxtcp_address *address, int error);
/* All streams to that address end now; both ends hear `error` at the next step, whatever was on its way. */
void net_break(struct net *net, const struct toxtcp_address *address, int error);
/* Calls of dial() for that address so far. A host name stands for 127.0.0.1, unless it ends in ".invalid". */
uint64_t net_dial_count(const struct net *net, const struct toxtcp_address *address);
/* Streams to that address that are open now. */
uint32_t net_stream_count(const struct net *net, const struct toxtcp_address *address);

/* --- Raw ends: streams of which one end is the test itself --- */

struct net_raw;
/* Dials `address`; to a server it comes from `source` (NULL: as for links). Bytes may be written at once. */
struct net_raw *net_raw_dial(struct net *net, const struct toxtcp_address *address,
                             const struct toxtcp_address *source);
/* Streams dialled to `address` end in the test from now on. */
void net_raw_listen(struct net *net, const struct toxtcp_address *address);
/* The oldest of them that was not taken yet, or NULL. */
struct net_raw *net_raw_accept(struct net *net, const struct toxtcp_address *address);
/* Queues bytes; they leave in net_step(). */
void net_raw_write(struct net_raw *raw, const uint8_t *bytes, size_t len);
/* Takes up to `size` of the bytes that have come. */
size_t net_raw_read(struct net_raw *raw, uint8_t *bytes, size_t size);
/* While paused it takes nothing out of the stream, so that a window fills. */
void net_raw_pause(struct net_raw *raw, bool paused);
/* 0 while the stream is open or being dialled, else the error that ended it. */
int net_raw_error(const struct net_raw *raw);
/* Closes it if it is open and frees the handle. What was queued and has not left is lost. NULL is ignored. */
void net_raw_close(struct net_raw *raw);

/* --- Time --- */

/* Moves bytes and does what is due, until nothing moves any more at this moment. */
void net_step(struct net *net);
/* The same for every moment of the next `ms` at which something is due; ends exactly `ms` later. */
void net_run(struct net *net, uint64_t ms);
/* The clock jumps: `ms` pass in which nobody is called (a suspended process). */
void net_jump(struct net *net, uint64_t ms);

/* --- Small change --- */

/* 127.0.0.1 with that port. */
struct toxtcp_address net_address(uint16_t port);
struct toxtcp_endpoint net_endpoint(uint16_t port);
/* A fresh key pair out of the net's randomness. */
struct toxtcp_key_pair net_keys(struct net *net);

#endif
