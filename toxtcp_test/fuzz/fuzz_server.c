/* Fuzzes the relay: several hostile clients at once. SPDX-License-Identifier: ISC
 *
 * The first byte chooses the configuration, then each byte is an operation. After each one toxtcp_server_check() runs.
 * What a client hears is held against what it asked for: nothing comes on an id that it was not given, and data and OOB
 * come from whom the relay says they come. */
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/server.h>

#include "fuzz/far_end.h"
#include "fuzz/input.h"
#include "packet.h"

enum op {
    OP_ACCEPT,  /* slot, identity, source: a client, whose request waits to be delivered */
    OP_REPLAY,  /* slot, source: one that says the last request again, and has no keys */
    OP_JOIN,    /* slot, identity, source: one that is confirmed at once */
    OP_SAY,     /* slot, kind, peer, id, length */
    OP_FLOOD,   /* slot, kind, peer, id, length, count */
    OP_PLAIN,   /* slot, length, bytes */
    OP_BYTES,   /* slot, length, bytes: without a seal */
    OP_FLIP,    /* slot, two bytes for the place, bits */
    OP_PONG,    /* slot */
    OP_DELIVER, /* slot, length; 0: all */
    OP_READ,    /* slot, length; 0: all */
    OP_TURN,    /* all deliver and read all */
    OP_END,     /* slot */
    OP_PASS,    /* time */
    OP_SLEEP,   /* time */
    OP_FAIL,    /* which allocation, with all later ones or not */
    OP_TRIM,    /* with OTHER_LIMITS: another configuration too */
    OP_FEIGN,   /* slot, a byte: the client's request has a temporary key of 32 times that */
    OPS
};

enum {
    GUESTS = 8,
    IDENTITIES = 5,
    PEERS = 256,
    IDS = 256,
    PINGS_MAX = 1024,
    MARK = 0x40,
    NOBODY = -1,
    SETTLING_TURNS = 3,
    TURNS_MAX = 100000,
    OTHER_LIMITS = 64 /* of the first byte */
};

/* A client of the relay. */
struct guest {
    struct far_end end; /* first: it is found by it */
    struct world *world;
    uint8_t identity;
    uint8_t ping_id[WIRE_PING_ID_SIZE];
    bool pinged;
    uint8_t said_pings[PINGS_MAX][WIRE_PING_ID_SIZE];
    size_t said_ping_count;
    size_t pong_count;
    uint32_t asked[PEERS]; /* routing requests for this peer, and for keys that are no peer's (NO_PEER) */
    uint32_t asked_others;
    int peer_of[IDS]; /* the peer that a response gave this id for */
    bool given[IDS];
    bool online[IDS];
    bool gave_back[IDS]; /* a disconnect notification for it was said: whether it is online is not known any more */
};

struct world {
    struct net_env env;
    struct net_env far_env;
    struct toxtcp_driver driver;
    struct toxtcp_server *server;
    struct guest guests[GUESTS];
    uint8_t request[WIRE_REQUEST_SIZE]; /* the last one that was made */
    uint64_t now_ms;
    uint8_t flags;         /* the first byte */
    uint64_t honest_count; /* accepted ones that hold keys */
};

static struct toxtcp_key_pair relay_keys;
static struct toxtcp_key_pair identities[IDENTITIES];

/* --- Keys --- */

/* The first few peers are the clients' own keys, the others a byte 32 times. */
static struct toxtcp_public_key key_of(uint8_t peer)
{
    struct toxtcp_public_key key;

    if (peer < IDENTITIES) {
        return identities[peer].public_key;
    }
    memset(key.bytes, peer, sizeof key.bytes);
    return key;
}

static int peer_of_key(const struct toxtcp_public_key *key)
{
    for (int i = 0; i < IDENTITIES; i++) {
        if (memcmp(key, &identities[i].public_key, sizeof *key) == 0) {
            return i;
        }
    }
    const struct toxtcp_public_key same = key_of(key->bytes[0]);
    return key->bytes[0] >= IDENTITIES && memcmp(key, &same, sizeof *key) == 0 ? key->bytes[0] : NOBODY;
}

/* --- What a client hears --- */

