/* A client of its own, on libsodium alone, that says what ours never would. SPDX-License-Identifier: ISC
 *
 * It shares no code with the library, so the two can't err alike. Calls wait for the relay. */
#ifndef TEST_INTEROP_RAW_CLIENT_H
#define TEST_INTEROP_RAW_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/key.h>

struct raw_client {
    int fd;
    uint8_t public_key[32];
    uint8_t secret_key[32];
    uint8_t session_key[32];
    uint8_t send_nonce[24];
    uint8_t receive_nonce[24];
};

/* What raw_receive() returns beside a length. */
enum { RAW_CLOSED = 0, RAW_SILENCE = -1 };

/* Connects to 127.0.0.1:`port` and shakes hands. `keys` NULL: fresh ones. Fails the test when that fails. */
void raw_open(struct raw_client *raw, uint16_t port, const struct toxtcp_public_key *relay_key,
              const struct toxtcp_key_pair *keys);
void raw_close(struct raw_client *raw);
/* Seals and sends 1..2032 bytes. */
void raw_send(struct raw_client *raw, const uint8_t *plain, size_t len);
/* Sends bytes as they are. */
void raw_write(struct raw_client *raw, const uint8_t *bytes, size_t len);
/* Waits for a packet. Returns its length, RAW_CLOSED at the end of the stream, or RAW_SILENCE after `wait_ms`. */
int raw_receive(struct raw_client *raw, uint8_t plain[2032], int wait_ms);
/* Asks for a route. */
void raw_ask(struct raw_client *raw, const uint8_t peer[32]);
/* Waits for the response, which must be for that key; returns its id. */
int raw_answer(struct raw_client *raw, const uint8_t peer[32]);
/* The two together. */
int raw_route(struct raw_client *raw, const uint8_t peer[32]);
/* Waits for exactly these bytes. */
void raw_expect(struct raw_client *raw, const uint8_t *plain, size_t len);
/* A ping and its pong: what was sent before is handled, and nothing else came. Says whether the stream lives. */
int raw_alive(struct raw_client *raw);

#endif
