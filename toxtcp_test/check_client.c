/* One client and its relay: what it checks, what it says, what it refuses. SPDX-License-Identifier: ISC */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client_bed.h"

static struct client_bed bed;

static void set_up(void)
{
    client_bed_init(&bed, 1);
}

static void tear_down(void)
{
    client_bed_finish(&bed);
}

static void expect_events(const char *expected)
{
    ck_assert_str_eq(client_bed_events(&bed), expected);
}

static void expect_heard(const char *expected)
{
    ck_assert_str_eq(client_bed_heard(&bed), expected);
}

static void open_quietly(void)
{
    client_bed_open(&bed, NULL);
    expect_events("connected");
    expect_heard("ping");
    client_bed_pong(&bed);
}

static struct toxtcp_client_info info(void)
{
    struct toxtcp_client_info read;

    toxtcp_client_get_info(bed.client, &read);
    return read;
}

/* --- The way to a connection --- */

START_TEST(config_defaults)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    ck_assert_uint_eq(config.connect_timeout_ms, 10000);
    ck_assert_uint_eq(config.ping_interval_ms, 30000);
    ck_assert_uint_eq(config.pong_timeout_ms, 10000);
    ck_assert_uint_eq(config.route_retry_ms, 60000);
    ck_assert_uint_eq(config.output_max, 65536);
}
END_TEST

/* "A client sends a ping as soon as it has the relay's handshake; its routing requests go out in the same segment." */
START_TEST(first_segment)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert(!info().connected);
    ck_assert_uint_eq(info().received_at_ms, TOXTCP_NEVER);
    ck_assert_uint_eq(info().connected_at_ms, TOXTCP_NEVER);
    ck_assert_uint_eq(info().rtt_ms, UINT32_MAX);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    client_bed_connect(&bed);
    ck_assert(bed.relay.opened);
    ck_assert_mem_eq(bed.relay.client_key.bytes, bed.keys.public_key.bytes, 32);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_status(&bed, 'a'), TOXTCP_ROUTE_WAITING);
    expect_heard("");
    expect_events("");
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_events("connected");
    ck_assert(info().connected);
    ck_assert_uint_eq(info().connected_at_ms, bed.relay.now_ms);
    /* One call of output, so one segment. */
    ck_assert_uint_eq(info().output_len, (18 + 9) + 2 * (18 + 33));
    expect_heard("ping ask:a ask:b");
    ck_assert_uint_eq(info().packets_sent, 3);
    ck_assert_uint_eq(info().output_len, 0);
    ck_assert_uint_eq(info().route_count, 2);
}
END_TEST

/* The request may be lent before the stream is open, more than once, and is the first output then. */
START_TEST(request_is_lent_early)
{
    const uint8_t *bytes;
    uint8_t request[128];

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_uint_eq(toxtcp_link_early_output(bed.relay.link, &bytes), sizeof request);
    memcpy(request, bytes, sizeof request);
    client_bed_check(&bed);
    ck_assert_uint_eq(toxtcp_link_early_output(bed.relay.link, &bytes), sizeof request);
    ck_assert_mem_eq(bytes, request, sizeof request);
    if (_i == 0) {
        client_bed_connect(&bed);
        ck_assert(bed.relay.opened);
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
        expect_events("connected");
        expect_heard("ping");
    } else {
        client_bed_free(&bed);
    }
}
END_TEST

/* What is refused for want of memory is made when the stream is open. */
START_TEST(no_memory_to_be_early)
{
    const uint8_t *bytes;

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    for (uint64_t nth = 1; nth <= 2; nth++) {
        toxtcp_env_trim(bed.env.env);
        net_env_fail(&bed.env, nth, false);
        ck_assert_uint_eq(toxtcp_link_early_output(bed.relay.link, &bytes), 0);
        client_bed_check(&bed);
    }
    net_env_fail(&bed.env, 0, false);
    client_bed_connect(&bed);
    ck_assert(bed.relay.opened);
}
END_TEST

