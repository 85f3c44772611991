/* The inside of a link. SPDX-License-Identifier: ISC */
#include "link.h"

#include <assert.h>

void link_init(struct toxtcp_link *link, struct toxtcp_env *env, const struct toxtcp_driver *driver,
               const struct link_owner *owner, enum link_state state)
{
    link->env = env;
    link->driver = driver;
    link->owner = owner;
    link->state = (uint8_t)state;
    link->received_at_ms = TOXTCP_NEVER;
    link->choked_at_ms = TOXTCP_NEVER;
}

static uint32_t bounded(uint32_t output_max)
{
    return output_max < LINK_OUTPUT_LIMIT ? output_max : LINK_OUTPUT_LIMIT;
}

void link_set_bounds(struct toxtcp_link *link, uint32_t output_max, uint32_t control_output_max)
{
    link->output_max = bounded(output_max);
    link->control_output_max = bounded(control_output_max);
}

void toxtcp_link_set_driver_data(struct toxtcp_link *link, void *data)
{
    link->driver_data = data;
}

void *toxtcp_link_driver_data(const struct toxtcp_link *link)
{
    return link->driver_data;
}

void link_enter(struct toxtcp_link *link)
{
    link->busy++;
}

bool link_leave(struct toxtcp_link *link)
{
    link->busy--;
    if (link->busy > 0 || !link->released) {
        return true;
    }
    link->owner->release(link);
    return false;
}

static void settle_and_leave(struct toxtcp_link *link)
{
    if (link->state != LINK_CLOSED && link->owner->settled) {
        link->owner->settled(link);
    }
    (void)link_leave(link);
}

/* Tells the driver that there is output, once until all is written. */
static void announce_output(struct toxtcp_link *link)
{
    if (!link->output_said && link_waiting(link) > 0) {
        link->output_said = true;
        link->driver->output_ready(link->driver->user, link);
    }
}

void link_ask_attention(struct toxtcp_link *link)
{
    if (link->driver->attend) {
        link->driver->attend(link->driver->user, link);
    }
}

static size_t output_size(const struct toxtcp_link *link)
{
    return link->channel.out.size;
}

/* What was done may have taken or given back the output's block, which had `old_size`. */
static void note_output(struct toxtcp_link *link, size_t old_size)
{
    const size_t size = output_size(link);

    if (size != old_size && link->owner->output_resized) {
        link->owner->output_resized(link, old_size, size);
    }
}

static void free_channel(struct toxtcp_link *link)
{
    const size_t old_size = output_size(link);

    channel_free(&link->channel, link->env);
    note_output(link, old_size);
}

void link_close(struct toxtcp_link *link)
{
    if (link->state == LINK_CLOSED) {
        return;
    }
    const bool known = link->state != LINK_DIALLING || link->driver_data;
    link->state = LINK_CLOSED;
    if (known) {
        link->driver->close(link->driver->user, link);
    }
    free_channel(link);
}

void link_fail(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    if (link->state == LINK_CLOSED) {
        return;
    }
    env_log(link->env, "link closed: %s", toxtcp_strerror(error));
    link_enter(link);
    link_close(link);
    link->owner->closed(link, error, now_ms);
    (void)link_leave(link);
}

void link_release(struct toxtcp_link *link)
{
    link_close(link);
    if (link->busy > 0) {
        link->released = true;
    } else {
        link->owner->release(link);
    }
}

void toxtcp_link_connected(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms)
{
    assert(link->busy == 0 && link->state == LINK_DIALLING);
    link_enter(link);
    link->now_ms = now_ms;
    link->state = LINK_SHAKING;
    const int error = link->owner->connected(link, remote, now_ms);
    if (error) {
        link_fail(link, error, now_ms);
    } else {
        announce_output(link);
    }
    settle_and_leave(link);
}

static int handle_packet(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms)
{
    link->packets_received++;
    return link->owner->packet(link, plain, len, now_ms);
}

static int handle_opened(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms)
{
    link->state = LINK_OPEN;
    announce_output(link);
    return link->owner->opened(link, remote_key, now_ms);
}

/* One message of the stream: 1 when there may be more, 0 when all is read, or an error. */
static int handle_next(struct toxtcp_link *link, struct channel_input *input, struct box_plain *plain, uint64_t now_ms)
{
    struct toxtcp_public_key remote_key;
    size_t len = 0;
    const struct toxtcp_key_pair *keys = link->owner->keys ? link->owner->keys(link) : NULL;
    const size_t old_size = output_size(link);
    const int event = channel_next(&link->channel, link->env, input, keys, &remote_key, plain, &len);
    int error = event;

    note_output(link, old_size); /* the relay's response */
    if (event == CHANNEL_PACKET) {
        error = handle_packet(link, plain, len, now_ms);
    } else if (event == CHANNEL_OPENED) {
        error = handle_opened(link, &remote_key, now_ms);
    }
    return error < 0 ? error : event != CHANNEL_NOTHING;
}

