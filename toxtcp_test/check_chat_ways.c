/* Tests of two chats that have relays and UDP: nothing is lost or doubled when the way changes.
 * SPDX-License-Identifier: ISC */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

#include "../apps/chat/session_packet.h"
#include "check_chat_world.h"

static void set_up(void)
{
    world_set_up();
    world_add_udp();
    session_path_changed(world.ends[0].session, world.now_ms);
}

static struct end_ways *ways(int end)
{
    return &world.ends[end].ways;
}

/* Lines said so far by each end. */
static unsigned said[2];

static void say(int end)
{
    /* Both ways may be dead for long. */
    if (world_info_of(end).waiting == SESSION_QUEUE_MAX) {
        return;
    }
    said[end]++;
    world_say_numbered(end, said[end], said[end]);
}

/* Both talk, a line every 100 ms each. */
static void talk(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 100) {
        say(0);
        say(1);
        (void)world_run(100);
    }
}

static void assert_all_shown(void)
{
    for (int end = 0; end < 2; end++) {
        world_assert_shown(1 - end, 1, said[end]);
        ck_assert_uint_eq(world.ends[end].delivered, said[end]);
        ck_assert_uint_eq(world_info_of(end).waiting, 0);
    }
}

static void begin(void)
{
    said[0] = said[1] = 0;
    set_up();
    (void)world_run(1000);
    ck_assert(world_info_of(0).ready && world_info_of(1).ready);
}

static void assert_way(enum path_way way, bool sleeps)
{
    for (int end = 0; end < 2; end++) {
        ck_assert_int_eq(path_way(&ways(end)->path), way);
        ck_assert_int_eq(ways(end)->sleeps, sleeps);
    }
}

/* Until all has settled on UDP and the relays sleep. */
static void settle_on_udp(void)
{
    talk(6000);
    assert_way(PATH_BY_UDP, true);
}

/* --- The change and back --- */

START_TEST(udp_takes_over_and_relays_sleep)
{
    size_t by_relays;

    talk(6000);
    assert_way(PATH_BY_UDP, true);
    by_relays = ways(0)->by_relays + ways(1)->by_relays;
    talk(60000);
    (void)world_run(1000);
    assert_all_shown();
    ck_assert_uint_eq(ways(0)->by_relays + ways(1)->by_relays, by_relays);
    ck_assert_uint_eq(ways(0)->way_changes, 1);
    ck_assert_uint_eq(ways(1)->way_changes, 1);
    /* Nothing was sent twice: not even at the change. */
    ck_assert_uint_eq(world_info_of(0).segments_sent, said[0]);
    ck_assert_uint_eq(world_info_of(1).segments_sent, said[1]);
    ck_assert_uint_eq(world_info_of(0).rtt_ms, 2 * (DELAY_MS / 4));
}
END_TEST

START_TEST(udp_is_cut_and_relays_wake)
{
    uint64_t cut_ms;
    size_t shown;

    settle_on_udp();
    (void)world_run(1000);
    world.udp_cut = true;
    cut_ms = world.now_ms;
    shown = world.ends[1].shown_count;
    while (world.ends[1].shown_count < shown + 5) {
        talk(100);
        ck_assert_msg(world.now_ms - cut_ms < 10000, "nothing comes");
    }
    /* The gap: about a second until the doubt, and the relays' wakening. */
    ck_assert_uint_le(world.now_ms - cut_ms, 1300 + WAKE_MS + 600);
    talk(5000);
    assert_way(PATH_BY_RELAYS, false);
    (void)world_run(2000);
    assert_all_shown();
}
END_TEST

/* The relays are still awake: what is under way goes there as soon as there is a doubt. */
START_TEST(udp_is_cut_before_the_relays_sleep)
{
    uint64_t cut_ms;

    talk(1500);
    assert_way(PATH_BY_UDP, false);
    world.udp_cut = true;
    cut_ms = world.now_ms;
    talk(500);
    while (world_info_of(0).waiting > 0) {
        (void)world_run(10);
        ck_assert_msg(world.now_ms - cut_ms < 10000, "nothing comes");
    }
    ck_assert_uint_le(world.now_ms - cut_ms, 1350);
}
END_TEST

