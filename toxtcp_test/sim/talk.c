/* The layer above: messages that are acknowledged, and sent again until they are. SPDX-License-Identifier: ISC */
#include <string.h>

#include "world.h"

enum { PACKET_MESSAGE = 0x51, PACKET_ACK = 0x52 };
enum { SIZE_MAX_OF_MESSAGE = 1373, TIMEOUT_MIN_MS = 1000, TIMEOUT_MAX_MS = 8000, FIRST_TIMEOUT_MS = 3000 };
enum { ASK_AGAIN_MS = 1000, OFFLINE_AGAIN_MS = 5000, OOB_AGAIN_MS = 30000, COPIES_TO_SLEEPER = 2 };

/* The start of each packet; the rest is filler that follows from it. */
struct header {
    uint8_t type;
    uint8_t from; /* of the message, also in its acknowledgement */
    uint8_t to;
    uint8_t zero;
    uint32_t seq;
    uint32_t copy;
    uint32_t size;
};

static uint64_t now_of(const struct flow *flow)
{
    return flow->world->events.now_ms;
}

static struct message *message_of(struct flow *flow, uint32_t seq)
{
    return &flow->messages[seq % MESSAGES];
}

static struct copy *copy_of(struct message *message, uint32_t number)
{
    struct copy *copy = &message->copies[number % COPIES];

    return copy->number == number ? copy : NULL;
}

/* --- Packets --- */

static void fill(uint8_t *bytes, const struct header *header)
{
    struct dice dice = {.state = ((uint64_t)header->seq << 32) ^ ((uint64_t)header->copy << 8) ^
                                 ((uint64_t)header->from << 4) ^ header->to};

    memcpy(bytes, header, sizeof *header);
    for (size_t at = sizeof *header; at < header->size; at += sizeof(uint64_t)) {
        const uint64_t number = dice_next(&dice);
        const size_t left = header->size - at;
        memcpy(bytes + at, &number, left < sizeof number ? left : sizeof number);
    }
}

static bool is_whole(const uint8_t *data, size_t len, const struct header *header)
{
    uint8_t wanted[SIZE_MAX_OF_MESSAGE];

    if (len != header->size || header->zero != 0) {
        return false;
    }
    fill(wanted, header);
    return memcmp(wanted, data, len) == 0;
}

/* --- Sending --- */

static uint32_t timeout_of(const struct flow *flow)
{
    const uint32_t ms = flow->srtt_ms ? flow->srtt_ms + 4 * flow->rttvar_ms : FIRST_TIMEOUT_MS;

    if (ms < TIMEOUT_MIN_MS) {
        return TIMEOUT_MIN_MS;
    }
    return ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : ms;
}

static void report_lost(struct flow *flow, struct message *message)
{
    const struct contact *contact = &flow->from->contacts[flow->to->index];
    const struct copy *copy = copy_of(message, message->copy_count);

    if (copy && !copy->reported && flow->world->knobs.reports) {
        (void)toxtcp_peer_report_lost(flow->from->connections, contact->handle, copy->via, 1);
    }
}

static void note_copy(struct flow *flow, struct message *message)
{
    const struct contact *contact = &flow->from->contacts[flow->to->index];
    struct copy *copy;

    message->copy_count++;
    copy = &message->copies[message->copy_count % COPIES];
    *copy = (struct copy){.number = message->copy_count, .sent_ms = now_of(flow)};
    net_require(toxtcp_peer_last_relay(flow->from->connections, contact->handle, &copy->via) == TOXTCP_OK,
                "a peer that was sent to is gone");
    copy->relay = sim_peer_relay(flow->from, copy->via);
    if (copy->relay == NO_RELAY && toxtcp_peer_online_count(flow->from->connections, contact->handle) > 0) {
        trace_fail("oob", "peer%u: message %u to peer%u went as OOB, though it is online", flow->from->index,
                   message->seq, flow->to->index);
    }
    /* As OOB it went to somebody who may not be there. */
    message->due_ms = now_of(flow) + (copy->relay == NO_RELAY ? OOB_AGAIN_MS : timeout_of(flow));
    flow->world->results->sent++;
    if (trace_is_loud()) {
        trace("peer%u: message %u copy %u to peer%u through relay%u", flow->from->index, message->seq, copy->number,
              flow->to->index, copy->relay);
    }
    watch_sent(flow, copy->relay);
}

/* Returns what toxtcp_peer_send() said. */
static int send_copy(struct flow *flow, struct message *message)
{
    const struct contact *contact = &flow->from->contacts[flow->to->index];
    const struct header header = {.type = PACKET_MESSAGE,
                                  .from = (uint8_t)flow->from->index,
                                  .to = (uint8_t)flow->to->index,
                                  .seq = message->seq,
                                  .copy = message->copy_count + 1,
                                  .size = message->size};
    uint8_t bytes[SIZE_MAX_OF_MESSAGE];

    fill(bytes, &header);
    return toxtcp_peer_send(flow->from->connections, contact->handle, bytes, header.size);
}

