/* toxtcp-stress: what does a relay bear, and what does a client see. SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/toxtcp.h>

#include "report.h"

enum { EXIT_OTHER = 1, EXIT_COMMAND_LINE = 2 };

static int complain(const struct problem *problem, int status)
{
    (void)fprintf(stderr, "toxtcp-stress: %s\n", problem->text);
    return status;
}

static bool has_honest_clients(const struct stress_options *options)
{
    return options->group_count > 1 || !options->groups[0].scenario->is_attack;
}

static int report(const struct run_result *result)
{
    const char *path = result->options->json_path;
    const bool on_stdout = path != NULL && strcmp(path, "-") == 0;
    struct problem problem;

    report_text(result, on_stdout ? stderr : stdout);
    if (path != NULL && report_json(result, path, &problem) != 0) {
        return complain(&problem, EXIT_OTHER);
    }
    if (result->connected == 0 && has_honest_clients(result->options)) {
        (void)problem_set(&problem, "no client ever connected");
        return complain(&problem, EXIT_OTHER);
    }
    return 0;
}

/* Whoever has waited for half an hour should not lose the figures for a slip of the pen. */
static int try_json(const char *path, struct problem *problem)
{
    FILE *file;

    if (path == NULL || strcmp(path, "-") == 0) {
        return 0;
    }
    file = fopen(path, "ae");
    if (file == NULL) {
        return problem_set(problem, "--json %.400s: %s", path, strerror(errno));
    }
    (void)fclose(file);
    return 0;
}

static int run_and_report(const struct stress_options *options)
{
    struct run_result *result = malloc(sizeof *result);
    struct problem problem;
    int status;

    if (result == NULL) {
        (void)problem_set(&problem, "out of memory");
        return complain(&problem, EXIT_OTHER);
    }
    status = run(options, result, &problem) != 0 ? complain(&problem, EXIT_OTHER) : report(result);
    free(result);
    return status;
}

int main(int count, char **arguments)
{
    struct stress_options options;
    struct problem problem;

    if (options_read(count, arguments, &options, &problem) != 0) {
        return complain(&problem, EXIT_COMMAND_LINE);
    }
    if (options.help) {
        options_print_help();
        return 0;
    }
    if (options.version) {
        (void)printf("toxtcp-stress %s\n", toxtcp_version());
        return 0;
    }
    if (options.list_attacks) {
        (void)fputs(attack_help, stdout);
        return 0;
    }
    if (try_json(options.json_path, &problem) != 0) {
        return complain(&problem, EXIT_OTHER);
    }
    return run_and_report(&options);
}
