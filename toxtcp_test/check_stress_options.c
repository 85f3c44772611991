/* Tests of the command line of toxtcp-stress. SPDX-License-Identifier: ISC */
#include <check.h>
#include <string.h>

#include "../apps/stress/engine.h"
#include "../apps/stress/options.h"
#include "support/command_line.h"

#define KEY "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "202122232425262728292A2B2C2D2E2F303132333435363738393a3b3c3d3e3f"
#define RELAY "--relay", "127.0.0.1:33445:" KEY

static struct stress_options options;
static struct problem problem;

static int read_options(const char *const *arguments)
{
    static struct command_line line;

    command_line_set(&line, "toxtcp-stress", arguments);
    options_free(&options);
    return options_read(line.count, line.arguments, &options, &problem);
}

START_TEST(defaults)
{
    TAKEN(RELAY, "throughput", "latency", "idle");
    ck_assert_uint_eq(options.group_count, 3);
    ck_assert_uint_eq(options.threads, 1);
    ck_assert_double_eq(options.duration_s, 10);
    ck_assert_double_eq(options.warmup_s, 1);
    ck_assert_uint_eq(options.groups[0].pairs, 8);
    ck_assert_uint_eq(options.groups[0].clients, 16);
    ck_assert_uint_eq(options.groups[0].size, 1373);
    ck_assert_uint_eq(options.groups[0].window, 49152 / 1373);
    ck_assert_uint_eq(options.groups[1].window, 64);
    ck_assert_double_eq(options.groups[1].rate, 200);
    ck_assert_uint_eq(options.groups[2].clients, 4000);
    ck_assert_uint_eq(options.relays.count, 1);
    ck_assert_uint_eq(options.relays.entries[0].address.port, 33445);
    ck_assert_uint_eq(options.embedded, 0);
    ck_assert_uint_eq(options.events.count, 0);
}
END_TEST

/* A group's own value, else the command line's, else the scenario's. */
START_TEST(who_wins)
{
    TAKEN(RELAY, "throughput:size=100,pairs=3", "latency", "--size", "500", "--window", "7");
    ck_assert_uint_eq(options.groups[0].size, 100);
    ck_assert_uint_eq(options.groups[0].pairs, 3);
    ck_assert_uint_eq(options.groups[0].window, 7);
    ck_assert_uint_eq(options.groups[1].size, 500);
    ck_assert_uint_eq(options.groups[1].pairs, 1);
}
END_TEST

/* Numbers for honest clients are none for an attack. */
START_TEST(attacks_have_numbers_of_their_own)
{
    TAKEN(RELAY, "--rate", "20", "--clients", "300", "latency", "attack=half-open:sources=9");
    ck_assert_str_eq(options.groups[1].attack, "half-open");
    ck_assert_uint_eq(options.groups[1].clients, 0);
    ck_assert_double_eq(options.groups[1].rate, 0);
    ck_assert_uint_eq(options.groups[1].sources, 9);
    TAKEN(RELAY, "attack=half-open:clients=5,rate=1.5");
    ck_assert_uint_eq(options.groups[0].clients, 5);
    ck_assert_double_eq(options.groups[0].rate, 1.5);
    REFUSED("one attack at a time", RELAY, "attack=a", "attack=b");
    REFUSED("is no attack", RELAY, "attack=");
    REFUSED("is no attack", RELAY, "attack=123456789012345678901234567890123");
    REFUSED("is no scenario", RELAY, "attack");
    REFUSED("is no scenario", RELAY, "latency=half-open");
}
END_TEST

