/* The table of settings, and how a value is set from text and shown. SPDX-License-Identifier: ISC */
#include "settings.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <toxtcp/error.h>

#include "../common/address_text.h"
#include "figures.h"

enum { SHOWN_MAX = 80, OUTPUT_LIMIT = 64 << 20, HOUR_MS = 3600000, MANY = 1000000 };

#define AT(member) offsetof(struct settings, member)
#define NUMBER(member, least, most, value, argument, help)                                                             \
    {                                                                                                                  \
#member, SETTING_NUMBER, true, AT(member), least, most, NULL, value, argument, help                            \
    }
#define CHOICE(member, list, value, argument, help)                                                                    \
    {                                                                                                                  \
#member, SETTING_CHOICE, true, AT(member), 0, 0, list, value, argument, help                                   \
    }
#define FLAG(member, type, reload, help)                                                                               \
    {                                                                                                                  \
#member, type, reload, AT(member), 0, 0, NULL, "true", "BOOL", help                                            \
    }
#define TEXT(member, type, reload, value, argument, help)                                                              \
    {                                                                                                                  \
#member, type, reload, AT(member), 0, sizeof(((struct settings *)NULL)->member), NULL, value, argument, help   \
    }
#define UNUSED(name, argument)                                                                                         \
    {                                                                                                                  \
        name, SETTING_UNUSED, false, 0, 0, 0, NULL, "", argument, "tox-bootstrapd's; not for a pure TCP relay"         \
    }

static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};
static const char *const target_words[] = {"stderr", "syslog", "journal", NULL};
static const char *const format_words[] = {"text", "json", NULL};

const struct setting settings_table[] = {
    {"listen", SETTING_ADDRESSES, false, AT(listen), 0, 0, NULL, "", "ADDR:PORT",
     "where to listen, instead of tcp_relay_ports and enable_ipv6"},
    {"tcp_relay_ports", SETTING_PORTS, false, AT(ports), 0, 0, NULL, "33445", "PORT",
     "ports to listen at, on IPv4 and IPv6"},
    FLAG(enable_ipv6, SETTING_FLAG, false, "listen on IPv6 too"),
    FLAG(enable_ipv4_fallback, SETTING_FLAG, false, "go on when IPv6 cannot be had"),
    FLAG(enable_tcp_relay, SETTING_TRUE, false, "be a TCP relay; this one is nothing else"),
    TEXT(keys_file_path, SETTING_TEXT, false, "", "FILE",
         "the relay's identity, as tox-bootstrapd keeps it; made when missing"),
    TEXT(pid_file_path, SETTING_TEXT, false, "", "FILE", "where to write the process id"),
    FLAG(enable_motd, SETTING_FLAG, true, "show the motd"),
    TEXT(motd, SETTING_TEXT, true, "", "TEXT", "a line about this relay, for its status page"),
    TEXT(http_address, SETTING_ADDRESS, false, "", "ADDR:PORT", "serve figures and a status page there"),
    {"threads", SETTING_NUMBER, false, AT(threads), 0, WORKERS_MAX, NULL, "0", "N",
     "worker threads; 0: one for each core"},
    {"tcp_fast_open", SETTING_NUMBER, false, AT(tcp_fast_open), 0, 65535, NULL, "256", "N",
     "half-open connections that may bring data in their SYN; 0: none"},
    NUMBER(clients_max, 1, MANY, "65536", "N", "connections in all"),
    NUMBER(unconfirmed_max, 1, MANY, "1024", "N", "connections that have not proved their key yet"),
    NUMBER(per_address_max, 0, MANY, "1024", "N", "connections from one IPv4 address or IPv6 /64; 0: any number"),
    NUMBER(accept_rate_max, 0, MANY, "50", "N", "new connections a second from one address; 0: any number"),
    NUMBER(accept_burst, 1, MANY, "500", "N", "new connections at once before that counts"),
    NUMBER(input_rate_max, 0, UINT32_MAX, "10485760", "BYTES", "bytes a second from one client; 0: any number"),
    NUMBER(input_burst, 4096, UINT32_MAX, "2097152", "BYTES", "bytes at once before that counts"),
    NUMBER(output_max, 4096, OUTPUT_LIMIT, "65536", "BYTES", "bytes waiting for a client before data is dropped"),
    NUMBER(control_output_max, 4096, OUTPUT_LIMIT, "65536", "BYTES",
           "further bytes of other packets before it is closed"),
    NUMBER(output_total_max, 0, (uint64_t)1 << 40, "268435456", "BYTES",
           "bytes waiting for all before data is dropped; 0: any number"),
    NUMBER(confirm_timeout_ms, 100, HOUR_MS, "10000", "MS", "time for a newcomer to prove its key"),
    NUMBER(ping_interval_ms, 1000, HOUR_MS, "30000", "MS", "time between pings"),
    NUMBER(pong_timeout_ms, 1000, HOUR_MS, "10000", "MS", "time for an answer to one"),
    NUMBER(drain_timeout_ms, 0, HOUR_MS, "5000", "MS", "time to deliver what is queued, at the end"),
    CHOICE(log_level, level_words, "info", "LEVEL", "error, warning, info or debug"),
    CHOICE(log_target, target_words, "stderr", "TARGET", "stderr, syslog or journal"),
    CHOICE(log_format, format_words, "text", "FORMAT", "text or json"),
    UNUSED("port", "PORT"),
    UNUSED("enable_lan_discovery", "BOOL"),
    UNUSED("bootstrap_nodes", "LIST"),
};

