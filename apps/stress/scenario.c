/* The scenarios and their settings. SPDX-License-Identifier: ISC */
#include "scenario.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "payload.h"

#define GIVEN(key) (UINT32_C(1) << (key))

enum { SHOWN_MAX = 60, CLIENTS_MAX = 1000000, SOURCES_MAX = 131072, WINDOW_DEFAULT = 64, WINDOW_BYTES = 49152 };

/* --- Settings --- */

static const struct {
    const char *name;
    double minimum;
    double maximum;
    bool whole;
} keys[SET_COUNT] = {
    [SET_CLIENTS] = {"clients", 1, CLIENTS_MAX, true},
    [SET_PAIRS] = {"pairs", 1, CLIENTS_MAX / 2, true},
    [SET_SIZE] = {"size", PAYLOAD_MIN, PAYLOAD_MAX, true},
    [SET_WINDOW] = {"window", 0, 100000, true},
    [SET_ROUTES] = {"routes", 0, TOXTCP_ROUTES_MAX - 1, true},
    [SET_SOURCES] = {"sources", 0, SOURCES_MAX, true},
    [SET_RATE] = {"rate", 0, 1e6, false},
    [SET_LIFE] = {"life", 0.01, 1e6, false},
    [SET_BOTH] = {"dir", 0, 1, true},
};

static bool number_read(const char *text, double *number)
{
    char *end = NULL;

    errno = 0;
    *number = strtod(text, &end);
    /* strtod() knows hexadecimal numbers and infinity, people here do not. */
    return end != text && *end == '\0' && errno == 0 && isfinite(*number) &&
           strspn(text, "0123456789.eE+-") == strlen(text);
}

static int key_find(const char *name)
{
    for (int i = 0; i < SET_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void settings_put(struct settings *settings, int key, double number)
{
    settings->values[key] = number;
    settings->given |= GIVEN(key);
}

static int dir_read(const char *value, struct settings *settings, struct problem *problem)
{
    if (strcmp(value, "one") != 0 && strcmp(value, "both") != 0) {
        return problem_set(problem, "dir=%.*s: it is \"one\" or \"both\"", SHOWN_MAX, value);
    }
    settings_put(settings, SET_BOTH, value[0] == 'b');
    return 0;
}

int setting_read(const char *key, const char *value, struct settings *settings, struct problem *problem)
{
    const int found = key_find(key);
    double number = 0;

    if (found < 0) {
        return problem_set(problem, "\"%.*s\" is no setting of a scenario; see --help", SHOWN_MAX, key);
    }
    if (found == SET_BOTH) {
        return dir_read(value, settings, problem);
    }
    if (!number_read(value, &number) || number < keys[found].minimum || number > keys[found].maximum ||
        (keys[found].whole && number != floor(number))) {
        return problem_set(problem, "%s=%.*s: it is a %snumber of %g to %.0f", key, SHOWN_MAX, value,
                           keys[found].whole ? "whole " : "", keys[found].minimum, keys[found].maximum);
    }
    settings_put(settings, found, number);
    return 0;
}

/* --- Scenarios --- */

#define DEFAULTS(...)                                                                                                  \
    {                                                                                                                  \
        .values = { __VA_ARGS__ }                                                                                      \
    }

/* What each of them can use. */
enum {
    TAKES_ECHO = GIVEN(SET_PAIRS) | GIVEN(SET_SIZE) | GIVEN(SET_RATE) | GIVEN(SET_ROUTES) | GIVEN(SET_SOURCES),
    TAKES_STREAM = TAKES_ECHO | GIVEN(SET_WINDOW) | GIVEN(SET_BOTH),
    TAKES_CLIENTS = GIVEN(SET_CLIENTS) | GIVEN(SET_SOURCES),
    TAKES_CHURN = TAKES_CLIENTS | GIVEN(SET_SIZE) | GIVEN(SET_RATE) | GIVEN(SET_LIFE),
    TAKES_MATES = GIVEN(SET_PAIRS) | GIVEN(SET_SIZE) | GIVEN(SET_SOURCES),
    TAKES_MULTIRELAY = TAKES_MATES | GIVEN(SET_RATE) | GIVEN(SET_BOTH),
    TAKES_SLEEPWAKE = TAKES_MATES | GIVEN(SET_LIFE),
    TAKES_ATTACK = TAKES_CLIENTS | GIVEN(SET_RATE)
};

static const struct scenario scenarios[] = {
    {"throughput", "pairs that send as fast as the relay bears, or with rate=N a second", &engine_pairs, TAKES_STREAM,
     DEFAULTS([SET_PAIRS] = 8, [SET_SIZE] = 1373), false, false, false},
    {"latency", "pairs that send at a rate and echo", &engine_pairs, TAKES_ECHO,
     DEFAULTS([SET_PAIRS] = 1, [SET_SIZE] = 100, [SET_RATE] = 200), true, false, false},
    {"routes", "pairs with routes to absent peers besides", &engine_pairs, TAKES_ECHO,
     DEFAULTS([SET_PAIRS] = 8, [SET_SIZE] = 100, [SET_RATE] = 10, [SET_ROUTES] = 60), true, false, false},
    {"oob", "as throughput, in OOB packets", &engine_pairs, TAKES_STREAM, DEFAULTS([SET_PAIRS] = 8, [SET_SIZE] = 500),
     false, true, false},
    {"handshake", "clients that connect, are confirmed, close, over and over", &engine_handshake, TAKES_CLIENTS,
     DEFAULTS([SET_CLIENTS] = 16), false, false, false},
    {"idle", "clients that are there and answer pings", &engine_idle, TAKES_CLIENTS, DEFAULTS([SET_CLIENTS] = 4000),
     false, false, false},
    {"churn", "pairs that connect, talk, vanish, over and over", &engine_churn, TAKES_CHURN,
     DEFAULTS([SET_CLIENTS] = 100, [SET_SIZE] = 100, [SET_RATE] = 10, [SET_LIFE] = 2), true, false, false},
    {"multirelay", "pairs with up to 6 relays each, while --event has relays come and go", &engine_multirelay,
     TAKES_MULTIRELAY, DEFAULTS([SET_PAIRS] = 20, [SET_SIZE] = 100, [SET_RATE] = 50), false, false, false},
    {"sleepwake", "pairs with up to 6 relays each that sleep and wake", &engine_sleepwake, TAKES_SLEEPWAKE,
     DEFAULTS([SET_PAIRS] = 8, [SET_SIZE] = 100, [SET_LIFE] = 1), false, false, false},
    {"attack", "attack=NAME: a bad neighbour, see --list-attacks", NULL, TAKES_ATTACK, DEFAULTS([SET_CLIENTS] = 0),
     false, false, true},
};

static const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}

void scenario_print_help(void)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        (void)printf("  %-12s%s\n", scenarios[i].name, scenarios[i].help);
    }
}

