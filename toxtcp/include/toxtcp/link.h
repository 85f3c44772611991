/* A link: one byte stream, the only door between the core and a socket. SPDX-License-Identifier: ISC
 *
 * Time is `now_ms`: milliseconds of one monotonic clock, the same for all calls on the objects of an env.
 *
 * Whoever moves the bytes is called the driver: libtoxtcp-ev, a poll(2) loop, a simulator. The driver calls
 * toxtcp_link_...(); the core calls the functions of struct toxtcp_driver. */
#ifndef TOXTCP_LINK_H
#define TOXTCP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/visibility.h>

TOXTCP_BEGIN

struct toxtcp_link;

/* What the system knows of the way that a stream goes, without any packet for it. What it doesn't tell is 0. */
struct toxtcp_path {
    uint32_t rtt_us;                /* smoothed round trip */
    uint32_t rtt_var_us;            /* its mean deviation */
    uint32_t retransmits_in_row;    /* times that something was sent again since anything was acknowledged */
    uint32_t retransmits;           /* segments sent again in all */
    uint32_t unacknowledged;        /* segments under way */
    uint32_t unacknowledged_for_ms; /* time since the other system acknowledged anything, idle time included */
    uint32_t unsent_len;            /* bytes that the system holds and has not sent yet */
    uint64_t delivery_rate;         /* bytes per second, measured last */
    bool fast_open;                 /* the SYN carried data */
};

/* What a driver does for the core. The struct must outlive every object that was given it.
 *
 * A link ends once, in one of two ways: the driver calls toxtcp_link_closed(), or the core calls close().
 * From then on neither side uses the link. Any toxtcp_link_ call can lead to close() before it returns. */
struct toxtcp_driver {
    void *user; /* handed to every function */

    /* Opens a stream to `endpoint` for `link`, without waiting. `endpoint` and its host are valid during the
     * call. Returns 0, and later says toxtcp_link_connected() or toxtcp_link_closed(), never during dial();
     * or a fatal error, and then forgets the link. A driver sets its driver data here: while a link is not
     * connected and has none, it is unknown to the driver and close() is not called for it. May be NULL in a driver
     * for servers alone. */
    int (*dial)(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint);

    /* The link has bytes to write where it had none. Said once until all are written; the driver writes
     * when its loop turn ends, so that all packets of the turn leave in one write. Not said before
     * toxtcp_link_connected(). Must not call back into the core. */
    void (*output_ready)(void *user, struct toxtcp_link *link);

    /* The deadline of the link's object is due at once, though nothing moved: a function of the caller's made it so.
     * May be NULL in a driver that looks at deadlines at every turn. Must not call back into the core. */
    void (*attend)(void *user, struct toxtcp_link *link);

    /* The core is done with the link. The driver may call toxtcp_link_output() once more and write what
     * the socket takes without waiting; then it closes the socket and forgets the link. */
    void (*close)(void *user, struct toxtcp_link *link);

    /* Whether the link wants more bytes. Told false, the driver stops reading this stream until it is told true, so
     * that TCP slows the sender down; what it has read already it still hands over. A link that was told nothing wants
     * bytes. Must not call back into the core. May be NULL in a driver that always reads: limits then hold less
     * strictly. */
    void (*want_input)(void *user, struct toxtcp_link *link, bool wanted);

    /* Says what the system knows of the link's stream; false when it knows nothing. Asked while something is suspect,
     * and for the caller's information. Must not call back into the core. May be NULL. */
    bool (*path)(void *user, struct toxtcp_link *link, struct toxtcp_path *path);
};

/* A pointer of the driver's own, NULL at first. The core never looks at it. */
TOXTCP_API void toxtcp_link_set_driver_data(struct toxtcp_link *link, void *data);
TOXTCP_API void *toxtcp_link_driver_data(const struct toxtcp_link *link);

/* Lends the bytes that the stream will begin with: makes them when it is called first, keeps them, and returns how
 * many; 0 when there is no memory for them, and when there is a password for a proxy among them, since what leaves
 * early may arrive twice. A driver that can let them leave before the stream is open (TCP Fast Open) calls it from
 * dial() on, in it too, until toxtcp_link_connected(); the bytes are valid as long. They are the first output after
 * that, and what of them left already the driver then reports by toxtcp_link_sent(). They may go to several addresses
 * of the endpoint, but one stream alone becomes the link's. It costs a handshake's keys, so it is for when the bytes
 * will be sent. Leads to no callback. */
TOXTCP_API size_t toxtcp_link_early_output(struct toxtcp_link *link, const uint8_t **bytes);

/* The stream that dial() asked for is open, to `remote` (NULL when the driver does not know it; copied). Once per link.
 * There is output when it returns. Not inside a callback. Cannot fail: what goes wrong ends in close(). */
TOXTCP_API void toxtcp_link_connected(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms);

/* True once the handshake is done. What comes before that costs the relay a thousand times more than a packet, so a
 * driver may serve it last. */
TOXTCP_API bool toxtcp_link_is_open(const struct toxtcp_link *link);

/* Bytes came in. `bytes` is the driver's, is not changed and is not needed after the call; any cut of the
 * stream will do, `len` 0 too. Callbacks to the application happen in here. Not inside a callback.
 * Returns 0; or the fatal error for which the core has just called close(). */
TOXTCP_API int toxtcp_link_recv(struct toxtcp_link *link, const uint8_t *bytes, size_t len, uint64_t now_ms);

/* The stream is over, or could not be opened. `error` is a fatal one: TOXTCP_ERR_CLOSED for its orderly end,
 * _RESET, _REFUSED, _UNREACHABLE, _HOST_UNKNOWN, ... The core does not call close(); the driver must not
 * use the link again. Not inside a callback. */
TOXTCP_API void toxtcp_link_closed(struct toxtcp_link *link, int error, uint64_t now_ms);

/* Lends the bytes that are to be written: sets `*bytes` and returns how many, 0 for none. Valid until the
 * next call that touches this link's object. */
TOXTCP_API size_t toxtcp_link_output(const struct toxtcp_link *link, const uint8_t **bytes);

/* The first `len` of the lent bytes are written; of what left before the stream was open, `now_ms` says when that was,
 * so that its round trip is measured from there. When all are, or when a send was refused before and there is
 * room again, callbacks may happen in here. Not inside a callback. */
TOXTCP_API void toxtcp_link_sent(struct toxtcp_link *link, size_t len, uint64_t now_ms);

TOXTCP_END

#endif
