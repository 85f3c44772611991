/* A client, its relay played by the test, and what both say as text. SPDX-License-Identifier: ISC */
#include "support/client_bed.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const uint8_t payload[TOXTCP_DATA_MAX] = "payload";

struct toxtcp_public_key client_bed_key(char peer)
{
    struct toxtcp_public_key key;

    memset(key.bytes, peer, sizeof key.bytes);
    return key;
}

__attribute__((format(printf, 2, 3))) static void write_text(char *text, const char *format, ...)
{
    const size_t len = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    const int written = vsnprintf(text + len, CLIENT_BED_TEXT_MAX - len, format, arguments);
    va_end(arguments);
    net_require(written >= 0 && len + (size_t)written < CLIENT_BED_TEXT_MAX, "too much text");
}

static const char *space_after(const char *text)
{
    return text[0] ? " " : "";
}

/* --- The application --- */

static void happened(struct client_bed *bed)
{
    bed->callbacks++;
    if (bed->callbacks == bed->act_at) {
        bed->act(bed);
    }
}

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct client_bed *bed = user;

    net_require(client == bed->client, "another client");
    write_text(bed->events, "%sconnected", space_after(bed->events));
    happened(bed);
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct client_bed *bed = user;

    net_require(client == bed->client, "another client");
    net_require(bed->relay.link == NULL, "closed before the driver knows");
    write_text(bed->events, "%sclosed:%d", space_after(bed->events), error);
    happened(bed);
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    static const char *const names[] = {"WAITING", "REFUSED", "REGISTERED", "ONLINE"};
    struct client_bed *bed = user;
    const struct toxtcp_route *known = route_user;

    net_require(client == bed->client, "another client");
    net_require(memcmp(&route, known, sizeof route) == 0, "another handle");
    net_require(toxtcp_client_route_status(client, route) == (int)status, "another status");
    write_text(bed->events, "%s%c=%s", space_after(bed->events), (char)(known - bed->routes), names[status]);
    happened(bed);
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct client_bed *bed = user;
    const struct toxtcp_route *known = route_user;

    net_require(client == bed->client && memcmp(&route, known, sizeof route) == 0, "another handle");
    net_require(len > 0 && memcmp(data, payload, len) == 0, "other bytes");
    write_text(bed->events, "%sdata:%c:%zu", space_after(bed->events), (char)(known - bed->routes), len);
    happened(bed);
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    struct client_bed *bed = user;

    net_require(client == bed->client && len > 0 && memcmp(data, payload, len) == 0, "other bytes");
    write_text(bed->events, "%soob:%c:%zu", space_after(bed->events), sender->bytes[31], len);
    happened(bed);
}

static void on_onion_response(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len)
{
    struct client_bed *bed = user;

    net_require(client == bed->client && len > 0 && memcmp(data, payload, len) == 0, "other bytes");
    write_text(bed->events, "%sonion:%zu", space_after(bed->events), len);
    happened(bed);
}

static void on_forwarded(void *user, struct toxtcp_client *client, const uint8_t *data, size_t len)
{
    struct client_bed *bed = user;

    net_require(client == bed->client && len > 0 && memcmp(data, payload, len) == 0, "other bytes");
    write_text(bed->events, "%sforwarded:%zu", space_after(bed->events), len);
    happened(bed);
}

static void on_can_send(void *user, struct toxtcp_client *client)
{
    struct client_bed *bed = user;

    net_require(client == bed->client, "another client");
    write_text(bed->events, "%scan_send", space_after(bed->events));
    happened(bed);
}

static void on_deadline_changed(void *user, struct toxtcp_client *client)
{
    struct client_bed *bed = user;

    bed->armed_ms = toxtcp_client_deadline(client);
}

static void on_measured(void *user, struct toxtcp_client *client)
{
    struct client_bed *bed = user;

    net_require(client == bed->client, "another client");
    happened(bed);
}

static void on_silent(void *user, struct toxtcp_client *client, bool silent)
{
    struct client_bed *bed = user;
    struct toxtcp_client_info info;

    net_require(client == bed->client, "another client");
    toxtcp_client_get_info(client, &info);
    net_require(info.silent == silent, "the callback and the figures differ");
    bed->silences += silent;
    happened(bed);
}

