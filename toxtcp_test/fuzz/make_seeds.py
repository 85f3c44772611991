#!/usr/bin/env python3
"""Writes the hand-made inputs of the fuzz targets: make_seeds.py CORPUS. SPDX-License-Identifier: ISC

A dialogue is words: the name of an operation without its OP_ or HOSTILE_, as the target's enum numbers it; a number for
a byte; L1000 for a length and T3000 for a time, as input.c reads them."""
import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
corpus = pathlib.Path(sys.argv[1])


def enum(name, first=0):
    """The constants of a source file's operations, in order."""
    body = re.search(r"enum (?:hostile_)?op \{(.*?)\};", (here / name).read_text(), re.S).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    numbers = {}
    for word in (part.split("=") for part in body.split(",")):
        constant = re.sub(r"^(OP|HOSTILE)_", "", word[0].strip())
        if not constant.endswith("OPS"):
            numbers[constant] = first + len(numbers)
    return numbers


hostile = enum("hostile.h")
client = {**hostile, **enum("fuzz_client.c", len(hostile))}
connections = {**hostile, **enum("fuzz_connections.c", len(hostile))}
server = enum("fuzz_server.c")
session = enum("fuzz_session.c")


def byte(word, operations):
    if word in operations:
        return operations[word]
    number = int(word.lstrip("LT"))
    if word[0] == "L":
        return number if number < 128 else min(128 + (number - 128 + 14) // 15, 255)
    if word[0] == "T":
        scale = next(scale for scale in range(4) if number >> 4 * scale < 64)
        return scale << 6 | number >> 4 * scale
    return number


def write(target, name, data):
    folder = corpus / ("fuzz_" + target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed_" + name)).write_bytes(data)


def dialogue(target, operations, name, words):
    write(target, name, bytes(byte(word, operations) for word in words.split()))


# --- The client: SAY is kind, peer, id, length ---

SHAKE = " CONNECT READ 0 DELIVER 0 READ 0 "
ONLINE = SHAKE + " ADD 1 ADD 2 READ 0 SAY 1 1 16 0 SAY 1 2 17 0 SAY 2 0 16 0 SAY 2 0 17 0 DELIVER 0 "
for name, words in {
    "shake": "0" + SHAKE,
    "wrong_key": "0 CONNECT READ 0 FLIP 0 40 1 DELIVER 0",
    "weak_key": "0 CONNECT READ 0 FEIGN 0 DELIVER 0",
    "feigned": "0 ADD 1 CONNECT READ 0 FEIGN 9 DELIVER 0 SEND 1 9 SAY 4 1 0 0 DELIVER 0 READ 0",
    "raw": "0 CONNECT BYTES 96 " + "1 " * 96 + "DELIVER 0",
    "talk": "0" + ONLINE + "SEND 1 10 SEND 2 L2000 OOB 3 L1000 ONION L500 FORWARD 0 100 FORWARD 1 0 READ 0 "
    "SAY 4 7 0 0 SAY 16 0 5 100 SAY 17 0 5 L2000 SAY 7 3 5 L1000 SAY 9 0 1 10 SAY 11 0 1 10 DELIVER 0",
    "not_online": "0" + SHAKE + "ADD 1 READ 0 SAY 1 1 16 0 DELIVER 0 SEND 1 9 SAY 2 0 16 0 SAY 2 0 16 0 SAY 3 0 16 0 DELIVER 0 "
    "SEND 1 9 READ 0",
    "out_of_bounds": "0" + ONLINE + "SAY 16 0 5 0 SAY 7 3 5 0 SAY 7 3 5 L1900 SAY 9 0 1 0 SAY 11 0 1 0 DELIVER 0",
    "give_up_one": "0" + ONLINE + "REMOVE 2 READ 0 SAY 17 0 5 9 SAY 16 0 5 9 DELIVER 0 SEND 1 9 READ 0",
    "give_up": "0" + ONLINE + "SAY 3 0 17 0 DELIVER 0 REMOVE 1 REMOVE 2 READ 0 SAY 16 0 5 9 DELIVER 0",
    "abandon": "0" + SHAKE + "ADD 3 REMOVE 3 ADD 3 REMOVE 3 ADD 4 REMOVE 4 READ 0 SAY 1 3 20 0 SAY 1 4 0 0 "
    "DELIVER 0 READ 0 ADD 255",
    "refused": "0" + SHAKE + "ADD 3 READ 0 SAY 1 3 0 0 DELIVER 0 PONG DELIVER 0 PASS T29000 READ 0 PONG DELIVER 0 "
    "PASS T29000 READ 0 PONG DELIVER 0 PASS T29000 READ 0 SAY 1 3 99 0 DELIVER 0",
    "pings": "0" + SHAKE + "PONG SAY 4 7 0 0 DELIVER 0 READ 0 PASS T33000 READ 0 PONG DELIVER 0 PING PASS 0 READ 0 "
    "SLEEP T11000 PASS T1000",
    "silent": "0" + ONLINE + "PONG DELIVER 0 SEND 1 10 READ 0 PASS T16000",
    "quiet": "2" + ONLINE + "PONG DELIVER 0 PASS T100 SEND 1 10 READ 0 PASS T800 READ 0 PASS T500 PONG DELIVER 0 "
    "PASS T3000",
    "overflow": "65" + ONLINE + "FLOOD 4 1 0 0 255 FLOOD 4 1 0 0 255 FLOOD 4 1 0 0 255 FLOOD 4 1 0 0 255 DELIVER 0",
    "flood": "1" + ONLINE + "FLOOD 4 1 0 0 61 DELIVER 0",
    "hurry": "0" + ONLINE + "PONG DELIVER 0 HURRY PASS 0 READ 0 PASS T2000 PONG DELIVER 0 HURRY PASS T4000",
    "full": "1" + ONLINE + "SEND 1 L1000 SEND 1 L1000 SEND 1 L1000 READ L500 SEND 2 L1000 READ L500 READ L2000 READ 0",
    "full_of_routes": "0 ADD_MANY 0 250" + SHAKE + "REMOVE 7 ADD 254 READ 0",
    "pieces": "0 ADD 1 CONNECT READ 100 READ 28 DELIVER 90 DELIVER 6 READ 0 SAY 1 1 16 0 DELIVER 1 DELIVER 1 "
    "DELIVER 20 DELIVER 0 SAY 2 0 16 0 SAY 16 0 1 L2000 SAY 4 1 0 0 DELIVER 21 DELIVER L1000 DELIVER 0 READ 0",
    "id_twice": "0" + ONLINE + "ADD 5 READ 0 SAY 1 5 16 0 DELIVER 0",
    "id_too_small": "0" + SHAKE + "ADD 5 READ 0 SAY 1 5 15 0 DELIVER 0",
    "reserved": "0" + ONLINE + "SAY 12 0 0 0 DELIVER 0",
    "zero_ping": "0" + ONLINE + "SAY 4 0 0 0 DELIVER 0",
    "long_frame": "0" + SHAKE + "BYTES 2 8 1 DELIVER 0",
    "broken_seal": "0" + ONLINE + "SAY 16 0 1 50 FLIP 0 40 1 DELIVER 0",
    "free_in_callback": "0" + SHAKE + "ADD 1 READ 0 ACT 1 0 0 SAY 1 1 16 0 SAY 2 0 16 0 SAY 16 0 1 9 DELIVER 0",
    "renew_in_callback": "0" + SHAKE + "ADD 1 READ 0 ACT 0 3 1 SAY 1 1 16 0 SAY 2 0 16 0 DELIVER 0 ACT 0 4 1 READ 0 "
    "SAY 1 1 18 0 SAY 2 0 18 0 SAY 18 0 1 9 DELIVER 0 READ 0",
    "no_memory": "0 ADD 1 ADD 2 CONNECT READ 0 FAIL 2 1 DELIVER 0 FAIL 0 0 NEW 1" + ONLINE + "TRIM FAIL 1 1 SEND 1 9 "
    "SAY 4 1 0 0 DELIVER 0",
    "no_key": "32 NEW 32 FAIL 1 0 NEW 0 FAIL 2 1 NEW 32 ADD 1",
    "ends": "0" + ONLINE + "SEND 1 10 END 1 NEW 2 END 2 NEW 4 CONNECT END 0 NEW 8" + SHAKE + "SEND 1 1 FREE",
    "late": "0 CONNECT READ 0 PASS T16000",
}.items():
    dialogue("client", client, name, words)

# --- The relay: JOIN is slot, identity, source; SAY is slot, kind, peer, id, length ---

# The first has id 16 for the second, and that one 17 for the first.
PAIR = " JOIN 0 0 0 JOIN 1 1 1 SAY 1 0 9 0 0 SAY 0 0 1 0 0 SAY 1 0 0 0 0 TURN TURN "
for name, words in {
    "pieces": "0 ACCEPT 0 0 0 DELIVER 0 100 DELIVER 0 28 READ 0 50 READ 0 0 SAY 0 4 1 0 0 DELIVER 0 1 DELIVER 0 0 READ 0 0",
    "talk": "0" + PAIR + "SAY 0 16 0 1 100 SAY 1 17 0 1 L2000 SAY 0 6 1 1 50 SAY 0 6 0 1 L1024 SAY 0 6 9 1 5 TURN TURN",
    "give_up": "0" + PAIR + "SAY 0 3 0 16 0 TURN SAY 1 17 0 1 10 TURN SAY 0 0 1 0 0 TURN SAY 1 3 0 17 0 SAY 1 3 0 99 0 TURN",
    "leave": "0" + PAIR + "END 0 TURN JOIN 2 0 2 SAY 2 0 1 0 0 TURN TURN",
    "replaced": "0" + PAIR + "JOIN 2 0 2 TURN SAY 2 0 1 0 0 TURN TURN",
    "replay": "0 JOIN 0 0 0 REPLAY 1 1 DELIVER 1 0 SAY 1 4 1 0 0 DELIVER 1 0 REPLAY 2 2 DELIVER 2 0 PASS T11000",
    "own_key": "0 JOIN 0 0 0 SAY 0 0 0 0 0 SAY 0 0 9 0 0 SAY 0 0 9 0 0 TURN FLOOD 0 0 9 0 0 250 TURN",
    "violations": "0" + PAIR + "JOIN 2 2 2 JOIN 3 3 3 JOIN 4 4 4 SAY 0 1 1 16 0 SAY 1 6 0 0 0 SAY 2 15 0 0 3 "
    "SAY 3 5 0 0 0 SAY 4 2 0 16 0 TURN TURN",
    "udp": "0 JOIN 0 0 0 SAY 0 8 0 1 L400 SAY 0 8 0 1 3 SAY 0 10 0 1 50 SAY 0 10 0 0 1 TURN",
    "pings": "0" + PAIR + "PASS T30000 READ 0 0 READ 1 0 PONG 0 DELIVER 0 0 PASS T10000 SAY 0 5 1 0 0 TURN SLEEP T34000 TURN",
    "late": "4" + PAIR + "SLEEP T16000 TURN PONG 0 DELIVER 0 0 PASS T3000",
    "overflow": "2" + PAIR + "FLOOD 0 4 1 0 0 255 DELIVER 0 0",
    "peer_overflow": "2" + PAIR + "FLOOD 0 16 0 1 L1000 9 SAY 0 3 0 16 0 FLOOD 1 0 9 0 0 60 DELIVER 1 0 DELIVER 0 0",
    "small": "8" + PAIR + "SAY 0 16 0 1 9 SAY 0 16 0 1 9 DELIVER 0 0 SAY 0 4 1 0 0 DELIVER 0 0 TURN",
    # 32: low rates, 34: small queues too, 98: and other limits at each TRIM.
    "rates": "32" + PAIR + "FLOOD 0 16 0 1 L1000 9 DELIVER 0 0 DELIVER 0 40 FLOOD 0 4 0 0 1 9 DELIVER 0 0 PASS T3000 "
    "DELIVER 0 0 PASS T3000 DELIVER 0 0 TURN END 1 PASS T3000",
    "newcomers": "32 " + "JOIN 0 0 0 " * 9 + "PASS T1000 JOIN 0 0 0 END 0 PASS T3000 PASS T3000 JOIN 1 1 1 JOIN 0 0 0",
    "behind": "2" + PAIR + "FLOOD 0 16 0 1 100 40 DELIVER 0 0 " + "SAY 0 3 0 16 0 SAY 0 0 1 0 0 " * 6 + "DELIVER 0 0 "
    "SAY 0 16 0 1 9 DELIVER 0 0 READ 1 L1000 SAY 0 16 0 1 9 DELIVER 0 0 READ 1 0 TURN",
    "other_limits": "98" + PAIR + "FLOOD 0 16 0 1 L1000 9 DELIVER 0 0 TRIM PASS T1000 TRIM DELIVER 0 0 TRIM TURN TRIM "
    "PASS T3000 TRIM JOIN 2 2 2 TURN",
    "full": "1 ACCEPT 0 0 0 ACCEPT 1 1 0 ACCEPT 2 2 1 ACCEPT 3 3 2 JOIN 4 4 3 JOIN 5 0 4 JOIN 6 1 5 JOIN 7 2 2 JOIN 0 3 1",
    "timeouts": "4 ACCEPT 0 0 0 ACCEPT 1 1 1 DELIVER 1 0 PASS T600",
    "wrong_key": "0 ACCEPT 0 0 0 FLIP 0 0 60 1 DELIVER 0 0 ACCEPT 1 1 1 FLIP 1 0 31 128 DELIVER 1 0",
    "weak_key": "0 ACCEPT 0 0 0 FEIGN 0 0 DELIVER 0 0",
    "feigned": "0 ACCEPT 0 0 0 FEIGN 0 9 DELIVER 0 0 READ 0 0 SAY 0 4 1 0 0 DELIVER 0 0",
    "raw": "0 ACCEPT 0 0 0 DELIVER 0 0 BYTES 0 3 0 0 0 DELIVER 0 0 JOIN 1 1 1 BYTES 1 2 8 1 DELIVER 1 0",
    "no_memory": "0 FAIL 1 0 ACCEPT 0 0 0 FAIL 2 0 ACCEPT 1 1 1 FAIL 3 1 ACCEPT 2 2 2 DELIVER 2 0 FAIL 0 0" + PAIR +
    "TRIM FAIL 1 1 SAY 0 4 1 0 0 DELIVER 0 0 FAIL 0 0 TURN",
    "no_memory_to_confirm": "0 ACCEPT 0 0 0 DELIVER 0 0 READ 0 0 SAY 0 4 1 0 0 FAIL 1 1 DELIVER 0 0",
}.items():
    dialogue("server", server, name, words)

# --- Connections: what a relay does names the stream first ---

START = " ADD_PEER 0 ADD_PEER 1 PEER_RELAY 0 0 0 PEER_RELAY 0 1 0 PEER_RELAY 1 0 2 PASS 0 "
GOOD = " HONEST 255" + START + "TURN TURN TURN PASS 0 "
for name, words in {
    "talk": "0" + GOOD + "SEND 0 100 SEND 1 L2000 TURN SAY 0 16 0 7 50 SAY 1 16 0 7 50 SAY 0 7 97 7 50 SAY 0 7 120 7 50 TURN SAY 0 4 3 0 0 SAY 1 4 5 0 0 TURN",
    "registered": "0 HONEST 0" + START + "TURN SAY 0 1 97 16 0 SAY 1 1 97 0 0 TURN SEND 0 L1000 SEND 0 L2000 TURN "
    "SAY 0 2 0 16 0 TURN SEND 0 L1000 SAY 0 3 0 16 0 TURN",
    "relay_dies": "0" + GOOD + "SEND 0 9 END 0 0 SEND 0 9 PASS T16000 TURN TURN SEND 0 9 TURN END 1 1 END 0 1 PASS T1000 TURN",
    "refused": "4 DIAL 1" + START + "PASS T9000 DIAL 0 NETWORK PASS T100 END 0 2 END 1 3 PASS T3000",
    "sleeps": "4" + GOOD + "SLEEP_PEER 0 SLEEP_PEER 1 PASS T30000 TURN WAKE_PEER 0 PASS 0 TURN TURN SEND 0 9 TURN",
    "onion": "0" + GOOD + "SET_ONION 1 ADD_RELAY 2 0 ADD_RELAY 3 0 PASS 0 TURN TURN ONION 0 L500 FORWARD 0 9 OOB 0 3 9 TURN "
    "SAY 0 9 0 1 9 SAY 0 11 0 1 9 TURN SET_ONION 0 PASS T16000",
    "lists": "0" + GOOD + "LIST 0 5 LIST 255 2 LOOK ADD_RELAY 0 0 REMOVE_RELAY 1 LOOK TIE 1 1 TIE 1 0 UNTIE 0 0 PASS 0 LOOK",
    "full": "3 ADD_PEER 2 ADD_PEER 3 ADD_PEER 4 ADD_PEER 7" + GOOD + "ADD_RELAY 2 0 ADD_RELAY 3 3 PEER_RELAY 0 2 1 PASS 0 "
    "SEND 0 L1900 SEND 0 L1900 SEND 0 L1900 SEND 0 L1900 TURN",
    "reports": "0" + GOOD + "SEND 0 9 TURN LOST 0 0 5 LOST 0 0 5 SEND 0 9 DELIVERED 0 1 3 SEND 0 9 DELIVERED 0 0 1 PASS T60000 LOOK",
    "liar": "0" + GOOD + "TALK 0 3 9 T500 TALK 0 2 63 T500 TALK 0 2 63 T1000 TALK 0 2 60 T2000 TALK 0 3 63 T2000 TALK 0 3 63 T4000 LOOK",
    "all_lie": "0" + GOOD + "TALK 0 3 9 T500 TALK 0 0 63 T500 TALK 0 0 63 T1000 TALK 0 1 30 T1000 LOOK",
    "other_lies": "0" + GOOD + "TALK 0 3 9 T500 TALK 0 1 63 T500 TALK 0 1 63 T1000 TALK 0 1 60 T2000 TALK 0 3 60 T2000 LOOK",
    "no_return": "0 HONEST 15" + START + "TURN TURN TURN PASS T60000 TURN TALK 0 3 60 T2000 TALK 0 3 60 T2000 LOOK END 0 0 PASS T4000 "
    "TURN END 0 0 PASS T4000 TURN LOOK",
    "returned": "0" + GOOD + "TALK 0 3 60 T2000 TALK 0 3 60 T2000 LOOK",
    "silent": "0" + GOOD + "PONG 0 TURN SEND 0 9 TURN PASS T900 TURN SEND 0 9 PASS T9000 TURN SEND 0 9 PASS T16000 LOOK",
    "useless": "4" + GOOD + "REMOVE_PEER 0 REMOVE_PEER 1 ADD_RELAY 2 0 PASS 0 TURN PASS T16000 LOOK",
    "crowd": "0" + GOOD + "CROWD 0 240 PASS 0 TURN TURN TURN LOOK REMOVE_PEER 0 CROWD 0 0 TURN PASS T60000 TURN LOOK",
    "names": "24 ADD_RELAY 2 2 ADD_PEER 0 PEER_RELAY 0 3 2 HONEST 255 PASS 0 TURN TURN LIST 0 4 LOOK",
    "config": "8" + GOOD + "SEND 0 9 TURN PASS T60000 TURN",
    "network": "0" + GOOD + "PONG 0 PONG 1 TURN NETWORK PASS 0 TURN PONG 0 TURN PASS T4000 TURN",
    "acts": "0 ACT 0 1 0 0 0" + GOOD + "ACT 0 11 0 0 0 END 0 0 PASS T2000 TURN ACT 0 0 0 0 0 SEND 1 9 ACT 1 20 0 0 0 SAY 0 16 0 1 9 TURN PASS 0 TURN",
    "no_memory": "0" + START + "FAIL 3 1 TURN FAIL 0 0 TURN FAIL 2 0 SEND 0 9 ADD_PEER 3 FAIL 1 1 ADD_RELAY 2 2 PASS T2000 FAIL 0 0 "
    "PASS T16000 TURN",
}.items():
    dialogue("connections", connections, name, words)

# --- The chat's sessions ---

for name, words in {
    "talk": "SEND 0 100 0 TURN TURN TURN SEND 1 L1000 0 TURN TURN SEND 0 0 0 SEND 0 L2000 3 TURN TURN TURN",
    "lossy": "SEND 0 100 0 DROP 1 0 PASS T9000 TURN TURN SEND 0 L2000 2 REPEAT 1 0 DROP 1 1 DELIVER 1 2 TURN PASS T4000 TURN",
    "too_long": "SEND 0 255 3 SEND 0 L2000 3 TURN TURN PATH 0 PATH 1 TURN",
    "refused": "REFUSE 0 1 SEND 0 100 0 REFUSE 0 0 CAN_SEND 0 TURN REFUSE 1 2 SEND 1 9 0 PASS T60000 REFUSE 1 3 PASS T9000 PATH 1",
    "changed": "SEND 0 100 0 TURN TURN SEND 0 100 0 FLIP 1 0 5 5 1 TURN BYTES 0 4 27 84 1 1 TURN",
    "lost_ack": "SEND 0 100 0 TURN TURN DROP 0 0 DROP 0 0 DROP 0 0",
    "restart": "SEND 0 100 0 TURN TURN TURN SEND 0 9 0 SEND 1 9 0 RESTART 1 SEND 1 20 0 TURN TURN SEND 0 L1000 1 DROP 1 0 RESTART 0 SEND 0 1 0",
    "reordered": "SEND 0 9 0 TURN TURN TURN SEND 0 L2000 2 REPEAT 1 2 DELIVER 1 3 DELIVER 1 1 REPEAT 1 0 REPEAT 1 0 TURN",
    "not_listening": "SEND 0 100 0 LISTEN 1 TURN TURN TURN PASS T4000 TURN LISTEN 1 TURN",
    "udp": "SEND 0 9 0 TURN TURN TURN PROBE 0 7 0 1 0 PROBE 1 9 7 3 1 TELL 0 8 5 TELL 1 0 0 TELL 1 3 2 SEND 1 L1000 3 TURN",
    "forged": "SEND 0 9 0 TURN TURN FORGE 0 0 1 1 1 1 0 0 0 0 0 FORGE 0 2 3 0 0 2 0 0 1 1 20 FORGE 0 1 3 0 0 2 9 255 0 0 0 TURN",
}.items():
    dialogue("session", session, name, words)

for direction in 0, 0x80:
    for kind, size in (1, 25), (2, 29), (3, 38), (3, 37), (3, 100), (3, 981), (2, 28), (4, 25), (5, 34), (5, 33), (6, 34):
        write("session_packet", f"{direction}_{kind}_{size}", bytes([kind | direction]) + bytes(i % 256 for i in range(1, size)))

IPV4, IPV6 = bytes([2, 192, 0, 2, 1, 1, 187]), bytes([10]) + bytes(16) + bytes([1, 187])
for name, data in {
    "addresses": b"\x04" + bytes(24) + IPV4 + IPV6,
    "most_addresses": b"\x04" + bytes(24) + 8 * IPV4,
    "more_addresses": b"\x84" + bytes(24) + 9 * IPV4,
    "cut_address": b"\x84" + bytes(24) + IPV4[:-1],
    "seen": b"\x05" + bytes(33) + IPV6,
    "seen_here": b"\x85" + bytes(33) + IPV6,
    "seen_twice": b"\x85" + bytes(33) + IPV6 + IPV4,
    "addresses_here": b"\x84" + bytes(24) + IPV4 + IPV6,
}.items():
    write("session_packet", name, data)

# --- Proxies: flags, lengths of user, password and name; then the proxy says something (1), or our words leave (0) ---


def proxy(name, flags, user, password, host, *said):
    data = bytes([flags, user, password, host])
    write("proxy", name, data + b"".join(bytes([1, len(part)]) + part + b"\0\xff" for part in said))


HTTP, USER, NAME, IP6, PASSWORD, LONG = 1, 2, 4, 8, 16, 32
proxy("socks5", 0, 0, 0, 0, b"\5\0", b"\5\0\0\1\1\2\3\4\5\6" + b"the relay's")
proxy("socks5_login", USER | PASSWORD | NAME, 255, 255, 253, b"\5\2", b"\1\0", b"\5\0\0\3\4name\5\6")
proxy("socks5_no_login", USER | IP6, 1, 0, 0, b"\5\0", b"\5\0\0\4" + bytes(18))
proxy("socks5_wrong_login", USER, 1, 0, 0, b"\5\2\1\1")
proxy("socks5_refused", NAME, 0, 0, 9, b"\5\0\5\5\0\1" + bytes(6))
proxy("http", HTTP | USER | PASSWORD | NAME, 255, 255, 253, b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nthe relay's")
proxy("http_interim", HTTP | IP6, 0, 0, 0, b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 200\n\n")
proxy("http_refused", HTTP, 0, 0, 0, b"HTTP/1.1 407 Who?\r\n")
proxy("too_long", USER | PASSWORD | LONG, 255, 1, 0)
proxy("just_too_long", USER | PASSWORD | LONG, 1, 128, 0)
proxy("http_too_long", HTTP | USER | PASSWORD | NAME | LONG, 128, 128, 100)
proxy("name_too_long", NAME | LONG, 0, 0, 127)

# --- Texts and files ---

KEY = b"0123456789ABCDEFabcdef0123456789" * 2
for name, data in {
    "ipv4": b"192.0.2.1:443",
    "ipv6": b"[2001:db8::1]:443",
    "scope": b"[fe80::1%4294967295]:65535",
    "mapped": b"[::ffff:192.0.2.1]:1",
    "long": b"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295]:65535",
    "key": KEY,
    **{
        f"packed_{family}_{size}": bytes([family]) + bytes(range(1, size))
        for family in (2, 10, 130, 138, 3)
        for size in (6, 7, 18, 19, 38, 39, 50, 51)
    },
}.items():
    write("address", name, data)
for name, data in {
    "ipv4": b"192.0.2.1:443:" + KEY,
    "ipv6": b"[2001:db8::1]:443:" + KEY,
    "scope": b"[fe80::1%lo]:443:" + KEY,
    "name": b"relay-1.example_x:33445:" + KEY,
    "long_name": b"a" * 253 + b":1:" + KEY,
    "file": b"# ours\n\n192.0.2.1:443:" + KEY + b" # one\r\n\trelay.example:1:" + KEY[::-1] + b"\n192.0.2.1:443:" + KEY,
    "twice": b"192.0.2.1:443:" + KEY + b"\n192.0.2.2:443:" + KEY,
    "slip": b"192.0.2.1.5:443:" + KEY,
    "bare_ipv6": b"2001:db8::1:443:" + KEY,
    "no_port": b"relay.example:0:" + KEY,
    "short_key": b"relay.example:1:" + KEY[1:],
    "no_digit": b"relay.example:1:" + KEY[1:] + b"g",
    "port": b"65535",
}.items():
    write("relay_list", name, data)
PEER = b"--peer\nanna=" + KEY + b"\n--peer=" + KEY[::-1] + b"\n"
RELAY = b"--relay\n192.0.2.1:443:" + KEY + b"\n"
for name, data in {
    "all": PEER + RELAY + b"--keys\nfile\n--wait=86400\n--raw",
    "same_key": b"--peer\na=" + KEY + b"\n--peer\nb=" + KEY,
    "same_name": b"--peer\na=" + KEY + b"\n--peer\na=" + KEY[::-1],
    "names": b"--peer=\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82=" + KEY + b"\n--peer=\xe2\x80\xae=" + KEY[::-1],
    "told": b"--help\n--version\n--show-key\n-hV",
    "no_wait": PEER + RELAY + b"--wait\n86401",
    "udp": PEER + RELAY + b"--udp-port=33445\n--udp-announce=192.0.2.1:33445\n--udp-announce\n[2001:db8::1]:1",
    "proxy": PEER + RELAY + b"--proxy=socks5://a%40:b@proxy:1080",
    "http_proxy": PEER + RELAY + b"--proxy\nhttp://a:%3a@[::1]:8080/",
    "no_udp": PEER + RELAY + b"--no-udp\n--udp-port=1",
    "left_over": PEER + b"anna",
    "unknown": b"--what",
}.items():
    write("chat_options", name, data)
for name, data in {
    "right": b"\x01" + bytes(64),
    **{f"mode_{mode}": bytes([mode << 1 | 1]) + bytes(64) for mode in range(8)},
    "wrong": b"\x00" + bytes(64),
    "short": b"\x01" + bytes(63),
    "long": b"\x01" + bytes(65),
}.items():
    write("keys_file", name, data)
