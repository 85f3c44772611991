/* What a session has to send. SPDX-License-Identifier: ISC */
#include "outbox.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

#include "session.h"
#include "session_packet.h"

enum { RTO_FIRST_MS = 1000, RTO_MIN_MS = 200, RTO_MAX_MS = 10000, RTO_MARGIN_MS = 50, TIME_OUTS_MAX = 16 };

struct outbox_message {
    struct outbox_message *next;
    uint64_t number;
    uint64_t added_ms;
    uint64_t first_segment;
    uint64_t segment_count;
    size_t len;
    uint8_t text[];
};

static void message_free(struct outbox_message *message)
{
    sodium_memzero(message->text, message->len);
    free(message);
}

static struct flight *flight_of(struct outbox *outbox, uint64_t segment)
{
    return &outbox->flights[segment % OUTBOX_WINDOW];
}

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.srtt_ms = UINT32_MAX, .deadline_ms = TOXTCP_NEVER};
}

void outbox_free(struct outbox *outbox)
{
    while (outbox->first != NULL) {
        struct outbox_message *message = outbox->first;

        outbox->first = message->next;
        message_free(message);
    }
}

/* An empty message is one empty segment. */
static uint64_t segments_of(size_t len)
{
    return len == 0 ? 1 : (len + SESSION_SEGMENT_MAX - 1) / SESSION_SEGMENT_MAX;
}

int outbox_add(struct outbox *outbox, const uint8_t *text, size_t len, uint64_t now_ms, uint64_t *number)
{
    struct outbox_message *message;

    if (len > SESSION_TEXT_MAX) {
        return TOXTCP_ERR_TOO_LONG;
    }
    if (outbox->count == SESSION_QUEUE_MAX) {
        return TOXTCP_ERR_FULL;
    }
    message = malloc(sizeof *message + len);
    if (message == NULL) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    *message = (struct outbox_message){.number = ++outbox->number,
                                       .added_ms = now_ms,
                                       .first_segment = outbox->next_segment,
                                       .segment_count = segments_of(len),
                                       .len = len};
    if (len > 0) {
        memcpy(message->text, text, len);
    }
    outbox->next_segment += message->segment_count;
    if (outbox->first == NULL) {
        outbox->first = message;
    } else {
        outbox->last->next = message;
    }
    outbox->last = message;
    outbox->count++;
    *number = message->number;
    return TOXTCP_OK;
}

void outbox_restart(struct outbox *outbox)
{
    outbox->base = outbox->edge = outbox->next_segment = 0;
    outbox->time_outs = 0;
    outbox->deadline_ms = TOXTCP_NEVER;
    for (struct outbox_message *message = outbox->first; message != NULL; message = message->next) {
        message->first_segment = outbox->next_segment;
        outbox->next_segment += message->segment_count;
    }
}

bool outbox_is_under_way(const struct outbox *outbox)
{
    return outbox->base < outbox->edge;
}

void outbox_resend(struct outbox *outbox)
{
    outbox->time_outs = 0;
    outbox->deadline_ms = TOXTCP_NEVER;
    for (uint64_t segment = outbox->base; segment < outbox->edge; segment++) {
        struct flight *flight = flight_of(outbox, segment);

        if (flight->state == FLIGHT_SENT) {
            flight->state = FLIGHT_LOST;
        }
        flight->unanswered = false;
    }
}

/* The segment's text. Messages under way are few, so walking from the oldest is cheap. */
static void fill_segment(const struct outbox *outbox, uint64_t number, struct outbox_segment *segment)
{
    const struct outbox_message *message = outbox->first;
    uint64_t index;
    size_t offset;

    while (number >= message->first_segment + message->segment_count) {
        message = message->next;
    }
    index = number - message->first_segment;
    offset = (size_t)index * SESSION_SEGMENT_MAX;
    segment->segment = number;
    segment->last = index + 1 == message->segment_count;
    segment->text = message->text + offset;
    segment->len = segment->last ? message->len - offset : SESSION_SEGMENT_MAX;
}

