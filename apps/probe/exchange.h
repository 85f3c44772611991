/* Packets between two identities, or from one to itself, by way of the relay. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_EXCHANGE_H
#define APPS_PROBE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight.h"
#include "identity.h"
#include "payload.h"
#include "result.h"

/* Rounds of one packet there and one back, which are measured; then, for data, a burst each way, since a relay that
 * drops a part of what it takes might let a few single packets pass. When something is late no more is begun but that
 * burst; what is out is waited for once more, so long that a slow relay is told from one that drops. */
struct exchange {
    enum step step;
    struct step_result *found;
    struct identity *first;
    struct identity *second; /* unused in OOB to oneself */
    struct flight to_first;
    struct flight to_second;
    struct talk talk_of_first;
    struct talk talk_of_second;
    uint32_t rounds; /* done */
    bool last;       /* all is sent: the rest has to arrive */
    bool late;       /* something was waited for in vain, or too long */
    uint64_t sent_ns;
};

enum exchange_news {
    EXCHANGE_NOTHING,
    EXCHANGE_MOVED, /* the time to wait begins again */
    EXCHANGE_DONE   /* `found` has outcome and figures */
};

/* Begins with STEP_DATA, STEP_OOB or STEP_OOB_SELF. The identities are up, for data their routes online. */
enum exchange_news exchange_begin(struct exchange *exchange, enum step step, struct step_result *found,
                                  struct identity *first, struct identity *second);

/* Something came to one of the two; `sender` for OOB, NULL for data. */
enum exchange_news exchange_arrived(struct exchange *exchange, const struct identity *receiver,
                                    const struct toxtcp_public_key *sender, const uint8_t *bytes, size_t len);

/* How long the next thing is waited for at most, when that is `timeout_ns` for a relay that was never late. */
uint64_t exchange_wait(const struct exchange *exchange, uint64_t timeout_ns);

/* What was awaited did not come in time. */
enum exchange_news exchange_timed_out(struct exchange *exchange);

/* It is over before its time: counts what there is. The caller says why. */
void exchange_count(struct exchange *exchange);

#endif