START_TEST(every_setting_at_its_edges)
{
    TAKEN(RELAY, "throughput:size=40,pairs=1,routes=0,window=1,sources=0,dir=one");
    TAKEN(RELAY, "throughput:size=2031,pairs=500000,routes=239,window=100000,sources=131072,dir=both");
    ck_assert(options.groups[0].both);
    TAKEN(RELAY, "oob:size=1024");
    TAKEN(RELAY, "churn:clients=1,life=0.01");
    ck_assert_uint_eq(options.groups[0].pairs, 1);
    ck_assert_uint_eq(options.groups[0].clients, 2);
    REFUSED("size=39: it is a whole number of 40 to 2031", RELAY, "throughput:size=39");
    REFUSED("size=2032: it is a whole number of 40 to 2031", RELAY, "throughput:size=2032");
    REFUSED("size=100.5: it is a whole number", RELAY, "throughput:size=100.5");
    REFUSED("routes=240", RELAY, "throughput:routes=240");
    REFUSED("pairs=0", RELAY, "throughput:pairs=0");
    REFUSED("clients=0", RELAY, "idle:clients=0");
    REFUSED("window=100001", RELAY, "throughput:window=100001");
    REFUSED("rate=-1", RELAY, "latency:rate=-1");
    REFUSED("rate=nan", RELAY, "latency:rate=nan");
    REFUSED("rate=inf", RELAY, "latency:rate=inf");
    REFUSED("rate=0x10", RELAY, "latency:rate=0x10");
    REFUSED("rate=", RELAY, "latency:rate=");
    REFUSED("life=0", RELAY, "churn:life=0");
    REFUSED("dir=up", RELAY, "throughput:dir=up");
    REFUSED("oob: size=1025 is over 1024", RELAY, "oob:size=1025");
    REFUSED("oob: size=2000 is over 1024", RELAY, "oob", "--size", "2000");
    REFUSED("latency: rate=0", RELAY, "latency:rate=0");
}
END_TEST

START_TEST(what_is_no_setting)
{
    REFUSED("\"colour\" is no setting", RELAY, "latency:colour=3");
    REFUSED("latency:clients=: this scenario has no use for it", RELAY, "latency:clients=50");
    REFUSED("idle:pairs=: this scenario has no use for it", RELAY, "idle:pairs=50");
    REFUSED("attack:size=: this scenario has no use for it", RELAY, "attack=half-open:clients=1,size=100");
    REFUSED("a setting is written key=value", RELAY, "latency:size");
    REFUSED("a setting is written key=value", RELAY, "latency:");
    REFUSED("a setting is written key=value", RELAY, "latency:size=100,");
    REFUSED("\"nonsense\" is no scenario", RELAY, "nonsense:size=100");
    REFUSED("\"\" is no scenario", RELAY, "");
}
END_TEST

START_TEST(options_at_their_edges)
{
    TAKEN(RELAY, "--duration", "0.1", "--warmup", "0", "--ramp", "1", "--threads", "64", "--seed", "9007199254740992",
          "--relay-pid", "1", "--json", "-", "idle");
    ck_assert_uint_eq(options.threads, 64);
    ck_assert_uint_eq(options.seed, UINT64_C(9007199254740992));
    ck_assert_uint_eq(options.relay_pid, 1);
    REFUSED("--duration 0", RELAY, "--duration", "0", "idle");
    REFUSED("--duration nan", RELAY, "--duration", "nan", "idle");
    REFUSED("--duration 5s", RELAY, "--duration", "5s", "idle");
    REFUSED("--threads 65", RELAY, "--threads", "65", "idle");
    REFUSED("--threads 0", RELAY, "--threads", "0", "idle");
    REFUSED("--threads 1.5: it is a whole number", RELAY, "--threads", "1.5", "idle");
    REFUSED("--ramp 0", RELAY, "--ramp", "0", "idle");
    REFUSED("--relay-pid -1", RELAY, "--relay-pid", "-1", "idle");
    REFUSED("--nonsense: there is no such option; see toxtcp-stress --help", RELAY, "--nonsense");
}
END_TEST

START_TEST(what_is_missing)
{
    REFUSED("a scenario is missing", RELAY);
    REFUSED("write HOST:PORT:KEY", "--relay", "nonsense", "idle");
    REFUSED("more than 16 scenarios", RELAY, "idle", "idle", "idle", "idle", "idle", "idle", "idle", "idle", "idle",
            "idle", "idle", "idle", "idle", "idle", "idle", "idle", "idle");
    TAKEN("--help");
    ck_assert(options.help);
    TAKEN("--version");
    ck_assert(options.version);
    TAKEN("--list-attacks");
    ck_assert(options.list_attacks);
}
END_TEST

