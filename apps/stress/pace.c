/* Sending at a rate, by a timer of the kernel that is exact to microseconds, where libev's waits whole milliseconds.
 * SPDX-License-Identifier: ISC */
#include "pace.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"

/* Slots closer than this are due together. */
static const uint64_t together_ns = 100 * NS_PER_US;
/* A thread that sleeps wakes some 50 us late, on a virtual machine later. With slots this far apart it wakes before the
 * time by `early_ns`, and polls the rest: 10 % of a core at most. */
static const double apart_ns = 1e6;
static const uint64_t early_ns = 100 * NS_PER_US;

static uint64_t moment_of(const struct pace *pace, uint64_t slot)
{
    const uint64_t after = (uint64_t)((double)slot * pace->slot_ns);

    return pace->start_ns + (pace->slot_ns < (double)together_ns ? after - after % together_ns : after);
}

static void arm(struct pace *pace, uint64_t at_ns)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(at_ns / NS_PER_S), .tv_nsec = (long)(at_ns % NS_PER_S)}};

    /* Setting it also takes back that it is readable. It cannot fail with these arguments. */
    (void)timerfd_settime(pace->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void run(struct pace *pace)
{
    const uint64_t early = pace->slot_ns < apart_ns ? 0 : early_ns;
    uint64_t now_ns = clock_ns();
    uint64_t at_ns = moment_of(pace, pace->next);

    while (at_ns <= now_ns) {
        pace->due(pace->user, pace->next++, at_ns);
        at_ns = moment_of(pace, pace->next);
    }
    now_ns = clock_ns();
    if (at_ns <= now_ns + early) {
        ev_idle_start(pace->loop, &pace->idle);
    } else {
        ev_idle_stop(pace->loop, &pace->idle);
        arm(pace, at_ns - early);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    (void)events;
    run(io->data);
}

static void on_idle(struct ev_loop *loop, struct ev_idle *idle, int events)
{
    struct pace *pace = idle->data;

    (void)loop;
    (void)events;
    if (clock_ns() >= moment_of(pace, pace->next)) {
        run(pace);
    }
}

int pace_start(struct pace *pace, struct ev_loop *loop, uint64_t start_ns, double rate,
               void (*due)(void *user, uint64_t slot, uint64_t intended_ns), void *user)
{
    pace->loop = loop;
    pace->due = due;
    pace->user = user;
    pace->slot_ns = 1e9 / rate;
    pace->start_ns = start_ns;
    pace->next = 0;
    pace->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (pace->fd < 0) {
        return -1;
    }
    ev_io_init(&pace->io, on_timer, pace->fd, EV_READ);
    ev_idle_init(&pace->idle, on_idle);
    /* Idle means: nothing of its own priority or above is pending. With the highest one it runs in every turn. */
    ev_set_priority(&pace->io, EV_MAXPRI);
    ev_set_priority(&pace->idle, EV_MAXPRI);
    pace->io.data = pace;
    pace->idle.data = pace;
    ev_io_start(loop, &pace->io);
    run(pace);
    return 0;
}

void pace_finish(struct pace *pace, uint64_t end_ns)
{
    while (pace->fd >= 0 && moment_of(pace, pace->next) < end_ns) {
        pace->due(pace->user, pace->next, moment_of(pace, pace->next));
        pace->next++;
    }
    pace_stop(pace);
}

void pace_stop(struct pace *pace)
{
    if (pace->fd < 0) {
        return;
    }
    ev_idle_stop(pace->loop, &pace->idle);
    ev_io_stop(pace->loop, &pace->io);
    (void)close(pace->fd);
    pace->fd = -1;
}
