/* What is said and heard at its longest and oddest: headers, names, user and password. SPDX-License-Identifier: ISC */
#include "check_proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes as the proxy's, in pieces of 1000, until it is over; how many were read. */
static size_t hear_endless(struct proxy_dialogue *dialogue, const char *unit, size_t limit, int *event)
{
    size_t total = 0;
    size_t used = 0;

    do {
        *event = hear(dialogue, (const uint8_t *)unit, strlen(unit), &used);
        total += used;
    } while (*event == PROXY_MORE && total < limit);
    return total;
}

/* A status line, header lines, interim responses without end. */
START_TEST(endless_headers)
{
    static const char *const units[] = {"x", "header: x\r\n", "\r\n\r\n"};
    static const char *const begins[] = {"HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\n", ""};
    const struct scene scene = http_plain();
    struct proxy_dialogue *dialogue = play_up_to(&scene, 0);
    const char *unit = _i == 2 ? "HTTP/1.1 100 x\r\n\r\n" : units[_i];
    size_t used;
    int event;

    ck_assert_int_eq(hear(dialogue, (const uint8_t *)begins[_i], strlen(begins[_i]), &used), PROXY_MORE);
    const size_t total = used + hear_endless(dialogue, unit, 1 << 20, &event);
    ck_assert_int_eq(event, TOXTCP_ERR_PROXY_PROTOCOL);
    ck_assert_uint_eq(total, PROXY_HEADERS_MAX + 1);
    proxy_free(dialogue, env.env);
}
END_TEST

/* Just as many bytes as may be, and one more. */
START_TEST(largest_headers)
{
    const struct scene scene = http_plain();
    struct proxy_dialogue *dialogue = play_up_to(&scene, 0);
    static uint8_t bytes[PROXY_HEADERS_MAX + 1];
    static const char head[] = "HTTP/1.1 200 ";
    const size_t len = PROXY_HEADERS_MAX + (size_t)_i;
    size_t used;

    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, head, sizeof head - 1);
    memcpy(bytes + len - 4, "\r\n\r\n", 4);
    ck_assert_int_eq(hear(dialogue, bytes, len, &used), _i ? TOXTCP_ERR_PROXY_PROTOCOL : PROXY_DONE);
    proxy_free(dialogue, env.env);
}
END_TEST

/* A bound address of every length that a name can have. */
START_TEST(every_bound_name)
{
    struct scene scene = socks5_name();
    struct text *heard = &scene.steps[1].heard;
    size_t cuts[BYTES + 8];

    heard->len = 0;
    APPEND(*heard, "\5\0\0\3");
    append(heard, &(uint8_t){(uint8_t)_i}, 1);
    for (int i = 0; i < _i + 2; i++) {
        append(heard, "n", 1);
    }
    for (size_t i = 0; i < heard->len; i++) {
        cuts[i] = i;
    }
    hear_in_pieces(&scene, 1, cuts, heard->len);
    hear_in_pieces(&scene, 1, cuts, 0);
}
END_TEST

/* `len` letters. */
static const char *letters(char *text, size_t len)
{
    memset(text, 'a', len);
    text[len] = '\0';
    return text;
}

START_TEST(credential_lengths)
{
    const enum toxtcp_proxy_kind kind = _i ? TOXTCP_PROXY_HTTP : TOXTCP_PROXY_SOCKS5;
    char user[300];
    char password[300];

    for (size_t user_len = 0; user_len <= 257; user_len++) {
        for (size_t len = 0; len <= 257; len++) {
            const struct toxtcp_proxy proxy = proxy_of(kind, letters(user, user_len), letters(password, len));
            const bool good = user_len > 0 && user_len <= 255 && len <= 255;
            ck_assert_int_eq(proxy_judge(&proxy), good ? TOXTCP_OK : TOXTCP_ERR_INVALID);
        }
    }
    const struct toxtcp_proxy nothing = proxy_of(kind, NULL, NULL);
    ck_assert_int_eq(proxy_judge(&nothing), TOXTCP_OK);
    const struct toxtcp_proxy no_password = proxy_of(kind, "me", NULL);
    ck_assert_int_eq(proxy_judge(&no_password), TOXTCP_OK);
}
END_TEST

