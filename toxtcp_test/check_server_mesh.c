/* Several relays as one: every order in which messages can arrive, and what is lost. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "check_server_mesh.h"

static struct world world;

/* --- What one relay would do --- */

START_TEST(both_ask_across)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 a>b");
    world_settle(&world);
    ck_assert(!world_is_online(&world, 'a', 'b') && !world_is_online(&world, 'b', 'a'));
    world_do(&world, "b>a");
    world_settle(&world);
    ck_assert(world_is_online(&world, 'a', 'b') && world_is_online(&world, 'b', 'a'));
    world_check(&world);
    world_talk(&world);
    ck_assert_uint_eq(world_info(&world, 0).online_count, 1);
    ck_assert_uint_eq(world_info(&world, 0).data_relayed, 1);
    ck_assert_uint_eq(world_info(&world, 1).data_relayed, 1);
    world_close(&world);
}
END_TEST

START_TEST(disconnect_across)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 a>b b>a");
    world_settle(&world);
    world_do(&world, "a/b");
    world_settle(&world);
    ck_assert(!world_is_online(&world, 'b', 'a'));
    world_check(&world);
    world_do(&world, "a>b");
    world_settle(&world);
    ck_assert(world_is_online(&world, 'a', 'b') && world_is_online(&world, 'b', 'a'));
    world_do(&world, "b-");
    world_settle(&world);
    ck_assert(!world_is_online(&world, 'a', 'b'));
    world_check(&world);
    world_close(&world);
}
END_TEST

START_TEST(replaced_across)
{
    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 a>b b>a");
    world_settle(&world);
    world_do(&world, "a1");
    world_settle(&world);
    ck_assert_uint_eq(world_info(&world, 0).replaced, 1);
    ck_assert_uint_eq(world_info(&world, 0).client_count, 0);
    ck_assert(!world_is_online(&world, 'b', 'a'));
    world_do(&world, "a>b");
    ck_assert(world_is_online(&world, 'a', 'b'));
    world_check(&world);
    world_talk(&world);
    world_close(&world);
}
END_TEST

/* Data and OOB of every length arrive as they were sent. */
START_TEST(every_length_across)
{
    const struct packet *packet;
    uint8_t data[TOXTCP_DATA_MAX];

    world_open(&world, 1, 2);
    world_do(&world, "a0 b1 a>b b>a");
    world_settle(&world);
    struct conn *a = world_conn(&world, 'a');
    struct conn *b = world_conn(&world, 'b');
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)net_random(world.net);
    }
    for (size_t len = 1; len <= TOXTCP_DATA_MAX; len++) {
        raw_client_send_data(a->raw, a->ids[1], data, len);
        net_step(world.net);
        /* Nobody but the test hears, since these are no payloads of the world's. */
        struct message *message = world.queues[0][1];
        ck_assert_ptr_nonnull(message);
        toxtcp_server_mesh_receive(world.servers[1], 0, message->bytes, message->len, net_now(world.net));
        net_step(world.net);
        packet = raw_client_expect(b->raw, WIRE_DATA);
        ck_assert_uint_eq(packet->id, b->ids[0]);
        ck_assert_uint_eq(packet->data_len, len);
        ck_assert_mem_eq(packet->data, data, len);
        world.queues[0][1] = message->next;
        free(message->bytes);
        free(message);
    }
    for (size_t len = 1; len <= TOXTCP_OOB_MAX; len++) {
        raw_client_send_oob(b->raw, &world.keys[0].public_key, data, len);
        net_step(world.net);
        struct message *message = world.queues[1][0];
        ck_assert_ptr_nonnull(message);
        toxtcp_server_mesh_receive(world.servers[0], 1, message->bytes, message->len, net_now(world.net));
        net_step(world.net);
        packet = raw_client_expect(a->raw, WIRE_OOB_RECV);
        ck_assert(toxtcp_public_key_equal(&packet->key, &world.keys[1].public_key));
        ck_assert_uint_eq(packet->data_len, len);
        ck_assert_mem_eq(packet->data, data, len);
        world.queues[1][0] = message->next;
        free(message->bytes);
        free(message);
    }
    world_close(&world);
}
END_TEST

/* --- Every order --- */

struct script {
    uint32_t servers;
    const char *before; /* done in this order, and all has arrived */
    const char
        *actors[4]; /* each does its words in order; how those of all and the messages mix is tried in every way */
    bool online;    /* a and b are online to each other in the end */
    bool large;     /* too many ways: some of them, at random */
};

