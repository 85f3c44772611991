/* The chat: relays, peers and a session with each, on an event loop. SPDX-License-Identifier: ISC */
#include "chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/address_text.h"
#include "commands.h"
#include "ways.h"

enum {
    SHORT_LIVED_MS = 5000, /* a connection that is over so soon was not wanted there */
    SHORT_LIVED_MAX = 3,   /* so many in a row are no accident */
    PROMPT_SIZE = TEXT_NAME_MAX + 3
};

static uint64_t now(const struct chat *chat)
{
    return toxtcp_ev_now(chat->ev);
}

uint32_t chat_waiting(const struct chat *chat)
{
    uint32_t waiting = 0;

    for (size_t i = 0; i < chat->peer_count; i++) {
        struct session_info info;

        session_get_info(chat->peers[i].session, &info);
        waiting += info.waiting;
    }
    return waiting;
}

/* --- A session's timer --- */

static void session_timer_fired(struct ev_loop *loop, ev_timer *timer, int events);

/* The timer may fire too early and is then set again; that is cheaper than setting it with every packet. */
static void arm_timer(struct chat_peer *peer)
{
    struct ev_loop *loop = peer->chat->loop;
    uint64_t deadline = session_deadline(peer->session);
    uint64_t now_ms;

    if (ways_deadline(peer) < deadline) {
        deadline = ways_deadline(peer);
    }
    if (deadline == TOXTCP_NEVER) {
        ev_timer_stop(loop, &peer->timer);
        return;
    }
    if (ev_is_active(&peer->timer) && peer->timer_ms <= deadline) {
        return;
    }
    ev_timer_stop(loop, &peer->timer);
    now_ms = now(peer->chat);
    ev_timer_set(&peer->timer, deadline > now_ms ? (double)(deadline - now_ms) / 1000.0 : 0.0, 0.0);
    ev_timer_start(loop, &peer->timer);
    peer->timer_ms = deadline;
}

void chat_settle(struct chat_peer *peer)
{
    ways_settle(peer);
    arm_timer(peer);
}

static void session_timer_fired(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct chat_peer *peer = timer->data;

    (void)loop;
    (void)events;
    session_expire(peer->session, now(peer->chat));
    ways_expire(peer);
    chat_settle(peer);
}

/* --- What sessions tell --- */

/* Text is dropped while nobody reads what we print: the peer sends it again, as it does when a relay loses it. */
static bool listens(void *user)
{
    const struct chat_peer *peer = user;

    return console_is_writable(peer->chat->console);
}

static void message_received(void *user, const uint8_t *text, size_t len)
{
    struct chat_peer *peer = user;

    console_message(peer->chat->console, peer->option->name, (const char *)text, len);
}

static void finish_when_delivered(struct chat *chat)
{
    if (chat->input_over && chat_waiting(chat) == 0 && !console_has_unwritten(chat->console)) {
        chat_stop(chat);
    }
}

static void report_deliveries(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct chat_peer *peer = watcher->data;
    struct console *console = peer->chat->console;
    unsigned long long took_ms = peer->delivered_took_ms;

    (void)loop;
    (void)events;
    if (peer->delivered_first == peer->delivered_last) {
        console_status(console, "delivered to %s: %llu (%llu ms)", peer->option->name,
                       (unsigned long long)peer->delivered_first, took_ms);
    } else {
        console_status(console, "delivered to %s: %llu-%llu (%llu ms)", peer->option->name,
                       (unsigned long long)peer->delivered_first, (unsigned long long)peer->delivered_last, took_ms);
    }
    peer->delivered_first = 0;
    console_resume(peer->chat->console);
    finish_when_delivered(peer->chat);
}

static void message_delivered(void *user, uint64_t number, uint64_t took_ms)
{
    struct chat_peer *peer = user;

    if (peer->delivered_first == 0) {
        peer->delivered_first = number;
        peer->delivered_took_ms = took_ms;
        ev_feed_event(peer->chat->loop, &peer->report, EV_CUSTOM);
    }
    peer->delivered_last = number;
}

static const struct session_callbacks session_callbacks = {.transmit = ways_transmit,
                                                           .listens = listens,
                                                           .message = message_received,
                                                           .delivered = message_delivered,
                                                           .reported = ways_reported,
                                                           .paired = ways_paired,
                                                           .addresses = ways_addresses,
                                                           .probed = ways_probed};

