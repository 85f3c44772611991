/* The inside of a connections object: peers, relays, and the slots that tie them. SPDX-License-Identifier: ISC
 *
 * A slot belongs to a peer and hangs in its relay's list of ties, so each side finds the other without searching. What
 * a relay is good for and how a peer can be reached is read off the slots whenever it is asked.
 *
 * What changed is noted in three lists and settled later: reviews (does this relay still do right?) at the next expire,
 * reports (does the application know?) when the outermost call from outside ends. */
#ifndef TOXTCP_PRIVATE_CONNECTIONS_H
#define TOXTCP_PRIVATE_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/connections.h>

#include "env.h"
#include "handles.h"
#include "heap.h"
#include "relay_choice.h"
#include "table.h"
#include "trust.h"

/* The struct that a member lies in. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A place in a list of things to be done. */
struct work {
    struct work *next;
    struct work *prev;
    uint32_t turn; /* in which it was listed */
    bool listed;
};

struct worklist {
    struct work *first;
    struct work *last;
};

enum slot_state {
    SLOT_UNASKED,    /* no route: the relay is not connected, or the peer slept when it was, or there was no memory */
    SLOT_CROWDED,    /* no route: the client has TOXTCP_ROUTES_MAX others */
    SLOT_WAITING,    /* asked for */
    SLOT_REFUSED,    /* the relay gave no id */
    SLOT_REGISTERED, /* there is an id; the peer is not online there */
    SLOT_ONLINE
};

struct slot {
    struct peer *peer;
    struct relay *relay; /* NULL in a free slot */
    struct slot *next;   /* among the relay's ties */
    struct slot *prev;
    struct toxtcp_route route; /* from SLOT_WAITING on */
    struct path_trust trust;   /* while online */
    uint8_t state;             /* enum slot_state */
};

struct peer {
    struct toxtcp_connections *connections;
    struct toxtcp_public_key key;
    struct toxtcp_peer handle;
    void *user;
    struct work report;
    struct slot slots[TOXTCP_PEER_RELAYS_MAX];
    struct toxtcp_relay last_relay; /* that took a packet as data; zeros if it went as OOB */
    uint64_t challenger_since_ms;   /* TOXTCP_NEVER: there is none */
    uint8_t primary;                /* the slot that carries its packets, if that is online */
    uint8_t challenger;             /* the slot that has been clearly better than the primary */
    uint8_t reported;               /* enum toxtcp_peer_state */
    bool asleep;
    bool reports;   /* the layer above tells what arrives */
    bool mute;      /* nothing has arrived any way, since all of them were gone through */
    bool blocked;   /* a send was refused */
    bool unblocked; /* and since then something changed for the better */
    UT_hash_handle hh;
};

/* An OOB packet to our own key, which an honest relay returns. */
enum { RELAY_PROBE_TOKEN_SIZE = 16 };
struct relay_probe {
    uint8_t token[RELAY_PROBE_TOKEN_SIZE];
    uint8_t pongs;   /* since it was sent: the relay went on to answer pings */
    uint8_t misses;  /* in a row */
    uint8_t harmful; /* connections that ended with one under way */
    bool out;
    bool late; /* a pong came before it: to be pinged once more, if what was read has not brought it */
};

struct relay {
    struct toxtcp_connections *connections;
    struct toxtcp_client *client; /* while dialled or connected */
    struct slot *ties;            /* of the peers tied to it */
    struct heap_item due;
    struct work review;
    struct work report;
    struct toxtcp_public_key key;
    struct toxtcp_relay handle;
    struct toxtcp_address address;
    char *host;               /* NULL for a relay by address */
    uint64_t connected_at_ms; /* TOXTCP_NEVER unless it got connected in this attempt */
    uint64_t dialled_ms;      /* when that was done last */
    uint64_t next_dial_ms;    /* not before; TOXTCP_NEVER while `broken` */
    uint64_t hope_ms;         /* from when on it is retried hard, if that is wanted; TOXTCP_NEVER: from the next dial */
    uint64_t ask_again_ms;    /* when routes that could not be asked for are tried again */
    uint64_t judge_ms;        /* while it is connected: when time alone may leave it without a purpose */
    uint32_t attempt_count;   /* dials since it was connected last */
    uint32_t failures;        /* in a row, for the backoff */
    uint64_t proven_ms;       /* when something arrived through it last, for any peer */
    uint32_t rtt_ms;          /* smoothed; UINT32_MAX when not known */
    struct relay_trust trust;
    struct relay_probe probe;
    int last_error;
    uint8_t phase;    /* enum relay_phase, by relay_set_phase() alone */
    uint8_t reported; /* enum toxtcp_relay_state */
    bool owned;
    bool fresh;   /* owned and never dialled */
    bool onion;   /* marked */
    bool silent;  /* late with an answer */
    bool redial;  /* at once if it breaks: the network has changed and nothing came since */
    bool doubted; /* there is a new way: a dial that has been under way for long is begun anew */
    bool renewed; /* it was, and the new one has all its time */
    bool broken;  /* since the last expire, which knows the time, chooses when to dial again */
    bool crowded; /* a slot found no room among the routes */
    UT_hash_handle hh;
};

struct toxtcp_connections {
    struct toxtcp_env *env;
    const struct toxtcp_driver *driver;
    struct toxtcp_connections_config config;
    struct toxtcp_connections_callbacks callbacks;
    void *user;
    struct toxtcp_key_pair keys;
    struct handles peers;
    struct handles relays;
    struct peer *peers_by_key; /* uthash heads */
    struct relay *relays_by_key;
    struct heap due; /* of all relays */
    struct worklist reviews;
    struct worklist relay_reports;
    struct worklist peer_reports;
    uint32_t phase_count[RELAY_PHASE_COUNT];
    uint32_t turn;
    uint32_t depth;  /* of calls from outside that can lead to callbacks */
    uint64_t now_ms; /* of the last expire */
    bool review_all; /* the relays connected or being opened have become others */
    bool onion;
    bool freed; /* memory goes when `depth` is 0 */
};

