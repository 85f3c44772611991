/* One turn of the loop: who is read, in which order and how much; then what is written. SPDX-License-Identifier: ISC
 *
 * Watchers of sockets only put streams into queues. When all events of the turn are known the queues are read: first
 * the streams that took all they had the last time, then those that had more, a bounded part each, then the ones whose
 * handshake is still to come, few at a time. So a quiet stream passes any number of floods, a flood of newcomers passes
 * nobody, and each queue moves in every turn. A stream that has more than its part is reported by the next turn's poll,
 * and joins the end of its queue. */
#include "internal.h"

enum {
    /* Reading goes on for so long, and a little longer when many wait: every further turn polls them all again. */
    TURN_NS = 1000000,
    TURN_NS_PER_STREAM = 2000,
    /* What was read so far is written before more is: who receives it must not fill up within a turn. */
    BATCH_BYTES = 32768,
    /* Of these some are read in any turn, however late it is. */
    GREEDY_MIN = 2,
    /* A handshake costs about 80 us, looking at a part of one next to nothing. */
    NEWCOMER_BUDGET = 32,
    HANDSHAKE_COST = 8
};

/* --- Queues --- */

void turn_add(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;
    enum ready_queue queue = stream->greedy ? QUEUE_GREEDY : QUEUE_QUIET;

    if (stream->queue != QUEUE_NONE) {
        return;
    }
    if (!toxtcp_link_is_open(stream->link)) {
        queue = QUEUE_NEWCOMER;
    }
    stream->queue = (uint8_t)queue;
    DL_APPEND2(ev->ready[queue], stream, ready_prev, ready_next);
    ev->ready_count++;
}

void turn_remove(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;

    if (stream->queue != QUEUE_NONE) {
        DL_DELETE2(ev->ready[stream->queue], stream, ready_prev, ready_next);
        stream->queue = QUEUE_NONE;
        ev->ready_count--;
    }
}

void turn_mark_dirty(struct stream *stream)
{
    struct toxtcp_ev *ev = stream->ev;

    if (!stream->dirty) {
        stream->dirty = true;
        stream->round = ev->round;
        DL_APPEND(ev->dirty, stream);
    }
}

void turn_unmark_dirty(struct stream *stream)
{
    if (stream->dirty) {
        DL_DELETE(stream->ev->dirty, stream);
        stream->dirty = false;
    }
}

/* --- Writing --- */

/* Writes once for every stream that was dirty when the round began. Callbacks in it may make streams dirty again;
 * those wait for the next round, so that a sender who is never full cannot hold the loop. The core is entered. */
static void flush_round(struct toxtcp_ev *ev)
{
    ev->unflushed = 0;
    if (!ev->dirty) {
        return;
    }
    (void)driver_now(ev);
    ev->round++;
    while (ev->dirty && ev->dirty->round != ev->round) {
        struct stream *stream = ev->dirty;
        stream_flush(stream);
        if (stream->keeper) {
            keeper_arm(stream->keeper);
        }
    }
}

void turn_handled(struct toxtcp_ev *ev, size_t len)
{
    ev->unflushed += (uint32_t)len;
    if (ev->unflushed >= BATCH_BYTES) {
        flush_round(ev);
    }
}

static void flush(struct toxtcp_ev *ev)
{
    if (ev->dirty) {
        driver_enter(ev);
        flush_round(ev);
        driver_leave(ev);
    }
}

/* --- Reading --- */

static void read_first(struct toxtcp_ev *ev, enum ready_queue queue)
{
    struct stream *stream = ev->ready[queue];

    turn_remove(stream);
    const size_t len = stream_read(stream);
    if (stream->keeper) {
        keeper_arm(stream->keeper);
    }
    turn_handled(ev, len);
}

static void read_open(struct toxtcp_ev *ev, enum ready_queue queue, uint64_t until_ns, int at_least)
{
    for (int i = 0; ev->ready[queue] && (i < at_least || ev->now_ns < until_ns); i++) {
        read_first(ev, queue);
    }
    flush_round(ev);
}

static void read_newcomers(struct toxtcp_ev *ev)
{
    int budget = NEWCOMER_BUDGET;

    while (budget > 0 && ev->ready[QUEUE_NEWCOMER]) {
        const struct stream *stream = ev->ready[QUEUE_NEWCOMER];
        read_first(ev, QUEUE_NEWCOMER);
        /* Buried at worst: the memory stands until the core is left. */
        budget -= stream->link && !toxtcp_link_is_open(stream->link) ? 1 : HANDSHAKE_COST;
    }
}

static void read_ready(struct toxtcp_ev *ev)
{
    driver_enter(ev);
    const uint64_t until_ns = ev->now_ns + TURN_NS + (uint64_t)ev->ready_count * TURN_NS_PER_STREAM;
    read_open(ev, QUEUE_QUIET, until_ns, 1);
    if (ev->ready[QUEUE_GREEDY]) {
        read_open(ev, QUEUE_GREEDY, until_ns, GREEDY_MIN);
    }
    read_newcomers(ev);
    driver_leave(ev);
}

/* --- Watchers --- */

/* What is ended by a write that fails may have sent messages to other loops, too. */
static void tell_others(struct toxtcp_ev *ev)
{
    if (ev->member) {
        mesh_tell_others(ev->member);
    }
}

static void on_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    (void)events;
    ev_idle_stop(loop, idle);
}

static void on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct toxtcp_ev *ev = prepare->data;
    struct keeper *keeper;

    (void)events;
    flush(ev);
    tell_others(ev);
    DL_FOREACH (ev->attached, keeper) {
        keeper_arm(keeper);
    }
    if (ev->dirty) {
        ev_idle_start(loop, &ev->idle);
    }
}

static void on_events_known(struct ev_loop *loop, struct ev_check *check, int events)
{
    struct toxtcp_ev *ev = check->data;

    (void)loop;
    (void)events;
    if (ev->ready_count > 0) {
        read_ready(ev);
    }
}

/* Runs last of all that is pending: one who polls without waiting has the answers of this turn sent in this turn. */
static void on_turn_over(struct ev_loop *loop, struct ev_check *check, int events)
{
    (void)loop;
    (void)events;
    flush(check->data);
    tell_others(check->data);
}

void turn_start(struct toxtcp_ev *ev)
{
    ev_prepare_init(&ev->prepare, on_prepare);
    ev_check_init(&ev->events_known, on_events_known);
    ev_check_init(&ev->turn_over, on_turn_over);
    ev_idle_init(&ev->idle, on_idle);
    ev_set_priority(&ev->prepare, PRIORITY_FLUSH);
    ev_set_priority(&ev->events_known, PRIORITY_READ);
    ev_set_priority(&ev->turn_over, PRIORITY_FLUSH);
    ev->prepare.data = ev;
    ev->events_known.data = ev;
    ev->turn_over.data = ev;
    ev_prepare_start(ev->loop, &ev->prepare);
    ev_check_start(ev->loop, &ev->events_known);
    ev_check_start(ev->loop, &ev->turn_over);
    /* They do not keep the loop alive: sockets and deadlines do. */
    ev_unref(ev->loop);
    ev_unref(ev->loop);
    ev_unref(ev->loop);
}

void turn_stop(struct toxtcp_ev *ev)
{
    ev_ref(ev->loop);
    ev_ref(ev->loop);
    ev_ref(ev->loop);
    ev_check_stop(ev->loop, &ev->turn_over);
    ev_check_stop(ev->loop, &ev->events_known);
    ev_prepare_stop(ev->loop, &ev->prepare);
    ev_idle_stop(ev->loop, &ev->idle);
}
