/* Lines that begin with a slash. SPDX-License-Identifier: ISC */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "../common/address_text.h"
#include "ways.h"

enum {
    ROUND_TRIP_SIZE = 32,
    TRUST_SIZE = 48,
    PATH_SIZE = 160,
    NAMES_SIZE = 200,
    PEERS_SHOWN_PER_RELAY = 4,
    RATE_SIZE = 32
};

static const char *relay_state_name(enum toxtcp_relay_state state)
{
    switch (state) {
    case TOXTCP_RELAY_CONNECTING:
        return "connecting";
    case TOXTCP_RELAY_CONNECTED:
        return "connected";
    case TOXTCP_RELAY_WAITING:
        return "waiting";
    case TOXTCP_RELAY_SLEEPING:
        return "sleeping";
    }
    return "unknown";
}

static const char *peer_state_name(enum toxtcp_peer_state state)
{
    switch (state) {
    case TOXTCP_PEER_OFFLINE:
        return "offline (no relay)";
    case TOXTCP_PEER_REGISTERED:
        return "offline";
    case TOXTCP_PEER_ONLINE:
        return "online";
    }
    return "unknown";
}

static void format_round_trip(uint32_t rtt_ms, char text[ROUND_TRIP_SIZE])
{
    if (rtt_ms == UINT32_MAX) {
        (void)snprintf(text, ROUND_TRIP_SIZE, "round trip not known");
    } else {
        (void)snprintf(text, ROUND_TRIP_SIZE, "round trip %lu ms", (unsigned long)rtt_ms);
    }
}

static bool is_primary(const struct chat_peer *peer, struct toxtcp_relay relay)
{
    struct toxtcp_peer_info info;

    if (toxtcp_peer_get_info(peer->chat->connections, peer->handle, &info) != TOXTCP_OK) {
        return false;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        const struct toxtcp_slot_info *slot = &info.slots[i];

        if (slot->primary && slot->relay.index == relay.index && slot->relay.generation == relay.generation) {
            return true;
        }
    }
    return false;
}

/* ", primary for NAME NAME", or nothing. */
static void format_primary(const struct chat *chat, struct toxtcp_relay relay, char text[NAMES_SIZE])
{
    size_t shown = 0;
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < chat->peer_count; i++) {
        if (!is_primary(&chat->peers[i], relay)) {
            continue;
        }
        if (shown++ == PEERS_SHOWN_PER_RELAY) {
            (void)snprintf(text + len, NAMES_SIZE - len, " ...");
            return;
        }
        len += (size_t)snprintf(text + len, NAMES_SIZE - len, "%s %s", shown == 1 ? ", primary for" : "",
                                chat->peers[i].option->name);
    }
}

/* ", silent, score 70", or what of it there is to say. */
static void format_trust(const struct toxtcp_relay_info *info, char text[TRUST_SIZE])
{
    text[0] = '\0';
    if (info->score < TOXTCP_SCORE_MAX) {
        (void)snprintf(text, TRUST_SIZE, "%s, score %u%s", info->silent ? ", silent" : "", (unsigned)info->score,
                       info->demoted ? " (used last)" : "");
    } else if (info->silent) {
        (void)snprintf(text, TRUST_SIZE, ", silent");
    }
}

/* Bytes per second, as people say it: "1.2 MB/s". */
static void format_rate(uint64_t rate, char text[RATE_SIZE])
{
    if (rate >= 1000000) {
        (void)snprintf(text, RATE_SIZE, "%.1f MB/s", (double)rate / 1e6);
    } else if (rate >= 1000) {
        (void)snprintf(text, RATE_SIZE, "%.1f kB/s", (double)rate / 1e3);
    } else {
        (void)snprintf(text, RATE_SIZE, "%u B/s", (unsigned)rate);
    }
}

/* What the system says: ", TCP 12.3 +- 0.4 ms, 3 sent again, 1.2 MB/s, fast open", or what of it there is to say. What
 * lies behind a proxy it does not see. */
