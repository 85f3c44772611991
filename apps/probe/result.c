/* What was found out about one relay. SPDX-License-Identifier: ISC */
#include "result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

/* --- Steps --- */

void step_add_sample(struct step_result *step, uint64_t ns)
{
    if (step->sample_count < SAMPLES_MAX) {
        step->samples_ns[step->sample_count++] = ns;
    }
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

bool step_median(const struct step_result *step, uint64_t *ns)
{
    uint64_t sorted[SAMPLES_MAX];
    const uint32_t count = step->sample_count;

    if (count == 0) {
        return false;
    }
    memcpy(sorted, step->samples_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_ns);
    *ns = count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return true;
}

bool step_time(const struct step_result *step, enum step which, uint64_t *ns)
{
    if (!step_median(step, ns)) {
        return false;
    }
    for (uint32_t i = 0; which == STEP_CONNECT && i < step->sample_count; i++) {
        *ns = step->samples_ns[i] < *ns ? step->samples_ns[i] : *ns;
    }
    return true;
}

void step_pass(struct step_result *step)
{
    if (step->outcome == OUTCOME_NOT_TRIED) {
        step->outcome = OUTCOME_PASSED;
    }
}

void step_fail(struct step_result *step, enum fault fault, int error)
{
    if (step->outcome != OUTCOME_FAILED) {
        step->outcome = OUTCOME_FAILED;
        step->fault = fault;
        step->error = error;
    }
}

enum fault fault_of_error(int error)
{
    switch (error) {
    case TOXTCP_ERR_HOST_UNKNOWN:
        return FAULT_NAME;
    case TOXTCP_ERR_TIMED_OUT:
        return FAULT_NO_ANSWER;
    case TOXTCP_ERR_REFUSED:
        return FAULT_REFUSED;
    case TOXTCP_ERR_UNREACHABLE:
        return FAULT_UNREACHABLE;
    case TOXTCP_ERR_WRONG_KEY:
    case TOXTCP_ERR_INVALID: /* a key that nobody can have */
        return FAULT_WRONG_KEY;
    case TOXTCP_ERR_NO_MEMORY:
    case TOXTCP_ERR_NO_DESCRIPTOR:
        return FAULT_OURS;
    default:
        return FAULT_ENDED;
    }
}

/* One that has let a client in has its key, and nothing is late that will never come. */
enum fault fault_of_end(enum step step, int error)
{
    const enum fault fault = fault_of_error(error);

    if ((step == STEP_SECOND && fault == FAULT_WRONG_KEY) || (step >= STEP_ROUTE && fault != FAULT_OURS)) {
        return FAULT_ENDED;
    }
    return fault;
}

/* --- Relays --- */

/* The first step that was not passed. */
static enum step farthest(const struct probe_result *result)
{
    enum step step = STEP_RESOLVE;

    while (step < STEP_COUNT && result->steps[step].outcome == OUTCOME_PASSED) {
        step++;
    }
    return step;
}

enum relay_state result_state(const struct probe_result *result)
{
    if (!result->finished) {
        return RELAY_UNFINISHED;
    }
    return farthest(result) == STEP_COUNT ? RELAY_GOOD : RELAY_BAD;
}

/* The unfinished come last. */
static int rank(const struct probe_result *result)
{
    const enum relay_state state = result_state(result);

    return state == RELAY_GOOD ? 0 : state == RELAY_BAD ? 1 : 2;
}

int result_compare(const struct probe_result *a, const struct probe_result *b)
{
    uint64_t a_ns = 0;
    uint64_t b_ns = 0;

    if (rank(a) != rank(b)) {
        return rank(a) - rank(b);
    }
    if (rank(a) != 0) {
        return (int)farthest(b) - (int)farthest(a);
    }
    (void)step_median(&a->steps[STEP_DATA], &a_ns);
    (void)step_median(&b->steps[STEP_DATA], &b_ns);
    return compare_ns(&a_ns, &b_ns);
}

/* --- Words --- */

const char *step_name(enum step step)
{
    static const char *const names[STEP_COUNT] = {"resolve", "connect", "handshake", "ping",    "second",
                                                  "route",   "data",    "oob",       "oob_self"};

    return names[step];
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[] = {"not_tried", "passed", "failed"};

    return names[outcome];
}

const char *fault_name(enum fault fault)
{
    static const char *const names[FAULT_COUNT] = {"none",        "name_not_found", "no_answer", "refused",
                                                   "unreachable", "wrong_key",      "ended",     "dropped",
                                                   "changed",     "route_lost",     "ours"};

    return names[fault];
}

const char *relay_state_name(enum relay_state state)
{
    static const char *const names[] = {"unfinished", "good", "bad"};

    return names[state];
}

static const char *what_is_passed(enum step step)
{
    return step == STEP_DATA ? "data" : step == STEP_OOB ? "OOB" : "OOB to oneself";
}

static const char *no_answer_text(enum step step)
{
    static const char *const texts[STEP_COUNT] = {"no answer from the name servers",
                                                  "no answer to connecting",
                                                  "no answer to the handshake",
                                                  "no answer to a ping",
                                                  "no answer to a second client",
                                                  "no answer to routing requests of two friends",
                                                  "data comes too late",
                                                  "OOB comes too late",
                                                  "OOB to oneself comes too late"};

    return texts[step];
}

/* The connection ended, or never was one. */
static void ended_text(int error, enum step step, char text[FAULT_TEXT_SIZE])
{
    static const char *const phases[STEP_COUNT] = {"cannot resolve: ",
                                                   "cannot connect: ",
                                                   "connection ended during the handshake: ",
                                                   "connection ended during a ping: ",
                                                   "",
                                                   "connection ended during routing: ",
                                                   "connection ended during data: ",
                                                   "connection ended during OOB: ",
                                                   "connection ended during OOB to oneself: "};
    /* The library's words are about the key. */
    const char *why = error == TOXTCP_ERR_WRONG_KEY ? "closed instead of answering" : toxtcp_strerror(error);

    (void)snprintf(text, FAULT_TEXT_SIZE, "%s%s", phases[step], why);
}

static void packets_text(const struct step_result *found, enum step step, char text[FAULT_TEXT_SIZE])
{
    if (found->fault == FAULT_DROPPED) {
        (void)snprintf(text, FAULT_TEXT_SIZE, "drops %s%s: %" PRIu32 " of %" PRIu32 " packet%s arrived",
                       found->received > 0 ? "some " : "", what_is_passed(step), found->received, found->sent,
                       found->sent == 1 ? "" : "s");
    } else {
        (void)snprintf(text, FAULT_TEXT_SIZE,
                       "changes %s: %" PRIu32 " that nobody sent arrived beside %" PRIu32 " of %" PRIu32,
                       what_is_passed(step), found->changed, found->received, found->sent);
    }
}

static void fault_text(const struct step_result *found, enum step step, char text[FAULT_TEXT_SIZE])
{
    switch (found->fault) {
    case FAULT_NAME:
        (void)snprintf(text, FAULT_TEXT_SIZE, "name not found, or no name server answers");
        return;
    case FAULT_NO_ANSWER:
        (void)snprintf(text, FAULT_TEXT_SIZE, "%s", no_answer_text(step));
        return;
    case FAULT_REFUSED:
        (void)snprintf(text, FAULT_TEXT_SIZE, step == STEP_ROUTE ? "refuses to route" : "connection refused");
        return;
    case FAULT_UNREACHABLE:
        (void)snprintf(text, FAULT_TEXT_SIZE, "host or network unreachable");
        return;
    case FAULT_WRONG_KEY:
        (void)snprintf(text, FAULT_TEXT_SIZE, "%s",
                       found->error == TOXTCP_ERR_INVALID ? "wrong key: no relay can have it"
                                                          : "wrong key, or full? the handshake was not taken");
        return;
    case FAULT_DROPPED:
    case FAULT_CHANGED:
        packets_text(found, step, text);
        return;
    case FAULT_ROUTE_LOST:
        (void)snprintf(text, FAULT_TEXT_SIZE, "takes the route back");
        return;
    case FAULT_OURS:
        (void)snprintf(text, FAULT_TEXT_SIZE, "this machine: %s", toxtcp_strerror(found->error));
        return;
    case FAULT_ENDED:
    default:
        ended_text(found->error, step, text);
        return;
    }
}

void step_fault_text(const struct probe_result *result, enum step step, char text[FAULT_TEXT_SIZE])
{
    const struct step_result *found = &result->steps[step];
    char inner[FAULT_TEXT_SIZE];

    text[0] = '\0';
    if (found->outcome != OUTCOME_FAILED) {
        return;
    }
    fault_text(found, step, text);
    if (step == STEP_SECOND && found->fault != FAULT_OURS) {
        memcpy(inner, text, sizeof inner);
        (void)snprintf(text, FAULT_TEXT_SIZE, "lets one client in, not two: %.120s", inner);
    }
}
