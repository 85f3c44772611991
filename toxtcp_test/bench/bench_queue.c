/* What a short queue in the kernel brings at the relay, and what it costs. SPDX-License-Identifier: ISC
 *
 * A relay and two senders are in one network namespace, a receiver is in another, at the end of a line of 4 Mbit/s (a
 * token bucket, tc-tbf(8)). One sender sends a third more than the line carries, the other a small packet every 50 ms,
 * which says when it was sent. Then the line is made as fast as the machine, and the first sends what it can. Both once
 * with the relay's sockets as the system has them, once with a short queue. All runs in one thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "bench/report.h"
#include "netns/process.h"
#include "netns/star.h"

enum {
    LINE_BYTES_PER_S = 500000, /* on the wire */
    BULK_PERCENT = 130,
    BULK_LEN = 1300,
    BULK_PACE_MS = 10,
    SMALL_LEN = 50,
    SMALL_PACE_MS = 50,
    FILL_MS = 6000,
    MEASURE_MS = 15000,
    FAST_MS = 4000,
    SAMPLES_MAX = MEASURE_MS / SMALL_PACE_MS + 100,
    PATIENCE_MS = 10000
};

struct client {
    struct toxtcp_ev *ev;
    struct toxtcp_key_pair keys;
    struct toxtcp_client *client;
    struct toxtcp_route route;
};

enum { BULK, SMALL, RECEIVER, CLIENTS };

static int near, far; /* namespaces: of the relay and the senders, of the receiver */
static struct ev_loop *loop;
static struct toxtcp_env *env;
static struct toxtcp_ev *relay_ev;
static struct toxtcp_key_pair relay_keys;
static struct toxtcp_server *server;
static struct toxtcp_ev_listener *listener;
static struct client clients[CLIENTS];
static struct {
    bool fast;
    uint64_t from_us, until_us; /* packets that leave in this time are counted */
    uint32_t due;               /* small ones of these */
    double latencies_ms[SAMPLES_MAX];
    size_t arrived;
    uint64_t bytes;
} tally;

/* What came of one run. */
struct outcome {
    double median_ms, worst_ms, lost_percent, rtt_ms, small_rtt_ms, small_ping_ms, mb_per_s, writes_per_mb,
        cpu_ns_per_kb;
};

static void need_ok(int error, const char *what)
{
    if (error != TOXTCP_OK) {
        space_fail("%s: %s", what, toxtcp_strerror(error));
    }
}

/* --- The line --- */

static void run(const char *command)
{
    if (system(command) != 0) {
        space_fail("this failed: %s", command);
    }
}

static void open_line(void)
{
    char command[128];

    far = space_new();
    near = space_new();
    run("ip link set lo up");
    (void)snprintf(command, sizeof command, "ip link add line type veth peer name line netns /proc/%d/fd/%d",
                   (int)getpid(), far);
    run(command);
    run("ip address add 10.0.0.1/24 dev line");
    run("ip link set line up");
    space_enter(far);
    run("ip address add 10.0.0.2/24 dev line");
    run("ip link set line up");
    space_enter(near);
}

/* --- Who is there --- */

static bool is_counted(uint64_t sent_us)
{
    return sent_us >= tally.from_us && sent_us < tally.until_us;
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    uint64_t sent_us;

    (void)user;
    (void)client;
    (void)route;
    (void)route_user;
    tally.bytes += len;
    if (len == SMALL_LEN && tally.arrived < SAMPLES_MAX) {
        memcpy(&sent_us, data, sizeof sent_us);
        if (is_counted(sent_us)) {
            tally.latencies_ms[tally.arrived++] = (double)(process_now_us() - sent_us) / 1e3;
        }
    }
}

static void send_bulk(void)
{
    static const uint8_t data[BULK_LEN];

    while (toxtcp_client_send(clients[BULK].client, clients[BULK].route, data, sizeof data) == TOXTCP_OK) {
    }
}

static void on_can_send(void *user, struct toxtcp_client *client)
{
    (void)client;
    if (tally.fast && user == &clients[BULK]) {
        send_bulk();
    }
}

