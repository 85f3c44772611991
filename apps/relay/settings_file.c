/* Reads the configuration file, in libconfig's syntax. SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "settings.h"

enum { VALUE_TEXT_SIZE = PATH_TEXT_SIZE + 1 };

/* What tox-bootstrapd takes when its file does not say: its ports, and where its identity is. */
static const struct {
    const char *name;
    const char *value;
} bootstrapd_defaults[] = {{"tcp_relay_ports", "443,3389,33445"}, {"keys_file_path", "tox-bootstrapd.keys"}};

struct reading {
    struct settings *settings;
    const char *path;
    struct problem *problem;
    const char *scanned; /* the included file that scan() has seen last */
};

static int complain(const struct reading *reading, const config_setting_t *node, const char *what)
{
    const char *file = config_setting_source_file(node);

    return problem_set(reading->problem, "%.200s:%u: %.40s: %.230s", file == NULL ? reading->path : file,
                       config_setting_source_line(node), config_setting_name(node), what);
}

static int complain_type(const struct reading *reading, const config_setting_t *node, const struct setting *setting)
{
    char allowed[160];
    char what[200];

    settings_allowed(setting, allowed, sizeof allowed);
    (void)snprintf(what, sizeof what, "this is not %s", allowed);
    return complain(reading, node, what);
}

/* The text of a value, as an option would give it, if it is of the kind that the setting takes. */
static bool scalar_text(const config_setting_t *node, enum setting_type type, char *text)
{
    const char *string;

    switch (type) {
    case SETTING_NUMBER:
    case SETTING_PORTS:
        (void)snprintf(text, VALUE_TEXT_SIZE, "%lld", config_setting_get_int64(node));
        return config_setting_type(node) == CONFIG_TYPE_INT || config_setting_type(node) == CONFIG_TYPE_INT64;
    case SETTING_FLAG:
    case SETTING_TRUE:
        (void)snprintf(text, VALUE_TEXT_SIZE, "%s", config_setting_get_bool(node) ? "true" : "false");
        return config_setting_type(node) == CONFIG_TYPE_BOOL;
    default:
        string = config_setting_get_string(node);
        /* Too long stays too long. */
        (void)snprintf(text, VALUE_TEXT_SIZE, "%s", string == NULL ? "" : string);
        return string != NULL;
    }
}

static int read_scalar(const struct reading *reading, const config_setting_t *node, const config_setting_t *named,
                       const struct setting *setting)
{
    char text[VALUE_TEXT_SIZE];
    struct problem inner;

    if (!scalar_text(node, setting->type, text)) {
        return complain_type(reading, named, setting);
    }
    return settings_set(reading->settings, setting, text, &inner) == 0 ? 0 : complain(reading, named, inner.text);
}

static int read_list(const struct reading *reading, const config_setting_t *node, const struct setting *setting)
{
    const int count = config_setting_length(node);

    settings_clear(reading->settings, setting);
    if (!config_setting_is_array(node) && !config_setting_is_list(node)) {
        return read_scalar(reading, node, node, setting);
    }
    if (count == 0 && setting->type == SETTING_PORTS) {
        return complain_type(reading, node, setting);
    }
    for (int i = 0; i < count; i++) {
        if (read_scalar(reading, config_setting_get_elem(node, (unsigned)i), node, setting) != 0) {
            return -1;
        }
    }
    return 0;
}

static void note_unused(struct settings *settings, const char *name)
{
    const size_t len = strlen(settings->unused);

    (void)snprintf(settings->unused + len, sizeof settings->unused - len, "%s%s", len == 0 ? "" : ", ", name);
}

static int read_node(const struct reading *reading, const config_setting_t *node)
{
    const char *name = config_setting_name(node);
    const struct setting *setting = settings_find(name);
    char what[160];

    /* In the file a name has no other form than the table's. */
    if (setting == NULL || strcmp(setting->name, name) != 0) {
        (void)snprintf(what, sizeof what, "there is no such key; the nearest one is %s", settings_nearest(name));
        return complain(reading, node, what);
    }
    reading->settings->given[setting - settings_table] = true;
    switch (setting->type) {
    case SETTING_UNUSED:
        note_unused(reading->settings, name);
        return 0;
    case SETTING_ADDRESSES:
    case SETTING_PORTS:
        return read_list(reading, node, setting);
    default:
        return read_scalar(reading, node, node, setting);
    }
}

/* --- Numbers that do not fit ---
 *
 * libconfig 1.5 cuts a number over 31 bits without an L at its end, and does not say so. */

struct scanner {
    FILE *file;
    unsigned line;
    int next;
};

static void advance(struct scanner *scanner)
{
    if (scanner->next == '\n') {
        scanner->line++;
    }
    scanner->next = getc(scanner->file);
}

static void skip_line(struct scanner *scanner)
{
    while (scanner->next != '\n' && scanner->next != EOF) {
        advance(scanner);
    }
}

static void skip_string(struct scanner *scanner)
{
    advance(scanner);
    while (scanner->next != '"' && scanner->next != EOF) {
        if (scanner->next == '\\') {
            advance(scanner);
        }
        advance(scanner);
    }
    advance(scanner);
}

