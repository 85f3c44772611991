/* Tests of libtoxtcp-ev: several loops in threads of their own as one relay. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ev/mesh.h"

/* --- Queues --- */

/* What came out of a queue. */
struct reading {
    uint32_t next; /* number that comes next */
    size_t bytes;
};

static void read_number(void *user, const uint8_t *message, size_t len)
{
    struct reading *reading = user;
    uint32_t number;

    ck_assert_uint_ge(len, sizeof number);
    memcpy(&number, message, sizeof number);
    ck_assert_uint_eq(number, reading->next);
    ck_assert_uint_eq(message[len - 1], len > sizeof number ? (uint8_t)len : message[len - 1]);
    reading->next++;
    reading->bytes += len;
}

static int put_number(struct queue *queue, uint32_t number, size_t len, bool droppable)
{
    uint8_t message[TOXTCP_MESH_MESSAGE_MAX] = {0};

    message[len - 1] = (uint8_t)len;
    memcpy(message, &number, sizeof number);
    return queue_put(queue, message, len, droppable);
}

START_TEST(queue_keeps_order_at_every_length)
{
    struct queue queue = {0};
    struct reading reading = {0};
    uint32_t number = 0;
    bool short_again = false;

    queue_init(&queue);
    queue_open(&queue);
    for (size_t len = sizeof number; len <= TOXTCP_MESH_MESSAGE_MAX; len++) {
        ck_assert_int_ge(put_number(&queue, number++, len, true), 0);
        if (len % 100 == 0) {
            (void)queue_read(&queue, read_number, &reading, &short_again);
        }
    }
    while (queue_read(&queue, read_number, &reading, &short_again)) {
    }
    ck_assert_uint_eq(reading.next, number);
    ck_assert_uint_eq(queue.waiting, 0);
    queue_finish(&queue);
}
END_TEST

/* Long, full for data alone, and short again at half of what is long; a reading is a slice. */
START_TEST(queue_bounds)
{
    const size_t size = sizeof(uint16_t) + 1000;
    struct queue queue = {0};
    struct reading reading = {0};
    struct toxtcp_ev_mesh_info info = {0};
    bool short_again = false;
    uint32_t number = 0;
    int result;

    queue_init(&queue);
    ck_assert_int_eq(put_number(&queue, 77, 1000, true), QUEUE_PUT); /* nobody reads it */
    queue_open(&queue);
    while ((result = put_number(&queue, number, 1000, true)) != TOXTCP_ERR_WOULD_BLOCK) {
        number++;
        ck_assert((result == QUEUE_PUT_LONG) == (number * size > QUEUE_LONG));
    }
    ck_assert_uint_eq(number, QUEUE_MAX / size);
    ck_assert_int_eq(put_number(&queue, number++, 1000, false), QUEUE_PUT_LONG);
    queue_add_info(&queue, &info);
    ck_assert(info.dropped == 1 && info.messages == number && info.queue_len == number * size);
    while (!short_again) {
        const size_t before = reading.bytes;
        ck_assert(queue_read(&queue, read_number, &reading, &short_again));
        ck_assert_uint_ge(reading.bytes - before, QUEUE_SLICE - size);
        ck_assert_uint_le(reading.bytes - before, QUEUE_SLICE + size);
    }
    ck_assert_uint_le(queue.waiting, QUEUE_LONG / 2);
    ck_assert_uint_ge(queue.waiting, QUEUE_LONG / 2 - QUEUE_SLICE - QUEUE_PIECE);
    short_again = false;
    while (queue_read(&queue, read_number, &reading, &short_again)) {
    }
    ck_assert(!short_again && reading.next == number && queue.waiting == 0);
    queue_finish(&queue);
}
END_TEST

START_TEST(queue_closes_while_long)
{
    struct queue queue = {0};
    struct reading reading = {0};
    bool short_again = false;
    uint32_t number = 0;

    queue_init(&queue);
    queue_open(&queue);
    while (put_number(&queue, number, 1000, true) != QUEUE_PUT_LONG) {
        number++;
    }
    (void)queue_read(&queue, read_number, &reading, &short_again);
    ck_assert(queue_close(&queue));
    ck_assert_int_eq(put_number(&queue, 0, 1000, true), QUEUE_PUT);
    queue_open(&queue);
    ck_assert(!queue_read(&queue, read_number, &reading, &short_again));
    ck_assert(!queue_close(&queue));
    queue_finish(&queue);
}
END_TEST

