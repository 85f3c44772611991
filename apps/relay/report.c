/* The table of all figures. SPDX-License-Identifier: ISC */
#include "report.h"

#include <inttypes.h>

#define IN(type, member) (uint16_t) offsetof(type, member), (uint16_t)sizeof(((type *)NULL)->member)
#define AT(member) IN(struct report, member)
#define AT_WORKER(member) IN(struct report_worker, member)

const struct report_family report_families[] = {
    {.name = "clients",
     .help = "Connections now.",
     .label = {"state"},
     .numbers = {{{"confirmed"}, AT(clients_confirmed)}, {{"unconfirmed"}, AT(sum.unconfirmed_count)}}},
    {.name = "clients_max", .help = "Connections allowed.", .numbers = {{{NULL}, AT(clients_max)}}},
    {.name = "clients_paused",
     .help = "Connections that are not read now because they sent too much.",
     .numbers = {{{NULL}, AT(sum.paused_count)}}},
    {.name = "routes",
     .help = "Routes of all clients now.",
     .label = {"state"},
     .numbers = {{{"online"}, AT(sum.online_count)}, {{"offline"}, AT(routes_offline)}}},
    {.name = "accepted",
     .help = "Connections that were let in.",
     .counter = true,
     .numbers = {{{NULL}, AT(sum.accepted)}}},
    {.name = "refused",
     .help = "Connections that were not let in: too many in all, too many from one address, too fast from one address.",
     .label = {"reason"},
     .counter = true,
     .numbers = {{{"full"}, AT(sum.refused_full)},
                 {{"source"}, AT(sum.refused_source)},
                 {{"rate"}, AT(sum.refused_rate)}}},
    {.name = "handshakes",
     .help = "What became of connections that were let in.",
     .label = {"outcome"},
     .counter = true,
     .numbers = {{{"confirmed"}, AT(sum.confirmed)},
                 {{"wrong_key"}, AT(sum.handshake_failures)},
                 {{"timeout"}, AT(sum.confirm_timeouts)},
                 {{"evicted"}, AT(sum.evicted)},
                 {{"abandoned"}, AT(sum.abandoned)}}},
    {.name = "closed",
     .help = "Connections that the relay ended.",
     .label = {"reason"},
     .counter = true,
     .numbers = {{{"protocol"}, AT(sum.protocol_violations)},
                 {{"pong_timeout"}, AT(sum.pong_timeouts)},
                 {{"overflow"}, AT(sum.overflows)},
                 {{"replaced"}, AT(sum.replaced)}}},
    {.name = "packets",
     .help = "Packets from clients.",
     .label = {"kind"},
     .counter = true,
     .numbers = {{{"routing"}, AT(sum.packets[TOXTCP_GROUP_ROUTING])},
                 {{"disconnect"}, AT(sum.packets[TOXTCP_GROUP_DISCONNECT])},
                 {{"ping"}, AT(sum.packets[TOXTCP_GROUP_PING])},
                 {{"oob"}, AT(sum.packets[TOXTCP_GROUP_OOB])},
                 {{"data"}, AT(sum.packets[TOXTCP_GROUP_DATA])},
                 {{"udp"}, AT(sum.packets[TOXTCP_GROUP_UDP])}}},
    {.name = "bytes",
     .help = "Bytes in packets from clients, without encryption and framing.",
     .label = {"kind"},
     .counter = true,
     .numbers = {{{"routing"}, AT(sum.bytes[TOXTCP_GROUP_ROUTING])},
                 {{"disconnect"}, AT(sum.bytes[TOXTCP_GROUP_DISCONNECT])},
                 {{"ping"}, AT(sum.bytes[TOXTCP_GROUP_PING])},
                 {{"oob"}, AT(sum.bytes[TOXTCP_GROUP_OOB])},
                 {{"data"}, AT(sum.bytes[TOXTCP_GROUP_DATA])},
                 {{"udp"}, AT(sum.bytes[TOXTCP_GROUP_UDP])}}},
    {.name = "relayed",
     .help = "Packets handed on.",
     .label = {"kind"},
     .counter = true,
     .numbers = {{{"data"}, AT(sum.data_relayed)}, {{"oob"}, AT(sum.oob_relayed)}}},
    {.name = "dropped",
     .help = "Packets not handed on: their receiver reads too slowly, all receivers together do, a worker does, "
             "or the receiver is not there.",
     .label = {"kind", "reason"},
     .counter = true,
     .numbers = {{{"data", "receiver"}, AT(sum.data_dropped)},
                 {{"data", "total"}, AT(sum.data_dropped_total)},
                 {{"data", "offline"}, AT(sum.data_dropped_offline)},
                 {{"oob", "receiver"}, AT(sum.oob_dropped)},
                 {{"oob", "absent"}, AT(sum.oob_dropped_absent)},
                 {{"any", "worker"}, AT(sum.mesh_dropped)}}},
    {.name = "input_pauses",
     .help = "Times that a client was not read because it sent too much.",
     .counter = true,
     .numbers = {{{NULL}, AT(sum.input_pauses)}}},
    {.name = "output_bytes", .help = "Bytes waiting for clients now.", .numbers = {{{NULL}, AT(sum.output_len)}}},
    {.name = "socket_calls",
     .help = "Calls to the kernel for clients.",
     .label = {"call"},
     .counter = true,
     .numbers = {{{"read"}, AT(ev.reads)}, {{"write"}, AT(ev.writes)}, {{"accept"}, AT(ev.accepts)}}},
    {.name = "socket_bytes",
     .help = "Bytes on the clients' sockets.",
     .label = {"direction"},
     .counter = true,
     .numbers = {{{"in"}, AT(ev.bytes_read)}, {{"out"}, AT(ev.bytes_written)}}},
    {.name = "fast_opens",
     .help = "Connections that were let in and had brought data in their SYN.",
     .counter = true,
     .numbers = {{{NULL}, AT(ev.fast_opens_accepted)}}},
    {.name = "mesh_keys", .help = "Clients that workers find each other's.", .numbers = {{{NULL}, AT(mesh_keys)}}},
    {.name = "mesh_queue_bytes",
     .help = "Bytes waiting between workers now.",
     .numbers = {{{NULL}, AT(mesh_queue_len)}}},
    {.name = "mesh_messages",
     .help = "Messages between workers.",
     .counter = true,
     .numbers = {{{NULL}, AT(mesh_messages)}}},
    {.name = "mesh_wakeups",
     .help = "Times that a worker was woken for messages.",
     .counter = true,
     .numbers = {{{NULL}, AT(mesh_wakeups)}}},
    {.name = "workers", .help = "Worker threads.", .numbers = {{{NULL}, AT(workers_count)}}},
    {.name = "draining",
     .help = "1 while the relay lets nobody in and is about to end, else 0.",
     .numbers = {{{NULL}, AT(draining)}}},
    {.name = "uptime_seconds", .help = "Time since the start.", .decimals = 3, .numbers = {{{NULL}, AT(uptime_ms)}}},
    {.name = "process_resident_memory_bytes",
     .help = "Resident memory.",
     .process = true,
     .numbers = {{{NULL}, AT(memory_bytes)}}},
    {.name = "process_open_fds",
     .help = "File descriptors in use.",
     .process = true,
     .numbers = {{{NULL}, AT(descriptors)}}},
    {.name = "process_max_fds",
     .help = "File descriptors allowed.",
     .process = true,
     .numbers = {{{NULL}, AT(descriptors_max)}}},
    {.name = "process_cpu_seconds",
     .help = "Processor time used.",
     .counter = true,
     .process = true,
     .decimals = 9,
     .numbers = {{{NULL}, AT(process_cpu_ns)}}},
    {.name = "process_start_time_seconds",
     .help = "When the process began, since 1970.",
     .process = true,
     .decimals = 3,
     .numbers = {{{NULL}, AT(process_started_ms)}}},
    {.name = NULL},
};

