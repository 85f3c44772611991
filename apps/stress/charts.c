/* Charts of a series, drawn by gnuplot as SVG. SPDX-License-Identifier: ISC */
#include "charts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "figures.h"
#include "spawn.h"

enum { POINTS_MAX = 600, LINES_MAX = 48, LABEL_SIZE = 64 };

extern char **environ;

const struct chart charts[] = {
    {"Packets that arrived", "packets/s", NULL, {"packets_per_s"}, 1, false, false, true},
    {"Payload that arrived", "MB/s", NULL, {"bytes_per_s"}, 1e-6, false, false, true},
    {"Latency", "ms", NULL, {"p50_us", "p90_us", "p99_us", "max_us"}, 1e-3, true, true, true},
    {"Packets missing so far", "packets", NULL, {"missing"}, 1, false, false, false},
    {"Connections made", "per second", NULL, {"connects_per_s"}, 1, false, false, true},
    {"Clients connected", "clients", "clients", {NULL}, 1, false, false, false},
    {"The relay's processor time", "% of a core", "relay_cpu_percent", {NULL}, 1, false, false, true},
    {"The relay's memory", "MiB", "relay_rss_kib", {NULL}, 1. / 1024, false, false, false},
};
const size_t chart_count = sizeof charts / sizeof *charts;

/* --- Running gnuplot --- */

static int missing_gnuplot(int error, struct problem *problem)
{
    return problem_set(problem, "--report: gnuplot cannot be run (%s); Debian has it in the package gnuplot-nox",
                       strerror(error));
}

/* Starts it with these two. Without the settings of whoever runs it. */
static int start_gnuplot(int in, int out, pid_t *pid)
{
    char name[] = "gnuplot";
    char no_settings[] = "--default-settings";
    char *const arguments[] = {name, no_settings, NULL};

    return spawn_with_us(name, arguments, environ, in, out, pid);
}

