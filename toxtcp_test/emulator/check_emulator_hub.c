/* The path emulator without a kernel: ports, and commands. SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator/check_emulator.h"
#include "emulator/command.h"
#include "emulator/hub.h"

static struct hub hub;
static struct commands commands;
static uint64_t hub_now_us;
/* When packets arrived, at port 0 and 1. */
static uint64_t arrived_us[2][100];
static size_t arrived[2];
static struct segment arrived_last;

static void on_arrival(void *user, size_t port, const uint8_t *bytes, size_t len)
{
    ck_assert_ptr_eq(user, &hub);
    ck_assert_uint_lt(port, 2);
    ck_assert_uint_lt(arrived[port], 100);
    ck_assert(segment_read(bytes, len, &arrived_last));
    arrived_us[port][arrived[port]++] = hub_now_us;
}

static void open_hub(void)
{
    hub_open(&hub, 1, on_arrival, &hub);
    ck_assert_int_eq(hub_add(&hub, "a", "10.0.0.1", "fd00::1"), 0);
    ck_assert_int_eq(hub_add(&hub, "b", "10.0.0.2", "fd00::2"), 1);
    commands_open(&commands, &hub);
    hub_now_us = 0;
    memset(arrived, 0, sizeof arrived);
}

static void close_hub(void)
{
    hub_close(&hub);
}

static void enter(size_t port, struct wanted wanted)
{
    const struct made made = make(wanted);

    hub_enter(&hub, port, made.bytes, made.len, hub_now_us);
}

static void run_until(uint64_t end_us)
{
    for (;;) {
        const uint64_t hub_us = hub_next_us(&hub), commands_us = commands_next_us(&commands);
        const uint64_t next_us = hub_us < commands_us ? hub_us : commands_us;
        if (next_us > end_us) {
            hub_now_us = end_us;
            return;
        }
        hub_now_us = next_us;
        commands_expire(&commands, next_us);
        hub_pass(&hub, next_us);
    }
}

static const char *told(const char *line)
{
    static char answer[COMMAND_ANSWER_SIZE];

    commands_do(&commands, line, hub_now_us, answer);
    return answer;
}

static void tell(const char *line)
{
    const char *answer = told(line);

    ck_assert_msg(strncmp(answer, "ok", 2) == 0, "%s: %s", line, answer);
}

/* Delays add up along the way, and both versions take it. */
START_TEST(routes)
{
    tell("a up delay 50");
    tell("b down delay 0.25");
    enter(0, (struct wanted){.flags = SEGMENT_SYN});
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .ipv6 = true});
    enter(1, (struct wanted){.flags = SEGMENT_SYN, .back = true});
    run_until(1000 * MS);
    ck_assert_uint_eq(arrived[1], 2);
    ck_assert_uint_eq(arrived_us[1][0], 50250);
    ck_assert_uint_eq(arrived_us[1][1], 50250);
    ck_assert_uint_eq(arrived[0], 1);
    ck_assert_uint_eq(arrived_us[0][0], 0);
}
END_TEST

START_TEST(refuses_strays)
{
    struct made made = make((struct wanted){.flags = SEGMENT_SYN});

    /* In b's name. */
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .back = true});
    /* To nobody. */
    made.bytes[19] = 77;
    hub_enter(&hub, 0, made.bytes, made.len, 0);
    /* Nothing. */
    hub_enter(&hub, 0, made.bytes, 0, 0);
    hub_enter(&hub, 0, made.bytes, 30, 0);
    run_until(1000 * MS);
    ck_assert_uint_eq(arrived[0] + arrived[1], 0);
    ck_assert_str_eq(told("a count up strays"), "ok 4");
    ck_assert_str_eq(told("a count up packets"), "ok 0");
}
END_TEST