/* --- connections.c --- */

/* Listing what is listed does nothing. */
void worklist_add(struct worklist *list, struct work *work, uint32_t turn);
void worklist_remove(struct worklist *list, struct work *work);
/* Takes out the first one that was listed before this turn, or NULL. */
struct work *worklist_pop(struct worklist *list, uint32_t turn);

/* Around everything that can lead to callbacks. Leaving the outermost one tells the application what changed; then
 * nothing that was looked up before may be used. */
void connections_enter(struct toxtcp_connections *connections);
void connections_leave(struct toxtcp_connections *connections);

/* --- peers.c --- */

struct peer *peer_get(const struct toxtcp_connections *connections, struct toxtcp_peer handle);
struct peer *peer_by_key(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key);
enum toxtcp_peer_state peer_state(const struct peer *peer);
/* One bit per slot. */
uint32_t peer_online_slots(const struct peer *peer);
uint32_t peer_online_count(const struct peer *peer);
/* A blocked peer may try again. */
void peer_unblock(struct peer *peer);
/* Whether its relays do right depends on the peer, which has changed. */
void peer_touch_relays(struct peer *peer);
void peer_free(struct peer *peer);

bool slot_has_route(const struct slot *slot);
/* Whether the relay takes OOB for the peer. That needs no route: a refusal leaves OOB (section 3). */
bool slot_takes_oob(const struct slot *slot);
enum toxtcp_slot_status slot_status(const struct slot *slot);
void slot_set_state(struct slot *slot, enum slot_state state);
/* Asks for a route, if the relay is connected, the peer awake, and there is none. */
void slot_ask(struct slot *slot);

/* --- peer_paths.c --- */

/* Whether nothing speaks against the way through this slot, on which the peer is online. */
bool slot_is_good(const struct slot *slot);
/* When time alone makes a path good that is not. TOXTCP_NEVER: it does not, or the path is good. */
uint64_t slot_good_at(const struct slot *slot);
/* Chooses the primary anew: what speaks for or against a way has changed. */
void peer_elect(struct peer *peer);
/* A relay's silence or trust has changed, or its round trip was measured: its peers may want another primary. */
void relay_judge_paths(struct relay *relay);
void relay_compare_paths(struct relay *relay);

/* --- relay_probe.c --- */

/* Sends a probe through a relay that is connected, if that is wanted. */
void relay_probe_send(struct relay *relay);
/* Takes an OOB packet from our own key. False: it is no probe. */
bool relay_probe_take(struct relay *relay, const uint8_t *data, size_t len);
/* The relay has answered a ping; what was due then; its connection is over. */
void relay_probe_pong(struct relay *relay);
void relay_probe_run(struct relay *relay);
void relay_probe_end(struct relay *relay, int error);

/* --- relays.c --- */

struct relay *relay_get(const struct toxtcp_connections *connections, struct toxtcp_relay handle);
struct relay *relay_by_key(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key);
/* Makes a relay known, asleep and tied to nobody. Errors: TOXTCP_ERR_FULL, _INVALID, _NO_MEMORY. */
int relay_make(struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint,
               const struct toxtcp_public_key *key, struct relay **relay);
/* Errors: TOXTCP_ERR_INVALID for an endpoint that cannot be dialled, or not through the proxy. */
int relay_judge_endpoint(const struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint);
/* Forgets it, whoever is tied to it. */
void relay_free(struct relay *relay);
enum toxtcp_relay_state relay_state(const struct relay *relay);
void relay_set_phase(struct relay *relay, enum relay_phase phase);
/* To be reviewed at the next expire. */
void relay_touch(struct relay *relay);
/* Applies the rules to it now. The relay may be gone afterwards if it was asleep. */
void relay_review(struct relay *relay);
/* A new relay, tied to whom it was made for: what is to be done with it is its first state, of which nobody is told. */
void relay_settle_in(struct relay *relay);
/* It has no client any more, because of `error`. */
void relay_broke(struct relay *relay, int error);
/* If it waits, or will, it does so no longer. */
void relay_hurry(struct relay *relay);
/* Gives up a dial that is in progress for a new one. */
void relay_redial(struct relay *relay);
/* Its deadline may be another: puts it right in the heap. */
void relay_rekey(struct relay *relay);
/* Connected for longer than useless_after_ms. */
bool relay_is_settled(const struct relay *relay);
/* The latest time that is known: of the last expire, or of what the relay's link was told since. */
uint64_t relay_now(const struct relay *relay);
/* Tries again the routes that could not be asked for. */
void relay_ask_routes(struct relay *relay);
/* Where a connected relay is: as it was added, or, added by name, as the driver says. Family none if that is not known.
 */
struct toxtcp_address relay_address(const struct relay *relay);
uint32_t relays_marked(const struct toxtcp_connections *connections);
/* Gives the onion marks that are to be given. */
void relays_mark(struct toxtcp_connections *connections);
/* Reviews those that were touched, or all. */
void relays_review(struct toxtcp_connections *connections);
/* Does what is due for relays. */
void relays_run_due(struct toxtcp_connections *connections);

/* --- relay_events.c --- */

/* What a relay's client says, with the relay as `user`. */
extern const struct toxtcp_client_callbacks relay_client_callbacks;

#endif
