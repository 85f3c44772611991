/* The sealed packet stream: known answers, every cut, every lie, every failed allocation. SPDX-License-Identifier: ISC
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "channel.h"
#include "support/net_env.h"
#include "support/vector_env.h"

enum { STREAM_MAX = WIRE_REQUEST_SIZE + VECTOR_STREAM_MAX, RUBBISH = 5000 };

/* --- A reader: one side of a known conversation, to which the other side's recorded bytes are fed --- */

struct reader {
    struct vector_env env;
    const struct vector_conversation *vector;
    bool client;
    struct channel channel;
    struct toxtcp_key_pair keys;
    bool opened;
    size_t packets;
    uint8_t rest[STREAM_MAX]; /* what the other side sends, whole */
    size_t rest_len;
};

static size_t frames_len(const struct vector_conversation *vector)
{
    size_t len = 0;

    for (size_t i = 0; i < vector->frame_count; i++) {
        len += WIRE_FRAME_OVERHEAD + vector->plain_lens[i];
    }
    return len;
}

static void record(struct reader *reader)
{
    const struct vector_conversation *vector = reader->vector;
    const size_t first = reader->client ? sizeof vector->response : sizeof vector->request;

    memcpy(reader->rest, reader->client ? vector->response : vector->request, first);
    memcpy(reader->rest + first, reader->client ? vector->relay_frames : vector->client_frames, frames_len(vector));
    reader->rest_len = first + frames_len(vector);
}

static void reader_init(struct reader *reader, const struct vector_conversation *vector, bool client)
{
    *reader = (struct reader){.vector = vector, .client = client, .keys = vector_keys(vector, client)};
    record(reader);
    vector_env_init(&reader->env);
    vector_env_play(&reader->env, vector, client);
    if (client) {
        const struct toxtcp_key_pair relay = vector_keys(vector, false);
        ck_assert_int_eq(channel_connect(&reader->channel, reader->env.env, &reader->keys, &relay.public_key),
                         TOXTCP_OK);
    }
}

static void reader_finish(struct reader *reader)
{
    channel_free(&reader->channel, reader->env.env);
    vector_env_finish(&reader->env);
}

static void reader_take(struct reader *reader, const struct box_plain *plain, size_t len)
{
    uint8_t expected[WIRE_PLAIN_MAX];

    if (reader->packets >= reader->vector->frame_count || len != reader->vector->plain_lens[reader->packets]) {
        ck_abort_msg("packet %zu of length %zu", reader->packets, len);
    }
    vector_plain(reader->vector, !reader->client, reader->packets, expected);
    if (memcmp(plain->bytes, expected, len) != 0) {
        ck_abort_msg("packet %zu has other bytes", reader->packets);
    }
    reader->packets++;
}

/* One event of the input. */
static int reader_next(struct reader *reader, struct channel_input *input)
{
    static struct box_plain plain;
    struct toxtcp_public_key client_key;
    size_t len = 0;
    const int event = channel_next(&reader->channel, reader->env.env, input, reader->client ? NULL : &reader->keys,
                                   reader->client ? NULL : &client_key, &plain, &len);

    if (event == CHANNEL_OPENED) {
        ck_assert(!reader->opened);
        ck_assert(reader->client || memcmp(client_key.bytes, reader->vector->client_public, 32) == 0);
        reader->opened = true;
    } else if (event == CHANNEL_PACKET) {
        reader_take(reader, &plain, len);
    }
    return event;
}

/* Feeds a copy of exactly that length, so that a memory checker sees every byte read beside it. 0, or an error. */
static int feed(struct reader *reader, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = net_must(malloc(len ? len : 1));
    struct channel_input input = {copy, len, 0};
    int event;

    memcpy(copy, bytes, len);
    do {
        event = reader_next(reader, &input);
    } while (event > 0);
    if ((event == CHANNEL_NOTHING && input.used != len) || memcmp(copy, bytes, len) != 0) {
        ck_abort_msg("input is left, or was changed");
    }
    free(copy);
    return event;
}

static void expect_all(const struct reader *reader)
{
    ck_assert(reader->opened);
    ck_assert_uint_eq(reader->packets, reader->vector->frame_count);
    ck_assert_ptr_null(reader->channel.in.block);
    ck_assert_ptr_null(reader->channel.handshake);
}

/* --- Known answers --- */

