/* Which server of a mesh a key is at. SPDX-License-Identifier: ISC */
#include "mesh.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* An add that finds no memory leaves the entry out. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->hh.tbl = NULL)
#include <uthash.h>

#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 8U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 3U

struct directory_entry {
    struct toxtcp_public_key key;
    uint32_t server;
    uint64_t serial;
    UT_hash_handle hh;
};

_Static_assert(DIRECTORY_SECRET_SIZE == crypto_shorthash_KEYBYTES, "the hash takes another key");

/* A key's stripe, locked, and the key's hash within it. */
static struct directory_stripe *lock_stripe(struct directory *directory, const struct toxtcp_public_key *key,
                                            unsigned *hash)
{
    uint8_t bytes[crypto_shorthash_BYTES];

    (void)crypto_shorthash(bytes, key->bytes, sizeof key->bytes, directory->secret);
    memcpy(hash, bytes, sizeof *hash);
    struct directory_stripe *stripe = &directory->stripes[bytes[sizeof bytes - 1] % DIRECTORY_STRIPES];
    (void)pthread_mutex_lock(&stripe->mutex);
    return stripe;
}

static void unlock_stripe(struct directory_stripe *stripe)
{
    (void)pthread_mutex_unlock(&stripe->mutex);
}

static struct directory_entry *find(const struct directory_stripe *stripe, const struct toxtcp_public_key *key,
                                    unsigned hash)
{
    struct directory_entry *found;

    HASH_FIND_BYHASHVALUE(hh, stripe->entries, key, sizeof *key, hash, found);
    return found;
}

/* NULL when there is no memory. */
static struct directory_entry *add(struct directory_stripe *stripe, const struct toxtcp_public_key *key, unsigned hash)
{
    struct directory_entry *entry = calloc(1, sizeof *entry);

    if (!entry) {
        return NULL;
    }
    entry->key = *key;
    HASH_ADD_BYHASHVALUE(hh, stripe->entries, key, sizeof entry->key, hash, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

void directory_init(struct directory *directory)
{
    randombytes_buf(directory->secret, sizeof directory->secret);
    for (size_t i = 0; i < DIRECTORY_STRIPES; i++) {
        (void)pthread_mutex_init(&directory->stripes[i].mutex, NULL);
    }
}

static void finish_stripe(struct directory_stripe *stripe)
{
    struct directory_entry *entry;
    struct directory_entry *next;

    HASH_ITER (hh, stripe->entries, entry, next) {
        HASH_DELETE(hh, stripe->entries, entry);
        free(entry);
    }
    (void)pthread_mutex_destroy(&stripe->mutex);
}

void directory_finish(struct directory *directory)
{
    for (size_t i = 0; i < DIRECTORY_STRIPES; i++) {
        finish_stripe(&directory->stripes[i]);
    }
    sodium_memzero(directory->secret, sizeof directory->secret);
}

int directory_claim(struct directory *directory, const struct toxtcp_public_key *key, uint32_t server, uint64_t *serial,
                    int *before)
{
    unsigned hash;
    struct directory_stripe *stripe = lock_stripe(directory, key, &hash);
    struct directory_entry *entry = find(stripe, key, hash);

    *before = entry ? (int)entry->server : -1;
    if (!entry) {
        entry = add(stripe, key, hash);
    }
    if (entry) {
        entry->server = server;
        entry->serial = ++stripe->serial;
        *serial = entry->serial;
    }
    unlock_stripe(stripe);
    return entry ? TOXTCP_OK : TOXTCP_ERR_NO_MEMORY;
}

void directory_release(struct directory *directory, const struct toxtcp_public_key *key, uint64_t serial)
{
    unsigned hash;
    struct directory_stripe *stripe = lock_stripe(directory, key, &hash);
    struct directory_entry *entry = find(stripe, key, hash);

    if (entry && entry->serial == serial) {
        HASH_DELETE(hh, stripe->entries, entry);
    } else {
        entry = NULL;
    }
    unlock_stripe(stripe);
    free(entry);
}

int directory_locate(struct directory *directory, const struct toxtcp_public_key *key)
{
    unsigned hash;
    struct directory_stripe *stripe = lock_stripe(directory, key, &hash);
    const struct directory_entry *entry = find(stripe, key, hash);
    const int server = entry ? (int)entry->server : -1;

    unlock_stripe(stripe);
    return server;
}

uint32_t directory_count(struct directory *directory)
{
    uint32_t count = 0;

    for (size_t i = 0; i < DIRECTORY_STRIPES; i++) {
        (void)pthread_mutex_lock(&directory->stripes[i].mutex);
        count += HASH_COUNT(directory->stripes[i].entries);
        unlock_stripe(&directory->stripes[i]);
    }
    return count;
}