enum { THREAD_MESSAGES = 100000 };

static void *put_many(void *user)
{
    for (uint32_t i = 0; i < THREAD_MESSAGES; i++) {
        ck_assert_int_ge(put_number(user, i, 4 + i % 200, false), 0);
    }
    return NULL;
}

START_TEST(queue_between_threads)
{
    struct queue queue = {0};
    struct reading reading = {0};
    bool short_again;
    pthread_t writer;

    queue_init(&queue);
    queue_open(&queue);
    ck_assert_int_eq(pthread_create(&writer, NULL, put_many, &queue), 0);
    while (reading.next < THREAD_MESSAGES) {
        (void)queue_read(&queue, read_number, &reading, &short_again);
    }
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    queue_finish(&queue);
}
END_TEST

/* --- The directory --- */

static struct toxtcp_public_key number_key(uint32_t number)
{
    struct toxtcp_public_key key = {{0}};

    memcpy(key.bytes, &number, sizeof number);
    return key;
}

START_TEST(directory_knows_the_latest)
{
    static struct directory directory;
    const struct toxtcp_public_key key = number_key(1);
    uint64_t first;
    uint64_t second;
    int before;

    directory_init(&directory);
    ck_assert_int_eq(directory_locate(&directory, &key), -1);
    ck_assert_int_eq(directory_claim(&directory, &key, 3, &first, &before), TOXTCP_OK);
    ck_assert_int_eq(before, -1);
    ck_assert_int_eq(directory_claim(&directory, &key, 0, &second, &before), TOXTCP_OK);
    ck_assert_int_eq(before, 3);
    ck_assert_uint_lt(first, second);
    directory_release(&directory, &key, first);
    ck_assert_int_eq(directory_locate(&directory, &key), 0);
    directory_release(&directory, &key, second);
    ck_assert_int_eq(directory_locate(&directory, &key), -1);
    ck_assert_int_eq(directory_claim(&directory, &key, 1, &first, &before), TOXTCP_OK);
    ck_assert_uint_lt(second, first);
    ck_assert_uint_eq(directory_count(&directory), 1);
    directory_finish(&directory);
}
END_TEST

struct claimer {
    struct directory *directory;
    uint32_t server;
    pthread_t thread;
};

static void *claim_many(void *user)
{
    struct claimer *claimer = user;

    for (uint32_t i = 0; i < 20000; i++) {
        const struct toxtcp_public_key key = number_key(i % 100);
        uint64_t serial;
        int before;
        ck_assert_int_eq(directory_claim(claimer->directory, &key, claimer->server, &serial, &before), TOXTCP_OK);
        (void)directory_locate(claimer->directory, &key);
        directory_release(claimer->directory, &key, serial);
    }
    return NULL;
}

START_TEST(directory_between_threads)
{
    static struct directory directory;
    struct claimer claimers[3];

    directory_init(&directory);
    for (uint32_t i = 0; i < 3; i++) {
        claimers[i] = (struct claimer){.directory = &directory, .server = i};
        ck_assert_int_eq(pthread_create(&claimers[i].thread, NULL, claim_many, &claimers[i]), 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(claimers[i].thread, NULL), 0);
    }
    ck_assert_uint_eq(directory_count(&directory), 0);
    directory_finish(&directory);
}
END_TEST

/* --- Relays in threads --- */

enum { WORKERS = 3, PAIRS = 6, BURST = 200 };

struct worker {
    struct side side;
    struct relay relay;
    pthread_t thread;
    struct ev_async stop;
    uint32_t index;
    bool running;
};

static struct toxtcp_ev_mesh *mesh;
static struct worker workers[WORKERS];
static struct side side; /* of all peers */

static void leave(struct worker *worker)
{
    toxtcp_ev_mesh_leave(mesh, worker->index);
    relay_close(&worker->relay);
}

static void on_stop(struct ev_loop *loop, struct ev_async *stop, int events)
{
    (void)events;
    ev_async_stop(loop, stop);
    leave(stop->data);
    ev_break(loop, EVBREAK_ALL);
}

static void *run_worker(void *user)
{
    struct worker *worker = user;

    (void)ev_run(worker->side.loop, 0);
    return NULL;
}

