/* Fuzzes what opens the chat's packets, with the sender's keys: what opens can be sealed, and opens the same.
 * SPDX-License-Identifier: ISC */
#include <sodium.h>
#include <string.h>

#include "../apps/chat/session_packet.h"
#include "fuzz/fixed_random.h"
#include "fuzz/input.h"
#include "support/net_env.h"

static struct session_box sender;
static struct session_box receiver;

static void make_keys(void)
{
    struct net_env env;
    struct toxtcp_key_pair ours;
    struct toxtcp_key_pair theirs;

    net_env_init(&env, 1);
    toxtcp_key_pair_generate(env.env, &ours);
    toxtcp_key_pair_generate(env.env, &theirs);
    net_require(session_box_init(&sender, &ours, &theirs.public_key) == 0, "no keys");
    net_require(session_box_init(&receiver, &theirs, &ours.public_key) == 0, "no keys");
    net_env_finish(&env);
}

static size_t seal(const uint8_t *plain, size_t len, uint8_t bytes[SESSION_PACKET_MAX])
{
    static const uint8_t mark[SESSION_MARK_SIZE] = {0x1b, 'T', 0x01};
    uint8_t *nonce = bytes + SESSION_MARK_SIZE;

    memcpy(bytes, mark, sizeof mark);
    memset(nonce, 1, SESSION_NONCE_SIZE);
    (void)crypto_box_easy_afternm(nonce + SESSION_NONCE_SIZE, plain, len, nonce, sender.shared);
    return SESSION_MARK_SIZE + SESSION_NONCE_SIZE + SESSION_MAC_SIZE + len;
}

/* A row of packed UDP addresses, at most so many (docs/protocol.md, section 8). */
static bool is_row(const uint8_t *bytes, size_t len, size_t most)
{
    const size_t ipv4 = 7;
    const size_t ipv6 = 19;

    for (size_t count = 0; len > 0; count++) {
        const size_t size = bytes[0] == 2 ? ipv4 : bytes[0] == 10 ? ipv6 : len + 1;
        if (count == most || size > len) {
            return false;
        }
        bytes += size;
        len -= size;
    }
    return true;
}

/* The table of session_packet.h, read once more. */
static bool is_right(const uint8_t *plain, size_t len)
{
    const size_t addresses_at = 1 + 8 + 8 + 8;
    const size_t seen_at = 1 + 8 + 8 + 8 + 8 + 1;

    if (len == 0 || (plain[0] & 0x80) != sender.direction) {
        return false;
    }
    switch (plain[0] & 0x7f) {
    case SESSION_HELLO:
        return len == 1 + 8 + 8 + 8;
    case SESSION_ACK:
        return len == 1 + 8 + 8 + 8 + 4;
    case SESSION_DATA:
        return len >= 1 + 8 + 8 + 8 + 4 + 8 + 1;
    case SESSION_ADDRESSES:
        return len >= addresses_at && is_row(plain + addresses_at, len - addresses_at, SESSION_ADDRESSES_MAX);
    case SESSION_PROBE:
        return len >= seen_at && is_row(plain + seen_at, len - seen_at, 1);
    default:
        return false;
    }
}

/* The plaintext comes again, byte by byte; only that any number but 0 stands for "last" is lost. */
static void seal_again(const struct session_packet *packet, const uint8_t *plain, size_t len)
{
    uint8_t bytes[SESSION_PACKET_MAX];
    uint8_t again[SESSION_PLAIN_MAX];
    const uint8_t *nonce = bytes + SESSION_MARK_SIZE;
    const size_t last_at = SESSION_DATA_SIZE - 1;
    const size_t overhead = SESSION_MARK_SIZE + SESSION_NONCE_SIZE;
    const size_t sealed = session_packet_seal(&sender, packet, bytes);

    net_require(sealed == overhead + SESSION_MAC_SIZE + len, "sealed again it has another size");
    net_require(crypto_box_open_easy_afternm(again, bytes + overhead, sealed - overhead, nonce, receiver.shared) == 0,
                "sealed again it does not open");
    for (size_t i = 0; i < len; i++) {
        const bool is_last = packet->kind == SESSION_DATA && i == last_at;
        net_require(is_last ? again[i] == (plain[i] != 0) : again[i] == plain[i], "sealed again it is another");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t sealed[SESSION_PACKET_MAX];
    uint8_t plain[SESSION_PLAIN_MAX];
    struct session_packet packet;

    fixed_random_start();
    if (sender.direction == receiver.direction) {
        make_keys();
    }
    net_require(!session_packet_open(&receiver, bytes, len, plain, &packet), "bytes that nobody sealed open");
    if (len > SESSION_PLAIN_MAX) {
        return 0;
    }
    const size_t sealed_len = seal(bytes, len, sealed);
    const bool opened = session_packet_open(&receiver, sealed, sealed_len, plain, &packet);
    net_require(opened == is_right(bytes, len), "a packet that is none opens, or the reverse");
    if (opened) {
        seal_again(&packet, bytes, len);
        net_require(!session_packet_open(&sender, sealed, sealed_len, plain, &packet), "our own packet opens");
    }
    return 0;
}