static void send_frames(struct reader *reader)
{
    for (size_t i = 0; i < reader->vector->frame_count; i++) {
        struct box_plain plain;
        vector_plain(reader->vector, reader->client, i, plain.bytes);
        ck_assert_int_eq(channel_send(&reader->channel, reader->env.env, &plain, reader->vector->plain_lens[i]),
                         TOXTCP_OK);
    }
}

/* The handshake and all frames of our side, byte for byte as PyNaCl made them. */
static void expect_output(const struct reader *reader)
{
    const struct vector_conversation *vector = reader->vector;
    const uint8_t *out = buffer_peek(&reader->channel.out);
    const size_t first = reader->client ? sizeof vector->request : sizeof vector->response;

    ck_assert_uint_eq(buffer_len(&reader->channel.out), first + frames_len(vector));
    ck_assert_mem_eq(out, reader->client ? vector->request : vector->response, first);
    ck_assert_mem_eq(out + first, reader->client ? vector->client_frames : vector->relay_frames, frames_len(vector));
}

/* Odd numbers: the client's side. */
START_TEST(known_conversation)
{
    static struct reader reader;

    reader_init(&reader, &vector_conversations[_i / 2], _i % 2);
    ck_assert_int_eq(feed(&reader, reader.rest, reader.rest_len), CHANNEL_NOTHING);
    expect_all(&reader);
    send_frames(&reader);
    expect_output(&reader);
    reader_finish(&reader);
}
END_TEST

/* --- Cuts --- */

START_TEST(every_cut_into_two)
{
    static struct reader reader;
    const struct vector_conversation *vector = &vector_conversations[_i / 2];

    reader_init(&reader, vector, _i % 2);
    const size_t len = reader.rest_len;
    reader_finish(&reader);
    for (size_t cut = 0; cut <= len; cut++) {
        reader_init(&reader, vector, _i % 2);
        ck_assert_int_eq(feed(&reader, reader.rest, cut), CHANNEL_NOTHING);
        ck_assert_int_eq(feed(&reader, reader.rest + cut, len - cut), CHANNEL_NOTHING);
        expect_all(&reader);
        reader_finish(&reader);
    }
}
END_TEST

START_TEST(pieces_of_every_size)
{
    static struct reader reader;

    for (size_t piece = 1; piece <= 200; piece++) {
        reader_init(&reader, &vector_conversations[_i / 2], _i % 2);
        for (size_t at = 0; at < reader.rest_len; at += piece) {
            const size_t len = piece < reader.rest_len - at ? piece : reader.rest_len - at;
            ck_assert_int_eq(feed(&reader, reader.rest + at, len), CHANNEL_NOTHING);
        }
        expect_all(&reader);
        reader_finish(&reader);
    }
}
END_TEST

START_TEST(random_pieces)
{
    static struct reader reader;
    struct net_env random;

    net_env_init(&random, (uint64_t)_i);
    for (uint32_t round = 0; round < 100; round++) {
        reader_init(&reader, &vector_conversations[_i / 2], _i % 2);
        for (size_t at = 0; at < reader.rest_len;) {
            const size_t want = net_env_random(&random) % 60;
            const size_t len = want < reader.rest_len - at ? want : reader.rest_len - at;
            ck_assert_int_eq(feed(&reader, reader.rest + at, len), CHANNEL_NOTHING);
            at += len;
        }
        expect_all(&reader);
        reader_finish(&reader);
    }
    net_env_finish(&random);
}
END_TEST

/* --- Lies --- */

/* A prefix of the stream opens what is whole in it and waits for the rest. */
START_TEST(truncated)
{
    static struct reader reader;

    reader_init(&reader, &vector_conversations[0], _i);
    size_t at = _i ? WIRE_RESPONSE_SIZE : WIRE_REQUEST_SIZE;
    ck_assert_int_eq(feed(&reader, reader.rest, at - 1), CHANNEL_NOTHING);
    ck_assert(!reader.opened);
    ck_assert_int_eq(feed(&reader, reader.rest + at - 1, 1), CHANNEL_NOTHING);
    ck_assert(reader.opened);
    for (size_t i = 0; i < reader.vector->frame_count; i++) {
        const size_t len = WIRE_FRAME_OVERHEAD + reader.vector->plain_lens[i];
        ck_assert_int_eq(feed(&reader, reader.rest + at, len - 1), CHANNEL_NOTHING);
        ck_assert_uint_eq(reader.packets, i);
        ck_assert_int_eq(feed(&reader, reader.rest + at + len - 1, 1), CHANNEL_NOTHING);
        ck_assert_uint_eq(reader.packets, i + 1);
        at += len;
    }
    reader_finish(&reader);
}
END_TEST

