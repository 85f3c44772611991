/* Fuzzes the chat's sessions: two of them, with a network in between that does what it likes. SPDX-License-Identifier:
 * ISC
 *
 * Packets are lost, doubled, kept for later, changed and made up. Whatever happens each message is handed over at most
 * once, whole and in order; and when the network has become a good one, all are. When one of them starts anew the last
 * still holds. With the peer's keys (forged) nothing is promised but that the other side stands it. */
#include <sodium.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

#include "../apps/chat/session_packet.h"
#include "fuzz/fixed_random.h"
#include "fuzz/input.h"
#include "support/net_env.h"

enum op {
    OP_SEND,     /* side, length, length */
    OP_DELIVER,  /* to which side, which packet: it is gone then */
    OP_REPEAT,   /* to which side, which packet: it stays */
    OP_DROP,     /* to which side, which packet */
    OP_FLIP,     /* to which side, which packet, place, bits */
    OP_BYTES,    /* to which side, length, bytes */
    OP_PLAIN,    /* to which side, length, bytes: sealed with the peer's keys */
    OP_FORGE,    /* to which side, kind, fields: sealed with the peer's keys */
    OP_RESTART,  /* side: its program begins anew */
    OP_TURN,     /* all packets on their way arrive */
    OP_PASS,     /* time: expire whenever it is due */
    OP_PATH,     /* side */
    OP_CAN_SEND, /* side */
    OP_REFUSE,   /* side, which error transmit() gives from now on */
    OP_LISTEN,   /* side: takes messages, or no longer */
    OP_PROBE,    /* side, challenge, response, flags, family: a probe of it arrives */
    OP_TELL,     /* side, count, family: its addresses arrive */
    OPS
};

enum {
    SIDES = 2,
    FLYING_MAX = 64,
    MESSAGES_MAX = 512,
    STEP = 7,
    SETTLING_TURNS = 3000,
    WAYS = 5,
    BYTES = 256,
    FIRST_PORT = 1000,
    TURNS_MAX = 100000
};

struct flying {
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len;
};

struct side {
    struct world *world;
    struct side *other;
    struct session *session;
    struct session_box box;
    struct flying flying[FLYING_MAX]; /* on their way to it */
    size_t flying_count;
    size_t lens[MESSAGES_MAX]; /* of the messages that it was given to send */
    uint64_t sent;
    uint64_t received;
    uint64_t delivered;
    struct session_id id; /* of its session, once a packet told it */
    int refusal;
    uint32_t ways; /* packets that were given one */
    bool listening;
};

struct world {
    struct side sides[SIDES];
    uint64_t now_ms;
    bool forged;
    bool restarted;
};

static struct toxtcp_key_pair keys[SIDES];

/* --- What a session does --- */

static int transmit(void *user, const uint8_t *packet, size_t len, bool every_way, struct session_way *way)
{
    struct side *side = user;
    struct side *to = side->other;
    struct session_packet opened;
    uint8_t plain[SESSION_PLAIN_MAX];

    (void)every_way;
    net_require(session_packet_open(&to->box, packet, len, plain, &opened), "a packet that the peer does not open");
    side->id = opened.from;
    if (side->refusal) {
        return side->refusal;
    }
    if (way) {
        *way = (struct session_way){.index = side->ways++ % WAYS, .generation = 1};
    }
    if (to->flying_count < FLYING_MAX) {
        memcpy(to->flying[to->flying_count].bytes, packet, len);
        to->flying[to->flying_count++].len = len;
    }
    return 0;
}

static void fill(uint64_t number, uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = (uint8_t)(number + i * STEP);
    }
}

static void message(void *user, const uint8_t *text, size_t len)
{
    struct side *side = user;
    const struct side *from = side->other;
    uint8_t right[SESSION_TEXT_MAX];

    net_require(len <= SESSION_TEXT_MAX, "a message that is too long");
    net_require(side->listening, "a message for nobody");
    if (side->world->forged || side->world->restarted) {
        return;
    }
    net_require(side->received < from->sent, "a message that nobody sent");
    net_require(len == from->lens[side->received], "another length");
    fill(side->received, right, len);
    net_require(len == 0 || memcmp(right, text, len) == 0, "another text");
    side->received++;
}

