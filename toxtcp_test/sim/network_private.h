/* The inside of the simulated network. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_NETWORK_PRIVATE_H
#define TEST_SIM_NETWORK_PRIVATE_H

#include "sim/network.h"
#include "sim/pipe.h"

enum { HOST_NAME_SIZE = 12 };

struct stream;

/* One end of a stream. */
struct end {
    struct stream *stream;
    struct host *host;
    struct toxtcp_link *link; /* NULL: nobody is at this end, yet or any more */
    struct pipe in;           /* on its way to this end */
    uint64_t reset_at_ms;     /* a reset arrives then */
    struct event arrival;     /* bytes, the end of the stream or a reset come to this end */
    struct event room;        /* the kernel takes more bytes */
    bool has_output;          /* the link said so, and not all is written */
    bool is_listed;           /* among its host's writers */
    struct end *next_writer;
};

enum stream_state { STREAM_DIALLING, STREAM_ANSWERED, STREAM_OPEN };

struct stream {
    struct network *network;
    struct stream *next;
    struct stream *prev;
    uint32_t number;
    enum stream_state state;
    struct end near; /* who dialled */
    struct end far;
    struct path *path;
    struct toxtcp_address source;
    struct event dialling;
    uint64_t dialled_at_ms;
    uint32_t tries;
    int answer;          /* to the dial: 0, or an error */
    bool to_be_accepted; /* the far process has not yet taken it from its kernel */
    bool dead;           /* nothing passes any more, ever */
    uint32_t stalls;     /* nothing passes while it is over 0 */
};

struct host {
    struct network *network;
    uint32_t index;
    char name[HOST_NAME_SIZE];
    struct toxtcp_address address;
    struct toxtcp_driver driver;
    const struct host_kind *kind;
    void *object; /* NULL: no process */
    struct event deadline;
    struct end *writers;
    uint64_t ahead_ms;
    uint16_t next_port;
    bool powered; /* a kernel answers, though no process may run */
    bool suspended;
    bool refuses;
    bool to_be_checked;
    struct host_pace pace;
};

struct network {
    struct events *events;
    struct dice dice;
    struct network_manners manners;
    struct host *hosts[NETWORK_HOSTS_MAX];
    uint32_t host_count;
    struct path paths[NETWORK_HOSTS_MAX][NETWORK_HOSTS_MAX]; /* of i, j with i < j */
    struct stream *streams;
    bool to_be_swept; /* a stream may be over; it is freed when no call is on it any more */
    uint32_t last_number;
    uint64_t bytes;
    void (*busy)(void *user, const struct host *host);
    void *busy_user;
};

/* A stream that `link` dials from `near`. `far` NULL: nobody has that address. */
struct stream *stream_new(struct host *near, struct host *far, struct toxtcp_link *link);
/* Writes what the end's link lends, as far as the kernel takes it. */
void end_write(struct end *end);
/* The link has closed it: what it lends still goes, as far as there is room; the other end will hear it. */
void end_close(struct end *end);
/* The process is gone. */
void end_lose(struct end *end, bool told);
/* The host wakes up: takes what its kernel took meanwhile. */
void end_resume(struct end *end);
/* Both ends hear a reset, or nothing ever. */
void stream_die(struct stream *stream, bool told);
/* What was held back goes on. */
void stream_release(struct stream *stream);
void streams_sweep(struct network *network);

void host_add_writer(struct host *host, struct end *end);
void host_count_move(struct host *host);

#endif
