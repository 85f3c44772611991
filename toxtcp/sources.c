/* Where a relay's connections come from. SPDX-License-Identifier: ISC */
#include "sources.h"

#include <assert.h>
#include <string.h>
#include <utlist.h>

#include <toxtcp/limits.h>

enum { IPV4_SIZE = 4, IPV6_PREFIX_SIZE = 8, MAPPED_SIZE = 12, HASHED_SIZE = 32 };

static void make_prefix(const struct toxtcp_address *address, uint8_t prefix[SOURCE_PREFIX_SIZE])
{
    static const uint8_t mapped[MAPPED_SIZE] = {[10] = 0xff, [11] = 0xff};

    memset(prefix, 0, SOURCE_PREFIX_SIZE);
    prefix[0] = address->family;
    if (address->family != TOXTCP_FAMILY_IPV6) {
        memcpy(prefix + 1, address->ip, IPV4_SIZE);
    } else if (memcmp(address->ip, mapped, sizeof mapped) == 0) {
        /* One /64 holds all of IPv4, if somebody's listener takes both families. */
        prefix[0] = TOXTCP_FAMILY_IPV4;
        memcpy(prefix + 1, address->ip + MAPPED_SIZE, IPV4_SIZE);
    } else {
        memcpy(prefix + 1, address->ip, IPV6_PREFIX_SIZE);
    }
}

static uint32_t hash_prefix(const struct toxtcp_env *env, const uint8_t prefix[SOURCE_PREFIX_SIZE])
{
    uint8_t padded[HASHED_SIZE] = {0};

    memcpy(padded, prefix, SOURCE_PREFIX_SIZE);
    return env_hash_key(env, padded);
}

static struct source *find(const struct sources *sources, const struct toxtcp_env *env,
                           const uint8_t prefix[SOURCE_PREFIX_SIZE])
{
    struct source *found;

    HASH_FIND_BYHASHVALUE(hh, sources->by_prefix, prefix, SOURCE_PREFIX_SIZE, hash_prefix(env, prefix), found);
    return found;
}

/* The heap gives the smallest first: turned round, the count; below it when the oldest came. */
static uint64_t rank_of(const struct source *source)
{
    const uint32_t serial = source->waiting ? source->waiting->serial : UINT32_MAX;

    return (uint64_t)(UINT32_MAX - source->waiting_count) << 32 | serial;
}

static struct source *add(struct sources *sources, struct toxtcp_env *env, const uint8_t prefix[SOURCE_PREFIX_SIZE])
{
    struct source *source = env_alloc(env, sizeof *source);

    if (!source) {
        return NULL;
    }
    memcpy(source->prefix, prefix, SOURCE_PREFIX_SIZE);
    if (heap_join(&sources->worst, env, &source->rank, rank_of(source)) != TOXTCP_OK ||
        heap_join(&sources->forgets, env, &source->forget, TOXTCP_NEVER) != TOXTCP_OK) {
        heap_leave(&sources->worst, &source->rank);
        env_release(env, source, sizeof *source);
        return NULL;
    }
    HASH_ADD_BYHASHVALUE(hh, sources->by_prefix, prefix, SOURCE_PREFIX_SIZE, hash_prefix(env, prefix), source);
    if (!source->hh.tbl) {
        heap_leave(&sources->worst, &source->rank);
        heap_leave(&sources->forgets, &source->forget);
        env_release(env, source, sizeof *source);
        return NULL;
    }
    sources->remembered_count++;
    return source;
}

/* --- Sources without members --- */

static struct source *of_forget(struct heap_item *forget)
{
    return (struct source *)((char *)forget - offsetof(struct source, forget));
}

static void forget(struct sources *sources, struct toxtcp_env *env, struct source *source)
{
    assert(source->count == 0);
    sources->remembered_count--;
    HASH_DELETE(hh, sources->by_prefix, source);
    heap_leave(&sources->worst, &source->rank);
    heap_leave(&sources->forgets, &source->forget);
    env_release(env, source, sizeof *source);
}

static void forget_what_is_due(struct sources *sources, struct toxtcp_env *env)
{
    while (heap_first_key(&sources->forgets) <= sources->now_ms || sources->remembered_count > SOURCES_REMEMBERED_MAX) {
        forget(sources, env, of_forget(heap_first(&sources->forgets)));
    }
}

/* --- Members --- */

uint32_t sources_count(const struct sources *sources, const struct toxtcp_env *env,
                       const struct toxtcp_address *address)
{
    uint8_t prefix[SOURCE_PREFIX_SIZE];

    make_prefix(address, prefix);
    const struct source *source = find(sources, env, prefix);
    return source ? source->count : 0;
}