const struct report_family report_worker_families[] = {
    {.name = "worker_clients", .help = "Connections now.", .numbers = {{{NULL}, AT_WORKER(clients)}}},
    {.name = "worker_packets",
     .help = "Packets from clients.",
     .counter = true,
     .numbers = {{{NULL}, AT_WORKER(packets)}}},
    {.name = "worker_bytes",
     .help = "Bytes in packets from clients, without encryption and framing.",
     .counter = true,
     .numbers = {{{NULL}, AT_WORKER(bytes)}}},
    {.name = "worker_cpu_seconds",
     .help = "Processor time used.",
     .counter = true,
     .decimals = 9,
     .numbers = {{{NULL}, AT_WORKER(cpu_ns)}}},
    {.name = NULL},
};

static void add_ev(struct toxtcp_ev_info *sum, const struct toxtcp_ev_info *info)
{
    sum->reads += info->reads;
    sum->writes += info->writes;
    sum->accepts += info->accepts;
    sum->bytes_read += info->bytes_read;
    sum->bytes_written += info->bytes_written;
    sum->stream_count += info->stream_count;
    sum->fast_opens_accepted += info->fast_opens_accepted;
}

static void add_worker(struct report *report, uint32_t index)
{
    const struct worker_figures *from = &report->figures->workers[index];
    struct report_worker *worker = &report->workers[index];

    worker->clients = from->server.client_count;
    worker->cpu_ns = from->cpu_ns;
    for (int group = 0; group < TOXTCP_GROUP_COUNT; group++) {
        worker->packets += from->server.packets[group];
        worker->bytes += from->server.bytes[group];
    }
    add_ev(&report->ev, &from->ev);
}