static void start_worker(uint32_t index)
{
    struct worker *worker = &workers[index];

    memset(worker, 0, sizeof *worker);
    worker->index = index;
    side_open(&worker->side);
    relay_open(&worker->relay, &worker->side, NULL, 0, false);
    ck_assert_int_eq(toxtcp_ev_mesh_join(mesh, index, worker->side.ev, worker->relay.server), TOXTCP_OK);
    ev_async_init(&worker->stop, on_stop);
    worker->stop.data = worker;
    ev_async_start(worker->side.loop, &worker->stop);
    ck_assert_int_eq(pthread_create(&worker->thread, NULL, run_worker, worker), 0);
    worker->running = true;
}

static void stop_worker(uint32_t index)
{
    struct worker *worker = &workers[index];

    if (worker->running) {
        ev_async_send(worker->side.loop, &worker->stop);
        ck_assert_int_eq(pthread_join(worker->thread, NULL), 0);
        side_close(&worker->side);
        worker->running = false;
    }
}

static void set_up(void)
{
    side_open(&side);
    ck_assert_int_eq(toxtcp_ev_mesh_new(WORKERS, &mesh), TOXTCP_OK);
    for (uint32_t i = 0; i < WORKERS; i++) {
        start_worker(i);
    }
}

static void tear_down(void)
{
    for (uint32_t i = 0; i < WORKERS; i++) {
        stop_worker(i);
    }
    toxtcp_ev_mesh_free(mesh);
    side_close(&side);
}

static void open_pair(struct peer pair[2], uint32_t first, uint32_t second)
{
    peer_open(&pair[0], &side, &workers[first].relay);
    peer_open(&pair[1], &side, &workers[second].relay);
    peer_route(&pair[0], &pair[1]);
    peer_route(&pair[1], &pair[0]);
}

struct group {
    struct peer peers[2 * PAIRS];
    uint32_t wanted; /* packets that each has received */
};

static bool all_online(void *user)
{
    struct group *group = user;

    for (size_t i = 0; i < 2 * PAIRS; i++) {
        if (!peer_is_online(&group->peers[i])) {
            return false;
        }
    }
    return true;
}

static bool all_received(void *user)
{
    const struct group *group = user;

    for (size_t i = 0; i < 2 * PAIRS; i++) {
        if (group->peers[i].received < group->wanted) {
            return false;
        }
    }
    return true;
}

static void burst(struct group *group)
{
    for (uint32_t packet = 0; packet < BURST; packet++) {
        for (size_t i = 0; i < 2 * PAIRS; i++) {
            ck_assert_int_eq(peer_send(&group->peers[i], 20 + packet), TOXTCP_OK);
        }
    }
    group->wanted += BURST;
    run_side_until(&side, all_received, group);
    for (size_t i = 0; i < 2 * PAIRS; i++) {
        ck_assert(!group->peers[i].disordered && group->peers[i].received == group->wanted);
    }
}

static void close_group(struct group *group)
{
    for (size_t i = 0; i < 2 * PAIRS; i++) {
        peer_close(&group->peers[i]);
    }
}

START_TEST(pairs_across_and_within)
{
    static struct group group;
    struct toxtcp_ev_mesh_info info;

    memset(&group, 0, sizeof group);
    for (uint32_t i = 0; i < PAIRS; i++) {
        open_pair(&group.peers[2 * (size_t)i], i % WORKERS, i / 2 % WORKERS);
    }
    run_side_until(&side, all_online, &group);
    for (int i = 0; i < 3; i++) {
        burst(&group);
    }
    toxtcp_ev_mesh_get_info(mesh, &info);
    ck_assert_uint_eq(info.key_count, 2 * PAIRS);
    ck_assert_uint_eq(info.dropped, 0);
    ck_assert_uint_ge(info.messages, 3 * BURST);
    ck_assert_uint_gt(info.wakeups, 0);
    ck_assert_uint_lt(info.wakeups, info.messages);
    close_group(&group);
}
END_TEST

/* The same key comes elsewhere: the older connection ends, its friend hears it and meets the new one. */
START_TEST(replaced_across)
{
    struct peer pair[2] = {{0}};
    struct peer newer = {.given_keys = true};

    open_pair(pair, 0, 1);
    run_side_until(&side, peer_is_online, &pair[0]);
    run_side_until(&side, peer_is_online, &pair[1]);
    newer.keys = pair[0].keys;
    peer_open(&newer, &side, &workers[2].relay);
    peer_route(&newer, &pair[1]);
    run_side_until(&side, peer_is_closed, &pair[0]);
    run_side_until(&side, peer_is_online, &newer);
    run_side_until(&side, peer_is_online, &pair[1]);
    peer_close(&pair[0]);
    peer_close(&pair[1]);
    peer_close(&newer);
}
END_TEST

