/* The calls about relays: one of them, or all. SPDX-License-Identifier: ISC */
#include <assert.h>
#include <string.h>

#include "client.h"
#include "connections_private.h"

/* --- One relay --- */

int toxtcp_relay_add(struct toxtcp_connections *connections, const struct toxtcp_endpoint *endpoint,
                     const struct toxtcp_public_key *relay_key, struct toxtcp_relay *handle)
{
    struct relay *relay = relay_by_key(connections, relay_key);
    int error = relay_judge_endpoint(connections, endpoint);

    if (!error && relay) {
        relay->owned = true;
        relay_touch(relay);
    } else if (!error) {
        error = relay_make(connections, endpoint, relay_key, &relay);
        if (!error) {
            relay->owned = true;
            relay->fresh = true;
            relay_settle_in(relay);
        }
    }
    if (!error && handle) {
        *handle = relay->handle;
    }
    return error;
}

int toxtcp_relay_remove(struct toxtcp_connections *connections, struct toxtcp_relay handle)
{
    struct relay *relay = relay_get(connections, handle);

    if (!relay) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    relay_free(relay);
    return TOXTCP_OK;
}

int toxtcp_relay_find(const struct toxtcp_connections *connections, const struct toxtcp_public_key *key,
                      struct toxtcp_relay *handle)
{
    const struct relay *relay = relay_by_key(connections, key);

    if (!relay) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    *handle = relay->handle;
    return TOXTCP_OK;
}

struct toxtcp_relay toxtcp_relay_next(const struct toxtcp_connections *connections, struct toxtcp_relay handle)
{
    const uint32_t from = handle.generation == 0 ? 0 : handle.index + 1;
    const struct relay *relay = handles_from(&connections->relays, from);

    return relay ? relay->handle : (struct toxtcp_relay){0};
}

static uint32_t count_ties(const struct relay *relay)
{
    uint32_t count = 0;

    for (const struct slot *slot = relay->ties; slot; slot = slot->next) {
        count++;
    }
    return count;
}

static void describe(const struct relay *relay, struct toxtcp_relay_info *info)
{
    *info = (struct toxtcp_relay_info){
        .public_key = relay->key,
        .address = relay->address,
        .state = relay_state(relay),
        .last_error = relay->last_error,
        .owned = relay->owned,
        .onion = relay->onion,
        .peer_count = count_ties(relay),
        .rtt_ms = relay->rtt_ms,
        .attempt_count = relay->attempt_count,
        .connected_at_ms = relay->phase == RELAY_CONNECTED ? relay->connected_at_ms : TOXTCP_NEVER,
        .next_dial_ms = relay->phase == RELAY_WAITING ? relay->next_dial_ms : TOXTCP_NEVER,
        .score = relay_trust_score(&relay->trust, relay_now(relay)),
        .demoted = relay_trust_is_demoted(&relay->trust, relay_now(relay)),
        .silent = relay->silent,
    };
}

int toxtcp_relay_get_info(const struct toxtcp_connections *connections, struct toxtcp_relay handle,
                          struct toxtcp_relay_info *info)
{
    const struct relay *relay = relay_get(connections, handle);

    if (!relay) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    describe(relay, info);
    if (relay->phase == RELAY_CONNECTED) {
        info->path_known = link_path(toxtcp_client_link(relay->client), &info->path);
    }
    if (relay->host) {
        memcpy(info->host, relay->host, strlen(relay->host) + 1);
    }
    return TOXTCP_OK;
}

/* --- Sending through one --- */

int toxtcp_relay_send_oob(struct toxtcp_connections *connections, struct toxtcp_relay handle,
                          const struct toxtcp_public_key *receiver, const uint8_t *data, size_t len)
{
    struct relay *relay = relay_get(connections, handle);

    if (!relay) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (!relay->client) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    const int error = toxtcp_client_send_oob(relay->client, receiver, data, len);
    relay_rekey(relay);
    return error;
}

int toxtcp_relay_send_onion(struct toxtcp_connections *connections, struct toxtcp_relay handle,
                            const uint8_t nonce[TOXTCP_ONION_NONCE_SIZE], const uint8_t *body, size_t len)
{
    struct relay *relay = relay_get(connections, handle);

    if (!relay) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    if (!relay->client) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    const int error = toxtcp_client_send_onion(relay->client, nonce, body, len);
    relay_rekey(relay);
    return error;
}

