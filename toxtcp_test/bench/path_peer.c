/* A peer that does what it is told and says when what happened, for path.py. SPDX-License-Identifier: ISC
 *
 * It prints "key KEY", then a line for each event: its moment in us, of the clock that the path emulator has too, and
 * what it is. Commands come on its input, a line each:
 *
 *   relay ADDRESS:PORT KEY           of the peer that is added next
 *   peer KEY                         adds the peer ("begin"), tied to the relays so far
 *   sleep, wake                      the peer sleeps, or is needed again ("wake")
 *   eager                            from now on a packet is sent as soon as the peer is online
 *   pace MS                          a packet every so many ms; 0: none. Then also "relay N silent", "relay N heard"
 *   shot ADDRESS:PORT KEY RECEIVER   one OOB packet through a relay, on a stream for just that ("shot", "gone")
 *   hand ADDRESS:PORT KEY RECEIVER   the same by hand: connect, send when connected, free the client at once */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "netns/process.h"
#include "netns/space.h"

enum { LINE_SIZE = 512, RELAYS_MAX = 8, PACKET_LEN = 100, SHOT_MS = 10000 };
/* A stream that is of no use is closed soon, so that a peer that wakes dials. */
enum { USELESS_MS = 100 };

static struct {
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct toxtcp_key_pair keys;
    struct toxtcp_connections *connections;
    struct toxtcp_peer peer;
    struct toxtcp_node relays[RELAYS_MAX];
    struct toxtcp_relay handles[RELAYS_MAX];
    bool silent[RELAYS_MAX];
    size_t relay_count;
    bool eager;
    uint32_t number; /* of the next packet */
    struct ev_timer pace;
    struct toxtcp_client *hand;
    struct toxtcp_public_key receiver;
    char line[LINE_SIZE];
    size_t line_len;
} self;

static void need_ok(int error, const char *what)
{
    if (error != TOXTCP_OK) {
        space_fail("%s: %s", what, toxtcp_strerror(error));
    }
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)printf("%llu ", (unsigned long long)process_now_us());
    (void)vprintf(format, arguments);
    (void)putchar('\n');
    va_end(arguments);
    space_need(fflush(stdout) == 0, "output");
}

/* --- The peer --- */

/* One that can't be sent is lost: the numbers tell. */
static void send_packet(void)
{
    uint8_t packet[PACKET_LEN] = {0};
    const uint32_t number = self.number++;

    memcpy(packet, &number, sizeof number);
    (void)toxtcp_peer_send(self.connections, self.peer, packet, sizeof packet);
}

static void on_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                    const uint8_t *data, size_t len)
{
    uint32_t number = 0;

    (void)user;
    (void)peer;
    (void)peer_user;
    memcpy(&number, data, len < sizeof number ? len : sizeof number);
    say("packet %u %u", (unsigned)number, (unsigned)relay.index);
}

static void on_state(void *user, struct toxtcp_peer peer, void *peer_user, enum toxtcp_peer_state state)
{
    static const char *const names[] = {"offline", "registered", "online"};

    (void)user;
    (void)peer;
    (void)peer_user;
    say("%s", names[state]);
    if (state == TOXTCP_PEER_ONLINE && self.eager) {
        send_packet();
    }
}

static void on_relay(void *user, struct toxtcp_relay relay, enum toxtcp_relay_state state, int error)
{
    static const char *const names[] = {"connecting", "connected", "waiting", "sleeping"};

    (void)user;
    say("relay %u %s %s", (unsigned)relay.index, names[state], error != 0 ? toxtcp_strerror(error) : "");
}

static void on_stranger(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                        const uint8_t *data, size_t len)
{
    (void)user;
    (void)relay;
    (void)sender;
    (void)data;
    say("oob %zu", len);
}