static const struct toxtcp_client_callbacks callbacks = {
    .connected = on_connected,
    .closed = on_closed,
    .route_status = on_route_status,
    .data = on_data,
    .oob = on_oob,
    .onion_response = on_onion_response,
    .forwarded = on_forwarded,
    .can_send = on_can_send,
    .measured = on_measured,
    .silent = on_silent,
    .deadline_changed = on_deadline_changed,
};

void client_bed_check(struct client_bed *bed)
{
    if (bed->client) {
        toxtcp_client_check(bed->client);
        net_require(bed->armed_ms <= toxtcp_client_deadline(bed->client), "the timer would come too late");
    }
}

/* After a call that is not a link's, who keeps a timer looks again. */
static int looked_again(struct client_bed *bed, int result)
{
    if (bed->client) {
        bed->armed_ms = toxtcp_client_deadline(bed->client);
    }
    client_bed_check(bed);
    return result;
}

const char *client_bed_events(struct client_bed *bed)
{
    static char text[CLIENT_BED_TEXT_MAX];

    memcpy(text, bed->events, sizeof text);
    bed->events[0] = '\0';
    return text;
}

int client_bed_add(struct client_bed *bed, char peer)
{
    const struct toxtcp_public_key key = client_bed_key(peer);
    struct toxtcp_route *route = &bed->routes[(size_t)peer];

    return looked_again(bed, toxtcp_client_route_add(bed->client, &key, route, route));
}

int client_bed_remove(struct client_bed *bed, char peer)
{
    return looked_again(bed, toxtcp_client_route_remove(bed->client, bed->routes[(size_t)peer]));
}

int client_bed_send(struct client_bed *bed, char peer, size_t len)
{
    return looked_again(bed, toxtcp_client_send(bed->client, bed->routes[(size_t)peer], payload, len));
}

int client_bed_oob(struct client_bed *bed, char peer, size_t len)
{
    const struct toxtcp_public_key key = client_bed_key(peer);

    return looked_again(bed, toxtcp_client_send_oob(bed->client, &key, payload, len));
}

int client_bed_status(struct client_bed *bed, char peer)
{
    return toxtcp_client_route_status(bed->client, bed->routes[(size_t)peer]);
}

/* --- What the relay hears --- */

static void write_packet(struct client_bed *bed, const struct raw_relay_packet *heard)
{
    struct packet packet;
    char *text = bed->heard;
    const char *space = space_after(text);

    if (packet_decode(heard->plain, heard->len, PACKET_FROM_CLIENT, &packet) != 0) {
        write_text(text, "%sWRONG:%d:%zu", space, heard->plain[0], heard->len);
        return;
    }
    switch (packet.kind) {
    case WIRE_ROUTING_REQUEST:
        write_text(text, "%sask:%c", space, packet.key.bytes[31]);
        break;
    case WIRE_DISCONNECT:
        write_text(text, "%sbye:%d", space, packet.id);
        break;
    case WIRE_PING:
        memcpy(bed->ping_id, packet.ping_id, sizeof bed->ping_id);
        write_text(text, "%sping", space);
        break;
    case WIRE_PONG:
        write_text(text, "%spong:%c", space, packet.ping_id[7]);
        break;
    case WIRE_OOB_SEND:
        write_text(text, "%soob:%c:%zu", space, packet.key.bytes[31], packet.data_len);
        break;
    case WIRE_ONION_REQUEST:
        write_text(text, "%sonion:%zu", space, packet.data_len);
        break;
    case WIRE_FORWARD_REQUEST:
        write_text(text, "%sforward:%zu", space, packet.data_len);
        break;
    default:
        write_text(text, "%sdata:%d:%zu", space, packet.id, packet.data_len);
        break;
    }
}

/* What has come and was not yet written down. */
static void write_packets(struct client_bed *bed)
{
    struct raw_relay_packet packet;

    while (raw_relay_take(&bed->relay, &packet)) {
        write_packet(bed, &packet);
    }
}

const char *client_bed_heard(struct client_bed *bed)
{
    static char text[CLIENT_BED_TEXT_MAX];

    raw_relay_read(&bed->relay, SIZE_MAX);
    write_packets(bed);
    client_bed_check(bed);
    memcpy(text, bed->heard, sizeof text);
    bed->heard[0] = '\0';
    return text;
}

/* --- What the relay says --- */

void client_bed_queue(struct client_bed *bed, enum wire_kind kind, char peer, uint8_t id, size_t len)
{
    struct packet packet = {.kind = kind, .id = id, .key = client_bed_key(peer), .data = payload, .data_len = len};

    memset(packet.ping_id, peer, sizeof packet.ping_id);
    raw_relay_send(&bed->relay, &packet);
}