static void open_reader(struct reader *reader, bool client)
{
    reader_init(reader, &vector_conversations[0], client);
    ck_assert_int_eq(feed(reader, reader->rest, client ? WIRE_RESPONSE_SIZE : WIRE_REQUEST_SIZE), CHANNEL_NOTHING);
    ck_assert(reader->opened);
}

/* "A length over 2048, or under 17, or a box that does not open: the connection is dead." At once: not when the bytes
 * that it promises have come. */
START_TEST(every_length)
{
    static struct reader reader;

    for (uint32_t len = 0; len <= 0xffff; len += len < 20 || (len > 2040 && len < 2060) ? 1 : 97) {
        const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
        const int expected = len >= 17 && len <= 2048 ? CHANNEL_NOTHING : TOXTCP_ERR_PROTOCOL;
        open_reader(&reader, _i);
        ck_assert_int_eq(feed(&reader, head, 2), expected);
        reader_finish(&reader);
        open_reader(&reader, _i);
        ck_assert_int_eq(feed(&reader, head, 1), CHANNEL_NOTHING);
        ck_assert_int_eq(feed(&reader, head + 1, 1), expected);
        reader_finish(&reader);
    }
}
END_TEST

static const uint16_t named_lens[] = {0, 1, 16, 17, 2048, 2049, 0xffff};

/* Forged frames of these lengths, whole: never a packet. */
START_TEST(forged_frames)
{
    static struct reader reader;
    static uint8_t frame[2 + 0xffff];

    for (size_t i = 0; i < sizeof named_lens / sizeof named_lens[0]; i++) {
        frame[0] = (uint8_t)(named_lens[i] >> 8);
        frame[1] = (uint8_t)named_lens[i];
        open_reader(&reader, _i);
        ck_assert_int_eq(feed(&reader, frame, 2U + named_lens[i]), TOXTCP_ERR_PROTOCOL);
        ck_assert_uint_eq(reader.packets, 0);
        reader_finish(&reader);
    }
}
END_TEST

/* What was whole before the rubbish comes out, then the channel is dead. */
START_TEST(trailing_garbage)
{
    static struct reader reader;
    static uint8_t stream[STREAM_MAX + RUBBISH];

    for (uint32_t fill = 0; fill < 256; fill++) {
        reader_init(&reader, &vector_conversations[0], _i);
        memcpy(stream, reader.rest, reader.rest_len);
        memset(stream + reader.rest_len, (int)fill, RUBBISH);
        ck_assert_int_eq(feed(&reader, stream, reader.rest_len + RUBBISH), TOXTCP_ERR_PROTOCOL);
        ck_assert_uint_eq(reader.packets, reader.vector->frame_count);
        reader_finish(&reader);
    }
}
END_TEST

/* Each bit of the other side's handshake message. */
START_TEST(flipped_handshake)
{
    static struct reader reader;
    const size_t len = _i ? WIRE_RESPONSE_SIZE : WIRE_REQUEST_SIZE;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        reader_init(&reader, &vector_conversations[0], _i);
        reader.rest[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const int error = feed(&reader, reader.rest, reader.rest_len);
        ck_assert_msg(error == TOXTCP_ERR_WRONG_KEY && !reader.opened, "bit %zu: %d", bit, error);
        /* No answer to who cannot have asked. */
        ck_assert_uint_eq(buffer_len(&reader.channel.out), _i ? WIRE_REQUEST_SIZE : 0);
        reader_finish(&reader);
    }
}
END_TEST

/* Each bit of the first frame, its length too: not one packet, whatever follows. */
START_TEST(flipped_frame)
{
    static struct reader reader;
    static const uint8_t more[RUBBISH];
    const size_t first = _i ? WIRE_RESPONSE_SIZE : WIRE_REQUEST_SIZE;
    const size_t len = WIRE_FRAME_OVERHEAD + vector_conversations[0].plain_lens[0];

    for (size_t bit = 0; bit < 8 * len; bit++) {
        reader_init(&reader, &vector_conversations[0], _i);
        reader.rest[first + bit / 8] ^= (uint8_t)(1U << bit % 8);
        int error = feed(&reader, reader.rest, reader.rest_len);
        if (!error) {
            error = feed(&reader, more, sizeof more);
        }
        ck_assert_int_eq(error, TOXTCP_ERR_PROTOCOL);
        ck_assert_uint_eq(reader.packets, 0);
        reader_finish(&reader);
    }
}
END_TEST