static void say_oob(struct client_bed *with)
{
    ck_assert_int_eq(client_bed_oob(with, 'z', 7), TOXTCP_OK);
}

static void go(struct client_bed *with)
{
    client_bed_free(with);
}

/* In one segment, what is said in the callback before the ping; or nothing, when that was the end. */
START_TEST(ping_comes_last)
{
    struct toxtcp_client_config config;

    toxtcp_client_config_default(&config);
    config.ping_last = true;
    bed.act_at = 1;
    bed.act = _i == 0 ? say_oob : go;
    ck_assert_int_eq(client_bed_new(&bed, &config), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    client_bed_connect(&bed);
    (void)raw_relay_flush(&bed.relay);
    expect_events("connected");
    if (_i == 0) {
        ck_assert_uint_eq(info().output_len, (18 + 33) + (18 + 33 + 7) + (18 + 9));
        expect_heard("ask:a oob:z:7 ping");
    }
}
END_TEST

/* The relay may say the handshake and more in one breath, or byte by byte. */
START_TEST(byte_by_byte)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    client_bed_connect(&bed);
    client_bed_queue(&bed, WIRE_PING, 'x', 0, 0);
    client_bed_queue(&bed, WIRE_OOB_RECV, 'z', 0, 1024);
    client_bed_queue(&bed, WIRE_ROUTING_RESPONSE, 'a', 16, 0);
    while (buffer_len(&bed.relay.channel.out) > 0) {
        const uint8_t byte = *buffer_peek(&bed.relay.channel.out);
        buffer_consume(&bed.relay.channel.out, bed.relay.env.env, 1);
        ck_assert_int_eq(toxtcp_link_recv(bed.relay.link, &byte, 1, bed.relay.now_ms), TOXTCP_OK);
        client_bed_check(&bed);
    }
    expect_events("connected oob:z:1024 a=REGISTERED");
    expect_heard("ping ask:a pong:x");
}
END_TEST

START_TEST(nothing_works_before)
{
    uint8_t bytes[200] = {0};
    const struct toxtcp_public_key key = client_bed_key('a');
    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .port = 1};

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    for (uint32_t round = 0; round < 2; round++) {
        ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_ERR_NOT_CONNECTED);
        ck_assert_int_eq(client_bed_oob(&bed, 'a', 1), TOXTCP_ERR_NOT_CONNECTED);
        ck_assert_int_eq(toxtcp_client_send_oob(bed.client, &key, bytes, 1), TOXTCP_ERR_NOT_CONNECTED);
        ck_assert_int_eq(toxtcp_client_send_onion(bed.client, bytes, bytes, 154), TOXTCP_ERR_NOT_CONNECTED);
        ck_assert_int_eq(toxtcp_client_send_forward(bed.client, &address, bytes, 0), TOXTCP_ERR_NOT_CONNECTED);
        ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_ERR_NOT_CONNECTED);
        if (round == 0) {
            client_bed_connect(&bed);
        }
    }
    ck_assert_uint_eq(info().packets_sent, 0);
}
END_TEST

START_TEST(new_is_refused)
{
    bed.relay.keys.public_key = (struct toxtcp_public_key){{0}};
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_ERR_INVALID);
}
END_TEST

static void expect_wrong_key(void)
{
    char text[40];

    (void)snprintf(text, sizeof text, "closed:%d", TOXTCP_ERR_WRONG_KEY);
    expect_events(text);
    ck_assert_uint_eq(toxtcp_client_deadline(bed.client), TOXTCP_NEVER);
}

/* Each kind of answer that is none: 0 rubbish, 1 a flipped bit, 2 the stream ends, 3 it is reset, 4 it ends in the
 * middle of an answer. */
