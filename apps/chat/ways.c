/* The ways to a peer, relays and UDP, and what goes which way. SPDX-License-Identifier: ISC */
#include "ways.h"

#include <stdio.h>
#include <string.h>

enum {
    UNKNOWN_SENDERS = 64,
    UNKNOWN_SENDER_EVERY_MS = 20,
    WAKE_MS = 2000,
    OUTSIDE_EVERY_MS = 60000 /* a peer has us tell the others of another address that often, at most */
};

/* No handle of a relay is this. */
static const struct session_way by_udp = {.index = UINT32_MAX, .generation = UINT32_MAX};

static uint64_t now(const struct chat_peer *peer)
{
    return toxtcp_ev_now(peer->chat->ev);
}

static bool relays_carry(const struct chat_peer *peer)
{
    return peer->state == TOXTCP_PEER_ONLINE;
}

bool ways_is_there(const struct chat_peer *peer)
{
    return relays_carry(peer) || peer->path.state != PATH_ON_RELAYS;
}

/* --- What goes out --- */

static void note_way(struct session_way *way, struct toxtcp_relay relay)
{
    if (way != NULL) {
        *way = (struct session_way){.index = relay.index, .generation = relay.generation};
    }
}

/* OOB through every relay that is not the primary one. Returns whether any took it. */
static bool send_round_about(struct chat_peer *peer, const uint8_t *packet, size_t len, struct session_way *way)
{
    struct toxtcp_connections *connections = peer->chat->connections;
    struct toxtcp_peer_info info;
    bool taken = false;

    if (toxtcp_peer_get_info(connections, peer->handle, &info) != TOXTCP_OK || info.state != TOXTCP_PEER_ONLINE) {
        return false;
    }
    for (uint32_t i = 0; i < info.slot_count; i++) {
        struct toxtcp_relay relay = info.slots[i].relay;

        if (!info.slots[i].primary &&
            toxtcp_relay_send_oob(connections, relay, &peer->option->key, packet, len) == TOXTCP_OK) {
            note_way(way, relay);
            taken = true;
        }
    }
    return taken;
}

static int send_by_relays(struct chat_peer *peer, const uint8_t *packet, size_t len, bool every_way,
                          struct session_way *way)
{
    struct toxtcp_connections *connections = peer->chat->connections;
    int error = toxtcp_peer_send(connections, peer->handle, packet, len);
    struct toxtcp_relay relay;

    if (error == TOXTCP_OK && way != NULL && toxtcp_peer_last_relay(connections, peer->handle, &relay) == TOXTCP_OK) {
        note_way(way, relay);
    }
    /* What went straight before and is sent again goes round about: if it arrives now, that is why. */
    if (every_way && send_round_about(peer, packet, len, way)) {
        return TOXTCP_OK;
    }
    return error;
}

int ways_transmit(void *user, const uint8_t *packet, size_t len, bool every_way, struct session_way *way)
{
    struct chat_peer *peer = user;
    const struct toxtcp_address *address = path_address(&peer->path);
    enum path_way by = path_way(&peer->path);
    int error;

    if (by != PATH_BY_RELAYS && address != NULL) {
        udp_send(peer->chat->udp, address, packet, len);
        path_traffic(&peer->path, every_way, now(peer));
        if (every_way && way != NULL) {
            path_missed(&peer->path, now(peer));
        }
        if (by == PATH_BY_UDP && !every_way) {
            if (way != NULL) {
                *way = by_udp;
            }
            return TOXTCP_OK;
        }
    }
    error = send_by_relays(peer, packet, len, every_way, way);
    if (by == PATH_BY_RELAYS) {
        return error;
    }
    if (way != NULL) {
        *way = error == TOXTCP_OK ? (struct session_way){.index = 0} : by_udp;
    }
    return TOXTCP_OK;
}

