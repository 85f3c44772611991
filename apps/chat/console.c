/* Where lines come from and where text goes. SPDX-License-Identifier: ISC */
#include "console.h"

#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "terminal.h"
#include "text.h"

enum { STOP_SIGNALS = 3 };

struct console {
    struct ev_loop *loop;
    struct console_callbacks callbacks;
    void *user;
    struct terminal *terminal; /* or NULL */
    struct lines lines;
    const char *refused; /* the line that comes again */
    size_t refused_len;
    bool over_said;
    bool ended;      /* no line is taken any more */
    FILE *unwritten; /* NULL, or a stream into `bytes`: messages for standard output */
    char *bytes;
    size_t bytes_len;
    size_t bytes_written;
    bool prompting; /* the prompt belongs on the screen after every output */
    ev_io input;
    ev_io output; /* runs only while something is unwritten */
    ev_signal stops[STOP_SIGNALS];
    ev_signal resized;
    ev_signal suspended;
};

static void read_plain(struct console *console, int events)
{
    if (!console->ended && (events & EV_READ)) {
        lines_read(&console->lines, STDIN_FILENO);
    }
    while (!console->ended &&
           (console->refused != NULL || lines_next(&console->lines, &console->refused, &console->refused_len))) {
        if (!console->callbacks.line(console->user, console->refused, console->refused_len)) {
            ev_io_stop(console->loop, &console->input);
            return;
        }
        console->refused = NULL;
    }
    if (!console->ended && !console->lines.over) {
        ev_io_start(console->loop, &console->input);
        return;
    }
    ev_io_stop(console->loop, &console->input);
    if (!console->ended && !console->over_said) {
        console->over_said = true;
        console->callbacks.over(console->user);
    }
}

/* While a line is handled the prompt stays away: it would come up with the next line's state, and libedit's buffer
 * still holds this one. */
static void read_terminal(struct console *console)
{
    const char *text = NULL;
    size_t len = 0;
    enum terminal_event event = terminal_read(console->terminal, &text, &len);

    if (event == TERMINAL_NOTHING) {
        return;
    }
    console->prompting = false;
    if (event == TERMINAL_LINE) {
        (void)console->callbacks.line(console->user, text, len);
    } else if (event == TERMINAL_END) {
        console->callbacks.over(console->user);
    } else {
        ev_io_stop(console->loop, &console->input);
        console->callbacks.stop(console->user);
        return;
    }
    console->prompting = true;
    terminal_show(console->terminal);
}

static void input_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    if (console->terminal != NULL) {
        read_terminal(console);
    } else {
        read_plain(console, events);
    }
}

/* --- Standard output without a terminal --- */

/* A pipe that has room takes PIPE_BUF bytes without blocking. An error counts as room: writing will tell which. */
static bool has_room(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&fd, 1, 0) > 0;
}

/* Going on would acknowledge what nobody can read. So this is the end, here and now, and the peer keeps the message. */
_Noreturn static void give_up(struct console *console, int error)
{
    if (console->terminal != NULL) {
        terminal_suspend(console->terminal);
    }
    (void)fprintf(stderr, "toxtcp-chat: a message could not be written to standard output: %s\n", strerror(error));
    _exit(EXIT_OUTPUT);
}

static void forget_written(struct console *console)
{
    if (console->unwritten != NULL) {
        (void)fclose(console->unwritten);
        free(console->bytes);
    }
    console->unwritten = NULL;
    console->bytes = NULL;
    console->bytes_len = console->bytes_written = 0;
}

/* Writes as much as is possible without waiting: whoever reads us may take their time, but relays and signals do not
 * wait for them. */
static void write_pending(struct console *console)
{
    while (console->bytes_written < console->bytes_len) {
        size_t left = console->bytes_len - console->bytes_written;
        ssize_t put = -1;

        errno = EAGAIN;
        if (has_room()) {
            put = write(STDOUT_FILENO, console->bytes + console->bytes_written, left < PIPE_BUF ? left : PIPE_BUF);
        }
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            ev_io_start(console->loop, &console->output);
            return;
        }
        if (put < 0 && errno != EINTR) {
            give_up(console, errno);
        }
        console->bytes_written += put > 0 ? (size_t)put : 0;
    }
    ev_io_stop(console->loop, &console->output);
    forget_written(console);
}

static void output_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    (void)events;
    write_pending(console);
    if (console->unwritten == NULL) {
        console->callbacks.written(console->user);
    }
}

/* --- Signals --- */

static void stop_asked(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    (void)events;
    console->callbacks.stop(console->user);
}

