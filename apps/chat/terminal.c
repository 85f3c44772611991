/* A prompt with line editing and history on the terminal, by libedit. SPDX-License-Identifier: ISC */
#include "terminal.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#ifdef HAVE_LIBEDIT

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_MAX = 500, PROMPT_SIZE = 64, KEY_WAIT_MS = 100, KEY_ABORT = 7 /* ^G */ };

struct terminal {
    EditLine *edit;
    History *history;
    char prompt[PROMPT_SIZE];
    bool shown;         /* the prompt stands on the screen, keys are read one by one */
    bool over;          /* no more input */
    unsigned keys_read; /* in this terminal_read() */
};

static char *prompt_of(EditLine *edit)
{
    struct terminal *terminal = NULL;

    (void)el_get(edit, EL_CLIENTDATA, &terminal);
    return terminal->prompt;
}

/* Whether a byte comes soon. */
static bool comes_soon(void)
{
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&fd, 1, KEY_WAIT_MS) > 0;
}

/* libedit asks for a further key when one begins a sequence, as Escape does. It must not hold the loop until there is
 * one: then relays would take us for dead. ^G, which continues no sequence, ends it. */
static int read_key(EditLine *edit, wchar_t *key)
{
    struct terminal *terminal = NULL;
    mbstate_t state = {0};

    (void)el_get(edit, EL_CLIENTDATA, &terminal);
    for (;;) {
        char byte;
        ssize_t got;
        size_t used;

        if ((terminal->keys_read > 0 || !mbsinit(&state)) && !comes_soon()) {
            *key = KEY_ABORT;
            return 1;
        }
        got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got != 1) {
            terminal->over = true;
            return got < 0 ? -1 : 0;
        }
        used = mbrtowc(key, &byte, 1, &state);
        if (used == (size_t)-1) {
            *key = L'?';
        }
        if (used != (size_t)-2) {
            terminal->keys_read++;
            return 1;
        }
    }
}

/* Searching in the history and quoting wait for keys inside the command: they would hold the loop. */
static void unbind_waiting_commands(EditLine *edit)
{
    (void)el_set(edit, EL_BIND, "^R", "ed-search-prev-history", NULL);
    (void)el_set(edit, EL_BIND, "^S", "ed-search-next-history", NULL);
    (void)el_set(edit, EL_BIND, "^V", "ed-unassigned", NULL);
    (void)el_set(edit, EL_BIND, "^Q", "ed-unassigned", NULL);
}

static bool set_up(struct terminal *terminal)
{
    HistEvent event;

    terminal->edit = el_init("toxtcp-chat", stdin, stdout, stderr);
    terminal->history = history_init();
    if (terminal->edit == NULL || terminal->history == NULL) {
        return false;
    }
    (void)history(terminal->history, &event, H_SETSIZE, HISTORY_MAX);
    (void)history(terminal->history, &event, H_SETUNIQUE, 1);
    (void)el_set(terminal->edit, EL_CLIENTDATA, terminal);
    (void)el_set(terminal->edit, EL_EDITOR, "emacs");
    (void)el_set(terminal->edit, EL_PROMPT, prompt_of);
    (void)el_set(terminal->edit, EL_HIST, history, terminal->history);
    (void)el_set(terminal->edit, EL_GETCFN, read_key);
    (void)el_set(terminal->edit, EL_SIGNAL, 0);
    /* ^S would stop the terminal, and then writing to it would hold the loop; here it is a key like any other. */
    (void)el_set(terminal->edit, EL_SETTY, "-d", "-ixon", NULL);
    unbind_waiting_commands(terminal->edit);
    return true;
}

struct terminal *terminal_new(void)
{
    const char *kind = getenv("TERM");
    struct terminal *terminal;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || kind == NULL || *kind == '\0' || strcmp(kind, "dumb") == 0) {
        return NULL;
    }
    terminal = calloc(1, sizeof *terminal);
    if (terminal != NULL && !set_up(terminal)) {
        terminal_free(terminal);
        return NULL;
    }
    return terminal;
}

