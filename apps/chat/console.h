/* Where lines come from and where text goes: a prompt on a terminal, or plain streams. SPDX-License-Identifier: ISC
 *
 * On a terminal everything appears above the prompt. Otherwise messages go to standard output, the rest to standard
 * error. */
#ifndef APPS_CHAT_CONSOLE_H
#define APPS_CHAT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

struct console;
struct ev_loop;

/* The exit status when a message could not be written. */
enum { EXIT_OUTPUT = 5 };

struct console_callbacks {
    /* A line without its end. Returns false to get the very same line again after console_resume(). */
    bool (*line)(void *user, const char *text, size_t len);
    /* There is no more input. May come again from a terminal. */
    void (*over)(void *user);
    /* Somebody wants the program to stop. */
    void (*stop)(void *user);
    /* All that console_has_unwritten() spoke of is written. */
    void (*written)(void *user);
};

/* NULL when there is no memory. */
struct console *console_new(struct ev_loop *loop, const struct console_callbacks *callbacks, void *user);
void console_free(struct console *console);

/* Is there somebody who reads and types? */
bool console_is_interactive(const struct console *console);

/* The text before a line on a terminal, from the next time on that it appears. */
void console_set_prompt(struct console *console, const char *prompt);

/* Starts to read; on a terminal the prompt appears. */
void console_start(struct console *console);

/* A line that was refused comes again, soon. */
void console_resume(struct console *console);

/* No more lines are taken, even if some are read already. */
void console_end_input(struct console *console);

/* Whether a message that came now could be written at once, or at least begun. Without a terminal it asks the system:
 * who reads us may have stopped. */
bool console_is_writable(const struct console *console);

/* Whether a part of a message waits for whoever reads us. */
bool console_has_unwritten(const struct console *console);

/* A message of a peer: "NAME: TEXT", made harmless. What cannot be written now is kept. An error ends the program at
 * once with EXIT_OUTPUT: the caller must not go on and tell the peer that the message has arrived. */
void console_message(struct console *console, const char *name, const char *text, size_t len);

/* News of the program itself: "-- ...". The text is printed as it is. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void console_status(struct console *console, const char *format, ...);

#endif
