"""Relays and a load generator to measure them with, for relay_bench.py and attacks.py.

SPDX-License-Identifier: ISC

Each process has a core of its own where there are two: relays the last one, the generator the first. They die with the
script.
"""
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

RELAY_CORE = -1
GENERATOR_CORE = 0
START_S = 10
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)


class Trouble(Exception):
    """Something that cannot be measured, in words for whoever asked."""


def cores():
    return sorted(os.sched_getaffinity(0))


def pin_to(which):
    """The set of cores for `which`: RELAY_CORE, GENERATOR_CORE, or None for all."""
    every = cores()
    return set(every) if which is None or len(every) < 2 else {every[which]}


def spawn(command, core=None, descriptors=None, **others):
    """Starts a process on that core, with so many descriptors (None: all that are allowed)."""
    allowed = pin_to(core)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = hard if descriptors is None else descriptors

    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, allowed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    return subprocess.Popen(command, preexec_fn=prepare, stdin=subprocess.DEVNULL, **others)


def end(process):
    """Ends a process of ours, and waits for that."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def need_program(name, package):
    if shutil.which(name) is None:
        raise Trouble(f"{name} is missing: install Debian's {package}")


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody uses. With SO_REUSEADDR set on both sides, the caller may hold it while a relay takes it."""
    held = socket.socket(socket.AF_INET, kind)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("", 0))
    return held, held.getsockname()[1]


def wait_until(holds, what):
    deadline = time.monotonic() + START_S
    while not holds():
        if time.monotonic() > deadline:
            raise Trouble(what)
        time.sleep(0.01)


def takes_connections(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Relay:
    """What the two kinds of relays have in common."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="toxtcp-bench-")
        self.process = None
        self.address = None
        self.key = None

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def said(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    @property
    def pid(self):
        return self.process.pid

    @property
    def name_for_stress(self):
        return f"{self.address}:{self.key}"

    def alive(self):
        return self.process.poll() is None

    def status_kib(self, field):
        """VmRSS or VmHWM."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise Trouble("the relay is gone")

    def metrics(self):
        return {}

    def inside_us(self, share=0.99):
        """What so many packets did not exceed between the relay's reading and its writing them, by its own histogram: the
        upper end of a bucket; None without figures. What the machine around it does is not in there."""
        buckets = [
            (float(name.split('"')[1]), count)
            for name, count in self.metrics().items()
            if name.startswith("toxtcp_relay_transit_seconds_bucket")
        ]
        return next((bound * 1e6 for bound, count in buckets if count >= share * buckets[-1][1]), None)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            end(self.process)
        self.directory.cleanup()


class OurRelay(Relay):
    """toxtcp-relay, with figures when it can serve them."""

    def __init__(self, build, options=(), descriptors=None, core=RELAY_CORE, threads=1):
        super().__init__()
        self.program = os.path.join(build, "toxtcp-relay")
        self.options = list(options)
        self.descriptors = descriptors
        self.core = core
        self.threads = threads
        self.http = None

    def sanitized(self):
        """Whether it was built with AddressSanitizer."""
        with open(self.program, "rb") as program:
            return b"__asan_init" in program.read()

    def knows(self, option):
        shown = subprocess.run([self.program, "--help"], capture_output=True, text=True, check=True)
        return option in shown.stdout

    def start(self):
        command = [self.program, "--listen", "127.0.0.1:0", "--keys", self.path("keys")]
        http = self.knows("--http-address")
        if self.knows("--threads"):
            command += ["--threads", str(self.threads)]
        elif self.threads != 1:
            raise Trouble("this toxtcp-relay has one thread")
        if http:
            command += ["--http-address", "127.0.0.1:0"]
        with open(self.path("log"), "wb") as log:
            self.process = spawn(
                command + self.options,
                self.core,
                self.descriptors,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"ASAN_OPTIONS": "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")},
            )
        wait_until(lambda: "listening on " in self.said() or not self.alive(), "toxtcp-relay does not start")
        if not self.alive():
            raise Trouble("toxtcp-relay ended: " + self.said().strip())
        self.address = re.search(r"^listening on (\S+)$", self.said(), re.M).group(1)
        self.key = re.search(r"^public key: (\w{64})$", self.said(), re.M).group(1)
        if http:
            wait_until(lambda: "http://" in self.said(), "toxtcp-relay does not say where its figures are")
            self.http = re.search(r"http://[\d.]+:\d+", self.said()).group(0)

    def metrics(self):
        """What /metrics says: {'name{label="value"}': number}; nothing when there is no such page."""
        if self.http is None:
            return {}
        with urllib.request.urlopen(self.http + "/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return {
            name: float(number) for name, number in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        }


