/* What an emulator is told while it runs, a line at a time. SPDX-License-Identifier: ISC
 *
 *   PORT up|down|both RULE VALUE   from now on; `all` is every port
 *       delay MS, jitter MS, rate KBIT (0: no bound), queue BYTES, loss PERCENT, loss-every N (0: none),
 *       drop-syn-data on|off, drop-fast-open on|off, silence on|off
 *   PORT reset                     an RST to the port's node in each of its streams
 *   PORT count up|down             what its node has sent, or what has arrived there; what its lane did with it
 *   PORT count up|down KIND        one of these
 *   PORT zero                      counts from 0
 *   PORT capture FILE              writes what passes there to a file for tcpdump
 *   in MS COMMAND                  one of those above, later
 *   ping                           nothing, but an answer */
#ifndef TEST_EMULATOR_COMMAND_H
#define TEST_EMULATOR_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "emulator/hub.h"

enum { COMMAND_LINE_SIZE = 256, COMMAND_ANSWER_SIZE = 512, COMMAND_LATER_MAX = 32 };

struct command_later {
    uint64_t at_us; /* UINT64_MAX: nothing here */
    char line[COMMAND_LINE_SIZE];
};

struct commands {
    struct hub *hub;
    struct command_later later[COMMAND_LATER_MAX];
};

void commands_open(struct commands *commands, struct hub *hub);

/* Does what the line says. The answer is "ok", "ok" with what was asked for, or "error" with what is wrong. */
void commands_do(struct commands *commands, const char *line, uint64_t now_us, char answer[COMMAND_ANSWER_SIZE]);

/* Does what was asked for later and is due. */
void commands_expire(struct commands *commands, uint64_t now_us);
uint64_t commands_next_us(const struct commands *commands);

#endif
