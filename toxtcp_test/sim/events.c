/* What happens next in a simulation. SPDX-License-Identifier: ISC */
#include "events.h"

#include <toxtcp/toxtcp.h>

#include "support/net_env.h"

enum { RANKS = 4 };

void events_open(struct events *events, struct toxtcp_env *env, uint64_t now_ms)
{
    *events = (struct events){.env = env, .now_ms = now_ms};
}

void events_close(struct events *events)
{
    net_require(events->heap.count == 0, "an event is left over");
    heap_free(&events->heap, events->env);
}

void event_join(struct events *events, struct event *event, enum event_rank rank, void (*run)(void *user), void *user)
{
    *event = (struct event){.rank = rank, .run = run, .user = user};
    net_require(heap_join(&events->heap, events->env, &event->item, TOXTCP_NEVER) == 0, "no memory for an event");
}

void event_leave(struct events *events, struct event *event)
{
    heap_leave(&events->heap, &event->item);
}

void event_set(struct events *events, struct event *event, uint64_t at_ms)
{
    const uint64_t moment = at_ms < events->now_ms ? events->now_ms : at_ms;

    heap_set(&events->heap, &event->item,
             at_ms == TOXTCP_NEVER ? TOXTCP_NEVER : moment * RANKS + (uint64_t)event->rank);
}

void event_hasten(struct events *events, struct event *event, uint64_t at_ms)
{
    if (at_ms < event->item.key / RANKS) {
        event_set(events, event, at_ms);
    }
}

bool events_run_one(struct events *events, uint64_t until_ms)
{
    const uint64_t key = heap_first_key(&events->heap);

    if (key / RANKS > until_ms) {
        events->now_ms = until_ms;
        return false;
    }
    struct event *event = (struct event *)(void *)heap_first(&events->heap);
    events->now_ms = key / RANKS;
    events->run_count++;
    heap_set(&events->heap, &event->item, TOXTCP_NEVER);
    event->run(event->user);
    return true;
}
