/* What the files of the libev driver share. SPDX-License-Identifier: ISC
 *
 * The core is entered only between driver_enter() and driver_leave(). While it is, it may close any stream and free any
 * object; what the stack still points to is therefore buried, and freed by driver_leave(). */
#ifndef TOXTCP_EV_INTERNAL_H
#define TOXTCP_EV_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <ev.h>
#include <utlist.h>

#include <toxtcp/ev.h>

/* Bytes that one turn reads from one stream at most, so that a flood starves nobody: less from a stream that was quiet,
 * since these go first. */
enum { QUIET_PART = 4096, GREEDY_PART = 16384 };

/* First it becomes known which sockets are ready; then they are read; then come deadlines, since a late pong may lie in
 * a socket, and newcomers; then the writes of the turn. */
enum { PRIORITY_SOCKET = 1, PRIORITY_READ = 0, PRIORITY_DEADLINE = -1, PRIORITY_FLUSH = EV_MINPRI };

enum { NS_PER_MS = 1000000 };

/* First member of what is freed late. */
struct corpse {
    struct corpse *next;
};

/* Who waits to be read. */
enum ready_queue {
    QUEUE_NONE,
    QUEUE_QUIET,    /* took all there was the last time */
    QUEUE_GREEDY,   /* had more than it may have in one turn */
    QUEUE_NEWCOMER, /* is not open yet */
    QUEUE_COUNT
};

struct toxtcp_ev {
    struct ev_loop *loop;
    struct toxtcp_driver driver;
    struct toxtcp_ev_info info;
    struct ev_prepare prepare;
    struct ev_check events_known;
    struct ev_check turn_over;
    struct ev_idle idle;               /* keeps the loop from waiting while a stream is dirty */
    struct stream *ready[QUEUE_COUNT]; /* may be read, oldest first */
    uint32_t ready_count;              /* in all queues */
    uint32_t unflushed;                /* bytes handled since the last round of flushing */
    struct stream *dirty;              /* have something new to write, oldest first */
    uint32_t round;                    /* of flushing */
    uint64_t now_ns;                   /* when the clock was read last: as what goes on now began */
    void (*observe)(void *user, uint64_t waited_ns);
    void *observe_user;
    bool busy;                            /* the core is entered */
    struct corpse *corpses;               /* free when it is left */
    struct keeper *attached;              /* of connections objects and servers */
    struct toxtcp_ev_listener *listeners; /* all */
    uint32_t listener_count;
    struct resolver *resolver;        /* NULL before the first name */
    struct mesh_member *member;       /* of a mesh, or NULL */
    struct toxtcp_address source;     /* to dial from, where the family is the same */
    const char *name_servers;         /* "ADDRESS:PORT,..."; NULL for the system's; tests set it */
    uint8_t read_buffer[GREEDY_PART]; /* one for all streams */
};

/* --- ev.c --- */

void driver_enter(struct toxtcp_ev *ev);
void driver_leave(struct toxtcp_ev *ev);
/* Frees what begins with `corpse`, now or when the core is left. */
void driver_bury(struct toxtcp_ev *ev, struct corpse *corpse);

/* The clock, remembered in `now_ns`; in ms. */
uint64_t driver_now(struct toxtcp_ev *ev);

/* --- turn.c: the turn of the loop --- */

void turn_start(struct toxtcp_ev *ev);
void turn_stop(struct toxtcp_ev *ev);
/* The stream can be read. */
void turn_add(struct stream *stream);
void turn_remove(struct stream *stream);
/* The stream has something new to write. */
void turn_mark_dirty(struct stream *stream);
void turn_unmark_dirty(struct stream *stream);
/* So many bytes more were handled in this turn; what came of them is written now when it is a batch. The core is
 * entered, but no link of it. */
void turn_handled(struct toxtcp_ev *ev, size_t len);

/* --- keeper.c: the deadline of one object --- */

struct keeper_kind {
    uint64_t (*deadline)(const void *object);
    void (*expire)(void *object, uint64_t now_ms);
    uint32_t pause_ms; /* what falls due so soon after the last time waits until then, and goes together */
};

struct keeper {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    const struct keeper_kind *kind;
    void *object;      /* NULL once dropped */
    uint64_t armed_ms; /* when the timer fires, TOXTCP_NEVER while it is stopped */
    uint64_t rest_until_ms;
    struct ev_timer timer;
    struct keeper *prev; /* in toxtcp_ev.attached */
    struct keeper *next;
};

/* NULL when there is no memory. */
struct keeper *keeper_new(struct toxtcp_ev *ev, const struct keeper_kind *kind, void *object);
/* Looks at the object's deadline, and sees to it that the timer fires by then. */
void keeper_arm(struct keeper *keeper);
/* The object wants to be looked at in this turn or the next. Does not touch the object. */
void keeper_wake(struct keeper *keeper);
void keeper_drop(struct keeper *keeper);

