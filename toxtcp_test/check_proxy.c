/* The dialogues with proxies: what is said, every cut and every lie of what is heard. SPDX-License-Identifier: ISC */
#include "check_proxy.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What HTTP looks like, for a second opinion. */
#define TEXT_BYTE "[^\001-\010\012-\037]"
#define STATUS_LINE "^HTTP/1\\.[0-9] ([0-9][0-9][0-9])( " TEXT_BYTE "*)?\r?\n"
#define HEADERS "^(" TEXT_BYTE "+\r?\n)*\r?\n"
#define WRONG_BYTES "[\001-\010\013\014\016-\037]|\r[^\n]"

static regex_t status_line;
static regex_t headers;
static regex_t wrong_bytes;

static void set_up(void)
{
    net_env_init(&env, 1);
    ck_assert_int_eq(regcomp(&status_line, STATUS_LINE, REG_EXTENDED), 0);
    ck_assert_int_eq(regcomp(&headers, HEADERS, REG_EXTENDED), 0);
    ck_assert_int_eq(regcomp(&wrong_bytes, WRONG_BYTES, REG_EXTENDED), 0);
}

static void tear_down(void)
{
    regfree(&status_line);
    regfree(&headers);
    regfree(&wrong_bytes);
    net_env_finish(&env);
}

START_TEST(in_all_pieces)
{
    const struct scene scene = scenes[_i]();

    for (size_t step = 0; step < scene.count; step++) {
        const size_t len = scene.steps[step].heard.len;
        size_t every[TEXT_MAX];

        for (size_t i = 0; i <= len; i++) {
            every[i] = i;
            for (size_t j = i; j <= len; j++) {
                hear_in_pieces(&scene, step, (const size_t[]){i, j}, 2);
            }
        }
        hear_in_pieces(&scene, step, every, len + 1);
    }
}
END_TEST

/* Answers that come together, before we have spoken: our words still leave in order, and one after another. */
START_TEST(answers_ahead)
{
    const struct scene scene = scenes[_i]();
    struct proxy_dialogue *dialogue = begin(&scene);
    struct text said = {.len = 0};
    struct text heard = {.len = 0};
    const uint8_t *words;
    size_t used;

    for (size_t i = 0; i < scene.count; i++) {
        append(&said, scene.steps[i].said.bytes, scene.steps[i].said.len);
        append(&heard, scene.steps[i].heard.bytes, scene.steps[i].heard.len);
    }
    ck_assert_int_eq(hear(dialogue, heard.bytes, heard.len, &used), PROXY_DONE);
    ck_assert_uint_eq(used, heard.len);
    ck_assert_uint_eq(proxy_words(dialogue, &words), said.len);
    ck_assert_mem_eq(words, said.bytes, said.len);
    proxy_free(dialogue, env.env);
}
END_TEST

START_TEST(ends_at_every_byte)
{
    const struct scene scene = scenes[_i]();

    for (size_t step = 0; step < scene.count; step++) {
        for (size_t len = 0; len < scene.steps[step].heard.len; len++) {
            struct proxy_dialogue *dialogue = play_up_to(&scene, step);
            const uint8_t *words;
            size_t used;

            ck_assert_int_eq(hear(dialogue, scene.steps[step].heard.bytes, len, &used), PROXY_MORE);
            ck_assert_uint_eq(used, len);
            ck_assert_uint_eq(proxy_words(dialogue, &words), 0);
            proxy_free(dialogue, env.env);
        }
    }
}
END_TEST

/* --- What an answer means, found in another way --- */

static int socks5_meaning(const struct scene *scene, size_t step, const uint8_t *bytes, size_t len)
{
    static const int replies[] = {PROXY_DONE,
                                  TOXTCP_ERR_PROXY_FAILED,
                                  TOXTCP_ERR_PROXY_FORBIDDEN,
                                  TOXTCP_ERR_PROXY_NO_RELAY,
                                  TOXTCP_ERR_PROXY_NO_RELAY,
                                  TOXTCP_ERR_PROXY_NO_RELAY,
                                  TOXTCP_ERR_PROXY_NO_RELAY};
    static const size_t sizes[] = {0, 10, 0, 0, 22};

    if (step + 1 < scene->count && step == 1) {
        return bytes[0] != 1 ? TOXTCP_ERR_PROXY_PROTOCOL : bytes[1] ? TOXTCP_ERR_PROXY_AUTH : PROXY_MORE;
    }
    if (bytes[0] != 5) {
        return TOXTCP_ERR_PROXY_PROTOCOL;
    }
    if (step == 0) {
        const bool offered = bytes[1] == 0 || (bytes[1] == 2 && scene->proxy.user);
        return offered ? PROXY_MORE : bytes[1] == 255 ? TOXTCP_ERR_PROXY_AUTH : TOXTCP_ERR_PROXY_PROTOCOL;
    }
    if (bytes[1] != 0) {
        return bytes[1] < 7 ? replies[bytes[1]] : TOXTCP_ERR_PROXY_FAILED;
    }
    const size_t size = bytes[3] == 3 ? 7U + bytes[4] : bytes[3] < 5 ? sizes[bytes[3]] : 0;
    return size == 0 ? TOXTCP_ERR_PROXY_PROTOCOL : size <= len ? PROXY_DONE : PROXY_MORE;
}

static int status_meaning(int status)
{
    switch (status) {
    case 401:
    case 407:
        return TOXTCP_ERR_PROXY_AUTH;
    case 403:
        return TOXTCP_ERR_PROXY_FORBIDDEN;
    case 502:
    case 503:
    case 504:
        return TOXTCP_ERR_PROXY_NO_RELAY;
    default:
        return status < 100 || status > 599 || status == 101 ? TOXTCP_ERR_PROXY_PROTOCOL
               : status < 300                                ? PROXY_MORE
                                                             : TOXTCP_ERR_PROXY_FAILED;
    }
}

