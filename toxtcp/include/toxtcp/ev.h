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
 * c-ares, for IPv6 and IPv4 at once; up to 8 addresses of a name are tried, a quarter of a second apart, or at once
 * when one has failed, and the first that is connected is used (RFC 8305). When all fail, the error is that of the
 * first. */
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

/* How the kernel treats the sockets. What a system does not know it does without. A socket that is dialled, or begins
 * to listen, gets what is set then; those that are accepted get what the listening one has. */
struct toxtcp_ev_options {
    /* A stream on which nothing came for so long is probed by the kernel (SO_KEEPALIVE). That is the net under a
     * process that hangs or polls rarely; one that runs finds out earlier, by the protocol's pings every 30 s, and with
     * these no probe is ever sent. 0: none: 60 */
    uint32_t keepalive_idle_s;
    uint32_t keepalive_interval_s; /* between two probes: 10 */
    /* So many without an answer end the stream, with TOXTCP_ERR_TIMED_OUT. (Linux takes the first that is not answered
     * for enough when nothing came for user_timeout_ms.) 3 */
    uint32_t keepalive_count;
    /* Data that the other side's kernel does not take for so long (because nothing comes through, or its process does
     * not read) ends the stream with TOXTCP_ERR_TIMED_OUT. Not under the 10 s that a pong may take. 0: as the system
     * has it, some 15 minutes: 30000 */
    uint32_t user_timeout_ms;
    /* The kernel takes more to send only while it has less than this to send first (TCP_NOTSENT_LOWAT), so that small
     * packets do not wait in it behind bulk. 0: as the system has it, up to some MB: 16384 */
    uint32_t unsent_max;
};

