/* A crew's pairs of mates, and what they send to each other. SPDX-License-Identifier: ISC */
#include "fleet.h"

#include <stdlib.h>

#include <toxtcp/error.h>

#include "clock.h"

struct sailor *fleet_sailor(const struct fleet *fleet, uint32_t number)
{
    return (struct sailor *)(void *)(fleet->sailors + number * fleet->stride);
}

uint32_t fleet_number(const struct sailor *sailor)
{
    const struct fleet *fleet = sailor->mate.crew->state;

    return (uint32_t)((size_t)((const uint8_t *)sailor - fleet->sailors) / fleet->stride);
}

struct sailor *fleet_other(const struct sailor *sailor)
{
    return fleet_sailor(sailor->mate.crew->state, fleet_number(sailor) ^ 1);
}

/* --- Life --- */

static void sailor_init(struct crew *crew, struct sailor *sailor, uint32_t number, uint32_t useless_after_ms)
{
    struct worker *worker = crew->worker;

    sailor->mate.crew = crew;
    sailor->mate.first_relay = (crew->first + number / 2) % worker->facts->relay_count;
    sailor->mate.useless_after_ms = useless_after_ms;
    toxtcp_key_pair_generate(worker->env, &sailor->mate.keys);
    sailor->due_ns = worker->line.ramp_next_ns;
    worker->line.ramp_next_ns += worker->line.ramp_gap_ns;
    sailor->inlet.run = worker->facts->run;
    for (uint32_t lane = 0; lane < LANE_COUNT; lane++) {
        sailor->inlet.stream[lane] = worker_stream(crew, number, (enum lane)lane);
    }
}

int fleet_start(struct crew *crew, size_t stride, uint32_t useless_after_ms)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);

    if (fleet == NULL) {
        return -1;
    }
    crew->state = fleet;
    fleet->pace.fd = -1;
    fleet->stride = stride;
    payload_fill(fleet->bytes);
    fleet->sailors = calloc((size_t)crew->share * 2 + 1, stride);
    if (fleet->sailors == NULL) {
        return -1;
    }
    fleet->count = crew->share * 2;
    for (uint32_t i = 0; i < fleet->count; i++) {
        sailor_init(crew, fleet_sailor(fleet, i), i, useless_after_ms);
    }
    crew->wanted = crew->share;
    return 0;
}

void fleet_finish(struct crew *crew)
{
    struct fleet *fleet = crew->state;

    if (fleet == NULL) {
        return;
    }
    pace_stop(&fleet->pace);
    for (uint32_t i = 0; i < fleet->count; i++) {
        mate_close(&fleet_sailor(fleet, i)->mate);
        toxtcp_key_pair_wipe(&fleet_sailor(fleet, i)->mate.keys);
    }
    free(fleet->sailors);
    free(fleet);
    crew->state = NULL;
}

void fleet_tick(struct crew *crew, uint64_t now_ns)
{
    struct fleet *fleet = crew->state;

    while (fleet->opened < fleet->count && fleet_sailor(fleet, fleet->opened)->due_ns <= now_ns) {
        struct sailor *sailor = fleet_sailor(fleet, fleet->opened);
        fleet->opened++;
        if (mate_open(&sailor->mate, &fleet_other(sailor)->mate.keys.public_key) != 0) {
            worker_give_up(crew->worker);
            return;
        }
    }
}

/* --- Members of engines --- */

uint64_t fleet_outstanding(const struct crew *crew)
{
    const struct fleet *fleet = crew->state;

    return fleet->sent > fleet->received ? fleet->sent - fleet->received : 0;
}

const struct toxtcp_public_key *fleet_key(const struct crew *crew, uint32_t number)
{
    const struct fleet *fleet = crew->state;

    return number < fleet->count ? &fleet_sailor(fleet, number)->mate.keys.public_key : NULL;
}

void fleet_online(struct mate *mate)
{
    /* A mate is the first member of a sailor. */
    if (fleet_other((struct sailor *)mate)->mate.online) {
        mate->crew->ready += mate->online ? 1 : 0;
        mate->crew->ready -= mate->online ? 0 : 1;
    }
}

/* --- Packets --- */

int fleet_send(struct sailor *sailor, enum payload_kind kind, uint64_t intended_ns, size_t len, uint64_t now_ns)
{
    struct crew *crew = sailor->mate.crew;
    struct fleet *fleet = crew->state;
    const enum lane lane = lane_of(kind);
    const struct payload payload = {.kind = kind,
                                    .run = sailor->inlet.run,
                                    .stream = fleet_other(sailor)->inlet.stream[lane],
                                    .sequence = sailor->next[lane],
                                    .intended_ns = intended_ns,
                                    .sent_ns = now_ns};

    if (!sailor->mate.online) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    payload_write(&payload, fleet->bytes, len);
    const int error = toxtcp_peer_send(sailor->mate.connections, sailor->mate.other, fleet->bytes, len);
    if (error == TOXTCP_OK) {
        sailor->next[lane]++;
        fleet->sent++;
        crew->pulse->sent++;
        crew->tally.sent += worker_measures(crew->worker, now_ns) ? 1 : 0;
        worker_count_event(crew, now_ns, 1, 0);
    }
    return error;
}

bool fleet_take(struct sailor *sailor, const uint8_t *bytes, size_t len, uint64_t now_ns, struct payload *payload)
{
    struct crew *crew = sailor->mate.crew;
    struct fleet *fleet = crew->state;
    const struct measured measured = worker_measured(crew->worker);

    crew->pulse->arrived++;
    crew->pulse->arrived_bytes += len;
    if (!inlet_take(&sailor->inlet, &measured, bytes, len, now_ns, &crew->tally, payload)) {
        return false;
    }
    fleet->received++;
    worker_count_event(crew, payload->sent_ns, 0, 1);
    return true;
}
