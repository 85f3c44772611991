/* Where what was found goes. SPDX-License-Identifier: ISC */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static bool json_on_stdout(const struct probe_options *options)
{
    return options->json_path != NULL && strcmp(options->json_path, "-") == 0;
}

/* https://no-color.org: set to anything but nothing. */
static bool wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");

    return no_colour == NULL || *no_colour == '\0';
}

static bool moves_cursor(FILE *file)
{
    const char *kind = getenv("TERM");

    return isatty(fileno(file)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

/* --- The file for JSON --- */

static int path_problem(const char *path, struct problem *problem)
{
    return problem_set(problem, "--json %.400s: %s", path, strerror(errno));
}

/* A plain file, or none yet: whoever reads it sees the round before or this one, nothing between. What else there is,
 * links too, keeps its place. */
static bool is_replaced(const char *path, struct stat *status)
{
    return lstat(path, status) != 0 ? errno == ENOENT : S_ISREG(status->st_mode);
}

static int name_fresh(const char *path, char fresh[PATH_SIZE], struct problem *problem)
{
    const int len = snprintf(fresh, PATH_SIZE, "%s.new", path);

    return len < 0 || len >= PATH_SIZE ? problem_set(problem, "--json: the path is too long") : 0;
}

/* What is in its place is left by a run that was killed. */
static FILE *create_fresh(const char *fresh)
{
    if (unlink(fresh) != 0 && errno != ENOENT) {
        return NULL;
    }
    return fopen(fresh, "wxe");
}

static int try_fresh(const char *path, struct problem *problem)
{
    char fresh[PATH_SIZE];
    FILE *file;

    if (name_fresh(path, fresh, problem) != 0) {
        return -1;
    }
    file = create_fresh(fresh);
    if (file == NULL) {
        return path_problem(fresh, problem);
    }
    (void)fclose(file);
    (void)unlink(fresh);
    return 0;
}

/* It is written anew at the first result, not now. */
static int open_in_place(struct output *output, const char *path, struct problem *problem)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);

    output->json = fd < 0 ? NULL : fdopen(fd, "w");
    if (output->json != NULL) {
        return 0;
    }
    (void)path_problem(path, problem);
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static int open_json(struct output *output, struct problem *problem)
{
    const char *path = output->options->json_path;
    struct stat status;

    if (path == NULL) {
        return 0;
    }
    if (json_on_stdout(output->options)) {
        output->json = stdout;
        return 0;
    }
    return is_replaced(path, &status) ? try_fresh(path, problem) : open_in_place(output, path, problem);
}

int output_init(struct output *output, const struct probe_options *options, struct problem *problem)
{
    FILE *text = json_on_stdout(options) ? stderr : stdout;
    const bool screen = moves_cursor(text);

    *output = (struct output){
        .options = options,
        .text = text,
        .screen = screen,
        .progress = !options->quiet && moves_cursor(stderr),
        .style = {.colour = screen && wants_colour(), .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0}};
    return open_json(output, problem);
}

void output_end(struct output *output)
{
    if (output->json != NULL && output->json != stdout) {
        (void)fclose(output->json);
    }
    output->json = NULL;
}

void output_progress(const struct output *output, size_t done, size_t count)
{
    if (!output->progress) {
        return;
    }
    if (done < count) {
        (void)fprintf(stderr, "\r\033[K%zu of %zu relay%s done", done, count, count == 1 ? "" : "s");
    } else {
        (void)fputs("\r\033[K", stderr);
    }
    (void)fflush(stderr);
}

/* --- JSON --- */

static int unwritten(const char *path, struct problem *problem)
{
    return problem_set(problem, "--json %.400s: it cannot be written", path);
}

/* A watch gives a stream each round on a line of its own. */
static int write_in_place(const struct output *output, const struct report *report, struct problem *problem)
{
    FILE *file = output->json;
    struct stat status;
    const bool linked = file != stdout && fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
    bool failed = false;

    if (linked) {
        failed = fseek(file, 0, SEEK_SET) != 0 || ftruncate(fileno(file), 0) != 0;
    }
    failed = failed || report_json(report, output->options->watch && !linked, file) != 0 || fflush(file) != 0;
    return failed ? unwritten(output->options->json_path, problem) : 0;
}

/* Owner and mode stay as they were. Only root can give a file away, so that this may fail. */
static bool keep_rights(FILE *file, const struct stat *status)
{
    if (fchown(fileno(file), status->st_uid, status->st_gid) != 0 && errno != EPERM) {
        return false;
    }
    return fchmod(fileno(file), status->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO)) == 0;
}

static bool write_fresh(FILE *file, const struct report *report, const struct stat *kept)
{
    const bool written = (kept == NULL || keep_rights(file, kept)) && report_json(report, false, file) == 0;

    return fclose(file) == 0 && written;
}

static int replace_json(const struct report *report, const char *path, struct problem *problem)
{
    char fresh[PATH_SIZE];
    struct stat status;
    FILE *file;

    if (name_fresh(path, fresh, problem) != 0) {
        return -1;
    }
    file = create_fresh(fresh);
    if (file == NULL) {
        return path_problem(fresh, problem);
    }
    const bool kept = lstat(path, &status) == 0;
    if (!write_fresh(file, report, kept ? &status : NULL)) {
        (void)unlink(fresh);
        return unwritten(path, problem);
    }
    if (rename(fresh, path) != 0) {
        (void)path_problem(path, problem);
        (void)unlink(fresh);
        return -1;
    }
    return 0;
}

static int put_json(const struct output *output, const struct report *report, struct problem *problem)
{
    const char *path = output->options->json_path;

    if (path == NULL) {
        return 0;
    }
    return output->json != NULL ? write_in_place(output, report, problem) : replace_json(report, path, problem);
}

/* --- Text --- */

static void put_moment(const struct report *report, FILE *file)
{
    char text[MOMENT_SIZE];

    report_moment(report->time, text);
    (void)fprintf(file, "%s ", text);
}

/* What is bad; or what has changed. */
static void put_lines(const struct output *output, const struct report *report, const bool *changed)
{
    for (size_t i = 0; i < report->list->count; i++) {
        const bool shown = changed != NULL ? changed[i] : result_state(&report->results[i]) == RELAY_BAD;

        if (!shown) {
            continue;
        }
        if (output->options->watch) {
            put_moment(report, output->text);
        }
        report_line(report, i, output->text);
    }
    if (report->interrupted) {
        (void)fprintf(output->text, "%zu not finished\n", report_count(report, RELAY_UNFINISHED));
    }
}

static void put_table(const struct output *output, const struct report *report)
{
    const bool redraws = output->screen && output->options->watch;

    if (redraws) {
        (void)fputs("\033[H\033[2J", output->text);
    } else if (report->rounds > 1) {
        (void)fputc('\n', output->text);
    }
    if (output->options->watch) {
        put_moment(report, output->text);
    }
    report_table(report, &output->style, output->text);
}

int output_round(const struct output *output, const struct report *report, const bool *changed, struct problem *problem)
{
    if (output->options->quiet) {
        put_lines(output, report, changed);
    } else {
        put_table(output, report);
    }
    if (fflush(output->text) != 0 || ferror(output->text)) {
        return problem_set(problem, "cannot write to standard output");
    }
    return put_json(output, report, problem);
}