static void hear_response(struct guest *guest, const struct packet *packet)
{
    const int peer = peer_of_key(&packet->key);
    uint32_t *asked = peer == NOBODY ? &guest->asked_others : &guest->asked[peer];

    net_require(*asked > 0, "an answer that nobody asked for");
    (*asked)--;
    if (packet->id == WIRE_ID_REFUSED) {
        return;
    }
    net_require(packet->id >= WIRE_ID_MIN, "an id that is none");
    net_require(peer != guest->identity, "a route to oneself");
    if (guest->peer_of[packet->id] != peer) {
        guest->online[packet->id] = false;
    }
    guest->given[packet->id] = true;
    guest->peer_of[packet->id] = peer;
}

static void hear_pong(struct guest *guest, const struct packet *pong)
{
    net_require(guest->pong_count < guest->said_ping_count, "a pong without a ping");
    net_require(memcmp(guest->said_pings[guest->pong_count], pong->ping_id, sizeof pong->ping_id) == 0,
                "a pong of another ping, or out of order");
    guest->pong_count++;
}

static void hear_payload(const struct packet *packet, int sender)
{
    net_require(sender >= 0 && sender < IDENTITIES, "a sender that is not here");
    net_require(packet->data[0] == MARK + sender, "another one's bytes");
}

static void hear_packet(struct guest *guest, const struct packet *packet)
{
    switch (packet->kind) {
    case WIRE_ROUTING_RESPONSE:
        hear_response(guest, packet);
        break;
    case WIRE_CONNECT:
        net_require(guest->given[packet->id], "a notification for an id that was not given");
        guest->online[packet->id] = true;
        break;
    case WIRE_DISCONNECT:
        net_require(guest->online[packet->id], "the end of what was not online");
        guest->online[packet->id] = false;
        break;
    case WIRE_PING:
        memcpy(guest->ping_id, packet->ping_id, sizeof guest->ping_id);
        guest->pinged = true;
        break;
    case WIRE_PONG:
        hear_pong(guest, packet);
        break;
    case WIRE_OOB_RECV:
        hear_payload(packet, peer_of_key(&packet->key));
        break;
    default:
        net_require(packet->kind == WIRE_DATA && guest->online[packet->id], "data of nobody");
        hear_payload(packet, guest->peer_of[packet->id]);
        break;
    }
}

static void heard(struct far_end *end, const uint8_t *plain, size_t len)
{
    struct packet packet = {0};

    net_require(packet_decode(plain, len, PACKET_FROM_RELAY, &packet) == 0, "a packet that the protocol forbids");
    hear_packet((struct guest *)end, &packet);
}

/* --- What a client says --- */

static bool remember(struct guest *guest, const struct packet *packet)
{
    int peer;

    switch (packet->kind) {
    case WIRE_PING:
        if (guest->said_ping_count == PINGS_MAX) {
            return false;
        }
        memcpy(guest->said_pings[guest->said_ping_count], packet->ping_id, sizeof packet->ping_id);
        guest->said_ping_count++;
        return true;
    case WIRE_ROUTING_REQUEST:
        peer = peer_of_key(&packet->key);
        guest->asked[peer == NOBODY ? 0 : peer] += peer != NOBODY;
        guest->asked_others += peer == NOBODY;
        return true;
    case WIRE_DISCONNECT:
        guest->gave_back[packet->id] = true;
        return true;
    default:
        return true;
    }
}

/* A payload begins with its sender's mark. */
static void say(struct guest *guest, const uint8_t *bytes, size_t len)
{
    uint8_t plain[WIRE_PLAIN_MAX];
    struct packet packet = {0};

    if (len == 0) {
        return;
    }
    memcpy(plain, bytes, len);
    if (guest->end.channel.state == CHANNEL_OPEN && packet_decode(plain, len, PACKET_FROM_CLIENT, &packet) == 0) {
        if (!remember(guest, &packet)) {
            return;
        }
        if (packet.kind == WIRE_DATA || packet.kind == WIRE_OOB_SEND) {
            plain[packet.data - plain] = (uint8_t)(MARK + guest->identity);
        }
    }
    far_end_say(&guest->end, plain, len);
}

