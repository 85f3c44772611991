/* Lines that begin with a slash. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_COMMANDS_H
#define APPS_CHAT_COMMANDS_H

#include <stddef.h>

#include "chat.h"

/* Obeys a command; the line begins with '/'. */
void commands_run(struct chat *chat, const char *line, size_t len);

/* One line for each relay: address, state, round trip, for whom it is the primary one, what went wrong. */
void commands_list_relays(struct chat *chat);

#endif
