/* Whether the relay lives: pings, round trips, silence. SPDX-License-Identifier: ISC
 *
 * What is heard of a relay proves that it lives, whatever it is. While nothing is sent to it for the caller its own
 * pings are proof enough. When something is, a silence that follows is broken by a ping of ours (`quiet_ms`); and when
 * its pong is late, measured by the round trips so far, the relay counts as silent: others are better used until it is
 * heard again. Whether it is dead shows later, when the pong is missed for good.
 *
 * What was sent may also be known to be stuck before a pong can be late: the driver's system sends it again, and again,
 * and nothing is acknowledged. It is asked only while the relay owes us a sign of life, since asking is a system call.
 * That what was sent is acknowledged proves the way alone: a process may hang, and the pong still be late. */
#include <assert.h>
#include <string.h>

#include "client.h"
#include "moment.h"

enum {
    /* Called later than so after a deadline, the process was suspended: what the relay said may not be read yet. */
    LATE_MS = 1000,
    /* Over what the way takes, by its round trip and four times the deviation of that, a relay may take so much longer
     * to answer. */
    PATIENCE_MS = 1000,
    /* After another network: a relay that has said nothing for so long is dialled anew. */
    HURRY_MS = 3000,
    /* The system is asked again after so long, or after the round trip, in which the pong is better waited for. */
    LOOK_MS = 250,
    /* A way that swallows everything: so many times sent again in a row, and nothing acknowledged for so long as a pong
     * would be waited for, but from the first sending that was not answered on, and by the system's round trips. By
     * losses of a few percent, that comes less than once in ten thousand packets. A round trip that grows by less than
     * our patience within one packet makes the system send again, too, but an acknowledgement comes in that time. */
    STALLED_RETRANSMITS = 2,
    /* In which the relay's own pings are counted. */
    FLOOD_MS = 30000
};

static bool is_ping_out(const struct pulse *pulse)
{
    return pulse->pong_deadline_ms != TOXTCP_NEVER;
}

/* --- Round trips --- */

/* A ping may wait for two round trips before it leaves: the system has little under way after less was sent for a
 * while, and sends more only when that is acknowledged. */
static uint64_t patience_ms(uint64_t rtt_ms, uint64_t rtt_var_ms)
{
    return 3 * rtt_ms + 4 * rtt_var_ms + PATIENCE_MS;
}

static uint64_t pong_patience_ms(const struct pulse *pulse)
{
    return patience_ms(pulse->rtt_ms, pulse->rtt_var_ms);
}

static void begin_measuring(struct pulse *pulse, uint32_t sample_ms)
{
    pulse->rtt_ms = sample_ms;
    pulse->rtt_var_ms = sample_ms / 2;
}

/* A pong that comes after a silence tells how long that was, and nothing of the way; only when they are late again and
 * again the way has become that slow. */
static bool is_outlier(struct pulse *pulse, uint32_t sample_ms)
{
    const bool late = sample_ms > pong_patience_ms(pulse);
    const bool outlier = late && !pulse->late_pong;

    pulse->late_pong = late;
    return outlier;
}

/* The smoothing of RFC 6298. */
static void measure(struct pulse *pulse, uint32_t sample_ms)
{
    if (!pulse->measured) {
        pulse->measured = true;
        begin_measuring(pulse, sample_ms);
        return;
    }
    if (is_outlier(pulse, sample_ms)) {
        return;
    }
    const uint64_t deviation = sample_ms > pulse->rtt_ms ? sample_ms - pulse->rtt_ms : pulse->rtt_ms - sample_ms;
    pulse->rtt_var_ms = (uint32_t)((3 * (uint64_t)pulse->rtt_var_ms + deviation) / 4);
    pulse->rtt_ms = (uint32_t)((7 * (uint64_t)pulse->rtt_ms + sample_ms) / 8);
}

/* A driver that keeps the time of its turn can read an answer a moment before it sent the question. */
static uint32_t since(uint64_t then_ms, uint64_t now_ms)
{
    const uint64_t passed_ms = now_ms > then_ms ? now_ms - then_ms : 0;

    return (uint32_t)earlier(passed_ms, UINT32_MAX / 2);
}

