/* Packets on their way in one direction, each to be known again when it arrives. SPDX-License-Identifier: ISC
 *
 * Both ends are in this process. So what is sent need not carry a mark: it is compared with what was sent. */
#ifndef APPS_PROBE_FLIGHT_H
#define APPS_PROBE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLIGHT_MAX = 24, FLIGHT_PAYLOAD_MAX = 1400 };

struct packet_in_flight {
    bool arrived;
    uint16_t len;
    uint64_t sent_ns;
    uint8_t bytes[FLIGHT_PAYLOAD_MAX];
};

/* `count`, `received` and `changed` at 0 is an empty one. */
struct flight {
    uint32_t count;    /* sent */
    uint32_t received; /* whole, for the first time */
    uint32_t changed;  /* came and was not sent, or came twice */
    struct packet_in_flight packets[FLIGHT_MAX];
};

void flight_clear(struct flight *flight);

/* Room for the next packet, of `len` bytes, for the caller to fill; NULL when the flight is full or `len` is too long.
 */
uint8_t *flight_add(struct flight *flight, size_t len);

/* The one that was added last goes out now. */
void flight_sent(struct flight *flight, uint64_t now_ns);

/* When the oldest of those that have not arrived went out; `now_ns` when all have. */
uint64_t flight_oldest(const struct flight *flight, uint64_t now_ns);

/* Counts what came. True when it is one of those that were awaited. */
bool flight_take(struct flight *flight, const uint8_t *bytes, size_t len);

/* Everything has arrived. */
bool flight_is_over(const struct flight *flight);

#endif
