/* Tests of the chat's choice between relays and UDP, in virtual time. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <toxtcp/limits.h>

#include "../apps/chat/path.h"

enum { PENDING_MAX = 256, PLACES_MAX = 1024, RTT_MS = 40, START_MS = 1000000, MINUTE_MS = 60000, HOUR_MS = 3600000 };

/* A probe under way to the peer, or its answer on the way back. */
struct pending {
    struct toxtcp_address place;
    uint64_t token;
    uint64_t at_ms;
};

/* One end under test; of the other one there is only what it answers. */
struct bed {
    struct path path;
    uint64_t now_ms;
    struct pending pending[PENDING_MAX];
    size_t pending_count;
    struct toxtcp_address home; /* where the peer hears */
    bool cut;
    uint32_t loss_percent; /* of round trips */
    uint32_t rtt_ms;
    uint8_t flags; /* that the peer sends */
    uint64_t seed;
    size_t probes; /* with a challenge */
    size_t answers;
    size_t announced;
    size_t changes;
    size_t sleeps; /* how often the relays could go to sleep */
    size_t wakes;
    bool slept;
    enum path_way way;
    size_t way_changes;
    uint64_t token; /* of the last probe */
};

static struct bed bed;

static struct toxtcp_address place(unsigned number)
{
    return (struct toxtcp_address){
        .family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, (uint8_t)(number >> 8), (uint8_t)(number & 0xff)}, .port = 4000};
}

static uint32_t dice(uint32_t bound)
{
    bed.seed = bed.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(bed.seed >> 33) % bound;
}

static void on_probe(void *user, const struct toxtcp_address *to, uint64_t challenge, uint64_t response)
{
    ck_assert_ptr_eq(user, &bed);
    bed.answers += response != 0 ? 1 : 0;
    if (challenge == 0) {
        return;
    }
    bed.probes++;
    bed.token = challenge;
    if (bed.cut || !toxtcp_address_equal(to, &bed.home) || dice(100) < bed.loss_percent) {
        return;
    }
    ck_assert_uint_lt(bed.pending_count, PENDING_MAX);
    bed.pending[bed.pending_count++] =
        (struct pending){.place = *to, .token = challenge, .at_ms = bed.now_ms + bed.rtt_ms};
}

static void on_announce(void *user)
{
    ck_assert_ptr_eq(user, &bed);
    bed.announced++;
}

static void on_changed(void *user)
{
    ck_assert_ptr_eq(user, &bed);
    bed.changes++;
    if (path_way(&bed.path) != bed.way) {
        bed.way = path_way(&bed.path);
        bed.way_changes++;
    }
    if (path_may_sleep(&bed.path) != bed.slept) {
        bed.slept = path_may_sleep(&bed.path);
        bed.sleeps += bed.slept ? 1 : 0;
        bed.wakes += bed.slept ? 0 : 1;
    }
}

static const struct path_callbacks callbacks = {.probe = on_probe, .announce = on_announce, .changed = on_changed};

static void set_up(void)
{
    memset(&bed, 0, sizeof bed);
    bed.seed = 1;
    bed.now_ms = START_MS;
    bed.home = place(1);
    bed.rtt_ms = RTT_MS;
    bed.flags = SESSION_PROBE_CARRIES;
    path_init(&bed.path, &callbacks, &bed);
}

/* What was told is what holds now. */
static void assert_told(void)
{
    ck_assert_int_eq(bed.way, path_way(&bed.path));
    ck_assert_int_eq(bed.slept, path_may_sleep(&bed.path));
    ck_assert_uint_le(bed.path.count, PATH_CANDIDATES_MAX);
    ck_assert(path_way(&bed.path) == PATH_BY_RELAYS || path_address(&bed.path) != NULL);
    ck_assert(!path_may_sleep(&bed.path) || path_way(&bed.path) == PATH_BY_UDP);
}

static void land(size_t index)
{
    struct pending answer = bed.pending[index];
    struct session_probe probe = {.response = answer.token, .flags = bed.flags};

    memmove(&bed.pending[index], &bed.pending[index + 1], (--bed.pending_count - index) * sizeof bed.pending[0]);
    if (!bed.cut) {
        (void)path_probed(&bed.path, &answer.place, &probe, bed.now_ms);
    }
}

