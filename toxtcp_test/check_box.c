/* Sealing and opening, against libsodium's crypto_box. SPDX-License-Identifier: ISC */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "box.h"
#include "support/net_env.h"
#include "vectors/vectors.h"

enum { BEFORE = 16, AFTER = 16, ALIGNMENTS = 16 };

static struct net_env test_env;
static struct box_shared_key shared;
static struct box_nonce base;

static void set_up(void)
{
    net_env_init(&test_env, 1);
    env_random(test_env.env, shared.bytes, sizeof shared.bytes);
    env_random(test_env.env, base.bytes, sizeof base.bytes);
}

static void tear_down(void)
{
    net_env_finish(&test_env);
}

/* "treated as one big-endian number": the same as 24 digits of base 256. */
static struct box_nonce nonce_after(struct box_nonce nonce, uint32_t count)
{
    uint32_t carry = count;

    for (int i = WIRE_NONCE_SIZE - 1; i >= 0; i--) {
        carry += nonce.bytes[i];
        nonce.bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return nonce;
}

static void fill_random(uint8_t *bytes, size_t len)
{
    env_random(test_env.env, bytes, len);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    return sodium_is_zero(bytes, len) == 1;
}

/* Seals with `stream` at every kind of alignment in turn, and compares with crypto_box_easy_afternm(). */
static void seal_and_compare(struct box_stream *stream, size_t len, const struct box_nonce *nonce)
{
    static uint8_t out[ALIGNMENTS + BEFORE + WIRE_BOX_MAX + AFTER];
    static uint8_t expected[ALIGNMENTS + BEFORE + WIRE_BOX_MAX + AFTER];
    static struct box_plain plain;
    static struct box_plain before;
    const size_t at = len % ALIGNMENTS + BEFORE;

    fill_random((uint8_t *)&plain, sizeof plain);
    before = plain;
    fill_random(out, sizeof out);
    memcpy(expected, out, sizeof out);
    ck_assert_int_eq(crypto_box_easy_afternm(expected + at, plain.bytes, len, nonce->bytes, shared.bytes), 0);
    box_stream_seal(stream, out + at, &plain, len);
    ck_assert_mem_eq(out, expected, sizeof out);
    ck_assert_mem_eq(plain.bytes, before.bytes, sizeof plain.bytes);
}

/* Opens what crypto_box_easy_afternm() made. */
static void open_and_compare(struct box_stream *stream, size_t len, const struct box_nonce *nonce)
{
    static uint8_t in[ALIGNMENTS + BEFORE + WIRE_BOX_MAX];
    static uint8_t kept[ALIGNMENTS + BEFORE + WIRE_BOX_MAX];
    static uint8_t message[WIRE_PLAIN_MAX];
    static struct box_plain plain;
    const size_t at = len % ALIGNMENTS + BEFORE;

    fill_random(message, sizeof message);
    fill_random(in, sizeof in);
    fill_random((uint8_t *)&plain, sizeof plain);
    ck_assert_int_eq(crypto_box_easy_afternm(in + at, message, len, nonce->bytes, shared.bytes), 0);
    memcpy(kept, in, sizeof in);
    ck_assert_int_eq(box_stream_open(stream, &plain, in + at, len + WIRE_MAC_SIZE), TOXTCP_OK);
    ck_assert_mem_eq(plain.bytes, message, len);
    ck_assert_mem_eq(in, kept, sizeof in);
}

START_TEST(seal_at_every_length)
{
    struct box_stream stream;

    box_stream_init(&stream, &shared, &base);
    for (size_t len = 1; len <= WIRE_PLAIN_MAX; len++) {
        const struct box_nonce nonce = nonce_after(base, (uint32_t)len - 1);
        ck_assert_mem_eq(stream.nonce.bytes, nonce.bytes, sizeof nonce.bytes);
        seal_and_compare(&stream, len, &nonce);
    }
}
END_TEST

START_TEST(open_at_every_length)
{
    struct box_stream stream;

    box_stream_init(&stream, &shared, &base);
    for (size_t len = 1; len <= WIRE_PLAIN_MAX; len++) {
        const struct box_nonce nonce = nonce_after(base, (uint32_t)len - 1);
        open_and_compare(&stream, len, &nonce);
    }
}
END_TEST

/* How many bytes at the nonce's end are 0xff: 300 packets carry into the byte before them. */
START_TEST(nonce_carries)
{
    struct box_stream sending;
    struct box_stream receiving;

    memset(base.bytes + WIRE_NONCE_SIZE - _i, 0xff, (size_t)_i);
    base.bytes[WIRE_NONCE_SIZE - 1] = 0x60;
    box_stream_init(&sending, &shared, &base);
    box_stream_init(&receiving, &shared, &base);
    for (uint32_t i = 0; i < 300; i++) {
        const struct box_nonce nonce = nonce_after(base, i);
        seal_and_compare(&sending, 1 + i % 100, &nonce);
        open_and_compare(&receiving, 1 + i % 100, &nonce);
    }
}
END_TEST

START_TEST(nonce_increment)
{
    struct box_nonce nonce = {{0}};
    static const struct box_nonce zero;

    for (size_t place = 0; place < WIRE_NONCE_SIZE; place++) {
        struct box_nonce expected = {{0}};
        memset(nonce.bytes, 0, sizeof nonce.bytes);
        memset(nonce.bytes + place + 1, 0xff, WIRE_NONCE_SIZE - place - 1);
        expected.bytes[place] = 1;
        box_nonce_increment(&nonce);
        ck_assert_mem_eq(nonce.bytes, expected.bytes, sizeof nonce.bytes);
    }
    memset(nonce.bytes, 0xff, sizeof nonce.bytes);
    box_nonce_increment(&nonce);
    ck_assert_mem_eq(nonce.bytes, zero.bytes, sizeof nonce.bytes);
}
END_TEST

static const size_t flipped_lens[] = {1, 16, 17, 31, 32, 33, 64, 100, 512, 1373, WIRE_PLAIN_MAX};

/* Each bit of the box: none may be opened, and nothing of it gets out. */
START_TEST(flipped_bits)
{
    static uint8_t box[BEFORE + WIRE_BOX_MAX];
    static struct box_plain plain;
    struct box_stream fresh;
    const size_t len = flipped_lens[_i];
    uint32_t opened = 0;

    box_stream_init(&fresh, &shared, &base);
    ck_assert_int_eq(crypto_box_easy_afternm(box + BEFORE, plain.bytes, len, base.bytes, shared.bytes), 0);
    for (size_t bit = 0; bit < 8 * (len + WIRE_MAC_SIZE); bit++) {
        struct box_stream stream = fresh;
        box[BEFORE + bit / 8] ^= (uint8_t)(1U << bit % 8);
        opened += box_stream_open(&stream, &plain, box + BEFORE, len + WIRE_MAC_SIZE) != TOXTCP_ERR_PROTOCOL;
        opened += !is_zero(plain.bytes, sizeof plain.bytes);
        box[BEFORE + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_uint_eq(opened, 0);
    ck_assert_int_eq(box_stream_open(&fresh, &plain, box + BEFORE, len + WIRE_MAC_SIZE), TOXTCP_OK);
}
END_TEST

/* Replayed, out of order, under another key, cut or longer: none opens. */
START_TEST(wrong_box)
{
    static uint8_t boxes[2][BEFORE + 200];
    static struct box_plain plain;
    struct box_stream sending;
    struct box_stream receiving;

    box_stream_init(&sending, &shared, &base);
    box_stream_seal(&sending, boxes[0] + BEFORE, &plain, 100);
    box_stream_seal(&sending, boxes[1] + BEFORE, &plain, 100);
    ck_assert_mem_ne(boxes[0] + BEFORE, boxes[1] + BEFORE, 116);

    box_stream_init(&receiving, &shared, &base);
    ck_assert_int_eq(box_stream_open(&receiving, &plain, boxes[1] + BEFORE, 116), TOXTCP_ERR_PROTOCOL);
    box_stream_init(&receiving, &shared, &base);
    ck_assert_int_eq(box_stream_open(&receiving, &plain, boxes[0] + BEFORE, 116), TOXTCP_OK);
    ck_assert_int_eq(box_stream_open(&receiving, &plain, boxes[0] + BEFORE, 116), TOXTCP_ERR_PROTOCOL);
    for (size_t len = WIRE_BOX_MIN; len <= 200; len++) {
        box_stream_init(&receiving, &shared, &base);
        ck_assert_int_eq(box_stream_open(&receiving, &plain, boxes[0] + BEFORE, len),
                         len == 116 ? TOXTCP_OK : TOXTCP_ERR_PROTOCOL);
    }
    shared.bytes[0] ^= 1;
    box_stream_init(&receiving, &shared, &base);
    ck_assert_int_eq(box_stream_open(&receiving, &plain, boxes[0] + BEFORE, 116), TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* "`plain` keeps its bytes, so that it can be sealed again": a packet that goes on to others. */
START_TEST(sealed_again)
{
    static struct box_plain plain;
    uint8_t in[BEFORE + 116] = {0};
    uint8_t out[BEFORE + 116];
    uint8_t opened[100];
    struct box_stream one;
    struct box_stream other;

    fill_random(plain.bytes, 100);
    ck_assert_int_eq(crypto_box_easy_afternm(in + BEFORE, plain.bytes, 100, base.bytes, shared.bytes), 0);
    box_stream_init(&one, &shared, &base);
    ck_assert_int_eq(box_stream_open(&one, &plain, in + BEFORE, 116), TOXTCP_OK);
    for (uint32_t i = 0; i < 3; i++) {
        box_stream_init(&other, &shared, &base);
        box_stream_seal(&other, out + BEFORE, &plain, 100);
        ck_assert_int_eq(crypto_box_open_easy_afternm(opened, out + BEFORE, 116, base.bytes, shared.bytes), 0);
        ck_assert_mem_eq(opened, plain.bytes, 100);
    }
}
END_TEST

START_TEST(once)
{
    uint8_t plain[72];
    uint8_t out[88];
    uint8_t expected[88];
    uint8_t opened[72];

    fill_random(plain, sizeof plain);
    ck_assert_int_eq(crypto_box_easy_afternm(expected, plain, sizeof plain, base.bytes, shared.bytes), 0);
    box_seal_once(out, plain, sizeof plain, &base, &shared);
    ck_assert_mem_eq(out, expected, sizeof out);
    ck_assert_int_eq(box_open_once(opened, out, sizeof out, &base, &shared), TOXTCP_OK);
    ck_assert_mem_eq(opened, plain, sizeof plain);
    for (size_t bit = 0; bit < 8 * sizeof out; bit++) {
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_int_eq(box_open_once(opened, out, sizeof out, &base, &shared), TOXTCP_ERR_PROTOCOL);
        out[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

START_TEST(shared_keys)
{
    for (size_t i = 0; i < VECTOR_CONVERSATIONS; i++) {
        const struct vector_conversation *vector = &vector_conversations[i];
        struct toxtcp_public_key theirs;
        struct toxtcp_secret_key ours;
        struct box_shared_key made;
        ck_assert_int_eq(crypto_scalarmult_base(theirs.bytes, vector->relay_temporary), 0);
        memcpy(ours.bytes, vector->client_temporary, sizeof ours.bytes);
        ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_OK);
        ck_assert_mem_eq(made.bytes, vector->session_key, sizeof made.bytes);
    }
}
END_TEST

/* The points of small order, for which every secret key gives the same shared one; and keys with the bit that X25519
 * ignores: they would be second names of the same key. */
START_TEST(keys_that_nobody_has)
{
    static const uint8_t order_8[2][32] = {
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
         0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
         0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    };
    struct toxtcp_public_key theirs = {{0}};
    struct toxtcp_secret_key ours;
    struct box_shared_key made;

    fill_random(ours.bytes, sizeof ours.bytes);
    ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_ERR_INVALID);
    theirs.bytes[0] = 1;
    ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_ERR_INVALID);
    for (size_t i = 0; i < 2; i++) {
        memcpy(theirs.bytes, order_8[i], 32);
        ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_ERR_INVALID);
    }
    memcpy(theirs.bytes, vector_conversations[0].relay_public, 32);
    ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_OK);
    theirs.bytes[31] |= 0x80;
    ck_assert_int_eq(box_shared_key_make(&made, &theirs, &ours), TOXTCP_ERR_INVALID);
}
END_TEST

START_TEST(wipe)
{
    uint8_t memory[100];

    memset(memory, 0x5a, sizeof memory);
    box_wipe(memory + 1, 98);
    ck_assert_uint_eq(memory[0], 0x5a);
    ck_assert(is_zero(memory + 1, 98));
    ck_assert_uint_eq(memory[99], 0x5a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("box");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, seal_at_every_length);
    tcase_add_test(tests, open_at_every_length);
    tcase_add_loop_test(tests, nonce_carries, 1, WIRE_NONCE_SIZE + 1);
    tcase_add_test(tests, nonce_increment);
    tcase_add_loop_test(tests, flipped_bits, 0, sizeof flipped_lens / sizeof flipped_lens[0]);
    tcase_add_test(tests, wrong_box);
    tcase_add_test(tests, sealed_again);
    tcase_add_test(tests, once);
    tcase_add_test(tests, shared_keys);
    tcase_add_test(tests, keys_that_nobody_has);
    tcase_add_test(tests, wipe);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
