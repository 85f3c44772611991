/* System calls, addresses and errors of sockets. SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

bool socket_is_shortage(int error_number)
{
    return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM;
}

int socket_error(int error_number)
{
    if (socket_is_shortage(error_number)) {
        return TOXTCP_ERR_NO_DESCRIPTOR;
    }
    switch (error_number) {
    case ECONNREFUSED:
        return TOXTCP_ERR_REFUSED;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL: /* no address of ours leads there */
    case EAFNOSUPPORT:  /* a system without IPv6 */
        return TOXTCP_ERR_UNREACHABLE;
    case ETIMEDOUT:
        return TOXTCP_ERR_TIMED_OUT;
    case ECONNRESET:
    case EPIPE:
        return TOXTCP_ERR_RESET;
    default:
        return TOXTCP_ERR_NETWORK;
    }
}

int socket_address_encode(const struct toxtcp_address *address, struct sockaddr_storage *storage)
{
    memset(storage, 0, sizeof *storage);
    if (address->family == TOXTCP_FAMILY_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)storage;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->ip, sizeof in->sin_addr);
        return sizeof *in;
    }
    if (address->family == TOXTCP_FAMILY_IPV6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        in6->sin6_scope_id = address->scope_id;
        memcpy(&in6->sin6_addr, address->ip, sizeof in6->sin6_addr);
        return sizeof *in6;
    }
    return TOXTCP_ERR_INVALID;
}

bool socket_address_decode(const struct sockaddr *from, struct toxtcp_address *address)
{
    struct toxtcp_address decoded = {0};

    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)from;
        decoded.family = TOXTCP_FAMILY_IPV4;
        decoded.port = ntohs(in->sin_port);
        memcpy(decoded.ip, &in->sin_addr, sizeof in->sin_addr);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)from;
        decoded.family = TOXTCP_FAMILY_IPV6;
        decoded.port = ntohs(in6->sin6_port);
        decoded.scope_id = in6->sin6_scope_id;
        memcpy(decoded.ip, &in6->sin6_addr, sizeof in6->sin6_addr);
    } else {
        return false;
    }
    *address = decoded;
    return true;
}

bool socket_address_parse(const char *host, uint16_t port, struct toxtcp_address *address)
{
    /* With AI_NUMERICHOST this only reads the text; and it knows the interfaces by name. */
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *result = NULL;

    if (getaddrinfo(host, NULL, &hints, &result) != 0) {
        return false;
    }
    const bool known = socket_address_decode(result->ai_addr, address);
    freeaddrinfo(result);
    address->port = port;
    return known;
}

void socket_set_no_delay(int fd)
{
    const int on = 1;

    /* A socket that does not know the option is slower, not wrong. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The kernel takes little more than what it can send now. Otherwise a burst over a slow line disappears in it, a ping
 * waits behind that for seconds, and nothing tells a relay that is busy with it from one that is dead. */
static void keep_queue_short(int fd)
{
#ifdef TCP_NOTSENT_LOWAT
    const int unsent_max = 16384;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof unsent_max);
#else
    (void)fd;
#endif
}

/* Without a port of its own the socket gets one when it connects, so that one port can serve many connections. */
static int bind_to(int fd, const struct toxtcp_address *source)
{
    struct sockaddr_storage storage;
    const int len = socket_address_encode(source, &storage);

#ifdef IP_BIND_ADDRESS_NO_PORT
    if (source->port == 0) {
        const int on = 1;
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    }
#endif
    return bind(fd, (const struct sockaddr *)&storage, (socklen_t)len);
}

int socket_connect(const struct toxtcp_address *address, const struct toxtcp_address *source)
{
    struct sockaddr_storage storage;
    const int len = socket_address_encode(address, &storage);

    if (len < 0) {
        return TOXTCP_ERR_UNREACHABLE;
    }
    const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return socket_error(errno);
    }
    socket_set_no_delay(fd);
    keep_queue_short(fd);
    if ((source->family == address->family && bind_to(fd, source)) ||
        (connect(fd, (const struct sockaddr *)&storage, (socklen_t)len) && errno != EINPROGRESS)) {
        const int error = socket_error(errno);
        (void)close(fd);
        return error;
    }
    return fd;
}

int socket_connect_result(int fd)
{
    int error_number = 0;
    socklen_t len = sizeof error_number;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &len)) {
        return socket_error(errno);
    }
    return error_number ? socket_error(error_number) : TOXTCP_OK;
}

bool socket_remote_address(int fd, struct toxtcp_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;

    return getpeername(fd, (struct sockaddr *)&storage, &len) == 0 &&
           socket_address_decode((const struct sockaddr *)&storage, address);
}
