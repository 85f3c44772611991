/* Tests of the chat's end-to-end layer, in virtual time over a network that misbehaves. SPDX-License-Identifier: ISC */
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

#include "../apps/chat/session_packet.h"
#include "check_chat_world.h"

/* --- A good network --- */

START_TEST(one_line_each_way)
{
    ck_assert_int_eq(world_say(0, "hello"), TOXTCP_OK);
    ck_assert_int_eq(world_say(1, "gr\xc3\xbc\xc3\x9f dich"), TOXTCP_OK);
    (void)world_run(1000);
    ck_assert_uint_eq(world.ends[0].shown_count, 1);
    ck_assert_str_eq(world.ends[0].shown[0], "gr\xc3\xbc\xc3\x9f dich");
    ck_assert_uint_eq(world.ends[1].shown_count, 1);
    ck_assert_str_eq(world.ends[1].shown[0], "hello");
    ck_assert_uint_eq(world.ends[0].delivered, 1);
    ck_assert_uint_eq(world.ends[1].delivered, 1);
    ck_assert(world_info_of(0).ready);
    ck_assert(world_info_of(1).ready);
    ck_assert_uint_eq(world_info_of(0).rtt_ms, 2 * DELAY_MS);
    world_assert_idle();
}
END_TEST

START_TEST(nothing_to_do_no_deadline)
{
    world_assert_idle();
    session_path_changed(world.ends[0].session, world.now_ms);
    session_path_changed(world.ends[1].session, world.now_ms);
    (void)world_run(1000);
    world_assert_idle();
    ck_assert(world_info_of(0).ready);
    ck_assert_uint_eq(world_run(24 * 3600 * 1000), 0);
}
END_TEST

START_TEST(every_length)
{
    static const size_t lengths[] = {0,
                                     1,
                                     SESSION_SEGMENT_MAX - 1,
                                     SESSION_SEGMENT_MAX,
                                     SESSION_SEGMENT_MAX + 1,
                                     2 * SESSION_SEGMENT_MAX,
                                     SESSION_TEXT_MAX - 1,
                                     SESSION_TEXT_MAX};
    static uint8_t text[SESSION_TEXT_MAX + 1];
    uint64_t number;

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7 + i / 251);
    }
    ck_assert_int_eq(session_send(world.ends[0].session, text, sizeof text, world.now_ms, &number),
                     TOXTCP_ERR_TOO_LONG);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ck_assert_int_eq(session_send(world.ends[0].session, text, lengths[i], world.now_ms, &number), TOXTCP_OK);
        ck_assert_uint_eq(number, i + 1);
        (void)world_run(1000);
        ck_assert_uint_eq(world.ends[1].shown_count, i + 1);
        ck_assert_uint_eq(world.ends[1].shown_len[i], lengths[i]);
        ck_assert_mem_eq(world.ends[1].shown[i], text, lengths[i]);
        world_assert_idle();
    }
}
END_TEST

START_TEST(the_queue_has_a_maximum)
{
    world.ends[0].refusal = TOXTCP_ERR_NOT_CONNECTED;
    world_say_numbered(0, 1, SESSION_QUEUE_MAX);
    ck_assert_int_eq(world_say(0, "one too many"), TOXTCP_ERR_FULL);
    ck_assert_uint_eq(world_info_of(0).waiting, SESSION_QUEUE_MAX);
    world.ends[0].refusal = 0;
    session_path_changed(world.ends[0].session, world.now_ms);
    (void)world_run(5000);
    world_assert_shown(1, 1, SESSION_QUEUE_MAX);
    ck_assert_uint_eq(world.ends[0].delivered, SESSION_QUEUE_MAX);
    ck_assert_int_eq(world_say(0, "again"), TOXTCP_OK);
    (void)world_run(1000);
    world_assert_idle();
}
END_TEST

/* No more packets than needed: three hellos, and data and acknowledgement for each line. */
START_TEST(no_needless_packets)
{
    world_say_numbered(0, 1, 1);
    (void)world_run(10000);
    ck_assert_uint_eq(world.record_count, 5);
    for (unsigned i = 2; i <= 101; i++) {
        world_say_numbered(0, i, i);
        (void)world_run(100);
    }
    ck_assert_uint_eq(world.record_count, 205);
    /* Only the hellos went every way. */
    ck_assert_uint_eq(world.ends[0].every_way_count, 2);
    ck_assert_uint_eq(world.ends[1].every_way_count, 1);
    world_assert_shown(1, 1, 101);
}
END_TEST

/* --- A bad network --- */

