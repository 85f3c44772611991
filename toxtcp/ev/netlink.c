/* What the kernel tells of interfaces, addresses and routes: netlink. SPDX-License-Identifier: ISC */
#ifdef __linux__

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "network.h"

/* <linux/if.h>, which has it, does not go with <net/if.h>. */
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

enum { INTERFACES_MAX = 4096, ADDRESSES_MAX = 65536, ROUTES_MAX = 4096 };

/* --- Asking --- */

static bool ask(struct network *network, uint16_t type)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg body;
    } question = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
                             .nlmsg_type = type,
                             .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                             .nlmsg_seq = ++network->sequence}};

    return send(network->io.fd, &question, question.header.nlmsg_len, MSG_NOSIGNAL) >= 0;
}

/* The kernel does not tell all: what is known stays until it does. */
static void stop_reading(struct network *network)
{
    network->stale = network->refused = true;
    network->reading = READ_ALL;
}

bool netlink_read_all(struct network *network)
{
    for (size_t i = 0; i < network->interface_count; i++) {
        network->interfaces[i].seen = false;
    }
    for (size_t i = 0; i < network->address_count; i++) {
        network->addresses[i].seen = false;
    }
    for (size_t i = 0; i < network->route_count; i++) {
        network->routes[i].seen = false;
    }
    network->stale = network->refused = false;
    network->reading = READ_INTERFACES;
    if (!ask(network, RTM_GETLINK)) {
        stop_reading(network);
    }
    return !network->refused;
}

/* --- The tables --- */

/* Room for one more of `size` bytes each, or NULL. */
static void *grow(void *table, size_t count, size_t max, size_t size)
{
    const bool full = count > 0 && (count & (count - 1)) == 0;

    if (count >= max) {
        return NULL;
    }
    return count == 0 || full ? realloc(table, (count == 0 ? 1 : 2 * count) * size) : table;
}

struct interface *network_interface(const struct network *network, int index)
{
    for (size_t i = 0; i < network->interface_count; i++) {
        if (network->interfaces[i].index == index) {
            return &network->interfaces[i];
        }
    }
    return NULL;
}

static void note_interface(struct network *network, int index, bool up)
{
    struct interface *interface = network_interface(network, index);

    if (!interface) {
        struct interface *grown =
            grow(network->interfaces, network->interface_count, INTERFACES_MAX, sizeof *network->interfaces);
        if (!grown) {
            return;
        }
        network->interfaces = grown;
        interface = &grown[network->interface_count++];
        *interface = (struct interface){.index = index, .lost = true};
    }
    interface->seen = true;
    interface->up = up;
    if (up) {
        interface->lost = false;
        interface->counting = false;
    }
}

static void drop_interface(struct network *network, const struct interface *interface)
{
    const size_t i = (size_t)(interface - network->interfaces);

    network->interfaces[i] = network->interfaces[--network->interface_count];
}

bool network_same_ip(const struct toxtcp_address *a, const struct toxtcp_address *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static struct address *find_address(const struct network *network, const struct address *wanted)
{
    for (size_t i = 0; i < network->address_count; i++) {
        struct address *address = &network->addresses[i];
        if (address->index == wanted->index && network_same_ip(&address->ip, &wanted->ip)) {
            return address;
        }
    }
    return NULL;
}

static void note_address(struct network *network, const struct address *told)
{
    struct address *address = find_address(network, told);

    if (!address) {
        struct address *grown =
            grow(network->addresses, network->address_count, ADDRESSES_MAX, sizeof *network->addresses);
        if (!grown) {
            return;
        }
        network->addresses = grown;
        address = &grown[network->address_count++];
        *address = *told;
    }
    address->seen = true;
    address->bindable = told->bindable;
    address->far = told->far;
}

static struct default_route *find_route(const struct network *network, const struct default_route *wanted)
{
    for (size_t i = 0; i < network->route_count; i++) {
        struct default_route *route = &network->routes[i];
        if (route->family == wanted->family && route->table == wanted->table && route->priority == wanted->priority &&
            route->index == wanted->index && network_same_ip(&route->gateway, &wanted->gateway)) {
            return route;
        }
    }
    return NULL;
}

static void drop_route(struct network *network, const struct default_route *route)
{
    const size_t i = (size_t)(route - network->routes);

    network->routes[i] = network->routes[--network->route_count];
}

/* False if it was known. One for which there is no room is new every time. */
static bool note_route(struct network *network, const struct default_route *told)
{
    struct default_route *route = find_route(network, told);

    if (route) {
        route->seen = true;
        return false;
    }
    struct default_route *grown = grow(network->routes, network->route_count, ROUTES_MAX, sizeof *network->routes);
    if (grown) {
        network->routes = grown;
        grown[network->route_count] = *told;
        grown[network->route_count++].seen = true;
    }
    return true;
}

/* One that replaces others of its family, table and priority: they go, and nothing is said of them. */
static void drop_replaced(struct network *network, const struct default_route *by)
{
    for (size_t i = network->route_count; i > 0; i--) {
        const struct default_route *route = &network->routes[i - 1];
        if (route->family == by->family && route->table == by->table && route->priority == by->priority &&
            route != find_route(network, by)) {
            drop_route(network, route);
        }
    }
}

/* Those by an interface that goes down, or loses an address, may go, and nothing is said of them: what comes back is
 * new. */
static void drop_routes_by(struct network *network, int index, uint8_t family)
{
    for (size_t i = network->route_count; i > 0; i--) {
        const struct default_route *route = &network->routes[i - 1];
        /* 0: it has several next hops */
        if ((route->index == index || route->index == 0) && (family == AF_UNSPEC || route->family == family)) {
            drop_route(network, route);
        }
    }
}

/* --- Hearing --- */

static const void *find_attribute(const struct rtattr *attribute, size_t len, uint16_t wanted, size_t size)
{
    int left = (int)len;

    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == wanted && RTA_PAYLOAD(attribute) >= size) {
            return RTA_DATA(attribute);
        }
    }
    return NULL;
}

