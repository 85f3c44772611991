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

static void fly(const uint8_t *bytes, size_t len, int to)
{
    struct packet *packet = &world.flying[world.flying_count];

    ck_assert_uint_lt(world.flying_count, FLYING_MAX);
    memcpy(packet->bytes, bytes, len);
    packet->len = len;
    packet->at_ms = world.now_ms + DELAY_MS + (world.jitter_ms == 0 ? 0 : world_dice(world.jitter_ms));
    packet->to = to;
    world.flying_count++;
}

static int peer_of(const struct end *end)
{
    return end->index == 1 ? 0 : 1;
}

static void fly_to_peer(const struct end *end, const uint8_t *bytes, size_t len)
{
    fly(bytes, len, peer_of(end));
    if (end->index == 1 && world.ends[TWIN].session != NULL) {
        fly(bytes, len, TWIN);
    }
}

static int transmit(void *user, const uint8_t *bytes, size_t len, bool every_way)
{
    struct end *end = user;

    ck_assert_uint_le(len, SESSION_PACKET_MAX);
    ck_assert_uint_ge(len, 3);
    ck_assert_uint_eq(bytes[0], 0x1b);
    if (end->refusal != 0) {
        return end->refusal;
    }
    end->sent_count++;
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

static void stalled(void *user)
{
    ((struct end *)user)->stalled_count++;
}

const struct session_callbacks world_callbacks = {transmit, show, delivered, stalled};

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
    end->delivered = end->sent_count = end->every_way_count = end->stalled_count = 0;
}

/* Another run of that end's program. */
void world_restart(struct end *end)
{
    stop(end);
    start(end);
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
    world.drop_from = world.drop_to = 0;
    world.frozen = false;
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
            session_receive(world.ends[packet.to].session, packet.bytes, packet.len, world.now_ms);
        }
    }
}

/* Lets `ms` pass. Returns the number of moments at which something happened. */
size_t world_run(uint64_t ms)
{
    uint64_t end_ms = world.now_ms + ms;
    size_t moments = 0;

    while (next_event() <= end_ms) {
        world.now_ms = next_event() > world.now_ms ? next_event() : world.now_ms;
        land_due();
        for (int i = 0; i < END_COUNT; i++) {
            if (acts(&world.ends[i])) {
                session_expire(world.ends[i].session, world.now_ms);
            }
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