START_TEST(handshake_is_refused)
{
    struct buffer *out = &bed.relay.channel.out;

    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    client_bed_connect(&bed);
    ck_assert_uint_eq(buffer_len(out), WIRE_RESPONSE_SIZE);
    if (_i == 0) {
        memset(out->block + out->front, 0x5a, WIRE_RESPONSE_SIZE);
    } else if (_i == 1) {
        out->block[out->front + 60] ^= 1;
    } else if (_i == 4) {
        ck_assert_int_eq(toxtcp_link_recv(bed.relay.link, buffer_peek(out), 50, bed.relay.now_ms), TOXTCP_OK);
    }
    if (_i <= 1) {
        ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_ERR_WRONG_KEY);
        ck_assert_uint_eq(bed.relay.closed_count, 1);
    } else {
        raw_relay_end(&bed.relay, _i == 3 ? TOXTCP_ERR_RESET : TOXTCP_ERR_CLOSED);
        ck_assert_uint_eq(bed.relay.closed_count, 0);
    }
    expect_wrong_key();
}
END_TEST

/* A request for another key: the relay cannot open it and closes. */
START_TEST(another_relay)
{
    struct toxtcp_key_pair right = bed.relay.keys;

    toxtcp_key_pair_generate(bed.env.env, &bed.relay.keys);
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    bed.relay.keys = right;
    client_bed_connect(&bed);
    ck_assert(!bed.relay.opened);
    ck_assert_int_eq(bed.relay.error, TOXTCP_ERR_WRONG_KEY);
    raw_relay_end(&bed.relay, TOXTCP_ERR_CLOSED);
    expect_wrong_key();
}
END_TEST

static const int stream_errors[] = {
    TOXTCP_ERR_REFUSED, TOXTCP_ERR_UNREACHABLE,  TOXTCP_ERR_TIMED_OUT,     TOXTCP_ERR_CLOSED,
    TOXTCP_ERR_RESET,   TOXTCP_ERR_HOST_UNKNOWN, TOXTCP_ERR_NO_DESCRIPTOR, TOXTCP_ERR_NETWORK,
};

static void expect_closed(int error)
{
    char text[40];

    (void)snprintf(text, sizeof text, "closed:%d", error);
    expect_events(text);
    ck_assert(!info().connected);
    ck_assert_uint_eq(toxtcp_client_deadline(bed.client), TOXTCP_NEVER);
    ck_assert_int_eq(client_bed_add(&bed, 'q'), TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(client_bed_oob(&bed, 'q', 1), TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(toxtcp_client_ping(bed.client), TOXTCP_ERR_NOT_CONNECTED);
    client_bed_pass(&bed, 100000);
    expect_events("");
}

/* What the driver says is what the application hears, in every state in which the relay's key is not in doubt. */
START_TEST(stream_ends_while_dialling)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    raw_relay_end(&bed.relay, stream_errors[_i]);
    expect_closed(stream_errors[_i]);
}
END_TEST

START_TEST(stream_ends_when_open)
{
    open_quietly();
    client_bed_online(&bed, 'a', 16);
    raw_relay_end(&bed.relay, stream_errors[_i]);
    expect_closed(stream_errors[_i]);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_ERR_NOT_CONNECTED);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    ck_assert_uint_eq(bed.relay.closed_count, 0);
}
END_TEST

/* --- Routes --- */

START_TEST(route_life)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_status(&bed, 'a'), TOXTCP_ROUTE_WAITING);
    expect_heard("ask:a");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 5), TOXTCP_ERR_NOT_CONNECTED);
    client_bed_respond(&bed, 'a', 77);
    expect_events("a=REGISTERED");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 5), TOXTCP_ERR_NOT_CONNECTED);
    client_bed_notify(&bed, WIRE_CONNECT, 77);
    expect_events("a=ONLINE");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 5), TOXTCP_OK);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 2031), TOXTCP_OK);
    expect_heard("data:77:5 data:77:2031");
    client_bed_data(&bed, 77, 1);
    client_bed_data(&bed, 77, 2031);
    expect_events("data:a:1 data:a:2031");
    client_bed_notify(&bed, WIRE_DISCONNECT, 77);
    expect_events("a=REGISTERED");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 5), TOXTCP_ERR_NOT_CONNECTED);
    client_bed_notify(&bed, WIRE_CONNECT, 77);
    expect_events("a=ONLINE");
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    expect_heard("bye:77");
    expect_events("");
    ck_assert_uint_eq(info().route_count, 0);
}
END_TEST