static void try_message(struct flow *flow, struct message *message)
{
    report_lost(flow, message);
    const int error = send_copy(flow, message);
    if (trace_is_loud() && error) {
        trace("peer%u: message %u to peer%u: %s", flow->from->index, message->seq, flow->to->index,
              toxtcp_strerror(error));
    }
    switch (error) {
    case TOXTCP_OK:
        note_copy(flow, message);
        break;
    case TOXTCP_ERR_WOULD_BLOCK:
        flow->blocked = true;
        break;
    case TOXTCP_ERR_NOT_CONNECTED:
        message->due_ms = now_of(flow) + OFFLINE_AGAIN_MS;
        break;
    case TOXTCP_ERR_TOO_LONG: /* for OOB */
    case TOXTCP_ERR_NO_MEMORY:
        message->due_ms = now_of(flow) + ASK_AGAIN_MS;
        break;
    default:
        trace_fail("send", "peer%u to peer%u: %s", flow->from->index, flow->to->index, toxtcp_strerror(error));
    }
}

static void await_sending(struct flow *flow)
{
    uint64_t first_ms = TOXTCP_NEVER;

    for (uint32_t seq = flow->oldest; seq != flow->next; seq++) {
        const struct message *message = message_of(flow, seq);
        if (message->open && message->due_ms < first_ms) {
            first_ms = message->due_ms;
        }
    }
    event_set(&flow->world->events, &flow->sending, flow->blocked ? TOXTCP_NEVER : first_ms);
}

/* One who puts us to sleep does not answer; that is heard by the way of which this simulation knows nothing. */
static bool is_worth_trying(const struct flow *flow, const struct message *message)
{
    return message->copy_count < COPIES_TO_SLEEPER || sim_peer_can_talk(flow->to, flow->from->index);
}

static void on_sending(void *user)
{
    struct flow *flow = user;

    if (!sim_peer_can_talk(flow->from, flow->to->index)) {
        event_set(&flow->world->events, &flow->sending, now_of(flow) + ASK_AGAIN_MS);
        return;
    }
    for (uint32_t seq = flow->oldest; seq != flow->next && !flow->blocked; seq++) {
        struct message *message = message_of(flow, seq);
        if (!message->open || message->due_ms > now_of(flow)) {
            continue;
        }
        if (is_worth_trying(flow, message)) {
            try_message(flow, message);
        } else {
            message->due_ms = now_of(flow) + OFFLINE_AGAIN_MS;
        }
    }
    await_sending(flow);
    host_settle(flow->from->host);
}

static void send_soon(struct flow *flow)
{
    if (!flow->blocked && flow->oldest != flow->next) {
        event_hasten(&flow->world->events, &flow->sending, now_of(flow));
    }
}

void talk_can_send(struct flow *flow)
{
    flow->blocked = false;
    send_soon(flow);
}

void talk_hurry(struct flow *flow)
{
    for (uint32_t seq = flow->oldest; seq != flow->next; seq++) {
        struct message *message = message_of(flow, seq);
        const struct copy *copy = copy_of(message, message->copy_count);
        if (message->open && (message->copy_count == 0 || (copy && copy->relay == NO_RELAY))) {
            message->due_ms = now_of(flow);
        }
    }
    send_soon(flow);
}

void talk_forget(struct flow *flow)
{
    talk_can_send(flow);
}

/* --- Receiving --- */

static void measure(struct flow *flow, uint64_t rtt_ms)
{
    const uint32_t rtt = (uint32_t)rtt_ms;

    if (flow->srtt_ms == 0) {
        flow->srtt_ms = rtt + 1;
        flow->rttvar_ms = rtt / 2;
        return;
    }
    const uint32_t distance = rtt > flow->srtt_ms ? rtt - flow->srtt_ms : flow->srtt_ms - rtt;
    flow->rttvar_ms = (3 * flow->rttvar_ms + distance) / 4;
    flow->srtt_ms = (7 * flow->srtt_ms + rtt) / 8 + 1;
}

static void report_delivered(struct flow *flow, struct copy *copy)
{
    const struct contact *contact = &flow->from->contacts[flow->to->index];

    if (!copy->reported && flow->world->knobs.reports) {
        (void)toxtcp_peer_report_delivered(flow->from->connections, contact->handle, copy->via, 1);
    }
    copy->reported = true;
}

static void take_ack(struct flow *flow, const struct header *header)
{
    struct message *message = message_of(flow, header->seq);
    struct copy *copy = message->seq == header->seq ? copy_of(message, header->copy) : NULL;

    if (!copy || header->copy == 0) {
        return;
    }
    if (!copy->reported) {
        measure(flow, now_of(flow) - copy->sent_ms);
    }
    report_delivered(flow, copy);
    message->open = false;
    while (flow->oldest != flow->next && !message_of(flow, flow->oldest)->open) {
        flow->oldest++;
    }
}

static void send_ack(struct sim_peer *to, const struct header *header)
{
    struct header ack = *header;
    uint8_t bytes[sizeof ack];

    ack.type = PACKET_ACK;
    ack.size = sizeof ack;
    fill(bytes, &ack);
    /* One that is refused is made up for by the next copy. */
    (void)toxtcp_peer_send(to->connections, to->contacts[header->from].handle, bytes, sizeof bytes);
}

