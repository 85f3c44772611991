/* An address at which the peer may hear UDP, and what probes to it have shown. SPDX-License-Identifier: ISC */
#include "candidate.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include <toxtcp/limits.h>

_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "what crypto_shorthash gives");
_Static_assert(sizeof(((struct challenges *)NULL)->key) == crypto_shorthash_KEYBYTES, "the key of crypto_shorthash");

enum { LOST_MIN_MS = 300, LOST_MAX_MS = 1500, SAMPLE_MAX_MS = 60000 };

void challenges_init(struct challenges *challenges)
{
    challenges->made = 0;
    randombytes_buf(challenges->key, sizeof challenges->key);
}

static uint64_t next_challenge(struct challenges *challenges)
{
    uint64_t challenge = 0;

    while (challenge == 0) {
        challenges->made++;
        (void)crypto_shorthash((uint8_t *)&challenge, (const uint8_t *)&challenges->made, sizeof challenges->made,
                               challenges->key);
    }
    return challenge;
}

bool candidate_is_possible(const struct toxtcp_address *address)
{
    static const uint8_t zeros[16];
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const uint8_t *ip = address->ip;

    if (address->port == 0) {
        return false;
    }
    if (address->family == TOXTCP_FAMILY_IPV4) {
        return ip[0] != 0 && ip[0] < 224;
    }
    return address->family == TOXTCP_FAMILY_IPV6 && memcmp(ip, zeros, sizeof zeros) != 0 && ip[0] != 0xff &&
           !(ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) && memcmp(ip, mapped, sizeof mapped) != 0;
}

void candidate_init(struct candidate *candidate, const struct toxtcp_address *address)
{
    *candidate = (struct candidate){
        .address = *address, .sent_ms = TOXTCP_NEVER, .unanswered_since_ms = TOXTCP_NEVER, .answered_ms = TOXTCP_NEVER};
}

bool candidate_is_live(const struct candidate *candidate)
{
    return candidate->answers > 0 && candidate->unanswered <= CANDIDATE_UNANSWERED_MAX;
}

bool candidate_is_silent(const struct candidate *candidate, uint64_t for_ms, uint64_t now_ms)
{
    return candidate->unanswered >= CANDIDATE_UNANSWERED_MAX && now_ms - candidate->unanswered_since_ms >= for_ms;
}

void candidate_break_row(struct candidate *candidate)
{
    candidate->answers = 0;
    candidate->loss = 0;
}

uint64_t candidate_repeat_after(const struct candidate *candidate)
{
    uint64_t wait = 2 * (uint64_t)candidate->rtt_ms;

    if (wait < CANDIDATE_REPEAT_MIN_MS) {
        return CANDIDATE_REPEAT_MIN_MS;
    }
    return wait < CANDIDATE_REPEAT_MAX_MS ? wait : CANDIDATE_REPEAT_MAX_MS;
}

static void count_loss(struct candidate *candidate, bool lost)
{
    candidate->loss = candidate->loss * 7 / 8 + (lost ? 125 : 0);
}

uint64_t candidate_ask(struct candidate *candidate, struct challenges *challenges, uint64_t now_ms)
{
    uint64_t challenge = next_challenge(challenges);
    struct candidate_asked *asked = &candidate->asked[candidate->asked_next++ % CANDIDATE_ASKED_MAX];

    if (asked->token != 0) {
        count_loss(candidate, true);
    }
    *asked = (struct candidate_asked){.token = challenge, .sent_ms = now_ms};
    candidate->sent_ms = now_ms;
    candidate->unanswered++;
    if (candidate->unanswered_since_ms == TOXTCP_NEVER) {
        candidate->unanswered_since_ms = now_ms;
    }
    return challenge;
}

void candidate_forget_lost(struct candidate *candidate, uint64_t now_ms)
{
    uint64_t patience = 4 * (uint64_t)candidate->rtt_ms;

    if (candidate->answered_ms == TOXTCP_NEVER || patience > LOST_MAX_MS) {
        patience = LOST_MAX_MS;
    } else if (patience < LOST_MIN_MS) {
        patience = LOST_MIN_MS;
    }
    for (size_t i = 0; i < CANDIDATE_ASKED_MAX; i++) {
        struct candidate_asked *asked = &candidate->asked[i];

        if (asked->token != 0 && now_ms - asked->sent_ms >= patience) {
            asked->token = 0;
            count_loss(candidate, true);
        }
    }
}

/* The round trip begins anew with each row of answers. */
static void note_answer(struct candidate *candidate, struct candidate_asked *asked, uint64_t now_ms)
{
    uint64_t elapsed = now_ms - asked->sent_ms;
    uint32_t sample = elapsed < SAMPLE_MAX_MS ? (uint32_t)elapsed : SAMPLE_MAX_MS;

    asked->token = 0;
    candidate->rtt_ms = candidate->answers == 0 ? sample : (7 * candidate->rtt_ms + sample) / 8;
    if (candidate->answers++ == 0) {
        candidate->proving_since_ms = now_ms;
    }
    count_loss(candidate, false);
    candidate->answered_ms = now_ms;
    candidate->unanswered = 0;
    candidate->unanswered_since_ms = TOXTCP_NEVER;
}

bool candidate_answered(struct candidate *candidate, uint64_t response, uint64_t now_ms)
{
    for (size_t i = 0; response != 0 && i < CANDIDATE_ASKED_MAX; i++) {
        if (candidate->asked[i].token == response) {
            note_answer(candidate, &candidate->asked[i], now_ms);
            return true;
        }
    }
    return false;
}
