/* The end-to-end layer: who is there, what is sealed, what goes out. SPDX-License-Identifier: ISC
 *
 * Each side is known by a random number. Data counts only when it names both sides' numbers, so that nothing that was
 * recorded earlier can be played to us again. A number of the peer's is believed only from somebody who sends back a
 * challenge that is used once. Hence three hellos make a pair of numbers: mine with a challenge, the peer's with its
 * answer and a challenge of its own, mine with the answer to that.
 *
 * Segments are counted anew in each pair, so a pair must not come back once it has been used: the peer's key may run
 * in two places that take turns. Whoever leaves a used pair for another one therefore takes a new number; a number
 * under which nothing has been heard yet is kept, or both sides would go on renaming themselves for ever. */
#include "session.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>
#include <toxtcp/limits.h>

#include "allowance.h"
#include "inbox.h"
#include "outbox.h"
#include "session_packet.h"

enum {
    HELLO_WAIT_MIN_MS = 500, /* for the answer to a hello; doubles */
    HELLO_WAIT_MAX_MS = 10000,
    ANSWERS_MAX = 8,       /* hellos, or repeated acknowledgements, in a row that others can make us send */
    ANSWER_EVERY_MS = 250, /* and from then on */
};

struct session {
    struct session_callbacks callbacks;
    void *user;
    struct session_box box;
    struct session_id ours;
    struct session_id theirs;
    struct session_id challenge;  /* ours that awaits its response; zero: none does */
    struct session_id resent_for; /* the peer's challenge that has made us send all again */
    bool paired;                  /* `theirs` is known */
    bool used;                    /* something was heard in this pair */
    bool path_open;               /* nothing was refused since the last news of the path */
    bool answer_owed;             /* an acknowledgement was refused */
    uint32_t hellos_unanswered;
    uint64_t hello_at_ms;           /* while not paired: the next hello of our own */
    struct allowance hellos;        /* strangers can play old packets to us: they shall not make us send without end */
    struct allowance corrections;   /* hellos that answer data: one is enough for all that is under way */
    struct allowance repeated_acks; /* apart, so that data that is played again does not keep us from pairing */
    uint64_t received;
    uint64_t addresses_sent; /* serials, in this pair */
    uint64_t addresses_seen;
    struct outbox outbox;
    struct inbox inbox;
};

static const struct session_id no_id;

