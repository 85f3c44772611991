/* Which way a peer's messages go: by relays, by UDP, or both ways. SPDX-License-Identifier: ISC */
#include "path.h"

#include <string.h>

#include <toxtcp/limits.h>

enum {
    BURST_PROBES = 6,      /* to each candidate in a round, and then it is let be */
    BURST_FIRST_MS = 200,  /* between the first two; doubles */
    BURST_STAGGER_MS = 20, /* not all candidates in one moment */
    ROUND_FIRST_MS = 15000,
    ROUND_MAX_MS = 300000,
    ROUND_AFTER_FALL_MS = 5000,
    ROUND_LEAST_MS = 10000,     /* between two rounds or announcements, whatever others say */
    BUSY_MS = 3000,             /* messages went so shortly ago: */
    KEEP_BUSY_MS = 1000,        /* probe that often */
    CALM_MS = 60000,            /* likewise */
    KEEP_CALM_MS = 5000,        /* likewise */
    KEEP_IDLE_MS = 10000,       /* and from then on: NATs forget a mapping after 30 s */
    LOSS_MAX = 200,             /* of 1000: more is not steady */
    PROOFS = 3,                 /* answers before UDP takes over */
    DOUBT_MS = 1000,            /* UDP is silent so long */
    SILENCE_MS = 3000,          /* that long it is the end */
    DOUBT_LEAST_MS = 1000,      /* a doubt lasts so long: after a program was held, both come at once */
    DOUBT_MOST_MS = 5000,       /* and no longer: what has not become steady is given up */
    DOUBT_ANSWERS = 2,          /* end it, when not much was lost */
    SWALLOWED = 2,              /* messages were missed so often, */
    SWALLOWED_MS = 2000,        /* and probes were answered so long after the first: a doubt too */
    PROOF_MS = 500,             /* the answers are spread over so much at least */
    HOLD_MS = 3000,             /* UDP carries so long before the relays sleep */
    PENANCE_FIRST_MS = 10000,   /* both, after trouble; doubles */
    PENANCE_MAX_MS = 300000,    /* likewise */
    FORGIVEN_AFTER_MS = 600000, /* without trouble */
    STRANGER_PROBES = 48,       /* at once to where nobody answered yet: a round to all candidates */
    STRANGER_EVERY_MS = 2000,   /* and from then on */
    ANSWERS = 32,               /* at once, whoever asks; and as many where the peer is known to be */
    ANSWER_EVERY_MS = 50        /* and from then on */
};

