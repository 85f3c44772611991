/* What every packet of a run carries, so that whatever a relay does to it is found. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PAYLOAD_H
#define APPS_STRESS_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/limits.h>

enum { PAYLOAD_MIN = 40, PAYLOAD_MAX = TOXTCP_DATA_MAX };

enum payload_kind {
    PAYLOAD_DATA = 1,
    PAYLOAD_ECHO,  /* the answer to one */
    PAYLOAD_CREDIT /* how much the receiver has seen */
};

struct payload {
    enum payload_kind kind;
    uint32_t run;         /* drawn anew for each run */
    uint32_t stream;      /* one direction of one pair; no other of the run has it */
    uint32_t sequence;    /* in that stream, from 0; it may wrap */
    uint64_t intended_ns; /* when it should have been sent; in a credit a sequence */
    /* By which it counts: when it was sent; in an open loop when it should have been. An echo has both moments of what
     * it answers. */
    uint64_t sent_ns;
};

/* Fills `bytes` with what payload_write() leaves as it is. Once for each buffer. */
void payload_fill(uint8_t bytes[PAYLOAD_MAX]);

/* Writes it with its check word around the filling: PAYLOAD_MIN..PAYLOAD_MAX bytes. */
void payload_write(const struct payload *payload, uint8_t *bytes, size_t len);

/* False when these are not bytes that payload_write() has written: of another length, or changed anywhere. */
bool payload_read(const uint8_t *bytes, size_t len, struct payload *payload);

#endif