/* The first connected relay at `index` or after it, or NULL. */
static struct relay *connected_from(const struct toxtcp_connections *connections, uint32_t index)
{
    struct relay *relay = handles_from(&connections->relays, index);

    while (relay && relay->phase != RELAY_CONNECTED) {
        relay = handles_from(&connections->relays, relay->handle.index + 1);
    }
    return relay;
}

int toxtcp_connections_send_forward(struct toxtcp_connections *connections, const struct toxtcp_address *address,
                                    const struct toxtcp_address *destination, const uint8_t *data, size_t len)
{
    struct relay *relay = connected_from(connections, 0);

    while (relay) {
        const struct toxtcp_address here = relay_address(relay);
        if (here.family != TOXTCP_FAMILY_NONE && toxtcp_address_equal(&here, address)) {
            const int error = toxtcp_client_send_forward(relay->client, destination, data, len);
            relay_rekey(relay);
            return error;
        }
        relay = connected_from(connections, relay->handle.index + 1);
    }
    return TOXTCP_ERR_NOT_FOUND;
}

/* --- The whole --- */

static void unmark_all(struct toxtcp_connections *connections)
{
    for (struct relay *relay = connected_from(connections, 0); relay;
         relay = connected_from(connections, relay->handle.index + 1)) {
        relay->onion = false;
    }
}

void toxtcp_connections_set_onion(struct toxtcp_connections *connections, bool on)
{
    if (connections->onion == on) {
        return;
    }
    connections->onion = on;
    if (on) {
        relays_mark(connections);
    } else {
        unmark_all(connections);
    }
    connections->review_all = true;
}

int toxtcp_connections_random_onion_relay(struct toxtcp_connections *connections, struct toxtcp_relay *handle)
{
    const uint32_t marked = relays_marked(connections);

    if (marked == 0) {
        return TOXTCP_ERR_NOT_FOUND;
    }
    uint32_t skip = env_random_below(connections->env, marked);
    const struct relay *relay = connected_from(connections, 0);
    while (!relay->onion || skip > 0) {
        skip -= relay->onion;
        relay = connected_from(connections, relay->handle.index + 1);
    }
    *handle = relay->handle;
    return TOXTCP_OK;
}

uint32_t toxtcp_connections_list_connected(struct toxtcp_connections *connections, uint32_t start,
                                           struct toxtcp_node *nodes, uint32_t count)
{
    const uint32_t connected = connections->phase_count[RELAY_CONNECTED];
    const struct relay *relay = connected_from(connections, 0);

    if (connected == 0) {
        return 0;
    }
    start = start == TOXTCP_START_RANDOM ? env_random_below(connections->env, connected) : start % connected;
    for (uint32_t i = 0; i < start; i++) {
        relay = connected_from(connections, relay->handle.index + 1);
    }
    count = count < connected ? count : connected;
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = (struct toxtcp_node){.address = relay_address(relay), .public_key = relay->key};
        relay = connected_from(connections, relay->handle.index + 1);
        relay = relay ? relay : connected_from(connections, 0);
    }
    return count;
}

static void hurry_all(struct toxtcp_connections *connections, bool another_network)
{
    for (struct relay *relay = handles_from(&connections->relays, 0); relay;
         relay = handles_from(&connections->relays, relay->handle.index + 1)) {
        if (relay->phase == RELAY_CONNECTED) {
            (void)toxtcp_client_hurry(relay->client);
            relay->redial = true;
            relay_rekey(relay);
            continue;
        }
        /* What failed there says nothing of here. */
        relay->failures = 0;
        if (relay->phase != RELAY_DIALLED) {
            relay_hurry(relay);
        } else if (another_network) {
            relay_redial(relay);
        } else {
            /* The next expire knows for how long it has been dialled. */
            relay->redial = true;
            relay->doubted = true;
            relay_rekey(relay);
        }
    }
}

void toxtcp_connections_network_changed(struct toxtcp_connections *connections)
{
    hurry_all(connections, true);
}

void toxtcp_connections_network_gained(struct toxtcp_connections *connections)
{
    hurry_all(connections, false);
}