static void run(uint64_t ms)
{
    uint64_t end_ms = bed.now_ms + ms;
    size_t moments = 0;

    for (;;) {
        uint64_t next = path_deadline(&bed.path);
        size_t first = PENDING_MAX;

        for (size_t i = 0; i < bed.pending_count; i++) {
            if (bed.pending[i].at_ms <= next) {
                next = bed.pending[i].at_ms;
                first = i;
            }
        }
        if (next > end_ms) {
            break;
        }
        bed.now_ms = next > bed.now_ms ? next : bed.now_ms;
        if (first < PENDING_MAX) {
            land(first);
        } else {
            path_expire(&bed.path, bed.now_ms);
        }
        assert_told();
        ck_assert_msg(++moments < 1000000, "time stands still");
    }
    bed.now_ms = end_ms;
}

static void traffic_for(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 100) {
        path_traffic(&bed.path, false, bed.now_ms);
        run(100);
    }
}

static void meet(void)
{
    path_relays_online(&bed.path, true, bed.now_ms);
    path_paired(&bed.path, bed.now_ms);
    path_candidates(&bed.path, &bed.home, 1, bed.now_ms);
}

/* Until UDP carries; returns how long that took. */
static uint64_t time_to_take_over(uint64_t patience_ms)
{
    uint64_t begin_ms = bed.now_ms;

    while (path_way(&bed.path) != PATH_BY_UDP && bed.now_ms - begin_ms < patience_ms) {
        run(10);
    }
    ck_assert_msg(path_way(&bed.path) == PATH_BY_UDP, "UDP did not take over");
    return bed.now_ms - begin_ms;
}

static uint64_t time_to(enum path_state state, uint64_t patience_ms)
{
    uint64_t begin_ms = bed.now_ms;

    while (bed.path.state != state && bed.now_ms - begin_ms < patience_ms) {
        run(10);
    }
    ck_assert_int_eq(bed.path.state, state);
    return bed.now_ms - begin_ms;
}

/* --- Taking over and falling back --- */

START_TEST(nothing_happens_before_the_peer_is_there)
{
    run(HOUR_MS);
    path_relays_online(&bed.path, true, bed.now_ms);
    path_network_changed(&bed.path, bed.now_ms);
    run(HOUR_MS);
    ck_assert_uint_eq(path_deadline(&bed.path), TOXTCP_NEVER);
    ck_assert_uint_eq(bed.probes + bed.announced + bed.changes, 0);
}
END_TEST

START_TEST(udp_takes_over_when_it_is_steady)
{
    uint64_t took_ms;

    meet();
    took_ms = time_to_take_over(5000);
    ck_assert_uint_ge(took_ms, 500);
    ck_assert_uint_le(took_ms, 2000);
    ck_assert_uint_eq(path_rtt(&bed.path), RTT_MS);
    ck_assert(path_carries(&bed.path));
    ck_assert(toxtcp_address_equal(path_address(&bed.path), &bed.home));
    ck_assert(!path_may_sleep(&bed.path));
    run(2900);
    ck_assert(!path_may_sleep(&bed.path));
    run(200);
    ck_assert(path_may_sleep(&bed.path));
    run(HOUR_MS);
    ck_assert_uint_eq(bed.way_changes, 1);
    ck_assert_uint_eq(bed.sleeps, 1);
}
END_TEST

/* A peer that uses its relays itself waits for us there. */
START_TEST(relays_sleep_only_when_the_peer_carries_too)
{
    bed.flags = 0;
    meet();
    (void)time_to_take_over(5000);
    run(HOUR_MS);
    ck_assert_uint_eq(bed.sleeps, 0);
    bed.flags = SESSION_PROBE_CARRIES;
    run(20000);
    ck_assert(path_may_sleep(&bed.path));
    bed.flags = 0;
    run(11000);
    ck_assert(!path_may_sleep(&bed.path));
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_UDP);
    bed.flags = SESSION_PROBE_CARRIES;
    run(10500);
    ck_assert(!path_may_sleep(&bed.path) || bed.sleeps == 2);
    run(20000);
    ck_assert_uint_eq(bed.sleeps, 2);
}
END_TEST

/* Old flags that are played again wake the relays, and never make them sleep. */
START_TEST(old_flags_do_not_put_relays_to_sleep)
{
    struct session_probe old = {.challenge = 7, .flags = SESSION_PROBE_CARRIES};

    bed.flags = 0;
    meet();
    (void)time_to_take_over(5000);
    for (int i = 0; i < 100; i++) {
        ck_assert(!path_probed(&bed.path, &bed.home, &old, bed.now_ms));
        run(1000);
    }
    ck_assert_uint_eq(bed.sleeps, 0);
}
END_TEST