/* The relays are far away, and the time-outs of UDP do not fit there. */
START_TEST(a_slow_relay_after_a_fast_udp)
{
    uint64_t sent;

    settle_on_udp();
    world.delay_ms = 400;
    world.udp_cut = true;
    talk(8000);
    (void)world_run(5000);
    assert_way(PATH_BY_RELAYS, false);
    assert_all_shown();
    sent = world_info_of(0).segments_sent;
    for (int i = 0; i < 50; i++) {
        say(0);
        (void)world_run(2000);
    }
    ck_assert_uint_eq(world_info_of(0).segments_sent - sent, 50);
}
END_TEST

/* Nobody has spoken for an hour when UDP dies: the line arrives when the other one has noticed too. */
START_TEST(udp_is_cut_while_both_are_silent)
{
    settle_on_udp();
    (void)world_run(3600000);
    world.udp_cut = true;
    say(0);
    (void)world_run(15000);
    assert_all_shown();
    assert_way(PATH_BY_RELAYS, false);
}
END_TEST

/* Only one direction dies: that is no path either. */
START_TEST(udp_dies_in_one_direction)
{
    settle_on_udp();
    world.udp_cut_from[_i] = true;
    talk(2500);
    ck_assert(!ways(0)->sleeps && !ways(1)->sleeps);
    talk(5000);
    assert_way(PATH_BY_RELAYS, false);
    (void)world_run(2000);
    assert_all_shown();
}
END_TEST

/* Probes are small, so they do not show that a path swallows what is long. */
START_TEST(udp_swallows_long_messages)
{
    static const enum path_mode modes[] = {PATH_AUTO, PATH_UDP};
    char text[700];

    world_set_mode(0, modes[_i]);
    settle_on_udp();
    world.udp_size_max = 200;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(world_say(0, text), TOXTCP_OK);
        (void)world_run(5000);
        ck_assert_uint_eq(world_info_of(0).waiting, 0);
    }
    /* It gets longer until UDP is tried again. */
    ck_assert_msg(ways(0)->way_changes <= 30 || modes[_i] == PATH_UDP, "%zu changes", ways(0)->way_changes);
    ck_assert_uint_eq(world.ends[1].shown_count, said[0] + 50);
}
END_TEST

/* Many packets are lost, but messages do arrive. */
START_TEST(losses_of_messages_are_no_doubt)
{
    settle_on_udp();
    world.seed = (uint64_t)_i + 1;
    world.udp_loss_percent = 8;
    for (int i = 0; i < 100; i++) {
        say(0);
        (void)world_run(5000);
    }
    for (int end = 0; end < 2; end++) {
        ck_assert_msg(ways(end)->way_changes <= 5, "end %d: %zu changes", end, ways(end)->way_changes);
    }
    (void)world_run(5000);
    assert_all_shown();
}
END_TEST

/* Somebody who does not read for an hour. */
START_TEST(a_reader_that_pauses)
{
    settle_on_udp();
    world.ends[1].deaf = true;
    say(0);
    (void)world_run(3600000);
    ck_assert_msg(ways(0)->way_changes <= 60, "%zu changes", ways(0)->way_changes);
    world.ends[1].deaf = false;
    (void)world_run(15000);
    assert_all_shown();
}
END_TEST

START_TEST(relays_die_while_udp_carries)
{
    settle_on_udp();
    world.relays_dead = true;
    talk(60000);
    (void)world_run(1000);
    assert_all_shown();
    assert_way(PATH_BY_UDP, true);
}
END_TEST

/* Relays die while UDP has not proved itself again: what there is must do. */
START_TEST(relays_die_while_udp_proves_itself)
{
    settle_on_udp();
    world.udp_cut = true;
    talk(5000);
    assert_way(PATH_BY_RELAYS, false);
    world.udp_cut = false;
    talk(6000);
    world.relays_dead = true;
    talk(5000);
    (void)world_run(1000);
    assert_all_shown();
}
END_TEST

/* --- Whatever happens --- */

/* UDP comes and goes at random, loses, delays and disorders; so do the relays. */
START_TEST(no_line_is_lost_or_doubled)
{
    world.seed = (uint64_t)_i + 1;
    world.udp_loss_percent = 5 * ((uint32_t)_i % 4);
    world.udp_jitter_ms = _i % 3 == 0 ? 0 : 60;
    world.loss_percent = _i % 2 == 0 ? 0 : 3;
    world.double_percent = _i % 5 == 0 ? 20 : 0;
    for (int i = 0; i < 60; i++) {
        world.udp_cut = world_dice(3) == 0;
        world.relays_dead = world_dice(6) == 0;
        talk(100 * (1 + world_dice(100)));
        (void)world_run(100 * world_dice(50));
        if (said[0] > SHOWN_MAX - 200) {
            break;
        }
    }
    world.udp_cut = world.relays_dead = false;
    world.udp_loss_percent = world.loss_percent = 0;
    (void)world_run(60000);
    assert_all_shown();
}
END_TEST

