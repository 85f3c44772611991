/* System calls, addresses and errors of sockets. SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
    case ENODEV:        /* the interface to dial from is gone */
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

/* By way of one interface alone. Returns -1 with errno. */
static int bind_to_interface(int fd, int family, const char *name)
{
#if defined SO_BINDTODEVICE
    (void)family;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
#elif defined IP_BOUND_IF
    const unsigned index = if_nametoindex(name);
    const bool is_ip6 = family == AF_INET6;

    if (index == 0) {
        errno = ENODEV;
        return -1;
    }
    return setsockopt(fd, is_ip6 ? IPPROTO_IPV6 : IPPROTO_IP, is_ip6 ? IPV6_BOUND_IF : IP_BOUND_IF, &index,
                      sizeof index);
#else
    (void)fd;
    (void)family;
    (void)name;
    errno = ENODEV;
    return -1;
#endif
}

bool socket_can_bind_to_interface(void)
{
#if defined SO_BINDTODEVICE || defined IP_BOUND_IF
    return true;
#else
    return false;
#endif
}

/* From where streams are dialled, and how it is found out that they are dead. Returns -1 with errno. */
static int prepare(int fd, int family, const struct toxtcp_ev *ev)
{
    const int source_family = ev->source.family == TOXTCP_FAMILY_IPV6 ? AF_INET6 : AF_INET;

    socket_set_no_delay(fd);
    alive_set_options(fd, &ev->options);
    if (ev->interface[0] && bind_to_interface(fd, family, ev->interface)) {
        return -1;
    }
    return ev->source.family != TOXTCP_FAMILY_NONE && source_family == family ? bind_to(fd, &ev->source) : 0;
}

int socket_open(const struct toxtcp_ev *ev, const struct toxtcp_address *address)
{
    const int family = address->family == TOXTCP_FAMILY_IPV6 ? AF_INET6 : AF_INET;
    const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    if (prepare(fd, family, ev)) {
        const int error_number = errno;
        (void)close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

ssize_t socket_send(int fd, const uint8_t *bytes, size_t len, bool last)
{
#ifdef MSG_MORE
    return send(fd, bytes, len, MSG_NOSIGNAL | (last ? MSG_MORE : 0));
#else
#ifdef TCP_NOPUSH
    if (last) {
        const int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOPUSH, &on, sizeof on);
    }
#else
    (void)last;
#endif
    return send(fd, bytes, len, MSG_NOSIGNAL);
#endif
}

bool socket_is_drained(int fd)
{
    int waiting = 0;

#if defined SO_NWRITE /* macOS */
    socklen_t len = sizeof waiting;
    return getsockopt(fd, SOL_SOCKET, SO_NWRITE, &waiting, &len) == 0 && waiting == 0;
#elif defined FIONWRITE /* FreeBSD */
    return ioctl(fd, FIONWRITE, &waiting) == 0 && waiting == 0;
#else
    return ioctl(fd, TIOCOUTQ, &waiting) == 0 && waiting == 0;
#endif
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

bool socket_local_address(int fd, struct toxtcp_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;

    return getsockname(fd, (struct sockaddr *)&storage, &len) == 0 &&
           socket_address_decode((const struct sockaddr *)&storage, address);
}

static bool connect_from(int fd, const struct toxtcp_ev *ev, const struct toxtcp_address *to)
{
    const int family = to->family == TOXTCP_FAMILY_IPV6 ? AF_INET6 : AF_INET;
    struct toxtcp_address source = ev->source;
    struct sockaddr_storage storage;
    const int len = socket_address_encode(to, &storage);

    source.port = 0;
    if (ev->interface[0] && bind_to_interface(fd, family, ev->interface)) {
        return false;
    }
    if (ev->source.family == to->family && bind_to(fd, &source)) {
        return false;
    }
    return len > 0 && connect(fd, (const struct sockaddr *)&storage, (socklen_t)len) == 0;
}

bool socket_source_to(const struct toxtcp_ev *ev, const struct toxtcp_address *to, struct toxtcp_address *source)
{
    const int fd = socket(to->family == TOXTCP_FAMILY_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    const bool known = connect_from(fd, ev, to) && socket_local_address(fd, source);
    (void)close(fd);
    return known;
}

bool socket_remote_address(int fd, struct toxtcp_address *address)
{
    struct sockaddr_storage storage;
    socklen_t len = sizeof storage;

    return getpeername(fd, (struct sockaddr *)&storage, &len) == 0 &&
           socket_address_decode((const struct sockaddr *)&storage, address);
}
