/* Tests of the relays that toxtcp-stress starts. SPDX-License-Identifier: ISC */
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

#include "../apps/stress/embedded.h"
#include "../apps/stress/signals.h"

static struct embedded relay;
static struct problem problem;

static void set_up(void)
{
    struct toxtcp_env *env;

    ck_assert_int_eq(toxtcp_env_new(NULL, &env), TOXTCP_OK);
    memset(&relay, 0, sizeof relay);
    toxtcp_key_pair_generate(env, &relay.keys);
    toxtcp_env_free(env);
}

static void tear_down(void)
{
    embedded_kill(&relay);
}

static void start(void)
{
    ck_assert_msg(embedded_start(&relay, &problem) == 0, "%s", problem.text);
    ck_assert_int_gt(relay.pid, 0);
}

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool listens(uint16_t port)
{
    const struct sockaddr_in address = address_of(port);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool connected = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    (void)close(fd);
    return connected;
}

START_TEST(same_port_again)
{
    start();
    const uint16_t port = relay.address.port;
    ck_assert_uint_ne(port, 0);
    ck_assert(listens(port));
    embedded_kill(&relay);
    ck_assert_int_eq(relay.pid, 0);
    ck_assert(!listens(port));
    embedded_kill(&relay);
    start();
    ck_assert_uint_eq(relay.address.port, port);
    ck_assert(listens(port));
}
END_TEST

/* Somebody was quicker: which port it was about must be said. */
START_TEST(port_is_taken)
{
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    char wanted[64];

    start();
    const struct sockaddr_in address = address_of(relay.address.port);
    (void)snprintf(wanted, sizeof wanted, "127.0.0.1:%u is taken by somebody else", relay.address.port);
    embedded_kill(&relay);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(embedded_start(&relay, &problem), -1);
    ck_assert_str_eq(problem.text, wanted);
    ck_assert_int_eq(relay.pid, 0);
    (void)close(fd);
    start();
}
END_TEST

START_TEST(it_dies_by_itself)
{
    siginfo_t info;

    start();
    embedded_look(&relay);
    ck_assert(!relay.died);
    ck_assert_int_eq(kill(relay.pid, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)relay.pid, &info, WEXITED | WNOWAIT), 0);
    embedded_look(&relay);
    ck_assert(relay.died);
    ck_assert_int_eq(relay.pid, 0);
    start();
}
END_TEST

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

/* Nobody waits for a relay when the run is to end. */
START_TEST(called_off)
{
    const struct timespec none = {.tv_sec = 0};

    signals_block();
    ck_assert(!signals_pending());
    ck_assert_int_eq(raise(ending[_i]), 0);
    ck_assert(signals_pending());
    ck_assert_int_eq(embedded_start(&relay, &problem), -1);
    ck_assert_str_eq(problem.text, "called off by a signal");
    ck_assert_int_eq(relay.pid, 0);
    ck_assert(signals_wait(&none));
    ck_assert(!signals_wait(&none));
    start();
}
END_TEST

static Suite *stress_embedded_suite(void)
{
    Suite *suite = suite_create("stress_embedded");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 30);
    tcase_add_test(all, same_port_again);
    tcase_add_test(all, port_is_taken);
    tcase_add_test(all, it_dies_by_itself);
    tcase_add_loop_test(all, called_off, 0, sizeof ending / sizeof *ending);
    suite_add_tcase(suite, all);
    return suite;
}

int main(int count, char **arguments)
{
    SRunner *runner;
    int failed;

    /* The relay is this program again. */
    if (count == 2 && strcmp(arguments[1], EMBEDDED_ARGUMENT) == 0) {
        return embedded_main();
    }
    runner = srunner_create(stress_embedded_suite());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
