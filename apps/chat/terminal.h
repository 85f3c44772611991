/* A prompt with line editing and history on the terminal, by libedit. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_TERMINAL_H
#define APPS_CHAT_TERMINAL_H

#include <stddef.h>

struct terminal;

enum terminal_event {
    TERMINAL_NOTHING, /* a key that did not end the line */
    TERMINAL_LINE,
    TERMINAL_END, /* ^D on an empty line */
    TERMINAL_GONE
};

/* Takes over standard input and output. NULL when they are no terminal that can be steered, or without libedit. */
struct terminal *terminal_new(void);

/* Gives the terminal back as it was. NULL is ignored. */
void terminal_free(struct terminal *terminal);

/* Reads one key, when standard input is readable. A line is valid until the next call. After anything but
 * TERMINAL_NOTHING the prompt is gone: the caller prints what it likes and then calls terminal_show(). */
enum terminal_event terminal_read(struct terminal *terminal, const char **text, size_t *len);

/* The text before the line, shown from the next terminal_show() on. */
void terminal_set_prompt(struct terminal *terminal, const char *prompt);

/* Takes the prompt and the line being typed off the screen, so that something can be printed; and brings them back. */
void terminal_hide(struct terminal *terminal);
void terminal_show(struct terminal *terminal);

/* The window has another size. */
void terminal_resized(struct terminal *terminal);

/* Gives the terminal back as it was, until terminal_show(). Hide first what shall not stay on the screen. */
void terminal_suspend(struct terminal *terminal);

#endif
