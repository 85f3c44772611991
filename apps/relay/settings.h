/* All that an operator can set, in one table: file, options, help and checks come from it. SPDX-License-Identifier: ISC
 */
#ifndef APPS_RELAY_SETTINGS_H
#define APPS_RELAY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>
#include <toxtcp/server.h>

#include "../common/problem.h"
#include "log.h"

enum { LISTEN_MAX = 64, PORTS_MAX = LISTEN_MAX / 2, PATH_TEXT_SIZE = 1024, SETTINGS_MAX = 64 };

struct settings {
    struct toxtcp_address listen[LISTEN_MAX];
    size_t listen_count;
    uint16_t ports[PORTS_MAX]; /* when `listen` is empty */
    size_t port_count;
    bool enable_ipv6;
    bool enable_ipv4_fallback;
    bool enable_tcp_relay;
    char keys_file_path[PATH_TEXT_SIZE];
    char pid_file_path[PATH_TEXT_SIZE];
    bool enable_motd;
    char motd[256];
    char http_address[TOXTCP_ADDRESS_TEXT_SIZE];
    uint64_t threads; /* 0: one for each core */
    uint64_t tcp_fast_open;
    uint64_t clients_max;
    uint64_t unconfirmed_max;
    uint64_t per_address_max;
    uint64_t accept_rate_max;
    uint64_t accept_burst;
    uint64_t input_rate_max;
    uint64_t input_burst;
    uint64_t output_max;
    uint64_t control_output_max;
    uint64_t output_total_max;
    uint64_t confirm_timeout_ms;
    uint64_t ping_interval_ms;
    uint64_t pong_timeout_ms;
    uint64_t drain_timeout_ms;
    uint64_t log_level; /* enum log_level */
    uint64_t log_target;
    uint64_t log_format;
    char unused[256];         /* names of tox-bootstrapd's keys in the file that mean nothing here */
    bool given[SETTINGS_MAX]; /* by file or option, in the table's order */
};

enum setting_type {
    SETTING_NUMBER,
    SETTING_FLAG,
    SETTING_TRUE, /* a flag that cannot be false */
    SETTING_TEXT,
    SETTING_ADDRESS,   /* or nothing */
    SETTING_CHOICE,    /* the index of one of several words */
    SETTING_ADDRESSES, /* a list */
    SETTING_PORTS,     /* a list */
    SETTING_UNUSED     /* tox-bootstrapd knows it, and a pure TCP relay has no use for it */
};

struct setting {
    const char *name;
    enum setting_type type;
    bool reload;      /* SIGHUP can change it */
    size_t offset;    /* in struct settings */
    uint64_t minimum; /* of a number */
    uint64_t maximum; /* of a number; of a text: its array's size */
    const char *const *words;
    const char *standard; /* the default, as an option would give it */
    const char *argument; /* what the help calls a value */
    const char *help;
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* By its name, with `_` or `-`. NULL when there is none. */
const struct setting *settings_find(const char *name);
/* The name that is most like this one. */
const char *settings_nearest(const char *name);

void settings_default(struct settings *settings);
/* Sets what the text says; items of a list, with commas between them, are added to it. Returns 0, or -1 with `problem`
 * set, which says what is wrong and what is allowed, and does not name the setting. */
int settings_set(struct settings *settings, const struct setting *setting, const char *text, struct problem *problem);
/* Empties a list; nothing with others. */
void settings_clear(struct settings *settings, const struct setting *setting);
/* What is allowed: "a whole number from 1 to 9". */
void settings_allowed(const struct setting *setting, char *text, size_t size);
/* The value in the configuration file's syntax; cut off where it does not fit. */
void settings_format(const struct settings *settings, const struct setting *setting, char *text, size_t size);

/* --- What they mean (settings_use.c) --- */

struct listen_plan {
    struct toxtcp_address addresses[LISTEN_MAX];
    bool needed[LISTEN_MAX]; /* the relay does not start without it; of the others one is enough */
    size_t count;
};

void settings_listen_plan(const struct settings *settings, struct listen_plan *plan);
uint32_t settings_thread_count(const struct settings *settings);
/* The limits of one of `workers` servers. */
void settings_server_config(const struct settings *settings, uint32_t workers, struct toxtcp_server_config *config);
void settings_log_config(const struct settings *settings, struct log_config *config);

/* Takes those that SIGHUP can change over from `fresh`. Writes their names, and those of others that differ, each list
 * cut off at `size`. */
void settings_reload(struct settings *settings, const struct settings *fresh, char *changed, char *kept, size_t size);

/* --- The file (settings_file.c) --- */

/* Reads a libconfig file over what the settings are. Returns 0, or -1 with `problem` naming file, line and key. */
int settings_read_file(struct settings *settings, const char *path, struct problem *problem);

#endif
