/* The dialogue with a proxy: what both kinds have in common. SPDX-License-Identifier: ISC */
#include "proxy.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <toxtcp/error.h>

#include "box.h"
#include "endpoint.h"
#include "proxy_private.h"

/* --- Who and where --- */

static bool is_credential(const char *text)
{
    return !text || strnlen(text, TOXTCP_PROXY_CREDENTIAL_MAX + 1) <= TOXTCP_PROXY_CREDENTIAL_MAX;
}

/* RFC 7617: no control characters. */
static bool is_plain(const char *text)
{
    for (; text && *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* RFC 7617: "a user-id containing a colon is invalid", since the first colon ends it. */
static bool suits_http(const struct toxtcp_proxy *proxy)
{
    return is_plain(proxy->user) && is_plain(proxy->password) && (!proxy->user || !strchr(proxy->user, ':'));
}

int proxy_judge(const struct toxtcp_proxy *proxy)
{
    const bool known = proxy->kind == TOXTCP_PROXY_SOCKS5 || proxy->kind == TOXTCP_PROXY_HTTP;
    const bool login = is_credential(proxy->user) && is_credential(proxy->password) && (!proxy->user || *proxy->user);

    if (!known || !login || (proxy->kind == TOXTCP_PROXY_HTTP && !suits_http(proxy))) {
        return TOXTCP_ERR_INVALID;
    }
    return endpoint_judge(&proxy->endpoint);
}

/* An IP address where a name may stand. */
static bool read_literal(const char *host, uint16_t port, struct toxtcp_address *address)
{
    const bool ip6 = strchr(host, ':') != NULL;
    const size_t len = strlen(host);
    char text[TOXTCP_HOST_MAX + sizeof "[]:1"];
    size_t at = 0;

    if (ip6) {
        text[at++] = '[';
    }
    memcpy(text + at, host, len);
    at += len;
    if (ip6) {
        text[at++] = ']';
    }
    memcpy(text + at, ":1", 2);
    if (toxtcp_address_parse(text, at + 2, address)) {
        return false;
    }
    address->port = port;
    return true;
}

static struct proxy_target target_of(const struct toxtcp_endpoint *endpoint)
{
    struct proxy_target target = {.host = endpoint->host, .address = endpoint->address};

    if (target.host && read_literal(target.host, endpoint->address.port, &target.address)) {
        target.host = NULL;
    }
    return target;
}

/* What host names are made of. Anything else might mean something to the proxy, or end its line. */
static bool is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    return host[strspn(host, letters)] == '\0';
}

int proxy_judge_target(const struct toxtcp_endpoint *endpoint)
{
    if (endpoint_judge(endpoint)) {
        return TOXTCP_ERR_INVALID;
    }
    const struct proxy_target target = target_of(endpoint);
    const bool good = target.host ? is_name(target.host) : target.address.scope_id == 0;
    return good ? TOXTCP_OK : TOXTCP_ERR_INVALID;
}

/* --- Words --- */

void proxy_add(struct proxy_dialogue *dialogue, const void *bytes, size_t len)
{
    assert(len <= sizeof dialogue->words - dialogue->len);
    memcpy(dialogue->words + dialogue->len, bytes, len);
    dialogue->len = (uint16_t)(dialogue->len + len);
}

void proxy_add_text(struct proxy_dialogue *dialogue, const char *text)
{
    proxy_add(dialogue, text, strlen(text));
}

void proxy_add_byte(struct proxy_dialogue *dialogue, uint8_t byte)
{
    proxy_add(dialogue, &byte, 1);
}

size_t proxy_words(const struct proxy_dialogue *dialogue, const uint8_t **bytes)
{
    *bytes = dialogue->words + dialogue->said;
    return (size_t)(dialogue->let - dialogue->said);
}

/* SOCKS5 begins with a greeting that says nothing of the user. */
bool proxy_may_begin_twice(const struct proxy_dialogue *dialogue)
{
    return dialogue->kind != TOXTCP_PROXY_HTTP || !dialogue->http.login;
}

void proxy_said(struct proxy_dialogue *dialogue, size_t len)
{
    assert(len <= (size_t)(dialogue->let - dialogue->said));
    /* There may be a password among them. */
    box_wipe(dialogue->words + dialogue->said, len);
    dialogue->said = (uint16_t)(dialogue->said + len);
}

/* --- Life --- */

struct proxy_dialogue *proxy_new(struct toxtcp_env *env, const struct toxtcp_proxy *proxy,
                                 const struct toxtcp_endpoint *endpoint)
{
    struct proxy_dialogue *dialogue = env_alloc(env, sizeof *dialogue);
    const struct proxy_target target = target_of(endpoint);

    if (!dialogue) {
        return NULL;
    }
    dialogue->kind = proxy->kind;
    if (proxy->kind == TOXTCP_PROXY_SOCKS5) {
        socks5_begin(dialogue, proxy, &target);
    } else {
        http_begin(dialogue, proxy, &target);
    }
    return dialogue;
}

void proxy_free(struct proxy_dialogue *dialogue, struct toxtcp_env *env)
{
    if (dialogue) {
        box_wipe(dialogue, sizeof *dialogue);
        env_release(env, dialogue, sizeof *dialogue);
    }
}

int proxy_hear(struct proxy_dialogue *dialogue, const uint8_t *bytes, size_t len, size_t *used)
{
    int event = PROXY_MORE;

    for (*used = 0; *used < len && event == PROXY_MORE; ++*used) {
        const uint8_t byte = bytes[*used];
        event = dialogue->kind == TOXTCP_PROXY_SOCKS5 ? socks5_hear(dialogue, byte) : http_hear(dialogue, byte);
    }
    return event;
}
