/* A proxy as people write it. SPDX-License-Identifier: ISC */
#include "proxy_text.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "address_text.h"

static const char form[] = "write socks5://[USER[:PASSWORD]@]HOST:PORT or http://[USER[:PASSWORD]@]HOST:PORT";

/* --- User and password --- */

static int digit_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char lower = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
    const char *found = lower == '\0' ? NULL : strchr(digits, lower);

    return found == NULL ? -1 : (int)(found - digits);
}

/* One character of `text`, which ends at `end`; -1 for a % without two digits, and for a zero. */
static int next_character(const char **text, const char *end)
{
    const char *at = *text;
    int high;
    int low;

    if (*at != '%') {
        *text = at + 1;
        return (unsigned char)*at;
    }
    if (end - at < 3) {
        return -1;
    }
    high = digit_value(at[1]);
    low = digit_value(at[2]);
    *text = at + 3;
    return high < 0 || low < 0 || high + low == 0 ? -1 : 16 * high + low;
}

static int decode(const char *what, const char *text, size_t len, char decoded[TOXTCP_PROXY_CREDENTIAL_MAX + 1],
                  struct problem *problem)
{
    const char *end = text + len;
    size_t count = 0;

    while (text < end) {
        const int character = next_character(&text, end);

        if (character < 0) {
            return problem_set(problem,
                               "in the proxy's %s a %% stands before two hexadecimal digits, and not before 00", what);
        }
        if (count == TOXTCP_PROXY_CREDENTIAL_MAX) {
            return problem_set(problem, "the proxy's %s is longer than %d bytes", what, TOXTCP_PROXY_CREDENTIAL_MAX);
        }
        decoded[count++] = (char)character;
    }
    decoded[count] = '\0';
    return 0;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* What an HTTP header cannot carry. */
static int check_login(const struct proxy_text *text, struct problem *problem)
{
    if (text->proxy.kind != TOXTCP_PROXY_HTTP) {
        return 0;
    }
    if (strchr(text->user, ':') != NULL) {
        return problem_set(problem, "the user of an HTTP proxy has no colon in it");
    }
    if (has_control_character(text->user) || has_control_character(text->password)) {
        return problem_set(problem, "user and password of an HTTP proxy have no control characters in them");
    }
    return 0;
}

static int parse_login(const char *text, size_t len, struct proxy_text *into, struct problem *problem)
{
    const char *colon = memchr(text, ':', len);
    const size_t user_len = colon == NULL ? len : (size_t)(colon - text);

    if (user_len == 0) {
        return problem_set(problem, "before the proxy's @ there is no user; %s", form);
    }
    if (decode("user", text, user_len, into->user, problem) != 0) {
        return -1;
    }
    into->proxy.user = into->user;
    if (colon != NULL) {
        if (decode("password", colon + 1, len - user_len - 1, into->password, problem) != 0) {
            return -1;
        }
        into->proxy.password = into->password;
    }
    return check_login(into, problem);
}

/* --- The whole --- */

/* What follows "KIND://"; NULL if there is no kind. */
static const char *parse_kind(const char *text, enum toxtcp_proxy_kind *kind)
{
    static const struct {
        const char *start;
        enum toxtcp_proxy_kind kind;
    } kinds[] = {
        {"socks5://", TOXTCP_PROXY_SOCKS5}, {"socks5h://", TOXTCP_PROXY_SOCKS5}, {"http://", TOXTCP_PROXY_HTTP}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t len = strlen(kinds[i].start);

        if (strncasecmp(text, kinds[i].start, len) == 0) {
            *kind = kinds[i].kind;
            return text + len;
        }
    }
    return NULL;
}

/* Says nothing of what is there instead: where an @ is missing, or one too many, that is of the password. */
static int parse_endpoint(const char *text, struct proxy_text *into, struct problem *problem)
{
    struct problem inner;
    size_t len = strlen(text);

    if (len > 0 && text[len - 1] == '/') {
        len--;
    }
    if (endpoint_text_parse(text, len, into->host, &into->proxy.endpoint.address, &inner) != 0) {
        return problem_set(
            problem,
            "it does not end with a HOST:PORT, an IPv6 address in brackets, a port of 1 to 65535; %s, and "
            ": @ / %% in user and password as %%3a %%40 %%2f %%25",
            form);
    }
    into->proxy.endpoint.host = into->host[0] == '\0' ? NULL : into->host;
    return 0;
}

int proxy_text_parse(const char *text, struct proxy_text *into, struct problem *problem)
{
    const char *rest;
    const char *at;

    *into = (struct proxy_text){.host = ""};
    rest = parse_kind(text, &into->proxy.kind);
    if (rest == NULL) {
        return problem_set(problem, "the kind of proxy is not known; %s", form);
    }
    at = strrchr(rest, '@');
    if (at != NULL && parse_login(rest, (size_t)(at - rest), into, problem) != 0) {
        return -1;
    }
    return parse_endpoint(at == NULL ? rest : at + 1, into, problem);
}

int proxy_text_set_password(struct proxy_text *into, const char *password, struct problem *problem)
{
    const size_t len = strlen(password);

    if (into->proxy.user == NULL) {
        return problem_set(problem, "a password for the proxy needs a user: %s", form);
    }
    if (into->proxy.password != NULL) {
        return problem_set(problem, "the proxy's password is given twice");
    }
    if (len > TOXTCP_PROXY_CREDENTIAL_MAX) {
        return problem_set(problem, "the proxy's password is longer than %d bytes", TOXTCP_PROXY_CREDENTIAL_MAX);
    }
    memcpy(into->password, password, len + 1);
    into->proxy.password = into->password;
    return check_login(into, problem);
}

int proxy_text_read_password(struct proxy_text *into, const char *path, struct problem *problem)
{
    char line[TOXTCP_PROXY_CREDENTIAL_MAX + 3] = ""; /* one byte too many, its end, and a zero */
    FILE *file = fopen(path, "re");
    int result;

    if (file == NULL) {
        return problem_set(problem, "%s: cannot be opened: %s", path, strerror(errno));
    }
    /* No copy of it stays in a buffer. */
    (void)setvbuf(file, NULL, _IONBF, 0);
    if (fgets(line, sizeof line, file) == NULL && ferror(file)) {
        result = problem_set(problem, "%s: cannot be read: %s", path, strerror(errno));
    } else {
        line[strcspn(line, "\r\n")] = '\0';
        result = line[0] == '\0' ? problem_set(problem, "%s: there is no password in its first line", path)
                                 : proxy_text_set_password(into, line, problem);
    }
    (void)fclose(file);
    sodium_memzero(line, sizeof line);
    return result;
}

void proxy_text_wipe(struct proxy_text *into)
{
    sodium_memzero(into, sizeof *into);
}
