/* Debian's libtoxcore as a peer without UDP, which does what it is told, for path.py. SPDX-License-Identifier: ISC
 *
 * It prints "key KEY", then a line for each event: its moment in us and what it is. Commands come on its input:
 *
 *   relay ADDRESS PORT KEY   a TCP relay, which is also a node to start from at the UDP port of the same number
 *   friend KEY               adds the friend ("begin") */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tox/tox.h>

#include <toxtcp/key.h>

#include "netns/process.h"
#include "netns/space.h"

enum { LINE_SIZE = 512 };

static void say(const char *what)
{
    (void)printf("%llu %s\n", (unsigned long long)process_now_us(), what);
    space_need(fflush(stdout) == 0, "output");
}

static void on_self(Tox *tox, TOX_CONNECTION connection, void *user)
{
    (void)tox;
    (void)user;
    say(connection == TOX_CONNECTION_NONE ? "alone" : "connected");
}

static void on_friend(Tox *tox, uint32_t number, TOX_CONNECTION connection, void *user)
{
    (void)tox;
    (void)number;
    (void)user;
    say(connection == TOX_CONNECTION_NONE ? "offline" : "online");
}

static Tox *open_tox(void)
{
    struct Tox_Options *options = tox_options_new(NULL);
    struct toxtcp_public_key key;
    char text[TOXTCP_KEY_TEXT_SIZE];

    space_need(options != NULL, "tox options");
    tox_options_set_udp_enabled(options, false);
    tox_options_set_ipv6_enabled(options, false);
    tox_options_set_local_discovery_enabled(options, false);
    Tox *tox = tox_new(options, NULL);
    tox_options_free(options);
    space_need(tox != NULL, "tox");
    tox_callback_self_connection_status(tox, on_self);
    tox_callback_friend_connection_status(tox, on_friend);
    tox_self_get_public_key(tox, key.bytes);
    toxtcp_public_key_format(&key, text);
    (void)printf("key %s\n", text);
    space_need(fflush(stdout) == 0, "output");
    return tox;
}

static void read_key(const char *text, struct toxtcp_public_key *key)
{
    if (toxtcp_public_key_parse(text, strlen(text), key) != 0) {
        space_fail("this is no key: %s", text);
    }
}

static void obey(Tox *tox, const char *line)
{
    char address[64], text[80];
    unsigned port;
    struct toxtcp_public_key key;

    if (sscanf(line, "relay %63s %u %79s", address, &port, text) == 3) {
        read_key(text, &key);
        if (!tox_bootstrap(tox, address, (uint16_t)port, key.bytes, NULL) ||
            !tox_add_tcp_relay(tox, address, (uint16_t)port, key.bytes, NULL)) {
            space_fail("libtoxcore refuses the relay");
        }
    } else if (sscanf(line, "friend %79s", text) == 1) {
        read_key(text, &key);
        say("begin");
        if (tox_friend_add_norequest(tox, key.bytes, NULL) == UINT32_MAX) {
            space_fail("libtoxcore refuses the friend");
        }
    } else {
        space_fail("this is no command: %s", line);
    }
}

/* False when there will be no more. */
static bool read_commands(Tox *tox)
{
    static char line[LINE_SIZE];
    static size_t line_len;
    const ssize_t len = read(STDIN_FILENO, line + line_len, sizeof line - line_len);
    char *end;

    if (len <= 0) {
        return false;
    }
    line_len += (size_t)len;
    while ((end = memchr(line, '\n', line_len)) != NULL) {
        *end = 0;
        obey(tox, line);
        line_len -= (size_t)(end + 1 - line);
        memmove(line, end + 1, line_len);
    }
    return line_len < sizeof line;
}

int main(void)
{
    Tox *tox = open_tox();
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    do {
        (void)poll(&input, 1, (int)tox_iteration_interval(tox));
        tox_iterate(tox, NULL);
    } while (input.revents == 0 || read_commands(tox));
    tox_kill(tox);
    return 0;
}
