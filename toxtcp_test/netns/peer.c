/* A peer as a process, which reports what it sees. SPDX-License-Identifier: ISC */
#include "netns/peer.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include <toxtcp/ev.h>
#include <toxtcp/toxtcp.h>

#include "netns/process.h"

/* Packets that wait for their acknowledgement; one that has none after LOST_MS is taken for lost. */
enum { WAITING_MAX = 64, LOST_MS = 1000 };

struct waiting {
    uint32_t number;
    uint64_t sent_us; /* 0: nothing waits here */
    struct toxtcp_relay relay;
};

static struct {
    const struct peer_setup *setup;
    int reports;
    struct toxtcp_connections *connections;
    struct toxtcp_peer other;
    struct toxtcp_relay relays[STAR_RELAYS];
    uint32_t number;
    struct waiting waiting[WAITING_MAX];
} self;

static void need_ok(int error, const char *what)
{
    if (error != TOXTCP_OK) {
        space_fail("%s: %s", what, toxtcp_strerror(error));
    }
}

/* A report that does not fit into the pipe is one that nobody reads any more. */
static void send_report(struct peer_report *report)
{
    report->at_us = process_now_us();
    space_need(write(self.reports, report, sizeof *report) == (ssize_t)sizeof *report, "report");
}

static uint8_t index_of(struct toxtcp_relay relay)
{
    for (uint8_t i = 0; i < STAR_RELAYS; i++) {
        if (self.relays[i].index == relay.index && self.relays[i].generation == relay.generation) {
            return i;
        }
    }
    space_fail("a relay that nobody added");
}

/* --- Packets --- */

static void hear_packet(const uint8_t *data, struct toxtcp_relay relay)
{
    struct peer_report report = {.arrived = true, .relay = index_of(relay)};

    memcpy(&report.number, data, sizeof report.number);
    send_report(&report);
    if (self.setup->acknowledged) {
        (void)toxtcp_peer_send(self.connections, self.other, data, sizeof report.number);
    }
}

static void hear_acknowledgement(const uint8_t *data)
{
    uint32_t number;

    memcpy(&number, data, sizeof number);
    struct waiting *waiting = &self.waiting[number % WAITING_MAX];
    if (waiting->sent_us != 0 && waiting->number == number) {
        waiting->sent_us = 0;
        need_ok(toxtcp_peer_report_delivered(self.connections, self.other, waiting->relay, 1), "report");
    }
}

static void on_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                    const uint8_t *data, size_t len)
{
    (void)user;
    (void)peer;
    (void)peer_user;
    if (len == PEER_PACKET_LEN) {
        hear_packet(data, relay);
    } else if (len == sizeof(uint32_t)) {
        hear_acknowledgement(data);
    } else {
        space_fail("a packet of %zu bytes arrives", len);
    }
}

static void give_up_lost(void)
{
    for (size_t i = 0; i < WAITING_MAX; i++) {
        struct waiting *waiting = &self.waiting[i];
        if (waiting->sent_us != 0 && process_now_us() - waiting->sent_us > LOST_MS * 1000U) {
            waiting->sent_us = 0;
            need_ok(toxtcp_peer_report_lost(self.connections, self.other, waiting->relay, 1), "report");
        }
    }
}

/* What can't be sent is lost: the one who measures sees the gap. */
static void send_packet(void)
{
    uint8_t packet[PEER_PACKET_LEN] = {0};
    const uint32_t number = self.number++;
    struct waiting *waiting = &self.waiting[number % WAITING_MAX];

    memcpy(packet, &number, sizeof number);
    const int error = toxtcp_peer_send(self.connections, self.other, packet, sizeof packet);
    if (self.setup->acknowledged && error == TOXTCP_OK) {
        *waiting = (struct waiting){.number = number, .sent_us = process_now_us()};
        need_ok(toxtcp_peer_last_relay(self.connections, self.other, &waiting->relay), "relay");
    }
}

/* --- Every PEER_PACE_MS --- */

static void add_slots(struct peer_report *report)
{
    struct toxtcp_peer_info info;

    report->primary = PEER_NO_RELAY;
    need_ok(toxtcp_peer_get_info(self.connections, self.other, &info), "peer");
    for (uint32_t slot = 0; slot < info.slot_count; slot++) {
        const uint8_t relay = index_of(info.slots[slot].relay);
        if (info.slots[slot].status == TOXTCP_SLOT_ONLINE) {
            report->online |= (uint8_t)(1U << relay);
        }
        if (info.slots[slot].primary) {
            report->primary = relay;
        }
    }
}

static void add_relays(struct peer_report *report)
{
    struct toxtcp_relay_info info;

    for (uint8_t relay = 0; relay < STAR_RELAYS; relay++) {
        need_ok(toxtcp_relay_get_info(self.connections, self.relays[relay], &info), "relay");
        report->connected |= (uint8_t)((info.state == TOXTCP_RELAY_CONNECTED ? 1U : 0U) << relay);
        report->silent |= (uint8_t)((info.silent ? 1U : 0U) << relay);
        if (relay == report->primary) {
            report->rtt_ms = info.rtt_ms;
        }
    }
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct peer_report report = {.rtt_ms = UINT32_MAX};

    (void)loop;
    (void)timer;
    (void)events;
    add_slots(&report);
    add_relays(&report);
    send_report(&report);
    give_up_lost();
    if (self.setup->sends) {
        send_packet();
    }
}

/* --- Its life --- */

static void open_connections(struct toxtcp_ev *ev, struct toxtcp_env *env)
{
    static const struct toxtcp_connections_callbacks callbacks = {.peer_data = on_data};
    struct toxtcp_connections_config config;

    toxtcp_connections_config_default(&config);
    if (self.setup->by_the_book) {
        config.client.quiet_ms = 0;
        config.probe = false;
    }
    need_ok(toxtcp_connections_new(env, toxtcp_ev_driver(ev), &config, &self.setup->keys, &callbacks, NULL,
                                   &self.connections),
            "connections");
    need_ok(toxtcp_ev_attach_connections(ev, self.connections), "connections");
    need_ok(toxtcp_peer_add(self.connections, &self.setup->other, NULL, &self.other), "peer");
    for (size_t i = 0; i < STAR_RELAYS; i++) {
        const struct toxtcp_endpoint endpoint = {.address = self.setup->relays[i].address};
        need_ok(toxtcp_peer_add_relay(self.connections, self.other, &endpoint, &self.setup->relays[i].public_key,
                                      &self.relays[i]),
                "relay");
    }
}

_Noreturn static void live(const struct peer_setup *setup, int reports)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct ev_timer tick;

    self.setup = setup;
    self.reports = reports;
    need_ok(toxtcp_env_new(NULL, &env), "env");
    need_ok(toxtcp_ev_new(loop, &ev), "driver");
    open_connections(ev, env);
    ev_timer_init(&tick, on_tick, 0., PEER_PACE_MS / 1e3);
    ev_timer_start(loop, &tick);
    (void)ev_run(loop, 0);
    _exit(1);
}

pid_t peer_start(int name_space, const struct peer_setup *setup, int *reports)
{
    int ends[2];

    space_need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "pipe");
    const pid_t pid = process_fork(name_space);
    if (pid == 0) {
        live(setup, ends[1]);
    }
    (void)close(ends[1]);
    *reports = ends[0];
    return pid;
}
