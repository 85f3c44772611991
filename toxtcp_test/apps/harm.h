/* What a bad relay does to the packets that it carries, counted to the packet. SPDX-License-Identifier: ISC
 *
 * It carries for a liar. Packets are data and OOB alike; each is harmed in one way at most, by its number, so that what
 * it does is the same in every run, whatever the time. It keeps a ledger of its own of what came after a later one. */
#ifndef TEST_APPS_HARM_H
#define TEST_APPS_HARM_H

#include <stdint.h>

#include "sim/liar.h"

/* "Every" N-th packet, 0 for none. Where two of them meet the first one here is done. */
struct harm_config {
    uint32_t lose;
    uint32_t corrupt;    /* one byte, another one each time */
    uint32_t misdeliver; /* to a client that is neither sender nor receiver; without one it passes */
    uint32_t duplicate;
    uint32_t delay; /* alone: what follows it passes it */
    uint32_t delay_ms;
    uint32_t swap; /* held until a later one of the same pair and direction was delivered, whole and in its place */
    /* So long after the first packet nothing moves for a while; then all of it is delivered, in order. */
    uint64_t stall_at_ms;
    uint64_t stall_ms;
};

struct harm_counts {
    uint64_t seen;
    uint64_t lost;
    uint64_t corrupted;
    uint64_t misdelivered;
    uint64_t duplicated;
    uint64_t delayed;
    uint64_t swapped;
    uint64_t stalled;
    uint64_t overtaken; /* delivered whole, in their place, for the first time, after one that came later */
    uint64_t held;      /* to be swapped, and still held */
    uint64_t vanished;  /* their receiver was gone */
};

struct harm;

/* Aborts when there is no memory, as all of it. */
struct harm *harm_new(const struct harm_config *config);
void harm_free(struct harm *harm);
/* For the liar's config; and then the liar that has it. */
const struct liar_carrier *harm_carrier(struct harm *harm);
void harm_set_liar(struct harm *harm, const struct liar *liar);
/* As the liar's. */
uint64_t harm_deadline(const struct harm *harm);
void harm_expire(struct harm *harm, uint64_t now_ms);
void harm_get_counts(const struct harm *harm, struct harm_counts *counts);

#endif
