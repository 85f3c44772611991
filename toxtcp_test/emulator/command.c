/* What an emulator is told while it runs, a line at a time. SPDX-License-Identifier: ISC */
#include "emulator/command.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "emulator/pcap.h"

enum { WORDS_MAX = 4, US_IN_MS = 1000 };

/* How a rule's value is written, and the largest one. */
enum unit { UNIT_MS, UNIT_KBIT, UNIT_COUNT, UNIT_COUNT_32, UNIT_PERCENT, UNIT_SWITCH };

static const struct rule {
    const char *name;
    enum unit unit;
    size_t offset;
} rules[] = {
    {"delay", UNIT_MS, offsetof(struct lane_rules, delay_us)},
    {"jitter", UNIT_MS, offsetof(struct lane_rules, jitter_us)},
    {"rate", UNIT_KBIT, offsetof(struct lane_rules, rate)},
    {"queue", UNIT_COUNT, offsetof(struct lane_rules, queue)},
    {"loss", UNIT_PERCENT, offsetof(struct lane_rules, loss_ppm)},
    {"loss-every", UNIT_COUNT_32, offsetof(struct lane_rules, loss_every)},
    {"drop-syn-data", UNIT_SWITCH, offsetof(struct lane_rules, drop_syn_data)},
    {"drop-fast-open", UNIT_SWITCH, offsetof(struct lane_rules, drop_fast_open)},
    {"silence", UNIT_SWITCH, offsetof(struct lane_rules, silent)},
};
enum { RULES = sizeof rules / sizeof rules[0] };

static const char *const fate_names[LANE_FATES] = {[LANE_TAKEN] = "taken",
                                                   [LANE_FILTERED] = "filtered",
                                                   [LANE_LOST] = "lost",
                                                   [LANE_QUEUE_FULL] = "queue-full",
                                                   [LANE_SILENT] = "silent"};

