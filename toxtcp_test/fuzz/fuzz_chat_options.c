/* Fuzzes the command line of toxtcp-chat. SPDX-License-Identifier: ISC
 *
 * Each line of the input is an argument. Files are not opened: --relays has a target of its own (fuzz_relay_list),
 * and a file of --proxy-password is one line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "../apps/chat/options.h"
#include "fuzz/input.h"
#include "support/net_env.h"

enum { ARGUMENTS_MAX = 16, INPUT_MAX = 4096, WAIT_MAX_S = 86400 };

static int split(char *text, size_t len, char *arguments[ARGUMENTS_MAX + 1])
{
    static char program[] = "toxtcp-chat";
    int count = 0;

    arguments[count++] = program;
    for (size_t start = 0; start < len && count < ARGUMENTS_MAX;) {
        char *end = memchr(text + start, '\n', len - start);
        arguments[count++] = text + start;
        if (!end) {
            break;
        }
        *end = '\0';
        start = (size_t)(end - text) + 1;
    }
    arguments[count] = NULL;
    return count;
}

static void check_peers(const struct chat_options *options)
{
    for (size_t i = 0; i < options->peer_count; i++) {
        const struct peer_option *peer = &options->peers[i];
        net_require(text_is_name(peer->name, strlen(peer->name)), "a name that is none");
        for (size_t j = 0; j < i; j++) {
            net_require(strcmp(peer->name, options->peers[j].name) != 0, "a name is given twice");
            net_require(!toxtcp_public_key_equal(&peer->key, &options->peers[j].key), "a key is given twice");
        }
    }
}

static void check(const struct chat_options *options, int result, const struct problem *problem)
{
    const bool told = options->help || options->version || options->show_key;

    check_peers(options);
    net_require(options->wait_s <= WAIT_MAX_S, "a longer wait than is allowed");
    net_require(result != 0 || !options->has_proxy || options->no_udp, "UDP goes around the proxy");
    if (result == 0) {
        net_require(told || (options->peer_count > 0 && options->relays.count > 0), "taken without a peer or relay");
    } else {
        net_require(problem->text[0] != '\0' && memchr(problem->text, '\0', sizeof problem->text),
                    "refused without words");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char text[INPUT_MAX + 1];
    char *arguments[ARGUMENTS_MAX + 1];
    struct chat_options options;
    struct problem problem = {""};
    const size_t used = len < INPUT_MAX ? len : INPUT_MAX;

    if (used > 0) {
        memcpy(text, bytes, used);
    }
    text[used] = '\0';
    if (memmem(text, used, "--relays", strlen("--relays")) || memmem(text, used, "--proxy-", strlen("--proxy-"))) {
        return 0;
    }
    const int count = split(text, used, arguments);
    /* 0 makes getopt begin anew; it does not print. */
    optind = 0;
    opterr = 0;
    const int result = options_read(count, arguments, &options, &problem);
    check(&options, result, &problem);
    options_free(&options);
    return 0;
}
