/* Whether conditions can be told of a run, before it. SPDX-License-Identifier: ISC */
#include "conditions.h"

#include <string.h>

#include "engine.h"

enum { SHOWN_MAX = 60 };

/* --- What a scenario has --- */

static bool group_has(const struct group *group, enum measure_of of)
{
    const struct scenario *scenario = group->scenario;

    if (scenario->engine == NULL) {
        return false;
    }
    switch (of) {
    case OF_PACKETS:
        return scenario->engine->in_pairs;
    case OF_ECHOES:
        return scenario->echo;
    case OF_HANDSHAKES:
        return scenario->engine->counts_measured_connects;
    case OF_EVENTS:
        return scenario->engine == &engine_multirelay;
    case OF_WAKES:
        return scenario->engine == &engine_sleepwake;
    case OF_RELAY_CLIENTS:
        return scenario->engine->in_pairs || !scenario->engine->counts_measured_connects;
    default:
        return true;
    }
}

/* Whether it is the group's, by its number too. */
static bool is_named(const struct stress_options *options, size_t index, const char *name)
{
    const struct scenario *scenario = options->groups[index].scenario;
    char own[FIGURE_GROUP_SIZE];
    size_t before = 0;

    for (size_t i = 0; i < index; i++) {
        before += options->groups[i].scenario == scenario ? 1 : 0;
    }
    group_name(scenario->name, before, own);
    return name[0] == '\0' || strcmp(own, name) == 0 || strcmp(scenario->name, name) == 0;
}

static bool is_there(const struct stress_options *options, const char *name)
{
    for (size_t i = 0; i < options->group_count; i++) {
        if (is_named(options, i, name)) {
            return true;
        }
    }
    return false;
}

/* A group of that name, or any for "", that has what is wanted. */
static const struct group *find_group(const struct stress_options *options, const char *name, enum measure_of of)
{
    for (size_t i = 0; i < options->group_count; i++) {
        if (is_named(options, i, name) && group_has(&options->groups[i], of)) {
            return &options->groups[i];
        }
    }
    return NULL;
}

static int check_group(const struct stress_options *options, const struct condition *condition, struct problem *problem)
{
    const char *name = condition->group;
    const char *what = condition->measure->name;
    const struct group *group;

    if (!is_there(options, name)) {
        return problem_set(problem, "--fail-if %.*s: no scenario \"%s\" is run here", SHOWN_MAX, condition->text, name);
    }
    if (find_group(options, name, condition->measure->of) != NULL) {
        return 0;
    }
    group = condition->measure->of == OF_ECHOES ? find_group(options, name, OF_PACKETS) : NULL;
    if (group != NULL) {
        return problem_set(problem, "--fail-if %.*s: %s has no echoes and no %s; it has oneway.%s", SHOWN_MAX,
                           condition->text, group->scenario->name, what, what);
    }
    return problem_set(problem, "--fail-if %.*s: %s has no %s", SHOWN_MAX, condition->text,
                       name[0] == '\0' ? "what is run here" : name, what);
}

/* --- What is told of a relay --- */

static double clients_at_start(const struct stress_options *options)
{
    double clients = 0;

    for (size_t i = 0; i < options->group_count; i++) {
        const struct group *group = &options->groups[i];
        clients += group_has(group, OF_RELAY_CLIENTS) ? group->clients : 0;
    }
    return clients;
}

static int check_relay(const struct stress_options *options, const struct condition *condition, struct problem *problem)
{
    const size_t relays = options->relays.count + options->embedded;
    const bool is_ours = relays == 1 && options->embedded == 1 && options->events.count == 0;
    const enum measure_of of = condition->measure->of;
    const char *why = NULL;

    if (options->relay_pid == 0 && !is_ours) {
        why = "of which relay's process? see --relay-pid";
    } else if (of == OF_RELAY_PACKETS && find_group(options, "", OF_PACKETS) == NULL) {
        why = "nothing that is run here has packets";
    } else if (of == OF_RELAY_HANDSHAKES && find_group(options, "", OF_HANDSHAKES) == NULL) {
        why = "nothing that is run here counts handshakes";
    } else if ((of == OF_RELAY_PACKETS || of == OF_RELAY_HANDSHAKES) && relays > 1) {
        why = "with several relays it is not known what one of them has carried";
    } else if (of == OF_RELAY_CLIENTS && clients_at_start(options) < CLIENTS_ENOUGH) {
        why = "it takes 100 clients that connect before the load";
    }
    return why == NULL ? 0 : problem_set(problem, "--fail-if %.*s: %s", SHOWN_MAX, condition->text, why);
}

int conditions_check(const struct stress_options *options, struct problem *problem)
{
    for (size_t i = 0; i < options->condition_count; i++) {
        const struct condition *condition = &options->conditions[i];
        const int error = measure_is_of_group(condition->measure) ? check_group(options, condition, problem)
                                                                  : check_relay(options, condition, problem);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
