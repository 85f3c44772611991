/* Two ends of a chat, and a network between them that misbehaves, in virtual time. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_CHAT_WORLD_H
#define TEST_CHECK_CHAT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/env.h>
#include <toxtcp/key.h>

#include "../apps/chat/path.h"
#include "../apps/chat/session.h"

enum { TWIN = 2, END_COUNT = 3 };
enum { SHOWN_MAX = 2048, FLYING_MAX = 8192, RECORD_MAX = 4096, DELAY_MS = 20, WAKE_MS = 150 };

/* What stands in a session's reports; zero as there. */
enum { SEVERAL_WAYS, BEST_WAY, EVERY_WAY, UDP_WAY, WAY_COUNT };

struct packet {
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len;
    uint64_t at_ms;
    int to; /* index of the end */
    int from;
    bool by_udp;
};

/* What an end has beside its session when UDP is there too. */
struct end_ways {
    struct path path;
    enum path_way way;       /* that the session was told of */
    bool news;               /* path_way() or path_may_sleep() may be another */
    bool sleeps;             /* its relays do */
    uint64_t relays_from_ms; /* when its relays are connected; TOXTCP_NEVER while they sleep */
    bool relays_online;      /* and the other end's too */
    int heard_from;          /* while a packet that came by UDP is looked at: from which end; or -1 */
    bool heard_probe;        /* and that it was a probe */
    size_t way_changes;
    size_t sleep_count;
    size_t by_udp; /* packets sent */
    size_t by_relays;
};

struct end {
    struct toxtcp_key_pair keys;
    struct session *session;
    int index;
    bool away;   /* the program is held: nothing reaches it, and it does nothing */
    bool deaf;   /* nobody takes what comes */
    int refusal; /* what transmit() returns instead of sending */
    char *shown[SHOWN_MAX];
    size_t shown_len[SHOWN_MAX];
    size_t shown_count;
    uint64_t delivered; /* number of the message delivered last */
    uint64_t sent_count;
    uint64_t every_way_count;
    uint64_t arrived[WAY_COUNT]; /* segments, by the reports */
    uint64_t lost[WAY_COUNT];
    struct end_ways ways;
};

struct chat_world {
    struct toxtcp_env *env;
    struct end ends[END_COUNT]; /* the last one is the twin, or has no session */
    struct packet *flying;
    size_t flying_count;
    struct packet *record; /* all packets ever sent */
    size_t record_count;
    uint64_t now_ms;
    uint32_t loss_percent;
    uint32_t double_percent;
    uint32_t relay;    /* that is the best way */
    uint32_t delay_ms; /* of relays, one way */
    uint32_t jitter_ms;
    bool frozen;        /* the best way is dead: only what goes every way arrives */
    uint64_t drop_from; /* packets number drop_from.. before drop_to are lost, counted over both ends */
    uint64_t drop_to;
    uint64_t seed;
    bool has_udp; /* ends 0 and 1 choose between relays and UDP; the rest below is for that */
    bool udp_cut;
    bool udp_cut_from[2]; /* in one direction */
    bool relays_dead;
    uint32_t udp_loss_percent;
    uint32_t udp_jitter_ms;
    size_t udp_size_max; /* longer packets do not get through; 0: all do */
};

/* The one of the test that runs: made by world_set_up(), ended by world_tear_down(). */
extern struct chat_world world;
extern const struct session_callbacks world_callbacks;

void world_set_up(void);
void world_tear_down(void);

/* A number below `bound`, out of the seed. */
uint32_t world_dice(uint32_t bound);

/* Lets `ms` pass. Returns the number of moments at which something happened. */
size_t world_run(uint64_t ms);

/* Another run of that end's program: what it has shown and counted is forgotten. */
void world_restart(struct end *end);

/* Runs the program of end 0 in a second place too, with the same keys: both hear what end 1 says. */
void world_start_twin(void);

/* UDP is there from now on. */
void world_add_udp(void);
void world_set_mode(int end, enum path_mode mode);

/* One end sends a text, or "line FIRST".."line LAST". */
int world_say(int from, const char *text);
void world_say_numbered(int from, unsigned first, unsigned last);

/* Exactly these lines were shown there, in order. */
void world_assert_shown(int at, unsigned first, unsigned last);
/* Nothing is under way, waits or will happen. */
void world_assert_idle(void);
struct session_info world_info_of(int end);

#endif
