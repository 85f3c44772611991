/* By IPv6 or by IPv4: which of two ways comes first (RFC 6724). SPDX-License-Identifier: ISC
 *
 * c-ares sorts addresses in one answer, and the families are asked for apart. Of its rules these hold between families:
 * a way that is there; one whose two ends are of the same scope, and of the same kind; the table's precedence. */
#include <string.h>

#include "internal.h"

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14, IP6_SIZE = 16 };

/* The default policy table (section 2.1), the longer prefix before a shorter one. */
static const struct policy {
    uint8_t prefix[IP6_SIZE];
    uint8_t bits;
    uint8_t precedence;
    uint8_t label;
} policies[] = {
    {{[15] = 1}, 128, 50, 0},  {{[10] = 0xff, [11] = 0xff}, 96, 35, 4},
    {{0}, 96, 1, 3},           {{0x20, 0x01}, 32, 5, 5},
    {{0x20, 0x02}, 16, 30, 2}, {{0x3f, 0xfe}, 16, 1, 12},
    {{0xfe, 0xc0}, 10, 1, 11}, {{0xfc}, 7, 3, 13},
    {{0}, 0, 40, 1},
};

static bool has_prefix(const uint8_t *ip, const struct policy *policy)
{
    const size_t whole = policy->bits / 8;
    const unsigned rest = policy->bits % 8;

    return memcmp(ip, policy->prefix, whole) == 0 &&
           (rest == 0 || ((ip[whole] ^ policy->prefix[whole]) & (0xff00U >> rest) & 0xffU) == 0);
}

static const struct policy *policy_of(const struct toxtcp_address *address)
{
    uint8_t ip[IP6_SIZE] = {[10] = 0xff, [11] = 0xff};
    const struct policy *policy = policies;

    if (address->family == TOXTCP_FAMILY_IPV6) {
        memcpy(ip, address->ip, sizeof ip);
    } else {
        memcpy(ip + 12, address->ip, 4);
    }
    while (!has_prefix(ip, policy)) {
        policy++;
    }
    return policy;
}

static uint8_t scope_of(const struct toxtcp_address *address)
{
    static const uint8_t loopback[IP6_SIZE] = {[15] = 1};
    const uint8_t *ip = address->ip;

    if (address->family == TOXTCP_FAMILY_IPV4) {
        return ip[0] == 127 || (ip[0] == 169 && ip[1] == 254) ? SCOPE_LINK : SCOPE_GLOBAL;
    }
    if (memcmp(ip, loopback, sizeof loopback) == 0 || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)) {
        return SCOPE_LINK;
    }
    return ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

static bool same_scope(const struct way *way)
{
    return scope_of(&way->from) == scope_of(&way->to);
}

static bool same_label(const struct way *way)
{
    return policy_of(&way->from)->label == policy_of(&way->to)->label;
}

bool way_is_plain(const struct way *way)
{
    return way->exists && same_scope(way) && same_label(way);
}

bool way_comes_first(const struct way *ip6, const struct way *ip4)
{
    if (!ip6->exists || !ip4->exists) {
        return ip6->exists;
    }
    if (same_scope(ip6) != same_scope(ip4)) {
        return same_scope(ip6);
    }
    if (same_label(ip6) != same_label(ip4)) {
        return same_label(ip6);
    }
    return policy_of(&ip6->to)->precedence >= policy_of(&ip4->to)->precedence;
}

void way_find(struct way *way, const struct toxtcp_ev *ev, const struct toxtcp_address *to)
{
    way->to = *to;
    way->exists = socket_source_to(ev, to, &way->from);
}