static void open_client(struct client *client)
{
    static const struct toxtcp_client_callbacks callbacks = {.data = on_data, .can_send = on_can_send};
    struct toxtcp_endpoint endpoint = {.address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, 0, 1}}};
    struct toxtcp_address address;

    toxtcp_ev_listener_address(listener, &address);
    endpoint.address.port = address.port;
    need_ok(toxtcp_ev_new(loop, &client->ev), "driver");
    toxtcp_key_pair_generate(env, &client->keys);
    need_ok(toxtcp_client_new(env, toxtcp_ev_driver(client->ev), NULL, &client->keys, &relay_keys.public_key,
                              &callbacks, client, toxtcp_ev_now(client->ev), &client->client),
            "client");
    need_ok(toxtcp_ev_connect(client->ev, client->client, &endpoint), "client");
}

static void open_world(const struct toxtcp_ev_options *options)
{
    const struct toxtcp_address any = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, 0, 1}};
    struct toxtcp_server_config config;

    memset(&tally, 0, sizeof tally);
    loop = ev_loop_new(EVFLAG_AUTO);
    need_ok(toxtcp_env_new(NULL, &env), "env");
    need_ok(toxtcp_ev_new(loop, &relay_ev), "driver");
    toxtcp_ev_set_options(relay_ev, options);
    toxtcp_key_pair_generate(env, &relay_keys);
    toxtcp_server_config_default(&config);
    config.input_rate_max = 0;
    need_ok(toxtcp_server_new(env, toxtcp_ev_driver(relay_ev), &config, &relay_keys, &server), "relay");
    need_ok(toxtcp_ev_attach_server(relay_ev, server), "relay");
    need_ok(toxtcp_ev_listen(relay_ev, server, &any, &listener), "relay");
    open_client(&clients[BULK]);
    open_client(&clients[SMALL]);
    space_enter(far);
    open_client(&clients[RECEIVER]);
    space_enter(near);
    for (int i = 0; i < RECEIVER; i++) {
        need_ok(toxtcp_client_route_add(clients[i].client, &clients[RECEIVER].keys.public_key, NULL, &clients[i].route),
                "route");
        need_ok(toxtcp_client_route_add(clients[RECEIVER].client, &clients[i].keys.public_key, NULL,
                                        &clients[RECEIVER].route),
                "route");
    }
}

static void close_world(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        toxtcp_client_free(clients[i].client);
    }
    toxtcp_ev_listener_free(listener);
    toxtcp_ev_detach_server(relay_ev, server);
    toxtcp_server_free(server);
    toxtcp_ev_free(relay_ev);
    for (int i = 0; i < CLIENTS; i++) {
        toxtcp_ev_free(clients[i].ev);
    }
    toxtcp_env_free(env);
    ev_loop_destroy(loop);
}

/* --- What they do --- */

static void on_bulk_tick(struct ev_loop *ticking, struct ev_timer *timer, int events)
{
    static const uint8_t data[BULK_LEN];
    static uint64_t owed;

    (void)ticking;
    (void)timer;
    (void)events;
    owed += (uint64_t)LINE_BYTES_PER_S * BULK_PERCENT / 100 * BULK_PACE_MS / 1000;
    for (; owed >= BULK_LEN; owed -= BULK_LEN) {
        (void)toxtcp_client_send(clients[BULK].client, clients[BULK].route, data, sizeof data);
    }
}

static void on_small_tick(struct ev_loop *ticking, struct ev_timer *timer, int events)
{
    uint8_t data[SMALL_LEN] = {0};
    const uint64_t now_us = process_now_us();

    (void)ticking;
    (void)timer;
    (void)events;
    memcpy(data, &now_us, sizeof now_us);
    tally.due += is_counted(now_us);
    (void)toxtcp_client_send(clients[SMALL].client, clients[SMALL].route, data, sizeof data);
}

static void pass(uint64_t ms)
{
    const uint64_t end_ms = toxtcp_ev_now(relay_ev) + ms;

    while (toxtcp_ev_now(relay_ev) < end_ms) {
        (void)ev_run(loop, EVRUN_ONCE);
    }
}

static void wait_until_online(void)
{
    const uint64_t end_ms = toxtcp_ev_now(relay_ev) + PATIENCE_MS;

    while (toxtcp_client_route_status(clients[BULK].client, clients[BULK].route) != TOXTCP_ROUTE_ONLINE ||
           toxtcp_client_route_status(clients[SMALL].client, clients[SMALL].route) != TOXTCP_ROUTE_ONLINE) {
        (void)ev_run(loop, EVRUN_ONCE);
        if (toxtcp_ev_now(relay_ev) > end_ms) {
            space_fail("not online within %d ms", PATIENCE_MS);
        }
    }
}

