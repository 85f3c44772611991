/* Tests of toxtcp-relay as a process, with clients: what SIGHUP leaves alone, and how SIGTERM ends it, with one worker
 * and with several. SPDX-License-Identifier: ISC */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/relayd.h"
#include "interop/scene.h"

enum { PACKET_LEN = 1000, PACKETS = 40 };

static const int thread_counts[] = {1, 2, 4};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

/* A client that remembers in which order it heard what. */
struct end {
    struct toxtcp_key_pair keys;
    struct toxtcp_client *client;
    struct toxtcp_route route;
    bool connected;
    bool over;
    int error;
    unsigned received;
    bool was_online;
    unsigned offline; /* how often it was told that its peer has gone */
};

static struct scene scene;
static struct relayd relay;
static struct end alice;
static struct end bob;

/* --- Clients --- */

static void on_connected(void *user, struct toxtcp_client *client)
{
    (void)client;
    ((struct end *)user)->connected = true;
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct end *end = user;

    (void)client;
    end->over = true;
    end->error = error;
}

static void on_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                      enum toxtcp_route_status status)
{
    struct end *end = user;

    (void)client;
    (void)route;
    (void)route_user;
    /* Before the first time it is registered, which is no news. */
    end->offline += end->was_online && status != TOXTCP_ROUTE_ONLINE ? 1 : 0;
    end->was_online = end->was_online || status == TOXTCP_ROUTE_ONLINE;
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    (void)client;
    (void)route;
    (void)route_user;
    (void)data;
    (void)len;
    ((struct end *)user)->received++;
}

static void open_end(struct end *end, struct scene *where)
{
    static const struct toxtcp_client_callbacks callbacks = {
        .connected = on_connected, .closed = on_closed, .route_status = on_status, .data = on_data};
    const struct toxtcp_endpoint endpoint = loopback(relay.port);

    *end = (struct end){.client = NULL};
    toxtcp_key_pair_generate(where->env, &end->keys);
    ck_assert_int_eq(toxtcp_client_new(where->env, toxtcp_ev_driver(where->ev), NULL, &end->keys, &relay.key,
                                       &callbacks, end, toxtcp_ev_now(where->ev), &end->client),
                     0);
    ck_assert_int_eq(toxtcp_ev_connect(where->ev, end->client, &endpoint), 0);
    SCENE_WAIT(where, end->connected);
}

static void ask_for(struct end *end, const struct end *other)
{
    ck_assert_int_eq(toxtcp_client_route_add(end->client, &other->keys.public_key, NULL, &end->route), 0);
}

static bool is_online(const struct end *end)
{
    return toxtcp_client_route_status(end->client, end->route) == TOXTCP_ROUTE_ONLINE;
}

static void send_packets(struct end *end, unsigned count)
{
    static const uint8_t packet[PACKET_LEN] = {1};

    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(toxtcp_client_send(end->client, end->route, packet, sizeof packet), 0);
    }
}

static uint32_t unsent(const struct end *end)
{
    struct toxtcp_client_info info;

    toxtcp_client_get_info(end->client, &info);
    return info.output_len;
}

/* Nothing wakes the loop when all is written, so it must not wait for long. */
static void flush(struct end *end)
{
    while (unsent(end) > 0) {
        ck_assert(!end->over);
        scene_turn(&scene, toxtcp_ev_now(scene.ev) + 1);
    }
}

/* --- The scene: a relay, and two who are online to each other --- */

static void start(int threads, const char *more)
{
    relayd_prepare(&relay);
    relayd_configure(&relay, "listen = [\"127.0.0.1:0\"]; threads = %d;\n%s\n", threads, more);
    relayd_start(&relay, NULL, 1);
    scene_open(&scene);
    open_end(&alice, &scene);
    open_end(&bob, &scene);
    ask_for(&alice, &bob);
    ask_for(&bob, &alice);
    SCENE_WAIT(&scene, is_online(&alice) && is_online(&bob));
}

static void finish(void)
{
    toxtcp_client_free(alice.client);
    toxtcp_client_free(bob.client);
    scene_close(&scene);
    relayd_cleanup(&relay);
}

