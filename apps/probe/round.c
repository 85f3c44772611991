/* All relays of a list, looked at once. SPDX-License-Identifier: ISC */
#include "round.h"

#include <string.h>

#include <toxtcp/error.h>

static void end(struct round *round, struct probe **place)
{
    probe_free(*place);
    *place = NULL;
    round->done++;
    round->progress(round->user, round->done);
}

/* Some are finished as soon as they begin. */
static void fill(struct round *round, struct probe **place)
{
    while (*place == NULL && round->next < round->list->count) {
        struct probe_result *result = &round->results[round->next];

        *place = probe_new(round->place, &round->list->entries[round->next], result);
        round->next++;
        if (*place == NULL) {
            step_fail(&result->steps[STEP_RESOLVE], FAULT_OURS, TOXTCP_ERR_NO_MEMORY);
            result->finished = true;
        }
        if (result->finished) {
            end(round, place);
        }
    }
}

/* One in a turn: making keys takes time, in which a relay that was dialled just now would seem slow to answer. */
static void start_another(struct round *round)
{
    uint32_t i = 0;

    while (i < round->parallel && round->running[i] != NULL) {
        i++;
    }
    if (i < round->parallel) {
        fill(round, &round->running[i]);
    }
    if (i < round->parallel && round->next < round->list->count) {
        ev_idle_start(round->place->loop, &round->idle);
    } else {
        ev_idle_stop(round->place->loop, &round->idle);
    }
}

/* While it is active the loop does not wait. */
static void on_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    (void)loop;
    (void)idle;
    (void)events;
}

/* Once in each turn of the loop, when its callbacks have returned. */
static void on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct round *round = prepare->data;

    (void)events;
    for (uint32_t i = 0; i < round->parallel; i++) {
        if (round->running[i] != NULL && probe_look(round->running[i])) {
            end(round, &round->running[i]);
        }
    }
    start_another(round);
    if (round->done == round->list->count) {
        ev_prepare_stop(loop, prepare);
        round->over(round->user);
    }
}

void round_start(struct round *round)
{
    memset(round->results, 0, round->list->count * sizeof *round->results);
    memset(round->running, 0, sizeof round->running);
    round->next = 0;
    round->done = 0;
    ev_prepare_init(&round->prepare, on_prepare);
    round->prepare.data = round;
    ev_idle_init(&round->idle, on_idle);
    ev_prepare_start(round->place->loop, &round->prepare);
}

void round_stop(struct round *round)
{
    ev_prepare_stop(round->place->loop, &round->prepare);
    ev_idle_stop(round->place->loop, &round->idle);
    for (uint32_t i = 0; i < round->parallel; i++) {
        probe_free(round->running[i]);
        round->running[i] = NULL;
    }
}
