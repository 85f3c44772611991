/* toxtcp-stress compare: what differs between results, and whether it is more than noise. SPDX-License-Identifier: ISC
 */
#include "compare.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rounds.h"

enum { EXIT_WORSE = 1, EXIT_USAGE = 2, BLOCKS = 10 };

/* A difference counts from so many standard errors on, and from such a part of what it is a difference to. */
static const double sigmas = 3;
static const double least_share = 0.03;
static const double memory_share = 0.1;

struct estimate {
    bool there;
    bool has_error; /* it can be judged */
    double value;
    double error; /* standard deviation of what would come out again and again */
};

/* --- How exact a figure is --- */

/* The group's place in the result, or -1. */
static int group_index(const json_t *result, const char *name)
{
    const json_t *groups = json_object_get(result, "groups");
    const char *hash = strchr(name, '#');
    const size_t len = hash == NULL ? strlen(name) : (size_t)(hash - name);
    unsigned long which = hash == NULL ? 1 : strtoul(hash + 1, NULL, 10);
    size_t index;
    json_t *group;

    json_array_foreach(groups, index, group)
    {
        const char *scenario = json_string_value(json_object_get(group, "scenario"));
        if (scenario != NULL && strlen(scenario) == len && memcmp(scenario, name, len) == 0 && --which == 0) {
            return (int)index;
        }
    }
    return -1;
}

