/* The attack beside the honest groups, when there is one. SPDX-License-Identifier: ISC */
#include "neighbour.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static const struct group *find_attack(const struct stress_options *options)
{
    for (size_t i = 0; i < options->group_count; i++) {
        if (options->groups[i].scenario->is_attack) {
            return &options->groups[i];
        }
    }
    return NULL;
}

static bool is_loopback(const struct toxtcp_address *address)
{
    if (address->family == TOXTCP_FAMILY_IPV4) {
        return address->ip[0] == 127;
    }
    for (size_t i = 0; i < 15; i++) {
        if (address->ip[i] != 0) {
            return false;
        }
    }
    return address->ip[15] == 1;
}

int neighbour_allowed(const struct stress_options *options, const struct toxtcp_address *relay, struct problem *problem)
{
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    if (find_attack(options) == NULL || options->own_this_relay || is_loopback(relay)) {
        return 0;
    }
    toxtcp_address_format(relay, text);
    return problem_set(problem,
                       "refused: %s is not on this machine, and an attack on somebody else's relay harms people; for a "
                       "relay of your own say --i-own-this-relay",
                       text);
}

/* The keys of a crew's clients into `keys`, or how many there are when that is NULL. */
static size_t copy_keys(const struct crew *crew, struct toxtcp_public_key *keys)
{
    const struct toxtcp_public_key *key;
    size_t count = 0;

    if (crew->engine == NULL || crew->engine->key == NULL) {
        return 0;
    }
    while ((key = crew->engine->key(crew, (uint32_t)count)) != NULL) {
        if (keys != NULL) {
            keys[count] = *key;
        }
        count++;
    }
    return count;
}

/* The keys of all honest clients that last, or how many there are when `keys` is NULL. */
static size_t copy_all_keys(const struct worker *workers, uint32_t worker_count, struct toxtcp_public_key *keys)
{
    size_t count = 0;

    for (uint32_t w = 0; w < worker_count; w++) {
        for (size_t i = 0; i < workers[w].crew_count; i++) {
            count += copy_keys(&workers[w].crews[i], keys == NULL ? NULL : keys + count);
        }
    }
    return count;
}

int neighbour_start(struct neighbour *neighbour, const struct stress_options *options, const struct run_facts *facts,
                    const struct worker *workers, struct problem *problem)
{
    const struct group *group = find_attack(options);
    struct toxtcp_public_key *victims;
    size_t victim_count;
    int result;

    if (group == NULL) {
        return 0;
    }
    victim_count = copy_all_keys(workers, options->threads, NULL);
    victims = calloc(victim_count + 1, sizeof *victims);
    if (victims == NULL) {
        return problem_set(problem, "out of memory");
    }
    (void)copy_all_keys(workers, options->threads, victims);
    const struct attack_config config = {.relay = facts->relays[0].address,
                                         .relay_key = facts->relays[0].key,
                                         .clients = group->clients,
                                         .rate = group->rate,
                                         .sources = group->sources,
                                         .seed = facts->seed,
                                         .victims = victims,
                                         .victim_count = victim_count};
    result = attack_start(group->attack, &config, &neighbour->attack, problem);
    free(victims);
    return result;
}

void neighbour_get_report(const struct neighbour *neighbour, struct attack_report *report)
{
    if (neighbour->attack != NULL) {
        attack_get_report(neighbour->attack, report);
    }
}

void neighbour_stop(struct neighbour *neighbour)
{
    attack_stop(neighbour->attack);
    neighbour->attack = NULL;
}
