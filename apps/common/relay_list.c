/* Lists of relays, HOST:PORT:KEY each. SPDX-License-Identifier: ISC */
#include "relay_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "address_text.h"

enum { SHOWN_MAX = 80 };

static const char form[] = "write HOST:PORT:KEY, for example 192.0.2.1:33445: and the relay's key of 64 hexadecimal "
                           "digits";

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *last_colon(const char *text, size_t len)
{
    return len == 0 ? NULL : memrchr(text, ':', len);
}

static int parse_endpoint(const char *text, size_t len, struct relay_entry *entry, struct problem *problem)
{
    struct problem inner;

    if (endpoint_text_parse(text, len, entry->host, &entry->address, &inner) != 0) {
        return problem_set(problem, "%.300s; %s", inner.text, form);
    }
    return 0;
}

static int parse_key(const char *text, size_t len, struct relay_entry *entry, struct problem *problem)
{
    if (toxtcp_public_key_parse(text, len, &entry->public_key) == TOXTCP_OK) {
        return 0;
    }
    if (len != 2 * (size_t)TOXTCP_KEY_SIZE) {
        return problem_set(problem, "the key has %zu characters, not 64; %s", len, form);
    }
    return problem_set(problem, "the key \"%.*s\" is not made of 64 hexadecimal digits", (int)len, text);
}

int relay_entry_parse(const char *text, size_t len, struct relay_entry *entry, struct problem *problem)
{
    struct relay_entry parsed = {.host = ""};
    const char *key_colon = last_colon(text, len);
    const char *port_colon = key_colon == NULL ? NULL : last_colon(text, (size_t)(key_colon - text));

    if (port_colon == NULL) {
        return problem_set(problem, "\"%.*s\" is no relay; %s", (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text, form);
    }
    if (parse_key(key_colon + 1, len - (size_t)(key_colon + 1 - text), &parsed, problem) != 0) {
        return -1;
    }
    if (parse_endpoint(text, (size_t)(key_colon - text), &parsed, problem) != 0) {
        return -1;
    }
    *entry = parsed;
    return 0;
}

struct toxtcp_endpoint relay_entry_endpoint(const struct relay_entry *entry)
{
    return (struct toxtcp_endpoint){.host = entry->host[0] == '\0' ? NULL : entry->host, .address = entry->address};
}

static bool is_same_place(const struct relay_entry *a, const struct relay_entry *b)
{
    return strcmp(a->host, b->host) == 0 && toxtcp_address_equal(&a->address, &b->address);
}

/* The one that the list cannot hold beside this one. */
static const struct relay_entry *find_same(const struct relay_list *list, const struct relay_entry *entry)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct relay_entry *other = &list->entries[i];

        if (toxtcp_public_key_equal(&other->public_key, &entry->public_key) &&
            (!list->keys_recur || is_same_place(other, entry))) {
            return other;
        }
    }
    return NULL;
}

static int add_span(struct relay_list *list, const char *text, size_t len, struct problem *problem)
{
    struct relay_entry entry;
    const struct relay_entry *same;
    struct relay_entry *grown;

    if (relay_entry_parse(text, len, &entry, problem) != 0) {
        return -1;
    }
    same = find_same(list, &entry);
    if (same != NULL) {
        if (is_same_place(same, &entry)) {
            return 0;
        }
        return problem_set(problem, "this key is listed already with another address; keep one of the two");
    }
    if (list->count == RELAY_LIST_MAX) {
        return problem_set(problem, "there are more than %d relays", RELAY_LIST_MAX);
    }
    grown = realloc(list->entries, (list->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return problem_set(problem, "out of memory");
    }
    list->entries = grown;
    list->entries[list->count++] = entry;
    return 0;
}

int relay_list_add(struct relay_list *list, const char *text, struct problem *problem)
{
    return add_span(list, text, strlen(text), problem);
}

/* Without comment and surrounding blanks. */
static const char *trim_line(const char *line, size_t *len)
{
    const char *comment = memchr(line, '#', *len);

    if (comment != NULL) {
        *len = (size_t)(comment - line);
    }
    while (*len > 0 && is_blank(line[*len - 1])) {
        (*len)--;
    }
    while (*len > 0 && is_blank(line[0])) {
        line++;
        (*len)--;
    }
    return line;
}

static int read_lines(struct relay_list *list, FILE *file, const char *path, struct problem *problem)
{
    char *line = NULL;
    size_t size = 0;
    size_t number = 0;
    size_t found = 0;
    ssize_t got;
    int result = 0;

    while (result == 0 && (got = getline(&line, &size, file)) >= 0) {
        size_t len = (size_t)got;
        const char *text = trim_line(line, &len);
        struct problem inner;

        number++;
        if (len == 0) {
            continue;
        }
        found++;
        if (add_span(list, text, len, &inner) != 0) {
            result = problem_set(problem, "%s:%zu: %.400s", path, number, inner.text);
        }
    }
    if (result == 0 && ferror(file)) {
        result = problem_set(problem, "%s: cannot be read: %s", path, strerror(errno));
    }
    if (result == 0 && found == 0) {
        result = problem_set(problem, "%s: no relay is listed in it; %s", path, form);
    }
    free(line);
    return result;
}

int relay_list_read(struct relay_list *list, const char *path, struct problem *problem)
{
    FILE *file = fopen(path, "re");
    int result;

    if (file == NULL) {
        return problem_set(problem, "%s: cannot be opened: %s", path, strerror(errno));
    }
    result = read_lines(list, file, path, problem);
    (void)fclose(file);
    return result;
}

void relay_list_free(struct relay_list *list)
{
    free(list->entries);
    *list = (struct relay_list){.count = 0};
}