START_TEST(loss_doubles_and_disorder)
{
    world.seed = (uint64_t)_i + 1;
    world.loss_percent = 10 * ((uint32_t)_i % 5);
    world.double_percent = 20 * ((uint32_t)_i % 3);
    world.jitter_ms = _i % 2 == 0 ? 0 : 300;
    for (unsigned i = 0; i < 100; i++) {
        world_say_numbered(0, 2 * i, 2 * i + 1);
        world_say_numbered(1, 2 * i, 2 * i + 1);
        (void)world_run(world_dice(400));
        if (world_dice(10) == 0) {
            session_path_changed(world.ends[world_dice(2)].session, world.now_ms);
        }
    }
    world.loss_percent = 0;
    (void)world_run(30000);
    world_assert_shown(0, 0, 199);
    world_assert_shown(1, 0, 199);
    ck_assert_uint_eq(world.ends[0].delivered, 200);
    ck_assert_uint_eq(world.ends[1].delivered, 200);
    world_assert_idle();
}
END_TEST

/* Whichever packet is lost, and the three after it too. */
START_TEST(any_packet_lost)
{
    world.drop_from = (uint64_t)_i;
    world.drop_to = world.drop_from + 1 + (uint64_t)_i % 4;
    world_say_numbered(0, 1, 3);
    (void)world_run(200);
    world_say_numbered(1, 1, 3);
    (void)world_run(30000);
    world_assert_shown(0, 1, 3);
    world_assert_shown(1, 1, 3);
    world_assert_idle();
}
END_TEST

/* The hello that would have made us known is lost, and so what was said after it means nothing to the peer. */
START_TEST(who_asks_again_is_told_again_at_once)
{
    world.drop_from = 2;
    world.drop_to = 3;
    world_say_numbered(0, 1, 3);
    (void)world_run(5 * DELAY_MS);
    world_assert_shown(1, 1, 3);
    (void)world_run(1000);
    world_assert_idle();
}
END_TEST

START_TEST(what_is_sent_again_goes_every_way)
{
    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.drop_from = world.record_count;
    world.drop_to = world.drop_from + 1;
    world.ends[0].every_way_count = world.ends[1].every_way_count = 0;
    world_say_numbered(0, 2, 2);
    ck_assert_uint_eq(world.ends[0].every_way_count, 0);
    (void)world_run(1000);
    ck_assert_uint_eq(world.ends[0].every_way_count, 1);
    ck_assert_uint_eq(world.ends[1].every_way_count, 0);
    /* The acknowledgement gets lost: its second copy goes every way. */
    world.drop_from = world.record_count + 1;
    world.drop_to = world.drop_from + 1;
    world_say_numbered(0, 3, 3);
    (void)world_run(1000);
    ck_assert_uint_eq(world.ends[0].every_way_count, 2);
    ck_assert_uint_eq(world.ends[1].every_way_count, 1);
    world_assert_shown(1, 1, 3);
}
END_TEST

START_TEST(a_new_path_does_not_wait_for_the_timer)
{
    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.drop_from = world.record_count;
    world.drop_to = world.drop_from + 20;
    world.ends[0].every_way_count = 0;
    world_say_numbered(0, 2, 21);
    world.drop_to = world.record_count;
    session_path_changed(world.ends[0].session, world.now_ms + 1);
    ck_assert_uint_eq(world_run(DELAY_MS + 1), 1);
    world_assert_shown(1, 1, 21);
    (void)world_run(1000);
    ck_assert_uint_eq(world.ends[0].every_way_count, 0);
    world_assert_idle();
}
END_TEST

START_TEST(silence_is_asked_into_less_and_less)
{
    uint64_t before;

    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.loss_percent = 100;
    world_say_numbered(0, 2, 31);
    (void)world_run(2000);
    (void)world_run(60000);
    before = world.ends[0].sent_count;
    (void)world_run(600000);
    ck_assert_uint_eq(world.ends[0].sent_count - before, 60);
    world.loss_percent = 0;
    (void)world_run(11000);
    world_assert_shown(1, 1, 31);
    world_assert_idle();
}
END_TEST

START_TEST(silence_before_the_first_answer)
{
    world.loss_percent = 100;
    world_say_numbered(0, 1, 2);
    (void)world_run(60000);
    ck_assert_uint_le(world.ends[0].sent_count, 12);
    world.loss_percent = 0;
    (void)world_run(11000);
    world_assert_shown(1, 1, 2);
    world_assert_idle();
}
END_TEST

START_TEST(a_refused_path_has_no_timer)
{
    static const int refusals[] = {TOXTCP_ERR_NOT_CONNECTED, TOXTCP_ERR_WOULD_BLOCK};

    for (unsigned i = 0; i < 2; i++) {
        world.ends[0].refusal = refusals[i];
        world_say_numbered(0, 2 * i + 1, 2 * i + 2);
        ck_assert_uint_eq(session_deadline(world.ends[0].session), TOXTCP_NEVER);
        ck_assert_uint_eq(world_run(3600000), 0);
        world.ends[0].refusal = 0;
        session_can_send(world.ends[0].session, world.now_ms);
        (void)world_run(1000);
        world_assert_shown(1, 1, 2 * i + 2);
        world_assert_idle();
    }
}
END_TEST

