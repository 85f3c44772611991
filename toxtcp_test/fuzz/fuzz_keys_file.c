/* Fuzzes what reads a keys file: accepted is exactly what section 9 says. SPDX-License-Identifier: ISC
 *
 * The first byte: bit 0 puts the right public key before the secret one, the others are the file's mode. */
#include <sodium.h>
#include <string.h>

#include <toxtcp/key.h>

#include "../apps/common/keys_file.h"
#include "fuzz/input.h"
#include "fuzz/memory_file.h"
#include "support/net_env.h"

enum { FILE_MAX = 200 };

static bool is_right(const uint8_t *bytes, size_t len)
{
    uint8_t computed[crypto_scalarmult_BYTES];

    if (len != TOXTCP_KEYS_FILE_SIZE) {
        return false;
    }
    (void)crypto_scalarmult_base(computed, bytes + TOXTCP_KEY_SIZE);
    return memcmp(computed, bytes, sizeof computed) == 0;
}

static void load(const uint8_t *bytes, size_t len, mode_t mode, struct toxtcp_env *env)
{
    struct memory_file file;
    struct toxtcp_key_pair keys;
    struct problem problem = {""};
    uint8_t again[TOXTCP_KEYS_FILE_SIZE];
    bool made = true;

    memory_file_make(&file, bytes, len, mode);
    const int result = keys_file_load(file.path, env, &keys, &made, &problem);
    const bool right = is_right(bytes, len) && (mode & 077) == 0;
    net_require((result == 0) == right, "a keys file that is none is taken, or the reverse");
    net_require(!made, "a file that was there is said to be made");
    if (result == 0) {
        toxtcp_key_pair_encode(&keys, again);
        net_require(memcmp(again, bytes, sizeof again) == 0, "other keys");
    } else {
        net_require(problem.text[0] != '\0' && memchr(problem.text, '\0', sizeof problem.text),
                    "refused without words");
    }
    memory_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    /* The owner may always read; the others have the rights that the input says. */
    static const mode_t modes[] = {0600, 0400, 0700, 0644, 0640, 0604, 0666, 0601};
    uint8_t content[FILE_MAX];
    struct net_env env;
    struct input input = {bytes, len};
    const uint8_t flags = input_byte(&input);
    const size_t content_len = input.len < sizeof content ? input.len : sizeof content;

    net_env_init(&env, 1);
    if (content_len > 0) {
        memcpy(content, input.bytes, content_len);
    }
    if (flags & 1 && content_len >= TOXTCP_KEYS_FILE_SIZE) {
        (void)crypto_scalarmult_base(content, content + TOXTCP_KEY_SIZE);
    }
    load(content, content_len, modes[(flags >> 1) % 8], env.env);
    net_env_finish(&env);
    return 0;
}