uint64_t sources_ready_ms(const struct sources *sources, const struct toxtcp_env *env,
                          const struct toxtcp_address *address, struct rate_limit limit)
{
    uint8_t prefix[SOURCE_PREFIX_SIZE];

    make_prefix(address, prefix);
    const struct source *source = find(sources, env, prefix);
    return source ? rate_ready_ms(&source->arrivals, limit, 1) : 0;
}

int sources_join(struct sources *sources, struct toxtcp_env *env, const struct toxtcp_address *address,
                 struct rate_limit limit, uint64_t now_ms, struct source_member *member)
{
    uint8_t prefix[SOURCE_PREFIX_SIZE];

    make_prefix(address, prefix);
    struct source *source = find(sources, env, prefix);
    if (!source) {
        source = add(sources, env, prefix);
    }
    if (!source) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    if (source->count == 0) {
        sources->remembered_count--;
        heap_set(&sources->forgets, &source->forget, TOXTCP_NEVER);
    }
    rate_take(&source->arrivals, limit, 1, now_ms);
    member->source = source;
    member->serial = sources->serial++;
    member->waiting = true;
    DL_APPEND(source->waiting, member);
    source->count++;
    source->waiting_count++;
    heap_set(&sources->worst, &source->rank, rank_of(source));
    sources->now_ms = now_ms;
    forget_what_is_due(sources, env);
    return TOXTCP_OK;
}

void sources_confirm(struct sources *sources, struct source_member *member)
{
    struct source *source = member->source;

    assert(member->waiting);
    DL_DELETE(source->waiting, member);
    member->waiting = false;
    source->waiting_count--;
    heap_set(&sources->worst, &source->rank, rank_of(source));
}

void sources_leave(struct sources *sources, struct toxtcp_env *env, struct source_member *member)
{
    struct source *source = member->source;

    if (member->waiting) {
        sources_confirm(sources, member);
    }
    member->source = NULL;
    source->count--;
    if (source->count == 0) {
        sources->remembered_count++;
        heap_set(&sources->forgets, &source->forget, rate_full_ms(&source->arrivals));
        forget_what_is_due(sources, env);
    }
}

void sources_change_limit(struct sources *sources, struct toxtcp_env *env, struct rate_limit from, struct rate_limit to,
                          uint64_t now_ms)
{
    struct source *source;
    struct source *following;

    HASH_ITER (hh, sources->by_prefix, source, following) {
        rate_change(&source->arrivals, from, to, now_ms);
        if (source->count == 0) {
            heap_set(&sources->forgets, &source->forget, rate_full_ms(&source->arrivals));
        }
    }
    sources->now_ms = now_ms;
    forget_what_is_due(sources, env);
}

static const struct source *of_rank(const struct heap_item *rank)
{
    return (const struct source *)((const char *)rank - offsetof(struct source, rank));
}

struct source_member *sources_worst(const struct sources *sources)
{
    const struct heap_item *first = heap_first(&sources->worst);

    return first ? of_rank(first)->waiting : NULL;
}

void sources_free(struct sources *sources, struct toxtcp_env *env)
{
    assert(sources->remembered_count == sources->forgets.count);
    while (heap_first(&sources->forgets)) {
        forget(sources, env, of_forget(heap_first(&sources->forgets)));
    }
    heap_free(&sources->worst, env);
    heap_free(&sources->forgets, env);
}

static void check_source(const struct source *source)
{
    const struct source_member *member;
    uint32_t waiting = 0;

    DL_FOREACH (source->waiting, member) {
        assert(member->source == source && member->waiting);
        waiting++;
    }
    assert(source->waiting_count == waiting && waiting <= source->count);
    assert(source->forget.place != 0 && (source->count > 0) == (source->forget.key == TOXTCP_NEVER));
    assert(source->rank.place != 0 && source->rank.key == rank_of(source));
    (void)waiting;
}

void sources_check(const struct sources *sources, uint32_t count, uint32_t waiting_count)
{
    const struct source *source;
    const struct source *following;
    uint32_t remembered = 0;

    heap_check(&sources->worst);
    heap_check(&sources->forgets);
    assert(sources->forgets.count == sources->worst.count);
    assert(sources->worst.count == HASH_COUNT(sources->by_prefix));
    HASH_ITER (hh, sources->by_prefix, source, following) {
        check_source(source);
        count -= source->count;
        waiting_count -= source->waiting_count;
        remembered += source->count == 0;
    }
    assert(remembered == sources->remembered_count && remembered <= SOURCES_REMEMBERED_MAX);
    assert(count == 0 && waiting_count == 0);
    (void)count;
    (void)waiting_count;
    (void)remembered;
}
