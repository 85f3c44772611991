/* What the relay tells its operator. SPDX-License-Identifier: ISC */
#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

#include "log_limit.h"

enum { MESSAGE_SIZE = 1024, FIELD_SIZE = 96 };

struct message {
    enum log_level level;
    const char *text;
    const struct log_field *fields;
    size_t field_count;
};

static const char name[] = "toxtcp-relay";
static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_config current = {.level = LEVEL_WARNING};
static struct log_limit limit;
static bool prefixed; /* the journal reads stderr, and takes "<4>" for a level */

/* --- Text --- */

/* How many bytes a character has that begins so; 0 when none does. */
static size_t utf8_len(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* The same, 0 unless all of the character is right: its other bytes, no surrogate, not longer than need be. */
static size_t utf8_valid_len(const unsigned char *at)
{
    const size_t len = utf8_len(at[0]);
    const unsigned char least = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;

    if (len > 1 && (at[1] < least || at[1] > most)) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

/* A message is one line of UTF-8, whatever names of files are in it. */
static void clean(char *text)
{
    unsigned char *at = (unsigned char *)text;

    while (*at != '\0') {
        const size_t len = utf8_valid_len(at);

        if (len == 0 || *at < ' ' || *at == 127) {
            *at++ = '?';
        } else {
            at += len;
        }
    }
}

static void join(const struct message *message, char *text, size_t size)
{
    int len = snprintf(text, size, "%s", message->text);

    for (size_t i = 0; i < message->field_count && len > 0 && (size_t)len < size; i++) {
        len += snprintf(text + len, size - (size_t)len, "%s%s=%llu", i == 0 ? ": " : " ", message->fields[i].name,
                        (unsigned long long)message->fields[i].value);
    }
}

static void format_time(char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    char seconds[32];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    (void)strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

/* To free(); NULL when there is no memory. */
static char *json_line(const struct message *message)
{
    char when[48];
    json_t *object;
    char *line;

    format_time(when, sizeof when);
    object = json_pack("{s:s, s:s, s:s}", "time", when, "level", level_names[message->level], "message", message->text);
    for (size_t i = 0; object != NULL && i < message->field_count; i++) {
        (void)json_object_set_new(object, message->fields[i].name, json_integer((json_int_t)message->fields[i].value));
    }
    line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return line;
}

/* --- Targets --- */

bool log_target_exists(enum log_target target)
{
#ifdef HAVE_SYSTEMD
    (void)target;
    return true;
#else
    return target != TARGET_JOURNAL;
#endif
}

/* $JOURNAL_STREAM names the device and inode of what the journal reads. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    (void)snprintf(ours, sizeof ours, "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    return strcmp(stream, ours) == 0;
}

#ifdef HAVE_SYSTEMD
static void write_journal(const struct message *message)
{
    char texts[LOG_FIELDS_MAX + 3][FIELD_SIZE + MESSAGE_SIZE];
    struct iovec parts[LOG_FIELDS_MAX + 3];
    size_t count = 0;

    (void)snprintf(texts[count++], sizeof *texts, "MESSAGE=%s", message->text);
    (void)snprintf(texts[count++], sizeof *texts, "PRIORITY=%d", priorities[message->level]);
    (void)snprintf(texts[count++], sizeof *texts, "SYSLOG_IDENTIFIER=%s", name);
    for (size_t i = 0; i < message->field_count && i < LOG_FIELDS_MAX; i++) {
        char *text = texts[count++];

        (void)snprintf(text, sizeof *texts, "TOXTCP_%s=%llu", message->fields[i].name,
                       (unsigned long long)message->fields[i].value);
        for (; *text != '='; text++) {
            *text = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        }
    }
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){texts[i], strlen(texts[i])};
    }
    (void)sd_journal_sendv(parts, (int)count);
}
#endif

static void write_stderr(const struct message *message, const char *line)
{
    char prefix[40] = "";

    if (prefixed) {
        (void)snprintf(prefix, sizeof prefix, "<%d>", priorities[message->level]);
    } else if (!current.json) {
        (void)snprintf(prefix, sizeof prefix, "%s: %s", name, message->level == LEVEL_WARNING ? "warning: " : "");
    }
    (void)fprintf(stderr, "%s%s\n", prefix, line);
}

static void write_line(const struct message *message)
{
    char text[MESSAGE_SIZE + LOG_FIELDS_MAX * FIELD_SIZE];
    char *json = current.json ? json_line(message) : NULL;

    join(message, text, sizeof text);
    if (current.target == TARGET_SYSLOG) {
        syslog(priorities[message->level], "%s", json == NULL ? text : json);
    } else {
        write_stderr(message, json == NULL ? text : json);
    }
    free(json);
}

static void put(const struct message *message)
{
    const int saved_errno = errno;

#ifdef HAVE_SYSTEMD
    /* The journal has fields of its own, so there is nothing to put into JSON. */
    if (current.target == TARGET_JOURNAL) {
        struct message joined = *message;
        char text[MESSAGE_SIZE];

        join(message, text, sizeof text);
        joined.text = text;
        write_journal(&joined);
        errno = saved_errno;
        return;
    }
#endif
    write_line(message);
    errno = saved_errno;
}

/* --- Saying --- */

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void tell_held(const struct log_kind *over)
{
    char text[MESSAGE_SIZE];

    if (over->held == 0) {
        return;
    }
    (void)snprintf(text, sizeof text, "%u more messages like this one: %s", over->held, over->first);
    clean(text); /* it may have been cut off within a character */
    put(&(struct message){.level = (enum log_level)over->level, .text = text});
}

static void say(const void *kind, const struct message *message)
{
    struct log_kind over;

    if (message->level > current.level) {
        return;
    }
    const bool pass = log_limit_pass(&limit, kind, (int)message->level, message->text, now_ms(), &over);
    tell_held(&over);
    if (pass) {
        put(message);
    }
}

/* Where nobody listens at the target messages vanish: in containers, say. Whoever starts it by hand should know. */
static void warn_if_deaf(enum log_target target)
{
    static const struct message deaf = {
        .level = LEVEL_WARNING,
        .text = "nobody listens at log_target (no syslog, no journal): what is logged is lost until somebody does"};
    const char *socket = target == TARGET_SYSLOG ? "/dev/log" : "/run/systemd/journal/socket";

    if (target != TARGET_STDERR && access(socket, W_OK) != 0) {
        current.target = TARGET_STDERR;
        put(&deaf);
        current.target = target;
    }
}

void log_open(const struct log_config *config)
{
    bool other;

    (void)pthread_mutex_lock(&lock);
    other = config->target != current.target;
    if (current.target == TARGET_SYSLOG && config->target != TARGET_SYSLOG) {
        closelog();
    }
    if (config->target == TARGET_SYSLOG) {
        openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    }
    current = *config;
    prefixed = stderr_is_journal();
    if (other) {
        warn_if_deaf(config->target);
    }
    (void)pthread_mutex_unlock(&lock);
}

void log_say(enum log_level level, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clean(text);
    (void)pthread_mutex_lock(&lock);
    say(format, &(struct message){.level = level, .text = text});
    (void)pthread_mutex_unlock(&lock);
}

void log_say_fields(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    (void)pthread_mutex_lock(&lock);
    say(message, &(struct message){level, message, fields, count < LOG_FIELDS_MAX ? count : LOG_FIELDS_MAX});
    (void)pthread_mutex_unlock(&lock);
}

static void tell_all_held(uint64_t when_ms)
{
    struct log_kind over;

    (void)pthread_mutex_lock(&lock);
    while (log_limit_next(&limit, when_ms, &over)) {
        tell_held(&over);
    }
    (void)pthread_mutex_unlock(&lock);
}

void log_tick(void)
{
    tell_all_held(now_ms());
}

void log_end(void)
{
    tell_all_held(now_ms() + LOG_LIMIT_WINDOW_MS);
}
