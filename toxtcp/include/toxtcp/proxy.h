/* A proxy through which streams to relays are opened: SOCKS5 or HTTP CONNECT. SPDX-License-Identifier: ISC
 *
 * With one, the driver is asked to dial the proxy alone; the relay's address or name goes to the proxy in the
 * dialogue. So no name of a relay is looked up here, and nothing goes around the proxy. */
#ifndef TOXTCP_PROXY_H
#define TOXTCP_PROXY_H

#include <toxtcp/address.h>
#include <toxtcp/visibility.h>

TOXTCP_BEGIN

/* The longest user name, and the longest password, in bytes. */
#define TOXTCP_PROXY_CREDENTIAL_MAX 255

enum toxtcp_proxy_kind {
    TOXTCP_PROXY_SOCKS5 = 1, /* RFC 1928, with user and password by RFC 1929 */
    TOXTCP_PROXY_HTTP = 2    /* CONNECT of RFC 9110, section 9.3.6, with user and password by RFC 7617 (Basic) */
};

struct toxtcp_proxy {
    enum toxtcp_proxy_kind kind;
    struct toxtcp_endpoint endpoint; /* where the proxy is; a host name is that of the proxy, and looked up here */
    /* What it is to be shown, or NULL: nothing. Not empty; 255 bytes at most. For TOXTCP_PROXY_HTTP without control
     * characters and colons. Neither kind hides it from those who see the stream. */
    const char *user;
    /* NULL is the same as "". 255 bytes at most. For TOXTCP_PROXY_HTTP without control characters. */
    const char *password;
};

TOXTCP_END

#endif