START_TEST(a_path_refused_under_way)
{
    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.loss_percent = 100;
    world_say_numbered(0, 2, 5);
    world.ends[0].refusal = TOXTCP_ERR_NOT_CONNECTED;
    (void)world_run(1000);
    ck_assert_uint_eq(session_deadline(world.ends[0].session), TOXTCP_NEVER);
    (void)world_run(3600000);
    world.loss_percent = 0;
    world.ends[0].refusal = 0;
    session_path_changed(world.ends[0].session, world.now_ms);
    ck_assert_uint_gt(session_deadline(world.ends[0].session), world.now_ms);
    (void)world_run(DELAY_MS);
    world_assert_shown(1, 1, 5);
    (void)world_run(1000);
    world_assert_idle();
}
END_TEST

START_TEST(a_refused_acknowledgement_is_made_good)
{
    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.ends[1].refusal = TOXTCP_ERR_WOULD_BLOCK;
    world.ends[0].every_way_count = 0;
    world_say_numbered(0, 2, 2);
    (void)world_run(DELAY_MS);
    world_assert_shown(1, 1, 2);
    world.ends[1].refusal = 0;
    session_can_send(world.ends[1].session, world.now_ms);
    (void)world_run(DELAY_MS);
    ck_assert_uint_eq(world.ends[0].delivered, 2);
    ck_assert_uint_eq(world.ends[0].every_way_count, 0);
    world_assert_idle();
}
END_TEST

START_TEST(no_memory_counts_as_a_loss)
{
    world.ends[0].refusal = TOXTCP_ERR_NO_MEMORY;
    world_say_numbered(0, 1, 1);
    ck_assert_uint_ne(session_deadline(world.ends[0].session), TOXTCP_NEVER);
    world.ends[0].refusal = 0;
    (void)world_run(5000);
    world_assert_shown(1, 1, 1);
    world_assert_idle();
}
END_TEST

/* Nobody reads what comes: it stays with the sender, who is heard all the same. */
START_TEST(text_that_nobody_takes)
{
    world_say_numbered(0, 1, 1);
    world_say_numbered(1, 1, 1);
    (void)world_run(1000);
    world.ends[1].deaf = true;
    world_say_numbered(0, 2, 3);
    world_say_numbered(1, 2, 3);
    (void)world_run(5000);
    world_assert_shown(1, 1, 1);
    world_assert_shown(0, 1, 3);
    ck_assert_uint_eq(world.ends[0].delivered, 1);
    ck_assert_uint_eq(world.ends[1].delivered, 3);
    world.ends[1].deaf = false;
    (void)world_run(20000);
    world_assert_shown(1, 1, 3);
    world_assert_idle();
}
END_TEST

/* The relay that takes over is far away: answers come after the time-out that fitted the one before. */
START_TEST(a_slower_way_is_learned)
{
    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    world.relay++;
    world.delay_ms = 400;
    for (unsigned i = 6; i <= 105; i++) {
        world_say_numbered(0, i, i);
        (void)world_run(2000);
    }
    world_assert_shown(1, 1, 105);
    ck_assert_uint_le(world_info_of(0).segments_sent, 105 + 5);
}
END_TEST

/* The best way is dead from the start and another one works: nobody waits for the dead one to be found out. */
START_TEST(hellos_go_every_way)
{
    world.frozen = true;
    session_path_changed(world.ends[0].session, world.now_ms);
    (void)world_run(4 * DELAY_MS);
    ck_assert(world_info_of(0).ready);
    ck_assert(world_info_of(1).ready);
    world_say_numbered(0, 1, 1);
    (void)world_run(1000 + 2 * DELAY_MS);
    world_assert_shown(1, 1, 1);
    (void)world_run(3000);
    ck_assert_uint_eq(world.ends[0].delivered, 1);
    world_assert_idle();
}
END_TEST

/* Answers come, but only to what went every way: the reports tell. */
START_TEST(what_becomes_of_segments_is_told)
{
    const struct end *end = &world.ends[0];

    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    ck_assert_uint_eq(end->arrived[BEST_WAY], 5);
    ck_assert_uint_eq(end->lost[BEST_WAY] + end->lost[EVERY_WAY], 0);
    world.frozen = true;
    for (unsigned i = 6; i <= 8; i++) {
        world_say_numbered(0, i, i);
        (void)world_run(1500);
        ck_assert_uint_eq(end->delivered, i);
        ck_assert_uint_eq(end->arrived[BEST_WAY], 5);
        ck_assert_uint_eq(end->lost[BEST_WAY], i - 5);
        ck_assert_uint_eq(end->arrived[EVERY_WAY], i - 5);
    }
    world_assert_shown(1, 1, 8);
    world_assert_idle();
}
END_TEST

