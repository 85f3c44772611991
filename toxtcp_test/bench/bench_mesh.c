/* What a message from one server of a mesh to another costs: through the queue, and looking a key up.
 * SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <string.h>

#include "bench/report.h"
#include "ev/mesh.h"
#include "support/net_env.h"

enum { BATCH = 64, ROUNDS = 400, RUNS = 51, KEYS = 4096 };

static struct queue queue;
static struct directory directory;
static uint64_t bytes_read;

static void count_bytes(void *user, const uint8_t *message, size_t len)
{
    (void)user;
    bytes_read += len + message[0];
}

static double queue_ns(size_t len)
{
    static uint8_t message[TOXTCP_MESH_MESSAGE_MAX];
    bool short_again = false;
    const uint64_t begin_ns = report_cpu_ns();

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < BATCH; i++) {
            net_require(queue_put(&queue, message, len, true) >= 0, "a message is refused");
        }
        while (queue_read(&queue, count_bytes, NULL, &short_again)) {
        }
    }
    return (double)(report_cpu_ns() - begin_ns) / (ROUNDS * BATCH);
}

static struct toxtcp_public_key number_key(uint32_t number)
{
    struct toxtcp_public_key key = {{0}};

    memcpy(key.bytes, &number, sizeof number);
    return key;
}

static double locate_ns(void)
{
    const uint64_t begin_ns = report_cpu_ns();

    for (uint32_t i = 0; i < ROUNDS * BATCH; i++) {
        const struct toxtcp_public_key key = number_key(i % KEYS);
        net_require(directory_locate(&directory, &key) == 0, "a key is missing");
    }
    return (double)(report_cpu_ns() - begin_ns) / (ROUNDS * BATCH);
}

static void report_queue(const char *name, size_t len, double budget)
{
    double ns[RUNS];

    for (uint32_t i = 0; i < RUNS; i++) {
        ns[i] = queue_ns(len);
    }
    report_row(name, report_median(ns, RUNS), "ns", REPORT_BELOW, budget);
}

static void report_directory(void)
{
    double ns[RUNS];

    for (uint32_t i = 0; i < KEYS; i++) {
        const struct toxtcp_public_key key = number_key(i);
        uint64_t serial;
        int before;
        net_require(directory_claim(&directory, &key, 0, &serial, &before) == 0, "no memory");
    }
    for (uint32_t i = 0; i < RUNS; i++) {
        ns[i] = locate_ns();
    }
    report_row("where a key is, among 4096", report_median(ns, RUNS), "ns", REPORT_BELOW, 300);
}

int main(void)
{
    queue_init(&queue);
    queue_open(&queue);
    directory_init(&directory);
    report_title("A message from one thread's relay to another's: in and out of the queue, in batches of 64");
    report_queue("97 bytes (64 of data)", 97, 100);
    report_queue("1406 bytes (1373 of data)", 1406, 200);
    report_directory();
    directory_finish(&directory);
    queue_finish(&queue);
    return report_end();
}