/* What a second of the series says of a group's figure. */
static bool moment_value(const json_t *moment, const char *name, double *value)
{
    static const struct {
        const char *name;
        const char *key;
        const char *latency; /* what the moment's must be; NULL: any */
    } rows[] = {{"packets/s", "packets_per_s", NULL},
                {"bytes/s", "bytes_per_s", NULL},
                {"handshakes/s", "connects_per_s", NULL},
                {"p50", "p50_us", "round_trip"},
                {"p90", "p90_us", "round_trip"},
                {"p99", "p99_us", "round_trip"},
                {"oneway.p50", "p50_us", "one_way"},
                {"oneway.p90", "p90_us", "one_way"},
                {"oneway.p99", "p99_us", "one_way"},
                {"connect.p50", "p50_us", "connect"},
                {"connect.p90", "p90_us", "connect"},
                {"connect.p99", "p99_us", "connect"},
                {"wake.p50", "p50_us", "wake"},
                {"wake.p90", "p90_us", "wake"},
                {"wake.p99", "p99_us", "wake"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *found = json_object_get(moment, rows[i].key);
        const char *latency = json_string_value(json_object_get(moment, "latency"));
        if (strcmp(rows[i].name, name) == 0 && json_is_number(found) &&
            (rows[i].latency == NULL || (latency != NULL && strcmp(latency, rows[i].latency) == 0))) {
            *value = json_number_value(found);
            return true;
        }
    }
    return false;
}

static double sum_of_groups(const json_t *point, const char *key)
{
    double sum = 0;
    size_t index;
    json_t *group;

    json_array_foreach(json_object_get(point, "groups"), index, group)
    {
        sum += json_number_value(json_object_get(group, key));
    }
    return sum;
}

static bool point_value(const json_t *point, const struct figure *figure, int group, double *value)
{
    if (group >= 0) {
        return moment_value(json_array_get(json_object_get(point, "groups"), (size_t)group), figure->measure->name,
                            value);
    }
    const double cpu = json_number_value(json_object_get(point, "relay_cpu_percent")) * 1e4;
    const bool each_packet = strcmp(figure->measure->name, "cpu_us_per_packet") == 0;
    const bool each_handshake = strcmp(figure->measure->name, "cpu_us_per_handshake") == 0;
    const double count = sum_of_groups(point, each_packet ? "packets_per_s" : "connects_per_s");
    *value = count > 0 ? cpu / count : 0;
    return count > 0 && (each_packet || each_handshake);
}

/* Means of neighbouring seconds, since one second resembles the next. */
static void make_blocks(struct sample *sample)
{
    if (sample->count < 2 * (size_t)BLOCKS) {
        return;
    }
    for (size_t block = 0; block < BLOCKS; block++) {
        const size_t from = sample->count * block / BLOCKS;
        const size_t to = sample->count * (block + 1) / BLOCKS;
        double sum = 0;
        for (size_t i = from; i < to; i++) {
            sum += sample->values[i];
        }
        /* Blocks do not overtake what they are made of. */
        sample->values[block] = sum / (double)(to - from);
    }
    sample->count = BLOCKS;
}

static bool error_of_series(const json_t *result, const struct figure *figure, double *error)
{
    const int group = figure->group[0] == '\0' ? -1 : group_index(result, figure->group);
    struct sample sample = {.count = 0};
    size_t index;
    json_t *point;
    double value = 0;

    json_array_foreach(json_object_get(result, "series"), index, point)
    {
        const char *phase = json_string_value(json_object_get(point, "phase"));
        if (phase != NULL && strcmp(phase, "measure") == 0 &&
            json_number_value(json_object_get(point, "seconds")) > 0.5 && sample.count < ROUNDS_MAX &&
            point_value(point, figure, group, &value)) {
            sample.values[sample.count++] = value;
        }
    }
    make_blocks(&sample);
    return sample_error(&sample, error);
}

/* Packets that were lost or harmed are counted events: a count of n could as well have been off by its root. */
static bool error_of_count(const json_t *result, const struct figure *figure, double *error)
{
    if (figure->measure->unit == UNIT_COUNT && figure->measure->better == BETTER_LESS) {
        *error = sqrt(fmax(figure->value, 1));
        return true;
    }
    if (figure->measure->unit == UNIT_SHARE) {
        const json_t *groups = json_object_get(result, "groups");
        const int index = group_index(result, figure->group);
        const json_t *group = index < 0 ? NULL : json_array_get(groups, (size_t)index);
        const double sent = fmax(json_number_value(json_object_get(group, "sent")), 1);
        *error = sqrt(fmax(figure->value * sent, 1)) / sent;
        return true;
    }
    if (figure->measure->unit == UNIT_KIB) {
        *error = figure->value * memory_share / sigmas;
        return true;
    }
    return false;
}

static const json_t *first_result(const json_t *document)
{
    const json_t *runs = json_object_get(document, "runs");

    return runs == NULL ? document : json_object_get(json_array_get(runs, 0), "result");
}

static struct estimate estimate_rounds(const json_t *document, const struct rounds *rounds, const struct figure *figure)
{
    struct figure median = *figure;
    struct estimate estimate = {.there = false};
    struct sample sample;
    double error = 0;

    rounds_sample(rounds, 0, figure, &sample);
    estimate.there = sample_there(&sample) > 0;
    estimate.value = sample_median(&sample);
    estimate.has_error = sample_error(&sample, &estimate.error);
    median.value = estimate.value;
    /* Counts that are the same in all rounds do not vary, and what was told once does not either. */
    const bool is_memory = figure->measure->unit == UNIT_KIB;
    const bool is_count = figure->measure->unit == UNIT_COUNT || figure->measure->unit == UNIT_SHARE;
    if ((estimate.has_error ? is_count : is_memory) && error_of_count(first_result(document), &median, &error)) {
        estimate.error = fmax(estimate.error, error);
        estimate.has_error = true;
    }
    return estimate;
}

static struct estimate estimate_of(const json_t *document, const struct rounds *rounds, const struct figure *figure)
{
    struct estimate estimate = {.there = true, .value = figure->value};

    if (rounds_relay_count(document) > 0) {
        return estimate_rounds(document, rounds, figure);
    }
    estimate.has_error =
        error_of_series(document, figure, &estimate.error) || error_of_count(document, figure, &estimate.error);
    return estimate;
}

/* --- The table --- */

static double noise_between(const struct estimate *before, const struct estimate *after)
{
    return fmax(sigmas * hypot(before->error, after->error), least_share * fabs(before->value));
}

static const char *verdict_of(const struct measure *measure, const struct estimate *before,
                              const struct estimate *after)
{
    const double change = after->value - before->value;

    if (!before->has_error || !after->has_error || measure->better == BETTER_NEITHER) {
        return "?";
    }
    if (fabs(change) <= noise_between(before, after)) {
        return "same";
    }
    return (change < 0) == (measure->better == BETTER_LESS) ? "better" : "worse";
}

static void change_cell(double part, double whole, bool sign, char cell[CELL_SIZE])
{
    if (whole == 0) {
        (void)snprintf(cell, CELL_SIZE, "%s", part == 0 ? "0 %" : "-");
    } else {
        (void)snprintf(cell, CELL_SIZE, sign ? "%+.1f %%" : "%.1f %%", part * 100 / fabs(whole));
    }
}

static bool print_row(const struct figure *figure, const struct estimate *before, const struct estimate *after,
                      FILE *file)
{
    const char *verdict = verdict_of(figure->measure, before, after);
    char name[FIGURE_NAME_SIZE];
    char first[CELL_SIZE];
    char second[CELL_SIZE];
    char change[CELL_SIZE];
    char noise[CELL_SIZE];

    figure_name(figure, name);
    figure_format(figure->measure, before->value, first);
    figure_format(figure->measure, after->value, second);
    change_cell(after->value - before->value, before->value, true, change);
    change_cell(noise_between(before, after), before->value, false, noise);
    (void)fprintf(file, "%-28.28s %11s %11s %10s %9s %6s\n", name, first, second, change,
                  verdict[0] == '?' ? "?" : noise, verdict);
    return strcmp(verdict, "worse") == 0;
}

/* Loads that differ are no fair comparison; that is said, not refused. */
static void print_groups(const json_t *before, const json_t *after, FILE *file)
{
    static const char *const keys[] = {"scenario", "pairs",  "clients", "size",  "rate_per_s",
                                       "window",   "routes", "both",    "life_s"};
    const json_t *first = json_object_get(before, "groups");
    const json_t *second = json_object_get(after, "groups");

    if (json_array_size(first) != json_array_size(second)) {
        (void)fputs("note: not the same scenarios\n", file);
        return;
    }
    for (size_t i = 0; i < json_array_size(first); i++) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            const json_t *one = json_object_get(json_array_get(first, i), keys[k]);
            const json_t *other = json_object_get(json_array_get(second, i), keys[k]);
            /* Files of older versions lack some. */
            if (one != NULL && other != NULL && !json_equal(one, other)) {
                (void)fprintf(file, "note: not the same load: scenario %zu has another %s\n", i + 1, keys[k]);
            }
        }
    }
}