START_TEST(takes_each_port_once)
{
    ck_assert_int_eq(hub_add(&hub, "a", "10.0.0.3", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "c", "10.0.0.1", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "c", "10.0.0.3", "fd00::1"), -1);
    ck_assert_int_eq(hub_add(&hub, "c", "10.0.0", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "all", "10.0.0.3", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "", "10.0.0.3", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "sixteen-letters-", "10.0.0.3", NULL), -1);
    ck_assert_int_eq(hub_add(&hub, "c d", "10.0.0.3", NULL), -1);
    for (int i = 2; i < HUB_PORTS_MAX; i++) {
        char name[8], ipv4[16];
        (void)snprintf(name, sizeof name, "p%d", i);
        (void)snprintf(ipv4, sizeof ipv4, "10.0.0.%d", i + 1);
        ck_assert_int_eq(hub_add(&hub, name, ipv4, NULL), i);
    }
    ck_assert_int_eq(hub_add(&hub, "c", "10.0.1.1", NULL), -1);
}
END_TEST

START_TEST(commands_set_rules)
{
    const struct lane_rules *up = &hub.ports[0].lanes[HUB_UP].rules, *down = &hub.ports[0].lanes[HUB_DOWN].rules;

    tell("a up delay 1.5");
    ck_assert_uint_eq(up->delay_us, 1500);
    ck_assert_uint_eq(down->delay_us, 0);
    tell("a both jitter 2");
    ck_assert_uint_eq(up->jitter_us, 2000);
    ck_assert_uint_eq(down->jitter_us, 2000);
    tell("a down rate 1000");
    ck_assert_uint_eq(down->rate, 1000000);
    ck_assert_uint_eq(up->rate, 0);
    tell("a down queue 30000");
    ck_assert_uint_eq(down->queue, 30000);
    tell("a up loss 0.5");
    ck_assert_uint_eq(up->loss_ppm, 5000);
    tell("all up loss-every 4");
    ck_assert_uint_eq(up->loss_every, 4);
    ck_assert_uint_eq(hub.ports[1].lanes[HUB_UP].rules.loss_every, 4);
    ck_assert_uint_eq(down->loss_every, 0);
    tell("a up drop-syn-data on");
    tell("a up drop-fast-open on");
    tell("a up silence on");
    ck_assert(up->drop_syn_data && up->drop_fast_open && up->silent);
    tell("a up silence off");
    ck_assert(up->drop_syn_data && up->drop_fast_open && !up->silent);
}
END_TEST

START_TEST(commands_with_mistakes)
{
    static const char *const lines[] = {
        "",
        "a",
        "nonsense",
        "c up delay 5",
        "a sideways delay 5",
        "a up delay",
        "a up delay 5 6",
        "a up delay x",
        "a up delay -1",
        "a up delay 5x",
        "a up delay nan",
        "a up delay inf",
        "a up delay 1e300",
        "a up loss 101",
        "a up silence 1",
        "a up thickness 1",
        "a count",
        "a count both",
        "a count up nonsense",
        "a capture /nowhere/at/all",
        "all reset",
        "all count up",
        "in",
        "in 5",
        "in x a reset",
        "in -5 a reset",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *answer = told(lines[i]);
        ck_assert_msg(strncmp(answer, "error ", 6) == 0, "%s: %s", lines[i], answer);
    }
    ck_assert_uint_eq(hub.ports[0].lanes[HUB_UP].rules.delay_us, 0);
    ck_assert(!hub.ports[0].lanes[HUB_UP].rules.silent);
    char line[COMMAND_LINE_SIZE + 10];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    ck_assert_str_eq(told(line), "error the line is too long");
}
END_TEST