static void say(struct client_bed *bed, enum wire_kind kind, char peer, uint8_t id, size_t len)
{
    client_bed_queue(bed, kind, peer, id, len);
    (void)raw_relay_flush(&bed->relay);
    client_bed_check(bed);
}

void client_bed_respond(struct client_bed *bed, char peer, uint8_t id)
{
    say(bed, WIRE_ROUTING_RESPONSE, peer, id, 0);
}

void client_bed_notify(struct client_bed *bed, enum wire_kind kind, uint8_t id)
{
    say(bed, kind, 0, id, 0);
}

void client_bed_ping(struct client_bed *bed, char name)
{
    say(bed, WIRE_PING, name, 0, 0);
}

void client_bed_pong(struct client_bed *bed)
{
    struct packet packet = {.kind = WIRE_PONG};

    memcpy(packet.ping_id, bed->ping_id, sizeof packet.ping_id);
    raw_relay_send(&bed->relay, &packet);
    (void)raw_relay_flush(&bed->relay);
    client_bed_check(bed);
}

void client_bed_data(struct client_bed *bed, uint8_t id, size_t len)
{
    say(bed, WIRE_DATA, 0, id, len);
}

/* --- Life --- */

void client_bed_init(struct client_bed *bed, uint64_t seed)
{
    memset(bed, 0, sizeof *bed);
    net_env_init(&bed->env, seed);
    raw_relay_init(&bed->relay, seed + 1);
    toxtcp_key_pair_generate(bed->env.env, &bed->keys);
}

void client_bed_finish(struct client_bed *bed)
{
    client_bed_free(bed);
    raw_relay_finish(&bed->relay);
    net_env_finish(&bed->env);
}

int client_bed_new(struct client_bed *bed, const struct toxtcp_client_config *config)
{
    const int error = toxtcp_client_new(bed->env.env, &bed->relay.driver, config, &bed->keys,
                                        &bed->relay.keys.public_key, &callbacks, bed, bed->relay.now_ms, &bed->client);

    if (!error) {
        raw_relay_dial(&bed->relay, toxtcp_client_link(bed->client));
    }
    return looked_again(bed, error);
}

void client_bed_free(struct client_bed *bed)
{
    struct toxtcp_client *client = bed->client;

    bed->client = NULL;
    toxtcp_client_free(client);
}

void client_bed_connect(struct client_bed *bed)
{
    raw_relay_connect(&bed->relay);
    client_bed_check(bed);
    raw_relay_read(&bed->relay, SIZE_MAX);
    client_bed_check(bed);
}

void client_bed_open(struct client_bed *bed, const struct toxtcp_client_config *config)
{
    net_require(client_bed_new(bed, config) == 0, "no client");
    client_bed_connect(bed);
    net_require(bed->relay.opened, "the request does not open");
    (void)raw_relay_flush(&bed->relay);
    client_bed_check(bed);
}

void client_bed_online(struct client_bed *bed, char peer, uint8_t id)
{
    net_require(client_bed_add(bed, peer) == 0, "no route");
    client_bed_respond(bed, peer, id);
    client_bed_notify(bed, WIRE_CONNECT, id);
    net_require(client_bed_status(bed, peer) == TOXTCP_ROUTE_ONLINE, "not online");
    (void)client_bed_events(bed);
    (void)client_bed_heard(bed);
}

static void expire(struct client_bed *bed)
{
    if (bed->client) {
        toxtcp_client_expire(bed->client, bed->relay.now_ms);
    }
    (void)looked_again(bed, 0);
}

void client_bed_pass(struct client_bed *bed, uint64_t ms)
{
    const uint64_t end = bed->relay.now_ms + ms;
    uint32_t turns = 0;

    while (bed->client && toxtcp_client_deadline(bed->client) <= end) {
        const uint64_t deadline = toxtcp_client_deadline(bed->client);
        bed->relay.now_ms = deadline > bed->relay.now_ms ? deadline : bed->relay.now_ms;
        expire(bed);
        turns++;
        net_require(turns < 10000, "a deadline that never passes");
    }
    bed->relay.now_ms = end;
}

void client_bed_sleep(struct client_bed *bed, uint64_t ms)
{
    bed->relay.now_ms += ms;
    expire(bed);
}