void path_init(struct path *path, const struct path_callbacks *callbacks, void *user)
{
    *path = (struct path){.callbacks = callbacks,
                          .user = user,
                          .told_way = PATH_BY_RELAYS,
                          .round_at_ms = TOXTCP_NEVER,
                          .round_ms = TOXTCP_NEVER,
                          .announced_ms = TOXTCP_NEVER,
                          .traffic_ms = TOXTCP_NEVER,
                          .missed_ms = TOXTCP_NEVER,
                          .strangers = allowance_of(STRANGER_PROBES, STRANGER_EVERY_MS),
                          .answers = allowance_of(ANSWERS, ANSWER_EVERY_MS),
                          .peers_answers = allowance_of(ANSWERS, ANSWER_EVERY_MS)};
    challenges_init(&path->challenges);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_older(uint64_t since_ms, uint64_t than_ms, uint64_t now_ms)
{
    return since_ms == TOXTCP_NEVER || now_ms - since_ms >= than_ms;
}

/* --- Candidates --- */

/* Its index, or the count. */
static size_t find(const struct path *path, const struct toxtcp_address *address)
{
    size_t i = 0;

    while (i < path->count && !toxtcp_address_equal(&path->candidates[i].address, address)) {
        i++;
    }
    return i;
}

static bool is_active(const struct path *path, const struct candidate *candidate)
{
    return path->state != PATH_ON_RELAYS && candidate == &path->candidates[path->active];
}

static void drop(struct path *path, size_t index)
{
    path->count--;
    memmove(&path->candidates[index], &path->candidates[index + 1], (path->count - index) * sizeof *path->candidates);
    if (path->active > index) {
        path->active--;
    }
}

/* Makes room by forgetting what is of no use. */
static bool make_room(struct path *path)
{
    for (size_t i = path->count; path->count == PATH_CANDIDATES_MAX && i-- > 0;) {
        const struct candidate *candidate = &path->candidates[i];

        if (!is_active(path, candidate) && !candidate_is_live(candidate) && !candidate->announced) {
            drop(path, i);
        }
    }
    return path->count < PATH_CANDIDATES_MAX;
}

/* NULL when there is no room, or can be nobody. */
static struct candidate *add(struct path *path, const struct toxtcp_address *address)
{
    size_t index = find(path, address);

    if (index < path->count) {
        return &path->candidates[index];
    }
    if (!candidate_is_possible(address) || !make_room(path)) {
        return NULL;
    }
    candidate_init(&path->candidates[path->count], address);
    return &path->candidates[path->count++];
}

/* 10 s after the first trouble, doubling. */
static uint64_t penance(const struct path *path, uint64_t without_trouble_ms)
{
    uint64_t wait = (uint64_t)PENANCE_FIRST_MS << (path->trouble < 16 ? path->trouble : 16) >> 1;

    if (path->trouble == 0 || path->mode == PATH_UDP) {
        return without_trouble_ms;
    }
    return smaller(wait, PENANCE_MAX_MS);
}

static bool is_steady(const struct path *path, const struct candidate *candidate, uint64_t now_ms)
{
    return path->mode == PATH_UDP ||
           (candidate->answers >= PROOFS && candidate->loss <= LOSS_MAX && candidate->unanswered <= 1 &&
            now_ms - candidate->proving_since_ms >= penance(path, PROOF_MS));
}

/* The fastest one that lives, or is steady as well; or NULL. */
static const struct candidate *best(const struct path *path, bool steady, uint64_t now_ms)
{
    const struct candidate *found = NULL;

    for (size_t i = 0; i < path->count; i++) {
        const struct candidate *candidate = &path->candidates[i];

        if (candidate_is_live(candidate) && (!steady || is_steady(path, candidate, now_ms)) &&
            (found == NULL || candidate->rtt_ms < found->rtt_ms)) {
            found = candidate;
        }
    }
    return found;
}

static const struct candidate *in_use(const struct path *path)
{
    return path->state == PATH_ON_RELAYS ? best(path, false, 0) : &path->candidates[path->active];
}

/* --- What to do --- */

enum path_way path_way(const struct path *path)
{
    if (path->mode == PATH_TCP) {
        return PATH_BY_RELAYS;
    }
    if (path->state == PATH_ON_UDP) {
        return PATH_BY_UDP;
    }
    /* What is not steady is better than nothing. */
    if (path->state == PATH_IN_DOUBT || (!path->relays_online && best(path, false, 0) != NULL)) {
        return PATH_BY_BOTH;
    }
    return PATH_BY_RELAYS;
}

const struct toxtcp_address *path_address(const struct path *path)
{
    const struct candidate *candidate = path->mode == PATH_TCP ? NULL : in_use(path);

    return candidate == NULL ? NULL : &candidate->address;
}

bool path_knows(const struct path *path, const struct toxtcp_address *address)
{
    return find(path, address) < path->count;
}

uint32_t path_rtt(const struct path *path)
{
    const struct candidate *candidate = in_use(path);

    return candidate == NULL ? UINT32_MAX : candidate->rtt_ms;
}

static void tell(struct path *path)
{
    if (path->told_way != path_way(path) || path->told_may_sleep != path->may_sleep) {
        path->told_way = path_way(path);
        path->told_may_sleep = path->may_sleep;
        path->callbacks->changed(path->user);
    }
}

/* --- Judging --- */

static void enter(struct path *path, enum path_state state, uint64_t now_ms)
{
    path->state = state;
    path->state_ms = path->hold_ms = now_ms;
    path->may_sleep = false;
}

static void plan_round(struct path *path, uint64_t at_ms)
{
    path->round_at_ms = path->paired && path->mode != PATH_TCP ? at_ms : TOXTCP_NEVER;
}

/* The others are not asked any more: what they answered grows old. */
static void carry(struct path *path, const struct candidate *candidate, uint64_t now_ms)
{
    path->active = (size_t)(candidate - path->candidates);
    path->misses = 0;
    enter(path, PATH_ON_UDP, now_ms);
    path->round_at_ms = TOXTCP_NEVER;
    for (size_t i = 0; i < path->count; i++) {
        if (i != path->active) {
            candidate_break_row(&path->candidates[i]);
        }
    }
}

static void begin_burst(struct path *path, uint64_t now_ms)
{
    for (size_t i = 0; i < path->count; i++) {
        path->candidates[i].burst_left = BURST_PROBES;
        path->candidates[i].burst_at_ms = now_ms + i * BURST_STAGGER_MS;
    }
}

/* Probes get through, and messages do not: a path may let small packets through and no long ones, for one. */
static bool swallows_messages(const struct path *path)
{
    const struct candidate *candidate = &path->candidates[path->active];

    return path->misses >= SWALLOWED && candidate->answered_ms >= path->misses_ms + SWALLOWED_MS;
}

static void doubt(struct path *path, uint64_t now_ms)
{
    struct candidate *candidate = &path->candidates[path->active];
    const struct candidate *other;

    path->swallows = swallows_messages(path);
    path->misses = 0;
    candidate->answers = 0;
    other = best(path, false, 0);
    if (other != NULL && other->answered_ms >= candidate->unanswered_since_ms) {
        /* The peer's NAT has moved it, for one: what came from there was answered already. */
        path->active = (size_t)(other - path->candidates);
        return;
    }
    path->trouble++;
    enter(path, PATH_IN_DOUBT, now_ms);
    begin_burst(path, now_ms);
}

static void fall_back(struct path *path, uint64_t now_ms)
{
    candidate_break_row(&path->candidates[path->active]);
    enter(path, PATH_ON_RELAYS, now_ms);
    path->peer_carries = false;
    path->rounds = 0;
    plan_round(path, now_ms + ROUND_AFTER_FALL_MS);
}

static void end_doubt(struct path *path, uint64_t now_ms)
{
    const struct candidate *candidate = best(path, false, 0);
    uint64_t lasted_ms = now_ms - path->state_ms;

    if (candidate != NULL && !path->swallows && candidate->answers >= DOUBT_ANSWERS && candidate->loss <= LOSS_MAX) {
        carry(path, candidate, now_ms);
    } else if (lasted_ms >= DOUBT_MOST_MS ||
               (lasted_ms >= DOUBT_LEAST_MS &&
                candidate_is_silent(&path->candidates[path->active], SILENCE_MS, now_ms))) {
        fall_back(path, now_ms);
    }
}

/* The peer waits on its relays until it carries itself: ours sleep only when it does. */
static void judge_sleep(struct path *path, uint64_t now_ms)
{
    if (path->state != PATH_ON_UDP || !path->peer_carries) {
        path->may_sleep = false;
        path->hold_ms = now_ms;
    } else if (now_ms - path->hold_ms >= penance(path, HOLD_MS)) {
        path->may_sleep = true;
    }
    if (path->state == PATH_ON_UDP && now_ms - path->state_ms >= FORGIVEN_AFTER_MS) {
        path->trouble = 0;
    }
}

static void judge(struct path *path, uint64_t now_ms)
{
    const struct candidate *steady = path->mode == PATH_TCP ? NULL : best(path, true, now_ms);

    if (path->state == PATH_ON_RELAYS && steady != NULL) {
        carry(path, steady, now_ms);
    } else if (path->state == PATH_ON_UDP &&
               (candidate_is_silent(&path->candidates[path->active], DOUBT_MS, now_ms) || swallows_messages(path))) {
        doubt(path, now_ms);
    } else if (path->state == PATH_IN_DOUBT) {
        end_doubt(path, now_ms);
    }
    judge_sleep(path, now_ms);
    tell(path);
}

/* --- Probes --- */

/* Where nobody has answered for long, there may be somebody who did not ask for it. */
static bool is_stranger(const struct candidate *candidate, uint64_t now_ms)
{
    return is_older(candidate->answered_ms, CALM_MS, now_ms);
}

static bool may_probe(struct path *path, const struct candidate *candidate, uint64_t now_ms)
{
    return !is_stranger(candidate, now_ms) || allowance_take(&path->strangers, now_ms);
}

/* Of the active one: how long after the last probe the next one goes. */
static uint64_t keep_alive(const struct path *path, const struct candidate *candidate)
{
    bool missed = path->missed_ms != TOXTCP_NEVER && candidate->sent_ms <= path->missed_ms;

    if (candidate->unanswered > 0 || missed || path->state == PATH_IN_DOUBT) {
        return candidate_repeat_after(candidate);
    }
    if (path->traffic_ms == TOXTCP_NEVER || candidate->sent_ms >= path->traffic_ms + CALM_MS) {
        return KEEP_IDLE_MS;
    }
    return candidate->sent_ms >= path->traffic_ms + BUSY_MS ? KEEP_CALM_MS : KEEP_BUSY_MS;
}

/* While UDP proves itself for long, it is asked less often. */
static uint64_t prove_after(const struct path *path, const struct candidate *candidate)
{
    uint64_t wait = penance(path, 0) / 16;
    uint64_t least = candidate_repeat_after(candidate);

    return wait < least || candidate->unanswered > 0 ? least : smaller(wait, CANDIDATE_REPEAT_MAX_MS);
}

/* When the next probe goes there, or TOXTCP_NEVER. */
static uint64_t next_probe(const struct path *path, const struct candidate *candidate)
{
    if (path->mode == PATH_TCP || !path->paired) {
        return TOXTCP_NEVER;
    }
    if (is_active(path, candidate)) {
        return candidate->sent_ms + keep_alive(path, candidate);
    }
    if (path->state == PATH_ON_UDP) {
        return TOXTCP_NEVER;
    }
    if (candidate_is_live(candidate)) {
        return candidate->sent_ms + prove_after(path, candidate);
    }
    return candidate->burst_left > 0 ? candidate->burst_at_ms : TOXTCP_NEVER;
}

static void probe(struct path *path, struct candidate *candidate, uint64_t now_ms)
{
    if (!is_active(path, candidate)) {
        if (candidate->unanswered >= CANDIDATE_UNANSWERED_MAX) {
            candidate_break_row(candidate);
        }
        if (candidate->burst_left > 0) {
            candidate->burst_at_ms = now_ms + ((uint64_t)BURST_FIRST_MS << (BURST_PROBES - candidate->burst_left));
            candidate->burst_left--;
        }
    }
    if (may_probe(path, candidate, now_ms)) {
        path->callbacks->probe(path->user, &candidate->address, candidate_ask(candidate, &path->challenges, now_ms), 0);
    } else {
        candidate->sent_ms = now_ms; /* its turn is over all the same */
    }
}

/* --- Rounds --- */

static void announce(struct path *path, uint64_t now_ms)
{
    if (path->relays_online && is_older(path->announced_ms, ROUND_LEAST_MS, now_ms)) {
        path->announced_ms = now_ms;
        path->callbacks->announce(path->user);
    }
}

static void begin_round(struct path *path, uint64_t now_ms)
{
    uint64_t wait = (uint64_t)ROUND_FIRST_MS << (path->rounds < 8 ? path->rounds : 8);

    path->rounds++;
    path->round_ms = now_ms;
    plan_round(path, now_ms + smaller(wait, ROUND_MAX_MS));
    if (path->state == PATH_ON_RELAYS) {
        announce(path, now_ms);
        begin_burst(path, now_ms);
    }
}

/* --- News --- */

void path_set_mode(struct path *path, enum path_mode mode, uint64_t now_ms)
{
    if (mode == path->mode) {
        return;
    }
    path->mode = mode;
    if (mode == PATH_TCP) {
        const struct candidate *candidate = in_use(path);

        enter(path, PATH_ON_RELAYS, now_ms);
        path->round_at_ms = TOXTCP_NEVER;
        if (candidate != NULL) {
            /* So that the peer wakes its relays now, and not when it hears it by chance. */
            path->callbacks->probe(path->user, &candidate->address, 0, 0);
        }
    } else if (path->state == PATH_ON_RELAYS) {
        path->trouble = 0;
        path->rounds = 0;
        plan_round(path, now_ms);
    }
    judge(path, now_ms);
}

void path_paired(struct path *path, uint64_t now_ms)
{
    path->count = 0;
    path->paired = true;
    path->peer_carries = false;
    path->trouble = path->rounds = 0;
    path->announced_ms = TOXTCP_NEVER;
    enter(path, PATH_ON_RELAYS, now_ms);
    plan_round(path, now_ms);
    judge(path, now_ms);
}

void path_relays_online(struct path *path, bool online, uint64_t now_ms)
{
    path->relays_online = online;
    if (online && path->paired && path->announced_ms == TOXTCP_NEVER) {
        plan_round(path, now_ms);
    }
    judge(path, now_ms);
}

void path_network_changed(struct path *path, uint64_t now_ms)
{
    path->rounds = 0;
    if (path->state == PATH_ON_RELAYS) {
        bool too_new = !is_older(path->round_ms, ROUND_LEAST_MS, now_ms);
        uint64_t at_ms = too_new ? path->round_ms + ROUND_LEAST_MS : now_ms;

        plan_round(path, smaller(path->round_at_ms, at_ms));
    }
}

void path_candidates(struct path *path, const struct toxtcp_address *addresses, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < path->count; i++) {
        path->candidates[i].announced = false;
    }
    count = count < PATH_ANNOUNCED_MAX ? count : PATH_ANNOUNCED_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t known = find(path, &addresses[i]);

        if (known < path->count) {
            path->candidates[known].announced = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct candidate *candidate = add(path, &addresses[i]);

        if (candidate != NULL) {
            candidate->announced = true;
        }
    }
    if (path->mode == PATH_TCP || path->state != PATH_ON_RELAYS) {
        return;
    }
    /* Our probes go out while the peer's do. It may not have heard of our addresses. */
    announce(path, now_ms);
    begin_burst(path, now_ms);
}

