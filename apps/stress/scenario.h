/* The scenarios and their settings: "NAME[:key=value,...]". SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_SCENARIO_H
#define APPS_STRESS_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/problem.h"

struct engine;

/* What can be set for all groups, and for each. */
enum setting_key {
    SET_CLIENTS,
    SET_PAIRS,
    SET_SIZE,
    SET_WINDOW,
    SET_ROUTES,
    SET_SOURCES,
    SET_RATE,
    SET_LIFE,
    SET_BOTH,
    SET_COUNT
};

struct settings {
    double values[SET_COUNT];
    uint32_t given; /* a bit for each that is set */
};

struct scenario {
    const char *name;
    const char *help;
    const struct engine *engine; /* that runs it */
    uint32_t takes;              /* a bit for each setting that it can use */
    struct settings defaults;
    bool echo;      /* the receiver sends each packet back */
    bool oob;       /* OOB instead of routed data */
    bool is_attack; /* run by attack.h, not by an engine */
};

/* One scenario with its settings. */
struct group {
    const struct scenario *scenario;
    char attack[32]; /* its name, when it is one */
    struct settings own;
    /* What holds: the group's own, else the command line's, else the scenario's. */
    uint32_t clients;
    uint32_t pairs;
    uint32_t size;
    uint32_t window;
    uint32_t routes;
    uint32_t sources;
    double rate;
    double life_s;
    bool both;
};

/* Reads one setting, without regard to what a scenario can use: "size", "1373". Returns 0, or -1 with `problem` set. */
int setting_read(const char *key, const char *value, struct settings *settings, struct problem *problem);

/* Reads a scenario. Returns 0, or -1 with `problem` set. */
int group_read(const char *text, struct group *group, struct problem *problem);

/* Settles what holds, `common` being the command line's. Returns 0, or -1 with `problem` set when it cannot be run. */
int group_settle(struct group *group, const struct settings *common, struct problem *problem);

/* A line for each scenario. */
void scenario_print_help(void);

#endif
