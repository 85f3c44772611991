/* What the files of the libev driver share. SPDX-License-Identifier: ISC
 *
 * The core is entered only between driver_enter() and driver_leave(). While it is, it may close any stream and free any
 * object; what the stack still points to is therefore buried, and freed by driver_leave(). */
#ifndef TOXTCP_EV_INTERNAL_H
#define TOXTCP_EV_INTERNAL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

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

/* An address on the way to which data in a SYN got lost. */
struct fast_open_trouble {
    struct toxtcp_address address; /* the port is 0 */
    uint64_t at_ms;                /* when it happened last */
    uint8_t times;
};

enum { FAST_OPEN_TROUBLES_MAX = 64 };

struct fast_open {
    bool off;         /* the owner does not want it */
    bool unsupported; /* the kernel does not know it */
    uint8_t trouble_count;
    struct fast_open_trouble troubles[FAST_OPEN_TROUBLES_MAX];
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
    struct resolver *resolver; /* NULL before the first name */
    struct fast_open fast_open;
    struct mesh_member *member;       /* of a mesh, or NULL */
    struct toxtcp_ev_options options; /* of sockets that are made from now on */
    struct toxtcp_address source;     /* to dial from, where the family is the same */
    char interface[IF_NAMESIZE];      /* to dial by; empty: any */
    struct stream *dialled;           /* streams, not accepted ones */
    struct network *network;          /* NULL: it is not watched */
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

/* A stream whose first bytes left with its SYN, until they are answered. */
struct early {
    struct toxtcp_address address;
    size_t sent;
    uint64_t sent_ms;
    uint64_t connected_ms;
    bool taken; /* the other side's kernel had them with the SYN */
};

/* One that is given up sooner says nothing of the way: somebody has changed his mind. */
enum { EARLY_PATIENCE_MS = 250 };

struct stream {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    struct toxtcp_link *link; /* NULL once it is over */
    struct keeper *keeper;    /* of a client of its own, else NULL */
    struct race *race;        /* while it is dialled */
    struct early *early;      /* or NULL */
    struct stream *prev;      /* in toxtcp_ev.dirty */
    struct stream *next;
    struct stream *ready_prev; /* in toxtcp_ev.ready */
    struct stream *ready_next;
    struct stream *dialled_prev; /* in toxtcp_ev.dialled */
    struct stream *dialled_next;
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
    bool finishing : 1;        /* the output is the last */
    bool finished : 1;         /* and all of it is written */
    bool dialled : 1;          /* in toxtcp_ev.dialled */
    bool lost : 1;             /* its address of ours is gone: to be ended */
};

/* Fills in the functions of the core's driver. */
void stream_driver_init(struct toxtcp_driver *driver, struct toxtcp_ev *ev);
/* A stream without a link, around `fd` (-1: none yet). NULL when there is no memory; `fd` is then the caller's. */
struct stream *stream_new(struct toxtcp_ev *ev, int fd);
/* Gives an accepted stream its link, and starts to read. */
void stream_adopt(struct stream *stream, struct toxtcp_link *link);
/* The race is won by `fd`, which becomes the stream's; `early` (copied) says what of the link's output left with its
 * SYN. The core is entered. */
void stream_connected(struct stream *stream, int fd, const struct early *early);
/* The link's output so far is its last: when it is written no more follows, and the other side sees that. What it says
 * is still read; when it ends in order after having taken all, the link hears of TOXTCP_ERR_CLOSED. */
void stream_finish(struct stream *stream);
/* Closes the socket, if there is one, and forgets link and stream. */
void stream_forget(struct stream *stream);
/* The same, and tells the link. The core is entered. */
void stream_end(struct stream *stream, int error);
/* Reads its part, and writes what the link has, each in one call. The core is entered. Returns how many bytes came. */
size_t stream_read(struct stream *stream);
void stream_flush(struct stream *stream);

/* --- race.c: attempts to connect one stream; the first one that is connected wins --- */

/* Starts a race to one address, whose first attempt begins now; or to the addresses of a name. `stream` has its link,
 * whose early output may be lent. Errors: fatal ones; there is no race then. */
int race_start(struct stream *stream, const struct toxtcp_address *address);
int race_start_name(struct stream *stream, const char *host, uint16_t port);
/* For resolver.c: takes an address; says that no more of this family come, with `error` if something went wrong. */
void race_add(struct race *race, const struct sockaddr *address);
void race_resolved(struct race *race, int family, int error);
/* Whether nothing was tried yet: its name is being resolved. */
bool race_is_resolving(const struct race *race);
/* Marks the attempts that are under way from this address of ours, whatever their ports; false when there are none. */
bool race_mark_from(struct race *race, const struct toxtcp_address *ip);
/* These fail. The stream ends when nothing else is left. The core is entered. */
void race_lose_marked(struct race *race);
/* Ends all attempts that are left: the stream is connected, or over. */
void race_drop(struct race *race);

/* --- preference.c: by IPv6 or by IPv4 --- */

/* To an address, and from which of ours. */
struct way {
    struct toxtcp_address from;
    struct toxtcp_address to;
    bool exists; /* there is a route, and an address of ours for it */
};

void way_find(struct way *way, const struct toxtcp_ev *ev, const struct toxtcp_address *to);
/* Nothing speaks against it: it exists, and its ends are of the same scope and kind. */
bool way_is_plain(const struct way *way);
/* Whether the way by IPv6 is better than the one by IPv4, or as good. */
bool way_comes_first(const struct way *ip6, const struct way *ip4);

/* --- fast_open.c: data in the SYN --- */

bool fast_open_may_try(const struct fast_open *fast_open, const struct toxtcp_address *address, uint64_t now_ms);
/* A SYN with data, or with the question for a cookie, was answered by nobody, and a SYN without was, or the stream died
 * before an answer to the data; or there was one. */
void fast_open_note_trouble(struct fast_open *fast_open, const struct toxtcp_address *address, uint64_t now_ms);
void fast_open_note_success(struct fast_open *fast_open, const struct toxtcp_address *address);
/* Begins to connect, in the way that can carry data in the SYN. When the kernel is ready for that, bytes that the link
 * lends leave with it, and `*sent` says how many; otherwise the SYN asks for what is needed the next time. Returns 0
 * or an errno: EOPNOTSUPP when the kernel cannot, and `fd` is as it was; EAGAIN when the link lends nothing, and `fd`
 * is of no more use. */
int fast_open_connect(int fd, const struct sockaddr *address, socklen_t len, struct toxtcp_link *link, size_t *sent);
/* Has a socket that listens take data in SYNs; of streams that are not accepted yet, as many as `queue_len`. */
bool fast_open_listen(int fd, uint32_t queue_len);
/* False when the kernel is not set to take data in SYNs at all, as most are not. */
bool fast_open_kernel_listens(void);
/* Whether the other side took (or sent) data in the SYN. */
bool fast_open_was_used(int fd);

/* --- resolver.c: names, by c-ares on the loop --- */

/* Asks for the addresses of `host`, of IPv6 and of IPv4; race_resolved() follows for each, even in this call. Errors:
 * fatal ones; it does not follow then. */
int resolver_ask(struct toxtcp_ev *ev, const char *host, struct race *race);
/* There may be other name servers now: the next name goes by a fresh channel. NULL is ignored. */
void resolver_network_changed(struct resolver *resolver);
/* Answers all that is still asked. NULL is ignored. */
void resolver_free(struct resolver *resolver);

/* --- alive.c: what the kernel does to find out that a stream is dead, and what it says of one that lives --- */

/* For a socket that is to be connected, or that listens: what it accepts inherits all of it (on Linux). */
void alive_set_options(int fd, const struct toxtcp_ev_options *options);
/* False when the system says nothing. */
bool alive_get_path(int fd, struct toxtcp_path *path);

/* --- network.c: addresses of ours that come and go --- */

/* The connections object is not watched for any more, if it was. */
void network_leave(struct toxtcp_ev *ev, const struct toxtcp_connections *connections);

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
bool socket_can_bind_to_interface(void);
/* A socket for an address, with the options of `ev`, by its interface, and from its source if that has the same family.
 * Returns the descriptor, or -1 with errno. */
int socket_open(const struct toxtcp_ev *ev, const struct toxtcp_address *address);
/* As send(); with `last` nothing leaves before the end of the stream can leave with it, or a segment is full. */
ssize_t socket_send(int fd, const uint8_t *bytes, size_t len, bool last);
/* True when the other side has taken all that was sent. */
bool socket_is_drained(int fd);
/* How connecting ended: 0 or a fatal error. */
int socket_connect_result(int fd);
/* The address of ours that a stream there would come from. Nothing is sent. False when there is no way. */
bool socket_source_to(const struct toxtcp_ev *ev, const struct toxtcp_address *to, struct toxtcp_address *source);
/* The address of our end. */
bool socket_local_address(int fd, struct toxtcp_address *address);
/* The address of the other end. False when it is not known any more. */
bool socket_remote_address(int fd, struct toxtcp_address *address);

#endif