/* At every moment of the first seconds, and of the change: a cut loses nothing. */
START_TEST(a_cut_at_any_moment)
{
    for (int i = 0; i < 40 + _i; i++) {
        talk(100);
        (void)world_run((uint64_t)_i % 7);
    }
    world.udp_cut = true;
    talk(8000);
    world.udp_cut = false;
    talk(15000);
    (void)world_run(5000);
    assert_all_shown();
}
END_TEST

/* Long messages, in many pieces, across changes. */
START_TEST(long_messages_across_changes)
{
    static uint8_t text[SESSION_TEXT_MAX];
    uint64_t number;

    memset(text, 'x', sizeof text);
    for (int i = 0; i < 40; i++) {
        world.udp_cut = i % 8 >= 4;
        for (int k = 0; k < 4; k++) {
            ck_assert_int_eq(session_send(world.ends[0].session, text, sizeof text, world.now_ms, &number), TOXTCP_OK);
        }
        (void)world_run(3000);
    }
    world.udp_cut = false;
    (void)world_run(30000);
    ck_assert_uint_eq(world.ends[1].shown_count, 160);
    ck_assert_uint_eq(world.ends[0].delivered, 160);
    for (size_t i = 0; i < 160; i++) {
        ck_assert_uint_eq(world.ends[1].shown_len[i], sizeof text);
    }
}
END_TEST

/* In the field it changed every 8 s. Here UDP comes and goes every 8 s, for an hour. */
START_TEST(it_does_not_flap)
{
    for (int i = 0; i < 225; i++) {
        world.udp_cut = i % 2 == 1;
        say(0);
        (void)world_run(4000);
        say(1);
        (void)world_run(12000);
    }
    world.udp_cut = false;
    (void)world_run(10000);
    assert_all_shown();
    for (int end = 0; end < 2; end++) {
        ck_assert_msg(ways(end)->way_changes <= 12, "%zu changes", ways(end)->way_changes);
        ck_assert_msg(ways(end)->sleep_count <= 4, "slept %zu times", ways(end)->sleep_count);
    }
}
END_TEST

/* --- The user's wish --- */

START_TEST(one_side_wants_relays_alone)
{
    size_t by_udp;

    settle_on_udp();
    world_set_mode(0, PATH_TCP);
    talk(1000);
    /* The other one still may, but must not sleep. */
    ck_assert_int_eq(path_way(&ways(0)->path), PATH_BY_RELAYS);
    ck_assert_int_eq(path_way(&ways(1)->path), PATH_BY_UDP);
    ck_assert(!ways(0)->sleeps && !ways(1)->sleeps);
    (void)world_run(100);
    by_udp = ways(0)->by_udp;
    talk(60000);
    (void)world_run(1000);
    assert_all_shown();
    /* Its messages go by relays; answers to the other one's probes, few, by UDP. */
    ck_assert_uint_le(ways(0)->by_udp - by_udp, 80);
    ck_assert(!ways(0)->sleeps && !ways(1)->sleeps);
    world_set_mode(0, PATH_AUTO);
    talk(20000);
    (void)world_run(1000);
    assert_way(PATH_BY_UDP, true);
    assert_all_shown();
}
END_TEST

START_TEST(modes_change_at_random)
{
    world.seed = (uint64_t)_i + 1;
    for (int i = 0; i < 50; i++) {
        static const enum path_mode modes[] = {PATH_AUTO, PATH_TCP, PATH_UDP};

        world_set_mode((int)world_dice(2), modes[world_dice(3)]);
        world.udp_cut = world_dice(4) == 0;
        talk(100 * (1 + world_dice(60)));
    }
    world.udp_cut = false;
    (void)world_run(30000);
    assert_all_shown();
}
END_TEST

/* --- Other runs --- */

START_TEST(a_peer_that_starts_again)
{
    settle_on_udp();
    (void)world_run(1000);
    assert_all_shown();
    world_restart(&world.ends[1]);
    session_path_changed(world.ends[1].session, world.now_ms);
    said[1] = 0;
    ck_assert_int_eq(world_say(0, "for the new run"), TOXTCP_OK);
    (void)world_run(20000);
    ck_assert_uint_eq(world.ends[1].shown_count, 1);
    ck_assert_str_eq(world.ends[1].shown[0], "for the new run");
    talk(3000);
    (void)world_run(6000);
    assert_way(PATH_BY_UDP, true);
}
END_TEST