static size_t make_packet(struct input *input, uint8_t plain[WIRE_PLAIN_MAX])
{
    const uint8_t kind = input_byte(input);
    const uint8_t peer = input_byte(input);
    const uint8_t id = input_byte(input);
    const size_t len = input_length(input);
    const struct toxtcp_public_key key = key_of(peer);
    size_t used = 0;

    plain[used++] = kind;
    if (kind >= WIRE_ROUTING_RESPONSE && kind <= WIRE_DISCONNECT) {
        plain[used++] = id;
    }
    if (kind == WIRE_PING || kind == WIRE_PONG) {
        memset(plain + used, peer, WIRE_PING_ID_SIZE);
        used += WIRE_PING_ID_SIZE;
    }
    if (kind <= WIRE_ROUTING_RESPONSE || kind == WIRE_OOB_SEND || kind == WIRE_OOB_RECV) {
        memcpy(plain + used, key.bytes, WIRE_KEY_SIZE);
        used += WIRE_KEY_SIZE;
    }
    const size_t more = used + len <= WIRE_PLAIN_MAX ? len : WIRE_PLAIN_MAX - used;
    memset(plain + used, id, more);
    return used + more;
}

static void say_packet(struct guest *guest, struct input *input, bool flood)
{
    uint8_t plain[WIRE_PLAIN_MAX];
    const size_t len = make_packet(input, plain);
    const uint32_t count = flood ? input_byte(input) : 1;

    for (uint32_t i = 0; i < count; i++) {
        /* So that a flood of requests asks for many. */
        if (flood && plain[0] == WIRE_ROUTING_REQUEST) {
            memset(plain + 1, (int)(IDENTITIES + i) & 0xff, WIRE_KEY_SIZE);
        }
        say(guest, plain, len);
    }
}

static void say_pong(struct guest *guest)
{
    uint8_t plain[1 + WIRE_PING_ID_SIZE] = {WIRE_PONG};

    if (guest->pinged) {
        memcpy(plain + 1, guest->ping_id, sizeof guest->ping_id);
        say(guest, plain, sizeof plain);
    }
}

/* --- Coming and going --- */

static const struct toxtcp_address *source_of(uint8_t byte)
{
    static const struct toxtcp_address sources[] = {
        {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 2}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0x20, 1, 0xd, 0xb8, [15] = 2}, .port = 2},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .port = 3},
        {.family = TOXTCP_FAMILY_NONE},
    };

    return &sources[byte % (sizeof sources / sizeof sources[0])];
}

static struct toxtcp_server_config choose_config(uint8_t flags)
{
    struct toxtcp_server_config config;

    toxtcp_server_config_default(&config);
    if (flags & 1) {
        config.clients_max = 4;
        config.unconfirmed_max = 2;
        config.per_source_max = 3;
    }
    if (flags & 2) {
        config.output_max = 3000;
        config.control_output_max = 1000;
    }
    if (flags & 4) {
        config.confirm_timeout_ms = 500;
        config.ping_interval_ms = 2000;
        config.pong_timeout_ms = 1000;
    }
    if (flags & 8) {
        config.output_max = 0;
        config.control_output_max = 100;
        config.per_source_max = 0;
    }
    if (flags & 32) {
        config.input_rate_max = 2000;
        config.input_burst = 5000;
        config.accept_rate_max = 2;
        config.accept_burst = 6;
        config.output_total_max = 6000;
    }
    return config;
}

/* The other one of two configurations, one of them by chance the default. */
static void configure(struct world *world)
{
    world->flags ^= 0xff & ~OTHER_LIMITS;
    const struct toxtcp_server_config config = choose_config(world->flags);
    toxtcp_server_configure(world->server, world->flags & 16 ? NULL : &config, world->now_ms);
}

static void leave(struct world *world, struct guest *guest)
{
    far_end_end(&guest->end, TOXTCP_ERR_CLOSED, world->now_ms);
    far_end_free(&guest->end);
    memset(guest, 0, sizeof *guest);
}

/* Whoever had the slot leaves. False: refused. */
static bool arrive(struct world *world, struct guest *guest, uint8_t source)
{
    struct toxtcp_link *link;

    leave(world, guest);
    guest->world = world;
    guest->end.heard = heard;
    guest->end.env = &world->far_env;
    const int error = toxtcp_server_accept(world->server, source_of(source), world->now_ms, &link);
    if (error) {
        net_require(error == TOXTCP_ERR_LIMIT || error == TOXTCP_ERR_NO_MEMORY, "refused for another reason");
        return false;
    }
    far_end_take(&guest->end, link);
    return true;
}

static void accept_guest(struct world *world, struct guest *guest, uint8_t identity, uint8_t source)
{
    if (!arrive(world, guest, source)) {
        return;
    }
    guest->identity = identity % IDENTITIES;
    far_end_be_client(&guest->end, &world->far_env, &identities[guest->identity], &relay_keys.public_key);
    memcpy(world->request, buffer_peek(&guest->end.channel.out), sizeof world->request);
    world->honest_count++;
}