/* The answer is only late: what was sent again in vain had arrived the first way. */
START_TEST(a_late_answer_is_the_first_ones)
{
    const struct end *end = &world.ends[0];

    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    world.ends[1].away = true;
    world_say_numbered(0, 6, 6);
    (void)world_run(185);
    world.ends[1].away = false;
    session_receive(world.ends[1].session, world.record[world.record_count - 1].bytes,
                    world.record[world.record_count - 1].len, world.now_ms);
    (void)world_run(5000);
    ck_assert_uint_eq(end->delivered, 6);
    ck_assert_uint_eq(end->lost[BEST_WAY], 1);
    ck_assert_uint_eq(end->arrived[BEST_WAY], 6);
}
END_TEST

/* --- Programs that start again --- */

START_TEST(the_receiver_restarts)
{
    world_say_numbered(0, 1, 10);
    (void)world_run(1000);
    world.loss_percent = 100;
    world_say_numbered(0, 11, 20);
    (void)world_run(100);
    world_restart(&world.ends[1]);
    world.loss_percent = 0;
    (void)world_run(20000);
    world_assert_shown(1, 11, 20);
    ck_assert_uint_eq(world.ends[0].delivered, 20);
    world_say_numbered(1, 1, 5);
    (void)world_run(1000);
    world_assert_shown(0, 1, 5);
    world_assert_idle();
}
END_TEST

START_TEST(the_receiver_restarts_in_the_middle_of_a_message)
{
    static uint8_t text[SESSION_TEXT_MAX];
    uint64_t number;

    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world.drop_from = world.record_count + 4;
    world.drop_to = world.drop_from + 1000;
    memset(text, 'x', sizeof text);
    ck_assert_int_eq(session_send(world.ends[0].session, text, sizeof text, world.now_ms, &number), TOXTCP_OK);
    (void)world_run(100);
    ck_assert_uint_eq(world.ends[1].shown_count, 1);
    world_restart(&world.ends[1]);
    world.drop_to = 0;
    (void)world_run(20000);
    ck_assert_uint_eq(world.ends[1].shown_count, 1);
    ck_assert_uint_eq(world.ends[1].shown_len[0], sizeof text);
    ck_assert_mem_eq(world.ends[1].shown[0], text, sizeof text);
    world_assert_idle();
}
END_TEST

START_TEST(the_sender_restarts)
{
    world_say_numbered(0, 1, 10);
    (void)world_run(1000);
    world_restart(&world.ends[0]);
    world_say_numbered(0, 11, 20);
    (void)world_run(1000);
    world_assert_shown(1, 1, 20);
    ck_assert_uint_eq(world.ends[0].delivered, 10);
    world_assert_idle();
}
END_TEST

START_TEST(both_restart_again_and_again)
{
    world.seed = (uint64_t)_i + 77;
    for (int round = 0; round < 20; round++) {
        world.loss_percent = 20;
        world_say_numbered(0, 1, 5);
        world_say_numbered(1, 1, 5);
        (void)world_run(world_dice(2000));
        world.loss_percent = 0;
        (void)world_run(20000);
        world_assert_shown(0, 1, 5);
        world_assert_shown(1, 1, 5);
        world_restart(&world.ends[0]);
        world_restart(&world.ends[1]);
    }
}
END_TEST

/* --- One pair of keys in two places --- */

static void assert_shown_once(int at, const char *text)
{
    size_t count = 0;

    for (size_t i = 0; i < world.ends[at].shown_count; i++) {
        count += strcmp(world.ends[at].shown[i], text) == 0 ? 1 : 0;
    }
    ck_assert_msg(count == 1, "\"%s\" was shown %zu times", text, count);
}