static void format_path(const struct toxtcp_relay_info *info, bool proxied, char text[PATH_SIZE])
{
    const struct toxtcp_path *path = &info->path;
    char rate[RATE_SIZE];

    text[0] = '\0';
    if (info->path_known) {
        format_rate(path->delivery_rate, rate);
        (void)snprintf(text, PATH_SIZE, ", TCP%s %.1f +- %.1f ms, %lu sent again%s%s%s", proxied ? " to the proxy" : "",
                       path->rtt_us / 1e3, path->rtt_var_us / 1e3, (unsigned long)path->retransmits,
                       path->delivery_rate > 0 ? ", " : "", path->delivery_rate > 0 ? rate : "",
                       path->fast_open ? ", fast open" : "");
    }
}

static void list_relay(struct chat *chat, const struct chat_relay *relay)
{
    struct toxtcp_endpoint endpoint = relay_entry_endpoint(relay->entry);
    struct toxtcp_relay_info info;
    char address[ENDPOINT_TEXT_SIZE];
    char round_trip[ROUND_TRIP_SIZE];
    char primary[NAMES_SIZE];
    char trust[TRUST_SIZE];
    char path[PATH_SIZE];
    bool failed;

    endpoint_text_format(&endpoint, address);
    if (toxtcp_relay_get_info(chat->connections, relay->handle, &info) != TOXTCP_OK) {
        console_status(chat->console, "relay %s: not used", address);
        return;
    }
    failed = info.state != TOXTCP_RELAY_CONNECTED && info.last_error != 0;
    format_round_trip(info.rtt_ms, round_trip);
    format_primary(chat, relay->handle, primary);
    format_trust(&info, trust);
    format_path(&info, chat->options->has_proxy, path);
    console_status(chat->console, "relay %s: %s%s%s%s%s%s%s%s", address, relay_state_name(info.state),
                   info.state == TOXTCP_RELAY_CONNECTED ? ", " : "",
                   info.state == TOXTCP_RELAY_CONNECTED ? round_trip : "", path, trust, primary,
                   failed ? ", last error: " : "", failed ? toxtcp_strerror(info.last_error) : "");
}

void commands_list_relays(struct chat *chat)
{
    for (size_t i = 0; i < chat->relay_count; i++) {
        list_relay(chat, &chat->relays[i]);
    }
}

static void list_peer(struct chat *chat, const struct chat_peer *peer)
{
    struct toxtcp_peer_info info;
    struct session_info session;
    char key[TOXTCP_KEY_TEXT_SIZE];
    char round_trip[ROUND_TRIP_SIZE];
    char way[WAYS_TEXT_SIZE];

    if (toxtcp_peer_get_info(chat->connections, peer->handle, &info) != TOXTCP_OK) {
        return;
    }
    session_get_info(peer->session, &session);
    toxtcp_public_key_format(&peer->option->key, key);
    format_round_trip(session.rtt_ms, round_trip);
    if (path_way(&peer->path) != PATH_BY_RELAYS) {
        ways_format(peer, way);
        console_status(chat->console, "peer %s%s: online %s, %s, %lu to be delivered, %llu received, key %s",
                       peer->option->name, peer == chat->target ? " (target)" : "", way, round_trip,
                       (unsigned long)session.waiting, (unsigned long long)session.received, key);
        return;
    }
    console_status(chat->console, "peer %s%s: %s on %lu relays, %s, %lu to be delivered, %llu received, key %s",
                   peer->option->name, peer == chat->target ? " (target)" : "", peer_state_name(info.state),
                   (unsigned long)info.online_count, round_trip, (unsigned long)session.waiting,
                   (unsigned long long)session.received, key);
}

static void list_peers(struct chat *chat)
{
    for (size_t i = 0; i < chat->peer_count; i++) {
        list_peer(chat, &chat->peers[i]);
    }
}

/* Nobody watches a script's lines: its exit status must tell that one was no use. */
static void not_obeyed(struct chat *chat, const char *why)
{
    console_status(chat->console, "%s", why);
    if (!console_is_interactive(chat->console)) {
        chat->exit_status = EXIT_UNDELIVERED;
    }
}

