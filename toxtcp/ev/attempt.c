/* One attempt to connect, to one address. SPDX-License-Identifier: ISC
 *
 * An attempt in the fast way, whose SYN carries data or asks for a cookie, gets another beside it after a while,
 * without: something on the way may swallow such a SYN. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "race.h"

/* --- The end --- */

/* Its socket is the caller's. */
static int attempt_take_socket(struct attempt *attempt)
{
    const int fd = attempt->io.fd;

    ev_io_stop(attempt->race->ev->loop, &attempt->io);
    DL_DELETE(attempt->race->attempts, attempt);
    free(attempt);
    return fd;
}

void attempt_drop(struct attempt *attempt)
{
    struct toxtcp_ev *ev = attempt->race->ev;

    (void)close(attempt_take_socket(attempt));
    listeners_resume(ev);
}

/* The other attempt to the same address, if it is still running. */
static struct attempt *find_partner(const struct attempt *attempt)
{
    struct attempt *other;

    DL_FOREACH (attempt->race->attempts, other) {
        if (other != attempt && other->order == attempt->order) {
            break;
        }
    }
    return other;
}

/* Otherwise the way has swallowed SYNs of either kind. */
static bool is_answered_at_once(const struct attempt *attempt)
{
    struct toxtcp_path path;

    return !alive_get_path(attempt->io.fd, &path) || path.retransmits == 0;
}

/* What this says of the fast way. */
static void judge_fast_open(const struct attempt *attempt, struct early *early)
{
    struct toxtcp_ev *ev = attempt->race->ev;

    if (attempt->sent > 0 && fast_open_was_used(attempt->io.fd)) {
        ev->info.fast_opens_taken++;
        early->taken = true;
    } else if (attempt->plain && is_answered_at_once(attempt)) {
        /* The SYN of the other kind had its time, or was refused, and this one is answered. */
        ev->info.fast_opens_failed++;
        fast_open_note_trouble(&ev->fast_open, &attempt->address, toxtcp_ev_now(ev));
    }
}

/* The loop may tell of both in one turn: then the way took both, and the one with its data there already is better. */
static struct attempt *better_of_both(struct attempt *attempt)
{
    struct attempt *partner = attempt->plain ? find_partner(attempt) : NULL;
    struct toxtcp_address remote;

    return partner && socket_remote_address(partner->io.fd, &remote) ? partner : attempt;
}

static void attempt_won(struct attempt *attempt)
{
    struct stream *stream = attempt->race->stream;

    attempt = better_of_both(attempt);
    struct early early = {.address = attempt->address, .sent = attempt->sent, .sent_ms = attempt->started_ms};
    judge_fast_open(attempt, &early);
    stream_connected(stream, attempt_take_socket(attempt), &early);
}

/* A firewall may also answer a SYN of the fast kind by a reset; one that comes later can only be for the data. */
static bool may_be_for_its_kind(const struct attempt *attempt, int error)
{
    const bool answer = error == TOXTCP_ERR_REFUSED || (error == TOXTCP_ERR_RESET && attempt->sent > 0);

    return attempt->fast && !attempt->joined && answer;
}

void attempt_failed(struct attempt *attempt, int error)
{
    struct race *race = attempt->race;
    const bool again = may_be_for_its_kind(attempt, error);
    const struct toxtcp_address address = attempt->address;
    const uint8_t order = attempt->order;
    const bool alone = !find_partner(attempt);

    attempt_drop(attempt);
    if (again) {
        error = attempt_start(race, &address, order, true);
    }
    if (error && alone) {
        race_note_error(race, order, error);
        race->next_at_ms = 0;
    }
    race_step(race);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct attempt *attempt = io->data;
    struct toxtcp_ev *ev = attempt->race->ev;
    struct stream *stream = attempt->race->stream;

    (void)loop;
    (void)events;
    driver_enter(ev);
    const int error = socket_connect_result(io->fd);
    if (error) {
        attempt_failed(attempt, error);
    } else {
        attempt_won(attempt);
    }
    if (stream->keeper) {
        keeper_arm(stream->keeper);
    }
    driver_leave(ev);
}

