/* The figures by which results are judged and compared. SPDX-License-Identifier: ISC */
#include "figures.h"

#include <stdio.h>
#include <string.h>

#define DISTRIBUTION(prefix, path, unit, of)                                                                           \
    {prefix "p50", path ".p50", unit, BETTER_LESS, of}, {prefix "p90", path ".p90", unit, BETTER_LESS, of},            \
        {prefix "p99", path ".p99", unit, BETTER_LESS, of}, {prefix "p999", path ".p999", unit, BETTER_LESS, of},      \
        {prefix "max", path ".max", unit, BETTER_LESS, of},                                                            \
    {                                                                                                                  \
        prefix "mean", path ".mean", unit, BETTER_LESS, of                                                             \
    }

static const struct measure measures[] = {
    {"packets/s", "packets_per_s", UNIT_RATE, BETTER_MORE, OF_PACKETS},
    {"bytes/s", "bytes_per_s", UNIT_RATE, BETTER_MORE, OF_PACKETS},
    {"handshakes/s", "connects.per_s", UNIT_RATE, BETTER_MORE, OF_HANDSHAKES},
    {"loss", NULL, UNIT_SHARE, BETTER_LESS, OF_PACKETS},
    {"lost", "lost", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"duplicated", "duplicated", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"reordered", "reordered", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"corrupted", "corrupted", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"misdelivered", "misdelivered", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"refused", "refused", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"unnoticed", "unnoticed", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"unwoken", "unwoken", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"credit_timeouts", "credit_timeouts", UNIT_COUNT, BETTER_LESS, OF_PACKETS},
    {"failed", "connects.failed", UNIT_COUNT, BETTER_LESS, OF_CLIENTS},
    {"ended", NULL, UNIT_COUNT, BETTER_LESS, OF_CLIENTS},
    DISTRIBUTION("", "round_trip_us", UNIT_US, OF_ECHOES),
    DISTRIBUTION("oneway.", "one_way_us", UNIT_US, OF_PACKETS),
    DISTRIBUTION("connect.", "connects.time_us", UNIT_US, OF_CLIENTS),
    DISTRIBUTION("gap.", "gap_us", UNIT_US, OF_EVENTS),
    DISTRIBUTION("recover.", "recover_us", UNIT_US, OF_EVENTS),
    DISTRIBUTION("wake.", "wake_us", UNIT_US, OF_WAKES),
    DISTRIBUTION("wake_round_trips.", "wake_round_trips", UNIT_NUMBER, OF_WAKES),
    {"cpu_us_per_packet", "relay_process.cpu_us_per_packet", UNIT_US, BETTER_LESS, OF_RELAY_PACKETS},
    {"cpu_us_per_handshake", "relay_process.cpu_us_per_handshake", UNIT_US, BETTER_LESS, OF_RELAY_HANDSHAKES},
    {"cpu_percent", "relay_process.cpu_percent", UNIT_COUNT, BETTER_NEITHER, OF_RELAY},
    {"rss_kib", "relay_process.rss_peak_kib", UNIT_KIB, BETTER_LESS, OF_RELAY},
    {"kib_per_client", NULL, UNIT_KIB, BETTER_LESS, OF_RELAY_CLIENTS},
};

enum { MEASURE_COUNT = sizeof measures / sizeof *measures };

bool measure_is_of_group(const struct measure *measure)
{
    return measure->of < OF_RELAY;
}

const struct measure *measure_at(size_t index)
{
    return index < MEASURE_COUNT ? &measures[index] : NULL;
}

const struct measure *measure_find(const char *name, size_t len)
{
    for (size_t i = 0; i < MEASURE_COUNT; i++) {
        if (strlen(measures[i].name) == len && memcmp(measures[i].name, name, len) == 0) {
            return &measures[i];
        }
    }
    return NULL;
}

const json_t *json_at(const json_t *object, const char *path)
{
    char key[64];

    while (object != NULL && *path != '\0') {
        const size_t len = strcspn(path, ".");
        (void)snprintf(key, sizeof key, "%.*s", (int)len, path);
        object = json_object_get(object, key);
        path += len + (path[len] == '.' ? 1 : 0);
    }
    return object;
}

static double number_at(const json_t *object, const char *path)
{
    return json_number_value(json_at(object, path));
}

/* --- What is computed --- */

static bool loss_of(const json_t *group, double *value)
{
    const double sent = number_at(group, "sent");

    *value = sent > 0 ? number_at(group, "lost") / sent : 0;
    return sent > 0;
}

static bool ended_of(const json_t *group, double *value)
{
    json_t *reasons = json_object_get(json_object_get(group, "connects"), "ended_by_reason");
    const char *name;
    json_t *count;

    *value = 0;
    json_object_foreach(reasons, name, count)
    {
        *value += json_number_value(count);
    }
    return reasons != NULL;
}

/* Clients that were connected before the load began. */
static double clients_at_start(const json_t *group)
{
    const double clients = number_at(group, "clients");
    const double ok = number_at(group, "connects.ok");

    if (json_at(group, "connects.per_s") == NULL) {
        return ok < clients ? ok : clients;
    }
    return number_at(group, "pairs") > 0 ? clients : 0;
}

