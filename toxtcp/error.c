/* What each error code means, for people. SPDX-License-Identifier: ISC */
#include <toxtcp/error.h>

const char *toxtcp_strerror(int error)
{
    switch (error) {
    case TOXTCP_OK:
        return "success";
    case TOXTCP_ERR_NO_MEMORY:
        return "out of memory";
    case TOXTCP_ERR_WOULD_BLOCK:
        return "the queue is full, try again when there is room";
    case TOXTCP_ERR_NOT_CONNECTED:
        return "not connected";
    case TOXTCP_ERR_TOO_LONG:
        return "too long";
    case TOXTCP_ERR_EMPTY:
        return "too short";
    case TOXTCP_ERR_INVALID:
        return "invalid argument";
    case TOXTCP_ERR_NOT_FOUND:
        return "no such object";
    case TOXTCP_ERR_EXISTS:
        return "exists already";
    case TOXTCP_ERR_FULL:
        return "the table is full";
    case TOXTCP_ERR_LIMIT:
        return "refused by a limit";
    case TOXTCP_ERR_UNSUPPORTED:
        return "not supported by this system";
    case TOXTCP_ERR_REFUSED:
        return "connection refused: nobody listens there";
    case TOXTCP_ERR_UNREACHABLE:
        return "host or network unreachable";
    case TOXTCP_ERR_TIMED_OUT:
        return "timed out";
    case TOXTCP_ERR_CLOSED:
        return "closed by the other side";
    case TOXTCP_ERR_RESET:
        return "reset by the other side";
    case TOXTCP_ERR_WRONG_KEY:
        return "wrong relay key, or no room: the handshake was refused or answered with another key";
    case TOXTCP_ERR_PROTOCOL:
        return "protocol violation";
    case TOXTCP_ERR_OVERFLOW:
        return "the other side does not read what it asks for";
    case TOXTCP_ERR_HOST_UNKNOWN:
        return "unknown host";
    case TOXTCP_ERR_NO_DESCRIPTOR:
        return "out of file descriptors or socket memory";
    case TOXTCP_ERR_NETWORK:
        return "network error";
    case TOXTCP_ERR_REPLACED:
        return "replaced by a newer connection of the same key";
    case TOXTCP_ERR_EVICTED:
        return "made room for a newcomer before it was confirmed";
    case TOXTCP_ERR_SHUT_DOWN:
        return "closed on purpose";
    case TOXTCP_ERR_PROXY_UNREACHABLE:
        return "the proxy cannot be reached";
    case TOXTCP_ERR_PROXY_CLOSED:
        return "the proxy closed the connection without an answer";
    case TOXTCP_ERR_PROXY_PROTOCOL:
        return "the proxy answers with something else: it may be a proxy of another kind, or none";
    case TOXTCP_ERR_PROXY_AUTH:
        return "the proxy wants a user name and password, or refuses those that it was given";
    case TOXTCP_ERR_PROXY_FORBIDDEN:
        return "the proxy's rules forbid it";
    case TOXTCP_ERR_PROXY_NO_RELAY:
        return "the proxy cannot reach the relay";
    case TOXTCP_ERR_PROXY_FAILED:
        return "the proxy failed, or does not serve such requests";
    case TOXTCP_ERR_PROXY_TIMED_OUT:
        return "the proxy did not answer in time: it may be slow to reach the relay, or no proxy";
    default:
        return "unknown error";
    }
}

bool toxtcp_is_fatal(int error)
{
    return error <= TOXTCP_ERR_REFUSED;
}