/* Recorded probes and data of the pair, played again by UDP from elsewhere and by relays: nothing is shown twice, and
 * UDP goes on to where it went. */
START_TEST(what_is_played_again_changes_nothing)
{
    static struct packet kept[64];
    size_t count = 0;

    talk(1000);
    for (int i = 0; i < 200 && count < 64; i++) {
        say(0);
        for (size_t k = 0; k < world.flying_count && count < 64; k++) {
            if (world.flying[k].by_udp && world.flying[k].to == 1) {
                kept[count++] = world.flying[k];
            }
        }
        (void)world_run(100);
    }
    ck_assert_uint_eq(count, 64);
    talk(10000);
    for (size_t i = 0; i < count; i++) {
        kept[i].from = TWIN;
        kept[i].at_ms = world.now_ms + 1;
        kept[i].by_udp = i % 2 == 0;
        world.flying[world.flying_count++] = kept[i];
    }
    talk(10000);
    (void)world_run(2000);
    assert_all_shown();
    assert_way(PATH_BY_UDP, true);
    ck_assert_uint_eq(ways(1)->way_changes, 1);
    ck_assert_uint_eq(path_address(&ways(1)->path)->port, 5000);
}
END_TEST

/* --- The packets themselves --- */

static struct session_box box_of(int end)
{
    struct session_box box;

    ck_assert_int_eq(session_box_init(&box, &world.ends[end].keys, &world.ends[1 - end].keys.public_key), TOXTCP_OK);
    return box;
}

/* The ids of the pair, as end 1 names them. */
static struct session_packet packet_of_end_1(enum session_kind kind)
{
    struct session_box box = box_of(0);
    struct session_packet opened = {.kind = SESSION_HELLO};
    uint8_t plain[SESSION_PLAIN_MAX];
    size_t i = world.record_count;

    do {
        ck_assert_uint_gt(i--, 0);
    } while (!session_packet_open(&box, world.record[i].bytes, world.record[i].len, plain, &opened) ||
             opened.kind == SESSION_HELLO);
    return (struct session_packet){.kind = kind, .from = opened.from, .to = opened.to};
}

static struct session_packet full_packet(enum session_kind kind)
{
    struct session_packet packet = packet_of_end_1(kind);

    packet.serial = 1000;
    packet.challenge.bytes[0] = packet.response.bytes[7] = packet.flags = 1;
    packet.address_count = kind == SESSION_PROBE ? 1 : SESSION_ADDRESSES_MAX;
    for (size_t i = 0; i < packet.address_count; i++) {
        packet.addresses[i] = (struct toxtcp_address){.family = i % 2 == 0 ? TOXTCP_FAMILY_IPV4 : TOXTCP_FAMILY_IPV6,
                                                      .ip = {32, (uint8_t)i},
                                                      .port = (uint16_t)(1 + i)};
    }
    return packet;
}

static const enum session_kind udp_kinds[] = {SESSION_ADDRESSES, SESSION_PROBE};

START_TEST(packets_open_as_they_were)
{
    struct session_box ours = box_of(1);
    struct session_box theirs = box_of(0);
    struct session_packet packet = full_packet(udp_kinds[_i]);
    struct session_packet opened;
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len = session_packet_seal(&ours, &packet, bytes);

    ck_assert(session_packet_open(&theirs, bytes, len, plain, &opened));
    ck_assert_int_eq(opened.kind, packet.kind);
    ck_assert_mem_eq(&opened.from, &packet.from, sizeof packet.from);
    ck_assert_mem_eq(&opened.to, &packet.to, sizeof packet.to);
    ck_assert_uint_eq(opened.address_count, packet.address_count);
    for (size_t i = 0; i < packet.address_count; i++) {
        ck_assert(toxtcp_address_equal(&opened.addresses[i], &packet.addresses[i]));
    }
    if (packet.kind == SESSION_PROBE) {
        ck_assert_mem_eq(&opened.challenge, &packet.challenge, sizeof packet.challenge);
        ck_assert_mem_eq(&opened.response, &packet.response, sizeof packet.response);
        ck_assert_uint_eq(opened.flags, packet.flags);
    } else {
        ck_assert_uint_eq(opened.serial, packet.serial);
    }
    /* No other key opens it, and our own does not either. */
    ck_assert(!session_packet_open(&ours, bytes, len, plain, &opened));
    toxtcp_key_pair_generate(world.env, &world.ends[TWIN].keys);
    ck_assert_int_eq(session_box_init(&theirs, &world.ends[TWIN].keys, &world.ends[1].keys.public_key), TOXTCP_OK);
    ck_assert(!session_packet_open(&theirs, bytes, len, plain, &opened));
}
END_TEST