/* --- What the connections tell --- */

static void peer_data(void *user, struct toxtcp_peer handle, void *peer_user, struct toxtcp_relay relay,
                      const uint8_t *data, size_t len)
{
    struct chat_peer *peer = peer_user;

    (void)user;
    (void)handle;
    (void)relay;
    (void)session_receive(peer->session, data, len, now(peer->chat));
    chat_settle(peer);
}

static void peer_state(void *user, struct toxtcp_peer handle, void *peer_user, enum toxtcp_peer_state state)
{
    struct chat_peer *peer = peer_user;

    (void)user;
    (void)handle;
    ways_relays_changed(peer, state);
    chat_settle(peer);
}

static void peer_can_send(void *user, struct toxtcp_peer handle, void *peer_user)
{
    struct chat_peer *peer = peer_user;

    (void)user;
    (void)handle;
    session_can_send(peer->session, now(peer->chat));
    chat_settle(peer);
}

/* Somebody who has our key, and whose key we were not given. */
static void stranger_oob(void *user, struct toxtcp_relay relay, const struct toxtcp_public_key *sender,
                         const uint8_t *data, size_t len)
{
    struct chat *chat = user;
    char key[TOXTCP_KEY_TEXT_SIZE];

    (void)relay;
    (void)data;
    (void)len;
    for (size_t i = 0; i < chat->stranger_count; i++) {
        if (toxtcp_public_key_equal(&chat->strangers[i], sender)) {
            return;
        }
    }
    if (chat->stranger_count == STRANGERS_MAX) {
        return;
    }
    chat->strangers[chat->stranger_count++] = *sender;
    toxtcp_public_key_format(sender, key);
    console_status(chat->console, "a stranger wants to talk to you; to answer, start with --peer NAME=%s", key);
}

static struct chat_relay *find_relay(struct chat *chat, struct toxtcp_relay handle)
{
    for (size_t i = 0; i < chat->relay_count; i++) {
        struct chat_relay *relay = &chat->relays[i];

        if (relay->handle.index == handle.index && relay->handle.generation == handle.generation) {
            return relay;
        }
    }
    return NULL;
}

static void say_relay_state(struct chat *chat, struct chat_relay *relay, enum toxtcp_relay_state state, int error)
{
    struct toxtcp_endpoint endpoint = relay_entry_endpoint(relay->entry);
    char address[ENDPOINT_TEXT_SIZE];

    /* Attempts go on for ever: only what is new is worth a line. */
    if (state == TOXTCP_RELAY_CONNECTING || (state == relay->said && error == relay->said_error)) {
        return;
    }
    endpoint_text_format(&endpoint, address);
    if (state == TOXTCP_RELAY_CONNECTED) {
        console_status(chat->console, "relay %s: connected", address);
    } else if (state == TOXTCP_RELAY_SLEEPING) {
        console_status(chat->console, "relay %s: sleeping", address);
    } else if (state == TOXTCP_RELAY_WAITING) {
        console_status(chat->console, "relay %s: %s; trying again", address, toxtcp_strerror(error));
    }
    relay->said = state;
    relay->said_error = error;
}

/* A relay lets a key in once, and the newcomer wins: two programs with one key throw each other out for ever. */
static void suspect_same_key(struct chat *chat, struct chat_relay *relay, enum toxtcp_relay_state state)
{
    bool was_connected = relay->connected_at_ms != TOXTCP_NEVER;

    if (state == TOXTCP_RELAY_CONNECTED) {
        relay->connected_at_ms = now(chat);
    } else if (was_connected && state == TOXTCP_RELAY_SLEEPING) {
        relay->connected_at_ms = TOXTCP_NEVER;
    } else if (was_connected) {
        relay->cut_short = now(chat) - relay->connected_at_ms < SHORT_LIVED_MS ? relay->cut_short + 1 : 0;
        relay->connected_at_ms = TOXTCP_NEVER;
    }
    if (relay->cut_short >= SHORT_LIVED_MAX && !chat->said_same_key) {
        chat->said_same_key = true;
        console_status(chat->console,
                       "relays close the connection again and again: is another program using this key?");
    }
}

