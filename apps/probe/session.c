/* One round of a list of relays, or one after another. SPDX-License-Identifier: ISC */
#include "session.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"
#include "output.h"
#include "round.h"

static const int ends[] = {SIGINT, SIGTERM};
enum { ENDS = sizeof ends / sizeof *ends };

struct session {
    const struct probe_options *options;
    struct output output;
    struct probe_place place;
    struct round round;
    struct probe_result *results; /* of the round that runs */
    struct probe_result *shown;   /* of the last one that is over */
    struct history *histories;
    bool *changed;
    uint32_t rounds; /* shown */
    time_t since;
    struct ev_timer timer; /* the next round */
    struct ev_signal signals[ENDS];
    bool interrupted;
    bool failed;
    struct problem *problem;
};

/* --- Signals while something is written ---
 *
 * A terminal, pipe or FIFO that nobody reads holds up what is written. A signal that comes soon after the beginning is
 * noted: the first of two, as timeout(1) sends them, has ended the round, and the second must not take away what is
 * shown of it. One that comes when something has been written for long is to end that. */

static const uint64_t patience_ns = UINT64_C(2000000000);
static uint64_t writing_since_ns;
static volatile sig_atomic_t signal_came;

static void on_signal_in_writing(int number)
{
    const int before = errno;

    signal_came = 1;
    if (probe_clock_ns() > writing_since_ns + patience_ns) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
    errno = before;
}

static void begin_writing(struct sigaction before[ENDS])
{
    struct sigaction action = {.sa_handler = on_signal_in_writing, .sa_flags = SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    writing_since_ns = probe_clock_ns();
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &action, before == NULL ? NULL : &before[i]);
    }
}

static void end_writing(const struct sigaction before[ENDS])
{
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaction(ends[i], &before[i], NULL);
    }
}

/* --- Rounds --- */

static struct report report_of(const struct session *session)
{
    return (struct report){.list = &session->options->relays,
                           .results = session->shown,
                           .histories = session->options->watch ? session->histories : NULL,
                           .time = time(NULL),
                           .since = session->since,
                           .rounds = session->rounds,
                           .timeout_s = session->options->timeout_s,
                           .every_s = session->options->every_s,
                           .interrupted = session->interrupted};
}

static void show(struct session *session, const bool *changed)
{
    const struct report report = report_of(session);

    if (output_round(&session->output, &report, changed, session->problem) != 0) {
        session->failed = true;
        ev_break(session->place.loop, EVBREAK_ALL);
    }
}

/* In the loop, whose own handlers do nothing before this returns. */
static void show_round(struct session *session)
{
    struct sigaction before[ENDS];

    begin_writing(before);
    show(session, session->options->watch ? session->changed : NULL);
    end_writing(before);
    if (signal_came) {
        session->interrupted = true;
        ev_break(session->place.loop, EVBREAK_ALL);
    }
}

static void take_results(struct session *session)
{
    memcpy(session->shown, session->results, session->options->relays.count * sizeof *session->results);
    session->rounds++;
}

static void on_progress(void *user, size_t done)
{
    struct session *session = user;

    output_progress(&session->output, done, session->options->relays.count);
}

static void on_over(void *user)
{
    struct session *session = user;
    const time_t now = time(NULL);

    take_results(session);
    for (size_t i = 0; i < session->options->relays.count; i++) {
        session->changed[i] = history_add(&session->histories[i], &session->shown[i], now);
    }
    show_round(session);
    if (!session->options->watch) {
        ev_break(session->place.loop, EVBREAK_ALL);
    }
}

/* Rounds begin at even distances; one that takes longer is let finish, and the next one begins with its turn. */
static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct session *session = timer->data;

    (void)loop;
    (void)events;
    if (session->round.done == session->options->relays.count) {
        round_start(&session->round);
        on_progress(session, 0);
    }
}

static void on_signal(struct ev_loop *loop, struct ev_signal *signal, int events)
{
    struct session *session = signal->data;

    (void)events;
    session->interrupted = true;
    ev_break(loop, EVBREAK_ALL);
}

/* --- Life --- */

static int make(struct session *session)
{
    const size_t count = session->options->relays.count;

    session->results = calloc(count, sizeof *session->results);
    session->shown = calloc(count, sizeof *session->shown);
    session->histories = calloc(count, sizeof *session->histories);
    session->changed = calloc(count, sizeof *session->changed);
    session->place.loop = ev_default_loop(0);
    session->place.timeout_s = session->options->timeout_s;
    if (session->results == NULL || session->shown == NULL || session->histories == NULL || session->changed == NULL ||
        session->place.loop == NULL || toxtcp_env_new(NULL, &session->place.env) != TOXTCP_OK ||
        toxtcp_ev_new(session->place.loop, &session->place.ev) != TOXTCP_OK) {
        return problem_set(session->problem, "out of memory or descriptors");
    }
    /* Each step is measured by itself. */
    toxtcp_ev_set_fast_open(session->place.ev, false);
    return output_init(&session->output, session->options, session->problem);
}

static void unmake(struct session *session)
{
    output_end(&session->output);
    toxtcp_ev_free(session->place.ev);
    toxtcp_env_free(session->place.env);
    free(session->results);
    free(session->shown);
    free(session->histories);
    free(session->changed);
}

static void start(struct session *session)
{
    for (size_t i = 0; i < ENDS; i++) {
        ev_signal_init(&session->signals[i], on_signal, ends[i]);
        session->signals[i].data = session;
        ev_signal_start(session->place.loop, &session->signals[i]);
    }
    session->since = time(NULL);
    session->round = (struct round){.place = &session->place,
                                    .list = &session->options->relays,
                                    .results = session->results,
                                    .parallel = session->options->parallel,
                                    .progress = on_progress,
                                    .over = on_over,
                                    .user = session};
    on_progress(session, 0);
    round_start(&session->round);
    if (session->options->watch) {
        ev_timer_init(&session->timer, on_timer, session->options->every_s, session->options->every_s);
        session->timer.data = session;
        ev_timer_start(session->place.loop, &session->timer);
    }
}

/* It ends by itself now. Signals are blocked while nobody would be there for them. */
static void stop(struct session *session)
{
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < ENDS; i++) {
        (void)sigaddset(&blocked, ends[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    round_stop(&session->round);
    ev_timer_stop(session->place.loop, &session->timer);
    for (size_t i = 0; i < ENDS; i++) {
        ev_signal_stop(session->place.loop, &session->signals[i]);
    }
    begin_writing(NULL);
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    on_progress(session, session->options->relays.count);
}

/* The first round, ended before its time, is shown as far as it is; of a later one what came before it stands. */
static void settle(struct session *session)
{
    if (session->interrupted && session->rounds == 0) {
        take_results(session);
        show(session, NULL);
    }
}

static enum relay_state worst(const struct session *session)
{
    const struct report report = report_of(session);

    if (report_count(&report, RELAY_BAD) > 0) {
        return RELAY_BAD;
    }
    return report_count(&report, RELAY_UNFINISHED) > 0 ? RELAY_UNFINISHED : RELAY_GOOD;
}

int session_run(const struct probe_options *options, enum relay_state *state, struct problem *problem)
{
    struct session session = {.options = options, .problem = problem};
    int result = make(&session);

    if (result == 0) {
        start(&session);
        (void)ev_run(session.place.loop, 0);
        stop(&session);
        settle(&session);
        *state = worst(&session);
        result = session.failed ? -1 : 0;
    }
    unmake(&session);
    return result;
}
