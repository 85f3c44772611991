/* The addresses of a name, tried one after another until one connects. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/* While others are left, an address gets so long to answer: a dead IPv6 route must not use up the time that
 * the link has for connecting (10 s). */
#define ATTEMPT_SECONDS 2.

enum { CANDIDATES_MAX = 8 };

struct candidates {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    struct stream *stream; /* NULL: nobody waits any more, free it when the answer comes */
    struct ev_timer timer; /* the next attempt is due */
    bool resolving;
    uint8_t count;
    uint8_t tried;
    uint16_t port;
    int error; /* of the first address that failed: they come sorted, the best one first */
    struct toxtcp_address addresses[CANDIDATES_MAX];
};

static void try_after(struct candidates *candidates, ev_tstamp seconds)
{
    ev_timer_stop(candidates->ev->loop, &candidates->timer);
    ev_timer_set(&candidates->timer, seconds, 0.);
    ev_timer_start(candidates->ev->loop, &candidates->timer);
}

static void note_error(struct candidates *candidates, int error)
{
    if (!candidates->error) {
        candidates->error = error;
    }
}

static void try_next(struct candidates *candidates)
{
    struct stream *stream = candidates->stream;

    stream_hang_up(stream);
    while (candidates->tried < candidates->count) {
        const int error = stream_connect(stream, &candidates->addresses[candidates->tried++]);
        if (!error) {
            if (candidates->tried < candidates->count) {
                try_after(candidates, ATTEMPT_SECONDS);
            }
            return;
        }
        note_error(candidates, error);
    }
    stream_end(stream, candidates->error);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct candidates *candidates = timer->data;
    struct toxtcp_ev *ev = candidates->ev;

    (void)loop;
    (void)events;
    driver_enter(ev);
    if (candidates->tried > 0) {
        note_error(candidates, TOXTCP_ERR_TIMED_OUT);
    }
    try_next(candidates);
    driver_leave(ev);
}

void candidates_failed(struct candidates *candidates, int error)
{
    ev_timer_stop(candidates->ev->loop, &candidates->timer);
    note_error(candidates, error);
    try_next(candidates);
}

void candidates_add(struct candidates *candidates, const struct sockaddr *address)
{
    if (candidates->count < CANDIDATES_MAX &&
        socket_address_decode(address, &candidates->addresses[candidates->count])) {
        candidates->addresses[candidates->count].port = candidates->port;
        candidates->count++;
    }
}

void candidates_resolved(struct candidates *candidates, int error)
{
    candidates->resolving = false;
    if (!candidates->stream) {
        driver_bury(candidates->ev, &candidates->corpse);
        return;
    }
    if (candidates->count == 0) {
        note_error(candidates, error ? error : TOXTCP_ERR_HOST_UNKNOWN);
    }
    /* By way of the timer, since the answer may have come within dial(). */
    try_after(candidates, 0.);
}

void candidates_drop(struct candidates *candidates)
{
    ev_timer_stop(candidates->ev->loop, &candidates->timer);
    candidates->stream = NULL;
    if (!candidates->resolving) {
        driver_bury(candidates->ev, &candidates->corpse);
    }
}

/* RFC 6761 and RFC 7686: names that no DNS server is to be asked for. */
static bool has_special_end(const char *host)
{
    static const char *const ends[] = {".invalid", ".onion"};
    size_t len = strlen(host);

    if (len > 0 && host[len - 1] == '.') {
        len--;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end_len = strlen(ends[i]);
        if (len >= end_len && strncasecmp(host + len - end_len, ends[i], end_len) == 0) {
            return true;
        }
    }
    return false;
}

int candidates_start(struct stream *stream, const char *host, uint16_t port)
{
    if (!*host || strlen(host) > TOXTCP_HOST_MAX || has_special_end(host)) {
        return TOXTCP_ERR_HOST_UNKNOWN;
    }
    struct candidates *candidates = calloc(1, sizeof *candidates);
    if (!candidates) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    candidates->ev = stream->ev;
    candidates->stream = stream;
    candidates->port = port;
    candidates->resolving = true;
    ev_timer_init(&candidates->timer, on_timer, 0., 0.);
    ev_set_priority(&candidates->timer, PRIORITY_DEADLINE);
    candidates->timer.data = candidates;
    const int error = resolver_ask(stream->ev, host, candidates);
    if (error) {
        free(candidates);
        return error;
    }
    stream->candidates = candidates;
    return TOXTCP_OK;
}