START_TEST(added_twice)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    const struct toxtcp_route first = bed.routes['a'];
    const struct toxtcp_public_key key = client_bed_key('a');
    struct toxtcp_route again = {0};
    ck_assert_int_eq(toxtcp_client_route_add(bed.client, &key, &bed, &again), TOXTCP_ERR_EXISTS);
    ck_assert_mem_eq(&again, &first, sizeof first);
    expect_heard("ask:a");
    client_bed_respond(&bed, 'a', 16);
    expect_events("a=REGISTERED");
    ck_assert_int_eq(toxtcp_client_route_add(bed.client, &bed.keys.public_key, NULL, &again), TOXTCP_ERR_INVALID);
}
END_TEST

/* Ids of every value: 0 is a refusal, 1..15 no ids at all. */
START_TEST(every_id)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    expect_heard("ask:a");
    client_bed_respond(&bed, 'a', (uint8_t)_i);
    if (_i == 0) {
        expect_events("a=REFUSED");
        ck_assert_int_eq(client_bed_send(&bed, 'a', 5), TOXTCP_ERR_NOT_CONNECTED);
    } else if (_i < 16) {
        expect_closed(TOXTCP_ERR_PROTOCOL);
    } else {
        expect_events("a=REGISTERED");
        client_bed_notify(&bed, WIRE_CONNECT, (uint8_t)_i);
        expect_events("a=ONLINE");
    }
}
END_TEST

/* "A routing response counts only if this client has an open request for that key. Others are ignored." */
START_TEST(unasked_responses)
{
    open_quietly();
    client_bed_respond(&bed, 'x', 20);
    client_bed_notify(&bed, WIRE_CONNECT, 20);
    client_bed_data(&bed, 20, 3);
    client_bed_respond(&bed, 'x', 0);
    expect_events("");
    client_bed_online(&bed, 'a', 16);
    /* Asked once, answered already: neither another id nor a refusal counts. */
    client_bed_respond(&bed, 'a', 21);
    client_bed_respond(&bed, 'a', 0);
    client_bed_respond(&bed, 'a', 16);
    expect_events("");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_OK);
    client_bed_data(&bed, 21, 3);
    client_bed_data(&bed, 16, 3);
    expect_events("data:a:3");
    expect_heard("data:16:1");
    /* Ids that none can have, unasked: as little. */
    client_bed_respond(&bed, 'x', 7);
    expect_events("");
    ck_assert(info().connected);
}
END_TEST

/* One id for two peers: data would go to the wrong one. */
START_TEST(id_given_twice)
{
    open_quietly();
    client_bed_online(&bed, 'a', 16);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_OK);
    client_bed_respond(&bed, 'b', 16);
    expect_closed(TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* "If the peer was given up while its request was open, the response, when it comes, is answered with a disconnect
 * notification." */
START_TEST(abandoned_request)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(client_bed_status(&bed, 'a'), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_ERR_NOT_FOUND);
    expect_heard("ask:a");
    client_bed_respond(&bed, 'a', 30);
    expect_heard("bye:30");
    client_bed_notify(&bed, WIRE_CONNECT, 30);
    client_bed_data(&bed, 30, 3);
    client_bed_respond(&bed, 'a', 30);
    expect_heard("");
    expect_events("");
    ck_assert_uint_eq(info().route_count, 0);
}
END_TEST

/* A refusal of an abandoned request gives no id to give back. */
START_TEST(abandoned_and_refused)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    expect_heard("ask:a");
    client_bed_respond(&bed, 'a', 0);
    expect_heard("");
    expect_events("");
    client_bed_pass(&bed, 20000);
    expect_heard("");
    ck_assert_uint_eq(info().route_count, 0);
}
END_TEST

