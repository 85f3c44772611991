/* libsodium's randomness, the same in every run. SPDX-License-Identifier: ISC */
#include "fuzz/fixed_random.h"

#include <sodium.h>

#include "support/net_env.h"

static struct net_env source; /* only its randomness is used */

static const char *name(void)
{
    return "fixed";
}

static uint32_t random_number(void)
{
    return (uint32_t)net_env_random(&source);
}

static void random_bytes(void *const bytes, const size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)net_env_random(&source);
    }
}

void fixed_random_start(void)
{
    static struct randombytes_implementation fixed = {
        .implementation_name = name, .random = random_number, .buf = random_bytes};
    static bool started;

    source.random_state = 1;
    if (!started) {
        started = true;
        net_require(randombytes_set_implementation(&fixed) == 0 && sodium_init() >= 0, "libsodium does not start");
    }
}