static void look_for_silence(void)
{
    struct toxtcp_relay_info info;

    for (size_t i = 0; i < self.relay_count; i++) {
        need_ok(toxtcp_relay_get_info(self.connections, self.handles[i], &info), "relay");
        if (info.silent != self.silent[i]) {
            say("relay %zu %s", i, info.silent ? "silent" : "heard");
        }
        self.silent[i] = info.silent;
    }
}

static void on_pace(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
    send_packet();
    look_for_silence();
}

/* --- One packet and gone --- */

static const uint8_t last_words[PACKET_LEN];

static void on_gone(void *user, int result)
{
    (void)user;
    need_ok(result, "shot");
    say("gone");
}

static void shoot(const struct toxtcp_node *relay, const struct toxtcp_public_key *receiver)
{
    const struct toxtcp_endpoint endpoint = {.address = relay->address};
    const struct toxtcp_ev_oob_order order = {.keys = &self.keys,
                                              .relay = &endpoint,
                                              .relay_key = &relay->public_key,
                                              .receiver = receiver,
                                              .data = last_words,
                                              .len = sizeof last_words,
                                              .timeout_ms = SHOT_MS};

    say("shot");
    need_ok(toxtcp_ev_send_oob_once(self.ev, self.env, &order, on_gone, NULL, NULL), "shot");
}

static void on_hand_connected(void *user, struct toxtcp_client *client)
{
    (void)user;
    need_ok(toxtcp_client_send_oob(client, &self.receiver, last_words, sizeof last_words), "oob");
    toxtcp_client_free(client);
    say("gone");
}

static void on_hand_closed(void *user, struct toxtcp_client *client, int error)
{
    (void)user;
    toxtcp_client_free(client);
    say("failed %s", toxtcp_strerror(error));
}

static void shoot_by_hand(const struct toxtcp_node *relay, const struct toxtcp_public_key *receiver)
{
    static const struct toxtcp_client_callbacks callbacks = {.connected = on_hand_connected, .closed = on_hand_closed};
    const struct toxtcp_endpoint endpoint = {.address = relay->address};

    say("shot");
    self.receiver = *receiver;
    need_ok(toxtcp_client_new(self.env, toxtcp_ev_driver(self.ev), NULL, &self.keys, &relay->public_key, &callbacks,
                              NULL, toxtcp_ev_now(self.ev), &self.hand),
            "client");
    need_ok(toxtcp_ev_connect(self.ev, self.hand, &endpoint), "connect");
}

/* --- Commands --- */

static void read_key(const char *text, struct toxtcp_public_key *key)
{
    need_ok(toxtcp_public_key_parse(text, strlen(text), key), text);
}

static struct toxtcp_node read_relay(const char *address, const char *key)
{
    struct toxtcp_node relay;

    need_ok(toxtcp_address_parse(address, strlen(address), &relay.address), address);
    read_key(key, &relay.public_key);
    return relay;
}

static void add_relay(const char *address, const char *key)
{
    if (self.relay_count == RELAYS_MAX) {
        space_fail("too many relays");
    }
    self.relays[self.relay_count++] = read_relay(address, key);
}

static void add_peer(const char *text)
{
    struct toxtcp_public_key key;

    read_key(text, &key);
    say("begin");
    need_ok(toxtcp_peer_add(self.connections, &key, NULL, &self.peer), "peer");
    for (size_t i = 0; i < self.relay_count; i++) {
        const struct toxtcp_endpoint endpoint = {.address = self.relays[i].address};
        need_ok(
            toxtcp_peer_add_relay(self.connections, self.peer, &endpoint, &self.relays[i].public_key, &self.handles[i]),
            "relay");
    }
}

static void set_pace(const char *text)
{
    const unsigned long ms = strtoul(text, NULL, 10);

    ev_timer_stop(EV_DEFAULT, &self.pace);
    if (ms > 0) {
        ev_timer_set(&self.pace, 0., (double)ms / 1e3);
        ev_timer_start(EV_DEFAULT, &self.pace);
    }
}