static void set_target(struct chat *chat, const char *name, size_t len)
{
    for (size_t i = 0; i < chat->peer_count; i++) {
        const char *known = chat->peers[i].option->name;

        if (strlen(known) == len && memcmp(known, name, len) == 0) {
            chat_set_target(chat, &chat->peers[i]);
            return;
        }
    }
    not_obeyed(chat, "there is no peer of that name; /peers lists them");
}

static const char *const mode_names[] = {[PATH_AUTO] = "auto", [PATH_TCP] = "tcp", [PATH_UDP] = "udp"};

static const char *why_no_udp(const struct chat *chat)
{
    return chat->options->has_proxy ? "tcp (--proxy)" : "tcp (--no-udp)";
}

static void show_path(struct chat *chat)
{
    char text[WAYS_TEXT_SIZE];

    console_status(chat->console, "path %s", chat->udp == NULL ? why_no_udp(chat) : mode_names[chat->mode]);
    for (size_t i = 0; i < chat->peer_count; i++) {
        const struct chat_peer *peer = &chat->peers[i];

        ways_format(peer, text);
        console_status(chat->console, "%s: %s%s", peer->option->name, text,
                       peer->relays_sleep ? "; its relays may sleep" : "");
    }
}

static void set_path(struct chat *chat, const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
        if (strlen(mode_names[i]) != len || memcmp(mode_names[i], name, len) != 0) {
            continue;
        }
        if (!ways_set_mode(chat, (enum path_mode)i)) {
            not_obeyed(chat, chat->options->has_proxy ? "there is no UDP: the program was started with --proxy"
                                                      : "there is no UDP: the program was started with --no-udp");
        }
        return;
    }
    not_obeyed(chat, "a path is tcp, udp or auto");
}

/* Nobody loses a message by leaving too early without having been told. */
static void quit(struct chat *chat)
{
    uint32_t waiting = chat_waiting(chat);

    if (!console_is_interactive(chat->console)) {
        chat_input_over(chat);
    } else if (waiting > 0 && !chat->warned_of_loss) {
        chat->warned_of_loss = true;
        console_status(chat->console, "%lu messages are not delivered yet; /quit again leaves without them",
                       (unsigned long)waiting);
    } else {
        chat_stop(chat);
    }
}

static void help(struct chat *chat)
{
    console_status(chat->console, "a line is a message to the target; commands are:");
    console_status(chat->console, "/to NAME   lines go to that peer from now on");
    console_status(chat->console, "/peers     who is there, and what is not delivered");
    console_status(chat->console, "/relays    the relays, and which one carries the messages");
    console_status(chat->console, "/path      which way messages go; /path tcp, udp or auto chooses");
    console_status(chat->console, "/quit      leave");
    console_status(chat->console, "//TEXT     a message that begins with /");
}

static bool is_word(const char *line, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(line, word, len) == 0;
}

void commands_run(struct chat *chat, const char *line, size_t len)
{
    const char *blank = memchr(line, ' ', len);
    size_t word_len = blank == NULL ? len : (size_t)(blank - line);
    const char *rest = line + word_len;

    while (rest < line + len && *rest == ' ') {
        rest++;
    }
    while (len > word_len && line[len - 1] == ' ') {
        len--;
    }
    if (is_word(line, word_len, "/to")) {
        set_target(chat, rest, rest < line + len ? (size_t)(line + len - rest) : 0);
    } else if (is_word(line, word_len, "/peers")) {
        list_peers(chat);
    } else if (is_word(line, word_len, "/relays")) {
        commands_list_relays(chat);
    } else if (is_word(line, word_len, "/path") && rest >= line + len) {
        show_path(chat);
    } else if (is_word(line, word_len, "/path")) {
        set_path(chat, rest, (size_t)(line + len - rest));
    } else if (is_word(line, word_len, "/quit")) {
        quit(chat);
    } else if (is_word(line, word_len, "/help")) {
        help(chat);
    } else {
        not_obeyed(chat, "this is no command, and was not sent; /help lists them, and // sends a /");
    }
}
