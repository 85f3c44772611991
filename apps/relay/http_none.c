/* Instead of http.c where libmicrohttpd is missing. SPDX-License-Identifier: ISC */
#include <stddef.h>

#include "http.h"

int http_start_with(const struct http_times *times, const struct toxtcp_address *address, http_gather gather,
                    void *user, struct http **http, struct problem *problem)
{
    (void)times;
    return http_start(address, gather, user, http, problem);
}

int http_start(const struct toxtcp_address *address, http_gather gather, void *user, struct http **http,
               struct problem *problem)
{
    (void)address;
    (void)gather;
    (void)user;
    *http = NULL;
    return problem_set(problem, "cannot serve HTTP: this relay was built without libmicrohttpd");
}

void http_address(const struct http *http, struct toxtcp_address *address)
{
    (void)http;
    *address = (struct toxtcp_address){0};
}

void http_stop(struct http *http)
{
    (void)http;
}