static void say_all_down(struct chat *chat)
{
    char proxy[ENDPOINT_TEXT_SIZE];

    if (chat->options->has_proxy) {
        endpoint_text_format(&chat->options->proxy.proxy.endpoint, proxy);
        console_status(chat->console,
                       "no relay can be reached; trying again all the time. Check the network, the proxy %s and the "
                       "relays that you gave",
                       proxy);
    } else {
        console_status(chat->console, "no relay can be reached; trying again all the time. Check the network and the "
                                      "relays that you gave");
    }
}

static void say_if_all_are_down(struct chat *chat)
{
    for (size_t i = 0; i < chat->relay_count; i++) {
        struct toxtcp_relay_info info;

        if (toxtcp_relay_get_info(chat->connections, chat->relays[i].handle, &info) == TOXTCP_OK &&
            (info.state == TOXTCP_RELAY_CONNECTED || info.last_error == 0)) {
            return;
        }
    }
    if (!chat->said_all_down) {
        chat->said_all_down = true;
        say_all_down(chat);
    }
}

static void relay_state(void *user, struct toxtcp_relay handle, enum toxtcp_relay_state state, int error)
{
    struct chat *chat = user;
    struct chat_relay *relay = find_relay(chat, handle);
    bool was_connected;

    if (relay == NULL) {
        return;
    }
    was_connected = relay->connected_at_ms != TOXTCP_NEVER;
    say_relay_state(chat, relay, state, error);
    suspect_same_key(chat, relay, state);
    if (state == TOXTCP_RELAY_CONNECTED) {
        chat->ever_connected = true;
        chat->said_all_down = false;
    }
    if (state != TOXTCP_RELAY_WAITING) {
        return;
    }
    say_if_all_are_down(chat);
    for (size_t i = 0; i < chat->peer_count; i++) {
        ways_relay_broke(&chat->peers[i], was_connected);
        chat_settle(&chat->peers[i]);
    }
}

/* --- What the console tells --- */

void chat_set_target(struct chat *chat, struct chat_peer *peer)
{
    char prompt[PROMPT_SIZE];

    chat->target = peer;
    (void)snprintf(prompt, sizeof prompt, "%s> ", peer->option->name);
    console_set_prompt(chat->console, prompt);
}

bool chat_say(struct chat *chat, const char *text, size_t len)
{
    struct chat_peer *peer = chat->target;
    uint64_t number;
    int error = session_send(peer->session, (const uint8_t *)text, len, now(chat), &number);

    chat_settle(peer);
    if (error == TOXTCP_OK) {
        chat->warned_of_loss = false;
    }
    if (error == TOXTCP_ERR_FULL && !console_is_interactive(chat->console)) {
        return false;
    }
    if (error == TOXTCP_ERR_FULL) {
        console_status(chat->console, "not sent: %d messages wait for %s already", SESSION_QUEUE_MAX,
                       peer->option->name);
    } else if (error != TOXTCP_OK) {
        console_status(chat->console, "not sent: %s", toxtcp_strerror(error));
        chat->exit_status = EXIT_UNDELIVERED;
    } else if (!ways_is_there(peer) && console_is_interactive(chat->console)) {
        console_status(chat->console, "%s is offline; it will be delivered when both are here", peer->option->name);
    }
    return true;
}

static bool line_came(void *user, const char *text, size_t len)
{
    struct chat *chat = user;

    if (!chat->options->raw && len > 0 && text[0] == '/') {
        if (len == 1 || text[1] != '/') {
            commands_run(chat, text, len);
            return true;
        }
        text++;
        len--;
    }
    while (len > SESSION_TEXT_MAX && console_is_interactive(chat->console)) {
        size_t part = text_cut(text, len, SESSION_TEXT_MAX);

        (void)chat_say(chat, text, part);
        text += part;
        len -= part;
    }
    if (len == 0 && console_is_interactive(chat->console)) {
        return true;
    }
    return chat_say(chat, text, len);
}

static void patience_is_over(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    chat_stop(timer->data);
}

void chat_input_over(struct chat *chat)
{
    if (chat->input_over) {
        return;
    }
    chat->input_over = true;
    console_end_input(chat->console);
    if (chat_waiting(chat) > 0 || console_has_unwritten(chat->console)) {
        ev_timer_set(&chat->patience, (double)chat->options->wait_s, 0.0);
        ev_timer_start(chat->loop, &chat->patience);
        return;
    }
    chat_stop(chat);
}

