/* Tests of libtoxtcp-ev: two peers over three relays, one of which dies. SPDX-License-Identifier: ISC */
#include "check_ev.h"

#include <string.h>

enum { RELAYS = 3, BEFORE = 50, AFTER = 200 };

/* One end of the conversation. */
struct end {
    struct side side;
    struct toxtcp_key_pair keys;
    struct toxtcp_connections *connections;
    struct toxtcp_peer other;
    uint32_t sent;
    bool received[BEFORE + AFTER];
    uint32_t received_count;
    bool freed;
    bool free_on_data;
};

static struct side relay_sides[RELAYS];
static struct relay relays[RELAYS];
static struct end a, b;
static struct side *sides[RELAYS + 2];

static void free_connections(struct end *end)
{
    if (end->connections) {
        toxtcp_ev_detach_connections(end->side.ev, end->connections);
        toxtcp_connections_free(end->connections);
        end->connections = NULL;
    }
}

static void on_peer_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                         const uint8_t *data, size_t len)
{
    struct end *end = user;
    uint32_t number;

    (void)peer;
    (void)peer_user;
    (void)relay;
    ck_assert_uint_eq(len, sizeof number);
    memcpy(&number, data, sizeof number);
    ck_assert_uint_lt(number, BEFORE + AFTER);
    if (!end->received[number]) {
        end->received[number] = true;
        end->received_count++;
    }
    if (end->free_on_data) {
        end->freed = true;
        free_connections(end);
    }
}

static void end_open(struct end *end)
{
    const struct toxtcp_connections_callbacks callbacks = {.peer_data = on_peer_data};

    memset(end, 0, sizeof *end);
    side_open(&end->side);
    toxtcp_key_pair_generate(end->side.env, &end->keys);
    ck_assert_int_eq(toxtcp_connections_new(end->side.env, toxtcp_ev_driver(end->side.ev), NULL, &end->keys, &callbacks,
                                            end, &end->connections),
                     TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_attach_connections(end->side.ev, end->connections), TOXTCP_OK);
}

static void end_know(struct end *end, const struct end *other)
{
    ck_assert_int_eq(toxtcp_peer_add(end->connections, &other->keys.public_key, NULL, &end->other), TOXTCP_OK);
    for (int i = 0; i < RELAYS; i++) {
        /* One of them by name. */
        const struct toxtcp_endpoint endpoint =
            i == 0 ? endpoint_of_host("localhost", relays[i].address.port) : endpoint_of(&relays[i].address);
        ck_assert_int_eq(
            toxtcp_peer_add_relay(end->connections, end->other, &endpoint, &relays[i].keys.public_key, NULL),
            TOXTCP_OK);
    }
}

static void set_up(void)
{
    for (int i = 0; i < RELAYS; i++) {
        side_open(&relay_sides[i]);
        relay_open(&relays[i], &relay_sides[i], NULL, 0, false);
        sides[i] = &relay_sides[i];
    }
    end_open(&a);
    end_open(&b);
    end_know(&a, &b);
    end_know(&b, &a);
    sides[RELAYS] = &a.side;
    sides[RELAYS + 1] = &b.side;
}

static void tear_down(void)
{
    free_connections(&a);
    free_connections(&b);
    side_close(&a.side);
    side_close(&b.side);
    for (int i = 0; i < RELAYS; i++) {
        if (relays[i].server) {
            relay_close(&relays[i]);
        }
        side_close(&relay_sides[i]);
    }
}

static bool online_on_all(void *user)
{
    (void)user;
    return toxtcp_peer_online_count(a.connections, a.other) == RELAYS &&
           toxtcp_peer_online_count(b.connections, b.other) == RELAYS;
}

static void end_send(struct end *end, uint32_t number)
{
    uint8_t data[sizeof number];

    memcpy(data, &number, sizeof number);
    ck_assert_int_eq(toxtcp_peer_send(end->connections, end->other, data, sizeof data), TOXTCP_OK);
}