void ways_reported(void *user, struct session_way way, bool arrived, uint32_t count)
{
    struct chat_peer *peer = user;
    struct toxtcp_relay relay = {.index = way.index, .generation = way.generation};

    if (arrived && (way.generation == 0 || way.generation == by_udp.generation)) {
        path_arrived(&peer->path);
    }
    if (way.generation == 0 || way.generation == by_udp.generation) {
        return;
    }
    if (arrived) {
        (void)toxtcp_peer_report_delivered(peer->chat->connections, peer->handle, relay, count);
    } else {
        (void)toxtcp_peer_report_lost(peer->chat->connections, peer->handle, relay, count);
    }
}

static void send_probe_packet(struct chat_peer *peer, const struct toxtcp_address *to, struct session_probe probe)
{
    uint8_t packet[SESSION_PACKET_MAX];
    size_t len;

    probe.flags = (uint8_t)(probe.flags | (path_carries(&peer->path) ? SESSION_PROBE_CARRIES : 0));
    probe.seen = *to;
    len = session_make_probe(peer->session, &probe, packet);
    if (len > 0) {
        udp_send(peer->chat->udp, to, packet, len);
    }
}

/* --- What the policy asks for --- */

static void send_probe(void *user, const struct toxtcp_address *to, uint64_t challenge, uint64_t response)
{
    send_probe_packet(user, to, (struct session_probe){.challenge = challenge, .response = response});
}

static void announce(void *user)
{
    struct chat_peer *peer = user;
    struct toxtcp_address addresses[SESSION_ADDRESSES_MAX];
    uint8_t packet[SESSION_PACKET_MAX];
    size_t len = session_make_addresses(peer->session, addresses, udp_addresses(peer->chat->udp, addresses), packet);

    if (len > 0) {
        (void)send_by_relays(peer, packet, len, true, NULL);
    }
}

/* It may be inside the session now: what follows is done when it has returned. */
static void path_changed(void *user)
{
    struct chat_peer *peer = user;

    peer->path_news = true;
}

static const struct path_callbacks path_callbacks = {
    .probe = send_probe, .announce = announce, .changed = path_changed};

/* --- What follows --- */

static void set_sleep(struct chat_peer *peer)
{
    if (peer->relays_sleep == path_may_sleep(&peer->path)) {
        return;
    }
    peer->relays_sleep = path_may_sleep(&peer->path);
    if (peer->relays_sleep) {
        (void)toxtcp_peer_sleep(peer->chat->connections, peer->handle);
    } else {
        peer->woken_ms = now(peer);
        (void)toxtcp_peer_wake(peer->chat->connections, peer->handle);
    }
}

void ways_format(const struct chat_peer *peer, char text[WAYS_TEXT_SIZE])
{
    const char *how = path_way(&peer->path) == PATH_BY_UDP ? "by UDP" : "by UDP and relays";

    if (path_way(&peer->path) == PATH_BY_RELAYS) {
        (void)snprintf(text, WAYS_TEXT_SIZE, "by relays");
    } else {
        (void)snprintf(text, WAYS_TEXT_SIZE, "%s (%lu ms)", how, (unsigned long)path_rtt(&peer->path));
    }
}

/* A doubt that is over soon is not worth a line. */
static void say_way(struct chat_peer *peer)
{
    bool carries = path_carries(&peer->path);
    char text[WAYS_TEXT_SIZE];

    if (peer->path.state == PATH_IN_DOUBT || carries == peer->said_udp) {
        return;
    }
    peer->said_udp = carries;
    ways_format(peer, text);
    console_status(peer->chat->console, "%s: %s", peer->option->name, text);
}

/* Relays that were just woken have some time to find the peer. */
static void say_presence(struct chat_peer *peer)
{
    bool is_there = ways_is_there(peer);

    peer->absent_at_ms = TOXTCP_NEVER;
    if (peer->said_online == is_there) {
        return;
    }
    if (!is_there && peer->woken_ms != TOXTCP_NEVER && now(peer) - peer->woken_ms < WAKE_MS) {
        peer->absent_at_ms = peer->woken_ms + WAKE_MS;
        return;
    }
    peer->said_online = is_there;
    console_status(peer->chat->console, "%s is %s", peer->option->name, is_there ? "online" : "offline");
}

