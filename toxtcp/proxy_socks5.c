/* SOCKS5: RFC 1928, and user and password by RFC 1929. SPDX-License-Identifier: ISC
 *
 * Each of our messages waits for the answer to the one before it, as RFC 1928 wants it: greeting, user and password if
 * the proxy chooses that, request. */
#include <string.h>

#include <toxtcp/error.h>

#include "box.h"
#include "proxy_private.h"

enum socks5_stage { AWAITS_METHOD, AWAITS_STATUS, AWAITS_REPLY };

enum {
    VERSION = 5,
    METHOD_NONE = 0,
    METHOD_LOGIN = 2,
    METHOD_NO_ACCEPTABLE = 255,
    LOGIN_VERSION = 1,
    COMMAND_CONNECT = 1,
    TYPE_IPV4 = 1,
    TYPE_NAME = 3,
    TYPE_IPV6 = 4,
    IPV4_SIZE = 4,
    IPV6_SIZE = 16,
    PORT_SIZE = 2,
    REPLY_FIXED_SIZE = 4 /* up to the address */
};

/* --- What is said --- */

/* Fewer methods need less of a choice: without a user there is one. */
static void add_greeting(struct proxy_dialogue *dialogue, bool login)
{
    const uint8_t both[] = {VERSION, 2, METHOD_NONE, METHOD_LOGIN};
    const uint8_t one[] = {VERSION, 1, METHOD_NONE};

    if (login) {
        proxy_add(dialogue, both, sizeof both);
    } else {
        proxy_add(dialogue, one, sizeof one);
    }
}

static void add_counted(struct proxy_dialogue *dialogue, const char *text)
{
    proxy_add_byte(dialogue, (uint8_t)strlen(text));
    proxy_add_text(dialogue, text);
}

static void add_login(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy)
{
    proxy_add_byte(dialogue, LOGIN_VERSION);
    add_counted(dialogue, proxy->user);
    add_counted(dialogue, proxy->password ? proxy->password : "");
}

static void add_request(struct proxy_dialogue *dialogue, const struct proxy_target *target)
{
    const uint8_t start[] = {VERSION, COMMAND_CONNECT, 0};
    const bool ip4 = target->address.family == TOXTCP_FAMILY_IPV4;

    proxy_add(dialogue, start, sizeof start);
    if (target->host) {
        proxy_add_byte(dialogue, TYPE_NAME);
        add_counted(dialogue, target->host);
    } else {
        proxy_add_byte(dialogue, ip4 ? TYPE_IPV4 : TYPE_IPV6);
        proxy_add(dialogue, target->address.ip, ip4 ? IPV4_SIZE : IPV6_SIZE);
    }
    proxy_add_byte(dialogue, (uint8_t)(target->address.port >> 8));
    proxy_add_byte(dialogue, (uint8_t)target->address.port);
}

void socks5_begin(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy, const struct proxy_target *target)
{
    struct socks5 *socks5 = &dialogue->socks5;

    add_greeting(dialogue, proxy->user != NULL);
    dialogue->let = dialogue->len;
    if (proxy->user) {
        add_login(dialogue, proxy);
    }
    socks5->login_len = (uint16_t)(dialogue->len - dialogue->let);
    add_request(dialogue, target);
    socks5->request_len = (uint16_t)(dialogue->len - dialogue->let - socks5->login_len);
    socks5->stage = AWAITS_METHOD;
}

/* The next of the words that were kept back may go out. */
static void let_out(struct proxy_dialogue *dialogue, enum socks5_stage stage, uint16_t len)
{
    dialogue->let = (uint16_t)(dialogue->let + len);
    dialogue->socks5.stage = (uint8_t)stage;
    dialogue->socks5.heard = 0;
}

