/* Packets of one sender that are on their way, and by which relay each went: what a layer above TCP_connections knows
 * and reports. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_FLIGHTS_H
#define APPS_STRESS_FLIGHTS_H

#include <stdint.h>

#include <toxtcp/limits.h>

struct flight {
    uint64_t sent_ns : 60;
    uint64_t relay : 3;
    uint64_t waits : 1; /* for an acknowledgement */
};

/* All zeros: none, and no room for any. */
struct flights {
    struct flight *list; /* by sequence modulo `capacity` */
    uint32_t capacity;   /* a power of two: sequences wrap */
    uint32_t oldest;     /* none before it waits */
    uint32_t next;       /* the sequence that is sent next */
    uint64_t way_ns;     /* smoothed time until an acknowledgement; 0: not known */
};

/* How many have arrived and are taken for lost now, of those that a relay carried. */
struct flights_news {
    uint32_t delivered[TOXTCP_PEER_RELAYS_MAX];
    uint32_t lost[TOXTCP_PEER_RELAYS_MAX];
};

/* Makes room for so many that are sent a second. When there is too little the oldest ones are taken for lost. Returns
 * 0, or -1 for want of memory; flights_free() follows. */
int flights_init(struct flights *flights, double rate);
void flights_free(struct flights *flights);

/* The packet `sequence` has left; sequences count up by one. */
void flights_sent(struct flights *flights, uint32_t sequence, uint8_t relay, uint64_t now_ns,
                  struct flights_news *news);

/* `highest` has arrived, and of the 32 before it those whose bits are set: bit 0 for the one right before it. */
void flights_acked(struct flights *flights, uint32_t highest, uint32_t before, uint64_t now_ns,
                   struct flights_news *news);

/* Takes for lost what has waited for much longer than usual. */
void flights_expire(struct flights *flights, uint64_t now_ns, struct flights_news *news);

#endif
