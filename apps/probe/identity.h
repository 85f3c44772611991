/* One throw-away client of a relay. SPDX-License-Identifier: ISC */
#ifndef APPS_PROBE_IDENTITY_H
#define APPS_PROBE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/client.h>
#include <toxtcp/ev.h>
#include <toxtcp/key.h>

/* How far it is. Each but the last three ends with something that the other side did. */
enum phase {
    PHASE_RESOLVING,
    PHASE_CONNECTING,
    PHASE_HANDSHAKING,
    PHASE_PINGING, /* the first ping, by which the relay confirms a client, is out */
    PHASE_UP,
    PHASE_OVER, /* ended, by the relay or by want of something */
    PHASE_NONE  /* not there */
};

struct identity;

/* What its owner hears. Only out of the loop, never out of a call on the identity, but for identity_look(). */
struct identity_owner {
    /* A phase is over and the next one has begun; it took so long. */
    void (*advanced)(void *user, struct identity *identity, enum phase ended, uint64_t took_ns);
    /* It ended in this phase. */
    void (*over)(void *user, struct identity *identity, enum phase phase, int error);
    /* A ping after the first one. */
    void (*pinged)(void *user, struct identity *identity, uint64_t took_ns);
    /* The route to the friend has another status. */
    void (*route)(void *user, struct identity *identity, enum toxtcp_route_status status);
    void (*data)(void *user, struct identity *identity, const uint8_t *data, size_t len);
    /* Out of band; from the friend or from itself. */
    void (*oob)(void *user, struct identity *identity, const struct toxtcp_public_key *sender, const uint8_t *data,
                size_t len);
};

struct identity {
    const struct identity_owner *owner;
    void *user;
    struct toxtcp_ev *ev;
    struct toxtcp_client *client;
    struct toxtcp_key_pair keys;
    struct toxtcp_route route;
    enum phase phase;
    enum toxtcp_route_status route_status;
    uint64_t since_ns; /* the phase */
    uint64_t open_ns;  /* when the handshake was done */
    uint64_t ping_ns;  /* when a later ping went out; 0: none is */
};

/* Monotonic. */
uint64_t probe_clock_ns(void);

/* Makes its keys. */
void identity_init(struct identity *identity, struct toxtcp_env *env, struct toxtcp_ev *ev,
                   const struct identity_owner *owner, void *user);

/* Dials, and asks for a route to its friend as soon as it is in. Returns 0, or the error for which it could not. */
int identity_open(struct identity *identity, struct toxtcp_env *env, const struct toxtcp_endpoint *endpoint,
                  const struct toxtcp_public_key *relay_key, const struct toxtcp_public_key *friend_key);

/* Notices how far dialling is, which nothing tells: to be called in each turn of the loop. */
void identity_look(struct identity *identity);

/* Where it is connected to; family none before. */
void identity_remote(const struct identity *identity, struct toxtcp_address *address);

/* Measures another ping. */
void identity_ping(struct identity *identity);

/* That has not been answered yet. */
bool identity_is_pinged(const struct identity *identity);

/* Leaves without a word to the owner. Allowed at any time. */
void identity_close(struct identity *identity);

#endif
