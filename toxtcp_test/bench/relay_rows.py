"""How each row of relay_bench.py's table is measured, and what it must be. SPDX-License-Identifier: ISC

A part of the table is a function of the options and a contender that returns {row: value}. A value is None where the relay
gave no answer at all.
"""
import fcntl
import math
import os
import socket
import struct
import subprocess
import tempfile
import time

from stand import Bootstrapd, OurRelay, end, group, need_program, run_load, spawn

SIZES = (64, 512, 1373)
PAIRS = 64
IDLE = 4000
IDLE_FIRST = 100
CLIENTS = (10, 1000, 10000)
ROUTES = (1, 60, 240)
RECEIVE_BUFFERS = (131072, 1048576)
FLOODING_PAIRS = 8
NO_ANSWER = math.inf

PLAIN = "tox-bootstrapd"
UNLOCKED = "no locking"
OURS = "toxtcp-relay"


class Contender:
    """A relay to measure; make(**how) gives one that is not started yet."""

    def __init__(self, name, make):
        self.name = name
        self.make = make


def ours(build):
    return Contender(OURS, lambda **how: OurRelay(build, **how))


def bootstrapd():
    return Contender(PLAIN, Bootstrapd)


def bootstrapd_without_locks(shim):
    return Contender(UNLOCKED, lambda **how: Bootstrapd(shim, **how))


def tagged(contender, measured):
    """As relay_bench.py collects them."""
    return {f"{row}|{contender.name}": value for row, value in measured.items()}


# --- The parts ---


def per_packet(result):
    process = result["relay_process"]
    relayed = result["relayed_packets"]
    return process["cpu_s"] * 1e6 / relayed if relayed else None


def packets(options, contender):
    measured = {}
    for size in SIZES:
        with contender.make() as relay:
            scenario = f"throughput:pairs={PAIRS},size={size}"
            measured[f"packet {size}"] = per_packet(run_load(options.build, relay, [scenario], options.seconds))
    return measured


def latency(options, contender):
    with contender.make() as relay:
        result = run_load(options.build, relay, ["latency:pairs=1,size=100,rate=100"], 2 * options.seconds)
        within = relay.inside_us()
    one_way = group(result, "latency")["one_way_us"]
    return {"one way p50": one_way.get("p50"), "one way p99": one_way.get("p99"), "one way inside": within}