static bool same_id(const struct session_id *a, const struct session_id *b)
{
    return sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_none(const struct session_id *id)
{
    return same_id(id, &no_id);
}

static struct session_id random_id(void)
{
    struct session_id id;

    do {
        randombytes_buf(id.bytes, sizeof id.bytes);
    } while (is_none(&id));
    return id;
}

int session_new(const struct toxtcp_key_pair *keys, const struct toxtcp_public_key *peer_key,
                const struct session_callbacks *callbacks, void *user, struct session **session)
{
    struct session *made = calloc(1, sizeof *made);
    int error;

    if (made == NULL) {
        return TOXTCP_ERR_NO_MEMORY;
    }
    error = session_box_init(&made->box, keys, peer_key);
    if (error != TOXTCP_OK) {
        free(made);
        return error;
    }
    made->callbacks = *callbacks;
    made->user = user;
    made->ours = random_id();
    made->path_open = true;
    made->hellos = made->repeated_acks = allowance_of(ANSWERS_MAX, ANSWER_EVERY_MS);
    made->corrections = allowance_of(1, ANSWER_EVERY_MS);
    outbox_init(&made->outbox);
    *session = made;
    return TOXTCP_OK;
}

void session_free(struct session *session)
{
    if (session == NULL) {
        return;
    }
    outbox_free(&session->outbox);
    inbox_free(&session->inbox);
    sodium_memzero(session, sizeof *session);
    free(session);
}

/* Returns whether it is on its way, or lost like one. `way` is NULL for what is not reported on. */
static bool transmit(struct session *session, const struct session_packet *packet, bool every_way,
                     struct session_way *way)
{
    uint8_t bytes[SESSION_PACKET_MAX];
    size_t len = session_packet_seal(&session->box, packet, bytes);
    int error;

    if (way != NULL) {
        *way = (struct session_way){.index = 0};
    }
    error = session->callbacks.transmit(session->user, bytes, len, every_way, way);
    session->path_open = error == TOXTCP_OK || error == TOXTCP_ERR_NO_MEMORY;
    return session->path_open;
}

/* --- Who is there --- */

static bool knows(const struct session *session, const struct session_id *from)
{
    return session->paired && same_id(from, &session->theirs);
}

/* `response` is what the peer asked for, or none. */
static void send_hello(struct session *session, bool ask, const struct session_id *response)
{
    struct session_packet hello = {.kind = SESSION_HELLO, .from = session->ours, .response = *response};

    if (ask) {
        if (is_none(&session->challenge)) {
            session->challenge = random_id();
        }
        hello.challenge = session->challenge;
    }
    /* Every way: the best one may be dead and not know it, and hellos are small and few. */
    (void)transmit(session, &hello, true, NULL);
}

/* A hello of our own accord: there is something to say, and nobody is known who would hear it. */
static void greet(struct session *session, uint64_t now_ms)
{
    uint64_t wait = (uint64_t)HELLO_WAIT_MIN_MS << (session->hellos_unanswered < 8 ? session->hellos_unanswered : 8);

    send_hello(session, true, &no_id);
    session->hellos_unanswered++;
    session->hello_at_ms = now_ms + (wait < HELLO_WAIT_MAX_MS ? wait : HELLO_WAIT_MAX_MS);
}

static void pair_with(struct session *session, const struct session_id *theirs)
{
    if (session->used) {
        /* The pair that we leave must not come back: its segments would be taken for those of the next one. */
        session->ours = random_id();
    }
    session->theirs = *theirs;
    session->paired = true;
    session->used = false;
    session->resent_for = no_id;
    session->hellos_unanswered = 0;
    session->addresses_sent = session->addresses_seen = 0;
    inbox_free(&session->inbox);
    outbox_restart(&session->outbox);
    session->callbacks.paired(session->user);
}

/* --- What goes out --- */

static void fill_acknowledgement(const struct session *session, struct session_packet *packet)
{
    packet->from = session->ours;
    packet->to = session->theirs;
    packet->awaited = session->inbox.awaited;
    packet->held = inbox_held(&session->inbox);
}

static void acknowledge(struct session *session, bool every_way)
{
    struct session_packet packet = {.kind = SESSION_ACK};

    fill_acknowledgement(session, &packet);
    session->answer_owed = !transmit(session, &packet, every_way, NULL);
}

static void send_segments(struct session *session, uint64_t now_ms)
{
    struct outbox_segment segment;

    while (session->path_open && outbox_next(&session->outbox, &segment)) {
        struct session_packet packet = {.kind = SESSION_DATA,
                                        .segment = segment.segment,
                                        .last = segment.last,
                                        .text = segment.text,
                                        .text_len = segment.len};
        struct session_way way;

        fill_acknowledgement(session, &packet);
        if (transmit(session, &packet, segment.every_way, &way)) {
            outbox_sent(&session->outbox, segment.segment, way, now_ms);
        }
    }
}

static void send_what_is_due(struct session *session, uint64_t now_ms)
{
    if (session->paired) {
        send_segments(session, now_ms);
    } else if (session->path_open && session->outbox.count > 0 && now_ms >= session->hello_at_ms) {
        greet(session, now_ms);
    }
}

int session_send(struct session *session, const uint8_t *text, size_t len, uint64_t now_ms, uint64_t *number)
{
    int error = outbox_add(&session->outbox, text, len, now_ms, number);

    if (error == TOXTCP_OK) {
        send_what_is_due(session, now_ms);
    }
    return error;
}

/* --- What comes in --- */

/* Whoever asks who we are has dropped what we said so far; but nobody who has answered us asks that under the same
 * number, and an old question that is played again shall not make us send all again and again. */
static void resend_for(struct session *session, const struct session_id *challenge)
{
    if (session->used || same_id(challenge, &session->resent_for) || !outbox_is_under_way(&session->outbox)) {
        return;
    }
    session->resent_for = *challenge;
    outbox_resend(&session->outbox);
}

static void receive_hello(struct session *session, const struct session_packet *hello, uint64_t now_ms)
{
    bool asks = !is_none(&hello->challenge);

    if (!is_none(&session->challenge) && same_id(&hello->response, &session->challenge)) {
        session->challenge = no_id;
        if (!knows(session, &hello->from)) {
            pair_with(session, &hello->from);
        }
    }
    if ((asks || !knows(session, &hello->from)) && allowance_take(&session->hellos, now_ms)) {
        send_hello(session, !knows(session, &hello->from), &hello->challenge);
        if (asks && knows(session, &hello->from)) {
            resend_for(session, &hello->challenge);
        }
    }
    send_what_is_due(session, now_ms);
}

static void report_delivered(struct session *session, uint64_t now_ms)
{
    uint64_t number;
    uint64_t added_ms;

    while (outbox_take_delivered(&session->outbox, &number, &added_ms)) {
        session->callbacks.delivered(session->user, number, now_ms - added_ms);
    }
}

static void receive_segment(struct session *session, const struct session_packet *packet, uint64_t now_ms)
{
    enum inbox_verdict verdict =
        inbox_put(&session->inbox, packet->segment, packet->last, packet->text, packet->text_len);
    const uint8_t *text;
    size_t len;

    while (inbox_take(&session->inbox, &text, &len)) {
        session->received++;
        session->callbacks.message(session->user, text, len);
    }
    /* A segment that we know has come again because our answer got lost, or because somebody plays it to us. */
    if (verdict == INBOX_NEW || allowance_take(&session->repeated_acks, now_ms)) {
        acknowledge(session, verdict == INBOX_KNOWN);
    }
}

static void report_fates(struct session *session)
{
    struct outbox_report report;

    while (outbox_take_report(&session->outbox, &report)) {
        session->callbacks.reported(session->user, report.way, report.arrived, report.count);
    }
}

static void receive_acknowledgement(struct session *session, const struct session_packet *packet, uint64_t now_ms)
{
    if (!outbox_acknowledged(&session->outbox, packet->awaited, packet->held, now_ms)) {
        return;
    }
    session->used = true;
    report_fates(session);
    report_delivered(session, now_ms);
    if (packet->kind == SESSION_DATA && session->callbacks.listens(session->user)) {
        receive_segment(session, packet, now_ms);
    }
    send_segments(session, now_ms);
}

static uint64_t number_of(const struct session_id *id)
{
    uint64_t number;

    memcpy(&number, id->bytes, sizeof number);
    return number;
}

static struct session_id id_of(uint64_t number)
{
    struct session_id id;

    memcpy(id.bytes, &number, sizeof number);
    return id;
}

static void receive_probe(struct session *session, const struct session_packet *packet)
{
    struct session_probe probe = {
        .challenge = number_of(&packet->challenge), .response = number_of(&packet->response), .flags = packet->flags};

    if (packet->address_count > 0) {
        probe.seen = packet->addresses[0];
    }
    session->callbacks.probed(session->user, &probe);
}

static void receive_from_peer(struct session *session, const struct session_packet *packet, uint64_t now_ms)
{
    if (packet->kind == SESSION_PROBE) {
        receive_probe(session, packet);
    } else if (packet->kind != SESSION_ADDRESSES) {
        receive_acknowledgement(session, packet, now_ms);
    } else if (packet->serial > session->addresses_seen) {
        session->addresses_seen = packet->serial;
        session->callbacks.addresses(session->user, packet->addresses, packet->address_count);
    }
}

bool session_receive(struct session *session, const uint8_t *packet, size_t len, uint64_t now_ms)
{
    uint8_t plain[SESSION_PLAIN_MAX];
    struct session_packet opened;
    bool of_this_pair = false;

    if (!session_packet_open(&session->box, packet, len, plain, &opened)) {
        return false;
    }
    if (opened.kind == SESSION_HELLO) {
        receive_hello(session, &opened, now_ms);
    } else if (!knows(session, &opened.from) || !same_id(&opened.to, &session->ours)) {
        if (allowance_take(&session->corrections, now_ms) && allowance_take(&session->hellos, now_ms)) {
            send_hello(session, !knows(session, &opened.from), &no_id);
        }
    } else {
        of_this_pair = true;
        receive_from_peer(session, &opened, now_ms);
    }
    sodium_memzero(plain, sizeof plain);
    return of_this_pair;
}

/* --- Packets that others send --- */

size_t session_make_probe(const struct session *session, const struct session_probe *probe,
                          uint8_t bytes[SESSION_PACKET_MAX])
{
    struct session_packet packet = {.kind = SESSION_PROBE,
                                    .from = session->ours,
                                    .to = session->theirs,
                                    .challenge = id_of(probe->challenge),
                                    .response = id_of(probe->response),
                                    .flags = probe->flags,
                                    .addresses = {probe->seen},
                                    .address_count = probe->seen.family == TOXTCP_FAMILY_NONE ? 0 : 1};

    return session->paired ? session_packet_seal(&session->box, &packet, bytes) : 0;
}

size_t session_make_addresses(struct session *session, const struct toxtcp_address *addresses, size_t count,
                              uint8_t bytes[SESSION_PACKET_MAX])
{
    struct session_packet packet = {.kind = SESSION_ADDRESSES, .from = session->ours, .to = session->theirs};

    if (!session->paired) {
        return 0;
    }
    packet.serial = ++session->addresses_sent;
    for (size_t i = 0; i < count && i < SESSION_ADDRESSES_MAX; i++) {
        packet.addresses[packet.address_count++] = addresses[i];
    }
    return session_packet_seal(&session->box, &packet, bytes);
}

/* --- The path and the time --- */

void session_path_changed(struct session *session, uint64_t now_ms)
{
    session->path_open = true;
    if (!session->paired) {
        session->hellos_unanswered = 0;
        greet(session, now_ms);
        return;
    }
    outbox_resend(&session->outbox);
    session_can_send(session, now_ms);
}

void session_can_send(struct session *session, uint64_t now_ms)
{
    session->path_open = true;
    if (session->answer_owed) {
        acknowledge(session, false);
    }
    send_what_is_due(session, now_ms);
}

uint64_t session_deadline(const struct session *session)
{
    if (!session->path_open) {
        return TOXTCP_NEVER;
    }
    if (session->paired) {
        return session->outbox.deadline_ms;
    }
    return session->outbox.count > 0 ? session->hello_at_ms : TOXTCP_NEVER;
}

void session_expire(struct session *session, uint64_t now_ms)
{
    if (now_ms < session_deadline(session)) {
        return;
    }
    if (session->paired) {
        outbox_expire(&session->outbox, now_ms);
        report_fates(session);
    }
    send_what_is_due(session, now_ms);
}

void session_get_info(const struct session *session, struct session_info *info)
{
    *info = (struct session_info){.ready = session->paired,
                                  .waiting = session->outbox.count,
                                  .rtt_ms = session->outbox.srtt_ms,
                                  .sent = session->outbox.number,
                                  .received = session->received,
                                  .segments_sent = session->outbox.sent_count};
}
