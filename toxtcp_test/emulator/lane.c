/* One way of a path, in virtual time: what becomes of each packet, and when. SPDX-License-Identifier: ISC */
#include "emulator/lane.h"

#include <stdlib.h>
#include <string.h>

#include "netns/space.h"

enum { MILLION = 1000000 };

void lane_open(struct lane *lane, uint64_t seed)
{
    memset(lane, 0, sizeof *lane);
    lane->random = seed;
    lane->rules.queue = LANE_QUEUE_DEFAULT;
    lane->end = &lane->first;
}

static struct lane_packet *take_first(struct lane *lane)
{
    struct lane_packet *packet = lane->first;

    lane->first = packet->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    lane->held -= packet->len;
    return packet;
}

void lane_close(struct lane *lane)
{
    while (lane->first != NULL) {
        free(take_first(lane));
    }
}

/* SplitMix64: any seed will do, and it is the same on every machine. */
static uint64_t draw(struct lane *lane)
{
    uint64_t value = lane->random += 0x9e3779b97f4a7c15U;

    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

static bool is_filtered(const struct lane_rules *rules, const struct segment *segment)
{
    const bool syn = segment->tcp && (segment->flags & SEGMENT_SYN) != 0;

    return syn && ((rules->drop_syn_data && segment->payload_len > 0) || (rules->drop_fast_open && segment->fast_open));
}

/* Each packet takes a number from the seed, whatever the rules are: so a rule that changes leaves the others' luck. */
static bool is_lost(struct lane *lane)
{
    const bool unlucky = draw(lane) % MILLION < lane->rules.loss_ppm;

    lane->offered++;
    return unlucky || (lane->rules.loss_every != 0 && lane->offered % lane->rules.loss_every == 0);
}

static uint64_t sending_us(const struct lane_rules *rules, uint64_t bytes)
{
    return rules->rate == 0 ? 0 : (bytes * 8 * MILLION + rules->rate - 1) / rules->rate;
}

/* What waits is the time that it will take: so its length needs no list of its own. The packet on the wire, in part
 * sent, counts too; an empty queue takes any packet. */
static bool has_room(const struct lane *lane, size_t len, uint64_t now_us)
{
    if (lane->held + len > LANE_HELD_MAX) {
        return false;
    }
    return lane->rules.rate == 0 || lane->free_us <= now_us ||
           lane->free_us - now_us + sending_us(&lane->rules, len) <= sending_us(&lane->rules, lane->rules.queue);
}

static void hold(struct lane *lane, const uint8_t *bytes, size_t len, uint64_t due_us)
{
    struct lane_packet *packet = malloc(sizeof *packet + len);

    space_need(packet != NULL, "malloc");
    packet->next = NULL;
    packet->due_us = due_us;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    *lane->end = packet;
    lane->end = &packet->next;
    lane->held += len;
}

static enum lane_fate decide(struct lane *lane, const struct segment *segment, size_t len, uint64_t now_us)
{
    if (lane->rules.silent) {
        return LANE_SILENT;
    }
    if (is_filtered(&lane->rules, segment)) {
        return LANE_FILTERED;
    }
    if (is_lost(lane)) {
        return LANE_LOST;
    }
    return has_room(lane, len, now_us) ? LANE_TAKEN : LANE_QUEUE_FULL;
}

enum lane_fate lane_offer(struct lane *lane, const struct segment *segment, const uint8_t *bytes, size_t len,
                          uint64_t now_us)
{
    const enum lane_fate fate = decide(lane, segment, len, now_us);

    lane->fates[fate]++;
    if (fate != LANE_TAKEN) {
        return fate;
    }
    lane->free_us = (lane->free_us > now_us ? lane->free_us : now_us) + sending_us(&lane->rules, len);
    uint64_t due_us = lane->free_us + lane->rules.delay_us;
    if (lane->rules.jitter_us > 0) {
        due_us += draw(lane) % lane->rules.jitter_us;
    }
    lane->last_due_us = due_us > lane->last_due_us ? due_us : lane->last_due_us;
    hold(lane, bytes, len, lane->last_due_us);
    return fate;
}

struct lane_packet *lane_take(struct lane *lane, uint64_t now_us)
{
    while (lane->first != NULL && lane->rules.silent) {
        free(take_first(lane));
        lane->fates[LANE_TAKEN]--;
        lane->fates[LANE_SILENT]++;
    }
    return lane->first != NULL && lane->first->due_us <= now_us ? take_first(lane) : NULL;
}

uint64_t lane_next_us(const struct lane *lane)
{
    return lane->first != NULL ? lane->first->due_us : UINT64_MAX;
}
