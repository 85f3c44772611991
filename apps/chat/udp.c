/* The sockets for UDP, one of each family, and the addresses at which they hear. SPDX-License-Identifier: ISC */
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "candidate.h"

enum {
    SOCKETS = 2,                         /* IPv4, IPv6 */
    TURN_MAX = 16,                       /* datagrams of a socket in one turn of the loop, so that others have theirs */
    OUTSIDE_MAX = 2,                     /* addresses that peers see, and we don't */
    BUFFER_SIZE = SESSION_PACKET_MAX + 1 /* so that one that is too long shows */
};

struct udp_socket {
    struct udp *udp;
    int fd; /* -1: there is none */
    uint16_t port;
    ev_io watcher;
};

/* Where a peer sees us. */
struct outside {
    const void *peer;
    struct toxtcp_address address;
};

struct udp {
    struct ev_loop *loop;
    struct udp_options options;
    udp_received *received;
    void *user;
    struct udp_socket sockets[SOCKETS];
    struct toxtcp_address own[SESSION_ADDRESSES_MAX]; /* of our interfaces, when they were asked last */
    size_t own_count;
    struct outside outside[OUTSIDE_MAX]; /* the newest first */
    size_t outside_count;
};

union any_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* --- Addresses of the system and ours --- */

static struct toxtcp_address from_system(const struct sockaddr *system)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_NONE};
    union any_address any;

    if (system->sa_family == AF_INET) {
        memcpy(&any.in, system, sizeof any.in);
        address.family = TOXTCP_FAMILY_IPV4;
        memcpy(address.ip, &any.in.sin_addr, 4);
        address.port = ntohs(any.in.sin_port);
    } else if (system->sa_family == AF_INET6) {
        memcpy(&any.in6, system, sizeof any.in6);
        address.family = TOXTCP_FAMILY_IPV6;
        memcpy(address.ip, &any.in6.sin6_addr, 16);
        address.port = ntohs(any.in6.sin6_port);
        address.scope_id = any.in6.sin6_scope_id;
    }
    return address;
}

static socklen_t to_system(const struct toxtcp_address *address, union any_address *any)
{
    *any = (union any_address){.in6 = {.sin6_family = AF_INET6}};
    if (address->family == TOXTCP_FAMILY_IPV4) {
        any->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&any->in.sin_addr, address->ip, 4);
        return sizeof any->in;
    }
    any->in6.sin6_port = htons(address->port);
    any->in6.sin6_scope_id = address->scope_id;
    memcpy(&any->in6.sin6_addr, address->ip, 16);
    return sizeof any->in6;
}

static bool is_loopback(const struct toxtcp_address *address)
{
    static const uint8_t one[16] = {[15] = 1};

    return address->family == TOXTCP_FAMILY_IPV4 ? address->ip[0] == 127 : memcmp(address->ip, one, sizeof one) == 0;
}

static const struct udp_socket *socket_for(const struct udp *udp, const struct toxtcp_address *address)
{
    return &udp->sockets[address->family == TOXTCP_FAMILY_IPV4 ? 0 : 1];
}

bool udp_reaches(const struct udp *udp, const struct toxtcp_address *address)
{
    return candidate_is_possible(address) && socket_for(udp, address)->fd >= 0 &&
           (udp->options.loopback || !is_loopback(address));
}

/* --- Datagrams --- */

void udp_send(struct udp *udp, const struct toxtcp_address *to, const uint8_t *packet, size_t len)
{
    union any_address any;
    socklen_t size = to_system(to, &any);

    /* No room, no route, an answer by ICMP: the datagram is lost, and whoever waits for an answer finds out. */
    if (udp_reaches(udp, to)) {
        (void)sendto(socket_for(udp, to)->fd, packet, len, 0, &any.any, size);
    }
}

/* One call takes all that a turn may take. */
static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct udp_socket *from = watcher->data;
    uint8_t bytes[TURN_MAX][BUFFER_SIZE];
    union any_address senders[TURN_MAX];
    struct iovec pieces[TURN_MAX];
    struct mmsghdr messages[TURN_MAX] = {{.msg_len = 0}};
    int count;

    (void)loop;
    (void)events;
    for (int i = 0; i < TURN_MAX; i++) {
        pieces[i] = (struct iovec){.iov_base = bytes[i], .iov_len = BUFFER_SIZE};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    count = recvmmsg(from->fd, messages, TURN_MAX, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct toxtcp_address sender = from_system(&senders[i].any);

        if (messages[i].msg_len > 0 && messages[i].msg_len <= SESSION_PACKET_MAX && udp_reaches(from->udp, &sender)) {
            from->udp->received(from->udp->user, &sender, bytes[i], messages[i].msg_len);
        }
    }
}

