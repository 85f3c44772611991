/* The status page for people. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_PAGE_H
#define APPS_RELAY_PAGE_H

#include <stddef.h>

#include <jansson.h>

/* page.html with the numbers of `report` (report_json() with the history) filled in, so that it can be read without its
 * script. `nonce` marks the script and the style as ours. The caller frees the page. NULL when memory is short. */
char *page_make(json_t *report, const char *nonce, size_t *len);

#endif