const size_t settings_count = sizeof settings_table / sizeof *settings_table;
_Static_assert(sizeof settings_table / sizeof *settings_table <= SETTINGS_MAX, "room for all in `given`");

/* --- Names --- */

static char plain(char letter)
{
    return letter == '-' ? '_' : letter;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && plain(*a) == plain(*b)) {
        a++;
        b++;
    }
    return plain(*a) == plain(*b);
}

const struct setting *settings_find(const char *name)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (same_name(settings_table[i].name, name)) {
            return &settings_table[i];
        }
    }
    return NULL;
}

/* Letters to insert, remove or replace on the way from one to the other. */
static size_t distance(const char *from, const char *to)
{
    size_t row[SHOWN_MAX + 1];
    size_t to_len = strnlen(to, SHOWN_MAX);

    for (size_t j = 0; j <= to_len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; i < SHOWN_MAX && from[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < to_len; j++) {
            size_t replace = diagonal + (plain(from[i]) == plain(to[j]) ? 0 : 1);
            size_t step = 1 + (row[j] < row[j + 1] ? row[j] : row[j + 1]);

            diagonal = row[j + 1];
            row[j + 1] = replace < step ? replace : step;
        }
    }
    return row[to_len];
}

const char *settings_nearest(const char *name)
{
    const char *nearest = settings_table[0].name;

    for (size_t i = 1; i < settings_count; i++) {
        if (distance(name, settings_table[i].name) < distance(name, nearest)) {
            nearest = settings_table[i].name;
        }
    }
    return nearest;
}

/* --- Setting --- */

