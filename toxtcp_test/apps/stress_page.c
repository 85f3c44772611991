/* Makes a page, as toxtcp-stress --report does, of a document that may be made up. SPDX-License-Identifier: ISC
 *
 * stress_page FILE.json FILE.html */
#include <stdio.h>

#include <jansson.h>

#include "../../apps/stress/report_html.h"

int main(int count, char **arguments)
{
    struct problem problem;
    json_error_t error;

    if (count != 3) {
        (void)fputs("usage: stress_page FILE.json FILE.html\n", stderr);
        return 2;
    }
    json_t *document = json_load_file(arguments[1], 0, &error);
    if (document == NULL) {
        (void)fprintf(stderr, "%s: %s\n", arguments[1], error.text);
        return 1;
    }
    const int failed = report_html(document, arguments[2], &problem);
    json_decref(document);
    if (failed != 0) {
        (void)fprintf(stderr, "%s\n", problem.text);
        return 1;
    }
    return 0;
}