/* --- Where we hear --- */

static bool is_among(const struct toxtcp_address *addresses, size_t count, const struct toxtcp_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (toxtcp_address_equal(&addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static size_t add(struct toxtcp_address *addresses, size_t count, const struct toxtcp_address *address)
{
    if (count < SESSION_ADDRESSES_MAX && !is_among(addresses, count, address)) {
        addresses[count++] = *address;
    }
    return count;
}

static bool is_our_source(const struct udp *udp, const struct toxtcp_address *address)
{
    const struct toxtcp_address *source = udp->options.source;

    return source == NULL ||
           (source->family == address->family && memcmp(source->ip, address->ip, sizeof source->ip) == 0);
}

static void add_own(struct udp *udp, const struct ifaddrs *item)
{
    const char *interface = udp->options.interface;
    struct toxtcp_address address;

    if (item->ifa_addr == NULL || (item->ifa_flags & IFF_UP) == 0 ||
        (interface != NULL && strcmp(item->ifa_name, interface) != 0)) {
        return;
    }
    address = from_system(item->ifa_addr);
    if (address.family != TOXTCP_FAMILY_NONE && is_our_source(udp, &address)) {
        address.port = socket_for(udp, &address)->port;
        if (udp_reaches(udp, &address)) {
            udp->own_count = add(udp->own, udp->own_count, &address);
        }
    }
}

static void ask_interfaces(struct udp *udp)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) == 0) {
        udp->own_count = 0;
        for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next) {
            add_own(udp, item);
        }
        freeifaddrs(list);
    }
}

size_t udp_addresses(struct udp *udp, struct toxtcp_address addresses[SESSION_ADDRESSES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < udp->options.announce_count; i++) {
        count = add(addresses, count, &udp->options.announce[i]);
    }
    if (udp->options.announce_count > 0) {
        return count;
    }
    ask_interfaces(udp);
    for (size_t i = 0; i < udp->outside_count; i++) {
        count = add(addresses, count, &udp->outside[i].address);
    }
    for (size_t i = 0; i < udp->own_count; i++) {
        count = add(addresses, count, &udp->own[i]);
    }
    return count;
}

/* What is overwritten when that peer sees us at another address: what it said before, or else the oldest. */
static size_t place_for(const struct udp *udp, const void *peer)
{
    for (size_t i = 0; i < udp->outside_count; i++) {
        if (udp->outside[i].peer == peer) {
            return i;
        }
    }
    return udp->outside_count < OUTSIDE_MAX ? udp->outside_count : OUTSIDE_MAX - 1;
}

bool udp_seen_at(struct udp *udp, const void *peer, const struct toxtcp_address *address)
{
    size_t place = place_for(udp, peer);

    if (udp->options.announce_count > 0 || !udp_reaches(udp, address) || is_loopback(address) ||
        is_among(udp->own, udp->own_count, address)) {
        return false;
    }
    for (size_t i = 0; i < udp->outside_count; i++) {
        if (toxtcp_address_equal(&udp->outside[i].address, address)) {
            return false;
        }
    }
    udp->outside_count += place == udp->outside_count ? 1 : 0;
    memmove(&udp->outside[1], &udp->outside[0], place * sizeof udp->outside[0]);
    udp->outside[0] = (struct outside){.peer = peer, .address = *address};
    return true;
}

/* --- Beginning and end --- */

/* By way of that interface alone, where there is one. */
static int bind_to_interface(int fd, int family, const char *interface)
{
    if (interface == NULL) {
        return 0;
    }
#if defined SO_BINDTODEVICE
    (void)family;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface));
#elif defined IP_BOUND_IF
    const unsigned index = if_nametoindex(interface);

    return setsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
                      family == AF_INET6 ? IPV6_BOUND_IF : IP_BOUND_IF, &index, sizeof index);
#else
    (void)fd;
    (void)family;
    errno = ENOPROTOOPT;
    return -1;