/* --- Groups --- */

static int name_read(char *text, struct group *group, struct problem *problem)
{
    char *equals = strchr(text, '=');

    if (equals != NULL) {
        *equals = '\0';
    }
    group->scenario = scenario_find(text);
    if (group->scenario == NULL || group->scenario->is_attack != (equals != NULL)) {
        return problem_set(problem, "\"%.*s\" is no scenario; see --help", SHOWN_MAX, text);
    }
    if (equals != NULL && (equals[1] == '\0' || strlen(equals + 1) >= sizeof group->attack)) {
        return problem_set(problem, "\"%.*s\" is no attack; see --list-attacks", SHOWN_MAX, equals + 1);
    }
    if (equals != NULL) {
        memcpy(group->attack, equals + 1, strlen(equals + 1) + 1);
    }
    return 0;
}

/* The first setting that is given and of no use. */
static int check_use(const struct group *group, struct problem *problem)
{
    for (int i = 0; i < SET_COUNT; i++) {
        if ((group->own.given & ~group->scenario->takes & GIVEN(i)) != 0) {
            return problem_set(problem, "%s:%s=: this scenario has no use for it; see man toxtcp-stress",
                               group->scenario->name, keys[i].name);
        }
    }
    return 0;
}

static int own_settings_read(char *text, struct group *group, struct problem *problem)
{
    char *rest = text;
    char *item;

    while ((item = strsep(&rest, ",")) != NULL) {
        char *equals = strchr(item, '=');

        if (equals == NULL) {
            return problem_set(problem, "%s:%.*s: a setting is written key=value", group->scenario->name, SHOWN_MAX,
                               item);
        }
        *equals = '\0';
        if (setting_read(item, equals + 1, &group->own, problem) != 0) {
            return -1;
        }
    }
    return check_use(group, problem);
}

int group_read(const char *text, struct group *group, struct problem *problem)
{
    char *copy = strdup(text);
    int result;

    if (copy == NULL) {
        return problem_set(problem, "out of memory");
    }
    char *colon = strchr(copy, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    *group = (struct group){.scenario = NULL};
    result = name_read(copy, group, problem);
    if (result == 0 && colon != NULL) {
        result = own_settings_read(colon + 1, group, problem);
    }
    free(copy);
    return result;
}

static double settle(const struct group *group, const struct settings *common, enum setting_key key)
{
    if ((group->own.given & GIVEN(key)) != 0) {
        return group->own.values[key];
    }
    /* Sizes and counts for honest clients do not make an attack's. */
    if (!group->scenario->is_attack && (common->given & GIVEN(key)) != 0) {
        return common->values[key];
    }
    return group->scenario->defaults.values[key];
}

/* Relays drop what a client's queue does not hold, at 64 KiB and less; a default should not measure that. */
static uint32_t default_window(uint32_t size)
{
    const uint32_t fitting = WINDOW_BYTES / size;

    return fitting < WINDOW_DEFAULT ? fitting : WINDOW_DEFAULT;
}

int group_settle(struct group *group, const struct settings *common, struct problem *problem)
{
    const struct scenario *scenario = group->scenario;

    group->clients = (uint32_t)settle(group, common, SET_CLIENTS);
    group->pairs = (uint32_t)settle(group, common, SET_PAIRS);
    group->size = (uint32_t)settle(group, common, SET_SIZE);
    group->window = (uint32_t)settle(group, common, SET_WINDOW);
    group->routes = (uint32_t)settle(group, common, SET_ROUTES);
    group->sources = (uint32_t)settle(group, common, SET_SOURCES);
    group->rate = settle(group, common, SET_RATE);
    group->life_s = settle(group, common, SET_LIFE);
    group->both = settle(group, common, SET_BOTH) != 0;
    if (scenario->engine == &engine_churn) {
        group->pairs = (group->clients + 1) / 2;
    }
    if (scenario->engine != NULL && scenario->engine->in_pairs) {
        group->clients = 2 * group->pairs;
        group->window = group->window == 0 ? default_window(group->size) : group->window;
    }
    if (scenario->oob && group->size > TOXTCP_OOB_MAX) {
        return problem_set(problem, "oob: size=%u is over %d, the most of an OOB packet", group->size, TOXTCP_OOB_MAX);
    }
    if ((scenario->echo || scenario->engine == &engine_multirelay) && group->rate == 0) {
        return problem_set(problem, "%s: rate=0 says nothing; give a rate", scenario->name);
    }
    return 0;
}
