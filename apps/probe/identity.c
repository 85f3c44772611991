/* One throw-away client of a relay. SPDX-License-Identifier: ISC */
#include "identity.h"

#include <time.h>

/* Steps have time limits of their own, shorter than the library's are made by this. */
enum { NEVER_MS = 600000 };

uint64_t probe_clock_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void advance(struct identity *identity, enum phase phase)
{
    const uint64_t now_ns = probe_clock_ns();
    const uint64_t took_ns = now_ns - identity->since_ns;
    const enum phase ended = identity->phase;

    identity->phase = phase;
    identity->since_ns = now_ns;
    identity->owner->advanced(identity->user, identity, ended, took_ns);
}

void identity_remote(const struct identity *identity, struct toxtcp_address *address)
{
    struct toxtcp_client_info info;

    *address = (struct toxtcp_address){.family = TOXTCP_FAMILY_NONE};
    if (identity->client != NULL) {
        toxtcp_client_get_info(identity->client, &info);
        *address = info.remote;
    }
}

/* `tried`: an attempt to connect was made, and so there was an address. */
static void note_stage(struct identity *identity, bool tried)
{
    struct toxtcp_address remote;

    if (identity->client == NULL || identity->phase > PHASE_CONNECTING) {
        return;
    }
    identity_remote(identity, &remote);
    const bool connected = remote.family != TOXTCP_FAMILY_NONE;
    if (identity->phase == PHASE_RESOLVING && (connected || tried)) {
        advance(identity, PHASE_CONNECTING);
    }
    if (identity->phase == PHASE_CONNECTING && connected) {
        advance(identity, PHASE_HANDSHAKING);
    }
}

void identity_look(struct identity *identity)
{
    if (identity->client != NULL) {
        note_stage(identity, !toxtcp_ev_is_resolving(toxtcp_client_link(identity->client)));
    }
}

/* --- What the client says --- */

static void on_connected(void *user, struct toxtcp_client *client)
{
    struct identity *identity = user;

    (void)client;
    note_stage(identity, true);
    identity->open_ns = probe_clock_ns();
    if (identity->phase == PHASE_HANDSHAKING) {
        advance(identity, PHASE_PINGING);
    }
}

/* The first pong: the relay has opened a packet of ours, so it has confirmed us. */
static void on_measured(void *user, struct toxtcp_client *client)
{
    struct identity *identity = user;

    (void)client;
    if (identity->phase == PHASE_PINGING) {
        advance(identity, PHASE_UP);
    } else if (identity->ping_ns != 0) {
        const uint64_t took_ns = probe_clock_ns() - identity->ping_ns;
        identity->ping_ns = 0;
        identity->owner->pinged(identity->user, identity, took_ns);
    }
}

static void on_closed(void *user, struct toxtcp_client *client, int error)
{
    struct identity *identity = user;

    (void)client;
    note_stage(identity, false);
    /* A name that was found but none of whose addresses answered. */
    if (identity->phase == PHASE_RESOLVING && error != TOXTCP_ERR_HOST_UNKNOWN && error != TOXTCP_ERR_NO_DESCRIPTOR) {
        advance(identity, PHASE_CONNECTING);
    }
    const enum phase phase = identity->phase;
    identity->phase = PHASE_OVER;
    identity->owner->over(identity->user, identity, phase, error);
}

static void on_route_status(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                            enum toxtcp_route_status status)
{
    struct identity *identity = user;

    (void)client;
    (void)route;
    (void)route_user;
    identity->route_status = status;
    identity->owner->route(identity->user, identity, status);
}

static void on_data(void *user, struct toxtcp_client *client, struct toxtcp_route route, void *route_user,
                    const uint8_t *data, size_t len)
{
    struct identity *identity = user;

    (void)client;
    (void)route;
    (void)route_user;
    identity->owner->data(identity->user, identity, data, len);
}

static void on_oob(void *user, struct toxtcp_client *client, const struct toxtcp_public_key *sender,
                   const uint8_t *data, size_t len)
{
    struct identity *identity = user;

    (void)client;
    identity->owner->oob(identity->user, identity, sender, data, len);
}

static const struct toxtcp_client_callbacks callbacks = {.connected = on_connected,
                                                         .closed = on_closed,
                                                         .route_status = on_route_status,
                                                         .data = on_data,
                                                         .oob = on_oob,
                                                         .measured = on_measured};

/* --- Life --- */

void identity_init(struct identity *identity, struct toxtcp_env *env, struct toxtcp_ev *ev,
                   const struct identity_owner *owner, void *user)
{
    *identity = (struct identity){.owner = owner, .user = user, .ev = ev, .phase = PHASE_NONE};
    toxtcp_key_pair_generate(env, &identity->keys);
}

static int make_client(struct identity *identity, struct toxtcp_env *env, const struct toxtcp_public_key *relay_key,
                       const struct toxtcp_public_key *friend_key)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.connect_timeout_ms = NEVER_MS;
    config.pong_timeout_ms = NEVER_MS;
    /* Pings of its own accord would be taken for those that are measured. */
    config.quiet_ms = 0;
    const int error = toxtcp_client_new(env, toxtcp_ev_driver(identity->ev), &config, &identity->keys, relay_key,
                                        &callbacks, identity, toxtcp_ev_now(identity->ev), &identity->client);
    if (error != TOXTCP_OK) {
        identity->client = NULL;
        return error;
    }
    return toxtcp_client_route_add(identity->client, friend_key, NULL, &identity->route);
}

int identity_open(struct identity *identity, struct toxtcp_env *env, const struct toxtcp_endpoint *endpoint,
                  const struct toxtcp_public_key *relay_key, const struct toxtcp_public_key *friend_key)
{
    int error = make_client(identity, env, relay_key, friend_key);

    if (error == TOXTCP_OK) {
        identity->phase = endpoint->host != NULL ? PHASE_RESOLVING : PHASE_CONNECTING;
        identity->since_ns = probe_clock_ns();
        error = toxtcp_ev_connect(identity->ev, identity->client, endpoint);
    }
    if (error != TOXTCP_OK) {
        identity_close(identity);
    }
    return error;
}

void identity_ping(struct identity *identity)
{
    if (identity->phase == PHASE_UP && identity->ping_ns == 0 && toxtcp_client_ping(identity->client) == TOXTCP_OK) {
        identity->ping_ns = probe_clock_ns();
    }
}

bool identity_is_pinged(const struct identity *identity)
{
    return identity->phase == PHASE_UP && identity->ping_ns != 0;
}

void identity_close(struct identity *identity)
{
    toxtcp_client_free(identity->client);
    identity->client = NULL;
    identity->phase = PHASE_NONE;
    toxtcp_key_pair_wipe(&identity->keys);
}