/* --- Pings --- */

static int send_ping(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;
    struct packet ping = {.kind = WIRE_PING};
    const uint64_t id = env_random_u64(client->link.env);

    memcpy(ping.ping_id, &id, sizeof id);
    ping.ping_id[0] |= id == 0; /* never 0 */
    const int error = client_send_control(client, &ping);
    if (error) {
        return error;
    }
    memcpy(pulse->ping_id, ping.ping_id, sizeof pulse->ping_id);
    pulse->ping_sent_at_ms = now_ms;
    pulse->patient_from_ms = now_ms;
    pulse->pong_deadline_ms = now_ms + client->config.pong_timeout_ms;
    pulse->late_once = false;
    pulse->ping_wanted = false;
    return TOXTCP_OK;
}

void client_pulse_begin(struct toxtcp_client *client, uint64_t now_ms)
{
    client->pulse.ping_sent_at_ms = now_ms;
}

int client_pulse_open(struct toxtcp_client *client, uint64_t now_ms)
{
    /* The relay has answered a request: that was a round trip. */
    begin_measuring(&client->pulse, since(client->pulse.ping_sent_at_ms, now_ms));
    return client->config.ping_last ? TOXTCP_OK : send_ping(client, now_ms);
}

int client_pulse_told(struct toxtcp_client *client, uint64_t now_ms)
{
    return client->config.ping_last ? send_ping(client, now_ms) : TOXTCP_OK;
}

int toxtcp_client_ping(struct toxtcp_client *client)
{
    if (client->link.state != LINK_OPEN) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    if (!is_ping_out(&client->pulse)) {
        client->pulse.ping_wanted = true;
        link_ask_attention(&client->link);
    }
    return TOXTCP_OK;
}

int toxtcp_client_hurry(struct toxtcp_client *client)
{
    if (client->link.state != LINK_OPEN) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    client->pulse.hurried = true;
    link_ask_attention(&client->link);
    return TOXTCP_OK;
}

/* --- What was said and heard --- */

void client_pulse_sent(struct toxtcp_client *client)
{
    struct pulse *pulse = &client->pulse;

    pulse->used = true;
    if (!pulse->unheard) {
        pulse->unheard = true;
        pulse->unheard_from_ms = TOXTCP_NEVER;
    }
}

void client_pulse_settled(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;

    if (!pulse->used) {
        return;
    }
    pulse->used = false;
    pulse->used_at_ms = now_ms;
    if (pulse->unheard && pulse->unheard_from_ms == TOXTCP_NEVER) {
        pulse->unheard_from_ms = now_ms;
    }
}

bool client_pulse_is_silent(const struct toxtcp_client *client)
{
    return client->pulse.late || client->pulse.stalled;
}

static void set_silence(struct toxtcp_client *client, bool late, bool stalled)
{
    const bool was_silent = client_pulse_is_silent(client);

    client->pulse.late = late;
    client->pulse.stalled = stalled;
    if (client_pulse_is_silent(client) != was_silent && client->callbacks.silent) {
        client->callbacks.silent(client->user, client, !was_silent);
    }
}

void client_pulse_heard(struct toxtcp_client *client)
{
    client->pulse.unheard = false;
    set_silence(client, false, false);
}

int client_pulse_pinged(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;

    if (now_ms - pulse->flood_from_ms >= FLOOD_MS) {
        pulse->flood_from_ms = now_ms;
        pulse->flood_count = 0;
    }
    pulse->flood_count++;
    return client->config.pings_max > 0 && pulse->flood_count > client->config.pings_max ? TOXTCP_ERR_PROTOCOL
                                                                                         : TOXTCP_OK;
}

void client_pulse_pong(struct toxtcp_client *client, const uint8_t ping_id[WIRE_PING_ID_SIZE], uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;

    if (!is_ping_out(pulse) || memcmp(ping_id, pulse->ping_id, sizeof pulse->ping_id) != 0) {
        return;
    }
    pulse->pong_deadline_ms = TOXTCP_NEVER;
    measure(pulse, since(pulse->ping_sent_at_ms, now_ms));
    if (client->callbacks.measured) {
        client->callbacks.measured(client->user, client);
    }
}

