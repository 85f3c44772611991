/* Packets on their way in one direction. SPDX-License-Identifier: ISC */
#include "flight.h"

#include <string.h>

void flight_clear(struct flight *flight)
{
    flight->count = 0;
    flight->received = 0;
    flight->changed = 0;
}

uint8_t *flight_add(struct flight *flight, size_t len)
{
    struct packet_in_flight *packet = &flight->packets[flight->count];

    if (flight->count == FLIGHT_MAX || len > FLIGHT_PAYLOAD_MAX) {
        return NULL;
    }
    flight->count++;
    packet->arrived = false;
    packet->len = (uint16_t)len;
    return packet->bytes;
}

void flight_sent(struct flight *flight, uint64_t now_ns)
{
    flight->packets[flight->count - 1].sent_ns = now_ns;
}

uint64_t flight_oldest(const struct flight *flight, uint64_t now_ns)
{
    for (uint32_t i = 0; i < flight->count; i++) {
        if (!flight->packets[i].arrived) {
            return flight->packets[i].sent_ns;
        }
    }
    return now_ns;
}

bool flight_take(struct flight *flight, const uint8_t *bytes, size_t len)
{
    for (uint32_t i = 0; i < flight->count; i++) {
        struct packet_in_flight *packet = &flight->packets[i];

        if (!packet->arrived && packet->len == len && memcmp(packet->bytes, bytes, len) == 0) {
            packet->arrived = true;
            flight->received++;
            return true;
        }
    }
    flight->changed++;
    return false;
}

bool flight_is_over(const struct flight *flight)
{
    return flight->received == flight->count;
}
