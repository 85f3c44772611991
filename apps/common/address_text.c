/* Addresses and endpoints as people write and read them. SPDX-License-Identifier: ISC */
#include "address_text.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <toxtcp/error.h>

enum { SHOWN_MAX = 80 };

/* The core knows scopes as numbers alone: a name of an interface is replaced by its number. */
static int parse_named_scope(const char *text, size_t len, struct toxtcp_address *address)
{
    char name[IF_NAMESIZE] = "";
    char numbered[TOXTCP_ADDRESS_TEXT_SIZE];
    const char *percent = memchr(text, '%', len);
    const char *bracket = memchr(text, ']', len);
    size_t name_len;
    int written;

    if (percent == NULL || bracket == NULL || bracket < percent) {
        return TOXTCP_ERR_INVALID;
    }
    name_len = (size_t)(bracket - percent) - 1;
    if (name_len == 0 || name_len >= sizeof name) {
        return TOXTCP_ERR_INVALID;
    }
    memcpy(name, percent + 1, name_len);
    if (if_nametoindex(name) == 0) {
        return TOXTCP_ERR_INVALID;
    }
    written = snprintf(numbered, sizeof numbered, "%.*s%%%u%.*s", (int)(percent - text), text, if_nametoindex(name),
                       (int)(len - (size_t)(bracket - text)), bracket);
    if (written < 0 || (size_t)written >= sizeof numbered) {
        return TOXTCP_ERR_INVALID;
    }
    return toxtcp_address_parse(numbered, (size_t)written, address);
}

int address_text_parse(const char *text, size_t len, struct toxtcp_address *address)
{
    if (len >= TOXTCP_ADDRESS_TEXT_SIZE) {
        return TOXTCP_ERR_INVALID;
    }
    if (toxtcp_address_parse(text, len, address) == TOXTCP_OK) {
        return TOXTCP_OK;
    }
    return parse_named_scope(text, len, address);
}

bool number_text_parse(const char *text, size_t len, uint32_t minimum, uint32_t maximum, uint32_t *number)
{
    uint64_t value = 0;

    if (len == 0 || len > 10) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = 10 * value + (uint64_t)(text[i] - '0');
    }
    if (value < minimum || value > maximum) {
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

/* A host name as resolvers take it; deliberately without spaces, brackets and colons. */
static bool is_host_name(const char *text, size_t len)
{
    if (len == 0 || len > TOXTCP_HOST_MAX || text[0] == '.' || text[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_') {
            return false;
        }
    }
    return true;
}

/* "1.2.3" and "1.2.3.4.5" are addresses with a slip of the pen, not names. */
static bool looks_like_ipv4(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '.' && (text[i] < '0' || text[i] > '9')) {
            return false;
        }
    }
    return true;
}

static int no_host(const char *text, size_t len, struct problem *problem)
{
    int shown = (int)(len < SHOWN_MAX ? len : SHOWN_MAX);

    if (len > 0 && text[0] == '[') {
        return problem_set(problem, "%.*s is no IPv6 address in brackets", shown, text);
    }
    if (len > 0 && memchr(text, ':', len) != NULL) {
        return problem_set(problem, "an IPv6 address stands in brackets: [%.*s]", shown, text);
    }
    return problem_set(problem, "\"%.*s\" is neither an address nor a host name", shown, text);
}

int endpoint_text_parse(const char *text, size_t len, char host[TOXTCP_HOST_MAX + 1], struct toxtcp_address *address,
                        struct problem *problem)
{
    const char *colon = len == 0 ? NULL : memrchr(text, ':', len);
    size_t host_len = colon == NULL ? 0 : (size_t)(colon - text);
    size_t port_len = colon == NULL ? 0 : len - host_len - 1;
    uint32_t port;

    if (colon == NULL) {
        return problem_set(problem, "\"%.*s\" has no port", (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text);
    }
    if (!number_text_parse(colon + 1, port_len, 1, UINT16_MAX, &port)) {
        return problem_set(problem, "\"%.*s\" is no port of 1 to 65535",
                           (int)(port_len < SHOWN_MAX ? port_len : SHOWN_MAX), colon + 1);
    }
    host[0] = '\0';
    if (address_text_parse(text, len, address) == TOXTCP_OK) {
        return 0;
    }
    if (!is_host_name(text, host_len) || looks_like_ipv4(text, host_len)) {
        return no_host(text, host_len, problem);
    }
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    *address = (struct toxtcp_address){.port = (uint16_t)port};
    return 0;
}

void endpoint_text_format(const struct toxtcp_endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE])
{
    char address[TOXTCP_ADDRESS_TEXT_SIZE];

    if (endpoint->host != NULL) {
        (void)snprintf(text, ENDPOINT_TEXT_SIZE, "%s:%u", endpoint->host, endpoint->address.port);
        return;
    }
    toxtcp_address_format(&endpoint->address, address);
    (void)snprintf(text, ENDPOINT_TEXT_SIZE, "%s", address);
}
