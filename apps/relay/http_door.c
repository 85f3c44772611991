/* Who comes in to the HTTP server. SPDX-License-Identifier: ISC */
#include "http_door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64 };

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t to_socket(const struct toxtcp_address *address, union socket_address *to)
{
    memset(to, 0, sizeof *to);
    if (address->family == TOXTCP_FAMILY_IPV4) {
        to->ipv4.sin_family = AF_INET;
        to->ipv4.sin_port = htons(address->port);
        memcpy(&to->ipv4.sin_addr, address->ip, sizeof to->ipv4.sin_addr);
        return sizeof to->ipv4;
    }
    to->ipv6.sin6_family = AF_INET6;
    to->ipv6.sin6_port = htons(address->port);
    to->ipv6.sin6_scope_id = address->scope_id;
    memcpy(&to->ipv6.sin6_addr, address->ip, sizeof to->ipv6.sin6_addr);
    return sizeof to->ipv6;
}

/* Sets errno when it returns false. */
static bool bind_and_listen(int fd, const struct toxtcp_address *address, struct toxtcp_address *found)
{
    const int on = 1;
    union socket_address at;
    socklen_t len = to_socket(address, &at);

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (address->family == TOXTCP_FAMILY_IPV6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, &at.any, len) != 0 || listen(fd, BACKLOG) != 0 || getsockname(fd, &at.any, &len) != 0) {
        return false;
    }
    *found = *address;
    found->port = ntohs(at.any.sa_family == AF_INET ? at.ipv4.sin_port : at.ipv6.sin6_port);
    return true;
}

static const char *reason(int number)
{
    switch (number) {
    case EADDRINUSE:
        return "the address is in use: another program listens there";
    case EADDRNOTAVAIL:
        return "the address is not one of this machine";
    case EACCES:
        return "the port is not allowed to us";
    default:
        return strerror(number);
    }
}

int http_door_listen(const struct toxtcp_address *address, struct toxtcp_address *found, struct problem *problem)
{
    const int family = address->family == TOXTCP_FAMILY_IPV4 ? AF_INET : AF_INET6;
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    char text[TOXTCP_ADDRESS_TEXT_SIZE];
    int number;

    if (fd >= 0 && bind_and_listen(fd, address, found)) {
        return fd;
    }
    number = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    toxtcp_address_format(address, text);
    return problem_set(problem, "cannot serve HTTP at %s: %s", text, reason(number));
}

bool http_door_is_loopback(const struct toxtcp_address *address)
{
    if (address->family == TOXTCP_FAMILY_IPV4) {
        return address->ip[0] == 127;
    }
    return memcmp(address->ip, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

/* Cuts off ":port" and the brackets of an IPv6 address. False when it is no host with a port. */
static bool name_of(const char *host, char *name, size_t size, bool *bracketed)
{
    const char *begin = host;
    const char *end;
    size_t len;

    *bracketed = *host == '[';
    if (*bracketed) {
        begin++;
        end = strchr(begin, ']');
    } else {
        end = begin + strcspn(begin, ":");
    }
    if (end == NULL || (size_t)(end - begin) >= size) {
        return false;
    }
    len = (size_t)(end - begin);
    memcpy(name, begin, len);
    name[len] = '\0';
    end += *bracketed ? 1 : 0;
    if (*end == ':') {
        end += 1 + strspn(end + 1, "0123456789");
    }
    return *end == '\0';
}

bool http_door_is_local_name(const char *host)
{
    char name[INET6_ADDRSTRLEN];
    struct toxtcp_address address = {0};
    bool bracketed;

    if (host == NULL) {
        return true;
    }
    if (!name_of(host, name, sizeof name, &bracketed)) {
        return false;
    }
    if (bracketed) {
        address.family = TOXTCP_FAMILY_IPV6;
        return inet_pton(AF_INET6, name, address.ip) == 1 && http_door_is_loopback(&address);
    }
    address.family = TOXTCP_FAMILY_IPV4;
    return strcasecmp(name, "localhost") == 0 ||
           (inet_pton(AF_INET, name, address.ip) == 1 && http_door_is_loopback(&address));
}

void http_door_init(struct http_door *door)
{
    (void)pthread_mutex_init(&door->lock, NULL);
    door->count = 0;
    door->expected = 0;
    for (int i = 0; i < HTTP_PLACES; i++) {
        door->places[i].fd = -1;
    }
}

void http_door_destroy(struct http_door *door)
{
    (void)pthread_mutex_destroy(&door->lock);
}

/* The lock is held. */
static int place_of(const struct http_door *door, int fd)
{
    int i = 0;

    while (i < HTTP_PLACES && door->places[i].fd != fd) {
        i++;
    }
    return i;
}

bool http_door_has_room(struct http_door *door)
{
    bool room;

    (void)pthread_mutex_lock(&door->lock);
    room = door->count + door->expected < HTTP_CONNECTIONS_MAX;
    (void)pthread_mutex_unlock(&door->lock);
    return room;
}

/* The lock is held. */
static void arrived(struct http_door *door)
{
    door->expected -= door->expected > 0 ? 1 : 0;
}

void http_door_expect(struct http_door *door, bool comes)
{
    (void)pthread_mutex_lock(&door->lock);
    if (comes) {
        door->expected++;
    } else {
        arrived(door);
    }
    (void)pthread_mutex_unlock(&door->lock);
}

bool http_door_expects(struct http_door *door)
{
    bool expects;

    (void)pthread_mutex_lock(&door->lock);
    expects = door->expected > 0;
    (void)pthread_mutex_unlock(&door->lock);
    return expects;
}

void http_door_renew(struct http_door *door, int fd, uint64_t now_ms)
{
    int i;

    (void)pthread_mutex_lock(&door->lock);
    i = place_of(door, fd);
    if (i == HTTP_PLACES) {
        i = place_of(door, -1);
    }
    if (i < HTTP_PLACES) {
        if (door->places[i].fd < 0) {
            door->count++;
            arrived(door);
        }
        door->places[i].fd = fd;
        door->places[i].since_ms = now_ms;
    }
    (void)pthread_mutex_unlock(&door->lock);
}

void http_door_leave(struct http_door *door, int fd)
{
    int i;

    (void)pthread_mutex_lock(&door->lock);
    i = place_of(door, fd);
    if (i < HTTP_PLACES && fd >= 0) {
        door->places[i].fd = -1;
        door->count--;
    }
    (void)pthread_mutex_unlock(&door->lock);
}

void http_door_cut(struct http_door *door, uint64_t now_ms, uint64_t patience_ms)
{
    (void)pthread_mutex_lock(&door->lock);
    door->expected = 0;
    for (int i = 0; i < HTTP_PLACES; i++) {
        if (door->places[i].fd >= 0 && now_ms - door->places[i].since_ms > patience_ms) {
            (void)shutdown(door->places[i].fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&door->lock);
}
