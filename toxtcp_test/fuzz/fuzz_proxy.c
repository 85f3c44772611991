/* Fuzzes the dialogues with proxies. SPDX-License-Identifier: ISC
 *
 * The first byte chooses the kind, whether there is a user, and how the relay is named; then come the lengths of user,
 * password and name, in bytes or, since more than one byte can tell is too long for all of them, in twos. After that
 * each byte is an operation: the proxy says so many bytes, or so many of our words leave. A second dialogue hears the
 * same bytes one by one and says nothing before its end: both must go the same way. */
#include <string.h>

#include <toxtcp/error.h>

#include "fuzz/input.h"
#include "proxy.h"
#include "support/net_env.h"

enum { FLAG_HTTP = 1, FLAG_USER = 2, FLAG_NAME = 4, FLAG_IP6 = 8, FLAG_PASSWORD = 16, FLAG_LONG = 32, OP_HEAR = 1 };
enum { WORDS_MAX = 2048, TEXT_SIZE = 2 * UINT8_MAX + 1, SOCKS5_HEARD_MAX = 2 + 2 + 4 + 256 + 2 };

struct world {
    struct net_env env;
    struct toxtcp_proxy proxy;
    struct toxtcp_endpoint target;
    char user[TEXT_SIZE];
    char password[TEXT_SIZE];
    char name[TEXT_SIZE];
    struct proxy_dialogue *dialogue;
    struct proxy_dialogue *slow;
    uint8_t said[WORDS_MAX];
    size_t said_len;
    size_t heard_len;
    int event;
};

static char *letters(char text[TEXT_SIZE], size_t unit, struct input *input)
{
    const size_t len = unit * input_byte(input);

    memset(text, 'a', len);
    text[len] = '\0';
    return text;
}

static void choose(struct world *world, struct input *input)
{
    const uint8_t flags = input_byte(input);
    const size_t unit = flags & FLAG_LONG ? 2 : 1;
    char *user = letters(world->user, unit, input);
    char *password = letters(world->password, unit, input);
    char *name = letters(world->name, unit, input);

    world->proxy = (struct toxtcp_proxy){
        .kind = flags & FLAG_HTTP ? TOXTCP_PROXY_HTTP : TOXTCP_PROXY_SOCKS5,
        .endpoint = {.address = {.family = TOXTCP_FAMILY_IPV4, .ip = {192, 0, 2, 1}, .port = 1080}},
        .user = flags & FLAG_USER ? user : NULL,
        .password = flags & FLAG_PASSWORD ? password : NULL};
    world->target = (struct toxtcp_endpoint){
        .host = flags & FLAG_NAME ? name : NULL,
        .address = {.family = flags & FLAG_IP6 ? TOXTCP_FAMILY_IPV6 : TOXTCP_FAMILY_IPV4, .ip = {1}, .port = 65535}};
}

/* What a dialogue may be about has room in its words, and its length in one byte. */
static void check_lengths(const struct world *world)
{
    const struct toxtcp_proxy *proxy = &world->proxy;

    net_require(!proxy->user || strlen(proxy->user) <= TOXTCP_PROXY_CREDENTIAL_MAX, "a user that is too long");
    net_require(!proxy->password || strlen(proxy->password) <= TOXTCP_PROXY_CREDENTIAL_MAX,
                "a password that is too long");
    net_require(!world->target.host || strlen(world->target.host) <= TOXTCP_HOST_MAX, "a name that is too long");
}

static void say(struct world *world, size_t len)
{
    const uint8_t *words;
    const size_t waiting = proxy_words(world->dialogue, &words);

    len = len < waiting ? len : waiting;
    net_require(world->said_len + len <= WORDS_MAX, "more words than any dialogue has");
    memcpy(world->said + world->said_len, words, len);
    world->said_len += len;
    proxy_said(world->dialogue, len);
}

static int hear_slowly(struct world *world, const uint8_t *bytes, size_t len, size_t *total)
{
    int event = PROXY_MORE;
    size_t used;

    for (*total = 0; *total < len && event == PROXY_MORE; *total += used) {
        event = proxy_hear(world->slow, bytes + *total, 1, &used);
        net_require(used == 1, "a byte that is not read");
    }
    return event;
}

static void hear(struct world *world, const uint8_t *bytes, size_t len)
{
    const bool http = world->proxy.kind == TOXTCP_PROXY_HTTP;
    size_t used;
    size_t slowly;

    world->event = proxy_hear(world->dialogue, bytes, len, &used);
    net_require(hear_slowly(world, bytes, len, &slowly) == world->event, "in pieces it means something else");
    net_require(slowly == used && used <= len, "in pieces another part of it is read");
    net_require(world->event != PROXY_MORE || used == len, "wants more, and has not read all");
    net_require(world->event == PROXY_MORE || world->event == PROXY_DONE || toxtcp_is_fatal(world->event),
                "an error that is none");
    world->heard_len += used;
    net_require(world->heard_len <= (http ? PROXY_HEADERS_MAX + 1 : SOCKS5_HEARD_MAX), "reads on and on");
}

/* What both have said, or could, is the same. */
static void compare(struct world *world)
{
    const uint8_t *words;

    say(world, WORDS_MAX);
    net_require(proxy_words(world->slow, &words) == world->said_len, "other words");
    net_require(memcmp(words, world->said, world->said_len) == 0, "other words");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct world world;
    struct input input = {bytes, len};

    memset(&world, 0, sizeof world);
    net_env_init(&world.env, 1);
    choose(&world, &input);
    if (proxy_judge(&world.proxy) == TOXTCP_OK && proxy_judge_target(&world.target) == TOXTCP_OK) {
        check_lengths(&world);
        world.dialogue = net_must(proxy_new(world.env.env, &world.proxy, &world.target));
        world.slow = net_must(proxy_new(world.env.env, &world.proxy, &world.target));
        while (input.len > 0 && world.event == PROXY_MORE) {
            const uint8_t op = input_byte(&input);
            const size_t part = input_length(&input);
            size_t got;
            if (op & OP_HEAR) {
                const uint8_t *said = input_bytes(&input, part, &got);
                hear(&world, said, got);
            } else {
                say(&world, part);
            }
        }
        compare(&world);
        proxy_free(world.dialogue, world.env.env);
        proxy_free(world.slow, world.env.env);
    }
    net_env_finish(&world.env);
    return 0;
}
