/* Packets of one sender that are on their way. SPDX-License-Identifier: ISC */
#include "flights.h"

#include <stdlib.h>

#include "clock.h"

/* As a layer that sends again would have it: four times the usual way, and no less than this. */
static const uint64_t patience_ns = 400 * NS_PER_MS;
/* Of so many seconds packets are kept: a way there and back of half a second has four times that. */
static const double kept_s = 2;
enum { CAPACITY_MIN = 32, CAPACITY_MAX = 65536 };

int flights_init(struct flights *flights, double rate)
{
    *flights = (struct flights){.capacity = CAPACITY_MIN};
    while (flights->capacity < CAPACITY_MAX && flights->capacity < kept_s * rate) {
        flights->capacity *= 2;
    }
    flights->list = calloc(flights->capacity, sizeof *flights->list);
    return flights->list == NULL ? -1 : 0;
}

void flights_free(struct flights *flights)
{
    free(flights->list);
    *flights = (struct flights){.list = NULL};
}

static struct flight *at(struct flights *flights, uint32_t sequence)
{
    return &flights->list[sequence % flights->capacity];
}

static void lose(struct flight *flight, struct flights_news *news)
{
    if (flight->waits) {
        flight->waits = 0;
        news->lost[flight->relay]++;
    }
}

void flights_sent(struct flights *flights, uint32_t sequence, uint8_t relay, uint64_t now_ns, struct flights_news *news)
{
    if (sequence - flights->oldest >= flights->capacity) {
        lose(at(flights, flights->oldest), news);
        flights->oldest++;
    }
    *at(flights, sequence) = (struct flight){.sent_ns = now_ns, .waits = 1, .relay = relay};
    flights->next = sequence + 1;
}

static void acked(struct flights *flights, uint32_t sequence, uint64_t now_ns, struct flights_news *news)
{
    if (sequence - flights->oldest >= flights->next - flights->oldest || !at(flights, sequence)->waits) {
        return;
    }
    struct flight *flight = at(flights, sequence);
    const uint64_t way_ns = now_ns - flight->sent_ns;
    flight->waits = 0;
    news->delivered[flight->relay]++;
    flights->way_ns = flights->way_ns == 0 ? way_ns : flights->way_ns - flights->way_ns / 8 + way_ns / 8;
}

static void forget_settled(struct flights *flights)
{
    while (flights->oldest != flights->next && !at(flights, flights->oldest)->waits) {
        flights->oldest++;
    }
}

void flights_acked(struct flights *flights, uint32_t highest, uint32_t before, uint64_t now_ns,
                   struct flights_news *news)
{
    acked(flights, highest, now_ns, news);
    for (uint32_t i = 0; i < 32; i++) {
        if ((before >> i & 1) != 0) {
            acked(flights, highest - 1 - i, now_ns, news);
        }
    }
    forget_settled(flights);
}

void flights_expire(struct flights *flights, uint64_t now_ns, struct flights_news *news)
{
    const uint64_t usual_ns = 4 * flights->way_ns;
    const uint64_t wait_ns = usual_ns > patience_ns ? usual_ns : patience_ns;

    while (flights->oldest != flights->next) {
        struct flight *flight = at(flights, flights->oldest);
        if (flight->waits && now_ns < flight->sent_ns + wait_ns) {
            return;
        }
        lose(flight, news);
        flights->oldest++;
    }
}
