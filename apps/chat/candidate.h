/* An address at which the peer may hear UDP, and what probes to it have shown. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_CANDIDATE_H
#define APPS_CHAT_CANDIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/address.h>

enum {
    CANDIDATE_ASKED_MAX = 8,
    CANDIDATE_UNANSWERED_MAX = 3,  /* probes in a row: it answers no more */
    CANDIDATE_REPEAT_MIN_MS = 250, /* between probes while UDP has to prove something */
    CANDIDATE_REPEAT_MAX_MS = 1000 /* likewise */
};

/* Makes challenges that nobody can guess, without asking the system for each. Secret. */
struct challenges {
    uint8_t key[16];
    uint64_t made;
};

void challenges_init(struct challenges *challenges);

/* A probe that is not answered yet. */
struct candidate_asked {
    uint64_t token; /* 0: none */
    uint64_t sent_ms;
};

struct candidate {
    struct toxtcp_address address;
    bool announced; /* by the peer; or else something came from there */
    struct candidate_asked asked[CANDIDATE_ASKED_MAX];
    uint32_t asked_next;
    uint64_t sent_ms;             /* the last probe; TOXTCP_NEVER: none yet */
    uint32_t unanswered;          /* probes since the last answer */
    uint64_t unanswered_since_ms; /* the first of these; TOXTCP_NEVER: there is none */
    uint64_t answered_ms;         /* the last answer; TOXTCP_NEVER: none yet */
    uint32_t answers;             /* in a row, as far as the row is not broken */
    uint64_t proving_since_ms;    /* the first of these */
    uint32_t loss;                /* smoothed, of 1000 */
    uint32_t rtt_ms;              /* smoothed */
    uint32_t burst_left;          /* probes of this round */
    uint64_t burst_at_ms;
};

/* Can there be somebody at all? Not in groups of hosts, and not where a scope is needed that nobody else knows. */
bool candidate_is_possible(const struct toxtcp_address *address);

void candidate_init(struct candidate *candidate, const struct toxtcp_address *address);

/* It has answered, and not stopped. */
bool candidate_is_live(const struct candidate *candidate);

/* It has not answered for so long, though it was asked several times. */
bool candidate_is_silent(const struct candidate *candidate, uint64_t for_ms, uint64_t now_ms);

/* Answers that came before do not count any more. */
void candidate_break_row(struct candidate *candidate);

/* How long to wait for an answer before it is asked again. */
uint64_t candidate_repeat_after(const struct candidate *candidate);

/* A probe is to go there now: returns what the answer must contain, never 0. */
uint64_t candidate_ask(struct candidate *candidate, struct challenges *challenges, uint64_t now_ms);

/* Whether that is the answer to one of the probes; it counts once. */
bool candidate_answered(struct candidate *candidate, uint64_t response, uint64_t now_ms);

/* What was not answered in time counts as lost. */
void candidate_forget_lost(struct candidate *candidate, uint64_t now_ms);

#endif