/* --- Time --- */

/* Pings of relays that are idle fall together: on whole tenths of the interval. */
static uint64_t on_the_beat(uint64_t at_ms, uint64_t beat_ms)
{
    return beat_ms == 0 ? at_ms : (at_ms + beat_ms - 1) / beat_ms * beat_ms;
}

/* When the next ping is due, none being out. */
static uint64_t ping_due(const struct toxtcp_client *client)
{
    const struct pulse *pulse = &client->pulse;
    const uint64_t interval_ms = client->config.ping_interval_ms;
    const uint64_t after_ping = pulse->ping_sent_at_ms + interval_ms;
    const uint64_t heard_ms = client->link.received_at_ms;
    uint64_t due_ms;

    if (pulse->ping_wanted) {
        return 0;
    }
    /* A ping goes with what is sent after it became due. A link that was used before and is idle now needs none. */
    if (pulse->used || (pulse->used_at_ms != TOXTCP_NEVER && pulse->used_at_ms >= after_ping)) {
        due_ms = after_ping;
    } else {
        /* A tenth more, because the relay's own pings come at the same pace: they prove that it lives, at no cost. */
        due_ms = later(after_ping, on_the_beat(heard_ms + interval_ms + interval_ms / 10, interval_ms / 10));
    }
    if (pulse->unheard && client->config.quiet_ms > 0) {
        /* A send whose time is not known yet came after what was heard. */
        const uint64_t from_ms = pulse->unheard_from_ms != TOXTCP_NEVER ? pulse->unheard_from_ms : heard_ms;
        due_ms = earlier(due_ms, from_ms + client->config.quiet_ms);
    }
    return due_ms;
}

/* When the relay counts as silent, a ping being out. Bytes that come, or that leave after they found no room, are signs
 * of life as good as the pong. */
static uint64_t silent_at(const struct toxtcp_client *client)
{
    const struct toxtcp_link *link = &client->link;
    const uint64_t alive_ms = later(link->received_at_ms, link->drained_at_ms);

    return client->pulse.late ? TOXTCP_NEVER
                              : later(alive_ms, client->pulse.patient_from_ms) + pong_patience_ms(&client->pulse);
}

/* When the system is asked what becomes of what was sent, a ping being out: not before it can know. */
static uint64_t look_due(const struct toxtcp_client *client)
{
    const struct pulse *pulse = &client->pulse;

    if (!pulse->unheard || pulse->unheard_from_ms == TOXTCP_NEVER || client->config.quiet_ms == 0 ||
        !client->link.driver->path) {
        return TOXTCP_NEVER;
    }
    return later(pulse->unheard_from_ms + PATIENCE_MS, pulse->look_again_ms);
}

uint64_t client_pulse_deadline(const struct toxtcp_client *client)
{
    const struct pulse *pulse = &client->pulse;

    if (pulse->hurried) {
        return 0;
    }
    if (!is_ping_out(pulse)) {
        return ping_due(client);
    }
    return earlier(earlier(pulse->pong_deadline_ms, silent_at(client)), look_due(client));
}

/* The network may be another. An answer that was under way comes soon, or not at all. */
static int hurry(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;
    const int error = is_ping_out(pulse) ? TOXTCP_OK : send_ping(client, now_ms);

    pulse->hurried = false;
    pulse->pong_deadline_ms = earlier(pulse->pong_deadline_ms, now_ms + later(HURRY_MS, pong_patience_ms(pulse)));
    return error;
}

/* A ping may have waited in the system behind what was sent again there, on a way that has become slower: the system
 * has measured that before any pong could. It is asked before the relay is called late. */
