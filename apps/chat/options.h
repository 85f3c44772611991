/* The command line of toxtcp-chat. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_OPTIONS_H
#define APPS_CHAT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/connections.h>
#include <toxtcp/key.h>

#include "../common/problem.h"
#include "../common/proxy_text.h"
#include "../common/relay_list.h"
#include "text.h"

enum { UDP_ANNOUNCE_MAX = 8 };

struct peer_option {
    char name[TEXT_NAME_MAX + 1];
    struct toxtcp_public_key key;
};

struct chat_options {
    struct relay_list relays;
    struct peer_option *peers;
    size_t peer_count;
    const char *keys_path; /* or NULL: a throw-away identity */
    uint32_t wait_s;       /* after the end of the input, for what is not delivered */
    bool no_udp;           /* with a proxy, too */
    bool has_proxy;
    struct proxy_text proxy;
    const char *proxy_password_path; /* or NULL */
    uint32_t udp_port;               /* 0: any */
    struct toxtcp_address udp_announce[UDP_ANNOUNCE_MAX];
    size_t udp_announce_count;
    const char *interface; /* to go by, or NULL: any */
    bool has_source;
    struct toxtcp_address source; /* of ours, to go from; the port is 0 */
    bool raw;                     /* no line is a command */
    bool show_key;
    bool help;
    bool version;
};

/* Reads the command line; `options` borrows from `arguments`, and is not to be moved: there are pointers to itself in
 * it. Returns 0, or -1 with `problem` set. Either way the options are the caller's to free. */
int options_read(int count, char *const *arguments, struct chat_options *options, struct problem *problem);
/* The library's defaults, and what the options say of them; it borrows the proxy. */
void options_configure(const struct chat_options *options, struct toxtcp_connections_config *config);
void options_free(struct chat_options *options);

extern const char options_help[];

#endif