static bool first_half_arrived(void *user)
{
    (void)user;
    return b.received_count == BEFORE;
}

static int primary_of(const struct end *end)
{
    struct toxtcp_peer_info info;
    struct toxtcp_relay_info relay_info;

    ck_assert_int_eq(toxtcp_peer_get_info(end->connections, end->other, &info), TOXTCP_OK);
    for (uint32_t slot = 0; slot < info.slot_count; slot++) {
        if (info.slots[slot].primary) {
            ck_assert_int_eq(toxtcp_relay_get_info(end->connections, info.slots[slot].relay, &relay_info), TOXTCP_OK);
            for (int i = 0; i < RELAYS; i++) {
                if (toxtcp_public_key_equal(&relays[i].keys.public_key, &relay_info.public_key)) {
                    return i;
                }
            }
        }
    }
    ck_abort_msg("no primary relay");
    return -1;
}

/* Sends what is missing once more, as the layer above does with what is not acknowledged. */
static bool second_half_arrives(void *user)
{
    (void)user;
    for (uint32_t number = BEFORE; number < BEFORE + AFTER; number++) {
        if (number >= a.sent) {
            end_send(&a, number);
            a.sent = number + 1;
            break;
        }
    }
    return a.sent == BEFORE + AFTER;
}

static bool everything_arrived(void *user)
{
    (void)user;
    for (uint32_t number = BEFORE; number < BEFORE + AFTER; number++) {
        if (!b.received[number]) {
            end_send(&a, number);
        }
    }
    return b.received_count == BEFORE + AFTER;
}

static bool online_on_two(void *user)
{
    (void)user;
    return toxtcp_peer_online_count(a.connections, a.other) == RELAYS - 1;
}

/* The relay that carries the conversation dies in the middle of it; sending is never refused, and when the dead
 * relay is noticed the others carry on. Later it comes back at its port and is used again. */
START_TEST(one_of_three_relays_dies)
{
    run_until(sides, RELAYS + 2, online_on_all, NULL);
    for (uint32_t number = 0; number < BEFORE; number++) {
        end_send(&a, number);
    }
    a.sent = BEFORE;
    run_until(sides, RELAYS + 2, first_half_arrived, NULL);

    const int dying = primary_of(&a);
    const uint16_t port = relays[dying].address.port;
    const struct toxtcp_key_pair keys = relays[dying].keys;
    end_send(&a, BEFORE);
    relay_close(&relays[dying]);
    run_until(sides, RELAYS + 2, second_half_arrives, NULL);
    run_until(sides, RELAYS + 2, online_on_two, NULL);
    ck_assert_int_ne(primary_of(&a), dying);
    run_until(sides, RELAYS + 2, everything_arrived, NULL);

    const struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = port};
    struct side *side = &relay_sides[dying];
    relays[dying].keys = keys;
    ck_assert_int_eq(toxtcp_server_new(side->env, toxtcp_ev_driver(side->ev), NULL, &keys, &relays[dying].server),
                     TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_attach_server(side->ev, relays[dying].server), TOXTCP_OK);
    ck_assert_int_eq(toxtcp_ev_listen(side->ev, relays[dying].server, &address, &relays[dying].listener), TOXTCP_OK);
    run_until(sides, RELAYS + 2, online_on_all, NULL);
    toxtcp_connections_check(a.connections);
    toxtcp_connections_check(b.connections);
}
END_TEST

/* The application frees everything in the middle of a read. */
START_TEST(freed_in_a_callback)
{
    run_until(sides, RELAYS + 2, online_on_all, NULL);
    b.free_on_data = true;
    end_send(&a, 0);
    end_send(&a, 1);
    run_until(sides, RELAYS + 2, flag_is_set, &b.freed);
    ck_assert_uint_eq(b.received_count, 1);
}
END_TEST

TCase *ev_connections_tests(void)
{
    TCase *tcase = tcase_create("connections");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, one_of_three_relays_dies);
    tcase_add_test(tcase, freed_in_a_callback);
    return tcase;
}