void path_heard(struct path *path, const struct toxtcp_address *from, uint64_t now_ms)
{
    struct candidate *candidate = add(path, from);
    bool wanted;

    if (candidate == NULL || path->mode == PATH_TCP || !path->paired) {
        return;
    }
    /* The peer's NAT may have moved it here. */
    wanted =
        path->state != PATH_ON_RELAYS && !is_active(path, candidate) && path->candidates[path->active].unanswered > 0;
    if (candidate->sent_ms == TOXTCP_NEVER || (wanted && now_ms - candidate->sent_ms >= CANDIDATE_REPEAT_MIN_MS)) {
        probe(path, candidate, now_ms);
    }
}

static bool take_response(struct path *path, uint64_t response, uint64_t now_ms)
{
    for (size_t i = 0; i < path->count; i++) {
        if (candidate_answered(&path->candidates[i], response, now_ms)) {
            return true;
        }
    }
    return false;
}

/* An answer may ask back: so three packets show both sides that the other one hears them. */
static uint64_t ask_back(struct path *path, struct candidate *candidate, uint64_t now_ms)
{
    uint64_t due;

    if (candidate == NULL || path->mode == PATH_TCP || !path->paired) {
        return 0;
    }
    due = is_active(path, candidate) ? candidate->sent_ms + keep_alive(path, candidate) / 2
                                     : candidate->sent_ms + BURST_FIRST_MS;
    if ((candidate->sent_ms != TOXTCP_NEVER && now_ms < due) || !may_probe(path, candidate, now_ms)) {
        return 0;
    }
    return candidate_ask(candidate, &path->challenges, now_ms);
}

