/* Probes: OOB packets to our own key, which an honest relay returns (section 3). SPDX-License-Identifier: ISC
 *
 * One goes out in the segment in which a connection's first ping does, and its return comes with the pong: it costs no
 * wakeup. A relay answers in the order in which it is asked; so one that has answered two pings since, of which the
 * second was sent after the probe, and has not returned it, has dropped it. Once can be an accident. */
#include "connections_private.h"

#include <string.h>

#include "env.h"

enum {
    PONGS_ENOUGH = 2,
    MISSES_ENOUGH = 2,
    /* So many connections that end by the relay with a probe under way are no accident: it does not like them. */
    HARMFUL_ENOUGH = 2,
    PROBE_SIZE = 3 + RELAY_PROBE_TOKEN_SIZE
};

/* A shape that every relay takes: "wraps its content as 0x1b, two bytes, content". */
static const uint8_t probe_mark[3] = {0x1b, 'T', 0x00};

void relay_probe_send(struct relay *relay)
{
    struct toxtcp_connections *connections = relay->connections;
    struct relay_probe *probe = &relay->probe;
    uint8_t packet[PROBE_SIZE];

    if (!connections->config.probe || probe->out || probe->harmful >= HARMFUL_ENOUGH) {
        return;
    }
    env_random(connections->env, probe->token, sizeof probe->token);
    memcpy(packet, probe_mark, sizeof probe_mark);
    memcpy(packet + sizeof probe_mark, probe->token, sizeof probe->token);
    probe->pongs = 0;
    probe->late = false;
    probe->out =
        toxtcp_client_send_oob(relay->client, &connections->keys.public_key, packet, sizeof packet) == TOXTCP_OK;
}

bool relay_probe_take(struct relay *relay, const uint8_t *data, size_t len)
{
    struct relay_probe *probe = &relay->probe;

    if (len != PROBE_SIZE || memcmp(data, probe_mark, sizeof probe_mark) != 0) {
        return false;
    }
    /* Another one is an earlier probe that was given up. */
    if (probe->out && memcmp(data + sizeof probe_mark, probe->token, sizeof probe->token) == 0) {
        probe->out = false;
        probe->late = false;
        probe->misses = 0;
    }
    return true;
}

static void miss(struct relay *relay)
{
    struct relay_probe *probe = &relay->probe;

    probe->out = false;
    if (probe->misses < MISSES_ENOUGH) {
        probe->misses++;
    }
    if (probe->misses < MISSES_ENOUGH) {
        relay_probe_send(relay);
        probe->late = probe->out; /* do not wait for the next ping in its turn */
        return;
    }
    relay_trust_blame(&relay->trust, TRUST_BLAME_PROBE, relay_now(relay));
    relay_judge_paths(relay);
}

void relay_probe_pong(struct relay *relay)
{
    struct relay_probe *probe = &relay->probe;

    if (probe->out) {
        probe->pongs++;
        if (probe->pongs >= PONGS_ENOUGH) {
            miss(relay);
        } else {
            probe->late = true;
        }
    } else if (probe->misses > 0) {
        relay_probe_send(relay);
    }
}

void relay_probe_run(struct relay *relay)
{
    struct relay_probe *probe = &relay->probe;

    if (probe->late && relay->client) {
        (void)toxtcp_client_ping(relay->client);
    }
    probe->late = false;
}

void relay_probe_end(struct relay *relay, int error)
{
    struct relay_probe *probe = &relay->probe;

    if (probe->out && (error == TOXTCP_ERR_CLOSED || error == TOXTCP_ERR_RESET) && probe->harmful < HARMFUL_ENOUGH) {
        probe->harmful++;
    }
    probe->out = false;
    probe->late = false;
}
