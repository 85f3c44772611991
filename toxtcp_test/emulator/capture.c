/* TCP segments on loopback, as they pass. SPDX-License-Identifier: ISC */
#include "emulator/capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/space.h"

enum { PACKET_SIZE = 65536, KERNEL_BUFFER = 4 << 20 };

void capture_open(struct capture *capture)
{
    const int size = KERNEL_BUFFER;
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

    memset(capture, 0, sizeof *capture);
    capture->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    space_need(capture->fd >= 0, "a packet socket");
    (void)setsockopt(capture->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    at.sll_ifindex = (int)if_nametoindex("lo");
    space_need(bind(capture->fd, (const struct sockaddr *)&at, sizeof at) == 0, "a packet socket on lo");
}

void capture_close(struct capture *capture)
{
    (void)close(capture->fd);
}

static void add(struct capture *capture, const uint8_t *packet, size_t len)
{
    struct segment segment;

    if (!segment_read(packet, len, &segment) || !segment.tcp) {
        return;
    }
    if (capture->count == CAPTURE_MAX) {
        space_fail("there are more than %d segments", CAPTURE_MAX);
    }
    struct captured *new = &capture->segments[capture->count++];
    new->segment = segment;
    memcpy(new->data, packet + segment.len - segment.payload_len,
           segment.payload_len < CAPTURE_DATA_MAX ? segment.payload_len : CAPTURE_DATA_MAX);
}

/* Takes in what has passed since the last time. */
static void take_in(struct capture *capture)
{
    static uint8_t packet[PACKET_SIZE];
    struct sockaddr_ll from;
    socklen_t from_len = sizeof from;
    ssize_t len;

    while ((len = recvfrom(capture->fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_len)) >= 0) {
        /* Loopback shows each packet twice: as it leaves, and as it comes. */
        if (from.sll_pkttype == PACKET_HOST) {
            add(capture, packet, (size_t)len);
        }
        from_len = sizeof from;
    }
    space_need(errno == EAGAIN, "reading packets");
}

void capture_clear(struct capture *capture)
{
    take_in(capture);
    capture->count = 0;
}

static bool goes(const struct segment *segment, uint16_t from, uint16_t to)
{
    return (from == 0 || segment->source.port == from) && (to == 0 || segment->destination.port == to);
}

static const struct captured *find(struct capture *capture, uint16_t from, uint16_t to,
                                   bool (*is)(const struct segment *segment), bool last)
{
    const struct captured *found = NULL;

    take_in(capture);
    for (size_t i = 0; i < capture->count && (last || !found); i++) {
        const struct captured *captured = &capture->segments[i];
        found = goes(&captured->segment, from, to) && is(&captured->segment) ? captured : found;
    }
    return found;
}

const struct captured *capture_find(struct capture *capture, uint16_t from, uint16_t to,
                                    bool (*is)(const struct segment *segment))
{
    return find(capture, from, to, is, false);
}

const struct captured *capture_find_last(struct capture *capture, uint16_t from, uint16_t to,
                                         bool (*is)(const struct segment *segment))
{
    return find(capture, from, to, is, true);
}

/* By the path emulator's counts, so that a segment means the same in both. */
static void count(struct capture *capture, uint16_t from, uint16_t to, struct tally *tally)
{
    take_in(capture);
    memset(tally, 0, sizeof *tally);
    for (size_t i = 0; i < capture->count; i++) {
        const struct segment *segment = &capture->segments[i].segment;
        if (goes(segment, from, to)) {
            tally_add(tally, segment, segment->len);
        }
    }
}

uint64_t capture_count(struct capture *capture, uint16_t from, uint16_t to, enum tally_kind kind)
{
    struct tally tally;

    count(capture, from, to, &tally);
    return tally.counts[kind];
}

uint64_t capture_count_data(struct capture *capture, uint16_t from, uint16_t to)
{
    struct tally tally;

    count(capture, from, to, &tally);
    return tally.counts[TALLY_SYN_DATA] + tally.counts[TALLY_DATA] + tally.counts[TALLY_FIN_DATA];
}

bool segment_is_first(const struct segment *segment)
{
    return (segment->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN;
}

bool segment_has_data(const struct segment *segment)
{
    return segment->payload_len > 0;
}

bool segment_is_end(const struct segment *segment)
{
    return (segment->flags & SEGMENT_FIN) != 0;
}
