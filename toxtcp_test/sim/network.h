/* A simulated network: hosts that run one process each, and streams between them that delay, stall and break.
 * SPDX-License-Identifier: ISC
 *
 * A host's process is one object of the library, or a liar. The host is its driver: it reads what has arrived, calls
 * expire when that is due, writes what links have to write, all at moments that `events` chooses. */
#ifndef TEST_SIM_NETWORK_H
#define TEST_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

#include "sim/dice.h"
#include "sim/events.h"

enum { NETWORK_HOSTS_MAX = 24 };

struct network;
struct host;

/* What a host can do with its process. */
struct host_kind {
    /* NULL: nobody dials it. */
    int (*accept)(void *object, const struct toxtcp_address *source, uint64_t now_ms, struct toxtcp_link **link);
    uint64_t (*deadline)(const void *object);
    void (*expire)(void *object, uint64_t now_ms);
    void (*check)(const void *object);
};

/* The way between two hosts, the same in both directions. */
struct path {
    uint32_t latency_ms; /* one way */
    uint32_t jitter_ms;  /* at most so much more */
    uint32_t bytes_per_ms;
    uint32_t buffer; /* bytes under way or unread, in each direction */
    uint32_t blocks; /* reasons why nothing passes */
};

/* How drivers treat bytes, in percent of all turns. */
struct network_manners {
    uint32_t cut_read;  /* what has arrived is handed over in pieces */
    uint32_t cut_write; /* a write takes only a part */
    uint32_t late_ms;   /* deadlines are met so late at most */
    bool check_steps;   /* each process is checked after each step that touched it */
};

/* What a process did in the current second of virtual time, and its worst second. */
struct host_pace {
    uint64_t second;
    uint32_t expires;
    uint32_t moves; /* reads and writes */
    uint32_t dials;
};

struct network *network_new(struct events *events, struct dice dice, const struct network_manners *manners);
/* All processes must have stopped. */
void network_free(struct network *network);
struct path *network_path(struct network *network, const struct host *a, const struct host *b);
/* Nothing passes between the two until it was unblocked as often. Then what was held back follows, a little later. */
void network_block(struct network *network, const struct host *a, const struct host *b);
void network_unblock(struct network *network, const struct host *a, const struct host *b);
/* Called when a process asks its driver for too much. */
void network_on_busy(struct network *network, void (*busy)(void *user, const struct host *host), void *user);
/* Bytes handed to processes so far. */
uint64_t network_bytes(const struct network *network);

/* --- Hosts --- */

struct host *network_add_host(struct network *network, const char *name, const struct toxtcp_address *address);
const char *host_name(const struct host *host);
const struct toxtcp_address *host_address(const struct host *host);
const struct toxtcp_driver *host_driver(struct host *host);
const struct host_pace *host_pace(const struct host *host);
/* The time as the process knows it. */
uint64_t host_now(const struct host *host);
/* The process runs from now on. */
void host_start(struct host *host, const struct host_kind *kind, void *object);
/* It is gone; call this before you free the object. `told`: the kernel resets its streams, and refuses new ones. Else
 * the power fails: nobody hears a thing. */
void host_stop(struct host *host, bool told);
bool host_is_up(const struct host *host);
/* After functions of the object were called: writes what there is to write and looks at the deadline again. */
void host_settle(struct host *host);
/* Until it is resumed nobody calls the process; its kernel goes on. */
void host_suspend(struct host *host);
void host_resume(struct host *host);
bool host_is_suspended(const struct host *host);
/* Its clock is ahead by so much more. */
void host_jump(struct host *host, uint64_t ms);
/* Dials to it are refused, as if nobody listened. */
void host_refuse(struct host *host, bool refuse);
/* Its address is another one: all its streams are dead, which both ends hear as a reset, or not at all. */
void host_move(struct host *host, bool told);
/* Asserts the invariants of its process; of one that was touched since the last time. */
void host_check(const struct host *host);
void host_check_touched(struct host *host);
/* Whether a stream of its process is dead, or over at the other end, and neither it nor its process knows. */
bool host_is_deceived(const struct host *host);

/* --- Single streams --- */

/* One that is open, by its number; 0 if there is none. */
uint32_t network_pick_stream(struct network *network);
/* The one that is open between the two. */
uint32_t network_find_stream(const struct network *network, const struct host *dialler, const struct host *listener);
/* Whether there is one, and bytes pass on it. */
bool network_is_connected(const struct network *network, const struct host *dialler, const struct host *listener);
/* The hosts at its ends; false when it is gone. */
bool stream_hosts(const struct network *network, uint32_t number, struct host **dialler, struct host **listener);
void stream_reset(struct network *network, uint32_t number);
/* One end, the dialler's or the other, hears a reset, the other nothing. */
void stream_half_open(struct network *network, uint32_t number, bool dialler_hears);
void stream_stall(struct network *network, uint32_t number, bool stalled);

#endif
