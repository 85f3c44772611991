/* Three relays and two peers in namespaces of their own, around a router. SPDX-License-Identifier: ISC */
#include "netns/star.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

struct toxtcp_address star_address(size_t node, uint16_t port)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, (uint8_t)node, 2}, .port = port};

    return address;
}

static void open_node(struct star *star, unsigned node)
{
    struct space_script script = {.len = 0};

    star->nodes[node] = space_new();
    space_add(&script, "link set lo up\n");
    space_add(&script, "link add router type veth peer name node%u netns /proc/%d/fd/%d\n", node, (int)getpid(),
              star->router);
    space_add(&script, "address add 10.0.%u.2/24 dev router\nlink set router up\n", node);
    space_add(&script, "route add default via 10.0.%u.1\n", node);
    space_run(&script);
}

/* Without a filter on return paths: a way must be able to live while the way back is cut. */
static void open_router(void)
{
    struct space_script script = {.len = 0};

    space_add(&script, "link set lo up\n");
    for (unsigned node = 0; node < STAR_NODES; node++) {
        space_add(&script, "address add 10.0.%u.1/24 dev node%u\nlink set node%u up\n", node, node, node);
    }
    space_run(&script);
    space_set("/proc/sys/net/ipv4/ip_forward", "1");
    space_set("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    for (unsigned node = 0; node < STAR_NODES; node++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/node%u/rp_filter", node);
        space_set(path, "0");
    }
}

void star_open(struct star *star)
{
    memset(star, 0, sizeof *star);
    star->router = space_new();
    for (unsigned node = 0; node < STAR_NODES; node++) {
        open_node(star, node);
    }
    space_enter(star->router);
    open_router();
}

/* --- Silence --- */

void star_set_cuts(struct star *star, const struct star_cuts *cuts)
{
    struct space_script script = {.len = 0};

    for (unsigned from = 0; from < STAR_NODES; from++) {
        for (unsigned to = 0; to < STAR_NODES; to++) {
            if (cuts->ways[from][to] != star->cuts.ways[from][to]) {
                space_add(&script, "rule %s from 10.0.%u.2 to 10.0.%u.2 blackhole\n",
                          cuts->ways[from][to] ? "add" : "del", from, to);
            }
        }
    }
    star->cuts = *cuts;
    space_enter(star->router);
    if (script.len > 0) {
        space_run(&script);
    }
}

/* /proc/net/snmp has two lines for each protocol: the names of its counters, and the counters. */
static uint64_t counter(const char *names, const char *values, const char *wanted)
{
    char name[64], value[64];
    int name_len, value_len;

    while (sscanf(names, "%63s%n", name, &name_len) == 1 && sscanf(values, "%63s%n", value, &value_len) == 1) {
        if (strcmp(name, wanted) == 0) {
            return strtoull(value, NULL, 10);
        }
        names += name_len;
        values += value_len;
    }
    space_fail("the kernel does not count %s", wanted);
}

static uint64_t noise_here(bool with_resets)
{
    char names[LINE_SIZE], values[LINE_SIZE];
    uint64_t noise = 0;
    FILE *file = fopen("/proc/self/net/snmp", "re");

    space_need(file != NULL, "/proc/self/net/snmp");
    while (fgets(names, sizeof names, file) != NULL && fgets(values, sizeof values, file) != NULL) {
        if (strncmp(names, "Icmp:", 5) == 0) {
            noise += counter(names, values, "InMsgs") + counter(names, values, "OutMsgs");
        } else if (with_resets && strncmp(names, "Tcp:", 4) == 0) {
            noise += counter(names, values, "OutRsts");
        }
    }
    (void)fclose(file);
    return noise;
}

uint64_t star_noise(const struct star *star, size_t node)
{
    uint64_t noise = 0;

    for (size_t i = 0; i < STAR_NODES; i++) {
        space_enter(star->nodes[i]);
        noise += noise_here(i == node);
    }
    space_enter(star->router);
    return noise + noise_here(false);
}
