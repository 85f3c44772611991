/* A relay that says whatever the input wants, and remembers what it said. SPDX-License-Identifier: ISC
 *
 * What the client says is held against that: whatever a relay does, a client sends nothing that the protocol forbids,
 * names no id that it was not given, and answers each ping once and in order. */
#ifndef TEST_FUZZ_HOSTILE_H
#define TEST_FUZZ_HOSTILE_H

#include "fuzz/far_end.h"
#include "fuzz/input.h"
#include "packet.h"

enum { HOSTILE_PINGS_MAX = 1024, HOSTILE_IDS = 256 };

/* What a relay does, by the input's next byte; what follows it in the input stands beside. */
enum hostile_op {
    HOSTILE_SAY,     /* kind, peer, id, length: a packet */
    HOSTILE_PLAIN,   /* length, bytes: any plaintext */
    HOSTILE_BYTES,   /* length, bytes: without a seal */
    HOSTILE_FLIP,    /* two bytes for the place, bits */
    HOSTILE_DELIVER, /* length; 0: all */
    HOSTILE_READ,    /* length; 0: all */
    HOSTILE_PONG,    /* of the client's last ping */
    HOSTILE_FLOOD,   /* kind, peer, id, length, count: the same packet several times */
    HOSTILE_CONNECT,
    HOSTILE_END, /* which error */
    HOSTILE_OPS
};

struct hostile {
    struct far_end end; /* first: it is found by it */
    uint8_t ping_id[WIRE_PING_ID_SIZE];
    bool pinged;
    bool lively; /* answers pings */
    uint8_t said_pings[HOSTILE_PINGS_MAX][WIRE_PING_ID_SIZE];
    size_t said_ping_count;
    size_t pong_count;
    uint64_t bye_count;             /* disconnect notifications of the client */
    bool spoilt;                    /* bytes were said that no seal was put on, or changed */
    uint32_t waiting[HOSTILE_IDS];  /* by a key's first byte: routing requests that were heard and not answered yet */
    uint64_t answer_count;          /* answers to these that gave an id */
    bool unasked;                   /* a routing response was said that answers no request */
    uint32_t given[HOSTILE_IDS];    /* responses that gave this id */
    uint32_t given_up[HOSTILE_IDS]; /* and how often the client gave it back */
    bool given_to[HOSTILE_IDS][HOSTILE_IDS]; /* whether an id was given for a key that begins with that byte */
    bool notified[HOSTILE_IDS];              /* a connect notification for it was said */
    void *user;
    /* Any packet but pings and pongs. */
    void (*asked)(struct hostile *relay, const struct packet *packet);
};

void hostile_init(struct hostile *relay, struct net_env *env, const struct toxtcp_key_pair *keys);
/* Whether the client has answered all that it can have read, once its output is written. */
bool hostile_is_answered(const struct hostile *relay);
/* Whether the client holds `held` ids, or may: those that it was given and has not given back. */
bool hostile_may_hold(const struct hostile *relay, uint32_t held);
/* Does one thing that the input says. */
void hostile_act(struct hostile *relay, enum hostile_op op, struct input *input, uint64_t now_ms);
/* Seals a plaintext and remembers what it means. */
void hostile_say(struct hostile *relay, const uint8_t *plain, size_t len);
/* The key of a peer: that byte 32 times. */
struct toxtcp_public_key hostile_key(uint8_t peer);

#endif