int toxtcp_link_recv(struct toxtcp_link *link, const uint8_t *bytes, size_t len, uint64_t now_ms)
{
    struct channel_input input = {bytes, len, 0};
    struct box_plain plain;
    int more = len > 0;

    assert(link->busy == 0 && (link->state == LINK_SHAKING || link->state == LINK_OPEN));
    link_enter(link);
    link->now_ms = now_ms;
    if (len > 0) {
        link->received_at_ms = now_ms;
    }
    while (more > 0 && link->state != LINK_CLOSED) {
        more = handle_next(link, &input, &plain, now_ms);
    }
    if (more < 0) {
        link_fail(link, more, now_ms);
    } else if (link->state == LINK_CLOSED) {
        more = TOXTCP_ERR_SHUT_DOWN;
    } else if (link->owner->received) {
        link->owner->received(link, len, now_ms);
    }
    settle_and_leave(link);
    return more;
}

void toxtcp_link_closed(struct toxtcp_link *link, int error, uint64_t now_ms)
{
    assert(link->busy == 0);
    if (link->state == LINK_CLOSED) {
        return;
    }
    /* A relay that cannot open our request has nothing to say: it closes. */
    const bool unanswered = link->state == LINK_SHAKING && link->channel.state == CHANNEL_AWAITS_RESPONSE;
    if (unanswered && (error == TOXTCP_ERR_CLOSED || error == TOXTCP_ERR_RESET)) {
        error = TOXTCP_ERR_WRONG_KEY;
    }
    env_log(link->env, "link over: %s", toxtcp_strerror(error));
    link_enter(link);
    link->state = LINK_CLOSED;
    free_channel(link);
    link->owner->closed(link, error, now_ms);
    (void)link_leave(link);
}

bool toxtcp_link_is_open(const struct toxtcp_link *link)
{
    return link->state == LINK_OPEN;
}

size_t link_waiting(const struct toxtcp_link *link)
{
    return buffer_len(&link->channel.out);
}

void link_want_room(struct toxtcp_link *link)
{
    link->send_refused = true;
}

void link_want_input(struct toxtcp_link *link, bool wanted)
{
    if (link->state == LINK_CLOSED || link->input_unwanted == !wanted) {
        return;
    }
    link->input_unwanted = !wanted;
    if (link->driver->want_input) {
        link->driver->want_input(link->driver->user, link, wanted);
    }
}

size_t toxtcp_link_output(const struct toxtcp_link *link, const uint8_t **bytes)
{
    *bytes = buffer_peek(&link->channel.out);
    return link_waiting(link);
}

void toxtcp_link_sent(struct toxtcp_link *link, size_t len, uint64_t now_ms)
{
    const size_t old_size = output_size(link);

    assert(link->busy == 0);
    buffer_consume(&link->channel.out, link->env, len);
    note_output(link, old_size);
    if (link->choked_at_ms < now_ms && len > 0) {
        link->drained_at_ms = now_ms;
    }
    link->choked_at_ms = TOXTCP_NEVER;
    if (link_waiting(link) == 0) {
        link->output_said = false;
    } else {
        link->choked_at_ms = now_ms;
    }
    link_enter(link);
    link->now_ms = now_ms;
    /* Half of the room, so that a sender is not woken for every packet. */
    if (link->send_refused && link->state == LINK_OPEN && link_waiting(link) <= link->output_max / 2) {
        link->send_refused = false;
        link->owner->can_send(link, now_ms);
    }
    settle_and_leave(link);
}

static size_t output_with(const struct toxtcp_link *link, size_t plain_len)
{
    return link_waiting(link) + WIRE_FRAME_OVERHEAD + plain_len;
}

static int seal(struct toxtcp_link *link, struct box_plain *plain, size_t len)
{
    const size_t old_size = output_size(link);
    const int error = channel_send(&link->channel, link->env, plain, len);

    note_output(link, old_size);
    if (!error) {
        link->packets_sent++;
        announce_output(link);
    }
    return error;
}

int link_send(struct toxtcp_link *link, struct box_plain *plain, size_t len)
{
    if (link->state != LINK_OPEN) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    /* An empty queue takes any packet, however small the bound. */
    if (output_with(link, len) > link->output_max && link_waiting(link) > 0) {
        link->send_refused = true;
        return TOXTCP_ERR_WOULD_BLOCK;
    }
    return seal(link, plain, len);
}

int link_send_control(struct toxtcp_link *link, struct box_plain *plain, size_t len)
{
    if (link->state != LINK_OPEN) {
        return TOXTCP_ERR_NOT_CONNECTED;
    }
    /* As for link_send(). */
    if (output_with(link, len) > (size_t)link->output_max + link->control_output_max && link_waiting(link) > 0) {
        return TOXTCP_ERR_OVERFLOW;
    }
    return seal(link, plain, len);
}

void link_check(const struct toxtcp_link *link)
{
    const struct channel *channel = &link->channel;

    assert(link->state <= LINK_CLOSED);
    assert((link->state == LINK_OPEN) == (channel->state == CHANNEL_OPEN) || link->state == LINK_CLOSED);
    assert(!channel->handshake || link->state == LINK_SHAKING);
    assert(buffer_len(&channel->in) < WIRE_FRAME_MAX);
    assert(link->state != LINK_CLOSED || (!channel->in.block && !channel->out.block));
    assert(link->state == LINK_CLOSED || link->output_said == (buffer_len(&channel->out) > 0));
    (void)channel;
}