#endif
}

static bool is_unspecified(const struct toxtcp_address *address)
{
    static const uint8_t zeros[sizeof address->ip];

    return memcmp(address->ip, zeros, sizeof zeros) == 0;
}

int udp_judge_source(const struct toxtcp_address *source, struct problem *problem)
{
    const bool is_ip6 = source->family == TOXTCP_FAMILY_IPV6;
    char text[INET6_ADDRSTRLEN] = "";
    union any_address any;
    const socklen_t size = to_system(source, &any);
    const int fd = socket(any.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int result = fd < 0 ? -1 : bind(fd, &any.any, size);
    const int error = errno;

    if (fd >= 0) {
        (void)close(fd);
    }
    if (result == 0 && !is_unspecified(source)) {
        return 0;
    }
    (void)inet_ntop(is_ip6 ? AF_INET6 : AF_INET, source->ip, text, sizeof text);
    if (result != 0 && is_ip6 && IN6_IS_ADDR_LINKLOCAL(&any.in6.sin6_addr) && source->scope_id == 0) {
        return problem_set(problem, "--source: %s needs the interface that has it: %s%%NAME", text, text);
    }
    if (result != 0 && error != EADDRNOTAVAIL) {
        return problem_set(problem, "--source: %s: %s", text, strerror(error));
    }
    return problem_set(problem, "--source: %s is no address of this machine", text);
}

static int open_socket(struct udp_socket *at, int family, const struct udp_options *options)
{
    struct toxtcp_address from = {.family = family == AF_INET ? TOXTCP_FAMILY_IPV4 : TOXTCP_FAMILY_IPV6};
    union any_address any;
    socklen_t size;
    int one = 1;

    if (options->source != NULL) {
        from = *options->source;
    }
    from.port = options->port;
    size = to_system(&from, &any);
    at->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (at->fd < 0) {
        return -1;
    }
    if (bind_to_interface(at->fd, family, options->interface) != 0 ||
        (family == AF_INET6 && setsockopt(at->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
        bind(at->fd, &any.any, size) != 0 || getsockname(at->fd, &any.any, &size) != 0) {
        int error = errno;

        (void)close(at->fd);
        at->fd = -1;
        errno = error;
        return -1;
    }
    at->port = from_system(&any.any).port;
    return 0;
}

/* What goes from one address of ours has no use for the other family. */
static bool is_family_of_source(const struct udp_options *options, int family)
{
    return options->source == NULL || (options->source->family == TOXTCP_FAMILY_IPV6) == (family == AF_INET6);
}

int udp_new(struct ev_loop *loop, const struct udp_options *options, udp_received *received, void *user,
            struct udp **udp, struct problem *problem)
{
    static const int families[SOCKETS] = {AF_INET, AF_INET6};
    struct udp *made = calloc(1, sizeof *made);
    int opened = 0;

    if (made == NULL) {
        return problem_set(problem, "out of memory");
    }
    *made = (struct udp){.loop = loop, .options = *options, .received = received, .user = user};
    for (int i = 0; i < SOCKETS; i++) {
        struct udp_socket *at = &made->sockets[i];

        at->udp = made;
        at->fd = -1;
        if (!is_family_of_source(options, families[i])) {
            continue;
        }
        if (open_socket(at, families[i], options) == 0) {
            ev_io_init(&at->watcher, readable, at->fd, EV_READ);
            at->watcher.data = at;
            ev_io_start(loop, &at->watcher);
            opened++;
        } else if (options->port != 0 && (errno == EADDRINUSE || errno == EACCES)) {
            (void)problem_set(problem, "--udp-port %u: %s", (unsigned)options->port, strerror(errno));
            udp_free(made);
            return -1;
        }
    }
    if (opened == 0) {
        (void)problem_set(problem, "UDP cannot be used: %s; --no-udp does without", strerror(errno));
        udp_free(made);
        return -1;
    }
    *udp = made;
    return 0;
}

void udp_free(struct udp *udp)
{
    if (udp == NULL) {
        return;
    }
    for (int i = 0; i < SOCKETS; i++) {
        struct udp_socket *at = &udp->sockets[i];

        if (ev_is_active(&at->watcher)) {
            ev_io_stop(udp->loop, &at->watcher);
            (void)close(at->fd);
        }
    }
    free(udp);
}