/* --- Two channels that talk, with memory that is counted and may fail --- */

struct pair {
    struct net_env env;
    struct channel client;
    struct channel relay;
    struct toxtcp_key_pair client_keys;
    struct toxtcp_key_pair relay_keys;
    uint32_t packets;
};

static void pair_init(struct pair *pair, uint64_t seed)
{
    memset(pair, 0, sizeof *pair);
    net_env_init(&pair->env, seed);
    toxtcp_key_pair_generate(pair->env.env, &pair->client_keys);
    toxtcp_key_pair_generate(pair->env.env, &pair->relay_keys);
}

static void pair_finish(struct pair *pair)
{
    channel_free(&pair->client, pair->env.env);
    channel_free(&pair->relay, pair->env.env);
    net_env_finish(&pair->env);
}

/* Everything that waits in `from` goes to `to`, in pieces. 0, or an error. */
static int move(struct pair *pair, struct channel *from, struct channel *to, size_t piece)
{
    struct toxtcp_public_key client_key;
    static struct box_plain plain;
    size_t len;

    while (buffer_len(&from->out) > 0) {
        const size_t moved = piece < buffer_len(&from->out) ? piece : buffer_len(&from->out);
        struct channel_input input = {buffer_peek(&from->out), moved, 0};
        int event;
        do {
            event = channel_next(to, pair->env.env, &input, to == &pair->relay ? &pair->relay_keys : NULL, &client_key,
                                 &plain, &len);
            pair->packets += event == CHANNEL_PACKET;
        } while (event > 0);
        if (event < 0) {
            return event;
        }
        buffer_consume(&from->out, pair->env.env, moved);
    }
    return TOXTCP_OK;
}

static int send_some(struct pair *pair, struct channel *channel)
{
    static const size_t lens[] = {1, 300, 2032, 5};
    static struct box_plain plain;
    int error = TOXTCP_OK;

    for (size_t i = 0; i < 4 && !error; i++) {
        error = channel_send(channel, pair->env.env, &plain, lens[i]);
    }
    return error;
}

/* A whole conversation; the first error that comes. */
static int talk(struct pair *pair, size_t piece)
{
    int error = channel_connect(&pair->client, pair->env.env, &pair->client_keys, &pair->relay_keys.public_key);

    error = error ? error : move(pair, &pair->client, &pair->relay, piece);
    error = error ? error : move(pair, &pair->relay, &pair->client, piece);
    error = error ? error : send_some(pair, &pair->client);
    error = error ? error : move(pair, &pair->client, &pair->relay, piece);
    error = error ? error : send_some(pair, &pair->relay);
    return error ? error : move(pair, &pair->relay, &pair->client, piece);
}

/* Fails each allocation in turn; every byte comes back (pair_finish() counts). */
START_TEST(no_memory)
{
    static struct pair pair;
    const bool all_after = _i;
    uint64_t refused = 0;

    for (uint64_t nth = 1;; nth++) {
        pair_init(&pair, 7);
        net_env_fail(&pair.env, nth, all_after);
        const int error = talk(&pair, 700);
        pair_finish(&pair);
        if (!error) {
            break;
        }
        ck_assert_int_eq(error, TOXTCP_ERR_NO_MEMORY);
        refused++;
    }
    ck_assert_uint_ge(refused, 6);
    ck_assert_uint_eq(pair.packets, 8);
}
END_TEST

/* "Errors: NO_MEMORY: nothing changed": the packet takes no nonce, and goes out later. */
START_TEST(refused_send_changes_nothing)
{
    static struct pair pair;
    static struct box_plain plain;

    pair_init(&pair, 8);
    ck_assert_int_eq(talk(&pair, SIZE_MAX), TOXTCP_OK);
    toxtcp_env_trim(pair.env.env);
    const struct channel before = pair.client;
    net_env_fail(&pair.env, 1, true);
    ck_assert_int_eq(channel_send(&pair.client, pair.env.env, &plain, 100), TOXTCP_ERR_NO_MEMORY);
    ck_assert_mem_eq(&pair.client, &before, sizeof before);
    net_env_fail(&pair.env, 0, false);
    ck_assert_int_eq(channel_send(&pair.client, pair.env.env, &plain, 100), TOXTCP_OK);
    ck_assert_int_eq(move(&pair, &pair.client, &pair.relay, SIZE_MAX), TOXTCP_OK);
    ck_assert_uint_eq(pair.packets, 9);
    pair_finish(&pair);
}
END_TEST

