/* Two ends of a chat, and a network between them that misbehaves. SPDX-License-Identifier: ISC */
#include "check_chat_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

struct chat_world world;

uint32_t world_dice(uint32_t bound)
{
    world.seed = world.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(world.seed >> 33) % bound;
}

static void fly(const uint8_t *bytes, size_t len, int from, int to, uint64_t delay_ms)
{
    struct packet *packet = &world.flying[world.flying_count];

    ck_assert_uint_lt(world.flying_count, FLYING_MAX);
    memcpy(packet->bytes, bytes, len);
    packet->len = len;
    packet->at_ms = world.now_ms + delay_ms;
    packet->to = to;
    packet->from = from;
    packet->by_udp = false;
    world.flying_count++;
}

static int peer_of(const struct end *end)
{
    return end->index == 1 ? 0 : 1;
}

static void fly_to_peer(const struct end *end, const uint8_t *bytes, size_t len)
{
    uint64_t delay_ms = world.delay_ms + (world.jitter_ms == 0 ? 0 : world_dice(world.jitter_ms));

    fly(bytes, len, end->index, peer_of(end), delay_ms);
    if (end->index == 1 && world.ends[TWIN].session != NULL) {
        fly(bytes, len, end->index, TWIN, delay_ms);
    }
}

static int transmit_by_relays(struct end *end, const uint8_t *bytes, size_t len, bool every_way)
{
    if (world.has_udp && !end->ways.relays_online) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    end->sent_count++;
    end->ways.by_relays++;
    end->every_way_count += every_way ? 1 : 0;
    if (world.record_count < RECORD_MAX) {
        memcpy(world.record[world.record_count].bytes, bytes, len);
        world.record[world.record_count].len = len;
        world.record[world.record_count].to = peer_of(end);
    }
    world.record_count++;
    if ((world.record_count > world.drop_from && world.record_count <= world.drop_to) || (world.frozen && !every_way) ||
        world_dice(100) < world.loss_percent) {
        return TOXTCP_OK;
    }
    fly_to_peer(end, bytes, len);
    if (world_dice(100) < world.double_percent) {
        fly_to_peer(end, bytes, len);
    }
    return TOXTCP_OK;
}

static void transmit_by_udp(struct end *end, const uint8_t *bytes, size_t len)
{
    bool fits = world.udp_size_max == 0 || len <= world.udp_size_max;

    end->ways.by_udp++;
    if (fits && !world.udp_cut && !world.udp_cut_from[end->index] && world_dice(100) >= world.udp_loss_percent) {
        fly(bytes, len, end->index, peer_of(end),
            DELAY_MS / 4 + (world.udp_jitter_ms == 0 ? 0 : world_dice(world.udp_jitter_ms)));
        world.flying[world.flying_count - 1].by_udp = true;
    }
}

static int transmit(void *user, const uint8_t *bytes, size_t len, bool every_way, struct session_way *way)
{
    struct end *end = user;
    enum path_way by = path_way(&end->ways.path);
    int error = TOXTCP_ERR_NOT_CONNECTED;

    ck_assert_uint_le(len, SESSION_PACKET_MAX);
    ck_assert_uint_ge(len, 3);
    ck_assert_uint_eq(bytes[0], 0x1b);
    if (end->refusal != 0) {
        return end->refusal;
    }
    if (by != PATH_BY_RELAYS) {
        transmit_by_udp(end, bytes, len);
        path_traffic(&end->ways.path, every_way, world.now_ms);
        if (every_way && way != NULL) {
            path_missed(&end->ways.path, world.now_ms);
        }
    }
    if (by != PATH_BY_UDP || every_way) {
        error = transmit_by_relays(end, bytes, len, every_way);
    }
    if (way != NULL && by == PATH_BY_RELAYS) {
        way->generation = every_way ? EVERY_WAY : BEST_WAY;
        way->index = world.relay;
    } else if (way != NULL) {
        way->generation = error == TOXTCP_OK ? SEVERAL_WAYS : UDP_WAY;
    }
    return by == PATH_BY_RELAYS ? error : TOXTCP_OK;
}

