/* A proxy as people write it: KIND://[USER[:PASSWORD]@]HOST:PORT. SPDX-License-Identifier: ISC
 *
 * KIND is "socks5" ("socks5h" is the same: names always go to the proxy) or "http", in letters of either case. In USER
 * and PASSWORD a character may be written as % and two hexadecimal digits, and must be where it is one of : @ / %. No
 * problem's text shows them. */
#ifndef APPS_COMMON_PROXY_TEXT_H
#define APPS_COMMON_PROXY_TEXT_H

#include <toxtcp/address.h>
#include <toxtcp/proxy.h>

#include "problem.h"

/* `proxy` points into this struct: it is not to be moved. */
struct proxy_text {
    struct toxtcp_proxy proxy;
    char host[TOXTCP_HOST_MAX + 1];
    char user[TOXTCP_PROXY_CREDENTIAL_MAX + 1];
    char password[TOXTCP_PROXY_CREDENTIAL_MAX + 1];
};

/* All return 0, or -1 with `problem` set. */
int proxy_text_parse(const char *text, struct proxy_text *into, struct problem *problem);

/* The password of a user that was given without one. From a file: its first line, which is not empty. */
int proxy_text_set_password(struct proxy_text *into, const char *password, struct problem *problem);
int proxy_text_read_password(struct proxy_text *into, const char *path, struct problem *problem);

void proxy_text_wipe(struct proxy_text *into);

#endif
