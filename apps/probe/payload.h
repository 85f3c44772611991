/* Payloads that a relay cannot tell from those of two friends. SPDX-License-Identifier: ISC
 *
 * Friends begin with a cookie request and its response, then two handshakes; what follows are data packets. Only the
 * kind, the lengths, the sender's key in the cookie request and the counter in data packets can be seen from outside;
 * the rest is encrypted, so that random bytes look the same. Relays that parse payloads take these (docs/protocol.md,
 * section 3). */
#ifndef APPS_PROBE_PAYLOAD_H
#define APPS_PROBE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/key.h>

#include "flight.h"

enum { PAYLOAD_COOKIE_REQUEST = 0x18, PAYLOAD_COOKIE_RESPONSE = 0x19, PAYLOAD_HANDSHAKE = 0x1a, PAYLOAD_DATA = 0x1b };

/* What one end says to the other, in order. */
struct talk {
    const struct toxtcp_public_key *own_key;
    bool first;       /* it is the one that begins */
    uint32_t said;    /* packets of this talk */
    uint16_t counter; /* of data packets */
};

void talk_begin(struct talk *talk, const struct toxtcp_public_key *own_key, bool first);

/* Puts the next packet into the flight. Data packets have `longest` bytes with `full`, or a random size up to that;
 * what comes before them has the size of its kind. Returns its bytes, *len long; NULL when the flight is full. */
const uint8_t *talk_next(struct talk *talk, struct flight *flight, size_t longest, bool full, size_t *len);

#endif
