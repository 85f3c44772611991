/* Randomness of a simulation: one seed is one run. SPDX-License-Identifier: ISC */
#ifndef TEST_SIM_DICE_H
#define TEST_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* Dice of their own for each `purpose`, so that a draw more in one place moves nothing elsewhere. */
struct dice dice_of(uint64_t seed, uint64_t purpose);
uint64_t dice_next(struct dice *dice);
/* 0..count - 1; 0 when `count` is 0. */
uint32_t dice_below(struct dice *dice, uint32_t count);
/* Both ends included. */
uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high);
/* The same, every power of two as likely as any other: mostly small, now and then big. `low` is at least 1. */
uint32_t dice_skewed(struct dice *dice, uint32_t low, uint32_t high);
bool dice_chance(struct dice *dice, uint32_t percent);

#endif