/* Without any relay one is started, or two where that is the point. */
START_TEST(relays)
{
    TAKEN("idle");
    ck_assert_uint_eq(options.embedded, 1);
    TAKEN("multirelay", "idle");
    ck_assert_uint_eq(options.embedded, 2);
    TAKEN("--embedded", "16", "multirelay");
    ck_assert_uint_eq(options.embedded, 16);
    TAKEN(RELAY, "--relay", "name.example:1:" OTHER_KEY, RELAY, "--embedded", "3", "idle");
    ck_assert_uint_eq(options.relays.count, 2);
    ck_assert_str_eq(options.relays.entries[1].host, "name.example");
    ck_assert_uint_eq(options.embedded, 3);
    REFUSED("this key is listed already with another address", RELAY, "--relay", "127.0.0.1:33446:" KEY, "idle");
    REFUSED("--embedded 0", "--embedded", "0", "idle");
    REFUSED("--embedded 17", "--embedded", "17", "idle");
    REFUSED("/no/such/file: cannot be opened", "--relays", "/no/such/file", "idle");
}
END_TEST

START_TEST(events)
{
    TAKEN("multirelay", "--duration", "100");
    ck_assert_uint_eq(options.events.count, 4);
    ck_assert_double_eq_tol(options.events.list[3].at_s, 62, 1e-9);
    TAKEN("multirelay", "--event", "none");
    ck_assert_uint_eq(options.events.count, 0);
    TAKEN(RELAY, "multirelay");
    ck_assert_uint_eq(options.events.count, 0);
    TAKEN(RELAY, "--embedded", "1", "multirelay");
    ck_assert_uint_eq(options.events.count, 2);
    ck_assert_uint_eq(options.events.list[1].relay, 2);
    TAKEN("multirelay", "--event", "1:kill:2", "--event", "0.5:stop:primary");
    ck_assert_uint_eq(options.events.count, 2);
    TAKEN(RELAY, "multirelay", "--event", "1:kill:1", "--on-event", "true");
    ck_assert_str_eq(options.on_event, "true");
    REFUSED("--event 1:kill: that relay was not started here", RELAY, "multirelay", "--event", "1:kill:1");
    REFUSED("--event 1:stop: that relay was not started here", RELAY, "--embedded", "1", "multirelay", "--event",
            "1:stop:primary");
    REFUSED("multirelay alone says what came of it", "latency", "--event", "1:kill:1");
    REFUSED("multirelay alone says what came of it", "latency", "--event", "none");
    REFUSED("there is another --event", "multirelay", "--event", "1:kill:1", "--event", "none");
    REFUSED("no kill or stop of the primary", "multirelay", "--event", "1:start:primary");
    REFUSED("--on-event: there is no --event", RELAY, "multirelay", "--on-event", "true");
    REFUSED("--on-event: there is no --event", "latency", "--on-event", "true");
    REFUSED("the measured time is over after 10 s", "multirelay", "--event", "10:kill:1");
    REFUSED("there are 2 relays", "multirelay", "--event", "1:kill:3");
    REFUSED("it is SECONDS:ACTION:RELAY", "multirelay", "--event", "1:murder:1");
    REFUSED("multirelay: rate=0", "multirelay:rate=0");
    REFUSED("multirelay:window=: this scenario has no use for it", "multirelay:window=3");
    REFUSED("sleepwake:rate=: this scenario has no use for it", "sleepwake:rate=3");
}
END_TEST