static bool is_shown(int at, const char *text)
{
    for (size_t i = 0; i < world.ends[at].shown_count; i++) {
        if (strcmp(world.ends[at].shown[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void let_only(int end)
{
    world.ends[0].away = end != 0;
    world.ends[TWIN].away = end != TWIN;
}

/* One place, the other one, and the first one again: end 1 has forgotten how far it was with that. */
START_TEST(the_first_place_speaks_again)
{
    world_say_numbered(0, 1, 2);
    (void)world_run(1000);
    world_start_twin();
    let_only(TWIN);
    ck_assert_int_eq(world_say(TWIN, "from elsewhere"), TOXTCP_OK);
    (void)world_run(5000);
    ck_assert_uint_eq(world.ends[TWIN].delivered, 1);
    let_only(0);
    world_say_numbered(0, 3, 4);
    (void)world_run(5000);
    ck_assert_uint_eq(world.ends[0].delivered, 4);
    ck_assert_uint_eq(world.ends[1].shown_count, 5);
    assert_shown_once(1, "line 1");
    assert_shown_once(1, "line 2");
    assert_shown_once(1, "from elsewhere");
    assert_shown_once(1, "line 3");
    assert_shown_once(1, "line 4");
    world_assert_idle();
}
END_TEST

/* The same with the listener in two places, of which each thinks that it has been spoken to all the time. */
START_TEST(the_first_place_is_spoken_to_again)
{
    world_say_numbered(1, 1, 2);
    (void)world_run(1000);
    world_start_twin();
    for (unsigned i = 3; i < 43; i += 2) {
        int place = i % 4 == 3 ? TWIN : 0;

        let_only(place);
        session_path_changed(world.ends[place].session, world.now_ms);
        world_say_numbered(1, i, i + 1);
        (void)world_run(20000);
        ck_assert_uint_eq(world.ends[1].delivered, i + 1);
    }
    ck_assert_uint_eq(world.ends[0].shown_count + world.ends[TWIN].shown_count, 42);
    world_assert_idle();
}
END_TEST

/* What was recorded in a pair does not open in a later one of the same programs. */
START_TEST(a_pair_does_not_come_back)
{
    size_t recorded;

    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    recorded = world.record_count;
    world_start_twin();
    let_only(TWIN);
    ck_assert_int_eq(world_say(TWIN, "from elsewhere"), TOXTCP_OK);
    (void)world_run(5000);
    let_only(0);
    session_path_changed(world.ends[0].session, world.now_ms);
    world_say_numbered(0, 6, 6);
    (void)world_run(5000);
    ck_assert_uint_eq(world.ends[1].shown_count, 7);
    for (size_t i = 0; i < recorded; i++) {
        int to = world.record[i].to;

        session_receive(world.ends[to].session, world.record[i].bytes, world.record[i].len, world.now_ms);
    }
    (void)world_run(5000);
    ck_assert_uint_eq(world.ends[1].shown_count, 7);
    ck_assert_uint_eq(world.ends[0].delivered, 6);
}
END_TEST

static void say_from(int end, unsigned count)
{
    char text[32];

    for (unsigned i = 1; i <= count; i++) {
        (void)snprintf(text, sizeof text, "from %d: %u", end, (unsigned)world_info_of(end).sent + 1);
        ck_assert_int_eq(world_say(end, text), TOXTCP_OK);
    }
}

/* Whatever that end was told to be delivered was shown by one of those that have the other key. */
static void assert_delivered_was_shown(int end)
{
    char text[32];

    for (uint64_t i = 1; i <= world.ends[end].delivered; i++) {
        bool shown;

        (void)snprintf(text, sizeof text, "from %d: %u", end, (unsigned)i);
        shown = end == 1 ? is_shown(0, text) || is_shown(TWIN, text) : is_shown(1, text);
        ck_assert_msg(shown, "delivered but not shown: %s", text);
    }
}

START_TEST(both_places_live_at_once)
{
    world.seed = (uint64_t)_i + 5;
    world.loss_percent = 5 * ((uint32_t)_i % 3);
    world.double_percent = 10 * ((uint32_t)_i % 2);
    world.jitter_ms = _i % 4 == 3 ? 200 : 0;
    world_start_twin();
    for (int round = 0; round < 60; round++) {
        say_from((int)world_dice(END_COUNT), 1 + world_dice(2));
        (void)world_run(world_dice(1500));
        for (int end = 0; end < END_COUNT; end++) {
            assert_delivered_was_shown(end);
        }
    }
    world.loss_percent = 0;
    /* One of them leaves: the other one gets all through. */
    let_only(0);
    (void)world_run(60000);
    ck_assert_uint_eq(world_info_of(0).waiting, 0);
    ck_assert_uint_eq(world_info_of(1).waiting, 0);
    ck_assert_uint_gt(world.ends[0].delivered, 10);
    for (int end = 0; end < END_COUNT; end++) {
        assert_delivered_was_shown(end);
    }
}
END_TEST

/* --- An enemy --- */

static void play_again(int to)
{
    size_t count = world.record_count < RECORD_MAX ? world.record_count : RECORD_MAX;

    for (size_t i = 0; i < count; i++) {
        if (world.record[i].to == to) {
            session_receive(world.ends[to].session, world.record[i].bytes, world.record[i].len, world.now_ms);
        }
    }
}

START_TEST(nothing_is_shown_twice_when_played_again)
{
    world_say_numbered(0, 1, 50);
    world_say_numbered(1, 1, 50);
    (void)world_run(5000);
    play_again(0);
    play_again(1);
    (void)world_run(5000);
    world_assert_shown(0, 1, 50);
    world_assert_shown(1, 1, 50);
    world_say_numbered(0, 51, 51);
    (void)world_run(5000);
    world_assert_shown(1, 1, 51);
    world_assert_idle();
}
END_TEST

START_TEST(nothing_is_shown_by_the_next_run_when_played_again)
{
    uint64_t before;

    world_say_numbered(0, 1, 50);
    (void)world_run(5000);
    world_restart(&world.ends[1]);
    before = world.record_count;
    world.loss_percent = 100;
    play_again(1);
    ck_assert_uint_eq(world.ends[1].shown_count, 0);
    /* And it did not let itself be used as an amplifier. */
    ck_assert_uint_le(world.record_count - before, 8);
    world.loss_percent = 0;
    play_again(1);
    (void)world_run(20000);
    ck_assert_uint_eq(world.ends[1].shown_count, 0);
    world_say_numbered(0, 51, 51);
    (void)world_run(20000);
    world_assert_shown(1, 51, 51);
    /* The peer's run is known now and the same as then, but what it said was for our run before this one. */
    play_again(1);
    (void)world_run(20000);
    world_assert_shown(1, 51, 51);
    world_assert_idle();
}
END_TEST

/* Data that is played again makes us answer now and then, not each time. */
START_TEST(data_played_again_is_not_answered_without_end)
{
    world_say_numbered(0, 1, 20);
    (void)world_run(1000);
    world.ends[1].sent_count = world.ends[1].every_way_count = 0;
    for (int i = 0; i < 10; i++) {
        for (size_t packet = 0; packet < 25; packet++) {
            if (world.record[packet].to == 1 && world.record[packet].len > SESSION_PACKET_MAX - SESSION_SEGMENT_MAX) {
                session_receive(world.ends[1].session, world.record[packet].bytes, world.record[packet].len,
                                world.now_ms);
            }
        }
    }
    ck_assert_uint_ge(world.ends[1].sent_count, 1);
    ck_assert_uint_le(world.ends[1].sent_count, 8);
    ck_assert_uint_eq(world.ends[1].sent_count, world.ends[1].every_way_count);
    world_assert_shown(1, 1, 20);
}
END_TEST

/* The hello of the peer with its challenge, played again while much is under way; or several, which differ. */
static uint64_t data_sent_for_old_hellos(bool differ)
{
    uint64_t before = world_info_of(0).segments_sent;
    struct session_box box;
    struct session_packet hello;
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];

    ck_assert_int_eq(session_box_init(&box, &world.ends[0].keys, &world.ends[1].keys.public_key), TOXTCP_OK);
    ck_assert(session_packet_open(&box, world.record[1].bytes, world.record[1].len, plain, &hello));
    ck_assert_int_eq(session_box_init(&box, &world.ends[1].keys, &world.ends[0].keys.public_key), TOXTCP_OK);
    for (int i = 0; i < 20; i++) {
        hello.challenge.bytes[0] = (uint8_t)(hello.challenge.bytes[0] + (differ ? 1 : 0));
        session_receive(world.ends[0].session, bytes, session_packet_seal(&box, &hello, bytes), world.now_ms);
    }
    return world_info_of(0).segments_sent - before;
}

START_TEST(an_old_hello_does_not_send_all_again)
{
    /* Before the peer has answered anything, its question may be a true one: once. */
    world.drop_from = 3;
    world.drop_to = 3 + 30;
    world_say_numbered(0, 1, 30);
    (void)world_run(2 * DELAY_MS);
    ck_assert_uint_eq(world_info_of(0).segments_sent, 30);
    world.loss_percent = 100;
    ck_assert_uint_eq(data_sent_for_old_hellos(false), 30);
    world.loss_percent = 0;
    (void)world_run(20000);
    world_assert_shown(1, 1, 30);
    /* From then on the peer knows us. */
    world_say_numbered(0, 31, 60);
    ck_assert_uint_eq(data_sent_for_old_hellos(true), 0);
    (void)world_run(5000);
    world_assert_shown(1, 1, 60);
    world_assert_idle();
}
END_TEST

/* What an older run of the peer said, in our own run's time, does not bring that run back. */
START_TEST(an_older_run_of_the_peer_does_not_come_back)
{
    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    world_restart(&world.ends[0]);
    world_say_numbered(0, 6, 10);
    (void)world_run(1000);
    world_assert_shown(1, 1, 10);
    world.loss_percent = 100;
    play_again(1);
    world.loss_percent = 0;
    (void)world_run(5000);
    world_say_numbered(0, 11, 11);
    (void)world_run(DELAY_MS);
    world_assert_shown(1, 1, 11);
    (void)world_run(5000);
    world_assert_idle();
}
END_TEST

START_TEST(our_own_packets_are_not_taken_back)
{
    world_say_numbered(0, 1, 5);
    (void)world_run(1000);
    for (size_t i = 0; i < world.record_count; i++) {
        world.record[i].to = 1 - world.record[i].to;
    }
    world.loss_percent = 100;
    world.ends[0].sent_count = world.ends[1].sent_count = 0;
    play_again(0);
    play_again(1);
    ck_assert_uint_eq(world.ends[0].sent_count + world.ends[1].sent_count, 0);
    ck_assert_uint_eq(world.ends[0].shown_count, 0);
    world_assert_shown(1, 1, 5);
}
END_TEST

START_TEST(no_bit_can_be_changed)
{
    size_t checked = 0;

    world.loss_percent = 0;
    world_say_numbered(0, 1, 2);
    (void)world_run(1000);
    world.ends[0].sent_count = world.ends[1].sent_count = 0;
    world.loss_percent = 100;
    for (size_t i = 0; i < world.record_count; i++) {
        for (size_t bit = 0; bit < 8 * world.record[i].len; bit++) {
            world.record[i].bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            session_receive(world.ends[world.record[i].to].session, world.record[i].bytes, world.record[i].len,
                            world.now_ms);
            world.record[i].bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            checked++;
        }
        for (size_t len = 0; len < world.record[i].len; len++) {
            session_receive(world.ends[world.record[i].to].session, world.record[i].bytes, len, world.now_ms);
        }
    }
    ck_assert_uint_gt(checked, 2000);
    ck_assert_uint_eq(world.ends[0].sent_count + world.ends[1].sent_count, 0);
    world_assert_shown(1, 1, 2);
}
END_TEST

START_TEST(a_stranger_is_not_heard)
{
    struct toxtcp_key_pair stranger;
    struct session_box box;
    struct session_packet hello = {.kind = SESSION_HELLO, .challenge = {{1}}};
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len;

    toxtcp_key_pair_generate(world.env, &stranger);
    ck_assert_int_eq(session_box_init(&box, &stranger, &world.ends[0].keys.public_key), TOXTCP_OK);
    len = session_packet_seal(&box, &hello, bytes);
    session_receive(world.ends[0].session, bytes, len, world.now_ms);
    ck_assert_uint_eq(world.ends[0].sent_count, 0);
}
END_TEST

/* The peer itself misbehaves: well-sealed packets with numbers that cannot be. */
START_TEST(a_peer_that_lies)
{
    struct session_box box;
    struct session_packet opened;
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];
    struct session_packet lie;

    world_say_numbered(1, 1, 1);
    (void)world_run(1000);
    ck_assert_int_eq(session_box_init(&box, &world.ends[0].keys, &world.ends[1].keys.public_key), TOXTCP_OK);
    ck_assert(session_packet_open(&box, world.record[world.record_count - 2].bytes,
                                  world.record[world.record_count - 2].len, plain, &opened));
    ck_assert_int_eq(opened.kind, SESSION_DATA);
    ck_assert_int_eq(session_box_init(&box, &world.ends[1].keys, &world.ends[0].keys.public_key), TOXTCP_OK);
    world.loss_percent = 100;
    for (uint64_t awaited = 0; awaited < 3; awaited++) {
        lie = opened;
        lie.awaited = awaited == 2 ? UINT64_MAX : awaited;
        lie.held = UINT32_MAX;
        lie.segment = UINT64_MAX - awaited;
        session_receive(world.ends[0].session, bytes, session_packet_seal(&box, &lie, bytes), world.now_ms);
    }
    world_assert_shown(0, 1, 1);
    ck_assert_uint_eq(world.ends[0].delivered, 0);
    world.loss_percent = 0;
    world_say_numbered(1, 2, 2);
    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    world_assert_shown(0, 1, 2);
    world_assert_shown(1, 1, 1);
}
END_TEST

START_TEST(keys_that_cannot_be)
{
    struct toxtcp_public_key zeros = {{0}};
    struct session *session = NULL;

    ck_assert_int_eq(session_new(&world.ends[0].keys, &zeros, &world_callbacks, NULL, &session), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(session_new(&world.ends[0].keys, &world.ends[0].keys.public_key, &world_callbacks, NULL, &session),
                     TOXTCP_ERR_INVALID);
    ck_assert_ptr_null(session);
    session_free(NULL);
}
END_TEST

/* The box is libsodium's own crypto_box_easy, as the header says. */
START_TEST(the_form_of_a_packet)
{
    uint8_t plain[SESSION_PACKET_MAX];
    size_t len = 0;

    world_say_numbered(0, 1, 1);
    (void)world_run(1000);
    ck_assert_uint_eq(world.record_count, 5);
    for (size_t i = 0; i < 5; i++) {
        len = world.record[i].len - 3 - 24;
        ck_assert_mem_eq(world.record[i].bytes, "\x1bT\x01", 3);
        ck_assert_int_eq(crypto_box_open_easy(plain, world.record[i].bytes + 27, len, world.record[i].bytes + 3,
                                              world.ends[1 - world.record[i].to].keys.public_key.bytes,
                                              world.ends[world.record[i].to].keys.secret_key.bytes),
                         0);
        ck_assert_uint_eq(plain[0] & 0x7f, i < 3 ? 1 : i == 3 ? 3 : 2);
    }
    ck_assert_uint_eq(len - 16, 1 + 8 + 8 + 8 + 4);
}
END_TEST

static void add_good_network(Suite *suite)
{
    TCase *test_case = tcase_create("a good network");

    tcase_add_checked_fixture(test_case, world_set_up, world_tear_down);
    tcase_add_test(test_case, one_line_each_way);
    tcase_add_test(test_case, nothing_to_do_no_deadline);
    tcase_add_test(test_case, every_length);
    tcase_add_test(test_case, the_queue_has_a_maximum);
    tcase_add_test(test_case, no_needless_packets);
    tcase_add_test(test_case, the_form_of_a_packet);
    suite_add_tcase(suite, test_case);
}

static void add_bad_network(Suite *suite)
{
    TCase *test_case = tcase_create("a bad network");

    tcase_add_checked_fixture(test_case, world_set_up, world_tear_down);
    tcase_set_timeout(test_case, 60);
    tcase_add_loop_test(test_case, loss_doubles_and_disorder, 0, 30);
    tcase_add_loop_test(test_case, any_packet_lost, 0, 16);
    tcase_add_test(test_case, who_asks_again_is_told_again_at_once);
    tcase_add_test(test_case, what_is_sent_again_goes_every_way);
    tcase_add_test(test_case, a_new_path_does_not_wait_for_the_timer);
    tcase_add_test(test_case, silence_is_asked_into_less_and_less);
    tcase_add_test(test_case, silence_before_the_first_answer);
    tcase_add_test(test_case, text_that_nobody_takes);
    tcase_add_test(test_case, a_slower_way_is_learned);
    tcase_add_test(test_case, hellos_go_every_way);
    tcase_add_test(test_case, what_becomes_of_segments_is_told);
    tcase_add_test(test_case, a_late_answer_is_the_first_ones);
    tcase_add_test(test_case, a_refused_path_has_no_timer);
    tcase_add_test(test_case, a_path_refused_under_way);
    tcase_add_test(test_case, a_refused_acknowledgement_is_made_good);
    tcase_add_test(test_case, no_memory_counts_as_a_loss);
    suite_add_tcase(suite, test_case);
}

static void add_restarts_and_enemies(Suite *suite)
{
    TCase *test_case = tcase_create("restarts and enemies");

    tcase_add_checked_fixture(test_case, world_set_up, world_tear_down);
    tcase_set_timeout(test_case, 60);
    tcase_add_test(test_case, the_receiver_restarts);
    tcase_add_test(test_case, the_receiver_restarts_in_the_middle_of_a_message);
    tcase_add_test(test_case, the_sender_restarts);
    tcase_add_loop_test(test_case, both_restart_again_and_again, 0, 5);
    tcase_add_test(test_case, data_played_again_is_not_answered_without_end);
    tcase_add_test(test_case, an_old_hello_does_not_send_all_again);
    tcase_add_test(test_case, nothing_is_shown_twice_when_played_again);
    tcase_add_test(test_case, nothing_is_shown_by_the_next_run_when_played_again);
    tcase_add_test(test_case, an_older_run_of_the_peer_does_not_come_back);
    tcase_add_test(test_case, our_own_packets_are_not_taken_back);
    tcase_add_test(test_case, no_bit_can_be_changed);
    tcase_add_test(test_case, a_stranger_is_not_heard);
    tcase_add_test(test_case, a_peer_that_lies);
    tcase_add_test(test_case, keys_that_cannot_be);
    suite_add_tcase(suite, test_case);
}

static void add_two_places(Suite *suite)
{
    TCase *test_case = tcase_create("one pair of keys in two places");

    tcase_add_checked_fixture(test_case, world_set_up, world_tear_down);
    tcase_set_timeout(test_case, 60);
    tcase_add_test(test_case, the_first_place_speaks_again);
    tcase_add_test(test_case, the_first_place_is_spoken_to_again);
    tcase_add_test(test_case, a_pair_does_not_come_back);
    tcase_add_loop_test(test_case, both_places_live_at_once, 0, 12);
    suite_add_tcase(suite, test_case);
}

int main(void)
{
    Suite *suite = suite_create("chat_session");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_good_network(suite);
    add_bad_network(suite);
    add_restarts_and_enemies(suite);
    add_two_places(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