static bool is_way_slower(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;
    const uint64_t from_ms =
        later(later(client->link.received_at_ms, client->link.drained_at_ms), pulse->ping_sent_at_ms);
    struct toxtcp_path path;

    if (client->config.quiet_ms == 0 || !link_path(&client->link, &path)) {
        return false;
    }
    const uint64_t until_ms = from_ms + patience_ms(path.rtt_us / 1000, path.rtt_var_us / 1000);
    if (now_ms >= until_ms) {
        return false;
    }
    pulse->patient_from_ms = later(pulse->patient_from_ms, until_ms - earlier(until_ms, pong_patience_ms(pulse)));
    return now_ms < silent_at(client);
}

static void judge_silence(struct toxtcp_client *client, uint64_t now_ms)
{
    const uint64_t at_ms = silent_at(client);

    if (now_ms < at_ms) {
        return;
    }
    if (now_ms - at_ms > LATE_MS) {
        client->pulse.patient_from_ms = now_ms;
    } else if (!is_way_slower(client, now_ms)) {
        set_silence(client, true, client->pulse.stalled);
    }
}

/* How long it still takes until what was sent in vain is stalled; TOXTCP_NEVER: it was not in vain. Once stalled it
 * stays so until something is acknowledged. On a line that was idle, the last acknowledgement is older than what was
 * sent. */
static uint64_t stalled_in(const struct pulse *pulse, const struct toxtcp_path *path, uint64_t now_ms)
{
    const uint64_t waited_ms = earlier(path->unacknowledged_for_ms, since(pulse->unheard_from_ms, now_ms));
    const uint64_t patience = (path->rtt_us + 4 * (uint64_t)path->rtt_var_us) / 1000 + PATIENCE_MS;

    if (path->retransmits_in_row < STALLED_RETRANSMITS || path->unacknowledged == 0) {
        return TOXTCP_NEVER;
    }
    return pulse->stalled || waited_ms >= patience ? 0 : patience - waited_ms;
}

static void look(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;
    const uint64_t pause_ms = later(LOOK_MS, (uint64_t)pulse->rtt_ms + pulse->rtt_var_ms);
    struct toxtcp_path path;

    if (now_ms < look_due(client)) {
        return;
    }
    const uint64_t left_ms = link_path(&client->link, &path) ? stalled_in(pulse, &path, now_ms) : TOXTCP_NEVER;
    pulse->look_again_ms = now_ms + (left_ms == 0 ? pause_ms : earlier(pause_ms, left_ms));
    set_silence(client, pulse->late, left_ms == 0);
}

/* The error that ends the link for being late, or 0. */
static int judge_pong(struct pulse *pulse, uint64_t now_ms)
{
    if (now_ms < pulse->pong_deadline_ms) {
        return TOXTCP_OK;
    }
    if (now_ms - pulse->pong_deadline_ms > LATE_MS && !pulse->late_once) {
        pulse->late_once = true;
        pulse->pong_deadline_ms = now_ms + LATE_MS;
        return TOXTCP_OK;
    }
    return TOXTCP_ERR_TIMED_OUT;
}

int client_pulse_expire(struct toxtcp_client *client, uint64_t now_ms)
{
    struct pulse *pulse = &client->pulse;
    int error = TOXTCP_OK;

    client_pulse_settled(client, now_ms);
    if (pulse->hurried) {
        error = hurry(client, now_ms);
    } else if (!is_ping_out(pulse)) {
        if (now_ms < ping_due(client)) {
            return TOXTCP_OK;
        }
        error = send_ping(client, now_ms);
    }
    if (!error) {
        error = judge_pong(pulse, now_ms);
    }
    if (!error) {
        judge_silence(client, now_ms);
    }
    /* Callbacks may have ended the link. */
    if (!error && client->link.state == LINK_OPEN) {
        look(client, now_ms);
    }
    return error;
}

void client_pulse_check(const struct toxtcp_client *client)
{
    const struct pulse *pulse = &client->pulse;

    assert(!pulse->measured || pulse->rtt_ms != UINT32_MAX);
    assert(client->link.state != LINK_OPEN || pulse->rtt_ms != UINT32_MAX);
    assert(!client_pulse_is_silent(client) || client->link.state >= LINK_OPEN);
    assert(!pulse->stalled || pulse->unheard);
    (void)pulse;
}