static bool has_ended(void)
{
    int status;

    if (waitpid(relay.pid, &status, WNOHANG) != relay.pid) {
        return false;
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %d", status);
    relay.pid = 0;
    return true;
}

static bool talk(unsigned received)
{
    send_packets(&alice, 1);
    scene_turn(&scene, toxtcp_ev_now(scene.ev) + 5);
    return bob.received > received;
}

/* --- Tests --- */

START_TEST(hangup_drops_nobody)
{
    start(thread_counts[_i], "clients_max = 10;");
    relayd_configure(&relay, "listen = [\"127.0.0.1:1\"]; threads = %d; clients_max = 20; output_max = 70000;",
                     thread_counts[_i]);
    relayd_signal(&relay, SIGHUP);
    SCENE_WAIT(&scene, relayd_said(&relay, "changed: clients_max, output_max") == 1);
    SCENE_WAIT(&scene, relayd_said(&relay, "not in force before a restart: listen") == 1);
    SCENE_WAIT(&scene, talk(0));
    /* A wrong one changes nothing. */
    relayd_configure(&relay, "clients_max = 30;\nclients_mx = 3;");
    relayd_signal(&relay, SIGHUP);
    SCENE_WAIT(&scene, relayd_said(&relay, "conf:2: clients_mx: there is no such key") == 1);
    ck_assert_uint_eq(relayd_said(&relay, "the settings stay as they were"), 1);
    const unsigned before = bob.received;
    SCENE_WAIT(&scene, talk(before));
    ck_assert(!alice.over && !bob.over);
    ck_assert_uint_eq(alice.offline + bob.offline, 0);
    /* Newcomers still come. */
    struct end carol;
    open_end(&carol, &scene);
    toxtcp_client_free(carol.client);
    finish();
}
END_TEST

START_TEST(hangup_applies_limits)
{
    struct end carol;

    start(1, "");
    relayd_configure(&relay, "listen = [\"127.0.0.1:0\"]; threads = 1; per_address_max = 2;");
    relayd_signal(&relay, SIGHUP);
    SCENE_WAIT(&scene, relayd_said(&relay, "changed: per_address_max") == 1);
    const struct toxtcp_endpoint endpoint = loopback(relay.port);
    static const struct toxtcp_client_callbacks callbacks = {.connected = on_connected, .closed = on_closed};
    carol = (struct end){.client = NULL};
    toxtcp_key_pair_generate(scene.env, &carol.keys);
    ck_assert_int_eq(toxtcp_client_new(scene.env, toxtcp_ev_driver(scene.ev), NULL, &carol.keys, &relay.key, &callbacks,
                                       &carol, toxtcp_ev_now(scene.ev), &carol.client),
                     0);
    ck_assert_int_eq(toxtcp_ev_connect(scene.ev, carol.client, &endpoint), 0);
    SCENE_WAIT(&scene, carol.over);
    ck_assert(!carol.connected);
    toxtcp_client_free(carol.client);
    /* What limits refused is told at the end, too. */
    relayd_signal(&relay, SIGTERM);
    SCENE_WAIT(&scene, has_ended());
    ck_assert_uint_eq(relayd_said(&relay, "limits have refused: refused_per_address=1"), 1);
    finish();
}
END_TEST

START_TEST(end_delivers_what_is_on_its_way)
{
    start(thread_counts[_i], "drain_timeout_ms = 20000;");
    /* It stands still, so that all of this lies in its sockets when it hears the signal. */
    relayd_signal(&relay, SIGSTOP);
    send_packets(&alice, PACKETS);
    flush(&alice);
    relayd_signal(&relay, SIGTERM);
    relayd_signal(&relay, SIGCONT);
    SCENE_WAIT(&scene, alice.over && bob.over);
    ck_assert_uint_eq(bob.received, PACKETS);
    /* In an orderly way, and nobody was told that the other one has gone. */
    ck_assert_int_eq(alice.error, TOXTCP_ERR_CLOSED);
    ck_assert_int_eq(bob.error, TOXTCP_ERR_CLOSED);
    ck_assert_uint_eq(alice.offline + bob.offline, 0);
    SCENE_WAIT(&scene, has_ended());
    ck_assert_uint_eq(relayd_said(&relay, "they are lost"), 0);
    finish();
}
END_TEST

/* Bob has a loop of his own, which does not run: what is sent to him stays at the relay. */
static void fill_up_bob(struct scene *stuck)
{
    scene_open(stuck);
    toxtcp_client_free(bob.client);
    open_end(&bob, stuck);
    ask_for(&bob, &alice);
    toxtcp_client_route_remove(alice.client, alice.route);
    ask_for(&alice, &bob);
    while (!is_online(&alice) || !is_online(&bob)) {
        scene_turn(&scene, toxtcp_ev_now(scene.ev) + 5);
        scene_turn(stuck, toxtcp_ev_now(scene.ev) + 5);
    }
    for (int i = 0; i < 400; i++) {
        send_packets(&alice, 40);
        flush(&alice);
    }
}

static bool is_refused(void)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(relay.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool refused = connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;

    (void)close(fd);
    return refused;
}

START_TEST(end_takes_no_newcomers_and_a_second_signal_ends_it_at_once)
{
    struct scene stuck;

    start(thread_counts[_i], "drain_timeout_ms = 600000; input_rate_max = 0;");
    fill_up_bob(&stuck);
    relayd_signal(&relay, SIGTERM);
    SCENE_WAIT(&scene, is_refused());
    ck_assert(!alice.over);
    ck_assert(!has_ended());
    /* One that comes within 20 ms counts as the first. */
    const uint64_t since = toxtcp_ev_now(scene.ev);
    SCENE_WAIT(&scene, toxtcp_ev_now(scene.ev) - since > 50);
    relayd_signal(&relay, SIGTERM);
    SCENE_WAIT(&scene, has_ended());
    ck_assert_uint_eq(relayd_said(&relay, "a second signal: ending at once"), 1);
    toxtcp_client_free(bob.client);
    bob.client = NULL;
    scene_close(&stuck);
    finish();
}
END_TEST

START_TEST(end_waits_no_longer_than_it_may)
{
    struct scene stuck;

    start(thread_counts[_i], "drain_timeout_ms = 300; input_rate_max = 0;");
    fill_up_bob(&stuck);
    const uint64_t began_ms = toxtcp_ev_now(scene.ev);
    relayd_signal(&relay, SIGTERM);
    SCENE_WAIT(&scene, has_ended());
    ck_assert_uint_ge(toxtcp_ev_now(scene.ev) - began_ms, 250);
    ck_assert_uint_eq(relayd_said(&relay, "with packets still queued; they are lost"), 1);
    toxtcp_client_free(bob.client);
    bob.client = NULL;
    scene_close(&stuck);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay_process");
    TCase *test_case = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(test_case, hangup_drops_nobody, 0, THREAD_COUNTS);
    tcase_add_test(test_case, hangup_applies_limits);
    tcase_add_loop_test(test_case, end_delivers_what_is_on_its_way, 0, THREAD_COUNTS);
    tcase_add_loop_test(test_case, end_takes_no_newcomers_and_a_second_signal_ends_it_at_once, 0, THREAD_COUNTS);
    tcase_add_loop_test(test_case, end_waits_no_longer_than_it_may, 0, THREAD_COUNTS);
    suite_add_tcase(suite, test_case);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
