/* What a bad relay does to the packets that it carries. SPDX-License-Identifier: ISC */
#include "harm.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "sim/liar_private.h"

enum { CORRUPTION_STEP = 37, CORRUPTION_BIT = 0x40 };

/* One on its way. Clients may end meanwhile, so it knows its receiver by key. */
struct parcel {
    struct parcel *prev;
    struct parcel *next;
    struct toxtcp_public_key to;
    struct stream *stream; /* NULL: it is not whole, or not in its place, or came before */
    uint64_t number;       /* in the stream */
    uint64_t due_ms;
    size_t len;
    struct box_plain plain;
};

/* From one client to another. */
struct stream {
    struct stream *next;
    struct toxtcp_public_key from;
    struct toxtcp_public_key to;
    uint64_t count;
    uint64_t beyond; /* the highest number that was delivered, and one */
    struct parcel *held;
};

struct harm {
    struct harm_config config;
    struct harm_counts counts;
    struct liar_carrier carrier;
    const struct liar *liar;
    struct stream *streams;
    struct parcel *delayed; /* the next one that is due first, since all wait for as long */
    struct parcel *stalled;
    uint64_t stall_from_ms; /* TOXTCP_NEVER: no packet has come, or there is none */
    uint64_t stall_until_ms;
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

static struct parcel *copy_of(const struct parcel *parcel)
{
    struct parcel *copy = allocate(sizeof *copy);

