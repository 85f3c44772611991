/* Scenes of dialogues with proxies, and how they are played. SPDX-License-Identifier: ISC */
#include "check_proxy.h"

#include <stdlib.h>
#include <string.h>

struct net_env env;

void append(struct text *text, const void *bytes, size_t len)
{
    ck_assert_uint_le(text->len + len, TEXT_MAX);
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

void append_text(struct text *text, const char *added)
{
    append(text, added, strlen(added));
}

struct toxtcp_endpoint by_name(const char *host, uint16_t port)
{
    return (struct toxtcp_endpoint){.host = host, .address = {.port = port}};
}

struct toxtcp_endpoint by_address(const char *text)
{
    struct toxtcp_endpoint endpoint = {.host = NULL};

    ck_assert_int_eq(toxtcp_address_parse(text, strlen(text), &endpoint.address), TOXTCP_OK);
    return endpoint;
}

struct toxtcp_proxy proxy_of(enum toxtcp_proxy_kind kind, const char *user, const char *password)
{
    return (struct toxtcp_proxy){
        .kind = kind, .endpoint = by_address("127.0.0.1:1080"), .user = user, .password = password};
}

/* --- The scenes --- */

/* "02:b0" is 688. */
struct scene socks5_name(void)
{
    struct scene scene = {
        .proxy = proxy_of(TOXTCP_PROXY_SOCKS5, NULL, NULL), .target = by_name("abcdefghij.onion", 688), .count = 2};

    APPEND(scene.steps[0].said, "\5\1\0");
    APPEND(scene.steps[0].heard, "\5\0");
    APPEND(scene.steps[1].said, "\5\1\0\3\20abcdefghij.onion\2\260");
    APPEND(scene.steps[1].heard, "\5\0\0\1\1\2\3\4\5\6");
    return scene;
}

static struct scene socks5_ip4(void)
{
    struct scene scene = {
        .proxy = proxy_of(TOXTCP_PROXY_SOCKS5, "me", "secret"), .target = by_address("1.2.3.4:443"), .count = 2};

    APPEND(scene.steps[0].said, "\5\2\0\2");
    APPEND(scene.steps[0].heard, "\5\0"); /* it wants no password, and learns none */
    APPEND(scene.steps[1].said, "\5\1\0\1\1\2\3\4\1\273");
    APPEND(scene.steps[1].heard, "\5\0\0\4abcdefghijklmnop\5\6");
    return scene;
}

struct scene socks5_ip6(void)
{
    struct scene scene = {.proxy = proxy_of(TOXTCP_PROXY_SOCKS5, "me", "secret"),
                          .target = by_address("[2001:db8::ff]:33445"),
                          .count = 3};

    APPEND(scene.steps[0].said, "\5\2\0\2");
    APPEND(scene.steps[0].heard, "\5\2");
    APPEND(scene.steps[1].said, "\1\2me\6secret");
    APPEND(scene.steps[1].heard, "\1\0");
    APPEND(scene.steps[2].said, "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\xff\x82\xa5");
    APPEND(scene.steps[2].heard, "\5\0\0\3\7a.proxy\5\6");
    return scene;
}

struct scene http_plain(void)
{
    struct scene scene = {
        .proxy = proxy_of(TOXTCP_PROXY_HTTP, NULL, NULL), .target = by_name("relay.example", 443), .count = 1};

    APPEND(scene.steps[0].said, "CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\n\r\n");
    APPEND(scene.steps[0].heard, "HTTP/1.0 200 Connection established\r\n\r\n");
    return scene;
}

static struct scene http_login(void)
{
    struct scene scene = {.proxy = proxy_of(TOXTCP_PROXY_HTTP, "Aladdin", "open sesame"),
                          .target = by_address("[2001:db8::1]:33445"),
                          .count = 1};

    /* The example of RFC 7617, section 2. */
    APPEND(scene.steps[0].said, "CONNECT [2001:db8::1]:33445 HTTP/1.1\r\nHost: [2001:db8::1]:33445\r\n"
                                "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
    APPEND(scene.steps[0].heard, "HTTP/1.1 299 \r\nA: b\nServer:\tx y\r\n folded\r\nContent-Length: 7\n\r\n");
    return scene;
}

static struct scene http_interim(void)
{
    struct scene scene = {
        .proxy = proxy_of(TOXTCP_PROXY_HTTP, NULL, NULL), .target = by_address("1.2.3.4:443"), .count = 1};

    APPEND(scene.steps[0].said, "CONNECT 1.2.3.4:443 HTTP/1.1\r\nHost: 1.2.3.4:443\r\n\r\n");
    APPEND(scene.steps[0].heard, "HTTP/1.1 100\n\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200\r\nX: y\r\n\r\n");
    return scene;
}

struct scene (*const scenes[SCENES])(void) = {socks5_name, socks5_ip4, socks5_ip6,
                                              http_plain,  http_login, http_interim};
/* --- Playing them --- */

struct proxy_dialogue *begin(const struct scene *scene)
{
    ck_assert_int_eq(proxy_judge(&scene->proxy), TOXTCP_OK);
    ck_assert_int_eq(proxy_judge_target(&scene->target), TOXTCP_OK);
    struct proxy_dialogue *dialogue = proxy_new(env.env, &scene->proxy, &scene->target);
    ck_assert_ptr_nonnull(dialogue);
    return dialogue;
}

/* What waits is exactly that; it is taken in two pieces. */
static void must_say(struct proxy_dialogue *dialogue, const struct text *expected)
{
    const uint8_t *words;
    const size_t half = expected->len / 2;

    ck_assert_uint_eq(proxy_words(dialogue, &words), expected->len);
    ck_assert_mem_eq(words, expected->bytes, expected->len);
    proxy_said(dialogue, half);
    ck_assert_uint_eq(proxy_words(dialogue, &words), expected->len - half);
    ck_assert_mem_eq(words, expected->bytes + half, expected->len - half);
    proxy_said(dialogue, expected->len - half);
    ck_assert_uint_eq(proxy_words(dialogue, &words), 0);
}

int hear(struct proxy_dialogue *dialogue, const uint8_t *bytes, size_t len, size_t *used)
{
    uint8_t *copy = net_must(malloc(len ? len : 1));

    memcpy(copy, bytes, len);
    const int event = proxy_hear(dialogue, copy, len, used);
    free(copy);
    return event;
}

struct proxy_dialogue *play_up_to(const struct scene *scene, size_t step)
{
    struct proxy_dialogue *dialogue = begin(scene);
    size_t used;

    for (size_t i = 0; i < step; i++) {
        must_say(dialogue, &scene->steps[i].said);
        ck_assert_int_eq(hear(dialogue, scene->steps[i].heard.bytes, scene->steps[i].heard.len, &used), PROXY_MORE);
        ck_assert_uint_eq(used, scene->steps[i].heard.len);
    }
    must_say(dialogue, &scene->steps[step].said);
    return dialogue;
}

static int last_event(const struct scene *scene, size_t step)
{
    return step + 1 == scene->count ? PROXY_DONE : PROXY_MORE;
}

void hear_in_pieces(const struct scene *scene, size_t step, const size_t *cuts, size_t cut_count)
{
    struct text heard = scene->steps[step].heard;
    struct proxy_dialogue *dialogue = play_up_to(scene, step);
    const size_t len = heard.len;
    size_t from = 0;
    size_t used;

    for (size_t i = 0; i < cut_count; i++) {
        if (cuts[i] < len) {
            ck_assert_int_eq(hear(dialogue, heard.bytes + from, cuts[i] - from, &used), PROXY_MORE);
            ck_assert_uint_eq(used, cuts[i] - from);
            from = cuts[i];
        }
    }
    APPEND(heard, "the relay's");
    const size_t rest = last_event(scene, step) == PROXY_DONE ? heard.len - from : len - from;
    ck_assert_int_eq(hear(dialogue, heard.bytes + from, rest, &used), last_event(scene, step));
    ck_assert_uint_eq(used, len - from);
    proxy_free(dialogue, env.env);
}