static int http_meaning(const char *text)
{
    regmatch_t match[3];

    for (;;) {
        if (regexec(&status_line, text, 3, match, 0)) {
            return *text ? TOXTCP_ERR_PROXY_PROTOCOL : PROXY_MORE;
        }
        const int status = atoi(text + match[1].rm_so);
        if (status_meaning(status) != PROXY_MORE) {
            return status_meaning(status);
        }
        text += match[0].rm_eo;
        if (regexec(&headers, text, 3, match, 0)) {
            return regexec(&wrong_bytes, text, 0, NULL, 0) ? PROXY_MORE : TOXTCP_ERR_PROXY_PROTOCOL;
        }
        if (status >= 200) {
            return PROXY_DONE;
        }
        text += match[0].rm_eo;
    }
}

static int meaning(const struct scene *scene, size_t step, const struct text *heard)
{
    char text[TEXT_MAX + 1] = "";

    if (scene->proxy.kind == TOXTCP_PROXY_SOCKS5) {
        return socks5_meaning(scene, step, heard->bytes, heard->len);
    }
    memcpy(text, heard->bytes, heard->len);
    return strlen(text) < heard->len ? TOXTCP_ERR_PROXY_PROTOCOL : http_meaning(text);
}

/* Every byte of every answer, replaced by every other one. */
START_TEST(every_wrong_byte)
{
    const struct scene scene = scenes[_i]();
    size_t failures = 0;

    for (size_t step = 0; step < scene.count; step++) {
        for (size_t at = 0; at < scene.steps[step].heard.len; at++) {
            for (unsigned byte = 0; byte < BYTES; byte++) {
                struct text heard = scene.steps[step].heard;
                struct proxy_dialogue *dialogue = play_up_to(&scene, step);
                size_t used;

                heard.bytes[at] = (uint8_t)byte;
                const int event = hear(dialogue, heard.bytes, heard.len, &used);
                if (event != meaning(&scene, step, &heard)) {
                    ck_abort_msg("step %zu, byte %zu is %u: %d, not %d", step, at, byte, event,
                                 meaning(&scene, step, &heard));
                }
                failures += event < 0;
                ck_assert_uint_le(used, heard.len);
                proxy_free(dialogue, env.env);
            }
        }
    }
    ck_assert_uint_gt(failures, BYTES);
}
END_TEST

START_TEST(every_status)
{
    const struct scene scene = http_plain();

    for (int status = 0; status < 1000; status++) {
        struct proxy_dialogue *dialogue = play_up_to(&scene, 0);
        char text[80];
        size_t used;

        (void)snprintf(text, sizeof text, "HTTP/1.1 %03d Word\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\nbody",
                       status);
        const int event = hear(dialogue, (const uint8_t *)text, strlen(text), &used);
        const int expected = status >= 200 && status < 300 ? PROXY_DONE
                             : status >= 100 && status < 200 && status != 101
                                 ? TOXTCP_ERR_PROXY_PROTOCOL /* the body is no response */
                                 : status_meaning(status);
        ck_assert_msg(event == expected, "%d: %d, not %d", status, event, expected);
        proxy_free(dialogue, env.env);
    }
}
END_TEST

/* --- Memory --- */

START_TEST(no_memory)
{
    const struct scene scene = scenes[_i]();

    net_env_fail(&env, 1, false);
    ck_assert_ptr_null(proxy_new(env.env, &scene.proxy, &scene.target));
    proxy_free(NULL, env.env);
}
END_TEST

/* A password is gone from memory once it was said, or when it turns out that nobody wants it; and in the end anyway. */
START_TEST(password_is_wiped)
{
    static const char password[] = "a password of thirty-two letters";
    static const char encoded[] = "bWU6YSBwYXNzd29yZCBvZiB0aGlydHkt"; /* of "me:a password of thirty-" */
    const bool http = _i >= 3;
    struct scene scene = http ? http_plain() : socks5_ip6();
    const uint8_t *words;
    size_t used;

    ck_assert_uint_eq(sizeof password - 1, NET_ENV_SECRET_SIZE);
    net_env_watch(&env, (const uint8_t *)(http ? encoded : password));
    scene.proxy.user = "me";
    scene.proxy.password = password;
    struct proxy_dialogue *dialogue = begin(&scene);
    if (_i == 1 || _i == 2) {
        (void)hear(dialogue, (const uint8_t *)"\5\2", 2, &used);
    }
    if (_i == 2 || _i == 4) {
        const uint8_t *secret = (const uint8_t *)(http ? encoded : password);
        const size_t len = proxy_words(dialogue, &words);
        const uint8_t *there = memmem(words, len, secret, NET_ENV_SECRET_SIZE);
        ck_assert_ptr_nonnull(there);
        proxy_said(dialogue, len);
        ck_assert_int_ne(memcmp(there, secret, NET_ENV_SECRET_SIZE), 0);
    }
    proxy_free(dialogue, env.env);
}
END_TEST

static Suite *proxy_suite(void)
{
    Suite *suite = suite_create("proxy");
    TCase *tests = tcase_create("dialogues");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, in_all_pieces, 0, SCENES);
    tcase_add_loop_test(tests, answers_ahead, 0, SCENES);
    tcase_add_loop_test(tests, ends_at_every_byte, 0, SCENES);
    tcase_add_loop_test(tests, every_wrong_byte, 0, SCENES);
    tcase_add_test(tests, every_status);
    tcase_add_loop_test(tests, no_memory, 0, SCENES);
    tcase_add_loop_test(tests, password_is_wiped, 0, 5);
    add_bounds_tests(tests);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(proxy_suite());

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