/* What a thread says of itself may be a moment older than its other figures. */
static uint64_t rest(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

void report_make(struct report *report, const struct relay_figures *figures, uint64_t process_cpu_ns,
                 uint64_t process_started_ms)
{
    *report = (struct report){
        .figures = figures,
        .clients_max = figures->clients_max,
        .workers_count = figures->worker_count,
        .draining = figures->draining ? 1 : 0,
        .uptime_ms = figures->uptime_ms,
        .memory_bytes = figures->memory_bytes,
        .descriptors = figures->descriptors,
        .descriptors_max = figures->descriptors_max,
        .process_cpu_ns = process_cpu_ns,
        .process_started_ms = process_started_ms,
        .mesh_keys = figures->mesh.key_count,
        .mesh_queue_len = figures->mesh.queue_len,
        .mesh_messages = figures->mesh.messages,
        .mesh_wakeups = figures->mesh.wakeups,
    };
    relay_figures_sum(figures, &report->sum);
    report->clients_confirmed = rest(report->sum.client_count, report->sum.unconfirmed_count);
    report->routes_offline = rest(report->sum.route_count, report->sum.online_count);
    for (uint32_t i = 0; i < figures->worker_count; i++) {
        add_worker(report, i);
    }
}

uint64_t report_number_get(const void *from, const struct report_number *number)
{
    const char *at = (const char *)from + number->offset;

    return number->size == sizeof(uint32_t) ? *(const uint32_t *)(const void *)at : *(const uint64_t *)(const void *)at;
}

void report_number_format(uint64_t number, uint8_t decimals, char text[REPORT_NUMBER_SIZE])
{
    uint64_t unit = 1;
    int len;

    for (uint8_t i = 0; i < decimals; i++) {
        unit *= 10;
    }
    len = snprintf(text, REPORT_NUMBER_SIZE, "%" PRIu64, number / unit);
    if (decimals > 0) {
        text[len++] = '.';
    }
    for (; unit > 1; len++) {
        unit /= 10;
        text[len] = (char)('0' + number / unit % 10);
    }
    text[len] = '\0';
}
