/* Clients that connect, are confirmed, and close, over and over. SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include <toxtcp/key.h>

#include "clock.h"
#include "engine.h"
#include "worker.h"

/* Keys are made beforehand, so that the generator's time goes into handshakes. A client comes back with another one
 * each time, as the relay may not have seen yet that it left. */
enum { KEYS_EACH = 4 };

/* A relay that is gone is not dialled as fast as the machine can. */
static const uint64_t again_ns = 100 * NS_PER_MS;

struct caller {
    struct peer peer;
    uint32_t turn;
    struct toxtcp_key_pair keys[KEYS_EACH];
};

static int handshake_start(struct crew *crew)
{
    struct caller *callers = calloc((size_t)crew->share + 1, sizeof *callers);

    if (callers == NULL) {
        return -1;
    }
    crew->state = callers;
    for (uint32_t i = 0; i < crew->share; i++) {
        callers[i].peer.crew = crew;
        callers[i].peer.relay = (crew->first + i) % crew->worker->facts->relay_count;
        for (uint32_t key = 0; key < KEYS_EACH; key++) {
            toxtcp_key_pair_generate(crew->worker->env, &callers[i].keys[key]);
        }
    }
    return 0;
}

static void call(struct caller *caller)
{
    if (worker_sends(caller->peer.crew->worker, clock_ns())) {
        caller->peer.keys = &caller->keys[caller->turn++ % KEYS_EACH];
        peer_dial(&caller->peer);
    }
}

static int handshake_begin(struct crew *crew)
{
    struct caller *callers = crew->state;

    for (uint32_t i = 0; i < crew->share; i++) {
        call(&callers[i]);
    }
    return 0;
}

static void handshake_up(struct peer *peer)
{
    peer_leave(peer, false);
    call((struct caller *)peer);
}

static void handshake_down(struct peer *peer, int error)
{
    (void)error;
    peer_wait(peer, again_ns);
}

static void handshake_finish(struct crew *crew)
{
    struct caller *callers = crew->state;

    if (callers == NULL) {
        return;
    }
    for (uint32_t i = 0; i < crew->share; i++) {
        peer_leave(&callers[i].peer, false);
        for (uint32_t key = 0; key < KEYS_EACH; key++) {
            toxtcp_key_pair_wipe(&callers[i].keys[key]);
        }
    }
    free(callers);
}

const struct engine engine_handshake = {.counts_measured_connects = true,
                                        .start = handshake_start,
                                        .begin = handshake_begin,
                                        .finish = handshake_finish,
                                        .up = handshake_up,
                                        .down = handshake_down};