void ways_settle(struct chat_peer *peer)
{
    while (peer->path_news) {
        enum path_way was = peer->way;

        peer->path_news = false;
        set_sleep(peer);
        peer->way = path_way(&peer->path);
        if (was == PATH_BY_UDP && peer->way != was) {
            session_path_changed(peer->session, now(peer));
        } else if (peer->way != was) {
            session_can_send(peer->session, now(peer));
        }
        say_way(peer);
    }
    say_presence(peer);
}

/* --- What comes in --- */

void ways_paired(void *user)
{
    struct chat_peer *peer = user;

    if (peer->chat->udp != NULL) {
        path_paired(&peer->path, now(peer));
    }
}

void ways_addresses(void *user, const struct toxtcp_address *addresses, size_t count)
{
    struct chat_peer *peer = user;
    struct toxtcp_address reached[SESSION_ADDRESSES_MAX];
    size_t reached_count = 0;

    if (peer->chat->udp == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (udp_reaches(peer->chat->udp, &addresses[i])) {
            reached[reached_count++] = addresses[i];
        }
    }
    path_candidates(&peer->path, reached, reached_count, now(peer));
}

/* Other peers may reach us there too; or this one lies, and they shall not be kept busy with it. */
static void take_outside_address(struct chat_peer *peer, const struct toxtcp_address *seen)
{
    struct chat *chat = peer->chat;
    bool too_soon = peer->outside_ms != TOXTCP_NEVER && now(peer) - peer->outside_ms < OUTSIDE_EVERY_MS;

    if (seen->family == TOXTCP_FAMILY_NONE || too_soon || !udp_seen_at(chat->udp, peer, seen)) {
        return;
    }
    peer->outside_ms = now(peer);
    for (size_t i = 0; i < chat->peer_count; i++) {
        if (&chat->peers[i] != peer) {
            path_network_changed(&chat->peers[i].path, now(peer));
            chat_settle(&chat->peers[i]);
        }
    }
}

void ways_probed(void *user, const struct session_probe *probe)
{
    struct chat_peer *peer = user;

    /* By relays somebody plays it again. */
    if (peer->heard_from == NULL) {
        return;
    }
    peer->heard_probe = true;
    if (path_probed(&peer->path, peer->heard_from, probe, now(peer))) {
        take_outside_address(peer, &probe->seen);
    }
}

/* Returns whether it was the peer's. */
static bool hear(struct chat_peer *peer, const struct toxtcp_address *from, const uint8_t *packet, size_t len)
{
    bool is_the_peers;

    peer->heard_from = from;
    peer->heard_probe = false;
    is_the_peers = session_receive(peer->session, packet, len, now(peer));
    peer->heard_from = NULL;
    if (is_the_peers && !peer->heard_probe) {
        path_heard(&peer->path, from, now(peer));
        path_traffic(&peer->path, false, now(peer));
    }
    chat_settle(peer);
    return is_the_peers;
}

/* A datagram does not say whose it is: its sender's address does, or else a try with every peer's key. */
static void datagram(void *user, const struct toxtcp_address *from, const uint8_t *packet, size_t len)
{
    struct chat *chat = user;
    uint64_t now_ms = toxtcp_ev_now(chat->ev);

    for (size_t i = 0; i < chat->peer_count; i++) {
        if (path_knows(&chat->peers[i].path, from) && hear(&chat->peers[i], from, packet, len)) {
            return;
        }
    }
    for (size_t i = 0; i < chat->peer_count && allowance_take(&chat->unknown_senders, now_ms); i++) {
        if (!path_knows(&chat->peers[i].path, from) && hear(&chat->peers[i], from, packet, len)) {
            return;
        }
    }
}

/* --- News of relays --- */