/* Long-term, temporary and session secrets are in no memory that is given back, nor in the struct at its end. */
START_TEST(secrets_are_wiped)
{
    static const struct session zeros;
    static struct pair pair;
    const bool finished = _i;

    pair_init(&pair, 9);
    net_env_watch(&pair.env, pair.client_keys.secret_key.bytes);
    net_env_watch(&pair.env, pair.relay_keys.secret_key.bytes);
    ck_assert_int_eq(channel_connect(&pair.client, pair.env.env, &pair.client_keys, &pair.relay_keys.public_key),
                     TOXTCP_OK);
    net_env_watch(&pair.env, pair.client.handshake->temporary.secret_key.bytes);
    net_env_watch(&pair.env, pair.client.handshake->shared.bytes);
    ck_assert_int_eq(move(&pair, &pair.client, &pair.relay, 10), TOXTCP_OK);
    net_env_watch(&pair.env, pair.relay.session.send.shared.bytes);
    net_env_watch(&pair.env, pair.relay.session.send.subkey);
    net_env_watch(&pair.env, pair.relay.session.recv.subkey);
    if (finished) {
        ck_assert_int_eq(move(&pair, &pair.relay, &pair.client, 10), TOXTCP_OK);
        ck_assert_mem_eq(pair.client.session.send.shared.bytes, pair.relay.session.send.shared.bytes, 32);
        ck_assert_int_eq(send_some(&pair, &pair.relay), TOXTCP_OK);
        ck_assert_int_eq(move(&pair, &pair.relay, &pair.client, 10), TOXTCP_OK);
    }
    channel_free(&pair.client, pair.env.env);
    channel_free(&pair.relay, pair.env.env);
    ck_assert_mem_eq(&pair.client.session, &zeros, sizeof zeros);
    ck_assert_mem_eq(&pair.relay.session, &zeros, sizeof zeros);
    pair_finish(&pair);
}
END_TEST

/* "Buffers exist while they hold bytes." */
START_TEST(idle_holds_nothing)
{
    static struct pair pair;

    pair_init(&pair, 10);
    const size_t before = pair.env.alloc_bytes;
    ck_assert_int_eq(talk(&pair, 100), TOXTCP_OK);
    toxtcp_env_trim(pair.env.env);
    ck_assert_uint_eq(pair.env.alloc_bytes, before);
    const uint64_t count = pair.env.alloc_count;
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(send_some(&pair, &pair.client), TOXTCP_OK);
        ck_assert_int_eq(move(&pair, &pair.client, &pair.relay, 100), TOXTCP_OK);
    }
    /* A few blocks for the first packets, none for later ones. */
    ck_assert_uint_le(pair.env.alloc_count - count, 8);
    pair_finish(&pair);
}
END_TEST

START_TEST(relay_key_that_nobody_has)
{
    static struct pair pair;
    const struct toxtcp_public_key zero = {{0}};

    pair_init(&pair, 11);
    ck_assert_int_eq(channel_connect(&pair.client, pair.env.env, &pair.client_keys, &zero), TOXTCP_ERR_INVALID);
    ck_assert_ptr_null(pair.client.out.block);
    pair_finish(&pair);
}
END_TEST

START_TEST(free_of_nothing)
{
    static struct pair pair;

    pair_init(&pair, 12);
    channel_free(&pair.client, pair.env.env);
    channel_free(&pair.client, pair.env.env);
    pair_finish(&pair);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, known_conversation, 0, 2 * VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, every_cut_into_two, 0, 2 * VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, pieces_of_every_size, 0, 2 * VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, random_pieces, 0, 2 * VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, truncated, 0, 2);
    tcase_add_loop_test(tests, every_length, 0, 2);
    tcase_add_loop_test(tests, forged_frames, 0, 2);
    tcase_add_loop_test(tests, trailing_garbage, 0, 2);
    tcase_add_loop_test(tests, flipped_handshake, 0, 2);
    tcase_add_loop_test(tests, flipped_frame, 0, 2);
    tcase_add_loop_test(tests, no_memory, 0, 2);
    tcase_add_test(tests, refused_send_changes_nothing);
    tcase_add_loop_test(tests, secrets_are_wiped, 0, 2);
    tcase_add_test(tests, idle_holds_nothing);
    tcase_add_test(tests, relay_key_that_nobody_has);
    tcase_add_test(tests, free_of_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
