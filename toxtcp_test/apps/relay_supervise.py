#!/usr/bin/python3
"""toxtcp-relay under something like systemd: what it is told, and sockets that it gets. SPDX-License-Identifier: ISC

relay_supervise.py RELAY DIRECTORY: says what is wrong and exits with 1, or with 0."""
import os
import signal
import socket
import sys
import time

RELAY, DIRECTORY = sys.argv[1:3]
PATIENCE_S = 20


class Supervised:
    """The relay, with a socket for its notes and, maybe, sockets that listen."""

    def __init__(self, options, sockets=(), environment=None):
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.settimeout(PATIENCE_S)
        path = os.path.join(DIRECTORY, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notes.bind(path)
        environ = dict(os.environ, NOTIFY_SOCKET=path, **(environment or {}))
        out_read, out_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(options, sockets, environ, out_write)
        os.close(out_write)
        self.out = os.fdopen(out_read)

    @staticmethod
    def become(options, sockets, environ, out):
        try:
            os.dup2(out, 1)
            # First above the places where they belong, so that none is overwritten.
            copies = [os.dup2(s.fileno(), 100 + i, inheritable=False) for i, s in enumerate(sockets)]
            for i, copy in enumerate(copies):
                os.dup2(copy, 3 + i)
            if sockets:
                environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()))
            os.execve(RELAY, [RELAY, "--keys", os.path.join(DIRECTORY, "supervised.keys")] + options, environ)
        finally:
            os._exit(126)

    def note(self, wanted):
        """Waits for a note with that line; returns the note's lines."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            lines = self.notes.recv(4096).decode().splitlines()
            if any(line.startswith(wanted) for line in lines):
                return lines
            assert all(line.startswith(("WATCHDOG=", "STATUS=")) for line in lines), (wanted, lines)
        raise TimeoutError(wanted)

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        self.note("STOPPING=1")
        _, status = os.waitpid(self.pid, 0)
        assert status == 0, status
        self.notes.close()
        self.out.close()


def says_how_it_is():
    conf = os.path.join(DIRECTORY, "supervised.conf")
    with open(conf, "w") as file:
        file.write('listen = ["127.0.0.1:0"]; threads = 2;\n')
    relay = Supervised(["--config", conf])
    relay.note("READY=1")
    assert relay.out.readline().startswith("public key: ")
    assert relay.out.readline().startswith("listening on ")
    os.kill(relay.pid, signal.SIGHUP)
    assert any(line.startswith("MONOTONIC_USEC=") for line in relay.note("RELOADING=1"))
    relay.note("READY=1")
    # A wrong file: it is ready again all the same.
    with open(conf, "w") as file:
        file.write("nonsense\n")
    os.kill(relay.pid, signal.SIGHUP)
    relay.note("RELOADING=1")
    relay.note("READY=1")
    relay.end()


def feeds_the_watchdog():
    relay = Supervised(["--listen", "127.0.0.1:0", "--threads", "2"], environment={"WATCHDOG_USEC": "100000"})
    relay.note("READY=1")
    for _ in range(3):
        relay.note("WATCHDOG=1")
    relay.end()


def takes_sockets(threads):
    sockets = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        passed = socket.socket(family, socket.SOCK_STREAM)
        passed.bind((address, 0))
        passed.listen(16)
        sockets.append(passed)
    relay = Supervised(["--threads", str(threads), "--listen", "192.0.2.1:1"], sockets)
    relay.note("READY=1")
    relay.out.readline()
    for passed, form in zip(sockets, ("listening on 127.0.0.1:%d\n", "listening on [::1]:%d\n")):
        line = relay.out.readline()
        assert line == form % passed.getsockname()[1], line
    # Its answer to rubbish is the end of the stream, which the kernel alone would not give.
    for passed in sockets:
        with socket.create_connection(passed.getsockname()[:2], PATIENCE_S) as client:
            client.sendall(bytes(128))
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
    relay.end()
    for passed in sockets:
        passed.close()


def refuses_what_does_not_listen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        relay = Supervised([], [datagrams])
        _, status = os.waitpid(relay.pid, 0)
        assert os.WEXITSTATUS(status) == 4, status


says_how_it_is()
feeds_the_watchdog()
for count in (1, 2, 4):
    takes_sockets(count)
refuses_what_does_not_listen()