void terminal_free(struct terminal *terminal)
{
    if (terminal == NULL) {
        return;
    }
    if (terminal->edit != NULL) {
        terminal_hide(terminal);
        terminal_suspend(terminal);
        el_end(terminal->edit);
    }
    if (terminal->history != NULL) {
        history_end(terminal->history);
    }
    free(terminal);
}

static void remember(struct terminal *terminal, const char *line, int count)
{
    HistEvent event;

    if (count > 1) {
        (void)history(terminal->history, &event, H_ENTER, line);
    }
}

enum terminal_event terminal_read(struct terminal *terminal, const char **text, size_t *len)
{
    const char *line;
    int count = 0;

    terminal->keys_read = 0;
    line = el_gets(terminal->edit, &count);
    if (terminal->over || (line != NULL && count == 1 && line[0] == '\004')) {
        terminal_hide(terminal);
        terminal_suspend(terminal);
        return terminal->over ? TERMINAL_GONE : TERMINAL_END;
    }
    if (line == NULL || count < 1 || (line[count - 1] != '\n' && line[count - 1] != '\r')) {
        return TERMINAL_NOTHING;
    }
    remember(terminal, line, count);
    terminal_suspend(terminal);
    *text = line;
    *len = (size_t)count - 1;
    return TERMINAL_LINE;
}

void terminal_set_prompt(struct terminal *terminal, const char *prompt)
{
    (void)snprintf(terminal->prompt, sizeof terminal->prompt, "%s", prompt);
}

/* Columns that a text takes; what is not printable is shown by libedit in about two. */
static size_t columns_of(const char *text, size_t len)
{
    mbstate_t state = {0};
    size_t columns = 0;

    while (len > 0) {
        wchar_t character;
        size_t used = mbrtowc(&character, text, len, &state);
        int width;

        if (used == 0 || used > len) {
            used = 1;
            character = 0;
            state = (mbstate_t){0};
        }
        width = wcwidth(character);
        columns += width < 0 || character == 0 ? 2 : (size_t)width;
        text += used;
        len -= used;
    }
    return columns;
}

static size_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

void terminal_hide(struct terminal *terminal)
{
    const LineInfo *line;
    size_t columns;

    if (!terminal->shown) {
        return;
    }
    line = el_line(terminal->edit);
    columns = columns_of(terminal->prompt, strlen(terminal->prompt)) +
              columns_of(line->buffer, (size_t)(line->cursor - line->buffer));
    (void)fputc('\r', stdout);
    for (size_t row = columns / terminal_columns(); row > 0; row--) {
        (void)fputs("\033[A", stdout);
    }
    (void)fputs("\033[J", stdout);
    (void)fflush(stdout);
}

void terminal_show(struct terminal *terminal)
{
    (void)fflush(stdout);
    if (terminal->shown) {
        (void)el_set(terminal->edit, EL_REFRESH);
    } else {
        terminal->shown = true;
        (void)el_set(terminal->edit, EL_UNBUFFERED, 1);
    }
}

void terminal_resized(struct terminal *terminal)
{
    el_resize(terminal->edit);
}

void terminal_suspend(struct terminal *terminal)
{
    (void)el_set(terminal->edit, EL_UNBUFFERED, 0);
    terminal->shown = false;
}

#else

struct terminal *terminal_new(void)
{
    return NULL;
}

void terminal_free(struct terminal *terminal)
{
    (void)terminal;
}

enum terminal_event terminal_read(struct terminal *terminal, const char **text, size_t *len)
{
    (void)terminal;
    *text = "";
    *len = 0;
    return TERMINAL_GONE;
}

void terminal_set_prompt(struct terminal *terminal, const char *prompt)
{
    (void)terminal;
    (void)prompt;
}

void terminal_hide(struct terminal *terminal)
{
    (void)terminal;
}

void terminal_show(struct terminal *terminal)
{
    (void)terminal;
}

void terminal_resized(struct terminal *terminal)
{
    (void)terminal;
}

void terminal_suspend(struct terminal *terminal)
{
    (void)terminal;
}

#endif