/* Calls to the kernel and what they moved, since toxtcp_ev_new(). */
struct toxtcp_ev_info {
    uint64_t reads;   /* calls, those that found nothing or failed too */
    uint64_t writes;  /* the same */
    uint64_t accepts; /* the same */
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint32_t stream_count; /* links of this driver now, those whose name is being resolved too */
    /* TCP Fast Open. */
    uint64_t fast_opens_tried;    /* attempts to connect that began with data in the SYN */
    uint64_t fast_opens_taken;    /* of these: the other side took it */
    uint64_t fast_opens_failed;   /* attempts of these, or that asked for a cookie: another without either was faster */
    uint64_t fast_opens_accepted; /* streams accepted whose SYN had brought data */
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
 * ends; through the client's proxy, if it has one (toxtcp_client_dial()). `client` was made with this driver. May be
 * called inside a callback. Errors: a fatal one (TOXTCP_ERR_NO_DESCRIPTOR when memory is short too), and with a proxy
 * _NO_MEMORY and _INVALID: then the caller frees the client; its closed callback does not run. */
TOXTCP_API int toxtcp_ev_connect(struct toxtcp_ev *ev, struct toxtcp_client *client,
                                 const struct toxtcp_endpoint *endpoint);

/* From now on streams are dialled from this address of ours, where the family is the same; port 0 (what most want)
 * takes any free one; from another port only one attempt to connect can be made at a time, so addresses, of either
 * family, are not raced: one that says nothing has 2 s before the next one is tried, and no data leaves with a SYN.
 * NULL: from where the system thinks best. Errors: TOXTCP_ERR_INVALID for an address without a
 * family. One that is not ours shows when dialling: TOXTCP_ERR_UNREACHABLE. */
TOXTCP_API int toxtcp_ev_set_source(struct toxtcp_ev *ev, const struct toxtcp_address *source);

/* Whether streams that are dialled are opened with data in the SYN (TCP Fast Open) where the system and the relay can:
 * the handshake then costs no round trip of its own. On at first. The first stream to an address asks for a cookie,
 * those after it use that. Where data in a SYN finds no answer, a second stream is opened beside it without, and the
 * address is left alone for an hour, doubling to a day; so it is when a stream that began so is reset before an answer,
 * which is told as TOXTCP_ERR_NETWORK, since it may be the way's doing. docs/sockets.md tells what a replayed SYN can
 * do: nothing. */
TOXTCP_API void toxtcp_ev_set_fast_open(struct toxtcp_ev *ev, bool on);

/* From now on streams are dialled by way of this interface alone, whatever the routes say. Names are still resolved by
 * any. NULL: by any. Errors: TOXTCP_ERR_INVALID for a name that no interface can have; _UNSUPPORTED. One that is not
 * there shows when dialling: TOXTCP_ERR_UNREACHABLE. */
TOXTCP_API int toxtcp_ev_set_interface(struct toxtcp_ev *ev, const char *name);

/* Fills in the defaults that stand at each member above. */
TOXTCP_API void toxtcp_ev_options_default(struct toxtcp_ev_options *options);

/* For all sockets that are made from now on. Copies `options`; NULL: defaults. */
TOXTCP_API void toxtcp_ev_set_options(struct toxtcp_ev *ev, const struct toxtcp_ev_options *options);

/* Watches this machine's network for `connections`, which is attached to `ev`; ends, `on` or not, when it is detached.
 * An address of ours that goes away, with its interface or without, takes the streams from there down at once
 * (TOXTCP_ERR_UNREACHABLE), also those being dialled, unless an attempt from elsewhere is under way too; they are
 * dialled anew from another; an address whose interface is down, or without a carrier, for half a second counts as
 * gone. By which way they then go the routes say: those of an interface without a carrier go on to count unless a
 * manager of networks removes them, or the system has ignore_routes_with_linkdown=1. A new address that is not
 * link-local, and a new default route, are followed by toxtcp_connections_network_gained() a tenth of a second later;
 * then by no other for 2 s, doubling to 30 s while they go on. The watch does not keep the loop alive. What is set on
 * or off twice stays so. Linux alone; elsewhere, the embedder calls toxtcp_connections_network_changed() when the
 * system says so. Errors: TOXTCP_ERR_UNSUPPORTED, also where netlink is forbidden; _NO_MEMORY, _NO_DESCRIPTOR,
 * _NETWORK. */
TOXTCP_API int toxtcp_ev_watch_network(struct toxtcp_ev *ev, struct toxtcp_connections *connections, bool on);

/* The socket of a link of this library's driver, for setsockopt() and the like; -1 until it is connected. It stays the
 * driver's: no reading, writing or closing. */
TOXTCP_API int toxtcp_ev_socket(const struct toxtcp_link *link);

/* Whether a link of this library's driver that is being dialled waits for an address of its name, so that no attempt to
 * connect was made yet. */
TOXTCP_API bool toxtcp_ev_is_resolving(const struct toxtcp_link *link);

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

/* Has the listener take data in the SYN of those who bring a cookie of this machine (TCP Fast Open), from up to
 * `queue_len` of them whose handshake with TCP is not done yet; where the system has only a switch, from any number.
 * 0, as at first: from none. On Linux it works only where bit 2 of net.ipv4.tcp_fastopen is set. Errors:
 * TOXTCP_ERR_UNSUPPORTED when the system has no such thing. */
TOXTCP_API int toxtcp_ev_listener_set_fast_open(struct toxtcp_ev_listener *listener, uint32_t queue_len);

/* The address that it listens at, with the port that was found. */
TOXTCP_API void toxtcp_ev_listener_address(const struct toxtcp_ev_listener *listener, struct toxtcp_address *address);

/* Stops accepting. Links that were accepted live on. NULL is ignored. */
TOXTCP_API void toxtcp_ev_listener_free(struct toxtcp_ev_listener *listener);

/* Has `observe` told of every write that empties a link's output: how long, in ns, its first byte had waited, from when
 * what caused it was read. That is the time through a relay, kernel apart. NULL ends it. `observe` must not call
 * toxtcp. */
TOXTCP_API void toxtcp_ev_observe_waits(struct toxtcp_ev *ev, void (*observe)(void *user, uint64_t waited_ns),
                                        void *user);

/* --- One packet, and go --- */

struct toxtcp_ev_oob;

/* What to send, and by which way; all is copied. */
struct toxtcp_ev_oob_order {
    const struct toxtcp_key_pair *keys; /* the sender's */
    const struct toxtcp_endpoint *relay;
    const struct toxtcp_public_key *relay_key;
    const struct toxtcp_public_key *receiver;
    const uint8_t *data; /* 1..TOXTCP_OOB_MAX bytes */
    size_t len;
    uint32_t timeout_ms;              /* for all together */
    const struct toxtcp_proxy *proxy; /* must last until it is over, and is not copied; NULL: none */
};

/* Sends one OOB packet through a relay in as few segments as can be: connects (with data in the SYN where it can),
 * shakes hands, sends the packet with the end of the stream in the same segment, and waits for the relay's end,
 * whatever comes before that. A client that is connected to this relay with the same keys elsewhere is displaced by it:
 * the relay knows one for each key.
 *
 * `done` gets TOXTCP_OK when the relay has answered, or closed in order after having taken all. Whether the receiver
 * was there nobody tells. Otherwise an error: those of dialling and of the handshake, TOXTCP_ERR_TIMED_OUT, _NO_MEMORY,
 * or _RESET when the relay closed before it had all. Through a proxy the stream stays open until the relay has
 * answered, and nothing else is success: what a proxy has taken may never reach the relay, so TOXTCP_ERR_CLOSED is an
 * error then. It is called once, never in this call; in it everything is allowed that is in a client's closed callback.
 * `*oob`, which may be NULL, is valid until then. Errors, for which `done` is not called: TOXTCP_ERR_EMPTY, _TOO_LONG;
 * those of toxtcp_client_new() and toxtcp_ev_connect(). May be called inside a callback. `env` must outlive it. */
TOXTCP_API int toxtcp_ev_send_oob_once(struct toxtcp_ev *ev, struct toxtcp_env *env,
                                       const struct toxtcp_ev_oob_order *order, void (*done)(void *user, int result),
                                       void *user, struct toxtcp_ev_oob **oob);

/* Closes the stream; `done` is not called. What was written may arrive, or not. Not after `done`, nor in it. */
TOXTCP_API void toxtcp_ev_cancel_oob(struct toxtcp_ev_oob *oob);

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