START_TEST(credential_bytes)
{
    for (unsigned byte = 1; byte < BYTES; byte++) {
        const char text[] = {'a', (char)byte, 'b', '\0'};
        const bool control = byte < 32 || byte == 127;
        struct toxtcp_proxy proxy = proxy_of(TOXTCP_PROXY_HTTP, text, NULL);

        ck_assert_int_eq(proxy_judge(&proxy), control || byte == ':' ? TOXTCP_ERR_INVALID : TOXTCP_OK);
        proxy = proxy_of(TOXTCP_PROXY_HTTP, "a", text);
        ck_assert_int_eq(proxy_judge(&proxy), control ? TOXTCP_ERR_INVALID : TOXTCP_OK);
        proxy = proxy_of(TOXTCP_PROXY_SOCKS5, text, text);
        ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_OK);
    }
}
END_TEST

START_TEST(bad_proxies)
{
    struct toxtcp_proxy proxy = proxy_of(TOXTCP_PROXY_SOCKS5, NULL, NULL);

    proxy.kind = (enum toxtcp_proxy_kind)0;
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_ERR_INVALID);
    proxy.kind = (enum toxtcp_proxy_kind)3;
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_ERR_INVALID);
    proxy.kind = TOXTCP_PROXY_HTTP;
    proxy.endpoint.address.port = 0;
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_ERR_INVALID);
    proxy.endpoint = (struct toxtcp_endpoint){.address = {.port = 1080}};
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_ERR_INVALID);
    proxy.endpoint = by_name("", 1080);
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_ERR_INVALID);
    proxy.endpoint = by_name("proxy", 1080);
    ck_assert_int_eq(proxy_judge(&proxy), TOXTCP_OK);
}
END_TEST