def forwarder(options, our_core, its_core):
    """The same way through a process that does nothing but hand bytes on: what this machine asks of any relay."""
    program = os.path.join(options.build, "toxtcp_test", "bench", "bench_forward")
    if not os.access(program, os.X_OK):
        return {}
    count = int(2 * options.seconds * 100)
    done = subprocess.run([program, str(our_core), str(its_core), str(count)], stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    p50, p99 = done.stdout.split()
    return {"forwarder p50": float(p50), "forwarder p99": float(p99)}


def idle(options, contender):
    """A few clients first, so that what the relay needs for the first one does not count."""
    with contender.make() as relay:
        few = run_load(options.build, relay, [f"idle:clients={IDLE_FIRST}"], 0.5)["relay_process"]
        many = run_load(options.build, relay, [f"idle:clients={IDLE}"], options.idle_seconds)["relay_process"]
    grown = many["rss_end_kib"] - few["rss_end_kib"]
    return {"idle memory": grown * 1.024 / (IDLE - IDLE_FIRST), "idle cpu": many["cpu_percent"]}


def handshakes(options, contender):
    with contender.make() as relay:
        result = run_load(options.build, relay, ["handshake"], options.seconds)
    count = group(result, "handshake")["connects"]["ok"]
    return {"handshake": result["relay_process"]["cpu_s"] * 1e6 / count if count else None}


def count_calls(output):
    """All rows of strace -c: share, seconds, microseconds for each, calls, perhaps errors, name."""
    rows = [line.split() for line in output.splitlines()]
    counts = [int(words[3]) for words in rows if len(words) > 4 and words[3].isdigit() and words[-1] != "total"]
    return sum(counts)


def own_calls(before, after):
    """Reads, writes and accepts by the relay's own counters, a packet."""
    names = [f'toxtcp_relay_socket_calls_total{{call="{call}"}}' for call in ("read", "write", "accept")]
    relayed = 'toxtcp_relay_relayed_total{kind="data"}'
    if relayed not in after:
        return None
    moved = after[relayed] - before[relayed]
    return sum(after[name] - before[name] for name in names) / moved if moved else None


def calls(options, contender):
    """All that the relay does for the packets of a run is counted, so nothing of it is left out as a warm-up."""
    need_program("strace", "strace")
    scenario = [f"throughput:pairs={PAIRS},size=64"]
    with contender.make() as relay:
        before = relay.metrics()
        _ = run_load(options.build, relay, scenario, options.seconds, warmup=0)
        by_itself = own_calls(before, relay.metrics())
        with tempfile.NamedTemporaryFile("r", prefix="toxtcp-bench-") as counted:
            tracer = spawn(["strace", "-c", "-f", "-p", str(relay.pid), "-o", counted.name], stderr=subprocess.DEVNULL)
            time.sleep(0.3)
            result = run_load(options.build, relay, scenario, options.seconds, warmup=0)
            end(tracer)
            total = count_calls(counted.read())
    # A traced relay is behind: what arrives after the measured time counts as well.
    relayed = max(result["relayed_packets"], group(result, "throughput")["received"])
    measured = {"calls": total / relayed if total and relayed else None}
    if by_itself is not None:
        measured["own calls"] = by_itself
    return measured


def fairness(options, contender, setting="stock"):
    """The flood sends as fast as TCP takes it, whether it arrives or not. Where more than one in a hundred pings stays
    without an answer, that is the 99th percentile."""
    scenarios = ["latency:pairs=1,size=100,rate=50", f"attack=line-rate:clients={2 * FLOODING_PAIRS}"]
    with contender.make() as relay:
        result = run_load(options.build, relay, scenarios, 2 * options.seconds)
        within = relay.inside_us()
    ping = group(result, "latency")
    answered = ping["round_trip_us"]["count"] >= 0.99 * ping["sent"] / 2
    return {
        f"fairness {setting}": ping["round_trip_us"]["p99"] if answered else NO_ANSWER,
        f"fairness {setting} inside": within,
    }


def clients(options, contender):
    """Ten of them talk, the others are there. tox-bootstrapd takes minutes to let in the most of them."""
    measured = {}
    for count in CLIENTS if contender.name == OURS else CLIENTS[:-1]:
        scenarios = ["throughput:pairs=5,size=512"]
        if count > 10:
            scenarios.append(f"idle:clients={count - 10}")
        with contender.make() as relay:
            result = run_load(options.build, relay, scenarios, options.seconds, options=["--ramp", "3000"])
        measured[f"clients {count}"] = per_packet(result)
    return measured


def routes(options, contender):
    measured = {}
    for count in ROUTES:
        with contender.make() as relay:
            scenario = f"throughput:pairs=5,size=512,routes={count - 1}"
            measured[f"routes {count}"] = per_packet(run_load(options.build, relay, [scenario], options.seconds))
    return measured


def workers_cpu(metrics):
    """Processor seconds of each worker so far."""
    return {
        name: seconds
        for name, seconds in metrics.items()
        if name.startswith("toxtcp_relay_worker_cpu_seconds_total")
    }


def spread(before, after):
    """How many workers as busy as the busiest one would have done all the work."""
    began = workers_cpu(before)
    spent = [seconds - began[name] for name, seconds in workers_cpu(after).items()]
    return sum(spent) / max(spent) if spent and max(spent) > 0 else None


def threads(options, contender):
    """Relay and generator share the cores, so what the relay could do if each worker had a core to itself is computed:
    packets for a second of the relay's processor time, times the number of workers, less what is lost because one has more
    to do than the others. The kernel spreads clients by chance, so about half of the pairs have their ends at different
    workers."""
    measured = {}
    for count in (1, 2):
        with contender.make(threads=count, core=None) as relay:
            before = relay.metrics()
            result = run_load(
                options.build,
                relay,
                [f"throughput:pairs={PAIRS},size=512"],
                options.seconds,
                options=["--threads", "2"],
                core=None,
            )
            after = relay.metrics()
        microseconds = per_packet(result)
        workers = spread(before, after)
        measured[f"threads {count}"] = workers * 1e6 / microseconds if workers and microseconds else None
        measured[f"throughput {count}"] = result["relayed_packets"] / result["duration_s"]
        if count == 2 and workers:
            messages = "toxtcp_relay_mesh_messages_total"
            sent = 'toxtcp_relay_packets_total{kind="data"}'
            measured["crossing"] = (after[messages] - before[messages]) / (after[sent] - before[sent])
    return measured


MEASURE = {
    "packets": packets,
    "latency": latency,
    "idle": idle,
    "handshakes": handshakes,
    "calls": calls,
    "fairness": fairness,
    "clients": clients,
    "routes": routes,
    "threads": threads,
}
PARTS = list(MEASURE)
ONCE = {"calls"}
EVERYONE = {PLAIN, UNLOCKED, OURS}
BOTH = {PLAIN, OURS}
WHO = {
    "packets": EVERYONE,
    "latency": EVERYONE,
    "idle": BOTH,
    "handshakes": EVERYONE,
    "calls": BOTH,
    "fairness": BOTH,
    "clients": BOTH,
    "routes": BOTH,
    "threads": {OURS},
}


# --- A network namespace of our own ---


def loopback_up():
    """As `ip link set lo up` does."""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def read_receive_buffer():
    with open("/proc/sys/net/ipv4/tcp_rmem", encoding="ascii") as setting:
        return [int(word) for word in setting.read().split()]


def set_receive_buffer(initial):
    least, _, most = read_receive_buffer()
    with open("/proc/sys/net/ipv4/tcp_rmem", "w", encoding="ascii") as setting:
        setting.write(f"{least} {initial} {max(most, initial)}")


# --- The table ---


class Row:
    """What a row shows. `met`: None without a goal, or where nothing was measured."""

    def __init__(self, title, cells, form="{:.2f}", goal="", met=None):
        self.title = title
        self.plain, self.unlocked, self.ours = cells
        self.form = form
        self.goal = goal
        self.met = met

    def ratio(self):
        known = self.plain and self.ours and NO_ANSWER not in (self.plain, self.ours)
        return self.plain / self.ours if known else None


def at_most(value, bound):
    return None if value is None else value <= bound


def times_less(theirs, value, times):
    """None where one of the two is missing."""
    return None if theirs is None or value is None else value * times <= theirs


def every(*holds):
    known = [one for one in holds if one is not None]
    return all(known) if known else None


class Maker:
    """Finds the cells of a row among the medians."""

    def __init__(self, medians):
        self.medians = medians

    def cells(self, name, scale=1.0):
        found = [self.medians.get(f"{name}|{who}") for who in (PLAIN, UNLOCKED, OURS)]
        return [None if value is None else value * scale for value in found]

    def has(self, name):
        return any(key.split("|")[0] == name for key in self.medians)

    def packets(self, bare):
        for size, times, unlocked_times in zip(SIZES, (10, 8, 6), (3, 3, 2.2)):
            name = f"packet {size}"
            if self.has(name):
                cells = self.cells(name)
                met = every(times_less(cells[0], cells[2], times), times_less(cells[1], cells[2], unlocked_times))
                goal = f"1/{times}, 1/{unlocked_times:g}"
                yield Row(f"CPU per packet, {size} bytes (us)", cells, goal=goal, met=met)
            if size in bare:
                yield Row(f"  bare open and seal, {size} bytes (us)", [None, None, bare[size]])

    def bounded(self, name, title, bound, scale=1.0, form="{:.2f}", sign="<="):
        """A row with a bound for ours. No answer at all misses it."""
        if self.has(name):
            cells = self.cells(name, scale)
            met = at_most(cells[2], bound) if cells[2] is not None else False
            yield Row(title, cells, form, f"{sign} {bound:g}", met)

    def within(self, name):
        if self.has(name):
            yield Row("  of it inside the relay, p99 up to (ms)", self.cells(name, 1e-3), "{:.3f}")

    def bare_way(self, share):
        if self.has(f"forwarder {share}"):
            yield Row(f"  a bare TCP forwarder, {share} (ms)", self.cells(f"forwarder {share}", 1e-3), "{:.3f}")

    def fairness(self):
        stock = read_receive_buffer()[1]
        for setting in ("stock", *RECEIVE_BUFFERS):
            title = f"stock ({stock})" if setting == "stock" else str(setting)
            yield from self.bounded(f"fairness {setting}", f"ping beside floods, {title} (ms)", 5, 1e-3, sign="<")
            yield from self.within(f"fairness {setting} inside")

    def growth(self, what, counts):
        """The first is the measure of the others; a quarter is what chance can do."""
        first = self.cells(f"{what} {counts[0]}")[2]
        for count in counts:
            name = f"{what} {count}"
            if self.has(name):
                cells = self.cells(name)
                met = None
                if count != counts[0] and first is not None and cells[2] is not None:
                    met = cells[2] <= 1.25 * first
                goal = "" if met is None else f"<= {1.25 * first:.2f}"
                yield Row(f"CPU per packet, {count} {what} (us)", cells, goal=goal, met=met)

    def threads(self):
        one, two = self.cells("threads 1")[2], self.cells("threads 2")[2]
        if one and two:
            yield Row("packets per s if alone, 1 thread", [None, None, one], "{:.0f}")
            yield Row("packets per s if alone, 2 threads", [None, None, two], "{:.0f}")
            yield Row("  2 against 1", [None, None, two / one], goal=">= 1.6", met=two / one >= 1.6)
        for count in (1, 2):
            if self.has(f"throughput {count}"):
                title = f"  packets per s seen, {count} and the generator"
                yield Row(title, self.cells(f"throughput {count}"), "{:.0f}")
        if self.has("crossing"):
            yield Row("  share of packets that cross", self.cells("crossing"))


def make_table(medians, bare):
    make = Maker(medians)
    return [
        *make.packets(bare),
        *make.bounded("one way p50", "one way, idle relay, p50 (ms)", 0.08, 1e-3, "{:.3f}", "<"),
        *make.bare_way("p50"),
        *make.bounded("one way p99", "one way, idle relay, p99 (ms)", 0.3, 1e-3, "{:.3f}", "<"),
        *make.bare_way("p99"),
        *make.within("one way inside"),
        *make.bounded("idle memory", f"memory per idle client of {IDLE} (kB)", 1.4),
        *make.bounded("idle cpu", f"CPU with {IDLE} idle clients (%)", 0.5, sign="<"),
        *make.bounded("handshake", "CPU per handshake (us)", 100, form="{:.0f}"),
        *make.bounded("calls", "system calls per packet, by strace", 0.2, form="{:.3f}", sign="<"),
        *make.bounded("own calls", "  reads and writes alone, untraced", 0.2, form="{:.3f}", sign="<"),
        *make.fairness(),
        *make.growth("clients", CLIENTS),
        *make.growth("routes", ROUTES),
        *make.threads(),
    ]


LINE = "{:40} {:>9} {:>9} {:>9} {:>7}  {:>11} {}"


def cell(row, value):
    if value is None:
        return "-"
    return "none" if value == NO_ANSWER else row.form.format(value)


def print_table(table):
    print()
    print(LINE.format("", "tox-boot-", "without", "toxtcp-", "", "", ""))
    print(LINE.format("", "strapd", "locking", "relay", "ratio", "goal", "met"))
    for row in table:
        ratio = row.ratio()
        print(
            LINE.format(
                row.title,
                cell(row, row.plain),
                cell(row, row.unlocked),
                cell(row, row.ours),
                "-" if ratio is None else f"{ratio:.1f}",
                row.goal,
                {None: "", True: "yes", False: "NO"}[row.met],
            ).rstrip()
        )
