/* Fuzzes what reads lists of relays: each entry that is taken can be written, and reads the same.
 * SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <toxtcp/error.h>

#include "../apps/common/address_text.h"
#include "../apps/common/relay_list.h"
#include "fuzz/input.h"
#include "fuzz/memory_file.h"
#include "support/net_env.h"

enum { ENTRY_TEXT_SIZE = ENDPOINT_TEXT_SIZE + TOXTCP_KEY_TEXT_SIZE + 1 };

static bool same(const struct relay_entry *a, const struct relay_entry *b)
{
    return strcmp(a->host, b->host) == 0 && toxtcp_address_equal(&a->address, &b->address) &&
           toxtcp_public_key_equal(&a->public_key, &b->public_key);
}

static void write_and_read(const struct relay_entry *entry)
{
    const struct toxtcp_endpoint endpoint = relay_entry_endpoint(entry);
    struct relay_entry again;
    struct problem problem;
    char host[ENDPOINT_TEXT_SIZE];
    char key[TOXTCP_KEY_TEXT_SIZE];
    char text[ENTRY_TEXT_SIZE];

    net_require(endpoint.address.port != 0, "an entry without a port");
    net_require(strlen(entry->host) <= TOXTCP_HOST_MAX, "a host that is too long");
    net_require((endpoint.host == NULL) == (endpoint.address.family != TOXTCP_FAMILY_NONE), "a host and an address");
    endpoint_text_format(&endpoint, host);
    toxtcp_public_key_format(&entry->public_key, key);
    (void)snprintf(text, sizeof text, "%s:%s", host, key);
    net_require(relay_entry_parse(text, strlen(text), &again, &problem) == 0, "its own text does not read");
    net_require(same(entry, &again), "its own text reads as another");
}

static void check_problem(const struct problem *problem)
{
    net_require(problem->text[0] != '\0' && memchr(problem->text, '\0', sizeof problem->text), "refused without words");
}

static void fuzz_entry(const uint8_t *bytes, size_t len)
{
    struct relay_entry entry;
    struct problem problem = {""};

    if (relay_entry_parse((const char *)bytes, len, &entry, &problem) == 0) {
        write_and_read(&entry);
    } else {
        check_problem(&problem);
    }
}

static void fuzz_file(const uint8_t *bytes, size_t len)
{
    struct relay_list list = {0};
    struct problem problem = {""};
    struct memory_file file;

    memory_file_make(&file, bytes, len, 0600);
    if (relay_list_read(&list, file.path, &problem) == 0) {
        net_require(list.count > 0 && list.count <= RELAY_LIST_MAX, "a list without relays, or with too many");
    } else {
        check_problem(&problem);
    }
    for (size_t i = 0; i < list.count; i++) {
        write_and_read(&list.entries[i]);
        for (size_t j = 0; j < i; j++) {
            net_require(!toxtcp_public_key_equal(&list.entries[i].public_key, &list.entries[j].public_key),
                        "a key is listed twice");
        }
    }
    relay_list_free(&list);
    memory_file_close(&file);
}

/* Against what the digits say, counted by hand. */
static void fuzz_number(const uint8_t *bytes, size_t len)
{
    uint32_t number;
    uint64_t value = 0;
    bool right = len > 0 && len <= 10;

    for (size_t i = 0; i < len && right; i++) {
        right = bytes[i] >= '0' && bytes[i] <= '9';
        value = value * 10 + bytes[i] - '0';
    }
    right = right && value >= 1 && value <= UINT16_MAX;
    net_require(number_text_parse((const char *)bytes, len, 1, UINT16_MAX, &number) == right, "a port that is none");
    net_require(!right || number == value, "another number");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_entry(bytes, len);
    fuzz_file(bytes, len);
    fuzz_number(bytes, len);
    return 0;
}