static void input_over(void *user)
{
    struct chat *chat = user;

    if (console_is_interactive(chat->console)) {
        commands_run(chat, "/quit", strlen("/quit"));
    } else {
        chat_input_over(chat);
    }
}

static const char *why_undelivered(const struct chat *chat, const struct chat_peer *peer)
{
    struct toxtcp_connections_info info;

    toxtcp_connections_get_info(chat->connections, &info);
    if (!chat->ever_connected) {
        return "no relay could be reached";
    }
    if (info.connected_count == 0 && !ways_is_there(peer)) {
        return "no relay can be reached any more";
    }
    return !ways_is_there(peer) ? "this peer was not there on any of the relays" : "this peer did not answer";
}

static void explain_undelivered(struct chat *chat)
{
    for (size_t i = 0; i < chat->peer_count; i++) {
        const struct chat_peer *peer = &chat->peers[i];
        struct session_info info;

        session_get_info(peer->session, &info);
        if (info.waiting > 0) {
            console_status(chat->console, "not delivered to %s: %lu messages, because %s", peer->option->name,
                           (unsigned long)info.waiting, why_undelivered(chat, peer));
            chat->exit_status = chat->ever_connected ? EXIT_UNDELIVERED : EXIT_NO_RELAY;
        }
    }
}

void chat_stop(struct chat *chat)
{
    if (chat->stopped) {
        return;
    }
    chat->stopped = true;
    console_end_input(chat->console);
    explain_undelivered(chat);
    ways_leave(chat);
    if (console_has_unwritten(chat->console)) {
        console_status(chat->console, "messages that came were not written: nobody reads our standard output");
        chat->exit_status = EXIT_OUTPUT;
    }
    if (!chat->ever_connected && chat_waiting(chat) > 0) {
        commands_list_relays(chat);
    }
    ev_break(chat->loop, EVBREAK_ALL);
}

static void stop_asked(void *user)
{
    chat_stop(user);
}

static void all_written(void *user)
{
    finish_when_delivered(user);
}

static const struct console_callbacks console_callbacks = {
    .line = line_came, .over = input_over, .stop = stop_asked, .written = all_written};

/* --- Beginning and end --- */

static int start_peer(struct chat *chat, const struct peer_option *option, const struct toxtcp_key_pair *keys,
                      struct problem *problem)
{
    struct chat_peer *peer = &chat->peers[chat->peer_count];
    int error;

    *peer = (struct chat_peer){.chat = chat, .option = option, .state = TOXTCP_PEER_OFFLINE};
    ev_timer_init(&peer->timer, session_timer_fired, 0.0, 0.0);
    ev_timer_init(&peer->report, report_deliveries, 0.0, 0.0);
    peer->timer.data = peer->report.data = peer;
    ways_start_peer(peer);
    error = toxtcp_peer_add(chat->connections, &option->key, peer, &peer->handle);
    if (error == TOXTCP_OK) {
        error = session_new(keys, &option->key, &session_callbacks, peer, &peer->session);
    }
    if (error == TOXTCP_ERR_INVALID) {
        return problem_set(problem, "--peer: the key of \"%s\" is our own, or none at all", option->name);
    }
    if (error != TOXTCP_OK) {
        return problem_set(problem, "%s", toxtcp_strerror(error));
    }
    chat->peer_count++;
    return 0;
}

static int tie_relays(struct chat *chat, struct chat_peer *peer, struct problem *problem)
{
    for (size_t i = 0; i < chat->relay_count; i++) {
        struct chat_relay *relay = &chat->relays[i];
        struct toxtcp_endpoint endpoint = relay_entry_endpoint(relay->entry);
        int error = toxtcp_peer_add_relay(chat->connections, peer->handle, &endpoint, &relay->entry->public_key,
                                          &relay->handle);

        if (error != TOXTCP_OK) {
            return problem_set(problem, "relay number %zu: %s", i + 1, toxtcp_strerror(error));
        }
    }
    return 0;
}

