/* A histogram of whole numbers, exact to half a percent, of a fixed size. SPDX-License-Identifier: ISC */
#ifndef APPS_COMMON_HISTOGRAM_H
#define APPS_COMMON_HISTOGRAM_H

#include <stdint.h>

/* Below 2^HISTOGRAM_FINE each number has a bucket of its own; above, each power of two has that many. Numbers of
 * 2^HISTOGRAM_POWERS and more count in the last bucket. */
enum {
    HISTOGRAM_FINE = 7,
    HISTOGRAM_POWERS = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_POWERS - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE
};

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* exact, as is max; only with a count */
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *histogram, const struct histogram *other);
/* The value that so many of a thousand do not exceed: 500 for the median, 990, 999, 1000 for the greatest. 0 when it is
 * empty. */
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_mille);
/* How many numbers there are that do not exceed the value. */
uint64_t histogram_rank(const struct histogram *histogram, uint64_t value);
/* Leaves what has come since the histogram was `earlier`; min and max stay those of all. */
void histogram_subtract(struct histogram *histogram, const struct histogram *earlier);

#endif