static bool is_not_online(void *peer)
{
    return !peer_is_online(peer);
}

static bool has_all(void *user)
{
    const struct peer *pair = user;

    return pair[0].received == pair[1].sent && pair[1].received == pair[0].sent;
}

/* One worker leaves with its clients while others talk; another one takes its place. */
START_TEST(one_leaves)
{
    struct peer staying[2] = {{0}};
    struct peer parted[2] = {{0}};
    struct peer again[2] = {{0}};

    open_pair(staying, 0, 1);
    open_pair(parted, 1, 2);
    run_side_until(&side, peer_is_online, &staying[0]);
    run_side_until(&side, peer_is_online, &staying[1]);
    run_side_until(&side, peer_is_online, &parted[0]);
    for (int i = 0; i < 100; i++) {
        (void)peer_send(&staying[i % 2], 500);
        (void)peer_send(&parted[0], 500);
        turn(&side);
    }
    stop_worker(2);
    (void)peer_send(&staying[0], 500);
    run_side_until(&side, is_not_online, &parted[0]);
    run_side_until(&side, has_all, staying);
    ck_assert(!staying[0].disordered && !staying[1].disordered);
    start_worker(2);
    open_pair(again, 2, 0);
    run_side_until(&side, peer_is_online, &again[0]);
    run_side_until(&side, peer_is_online, &again[1]);
    for (int i = 0; i < 2; i++) {
        peer_close(&staying[i]);
        peer_close(&parted[i]);
        peer_close(&again[i]);
    }
}
END_TEST

/* A flood to who does not read: what does not fit is dropped, and a ping beside it is answered at once. */
static bool has_sent_enough(void *user)
{
    struct peer *peer = user;

    while (peer->sent < 20000 && peer_send(peer, 1300) == TOXTCP_OK) {
    }
    return peer->sent == 20000;
}

START_TEST(flood_across)
{
    static struct side other;
    struct peer flooder[2] = {{0}};
    struct peer beside[2] = {{0}};

    side_open(&other);
    open_pair(beside, 0, 1);
    peer_open(&flooder[0], &side, &workers[0].relay);
    peer_open(&flooder[1], &other, &workers[1].relay);
    peer_route(&flooder[0], &flooder[1]);
    peer_route(&flooder[1], &flooder[0]);
    struct side *const sides[] = {&side, &other};
    run_until(sides, 2, peer_is_online, &flooder[0]);
    run_until(sides, 2, peer_is_online, &flooder[1]);
    run_side_until(&side, peer_is_online, &beside[0]);
    run_side_until(&side, peer_is_online, &beside[1]);
    /* From here on the other side sleeps. */
    run_until(sides, 1, has_sent_enough, &flooder[0]);
    ck_assert_int_eq(peer_send(&beside[0], 100), TOXTCP_OK);
    ck_assert_int_eq(peer_send(&beside[1], 100), TOXTCP_OK);
    run_side_until(&side, has_all, beside);
    ck_assert_uint_lt(flooder[1].received, flooder[0].sent);
    for (int i = 0; i < 2; i++) {
        peer_close(&flooder[i]);
        peer_close(&beside[i]);
    }
    side_close(&other);
}
END_TEST

/* Of two servers a client gets more in one turn than may wait for it. Here all loops run in this thread. */
enum { FROM_EACH = 55, FROM_EACH_LEN = 1000 };

static bool both_have_sent(void *user)
{
    struct toxtcp_ev_mesh_info info;

    (void)user;
    toxtcp_ev_mesh_get_info(mesh, &info);
    return info.queue_len >= (size_t)2 * FROM_EACH * FROM_EACH_LEN;
}

static bool both_are_online(void *user)
{
    const struct peer *peers = user;

    return peers[0].status == TOXTCP_ROUTE_ONLINE && peers[1].status == TOXTCP_ROUTE_ONLINE;
}

