/* One run: peers, relays, the network between them, and what is watched. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/toxtcp.h>

#include "../../apps/common/histogram.h"
#include "sim/events.h"
#include "sim/knobs.h"
#include "sim/liar.h"
#include "sim/network.h"
#include "sim/trace.h"
#include "support/net_env.h"

struct world;

enum { NO_RELAY = RELAYS_MAX };

enum phase { PHASE_FAULTS, PHASE_CONVERGENCE, PHASE_OVER };

/* --- Relays --- */

struct sim_relay {
    struct world *world;
    uint32_t index;
    struct net_env env;
    struct toxtcp_key_pair keys;
    struct toxtcp_address address;
    struct host *host;
    struct toxtcp_server *server; /* one of the two while it runs */
    struct liar *liar;
    struct liar_config config; /* of a liar */
    bool lies;
    uint32_t crashes; /* faults that keep it down */
};

/* --- Peers --- */

/* Another peer, as one knows it. */
struct contact {
    struct sim_peer *owner;
    uint32_t other;
    bool paired;          /* they are meant to know each other */
    bool wanted;          /* it should be added now */
    bool asleep;          /* it should be asleep now */
    uint32_t ties_wanted; /* relays that should be tied to it; one bit each */
    bool known;           /* it is added, with this handle */
    bool sleeps;
    uint32_t ties; /* relays that are */
    struct toxtcp_peer handle;
    enum toxtcp_peer_state state; /* as told last */
};

struct sim_peer {
    struct world *world;
    uint32_t index;
    struct net_env env;
    struct toxtcp_key_pair keys;
    struct host *host;
    struct toxtcp_connections *connections;
    struct contact contacts[PEERS_MAX];
    uint32_t owns_wanted; /* relays that should be our own */
    uint32_t owns;
    bool onion;
    bool untold;            /* it has another network and the library was not told */
    uint64_t told_ms;       /* when it was told last; 0: never */
    struct contact *wavers; /* of whom it is not sure: the next deed comes soon, and removes or adds it again */
    struct event deed;
    struct event reconciling;
    struct event telling;
    struct dice dice;
};

/* --- Talk: the layer above --- */

enum { WINDOW = 32, MESSAGES = 2 * WINDOW, COPIES = 8 };

/* One acceptance by toxtcp_peer_send(). */
struct copy {
    uint32_t number;  /* of the message's copies, from 1 */
    uint32_t relay;   /* which took it; NO_RELAY: as OOB */
    uint32_t arrived; /* through which relays it did; one bit each */
    uint64_t sent_ms;
    struct toxtcp_relay via;
    bool reported; /* as delivered */
};

struct message {
    uint32_t seq;
    uint32_t size;
    uint32_t copy_count;
    bool open;    /* not acknowledged */
    bool arrived; /* at the other side, whatever it said */
    uint64_t due_ms;
    struct copy copies[COPIES]; /* the last ones, by number */
};

struct flow {
    struct world *world;
    struct sim_peer *from;
    struct sim_peer *to;
    struct message messages[MESSAGES]; /* by sequence number; the last WINDOW of them may be open */
    uint32_t oldest;                   /* open */
    uint32_t next;
    struct event creating;
    struct event sending;
    struct dice dice;
    enum pattern_kind pattern;
    bool idle;
    uint64_t pattern_until_ms;
    bool blocked; /* peer_can_send has yet to come */
    uint32_t srtt_ms;
    uint32_t rttvar_ms;
    uint64_t hit_at_ms; /* its primary relay was lost then, another was there; TOXTCP_NEVER: no */
};

/* --- Faults --- */

enum { FAULTS_MAX = 48 };

struct fault {
    struct world *world;
    bool active;
    enum fault_kind kind;
    uint32_t target; /* a relay, a peer or a stream */
    uint32_t group;  /* one bit for each host on one side of a partition */
    struct event end;
};

/* --- What is watched --- */

/* Sums over all runs. */
struct results {
    uint64_t runs;
    uint64_t virtual_ms;
    uint64_t events;
    uint64_t bytes;
    uint64_t sent;
    uint64_t delivered;
    uint64_t from_liars;    /* packets that no layer above would have accepted */
    uint64_t trusted_ms;    /* time that relays were connected that nothing had happened to */
    uint64_t false_silent;  /* of these, taken for silent */
    uint64_t false_demoted; /* ... for bad */
    uint64_t liars_found;
    uint64_t liars_not_found;   /* of liars that took ten packets and more of a layer that reports */
    struct histogram failover;  /* ms without delivery after the primary relay was lost */
    struct histogram recovery;  /* ms from healing until a pair is online that was not then */
    struct histogram detection; /* ms from the first packet through a liar until it is demoted or doubted */
};

/* One relay as seen by one peer. */
struct watch {
    uint64_t touched_ms; /* when something happened to it last */
    bool silent;
    bool demoted;
    uint64_t used_ms; /* first packet through it, of a liar that drops data; TOXTCP_NEVER: none */
    uint32_t used_count;
    bool found;
};

/* A pair, after healing. */
struct pair_watch {
    bool judged;   /* it must be online, and stay so */
    bool online;   /* it was */
    bool deceived; /* when last looked at: by a liar alone one is online for the other */
    uint64_t due_ms;
    uint64_t offline_ms;  /* since when they are not online to each other; TOXTCP_NEVER: they are */
    uint64_t let_down_ms; /* when they first ceased to be deceived and were offline; TOXTCP_NEVER: never */
    uint32_t queued[2];   /* what each of the two had to say before, up to this sequence number */
};