START_TEST(silence_wakes_the_relays_and_falls_back)
{
    uint64_t doubt_ms;
    uint64_t fall_ms;

    meet();
    (void)time_to_take_over(5000);
    traffic_for(20000);
    ck_assert(path_may_sleep(&bed.path));
    bed.cut = true;
    path_traffic(&bed.path, true, bed.now_ms);
    doubt_ms = time_to(PATH_IN_DOUBT, 10000);
    ck_assert_uint_ge(doubt_ms, 700);
    ck_assert_uint_le(doubt_ms, 1500);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_BOTH);
    ck_assert(!path_may_sleep(&bed.path));
    ck_assert(!path_carries(&bed.path));
    fall_ms = time_to(PATH_ON_RELAYS, 10000);
    ck_assert_uint_ge(doubt_ms + fall_ms, 2900);
    ck_assert_uint_le(doubt_ms + fall_ms, 4000);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
}
END_TEST

/* Nobody speaks: the silence is found out all the same. */
START_TEST(silence_is_noticed_when_idle)
{
    meet();
    (void)time_to_take_over(5000);
    run(HOUR_MS);
    bed.cut = true;
    ck_assert_uint_le(time_to(PATH_IN_DOUBT, 60000), 12000);
}
END_TEST

START_TEST(a_short_silence_is_only_a_doubt)
{
    meet();
    (void)time_to_take_over(5000);
    traffic_for(20000);
    bed.cut = true;
    path_traffic(&bed.path, true, bed.now_ms);
    (void)time_to(PATH_IN_DOUBT, 10000);
    bed.cut = false;
    ck_assert_uint_le(time_to(PATH_ON_UDP, 10000), 2500);
    /* The relays stay awake for longer than the first time. */
    traffic_for(9000);
    ck_assert(!path_may_sleep(&bed.path));
    traffic_for(2000);
    ck_assert(path_may_sleep(&bed.path));
}
END_TEST

/* --- Hysteresis --- */

START_TEST(udp_must_prove_itself_longer_each_time)
{
    uint64_t least_ms = 10000;

    meet();
    (void)time_to_take_over(5000);
    for (int i = 0; i < 8; i++) {
        bed.cut = true;
        (void)time_to(PATH_ON_RELAYS, 60000);
        bed.cut = false;
        ck_assert_uint_ge(time_to_take_over(HOUR_MS), least_ms);
        least_ms = least_ms < 160000 ? 2 * least_ms : 300000;
    }
    /* It is forgiven when it has carried for long. */
    run(700000);
    bed.cut = true;
    (void)time_to(PATH_ON_RELAYS, 60000);
    bed.cut = false;
    ck_assert_uint_le(time_to_take_over(MINUTE_MS), 30000);
}
END_TEST

/* Up for 8 s, down for a while, for an hour: whatever the pace, relays and ways do not flap with it. */
START_TEST(a_network_that_flaps)
{
    static const struct {
        uint64_t up_ms;
        uint64_t down_ms;
        size_t ways_max;
        size_t sleeps_max;
    } paces[] = {{8000, 8000, 3, 1}, {8000, 4000, 3, 1},   {4000, 4000, 3, 1},
                 {8000, 500, 1, 1},  {30000, 30000, 9, 3}, {60000, 5000, 12, 5}};

    meet();
    for (uint64_t passed = 0; passed < HOUR_MS; passed += paces[_i].up_ms + paces[_i].down_ms) {
        bed.cut = false;
        traffic_for(paces[_i].up_ms);
        bed.cut = true;
        traffic_for(paces[_i].down_ms);
    }
    ck_assert_msg(bed.way_changes <= paces[_i].ways_max, "%zu changes of the way", bed.way_changes);
    ck_assert_msg(bed.sleeps <= paces[_i].sleeps_max, "slept %zu times", bed.sleeps);
}
END_TEST

/* Silences of 2 s: UDP remains the way, the relays help out, and are not put to sleep in between without end. */
START_TEST(short_silences_do_not_make_relays_flap)
{
    meet();
    for (int i = 0; i < 360; i++) {
        bed.cut = false;
        traffic_for(8000);
        bed.cut = true;
        traffic_for(2000);
    }
    ck_assert_uint_le(bed.sleeps, 2);
}
END_TEST