/* The proxy wants no password: it does not learn it. */
static void drop_login(struct proxy_dialogue *dialogue)
{
    struct socks5 *socks5 = &dialogue->socks5;
    uint8_t *login = dialogue->words + dialogue->let;

    memmove(login, login + socks5->login_len, socks5->request_len);
    dialogue->len = (uint16_t)(dialogue->len - socks5->login_len);
    box_wipe(dialogue->words + dialogue->len, socks5->login_len);
    socks5->login_len = 0;
}

/* --- What is heard --- */

static int hear_method(struct proxy_dialogue *dialogue, uint8_t method)
{
    struct socks5 *socks5 = &dialogue->socks5;

    if (method == METHOD_NO_ACCEPTABLE) {
        return TOXTCP_ERR_PROXY_AUTH;
    }
    if (method == METHOD_NONE) {
        drop_login(dialogue);
        let_out(dialogue, AWAITS_REPLY, socks5->request_len);
        return PROXY_MORE;
    }
    if (method != METHOD_LOGIN || socks5->login_len == 0) {
        return TOXTCP_ERR_PROXY_PROTOCOL; /* it was not offered */
    }
    let_out(dialogue, AWAITS_STATUS, socks5->login_len);
    return PROXY_MORE;
}

static int hear_status(struct proxy_dialogue *dialogue, uint8_t status)
{
    if (status != 0) {
        return TOXTCP_ERR_PROXY_AUTH;
    }
    let_out(dialogue, AWAITS_REPLY, dialogue->socks5.request_len);
    return PROXY_MORE;
}

/* RFC 1928, section 6: what a reply other than success says. */
static int reply_error(uint8_t reply)
{
    switch (reply) {
    case 2: /* "connection not allowed by ruleset" */
        return TOXTCP_ERR_PROXY_FORBIDDEN;
    case 3: /* "Network unreachable" */
    case 4: /* "Host unreachable" */
    case 5: /* "Connection refused" */
    case 6: /* "TTL expired" */
        return TOXTCP_ERR_PROXY_NO_RELAY;
    default:
        return TOXTCP_ERR_PROXY_FAILED;
    }
}

/* The reply's length as far as its head tells; 0 for a type that is none. The address is of any type, whatever was
 * asked for, and of no use. */
static size_t reply_len(const struct socks5 *socks5)
{
    if (socks5->heard < REPLY_FIXED_SIZE) {
        return SOCKS5_HEAD_SIZE;
    }
    switch (socks5->head[3]) {
    case TYPE_IPV4:
        return REPLY_FIXED_SIZE + IPV4_SIZE + PORT_SIZE;
    case TYPE_IPV6:
        return REPLY_FIXED_SIZE + IPV6_SIZE + PORT_SIZE;
    case TYPE_NAME:
        return REPLY_FIXED_SIZE + 1 + (size_t)socks5->head[4] + PORT_SIZE;
    default:
        return 0;
    }
}

static int hear_reply(const struct socks5 *socks5, uint8_t byte)
{
    const size_t len = reply_len(socks5);

    if (socks5->heard == 2 && byte != 0) {
        return reply_error(byte);
    }
    if (len == 0) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    return socks5->heard > SOCKS5_HEAD_SIZE && socks5->heard == len ? PROXY_DONE : PROXY_MORE;
}

int socks5_hear(struct proxy_dialogue *dialogue, uint8_t byte)
{
    struct socks5 *socks5 = &dialogue->socks5;

    if (socks5->heard < SOCKS5_HEAD_SIZE) {
        socks5->head[socks5->heard] = byte;
    }
    socks5->heard++;
    if (socks5->heard == 1) {
        const uint8_t version = socks5->stage == AWAITS_STATUS ? LOGIN_VERSION : VERSION;
        return byte == version ? PROXY_MORE : TOXTCP_ERR_PROXY_PROTOCOL;
    }
    switch (socks5->stage) {
    case AWAITS_METHOD:
        return hear_method(dialogue, byte);
    case AWAITS_STATUS:
        return hear_status(dialogue, byte);
    default:
        return hear_reply(socks5, byte);
    }
}