START_TEST(target_names)
{
    char text[300];

    for (size_t len = 0; len < sizeof text; len++) {
        const struct toxtcp_endpoint target = by_name(letters(text, len), 1);
        ck_assert_int_eq(proxy_judge_target(&target), len > 0 && len <= 253 ? TOXTCP_OK : TOXTCP_ERR_INVALID);
    }
    for (unsigned byte = 1; byte < BYTES; byte++) {
        const char name[] = {'a', (char)byte, 'b', '\0'};
        const struct toxtcp_endpoint target = by_name(name, 1);
        const bool good = byte && byte < 128 && strchr("-._", (int)byte);
        const bool letter = (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z');
        ck_assert_int_eq(proxy_judge_target(&target), good || (letter && byte < 128) ? TOXTCP_OK : TOXTCP_ERR_INVALID);
    }
    struct toxtcp_endpoint target = by_name("a", 0);
    ck_assert_int_eq(proxy_judge_target(&target), TOXTCP_ERR_INVALID);
    target = (struct toxtcp_endpoint){.address = {.port = 1}};
    ck_assert_int_eq(proxy_judge_target(&target), TOXTCP_ERR_INVALID);
    /* The scope is one of this machine's interfaces; the proxy has others. */
    target = by_address("[fe80::1%2]:443");
    ck_assert_int_eq(proxy_judge_target(&target), TOXTCP_ERR_INVALID);
    target = by_name("fe80::1%2", 443);
    ck_assert_int_eq(proxy_judge_target(&target), TOXTCP_ERR_INVALID);
}
END_TEST

/* An address that is given where a name may stand is told as an address. */
START_TEST(literal_names)
{
    static const struct {
        const char *host;
        const char *socks5;
        size_t socks5_len;
        const char *http;
    } cases[] = {
        {"10.0.0.1", "\5\1\0\1\12\0\0\1\0\120", 10, "CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n"},
        {"::1", "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\120", 22,
         "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
        {"10.0.0.256",
         "\5\1\0\3\12"
         "10.0.0.256\0\120",
         17, "CONNECT 10.0.0.256:80 HTTP/1.1\r\nHost: 10.0.0.256:80\r\n\r\n"},
    };
    struct scene scene = socks5_name();
    const uint8_t *words;

    scene.target = by_name(cases[_i].host, 80);
    struct proxy_dialogue *dialogue = begin(&scene);
    const size_t greeting_len = proxy_words(dialogue, &words);
    size_t used;
    proxy_said(dialogue, greeting_len);
    ck_assert_int_eq(hear(dialogue, (const uint8_t *)"\5\0", 2, &used), PROXY_MORE);
    ck_assert_uint_eq(proxy_words(dialogue, &words), cases[_i].socks5_len);
    ck_assert_mem_eq(words, cases[_i].socks5, cases[_i].socks5_len);
    proxy_free(dialogue, env.env);

    scene.proxy.kind = TOXTCP_PROXY_HTTP;
    dialogue = begin(&scene);
    ck_assert_uint_eq(proxy_words(dialogue, &words), strlen(cases[_i].http));
    ck_assert_mem_eq(words, cases[_i].http, strlen(cases[_i].http));
    proxy_free(dialogue, env.env);
}
END_TEST

/* The longest of everything, and the shortest. */
START_TEST(longest_words)
{
    char host[300];
    char user[300];
    char password[300];
    struct scene scene = {.target = by_name(letters(host, _i ? 253 : 1), 65535), .count = 3};

    scene.proxy = proxy_of(TOXTCP_PROXY_SOCKS5, letters(user, _i ? 255 : 1), letters(password, _i ? 255 : 0));
    APPEND(scene.steps[0].said, "\5\2\0\2");
    APPEND(scene.steps[0].heard, "\5\2");
    APPEND(scene.steps[1].said, "\1");
    append(&scene.steps[1].said, &(uint8_t){(uint8_t)strlen(user)}, 1);
    append_text(&scene.steps[1].said, user);
    append(&scene.steps[1].said, &(uint8_t){(uint8_t)strlen(password)}, 1);
    append_text(&scene.steps[1].said, password);
    APPEND(scene.steps[1].heard, "\1\0");
    APPEND(scene.steps[2].said, "\5\1\0\3");
    append(&scene.steps[2].said, &(uint8_t){(uint8_t)strlen(host)}, 1);
    append_text(&scene.steps[2].said, host);
    APPEND(scene.steps[2].said, "\377\377");
    proxy_free(play_up_to(&scene, 2), env.env);

    scene.proxy.kind = TOXTCP_PROXY_HTTP;
    struct proxy_dialogue *dialogue = begin(&scene);
    const uint8_t *words;
    const size_t base64 = (strlen(user) + 1 + strlen(password) + 2) / 3 * 4;
    ck_assert_uint_eq(proxy_words(dialogue, &words),
                      strlen("CONNECT :65535 HTTP/1.1\r\nHost: :65535\r\nProxy-Authorization: Basic \r\n\r\n") +
                          2 * strlen(host) + base64);
    proxy_free(dialogue, env.env);
}
END_TEST

START_TEST(base64)
{
    /* User, password, and "USER:PASSWORD" encoded: lengths of all three remainders, and the last two digits. */
    static const char *const cases[][3] = {{"f", "", "Zjo="},
                                           {"fo", "", "Zm86"},
                                           {"foo", "", "Zm9vOg=="},
                                           {"f", "oo", "Zjpvbw=="},
                                           {"\377\376", "\373", "//46+w=="},
                                           {"~~~", "???", "fn5+Oj8/Pw=="}};
    struct scene scene = http_plain();
    const uint8_t *words;
    char text[TEXT_MAX] = "";
    char line[80];

    scene.proxy = proxy_of(TOXTCP_PROXY_HTTP, cases[_i][0], cases[_i][1]);
    struct proxy_dialogue *dialogue = begin(&scene);
    const size_t len = proxy_words(dialogue, &words);
    memcpy(text, words, len);
    (void)snprintf(line, sizeof line, "\r\nProxy-Authorization: Basic %s\r\n\r\n", cases[_i][2]);
    ck_assert_msg(strstr(text, line), "not \"%s\" but \"%s\"", cases[_i][2], text);
    proxy_free(dialogue, env.env);
}
END_TEST

void add_bounds_tests(TCase *tests)
{
    tcase_add_loop_test(tests, endless_headers, 0, 3);
    tcase_add_loop_test(tests, largest_headers, 0, 2);
    tcase_add_loop_test(tests, every_bound_name, 0, BYTES);
    tcase_add_loop_test(tests, credential_lengths, 0, 2);
    tcase_add_test(tests, credential_bytes);
    tcase_add_test(tests, bad_proxies);
    tcase_add_test(tests, target_names);
    tcase_add_loop_test(tests, literal_names, 0, 3);
    tcase_add_loop_test(tests, longest_words, 0, 2);
    tcase_add_loop_test(tests, base64, 0, 6);
}
