/* Addresses: text, packed bytes, nodes. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/address.h>
#include <toxtcp/error.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "2001:db8::1" and so on, in bytes. */
#define IPV6_DOC                                                                                                       \
    {                                                                                                                  \
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1                                                     \
    }
#define IPV6_LOCAL                                                                                                     \
    {                                                                                                                  \
        0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1                                                           \
    }
#define IPV6_MAPPED                                                                                                    \
    {                                                                                                                  \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4                                                           \
    }

struct text_case {
    const char *text;
    struct toxtcp_address address;
    const char *written; /* NULL: the same text */
};

static const struct text_case texts[] = {
    {"1.2.3.4:443", {TOXTCP_FAMILY_IPV4, {1, 2, 3, 4}, 443, 0}, NULL},
    {"0.0.0.0:0", {TOXTCP_FAMILY_IPV4, {0}, 0, 0}, NULL},
    {"255.255.255.255:65535", {TOXTCP_FAMILY_IPV4, {255, 255, 255, 255}, 65535, 0}, NULL},
    {"[2001:db8::1]:33445", {TOXTCP_FAMILY_IPV6, IPV6_DOC, 33445, 0}, NULL},
    {"[2001:0DB8:0:0:0:0:0:1]:33445", {TOXTCP_FAMILY_IPV6, IPV6_DOC, 33445, 0}, "[2001:db8::1]:33445"},
    {"[::]:1", {TOXTCP_FAMILY_IPV6, {0}, 1, 0}, NULL},
    {"[fe80::1%2]:443", {TOXTCP_FAMILY_IPV6, IPV6_LOCAL, 443, 2}, NULL},
    {"[fe80::1%4294967295]:443", {TOXTCP_FAMILY_IPV6, IPV6_LOCAL, 443, UINT32_MAX}, NULL},
    {"[::ffff:1.2.3.4]:5", {TOXTCP_FAMILY_IPV6, IPV6_MAPPED, 5, 0}, NULL},
};

START_TEST(text_both_ways)
{
    const struct text_case *one = &texts[_i];
    struct toxtcp_address address;
    char written[TOXTCP_ADDRESS_TEXT_SIZE];

    memset(&address, 0xff, sizeof address);
    ck_assert_int_eq(toxtcp_address_parse(one->text, strlen(one->text), &address), TOXTCP_OK);
    ck_assert_uint_eq(address.family, one->address.family);
    ck_assert_mem_eq(address.ip, one->address.ip, 16);
    ck_assert_uint_eq(address.port, one->address.port);
    ck_assert_uint_eq(address.scope_id, one->address.scope_id);
    ck_assert(toxtcp_address_equal(&address, &one->address));
    toxtcp_address_format(&address, written);
    ck_assert_str_eq(written, one->written ? one->written : one->text);
}
END_TEST

static const char *const bad_texts[] = {
    "",
    ":",
    "1.2.3.4",
    "1.2.3.4:",
    ":443",
    "1.2.3.4:65536",
    "1.2.3.4:-1",
    "1.2.3.4:+1",
    "1.2.3.4: 1",
    " 1.2.3.4:1",
    "1.2.3.4:1 ",
    "1.2.3.4:0x1",
    "1.2.3.4:99999999999999999999",
    "1.2.3.4:4294967739",
    "1.2.3:1",
    "1.2.3.4.5:1",
    "256.1.1.1:1",
    "1.2.3.04:1",
    "a.b.c.d:1",
    "localhost:1",
    "2001:db8::1:443",
    "::1",
    "[::1]",
    "[::1]:",
    "[::1:443",
    "::1]:443",
    "[]:1",
    "[]",
    "[:1",
    "]:1",
    "[1.2.3.4]:1",
    "[::1]443",
    "[::1]x:443",
    "[[::1]]:1",
    "[::1%]:1",
    "[::1%x]:1",
    "[::1%2x]:1",
    "[::1%-2]:1",
    "[::1%4294967296]:1",
    "[::1%%2]:1",
    "[%2]:1",
    "[::1%2%3]:1",
    "[:::1]:1",
    "[1::2::3]:1",
    "[1:2:3:4:5:6:7:8:9]:1",
    "[12345::]:1",
    "[g::]:1",
    "1.2.3.4:1:2",
    "\xff:1",
    "[\xff]:1",
    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    "11111111111111111111111111111111111111111111111111111111111111111111111111111111111:1",
};

START_TEST(bad_text)
{
    struct toxtcp_address address;
    struct toxtcp_address before;

    memset(&address, 0x5a, sizeof address);
    before = address;
    ck_assert_msg(toxtcp_address_parse(bad_texts[_i], strlen(bad_texts[_i]), &address) == TOXTCP_ERR_INVALID, "%s",
                  bad_texts[_i]);
    ck_assert_mem_eq(&address, &before, sizeof address);
}
END_TEST