START_TEST(commands_for_later)
{
    tell("in 10 a up silence on");
    tell("in 5 a up delay 20");
    tell("in 10 in 10 a up silence off");
    for (uint64_t ms = 1; ms <= 30; ms++) {
        run_until(ms * MS - 500);
        enter(0, (struct wanted){.flags = SEGMENT_ACK});
    }
    run_until(100 * MS);
    /* 5 at once, then 5 that silence takes on their way, 10 that it takes as they come; 10 after it. */
    ck_assert_uint_eq(arrived[1], 5 + 10);
    ck_assert_uint_eq(arrived_us[1][4], 4500);
    ck_assert_uint_eq(arrived_us[1][5], 20500 + 20 * MS);
    ck_assert_str_eq(told("a count up silent"), "ok 15");
    for (int i = 0; i < COMMAND_LATER_MAX; i++) {
        tell("in 1000 a zero");
    }
    ck_assert_str_eq(told("in 1000 a zero"), "error 32 commands wait already");
}
END_TEST

START_TEST(commands_count)
{
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .payload_len = 128});
    tell("b down drop-syn-data on");
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .payload_len = 128});
    run_until(1000 * MS);
    ck_assert_str_eq(told("a count up syn-data"), "ok 2");
    ck_assert_str_eq(told("a count up again"), "ok 1");
    ck_assert_str_eq(told("b count down syn-data"), "ok 0");
    ck_assert_str_eq(told("b count down filtered"), "ok 2");
    const char *all = told("b count down");
    ck_assert_ptr_nonnull(strstr(all, "packets=0 "));
    ck_assert_ptr_nonnull(strstr(all, " filtered=2 "));
    tell("b zero");
    ck_assert_str_eq(told("b count down filtered"), "ok 0");
    ck_assert_str_eq(told("a count up syn-data"), "ok 2");
    tell("a zero");
    ck_assert_str_eq(told("a count up syn-data"), "ok 0");
    /* It still knows what it has seen. */
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .payload_len = 128});
    ck_assert_str_eq(told("a count up again"), "ok 1");
}
END_TEST

/* Only streams that live are reset, and with numbers that their node takes. */
START_TEST(commands_reset)
{
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .sequence = 9});
    ck_assert_str_eq(told("a reset"), "ok 0");
    enter(0, (struct wanted){.flags = SEGMENT_ACK, .sequence = 10, .acknowledged = 77, .payload_len = 5});
    ck_assert_str_eq(told("a reset"), "ok 1");
    ck_assert_uint_eq(arrived[0], 1);
    ck_assert_uint_eq(arrived_last.flags, SEGMENT_RST | SEGMENT_ACK);
    ck_assert_uint_eq(arrived_last.sequence, 77);
    ck_assert_uint_eq(arrived_last.acknowledged, 15);
    ck_assert_str_eq(told("a reset"), "ok 0");
    ck_assert_str_eq(told("a count down rst"), "ok 1");
    enter(0, (struct wanted){.flags = SEGMENT_ACK | SEGMENT_FIN, .ipv6 = true});
    ck_assert_str_eq(told("a reset"), "ok 0");
}
END_TEST

/* Head and lengths; that tcpdump's kind of readers take it follows from these numbers. */
START_TEST(commands_capture)
{
    char path[] = "/tmp/check-emulator-XXXXXX", line[64];
    uint8_t bytes[256];
    const int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    (void)snprintf(line, sizeof line, "b capture %s", path);
    tell(line);
    hub_now_us = 3000007;
    enter(0, (struct wanted){.flags = SEGMENT_SYN, .payload_len = 9});
    run_until(4000000);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 24 + 16 + 49);
    const uint32_t head[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 101, 3, 7, 49, 49};
    ck_assert_mem_eq(bytes, head, sizeof head);
    ck_assert_uint_eq(bytes[40], 0x45);
    (void)close(fd);
    (void)unlink(path);
}
END_TEST

void add_hub_cases(Suite *suite)
{
    TCase *hubs = tcase_create("hub");

    tcase_add_checked_fixture(hubs, open_hub, close_hub);
    ADD(hubs, routes, refuses_strays, takes_each_port_once, commands_set_rules, commands_with_mistakes,
        commands_for_later, commands_count, commands_reset, commands_capture);
    suite_add_tcase(suite, hubs);
}
