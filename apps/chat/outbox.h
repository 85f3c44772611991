/* What a session has to send: messages in pieces, a window, when to send again. SPDX-License-Identifier: ISC
 *
 * A message goes out in segments, which are numbered through from 0. At most OUTBOX_WINDOW of them are under way. */
#ifndef APPS_CHAT_OUTBOX_H
#define APPS_CHAT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

enum { OUTBOX_WINDOW = 32, OUTBOX_REPORTS_MAX = 16 };

struct outbox_message;

enum flight_state { FLIGHT_SENT, FLIGHT_LOST, FLIGHT_ARRIVED };

/* A segment that has been sent. */
struct flight {
    uint64_t sent_ms;
    uint8_t state;   /* enum flight_state */
    bool repeated;   /* sent more than once: its answer measures no round trip */
    bool unanswered; /* the time-out has struck it: it goes every way from now on */
    struct session_way first_way;
    struct session_way way; /* that it went last */
};

/* What became of segments that went one way. */
struct outbox_report {
    struct session_way way;
    bool arrived; /* or lost */
    uint32_t count;
};

/* All zeros and outbox_init() make an empty one. */
struct outbox {
    struct outbox_message *first; /* the oldest that has not arrived whole */
    struct outbox_message *last;
    uint32_t count;
    uint64_t number;       /* of the message added last */
    uint64_t base;         /* the first segment that has not arrived */
    uint64_t edge;         /* the first one that has not been sent */
    uint64_t next_segment; /* the first one of the next message */
    struct flight flights[OUTBOX_WINDOW];
    struct session_way way; /* of the segment that was sent last for the first time */
    uint32_t srtt_ms;       /* UINT32_MAX when not known */
    uint32_t rttvar_ms;
    uint32_t time_outs;   /* in a row, with no answer at all */
    uint64_t deadline_ms; /* of outbox_expire(), or TOXTCP_NEVER: nothing is under way */
    uint64_t sent_count;
    struct outbox_report reports[OUTBOX_REPORTS_MAX]; /* not taken yet */
    uint32_t report_count;
};

struct outbox_segment {
    uint64_t segment;
    bool last; /* of its message */
    bool every_way;
    const uint8_t *text; /* borrowed from the message */
    size_t len;
};

void outbox_init(struct outbox *outbox);
void outbox_free(struct outbox *outbox);

/* Errors: TOXTCP_ERR_TOO_LONG, _FULL, _NO_MEMORY. */
int outbox_add(struct outbox *outbox, const uint8_t *text, size_t len, uint64_t now_ms, uint64_t *number);

/* The peer is another run of its program: every message that has not arrived whole starts again, at segment 0. */
void outbox_restart(struct outbox *outbox);

/* All that is under way is to be sent again, at once. */
void outbox_resend(struct outbox *outbox);

/* Whether something was sent that has not arrived. */
bool outbox_is_under_way(const struct outbox *outbox);

/* What is to be sent now; false for nothing. outbox_sent() goes on to the next. */
bool outbox_next(const struct outbox *outbox, struct outbox_segment *segment);
void outbox_sent(struct outbox *outbox, uint64_t segment, struct session_way way, uint64_t now_ms);

/* The peer says that it has all segments before `awaited`, and those in `held`. False for a lie. */
bool outbox_acknowledged(struct outbox *outbox, uint64_t awaited, uint32_t held, uint64_t now_ms);

/* Takes the oldest message out if it has arrived whole. */
bool outbox_take_delivered(struct outbox *outbox, uint64_t *number, uint64_t *added_ms);

/* Takes out what became of segments since the last time; false for no more. Take all of them after
 * outbox_acknowledged() and outbox_expire(). */
bool outbox_take_report(struct outbox *outbox, struct outbox_report *report);

/* Nobody answered: the oldest segment under way is to be sent again, as a probe. Call it when the deadline is due. */
void outbox_expire(struct outbox *outbox, uint64_t now_ms);

#endif
