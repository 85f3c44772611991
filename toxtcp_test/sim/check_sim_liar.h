/* What the tests of liars share: liars in the test network, and clients of them. SPDX-License-Identifier: ISC
 *
 * The tests' driver stands between: the streams to a liar's address are raw ends of the test network, whose bytes go to
 * the liar's links and back. */
#ifndef TEST_CHECK_SIM_LIAR_H
#define TEST_CHECK_SIM_LIAR_H

#include "check_connections.h"
#include "sim/liar.h"
#include "support/raw_client.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, VICES = 11 };

/* Moves bytes until nothing moves at this moment; the same for every moment of the next `ms`, more or less. Liars and
 * clients are checked after every step. */
void settle(void);
void run(uint64_t ms);

/* A liar in the place of relay 0 or 1 of the world. With vices alone, numbers that let each of them do something. */
void open_liar_with(uint32_t relay, const struct liar_config *config);
void open_liar(uint32_t relay, uint32_t vices);
void close_liar(uint32_t relay);
/* Streams to it that it has not closed. */
uint32_t count_streams(uint32_t relay);

extern struct toxtcp_peer bob_at_alice;
extern struct toxtcp_peer alice_at_bob;

/* Fixtures: no relay, no node. */
void open_world(void);
void close_world(void);
/* Alice and Bob, each of whom knows the other at relay 0. */
void open_both(void);
enum toxtcp_peer_state state_of_bob(void);

/* A raw client of relay 0; one that the relay has confirmed. */
struct raw_client *open_raw(const struct toxtcp_key_pair *keys);
struct raw_client *open_confirmed(const struct toxtcp_key_pair *keys);
/* A routing request, and that its response comes next. */
void ask(struct raw_client *raw, const struct toxtcp_public_key *key);
void expect_response(struct raw_client *raw, uint8_t id);

/* Adds the tests to their cases. */
void add_vices(TCase *tests);
void add_harm(TCase *tests);

#endif
