#!/usr/bin/env python3
"""How many round trips and segments a connection to a relay takes, on an emulated path with real TCP.

SPDX-License-Identifier: ISC

  start      from connect to a peer online, and from wake to the first packet: by us and by libtoxcore
  fallback   what a path costs that drops SYNs with data, and the connection after that
  segments   of a short exchange: connect, one packet, close
  interface  how long a peer is away when the interface under three relays is removed
  rough      whether a relay is taken for dead on a way that is slow, or loses packets

Needs root, or user namespaces; /dev/net/tun; iproute2; tox-bootstrapd and libtoxcore for `start`.
"""
import argparse
import contextlib
import os
import sys
import time

from path_stand import PORT, Bootstrapd, Net, OurRelay, Peer, streams_of
from stand import Trouble, clean_up_when_ended, median, need_program

ROUND_TRIP_MS = 100
RELAY, PEER_A, PEER_B, SPARE_A = "10.0.0.1", "10.0.1.1", "10.0.1.2", "10.0.1.3"
# How long we wait for an answer to data in a SYN until a stream without it joins (docs/sockets.md).
JOIN_MS = 250
PACE_MS = 50
# Until a conversation has all its relays, and pings on them.
SETTLE_PACKETS = 40
GAP_MAX_MS = 1000
# Half of the round trip in ms; the loss in percent at each of two hops, in each direction.
ROUGH = {"round trip 2 s": (1000, 0), "round trip 4 s": (2000, 0), "80 ms, 3 % lost at each hop": (40, 3)}
ROUGH_S, ROUGH_SHORT_S = 75, 15
# Enough to show a gap that waits out the relays' own pings.
GAP_PATIENCE_S = 90
FRIEND_PATIENCE_S = 180

failures = []


# --- What is printed ---


def title(text, *columns):
    print(f"\n{text}\n  {'':<52}" + "".join(f"{column:>22}" for column in columns))