static bool listens(void *user)
{
    return !((const struct end *)user)->deaf;
}

static void show(void *user, const uint8_t *text, size_t len)
{
    struct end *end = user;

    ck_assert_uint_lt(end->shown_count, SHOWN_MAX);
    end->shown[end->shown_count] = malloc(len + 1);
    memcpy(end->shown[end->shown_count], text, len);
    end->shown[end->shown_count][len] = '\0';
    end->shown_len[end->shown_count++] = len;
}

static void delivered(void *user, uint64_t number, uint64_t took_ms)
{
    struct end *end = user;

    ck_assert_uint_eq(number, end->delivered + 1);
    ck_assert_uint_le(took_ms, world.now_ms);
    end->delivered = number;
}

static void reported(void *user, struct session_way way, bool arrived, uint32_t count)
{
    struct end *end = user;

    ck_assert_uint_le(way.index, world.relay);
    ck_assert_uint_lt(way.generation, WAY_COUNT);
    *(arrived ? &end->arrived[way.generation] : &end->lost[way.generation]) += count;
    if (arrived && (way.generation == SEVERAL_WAYS || way.generation == UDP_WAY)) {
        path_arrived(&end->ways.path);
    }
}

/* --- Two ways --- */

static struct toxtcp_address place_of(int end)
{
    return (struct toxtcp_address){
        .family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, (uint8_t)(end + 1)}, .port = (uint16_t)(5000 + end)};
}

static void send_probe(void *user, const struct toxtcp_address *to, uint64_t challenge, uint64_t response)
{
    struct end *end = user;
    struct session_probe probe = {.challenge = challenge,
                                  .response = response,
                                  .flags = path_carries(&end->ways.path) ? SESSION_PROBE_CARRIES : 0,
                                  .seen = *to};
    struct toxtcp_address peer = place_of(peer_of(end));
    uint8_t packet[SESSION_PACKET_MAX];
    size_t len = session_make_probe(end->session, &probe, packet);

    if (len > 0 && toxtcp_address_equal(to, &peer)) {
        transmit_by_udp(end, packet, len);
    }
}

static void announce(void *user)
{
    struct end *end = user;
    struct toxtcp_address ours = place_of(end->index);
    uint8_t packet[SESSION_PACKET_MAX];
    size_t len = session_make_addresses(end->session, &ours, 1, packet);

    if (len > 0) {
        (void)transmit_by_relays(end, packet, len, true);
    }
}

static void path_changed(void *user)
{
    ((struct end *)user)->ways.news = true;
}

static const struct path_callbacks path_callbacks = {
    .probe = send_probe, .announce = announce, .changed = path_changed};

static void paired(void *user)
{
    struct end *end = user;

    if (world.has_udp) {
        path_paired(&end->ways.path, world.now_ms);
    }
}

static void addresses(void *user, const struct toxtcp_address *addresses, size_t count)
{
    path_candidates(&((struct end *)user)->ways.path, addresses, count, world.now_ms);
}

static void probed(void *user, const struct session_probe *probe)
{
    struct end *end = user;

    if (end->ways.heard_from >= 0) {
        struct toxtcp_address from = place_of(end->ways.heard_from);

        end->ways.heard_probe = true;
        (void)path_probed(&end->ways.path, &from, probe, world.now_ms);
    }
}

const struct session_callbacks world_callbacks = {.transmit = transmit,
                                                  .listens = listens,
                                                  .message = show,
                                                  .delivered = delivered,
                                                  .reported = reported,
                                                  .paired = paired,
                                                  .addresses = addresses,
                                                  .probed = probed};

/* What the program does after every piece of news: see ways_settle() there. */
static void settle(struct end *end)
{
    struct end_ways *ways = &end->ways;

    while (ways->news) {
        enum path_way was = ways->way;

        ways->news = false;
        ways->way = path_way(&ways->path);
        if (ways->sleeps != path_may_sleep(&ways->path)) {
            ways->sleeps = !ways->sleeps;
            ways->sleep_count += ways->sleeps ? 1 : 0;
            ways->relays_from_ms = ways->sleeps ? TOXTCP_NEVER : world.now_ms + WAKE_MS;
        }
        if (ways->way != was) {
            ways->way_changes++;
            if (was == PATH_BY_UDP) {
                session_path_changed(end->session, world.now_ms);
            } else {
                session_can_send(end->session, world.now_ms);
            }
        }
    }
}

