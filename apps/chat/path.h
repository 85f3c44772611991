/* Which way a peer's messages go: by relays, by UDP, or both ways. SPDX-License-Identifier: ISC
 *
 * Pure policy: it opens no socket and reads no clock. News and the time come in; probes to send, a deadline and
 * the way come out. docs/toxtcp-chat.1 says in "UDP" what the rules are.
 *
 * A candidate is an address at which the peer may hear UDP. Candidates are probed in rounds, which both sides begin at
 * the same time because they tell each other their addresses then: so each side's probes open its own NAT for the other
 * side's. UDP takes over when probes were answered steadily; relays may sleep when it has carried for a while and the
 * peer says that it carries there too. While UDP carries it is probed all the time. An answer missed for about a second
 * is a doubt: packets go both ways and the relays are woken; missed for three it is the end, and UDP must prove itself
 * for longer before it takes over again: 10 s, doubling to 5 min each time. So it is when probes are answered and
 * messages are not: that is a doubt too. */
#ifndef APPS_CHAT_PATH_H
#define APPS_CHAT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "allowance.h"
#include "candidate.h"
#include "session.h"

/* Some places are kept for addresses from which something came: behind a NAT only these are true. */
enum { PATH_CANDIDATES_MAX = SESSION_ADDRESSES_MAX, PATH_ANNOUNCED_MAX = 6 };

enum path_mode {
    PATH_AUTO, /* UDP when it is steady */
    PATH_TCP,  /* never by UDP; the peer's probes are answered, so that it knows */
    PATH_UDP   /* UDP as soon as it answers, and again as soon as it answers again */
};

enum path_state {
    PATH_ON_RELAYS,
    PATH_ON_UDP,
    PATH_IN_DOUBT /* on UDP, and it has just fallen silent */
};

enum path_way { PATH_BY_RELAYS, PATH_BY_UDP, PATH_BY_BOTH };

/* Called inside path_...() functions; in them only those that ask may be called. */
struct path_callbacks {
    /* Sends a probe by UDP. `challenge` and `response` as in struct session_probe. */
    void (*probe)(void *user, const struct toxtcp_address *to, uint64_t challenge, uint64_t response);
    /* Tells the peer our addresses, through relays. */
    void (*announce)(void *user);
    /* path_way() or path_may_sleep() is another. */
    void (*changed)(void *user);
};

/* Made by path_init(); nothing to free. */
struct path {
    const struct path_callbacks *callbacks;
    void *user;
    enum path_mode mode;
    enum path_state state;
    bool paired;        /* the peer is there: before that there is nothing to do */
    bool relays_online; /* packets get through by relays now */
    bool peer_carries;  /* the peer says that it sends by UDP */
    bool may_sleep;
    enum path_way told_way; /* what changed() was called for last */
    bool told_may_sleep;
    struct candidate candidates[PATH_CANDIDATES_MAX];
    size_t count;
    size_t active;         /* of the candidates, unless on relays */
    uint64_t state_ms;     /* since when the state is what it is */
    uint64_t hold_ms;      /* since when there was no reason to keep the relays awake */
    uint32_t trouble;      /* how often UDP fell silent, as far as not forgiven */
    uint32_t rounds;       /* since the last news */
    uint64_t round_at_ms;  /* the next one, or TOXTCP_NEVER */
    uint64_t round_ms;     /* the last one, or TOXTCP_NEVER */
    uint64_t announced_ms; /* our addresses, last; or TOXTCP_NEVER */
    uint64_t missed_ms;    /* a message packet was not answered in time, last; or TOXTCP_NEVER */
    uint32_t misses;       /* of packets with messages, since one has arrived */
    uint64_t misses_ms;    /* the first of these */
    bool swallows;         /* the doubt is there because probes get through, and messages do not */
    uint64_t traffic_ms;   /* the last message packet by UDP, or TOXTCP_NEVER */
    struct challenges challenges;
    struct allowance strangers;     /* probes to where nobody has answered yet */
    struct allowance answers;       /* to probes from where nobody has answered of late */
    struct allowance peers_answers; /* to others: apart, so that what is played again does not use them up */
};

void path_init(struct path *path, const struct path_callbacks *callbacks, void *user);
void path_set_mode(struct path *path, enum path_mode mode, uint64_t now_ms);

/* --- News --- */

/* The peer is there, or another run of its program: all that was known of it is forgotten. */
void path_paired(struct path *path, uint64_t now_ms);

/* Whether packets get through by relays. */
void path_relays_online(struct path *path, bool online, uint64_t now_ms);

/* Our addresses or our network may be others: a round begins, if the last one is not too new. */
void path_network_changed(struct path *path, uint64_t now_ms);

/* The peer hears UDP there, it says; those that cannot be are left out. */
void path_candidates(struct path *path, const struct toxtcp_address *addresses, size_t count, uint64_t now_ms);

/* A packet of the peer came from there by UDP: anything but a probe. */
void path_heard(struct path *path, const struct toxtcp_address *from, uint64_t now_ms);

/* A probe of the peer came from there; it may have been played again by somebody else. Returns whether it answers one
 * of ours, so that it is new. */
bool path_probed(struct path *path, const struct toxtcp_address *from, const struct session_probe *probe,
                 uint64_t now_ms);

/* A packet with messages, or an acknowledgement, goes by UDP or came so. `missed`: one that was sent before has not
 * been answered in time. */
void path_traffic(struct path *path, bool missed, uint64_t now_ms);

/* A packet with messages goes again, because it has not arrived in time; or one that went by UDP, perhaps by relays
 * too, has arrived. */
void path_missed(struct path *path, uint64_t now_ms);
void path_arrived(struct path *path);

/* --- Time --- */

uint64_t path_deadline(const struct path *path);
void path_expire(struct path *path, uint64_t now_ms);

/* --- What to do --- */

enum path_way path_way(const struct path *path);

/* Where packets by UDP go now; NULL when UDP carries nothing. */
const struct toxtcp_address *path_address(const struct path *path);

/* Whether something may come from there. */
bool path_knows(const struct path *path, const struct toxtcp_address *address);

/* Whether the relays may sleep. */
static inline bool path_may_sleep(const struct path *path)
{
    return path->may_sleep;
}

/* Whether to tell the peer that we carry by UDP. */
static inline bool path_carries(const struct path *path)
{
    return path->state == PATH_ON_UDP;
}

/* Smoothed, of the candidate that carries; UINT32_MAX when there is none. */
uint32_t path_rtt(const struct path *path);

#endif
