/* --fail-if: conditions that a result must not meet. SPDX-License-Identifier: ISC */
#include "verdict.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 40, UNIT_SHOWN_MAX = 20, LIST_SIZE = 400 };

/* --- Reading --- */

struct unit {
    const char *name;
    double factor;
};

/* The first one of each is what to write when there is none; without a name: none is needed. */
static const struct unit units_count[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct unit units_share[] = {{"%", 0.01}, {NULL, 0}};
static const struct unit units_us[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {NULL, 0}};
static const struct unit units_kib[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"KiB", 1}, {"MiB", 1024}, {NULL, 0}};

static const struct unit *units_of(const struct measure *measure)
{
    switch (measure->unit) {
    case UNIT_SHARE:
        return units_share;
    case UNIT_US:
        return units_us;
    case UNIT_KIB:
        return units_kib;
    case UNIT_COUNT:
    case UNIT_NUMBER:
    case UNIT_RATE:
        break;
    }
    return units_count;
}

static int unknown_measure(const char *text, size_t len, struct problem *problem)
{
    char list[LIST_SIZE] = "";

    /* Those of other latencies are named once. */
    for (size_t i = 0; measure_at(i) != NULL; i++) {
        const char *name = measure_at(i)->name;
        if (strchr(name, '.') == NULL) {
            const size_t used = strlen(list);
            (void)snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ", name);
        }
    }
    return problem_set(problem,
                       "--fail-if: there is no \"%.*s\"; there are %s, p50 and so on also after oneway., connect., "
                       "gap., recover., wake. "
                       "and wake_round_trips., and all after SCENARIO.",
                       (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text, list);
}

/* "p99", "latency.p99", "latency.oneway.p99" */
static int read_name(const char *text, size_t len, struct condition *condition, struct problem *problem)
{
    const char *dot = memchr(text, '.', len);

    condition->measure = measure_find(text, len);
    if (condition->measure == NULL && dot != NULL && dot > text && dot - text < FIGURE_GROUP_SIZE) {
        (void)snprintf(condition->group, sizeof condition->group, "%.*s", (int)(dot - text), text);
        condition->measure = measure_find(dot + 1, len - (size_t)(dot + 1 - text));
    }
    if (condition->measure == NULL) {
        return unknown_measure(text, len, problem);
    }
    if (condition->group[0] != '\0' && !measure_is_of_group(condition->measure)) {
        return problem_set(problem, "--fail-if: %s is of the whole run, not of %s", condition->measure->name,
                           condition->group);
    }
    return 0;
}

/* Returns what follows the sign. */
static const char *read_sign(const char *sign, struct condition *condition)
{
    const bool equal = sign[1] == '=';

    condition->sign = sign[0] == '>' ? (equal ? SIGN_AT_LEAST : SIGN_OVER) : (equal ? SIGN_AT_MOST : SIGN_UNDER);
    return sign + (equal ? 2 : 1);
}

static size_t length_without_blanks(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    return len;
}

static int read_bound(const char *text, struct condition *condition, struct problem *problem)
{
    char *end = NULL;
    char list[LIST_SIZE] = "";

    text += strspn(text, " ");
    errno = 0;
    const double number = strtod(text, &end);
    if (end == text || errno != 0 || !isfinite(number) || strspn(text, "0123456789.eE+-") < (size_t)(end - text)) {
        return problem_set(problem, "--fail-if %.*s: a number must follow the sign", SHOWN_MAX, condition->text);
    }
    end += strspn(end, " ");
    const size_t len = length_without_blanks(end);
    for (const struct unit *unit = units_of(condition->measure); unit->name != NULL; unit++) {
        if (strlen(unit->name) == len && memcmp(end, unit->name, len) == 0) {
            condition->bound = number * unit->factor;
            return 0;
        }
        const size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ",
                       unit->name[0] == '\0' ? "none" : unit->name);
    }
    return problem_set(problem, "--fail-if %.*s: \"%.*s\" is no unit of %s; there is %s", SHOWN_MAX, condition->text,
                       (int)(len < UNIT_SHOWN_MAX ? len : UNIT_SHOWN_MAX), end, condition->measure->name, list);
}

int condition_read(const char *text, struct condition *condition, struct problem *problem)
{
    const size_t begin = strspn(text, " ");
    const size_t sign = strcspn(text, "<>=");
    size_t end = sign;

    *condition = (struct condition){.text = text};
    while (end > begin && text[end - 1] == ' ') {
        end--;
    }
    if (end <= begin || (text[sign] != '<' && text[sign] != '>')) {
        return problem_set(problem, "--fail-if %.*s: it is written NAME>NUMBER, with >, >=, < or <=", SHOWN_MAX, text);
    }
    if (read_name(text + begin, end - begin, condition, problem) != 0) {
        return -1;
    }
    return read_bound(read_sign(text + sign, condition), condition, problem);
}

/* --- Judging --- */

static bool is_met(const struct condition *condition, double value)
{
    switch (condition->sign) {
    case SIGN_OVER:
        return value > condition->bound;
    case SIGN_AT_LEAST:
        return value >= condition->bound;
    case SIGN_UNDER:
        return value < condition->bound;
    case SIGN_AT_MOST:
        return value <= condition->bound;
    }
    return true;
}

/* "latency" is also the second group of that name, "latency#2" is that one alone. */
static bool concerns(const struct condition *condition, const struct figure *figure)
{
    const size_t len = strlen(condition->group);

    return figure->measure == condition->measure &&
           (len == 0 || strcmp(condition->group, figure->group) == 0 ||
            (strncmp(condition->group, figure->group, len) == 0 && figure->group[len] == '#'));
}

static json_t *verdict_json(const struct condition *condition, const char *name, bool failed)
{
    return json_pack("{s:s, s:s, s:b}", "condition", condition->text, "figure", name, "failed", failed ? 1 : 0);
}

/* Returns whether it is met, or there is nothing to tell by. */
static bool judge(const struct condition *condition, const struct figures *figures, bool interrupted, FILE *file,
                  json_t *verdicts)
{
    bool any = false;
    bool failed = false;
    char name[FIGURE_NAME_SIZE];
    char cell[CELL_SIZE];

    for (size_t i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->figures[i];
        if (!concerns(condition, figure)) {
            continue;
        }
        const bool met = is_met(condition, figure->value);
        any = true;
        failed |= met;
        figure_name(figure, name);
        json_t *verdict = verdict_json(condition, name, met);
        (void)json_object_set_new(verdict, "value", json_real(figure->value));
        (void)json_array_append_new(verdicts, verdict);
        if (met) {
            figure_format(figure->measure, figure->value, cell);
            (void)fprintf(file, "toxtcp-stress: failed, %s: %s is %s\n", condition->text, name, cell);
        }
    }
    if (!any && interrupted) {
        return false;
    }
    if (!any) {
        (void)json_array_append_new(verdicts, verdict_json(condition, condition->measure->name, true));
        (void)fprintf(file, "toxtcp-stress: failed, %s: there is no such figure\n", condition->text);
    }
    return failed || !any;
}

size_t verdict_give(const struct figures *figures, const struct condition *conditions, size_t count, bool interrupted,
                    FILE *file, json_t *verdicts)
{
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        failed += judge(&conditions[i], figures, interrupted, file, verdicts) ? 1 : 0;
    }
    return failed;
}
