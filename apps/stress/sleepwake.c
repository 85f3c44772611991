/* Pairs on TCP_connections that sleep, as while UDP carries them, and wake. SPDX-License-Identifier: ISC
 *
 * Both sleep until their relays are closed and a while longer, then wake in the same moment; each sends as soon as it
 * reaches the other. So each wake is measured from nothing: a connection to a relay, a handshake, a route, a packet. */
#include <toxtcp/error.h>

#include "clock.h"
#include "fleet.h"

/* A relay is closed so long after it was connected, if all sleep. */
enum { USELESS_AFTER_MS = 300 };

/* Awake, after the first packet came. */
static const uint64_t awake_ns = 100 * NS_PER_MS;
/* Whoever has heard nothing for so long will not wake. Less than what is waited for them at the end of a run. */
static const uint64_t hopeless_ns = 4 * NS_PER_S;
/* A packet that did not come is sent again. */
static const uint64_t again_ns = NS_PER_S;
/* Below, a round trip in whole milliseconds is too coarse to divide by. */
enum { ROUND_TRIP_MIN_MS = 5 };

enum phase { PHASE_WAKING, PHASE_AWAKE, PHASE_ASLEEP };

/* Those of a pair are in the same phase since the same moment. */
struct sleeper {
    struct sailor sailor;
    enum phase phase;
    uint64_t since_ns;
    uint64_t until_ns; /* asleep: no shorter */
    uint64_t sent_ns;  /* waking: when its packet left; 0: not yet */
    bool heard;        /* waking: the other one's packet came */
};

static struct sleeper *sleeper_at(const struct fleet *fleet, uint32_t number)
{
    return (struct sleeper *)fleet_sailor(fleet, number);
}

static struct sleeper *other_of(const struct sleeper *sleeper)
{
    return (struct sleeper *)fleet_other(&sleeper->sailor);
}

static void enter(struct sleeper *sleeper, enum phase phase, uint64_t now_ns)
{
    sleeper->phase = phase;
    sleeper->since_ns = now_ns;
    sleeper->sent_ns = 0;
    sleeper->heard = false;
}

/* --- Waking --- */

static void try_send(struct sleeper *sleeper, uint64_t now_ns)
{
    const struct crew *crew = sleeper->sailor.mate.crew;

    if (!crew->begun || sleeper->phase != PHASE_WAKING || !sleeper->sailor.mate.online ||
        (sleeper->sent_ns != 0 && now_ns < sleeper->sent_ns + again_ns)) {
        return;
    }
    if (fleet_send(&sleeper->sailor, PAYLOAD_DATA, sleeper->since_ns, crew->group->size, now_ns) == TOXTCP_OK) {
        sleeper->sent_ns = now_ns;
    }
}

static void sleepwake_online(struct mate *mate)
{
    fleet_online(mate);
    /* A mate is the first member of a sailor, and that of a sleeper. */
    try_send((struct sleeper *)mate, clock_ns());
}

static void note_wake(const struct sleeper *sleeper, struct toxtcp_relay relay, uint64_t now_ns)
{
    struct crew *crew = sleeper->sailor.mate.crew;
    const uint64_t wake_ns = now_ns - sleeper->since_ns;
    struct toxtcp_relay_info info;

    histogram_add(&crew->pulse->latency, wake_ns);
    if (!worker_measures(crew->worker, sleeper->since_ns)) {
        return;
    }
    histogram_add(&crew->times.wake, wake_ns);
    if (toxtcp_relay_get_info(sleeper->sailor.mate.connections, relay, &info) == TOXTCP_OK &&
        info.rtt_ms != UINT32_MAX && info.rtt_ms >= ROUND_TRIP_MIN_MS) {
        histogram_add(&crew->times.wake_trips, wake_ns / (NS_PER_MS / 1000) / info.rtt_ms);
    }
}

static void sleepwake_data(struct mate *mate, struct toxtcp_relay relay, const uint8_t *bytes, size_t len)
{
    struct sleeper *sleeper = (struct sleeper *)mate;
    struct sleeper *other = other_of(sleeper);
    struct crew *crew = mate->crew;
    const uint64_t now_ns = clock_ns();
    struct payload payload;

    if (!fleet_take(&sleeper->sailor, bytes, len, now_ns, &payload)) {
        return;
    }
    if (worker_measures(crew->worker, payload.sent_ns)) {
        histogram_add(&crew->times.one_way, now_ns - payload.sent_ns);
    }
    if (sleeper->phase != PHASE_WAKING || sleeper->heard) {
        return;
    }
    sleeper->heard = true;
    /* The first one, after the beginning, is no wake. */
    if (sleeper->until_ns != 0) {
        note_wake(sleeper, relay, now_ns);
    }
    if (other->heard) {
        enter(sleeper, PHASE_AWAKE, now_ns);
        enter(other, PHASE_AWAKE, now_ns);
    }
}

