/* How often something may happen. SPDX-License-Identifier: ISC */
#include "rate.h"

static const uint64_t ns_per_s = 1000000000;
static const uint64_t ns_per_ms = 1000000;

/* Times so late that they don't fit are one: 584 years. */
static uint64_t add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t in_ns(uint64_t ms)
{
    return ms > UINT64_MAX / ns_per_ms ? UINT64_MAX : ms * ns_per_ms;
}

static uint64_t in_ms(uint64_t ns)
{
    return ns / ns_per_ms + (ns % ns_per_ms != 0);
}

/* How long `amount` takes to flow in. */
static uint64_t time_of(struct rate_limit limit, uint32_t amount)
{
    return amount * ns_per_s / limit.per_second;
}

void rate_take(struct rate *rate, struct rate_limit limit, uint32_t amount, uint64_t now_ms)
{
    const uint64_t now_ns = in_ns(now_ms);

    if (limit.per_second == 0) {
        return;
    }
    if (rate->full_at_ns < now_ns) {
        rate->full_at_ns = now_ns;
    }
    rate->full_at_ns = add(rate->full_at_ns, time_of(limit, amount));
}

uint64_t rate_ready_ms(const struct rate *rate, struct rate_limit limit, uint32_t amount)
{
    const uint32_t burst = limit.burst ? limit.burst : 1;

    if (limit.per_second == 0) {
        return 0;
    }
    const uint64_t spare = amount < burst ? time_of(limit, burst - amount) : 0;
    return rate->full_at_ns > spare ? in_ms(rate->full_at_ns - spare) : 0;
}

uint64_t rate_full_ms(const struct rate *rate)
{
    return in_ms(rate->full_at_ns);
}

/* How much flows in meanwhile, rounded up; at most what one may take at once. */
static uint32_t amount_of(struct rate_limit limit, uint64_t ns)
{
    const uint64_t seconds = ns / ns_per_s;
    const uint64_t rest = ns % ns_per_s * limit.per_second;

    if (seconds >= UINT32_MAX / limit.per_second) {
        return UINT32_MAX;
    }
    return (uint32_t)(seconds * limit.per_second + rest / ns_per_s + (rest % ns_per_s != 0));
}

void rate_change(struct rate *rate, struct rate_limit from, struct rate_limit to, uint64_t now_ms)
{
    const uint64_t now_ns = in_ns(now_ms);

    if (from.per_second == to.per_second) {
        return;
    }
    if (from.per_second == 0 || to.per_second == 0 || rate->full_at_ns <= now_ns) {
        rate->full_at_ns = 0;
        return;
    }
    const uint32_t missing = amount_of(from, rate->full_at_ns - now_ns);
    rate->full_at_ns = add(now_ns, time_of(to, missing));
}
