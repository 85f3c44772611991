/* Tests of the parts of toxtcp-chat that need no network: in- and outbox, text, lines, our
 * addresses. SPDX-License-Identifier: ISC */
#include <check.h>
#include <ev.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <toxtcp/error.h>

#include "../apps/chat/inbox.h"
#include "../apps/chat/lines.h"
#include "../apps/chat/outbox.h"
#include "../apps/chat/session.h"
#include "../apps/chat/session_packet.h"
#include "../apps/chat/text.h"
#include "../apps/chat/udp.h"

START_TEST(inbox_bounds)
{
    struct inbox inbox = {.awaited = 0};
    const uint8_t *text;
    size_t len;

    ck_assert_int_eq(inbox_put(&inbox, OUTBOX_WINDOW, true, (const uint8_t *)"x", 1), INBOX_REFUSED);
    ck_assert_int_eq(inbox_put(&inbox, UINT64_MAX, true, (const uint8_t *)"x", 1), INBOX_REFUSED);
    ck_assert_int_eq(inbox_put(&inbox, OUTBOX_WINDOW - 1, true, (const uint8_t *)"z", 1), INBOX_NEW);
    ck_assert_int_eq(inbox_put(&inbox, OUTBOX_WINDOW - 1, true, (const uint8_t *)"z", 1), INBOX_KNOWN);
    ck_assert_uint_eq(inbox_held(&inbox), UINT32_C(1) << (OUTBOX_WINDOW - 2));
    ck_assert(!inbox_take(&inbox, &text, &len));
    ck_assert_int_eq(inbox_put(&inbox, 0, true, NULL, 0), INBOX_NEW);
    ck_assert(inbox_take(&inbox, &text, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_nonnull(text);
    ck_assert(!inbox_take(&inbox, &text, &len));
    ck_assert_int_eq(inbox_put(&inbox, 0, true, NULL, 0), INBOX_KNOWN);
    inbox_free(&inbox);
}
END_TEST

/* A peer that never ends its message gets no more memory than the longest message. */
START_TEST(inbox_cuts_endless_messages)
{
    struct inbox inbox = {.awaited = 0};
    uint8_t piece[SESSION_SEGMENT_MAX];
    const uint8_t *text;
    size_t len;
    size_t total = 0;

    memset(piece, 'y', sizeof piece);
    for (uint64_t i = 0; i < 100; i++) {
        ck_assert_int_eq(inbox_put(&inbox, i, i == 99, piece, sizeof piece), INBOX_NEW);
        while (inbox_take(&inbox, &text, &len)) {
            ck_assert_uint_le(len, SESSION_TEXT_MAX);
            total += len;
        }
    }
    ck_assert_uint_eq(total, 100 * sizeof piece);
    ck_assert_uint_le(inbox.size, SESSION_TEXT_MAX);
    inbox_free(&inbox);
}
END_TEST

START_TEST(outbox_keeps_its_window)
{
    struct outbox outbox;
    struct outbox_segment segment;
    uint64_t number;
    uint64_t under_way = 0;
    const struct session_way way = {.index = 1, .generation = 1};

    outbox_init(&outbox);
    for (int i = 0; i < 10; i++) {
        uint8_t text[SESSION_TEXT_MAX] = {0};

        ck_assert_int_eq(outbox_add(&outbox, text, sizeof text, 0, &number), TOXTCP_OK);
    }
    while (outbox_next(&outbox, &segment)) {
        outbox_sent(&outbox, segment.segment, way, 0);
        under_way++;
    }
    ck_assert_uint_eq(under_way, OUTBOX_WINDOW);
    ck_assert(!outbox_acknowledged(&outbox, OUTBOX_WINDOW + 1, 0, 5));
    /* Segments 0, 1 and 3 have arrived: 2 is lost, and there is room for two new ones. */
    ck_assert(outbox_acknowledged(&outbox, 2, 1, 5));
    ck_assert(outbox_next(&outbox, &segment));
    ck_assert_uint_eq(segment.segment, 2);
    ck_assert(!segment.every_way);
    outbox_sent(&outbox, 2, way, 5);
    for (uint64_t i = 0; i < 2; i++) {
        ck_assert(outbox_next(&outbox, &segment));
        ck_assert_uint_eq(segment.segment, OUTBOX_WINDOW + i);
        outbox_sent(&outbox, segment.segment, way, 5);
    }
    ck_assert(!outbox_next(&outbox, &segment));
    /* Segment 2 is under way again: what arrives meanwhile says nothing about it. */
    ck_assert(outbox_acknowledged(&outbox, 2, 7, 6));
    ck_assert(!outbox_next(&outbox, &segment));
    outbox_free(&outbox);
}
END_TEST

/* What a text looks like when it is printed. */
static void printed_as(const char *text, size_t len, const char *want)
{
    char *got = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&got, &size);

    ck_assert_ptr_nonnull(file);
    text_print(file, text, len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_str_eq(got, want);
    free(got);
}

START_TEST(text_that_is_printed)
{
    printed_as("", 0, "");
    printed_as("plain\ttext ~", 12, "plain\ttext ~");
    printed_as("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    printed_as("\0\n\r\033\x7f", 5, "\\x00\\x0a\\x0d\\x1b\\x7f");
    printed_as("\xc2\x80\xc2\x9f\xc2\xa0", 6, "\\xc2\\x80\\xc2\\x9f\xc2\xa0");
    printed_as("\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9", 12,
               "\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
    /* No UTF-8: overlong, surrogate, too large, cut off, a stray byte. */
    printed_as("\xc0\x80", 2, "\\xc0\\x80");
    printed_as("\xe0\x9f\xbf", 3, "\\xe0\\x9f\\xbf");
    printed_as("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
    printed_as("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
    printed_as("\xf5\x80", 2, "\\xf5\\x80");
    printed_as("\xe2\x82", 2, "\\xe2\\x82");
    printed_as("\x80"
               "a",
               2, "\\x80a");
}
END_TEST

START_TEST(text_that_is_cut)
{
    ck_assert_uint_eq(text_cut("abc", 3, 3), 3);
    ck_assert_uint_eq(text_cut("abcd", 4, 3), 3);
    ck_assert_uint_eq(text_cut("ab\xc3\xbc", 4, 3), 2);
    ck_assert_uint_eq(text_cut("\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8, 7), 4);
    ck_assert_uint_eq(text_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 7), 7);
    ck_assert_uint_eq(text_cut("\xf0\x9f\x98\x80", 4, 2), 2);
}
END_TEST

START_TEST(text_that_is_a_name)
{
    ck_assert(text_is_name("bob", 3));
    ck_assert(text_is_name("J\xc3\xb6rg", 5));
    ck_assert(text_is_name("12345678901234567890123456789012", 32));
    ck_assert(!text_is_name("123456789012345678901234567890123", 33));
    ck_assert(!text_is_name("", 0));
    ck_assert(!text_is_name("a b", 3));
    ck_assert(!text_is_name("a:b", 3));
    ck_assert(!text_is_name("/a", 2));
    ck_assert(!text_is_name("a\0b", 3));
    ck_assert(!text_is_name("a\033", 2));
    ck_assert(!text_is_name("a\xff", 2));
}
END_TEST

/* The same lines, in whatever pieces their bytes come. */
START_TEST(lines_in_pieces)
{
    static const char stream[] = "one\n\ntwo\n\nlast";
    static const char *const want[] = {"one", "", "two", "", "last"};
    static struct lines lines;
    size_t piece = (size_t)_i + 1;
    size_t count = 0;
    int ends_of_pipe[2];

    memset(&lines, 0, sizeof lines);
    ck_assert_int_eq(pipe(ends_of_pipe), 0);
    for (size_t done = 0; !lines.over; done += piece) {
        const char *text;
        size_t len;

        if (done >= sizeof stream - 1) {
            ck_assert_int_eq(close(ends_of_pipe[1]), 0);
        } else {
            size_t left = sizeof stream - 1 - done;

            ck_assert_int_gt(write(ends_of_pipe[1], stream + done, left < piece ? left : piece), 0);
        }
        lines_read(&lines, ends_of_pipe[0]);
        while (lines_next(&lines, &text, &len)) {
            ck_assert_uint_lt(count, 5);
            ck_assert_uint_eq(len, strlen(want[count]));
            ck_assert_mem_eq(text, want[count], len);
            count++;
        }
    }
    ck_assert_uint_eq(count, 5);
    ck_assert_int_eq(close(ends_of_pipe[0]), 0);
}
END_TEST

/* A line without end is cut where no character is. */
START_TEST(lines_that_are_too_long)
{
    static struct lines lines;
    const char *text;
    size_t len;

    memset(&lines, 0, sizeof lines);
    lines.end = sizeof lines.bytes;
    memset(lines.bytes, 'x', sizeof lines.bytes);
    memcpy(lines.bytes + LINES_MAX - 1, "\xc3\xbc", 2);
    lines.bytes[2 * LINES_MAX - 1] = '\n';
    ck_assert(lines_next(&lines, &text, &len));
    ck_assert_uint_eq(len, LINES_MAX - 1);
    ck_assert(lines_next(&lines, &text, &len));
    ck_assert_uint_eq(len, LINES_MAX);
    ck_assert(!lines_next(&lines, &text, &len));
}
END_TEST

static struct toxtcp_address outside_address(uint16_t port)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = port};
}

static bool is_announced(struct udp *udp, uint16_t port)
{
    struct toxtcp_address addresses[SESSION_ADDRESSES_MAX];
    struct toxtcp_address wanted = outside_address(port);
    size_t count = udp_addresses(udp, addresses);

    for (size_t i = 0; i < count; i++) {
        if (toxtcp_address_equal(&addresses[i], &wanted)) {
            return true;
        }
    }
    return false;
}

static bool see(struct udp *udp, const char *peer, uint16_t port)
{
    struct toxtcp_address address = outside_address(port);

    return udp_seen_at(udp, peer, &address);
}

static void ignore_datagram(void *user, const struct toxtcp_address *from, const uint8_t *packet, size_t len)
{
    (void)user;
    (void)from;
    (void)packet;
    (void)len;
}

/* A peer that sees us at ever other addresses does not make us forget what another one says. */
START_TEST(addresses_that_peers_see)
{
    static const char honest[] = "honest";
    static const char liar[] = "liar";
    struct udp_options options = {.port = 0};
    struct ev_loop *loop = ev_loop_new(0);
    struct problem problem;
    struct udp *udp = NULL;

    ck_assert_ptr_nonnull(loop);
    ck_assert_int_eq(udp_new(loop, &options, ignore_datagram, NULL, &udp, &problem), 0);
    ck_assert(see(udp, honest, 1000));
    ck_assert(!see(udp, honest, 1000));
    ck_assert(!see(udp, liar, 1000));
    for (uint16_t port = 2000; port < 2010; port++) {
        ck_assert(see(udp, liar, port));
        ck_assert(is_announced(udp, port));
        ck_assert(!is_announced(udp, port - 1));
        ck_assert(is_announced(udp, 1000));
    }
    ck_assert(see(udp, honest, 1001));
    ck_assert(!is_announced(udp, 1000));
    ck_assert(is_announced(udp, 1001));
    ck_assert(is_announced(udp, 2009));
    udp_free(udp);
    ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat_parts");
    TCase *test_case = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(test_case, inbox_bounds);
    tcase_add_test(test_case, inbox_cuts_endless_messages);
    tcase_add_test(test_case, outbox_keeps_its_window);
    tcase_add_test(test_case, text_that_is_printed);
    tcase_add_test(test_case, text_that_is_cut);
    tcase_add_test(test_case, text_that_is_a_name);
    tcase_add_loop_test(test_case, lines_in_pieces, 0, 15);
    tcase_add_test(test_case, lines_that_are_too_long);
    tcase_add_test(test_case, addresses_that_peers_see);
    suite_add_tcase(suite, test_case);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
