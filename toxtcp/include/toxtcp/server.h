/* The relay: TCP_server, without its UDP part. SPDX-License-Identifier: ISC
 *
 * Sections are those of docs/protocol.md. The server calls the application only through its driver. */
#ifndef TOXTCP_SERVER_H
#define TOXTCP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/env.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>
#include <toxtcp/limits.h>
#include <toxtcp/link.h>

TOXTCP_BEGIN

struct toxtcp_server;

struct toxtcp_server_config {
    uint32_t clients_max;        /* connections in all, confirmed or not: 65536 */
    uint32_t unconfirmed_max;    /* of these, unconfirmed; at the maximum the oldest one from the source
                                    with the most goes: 1024 */
    uint32_t per_source_max;     /* connections from one IPv4 address or IPv6 /64, 0 for no limit: 1024 */
    uint32_t confirm_timeout_ms; /* from accept to the first packet that opens: 10000 */
    uint32_t ping_interval_ms;   /* 30000 */
    uint32_t pong_timeout_ms;    /* 10000 */
    /* Bytes waiting for one client from which data for it is dropped, and OOB from half of it on: 65536, at most 64
     * MiB. */
    uint32_t output_max;
    /* Further bytes of answers to what it asked; over that it is closed, but an empty queue takes any: 65536. What
     * others cause, connect and disconnect notifications, waits for room instead: whose queue is full hears later how
     * its routes stand by then.
     */
    uint32_t control_output_max;
    /* Bytes waiting for all clients together, from which data and OOB are dropped for whoever has more than a packet or
     * two waiting and did not take all of it the last time, and for others from half of output_max; 0 for no limit:
     * 256 MiB. */
    uint64_t output_total_max;
    /* New connections a second from one source, 0 for no limit: 50; and how many may come at once before that
     * counts: 500. */
    uint32_t accept_rate_max;
    uint32_t accept_burst;
    /* Bytes a second from one client, 0 for no limit: 10 MiB; and how many at once before that counts: 2 MiB. Over it
     * the client is not read for a while (want_input()). A routing request or a disconnect notification counts 4096
     * bytes more and OOB 1024, since they are work for others. */
    uint32_t input_rate_max;
    uint32_t input_burst;
};

/* What clients send, in groups. */
enum toxtcp_packet_group {
    TOXTCP_GROUP_ROUTING,    /* routing requests */
    TOXTCP_GROUP_DISCONNECT, /* disconnect notifications */
    TOXTCP_GROUP_PING,       /* pings and pongs */
    TOXTCP_GROUP_OOB,
    TOXTCP_GROUP_DATA,
    TOXTCP_GROUP_UDP, /* onion and forward requests, which this relay drops */
    TOXTCP_GROUP_COUNT
};

/* Counters never go back. */
struct toxtcp_server_info {
    uint32_t client_count;      /* connections now */
    uint32_t unconfirmed_count; /* of these, unconfirmed */
    uint32_t route_count;       /* routes of all clients now */
    uint32_t online_count;      /* of these, online */
    uint32_t paused_count;      /* clients that are not read now */
    uint64_t output_len;        /* bytes waiting for all clients together, rounded up to the blocks that hold them */
    uint64_t accepted;
    uint64_t confirmed;
    uint64_t refused_full;        /* by clients_max */
    uint64_t refused_source;      /* by per_source_max */
    uint64_t refused_rate;        /* by accept_rate_max */
    uint64_t evicted;             /* by unconfirmed_max */
    uint64_t confirm_timeouts;    /* by confirm_timeout_ms */
    uint64_t abandoned;           /* went away by themselves before they were confirmed */
    uint64_t handshake_failures;  /* handshakes that do not open */
    uint64_t protocol_violations; /* of confirmed clients and of others */
    uint64_t pong_timeouts;
    uint64_t overflows;                   /* closed by control_output_max */
    uint64_t replaced;                    /* closed by a newer connection of the same key */
    uint64_t input_pauses;                /* times that a client was not read because of input_rate_max */
    uint64_t packets[TOXTCP_GROUP_COUNT]; /* from confirmed clients */
    uint64_t bytes[TOXTCP_GROUP_COUNT];   /* of these: plaintexts, kind or id included */
    uint64_t data_relayed;                /* packets handed on, to another server of the mesh too */
    uint64_t data_dropped;                /* receiver's buffer full */
    uint64_t data_dropped_total;          /* by output_total_max */
    uint64_t data_dropped_offline;        /* no such route, or its peer is not online */
    uint64_t oob_relayed;
    uint64_t oob_dropped;        /* receiver's buffer full, or by output_total_max */
    uint64_t oob_dropped_absent; /* receiver absent */
    uint64_t mesh_sent;          /* messages to other servers of the mesh */
    uint64_t mesh_received;
    uint64_t mesh_dropped; /* data and OOB that another server's queue had no room for */
};

/* Fills in the defaults that stand at each member above. */
TOXTCP_API void toxtcp_server_config_default(struct toxtcp_server_config *config);

/* Makes a relay with the identity `keys`. Copies `config` (NULL: defaults) and `keys`; keeps `env` and
 * `driver` (whose dial() may be NULL), which must outlive it. `*server` is the caller's, to free with
 * toxtcp_server_free(). Errors: TOXTCP_ERR_NO_MEMORY. */