/* --- stream.c: the socket of one link --- */

struct stream {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    struct toxtcp_link *link;      /* NULL once it is over */
    struct keeper *keeper;         /* of a client of its own, else NULL */
    struct candidates *candidates; /* while a name is dialled */
    struct stream *prev;           /* in toxtcp_ev.dirty */
    struct stream *next;
    struct stream *ready_prev; /* in toxtcp_ev.ready */
    struct stream *ready_next;
    struct ev_io io;           /* its fd is -1 while there is no socket */
    uint64_t waiting_since_ns; /* the output's first byte */
    uint32_t round;            /* of flushing in which it became dirty */
    int16_t write_error;       /* the other side is gone; what it said before is still being read */
    uint8_t queue;             /* enum ready_queue */
    bool dirty : 1;            /* in toxtcp_ev.dirty */
    bool connected : 1;        /* the link knows of it */
    bool greedy : 1;           /* had a quiet stream's part, or more, the last time */
    bool full : 1;             /* the socket takes no more */
    bool paused : 1;           /* the link wants no more bytes */
};

/* Fills in the functions of the core's driver. */
void stream_driver_init(struct toxtcp_driver *driver, struct toxtcp_ev *ev);
/* A stream without a link, around `fd` (-1: none yet). NULL when there is no memory; `fd` is then the caller's. */
struct stream *stream_new(struct toxtcp_ev *ev, int fd);
/* Gives an accepted stream its link, and starts to read. */
void stream_adopt(struct stream *stream, struct toxtcp_link *link);
/* Begins to connect to an address. Errors: fatal ones; there is no socket then. */
int stream_connect(struct stream *stream, const struct toxtcp_address *address);
/* Closes the socket of an attempt to connect. */
void stream_hang_up(struct stream *stream);
/* Closes the socket, if there is one, and forgets link and stream. */
void stream_forget(struct stream *stream);
/* The same, and tells the link. The core is entered. */
void stream_end(struct stream *stream, int error);
/* Reads its part, and writes what the link has, each in one call. The core is entered. Returns how many bytes came. */
size_t stream_read(struct stream *stream);
void stream_flush(struct stream *stream);

/* --- candidates.c: the addresses of a name, tried one after another --- */

/* Begins to resolve `host` and to connect `stream`. Errors: fatal ones. */
int candidates_start(struct stream *stream, const char *host, uint16_t port);
/* For resolver.c: takes an address; says that no more come, with `error` if there are none. */
void candidates_add(struct candidates *candidates, const struct sockaddr *address);
void candidates_resolved(struct candidates *candidates, int error);
/* The attempt failed: tries the next one, or ends the stream. The core is entered. */
void candidates_failed(struct candidates *candidates, int error);
/* The stream is connected, or over. */
void candidates_drop(struct candidates *candidates);

/* --- resolver.c: names, by c-ares on the loop --- */

/* Asks for the addresses of `host`; candidates_resolved() follows, even in this call. Errors: fatal ones; it does not
 * follow then. */
int resolver_ask(struct toxtcp_ev *ev, const char *host, struct candidates *candidates);
/* Answers all that is still asked. NULL is ignored. */
void resolver_free(struct resolver *resolver);

/* --- mesh.c --- */

/* The turn ends: wakes the loops that have got messages in it. */
void mesh_tell_others(struct mesh_member *member);

/* --- listener.c --- */

/* There may be descriptors again: paused listeners go on. */
void listeners_resume(struct toxtcp_ev *ev);

/* --- socket.c: system calls, addresses, errors --- */

/* The fatal error for an errno. */
int socket_error(int error_number);
/* True when the process or the system is short of descriptors or memory. */
bool socket_is_shortage(int error_number);
/* Errors: TOXTCP_ERR_INVALID for an address without a family; otherwise the length. */
int socket_address_encode(const struct toxtcp_address *address, struct sockaddr_storage *storage);
/* False for another family than IPv4 and IPv6. */
bool socket_address_decode(const struct sockaddr *from, struct toxtcp_address *address);
/* An IP address as text, with the name or number of its interface, without any resolver. False if it is not one. */
bool socket_address_parse(const char *host, uint16_t port, struct toxtcp_address *address);
/* Sends small packets at once; so do the streams accepted from a socket that listens. */
void socket_set_no_delay(int fd);
/* A socket that is connecting, or connected, to an address, from `source` if that has the same family. Errors: fatal
 * ones; otherwise the descriptor. */
int socket_connect(const struct toxtcp_address *address, const struct toxtcp_address *source);
/* How connecting ended: 0 or a fatal error. */
int socket_connect_result(int fd);
/* The address of the other end. False when it is not known any more. */
bool socket_remote_address(int fd, struct toxtcp_address *address);

#endif
