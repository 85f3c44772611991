#!/usr/bin/env python3
"""What honest clients see of a relay while it is attacked: the table of attacks.

SPDX-License-Identifier: ISC

Fifty honest pairs talk through a toxtcp-relay that is otherwise as it is installed, without an attack and then with each
one. It must hold that their delivery stays above 99.9 %, that the 99th percentile of their latency one way stays below
three times what it is without the attack (below 1 ms it is fine in any case), that the relay's memory stays bounded, and
that the limit which the attack runs into has been counted.

Relay and generator, attackers included, have a core each where there are two. --short: seconds instead of minutes, no
cores of their own, and for latency only a generous bound, since machines that run tests are busy.
"""
import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

from stand import (  # noqa: E402
    GENERATOR_CORE,
    RELAY_CORE,
    OurRelay,
    Trouble,
    build_directory,
    clean_up_when_ended,
    group,
    median,
    run_load,
)

PAIRS = 50
RATE = 20
SIZE = 100
DELIVERY_MIN = 0.999
FINE_US = 1000
WORSE_MAX = 3
SHORT_FINE_US = 250000
DESCRIPTORS = 256
SANITIZED_FACTOR = 8  # AddressSanitizer keeps what was freed, and a shadow of everything
SANITIZED_SLOWNESS = 4


class Attack:
    """One row. `limits`: of these counters of the relay at least one must move; `mib`: what memory may grow by."""

    def __init__(self, title, spec, limits, mib, short=None, descriptors=None):
        self.title = title
        self.spec = spec
        self.short = short or spec
        self.limits = limits
        self.mib = mib
        self.descriptors = descriptors


ATTACKS = [
    Attack(
        "half-open streams, one source",
        "half-open:sources=1",
        ["refused_total{reason=rate}", "refused_total{reason=source}"],
        4,
        "half-open:sources=1,rate=1000",
    ),
    Attack(
        "half-open streams, 256 sources",
        "half-open:sources=256",
        ["handshakes_total{outcome=evicted}"],
        4,
        "half-open:sources=256,rate=1500",
    ),
    Attack(
        "82 of a handshake's 128 bytes",
        "partial",
        ["handshakes_total{outcome=evicted}"],
        4,
        "partial:rate=1500",
    ),
    Attack("handshakes of rubbish", "rubbish", ["handshakes_total{outcome=wrong_key}"], 2),
    Attack("a handshake again and again", "replay", ["handshakes_total{outcome=evicted}"], 4, "replay:rate=1500"),
    Attack("one key over and over", "same-key", ["closed_total{reason=replaced}"], 2),
    Attack(
        "10 000 idle clients",
        "idle-crowd:rate=3000",
        ["handshakes_total{outcome=confirmed}"],
        16,
        "idle-crowd:clients=2000",
    ),
    Attack(
        f"all of {DESCRIPTORS} descriptors used up",
        "descriptors",
        ["refused_total{reason=full}"],
        4,
        descriptors=DESCRIPTORS,
    ),
    Attack(
        "8 clients that never read",
        "slow-reader",
        ["dropped_total{kind=data,reason=receiver}"],
        4,
        "slow-reader:rate=20000",
    ),
    Attack("pings without reading", "ping-flood", ["closed_total{reason=overflow}"], 4, "ping-flood:clients=1"),
    Attack("OOB at one client", "oob-flood:rate=40000", ["input_pauses_total"], 4),
    Attack("routes asked for and given up", "route-churn:rate=40000", ["input_pauses_total"], 6),
    Attack("data at line rate", "line-rate", ["input_pauses_total"], 4, "line-rate:rate=20000"),
    Attack("frames that break the protocol", "bad-frames", ["closed_total{reason=protocol}"], 2),
]


def plain_name(metric):
    """'toxtcp_relay_x{a="b"}' as it is written here."""
    return metric.removeprefix("toxtcp_relay_").replace('"', "")


class Measured:
    """What one run says."""

    def __init__(self, result, before_kib, relay):
        honest = group(result, "latency")
        self.sent = honest["sent"]
        self.delivery = honest["received"] / self.sent if self.sent else 0
        self.p99_us = honest["one_way_us"].get("p99")
        self.before_kib = before_kib
        self.peak_kib = relay.status_kib("VmHWM")
        self.inside_us = relay.inside_us()
        self.generator = result["generator"]["cpu_percent"]
        self.attack = result.get("attack")
        self.memory_factor = SANITIZED_FACTOR if relay.sanitized() else 1
        self.slowness = SANITIZED_SLOWNESS if relay.sanitized() else 1
        self.metrics = {plain_name(name): value for name, value in relay.metrics().items()}


def measure(options, attack=None):
    """Starts a relay, and the honest pairs beside the attack."""
    scenarios = [f"latency:pairs={PAIRS},rate={RATE},size={SIZE}"]
    descriptors = None
    if attack is not None:
        scenarios.append("attack=" + (attack.short if options.short else attack.spec))
        descriptors = attack.descriptors
    with OurRelay(options.build, options.relay_option, descriptors, options.relay_core) as relay:
        before = relay.status_kib("VmRSS")
        result = run_load(
            options.build, relay, scenarios, options.duration, options.warmup, core=options.generator_core
        )
        if not relay.alive():
            raise Trouble(f"the relay died: {relay.said().strip()}")
        return Measured(result, before, relay)