static void accept_replay(struct world *world, struct guest *guest, uint8_t source)
{
    if (arrive(world, guest, source)) {
        guest->end.deaf = true;
        far_end_say_bytes(&guest->end, world->request, sizeof world->request);
    }
}

static void turn(struct world *world, struct guest *guest)
{
    far_end_deliver(&guest->end, SIZE_MAX, world->now_ms);
    far_end_read(&guest->end, SIZE_MAX, world->now_ms);
}

static void join(struct world *world, struct guest *guest, uint8_t identity, uint8_t source)
{
    const uint8_t ping[1 + WIRE_PING_ID_SIZE] = {WIRE_PING, 1};

    accept_guest(world, guest, identity, source);
    turn(world, guest);
    if (guest->end.channel.state == CHANNEL_OPEN) {
        say(guest, ping, sizeof ping);
        turn(world, guest);
    }
}

/* --- Time --- */

static void pass(struct world *world, uint64_t ms)
{
    const uint64_t end_ms = world->now_ms + ms;
    uint32_t turns = 0;

    while (toxtcp_server_deadline(world->server) <= end_ms) {
        const uint64_t deadline_ms = toxtcp_server_deadline(world->server);
        world->now_ms = deadline_ms > world->now_ms ? deadline_ms : world->now_ms;
        toxtcp_server_expire(world->server, world->now_ms);
        net_require(++turns < TURNS_MAX, "a deadline that never passes");
    }
    world->now_ms = end_ms;
}

/* --- Operations --- */

static size_t piece(struct input *input)
{
    const size_t len = input_length(input);

    return len ? len : SIZE_MAX;
}

static void run_world(struct world *world, enum op op, struct input *input)
{
    uint64_t number;

    switch (op) {
    case OP_TURN:
        for (size_t i = 0; i < GUESTS; i++) {
            turn(world, &world->guests[i]);
        }
        break;
    case OP_PASS:
        pass(world, input_time(input));
        break;
    case OP_SLEEP:
        world->now_ms += input_time(input);
        toxtcp_server_expire(world->server, world->now_ms);
        break;
    case OP_FAIL:
        number = input_byte(input);
        net_env_fail(&world->env, number, input_byte(input) & 1);
        break;
    default:
        toxtcp_env_trim(world->env.env);
        if (world->flags & OTHER_LIMITS) {
            configure(world);
        }
        break;
    }
}

static void feign(struct guest *guest, uint8_t byte)
{
    uint8_t temporary_key[WIRE_KEY_SIZE];

    if (guest->end.channel.state != CHANNEL_OPEN) {
        memset(temporary_key, byte, sizeof temporary_key);
        far_end_feign(&guest->end, &identities[guest->identity], &relay_keys.public_key, temporary_key);
    }
}

/* What needs a guest that has a link. */
static void run_stream(struct world *world, struct guest *guest, enum op op, struct input *input)
{
    const uint8_t *bytes;
    size_t len;
    size_t place;

    switch (op) {
    case OP_PLAIN:
        bytes = input_bytes(input, input_length(input), &len);
        say(guest, bytes, len);
        break;
    case OP_BYTES:
        bytes = input_bytes(input, input_length(input), &len);
        far_end_say_bytes(&guest->end, bytes, len);
        break;
    case OP_FLIP:
        place = (size_t)input_byte(input) << 8;
        place |= input_byte(input);
        far_end_flip(&guest->end, place, input_byte(input));
        break;
    case OP_PONG:
        say_pong(guest);
        break;
    case OP_FEIGN:
        feign(guest, input_byte(input));
        break;
    case OP_DELIVER:
        far_end_deliver(&guest->end, piece(input), world->now_ms);
        break;
    case OP_READ:
        far_end_read(&guest->end, piece(input), world->now_ms);
        break;
    default:
        say_packet(guest, input, op == OP_FLOOD);
        break;
    }
}

static void run_guest(struct world *world, enum op op, struct input *input)
{
    struct guest *guest = &world->guests[input_byte(input) % GUESTS];
    uint8_t identity;

    switch (op) {
    case OP_ACCEPT:
        identity = input_byte(input);
        accept_guest(world, guest, identity, input_byte(input));
        break;
    case OP_JOIN:
        identity = input_byte(input);
        join(world, guest, identity, input_byte(input));
        break;
    case OP_REPLAY:
        accept_replay(world, guest, input_byte(input));
        break;
    case OP_END:
        leave(world, guest);
        break;
    default:
        if (guest->end.link) {
            run_stream(world, guest, op, input);
        }
        break;
    }
}

