/* The relay: TCP_server, without its UDP part. SPDX-License-Identifier: ISC
 *
 * Sections are those of docs/protocol.md. The server calls the application only through its driver. */
#ifndef TOXTCP_SERVER_H
#define TOXTCP_SERVER_H

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
    /* Bytes waiting for one client from which data and OOB for it are dropped: 65536, at most 64 MiB. */
    uint32_t output_max;
    uint32_t control_output_max; /* further bytes of answers and notifications; over that it is closed: 65536 */
};

/* Counters never go back. */
struct toxtcp_server_info {
    uint32_t client_count;      /* connections now */
    uint32_t unconfirmed_count; /* of these, unconfirmed */
    uint64_t accepted;
    uint64_t confirmed;
    uint64_t refused_full;   /* by clients_max */
    uint64_t refused_source; /* by per_source_max */
    uint64_t evicted;        /* by unconfirmed_max */
    uint64_t confirm_timeouts;
    uint64_t handshake_failures; /* handshakes that do not open */
    uint64_t protocol_violations;
    uint64_t pong_timeouts;
    uint64_t overflows; /* closed by control_output_max */
    uint64_t replaced;  /* closed by a newer connection of the same key */
    uint64_t data_relayed;
    uint64_t data_dropped; /* receiver's buffer full */
    uint64_t oob_relayed;
    uint64_t oob_dropped; /* receiver absent or its buffer full */
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

TOXTCP_API void toxtcp_server_get_info(const struct toxtcp_server *server, struct toxtcp_server_info *info);

/* Asserts every invariant of the server; for tests and fuzzers. Takes time in proportion to all its tables. */
TOXTCP_API void toxtcp_server_check(const struct toxtcp_server *server);

TOXTCP_END

#endif