/* What these have cost. */
static bool kib_per_client_of(const json_t *result, double *value)
{
    const json_t *groups = json_object_get(result, "groups");
    const double grown =
        number_at(result, "relay_process.rss_begin_kib") - number_at(result, "relay_process.rss_start_kib");
    double clients = 0;
    size_t index;
    json_t *group;

    json_array_foreach(groups, index, group)
    {
        clients += clients_at_start(group);
    }
    *value = clients > 0 ? grown / clients : 0;
    return clients >= CLIENTS_ENOUGH && number_at(result, "relay_process.rss_begin_kib") > 0;
}

static bool measure_compute(const struct measure *measure, const json_t *object, double *value)
{
    if (strcmp(measure->name, "loss") == 0) {
        return loss_of(object, value);
    }
    if (strcmp(measure->name, "ended") == 0) {
        return ended_of(object, value);
    }
    return kib_per_client_of(object, value);
}

static bool measure_read(const struct measure *measure, const json_t *object, double *value)
{
    if (measure->path == NULL) {
        return measure_compute(measure, object, value);
    }
    const json_t *found = json_at(object, measure->path);
    *value = json_number_value(found);
    return json_is_number(found);
}

/* --- All of a result --- */

static void read_object(const json_t *object, bool is_group, bool has_time, const char *name, struct figures *figures)
{
    const bool sends = number_at(object, "pairs") > 0;

    for (size_t i = 0; i < MEASURE_COUNT && figures->count < FIGURES_MAX; i++) {
        struct figure *figure = &figures->figures[figures->count];
        if ((has_time || measures[i].unit != UNIT_RATE) && measure_is_of_group(&measures[i]) == is_group &&
            (sends || measures[i].of != OF_PACKETS) && measure_read(&measures[i], object, &figure->value)) {
            figure->measure = &measures[i];
            (void)snprintf(figure->group, sizeof figure->group, "%.*s", FIGURE_GROUP_SIZE - 1, name);
            figures->count++;
        }
    }
}

void group_name(const char *scenario, size_t before, char name[FIGURE_GROUP_SIZE])
{
    if (before == 0) {
        (void)snprintf(name, FIGURE_GROUP_SIZE, "%s", scenario);
    } else {
        (void)snprintf(name, FIGURE_GROUP_SIZE, "%.20s#%zu", scenario, before + 1);
    }
}

void group_name_at(const json_t *result, size_t index, char name[FIGURE_GROUP_SIZE])
{
    const json_t *groups = json_object_get(result, "groups");
    const json_t *scenario = json_object_get(json_array_get(groups, index), "scenario");
    size_t before = 0;

    name[0] = '\0';
    if (json_is_string(scenario) && strspn(json_string_value(scenario), "abcdefghijklmnopqrstuvwxyz0123456789-_=") ==
                                        json_string_length(scenario)) {
        for (size_t i = 0; i < index; i++) {
            before += json_equal(json_object_get(json_array_get(groups, i), "scenario"), scenario) ? 1 : 0;
        }
        group_name(json_string_value(scenario), before, name);
    }
}

void figures_read(const json_t *result, struct figures *figures)
{
    const json_t *duration = json_object_get(result, "duration_s");
    /* Not when a signal came before the measured time. */
    const bool has_time = !json_is_number(duration) || json_number_value(duration) > 0;
    char name[FIGURE_GROUP_SIZE];
    size_t index;
    json_t *group;

    figures->count = 0;
    json_array_foreach(json_object_get(result, "groups"), index, group)
    {
        group_name_at(result, index, name);
        if (name[0] != '\0') {
            read_object(group, true, has_time, name, figures);
        }
    }
    read_object(result, false, has_time, "", figures);
}

const struct figure *figures_find(const struct figures *figures, const struct figure *like)
{
    for (size_t i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->figures[i];
        if (figure->measure == like->measure && strcmp(figure->group, like->group) == 0) {
            return figure;
        }
    }
    return NULL;
}

/* --- As text --- */

void figure_name(const struct figure *figure, char name[FIGURE_NAME_SIZE])
{
    (void)snprintf(name, FIGURE_NAME_SIZE, "%s%s%s", figure->group, figure->group[0] == '\0' ? "" : ".",
                   figure->measure->name);
}

void figure_format(const struct measure *measure, double value, char cell[CELL_SIZE])
{
    switch (measure->unit) {
    case UNIT_COUNT:
    case UNIT_RATE:
        format_count(value, cell);
        break;
    case UNIT_NUMBER:
        (void)snprintf(cell, CELL_SIZE, "%.1f", value);
        break;
    case UNIT_SHARE:
        (void)snprintf(cell, CELL_SIZE, "%.3f%%", value * 100);
        break;
    case UNIT_US:
        if (value < 9.995) {
            (void)snprintf(cell, CELL_SIZE, "%.2f us", value);
        } else {
            format_time(value * 1000, cell);
        }
        break;
    case UNIT_KIB:
        (void)snprintf(cell, CELL_SIZE, value < 999.5 ? "%.2f KiB" : "%.0f KiB", value);
        break;
    }
}
