/* A ring of samples. SPDX-License-Identifier: ISC */
#include "history.h"

/* Whoever looks every 10 s looks a little early at times. */
enum { INTERVAL_LEAST_MS = HISTORY_INTERVAL_MS * 9 / 10 };

static uint64_t since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static uint32_t capped(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* `transit` is overwritten. */
static void compare(const struct history_mark *then, const struct history_mark *now, struct histogram *transit,
                    struct history_sample *sample)
{
    const double seconds = (double)since(now->uptime_ms, then->uptime_ms) / 1000;

    *sample = (struct history_sample){.uptime_ms = now->uptime_ms};
    if (seconds <= 0) {
        return;
    }
    sample->packets_per_second = (double)since(now->packets, then->packets) / seconds;
    sample->bytes_per_second = (double)since(now->bytes, then->bytes) / seconds;
    sample->cpu = (double)since(now->cpu_ns, then->cpu_ns) / 1e9 / seconds;
    *transit = now->waits_us;
    histogram_subtract(transit, &then->waits_us);
    sample->transit_count = capped(transit->count);
    sample->transit_p50_us = capped(histogram_quantile(transit, 500));
    sample->transit_p99_us = capped(histogram_quantile(transit, 990));
}

static void append(struct history *history, const struct history_sample *sample)
{
    if (history->count < HISTORY_MAX) {
        history->samples[history->count++] = *sample;
        return;
    }
    history->samples[history->first] = *sample;
    history->first = (history->first + 1) % HISTORY_MAX;
}

void history_add(struct history *history, const struct history_mark *now, uint32_t clients)
{
    struct history_sample sample;

    if (history->mark_count > 0) {
        const struct history_mark *last = &history->marks[history->mark_count - 1];

        if (since(now->uptime_ms, last->uptime_ms) < INTERVAL_LEAST_MS) {
            return;
        }
        compare(last, now, &history->scratch, &sample);
        sample.clients = clients;
        append(history, &sample);
    }
    if (history->mark_count == 2) {
        history->marks[0] = history->marks[1];
        history->mark_count = 1;
    }
    history->marks[history->mark_count++] = *now;
}

void history_recent(struct history *history, const struct history_mark *now, uint32_t clients,
                    struct history_sample *recent)
{
    if (history->mark_count == 0) {
        *recent = (struct history_sample){.uptime_ms = now->uptime_ms};
    } else {
        compare(&history->marks[0], now, &history->scratch, recent);
    }
    recent->clients = clients;
}

const struct history_sample *history_get(const struct history *history, uint32_t index)
{
    return &history->samples[(history->first + index) % HISTORY_MAX];
}