void ways_relays_changed(struct chat_peer *peer, enum toxtcp_peer_state state)
{
    peer->state = state;
    if (peer->chat->udp != NULL) {
        path_relays_online(&peer->path, relays_carry(peer), now(peer));
    }
    if (state != TOXTCP_PEER_OFFLINE && path_way(&peer->path) != PATH_BY_UDP) {
        session_path_changed(peer->session, now(peer));
    }
}

void ways_relay_broke(struct chat_peer *peer, bool was_connected)
{
    if (peer->chat->udp != NULL && was_connected) {
        path_network_changed(&peer->path, now(peer));
    }
    if (relays_carry(peer) && path_way(&peer->path) != PATH_BY_UDP) {
        session_path_changed(peer->session, now(peer));
    }
}

/* --- Time, and the user's wish --- */

uint64_t ways_deadline(const struct chat_peer *peer)
{
    uint64_t deadline = peer->chat->udp == NULL ? TOXTCP_NEVER : path_deadline(&peer->path);

    return deadline < peer->absent_at_ms ? deadline : peer->absent_at_ms;
}

void ways_expire(struct chat_peer *peer)
{
    if (peer->chat->udp != NULL) {
        path_expire(&peer->path, now(peer));
    }
}

bool ways_set_mode(struct chat *chat, enum path_mode mode)
{
    if (chat->udp == NULL) {
        return mode == PATH_TCP;
    }
    for (size_t i = 0; i < chat->peer_count; i++) {
        path_set_mode(&chat->peers[i].path, mode, now(&chat->peers[i]));
        chat_settle(&chat->peers[i]);
    }
    chat->mode = mode;
    return true;
}

/* --- Beginning and end --- */

static bool is_loopback_relay(const struct relay_entry *entry)
{
    static const uint8_t one[16] = {[15] = 1};

    if (entry->host[0] != '\0') {
        return strcmp(entry->host, "localhost") == 0;
    }
    return entry->address.family == TOXTCP_FAMILY_IPV4 ? entry->address.ip[0] == 127
                                                       : memcmp(entry->address.ip, one, sizeof one) == 0;
}

/* Where a relay is on this machine, peers may be too. */
static bool has_loopback_relay(const struct chat *chat)
{
    for (size_t i = 0; i < chat->relay_count; i++) {
        if (is_loopback_relay(chat->relays[i].entry)) {
            return true;
        }
    }
    return false;
}

int ways_start(struct chat *chat, struct problem *problem)
{
    const struct chat_options *options = chat->options;
    struct udp_options udp = {.port = (uint16_t)options->udp_port,
                              .announce = options->udp_announce,
                              .announce_count = options->udp_announce_count,
                              .interface = options->interface,
                              .source = options->has_source ? &options->source : NULL,
                              .loopback = has_loopback_relay(chat)};

    chat->unknown_senders = allowance_of(UNKNOWN_SENDERS, UNKNOWN_SENDER_EVERY_MS);
    if (options->no_udp) {
        return 0;
    }
    return udp_new(chat->loop, &udp, datagram, chat, &chat->udp, problem);
}

void ways_start_peer(struct chat_peer *peer)
{
    path_init(&peer->path, &path_callbacks, peer);
    peer->woken_ms = peer->absent_at_ms = peer->outside_ms = TOXTCP_NEVER;
}

void ways_leave(struct chat *chat)
{
    for (size_t i = 0; i < chat->peer_count; i++) {
        struct chat_peer *peer = &chat->peers[i];

        if (chat->udp != NULL && path_address(&peer->path) != NULL) {
            struct toxtcp_address to = *path_address(&peer->path);

            path_set_mode(&peer->path, PATH_TCP, now(peer));
            send_probe_packet(peer, &to, (struct session_probe){.flags = SESSION_PROBE_LEAVES});
        }
    }
}

void ways_free(struct chat *chat)
{
    udp_free(chat->udp);
    chat->udp = NULL;
}