TOXTCP_API int toxtcp_server_new(struct toxtcp_env *env, const struct toxtcp_driver *driver,
                                 const struct toxtcp_server_config *config, const struct toxtcp_key_pair *keys,
                                 struct toxtcp_server **server);

/* Closes every link (the driver's close() runs for each) and frees the server; wipes its keys. NULL is ignored.
 * Not while one of its links is in a toxtcp_link_ call. */
TOXTCP_API void toxtcp_server_free(struct toxtcp_server *server);

/* A stream has come in from `source`. On success `*link` is open and the driver's, as link.h says
 * (toxtcp_link_connected() is not called for it). It may first close another link, to make room.
 * Errors: TOXTCP_ERR_LIMIT (the driver closes the socket), TOXTCP_ERR_NO_MEMORY. */
TOXTCP_API int toxtcp_server_accept(struct toxtcp_server *server, const struct toxtcp_address *source, uint64_t now_ms,
                                    struct toxtcp_link **link);

/* When toxtcp_server_expire() is due at the latest, or TOXTCP_NEVER. */
TOXTCP_API uint64_t toxtcp_server_deadline(const struct toxtcp_server *server);

/* Does all that is due. Read what has arrived first. Not while one of its links is in a toxtcp_link_ call. */
TOXTCP_API void toxtcp_server_expire(struct toxtcp_server *server, uint64_t now_ms);

/* Gives the server other limits and times, from now on and for the clients that it has; none is closed by that. What
 * was taken at another rate is waited for at the new one, and pings stay spread over their interval. NULL: defaults.
 * Effect: deadline, clients are read again. */
TOXTCP_API void toxtcp_server_configure(struct toxtcp_server *server, const struct toxtcp_server_config *config,
                                        uint64_t now_ms);

TOXTCP_API void toxtcp_server_get_info(const struct toxtcp_server *server, struct toxtcp_server_info *info);

/* --- Several servers as one relay ---
 *
 * A process with several threads has a server in each, all with the same keys. Together they are one relay to its
 * clients: a client of one reaches those of the others. What they say to each other are messages, strings of bytes that
 * only servers read; a struct toxtcp_mesh carries them, and knows which server a key is at. toxtcp_ev_mesh_new() makes
 * one for libev loops. */

/* Longest message, in bytes; and the most servers of a mesh. */
enum { TOXTCP_MESH_MESSAGE_MAX = 2304, TOXTCP_MESH_SERVERS_MAX = 256 };

/* What carries a server's messages. Its functions run inside toxtcp_link_ and toxtcp_server_ calls and must not call
 * back into the core. They may be called by several threads for several servers at once. */
struct toxtcp_mesh {
    void *user; /* handed to every function */

    /* From now on `key` is at this server. `*serial` is larger than that of every earlier claim of this key. `*before`
     * is the index of the server where the key was until now (it may be this one), or -1. Returns 0; or
     * TOXTCP_ERR_NO_MEMORY, and nothing has changed. */
    int (*claim)(void *user, const struct toxtcp_public_key *key, uint64_t *serial, int *before);
    /* The key is gone; ignored when a later claim has been made. */
    void (*release)(void *user, const struct toxtcp_public_key *key, uint64_t serial);
    /* The index of the server where `key` is, or -1. */
    int (*locate)(void *user, const struct toxtcp_public_key *key);
    /* Hands a message to the server with that index, after all that were handed to it by this one before. Copies
     * it. A server that has left gets nothing more, and that is no error. `droppable`: data, which may be refused with
     * TOXTCP_ERR_WOULD_BLOCK; other messages are refused by TOXTCP_ERR_NO_MEMORY alone. Returns 0, or 1: taken, but the
     * queue is long; the server then reads no more from the client whose packet this was, until
     * toxtcp_server_mesh_drained(). */
    int (*send)(void *user, uint32_t to, const uint8_t *message, size_t len, bool droppable);
};

/* Makes the server one of a mesh, as number `index` below TOXTCP_MESH_SERVERS_MAX. Before its first client. Keeps
 * `mesh`, until the server leaves. */
TOXTCP_API void toxtcp_server_join(struct toxtcp_server *server, const struct toxtcp_mesh *mesh, uint32_t index);

/* The clients of the other servers hear that those of this one are gone. Its own hear nothing: the server is to be
 * freed next. For a server that is in no mesh nothing happens. toxtcp_server_free() does it, too. Not while one of the
 * server's links is in a toxtcp_link_ call. */
TOXTCP_API void toxtcp_server_leave(struct toxtcp_server *server);

/* A message from the server with the index `from`. `message` is the caller's. May close any link. Not while one of the
 * server's links is in a toxtcp_link_ call. */
TOXTCP_API void toxtcp_server_mesh_receive(struct toxtcp_server *server, uint32_t from, const uint8_t *message,
                                           size_t len, uint64_t now_ms);

/* The queues that were long are short again. Effect: clients are read again. */
TOXTCP_API void toxtcp_server_mesh_drained(struct toxtcp_server *server, uint64_t now_ms);

/* Asserts every invariant of the server; for tests and fuzzers. Takes time in proportion to all its tables. */
TOXTCP_API void toxtcp_server_check(const struct toxtcp_server *server);

TOXTCP_END

#endif
