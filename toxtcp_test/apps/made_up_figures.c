/* Two workers, some thousand clients that come and go in waves, and some trouble. SPDX-License-Identifier: ISC */
#include "made_up_figures.h"

#include <string.h>

enum { WORKERS = 2, WAVE_S = 420 };

static uint32_t below(struct made_up_relay *relay, uint32_t limit)
{
    relay->random = relay->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((relay->random >> 33) % limit);
}

/* 0..1000 and back, rounded at both ends. */
static uint32_t wave(uint64_t second, uint32_t length)
{
    const uint32_t at = (uint32_t)(second % length);
    const uint64_t up = (uint64_t)(at * 2 < length ? at : length - at) * 2000 / length;

    return (uint32_t)(up * up * (3000 - 2 * up) / 1000000);
}

static void begin(struct made_up_relay *relay)
{
    struct relay_figures *figures = &relay->figures;

    memset(figures->public_key, 'A', sizeof figures->public_key - 1);
    for (size_t i = 0; i < sizeof figures->public_key - 1; i++) {
        figures->public_key[i] = "0123456789ABCDEF"[below(relay, 16)];
    }
    (void)strcpy(figures->motd, "A relay for everybody. Be kind.");
    figures->worker_count = WORKERS;
    figures->clients_max = 65536;
    figures->descriptors_max = 524288;
}

static void count_packets(struct made_up_relay *relay, struct worker_figures *worker, uint32_t level)
{
    static const uint32_t shares[TOXTCP_GROUP_COUNT] = {3, 1, 20, 12, 964, 1};
    static const uint32_t sizes[TOXTCP_GROUP_COUNT] = {33, 2, 9, 140, 610, 200};
    const uint32_t packets = 3000 + level * 9 + below(relay, 1500);

    for (int group = 0; group < TOXTCP_GROUP_COUNT; group++) {
        worker->server.packets[group] += packets * shares[group] / 1000 + 1;
        worker->server.bytes[group] += (uint64_t)(packets * shares[group] / 1000 + 1) * sizes[group];
    }
    worker->server.data_relayed = worker->server.packets[TOXTCP_GROUP_DATA] * 99 / 100;
    worker->server.oob_relayed = worker->server.packets[TOXTCP_GROUP_OOB] * 9 / 10;
    worker->server.oob_dropped_absent = worker->server.packets[TOXTCP_GROUP_OOB] - worker->server.oob_relayed;
    worker->ev.reads += packets / 6;
    worker->ev.writes += packets / 8;
    worker->ev.bytes_read += (uint64_t)packets * 640;
    worker->ev.bytes_written += (uint64_t)packets * 638;
    worker->cpu_ns += (uint64_t)packets * 3100 + 2000000;
}

static void count_clients(struct made_up_relay *relay, struct worker_figures *worker, uint32_t level)
{
    struct toxtcp_server_info *server = &worker->server;
    const uint32_t newcomers = 4 + below(relay, 9);

    server->client_count = 1400 + level / 2 + below(relay, 12);
    server->unconfirmed_count = 1 + below(relay, 6);
    server->paused_count = level > 800 ? below(relay, 3) : 0;
    server->route_count = server->client_count * 9;
    server->online_count = server->client_count * 2;
    server->output_len = (uint64_t)below(relay, 40) * 2048;
    server->accepted += newcomers + 1;
    server->confirmed += newcomers;
    server->handshake_failures += below(relay, 40) == 0 ? 1 : 0;
    server->confirm_timeouts += below(relay, 60) == 0 ? 1 : 0;
    server->abandoned += below(relay, 30) == 0 ? 1 : 0;
    server->pong_timeouts += below(relay, 9) == 0 ? 1 : 0;
    server->refused_source += level > 900 ? below(relay, 4) : 0;
    server->data_dropped += level > 850 ? below(relay, 30) : 0;
    server->input_pauses += server->paused_count;
    server->mesh_sent += 1500 + below(relay, 300);
}

static void run_second(struct made_up_relay *relay, uint64_t second)
{
    struct relay_figures *figures = &relay->figures;
    const uint32_t level = wave(second, WAVE_S);

    for (uint32_t i = 0; i < WORKERS; i++) {
        count_clients(relay, &figures->workers[i], level);
        count_packets(relay, &figures->workers[i], level);
    }
    for (int i = 0; i < 400; i++) {
        histogram_add(&figures->waits_us,
                      18 + below(relay, 30) + (below(relay, 50) == 0 ? below(relay, 60 + level / 2) : 0));
    }
    figures->mesh.messages += 3000 + level;
    figures->mesh.wakeups += 700 + level / 4;
    figures->mesh.queue_len = (uint64_t)below(relay, 4) * 1024;
}

void made_up_relay_run(struct made_up_relay *relay, uint64_t uptime_ms)
{
    struct relay_figures *figures = &relay->figures;

    if (figures->worker_count == 0) {
        begin(relay);
    }
    for (uint64_t second = figures->uptime_ms / 1000; second < uptime_ms / 1000; second++) {
        run_second(relay, second);
    }
    figures->uptime_ms = uptime_ms;
    figures->mesh.key_count = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        figures->mesh.key_count += figures->workers[i].server.client_count;
    }
    figures->descriptors = figures->mesh.key_count + 19;
    figures->memory_bytes = 3600000 + (uint64_t)figures->mesh.key_count * 1350;
}