/* Given up and wanted again before the answer: one request, one answer, and the old handle is dead. */
START_TEST(abandoned_and_wanted_again)
{
    open_quietly();
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    const struct toxtcp_route old = bed.routes['a'];
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_route_status(bed.client, old), TOXTCP_ERR_NOT_FOUND);
    expect_heard("ask:a");
    client_bed_respond(&bed, 'a', 30);
    expect_events("a=REGISTERED");
    expect_heard("");
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    expect_heard("bye:30");
}
END_TEST

/* "never for an id that it does not hold": given up before the stream is open, or refused. */
START_TEST(no_bye_without_an_id)
{
    ck_assert_int_eq(client_bed_new(&bed, NULL), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'a'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_add(&bed, 'b'), TOXTCP_OK);
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    client_bed_connect(&bed);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_heard("ping ask:b");
    client_bed_respond(&bed, 'b', 0);
    expect_events("connected b=REFUSED");
    ck_assert_int_eq(client_bed_remove(&bed, 'b'), TOXTCP_OK);
    expect_heard("");
}
END_TEST

/* After the disconnect nothing on that id, until a new response assigns it: perhaps to another. */
START_TEST(id_of_old)
{
    open_quietly();
    client_bed_online(&bed, 'a', 16);
    const struct toxtcp_route old = bed.routes['a'];
    ck_assert_int_eq(client_bed_remove(&bed, 'a'), TOXTCP_OK);
    client_bed_data(&bed, 16, 9);
    client_bed_notify(&bed, WIRE_CONNECT, 16);
    client_bed_notify(&bed, WIRE_DISCONNECT, 16);
    expect_events("");
    ck_assert_int_eq(client_bed_send(&bed, 'a', 1), TOXTCP_ERR_NOT_FOUND);
    expect_heard("bye:16");
    client_bed_online(&bed, 'b', 16);
    ck_assert_int_eq(toxtcp_client_send(bed.client, old, (const uint8_t *)"x", 1), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_client_route_remove(bed.client, old), TOXTCP_ERR_NOT_FOUND);
    client_bed_data(&bed, 16, 9);
    expect_events("data:b:9");
    expect_heard("");
}
END_TEST

/* "A connect or disconnect notification counts only for an id that a routing response gave"; twice says nothing new. */
START_TEST(notifications)
{
    open_quietly();
    for (int id = 0; id < 256; id++) {
        client_bed_notify(&bed, WIRE_CONNECT, (uint8_t)id);
        client_bed_notify(&bed, WIRE_DISCONNECT, (uint8_t)id);
    }
    expect_events("");
    client_bed_online(&bed, 'a', 16);
    client_bed_notify(&bed, WIRE_CONNECT, 16);
    expect_events("");
    client_bed_notify(&bed, WIRE_DISCONNECT, 16);
    client_bed_notify(&bed, WIRE_DISCONNECT, 16);
    expect_events("a=REGISTERED");
    client_bed_data(&bed, 16, 4);
    expect_events("");
    expect_heard("");
}
END_TEST

START_TEST(all_240)
{
    struct toxtcp_route route;

    open_quietly();
    for (size_t i = 0; i < 241; i++) {
        struct toxtcp_public_key key = client_bed_key(1);
        key.bytes[0] = (uint8_t)i;
        ck_assert_int_eq(toxtcp_client_route_add(bed.client, &key, &bed.routes[1], &route),
                         i < 240 ? TOXTCP_OK : TOXTCP_ERR_FULL);
    }
    ck_assert_uint_eq(info().route_count, 240);
    ck_assert_int_eq(toxtcp_client_route_remove(bed.client, (struct toxtcp_route){0, 0}), TOXTCP_ERR_NOT_FOUND);
    ck_assert_int_eq(toxtcp_client_route_remove(bed.client, (struct toxtcp_route){UINT32_MAX, 1}),
                     TOXTCP_ERR_NOT_FOUND);
}
END_TEST

/* --- Payloads --- */