__attribute__((format(printf, 2, 3))) static void say(char answer[COMMAND_ANSWER_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(answer, COMMAND_ANSWER_SIZE, format, arguments);
    va_end(arguments);
}

/* A decimal number from 0 to `most` and nothing else. */
static bool read_number(const char *text, double most, double *number)
{
    char *end;

    errno = 0;
    *number = strtod(text, &end);
    return end != text && *end == 0 && errno == 0 && isfinite(*number) && *number >= 0 && *number <= most;
}

static bool read_switch(const char *text, bool *on)
{
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}

/* --- Rules --- */

static bool set_number(const struct rule *rule, const char *value, void *member)
{
    static const struct {
        double most, factor;
    } units[] = {[UNIT_MS] = {1e6, US_IN_MS},
                 [UNIT_KBIT] = {1e8, 1e3},
                 [UNIT_COUNT] = {1e9, 1},
                 [UNIT_COUNT_32] = {1e9, 1},
                 [UNIT_PERCENT] = {100, 1e4}};
    double number;

    if (!read_number(value, units[rule->unit].most, &number)) {
        return false;
    }
    const uint64_t whole = (uint64_t)(number * units[rule->unit].factor + 0.5);
    if (rule->unit == UNIT_PERCENT || rule->unit == UNIT_COUNT_32) {
        *(uint32_t *)member = (uint32_t)whole;
    } else {
        *(uint64_t *)member = whole;
    }
    return true;
}

static bool set_rule(struct lane_rules *lane, const struct rule *rule, const char *value)
{
    void *member = (char *)lane + rule->offset;

    return rule->unit == UNIT_SWITCH ? read_switch(value, member) : set_number(rule, value, member);
}

static const struct rule *find_rule(const char *name)
{
    for (size_t i = 0; i < RULES; i++) {
        if (strcmp(rules[i].name, name) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

/* `port` -1: all. */
static void do_rule(struct hub *hub, int port, char *const words[WORDS_MAX], char answer[COMMAND_ANSWER_SIZE])
{
    const struct rule *rule = find_rule(words[2]);
    struct lane_rules probe;

    if (rule == NULL) {
        say(answer, "error there is no rule \"%.40s\"", words[2]);
        return;
    }
    if (!set_rule(&probe, rule, words[3])) {
        say(answer, "error \"%.40s\" is no value for %s", words[3], rule->name);
        return;
    }
    for (size_t i = 0; i < hub->count; i++) {
        for (int way = 0; way < HUB_WAYS; way++) {
            if ((port < 0 || (int)i == port) &&
                (strcmp(words[1], "both") == 0 || (way == HUB_UP) == (strcmp(words[1], "up") == 0))) {
                (void)set_rule(&hub->ports[i].lanes[way].rules, rule, words[3]);
            }
        }
    }
    say(answer, "ok");
}

/* --- Counts --- */

enum { COUNTS = TALLY_KINDS + LANE_FATES + 1 };

static const char *count_name(size_t i)
{
    if (i < TALLY_KINDS) {
        return tally_names[i];
    }
    return i < TALLY_KINDS + LANE_FATES ? fate_names[i - TALLY_KINDS] : "strays";
}

static uint64_t count_of(const struct hub_port *port, enum hub_way way, size_t i)
{
    if (i < TALLY_KINDS) {
        return port->tallies[way].counts[i];
    }
    return i < TALLY_KINDS + LANE_FATES ? port->lanes[way].fates[i - TALLY_KINDS] : port->strays;
}

static void say_counts(const struct hub_port *port, enum hub_way way, char answer[COMMAND_ANSWER_SIZE])
{
    size_t len = 2;

    say(answer, "ok");
    for (size_t i = 0; i < COUNTS; i++) {
        const int more = snprintf(answer + len, COMMAND_ANSWER_SIZE - len, " %s=%llu", count_name(i),
                                  (unsigned long long)count_of(port, way, i));
        if (more < 0 || (size_t)more >= COMMAND_ANSWER_SIZE - len) {
            say(answer, "error the counts do not fit");
            return;
        }
        len += (size_t)more;
    }
}

static void say_count(const struct hub_port *port, enum hub_way way, const char *kind, char answer[COMMAND_ANSWER_SIZE])
{
    for (size_t i = 0; i < COUNTS; i++) {
        if (strcmp(count_name(i), kind) == 0) {
            say(answer, "ok %llu", (unsigned long long)count_of(port, way, i));
            return;
        }
    }
    say(answer, "error nothing is counted as \"%.40s\"", kind);
}

static void zero(struct hub_port *port)
{
    for (int way = 0; way < HUB_WAYS; way++) {
        tally_zero(&port->tallies[way]);
        memset(port->lanes[way].fates, 0, sizeof port->lanes[way].fates);
    }
    port->strays = 0;
}

/* --- Lines --- */

static void capture(struct hub_port *port, const char *path, char answer[COMMAND_ANSWER_SIZE])
{
    FILE *file = pcap_open(path);

    if (file == NULL) {
        say(answer, "error %.200s: %s", path, strerror(errno));
        return;
    }
    if (port->capture != NULL) {
        (void)fclose(port->capture);
    }
    port->capture = file;
    say(answer, "ok");
}

/* Cuts the line up in place. Returns how many words there are; more than WORDS_MAX is WORDS_MAX + 1. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = line, *word;

    while ((word = strsep(&rest, " \t")) != NULL) {
        if (*word != 0 && count++ < WORDS_MAX) {
            words[count - 1] = word;
        }
    }
    return count;
}

static bool is_way(const char *word)
{
    return strcmp(word, "up") == 0 || strcmp(word, "down") == 0;
}

static bool do_for_one(struct commands *commands, size_t number, size_t count, char *const words[WORDS_MAX],
                       uint64_t now_us, char answer[COMMAND_ANSWER_SIZE])
{
    struct hub_port *port = &commands->hub->ports[number];

    if (count == 2 && strcmp(words[1], "reset") == 0) {
        say(answer, "ok %zu", hub_reset(commands->hub, number, now_us));
    } else if (count == 2 && strcmp(words[1], "zero") == 0) {
        zero(port);
        say(answer, "ok");
    } else if (count == 3 && strcmp(words[1], "capture") == 0) {
        capture(port, words[2], answer);
    } else if (count >= 3 && strcmp(words[1], "count") == 0 && is_way(words[2])) {
        const enum hub_way way = strcmp(words[2], "up") == 0 ? HUB_UP : HUB_DOWN;
        if (count == 3) {
            say_counts(port, way, answer);
        } else {
            say_count(port, way, words[3], answer);
        }
    } else {
        return false;
    }
    return true;
}

static void do_words(struct commands *commands, size_t count, char *const words[WORDS_MAX], uint64_t now_us,
                     char answer[COMMAND_ANSWER_SIZE])
{
    if (count == 1 && strcmp(words[0], "ping") == 0) {
        say(answer, "ok");
        return;
    }
    const bool all = count > 0 && strcmp(words[0], "all") == 0;
    const int port = count > 0 ? hub_find(commands->hub, words[0]) : -1;
    if (count > 1 && port < 0 && !all) {
        say(answer, "error there is no port \"%.40s\"", words[0]);
    } else if (count == WORDS_MAX && (is_way(words[1]) || strcmp(words[1], "both") == 0)) {
        do_rule(commands->hub, port, words, answer);
    } else if (count > WORDS_MAX || port < 0 || !do_for_one(commands, (size_t)port, count, words, now_us, answer)) {
        say(answer, "error this is no command");
    }
}

static void do_later(struct commands *commands, const char *line, uint64_t now_us, char answer[COMMAND_ANSWER_SIZE])
{
    char ms[16];
    double number;
    int len = 0;

    if (sscanf(line, "in %15s %n", ms, &len) != 1 || len == 0 || line[len] == 0 || !read_number(ms, 1e6, &number)) {
        say(answer, "error a number of ms and a command are wanted");
        return;
    }
    for (size_t i = 0; i < COMMAND_LATER_MAX; i++) {
        struct command_later *later = &commands->later[i];
        if (later->at_us == UINT64_MAX) {
            later->at_us = now_us + (uint64_t)(number * US_IN_MS);
            /* The line may lie in this very place. */
            memmove(later->line, line + len, strlen(line + len) + 1);
            say(answer, "ok");
            return;
        }
    }
    say(answer, "error %d commands wait already", COMMAND_LATER_MAX);
}

void commands_open(struct commands *commands, struct hub *hub)
{
    commands->hub = hub;
    for (size_t i = 0; i < COMMAND_LATER_MAX; i++) {
        commands->later[i].at_us = UINT64_MAX;
    }
}

void commands_do(struct commands *commands, const char *line, uint64_t now_us, char answer[COMMAND_ANSWER_SIZE])
{
    char copy[COMMAND_LINE_SIZE], *words[WORDS_MAX];

    if (strlen(line) >= sizeof copy) {
        say(answer, "error the line is too long");
        return;
    }
    if (strncmp(line, "in ", 3) == 0) {
        do_later(commands, line, now_us, answer);
        return;
    }
    memcpy(copy, line, strlen(line) + 1);
    do_words(commands, split(copy, words), words, now_us, answer);
}

uint64_t commands_next_us(const struct commands *commands)
{
    uint64_t next_us = UINT64_MAX;

    for (size_t i = 0; i < COMMAND_LATER_MAX; i++) {
        next_us = commands->later[i].at_us < next_us ? commands->later[i].at_us : next_us;
    }
    return next_us;
}

/* In the order of their moments; of those at one moment, in that of their places. */
void commands_expire(struct commands *commands, uint64_t now_us)
{
    char answer[COMMAND_ANSWER_SIZE];
    uint64_t due_us;

    while ((due_us = commands_next_us(commands)) <= now_us && due_us != UINT64_MAX) {
        for (size_t i = 0; i < COMMAND_LATER_MAX; i++) {
            struct command_later *later = &commands->later[i];
            if (later->at_us == due_us) {
                later->at_us = UINT64_MAX;
                commands_do(commands, later->line, due_us, answer);
                if (strncmp(answer, "error", 5) == 0) {
                    (void)fprintf(stderr, "emulator: %s: %s\n", later->line, answer);
                }
            }
        }
    }
}