/* Seals a plaintext as end 1 would, whatever is in it. */
static size_t seal_plain(uint8_t *plain, size_t len, uint8_t bytes[SESSION_PACKET_MAX])
{
    struct session_box box = box_of(1);
    uint8_t *nonce = bytes + SESSION_MARK_SIZE;

    memcpy(bytes, "\x1bT\x01", SESSION_MARK_SIZE);
    memset(nonce, 5, SESSION_NONCE_SIZE);
    plain[0] = (uint8_t)((plain[0] & 0x7f) | box.direction);
    ck_assert_int_eq(crypto_box_easy_afternm(nonce + SESSION_NONCE_SIZE, plain, len, nonce, box.shared), 0);
    return SESSION_MARK_SIZE + SESSION_NONCE_SIZE + SESSION_MAC_SIZE + len;
}

/* Well sealed, and cut at every length: only whole addresses are ones, and no kind reads past its end. */
START_TEST(packets_cut_at_every_length)
{
    struct session_box ours = box_of(1);
    struct session_box theirs = box_of(0);
    struct session_packet packet = full_packet(udp_kinds[_i]);
    struct session_packet opened;
    uint8_t whole[SESSION_PLAIN_MAX];
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len = session_packet_seal(&ours, &packet, bytes);
    size_t plain_len = len - SESSION_MARK_SIZE - SESSION_NONCE_SIZE - SESSION_MAC_SIZE;
    size_t good = 0;

    ck_assert(session_packet_open(&theirs, bytes, len, whole, &opened));
    for (size_t cut = 1; cut <= plain_len; cut++) {
        /* Memory of just that length, so that a checker sees what is read beyond. */
        uint8_t *shorter = malloc(cut);

        memcpy(shorter, whole, cut);
        good += session_packet_open(&theirs, bytes, seal_plain(shorter, cut, bytes), plain, &opened) ? 1 : 0;
        free(shorter);
    }
    /* With no address, with one, and so on. */
    ck_assert_uint_eq(good, 1 + packet.address_count);
    whole[plain_len] = 0;
    ck_assert(!session_packet_open(&theirs, bytes, seal_plain(whole, plain_len + 1, bytes), plain, &opened));
}
END_TEST

/* One address more than there may be; a TCP address; a family that is none. */
START_TEST(addresses_that_are_none)
{
    struct session_box ours = box_of(1);
    struct session_box theirs = box_of(0);
    struct session_packet packet = packet_of_end_1(SESSION_ADDRESSES);
    struct session_packet opened;
    uint8_t whole[SESSION_PLAIN_MAX];
    uint8_t plain[SESSION_PLAIN_MAX];
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len = session_packet_seal(&ours, &packet, bytes);

    ck_assert(session_packet_open(&theirs, bytes, len, whole, &opened));
    for (size_t count = 0; count <= SESSION_ADDRESSES_MAX + 1; count++) {
        uint8_t *at = whole + SESSION_ADDRESSES_SIZE + 7 * count;
        struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = 5};

        ck_assert_int_eq(session_packet_open(&theirs, bytes,
                                             seal_plain(whole, SESSION_ADDRESSES_SIZE + 7 * count, bytes), plain,
                                             &opened),
                         count <= SESSION_ADDRESSES_MAX);
        ck_assert_int_eq(toxtcp_address_pack(&address, TOXTCP_PROTOCOL_UDP, at), 7);
    }
    for (unsigned family = 0; family < 256; family++) {
        whole[SESSION_ADDRESSES_SIZE] = (uint8_t)family;
        ck_assert_int_eq(
            session_packet_open(&theirs, bytes, seal_plain(whole, SESSION_ADDRESSES_SIZE + 7, bytes), plain, &opened),
            family == 2);
    }
}
END_TEST

/* A program of a later day sends kinds that this one does not know, and goes on as before. */
START_TEST(unknown_kinds_are_dropped)
{
    uint8_t plain[SESSION_PLAIN_MAX] = {0};
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t sent = world.ends[0].sent_count;

    for (unsigned kind = 0; kind < 128; kind++) {
        if (kind < SESSION_HELLO || kind > SESSION_PROBE) {
            plain[0] = (uint8_t)kind;
            ck_assert(!session_receive(world.ends[0].session, bytes, seal_plain(plain, 60, bytes), world.now_ms));
        }
    }
    ck_assert_uint_eq(world.ends[0].sent_count, sent);
    talk(1000);
    (void)world_run(1000);
    assert_all_shown();
}
END_TEST

