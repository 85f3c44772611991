/* libtoxtcp-ev: sockets, names and timers for toxtcp on libev. SPDX-License-Identifier: ISC
 *
 * One struct toxtcp_ev serves one loop: it is the driver of every client, server and connections object made with
 * toxtcp_ev_driver(). What is queued in one turn of the loop leaves in one write per link when the turn ends; in a
 * relay that has much to read, in some. A turn reads a bounded part of each stream, accepts few, and does few
 * handshakes, so that it is short whatever comes; the rest is for the turns after it. A program that polls calls
 * ev_run(loop, EVRUN_NOWAIT) at every turn; that does all that is due. ev_run() must not be called inside a callback of
 * toxtcp's.
 *
 * The loop is kept alive by what can still happen: a socket, a name being resolved, a deadline. A driver with none of
 * these lets ev_run() return. The driver's own memory comes from malloc(). Names are resolved without waiting, with
 * c-ares; the addresses of a name are tried one after another, until one connects. */
#ifndef TOXTCP_EV_H
#define TOXTCP_EV_H

#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/client.h>
#include <toxtcp/connections.h>
#include <toxtcp/error.h>
#include <toxtcp/link.h>
#include <toxtcp/server.h>

TOXTCP_BEGIN

struct ev_loop;
struct toxtcp_ev;
struct toxtcp_ev_listener;

/* Calls to the kernel and what they moved, since toxtcp_ev_new(). */
struct toxtcp_ev_info {
    uint64_t reads;   /* calls, those that found nothing or failed too */
    uint64_t writes;  /* the same */
    uint64_t accepts; /* the same */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint32_t stream_count; /* links of this driver now, those whose name is being resolved too */
};

/* Makes a driver for `loop`, which must outlive it. `*ev` is the caller's, to free with toxtcp_ev_free().
 * Errors: TOXTCP_ERR_NO_MEMORY. */
TOXTCP_API int toxtcp_ev_new(struct ev_loop *loop, struct toxtcp_ev **ev);

/* Frees the driver and its listeners. Every object made with it must be freed first. NULL is ignored. May be called in
 * a callback of libev's, not in one of toxtcp's. */
TOXTCP_API void toxtcp_ev_free(struct toxtcp_ev *ev);

/* What to give to toxtcp_connections_new(), toxtcp_server_new() and toxtcp_client_new(). Lives as long as `ev`. */
TOXTCP_API const struct toxtcp_driver *toxtcp_ev_driver(struct toxtcp_ev *ev);

/* The loop's time in ms, monotonic: what to pass as now_ms. Read from the clock at every call. */
TOXTCP_API uint64_t toxtcp_ev_now(const struct toxtcp_ev *ev);

/* From now on the object's deadlines are kept by `ev`. Detach it before you free it (also in a callback); detaching
 * what is not attached does nothing. Errors: TOXTCP_ERR_NO_MEMORY. */
TOXTCP_API int toxtcp_ev_attach_connections(struct toxtcp_ev *ev, struct toxtcp_connections *connections);
TOXTCP_API void toxtcp_ev_detach_connections(struct toxtcp_ev *ev, struct toxtcp_connections *connections);
TOXTCP_API int toxtcp_ev_attach_server(struct toxtcp_ev *ev, struct toxtcp_server *server);
TOXTCP_API void toxtcp_ev_detach_server(struct toxtcp_ev *ev, struct toxtcp_server *server);

/* Dials `endpoint` for a client of its own (not one of a connections object) and keeps its deadline, until its link
 * ends. May be called inside a callback. Errors: a fatal one (TOXTCP_ERR_NO_DESCRIPTOR when memory is short too): then
 * the caller frees the client; its closed callback does not run. */
TOXTCP_API int toxtcp_ev_connect(struct toxtcp_ev *ev, struct toxtcp_client *client,
                                 const struct toxtcp_endpoint *endpoint);

/* From now on streams are dialled from this address of ours, where the family is the same; port 0 (what most want)
 * takes any free one. NULL: from where the system thinks best. Errors: TOXTCP_ERR_INVALID for an address without a
 * family. One that is not ours shows when dialling: TOXTCP_ERR_UNREACHABLE. */
TOXTCP_API int toxtcp_ev_set_source(struct toxtcp_ev *ev, const struct toxtcp_address *source);

/* The socket of a link of this library's driver, for setsockopt() and the like; -1 while there is none. It stays the
 * driver's: no reading, writing or closing. */
TOXTCP_API int toxtcp_ev_socket(const struct toxtcp_link *link);