START_TEST(a_turn_brings_more_than_may_wait)
{
    static struct side sides[WORKERS];
    static struct relay relays[WORKERS];
    struct side *all[WORKERS + 1] = {&side, &sides[1], &sides[2], &sides[0]};
    struct peer from[2] = {{0}};
    struct peer to = {0};

    side_open(&side);
    ck_assert_int_eq(toxtcp_ev_mesh_new(WORKERS, &mesh), TOXTCP_OK);
    for (uint32_t i = 0; i < WORKERS; i++) {
        side_open(&sides[i]);
        relay_open(&relays[i], &sides[i], NULL, 0, false);
        ck_assert_int_eq(toxtcp_ev_mesh_join(mesh, i, sides[i].ev, relays[i].server), TOXTCP_OK);
    }
    peer_open(&to, &side, &relays[0]);
    for (uint32_t i = 0; i < 2; i++) {
        peer_open(&from[i], &side, &relays[1 + i]);
        peer_route(&to, &from[i]);
        peer_route(&from[i], &to);
    }
    run_until(all, WORKERS + 1, both_are_online, from);
    /* The receiver's loop sleeps. */
    for (uint32_t i = 0; i < 2 * FROM_EACH; i++) {
        ck_assert_int_eq(peer_send(&from[i % 2], FROM_EACH_LEN), TOXTCP_OK);
    }
    run_until(all, WORKERS, both_have_sent, NULL);
    for (uint32_t i = 0; i < 1000 && to.received < 2 * FROM_EACH; i++) {
        turn(&sides[0]);
        turn(&side);
    }
    ck_assert_uint_eq(to.received, 2 * FROM_EACH);
    for (uint32_t i = 0; i < 2; i++) {
        peer_close(&from[i]);
    }
    peer_close(&to);
    for (uint32_t i = 0; i < WORKERS; i++) {
        toxtcp_ev_mesh_leave(mesh, i);
        relay_close(&relays[i]);
        side_close(&sides[i]);
    }
    toxtcp_ev_mesh_free(mesh);
    side_close(&side);
}
END_TEST

/* --- Life --- */

START_TEST(does_not_keep_the_loop_alive)
{
    struct toxtcp_ev_mesh *one;
    struct toxtcp_server *server;
    struct toxtcp_key_pair keys;

    side_open(&side);
    ck_assert_int_eq(toxtcp_ev_mesh_new(2, &one), TOXTCP_OK);
    toxtcp_key_pair_generate(side.env, &keys);
    ck_assert_int_eq(toxtcp_server_new(side.env, toxtcp_ev_driver(side.ev), NULL, &keys, &server), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_mesh_join(one, 2, side.ev, server), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_mesh_join(one, 1, side.ev, server), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_mesh_join(one, 1, side.ev, server), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_mesh_join(one, 0, side.ev, server), TOXTCP_ERR_INVALID);
    ev_run(side.loop, 0);
    toxtcp_ev_mesh_leave(one, 1);
    ev_run(side.loop, 0);
    toxtcp_server_free(server);
    toxtcp_ev_mesh_free(one);
    toxtcp_ev_mesh_free(NULL);
    ck_assert_int_eq(toxtcp_ev_mesh_new(0, &one), TOXTCP_ERR_INVALID);
    ck_assert_int_eq(toxtcp_ev_mesh_new(TOXTCP_MESH_SERVERS_MAX + 1, &one), TOXTCP_ERR_INVALID);
    side_close(&side);
}
END_TEST

TCase *ev_mesh_queue_tests(void)
{
    TCase *tcase = tcase_create("mesh_queue");

    tcase_set_tags(tcase, "threads");
    tcase_add_test(tcase, queue_keeps_order_at_every_length);
    tcase_add_test(tcase, queue_bounds);
    tcase_add_test(tcase, queue_closes_while_long);
    tcase_add_test(tcase, queue_between_threads);
    tcase_add_test(tcase, directory_knows_the_latest);
    tcase_add_test(tcase, directory_between_threads);
    tcase_add_test(tcase, does_not_keep_the_loop_alive);
    tcase_add_test(tcase, a_turn_brings_more_than_may_wait);
    return tcase;
}

TCase *ev_mesh_tests(void)
{
    TCase *tcase = tcase_create("mesh");

    tcase_set_tags(tcase, "threads");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, pairs_across_and_within);
    tcase_add_test(tcase, replaced_across);
    tcase_add_test(tcase, one_leaves);
    tcase_add_test(tcase, flood_across);
    return tcase;
}