static void play_slow(const struct toxtcp_ev_options *options, struct outcome *outcome)
{
    struct ev_timer bulk, small;
    struct toxtcp_client_info info;

    run("tc qdisc add dev line root tbf rate 4mbit burst 10kb limit 64kb");
    open_world(options);
    wait_until_online();
    ev_timer_init(&bulk, on_bulk_tick, 0., BULK_PACE_MS / 1e3);
    ev_timer_init(&small, on_small_tick, 0., SMALL_PACE_MS / 1e3);
    ev_timer_start(loop, &bulk);
    ev_timer_start(loop, &small);
    pass(FILL_MS);
    tally.from_us = process_now_us();
    tally.until_us = tally.from_us + (uint64_t)MEASURE_MS * 1000;
    pass(MEASURE_MS);
    (void)toxtcp_client_ping(clients[RECEIVER].client);
    pass(PATIENCE_MS);
    toxtcp_client_get_info(clients[RECEIVER].client, &info);
    outcome->rtt_ms = info.connected ? (double)info.rtt_ms : -1;
    toxtcp_client_get_info(clients[SMALL].client, &info);
    outcome->small_rtt_ms = info.path.rtt_us / 1e3;
    outcome->small_ping_ms = info.rtt_ms;
    outcome->median_ms = report_median(tally.latencies_ms, tally.arrived);
    outcome->worst_ms = tally.arrived > 0 ? tally.latencies_ms[tally.arrived - 1] : -1;
    outcome->lost_percent = 100. - 100. * (double)tally.arrived / tally.due;
    close_world();
    run("tc qdisc del dev line root");
}

static void play_fast(const struct toxtcp_ev_options *options, struct outcome *outcome)
{
    struct toxtcp_ev_info before, after;

    open_world(options);
    wait_until_online();
    tally.fast = true;
    send_bulk();
    pass(500);
    tally.bytes = 0;
    toxtcp_ev_get_info(relay_ev, &before);
    const uint64_t begin_us = process_now_us(), cpu_ns = report_cpu_ns();
    pass(FAST_MS);
    const double mb = (double)tally.bytes / 1e6;
    toxtcp_ev_get_info(relay_ev, &after);
    outcome->mb_per_s = mb / ((double)(process_now_us() - begin_us) / 1e6);
    outcome->cpu_ns_per_kb = (double)(report_cpu_ns() - cpu_ns) / (mb * 1e3);
    outcome->writes_per_mb = (double)(after.writes - before.writes) / mb;
    close_world();
}

static void report(const char *title, const struct outcome *outcome)
{
    report_title(title);
    report_row("4 Mbit/s, a third too much: small packets, median", outcome->median_ms, "ms", REPORT_FOR_INFORMATION,
               0);
    report_row("the same: worst", outcome->worst_ms, "ms", REPORT_FOR_INFORMATION, 0);
    report_row("the same: lost", outcome->lost_percent, "%", REPORT_FOR_INFORMATION, 0);
    report_row("the same: the receiver's round trip to the relay (-1: closed)", outcome->rtt_ms, "ms",
               REPORT_FOR_INFORMATION, 0);
    report_row("the second sender, whom nobody answers: round trip by TCP", outcome->small_rtt_ms, "ms",
               REPORT_FOR_INFORMATION, 0);
    report_row("the same: by ping", outcome->small_ping_ms, "ms", REPORT_FOR_INFORMATION, 0);
    report_row("no limit: through the relay", outcome->mb_per_s, "MB/s", REPORT_FOR_INFORMATION, 0);
    report_row("the same: time of the processor for all four", outcome->cpu_ns_per_kb, "ns/kB", REPORT_FOR_INFORMATION,
               0);
    report_row("the same: the relay's writes", outcome->writes_per_mb, "per MB", REPORT_FOR_INFORMATION, 0);
}

int main(void)
{
    struct toxtcp_ev_options options;
    struct outcome outcomes[2] = {{0}};

    space_leave_machine();
    open_line();
    toxtcp_ev_options_default(&options);
    for (int i = 0; i < 2; i++) {
        options.unsent_max = 0;
        if (i == 1) {
            toxtcp_ev_options_default(&options);
        }
        play_slow(&options, &outcomes[i]);
        play_fast(&options, &outcomes[i]);
    }
    report("The relay's queues in the kernel as the system has them", &outcomes[0]);
    report("Short ones (unsent_max)", &outcomes[1]);
    return report_end();
}