    *copy = *parcel;
    return copy;
}

static struct stream *stream_of(struct harm *harm, const struct toxtcp_public_key *from,
                                const struct toxtcp_public_key *to)
{
    struct stream *stream;

    LL_FOREACH (harm->streams, stream) {
        if (toxtcp_public_key_equal(&stream->from, from) && toxtcp_public_key_equal(&stream->to, to)) {
            return stream;
        }
    }
    stream = allocate(sizeof *stream);
    stream->from = *from;
    stream->to = *to;
    LL_PREPEND(harm->streams, stream);
    return stream;
}

/* --- Delivering --- */

static void hand_over(struct harm *harm, struct parcel *parcel);

/* What was held for something later to pass it. */
static void release_held(struct harm *harm, struct stream *stream)
{
    struct parcel *held = stream->held;

    if (held == NULL) {
        return;
    }
    stream->held = NULL;
    harm->counts.swapped++;
    hand_over(harm, held);
    free(held);
}

static void hand_over(struct harm *harm, struct parcel *parcel)
{
    struct stream *stream = parcel->stream;
    struct liar_client *client = liar_find_client(harm->liar, &parcel->to);

    if (client == NULL || !liar_pass_on(client, &parcel->plain, parcel->len, true)) {
        harm->counts.vanished++;
        return;
    }
    if (stream == NULL) {
        return;
    }
    if (parcel->number < stream->beyond) {
        harm->counts.overtaken++;
        return;
    }
    stream->beyond = parcel->number + 1;
    release_held(harm, stream);
}

static bool is_stalled(const struct harm *harm)
{
    const uint64_t now_ms = harm->liar->now_ms;

    /* What waits goes first. */
    return harm->stalled != NULL || (now_ms >= harm->stall_from_ms && now_ms < harm->stall_until_ms);
}

static void deliver(struct harm *harm, struct parcel *parcel)
{
    if (is_stalled(harm)) {
        struct parcel *copy = copy_of(parcel);
        DL_APPEND(harm->stalled, copy);
        harm->counts.stalled++;
    } else {
        hand_over(harm, parcel);
    }
}

/* --- Harming --- */

/* In what the relay only carries: past the identifier, or past the sender's key. */
static void corrupt(struct harm *harm, struct parcel *parcel)
{
    const size_t begin = parcel->plain.bytes[0] == WIRE_OOB_RECV ? 1 + WIRE_KEY_SIZE : 1;
    const size_t at = (size_t)(harm->counts.corrupted++ * CORRUPTION_STEP % (parcel->len - begin));

    parcel->plain.bytes[begin + at] ^= CORRUPTION_BIT;
    parcel->stream = NULL;
    deliver(harm, parcel);
}

/* A route by which the client can get data, and does not get it from that sender. */
static const struct liar_route *other_route(const struct liar_client *client, const struct toxtcp_public_key *from)
{
    for (uint32_t i = 0; i < WIRE_ID_COUNT; i++) {
        const struct liar_route *route = &client->routes[i];
        if (route->used && route->told && !toxtcp_public_key_equal(&route->key, from)) {
            return route;
        }
    }
    return NULL;
}

static bool misdeliver(struct harm *harm, const struct liar_client *from, struct parcel *parcel)
{
    const bool is_data = parcel->plain.bytes[0] >= WIRE_ID_MIN;
    const struct liar_client *client;

    DL_FOREACH (harm->liar->clients, client) {
        const struct liar_route *route = other_route(client, &from->key);
        if (!client->confirmed || client == from || toxtcp_public_key_equal(&client->key, &parcel->to) ||
            (is_data && route == NULL)) {
            continue;
        }
        if (is_data) {
            parcel->plain.bytes[0] = route->id;
        }
        parcel->to = client->key;
        parcel->stream = NULL;
        harm->counts.misdelivered++;
        deliver(harm, parcel);
        return true;
    }
    return false;
}

static void duplicate(struct harm *harm, struct parcel *parcel)
{
    struct parcel again = *parcel;

    again.stream = NULL;
    harm->counts.duplicated++;
    deliver(harm, parcel);
    deliver(harm, &again);
}

static void delay(struct harm *harm, const struct parcel *parcel)
{
    struct parcel *copy = copy_of(parcel);

    /* Our time is cut to whole milliseconds. */
    copy->due_ms = harm->liar->now_ms + harm->config.delay_ms + 1;
    DL_APPEND(harm->delayed, copy);
    harm->counts.delayed++;
}

static bool is_turn(const struct harm *harm, uint32_t every)
{
    return every != 0 && harm->counts.seen % every == 0;
}

static void treat(struct harm *harm, const struct liar_client *from, struct parcel *parcel)
{
    const struct harm_config *config = &harm->config;

    if (is_turn(harm, config->lose)) {
        harm->counts.lost++;
    } else if (is_turn(harm, config->corrupt)) {
        corrupt(harm, parcel);
    } else if (is_turn(harm, config->misdeliver) && misdeliver(harm, from, parcel)) {
        return;
    } else if (is_turn(harm, config->duplicate)) {
        duplicate(harm, parcel);
    } else if (is_turn(harm, config->delay)) {
        delay(harm, parcel);
    } else if (is_turn(harm, config->swap) && parcel->stream->held == NULL) {
        parcel->stream->held = copy_of(parcel);
    } else {
        deliver(harm, parcel);
    }
}

static void start_stall(struct harm *harm)
{
    if (harm->counts.seen == 1 && harm->config.stall_ms != 0) {
        harm->stall_from_ms = harm->liar->now_ms + harm->config.stall_at_ms;
        harm->stall_until_ms = harm->stall_from_ms + harm->config.stall_ms;
    }
}

static void carry(void *user, const struct liar_client *from, const struct liar_client *to,
                  const struct box_plain *plain, size_t len)
{
    struct harm *harm = user;
    struct stream *stream = stream_of(harm, &from->key, &to->key);
    struct parcel parcel = {.to = to->key, .stream = stream, .number = stream->count++, .len = len};

    memcpy(parcel.plain.bytes, plain->bytes, len);
    harm->counts.seen++;
    start_stall(harm);
    treat(harm, from, &parcel);
}

/* --- Time --- */

uint64_t harm_deadline(const struct harm *harm)
{
    const uint64_t delayed_ms = harm->delayed == NULL ? TOXTCP_NEVER : harm->delayed->due_ms;
    const uint64_t stalled_ms = harm->stalled == NULL ? TOXTCP_NEVER : harm->stall_until_ms;

    return delayed_ms < stalled_ms ? delayed_ms : stalled_ms;
}

void harm_expire(struct harm *harm, uint64_t now_ms)
{
    struct parcel *parcel;

    while (harm->stalled != NULL && harm->stall_until_ms <= now_ms) {
        parcel = harm->stalled;
        DL_DELETE(harm->stalled, parcel);
        hand_over(harm, parcel);
        free(parcel);
    }
    while (harm->delayed != NULL && harm->delayed->due_ms <= now_ms) {
        parcel = harm->delayed;
        DL_DELETE(harm->delayed, parcel);
        deliver(harm, parcel);
        free(parcel);
    }
}

/* --- Life --- */

struct harm *harm_new(const struct harm_config *config)
{
    struct harm *harm = allocate(sizeof *harm);

    harm->config = *config;
    harm->carrier = (struct liar_carrier){.user = harm, .carry = carry};
    harm->stall_from_ms = TOXTCP_NEVER;
    return harm;
}

const struct liar_carrier *harm_carrier(struct harm *harm)
{
    return &harm->carrier;
}

void harm_set_liar(struct harm *harm, const struct liar *liar)
{
    harm->liar = liar;
}

static void free_list(struct parcel *first)
{
    while (first != NULL) {
        struct parcel *parcel = first;
        DL_DELETE(first, parcel);
        free(parcel);
    }
}

void harm_free(struct harm *harm)
{
    while (harm->streams != NULL) {
        struct stream *stream = harm->streams;
        LL_DELETE(harm->streams, stream);
        free(stream->held);
        free(stream);
    }
    free_list(harm->delayed);
    free_list(harm->stalled);
    free(harm);
}

void harm_get_counts(const struct harm *harm, struct harm_counts *counts)
{
    const struct stream *stream;

    *counts = harm->counts;
    LL_FOREACH (harm->streams, stream) {
        counts->held += stream->held == NULL ? 0 : 1;
    }
}
