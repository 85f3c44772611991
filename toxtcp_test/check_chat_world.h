/* Two ends of a chat, and a network between them that misbehaves, in virtual time. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_CHAT_WORLD_H
#define TEST_CHECK_CHAT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/env.h>
#include <toxtcp/key.h>

#include "../apps/chat/session.h"

enum { TWIN = 2, END_COUNT = 3 };
enum { SHOWN_MAX = 2048, FLYING_MAX = 8192, RECORD_MAX = 4096, DELAY_MS = 20 };

struct packet {
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len;
    uint64_t at_ms;
    int to; /* index of the end */
};

struct end {
    struct toxtcp_key_pair keys;
    struct session *session;
    int index;
    bool away;   /* the program is held: nothing reaches it, and it does nothing */
    int refusal; /* what transmit() returns instead of sending */
    char *shown[SHOWN_MAX];
    size_t shown_len[SHOWN_MAX];
    size_t shown_count;
    uint64_t delivered; /* number of the message delivered last */
    uint64_t sent_count;
    uint64_t every_way_count;
    uint64_t stalled_count;
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
    uint32_t jitter_ms;
    bool frozen;        /* the best way is dead: only what goes every way arrives */
    uint64_t drop_from; /* packets number drop_from.. before drop_to are lost, counted over both ends */
    uint64_t drop_to;
    uint64_t seed;
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

/* One end sends a text, or "line FIRST".."line LAST". */
int world_say(int from, const char *text);
void world_say_numbered(int from, unsigned first, unsigned last);

/* Exactly these lines were shown there, in order. */
void world_assert_shown(int at, unsigned first, unsigned last);
/* Nothing is under way, waits or will happen. */
void world_assert_idle(void);
struct session_info world_info_of(int end);

#endif