static void hear_interface(struct network *network, const struct nlmsghdr *message)
{
    const struct ifinfomsg *body = NLMSG_DATA(message);

    /* A bridge that loses a port says RTM_DELLINK, too. */
    if (body->ifi_family != AF_UNSPEC) {
        return;
    }
    if (message->nlmsg_type == RTM_DELLINK || !(body->ifi_flags & IFF_UP)) {
        drop_routes_by(network, body->ifi_index, AF_UNSPEC);
    }
    if (message->nlmsg_type == RTM_NEWLINK) {
        /* IFF_RUNNING comes up to a second after the carrier. */
        note_interface(network, body->ifi_index,
                       (body->ifi_flags & IFF_UP) && (body->ifi_flags & (IFF_RUNNING | IFF_LOWER_UP)));
        return;
    }
    const struct interface *interface = network_interface(network, body->ifi_index);
    if (interface) {
        drop_interface(network, interface);
    }
}

static void hear_address(struct network *network, const struct nlmsghdr *message)
{
    const struct ifaddrmsg *body = NLMSG_DATA(message);
    const bool is_ip6 = body->ifa_family == AF_INET6;
    const size_t ip_size = is_ip6 ? 16 : 4;
    const size_t len = IFA_PAYLOAD(message);
    struct address told = {.index = (int)body->ifa_index, .far = body->ifa_scope < RT_SCOPE_LINK};
    /* On a point-to-point interface IFA_ADDRESS is the other end's. */
    const void *ip = find_attribute(IFA_RTA(body), len, IFA_LOCAL, ip_size);
    const uint32_t *flags = find_attribute(IFA_RTA(body), len, IFA_FLAGS, sizeof *flags);

    if (!ip) {
        ip = find_attribute(IFA_RTA(body), len, IFA_ADDRESS, ip_size);
    }
    if (!ip || (!is_ip6 && body->ifa_family != AF_INET)) {
        return;
    }
    told.ip.family = is_ip6 ? TOXTCP_FAMILY_IPV6 : TOXTCP_FAMILY_IPV4;
    memcpy(told.ip.ip, ip, ip_size);
    if (message->nlmsg_type == RTM_NEWADDR) {
        /* An optimistic one may be used while its test goes on. */
        const uint32_t set = flags ? *flags : body->ifa_flags;
        told.bindable = !(set & IFA_F_DADFAILED) && (!(set & IFA_F_TENTATIVE) || (set & IFA_F_OPTIMISTIC));
        note_address(network, &told);
        return;
    }
    struct address *address = find_address(network, &told);
    if (address) {
        address->seen = false;
    }
    drop_routes_by(network, told.index, body->ifa_family);
}

static uint32_t read_number(const struct rtattr *attribute, size_t len, uint16_t wanted, uint32_t otherwise)
{
    const uint32_t *number = find_attribute(attribute, len, wanted, sizeof *number);

    return number ? *number : otherwise;
}

/* A default route that is new: others may be reached than before, and by another way. One of several next hops has no
 * gateway here and no interface; those of one table and priority count as one. */