/* Whether two lists differ in what their objects have by those names. */
static bool lists_differ(const json_t *first, const json_t *second, const char *const *keys)
{
    if (json_array_size(first) != json_array_size(second)) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(first); i++) {
        for (size_t k = 0; keys[k] != NULL; k++) {
            const json_t *one = json_object_get(json_array_get(first, i), keys[k]);
            const json_t *other = json_object_get(json_array_get(second, i), keys[k]);
            if (one != other && !json_equal(one, other)) {
                return true;
            }
        }
    }
    return false;
}

static bool attacks_differ(const json_t *first, const json_t *second)
{
    static const char *const keys[] = {"name", "clients", "rate_per_s", "sources"};

    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const json_t *one = json_object_get(first, keys[k]);
        const json_t *other = json_object_get(second, keys[k]);
        if (one != other && !json_equal(one, other)) {
            return true;
        }
    }
    return false;
}

/* Whether that is true of any of its results. */
static bool is_true_of_any(const json_t *document, const char *path)
{
    size_t index;
    json_t *run;

    json_array_foreach(json_object_get(document, "runs"), index, run)
    {
        if (json_is_true(json_at(json_object_get(run, "result"), path))) {
            return true;
        }
    }
    return json_is_true(json_at(document, path));
}

static void print_warnings(const json_t *document, const char *which, FILE *file)
{
    if (is_true_of_any(document, "interrupted")) {
        (void)fprintf(file, "note: %s was interrupted\n", which);
    }
    if (is_true_of_any(document, "generator.bottleneck")) {
        (void)fprintf(file, "note: %s was limited by the generator\n", which);
    }
}

/* Loads that differ are no fair comparison; that is said, not refused. */
static void print_notes(const json_t *before, const json_t *after, FILE *file)
{
    static const char *const of_event[] = {"at_s", "action", NULL};
    static const char *const of_relay[] = {NULL};
    const json_t *first = first_result(before);
    const json_t *second = first_result(after);
    const double before_s = json_number_value(json_object_get(first, "duration_s"));
    const double after_s = json_number_value(json_object_get(second, "duration_s"));

    if (fabs(before_s - after_s) > least_share * before_s) {
        (void)fprintf(file, "note: not as long: %g s and %g s\n", before_s, after_s);
    }
    print_groups(first, second, file);
    if (attacks_differ(json_object_get(first, "attack"), json_object_get(second, "attack"))) {
        (void)fputs("note: not the same load: another attack\n", file);
    }
    if (lists_differ(json_object_get(first, "relays"), json_object_get(second, "relays"), of_relay)) {
        (void)fputs("note: not as many relays\n", file);
    }
    if (lists_differ(json_object_get(first, "events"), json_object_get(second, "events"), of_event)) {
        (void)fputs("note: not the same events\n", file);
    }
    print_warnings(before, "before", file);
    print_warnings(after, "after", file);
}

