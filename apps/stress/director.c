/* Has relays come and go at their moments. SPDX-License-Identifier: ISC */
#include "director.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "spawn.h"

static const uint64_t reap_ns = 5 * NS_PER_MS;
/* At the very beginning no packet has gone yet, so none is the primary: it is asked again for so long. */
static const uint64_t primary_wait_ns = 500 * NS_PER_MS;

static bool is_own(const struct director *director, uint32_t relay)
{
    return relays_embedded(director->relays, relay) != NULL;
}

static const struct event *event_at(const struct director *director, uint32_t index)
{
    return &director->options->events.list[index];
}

static void set_trouble(struct director *director, uint32_t index, const char *text)
{
    char *trouble = director->outcomes[index].trouble;

    /* The first one is the reason. */
    if (trouble[0] == '\0') {
        (void)snprintf(trouble, EVENT_TROUBLE_SIZE, "%.*s", EVENT_TROUBLE_SIZE - 1, text);
    }
}

/* --- Which relay --- */

static uint32_t count_primary(const struct director *director, uint32_t relay)
{
    uint32_t count = 0;

    for (uint32_t w = 0; w < director->worker_count; w++) {
        for (size_t i = 0; i < director->workers[w].crew_count; i++) {
            count += atomic_load(&director->workers[w].crews[i].primaries[relay]);
        }
    }
    return count;
}

static uint32_t find_primary(const struct director *director)
{
    uint32_t best = EVENT_NO_RELAY;
    uint32_t most = 0;

    for (uint32_t i = 0; i < director->relays->count; i++) {
        const uint32_t count = count_primary(director, i);
        if (count > most) {
            most = count;
            best = i;
        }
    }
    return best;
}

static uint32_t relay_of(struct director *director, const struct event *event)
{
    if (event->relay != 0) {
        return event->relay - 1;
    }
    if (!event_revives(event->action)) {
        director->primary = find_primary(director);
    }
    return director->primary;
}

/* --- Doing it --- */

static void do_signal(struct director *director, uint32_t index, const struct embedded *embedded, int signal)
{
    if (embedded->pid == 0) {
        set_trouble(director, index, "it does not run");
    } else if (kill(embedded->pid, signal) != 0) {
        set_trouble(director, index, strerror(errno));
    }
}

static void do_start(struct director *director, uint32_t index, struct embedded *embedded)
{
    struct problem problem;

    if (embedded->pid != 0) {
        set_trouble(director, index, "it runs already");
    } else if (embedded_start(embedded, &problem) != 0) {
        set_trouble(director, index, problem.text);
    }
}

static void do_to_own(struct director *director, uint32_t index, struct embedded *embedded)
{
    switch (event_at(director, index)->action) {
    case EVENT_KILL:
        if (embedded->pid == 0) {
            set_trouble(director, index, "it does not run");
        }
        embedded_kill(embedded);
        break;
    case EVENT_STOP:
        do_signal(director, index, embedded, SIGSTOP);
        break;
    case EVENT_CONT:
        do_signal(director, index, embedded, SIGCONT);
        break;
    case EVENT_START:
        do_start(director, index, embedded);
        break;
    case EVENT_ACTION_COUNT:
        break;
    }
}

/* One of an environment that a run may be in itself. */
static bool is_ours(const char *variable)
{
    return strncmp(variable, "TOXTCP_EVENT=", 13) == 0 || strncmp(variable, "TOXTCP_RELAY=", 13) == 0;
}

/* Our own environment with two variables more. NULL when memory is short. */
static char **environment_with(char *event, char *relay)
{
    size_t count = 0;
    char **all;

    while (environ[count] != NULL) {
        count++;
    }
    all = calloc(count + 3, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    all[0] = event;
    all[1] = relay;
    count = 2;
    for (char **variable = environ; *variable != NULL; variable++) {
        if (!is_ours(*variable)) {
            all[count++] = *variable;
        }
    }
    return all;
}

/* Standard output may be the figures. */
static int spawn_command(const char *command, char **environment, pid_t *pid)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *const arguments[] = {shell, option, (char *)(uintptr_t)command, NULL};

    return spawn_apart(shell, arguments, environment, SPAWN_NULL, STDERR_FILENO, pid);
}

/* It seemed to be done, and was not. */
static void take_back(struct director *director, uint32_t index)
{
    if (!is_own(director, director->outcomes[index].relay)) {
        director->outcomes[index].done = false;
        atomic_store(&director->moments[index].at_ns, UINT64_MAX);
    }
}

