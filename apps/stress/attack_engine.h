/* What the attacks share: a thread, its clients, its pace. SPDX-License-Identifier: ISC
 *
 * All but the counters belongs to the thread. */
#ifndef APPS_STRESS_ATTACK_ENGINE_H
#define APPS_STRESS_ATTACK_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attack.h"
#include "attack_client.h"

/* Without a bound of its own an attack does so much at a time. */
enum { ATTACK_TURN_MAX = 256 };

/* One attack. NULL functions: nothing of its own happens there. */
struct attack_kind {
    const char *name;
    /* What suits it. */
    uint32_t clients;
    double rate; /* 0: as fast as TCP takes it */
    uint32_t sources;
    double dial_rate;   /* of streams, a second; 0: they are what the attack is made of */
    bool pairs;         /* clients 2n and 2n + 1 are partners */
    bool one_key;       /* all clients have the key of the first */
    bool small_buffers; /* sockets with buffers as small as can be */
    bool needs_victims;

    /* Before the first client. False: the relay can't be attacked so; `problem` says why. */
    bool (*prepare)(struct attack *attack, struct problem *problem);
    /* Does at most `due` of what the attack is made of. Returns how many it did. */
    uint32_t (*act)(struct attack *attack, uint32_t due);
    /* A stream is there. NULL: it shakes hands. */
    void (*connected)(struct attack *attack, struct mini *mini);
    /* The relay has answered the handshake. */
    void (*opened)(struct attack *attack, struct mini *mini);
    /* A short packet came; pings are answered before. False: the stream has been closed. */
    bool (*packet)(struct attack *attack, struct mini *mini, const uint8_t *plain, size_t len);
};

/* So many a second, evenly; what was not used in a tenth of a second is lost. */
struct attack_pace {
    double rate;
    double credit;
    uint64_t at_ns;
};

struct attack {
    const struct attack_kind *kind;
    struct attack_config config; /* with what suits the kind in place of zeros */
    struct toxtcp_public_key *victims;
    struct mini *clients;
    uint32_t *free_slots; /* clients without a stream, the next to dial last */
    uint32_t free_count;
    uint32_t turn; /* where an attack goes on among its clients */
    uint32_t dials;
    uint64_t random_state;
    struct mini_temporary temporary;
    struct attack_pace pace;
    struct attack_pace dial_pace;
    struct sockaddr_storage remote;
    socklen_t remote_len;
    int epoll_fd;
    pthread_t thread;
    atomic_bool ending;
    atomic_uint_fast64_t connects;
    atomic_uint_fast64_t refused;
    atomic_uint_fast64_t closed;
    atomic_uint_fast64_t actions;
    atomic_uint_fast64_t bytes_sent;
    uint8_t request[MINI_REQUEST_SIZE]; /* a handshake, for one who says the same again */
    uint8_t plain[MINI_PLAIN_MAX];      /* a packet, for one who sends the same again */
    uint8_t input[MINI_INPUT_SIZE];
};

extern const struct attack_kind attack_half_open;
extern const struct attack_kind attack_partial;
extern const struct attack_kind attack_rubbish;
extern const struct attack_kind attack_replay;
extern const struct attack_kind attack_same_key;
extern const struct attack_kind attack_idle_crowd;
extern const struct attack_kind attack_descriptors;
extern const struct attack_kind attack_slow_reader;
extern const struct attack_kind attack_ping_flood;
extern const struct attack_kind attack_oob_flood;
extern const struct attack_kind attack_route_churn;
extern const struct attack_kind attack_line_rate;
extern const struct attack_kind attack_bad_frames;

/* Out of the attack's seed. */
uint64_t attack_random(struct attack *attack);
void attack_random_bytes(struct attack *attack, uint8_t *bytes, size_t len);

/* How many are due now. */
uint32_t attack_pace_due(struct attack_pace *pace, uint64_t now_ns);
void attack_pace_spend(struct attack_pace *pace, uint32_t done);

/* Dials with a client that has no stream. False: there is none, or the machine has no room for more. */
bool attack_dial(struct attack *attack);
/* Ends a client's stream from here; it dials again when it is its turn. */
void attack_hang_up(struct attack *attack, struct mini *mini);
/* As attack_hang_up(), because the relay ended it. */
void attack_lost(struct attack *attack, struct mini *mini);

/* Makes the client's keys, once. */
void attack_need_keys(struct attack *attack, struct mini *mini);
/* Shakes hands: what is done with a new stream unless the attack says otherwise. */
void attack_shake(struct attack *attack, struct mini *mini);
/* The first ping, which confirms a client. */
void attack_confirm(struct attack *attack, struct mini *mini);
void attack_send_key(struct mini *mini, uint8_t kind, const uint8_t key[32]);
/* Writes what waits; ends what is over. False: it is. */
bool attack_flush(struct attack *attack, struct mini *mini);

/* For attack.c. What attack_set_up() made goes with attack_tear_down(), also when it failed. */
int attack_set_up(struct attack *attack, const struct attack_config *config, struct problem *problem);
void *attack_run(void *attack);
void attack_tear_down(struct attack *attack);

void attack_count(atomic_uint_fast64_t *counter, uint64_t more);

#endif
