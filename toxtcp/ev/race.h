/* What a race and its attempts know of each other: race.c says what is tried when, attempt.c tries one address.
 * SPDX-License-Identifier: ISC */
#ifndef TOXTCP_EV_RACE_H
#define TOXTCP_EV_RACE_H

#include "internal.h"

enum {
    ADDRESSES_MAX = 8,      /* of a family */
    ATTEMPT_DELAY_MS = 250, /* between attempts: a dead way must not use up the time for connecting (10 s) */
    FAMILIES = 2,
    IP6 = 0,
    IP4 = 1
};

struct attempt {
    struct race *race;
    struct ev_io io;
    struct toxtcp_address address;
    uint64_t started_ms;
    size_t sent;   /* bytes that left with the SYN */
    uint8_t order; /* of its address among those that were tried */
    bool fast;     /* its SYN has data, or asks for a cookie */
    bool joined;   /* there is, or was, another to the same address, without that */
    bool plain;    /* this is that other one */
    bool lost;     /* its address of ours is gone */
    struct attempt *prev;
    struct attempt *next;
};

/* Addresses of one family. */
struct lane {
    struct toxtcp_address addresses[ADDRESSES_MAX];
    uint8_t count;
    uint8_t tried;
    uint8_t under_way; /* of these: an attempt was */
    bool resolving;
};

struct race {
    struct corpse corpse;
    struct toxtcp_ev *ev;
    struct stream *stream; /* NULL: nobody waits any more, free it when the answers have come */
    struct ev_timer timer; /* something is to be started */
    struct attempt *attempts;
    struct lane lanes[FAMILIES];
    uint64_t next_at_ms; /* when the next address may be tried at the earliest while others are being tried */
    uint16_t port;
    uint8_t turn;        /* the lane that is next */
    uint8_t tried;       /* addresses */
    uint8_t error_order; /* of the address that `error` is of */
    int error;           /* the one that failed and comes first in the order of trying; 0 before */
};

/* --- race.c --- */

bool race_is_serial(const struct race *race);
/* Of the address that was tried as the `order`-th. */
void race_note_error(struct race *race, uint8_t order, int error);
/* Starts what is due, or ends the stream when nothing is left. The core is entered. */
void race_step(struct race *race);

/* --- attempt.c --- */

/* `plain`: beside one in the fast way, without data. Errors: fatal ones; there is no attempt then. */
int attempt_start(struct race *race, const struct toxtcp_address *address, uint8_t order, bool plain);
/* Hangs up and frees it. */
void attempt_drop(struct attempt *attempt);
/* The race goes on without it, or is over. The core is entered. */
void attempt_failed(struct attempt *attempt, int error);
/* When one in the fast way gets another beside it, to the same address, without that; TOXTCP_NEVER. */
uint64_t attempt_joins_at_ms(const struct attempt *attempt);
void attempt_join(struct attempt *attempt);
/* Whether it comes from this address of ours, whatever the port. */
bool attempt_is_from(const struct attempt *attempt, const struct toxtcp_address *ip);

#endif