static void window_resized(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    (void)events;
    terminal_resized(console->terminal);
}

/* The shell gets its terminal as it was, and we take it again when we go on. */
static void stopped_by_terminal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct console *console = watcher->data;

    (void)loop;
    (void)events;
    terminal_hide(console->terminal);
    terminal_suspend(console->terminal);
    (void)raise(SIGSTOP);
    terminal_show(console->terminal);
}

/* nohup and the like have said that a signal is not for us. */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void watch_signals(struct console *console)
{
    static const int stops[STOP_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        ev_signal_init(&console->stops[i], stop_asked, stops[i]);
        console->stops[i].data = console;
        if (!is_ignored(stops[i])) {
            ev_signal_start(console->loop, &console->stops[i]);
        }
    }
    ev_signal_init(&console->resized, window_resized, SIGWINCH);
    ev_signal_init(&console->suspended, stopped_by_terminal, SIGTSTP);
    console->resized.data = console->suspended.data = console;
    if (console->terminal != NULL) {
        ev_signal_start(console->loop, &console->resized);
        ev_signal_start(console->loop, &console->suspended);
    }
}

struct console *console_new(struct ev_loop *loop, const struct console_callbacks *callbacks, void *user)
{
    struct console *console = calloc(1, sizeof *console);

    if (console == NULL) {
        return NULL;
    }
    console->loop = loop;
    console->callbacks = *callbacks;
    console->user = user;
    console->terminal = terminal_new();
    ev_io_init(&console->input, input_ready, STDIN_FILENO, EV_READ);
    ev_io_init(&console->output, output_ready, STDOUT_FILENO, EV_WRITE);
    console->input.data = console->output.data = console;
    watch_signals(console);
    return console;
}

void console_free(struct console *console)
{
    if (console == NULL) {
        return;
    }
    ev_io_stop(console->loop, &console->input);
    ev_io_stop(console->loop, &console->output);
    forget_written(console);
    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        ev_signal_stop(console->loop, &console->stops[i]);
    }
    ev_signal_stop(console->loop, &console->resized);
    ev_signal_stop(console->loop, &console->suspended);
    terminal_free(console->terminal);
    free(console);
}

bool console_is_interactive(const struct console *console)
{
    return console->terminal != NULL;
}

void console_set_prompt(struct console *console, const char *prompt)
{
    if (console->terminal != NULL) {
        terminal_set_prompt(console->terminal, prompt);
    }
}

void console_start(struct console *console)
{
    if (console->terminal != NULL) {
        console->prompting = true;
        terminal_show(console->terminal);
    }
    ev_io_start(console->loop, &console->input);
}

void console_resume(struct console *console)
{
    if (console->refused != NULL) {
        ev_feed_event(console->loop, &console->input, EV_CUSTOM);
    }
}

void console_end_input(struct console *console)
{
    console->ended = true;
    ev_io_stop(console->loop, &console->input);
}

bool console_is_writable(const struct console *console)
{
    return console->terminal != NULL || (console->unwritten == NULL && has_room());
}

bool console_has_unwritten(const struct console *console)
{
    return console->unwritten != NULL;
}

static void hide(struct console *console)
{
    if (console->terminal != NULL) {
        terminal_hide(console->terminal);
    }
}

static void show(struct console *console)
{
    if (console->prompting) {
        terminal_show(console->terminal);
    }
}

static void print_message(struct console *console, FILE *file, const char *name, const char *text, size_t len)
{
    (void)fprintf(file, "%s: ", name);
    text_print(file, text, len);
    (void)fputc('\n', file);
    if (fflush(file) != 0 || ferror(file)) {
        give_up(console, errno);
    }
}

void console_message(struct console *console, const char *name, const char *text, size_t len)
{
    if (console->terminal != NULL) {
        hide(console);
        print_message(console, stdout, name, text, len);
        show(console);
        return;
    }
    if (console->unwritten == NULL) {
        console->unwritten = open_memstream(&console->bytes, &console->bytes_len);
    }
    if (console->unwritten == NULL) {
        give_up(console, errno);
    }
    print_message(console, console->unwritten, name, text, len);
    write_pending(console);
}

void console_status(struct console *console, const char *format, ...)
{
    FILE *file = console->terminal != NULL ? stdout : stderr;
    va_list arguments;

    hide(console);
    (void)fputs("-- ", file);
    va_start(arguments, format);
    (void)vfprintf(file, format, arguments);
    va_end(arguments);
    (void)fputc('\n', file);
    (void)fflush(file);
    show(console);
}
