/* Which relay carries a packet, which to open, close, put to sleep: pure policy. SPDX-License-Identifier: ISC
 *
 * How the sentences of section 5 are read:
 *
 * - A relay is kept for its own sake (so that TCP-only peers reach us) while no more than keep_connected are connected.
 *   That holds for relays that we own, that an awake peer names, or that nobody names. One that only sleeping peers
 * name is not kept for that: "a relay all of whose peers sleep ... is closed and kept as sleeping", however few others
 * there are.
 * - A relay that has been dialled is let finish, though it may have lost its purpose meanwhile: when it connects it
 * gets the same time as any other, when it fails it is not tried again.
 * - A relay that waits counts for nothing: sleeping ones are opened while it fails. It goes on trying for as long as it
 *   is needed, without regard to what is being dialled beside it: those may fail too. So of several that fail each is
 *   tried for ever, and if too many come back, the ones too many are useless and closed. */
#include "relay_choice.h"

enum { RTT_BETTER_MS = 10 };

bool relay_choice_serves(bool peer_asleep, bool good_here, uint32_t good_count, uint32_t wanted)
{
    return !peer_asleep && (good_here || good_count < wanted);
}

/* Whether it may be one of the keep_connected. */
static bool may_be_kept(const struct relay_view *view)
{
    return view->owned || view->awake || !view->named;
}

/* The relays that are open, or about to be, without this one, which is not open. */
static uint32_t open_beside(const struct relay_view *view, const struct relay_totals *totals)
{
    if (view->phase == RELAY_WAITING) {
        return totals->connected;
    }
    return totals->connected + totals->opening - (view->phase == RELAY_STARTING ? 1 : 0);
}

/* Whether a relay that is not open should be. */
static bool is_needed(const struct relay_view *view, const struct relay_totals *totals)
{
    uint32_t beside = open_beside(view, totals);

    if (view->serves || view->fresh || beside < totals->onion_relays) {
        return true;
    }
    return may_be_kept(view) && beside < totals->keep_connected;
}

/* Whether a relay that is connected should stay so. */
static bool is_useful(const struct relay_view *view, const struct relay_totals *totals)
{
    if (view->serves || view->onion || !view->settled) {
        return true;
    }
    return may_be_kept(view) && totals->connected <= totals->keep_connected;
}

enum relay_verdict relay_choice_verdict(const struct relay_view *view, const struct relay_totals *totals)
{
    switch (view->phase) {
    case RELAY_DIALLED:
        return RELAY_STAY;
    case RELAY_CONNECTED:
        return is_useful(view, totals) ? RELAY_STAY : RELAY_SLEEP;
    case RELAY_WAITING:
    case RELAY_STARTING:
        return is_needed(view, totals) ? RELAY_STAY : RELAY_SLEEP;
    default:
        break;
    }
    if (is_needed(view, totals)) {
        return RELAY_OPEN;
    }
    return view->named || view->owned ? RELAY_STAY : RELAY_FORGET;
}

bool relay_choice_marks(enum relay_phase phase, bool has_one, uint32_t marked, uint32_t onion_relays)
{
    return phase == RELAY_CONNECTED && !has_one && marked < onion_relays;
}

/* --- Paths --- */

static bool is_better(const struct path_view *path, const struct path_view *than)
{
    return path->rank != than->rank ? path->rank < than->rank : path->rtt_ms < than->rtt_ms;
}

/* The best online slot of those in `left`, one bit each; of equals the first from the primary on, going round. */
static uint32_t best_of(const struct path_view *paths, uint32_t left, uint32_t primary)
{
    uint32_t best = TOXTCP_PEER_RELAYS_MAX;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        const uint32_t slot = (primary + i) % TOXTCP_PEER_RELAYS_MAX;
        if ((left >> slot & 1) && (best == TOXTCP_PEER_RELAYS_MAX || is_better(&paths[slot], &paths[best]))) {
            best = slot;
        }
    }
    return best;
}

static uint32_t online_slots(const struct path_view *paths)
{
    uint32_t online = 0;

    for (uint32_t i = 0; i < TOXTCP_PEER_RELAYS_MAX; i++) {
        online |= (uint32_t)paths[i].online << i;
    }
    return online;
}

uint32_t relay_choice_primary(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary)
{
    const uint32_t best = best_of(paths, online_slots(paths), primary);

    if (best == TOXTCP_PEER_RELAYS_MAX || (paths[primary].online && paths[primary].rank <= paths[best].rank)) {
        return primary;
    }
    return best;
}

uint32_t relay_choice_order(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary,
                            uint8_t order[TOXTCP_PEER_RELAYS_MAX])
{
    uint32_t left = online_slots(paths);
    uint32_t next = paths[primary].online ? primary : best_of(paths, left, primary);
    uint32_t count = 0;

    while (left != 0) {
        order[count++] = (uint8_t)next;
        left &= ~(1U << next);
        next = best_of(paths, left, primary);
    }
    return count;
}

uint32_t relay_choice_challenger(const struct path_view paths[TOXTCP_PEER_RELAYS_MAX], uint32_t primary)
{
    const struct path_view *current = &paths[primary];
    const uint32_t best = best_of(paths, online_slots(paths), primary);

    if (best == TOXTCP_PEER_RELAYS_MAX || !current->online || current->rtt_ms == UINT32_MAX) {
        return primary;
    }
    const uint64_t rtt_ms = paths[best].rtt_ms;
    const bool clearly = rtt_ms + RTT_BETTER_MS <= current->rtt_ms && 3 * rtt_ms < 2 * (uint64_t)current->rtt_ms;
    return clearly ? best : primary;
}

uint32_t relay_choice_delay(uint32_t failures, uint32_t min_ms, uint32_t max_ms, uint32_t random)
{
    uint64_t delay = min_ms ? min_ms : 1;

    for (uint32_t i = 0; i < failures && delay < max_ms; i++) {
        delay *= 2;
    }
    if (delay > max_ms) {
        delay = max_ms;
    }
    delay = delay - delay / 4 + random % (delay / 2 + 1);
    return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}
