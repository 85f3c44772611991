/* One space of error codes for the whole library. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_ERROR_H
#define TOXTCP_ERROR_H

#include <stdbool.h>

#include <toxtcp/visibility.h>

TOXTCP_BEGIN

/* 0 is success, every error is negative. */
enum toxtcp_error {
    TOXTCP_OK = 0,

    /* The call was refused and changed nothing; the object lives on. */
    TOXTCP_ERR_NO_MEMORY = -1,     /* try again later */
    TOXTCP_ERR_WOULD_BLOCK = -2,   /* queue full: use another way, or wait for the can-send callback */
    TOXTCP_ERR_NOT_CONNECTED = -3, /* nothing to send through at this time */
    TOXTCP_ERR_TOO_LONG = -4,      /* over the maximum of its kind */
    TOXTCP_ERR_EMPTY = -5,         /* under the minimum of its kind */
    TOXTCP_ERR_INVALID = -6,       /* an argument that can never be right */
    TOXTCP_ERR_NOT_FOUND = -7,     /* a handle whose object is gone, or nothing of that name */
    TOXTCP_ERR_EXISTS = -8,        /* there is one already */
    TOXTCP_ERR_FULL = -9,          /* a table is at its maximum */
    TOXTCP_ERR_LIMIT = -10,        /* the relay's own limits refuse a newcomer */
    TOXTCP_ERR_UNSUPPORTED = -11,  /* this system has no such thing */

    /* The link is over. toxtcp_is_fatal() is true for these. */
    TOXTCP_ERR_REFUSED = -100,       /* nobody listens there */
    TOXTCP_ERR_UNREACHABLE = -101,   /* no route to host or network */
    TOXTCP_ERR_TIMED_OUT = -102,     /* connecting, the handshake or a pong took too long */
    TOXTCP_ERR_CLOSED = -103,        /* the other side closed the stream */
    TOXTCP_ERR_RESET = -104,         /* the other side reset the stream */
    TOXTCP_ERR_WRONG_KEY = -105,     /* the other side does not hold that key: the handshake was
                                        answered by something that does not open, or by closing; so
                                        does a relay that is full */
    TOXTCP_ERR_PROTOCOL = -106,      /* bytes that the protocol forbids */
    TOXTCP_ERR_OVERFLOW = -107,      /* the other side makes us queue, and does not read */
    TOXTCP_ERR_HOST_UNKNOWN = -108,  /* the name does not resolve */
    TOXTCP_ERR_NO_DESCRIPTOR = -109, /* out of file descriptors or socket memory */
    TOXTCP_ERR_NETWORK = -110,       /* any other error of the socket */
    TOXTCP_ERR_REPLACED = -111,      /* relay: a newer connection of the same key took its place */
    TOXTCP_ERR_EVICTED = -112,       /* relay: unconfirmed, and made room for a newcomer */
    TOXTCP_ERR_SHUT_DOWN = -113,     /* this side closed it on purpose */

    /* The same, with a proxy: what went wrong before there was a stream to the relay. */
    TOXTCP_ERR_PROXY_UNREACHABLE = -114, /* the proxy itself: nobody there, no route, no such name, no stream in time */
    TOXTCP_ERR_PROXY_CLOSED = -115,      /* it hung up instead of answering */
    TOXTCP_ERR_PROXY_PROTOCOL = -116,    /* its answer is none of this kind of proxy's */
    TOXTCP_ERR_PROXY_AUTH = -117,        /* it wants a user name and password, or others */
    TOXTCP_ERR_PROXY_FORBIDDEN = -118,   /* its rules do not allow to reach that relay */
    TOXTCP_ERR_PROXY_NO_RELAY = -119,    /* it cannot reach the relay */
    TOXTCP_ERR_PROXY_FAILED = -120,      /* it failed, or does not open streams for others */
    TOXTCP_ERR_PROXY_TIMED_OUT = -121    /* there is a stream to it, and in time it has led nowhere */
};

/* What an error means, in a sentence without a full stop; never NULL; static memory. Any int is allowed. */
TOXTCP_API const char *toxtcp_strerror(int error);

/* True when the error ends the link that it came from. */
TOXTCP_API bool toxtcp_is_fatal(int error);

TOXTCP_END

#endif
