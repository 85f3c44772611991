/* How a relay did in the rounds before. SPDX-License-Identifier: ISC */
#include "history.h"

#include <string.h>

bool history_add(struct history *history, const struct probe_result *result, time_t now)
{
    const enum relay_state state = result_state(result);
    const enum relay_state before = history->rounds == 0 ? RELAY_GOOD : history->state;
    uint64_t round_trip_ns = 0;

    if (state == RELAY_GOOD) {
        (void)step_median(&result->steps[STEP_DATA], &round_trip_ns);
        /* 0 stands for a failure. */
        round_trip_ns += round_trip_ns == 0 ? 1 : 0;
        history->good++;
    }
    if (history->rounds == 0 || state != history->state) {
        history->since = now;
    }
    history->round_trips_ns[history->rounds % HISTORY_KEPT] = round_trip_ns;
    history->rounds++;
    history->state = state;
    return state != before;
}

double history_availability(const struct history *history)
{
    return history->rounds == 0 ? 0. : 100. * history->good / history->rounds;
}

size_t history_kept(const struct history *history)
{
    return history->rounds < HISTORY_KEPT ? history->rounds : HISTORY_KEPT;
}

uint64_t history_round_trip(const struct history *history, size_t i)
{
    return history->round_trips_ns[(history->rounds - history_kept(history) + i) % HISTORY_KEPT];
}

static uint64_t longest(const struct history *history)
{
    uint64_t max = 1;

    for (size_t i = 0; i < history_kept(history); i++) {
        const uint64_t ns = history_round_trip(history, i);
        max = ns > max ? ns : max;
    }
    return max;
}

void history_sparkline(const struct history *history, bool utf8, char text[SPARKLINE_SIZE])
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    const uint64_t max = longest(history);
    char *end = text;

    for (size_t i = 0; i < history_kept(history); i++) {
        const uint64_t ns = history_round_trip(history, i);
        const size_t level = ns == 0 ? 0 : (size_t)(8. * (double)(ns - 1) / (double)max);
        const char *mark = ns == 0 ? "x" : utf8 ? blocks[level] : plain[level];
        const size_t len = strlen(mark);

        memcpy(end, mark, len);
        end += len;
    }
    *end = '\0';
}