def bootstrapd_configuration(udp_port, tcp_port, keys):
    """Its relay on IPv4 alone; `keys` is the path of its keys."""
    return (
        f'port = {udp_port}\nkeys_file_path = "{keys}"\npid_file_path = "{keys}.pid"\n'
        "enable_ipv6 = false\nenable_ipv4_fallback = true\nenable_lan_discovery = false\n"
        f"enable_tcp_relay = true\ntcp_relay_ports = [{tcp_port}]\nenable_motd = false\n"
    )


class Bootstrapd(Relay):
    """tox-bootstrapd; `shim`: a library to preload."""

    def __init__(self, shim=None, core=RELAY_CORE):
        super().__init__()
        self.shim = shim
        self.core = core

    def start(self):
        held, port = free_port()
        udp, udp_port = free_port(socket.SOCK_DGRAM)
        udp.close()
        with open(self.path("conf"), "w", encoding="ascii") as conf:
            conf.write(bootstrapd_configuration(udp_port, port, self.path("keys")))
        environment = dict(os.environ)
        if self.shim:
            environment["LD_PRELOAD"] = self.shim
        with open(self.path("log"), "wb") as log:
            self.process = spawn(
                ["tox-bootstrapd", "--foreground", "--log-backend=stdout", "--config=" + self.path("conf")],
                self.core,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        try:
            wait_until(lambda: takes_connections(port) or not self.alive(), "tox-bootstrapd takes no connections")
        finally:
            held.close()
        if not self.alive():
            raise Trouble("tox-bootstrapd ended: " + self.said().strip())
        self.address = f"127.0.0.1:{port}"
        with open(self.path("keys"), "rb") as keys:
            self.key = keys.read(32).hex().upper()


class Load:
    """A run of toxtcp-stress against a relay."""

    def __init__(self, build, relay, scenarios, duration, warmup=1.0, options=(), core=GENERATOR_CORE):
        file, self.path = tempfile.mkstemp(prefix="toxtcp-bench-", suffix=".json")
        os.close(file)
        command = [os.path.join(build, "toxtcp-stress"), "--relay", relay.name_for_stress]
        command += ["--relay-pid", str(relay.pid), "--duration", str(duration), "--warmup", str(warmup)]
        command += ["--json", self.path, *options, *scenarios]
        self.command = command
        self.process = spawn(command, core, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.patience = 60 + 2 * duration + warmup

    def discard(self):
        """When the result is of no interest."""
        end(self.process)
        self.process.stdout.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def result(self):
        """Waits for its end. Returns what it measured."""
        try:
            output = self.process.communicate(timeout=self.patience)[0]
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
        except subprocess.TimeoutExpired as late:
            raise Trouble(f"does not end: {' '.join(self.command)}") from late
        finally:
            self.discard()
        if not text.strip():
            raise Trouble(f"toxtcp-stress ended with {self.process.returncode}: {output.strip()}")
        return json.loads(text)


def run_load(build, relay, scenarios, duration, warmup=1.0, options=(), core=GENERATOR_CORE):
    return Load(build, relay, scenarios, duration, warmup, options, core).result()


def group(result, scenario):
    return next(group for group in result["groups"] if group["scenario"] == scenario)


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def clean_up_when_ended():
    """A script that is ended by a signal leaves no files behind either."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def build_directory(given=None):
    """Where the programs are."""
    build = os.path.abspath(given or os.environ.get("top_builddir", "."))
    for program in ("toxtcp-relay", "toxtcp-stress"):
        if not os.access(os.path.join(build, program), os.X_OK):
            raise Trouble(f"{program} is not in {build}: build it with make {program}, or say --build DIRECTORY")
    return build