static char *read_all(FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    char piece[4096];
    size_t len;

    while (memory != NULL && (len = fread(piece, 1, sizeof piece, file)) > 0) {
        (void)fwrite(piece, 1, len, memory);
    }
    if (memory == NULL || fclose(memory) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* What it prints for a script that has been written. Both are files, so that neither can wait for the other. */
static int run_gnuplot(FILE *script, char **output, struct problem *problem)
{
    FILE *answer = tmpfile();
    int status = 0;
    pid_t pid = 0;
    int error;

    if (answer == NULL || fflush(script) != 0 || fseek(script, 0, SEEK_SET) != 0) {
        error = errno;
    } else {
        error = start_gnuplot(fileno(script), fileno(answer), &pid);
    }
    if (error == 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        (void)fseek(answer, 0, SEEK_SET);
        *output = read_all(answer);
    }
    if (answer != NULL) {
        (void)fclose(answer);
    }
    if (error != 0) {
        return missing_gnuplot(error, problem);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || *output == NULL) {
        free(*output);
        *output = NULL;
        return problem_set(problem, "--report: gnuplot failed");
    }
    return 0;
}

int charts_possible(struct problem *problem)
{
    FILE *script = tmpfile();
    char *output = NULL;
    int error;

    if (script == NULL) {
        return problem_set(problem, "--report: no temporary file: %s", strerror(errno));
    }
    error = run_gnuplot(script, &output, problem);
    free(output);
    (void)fclose(script);
    return error;
}

/* --- Scripts --- */

struct line {
    size_t group; /* of total_key: 0 */
    const char *key;
    char label[LABEL_SIZE];
};

static bool point_value(const json_t *point, const struct chart *chart, const struct line *line, double *value)
{
    const json_t *object =
        chart->total_key != NULL ? point : json_array_get(json_object_get(point, "groups"), line->group);
    const json_t *found = json_object_get(object, line->key);

    *value = json_number_value(found) * chart->factor;
    return json_is_number(found);
}

/* Neighbours that are shown as one: the most of them, so that no stall is lost. */
static bool stretch_value(const json_t *series, size_t from, size_t to, const struct chart *chart,
                          const struct line *line, double *value)
{
    bool any = false;

    for (size_t i = from; i < to; i++) {
        double one = 0;
        if (point_value(json_array_get(series, i), chart, line, &one)) {
            *value = any ? fmax(*value, one) : one;
            any = true;
        }
    }
    return any;
}

/* A line goes from one point to another one; and where nothing ever happened is none. */
static bool has_values(const json_t *series, const struct chart *chart, const struct line *line)
{
    size_t count = 0;
    bool any = chart->total_key != NULL;

    for (size_t i = 0; i < json_array_size(series); i++) {
        double value = 0;
        if (point_value(json_array_get(series, i), chart, line, &value)) {
            count++;
            any = any || value != 0;
        }
    }
    return count >= 2 && any;
}

static void label_line(struct line *line, const char *group, const char *key, bool alone)
{
    const size_t len = strcspn(key, "_");

    if (alone) {
        (void)snprintf(line->label, sizeof line->label, "%.*s", (int)len, key);
    } else {
        /* It becomes part of a script: a name that has other letters than scenarios have is none. */
        (void)snprintf(line->label, sizeof line->label, "%s", group[0] == '\0' ? "?" : group);
    }
}

static size_t find_lines(const json_t *result, const struct chart *chart, size_t only, struct line lines[LINES_MAX])
{
    const json_t *series = json_object_get(result, "series");
    const size_t groups = json_array_size(json_object_get(result, "groups"));
    char name[FIGURE_GROUP_SIZE];
    size_t count = 0;

    if (chart->total_key != NULL) {
        lines[0] = (struct line){.key = chart->total_key};
        return has_values(series, chart, &lines[0]) ? 1 : 0;
    }
    for (size_t index = 0; index < groups; index++) {
        if (chart->each_group && index != only) {
            continue;
        }
        group_name_at(result, index, name);
        for (size_t k = 0; k < 4 && chart->keys[k] != NULL && count < LINES_MAX; k++) {
            lines[count] = (struct line){.group = index, .key = chart->keys[k]};
            if (has_values(series, chart, &lines[count])) {
                label_line(&lines[count++], name, chart->keys[k], chart->each_group);
            }
        }
    }
    return count;
}

static double number_of(const json_t *point, const char *key)
{
    return json_number_value(json_object_get(point, key));
}

/* Of a stretch of points: the middle of what was counted in it, or the end, where it stood so. */
static double time_of(const json_t *series, size_t from, size_t to, const struct chart *chart)
{
    const json_t *first = json_array_get(series, from);
    const double begin_s = number_of(first, "time_s") - number_of(first, "seconds");
    const double end_s = number_of(json_array_get(series, to - 1), "time_s");

    return chart->of_time ? (begin_s + end_s) / 2 : end_s;
}

static void write_data(const json_t *series, const struct chart *chart, const struct line *line, FILE *script)
{
    const size_t count = json_array_size(series);
    const size_t stride = (count + POINTS_MAX - 1) / POINTS_MAX;

    for (size_t from = 0; from < count; from += stride) {
        const size_t to = from + stride < count ? from + stride : count;
        const double time_s = time_of(series, from, to, chart);
        double value = 0;
        if (stretch_value(series, from, to, chart, line, &value) && !(chart->logarithmic && value <= 0)) {
            (void)fprintf(script, "%.3f %.9g\n", time_s, value);
        } else {
            (void)fputs("\n", script); /* a gap in the line */
        }
    }
    (void)fputs("e\n", script);
}

/* Events are numbered, and named below the charts: what their names are need not be gnuplot's concern. */
static void write_events(const json_t *result, FILE *script)
{
    size_t index;
    json_t *event;

    json_array_foreach(json_object_get(result, "events"), index, event)
    {
        const json_t *time = json_object_get(event, "time_s");
        const double time_s = json_number_value(time);
        if (json_is_number(time)) {
            (void)fprintf(script,
                          "set arrow from %.3f, graph 0 to %.3f, graph 1 nohead back dashtype 2 linecolor rgb "
                          "'#c2410c'\n"
                          "set label '%zu' at %.3f, graph 0.96 left offset 0.3,0 textcolor rgb '#c2410c'\n",
                          time_s, time_s, index + 1, time_s);
        }
    }
}

static void write_head(const json_t *series, const struct chart *chart, unsigned number, FILE *script)
{
    const double end_s =
        json_number_value(json_object_get(json_array_get(series, json_array_size(series) - 1), "time_s"));

    (void)fprintf(script,
                  "set terminal svg noenhanced size 420,280 dynamic font 'sans-serif,13' name 'chart%u'\n"
                  "set grid linecolor rgb '#888888' linewidth 0.3\n"
                  "set border 3\nset tics nomirror\nset xlabel 'seconds'\nset ylabel '%s'\n"
                  "set key outside top center horizontal\n"
                  "set xrange [0:%.3f]\n",
                  number, chart->unit, end_s > 0 ? end_s : 1);
    if (chart->logarithmic) {
        (void)fputs("set logscale y\n", script);
    } else {
        /* Nothing but zeros have a line too. */
        (void)fprintf(script, "set yrange [0:%s]\n", chart->total_key == NULL ? "*" : "1<*");
    }
}

static void write_script(const json_t *result, const struct chart *chart, unsigned number, const struct line *lines,
                         size_t count, FILE *script)
{
    /* To be told from one another on white and on black, also by those who see few colours. */
    static const char *const colors[] = {"#2f7ed8", "#e08a00", "#1a9e77", "#d6336c",
                                         "#8a63d2", "#6b8e23", "#b5651d", "#00a3b4"};
    const json_t *series = json_object_get(result, "series");

    write_head(series, chart, number, script);
    write_events(result, script);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(script,
                      "%s '-' using 1:2 with linespoints pointtype 7 pointsize 0.25 linewidth 1.8 "
                      "linecolor rgb '%s' %s%s%s",
                      i == 0 ? "plot" : ",", colors[i % (sizeof colors / sizeof *colors)],
                      lines[i].label[0] == '\0' ? "notitle" : "title '", lines[i].label,
                      lines[i].label[0] == '\0' ? "" : "'");
    }
    (void)fputs("\n", script);
    for (size_t i = 0; i < count; i++) {
        write_data(series, chart, &lines[i], script);
    }
}

/* Without what only a file of its own has: its XML declaration and its size; the page gives it one. */
static int cut_out_svg(char *output, char **svg, struct problem *problem)
{
    const char *begin = output == NULL ? NULL : strstr(output, "<svg");

    *svg = begin == NULL ? NULL : strdup(begin);
    free(output);
    return *svg == NULL ? problem_set(problem, "--report: gnuplot drew nothing") : 0;
}

int chart_draw(const json_t *result, const struct chart *chart, size_t group, unsigned number, char **svg,
               struct problem *problem)
{
    struct line lines[LINES_MAX];
    const size_t count = find_lines(result, chart, group, lines);
    char *output = NULL;
    FILE *script;
    int error;

    *svg = NULL;
    if (count == 0) {
        return 0;
    }
    script = tmpfile();
    if (script == NULL) {
        return problem_set(problem, "--report: no temporary file: %s", strerror(errno));
    }
    write_script(result, chart, number, lines, count, script);
    error = run_gnuplot(script, &output, problem);
    (void)fclose(script);
    return error != 0 ? error : cut_out_svg(output, svg, problem);
}