static const struct script scripts[] = {
    {2, "a0 b1", {"a>b", "b>a"}, true, false},
    {2, "", {"a0 a>b", "b1 b>a"}, true, false},
    {2, "a0 b1", {"a>b a/b a>b", "b>a"}, true, true},
    {2, "a0 b1", {"a>b a/b a>b", "b>a b/a b>a"}, true, true},
    {2, "a0 b1", {"a>b a/b", "b>a b/a b>a"}, false, true},
    {2, "a0 b1 a>b b>a", {"a/b a>b", "b/a b>a"}, true, true},
    {2, "a0 b1 a>b b>a", {"a/b a>b a:b", "b:a b:a b:a"}, true, true},
    {2, "a0 b1 b>a", {"a1 a>b", "b:a b!a"}, true, false},
    {2, "a0 b1 a>b b>a", {"a1 a>b", "b:a b/a b>a"}, true, true},
    {2, "a0 b1 a>b b>a", {"a1 a0 a>b", "b:a"}, true, true},
    {2, "a0 b1 a>b b>a", {"a- a0 a>b", "b- b1 b>a"}, true, true},
    {2, "a0 b1 a>b b>a", {"a1 a>b", "b0 b>a"}, true, true},
    {2, "a0 b0 a>b b>a", {"a1 a>b", "b1 b>a"}, true, false},
    {2, "a0 b0 a>b b>a", {"a1 a>b a0 a>b", "b:a"}, true, true},
    {2, "a0 b1 a>b b>a", {"a- a0", "b:a b:a"}, false, true},
    {3, "a0 b1", {"a2 a>b", "b>a"}, true, false},
    {3, "a0 b1 a>b b>a", {"a2 a>b", "b:a b/a b>a"}, true, true},
    {3, "a0 b1 a>b b>a", {"a2 a0 a>b", "b:a"}, true, true},
    {3, "a0 b1 a>b b>a", {"a2 a1 a>b"}, true, false},
    {3, "a0 b1 a>b b>a", {"a2 a>b", "b0 b>a"}, true, true},
    {3, "a0 b0 a>b b>a", {"a1 a2 a>b", "b>a"}, true, false},
    {3, "a0 b1 c2 a>b b>a", {"a>c a!c", "c>a c:a", "b!c"}, true, true},
};

enum { CHOICES_MAX = 64, RUNS_MAX = 1000, SOME = 60 };

/* The run through a tree of choices: which was taken at each fork, out of how many. */
static struct {
    uint32_t taken[CHOICES_MAX];
    uint32_t of[CHOICES_MAX];
    uint32_t depth;
} path;

static uint32_t choose(uint32_t of, bool at_random)
{
    if (at_random) {
        return (uint32_t)(net_random(world.net) % of);
    }
    ck_assert_uint_lt(path.depth, CHOICES_MAX);
    path.of[path.depth] = of;
    return path.taken[path.depth++];
}

/* False when all have been taken. */
static bool next_path(void)
{
    while (path.depth > 0) {
        path.depth--;
        path.taken[path.depth]++;
        if (path.taken[path.depth] < path.of[path.depth]) {
            memset(&path.taken[path.depth + 1], 0, (CHOICES_MAX - path.depth - 1) * sizeof path.taken[0]);
            return true;
        }
    }
    return false;
}

/* One thing that can happen now: the next word of an actor, or the first message of a queue. */
struct choice {
    const char **actor;
    uint32_t from;
    uint32_t to;
};

static uint32_t list_choices(const char **actors, struct choice *choices)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < 4; i++) {
        if (actors[i] && *actors[i]) {
            choices[count++] = (struct choice){.actor = &actors[i]};
        }
    }
    for (uint32_t i = 0; i < WORLD_SERVERS_MAX * WORLD_SERVERS_MAX; i++) {
        const struct choice choice = {NULL, i / WORLD_SERVERS_MAX, i % WORLD_SERVERS_MAX};
        if (world.queues[choice.from][choice.to]) {
            choices[count++] = choice;
        }
    }
    return count;
}

static void take(const struct choice *choice)
{
    char word[8] = {0};

    if (!choice->actor) {
        world_deliver(&world, choice->from, choice->to);
        return;
    }
    const size_t len = strcspn(*choice->actor, " ");
    memcpy(word, *choice->actor, len);
    *choice->actor += len;
    *choice->actor += strspn(*choice->actor, " ");
    world_do(&world, word);
}

static void play(const struct script *script)
{
    const char *actors[4];
    struct choice choices[4 + WORLD_SERVERS_MAX * WORLD_SERVERS_MAX];
    uint32_t count;

    memcpy(actors, script->actors, sizeof actors);
    while ((count = list_choices(actors, choices)) > 0) {
        take(&choices[count > 1 ? choose(count, script->large) : 0]);
    }
}

static void run(const struct script *script, uint64_t seed)
{
    world_open(&world, seed, script->servers);
    world_do(&world, script->before);
    world_settle(&world);
    play(script);
    world_check(&world);
    ck_assert(world_is_online(&world, 'a', 'b') == script->online);
    world_talk(&world);
    world_close(&world);
}

START_TEST(every_order)
{
    const struct script *script = &scripts[_i];
    uint32_t runs = 0;

    memset(&path, 0, sizeof path);
    do {
        path.depth = 0;
        runs++;
        ck_assert_uint_lt(runs, RUNS_MAX);
        run(script, runs);
    } while (script->large ? runs < SOME : next_path());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server_mesh");
    TCase *tcase = tcase_create("across");
    tcase_add_test(tcase, both_ask_across);
    tcase_add_test(tcase, disconnect_across);
    tcase_add_test(tcase, replaced_across);
    tcase_add_test(tcase, every_length_across);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("every_order");
    tcase_add_loop_test(tcase, every_order, 0, sizeof scripts / sizeof scripts[0]);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, mesh_fault_tests());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
