/* toxtcp-probe: finds out whether Tox TCP relays work. SPDX-License-Identifier: ISC */
#include <locale.h>
#include <stdio.h>

#include <toxtcp/toxtcp.h>

#include "options.h"
#include "session.h"

enum { EXIT_SOME_BAD = 1, EXIT_TROUBLE = 2 };

static int complain(const struct problem *problem)
{
    (void)fprintf(stderr, "toxtcp-probe: %s\n", problem->text);
    return EXIT_TROUBLE;
}

static int run(const struct probe_options *options)
{
    struct problem problem;
    enum relay_state state = RELAY_UNFINISHED;

    if (options->help) {
        (void)fputs(options_help, stdout);
        return 0;
    }
    if (options->version) {
        (void)printf("toxtcp-probe %s\n", toxtcp_version());
        return 0;
    }
    if (session_run(options, &state, &problem) != 0) {
        return complain(&problem);
    }
    return state == RELAY_GOOD ? 0 : EXIT_SOME_BAD;
}

int main(int count, char **arguments)
{
    struct probe_options options;
    struct problem problem;
    int status;

    (void)setlocale(LC_CTYPE, "");
    status = options_read(count, arguments, &options, &problem) != 0 ? complain(&problem) : run(&options);
    options_free(&options);
    return status;
}
