/* Lists of relays, HOST:PORT:KEY each: the one parser of the project. SPDX-License-Identifier: ISC
 *
 * HOST is an IPv4 address, an IPv6 address in brackets or a name; KEY is the relay's public key, 64 hexadecimal digits.
 * A file holds one to a line; what follows a # and empty lines do not count. */
#ifndef APPS_COMMON_RELAY_LIST_H
#define APPS_COMMON_RELAY_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <toxtcp/address.h>
#include <toxtcp/key.h>

#include "problem.h"

enum { RELAY_LIST_MAX = 1024 };

struct relay_entry {
    char host[TOXTCP_HOST_MAX + 1]; /* empty when the address is one */
    struct toxtcp_address address;  /* with a host, only its port counts */
    struct toxtcp_public_key public_key;
};

/* All zeros is an empty list. */
struct relay_list {
    struct relay_entry *entries;
    size_t count;
    bool keys_recur; /* one key may stand at several addresses: what is meant is the way to a relay, not the relay */
};

/* Reads one entry of `len` bytes. `entry` is written only on success. Returns 0, or -1 with `problem` set. */
int relay_entry_parse(const char *text, size_t len, struct relay_entry *entry, struct problem *problem);

/* What to give to the library; it borrows the entry's host. */
struct toxtcp_endpoint relay_entry_endpoint(const struct relay_entry *entry);

/* Adds the entry in `text`. The very same relay again is success and changes nothing; a key that is there with another
 * address is a problem, unless keys may recur. Returns 0, or -1 with `problem` set and the list as it was. */
int relay_list_add(struct relay_list *list, const char *text, struct problem *problem);

/* Adds all entries of a file. A problem names file and line; entries before it have been added. A file without
 * entries is a problem. Returns 0 or -1. */
int relay_list_read(struct relay_list *list, const char *path, struct problem *problem);

void relay_list_free(struct relay_list *list);

#endif
