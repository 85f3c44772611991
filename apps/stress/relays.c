/* The relays of a run. SPDX-License-Identifier: ISC */
#include "relays.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <toxtcp/env.h>
#include <toxtcp/error.h>

#include "../common/address_text.h"

static int resolve(const struct relay_entry *relay, struct toxtcp_address *address, struct problem *problem)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[NI_MAXHOST];
    char bracketed[NI_MAXHOST + 16];

    if (relay->host[0] == '\0') {
        *address = relay->address;
        return 0;
    }
    const int error = getaddrinfo(relay->host, NULL, &hints, &found);
    if (error != 0) {
        return problem_set(problem, "--relay: %s: %s", relay->host, gai_strerror(error));
    }
    const bool is6 = found->ai_family == AF_INET6;
    const int unreadable = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    (void)snprintf(bracketed, sizeof bracketed, is6 ? "[%s]:%u" : "%s:%u", text, relay->address.port);
    if (unreadable != 0 || address_text_parse(bracketed, strlen(bracketed), address) != TOXTCP_OK) {
        return problem_set(problem, "--relay: %s has no address that can be used", relay->host);
    }
    return 0;
}

int relays_resolve(struct relays *relays, const struct stress_options *options, struct problem *problem)
{
    const struct relay_list *list = &options->relays;

    for (size_t i = 0; i < list->count; i++) {
        struct target *target = &relays->targets[relays->count];

        if (resolve(&list->entries[i], &target->address, problem) != 0) {
            return -1;
        }
        target->key = list->entries[i].public_key;
        relays->count++;
    }
    return 0;
}

static int add_embedded(struct relays *relays, struct toxtcp_env *env, struct problem *problem)
{
    struct embedded *embedded = &relays->embedded[relays->embedded_count];

    toxtcp_key_pair_generate(env, &embedded->keys);
    relays->embedded_count++;
    if (embedded_start(embedded, problem) != 0) {
        return -1;
    }
    relays->targets[relays->count++] = (struct target){.address = embedded->address, .key = embedded->keys.public_key};
    return 0;
}

int relays_start(struct relays *relays, const struct stress_options *options, struct problem *problem)
{
    struct toxtcp_env *env;
    int error = 0;

    if (toxtcp_env_new(NULL, &env) != TOXTCP_OK) {
        return problem_set(problem, "out of memory");
    }
    for (uint32_t i = 0; i < options->embedded && error == 0; i++) {
        error = add_embedded(relays, env, problem);
    }
    toxtcp_env_free(env);
    return error;
}

void relays_close(struct relays *relays)
{
    for (uint32_t i = 0; i < relays->embedded_count; i++) {
        embedded_kill(&relays->embedded[i]);
        toxtcp_key_pair_wipe(&relays->embedded[i].keys);
    }
    relays->embedded_count = 0;
}

struct embedded *relays_embedded(struct relays *relays, uint32_t index)
{
    const uint32_t given = relays->count - relays->embedded_count;

    return index >= given && index < relays->count ? &relays->embedded[index - given] : NULL;
}