def row(name, *values):
    cells = ("-" if value is None else value if isinstance(value, str) else f"{value:.2f}" for value in values)
    print(f"  {name:<52}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def must(holds, what):
    if not holds:
        failures.append(what)
        print(f"  FAILED: {what}", flush=True)


def in_trips(moment_us, begin_us):
    return None if moment_us is None else (moment_us - begin_us) / 1000 / ROUND_TRIP_MS


def medians(rounds):
    """Of dictionaries with the same keys, key by key; of COUNTS the mean, so that one that differs shows."""
    return {
        key: (sum(values) / len(values) if key in COUNTS else median(values))
        for key in rounds[0]
        for values in [[one.get(key) for one in rounds]]
    }


# --- Peers and a relay ---


def three_nodes(build):
    """Two peers, each half a round trip from a relay."""
    return Net(build, [f"a={PEER_A}", f"b={PEER_B}", f"relay={RELAY}"])


def slow_down(net, *ports):
    for port in ports:
        net.tell(f"{port} both delay {ROUND_TRIP_MS / 2}")


def start_peer(net, node, relays):
    peer = net.add(Peer(net, node))
    for relay in relays:
        peer.say(f"relay {relay.address}:{PORT} {relay.key}")
    return peer


def meet(a, b):
    """`b` waits for `a` first, so that it costs `a` nothing. Returns when `a` began."""
    b.say(f"peer {a.key}")
    b.event("registered")
    a.say(f"peer {b.key}")
    return a.event("begin")


def steps(streams, begin_us, online_us, packet_us=None):
    """A connection in round trips from `begin_us`: of the streams that raced for it, the one that was answered."""
    answered = [stream for stream in streams if "down handshake response" in stream.moments]
    if len(answered) != 1:
        raise Trouble(f"{len(answered)} of {len(streams)} streams were answered where one is expected")
    stream = answered[0]
    return {
        "response": in_trips(stream.moments.get("down handshake response"), begin_us),
        "routing request": in_trips(stream.moments.get("up routing request"), begin_us),
        "routing response": in_trips(stream.moments.get("down routing response"), begin_us),
        "online": in_trips(online_us, begin_us),
        "packet": in_trips(packet_us, begin_us),
        "streams": len(streams),
        "SYN data": sum(stream.syn_data for stream in streams),
    }


# --- From connect to online, from wake to the first packet ---


def connect_once(net, relay):
    """With fresh peers, as after a start."""
    a, b = start_peer(net, "a", [relay]), start_peer(net, "b", [relay])
    a.say("eager")
    path = net.capture("a")
    begin_us = meet(a, b)
    online_us, packet_us = a.event("online"), b.event("packet")
    net.end(a)
    net.end(b)
    return steps(streams_of(path), begin_us, online_us, packet_us)


def fall_asleep(a):
    a.say("sleep")
    a.event("relay 0 sleeping")


def wake_once(net, a, b):
    fall_asleep(a)
    b.event("registered")
    path = net.capture("a")
    a.say("wake")
    begin_us = a.event("wake")
    online_us, packet_us = a.event("online"), b.event("packet")
    return steps(streams_of(path), begin_us, online_us, packet_us)


def start_of_ours(build, relay_class, fast_open, rounds):
    """Medians for connecting and for waking. The kernel gets its cookie in a round that is not counted."""
    with three_nodes(build) as net:
        net.set_fast_open("a", fast_open)
        net.set_fast_open("relay", fast_open)
        relay = net.add(relay_class(net, "relay", RELAY))
        slow_down(net, "a", "b")
        connect_once(net, relay)
        connects = [connect_once(net, relay) for _ in range(rounds)]
        if relay_class is Bootstrapd:
            # It takes half a minute to notice that a sleeping peer has closed its stream.
            return medians(connects), {}
        a, b = start_peer(net, "a", [relay]), start_peer(net, "b", [relay])
        a.say("eager")
        meet(a, b)
        a.event("online")
        b.event("packet")
        wakes = [wake_once(net, a, b) for _ in range(rounds)]
    return medians(connects), medians(wakes)


def back_online(path):
    """The stream that began in the capture and has brought the peer online again; None when there is none yet."""
    return next((stream for stream in streams_of(path) if "down notification" in stream.moments), None)


def toxcore_pair(net):
    """Two clients without UDP; the DHT node that they need is the relay's."""
    relay = net.add(Bootstrapd(net, "relay", RELAY))
    slow_down(net, "a", "b")
    peers = [net.add(Peer(net, node, "path_toxcore")) for node in ("a", "b")]
    for peer, other in (peers, peers[::-1]):
        peer.say(f"relay {RELAY} {PORT} {relay.key}")
        peer.say(f"friend {other.key}")
    return peers


def start_of_toxcore(build, rounds):
    """When two are online the stream of one is reset; what that one does then is seen from outside alone. It dials again
    after half a minute, and not for ever: so each round has a pair of its own, and all play at the same time."""
    need_program("tox-bootstrapd", "toxcore-utils")
    with contextlib.ExitStack() as stack:
        nets = [stack.enter_context(three_nodes(build)) for _ in range(rounds)]
        pairs = [toxcore_pair(net) for net in nets]
        for pair in pairs:
            for peer in pair:
                peer.event("online", FRIEND_PATIENCE_S)
        paths = [net.capture("a") for net in nets]
        for net in nets:
            net.tell("a reset")
        deadline = time.monotonic() + FRIEND_PATIENCE_S
        while None in (streams := [back_online(path) for path in paths]):
            if time.monotonic() > deadline:
                raise Trouble(f"libtoxcore's peers were not online again within {FRIEND_PATIENCE_S} s")
            time.sleep(0.5)
    return medians([steps([stream], stream.syn_us, stream.moments["down notification"]) for stream in streams])


STEPS = {
    "response": "the relay's handshake arrives",
    "routing request": "the routing request leaves",
    "routing response": "the routing response arrives",
    "online": "the peer is online",
    "packet": "the first packet arrives at the peer",
    "streams": "streams opened (mean)",
    "SYN data": "of these with data in the SYN (mean)",
}
COUNTS = {"streams", "SYN data"}


def start(build, rounds, short):
    without = start_of_ours(build, OurRelay, False, rounds)
    with_it = start_of_ours(build, OurRelay, True, rounds)
    others = {}
    if not short:
        others["at tox-bootstrapd"] = start_of_ours(build, Bootstrapd, False, rounds)[0]
        others["libtoxcore there"] = start_of_toxcore(build, rounds)
    for i, begin in enumerate(("connect", "wake")):
        columns = {"no fast open": without[i], "fast open": with_it[i]} | (others if begin == "connect" else {})
        title(f"From {begin}, in round trips of {ROUND_TRIP_MS} ms, median of {rounds}", *columns)
        for key, name in STEPS.items():
            row(name, *(column.get(key) for column in columns.values()))
        if "libtoxcore there" in columns:
            print("  libtoxcore: from its SYN after a reset, seen from outside; it is asked to work every so often.")
        # What TCP alone takes, and what a busy machine may add.
        must(2 <= without[i]["response"] < 3, f"without fast open the handshake takes 2 round trips from {begin}")
        must(3 <= without[i]["online"] < 4, f"without fast open the peer is online after 3 round trips from {begin}")
        must(1 <= with_it[i]["response"] < 2, f"with fast open the handshake takes 1 round trip from {begin}")
        must(2 <= with_it[i]["online"] < 3, f"with fast open the peer is online after 2 round trips from {begin}")
        must(without[i]["SYN data"] == 0, f"without fast open no SYN has data from {begin}")
        must(with_it[i]["SYN data"] == 1, f"with fast open the SYN has the handshake from {begin}")
        must(with_it[i]["streams"] == without[i]["streams"] == 1, f"one stream is enough from {begin}")


# --- A path that drops SYNs with data ---


def fallback(build, rounds, _):
    """In each round: a good path, the filter, and then twice that."""
    seen = {"good": [], "first": [], "next": []}
    for _ in range(rounds):
        with three_nodes(build) as net:
            net.set_fast_open("a", True)
            net.set_fast_open("relay", True)
            relay = net.add(OurRelay(net, "relay", RELAY))
            slow_down(net, "a", "b")
            a, b = start_peer(net, "a", [relay]), start_peer(net, "b", [relay])
            a.say("eager")
            meet(a, b)
            a.event("online")
            b.event("packet")
            seen["good"].append(wake_once(net, a, b))
            net.tell("relay down drop-syn-data on")
            seen["first"].append(wake_once(net, a, b))
            seen["next"].append(wake_once(net, a, b))
    columns = [medians(seen[key]) for key in ("good", "first", "next")]
    title(
        f"The path drops SYNs with data: from wake, in round trips, median of {rounds}",
        "before", "first connection", "next connection",
    )
    for key, name in STEPS.items():
        row(name, *(column[key] for column in columns))
    row("cost of the filter, ms", *((column["online"] - columns[0]["online"]) * ROUND_TRIP_MS for column in columns))
    good, first, following = columns
    must(good["SYN data"] == 1 and good["streams"] == 1, "on a good path there is one stream, with data in its SYN")
    must(first["SYN data"] == 1 and first["streams"] == 2, "a SYN with data that is dropped is joined by one without")
    # The wait for an answer, and the round trip that fast open saves.
    dearest = JOIN_MS / ROUND_TRIP_MS + 1
    must(first["online"] - good["online"] < dearest + 1, f"a dropped SYN costs {JOIN_MS} ms and a round trip")
    must(following["SYN data"] == 0 and following["streams"] == 1, "the connection after that is without data in the SYN")
    must(following["online"] < good["online"] + 2, "the connection after that pays no more than a round trip")


# --- Segments ---

KINDS = {
    "syn": "SYN",
    "syn-data": "SYN with data",
    "data": "data",
    "ack": "acknowledgement alone",
    "fin": "FIN alone",
    "fin-data": "FIN with data",
    "rst": "RST",
    "segments": "all",
    "payload": "bytes of data",
    "again": "sent again",
}


def over(counts):
    """Whether a stream has ended both ways."""
    return all(ways["fin"] + ways["fin-data"] + ways["rst"] > 0 for ways in counts)


def shoot_once(net, relay, a, b, way):
    """Returns what the shooter's node has sent, and what arrived there."""
    net.tell("a zero")
    a.say(f"{way} {relay.address}:{PORT} {relay.key} {b.key}")
    b.event("oob")
    a.event("gone")
    deadline = time.monotonic() + 10
    while not over(counts := [net.counts("a", way) for way in ("up", "down")]):
        if time.monotonic() > deadline:
            raise Trouble("the stream of a short exchange does not end")
        time.sleep(0.02)
    # The last acknowledgement is on its way when the last FIN has come.
    time.sleep(2 * ROUND_TRIP_MS / 1000)
    return [net.counts("a", way) for way in ("up", "down")]


def shots(build, way, fast_open, rounds):
    with three_nodes(build) as net:
        net.set_fast_open("a", fast_open)
        net.set_fast_open("relay", fast_open)
        relay = net.add(OurRelay(net, "relay", RELAY))
        slow_down(net, "a", "b")
        a, b, other = (start_peer(net, node, [relay]) for node in ("a", "b", "b"))
        # Only so that b is there. OOB from whom it does not know is told it as such.
        meet(b, other)
        b.event("online")
        shoot_once(net, relay, a, b, way)
        rows = [shoot_once(net, relay, a, b, way) for _ in range(rounds)]
    return [medians([one[direction] for one in rows]) for direction in (0, 1)]


def exchange(build, way, name, rounds):
    """Prints the table of a short exchange. Returns its columns."""
    columns = shots(build, way, False, rounds) + shots(build, way, True, rounds)
    title(
        f"Segments of one OOB packet and go, {name}, median of {rounds}",
        "out, no fast open", "in", "out, fast open", "in",
    )
    for key, kind in KINDS.items():
        row(kind, *(f"{column[key]:g}" for column in columns))
    total = [columns[i]["segments"] + columns[i + 1]["segments"] for i in (0, 2)]
    row("all, both ways", f"{total[0]:g}", "", f"{total[1]:g}", "")
    for at, kind in ((0, "syn"), (2, "syn-data")):
        must(columns[at]["syn"] + columns[at]["syn-data"] == columns[at][kind] == 1, f"{name}: one SYN, of kind {kind}")
    return columns


def segments(build, rounds, _):
    exchange(build, "hand", "by hand and closed at once", rounds)
    columns = exchange(build, "shot", "by toxtcp_ev_send_oob_once()", rounds)
    for out, back in (columns[:2], columns[2:]):
        must(out["syn-data"] + out["data"] + out["fin-data"] == 2, "the shooter's data are in two segments")
        must(out["fin-data"] == 1 and out["fin"] == 0, "the shooter's FIN rides on the last of them")
        must(out["rst"] + back["rst"] == 0, "nothing is reset")
        must(out["again"] + back["again"] == 0, "nothing is sent twice")


# --- The interface under three relays is removed ---


def gap_once(build):
    """Returns the gap at the receiver in ms, and when the sender's peer was online again, from the removal."""
    relays_at = {f"relay{i}": f"10.0.0.{i}" for i in (1, 2, 3)}
    nodes = [f"a/a={PEER_A}", f"a/spare={SPARE_A}", f"b={PEER_B}"]
    with Net(build, nodes + [f"{node}={address}" for node, address in relays_at.items()]) as net:
        relays = [net.add(OurRelay(net, node, address)) for node, address in relays_at.items()]
        slow_down(net, "a", "spare", "b")
        a, b = start_peer(net, "a", relays), start_peer(net, "b", relays)
        meet(a, b)
        a.event("online")
        a.say(f"pace {PACE_MS}")
        for _ in range(SETTLE_PACKETS):
            b.event("packet")
        if (used := int(net.tell("a count up syn"))) != len(relays):
            raise Trouble(f"the sender has dialled {used} times by the interface, not once for each relay")
        net.run("a", "ip", "link", "delete", "dev", "a")
        return gap_after(b)


def gap_after(b):
    """Waits for a hole in the numbers or a pause, and until the packets flow again. Returns the longest gap in ms."""
    longest_us, flowing = 0, 0
    last_us, words = b.event_words("packet")
    deadline = time.monotonic() + GAP_PATIENCE_S
    while flowing < SETTLE_PACKETS:
        last = int(words[1])
        now_us, words = b.event_words("packet", GAP_PATIENCE_S)
        # A pause that jitter does not explain.
        if int(words[1]) != last + 1 or now_us - last_us > 10 * PACE_MS * 1000:
            longest_us, flowing = max(longest_us, now_us - last_us), 0
        elif longest_us > 0:
            flowing += 1
        elif time.monotonic() > deadline:
            raise Trouble("the packets go on as if there had been no interface")
        last_us = now_us
    return longest_us / 1000


def interface(build, rounds, _):
    gaps = sorted(gap_once(build) for _ in range(rounds))
    title(f"The interface under three relays is removed; another is there. {rounds} times", "ms")
    row("no packet arrives for, median", median(gaps))
    row("no packet arrives for, worst", gaps[-1])
    row("no packet arrives for, best", gaps[0])
    must(gaps[-1] < GAP_MAX_MS, f"a peer that watches its network is away for less than {GAP_MAX_MS} ms")


# --- Ways that are slow or lose packets ---


class RoughWay:
    """Two peers on such a way, one of which sends."""

    def __init__(self, stack, build, delay_ms, loss):
        self.net = stack.enter_context(three_nodes(build))
        relay = self.net.add(OurRelay(self.net, "relay", RELAY))
        for port, delay in (("a", delay_ms), ("b", 0), ("relay", 0)):
            self.net.tell(f"{port} both delay {delay}")
            self.net.tell(f"{port} both loss {loss}")
        self.a, self.b = (start_peer(self.net, node, [relay]) for node in ("a", "b"))
        self.b.say(f"peer {self.a.key}")
        self.a.say(f"peer {self.b.key}")

    def begin(self):
        self.a.event("online", GAP_PATIENCE_S)
        self.net.tell("a zero")
        self.a.say(f"pace {PACE_MS}")

    def seen(self):
        """How often the relay was silent or gone, and what the sender's kernel sent."""
        counts, alarms = self.net.counts("a", "up"), 0
        while (line := self.a.line(0)) is not None:
            alarms += line.split(" ", 1)[1].startswith(("relay 0 silent", "relay 0 waiting"))
        return alarms, counts["data"], counts["again"]


def rough(build, rounds, short):
    """Once, however many the rounds: it takes its time."""
    lasting_s = ROUGH_SHORT_S if short else ROUGH_S
    with contextlib.ExitStack() as stack:
        ways = {name: RoughWay(stack, build, *way) for name, way in ROUGH.items()}
        for way in ways.values():
            way.begin()
        time.sleep(lasting_s)
        seen = {name: way.seen() for name, way in ways.items()}
    title(f"A peer sends every {PACE_MS} ms for {lasting_s} s: its relay is", "silent or gone", "segments", "sent again")
    for name, counts in seen.items():
        row(name, *(f"{count:g}" for count in counts))
        # Several losses in a row are not always distinguishable from the end.
        must(counts[0] <= (ROUGH[name][1] > 0), f"{name}: a relay that lives is not silent")


SHOWS = {"start": start, "fallback": fallback, "segments": segments, "interface": interface, "rough": rough}


def arguments():
    parser = argparse.ArgumentParser(
        prog="path.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", help="where the programs are")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (5)")
    parser.add_argument("--short", action="store_true", help="one round each, and without libtoxcore")
    parser.add_argument("--relay-option", action="append", default=[], help="for toxtcp-relay; as --relay-option=--x")
    parser.add_argument("--only", action="append", choices=SHOWS, help="this; may be given several times")
    given = parser.parse_args()
    if not 1 <= given.rounds <= 100:
        parser.error("--rounds is from 1 to 100")
    return given


def main():
    given = arguments()
    clean_up_when_ended()
    build = os.path.abspath(given.build or os.environ.get("top_builddir", "."))
    for program in ("toxtcp-relay", "toxtcp_test/bench/path_peer", "toxtcp_test/emulator/path_emulator"):
        if not os.access(os.path.join(build, program), os.X_OK):
            raise Trouble(f"{program} is not in {build}: build it with make {program}, or say --build DIRECTORY")
    OurRelay.options = given.relay_option
    for name in given.only or SHOWS:
        SHOWS[name](build, 1 if given.short else given.rounds, given.short)
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(f"path.py: {trouble}", file=sys.stderr)
        sys.exit(1)
