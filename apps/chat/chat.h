/* The chat: relays, peers and a session with each, on an event loop. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_CHAT_H
#define APPS_CHAT_CHAT_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "console.h"
#include "options.h"
#include "path.h"
#include "session.h"
#include "udp.h"

enum {
    EXIT_UNDELIVERED = 1, /* or a line was not understood */
    EXIT_COMMAND_LINE = 2,
    EXIT_KEYS_FILE = 3,
    EXIT_NO_RELAY = 4, /* 5 is EXIT_OUTPUT */
    STRANGERS_MAX = 8  /* strangers that are spoken of */
};

struct chat;

struct chat_relay {
    const struct relay_entry *entry;
    struct toxtcp_relay handle;
    enum toxtcp_relay_state said; /* what was last said of it */
    int said_error;
    uint64_t connected_at_ms;
    uint32_t cut_short; /* connections in a row that did not last */
};

struct chat_peer {
    struct chat *chat;
    const struct peer_option *option;
    struct toxtcp_peer handle;
    struct session *session;
    enum toxtcp_peer_state state; /* by relays */
    struct path path;
    enum path_way way;                       /* that the session was told of */
    bool path_news;                          /* ways_settle() has something to do */
    bool relays_sleep;                       /* because UDP carries */
    uint64_t woken_ms;                       /* when its relays were woken last, or TOXTCP_NEVER */
    uint64_t absent_at_ms;                   /* when to say that the peer is gone, or TOXTCP_NEVER */
    uint64_t outside_ms;                     /* when it saw us at another address last, or TOXTCP_NEVER */
    bool said_udp;                           /* that UDP carries */
    bool said_online;                        /* that the peer is there */
    const struct toxtcp_address *heard_from; /* while a datagram is looked at: its sender */
    bool heard_probe;                        /* and whether it was a probe */
    ev_timer timer;                          /* for session and path; runs only while they wait for something */
    uint64_t timer_ms;
    ev_timer report; /* never started: it is fed to tell of a loop turn's deliveries at once */
    uint64_t delivered_first;
    uint64_t delivered_last;
    uint64_t delivered_took_ms;
};

struct chat {
    const struct chat_options *options;
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_connections *connections;
    struct udp *udp; /* NULL: nothing goes by UDP */
    enum path_mode mode;
    struct allowance unknown_senders; /* of datagrams, whose packets are tried */
    struct console *console;
    struct chat_relay *relays; /* as in the options */
    size_t relay_count;
    struct chat_peer *peers; /* as in the options */
    size_t peer_count;
    struct chat_peer *target; /* whom lines go to */
    ev_timer patience;        /* after the end of the input */
    bool input_over;
    bool stopped;
    bool warned_of_loss; /* /quit was refused once, and nothing was said since */
    bool ever_connected; /* to any relay */
    bool said_same_key;  /* asked whether another program uses our key */
    bool said_all_down;  /* no relay can be reached: said until one is */
    struct toxtcp_public_key strangers[STRANGERS_MAX];
    size_t stranger_count;
    int exit_status;
};

/* Makes everything and starts to connect; `env`, `ev` and `options` outlive it. The chat is the caller's to free even
 * on failure. Returns 0, or -1 with `problem` set. */
int chat_start(struct chat *chat, struct ev_loop *loop, struct toxtcp_env *env, struct toxtcp_ev *ev,
               const struct chat_options *options, const struct toxtcp_key_pair *keys, struct problem *problem);
void chat_free(struct chat *chat);

/* To be called after everything that may have changed a peer's session or path. */
void chat_settle(struct chat_peer *peer);

/* Sends to the present target. Returns false when its queue is full. */
bool chat_say(struct chat *chat, const char *text, size_t len);

/* Messages that have not arrived, at all peers. */
uint32_t chat_waiting(const struct chat *chat);

/* Whom lines go to from now on. */
void chat_set_target(struct chat *chat, struct chat_peer *peer);

/* No more lines: ends the program when all is delivered, or in the end without. */
void chat_input_over(struct chat *chat);

/* Ends the program now; says what is not delivered, and why. */
void chat_stop(struct chat *chat);

#endif