static void answer(struct path *path, const struct toxtcp_address *from, uint64_t response, uint64_t now_ms)
{
    size_t index = find(path, from);
    bool stranger = index == path->count || is_stranger(&path->candidates[index], now_ms);

    if (candidate_is_possible(from) && allowance_take(stranger ? &path->answers : &path->peers_answers, now_ms)) {
        path->callbacks->probe(path->user, from, ask_back(path, add(path, from), now_ms), response);
    }
}

/* What is played again may wake our relays, but not make them sleep. */
static void take_flags(struct path *path, uint8_t flags, bool is_new, uint64_t now_ms)
{
    if ((flags & SESSION_PROBE_LEAVES) != 0 && path->state != PATH_ON_RELAYS) {
        path->count = 0;
        enter(path, PATH_ON_RELAYS, now_ms);
    }
    if ((flags & SESSION_PROBE_CARRIES) == 0) {
        path->peer_carries = false;
    } else if (is_new) {
        path->peer_carries = true;
    }
}

bool path_probed(struct path *path, const struct toxtcp_address *from, const struct session_probe *probe,
                 uint64_t now_ms)
{
    bool is_new = take_response(path, probe->response, now_ms);

    take_flags(path, probe->flags, is_new, now_ms);
    if (probe->challenge != 0) {
        answer(path, from, probe->challenge, now_ms);
    }
    judge(path, now_ms);
    return is_new;
}

