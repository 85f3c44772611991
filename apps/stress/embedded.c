/* A relay that the run starts itself. SPDX-License-Identifier: ISC */
#include "embedded.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <toxtcp/error.h>

#include "embedded_tie.h"
#include "signals.h"
#include "spawn.h"

/* In all it has 10 s. */
enum { START_LOOKS = 200, LOOK_MS = 50 };

static int spawn(int tie, pid_t *pid)
{
    char name[] = "toxtcp-stress";
    char argument[] = EMBEDDED_ARGUMENT;
    char *const arguments[] = {name, argument, NULL};

    return spawn_apart("/proc/self/exe", arguments, environ, tie, SPAWN_NULL, pid);
}

static int send_order(const struct embedded *embedded)
{
    struct tie_order order = {.port = embedded->address.port};
    ssize_t sent;

    toxtcp_key_pair_encode(&embedded->keys, order.keys);
    sent = send(embedded->tie, &order, sizeof order, MSG_NOSIGNAL);
    explicit_bzero(&order, sizeof order);
    return sent == (ssize_t)sizeof order ? 0 : -1;
}

/* Its port, or an error; TOXTCP_ERR_TIMED_OUT when it says nothing, or a signal says that it is enough. */
static int32_t receive_answer(const struct embedded *embedded)
{
    struct pollfd poll_fd = {.fd = embedded->tie, .events = POLLIN};
    int32_t answer = 0;

    for (int looks = 0; looks < START_LOOKS && !signals_pending(); looks++) {
        if (poll(&poll_fd, 1, LOOK_MS) > 0) {
            return recv(embedded->tie, &answer, sizeof answer, 0) == sizeof answer ? answer : TOXTCP_ERR_CLOSED;
        }
    }
    return TOXTCP_ERR_TIMED_OUT;
}

static int explain(const struct embedded *embedded, int error, struct problem *problem)
{
    if (signals_pending()) {
        return problem_set(problem, "called off by a signal");
    }
    if (error == TOXTCP_ERR_EXISTS && embedded->address.port != 0) {
        return problem_set(problem, "127.0.0.1:%u is taken by somebody else", embedded->address.port);
    }
    return problem_set(problem, "an embedded relay cannot be started: %s", toxtcp_strerror(error));
}

static int talk(struct embedded *embedded, struct problem *problem)
{
    const int32_t answer = send_order(embedded) == 0 ? receive_answer(embedded) : TOXTCP_ERR_CLOSED;

    if (answer <= 0) {
        embedded_kill(embedded);
        return explain(embedded, answer, problem);
    }
    embedded->address =
        (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = (uint16_t)answer};
    return 0;
}

int embedded_start(struct embedded *embedded, struct problem *problem)
{
    int ends[2];
    int error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return problem_set(problem, "an embedded relay cannot be started: %s", strerror(errno));
    }
    error = spawn(ends[1], &embedded->pid);
    (void)close(ends[1]);
    if (error != 0) {
        (void)close(ends[0]);
        embedded->pid = 0;
        return problem_set(problem, "an embedded relay cannot be started: %s", strerror(error));
    }
    embedded->tie = ends[0];
    return talk(embedded, problem);
}

static void forget(struct embedded *embedded)
{
    (void)close(embedded->tie);
    embedded->pid = 0;
}

void embedded_kill(struct embedded *embedded)
{
    if (embedded->pid == 0) {
        return;
    }
    (void)kill(embedded->pid, SIGKILL);
    while (waitpid(embedded->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    forget(embedded);
}

void embedded_look(struct embedded *embedded)
{
    if (embedded->pid != 0 && waitpid(embedded->pid, NULL, WNOHANG) == embedded->pid) {
        embedded->died = true;
        forget(embedded);
    }
}
