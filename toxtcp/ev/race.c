/* Attempts to connect one stream; the first one that is connected wins (RFC 8305). SPDX-License-Identifier: ISC
 *
 * Addresses come as they are resolved, of IPv6 and of IPv4, each sorted by c-ares, the best one first. They are tried
 * in turn, a new one when the last has had its time or one has failed, and those before it go on.
 *
 * A source with a port of its own has room for one attempt at a time, so there nothing is begun beside another. */
#include <stdlib.h>

#include "race.h"

enum {
    UNDER_WAY_MAX = 8,       /* to which an attempt got under way, half of them kept for each family */
    LONE_MS = 2000,          /* that an attempt has when no other can be made beside it */
    RESOLUTION_DELAY_MS = 50 /* that IPv4 waits for the answer for IPv6, and sometimes the other way round */
};

/* --- What comes next --- */

bool race_is_serial(const struct race *race)
{
    return race->ev->source.port != 0;
}

void race_note_error(struct race *race, uint8_t order, int error)
{
    if (!race->error || order < race->error_order) {
        race->error = error;
        race->error_order = order;
    }
}

static bool has_next(const struct lane *lane)
{
    return lane->tried < lane->count;
}

/* Attempts that are kept for what is known, or still to come, of this family. */
static uint8_t kept_for(const struct lane *lane)
{
    const uint8_t left = lane->resolving ? ADDRESSES_MAX : (uint8_t)(lane->count - lane->tried);
    const uint8_t share = lane->under_way < UNDER_WAY_MAX / 2 ? (uint8_t)(UNDER_WAY_MAX / 2 - lane->under_way) : 0;

    return left < share ? left : share;
}

static bool may_go(const struct race *race, uint8_t turn)
{
    const uint8_t under_way = (uint8_t)(race->lanes[IP6].under_way + race->lanes[IP4].under_way);

    return has_next(&race->lanes[turn]) && under_way + kept_for(&race->lanes[!turn]) < UNDER_WAY_MAX;
}

static bool is_resolving(const struct race *race)
{
    return race->lanes[IP6].resolving || race->lanes[IP4].resolving;
}

static bool has_address(const struct race *race)
{
    return may_go(race, IP6) || may_go(race, IP4);
}

/* When race_step() has something to do; TOXTCP_NEVER. */
static uint64_t due_ms(const struct race *race)
{
    const struct attempt *attempt;
    uint64_t due = TOXTCP_NEVER;

    if (has_address(race)) {
        due = race->next_at_ms;
    } else if (!race->attempts && !is_resolving(race)) {
        due = 0;
    }
    DL_FOREACH (race->attempts, attempt) {
        due = attempt_joins_at_ms(attempt) < due ? attempt_joins_at_ms(attempt) : due;
    }
    return due;
}

static void plan(struct race *race)
{
    const uint64_t due = due_ms(race);
    const uint64_t now = toxtcp_ev_now(race->ev);

    ev_timer_stop(race->ev->loop, &race->timer);
    if (due != TOXTCP_NEVER) {
        ev_now_update(race->ev->loop);
        ev_timer_set(&race->timer, due > now ? (ev_tstamp)(due - now) / 1e3 : 0., 0.);
        ev_timer_start(race->ev->loop, &race->timer);
    }
}

/* With answers for both families it is for the better of their best addresses to begin. */
static void choose_first(struct race *race)
{
    struct way ip6;
    struct way ip4;

    if (race->tried == 0 && has_next(&race->lanes[IP6]) && has_next(&race->lanes[IP4])) {
        way_find(&ip6, race->ev, &race->lanes[IP6].addresses[0]);
        way_find(&ip4, race->ev, &race->lanes[IP4].addresses[0]);
        race->turn = way_comes_first(&ip6, &ip4) ? IP6 : IP4;
    }
}

/* Tries addresses, of one family and the other in turn, until one attempt is under way. */
static void start_next(struct race *race)
{
    bool started = false;

    choose_first(race);
    while (!started && has_address(race)) {
        const uint8_t turn = may_go(race, race->turn) ? race->turn : !race->turn;
        struct lane *lane = &race->lanes[turn];
        const int error = attempt_start(race, &lane->addresses[lane->tried], race->tried, false);
        race->next_at_ms = toxtcp_ev_now(race->ev) + (race_is_serial(race) ? LONE_MS : ATTEMPT_DELAY_MS);
        if (error == TOXTCP_ERR_NO_DESCRIPTOR && race->attempts) {
            /* Those that are running go on; when they have had their time there may be a descriptor. */
            return;
        }
        started = !error;
        if (error) {
            race_note_error(race, race->tried, error);
        }
        lane->under_way += started;
        lane->tried++;
        race->tried++;
        race->turn = !turn;
    }
}

static void join_lonely(struct race *race, uint64_t now_ms)
{
    struct attempt *attempt;
    struct attempt *next;

    DL_FOREACH_SAFE(race->attempts, attempt, next)
    {
        if (attempt_joins_at_ms(attempt) <= now_ms) {
            attempt_join(attempt);
        }
    }
}

