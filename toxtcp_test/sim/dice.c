/* Randomness of a simulation: splitmix64. SPDX-License-Identifier: ISC */
#include "dice.h"

uint64_t dice_next(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t purpose)
{
    struct dice dice = {.state = seed};

    dice.state = dice_next(&dice) ^ (purpose * 0xd6e8feb86659fd93U);
    dice.state = dice_next(&dice);
    return dice;
}

uint32_t dice_below(struct dice *dice, uint32_t count)
{
    return (uint32_t)(((dice_next(dice) >> 32) * count) >> 32);
}

uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high)
{
    return low + dice_below(dice, high - low + 1);
}

static uint32_t power_of(uint32_t number)
{
    uint32_t power = 0;

    while (number >>= 1) {
        power++;
    }
    return power;
}

uint32_t dice_skewed(struct dice *dice, uint32_t low, uint32_t high)
{
    const uint32_t power = dice_between(dice, power_of(low), power_of(high));
    const uint32_t first = (uint32_t)1 << power;
    const uint32_t last = first + (first - 1);

    return dice_between(dice, first < low ? low : first, last > high ? high : last);
}

bool dice_chance(struct dice *dice, uint32_t percent)
{
    return dice_below(dice, 100) < percent;
}
