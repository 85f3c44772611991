/* Clients that are there, and no more. SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include <toxtcp/key.h>

#include "clock.h"
#include "engine.h"
#include "worker.h"

static const uint64_t again_ns = NS_PER_S;

struct sitter {
    struct peer peer;
    struct toxtcp_key_pair keys;
};

static int idle_start(struct crew *crew)
{
    struct sitter *sitters = calloc((size_t)crew->share + 1, sizeof *sitters);

    if (sitters == NULL) {
        return -1;
    }
    crew->state = sitters;
    crew->wanted = crew->share;
    for (uint32_t i = 0; i < crew->share; i++) {
        sitters[i].peer.crew = crew;
        sitters[i].peer.relay = (crew->first + i) % crew->worker->facts->relay_count;
        sitters[i].peer.keys = &sitters[i].keys;
        toxtcp_key_pair_generate(crew->worker->env, &sitters[i].keys);
        peer_wait_ramp(&sitters[i].peer);
    }
    return 0;
}

static void idle_up(struct peer *peer)
{
    peer->crew->ready++;
}

static void idle_down(struct peer *peer, int error)
{
    (void)error;
    peer_wait(peer, again_ns);
}

static const struct toxtcp_public_key *idle_key(const struct crew *crew, uint32_t number)
{
    const struct sitter *sitters = crew->state;

    return number < crew->share ? &sitters[number].keys.public_key : NULL;
}

static void idle_finish(struct crew *crew)
{
    struct sitter *sitters = crew->state;

    if (sitters == NULL) {
        return;
    }
    for (uint32_t i = 0; i < crew->share; i++) {
        peer_leave(&sitters[i].peer, false);
        toxtcp_key_pair_wipe(&sitters[i].keys);
    }
    free(sitters);
}

const struct engine engine_idle = {
    .start = idle_start, .finish = idle_finish, .key = idle_key, .up = idle_up, .down = idle_down};
