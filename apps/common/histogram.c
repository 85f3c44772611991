/* A histogram of whole numbers: linear buckets within each power of two. SPDX-License-Identifier: ISC */
#include "histogram.h"

#include <string.h>

static uint32_t power_of(uint64_t value)
{
    return 63 - (uint32_t)__builtin_clzll(value);
}

static uint32_t bucket_of(uint64_t value)
{
    if (value >> HISTOGRAM_FINE == 0) {
        return (uint32_t)value;
    }
    if (value >> HISTOGRAM_POWERS != 0) {
        return HISTOGRAM_BUCKETS - 1;
    }
    const uint32_t shift = power_of(value) - HISTOGRAM_FINE;
    return ((shift + 1) << HISTOGRAM_FINE) + (uint32_t)((value >> shift) - (1U << HISTOGRAM_FINE));
}

/* The middle of a bucket. */
static uint64_t value_of(uint32_t bucket)
{
    const uint32_t row = bucket >> HISTOGRAM_FINE;
    const uint64_t fine = bucket & ((1U << HISTOGRAM_FINE) - 1);

    if (row == 0) {
        return fine;
    }
    const uint64_t width = (uint64_t)1 << (row - 1);
    return (((uint64_t)1 << HISTOGRAM_FINE) + fine) * width + width / 2;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

static void widen(struct histogram *histogram, uint64_t min, uint64_t max)
{
    histogram->min = histogram->count == 0 || min < histogram->min ? min : histogram->min;
    histogram->max = histogram->count == 0 || max > histogram->max ? max : histogram->max;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    widen(histogram, value, value);
    histogram->count++;
    histogram->sum += value;
    histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    if (other->count == 0) {
        return;
    }
    widen(histogram, other->min, other->max);
    histogram->count += other->count;
    histogram->sum += other->sum;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->buckets[i] += other->buckets[i];
    }
}

static uint64_t within(uint64_t value, const struct histogram *histogram)
{
    if (value < histogram->min) {
        return histogram->min;
    }
    return value > histogram->max ? histogram->max : value;
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_mille)
{
    const uint64_t rank = (histogram->count * per_mille + 999) / 1000;
    uint64_t seen = 0;

    if (histogram->count == 0) {
        return 0;
    }
    if (per_mille >= 1000) {
        return histogram->max;
    }
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen > 0) {
            return within(value_of(i), histogram);
        }
    }
    return histogram->max;
}

uint64_t histogram_rank(const struct histogram *histogram, uint64_t value)
{
    const uint32_t last = bucket_of(value);
    uint64_t rank = 0;

    for (uint32_t i = 0; i <= last; i++) {
        rank += histogram->buckets[i];
    }
    return rank;
}

void histogram_subtract(struct histogram *histogram, const struct histogram *earlier)
{
    histogram->count -= earlier->count;
    histogram->sum -= earlier->sum;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->buckets[i] -= earlier->buckets[i];
    }
}
