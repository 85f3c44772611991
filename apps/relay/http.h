/* The relay's figures over HTTP: Prometheus text, JSON and a page for people. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_HTTP_H
#define APPS_RELAY_HTTP_H

#include <toxtcp/address.h>

#include "../common/problem.h"
#include "figures.h"

struct http;

/* Fills in the figures, which are all zero; called by threads of the HTTP server, one at a time, from within
 * http_start() until http_stop() returns. False: the relay is too busy to say. */
typedef bool (*http_gather)(void *user, struct relay_figures *figures);

/* Serves at `address` (port 0: any free one) in threads of its own, which take no signals. `*http` is the caller's, to
 * end with http_stop(). At a loopback address it answers only who names it by one, or "localhost". Returns 0, or -1
 * with `problem` set. */
int http_start(const struct toxtcp_address *address, http_gather gather, void *user, struct http **http,
               struct problem *problem);

/* The address that it serves at, with the port that was found. */
void http_address(const struct http *http, struct toxtcp_address *address);

/* Ends the threads and frees all; waits for a gather() that runs, and cuts off the other requests. NULL is ignored. */
void http_stop(struct http *http);

/* For tests. */
struct http_times {
    uint32_t patience_ms; /* a connection that has got no answer for so long is cut: 15 s */
    uint32_t sample_ms;   /* how often it looks whether a sample of the history is due: 10 s */
};
int http_start_with(const struct http_times *times, const struct toxtcp_address *address, http_gather gather,
                    void *user, struct http **http, struct problem *problem);

#endif