class Verdict:
    """All runs of an attack beside all runs without."""

    def __init__(self, options, attack, calm, runs):
        self.attack = attack
        self.delivery = min(run.delivery for run in runs)
        self.calm_us = median([run.p99_us for run in calm])
        self.p99_us = median([run.p99_us for run in runs])
        self.inside_us = median([run.inside_us for run in runs])
        self.before_kib = median([run.before_kib for run in runs])
        self.peak_kib = max(run.peak_kib for run in runs)
        self.generator = max(run.generator for run in runs)
        self.limit = self.moved(runs)
        self.faults = list(self.find_faults(options, runs))

    def moved(self, runs):
        """The first of the limits that was counted in every run, and how often; None: the relay shows no figures."""
        if not all(run.metrics for run in runs):
            return None
        for name in self.attack.limits:
            count = min(run.metrics.get(name, 0) for run in runs)
            if count > 0:
                return name, count
        return "none", 0

    def find_faults(self, options, runs):
        fine_us = SHORT_FINE_US * runs[0].slowness if options.short else FINE_US
        bound = max(WORSE_MAX * (self.calm_us or 0), fine_us)
        if any(run.sent == 0 for run in runs):
            yield "nothing was sent"
        if self.delivery < DELIVERY_MIN:
            yield "delivery"
        if self.p99_us is None or self.p99_us >= bound:
            yield "latency"
        if self.peak_kib - self.before_kib > self.attack.mib * 1024 * runs[0].memory_factor:
            yield "memory"
        if self.limit is not None and self.limit[1] == 0:
            yield "limit not reached"
        if any(run.attack is None or run.attack["actions"] == 0 for run in runs):
            yield "no attack took place"


def milliseconds(value):
    return "-" if value is None else f"{value / 1000:.2f}"


ROW = "{:31} {:>8} {:>7} {:>7} {:>7} {:>13}  {:20} {}"


def print_head(options):
    print(f"{PAIRS} honest pairs, {RATE} packets of {SIZE} bytes a second each and their echoes, beside one attack;")
    print(f"{options.rounds} x {options.duration:g} s each. Delivery is the lowest, p99 (one way) the median of the rounds,")
    print("inside what of it 99 % of all packets did not exceed within the relay, the attackers' too.")
    if options.short:
        print(f"A short run: p99 may be up to {SHORT_FINE_US / 1000:g} ms.")
    else:
        print(f"p99 must stay below {WORSE_MAX} times that without the attack; below {FINE_US / 1000:g} ms it is fine.")
    print(f"Delivery must be at least {DELIVERY_MIN:.1%}; memory is resident: at the start, at its peak, allowed growth.\n")
    print(ROW.format("attack", "delivery", "calm ms", "p99 ms", "inside", "memory MiB", "limit reached", "verdict"))


def print_row(verdict):
    memory = f"{verdict.before_kib / 1024:.1f} {verdict.peak_kib / 1024:4.1f} +{verdict.attack.mib}"
    if verdict.limit is None:
        limit = "no figures"
    else:
        limit = f"{verdict.limit[0].split('=')[-1].rstrip('}').removesuffix('_total')} {verdict.limit[1]:.0f}"
    print(
        ROW.format(
            verdict.attack.title,
            f"{verdict.delivery:.3%}",
            milliseconds(verdict.calm_us),
            milliseconds(verdict.p99_us),
            milliseconds(verdict.inside_us),
            memory,
            limit,
            "ok" if not verdict.faults else "FAILED: " + ", ".join(verdict.faults),
        ),
        flush=True,
    )


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", help="where toxtcp-relay and toxtcp-stress are (default: $top_builddir, or here)")
    parser.add_argument("--short", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (3; with --short 1)")
    parser.add_argument("--duration", type=float, help="measured seconds of each run (10; with --short 1.5)")
    parser.add_argument("--only", action="append", metavar="NAME", help="attacks of that name alone; can be repeated")
    parser.add_argument("--relay-option", action="append", default=[], metavar="OPTION", help="for toxtcp-relay")
    parser.add_argument("--json", metavar="FILE", help="the figures")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 3)
    options.duration = options.duration or (1.5 if options.short else 10)
    options.warmup = 0.5 if options.short else 4
    # Tests run beside others, on whatever core is free.
    options.relay_core = None if options.short else RELAY_CORE
    options.generator_core = None if options.short else GENERATOR_CORE
    return options


def write_json(path, verdicts):
    rows = [
        {
            "attack": verdict.attack.spec,
            "delivery": verdict.delivery,
            "calm_p99_us": verdict.calm_us,
            "p99_us": verdict.p99_us,
            "inside_p99_us": verdict.inside_us,
            "rss_start_kib": verdict.before_kib,
            "rss_peak_kib": verdict.peak_kib,
            "limit": verdict.limit,
            "generator_cpu_percent": verdict.generator,
            "faults": verdict.faults,
        }
        for verdict in verdicts
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=2)


def run(options):
    attacks = [attack for attack in ATTACKS if not options.only or attack.spec.split(":")[0] in options.only]
    calm = []
    runs = [[] for _ in attacks]
    print_head(options)
    for last in (turn == options.rounds - 1 for turn in range(options.rounds)):
        calm.append(measure(options))
        for attack, measured in zip(attacks, runs):
            measured.append(measure(options, attack))
            if last:
                print_row(Verdict(options, attack, calm, measured))
    if min(run.delivery for run in calm) < DELIVERY_MIN:
        raise Trouble("without an attack delivery is below the bound as well: the machine is too busy to say anything")
    verdicts = [Verdict(options, attack, calm, measured) for attack, measured in zip(attacks, runs)]
    if options.json:
        write_json(options.json, verdicts)
    return 1 if any(verdict.faults for verdict in verdicts) else 0


def main():
    options = read_options()
    clean_up_when_ended()
    try:
        options.build = build_directory(options.build)
        return run(options)
    except Trouble as trouble:
        print(f"attacks.py: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
