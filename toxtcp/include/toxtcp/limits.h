/* Sizes and counts that an embedder meets. SPDX-License-Identifier: ISC
 *
 * Section numbers are those of the protocol (docs/protocol.md). */
#ifndef TOXTCP_LIMITS_H
#define TOXTCP_LIMITS_H

#include <stdint.h>

/* A moment that never comes: what a deadline function returns when nothing is due. */
#define TOXTCP_NEVER UINT64_MAX

/* Payload of one data packet, in bytes (section 3). */
#define TOXTCP_DATA_MAX 2031
/* Payload of one OOB packet, in bytes (section 3). */
#define TOXTCP_OOB_MAX 1024
/* An onion request from its IP/port on, and the nonce before it, in bytes (section 7). */
#define TOXTCP_ONION_NONCE_SIZE 24
#define TOXTCP_ONION_BODY_MIN 154
#define TOXTCP_ONION_BODY_MAX 1335
/* Data of one forward request, in bytes; 0 is allowed (section 7). */
#define TOXTCP_FORWARD_DATA_MAX 1792

/* Peers that one client can be routed to through one relay (section 3). */
#define TOXTCP_ROUTES_MAX 240
/* Relays that one peer can be tied to, and how many online ones are wanted (section 5). */
#define TOXTCP_PEER_RELAYS_MAX 6
#define TOXTCP_PEER_RELAYS_WANTED 3

#endif