static void hear_route(struct network *network, const struct nlmsghdr *message)
{
    const struct rtmsg *body = NLMSG_DATA(message);
    const size_t len = RTM_PAYLOAD(message);
    const bool is_ip6 = body->rtm_family == AF_INET6;
    const size_t ip_size = is_ip6 ? 16 : 4;

    if (body->rtm_dst_len != 0 || body->rtm_type != RTN_UNICAST || (body->rtm_flags & RTM_F_CLONED) ||
        (!is_ip6 && body->rtm_family != AF_INET)) {
        return;
    }
    struct default_route told = {
        .family = body->rtm_family,
        .table = read_number(RTM_RTA(body), len, RTA_TABLE, body->rtm_table),
        .priority = read_number(RTM_RTA(body), len, RTA_PRIORITY, 0),
        .index = (int)read_number(RTM_RTA(body), len, RTA_OIF, 0),
    };
    const void *gateway = find_attribute(RTM_RTA(body), len, RTA_GATEWAY, ip_size);
    if (gateway) {
        memcpy(told.gateway.ip, gateway, ip_size);
    }
    if (message->nlmsg_type == RTM_NEWROUTE) {
        if (message->nlmsg_flags & NLM_F_REPLACE) {
            drop_replaced(network, &told);
        }
        if (note_route(network, &told)) {
            network_gain(network);
        }
        return;
    }
    const struct default_route *route = find_route(network, &told);
    if (route) {
        drop_route(network, route);
    }
}

/* What was asked for has come to its end. */
static void finish_reading(struct network *network)
{
    static const struct {
        uint16_t question;
        enum reading reading;
    } next[] = {[READ_INTERFACES] = {RTM_GETADDR, READ_ADDRESSES}, [READ_ADDRESSES] = {RTM_GETROUTE, READ_ROUTES}};

    for (size_t i = network->interface_count; network->reading == READ_INTERFACES && i > 0; i--) {
        if (!network->interfaces[i - 1].seen) {
            drop_interface(network, &network->interfaces[i - 1]);
        }
    }
    for (size_t i = network->route_count; network->reading == READ_ROUTES && i > 0; i--) {
        if (!network->routes[i - 1].seen) {
            drop_route(network, &network->routes[i - 1]);
        }
    }
    if (network->reading == READ_ROUTES) {
        network->reading = READ_ALL;
        return;
    }
    const uint16_t question = next[network->reading].question;
    network->reading = next[network->reading].reading;
    if (!ask(network, question)) {
        stop_reading(network);
    }
}

/* Of an answer that is an error, or the end of one, both of which begin with a number: 0 is none. */
static int read_error(const struct nlmsghdr *message)
{
    int error = 0;

    if (message->nlmsg_len >= NLMSG_LENGTH(sizeof error)) {
        memcpy(&error, NLMSG_DATA(message), sizeof error);
    }
    return error;
}

static void hear(struct network *network, const struct nlmsghdr *message)
{
    const bool is_answer = message->nlmsg_seq == network->sequence && network->reading != READ_ALL;

    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        hear_interface(network, message);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        hear_address(network, message);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        hear_route(network, message);
        break;
    case NLMSG_ERROR:
    case NLMSG_DONE:
        if (is_answer && read_error(message)) {
            stop_reading(network);
        } else if (is_answer) {
            finish_reading(network);
        }
        break;
    default:
        break;
    }
    /* The tables may change while they are told. */
    network->stale |= is_answer && (message->nlmsg_flags & NLM_F_DUMP_INTR);
}

static size_t body_size(uint16_t type)
{
    switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return sizeof(struct ifinfomsg);
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return sizeof(struct ifaddrmsg);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return sizeof(struct rtmsg);
    default:
        return 0;
    }
}

static void hear_all(struct network *network, size_t len)
{
    struct nlmsghdr *message = (void *)network->buffer;
    uint32_t left = (uint32_t)len;

    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_len >= NLMSG_LENGTH(body_size(message->nlmsg_type))) {
            hear(network, message);
        }
    }
}

bool netlink_receive(struct network *network)
{
    struct sockaddr_nl from = {.nl_pid = 0};
    socklen_t from_len = sizeof from;
    const ssize_t len =
        recvfrom(network->io.fd, network->buffer, sizeof network->buffer, 0, (struct sockaddr *)&from, &from_len);

    if (len < 0) {
        /* The kernel had no room for what it wanted to say. */
        network->stale |= errno == ENOBUFS;
        return errno == ENOBUFS || errno == EINTR;
    }
    /* Only the kernel is believed. */
    if (from.nl_pid == 0) {
        hear_all(network, (size_t)len);
    }
    return len > 0;
}

int netlink_open(void)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                                     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address)) {
        const int error_number = errno;
        (void)close(fd);
        errno = error_number;
        return -1;
    }
    return fd;
}

#endif