bool outbox_next(const struct outbox *outbox, struct outbox_segment *segment)
{
    for (uint64_t number = outbox->base; number < outbox->edge; number++) {
        const struct flight *flight = &outbox->flights[number % OUTBOX_WINDOW];

        if (flight->state == FLIGHT_LOST) {
            fill_segment(outbox, number, segment);
            segment->every_way = flight->unanswered;
            return true;
        }
    }
    if (outbox->edge == outbox->next_segment || outbox->edge - outbox->base == OUTBOX_WINDOW) {
        return false;
    }
    fill_segment(outbox, outbox->edge, segment);
    segment->every_way = false;
    return true;
}

static bool same_way(const struct session_way *a, const struct session_way *b)
{
    return a->index == b->index && a->generation == b->generation;
}

/* How long to wait for an answer; longer after each time-out in a row. */
static uint64_t retransmission_time_out(const struct outbox *outbox)
{
    uint64_t time_out = RTO_FIRST_MS;

    if (outbox->srtt_ms != UINT32_MAX) {
        uint64_t spread = 4 * (uint64_t)outbox->rttvar_ms;

        time_out = outbox->srtt_ms + (spread > RTO_MARGIN_MS ? spread : RTO_MARGIN_MS);
    }
    if (time_out < RTO_MIN_MS) {
        time_out = RTO_MIN_MS;
    }
    time_out <<= outbox->time_outs;
    return time_out < RTO_MAX_MS ? time_out : RTO_MAX_MS;
}

/* What is known of the round trip does not hold on another way: where it is longer, every answer would come after the
 * time-out, and none would ever be measured. */
static void note_way(struct outbox *outbox, const struct session_way *way)
{
    if (!same_way(&outbox->way, way)) {
        outbox->way = *way;
        outbox->srtt_ms = UINT32_MAX;
    }
}

void outbox_sent(struct outbox *outbox, uint64_t segment, struct session_way way, uint64_t now_ms)
{
    struct flight *flight = flight_of(outbox, segment);

    assert(segment >= outbox->base && segment <= outbox->edge);
    if (segment == outbox->edge) {
        note_way(outbox, &way);
        outbox->edge++;
        *flight = (struct flight){.first_way = way};
    } else {
        flight->repeated = true;
    }
    flight->state = FLIGHT_SENT;
    flight->way = way;
    flight->sent_ms = now_ms;
    outbox->sent_count++;
    if (outbox->deadline_ms == TOXTCP_NEVER) {
        outbox->deadline_ms = now_ms + retransmission_time_out(outbox);
    }
}

/* --- What becomes of segments, and which way they went --- */

static void report(struct outbox *outbox, const struct session_way *way, bool arrived)
{
    struct outbox_report *reports = outbox->reports;

    for (uint32_t i = 0; i < outbox->report_count; i++) {
        if (same_way(&reports[i].way, way) && reports[i].arrived == arrived) {
            reports[i].count++;
            return;
        }
    }
    /* More ways than there are relays: nobody misses the report. */
    if (outbox->report_count < OUTBOX_REPORTS_MAX) {
        reports[outbox->report_count++] = (struct outbox_report){.way = *way, .arrived = arrived, .count = 1};
    }
}

bool outbox_take_report(struct outbox *outbox, struct outbox_report *report)
{
    if (outbox->report_count == 0) {
        return false;
    }
    *report = outbox->reports[--outbox->report_count];
    return true;
}

/* Of a segment that went twice, an answer that comes too soon for the second is the first one's. */
static void report_arrival(struct outbox *outbox, const struct flight *flight, uint64_t now_ms)
{
    bool too_soon = flight->repeated && outbox->srtt_ms != UINT32_MAX && now_ms - flight->sent_ms < outbox->srtt_ms / 2;

    report(outbox, too_soon ? &flight->first_way : &flight->way, true);
}

static void lose(struct outbox *outbox, struct flight *flight)
{
    flight->state = FLIGHT_LOST;
    report(outbox, &flight->way, false);
}

/* --- What the peer acknowledges --- */