/* An older announcement, and one of another pair of runs, say nothing. */
START_TEST(old_addresses_do_not_count)
{
    struct session_box box = box_of(1);
    struct session_packet packet = packet_of_end_1(SESSION_ADDRESSES);
    uint8_t bytes[SESSION_PACKET_MAX];
    const struct path *path = &ways(0)->path;
    size_t before = path->count;

    packet.serial = 1;
    packet.address_count = 1;
    packet.addresses[0] = (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 99}, .port = 9};
    ck_assert(session_receive(world.ends[0].session, bytes, session_packet_seal(&box, &packet, bytes), world.now_ms));
    ck_assert_uint_eq(path->count, before);
    packet.serial = 2000;
    packet.from.bytes[0] ^= 1;
    ck_assert(!session_receive(world.ends[0].session, bytes, session_packet_seal(&box, &packet, bytes), world.now_ms));
    ck_assert_uint_eq(path->count, before);
    packet.from.bytes[0] ^= 1;
    ck_assert(session_receive(world.ends[0].session, bytes, session_packet_seal(&box, &packet, bytes), world.now_ms));
    ck_assert_uint_eq(path->count, before + 1);
}
END_TEST

/* Before there is a pair there is nothing to name in a packet. */
START_TEST(no_packets_before_the_peer_is_there)
{
    struct session_probe probe = {.challenge = 1};
    uint8_t bytes[SESSION_PACKET_MAX];

    world_restart(&world.ends[0]);
    ck_assert_uint_eq(session_make_probe(world.ends[0].session, &probe, bytes), 0);
    ck_assert_uint_eq(session_make_addresses(world.ends[0].session, NULL, 0, bytes), 0);
}
END_TEST

static void add_cases(Suite *suite)
{
    TCase *test_case = tcase_create("two ways");

    tcase_add_checked_fixture(test_case, begin, world_tear_down);
    tcase_add_test(test_case, udp_takes_over_and_relays_sleep);
    tcase_add_test(test_case, udp_is_cut_and_relays_wake);
    tcase_add_test(test_case, udp_is_cut_before_the_relays_sleep);
    tcase_add_test(test_case, a_slow_relay_after_a_fast_udp);
    tcase_add_test(test_case, udp_is_cut_while_both_are_silent);
    tcase_add_loop_test(test_case, udp_dies_in_one_direction, 0, 2);
    tcase_add_loop_test(test_case, udp_swallows_long_messages, 0, 2);
    tcase_add_loop_test(test_case, losses_of_messages_are_no_doubt, 0, 10);
    tcase_add_test(test_case, a_reader_that_pauses);
    tcase_add_test(test_case, relays_die_while_udp_carries);
    tcase_add_test(test_case, relays_die_while_udp_proves_itself);
    tcase_add_loop_test(test_case, no_line_is_lost_or_doubled, 0, 20);
    tcase_add_loop_test(test_case, a_cut_at_any_moment, 0, 30);
    tcase_add_test(test_case, long_messages_across_changes);
    tcase_add_test(test_case, it_does_not_flap);
    tcase_add_test(test_case, one_side_wants_relays_alone);
    tcase_add_loop_test(test_case, modes_change_at_random, 0, 10);
    tcase_add_test(test_case, a_peer_that_starts_again);
    tcase_add_test(test_case, what_is_played_again_changes_nothing);
    suite_add_tcase(suite, test_case);
}

static void add_packets(Suite *suite)
{
    TCase *test_case = tcase_create("packets");

    tcase_add_checked_fixture(test_case, begin, world_tear_down);
    tcase_add_loop_test(test_case, packets_open_as_they_were, 0, 2);
    tcase_add_loop_test(test_case, packets_cut_at_every_length, 0, 2);
    tcase_add_test(test_case, addresses_that_are_none);
    tcase_add_test(test_case, unknown_kinds_are_dropped);
    tcase_add_test(test_case, old_addresses_do_not_count);
    tcase_add_test(test_case, no_packets_before_the_peer_is_there);
    suite_add_tcase(suite, test_case);
}

int main(void)
{
    Suite *suite = suite_create("chat_ways");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_cases(suite);
    add_packets(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
