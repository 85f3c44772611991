/* What the interoperation tests stand on: a loop with libtoxtcp-ev, and clients that remember what they heard.
 * SPDX-License-Identifier: ISC */
#ifndef TEST_INTEROP_SCENE_H
#define TEST_INTEROP_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>
#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

struct ev_loop;

/* How long a step may take before the test fails. Generous: sanitizers and a busy machine are allowed. */
#define SCENE_PATIENCE_MS 20000

struct scene {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    /* Called at every turn, at least every `turn_ms`, for what has no place on the loop. May be NULL. */
    void (*turn)(void *user);
    void *turn_user;
    uint32_t turn_ms;
};

void scene_open(struct scene *scene);
void scene_close(struct scene *scene);
/* Waits for events once, until `end_ms` at most. Returns false when that moment has come. */
bool scene_turn(struct scene *scene, uint64_t end_ms);
/* Lets `ms` go by. */
void scene_run(struct scene *scene, uint32_t ms);

/* Runs the loop until the condition holds; the test fails when it does not within `ms`. */
#define SCENE_WAIT_MS(scene, condition, ms)                                                                            \
    do {                                                                                                               \
        uint64_t end_ms_ = toxtcp_ev_now((scene)->ev) + (ms);                                                          \
        while (!(condition))                                                                                           \
            ck_assert_msg(scene_turn((scene), end_ms_), "not within %u ms: %s", (unsigned)(ms), #condition);           \
    } while (0)
#define SCENE_WAIT(scene, condition) SCENE_WAIT_MS(scene, condition, SCENE_PATIENCE_MS)

/* What came in by one way. */
struct heard {
    unsigned count;
    size_t len; /* of the last one */
    uint8_t bytes[TOXTCP_DATA_MAX];
};

struct peer {
    struct scene *scene;
    struct toxtcp_client *client; /* NULL when closed */
    struct toxtcp_key_pair keys;
    bool connected;
    bool over;
    int error; /* why it is over */
    struct heard data;
    struct heard oob;
    struct toxtcp_public_key oob_sender;
};

/* Dials the relay at 127.0.0.1:`port`. `keys` NULL: fresh ones; `config` NULL: defaults. */
void peer_dial(struct peer *peer, struct scene *scene, const struct toxtcp_client_config *config,
               const struct toxtcp_key_pair *keys, const struct toxtcp_public_key *relay_key, uint16_t port);
/* The same with defaults and fresh keys, and waits until it is connected. */
void peer_open(struct peer *peer, struct scene *scene, const struct toxtcp_public_key *relay_key, uint16_t port);
void peer_close(struct peer *peer);

/* Asks for a route to `other`; fails the test when that is refused. */
struct toxtcp_route peer_route(struct peer *peer, const struct peer *other);
int peer_route_status(const struct peer *peer, struct toxtcp_route route);
/* Waits until the relay has handled all that this peer has sent, by an OOB to itself, which stays behind it. */
void peer_fence(struct peer *peer);

/* 127.0.0.1 with that port. */
struct toxtcp_endpoint loopback(uint16_t port);

#endif