static void take_message(struct flow *flow, const struct header *header, uint32_t relay)
{
    struct message *message = message_of(flow, header->seq);

    if (message->seq == header->seq) {
        oracle_delivery_arrived(flow, message, header->copy, relay);
        if (!message->arrived) {
            message->arrived = true;
            flow->world->results->delivered++;
        }
        if (copy_of(message, header->copy)) {
            watch_delivered(flow, copy_of(message, header->copy));
        }
    }
    send_ack(flow->to, header);
}

/* Of what a flow never sent, sequence numbers tell nothing. */
static const char *judge(const struct sim_peer *to, uint32_t from, const uint8_t *data, size_t len,
                         struct header *header)
{
    const bool ack = len >= sizeof *header && data[0] == PACKET_ACK;

    if (len < sizeof *header || len > SIZE_MAX_OF_MESSAGE || (!ack && data[0] != PACKET_MESSAGE)) {
        return "no packet of ours";
    }
    memcpy(header, data, sizeof *header);
    if (!is_whole(data, len, header)) {
        return "a packet that was changed";
    }
    if (ack ? header->from != to->index || header->to != from : header->from != from || header->to != to->index) {
        return "a packet of others";
    }
    const struct flow *flow = ack ? &to->world->flows[to->index][from] : &to->world->flows[from][to->index];
    return header->seq < flow->next ? NULL : "a packet that was never sent";
}

void talk_receive(struct sim_peer *to, uint32_t from, uint32_t relay, const uint8_t *data, size_t len)
{
    struct world *world = to->world;
    struct header header = {0};
    const char *why = judge(to, from, data, len, &header);

    if (why) {
        oracle_delivery_of_nothing(to, from, relay, why);
        return;
    }
    if (trace_is_loud()) {
        trace("peer%u: %s %u copy %u from peer%u through relay%u", to->index,
              header.type == PACKET_ACK ? "ack" : "message", header.seq, header.copy, from, relay);
    }
    if (header.type == PACKET_ACK) {
        take_ack(&world->flows[to->index][from], &header);
    } else {
        take_message(&world->flows[from][to->index], &header, relay);
    }
}

/* --- Having something to say --- */

static void create(struct flow *flow, uint32_t count)
{
    for (uint32_t i = 0; i < count && flow->next - flow->oldest < WINDOW; i++) {
        struct message *message = message_of(flow, flow->next);
        *message = (struct message){
            .seq = flow->next,
            .size = dice_between(&flow->dice, sizeof(struct header), SIZE_MAX_OF_MESSAGE),
            .open = true,
            .due_ms = now_of(flow),
        };
        flow->next++;
    }
    send_soon(flow);
}

static void draw_pattern(struct flow *flow)
{
    const struct knobs *knobs = &flow->world->knobs;
    const uint32_t kind = dice_below(&flow->dice, PATTERN_KINDS);
    uint32_t lasts_ms = dice_between(&flow->dice, 10000, 200000);

    flow->idle = dice_chance(&flow->dice, knobs->idle_percent) || !(knobs->patterns >> kind & 1);
    flow->pattern = (enum pattern_kind)kind;
    if (!flow->idle && kind == PATTERN_STEADY) {
        lasts_ms = dice_between(&flow->dice, 5000, 40000);
        faults_tempt(flow->world, flow);
    } else if (!flow->idle && kind == PATTERN_BURST) {
        create(flow, dice_between(&flow->dice, 5, WINDOW));
    }
    flow->pattern_until_ms = now_of(flow) + lasts_ms;
}

static void on_creating(void *user)
{
    struct flow *flow = user;
    uint64_t next_ms;

    if (now_of(flow) >= flow->pattern_until_ms) {
        draw_pattern(flow);
    }
    if (flow->idle || flow->pattern == PATTERN_BURST) {
        next_ms = flow->pattern_until_ms;
    } else {
        const bool steady = flow->pattern == PATTERN_STEADY;
        create(flow, 1);
        next_ms = now_of(flow) + (steady ? 100 : dice_between(&flow->dice, 5000, 60000));
    }
    event_set(&flow->world->events, &flow->creating, next_ms);
}

void talk_open(struct flow *flow, struct world *world, struct sim_peer *from, struct sim_peer *to)
{
    *flow = (struct flow){.world = world, .from = from, .to = to, .hit_at_ms = TOXTCP_NEVER};
    flow->dice = dice_of(world->seed, PURPOSE_FLOWS + ((uint64_t)(from->index * PEERS_MAX + to->index) << 8));
    event_join(&world->events, &flow->creating, EVENT_WORLD, on_creating, flow);
    event_join(&world->events, &flow->sending, EVENT_WORLD, on_sending, flow);
}

void talk_start(struct flow *flow)
{
    event_set(&flow->world->events, &flow->creating, now_of(flow) + dice_below(&flow->dice, 30000));
}

void talk_close(struct flow *flow)
{
    event_leave(&flow->world->events, &flow->creating);
    event_leave(&flow->world->events, &flow->sending);
}