/* --- The pair's life, by its first one --- */

static void go_to_sleep(struct sleeper *sleeper, uint64_t until_ns, uint64_t now_ns)
{
    (void)toxtcp_peer_sleep(sleeper->sailor.mate.connections, sleeper->sailor.mate.other);
    enter(sleeper, PHASE_ASLEEP, now_ns);
    sleeper->until_ns = until_ns;
}

static void wake(struct sleeper *sleeper, uint64_t now_ns)
{
    enter(sleeper, PHASE_WAKING, now_ns);
    (void)toxtcp_peer_wake(sleeper->sailor.mate.connections, sleeper->sailor.mate.other);
    try_send(sleeper, now_ns);
}

/* Half of what is usual to half more. */
static uint64_t random_sleep_ns(struct crew *crew)
{
    const double share = (double)(worker_random(crew->worker) >> 11) / 9007199254740992.; /* 2^53 */

    return (uint64_t)(crew->group->life_s * (0.5 + share) * (double)NS_PER_S);
}

static void advance(struct sleeper *sleeper, uint64_t now_ns)
{
    struct sleeper *other = other_of(sleeper);
    struct crew *crew = sleeper->sailor.mate.crew;

    switch (sleeper->phase) {
    case PHASE_AWAKE:
        if (now_ns >= sleeper->since_ns + awake_ns) {
            const uint64_t until_ns = now_ns + random_sleep_ns(crew);
            go_to_sleep(sleeper, until_ns, now_ns);
            go_to_sleep(other, until_ns, now_ns);
        }
        break;
    case PHASE_ASLEEP:
        if (now_ns >= sleeper->until_ns && sleeper->sailor.mate.connected == 0 && other->sailor.mate.connected == 0) {
            wake(sleeper, now_ns);
            wake(other, now_ns);
        }
        break;
    case PHASE_WAKING:
        try_send(sleeper, now_ns);
        try_send(other, now_ns);
        break;
    }
}

/* --- The run --- */

static int sleepwake_start(struct crew *crew)
{
    return fleet_start(crew, sizeof(struct sleeper), USELESS_AFTER_MS);
}

static int sleepwake_begin(struct crew *crew)
{
    struct fleet *fleet = crew->state;
    const uint64_t now_ns = clock_ns();

    for (uint32_t i = 0; i < fleet->count; i++) {
        enter(sleeper_at(fleet, i), PHASE_WAKING, now_ns);
    }
    return 0;
}

static void sleepwake_tick(struct crew *crew, uint64_t now_ns)
{
    struct fleet *fleet = crew->state;

    for (uint32_t i = 0; i + 1 < fleet->opened; i += 2) {
        struct sleeper *sleeper = sleeper_at(fleet, i);
        /* Nobody goes to sleep or wakes after the end, but whoever wakes goes on. */
        if (worker_sends(crew->worker, now_ns) || sleeper->phase == PHASE_WAKING) {
            advance(sleeper, now_ns);
        }
    }
    fleet_tick(crew, now_ns);
}

/* It has slept, and has heard nothing since it woke. */
static bool is_waking(const struct sleeper *sleeper)
{
    return sleeper->phase == PHASE_WAKING && sleeper->until_ns != 0 && !sleeper->heard;
}

/* Those that still wake when all is over are waited for: otherwise the slow ones would not count. */
static uint64_t sleepwake_waking(const struct crew *crew)
{
    const struct fleet *fleet = crew->state;
    uint64_t waking = 0;

    for (uint32_t i = 0; i < fleet->count; i++) {
        const struct sleeper *sleeper = sleeper_at(fleet, i);
        waking += is_waking(sleeper) ? 1 : 0;
    }
    return waking;
}

static void sleepwake_finish(struct crew *crew)
{
    const struct fleet *fleet = crew->state;
    const uint64_t now_ns = clock_ns();

    for (uint32_t i = 0; fleet != NULL && i < fleet->count; i++) {
        const struct sleeper *sleeper = sleeper_at(fleet, i);
        if (is_waking(sleeper) && worker_measures(crew->worker, sleeper->since_ns) &&
            now_ns - sleeper->since_ns >= hopeless_ns) {
            crew->tally.unwoken++;
        }
    }
    fleet_finish(crew);
}

const struct engine engine_sleepwake = {.in_pairs = true,
                                        .start = sleepwake_start,
                                        .begin = sleepwake_begin,
                                        .tick = sleepwake_tick,
                                        .outstanding = fleet_outstanding,
                                        .waking = sleepwake_waking,
                                        .key = fleet_key,
                                        .finish = sleepwake_finish,
                                        .mate_online = sleepwake_online,
                                        .mate_data = sleepwake_data};
