/* A relay's end of one client's link, played by the test: it says what it is told to say. SPDX-License-Identifier: ISC
 *
 * It is the driver of that link too, without anything between: bytes move when the test moves them. */
#ifndef TEST_SUPPORT_RAW_RELAY_H
#define TEST_SUPPORT_RAW_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/link.h>

#include "channel.h"
#include "packet.h"
#include "support/net_env.h"

struct raw_relay_packet {
    uint8_t plain[WIRE_PLAIN_MAX];
    size_t len;
};

struct raw_relay {
    struct toxtcp_driver driver;
    struct net_env env; /* memory of the relay's own, which never fails */
    struct toxtcp_key_pair keys;
    struct toxtcp_public_key client_key; /* once opened */
    struct channel channel;
    struct toxtcp_link *link; /* NULL when it has ended */
    bool opened;              /* the client's request opened */
    bool output_said;         /* the link has said that it has output, and has not written all */
    uint32_t closed_count;    /* calls of close() */
    int error;                /* what the client sent does not open */
    uint64_t now_ms;
    struct raw_relay_packet *packets; /* what the client has sent and was not taken yet */
    size_t packet_count;
};

/* Aborts when it can't. The struct must not move afterwards. */
void raw_relay_init(struct raw_relay *relay, uint64_t seed);
void raw_relay_finish(struct raw_relay *relay);
/* The link is being dialled by this driver. */
void raw_relay_dial(struct raw_relay *relay, struct toxtcp_link *link);
/* The stream is open. */
void raw_relay_connect(struct raw_relay *relay);
/* Reads the first `len` bytes of the link's output (SIZE_MAX: all that there is now), as one segment. Requires that
 * output was said when there is any, and not said twice. */
void raw_relay_read(struct raw_relay *relay, size_t len);
/* The oldest packet that was read, out of the list. False when there is none. */
bool raw_relay_take(struct raw_relay *relay, struct raw_relay_packet *packet);
/* Seals a packet, or any plaintext, to go out with the next flush. */
void raw_relay_send(struct raw_relay *relay, const struct packet *packet);
void raw_relay_send_plain(struct raw_relay *relay, const uint8_t *bytes, size_t len);
/* The same for bytes as they are, without a seal. */
void raw_relay_send_bytes(struct raw_relay *relay, const uint8_t *bytes, size_t len);
/* Hands all of it to the link in one call, and returns what that returns; 0 when the link has ended. */
int raw_relay_flush(struct raw_relay *relay);
/* The stream ends. */
void raw_relay_end(struct raw_relay *relay, int error);

#endif
