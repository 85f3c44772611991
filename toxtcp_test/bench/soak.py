#!/usr/bin/env python3
"""Half an hour in which clients come, talk and vanish: what the relay has at its end is what it had at its beginning.

SPDX-License-Identifier: ISC

A few clients stay all the time. The relay is looked at while these are alone: after a first short churn, when its
tables have their size, and after the long one. In between it is looked at every ten seconds. Exit status: 0 nothing has
grown, 1 something has, 2 it cannot be measured.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import stand

RESIDENTS = 8
REST_S = 60
SAMPLE_S = 10
# What may differ without being a leak: where the allocator has put things, and pages that it has not given back.
GROWTH = 0.05
GROWTH_KIB = 512


class Sample:
    """The relay at one moment."""

    def __init__(self, relay, started):
        with urllib.request.urlopen(relay.http + "/figures.json", timeout=10) as page:
            figures = json.load(page)
        self.seconds = time.monotonic() - started
        self.clients = figures["clients"]["confirmed"] + figures["clients"]["unconfirmed"]
        self.confirmed = figures["handshakes"]["confirmed"]
        self.packets = figures["relayed"]["data"]
        self.routes = figures["routes"]["online"] + figures["routes"]["offline"]
        self.queued = figures["output_bytes"]
        self.bad = sum(figures["refused"].values()) + sum(figures["closed"].values())
        self.p99_ms = 1000 * figures["recent"]["transit_p99_seconds"]
        self.rss_kib = relay.status_kib("VmRSS")
        self.descriptors = descriptors(relay)


def descriptors(relay):
    return len(os.listdir(f"/proc/{relay.pid}/fd"))


# --- Judging ---


def too_much(now, then):
    return now > then * (1 + GROWTH) + GROWTH_KIB


def judge_rest(before, after):
    """Complaints about the two moments with the same few clients."""
    complaints = []
    if after.descriptors != before.descriptors:
        complaints.append(f"{before.descriptors} descriptors before, {after.descriptors} after")
    for what in ("clients", "routes", "queued"):
        if getattr(after, what) != getattr(before, what):
            complaints.append(f"{what}: {getattr(before, what)} before, {getattr(after, what)} after")
    if too_much(after.rss_kib, before.rss_kib):
        complaints.append(f"resident with the same clients: {before.rss_kib} KiB before, {after.rss_kib} KiB after")
    return complaints


def judge_churn(samples):
    """Complaints about the time between: its last fifth against its second one."""
    fifth = len(samples) // 5
    if fifth == 0:
        return []
    early = statistics.median(sample.rss_kib for sample in samples[fifth : 2 * fifth])
    late = statistics.median(sample.rss_kib for sample in samples[-fifth:])
    if too_much(late, early):
        return [f"resident under churn: {early:.0f} KiB early, {late:.0f} KiB late"]
    return []


def judge_load(result):
    """Complaints about what the clients saw."""
    group = stand.group(result, "churn")
    complaints = [
        f"{group[what]} packets {what}"
        for what in ("lost", "duplicated", "reordered", "corrupted", "misdelivered")
        if group[what]
    ]
    if group["connects"]["failed"]:
        complaints.append(f"{group['connects']['failed']} connections failed: {group['connects']['failed_by_reason']}")
    if not group["connects"]["ok"]:
        complaints.append("nobody has connected")
    return complaints


# --- Showing ---


def show_head():
    print("  minute  clients  connects/s  packets/s  p99 ms  resident KiB  descriptors", flush=True)


def show(sample, last):
    span = sample.seconds - last.seconds
    print(
        f"{sample.seconds / 60:8.1f} {sample.clients:8} {(sample.confirmed - last.confirmed) / span:11.0f}"
        f" {(sample.packets - last.packets) / span:10.0f} {sample.p99_ms:7.2f} {sample.rss_kib:13} {sample.descriptors:12}",
        flush=True,
    )


def write_table(path, samples):
    with open(path, "w", encoding="ascii") as table:
        table.write("minute clients resident_KiB descriptors\n")
        for sample in samples:
            table.write(
                f"{sample.seconds / 60:.3f} {sample.clients} {sample.rss_kib} {sample.descriptors}\n"
            )


def draw(table, picture):
    """With gnuplot, when it is there."""
    if shutil.which("gnuplot") is None:
        print(f"no picture: gnuplot is missing; the numbers are in {table}")
        return
    subprocess.run(
        [
            "gnuplot",
            "-e",
            f"set terminal pngcairo size 800,400; set output '{picture}'; set key bottom right; set xlabel 'minutes';"
            "set ylabel 'MiB resident'; set y2label 'clients, descriptors'; set yrange [0:*]; set y2range [0:*];"
            "set y2tics; set ytics nomirror; set grid;"
            f"plot '{table}' skip 1 using 1:($3/1024) with lines lw 2 title 'resident',"
            f"'{table}' skip 1 using 1:2 axes x1y2 with lines title 'clients',"
            f"'{table}' skip 1 using 1:4 axes x1y2 with lines title 'descriptors'",
        ],
        check=True,
    )
    print(f"picture: {picture}")


# --- Running ---


def wait_alone(relay, started, want):
    """Until only those who stay are there, and the relay has as many descriptors as then (None: any number)."""
    deadline = time.monotonic() + REST_S
    sample = Sample(relay, started)
    while time.monotonic() < deadline:
        if sample.clients == RESIDENTS and want in (None, sample.descriptors):
            break
        time.sleep(1)
        sample = Sample(relay, started)
    return sample


def churn(options, relay, seconds, started, samples=None):
    """Runs that long. Returns what the clients saw; adds to the samples, when they are wanted, and shows one a minute."""
    scenario = f"churn:clients={options.clients},life={options.life},rate={options.rate}"
    load = stand.Load(options.build, relay, [scenario], seconds, core=None)
    last = Sample(relay, started)
    next_s = time.monotonic()
    while load.process.poll() is None:
        time.sleep(0.1)
        if time.monotonic() < next_s + SAMPLE_S:
            continue
        next_s += SAMPLE_S
        if samples is None:
            continue
        samples.append(Sample(relay, started))
        if samples[-1].seconds - last.seconds >= min(60, options.minutes * 6):
            show(samples[-1], last)
            last = samples[-1]
    return load.result()


def soak(options, relay):
    started = time.monotonic()
    samples = []
    total_s = 60 * options.minutes + options.first + 3 * REST_S
    stay = stand.Load(options.build, relay, [f"idle:clients={RESIDENTS}"], total_s, core=None)
    try:
        wait_alone(relay, started, None)
        churn(options, relay, options.first, started)
        wait_alone(relay, started, None)
        # Descriptors of what has just gone may still be there.
        time.sleep(2)
        before = Sample(relay, started)
        show_head()
        result = churn(options, relay, 60 * options.minutes, started, samples)
        after = wait_alone(relay, started, before.descriptors)
    finally:
        stay.discard()
    complaints = judge_rest(before, after) + judge_churn(samples) + judge_load(result)
    if after.bad != before.bad:
        complaints.append(f"{after.bad - before.bad} clients were refused or closed")
    if relay.sanitized():
        complaints = [complaint for complaint in complaints if not complaint.startswith("resident")]
    connects = stand.group(result, "churn")["connects"]["ok"]
    print(
        f"{connects} connections of {options.clients} clients at a time, {after.packets - before.packets} packets;"
        f" with {RESIDENTS} clients: {before.rss_kib} KiB and {before.descriptors} descriptors before,"
        f" {after.rss_kib} KiB and {after.descriptors} after"
    )
    write_table(options.table, [before, *samples, after])
    draw(options.table, options.picture)
    return complaints


def read_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--first", type=float, default=60, help="seconds of churn before the first look")
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--life", type=float, default=4, help="seconds that a client stays, on average")
    parser.add_argument("--rate", type=float, default=4, help="packets a second from each pair")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--build", help="where the programs are")
    parser.add_argument("--table", default="soak.txt")
    parser.add_argument("--picture", default="soak.png")
    return parser.parse_args(arguments)


def main():
    options = read_options(sys.argv[1:])
    try:
        options.build = stand.build_directory(options.build)
        with stand.OurRelay(options.build, core=None, threads=options.threads) as relay:
            complaints = soak(options, relay)
    except stand.Trouble as trouble:
        print(f"soak: {trouble}", file=sys.stderr)
        return 2
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    if not complaints:
        print("nothing has grown")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
