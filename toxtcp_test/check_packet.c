/* Packets: every kind with every length, from either side, against section 3's table written out once more.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "packet.h"

enum { CLIENT = PACKET_FROM_CLIENT, RELAY = PACKET_FROM_RELAY, LEN_MAX = WIRE_PLAIN_MAX + 3 };

/* Whole plaintexts, the kind's byte included. */
struct rule {
    int senders;
    size_t fixed;    /* the least that makes the fixed fields whole */
    size_t data_min; /* of what follows them */
    size_t data_max;
};

static struct rule rule_of(uint8_t kind)
{
    switch (kind) {
    case 0x00:
        return (struct rule){CLIENT, 33, 0, 0};
    case 0x01:
        return (struct rule){RELAY, 34, 0, 0};
    case 0x02:
        return (struct rule){RELAY, 2, 0, 0};
    case 0x03:
        return (struct rule){CLIENT | RELAY, 2, 0, 0};
    case 0x04:
    case 0x05:
        return (struct rule){CLIENT | RELAY, 9, 0, 0};
    case 0x06:
        return (struct rule){CLIENT, 33, 1, 1024};
    case 0x07:
        return (struct rule){RELAY, 33, 1, 1024};
    case 0x08:
        return (struct rule){CLIENT, 1, 24 + 154, 24 + 1335};
    case 0x09:
    case 0x0b:
        return (struct rule){RELAY, 1, 1, 2031};
    case 0x0a:
        return (struct rule){CLIENT, 1, 7, 19 + 1792};
    default:
        return kind < 0x10 ? (struct rule){0, 0, 0, 0} : (struct rule){CLIENT | RELAY, 1, 1, 2031};
    }
}

static int expected(const struct rule *rule, int sender, size_t len)
{
    if (!(rule->senders & sender) || len < rule->fixed) {
        return TOXTCP_ERR_PROTOCOL;
    }
    if (len - rule->fixed < rule->data_min) {
        return TOXTCP_ERR_EMPTY;
    }
    if (len - rule->fixed > rule->data_max) {
        return rule->data_max ? TOXTCP_ERR_TOO_LONG : TOXTCP_ERR_PROTOCOL;
    }
    return TOXTCP_OK;
}

static void fill(uint8_t *plain, uint8_t kind)
{
    for (size_t i = 0; i < LEN_MAX; i++) {
        plain[i] = (uint8_t)(7 + 11 * i);
    }
    plain[0] = kind;
}

/* What a good packet of this kind holds. */
static bool is_right(const struct packet *packet, const uint8_t *plain, size_t len)
{
    const uint8_t kind = plain[0];
    const struct rule rule = rule_of(kind);
    const bool has_id = kind == 1 || kind == 2 || kind == 3;
    const uint8_t *key = plain + (kind == 1 ? 2 : 1);
    const bool has_key = kind == 0 || kind == 1 || kind == 6 || kind == 7;

    return packet->kind == (kind < 0x10 ? (enum wire_kind)kind : WIRE_DATA) && (!has_id || packet->id == plain[1]) &&
           (kind < 0x10 || packet->id == kind) && (!has_key || memcmp(packet->key.bytes, key, 32) == 0) &&
           ((kind != 4 && kind != 5) || memcmp(packet->ping_id, plain + 1, 8) == 0) &&
           (rule.data_max == 0 || (packet->data == plain + rule.fixed && packet->data_len == len - rule.fixed));
}

static bool decodes_as_expected(const uint8_t *plain, size_t len, int sender)
{
    const struct rule rule = rule_of(plain[0]);
    struct packet packet;
    struct packet before;

    memset(&packet, 0x5a, sizeof packet);
    before = packet;
    const int error = packet_decode(plain, len, (enum packet_sender)sender, &packet);
    return error == expected(&rule, sender, len) &&
           (error ? memcmp(&packet, &before, sizeof packet) == 0 : is_right(&packet, plain, len));
}

