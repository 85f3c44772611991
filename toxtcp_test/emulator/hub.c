/* Ports joined by a network in which every way has its own troubles, in virtual time. SPDX-License-Identifier: ISC */
#include "emulator/hub.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/pcap.h"

void hub_open(struct hub *hub, uint64_t seed, void (*deliver)(void *, size_t, const uint8_t *, size_t), void *user)
{
    memset(hub, 0, sizeof *hub);
    hub->seed = seed;
    hub->deliver = deliver;
    hub->user = user;
}

void hub_close(struct hub *hub)
{
    for (size_t i = 0; i < hub->count; i++) {
        for (int way = 0; way < HUB_WAYS; way++) {
            lane_close(&hub->ports[i].lanes[way]);
        }
        if (hub->ports[i].capture != NULL) {
            (void)fclose(hub->ports[i].capture);
        }
    }
}

/* --- Ports --- */

static bool is_set(const uint8_t ip[16])
{
    static const uint8_t none[16];

    return memcmp(ip, none, sizeof none) != 0;
}

/* A name is also that of a network device. */
static bool is_name(const char *name)
{
    size_t len = 0;

    while (isalnum((unsigned char)name[len]) || name[len] == '-' || name[len] == '_') {
        len++;
    }
    return len > 0 && len < HUB_NAME_SIZE && name[len] == 0 && strcmp(name, "all") != 0 && strcmp(name, "in") != 0;
}

static int port_with(const struct hub *hub, int version, const uint8_t ip[16])
{
    for (size_t i = 0; i < hub->count; i++) {
        if (memcmp(version == 4 ? hub->ports[i].ipv4 : hub->ports[i].ipv6, ip, 16) == 0 && is_set(ip)) {
            return (int)i;
        }
    }
    return -1;
}

static bool read_address(int family, const char *text, uint8_t ip[16])
{
    memset(ip, 0, 16);
    return text == NULL || (inet_pton(family, text, ip) == 1 && is_set(ip));
}

int hub_add(struct hub *hub, const char *name, const char *ipv4, const char *ipv6)
{
    struct hub_port port = {.strays = 0};

    if (hub->count == HUB_PORTS_MAX || !is_name(name) || hub_find(hub, name) >= 0 ||
        !read_address(AF_INET, ipv4, port.ipv4) || !read_address(AF_INET6, ipv6, port.ipv6) ||
        port_with(hub, 4, port.ipv4) >= 0 || port_with(hub, 6, port.ipv6) >= 0) {
        return -1;
    }
    const size_t number = hub->count++;
    memcpy(port.name, name, strlen(name) + 1);
    hub->ports[number] = port;
    for (size_t way = 0; way < HUB_WAYS; way++) {
        lane_open(&hub->ports[number].lanes[way], hub->seed + HUB_WAYS * number + way);
    }
    return (int)number;
}

int hub_find(const struct hub *hub, const char *name)
{
    for (size_t i = 0; i < hub->count; i++) {
        if (strcmp(hub->ports[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* --- Packets --- */

static void see(struct hub_port *port, enum hub_way way, const struct segment *segment, const uint8_t *bytes,
                size_t len, uint64_t now_us)
{
    tally_add(&port->tallies[way], segment, len);
    if (port->capture != NULL) {
        pcap_write(port->capture, now_us, bytes, len);
    }
}

void hub_enter(struct hub *hub, size_t number, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    struct hub_port *port = &hub->ports[number];
    struct segment segment;

    if (!segment_read(bytes, len, &segment) || port_with(hub, segment.version, segment.source.ip) != (int)number ||
        port_with(hub, segment.version, segment.destination.ip) < 0) {
        port->strays++;
        return;
    }
    see(port, HUB_UP, &segment, bytes, len, now_us);
    (void)lane_offer(&port->lanes[HUB_UP], &segment, bytes, len, now_us);
}

/* It enters the second lane when it was due to leave the first, however late this is called. */
static void route(struct hub *hub, const struct lane_packet *packet)
{
    struct segment segment;

    (void)segment_read(packet->bytes, packet->len, &segment);
    struct hub_port *to = &hub->ports[port_with(hub, segment.version, segment.destination.ip)];
    (void)lane_offer(&to->lanes[HUB_DOWN], &segment, packet->bytes, packet->len, packet->due_us);
}

static void arrive(struct hub *hub, size_t number, const uint8_t *bytes, size_t len, uint64_t now_us)
{
    struct segment segment;

    (void)segment_read(bytes, len, &segment);
    see(&hub->ports[number], HUB_DOWN, &segment, bytes, len, now_us);
    hub->deliver(hub->user, number, bytes, len);
}

void hub_pass(struct hub *hub, uint64_t now_us)
{
    struct lane_packet *packet;

    for (size_t i = 0; i < hub->count; i++) {
        while ((packet = lane_take(&hub->ports[i].lanes[HUB_UP], now_us)) != NULL) {
            route(hub, packet);
            free(packet);
        }
    }
    for (size_t i = 0; i < hub->count; i++) {
        while ((packet = lane_take(&hub->ports[i].lanes[HUB_DOWN], now_us)) != NULL) {
            arrive(hub, i, packet->bytes, packet->len, now_us);
            free(packet);
        }
    }
}

uint64_t hub_next_us(const struct hub *hub)
{
    uint64_t next_us = UINT64_MAX;

    for (size_t i = 0; i < hub->count; i++) {
        for (int way = 0; way < HUB_WAYS; way++) {
            const uint64_t lane_us = lane_next_us(&hub->ports[i].lanes[way]);
            next_us = lane_us < next_us ? lane_us : next_us;
        }
    }
    return next_us;
}

size_t hub_reset(struct hub *hub, size_t number, uint64_t now_us)
{
    struct tally *tally = &hub->ports[number].tallies[HUB_UP];
    uint8_t bytes[SEGMENT_RESET_MAX];
    size_t count = 0;

    for (size_t i = 0; i < TALLY_FLOWS_MAX; i++) {
        struct tally_flow *flow = &tally->flows[i];
        if (flow->last.version == 0 || flow->over || (flow->last.flags & SEGMENT_ACK) == 0) {
            continue;
        }
        flow->over = true;
        arrive(hub, number, bytes, segment_write_reset(&flow->last, flow->last.acknowledged, bytes), now_us);
        count++;
    }
    return count;
}
