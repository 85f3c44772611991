/* The figures by which results are judged and compared, read out of what is written as JSON. SPDX-License-Identifier:
 * ISC */
#ifndef APPS_STRESS_FIGURES_H
#define APPS_STRESS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cells.h"

enum measure_unit { UNIT_COUNT, UNIT_NUMBER, UNIT_RATE, UNIT_SHARE, UNIT_US, UNIT_KIB };
enum measure_better { BETTER_LESS, BETTER_MORE, BETTER_NEITHER };
/* What must be there for a figure to be: in a scenario, or from OF_RELAY on in the whole run. */
enum measure_of {
    OF_CLIENTS,
    OF_PACKETS,
    OF_ECHOES,
    OF_HANDSHAKES,
    OF_EVENTS,
    OF_WAKES,
    OF_RELAY,
    OF_RELAY_PACKETS,
    OF_RELAY_HANDSHAKES,
    OF_RELAY_CLIENTS
};

struct measure {
    const char *name;
    const char *path; /* in the JSON of a group or of a result; NULL: is computed */
    enum measure_unit unit;
    enum measure_better better;
    enum measure_of of;
};

/* Memory for each client is told of so many and more, since it comes in lumps. */
enum { CLIENTS_ENOUGH = 100 };

bool measure_is_of_group(const struct measure *measure);

/* By its name, or NULL. */
const struct measure *measure_find(const char *name, size_t len);
/* By number; NULL after the last one. */
const struct measure *measure_at(size_t index);

enum { FIGURES_MAX = 1024, FIGURE_GROUP_SIZE = 40, FIGURE_NAME_SIZE = 80 };

struct figure {
    char group[FIGURE_GROUP_SIZE]; /* "latency", the second of that name "latency#2"; empty: of all */
    const struct measure *measure;
    double value;
};

struct figures {
    size_t count;
    struct figure figures[FIGURES_MAX];
};

/* All that the result of one run has. */
void figures_read(const json_t *result, struct figures *figures);
/* What a group is called that has so many of its scenario before it, and the one of that index in a result; "" when it
 * has no name that could be shown: it may come out of anybody's file, and goes to a terminal. */
void group_name(const char *scenario, size_t before, char name[FIGURE_GROUP_SIZE]);
void group_name_at(const json_t *result, size_t index, char name[FIGURE_GROUP_SIZE]);
/* NULL when it is not there. */
const struct figure *figures_find(const struct figures *figures, const struct figure *like);

/* "latency.p99" */
void figure_name(const struct figure *figure, char name[FIGURE_NAME_SIZE]);
void figure_format(const struct measure *measure, double value, char cell[CELL_SIZE]);

/* What stands at a path of keys with points between them, or NULL. */
const json_t *json_at(const json_t *object, const char *path);

#endif