START_TEST(every_kind_and_length)
{
    uint8_t plain[LEN_MAX];

    fill(plain, (uint8_t)_i);
    for (size_t len = 1; len <= LEN_MAX; len++) {
        for (int sender = CLIENT; sender <= RELAY; sender++) {
            if (!decodes_as_expected(plain, len, sender)) {
                ck_abort_msg("kind %d, length %zu, sender %d", _i, len, sender);
            }
        }
    }
}
END_TEST

/* Around the bounds, with copies of exactly that length, so that a memory checker sees what is read beside them. */
START_TEST(reads_no_further)
{
    uint8_t plain[LEN_MAX];
    const struct rule rule = rule_of((uint8_t)_i);
    const size_t min = rule.fixed + rule.data_min;
    const size_t max = rule.fixed + rule.data_max;
    const size_t lens[] = {1,
                           rule.fixed > 1 ? rule.fixed - 1 : 1,
                           rule.fixed ? rule.fixed : 1,
                           min > 1 ? min - 1 : 1,
                           min ? min : 1,
                           max ? max : 1,
                           max + 1};

    fill(plain, (uint8_t)_i);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint8_t *copy = malloc(lens[i]);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, plain, lens[i]);
        ck_assert(decodes_as_expected(copy, lens[i], CLIENT));
        ck_assert(decodes_as_expected(copy, lens[i], RELAY));
        free(copy);
    }
}
END_TEST

START_TEST(nothing_is_no_packet)
{
    struct packet packet;

    ck_assert_int_eq(packet_decode((const uint8_t *)"", 0, PACKET_FROM_CLIENT, &packet), TOXTCP_ERR_PROTOCOL);
    ck_assert_int_eq(packet_decode((const uint8_t *)"", 0, PACKET_FROM_RELAY, &packet), TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* "8 ping id, never 0"; a zero byte in it is nothing special. */
START_TEST(ping_ids)
{
    struct packet packet;

    for (uint8_t kind = 4; kind <= 5; kind++) {
        for (int sender = CLIENT; sender <= RELAY; sender++) {
            uint8_t plain[9] = {kind};
            ck_assert_int_eq(packet_decode(plain, 9, (enum packet_sender)sender, &packet), TOXTCP_ERR_PROTOCOL);
            for (size_t place = 1; place < 9; place++) {
                plain[place] = 0x80;
                ck_assert_int_eq(packet_decode(plain, 9, (enum packet_sender)sender, &packet), TOXTCP_OK);
                plain[place] = 0;
            }
        }
    }
}
END_TEST

static bool encodes_back(const uint8_t *plain, size_t len, int sender)
{
    uint8_t encoded[WIRE_PLAIN_MAX + 8];
    struct packet packet;

    memset(encoded, 0xcc, sizeof encoded);
    return packet_decode(plain, len, (enum packet_sender)sender, &packet) == TOXTCP_OK &&
           packet_encode(&packet, encoded) == len && memcmp(encoded, plain, len) == 0 && encoded[len] == 0xcc;
}

/* Decoded and encoded again it is the same, byte for byte. */
START_TEST(round_trip)
{
    uint8_t plain[LEN_MAX];
    const struct rule rule = rule_of((uint8_t)_i);

    fill(plain, (uint8_t)_i);
    for (size_t len = 1; len <= WIRE_PLAIN_MAX; len++) {
        for (int sender = CLIENT; sender <= RELAY; sender++) {
            if (expected(&rule, sender, len) == TOXTCP_OK && !encodes_back(plain, len, sender)) {
                ck_abort_msg("kind %d, length %zu", _i, len);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, every_kind_and_length, 0, 256);
    tcase_add_loop_test(tests, reads_no_further, 0, 256);
    tcase_add_test(tests, nothing_is_no_packet);
    tcase_add_test(tests, ping_ids);
    tcase_add_loop_test(tests, round_trip, 0, 256);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