struct world {
    uint64_t seed;
    struct knobs knobs;
    struct toxtcp_env *env; /* of the events alone */
    struct events events;
    struct network *network;
    struct results *results;
    enum phase phase;
    uint64_t start_ms;
    uint64_t heal_ms;
    uint64_t end_ms;
    uint32_t peer_count;
    uint32_t relay_count;
    struct sim_peer peers[PEERS_MAX];
    struct sim_relay relays[RELAYS_MAX];
    struct flow flows[PEERS_MAX][PEERS_MAX]; /* from, to */
    struct dice fault_dice;
    struct event next_fault;
    const struct flow *aim; /* at whose relay faults may be aimed; NULL: none */
    struct fault faults[FAULTS_MAX];
    struct event second;
    struct watch watches[PEERS_MAX][RELAYS_MAX];
    struct pair_watch pair_watches[PEERS_MAX][PEERS_MAX];
    uint64_t idle_since_ms[PEERS_MAX][RELAYS_MAX]; /* a relay is open that no rule keeps open */
};

/* Lives through one run, and adds to `results`. Leaves by trace_fail() when a rule is broken.
 * `replay` is the text that a failure ends with. */
void world_run(uint64_t seed, const struct knobs *knobs, struct results *results, const char *replay, bool loud);

/* What draws its own dice. */
enum purpose {
    PURPOSE_KNOBS = 1,
    PURPOSE_NETWORK,
    PURPOSE_TOPOLOGY,
    PURPOSE_FAULTS,
    PURPOSE_PEERS,
    PURPOSE_FLOWS,
    PURPOSE_RELAYS
};

/* --- sim_relay.c --- */

void sim_relay_open(struct sim_relay *relay, struct world *world, uint32_t index);
void sim_relay_close(struct sim_relay *relay);
void sim_relay_start(struct sim_relay *relay);
/* `told`: it is killed; else its power fails. */
void sim_relay_stop(struct sim_relay *relay, bool told);
struct toxtcp_endpoint sim_relay_endpoint(const struct sim_relay *relay);

/* --- sim_peer.c --- */

void sim_peer_open(struct sim_peer *peer, struct world *world, uint32_t index);
void sim_peer_close(struct sim_peer *peer);
/* Brings about what is wanted; what memory does not allow is tried again. */
void sim_peer_reconcile(struct sim_peer *peer);
/* Says toxtcp_connections_network_changed(). */
void sim_peer_tell_network(struct sim_peer *peer);
/* The relay with that handle, or NO_RELAY. */
uint32_t sim_peer_relay(const struct sim_peer *peer, struct toxtcp_relay handle);
/* Whether the two exchange packets now, as far as `from` is concerned. */
bool sim_peer_can_talk(const struct sim_peer *from, uint32_t to);
/* From now on its embedder puts contacts to sleep, ties relays and so on. */
void sim_peer_start_deeds(struct sim_peer *peer);

/* --- talk.c --- */

void talk_open(struct flow *flow, struct world *world, struct sim_peer *from, struct sim_peer *to);
void talk_close(struct flow *flow);
void talk_start(struct flow *flow);
/* A packet has come to `to`, said to be from `from`, through that relay. */
void talk_receive(struct sim_peer *to, uint32_t from, uint32_t relay, const uint8_t *data, size_t len);
/* The library says that more can be sent. */
void talk_can_send(struct flow *flow);
/* The other peer can be reached in another way, or was added or woken. */
void talk_hurry(struct flow *flow);
/* The peer was removed: no can_send will come for it. */
void talk_forget(struct flow *flow);

/* --- faults.c --- */

void faults_open(struct world *world);
void faults_close(struct world *world);
void faults_start(struct world *world);
/* This flow sends steadily from now on: what a fault does to it is worth seeing. */
void faults_tempt(struct world *world, const struct flow *flow);
/* All that is wrong is put right, and nothing goes wrong any more. */
void faults_heal(struct world *world);

/* --- The rules: each leaves by trace_fail() when it is broken --- */

/* Every object, now; or those that were touched and not yet checked. */
void oracle_check_all(const struct world *world);
void oracle_check_touched(struct world *world);
/* No process calls its driver, or has itself called, without an end. */
void oracle_busy_watch(struct world *world);
/* Packets arrive once, unchanged, at the right peer. */
void oracle_delivery_arrived(struct flow *flow, struct message *message, uint32_t copy, uint32_t relay);
void oracle_delivery_of_nothing(const struct sim_peer *to, uint32_t from, uint32_t relay, const char *why);
/* After healing pairs come online and stay so, and what they had to say arrives. */
void oracle_online_begin(struct world *world);
void oracle_online_look(struct world *world);
void oracle_online_state(struct world *world, const struct contact *contact);
/* No more relays are open than the rules say. */
void oracle_relays_look(struct world *world);
/* How long failover takes, false alarms, liars found. No rules: figures. */
void watch_begin(struct world *world);
void watch_look(struct world *world);
void watch_touch(struct world *world, const struct host *a, const struct host *b);
void watch_fault_began(struct world *world, enum fault_kind kind);
void watch_sent(struct flow *flow, uint32_t relay);
void watch_delivered(struct flow *flow, const struct copy *copy);
void watch_end(struct world *world);

#endif