/* A copy of exactly that length, so that a memory checker sees every byte read beside it. */
static int parse_exact(const char *text, size_t len, struct toxtcp_address *address)
{
    char *copy = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    const int error = toxtcp_address_parse(copy, len, address);
    free(copy);
    return error;
}

/* Every cut, and a zero in every place. */
START_TEST(cut_text)
{
    const char *text = texts[_i].text;
    struct toxtcp_address address;

    for (size_t len = 0; len < strlen(text); len++) {
        const bool digits_left = strrchr(text, ':') && len > (size_t)(strrchr(text, ':') - text) + 1;
        ck_assert_int_eq(parse_exact(text, len, &address), digits_left ? TOXTCP_OK : TOXTCP_ERR_INVALID);
    }
    for (size_t place = 0; place < strlen(text); place++) {
        char zeroed[64];
        (void)snprintf(zeroed, sizeof zeroed, "%s", text);
        zeroed[place] = '\0';
        ck_assert_int_eq(parse_exact(zeroed, strlen(text), &address), TOXTCP_ERR_INVALID);
    }
}
END_TEST

START_TEST(format_none)
{
    const struct toxtcp_address none = {0};
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    toxtcp_address_format(&none, text);
    ck_assert_str_eq(text, "none");
}
END_TEST

START_TEST(longest_text)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV6, .port = 65535, .scope_id = UINT32_MAX};
    struct toxtcp_address read;
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    memset(address.ip, 0xfe, sizeof address.ip);
    toxtcp_address_format(&address, text);
    ck_assert_str_eq(text, "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");
    ck_assert_int_eq(toxtcp_address_parse(text, strlen(text), &read), TOXTCP_OK);
    ck_assert(toxtcp_address_equal(&read, &address));
}
END_TEST

START_TEST(equality)
{
    const struct toxtcp_address address = {TOXTCP_FAMILY_IPV6, IPV6_DOC, 443, 1};
    struct toxtcp_address other = address;

    ck_assert(toxtcp_address_equal(&address, &other));
    for (size_t i = 0; i < 16; i++) {
        other.ip[i] ^= 1;
        ck_assert(!toxtcp_address_equal(&address, &other));
        other.ip[i] ^= 1;
    }
    other.port++;
    ck_assert(!toxtcp_address_equal(&address, &other));
    other = address;
    other.scope_id++;
    ck_assert(!toxtcp_address_equal(&address, &other));
    other = address;
    other.family = TOXTCP_FAMILY_IPV4;
    ck_assert(!toxtcp_address_equal(&address, &other));
}
END_TEST

struct packed_case {
    struct toxtcp_address address;
    enum toxtcp_protocol protocol;
    int size;
    uint8_t bytes[TOXTCP_ADDRESS_PACKED_MAX];
};

/* Section 8: "Family 2: UDP over IPv4; 10: UDP over IPv6; 130: TCP over IPv4; 138: TCP over IPv6." */
static const struct packed_case packed_cases[] = {
    {{TOXTCP_FAMILY_IPV4, {1, 2, 3, 4}, 0x82a5, 0}, TOXTCP_PROTOCOL_UDP, 7, {2, 1, 2, 3, 4, 0x82, 0xa5}},
    {{TOXTCP_FAMILY_IPV4, {1, 2, 3, 4}, 0x82a5, 0}, TOXTCP_PROTOCOL_TCP, 7, {130, 1, 2, 3, 4, 0x82, 0xa5}},
    {{TOXTCP_FAMILY_IPV6, IPV6_DOC, 443, 0},
     TOXTCP_PROTOCOL_UDP,
     19,
     {10, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x01, 0xbb}},
    {{TOXTCP_FAMILY_IPV6, IPV6_DOC, 443, 0},
     TOXTCP_PROTOCOL_TCP,
     19,
     {138, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x01, 0xbb}},
};

START_TEST(packed_both_ways)
{
    const struct packed_case *one = &packed_cases[_i];
    uint8_t bytes[TOXTCP_ADDRESS_PACKED_MAX + 5] = {0};
    struct toxtcp_address address;
    enum toxtcp_protocol protocol;

    memset(&address, 0xff, sizeof address);
    ck_assert_int_eq(toxtcp_address_pack(&one->address, one->protocol, bytes), one->size);
    ck_assert_mem_eq(bytes, one->bytes, sizeof one->bytes);
    /* Bytes may follow. */
    ck_assert_int_eq(toxtcp_address_unpack(bytes, sizeof bytes, &address, &protocol), one->size);
    ck_assert(toxtcp_address_equal(&address, &one->address));
    ck_assert_mem_eq(address.ip, one->address.ip, 16);
    ck_assert_int_eq(protocol, one->protocol);
}
END_TEST

