/* What happens to relays during a run. SPDX-License-Identifier: ISC */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/address_text.h"
#include "clock.h"

enum { SHOWN_MAX = 60, RELAY_NUMBER_MAX = 65535 };

static const char *const names[EVENT_ACTION_COUNT] = {
    [EVENT_KILL] = "kill", [EVENT_STOP] = "stop", [EVENT_CONT] = "cont", [EVENT_START] = "start"};

const char *event_action_name(enum event_action action)
{
    return names[action];
}

uint64_t event_due_ns(const struct event *event, uint64_t measure_ns)
{
    return measure_ns + (uint64_t)(event->at_s * (double)NS_PER_S);
}

bool event_revives(enum event_action action)
{
    return action == EVENT_CONT || action == EVENT_START;
}

static int parse_error(const char *text, struct problem *problem)
{
    return problem_set(problem,
                       "--event %.*s: it is SECONDS:ACTION:RELAY, with kill, stop, cont or start, and the relay's "
                       "number or \"primary\"",
                       SHOWN_MAX, text);
}

static bool read_moment(const char *text, size_t len, double *at_s)
{
    char copy[24];
    char *end;

    /* strtod() knows more than people write. */
    if (len == 0 || len >= sizeof copy || strspn(text, "0123456789.") < len) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    *at_s = strtod(copy, &end);
    return *end == '\0' && end != copy;
}

static bool read_action(const char *text, size_t len, enum event_action *action)
{
    for (int i = 0; i < EVENT_ACTION_COUNT; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
            *action = (enum event_action)i;
            return true;
        }
    }
    return false;
}

static bool read_relay(const char *text, uint32_t *relay)
{
    if (strcmp(text, "primary") == 0) {
        *relay = 0;
        return true;
    }
    return number_text_parse(text, strlen(text), 1, RELAY_NUMBER_MAX, relay);
}

static bool event_read(const char *text, struct event *event)
{
    const char *first = strchr(text, ':');
    const char *second = first == NULL ? NULL : strchr(first + 1, ':');

    return second != NULL && read_moment(text, (size_t)(first - text), &event->at_s) &&
           read_action(first + 1, (size_t)(second - first) - 1, &event->action) &&
           read_relay(second + 1, &event->relay);
}

/* After those of the same moment. */
static void insert(struct events *events, const struct event *event)
{
    uint32_t at = events->count++;

    while (at > 0 && events->list[at - 1].at_s > event->at_s) {
        events->list[at] = events->list[at - 1];
        at--;
    }
    events->list[at] = *event;
}

int events_add(struct events *events, const char *text, struct problem *problem)
{
    struct event event = {.at_s = 0};
    const bool none = strcmp(text, "none") == 0;

    if (!none && !event_read(text, &event)) {
        return parse_error(text, problem);
    }
    if (none ? events->count > 0 : events->given && events->count == 0) {
        return problem_set(problem, "--event none: there is another --event");
    }
    events->given = true;
    if (none) {
        return 0;
    }
    if (events->count == EVENTS_MAX) {
        return problem_set(problem, "more than %d events", EVENTS_MAX);
    }
    insert(events, &event);
    return 0;
}

void events_default(struct events *events, double duration_s, uint32_t first, uint32_t count)
{
    /* The library dials a relay again 1 s after it broke and 2 s after that, or a quarter more or less: whoever is away
     * for 2 s is found by all before 4 s are over, which are two fifths of 10 s. */
    const double away_s = duration_s < 10 ? 0.2 * duration_s : 2;
    const uint32_t victims = duration_s < 10 ? 1 : 2;

    for (uint32_t i = 0; i < count && i < victims; i++) {
        const double begin = (0.2 + 0.4 * i) * duration_s;
        const struct event gone = {.at_s = begin, .action = EVENT_KILL, .relay = first + i};
        const struct event back = {.at_s = begin + away_s, .action = EVENT_START, .relay = first + i};

        insert(events, &gone);
        insert(events, &back);
    }
}

static int check_one(const struct event *event, double duration_s, uint32_t first_own, uint32_t relay_count,
                     bool has_command, struct problem *problem)
{
    const char *name = names[event->action];

    if (event->at_s >= duration_s) {
        return problem_set(problem, "--event %g:%s: the measured time is over after %g s", event->at_s, name,
                           duration_s);
    }
    if (event->relay > relay_count) {
        return problem_set(problem, "--event %g:%s:%u: there are %u relays", event->at_s, name, event->relay,
                           relay_count);
    }
    /* The primary may be any. */
    if (!has_command && (event->relay == 0 ? first_own > 1 : event->relay < first_own)) {
        return problem_set(problem,
                           "--event %g:%s: that relay was not started here, so it cannot be done to it; take "
                           "--embedded, or say how with --on-event",
                           event->at_s, name);
    }
    return 0;
}

/* The primary that comes back is the one that went. */
static int check_primaries(const struct events *events, struct problem *problem)
{
    bool gone = false;

    for (uint32_t i = 0; i < events->count; i++) {
        const struct event *event = &events->list[i];
        if (event->relay == 0 && event_revives(event->action) && !gone) {
            return problem_set(problem, "--event %g:%s:primary: before it there is no kill or stop of the primary",
                               event->at_s, names[event->action]);
        }
        gone = gone || event->relay == 0;
    }
    return 0;
}

int events_check(const struct events *events, double duration_s, uint32_t first_own, uint32_t relay_count,
                 bool has_command, struct problem *problem)
{
    for (uint32_t i = 0; i < events->count; i++) {
        if (check_one(&events->list[i], duration_s, first_own, relay_count, has_command, problem) != 0) {
            return -1;
        }
    }
    return check_primaries(events, problem);
}