static void *place(struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static const void *place_const(const struct settings *settings, const struct setting *setting)
{
    return (const char *)settings + setting->offset;
}

static void list_words(const char *const *words, char *text, size_t size)
{
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; words[i] != NULL && len < size; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
}

void settings_allowed(const struct setting *setting, char *text, size_t size)
{
    char words[SHOWN_MAX];

    switch (setting->type) {
    case SETTING_NUMBER:
        (void)snprintf(text, size, "a whole number from %" PRIu64 " to %" PRIu64, setting->minimum, setting->maximum);
        break;
    case SETTING_FLAG:
        (void)snprintf(text, size, "true or false");
        break;
    case SETTING_TRUE:
        (void)snprintf(text, size, "true: a pure TCP relay has nothing else to do");
        break;
    case SETTING_CHOICE:
        list_words(setting->words, words, sizeof words);
        (void)snprintf(text, size, "one of %s", words);
        break;
    case SETTING_TEXT:
        (void)snprintf(text, size, "a text of at most %" PRIu64 " bytes", setting->maximum - 1);
        break;
    case SETTING_ADDRESS:
        (void)snprintf(text, size, "\"ADDR:PORT\", as in 127.0.0.1:9090 or [::1]:9090, or empty");
        break;
    case SETTING_ADDRESSES:
        (void)snprintf(text, size, "a list of at most %d \"ADDR:PORT\"", LISTEN_MAX);
        break;
    case SETTING_PORTS:
        (void)snprintf(text, size, "a list of 1 to %d ports, each from 1 to 65535", PORTS_MAX);
        break;
    case SETTING_UNUSED:
        (void)snprintf(text, size, "anything");
        break;
    }
}

static int refuse(const struct setting *setting, const char *text, struct problem *problem)
{
    char allowed[2 * SHOWN_MAX];

    settings_allowed(setting, allowed, sizeof allowed);
    return problem_set(problem, "\"%.*s\" is not %s", SHOWN_MAX, text, allowed);
}

static int set_number(struct settings *settings, const struct setting *setting, const char *text,
                      struct problem *problem)
{
    uint64_t value = 0;
    const size_t len = strlen(text);

    if (len == 0 || len > 15 || strspn(text, "0123456789") != len) {
        return refuse(setting, text, problem);
    }
    for (size_t i = 0; i < len; i++) {
        value = 10 * value + (uint64_t)(text[i] - '0');
    }
    if (value < setting->minimum || value > setting->maximum) {
        return refuse(setting, text, problem);
    }
    *(uint64_t *)place(settings, setting) = value;
    return 0;
}

static int set_flag(struct settings *settings, const struct setting *setting, const char *text, struct problem *problem)
{
    const bool value = strcasecmp(text, "true") == 0;

    if (!value && (strcasecmp(text, "false") != 0 || setting->type == SETTING_TRUE)) {
        return refuse(setting, text, problem);
    }
    *(bool *)place(settings, setting) = value;
    return 0;
}

static int set_choice(struct settings *settings, const struct setting *setting, const char *text,
                      struct problem *problem)
{
    uint64_t index = 0;

    while (setting->words[index] != NULL && strcmp(setting->words[index], text) != 0) {
        index++;
    }
    if (setting->words[index] == NULL) {
        return refuse(setting, text, problem);
    }
    if (setting->offset == AT(log_target) && !log_target_exists((enum log_target)index)) {
        return problem_set(problem, "\"%s\" needs libsystemd, which this program was built without", text);
    }
    *(uint64_t *)place(settings, setting) = index;
    return 0;
}

static int set_text(struct settings *settings, const struct setting *setting, const char *text, struct problem *problem)
{
    const size_t len = strlen(text);

    if (len >= setting->maximum) {
        return refuse(setting, text, problem);
    }
    memcpy(place(settings, setting), text, len + 1);
    return 0;
}

static int set_address(struct settings *settings, const struct setting *setting, const char *text,
                       struct problem *problem)
{
    struct toxtcp_address address;

    if (text[0] != '\0' && address_text_parse(text, strlen(text), &address) != TOXTCP_OK) {
        return refuse(setting, text, problem);
    }
#ifndef HAVE_MICROHTTPD
    if (text[0] != '\0') {
        return problem_set(problem, "this needs libmicrohttpd, which this program was built without");
    }
#endif
    return set_text(settings, setting, text, problem);
}

static int add_address(struct settings *settings, const char *text, size_t len, struct problem *problem)
{
    struct toxtcp_address address;

    if (address_text_parse(text, len, &address) != TOXTCP_OK) {
        return problem_set(problem, "\"%.*s\" is no address with a port; write 127.0.0.1:33445 or [::1]:33445",
                           (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text);
    }
    if (settings->listen_count == LISTEN_MAX) {
        return problem_set(problem, "there are more than %d addresses", LISTEN_MAX);
    }
    settings->listen[settings->listen_count++] = address;
    return 0;
}

static int add_port(struct settings *settings, const char *text, size_t len, struct problem *problem)
{
    uint32_t port;

    if (!number_text_parse(text, len, 1, UINT16_MAX, &port)) {
        return problem_set(problem, "\"%.*s\" is no port, 1 to 65535", (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text);
    }
    for (size_t i = 0; i < settings->port_count; i++) {
        if (settings->ports[i] == port) {
            return 0;
        }
    }
    if (settings->port_count == PORTS_MAX) {
        return problem_set(problem, "there are more than %d ports", PORTS_MAX);
    }
    settings->ports[settings->port_count++] = (uint16_t)port;
    return 0;
}

static int add_items(struct settings *settings, const struct setting *setting, const char *text,
                     struct problem *problem)
{
    int result = 0;

    if (text[0] == '\0') {
        return setting->type == SETTING_PORTS ? refuse(setting, text, problem) : 0;
    }
    while (result == 0) {
        size_t len = strcspn(text, ",");

        result = setting->type == SETTING_PORTS ? add_port(settings, text, len, problem)
                                                : add_address(settings, text, len, problem);
        if (text[len] == '\0') {
            break;
        }
        text += len + 1;
    }
    return result;
}

int settings_set(struct settings *settings, const struct setting *setting, const char *text, struct problem *problem)
{
    switch (setting->type) {
    case SETTING_NUMBER:
        return set_number(settings, setting, text, problem);
    case SETTING_FLAG:
    case SETTING_TRUE:
        return set_flag(settings, setting, text, problem);
    case SETTING_TEXT:
        return set_text(settings, setting, text, problem);
    case SETTING_ADDRESS:
        return set_address(settings, setting, text, problem);
    case SETTING_CHOICE:
        return set_choice(settings, setting, text, problem);
    case SETTING_ADDRESSES:
    case SETTING_PORTS:
        return add_items(settings, setting, text, problem);
    case SETTING_UNUSED:
        break;
    }
    return 0;
}

void settings_clear(struct settings *settings, const struct setting *setting)
{
    if (setting->type == SETTING_ADDRESSES) {
        settings->listen_count = 0;
    } else if (setting->type == SETTING_PORTS) {
        settings->port_count = 0;
    }
}

void settings_default(struct settings *settings)
{
    struct problem problem = {""};

    *settings = (struct settings){.listen_count = 0};
    for (size_t i = 0; i < settings_count; i++) {
        const int failed = settings_set(settings, &settings_table[i], settings_table[i].standard, &problem);

        assert(failed == 0);
        (void)failed;
    }
}

/* --- Showing --- */

struct writer {
    char *text;
    size_t size;
    size_t len;
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
write_text(struct writer *writer, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(writer->text + writer->len, writer->size - writer->len, format, arguments);
    va_end(arguments);
    if (len > 0) {
        writer->len += (size_t)len < writer->size - writer->len ? (size_t)len : writer->size - writer->len - 1;
    }
}

static void write_quoted(struct writer *writer, const char *text)
{
    write_text(writer, "\"");
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;

        if (byte < ' ' || byte == 127) {
            write_text(writer, "\\x%02x", byte);
        } else {
            write_text(writer, "%s%c", byte == '"' || byte == '\\' ? "\\" : "", byte);
        }
    }
    write_text(writer, "\"");
}

static void write_list(struct writer *writer, const struct settings *settings, enum setting_type type)
{
    const size_t count = type == SETTING_PORTS ? settings->port_count : settings->listen_count;
    char address[TOXTCP_ADDRESS_TEXT_SIZE];

    write_text(writer, "[");
    for (size_t i = 0; i < count; i++) {
        write_text(writer, "%s", i == 0 ? "" : ", ");
        if (type == SETTING_PORTS) {
            write_text(writer, "%u", settings->ports[i]);
        } else {
            toxtcp_address_format(&settings->listen[i], address);
            write_quoted(writer, address);
        }
    }
    write_text(writer, "]");
}

void settings_format(const struct settings *settings, const struct setting *setting, char *text, size_t size)
{
    const void *at = place_const(settings, setting);
    struct writer writer = {text, size, 0};

    text[0] = '\0';
    switch (setting->type) {
    case SETTING_NUMBER:
        write_text(&writer, "%" PRIu64 "%s", *(const uint64_t *)at, *(const uint64_t *)at > INT32_MAX ? "L" : "");
        break;
    case SETTING_FLAG:
    case SETTING_TRUE:
        write_text(&writer, "%s", *(const bool *)at ? "true" : "false");
        break;
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        write_quoted(&writer, at);
        break;
    case SETTING_CHOICE:
        write_quoted(&writer, setting->words[*(const uint64_t *)at]);
        break;
    case SETTING_ADDRESSES:
    case SETTING_PORTS:
        write_list(&writer, settings, setting->type);
        break;
    case SETTING_UNUSED:
        break;
    }
}