static void run_command(struct director *director, uint32_t index, uint32_t relay)
{
    char event_text[32];
    char relay_text[32];
    char **environment = environment_with(event_text, relay_text);
    int error = ENOMEM;

    (void)snprintf(event_text, sizeof event_text, "TOXTCP_EVENT=%s",
                   event_action_name(event_at(director, index)->action));
    (void)snprintf(relay_text, sizeof relay_text, "TOXTCP_RELAY=%u", relay + 1);
    if (environment != NULL) {
        error = spawn_command(director->options->on_event, environment, &director->commands[index]);
    }
    if (error != 0) {
        director->commands[index] = 0;
        set_trouble(director, index, strerror(error));
        take_back(director, index);
    }
    free(environment);
}

static void done(struct director *director, uint32_t index, uint64_t at_ns)
{
    if (director->outcomes[index].trouble[0] == '\0') {
        director->outcomes[index].done = true;
        atomic_store(&director->moments[index].relay, director->outcomes[index].relay);
        atomic_store(&director->moments[index].at_ns, at_ns);
    }
}

/* Returns false when it is to be tried again. */
static bool perform(struct director *director, uint32_t index)
{
    const struct event *event = event_at(director, index);
    const uint32_t relay = relay_of(director, event);
    const uint64_t before_ns = clock_ns();

    if (relay == EVENT_NO_RELAY && !event_revives(event->action) &&
        before_ns < event_due_ns(event, director->measure_ns) + primary_wait_ns) {
        director->again_ns = before_ns + reap_ns;
        return false;
    }
    director->outcomes[index].relay = relay;
    if (relay == EVENT_NO_RELAY) {
        set_trouble(director, index, "no relay is the primary");
        return true;
    }
    struct embedded *own = relays_embedded(director->relays, relay);
    if (own != NULL) {
        do_to_own(director, index, own);
    }
    /* A relay of others is gone when the command has ended. */
    if (own != NULL || event_revives(event->action)) {
        done(director, index, event_revives(event->action) ? before_ns : clock_ns());
    }
    if (director->options->on_event != NULL) {
        run_command(director, index, relay);
    }
    return true;
}

static void judge_command(struct director *director, uint32_t index, int status)
{
    director->commands[index] = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        char text[EVENT_TROUBLE_SIZE];
        (void)snprintf(text, sizeof text, "the command ended with %s %d", WIFEXITED(status) ? "status" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        set_trouble(director, index, text);
        take_back(director, index);
    }
    if (!is_own(director, director->outcomes[index].relay) && !event_revives(event_at(director, index)->action)) {
        done(director, index, clock_ns());
    }
}

static void reap_commands(struct director *director)
{
    int status;

    for (uint32_t i = 0; i < director->next; i++) {
        if (director->commands[i] != 0 && waitpid(director->commands[i], &status, WNOHANG) > 0) {
            judge_command(director, i, status);
        }
    }
}

/* --- Time --- */

void director_start(struct director *director, uint64_t measure_ns)
{
    director->measure_ns = measure_ns;
    director->primary = EVENT_NO_RELAY;
}

static uint64_t next_due_ns(const struct director *director)
{
    if (director->measure_ns == 0 || director->over || director->next == director->options->events.count) {
        return UINT64_MAX;
    }
    const uint64_t due_ns = event_due_ns(event_at(director, director->next), director->measure_ns);
    return due_ns > director->again_ns ? due_ns : director->again_ns;
}

uint64_t director_due_ns(const struct director *director)
{
    const uint64_t due_ns = next_due_ns(director);
    const uint64_t look_ns = clock_ns() + reap_ns;

    for (uint32_t i = 0; i < director->next; i++) {
        if (director->commands[i] != 0 && look_ns < due_ns) {
            return look_ns;
        }
    }
    return due_ns;
}

void director_advance(struct director *director, uint64_t now_ns)
{
    while (next_due_ns(director) <= now_ns && perform(director, director->next)) {
        director->next++;
    }
    reap_commands(director);
    for (uint32_t i = 0; i < director->relays->embedded_count; i++) {
        embedded_look(&director->relays->embedded[i]);
    }
}

void director_end_events(struct director *director)
{
    director->over = true;
}

void director_stop(struct director *director)
{
    for (uint32_t i = 0; i < director->next; i++) {
        if (director->commands[i] != 0) {
            (void)kill(-director->commands[i], SIGKILL);
            (void)waitpid(director->commands[i], NULL, 0);
            director->commands[i] = 0;
            set_trouble(director, i, "the command had not ended when the run did");
            take_back(director, i);
        }
    }
}
