/* toxtcp-stress: what does a relay bear, and what does a client see. SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

#include "compare.h"
#include "embedded.h"
#include "report.h"
#include "report_html.h"
#include "rounds.h"
#include "signals.h"

enum { EXIT_OTHER = 1, EXIT_COMMAND_LINE = 2, EXIT_CONDITION = 3 };

static int complain(const struct problem *problem, int status)
{
    (void)fprintf(stderr, "toxtcp-stress: %s\n", problem->text);
    return status;
}

static bool has_honest_clients(const struct stress_options *options)
{
    return options->group_count > 1 || !options->groups[0].scenario->is_attack;
}

/* A file that was made to see whether it can be. */
struct attempt {
    const char *path;
    bool is_new;
};

/* Whoever has waited for half an hour should not lose the figures for a slip of the pen. */
static int try_file(const char *option, const char *path, struct attempt *attempt, struct problem *problem)
{
    FILE *file;

    if (path == NULL || is_standard_output(path)) {
        return 0;
    }
    const bool is_new = access(path, F_OK) != 0;
    file = fopen(path, "ae");
    if (file == NULL) {
        return problem_set(problem, "%s %.400s: %s", option, path, strerror(errno));
    }
    (void)fclose(file);
    *attempt = (struct attempt){.path = path, .is_new = is_new};
    return 0;
}

static void take_back(const struct attempt *attempt)
{
    if (attempt->is_new) {
        (void)unlink(attempt->path);
    }
}

static FILE *table_file(const struct stress_options *options)
{
    return is_standard_output(options->json_path) || is_standard_output(options->report_path) ? stderr : stdout;
}

/* Returns whether a condition is met. */
static bool judge(const struct stress_options *options, json_t *document)
{
    const bool interrupted = json_is_true(json_object_get(document, "interrupted"));
    struct figures *figures = calloc(1, sizeof *figures);
    struct rounds *rounds = rounds_new(document);
    json_t *verdicts = json_array();
    size_t failed = options->condition_count;

    if (figures != NULL && rounds != NULL) {
        rounds_medians(rounds, 0, figures);
        failed = verdict_give(figures, options->conditions, options->condition_count, interrupted, stderr, verdicts);
    }
    rounds_free(rounds);
    free(figures);
    (void)json_object_set_new(document, "verdicts", verdicts);
    return failed > 0;
}

/* One run. Returns the exit status; `*document` is NULL when there is nothing to write. */
static int run_single(const struct stress_options *options, json_t **document)
{
    struct run_result *result = calloc(1, sizeof *result);
    struct problem problem;
    int status = 0;

    if (result == NULL) {
        (void)problem_set(&problem, "out of memory");
        return complain(&problem, EXIT_OTHER);
    }
    if (run(options, result, &problem) != 0) {
        status = complain(&problem, EXIT_OTHER);
    } else {
        *document = report_head(options);
        json_t *figures = report_result(result);
        (void)json_object_update(*document, figures);
        json_decref(figures);
        report_text(result, table_file(options));
        if (result->connected == 0 && has_honest_clients(options)) {
            (void)problem_set(&problem, "no client ever connected");
            status = complain(&problem, EXIT_OTHER);
        }
    }
    run_result_free(result);
    free(result);
    return status;
}

static int run_all(const struct stress_options *options, json_t **document)
{
    struct problem problem;

    if (options->rounds == 0) {
        return run_single(options, document);
    }
    const int error = rounds_run(options, document, &problem);
    /* Rounds that are over are not lost by one that went wrong. */
    if (*document != NULL) {
        rounds_print(*document, table_file(options));
    }
    return error != 0 ? complain(&problem, EXIT_OTHER) : 0;
}

static int write_all(const struct stress_options *options, const json_t *document)
{
    struct problem problem;

    if (options->json_path != NULL && report_json(document, options->json_path, &problem) != 0) {
        return complain(&problem, EXIT_OTHER);
    }
    /* The charts may take their time. */
    signals_unblock();
    if (options->report_path != NULL && report_html(document, options->report_path, &problem) != 0) {
        return complain(&problem, EXIT_OTHER);
    }
    return 0;
}

static int report(const struct stress_options *options, json_t *document, int status)
{
    const bool failed = options->condition_count > 0 && judge(options, document);
    const int written = write_all(options, document);

    status = status != 0 ? status : written;
    return status == 0 && failed ? EXIT_CONDITION : status;
}

static int run_and_report(const struct stress_options *options)
{
    struct attempt attempts[2] = {{.path = NULL}};
    json_t *document = NULL;
    struct problem problem;
    int status;

    if (options->report_path != NULL && report_html_possible(&problem) != 0) {
        return complain(&problem, EXIT_OTHER);
    }
    if (try_file("--json", options->json_path, &attempts[0], &problem) == 0 &&
        try_file("--report", options->report_path, &attempts[1], &problem) == 0) {
        status = run_all(options, &document);
    } else {
        status = complain(&problem, EXIT_OTHER);
    }
    if (document != NULL) {
        status = report(options, document, status);
    } else {
        take_back(&attempts[0]);
        take_back(&attempts[1]);
    }
    json_decref(document);
    return status;
}

/* What a well-formed command line wants. */
static int obey(const struct stress_options *options)
{
    if (options->help) {
        options_print_help();
        return 0;
    }
    if (options->version) {
        (void)printf("toxtcp-stress %s\n", toxtcp_version());
        return 0;
    }
    if (options->list_attacks) {
        (void)fputs(attack_help, stdout);
        return 0;
    }
    return run_and_report(options);
}

/* What was printed may not have got anywhere. */
static int end(int status)
{
    struct problem problem;

    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)problem_set(&problem, "standard output cannot be written");
        return complain(&problem, EXIT_OTHER);
    }
    return status;
}

int main(int count, char **arguments)
{
    struct stress_options options;
    struct problem problem;
    int status;

    if (count == 2 && strcmp(arguments[1], EMBEDDED_ARGUMENT) == 0) {
        return embedded_main();
    }
    if (count > 1 && strcmp(arguments[1], "compare") == 0) {
        return end(compare_main(count - 2, arguments + 2));
    }
    status = options_read(count, arguments, &options, &problem) != 0 ? complain(&problem, EXIT_COMMAND_LINE)
                                                                     : obey(&options);
    options_free(&options);
    return end(status);
}