static void delivered(void *user, uint64_t number, uint64_t took_ms)
{
    struct side *side = user;

    (void)took_ms;
    net_require(number == side->delivered + 1 && number <= side->sent, "delivered out of order");
    net_require(side->world->forged || side->world->restarted || number <= side->other->received,
                "delivered, and not handed over");
    side->delivered = number;
}

static bool listens(void *user)
{
    const struct side *side = user;

    return side->listening;
}

static void reported(void *user, struct session_way way, bool arrived, uint32_t count)
{
    const struct side *side = user;

    (void)arrived;
    net_require(count > 0, "a report of nothing");
    net_require((way.index == 0 && way.generation == 0) || (way.index < side->ways && way.generation == 1),
                "a way that nothing went");
}

static void paired(void *user)
{
    const struct side *side = user;
    struct session_info info;

    session_get_info(side->session, &info);
    net_require(info.ready, "paired with nobody");
}

static void addresses(void *user, const struct toxtcp_address *told, size_t count)
{
    const struct side *side = user;

    net_require(count <= SESSION_ADDRESSES_MAX, "too many addresses");
    for (size_t i = 0; i < count && !side->world->forged; i++) {
        net_require(told[i].family != TOXTCP_FAMILY_NONE && told[i].port == FIRST_PORT + i, "another address");
    }
}

static void probed(void *user, const struct session_probe *probe)
{
    const struct side *side = user;

    net_require(side->world->forged || probe->challenge < BYTES, "another probe");
}

static const struct session_callbacks callbacks = {
    .transmit = transmit,
    .listens = listens,
    .message = message,
    .delivered = delivered,
    .reported = reported,
    .paired = paired,
    .addresses = addresses,
    .probed = probed,
};

/* --- The network --- */

static void arrive(struct side *side, const uint8_t *bytes, size_t len)
{
    (void)session_receive(side->session, bytes, len, side->world->now_ms);
}

static void take_out(struct side *side, size_t which)
{
    side->flying_count--;
    memmove(side->flying + which, side->flying + which + 1, (side->flying_count - which) * sizeof side->flying[0]);
}

static void deliver(struct side *side, size_t which, bool stays)
{
    const struct flying packet = side->flying[which];

    if (!stays) {
        take_out(side, which);
    }
    arrive(side, packet.bytes, packet.len);
}

static void turn(struct world *world)
{
    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &world->sides[i];
        for (size_t count = side->flying_count; count > 0; count--) {
            deliver(side, 0, false);
        }
    }
}

static uint64_t deadline(const struct world *world)
{
    const uint64_t first = session_deadline(world->sides[0].session);
    const uint64_t second = session_deadline(world->sides[1].session);

    return first < second ? first : second;
}

static void expire(struct world *world)
{
    for (size_t i = 0; i < SIDES; i++) {
        session_expire(world->sides[i].session, world->now_ms);
    }
}

static void pass(struct world *world, uint64_t ms)
{
    const uint64_t end_ms = world->now_ms + ms;
    uint32_t turns = 0;

    while (deadline(world) <= end_ms) {
        const uint64_t due_ms = deadline(world);
        world->now_ms = due_ms > world->now_ms ? due_ms : world->now_ms;
        expire(world);
        net_require(++turns < TURNS_MAX, "a deadline that never passes");
    }
    world->now_ms = end_ms;
}

/* --- Operations --- */

static void send_message(struct side *side, size_t len)
{
    static uint8_t text[SESSION_TEXT_MAX + 64];
    uint64_t number = 0;

    if (side->sent == MESSAGES_MAX) {
        return;
    }
    fill(side->sent, text, len);
    side->lens[side->sent] = len;
    /* It may be on its way before the call returns. */
    side->sent++;
    const int error = session_send(side->session, text, len, side->world->now_ms, &number);
    if (error) {
        side->sent--;
        net_require(error == TOXTCP_ERR_TOO_LONG || error == TOXTCP_ERR_FULL, "refused for another reason");
    }
    net_require(error || number == side->sent, "another number");
    net_require((error == TOXTCP_ERR_TOO_LONG) == (len > SESSION_TEXT_MAX), "a length is judged wrongly");
}

