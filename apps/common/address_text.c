/* Addresses and endpoints as people write and read them. SPDX-License-Identifier: ISC */
#include "address_text.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <toxtcp/error.h>

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
