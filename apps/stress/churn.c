/* Pairs that connect, talk, vanish, and come back as others. SPDX-License-Identifier: ISC
 *
 * One of the two vanishes without a word, by closing or by a reset. The other one leaves when the relay has told it so,
 * or when that takes too long. Packets that were on their way then are cut off, not lost. */
#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "pairs.h"

static const uint64_t notice_ns = 2 * NS_PER_S;
static const double shortest_s = 0.02;

/* A random time with the mean that was asked for. */
static uint64_t draw_life_ns(struct crew *crew)
{
    const double uniform = ((double)(worker_random(crew->worker) >> 11) + 1) / 9007199254740993.;

    return (uint64_t)(fmax(-log(uniform) * crew->group->life_s, shortest_s) * 1e9);
}

static uint64_t *death_of(struct end *end)
{
    struct pairs *pairs = end->peer.crew->state;

    return &pairs->dies_ns[(end - pairs->ends) / 2];
}

static int churn_start(struct crew *crew)
{
    struct pairs *pairs;

    if (pairs_start(crew) != 0) {
        return -1;
    }
    pairs = crew->state;
    pairs->dies_ns = malloc((size_t)(pairs->count + 1) * sizeof *pairs->dies_ns);
    if (pairs->dies_ns == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        pairs->dies_ns[i] = UINT64_MAX;
    }
    return 0;
}

/* --- The end of a life --- */

static uint32_t later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0 ? a : b; /* sequences may wrap */
}

/* Those after the last one that came are cut off, and not waited for. What is missing before that is lost. */
static void cut_off(struct end *end)
{
    struct crew *crew = end->peer.crew;
    struct pairs *pairs = crew->state;

    for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
        const struct arrivals *in = &end_other(end)->inlet.arrivals[lane];
        struct out *out = &end->out[lane];
        const uint32_t from = later(out->settled, in->any ? in->highest + 1 : 0);
        const uint32_t measured = later(from, out->measured);

        pairs->received += out->next - from;
        crew->tally.cut += later(out->beyond, measured) - measured;
        out->settled = out->next;
        end_other(end)->inlet.expected[lane] = out->next;
    }
}

/* Both are gone: they come back with other keys. */
static void end_life(struct end *end)
{
    struct crew *crew = end->peer.crew;
    struct end *other = end_other(end);

    cut_off(end);
    cut_off(other);
    *death_of(end) = UINT64_MAX;
    toxtcp_key_pair_generate(crew->worker->env, &end->keys);
    toxtcp_key_pair_generate(crew->worker->env, &other->keys);
    peer_wait(&end->peer, 0);
    peer_wait(&other->peer, 0);
}

static void leave(struct end *end, bool reset)
{
    end_set_online(end, false);
    peer_leave(&end->peer, reset);
}

/* One of two at random goes. The pair's death is then the moment by which the other one should know. */
static void vanish(struct end *pair, uint64_t now_ns)
{
    const uint64_t random = worker_random(pair->peer.crew->worker);

    *death_of(pair) = now_ns + notice_ns;
    leave(&pair[random & 1], (random & 2) != 0);
}

/* --- Its events --- */

static void churn_route_status(struct peer *peer, enum toxtcp_route_status status)
{
    struct end *end = end_of(peer);
    struct end *other = end_other(end);

    pairs_route_status(peer, status);
    if (status == TOXTCP_ROUTE_ONLINE && other->online && peer->crew->begun) {
        *death_of(end) = clock_ns() + draw_life_ns(peer->crew);
    } else if (status != TOXTCP_ROUTE_ONLINE && other->peer.state == PEER_AWAY) {
        leave(end, false);
        end_life(end);
    }
}

/* Thrown out, or it failed to connect. When the other one has vanished this pair's life is over, too. */
static void churn_down(struct peer *peer, int error)
{
    struct end *end = end_of(peer);

    if (end_other(end)->peer.state == PEER_AWAY) {
        end_set_online(end, false);
        end_life(end);
    } else {
        pairs_down(peer, error);
    }
}

static int churn_begin(struct crew *crew)
{
    struct pairs *pairs = crew->state;

    for (uint32_t i = 0; i < pairs->count; i++) {
        if (pairs->ends[2 * i].online && pairs->ends[2 * i + 1].online) {
            pairs->dies_ns[i] = clock_ns() + draw_life_ns(crew);
        }
    }
    return pairs_begin(crew);
}

static void churn_tick(struct crew *crew, uint64_t now_ns)
{
    struct pairs *pairs = crew->state;

    pairs_tick(crew, now_ns);
    if (!worker_sends(crew->worker, now_ns)) {
        return;
    }
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct end *pair = &pairs->ends[2 * i];
        if (pairs->dies_ns[i] > now_ns) {
            continue;
        }
        if (pair[0].peer.state != PEER_AWAY && pair[1].peer.state != PEER_AWAY) {
            vanish(pair, now_ns);
        } else {
            struct end *left = pair[0].peer.state == PEER_AWAY ? &pair[1] : &pair[0];
            crew->tally.unnoticed++;
            leave(left, false);
            end_life(left);
        }
    }
}

/* Who vanished last may not have been missed yet. */
static void churn_finish(struct crew *crew)
{
    struct pairs *pairs = crew->state;

    for (uint32_t i = 0; pairs != NULL && i < pairs->count * 2; i++) {
        if (pairs->ends[i].peer.state == PEER_AWAY) {
            cut_off(&pairs->ends[i]);
            cut_off(end_other(&pairs->ends[i]));
        }
    }
    pairs_finish(crew);
}

const struct engine engine_churn = {.in_pairs = true,
                                    .counts_measured_connects = true,
                                    .start = churn_start,
                                    .begin = churn_begin,
                                    .tick = churn_tick,
                                    .outstanding = pairs_outstanding,
                                    .finish = churn_finish,
                                    .prepare = pairs_prepare,
                                    .up = pairs_up,
                                    .down = churn_down,
                                    .route_status = churn_route_status,
                                    .data = pairs_data,
                                    .can_send = pairs_can_send};