/* RFC 6298's smoothing. */
static void take_round_trip(struct outbox *outbox, uint64_t elapsed_ms)
{
    uint32_t sample = elapsed_ms < 60000 ? (uint32_t)elapsed_ms : 60000;
    uint32_t difference;

    if (outbox->srtt_ms == UINT32_MAX) {
        outbox->srtt_ms = sample;
        outbox->rttvar_ms = sample / 2;
        return;
    }
    difference = sample > outbox->srtt_ms ? sample - outbox->srtt_ms : outbox->srtt_ms - sample;
    outbox->rttvar_ms = (3 * outbox->rttvar_ms + difference) / 4;
    outbox->srtt_ms = (7 * outbox->srtt_ms + sample) / 8;
}

static bool is_acknowledged(uint64_t segment, uint64_t awaited, uint32_t held)
{
    if (segment < awaited) {
        return true;
    }
    return segment > awaited && segment - awaited - 1 < 32 && (held >> (segment - awaited - 1) & 1) != 0;
}

/* Marks what has arrived. Returns whether that is news; `*newest` is then the last segment that is newly there. */
static bool mark_arrived(struct outbox *outbox, uint64_t awaited, uint32_t held, uint64_t now_ms, uint64_t *newest)
{
    bool news = false;

    for (uint64_t segment = outbox->base; segment < outbox->edge; segment++) {
        struct flight *flight = flight_of(outbox, segment);

        if (flight->state != FLIGHT_ARRIVED && is_acknowledged(segment, awaited, held)) {
            flight->state = FLIGHT_ARRIVED;
            report_arrival(outbox, flight, now_ms);
            *newest = segment;
            news = true;
        }
    }
    return news;
}

/* One way keeps the order: what is missing before a segment that was sent the same way later and has arrived is lost;
 * and so is what would have been answered long ago. */
static void mark_lost(struct outbox *outbox, uint64_t newest, uint64_t now_ms)
{
    uint64_t time_out = retransmission_time_out(outbox);
    const struct session_way *way = &flight_of(outbox, newest)->way;

    for (uint64_t segment = outbox->base; segment < outbox->edge; segment++) {
        struct flight *flight = flight_of(outbox, segment);
        bool late = now_ms - flight->sent_ms >= time_out;

        bool overtaken = segment < newest && !flight->repeated && same_way(&flight->way, way);

        if (flight->state == FLIGHT_SENT && (late || overtaken)) {
            lose(outbox, flight);
            flight->unanswered = flight->unanswered || late;
        }
    }
}

bool outbox_acknowledged(struct outbox *outbox, uint64_t awaited, uint32_t held, uint64_t now_ms)
{
    uint64_t newest;

    if (awaited > outbox->edge) {
        return false;
    }
    if (!mark_arrived(outbox, awaited, held, now_ms, &newest)) {
        return true;
    }
    if (!flight_of(outbox, newest)->repeated) {
        take_round_trip(outbox, now_ms - flight_of(outbox, newest)->sent_ms);
    }
    outbox->time_outs = 0;
    while (outbox->base < outbox->edge && flight_of(outbox, outbox->base)->state == FLIGHT_ARRIVED) {
        outbox->base++;
    }
    mark_lost(outbox, newest, now_ms);
    outbox->deadline_ms = outbox_is_under_way(outbox) ? now_ms + retransmission_time_out(outbox) : TOXTCP_NEVER;
    return true;
}

bool outbox_take_delivered(struct outbox *outbox, uint64_t *number, uint64_t *added_ms)
{
    struct outbox_message *message = outbox->first;

    if (message == NULL || message->first_segment + message->segment_count > outbox->base) {
        return false;
    }
    *number = message->number;
    *added_ms = message->added_ms;
    outbox->first = message->next;
    outbox->count--;
    message_free(message);
    return true;
}

void outbox_expire(struct outbox *outbox, uint64_t now_ms)
{
    struct flight *flight = flight_of(outbox, outbox->base);

    assert(outbox_is_under_way(outbox));
    if (outbox->time_outs < TIME_OUTS_MAX) {
        outbox->time_outs++;
    }
    if (flight->state == FLIGHT_SENT) {
        lose(outbox, flight);
        flight->unanswered = true;
    }
    outbox->deadline_ms = now_ms + retransmission_time_out(outbox);
}