/* The scope is never on the wire. */
START_TEST(scope_stays_here)
{
    const struct toxtcp_address address = {TOXTCP_FAMILY_IPV6, IPV6_LOCAL, 443, 7};
    uint8_t bytes[TOXTCP_ADDRESS_PACKED_MAX];
    struct toxtcp_address read;
    enum toxtcp_protocol protocol;

    ck_assert_int_eq(toxtcp_address_pack(&address, TOXTCP_PROTOCOL_TCP, bytes), 19);
    ck_assert_int_eq(toxtcp_address_unpack(bytes, 19, &read, &protocol), 19);
    ck_assert_uint_eq(read.scope_id, 0);
}
END_TEST

static int unpack_exact(const uint8_t *bytes, size_t len, struct toxtcp_address *address)
{
    uint8_t *copy = malloc(len ? len : 1);
    enum toxtcp_protocol protocol;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    const int taken = toxtcp_address_unpack(copy, len, address, &protocol);
    free(copy);
    return taken;
}

/* Every first byte with every length up to 25. */
START_TEST(every_family_and_length)
{
    uint8_t bytes[25] = {0};
    const struct toxtcp_address before = {.port = 77};

    for (int family = 0; family < 256; family++) {
        const int size = family == 2 || family == 130 ? 7 : family == 10 || family == 138 ? 19 : 0;
        bytes[0] = (uint8_t)family;
        for (int len = 0; len <= (int)sizeof bytes; len++) {
            struct toxtcp_address address = before;
            const int expected = size && len >= size ? size : TOXTCP_ERR_INVALID;
            ck_assert_int_eq(unpack_exact(bytes, (size_t)len, &address), expected);
            ck_assert(expected > 0 || memcmp(&address, &before, sizeof address) == 0);
        }
    }
}
END_TEST

START_TEST(no_family_is_not_packed)
{
    const struct toxtcp_node node = {0};
    uint8_t bytes[TOXTCP_NODE_PACKED_MAX];

    ck_assert_int_eq(toxtcp_address_pack(&node.address, TOXTCP_PROTOCOL_UDP, bytes), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_node_pack(&node, bytes), TOXTCP_ERR_INVALID);
}
END_TEST

/* Section 8: "A packed node is this and 32 bytes of public key (39 or 51)." */
START_TEST(nodes)
{
    const int size = _i ? 51 : 39;
    struct toxtcp_node node = {.address = packed_cases[_i ? 3 : 1].address};
    struct toxtcp_node read;
    uint8_t bytes[TOXTCP_NODE_PACKED_MAX];

    for (size_t i = 0; i < 32; i++) {
        node.public_key.bytes[i] = (uint8_t)(100 + i);
    }
    ck_assert_int_eq(toxtcp_node_pack(&node, bytes), size);
    ck_assert_uint_eq(bytes[0], _i ? 138 : 130);
    ck_assert_mem_eq(bytes + size - 32, node.public_key.bytes, 32);
    memset(&read, 0x33, sizeof read);
    const struct toxtcp_node before = read;
    for (int len = 0; len < size; len++) {
        ck_assert_int_eq(toxtcp_node_unpack(bytes, (size_t)len, &read), TOXTCP_ERR_INVALID);
        ck_assert_mem_eq(&read, &before, sizeof read);
    }
    ck_assert_int_eq(toxtcp_node_unpack(bytes, (size_t)size, &read), size);
    ck_assert(toxtcp_address_equal(&read.address, &node.address));
    ck_assert(toxtcp_public_key_equal(&read.public_key, &node.public_key));
    /* A UDP address is no relay's. */
    bytes[0] = _i ? 10 : 2;
    ck_assert_int_eq(toxtcp_node_unpack(bytes, (size_t)size, &read), TOXTCP_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("all");

    tcase_add_loop_test(tests, text_both_ways, 0, COUNT(texts));
    tcase_add_loop_test(tests, bad_text, 0, COUNT(bad_texts));
    tcase_add_loop_test(tests, cut_text, 0, COUNT(texts));
    tcase_add_test(tests, format_none);
    tcase_add_test(tests, longest_text);
    tcase_add_test(tests, equality);
    tcase_add_loop_test(tests, packed_both_ways, 0, COUNT(packed_cases));
    tcase_add_test(tests, scope_stays_here);
    tcase_add_test(tests, every_family_and_length);
    tcase_add_test(tests, no_family_is_not_packed);
    tcase_add_loop_test(tests, nodes, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