/* Accepts streams at `address` (port 0: any free one) for an attached or yet to be attached `server`, which must
 * outlive the listener. When the process is out of descriptors or memory it pauses accepting, and goes on when a stream
 * of `ev` has ended, or after half a second. An IPv6 listener takes IPv6 alone. `*listener` is the caller's, to free
 * with toxtcp_ev_listener_free(), or goes with `ev`. Errors: TOXTCP_ERR_EXISTS when the address is in use;
 * TOXTCP_ERR_INVALID when it is not ours or not allowed; _NO_DESCRIPTOR, _NO_MEMORY, _NETWORK. */
TOXTCP_API int toxtcp_ev_listen(struct toxtcp_ev *ev, struct toxtcp_server *server,
                                const struct toxtcp_address *address, struct toxtcp_ev_listener **listener);

/* As toxtcp_ev_listen(), and others may listen at the same address in the same way (SO_REUSEPORT): the kernel
 * spreads newcomers over them. For the threads of one relay; the port must be the same for all, so it cannot be 0 for
 * more than the first. */
TOXTCP_API int toxtcp_ev_listen_shared(struct toxtcp_ev *ev, struct toxtcp_server *server,
                                       const struct toxtcp_address *address, struct toxtcp_ev_listener **listener);

/* As toxtcp_ev_listen(), on a stream socket that listens already (socket activation). `fd` becomes the listener's,
 * which closes it; on an error it is still the caller's. Several threads may each have a duplicate of one. Errors:
 * TOXTCP_ERR_INVALID when it is no such socket; _NO_MEMORY. */
TOXTCP_API int toxtcp_ev_listen_socket(struct toxtcp_ev *ev, struct toxtcp_server *server, int fd,
                                       struct toxtcp_ev_listener **listener);

/* The address that it listens at, with the port that was found. */
TOXTCP_API void toxtcp_ev_listener_address(const struct toxtcp_ev_listener *listener, struct toxtcp_address *address);

/* Stops accepting. Links that were accepted live on. NULL is ignored. */
TOXTCP_API void toxtcp_ev_listener_free(struct toxtcp_ev_listener *listener);

/* Has `observe` told of every write that empties a link's output: how long, in ns, its first byte had waited, from when
 * what caused it was read. That is the time through a relay, kernel apart. NULL ends it. `observe` must not call
 * toxtcp. */
TOXTCP_API void toxtcp_ev_observe_waits(struct toxtcp_ev *ev, void (*observe)(void *user, uint64_t waited_ns),
                                        void *user);

/* --- Several loops, one relay ---
 *
 * A mesh joins the servers of several threads, each with a loop and a struct toxtcp_ev of its own, as server.h says.
 * Messages wait in bounded queues, one for each ordered pair of servers, and wake a sleeping loop once per batch. */

struct toxtcp_ev_mesh;

struct toxtcp_ev_mesh_info {
    uint32_t key_count; /* keys that are at some server */
    uint64_t queue_len; /* bytes waiting now, in all queues */
    uint64_t messages;  /* carried so far */
    uint64_t wakeups;   /* of loops, for them */
    uint64_t dropped;   /* refused because a queue was full */
};

/* Makes a mesh for `count` servers, 1 to TOXTCP_MESH_SERVERS_MAX. `*mesh` is the caller's. Errors:
 * TOXTCP_ERR_NO_MEMORY, _INVALID. */
TOXTCP_API int toxtcp_ev_mesh_new(uint32_t count, struct toxtcp_ev_mesh **mesh);

/* All servers have left. NULL is ignored. */
TOXTCP_API void toxtcp_ev_mesh_free(struct toxtcp_ev_mesh *mesh);

/* Joins a server without clients as number `index`, which nobody has: calls toxtcp_server_join(). One server for each
 * `ev`. By the thread of `ev`, or before that runs. Errors: TOXTCP_ERR_INVALID. */
TOXTCP_API int toxtcp_ev_mesh_join(struct toxtcp_ev_mesh *mesh, uint32_t index, struct toxtcp_ev *ev,
                                   struct toxtcp_server *server);

/* Before the server is freed, by the thread of its loop, not inside a callback: calls toxtcp_server_leave(). Messages
 * to it are thrown away from now on; what it said still arrives. Another server may then join as this number. */
TOXTCP_API void toxtcp_ev_mesh_leave(struct toxtcp_ev_mesh *mesh, uint32_t index);

/* By any thread. */
TOXTCP_API void toxtcp_ev_mesh_get_info(struct toxtcp_ev_mesh *mesh, struct toxtcp_ev_mesh_info *info);

TOXTCP_API void toxtcp_ev_get_info(const struct toxtcp_ev *ev, struct toxtcp_ev_info *info);

TOXTCP_END

#endif