/* --- The beginning --- */

/* Connects a socket, with data in the SYN where that may be (`fast`). Returns 0 or an errno. */
static int attempt_connect(struct attempt *attempt, int fd, bool fast)
{
    struct toxtcp_ev *ev = attempt->race->ev;
    struct sockaddr_storage storage;
    const struct sockaddr *to = (const struct sockaddr *)&storage;
    const socklen_t len = (socklen_t)socket_address_encode(&attempt->address, &storage);

    if (fast && fast_open_may_try(&ev->fast_open, &attempt->address, toxtcp_ev_now(ev))) {
        const int error_number = fast_open_connect(fd, to, len, attempt->race->stream->link, &attempt->sent);
        ev->info.fast_opens_tried += attempt->sent > 0;
        ev->info.writes += attempt->sent > 0;
        ev->info.bytes_written += attempt->sent;
        if (error_number != EOPNOTSUPP && error_number != ENOPROTOOPT) {
            attempt->fast = !error_number;
            return error_number;
        }
        ev->fast_open.unsupported = true;
    }
    return connect(fd, to, len) && errno != EINPROGRESS ? errno : 0;
}

/* The descriptor of a socket that is connecting, or a fatal error. */
static int attempt_dial(struct attempt *attempt, bool fast)
{
    const int fd = socket_open(attempt->race->ev, &attempt->address);

    if (fd < 0) {
        return socket_error(errno);
    }
    const int error_number = attempt_connect(attempt, fd, fast);
    if (!error_number) {
        return fd;
    }
    (void)close(fd);
    if (error_number == EAGAIN && fast) {
        return attempt_dial(attempt, false);
    }
    return socket_error(error_number);
}

int attempt_start(struct race *race, const struct toxtcp_address *address, uint8_t order, bool plain)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);

    if (address->family == TOXTCP_FAMILY_NONE || !attempt) {
        free(attempt);
        return address->family == TOXTCP_FAMILY_NONE ? TOXTCP_ERR_UNREACHABLE : TOXTCP_ERR_NO_DESCRIPTOR;
    }
    attempt->race = race;
    attempt->address = *address;
    attempt->started_ms = toxtcp_ev_now(race->ev);
    attempt->order = order;
    attempt->plain = plain;
    /* Where no other can join it the fast way is not for it. */
    const int fd = attempt_dial(attempt, !plain && !race_is_serial(race));
    if (fd < 0) {
        free(attempt);
        return fd;
    }
    /* Even a socket that is connected already is reported by the loop, never out of dial(). */
    ev_io_init(&attempt->io, on_io, fd, EV_WRITE);
    ev_set_priority(&attempt->io, PRIORITY_SOCKET);
    attempt->io.data = attempt;
    ev_io_start(race->ev->loop, &attempt->io);
    DL_APPEND(race->attempts, attempt);
    return TOXTCP_OK;
}

uint64_t attempt_joins_at_ms(const struct attempt *attempt)
{
    return attempt->fast && !attempt->joined ? attempt->started_ms + ATTEMPT_DELAY_MS : TOXTCP_NEVER;
}

void attempt_join(struct attempt *attempt)
{
    /* If there is no descriptor for it, the kernel's own retransmission goes without data too, in a second. */
    attempt->joined = true;
    (void)attempt_start(attempt->race, &attempt->address, attempt->order, true);
}

bool attempt_is_from(const struct attempt *attempt, const struct toxtcp_address *ip)
{
    struct toxtcp_address local;

    return socket_local_address(attempt->io.fd, &local) && local.family == ip->family &&
           memcmp(local.ip, ip->ip, sizeof local.ip) == 0;
}