/* Nothing there, and nothing was; or it cannot be judged, and is none of those that matter most. */
static bool is_dull(const struct figures *figures, const struct figure *figure, const struct estimate *before,
                    const struct estimate *after)
{
    const bool can_be_judged = before->has_error && after->has_error && figure->measure->better != BETTER_NEITHER;

    return (before->value == 0 && after->value == 0) || !(can_be_judged || figure_is_shown(figures, figure));
}

/* One that is read. */
struct side {
    const json_t *document;
    struct rounds *rounds;
    struct figures figures;
};

static bool side_read(struct side *side, const json_t *document)
{
    side->document = document;
    side->rounds = rounds_new(document);
    if (side->rounds != NULL) {
        rounds_medians(side->rounds, 0, &side->figures);
    }
    return side->rounds != NULL;
}

static int print_rows(const struct side *before, const struct side *after, FILE *file)
{
    int worse = 0;

    for (size_t i = 0; i < before->figures.count; i++) {
        const struct figure *figure = &before->figures.figures[i];
        const struct figure *other = figures_find(&after->figures, figure);
        if (other == NULL) {
            continue;
        }
        const struct estimate first = estimate_of(before->document, before->rounds, figure);
        const struct estimate second = estimate_of(after->document, after->rounds, other);
        if (first.there && second.there && !is_dull(&before->figures, figure, &first, &second)) {
            worse += print_row(figure, &first, &second, file) ? 1 : 0;
        }
    }
    return worse;
}

static int compare_sides(const struct side *before, const struct side *after, FILE *file, struct problem *problem)
{
    bool common = false;

    for (size_t i = 0; i < before->figures.count; i++) {
        common |= figures_find(&after->figures, &before->figures.figures[i]) != NULL;
    }
    if (!common) {
        return problem_set(problem, "they have no figure in common");
    }
    print_notes(before->document, after->document, file);
    (void)fprintf(file, "%-28s %11s %11s %10s %9s\n", "", "before", "after", "change", "noise");
    return print_rows(before, after, file);
}

int compare_results(const json_t *before, const json_t *after, FILE *file, struct problem *problem)
{
    struct side *sides = calloc(2, sizeof *sides);
    int worse = -1;

    if (sides == NULL || !side_read(&sides[0], before) || !side_read(&sides[1], after)) {
        (void)problem_set(problem, "out of memory");
    } else {
        worse = compare_sides(&sides[0], &sides[1], file, problem);
    }
    for (size_t i = 0; sides != NULL && i < 2; i++) {
        rounds_free(sides[i].rounds);
    }
    free(sides);
    return worse;
}

/* --- The command --- */

static json_t *load(const char *path, struct problem *problem)
{
    json_error_t error;
    json_t *document = json_load_file(path, 0, &error);

    if (document == NULL) {
        (void)problem_set(problem, "%.300s: %.150s", path, error.text);
        return NULL;
    }
    if (json_object_get(document, "toxtcp_stress") == NULL) {
        (void)problem_set(problem, "%.400s: not a result of toxtcp-stress --json", path);
        json_decref(document);
        return NULL;
    }
    return document;
}

/* Returns how many figures are worse, or -1. */
static int compare_file(const json_t *before, const char *path, struct problem *problem)
{
    struct problem why;
    json_t *after = load(path, problem);
    int worse;

    if (after == NULL) {
        return -1;
    }
    worse = compare_results(before, after, stdout, &why);
    json_decref(after);
    return worse < 0 ? problem_set(problem, "%.300s: %.150s", path, why.text) : worse;
}

int compare_main(int count, char *const *arguments)
{
    struct problem problem;
    int worse = 0;

    const bool help = count == 1 && strcmp(arguments[0], "--help") == 0;
    if (help || count < 2 || arguments[0][0] == '-') {
        (void)fputs("usage: toxtcp-stress compare BEFORE.json AFTER.json...\n", help ? stdout : stderr);
        return help ? 0 : EXIT_USAGE;
    }
    json_t *before = load(arguments[0], &problem);
    for (int i = 1; i < count && before != NULL && worse >= 0; i++) {
        (void)printf("%s%s -> %s\n", i == 1 ? "" : "\n", arguments[0], arguments[i]);
        const int more = compare_file(before, arguments[i], &problem);
        worse = more < 0 ? -1 : worse + more;
    }
    if (before == NULL || worse < 0) {
        (void)fprintf(stderr, "toxtcp-stress: %s\n", problem.text);
        json_decref(before);
        return EXIT_USAGE;
    }
    json_decref(before);
    return worse > 0 ? EXIT_WORSE : 0;
}
