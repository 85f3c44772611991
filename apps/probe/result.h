/* What was found out about one relay: pure figures and words. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_RESULT_H
#define APPS_PROBE_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>

/* In the order in which they are tried. */
enum step {
    STEP_RESOLVE,
    STEP_CONNECT,
    STEP_HANDSHAKE,
    STEP_PING,
    STEP_SECOND, /* the other identity gets in too */
    STEP_ROUTE,
    STEP_DATA,
    STEP_OOB,
    STEP_OOB_SELF,
    STEP_COUNT
};

enum outcome { OUTCOME_NOT_TRIED, OUTCOME_PASSED, OUTCOME_FAILED };

enum fault {
    FAULT_NONE,
    FAULT_NAME,      /* does not resolve */
    FAULT_NO_ANSWER, /* in time */
    FAULT_REFUSED,   /* nobody listens; no route is given */
    FAULT_UNREACHABLE,
    FAULT_WRONG_KEY,
    FAULT_ENDED,      /* the relay ended the connection */
    FAULT_DROPPED,    /* what was sent did not arrive, or not all of it */
    FAULT_CHANGED,    /* what arrived was not what was sent */
    FAULT_ROUTE_LOST, /* the relay took the route back */
    FAULT_OURS,       /* this machine is to blame */
    FAULT_COUNT
};

enum { SAMPLES_MAX = 8, FAULT_TEXT_SIZE = 160 };

struct step_result {
    enum outcome outcome;
    enum fault fault;
    int error; /* the library's, where one ended the connection; else 0 */
    uint32_t sample_count;
    uint64_t samples_ns[SAMPLES_MAX];
    uint32_t sent; /* packets */
    uint32_t received;
    uint32_t changed;
};

enum relay_state { RELAY_UNFINISHED, RELAY_GOOD, RELAY_BAD };

/* All zeros is the result of a relay that was not looked at. */
struct probe_result {
    bool finished;
    struct toxtcp_address address; /* where it was reached */
    struct step_result steps[STEP_COUNT];
};

/* What more than there is room for is forgotten. */
void step_add_sample(struct step_result *step, uint64_t ns);
/* The median: of an even number of samples the mean of the two in the middle. False when there is none. */
bool step_median(const struct step_result *step, uint64_t *ns);
/* What is shown of a step: the median; of connecting the least, since the first identity may have tried addresses in
 * vain before. False when there is no sample. */
bool step_time(const struct step_result *step, enum step which, uint64_t *ns);
void step_pass(struct step_result *step);
/* The first fault stays. */
void step_fail(struct step_result *step, enum fault fault, int error);

/* The fault of a connection that could not be made, by an error of the library's. */
enum fault fault_of_error(int error);
/* The fault of one that ended in a step. */
enum fault fault_of_end(enum step step, int error);

/* Good: finished, and no step failed or was left out. */
enum relay_state result_state(const struct probe_result *result);

/* Good ones first, by their round trip of data; then bad ones, that which came farthest first; then the unfinished.
 * As qsort() wants it; 0 for those that are alike. */
int result_compare(const struct probe_result *a, const struct probe_result *b);

/* Short names, as JSON has them. */
const char *step_name(enum step step);
const char *outcome_name(enum outcome outcome);
const char *fault_name(enum fault fault);
const char *relay_state_name(enum relay_state state);

/* What failed in a step, as people say it: "drops data: 0 of 33 packets arrived". Empty for one that did not fail. */
void step_fault_text(const struct probe_result *result, enum step step, char text[FAULT_TEXT_SIZE]);

#endif
