"""Peers and relays on an emulated path, and what a capture of it tells, for path.py.

SPDX-License-Identifier: ISC
"""
import os
import re
import selectors
import signal
import struct
import subprocess
import tempfile
import time

from stand import PR_SET_PDEATHSIG, Trouble, _libc, bootstrapd_configuration, end

PATIENCE_S = 20
PORT = 33445


def spawn(command, **others):
    """A process that dies with this script."""
    return subprocess.Popen(command, preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **others)


class Talker:
    """A process that is told lines and says lines."""

    def __init__(self, command):
        self.command = command
        self.process = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.rest = b""

    def say(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as gone:
            raise Trouble(f"{self.command[-1]} has ended") from gone

    def line(self, patience_s=PATIENCE_S):
        """The next line that it says; None when there is none in time."""
        deadline = time.monotonic() + patience_s
        while b"\n" not in self.rest:
            if not self.selector.select(max(0, deadline - time.monotonic())):
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Trouble(f"{' '.join(self.command[-3:])} has ended")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def close(self):
        end(self.process)
        self.selector.close()
        self.process.stdin.close()
        self.process.stdout.close()


class Net:
    """Namespaces, the paths between them, and the processes in them. `nodes` is what path_emulator takes."""

    def __init__(self, build, nodes):
        self.build = build
        self.directory = tempfile.TemporaryDirectory(prefix="toxtcp-path-")
        self.processes = []
        self.prefixes = {}
        self.captures = 0
        self.emulator = Talker([os.path.join(build, "toxtcp_test/emulator/path_emulator"), *nodes])

    def __enter__(self):
        try:
            while (line := self.emulator.line()) != "ready":
                if line is None:
                    raise Trouble("the path emulator does not start")
                words = line.split()
                self.prefixes[words[1]] = words[2:]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.close()
        self.emulator.close()
        self.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def tell(self, command):
        """Returns what the emulator answers."""
        self.emulator.say(command)
        answer = self.emulator.line()
        if answer is None or not answer.startswith("ok"):
            raise Trouble(f"the path emulator says to {command}: {answer}")
        return answer[3:]

    def counts(self, port, way):
        """By kind of packet."""
        pairs = (word.split("=") for word in self.tell(f"{port} count {way}").split())
        return {kind: int(number) for kind, number in pairs}

    def capture(self, port):
        """From now on what passes there goes to a new file, the path of which is returned."""
        self.captures += 1
        path = self.path(f"capture-{self.captures}")
        self.tell(f"{port} capture {path}")
        return path

    def run(self, node, *command):
        ended = subprocess.run(self.prefixes[node] + list(command), capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise Trouble(f"{' '.join(command)}: {ended.stderr.strip()}")

    def set_fast_open(self, node, on):
        """Whether the kernel of a node does fast open, as a client and as a server."""
        self.run(node, "sh", "-c", f"echo {3 if on else 0} >/proc/sys/net/ipv4/tcp_fastopen")

    def add(self, process):
        self.processes.append(process)
        return process

    def end(self, process):
        process.close()
        self.processes.remove(process)


class Peer(Talker):
    """path_peer or path_toxcore in a node. Events are (moment in us, words)."""

    def __init__(self, net, node, program="path_peer"):
        super().__init__(net.prefixes[node] + [os.path.join(net.build, "toxtcp_test/bench", program)])
        line = self.line()
        if line is None or not line.startswith("key "):
            raise Trouble(f"{program} does not start")
        self.key = line.split()[1]

    def event(self, wanted, patience_s=PATIENCE_S):
        """Waits for the next event that begins like this. Returns its moment in us."""
        return self.event_words(wanted, patience_s)[0]

    def event_words(self, wanted, patience_s=PATIENCE_S):
        deadline = time.monotonic() + patience_s
        while (line := self.line(max(0, deadline - time.monotonic()))) is not None:
            moment, what = line.split(" ", 1)
            if what.startswith(wanted):
                return int(moment), what.split()
        raise Trouble(f"{os.path.basename(self.command[-1])}: no \"{wanted}\" within {patience_s} s")


class PathRelay:
    """A relay in a node, at PORT of its address."""

    def __init__(self, net, node, address):
        self.address, self.directory = address, net.path(f"relay-{node}")
        os.mkdir(self.directory)
        self.log = os.path.join(self.directory, "log")
        with open(self.log, "wb") as log:
            self.process = spawn(
                net.prefixes[node] + self.arguments(net.build), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise Trouble(f"the relay does not start: {self.said().strip()}")
            time.sleep(0.02)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def close(self):
        end(self.process)


class OurRelay(PathRelay):
    """toxtcp-relay."""

    options = []

    def arguments(self, build):
        keys = os.path.join(self.directory, "keys")
        return [os.path.join(build, "toxtcp-relay"), "--listen", f"{self.address}:{PORT}", "--keys", keys, *self.options]

    def ready(self):
        return "listening on " in self.said()

    @property
    def key(self):
        return re.search(r"^public key: (\w{64})$", self.said(), re.M).group(1)


class Bootstrapd(PathRelay):
    """tox-bootstrapd, with its DHT node at the same port."""

    def arguments(self, _):
        conf, keys = os.path.join(self.directory, "conf"), os.path.join(self.directory, "keys")
        with open(conf, "w", encoding="ascii") as file:
            file.write(bootstrapd_configuration(PORT, PORT, keys))
        return ["tox-bootstrapd", "--foreground", "--log-backend=stdout", "--config=" + conf]

    def ready(self):
        # /proc/PID/net is that of its namespace. 0A: it listens.
        with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as table:
            return any(f":{PORT:04X} 00000000:0000 0A" in line for line in table)

    @property
    def key(self):
        with open(os.path.join(self.directory, "keys"), "rb") as keys:
            return keys.read(32).hex().upper()


# --- What a capture tells of streams to a relay: kinds of packets by their lengths on the wire (docs/protocol.md) ---

REQUEST_LEN, RESPONSE_LEN = 128, 96
UP_KINDS = {51: "routing request", 27: "ping or pong"}
DOWN_KINDS = {52: "routing response", 20: "notification", 27: "ping or pong"}


class Direction:
    """The bytes of one direction, put in order, and when each packet in them was complete."""

    def __init__(self, handshake_len, handshake, kinds):
        self.next, self.bytes, self.waiting = None, b"", {}
        self.edge, self.kinds, self.handshake = 0, kinds, handshake
        self.handshake_len = handshake_len

    def add(self, now_us, flags, sequence, payload):
        """Returns the packets that are complete now as (moment, kind)."""
        if flags & 2:
            self.next = self.next if self.next is not None else (sequence + 1) % 2**32
            sequence = (sequence + 1) % 2**32
        if self.next is None:
            return []
        self.waiting[sequence] = max(self.waiting.get(sequence, b""), payload, key=len)
        for start in sorted(self.waiting, key=lambda start: (start - self.next + 2**31) % 2**32):
            old = (self.next - start) % 2**32
            if old < 2**31:
                fresh = self.waiting.pop(start)[old:]
                self.bytes += fresh
                self.next = (self.next + len(fresh)) % 2**32
        return [(now_us, kind) for kind in self.complete()]

    def complete(self):
        kinds = []
        while True:
            left = len(self.bytes) - self.edge
            if self.edge == 0:
                length, kind = self.handshake_len, self.handshake
            elif left >= 2:
                length = 2 + int.from_bytes(self.bytes[self.edge : self.edge + 2], "big")
                kind = self.kinds.get(length, "other")
            else:
                return kinds
            if left < length:
                return kinds
            self.edge += length
            kinds.append(kind)


class Stream:
    """A stream from a port's node to a relay: moments of its first SYN and of its packets, by kind."""

    def __init__(self, syn_us):
        self.syn_us, self.syn_data = syn_us, False
        self.up = Direction(REQUEST_LEN, "handshake request", UP_KINDS)
        self.down = Direction(RESPONSE_LEN, "handshake response", DOWN_KINDS)
        self.moments = {}

    def add(self, now_us, is_up, flags, sequence, payload):
        self.syn_data |= bool(flags & 2 and payload)
        for moment, kind in (self.up if is_up else self.down).add(now_us, flags, sequence, payload):
            self.moments.setdefault(("up " if is_up else "down ") + kind, moment)


def packets_of(path):
    """(moment in us, source, destination, flags, sequence, payload) of the TCP segments by IPv4."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        if len(packet) == length and length >= 40 and packet[0] >> 4 == 4 and packet[9] == 6:
            header = (packet[0] & 15) * 4
            total = int.from_bytes(packet[2:4], "big")
            tcp = packet[header:total]
            source, destination, sequence = struct.unpack_from(">HHI", tcp)
            yield (
                seconds * 1000000 + micros,
                (packet[12:16], source),
                (packet[16:20], destination),
                tcp[13],
                sequence,
                tcp[(tcp[12] >> 4) * 4 :],
            )


def streams_of(path):
    """The streams that begin in a capture, the oldest first."""
    found, by_ends = [], {}
    for moment, source, destination, flags, sequence, payload in packets_of(path):
        if flags & 0x12 == 2 and (source, destination) not in by_ends:
            found.append(Stream(moment))
            by_ends[source, destination] = found[-1]
        for key, is_up in (((source, destination), True), ((destination, source), False)):
            if key in by_ends:
                by_ends[key].add(moment, is_up, flags, sequence, payload)
    return found
