/* Frames that no relay may take, in each state of a stream. SPDX-License-Identifier: ISC
 *
 * Each stream brings one of them, and is closed for it by a relay that keeps to the protocol. */
#include <string.h>

#include "attack_engine.h"

enum { ROUTING_REQUEST = 0x00, ROUTING_RESPONSE = 0x01, CONNECTED = 0x02, RESPONSE_SIZE = 34 };

/* What stands before the bad frame. */
enum stage {
    STAGE_SHAKEN,    /* the relay has answered: this client is not confirmed */
    STAGE_CONFIRMED, /* it has sent a ping as well */
    STAGE_ROUTED,    /* ... and holds a route to nobody */
    STAGE_COUNT
};

enum shape { SHAPE_LENGTH, SHAPE_BROKEN_BOX, SHAPE_PACKET };

/* Lengths are those of the frame, or of a plaintext whose first byte is `kind`. */
struct bad_frame {
    enum shape shape;
    uint16_t len;
    uint8_t kind;
};

static const struct bad_frame bad_frames[] = {
    {SHAPE_LENGTH, 0, 0},
    {SHAPE_LENGTH, 1, 0},
    {SHAPE_LENGTH, 16, 0},
    {SHAPE_LENGTH, 2049, 0},
    {SHAPE_LENGTH, 65535, 0},
    {SHAPE_BROKEN_BOX, 17, 0},
    {SHAPE_BROKEN_BOX, 25, 0},
    {SHAPE_BROKEN_BOX, 2048, 0},
    /* Kinds that only a relay sends. */
    {SHAPE_PACKET, 34, 0x01},
    {SHAPE_PACKET, 2, 0x02},
    {SHAPE_PACKET, 34, 0x07},
    {SHAPE_PACKET, 62, 0x09},
    {SHAPE_PACKET, 62, 0x0b},
    /* Reserved ones. */
    {SHAPE_PACKET, 1, 0x0c},
    {SHAPE_PACKET, 2, 0x0d},
    {SHAPE_PACKET, 33, 0x0e},
    {SHAPE_PACKET, 2032, 0x0f},
    /* Wrong sizes. */
    {SHAPE_PACKET, 1, 0x00},
    {SHAPE_PACKET, 32, 0x00},
    {SHAPE_PACKET, 34, 0x00},
    {SHAPE_PACKET, 1, 0x03},
    {SHAPE_PACKET, 3, 0x03},
    {SHAPE_PACKET, 8, 0x04},
    {SHAPE_PACKET, 10, 0x04},
    {SHAPE_PACKET, 8, 0x05},
    {SHAPE_PACKET, 10, 0x05},
    {SHAPE_PACKET, 32, 0x06},
    {SHAPE_PACKET, 33, 0x06},
    {SHAPE_PACKET, 33 + 1025, 0x06},
};

enum { CASE_COUNT = sizeof bad_frames / sizeof bad_frames[0] };

static uint32_t dial_all(struct attack *attack, uint32_t due)
{
    uint32_t done = 0;

    while (done < due && attack_dial(attack)) {
        done++;
    }
    return done;
}

/* A length that no frame has, or one of a box that does not open, with all its bytes. */
static void put_raw(struct attack *attack, struct mini *mini, const struct bad_frame *bad)
{
    uint8_t frame[2 + 2048];
    const size_t body = bad->shape == SHAPE_BROKEN_BOX ? bad->len : 0;

    frame[0] = (uint8_t)(bad->len >> 8);
    frame[1] = (uint8_t)bad->len;
    attack_random_bytes(attack, frame + 2, body);
    (void)mini_put(mini, frame, 2 + body);
}

/* Well sealed. A body of anything but zeros, so that its size or its kind is all that is wrong with it. */
static void put_packet(struct attack *attack, struct mini *mini, const struct bad_frame *bad)
{
    attack_random_bytes(attack, attack->plain, bad->len);
    attack->plain[0] = bad->kind;
    (void)mini_send(mini, attack->plain, bad->len);
}

static void put_bad_frame(struct attack *attack, struct mini *mini)
{
    const struct bad_frame *bad = &bad_frames[attack->turn++ % CASE_COUNT];

    if (bad->shape == SHAPE_PACKET) {
        put_packet(attack, mini, bad);
    } else {
        put_raw(attack, mini, bad);
    }
    (void)attack_flush(attack, mini);
}

/* Every frame comes in every state: the count of the streams goes through the one after it went through the other. */
static void on_opened(struct attack *attack, struct mini *mini)
{
    mini->stage = (uint8_t)(attack->turn / CASE_COUNT % STAGE_COUNT);
    if (mini->stage == STAGE_SHAKEN) {
        put_bad_frame(attack, mini);
        return;
    }
    attack_confirm(attack, mini);
    if (mini->stage == STAGE_CONFIRMED) {
        put_bad_frame(attack, mini);
        return;
    }
    attack_send_key(mini, ROUTING_REQUEST, attack->temporary.public_key);
}

static bool on_packet(struct attack *attack, struct mini *mini, const uint8_t *plain, size_t len)
{
    if (plain[0] == ROUTING_RESPONSE && len == RESPONSE_SIZE) {
        put_bad_frame(attack, mini);
    }
    return mini->state != MINI_NONE;
}

const struct attack_kind attack_bad_frames = {
    .name = "bad-frames",
    .clients = 64,
    .rate = 300,
    .sources = 16,
    .act = dial_all,
    .opened = on_opened,
    .packet = on_packet,
};