/* That no run could ever tell is said before it. */
START_TEST(conditions_without_a_figure)
{
    REFUSED("throughput has no echoes and no p99; it has oneway.p99", RELAY, "--fail-if", "throughput.p99>1s",
            "throughput", "latency");
    REFUSED("throughput has no echoes and no p99", RELAY, "--fail-if", "p99>1s", "throughput");
    TAKEN(RELAY, "--fail-if", "p99>1s", "throughput", "latency");
    TAKEN(RELAY, "--fail-if", "throughput.oneway.p99>1s", "throughput");
    REFUSED("no scenario \"latency#3\"", RELAY, "--fail-if", "latency#3.p99>1s", "latency", "latency");
    TAKEN(RELAY, "--fail-if", "latency#2.p99>1s", "latency", "latency");
    REFUSED("idle has no loss", RELAY, "--fail-if", "idle.loss>1%", "idle");
    REFUSED("what is run here has no handshakes/s", RELAY, "--fail-if", "handshakes/s<1", "latency");
    TAKEN(RELAY, "--fail-if", "handshakes/s<1", "churn");
    REFUSED("latency has no gap.max", RELAY, "--fail-if", "latency.gap.max>1s", "latency", "multirelay");
    REFUSED("has no wake.p50", RELAY, "--fail-if", "wake.p50>1s", "multirelay");
    TAKEN("--fail-if", "gap.max>1s", "--fail-if", "recover.p50>1s", "multirelay");
    REFUSED("has no failed", RELAY, "--fail-if", "failed>1", "attack=rubbish");
}
END_TEST

START_TEST(conditions_on_a_relay)
{
    REFUSED("see --relay-pid", RELAY, "--fail-if", "cpu_percent>1", "latency");
    TAKEN(RELAY, "--relay-pid", "1", "--fail-if", "cpu_percent>1", "latency");
    TAKEN("--fail-if", "cpu_us_per_packet>1us", "latency"); /* that of the one which is started */
    REFUSED("see --relay-pid", "--embedded", "2", "--fail-if", "rss_kib>1", "latency");
    /* It is killed in between. */
    REFUSED("see --relay-pid", "--embedded", "1", "--fail-if", "rss_kib>1", "multirelay");
    TAKEN("--embedded", "1", "--event", "none", "--fail-if", "rss_kib>1", "multirelay");
    REFUSED("nothing that is run here has packets", "--fail-if", "cpu_us_per_packet>1us", "idle");
    REFUSED("nothing that is run here counts handshakes", "--fail-if", "cpu_us_per_handshake>1us", "idle");
    REFUSED("with several relays", "--embedded", "2", "--relay-pid", "1", "--fail-if", "cpu_us_per_packet>1us",
            "latency");
    REFUSED("it takes 100 clients", "--fail-if", "kib_per_client>1", "idle:clients=99");
    TAKEN("--fail-if", "kib_per_client>1", "idle:clients=100");
}
END_TEST

START_TEST(outputs_and_contenders)
{
    REFUSED("cannot both go to standard output", "--json", "-", "--report", "-", "latency");
    REFUSED("cannot both be page", "--json", "page", "--report", "page", "latency");
    TAKEN("--json", "figures", "--report", "page", "latency");
    REFUSED("--versus compares with one relay", "--versus", "127.0.0.1:1:" OTHER_KEY, "latency");
    REFUSED("--event with --versus", RELAY, "--versus", "127.0.0.1:1:" OTHER_KEY, "--event", "1:kill:1", "--on-event",
            "true", "multirelay");
    TAKEN(RELAY, "--versus", "127.0.0.1:1:" OTHER_KEY, "multirelay");
    ck_assert_uint_eq(options.rounds, 5);
}
END_TEST

static Suite *stress_options_suite(void)
{
    Suite *suite = suite_create("stress_options");
    TCase *all = tcase_create("all");

    tcase_add_test(all, defaults);
    tcase_add_test(all, who_wins);
    tcase_add_test(all, attacks_have_numbers_of_their_own);
    tcase_add_test(all, every_setting_at_its_edges);
    tcase_add_test(all, what_is_no_setting);
    tcase_add_test(all, options_at_their_edges);
    tcase_add_test(all, what_is_missing);
    tcase_add_test(all, relays);
    tcase_add_test(all, events);
    tcase_add_test(all, conditions_without_a_figure);
    tcase_add_test(all, conditions_on_a_relay);
    tcase_add_test(all, outputs_and_contenders);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(stress_options_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