static void seal_plain(struct side *side, const uint8_t *plain, size_t len)
{
    static const uint8_t mark[SESSION_MARK_SIZE] = {0x1b, 'T', 0x01};
    uint8_t bytes[SESSION_PACKET_MAX] = {0};
    uint8_t *nonce = bytes + SESSION_MARK_SIZE;

    memcpy(bytes, mark, sizeof mark);
    (void)crypto_box_easy_afternm(nonce + SESSION_NONCE_SIZE, plain, len, nonce, side->other->box.shared);
    side->world->forged = true;
    arrive(side, bytes, SESSION_MARK_SIZE + SESSION_NONCE_SIZE + SESSION_MAC_SIZE + len);
}

/* An id that is none, wrong, or right. */
static struct session_id choose_id(const struct side *side, uint8_t byte)
{
    struct session_id id = {{0}};

    if (byte % 4 == 1) {
        memset(id.bytes, byte, sizeof id.bytes);
    }
    return byte % 4 < 2 ? id : byte % 4 == 2 ? side->id : side->other->id;
}

static void forge(struct side *side, struct input *input)
{
    static const uint8_t text[SESSION_SEGMENT_MAX] = "forged";
    struct session_packet packet = {.text = text};
    uint8_t bytes[SESSION_PACKET_MAX];

    packet.kind = (enum session_kind)(SESSION_HELLO + input_byte(input) % 5);
    packet.from = choose_id(side, input_byte(input));
    packet.challenge = choose_id(side, input_byte(input));
    packet.response = choose_id(side, input_byte(input));
    packet.to = choose_id(side, input_byte(input));
    packet.awaited = input_byte(input);
    packet.held = input_byte(input);
    packet.segment = input_byte(input);
    packet.last = input_byte(input) & 1;
    packet.text_len = input_length(input) % (SESSION_SEGMENT_MAX + 1);
    side->world->forged = true;
    arrive(side, bytes, session_packet_seal(&side->other->box, &packet, bytes));
}

/* What it was given to send is lost with it; the other one's messages arrive, some perhaps once more. */
static void restart(struct side *side)
{
    const size_t i = (size_t)(side - side->world->sides);

    session_free(side->session);
    side->sent = 0;
    side->delivered = 0;
    side->world->restarted = true;
    net_require(session_new(&keys[i], &keys[1 - i].public_key, &callbacks, side, &side->session) == 0, "no session");
    session_path_changed(side->session, side->world->now_ms);
}

static void run_flying(struct side *side, enum op op, struct input *input)
{
    const size_t byte = input_byte(input);

    if (side->flying_count == 0) {
        return;
    }
    const size_t which = byte % side->flying_count;
    struct flying *packet = &side->flying[which];
    if (op == OP_FLIP) {
        const size_t place = (size_t)input_byte(input) << 3;
        packet->bytes[(place | input_byte(input) % 8) % packet->len] ^= input_byte(input);
    } else if (op == OP_DROP) {
        take_out(side, which);
    } else {
        deliver(side, which, op == OP_REPEAT);
    }
}

static struct toxtcp_address address_of(uint8_t family, size_t i)
{
    return (struct toxtcp_address){.family = family & 1 ? TOXTCP_FAMILY_IPV6 : TOXTCP_FAMILY_IPV4,
                                   .ip = {192, 0, 2, 1},
                                   .port = (uint16_t)(FIRST_PORT + i)};
}

static void probe(struct side *side, struct input *input)
{
    uint8_t bytes[SESSION_PACKET_MAX];
    struct session_probe made = {.challenge = input_byte(input)};

    made.response = input_byte(input);
    made.flags = input_byte(input);
    made.seen = address_of(input_byte(input), 0);
    const size_t len = session_make_probe(side->session, &made, bytes);
    if (len > 0) {
        arrive(side->other, bytes, len);
    }
}

