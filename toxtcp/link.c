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
    proxy_free(link->proxy, link->env);
    link->proxy = NULL;
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
    error = link_error(link, error);
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

/* --- The beginning --- */

int link_use_proxy(struct toxtcp_link *link, const struct toxtcp_proxy *proxy, const struct toxtcp_endpoint *target)
{
    assert(link->state == LINK_DIALLING && !link->proxy && link_waiting(link) == 0);
    link->proxy = proxy_new(link->env, proxy, target);
    link->proxied = link->proxy != NULL;
    return link->proxy ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

/* What an error is before there is a stream to the relay. */
static int proxy_error(int error, bool dialling)
{
    switch (error) {
    case TOXTCP_ERR_REFUSED:
    case TOXTCP_ERR_UNREACHABLE:
    case TOXTCP_ERR_HOST_UNKNOWN:
        return dialling ? TOXTCP_ERR_PROXY_UNREACHABLE : error;
    case TOXTCP_ERR_TIMED_OUT:
        return dialling ? TOXTCP_ERR_PROXY_UNREACHABLE : TOXTCP_ERR_PROXY_TIMED_OUT;
    case TOXTCP_ERR_CLOSED:
    case TOXTCP_ERR_RESET:
        return TOXTCP_ERR_PROXY_CLOSED;
    case TOXTCP_ERR_NETWORK:
        /* So a driver may call an end of which it does not know whose it was. */
        return dialling ? error : TOXTCP_ERR_PROXY_CLOSED;
    default:
        return error;
    }
}

int link_error(const struct toxtcp_link *link, int error)
{
    const bool unanswered = link->state == LINK_SHAKING && link->channel.state == CHANNEL_AWAITS_RESPONSE;

    if (link->proxied && link->state <= LINK_PROXY) {
        return proxy_error(error, link->state == LINK_DIALLING);
    }
    /* A relay that cannot open our request has nothing to say: it closes. So does a proxy that said yes before it tried
     * to reach the relay, and which of the two it was nobody knows. */
    const bool over = error == TOXTCP_ERR_CLOSED || error == TOXTCP_ERR_RESET;
    return over && unanswered && !link->proxied ? TOXTCP_ERR_WRONG_KEY : error;
}

size_t toxtcp_link_early_output(struct toxtcp_link *link, const uint8_t **bytes)
{
    assert(link->busy == 0 && link->state == LINK_DIALLING);
    const bool secret = link->proxy && !proxy_may_begin_twice(link->proxy);
    if (secret || (link_waiting(link) == 0 && link->owner->begin(link))) {
        *bytes = NULL;
        return 0;
    }
    return toxtcp_link_output(link, bytes);
}

/* The stream to the relay is open. */
static int begin(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms)
{
    int error = TOXTCP_OK;

    link->state = LINK_SHAKING;
    if (buffer_len(&link->channel.out) == 0) {
        error = link->owner->begin(link);
    }
    if (!error) {
        error = link->owner->connected(link, remote, now_ms);
    }
    return error;
}

void toxtcp_link_connected(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms)
{
    int error = TOXTCP_OK;

    assert(link->busy == 0 && link->state == LINK_DIALLING);
    link_enter(link);
    link->now_ms = now_ms;
    if (link->proxy) {
        link->state = LINK_PROXY;
    } else {
        error = begin(link, remote, now_ms);
    }
    if (error) {
        link_fail(link, error, now_ms);
    } else {
        announce_output(link);
    }
    settle_and_leave(link);
}

/* The dialogue is of no use any more once it has led to the relay and all its words are written. */
static void drop_proxy_if_done(struct toxtcp_link *link)
{
    const uint8_t *words;

    if (link->proxy && link->state > LINK_PROXY && proxy_words(link->proxy, &words) == 0) {
        proxy_free(link->proxy, link->env);
        link->proxy = NULL;
    }
}

/* What the proxy says: 1 when what comes after it is the relay's, 0 when all is read, or an error. */
static int hear_proxy(struct toxtcp_link *link, struct channel_input *input, uint64_t now_ms)
{
    size_t used;
    const int event = proxy_hear(link->proxy, input->bytes + input->used, input->len - input->used, &used);
    int error = event;

    input->used += used;
    if (event == PROXY_DONE) {
        error = begin(link, NULL, now_ms);
        drop_proxy_if_done(link);
    }
    if (error < 0) {
        return error;
    }
    announce_output(link);
    return event == PROXY_DONE;
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

    assert(link->busy == 0 && link->state >= LINK_PROXY && link->state <= LINK_OPEN);
    link_enter(link);
    link->now_ms = now_ms;
    if (len > 0) {
        link->received_at_ms = now_ms;
    }
    if (more && link->state == LINK_PROXY) {
        more = hear_proxy(link, &input, now_ms);
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
    error = link_error(link, error);
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

/* The proxy's words, which go before all else. */
static size_t words_waiting(const struct toxtcp_link *link)
{
    const uint8_t *words;

    return link->proxy ? proxy_words(link->proxy, &words) : 0;
}

bool link_path(struct toxtcp_link *link, struct toxtcp_path *path)
{
    const struct toxtcp_driver *driver = link->driver;
    const bool has_stream = link->state == LINK_SHAKING || link->state == LINK_OPEN;

    *path = (struct toxtcp_path){0};
    return has_stream && driver->path && driver->path(driver->user, link, path);
}

size_t link_waiting(const struct toxtcp_link *link)
{
    return words_waiting(link) + buffer_len(&link->channel.out);
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
    const size_t len = words_waiting(link);

    if (len > 0) {
        return proxy_words(link->proxy, bytes);
    }
    *bytes = buffer_peek(&link->channel.out);
    return buffer_len(&link->channel.out);
}

static void consume_output(struct toxtcp_link *link, size_t len)
{
    const size_t old_size = output_size(link);

    if (words_waiting(link) > 0) {
        proxy_said(link->proxy, len);
        drop_proxy_if_done(link);
        /* What comes after the words was not lent with them. */
        link->output_said = words_waiting(link) > 0;
        announce_output(link);
        return;
    }
    buffer_consume(&link->channel.out, link->env, len);
    note_output(link, old_size);
}

void toxtcp_link_sent(struct toxtcp_link *link, size_t len, uint64_t now_ms)
{
    assert(link->busy == 0);
    if (now_ms < link->now_ms) {
        /* With a proxy it is a greeting that left, and no handshake. */
        if (link->state == LINK_SHAKING && link->owner->left_early) {
            link->owner->left_early(link, now_ms);
        }
        now_ms = link->now_ms;
    }
    consume_output(link, len);
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
    assert(!channel->handshake || link->state == LINK_DIALLING || link->state == LINK_SHAKING);
    assert(!link->proxy || link->state != LINK_CLOSED);
    assert(link->state != LINK_PROXY || (link->proxy && !channel->handshake));
    assert(buffer_len(&channel->in) < WIRE_FRAME_MAX);
    assert(link->state != LINK_CLOSED || (!channel->in.block && !channel->out.block));
    assert(link->state == LINK_CLOSED || link->output_said == (link_waiting(link) > 0 && link->state != LINK_DIALLING));
    (void)channel;
}