void path_traffic(struct path *path, bool missed, uint64_t now_ms)
{
    path->traffic_ms = now_ms;
    if (missed) {
        path->missed_ms = now_ms;
    }
}

void path_missed(struct path *path, uint64_t now_ms)
{
    path->misses_ms = path->misses == 0 ? now_ms : path->misses_ms;
    path->misses++;
}

void path_arrived(struct path *path)
{
    path->misses = 0;
}

/* --- Time --- */

uint64_t path_deadline(const struct path *path)
{
    uint64_t deadline = path->round_at_ms;

    for (size_t i = 0; i < path->count; i++) {
        deadline = smaller(deadline, next_probe(path, &path->candidates[i]));
    }
    if (path->state == PATH_ON_UDP && path->peer_carries && !path->may_sleep) {
        deadline = smaller(deadline, path->hold_ms + penance(path, HOLD_MS));
    }
    return deadline;
}

void path_expire(struct path *path, uint64_t now_ms)
{
    if (now_ms < path_deadline(path)) {
        return;
    }
    if (now_ms >= path->round_at_ms) {
        begin_round(path, now_ms);
    }
    for (size_t i = 0; i < path->count; i++) {
        candidate_forget_lost(&path->candidates[i], now_ms);
        if (now_ms >= next_probe(path, &path->candidates[i])) {
            probe(path, &path->candidates[i], now_ms);
        }
    }
    judge(path, now_ms);
}
