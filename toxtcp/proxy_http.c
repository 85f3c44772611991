/* HTTP CONNECT: RFC 9110, section 9.3.6, in the form of RFC 9112; Basic authentication by RFC 7617.
 * SPDX-License-Identifier: ISC
 *
 * User and password go with the request, without being asked for: that saves a round trip. */
#include <stdio.h>
#include <string.h>

#include <toxtcp/error.h>

#include "box.h"
#include "proxy_private.h"

enum { CREDENTIALS_MAX = 2 * TOXTCP_PROXY_CREDENTIAL_MAX + 1, AUTHORITY_SIZE = TOXTCP_HOST_MAX + sizeof ":65535" };

/* --- What is said --- */

/* "HOST:PORT", as both the request's target and its Host; an IPv6 address in brackets. */
static void write_authority(const struct proxy_target *target, char text[AUTHORITY_SIZE])
{
    if (target->host) {
        (void)snprintf(text, AUTHORITY_SIZE, "%s:%u", target->host, target->address.port);
    } else {
        toxtcp_address_format(&target->address, text);
    }
}

static void add_base64(struct proxy_dialogue *dialogue, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        const char text[] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                             left > 2 ? digits[group & 63] : '='};
        proxy_add(dialogue, text, sizeof text);
    }
}

static void add_login(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy)
{
    const char *password = proxy->password ? proxy->password : "";
    const size_t user_len = strlen(proxy->user);
    const size_t password_len = strlen(password);
    uint8_t credentials[CREDENTIALS_MAX];

    memcpy(credentials, proxy->user, user_len);
    credentials[user_len] = ':';
    memcpy(credentials + user_len + 1, password, password_len);
    proxy_add_text(dialogue, "Proxy-Authorization: Basic ");
    add_base64(dialogue, credentials, user_len + 1 + password_len);
    proxy_add_text(dialogue, "\r\n");
    box_wipe(credentials, sizeof credentials);
}

void http_begin(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy, const struct proxy_target *target)
{
    char authority[AUTHORITY_SIZE];

    write_authority(target, authority);
    proxy_add_text(dialogue, "CONNECT ");
    proxy_add_text(dialogue, authority);
    proxy_add_text(dialogue, " HTTP/1.1\r\nHost: ");
    proxy_add_text(dialogue, authority);
    proxy_add_text(dialogue, "\r\n");
    dialogue->http.login = proxy->user != NULL;
    if (proxy->user) {
        add_login(dialogue, proxy);
    }
    proxy_add_text(dialogue, "\r\n");
    dialogue->let = dialogue->len;
}

/* --- What is heard --- */

static int status_error(uint16_t status)
{
    switch (status) {
    case 401: /* some answer a wrong password so */
    case 407:
        return TOXTCP_ERR_PROXY_AUTH;
    case 403:
        return TOXTCP_ERR_PROXY_FORBIDDEN;
    case 502:
    case 503:
    case 504:
        return TOXTCP_ERR_PROXY_NO_RELAY;
    default:
        return TOXTCP_ERR_PROXY_FAILED;
    }
}

/* The status line, up to the reason: "d" is a digit. */
static const char pattern[] = "HTTP/1.d ddd ";
enum { STATUS_AT = 9, REASON_AT = 12 };

static int hear_status(struct http *http, uint8_t byte)
{
    const uint16_t at = http->column;
    const bool digit = byte >= '0' && byte <= '9';

    if (at >= sizeof pattern - 1) {
        return PROXY_MORE; /* the reason, for people */
    }
    if (pattern[at] == 'd' ? !digit : byte != (uint8_t)pattern[at]) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    if (at >= STATUS_AT && at < REASON_AT) {
        http->status = (uint16_t)(10 * http->status + (byte - '0'));
    }
    return PROXY_MORE;
}

static int judge_status(struct http *http)
{
    const uint16_t status = http->status;

    if (http->column < REASON_AT || status < 100 || status > 599 || status == 101) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    http->headers = true;
    return status < 300 ? PROXY_MORE : status_error(status);
}

/* After an empty line: an interim response (1xx) is followed by another one. */
static int end_response(struct http *http)
{
    if (http->status >= 200) {
        return PROXY_DONE;
    }
    http->status = 0;
    http->headers = false;
    return PROXY_MORE;
}

static int end_line(struct http *http)
{
    const uint16_t column = http->column;
    const int event = http->headers ? (column == 0 ? end_response(http) : PROXY_MORE) : judge_status(http);

    http->column = 0;
    http->returned = false;
    return event;
}

/* A line ends with CR LF; RFC 9112, section 2.2, allows to take LF alone. */
int http_hear(struct proxy_dialogue *dialogue, uint8_t byte)
{
    struct http *http = &dialogue->http;
    const bool text = byte >= ' ' || byte == '\t';

    http->heard++;
    if (http->heard > PROXY_HEADERS_MAX) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    if (byte == '\n') {
        return end_line(http);
    }
    if (http->returned || (!text && byte != '\r')) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    if (byte == '\r') {
        http->returned = true;
        return PROXY_MORE;
    }
    const int event = http->headers ? PROXY_MORE : hear_status(http, byte);
    http->column++;
    return event;
}
