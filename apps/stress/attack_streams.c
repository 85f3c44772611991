/* Attacks that are made of streams and handshakes. SPDX-License-Identifier: ISC */
#include <string.h>

#include "attack_engine.h"

enum { PARTIAL_SIZE = 82 };

/* One action is one stream. */
static uint32_t dial_all(struct attack *attack, uint32_t due)
{
    uint32_t done = 0;

    while (done < due && attack_dial(attack)) {
        done++;
    }
    return done;
}

static void say_nothing(struct attack *attack, struct mini *mini)
{
    (void)attack;
    (void)mini;
}

const struct attack_kind attack_half_open = {
    .name = "half-open",
    .clients = 4000,
    .rate = 400,
    .sources = 64,
    .act = dial_all,
    .connected = say_nothing,
};

static void say_random(struct attack *attack, struct mini *mini, size_t len)
{
    uint8_t bytes[MINI_REQUEST_SIZE];

    attack_random_bytes(attack, bytes, len);
    (void)mini_put(mini, bytes, len);
    (void)attack_flush(attack, mini);
}

static void say_a_part(struct attack *attack, struct mini *mini)
{
    say_random(attack, mini, PARTIAL_SIZE);
}

const struct attack_kind attack_partial = {
    .name = "partial",
    .clients = 4000,
    .rate = 400,
    .sources = 64,
    .act = dial_all,
    .connected = say_a_part,
};

static void say_rubbish(struct attack *attack, struct mini *mini)
{
    say_random(attack, mini, MINI_REQUEST_SIZE);
}

const struct attack_kind attack_rubbish = {
    .name = "rubbish",
    .clients = 256,
    .rate = 400,
    .sources = 64,
    .act = dial_all,
    .connected = say_rubbish,
};

/* Its own handshake, as one who listened in would have it. */
static bool record_request(struct attack *attack, struct problem *problem)
{
    struct mini *mini = &attack->clients[0];
    uint8_t nonce[24];

    (void)problem;
    attack_need_keys(attack, mini);
    attack_random_bytes(attack, mini->send_nonce, sizeof mini->send_nonce);
    attack_random_bytes(attack, nonce, sizeof nonce);
    mini_make_request(mini, &attack->temporary, nonce, attack->request);
    return true;
}

static void say_again(struct attack *attack, struct mini *mini)
{
    (void)mini_put(mini, attack->request, sizeof attack->request);
    (void)attack_flush(attack, mini);
}

const struct attack_kind attack_replay = {
    .name = "replay",
    .clients = 4000,
    .rate = 400,
    .sources = 64,
    .prepare = record_request,
    .act = dial_all,
    .connected = say_again,
};

const struct attack_kind attack_same_key = {
    .name = "same-key",
    .clients = 64,
    .rate = 200,
    .sources = 8,
    .one_key = true,
    .act = dial_all,
    .opened = attack_confirm,
};

/* So many a second that they are all there soon, and not so many that the relay has nothing else to do. */
const struct attack_kind attack_idle_crowd = {
    .name = "idle-crowd",
    .clients = 10000,
    .rate = 1000,
    .sources = 64,
    .act = dial_all,
    .opened = attack_confirm,
};

/* More than any relay has, or as many as we have. What the relay closes is dialled again. */
const struct attack_kind attack_descriptors = {
    .name = "descriptors",
    .clients = 60000,
    .rate = 1000,
    .sources = 256,
    .act = dial_all,
    .opened = attack_confirm,
};