/* The attempts that are running make room for the next one. */
static void give_up_running(struct race *race)
{
    while (race->attempts) {
        race_note_error(race, race->attempts->order, TOXTCP_ERR_TIMED_OUT);
        attempt_drop(race->attempts);
    }
}

void race_step(struct race *race)
{
    const uint64_t now_ms = toxtcp_ev_now(race->ev);

    join_lonely(race, now_ms);
    if (!race->attempts || now_ms >= race->next_at_ms) {
        if (race_is_serial(race) && has_address(race)) {
            give_up_running(race);
        }
        start_next(race);
    }
    if (!race->attempts && !has_address(race) && !is_resolving(race)) {
        stream_end(race->stream, race->error ? race->error : TOXTCP_ERR_HOST_UNKNOWN);
        return;
    }
    plan(race);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct race *race = timer->data;
    struct toxtcp_ev *ev = race->ev;

    (void)loop;
    (void)events;
    driver_enter(ev);
    race_step(race);
    driver_leave(ev);
}

/* --- Names --- */

void race_add(struct race *race, const struct sockaddr *address)
{
    struct lane *lane = &race->lanes[address->sa_family == AF_INET6 ? IP6 : IP4];

    if (lane->count < ADDRESSES_MAX && socket_address_decode(address, &lane->addresses[lane->count])) {
        lane->addresses[lane->count].port = race->port;
        lane->count++;
    }
}

/* The first answer is there. IPv4 waits a moment for IPv6, and so does IPv6 when something speaks against its way. */
static bool waits_for_other(const struct race *race, int family)
{
    const struct lane *ip6 = &race->lanes[IP6];
    struct way way;

    if (family == AF_INET || ip6->count == 0) {
        return family == AF_INET;
    }
    way_find(&way, race->ev, &ip6->addresses[0]);
    return !way_is_plain(&way);
}

bool race_is_resolving(const struct race *race)
{
    return race->tried == 0;
}

void race_resolved(struct race *race, int family, int error)
{
    const bool first = race->lanes[IP6].resolving && race->lanes[IP4].resolving;

    race->lanes[family == AF_INET6 ? IP6 : IP4].resolving = false;
    if (!race->stream) {
        if (!is_resolving(race)) {
            driver_bury(race->ev, &race->corpse);
        }
        return;
    }
    if (error) {
        race_note_error(race, UINT8_MAX, error);
    }
    if (race->tried == 0) {
        const bool wait = first && waits_for_other(race, family);
        race->next_at_ms = wait ? toxtcp_ev_now(race->ev) + RESOLUTION_DELAY_MS : 0;
    } else if (!race->attempts) {
        race->next_at_ms = 0;
    }
    /* By way of the timer, since the answer may have come within dial(). */
    plan(race);
}

/* --- Life --- */

static struct race *race_new(struct stream *stream)
{
    struct race *race = calloc(1, sizeof *race);

    if (race) {
        race->ev = stream->ev;
        race->stream = stream;
        ev_timer_init(&race->timer, on_timer, 0., 0.);
        ev_set_priority(&race->timer, PRIORITY_DEADLINE);
        race->timer.data = race;
    }
    return race;
}

int race_start(struct stream *stream, const struct toxtcp_address *address)
{
    struct race *race = race_new(stream);

    if (!race) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    const int error = attempt_start(race, address, 0, false);
    if (error) {
        free(race);
        return error;
    }
    race->tried = 1;
    stream->race = race;
    plan(race);
    return TOXTCP_OK;
}

int race_start_name(struct stream *stream, const char *host, uint16_t port)
{
    struct race *race = race_new(stream);

    if (!race) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    race->port = port;
    race->lanes[IP6].resolving = true;
    race->lanes[IP4].resolving = true;
    const int error = resolver_ask(stream->ev, host, race);
    if (error) {
        free(race);
        return error;
    }
    stream->race = race;
    return TOXTCP_OK;
}

bool race_mark_from(struct race *race, const struct toxtcp_address *ip)
{
    struct attempt *attempt;
    bool any = false;

    DL_FOREACH (race->attempts, attempt) {
        attempt->lost = attempt_is_from(attempt, ip);
        any |= attempt->lost;
    }
    return any;
}

void race_lose_marked(struct race *race)
{
    struct attempt *attempt = race->attempts;

    /* Each one that fails may begin another, which is not marked, or end the race, which then has none. */
    while (attempt) {
        if (attempt->lost) {
            attempt_failed(attempt, TOXTCP_ERR_UNREACHABLE);
            attempt = race->attempts;
        } else {
            attempt = attempt->next;
        }
    }
}

void race_drop(struct race *race)
{
    ev_timer_stop(race->ev->loop, &race->timer);
    while (race->attempts) {
        attempt_drop(race->attempts);
    }
    race->stream = NULL;
    if (!is_resolving(race)) {
        driver_bury(race->ev, &race->corpse);
    }
}
