/* What the relay tells its operator: levels, targets, formats, and never too much. SPDX-License-Identifier: ISC
 *
 * One log for the process, safe in every thread. Without log_open() it writes warnings and errors to stderr. Nothing
 * secret goes in here, and addresses of clients at LOG_DEBUG alone. */
#ifndef APPS_RELAY_LOG_H
#define APPS_RELAY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_DEBUG };
enum log_target { TARGET_STDERR, TARGET_SYSLOG, TARGET_JOURNAL };

struct log_config {
    enum log_level level;
    enum log_target target;
    bool json;
};

/* A number that goes with a message: a member in JSON, "NAME=5" in text. */
struct log_field {
    const char *name;
    uint64_t value;
};

enum { LOG_FIELDS_MAX = 16 };

/* Whether this build can write there. */
bool log_target_exists(enum log_target target);

/* From now on like this. May be called again. */
void log_open(const struct log_config *config);

/* Says a message. Of one kind (the same `format`) 10 pass in 10 s; then log_tick(), or the next that passes, says how
 * many did not. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void log_say(enum log_level level, const char *format, ...);

/* The same with numbers, at most LOG_FIELDS_MAX. */
void log_say_fields(enum log_level level, const char *message, const struct log_field *fields, size_t count);

/* Tells of what was held back, when its 10 s are over. To be called every few seconds. */
void log_tick(void);

/* The same for all that was held back: the program ends. */
void log_end(void);

#endif
