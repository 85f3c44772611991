/* What runs a scenario: one engine for each way of using a relay. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_ENGINE_H
#define APPS_STRESS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/client.h>
#include <toxtcp/connections.h>

struct crew;
struct mate;
struct peer;

/* All are called by the crew's thread; those without a word on NULL must be there. */
struct engine {
    bool in_pairs;                 /* of clients */
    bool counts_measured_connects; /* connects within the measured time alone are of interest */
    /* Makes the crew's share of the group, and has it connect as far as it does before the beginning. `crew->wanted` is
     * then how many parts will be ready. Returns 0, or -1 for want of memory or descriptors. */
    int (*start)(struct crew *crew);
    /* All are connected, or long enough was waited for them: load begins. Returns as start(). NULL: nothing to do. */
    int (*begin)(struct crew *crew);
    /* Some 50 times a second. NULL: nothing to do. */
    void (*tick)(struct crew *crew, uint64_t now_ns);
    /* Packets that are on their way, as far as is known. NULL: none. */
    uint64_t (*outstanding)(const struct crew *crew);
    /* Clients that wake up and have not heard anything: they are waited for longer than packets. NULL: none. */
    uint64_t (*waking)(const struct crew *crew);
    /* The key of the crew's client with that number, which start() made and nothing changes; NULL when there are fewer.
     * By any thread after start(). NULL: none that lasts. */
    const struct toxtcp_public_key *(*key)(const struct crew *crew, uint32_t number);
    /* Frees all that start() and begin() made. */
    void (*finish)(struct crew *crew);

    /* The peer's client is made, and is going to be dialled: ask for routes. Returns as start(). NULL: nothing to do.
     */
    int (*prepare)(struct peer *peer);
    /* A peer was confirmed. */
    void (*up)(struct peer *peer);
    /* Its connection failed or ended, and is gone; peer_wait() has it dial again. */
    void (*down)(struct peer *peer, int error);
    /* As in struct toxtcp_client_callbacks. NULL: not asked for. */
    void (*route_status)(struct peer *peer, enum toxtcp_route_status status);
    void (*data)(struct peer *peer, const uint8_t *data, size_t len);
    void (*can_send)(struct peer *peer);

    /* Of those that have mates. The mate reaches the other one of its pair, or does no longer. */
    void (*mate_online)(struct mate *mate);
    /* As in struct toxtcp_connections_callbacks. */
    void (*mate_data)(struct mate *mate, struct toxtcp_relay relay, const uint8_t *data, size_t len);
};

extern const struct engine engine_pairs;
extern const struct engine engine_handshake;
extern const struct engine engine_idle;
extern const struct engine engine_churn;
extern const struct engine engine_multirelay;
extern const struct engine engine_sleepwake;

#endif
