/* The attacks by their names, and the life of one. SPDX-License-Identifier: ISC */
#include "attack.h"

#include <stdlib.h>
#include <string.h>

#include "attack_engine.h"

/* What is told of an attack, and the attack. */
#define ATTACKS(ENTRY)                                                                                                 \
    ENTRY(half_open, "half-open    streams that say nothing\n")                                                        \
    ENTRY(partial, "partial      streams with 82 of a handshake's 128 bytes, then nothing\n")                          \
    ENTRY(rubbish, "rubbish      handshakes of random bytes, again and again\n")                                       \
    ENTRY(replay, "replay       one recorded handshake, again and again\n")                                            \
    ENTRY(same_key, "same-key     one key that connects over and over, from several addresses\n")                      \
    ENTRY(idle_crowd, "idle-crowd   confirmed clients that answer pings and do nothing else\n")                        \
    ENTRY(descriptors, "descriptors  confirmed clients, until the relay has no descriptor left\n")                     \
    ENTRY(slow_reader, "slow-reader  clients that never read while their partners send to them\n")                     \
    ENTRY(ping_flood, "ping-flood   pings whose answers are never read\n")                                             \
    ENTRY(oob_flood, "oob-flood    OOB packets, all to one client\n")                                                  \
    ENTRY(route_churn, "route-churn  routes to others and to nobody, asked for and given up\n")                        \
    ENTRY(line_rate, "line-rate    data of one client to another, as fast as it goes\n")                               \
    ENTRY(bad_frames, "bad-frames   frames that no relay may take, in each state of a stream\n")

#define HELP(symbol, text) text
#define KIND(symbol, text) &attack_##symbol,

const char attack_help[] = ATTACKS(HELP);

static const struct attack_kind *const kinds[] = {ATTACKS(KIND)};

static const struct attack_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static int start_thread(struct attack *attack, struct problem *problem)
{
    const int error = pthread_create(&attack->thread, NULL, attack_run, attack);

    return error == 0 ? 0 : problem_set(problem, "no thread for an attack: %s", strerror(error));
}

int attack_start(const char *name, const struct attack_config *config, struct attack **attack, struct problem *problem)
{
    const struct attack_kind *kind = find_kind(name);
    struct attack *made;

    if (kind == NULL) {
        return problem_set(problem, "there is no attack of the name \"%s\"", name);
    }
    if (kind->needs_victims && config->victim_count == 0) {
        return problem_set(problem, "the attack %s needs honest clients beside it", name);
    }
    made = calloc(1, sizeof *made);
    if (made == NULL) {
        return problem_set(problem, "no memory for an attack");
    }
    made->kind = kind;
    if (attack_set_up(made, config, problem) != 0 || start_thread(made, problem) != 0) {
        attack_tear_down(made);
        free(made);
        return -1;
    }
    *attack = made;
    return 0;
}

static uint64_t count_of(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void attack_get_report(const struct attack *attack, struct attack_report *report)
{
    report->connects = count_of(&attack->connects);
    report->refused = count_of(&attack->refused);
    report->closed = count_of(&attack->closed);
    report->actions = count_of(&attack->actions);
    report->bytes_sent = count_of(&attack->bytes_sent);
}

void attack_stop(struct attack *attack)
{
    if (attack == NULL) {
        return;
    }
    atomic_store_explicit(&attack->ending, true, memory_order_relaxed);
    (void)pthread_join(attack->thread, NULL);
    attack_tear_down(attack);
    free(attack);
}