/* An end sees the other one through relays when both are connected there. */
static void update_relays(void)
{
    bool online = !world.relays_dead && world.ends[0].ways.relays_from_ms <= world.now_ms &&
                  world.ends[1].ways.relays_from_ms <= world.now_ms;

    for (int i = 0; i < 2; i++) {
        struct end *end = &world.ends[i];

        if (end->ways.relays_online != online) {
            end->ways.relays_online = online;
            path_relays_online(&end->ways.path, online, world.now_ms);
            if (end->ways.relays_from_ms <= world.now_ms && path_way(&end->ways.path) != PATH_BY_UDP) {
                session_path_changed(end->session, world.now_ms);
            }
        }
        settle(end);
    }
}

void world_add_udp(void)
{
    world.has_udp = true;
    for (int i = 0; i < 2; i++) {
        world.ends[i].ways = (struct end_ways){.relays_from_ms = world.now_ms, .heard_from = -1};
        path_init(&world.ends[i].ways.path, &path_callbacks, &world.ends[i]);
    }
    update_relays();
}

void world_set_mode(int end, enum path_mode mode)
{
    path_set_mode(&world.ends[end].ways.path, mode, world.now_ms);
    settle(&world.ends[end]);
}

static void land(const struct packet *packet)
{
    struct end *end = &world.ends[packet->to];
    bool is_the_peers;

    end->ways.heard_from = packet->by_udp ? packet->from : -1;
    end->ways.heard_probe = false;
    is_the_peers = session_receive(end->session, packet->bytes, packet->len, world.now_ms);
    end->ways.heard_from = -1;
    if (packet->by_udp && is_the_peers && !end->ways.heard_probe) {
        struct toxtcp_address from = place_of(packet->from);

        path_heard(&end->ways.path, &from, world.now_ms);
        path_traffic(&end->ways.path, false, world.now_ms);
    }
    settle(end);
}

/* --- Ends --- */

static void start(struct end *end)
{
    ck_assert_int_eq(
        session_new(&end->keys, &world.ends[peer_of(end)].keys.public_key, &world_callbacks, end, &end->session),
        TOXTCP_OK);
}

static void stop(struct end *end)
{
    session_free(end->session);
    end->session = NULL;
    for (size_t i = 0; i < end->shown_count; i++) {
        free(end->shown[i]);
    }
    end->shown_count = 0;
    memset(end->arrived, 0, sizeof end->arrived);
    memset(end->lost, 0, sizeof end->lost);
    end->delivered = end->sent_count = end->every_way_count = 0;
}

/* Another run of that end's program. */
void world_restart(struct end *end)
{
    stop(end);
    start(end);
    if (world.has_udp) {
        end->ways = (struct end_ways){.relays_from_ms = world.now_ms + WAKE_MS, .heard_from = -1};
        path_init(&end->ways.path, &path_callbacks, end);
    }
}

void world_start_twin(void)
{
    world.ends[TWIN].keys = world.ends[0].keys;
    start(&world.ends[TWIN]);
}

void world_set_up(void)
{
    ck_assert_int_eq(toxtcp_env_new(NULL, &world.env), TOXTCP_OK);
    world.flying = calloc(FLYING_MAX, sizeof *world.flying);
    world.record = calloc(RECORD_MAX, sizeof *world.record);
    world.flying_count = world.record_count = 0;
    world.loss_percent = world.double_percent = world.jitter_ms = 0;
    world.delay_ms = DELAY_MS;
    world.relay = 0;
    world.drop_from = world.drop_to = 0;
    world.frozen = world.has_udp = world.udp_cut = world.relays_dead = false;
    world.udp_cut_from[0] = world.udp_cut_from[1] = false;
    world.udp_loss_percent = world.udp_jitter_ms = 0;
    world.udp_size_max = 0;
    world.seed = 1;
    world.now_ms = 1000000;
    for (int i = 0; i < 2; i++) {
        world.ends[i] = (struct end){.index = i};
        toxtcp_key_pair_generate(world.env, &world.ends[i].keys);
    }
    world.ends[TWIN] = (struct end){.index = TWIN};
    start(&world.ends[0]);
    start(&world.ends[1]);
}

