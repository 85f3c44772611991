/* The ways to a peer, relays and UDP, and what goes which way. SPDX-License-Identifier: ISC
 *
 * Between a session, which seals packets, the library, which has the relays, the socket for UDP and the policy. */
#ifndef APPS_CHAT_WAYS_H
#define APPS_CHAT_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chat.h"

enum { WAYS_TEXT_SIZE = 64 };

/* Opens the sockets, unless UDP is not to be used. Returns 0, or -1 with `problem` set. */
int ways_start(struct chat *chat, struct problem *problem);
void ways_start_peer(struct chat_peer *peer);

/* Peers are told that nothing comes by UDP any more. */
void ways_leave(struct chat *chat);
void ways_free(struct chat *chat);

/* Members of the session's callbacks. */
int ways_transmit(void *user, const uint8_t *packet, size_t len, bool every_way, struct session_way *way);
void ways_reported(void *user, struct session_way way, bool arrived, uint32_t count);
void ways_paired(void *user);
void ways_addresses(void *user, const struct toxtcp_address *addresses, size_t count);
void ways_probed(void *user, const struct session_probe *probe);

/* The library says that the peer's state is another. */
void ways_relays_changed(struct chat_peer *peer, enum toxtcp_peer_state state);

/* A relay broke, or could not be reached again: what was under way through it is lost. One that was connected may have
 * broken because the network is another one. */
void ways_relay_broke(struct chat_peer *peer, bool was_connected);

/* When ways_expire() is due. */
uint64_t ways_deadline(const struct chat_peer *peer);
void ways_expire(struct chat_peer *peer);

/* Does and says what follows from news; call it after everything that may have brought some. */
void ways_settle(struct chat_peer *peer);

/* Whether the peer can be reached, whichever way. */
bool ways_is_there(const struct chat_peer *peer);

/* False when UDP is not used at all. */
bool ways_set_mode(struct chat *chat, enum path_mode mode);

/* "by UDP (12 ms)", "by relays". */
void ways_format(const struct chat_peer *peer, char text[WAYS_TEXT_SIZE]);

#endif
