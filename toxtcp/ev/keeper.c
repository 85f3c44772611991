/* The deadline of one object, kept by one timer. SPDX-License-Identifier: ISC
 *
 * The timer always stands at the deadline, or where the pause after the last one ends: moving it costs no system call,
 * waking up for nothing costs one. */
#include <stdlib.h>

#include "internal.h"

static void start_timer(struct keeper *keeper)
{
    struct toxtcp_ev *ev = keeper->ev;
    const uint64_t now_ms = toxtcp_ev_now(ev);
    const uint64_t wait_ms = keeper->armed_ms > now_ms ? keeper->armed_ms - now_ms : 0;

    /* Timers count from the loop's idea of now, which is as old as this turn. */
    ev_now_update(ev->loop);
    ev_timer_set(&keeper->timer, (ev_tstamp)wait_ms / 1e3, 0.);
    ev_timer_start(ev->loop, &keeper->timer);
}

void keeper_arm(struct keeper *keeper)
{
    uint64_t deadline_ms = keeper->kind->deadline(keeper->object);

    if (deadline_ms < keeper->rest_until_ms) {
        deadline_ms = keeper->rest_until_ms;
    }
    if (deadline_ms == keeper->armed_ms) {
        return;
    }
    ev_timer_stop(keeper->ev->loop, &keeper->timer);
    keeper->armed_ms = deadline_ms;
    /* With nothing due there is no timer: it would keep the loop alive. */
    if (deadline_ms != TOXTCP_NEVER) {
        start_timer(keeper);
    }
}

void keeper_wake(struct keeper *keeper)
{
    ev_timer_stop(keeper->ev->loop, &keeper->timer);
    keeper->armed_ms = 0;
    start_timer(keeper);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct keeper *keeper = timer->data;
    struct toxtcp_ev *ev = keeper->ev;

    (void)loop;
    (void)events;
    driver_enter(ev);
    const uint64_t now_ms = ev->now_ns / NS_PER_MS;
    keeper->armed_ms = TOXTCP_NEVER;
    if (keeper->kind->deadline(keeper->object) <= now_ms) {
        keeper->kind->expire(keeper->object, now_ms);
        keeper->rest_until_ms = now_ms + keeper->kind->pause_ms;
    }
    if (keeper->object) {
        keeper_arm(keeper);
    }
    driver_leave(ev);
}

struct keeper *keeper_new(struct toxtcp_ev *ev, const struct keeper_kind *kind, void *object)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper) {
        keeper->ev = ev;
        keeper->kind = kind;
        keeper->object = object;
        keeper->armed_ms = TOXTCP_NEVER;
        ev_timer_init(&keeper->timer, on_timer, 0., 0.);
        ev_set_priority(&keeper->timer, PRIORITY_DEADLINE);
        keeper->timer.data = keeper;
    }
    return keeper;
}

void keeper_drop(struct keeper *keeper)
{
    ev_timer_stop(keeper->ev->loop, &keeper->timer);
    keeper->object = NULL;
    driver_bury(keeper->ev, &keeper->corpse);
}