static void check(struct world *world)
{
    struct toxtcp_server_info info;
    uint32_t open = 0;

    for (size_t i = 0; i < GUESTS; i++) {
        open += world->guests[i].end.link != NULL;
        far_end_watch(&world->guests[i].end, &world->env);
    }
    toxtcp_server_check(world->server);
    toxtcp_server_get_info(world->server, &info);
    net_require(info.client_count == open, "the driver has other links than the relay");
    /* A handshake that is said again changes nothing. */
    net_require(info.confirmed <= world->honest_count, "confirmed without keys");
}

/* --- In the end everybody knows of everybody --- */

/* The guest's id for a peer, or 0. */
static int id_for(const struct guest *guest, int peer)
{
    for (int id = WIRE_ID_MIN; id < IDS; id++) {
        if (guest->given[id] && guest->peer_of[id] == peer) {
            return id;
        }
    }
    return 0;
}

/* The one of that identity which has asked for the guest. (Others of it may be here, and not confirmed.) */
static const struct guest *find_peer(const struct world *world, const struct guest *guest, int identity)
{
    for (size_t i = 0; i < GUESTS; i++) {
        const struct guest *peer = &world->guests[i];
        if (peer->end.link && peer->identity == identity && id_for(peer, guest->identity)) {
            return peer;
        }
    }
    return NULL;
}

static void check_route(const struct world *world, const struct guest *guest, int id)
{
    const struct guest *peer = find_peer(world, guest, guest->peer_of[id]);
    const int back = peer ? id_for(peer, guest->identity) : 0;

    if (guest->gave_back[id] || (back && peer->gave_back[back])) {
        return;
    }
    net_require(!guest->online[id] || back, "a peer that has gone is online to somebody");
    net_require(!back || guest->online[id], "two that asked for each other are not told");
}

static void check_end(struct world *world)
{
    struct input none = {NULL, 0};

    for (uint32_t i = 0; i < SETTLING_TURNS; i++) {
        run_world(world, OP_TURN, &none);
    }
    for (size_t i = 0; i < GUESTS; i++) {
        for (int id = WIRE_ID_MIN; id < IDS && world->guests[i].end.link; id++) {
            if (world->guests[i].given[id]) {
                check_route(world, &world->guests[i], id);
            }
        }
    }
}

/* --- Life --- */

static void begin(struct world *world, uint8_t flags)
{
    const struct toxtcp_server_config config = choose_config(flags);

    memset(world, 0, sizeof *world);
    net_env_init(&world->env, 1);
    net_env_init(&world->far_env, 2);
    if (relay_keys.secret_key.bytes[0] == 0) {
        toxtcp_key_pair_generate(world->far_env.env, &relay_keys);
        for (size_t i = 0; i < IDENTITIES; i++) {
            toxtcp_key_pair_generate(world->far_env.env, &identities[i]);
        }
    }
    far_end_watch_secret(&world->env, relay_keys.secret_key.bytes);
    world->flags = flags;
    world->driver = (struct toxtcp_driver){.output_ready = far_end_output_ready,
                                           .attend = far_end_attend,
                                           .close = far_end_close,
                                           .want_input = far_end_want_input};
    world->now_ms = 1000000;
    net_require(toxtcp_server_new(world->env.env, &world->driver, flags & 16 ? NULL : &config, &relay_keys,
                                  &world->server) == 0,
                "no server");
}

static void finish(struct world *world)
{
    check_end(world);
    toxtcp_server_free(world->server);
    for (size_t i = 0; i < GUESTS; i++) {
        leave(world, &world->guests[i]);
    }
    net_env_finish(&world->env);
    net_env_finish(&world->far_env);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world world;
    struct input input = {bytes, len};

    begin(&world, input_byte(&input));
    while (input.len > 0) {
        const enum op op = (enum op)(input_byte(&input) % OPS);
        if (op == OP_TURN || (op >= OP_PASS && op <= OP_TRIM)) {
            run_world(&world, op, &input);
        } else {
            run_guest(&world, op, &input);
        }
        check(&world);
    }
    finish(&world);
    return 0;
}
