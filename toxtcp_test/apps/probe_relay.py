#!/usr/bin/env python3
"""Relays of several tempers, in one process, for the test of toxtcp-probe. SPDX-License-Identifier: ISC

usage: probe_relay.py TEMPER...

Speaks docs/protocol.md, as far as a probe needs it. Prints "TEMPER 127.0.0.1:PORT:KEY" for each, then "came TEMPER" for
each client, and a line for each data and OOB payload: "saw TEMPER data|oob HEX-OF-THE-PAYLOAD". Ends when its standard
input does.

Tempers: good; silent (accepts, says nothing); mute (as silent after the handshake); drop-data; drop-oob; drop-self (OOB
to its sender); drop-third (every third data packet); change-data, change-oob (a bit); twice (delivers data twice);
twice-oob; forge-oob (with another sender); full (never accepts); stranger (answers the handshake with something else);
no-route (refuses); no-friends (never tells that both are there); one (lets one client in); one-early, one-reset (the
same, and closes or resets before the handshake); shut (closes before every handshake); once-ping (answers a client's
first ping alone); take-back (the route, when there has been some data); freeze (says nothing more from the third data
packet on); hang-up (closes when data comes); drop-ben (closes the other client at OOB to oneself); late-data, late-oob
(0.7 s).
"""
import asyncio
import socket
import struct
import sys

from nacl.bindings import (
    crypto_box_afternm,
    crypto_box_beforenm,
    crypto_box_keypair,
    crypto_box_open_afternm,
    randombytes,
)

ROUTE, ROUTED, ONLINE, OFFLINE, PING, PONG, OOB, OOB_RECEIVED = range(8)
FIRST_ID = 16
LATE_S = 0.7


def say(line):
    print(line, flush=True)


class Stream:
    """The sealed packets of one client."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def shake_hands(self, secret):
        hello = await self.reader.readexactly(128)
        self.key = hello[:32]
        shared = crypto_box_beforenm(self.key, secret)
        inside = crypto_box_open_afternm(hello[56:], hello[32:56], shared)
        public, temporary = crypto_box_keypair()
        self.shared = crypto_box_beforenm(inside[:32], temporary)
        self.their_nonce = int.from_bytes(inside[32:], "big")
        nonce, base = randombytes(24), randombytes(24)
        self.our_nonce = int.from_bytes(base, "big")
        self.writer.write(nonce + crypto_box_afternm(public + base, nonce, shared))

    async def receive(self):
        (length,) = struct.unpack(">H", await self.reader.readexactly(2))
        box = await self.reader.readexactly(length)
        plain = crypto_box_open_afternm(box, self.their_nonce.to_bytes(24, "big"), self.shared)
        self.their_nonce = (self.their_nonce + 1) % 2**192
        return plain

    def send(self, plain):
        box = crypto_box_afternm(bytes(plain), self.our_nonce.to_bytes(24, "big"), self.shared)
        self.our_nonce = (self.our_nonce + 1) % 2**192
        if not self.writer.is_closing():
            self.writer.write(struct.pack(">H", len(box)) + box)


class Relay:
    def __init__(self, temper):
        self.temper = temper
        self.public, self.secret = crypto_box_keypair()
        self.clients = {}  # by key
        self.data_count = 0

    def start_full(self):
        """A queue of newcomers that has no room: the kernel answers nobody."""
        server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.fillers = [socket.socket() for _ in range(4)]
        for filler in self.fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        self.tell(server)
        return server

    def tell(self, server):
        say(f"{self.temper} 127.0.0.1:{server.getsockname()[1]}:{self.public.hex().upper()}")

    async def start(self):
        if self.temper == "full":
            return self.start_full()
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.tell(server.sockets[0])
        return server

    async def serve(self, reader, writer):
        stream = Stream(reader, writer)
        say(f"came {self.temper}")
        try:
            if self.temper == "silent":
                await reader.read()
                return
            if self.temper == "stranger":
                writer.write(randombytes(96))
                await reader.read()
                return
            if self.temper == "shut" or (self.temper == "one-early" and self.clients):
                return
            if self.temper == "one-reset" and self.clients:
                writer.transport.abort()
                return
            await stream.shake_hands(self.secret)
            if self.temper == "one" and self.clients:
                return
            stream.routes = {}  # keys by id
            stream.pings = 0
            self.clients[stream.key] = stream
            while True:
                packet = await stream.receive()
                if self.temper != "mute":
                    self.handle(stream, packet)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self.clients.get(getattr(stream, "key", None)) is stream:
                del self.clients[stream.key]
            writer.close()

    def handle(self, stream, packet):
        kind, body = packet[0], packet[1:]
        if self.temper == "freeze" and self.data_count == 3:
            return
        if kind == ROUTE:
            self.route(stream, body)
        elif kind == PING:
            stream.pings += 1
            if self.temper != "once-ping" or stream.pings == 1:
                stream.send([PONG, *body])
        elif kind == OOB:
            self.pass_oob(stream, body[:32], body[32:])
        elif kind >= FIRST_ID:
            self.pass_data(stream, kind, body)

    @staticmethod
    def id_of(stream, key):
        return next((number for number, routed in stream.routes.items() if routed == key), 0)

    def route(self, stream, key):
        if self.temper == "no-route":
            stream.send([ROUTED, 0, *key])
            return
        number = self.id_of(stream, key) or FIRST_ID + len(stream.routes)
        stream.routes[number] = key
        stream.send([ROUTED, number, *key])
        other = self.clients.get(key)
        back = self.id_of(other, stream.key) if other else 0
        if back and self.temper != "no-friends":
            stream.send([ONLINE, number])
            other.send([ONLINE, back])

    def pass_oob(self, stream, key, data):
        say(f"saw {self.temper} oob {data.hex()}")
        other = self.clients.get(key)
        if other is None or self.temper == "drop-oob" or (self.temper == "drop-self" and other is stream):
            return
        if self.temper == "change-oob":
            data = bytes([*data[:-1], data[-1] ^ 1])
        if self.temper == "drop-ben" and other is stream:
            for client in self.clients.values():
                if client is not stream:
                    client.writer.close()
        sender = bytes(32) if self.temper == "forge-oob" else stream.key
        self.send_later("late-oob", 2 if self.temper == "twice-oob" else 1, other, [OOB_RECEIVED, *sender, *data])

    def pass_data(self, stream, number, data):
        say(f"saw {self.temper} data {data.hex()}")
        self.data_count += 1
        other = self.clients.get(stream.routes.get(number))
        dropped = self.temper == "drop-data" or (self.temper == "drop-third" and self.data_count % 3 == 0)
        if self.temper == "hang-up":
            stream.writer.close()
        elif self.temper == "take-back" and self.data_count >= 3:
            for client in self.clients.values():
                for route in client.routes:
                    client.send([OFFLINE, route])
        elif other is not None and not dropped:
            if self.temper == "change-data":
                data = bytes([*data[:-1], data[-1] ^ 1])
            packet = [self.id_of(other, stream.key), *data]
            self.send_later("late-data", 2 if self.temper == "twice" else 1, other, packet)

    def send_later(self, temper, times, other, packet):
        for _ in range(times):
            if self.temper == temper:
                asyncio.get_running_loop().call_later(LATE_S, other.send, packet)
            else:
                other.send(packet)


async def main():
    servers = [await Relay(temper).start() for temper in sys.argv[1:]]
    say("ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.close()


asyncio.run(main())