static void obey(char *line)
{
    char *words[4] = {NULL}, *word;
    size_t count = 0;

    while (count < 4 && (word = strsep(&line, " ")) != NULL) {
        words[count++] = word;
    }
    if (count == 3 && strcmp(words[0], "relay") == 0) {
        add_relay(words[1], words[2]);
    } else if (count == 2 && strcmp(words[0], "peer") == 0) {
        add_peer(words[1]);
    } else if (count == 1 && strcmp(words[0], "sleep") == 0) {
        need_ok(toxtcp_peer_sleep(self.connections, self.peer), "sleep");
    } else if (count == 1 && strcmp(words[0], "wake") == 0) {
        say("wake");
        need_ok(toxtcp_peer_wake(self.connections, self.peer), "wake");
    } else if (count == 1 && strcmp(words[0], "eager") == 0) {
        self.eager = true;
    } else if (count == 2 && strcmp(words[0], "pace") == 0) {
        set_pace(words[1]);
    } else if (count == 4 && (strcmp(words[0], "shot") == 0 || strcmp(words[0], "hand") == 0)) {
        const struct toxtcp_node relay = read_relay(words[1], words[2]);
        struct toxtcp_public_key receiver;
        read_key(words[3], &receiver);
        (words[0][0] == 's' ? shoot : shoot_by_hand)(&relay, &receiver);
    } else {
        space_fail("this is no command: %s", words[0]);
    }
}

static void on_input(struct ev_loop *loop, struct ev_io *io, int events)
{
    const ssize_t len = read(STDIN_FILENO, self.line + self.line_len, sizeof self.line - self.line_len);
    char *end;

    (void)io;
    (void)events;
    if (len <= 0) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    self.line_len += (size_t)len;
    while ((end = memchr(self.line, '\n', self.line_len)) != NULL) {
        *end = 0;
        obey(self.line);
        self.line_len -= (size_t)(end + 1 - self.line);
        memmove(self.line, end + 1, self.line_len);
    }
    if (self.line_len == sizeof self.line) {
        space_fail("a command is too long");
    }
}

/* --- Its life --- */

static void open_peer(struct ev_loop *loop)
{
    static const struct toxtcp_connections_callbacks callbacks = {
        .peer_data = on_data, .peer_state = on_state, .relay_state = on_relay, .stranger_oob = on_stranger};
    struct toxtcp_connections_config config;
    char text[TOXTCP_KEY_TEXT_SIZE];

    need_ok(toxtcp_env_new(NULL, &self.env), "env");
    need_ok(toxtcp_ev_new(loop, &self.ev), "driver");
    toxtcp_key_pair_generate(self.env, &self.keys);
    toxtcp_connections_config_default(&config);
    config.useless_after_ms = USELESS_MS;
    config.keep_connected = 0;
    need_ok(toxtcp_connections_new(self.env, toxtcp_ev_driver(self.ev), &config, &self.keys, &callbacks, NULL,
                                   &self.connections),
            "connections");
    need_ok(toxtcp_ev_attach_connections(self.ev, self.connections), "connections");
    need_ok(toxtcp_ev_watch_network(self.ev, self.connections, true), "watch");
    toxtcp_public_key_format(&self.keys.public_key, text);
    (void)printf("key %s\n", text);
    space_need(fflush(stdout) == 0, "output");
}

int main(void)
{
    struct ev_loop *loop = EV_DEFAULT;
    struct ev_io input;

    open_peer(loop);
    ev_timer_init(&self.pace, on_pace, 0., 0.);
    ev_io_init(&input, on_input, STDIN_FILENO, EV_READ);
    ev_io_start(loop, &input);
    (void)ev_run(loop, 0);
    toxtcp_ev_detach_connections(self.ev, self.connections);
    toxtcp_connections_free(self.connections);
    toxtcp_ev_free(self.ev);
    toxtcp_env_free(self.env);
    return 0;
}