static void tell(struct side *side, struct input *input)
{
    struct toxtcp_address told[SESSION_ADDRESSES_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];
    const size_t count = input_byte(input) % (SESSION_ADDRESSES_MAX + 1);
    const uint8_t family = input_byte(input);

    for (size_t i = 0; i < count; i++) {
        told[i] = address_of((uint8_t)(family >> i), i);
    }
    const size_t len = session_make_addresses(side->session, told, count, bytes);
    if (len > 0) {
        arrive(side->other, bytes, len);
    }
}

static void run_side(struct side *side, enum op op, struct input *input)
{
    static const int refusals[] = {0, TOXTCP_ERR_WOULD_BLOCK, TOXTCP_ERR_NOT_CONNECTED, TOXTCP_ERR_NO_MEMORY};
    const uint8_t *bytes;
    size_t len;

    switch (op) {
    case OP_SEND:
        len = input_length(input);
        send_message(side, len + (input_byte(input) & 3) * INPUT_LENGTH_MAX + len % 2 * 32);
        break;
    case OP_BYTES:
    case OP_PLAIN:
        bytes = input_bytes(input, input_length(input) % SESSION_PLAIN_MAX, &len);
        if (op == OP_PLAIN) {
            seal_plain(side, bytes, len);
        } else {
            arrive(side, bytes, len);
        }
        break;
    case OP_FORGE:
        forge(side, input);
        break;
    case OP_RESTART:
        restart(side);
        break;
    case OP_LISTEN:
        side->listening = !side->listening;
        break;
    case OP_PROBE:
        probe(side, input);
        break;
    case OP_TELL:
        tell(side, input);
        break;
    case OP_PATH:
        session_path_changed(side->session, side->world->now_ms);
        break;
    case OP_CAN_SEND:
        session_can_send(side->session, side->world->now_ms);
        break;
    case OP_REFUSE:
        side->refusal = refusals[input_byte(input) % 4];
        break;
    default:
        run_flying(side, op, input);
        break;
    }
}

/* --- Life --- */

static bool all_delivered(const struct world *world)
{
    const struct side *sides = world->sides;

    return sides[0].delivered == sides[0].sent && sides[1].delivered == sides[1].sent;
}

/* Nothing is lost any more: all arrives. */
static void settle(struct world *world)
{
    for (size_t i = 0; i < SIDES; i++) {
        world->sides[i].refusal = 0;
        world->sides[i].listening = true;
        session_path_changed(world->sides[i].session, world->now_ms);
        session_can_send(world->sides[i].session, world->now_ms);
    }
    for (uint32_t i = 0; i < SETTLING_TURNS && !all_delivered(world); i++) {
        turn(world);
        if (!all_delivered(world) && deadline(world) != TOXTCP_NEVER) {
            world->now_ms = deadline(world) > world->now_ms ? deadline(world) : world->now_ms;
            expire(world);
        }
    }
    net_require(all_delivered(world), "a message never arrives, though the network is good");
}

static void begin(struct world *world)
{
    struct net_env env;

    fixed_random_start();
    if (keys[0].secret_key.bytes[0] == 0) {
        net_env_init(&env, 1);
        toxtcp_key_pair_generate(env.env, &keys[0]);
        toxtcp_key_pair_generate(env.env, &keys[1]);
        net_env_finish(&env);
    }
    memset(world, 0, sizeof *world);
    world->now_ms = 1000000;
    for (size_t i = 0; i < SIDES; i++) {
        struct side *side = &world->sides[i];
        side->world = world;
        side->other = &world->sides[1 - i];
        side->listening = true;
        net_require(session_box_init(&side->box, &keys[i], &keys[1 - i].public_key) == 0, "no keys");
        net_require(session_new(&keys[i], &keys[1 - i].public_key, &callbacks, side, &side->session) == 0,
                    "no session");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world world;
    struct input input = {bytes, len};

    begin(&world);
    while (input.len > 0) {
        const enum op op = (enum op)(input_byte(&input) % OPS);
        if (op == OP_TURN) {
            turn(&world);
        } else if (op == OP_PASS) {
            pass(&world, input_time(&input));
        } else {
            run_side(&world.sides[input_byte(&input) % SIDES], op, &input);
        }
    }
    if (!world.forged) {
        settle(&world);
    }
    for (size_t i = 0; i < SIDES; i++) {
        session_free(world.sides[i].session);
    }
    return 0;
}