START_TEST(some_loss_is_no_reason_to_fall_back)
{
    bed.seed = (uint64_t)_i + 1;
    bed.loss_percent = 5;
    meet();
    (void)time_to_take_over(20000);
    traffic_for(HOUR_MS);
    ck_assert_int_ne(bed.path.state, PATH_ON_RELAYS);
    ck_assert_uint_le(bed.way_changes, 7);
}
END_TEST

START_TEST(much_loss_is_not_steady)
{
    bed.seed = (uint64_t)_i + 1;
    bed.loss_percent = 65;
    meet();
    traffic_for(HOUR_MS);
    ck_assert_uint_le(bed.sleeps, 1);
    ck_assert_uint_le(bed.way_changes, 24);
}
END_TEST

START_TEST(a_long_round_trip_is_no_silence)
{
    bed.rtt_ms = 900;
    meet();
    ck_assert_uint_le(time_to_take_over(20000), 8000);
    traffic_for(HOUR_MS);
    ck_assert_uint_eq(bed.way_changes, 1);
    ck_assert_uint_eq(bed.sleeps, 1);
}
END_TEST

/* The program was held for an hour, and what has come meanwhile is read only after its timers have run. */
START_TEST(a_program_that_was_held)
{
    meet();
    (void)time_to_take_over(5000);
    run(20000);
    bed.now_ms += HOUR_MS;
    path_expire(&bed.path, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_UDP);
    run(10000);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_UDP);
    ck_assert_uint_eq(bed.way_changes, 1);
}
END_TEST

/* Held when three probes were lost: it has a second to hear that all is well again. */
START_TEST(a_program_that_was_held_at_the_wrong_moment)
{
    meet();
    (void)time_to_take_over(5000);
    traffic_for(20000);
    bed.cut = true;
    while (bed.path.candidates[0].unanswered < 3) {
        run(10);
    }
    bed.cut = false;
    bed.now_ms += HOUR_MS;
    path_expire(&bed.path, bed.now_ms);
    ck_assert_int_eq(bed.path.state, PATH_IN_DOUBT);
    path_expire(&bed.path, path_deadline(&bed.path));
    run(3000);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_UDP);
}
END_TEST

/* --- What it costs --- */

START_TEST(probes_are_few_when_idle)
{
    meet();
    (void)time_to_take_over(5000);
    run(MINUTE_MS);
    bed.probes = 0;
    run(HOUR_MS);
    ck_assert_uint_ge(bed.probes, 350);
    ck_assert_uint_le(bed.probes, 360);
    bed.probes = 0;
    traffic_for(MINUTE_MS);
    ck_assert_uint_ge(bed.probes, 55);
    ck_assert_uint_le(bed.probes, 65);
}
END_TEST

/* Where UDP does not get through, it is asked again ever more seldom, and both sides know when. */
START_TEST(probes_are_few_where_nobody_answers)
{
    bed.cut = true;
    meet();
    run(HOUR_MS);
    bed.probes = bed.announced = 0;
    run(HOUR_MS);
    ck_assert_uint_ge(bed.announced, 11);
    ck_assert_uint_le(bed.announced, 13);
    ck_assert_uint_le(bed.probes, (size_t)6 * 13);
    ck_assert_uint_ge(bed.probes, (size_t)6 * 11);
    /* A change of the network does not wait. */
    bed.cut = false;
    path_network_changed(&bed.path, bed.now_ms);
    ck_assert_uint_le(time_to_take_over(HOUR_MS), 12000);
}
END_TEST

START_TEST(changes_of_the_network_do_not_make_rounds_without_end)
{
    bed.cut = true;
    meet();
    run(1000);
    bed.announced = 0;
    for (int i = 0; i < 1000; i++) {
        path_network_changed(&bed.path, bed.now_ms);
        run(100);
    }
    ck_assert_uint_le(bed.announced, 10);
    ck_assert_uint_ge(bed.announced, 9);
}
END_TEST

/* --- Modes --- */