START_TEST(payload_sizes)
{
    static const uint8_t bytes[3000];
    const struct toxtcp_address address4 = {.family = TOXTCP_FAMILY_IPV4, .ip = {8, 8, 8, 8}, .port = 33445};
    const struct toxtcp_address address6 = {.family = TOXTCP_FAMILY_IPV6, .ip = {0x20, 1}, .port = 33445};
    const struct toxtcp_address none = {0};

    open_quietly();
    client_bed_online(&bed, 'a', 16);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 0), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(client_bed_send(&bed, 'a', 2032), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(client_bed_oob(&bed, 'b', 0), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(client_bed_oob(&bed, 'b', 1025), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(toxtcp_client_send_onion(bed.client, bytes, bytes, 153), TOXTCP_ERR_EMPTY);
    ck_assert_int_eq(toxtcp_client_send_onion(bed.client, bytes, bytes, 1336), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(toxtcp_client_send_forward(bed.client, &address4, bytes, 1793), TOXTCP_ERR_TOO_LONG);
    ck_assert_int_eq(toxtcp_client_send_forward(bed.client, &none, bytes, 5), TOXTCP_ERR_INVALID);
    expect_heard("");
    ck_assert_int_eq(client_bed_oob(&bed, 'b', 1), TOXTCP_OK);
    ck_assert_int_eq(client_bed_oob(&bed, 'b', 1024), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_send_onion(bed.client, bytes, bytes, 154), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_send_onion(bed.client, bytes, bytes, 1335), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_send_forward(bed.client, &address4, bytes, 0), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_client_send_forward(bed.client, &address6, bytes, 1792), TOXTCP_OK);
    expect_heard("oob:b:1 oob:b:1024 onion:178 onion:1359 forward:7 forward:1811");
}
END_TEST

/* To our own key too: a probe whether the relay works. */
START_TEST(oob_to_oneself)
{
    open_quietly();
    ck_assert_int_eq(toxtcp_client_send_oob(bed.client, &bed.keys.public_key, (const uint8_t *)"x", 1), TOXTCP_OK);
    ck_assert_ptr_nonnull(strstr(client_bed_heard(&bed), "oob:"));
}
END_TEST

START_TEST(opaque_payloads)
{
    open_quietly();
    client_bed_queue(&bed, WIRE_OOB_RECV, 'z', 0, 1);
    client_bed_queue(&bed, WIRE_OOB_RECV, 'z', 0, 1024);
    client_bed_queue(&bed, WIRE_ONION_RESPONSE, 0, 0, 1);
    client_bed_queue(&bed, WIRE_ONION_RESPONSE, 0, 0, 2031);
    client_bed_queue(&bed, WIRE_FORWARDING, 0, 0, 1);
    client_bed_queue(&bed, WIRE_FORWARDING, 0, 0, 2031);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_events("oob:z:1 oob:z:1024 onion:1 onion:2031 forwarded:1 forwarded:2031");
}
END_TEST

/* "nothing with an empty payload is ever sent; a client of ours ignores one." */
START_TEST(empty_payloads_are_ignored)
{
    static const uint8_t data[] = {16};
    static const uint8_t onion[] = {WIRE_ONION_RESPONSE};
    static const uint8_t forwarding[] = {WIRE_FORWARDING};
    static const uint8_t oob[33] = {WIRE_OOB_RECV};

    open_quietly();
    client_bed_online(&bed, 'a', 16);
    raw_relay_send_plain(&bed.relay, data, sizeof data);
    raw_relay_send_plain(&bed.relay, onion, sizeof onion);
    raw_relay_send_plain(&bed.relay, forwarding, sizeof forwarding);
    raw_relay_send_plain(&bed.relay, oob, sizeof oob);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_OK);
    expect_events("");
    client_bed_data(&bed, 16, 2);
    expect_events("data:a:2");
}
END_TEST

/* --- Violations --- */

struct violation {
    uint8_t kind;
    size_t len; /* of the whole plaintext */
};

/* What a relay never sends, wrong fixed sizes, reserved ids. */
static const struct violation violations[] = {
    {0x00, 33}, {0x06, 34}, {0x06, 1057}, {0x08, 179}, {0x0a, 8}, {0x0c, 2}, {0x0d, 2}, {0x0e, 2},
    {0x0f, 2},  {0x01, 33}, {0x01, 35},   {0x02, 1},   {0x02, 3}, {0x03, 1}, {0x03, 3}, {0x04, 8},
    {0x04, 10}, {0x05, 8},  {0x05, 10},   {0x07, 32},  {0x01, 1}, {0x04, 1}, {0x00, 1}, {0x0f, 2032},
};

START_TEST(violations_end_the_link)
{
    uint8_t plain[WIRE_PLAIN_MAX];

    memset(plain, 0x41, sizeof plain);
    plain[0] = violations[_i].kind;
    open_quietly();
    client_bed_online(&bed, 'a', 16);
    raw_relay_send_plain(&bed.relay, plain, violations[_i].len);
    /* What follows is not read any more. */
    client_bed_queue(&bed, WIRE_DATA, 0, 16, 5);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_ERR_PROTOCOL);
    ck_assert_uint_eq(bed.relay.closed_count, 1);
    expect_closed(TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* "8 ping id, never 0". */
START_TEST(ping_of_zero)
{
    const uint8_t plain[9] = {(uint8_t)(4 + _i)};

    open_quietly();
    raw_relay_send_plain(&bed.relay, plain, sizeof plain);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_ERR_PROTOCOL);
    expect_closed(TOXTCP_ERR_PROTOCOL);
}
END_TEST

/* Bytes that do not open, or lie about their length. */
START_TEST(bad_frames)
{
    static const uint8_t frames[][20] = {{0, 0}, {0, 16}, {0x08, 0x01}, {0xff, 0xff}, {0, 18}};

    open_quietly();
    raw_relay_send_bytes(&bed.relay, frames[_i], 20);
    ck_assert_int_eq(raw_relay_flush(&bed.relay), TOXTCP_ERR_PROTOCOL);
    expect_closed(TOXTCP_ERR_PROTOCOL);
}
END_TEST

int main(void)
{
    enum {
        STREAM_ERRORS = sizeof stream_errors / sizeof stream_errors[0],
        VIOLATIONS = sizeof violations / sizeof violations[0]
    };
    Suite *suite = suite_create("client");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, config_defaults);
    tcase_add_test(tests, first_segment);
    tcase_add_loop_test(tests, request_is_lent_early, 0, 2);
    tcase_add_test(tests, no_memory_to_be_early);
    tcase_add_loop_test(tests, ping_comes_last, 0, 2);
    tcase_add_test(tests, byte_by_byte);
    tcase_add_test(tests, nothing_works_before);
    tcase_add_test(tests, new_is_refused);
    tcase_add_loop_test(tests, handshake_is_refused, 0, 5);
    tcase_add_test(tests, another_relay);
    tcase_add_loop_test(tests, stream_ends_while_dialling, 0, STREAM_ERRORS);
    tcase_add_loop_test(tests, stream_ends_when_open, 0, STREAM_ERRORS);
    tcase_add_test(tests, route_life);
    tcase_add_test(tests, added_twice);
    tcase_add_loop_test(tests, every_id, 0, 256);
    tcase_add_test(tests, unasked_responses);
    tcase_add_test(tests, id_given_twice);
    tcase_add_test(tests, abandoned_request);
    tcase_add_test(tests, abandoned_and_refused);
    tcase_add_test(tests, abandoned_and_wanted_again);
    tcase_add_test(tests, no_bye_without_an_id);
    tcase_add_test(tests, id_of_old);
    tcase_add_test(tests, notifications);
    tcase_add_test(tests, all_240);
    tcase_add_test(tests, payload_sizes);
    tcase_add_test(tests, oob_to_oneself);
    tcase_add_test(tests, opaque_payloads);
    tcase_add_test(tests, empty_payloads_are_ignored);
    tcase_add_loop_test(tests, violations_end_the_link, 0, VIOLATIONS);
    tcase_add_loop_test(tests, ping_of_zero, 0, 2);
    tcase_add_loop_test(tests, bad_frames, 0, 5);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