void world_tear_down(void)
{
    for (int i = 0; i < END_COUNT; i++) {
        stop(&world.ends[i]);
    }
    free(world.flying);
    free(world.record);
    toxtcp_env_free(world.env);
}

/* --- Time --- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool acts(const struct end *end)
{
    return end->session != NULL && !end->away;
}

static uint64_t next_event(void)
{
    uint64_t next = TOXTCP_NEVER;

    for (int i = 0; i < END_COUNT; i++) {
        if (acts(&world.ends[i])) {
            next = smaller(next, session_deadline(world.ends[i].session));
        }
        if (world.has_udp && i < 2 && acts(&world.ends[i])) {
            next = smaller(next, path_deadline(&world.ends[i].ways.path));
        }
        if (world.has_udp && i < 2 && world.ends[i].ways.relays_from_ms > world.now_ms) {
            next = smaller(next, world.ends[i].ways.relays_from_ms);
        }
    }
    for (size_t i = 0; i < world.flying_count; i++) {
        next = smaller(next, world.flying[i].at_ms);
    }
    return next;
}

static void land_due(void)
{
    for (size_t i = 0; i < world.flying_count;) {
        struct packet packet = world.flying[i];

        if (packet.at_ms > world.now_ms) {
            i++;
            continue;
        }
        memmove(&world.flying[i], &world.flying[i + 1], (--world.flying_count - i) * sizeof *world.flying);
        if (acts(&world.ends[packet.to])) {
            land(&packet);
        }
    }
}

/* Lets `ms` pass. Returns the number of moments at which something happened. */
size_t world_run(uint64_t ms)
{
    uint64_t end_ms = world.now_ms + ms;
    size_t moments = 0;

    if (world.has_udp) {
        update_relays();
    }
    while (next_event() <= end_ms) {
        world.now_ms = next_event() > world.now_ms ? next_event() : world.now_ms;
        land_due();
        for (int i = 0; i < END_COUNT; i++) {
            if (acts(&world.ends[i])) {
                session_expire(world.ends[i].session, world.now_ms);
            }
            if (world.has_udp && i < 2 && acts(&world.ends[i])) {
                path_expire(&world.ends[i].ways.path, world.now_ms);
                settle(&world.ends[i]);
            }
        }
        if (world.has_udp) {
            update_relays();
        }
        ck_assert_msg(++moments < 1000000, "time stands still");
    }
    world.now_ms = end_ms;
    return moments;
}

int world_say(int from, const char *text)
{
    uint64_t number;

    return session_send(world.ends[from].session, (const uint8_t *)text, strlen(text), world.now_ms, &number);
}

void world_say_numbered(int from, unsigned first, unsigned last)
{
    char text[32];

    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(text, sizeof text, "line %u", i);
        ck_assert_int_eq(world_say(from, text), TOXTCP_OK);
    }
}

/* Exactly lines first..last were shown there, in order. */
void world_assert_shown(int at, unsigned first, unsigned last)
{
    char text[32];

    ck_assert_uint_eq(world.ends[at].shown_count, last - first + 1);
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(text, sizeof text, "line %u", i);
        ck_assert_str_eq(world.ends[at].shown[i - first], text);
    }
}

struct session_info world_info_of(int end)
{
    struct session_info info;

    session_get_info(world.ends[end].session, &info);
    return info;
}

void world_assert_idle(void)
{
    ck_assert_uint_eq(world.flying_count, 0);
    ck_assert_uint_eq(session_deadline(world.ends[0].session), TOXTCP_NEVER);
    ck_assert_uint_eq(session_deadline(world.ends[1].session), TOXTCP_NEVER);
    ck_assert_uint_eq(world_info_of(0).waiting, 0);
    ck_assert_uint_eq(world_info_of(1).waiting, 0);
}
