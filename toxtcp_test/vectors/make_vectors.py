#!/usr/bin/env python3
# Makes vectors.h: whole conversations, sealed by PyNaCl and by nothing of this project. SPDX-License-Identifier: ISC
#
# Usage: make_vectors.py > vectors.h
# Every secret comes out of SHA-256 of its name, so that each run gives the same file.

import hashlib

from nacl.bindings import (
    crypto_box_afternm,
    crypto_box_beforenm,
    crypto_scalarmult_base,
)

FRAME_LENS = [1, 9, 33, 2, 100]
# The base nonces (client's, relay's) decide where the carries of the packets' nonces happen: section 1, "one
# big-endian number".
CONVERSATIONS = [
    # No carry but that of the last byte.
    ("plain", None, None),
    # Out of the low 8 bytes, into the 16 before them.
    ("carry_low", "11" * 16 + "ff" * 7 + "fe", "22" * 15 + "ff" + "ff" * 7 + "fd"),
    # Deep into the 16; and up to their first byte.
    ("carry_high", "33" * 8 + "ff" * 15 + "fe", "44" + "ff" * 22 + "fc"),
    # Over the top.
    ("wrap", "ff" * 23 + "fd", "ff" * 24),
    # From zero, with the longest packet.
    ("longest", "00" * 24, "00" * 16 + "ff" * 8),
]


def derived(name, size):
    return hashlib.sha256(name.encode()).digest()[:size]


def key_pair(name):
    secret = derived(name, 32)
    return crypto_scalarmult_base(secret), secret


def nonce_after(base, count):
    return ((int.from_bytes(base, "big") + count) % (1 << 192)).to_bytes(24, "big")


def seal(message, nonce, shared):
    # PyNaCl's afternm gives the MAC and then the ciphertext: crypto_box_easy's layout.
    return crypto_box_afternm(message, nonce, shared)


def plain_of(sender, index, size):
    seed = 1 if sender == "client" else 101
    return bytes((seed + 7 * index + 13 * i) % 256 for i in range(size))


def frames(sender, base, session_key, lens):
    result = b""
    for index, size in enumerate(lens):
        box = seal(plain_of(sender, index, size), nonce_after(base, index), session_key)
        result += len(box).to_bytes(2, "big") + box
    return result


def conversation(name, client_base, relay_base):
    client_public, client_secret = key_pair(name + " client")
    relay_public, relay_secret = key_pair(name + " relay")
    client_temporary_public, client_temporary = key_pair(name + " client temporary")
    relay_temporary_public, relay_temporary = key_pair(name + " relay temporary")
    client_base = bytes.fromhex(client_base) if client_base else derived(name + " client base", 24)
    relay_base = bytes.fromhex(relay_base) if relay_base else derived(name + " relay base", 24)
    request_nonce = derived(name + " request nonce", 24)
    response_nonce = derived(name + " response nonce", 24)
    shared = crypto_box_beforenm(relay_public, client_secret)
    session_key = crypto_box_beforenm(relay_temporary_public, client_temporary)
    request = client_public + request_nonce + seal(client_temporary_public + client_base, request_nonce, shared)
    response = response_nonce + seal(relay_temporary_public + relay_base, response_nonce, shared)
    lens = FRAME_LENS + [2032] if name == "longest" else FRAME_LENS
    assert len(request) == 128 and len(response) == 96
    assert session_key == crypto_box_beforenm(client_temporary_public, relay_temporary)
    return {
        "name": name,
        "client_public": client_public,
        "client_secret": client_secret,
        "relay_public": relay_public,
        "relay_secret": relay_secret,
        "client_temporary": client_temporary,
        "relay_temporary": relay_temporary,
        "client_base": client_base,
        "relay_base": relay_base,
        "request_nonce": request_nonce,
        "response_nonce": response_nonce,
        "session_key": session_key,
        "request": request,
        "response": response,
        "frame_count": len(lens),
        "plain_lens": lens,
        "client_frames": frames("client", client_base, session_key, lens),
        "relay_frames": frames("relay", relay_base, session_key, lens),
    }


HEAD = """\
/* Known answers, made by make_vectors.py with PyNaCl; not to be edited. SPDX-License-Identifier: ISC */
#ifndef TEST_VECTORS_VECTORS_H
#define TEST_VECTORS_VECTORS_H

#include <stddef.h>
#include <stdint.h>

/* clang-format off */

enum { VECTOR_FRAMES_MAX = 6, VECTOR_STREAM_MAX = 2304 };

/* One handshake, and some frames of each side. Byte i of the plaintext of frame n is (s + 7 n + 13 i) modulo 256, with
 * s = 1 for the client's and 101 for the relay's. */
struct vector_conversation {
    const char *name;
    uint8_t client_public[32];
    uint8_t client_secret[32];
    uint8_t relay_public[32];
    uint8_t relay_secret[32];
    uint8_t client_temporary[32];
    uint8_t relay_temporary[32];
    uint8_t client_base[24];
    uint8_t relay_base[24];
    uint8_t request_nonce[24];
    uint8_t response_nonce[24];
    uint8_t session_key[32];
    uint8_t request[128];
    uint8_t response[96];
    size_t frame_count;
    size_t plain_lens[VECTOR_FRAMES_MAX];
    uint8_t client_frames[VECTOR_STREAM_MAX];
    uint8_t relay_frames[VECTOR_STREAM_MAX];
};

static const struct vector_conversation vector_conversations[] = {
"""

TAIL = """\
};

enum { VECTOR_CONVERSATIONS = sizeof vector_conversations / sizeof vector_conversations[0] };

/* clang-format on */

#endif
"""


def array(values, form):
    lines = []
    for start in range(0, len(values), 16):
        lines.append("            " + " ".join(form % value + "," for value in values[start : start + 16]))
    return "{\n" + "\n".join(lines) + "\n        }"


def member(name, value):
    if isinstance(value, str):
        text = '"%s"' % value
    elif isinstance(value, int):
        text = str(value)
    elif isinstance(value, list):
        text = array(value, "%d")
    else:
        text = array(value, "0x%02x")
    return "        .%s = %s,\n" % (name, text)


def main():
    text = HEAD
    for arguments in CONVERSATIONS:
        made = conversation(*arguments)
        text += "    {\n" + "".join(member(name, value) for name, value in made.items()) + "    },\n"
    print(text + TAIL, end="")


main()
