/* What the tests of liars share: liars in the test network, and clients of them. SPDX-License-Identifier: ISC */
#include "check_sim_liar.h"

#include <string.h>

enum { TICK_MS = 5, STREAMS_MAX = 64, LIARS = 2 };

struct bed;

/* One stream to a liar. */
struct stream {
    struct bed *bed;
    struct net_raw *raw; /* NULL in a free one */
    struct toxtcp_link *link;
    bool output_said;
};

/* A liar at the relay of that number in the world. */
struct bed {
    uint32_t relay;
    struct liar *liar;
    struct toxtcp_driver driver;
    struct stream streams[STREAMS_MAX];
};

static struct bed beds[LIARS];

/* --- The driver --- */

static void output_ready(void *user, struct toxtcp_link *link)
{
    struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    ck_assert(stream && !stream->output_said);
    stream->output_said = true;
}

static void write_output(const struct stream *stream)
{
    const uint8_t *bytes = NULL;
    const size_t len = toxtcp_link_output(stream->link, &bytes);

    net_raw_write(stream->raw, bytes, len);
}

/* What is written leaves with the next step; then the stream goes. */
static void close_link(void *user, struct toxtcp_link *link)
{
    struct stream *stream = toxtcp_link_driver_data(link);

    (void)user;
    write_output(stream);
    stream->link = NULL;
}

static void accept_streams(struct bed *bed)
{
    struct net_raw *raw;

    while ((raw = net_raw_accept(world.net, &world.addresses[bed->relay]))) {
        struct stream *stream = bed->streams;
        while (stream->raw) {
            stream++;
            ck_assert(stream < bed->streams + STREAMS_MAX);
        }
        *stream = (struct stream){.bed = bed, .raw = raw, .link = liar_accept(bed->liar, net_now(world.net))};
        toxtcp_link_set_driver_data(stream->link, stream);
    }
}

static void drop_stream(struct stream *stream)
{
    net_raw_close(stream->raw);
    *stream = (struct stream){0};
}

static bool read_stream(struct stream *stream)
{
    uint8_t bytes[4096];
    const size_t len = net_raw_read(stream->raw, bytes, sizeof bytes);
    const int error = net_raw_error(stream->raw);

    if (len > 0) {
        (void)toxtcp_link_recv(stream->link, bytes, len, net_now(world.net));
    } else if (error) {
        toxtcp_link_closed(stream->link, error, net_now(world.net));
        drop_stream(stream);
    }
    return len > 0 || error;
}

static bool write_stream(struct stream *stream)
{
    const uint8_t *bytes;
    const size_t len = toxtcp_link_output(stream->link, &bytes);

    /* A liar that says nothing takes its output back. */
    ck_assert(stream->output_said || len == 0);
    stream->output_said = false;
    if (len > 0) {
        net_raw_write(stream->raw, bytes, len);
        toxtcp_link_sent(stream->link, len, net_now(world.net));
    }
    return len > 0;
}

static bool move_stream(struct stream *stream)
{
    if (!stream->raw) {
        return false;
    }
    if (!stream->link) {
        drop_stream(stream);
        return true;
    }
    const bool was_read = read_stream(stream);
    return (stream->link && write_stream(stream)) || was_read;
}

static bool move_bed(struct bed *bed)
{
    bool moved = false;

    if (!bed->liar) {
        return false;
    }
    accept_streams(bed);
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        moved |= move_stream(&bed->streams[i]);
    }
    if (liar_deadline(bed->liar) <= net_now(world.net)) {
        liar_expire(bed->liar, net_now(world.net));
        ck_assert(liar_deadline(bed->liar) > net_now(world.net));
        moved = true;
    }
    if (moved) {
        liar_check(bed->liar);
    }
    return moved;
}

/* --- Time --- */

void settle(void)
{
    bool moved = true;

    while (moved) {
        net_step(world.net);
        moved = false;
        for (uint32_t i = 0; i < LIARS; i++) {
            moved |= move_bed(&beds[i]);
        }
    }
}

void run(uint64_t ms)
{
    settle();
    for (uint64_t passed = 0; passed < ms; passed += TICK_MS) {
        net_run(world.net, TICK_MS);
        settle();
    }
}

/* --- Liars --- */

static struct liar_config config_of(uint32_t vices)
{
    return (struct liar_config){.vices = vices,
                                .lose_one_in = 4,
                                .delay_one_in = 5,
                                .delay_ms = 700,
                                .flood_per_s = 100,
                                .mischief_ms = 2 * SECOND};
}

void open_liar_with(uint32_t relay, const struct liar_config *config)
{
    struct bed *bed = &beds[relay];

    bed->relay = relay;
    bed->driver = (struct toxtcp_driver){.output_ready = output_ready, .close = close_link};
    bed->liar = liar_new(net_env(world.net), &bed->driver, config, &world.relay_keys[relay]);
    net_raw_listen(world.net, &world.addresses[relay]);
}

void open_liar(uint32_t relay, uint32_t vices)
{
    const struct liar_config config = config_of(vices);

    open_liar_with(relay, &config);
}

void close_liar(uint32_t relay)
{
    struct bed *bed = &beds[relay];

    liar_free(bed->liar);
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        if (bed->streams[i].raw) {
            ck_assert_ptr_null(bed->streams[i].link);
            drop_stream(&bed->streams[i]);
        }
    }
    bed->liar = NULL;
}

uint32_t count_streams(uint32_t relay)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        count += beds[relay].streams[i].link != NULL;
    }
    return count;
}

/* --- Fixtures --- */

struct toxtcp_peer bob_at_alice;
struct toxtcp_peer alice_at_bob;

void open_world(void)
{
    world_open(0);
    memset(beds, 0, sizeof beds);
}

void close_world(void)
{
    for (uint32_t i = 0; i < LIARS; i++) {
        if (beds[i].liar) {
            close_liar(i);
        }
    }
    world_close();
}

void open_both(void)
{
    node_open(&alice, NULL);
    node_open(&bob, NULL);
    bob_at_alice = node_add(&alice, &bob);
    alice_at_bob = node_add(&bob, &alice);
    (void)node_tie(&alice, bob_at_alice, 0);
    (void)node_tie(&bob, alice_at_bob, 0);
    run(SECOND);
}

enum toxtcp_peer_state state_of_bob(void)
{
    return node_peer_info(&alice, bob_at_alice).state;
}

struct raw_client *open_raw(const struct toxtcp_key_pair *keys)
{
    struct raw_client *raw =
        raw_client_new(world.net, &world.addresses[0], &world.relay_keys[0].public_key, keys, NULL);

    settle();
    (void)raw_client_is_open(raw);
    return raw;
}

struct raw_client *open_confirmed(const struct toxtcp_key_pair *keys)
{
    struct raw_client *raw = open_raw(keys);

    ck_assert(raw_client_is_open(raw));
    raw_client_send_ping_id(raw, WIRE_PING, 7);
    settle();
    (void)raw_client_expect(raw, WIRE_PONG);
    return raw;
}

void ask(struct raw_client *raw, const struct toxtcp_public_key *key)
{
    raw_client_send_key(raw, WIRE_ROUTING_REQUEST, key);
    settle();
}

void expect_response(struct raw_client *raw, uint8_t id)
{
    ck_assert_uint_eq(raw_client_expect(raw, WIRE_ROUTING_RESPONSE)->id, id);
}