static void skip_comment(struct scanner *scanner)
{
    int last = ' ';

    advance(scanner);
    if (scanner->next == '/') {
        skip_line(scanner);
    } else if (scanner->next == '*') {
        advance(scanner);
        while (scanner->next != EOF && !(last == '*' && scanner->next == '/')) {
            last = scanner->next;
            advance(scanner);
        }
        advance(scanner);
    }
}

/* A name, or a number. False for one that will be cut. */
static bool scan_word(struct scanner *scanner)
{
    char word[VALUE_TEXT_SIZE];
    size_t len = 0;
    unsigned long long value;
    char *end;

    while (isalnum(scanner->next) || scanner->next == '_' || scanner->next == '-' || scanner->next == '.') {
        if (len < sizeof word - 1) {
            word[len++] = (char)scanner->next;
        }
        advance(scanner);
    }
    word[len] = '\0';
    errno = 0;
    value = strtoull(word, &end, 0);
    return end == word || *end != '\0' || (errno == 0 && value <= INT32_MAX);
}

static int scan(const struct reading *reading, const char *path, FILE *file)
{
    struct scanner scanner = {file, 1, ' '};

    while (scanner.next != EOF) {
        const unsigned line = scanner.line;

        if (scanner.next == '"') {
            skip_string(&scanner);
        } else if (scanner.next == '#') {
            skip_line(&scanner);
        } else if (scanner.next == '/') {
            skip_comment(&scanner);
        } else if (!isalnum(scanner.next)) {
            advance(&scanner);
        } else if (!scan_word(&scanner)) {
            return problem_set(reading->problem,
                               "%.400s:%u: a number over %d must have an L at its end, as in 5000000000L", path, line,
                               INT32_MAX);
        }
    }
    /* libconfig reads it next. Of a pipe nothing would be left, and an empty file is a right one. */
    if (fseek(file, 0, SEEK_SET) != 0) {
        return problem_set(reading->problem, "%.400s: cannot be read twice; it must be a plain file", path);
    }
    return 0;
}

/* libconfig names the file of what it has included, with one pointer for all that is in it. */
static int scan_included(struct reading *reading, const config_setting_t *node)
{
    const char *name = config_setting_source_file(node);
    char directory[PATH_TEXT_SIZE];
    char path[2 * PATH_TEXT_SIZE];
    FILE *file;
    int result;

    if (name == NULL || name == reading->scanned) {
        return 0;
    }
    reading->scanned = name;
    (void)snprintf(directory, sizeof directory, "%s", reading->path);
    (void)snprintf(path, sizeof path, "%s/%s", dirname(directory), name);
    file = fopen(path, "re");
    if (file == NULL) {
        file = fopen(name, "re"); /* newer ones put the directory before it */
    }
    if (file == NULL) {
        return problem_set(reading->problem, "%.400s: %s", name, strerror(errno));
    }
    result = scan(reading, name, file);
    (void)fclose(file);
    return result;
}

/* --- The file --- */

/* A file of tox-bootstrapd's means what it means there. */
static int take_bootstrapd_defaults(struct reading *reading)
{
    for (size_t i = 0; i < sizeof bootstrapd_defaults / sizeof bootstrapd_defaults[0]; i++) {
        const struct setting *setting = settings_find(bootstrapd_defaults[i].name);

        if (reading->settings->given[setting - settings_table]) {
            continue;
        }
        settings_clear(reading->settings, setting);
        if (settings_set(reading->settings, setting, bootstrapd_defaults[i].value, reading->problem) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_nodes(struct reading *reading, const config_t *config)
{
    const config_setting_t *root = config_root_setting(config);

    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *node = config_setting_get_elem(root, (unsigned)i);

        if (scan_included(reading, node) != 0 || read_node(reading, node) != 0) {
            return -1;
        }
    }
    return reading->settings->unused[0] == '\0' ? 0 : take_bootstrapd_defaults(reading);
}

static int parse(struct reading *reading, config_t *config, FILE *file)
{
    char directory[PATH_TEXT_SIZE];

    (void)snprintf(directory, sizeof directory, "%s", reading->path);
    config_set_include_dir(config, dirname(directory));
    if (config_read(config, file) == CONFIG_TRUE) {
        return read_nodes(reading, config);
    }
    return problem_set(reading->problem, "%.300s:%d: %s; what is allowed are lines like: clients_max = 1000;",
                       config_error_file(config) == NULL ? reading->path : config_error_file(config),
                       config_error_line(config), config_error_text(config));
}

int settings_read_file(struct settings *settings, const char *path, struct problem *problem)
{
    struct reading reading = {settings, path, problem, NULL};
    struct stat status;
    config_t config;
    FILE *file;
    int result;

    if (strlen(path) >= PATH_TEXT_SIZE) {
        return problem_set(problem, "the name of the configuration file has more than %d bytes", PATH_TEXT_SIZE - 1);
    }
    file = fopen(path, "re");
    if (file == NULL) {
        return problem_set(problem, "%.400s: %s", path, strerror(errno));
    }
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)fclose(file);
        return problem_set(problem, "%.400s: is a directory, not a configuration file", path);
    }
    config_init(&config);
    result = scan(&reading, path, file) != 0 ? -1 : parse(&reading, &config, file);
    config_destroy(&config);
    (void)fclose(file);
    return result;
}