static int start_connections(struct chat *chat, const struct toxtcp_key_pair *keys, struct problem *problem)
{
    static const struct toxtcp_connections_callbacks callbacks = {.peer_data = peer_data,
                                                                  .peer_state = peer_state,
                                                                  .peer_can_send = peer_can_send,
                                                                  .stranger_oob = stranger_oob,
                                                                  .relay_state = relay_state};
    struct toxtcp_connections_config config;
    int error;

    options_configure(chat->options, &config);
    error = toxtcp_connections_new(chat->env, toxtcp_ev_driver(chat->ev), &config, keys, &callbacks, chat,
                                   &chat->connections);
    if (error == TOXTCP_OK) {
        error = toxtcp_ev_attach_connections(chat->ev, chat->connections);
    }
    if (error == TOXTCP_OK) {
        /* Where the network cannot be watched, silence tells later that it has changed. */
        (void)toxtcp_ev_watch_network(chat->ev, chat->connections, true);
    }
    if (error != TOXTCP_OK) {
        return problem_set(problem, "%s", toxtcp_strerror(error));
    }
    for (size_t i = 0; i < chat->options->peer_count; i++) {
        if (start_peer(chat, &chat->options->peers[i], keys, problem) != 0 ||
            tie_relays(chat, &chat->peers[i], problem) != 0) {
            return -1;
        }
    }
    return 0;
}

/* A peer can be tied to so many relays; both sides should use the same ones, so it is the first ones that count. */
static void take_relays(struct chat *chat)
{
    const struct relay_list *list = &chat->options->relays;

    chat->relay_count = list->count < TOXTCP_PEER_RELAYS_MAX ? list->count : TOXTCP_PEER_RELAYS_MAX;
    for (size_t i = 0; i < chat->relay_count; i++) {
        chat->relays[i] = (struct chat_relay){
            .entry = &list->entries[i], .said = TOXTCP_RELAY_CONNECTING, .connected_at_ms = TOXTCP_NEVER};
    }
}

static int choose_way_out(struct chat *chat, struct problem *problem)
{
    const struct chat_options *options = chat->options;
    int error = toxtcp_ev_set_interface(chat->ev, options->interface);

    if (error != TOXTCP_OK) {
        return problem_set(problem, "--interface: %s", toxtcp_strerror(error));
    }
    if (options->has_source && udp_judge_source(&options->source, problem) != 0) {
        return -1;
    }
    error = toxtcp_ev_set_source(chat->ev, options->has_source ? &options->source : NULL);
    return error == TOXTCP_OK ? 0 : problem_set(problem, "--source: %s", toxtcp_strerror(error));
}

int chat_start(struct chat *chat, struct ev_loop *loop, struct toxtcp_env *env, struct toxtcp_ev *ev,
               const struct chat_options *options, const struct toxtcp_key_pair *keys, struct problem *problem)
{
    *chat = (struct chat){.options = options, .loop = loop, .env = env, .ev = ev};
    ev_timer_init(&chat->patience, patience_is_over, 0.0, 0.0);
    chat->patience.data = chat;
    chat->peers = calloc(options->peer_count, sizeof *chat->peers);
    chat->relays = calloc(TOXTCP_PEER_RELAYS_MAX, sizeof *chat->relays);
    chat->console = console_new(loop, &console_callbacks, chat);
    if (chat->peers == NULL || chat->relays == NULL || chat->console == NULL) {
        return problem_set(problem, "out of memory");
    }
    take_relays(chat);
    if (choose_way_out(chat, problem) != 0) {
        return -1;
    }
    if (ways_start(chat, problem) != 0) {
        return -1;
    }
    if (start_connections(chat, keys, problem) != 0) {
        return -1;
    }
    if (chat->relay_count < options->relays.count) {
        console_status(chat->console, "of the %zu relays the first %zu are used", options->relays.count,
                       chat->relay_count);
    }
    chat_set_target(chat, &chat->peers[0]);
    return 0;
}

void chat_free(struct chat *chat)
{
    if (chat->connections != NULL) {
        toxtcp_ev_detach_connections(chat->ev, chat->connections);
        toxtcp_connections_free(chat->connections);
    }
    for (size_t i = 0; i < chat->peer_count; i++) {
        ev_timer_stop(chat->loop, &chat->peers[i].timer);
        ev_timer_stop(chat->loop, &chat->peers[i].report);
        session_free(chat->peers[i].session);
    }
    ev_timer_stop(chat->loop, &chat->patience);
    ways_free(chat);
    console_free(chat->console);
    free(chat->peers);
    free(chat->relays);
}