START_TEST(tcp_never_goes_by_udp)
{
    struct session_probe probe = {.challenge = 99, .flags = SESSION_PROBE_CARRIES};

    path_set_mode(&bed.path, PATH_TCP, bed.now_ms);
    meet();
    run(HOUR_MS);
    ck_assert_uint_eq(bed.probes + bed.announced + bed.changes, 0);
    /* The peer's probes are answered, so that it knows what it may do; nothing is asked. */
    ck_assert(!path_probed(&bed.path, &bed.home, &probe, bed.now_ms));
    ck_assert_uint_eq(bed.answers, 1);
    ck_assert_uint_eq(bed.probes, 0);
    path_relays_online(&bed.path, false, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
    path_relays_online(&bed.path, true, bed.now_ms);
    path_set_mode(&bed.path, PATH_AUTO, bed.now_ms);
    ck_assert_uint_le(time_to_take_over(10000), 3000);
    run(20000);
    ck_assert(path_may_sleep(&bed.path));
    path_set_mode(&bed.path, PATH_TCP, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
    ck_assert(!path_may_sleep(&bed.path));
    bed.probes = 0;
    run(HOUR_MS);
    ck_assert_uint_eq(bed.probes, 0);
    ck_assert_uint_eq(path_deadline(&bed.path), TOXTCP_NEVER);
}
END_TEST

START_TEST(udp_is_used_as_soon_as_it_answers)
{
    path_set_mode(&bed.path, PATH_UDP, bed.now_ms);
    meet();
    ck_assert_uint_le(time_to_take_over(5000), 2 * RTT_MS);
    for (int i = 0; i < 5; i++) {
        bed.cut = true;
        (void)time_to(PATH_ON_RELAYS, 60000);
        ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
        bed.cut = false;
        ck_assert_uint_le(time_to_take_over(60000), 16000);
    }
}
END_TEST

/* Without relays, what is not steady is better than nothing. */
START_TEST(without_relays_any_udp_will_do)
{
    meet();
    (void)time_to_take_over(5000);
    bed.cut = true;
    (void)time_to(PATH_ON_RELAYS, 60000);
    path_relays_online(&bed.path, false, bed.now_ms);
    bed.cut = false;
    run(6000);
    ck_assert_int_eq(bed.path.state, PATH_ON_RELAYS);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_BOTH);
    path_relays_online(&bed.path, true, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
}
END_TEST

/* --- Addresses --- */

/* Both sides begin a round when one of them does; one that missed the other's addresses gets them then. */
START_TEST(addresses_are_told_again_but_not_to_and_fro)
{
    meet();
    ck_assert_uint_eq(bed.announced, 1);
    for (int i = 0; i < 100; i++) {
        path_candidates(&bed.path, &bed.home, 1, bed.now_ms);
        run(50);
    }
    ck_assert_uint_eq(bed.announced, 1);
    bed.cut = true;
    (void)time_to(PATH_ON_RELAYS, 60000);
    bed.announced = 0;
    bed.now_ms += 1;
    path_candidates(&bed.path, &bed.home, 1, bed.now_ms);
    ck_assert_uint_eq(bed.announced, 1);
}
END_TEST

START_TEST(a_peer_whose_nat_moves_it)
{
    meet();
    (void)time_to_take_over(5000);
    traffic_for(20000);
    bed.home = place(2);
    for (int i = 0; i < 100; i++) {
        path_heard(&bed.path, &bed.home, bed.now_ms);
        traffic_for(100);
    }
    ck_assert_uint_eq(bed.way_changes, 1);
    ck_assert(toxtcp_address_equal(path_address(&bed.path), &bed.home));
}
END_TEST

/* The addresses that the peer knows are of no use, but it reaches us: where it comes from is its address. */
START_TEST(an_address_is_learned_from_what_comes)
{
    struct toxtcp_address elsewhere[SESSION_ADDRESSES_MAX];
    struct session_probe probe = {.challenge = 5};

    for (unsigned i = 0; i < SESSION_ADDRESSES_MAX; i++) {
        elsewhere[i] = place(100 + i);
    }
    path_relays_online(&bed.path, true, bed.now_ms);
    path_paired(&bed.path, bed.now_ms);
    path_candidates(&bed.path, elsewhere, SESSION_ADDRESSES_MAX, bed.now_ms);
    run(1000);
    (void)path_probed(&bed.path, &bed.home, &probe, bed.now_ms);
    ck_assert_uint_le(time_to_take_over(5000), 2000);
}
END_TEST

START_TEST(addresses_that_cannot_be)
{
    static const struct toxtcp_address bad[] = {
        {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = 0},
        {.family = TOXTCP_FAMILY_IPV4, .ip = {0, 0, 0, 0}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV4, .ip = {224, 0, 0, 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV4, .ip = {255, 255, 255, 255}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0xff, 0x02, [15] = 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {0xfe, 0x80, [15] = 1}, .port = 1},
        {.family = TOXTCP_FAMILY_IPV6, .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .port = 1},
        {.family = TOXTCP_FAMILY_NONE, .port = 1}};
    struct session_probe probe = {.challenge = 5};

    path_relays_online(&bed.path, true, bed.now_ms);
    path_paired(&bed.path, bed.now_ms);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        path_candidates(&bed.path, &bad[i], 1, bed.now_ms);
        path_heard(&bed.path, &bad[i], bed.now_ms);
        (void)path_probed(&bed.path, &bad[i], &probe, bed.now_ms);
        run(1000);
        ck_assert_uint_eq(bed.path.count, 0);
    }
    ck_assert_uint_eq(bed.probes + bed.answers, 0);
}
END_TEST

/* A peer that wants to aim us at others gets a small packet now and then. */
START_TEST(nobody_can_aim_us_at_others)
{
    struct toxtcp_address others[SESSION_ADDRESSES_MAX];

    path_relays_online(&bed.path, true, bed.now_ms);
    path_paired(&bed.path, bed.now_ms);
    for (unsigned round = 0; round < 600; round++) {
        for (unsigned i = 0; i < SESSION_ADDRESSES_MAX; i++) {
            others[i] = place(10 + (round % 1000) * SESSION_ADDRESSES_MAX + i);
        }
        path_candidates(&bed.path, others, SESSION_ADDRESSES_MAX, bed.now_ms);
        path_heard(&bed.path, &others[0], bed.now_ms);
        run(1000);
        ck_assert_uint_le(bed.path.count, PATH_CANDIDATES_MAX);
    }
    ck_assert_uint_le(bed.probes, 48 + 300);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
}
END_TEST

/* One probe of the peer, played again from everywhere: few answers, and who carries stays. */
START_TEST(a_probe_that_is_played_again_from_everywhere)
{
    struct session_probe probe = {.challenge = 1234, .flags = SESSION_PROBE_CARRIES};

    meet();
    (void)time_to_take_over(5000);
    run(10000);
    bed.answers = 0;
    for (unsigned i = 0; i < PLACES_MAX; i++) {
        struct toxtcp_address from = place(2 + i);

        (void)path_probed(&bed.path, &from, &probe, bed.now_ms);
        ck_assert_uint_le(bed.path.count, PATH_CANDIDATES_MAX);
    }
    ck_assert_uint_le(bed.answers, 32);
    run(HOUR_MS);
    ck_assert(toxtcp_address_equal(path_address(&bed.path), &bed.home));
    ck_assert_uint_eq(bed.way_changes, 1);
}
END_TEST

/* What is played again does not leave the peer without answers, or it would think that UDP is dead. */
START_TEST(probes_played_again_do_not_use_up_the_answers)
{
    struct session_probe probe = {.challenge = 1234, .flags = SESSION_PROBE_CARRIES};
    struct toxtcp_address elsewhere = place(PLACES_MAX + 2);

    meet();
    (void)time_to_take_over(5000);
    for (unsigned i = 0; i < PLACES_MAX; i++) {
        struct toxtcp_address from = place(2 + i);

        (void)path_probed(&bed.path, &from, &probe, bed.now_ms);
    }
    bed.answers = 0;
    (void)path_probed(&bed.path, &elsewhere, &probe, bed.now_ms);
    ck_assert_uint_eq(bed.answers, 0);
    probe.challenge = 1235;
    (void)path_probed(&bed.path, &bed.home, &probe, bed.now_ms);
    ck_assert_uint_eq(bed.answers, 1);
}
END_TEST

/* An answer counts once, and only to a question. */
START_TEST(an_answer_that_is_played_again)
{
    struct session_probe answer = {.response = 0};

    bed.cut = true;
    meet();
    run(1);
    ck_assert_uint_eq(bed.probes, 1);
    answer.response = bed.token;
    ck_assert(path_probed(&bed.path, &bed.home, &answer, bed.now_ms));
    for (int i = 0; i < 100; i++) {
        ck_assert(!path_probed(&bed.path, &bed.home, &answer, bed.now_ms));
    }
    answer.response++;
    ck_assert(!path_probed(&bed.path, &bed.home, &answer, bed.now_ms));
    answer.response = 0;
    ck_assert(!path_probed(&bed.path, &bed.home, &answer, bed.now_ms));
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
    run(HOUR_MS);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
}
END_TEST

/* --- Another run of the peer --- */

START_TEST(a_peer_that_leaves_and_comes_back)
{
    struct session_probe leaving = {.flags = SESSION_PROBE_LEAVES};

    meet();
    (void)time_to_take_over(5000);
    run(20000);
    (void)path_probed(&bed.path, &bed.home, &leaving, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
    ck_assert(!path_may_sleep(&bed.path));
    bed.probes = 0;
    run(HOUR_MS);
    ck_assert_uint_eq(bed.probes, 0);
    bed.home = place(3);
    meet();
    ck_assert_uint_le(time_to_take_over(5000), 2000);
}
END_TEST

START_TEST(another_run_of_the_peer)
{
    meet();
    (void)time_to_take_over(5000);
    run(20000);
    ck_assert(path_may_sleep(&bed.path));
    path_paired(&bed.path, bed.now_ms);
    ck_assert_int_eq(path_way(&bed.path), PATH_BY_RELAYS);
    ck_assert(!path_may_sleep(&bed.path));
    ck_assert_uint_eq(bed.path.count, 0);
    assert_told();
}
END_TEST

static void add_changes(Suite *suite)
{
    TCase *test_case = tcase_create("taking over and falling back");

    tcase_add_checked_fixture(test_case, set_up, NULL);
    tcase_add_test(test_case, nothing_happens_before_the_peer_is_there);
    tcase_add_test(test_case, udp_takes_over_when_it_is_steady);
    tcase_add_test(test_case, relays_sleep_only_when_the_peer_carries_too);
    tcase_add_test(test_case, old_flags_do_not_put_relays_to_sleep);
    tcase_add_test(test_case, silence_wakes_the_relays_and_falls_back);
    tcase_add_test(test_case, silence_is_noticed_when_idle);
    tcase_add_test(test_case, a_short_silence_is_only_a_doubt);
    tcase_add_test(test_case, udp_must_prove_itself_longer_each_time);
    tcase_add_loop_test(test_case, a_network_that_flaps, 0, 6);
    tcase_add_test(test_case, short_silences_do_not_make_relays_flap);
    tcase_add_loop_test(test_case, some_loss_is_no_reason_to_fall_back, 0, 10);
    tcase_add_loop_test(test_case, much_loss_is_not_steady, 0, 10);
    tcase_add_test(test_case, a_long_round_trip_is_no_silence);
    tcase_add_test(test_case, a_program_that_was_held);
    tcase_add_test(test_case, a_program_that_was_held_at_the_wrong_moment);
    suite_add_tcase(suite, test_case);
}

static void add_rules(Suite *suite)
{
    TCase *test_case = tcase_create("costs, modes, addresses");

    tcase_add_checked_fixture(test_case, set_up, NULL);
    tcase_add_test(test_case, probes_are_few_when_idle);
    tcase_add_test(test_case, probes_are_few_where_nobody_answers);
    tcase_add_test(test_case, changes_of_the_network_do_not_make_rounds_without_end);
    tcase_add_test(test_case, tcp_never_goes_by_udp);
    tcase_add_test(test_case, udp_is_used_as_soon_as_it_answers);
    tcase_add_test(test_case, without_relays_any_udp_will_do);
    tcase_add_test(test_case, addresses_are_told_again_but_not_to_and_fro);
    tcase_add_test(test_case, a_peer_whose_nat_moves_it);
    tcase_add_test(test_case, an_address_is_learned_from_what_comes);
    tcase_add_test(test_case, addresses_that_cannot_be);
    tcase_add_test(test_case, nobody_can_aim_us_at_others);
    tcase_add_test(test_case, a_probe_that_is_played_again_from_everywhere);
    tcase_add_test(test_case, probes_played_again_do_not_use_up_the_answers);
    tcase_add_test(test_case, an_answer_that_is_played_again);
    tcase_add_test(test_case, a_peer_that_leaves_and_comes_back);
    tcase_add_test(test_case, another_run_of_the_peer);
    suite_add_tcase(suite, test_case);
}

int main(void)
{
    Suite *suite = suite_create("chat_path");
    SRunner *runner = srunner_create(suite);
    int failed;

    add_changes(suite);
    add_rules(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
