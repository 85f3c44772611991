/* Plaintext <-> tagged struct, by one table. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_PACKET_H
#define TOXTCP_PRIVATE_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include <toxtcp/key.h>

#include "wire.h"

enum packet_sender { PACKET_FROM_CLIENT = 1, PACKET_FROM_RELAY = 2 };

/* Which members count depends on the kind, as section 3 lists them. Data has the kind WIRE_DATA and its id in `id`. */
struct packet {
    enum wire_kind kind;
    uint8_t id;                         /* connection id: 0x01 0x02 0x03 data */
    struct toxtcp_public_key key;       /* 0x00 0x01 0x06 0x07 */
    uint8_t ping_id[WIRE_PING_ID_SIZE]; /* 0x04 0x05 */
    const uint8_t *data;                /* 0x06..0x0b data: borrowed; after the key where there is one */
    size_t data_len;
};

/* Reads a plaintext that `sender` sent. `packet` is written only on success, its `data` points into `plain`. Only the
 * form is judged. Errors: TOXTCP_ERR_PROTOCOL for what section 3 forbids; TOXTCP_ERR_EMPTY and _TOO_LONG for a payload
 * out of its bounds, of which the receiver decides whether to forgive it. */
int packet_decode(const uint8_t *plain, size_t len, enum packet_sender sender, struct packet *packet);

/* Writes a plaintext to `plain` (WIRE_PLAIN_MAX bytes) and returns its length. The packet must be a right one; its data
 * must not lie in `plain`. */
size_t packet_encode(const struct packet *packet, uint8_t *plain);

#endif
