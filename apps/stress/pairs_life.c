/* Pairs that connect, find each other, and come back when they were thrown out. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pairs.h"

static const uint64_t again_ns = NS_PER_S; /* a peer that went away dials anew after that */

/* --- Coming and going --- */

void end_set_online(struct end *end, bool online)
{
    struct crew *crew = end->peer.crew;
    const struct end *other = end_other(end);

    if (end->online == online) {
        return;
    }
    end->online = online;
    if (other->online) {
        crew->ready += online ? 1 : 0;
        crew->ready -= online ? 0 : 1;
    }
    if (online) {
        end_restart_window(end, clock_ns());
    }
}

static int add_absent_routes(struct peer *peer)
{
    struct worker *worker = peer->crew->worker;

    for (uint32_t i = 0; i < peer->crew->group->routes; i++) {
        struct toxtcp_public_key absent;
        struct toxtcp_route route;
        for (size_t at = 0; at < sizeof absent.bytes; at += 8) {
            const uint64_t word = worker_random(worker);
            memcpy(absent.bytes + at, &word, sizeof word);
        }
        if (toxtcp_client_route_add(peer->client, &absent, NULL, &route) != TOXTCP_OK) {
            return -1;
        }
    }
    return 0;
}

int pairs_prepare(struct peer *peer)
{
    struct end *end = end_of(peer);

    if (!peer->crew->group->scenario->oob &&
        toxtcp_client_route_add(peer->client, &end_other(end)->keys.public_key, peer, &end->route) != TOXTCP_OK) {
        return -1;
    }
    return add_absent_routes(peer);
}

void pairs_up(struct peer *peer)
{
    struct end *end = end_of(peer);

    if (peer->crew->group->scenario->oob && end_other(end)->peer.state == PEER_UP) {
        end_set_online(end, true);
        end_set_online(end_other(end), true);
    }
}

void pairs_down(struct peer *peer, int error)
{
    struct end *end = end_of(peer);

    (void)error;
    end_set_online(end, false);
    if (peer->crew->group->scenario->oob) {
        end_set_online(end_other(end), false);
    }
    peer_wait(peer, again_ns);
}

void pairs_route_status(struct peer *peer, enum toxtcp_route_status status)
{
    end_set_online(end_of(peer), status == TOXTCP_ROUTE_ONLINE);
}

/* --- Life --- */

static void end_init(struct crew *crew, struct end *end, uint32_t index)
{
    end->peer.crew = crew;
    end->peer.keys = &end->keys;
    end->peer.relay = (crew->first + index / 2) % crew->worker->facts->relay_count;
    toxtcp_key_pair_generate(crew->worker->env, &end->keys);
    end->inlet.run = crew->worker->facts->run;
    for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
        end->inlet.stream[lane] = worker_stream(crew, index, (enum lane)lane);
    }
}

int pairs_start(struct crew *crew)
{
    struct pairs *pairs = calloc(1, sizeof *pairs);

    if (pairs == NULL) {
        return -1;
    }
    crew->state = pairs;
    pairs->pace.fd = -1;
    payload_fill(pairs->bytes);
    pairs->ends = calloc((size_t)crew->share * 2 + 1, sizeof *pairs->ends);
    if (pairs->ends == NULL) {
        return -1;
    }
    pairs->count = crew->share;
    for (uint32_t i = 0; i < pairs->count * 2; i++) {
        end_init(crew, &pairs->ends[i], i);
        peer_wait_ramp(&pairs->ends[i].peer);
    }
    crew->wanted = pairs->count;
    return 0;
}

void pairs_finish(struct crew *crew)
{
    struct pairs *pairs = crew->state;

    if (pairs == NULL) {
        return;
    }
    pace_stop(&pairs->pace);
    for (uint32_t i = 0; i < pairs->count * 2; i++) {
        peer_leave(&pairs->ends[i].peer, false);
        toxtcp_key_pair_wipe(&pairs->ends[i].keys);
    }
    free(pairs->dies_ns);
    free(pairs->ends);
    free(pairs);
}

const struct toxtcp_public_key *pairs_key(const struct crew *crew, uint32_t number)
{
    const struct pairs *pairs = crew->state;

    return number < pairs->count * 2 ? &pairs->ends[number].keys.public_key : NULL;
}

const struct engine engine_pairs = {.in_pairs = true,
                                    .start = pairs_start,
                                    .begin = pairs_begin,
                                    .tick = pairs_tick,
                                    .outstanding = pairs_outstanding,
                                    .finish = pairs_finish,
                                    .key = pairs_key,
                                    .prepare = pairs_prepare,
                                    .up = pairs_up,
                                    .down = pairs_down,
                                    .route_status = pairs_route_status,
                                    .data = pairs_data,
                                    .can_send = pairs_can_send};
